"""Reading what a run wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bredband_gis.store import connect

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def stored(out: Path, name: str) -> pd.DataFrame:
    """Give a table of the database, without its geometry."""
    with connect(out / "bredband.duckdb") as con:
        columns = [row[0] for row in con.execute(f"describe {name}").fetchall()]
        kept = ", ".join(f'"{column}"' for column in columns if column != "geometry")
        return con.execute(f"select {kept} from {name} order by rowid").df()
