"""PTS's list of buildings: which of them support can be sought for, and why the rest not.

The rules of the year come from :mod:`bredband.pts_rules`. A building is excluded where it
holds nothing, lies in a locality (tätort), has a wired network at the threshold speed, is
passed by one, has a credible plan of one, or lies in an area of later connection.

What is *existing* at the threshold: PTS asks for access to infrastructure that reliably gives
100 Mbit/s (2022, F). Counted here is the fastest **wired** connection (fixed radio counts for
PTS only where dedicated and dimensioned, F 2020, which the data do not tell: it does not
exclude), and a building that is **passed**, since the support itself builds no farther than to
there (I). Passed is judged as in [definitions] proximity_m, for which no official distance was
found (U): the reason names it apart, so that the region can look at these buildings first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from bredband_gis.crs import metric_crs, transform_points
from bredband_gis.errors import BadValueError, NoCrsError
from bredband_gis.points import locate
from bredband_gis.quality import Finding

from bredband.columns import dealt
from bredband.cost import REACHED, add_capex, connect, fund
from bredband.display import show
from bredband.placed import check_same_crs
from bredband.pts_rules import LAYER, pts_words
from bredband.tables import need_columns
from bredband.tables_pts import BUILDING_KINDS, EXCLUSION_REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bredband.prices import Prices
    from bredband.pts_rules import PtsRules

    Bools = NDArray[np.bool_]

_READ: Final = (
    "premises_id", "x", "y", "municipality_code", "households", "workplaces", "holiday_homes",
    "segment", "speed_mbit", "passed_speed_mbit", "planned_speed_mbit",
)  # fmt: skip


class Eligible(NamedTuple):
    """Which buildings support can be sought for, and why the others not."""

    buildings: pd.DataFrame
    """``tables_pts.PTS_BUILDINGS``, rows and order of the status table."""
    exclusions: pd.DataFrame
    """``tables_pts.EXCLUSIONS``."""
    counts: pd.DataFrame
    """``tables_pts.EXCLUSION_COUNTS``."""
    findings: tuple[Finding, ...]
    """What could not be judged."""

    def _repr_html_(self) -> str:
        return show(self)


def eligible_buildings(
    status: pd.DataFrame,
    rules: PtsRules,
    *,
    later_connection: gpd.GeoDataFrame | None = None,
    counties: Mapping[str, str] | None = None,
    plan_years: int | None = None,
    crs: object = None,
    language: str = "sv",
) -> Eligible:
    """Sort out the buildings that support can be sought for, by the rules of the year.

    Parameters
    ----------
    status : DataFrame or GeoDataFrame
        ``tables.STATUS``.
    rules : PtsRules
        From :func:`bredband.pts_rules.rules_of`.
    later_connection : GeoDataFrame, optional
        Polygons of areas of later connection (efteranslutning), in the CRS of ``status``; a
        building on the border is inside. None: the rule is not applied, and that is said.
    counties : mapping of str to str, optional
        Municipality code = county code; the code's first two digits when left out (Sweden).
    plan_years : int, optional
        ``[definitions] plan_years`` that ``planned_speed_mbit`` was judged with; a finding says
        where it differs from the rules'.
    crs : CRS, str or int, optional
        CRS of x and y where ``status`` has no geometry; needed with ``later_connection``.
    language : {"sv", "en"}
        Of reasons and findings.

    Returns
    -------
    Eligible
        A building with several reasons names the first, in the order of
        ``tables_pts.EXCLUSION_REASONS``; ``exclusions`` has them all. A building of which it is
        not known whether it lies in a tätort is judged by the other rules, has
        ``locality_known`` False and is counted in a finding.

    Raises
    ------
    MissingColumnError
        A column of ``status`` is missing.
    NoCrsError, NotMetricError, WrongCrsError
        ``later_connection`` and the buildings are not in the same metric CRS.
    """
    need_columns(status, _READ, "status")
    said = pts_words(language)["reason"]
    holds = _excluded(status, rules, _inside(status, later_connection, crs))
    if not rules.later_connection_excluded:
        holds["later_connection"][:] = False
    matrix = np.column_stack([holds[name] for name in EXCLUSION_REASONS])
    first = np.where(matrix.any(axis=1), matrix.argmax(axis=1), len(EXCLUSION_REASONS))
    eligible = first == len(EXCLUSION_REASONS)
    lives, works = (status[name].to_numpy() > 0 for name in ("households", "workplaces"))
    kind = np.select([lives, works, ~holds["empty"]], [0, 1, 2], default=3)
    texts = [
        said[name].format(mbit=f"{rules.threshold_mbit:g}", years=rules.plan_years)
        for name in EXCLUSION_REASONS
    ]
    code = status["municipality_code"].astype("str")
    county = code.str[:2] if counties is None else code.map(counties).fillna("").astype("str")
    held = ["premises_id", "x", "y", "municipality_code", "households", "workplaces",
            "holiday_homes"]  # fmt: skip
    known = status["segment"].notna()
    buildings = pd.DataFrame(
        {
            **{name: status[name] for name in held},
            "county_code": county,
            "kind": dealt(kind, BUILDING_KINDS),
            "segment": status["segment"],
            "eligible": eligible,
            "in_base": eligible & (lives | works),
            "locality_known": known,
            "reason": dealt(first, (*EXCLUSION_REASONS, None)),
            "reason_text": dealt(first, (*texts, None)),
        },
        index=status.index,
    )
    row, reason = np.nonzero(matrix)
    exclusions = pd.DataFrame(
        {
            "premises_id": status["premises_id"].astype("str").array.take(row),
            "municipality_code": code.array.take(row),
            "kind": dealt(kind[row], BUILDING_KINDS),
            "reason": dealt(reason, EXCLUSION_REASONS),
            "first": first[row] == reason,
            "reason_text": dealt(reason, texts),
        }
    )
    counts = _counts(buildings, matrix, first, [*texts, said["eligible"]])
    unjudged = ~known.to_numpy() & eligible
    findings = _findings(
        status, eligible, unjudged, rules,
        areas_given=later_connection is not None, plan_years=plan_years, language=language,
    )  # fmt: skip
    return Eligible(buildings, exclusions, counts, tuple(findings))


def consultation_list(
    buildings: pd.DataFrame,
    municipalities: pd.DataFrame,
    rules: PtsRules,
    *,
    crs: object = "EPSG:3006",
    language: str = "sv",
) -> pd.DataFrame:
    """List the eligible buildings for the public consultation, and what the market is asked.

    Nothing is said of who lives or works in a building. Coordinates are whole metres in
    SWEREF 99 TM, as in PTS's own list (F).

    Parameters
    ----------
    buildings : DataFrame
        ``tables_pts.PTS_BUILDINGS``.
    municipalities : DataFrame
        municipality_code, municipality_name.
    rules : PtsRules
        Threshold speed and horizon of the question.
    crs : CRS, str or int
        CRS of x and y.
    language : {"sv", "en"}
        Of the question.

    Returns
    -------
    DataFrame
        ``tables_pts.CONSULTATION``, by municipality and building id.
    """
    listed = buildings[buildings["eligible"]]
    east, north = transform_points(listed["x"], listed["y"], crs, "EPSG:3006")
    names = municipalities.set_index("municipality_code")["municipality_name"]
    asked = pts_words(language)["asked"]["question"].format(
        mbit=f"{rules.threshold_mbit:g}", years=rules.plan_years
    )
    made = pd.DataFrame(
        {
            "building_id": listed["premises_id"].astype("str"),
            "n_3006": np.rint(north).astype("int64"),
            "e_3006": np.rint(east).astype("int64"),
            "municipality_code": listed["municipality_code"].astype("str"),
            "municipality": listed["municipality_code"].map(names).fillna("").astype("str"),
            "county_code": listed["county_code"].astype("str"),
            "household_or_workplace": listed["in_base"],
            "asked": dealt(np.zeros(len(listed), dtype=np.int32), [asked]),
        }
    )
    return made.sort_values(["municipality_code", "building_id"], ignore_index=True)


def passed_aid(
    trench: pd.DataFrame, reach: pd.DataFrame, status: pd.DataFrame, prices: Prices
) -> pd.Series[float]:
    """Give what it costs to build each area to the plot boundaries, as PTS's support has it.

    The price book's scope is set to *passed*, whatever the region's own: no drop, no equipment
    at the customer, and nobody who connects pays anything (I; the support is for homes passed,
    up to all of the cost, F).

    Parameters
    ----------
    trench : DataFrame
        ``tables.TRENCH`` with ``area_id``.
    reach : DataFrame
        ``tables.REACH`` with ``area_id``.
    status : DataFrame
        ``tables.STATUS``.
    prices : Prices
        ``[prices]`` of region.toml.

    Returns
    -------
    Series of float64
        SEK by area_id; 0 where everything costs nothing or less.
    """
    passed = prices.model_copy(update={"scope": "passed"})
    columns = ["premises_id", "households", *({"segment"} & set(status))]
    held = connect(reach.merge(status[columns], on="premises_id", how="left"), passed)
    met = held[held["reach"].isin(REACHED)].assign(premises=1)
    summed = ["premises", "households", "drop_sek", "connections", "lines"]
    areas: pd.DataFrame = met.groupby("area_id")[summed].sum()
    laid = trench.groupby("area_id")
    areas["trench_m"] = laid["length_m"].sum()
    areas["trench_sek"] = laid["cost_sek"].sum()
    areas = areas.fillna({"trench_m": 0.0, "trench_sek": 0.0})
    funded = fund(add_capex(areas, passed, premises="premises"), passed, households="households")
    return funded["gap_sek"].clip(lower=0).rename("aid_sek")


def likely_projects(
    areas: pd.DataFrame,
    buildings: pd.DataFrame,
    rules: PtsRules,
    *,
    aid: pd.Series[float] | None = None,
    aid_share: float = 1.0,
    min_aid_sek: float = 0.0,
    landsdel: str | None = None,
) -> pd.DataFrame:
    """Make a likely project of each build area that has eligible buildings and needs aid.

    A project picks its buildings freely (F): it takes the area's eligible ones, and applies for
    ``aid_share`` of the area's cost in proportion to them, ``cost x eligible / all`` of the
    area's household and workplace buildings (U: what is left out is taken to cost as much as
    the rest). An area that hangs on another's trench is priced without it: its project takes
    for granted that the other is built (U).

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS``; ``rank`` and ``score`` follow along where they are there.
    buildings : DataFrame
        ``tables_pts.PTS_BUILDINGS`` with ``area_id``.
    rules : PtsRules
        Which county lies in which landsdel.
    aid : Series, optional
        SEK by area_id, from :func:`passed_aid`. Left out, the areas' ``gap_sek`` where positive,
        which fits PTS's support only where the prices' scope is *passed*.
    aid_share : float
        Share of the cost that is applied for (up to 1: F).
    min_aid_sek : float
        An area that needs no more than this is no project, SEK.
    landsdel : str, optional
        Where all of them compete; by county when left out.

    Returns
    -------
    DataFrame
        ``tables_pts.PTS_PROJECTS``, by area_id.

    Raises
    ------
    MissingColumnError
        A column is missing.
    BadValueError
        A county lies in no landsdel.
    """
    need_columns(areas, ("area_id", "municipality_code", "reached", "gap_sek"), "areas")
    need_columns(buildings, ("area_id", "in_base", "kind", "households", "workplaces"), "buildings")
    counted = buildings["kind"].isin(("household", "workplace"))
    base = buildings[buildings["in_base"]].groupby("area_id")
    held = pd.DataFrame(
        {
            "base_buildings": base.size(),
            "households": base["households"].sum(),
            "workplaces": base["workplaces"].sum(),
            "everything": buildings[counted].groupby("area_id").size(),
        }
    ).dropna()
    keep = ["area_id", "municipality_code", *({"rank", "score"} & set(areas))]
    cost = areas["gap_sek"] if aid is None else areas["area_id"].map(aid)
    rows = areas[keep].assign(cost=cost.astype("float64"))[areas["reached"].astype(bool)]
    rows = rows.merge(held, left_on="area_id", right_index=True, how="inner")
    applied = aid_share * rows["cost"] * rows["base_buildings"] / rows["everything"]
    rows = rows.assign(aid_sek=applied)[applied > max(min_aid_sek, 0.0)]
    rows["aid_per_building_sek"] = rows["aid_sek"] / rows["base_buildings"]
    county = rows["municipality_code"].astype("str").str[:2]
    rows["landsdel"] = rules.landsdel_of(county) if landsdel is None else landsdel
    lost = sorted(set(county[rows["landsdel"].isna()]))
    if lost:
        msg = f"county {', '.join(lost)} lies in no landsdel"
        raise BadValueError(msg, where="areas", fix="name the landsdel under [pts]")
    if "rank" not in rows:
        rows["rank"] = pd.NA
    types = {"base_buildings": "int64", "households": "int64", "workplaces": "int64",
             "rank": "Int64", "landsdel": "str", "municipality_code": "str"}  # fmt: skip
    first = ["area_id", "municipality_code", "landsdel", "base_buildings", "households",
             "workplaces", "aid_sek", "aid_per_building_sek", "rank"]  # fmt: skip
    made = rows.astype(types)[[*first, *({"score"} & set(rows))]]
    return made.reset_index(drop=True).sort_values("area_id", ignore_index=True)


def _excluded(status: pd.DataFrame, rules: PtsRules, later: Bools) -> dict[str, Bools]:
    """Tell of every building which rules exclude it."""
    least = rules.threshold_mbit
    uses = status[["households", "workplaces", "holiday_homes"]].max(axis=1)
    passed = (status["passed_speed_mbit"].to_numpy(dtype=float) >= least) & rules.passed_counts
    segment = status["segment"].isin(rules.excluded_segments)
    return {
        "empty": uses.to_numpy() <= 0,
        "locality": segment.to_numpy(dtype=bool),
        "connected": status["speed_mbit"].to_numpy(dtype=float) >= least,
        "passed": passed,
        "planned": status["planned_speed_mbit"].to_numpy(dtype=float) >= least,
        "later_connection": later,
    }


def _inside(status: pd.DataFrame, areas: gpd.GeoDataFrame | None, crs: object) -> Bools:
    if areas is None or areas.empty:
        return np.zeros(len(status), dtype=bool)
    own = status.crs if isinstance(status, gpd.GeoDataFrame) else crs
    if own is None:
        msg = "it is not known which CRS the buildings are in"
        raise NoCrsError(msg, where="status", fix="give crs, e.g. crs='EPSG:3006'")
    check_same_crs(areas, metric_crs(own), where="later connection")
    shapes = np.asarray(areas.geometry.array, dtype=object)
    found: Bools = locate(status["x"], status["y"], shapes) >= 0
    return found


def _counts(
    buildings: pd.DataFrame, matrix: Bools, first: NDArray[np.int64], texts: list[str]
) -> pd.DataFrame:
    """Count each reason by municipality; the rows of ``first_buildings`` add up."""
    names = [*EXCLUSION_REASONS, "eligible"]
    every = np.column_stack([matrix, ~matrix.any(axis=1)])
    row, reason = np.nonzero(every)
    long = pd.DataFrame(
        {
            "municipality_code": buildings["municipality_code"].astype("str").array.take(row),
            "reason": reason,
            "buildings": 1,
            "first_buildings": first[row] == reason,
            "only_buildings": every.sum(axis=1)[row] == 1,
        }
    )
    at_first = long["first_buildings"].to_numpy()
    kind = buildings["kind"].isin(("household", "workplace")).to_numpy()[row]
    long["base_buildings"] = kind & at_first
    for name in ("households", "workplaces", "holiday_homes"):
        long[name] = np.where(at_first, buildings[name].to_numpy()[row], 0)
    counts: Any = long.groupby(["municipality_code", "reason"], as_index=False).sum()
    number = counts["reason"].to_numpy()
    counts["reason"] = dealt(number, names)
    counts.insert(2, "reason_text", dealt(number, texts))
    integers = [name for name in counts if name not in ("municipality_code", "reason",
                                                        "reason_text")]  # fmt: skip
    result: pd.DataFrame = counts.astype(
        {**dict.fromkeys(integers, "int64"), "municipality_code": "str"}
    )
    return result


def _findings(
    status: pd.DataFrame,
    eligible: Bools,
    unjudged: Bools,
    rules: PtsRules,
    *,
    areas_given: bool,
    plan_years: int | None,
    language: str,
) -> list[Finding]:
    said = pts_words(language)["finding"]
    found = []

    def tell(rule: str, severity: Any, rows: int = 0, **values: object) -> None:
        message = said[rule].format(rows=rows, **values)
        fix = said.get(f"{rule}-fix", "").format(**values)
        found.append(Finding(rule, severity, LAYER, "", rows, message, fix, values))

    if unjudged.any() and rules.excluded_segments:
        tell("pts-locality-unknown", "warning", int(unjudged.sum()))
    if not areas_given and rules.later_connection_excluded:
        tell("pts-no-later-connection", "info")
    if plan_years is not None and plan_years != rules.plan_years:
        tell("pts-plan-years", "warning", ours=plan_years, years=rules.plan_years)
    if "networks" in status:
        other = eligible & (status["networks"].to_numpy() > 0)
        if other.any():
            tell("pts-networks-differ", "info", int(other.sum()))
    return found
