"""Lines on top of each other, bridges and tunnels: by hand, and whatever the roads."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from bredband_gis.roads import build_graph
from bredband_gis.trees import SegmentTree
from hypothesis import given, settings
from hypothesis import strategies as st
from road_drawings import (
    check,
    edges,
    networks,
    nodes,
    table,
    town,
)
from shapely import LineString

# --- lines on top of each other ----------------------------------------------------


def wavy(offset: float, *, begin: float = 0, end: float = 400, step: float = 25) -> LineString:
    """A road that bends a little, drawn at some offset from its middle."""
    x = np.arange(begin, end + 1e-9, step)
    return LineString(np.column_stack([x, 20 * np.sin(x / 60) + offset]))


def test_a_road_drawn_twice_a_few_decimetres_apart_is_one() -> None:
    one = LineString([(0, 0), (40, 0), (100, 0)])
    other = LineString([(0, 0.3), (70, 0.4), (100, 0.3)])
    for roads in (table(one, other), table(other, one)):
        graph = build_graph(roads)
        assert graph.x.size == 2
        assert [round(length, 2) for *_, length in edges(graph)] == [100.0]
        check(graph)
    assert build_graph(table(one, other), snap_m=0.2).tail.size == 2


def test_a_road_drawn_twice_with_other_bends_is_one() -> None:
    # The second has a vertex in the middle of each piece of the first; they differ by the
    # height of the bends, 0.3 m at most.
    graph = build_graph(table(wavy(0, step=20), wavy(0.1, step=10)))
    assert graph.x.size == 2
    assert graph.tail.size == 1
    assert graph.length[0] == pytest.approx(wavy(0, step=20).length, rel=1e-3)


def test_the_carriageways_of_a_road_stay_two() -> None:
    both = build_graph(table(wavy(0), wavy(3)))
    assert both.tail.size == 2
    assert both.components().max() == 1
    # Meeting at both ends, they are still two ways.
    there = LineString([(0, 0), (10, 4), (90, 4), (100, 0)])
    back = LineString([(100, 0), (90, -4), (10, -4), (0, 0)])
    assert build_graph(table(there, back)).tail.size == 2


def test_lines_partly_on_top_of_each_other_share_that_part() -> None:
    # Along 40 to 100 both; the second then goes its own way.
    one = LineString([(0, 0), (60, 0), (100, 0), (130, 0)])
    other = LineString([(40, 0), (80, 0), (100, 0), (100, 50)])
    for roads in (table(one, other), table(other, one)):
        graph = build_graph(roads)
        assert nodes(graph) == [(0, 0), (40, 0), (100, 0), (100, 50), (130, 0)]
        assert [length for *_, length in edges(graph)] == [40, 60, 50, 30]
        check(graph)


def test_lines_on_top_of_each_other_without_a_common_vertex_share_that_part() -> None:
    one = LineString([(0, 0), (55, 0), (130, 0)])
    other = LineString([(10, 50), (40, 0.2), (70, 0.2), (100, 0.2), (110, 50)])
    graph = build_graph(table(one, other))
    assert graph.components().max() == 0
    # Four ends, and where the second comes to the first and leaves it.
    assert graph.x.size == 6
    assert graph.length.sum() == pytest.approx(130 + 2 * np.hypot(30, 49.8), abs=10)
    assert build_graph(table(one, other), snap_m=0.1).components().max() == 1


def test_three_lines_on_top_of_each_other_are_one() -> None:
    graph = build_graph(table(wavy(0), wavy(0.2), wavy(-0.2)))
    assert graph.tail.size == 1
    assert graph.length[0] == pytest.approx(wavy(0).length, rel=1e-3)


def test_the_longest_of_lines_that_are_one_gives_the_row() -> None:
    short, long = wavy(0.2, begin=100, end=300), wavy(0)
    graph = build_graph(table(short, long))
    assert graph.line.tolist() == [1, 1, 1]
    assert build_graph(table(long, short)).line.tolist() == [0, 0, 0]


@pytest.mark.parametrize("angle", [90, 45, 20])
@pytest.mark.parametrize("offset", [0.0, 0.3, -0.4])
def test_a_vertex_of_a_bridge_just_above_the_road_joins_nothing(
    angle: float, offset: float
) -> None:
    step = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    way = [50 + offset, 0.2] + np.array([-40, -0.5, 0.5, 40])[:, None] * step
    roads = table(LineString([(0, 0), (30, 0), (100, 0)]), LineString(way))
    graph = build_graph(roads)
    assert graph.tail.size == 2
    assert graph.components().max() == 1


def test_a_bridge_over_a_road_drawn_twice_joins_nothing() -> None:
    graph = build_graph(
        table(
            LineString([(0, 0), (100, 0)]),
            LineString([(0, 0), (100, 0)]),
            LineString([(50, -40), (50, 0.2), (50, 40)]),
        )
    )
    assert graph.tail.size == 2
    assert graph.components().max() == 1


@pytest.mark.parametrize("step", [0.2, 0.27, 0.6])
def test_a_road_drawn_twice_with_very_dense_vertices_keeps_its_length(step: float) -> None:
    graph = build_graph(table(wavy(0, step=0.2, end=80), wavy(0.1, step=step, end=80)))
    check(graph)
    assert graph.components().max() == 0
    assert graph.length.sum() == pytest.approx(wavy(0, end=80, step=0.2).length, rel=0.1)
    assert graph.length.sum() >= 0.98 * wavy(0, end=80, step=0.2).length


@given(
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.15, 0.3]),
    st.sampled_from([7.0, 11.0, 40.0]),
)
@settings(deadline=None, max_examples=40)
def test_a_second_drawing_of_the_roads_adds_nothing(seed: int, shift: float, step: float) -> None:
    rng = np.random.default_rng(seed)
    streets = town(3, 90.0)
    lines = list(streets.geometry)
    some = rng.choice(len(lines), 4, replace=False)
    moved = shapely.transform(
        shapely.segmentize(np.array(lines)[some], step),
        lambda xy: xy + rng.uniform(-shift, shift, xy.shape),
    )
    once, twice = build_graph(streets), build_graph(table(*lines, *moved))
    check(twice)
    assert twice.components().max() == 0
    assert twice.length.sum() == pytest.approx(once.length.sum(), rel=0.02)
    # The crossings of the streets are there, all of them, and between them the same ways.
    where = shapely.STRtree(shapely.points(twice.x, twice.y))
    near = where.query(shapely.points(once.x, once.y), "dwithin", 0.6)
    assert np.unique(near[0]).size == once.x.size
    mixed = rng.permutation(len(lines) + 4)
    again = build_graph(table(*np.array([*lines, *moved])[mixed]))
    assert nodes(again) == nodes(twice)
    assert edges(again) == edges(twice)


# --- bridges and tunnels -----------------------------------------------------------


def leveled(*rows: tuple[LineString, dict[str, object]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame([tags for _, tags in rows], geometry=[a for a, _ in rows], crs=3006)


ROAD = LineString([(0, 0), (50, 0), (100, 0)])
BRIDGE = LineString([(50, -40), (50, 0), (50, 40)])


@pytest.mark.parametrize(
    "tags", [{"bridge": "yes"}, {"tunnel": "yes"}, {"layer": "2"}, {"bridge": "T"}, {"layer": -1.0}]
)
def test_a_vertex_that_a_bridge_shares_with_the_road_below_is_no_crossing(
    tags: dict[str, object],
) -> None:
    graph = build_graph(leveled((ROAD, {}), (BRIDGE, tags)))
    assert graph.tail.size == 2
    assert graph.components().max() == 1
    # Cut in two right below, the road still does not meet it.
    halves = LineString([(0, 0), (50, 0)]), LineString([(50, 0), (100, 0)])
    graph = build_graph(leveled((halves[0], {}), (halves[1], {}), (BRIDGE, tags)))
    assert graph.tail.size == 3
    assert graph.components().max() == 1
    assert nodes(graph) == sorted(nodes(graph))


@pytest.mark.parametrize(
    "tags",
    [{"bridge": "no"}, {"tunnel": "building_passage"}, {"layer": "0"}, {"layer": "vag_bd"},
     {"bridge": None, "tunnel": float("nan")}, {"bridge": False}],
)  # fmt: skip
def test_what_is_no_bridge_meets(tags: dict[str, object]) -> None:
    assert build_graph(leveled((ROAD, {}), (BRIDGE, tags))).tail.size == 4


def test_a_bridge_meets_the_road_where_it_lands_and_steps_where_they_lead_up() -> None:
    landing = LineString([(50, 40), (50, 90)])
    street = LineString([(0, 90), (50, 90), (100, 90)])
    steps_up = LineString([(60, 10), (50, 20)])
    bridge = LineString([(50, -40), (50, 20), (50, 40)])
    graph = build_graph(
        leveled(
            (ROAD, {}), (bridge, {"bridge": "yes"}), (landing, {}), (street, {}), (steps_up, {})
        )
    )
    label = graph.components()
    at = {place: label[number] for number, place in enumerate(nodes(graph))}
    assert at[0, 0] == at[100, 0]
    assert at[50, -40] == at[50, 20] == at[60, 10] == at[50, 90] == at[0, 90]
    assert at[0, 0] != at[50, 90]


def test_bridges_of_the_same_level_meet() -> None:
    deck = LineString([(0, 0), (50, 0), (100, 0)])
    graph = build_graph(leveled((deck, {"layer": 1}), (BRIDGE, {"bridge": "viaduct"})))
    assert graph.components().max() == 0


def test_a_road_that_ends_just_below_a_bridge_is_not_snapped_to_it() -> None:
    below = LineString([(0, 0), (49.8, 0)])
    assert build_graph(leveled((below, {}), (BRIDGE, {"bridge": 1}))).components().max() == 1
    assert build_graph(leveled((below, {}), (BRIDGE, {"bridge": 0}))).components().max() == 0
    # But to the end of one, and the end of one to a road.
    beyond = LineString([(0, 40.2), (49.9, 40.2)])
    assert build_graph(leveled((beyond, {}), (BRIDGE, {"bridge": 1}))).components().max() == 0
    across = LineString([(0, 40.2), (100, 40.2)])
    assert build_graph(leveled((across, {}), (BRIDGE, {"bridge": 1}))).components().max() == 0


def test_a_road_above_another_is_not_merged_with_it() -> None:
    assert build_graph(leveled((wavy(0), {}), (wavy(0.2), {"layer": 1}))).tail.size == 2
    assert build_graph(leveled((wavy(0), {}), (wavy(0), {"layer": 1}))).tail.size == 2
    assert build_graph(leveled((ROAD, {}), (ROAD, {"layer": 1}))).tail.size == 2


@given(networks, st.randoms())
@settings(deadline=None, max_examples=60)
def test_levels_only_take_crossings_away(lines: list[shapely.Geometry], random: object) -> None:
    level = [random.choice([0, 0, 1]) for _ in lines]
    flat = build_graph(table(*lines), snap_m=0)
    graph = build_graph(table(*lines).assign(layer=level), snap_m=0)
    check(graph)
    assert nodes(graph) == sorted(nodes(graph))
    assert graph.components().max(initial=-1) >= flat.components().max(initial=-1)
    assert graph.length.sum() >= flat.length.sum() - 1e-9
    same = build_graph(table(*lines).assign(layer=1), snap_m=0)
    assert edges(same) == edges(flat)
    order = random.sample(range(len(lines)), len(lines))
    mixed = table(*[lines[i] for i in order]).assign(layer=[level[i] for i in order])
    assert edges(build_graph(mixed, snap_m=0)) == edges(graph)


# --- looking around ----------------------------------------------------------------


@pytest.mark.parametrize("radius", [0.0, 3.0, 40.0])
def test_segments_of_ones_own_number_are_passed_over(radius: float) -> None:
    rng = np.random.default_rng(1)
    ends, points = rng.uniform(0, 100, (4, 300)), rng.integers(0, 100, (2, 200)).astype(float)
    ends[:, :50] = ends[:, 50:100]
    mine, theirs = rng.integers(0, 4, 200), rng.integers(0, 4, 300)
    tree = SegmentTree(*ends)
    point, segment, along = tree.within(*points, radius, apart=(mine, theirs))
    every = tree.within(*points, radius)
    other = mine[every[0]] != theirs[every[1]]
    for found, all_ in zip((point, segment, along), every, strict=True):
        assert np.array_equal(found, all_[other])
