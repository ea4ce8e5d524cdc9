"""Overlaps, gaps, coinciding points and road islands: by hand, on real borders, at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely
from bredband_gis.roads import build_graph
from bredband_gis.topology import (
    find_gaps,
    find_overlaps,
    mean_width,
    road_islands,
    same_place,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Polygon, box

if TYPE_CHECKING:
    from pathlib import Path


def test_two_boxes_that_overlap() -> None:
    found = find_overlaps([box(0, 0, 100, 100), box(90, 0, 200, 100), box(200, 0, 300, 100)])
    assert (found.one.tolist(), found.other.tolist()) == ([0], [1])
    assert found.area.tolist() == [1000]
    assert found.width.tolist() == [pytest.approx(2 * 1000 / 220)]
    assert found.geometry[0].equals(box(90, 0, 100, 100))


def test_places_of_one_pair_are_told_apart() -> None:
    comb = shapely.union_all([box(0, 0, 10, 100), box(0, 0, 50, 20), box(0, 60, 50, 100)])
    found = find_overlaps([comb, box(40, 0, 100, 100)])
    assert sorted(found.area.tolist()) == [200, 400]


@pytest.mark.parametrize(
    "polygons",
    [
        [],
        [box(0, 0, 1, 1)],
        [box(0, 0, 1, 1), None, Polygon()],
        [box(0, 0, 10, 10), box(10, 0, 20, 10)],
        [box(0, 0, 10, 10), box(10, 10, 20, 20)],
        [box(0, 0, 10, 10), box(9.9999, 0, 20, 10)],
        # Drawn a little over each other, and a corner between their coasts.
        [box(0, 0, 1000, 1000), box(999.99999, 0, 2000, 500)],
    ],
)
def test_what_only_touches_neither_overlaps_nor_gapes(polygons: list[Polygon]) -> None:
    assert find_overlaps(polygons).area.size == 0
    assert find_gaps(polygons).area.size == 0


def test_a_strip_between_two_is_a_gap_though_open() -> None:
    found = find_gaps([box(0, 0, 1000, 1000), box(1050, 0, 2000, 1000)])
    # At its open ends a strip is cut off in an arc, not straight.
    assert found.area.tolist() == [pytest.approx(50 * 1000, rel=0.01)]
    assert found.width.tolist() == [pytest.approx(2 * 50_000 / 2100, rel=0.01)]
    assert found.enclosed.tolist() == [False]
    assert [near.tolist() for near in found.neighbours] == [[0, 1]]


def test_the_sea_is_no_gap() -> None:
    # A bay 400 m wide between two municipalities, and a fjord 50 m wide within one.
    assert not find_gaps([box(0, 0, 1000, 1000), box(1400, 0, 2000, 1000)]).area.size
    fjord = box(0, 0, 1000, 1000).difference(box(500, 100, 550, 1000))
    assert not find_gaps([fjord, box(1000, 0, 2000, 1000)]).area.size


def test_a_hole_is_a_gap_of_any_size_with_those_around_it() -> None:
    left = box(0, 0, 5000, 10_000).difference(box(4000, 4000, 5000, 6000))
    right = box(5000, 0, 10_000, 10_000).difference(box(5000, 4000, 7000, 6000))
    found = find_gaps([left, right, box(20_000, 0, 21_000, 10)])
    assert found.area.tolist() == [pytest.approx(3000 * 2000)]
    assert found.enclosed.tolist() == [True]
    assert [near.tolist() for near in found.neighbours] == [[0, 1]]


def test_an_island_in_a_lake_fills_its_hole() -> None:
    ring = box(0, 0, 100, 100).difference(box(40, 40, 60, 60))
    assert not find_gaps([MultiPolygon([ring, box(40, 40, 60, 60)])]).area.size
    assert find_gaps([ring]).area.tolist() == [400]


def test_an_island_in_a_lake_is_no_part_of_the_gap() -> None:
    ring = box(0, 0, 1000, 1000).difference(box(200, 200, 800, 800))
    found = find_gaps([ring, box(400, 400, 600, 600)], strip_m=10)
    assert found.area.tolist() == [600 * 600 - 200 * 200]
    assert [near.tolist() for near in found.neighbours] == [[0, 1]]


def test_mean_width() -> None:
    shapes = np.array([box(0, 0, 10_000, 2), Polygon(), LineString([(0, 0), (1, 1)])], object)
    assert mean_width(shapes).tolist() == [pytest.approx(2, rel=1e-3), 0, 0]


# --- real borders ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def detailed(shared_data: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(shared_data / "sverige" / "sample_bd_m.gpkg", layer="kommun")


@pytest.fixture(scope="module")
def generalised(shared_data: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(
        shared_data / "sverige" / "sample_bd_m.gpkg", layer="kommun_scb_generaliserad_riket"
    )


def test_detailed_municipalities_lie_border_to_border(detailed: gpd.GeoDataFrame) -> None:
    shapes = detailed.geometry.to_numpy()
    assert find_overlaps(shapes).area.size == 0
    found = find_gaps(shapes)
    # One hole of a square kilometre within one municipality.
    assert found.area == pytest.approx([1_003_863.0], abs=1)
    assert found.enclosed.all()
    assert len(found.neighbours[0]) == 1


def test_generalised_municipalities_leave_out_lakes_and_overlap(
    generalised: gpd.GeoDataFrame,
) -> None:
    shapes = generalised.geometry.to_numpy()
    over = find_overlaps(shapes)
    assert over.area.size == 3
    assert over.area.sum() == pytest.approx(355_261, abs=1)
    assert over.area.max() == pytest.approx(191_782, abs=1)
    gaps = find_gaps(shapes)
    assert gaps.area.size == 10
    # The largest is Vänern, 5 500 km², among 13 municipalities; then Vättern, 1 900 km².
    assert gaps.area[0] / 1e6 == pytest.approx(5442, abs=1)
    assert gaps.area[1] / 1e6 == pytest.approx(1893, abs=1)
    names = set(generalised["KnNamn"].iloc[gaps.neighbours[0]])
    assert {"Karlstad", "Lidköping", "Mariestad", "Kristinehamn"} <= names
    assert gaps.enclosed.all()


def test_a_municipality_moved_overlaps_on_one_side_and_gapes_on_the_other(
    detailed: gpd.GeoDataFrame,
) -> None:
    # Arvidsjaur has land on all sides: moved 50 m east it gives up a strip and takes another.
    shapes = detailed.geometry.to_numpy().copy()
    row = int(np.flatnonzero(detailed["KOM_KOD"] == "2505")[0])
    before = shapes[row]
    shapes[row] = shapely.transform(before, lambda xy: xy + np.array([50.0, 0.0]))
    others = shapely.union_all(np.delete(shapes, row))
    over, gaps = find_overlaps(shapes), find_gaps(shapes)
    assert over.area.sum() == pytest.approx(shapes[row].intersection(others).area, rel=1e-9)
    assert set(over.one.tolist() + over.other.tolist()) > {row}
    new = gaps.geometry[[row in near for near in gaps.neighbours]]
    # Of the strip left behind, what lies between it and a neighbour of the set is found; the
    # border to counties that are not in the set is open.
    left = before.difference(shapes[row]).difference(others)
    facing = left.intersection(others.buffer(60))
    assert shapely.area(new).sum() == pytest.approx(facing.area, rel=0.001)
    assert gaps.width[[row in near for near in gaps.neighbours]].max() < 60


# --- at random ------------------------------------------------------------------------

_side = st.integers(1, 40)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), _side, _side), max_size=8),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_overlaps_are_all_there_whatever_the_order(
    boxes: list[tuple[int, int, int, int]], random: object
) -> None:
    shapes = [box(x, y, x + w, y + h) for x, y, w, h in boxes]
    found = find_overlaps(shapes)
    expected = sum(
        one.intersection(other).area for i, one in enumerate(shapes) for other in shapes[i + 1 :]
    )
    assert found.area.sum() == pytest.approx(expected)
    random.shuffle(shapes)  # type: ignore[attr-defined]
    assert find_overlaps(shapes).area.sum() == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), unique=True, min_size=1))
@settings(deadline=None)
def test_holes_of_a_chequered_field(missing: list[tuple[int, int]]) -> None:
    """Squares taken out of the middle of a field are gaps, every one of them."""
    cells = [
        box(x * 1000, y * 1000, x * 1000 + 1000, y * 1000 + 1000)
        for x in range(-1, 11)
        for y in range(-1, 11)
        if (x, y) not in missing
    ]
    found = find_gaps(cells, strip_m=10)
    assert found.area.sum() == pytest.approx(len(missing) * 1e6)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40))
def test_points_share_a_place_when_their_coordinates_do(points: list[tuple[int, int]]) -> None:
    xy = np.array(points, dtype=float).reshape(-1, 2)
    place, count = same_place(xy[:, 0], xy[:, 1])
    assert count.tolist() == [points.count(point) for point in points]
    assert len(set(place.tolist())) == len(set(points))
    assert len(set(zip(place.tolist(), points, strict=True))) == len(set(points))


def test_points_without_coordinates_share_no_place() -> None:
    place, count = same_place([np.nan, np.nan, 1, 1], [1, 1, 2, 2])
    assert count.tolist() == [1, 1, 2, 2]
    assert place[2] == place[3]


# --- road islands ---------------------------------------------------------------------


def _graph(*lines: list[tuple[float, float]]) -> tuple[gpd.GeoDataFrame, object]:
    roads = gpd.GeoDataFrame(geometry=[LineString(line) for line in lines], crs=3006)
    return roads, build_graph(roads)


def test_islands_by_hand() -> None:
    # A short island first, then a main road crossed by another, then a middling island.
    roads, graph = _graph(
        [(0, 9000), (100, 9000)],
        [(0, 0), (1000, 0), (2000, 0)],
        [(5000, 5000), (5000, 5300)],
        [(1000, 0), (1000, 500)],
        [(5000, 5300), (5100, 5300)],
    )
    found = road_islands(graph, len(roads))  # type: ignore[arg-type]
    assert found.metres.tolist() == [2500, 400, 100]
    assert found.lines.tolist() == [2, 2, 1]
    assert found.of_line.tolist() == [2, 0, 1, 0, 1]
    assert (found.x[0], found.y[0]) == (0, 0)
    assert (found.x[2], found.y[2]) == (0, 9000)


def test_a_road_without_length_is_on_no_island() -> None:
    roads, graph = _graph([(0, 0), (100, 0)], [(50, 50), (50, 50)])
    assert road_islands(graph, len(roads)).of_line.tolist() == [0, -1]  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
@settings(deadline=None)
def test_metres_of_all_islands_are_the_networks(pairs: list[tuple[int, int]]) -> None:
    lines = [
        [(a * 100.0, (a * a) % 7 * 100.0), (b * 100.0, (b * b) % 7 * 100.0 + 37.0)]
        for a, b in pairs
    ]
    roads, graph = _graph(*lines)
    found = road_islands(graph, len(roads))  # type: ignore[arg-type]
    assert found.metres.sum() == pytest.approx(graph.length.sum())  # type: ignore[attr-defined]
    assert (np.diff(found.metres) <= 1e-9).all()
    assert set(found.of_line.tolist()) - {-1} == set(range(len(found.metres)))
