"""What the ground is: the price of a metre along each road, and where there is none.

Along roads, what lies under them decides::

    price = price of the item x product of the factors of all that lies there
    item  = the dearest that a class puts in place of the road's surface, or else that surface

Where there is no road, cell by cell::

    item  = water: that of [ground] lake or sea; else that of the class of land cover, or
            elsewhere; a dearer one of soil or slope goes before it
    price = price of the item x product of the factors of all that lies there

Water is no ground: classes do nothing there, protected areas do. Of protected areas that
overlap the severest counts: closed before dearer, along roads and over land alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import shapely
from bredband_gis.overland import Friction
from bredband_gis.points import line_vertices
from bredband_gis.quality import Finding
from bredband_gis.surface import (
    NO_DATA,
    UNLISTED,
    Stretches,
    ValueClass,
    classify,
    join_equal,
    lay_on_polygons,
    lay_on_raster,
    lay_on_slope,
    overlay,
    read_on_grid,
    slope_of,
)

from bredband.settings_ground import CLOSED, LAYERS, GroundSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from bredband_gis.files import Source
    from bredband_gis.surface import Grid
    from numpy.typing import NDArray

    from bredband.prices import Prices
    from bredband.settings_ground import GroundClass, ProtectedRule

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SEAS: Final = ("hav", "havsvatten", "sea", "ocean")
"""Kinds of water that are sea, any case; all other water is a lake."""

LAKE: Final = 0
SEA: Final = 1


@dataclass(frozen=True)
class Ground:
    """What is known of the ground.

    Attributes
    ----------
    settings : GroundSettings
        ``[ground]`` of region.toml.
    rasters : mapping of str to sequence of Source
        Layer (``land_cover``, ``soil``, ``slope``) -> its rasters; where several cover a
        place the first that holds data there counts.
    water, protected : GeoDataFrame or None
        Polygons in the region's metric CRS, with ``kind`` if they have it.
    """

    settings: GroundSettings = field(default_factory=GroundSettings)
    rasters: Mapping[str, Sequence[Source]] = field(default_factory=dict)
    water: gpd.GeoDataFrame | None = None
    protected: gpd.GeoDataFrame | None = None

    def classes(self, layer: str) -> list[GroundClass]:
        """Give the classes of a layer, in the order of region.toml."""
        return [one for one in self.settings.classes if one.layer == layer]

    @property
    def layers(self) -> list[str]:
        """The layers that have both classes and rasters."""
        return [name for name in LAYERS if self.classes(name) and self.rasters.get(name)]

    @property
    def prices_roads(self) -> bool:
        """Whether a road can cost something else than its surface does."""
        rules = self.protected is not None and len(self.settings.protected) > 0
        return bool(self.layers) or rules


class LinePrices(NamedTuple):
    """What a metre costs along lines."""

    stretches: Stretches
    """Lines cut where that changes; ``code`` is the row of ``table``."""
    table: pd.DataFrame
    """``surface``, ``ground``, ``ground_factor``, ``price_sek_per_m`` (inf: no trench here),
    ``road_class`` (of ways over land)."""
    findings: tuple[Finding, ...]
    """What rasters and rules do not cover."""


def price_lines(
    ground: Ground,
    lines: NDArray[np.object_],
    surface: pd.Series[str],
    *,
    prices: Prices,
    crs: object,
) -> LinePrices:
    """Tell what a metre of trench costs along each stretch of each road.

    Parameters
    ----------
    ground : Ground
        Rasters, protected areas and what they do; at least one of these.
    lines : array of LineString or MultiLineString
        The roads.
    surface : Series of str
        The price item of each, as its road class has it.
    prices : Prices
        ``[prices]`` of region.toml.
    crs : CRS, str or int
        Metric CRS of the roads.

    Raises
    ------
    UnreadableSourceError, NoCrsError, WrongCrsError
        A raster cannot be used.
    """
    kinds = _kinds(ground)
    areas = _protected_areas(ground)
    laid = [_lay(ground, layer, lines, crs) for layer in kinds.layers]
    findings = [
        found
        for layer, cut in zip(kinds.layers, laid, strict=True)
        for found in _uncovered(layer, cut)
    ]
    laid.append(lay_on_polygons(lines, areas.shapes, areas.rule))
    findings += _without_rule(areas)
    cut = overlay(laid, line_vertices(lines))
    surfaces, item = np.unique(surface.to_numpy(dtype=object), return_inverse=True)
    # One number for each combination of what lies there; of these there are few.
    there = _combine(kinds, list(cut.code.T)) * surfaces.size + item[cut.line]
    numbers, row = np.unique(there, return_inverse=True)
    table, same = _tabulate(
        [
            _price_road(
                str(surfaces[n % surfaces.size]), _take_apart(kinds, n // surfaces.size), prices
            )
            for n in numbers.tolist()
        ]
    )
    stretches = join_equal(Stretches(cut.line, cut.start, cut.stop, same[row]))
    return LinePrices(stretches, table, tuple(findings))


def friction(
    ground: Ground, grid: Grid, ends: Ints, *, prices: Prices, crs: object, extra: float = 0.0
) -> Friction:
    """Tell what a metre costs in each cell of a grid where there is no road.

    Parameters
    ----------
    ground : Ground
        Rasters, water, protected areas and what they do.
    grid : Grid
        The cells.
    ends : array of int
        Cells, row by row, that a building stands in or a road passes. Where such a cell is
        closed by its land cover or by water, ways begin and end there all the same, and it
        costs what ``[ground] elsewhere`` says: a cell is larger than a plot.
    prices : Prices
        ``[prices]`` of region.toml.
    crs : CRS, str or int
        Metric CRS of the grid.
    extra : float
        Added to each metre that is not closed, SEK.

    Returns
    -------
    Friction
        ``code`` as :func:`price_ways` reads it.

    Raises
    ------
    UnreadableSourceError, NoCrsError
        A raster cannot be used.
    """
    kinds = _kinds(ground)
    layers = [_classes_in(ground, layer, grid, crs) for layer in kinds.layers]
    water, protected = _water_in(ground, grid), _protected_in(ground, grid)
    code = _combine(kinds, [*layers, protected], water)
    price = _price_codes(kinds, code, prices)
    shut = ends[np.isinf(price.ravel()[ends])]
    if shut.size:
        for values in (water, *(part for part, name in zip(layers, kinds.layers, strict=True)
                                if name == "land_cover")):  # fmt: skip
            values.ravel()[shut] = UNLISTED
        code = _combine(kinds, [*layers, protected], water)
        price = _price_codes(kinds, code, prices)
    return Friction(price + extra, code)


def price_ways(ground: Ground, stretches: Stretches, prices: Prices) -> LinePrices:
    """Tell what a metre costs along ways over land, by the codes that :func:`friction` gave.

    Parameters
    ----------
    ground, prices
        As there.
    stretches : Stretches
        The ways cut where the code changes.

    Returns
    -------
    LinePrices
        The table has ``road_class`` as well: water or overland.
    """
    kinds = _kinds(ground)
    numbers, row = np.unique(stretches.code, return_inverse=True)
    table, same = _tabulate(
        [_price_cell(kinds, _take_apart(kinds, n), prices) for n in numbers.tolist()]
    )
    return LinePrices(join_equal(replace(stretches, code=same[row])), table, ())


def _tabulate(rows: Sequence[_Priced]) -> tuple[pd.DataFrame, Ints]:
    """Make a table of the rows that differ; give the place in it of each row."""
    place = {one: n for n, one in enumerate(dict.fromkeys(rows))}
    table = pd.DataFrame(list(place), columns=list(_Priced._fields)).astype(
        {"ground_factor": "float64", "price_sek_per_m": "float64"}
    )
    return table, np.array([place[one] for one in rows], dtype=np.int64)


# --- what lies in one place ----------------------------------------------------------


class _Kinds(NamedTuple):
    """What can lie in one place: layers with their classes, rules, and settings."""

    layers: list[str]
    classes: list[list[GroundClass]]
    rules: list[ProtectedRule]
    settings: GroundSettings

    @property
    def sizes(self) -> list[int]:
        """How many codes each layer can have, and last the rules: with UNLISTED and NO_DATA."""
        return [*(len(held) - NO_DATA for held in self.classes), len(self.rules) - NO_DATA]


class _Here(NamedTuple):
    """What lies in one place."""

    classes: list[GroundClass]
    rule: ProtectedRule | None
    water: str | None
    """lake or sea."""

    @property
    def name(self) -> str:
        """The names of all that is there."""
        names = [self.water] if self.water else [one.name for one in self.classes]
        return "+".join(dict.fromkeys([*names, *([self.rule.name] if self.rule else [])]))


def _kinds(ground: Ground) -> _Kinds:
    layers = ground.layers
    return _Kinds(
        layers,
        [ground.classes(layer) for layer in layers],
        list(ground.settings.protected),
        ground.settings,
    )


def _combine(kinds: _Kinds, codes: Sequence[NDArray[Any]], water: Any = UNLISTED) -> Ints:
    """Give one number for what lies in each place: codes of the layers, then of the rules."""
    number: Ints = np.asarray(water, dtype=np.int64) - UNLISTED
    for code, size in zip(codes, kinds.sizes, strict=True):
        number = number * size + (code - NO_DATA)
    return number


def _take_apart(kinds: _Kinds, number: int) -> _Here:
    """Give what a number of :func:`_combine` stands for."""
    codes = []
    for size in reversed(kinds.sizes):
        number, code = divmod(number, size)
        codes.append(code + NO_DATA)
    rule, *layers = codes
    found = [
        classes[code]
        for classes, code in zip(kinds.classes, reversed(layers), strict=True)
        if code >= 0
    ]
    return _Here(
        found,
        kinds.rules[rule] if rule >= 0 else None,
        {LAKE: "lake", SEA: "sea"}.get(number + UNLISTED),
    )


class _Priced(NamedTuple):
    """A metre: its price item, what the ground is, the factor of that, and the price."""

    surface: str
    ground: str
    ground_factor: float
    price_sek_per_m: float
    road_class: str = ""


def _price_road(surface: str, here: _Here, prices: Prices) -> _Priced:
    """Price a metre along a road."""
    items = [one.trench for one in here.classes if one.trench is not None]
    if items:
        surface = max(items, key=lambda name: prices.per_metre[name].value)
    factor = float(np.prod([one.road_factor for one in here.classes]))
    if here.rule is not None:
        factor *= here.rule.road_factor
        if here.rule.roads_closed:
            return _Priced(surface, here.name, factor, np.inf)
    return _Priced(surface, here.name, factor, prices.per_metre[surface].value * factor)


def _price_cell(kinds: _Kinds, here: _Here, prices: Prices) -> _Priced:
    """Price a metre where there is no road."""
    factor = 1.0
    if here.water is not None:
        item = (kinds.settings.lake if here.water == "lake" else kinds.settings.sea) or CLOSED
    else:
        item = kinds.settings.elsewhere
        factor = float(np.prod([one.overland_factor for one in here.classes]))
        # Land cover comes first.
        for one in here.classes:
            named = one.overland
            if one.layer == "land_cover":
                item = named or CLOSED
            elif named == CLOSED:
                item = CLOSED
            elif named is not None and item != CLOSED:
                item = max(item, named, key=lambda name: prices.per_metre[name].value)
    if here.rule is not None:
        factor *= here.rule.overland_factor
        item = CLOSED if here.rule.closed else item
    wet = here.water is not None or item in prices.water
    road_class = "water" if wet else "overland"
    if item == CLOSED:
        return _Priced(item, here.name, factor, np.inf, road_class)
    price = prices.per_metre[item].value * factor
    return _Priced(item, here.name, factor, price, road_class)


def _price_codes(kinds: _Kinds, code: Ints, prices: Prices) -> Floats:
    """Give the price of a metre in each cell; inf is closed."""
    table = np.full(int(np.prod([3, *kinds.sizes])), np.inf)
    there = np.flatnonzero(np.bincount(code.ravel(), minlength=table.size))
    for number in there.tolist():
        table[number] = _price_cell(kinds, _take_apart(kinds, number), prices).price_sek_per_m
    price: Floats = table[code]
    return price


# --- rasters and polygons ------------------------------------------------------------


def _values(classes: Sequence[GroundClass]) -> list[ValueClass]:
    def number(value: float | None) -> float:
        return np.nan if value is None else value

    return [
        ValueClass(tuple(one.values), number(one.at_least), number(one.below)) for one in classes
    ]


def _lay(ground: Ground, layer: str, lines: NDArray[np.object_], crs: object) -> Stretches:
    """Cut the lines by one layer, of as many files as it has."""
    classes, sources = _values(ground.classes(layer)), ground.rasters[layer]
    options: dict[str, Any] = {"crs": crs, "name": LAYERS[layer], "must_meet": len(sources) == 1}
    if layer == "slope":
        step = ground.settings.slope_step_m
        parts = [lay_on_slope(lines, one, classes, step_m=step, **options) for one in sources]
    else:
        parts = [lay_on_raster(lines, one, classes, **options) for one in sources]
    if len(parts) == 1:
        return parts[0]
    cut = overlay(parts, line_vertices(lines))
    code = cut.code[:, 0]
    for other in range(1, len(parts)):
        code = np.where(code == NO_DATA, cut.code[:, other], code)
    return Stretches(cut.line, cut.start, cut.stop, code)


def _classes_in(ground: Ground, layer: str, grid: Grid, crs: object) -> NDArray[np.int16]:
    """Give the class of a layer in each cell of a grid."""
    values = np.full((grid.rows, grid.columns), np.nan)
    for source in ground.rasters[layer]:
        missing = np.isnan(values)
        if not missing.any():
            break
        heights = layer == "slope"
        found = read_on_grid(source, grid, crs=crs, name=LAYERS[layer], heights=heights)
        values[missing] = found[missing]
    if layer == "slope":
        values = slope_of(values, grid.cell_m)
    return classify(values, _values(ground.classes(layer)))


def _water_in(ground: Ground, grid: Grid) -> NDArray[np.int16]:
    """Give LAKE, SEA or UNLISTED per cell."""
    if ground.water is None:
        return np.full((grid.rows, grid.columns), UNLISTED, dtype=np.int16)
    kind = ground.water.get("kind", pd.Series("", index=ground.water.index))
    is_sea = kind.astype("object").fillna("").astype("str").str.strip().str.casefold().isin(SEAS)
    return _burn(ground.water.geometry.to_numpy(), np.where(is_sea, SEA, LAKE), grid)


def _protected_in(ground: Ground, grid: Grid) -> NDArray[np.int16]:
    """Give the rule of the severest protected area in each cell, UNLISTED where none.

    A closed area closes every cell that it touches, so that no way leads through it.
    """
    areas = _protected_areas(ground)
    rules = ground.settings.protected
    closed = np.array([rules[rule].closed for rule in areas.rule], dtype=bool)
    # What is burned last counts.
    code = _burn(areas.shapes[~closed][::-1], areas.rule[~closed][::-1], grid)
    shut = _burn(areas.shapes[closed][::-1], areas.rule[closed][::-1], grid, touched=True)
    return np.where(shut == UNLISTED, code, shut)


def _burn(
    shapes: NDArray[np.object_], code: NDArray[Any], grid: Grid, *, touched: bool = False
) -> NDArray[np.int16]:
    """Give each cell the code of the last polygon that holds its middle, or touches it."""
    from rasterio import Affine  # noqa: PLC0415 - slow to import
    from rasterio.features import rasterize  # noqa: PLC0415

    burned = np.full((grid.rows, grid.columns), UNLISTED, dtype=np.int16)
    near = np.flatnonzero(shapely.intersects(shapes, shapely.box(*grid.bounds)))
    if near.size:
        rasterize(
            zip(shapes[near], code[near].tolist(), strict=True),
            out=burned,
            transform=Affine(grid.cell_m, 0, grid.west, 0, -grid.cell_m, grid.north),
            all_touched=touched,
        )
    return burned


class _Areas(NamedTuple):
    """Protected areas, the severest first; areas without a rule are not in.

    rule: position in ``[[ground.protected]]``. without: kinds that no rule is about.
    """

    shapes: NDArray[np.object_]
    rule: Ints
    without: list[str]


def _protected_areas(ground: Ground) -> _Areas:
    rules, areas = ground.settings.protected, ground.protected
    if areas is None or not rules:
        return _Areas(np.empty(0, dtype=object), np.empty(0, dtype=np.int64), [])
    given = areas.get("kind", pd.Series("", index=areas.index))
    kind = given.astype("object").fillna("").astype("str").str.strip()
    place = {(one.kind or "").casefold(): n for n, one in enumerate(rules) if one.kind is not None}
    others = next((n for n, one in enumerate(rules) if one.kind is None), -1)
    rule = kind.str.casefold().map(place).fillna(others).to_numpy(dtype=np.int64)
    without = sorted(kind[rule < 0].unique())
    severity = np.array(
        [(one.roads_closed, one.closed, one.road_factor, one.overland_factor) for one in rules],
        dtype=float,
    )[rule]
    order = np.lexsort(-severity.T[::-1])
    order = order[rule[order] >= 0]
    return _Areas(areas.geometry.to_numpy()[order], rule[order], without)


# --- what is not covered -------------------------------------------------------------


def _uncovered(layer: str, cut: Stretches) -> list[Finding]:
    """Tell how many metres of road a raster says nothing about."""
    whole = cut.length.sum() / 1000.0
    told: list[Finding] = []
    for code, rule, severity, message, fix in (
        (NO_DATA, "ground-not-covered", "warning",
         "{some:.1f} of {all:.1f} km of road lie outside the raster or where it holds no data; "
         "no class applies there",
         "take a raster that covers the region, or several"),
        (UNLISTED, "ground-unlisted-value", "info",
         "{some:.1f} of {all:.1f} km of road have values that no class lists; "
         "no class applies there",
         "list the values in [[ground.classes]], if they matter"),
    ):  # fmt: skip
        metres = cut.metres([code])[0] / 1000.0
        if metres > 0 and (code == NO_DATA or layer != "slope"):
            told.append(
                Finding(
                    rule=rule,
                    severity=severity,  # type: ignore[arg-type]
                    layer=LAYERS[layer],
                    file="",
                    rows=int(np.unique(cut.line[cut.code == code]).size),
                    message=message.format(some=metres, all=whole),
                    fix=fix,
                )
            )
    return told


def _without_rule(areas: _Areas) -> list[Finding]:
    if not areas.without:
        return []
    listed = ", ".join(kind or "(empty)" for kind in areas.without[:5])
    return [
        Finding(
            rule="protected-without-rule",
            severity="info",
            layer="protected",
            file="",
            rows=len(areas.without),
            message=f"kinds of protected areas that no rule is about: {listed}",
            fix="add a rule to [[ground.protected]], or one without kind for all others",
        )
    ]
