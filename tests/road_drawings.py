"""What the tests of roads draw with: tables of lines, graphs as lists, random networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from hypothesis import strategies as st
from shapely import LineString, MultiLineString

if TYPE_CHECKING:
    from pathlib import Path

    from bredband_gis.roads import RoadGraph

Pair = tuple[float, float]


def table(*lines: shapely.Geometry | None, crs: object = 3006) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=list(lines), crs=crs)


def nodes(graph: RoadGraph) -> list[Pair]:
    return list(zip(graph.x.tolist(), graph.y.tolist(), strict=True))


def edges(graph: RoadGraph) -> list[tuple[Pair, Pair, float]]:
    """Ends (the smaller first) and length of every edge, in the order of these."""
    place = nodes(graph)
    return sorted(
        (*sorted((place[a], place[b])), round(length, 6))
        for a, b, length in zip(graph.tail, graph.head, graph.length.tolist(), strict=True)
    )


def check(graph: RoadGraph) -> None:
    """Whatever the roads: edges are cut where their nodes and measures say."""
    lines = graph.geometry()
    np.testing.assert_allclose(shapely.length(lines), graph.length, atol=1e-5)
    np.testing.assert_allclose(graph.stop - graph.start, graph.length, atol=1e-9)
    assert (graph.length > 0).all()
    for node, number in ((graph.tail, 0), (graph.head, -1)):
        end = shapely.get_coordinates(shapely.get_point(lines, number))
        away = np.hypot(*(end - np.column_stack([graph.x, graph.y])[node]).T)
        assert (away < 1.2).all()
    assert np.isin(np.arange(graph.x.size), np.append(graph.tail, graph.head)).all()
    assert graph.fibre_node[np.append(graph.tail[graph.fibre], graph.head[graph.fibre])].all()


steps = st.integers(0, 4).map(lambda k: 10.0 * k)
corners = st.tuples(steps, steps)
strings = st.lists(corners, min_size=2, max_size=5).map(LineString)
networks = st.lists(
    strings | st.lists(strings, min_size=2, max_size=2).map(MultiLineString), min_size=1, max_size=6
)
places = st.lists(
    st.tuples(st.floats(-10, 50, width=32), st.floats(-10, 50, width=32)) | corners, max_size=8
)


def town(blocks: int = 5, side: float = 100.0) -> gpd.GeoDataFrame:
    streets = [[(i * side, k * side) for i in range(blocks + 1)] for k in range(blocks + 1)]
    return table(
        *(LineString(s) for s in streets), *(LineString([p[::-1] for p in s]) for s in streets)
    )


def read_liechtenstein(shared_data: Path) -> gpd.GeoDataFrame:
    """The roads of Liechtenstein in OpenStreetMap, in the Swiss metric CRS."""
    source = shared_data / "liechtenstein" / "liechtenstein.osm.pbf"
    roads = pyogrio.read_dataframe(source, layer="lines", where="highway is not null")
    return roads.to_crs("EPSG:2056")
