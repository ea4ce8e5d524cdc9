"""Time the joins of points and the road graph against what geopandas offers.

    python benchmarks/points_and_roads.py                      # a minute or two
    python benchmarks/points_and_roads.py --points 5000000 --lines 1000000 --roads 1000000

Every task runs in a process of its own, so that its peak memory is its own; ours and
geopandas' run on the same made-up data, and the script fails where their answers
differ. "data" is the memory that the data alone take. Seconds do not include making
the data, nor the one-off compilation, which is shown apart.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.points import locate, nearest_line, nearest_point
from bredband_gis.roads import attach, build_graph
from memory import peak_mb

if TYPE_CHECKING:
    from collections.abc import Callable

CRS = "EPSG:3006"
REACH_M = 1000.0
PREMISES_REACH_M = 200.0


# --- made-up data ------------------------------------------------------------------


def clustered(count: int, seed: int, *, towns: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Points in towns of very different size over a country, 2 000 to the km2 at most."""
    shape = np.random.default_rng(7)
    x, y = shape.uniform(3e5, 9e5, towns), shape.uniform(6.2e6, 7.6e6, towns)
    share = shape.pareto(1.1, towns)
    rng = np.random.default_rng(seed)
    town = rng.choice(towns, count, p=share / share.sum())
    spread = 600 * np.sqrt(np.bincount(town, minlength=towns) / 2000 / np.pi)[town]
    return x[town] + rng.normal(size=count) * spread, y[town] + rng.normal(size=count) * spread


def polygons(count: int, vertices: int) -> np.ndarray:
    """Areas side by side with ragged borders, ``vertices`` in all."""
    rng = np.random.default_rng(3)
    seeds = shapely.multipoints(
        np.column_stack([rng.uniform(3e5, 9e5, count), rng.uniform(6.2e6, 7.6e6, count)])
    )
    frame = shapely.box(2.5e5, 6.1e6, 9.5e5, 7.7e6)
    edges = shapely.voronoi_polygons(seeds, extend_to=frame, only_edges=True)
    lines = shapely.get_parts(shapely.node(shapely.union(edges, frame.boundary)))
    step = shapely.length(lines).sum() * 2 / vertices
    ragged = []
    for line in lines:
        coordinates = shapely.get_coordinates(shapely.segmentize(line, step))
        inner = np.sin(np.linspace(0, np.pi, len(coordinates)))[1:-1, np.newaxis]
        coordinates[1:-1] += np.clip(rng.normal(size=inner.shape), -1, 1) * inner * step / 3
        ragged.append(shapely.linestrings(coordinates))
    return shapely.get_parts(shapely.polygonize(ragged))


def polylines(count: int) -> np.ndarray:
    """Bent lines of three segments where the points are."""
    x, y = clustered(count, 2)
    rng = np.random.default_rng(5)
    angle = rng.uniform(0, 2 * np.pi, count)
    vertices = [np.column_stack([x, y])]
    for _ in range(3):
        angle = angle + rng.normal(size=count) * 0.3
        step = np.column_stack([np.cos(angle), np.sin(angle)])
        vertices.append(vertices[-1] + step * rng.exponential(40, count)[:, np.newaxis])
    return shapely.linestrings(np.stack(vertices, axis=1))


def streets(count: int, *, block_m: float = 100.0) -> gpd.GeoDataFrame:
    """A grid of streets, a line per block with a bend, one end in 20 missing by 0.2 m."""
    side = max(int(np.sqrt(count / 2)), 1)
    rng = np.random.default_rng(11)
    x, y = (a.ravel() * block_m for a in np.meshgrid(np.arange(side), np.arange(side)))
    begin = np.column_stack([x, y])
    lines = []
    for step in ([block_m, 0.0], [0.0, block_m]):
        end = begin + step
        middle = (begin + end) / 2 + rng.normal(size=begin.shape) * 5
        short = rng.random(len(begin)) < 0.05
        end = np.where(short[:, np.newaxis], end + 0.2 * np.sign(begin - end), end)
        lines.append(shapely.linestrings(np.stack([begin, middle, end], axis=1)))
    corner = np.array([4e5, 6.5e6])
    moved = shapely.transform(np.concatenate(lines), lambda coordinates: coordinates + corner)
    return gpd.GeoDataFrame(geometry=moved, crs=CRS)


def premises(count: int, roads: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Points anywhere on the ground that the streets cover."""
    rng = np.random.default_rng(13)
    left, bottom, right, top = roads.total_bounds
    return rng.uniform(left, right, count), rng.uniform(bottom, top, count)


# --- tasks: each gives the seconds and an answer to compare ------------------------


def compile_first(task: Callable[..., Any], *given: Any, **options: Any) -> None:
    """Do a task once on little, so that compiling is not in its seconds, and show what it took."""
    started = time.perf_counter()
    task(*given, **options)
    print(f"  compiling or loading the compiled code: {time.perf_counter() - started:.1f} s")


def locate_ours(size: argparse.Namespace) -> Any:
    x, y = clustered(size.points, 1)
    areas = polygons(size.polygons, size.vertices)
    compile_first(locate, *clustered(200_000, 9), areas[:1])
    yield
    yield locate(x, y, areas)


def locate_geopandas(size: argparse.Namespace) -> Any:
    x, y = clustered(size.points, 1)
    areas = gpd.GeoDataFrame(geometry=polygons(size.polygons, size.vertices), crs=CRS)
    yield
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y, crs=CRS))
    # "within" is several times faster than "intersects"; no made-up point is on a border.
    found = gpd.sjoin(points, areas, predicate="within", how="left")["index_right"]
    yield found.groupby(level=0).min().fillna(-1).to_numpy(np.int64)


def line_ours(size: argparse.Namespace) -> Any:
    x, y = clustered(size.points, 1)
    lines = polylines(size.lines)
    compile_first(nearest_line, x[:1], y[:1], lines[:1], max_distance=REACH_M)
    yield
    yield nearest_line(x, y, lines, max_distance=REACH_M).distance


def line_geopandas(size: argparse.Namespace) -> Any:
    x, y = clustered(size.points, 1)
    lines = gpd.GeoDataFrame(geometry=polylines(size.lines), crs=CRS)
    yield
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y, crs=CRS))
    found = gpd.sjoin_nearest(points, lines, how="left", max_distance=REACH_M, distance_col="d")
    yield found["d"].groupby(level=0).min().fillna(np.inf).to_numpy()


def point_ours(size: argparse.Namespace) -> Any:
    x, y = clustered(size.points, 1)
    to_x, to_y = clustered(size.points * 2 // 5, 4)
    compile_first(nearest_point, x[:1], y[:1], to_x[:1], to_y[:1], max_distance=50.0)
    yield
    yield nearest_point(x, y, to_x, to_y, max_distance=50.0)[0]


def point_geopandas(size: argparse.Namespace) -> Any:
    x, y = clustered(size.points, 1)
    to_x, to_y = clustered(size.points * 2 // 5, 4)
    yield
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y, crs=CRS))
    other = gpd.GeoDataFrame(geometry=gpd.points_from_xy(to_x, to_y, crs=CRS))
    found = gpd.sjoin_nearest(points, other, how="left", max_distance=50.0, distance_col="d")
    yield found["d"].groupby(level=0).min().fillna(np.inf).to_numpy()


def graph_ours(size: argparse.Namespace) -> Any:
    roads = streets(size.roads)
    x, y = premises(size.roads, roads)
    fibre = roads.geometry.to_numpy()[:: max(size.roads // 50_000, 1)]
    yield
    started = time.perf_counter()
    graph = build_graph(roads)
    built = time.perf_counter()
    met = attach(graph, x, y, max_distance=PREMISES_REACH_M, fibre_lines=fibre)
    attached = time.perf_counter()
    parts = int(met.graph.components().max()) + 1
    print(
        f"  {len(roads)} roads, {x.size} premises, {fibre.size} fibre lines: build"
        f" {built - started:.1f} s, attach {attached - built:.1f} s;"
        f" {met.graph.x.size} nodes, {met.graph.tail.size} edges, {parts} parts"
    )
    np.testing.assert_allclose(met.graph.length.sum(), graph.length.sum(), rtol=1e-9)
    yield met.distance


def graph_geopandas(size: argparse.Namespace) -> Any:
    """Only the distance to the nearest road; geopandas makes no graph."""
    roads = streets(size.roads)
    x, y = premises(size.roads, roads)
    yield
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y, crs=CRS))
    found = gpd.sjoin_nearest(
        points, roads, how="left", max_distance=PREMISES_REACH_M, distance_col="d"
    )
    yield found["d"].groupby(level=0).min().to_numpy()


TASKS = {
    "points in polygons": (locate_ours, locate_geopandas),
    "nearest line": (line_ours, line_geopandas),
    "nearest point": (point_ours, point_geopandas),
    "road graph": (graph_ours, graph_geopandas),
}


# --- measuring ---------------------------------------------------------------------


def measure(task: str, which: int, size: argparse.Namespace, pipe: Any) -> None:
    steps = TASKS[task][which](size)
    next(steps)
    data = peak_mb()
    started, started_cpu = time.perf_counter(), time.process_time()
    answer = next(steps)
    seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    names = ("seconds", "CPU seconds", "peak MB", "data MB")
    pipe.send((dict(zip(names, (seconds, cpu, peak_mb(), data), strict=True)), answer))


def run(task: str, which: int, size: argparse.Namespace) -> tuple[dict[str, float], np.ndarray]:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(task, which, size, send))
    process.start()
    send.close()
    try:
        result = receive.recv()
    except EOFError:
        sys.exit(f"{task}: the process ended without an answer")
    process.join()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--points", type=int, default=500_000, help="points (default %(default)s)")
    parser.add_argument("--polygons", type=int, default=290)
    parser.add_argument("--vertices", type=int, default=1_000_000, help="of all polygons together")
    parser.add_argument("--lines", type=int, default=100_000, help="fibre lines, 3 segments each")
    parser.add_argument("--roads", type=int, default=100_000, help="road lines, and premises")
    parser.add_argument("--only", choices=TASKS, action="append", help="run only this task")
    parser.add_argument("--no-geopandas", action="store_true", help="time ours only, no check")
    size = parser.parse_args()
    rows = []
    for task in size.only or TASKS:
        print(task, flush=True)
        figures, answer = run(task, 0, size)
        row: dict[str, object] = {"task": task, **figures}
        if not size.no_geopandas:
            others, other = run(task, 1, size)
            # Identical but for the last digits: the distances come from other formulas.
            np.testing.assert_allclose(answer, other, rtol=1e-9, atol=1e-6)
            row |= {f"geopandas {name}": value for name, value in others.items()}
            row["times faster"] = others["seconds"] / figures["seconds"]
        rows.append(row)
    print(pd.DataFrame(rows).set_index("task").round(1).T.to_string())


if __name__ == "__main__":
    main()
