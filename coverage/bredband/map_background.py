"""What a reader finds her way by on the map: land, water, roads, borders and place names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs, transform_points
from bredband_gis.webmap import LabelLayer, LabelStyle, Places, Popup, ShapeLayer, Style

from bredband.map_draw import middles, require
from bredband.tables import PROVENANCES, column, table

if TYPE_CHECKING:
    from bredband_gis.webmap import Features
    from numpy.typing import NDArray

    from bredband.map_draw import Drawing

MAIN_ROADS: Final = {
    "motorway": 0, "trunk": 0, "primary": 0, "motorway_link": 0, "trunk_link": 0,
    "primary_link": 0, "secondary": 1, "secondary_link": 1,
}  # fmt: skip
"""Road classes of the background, and how they are drawn: 0 wide, 1 narrow."""

BACKGROUND: Final = table(
    "background",
    "What maps are drawn on: main roads and lakes, one row per class, with simplified shapes",
    {
        "layer": column(str, "roads or water", isin=("roads", "water")),
        "kind": column(
            "int64", "Roads: 0 motorways to primary roads, 1 secondary roads; water: 0", ge=0, le=1
        ),
        "provenance": column(str, "real, derived or synthetic", isin=PROVENANCES, required=False),
    },
)
"""Schema of :func:`background_table`."""

SIMPLER_M: Final = 60.0
"""Roads and shores of the background keep within this of the exact ones, m: a pixel or two
at the scale where a municipality fills the screen."""

_LAND: Final = "#faf8f2"


def background_table(
    roads: gpd.GeoDataFrame | None = None, water: gpd.GeoDataFrame | None = None
) -> gpd.GeoDataFrame | None:
    """Keep of roads and lakes what a map needs to be drawn, so that it can be drawn anew.

    Parameters
    ----------
    roads : GeoDataFrame, optional
        ``road_class`` and lines in a metric CRS; those of ``MAIN_ROADS`` are kept.
    water : GeoDataFrame, optional
        Polygons of lakes in a metric CRS.

    Returns
    -------
    GeoDataFrame or None
        ``BACKGROUND``: one row per kind of road with its lines as one geometry, then one with
        all water; within ``SIMPLER_M`` of the exact shapes. None where there is nothing.

    Raises
    ------
    MissingColumnError
        ``roads`` has no ``road_class``.
    NoCrsError, NotMetricError
        A layer has no CRS, or one that cannot measure.
    """
    crs = None
    rows: list[tuple[str, int, object]] = []
    if roads is not None:
        crs = require(roads, ["road_class"], "background_roads")
        number = roads["road_class"].map(MAIN_ROADS)
        main = roads[number.notna()]
        for kind, group in main.groupby(number[number.notna()].astype("int64")):
            joined = shapely.union_all(shapely.force_2d(group.geometry.to_numpy()))
            parts = shapely.get_parts(shapely.line_merge(joined))
            rows.append(("roads", kind, shapely.multilinestrings(_simpler(parts))))
    if water is not None and len(water):
        here = require(water, [], "water")
        shapes = water.geometry.to_crs(crs).to_numpy() if crs else water.geometry.to_numpy()
        crs = crs or here
        parts = shapely.get_parts(shapely.force_2d(shapes))
        rows.append(("water", 0, shapely.multipolygons(_simpler(parts))))
    if not rows:
        return None
    layers, kinds, shapes = zip(*rows, strict=True)
    names = pd.array(layers, dtype="str")
    return gpd.GeoDataFrame(
        {"layer": names, "kind": np.array(kinds, np.int64)}, geometry=list(shapes), crs=crs
    )


def _simpler(parts: NDArray[np.object_]) -> NDArray[np.object_]:
    simpler: NDArray[np.object_] = shapely.simplify(parts, SIMPLER_M)
    return simpler


def draw_land(draw: Drawing, features: Features) -> ShapeLayer:
    """Draw the municipalities as plain land, below everything else."""
    layer = ShapeLayer(
        features,
        draw.w.map.land,
        [Style(fill=_LAND, stroke="#b9b4a6", width=0.8, opacity=0.3 if draw.online else 1.0)],
        notes=draw.notes("borders", draw.w.map_look.outside),
        order=-10,
    )
    draw.add(layer)
    return layer


def draw_borders(draw: Drawing, features: Features, popup: Popup) -> ShapeLayer:
    """Draw the municipal borders above what fills them; a click tells the figures."""
    layer = ShapeLayer(
        features, draw.w.map.borders, [Style(stroke="#6b6b6b", width=0.8)],
        popup=popup, tooltip="name", notes=draw.notes("borders"), order=30, highlight="#1b1b1b",
    )  # fmt: skip
    draw.add(layer)
    return layer


def draw_names(
    draw: Drawing,
    municipalities: gpd.GeoDataFrame,
    polygons: NDArray[np.object_],
    localities: gpd.GeoDataFrame | None,
) -> tuple[LabelLayer, Places | None]:
    """Write the names of municipalities and localities; give what a search finds of them."""
    named = localities is not None and "locality_name" in localities and not localities.empty
    middle = middles(polygons)
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    texts = list(municipalities["municipality_name"])
    of = np.zeros(len(texts), np.int64)
    if named:
        places = _rank_localities(localities)
        crs = require(places, ["locality_name"], "localities")
        place_x, place_y = transform_points(
            places.geometry.x.to_numpy(), places.geometry.y.to_numpy(), crs, draw.crs
        )
        x, y = np.concatenate([x, place_x]), np.concatenate([y, place_y])
        texts += list(places["locality_name"])
        of = np.concatenate([of, np.ones(len(places), np.int64)])
    kinds = np.array([None, draw.w.map.place], dtype=object)[of]
    columns = {"name": texts, "found": [None] * (of == 0).sum() + texts[(of == 0).sum() :]}
    features = draw.pack((x, y), draw.crs, {**columns, "kind": list(kinds)}, 10.0)
    layer = LabelLayer(
        features,
        draw.w.map.names,
        [
            LabelStyle(size=14, weight=600, colour="#26323a", stop=2.0 if named else 30.0),
            LabelStyle(size=13, dot=True, start=0.75),
        ],
        of,
        notes=draw.notes("names") if named else (),
        order=70,
    )
    draw.add(layer)
    return layer, Places(features, "found", draw.w.map.place) if named else None


def draw_roads(draw: Drawing, background: gpd.GeoDataFrame) -> ShapeLayer | None:
    """Draw the main roads of ``BACKGROUND``."""
    rows = background[background["layer"] == "roads"]
    if rows.empty:
        return None
    parts, owner = shapely.get_parts(rows.geometry.to_numpy(), return_index=True)
    layer = ShapeLayer(
        draw.pack(parts, metric_crs(background.crs), resolution=20.0),
        draw.w.map.roads,
        [
            Style(draw.w.map_look.road_wide, stroke="#ffffff", width=1.8),
            Style(draw.w.map_look.road_narrow, stroke="#ffffff", width=0.9),
        ],
        rows["kind"].to_numpy()[owner],
        notes=draw.notes("roads"),
        order=20,
        casing="#a8a8a8",
    )
    draw.add(layer)
    return layer


def draw_water(draw: Drawing, background: gpd.GeoDataFrame) -> ShapeLayer | None:
    """Draw the lakes of ``BACKGROUND``."""
    rows = background[background["layer"] == "water"]
    if rows.empty:
        return None
    parts = shapely.get_parts(rows.geometry.to_numpy())
    layer = ShapeLayer(
        draw.pack(parts, metric_crs(background.crs), resolution=20.0),
        draw.w.map.water,
        [Style(fill="#cfe3ee", stroke="#8fb5c8", width=0.6)],
        notes=draw.notes("water"),
        order=10,
    )
    draw.add(layer)
    return layer


def _rank_localities(localities: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One point per name, the largest first, by population where it is known, else by area."""
    shapes = localities.geometry.to_numpy()
    known = "population" in localities and pd.api.types.is_numeric_dtype(localities["population"])
    size = localities["population"].to_numpy(float) if known else shapely.area(shapes)
    places = localities[["locality_name"]].assign(size=size)
    points = gpd.GeoDataFrame(places, geometry=shapely.point_on_surface(shapes), crs=localities.crs)
    points = points[points["locality_name"].notna()]
    points = points.sort_values("size", ascending=False, kind="stable")
    return points.drop_duplicates("locality_name")
