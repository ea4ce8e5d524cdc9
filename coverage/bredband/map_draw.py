"""What every map layer needs: its page, its words, its audience, and how to write numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs, transform_points
from bredband_gis.errors import NoCrsError
from bredband_gis.webmap import pack

from bredband.tables import PROVENANCES, need_columns
from bredband.text import NO_BREAK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bredband_gis.webmap import Features, WebMap
    from folium.map import Layer
    from numpy.typing import ArrayLike, NDArray
    from pyproj import CRS

    from bredband.region import Publication
    from bredband.text import Words

NOTHING: Final = "#c8c8c8"
"""Where there is no figure."""

FEW: Final = "#fee0b6"
"""Where there are too few households for a figure to be shown."""

_MADE_FROM: Final = {
    "coverage": ("municipalities", "premises", "totals", "coverage", "fibre", "plans"),
    "unserved": ("premises", "totals", "coverage", "fibre", "plans"),
    "mobile": ("premises", "totals", "coverage", "fibre", "plans", "mobile"),
    "trench": ("roads", "premises", "fibre", "coverage", "plans"),
    "areas": ("roads", "premises", "fibre", "coverage", "plans"),
    "backbone": ("roads", "localities", "fibre"),
    "borders": ("municipalities",),
    "names": ("localities",),
    "roads": ("roads",),
    "water": ("water",),
}
"""Which sources each map layer rests on: it is no more real than the least real of them."""


class Drawing:
    """The page that layers are put on, and what all of them need.

    Parameters
    ----------
    page : WebMap
        The page.
    w : Words
        Words and numbers in the reader's language.
    settings : Publication
        ``[publication]``: what may be shown.
    crs : CRS
        Of plain coordinates.
    provenance : mapping of str to str
        real, derived or synthetic, per source layer.
    online : bool
        Whether there may be an online background below.
    """

    def __init__(
        self,
        page: WebMap,
        w: Words,
        settings: Publication,
        crs: CRS,
        provenance: Mapping[str, str],
        *,
        online: bool = False,
    ) -> None:
        self.page = page
        self.w = w
        self.crs = crs
        self.provenance = provenance
        self.online = online
        self.few = settings.min_households
        self.cell_m = settings.cell_m
        self.public = settings.detail == "public"
        self.fewer = w.fill("map.few", n=settings.min_households)

    def pack(
        self,
        geometry: Any,
        crs: object,
        columns: Mapping[str, Iterable[object]] | None = None,
        resolution: float = 1.0,
    ) -> Features:
        """Pack features and put them on the page."""
        features = pack(geometry, crs, columns, resolution=resolution)
        self.page.add_child(features)
        return features

    def add(self, layer: Layer) -> Layer:
        """Put a layer on the page."""
        self.page.add_child(layer)
        return layer

    def notes(self, layer: str, *notes: str) -> list[str]:
        """Give a layer's notes and, last, what kind of data it rests on."""
        known = [self.provenance[name] for name in _MADE_FROM[layer] if name in self.provenance]
        if not known:
            return list(notes)
        least = max(known, key=PROVENANCES.index)
        return [*notes, self.w.fill("map.data", provenance=self.w["provenance." + least])]

    def square(self, side: float) -> str:
        """Write the size of a cell."""
        number, unit = (side / 1000, "km") if side >= 1000 else (side, "m")
        text = self.w.number(number, 0 if number % 1 == 0 else 1)
        return self.w["numbers." + unit].format(f"{text} × {text}").replace(" ", NO_BREAK)


# ---- tables ---------------------------------------------------------------------------


def require(table: pd.DataFrame, columns: Sequence[str], where: str) -> CRS:
    """Refuse a table that lacks what is drawn; give its metric CRS where it has geometry."""
    need_columns(table, columns, where)
    if not isinstance(table, gpd.GeoDataFrame):
        return None  # type: ignore[return-value]
    if table.crs is None:
        msg = "the layer does not say which CRS its coordinates are in"
        raise NoCrsError(msg, where=where, fix="set the region's CRS on it")
    return metric_crs(table.crs)


# ---- words ----------------------------------------------------------------------------


def write(values: ArrayLike, spell: Callable[[Any], str], *, missing: str | None = "") -> list[Any]:
    """Write each different value once; ``missing`` None leaves the empty ones out."""
    code, found = pd.factorize(pd.Series(values).reset_index(drop=True))
    texts = [spell(value) for value in found]
    texts.append(spell(None) if missing is not None else None)  # type: ignore[arg-type]
    return [texts[number] for number in code]


def hide(
    hidden: NDArray[np.bool_], texts: Iterable[str | None], instead: str | None = None
) -> list[str | None]:
    """Put something else in the place of texts that too few households stand behind."""
    return [instead if few else text for few, text in zip(hidden, texts, strict=True)]


def share_labels(w: Words, edges: Sequence[float]) -> list[str]:
    """Name classes of shares by the shares at which they change."""
    per_cent = [w.percent(edge, 0) for edge in edges]
    bare = [w.number(100 * edge) for edge in edges]
    middle = [
        w.fill("map.between", low=low, high=high)
        for low, high in zip(bare[:-1], per_cent[1:], strict=True)
    ]
    last = w.fill("map.between", low=bare[-1], high=w.percent(1, 0))
    return [w.fill("map.under", high=per_cent[0]), *middle, last]


def amount_labels(w: Words, edges: Sequence[float], spell: Callable[[float], str]) -> list[str]:
    """Name classes of amounts by the amounts at which they change: one more than these."""
    texts = [spell(edge) for edge in edges]
    middle = [w.fill("map.between", low=low, high=high) for low, high in pairwise(texts)]
    first = w.fill("map.under", high=texts[0])
    return [first, *middle, w.fill("map.over", low=texts[-1])]


def range_labels(w: Words, edges: Sequence[int]) -> list[str]:
    """Name classes of whole numbers by their lower bounds: 3–9, 10–24, 25 or more."""
    labels = []
    for low, above in zip(edges, [*edges[1:], None], strict=True):
        if above is None:
            labels.append(w.fill("map.from", low=w.number(low)))
        elif above == low + 1:
            labels.append(w.fill("map.single", low=w.number(low)))
        else:
            labels.append(w.fill("map.between", low=w.number(low), high=w.number(above - 1)))
    return labels


def rank_labels(w: Words, edges: Sequence[int]) -> list[str]:
    """Name classes of ranks by their first rank."""
    labels = [
        w.fill("map.rank_between", low=w.number(low), high=w.number(above - 1))
        for low, above in pairwise(edges)
    ]
    return [*labels, w.fill("map.rank_from", low=w.number(edges[-1]))]


# ---- geometry -------------------------------------------------------------------------


def bounds_of(polygons: NDArray[np.object_], crs: CRS) -> tuple[float, float, float, float]:
    """Give the bounds in degrees: of every corner, as a box's corners alone would cut off."""
    corner = shapely.get_coordinates(polygons)
    lon, lat = transform_points(corner[:, 0], corner[:, 1], crs, "EPSG:4326")
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def simplify_neighbours(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Simplify neighbours together, so that no gap opens, to what a screen can show."""
    shapes = shapely.force_2d(shapes)
    west, south, east, north = shapely.total_bounds(shapes)
    tolerance = float(np.clip(max(east - west, north - south) / 4000, 2.0, 120.0))
    simple = shapely.coverage_simplify(shapes, tolerance)
    # Skerries smaller than a few pixels at any useful zoom.
    parts, owner = shapely.get_parts(simple, return_index=True)
    area = shapely.area(parts)
    largest = np.zeros(simple.size)
    np.maximum.at(largest, owner, area)
    keep = (area > 4 * tolerance**2) | (area >= largest[owner])
    return np.array(
        [shapely.multipolygons(parts[keep & (owner == at)]) for at in range(simple.size)], object
    )


def middles(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    """Find where a name sits well: the middle of the widest part of each polygon."""
    return np.array(
        [
            shapely.get_point(
                shapely.maximum_inscribed_circle(shape, max(np.sqrt(shape.area) / 40, 1e-6)), 0
            )
            for shape in polygons
        ],
        dtype=object,
    )
