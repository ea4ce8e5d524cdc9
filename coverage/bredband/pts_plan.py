"""Everything that goes to PTS, from the tables of a run: the one call that a pipeline makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bredband.display import show
from bredband.pts import consultation_list, eligible_buildings, likely_projects, passed_aid
from bredband.pts_marks import near_function, plan_marks
from bredband.pts_rules import rules_of, rules_table

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from bredband_gis.quality import Finding

    from bredband.prices import Prices
    from bredband.pts_rules import PtsRules
    from bredband.settings_pts import PtsSettings


class Pts(NamedTuple):
    """What goes to PTS, and what the planner should know of it."""

    rules: PtsRules
    tables: dict[str, pd.DataFrame]
    """By the names of their schemas in ``tables_pts``."""
    findings: tuple[Finding, ...]

    def _repr_html_(self) -> str:
        return show(self)


def plan_pts(
    status: pd.DataFrame,
    areas: pd.DataFrame,
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    settings: PtsSettings,
    prices: Prices,
    later_connection: gpd.GeoDataFrame | None = None,
    functions: pd.DataFrame | None = None,
    nearby_m: float = 1000.0,
    plan_years: int | None = None,
    crs: object = "EPSG:3006",
    folder: Path | None = None,
    language: str = "sv",
) -> Pts:
    """Sort out buildings, make projects of the areas, mark, and draw the competition.

    Parameters
    ----------
    status : DataFrame
        ``tables.STATUS``.
    areas : DataFrame
        ``tables_areas.AREAS``.
    trench, reach : DataFrame
        ``tables.TRENCH`` and ``tables.REACH`` with ``area_id``.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``.
    settings : PtsSettings
        ``[pts]``.
    prices : Prices
        ``[prices]``; projects are priced in scope *passed* whatever the region's own.
    later_connection : GeoDataFrame, optional
        Polygons of areas of later connection.
    functions : DataFrame, optional
        x and y of societal functions.
    nearby_m : float
        A building this near a function is near it, m.
    plan_years : int, optional
        ``[definitions] plan_years``.
    crs : CRS, str or int
        Of x and y.
    folder : Path, optional
        What ``[pts] rules`` is relative to; the current folder when left out.
    language : {"sv", "en"}
        Of texts and findings.

    Returns
    -------
    Pts
        Tables pts_buildings, pts_exclusions, pts_exclusion_counts, pts_consultation, pts_rules,
        pts_marks, pts_competition, pts_mark_comparison and pts_calibration.

    Raises
    ------
    RulesError
        The rules cannot be read, or are not known for the year.
    MissingColumnError, BadValueError, NoCrsError, NotMetricError, WrongCrsError
        As :func:`bredband.pts.eligible_buildings` and :func:`bredband.pts.likely_projects`.
    """
    path = None if settings.rules is None else (folder or Path()) / settings.rules
    rules = rules_of(settings.year, path=path)
    listed = eligible_buildings(
        status, rules,
        later_connection=later_connection, plan_years=plan_years, crs=crs, language=language,
    )  # fmt: skip
    area_of = reach.set_index("premises_id")["area_id"]
    buildings = listed.buildings.assign(area_id=listed.buildings["premises_id"].map(area_of))
    buildings["near_function"] = near_function(buildings, functions, nearby_m=nearby_m)
    if "distance_to_fibre_m" in status:
        buildings["distance_to_fibre_m"] = np.asarray(status["distance_to_fibre_m"], dtype=float)
    projects = likely_projects(
        areas, buildings, rules,
        aid=passed_aid(trench, reach, status, prices), aid_share=settings.aid_share,
        min_aid_sek=settings.min_aid_sek, landsdel=settings.landsdel,
    )  # fmt: skip
    plan = plan_marks(buildings, projects, rules, settings, language=language)
    tables = {
        "pts_buildings": listed.buildings,
        "pts_exclusions": listed.exclusions,
        "pts_exclusion_counts": listed.counts,
        "pts_consultation": consultation_list(
            listed.buildings, municipalities, rules, crs=crs, language=language
        ),
        "pts_rules": rules_table(rules),
        "pts_marks": plan.marks,
        "pts_competition": plan.competition,
        "pts_mark_comparison": plan.comparison,
        "pts_calibration": plan.calibration,
    }
    return Pts(rules, tables, (*listed.findings, *plan.findings))
