"""The example region end to end, through the command line: published figures, sums, marks."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from bredband.demo import make_norrbotten
from bredband_gis.store import connect
from result_files import stored

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made(example_run: Path) -> tuple[Path, Path, str]:
    """Give the data folder, the result folder and what was said."""
    data, out = example_run / "data_raw" / "norrbotten", example_run / "outputs" / "norrbotten"
    return data, out, (example_run / "said.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def out(made: tuple[Path, Path, str]) -> Path:
    return made[1]


@pytest.fixture(scope="module")
def coverage(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "coverage.csv", dtype={"area_code": str})


@pytest.fixture(scope="module")
def cost(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "cost.csv", dtype={"area_code": str})


def shares(coverage: pd.DataFrame, measure: str) -> pd.Series[float]:
    rows = coverage[
        coverage["area_kind"].isin(("municipality", "county"))
        & (coverage["segment"] == "total") & (coverage["base"] == "households")
        & (coverage["measure"] == measure) & (coverage["speed_mbit"] == 100)
    ]  # fmt: skip
    return rows.set_index("area_name")["share"]


def test_connected_shares_are_the_published_ones(coverage: pd.DataFrame) -> None:
    share = shares(coverage, "connected")
    assert share["Luleå"] == pytest.approx(0.88, abs=0.002)
    assert share["Överkalix"] == pytest.approx(0.55, abs=0.002)
    assert share["Gällivare"] == pytest.approx(0.8304, abs=0.002)
    county = coverage[coverage["area_kind"] == "county"]["area_name"].iloc[0]
    assert share[county] == pytest.approx(0.80, abs=0.002)
    assert share.idxmin() == "Överkalix"
    assert share.idxmax() == "Luleå"
    assert len(share) == 15


def test_passed_shares_lie_5_to_14_points_above(coverage: pd.DataFrame) -> None:
    gap = shares(coverage, "passed") - shares(coverage, "connected")
    assert gap.min() >= 0.05
    assert gap.max() <= 0.14


def test_totals_are_the_real_ones(out: Path) -> None:
    premises = gpd.read_parquet(out / "premises.parquet")
    # 136 418 dwellings (SCB 31 Dec 2023) x 0.92 (PTS households / SCB dwellings, Gällivare)
    assert premises["households"].sum() == pytest.approx(136_418 * 0.92, abs=20)
    lulea = premises.loc[premises["municipality_code"] == "2580", "households"].sum()
    assert lulea == round(42_919 * 0.92)
    assert 80_000 < len(premises) < 130_000
    # Luleå: 70 873 of 79 662 live in localities (SCB 2020 and 2024).
    held = premises[premises["municipality_code"] == "2580"].groupby("segment")["households"].sum()
    assert held["tätort"] / held.sum() == pytest.approx(70_873 / 79_662, abs=0.02)


def test_segments_add_up_to_the_total(coverage: pd.DataFrame) -> None:
    keys = ["area_kind", "area_code", "base", "measure", "speed_mbit"]
    # Localities lie in one segment each and are not divided.
    divided = coverage[~coverage["area_kind"].isin(("locality", "deso"))]
    total = divided[divided["segment"] == "total"].set_index(keys)[["total", "served"]]
    for segments in (("tätort", "småort", "utanför"), ("tätbyggt", "glesbygd")):
        rows = divided[divided["segment"].isin(segments)]
        parts = rows.groupby(keys)[["total", "served"]].sum()
        pd.testing.assert_frame_equal(parts.sort_index(), total.sort_index())
    homes = coverage[(coverage["base"] == "households") & (coverage["measure"] == "connected")]
    inside = homes[(homes["area_kind"] == "locality") & (homes["speed_mbit"] == 100)]
    towns = homes[
        (homes["area_kind"] == "county") & (homes["segment"] == "tätbyggt")
        & (homes["speed_mbit"] == 100)
    ]  # fmt: skip
    assert inside["total"].sum() == towns["total"].sum()
    assert inside["served"].sum() == towns["served"].sum()
    towns = coverage[coverage["area_kind"] == "municipality"].groupby(["segment", *keys[2:]])
    county = coverage[coverage["area_kind"] == "county"].set_index(["segment", *keys[2:]])
    pd.testing.assert_series_equal(
        towns["served"].sum().sort_index(), county["served"].sort_index()
    )


def test_what_follows_from_the_network_adds_up(out: Path, cost: pd.DataFrame) -> None:
    whole = cost[cost["area_kind"] == "region"].iloc[0]

    def of_region(name: str) -> pd.DataFrame:
        table = pd.read_csv(out / f"{name}.csv", dtype={"area_code": str})
        return table[table["area_kind"] == "region"]

    shares = of_region("share_summary").iloc[0]
    assert shares["total_sek"] == pytest.approx(whole["capex_sek"], abs=1)
    assert shares["trench_m"] == pytest.approx(whole["trench_m"], abs=1)
    assert shares["households"] == whole["reached_households"]
    interval = of_region("intervals").set_index("measure")
    for measure in ("capex", "gap", "support"):
        row = interval.loc[measure]
        assert row["point_sek"] == pytest.approx(whole[f"{measure}_sek"], abs=1)
        assert row["p10_sek"] < row["p50_sek"] < row["p90_sek"]
    curve = of_region("cost_curve")
    assert curve["cumulative_sek"].max() == pytest.approx(whole["capex_sek"], abs=1)
    assert curve["cumulative_sek"].is_monotonic_increasing
    # Digging is what the sum hangs on.
    tornado = of_region("tornado")
    assert tornado[tornado["measure"] == "capex"].iloc[0]["swing_sek"] > 1e8


def test_the_trench_is_proved_to_be_near_the_cheapest(out: Path) -> None:
    network = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["network"]
    assert 0 <= network["at_most_above_cheapest"] + 1e-9 <= 0.01


def test_sums_agree_across_files(out: Path, coverage: pd.DataFrame, cost: pd.DataFrame) -> None:
    whole = cost[cost["area_kind"] == "region"].iloc[0]
    parts = cost[cost["area_kind"] == "municipality"]
    assert len(parts) == 14
    for column in (
        "trench_m",
        "capex_sek",
        "gap_sek",
        "unserved_households",
        "own_contribution_sek",
    ):
        assert parts[column].sum() == pytest.approx(whole[column], abs=1), column
    planned = coverage[
        (coverage["measure"] == "planned") & (coverage["speed_mbit"] == 100)
        & (coverage["base"] == "households") & (coverage["segment"] == "total")
    ].set_index("area_code")  # fmt: skip
    left = (planned["total"] - planned["served"])[parts["area_code"]]
    assert left.tolist() == parts["unserved_households"].tolist()
    trench = gpd.read_parquet(out / "trench.parquet")
    assert trench["length_m"].sum() == pytest.approx(whole["trench_m"], abs=1)
    assert trench.geometry.length.sum() == pytest.approx(whole["trench_m"], rel=1e-6)
    assert trench["cost_sek"].sum() == pytest.approx(whole["trench_sek"], abs=1)
    rows = stored(out, "priority_areas")
    assert rows["households"].sum() == whole["unserved_households"]
    assert rows["gap_sek"].sum() == pytest.approx(whole["gap_sek"], abs=len(rows))
    assert rows["trench_m"].sum() == pytest.approx(whole["trench_m"], abs=len(rows))
    premises = gpd.read_parquet(out / "premises.parquet")
    unserved = premises[premises["status"] == "unserved"]
    assert unserved["households"].sum() == whole["unserved_households"]
    with connect(out / "bredband.duckdb") as con:
        told = con.execute(
            "select sum(households) filter (status = 'unserved'),"
            " (select sum(length_m) from trench), (select sum(households) from priority_areas)"
            " from premises"
        ).fetchone()
    assert told is not None
    assert told[0] == told[2] == whole["unserved_households"]
    assert told[1] == pytest.approx(whole["trench_m"], abs=1)


def test_a_public_file_does_not_tell_how_few_an_area_holds(out: Path) -> None:
    public = gpd.read_file(out / "priority_areas.geojson").set_index("area_id")
    exact = stored(out, "priority_areas").set_index("area_id").loc[public.index]
    small = exact["households"] < 3
    assert small.any()
    assert (public["hidden"].astype(bool) == small).all()
    told = ["households", "premises", "workplaces", "capex_sek", "own_contribution_sek", "gap_sek"]
    assert public.loc[small, told].isna().all(axis=None)
    assert (public.loc[~small, "households"] == exact.loc[~small, "households"]).all()
    assert "cumulative_households" not in public
    assert (public["rank"].dropna().astype(int) == exact["rank"].dropna().astype(int)).all()


def test_ranks_follow_scores_and_dependencies(out: Path) -> None:
    areas = stored(out, "priority_areas")
    reached = areas[areas["reached"].astype(bool)]
    assert reached["rank"].astype(int).tolist() == list(range(1, len(reached) + 1))
    free = reached[reached["upstream_area_id"].isna() & (reached["households"] > 0)]
    assert free["score"].is_monotonic_decreasing
    # Half the score is the support per household, nothing from 50 000 SEK on.
    scores = stored(out, "scores").query("criterion == 'support_per_household'")
    value = scores.set_index("area_id")["value"].reindex(reached["area_id"]).to_numpy(float)
    each = (reached["gap_sek"].clip(lower=0) / reached["households"]).to_numpy(float)
    known = reached["households"].to_numpy() > 0
    assert value[known] == pytest.approx(np.clip(1 - each[known] / 50_000, 0, 1), abs=1e-9)
    rank = reached.set_index("area_id")["rank"]
    hung = reached[reached["upstream_area_id"].notna()]
    assert (rank[hung["upstream_area_id"]].to_numpy() < hung["rank"].to_numpy()).all()
    support = reached["gap_sek"].clip(lower=0).cumsum()
    assert (support - reached["cumulative_gap_sek"]).abs().max() < len(reached)
    inside = reached[reached["within_budget"].astype(bool)]
    assert inside["cumulative_gap_sek"].max() <= 100e6


def test_areas_can_be_put_out_to_tender(out: Path) -> None:
    areas = stored(out, "priority_areas")
    reached = areas[areas["reached"]].set_index("area_id")
    assert reached["premises"].between(1, 100).all()
    assert (reached["below_min"] == (reached["premises"] < 10)).all()
    # Those left too small lie alone, far down a road, or beyond a border.
    assert reached["below_min"].mean() < 0.15
    assert reached.loc[reached["below_min"], "premises"].sum() < 0.03 * reached["premises"].sum()
    assert reached["spread_m"].median() < 2000
    premises = gpd.read_parquet(out / "premises.parquet")
    inside = premises[premises["area_id"].notna()].groupby("area_id")["municipality_code"]
    assert (inside.min() == inside.max()).all()
    # What hangs on an area begins in its trench.
    trench = gpd.read_parquet(out / "trench.parquet")
    end = trench.set_index("to_node")["area_id"]
    above = trench["from_node"].map(end)
    border = above.notna() & (above != trench["area_id"])
    needed = trench.loc[border, "area_id"].map(reached["upstream_area_id"])
    assert (needed == above[border]).all()
    assert set(trench.loc[border, "area_id"]) <= set(
        reached.index[reached["upstream_area_id"].notna()]
    )
    assert areas["name"].is_unique
    assert areas["gap_p10_sek"].lt(areas["gap_p90_sek"])[areas["reached"]].all()
    for name in ("segment", "distance_to_fibre_m", "spacing_m", "fair_sek_per_party"):
        assert areas.loc[areas["reached"], name].notna().all(), name


def test_households_below_each_edge_add_up(out: Path) -> None:
    trench = gpd.read_parquet(out / "trench.parquet")
    premises = gpd.read_parquet(out / "premises.parquet")
    reached = premises.loc[premises["reach"] == "trench", "households"].sum()
    taps = ~trench["from_node"].isin(trench["to_node"])
    assert trench.loc[taps, "households_below"].sum() == reached
    # A tree: every node is reached by one edge.
    assert trench["to_node"].is_unique


def test_those_not_reached_are_reported(out: Path, cost: pd.DataFrame) -> None:
    premises = gpd.read_parquet(out / "premises.parquet")
    by_reach = premises["reach"].value_counts()
    assert by_reach["no_road"] > 0
    assert by_reach["no_fibre"] > 0
    whole = cost[cost["area_kind"] == "region"].iloc[0]
    assert whole["unreached_premises"] == by_reach["no_road"] + by_reach["no_fibre"]


def test_synthetic_is_said_everywhere(made: tuple[Path, Path, str]) -> None:
    data, out, said = made
    assert "Syntetiska data" in said
    assert set(gpd.read_parquet(out / "premises.parquet")["provenance"]) == {"synthetic"}
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    marks = {item["layer"]: item["provenance"] for item in manifest["inputs"]}
    assert marks["municipalities"] == "real"
    assert {marks[name] for name in ("premises", "roads", "fibre", "coverage")} == {"synthetic"}
    areas = json.loads((out / "priority_areas.geojson").read_text(encoding="utf-8"))
    assert areas["provenance"] == "synthetic"
    page = (out / "map.html").read_text(encoding="utf-8")
    assert "Syntetiska data" in page
    assert "påhittade" in (data / "README.md").read_text(encoding="utf-8").casefold()
    for name in ("coverage.csv", "goals.csv", "cost.csv"):
        assert set(pd.read_csv(out / name)["provenance"]) == {"synthetic"}
    assert set(gpd.read_parquet(out / "trench.parquet")["provenance"]) == {"synthetic"}
    assert {area["properties"]["provenance"] for area in areas["features"]} == {"synthetic"}


def test_terminal_ends_with_table_and_paths(made: tuple[Path, Path, str]) -> None:
    _, out, said = made
    assert "Överkalix" in said
    assert "55,0" in said
    for name in ("map.html", "report.html", "tables.xlsx", "bredband.gpkg"):
        assert str(out / name) in said
        assert (out / name).is_file()


def test_the_same_seed_makes_the_same_data(made: tuple[Path, Path, str], tmp_path: Path) -> None:
    data, _, _ = made
    make_norrbotten(tmp_path / "again")

    def digests(folder: Path) -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.iterdir())
            if path.suffix in {".parquet", ".csv", ".toml", ".md"}
        }

    first = digests(data)
    assert len(first) >= 6
    assert digests(tmp_path / "again") == first
