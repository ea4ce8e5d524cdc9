"""What a run wrote is read back as it was; what is no result is refused in one sentence."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
from bredband import results
from bredband.stored import RESULT_SCHEMAS, is_public, read_manifest, read_tables
from bredband.tables import check_table
from bredband_gis.errors import GeodataError, UnreadableSourceError
from bredband_gis.store import connect
from finished import finished, rewrite_manifest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["finished"]


@pytest.fixture(scope="module")
def tables(finished: Path) -> dict[str, pd.DataFrame]:
    return read_tables(finished)


def test_every_table_follows_its_schema(tables: dict[str, pd.DataFrame]) -> None:
    assert {"coverage", "cost", "premises", "trench", "priority_areas"} <= set(tables)
    for name, table in tables.items():
        if name in RESULT_SCHEMAS:
            check_table(table, RESULT_SCHEMAS[name], where=name)
        assert table.index.equals(pd.RangeIndex(len(table)))


def test_types_are_those_of_memory(tables: dict[str, pd.DataFrame], finished: Path) -> None:
    written = gpd.read_parquet(finished / "premises.parquet")
    read = tables["premises"]
    assert isinstance(read, gpd.GeoDataFrame)
    assert read.crs == written.crs
    assert read.geometry.geom_equals(written.geometry).all()
    common = [name for name in written if name != "geometry"]
    for name in common:
        assert str(read[name].dtype) == str(written[name].dtype), name
        assert (read[name].isna() == written[name].isna()).all()
        assert (read[name].dropna() == written[name].dropna()).all()


def test_lines_and_polygons_come_back(tables: dict[str, pd.DataFrame], finished: Path) -> None:
    written = gpd.read_parquet(finished / "trench.parquet")
    read = tables["trench"]
    assert isinstance(read, gpd.GeoDataFrame)
    assert read.geometry.geom_equals(written.geometry).all()
    assert set(tables["priority_areas"].geom_type) <= {"Polygon", "MultiPolygon"}
    assert tables["municipalities"].crs.to_epsg() == 3006


def test_whole_numbers_and_truths_may_be_missing(tables: dict[str, pd.DataFrame]) -> None:
    areas = tables["priority_areas"]
    assert str(areas["rank"].dtype) == "Int64"
    assert areas.loc[~areas["reached"], "rank"].isna().all()
    assert str(areas["within_budget"].dtype) == "boolean"
    assert str(areas["reached"].dtype) == "bool"


def test_only_what_is_asked_for(finished: Path) -> None:
    assert list(read_tables(finished, ["cost", "coverage", "no_such"])) == ["cost", "coverage"]


def test_every_table_of_a_run_has_its_schema() -> None:
    assert set(results.FOLLOWING) <= set(RESULT_SCHEMAS)
    for name, schema in results.FOLLOWING.items():
        assert RESULT_SCHEMAS[name] is schema


def test_public_unless_it_says_not() -> None:
    assert is_public({})
    assert is_public({"settings": {"publication": {"detail": "public"}}})
    assert not is_public({"settings": {"publication": {"detail": "internal"}}})


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "copy")


def cut(folder: Path) -> None:
    path = folder / "bredband.duckdb"
    path.write_bytes(path.read_bytes()[:-4096])


def spoil(folder: Path) -> None:
    path = folder / "bredband.duckdb"
    path.write_bytes(b"x" * path.stat().st_size)


def no_database(folder: Path) -> None:
    (folder / "bredband.duckdb").unlink()


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def cut_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8")[:200], encoding="utf-8")


def list_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[1]", encoding="utf-8")


def other_maker(folder: Path) -> None:
    rewrite_manifest(folder, lambda content: content.update(made_by="somebody"))


def other_kind(folder: Path) -> None:
    rewrite_manifest(folder, lambda content: content.pop("settings"))


def no_crs(folder: Path) -> None:
    rewrite_manifest(folder, lambda content: content["settings"]["region"].pop("crs"))


def sql(*statements: str) -> Any:
    def change(folder: Path) -> None:
        with connect(folder / "bredband.duckdb") as con:
            for statement in statements:
                con.execute(statement)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut, "cut off"),
        (spoil, "cannot be read"),
        (no_database, "no bredband.duckdb"),
        (no_manifest, "no folder of results"),
        (cut_manifest, "not a run's"),
        (list_manifest, "not a run's"),
        (other_maker, "made by 'somebody'"),
        (other_kind, "has no settings"),
        (no_crs, "which CRS"),
        (sql("ALTER TABLE cost DROP COLUMN gap_sek"), "cost lacks gap_sek.*another version"),
        (sql("UPDATE cost SET area_code = NULL",
             "ALTER TABLE cost ALTER unserved_households TYPE VARCHAR",
             "UPDATE cost SET unserved_households = 'many'"), "holds what it should not"),
    ],
)  # fmt: skip
def test_what_is_no_result_is_refused(copy: Path, change: Any, said: str) -> None:
    change(copy)
    with pytest.raises(GeodataError, match=said) as caught:
        read_tables(copy)
    assert caught.value.fix
    assert str(copy) in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="no folder of results"):
        read_manifest(tmp_path / "nowhere")


def test_an_older_result_is_said_to_be_so_only_where_it_is_read(copy: Path) -> None:
    sql("ALTER TABLE trench DROP COLUMN ground")(copy)
    assert len(read_tables(copy, ["cost"])["cost"])
    with pytest.raises(GeodataError, match="trench lacks ground"):
        read_tables(copy, ["trench"])


def test_the_manifest_is_whole(finished: Path) -> None:
    text = (finished / "manifest.json").read_text(encoding="utf-8")
    assert read_manifest(finished) == json.loads(text)
