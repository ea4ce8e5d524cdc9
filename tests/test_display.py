"""What results look like in a notebook: numbers as one writes them, and nothing runs."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from html import unescape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import pandas as pd
import pytest
from bredband import Price, Prices, Region, compute, read_inputs, show_table, sketch_cost
from bredband.choice_areas import Chosen
from bredband.display import Shown, display_words, show
from languages import english_in
from shapely.geometry import Point

if TYPE_CHECKING:
    from pathlib import Path

    from bredband.results import Results

EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>&amp;'


def cells(html: str) -> list[list[str]]:
    """Give the rows of the first table in HTML, spaces as spaces."""
    table = re.search(r"<table>.*?</table>", html, re.DOTALL)
    assert table is not None
    return [
        [" ".join(unescape(cell).split()) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", table[0], re.DOTALL)
    ]


# --- a table ------------------------------------------------------------------------------


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "area_name": ["Älvsbyn", "Kiruna"],
            "households": [1234, 1],
            "share": [0.9996, math.nan],
            "connected": [0.55, 1.0],
            "gap_sek": [-1_234_567.0, 950.0],
            "trench_m": [12_345.6, 999.0],
            "speed_mbit": [100, 1000],
            "year": [2020, 2021],
            "county_points": [-3.21, 0.04],
            "reached": pd.array([True, pd.NA], dtype="boolean"),
            "rank": pd.array([1, pd.NA], dtype="Int64"),
            "status": ["unserved", None],
            "weight": [2.5, 3.0],
        }
    )


def test_numbers_are_written_as_in_swedish() -> None:
    head, one, two = cells(show_table(table()).html)
    assert head == ["Område", "Hushåll", "Andel", "Anslutna", "Gap", "Schakt", "Hastighet", "År",
                    "Mot länet", "Nått", "Rang", "Status", "Vikt"]  # fmt: skip
    assert one == ["Älvsbyn", "1 234", "99,9 %", "55,0 %", "−1,2 mkr", "12,3 km", "100 Mbit/s",
                   "2020", "−3,2", "ja", "1", "Saknar", "2,50"]  # fmt: skip
    assert two == ["Kiruna", "1", "–", "100,0 %", "950 kr", "999 m", "1 Gbit/s", "2021", "0,0",
                   "–", "–", "–", "3,00"]  # fmt: skip


def test_numbers_are_written_as_in_english() -> None:
    head, one, _ = cells(show_table(table(), language="en").html)
    assert head[:6] == ["Area", "Households", "Share", "Connected", "Gap", "Trench"]
    assert one[1:6] == ["1,234", "99.9%", "55.0%", one[4], "12.3 km"]
    assert one[11] != "Saknar"


def test_a_plus_stands_before_what_is_above_nought_only() -> None:
    points = pd.DataFrame({"county_points": [0.0, 0.04, 0.06, 7.0, -0.04, -7.0, math.nan]})
    shown = [row[0] for row in cells(show_table(points).html)[1:]]
    assert shown == ["0,0", "0,0", "+0,1", "+7,0", "0,0", "−7,0", "–"]


def test_counts_of_a_measure_are_no_shares() -> None:
    made = pd.DataFrame({"connected": [1, 0], "passed": [1.0, 0.5]})
    assert cells(show_table(made).html)[1] == ["1", "100,0 %"]


def test_numbers_of_many_units_are_written_each_as_it_is() -> None:
    many = pd.DataFrame({"number": [56_266.4, 105.0, 0.125, 1.0, 0.0, math.nan]})
    shown = [row[0] for row in cells(show_table(many).html)[1:]]
    assert shown == ["56 266", "105", "0,12", "1", "0", "–"]


def test_columns_headings_and_rows_are_chosen() -> None:
    shown = show_table(table(), {"households": "Antal", "area_name": ""}, rows=1, caption="Här")
    assert cells(shown.html) == [["Antal", "Område"], ["1 234", "Älvsbyn"]]
    assert "Här: de första 1 av 2 rader" in shown.html
    assert "de första" not in show_table(table(), rows=2).html
    assert (
        show_table(table(), "households gap_sek").html
        == show_table(table(), ["households", "gap_sek"]).html
    )
    with pytest.raises(KeyError, match="hushall"):
        show_table(table(), ["hushall"])


def test_numbers_stand_to_the_right() -> None:
    html = show_table(table(), ["area_name", "households", "reached"]).html
    assert re.findall(r"<th scope=\"col\"( class=\"n\")?>", html) == ["", ' class="n"', ""]


def test_geometry_is_left_out_and_nothing_is_changed() -> None:
    frame = gpd.GeoDataFrame(table(), geometry=[Point(0, 0), Point(1, 1)], crs=3006)
    before = frame.copy()
    assert "POINT" not in show_table(frame).html
    assert frame.equals(before)


def test_an_empty_table_has_its_head() -> None:
    assert cells(show_table(table().head(0), ["area_name", "gap_sek"]).html) == [["Område", "Gap"]]


def test_what_comes_from_data_stays_text() -> None:
    made = pd.DataFrame({EVIL: [EVIL], "area_name": [EVIL]})
    for html in (show_table(made, caption=EVIL).html, show_table(made, {EVIL: EVIL}).html):
        assert "<img" not in html
        assert "<script" not in html
        assert unescape(html).count("onerror") >= 2


def test_outside_a_notebook_it_is_plain_text() -> None:
    shown = show_table(table(), ["area_name", "gap_sek"], caption="Gap")
    assert shown._repr_html_() == shown.html
    assert repr(shown) == shown.text
    assert "<" not in repr(shown)
    assert "Älvsbyn" in repr(shown)


# --- words ---------------------------------------------------------------------------------


def test_both_languages_have_the_same_words() -> None:
    def keys(language: str) -> list[tuple[str, str]]:
        text = files("bredband.text").joinpath(f"display_{language}.toml").read_text("utf-8")
        return [(name, key) for name, part in tomllib.loads(text).items() for key in part]

    assert keys("sv") == keys("en")
    for name, key in keys("sv"):
        holes = [
            re.findall(r"\{.*?\}", display_words(one)[f"{name}.{key}"]) for one in ("sv", "en")
        ]
        assert sorted(holes[0]) == sorted(holes[1])
        assert not english_in(re.sub(r"\{.*?\}", "", display_words("sv")[f"{name}.{key}"]))


# --- results -------------------------------------------------------------------------------


class Pair(NamedTuple):
    areas: pd.DataFrame
    gap_sek: float

    def _repr_html_(self) -> str:
        return show(self)


@dataclass
class Holder:
    name: str
    done: bool
    table: pd.DataFrame
    _hidden: int = 3


def test_a_result_shows_its_numbers_and_the_first_rows_of_its_tables() -> None:
    long = pd.DataFrame({"area_name": [f"nr {n}" for n in range(9)], "unheard_of": range(9)})
    html = Pair(long, 2e6)._repr_html_()
    assert "2,0 mkr" in " ".join(unescape(html).split())
    assert "areas: de första 5 av 9 rader" in html
    assert "nr 4" in html
    assert "nr 5" not in html
    assert "unheard_of" not in html
    html = show(Holder(EVIL, True, long.rename(columns={"area_name": "x"})))
    assert "<img" not in html
    assert "unheard_of" in html
    assert "_hidden" not in html


@pytest.fixture(scope="module")
def results(sound: Path) -> Results:
    region = Region.read(sound)
    return compute(region, read_inputs(region))


def test_a_region_shows_its_files(results: Results) -> None:
    html = results.region._repr_html_()
    rows = cells(html)
    assert rows[0] == ["Lager", "Fil", "Härkomst", "År", "Licens", "Källa"]
    assert ["Vägar", "roads.gpkg"] in [row[:2] for row in rows]
    assert len(rows) == 1 + len(results.region.sources.items())
    assert results.region.region.name in html


def test_what_was_read_shows_its_rows(results: Results) -> None:
    rows = cells(results.inputs._repr_html_())
    found = {row[0]: row[2] for row in rows[1:]}
    assert found["Byggnader"] == str(len(results.inputs.premises))


def test_results_show_shares_and_costs_per_municipality(results: Results) -> None:
    html = results._repr_html_()
    rows = cells(html)
    assert rows[0][:4] == ["Kommun", "Hushåll", "Anslutna", "… eller i närhet"]
    assert [row[0] for row in rows[1:]] == list(results.cost["area_name"])
    whole = results.cost.iloc[-1]
    assert rows[-1][4] == str(whole["unserved_households"])
    share = results.coverage.query(
        "area_kind == 'region' and segment == 'total' and base == 'households'"
        " and measure == 'connected' and speed_mbit == 100"
    )["share"].item()
    assert rows[-1][2] == f"{100 * share:.1f} %".replace(".", ",")
    assert "share_summary" in html


def test_made_up_data_are_said_to_be(results: Results) -> None:
    assert "Syntetiska data" not in results._repr_html_()
    results.inputs.files[0]["provenance"], kept = "synthetic", results.inputs.files[0]["provenance"]
    try:
        assert "Syntetiska data" in results._repr_html_()
    finally:
        results.inputs.files[0]["provenance"] = kept


def test_prices_show_source_and_mark() -> None:
    rows = {row[0]: row for row in cells(Prices()._repr_html_())}
    assert rows["Schakt: asfalt"][1:5] == ["600", "kr/m", "500–1 500", "U"]
    assert rows["Egeninsats"][1:6] == ["20 000", "kr/hushåll", "15 000–30 000", "S", "2017"]
    assert "Slang" not in rows
    evil = Prices(trench={"road_edge": Price(value=1, unit="SEK/m", source=EVIL)},
                  surfaces={}, other_surface="road_edge")  # fmt: skip
    assert "<img" not in evil._repr_html_()


def test_every_other_result_shows_itself(results: Results) -> None:
    assert "trench" in results.buildout._repr_html_()
    sketch = sketch_cost(1000, 0.1, cost_sek=50_000, own_sek=20_000, operator_sek=10_000)
    assert "20 000 kr" in " ".join(unescape(sketch._repr_html_()).split())
    empty = pd.DataFrame()
    assert "Chosen" in Chosen(empty, empty, empty)._repr_html_()
    assert isinstance(show_table(results.areas), Shown)


def test_classes_of_public_results_show_themselves() -> None:
    import bredband  # noqa: PLC0415

    for name in bredband.__all__:
        found: Any = getattr(bredband, name)
        if isinstance(found, type) and name not in ("Price", "Criterion", "Budget"):
            assert hasattr(found, "_repr_html_"), name
