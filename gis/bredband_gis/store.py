"""DuckDB with spatial, offline, and results that are complete or not there."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from pathlib import Path


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
    """
    extension = (
        importlib.resources.files("duckdb_extension_spatial")
        / "extensions"
        / f"v{duckdb.__version__}"
        / "spatial.duckdb_extension"
    )
    con = duckdb.connect(
        ":memory:" if path is None else str(path),
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    quoted = str(extension).replace("'", "''")
    con.execute(f"LOAD '{quoted}'")
    return con
