"""Seconds and peak memory of the whole chain, step by step.

    uv run python benchmarks/chain.py                       Norrbotten, made where absent
    uv run python benchmarks/chain.py --osm FILE.osm.pbf    a region from OpenStreetMap
    uv run python benchmarks/chain.py --region DIR          a region of one's own

Each run is a process of its own, as a planner starts it. Peak memory is that of the
process up to the end of each step, so it only grows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from memory import peak_mb

if TYPE_CHECKING:
    from collections.abc import Iterator


def measure(task: dict[str, str]) -> dict[str, dict[str, float]]:
    """Do one task in this process; give seconds and peak MB per step."""
    started = time.perf_counter()
    from bredband.progress import Steps

    found: dict[str, dict[str, float]] = {}

    class Measured(Steps):
        @contextlib.contextmanager
        def step(self, name: str) -> Iterator[None]:
            with super().step(name):
                yield
            found[name] = {"s": self.seconds[name], "mb": peak_mb()}

    steps = Measured()
    if task["do"] == "demo":
        from bredband.demo import make_norrbotten

        with steps.step("demo"):
            make_norrbotten(Path(task["folder"]))
    elif task["do"] == "init":
        from bredband.start import start_osm_region

        start_osm_region(Path(task["folder"]), Path(task["osm"]), demo_share=0.8, steps=steps)
        found = {"init": {"s": time.perf_counter() - started, "mb": peak_mb()}}
    else:
        from bredband.pipeline import run
        from bredband.region import Region

        imports = time.perf_counter() - started
        run(Region.read(task["folder"]), Path(task["out"]), steps=steps)
        found = {"imports": {"s": imports, "mb": 0.0}, **found}
    found["whole process"] = {"s": time.perf_counter() - started, "mb": peak_mb()}
    return found


def main() -> None:
    """Run the tasks and print a table each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--region", type=Path, help="folder with a region.toml")
    parser.add_argument("--osm", type=Path, help="an .osm.pbf to make a region from")
    parser.add_argument("--runs", type=int, default=3, help="runs of each task")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(measure(json.loads(options.task))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        for run in range(options.runs):
            if options.region:
                tasks = [{"do": "run", "folder": str(options.region)}]
            else:
                folder = str(top / f"data{run}")
                start = (
                    {"do": "init", "osm": str(options.osm.resolve())}
                    if options.osm
                    else {"do": "demo"}
                )
                tasks = [{**start, "folder": folder}, {"do": "run", "folder": folder}]
            for task in tasks:
                task.setdefault("out", str(top / f"out{run}"))
                text = subprocess.run(
                    [sys.executable, __file__, "--task", json.dumps(task)],
                    check=True, capture_output=True, text=True, encoding="utf-8",
                ).stdout  # fmt: skip
                results.setdefault(task["do"], []).append(json.loads(text.splitlines()[-1]))
    for name, runs in results.items():
        print(f"\n{name}: {len(runs)} runs\n{'step':<16}{'median s':>10}{'min':>8}{'max':>8}"
              f"{'peak MB':>10}")  # fmt: skip
        for step in runs[0]:
            seconds = [run[step]["s"] for run in runs]
            print(
                f"{step:<16}{statistics.median(seconds):>10.2f}{min(seconds):>8.2f}"
                f"{max(seconds):>8.2f}{max(run[step]['mb'] for run in runs):>10.0f}"
            )


results: dict[str, list[dict[str, dict[str, float]]]] = {}

if __name__ == "__main__":
    main()
