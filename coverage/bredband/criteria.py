"""What build areas can be compared by: each criterion a formula on the columns of an area.

A criterion is a number per area, with a unit and a direction. How the number becomes a
value, and what it weighs, is the planner's choice in ``[[priority.criteria]]``.

>>> criteria_table("en")[["criterion", "label", "unit", "better"]]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
from bredband_gis.errors import MissingColumnError
from numpy.typing import NDArray

from bredband.tables import ACCEPTED, need_columns
from bredband.text import read_words

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]
Columns = Mapping[str, Floats]
"""Columns of the areas that trench reaches, each of shape (areas, 1) or (areas, draws)."""

Unit = Literal["number", "SEK", "m", "share"]
Better = Literal["more", "less"]
Filled = Literal["mean", "worst", "leave_out"]


@dataclass(frozen=True)
class Definition:
    """A criterion.

    Attributes
    ----------
    name : str
        As in ``[[priority.criteria]]``.
    unit : {"number", "SEK", "m", "share"}
        Of its number.
    better : {"more", "less"}
        Whether more or less of it ranks an area higher, unless the planner says otherwise.
    needs : tuple of str
        Columns of the areas that the formula reads.
    source : str
        Layer in ``[sources]`` without which there is no number; empty where it needs none.
    missing : {"mean", "worst"}
        What stands in for a missing number unless the planner says otherwise: what is per
        household is at its worst where there are none.
    formula : callable
        Columns -> array of shape (areas, 1) or (areas, draws), NaN where there is no number.
    """

    name: str
    unit: Unit
    better: Better
    needs: tuple[str, ...]
    source: str
    missing: Filled
    formula: Callable[[Columns], Floats]

    def number(self, areas: pd.DataFrame) -> pd.Series[float]:
        """Give the criterion's number of every area, by the areas' index.

        Parameters
        ----------
        areas : DataFrame
            ``tables_areas.AREAS``.

        Returns
        -------
        Series of float
            NaN where the area has no number, and where no trench reaches it.

        Raises
        ------
        MissingColumnError
            The columns that the formula reads are not there or hold nothing.
        """
        reached = areas["reached"].to_numpy(dtype=bool)
        found = np.full(len(areas), np.nan)
        found[reached] = self.formula(read_columns(areas[reached], [self]))[:, 0]
        return pd.Series(found, index=areas.index, name=self.name)


CRITERIA: Final[dict[str, Definition]] = {}
"""Every criterion by its name."""


def _criterion(
    name: str,
    unit: Unit,
    better: Better,
    *needs: str,
    source: str = "",
    missing: Filled = "mean",
) -> Callable[[Callable[[Columns], Floats]], Callable[[Columns], Floats]]:
    """Enter a formula in the register."""

    def enter(formula: Callable[[Columns], Floats]) -> Callable[[Columns], Floats]:
        CRITERIA[name] = Definition(name, unit, better, needs, source, missing, formula)
        return formula

    return enter


# --- the criteria ----------------------------------------------------------------------


@_criterion("households", "number", "more", "households")
def _households(area: Columns) -> Floats:
    """Count unserved households: the connections that can be made (Skåne 2020, F)."""
    return area["households"]


@_criterion("workplaces", "number", "more", "workplaces")
def _workplaces(area: Columns) -> Floats:
    """Count unserved workplaces: businesses weighed in (Värmland 2020, F)."""
    return area["workplaces"]


@_criterion("functions", "number", "more", "functions", source="functions")
def _functions(area: Columns) -> Floats:
    """Count societal functions inside or nearby (a criterion of PTS, F)."""
    return area["functions"]


@_criterion(
    "support_per_household", "SEK", "less", "gap_sek", "households", missing="worst"
)  # fmt: skip
def _support_per_household(area: Columns) -> Floats:
    """Divide max(gap, 0) by households: no area pays for another (I)."""
    return _each(_support(area), area["households"])


@_criterion("support_per_premises", "SEK", "less", "gap_sek", "premises", missing="worst")
def _support_per_premises(area: Columns) -> Floats:
    """Divide max(gap, 0) by buildings: PTS ranks on aid per building (F).

    PTS leaves holiday homes out of the buildings; here those that are built to count.
    """
    return _each(_support(area), area["premises"])


@_criterion(
    "capex_per_household", "SEK", "less", "capex_sek", "households", missing="worst"
)  # fmt: skip
def _capex_per_household(area: Columns) -> Floats:
    """Divide capex by households (I)."""
    return _each(area["capex_sek"], area["households"])


@_criterion("capex_per_premises", "SEK", "less", "capex_sek", "premises", missing="worst")
def _capex_per_premises(area: Columns) -> Floats:
    """Divide capex by buildings (I)."""
    return _each(area["capex_sek"], area["premises"])


@_criterion("distance_to_fibre", "m", "more", "distance_to_fibre_m")
def _distance_to_fibre(area: Columns) -> Floats:
    """Take the median way along new trench: long distances first (Värmland 2020, F)."""
    return area["distance_to_fibre_m"]


@_criterion("spacing", "m", "more", "spacing_m")
def _spacing(area: Columns) -> Floats:
    """Take the mean distance to the nearest building: sparse areas first (Värmland 2020, F)."""
    return area["spacing_m"]


@_criterion("outside_localities", "share", "more", "outside_share", source="localities")
def _outside_localities(area: Columns) -> Floats:
    """Take the share of households outside localities, where PTS gives support (F; weighing I)."""
    return area["outside_share"]


@_criterion("expected_takeup", "share", "more", "expected_takeup", source="offers")
def _expected_takeup(area: Columns) -> Floats:
    """Take accepted offers / offers: beräknad anslutningsgrad came first in Skåne 2020 (F)."""
    return area["expected_takeup"]


@_criterion("breakeven_takeup", "share", "less", "breakeven_takeup", missing="worst")
def _breakeven_takeup(area: Columns) -> Floats:
    """Take the take-up at which the gap is 0; thresholds of 0.7 and 0.4 are in use (F)."""
    return area["breakeven_takeup"]


@_criterion("municipality_coverage", "share", "less", "municipality_coverage")
def _municipality_coverage(area: Columns) -> Floats:
    """Take the municipality's share passed: a low one is a challenge (PTS-ER-2022:29, F)."""
    return area["municipality_coverage"]


@_criterion(
    "special_challenges", "number", "more", "municipality_coverage", "gap_sek", "premises"
)  # fmt: skip
def _special_challenges(area: Columns) -> Floats:
    """Count challenges, 0 to 2: low coverage, much support per building (PTS-ER-2022:29, F).

    Low and much are beside the median of the areas that have both numbers (I).
    """
    coverage, support = np.broadcast_arrays(
        area["municipality_coverage"], _support_per_premises(area)
    )
    there = ~(np.isnan(coverage) | np.isnan(support))
    known = there.all(axis=1)
    if not known.any():
        return np.full(coverage.shape, np.nan)
    low = coverage < np.median(coverage[known], axis=0)
    much = support > np.median(support[known], axis=0)
    return np.where(there, low * 1.0 + much, np.nan)


@_criterion("planned_nearby", "number", "more", "planned_nearby", source="plans")
def _planned_nearby(area: Columns) -> Floats:
    """Count planned buildings nearby: works can be coordinated (Värmland 2020, F)."""
    return area["planned_nearby"]


@_criterion("holiday_homes", "share", "more", "holiday_homes", "households")
def _holiday_homes(area: Columns) -> Floats:
    """Divide holiday homes by holiday homes and households: information (Värmland 2020, F)."""
    return _each(area["holiday_homes"], area["holiday_homes"] + area["households"])


@_criterion("no_mobile_households", "number", "more", "no_mobile_households", source="mobile")
def _no_mobile_households(area: Columns) -> Floats:
    """Count households that have no mobile coverage to fall back on (I)."""
    return area["no_mobile_households"]


def _support(area: Columns) -> Floats:
    return np.maximum(area["gap_sek"], 0.0)


def _each(amount: Floats, number: Floats) -> Floats:
    """Divide; nobody to divide among gives no number."""
    amount, number = np.broadcast_arrays(amount, number)
    found: Floats = np.full(amount.shape, np.nan)
    np.divide(amount, number, out=found, where=number > 0)
    return found


# --- their columns and words -----------------------------------------------------------


def read_columns(areas: pd.DataFrame, wanted: Sequence[Definition]) -> dict[str, Floats]:
    """Give the columns that criteria read, as arrays.

    Parameters
    ----------
    areas : DataFrame
        Rows of ``tables_areas.AREAS`` that trench reaches.
    wanted : sequence of Definition
        The criteria.

    Returns
    -------
    dict
        Column -> array of float, shape (areas, 1), NaN where empty.

    Raises
    ------
    MissingColumnError
        A column is not there, or one that needs a source is empty for every area. The
        message names the source.
    """
    found: dict[str, Floats] = {}
    for one in wanted:
        lacking = [name for name in one.needs if name not in areas]
        empty = bool(one.source) and len(areas) > 0 and not lacking
        empty = empty and bool(areas[list(one.needs)].isna().all(axis=None))
        if one.source and (lacking or empty):
            msg = f"criterion {one.name} has no numbers"
            fix = (
                f"give [sources.{one.source}] in region.toml, or take {one.name} out of"
                " [[priority.criteria]]"
            )
            raise MissingColumnError(msg, where="areas", fix=fix)
        need_columns(areas, one.needs, where="areas")
        for name in one.needs:
            column = areas[name].to_numpy(dtype=np.float64, na_value=np.nan)
            found[name] = column[:, None]
    return found


def describe_surroundings(
    areas: pd.DataFrame, coverage: pd.DataFrame, premises: pd.DataFrame, *, speed_mbit: int
) -> pd.DataFrame:
    """Add what the statistics and offers say of an area and the municipality that it lies in.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS``.
    coverage : DataFrame
        ``tables.STATISTICS``.
    premises : DataFrame
        ``tables.STATUS`` with ``area_id``, for the offers of the areas' own buildings.
    speed_mbit : int
        Download speed that the municipality's share is for.

    Returns
    -------
    DataFrame
        The areas with ``municipality_coverage``, the share of the municipality's households
        that are connected or passed, and ``expected_takeup``, households that accepted an
        offer / households that got one: in the area itself, else in the municipality, else
        empty.
    """
    rows = coverage[
        (coverage["area_kind"] == "municipality")
        & (coverage["base"] == "households")
        & (coverage["segment"] == "total")
        & (coverage["speed_mbit"] == speed_mbit)
    ]
    share = {
        measure: part.set_index("area_code")["share"] for measure, part in rows.groupby("measure")
    }
    none = pd.Series(dtype="float64")
    code = areas["municipality_code"]
    takeup = code.map(share.get(ACCEPTED, none)).astype("float64")
    offers = ["offered_households", "accepted_households"]
    if set(offers) <= set(premises):
        own = premises.groupby("area_id")[offers].sum().reindex(areas["area_id"])
        offered, accepted = (own[name].to_numpy(np.float64, na_value=0.0) for name in offers)
        asked = offered > 0
        takeup = takeup.mask(asked, np.divide(accepted, offered, where=asked, out=offered * 0.0))
    return areas.assign(
        municipality_coverage=code.map(share.get("passed", none)).astype("float64"),
        expected_takeup=takeup,
    )


def criteria_words(language: str) -> dict[str, dict[str, str]]:
    """Give the words of criteria and motivations by section and key.

    Parameters
    ----------
    language : {"sv", "en"}
        Swedish or English.
    """
    return read_words("criteria", language)


def criteria_table(language: str = "sv") -> pd.DataFrame:
    """List every criterion for the reader.

    Parameters
    ----------
    language : {"sv", "en"}
        Of label, description and basis.

    Returns
    -------
    DataFrame
        criterion, label, unit, better, description, basis (who uses it, with the mark F or I)
        and source (the layer in ``[sources]`` that it needs).
    """
    said = criteria_words(language)
    rows: list[dict[str, Any]] = [
        {
            "criterion": one.name,
            "label": said[one.name]["label"],
            "unit": said["unit"][one.unit],
            "better": said["better"][one.better],
            "description": said[one.name]["description"],
            "basis": said[one.name]["basis"],
            "source": one.source,
        }
        for one in CRITERIA.values()
    ]
    return pd.DataFrame(rows).astype("str")
