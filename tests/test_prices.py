"""The price book: units, ranges, an index of the region's own, and a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from bredband.prices import UNITS, Item, Price, PriceError, Prices, read_book
from bredband.region import Region, RegionError
from bredband.template import region_toml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = {
    "municipalities": {"path": "a.gpkg"},
    "premises": {"path": "b.gpkg"},
    "roads": {"path": "c.gpkg"},
}


def region(prices: dict[str, Any], folder: Path) -> Region:
    about = {"name": "Å", "code": "99", "year": 2024}
    content = {"region": about, "sources": SOURCES, "prices": prices}
    return Region.from_dict(content, folder=folder)


def price(value: float, unit: str = "SEK/m", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, "source": "anbud", **more}


def test_every_default_has_a_source_and_the_mark_that_goes_with_it() -> None:
    prices = Prices()
    assert {"asphalt", "road_edge", "soft", "plough", "aerial", "rock"} <= set(prices.trench)
    for name in [*(f"trench.{one}" for one in prices.trench), *UNITS, "takeup.total"]:
        one = prices.get(name)
        assert one.source, name
        assert (one.mark == "U") == one.source.startswith("no published source"), name


def test_only_what_the_chain_always_counted_counts_by_default() -> None:
    assert list(Prices().items(["soft"])) == [
        "trench.soft", "drop_fixed", "drop_per_m", "own_contribution", "operator_revenue",
        "takeup.total",
    ]  # fmt: skip
    assert [Prices().sum_of(basis) for basis in ("trench_m", "trench_km", "premises",
                                                 "connection")] == [0, 0, 0, 0]  # fmt: skip


def test_an_item_that_is_given_counts_as_many_times_as_it_says() -> None:
    prices = Prices.model_validate({
        "duct": price(4), "cable": price(10, quantity=2), "manhole": price(5900, "SEK/each"),
        "splice": price(750, "SEK/h", quantity=4), "customer_equipment": price(1000, "SEK/each"),
    })  # fmt: skip
    assert prices.sum_of("trench_m") == 4 + 2 * 10
    assert prices.sum_of("trench_km") == 5900
    assert prices.sum_of("premises") == 4 * 750
    assert prices.sum_of("connection") == 1000
    passed = prices.model_copy(update={"scope": "passed"})
    assert passed.sum_of("connection") == 0
    assert passed.sum_of("premises") == 3000
    left = set(passed.items())
    assert "duct" in left
    assert not left & {"drop_fixed", "drop_per_m", "customer_equipment", "own_contribution",
                       "operator_revenue", "takeup.total"}  # fmt: skip


def test_ranges_for_draws() -> None:
    prices = Prices.model_validate({
        "contingency_share": price(0.1, "share", low=0.05, high=0.2), "duct": price(4),
        "design_share": price(0, "share", low=0, high=0.1),
    })  # fmt: skip
    found = prices.ranges(["soft", "rock"])
    assert found["trench.soft"] == (150, 100, 250, "digging")
    assert found["trench.rock"] == (1000, 1000, 1000, "digging")
    assert found["drop_per_m"] == (90, 70, 110, "digging")
    assert found["contingency_share"] == (0.1, 0.05, 0.2, "")
    assert found["design_share"] == (0, 0, 0.1, "")
    assert found["duct"] == (4, 4, 4, "")
    assert "trench.asphalt" not in found
    assert "trench.asphalt" in prices.ranges()
    assert not {"cable", "colaying_share", "colaying_contribution", "aid"} & set(found)


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ({"dukt": price(4)}, "there is no item dukt; did you mean duct"),
        ({"duct": price(4, "SEK/km")}, "duct is in SEK/m, not in SEK/km"),
        ({"trench": {"soft": price(4, "SEK")}, "surfaces": {}, "other_surface": "soft"},
         r"trench\.soft is in SEK/m"),
        ({"splice": price(750, "SEK/m")}, "splice is in SEK/h"),
        ({"other_surface": "gold"}, "surface gold has no price.*which has asphalt"),
        ({"trench": {"soft": price(4)}}, "surface asphalt, road_edge has no price"),
        ({"contingency_share": price(5, "share")}, "share from 0 to 1: write 0.05 for 5 %"),
        ({"takeup": {"total": price(70, "share")}}, r"takeup\.total is a share from 0 to 1"),
        ({"takeup": {"stad": price(0.7, "share")}}, r"takeup\.stad is none of total, tätort"),
        ({"duct": price(4, low=5, high=6)}, "4 lies outside its range 5-6"),
        ({"duct": price(4, low=3)}, "needs both low and high"),
        ({"water": {"lake_cable": 250}}, r"table of settings, like \{ value = .* \(it is 250\)"),
        ({"duct": price(-4)}, "greater than or equal to 0"),
        ({"scope": "driven"}, "passed.*connected"),
        ({"colaying_contribution": price(60)}, r"60 SEK/m is more than.*trench\.plough: 55"),
        ({"index": {"2017": 1.0}}, "index needs year"),
        ({"year": 2024, "index": {"2017": 1.0}}, "index holds no 2024"),
        ({"year": 2024, "index": {"2024": 1.0}, "duct": price(4, year=2012)},
         "index holds no 2012, the year of duct"),
    ],
)  # fmt: skip
def test_faults_are_named(prices: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(RegionError, match=said) as caught:
        region(prices, tmp_path)
    assert "Value error" not in str(caught.value)


def test_crowns_may_be_written_kr() -> None:
    assert Prices.model_validate({"duct": price(4, "kr/m")}).duct.value == 4


def test_an_index_moves_costs_of_a_known_year_and_nothing_else() -> None:
    given_ = {
        "year": 2024,
        "index": {"2012": 80.0, "2024": 120.0},
        "duct": price(4, year=2012, low=2, high=6, mark="F"),
        "cable": price(8),
        "node": price(100, "SEK/each", year=2012, quantity=0),
    }
    prices = Prices.model_validate(given_)
    assert (prices.duct.value, prices.duct.low, prices.duct.high) == (6, 3, 9)
    assert (prices.duct.year, prices.duct.mark) == (2024, "D")
    assert prices.duct.source == "anbud; 4 SEK/m of 2012 by the region's price index"
    assert prices.cable.value == 8  # of no known year
    assert prices.node.value == 100  # not counted
    assert (prices.own_contribution.value, prices.own_contribution.year) == (20_000, 2017)
    # What is written in the manifest can be read again without being moved twice.
    assert Prices.model_validate(prices.model_dump(mode="json")) == prices
    # Without an index nothing moves.
    assert Prices.model_validate({**given_, "index": {}}).duct.value == 4


def test_years_of_what_counts() -> None:
    prices = Prices.model_validate({"duct": price(4, year=2012), "node": price(1, "SEK/each")})
    assert prices.years(["soft"]) == {
        2012: ["duct"], None: ["trench.soft", "node", "drop_fixed", "drop_per_m"]
    }  # fmt: skip
    assert prices.unsourced(["soft"]) == [
        "trench.soft", "duct", "node", "drop_fixed", "takeup.total"
    ]  # fmt: skip


def test_takeup_by_segment() -> None:
    segments = pd.Series(["tätort", "småort", None, "utanför"])
    shares = {"tätort": price(0.9, "share"), "total": price(0.5, "share")}
    prices = Prices.model_validate({"takeup": shares})
    assert prices.takeup_of(segments).tolist() == [0.9, 0.5, 0.5, 0.5]
    assert Prices().takeup_of(segments).tolist() == [1, 1, 1, 1]
    only = Prices.model_validate({"takeup": {"tätort": price(0.9, "share")}})
    assert only.takeup_of(segments[:1]).tolist() == [0.9]
    with pytest.raises(PriceError, match="no take-up for småort"):
        only.takeup_of(segments[:2])


def test_a_price_by_name() -> None:
    assert Prices().get("trench.soft").value == 150
    with pytest.raises(PriceError, match=r"no item trench\.sofft; did you mean trench\.soft"):
        Prices().get("trench.sofft")


BOOK = """
other_surface = "soft"
[trench]
soft = { value = 120, unit = "SEK/m", source = "ramavtal", year = 2023, mark = "F" }
road_edge = { value = 200, unit = "SEK/m", source = "ramavtal" }
asphalt = { value = 800, unit = "SEK/m", source = "ramavtal" }
[duct]
value = 5
unit = "SEK/m"
source = "ramavtal"
low = 4
high = 7
"""


@pytest.mark.parametrize("text", [BOOK, BOOK.replace("[", "[prices.").replace(
    "other_surface", "[prices]\nother_surface")])  # fmt: skip
def test_a_price_book_of_its_own(text: str, tmp_path: Path) -> None:
    (tmp_path / "prisbok.toml").write_text(text, encoding="utf-8")
    mine = {"book": "prisbok.toml", "trench": {"soft": price(90)}, "duct": price(9)}
    found = region(mine, tmp_path).prices
    assert {name: one.value for name, one in found.trench.items()} == {
        "soft": 90, "road_edge": 200, "asphalt": 800
    }  # fmt: skip
    # A price is taken whole: the book's year, mark and range do not stand beside ours.
    assert (found.trench["soft"].year, found.trench["soft"].mark) == (None, "U")
    assert found.duct == Item(**price(9))
    assert found.other_surface == "soft"
    text = region_toml({"region": {"name": "Å", "code": "99", "year": 2024}, "sources": SOURCES,
                        "prices": mine})  # fmt: skip
    (tmp_path / "region.toml").write_text(text, encoding="utf-8")
    assert Region.read(tmp_path).prices == found


def test_a_price_book_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "prisbok.toml"
    with pytest.raises(PriceError, match=r"no such price book(.|\n)*correct book"):
        read_book({"book": "prisbok.toml"}, folder=tmp_path)
    for text, said in (
        ("[duct", "not valid TOML"),
        ("[dukt]\nvalue=1", "there is no item dukt; did you mean duct"),
        ('book = "annan.toml"', "may not name another"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PriceError, match=said):
            read_book({"book": "prisbok.toml"}, folder=tmp_path)
    path.write_bytes('source = "Å"'.encode("cp1252"))
    with pytest.raises(PriceError, match="not UTF-8"):
        read_book({"book": "prisbok.toml"}, folder=tmp_path)
    path.write_text('[duct]\nvalue = 4\nunit = "SEK/km"\nsource = ""', encoding="utf-8")
    with pytest.raises(RegionError, match=r"with prisbok\.toml: .*duct is in SEK/m"):
        region({"book": "prisbok.toml"}, tmp_path)


def test_the_template_does_not_switch_on_a_book_or_a_year() -> None:
    text = region_toml()
    assert '#   e.g. book = "prisbok.toml"' in text
    assert "#   e.g. year = 2024" in text


@given(st.floats(0, 1e6), st.floats(0.1, 10))
def test_recalculating_there_and_back(value: float, factor: float) -> None:
    def moved(amount: float, year: int, to: int) -> float:
        book = {"year": to, "index": {"2010": 1.0, "2020": factor},
                "duct": price(amount, year=year)}  # fmt: skip
        return Prices.model_validate(book).duct.value

    there = moved(value, 2010, 2020)
    assert there == pytest.approx(value * factor)
    assert moved(there, 2020, 2010) == pytest.approx(value)


def test_a_price_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Price(**price(4)).value = 5  # type: ignore[misc]
