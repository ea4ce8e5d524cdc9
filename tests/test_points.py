"""Points against polygons, lines and points: every answer against shapely, one by one."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numba
import numpy as np
import pyogrio
import pytest
import shapely
from bredband_gis import borders as borders_module
from bredband_gis import curve as curve_module
from bredband_gis import points as points_module
from bredband_gis import trees as trees_module
from bredband_gis.borders import open_cells
from bredband_gis.curve import curve_order
from bredband_gis.errors import BadValueError, GeometryError
from bredband_gis.points import (
    line_distance,
    line_vertices,
    locate,
    nearest_line,
    nearest_point,
)
from bredband_gis.trees import SegmentTree
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from pathlib import Path

# Whole numbers, so that points often lie exactly on borders, vertices and midway.
whole = st.integers(0, 8).map(float)
spot = st.tuples(whole, whole)
spots = st.lists(spot, max_size=12)
anywhere = st.floats(-20, 20, allow_nan=False, width=32)


def columns(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(pairs, dtype=float).reshape(-1, 2).T)


def triangle(corners: list[tuple[float, float]]) -> shapely.Polygon:
    return shapely.Polygon(corners)


def box(corners: tuple[tuple[float, float], tuple[float, float]]) -> shapely.Polygon:
    (x0, y0), (x1, y1) = corners
    return shapely.box(min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1)


areas = st.one_of(
    st.tuples(spot, spot).map(box),
    st.lists(spot, min_size=3, max_size=3).map(triangle).filter(lambda shape: shape.is_valid),
    st.tuples(st.tuples(spot, spot).map(box), st.tuples(spot, spot).map(box)).map(
        lambda both: shapely.union(*both)
    ),
    st.tuples(spot, spot).map(lambda both: shapely.difference(box(both), box((both[0], both[0])))),
    st.just(shapely.Polygon()),
    st.none(),
).filter(lambda shape: shape is None or shape.geom_type != "GeometryCollection")


# --- locate ------------------------------------------------------------------------


@given(spots, st.lists(areas, max_size=6), st.sampled_from([1.0, 0.01]))
@settings(deadline=None)
def test_locate_gives_the_first_polygon_that_shapely_finds(
    pairs: list[tuple[float, float]], shapes: list[shapely.Geometry], squeeze: float
) -> None:
    x, y = columns(pairs)
    squeezed = shapely.transform(np.array(shapes, dtype=object), lambda c: c * [1.0, squeeze])
    found = locate(x, y * squeeze, squeezed)
    for px, py, place in zip(x, y * squeeze, found, strict=True):
        hits = [
            i
            for i, s in enumerate(squeezed)
            if s is not None and s.intersects(shapely.Point(px, py))
        ]
        assert place == (hits[0] if hits else -1)


def by_cells(x: np.ndarray, y: np.ndarray, shapes: object) -> np.ndarray:
    """Locate as millions of points are located, however few they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points_module, "_MANY", 1)
        return locate(x, y, shapes)


@given(
    spots, st.lists(areas, max_size=6), st.sampled_from([1.0, 0.01]), st.sampled_from([1, 40, 900])
)
@settings(deadline=None)
def test_cells_that_no_border_passes_change_no_answer(
    pairs: list[tuple[float, float]], shapes: list[shapely.Geometry], squeeze: float, side: int
) -> None:
    # The corners, midpoints and borders of the shapes, and a lattice over them all.
    lattice = np.stack(np.meshgrid(*[np.linspace(-1, 10, side // 30 + 2)] * 2), axis=-1)
    some = np.array([s for s in shapes if s is not None], dtype=object)
    corners = shapely.get_coordinates(some)
    every = [np.array(pairs, dtype=float).reshape(-1, 2), lattice.reshape(-1, 2), corners]
    x, y = np.concatenate([*every, corners[:1] * 1e6]).T
    squeezed = shapely.transform(np.array(shapes, dtype=object), lambda c: c * [1.0, squeeze])
    assert np.array_equal(by_cells(x, y * squeeze, squeezed), locate(x, y * squeeze, squeezed))


def test_cells_answer_for_most_points_of_a_ragged_coverage() -> None:
    rng = np.random.default_rng(4)
    seeds = shapely.multipoints(rng.uniform(0, 1e5, (30, 2)) + SOUTH_WEST)
    cells = shapely.segmentize(shapely.get_parts(shapely.voronoi_polygons(seeds)), 500)
    ragged = shapely.transform(
        cells, lambda c: c + 300 * np.sin(c[:, ::-1] * 12.9898) + 40 * np.sin(c / 7)
    )
    hole = shapely.difference(ragged[3], shapely.buffer(shapely.centroid(ragged[3]), 4000))
    shapes = [None, hole, *ragged, shapely.box(0, 0, 1, 1), shapely.box(5.3e5, 7.0e6, 5.4e5, 9e9)]
    x, y = (rng.uniform(0, 1e5, (20_000, 2)) + SOUTH_WEST).T
    x[:3], y[:3] = [0.5, -1e12, 5.35e5], [0.5, 1e12, 8e9]
    x[3:9], y[3:9] = shapely.get_coordinates(shapes[4])[:6].T
    wanted = locate(x, y, shapes)
    assert set(wanted[[0, 1, 2]]) == {32, -1, 33}
    assert np.array_equal(by_cells(x, y, shapes), wanted)
    group = open_cells(x, y, np.array(shapes, dtype=object)).group
    assert 0.3 < (group >= 0).mean() < 0.99
    pairs = np.unique(np.column_stack([group, wanted])[group >= 0], axis=0)
    assert len(pairs) == len(np.unique(pairs[:, 0]))


def test_a_border_between_two_cells_marks_both() -> None:
    border = np.zeros((6, 6), dtype=bool)
    xy = np.array([[1.0, 2.0], [4.0, 2.0], [4.0, 5.5], [9.0, 9.0], [9.5, 9.0]])
    borders_module._mark_kernel(
        0, 4, xy, np.array([0, 0, 0, 1, 1]), 0.0, 0.0, 1.0, borders_module._SLACK, border
    )
    wanted = np.zeros((6, 6), dtype=bool)
    wanted[1:3, 0:5] = True  # along y = 2, and the corner cells at its ends
    wanted[1:6, 3:5] = True  # along x = 4
    assert np.array_equal(border, wanted)


def test_where_no_grid_can_be_laid_each_point_is_asked_about() -> None:
    same = np.full(20, 3.0)
    assert open_cells(same, same, np.array([shapely.box(0, 0, 9, 9)])) is None
    assert (by_cells(same, same, [shapely.box(0, 0, 9, 9)]) == 0).all()
    # Closer together than their coordinates can say where a border is.
    near = 7e6 + np.arange(50) * 1e-7
    assert open_cells(near, near, np.array([shapely.box(0, 0, 9, 9)])) is None


def test_no_point_is_lost_on_the_border_between_neighbours() -> None:
    left, right = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)
    y = np.linspace(0, 1, 101)
    assert (locate(np.ones(101), y, [left, right]) == 0).all()
    assert (locate(np.ones(101), y, [right, left]) == 0).all()
    assert locate([0.5, 1.5, 2.5], [0.5, 0.5, 0.5], [left, right]).tolist() == [0, 1, -1]


def test_a_polygon_listed_twice_counts_once_and_stays_as_it_was() -> None:
    shape, prepared = shapely.box(0, 0, 1, 1), shapely.box(0, 0, 2, 2)
    shapely.prepare(prepared)
    assert locate([0.5, 1.5], [0.5, 1.5], [shape, shape, prepared]).tolist() == [0, 2]
    assert not shapely.is_prepared(shape)
    assert shapely.is_prepared(prepared)


def test_locate_without_points_or_polygons() -> None:
    assert locate([], [], [shapely.box(0, 0, 1, 1)]).dtype == np.int64
    assert locate([1.0], [1.0], []).tolist() == [-1]


def test_stops_of_norrbotten_and_skane_lie_in_the_municipality_that_shapely_says(
    shared_data: Path,
) -> None:
    source = shared_data / "sverige" / "sample_bd_m.gpkg"
    municipalities = pyogrio.read_dataframe(source, layer="kommun")
    for layer, county in (("hallplats_bd", "25"), ("hallplats_m", "12")):
        stops = pyogrio.read_dataframe(source, layer=layer)
        found = locate(stops.geometry.x, stops.geometry.y, municipalities.geometry)
        tree = shapely.STRtree(municipalities.geometry.to_numpy())
        point, place = tree.query(stops.geometry.to_numpy(), predicate="intersects")
        wanted = np.full(len(stops), -1)
        wanted[point] = place
        assert np.array_equal(found, wanted)
        assert (municipalities["LAN_KOD"].to_numpy()[found[found >= 0]] == county).mean() > 0.99


# --- nearest_line ------------------------------------------------------------------

strings = st.lists(spot, min_size=2, max_size=5).map(shapely.LineString)
routes = st.one_of(strings, st.lists(strings, min_size=1, max_size=3).map(shapely.MultiLineString))


@given(
    st.lists(st.tuples(anywhere, anywhere) | spot, max_size=12),
    st.lists(routes | st.none() | st.just(shapely.LineString()), max_size=6),
    st.sampled_from([0.0, 1.0, 2.5, 100.0, np.inf]),
)
@settings(deadline=None)
def test_nearest_line_gives_what_shapely_measures(
    pairs: list[tuple[float, float]], lines: list[shapely.Geometry], reach: float
) -> None:
    x, y = columns(pairs)
    found = nearest_line(x, y, lines, max_distance=reach)
    some = np.array([line is not None and not line.is_empty for line in lines], dtype=bool)
    for i in range(x.size):
        point = shapely.Point(x[i], y[i])
        distance = np.full(len(lines), np.inf)
        distance[some] = shapely.distance(np.array(lines, dtype=object)[some], point)
        nearest = distance.min(initial=np.inf)
        if found.line[i] < 0:
            assert nearest > reach or nearest == np.inf or np.isclose(nearest, reach)
            assert np.isinf(found.distance[i])
            assert np.isnan([found.measure[i], found.foot_x[i], found.foot_y[i]]).all()
            continue
        assert found.distance[i] <= reach
        assert found.distance[i] == pytest.approx(nearest, abs=1e-9)
        assert distance[found.line[i]] == pytest.approx(nearest, abs=1e-9)
        line = lines[found.line[i]]
        foot = shapely.Point(found.foot_x[i], found.foot_y[i])
        assert foot.distance(point) == pytest.approx(nearest, abs=1e-9)
        assert foot.distance(shapely.MultiPoint(along(line, found.measure[i]))) < 1e-9


def along(line: shapely.Geometry, measure: float) -> list[shapely.Point]:
    """Walk a line, the parts of a multiline without gaps; where one ends the next begins."""
    reached = []
    for part in shapely.get_parts(line):
        if -1e-9 <= measure <= part.length + 1e-9:
            reached.append(part.interpolate(max(measure, 0)))
        measure -= part.length
    return reached


def test_the_first_of_two_lines_at_the_same_distance_is_taken() -> None:
    lines = [shapely.LineString([(0, 2), (9, 2)]), shapely.LineString([(0, -2), (9, -2)])]
    assert nearest_line([3.0], [0.0], lines, max_distance=5).line.tolist() == [0]
    assert nearest_line([3.0], [0.0], lines[::-1], max_distance=5).line.tolist() == [0]
    star = [shapely.LineString([(5, 5), (5 + k, 9)]) for k in range(4)]
    assert nearest_line([5.0], [1.0], star, max_distance=5).line.tolist() == [0]


def test_of_many_ties_across_the_whole_tree_the_first_is_taken() -> None:
    rng = np.random.default_rng(6)
    low = rng.integers(0, 12, (500, 2)).astype(float)
    high = low + np.where(rng.random((500, 1)) < 0.5, [1.0, 0.0], [0.0, 1.0])
    x, y = rng.integers(-2, 14, (2, 300)).astype(float)
    gap_x = np.maximum(np.maximum(low[:, 0] - x[:, None], x[:, None] - high[:, 0]), 0)
    gap_y = np.maximum(np.maximum(low[:, 1] - y[:, None], y[:, None] - high[:, 1]), 0)
    hit = SegmentTree(*low.T, *high.T).nearest(x, y, max_distance=20)
    assert np.array_equal(hit.segment, np.argmin(gap_x**2 + gap_y**2, axis=1))


def test_a_line_at_exactly_the_search_distance_counts() -> None:
    line = [shapely.LineString([(0, 0), (100, 0)])]
    found = nearest_line([50.0, 50.0, 103.0], [40.0, 40.000001, 4.0], line, max_distance=40)
    assert found.distance.tolist() == [40.0, np.inf, 5.0]
    assert found.measure[:1].tolist() == [50.0]
    assert nearest_line([103.0], [4.0], line, max_distance=5).measure.tolist() == [100.0]


SOUTH_WEST = np.array([5e5, 7e6])


def made_lines(count: int, rng: np.random.Generator) -> np.ndarray:
    starts = rng.uniform(0, 1e5, (count, 1, 2)) + SOUTH_WEST
    steps = rng.normal(size=(count, 3, 2)) * rng.lognormal(4, 2, (count, 1, 1))
    steps[:, 0] = 0
    return shapely.linestrings(starts + steps.cumsum(axis=1))


def test_answers_depend_neither_on_order_nor_on_how_the_work_is_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    lines = made_lines(2000, rng)
    x, y = (rng.uniform(0, 1e5, (20000, 2)) + SOUTH_WEST).T
    x, y = np.round(x), np.round(y)
    whole_answer = nearest_line(x, y, lines, max_distance=3000)
    assert np.array_equal(line_distance(x, y, lines, max_distance=3000), whole_answer.distance)
    monkeypatch.setattr(curve_module, "BATCH", 256)
    mixed = rng.permutation(x.size)
    answer = nearest_line(x[mixed], y[mixed], lines, max_distance=3000)
    for name in ("distance", "line", "measure", "foot_x", "foot_y"):
        assert np.array_equal(
            getattr(answer, name), getattr(whole_answer, name)[mixed], equal_nan=True
        )
    tree = shapely.STRtree(lines)
    sample = slice(0, 2000)
    pair, distance = tree.query_nearest(
        shapely.points(x[sample], y[sample]),
        max_distance=3000,
        return_distance=True,
        all_matches=False,
    )
    wanted = np.full(2000, np.inf)
    wanted[pair[0]] = distance
    np.testing.assert_allclose(whole_answer.distance[sample], wanted, atol=1e-6)


def test_only_the_points_of_the_order_are_asked_about() -> None:
    rng = np.random.default_rng(3)
    lines = made_lines(300, rng)
    x, y = (rng.uniform(0, 1e5, (1000, 2)) + SOUTH_WEST).T
    to_x, to_y = shapely.get_coordinates(shapely.centroid(lines)).T
    asked = rng.permutation(1000)[:400]
    left_out = np.setdiff1d(np.arange(1000), asked)
    whole_answer = nearest_line(x, y, lines, max_distance=9000)
    answer = nearest_line(x, y, lines, max_distance=9000, order=asked)
    for name in ("distance", "line", "measure", "foot_x", "foot_y"):
        some, every = getattr(answer, name), getattr(whole_answer, name)
        assert np.array_equal(some[asked], every[asked], equal_nan=True)
    assert np.isinf(answer.distance[left_out]).all()
    assert (answer.line[left_out] == -1).all()
    assert np.isnan([answer.measure[left_out], answer.foot_x[left_out]]).all()
    distance = line_distance(x, y, lines, max_distance=9000, order=asked)
    assert np.array_equal(distance, answer.distance)
    for some, every in zip(
        nearest_point(x, y, to_x, to_y, max_distance=9000, order=asked),
        nearest_point(x, y, to_x, to_y, max_distance=9000),
        strict=True,
    ):
        assert np.array_equal(some[asked], every[asked])
        assert not np.isfinite(np.where(some[left_out] == -1, np.inf, some[left_out])).any()


def test_long_lines_and_a_stray_coordinate_far_away_do_no_harm() -> None:
    rng = np.random.default_rng(2)
    lines = list(made_lines(3000, rng))
    lines.append(shapely.LineString([(-1e6, 7.05e6), (2e6, 7.05e6)]))
    lines.append(shapely.LineString([(1e12, 1e12), (1e12, 1e12 + 5)]))
    x, y = (rng.uniform(0, 1e5, (3000, 2)) + SOUTH_WEST).T
    x[0], y[0] = -1e9, 4e9
    found = nearest_line(x, y, lines, max_distance=np.inf)
    point = shapely.points(x, y)
    nearest = shapely.STRtree(lines).query_nearest(point, all_matches=False)[1]
    np.testing.assert_allclose(
        found.distance, shapely.distance(np.array(lines)[nearest], point), rtol=1e-12, atol=1e-6
    )


def test_points_all_outside_and_lines_of_no_length() -> None:
    spots_only = [shapely.LineString([(k, k), (k, k)]) for k in range(40)]
    found = nearest_line([10.2, 1e7], [10.0, -1e7], spots_only, max_distance=50)
    assert found.line.tolist() == [10, -1]
    assert found.measure[0] == 0
    assert found.distance[0] == pytest.approx(0.2)
    same = nearest_line([3.0] * 5, [4.0] * 5, spots_only[:1], max_distance=5)
    assert same.distance.tolist() == [5.0] * 5


def test_nearest_line_without_points_or_lines() -> None:
    line = [shapely.LineString([(0, 0), (1, 0)])]
    assert nearest_line([], [], line, max_distance=1).line.size == 0
    for nothing in ([], [None], [shapely.LineString()]):
        assert nearest_line([0.0], [0.0], nothing, max_distance=1).line.tolist() == [-1]


# --- the tree of segments ----------------------------------------------------------


@given(
    st.lists(st.tuples(whole, whole, whole, whole), min_size=1, max_size=60),
    st.lists(spot, min_size=1, max_size=6),
    st.floats(0, 2 * np.pi),
    st.floats(0, 5),
)
@settings(deadline=None)
def test_segments_by_direction_and_within_a_radius(
    ends: list[tuple[float, ...]], pairs: list[tuple[float, float]], angle: float, radius: float
) -> None:
    ax, ay, bx, by = np.array(ends).T
    x, y = columns(pairs)
    tree = SegmentTree(ax, ay, bx, by)
    segments = shapely.linestrings(np.array(ends).reshape(-1, 2, 2))
    distance = shapely.distance(shapely.points(x, y)[:, np.newaxis], segments)

    point, segment, _ = tree.within(x, y, radius)
    found = np.zeros(distance.shape, dtype=bool)
    found[point, segment] = True
    assert (found == (distance <= radius))[np.abs(distance - radius) > 1e-9].all()

    ux, uy = np.full(x.size, np.cos(angle)), np.full(x.size, np.sin(angle))
    size = np.hypot(bx - ax, by - ay)
    turn = np.abs((bx - ax) * ux[0] + (by - ay) * uy[0]) - np.cos(np.radians(30)) * size
    hit = tree.nearest(x, y, max_distance=10, direction=(ux, uy), max_angle=30)
    allowed = (turn >= 0) & (size > 0)
    if (np.abs(turn) > 1e-9)[size > 0].all():
        wanted = np.where(allowed, distance, np.inf).min(axis=1)
        wanted[wanted > 10] = np.inf
        np.testing.assert_allclose(hit.distance, wanted, atol=1e-9)


def test_measures_start_again_on_every_line() -> None:
    lines = [
        shapely.LineString([(0, 0), (3, 4)]),
        None,
        shapely.MultiLineString([[(0, 9), (2, 9)], [(5, 9), (5, 12)]]),
    ]
    vertices = line_vertices(lines)
    assert (vertices.run - vertices.origin[vertices.line]).tolist() == [0, 5, 0, 2, 2, 5]
    found = nearest_line([5.0, 3.0], [10.0, 3.9], lines, max_distance=9)
    assert found.measure.tolist() == pytest.approx([3.0, 4.92])


# --- nearest_point -----------------------------------------------------------------


@given(spots, spots, st.sampled_from([0.0, 1.0, 5.0, np.inf]))
@settings(max_examples=50, deadline=None)
def test_nearest_point_gives_the_least_of_all_distances(
    pairs: list[tuple[float, float]], others: list[tuple[float, float]], reach: float
) -> None:
    (x, y), (to_x, to_y) = columns(pairs), columns(others)
    distance, index = nearest_point(x, y, to_x, to_y, max_distance=reach)
    every = np.hypot(x[:, np.newaxis] - to_x, y[:, np.newaxis] - to_y)
    least = every.min(axis=1, initial=np.inf)
    near = (least <= reach) & np.isfinite(least)
    assert np.array_equal(index >= 0, near)
    np.testing.assert_allclose(distance[near], least[near], atol=1e-12)
    assert np.isinf(distance[~near]).all()
    np.testing.assert_allclose(every[near, index[near]], least[near], atol=1e-12)


def test_of_many_points_at_the_same_distance_the_first_is_taken() -> None:
    rng = np.random.default_rng(6)
    to_x, to_y = rng.integers(0, 40, (2, 3000)).astype(float)
    x, y = rng.integers(-4, 88, (2, 2000)) / 2
    squared = (x[:, np.newaxis] - to_x) ** 2 + (y[:, np.newaxis] - to_y) ** 2
    first, least = squared.argmin(axis=1), squared.min(axis=1)
    for reach in (0.0, 0.5, np.sqrt(0.5), 1.0, 2.0, 1e9, np.inf):
        distance, index = nearest_point(x, y, to_x, to_y, max_distance=reach)
        near = np.sqrt(least) <= reach
        assert np.array_equal(index, np.where(near, first, -1))
        assert np.array_equal(distance, np.where(near, np.sqrt(least), np.inf))


@given(st.floats(0, 1e-3), st.floats(1e-3, 1e6))
@settings(deadline=None)
def test_a_point_at_exactly_the_search_distance_counts(step: float, away: float) -> None:
    reach = float(np.hypot(away, step))
    distance, index = nearest_point([0.0], [0.0], [away], [0.0], max_distance=away)
    assert (distance[0], index[0]) == (away, 0)
    assert nearest_point([0.0], [0.0], [away], [0.0], max_distance=np.nextafter(away, 0))[1] == -1
    assert nearest_point([0.0], [0.0], [away], [0.0], max_distance=reach)[1] == 0


def test_points_of_towns_find_what_a_tree_of_another_kind_finds() -> None:
    rng = np.random.default_rng(8)
    towns = rng.uniform(0, 1e6, (40, 2))
    x, y = (towns[rng.integers(0, 40, 70_000)] + rng.normal(size=(70_000, 2)) * 300).T
    targets = towns[rng.integers(0, 30, 20_000)] + rng.normal(size=(20_000, 2)) * 400
    targets[0] = 1e12
    for reach in (50.0, np.inf):
        distance, index = nearest_point(x, y, *targets.T, max_distance=reach)
        wanted = cKDTree(targets).query(np.column_stack([x, y]), distance_upper_bound=reach)[0]
        np.testing.assert_allclose(distance, wanted, rtol=1e-12)
        assert np.array_equal(index >= 0, np.isfinite(wanted))
    np.testing.assert_allclose(distance, np.hypot(*(np.array([x, y]) - targets[index].T)))


# --- the curve ---------------------------------------------------------------------


def test_the_curve_takes_every_place_once_and_one_step_at_a_time() -> None:
    steps, side = 2, 1 << 8
    column, row = (a.ravel().astype(float) for a in np.indices((side, side)))
    key = np.empty(column.size, dtype=np.int64)
    table = curve_module._curve_table()
    curve_module._curve_kernel(
        0, key.size, column, row, 0.0, 0.0, float(side), steps, 20, table, key
    )
    key.sort()
    assert np.array_equal(key >> 20, np.arange(key.size))
    order = key & ((1 << 20) - 1)
    assert (np.abs(np.diff(column[order])) + np.abs(np.diff(row[order])) == 1).all()


def test_the_order_of_a_curve_holds_every_row_and_goes_short_ways() -> None:
    rng = np.random.default_rng(9)
    x, y = rng.uniform(0, 1e5, (2, 100_000))
    x[5], y[5] = 1e12, -1e12
    order = curve_order(x, y)
    assert np.array_equal(np.sort(order), np.arange(x.size))
    step = np.hypot(np.diff(x[order]), np.diff(y[order]))
    assert np.median(step) < 1e5 / np.sqrt(x.size) * 1.2
    assert curve_order(x[:0], y[:0]).size == 0


# --- what is refused ---------------------------------------------------------------

LINE = [shapely.LineString([(0, 0), (1, 0)])]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_coordinates_that_are_no_numbers_are_refused(bad: float) -> None:
    for call in (
        lambda: locate([0.0, bad], [0.0, 0.0], [shapely.box(0, 0, 1, 1)]),
        lambda: nearest_line([0.0, bad], [0.0, 0.0], LINE, max_distance=1),
        lambda: nearest_point([0.0], [0.0], [0.0, 0.0], [0.0, bad], max_distance=1),
    ):
        with pytest.raises(BadValueError, match="row 1: 1 of 2 points"):
            call()


def test_lengths_distances_and_geometries_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadValueError, match="2 x but 1 y"):
        locate([0.0, 1.0], [0.0], [])
    for order in ([0, 2], [-1]):
        with pytest.raises(BadValueError, match="of 2 points"):
            line_distance([0.0, 1.0], [0.0, 1.0], LINE, max_distance=1, order=np.array(order))
    for distance in (-1.0, np.nan):
        with pytest.raises(BadValueError, match="search distance"):
            nearest_line([0.0], [0.0], LINE, max_distance=distance)
    with pytest.raises(GeometryError, match="1 of 1 geometries are no polygons, the first a LineS"):
        locate([0.0], [0.0], LINE)
    with pytest.raises(GeometryError, match="no lines, the first a Point"):
        nearest_line([0.0], [0.0], [*LINE, shapely.Point(0, 0)], max_distance=1)
    with np.errstate(invalid="ignore"):
        broken = [shapely.LineString([(0, 0), (np.nan, 1)])]
    with pytest.raises(BadValueError, match="row 0: 1 of 1 lines"):
        nearest_line([0.0], [0.0], broken, max_distance=1)


# --- numba -------------------------------------------------------------------------


def test_importing_the_module_does_not_import_numba() -> None:
    code = "import sys, bredband_gis.points; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_nothing_can_be_cached_it_compiles_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*, cache: bool = False, **options: object) -> object:
        if cache:
            msg = "cannot cache function: no locator available"
            raise RuntimeError(msg)
        return lambda kernel: kernel

    monkeypatch.setattr(numba, "njit", refuse)
    kernel = curve_module.compiled.__wrapped__(trees_module._within_kernel)
    assert kernel is trees_module._within_kernel


def test_many_points_in_multipolygons_are_found() -> None:
    """Parts, holes and neighbours: the same answers from many points as from each alone."""
    rng = np.random.default_rng(5)
    hole = shapely.box(2, 2, 4, 4)
    polygons = [
        shapely.multipolygons([shapely.box(0, 0, 10, 10) - hole, shapely.box(20, 0, 30, 10)]),
        shapely.box(10, 0, 20, 10),
        shapely.multipolygons([shapely.box(2, 2, 4, 4)]),
    ]
    x, y = rng.uniform(-2, 34, 200_000), rng.uniform(-2, 12, 200_000)
    found = locate(x, y, polygons)
    few = np.concatenate([locate(x[i : i + 1], y[i : i + 1], polygons) for i in range(300)])
    assert (found[:300] == few).all()
    counts = np.bincount(found + 1, minlength=4) / len(x) * 36 * 14
    assert counts == pytest.approx([504 - 300, 196, 100, 4], abs=2)
