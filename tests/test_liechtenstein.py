"""A region from an OpenStreetMap extract alone, end to end on a whole country's real input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pytest
from bredband.cli import main
from click.testing import CliRunner

if TYPE_CHECKING:
    from pathlib import Path

MUNICIPALITIES = {
    "Balzers", "Eschen", "Gamprin", "Mauren", "Planken", "Ruggell", "Schaan", "Schellenberg",
    "Triesen", "Triesenberg", "Vaduz",
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    top = tmp_path_factory.mktemp("liechtenstein")
    osm = shared_data / "liechtenstein" / "liechtenstein.osm.pbf"
    for words in (
        ["init", top / "in", "--osm", osm, "--admin-level", "8", "--demo-share", "0.8"],
        ["check", top / "in"],
        ["run", top / "in", "--out", top / "out"],
    ):
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.output
    return top / "in", top / "out"


def test_eleven_municipalities_by_name(folders: tuple[Path, Path]) -> None:
    coverage = pd.read_csv(folders[1] / "coverage.csv")
    names = coverage.loc[coverage["area_kind"] == "municipality", "area_name"]
    assert set(names) == MUNICIPALITIES
    cost = pd.read_csv(folders[1] / "cost.csv")
    assert len(cost) == 12
    assert cost.iloc[-1]["area_name"] == "Liechtenstein"


def test_fragments_of_neighbours_are_set_aside(folders: tuple[Path, Path]) -> None:
    aside = pd.read_csv(folders[1] / "set_aside.csv")
    lost = aside[aside["layer"] == "municipalities"]
    assert len(lost) == 11
    assert lost["reason"].str.contains("ligger utanför utdraget").all()


def test_share_is_the_one_asked_for(folders: tuple[Path, Path]) -> None:
    coverage = pd.read_csv(folders[1] / "coverage.csv")
    row = coverage[
        (coverage["area_kind"] == "region") & (coverage["segment"] == "total")
        & (coverage["base"] == "households") & (coverage["speed_mbit"] == 100)
    ].set_index("measure")  # fmt: skip
    assert row.loc["connected", "share"] == pytest.approx(0.8, abs=0.005)
    assert row.loc["passed", "share"] > row.loc["connected", "share"]


def test_households_are_derived_and_of_the_right_order(folders: tuple[Path, Path]) -> None:
    premises = gpd.read_parquet(folders[1] / "premises.parquet")
    assert set(premises["provenance"]) == {"derived"}
    assert premises.crs.to_epsg() == 32632
    assert 10_000 < premises["households"].sum() < 30_000


def test_every_row_is_accounted_for(folders: tuple[Path, Path]) -> None:
    manifest = json.loads((folders[1] / "manifest.json").read_text(encoding="utf-8"))
    aside = pd.read_csv(folders[1] / "set_aside.csv")
    premises = gpd.read_parquet(folders[1] / "premises.parquet")
    item = next(item for item in manifest["inputs"] if item["layer"] == "premises")
    assert item["rows_in"] == item["rows_out"] + item["rows_set_aside"]
    assert item["rows_in"] == len(premises) + (aside["layer"] == "premises").sum()
    marks = {item["layer"]: item["provenance"] for item in manifest["inputs"]}
    assert marks["roads"] == "real"
    assert marks["fibre"] == marks["coverage"] == "synthetic"
    assert manifest["provenance"] == "synthetic"


def test_trench_lies_on_the_roads(folders: tuple[Path, Path]) -> None:
    trench = gpd.read_parquet(folders[1] / "trench.parquet")
    cost = pd.read_csv(folders[1] / "cost.csv").iloc[-1]
    assert trench["length_m"].sum() == pytest.approx(cost["trench_m"], abs=1)
    assert 10_000 < cost["trench_m"] < 300_000
    assert (trench.geometry.length - trench["length_m"]).abs().max() < 0.01
    premises = gpd.read_parquet(folders[1] / "premises.parquet")
    assert premises["reach"].isin(["trench", "at_fibre"]).sum() > 0.9 * premises["reach"].count()
