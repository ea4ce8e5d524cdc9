"""Bills of quantities and what they cost: by hand, as published, and what must always hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_region
from bredband import Region, run
from bredband.areas import build_areas
from bredband.bills import choose_bill, read_built, read_list
from bredband.cli import main
from bredband.cost import cost_table, sketch_cost
from bredband.prices import PriceError, Prices
from bredband.quantities import AS_LAID, add_up, bill_of_areas, bill_of_list, bill_of_network
from bredband.tables import BILL, COST, check_table
from bredband_gis.errors import BadValueError, UnreadableSourceError
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

BLENDA = Path(__file__).resolve().parents[1] / "docs" / "blenda.toml"
PLACES = pd.DataFrame(
    {"municipality_code": ["2501", "2502"], "municipality_name": ["Norr", "Syd"]}
)  # fmt: skip
REGION = {"region_code": "25", "region_name": "Alla"}


def price(value: float, unit: str = "SEK/m", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, "source": "anbud", **more}


def share(value: float) -> dict[str, Any]:
    return price(value, "share")


# Everything that a price book may count, in round numbers.
FULL: dict[str, Any] = {
    "trench": {"soft": price(100), "asphalt": price(500)},
    "surfaces": {},
    "other_surface": "soft",
    "duct": price(4, quantity=2),
    "cable": price(10),
    "blowing": price(2),
    "permit": price(10, quantity=0.5),
    "manhole": price(5000, "SEK/each", quantity=2),
    "road_crossing": price(10_000, "SEK/each"),
    "splice": price(500, "SEK/h", quantity=4),
    "node": price(10_000, "SEK/each", quantity=0.1),
    "drop_fixed": price(5000, "SEK/premises"),
    "drop_per_m": price(100),
    "customer_equipment": price(1000, "SEK/each"),
    "design_share": share(0.1),
    "contingency_share": share(0.05),
    "colaying_share": share(0.2),
    "takeup": {"total": share(0.5), "tätort": share(0.8)},
    "own_contribution": price(20_000, "SEK/household"),
    "operator_revenue": price(10_000, "SEK/household"),
    "aid": price(7000, "SEK/premises"),
}


def book(**changes: Any) -> Prices:
    return Prices.model_validate({**FULL, **changes})


def network() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lay 1000 m soft and 200 m asphalt in Norr, 500 m soft in Syd; one building is not met."""
    trench = pd.DataFrame(
        {
            "edge_id": [0, 1, 2],
            "from_node": [0, 1, 1],
            "to_node": [1, 2, 3],
            "length_m": [1000.0, 200.0, 500.0],
            "surface": ["soft", "asphalt", "soft"],
            "price_sek_per_m": [100.0, 500.0, 100.0],
            "cost_sek": [100_000.0, 100_000.0, 50_000.0],
            "municipality_code": ["2501", "2501", "2502"],
            "area_id": ["2501-0001", "2501-0001", "2502-0001"],
        }
    )
    reach = pd.DataFrame(
        {
            "premises_id": ["a", "b", "c", "d"],
            "reach": ["trench", "at_fibre", "trench", "no_road"],
            "road_distance_m": [20.0, 10.0, 40.0, np.nan],
            "node": [2, 0, 3, -1],
            "area_id": ["2501-0001", "2501-0002", "2502-0001", "2502-0000"],
        }
    )
    status = pd.DataFrame(
        {
            "premises_id": ["a", "b", "c", "d", "e"],
            "x": 0.0,
            "y": [0.0, 1.0, 2.0, 3.0, 4.0],
            "households": [10, 0, 4, 3, 7],
            "workplaces": [0, 1, 0, 0, 0],
            "holiday_homes": 0,
            "status": ["unserved"] * 4 + ["connected"],
            "municipality_code": ["2501", "2501", "2502", "2502", "2501"],
            "segment": ["tätort", None, "utanför", None, None],
        }
    )
    return trench, reach, status


def bill(prices: Prices) -> pd.DataFrame:
    found = bill_of_network(*network(), PLACES, prices=prices, **REGION)
    check_table(found, BILL, where="bill")
    return found


def costs(prices: Prices) -> pd.DataFrame:
    trench, reach, status = network()
    found = cost_table(status, trench, reach, PLACES, prices=prices, **REGION)
    check_table(found, COST, where="cost")
    return found.set_index("area_code")


def test_bill_by_hand() -> None:
    rows = bill(book()).set_index(["area_code", "item"])["cost_sek"]
    # Norr: a (10 households, take-up 0.8, 20 m) and b (a workplace, take-up 0.5, 10 m).
    north = {
        "trench.asphalt": 200 * 500,
        "trench.soft": 1000 * 100,
        "duct": 1200 * 2 * 4,
        "cable": 1200 * 10,
        "blowing": 1200 * 2,
        "permit": 1200 * 0.5 * 10,
        "manhole": 1.2 * 2 * 5000,
        "road_crossing": 1.2 * 10_000,
        "splice": 2 * 4 * 500,
        "node": 2 * 0.1 * 10_000,
        "customer_equipment": (0.8 * 10 + 0.5 * 1) * 1000,
        "drop_fixed": (0.8 + 0.5) * 5000,
        "drop_per_m": (0.8 * 20 + 0.5 * 10) * 100,
        "colaying_share": -0.2 * 200_000,
    }
    base = sum(north.values())
    north |= {
        "design_share": 0.1 * base,
        "contingency_share": 0.05 * base,
        "own_contribution": -8 * 20_000,
        "operator_revenue": -8 * 10_000,
        "aid": -2 * 7000,
    }
    assert rows["2501"].to_dict() == pytest.approx(north)
    # Syd: c alone; d is not reached and costs nothing.
    south = rows["2502"]
    assert south["trench.soft"] == 50_000
    assert south["splice"] == 2000
    assert south["customer_equipment"] == pytest.approx(0.5 * 4 * 1000)
    assert south["own_contribution"] == pytest.approx(-2 * 20_000)
    assert south["aid"] == -7000
    assert rows["25"]["trench.soft"] == 150_000


def test_cost_table_by_hand() -> None:
    prices = book(takeup_threshold=0.7)
    table = costs(prices)
    north, south, whole = (table.loc[code] for code in ("2501", "2502", "25"))
    rows = bill(prices)
    here = rows[(rows["area_code"] == "2501") & (rows["part"] == "cost")]
    assert north["capex_sek"] == pytest.approx(here["cost_sek"].sum())
    items = 9600 + 12_000 + 2400 + 6000 + 12_000 + 12_000 + 4000 + 2000 + 8500
    base = 200_000 - 40_000 + 6500 + 2100 + items
    assert north["capex_sek"] == pytest.approx(base * 1.15)
    assert (north["trench_sek"], north["colaying_sek"]) == (200_000, 40_000)
    assert north["drop_sek"] == pytest.approx(6500 + 2100)
    assert north["items_sek"] == pytest.approx(items + 0.15 * base)
    assert (north["connections"], south["connections"], whole["connections"]) == (8, 2, 10)
    assert table["takeup"].tolist() == pytest.approx([0.8, 0.5, 10 / 14])
    assert table["feasible"].tolist() == [True, False, True]
    gap = base * 1.15 - 8 * 30_000
    assert north["gap_sek"] == pytest.approx(gap)
    assert north["gap_per_household_sek"] == pytest.approx(gap / 10)
    assert north["gap_per_premises_sek"] == pytest.approx(gap / 2)
    assert north["gap_per_connection_sek"] == pytest.approx(gap / 8)
    assert north["gap_after_aid_sek"] == pytest.approx(gap - 2 * 7000)


def test_scope_passed_by_hand() -> None:
    table = costs(book(scope="passed"))
    north = table.loc["2501"]
    items = 9600 + 12_000 + 2400 + 6000 + 12_000 + 12_000 + 4000 + 2000
    assert north["drop_sek"] == 0
    assert north["capex_sek"] == pytest.approx((200_000 - 40_000 + items) * 1.15)
    assert north["gap_sek"] == north["capex_sek"]
    assert north["connections"] == 0
    assert table["feasible"].isna().all()
    assert pd.isna(north["gap_per_connection_sek"])
    assert set(bill(book(scope="passed"))["part"]) == {"cost", "payment"}  # aid is paid
    assert "drop_fixed" not in set(bill(book(scope="passed"))["item"])


def test_colaying_as_a_contribution_per_metre() -> None:
    prices = book(colaying_contribution=price(27.5))
    assert costs(prices).loc["2501", "colaying_sek"] == pytest.approx(0.2 * 1200 * 27.5)
    row = bill(prices).set_index(["area_code", "item"]).loc[("2501", "colaying_contribution")]
    assert (row["quantity"], row["price"], row["unit"]) == (pytest.approx(240), -27.5, "m")


def test_rows_tell_unit_source_and_year() -> None:
    prices = book(duct=price(4, year=2012, mark="F"))
    rows = bill(prices)
    duct = rows[(rows["area_code"] == "25") & (rows["item"] == "duct")].iloc[0]
    assert (duct["unit"], duct["source"], duct["mark"], duct["year"]) == ("m", "anbud", "F", 2012)
    assert (rows["cost_sek"] - rows["quantity"] * rows["price"]).abs().max() < 1e-6
    # Trench that was laid at another price than the book now has keeps its own.
    other = book(trench={"soft": price(120), "asphalt": price(500)})
    soft = bill(other).query("item == 'trench.soft' and area_code == '25'").iloc[0]
    assert (soft["price"], soft["source"], soft["mark"]) == (100, AS_LAID, "U")


def test_bill_of_areas() -> None:
    one = bill_of_areas(*network(), ["2501-0001", "2502-0001"], prices=book())
    check_table(one, BILL, where="bill")
    assert one.set_index("item").loc["trench.soft", "quantity"] == 1500
    assert one.set_index("item").loc["splice", "quantity"] == 2 * 4  # a and c, not b
    with pytest.raises(BadValueError, match="no build area 2501-0009"):
        bill_of_areas(*network(), ["2501-0009"], prices=book())


def test_an_area_that_nothing_reaches_has_an_empty_bill() -> None:
    empty = bill_of_areas(*network(), ["2502-0000"], prices=book())
    check_table(empty, BILL, where="bill")
    assert len(empty) == 0
    assert add_up(empty).cost_sek == 0


def test_blenda_as_published() -> None:
    """blendafiber.se: 2 400 075 SEK; 1 692 075 after aid; 21 975 for each of 77."""
    listed = read_list(BLENDA)
    check_table(listed.bill, BILL, where="blenda")
    sums = add_up(listed.bill, connections=listed.connections)
    assert (sums.cost_sek, sums.paid_sek, sums.left_sek) == (2_400_075, 708_000, 1_692_075)
    assert sums.left_each_sek == 21_975
    assert round(sums.cost_each_sek) == 31_170
    metres = listed.bill.set_index("item")["quantity"]
    assert metres["Grävning"] + metres["Plöjning"] == 22_225


def test_blenda_with_the_contribution_to_ducts_instead() -> None:
    """The second published check: less 9 200 m x 27.5 SEK, 2 147 075 or 27 884 each."""
    listed = read_list(BLENDA)
    paid = bill_of_list(
        [{"item": "colaying_contribution", "quantity": 9200, "part": "payment"}], prices=Prices()
    )
    both = pd.concat([listed.bill[listed.bill["part"] == "cost"], paid])
    sums = add_up(both, connections=listed.connections)
    assert (sums.paid_sek, sums.left_sek) == (253_000, 2_147_075)
    assert round(sums.left_each_sek) == 27_884


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"item": "dukt", "quantity": 1}, "row 1: there is no item dukt|no item dukt"),
        ({"item": "duct", "quantity": 1, "unit": "km"}, "duct is counted in m, not in km"),
        ({"item": "x", "price": 1}, "quantity is missing"),
        ({"quantity": 1, "price": 1}, "item is missing"),
        ({"item": "x", "quantity": "many", "price": 1}, "quantity must be a number from 0"),
        ({"item": "x", "quantity": 1, "price": -1}, "price must be a number from 0"),
        ({"item": "x", "quantity": float("nan"), "price": 1}, "quantity must be a number"),
        ({"item": "x", "quantity": 1, "price": 1, "part": "gift"}, "cost or payment"),
        ({"item": "x", "quantity": 1, "prize": 1}, "prize is not known"),
    ],
)
def test_faults_of_a_list_are_named(row: dict[str, Any], said: str) -> None:
    with pytest.raises(PriceError, match=said):
        bill_of_list([row], prices=Prices())


def test_lists_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "lista.toml"
    with pytest.raises(PriceError, match="no such file"):
        read_list(path)
    for text, said in (
        ("[[items]", "not valid TOML"), ("", "there are no rows"),
        ("item = 1", "item is not known"), ('connections = "77"', "connections is wrong"),
    ):  # fmt: skip
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PriceError, match=said):
            read_list(path)


def test_sketch_of_skane() -> None:
    """10 % of 500 000 households x (50 000 - 20 000 - 10 000) SEK = 1 000 MSEK."""
    found = sketch_cost(500_000, 0.1, cost_sek=50_000, own_sek=20_000, operator_sek=10_000)
    assert found.remaining == 50_000
    assert found.gap_sek == 1_000_000_000
    assert found.gap_per_household_sek == 20_000


networks = st.lists(
    st.tuples(
        st.floats(0, 5000), st.sampled_from(["soft", "asphalt"]),
        st.sampled_from(["2501", "2502"]), st.integers(0, 20), st.floats(0, 500),
        st.sampled_from(["trench", "at_fibre", "no_road"]),
        st.sampled_from(["tätort", "utanför", None]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


def star(
    spokes: list[tuple[float, str, str, int, float, str, str | None]],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lay a spoke of trench from fibre to each building; those that it does not reach have none."""
    length, surface, code, homes, away, reach, segment = (
        list(part) for part in zip(*spokes, strict=True)
    )
    count = len(spokes)
    unit = np.where(np.array(surface) == "soft", 100.0, 500.0)
    met = np.array(reach)
    trench = pd.DataFrame(
        {
            "edge_id": np.arange(count), "from_node": np.arange(count) + count,
            "to_node": np.arange(count), "length_m": length, "surface": surface,
            "price_sek_per_m": unit, "cost_sek": np.array(length) * unit,
            "municipality_code": code,
        }
    )[met == "trench"].astype({"municipality_code": "str"})  # fmt: skip
    ids = [f"p{n}" for n in range(count)]
    told = pd.DataFrame(
        {"premises_id": ids, "reach": reach, "node": np.where(met == "no_road", -1, range(count)),
         "road_distance_m": np.where(met == "no_road", np.nan, away)}
    )  # fmt: skip
    status = pd.DataFrame(
        {"premises_id": ids, "x": np.arange(count) * 1.0, "y": 0.0, "households": homes,
         "workplaces": 1, "holiday_homes": 0, "status": "unserved", "municipality_code": code,
         "segment": segment}
    )  # fmt: skip
    return trench.reset_index(drop=True), told, status


@settings(max_examples=20, deadline=None)
@given(networks, st.sampled_from(["passed", "connected"]))
def test_bill_adds_up_to_the_cost_table_and_to_the_areas(spokes: Any, scope: str) -> None:
    trench, reach, status = star(spokes)
    prices = book(scope=scope)
    table = cost_table(status, trench, reach, PLACES, prices=prices, **REGION)
    check_table(table, COST, where="cost")
    found = bill_of_network(trench, reach, status, PLACES, prices=prices, **REGION)
    for row in table.to_dict("records"):
        sums = add_up(found[found["area_code"] == row["area_code"]])
        assert sums.cost_sek == pytest.approx(row["capex_sek"], abs=1e-3)
        assert sums.left_sek == pytest.approx(row["gap_after_aid_sek"], abs=1e-3)
    parts = table["area_kind"] == "municipality"
    for name in ("capex_sek", "gap_sek", "connections", "items_sek", "colaying_sek", "aid_sek"):
        whole = table.loc[~parts, name].iloc[0]
        assert table.loc[parts, name].sum() == pytest.approx(whole, abs=1e-3)
    areas = build_areas(
        trench, reach, status, PLACES, min_premises=2, max_premises=10, merge_m=50, prices=prices
    ).areas
    for name in ("capex_sek", "gap_sek"):
        built = areas.loc[areas["reached"], name].sum()
        assert built == pytest.approx(table.loc[~parts, name].iloc[0], abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(networks, st.floats(0, 1), st.floats(0, 1))
def test_passed_costs_no_more_and_take_up_scales(spokes: Any, one: float, other: float) -> None:
    trench, reach, status = star(spokes)

    def whole(**changes: Any) -> pd.Series[Any]:
        prices = book(**changes)
        return cost_table(status, trench, reach, PLACES, prices=prices, **REGION).iloc[-1]

    passed = whole(scope="passed")
    low, high = (whole(takeup={"total": share(part)}) for part in sorted((one, other)))
    everybody = whole(takeup={"total": share(1)})
    assert passed["capex_sek"] <= low["capex_sek"] * (1 + 1e-12)
    assert low["capex_sek"] <= high["capex_sek"] * (1 + 1e-12)
    assert passed["trench_sek"] == low["trench_sek"] == high["trench_sek"]
    most = max(one, other)
    for name in ("connections", "drop_sek", "own_contribution_sek", "operator_revenue_sek"):
        assert high[name] == pytest.approx(most * everybody[name])
    # With nobody connecting, what is built is what is passed.
    assert whole(takeup={"total": share(0)})["capex_sek"] == pytest.approx(passed["capex_sek"])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_region.write(tmp_path_factory.mktemp("in"))
    out = tmp_path_factory.mktemp("out") / "results"
    run(Region.read(folder), out)
    return out


def test_bill_of_a_run_is_that_of_its_cost_table(results: Path) -> None:
    written, shown, _ = choose_bill(read_built(results))
    cost = pd.read_csv(results / "cost.csv", dtype={"area_code": str}).set_index("area_code")
    for code, rows in written.groupby("area_code"):
        assert add_up(rows).cost_sek == pytest.approx(cost.loc[code, "capex_sek"], abs=0.01)
        assert add_up(rows).left_sek == pytest.approx(cost.loc[code, "gap_sek"], abs=0.01)
    assert set(shown["area_kind"]) == {"region"}
    one, _, prices = choose_bill(
        read_built(results), municipalities=["väst"], area_ids=["2501-708-7308"], scope="passed"
    )
    assert one["area_code"].unique().tolist() == ["2501-708-7308", "2501"]
    assert prices.scope == "passed"
    assert "drop_fixed" not in set(one["item"])


def said(*arguments: object) -> str:
    done = CliRunner().invoke(main, ["cost", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.replace("\N{NO-BREAK SPACE}", " ").split())


def test_command_prints_and_writes_the_bill(results: Path, tmp_path: Path) -> None:
    text = said(results)
    assert "Mängdförteckning: Småland i miniatyr" in text
    assert "Schakt: vägkant" in text
    assert "Priser utan publicerad källa" in text
    assert "okänt år" in text
    path = tmp_path / "bill.csv"
    text = said(results, "--municipality", "2502", "--scope", "passed", "--lang", "en",
                "--out", path)  # fmt: skip
    assert "Bill of quantities: Öst" in text
    assert "To the plot boundary" in text
    table = pd.read_csv(path, dtype={"area_code": str})
    assert set(table["area_code"]) == {"2502"}
    assert set(table["item"]) == {"trench.road_edge"}


def test_command_makes_the_sketch_and_the_list() -> None:
    assert "1 000 mkr" in said("--quick")
    # 20 % of 100 000, each 40 000 - 15 000 - 5 000: 400 MSEK.
    assert "400 mkr" in said("--quick", "--households", 100_000, "--remaining", 20, "--cost-each",
                             40_000, "--own", 15_000, "--operator", 5000)  # fmt: skip
    text = said("--list", BLENDA)
    assert "2 400 075" in text
    assert "1 692 075" in text
    assert "21 975" in text


@pytest.mark.parametrize("arguments", [[], ["--quick", "--scope", "passed"], ["--quick", "--out",
                                       "x.csv"], ["a", "--quick"]])  # fmt: skip
def test_command_refuses_what_does_not_go_together(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, ["cost", *arguments]).exit_code == 2


def test_folders_that_hold_no_run_are_refused(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match=r"no manifest\.json"):
        read_built(tmp_path)
    for name in ("manifest.json", "trench.parquet", "premises.parquet", "cost.csv"):
        (tmp_path / name).write_bytes((results / name).read_bytes())
    (tmp_path / "trench.parquet").write_bytes(b"PAR1")
    with pytest.raises(UnreadableSourceError, match="not whole"):
        read_built(tmp_path)
    (tmp_path / "trench.parquet").write_bytes((results / "trench.parquet").read_bytes())
    manifest = json.loads((results / "manifest.json").read_text(encoding="utf-8"))
    del manifest["settings"]["prices"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(UnreadableSourceError, match="prices"):
        read_built(tmp_path)
    with pytest.raises(BadValueError, match=r"no municipality Nord(.|\n)*Väst"):
        choose_bill(read_built(results), municipalities=["Nord"])
