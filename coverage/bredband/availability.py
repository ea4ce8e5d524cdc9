"""Status per premises: connected, passed, planned or unserved, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs
from bredband_gis.curve import curve_order
from bredband_gis.errors import BadValueError, DuplicateIdsError, GeometryError
from bredband_gis.points import line_distance, nearest_point

from bredband.columns import count_repeated, dealt
from bredband.networks import Networks
from bredband.placed import check_metric, check_same_crs
from bredband.plans import CREDIBLE, best_plans, read_plans
from bredband.reasons import BY_AREA, BY_POINT, BY_TABLE, Had, Near, give_reasons
from bredband.tables import AID_COLOURS, PREMISES, STATUS, STATUSES, TECHNOLOGIES, need_columns
from bredband.technologies import (
    NAME_COLUMNS,
    NO_OPERATOR,
    NO_TECHNOLOGY,
    read_access,
    read_operators,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyproj
    from numpy.typing import NDArray

    from bredband.plans import Promised
    from bredband.region import Definitions
    from bredband.technologies import Access

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

AREAS_AT_A_TIME: Final = 20_000
"""Polygons asked about together, so that overlapping ones cannot fill the memory."""

ROUNDING_M: Final = 1e-6
"""A micrometre is what is lost in computing a foot point, not a distance."""

_FIBRE: Final = TECHNOLOGIES.index("fibre")
_STEPS: Final = 16
"""Speeds in kbit/s times this, plus a place for the technology: one number to compare."""


class _Best:
    """The best that each of n premises has, as rows are taken in one batch after the other."""

    def __init__(self, n: int, wired: Sequence[str]) -> None:
        self.score = np.zeros(n, dtype=np.int64)
        self.wireless = np.zeros(n)
        self.upload = np.full(n, np.nan)
        self.technologies = np.zeros(n, dtype=np.uint8)
        self.by = np.full(n, BY_TABLE, dtype=np.int64)
        self.is_wired = np.isin(np.array(TECHNOLOGIES), list(wired))

    def take(self, at: Ints, rank: Ints, speed: Floats, upload: Floats, by: Ints) -> None:
        """Take in rows: premises ``at`` can have technology ``rank`` at ``speed``."""
        np.bitwise_or.at(self.technologies, at, np.left_shift(1, rank).astype(np.uint8))
        wired = self.is_wired[rank]
        np.maximum.at(self.wireless, at[~wired], speed[~wired])
        at, rank, by = at[wired], rank[wired], by[wired]
        speed, upload = speed[wired], upload[wired]
        # Of equally fast technologies the first of TECHNOLOGIES is named.
        score = np.floor(speed * 1000 + 1e-6).astype(np.int64) * _STEPS + (_STEPS - 1 - rank)
        before = self.score[at]
        np.maximum.at(self.score, at, score)
        best = score == self.score[at]
        at, upload, by, better = at[best], upload[best], by[best], (score > before)[best]
        self.upload[at[better]] = np.nan
        np.fmax.at(self.upload, at, upload)
        # Of several equal rows the first names the source.
        self.by[at[better][::-1]] = by[better][::-1]

    @property
    def speed(self) -> Floats:
        """Fastest wired download, Mbit/s."""
        return (self.score // _STEPS) / 1000

    @property
    def rank(self) -> Ints:
        """Technology of it, as its place in TECHNOLOGIES."""
        return np.where(self.score > 0, _STEPS - 1 - self.score % _STEPS, NO_TECHNOLOGY)

    @property
    def has_fibre(self) -> Bools:
        """Connected by fibre, at whatever speed."""
        return (self.technologies & (1 << _FIBRE)) > 0


def premises_status(
    premises: pd.DataFrame,
    *,
    coverage: pd.DataFrame | None = None,
    coverage_areas: gpd.GeoDataFrame | None = None,
    connected: gpd.GeoDataFrame | None = None,
    fibre: gpd.GeoDataFrame | None = None,
    plans: pd.DataFrame | None = None,
    plan_areas: gpd.GeoDataFrame | None = None,
    definitions: Definitions,
    year: int,
    language: Literal["sv", "en"] = "sv",
    crs: object = None,
) -> Any:
    """Say of each premises what it has, what it could order and what it is promised.

    - *connected*: the table, a polygon or cell that the premises lies in, or an
      operator's connected point at it, gives it a wired technology. The fastest wired
      counts; wireless is kept apart and never makes a premises connected.
    - *passed* ("absolut närhet"): not connected at ``passed_speed_mbit``, but within
      ``proximity_m`` of a fibre route, of a building connected by fibre (the premises
      itself included) or of a connected point: where fibre is, its speed can be ordered.
    - *planned*: a credible wired plan, due after ``year`` and within ``plan_years``.
      A plan due in ``year`` or earlier that is not in the coverage is overdue and
      does not count. A plan without a year counts.

    Status is the best of these that reaches ``target_speed_mbit``. Networks are counted
    as :class:`bredband.networks.Networks` says, of ``aid_technologies`` that are
    connected, passed or credibly planned at ``aid_speed_mbit`` or more.

    Parameters
    ----------
    premises : GeoDataFrame or DataFrame
        tables.PREMISES in a projected metric CRS. Without geometry, x and y are in ``crs``.
    coverage : DataFrame, optional
        premises_id, technology, speed_mbit; upload_mbit (Mbit/s) and operator may be
        missing. Several rows per premises are allowed, rows of other buildings are left
        out (:func:`coverage_mismatches` lists them). Technology may be empty where speed
        is 0.
    coverage_areas : GeoDataFrame, optional
        Polygons or cells with the same columns, and cell_id where the reason is to name
        the cell; same CRS. They may overlap.
    connected : GeoDataFrame, optional
        Points with x, y and an operator's connected buildings: technology (fibre where
        the column is missing), speed_mbit (``passed_speed_mbit`` where not stated),
        upload_mbit, operator. Each belongs to the nearest premises within ``match_m``;
        others only say where fibre is. Their number is in ``attrs["unmatched_points"]``.
    fibre : GeoDataFrame, optional
        Lines of existing fibre; same CRS. operator may be missing.
    plans : DataFrame, optional
        premises_id; speed_mbit (1000 where empty), year, credible (true where the
        column is missing), technology (fibre where empty) and operator may be missing.
    plan_areas : GeoDataFrame, optional
        The same by polygon; same CRS.
    definitions : Definitions
        [definitions] of region.toml.
    year : int
        Year that the coverage refers to.
    language : {"sv", "en"}
        Language of ``reason``. Distances in it are rounded up to whole metres.
    crs : CRS, str or int, optional
        CRS of x and y where premises have no geometry.

    Returns
    -------
    GeoDataFrame or DataFrame
        tables.STATUS, with the rows, index, other columns and geometry of ``premises``.
        Speeds are kept to whole kbit/s.

    Raises
    ------
    MissingColumnError, BadValueError, DuplicateIdsError
        A table lacks a column; a technology is unknown; a speed is missing, negative
        or above 100 000 Mbit/s; a year or credible cannot be read; the coverage table
        knows none of the premises; a premises stands on two rows.
    NoCrsError, NotMetricError, WrongCrsError, GeometryError
        A layer cannot be measured against the premises.
    """
    places = _Places.of(premises, crs)
    networks = Networks(len(premises))
    count_aid = _Aid(networks, definitions)
    there = _what_is_there(
        places, count_aid, definitions,
        coverage=coverage, coverage_areas=coverage_areas, connected=connected,
    )  # fmt: skip
    best = there.best
    speed, has_fibre = best.speed, best.has_fibre
    lines = _routes(fibre, places.crs)
    reach = max(definitions.search_m, definitions.proximity_m)
    route_m = _route_distance(places, lines, reach)
    building_m = _building_distance(
        places, has_fibre, there.x, there.y, definitions.proximity_m,
        asked=~has_fibre & (route_m > definitions.proximity_m),
    )  # fmt: skip
    near = np.minimum(route_m, building_m) <= definitions.proximity_m + ROUNDING_M
    passed_speed = float(definitions.passed_speed_mbit)
    passed = np.where(near & (speed < passed_speed), passed_speed, 0.0)
    if passed_speed >= definitions.aid_speed_mbit:
        _take_routes(count_aid, places, fibre, lines, near, has_fibre, route_m, definitions)

    promised = _promised(
        places, count_aid, plans=plans, plan_areas=plan_areas, definitions=definitions, year=year
    )

    target = float(definitions.target_speed_mbit)
    state = np.select(
        [speed >= target, passed >= target, promised.speed >= target], [0, 1, 2], default=3
    )
    had = Had(
        speed=speed, wireless=best.wireless, rank=best.rank, by=best.by, has_fibre=has_fibre,
        cells=there.cells,
    )  # fmt: skip
    nearness = Near(route_m, building_m, passed, routes=fibre is not None and not fibre.empty)
    reason = give_reasons(
        state, had, nearness, promised, definitions=definitions, language=language
    )
    has_fibre |= near
    route_m[route_m > definitions.search_m] = np.nan
    found = {
        "status": dealt(state, STATUSES),
        "technology": dealt(had.rank, (*TECHNOLOGIES, None)),
        "technologies": dealt(best.technologies, _SETS),
        "reason": reason,
        "speed_mbit": speed,
        "wireless_speed_mbit": best.wireless,
        "passed_speed_mbit": passed,
        "planned_speed_mbit": promised.speed,
        "distance_to_fibre_m": route_m,
        "upload_mbit": best.upload,
        "near_fibre": has_fibre,
    }
    unmatched = there.unmatched
    # Not needed any more, and as long as the columns that are still to be made.
    del places, count_aid, lines, building_m, nearness, near, state, had, best, there, promised
    found_networks = networks.count()
    classes = np.array(sorted({0, *definitions.speeds_mbit, definitions.target_speed_mbit}))
    upload, wireless = found["upload_mbit"], found["wireless_speed_mbit"]
    symmetric = pd.array(upload >= speed, dtype="boolean")
    symmetric[np.isnan(upload)] = pd.NA
    found |= {
        "symmetric": symmetric,
        "wired_class_mbit": _classes(speed, classes),
        "any_class_mbit": _classes(np.maximum(speed, wireless), classes),
        "networks": found_networks,
        "aid_colour": dealt(np.minimum(found_networks, 2), AID_COLOURS),
    }
    status = _joined(premises, found)
    status.attrs["unmatched_points"] = unmatched
    return status


def _joined(premises: pd.DataFrame, found: dict[str, Any]) -> pd.DataFrame:
    """Give premises with new columns, those of the table first; no long column is copied."""
    columns = {name: premises[name] for name in premises.columns if name not in found} | {
        name: pd.Series(values, index=premises.index, copy=False) for name, values in found.items()
    }
    first = [name for name in STATUS.columns if name in columns]
    if isinstance(premises, gpd.GeoDataFrame):
        first.append(premises.geometry.name)
    names = [*first, *(name for name in columns if name not in first)]
    status = pd.DataFrame({name: columns[name] for name in names}, copy=False)
    if isinstance(premises, gpd.GeoDataFrame):
        status = gpd.GeoDataFrame(status, geometry=premises.geometry.name)
    status.attrs = dict(premises.attrs)
    return status


_SETS: Final = [
    ", ".join(name for bit, name in enumerate(TECHNOLOGIES) if number & (1 << bit))
    for number in range(1 << len(TECHNOLOGIES))
]
"""Every set of technologies, in words, by its bits."""


def distance_to_fibre(
    premises: pd.DataFrame,
    status: pd.DataFrame,
    *,
    fibre: gpd.GeoDataFrame | None,
    connected: gpd.GeoDataFrame | None = None,
    limit_m: float,
    crs: object = None,
) -> pd.Series[float]:
    """Measure how far each premises is from existing fibre of any kind.

    Parameters
    ----------
    premises, status : DataFrame
        tables.PREMISES, and tables.STATUS of the same rows for who has fibre.
    fibre, connected
        As in :func:`premises_status`.
    limit_m : float
        How far to look, m.
    crs : CRS, str or int, optional
        CRS of x and y where premises have no geometry.

    Returns
    -------
    Series of float64
        Metres to the nearest route, building with fibre or connected point of fibre; 0
        where the premises has fibre itself, inf beyond ``limit_m``. Index of ``premises``.
    """
    places = _Places.of(premises, crs)
    codes, sets = pd.factorize(status["technologies"])
    has_fibre = np.array(["fibre" in str(names).split(", ") for names in sets], dtype=bool)[codes]
    x, y = places.x[has_fibre], places.y[has_fibre]
    if connected is not None and len(connected):
        access = _point_access(connected, 1.0)
        of_fibre = (access.rank == _FIBRE) & (access.speed > 0)
        x = np.concatenate([x, shapely.get_x(connected.geometry.to_numpy())[of_fibre]])
        y = np.concatenate([y, shapely.get_y(connected.geometry.to_numpy())[of_fibre]])
    route = _route_distance(places, _routes(fibre, places.crs), limit_m)
    building = _building_distance(places, has_fibre, x, y, limit_m, asked=~has_fibre)
    nearest = np.minimum(route, building)
    nearest[has_fibre] = 0.0
    nearest[nearest > limit_m + ROUNDING_M] = np.inf
    return pd.Series(nearest, index=premises.index, name="fibre_m")


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
    need_columns(premises, ("premises_id",), "premises")
    need_columns(coverage, ("premises_id",), "coverage", fix=NAME_COLUMNS)
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


@dataclass
class _Places:
    """Premises as arrays, checked."""

    premises: pd.DataFrame
    x: Floats
    y: Floats
    crs: pyproj.CRS
    ids: pd.Index[str]

    @classmethod
    def of(cls, premises: pd.DataFrame, crs: object) -> _Places:
        if isinstance(premises, gpd.GeoDataFrame):
            said = check_metric(premises, where="premises")
        else:
            if crs is None:
                msg = "premises have no geometry, and their CRS is not given"
                raise BadValueError(msg, where="premises", fix="give crs, e.g. 'EPSG:3006'")
            said = metric_crs(crs)
        needed = [name for name, column in PREMISES.columns.items() if column.required]
        need_columns(premises, tuple(needed), "premises")
        x, y = (premises[name].to_numpy(dtype="float64") for name in ("x", "y"))
        ids = premises["premises_id"].astype("str")
        repeated = count_repeated(ids)
        if repeated:
            msg = f"{repeated} of {len(ids)} rows repeat a premises_id"
            raise DuplicateIdsError(msg, where="premises", fix="keep one row per building")
        return cls(premises, x, y, said, pd.Index(ids))

    @cached_property
    def order(self) -> Ints:
        """Rows in an order in which neighbours follow each other."""
        return curve_order(self.x, self.y)

    def rows_of(self, table: pd.DataFrame, where: str) -> Ints:
        """Give the premises that each row of a table is about, -1 for none."""
        need_columns(table, ("premises_id",), where, fix=NAME_COLUMNS)
        named = pd.Index(table["premises_id"].astype("str"))
        return self.ids.get_indexer(named).astype(np.int64)

    def inside(self, areas: gpd.GeoDataFrame, where: str) -> Iterator[tuple[Ints, Ints]]:
        """Pair premises with the polygons that they lie in, borders included, in batches.

        The tree holds the points and each polygon is prepared once, so that detailed
        polygons and hundreds of thousands of cells are both fast.
        """
        check_same_crs(areas, self.crs, where=where)
        shapes = np.asarray(areas.geometry.array, dtype=object)
        wrong = ~np.isin(shapely.get_type_id(shapes), [-1, 3, 6])
        if wrong.any():
            msg = f"{wrong.sum()} of {len(wrong)} geometries are not polygons"
            raise GeometryError(msg, where=where, fix="give areas or cells as polygons")
        points = (
            np.asarray(self.premises.geometry.array, dtype=object)
            if isinstance(self.premises, gpd.GeoDataFrame)
            else shapely.points(self.x, self.y)
        )
        tree = shapely.STRtree(points)
        for start in range(0, len(shapes), AREAS_AT_A_TIME):
            batch = shapes[start : start + AREAS_AT_A_TIME]
            area, at = tree.query(batch, predicate="intersects")
            yield at, area + start


@dataclass
class _Aid:
    """Counts a network where it gives the aid threshold by a technology that counts."""

    networks: Networks
    definitions: Definitions

    def take(self, at: Ints, rank: Ints, speed: Floats, operator: NDArray[np.object_]) -> None:
        # Where fibre is, its speed can be ordered.
        orderable = float(self.definitions.passed_speed_mbit)
        speed = np.where(rank == _FIBRE, np.maximum(speed, orderable), speed)
        counts = np.isin(np.array(TECHNOLOGIES), self.definitions.aid_technologies)[rank]
        counts &= speed >= self.definitions.aid_speed_mbit
        self.networks.take(at[counts], rank[counts], operator[counts])


def _take(best: _Best, aid: _Aid, access: Access, at: Ints, rows: Ints, by: Ints) -> None:
    rank, speed = access.rank[rows], access.speed[rows]
    best.take(at, rank, speed, access.upload[rows], by)
    aid.take(at, rank, speed, access.operator[rows])


@dataclass(frozen=True)
class _There:
    """What the sources say that there is, before anything is measured."""

    best: _Best
    x: Floats  # of places with fibre
    y: Floats
    cells: NDArray[np.object_]
    unmatched: int


def _what_is_there(
    places: _Places,
    aid: _Aid,
    definitions: Definitions,
    *,
    coverage: pd.DataFrame | None,
    coverage_areas: gpd.GeoDataFrame | None,
    connected: gpd.GeoDataFrame | None,
) -> _There:
    best = _Best(len(places.x), definitions.wired_technologies)
    cells = np.zeros(0, dtype=object)
    if coverage is not None:
        access = read_access(coverage, where="coverage")
        at = places.rows_of(coverage, "coverage")
        if len(places.x) and len(at) and not (at >= 0).any():
            msg = (
                f"none of the {len(at)} rows names a building that is there: the coverage says"
                f" {str(coverage['premises_id'].iloc[0])!r}, the premises {places.ids[0]!r}"
            )
            fix = "use the same building ids in both, written the same way"
            raise BadValueError(msg, where="coverage", fix=fix)
        rows = np.flatnonzero((at >= 0) & (access.speed > 0))
        by = np.full(len(rows), BY_TABLE, dtype=np.int64)
        _take(best, aid, access, at[rows], rows, by)
    if coverage_areas is not None:
        access = read_access(coverage_areas, where="coverage areas")
        named = "cell_id" in coverage_areas
        if named:
            cells = coverage_areas["cell_id"].astype("str").to_numpy(dtype=object)
        for place, area in places.inside(coverage_areas, "coverage areas"):
            served = access.speed[area] > 0
            at, rows = place[served], area[served]
            by = rows if named else np.full(len(rows), BY_AREA, dtype=np.int64)
            _take(best, aid, access, at, rows, by)
    x, y = places.x[best.has_fibre], places.y[best.has_fibre]
    if connected is None or connected.empty:
        return _There(best, x, y, cells, 0)
    points = _connected(connected, places, definitions)
    matched = np.flatnonzero(points.premises >= 0)
    by = np.full(len(matched), BY_POINT, dtype=np.int64)
    _take(best, aid, points.access, points.premises[matched], matched, by)
    of_fibre = (points.access.rank == _FIBRE) & (points.access.speed > 0)
    x, y = (
        np.concatenate([x, points.x[of_fibre]]),
        np.concatenate([y, points.y[of_fibre]]),
    )
    return _There(best, x, y, cells, len(points.premises) - len(matched))


@dataclass(frozen=True)
class _Connected:
    """Connected points with the premises that each belongs to, -1 where none."""

    x: Floats
    y: Floats
    access: Access
    premises: Ints


def _point_access(connected: gpd.GeoDataFrame, speed_mbit: float) -> Access:
    table = connected if "technology" in connected else connected.assign(technology="fibre")
    return read_access(table, where="connected", speed_mbit=speed_mbit)


def _connected(
    connected: gpd.GeoDataFrame, places: _Places, definitions: Definitions
) -> _Connected:
    where = "connected"
    check_same_crs(connected, places.crs, where=where)
    shapes = np.asarray(connected.geometry.array, dtype=object)
    wrong = shapely.get_type_id(shapes) != 0
    if wrong.any():
        msg = f"{wrong.sum()} of {len(wrong)} geometries are not points"
        raise GeometryError(msg, where=where, fix="give each connected building as a point")
    x, y = shapely.get_x(shapes), shapely.get_y(shapes)
    access = _point_access(connected, float(definitions.passed_speed_mbit))
    _, at = nearest_point(x, y, places.x, places.y, max_distance=definitions.match_m + ROUNDING_M)
    return _Connected(x, y, access, at)


def _routes(fibre: gpd.GeoDataFrame | None, crs: pyproj.CRS) -> NDArray[np.object_]:
    """Give the fibre routes as lines; None where a row has none."""
    if fibre is None or fibre.empty:
        return np.zeros(0, dtype=object)
    where = "fibre"
    check_same_crs(fibre, crs, where=where)
    lines = np.asarray(fibre.geometry.array, dtype=object)
    types = shapely.get_type_id(lines)
    wrong = ~np.isin(types, [-1, 1, 2, 5])
    if wrong.any():
        msg = f"{wrong.sum()} of {len(wrong)} geometries are not lines"
        raise GeometryError(msg, where=where, fix="give fibre routes as lines")
    return lines


def _route_distance(places: _Places, lines: NDArray[np.object_], reach: float) -> Floats:
    """Measure the straight distance to the nearest fibre route; inf where none is in reach."""
    if not len(lines):
        return np.full(len(places.x), np.inf)
    distance: Floats = line_distance(
        places.x, places.y, lines, max_distance=reach + ROUNDING_M, order=places.order
    )
    return distance


def _building_distance(
    places: _Places, has_fibre: Bools, x: Floats, y: Floats, limit: float, *, asked: Bools
) -> Floats:
    """Measure the distance to the nearest place with fibre, for those that it can decide."""
    if len(x) and asked.any():
        distance, _ = nearest_point(
            places.x, places.y, x, y,
            max_distance=limit + ROUNDING_M, order=places.order[asked[places.order]],
        )  # fmt: skip
    else:
        distance = np.full(len(places.x), np.inf)
    distance[has_fibre] = 0.0
    return distance


def _take_routes(
    aid: _Aid,
    places: _Places,
    fibre: gpd.GeoDataFrame | None,
    lines: NDArray[np.object_],
    near: Bools,
    has_fibre: Bools,
    route_m: Floats,
    definitions: Definitions,
) -> None:
    """Count the networks whose fibre passes a premises, each named operator's on its own."""
    limit = definitions.proximity_m + ROUNDING_M
    by_route = route_m <= limit
    owner = np.full(len(lines), NO_OPERATOR, dtype=object)
    if fibre is not None and len(lines):
        owner = read_operators(fibre)
    passing = np.flatnonzero(near & ~by_route & ~has_fibre)
    _count_fibre(aid, passing, NO_OPERATOR, definitions)
    rows = np.flatnonzero(by_route)
    for name in np.unique(owner.astype(str)).tolist() if len(rows) else []:
        if name == NO_OPERATOR and (owner == NO_OPERATOR).all():
            _count_fibre(aid, rows, name, definitions)
            continue
        away = line_distance(
            places.x, places.y, lines[owner == name],
            max_distance=limit, order=places.order[by_route[places.order]],
        )  # fmt: skip
        _count_fibre(aid, np.flatnonzero(np.isfinite(away)), name, definitions)


def _count_fibre(aid: _Aid, at: Ints, operator: str, definitions: Definitions) -> None:
    """Count the fibre of one operator that passes the premises ``at``, each named once."""
    if "fibre" in definitions.aid_technologies:
        aid.networks.take_one(at, _FIBRE, operator)


def _promised(
    places: _Places,
    aid: _Aid,
    *,
    plans: pd.DataFrame | None,
    plan_areas: gpd.GeoDataFrame | None,
    definitions: Definitions,
    year: int,
) -> Promised:
    """Find the best credible plan of each premises, or why there is none."""
    at, speed, due, fault = [], [], [], []
    for table, where in ((plans, "plans"), (plan_areas, "plan areas")):
        if table is None:
            continue
        read = read_plans(table, where=where, definitions=definitions, year=year)
        pairs: Any = (
            [(places.rows_of(table, where), np.arange(len(table)))]
            if where == "plans"
            else places.inside(table, where)
        )
        for place, row in pairs:
            known = place >= 0
            here, rows = place[known], row[known]
            at.append(here)
            speed.append(read.speed[rows])
            due.append(read.due[rows])
            fault.append(read.fault[rows])
            sure = read.fault[rows] == CREDIBLE
            aid.take(
                here[sure], read.rank[rows][sure], read.speed[rows][sure],
                read.operator[rows][sure],
            )  # fmt: skip
    nothing: list[Ints] = [np.zeros(0, dtype=np.int64)]
    return best_plans(
        len(places.x),
        *(np.concatenate(parts or nothing) for parts in (at, speed, due, fault)),
    )


def _classes(speed: Floats, classes: Ints) -> Ints:
    found = np.full(len(speed), classes[0], dtype=np.int64)
    for least in classes[1:]:
        found[speed >= least] = least
    return found
