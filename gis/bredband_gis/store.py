"""DuckDB with spatial, offline, and results that are complete or not there."""

from __future__ import annotations

import importlib.resources
import json
import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import duckdb
import geopandas as gpd
import pyarrow as pa

from bredband_gis.errors import GeodataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

MANIFEST = "manifest.json"
"""The file that marks a folder as an earlier result, which may be replaced: it must say
``"made_by": MAKER`` and list the result's ``files``."""

MAKER = "bredband"


def connect(path: Path | str | None = None) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database with the spatial extension, without any network.

    Parameters
    ----------
    path : Path or str, optional
        Database file; in memory when not given.

    Returns
    -------
    DuckDBPyConnection
        Nothing is fetched and nothing is written to the home folder.

    Raises
    ------
    GeodataError
        The file is not a DuckDB database, or another program holds it open.
    """
    return _open(":memory:" if path is None else str(path))


def scratch() -> duckdb.DuckDBPyConnection:
    """Open a connection for a query that leaves nothing behind.

    Returns
    -------
    DuckDBPyConnection
        To a database in memory that serves the whole process, since loading spatial
        takes longer than most queries. What is registered or created as TEMP is the
        connection's own; nothing else may be created.
    """
    return _memory().cursor()


@lru_cache(maxsize=1)
def _memory() -> duckdb.DuckDBPyConnection:
    return _open(":memory:")


def _open(path: str) -> duckdb.DuckDBPyConnection:
    extension = (
        importlib.resources.files("duckdb_extension_spatial")
        / "extensions"
        / f"v{duckdb.__version__}"
        / "spatial.duckdb_extension"
    )
    try:
        con = duckdb.connect(
            path,
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
    except duckdb.Error as error:
        msg = f"the database cannot be opened ({first_line(error)})"
        raise GeodataError(
            msg,
            where=path,
            fix="close the program that has it open, or name another file",
        ) from None
    con.execute(f"LOAD {quote(str(extension))}")
    return con


def quote(text: str) -> str:
    """Write a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """Write a table's or column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def first_line(error: BaseException) -> str:
    """Give the first line of another library's error, shortened."""
    text = " ".join(str(error).strip().splitlines()[:1]) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."


def write_table(con: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> None:
    """Write a frame into DuckDB as a table, replacing one of the same name.

    Parameters
    ----------
    con : DuckDBPyConnection
        From :func:`connect`.
    name : str
        Name of the table.
    frame : DataFrame or GeoDataFrame
        The index is left out. The geometry becomes a GEOMETRY column that carries the
        CRS, e.g. ``GEOMETRY('EPSG:3006')``; other geometry columns likewise.
    """
    if isinstance(frame, gpd.GeoDataFrame):
        table = pa.table(frame.to_arrow(index=False, geometry_encoding="WKB"))
    else:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    view = f"_{uuid.uuid4().hex}"
    con.register(view, table)
    try:
        con.execute(f"CREATE OR REPLACE TABLE {quote_name(name)} AS SELECT * FROM {view}")
    finally:
        con.unregister(view)


@contextmanager
def write_folder(out: Path) -> Iterator[Path]:
    """Write a folder of results that is complete or not there at all.

    Files are written into a temporary folder beside `out`. When the block completes,
    that folder takes the place of `out`; on any error, Ctrl-C included, it is
    removed and an earlier result in `out` is as it was.

    Parameters
    ----------
    out : Path
        The folder. An earlier result in it is replaced as a whole; files that its
        manifest.json does not list under ``files`` are somebody's own and stay. A
        folder without a manifest.json of ours is no earlier result and is never
        replaced unless empty.

    Yields
    ------
    Path
        The temporary folder. Close every file in it, databases too, before the block
        ends: Windows does not move a folder with open files.

    Raises
    ------
    GeodataError
        `out` is a file, or a folder with something in it other than an earlier result,
        or it cannot be written or replaced.
    """
    out = out.resolve()
    _refuse_to_replace(out)
    mark = uuid.uuid4().hex[:8]
    new = out.with_name(f".{out.name}.{mark}.new")
    try:
        new.mkdir(parents=True)
    except OSError as error:
        msg = f"the folder cannot be written ({error.strerror})"
        raise GeodataError(
            msg,
            where=str(out),
            fix="choose a folder that you may write in, e.g. with --out",
        ) from None
    try:
        yield new
        _refuse_to_replace(out)  # something may have come there meanwhile
        _replace(out, new, out.with_name(f".{out.name}.{mark}.old"))
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


@contextmanager
def write_file(
    path: Path,
    *,
    fix: str = "close the program that has it open, or name another file",
    errors: tuple[type[Exception], ...] = (),
) -> Iterator[Path]:
    """Give a path to write a file to, which takes the place of `path` when the block completes.

    Parameters
    ----------
    path : Path
        The file; one that is there is replaced when the new one is complete. Its folder is
        made where there is none.
    fix : str
        What to do when it cannot be written.
    errors : tuple of type, optional
        What the writer raises, besides OSError, when it cannot write.

    Yields
    ------
    Path
        A name beside `path`, with its ending.

    Raises
    ------
    GeodataError
        The file cannot be written.
    """
    path = path.resolve()
    new = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    caught: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield new
        os.replace(new, path)  # noqa: PTH105 - says that it replaces
    except caught as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"the file cannot be written ({reason})"
        raise GeodataError(msg, where=str(path), fix=fix) from None
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):  # SQLite's own beside a GeoPackage
            with suppress(OSError):
                new.with_name(new.name + suffix).unlink()


def _refuse_to_replace(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        msg = "there is a file with this name"
        raise GeodataError(msg, where=str(out), fix="name a folder")
    if any(out.iterdir()) and _listed(out) is None:
        msg = f"the folder holds files and is no earlier result (it has no {MANIFEST} of ours)"
        raise GeodataError(
            msg,
            where=str(out),
            fix=f"name a new or an empty folder, e.g. {out / 'bredband'}",
        )


def _replace(out: Path, new: Path, old: Path) -> None:
    """Move `new` to `out`; what was there comes back when that fails."""
    fix = "close the programs that have files in the folder open (QGIS, Excel) and run again"
    had = out.exists()
    try:
        if had:
            out.rename(old)
        try:
            new.rename(out)
        except BaseException:
            if had:
                old.rename(out)
            raise
    except OSError as error:
        msg = f"the earlier result cannot be replaced ({error.strerror or error})"
        raise GeodataError(msg, where=str(out), fix=fix) from None
    if not had:
        return
    # Only what the earlier result listed goes; what else lay there is somebody's own.
    ours = _listed(old) or set()
    for path in old.iterdir():
        if path.name not in ours:
            path.rename(_free_name(out, path.name))
    shutil.rmtree(old, ignore_errors=True)


def _free_name(folder: Path, name: str) -> Path:
    """Give a path in the folder that nothing has yet: the name, or the name with .old after it."""
    path = folder / name
    while path.exists():
        path = path.with_name(f"{path.name}.old")
    return path


def _listed(folder: Path) -> set[str] | None:
    """Give the files that an earlier result of ours consists of; None where it is none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["made_by"] != MAKER:
            return None
        return {MANIFEST, *manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
