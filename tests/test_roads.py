"""The road graph: small ones drawn by hand, random ones against a slow reference, real roads."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from bredband_gis.errors import BadValueError, GeometryError, NoCrsError, NotMetricError
from bredband_gis.roads import RoadGraph, attach, build_graph, list_components
from hypothesis import given, settings
from hypothesis import strategies as st
from road_drawings import (
    Pair,
    check,
    edges,
    networks,
    nodes,
    places,
    read_liechtenstein,
    table,
)
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from shapely import LineString, MultiLineString

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import geopandas as gpd

# --- drawn by hand -----------------------------------------------------------------


def test_roads_meet_at_ends_and_at_shared_vertices() -> None:
    graph = build_graph(
        table(
            LineString([(0, 0), (100, 0), (200, 0)]),
            LineString([(200, 0), (200, 50)]),
            LineString([(100, -50), (100, 0), (100, 50)]),
        )
    )
    assert nodes(graph) == [(0, 0), (100, -50), (100, 0), (100, 50), (200, 0), (200, 50)]
    assert edges(graph) == [
        ((0, 0), (100, 0), 100),
        ((100, -50), (100, 0), 50),
        ((100, 0), (100, 50), 50),
        ((100, 0), (200, 0), 100),
        ((200, 0), (200, 50), 50),
    ]
    assert graph.line.tolist() == [0, 2, 2, 0, 1]
    assert graph.start.tolist() == [0, 0, 50, 100, 0]
    assert graph.stop.tolist() == [100, 50, 100, 200, 50]
    assert graph.components().tolist() == [0] * 6
    assert not graph.fibre.any()
    check(graph)


def test_a_bridge_does_not_meet_the_road_below() -> None:
    graph = build_graph(table(LineString([(0, 0), (100, 0)]), LineString([(50, -50), (50, 50)])))
    assert graph.tail.size == 2
    assert graph.components().tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("gap", [0.0, 0.3, -0.3, 0.5])
def test_a_road_that_just_misses_another_is_joined_to_it(gap: float) -> None:
    graph = build_graph(table(LineString([(0, 0), (100, 0)]), LineString([(40, gap), (40, 60)])))
    assert graph.components().tolist() == [0] * 4
    assert [length for *_, length in edges(graph)] == [40, 60 - gap, 60]
    check(graph)


def test_a_road_that_misses_by_more_stays_apart() -> None:
    roads = table(LineString([(0, 0), (100, 0)]), LineString([(40, 0.51), (40, 60)]))
    assert build_graph(roads).components().max() == 1
    assert build_graph(roads, snap_m=1).components().max() == 0
    assert build_graph(roads, snap_m=0).components().max() == 1


def test_ends_that_almost_touch_become_one_node_and_a_through_road_keeps_its_shape() -> None:
    ends = build_graph(table(LineString([(0, 0), (100, 0)]), LineString([(100.3, 0), (200, 0)])))
    assert edges(ends) == [((0, 0), (100, 0), 100), ((100, 0), (200, 0), 99.7)]
    vertex = build_graph(
        table(LineString([(50.2, 0.3), (50, 60)]), LineString([(0, 0), (50, 0), (100, 0)]))
    )
    assert nodes(vertex) == [(0, 0), (50, 0), (50, 60), (100, 0)]
    other_side = build_graph(
        table(LineString([(49.8, 0.3), (50, 60)]), LineString([(0, 0), (50, 0), (100, 0)]))
    )
    assert nodes(other_side) == nodes(vertex)


def test_a_road_drawn_with_dense_vertices_is_not_joined_to_itself() -> None:
    dense = LineString([(0, 0), (0.1, 0), (50, 0), (50.2, 0), (50.4, 0), (99.8, 0), (100, 0)])
    assert edges(build_graph(table(dense))) == [((0, 0), (100, 0), 100)]
    hook = build_graph(table(LineString([(0, 0), (100, 0), (100, 50), (0.3, 50), (0.3, 0.1)])))
    assert hook.components().tolist() == [0] * hook.x.size
    assert edges(hook)[0][0] == edges(hook)[0][1]


def test_two_roads_that_end_at_the_same_spot_of_a_third_meet_there() -> None:
    graph = build_graph(
        table(
            LineString([(0, 0), (100, 0)]),
            LineString([(40, 0.4), (40, 60)]),
            LineString([(40, -0.4), (40, -60)]),
        )
    )
    assert graph.x.size == 5
    assert sorted(np.bincount(np.append(graph.tail, graph.head)).tolist()) == [1, 1, 1, 1, 4]


def test_what_is_shorter_than_the_snapping_distance_may_go_but_breaks_nothing() -> None:
    roads = table(
        LineString([(0, 0), (50, 0)]),
        LineString([(50, 0), (50.4, 0)]),
        LineString([(50.4, 0), (100, 0)]),
    )
    graph = build_graph(roads)
    assert [length for *_, length in edges(graph)] == [50, 49.6]
    assert graph.components().max() == 0


def test_doubles_and_roads_without_length_are_left_out() -> None:
    road = [(0, 0), (50, 0), (100, 0)]
    graph = build_graph(
        table(
            LineString(road),
            LineString(road),
            LineString(road[::-1]),
            LineString([(7, 7), (7, 7)]),
            None,
            LineString(),
        )
    )
    assert edges(graph) == [((0, 0), (100, 0), 100)]
    assert graph.line.tolist() == [0]


def test_a_stretch_that_two_roads_share_counts_once_whichever_comes_first() -> None:
    one, other = (
        LineString([(0, 0), (10, 0), (20, 0), (30, 0)]),
        LineString([(10, 0), (20, 0), (20, 9)]),
    )
    for roads in (table(one, other), table(other, one)):
        assert [length for *_, length in edges(build_graph(roads))] == [10, 10, 9, 10]


def test_where_a_road_turns_back_there_is_a_node_whichever_comes_first() -> None:
    through = LineString([(10, 10), (0, 20), (0, 0)])
    back = LineString([(20, 0), (0, 20), (10, 10)])
    for roads in (table(through, back), table(back, through)):
        graph = build_graph(roads)
        assert nodes(graph) == [(0, 0), (0, 20), (10, 10), (20, 0)]
        assert graph.length.sum() == pytest.approx(20 + np.hypot(20, 20))


def test_two_ways_between_the_same_nodes_are_two_edges() -> None:
    straight = LineString([(0, 0), (30, 0)])
    round_about = LineString([(0, 0), (0, 10), (30, 10), (30, 0)])
    assert edges(build_graph(table(straight, round_about))) == [
        ((0, 0), (30, 0), 30),
        ((0, 0), (30, 0), 50),
    ]


def test_a_ring_of_its_own_keeps_one_node_and_is_split_where_points_meet_it() -> None:
    graph = build_graph(table(LineString([(0, 0), (40, 0), (40, 40), (0, 40), (0, 0)])))
    assert edges(graph) == [((0, 0), (0, 0), 160)]
    met = attach(graph, [20.0, 30.0, 20.0], [5.0, 38.0, 5.0], max_distance=10)
    assert met.node.tolist() == [1, 2, 1]
    assert edges(met.graph) == [
        ((0, 0), (20, 0), 20),
        ((0, 0), (30, 40), 70),
        ((20, 0), (30, 40), 70),
    ]
    check(met.graph)


def test_the_parts_of_a_multiline_are_measured_one_after_the_other() -> None:
    graph = build_graph(
        table(
            LineString([(0, 5), (0, 0)]),
            MultiLineString([[(0, 0), (5, 0)], [(3, 3), (3, 3)], [(5, 0), (9, 0), (9, 3)]]),
            LineString([(9, 0), (20, 0)]),
        )
    )
    of_multi = graph.line == 1
    assert graph.start[of_multi].tolist() == [0, 5, 9]
    assert graph.stop[of_multi].tolist() == [5, 9, 12]
    assert [line.wkt for line in graph.geometry(of_multi)] == [
        "LINESTRING (0 0, 5 0)",
        "LINESTRING (5 0, 9 0)",
        "LINESTRING (9 0, 9 3)",
    ]


def test_edges_are_cut_out_with_their_bends() -> None:
    graph = build_graph(table(LineString([(0, 0), (10, 0), (10, 10), (20, 10)])))
    cut = attach(graph, [5.0, 15.0], [0.0, 10.0], max_distance=1).graph
    assert [line.wkt for line in cut.geometry()] == [
        "LINESTRING (0 0, 5 0)",
        "LINESTRING (5 0, 10 0, 10 10, 15 10)",
        "LINESTRING (15 10, 20 10)",
    ]
    assert [line.wkt for line in cut.geometry([2, 0])] == [
        "LINESTRING (15 10, 20 10)",
        "LINESTRING (0 0, 5 0)",
    ]
    assert cut.geometry([]).size == 0


def test_without_roads_there_is_an_empty_graph_and_nobody_is_reached() -> None:
    for roads in (table(), table(None, LineString([(1, 1), (1, 1)]))):
        graph = build_graph(roads)
        assert graph.x.size == graph.tail.size == graph.components().size == 0
        met = attach(
            graph, [0.0], [0.0], max_distance=9, fibre_lines=[LineString([(0, 0), (9, 0)])]
        )
        assert met.node.tolist() == [-1]
        assert np.isnan(met.distance).all()
        assert met.fibre_off_road_m == 9


def test_roads_that_cannot_be_measured_are_refused() -> None:
    line = LineString([(15, 60), (16, 61)])
    for crs in (4326, 3857):
        with pytest.raises(NotMetricError):
            build_graph(table(line, crs=crs))
    with pytest.raises(NoCrsError):
        build_graph(table(line, crs=None))
    with pytest.raises(GeometryError, match="no lines, the first a Point"):
        build_graph(table(line, shapely.Point(1, 1)))
    with pytest.raises(BadValueError, match="snap_m"):
        build_graph(table(line), snap_m=-1)
    graph = build_graph(table(line))
    with pytest.raises(BadValueError, match="not a number"):
        attach(graph, [np.nan], [0.0], max_distance=1)
    with pytest.raises(BadValueError, match="search distance"):
        attach(graph, [0.0], [0.0], max_distance=-1)


def test_a_line_at_kiruna_is_as_long_as_on_the_ellipsoid() -> None:
    # SWEREF 99 TM is true to 0.04 % along its central meridian, 15 degrees east.
    geod = pyproj.Geod(ellps="GRS80")
    longitude, latitude = [20.20, 20.25, 20.30], [67.85, 67.87, 67.84]
    true = geod.line_length(longitude, latitude)
    project = pyproj.Transformer.from_crs("EPSG:4619", "EPSG:3006", always_xy=True)
    road = LineString(np.column_stack(project.transform(longitude, latitude)))
    assert build_graph(table(road)).length.sum() == pytest.approx(true, rel=1e-3)


# --- points ------------------------------------------------------------------------


def test_points_share_a_node_where_their_feet_do() -> None:
    graph = build_graph(table(LineString([(0, 0), (100, 0)]), LineString([(0, 0), (0, 100)])))
    x = [10, 10.004, 10.5, 0.005, -3, 50, 99.995, 300]
    y = [5, -3, 1, 2, -4, 41, 1, 0]
    met = attach(graph, x, y, max_distance=40)
    assert met.node[0] == met.node[1] != met.node[2]
    assert met.node[4] == graph.tail[0]
    assert nodes(met.graph)[met.node[6]] == (100, 0)
    assert met.node[[5, 7]].tolist() == [-1, -1]
    np.testing.assert_allclose(met.distance, [5, 3, 1, 0.005, 5, np.nan, 1, np.nan])
    assert nodes(met.graph)[: graph.x.size] == nodes(graph)
    assert nodes(met.graph)[met.node[3]] == (0, 2)
    check(met.graph)


def draw_graph(lines: Sequence[shapely.Geometry]) -> tuple[set[Pair], float]:
    """Slow reference for whole coordinates: the nodes, and the metres of road."""
    meeting, neighbours = set(), defaultdict(set)
    for line in lines:
        for part in shapely.get_parts(line):
            path = [a for a, _ in itertools.groupby(part.coords)]
            if len(path) == 1:
                continue
            meeting |= {path[0], path[-1]}
            meeting |= {b for a, b, c in zip(path, path[1:], path[2:], strict=False) if a == c}
            for a, b in itertools.pairwise(path):
                neighbours[a].add(b)
                neighbours[b].add(a)
    meeting |= {a for a, others in neighbours.items() if len(others) != 2}
    total = sum(np.hypot(a[0] - b[0], a[1] - b[1]) for a in neighbours for b in neighbours[a]) / 2
    return meeting, total


@given(networks)
@settings(deadline=None)
def test_nodes_and_lengths_are_those_of_a_slow_reference(lines: list[shapely.Geometry]) -> None:
    graph = build_graph(table(*lines), snap_m=0)
    meeting, total = draw_graph(lines)
    assert set(nodes(graph)) == meeting
    assert nodes(graph) == sorted(meeting)
    assert graph.length.sum() == pytest.approx(total)
    check(graph)


@given(networks, st.randoms())
@settings(deadline=None)
def test_the_order_of_the_roads_does_not_matter(
    lines: list[shapely.Geometry], random: object
) -> None:
    mixed = random.sample(lines, len(lines))
    one, other = build_graph(table(*lines)), build_graph(table(*mixed))
    assert nodes(one) == nodes(other)
    assert edges(one) == edges(other)
    for graph, source in ((one, lines), (other, mixed)):
        check(graph)
        for line, edge in zip(graph.line, graph.geometry(), strict=True):
            assert source[line].distance(edge.interpolate(0.3, normalized=True)) < 1e-6


def ways(graph: RoadGraph, size: int) -> np.ndarray:
    """Shortest ways between the first nodes; of several edges the shortest counts."""
    order = np.argsort(-graph.length, kind="stable")
    cost = np.full((graph.x.size, graph.x.size), np.inf)
    cost[graph.tail[order], graph.head[order]] = graph.length[order]
    cost = np.minimum(cost, cost.T)
    row, column = np.nonzero(np.isfinite(cost))
    links = coo_array((cost[row, column], (row, column)), shape=cost.shape)
    return dijkstra(links, directed=False, indices=np.arange(size))[:, :size]


@given(networks, places, st.sampled_from([0.0, 3.0, 100.0]))
@settings(deadline=None)
def test_attaching_keeps_every_metre_and_every_way(
    lines: list[shapely.Geometry], spots: list[Pair], reach: float
) -> None:
    graph = build_graph(table(*lines))
    x, y = np.array(spots, dtype=float).reshape(-1, 2).T
    met = attach(graph, x, y, max_distance=reach)
    check(met.graph)
    assert met.graph.length.sum() == pytest.approx(graph.length.sum())
    assert np.array_equal(met.graph.components()[: graph.x.size], graph.components())
    size = graph.x.size
    if size:
        np.testing.assert_allclose(ways(met.graph, size), ways(graph, size), atol=1e-6)

    roads = shapely.union_all(graph.geometry())
    distance = shapely.distance(shapely.points(x, y), roads)
    if not graph.tail.size:
        distance[:] = np.inf
    clear = np.abs(distance - reach) > 1e-9
    assert ((met.node >= 0) == (distance <= reach))[clear].all()
    near = met.node >= 0
    np.testing.assert_allclose(met.distance[near], distance[near], atol=1e-6)
    assert np.isnan(met.distance[~near]).all()
    # The node lies where the distance says, to the centimetre that feet may share.
    node = met.node[near]
    to_node = np.hypot(met.graph.x[node] - x[near], met.graph.y[node] - y[near])
    assert (np.abs(to_node - distance[near]) < 0.52).all()


@given(networks, places, st.randoms())
@settings(deadline=None, max_examples=50)
def test_the_order_of_the_points_does_not_matter(
    lines: list[shapely.Geometry], spots: list[Pair], random: object
) -> None:
    graph = build_graph(table(*lines))
    x, y = np.array(spots, dtype=float).reshape(-1, 2).T
    mixed = np.array(random.sample(range(x.size), x.size), dtype=int)
    fibre = [LineString([(0, 3), (40, 3)])]
    one = attach(graph, x, y, max_distance=20, fibre_lines=fibre)
    other = attach(graph, x[mixed], y[mixed], max_distance=20, fibre_lines=fibre)
    assert np.array_equal(one.node[mixed], other.node)
    for name in ("x", "y", "tail", "head", "length", "line", "start", "stop", "fibre"):
        assert np.array_equal(getattr(one.graph, name), getattr(other.graph, name))


# --- connected parts ---------------------------------------------------------------


def test_the_parts_of_a_network_are_listed_with_what_they_hold() -> None:
    graph = build_graph(
        table(
            LineString([(0, 0), (100, 0), (100, 50)]),
            LineString([(100, 0), (200, 0)]),
            LineString([(0, 300), (60, 300)]),
        )
    )
    met = attach(
        graph,
        [50.0, 50.0, 120.0, 30.0, 900.0],
        [5.0, -5.0, 5.0, 310.0, 900.0],
        max_distance=30,
        fibre_lines=[LineString([(20, 0), (100, 0)])],
    )
    parts = list_components(met.graph, met.node)
    assert parts.index.name == "component"
    label = met.graph.components()
    near, far = label[met.node[0]], label[met.node[3]]
    assert parts.loc[near].to_dict() == pytest.approx(
        {"nodes": 7, "edges": 6, "length_m": 250, "fibre_m": 80, "starts": 3, "points": 3,
         "x": 100, "y": 0}
    )  # fmt: skip
    assert parts.loc[far].to_dict() == pytest.approx(
        {"nodes": 3, "edges": 2, "length_m": 60, "fibre_m": 0, "starts": 0, "points": 1,
         "x": 30, "y": 300}
    )  # fmt: skip
    starts = np.zeros(met.graph.x.size, dtype=bool)
    starts[met.node[3]] = True
    assert list_components(met.graph, starts=starts)["starts"].to_dict() == {near: 0, far: 1}
    assert list_components(met.graph)["points"].sum() == 0


def test_an_empty_network_has_no_parts() -> None:
    assert list_components(build_graph(table())).empty


@given(networks, places)
@settings(deadline=None, max_examples=50)
def test_the_parts_hold_everything_once(lines: list[shapely.Geometry], spots: list[Pair]) -> None:
    x, y = np.array(spots, dtype=float).reshape(-1, 2).T
    fibre = [LineString([(0, 3), (40, 3)])]
    met = attach(build_graph(table(*lines)), x, y, max_distance=9, fibre_lines=fibre)
    graph, parts = met.graph, list_components(met.graph, met.node)
    assert parts["nodes"].sum() == graph.x.size
    assert parts["edges"].sum() == graph.tail.size
    assert parts["length_m"].sum() == pytest.approx(graph.length.sum())
    assert parts["fibre_m"].sum() == pytest.approx(graph.length[graph.fibre].sum())
    assert parts["starts"].sum() == graph.fibre_node.sum()
    assert parts["points"].sum() == (met.node >= 0).sum()
    if graph.tail.size:
        groups = nx.Graph(list(zip(graph.tail.tolist(), graph.head.tolist(), strict=True)))
        sizes = sorted(len(part) for part in nx.connected_components(groups))
        assert sorted(parts["nodes"]) == sizes


# --- the roads of Liechtenstein ----------------------------------------------------


@pytest.fixture(scope="module")
def liechtenstein(shared_data: Path) -> gpd.GeoDataFrame:
    return read_liechtenstein(shared_data)


def test_liechtenstein_has_the_nodes_and_parts_of_a_slow_reference(
    liechtenstein: gpd.GeoDataFrame,
) -> None:
    centimetres = [
        LineString(np.rint(shapely.get_coordinates(line) * 100)) for line in liechtenstein.geometry
    ]
    meeting, total = draw_graph(centimetres)
    graph = build_graph(liechtenstein, snap_m=0)
    assert graph.x.size == len(meeting)
    assert graph.length.sum() == pytest.approx(total / 100, rel=1e-5)

    leader: dict[Pair, Pair] = {}

    def lead(place: Pair) -> Pair:
        while leader.setdefault(place, place) != place:
            place = leader[place]
        return place

    for line in centimetres:
        path = list(line.coords)
        for place in path:
            leader[lead(place)] = lead(path[0])
    assert graph.components().max() + 1 == len({lead(place) for place in leader})
    check(graph)


def test_liechtenstein_in_a_few_numbers(liechtenstein: gpd.GeoDataFrame) -> None:
    graph = build_graph(liechtenstein)
    assert graph.length.sum() == pytest.approx(liechtenstein.length.sum(), rel=1e-4)
    assert graph.components().max() + 1 == 20
    assert (graph.x.size, graph.tail.size) == (6260, 7890)
    check(graph)


def test_buildings_of_liechtenstein_are_as_far_from_the_road_as_shapely_says(
    liechtenstein: gpd.GeoDataFrame, shared_data: Path
) -> None:
    source = shared_data / "liechtenstein" / "liechtenstein.osm.pbf"
    buildings = pyogrio.read_dataframe(source, layer="multipolygons", where="building is not null")
    point = shapely.centroid(buildings.to_crs("EPSG:2056").geometry.to_numpy())
    graph = build_graph(liechtenstein)
    met = attach(graph, shapely.get_x(point), shapely.get_y(point), max_distance=500)
    pair, distance = shapely.STRtree(graph.geometry()).query_nearest(
        point, max_distance=500, return_distance=True, all_matches=False
    )
    assert np.array_equal(np.flatnonzero(met.node >= 0), pair[0])
    np.testing.assert_allclose(met.distance[pair[0]], distance, atol=1e-5)
    assert met.graph.length.sum() == pytest.approx(graph.length.sum())
    assert met.graph.components().max() == graph.components().max()
