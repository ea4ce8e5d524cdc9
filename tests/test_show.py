"""The terminal tells the tables' numbers, for the region or for the municipality asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from bredband.show import Place, find_place, show, show_result
from bredband.stored import read_manifest, read_tables
from bredband.table_words import table_words
from bredband_gis.errors import GeodataError
from click.testing import CliRunner
from finished import finished
from languages import english_in, swedish_in
from rich.console import Console

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["finished"]

NORRBOTTEN = {
    "2505": "Arvidsjaur", "2513": "Överkalix", "2514": "Kalix", "2518": "Övertorneå",
    "2580": "Luleå", "2584": "Kiruna",
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(finished: Path) -> dict[str, pd.DataFrame]:
    return read_tables(finished)


@pytest.fixture(scope="module")
def manifest(finished: Path) -> dict[str, Any]:
    return read_manifest(finished)


def said(tables: dict[str, pd.DataFrame], manifest: dict[str, Any], *args: Any, **more: Any) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as caught:
        show_result(console, tables, manifest, *args, **more)
    return caught.get().replace("\xa0", " ")


def line(text: str, start: str) -> str:
    """Give the line that begins so, with single spaces."""
    found = [re.sub(r"\s+", " ", one).strip() for one in text.splitlines()]
    return next(one for one in found if one.startswith(start))


def test_the_region(tables: dict[str, pd.DataFrame], manifest: dict[str, Any]) -> None:
    w = table_words("sv", plain=True)
    text = said(tables, manifest)
    assert "Småland i miniatyr: bredband 2024" in text
    cost = tables["cost"][tables["cost"]["area_kind"] == "region"].iloc[0]
    spans = tables["intervals"].set_index(["area_kind", "measure"])
    gap = spans.loc[("region", "gap")]

    def plain(value: str) -> str:
        return value.replace("\xa0", " ")

    assert line(text, "Hushåll som saknar").endswith(str(int(cost["unserved_households"])))
    assert line(text, "varav nås inte").endswith(str(int(cost["unreached_households"])))
    assert line(text, "Finansieringsgap") == plain(
        f"Finansieringsgap {w.money(cost['gap_sek'])}"
        f" {w.money(gap['p10_sek'])} – {w.money(gap['p90_sek'])}"
    )
    assert plain(w.money(cost["support_sek"])) in line(text, "Stödbehov")
    coverage = tables["coverage"]
    rows = coverage[(coverage["area_kind"] == "region") & (coverage["segment"] == "total")
                    & (coverage["base"] == "households")]  # fmt: skip
    for measure, name in (("connected", "Anslutna "), ("passed", "Anslutna eller i absolut")):
        shares = rows[rows["measure"] == measure].set_index("speed_mbit")["share"]
        told = re.findall(r"\d+,\d %|100,0 %", line(text.split("Läget")[1], name))
        assert told == [plain(w.percent(shares[speed])) for speed in (30, 100, 1000)]
    goals = tables["goals"]
    for row in goals[(goals["area_kind"] == "region") & (goals["base"] == "households")].to_dict(
        "records"
    ):
        told = line(text, row["goal"])
        assert f"{row['missing']} {'ja' if row['reached'] else 'nej'}" in told


def test_a_municipality_has_its_own_numbers(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any]
) -> None:
    cost = tables["cost"].set_index("area_code")
    for code, name in (("2501", "Väst"), ("2502", "Öst")):
        text = said(tables, manifest, name)
        assert text == said(tables, manifest, code)
        assert f"{name}: bredband 2024" in text
        unserved = str(int(cost["unserved_households"][code]))
        assert line(text, "Hushåll som saknar").endswith(unserved)
        standing = tables["standing"].set_index(["municipality_code", "base", "measure",
                                                 "speed_mbit"])  # fmt: skip
        place = standing.loc[(code, "households", "connected", 100)]
        assert f"Plats {place['rank']} av {place['of']} i länet" in text
    assert said(tables, manifest, "Väst") != said(tables, manifest, "Öst")


def test_areas_in_order_with_their_reasons(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any]
) -> None:
    areas = tables["priority_areas"].copy()
    areas = areas[areas["reached"]].sort_values("rank").reset_index(drop=True)
    areas["households"] = [5 + at for at in range(len(areas))]
    areas["motivation"] = [f"Skäl {rank}." for rank in areas["rank"]]
    text = said({**tables, "priority_areas": areas}, manifest)
    told = [text.index(f"{row.rank}. {row.name}: {row.motivation}")
            for row in areas.rename_axis("at").itertuples(index=False, name="Row")]  # fmt: skip
    assert told == sorted(told)
    first = areas.iloc[0]
    assert f"({first['municipality']})" in text
    one = said({**tables, "priority_areas": areas}, manifest, most=1)
    assert f"(1 av {len(areas)})" in one
    assert "Skäl 1." in one
    assert "Skäl 2." not in one
    west = said({**tables, "priority_areas": areas}, manifest, "Väst")
    mine = areas["municipality_code"] == "2501"
    assert f"av {int(mine.sum())})" in west or "Inga byggområden" in west
    assert "De första" not in said({**tables, "priority_areas": areas}, manifest, most=0)


def test_a_small_group_is_not_told(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any]
) -> None:
    areas = tables["priority_areas"].copy()
    areas["households"], areas["motivation"] = 2, "Har 2 hushåll."
    text = said({**tables, "priority_areas": areas}, manifest)
    assert "färre än 3" in text
    assert "Har 2 hushåll" not in text


def test_what_is_absent_is_said(tables: dict[str, pd.DataFrame], manifest: dict[str, Any]) -> None:
    text = said({"cost": tables["cost"]}, manifest)
    assert "Finns inte i resultatet: Täckning, Mål, Osäkerhet och Områden." in text
    assert "Finansieringsgap" in text


def test_synthetic_is_said(tables: dict[str, pd.DataFrame], manifest: dict[str, Any]) -> None:
    made_up = {**manifest, "inputs": [{"layer": "roads", "provenance": "synthetic"}]}
    assert "vägar" in said(tables, made_up).split("Läget")[0]
    assert "Syntetiska" not in said(tables, manifest)


def places() -> dict[str, pd.DataFrame]:
    return {"municipalities": pd.DataFrame(
        {"municipality_code": list(NORRBOTTEN), "municipality_name": list(NORRBOTTEN.values())}
    )}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Överkalix", "Överkalix"), ("överkalix", "Överkalix"), ("overkalix", "Överkalix"),
        (" 2580 ", "Luleå"), ("Luleå kommun", "Luleå"), ("lulea stad", "Luleå"),
        ("Kiruna kommun", "Kiruna"), ("Arvidsjaurs kommun", "Arvidsjaur"), ("KALIX", "Kalix"),
    ],
)  # fmt: skip
def test_a_municipality_is_found(asked: str, name: str) -> None:
    found = find_place(places(), {"region": "Norrbotten"}, asked, table_words("sv"))
    assert found.name == name
    assert found == Place("municipality", found.code, NORRBOTTEN[found.code])


@pytest.mark.parametrize(
    ("asked", "near"), [("Övertonreå", "Övertorneå"), ("Lule", "Luleå"), ("2581", "2580 Luleå")]
)
def test_a_misspelt_name_suggests_the_nearest(asked: str, near: str) -> None:
    with pytest.raises(GeodataError) as caught:
        find_place(places(), {"region": "Norrbotten"}, asked, table_words("sv"))
    assert caught.value.what == f"Det finns ingen kommun {asked} i Norrbotten."
    assert caught.value.fix is not None
    assert caught.value.fix.startswith("Menade du ")
    assert near in caught.value.fix


def test_a_name_like_no_other_lists_all() -> None:
    with pytest.raises(GeodataError) as caught:
        find_place(places(), {"region": "Norrbotten"}, "Xyz", table_words("en"))
    assert caught.value.fix == (
        "Choose among Arvidsjaur, Kalix, Kiruna, Luleå, Överkalix and Övertorneå."
    )


def test_names_with_brackets_stay_names(
    tables: dict[str, pd.DataFrame], manifest: dict[str, Any]
) -> None:
    nasty = "[red]x[/]"
    areas = tables["priority_areas"].assign(name=nasty, motivation=nasty, households=9)
    goals = tables["goals"].assign(goal=nasty)
    text = said({**tables, "priority_areas": areas, "goals": goals},
                {**manifest, "region": nasty})  # fmt: skip
    assert text.count(nasty) >= 4


def test_the_command(finished: Path) -> None:
    done = CliRunner().invoke(show, [str(finished), "ost", "--lang", "en"])
    assert done.exit_code == 0, done.output
    assert "Öst: broadband 2024" in done.output
    assert "Funding gap" in done.output
    done = CliRunner().invoke(show, [str(finished)])
    assert "Småland i miniatyr: bredband 2024" in done.output
    failed = CliRunner().invoke(show, [str(finished), "Väts"])
    assert isinstance(failed.exception, GeodataError)
    assert "Väst" in str(failed.exception)


def test_one_language_at_a_time(tables: dict[str, pd.DataFrame], manifest: dict[str, Any]) -> None:
    bare = {name: tables[name] for name in ("coverage", "cost", "intervals")}
    assert not english_in(said(bare, manifest))
    assert not swedish_in(said(bare, manifest, language="en"))
