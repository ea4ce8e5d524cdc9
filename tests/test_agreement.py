"""One number everywhere: map, report, workbook, GeoPackage, GeoJSON, CSV, terminal and database."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import duckdb
import openpyxl
import pandas as pd
import pyogrio
import pytest
from bredband.cli import main
from bredband.text import NO_BREAK, words
from click.testing import CliRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opened import Opened

CODE, NAME = "2513", "Överkalix"
FEW = 3


@pytest.fixture(scope="module")
def out(example_run: Path) -> Path:
    return example_run / "outputs" / "norrbotten"


@pytest.fixture(scope="module")
def ask(out: Path) -> Callable[[str], pd.DataFrame]:
    def asked(sql: str) -> pd.DataFrame:
        with duckdb.connect(str(out / "bredband.duckdb"), read_only=True) as con:
            return con.execute(sql).df()

    return asked


@pytest.fixture(scope="module")
def cost(ask: Callable[[str], pd.DataFrame]) -> pd.Series[Any]:
    return ask(f"FROM cost WHERE area_kind = 'municipality' AND area_code = '{CODE}'").iloc[0]


@pytest.fixture(scope="module")
def shares(ask: Callable[[str], pd.DataFrame]) -> dict[tuple[str, int], float]:
    rows = ask(
        f"""SELECT measure, speed_mbit, share FROM coverage
            WHERE area_kind = 'municipality' AND area_code = '{CODE}' AND segment = 'total'
              AND base = 'households'"""
    )
    return {(one.measure, one.speed_mbit): one.share for one in rows.itertuples()}


@pytest.fixture(scope="module")
def areas(ask: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    return ask("SELECT * EXCLUDE (geometry) FROM priority_areas").set_index("area_id")


@pytest.fixture(scope="module")
def area(areas: pd.DataFrame) -> pd.Series[Any]:
    """An area of the municipality that needs support and has people enough to be shown."""
    found = areas[(areas["municipality_code"] == CODE) & areas["reached"]]
    found = found[(found["gap_sek"] > 0) & (found["households"] >= 10)]
    return found.sort_values("rank").iloc[0]


def plain(text: str) -> str:
    return " ".join(text.replace(NO_BREAK, " ").replace("\u202f", " ").split())


def said(kind: str, value: float) -> str:
    return plain(getattr(words("sv"), kind)(value))


def sheet(out: Path, title: str) -> pd.DataFrame:
    """Read a sheet: names in the first row, headings in the second."""
    book = openpyxl.load_workbook(out / "tables.xlsx", read_only=True)
    rows = list(book[title].iter_rows(values_only=True))
    book.close()
    return pd.DataFrame(rows[2:], columns=list(rows[0]))


def same(one: Any, other: Any, *, within: float = 1e-6) -> bool:
    return math.isclose(float(one), float(other), rel_tol=within, abs_tol=within)


def check_column(
    found: pd.DataFrame, areas: pd.DataFrame, name: str, *, within: float = 1e-6
) -> None:
    """What is shown of areas is so, and what is not shown is of few, or not known."""
    shown = found[name].dropna()
    assert len(shown) > 300
    assert all(same(value, areas.loc[at, name], within=within) for at, value in shown.items())
    missing = areas.loc[found.index.difference(shown.index)]
    assert ((missing["households"] < FEW) | missing[name].isna()).all()
    assert not areas.loc[shown.index, "households"].between(1, FEW - 1).any()


def test_database_and_csv(out: Path, cost: pd.Series[Any], ask: Callable[..., Any]) -> None:
    written = pd.read_csv(out / "cost.csv", dtype={"area_code": str})
    row = written[(written["area_kind"] == "municipality") & (written["area_code"] == CODE)]
    numbers = [name for name in row if pd.api.types.is_numeric_dtype(row[name])]
    assert len(numbers) > 15
    for name in numbers:
        if pd.notna(row[name].iloc[0]):
            assert same(row[name].iloc[0], cost[name], within=0.006), name
    whole = ask("FROM cost WHERE area_kind = 'region'").iloc[0]
    assert len(ask("FROM premises WHERE reach IS NOT NULL")) == whole["unserved_premises"]


def test_workbook(
    out: Path, cost: pd.Series[Any], shares: dict[tuple[str, int], float], areas: pd.DataFrame
) -> None:
    rows = sheet(out, "Kostnad")
    row = rows[(rows["area_kind"] == "municipality") & (rows["area_code"] == CODE)].iloc[0]
    for name in ("unserved_households", "trench_m", "capex_sek", "gap_sek", "support_sek"):
        assert same(row[name], cost[name]), name
    rows = sheet(out, "Täckning")
    rows = rows[
        (rows["area_code"] == CODE) & (rows["area_kind"] == "municipality")
        & (rows["segment"] == "total") & (rows["base"] == "households")
    ]  # fmt: skip
    assert len(rows) == len(shares)
    for one in rows.itertuples():
        expected = shares[one.measure, one.speed_mbit]
        assert (one.share is None and math.isnan(expected)) or same(one.share, expected)
    rows = sheet(out, "Områden").set_index("area_id")
    assert set(rows.index) == set(areas.index)
    for name in ("households", "trench_m", "gap_sek", "gap_p90_sek", "score"):
        check_column(rows, areas, name)


def test_geopackage_and_geojson(
    out: Path, cost: pd.Series[Any], shares: dict[tuple[str, int], float], areas: pd.DataFrame
) -> None:
    table = pyogrio.read_dataframe(out / "bredband.gpkg", layer="municipalities")
    row = table[table["municipality_code"] == CODE].iloc[0]
    for name in ("unserved_households", "trench_m", "capex_sek", "gap_sek", "support_sek"):
        assert same(row[name], cost[name]), name
    for measure, speed in (("connected", 100), ("passed", 1000), ("planned", 100)):
        assert same(row[f"{measure}_{speed}_share"], shares[measure, speed])
    layer = pyogrio.read_dataframe(out / "bredband.gpkg", layer="priority_areas")
    content = json.loads((out / "priority_areas.geojson").read_text(encoding="utf-8"))
    listed = pd.DataFrame([one["properties"] for one in content["features"]])
    for found, within in ((layer, 1e-6), (listed, 0.06)):
        found = found.set_index("area_id")  # noqa: PLW2901
        assert set(found.index) == set(areas.index)
        for name in ("households", "premises", "trench_m", "gap_sek", "capex_sek"):
            check_column(found, areas, name, within=within)


def test_report(
    out: Path, cost: pd.Series[Any], shares: dict[tuple[str, int], float],
    ask: Callable[[str], pd.DataFrame], show: Callable[..., Opened],
) -> None:  # fmt: skip
    opened = show(out / "report.html")
    row = f"xpath=//tr[th[normalize-space()='{NAME}']]"
    lines = [plain(text) for text in opened.page.locator(row).all_inner_texts()]
    state = next(line for line in lines if said("percent", shares["passed", 1000]) in line)
    for measure in ("connected", "passed", "planned"):
        assert said("percent", shares[measure, 100]) in state
    assert f" {said('number', cost['unserved_households'])} " in state
    money = [said("money", cost[name]) for name in ("capex_sek", "support_sek")]
    assert any(all(one in line for one in money) for line in lines)
    whole = ask("FROM cost WHERE area_kind = 'region'").iloc[0]
    first = plain(opened.page.locator("section#summary, #summary").first.inner_text())
    for kind, name in (
        ("number", "unserved_households"), ("length", "trench_m"), ("money", "capex_sek"),
        ("money", "support_sek"),
    ):  # fmt: skip
        assert said(kind, whole[name]) in first, name
    chosen = ask("FROM choice_summary").iloc[0]
    assert said("number", chosen["households"]) in first
    assert not opened.said
    assert len(opened.asked) == 1


def test_map(
    out: Path, cost: pd.Series[Any], area: pd.Series[Any], show: Callable[..., Opened]
) -> None:
    opened = show(out / "map.html")
    search = opened.page.locator(".webmap-search input")
    search.fill(NAME)
    opened.page.locator(".webmap-hits li").first.click()
    opened.settle()
    popup = plain(opened.text(".webmap-popup"))
    assert NAME in popup
    for kind, name in (
        ("number", "unserved_households"), ("length", "trench_m"), ("money", "gap_sek"),
        ("money", "support_sek"), ("money", "gap_per_household_sek"),
    ):  # fmt: skip
        assert said(kind, cost[name]) in popup, name
    search.fill(str(area["name"]))
    hits = opened.page.locator(".webmap-hits li")
    names = [plain(text).split(" område")[0] for text in hits.all_inner_texts()]
    hits.nth(names.index(area["name"]) if area["name"] in names else 0).click()
    opened.settle()
    popup = plain(opened.text(".webmap-popup"))
    assert f"{area['name']}" in popup
    for kind, name in (("number", "households"), ("money", "gap_sek"), ("length", "trench_m")):
        assert said(kind, area[name]) in popup, name
    assert not opened.said


def test_terminal(out: Path, cost: pd.Series[Any], shares: dict[tuple[str, int], float]) -> None:
    result = CliRunner().invoke(main, ["show", str(out), NAME])
    assert result.exit_code == 0, result.output
    text = plain(result.output)
    for measure, speed in (("connected", 100), ("passed", 1000), ("planned", 30)):
        assert said("percent", shares[measure, speed]) in text
    for kind, name in (("money", "capex_sek"), ("money", "support_sek"), ("length", "trench_m")):
        assert said(kind, cost[name]) in text, name
