"""Which tables of a result may be shown, and with what few households give away left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import geopandas as gpd
import pandas as pd

from bredband.publication import (
    CELL_M,
    MIN_HOUSEHOLDS,
    generalise_polygons,
    hide_small_areas,
)
from bredband.stored import is_public
from bredband.tables import AID_COLOURS

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC_TABLES: Final = (
    "coverage", "technology", "state_aid", "standing", "goals", "mobile", "population", "cost",
    "share_summary", "goal_cost", "last_resort", "intervals", "tornado", "priority_areas",
    "scores", "motivations", "robustness", "flips", "choice", "choice_payments",
    "choice_summary", "nested", "nested_areas", "years", "years_summary", "pts_projects",
    "pts_competition", "pts_exclusion_counts", "pts_mark_comparison", "pts_calibration",
    "pts_rules", "road_components", "municipalities", "localities", "deso",
)  # fmt: skip
"""Tables without single buildings and without routes."""

_OPEN: Final = frozenset({
    "area_id", "plan", "municipality_code", "chosen", "reason", "needs_area_id", "paid_by",
    "budget", "from_budget_sek", "year", "rank", "rank_p10", "rank_p50", "rank_p90",
    "best_rank", "worst_rank", "draws", "chosen_share", "criterion", "unit", "weight", "missing",
    "next_area_id", "flip_weight", "change", "setting", "at_budget", "landsdel", "provenance",
})  # fmt: skip
"""Columns about a build area that tell nothing of how few live there."""


def shown_tables(
    tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """Give the tables of a result as its audience may see them.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        A run's tables by name, as ``stored.read_tables`` gives them.
    manifest : mapping
        The run's; ``[publication]`` says who the audience is.

    Returns
    -------
    dict of DataFrame
        All of them when internal. When public those of ``PUBLIC_TABLES``: a locality's or a
        DeSO's figures are empty where they count few households, so are those of build areas
        with few, everywhere; areas are made of cells, with a column ``hidden``.
    """
    if not is_public(manifest):
        return dict(tables)
    few = min_households(manifest)
    shown = {name: tables[name] for name in PUBLIC_TABLES if name in tables}
    if "priority_areas" not in shown:
        return {name: hide_few(table, few) for name, table in shown.items()}
    areas = shown.pop("priority_areas")
    small = frozenset(areas.loc[areas["households"] < few, "area_id"])
    found = {name: hide_few(_hide_areas(table, small), few) for name, table in shown.items()}
    found["priority_areas"] = _public_areas(areas, manifest)
    return {name: found[name] for name in PUBLIC_TABLES if name in found}


def seen_by(manifest: Mapping[str, Any], detail: Literal["public", "internal"]) -> dict[str, Any]:
    """Give a run's manifest as if it were for another audience."""
    settings = dict(manifest.get("settings", {}))
    settings["publication"] = {**settings.get("publication", {}), "detail": detail}
    return {**manifest, "settings": settings}


def min_households(manifest: Mapping[str, Any]) -> int:
    """Give the number of households below which figures are not shown."""
    return int(_settings(manifest).get("min_households", MIN_HOUSEHOLDS))


def cell_m(manifest: Mapping[str, Any]) -> float:
    """Give the side of the cells that are shown to others, m."""
    return float(_settings(manifest).get("cell_m", CELL_M))


def _settings(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = manifest.get("settings", {}).get("publication", {})
    return settings


def hide_few(table: pd.DataFrame, few: int) -> pd.DataFrame:
    """Leave out what few households have, in localities and DeSO.

    Parameters
    ----------
    table : DataFrame
        Any table; one without ``area_kind`` and ``total`` is as it was.
    few : int
        Rows of localities and DeSO that count fewer, and somebody, are hidden.

    Returns
    -------
    DataFrame
        The counts of those served and the shares are empty there; the total stays.
        Municipalities and larger areas are exact, as PTS publishes them.
    """
    if not {"area_kind", "total"} <= set(table.columns):
        return table
    hidden = table["area_kind"].isin(("locality", "deso")) & table["total"].between(1, few - 1)
    columns = [c for c in ("served", "share", "missing", "reached", *AID_COLOURS) if c in table]
    return _mask(table, hidden, columns) if hidden.any() else table


def _hide_areas(table: pd.DataFrame, small: frozenset[str]) -> pd.DataFrame:
    """Leave out what tells how few live in the build areas with few households."""
    if "area_id" not in table or not small:
        return table
    hidden = table["area_id"].isin(small)
    columns = [str(name) for name in table.columns if name not in _OPEN]
    return _mask(table, hidden, columns) if hidden.any() else table


def _mask(table: pd.DataFrame, hidden: pd.Series[bool], columns: list[str]) -> pd.DataFrame:
    kinds = {name: str(table[name].dtype) for name in columns}
    nullable = {"int64": "Int64", "bool": "boolean"}
    table = table.astype({name: nullable[kind] for name, kind in kinds.items() if kind in nullable})
    table.loc[hidden, columns] = pd.NA
    return table


def _public_areas(areas: pd.DataFrame, manifest: Mapping[str, Any]) -> pd.DataFrame:
    few = min_households(manifest)
    if not isinstance(areas, gpd.GeoDataFrame):
        bare = gpd.GeoDataFrame(areas, geometry=[None] * len(areas))
        return pd.DataFrame(hide_small_areas(bare, few).drop(columns="geometry"))
    shapes = generalise_polygons(
        areas.geometry, areas["households"], cell_m=cell_m(manifest), min_households=few
    )
    shown: pd.DataFrame = hide_small_areas(areas.set_geometry(shapes), few)
    return shown
