"""Status per premises: connected, passed, planned or unserved, and why."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import BadValueError, DuplicateIdsError, GeometryError, MissingColumnError
from bredband_gis.points import nearest_line, nearest_point

from bredband.premises import check_metric, check_same_crs
from bredband.tables import PREMISES, STATUS, STATUSES, TECHNOLOGIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd
    import pyproj
    from numpy.typing import NDArray

    from bredband.region import Definitions

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

MAX_SPEED_MBIT: Final = 100_000.0
"""A higher speed is a slip of the pen, such as kbit/s for Mbit/s (U)."""
PLAN_SPEED_MBIT: Final = 1000.0
"""Speed of a plan that states none: PTS supports only 1 Gbit/s or more (F, 2020:266)."""
AREAS_AT_A_TIME: Final = 20_000
"""Polygons asked about together, so that overlapping ones cannot fill the memory."""

_ALIASES: Final = {
    "fibre": """fibre fiber fiberoptik optiskfiber ftth fttb fttp fttx fiberlan fibrelan
        fiberellerfiberlan tillgangviafiberellerfiberlan ethernet lan pon gpon xgspon villafiber
        byanat stadsnat""",
    "docsis": """docsis docsis3 docsis30 docsis31 docsis4 docsis40 kabeltv cabletv catv kabel cable
        coax koax koaxial hfc tillgangviakabeltv""",
    "vdsl": "vdsl vdsl2 tillgangviavdsl",
    "xdsl": "xdsl dsl adsl adsl2 shdsl sdsl tillgangviaxdsl koppar copper",
    "fwa": """fwa fastradio fixedradio fixedwireless fixedwirelessaccess fasttradlost radio
        radiolank wimax tillgangviafastradio 4gfwa 5gfwa ltefwa""",
    "5g": "5g nr nr5g 5gnr tillgangvianr5g",
    "lte": "lte 4g 4glte lte4g lteadvanced lteej450mhz tillgangvialteej450mhz",
    "satellite": "satellite satellit leo starlink",
}
_TECHNOLOGY_OF: Final = {word: name for name, words in _ALIASES.items() for word in words.split()}
_TRUE: Final = frozenset(["true", "1", "1.0", "ja", "j", "yes", "y", "sant", "t"])
_FALSE: Final = frozenset(["false", "0", "0.0", "nej", "n", "no", "falskt", "f"])

_WORDS: Final = {
    "sv": {
        "connected": "{technology} {speed} Mbit/s enligt {source}",
        "table": "täckningstabellen",
        "areas": "täckningsytorna",
        "near_route": "{distance} m från fiberväg",
        "near_building": "{distance} m från fiberansluten byggnad",
        "has_fibre": "fiber finns i byggnaden",
        "planned": "planerad {year}, {speed} Mbit/s",
        "planned_no_year": "planerad, {speed} Mbit/s",
        "unserved": "ingen fast anslutning ≥ {target} Mbit/s",
        "slow": "har {technology} {speed} Mbit/s",
        "wireless": "trådlöst {speed} Mbit/s räknas inte",
        "nearest": "närmaste fiber {distance} m",
        "far": "ingen fiber inom {distance} m",
        "not_credible": "planen är inte trovärdig",
        "overdue": "planen skulle ha varit klar {year}",
        "too_late": "planen är klar först {year}",
        "not_wired": "planen gäller inte fast anslutning",
        "plan_slow": "planen ger bara {speed} Mbit/s",
        "passed_slow": "fiber i närheten ger bara {speed} Mbit/s",
        "fibre": "fiber", "docsis": "kabel-tv", "vdsl": "VDSL", "xdsl": "xDSL", "fwa": "fast radio",
        "5g": "5G", "lte": "4G", "satellite": "satellit",
    },
    "en": {
        "connected": "{technology} {speed} Mbit/s according to {source}",
        "table": "the coverage table",
        "areas": "the coverage areas",
        "near_route": "{distance} m from a fibre route",
        "near_building": "{distance} m from a building with fibre",
        "has_fibre": "the building has fibre",
        "planned": "planned {year}, {speed} Mbit/s",
        "planned_no_year": "planned, {speed} Mbit/s",
        "unserved": "no wired connection ≥ {target} Mbit/s",
        "slow": "has {technology} {speed} Mbit/s",
        "wireless": "wireless {speed} Mbit/s does not count",
        "nearest": "nearest fibre {distance} m",
        "far": "no fibre within {distance} m",
        "not_credible": "the plan is not credible",
        "overdue": "the plan was due {year}",
        "too_late": "the plan is due only in {year}",
        "not_wired": "the plan is not for a wired connection",
        "plan_slow": "the plan gives only {speed} Mbit/s",
        "passed_slow": "fibre nearby gives only {speed} Mbit/s",
        "fibre": "fibre", "docsis": "cable", "vdsl": "VDSL", "xdsl": "xDSL", "fwa": "fixed radio",
        "5g": "5G", "lte": "4G", "satellite": "satellite",
    },
}  # fmt: skip

# Why a plan does not count, the strongest reason first.
_CREDIBLE, _NOT_CREDIBLE, _NOT_WIRED, _OVERDUE, _TOO_LATE, _NO_PLAN = range(6)
_PLAN_FAULTS: Final = {
    _NOT_CREDIBLE: "not_credible",
    _NOT_WIRED: "not_wired",
    _OVERDUE: "overdue",
    _TOO_LATE: "too_late",
}
_NOWHERE: Final = -1
"""Stands for an empty distance, technology or year in arrays of whole numbers."""
_RANKS: Final = len(TECHNOLOGIES)


@dataclass
class _Best:
    """The best that each premises has, as rows are taken in one after the other."""

    wired: Floats
    rank: Ints  # position in TECHNOLOGIES of the fastest wired; _RANKS where none
    wireless: Floats
    has_fibre: Bools
    by_area: Bools  # the fastest wired comes from a polygon, not from the table

    @classmethod
    def nothing(cls, n: int) -> _Best:
        return cls(
            np.zeros(n), np.full(n, _RANKS, dtype=np.int64), np.zeros(n),
            np.zeros(n, dtype=bool), np.zeros(n, dtype=bool),
        )  # fmt: skip

    def take(self, at: Ints, rank: Ints, speed: Floats, wired_ranks: Ints, *, areas: bool) -> None:
        """Take in rows: premises ``at`` can have technology ``rank`` at ``speed``."""
        served = speed > 0
        at, rank, speed = at[served], rank[served], speed[served]
        self.has_fibre[at[rank == TECHNOLOGIES.index("fibre")]] = True
        wired = np.isin(rank, wired_ranks)
        np.maximum.at(self.wireless, at[~wired], speed[~wired])
        at, rank, speed = at[wired], rank[wired], speed[wired]
        faster, first = speed > self.wired[at], rank < self.rank[at]
        np.maximum.at(self.wired, at, speed)
        # Of equally fast technologies the first of TECHNOLOGIES is named.
        best = speed == self.wired[at]
        self.rank[at[best & faster]] = _RANKS
        np.minimum.at(self.rank, at[best], rank[best])
        self.by_area[at[best & (faster | first)]] = areas


def premises_status(
    premises: gpd.GeoDataFrame,
    *,
    coverage: pd.DataFrame | None = None,
    coverage_areas: gpd.GeoDataFrame | None = None,
    fibre: gpd.GeoDataFrame | None = None,
    plans: pd.DataFrame | None = None,
    plan_areas: gpd.GeoDataFrame | None = None,
    definitions: Definitions,
    year: int,
    language: Literal["sv", "en"] = "sv",
) -> gpd.GeoDataFrame:
    """Say of each premises what it has, what it could order and what it is promised.

    - *connected*: the table, or a polygon that the premises lies in, gives it a
      wired technology. The fastest wired counts; wireless is kept apart and never
      makes a premises connected.
    - *passed* ("absolut närhet"): not connected at ``passed_speed_mbit``, but within
      ``proximity_m`` of a fibre route or of a building connected by fibre, the
      premises itself included: where fibre is, its speed can be ordered.
    - *planned*: a credible wired plan, due after ``year`` and within ``plan_years``.
      A plan due in ``year`` or earlier that is not in the coverage is overdue and
      does not count. A plan without a year counts.

    Status is the best of these that reaches ``target_speed_mbit``.

    Parameters
    ----------
    premises : GeoDataFrame
        tables.PREMISES with points in a projected metric CRS.
    coverage : DataFrame, optional
        premises_id, technology, speed_mbit (Mbit/s); several rows per premises are
        allowed, rows of other buildings are left out (:func:`coverage_mismatches`
        lists them). Technology may be empty where speed is 0.
    coverage_areas : GeoDataFrame, optional
        Polygons or cells with technology, speed_mbit; same CRS. They may overlap.
    fibre : GeoDataFrame, optional
        Lines of existing fibre; same CRS.
    plans : DataFrame, optional
        premises_id; speed_mbit (1000 where empty), year, credible (true where the
        column is missing) and technology (wired where empty) may be missing.
    plan_areas : GeoDataFrame, optional
        The same by polygon; same CRS.
    definitions : Definitions
        [definitions] of region.toml.
    year : int
        Year that the coverage refers to.
    language : {"sv", "en"}
        Language of ``reason``. Distances in it are rounded up to whole metres.

    Returns
    -------
    GeoDataFrame
        tables.STATUS, with the rows, index, other columns and geometry of ``premises``.

    Raises
    ------
    MissingColumnError, BadValueError, DuplicateIdsError
        A table lacks a column; a technology is unknown; a speed is missing, negative
        or above 100 000 Mbit/s; a year or credible cannot be read; the coverage table
        knows none of the premises; a premises stands on two rows.
    NoCrsError, NotMetricError, WrongCrsError, GeometryError
        A layer cannot be measured against the premises.
    """
    crs = check_metric(premises, where="premises")
    _need(premises, tuple(PREMISES.columns), "premises")
    n = len(premises)
    x, y = (premises[name].to_numpy(dtype="float64") for name in ("x", "y"))
    index = pd.Index(premises["premises_id"].astype("str"))
    if not index.is_unique:
        msg = f"{index.duplicated().sum()} of {n} rows repeat a premises_id"
        raise DuplicateIdsError(msg, where="premises", fix="keep one row per building")
    wired_ranks = np.array([TECHNOLOGIES.index(name) for name in definitions.wired_technologies])

    best = _Best.nothing(n)
    if coverage is not None:
        where = "coverage"
        rank, speed = _offers(coverage, where)
        at = _positions(coverage, index, where)
        known = at >= 0
        if n and len(at) and not known.any():
            msg = (
                f"none of the {len(at)} rows names a building that is there: the coverage says"
                f" {str(coverage['premises_id'].iloc[0])!r}, the premises {index[0]!r}"
            )
            fix = "use the same building ids in both, written the same way"
            raise BadValueError(msg, where=where, fix=fix)
        best.take(at[known], rank[known], speed[known], wired_ranks, areas=False)
    if coverage_areas is not None:
        where = "coverage areas"
        rank, speed = _offers(coverage_areas, where)
        for at, area in _inside(premises, coverage_areas, where):
            best.take(at, rank[area], speed[area], wired_ranks, areas=True)

    route_m = _route_distance(x, y, fibre, crs, definitions)
    building_m = _building_distance(x, y, best.has_fibre, route_m, definitions.proximity_m)
    passed_speed = float(definitions.passed_speed_mbit)
    # A micrometre is what is lost in computing a foot point, not a distance.
    near = np.minimum(route_m, building_m) <= definitions.proximity_m + 1e-6
    passed = np.where(near & (best.wired < passed_speed), passed_speed, 0.0)

    planned = _plans(
        premises, index, plans=plans, plan_areas=plan_areas, definitions=definitions, year=year
    )

    target = float(definitions.target_speed_mbit)
    state = np.select(
        [best.wired >= target, passed >= target, planned.speed >= target],
        [0, 1, 2],
        default=3,
    )
    near_fibre = _Near(route_m, building_m, passed, routes=fibre is not None and not fibre.empty)
    reason = _reasons(
        state, best, near_fibre, planned, definitions=definitions, words=_WORDS[language]
    )

    status = premises.copy(deep=False)
    names = np.array([*TECHNOLOGIES, None], dtype=object)
    found = {
        "status": _strings(np.array(STATUSES, dtype=object), state),
        "technology": _strings(names, best.rank),
        "speed_mbit": best.wired,
        "wireless_speed_mbit": best.wireless,
        "passed_speed_mbit": passed,
        "planned_speed_mbit": planned.speed,
        "distance_to_fibre_m": np.where(route_m <= definitions.search_m, route_m, np.nan),
        "reason": reason,
    }
    for name, values in found.items():
        status[name] = values
    first = [*STATUS.columns, status.geometry.name]
    return status[[*first, *(name for name in status.columns if name not in first)]]


def coverage_mismatches(premises: pd.DataFrame, coverage: pd.DataFrame) -> pd.DataFrame:
    """List the ids that only one of premises and coverage table knows.

    Parameters
    ----------
    premises : DataFrame
        premises_id.
    coverage : DataFrame
        premises_id, several rows per premises allowed.

    Returns
    -------
    DataFrame
        premises_id, missing_in ("premises": the coverage names a building that is not
        there; "coverage": nothing is said about the building), rows (of the coverage
        table, 0 for the second kind); sorted.
    """
    _need(premises, ("premises_id",), "premises")
    _need(coverage, ("premises_id",), "coverage")
    known = premises["premises_id"].astype("str")
    rows = coverage["premises_id"].astype("str").value_counts()
    strangers = rows[~rows.index.isin(known)]
    silent = known[~known.isin(rows.index)]
    table = pd.DataFrame(
        {
            "premises_id": [*strangers.index, *silent],
            "missing_in": ["premises"] * len(strangers) + ["coverage"] * len(silent),
            "rows": [*strangers, *([0] * len(silent))],
        }
    ).astype({"premises_id": "str", "missing_in": "str", "rows": "int64"})
    return table.sort_values(["missing_in", "premises_id"], ascending=[False, True]).reset_index(
        drop=True
    )


def normalise_technology(technology: pd.Series[Any], *, where: str) -> pd.Series[str]:
    """Give each technology the one name that it has here (tables.TECHNOLOGIES).

    Swedish and English names, PTS's column names and common abbreviations are
    understood, whatever their case, accents, spaces and hyphens.

    Parameters
    ----------
    technology : Series
        Names as the source has them; an empty one stays empty.
    where : str
        Named in messages.

    Raises
    ------
    BadValueError
        Names that are not known, each with its number of rows.
    """
    codes, words = pd.factorize(technology)
    names = [_TECHNOLOGY_OF.get(_key(word)) for word in words]
    unknown = np.flatnonzero([name is None for name in names])
    if len(unknown):
        rows = np.bincount(codes[codes >= 0], minlength=len(words))
        listed = ", ".join(f"{words[i]!r} ({rows[i]} rows)" for i in unknown[:10])
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        msg = f"unknown technology: {listed}{more}"
        fix = f"use one of {', '.join(TECHNOLOGIES)}, or a common Swedish or English name of it"
        raise BadValueError(msg, where=where, fix=fix)
    return pd.Series(
        np.array([*names, None], dtype=object)[codes], index=technology.index, dtype="str"
    )


def _key(word: Any) -> str:
    parts = unicodedata.normalize("NFKD", str(word).casefold())
    return "".join(part for part in parts if part.isalnum())


def _need(table: pd.DataFrame, columns: tuple[str, ...], where: str) -> None:
    missing = [name for name in columns if name not in table]
    if missing:
        msg = f"column {', '.join(missing)} is missing; found: {', '.join(map(str, table.columns))}"
        raise MissingColumnError(
            msg, where=where, fix="name the file's columns in region.toml, columns = { … }"
        )


def _positions(table: pd.DataFrame, index: pd.Index[str], where: str) -> Ints:
    """Give the row of the premises that each row of a table is about, -1 for none."""
    _need(table, ("premises_id",), where)
    return index.get_indexer(pd.Index(table["premises_id"].astype("str"))).astype(np.int64)


def _offers(table: pd.DataFrame, where: str) -> tuple[Ints, Floats]:
    """Read technology (its position in TECHNOLOGIES) and speed of each row, checked."""
    _need(table, ("technology", "speed_mbit"), where)
    speed = _speeds(table["speed_mbit"], where)
    names = normalise_technology(table["technology"], where=where)
    empty = names.isna().to_numpy() & (speed > 0)
    if empty.any():
        msg = f"technology is empty on {empty.sum()} of {len(empty)} rows that have a speed"
        raise BadValueError(msg, where=where, fix="state the technology of every speed")
    return pd.Categorical(names, categories=TECHNOLOGIES).codes.astype(np.int64), speed


def _speeds(column: pd.Series[Any], where: str) -> Floats:
    speed = _numbers(column)
    faults = {
        "missing or no number": ~np.isfinite(speed),
        "negative": speed < 0,
        f"above {MAX_SPEED_MBIT:.0f}": np.isfinite(speed) & (speed > MAX_SPEED_MBIT),
    }
    wrong = np.logical_or.reduce(list(faults.values()))
    if wrong.any():
        kinds = ", ".join(f"{rows.sum()} {kind}" for kind, rows in faults.items() if rows.any())
        row = int(np.flatnonzero(wrong)[0])
        msg = (
            f"column speed_mbit must hold Mbit/s from 0 to {MAX_SPEED_MBIT:.0f}: {kinds};"
            f" first: {column.iloc[row]!r} on row {row}"
        )
        rows = f"{where}, {wrong.sum()} of {len(wrong)} rows"
        fix = "correct the values; write 0 where there is no connection"
        raise BadValueError(msg, where=rows, fix=fix)
    return speed


def _numbers(column: pd.Series[Any]) -> Floats:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)


def _inside(
    premises: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, where: str
) -> Iterator[tuple[Ints, Ints]]:
    """Pair premises with the polygons that they lie in, borders included, in batches.

    The tree holds the points and each polygon is prepared once, so that detailed
    polygons and hundreds of thousands of cells are both fast.
    """
    check_same_crs(areas, premises.crs, where=where)
    shapes = np.asarray(areas.geometry.array, dtype=object)
    wrong = ~np.isin(shapely.get_type_id(shapes), [-1, 3, 6])
    if wrong.any():
        msg = f"{wrong.sum()} of {len(wrong)} geometries are not polygons"
        raise GeometryError(msg, where=where, fix="give areas or cells as polygons")
    tree = shapely.STRtree(np.asarray(premises.geometry.array, dtype=object))
    for start in range(0, len(shapes), AREAS_AT_A_TIME):
        area, at = tree.query(shapes[start : start + AREAS_AT_A_TIME], predicate="intersects")
        yield at, area + start


def _route_distance(
    x: Floats,
    y: Floats,
    fibre: gpd.GeoDataFrame | None,
    crs: pyproj.CRS,
    definitions: Definitions,
) -> Floats:
    """Measure the straight distance to the nearest fibre route; inf where none is in reach."""
    if fibre is None or fibre.empty:
        return np.full(len(x), np.inf)
    where = "fibre"
    check_same_crs(fibre, crs, where=where)
    lines = np.asarray(fibre.geometry.array, dtype=object)
    types = shapely.get_type_id(lines)
    wrong = ~np.isin(types, [-1, 1, 2, 5])
    if wrong.any():
        msg = f"{wrong.sum()} of {len(wrong)} geometries are not lines"
        raise GeometryError(msg, where=where, fix="give fibre routes as lines")
    lines = lines[(types >= 0) & ~shapely.is_empty(lines)]
    reach = max(definitions.search_m, definitions.proximity_m)
    distance: Floats = nearest_line(x, y, lines, max_distance=reach + 1e-6).distance
    return distance


def _building_distance(
    x: Floats, y: Floats, has_fibre: Bools, route_m: Floats, proximity_m: float
) -> Floats:
    """Measure the distance to the nearest building with fibre where that can decide."""
    distance = np.where(has_fibre, 0.0, np.inf)
    asked = np.flatnonzero(~has_fibre & (route_m > proximity_m))
    if has_fibre.any() and len(asked):
        distance[asked], _ = nearest_point(
            x[asked], y[asked], x[has_fibre], y[has_fibre], max_distance=proximity_m + 1e-6
        )
    return distance


@dataclass
class _Planned:
    """The best credible plan of each premises, or why there is none."""

    speed: Floats
    due: Ints  # year of the plan, credible or not; _NOWHERE where not stated
    fault: Ints


def _plans(
    premises: gpd.GeoDataFrame,
    index: pd.Index[str],
    *,
    plans: pd.DataFrame | None,
    plan_areas: gpd.GeoDataFrame | None,
    definitions: Definitions,
    year: int,
) -> _Planned:
    at, speed, due, fault = [], [], [], []
    for table, where in ((plans, "plans"), (plan_areas, "plan areas")):
        if table is None:
            continue
        row_speed, row_due, row_fault = _read_plans(table, where, definitions, year)
        pairs = (
            [(_positions(table, index, where), np.arange(len(table)))]
            if where == "plans"
            else _inside(premises, table, where)
        )
        for place, row in pairs:
            known = place >= 0
            at.append(place[known])
            speed.append(row_speed[row[known]])
            due.append(row_due[row[known]])
            fault.append(row_fault[row[known]])
    n = len(premises)
    best = _Planned(
        np.zeros(n), np.full(n, _NOWHERE, dtype=np.int64), np.full(n, _NO_PLAN, dtype=np.int64)
    )
    if not at:
        return best
    rows = pd.DataFrame(
        {
            "at": np.concatenate(at),
            "fault": np.concatenate(fault),
            "speed": np.concatenate(speed),
            "due": np.concatenate(due),
        }
    )
    # Credible before not, fast before slow, soon before late.
    rows = rows.sort_values(["at", "fault", "speed", "due"], ascending=[True, True, False, True])
    rows = rows.drop_duplicates("at")
    place = rows["at"].to_numpy()
    best.fault[place] = rows["fault"]
    best.due[place] = rows["due"]
    best.speed[place] = rows["speed"].where(rows["fault"] == _CREDIBLE, 0.0)
    return best


def _read_plans(
    table: pd.DataFrame, where: str, definitions: Definitions, year: int
) -> tuple[Floats, Ints, Ints]:
    """Read speed, year and credibility of each plan, checked."""
    n = len(table)
    speed = np.full(n, PLAN_SPEED_MBIT)
    if "speed_mbit" in table:
        given = table["speed_mbit"].notna().to_numpy()
        speed[given] = _speeds(table["speed_mbit"][given], where)
    due = np.full(n, _NOWHERE, dtype=np.int64)
    if "year" in table:
        due = _years(table["year"], where)
    fault = np.full(n, _CREDIBLE, dtype=np.int64)
    fault[(due != _NOWHERE) & (due > year + definitions.plan_years)] = _TOO_LATE
    fault[(due != _NOWHERE) & (due <= year)] = _OVERDUE
    if "technology" in table:
        names = normalise_technology(table["technology"], where=where)
        fault[(names.notna() & ~names.isin(definitions.wired_technologies)).to_numpy()] = _NOT_WIRED
    if "credible" in table:
        fault[~_truths(table["credible"], where)] = _NOT_CREDIBLE
    return speed, due, fault


def _years(column: pd.Series[Any], where: str) -> Ints:
    number = _numbers(column)
    given = column.notna().to_numpy()
    wrong = given & ~((number >= 1990) & (number <= 2100) & (number == np.floor(number)))
    if wrong.any():
        first = column[wrong].iloc[0]
        msg = f"column year holds something else than a year 1990-2100, first {first!r}"
        rows = f"{where}, {wrong.sum()} of {len(wrong)} rows"
        raise BadValueError(msg, where=rows, fix="write the year that the plan is due, e.g. 2025")
    return np.where(given, np.nan_to_num(number), _NOWHERE).astype(np.int64)


def _truths(column: pd.Series[Any], where: str) -> Bools:
    codes, words = pd.factorize(column)
    keys = [str(word).strip().casefold() for word in words]
    wrong = np.array([*(key not in _TRUE | _FALSE for key in keys), True])[codes]
    if wrong.any():
        first = column[wrong].fillna("(empty)").iloc[0]
        msg = f"column credible holds something else than yes or no, first {first!r}"
        rows = f"{where}, {wrong.sum()} of {len(wrong)} rows"
        fix = "write ja or nej on every row; constants = { credible = true } for a whole file"
        raise BadValueError(msg, where=rows, fix=fix)
    return np.array([*(key in _TRUE for key in keys), False])[codes]


@dataclass
class _Near:
    """How near fibre is."""

    route_m: Floats  # inf where none is within reach
    building_m: Floats
    passed: Floats  # Mbit/s that can be ordered
    routes: bool  # whether there are any routes to be near


def _reasons(
    state: Ints,
    best: _Best,
    near: _Near,
    planned: _Planned,
    *,
    definitions: Definitions,
    words: dict[str, str],
) -> Any:
    """Put into words why each premises has its status.

    Each wording is made once, for its numbers, and then dealt out to all the
    premises that have the same ones.
    """
    target = definitions.target_speed_mbit
    route = _metres(near.route_m, definitions.search_m)
    by_route = near.route_m <= near.building_m
    wireless = _whole(best.wireless)
    had = {"rank": best.rank, "mbit": _whole(best.wired)}
    plan = {"due": planned.due, "promised": _whole(planned.speed)}

    def connected(*, rank: int, mbit: int, area: int) -> str:
        source = words["areas" if area else "table"]
        technology = words[TECHNOLOGIES[rank]]
        return words["connected"].format(technology=technology, speed=mbit, source=source)

    def passed(*, has_fibre: int, by_route: int, metres: int) -> str:
        if has_fibre:
            return words["has_fibre"]
        return words["near_route" if by_route else "near_building"].format(distance=metres)

    def promise(*, due: int, promised: int) -> str:
        kind = "planned_no_year" if due == _NOWHERE else "planned"
        return words[kind].format(year=due, speed=promised)

    def nothing(
        *, rank: int, mbit: int, air: int, metres: int, slow: int, fault: int, due: int,
        promised: int,
    ) -> str:  # fmt: skip
        parts = [words["unserved"].format(target=target)]
        if rank < _RANKS:
            parts.append(words["slow"].format(technology=words[TECHNOLOGIES[rank]], speed=mbit))
        if air:
            parts.append(words["wireless"].format(speed=air))
        if slow:
            parts.append(words["passed_slow"].format(speed=definitions.passed_speed_mbit))
        elif metres != _NOWHERE:
            parts.append(words["nearest"].format(distance=metres))
        elif near.routes:
            parts.append(words["far"].format(distance=f"{definitions.search_m:.0f}"))
        if fault in _PLAN_FAULTS:
            parts.append(words[_PLAN_FAULTS[fault]].format(year=due))
        elif fault == _CREDIBLE:
            parts.append(words["plan_slow"].format(speed=promised))
        return "; ".join(parts)

    nearer = np.where(by_route, route, _metres(near.building_m, np.inf))
    wordings: list[tuple[Callable[..., str], dict[str, NDArray[Any]]]] = [
        (connected, {**had, "area": best.by_area}),
        (passed, {"has_fibre": best.has_fibre, "by_route": by_route, "metres": nearer}),
        (promise, plan),
        (
            nothing,
            {
                **had,
                # Wireless below the target would change nothing if it counted.
                "air": np.where(wireless >= target, wireless, 0),
                "metres": route,
                "slow": near.passed > 0,
                "fault": planned.fault,
                **plan,
            },
        ),
    ]
    reason = np.full(len(state), "", dtype=object)
    for number, (make, columns) in enumerate(wordings):
        rows = np.flatnonzero(state == number)
        if len(rows):
            numbers = pd.DataFrame({k: v[rows].astype(np.int64) for k, v in columns.items()})
            reason[rows] = _worded(numbers, make)
    return pd.array(reason, dtype="str")


def _worded(numbers: pd.DataFrame, make: Callable[..., str]) -> NDArray[Any]:
    kind = numbers.groupby(list(numbers.columns), sort=False).ngroup().to_numpy()
    _, first = np.unique(kind, return_index=True)
    wordings = [
        make(**dict(zip(numbers.columns, row, strict=True)))
        for row in numbers.iloc[first].itertuples(index=False, name=None)
    ]
    return np.array(wordings, dtype=object)[kind]


def _metres(distance: Floats, limit: float) -> Ints:
    """Round up to whole metres, so that what is too far does not read as near enough."""
    known = np.isfinite(distance) & (distance <= limit)
    return np.where(known, np.ceil(np.where(known, distance, 0) - 1e-6), _NOWHERE).astype(np.int64)


def _whole(speed: Floats) -> Ints:
    """Round down, so that 99.6 Mbit/s does not read as 100."""
    return np.floor(speed).astype(np.int64)


def _strings(names: NDArray[Any], codes: Ints) -> Any:
    return pd.array(names[codes], dtype="str")
