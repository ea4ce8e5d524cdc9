"""Mobile coverage: what each operator's network covers of homes, land and roads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs
from bredband_gis.errors import BadValueError, EmptyLayerError, MissingColumnError
from bredband_gis.masks import MIXED_M, Mask, cover_zones, mask_at, pixel_m, points_along
from bredband_gis.points import locate
from bredband_gis.quality import Finding

from bredband.placed import check_metric, check_same_crs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pyproj
    from bredband_gis.files import Source
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ANY: Final = "any"
"""Operator or technology of a row that counts all of them together."""

_PARTLY: Final = 0.001
"""Share of the region beyond a raster from which that is told: less is a border's pixels."""


@dataclass(frozen=True, eq=False)
class MobileLayer:
    """What one operator covers with one technology, as one file has it.

    Parameters
    ----------
    operator, technology : str
        E.g. ``"Telia"``, ``"5g"``. Several layers may have the same: they cover together.
    source : Source, optional
        A raster; ``layer`` is its band, ``crs`` what it is in where it does not say.
    areas : GeoDataFrame, optional
        Polygons instead, in the region's CRS.
    threshold : float
        A pixel is covered where its value is this or more: 1 for a raster of yes and no,
        a signal strength in dBm otherwise.
    """

    operator: str
    technology: str
    source: Source | None = None
    areas: gpd.GeoDataFrame | None = None
    threshold: float = 1.0

    def __post_init__(self) -> None:
        if (self.source is None) == (self.areas is None):
            msg = "a mobile layer is either a raster or polygons"
            raise BadValueError(msg, where=self.name, fix="give one of the two")
        for word in (self.operator, self.technology):
            if not word.strip() or word == ANY:
                msg = f"{word!r} names no operator or technology"
                fix = 'write constants = { operator = "…", technology = "5g" } under the source'
                raise BadValueError(msg, where="layer mobile", fix=fix)

    @property
    def name(self) -> str:
        """Name the layer in messages."""
        file = f" ({self.source.path.name})" if self.source is not None else ""
        return f"layer mobile, {self.operator} {self.technology}{file}"

    def mask(self, crs: pyproj.CRS) -> Mask:
        """Give the layer as the geodata package knows it."""
        if self.areas is None:
            return Mask(source=self.source, threshold=self.threshold)
        check_same_crs(self.areas, crs, where=self.name)
        return Mask(areas=np.asarray(self.areas.geometry.array, dtype=object))


def mobile_cover(
    x: ArrayLike, y: ArrayLike, layers: Sequence[MobileLayer], crs: object
) -> NDArray[np.bool_]:
    """Tell which premises each layer covers.

    Parameters
    ----------
    x, y : array of float, shape (n,)
        Premises in ``crs``.
    layers : sequence of MobileLayer
        Operators' layers; polygons in ``crs``.
    crs : CRS, str or int
        The region's metric CRS.

    Returns
    -------
    array of bool, shape (n, layers)
        Not covered outside a raster and where it holds no data.

    Raises
    ------
    UnreadableSourceError, NoCrsError
        A raster cannot be read, or nobody says where it lies.
    WrongCrsError
        No premises at all lie in a raster.
    """
    metric = metric_crs(crs)
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    cover = np.zeros((len(xs), len(layers)), dtype=bool)
    for column, layer in enumerate(layers):
        cover[:, column] = mask_at(layer.mask(metric), xs, ys, crs=metric, name="mobile")
    return cover


def count_networks(cover: NDArray[np.bool_], layers: Sequence[MobileLayer]) -> NDArray[np.int64]:
    """Count the operators that cover each premises, with whatever technology.

    Parameters
    ----------
    cover : array of bool, shape (n, layers)
        Of :func:`mobile_cover`.
    layers : sequence of MobileLayer
        The same layers.

    Returns
    -------
    array of int64, shape (n,)
        ``mobile_networks`` of tables.STATUS.
    """
    number = np.zeros(len(cover), dtype=np.int64)
    for operator in dict.fromkeys(layer.operator for layer in layers):
        mine = [k for k, layer in enumerate(layers) if layer.operator == operator]
        number += cover[:, mine].any(axis=1)
    return number


def mobile_table(
    status: pd.DataFrame,
    roads: gpd.GeoDataFrame | None,
    municipalities: gpd.GeoDataFrame,
    layers: Sequence[MobileLayer],
    *,
    region_code: str,
    region_name: str,
    cover: NDArray[np.bool_] | None = None,
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Count what mobile networks cover: households, premises, land and roads, by area.

    A row for each operator and technology, for each operator with any technology, for each
    technology of any operator, and for any of any. Households and premises are counted at
    their point. Land is that of the municipalities' polygons, water with it: polygons
    exactly, rasters pixel by pixel (:func:`bredband_gis.masks.cover_zones`, which says how
    different kinds are joined). Roads are counted at points no farther apart than half a
    pixel, or 50 m for polygons, each standing for its own piece.

    Parameters
    ----------
    status : DataFrame
        tables.STATUS.
    roads : GeoDataFrame or None
        Lines in the municipalities' CRS; without them there are 0 m of roads.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES.
    layers : sequence of MobileLayer
        At least one.
    region_code, region_name : str
        Of the region.
    cover : array of bool, shape (premises, layers), optional
        Of :func:`mobile_cover`; found out here where it is not given.

    Returns
    -------
    table : DataFrame
        tables.MOBILE: the region, its counties and its municipalities.
    findings : tuple of Finding
        Rasters that end inside the region.

    Raises
    ------
    EmptyLayerError
        There are no layers.
    MissingColumnError
        The status lacks a column.
    UnreadableSourceError, NoCrsError, NotMetricError, WrongCrsError
        A raster cannot be read or lies elsewhere, or a layer has no or another CRS.
    """
    if not layers:
        msg = "there is no mobile layer"
        raise EmptyLayerError(msg, where="layer mobile", fix="name one under [sources]")
    needed = ("x", "y", "households", "workplaces", "municipality_code", "status")
    missing = [name for name in needed if name not in status]
    if missing:
        msg = f"column {', '.join(missing)} is missing"
        raise MissingColumnError(msg, where="status", fix="find the status of premises first")
    crs = check_metric(municipalities, where="layer municipalities")
    if roads is not None:
        check_same_crs(roads, crs, where="layer roads")
    if cover is None:
        cover = mobile_cover(status["x"], status["y"], layers, crs)
    masks = [layer.mask(crs) for layer in layers]
    groups = _groups(layers)
    members = list(groups.values())
    zones = np.asarray(municipalities.geometry.array, dtype=object)
    land = cover_zones(masks, zones, members, crs=crs, name="mobile")
    homes = _homes(status, municipalities, cover, members)
    length, driven = _roads(roads, zones, masks, members, crs)

    areas, within = _areas(municipalities, region_code, region_name)
    parts = [
        _rows(areas, within, key, homes, land.area, land.covered[n], length, driven[n], n)
        for n, key in enumerate(groups)
    ]
    table = pd.concat(parts, ignore_index=True)
    return table, _partly(groups, layers, land.beyond, land.area)


def _groups(layers: Sequence[MobileLayer]) -> dict[tuple[str, str], list[int]]:
    """Give the layers of each operator and technology, with any of both."""
    operators = dict.fromkeys(layer.operator for layer in layers)
    technologies = dict.fromkeys(layer.technology for layer in layers)
    groups = {}
    for operator in (*operators, ANY):
        for technology in (*technologies, ANY):
            members = [
                k
                for k, layer in enumerate(layers)
                if operator in {ANY, layer.operator} and technology in {ANY, layer.technology}
            ]
            if members:
                groups[operator, technology] = members
    return groups


@dataclass(frozen=True, eq=False)
class _Homes:
    """Sums per municipality, and per group and municipality."""

    households: Ints
    premises: Ints
    unserved: Ints
    households_covered: Ints
    premises_covered: Ints
    unserved_not_covered: Ints


def _homes(
    status: pd.DataFrame,
    municipalities: gpd.GeoDataFrame,
    cover: Bools,
    groups: Sequence[Sequence[int]],
) -> _Homes:
    codes = pd.Index(municipalities["municipality_code"].astype("str"))
    area = codes.get_indexer(pd.Index(status["municipality_code"].astype("str")))
    kept = area >= 0
    area, cover = area[kept], cover[kept]
    households = status["households"].to_numpy(dtype=np.int64)[kept]
    workplaces = status["workplaces"].to_numpy(dtype=np.int64)[kept]
    counted = ((households > 0) | (workplaces > 0)).astype(np.int64)
    unserved = np.where((status["status"] == "unserved").to_numpy()[kept], households, 0)

    def sums(values: Ints, rows: Bools | None = None) -> Ints:
        here, what = (area, values) if rows is None else (area[rows], values[rows])
        return np.bincount(here, weights=what, minlength=len(codes)).astype(np.int64)

    hits: list[Bools] = [np.asarray(cover[:, list(group)].any(axis=1)) for group in groups]
    return _Homes(
        sums(households),
        sums(counted),
        sums(unserved),
        np.array([sums(households, hit) for hit in hits]),
        np.array([sums(counted, hit) for hit in hits]),
        np.array([sums(unserved, ~hit) for hit in hits]),
    )


def _roads(
    roads: gpd.GeoDataFrame | None,
    zones: NDArray[Any],
    masks: Sequence[Mask],
    groups: Sequence[Sequence[int]],
    crs: pyproj.CRS,
) -> tuple[Floats, Floats]:
    """Measure the roads of each municipality, and what each group covers of them, m."""
    number = len(zones)
    if roads is None or not len(roads):
        return np.zeros(number), np.zeros((len(groups), number))
    box = shapely.total_bounds(zones)
    middle = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
    pixels = [pixel_m(mask, *middle, crs=crs, name="mobile") for mask in masks]
    step = min(*pixels, MIXED_M) / 2
    lines = np.asarray(roads.geometry.array, dtype=object)
    x, y, metres, _ = points_along(lines, step)
    area = locate(x, y, zones)
    here = area >= 0
    x, y, metres, area = x[here], y[here], metres[here], area[here]
    hits = [mask_at(mask, x, y, crs=crs, name="mobile", must_meet=False) for mask in masks]
    covered = np.zeros((len(groups), number))
    for n, group in enumerate(groups):
        hit = np.logical_or.reduce([hits[k] for k in group])
        covered[n] = np.bincount(area[hit], weights=metres[hit], minlength=number)
    length = np.bincount(area, weights=metres, minlength=number).astype(np.float64)
    return length, np.minimum(covered, length)


def _areas(
    municipalities: gpd.GeoDataFrame, region_code: str, region_name: str
) -> tuple[pd.DataFrame, Floats]:
    """List region, counties and municipalities, and which municipalities each holds."""
    text = municipalities[
        ["municipality_code", "municipality_name", "county_code", "county_name"]
    ].astype("str")
    counties = text[["county_code", "county_name"]].drop_duplicates("county_code")
    counties = counties.sort_values("county_code")
    order = text["municipality_code"].argsort(kind="stable").to_numpy()
    areas = pd.DataFrame(
        {
            "area_kind": ["region", *["county"] * len(counties), *["municipality"] * len(text)],
            "area_code": [
                region_code, *counties["county_code"], *text["municipality_code"].iloc[order],
            ],
            "area_name": [
                region_name, *counties["county_name"], *text["municipality_name"].iloc[order],
            ],
        }
    )  # fmt: skip
    county = text["county_code"].to_numpy()[None, :] == counties["county_code"].to_numpy()[:, None]
    within = np.vstack([np.ones((1, len(text))), county, np.eye(len(text))[order]])
    return areas, within


def _rows(
    areas: pd.DataFrame,
    within: Floats,
    key: tuple[str, str],
    homes: _Homes,
    area: Floats,
    covered: Floats,
    length: Floats,
    driven: Floats,
    n: int,
) -> pd.DataFrame:
    def whole(values: Ints) -> Ints:
        return np.rint(within @ values).astype(np.int64)

    return areas.assign(
        operator=key[0],
        technology=key[1],
        households=whole(homes.households),
        households_covered=whole(homes.households_covered[n]),
        premises=whole(homes.premises),
        premises_covered=whole(homes.premises_covered[n]),
        area_km2=within @ area / 1e6,
        area_covered_km2=within @ covered / 1e6,
        road_m=within @ length,
        road_covered_m=within @ driven,
        unserved_households=whole(homes.unserved),
        unserved_not_covered=whole(homes.unserved_not_covered[n]),
    )


def _partly(
    groups: dict[tuple[str, str], list[int]],
    layers: Sequence[MobileLayer],
    beyond: Floats,
    area: Floats,
) -> tuple[Finding, ...]:
    """Tell of rasters that end inside the region."""
    found = []
    for n, (key, members) in enumerate(groups.items()):
        share = beyond[n].sum() / area.sum()
        if ANY in key or share < _PARTLY:
            continue
        files = [source.path.name for k in members if (source := layers[k].source) is not None]
        found.append(
            Finding(
                "mobile-partly",
                "warning",
                "mobile",
                ", ".join(files),
                0,
                f"{key[0]} {key[1]}: the raster ends inside the region; {share:.1%} of its area"
                " lies beyond and counts as not covered",
                "take a raster that covers the whole region",
                {"operator": key[0], "technology": key[1], "beyond_share": float(share)},
            )
        )
    return tuple(found)
