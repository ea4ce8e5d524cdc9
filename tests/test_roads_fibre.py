"""Existing fibre on the road graph: by hand, on random walks, on real roads."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from bredband_gis.roads import Attachment, attach, build_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from road_drawings import (
    Pair,
    check,
    nodes,
    read_liechtenstein,
    table,
    town,
)
from shapely import LineString

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd


def lay(roads: gpd.GeoDataFrame, *fibre: LineString, **options: float) -> Attachment:
    graph = build_graph(roads)
    met = attach(graph, [], [], max_distance=1, fibre_lines=fibre, **options)
    check(met.graph)
    assert met.graph.length.sum() == pytest.approx(graph.length.sum())
    assert met.fibre_on_road_m + met.fibre_off_road_m == pytest.approx(
        sum(line.length for line in fibre)
    )
    return met


def differences(met: Attachment, truth: shapely.Geometry) -> tuple[float, float]:
    """Metres of road that should be marked and are not, and the reverse."""
    marked = shapely.union_all(met.graph.geometry(met.graph.fibre))
    missing = truth.difference(shapely.buffer(marked, 0.05)).length
    return missing, marked.difference(truth.buffer(0.05)).length


@pytest.mark.parametrize("offset", [0.0, 8.0, -8.0, 20.0])
@pytest.mark.parametrize(
    "path",
    [
        [(0, 200), (500, 200)],
        [(30, 200), (470, 200)],
        [(100, 50), (100, 430)],
        [(0, 100), (300, 100), (300, 500)],
        [(0, 100), (300, 100), (300, 0)],
        [(0, 200), (200, 200), (200, 300), (400, 300), (400, 100), (500, 100)],
    ],
    ids=["street", "mid-edge", "up", "left turn", "right turn", "zigzag"],
)
def test_fibre_beside_streets_marks_those_and_no_side_street(
    path: list[Pair], offset: float
) -> None:
    truth = LineString(path)
    beside = truth.offset_curve(offset, join_style="mitre") if offset else truth
    for fibre in (beside, beside.reverse(), beside.segmentize(7)):
        met = lay(town(), fibre)
        missing, extra = differences(met, truth)
        assert missing + extra < 0.005 * truth.length
        assert met.fibre_off_road_m < 0.005 * fibre.length


def test_fibre_round_the_inside_of_a_block_marks_all_three_sides() -> None:
    # Along the short side the fibre runs for less than twice its distance to the street.
    truth = LineString([(0, 160), (160, 160), (160, 80), (0, 80)])
    met = lay(town(4, 80.0), truth.offset_curve(-23, join_style="mitre"))
    missing, extra = differences(met, truth)
    assert missing + extra < 0.005 * truth.length


def test_fibre_that_ends_between_junctions_splits_the_street_there() -> None:
    met = lay(town(), LineString([(100, 50), (100, 100), (230, 100)]))
    tapped = {
        place for place, yes in zip(nodes(met.graph), met.graph.fibre_node, strict=True) if yes
    }
    assert tapped == {(100, 50), (100, 100), (200, 100), (230, 100)}
    assert met.graph.length[met.graph.fibre].sum() == pytest.approx(180)


@pytest.mark.parametrize("sideways", [0, 100, 170])
def test_fibre_that_crosses_a_road_can_be_tapped_there_and_marks_nothing(sideways: float) -> None:
    road = table(LineString([(0, 0), (500, 0)]))
    met = lay(road, LineString([(250 - sideways, -100), (250 + sideways, 100)]))
    assert not met.graph.fibre.any()
    assert met.graph.fibre_node.sum() == 1
    assert met.graph.x[met.graph.fibre_node][0] == pytest.approx(250, abs=5)
    assert met.fibre_on_road_m == 0


def test_fibre_that_ends_at_a_road_can_be_tapped_there() -> None:
    met = lay(table(LineString([(0, 0), (500, 0)])), LineString([(250, 300), (250, 6)]))
    assert nodes(met.graph)[int(np.flatnonzero(met.graph.fibre_node)[0])] == (250, 0)
    assert met.graph.fibre.sum() == 0


def test_fibre_out_of_reach_does_nothing() -> None:
    met = lay(town(), LineString([(600, 0), (600, 500)]))
    assert not met.graph.fibre.any()
    assert not met.graph.fibre_node.any()
    assert met.fibre_off_road_m == 500
    near = LineString([(530, 0), (530, 500)])
    assert lay(town(), near).graph.length[lay(town(), near).graph.fibre].sum() == pytest.approx(500)
    assert not lay(town(), near, fibre_snap_m=20).graph.fibre.any()


def test_a_branch_to_a_house_does_not_mark_the_street_behind() -> None:
    met = lay(
        town(),
        LineString([(0, 208), (500, 208)]),
        LineString([(250, 208), (250, 238)]),
        LineString([(375, 208), (375, 240)]),
    )
    assert differences(met, LineString([(0, 200), (500, 200)])) == pytest.approx((0, 0))
    assert met.fibre_off_road_m == pytest.approx(62)
    assert met.graph.fibre_node.sum() == 6


def test_fibre_past_the_end_of_a_road_is_off_road() -> None:
    met = lay(table(LineString([(0, 0), (500, 0)])), LineString([(250, 3), (700, 3)]))
    assert met.graph.length[met.graph.fibre].sum() == pytest.approx(250)
    assert met.fibre_off_road_m == pytest.approx(200)


def test_edges_of_very_different_length_are_each_marked_whole() -> None:
    rng = np.random.default_rng(4)
    x = np.cumsum(rng.choice([3.0, 20.0, 700.0], 40))
    main = LineString([(0, 0), *((k, 0) for k in x)])
    sides = [LineString([(k, 0), (k, 90)]) for k in x[:-1]]
    met = lay(table(main, *sides), main)
    assert differences(met, main) == pytest.approx((0, 0), abs=1e-6)


def test_fibre_drawn_in_pieces_or_twice_marks_the_same() -> None:
    street = LineString([(0, 200), (430, 200)])
    pieces = [
        LineString([(a, 200), (b, 200)]) for a, b in itertools.pairwise([0, 123, 131, 288, 430])
    ]
    for fibre in (pieces, pieces[::-1], [street, street.reverse()]):
        met = lay(town(), *fibre)
        assert differences(met, street) == pytest.approx((0, 0), abs=1e-6)


def test_fibre_beside_a_street_in_pieces_shorter_than_its_distance_is_one_route() -> None:
    street, beside = LineString([(0, 200), (450, 200)]), LineString([(0, 220), (450, 220)])
    vertices = shapely.get_coordinates(beside.segmentize(9))
    met = lay(town(), *(LineString(pair) for pair in itertools.pairwise(vertices)))
    assert differences(met, street) == pytest.approx((0, 0), abs=1e-6)


def test_a_shaky_hand_does_not_matter() -> None:
    street = LineString([(0, 200), (450, 200)])
    vertices = shapely.get_coordinates(street.segmentize(1))
    shaken = vertices + np.random.default_rng(3).uniform(-0.4, 0.4, vertices.shape)
    shaken[:, 1] += 6
    met = lay(town(), LineString(shaken))
    assert differences(met, street) == pytest.approx((0, 0), abs=1)
    assert met.fibre_off_road_m == 0


def test_a_stub_of_fibre_near_a_road_can_be_tapped_from_it() -> None:
    met = lay(table(LineString([(0, 0), (500, 0)])), LineString([(100, 21), (112, 20)]))
    assert not met.graph.fibre.any()
    assert met.graph.fibre_node.sum() == 1
    assert met.graph.x[met.graph.fibre_node][0] == pytest.approx(106, abs=6)


def test_fibre_that_follows_one_road_and_ends_at_another_can_be_tapped_from_both() -> None:
    roads = table(LineString([(0, 0), (500, 0)]), LineString([(0, 300), (600, 300)]))
    met = lay(roads, LineString([(0, 0), (500, 0), (520, 292)]))
    assert differences(met, LineString([(0, 0), (500, 0)])) == pytest.approx((0, 0), abs=1e-6)
    assert sorted(nodes(met.graph)[i] for i in np.flatnonzero(met.graph.fibre_node)) == [
        (0, 0),
        (500, 0),
        (520, 300),
    ]


def test_fibre_that_cuts_a_staggered_junction_follows_it() -> None:
    roads = table(
        LineString([(0, 0), (100, 0), (108, 0), (200, 0)]),
        LineString([(100, 0), (100, 100)]),
        LineString([(108, 0), (108, -100)]),
    )
    truth = LineString([(100, 100), (100, 0), (108, 0), (108, -100)])
    for fibre in (truth, LineString([(103, 100), (111, -100)])):
        assert differences(lay(roads, fibre), truth) == pytest.approx((0, 0), abs=1.5)


def test_attaching_again_keeps_the_fibre() -> None:
    first = lay(town(), LineString([(0, 100), (250, 100)]))
    again = attach(first.graph, [120.0, 330.0], [90.0, 90.0], max_distance=40)
    assert again.graph.length[again.graph.fibre].sum() == pytest.approx(250)
    assert again.graph.fibre_node[again.node].tolist() == [True, False]


@given(
    st.lists(st.sampled_from([(1, 0), (-1, 0), (0, 1), (0, -1)]), min_size=3, max_size=14),
    st.sampled_from([0, 3, -3, 8, -8, 15, -15]),
    st.sampled_from([7, 25, 1000]),
)
@settings(deadline=None)
def test_fibre_on_a_walk_through_town_marks_the_walk(
    moves: list[tuple[int, int]], offset: float, step: float
) -> None:
    path = [(3, 3)]
    for dx, dy in moves:
        there = (path[-1][0] + dx, path[-1][1] + dy)
        if there not in path and min(there) >= 0 and max(there) <= 6:
            path.append(there)
    if len(path) < 3:
        return
    truth = LineString(np.array(path) * 80.0)
    fibre = truth.offset_curve(offset, join_style="mitre") if offset else truth
    if not isinstance(fibre, LineString) or fibre.is_empty:
        return
    missing, extra = differences(lay(town(6, 80.0), fibre.segmentize(step)), truth)
    assert missing + extra < 0.02 * truth.length + 2


@pytest.fixture(scope="module")
def liechtenstein(shared_data: Path) -> gpd.GeoDataFrame:
    return read_liechtenstein(shared_data)


def test_fibre_along_the_roads_of_liechtenstein_is_found_again(
    liechtenstein: gpd.GeoDataFrame,
) -> None:
    kinds = ["residential", "tertiary", "secondary", "primary", "unclassified", "living_street"]
    roads = liechtenstein[liechtenstein["highway"].isin(kinds)].reset_index(drop=True)
    main = roads[roads["highway"].isin(["primary", "secondary"])].geometry.to_numpy()
    graph = build_graph(roads)
    on = np.isin(graph.line, np.flatnonzero(roads["highway"].isin(["primary", "secondary"])))
    exact = attach(graph, [], [], max_distance=1, fibre_lines=main)
    assert exact.graph.length[exact.graph.fibre].sum() == pytest.approx(
        graph.length[on].sum(), rel=2e-3
    )
    assert exact.fibre_off_road_m < 0.001 * exact.fibre_on_road_m
    beside = shapely.offset_curve(main, 6.0)
    near = attach(graph, [], [], max_distance=1, fibre_lines=beside)
    missing, extra = differences(near, shapely.union_all(main))
    assert missing + extra < 0.02 * shapely.length(main).sum()
