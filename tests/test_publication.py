"""What is published must not give away a house or a route, and must still cover them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from bredband.publication import (
    cell_sizes,
    generalise_areas,
    generalise_lines,
    generalise_polygons,
    public_cells,
)
from bredband_gis.errors import NoCrsError, NotMetricError
from hypothesis import given, settings
from hypothesis import strategies as st

CRS = "EPSG:3006"
EAST, NORTH = 700_000.0, 7_300_000.0


def premises(*rows: tuple[float, float, int, int]) -> gpd.GeoDataFrame:
    table = pd.DataFrame(rows, columns=["x", "y", "households", "workplaces"])
    table[["x", "y"]] += [EAST, NORTH]
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["x"], table["y"]), crs=CRS)


def trench(*lines: tuple[int, list[tuple[float, float]]]) -> gpd.GeoDataFrame:
    shapes = [shapely.LineString(np.add(points, [EAST, NORTH])) for _, points in lines]
    below = np.array([below for below, _ in lines], np.int64)
    return gpd.GeoDataFrame({"households_below": below}, geometry=shapes, crs=CRS)


class TestPublicCells:
    def test_counts_per_cell_and_hides_the_few(self) -> None:
        cells = public_cells(
            premises((10, 10, 2, 0), (240, 240, 1, 4), (251, 10, 2, 0), (10, 251, 0, 9))
        )
        assert cells[["cell_x", "cell_y"]].to_numpy().tolist() == [
            [700_000, 7_300_000],
            [700_250, 7_300_000],
            [700_000, 7_300_250],
        ]
        assert cells["hidden"].tolist() == [False, True, True]
        assert cells["households"].tolist() == [3, pd.NA, pd.NA]
        assert cells["workplaces"].tolist() == [4, pd.NA, pd.NA]
        assert cells["premises"].tolist() == [2, pd.NA, pd.NA]
        assert cells.geometry[0].bounds == (EAST, NORTH, EAST + 250, NORTH + 250)
        assert cells.crs == CRS

    def test_needs_no_workplaces_and_takes_a_plain_table(self) -> None:
        cells = public_cells(premises((0, 0, 5, 0))[["x", "y", "households"]], crs=CRS, cell_m=1000)
        assert cells["households"].tolist() == [5]
        assert cells["workplaces"].tolist() == [0]

    def test_no_premises_no_cells(self) -> None:
        assert public_cells(premises()).empty

    def test_refuses_degrees_and_no_crs(self) -> None:
        with pytest.raises(NotMetricError):
            public_cells(premises((0, 0, 1, 0)).to_crs(4326))
        with pytest.raises(NoCrsError):
            public_cells(pd.DataFrame({"x": [0.0], "y": [0.0], "households": [1]}))

    @given(
        st.lists(
            st.tuples(st.floats(-900, 900), st.floats(-900, 900), st.integers(0, 4)), max_size=30
        ),
        st.integers(1, 5),
    )
    def test_shown_and_hidden_add_up(self, rows: list[tuple[float, float, int]], few: int) -> None:
        table = premises(*[(x, y, h, 0) for x, y, h in rows])
        cells = public_cells(table, min_households=few)
        shown = cells.loc[~cells["hidden"]]
        assert (shown["households"] >= few).all()
        assert (
            cells.loc[cells["hidden"], ["households", "workplaces", "premises"]]
            .isna()
            .all(axis=None)
        )
        inside = shapely.intersects(
            shapely.union_all(shown.geometry.to_numpy()), table.geometry.to_numpy()
        )
        assert shown["households"].sum() <= table["households"][inside].sum()
        assert len(cells) == len({(x // 250, y // 250) for x, y in table[["x", "y"]].to_numpy()})


class TestGeneraliseLines:
    def test_leaves_out_the_last_stretch_to_a_few(self) -> None:
        lines = generalise_lines(
            trench((12, [(0, 0), (1000, 0)]), (2, [(1000, 0), (1600, 0)]), (3, [(0, 0), (0, 510)]))
        )
        assert lines["class_from"].tolist() == [3, 10]
        assert lines.geometry.length.tolist() == [500.0, 1000.0]

    def test_every_vertex_is_a_grid_corner_and_no_true_vertex_is_left(self) -> None:
        road = [(37.0, 61.0), (333.0, 180.0), (611.0, 777.0), (1303.0, 911.0)]
        exact = trench((9, road))
        lines = generalise_lines(exact)
        corners = shapely.get_coordinates(lines.geometry.to_numpy())
        assert (corners % 250 == 0).all()
        true = shapely.get_coordinates(exact.geometry.to_numpy())
        assert not (corners[:, None] == true[None]).all(axis=2).any()
        far = shapely.hausdorff_distance(lines.union_all(), exact.union_all())
        assert 0 < far < 250 * np.sqrt(0.5) + 125 + 1

    def test_what_met_still_meets(self) -> None:
        lines = generalise_lines(
            trench((20, [(0, 0), (1110, 90)]), (5, [(1110, 90), (1900, 800)]),
                   (6, [(1110, 90), (1800, -900)]))
        )  # fmt: skip
        assert shapely.line_merge(lines.union_all()).length == lines.geometry.length.sum()
        assert lines.union_all().buffer(1).geom_type == "Polygon"

    def test_stretches_that_fall_together_become_one_with_the_larger_number(self) -> None:
        lines = generalise_lines(trench((4, [(0, 0), (1000, 0)]), (60, [(0, 40), (1000, 40)])))
        assert lines["class_from"].tolist() == [50]
        assert lines.geometry.length.tolist() == [1000.0]

    def test_nothing_left_is_an_empty_table(self) -> None:
        lines = generalise_lines(trench((1, [(0, 0), (1000, 0)])))
        assert lines.empty
        assert lines.crs == CRS
        assert "class_from" in lines


def areas(
    rows: list[tuple[str | None, float, float, int]], lines: gpd.GeoDataFrame, **options: float
) -> gpd.GeoSeries:
    ids, x, y, households = zip(*rows, strict=True) if rows else ([], [], [], [])
    return generalise_areas(
        np.array(ids, object), np.array(x) + EAST, np.array(y) + NORTH, households, lines, **options
    )


class TestGeneraliseAreas:
    def test_hand_counted_cells(self) -> None:
        lines = trench((4, [(10, 10), (700, 10)])).assign(area_id=["a"])
        found = areas([("a", 10, 300, 4), ("b", 5100, 5100, 2), (None, 9, 9, 5)], lines)
        assert found.index.tolist() == ["a", "b"]
        # a: three cells along the trench and one above the first; b: one large cell.
        assert found.area.tolist() == [4 * 250**2, 1000**2]
        assert found["b"].bounds == (705_000, 7_305_000, 706_000, 7_306_000)

    def test_an_area_of_premises_or_of_trench_alone(self) -> None:
        lines = trench((4, [(10, 10), (20, 10)])).assign(area_id=["t"])
        found = areas([("p", 600, 600, 9)], lines)
        assert found.area["p"] == 250**2
        assert found.area["t"] == 1000**2  # no household: as few as can be

    def test_no_trench_at_all(self) -> None:
        lines = trench().assign(area_id=np.array([], object))
        assert areas([("p", 600, 600, 9)], lines).area.tolist() == [250**2]
        assert areas([], lines).empty

    def test_a_line_along_a_grid_line_and_through_a_corner(self) -> None:
        lines = trench((9, [(250, 0), (250, 500)]), (9, [(0, 0), (500, 500)]))
        found = areas([("a", 1, 1, 9), ("b", 1, 1, 9)], lines.assign(area_id=["a", "b"]))
        for name, line in zip("ab", lines.geometry, strict=True):
            assert found[name].covers(line)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.floats(-2000, 2000),
                st.floats(-2000, 2000),
                st.integers(0, 3),
            ),
            min_size=1,
            max_size=25,
        ),
        st.integers(0, 2**32 - 1),
    )
    def test_covers_everything_in_whole_cells(
        self, rows: list[tuple[str | None, float, float, int]], seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        shapes = [rng.uniform(-2500, 2500, (5, 2)).tolist() for _ in range(4)]
        lines = trench(*[(9, points) for points in shapes]).assign(area_id=list("aabd"))
        found = areas(rows, lines)
        assert found.is_valid.all()
        for area, x, y, _ in rows:
            assert found[area].covers(shapely.Point(EAST + x, NORTH + y))
        for area, line in zip(lines["area_id"], lines.geometry, strict=True):
            # A hair wider: the cell of a point on a grid line is the one north-east of it.
            assert found[area].buffer(1e-6).covers(line)
        held = [sum(h for name, _, _, h in rows if name == area) for area in found.index]
        for side, polygon in zip(cell_sizes(held), found, strict=True):
            assert (shapely.get_coordinates(polygon) % side == 0).all()
            assert (polygon.area / side**2) == pytest.approx(round(polygon.area / side**2))

    def test_the_size_of_the_cells_can_be_stated(self) -> None:
        assert cell_sizes([0, 2, 3, 90]).tolist() == [1000, 1000, 250, 250]
        assert cell_sizes([4], cell_m=500, min_households=5, coarse=2).tolist() == [1000]


class TestGeneralisePolygons:
    def test_replaces_an_exact_outline_and_keeps_cells(self) -> None:
        cell = shapely.box(EAST, NORTH, EAST + 250, NORTH + 250)
        exact = shapely.Point(EAST + 600, NORTH + 600).buffer(300)
        shapes = gpd.GeoSeries([cell, exact, exact, None], index=list("wxyz"), crs=CRS)
        found = generalise_polygons(shapes, [5, 5, 1, 5])
        assert found.index.tolist() == list("wxyz")
        assert found["w"].equals(cell)
        assert found["x"].covers(exact)
        assert (shapely.get_coordinates(found["x"]) % 250 == 0).all()
        assert (shapely.get_coordinates(found["y"]) % 1000 == 0).all()
        assert found["z"] is None

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(st.floats(0, 3000), st.floats(0, 3000), st.floats(5, 900)),
            min_size=1,
            max_size=4,
        )
    )
    def test_covers_the_exact_polygon_without_reaching_far(
        self, circles: list[tuple[float, float, float]]
    ) -> None:
        exact = shapely.union_all(
            [shapely.Point(EAST + x, NORTH + y).buffer(r) for x, y, r in circles]
        )
        found = generalise_polygons(gpd.GeoSeries([exact], crs=CRS), [9])[0]
        assert found.is_valid
        assert found.buffer(1e-6).covers(exact)
        corners = shapely.points(shapely.get_coordinates(found))
        assert shapely.distance(corners, exact).max() <= 250 * np.sqrt(2) + 1e-6
