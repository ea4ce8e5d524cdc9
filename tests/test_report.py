"""The report: its numbers, what it may show, that it is a sound page, and its print."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import stat
import tomllib
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import sound_region
from bredband import report_charts, report_terminal
from bredband.cli import main
from bredband.pipeline import run
from bredband.region import Region
from bredband.report import (
    READS,
    find_browser,
    report_html,
    summary,
    write_pdf,
    write_report,
)
from bredband.report_blocks import Material, by_name, report_words, signed, spanned
from bredband.stored import read_manifest, read_tables
from bredband_gis.errors import GeodataError
from bredband_gis.webmap import find_resources
from click.testing import CliRunner
from shapely.geometry import box

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opened import Opened

Tables = dict[str, pd.DataFrame]

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }} $x^2$ \"'&"


def plain(text: str) -> str:
    """Give text with ordinary spaces and minus signs."""
    return (
        text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-").replace("\n", " ")
    )


# --- pages read back ----------------------------------------------------------------------


class Page(HTMLParser):
    """A page's tables by caption, its ids and links, and tags that do not close each other."""

    VOID = ("meta", "br", "img", "link", "input", "hr", "path", "use", "rect")

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, list[list[str]]] = {}
        self.ids: list[str] = []
        self.links: list[str] = []
        self.heads: list[int] = []
        self.wrong: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self._caption = ""
        self._rows: list[list[str]] = []
        self.feed(page)
        self.close()
        self.wrong += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if len(known) != len(attrs):
            self.wrong.append(f"{tag} has an attribute twice")
        self.ids += [str(known["id"])] if "id" in known else []
        self.links += [str(known["href"])] if tag == "a" else []
        if re.fullmatch("h[1-6]", tag):
            self.heads.append(int(tag[1]))
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [str(value) for key, value in attrs if key == "id"]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self._open or self._open.pop() != tag:
            self.wrong.append(f"</{tag}>")
        if tag == "table":
            self.tables[plain(self._caption)] = [
                [plain(cell).strip() for cell in row] for row in self._rows
            ]

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if "caption" in self._open:
            self._caption += data
        elif {"td", "th"} & set(self._open):
            self._rows[-1][-1] += data

    def table(self, begins: str) -> list[list[str]]:
        found = [rows for caption, rows in self.tables.items() if caption.startswith(begins)]
        assert len(found) == 1, (begins, list(self.tables))
        return found[0]

    def row(self, begins: str, name: str) -> list[str]:
        return next(row for row in self.table(begins) if row and row[0] == name)


# --- a result ---------------------------------------------------------------------------------


def _settings(content: dict[str, Any]) -> None:
    content["priority"] = {
        "budget_sek": 2e6,
        "nested_sek": [1e6, 4e6],
        "years_sek": [1.5e6, 3e6],
        "draws": 20,
        "criteria": [
            {"name": "households", "weight": 1.0},
            {"name": "support_per_household", "weight": 3.0},
        ],
    }


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the results of the small region, two areas of 4 households and of 1."""
    folder = sound_region.write(tmp_path_factory.mktemp("report") / "in")
    sound_region.write_settings(folder, _settings)
    run(Region.read(folder), folder.parent / "out")
    return folder.parent / "out"


@pytest.fixture(scope="module")
def manifest(out: Path) -> dict[str, Any]:
    return read_manifest(out)


@pytest.fixture(scope="module")
def tables(out: Path) -> Tables:
    return read_tables(out, READS)


@pytest.fixture(scope="module")
def text(tables: Tables, manifest: dict[str, Any]) -> str:
    return report_html(tables, manifest)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def internal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(dict(manifest))
    made["settings"]["publication"]["detail"] = "internal"
    return made


# --- the page ----------------------------------------------------------------------------


def test_the_page_is_whole_and_loads_nothing(text: str, page: Page) -> None:
    assert find_resources(text) == []
    assert page.wrong == []
    assert len(page.ids) == len(set(page.ids))
    assert all(link[0] == "#" and link[1:] in page.ids for link in page.links)
    assert page.heads[0] == 1
    assert page.heads.count(1) == 1
    steps = np.diff(page.heads)
    assert steps.max() <= 1, "a level of headings is left out"
    assert "http" not in text.replace("http://www.w3.org", "")


def test_the_same_result_gives_the_same_page(
    tables: Tables, manifest: dict[str, Any], text: str
) -> None:
    assert report_html(tables, json.loads(json.dumps(manifest))) == text


def test_svg_is_named_and_its_parts_refer_to_parts_that_are_there(text: str) -> None:
    drawn = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawn) >= 5
    for one in drawn:
        root = ElementTree.fromstring(one)
        ids = {element.get("id") for element in root.iter()} - {None}
        labels = root.get("aria-labelledby", "").split()
        assert len(labels) == 2
        assert set(labels) <= ids
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', one)
        assert {part for pair in used for part in pair if part} <= ids
        assert [child.tag for child in root][:2] == ["title", "desc"]
        assert all(child.text for child in list(root)[:2])
        assert "<style" not in one
        assert "font-family" not in one


# --- numbers ------------------------------------------------------------------------------


def test_three_sentences_from_the_numbers(tables: Tables, manifest: dict[str, Any]) -> None:
    told = [plain(one) for one in summary(Material(tables, manifest, report_words("sv")))]
    assert len(told) == 3
    assert told[0] == (
        "I Småland i miniatyr var 22,2 % av hushållen anslutna till trådbundet bredband med minst"
        " 100 Mbit/s år 2024 (4 av 18), och 33,3 % när fiber i absolut närhet räknas med; högst"
        " ligger Väst med 40,0 % och lägst Öst med 0,0 % anslutna."
    )
    assert re.fullmatch(
        r"5 hushåll saknar både tillgång och trovärdig plan: att nå de 5 som går att nå längs väg"
        r" tar 17,0 km ny grävning och kostar 4,0 mkr \(\d,\d–\d,\d mkr\), varav 3,8 mkr"
        r" \(\d,\d–\d,\d mkr\) behöver täckas av stöd\.",
        told[1],
    )
    # 13 of 18 are served or planned; the budget pays for the area of 4.
    assert told[2].startswith(
        "Med 2,0 mkr i stöd nås 4 hushåll i 1 område, och andelen med tillgång eller plan går från"
        " 72,2 % till 94,4 %; för 99,9 % behövs 3,8 mkr i stöd."
    )


def test_the_country_is_told_with_its_side(tables: Tables, manifest: dict[str, Any]) -> None:
    for share, told in (
        (0.30, ", 7,8 procentenheter under riket"),
        (0.20, ", 2,2 procentenheter över riket"),
        (4 / 18, ", lika mycket som i riket"),
    ):
        standing = tables["standing"].copy()
        same = (standing["measure"] == "connected") & (standing["speed_mbit"] == 100)
        same &= standing["base"] == "households"
        standing.loc[same, "country_share"] = share
        standing.loc[same, "country_source"] = "PTS, mapping of 1 October 2024"
        made = Material({**tables, "standing": standing}, manifest, report_words("sv"))
        assert told in plain(summary(made)[0])
    page = plain(report_html({"coverage": tables["coverage"], "standing": standing}, manifest))
    assert "Riket: 22,2 % (PTS kartläggning 1 oktober 2024)" in page


def test_without_a_budget_the_goal_is_told(tables: Tables, manifest: dict[str, Any]) -> None:
    left = {name: table for name, table in tables.items() if name != "choice_summary"}
    w = report_words("sv")
    assert plain(summary(Material(left, manifest, w))[2]) == (
        "Andelen hushåll med tillgång eller plan är 72,2 % och kan med allt som nås bli 100,0 %;"
        " att nå 99,9 % kostar 4,0 mkr, varav 3,8 mkr i stöd."
    )
    goals = tables["goal_cost"].assign(reachable=False, share_possible=0.9)
    told = summary(Material({**left, "goal_cost": goals}, manifest, w))[2]
    assert plain(told).endswith("bli 90,0 %; 95 % nås inte längs väg.")


def test_with_nobody_left_nothing_is_costed(tables: Tables, manifest: dict[str, Any]) -> None:
    cost = tables["cost"].assign(unserved_households=0, reached_households=0, trench_m=0.0)
    told = summary(Material({**tables, "cost": cost}, manifest, report_words("sv")))
    assert told[1].startswith("Inga hushåll saknar")


def test_state_per_municipality(page: Page) -> None:
    begins = "Hushåll med minst 100 Mbit/s"
    heads = page.table(begins)[0]
    west = dict(zip(heads, page.row(begins, "Väst"), strict=True))
    assert west["Hushåll"] == "10"
    assert west["Anslutna 100 Mbit/s"] == "40,0 %"
    assert west["… el. i närhet 100 Mbit/s"] == "60,0 %"
    assert west["Saknar"] == "4"
    assert west["Plats i länet"] == "1 av 2"
    assert west["Mot länet, p.e."] == "+17,8"
    east = dict(zip(heads, page.row(begins, "Öst"), strict=True))
    assert east["… el. planerade 100 Mbit/s"] == "87,5 %"
    assert east["Mot länet, p.e."] == "-22,2"
    whole = dict(zip(heads, page.row(begins, "Småland i miniatyr"), strict=True))
    assert (whole["Hushåll"], whole["Saknar"], whole["Plats i länet"]) == ("18", "5", "–")
    names = [row[0] for row in page.table(begins)[1:]]
    assert names == ["Väst", "Öst", "Småland i miniatyr"]


def test_goals(page: Page, tables: Tables) -> None:
    goals = tables["goals"]
    region = goals[(goals["area_kind"] == "region") & (goals["base"] == "households")]
    assert len(region) > 3
    for row in region.to_dict("records"):
        told = page.row("Målen i", row["goal"])
        missing = "nått" if row["reached"] else str(row["missing"])
        assert told[4] == missing
    by = page.table("Hushåll som fattas")
    west = dict(zip(by[0], next(row for row in by if row[0] == "Väst"), strict=True))
    mine = goals[(goals["area_code"] == "2501") & (goals["base"] == "households")]
    for row in mine.to_dict("records"):
        assert west[plain(row["goal"])] == ("nått" if row["reached"] else str(row["missing"]))


def test_kinds_of_place(page: Page, tables: Tables) -> None:
    rows = tables["coverage"]
    rows = rows[(rows["area_code"] == "2501") & (rows["base"] == "households")
                & (rows["measure"] == "connected") & (rows["speed_mbit"] == 100)]  # fmt: skip
    share = rows.set_index("segment")["share"]
    rows = page.table("Anslutna hushåll efter ortsklass")
    assert rows[0][1:4] == ["Tätort", "Utanför tätort och småort", "Totalt"]
    w = report_words("sv")
    told = page.row("Anslutna hushåll efter ortsklass", "Väst")
    assert told[1:4] == [plain(w.percent(share[one])) for one in ("tätort", "utanför", "total")]
    assert told[1] == "66,7 %"
    # Nobody lives in a locality in the eastern one: that is no 0 %.
    assert page.row("Anslutna hushåll efter ortsklass", "Öst")[1:] == [
        "–", "0,0 %", "0,0 %", "0,0 %", "8",
    ]  # fmt: skip


def test_cost_with_interval_and_who_pays(page: Page, tables: Tables) -> None:
    told = page.row("Vad det kostar att nå de hushåll", "Väst")
    assert told[:5] == ["Väst", "4", "0", "7,0 km", "1,5 mkr"]
    intervals = tables["intervals"].set_index(["area_code", "measure"])
    w = report_words("sv")
    for at, measure in ((5, "capex"), (7, "support")):
        one = intervals.loc[("2501", measure)]
        assert told[at] == plain(spanned(w, one["p10_sek"], one["p90_sek"]))
    assert page.row("Vem som betalar", "Väst")[1:] == [
        "4", "1,5 mkr", "80 000 kr", "40 000 kr", "1,3 mkr", "336 400 kr",
    ]  # fmt: skip
    assert page.row("Vem som betalar", "Småland i miniatyr")[5] == "3,8 mkr"


def test_how_near_the_cheapest_the_network_is(tables: Tables, manifest: dict[str, Any]) -> None:
    for above, told in (
        (1e-15, "Inget billigare nät finns"),
        (0.012, "Nätet är högst 1,20 % dyrare"),
        (None, ""),
    ):
        made = {**manifest, "network": {"at_most_above_cheapest": above}}
        said = plain(report_html({"cost": tables["cost"]}, made))
        assert told in said
        assert ("bevisat" in said[: said.index("Vem som betalar")]) == bool(told)


def test_what_each_goal_costs(page: Page, tables: Tables) -> None:
    # 17.1 of 18 are needed for 95 %: all five; 98 and 99.9 % likewise.
    for goal in ("95 %", "98 %", "99,9 %"):
        row = page.row("Vad det kostar att nå varje andel, Småland", goal)
        assert row[1:3] == ["5", "4,0 mkr"]
    rows = tables["goal_cost"].query("area_code == '2502' and goal == '95 %'").iloc[0]
    told = page.row("Vad det kostar att nå varje andel, per kommun", "Öst")
    assert told[1] == plain(report_words("sv").money(rows["capex_sek"]))


def test_the_last_step_of_the_curve_is_all_that_is_reached(page: Page) -> None:
    last = page.row("Var kurvan blir brant", "utan gräns")
    assert last[1:4] == ["5", "100,0 %", "4,0 mkr"]
    assert last[5] == "0"
    rows = page.table("Var kurvan blir brant")[1:-1]
    counts = [int(row[1]) for row in rows]
    assert counts == sorted(counts)
    assert all(int(row[1]) + int(row[5]) == 5 for row in rows)


def test_fair_shares_and_last_resort(page: Page, tables: Tables) -> None:
    w = report_words("sv")
    row = tables["share_summary"].query("area_code == '2501'").iloc[0]
    told = page.row("Rättvis andel per hushåll", "Väst")
    assert told[1:] == [
        str(row["households"]),
        *(plain(w.money(row[x])) for x in ("mean_sek", "p50_sek", "p90_sek", "alone_p50_sek",
                                           "alone_p90_sek")),
    ]  # fmt: skip
    wireless = page.table("Fiber upp till en gräns")
    rows = tables["last_resort"].query("area_kind == 'region'")
    assert len(wireless) == len(rows) + 1
    first = rows.sort_values(["threshold_sek", "technology"]).iloc[0]
    assert wireless[1][2] == str(first["wired_households"])
    assert wireless[1][5] == str(first["wireless_households"])
    assert wireless[1][9] == "U"


def test_tornado_is_sorted_by_swing(page: Page, tables: Tables) -> None:
    rows = tables["tornado"].query("area_kind == 'region' and measure == 'support'")
    widest = rows.sort_values("swing_sek").iloc[-1]
    told = page.table("Stödbehovet när en faktor")[1]
    assert told[3] == plain(report_words("sv").money(widest["swing_sek"]))
    assert told[1] == plain(report_words("sv").money(widest["low_sek"]))


def test_what_budgets_buy(page: Page) -> None:
    rows = page.table("Vad en budget räcker till")
    assert rows[1][:3] == ["1,0 mkr", "0", "0"]
    assert rows[1][5] == "72,2 %"
    assert rows[2][:4] == ["4,0 mkr", "2", "5", "3,8 mkr"]
    assert rows[2][5] == "100,0 %"
    years = page.table("Byggordning över år")
    assert [row[0] for row in years[1:]] == ["År 1", "År 2"]
    assert years[2][5] == "5"
    chosen = page.row("Områden som väljs", "Småland i miniatyr")
    assert chosen[1:] == ["2", "1", "4", "1,3 mkr", "1"]
    assert page.row("Områden som väljs", "Öst")[2:4] == ["0", "0"]


def test_criteria_and_their_weights(page: Page) -> None:
    rows = page.table("Kriterierna")
    weights = {row[0]: row[1] for row in rows[1:] if row[0]}
    assert weights == {"Hushåll som saknar bredband": "25 %", "Stöd per hushåll": "75 %"}


def test_how_sure_the_order_is(page: Page, tables: Tables) -> None:
    rows = page.table("Hur ofta områdena väljs")[1:]
    share = tables["robustness"]["chosen_share"]
    counted = [(share >= 0.95).sum(), ((share >= 0.5) & (share < 0.95)).sum(),
               ((share >= 0.05) & (share < 0.5)).sum(), (share < 0.05).sum()]  # fmt: skip
    assert [int(row[1]) for row in rows] == counted
    assert sum(int(row[2]) for row in rows) == 5


@pytest.mark.parametrize(
    ("shares", "counts"),
    [([0.95, 0.94], [1, 1, 0, 0]), ([0.5, 0.49], [0, 1, 1, 0]), ([0.05, 0.04], [0, 0, 1, 1])],
)
def test_each_area_is_in_the_band_that_its_draws_say(
    shares: list[float], counts: list[int], tables: Tables, manifest: dict[str, Any]
) -> None:
    made = {
        "priority_areas": tables["priority_areas"],
        "robustness": tables["robustness"].assign(chosen_share=shares),
    }
    rows = Page(report_html(made, manifest)).table("Hur ofta områdena väljs")[1:]
    assert [int(row[1]) for row in rows] == counts


def test_pts(page: Page, tables: Tables) -> None:
    counts = tables["pts_exclusion_counts"]
    open_ = counts[counts["reason"] == "eligible"]
    whole = page.row("Byggnader som stöd kan sökas", "Småland i miniatyr")
    assert whole[1:4] == [str(open_[x].sum()) for x in
                          ("first_buildings", "base_buildings", "households")]  # fmt: skip
    assert sum(map(int, (whole[1], *whole[4:]))) == counts["first_buildings"].sum()
    colours = page.row("Hushåll efter antal", "Väst")
    aid = tables["state_aid"]
    aid = aid[(aid["area_code"] == "2501") & (aid["base"] == "households")
              & (aid["segment"] == "total")].iloc[0]  # fmt: skip
    assert colours[1:4] == [str(aid[x]) for x in ("white", "grey", "black")]


def test_prices_that_count_are_listed_with_mark_and_those_unsourced_named(page: Page) -> None:
    rows = {row[0]: row for row in page.table("Priser som räknas")[1:]}
    assert rows["Schakt: vägkant"][1:5] == ["250 kr/m", "150–350", "–", "U"]
    assert rows["Servis, per meter"][4] == "F"
    assert "Schakt: asfalt" not in rows, "no asphalt is dug"
    assert rows["Anslutningsgrad: totalt"][1] == "100 %"
    assert "ingen publicerad källa; inom det spann" in rows["Schakt: vägkant"][5]
    said = plain(page.text)
    assert "Utan publicerad källa: schakt: vägkant" in said


def test_sources_and_findings_are_told(page: Page, manifest: dict[str, Any]) -> None:
    rows = page.table("Källor")
    assert len([row for row in rows[1:] if row[0]]) == len(manifest["inputs"])
    assert any(str(manifest["inputs"][0]["sha256"])[:16] in cell for row in rows for cell in row)
    made = copy.deepcopy(manifest)
    made["findings"] = [
        {"rule": "a", "severity": "info", "layer": "roads", "rows": 3, "message": "later"},
        {"rule": "b", "severity": "error", "layer": "fibre", "rows": 2,
         "message": "premises have no row in the coverage table: not connected"},
    ]  # fmt: skip
    made["set_aside"] = {"ligger utanför": 7, "dubblett": 9}
    told = Page(report_html({}, made))
    listed = told.table("Anmärkningar på underlaget")[1:]
    assert listed == [
        ["fel", "Fiber", "2", "Byggnader utan rad i täckningen räknas som inte anslutna"],
        ["upplysning", "Vägar", "3", "Later"],
    ]
    assert told.table("Rader som inte används")[1:] == [["Dubblett", "9"], ["Ligger utanför", "7"]]


def test_synthetic_data_are_told_at_the_top(tables: Tables, manifest: dict[str, Any]) -> None:
    made = copy.deepcopy(manifest)
    made["inputs"][0]["provenance"] = "synthetic"
    made["inputs"][1]["provenance"] = "derived"
    text = report_html({}, made)
    top = plain(text[: text.index("<main")])
    assert "Syntetiska data: kommungränser är påhittade." in top
    assert "De minst säkra av dem är syntetiska data" in top
    assert "Härledda lager" in plain(text)
    sound = plain(report_html({}, manifest))
    assert 'class="warning"' not in sound
    assert "Alla lager är verkliga uppgifter" in sound


# --- what may be shown ---------------------------------------------------------------------


def test_few_households_are_hidden_where_public(
    tables: Tables, manifest: dict[str, Any], page: Page
) -> None:
    rows = page.table("De första områdena")
    first, told, second, hidden = rows[1:5]
    assert first[:6] == ["1", "Tvåan NO", "Väst", "4", "1,5 mkr", "1,3 mkr"]
    assert "Plats 1 av 2" in told[1]
    assert second[:7] == ["2", "Tvåan O", "Öst", "färre än 3", "–", "–", "–"]
    assert "färre än 3" in hidden[1]
    assert "Hänger på" not in hidden[1]
    assert "Grupper med färre än 3 hushåll" in page.text
    areas = {name: tables[name] for name in ("priority_areas", "robustness")}
    shown = Page(report_html(areas, internal(manifest)))
    rows = shown.table("De första områdena")
    assert rows[3][:6] == ["2", "Tvåan O", "Öst", "1", "2,5 mkr", "2,5 mkr"]
    assert "Hänger på grävningen i Tvåan NO" in rows[4][1]
    assert "Internt underlag" in shown.text


def test_areas_that_need_no_support_are_summed_not_listed(
    tables: Tables, manifest: dict[str, Any]
) -> None:
    areas = tables["priority_areas"].copy()
    areas.loc[areas["rank"] == 1, "gap_sek"] = -5000.0
    page = Page(report_html({"priority_areas": areas}, manifest))
    assert "1 område med 4 hushåll behöver inget stöd" in plain(page.text)
    assert [row[0] for row in page.table("De första områdena")[1:] if row[0]] == ["2"]


def test_no_more_areas_than_thirty_are_told_in_full(
    tables: Tables, manifest: dict[str, Any]
) -> None:
    one = tables["priority_areas"].iloc[[0]]
    many: Any = pd.concat(
        [one.assign(area_id=f"2501-{n}", rank=n) for n in range(40, 0, -1)], ignore_index=True
    )
    page = Page(report_html({"priority_areas": many}, manifest))
    ranks = [int(row[0]) for row in page.table("De första områdena")[1:] if row[0]]
    assert ranks == list(range(1, 31))
    assert "De 30 första områdena" in plain(page.text)
    assert "Alla 40 områden" in plain(page.text)


# --- what may be missing --------------------------------------------------------------------


@pytest.mark.parametrize(
    "gone", [*(set(READS[at::5]) for at in range(5)), {"coverage"}, {"cost"}, {"standing"}]
)
def test_any_table_may_be_absent(gone: set[str], tables: Tables, manifest: dict[str, Any]) -> None:
    left = {key: table for key, table in tables.items() if key not in gone}
    page = Page(report_html(left, manifest))
    assert page.wrong == []
    for name in gone & {"coverage", "cost", "priority_areas", "goals", "cost_curve", "tornado"}:
        if name in ("coverage", "cost", "priority_areas") or not gone & {"coverage", "cost"}:
            assert f"resultatet har ingen tabell {name}." in page.text


def test_a_report_of_nothing_says_what_it_lacks(manifest: dict[str, Any]) -> None:
    page = Page(report_html({}, manifest))
    for name in ("coverage", "cost", "priority_areas", "pts_exclusion_counts"):
        assert f"resultatet har ingen tabell {name}." in page.text
    assert "Definitioner" in page.text
    assert Page(report_html({}, {})).wrong == []


def test_tables_without_rows_are_as_absent(tables: Tables, manifest: dict[str, Any]) -> None:
    empty = {name: table.iloc[:0] for name, table in tables.items()}
    assert "resultatet har ingen tabell coverage." in report_html(empty, manifest)


def test_a_region_of_one_municipality(tables: Tables, manifest: dict[str, Any]) -> None:
    one: Tables = {}
    for name, table in tables.items():
        code = next((x for x in ("area_code", "municipality_code") if x in table), None)
        one[name] = table if code is None else table[table[code] != "2502"]
    page = Page(report_html(one, manifest))
    assert page.wrong == []
    assert "lägst" not in plain(page.text[: page.text.index("Kommunerna")])


# --- text stays text --------------------------------------------------------------------------


def _spoil(value: Any) -> Any:
    """Put markup into every text that says something."""
    if isinstance(value, dict):
        keep = {"detail", "language", "provenance", "severity", "scope", "unit", "mark", "crs",
                "name", "layer", "range_mark"}  # fmt: skip
        return {key: one if key in keep else _spoil(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_spoil(one) for one in value]
    return f"{value}{EVIL}" if isinstance(value, str) else value


@pytest.fixture(scope="module")
def nasty(tables: Tables, manifest: dict[str, Any]) -> str:
    """A report of which every free text holds markup."""
    free = ("area_name", "municipality_name", "name", "municipality", "motivation", "goal",
            "source", "method_text", "reason_text", "country_source", "operator",
            "value")  # fmt: skip
    made = {}
    for name, table in tables.items():
        wanted = [one for one in free if one in table and table[one].dtype == "str"
                  and not (name == "goal_cost" and one == "goal")]  # fmt: skip
        made[name] = table.assign(**{one: table[one] + EVIL for one in wanted})
    spoilt = copy.deepcopy(manifest)
    for key in ("inputs", "findings", "versions", "region"):
        spoilt[key] = _spoil(spoilt[key])
    spoilt["set_aside"] = {EVIL: 3}
    for goal in spoilt["settings"]["goals"]:
        goal["source"] = EVIL
    for price in spoilt["settings"]["prices"]["trench"].values():
        price["source"] = EVIL
    made["change"] = _change(tables)
    made["change_warnings"] = pd.DataFrame(
        {"severity": ["warning"], "message": [EVIL], "fix": [EVIL]}
    )
    return report_html(made, internal(spoilt))


def _change(tables: Tables) -> pd.DataFrame:
    rows = tables["coverage"]
    rows = rows[rows["segment"] == "total"]
    keys = ["area_kind", "area_code", "area_name", "segment", "base", "measure", "speed_mbit"]
    return rows[keys].assign(
        area_name=rows["area_name"] + EVIL, year_before=2020, year_after=2024,
        share_before=0.25, share_after=0.5, points=25.0, gained=9, lost=3,
        points_same=20.0, points_recounted=4.0, points_new_gone=1.0,
    )  # fmt: skip


def test_markup_in_the_data_stays_text(nasty: str) -> None:
    assert "<script" not in nasty
    assert "<img" not in nasty
    assert nasty.count("&lt;script&gt;alert(1)") > 60
    assert "{{ 7 * 7 }}" in nasty
    assert " 49 " not in nasty
    assert Page(nasty).wrong == []
    assert find_resources(nasty) == []


def test_markup_runs_nothing_in_a_browser(nasty: str, show: Callable[..., Opened]) -> None:
    opened = show(nasty)
    assert opened.dialogs == []
    assert opened.page.evaluate("document.querySelectorAll('script, img').length") == 0
    assert opened.said == []


def test_change_is_told(tables: Tables, manifest: dict[str, Any]) -> None:
    change = _change(tables)
    warned = pd.DataFrame({"severity": ["warning"], "message": ["Andra tal."], "fix": ["Se upp."]})
    page = Page(report_html({"change": change, "change_warnings": warned}, manifest))
    said = plain(page.text)
    assert "från 25,0 % till 50,0 %, +25,0 procentenheter; 9 hushåll har fått" in said
    assert "varning: Andra tal. Se upp." in said
    rows = page.table("Anslutna, minst 100 Mbit/s: 2020 och 2024")
    assert rows[1][1:] == ["25,0 %", "50,0 %", "+25,0", "+20,0", "+4,0", "+1,0"]


# --- languages -------------------------------------------------------------------------------


def test_the_languages_have_the_same_words_and_places_to_fill() -> None:
    folder = files("bredband.text")
    sv, en = (
        tomllib.loads(folder.joinpath(f"report_{x}.toml").read_text("utf-8")) for x in ("sv", "en")
    )
    assert {name: list(part) for name, part in sv.items()} == {
        name: list(part) for name, part in en.items()
    }
    for name, part in sv.items():
        for key, value in part.items():
            assert sorted(re.findall(r"{\w+}", value)) == sorted(
                re.findall(r"{\w+}", en[name][key])
            ), f"{name}.{key}"


def test_english_on_request(tables: Tables, manifest: dict[str, Any]) -> None:
    text = report_html(tables, manifest, language="en")
    page = Page(text)
    assert '<html lang="en">' in text
    assert page.row("Who pays", "Väst")[2] == "SEK 1.5 million"
    assert "5 households have neither access" in plain(page.text)
    swedish = re.findall(
        r"\b(hushållen|kommunerna|byggnader i|kostar|andelen|ansluten)\b", page.text
    )
    assert swedish == []


# --- files -----------------------------------------------------------------------------------


def test_a_report_is_written_whole_or_not_at_all(
    tables: Tables, manifest: dict[str, Any], text: str, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "rapport.html"
    write_report(tables, manifest, path)
    assert path.read_text(encoding="utf-8") == text
    bad = {"cost": tables["cost"].drop(columns="capex_sek")}
    with pytest.raises(KeyError):
        write_report(bad, manifest, path)
    assert path.read_text(encoding="utf-8") == text
    assert [one.name for one in path.parent.iterdir()] == ["rapport.html"]
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(GeodataError, match="cannot be written"):
        write_report({}, manifest, tmp_path / "file" / "r.html")


def test_without_a_browser_pdf_says_so(
    monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path
) -> None:
    page = tmp_path / "r.html"
    page.write_text(text, encoding="utf-8")
    monkeypatch.setattr("bredband.report.find_browser", lambda: None)
    with pytest.raises(GeodataError, match="no browser") as raised:
        write_pdf(page, tmp_path / "r.pdf")
    assert "Edge" in raised.value.fix
    monkeypatch.undo()
    with pytest.raises(GeodataError, match="no such page"):
        write_pdf(tmp_path / "none.html", tmp_path / "r.pdf", browser="anything")


def test_the_browser_is_found_on_the_path_and_where_windows_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("bredband.report._APPS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() is None
    edge = tmp_path / "Microsoft" / "Edge" / "Application" / "msedge.exe"
    edge.parent.mkdir(parents=True)
    edge.write_text("", encoding="utf-8")
    monkeypatch.setenv("PROGRAMFILES(X86)", str(tmp_path))
    assert find_browser() == str(edge)


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for the browser")
@pytest.mark.parametrize(
    "does", ["exit 3", 'echo broken >&2; exit 0', 'for a; do f="${a#--print-to-pdf=}"; '
             '[ "$f" != "$a" ] && echo text > "$f"; done; exit 0']
)  # fmt: skip
def test_a_browser_that_fails_leaves_the_old_pdf(does: str, tmp_path: Path) -> None:
    program, page, pdf = tmp_path / "browser", tmp_path / "r.html", tmp_path / "r.pdf"
    program.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    page.write_text("<p>x", encoding="utf-8")
    pdf.write_bytes(b"%PDF-old")
    with pytest.raises(GeodataError, match="made no PDF"):
        write_pdf(page, pdf, browser=str(program))
    assert pdf.read_bytes() == b"%PDF-old"
    assert {one.name for one in tmp_path.iterdir()} == {"browser", "r.html", "r.pdf"}


@pytest.mark.skipif(find_browser() is None, reason="no browser is installed")
def test_the_report_prints_to_pdf(out: Path, tmp_path: Path) -> None:
    page, pdf = tmp_path / "rapport å.html", tmp_path / "rapport å.pdf"
    result = CliRunner().invoke(
        report_terminal.report, [str(out), "--out", str(page), "--pdf", str(pdf)]
    )
    assert result.exit_code == 0, result.output
    assert "rapport å.pdf" in result.output.replace("\n", "")
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    pages = re.findall(rb"/Type\s*/Page\b", content)
    assert len(pages) >= 8
    assert b"/Outlines" in content


def test_the_command(out: Path, tmp_path: Path, text: str) -> None:
    page = tmp_path / "r.html"
    result = CliRunner().invoke(report_terminal.report, [str(out), "--out", str(page)])
    assert result.exit_code == 0, result.output
    assert page.read_text(encoding="utf-8") == text
    assert "är skriven" in result.output
    quiet = CliRunner().invoke(
        report_terminal.report,
        [str(out), "--out", str(tmp_path / "c.html"), "--changed", str(out), "--lang", "en", "-q"],
    )
    assert quiet.output == ""
    changed = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "What has changed" in changed
    assert "0.0" in changed
    wrong = CliRunner().invoke(report_terminal.report, [str(tmp_path)])
    assert isinstance(wrong.exception, GeodataError)


def test_by_default_the_page_lands_beside_the_folder(out: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(out, tmp_path / "copy"))
    assert CliRunner().invoke(report_terminal.report, [str(folder), "-q"]).exit_code == 0
    public = (tmp_path / "copy-report.html").read_text(encoding="utf-8")
    done = CliRunner().invoke(report_terminal.report, [str(folder), "-q", "--internal"])
    assert done.exit_code == 0
    exact = (tmp_path / "copy-internal-report.html").read_text(encoding="utf-8")
    assert exact != public
    assert report_words("sv").report.internal in exact
    assert report_words("sv").report.internal not in public


def test_a_result_s_own_report_is_not_written_over(out: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(out, tmp_path / "copy"))
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"]["report.html"] = {"bytes": 0, "audience": "public"}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    asked = [str(folder), "--out", str(folder / "report.html"), "--internal"]
    done = CliRunner().invoke(main, ["report", *asked])
    assert done.exit_code == 1
    assert "report.html är resultatets egen" in " ".join(done.output.split())
    assert not (folder / "report.html").exists()


# --- in a browser ------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_can_be_read_by_everybody(
    width: int, text: str, show: Callable[..., Opened]
) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - only where it is used

    opened = show(text, width=width)
    wide = opened.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    found = Axe().run(opened.page).response["violations"]
    serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []
    assert opened.said == []
    assert opened.page.evaluate("location.hash = '#cost', document.activeElement !== null")


# --- parts --------------------------------------------------------------------------------------


def test_names_sort_as_swedish_does() -> None:
    names = pd.Series(["Övertorneå", "Älvsbyn", "Ånge", "Piteå", "arjeplog", "Boden"])
    assert names.sort_values(key=by_name).tolist() == [
        "arjeplog", "Boden", "Piteå", "Ånge", "Älvsbyn", "Övertorneå",
    ]  # fmt: skip


def test_intervals_and_differences_in_words() -> None:
    w = report_words("sv")
    assert plain(spanned(w, 703e6, 1085e6)) == "703–1 085 mkr"
    assert plain(spanned(w, 800_000, 1_200_000)) == "800 000 kr–1,2 mkr"
    assert plain(spanned(report_words("en"), 3.2e6, 5e6)) == "SEK 3.2–5.0 million"
    assert plain(spanned(report_words("en"), 100, 5e6)) == "SEK 100–5.0 million"
    assert plain(spanned(w, 139, 139, unit="number")) == "139"
    assert plain(spanned(w, 3, 12, unit="number")) == "3–12"
    assert spanned(w, None, 5.0) == "–"
    assert spanned(w, 5.0, np.nan) == "–"
    assert [plain(signed(w, one)) for one in (2.04, -2.0, 0.0, 0.04, -0.04, None, np.nan)] == [
        "+2,0", "-2,0", "0,0", "0,0", "0,0", "–", "–",
    ]  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def test_dots_stand_at_their_shares() -> None:
    series = {"x": [0.2, 0.6, np.nan], "y": [0.4, 1.0, np.nan]}
    drawn = report_charts.draw_dots(
        ["a", "$b^2$ <i>", "c"], series, percent=_percent,
        name="n", title="T<", description="D&",
    )  # fmt: skip
    root = ElementTree.fromstring(str(drawn))
    assert [root[0].text, root[1].text] == ["T<", "D&"]
    places: dict[str, list[float]] = {}
    for one in root.iter():
        if one.tag.endswith("use"):
            places.setdefault(str(one.get("href")), []).append(float(one.get("x", "nan")))
    # Each mark stands in the legend as well; what is missing is not drawn.
    marks = sorted((xs for xs in places.values() if len(xs) == 3), key=len)
    assert len(marks) == 2, places
    (a, b), (c, d) = (sorted(xs)[-2:] for xs in marks)
    assert (b - a, d - c) == pytest.approx((0.4 / 0.6 * (d - c), d - c), rel=1e-3)
    texts = {one.text for one in root.iter() if one.tag.endswith("text")}
    assert {"a", "$b^2$ <i>", "c", "x", "y"} <= texts


def test_drawings_of_nothing_do_not_fail() -> None:
    nothing = [np.nan, np.nan]
    made = report_charts.draw_dots(["a", "b"], {"x": nothing}, percent=_percent, name="a",
                                   title="t", description="d")  # fmt: skip
    assert made.startswith("<svg")
    flat = report_charts.draw_curve(
        {"x": ([0.0], [0.5])}, goals=[], thresholds=[], percent=_percent, number=str, label_x="x",
        label_y="y", label_points="p", name="b", title="t", description="d",
    )  # fmt: skip
    assert flat.startswith("<svg")


def test_a_thinned_curve_keeps_its_ends_and_its_shape() -> None:
    x = np.linspace(0, 1, 5000) ** 3
    y = np.sqrt(x)
    few_x, few_y = report_charts._thin(x, y)
    assert len(few_x) <= 240
    assert (few_x[0], few_x[-1], few_y[-1]) == (0.0, 1.0, 1.0)
    assert np.abs(np.interp(x, few_x, few_y) - y).max() < 0.01
    assert np.isin(few_x, x).all()
    same, _ = report_charts._thin(x[:100], y[:100])
    assert len(same) == 100


def test_the_map_is_coloured_by_class_and_says_each_share() -> None:
    from bredband.map_state import SHARE_EDGES  # noqa: PLC0415

    towns = gpd.GeoDataFrame(
        {"municipality_code": ["1", "2", "3"], "municipality_name": ["Storby", "<b>", "C"]},
        geometry=[box(0, 0, 9e4, 9e4), box(9e4, 0, 18e4, 9e4), box(0, 9e4, 9e4, 18e4)], crs=3006,
    )  # fmt: skip
    told = ["Storby: 99 %", "<b>: 10 %", "C: –"]
    drawn = report_charts.draw_map(towns, [0.99, 0.1, np.nan], told, SHARE_EDGES, name="m",
                                   title="t", description="d")  # fmt: skip
    root = ElementTree.fromstring(str(drawn))
    paths = [one for one in root.iter() if one.tag.endswith("path")]
    colours = report_charts.SHARE_COLOURS
    assert [one.get("fill") for one in paths] == [colours[-1], colours[0], "#c8c8c8"]
    assert [one[0].text for one in paths] == told
    assert paths[0].get("d") == "M0 340L170 340L170 170L0 170Z" or "Z" in str(paths[0].get("d"))
    assert len(report_charts.SHARE_COLOURS) == len(SHARE_EDGES) + 1


def test_shares_have_the_colours_of_the_map() -> None:
    from bredband import map_state  # noqa: PLC0415

    assert map_state.SHARE_COLOURS == report_charts.SHARE_COLOURS
