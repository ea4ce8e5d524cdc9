"""Lengths against the ellipsoid, and trees on Norrbotten's real bus links by a second method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pyogrio
import pytest
from bredband_gis.roads import build_graph, list_components
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


def test_the_links_drawn_as_lines_are_the_graph_of_their_ends(shared_data: Path) -> None:
    path = shared_data / "sverige" / "sample_bd_m.gpkg"
    table = pyogrio.read_dataframe(path, layer="lankar_bd_gtfs")
    # By the ends alone, to the centimetre: what is drawn twice is one.
    true = nx.Graph()
    for line in table.geometry:
        a, b = ((round(x, 2), round(y, 2)) for x, y in (line.coords[0], line.coords[-1]))
        true.add_edge(a, b, metres=line.length)
    true.remove_edges_from(list(nx.selfloop_edges(true)))
    graph = build_graph(table, snap_m=0)
    assert graph.x.size == true.number_of_nodes() > 1500
    assert graph.tail.size == true.number_of_edges() > 2000
    assert graph.length.sum() == pytest.approx(true.size(weight="metres"), rel=1e-6)
    parts = list_components(graph)
    assert sorted(parts["nodes"]) == sorted(map(len, nx.connected_components(true)))

    label = graph.components()
    main = np.flatnonzero(label == parts["nodes"].idxmax())
    found = steiner_tree(graph.tail, graph.head, graph.length, main)
    largest = true.subgraph(max(nx.connected_components(true), key=len))
    spanning = nx.minimum_spanning_tree(largest, weight="metres").size(weight="metres")
    assert found.cost == pytest.approx(spanning, rel=1e-6)
    # A hundred of the stops: between the bound and what networkx finds.
    goal = np.random.default_rng(5).choice(main, 100, replace=False)
    found = steiner_tree(graph.tail, graph.head, graph.length, goal)
    places = [(round(graph.x[i], 2), round(graph.y[i], 2)) for i in goal]
    other = nx.approximation.steiner_tree(largest, places, weight="metres", method="mehlhorn")
    assert found.lower_bound <= found.cost <= other.size(weight="metres") * (1 + 1e-6)
    assert found.cost <= 1.002 * found.lower_bound
    tree = nx.Graph(list(zip(graph.tail[found.edges], graph.head[found.edges], strict=True)))
    assert nx.is_tree(tree)
    assert set(goal.tolist()) <= set(tree.nodes)
