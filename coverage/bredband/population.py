"""Population of a grid laid on the buildings that can hold it.

Dasymetric: the people of a cell live in its buildings, not on its fields. Each
cell's people go to the buildings in it that can hold any, by how many they can
hold; known totals per municipality then rake the sums right and leave the
pattern within each municipality as it was. With one margin only there is nothing
to iterate: raking is one multiplication per municipality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import parse_crs, transform_points
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
    WrongCrsError,
)
from bredband_gis.grids import Pieces, count_repeated, find_cells, move, split_cells
from bredband_gis.points import nearest_point
from bredband_gis.quality import Finding
from bredband_gis.rasters import read_cells

from bredband.placed import check_metric, check_same_crs, code_keys, municipality_of, points_in
from bredband.premises import scale_households
from bredband.tables import PROVENANCES, SET_ASIDE, need_columns

if TYPE_CHECKING:
    import geopandas as gpd
    import pyproj
    from bredband_gis.crs import Bounds
    from bredband_gis.files import Source
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Shapes = NDArray[np.object_]

PERSONS_PER_HOUSEHOLD: Final = 2.22
"""A village network's rule of thumb: residents / 2.22 (F vofiber.se/144: Osby 5 872 so estimated,
6 002 counted by PTS)."""

REACH_M: Final = 1000.0
"""How far outside a cell without buildings its people may be laid, m: one cell of SCB's
1 km grid, whose smallest numbers are moved about on purpose; no published source (U)."""

NOT_NEAR: Final = "no building that can hold people near enough"
"""Why the people of a cell, or a part of them, are not placed."""

_MICRO: Final = 1e6
"""Persons are counted in millionths where whole numbers are needed."""


@dataclass(frozen=True, eq=False)
class Laid:
    """Population on buildings.

    Attributes
    ----------
    persons : Series of float
        Per building, aligned to the buildings' index; after raking. Derived, whatever the
        grid: nobody counted who lives in the building.
    table : DataFrame
        ``tables.POPULATION`` and provenance, one row per municipality.
    set_aside : DataFrame
        ``tables.SET_ASIDE``: cells that cannot be used, and cells whose people (or a part
        of them) no building is near enough to hold.
    outside : float
        Persons of cells across the region's edge that were left to the other side.
    findings : tuple of Finding
        What is odd, in words.
    """

    persons: pd.Series[float]
    table: pd.DataFrame
    set_aside: pd.DataFrame
    outside: float
    findings: tuple[Finding, ...]


def lay_population(
    buildings: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    grid: gpd.GeoDataFrame,
    *,
    capacity: ArrayLike,
    totals: pd.DataFrame | None = None,
    water: gpd.GeoDataFrame | None = None,
    reach_m: float = REACH_M,
    border_tolerance_m: float = 200.0,
    file: str = "",
) -> Laid:
    """Lay the population of a grid on the buildings that can hold people.

    A building gets ``population x share x capacity / capacity in the cell``, where share is
    the part of the cell's land that lies in the region. A cell over the border of two
    municipalities is so split by where its buildings lie. A cell without a building that
    can hold anybody gives its people, parted by land area where it lies in several
    municipalities, to the building of the same municipality nearest to its middle that
    lies within ``reach_m`` of the cell, or reports them as not placed. Where a
    municipality's population is known its buildings are then multiplied by one factor.

    The buildings are brought to the grid's CRS, so that the cells stay as they are.
    A building on the edge of two cells belongs to the one whose lower left it lies on;
    where cells overlap, to the smallest. The order of the rows changes nothing.

    Parameters
    ----------
    buildings : GeoDataFrame
        Points or polygons in a projected metric CRS. Those outside every municipality
        get nobody.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES, same CRS. With the sea that belongs to them, or with
        ``water``, a cell on the coast keeps its people; else the sea counts as the land
        of somebody else.
    grid : GeoDataFrame
        population (persons, from 0) and polygons in any CRS: cells, squares or zones.
    capacity : array of float, shape (buildings,)
        How much each building can hold, e.g. households of
        :func:`bredband.premises.derive_households`; 0 where nobody lives.
    totals : DataFrame, optional
        municipality_code, population. A municipality without a row is not raked.
    water : GeoDataFrame, optional
        Polygons where nobody lives, the buildings' CRS.
    reach_m : float
        How far from a cell without buildings its people may be laid, m (U, see
        :data:`REACH_M`).
    border_tolerance_m : float
        As in :func:`bredband.premises.build_premises`, m (U).
    file : str
        Named in the set-aside table and in messages.

    Returns
    -------
    Laid

    Raises
    ------
    NoCrsError, NotMetricError, WrongCrsError
        A layer has no CRS or another than the buildings', or no cell lies on the region.
    MissingColumnError, BadValueError, DuplicateIdsError, GeometryError
        Columns are missing or wrong, a cell or a total stands twice, cells are no polygons.
    EmptyLayerError
        No cell can be used.
    """
    where = ", ".join(part for part in (file, "layer population") if part)
    crs = check_metric(buildings, where="layer buildings")
    check_same_crs(municipalities, crs, where="layer municipalities")
    if water is not None:
        check_same_crs(water, crs, where="layer water")
    held = _capacity(capacity, len(buildings))
    _, x, y = points_in(buildings, "layer buildings")
    held = np.where(np.isfinite(x) & np.isfinite(y), held, 0.0)
    home, _ = municipality_of(x, y, municipalities, border_tolerance_m)
    cells = _Cells.of(grid, where)

    polygons = _polygons(municipalities)
    pieces = split_cells(
        cells.shapes,
        move(polygons, crs, cells.crs),
        wet=None if water is None else move(_polygons(water), crs, cells.crs),
    )
    living = np.flatnonzero((held > 0) & (home >= 0))
    cell = np.full(len(buildings), -1, dtype=np.int64)
    cell[living] = find_cells(cells.shapes, *transform_points(x[living], y[living], crs, cells.crs))

    number = len(cells.people)
    inside = _total(pieces.cell, pieces.share, number)
    here = np.flatnonzero(cell >= 0)
    room = _total(cell[here], held[here], number)
    # Of the region by a building just outside a generalised border: an island left out.
    inside[(inside == 0) & (room > 0)] = 1.0
    inside = np.minimum(inside, 1.0)
    if not (inside > 0).any():
        msg = f"none of the {number} cells with people lies in a municipality"
        fix = "check the CRS of the grid, or take one that covers the region"
        raise WrongCrsError(msg, where=where, fix=fix)
    people = cells.people * inside
    persons = np.zeros(len(buildings))
    persons[here] = people[cell[here]] * held[here] / room[cell[here]]

    rest = pieces.only(room[pieces.cell] == 0)
    amount = cells.people[rest.cell] * rest.share
    placed = _lay_rest(
        rest, amount, persons, x, y, held, home, crs=cells.crs, to=crs, reach=reach_m
    )
    areas = len(municipalities)
    lost = _total(rest.area, np.where(placed, 0.0, amount), areas)
    by_area = _total(pieces.area, cells.people[pieces.cell] * pieces.share, areas)

    codes = municipalities["municipality_code"].astype("str").reset_index(drop=True)
    before = _sums(persons, home, areas)
    target = np.full(areas, np.nan)
    if totals is not None:
        target = code_keys(codes).map(_wanted(totals)).to_numpy(dtype="float64", na_value=np.nan)
    unlit = (target > 0) & (before == 0)
    persons, factor = _rake(persons, home, held, target, unlit)
    after = _sums(persons, home, areas)
    # A sum of many floats is right to some digits only; beyond them there is no residual.
    after = np.where(np.isclose(after, target, rtol=1e-9, atol=1e-9), target, after)
    table = pd.DataFrame(
        {
            "municipality_code": codes,
            "municipality_name": municipalities["municipality_name"].astype("str").to_numpy(),
            "grid": by_area,
            "on_buildings": before,
            "not_placed": lost,
            "total": pd.array(target, dtype="Float64").astype("Int64"),
            "factor": factor,
            "population": after,
            "residual": after - target,
            "provenance": _provenance(buildings),
        }
    )
    tally = _Tally(cells, inside, rest, amount, placed, unlit, water is not None, file)
    return Laid(
        persons=pd.Series(persons, index=buildings.index, name="persons"),
        table=table,
        set_aside=pd.concat([cells.aside(file), tally.not_placed()], ignore_index=True),
        outside=tally.left_outside(),
        findings=tally.findings(table, reach_m),
    )


def households_from_population(
    persons: pd.Series[float] | Floats,
    municipality_code: pd.Series[str] | NDArray[Any],
    totals: pd.DataFrame | None = None,
    ids: pd.Series[str] | NDArray[Any] | None = None,
) -> pd.Series[int]:
    """Make whole households of persons per building, right in every municipality's sum.

    A municipality whose households are known gets exactly these. Elsewhere it gets
    ``persons / 2.22`` (:data:`PERSONS_PER_HOUSEHOLD`), rounded once for the municipality.
    They go to the buildings in proportion to their persons, in whole numbers by largest
    remainder (:func:`bredband.premises.scale_households`): where one person is spread over
    several houses, one of them has the household and the others none.

    Parameters
    ----------
    persons : array of float, shape (n,)
        Persons per building, from 0.
    municipality_code : array of str, shape (n,)
        Municipality of each building; empty where it lies in none, where nobody is counted.
    totals : DataFrame, optional
        municipality_code, households (empty where not known).
    ids : array of str, shape (n,), optional
        Building ids, which tell equal remainders apart.

    Returns
    -------
    Series of int64
        Aligned to ``persons``.

    Raises
    ------
    MissingColumnError, DuplicateIdsError, BadValueError
        The totals are wrong, or persons are negative or no numbers.
    """
    index = persons.index if isinstance(persons, pd.Series) else None
    amount = np.asarray(persons, dtype=np.float64)
    if not (np.isfinite(amount) & (amount >= 0)).all():
        bad = int((~(np.isfinite(amount) & (amount >= 0))).sum())
        msg = f"persons are negative or no number for {bad} of {len(amount)} buildings"
        raise BadValueError(msg, where="persons", fix="lay the population on the buildings first")
    code = pd.Series(np.asarray(municipality_code, dtype=object))
    nowhere = code.isna().to_numpy()
    key = code_keys(code.fillna(""))
    micro = np.rint(np.where(nowhere, 0.0, amount) * _MICRO).astype(np.int64)
    sums = pd.Series(micro).groupby(key.to_numpy()).sum() / _MICRO
    sums = sums[sums > 0]
    households = (sums / PERSONS_PER_HOUSEHOLD).round().astype("int64")
    if totals is not None and "households" in totals:
        known = pd.DataFrame(
            {"municipality_code": totals["municipality_code"], "households": totals["households"]}
        ).dropna(subset=["households"])
        given = _whole(known, "households")
        households.update(given[given.index.isin(sums.index)])
    wanted = households.rename_axis("municipality_code").reset_index(name="households")
    whole = scale_households(micro, key, wanted, ids=None if ids is None else np.asarray(ids))
    # What scale_households leaves alone are buildings of municipalities without persons.
    whole = np.where(key.isin(sums.index).to_numpy() & ~nowhere, whole, 0)
    return pd.Series(whole, index=index, name="households", dtype="int64")


def grid_from_raster(
    source: Source, *, crs: object, extent: Bounds | None = None
) -> gpd.GeoDataFrame:
    """Read the cells of a population raster that hold people.

    Parameters
    ----------
    source : Source
        The raster; ``layer`` is its band, ``crs`` what it is in where it does not say.
    crs : CRS, str or int
        CRS of ``extent``.
    extent : tuple of float, optional
        minx, miny, maxx, maxy of the region; only this part is read.

    Returns
    -------
    GeoDataFrame
        population and the pixels' polygons, in the raster's own CRS: there they are squares.
        Pixels without people or data are left out.

    Raises
    ------
    UnreadableSourceError, NoCrsError, WrongCrsError
        As :func:`bredband_gis.rasters.read_cells`.
    BadValueError
        A pixel holds fewer than 0 people.
    """
    cells = read_cells(source, crs=crs, extent=extent, name="population")
    negative = int((cells["value"] < 0).sum())
    if negative:
        msg = f"{negative} pixels hold fewer than 0 people, first {cells['value'].min():g}"
        fix = "set that value as the raster's no-data value (gdal_edit.py -a_nodata)"
        raise BadValueError(msg, where=source.path.name, fix=fix)
    return cells.rename(columns={"value": "population"})


# --- cells ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Cells:
    """The cells with people, where each was in the grid, and what was set aside."""

    shapes: Shapes
    people: Floats
    row: Ints
    crs: pyproj.CRS
    reasons: NDArray[np.object_]
    rows: Ints

    @classmethod
    def of(cls, grid: gpd.GeoDataFrame, where: str) -> _Cells:
        if grid.crs is None:
            msg = "the grid has no CRS"
            raise NoCrsError(msg, where=where, fix='write crs = "EPSG:3006" (or what it is in)')
        fix = 'name it in region.toml: columns = { population = "the file\'s name for it" }'
        need_columns(grid, ("population",), where, fix=fix)
        shapes = np.asarray(grid.geometry.array, dtype=object)
        kind = shapely.get_type_id(shapes)
        wrong = ~np.isin(kind, [-1, 3, 6]) & ~shapely.is_empty(shapes)
        if wrong.any():
            msg = f"{wrong.sum()} of {len(wrong)} cells are no polygons"
            fix = "for a table of square cells write cell_m, their side in metres"
            raise GeometryError(msg, where=where, fix=fix)
        people = pd.to_numeric(grid["population"], errors="coerce").to_numpy(
            dtype="float64", na_value=np.nan
        )
        area = np.nan_to_num(shapely.area(shapes))
        reasons = np.select(
            [kind < 0, ~(area > 0), ~np.isfinite(people), people < 0],
            [
                "has no geometry",
                "its geometry has no area",
                "its population is no number",
                "its population is negative",
            ],
            default="",
        ).astype(object)
        number = grid.index.to_numpy() if pd.api.types.is_integer_dtype(grid.index) else None
        rows = np.arange(len(grid)) if number is None else number.astype(np.int64)
        good = np.flatnonzero((reasons == "") & (people > 0))
        if not len(good):
            msg = f"none of the {len(grid)} cells holds anybody"
            raise EmptyLayerError(msg, where=where, fix="check the column of the population")
        cells = cls(shapes[good], people[good], rows[good], parse_crs(grid.crs), reasons, rows)
        cells._refuse_repeated(where)
        return cells

    def _refuse_repeated(self, where: str) -> None:
        repeated = count_repeated(self.shapes)
        if repeated:
            msg = f"{repeated} of {len(self.shapes)} cells stand more than once"
            fix = "keep one row per cell; where each country has its own row, add them together"
            raise DuplicateIdsError(msg, where=where, fix=fix)

    def aside(self, file: str) -> pd.DataFrame:
        bad = np.flatnonzero(self.reasons != "")
        return _aside(self.rows[bad], self.reasons[bad], file)


def _lay_rest(
    rest: Pieces,
    amount: Floats,
    persons: Floats,
    x: Floats,
    y: Floats,
    held: Floats,
    home: Ints,
    *,
    crs: pyproj.CRS,
    to: pyproj.CRS,
    reach: float,
) -> NDArray[np.bool_]:
    """Lay people of cells without buildings on the nearest ones; say which were placed."""
    placed = np.zeros(len(amount), dtype=bool)
    living = np.flatnonzero((held > 0) & (home >= 0))
    if not len(amount) or not len(living):
        return placed
    shapes = move(rest.shapes, crs, to)
    middle = shapely.point_on_surface(shapes)
    middle_x, middle_y = shapely.get_x(middle), shapely.get_y(middle)
    upright = shapely.area(shapes) > 0.999 * shapely.area(shapely.envelope(shapes))
    box = shapely.bounds(shapes)
    middle_x = np.where(upright, (box[:, 0] + box[:, 2]) / 2, middle_x)
    middle_y = np.where(upright, (box[:, 1] + box[:, 3]) / 2, middle_y)
    # Buildings on one spot are one site, and sites are sorted: their order decides nothing.
    sites, site = np.unique(
        np.column_stack([home[living], x[living], y[living]]), axis=0, return_inverse=True
    )
    site = site.reshape(-1)
    room = np.bincount(site, weights=held[living])
    laid = np.zeros(len(sites))
    for area in np.unique(rest.area):
        mine = np.flatnonzero(rest.area == area)
        first, last = np.searchsorted(sites[:, 0], [area, area + 1])
        _, near = nearest_point(
            middle_x[mine],
            middle_y[mine],
            sites[first:last, 1],
            sites[first:last, 2],
            max_distance=np.inf,
        )
        mine, near = mine[near >= 0], near[near >= 0] + first
        away = shapely.distance(shapes[mine], shapely.points(sites[near, 1:]))
        ok = away <= reach
        placed[mine[ok]] = True
        np.add.at(laid, near[ok], amount[mine[ok]])
    persons[living] += laid[site] * held[living] / room[site]
    return placed


def _total(group: Ints, amount: Floats, number: int) -> Floats:
    """Add amounts up by group; numpy makes whole numbers of none at all."""
    return np.bincount(group, weights=amount, minlength=number).astype(np.float64)


def _sums(persons: Floats, home: Ints, areas: int) -> Floats:
    ours = home >= 0
    return _total(home[ours], persons[ours], areas)


def _rake(
    persons: Floats, home: Ints, held: Floats, target: Floats, unlit: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Multiply each municipality's persons to its total; give the factors too, nan for none."""
    ours = np.flatnonzero(home >= 0)
    area = home[ours]
    # Where the grid holds nobody, what the buildings can hold is all that is known.
    persons = persons.copy()
    persons[ours] = np.where(unlit[area], held[ours], persons[ours])
    base = _sums(persons, home, len(target))
    known = ~np.isnan(target) & (base > 0)
    factor = np.divide(target, base, out=np.full(len(target), np.nan), where=known)
    persons[ours] *= np.where(known, factor, 1.0)[area]
    return persons, np.where(unlit, np.nan, factor)


# --- what is told ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Tally:
    """What the set-aside table and the findings are made of."""

    cells: _Cells
    inside: Floats
    rest: Pieces
    amount: Floats
    placed: NDArray[np.bool_]
    unlit: NDArray[np.bool_]
    has_water: bool
    file: str

    @property
    def _across(self) -> NDArray[np.bool_]:
        return (self.inside > 0) & (self.inside < 1 - 1e-9)

    def left_outside(self) -> float:
        """Count the persons of cells across the region's edge that are not ours."""
        return float((self.cells.people * (1 - self.inside))[self._across].sum())

    def not_placed(self) -> pd.DataFrame:
        cell = self.rest.cell[~self.placed]
        lost = _total(cell, self.amount[~self.placed], len(self.inside))
        rows = np.flatnonzero(lost > 0)
        reasons = np.full(len(rows), NOT_NEAR, dtype=object)
        return _aside(self.cells.row[rows], reasons, self.file)

    def findings(self, table: pd.DataFrame, reach: float) -> tuple[Finding, ...]:
        found: list[Finding] = []

        def note(rule: str, rows: int, message: str, fix: str, **details: Any) -> None:
            found.append(
                Finding(rule, "warning", "population", self.file, rows, message, fix, details)
            )

        bad = int((self.cells.reasons != "").sum())
        if bad:
            first = self.cells.reasons[self.cells.reasons != ""][0]
            note("cells-unusable", bad, f"{bad} cells were not used; the first {first}",
                 "correct them in the grid", n=bad, reason=str(first))  # fmt: skip
        left = self.left_outside()
        if left >= 0.5:
            by = "land area" if self.has_water else "area, water too"
            note(
                "cells-across-border", int(self._across.sum()),
                f"{left:.0f} persons of cells across the region's edge were left to the other"
                f" side by {by}",
                "give municipal totals of the population"
                + ("" if self.has_water else ", municipalities with their sea, or water"),
                persons=round(left),
            )  # fmt: skip
        lost = float(self.amount[~self.placed].sum())
        if lost >= 0.5:
            note(
                "population-not-placed", len(np.unique(self.rest.cell[~self.placed])),
                f"{lost:.0f} persons live in cells without a building that can hold them within"
                f" {reach:g} m",
                "check that the buildings cover the region and that their kinds are right",
                persons=round(lost), limit_m=reach,
            )  # fmt: skip
        names = table["municipality_name"]
        if self.unlit.any():
            note(
                "no-population-in-grid", int(self.unlit.sum()),
                f"the grid holds nobody in {', '.join(names[self.unlit])}; its total was laid by"
                " what the buildings can hold",
                "take a grid that covers the municipality",
                names=", ".join(names[self.unlit]),
            )  # fmt: skip
        off = table["residual"].abs().fillna(0).to_numpy() > 0.5
        if off.any():
            note(
                "total-not-met", int(off.sum()),
                f"no building can hold the population of {', '.join(names[off])}",
                "check that the buildings cover the municipality",
                names=", ".join(names[off]),
            )  # fmt: skip
        return tuple(found)


def _aside(rows: Ints, reasons: NDArray[np.object_], file: str) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "layer": pd.Series("population", index=range(len(rows)), dtype="str"),
            "file": pd.Series(file, index=range(len(rows)), dtype="str"),
            "row": rows.astype(np.int64),
            "id": pd.Series(rows, dtype="int64").astype("str"),
            "reason": pd.Series(reasons, dtype="str"),
        }
    )
    return table[list(SET_ASIDE.columns)]


# --- checks ------------------------------------------------------------------------------


def _polygons(frame: gpd.GeoDataFrame) -> Shapes:
    return np.asarray(frame.geometry.array, dtype=object)


def _capacity(capacity: ArrayLike, number: int) -> Floats:
    held = np.asarray(capacity, dtype=np.float64)
    where = "capacity of the buildings"
    if held.shape != (number,):
        msg = f"there are {held.size} values for {number} buildings"
        raise BadValueError(msg, where=where, fix="give one value per building")
    wrong = ~np.isfinite(held) | (held < 0)
    if wrong.any():
        msg = f"{wrong.sum()} of {number} values are negative or no number"
        raise BadValueError(msg, where=where, fix="write 0 where nobody lives")
    if not (held > 0).any():
        msg = f"none of the {number} buildings can hold anybody"
        raise EmptyLayerError(msg, where=where, fix="check the kinds of the buildings")
    return held


def _wanted(totals: pd.DataFrame) -> pd.Series[Any]:
    need_columns(totals, ("population",), "totals", fix="name the file's column for it")
    return _whole(totals[totals["population"].notna()], "population")


def _whole(totals: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Give whole numbers by municipality key, checked."""
    where = f"totals, {len(totals)} rows"
    if "municipality_code" not in totals:
        msg = "column municipality_code is missing"
        raise MissingColumnError(msg, where=where, fix="name the file's column for it")
    key = code_keys(totals["municipality_code"])
    if key.duplicated().any():
        some = ", ".join(key[key.duplicated()].unique()[:5])
        msg = f"a municipality stands on more than one row: {some}"
        raise DuplicateIdsError(msg, where=where, fix="keep one row per municipality")
    number = pd.to_numeric(totals[name], errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    wrong = ~np.isfinite(number) | (number < 0) | (number != np.floor(number))
    if wrong.any():
        first = totals[name].iloc[int(np.flatnonzero(wrong)[0])]
        msg = f"column {name} must hold whole numbers from 0: {wrong.sum()} do not, first {first!r}"
        raise BadValueError(msg, where=where, fix="correct the values")
    return pd.Series(number.astype(np.int64), index=key.to_numpy(), name=name)


def _provenance(buildings: gpd.GeoDataFrame) -> str:
    """Give derived, or what is less certain among the buildings."""
    marks = set(buildings["provenance"].unique()) if "provenance" in buildings else set()
    found: str = max([*marks & set(PROVENANCES), "derived"], key=PROVENANCES.index)
    return found
