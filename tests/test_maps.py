"""The map, opened in a real browser that has no network."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import TYPE_CHECKING, Any

import folium
import folium.plugins
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from bredband.maps import SHARE_EDGES, coverage_map
from bredband.publication import generalise_areas
from bredband.region import Publication
from bredband_gis import webmap
from bredband_gis.crs import transform_points
from bredband_gis.errors import (
    BadValueError,
    EmptyLayerError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
    NotMetricError,
)
from bredband_gis.webmap import (
    OnlineResourceError,
    ShapeLayer,
    Style,
    WebMap,
    assert_offline,
    find_resources,
    pack,
    pack_numbers,
    script_json,
)
from hypothesis import given
from hypothesis import strategies as st
from opened import CRS, EAST, NARROW, NB, NORTH, Opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SIDE = 10_000.0
EVIL = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}<!--\u2028//evil.se"
)


# ---- a small region, worked out by hand -----------------------------------------------


def municipalities() -> gpd.GeoDataFrame:
    """Four squares: Norra 60 %, Västra 85 %, Södra 97 %, Tomma without households."""
    corners = [(0, 1), (0, 0), (1, 0), (1, 1)]
    return gpd.GeoDataFrame(
        {
            "municipality_code": ["2501", "2502", "2503", "2504"],
            "municipality_name": ["Norra", "Västra", "Södra", "Tomma"],
            "county_code": "25",
            "county_name": "Provlän",
            "provenance": "real",
        },
        geometry=[
            shapely.box(x, y, x + SIDE, y + SIDE)
            for x, y in np.array(corners) * SIDE + [EAST, NORTH]
        ],
        crs=CRS,
    )  # fmt: skip


SERVED = {
    # code: households, then served at 100 Mbit/s: connected, passed, planned
    "2501": (1000, 600, 720, 750),
    "2502": (2000, 1700, 1900, 1999),
    "2503": (500, 485, 500, 500),
    "2504": (0, 0, 0, 0),
}


def coverage() -> pd.DataFrame:
    rows = []
    names = dict(zip(SERVED, municipalities()["municipality_name"], strict=True))
    kinds = [("municipality", code, names[code], SERVED[code]) for code in SERVED]
    whole = tuple(np.sum(list(SERVED.values()), axis=0).tolist())
    for kind, code, name, (total, *served) in [*kinds, ("region", "25", "Provlän", whole)]:
        for measure, count in zip(("connected", "passed", "planned"), served, strict=True):
            for speed, fewer in ((30, 0), (100, 0), (1000, 50)):
                got = max(count - fewer, 0)
                rows.append(
                    (kind, code, name, "total", "households", measure, speed, 2024, total, got,
                     got / total if total else np.nan)
                )  # fmt: skip
    columns = ["area_kind", "area_code", "area_name", "segment", "base", "measure", "speed_mbit",
               "year", "total", "served", "share"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    noise = table.assign(segment="tätort", share=0.01, served=1)
    other = table.assign(base="workplaces", share=0.02, served=2)
    return pd.concat([noise, table, other], ignore_index=True)


def status() -> pd.DataFrame:
    """Norra has a cell of five households and a cell of one; Västra a served building."""
    rows = [
        ("hemligt-1", 3010, 15010, 4, 0, "2501", "unserved"),
        ("hemligt-2", 3190, 15200, 1, 2, "2501", "unserved"),
        ("hemligt-3", 6600, 15600, 1, 0, "2501", "unserved"),
        ("hemligt-4", 4000, 4000, 9, 0, "2502", "connected"),
        ("hemligt-5", 6700, 15700, 0, 0, "2501", "unserved"),  # a holiday home
    ]
    table = pd.DataFrame(rows, columns=["premises_id", "x", "y", "households", "workplaces",
                                        "municipality_code", "status"])  # fmt: skip
    table[["x", "y"]] += [EAST, NORTH]
    return table.assign(
        holiday_homes=0, segment="utanför", provenance="synthetic", technology=None,
        speed_mbit=8.0, wireless_speed_mbit=0.0, passed_speed_mbit=0.0, planned_speed_mbit=0.0,
        distance_to_fibre_m=[1500.0, 1400.0, np.nan, 0.0, 9.0], reason="ingen fiber inom 50 m",
    )  # fmt: skip


def trench() -> gpd.GeoDataFrame:
    main = shapely.LineString(np.add([(37, 12013), (3071, 15013)], [EAST, NORTH]))
    last = shapely.LineString(np.add([(3071, 15013), (6611, 15613)], [EAST, NORTH]))
    return gpd.GeoDataFrame(
        {
            "edge_id": [0, 1],
            "length_m": [main.length, last.length],
            "surface": ["soft", "soft"],
            "cost_sek": [640_000.0, 500_000.0],
            "price_sek_per_m": [150.0, 140.0],
            "households_below": [6, 1],
            "area_id": ["2501-0001", "2501-0002"],
        },
        geometry=[main, last],
        crs=CRS,
    )


def areas() -> gpd.GeoDataFrame:
    premises = status().query("status == 'unserved' and households > 0")
    shapes = generalise_areas(
        ["2501-0001", "2501-0001", "2501-0002"], premises["x"], premises["y"],
        premises["households"], trench(),
    )  # fmt: skip
    table = pd.DataFrame(
        {
            "area_id": ["2501-0001", "2501-0002", "2503-0000"],
            "rank": pd.array([1, 2, pd.NA], dtype="Int64"),
            "reached": [True, True, False],
            "municipality_code": ["2501", "2501", "2503"],
            "municipality": ["Norra", "Norra", "Södra"],
            "households": [5, 1, 3],
            "workplaces": [2, 0, 0],
            "premises": [2, 1, 2],
            "trench_m": [4266.9, 3590.5, np.nan],
            "capex_sek": [672_000.0, 515_000.0, np.nan],
            "own_contribution_sek": [100_000.0, 20_000.0, np.nan],
            "operator_revenue_sek": [50_000.0, 10_000.0, np.nan],
            "gap_sek": [522_000.0, 485_000.0, np.nan],
            "gap_per_household_sek": [104_400.0, 485_000.0, np.nan],
            "cumulative_gap_sek": [522_000.0, 1_007_000.0, np.nan],
            "within_budget": pd.array([True, False, pd.NA], dtype="boolean"),
        }
    )
    lost = shapely.box(EAST + 15_000, NORTH + 5000, EAST + 15_250, NORTH + 5250)
    return gpd.GeoDataFrame(table, geometry=[*shapes, lost], crs=CRS)


def cost() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area_kind": ["municipality"] * 4 + ["region"],
            "area_code": [*SERVED, "25"],
            "area_name": ["Norra", "Västra", "Södra", "Tomma", "Provlän"],
            "unreached_households": [0, 0, 3, 0, 3],
            "trench_m": [7857.4, 0.0, 0.0, 0.0, 7857.4],
            "capex_sek": [1_187_000.0, 0.0, 0.0, 0.0, 1_187_000.0],
            "gap_sek": [1_007_000.0, 0.0, 0.0, 0.0, 1_007_000.0],
            "gap_per_household_sek": [167_833.0, np.nan, np.nan, np.nan, 167_833.0],
            "support_sek": [1_107_000.0, 0.0, 0.0, 0.0, 1_107_000.0],
        }
    )


def localities() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"locality_name": ["Byn", None], "segment": ["tätort", "småort"]},
        geometry=[
            shapely.Point(EAST + 5000, NORTH + 5000).buffer(600),
            shapely.Point(EAST + 15_000, NORTH + 5000).buffer(600),
        ],
        crs=CRS,
    )


def roads() -> gpd.GeoDataFrame:
    lines = [shapely.LineString([(EAST, NORTH + y), (EAST + 20_000, NORTH + y)]) for y in (0, 900)]
    return gpd.GeoDataFrame({"road_class": ["primary", "track"]}, geometry=lines, crs=CRS)


FILES = [
    {"layer": "municipalities", "provenance": "real", "source": "SCB", "licence": "CC0",
     "year": 2023, "file": "kommun.gpkg"},
    {"layer": "premises", "provenance": "synthetic", "source": "", "licence": "", "year": None,
     "file": "hus.parquet"},
    {"layer": "roads", "provenance": "synthetic", "source": "bredband", "licence": "",
     "year": None, "file": "vag.parquet"},
    {"layer": "localities", "provenance": "derived", "source": "SCB", "licence": "CC0",
     "year": 2020, "file": "ort.gpkg"},
]  # fmt: skip


def shares() -> pd.DataFrame:
    """What each unserved household bears: 104 400, 104 400 and 620 000 SEK."""
    each = np.array([104_400.0, 104_400.0, 620_000.0])
    parties = np.array([4, 1, 1])
    return pd.DataFrame(
        {
            "premises_id": ["hemligt-1", "hemligt-2", "hemligt-3"], "households": [4, 1, 1],
            "parties": parties, "total_sek": each * parties, "per_party_sek": each,
            "shared_trench_sek": each * parties - 9000.0, "drop_sek": 9000.0,
            "alone_sek": 2 * each,
        }
    )  # fmt: skip


def everything(**changes: Any) -> WebMap:
    tables: dict[str, Any] = {
        "municipalities": municipalities(), "coverage": coverage(), "status": status(),
        "trench": trench(), "areas": areas(), "cost": cost(), "localities": localities(),
        "roads": roads(), "files": FILES, "shares": shares(),
        "budgets": {"1 mkr": ["2501-0001"], "10 mkr": ["2501-0001", "2501-0002"]},
    }  # fmt: skip
    return coverage_map(**{**tables, **changes})


# ---- the browser ----------------------------------------------------------------------


# ---- opening it -----------------------------------------------------------------------


@pytest.mark.parametrize("detail", ["public", "internal"])
@pytest.mark.parametrize("width", [1400, 390])
def test_opens_without_a_word_and_without_a_request(
    show: Callable[..., Opened], detail: str, width: int
) -> None:
    opened = show(everything(publication=Publication(detail=detail)), width=width)
    opened.page.wait_for_timeout(200)
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith(("file:", "data:"))] == []
    assert len(opened.asked) == 1
    assert opened.page.title() == "Provlän: bredband 2024"
    assert opened.page.get_attribute("html", "lang") == "sv"


def test_says_in_swedish_what_it_shows(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    assert opened.texts(".webmap-entry > label:first-child") == [
        "Andel av hushållen per kommun",
        "Hushåll utan tillgång eller plan",
        "Hushåll som har eller kan få, per ruta",
        "Prioriterade områden, efter rang",
        "Kostnad per hushåll",
        "Områden som budgeten räcker till",
        "Ny grävning",
        "Ortnamn",
        "Kommungränser (klicka för siffror)",
        "Större vägar",
        "Land",
    ]
    assert opened.texts(".webmap-body fieldset > legend") == [
        "Kommuner", "Läget", "Det som återstår", "Vad en budget räcker till", "Ny grävning",
        "Hitta på kartan",
    ]  # fmt: skip
    choices = {
        "Mått": ["Anslutna", "Anslutna eller i absolut närhet",
                 "Anslutna, i absolut närhet eller planerade"],
        "Hastighet, minst": ["100 Mbit/s", "30 Mbit/s", "1 Gbit/s"],
        "Budget": ["1 mkr", "10 mkr"],
        "Färg efter": ["hushåll som nås", "pris per meter"],
    }  # fmt: skip
    for label, words in choices.items():
        options = opened.page.get_by_role("combobox", name=label).locator("option")
        assert [text.replace(NB, " ") for text in options.all_inner_texts()] == words
    assert opened.text(".webmap-head h1") == "Provlän: bredband 2024"
    # 2785, 3120 and 3249 of 3500 households.
    assert opened.texts(".webmap-facts dd") == ["79,6 %", "89,1 %", "251"]
    assert opened.texts(".webmap-facts dt")[-1] == "hushåll saknar tillgång och plan"
    assert opened.texts(".leaflet-control-scale-line")[0].endswith("km")
    assert opened.page.get_by_label("Zooma in").count() == 1


def test_the_same_in_english(show: Callable[..., Opened]) -> None:
    opened = show(everything(language="en"))
    assert opened.page.get_attribute("html", "lang") == "en"
    assert opened.texts(".webmap-facts dd") == ["79.6%", "89.1%", "251"]
    visible = opened.text("body")
    assert not set("åäöÅÄÖ") & set(visible.replace("Provlän", ""))
    assert "Households with neither access nor plan" in visible


def test_everything_is_in_view_and_beside_the_panel(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    panel = opened.page.locator(".webmap-panel").bounding_box()
    head = opened.page.locator(".webmap-head").bounding_box()
    assert panel
    assert head
    for x, y in ((0, 0), (2 * SIDE, 0), (0, 2 * SIDE), (2 * SIDE, 2 * SIDE)):
        at = opened.spot(x, y)
        assert 0 < at["x"] < panel["x"]
        assert head["y"] + head["height"] < at["y"] < 900


# ---- layers and legend ----------------------------------------------------------------


def choose(opened: Opened, label: str, word: str) -> None:
    select = opened.page.get_by_role("combobox", name=label)
    words = [text.replace(NB, " ") for text in select.locator("option").all_inner_texts()]
    select.select_option(index=words.index(word))
    opened.page.wait_for_timeout(50)


def test_municipalities_have_the_colour_of_their_share(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    legend = opened.page.evaluate(
        """() => [...document.querySelectorAll(".webmap-legend:not([hidden]) li")]
            .map((li) => [li.textContent, getComputedStyle(li.querySelector(".webmap-swatch"))
            .backgroundColor.match(/\\d+/g).slice(0, 3).map((v) => (+v).toString(16)
            .padStart(2, "0")).join("")])"""
    )
    colours = {label.replace(NB, " "): "#" + colour for label, colour in legend[:7]}
    assert list(colours)[:6] == [
        "under 50 %", "50–70 %", "70–80 %", "80–90 %", "90–95 %", "95–100 %",
    ]  # fmt: skip
    for (x, y), label in {
        (2000, 12_000): "50–70 %",  # Norra 60 %
        (2000, 2000): "80–90 %",  # Västra 85 %
        (18_000, 2000): "95–100 %",  # Södra 97 %
        (18_000, 12_000): "uppgift saknas",  # Tomma
    }.items():
        assert opened.colour(x, y, layer=1) == colours[label]
    choose(opened, "Mått", "Anslutna eller i absolut närhet")
    assert opened.colour(2000, 12_000, layer=1) == colours["70–80 %"]  # Norra 72 %
    assert opened.colour(2000, 2000, layer=1) == colours["95–100 %"]  # Västra 95 %: on the edge
    choose(opened, "Hastighet, minst", "1 Gbit/s")
    assert opened.colour(2000, 12_000, layer=1) == colours["50–70 %"]  # Norra 67 %
    opened.check("Andel av hushållen per kommun", on=False)
    assert opened.colour(2000, 12_000) not in colours.values()
    assert opened.colour(2000, 12_000), "the land is there without the shares"
    assert opened.page.locator(".webmap-legend:not([hidden]) li").first.inner_text() != "under 50 %"


@pytest.mark.parametrize(
    ("label", "order", "place"),
    [
        ("Hushåll utan tillgång eller plan", 40, (3010, 15_010)),
        ("Prioriterade områden, efter rang", 38, (3010, 15_010)),
        ("Större vägar", 20, (9000, 0)),
    ],
)
def test_a_layer_is_switched_off_and_on(
    show: Callable[..., Opened], label: str, order: int, place: tuple[float, float]
) -> None:
    opened = show(everything())

    def position() -> int | None:
        orders = opened.page.evaluate("map_0.webmapShown.map((l) => l.options.order).reverse()")
        return orders.index(order) if order in orders else None

    canvases = opened.page.locator("canvas").count()
    at = position()
    assert at is not None
    assert opened.colour(*place, layer=at)
    opened.check(label, on=False)
    assert position() is None
    assert opened.page.locator("canvas").count() == canvases - 1
    opened.check(label)
    at = position()
    assert at is not None
    assert opened.colour(*place, layer=at)
    assert opened.said == []


def test_new_trench_is_off_at_first_and_lies_on_top_when_on(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    label = "Ny grävning"
    assert not opened.page.get_by_label(label, exact=True).is_checked()
    opened.check(label)
    orders = opened.page.evaluate("map_0.webmapShown.map((l) => l.options.order)")
    assert orders == sorted(orders, reverse=True)
    trench_at = len(orders) - 1 - orders.index(55)
    assert opened.colour(3000, 15_000, layer=trench_at)
    # The last stretch serves one household: it is not in the page at all.
    assert opened.colour(5000, 15_340, layer=trench_at) == ""
    assert "till färre än 3 hushåll visas inte" in opened.text(".webmap-panel")


def test_the_legend_says_what_is_made_up(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    assert opened.texts(".webmap-notice") == [
        "Syntetiska data: byggnader och vägar är påhittade."
        " Kartan visar inte verkliga förhållanden."
    ]
    legends = opened.texts(".webmap-legend:not([hidden])")
    assert sum("Bygger på syntetiska data." in text for text in legends) == 4
    opened.page.get_by_text("Källor", exact=True).click()
    sources = opened.text(".webmap-body details[open]")
    assert "Kommuner: SCB, 2023, CC0 (verkliga data)" in sources
    assert "Byggnader: hus.parquet (syntetiska data)" in sources
    assert "Tätorter: SCB, 2020, CC0 (härledda data)" in sources
    assert "Leaflet" in sources


def test_real_data_have_no_notice_and_a_table_can_confess(show: Callable[..., Opened]) -> None:
    real = [{**file, "provenance": "real"} for file in FILES]
    opened = show(everything(files=real, status=status().assign(provenance="real")))
    assert opened.page.locator(".webmap-notice").count() == 0
    assert "Bygger på verkliga data." in opened.text(".webmap-panel")
    opened = show(everything(files=real))  # the premises' own column says synthetic
    assert opened.page.locator(".webmap-notice").count() == 1
    opened = show(everything(files=[], provenance={"fibre": "synthetic"}))
    assert "fiberstråk" in opened.text(".webmap-notice")


# ---- popups ---------------------------------------------------------------------------


def test_a_click_on_a_municipality_gives_its_figures(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.click(8000, 12_000)
    assert opened.text(".webmap-popup h2") == "Norra"
    rows = [row.split("\t") for row in opened.text(".webmap-table tbody").splitlines()]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["30 Mbit/s", "60,0 %", "72,0 %", "75,0 %"],
        ["100 Mbit/s", "60,0 %", "72,0 %", "75,0 %"],
        ["1 Gbit/s", "55,0 %", "67,0 %", "70,0 %"],
    ]
    assert opened.text(".webmap-table caption") == "Andel av 1 000 hushåll"
    popup = opened.text(".webmap-popup")
    assert re.search(r"Hushåll utan tillgång eller plan\s+250", popup)
    assert re.search(r"Finansieringsgap\s+1,0 mkr", popup)
    assert re.search(r"Stödbehov\s+1,1 mkr", popup)
    assert re.search(r"Finansieringsgap per hushåll\s+167 800 kr", popup)
    assert re.search(r"Ny grävning\s+7,9 km", popup)
    assert opened.page.get_by_label("Stäng").count() == 1
    opened.click(15_000, 2000)
    assert opened.text(".webmap-popup h2") == "Södra"
    assert re.search(r"varav utan väg eller fiber inom räckhåll\s+3", opened.text(".webmap-popup"))


def test_a_click_on_an_area_and_on_a_cell(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.zoom_to(3000, 15_000, 14)
    opened.click(3100, 15_100)
    assert opened.text(".webmap-popup h2") == "Område 2501-0001"
    popup = opened.text(".webmap-popup")
    for line in (
        r"Rang\s+1\b", r"Kommun\s+Norra", r"Hushåll utan tillgång eller plan\s+5",
        r"Ny grävning\s+4,3 km", r"Investering\s+672 000 kr", r"Finansieringsgap\s+522 000 kr",
        r"Finansieringsgap per hushåll\s+104 400 kr",
        r"Stödbehov till och med detta område\s+522 000 kr",
        r"Ryms i budgeten\s+ja",
    ):  # fmt: skip
        assert re.search(line, popup), line
    folded = opened.texts(".webmap-popup summary")
    assert folded == ["Ruta 250 × 250 m", "Norra"]
    opened.page.locator(".webmap-popup summary").first.click()
    assert re.search(
        r"Hushåll utan tillgång eller plan\s+5\s+Arbetsställen\s+2\s+Byggnader\s+2",
        opened.text(".webmap-popup details[open]"),
    )


def test_small_groups_stay_hidden(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.zoom_to(6600, 15_600, 14)
    opened.click(6600, 15_600)
    assert opened.text(".webmap-popup h2") == "Område 2501-0002"
    popup = opened.text(".webmap-popup")
    assert re.search(r"Hushåll utan tillgång eller plan\s+färre än 3", popup)
    for given_away in (
        "Byggnader",
        "Finansieringsgap per hushåll",
        "Egeninsats",
        "Operatörens intäkt",
    ):
        assert given_away not in popup
    opened.page.locator(".webmap-popup summary").first.click()
    cell = opened.text(".webmap-popup details[open]")
    assert re.search(r"Hushåll utan tillgång eller plan\s+färre än 3", cell)
    assert "Byggnader" not in cell


def test_the_limit_is_the_planners(show: Callable[..., Opened]) -> None:
    opened = show(everything(publication=Publication(min_households=6, cell_m=500)))
    assert "färre än 6" in opened.text(".webmap-panel")
    assert "500 × 500 m" in opened.text(".webmap-panel")
    assert "2 × 2 km" in opened.text(".webmap-panel")
    opened.zoom_to(3000, 15_000, 14)
    opened.click(3100, 15_100)
    assert "färre än 6" in opened.text(".webmap-popup")


def test_a_click_beside_everything_opens_nothing(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.click(-1500, 5000)
    assert opened.page.locator(".webmap-popup").count() == 0


# ---- what it costs, and what a budget buys --------------------------------------------


def switched(opened: Opened, order: int) -> str:
    """Give the legend's label of each class that the layer of this order shows."""
    return (
        opened.page.evaluate(
            """(order) => {
            const l = map_0.webmapShown.find((l) => l.options.order === order);
            return l.options.classes.map((c, n) => [c.label, l._members[n].length])
                .filter((one) => one[1]).map((one) => one.join(": ")).join("; ");
        }""",
            order,
        )
        .replace(NB, " ")
        .replace(NARROW, " ")
    )


def test_cost_per_household_by_cell_and_by_building(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.check("Kostnad per hushåll")
    assert switched(opened, 45) == "100 000 kr–200 000 kr: 1; färre än 3: 1"
    opened.zoom_to(3000, 15_000, 14)
    opened.check("Prioriterade områden, efter rang", on=False)
    opened.click(3050, 15_050)
    assert re.search(
        r"Hushåll\s+5\s+Kostnad per hushåll\s+104 400 kr", opened.text(".webmap-popup")
    )
    opened = show(everything(publication=Publication(detail="internal")))
    opened.check("Kostnad per hushåll")
    assert switched(opened, 45) == "100 000 kr–200 000 kr: 2; 400 000 kr eller mer: 1"
    opened.zoom_to(6600, 15_600, 15)
    opened.click(6600, 15_600)
    popup = opened.text(".webmap-popup")
    assert re.search(r"Kostnad per hushåll\s+620 000 kr", popup)
    assert re.search(r"Om ingen annan bygger\s+1,2 mkr", popup)


def test_what_a_budget_buys(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.check("Områden som budgeten räcker till")
    assert switched(opened, 39) == "ryms i budgeten: 1; ryms inte: 2"
    legend = ".webmap-legend >> text=i stöd"
    assert opened.text(legend) == "1 område med 5 hushåll för 522 000 kr i stöd."
    choose(opened, "Budget", "10 mkr")
    assert switched(opened, 39) == "ryms i budgeten: 2; ryms inte: 1"
    assert opened.text(legend).startswith("2 områden med 6 hushåll för 1,0 mkr")


def test_trench_by_price(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    choose(opened, "Färg efter", "pris per meter")
    assert switched(opened, 55) == "100 kr/m–200 kr/m: 1"
    opened = show(everything(publication=Publication(detail="internal")))
    opened.check("Ny grävning")
    assert switched(opened, 55) == "0–9: 2"
    choose(opened, "Färg efter", "pris per meter")
    assert switched(opened, 55) == "100 kr/m–200 kr/m: 2"


def test_all_buildings_by_status(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.check("Hushåll som har eller kan få, per ruta")
    # One cell of five without, one of nine with, and one too small to tell.
    assert switched(opened, 35) == "under 50 %: 1; 95–100 %: 1; färre än 3: 1"
    opened = show(everything(publication=Publication(detail="internal")))
    opened.check("Alla byggnader efter status")
    assert switched(opened, 58) == "Saknar: 3; Ansluten: 1"


def test_without_broadband_and_without_mobile(show: Callable[..., Opened]) -> None:
    gap = status().assign(unserved_no_mobile=[True, False, True, False, False])
    opened = show(everything(status=gap))
    opened.check("Hushåll som saknar och är utan mobiltäckning")
    assert switched(opened, 42) == "3–9: 1; färre än 3: 1"


def changed_premises() -> pd.DataFrame:
    """Norra gains four households in one cell and one in another; Västra loses nine."""
    rows = [
        ("a", 3010, 15010, 4, 4, "gained", "unserved", "connected"),
        ("a2", 6600, 15600, 1, 1, "gained", "unserved", "passed"),
        ("b", 4000, 4000, 9, 9, "lost", "connected", "unserved"),
        ("c", 9000, 9000, 2, 3, "recounted", "connected", "connected"),
        ("d", 9000, 9500, 0, 7, "new", None, "connected"),
        ("e", 9000, 9500, 6, 0, "gone", "connected", None),
    ]
    table = pd.DataFrame(rows, columns=["premises_id", "x", "y", "households_before",
                                        "households_after", "change", "status_before",
                                        "status_after"])  # fmt: skip
    table[["x", "y"]] += [EAST, NORTH]
    return table.assign(why="därför", municipality_code="2501")


def change() -> pd.DataFrame:
    """Points since 2019: Norra +4, Västra -2, Södra 0.5; nothing of Tomma."""
    rows = [("municipality", "2501", 4.0), ("municipality", "2502", -2.0),
            ("municipality", "2503", 0.5), ("region", "25", 1.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["area_kind", "area_code", "points"])
    table = table.assign(segment="total", base="households", measure="connected", speed_mbit=100,
                         year_before=2019, year_after=2024)  # fmt: skip
    others = [table.assign(points=9.0, **other) for other in (
        {"segment": "tätort"}, {"base": "workplaces"}, {"measure": "passed"}, {"speed_mbit": 30}
    )]  # fmt: skip
    return pd.concat([*others, table], ignore_index=True)


def test_who_gained_and_who_lost(show: Callable[..., Opened]) -> None:
    opened = show(everything(changed=changed_premises(), since="2019"))
    assert "Förändring sedan 2019" in opened.text(".webmap-panel")
    assert switched(opened, 43) == "3–9: 1; färre än 3: 1"
    assert switched(opened, 44) == "3–9: 1"
    assert "7 hushåll i nya byggnader och 6 i byggnader" in opened.text(".webmap-panel")
    opened.zoom_to(4000, 4000, 14)
    opened.click(4080, 4080)
    assert re.search(r"Hushåll som fått det sämre\s+9", opened.text(".webmap-popup"))
    opened.zoom_to(6600, 15_600, 14)
    opened.check("Prioriterade områden, efter rang", on=False)
    opened.click(6600, 15_600)
    assert re.search(r"Hushåll som fått det bättre\s+färre än 3", opened.text(".webmap-popup"))
    assert "därför" not in opened.page.content(), "what is told of one building is internal"


def test_an_internal_map_tells_why_a_building_changed(show: Callable[..., Opened]) -> None:
    internal = Publication(detail="internal")
    opened = show(everything(changed=changed_premises(), status=None, publication=internal))
    assert switched(opened, 43) == "3–9: 1; 1–2: 1"
    opened.zoom_to(4000, 4000, 15)
    opened.click(4000, 4000)
    assert opened.text(".webmap-popup h2") == "Byggnad b"
    assert re.search(
        r"Hushåll som fått det sämre\s+9\s+Då\s+Ansluten\s+Nu\s+Saknar\s+Varför\s+därför",
        opened.text(".webmap-popup"),
    )


def test_the_municipalities_change_in_points(show: Callable[..., Opened]) -> None:
    caveat = "Antalet byggnader skiljer sig."
    opened = show(everything(change=change(), since="2019", caveats=[caveat]))
    opened.check("Andel anslutna, procentenheter")
    assert switched(opened, 1) == (
        "minskat mer än 1: 1; −1 till +1: 1; +3 till +5: 1; uppgift saknas: 1"
    )
    assert "minst 100 Mbit/s, 2024 minus 2019" in opened.text(".webmap-panel")
    opened.page.get_by_text("Att tänka på om förändringen").click()
    assert caveat in opened.text(".webmap-body details[open]")
    opened.click(8000, 12_000)
    popup = opened.text(".webmap-popup")
    assert re.search(r"Förändring sedan 2019, procentenheter\s+\+4,0", popup)
    opened.click(8000, 8000)
    assert re.search(r"procentenheter\s+−2,0", opened.text(".webmap-popup"))


def test_search_finds_towns_places_and_areas(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    field = opened.page.get_by_role("combobox", name="Sök kommun, ort eller område")
    field.fill("västra")
    assert opened.texts(".webmap-hits li") == ["Västra\nkommun"]
    field.press("Enter")
    assert opened.text(".webmap-popup h2") == "Västra"
    field.fill("område 2501-0002")
    field.press("Enter")
    assert opened.text(".webmap-popup h2") == "Område 2501-0002"
    field.fill(localities()["locality_name"].iloc[0][:4])
    assert opened.texts(".webmap-hits li")[0].endswith("\nort")


def test_the_list_holds_what_the_table_holds(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.page.get_by_role("button", name="Områden i ordning").click()
    ranked = areas()[areas()["rank"].notna()].sort_values("rank")
    lines = opened.texts(".webmap-list li")
    assert len(lines) == len(ranked)
    assert lines[0] == "1\nOmråde 2501-0001\n5 hushåll · 522 000 kr · Norra"
    # Too few for their money to be told.
    assert lines[1] == "2\nOmråde 2501-0002\nfärre än 3 hushåll · Norra"


def stretches() -> gpd.GeoDataFrame:
    """A new stretch from fibre to a place, a second way, and an existing one."""
    lines = [shapely.LineString([(EAST, NORTH + y), (EAST + 2 * SIDE, NORTH + y)])
             for y in (4000, 6000, 8000)]  # fmt: skip
    return gpd.GeoDataFrame(
        {
            "stretch_id": ["S1", "S2", "S3"], "priority": pd.array([1, 2, pd.NA], dtype="Int64"),
            "new": [True, True, False], "second_route": [False, True, False],
            "route": pd.array([pd.NA, 1, pd.NA], dtype="Int64"),
            "from_place": "Älvby", "from_kind": ["fibre", "place", "place"],
            "to_place": "Näs", "to_kind": "place", "from_fibre": [True, False, True],
            "to_fibre": False, "places_along": [None, "Ytterby", None], "length_m": 20_432.0,
            "sek": 7.4e6, "support_sek": 2.9e6, "own_sek": 4.5e6, "households": [40.0, 12.0, 9.0],
            "sek_per_household": [185_000.0, 616_667.0, np.nan],
            "households_behind_single_cut": [40.0, 0.0, 9.0],
        },
        geometry=lines, crs=CRS,
    )  # fmt: skip


def test_stretches_between_places(show: Callable[..., Opened]) -> None:
    opened = show(everything(stretches=stretches()))
    assert switched(opened, 57) == "40 000 kr eller mer per hushåll: 1"
    assert switched(opened, 56) == "andra väg: 1"
    opened.click(5000, 4000)
    assert opened.text(".webmap-popup h2") == "fiber vid Älvby – Näs"
    popup = opened.text(".webmap-popup")
    # To the whole kilometre: an exact length would tell where the fibre is.
    assert re.search(r"Längd\s+20,0 km\s+Kostnad\s+7,2 mkr", popup)
    assert re.search(r"Hushåll som ansluts\s+40", popup)
    assert "visas den bara fram till rutan om 1 × 1 km" in opened.text(".webmap-panel")
    assert drawn(opened, 57)[:, 0].min() > EAST + 400, "not where the fibre is"
    shown = "map_0.webmapShown.some((l) => l.options.order === 54)"
    assert not opened.page.evaluate(shown), "existing fibre is not for publication"


def test_an_internal_map_shows_existing_stretches(show: Callable[..., Opened]) -> None:
    internal = Publication(detail="internal")
    opened = show(everything(stretches=stretches(), straight=True, publication=internal))
    assert switched(opened, 54) == "finns, enda väg: 1"
    assert drawn(opened, 57)[:, 0].min() == pytest.approx(EAST, abs=5)
    assert "Länkarna är raka" in opened.text(".webmap-panel")


# ---- what is not in the page ----------------------------------------------------------


def drawn(opened: Opened, order: int) -> np.ndarray:
    """Give the corners that the page holds of the layer, in the region's CRS."""
    x, y = opened.page.evaluate(
        """(order) => {
            const layers = []; map_0.eachLayer((l) => layers.push(l));
            const d = layers.find((l) => l.options.order === order).data;
            return [[...d.x], [...d.y]];
        }""",
        order,
    )
    half = 20037508.342789244
    east = (np.array(x) - 128) * half / 128
    north = (128 - np.array(y)) * half / 128
    return np.column_stack(transform_points(east, north, "EPSG:3857", CRS))


def test_the_public_page_holds_no_exact_place(show: Callable[..., Opened]) -> None:
    page = everything()
    html = page.get_root().render()
    assert "hemligt" not in html
    opened = show(page)
    opened.check("Ny grävning")
    exact = np.vstack([status()[["x", "y"]], shapely.get_coordinates(trench().geometry)])
    for order, rounding in ((40, 1.0), (38, 1.5), (55, 5.0)):
        corners = drawn(opened, order)
        assert np.abs(corners / 250 - np.rint(corners / 250)).max() * 250 < rounding
        nearest = np.hypot(*(corners[:, None] - exact[None]).transpose(2, 0, 1)).min()
        assert nearest > rounding


def test_an_exact_outline_is_made_coarse_before_it_is_drawn(show: Callable[..., Opened]) -> None:
    exact = areas()
    exact.geometry = exact.geometry.centroid.buffer(333)
    corners = drawn(show(everything(areas=exact)), 38)
    assert np.abs(corners / 250 - np.rint(corners / 250)).max() * 250 < 1.5


def test_the_internal_page_shows_all_and_says_so(show: Callable[..., Opened]) -> None:
    opened = show(everything(publication=Publication(detail="internal")))
    assert "Får inte spridas" in opened.texts(".webmap-notice")[-1]
    shown = "map_0.webmapShown.find((l) => l.options.order === 60)._members.flat().length"
    assert opened.page.evaluate(shown) == 3  # neither the served building nor the holiday home
    opened.zoom_to(6600, 15_600, 15)
    opened.click(6600, 15_600)
    popup = opened.text(".webmap-popup")
    assert opened.text(".webmap-popup h2") == "Byggnad hemligt-3"
    assert re.search(r"Trådbundet\s+8 Mbit/s", popup)
    assert re.search(r"Avstånd till fiber\s+–", popup)
    assert re.search(r"Skäl\s+ingen fiber inom 50 m", popup)
    opened.check("Ny grävning")
    opened.zoom_to(5000, 15_340, 15)
    opened.click(5000, 15_340)
    popup = opened.text(".webmap-popup")
    assert re.search(r"Hushåll som nås\s+1\s+Längd\s+3,6 km\s+Kostnad\s+500 000 kr", popup)


# ---- names that want to be code -------------------------------------------------------


def test_names_stay_text_everywhere(show: Callable[..., Opened]) -> None:
    places = municipalities().assign(municipality_name=EVIL)
    named = areas().assign(municipality=EVIL, area_id=[EVIL, EVIL + "2", EVIL + "3"])
    page = everything(
        municipalities=places,
        areas=named,
        status=status().assign(premises_id=EVIL, reason=EVIL),
        trench=trench().assign(surface=EVIL),
        localities=localities().assign(locality_name=EVIL),
        region_name=EVIL,
        files=[{**FILES[0], "source": EVIL, "licence": EVIL}],
        sources=[EVIL],
        publication=Publication(detail="internal"),
    )
    opened = show(page)
    opened.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    opened.zoom_to(6600, 15_600, 15)
    opened.check("Ny grävning")
    opened.click(6600, 15_600)
    opened.page.mouse.move(300, 500)
    opened.page.mouse.move(310, 510)
    opened.page.wait_for_timeout(100)
    assert opened.dialogs == []
    assert opened.said == []
    assert opened.page.locator("img").count() == 0
    assert opened.page.evaluate("document.scripts.length") == 4
    flat = EVIL.replace("\u2028", "")
    text = opened.page.evaluate("document.body.innerText + document.title").replace("\u2028", "")
    assert text.count(flat) >= 6
    assert opened.page.title().replace("\u2028", "").startswith(flat)
    folded = opened.page.locator(".webmap-popup summary").all_text_contents()
    assert f"Område {EVIL}2" in folded
    assert EVIL in folded


ODD = st.text(alphabet="{}%#<>/&!-\\\"'aå\u2028\u2029") | st.text()


@given(ODD | st.lists(ODD) | st.dictionaries(ODD, st.integers() | ODD))
def test_json_in_a_script_cannot_end_it_and_reads_back(value: Any) -> None:
    text = script_json(value)
    assert not re.search(r"[<>&\u2028\u2029]|//|\{\{|\{%|\{#", text)
    assert json.loads(text) == value


# ---- phones and readers ---------------------------------------------------------------


def test_fits_a_phone(show: Callable[..., Opened]) -> None:
    opened = show(everything(), width=390, height=844)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    button = opened.page.get_by_role("button", name="Kartlager")
    assert button.get_attribute("aria-expanded") == "false"
    assert not opened.page.locator(".webmap-body").first.is_visible()
    for x, y in ((0, 0), (2 * SIDE, 2 * SIDE)):
        assert 0 < opened.spot(x, y)["x"] < 390
    button.tap()
    assert button.get_attribute("aria-expanded") == "true"
    body = opened.page.locator(".webmap-body").first.bounding_box()
    assert body
    assert body["y"] > 250
    assert body["y"] + body["height"] <= 844
    opened.check("Andel av hushållen per kommun", on=False)
    button.tap()
    opened.page.wait_for_timeout(350)  # two taps in a row would be one double tap
    at = opened.spot(2000, 5000)
    opened.page.touchscreen.tap(at["x"], at["y"])
    opened.page.wait_for_selector(".leaflet-popup")
    opened.settle()
    popup = opened.page.locator(".leaflet-popup").bounding_box()
    head = opened.page.locator(".webmap-head").bounding_box()
    assert popup
    assert head
    assert popup["x"] >= 0
    assert popup["x"] + popup["width"] <= 390
    assert popup["y"] >= head["y"] + head["height"]


CONTRAST = """() => {
    const level = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) =>
        0.2126 * level(r / 255) + 0.7152 * level(g / 255) + 0.0722 * level(b / 255);
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const ground = (e) => {
        for (; e; e = e.parentElement) {
            const c = rgb(getComputedStyle(e).backgroundColor);
            if (c.length < 4 || c[3] > 0.8) { return c; }
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll("main *")].filter((e) => e.offsetParent
        && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())).map((e) => {
        const a = light(rgb(getComputedStyle(e).color)), b = light(ground(e));
        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent];
    });
}"""


def test_text_stands_out_from_its_ground(show: Callable[..., Opened]) -> None:
    opened = show(everything(publication=Publication(detail="internal")))
    opened.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    opened.click(8000, 12_000)
    found = opened.page.evaluate(CONTRAST)
    assert len(found) > 60
    assert [text for ratio, text in found if ratio < 4.5] == []


def test_works_by_keyboard(show: Callable[..., Opened]) -> None:
    opened = show(everything())
    opened.page.get_by_role("button", name="Kartlager").focus()
    opened.page.keyboard.press("Enter")
    assert not opened.page.locator(".webmap-body").first.is_visible()
    opened.page.keyboard.press("Enter")
    opened.page.get_by_label("Mått").focus()
    opened.page.keyboard.press("ArrowDown")
    opened.page.wait_for_timeout(50)
    shares = "map_0.webmapShown.filter((l) => l.options.order === 0).length"
    assert opened.page.evaluate(shares) == 1
    assert "Anslutna eller" in opened.page.get_by_label("Mått").evaluate(
        "(e) => e.selectedOptions[0].text"
    )
    # From the list, an area's figures without a mouse.
    opened.page.get_by_role("button", name="Områden i ordning").press("Enter")
    opened.page.locator(".webmap-list button").first.press("Enter")
    assert opened.text(".webmap-popup h2") == "Område 2501-0001"


# ---- parts that may be missing, and wrong ones ----------------------------------------


def test_only_municipalities_and_coverage(show: Callable[..., Opened]) -> None:
    opened = show(coverage_map(municipalities(), coverage()))
    assert opened.said == []
    assert len(opened.texts(".webmap-entry > label:first-child")) == 4
    opened.click(8000, 12_000)
    assert "Finansieringsgap" not in opened.text(".webmap-popup")


def test_nothing_left_to_build(show: Callable[..., Opened]) -> None:
    served = status().assign(status="connected")
    page = everything(status=served, trench=trench().iloc[:0], areas=areas().iloc[:0], roads=None)
    labels = show(page).texts(".webmap-entry > label:first-child")
    assert len(labels) == 6
    assert "Ortnamn" in labels


def test_municipalities_that_the_coverage_does_not_know(show: Callable[..., Opened]) -> None:
    known = coverage().query("area_code != '2501'")
    opened = show(everything(coverage=known))
    opened.click(8000, 12_000)
    assert opened.text(".webmap-popup h2") == "Norra"
    assert opened.said == []
    assert "uppgift saknas" in opened.text(".webmap-panel")


def test_simplified_neighbours_leave_no_gap(show: Callable[..., Opened]) -> None:
    rng = np.random.default_rng(7)
    wave = np.column_stack([np.linspace(0, 2 * SIDE, 3000), rng.normal(0, 60, 3000).cumsum() / 9])
    wave += [EAST, NORTH + SIDE]
    south = [(EAST + 2 * SIDE, NORTH), (EAST, NORTH)]
    north = [(EAST + 2 * SIDE, NORTH + 2 * SIDE), (EAST, NORTH + 2 * SIDE)]
    two = municipalities().iloc[:2].copy()
    two.geometry = [shapely.Polygon([*wave, *north]), shapely.Polygon([*wave, *south])]
    opened = show(coverage_map(two, coverage()))
    assert len(drawn(opened, 0)) < 4000  # of 6000
    missed = opened.page.evaluate(
        """(points) => points.filter(([lat, lon]) => {
            const at = map_0.project([lat, lon], 0);
            const layer = map_0.webmapShown.find((l) => l.options.order === 0);
            return layer.hit(at, 0, 1) < 0;
        }).length""",
        np.column_stack(transform_points(wave[5:-5, 0], wave[5:-5, 1], CRS, "EPSG:4326"))[
            :, ::-1
        ].tolist(),
    )
    assert missed == 0


def test_refuses_what_it_cannot_draw() -> None:
    with pytest.raises(MissingColumnError, match="municipality_name"):
        everything(municipalities=municipalities().drop(columns="municipality_name"))
    with pytest.raises(MissingColumnError, match="households_below"):
        everything(trench=trench().drop(columns="households_below"))
    with pytest.raises(BadValueError, match="no row for 250 Mbit/s; found: 30, 100, 1000"):
        everything(target_speed_mbit=250)
    with pytest.raises(EmptyLayerError):
        everything(municipalities=municipalities().iloc[:0])
    with pytest.raises(NoCrsError):
        everything(municipalities=municipalities().set_crs(None, allow_override=True))
    with pytest.raises(NotMetricError):
        everything(municipalities=municipalities().to_crs(3857))
    with pytest.raises(BadValueError, match="'guessed'"):
        everything(provenance={"roads": "guessed"})


# ---- one file, equal each time, not too large -----------------------------------------


def test_equal_tables_give_equal_bytes() -> None:
    assert everything().get_root().render() == everything().get_root().render()


def test_a_large_region_stays_small_and_opens(show: Callable[..., Opened]) -> None:
    rng = np.random.default_rng(1)
    premises, edges, groups = 20_000, 30_000, 2000
    centre = np.add(rng.uniform(-200_000, 200_000, (groups, 2)), [EAST, NORTH])
    of = rng.integers(0, groups, premises)
    at = centre[of] + rng.normal(0, 1500, (premises, 2))
    many = pd.DataFrame(
        {"premises_id": np.arange(premises).astype(str), "x": at[:, 0], "y": at[:, 1],
         "households": rng.integers(0, 4, premises), "workplaces": 1, "status": "unserved",
         "provenance": "synthetic", "speed_mbit": 8.0,
         "distance_to_fibre_m": rng.uniform(0, 5000, premises)}
    )  # fmt: skip
    by = rng.integers(0, groups, edges)
    steps = rng.normal(0, 60, (edges, 8, 2)).cumsum(axis=1)
    lines = centre[by][:, None] + rng.normal(0, 1500, (edges, 1, 2)) + steps
    ids = np.char.add("25-", np.arange(groups).astype(str)).astype(object)
    net = gpd.GeoDataFrame(
        {"households_below": rng.integers(0, 120, edges), "area_id": ids[by],
         "length_m": rng.uniform(1, 900, edges), "cost_sek": rng.uniform(1, 9e5, edges)},
        geometry=shapely.linestrings(lines), crs=CRS,
    )  # fmt: skip
    shapes = generalise_areas(ids[of], many["x"], many["y"], many["households"], net)
    ranked = gpd.GeoDataFrame(
        {"area_id": shapes.index, "rank": np.arange(1, len(shapes) + 1), "municipality": "Norra",
         "households": 9, "gap_sek": rng.uniform(1e5, 1e7, len(shapes)),
         "gap_per_household_sek": rng.uniform(1e4, 1e6, len(shapes))},
        geometry=shapes.to_numpy(), crs=CRS,
    )  # fmt: skip
    wide = municipalities()
    wide.geometry = wide.geometry.scale(20, 20, origin=(EAST + SIDE, NORTH + SIDE))
    for detail in ("public", "internal"):
        page = coverage_map(
            wide, coverage(), status=many, trench=net, areas=ranked,
            publication=Publication(detail=detail),
        )  # fmt: skip
        html = page.get_root().render()
        assert len(html.encode()) < 6e6
    opened = show(html)
    opened.check("Ny grävning")
    assert opened.said == []
    assert opened.page.evaluate("map_0.webmapShown.map((l) => l.data.length)")[:3] == [
        4, int((many["households"] + many["workplaces"] > 0).sum()), edges,
    ]  # fmt: skip


def test_is_a_folium_map_for_a_notebook(tmp_path: Path) -> None:
    page = everything()
    page.save(io.BytesIO())
    page.save(str(tmp_path / "map.html"))
    assert (tmp_path / "map.html").read_bytes() == page.get_root().render().encode()
    assert isinstance(page, folium.Map)
    assert "<iframe" in page._repr_html_()
    assert page.get_root().render().count("<html") == 1


def test_online_only_when_asked(show: Callable[..., Opened]) -> None:
    page = everything(background="online")
    assert find_resources(page.get_root().render()) == [webmap.OSM_TILES]
    opened = show(page)
    label = "OpenStreetMap (kräver internet)"
    assert not opened.page.get_by_label(label).is_checked()
    assert not [url for url in opened.asked if url.startswith("http")]
    opened.check(label)
    opened.page.wait_for_timeout(200)
    tiles = [url for url in opened.asked if url.startswith("http")]
    assert tiles
    assert all(url.startswith(webmap.OSM_HOST) for url in tiles)


# ---- the tools below the map ----------------------------------------------------------


def unpack(text: str) -> list[int]:
    numbers, value, shift = [], 0, 0
    for byte in base64.b64decode(text):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    return numbers


@given(st.lists(st.integers(0, 2**32 - 1)))
def test_packed_numbers_read_back(values: list[int]) -> None:
    assert unpack(pack_numbers(values)) == values


@pytest.mark.parametrize("value", [-1, 2**32])
def test_numbers_that_do_not_fit_are_refused(value: int) -> None:
    with pytest.raises(BadValueError):
        pack_numbers([value])


def test_the_browser_unpacks_what_was_packed(show: Callable[..., Opened]) -> None:
    hole = shapely.Polygon(
        [(20.5, 67.1), (21.5, 67.1), (21.5, 67.6), (20.5, 67.6)],
        [[(20.8, 67.2), (20.9, 67.2), (20.9, 67.3)]],
    )
    island = shapely.box(-0.5, -0.5, 0.5, 0.5)
    shapes = [hole, None, shapely.MultiPolygon([island, shapely.box(2, 2, 3, 3)])]
    packed = pack(shapes, "EPSG:4326", {"name": ["a", None, "ö & <b>"]})
    page = WebMap("x", bounds=(-1, -1, 22, 68))
    page.add_child(packed)
    page.add_child(ShapeLayer(packed, "x", [Style(fill="#123456")]))
    opened = show(page)
    data = opened.page.evaluate(
        """() => ({ends: [[...features_1.partEnd], [...features_1.featureEnd]],
            x: [...features_1.x], y: [...features_1.y],
            names: [0, 1, 2].map((i) => features_1.text("name", i))})"""
    )
    assert data["ends"] == [[4, 7, 11, 15], [2, 2, 4]]
    assert data["names"] == ["a", None, "ö & <b>"]
    half = 20037508.342789244
    lon, lat = transform_points(
        (np.array(data["x"]) - 128) * half / 128, (128 - np.array(data["y"])) * half / 128,
        "EPSG:3857", "EPSG:4326",
    )  # fmt: skip
    rings = shapely.get_rings(shapely.get_parts([hole, *shapes[2].geoms]))
    expected = np.vstack([shapely.get_coordinates(ring)[:-1] for ring in rings])
    assert np.abs(np.column_stack([lon, lat]) - expected).max() < 1e-5
    hit = "([x, y]) => shape_layer_2.hit(map_0.project([y, x], 0), 0, 1e6)"
    assert opened.page.evaluate(hit, [20.6, 67.15]) == 0
    assert opened.page.evaluate(hit, [20.88, 67.22]) == -1  # in the hole
    assert opened.page.evaluate(hit, [2.5, 2.5]) == 2
    for place, colour in (((20.6, 67.15), "#123456"), ((20.88, 67.22), "")):
        x, y = transform_points([place[0]], [place[1]], "EPSG:4326", CRS)
        at = (float(x[0]) - EAST, float(y[0]) - NORTH)
        opened.zoom_to(*at, 11)
        assert opened.colour(*at) == colour


def test_wrong_geometry_columns_and_classes_are_refused() -> None:
    point, line = shapely.Point(1, 1), shapely.LineString([(0, 0), (1, 1)])
    with pytest.raises(GeometryError, match="cannot be packed together"):
        pack([point, line], CRS)
    with pytest.raises(BadValueError, match="column name has 1 values for 2 features"):
        pack([point, point], CRS, {"name": ["a"]})
    features = pack(([1.0], [1.0]), CRS)
    with pytest.raises(BadValueError, match="must be 0 to 0, or -1 for none; found 1 to 1"):
        ShapeLayer(features, "layer", [Style()], [1])
    with pytest.raises(BadValueError, match="2 class numbers for 1 features"):
        ShapeLayer(features, "layer", [Style()], [0, 0])


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://a.se/x.js"></script>', ["https://a.se/x.js"]),
        ("<script src='//a.se/x.js'></script>", ["//a.se/x.js"]),
        ('<script src="x.js"></script>', ["x.js"]),
        ('<link rel=stylesheet href="http://a.se/x.css">', ["http://a.se/x.css"]),
        ('<img srcset="https://a.se/1.png 2x">', ["https://a.se/1.png 2x"]),
        ('<div style="background: url(http://a.se/1.png)">', ["http://a.se/1.png"]),
        ("<style>a { background: url('https://a.se/1.png') }</style>", ["https://a.se/1.png"]),
        ('<style>@import "https://a.se/x.css";</style>', ["https://a.se/x.css"]),
        ("<script>import('https://a.se/x.js')</script>", ["https://a.se/x.js"]),
        ("<script>fetch(`https://a.se/x`)</script>", ["https://a.se/x"]),
        ('<script>L.tileLayer("https://a.se/{z}")</script>', ["https://a.se/{z}"]),
        ('<script>i.src = "//a.se/x"</script>', ["//a.se/x"]),
        ('<a href="https://a.se">a</a> https://b.se', []),
        ('<link rel="icon" href="data:,"><a href="#top">x</a>', []),
        ('<script>s = "http://www.w3.org/2000/svg"; // https://a.se\n</script>', []),
        ("<style>a { background: url(data:image/gif;base64,R0) }</style>", []),
        (f"<script>x = {script_json('src=https://a.se url(//b.se)')}</script>", []),
    ],
)
def test_what_a_page_would_load_is_found(html: str, found: list[str]) -> None:
    assert find_resources(html) == found


def test_a_page_that_needs_the_network_is_not_saved(tmp_path: Path) -> None:
    page = WebMap("x", bounds=(17, 65, 24, 69))
    page.add_child(folium.plugins.Fullscreen())
    with pytest.raises(OnlineResourceError, match=r"map\.html: it loads 2 resources"):
        page.save(str(tmp_path / "map.html"))
    assert not (tmp_path / "map.html").exists()
    with pytest.raises(OnlineResourceError):
        assert_offline(folium.Map(tiles=None).get_root().render())


def test_leaflet_is_vendored_with_its_licence() -> None:
    vendor = webmap.files("bredband_gis").joinpath("vendor")
    version = re.search(
        r"Leaflet ([\d.]+),", vendor.joinpath("leaflet/leaflet.js").read_text("utf-8")
    )
    assert version
    assert f"| {version[1]} |" in vendor.joinpath("README.md").read_text("utf-8")
    assert "Copyright (c) 2010-2023" in vendor.joinpath("leaflet/LICENSE").read_text("utf-8")
    html = WebMap("x", bounds=(17, 65, 24, 69)).get_root().render()
    assert f"Leaflet {version[1]}" in html
    assert "sourceMappingURL" not in html


def test_shares_on_an_edge_belong_to_the_upper_class() -> None:
    assert list(np.searchsorted(SHARE_EDGES, SHARE_EDGES, "right")) == [1, 2, 3, 4, 5]
