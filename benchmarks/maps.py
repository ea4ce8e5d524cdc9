"""Measure the map: size of the file, and what a reader waits for in Chromium.

    python benchmarks/maps.py                               # 100 000 made-up premises
    python benchmarks/maps.py --premises 20000 --seed 7
    python benchmarks/maps.py --result outputs/norrbotten   # a finished result

A made-up county of 14 municipalities has as many premises as said, one in eight without
broadband, 15 000 stretches of new trench and 800 build areas. Measured are our map, public
and internal, and the same premises, trench and areas in plain folium, with Leaflet put into
its page since there is no network: ``GeoJson`` with circle markers as one would write it,
on SVG and with ``prefer_canvas``. Per page:

- ``write``: seconds from tables to file; ``MB``: of the file;
- ``shown``: from the start of loading to the first frame with the layers painted;
- ``answers``: from there to a click that has opened a popup; both together are what a
  reader waits, and the budget for ours is 3 s and 6 MB;
- ``cpu``: seconds of processor that the page has used until then, all its threads together:
  what it would take on a machine with nothing else to do;
- ``layers``: the slowest switch of a layer off and on; ``zoom``: the slowest of three zooms.

Chromium starts anew for every page, without a network; the best of ``--times`` loads is
given. A page that has not answered after ``--limit`` seconds is given up.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband.map_result import DRAWN, result_map
from bredband.maps import coverage_map
from bredband.region import Publication
from bredband.stored import read_manifest, read_tables
from playwright.sync_api import Error, Page, sync_playwright

CRS = "EPSG:3006"
BUDGET_S, BUDGET_MB = 3.0, 6.0
Tables = dict[str, Any]

PAINTED = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
    () => setTimeout(() => done(performance.now())))))"""


def made_up(premises: int, seed: int) -> Tables:
    """Make a county: municipalities, coverage, premises, trench, areas."""
    rng = np.random.default_rng(seed)
    side, across = 90_000.0, 4
    corner = np.array([(i % across, i // across) for i in range(14)]) * side
    corner += [500_000, 7_250_000]
    towns = gpd.GeoDataFrame(
        {
            "municipality_code": [str(2501 + i) for i in range(14)],
            "municipality_name": [f"Kommun {i}" for i in range(14)],
            "county_code": "25", "county_name": "Provlän",
        },
        geometry=[shapely.box(x, y, x + side, y + side) for x, y in corner], crs=CRS,
    )  # fmt: skip
    groups = 900
    centre = corner[rng.integers(0, 14, groups)] + rng.uniform(3000, side - 3000, (groups, 2))
    spread = rng.lognormal(6.6, 0.5, groups)
    of = rng.choice(groups, premises, p=rng.dirichlet(np.full(groups, 0.3)))
    at = centre[of] + rng.normal(0, 1, (premises, 2)) * spread[of][:, None]
    at = np.clip(at, corner.min(axis=0), corner.max(axis=0) + side)
    unserved = rng.random(premises) < 0.125
    status = pd.DataFrame(
        {
            "premises_id": np.char.add("BD", np.arange(premises).astype(str)),
            "x": at[:, 0], "y": at[:, 1], "households": rng.integers(1, 4, premises),
            "workplaces": (rng.random(premises) < 0.1).astype(int),
            "status": np.where(unserved, "unserved", rng.choice(
                ["connected", "passed", "planned"], premises, p=[0.85, 0.12, 0.03])),
            "speed_mbit": rng.choice([8.0, 30.0, 100.0, 1000.0], premises),
            "distance_to_fibre_m": rng.uniform(0, 9000, premises).round(),
            "reason": rng.choice(["ingen fiber inom 50 m", "fiber vid tomtgränsen"], premises),
        }
    )  # fmt: skip
    edges = 15_000
    by = rng.integers(0, groups, edges)
    steps = rng.normal(0, 90, (edges, 6, 2)).cumsum(axis=1)
    trench = gpd.GeoDataFrame(
        {
            "households_below": rng.integers(1, 120, edges), "length_m": 400.0,
            "cost_sek": rng.uniform(1e4, 9e5, edges), "area_id": by.astype(str),
            "price_sek_per_m": rng.choice([150.0, 250.0, 500.0], edges),
        },
        geometry=shapely.linestrings(centre[by][:, None] + steps), crs=CRS,
    )  # fmt: skip
    chosen = np.sort(rng.choice(groups, 800, replace=False))
    cells = np.floor(centre[chosen][:, None] / 250 + rng.integers(-6, 6, (800, 25, 2))) * 250
    boxes = shapely.box(*cells.reshape(-1, 2).T, *(cells.reshape(-1, 2).T + 250))
    shapes = [shapely.union_all(some) for some in boxes.reshape(800, 25)]
    areas = gpd.GeoDataFrame(
        {
            "area_id": chosen.astype(str), "rank": np.arange(1, 801), "municipality": "Kommun 1",
            "households": rng.integers(1, 90, 800), "gap_sek": rng.uniform(0, 9e6, 800),
            "motivation": [f"Rang {i}: många hushåll och kort väg till fiber." for i in range(800)],
        },
        geometry=shapes, crs=CRS,
    )  # fmt: skip
    rows = []
    for code, name in zip(towns["municipality_code"], towns["municipality_name"], strict=True):
        for measure in ("connected", "passed", "planned"):
            rows += [
                ("municipality", code, name, "total", "households", measure, speed, 2024, 9000,
                 7200, 0.8) for speed in (30, 100, 1000)
            ]  # fmt: skip
    columns = ["area_kind", "area_code", "area_name", "segment", "base", "measure", "speed_mbit",
               "year", "total", "served", "share"]  # fmt: skip
    return {
        "municipalities": towns, "coverage": pd.DataFrame(rows, columns=columns),
        "premises": status, "trench": trench, "priority_areas": areas,
    }  # fmt: skip


def ours(tables: Tables, path: Path, *, detail: str, manifest: dict[str, Any] | None) -> None:
    """Write our map of some tables."""
    if manifest is not None:
        result_map(tables, manifest, detail=detail).save(path)  # type: ignore[arg-type]
        return
    coverage_map(
        tables["municipalities"], tables["coverage"], status=tables["premises"],
        trench=tables["trench"], areas=tables["priority_areas"], region_name="Provlän",
        publication=Publication(detail=detail),  # type: ignore[arg-type]
    ).save(path)  # fmt: skip


def plain(tables: Tables, path: Path, *, canvas: bool) -> None:
    """Write the same layers with folium as it comes, Leaflet put into the page."""
    page = folium.Map(tiles=None, prefer_canvas=canvas, max_zoom=17)
    premises = tables["premises"]
    columns = [
        name for name in ("premises_id", "status", "households", "reason") if name in premises
    ]
    points = gpd.GeoDataFrame(
        premises[columns], geometry=shapely.points(premises["x"], premises["y"]), crs=CRS
    )
    layers = (
        ("municipalities", tables["municipalities"][["municipality_name", "geometry"]], None),
        ("areas", tables["priority_areas"][["area_id", "households", "geometry"]], None),
        ("trench", tables["trench"][["households_below", "geometry"]], None),
        ("premises", points, folium.CircleMarker(radius=3, fill=True)),
    )
    for name, frame, marker in layers:
        fields = [column for column in frame.columns if column != "geometry"]
        there = frame[~(frame.geometry.is_empty | frame.geometry.isna())]
        folium.GeoJson(
            there.to_crs("EPSG:4326").to_json(), name=name, marker=marker, smooth_factor=1,
            popup=folium.GeoJsonPopup(fields=fields, labels=False),
        ).add_to(page)  # fmt: skip
    folium.LayerControl(collapsed=False).add_to(page)
    west, south, east, north = tables["municipalities"].to_crs("EPSG:4326").total_bounds
    page.fit_bounds([[south, west], [north, east]])
    vendor = files("bredband_gis").joinpath("vendor/leaflet")
    # GeoJson needs no more of folium's libraries than Leaflet and, for popups, nothing.
    page.default_js = []
    page.default_css = []
    html = page.get_root().render()
    head = (
        f"<style>{vendor.joinpath('leaflet.css').read_text('utf-8')}</style>"
        f"<script>{vendor.joinpath('leaflet.js').read_text('utf-8')}</script>"
    )
    path.write_text(html.replace("<head>", "<head>" + head, 1), encoding="utf-8")


def look(path: Path, *, limit: float) -> dict[str, float]:
    """Open a page and measure what a reader waits for, seconds."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        msg = "chromium is not installed"
        raise SystemExit(msg)
    found: dict[str, float] = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
        page = context.new_page()
        tools = context.new_cdp_session(page)
        tools.send("Performance.enable")
        page.set_default_timeout(limit * 1000)
        try:
            page.goto(path.as_uri(), timeout=limit * 1000)
            found["shown"] = page.evaluate(PAINTED) / 1000
            found["answers"] = _click(page, limit)
            metrics = tools.send("Performance.getMetrics")["metrics"]
            found["cpu"] = next(one["value"] for one in metrics if one["name"] == "ProcessTime")
            found["layers"] = _switch(page)
            found["zoom"] = max(_zoom(page, step) for step in (2, 2, -3))
        except Error as error:
            print(f"    gave up: {str(error).splitlines()[0]}")
        finally:
            browser.close()
    return found


def _map(page: Page) -> str:
    return str(page.evaluate("Object.keys(window).find((k) => /^map_/.test(k))"))


def _click(page: Page, limit: float) -> float:
    name = _map(page)
    spot = page.evaluate(f"{name}.latLngToContainerPoint({name}.getCenter())")
    started = time.perf_counter()
    # Folium's popups open where a feature is hit; a municipality lies under the middle.
    for dx in (0, 25, -25, 60, -60, 110):
        page.mouse.click(spot["x"] + dx, spot["y"] + 20)
        page.evaluate(PAINTED)
        if page.locator(".leaflet-popup").count():
            break
        if time.perf_counter() - started > limit:
            msg = "no popup"
            raise Error(msg)
    return time.perf_counter() - started


def _switch(page: Page) -> float:
    slowest = 0.0
    boxes = page.locator("input[type=checkbox]")
    for at in range(boxes.count()):
        for _ in range(2):
            started = time.perf_counter()
            boxes.nth(at).evaluate("(box) => box.click()")
            page.evaluate(PAINTED)
            slowest = max(slowest, time.perf_counter() - started)
    return slowest


def _zoom(page: Page, step: int) -> float:
    name = _map(page)
    started = time.perf_counter()
    page.evaluate(f"{name}.setZoom({name}.getZoom() + {step}, {{animate: false}})")
    page.evaluate(PAINTED)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--premises", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=25)
    parser.add_argument("--result", type=Path, help="a folder that bredband run has made")
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--only", nargs="*", help="names of pages, e.g. public internal")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    manifest = read_manifest(asked.result) if asked.result else None
    tables: Tables = (
        dict(read_tables(asked.result, DRAWN)) if asked.result
        else made_up(asked.premises, asked.seed)
    )  # fmt: skip
    pages = {
        "public": lambda path: ours(tables, path, detail="public", manifest=manifest),
        "internal": lambda path: ours(tables, path, detail="internal", manifest=manifest),
        "folium-canvas": lambda path: plain(tables, path, canvas=True),
        "folium": lambda path: plain(tables, path, canvas=False),
    }
    print(f"{len(tables['premises']):,} premises, {len(tables['trench']):,} stretches of trench, "
          f"{len(tables['priority_areas']):,} areas")  # fmt: skip
    print(f"{'page':14}{'write s':>9}{'MB':>8}{'shown s':>9}{'answers s':>11}{'cpu s':>7}"
          f"{'layers s':>10}"
          f"{'zoom s':>8}")  # fmt: skip
    kept: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, write in pages.items():
            if asked.only and name not in asked.only:
                continue
            path = Path(folder) / f"{name}.html"
            started = time.perf_counter()
            write(path)
            row = {"write": time.perf_counter() - started, "mb": path.stat().st_size / 1e6}
            looks = [look(path, limit=asked.limit) for _ in range(asked.times)]
            best = min(looks, key=lambda one: one.get("shown", 1e9) + one.get("answers", 1e9))
            kept[name] = row | best
            cells = [
                best.get(key, float("nan")) for key in ("shown", "answers", "cpu", "layers", "zoom")
            ]
            print(f"{name:14}{row['write']:9.1f}{row['mb']:8.2f}{cells[0]:9.2f}{cells[1]:11.2f}"
                  f"{cells[2]:7.2f}{cells[3]:10.2f}{cells[4]:8.2f}", flush=True)  # fmt: skip
            waited = cells[0] + cells[1]
            if not name.startswith("folium") and (waited > BUDGET_S or row["mb"] > BUDGET_MB):
                print(f"    over the budget of {BUDGET_S:.0f} s and {BUDGET_MB:.0f} MB")
    if asked.json:
        asked.json.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
