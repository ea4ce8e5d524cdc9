"""Coverage of a whole country, premises by premises, against geopandas and pandas.

    uv run python benchmarks/shares.py --scale 0.05              half a minute, to try it
    uv run python benchmarks/shares.py --runs 3                  5 million premises, all Sweden
    uv run python benchmarks/shares.py --runs 3 --no-geopandas   ours alone, nothing checked

5 million premises, 290 municipalities with 6.6 million vertices, 1 million fibre lines of
three segments and 2 million connected buildings, clustered as households are. Asked: the
municipality of each premises, the distance to the nearest fibre within 1 km, who is passed
within 50 m of a route or a connected building, and the tables of coverage, technologies
and state aid. geopandas answers the same with ``sjoin`` and ``sjoin_nearest``, pandas with
``groupby``; the script fails where an answer differs.

Municipalities are the real ones where BREDBAND_SHARED_DATA (or ../shared/data) has them: the
detailed ones of Norrbotten and Skåne, elsewhere SCB's generalised ones. Their borders are
cut in short pieces and bent, the same on both sides, until they have as many vertices as
detailed ones would. Everything else is made up. Without these data the areas are made up too.

Every run is a process of its own that reads the data from files; reading and imports are
not in the seconds, but what was read is in the peak memory. The one-off compilation is
shown apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from bredband.tables import SEGMENTS
from chain import peak_mb
from points_and_roads import polygons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CRS = "EPSG:3006"
SEARCH_M, PROXIMITY_M, MATCH_M = 1000.0, 50.0, 25.0
SPEEDS = [30, 100, 1000]
YEAR = 2024
VERTICES = 6_600_000
PREMISES = 5_000_000
ROUTES = 1_000_000
BUILDINGS = 2_000_000
BEND = 0.03
"""Width of a bend over its length; five kinds of bends cannot make a border cross itself."""


# --- data --------------------------------------------------------------------------


def municipalities(folder: Path, vertices: int) -> tuple[gpd.GeoDataFrame, str]:
    """Give 290 areas with code, name and population, and where they come from."""
    file = folder / "sverige" / "sample_bd_m.gpkg"
    if not file.exists():
        areas = polygons(290, vertices)
        code = [f"{place:04d}" for place in range(len(areas))]
        table = gpd.GeoDataFrame({"code": code, "population": 1.0}, geometry=areas, crs=CRS)
        return table.assign(name=table["code"]), f"{len(areas)} made-up areas"
    people = pd.read_csv(folder / "sverige" / "kommun_pop_2024.csv", dtype={"kommun_kod": str})
    table = gpd.read_file(file, layer="kommun_scb_generaliserad_riket")
    table = table.rename(columns={"KnKod": "code", "KnNamn": "name"}).set_index("code")
    detailed = gpd.read_file(file, layer="kommun").set_index("KOM_KOD").geometry
    table.loc[detailed.index, "geometry"] = detailed
    table["population"] = people.set_index("kommun_kod")["population"]
    step = shapely.length(table.geometry.to_numpy()).sum() / vertices
    table["geometry"] = shapely.transform(
        shapely.segmentize(table.geometry.to_numpy(), step), lambda xy: bent(xy, step)
    )
    source = (
        f"{len(detailed)} detailed (Lantmäteriet) and {len(table) - len(detailed)} generalised"
        " (SCB) municipalities, their borders made finer and bent"
    )
    return table.set_crs(CRS, allow_override=True).reset_index(), source


def bent(xy: np.ndarray, step: float) -> np.ndarray:
    """Move coordinates by a sum of waves, so that shared borders stay shared."""
    moved = xy.copy()
    for wave in np.geomspace(8 * step, 5000, 5):
        turn = 2 * np.pi / wave
        moved[:, 0] += BEND * wave * np.sin(turn * (xy[:, 1] + 0.3 * wave))
        moved[:, 1] += BEND * wave * np.sin(turn * (xy[:, 0] + 0.7 * wave))
    return moved


def make(folder: Path, shared: Path, scale: float) -> str:
    """Write the data to a folder; give where the municipalities come from."""
    from bredband_gis.points import locate

    rng = np.random.default_rng(1)
    areas, source = municipalities(shared, int(VERTICES * scale))
    areas.to_parquet(folder / "municipalities.parquet")
    shapes = areas.geometry.to_numpy()

    # Some seven towns in each municipality, sharing out its people unevenly.
    home = np.repeat(np.arange(len(areas)), 400)
    left, bottom, right, top = shapely.bounds(shapes)[home].T
    x, y = rng.uniform(left, right), rng.uniform(bottom, top)
    inside = np.flatnonzero(locate(x, y, shapes) == home)
    towns = inside[pd.Series(home[inside]).groupby(home[inside]).cumcount().to_numpy() < 7]
    share = rng.pareto(1.1, towns.size)
    share *= (
        areas["population"].to_numpy()[home[towns]] / np.bincount(home[towns], share)[home[towns]]
    )
    share /= share.sum()
    # A town has 2 000 households to the km2 at most.
    spread = 600 * np.sqrt(share * PREMISES / 2000 / np.pi)

    def clustered(count: int, wide: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        town = np.sort(rng.choice(towns.size, count, p=share))
        away = rng.normal(size=(2, count)) * spread[town] * wide
        return x[towns][town] + away[0], y[towns][town] + away[1], town

    count = int(PREMISES * scale)
    px, py, town = clustered(int(count * 1.3))
    kept = np.sort(rng.permutation(np.flatnonzero(locate(px, py, shapes) >= 0))[:count])
    # In no particular order, as in any register.
    kept = rng.permutation(kept)
    px, py, town = px[kept], py[kept], town[kept]
    kind = np.digitize(share[town] * PREMISES, [100, 400])
    pd.DataFrame(
        {
            "premises_id": pd.array(np.char.add("b", rng.permutation(count).astype("U7")), "str"),
            "x": px,
            "y": py,
            "households": rng.geometric(0.7, count),
            "workplaces": (rng.random(count) < 0.1).astype(np.int64),
            "holiday_homes": np.zeros(count, dtype=np.int64),
            "segment": pd.array(np.array(SEGMENTS[::-1])[kind], "str"),
            "provenance": "synthetic",
        }
    ).to_parquet(folder / "premises.parquet")

    served = rng.choice(count, int(BUILDINGS * scale), replace=False)
    away = rng.normal(size=(2, served.size)) * 4
    points = shapely.points(px[served] + away[0], py[served] + away[1])
    gpd.GeoDataFrame(geometry=points, crs=CRS).to_parquet(folder / "connected.parquet")

    fx, fy, _ = clustered(int(ROUTES * scale), 1.3)
    angle = rng.uniform(0, 2 * np.pi, fx.size)
    vertices = [np.column_stack([fx, fy])]
    for _ in range(3):
        angle = angle + rng.normal(size=fx.size) * 0.3
        run = rng.exponential(40, fx.size)
        vertices.append(
            vertices[-1] + np.column_stack([np.cos(angle), np.sin(angle)]) * run[:, None]
        )
    lines = shapely.linestrings(np.stack(vertices, axis=1))
    gpd.GeoDataFrame(geometry=lines, crs=CRS).to_parquet(folder / "fibre.parquet")
    return (
        f"{count} premises, {source} with {shapely.get_num_coordinates(shapes).sum()} vertices,"
        f" {fx.size} fibre lines, {served.size} connected buildings"
    )


# --- the two ways ------------------------------------------------------------------


class Parts:
    """Seconds, CPU seconds and peak memory of each part."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started, cpu = time.perf_counter(), time.process_time()
        yield
        self.found[name] = {
            "s": time.perf_counter() - started,
            "cpu": time.process_time() - cpu,
            "mb": peak_mb(),
        }


def read(folder: Path) -> Iterator[Any]:
    """Read each layer, and give back at once what reading it needed."""
    for name in ("connected", "fibre", "municipalities", "premises"):
        file = folder / f"{name}.parquet"
        yield pd.read_parquet(file) if name == "premises" else gpd.read_parquet(file)
        pa.default_memory_pool().release_unused()


@dataclass
class Answer:
    """What both ways find, in the order of the premises."""

    municipality: np.ndarray
    distance_m: np.ndarray
    near: np.ndarray
    status: np.ndarray
    table: pd.DataFrame  # by area, segment and base

    def write(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.table.to_parquet(folder / "table.parquet")
        premises = {k: v for k, v in vars(self).items() if k != "table"}
        pd.DataFrame(premises).to_parquet(folder / "premises.parquet")

    @classmethod
    def read(cls, folder: Path) -> Answer:
        premises = pd.read_parquet(folder / "premises.parquet")
        columns = {name: premises[name].to_numpy() for name in premises}
        return cls(**columns, table=pd.read_parquet(folder / "table.parquet"))


def ours(folder: Path, parts: Parts) -> Callable[[], Answer]:
    """Answer with bredband, as a notebook would."""
    from bredband.availability import premises_status
    from bredband.region import Definitions
    from bredband.statistics import coverage_table, state_aid_table, technology_table
    from bredband_gis.points import locate

    connected, fibre, areas, premises = read(folder)
    parts.found["data"] = {"s": 0.0, "cpu": 0.0, "mb": peak_mb()}

    with parts.part("municipality"):
        place = locate(premises["x"], premises["y"], areas.geometry.to_numpy())
        premises["municipality_code"] = areas["code"].array.take(place)
        place = place.astype(np.int16)  # kept for the comparison only
    with parts.part("status"):
        definitions = Definitions(
            search_m=SEARCH_M, proximity_m=PROXIMITY_M, match_m=MATCH_M, speeds_mbit=SPEEDS
        )
        status = premises_status(
            premises, connected=connected, fibre=fibre, definitions=definitions, year=YEAR, crs=CRS
        )
    with parts.part("statistics"):
        table = pd.DataFrame(
            {
                "municipality_code": areas["code"],
                "municipality_name": areas["name"],
                "county_code": areas["code"].str[:2],
                "county_name": areas["code"].str[:2],
                "provenance": "real",
            }
        )
        area: dict[str, Any] = {"region_code": "SE", "region_name": "Sverige"}
        coverage = coverage_table(status, table, **area, year=YEAR, speeds_mbit=SPEEDS)
        technology = technology_table(status, table, **area, year=YEAR)
        aid = state_aid_table(status, table, **area)

    def answer() -> Answer:
        keys = ["area_code", "segment", "base"]
        at_target = coverage[coverage["speed_mbit"] == 100].pivot_table(
            index=keys, columns="measure", values="served"
        )
        access = technology.pivot_table(index=keys, columns="access", values="served")
        counted = aid.set_index(keys)[["total", "white", "grey", "black"]]
        counted = counted.join(at_target[["connected", "passed"]])
        counted = counted.join(access[["fibre", "near_fibre"]])
        by_class = counted.index.isin(["total", *SEGMENTS], level="segment")
        return Answer(
            place,
            status["distance_to_fibre_m"].to_numpy(),
            status["near_fibre"].to_numpy(),
            status["status"].to_numpy(dtype=object),
            # geopandas has no rows for what is nowhere.
            counted[by_class & (counted["total"] > 0)],
        )

    return answer


def of_geopandas(folder: Path, parts: Parts) -> Callable[[], Answer]:
    """Answer with geopandas and pandas, the fastest way that they offer."""
    connected, fibre, areas, premises = read(folder)
    parts.found["data"] = {"s": 0.0, "cpu": 0.0, "mb": peak_mb()}

    with parts.part("points"):
        points = gpd.GeoDataFrame(
            geometry=gpd.points_from_xy(premises["x"], premises["y"], crs=CRS)
        )
    with parts.part("municipality"):
        # "within" is several times faster than "intersects"; no point is on a border.
        joined = gpd.sjoin(points, areas[["geometry"]], predicate="within", how="left")
        place = joined["index_right"].groupby(level=0).min().fillna(-1).astype(np.int64).to_numpy()
        premises["municipality_code"] = areas["code"].array.take(place)
    with parts.part("nearest fibre"):
        joined = gpd.sjoin_nearest(
            points, fibre, how="left", max_distance=SEARCH_M, distance_col="d"
        )
        route = joined["d"].groupby(level=0).min().to_numpy()
    with parts.part("connected buildings"):
        joined = gpd.sjoin_nearest(
            points, connected, how="left", max_distance=PROXIMITY_M, distance_col="d"
        )
        building = joined["d"].groupby(level=0).min().to_numpy()
        matched = gpd.sjoin_nearest(connected, points, max_distance=MATCH_M)["index_right"]
        fibre_here = np.zeros(len(points), dtype=bool)
        fibre_here[matched.to_numpy()] = True
        near = fibre_here | (np.fmin(route, building) <= PROXIMITY_M)
        premises["status"] = np.select([fibre_here, near], ["connected", "passed"], "unserved")
    with parts.part("statistics"):
        counted = premises.assign(
            county=premises["municipality_code"].str[:2], connected=fibre_here, passed=near
        )
        tables = []
        for key in ("municipality_code", "county", None):
            for by_segment in (False, True):
                for base in ("households", "workplaces"):
                    weight = counted[base]
                    values = pd.DataFrame(
                        {
                            "total": weight,
                            "connected": weight.where(counted["connected"], 0),
                            "passed": weight.where(counted["passed"], 0),
                        }
                    )
                    area = counted[key] if key else pd.Series("SE", index=counted.index)
                    segment = (
                        counted["segment"] if by_segment else pd.Series("total", index=area.index)
                    )
                    summed = values.groupby([area.rename("area_code"), segment.rename("segment")])
                    tables.append(summed.sum().assign(base=base).set_index("base", append=True))
        table = pd.concat(tables)

    def answer() -> Answer:
        kept = table[table["total"] > 0]
        kept = kept.assign(
            white=kept["total"] - kept["passed"], grey=kept["passed"], black=0,
            fibre=kept["connected"], near_fibre=kept["passed"],
        )  # fmt: skip
        return Answer(place, route, near, premises["status"].to_numpy(dtype=object), kept)

    return answer


# --- measuring ---------------------------------------------------------------------

WAYS = {"bredband": ours, "geopandas": of_geopandas}


def measure(way: str, folder: Path, keep: bool) -> dict[str, dict[str, float]]:
    """Answer in this process; give what each part took."""
    parts = Parts()
    answer = WAYS[way](folder, parts)
    if keep:
        answer().write(folder / way)
    return parts.found


def compare(folder: Path) -> str:
    """Fail where the two ways differ; say what was compared."""
    one, other = (Answer.read(folder / way) for way in WAYS)
    np.testing.assert_array_equal(one.municipality, other.municipality)
    # Identical but for the last digits: the distances come from other formulas.
    np.testing.assert_allclose(one.distance_m, other.distance_m, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(one.near, other.near)
    np.testing.assert_array_equal(one.status, other.status)
    names = [*other.table.columns]
    pd.testing.assert_frame_equal(
        one.table[names].sort_index(), other.table.sort_index(), check_dtype=False
    )
    known = np.isfinite(one.distance_m)
    return (
        f"identical: {known.size} municipalities, {known.sum()} distances, {one.near.sum()} passed"
        f" or connected, {one.table.size} figures in {len(one.table)} rows of statistics"
    )


def spawn(way: str, folder: Path, *, keep: bool, cache: Path) -> dict[str, dict[str, float]]:
    """Answer in a process of its own."""
    command = [sys.executable, __file__, "--task", way, "--folder", str(folder)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    text = subprocess.run(
        [*command, *(["--keep"] if keep else [])],
        check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment,
    ).stdout  # fmt: skip
    found: dict[str, dict[str, float]] = json.loads(text.splitlines()[-1])
    found["together"] = {
        "s": sum(part["s"] for part in found.values()),
        "cpu": sum(part["cpu"] for part in found.values()),
        "mb": max(part["mb"] for part in found.values()),
    }
    return found


def machine() -> str:
    """Say what this ran on."""
    name = platform.processor() or platform.machine()
    file = Path("/proc/cpuinfo")
    if file.exists():
        lines = file.read_text(encoding="utf-8").splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    packages = (gpd, np, pd, shapely)
    versions = ", ".join(f"{package.__name__} {package.__version__}" for package in packages)
    return (
        f"{os.cpu_count()} cores of {name}, {platform.system()},"
        f" Python {platform.python_version()}, {versions}"
    )


def report(way: str, runs: list[dict[str, dict[str, float]]]) -> None:
    """Print a row per part."""
    print(f"\n{way}, {len(runs)} runs\n{'part':<22}{'median s':>10}{'min':>8}{'max':>8}"
          f"{'CPU s':>8}{'peak MB':>10}")  # fmt: skip
    for part in runs[0]:
        seconds = [run[part]["s"] for run in runs]
        print(
            f"{part:<22}{statistics.median(seconds):>10.2f}{min(seconds):>8.2f}"
            f"{max(seconds):>8.2f}{min(run[part]['cpu'] for run in runs):>8.2f}"
            f"{max(run[part]['mb'] for run in runs):>10.0f}"
        )


def main() -> None:
    """Make the data, run both ways, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="part of the country's data")
    parser.add_argument("--runs", type=int, default=1, help="runs of bredband")
    parser.add_argument("--geopandas-runs", type=int, default=1)
    parser.add_argument("--no-geopandas", action="store_true", help="ours only, no check")
    parser.add_argument("--data", type=Path, help="folder to keep the made data in, and reuse")
    parser.add_argument("--task", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(measure(options.task, options.folder, options.keep)))
        return
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    shared = Path(os.environ.get("BREDBAND_SHARED_DATA", shared))
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        folder = options.data or top / "data"
        said = folder / f"made-{options.scale}.txt"
        if not said.exists():
            folder.mkdir(parents=True, exist_ok=True)
            said.write_text(make(folder, shared, options.scale), encoding="utf-8")
        print(f"{machine()}\n{said.read_text(encoding='utf-8')}")

        small, cache = top / "small", top / "compiled"
        small.mkdir()
        make(small, shared, 0.05)
        cold, warm = (
            spawn("bredband", small, keep=False, cache=cache)["together"]["s"] for _ in range(2)
        )
        print(f"compiling, once per computer: {cold - warm:.1f} s")

        count = 0 if options.no_geopandas else options.geopandas_runs
        mine = [
            spawn("bredband", folder, keep=run == 0, cache=cache) for run in range(options.runs)
        ]
        report("bredband", mine)
        if not count:
            return
        theirs = [spawn("geopandas", folder, keep=run == 0, cache=cache) for run in range(count)]
        report("geopandas", theirs)
        times = {
            unit: statistics.median(run["together"][unit] for run in theirs)
            / statistics.median(run["together"][unit] for run in mine)
            for unit in ("s", "cpu")
        }
        print(f"\n{times['s']:.1f} times faster than geopandas, {times['cpu']:.1f} times less CPU")
        print(compare(folder))


if __name__ == "__main__":
    main()
