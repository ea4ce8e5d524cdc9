"""The store: DuckDB offline, and folders that are complete or not there."""

from __future__ import annotations

from pathlib import Path

import duckdb
import geopandas as gpd
import pandas as pd
import pytest
import shapely
from bredband_gis.errors import GeodataError
from bredband_gis.store import connect, write_file, write_folder, write_table


def _earlier_result(folder: Path) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(MADE, encoding="utf-8")
    (folder / "old.csv").write_text("old", encoding="utf-8")
    return folder


MADE = '{"made_by": "bredband", "files": {"old.csv": {}}}'


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_connect_has_spatial_and_writes_nothing_to_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    con = connect()
    assert con.execute("SELECT ST_Length(ST_GeomFromText('LINESTRING (0 0, 3 4)'))").fetchone() == (
        5,
    )
    with pytest.raises(duckdb.Error):
        con.execute("SELECT * FROM read_xlsx('a.xlsx')")  # would have to be fetched
    con.close()
    assert _names(tmp_path) == []


def test_connect_to_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    path.write_bytes(b"no database" * 2000)
    with pytest.raises(GeodataError, match=r"a\.duckdb: the database cannot be opened"):
        connect(path)


def test_table_keeps_text_numbers_dates_and_missing_values(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "kod": pd.Series(["0114", None], dtype="str"),
            "namn": pd.Series(["Överkalix", "Åre"], dtype="str"),
            "n": pd.Series([1, None], dtype="Int64"),
            "x": [1.5, float("nan")],
            "ja": [True, False],
        }
    ).set_index(pd.Index([7, 9]))
    con = connect(tmp_path / "a.duckdb")
    write_table(con, "t", frame)
    con.close()
    con = connect(tmp_path / "a.duckdb")
    assert con.execute("SELECT * FROM t").fetchall() == [
        ("0114", "Överkalix", 1, 1.5, True),
        (None, "Åre", None, None, False),
    ]
    write_table(con, "t", frame.head(1))  # replaces it
    assert con.execute("SELECT count(*) FROM t").fetchone() == (1,)
    con.close()


@pytest.mark.parametrize("code", [3006, 3011, 2056, 25832])
def test_geometry_keeps_its_crs(code: int) -> None:
    frame = gpd.GeoDataFrame(
        {"namn": ["Överkalix", "tom"]},
        geometry=[shapely.box(0, 0, 10, 20), None],
        crs=code,
    )
    con = connect()
    write_table(con, 'with "quotes"', frame)
    (kind,) = con.execute(
        """SELECT data_type FROM duckdb_columns() WHERE column_name = 'geometry'"""
    ).fetchone()
    assert kind == f"GEOMETRY('EPSG:{code}')"
    assert con.execute('SELECT ST_Area(geometry) FROM "with ""quotes"""').fetchall() == [
        (200,),
        (None,),
    ]
    back = gpd.GeoDataFrame.from_arrow(
        con.execute('SELECT * FROM "with ""quotes"""').to_arrow_table()
    )
    assert back.crs.to_epsg() == code
    assert back.geometry[0].equals(frame.geometry[0])
    con.close()


def test_table_of_geometry_goes_out_as_geoparquet(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(5e5, 7e6)], crs=3006)
    con = connect()
    write_table(con, "t", frame)
    con.execute(f"COPY t TO '{(tmp_path / 't.parquet').as_posix()}' (FORMAT parquet)")
    con.close()
    back = gpd.read_parquet(tmp_path / "t.parquet")
    assert back.crs.to_epsg() == 3006
    assert back.geometry[0].equals(frame.geometry[0])


def test_folder_appears_when_complete(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "er" / "out"
    with write_folder(out) as folder:
        (folder / "manifest.json").write_text(MADE, encoding="utf-8")
        assert not out.exists()
        assert folder.parent == out.parent  # the same disk, so that moving is renaming
    assert _names(out) == ["manifest.json"]
    assert _names(out.parent) == ["out"]


def test_folder_replaces_an_earlier_result(tmp_path: Path) -> None:
    out = _earlier_result(tmp_path / "out")
    with write_folder(out) as folder:
        (folder / "new.csv").write_text("new", encoding="utf-8")
        assert _names(out) == ["manifest.json", "old.csv"]
    assert _names(out) == ["new.csv"]
    assert _names(tmp_path) == ["out"]


def test_folder_may_be_there_and_empty(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with write_folder(tmp_path / "out") as folder:
        (folder / "new.csv").write_text("new", encoding="utf-8")
    assert _names(tmp_path / "out") == ["new.csv"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_earlier_result_survives_a_failure(tmp_path: Path, error: type[BaseException]) -> None:
    out = _earlier_result(tmp_path / "out")

    def fail() -> None:
        with write_folder(out) as folder:
            (folder / "half.csv").write_text("half", encoding="utf-8")
            raise error

    with pytest.raises(error):
        fail()
    assert _names(out) == ["manifest.json", "old.csv"]
    assert _names(tmp_path) == ["out"]


def test_earlier_result_comes_back_when_the_new_one_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = _earlier_result(tmp_path / "out")
    rename = Path.rename

    def locked(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise PermissionError(13, "The file is used by another process")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", locked)
    with pytest.raises(GeodataError, match="close the programs"), write_folder(out) as folder:
        (folder / "new.csv").write_text("new", encoding="utf-8")
    assert _names(out) == ["manifest.json", "old.csv"]
    assert _names(tmp_path) == ["out"]


def test_folder_of_somebodys_files_is_never_replaced(tmp_path: Path) -> None:
    documents = tmp_path / "Documents"
    documents.mkdir()
    (documents / "letter.docx").write_text("dear", encoding="utf-8")
    entered = False
    with pytest.raises(GeodataError, match="no earlier result"), write_folder(documents):
        entered = True
    assert not entered  # refused before anything is computed
    assert _names(documents) == ["letter.docx"]
    assert _names(tmp_path) == ["Documents"]


def test_folder_filled_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def fill() -> None:
        with write_folder(out):
            out.mkdir()
            (out / "letter.docx").write_text("dear", encoding="utf-8")

    with pytest.raises(GeodataError, match="no earlier result"):
        fill()
    assert _names(out) == ["letter.docx"]
    assert _names(tmp_path) == ["out"]


def test_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(GeodataError, match="a file with this name"), write_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_text(encoding="utf-8") == "a file"


def test_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file", encoding="utf-8")
    with (
        pytest.raises(GeodataError, match="cannot be written"),
        write_folder(tmp_path / "file" / "o"),
    ):
        pass


def test_what_the_planner_laid_in_the_folder_stays(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text(MADE, encoding="utf-8")
    (out / "old.csv").write_text("1", encoding="utf-8")
    (out / "anteckningar.docx").write_text("viktigt", encoding="utf-8")
    with write_folder(out) as folder:
        (folder / "manifest.json").write_text(MADE, encoding="utf-8")
    assert _names(out) == ["anteckningar.docx", "manifest.json"]
    assert (out / "anteckningar.docx").read_text(encoding="utf-8") == "viktigt"


@pytest.mark.parametrize("text", ["{}", '{"name": "My web app"}', "cut off", '{"files": ["a"]}'])
def test_a_manifest_of_another_program_protects_its_folder(text, tmp_path):
    out = tmp_path / "app"
    (out / "src").mkdir(parents=True)
    (out / "manifest.json").write_text(text, encoding="utf-8")
    (out / "src" / "a.py").write_text("viktigt", encoding="utf-8")
    with pytest.raises(GeodataError, match="no earlier result"), write_folder(out):
        pass
    assert (out / "src" / "a.py").read_text(encoding="utf-8") == "viktigt"
    assert (out / "manifest.json").read_text(encoding="utf-8") == text


def test_a_file_whose_name_a_result_takes_is_kept_under_another(tmp_path):
    out = tmp_path / "out"
    with write_folder(out) as folder:
        (folder / "manifest.json").write_text(MADE, encoding="utf-8")
    (out / "report.html").write_text("mine", encoding="utf-8")
    with write_folder(out) as folder:
        (folder / "manifest.json").write_text(MADE, encoding="utf-8")
        (folder / "report.html").write_text("new", encoding="utf-8")
    assert (out / "report.html").read_text(encoding="utf-8") == "new"
    assert (out / "report.html.old").read_text(encoding="utf-8") == "mine"


# --- a file --------------------------------------------------------------------------


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "page.html"
    for text in ("first", "second"):
        with write_file(path) as new:
            assert new.suffix == ".html"
            new.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text

    def fail() -> None:
        with write_file(path) as new:
            new.write_text("half", encoding="utf-8")
            new.with_name(new.name + "-journal").write_text("half", encoding="utf-8")
            1 / 0  # noqa: B018

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text(encoding="utf-8") == "second"
    assert [one.name for one in path.parent.iterdir()] == ["page.html"]


class NoRoomError(Exception):
    """What some writer raises."""


def test_a_file_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(GeodataError, match="cannot be written") as caught,
        write_file(tmp_path / "file" / "page.html"),
    ):
        pass
    assert caught.value.fix.startswith("close the program")

    def fail() -> None:
        with write_file(tmp_path / "x.gpkg", errors=(NoRoomError,), fix="do this") as new:
            new.touch()
            raise NoRoomError("no room")  # noqa: EM101

    with pytest.raises(GeodataError, match=r"cannot be written \(no room\)") as caught:
        fail()
    assert caught.value.fix == "do this"
    assert not list(tmp_path.glob(".x*"))
