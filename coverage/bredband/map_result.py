"""The map drawn anew from a finished result: another audience or language, change, networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast

import pandas as pd
from bredband_gis.errors import GeodataError, UnreadableSourceError
from bredband_gis.store import MANIFEST, first_line

from bredband.maps import coverage_map
from bredband.motivations import explain_areas
from bredband.priorities import budget_sets
from bredband.region import Publication
from bredband.stored import is_public
from bredband.tables import least_certain
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from bredband_gis.webmap import WebMap

    from bredband.deliveries import Change
    from bredband.text import Language

DRAWN: Final = (
    "municipalities", "coverage", "premises", "trench", "priority_areas", "cost", "localities",
    "shares", "choice", "nested", "nested_areas", "background",
)  # fmt: skip
"""Tables of a result that its map is drawn from; only the first two must be there."""


def result_map(
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    *,
    detail: Literal["public", "internal"] | None = None,
    language: Language | None = None,
    changed: Change | None = None,
    stretches: gpd.GeoDataFrame | None = None,
    straight: bool = False,
    background: Literal["online"] | None = None,
) -> WebMap:
    """Draw the map of a finished result.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        From ``stored.read_tables``, by the names in ``DRAWN``. A table that is not there
        leaves its layers out.
    manifest : mapping
        ``manifest.json``: name, year, settings, and what the inputs are.
    detail : {"public", "internal"}, optional
        Audience; without it as the result's own map.
    language : {"sv", "en"}, optional
        Of the page; without it the result's. Motivations are told anew in another language;
        reasons per building are not kept in two and are then left out.
    changed : Change, optional
        From ``deliveries.compare_runs`` with this result as the later one.
    stretches : GeoDataFrame, optional
        From ``stored.read_stretches``.
    straight : bool
        Whether these are straight links.
    background : {"online"}, optional
        As in :func:`bredband.maps.coverage_map`.

    Returns
    -------
    WebMap
        ``save`` writes it as one file.

    Raises
    ------
    MissingColumnError
        A table lacks a column.
    GeodataError
        There are no municipalities or no coverage, or the manifest says too little.
    """
    for name in DRAWN[:2]:
        if name not in tables:
            msg = f"the result has no table {name}"
            raise GeodataError(msg, where="map", fix="run the region again: bredband run FOLDER")
    try:
        settings = manifest["settings"]
        own = str(settings["region"].get("language", "sv"))
        name, year = str(manifest["region"]), int(settings["region"]["year"])
        target = int(settings["definitions"]["target_speed_mbit"])
        published = Publication.model_validate(settings["publication"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"the manifest does not tell what a map needs ({first_line(error)})"
        raise UnreadableSourceError(
            msg, where=MANIFEST, fix="run the region again: bredband run FOLDER"
        ) from None
    spoken = cast("Language", language or own)
    shown: Literal["public", "internal"] = detail or (
        "public" if is_public(manifest) else "internal"
    )
    files = list(manifest.get("inputs", []))
    status, areas = tables.get("premises"), tables.get("priority_areas")
    if spoken != own:
        status = None if status is None else status.drop(columns="reason", errors="ignore")
        areas = None if areas is None else _told_in(areas, tables.get("scores"), spoken)
    return coverage_map(
        cast("gpd.GeoDataFrame", tables["municipalities"]),
        tables["coverage"],
        status=status,
        trench=cast("gpd.GeoDataFrame | None", tables.get("trench")),
        areas=cast("gpd.GeoDataFrame | None", areas),
        cost=tables.get("cost"),
        localities=cast("gpd.GeoDataFrame | None", tables.get("localities")),
        orientation=cast("gpd.GeoDataFrame | None", tables.get("background")),
        shares=tables.get("shares"),
        budgets=budget_sets(tables, words(spoken)),
        change=None if changed is None else changed.table,
        changed=None if changed is None else changed.premises,
        since=None if changed is None else _name_earlier(changed),
        caveats=() if changed is None else _caveats(changed),
        stretches=stretches,
        straight=straight,
        region_name=name,
        year=year,
        target_speed_mbit=target,
        publication=published.model_copy(update={"detail": shown}),
        language=spoken,
        files=files,
        provenance=_provenance(files),
        background=background,
    )


def _told_in(areas: pd.DataFrame, scores: pd.DataFrame | None, language: Language) -> pd.DataFrame:
    """Give the areas with their motivation in another language, or without one."""
    bare = areas.drop(columns="motivation", errors="ignore")
    if scores is None or "motivation" not in areas or not {"score", "rank"} <= set(areas):
        return bare
    told = explain_areas(pd.DataFrame(bare), scores, language=language).areas
    return areas.assign(motivation=areas["area_id"].map(told.set_index("area_id")["motivation"]))


def _name_earlier(changed: Change) -> str:
    before, after = changed.before, changed.after
    return str(before.year) if before.year != after.year else before.name


def _caveats(changed: Change) -> list[str]:
    return [" ".join(part for part in (one.message, one.fix) if part) for one in changed.warnings]


def _provenance(files: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Say of each source layer how sure it is: as the least certain of its files."""
    marks: dict[str, list[str]] = {}
    for file in files:
        marks.setdefault(str(file["layer"]), []).append(str(file["provenance"]))
    return {layer: least_certain(said) for layer, said in marks.items()}
