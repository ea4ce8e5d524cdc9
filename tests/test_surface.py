"""Lines over rasters and polygons by hand, and what must hold for any line and any raster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import shapely
from bredband_gis import surface
from bredband_gis.errors import NoCrsError, UnreadableSourceError, WrongCrsError
from bredband_gis.files import Source
from bredband_gis.points import line_vertices
from bredband_gis.surface import (
    NO_DATA,
    UNLISTED,
    Grid,
    Stretches,
    ValueClass,
    classify,
    cut_spans,
    join_equal,
    lay_on_grid,
    lay_on_polygons,
    lay_on_raster,
    lay_on_slope,
    overlay,
    read_on_grid,
    sample_heights,
    slope_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio import Affine
from shapely.geometry import LineString, MultiLineString, box

if TYPE_CHECKING:
    from pathlib import Path

X, Y = 700_000.0, 7_305_030.0
CRS = "EPSG:3006"

# 10 m pixels; 0 is no data, 9 is in no class:
#   1 1 2
#   3 2 2
#   3 9 0
PIXELS = np.array([[1, 1, 2], [3, 2, 2], [3, 9, 0]], dtype="uint8")
CLASSES = [ValueClass((1,)), ValueClass((2,)), ValueClass((3,))]


def write(
    path: Path,
    pixels: np.ndarray[Any, Any] = PIXELS,
    *,
    crs: str | None = CRS,
    transform: Affine | None = None,
    nodata: float | None = 0,
    **more: Any,
) -> Source:
    with rasterio.open(
        path, "w", driver="GTiff", width=pixels.shape[1], height=pixels.shape[0], count=1,
        dtype=pixels.dtype, crs=crs, nodata=nodata,
        transform=transform or Affine(10, 0, X, 0, -10, Y), **more,
    ) as raster:  # fmt: skip
        raster.write(pixels, 1)
    return Source(path)


def rows(stretches: Stretches) -> list[tuple[int, float, float, int]]:
    return [
        (int(line), round(float(start), 6), round(float(stop), 6), int(code))
        for line, start, stop, code in zip(
            stretches.line, stretches.start, stretches.stop, stretches.code, strict=True
        )
    ]


def line(*points: tuple[float, float]) -> LineString:
    """Make a line from metres east and south of the raster's corner."""
    return LineString([(X + east, Y - south) for east, south in points])


# --- pixel by pixel, by hand -----------------------------------------------------------


def test_metres_pixel_by_pixel(tmp_path: Path) -> None:
    lines = [
        line((0, 5), (30, 5)),  # along the first row: 1 1 2
        line((5, 0), (5, 30)),  # down the first column: 1 3 3
        line((0, 0), (30, 30)),  # from corner to corner: 1 2 no data
        line((25, 25), (5, 25)),  # westwards through the last row: no data, 9, 3
        line((2, 2), (8, 2), (8, 14)),  # round a corner inside pixels: 1, then 3
    ]
    found = lay_on_raster(lines, write(tmp_path / "a.tif"), CLASSES, crs=CRS)
    diagonal = 10 * 2**0.5
    assert rows(found) == [
        (0, 0, 20, 0), (0, 20, 30, 1),
        (1, 0, 10, 0), (1, 10, 30, 2),
        (2, 0, round(diagonal, 6), 0), (2, round(diagonal, 6), round(2 * diagonal, 6), 1),
        (2, round(2 * diagonal, 6), round(3 * diagonal, 6), NO_DATA),
        (3, 0, 5, NO_DATA), (3, 5, 15, UNLISTED), (3, 15, 20, 2),
        (4, 0, 14, 0), (4, 14, 18, 2),
    ]  # fmt: skip
    assert found.metres([0, 1, 2, UNLISTED, NO_DATA]) == pytest.approx(
        [20 + 10 + diagonal + 14, 10 + diagonal, 20 + 5 + 4, 10, diagonal + 5]
    )


def test_outside_the_raster_is_no_data(tmp_path: Path) -> None:
    lines = [line((-15, 5), (45, 5)), line((100, 100), (200, 100))]
    found = lay_on_raster(lines, write(tmp_path / "a.tif"), CLASSES, crs=CRS)
    assert rows(found) == [
        (0, 0, 15, NO_DATA), (0, 15, 35, 0), (0, 35, 45, 1), (0, 45, 60, NO_DATA),
        (1, 0, 100, NO_DATA),
    ]  # fmt: skip


def test_parts_follow_each_other_and_nothing_has_no_stretch(tmp_path: Path) -> None:
    parts = MultiLineString([line((0, 5), (10, 5)), line((25, 5), (30, 5))])
    empty = LineString([(X, Y), (X, Y)])
    lines = [empty, parts, LineString()]
    found = lay_on_raster(lines, write(tmp_path / "a.tif"), CLASSES, crs=CRS)
    assert rows(found) == [(1, 0, 10, 0), (1, 10, 15, 1)]


def test_a_line_along_a_border_lies_to_the_right_or_below(tmp_path: Path) -> None:
    lines = [line((0, 10), (30, 10)), line((10, 0), (10, 30)), line((10, 30), (10, 0))]
    found = lay_on_raster(lines, write(tmp_path / "a.tif"), CLASSES, crs=CRS)
    # Row 2: 3 2 2; column 2: 1 2 9, both ways.
    assert rows(found) == [
        (0, 0, 10, 2), (0, 10, 30, 1),
        (1, 0, 10, 0), (1, 10, 20, 1), (1, 20, 30, UNLISTED),
        (2, 0, 10, UNLISTED), (2, 10, 20, 1), (2, 20, 30, 0),
    ]  # fmt: skip


def test_bounds_scale_and_floats(tmp_path: Path) -> None:
    # Stored 0 … 40, meant 0.0 … 4.0.
    stored = np.array([[0, 10, 20, 40]], dtype="int16")
    source = write(tmp_path / "a.tif", stored, nodata=-1)
    with rasterio.open(source.path, "r+") as raster:
        raster.scales = (0.1,)
    classes = [ValueClass(at_least=1.0, below=2.0), ValueClass(at_least=2.0)]
    found = lay_on_raster([line((0, 5), (40, 5))], source, classes, crs=CRS)
    assert rows(found) == [(0, 0, 10, UNLISTED), (0, 10, 20, 0), (0, 20, 40, 1)]
    floats = write(tmp_path / "b.tif", np.array([[0.5, np.nan, 1.5]], "float32"), nodata=None)
    found = lay_on_raster([line((0, 5), (30, 5))], floats, classes, crs=CRS)
    assert rows(found) == [(0, 0, 10, UNLISTED), (0, 10, 20, NO_DATA), (0, 20, 30, 0)]


def test_classify_takes_the_first_class_that_holds_a_value() -> None:
    classes = [ValueClass((5.0,)), ValueClass(below=3.0), ValueClass(at_least=3.0, below=10.0)]
    assert classify([5, 2.999, 3, 9.99, 10, np.nan], classes).tolist() == [0, 1, 2, 2, -1, -2]
    assert classify(np.array([[5, 4]], "uint8"), classes).tolist() == [[0, 2]]


def test_a_raster_in_another_crs(tmp_path: Path) -> None:
    """Half of a degree raster is class 0, half class 1: the cut is where the meridian runs."""
    to = Transformer.from_crs(3006, 4326, always_xy=True)
    lon, lat = to.transform(X, Y)
    middle = round(lon, 2)
    pixels = np.array([[1, 2]], dtype="uint8")
    source = write(
        tmp_path / "a.tif", pixels, crs="EPSG:4326",
        transform=Affine(0.5, 0, middle - 0.5, 0, -1.0, lat + 0.5),
    )  # fmt: skip
    start, stop = X - 15_000.0, X + 15_000.0
    found = lay_on_raster([LineString([(start, Y), (stop, Y)])], source, CLASSES, crs=CRS)
    assert found.code.tolist() == [0, 1]
    back = Transformer.from_crs(4326, 3006, always_xy=True)
    # On the line, the easting where the longitude is that of the border.
    low, high = start, stop
    for _ in range(60):
        east = (low + high) / 2
        low, high = (east, high) if to.transform(east, Y)[0] < middle else (low, east)
    assert found.stop[0] == pytest.approx(low - start, abs=0.1)
    assert back.transform(middle, lat)[0] == pytest.approx(low, abs=5.0)


def test_bad_rasters_are_each_one_clear_message(tmp_path: Path) -> None:
    lines = [line((0, 5), (30, 5))]
    with pytest.raises(NoCrsError, match="does not say its coordinate reference system"):
        lay_on_raster(lines, write(tmp_path / "a.tif", crs=None), CLASSES, crs=CRS)
    said = Source(tmp_path / "a.tif", crs=CRS)
    assert len(lay_on_raster(lines, said, CLASSES, crs=CRS).line) == 2
    with pytest.raises(UnreadableSourceError, match="no band '2'"):
        lay_on_raster(lines, Source(tmp_path / "a.tif", crs=CRS, layer="2"), CLASSES, crs=CRS)
    elsewhere = write(tmp_path / "b.tif", transform=Affine(10, 0, 0, 0, -10, 0))
    with pytest.raises(WrongCrsError, match="no line lies in the raster") as caught:
        lay_on_raster(lines, elsewhere, CLASSES, crs=CRS)
    assert caught.value.where == "b.tif"
    with pytest.raises(WrongCrsError, match="no line lies in the raster"):
        lay_on_slope(lines, elsewhere, CLASSES, crs=CRS, step_m=5)
    apart = lay_on_raster(lines, elsewhere, CLASSES, crs=CRS, must_meet=False)
    assert rows(apart) == [(0, 0, 30, NO_DATA)]


# --- windows -----------------------------------------------------------------------


def test_reading_windows_is_reading_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 5, (150, 170)).astype("uint8")
    source = write(tmp_path / "a.tif", pixels, tiled=True, blockxsize=16, blockysize=16)
    corners = rng.uniform([-100, -100], [1800, 1600], (60, 4, 2))
    lines = [line(*map(tuple, points)) for points in corners]
    whole = lay_on_raster(lines, source, CLASSES, crs=CRS)
    seen = []
    read = surface._read_codes

    def watched(raster: Any, band: int, window: Any, classes: Any) -> Any:
        seen.append(window[2:])
        return read(raster, band, window, classes)

    monkeypatch.setattr(surface, "_read_codes", watched)
    monkeypatch.setattr(surface, "_TILE", 16)
    monkeypatch.setattr(surface, "_LONGEST_PX", 7)
    parts = lay_on_raster(lines, source, CLASSES, crs=CRS)
    assert len(seen) > 50
    assert max(max(shape) for shape in seen) <= 16 + 2 * 7
    assert parts.line.tolist() == whole.line.tolist()
    assert parts.code.tolist() == whole.code.tolist()
    assert parts.start == pytest.approx(whole.start, abs=1e-6)


def test_heights_in_windows_are_those_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    source = write(tmp_path / "a.tif", rng.uniform(0, 99, (40, 50)).astype("float32"), nodata=None)
    x, y = X + rng.uniform(-20, 520, 500), Y - rng.uniform(-20, 420, 500)
    whole = sample_heights(source, x, y, crs=CRS)
    monkeypatch.setattr(surface, "_TILE", 8)
    assert sample_heights(source, x, y, crs=CRS) == pytest.approx(whole, nan_ok=True)
    assert np.isnan(whole).any()


# --- slopes ------------------------------------------------------------------------


def test_slope_is_that_of_the_steps(tmp_path: Path) -> None:
    # Rises 1 m per pixel of 10 m eastwards, flat southwards.
    plane = np.tile(np.arange(30, dtype="float32"), (10, 1))
    source = write(tmp_path / "a.tif", plane, nodata=None)
    classes = [ValueClass(below=5.0), ValueClass(at_least=5.0)]
    lines = [
        line((20, 50), (140, 50)),  # 10 %
        line((140, 50), (20, 50)),  # falling: 10 % too
        line((50, 20), (50, 80)),  # level
        line((20, 50), (80, 50), (80, 90)),  # 10 %, then level
        line((270, 50), (390, 50)),  # into the unknown
    ]
    found = lay_on_slope(lines, source, classes, crs=CRS, step_m=20)
    assert rows(found) == [
        (0, 0, 120, 1), (1, 0, 120, 1), (2, 0, 60, 0), (3, 0, 60, 1), (3, 60, 100, 0),
        (4, 0, 20, 1), (4, 20, 120, NO_DATA),
    ]  # fmt: skip
    # Heights between the middles of pixels: at 20 m east 1.5 m; flat outside the last middles.
    height = sample_heights(source, [X + 20, X + 25, X + 2, X + 299], [Y - 50] * 4, crs=CRS)
    assert height == pytest.approx([1.5, 2.0, 0.0, 29.0])


def test_steps_are_even_and_no_longer_than_asked(tmp_path: Path) -> None:
    # A step up of 3 m at 50 m: only the steps across it are steep.
    pixels = np.where(np.arange(20) < 5, 0.0, 3.0).astype("float32")[None, :].repeat(3, 0)
    source = write(tmp_path / "a.tif", pixels, nodata=None)
    classes = [ValueClass(at_least=1.0)]
    found = lay_on_slope([line((10, 15), (110, 15))], source, classes, crs=CRS, step_m=30)
    # 100 m in four steps of 25 m; heights change between 45 and 55 m east.
    assert rows(found) == [(0, 0, 25, UNLISTED), (0, 25, 50, 0), (0, 50, 100, UNLISTED)]


def test_missing_heights_are_not_invented(tmp_path: Path) -> None:
    pixels = np.array([[1.0, 2.0, -9.0, 4.0]], dtype="float32")
    source = write(tmp_path / "a.tif", pixels, nodata=-9.0)
    at = [X + 12, X + 17, X + 25, X + 33, X + 45]
    # Beside the hole a pixel's own value counts.
    assert sample_heights(source, at, [Y - 5] * 5, crs=CRS) == pytest.approx(
        [1.7, 2.0, np.nan, 4.0, np.nan], nan_ok=True
    )


def test_steepest_slope_of_cells() -> None:
    plane = 3.0 * np.arange(4)[:, None] + 4.0 * np.arange(5)[None, :]
    assert slope_of(plane, 10.0) == pytest.approx(np.full((4, 5), 50.0))
    assert np.isnan(slope_of(np.zeros((1, 5)), 10.0)).all()


# --- polygons ----------------------------------------------------------------------


def test_lines_are_cut_at_the_borders_of_polygons() -> None:
    outer, hole = box(0, 0, 100, 100), box(40, 40, 60, 60)
    park = outer.difference(hole)
    lines = [
        LineString([(-50, 50), (150, 50)]),
        LineString([(10, 10), (20, 10)]),
        MultiLineString([[(200, 0), (210, 0)], [(90, 50), (110, 50)]]),
        LineString([(-10, 50), (-10, 60)]),
    ]
    found = lay_on_polygons(lines, [park], [7])
    assert rows(found) == [
        (0, 0, 50, -1), (0, 50, 90, 7), (0, 90, 110, -1), (0, 110, 150, 7), (0, 150, 200, -1),
        (1, 0, 10, 7),
        (2, 0, 10, -1), (2, 10, 20, 7), (2, 20, 30, -1),
        (3, 0, 10, -1),
    ]  # fmt: skip


def test_of_polygons_that_overlap_the_first_counts() -> None:
    found = lay_on_polygons(
        [LineString([(0, 0), (30, 0)])], [box(10, -5, 20, 5), box(0, -5, 30, 5)], [1, 0]
    )
    assert rows(found) == [(0, 0, 10, 0), (0, 10, 20, 1), (0, 20, 30, 0)]
    assert rows(lay_on_polygons([LineString([(0, 0), (30, 0)])], [], [])) == [(0, 0, 30, -1)]


# --- what must always hold ---------------------------------------------------------

points = st.tuples(st.floats(-40, 240), st.floats(-40, 240))
drawn = st.lists(st.lists(points, min_size=2, max_size=5), min_size=1, max_size=6)
codes_of = st.integers(0, 2**32 - 1)


@settings(max_examples=60)
@given(shapes=drawn, seed=codes_of)
def test_stretches_are_their_lines(shapes: list[list[tuple[float, float]]], seed: int) -> None:
    lines = [LineString(one) for one in shapes]
    codes = np.random.default_rng(seed).integers(0, 3, (10, 10))
    found = lay_on_grid(lines, codes, west=0.0, north=200.0, cell_m=20.0)
    for number, one in enumerate(lines):
        mine = found.line == number
        assert found.length[mine].sum() == pytest.approx(one.length, abs=1e-6)
        if mine.any():
            assert found.start[mine][0] == 0
            assert (found.start[mine][1:] == found.stop[mine][:-1]).all()
        # Against shapely: metres of each code.
        for code in (0, 1, 2):
            row, column = np.nonzero(codes == code)
            cells = shapely.box(
                column * 20.0, 180.0 - row * 20.0, column * 20.0 + 20.0, 200.0 - row * 20.0
            )
            ends = np.array(one.coords)
            sides = shapely.linestrings(np.stack([ends[:-1], ends[1:]], axis=1))
            there = shapely.length(shapely.intersection(shapely.union_all(cells), sides)).sum()
            # What runs along a border lies in both cells for shapely.
            assert found.length[mine & (found.code == code)].sum() <= there + 1e-6


@settings(max_examples=40)
@given(shapes=drawn, seed=codes_of)
def test_overlay_and_spans_keep_every_metre(
    shapes: list[list[tuple[float, float]]], seed: int
) -> None:
    lines = [LineString(one) for one in shapes if LineString(one).length > 1e-3]
    if not lines:
        return
    rng = np.random.default_rng(seed)
    one = lay_on_grid(lines, rng.integers(0, 2, (10, 10)), west=0, north=200, cell_m=20)
    other = lay_on_grid(lines, rng.integers(0, 2, (30, 30)), west=-50, north=250, cell_m=10)
    vertices = line_vertices(lines)
    both = overlay([one, other], vertices)
    for layer, part in enumerate((one, other)):
        for code in (NO_DATA, 0, 1):
            assert both.metres([code], layer=layer) == pytest.approx(part.metres([code]), abs=1e-4)
    # Spans cut anywhere: their parts are the spans, and say what lies there.
    length = shapely.length(lines)
    cut = np.sort(rng.uniform(0, 1, (len(lines), 2)), axis=1) * length[:, None]
    spans = cut_spans(one, vertices, np.arange(len(lines)), cut[:, 0], cut[:, 1])
    metres = np.bincount(spans.owner, spans.stop - spans.start, len(lines))
    assert metres == pytest.approx(cut[:, 1] - cut[:, 0], abs=1e-9)
    inner = spans.stop - spans.start > 1e-4
    middle = (spans.start + spans.stop)[inner] / 2
    row = spans.row[inner]
    assert (one.line[row] == spans.owner[inner]).all()
    assert (one.start[row] <= middle).all()
    assert (middle <= one.stop[row]).all()


def test_a_span_that_begins_at_a_cut_begins_where_it_says() -> None:
    line = LineString([(0, 10), (40, 10)])
    cut = lay_on_grid([line], np.array([[1, 2]]), west=0, north=20, cell_m=20)
    begin = np.array([20 - 5e-7, 20 + 5e-7, 3.0])
    spans = cut_spans(cut, line_vertices([line]), np.zeros(3, int), begin, np.full(3, 33.0))
    assert spans.owner.tolist() == [0, 1, 2, 2]
    assert spans.row.tolist() == [1, 1, 0, 1]
    assert spans.start.tolist() == [begin[0], begin[1], 3.0, 20.0]
    assert spans.stop.tolist() == [33.0, 33.0, 20.0, 33.0]


def test_join_equal() -> None:
    made = Stretches(
        np.array([0, 0, 0, 1, 1]), np.array([0.0, 2, 5, 0, 4]), np.array([2.0, 5, 9, 4, 6]),
        np.array([3, 3, 1, 1, 1]),
    )  # fmt: skip
    assert rows(join_equal(made)) == [(0, 0, 5, 3), (0, 5, 9, 1), (1, 0, 6, 1)]
    none = np.empty(0)
    nothing = Stretches(none.astype(int), none, none, none.astype(int))
    assert rows(join_equal(nothing)) == []


# --- rasters on other cells --------------------------------------------------------


def test_a_cell_is_what_its_middle_is(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    # Cells of 20 m from 5 m west and north of the raster's corner; middles at 5, 25 and 45 m.
    grid = Grid(X - 5, Y + 5, 20.0, 2, 3)
    values = read_on_grid(source, grid, crs=CRS, name="land_cover")
    expected = [[1, 2, np.nan], [3, np.nan, np.nan]]
    assert values == pytest.approx(np.array(expected), nan_ok=True)
    # Without a value for no data, outside is no data all the same.
    plain = write(tmp_path / "b.tif", nodata=None)
    values = read_on_grid(plain, grid, crs=CRS, name="land_cover")
    assert values == pytest.approx(np.array([[1, 2, np.nan], [3, 0, np.nan]]), nan_ok=True)
    assert grid.bounds == (X - 5, Y - 35, X + 55, Y + 5)


def test_a_warped_raster_has_its_cells_where_they_belong(tmp_path: Path) -> None:
    """A raster in degrees, and points brought over one by one."""
    to = Transformer.from_crs(3006, 4326, always_xy=True)
    lon, lat = to.transform(X, Y)
    pixels = np.random.default_rng(5).integers(1, 200, (60, 60)).astype("uint8")
    size = 0.002
    source = write(
        tmp_path / "a.tif", pixels, crs="EPSG:4326",
        transform=Affine(size, 0, lon - 0.06, 0, -size, lat + 0.06),
    )  # fmt: skip
    grid = Grid(X - 1000, Y + 1000, 50.0, 40, 40)
    values = read_on_grid(source, grid, crs=CRS, name="land_cover")
    column, row = np.meshgrid(np.arange(40), np.arange(40))
    east, north = to.transform(X - 1000 + (column + 0.5) * 50, Y + 1000 - (row + 0.5) * 50)
    c, r = (east - (lon - 0.06)) / size, ((lat + 0.06) - north) / size
    # Away from the borders of pixels, where a hundredth of one may tip the scale.
    clear = (np.abs(c - np.rint(c)) > 0.02) & (np.abs(r - np.rint(r)) > 0.02)
    assert clear.mean() > 0.8
    expected = pixels[r.astype(int), c.astype(int)]
    assert (values[clear] == expected[clear]).all()
