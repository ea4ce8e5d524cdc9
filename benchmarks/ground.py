"""Measure what the ground costs in time: lines over a large raster, and ways over land.

    python benchmarks/ground.py                       # 340 000 lines, 400 million pixels
    python benchmarks/ground.py --lines 340000 --pixels 100e6 --window 2000
    python benchmarks/ground.py --region data_raw/norrbotten     # its roads, a made raster

The raster is made up: patches of 120 m in cells of 20 m. Beside the exact cut of the lines
stands what one would otherwise do: the value at a point every 10 m, by array indexing on
the whole raster and, for a sample, by ``rasterio.sample``. Ways over land are measured
beside scipy on a graph of the same cells with eight neighbours. Seconds of CPU do not grow
when other programs run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import shapely
from bredband_gis import overland_paths as paths
from bredband_gis.files import Source
from bredband_gis.surface import NO_DATA, UNLISTED, ValueClass, lay_on_raster
from rasterio import Affine
from rasterio.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

CELL = 20.0
WEST, NORTH = 500_000.0, 7_600_000.0
CLASSES = [ValueClass((value,)) for value in range(1, 8)]


@contextmanager
def timed(what: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:58s} {wall:8.2f} s {cpu:8.2f} s of CPU", flush=True)


def make_raster(path: Path, rows: int, columns: int, west: float, north: float) -> None:
    rng = np.random.default_rng(1)
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=1, dtype="uint8",
        crs="EPSG:3006", transform=Affine(CELL, 0, west, 0, -CELL, north), nodata=0, tiled=True,
        blockxsize=512, blockysize=512, compress="deflate",
    ) as raster:  # fmt: skip
        for top in range(0, rows, 1024):
            high = min(1024, rows - top)
            patches = rng.integers(1, 9, (high // 6 + 2, columns // 6 + 2), dtype="uint8")
            pixels = np.kron(patches, np.ones((6, 6), dtype="uint8"))[:high, :columns]
            raster.write(pixels, 1, window=Window(0, top, columns, high))


def make_lines(number: int, width: float, height: float) -> np.ndarray:
    """Lines of ten bends and some 300 m."""
    rng = np.random.default_rng(2)
    start = rng.uniform([1000, 1000], [width - 1000, height - 1000], (number, 1, 2))
    turn = np.cumsum(rng.normal(0, 0.3, (number, 10)), axis=1) + rng.uniform(0, 7, (number, 1))
    steps = 34 * np.stack([np.cos(turn), np.sin(turn)], axis=2)
    xy = np.concatenate([start, start + np.cumsum(steps, axis=1)], axis=1)
    return shapely.linestrings(xy * [1, -1] + [WEST, NORTH])


def measure_lines(lines: np.ndarray, source: Source) -> None:
    lay_on_raster(lines[:1], source, CLASSES, crs=3006, must_meet=False)  # compiles
    with timed(f"{len(lines)} lines cut by cell, windows read as needed"):
        cut = lay_on_raster(lines, source, CLASSES, crs=3006)
    print(f"  {cut.length.sum() / 1000:.0f} km in {cut.line.size} stretches")
    classes = [*range(7), UNLISTED, NO_DATA]
    exact = cut.metres(classes)
    with timed("a point every 10 m, the whole raster in memory"):
        length = shapely.length(lines)
        count = np.maximum(np.ceil(length / 10).astype(int), 1)
        owner = np.repeat(np.arange(len(lines)), count)
        along = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count) + 0.5
        points = shapely.line_interpolate_point(lines[owner], along * (length / count)[owner])
        with rasterio.open(source.path) as raster:
            pixels = raster.read(1)
            left, top = raster.transform.c, raster.transform.f
        x, y = shapely.get_x(points), shapely.get_y(points)
        value = pixels[((top - y) / CELL).astype(int), ((x - left) / CELL).astype(int)]
        metres = np.bincount(value, (length / count)[owner], 10)
    off = np.abs(metres[1:8] - exact[:7]).max() / exact[:7].mean()
    print(f"  {owner.size} points; a class's metres differ by up to {off:.2%}")
    few = min(20_000, owner.size)
    with timed(f"rasterio.sample, {few} of them"), rasterio.open(source.path) as raster:
        for _ in raster.sample(np.column_stack([x, y])[:few]):
            pass


def measure_ways(side: int) -> None:
    from scipy import sparse
    from scipy.sparse import csgraph

    rng = np.random.default_rng(3)
    price = np.kron(rng.choice([1.0, 1.5, 4.0], (side // 8, side // 8)), np.ones((8, 8)))
    price = np.pad(price, 2, constant_values=np.inf)
    width = price.shape[1]
    start, goal = 3 * width + 3, (width - 4) * width + width - 4

    def grow() -> float:
        size = price.size
        end = np.full(size, -1, np.int32)
        end[goal] = 0
        enough = np.full(1, np.inf)
        paths.grow(
            price.ravel(), width, end, np.zeros(1), np.array([start]), np.zeros(1, np.int64),
            np.inf, enough, np.full(size, np.inf), np.full(size, -1, np.int32),
            np.full(size, -1, np.int8),
        )  # fmt: skip
        return float(enough[0])

    grow()
    with timed(f"{price.size / 1e6:.1f} million cells, sixteen neighbours"):
        ours = grow()
    with timed("  scipy, eight neighbours: the graph"):
        cell = np.arange(price.size).reshape(price.shape)
        tail, head, cost = [], [], []
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            one = cell[: width - down, max(0, -right) : width - max(0, right)]
            other = cell[down:, max(0, right) : width + min(0, right)]
            ends = price.ravel()[one] + price.ravel()[other]
            open_ = np.isfinite(ends)
            tail.append(one[open_])
            head.append(other[open_])
            cost.append(ends[open_] / 2 * np.hypot(down, right))
        matrix = sparse.coo_array(
            (np.concatenate(cost), (np.concatenate(tail), np.concatenate(head))),
            shape=(price.size, price.size),
        ).tocsr()
    with timed("  scipy, eight neighbours: the way"):
        theirs = csgraph.dijkstra(matrix, directed=False, indices=start)[goal]
    print(f"  with eight neighbours it costs {theirs / ours - 1:.2%} more")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=340_000)
    parser.add_argument("--pixels", type=float, default=400e6)
    parser.add_argument("--window", type=int, default=2000, help="cells along a window's side")
    parser.add_argument("--region", type=Path, help="folder with a roads.parquet")
    options = parser.parse_args()
    side = int(np.sqrt(options.pixels))
    rows, columns, west, north = side, side, WEST, NORTH
    lines = make_lines(options.lines, side * CELL, side * CELL)
    if options.region is not None:
        import geopandas as gpd

        roads = gpd.read_parquet(options.region / "roads.parquet")
        lines = roads.geometry.to_numpy()
        west, south, east, north = roads.buffer(1000).total_bounds
        rows, columns = int((north - south) / CELL) + 1, int((east - west) / CELL) + 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cover.tif"
        make_raster(path, rows, columns, west, north)
        print(f"{rows * columns / 1e6:.0f} million pixels, {path.stat().st_size / 1e6:.0f} MB")
        measure_lines(lines, Source(path))
    measure_ways(options.window)


if __name__ == "__main__":
    main()
