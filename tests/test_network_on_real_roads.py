"""Lengths against the ellipsoid, and trees on Norrbotten's real bus links by a second method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from bredband_gis.roads import build_graph
from bredband_gis.steiner import steiner_tree
from pyproj import Geod
from scipy import sparse
from scipy.sparse import csgraph
from shapely.geometry import LineString
from test_steiner_search import cheapest_by

if TYPE_CHECKING:
    from pathlib import Path

    Links = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def test_a_road_in_kiruna_is_as_long_as_on_the_ellipsoid() -> None:
    # About 10 km from Kiruna towards Jukkasjärvi, a vertex each 500 m.
    longitude, latitude = np.linspace(20.225, 20.460, 21), np.linspace(67.856, 67.850, 21)
    true = Geod(ellps="GRS80").line_length(longitude, latitude)
    road = gpd.GeoSeries([LineString(np.column_stack([longitude, latitude]))], crs=4326)
    graph = build_graph(gpd.GeoDataFrame(geometry=road.to_crs(3006)))
    assert graph.length.sum() == pytest.approx(true, rel=1e-3)
    # Web Mercator, which some planners measure in, is far off up there.
    assert road.to_crs(3857).length.iloc[0] > 2.5 * true


@pytest.fixture(scope="module")
def links(shared_data: Path) -> Links:
    """Give the bus links as tail, head, metres along the road, and each node's number of links."""
    path = shared_data / "sverige" / "sample_bd_m.gpkg"
    table = pyogrio.read_dataframe(path, layer="lankar_bd_gtfs", read_geometry=False)
    ends, names = pd.factorize(pd.concat([table["a"], table["b"]]))
    tail, head = ends[: len(table)], ends[len(table) :]
    return tail, head, table["road_m"].to_numpy(), np.bincount(ends, minlength=len(names))


def test_all_stops_joined_is_the_minimum_spanning_tree(links: Links) -> None:
    tail, head, metres, degree = links
    n = len(degree)
    # Parallel links: the shortest. scipy knows nothing of our code.
    pairs = pd.DataFrame({"a": np.minimum(tail, head), "b": np.maximum(tail, head), "m": metres})
    short = pairs[pairs["a"] != pairs["b"]].groupby(["a", "b"], as_index=False)["m"].min()
    matrix = sparse.csr_matrix((short["m"], (short["a"], short["b"])), shape=(n, n))
    _, part = csgraph.connected_components(matrix, directed=False)
    main = np.flatnonzero(part == np.bincount(part).argmax())
    assert len(main) > 1000
    tree = csgraph.minimum_spanning_tree(matrix[main][:, main])
    found = steiner_tree(tail, head, metres, main)
    assert found.cost == pytest.approx(tree.sum(), rel=1e-9)
    assert found.lower_bound <= found.cost * (1 + 1e-9)
    assert found.lower_bound >= found.cost * 0.999
    assert len(found.edges) == len(main) - 1


@pytest.mark.parametrize("seed", range(4))
def test_a_few_stops_joined_as_an_exact_method_does(links: Links, seed: int) -> None:
    tail, head, metres, degree = links
    n = len(degree)
    matrix = sparse.csr_matrix((metres, (tail, head)), shape=(n, n))
    _, part = csgraph.connected_components(matrix, directed=False)
    main = np.flatnonzero(part == np.bincount(part).argmax())
    goal = np.random.default_rng(seed).choice(main, 6, replace=False)
    found = steiner_tree(tail, head, metres, goal, gap=0.0)
    # scipy adds parallel links up; the shortest of them counts.
    links = pd.DataFrame({"a": np.minimum(tail, head), "b": np.maximum(tail, head), "m": metres})
    short = links.groupby(["a", "b"], as_index=False)["m"].min()
    matrix = sparse.csr_matrix((short["m"], (short["a"], short["b"])), shape=(n, n))
    far = csgraph.shortest_path(matrix, directed=False, method="D")
    assert found.cost == pytest.approx(cheapest_by(far, goal), rel=1e-9)
    assert found.lower_bound == pytest.approx(found.cost, rel=1e-6)
