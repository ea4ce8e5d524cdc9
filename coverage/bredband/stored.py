"""Reading back what a run wrote: its tables with their types, and its manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import duckdb
import geopandas as gpd
import pandas as pd
import pyarrow as pa
import shapely
from bredband_gis.errors import GeodataError, UnreadableSourceError
from bredband_gis.store import MAKER, MANIFEST, first_line, quote_name

from bredband.tables import (
    BUILD_ORDER,
    COST,
    COST_CURVE,
    GOAL_COST,
    GOALS,
    INTERVALS,
    LAST_RESORT,
    MOBILE,
    MUNICIPALITIES,
    POPULATION,
    SET_ASIDE,
    SHARE_SUMMARY,
    SHARES,
    STANDING,
    STATE_AID,
    STATISTICS,
    STATUS,
    TECHNOLOGY,
    TORNADO,
    TRENCH,
    need_columns,
)
from bredband.tables_areas import AREAS
from bredband.tables_choice import (
    CHOICE,
    CHOICE_SUMMARY,
    NESTED,
    NESTED_AREAS,
    PAYMENTS,
    YEARS,
    YEARS_SUMMARY,
)
from bredband.tables_pts import (
    COMPETITION,
    CONSULTATION,
    EXCLUSION_COUNTS,
    EXCLUSIONS,
    MARK_COMPARISON,
    MARKS,
    PTS_BUILDINGS,
    PTS_CALIBRATION,
    PTS_PROJECTS,
    PTS_RULES,
)
from bredband.tables_roads import ROAD_COMPONENTS
from bredband.tables_scores import FLIPS, MOTIVATIONS, ROBUSTNESS, SCORES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandera.pandas as pa_schema

DATABASE: Final = "bredband.duckdb"
"""The file that holds every table of a run."""

NETWORK: Final = "backbone.duckdb"
"""The file that holds the tables of a network between places."""

RESULT_SCHEMAS: Final[dict[str, pa_schema.DataFrameSchema]] = {
    **{
        str(schema.name): schema
        for schema in (
            STATISTICS, TECHNOLOGY, STATE_AID, STANDING, MOBILE, POPULATION, GOALS, COST,
            ROAD_COMPONENTS, SHARES, SHARE_SUMMARY, COST_CURVE, BUILD_ORDER, GOAL_COST,
            LAST_RESORT, INTERVALS, TORNADO, SCORES, MOTIVATIONS, ROBUSTNESS, FLIPS, CHOICE,
            PAYMENTS, CHOICE_SUMMARY, NESTED, NESTED_AREAS, YEARS, YEARS_SUMMARY, PTS_RULES,
            CONSULTATION, PTS_BUILDINGS, EXCLUSIONS, EXCLUSION_COUNTS, PTS_PROJECTS, MARKS,
            COMPETITION, MARK_COMPARISON, PTS_CALIBRATION, MUNICIPALITIES, TRENCH, AREAS,
            SET_ASIDE,
        )
    },
    "premises": STATUS,
}  # fmt: skip
"""The schema of each table of a run that has one, by the table's name."""

_RERUN: Final = "run the region again: bredband run FOLDER"
_NAME_ONE: Final = f"name a folder that bredband run has made, or {_RERUN}"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a run's folder says of itself.

    Parameters
    ----------
    folder : Path
        A folder that ``bredband run`` wrote.

    Returns
    -------
    dict
        ``manifest.json``: region, inputs, settings, network, sums, files, versions.

    Raises
    ------
    UnreadableSourceError
        There is no such folder or no manifest, or the manifest is damaged.
    GeodataError
        Something else made the folder, such as a comparison of two runs.
    """
    path = folder / MANIFEST
    if not path.is_file():
        msg = f"there is no {MANIFEST}: this is no folder of results"
        raise UnreadableSourceError(msg, where=str(folder), fix=_NAME_ONE)
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        made_by = manifest["made_by"]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"the manifest is not a run's ({type(error).__name__}: {first_line(error)})"
        raise UnreadableSourceError(msg, where=str(path), fix=_RERUN) from None
    if made_by != MAKER:
        msg = f"the manifest was made by {made_by!r}"
        raise GeodataError(msg, where=str(path), fix=_NAME_ONE)
    missing = [name for name in ("region", "settings", "files") if name not in manifest]
    if missing or DATABASE not in manifest["files"]:
        msg = f"the manifest is not a run's: it has no {(missing or [DATABASE])[0]}"
        raise GeodataError(msg, where=str(path), fix=_NAME_ONE)
    return manifest


def read_tables(folder: Path, names: Iterable[str] | None = None) -> dict[str, pd.DataFrame]:
    """Read the tables of a run's folder as they were written.

    Parameters
    ----------
    folder : Path
        A folder that ``bredband run`` wrote.
    names : iterable of str, optional
        Only these; one that the run did not make is left out. All when not given.

    Returns
    -------
    dict of DataFrame
        By name, in the order of the database, with the types of their schemas and rows
        counted from 0; a GeoDataFrame in the region's CRS where there is geometry.

    Raises
    ------
    UnreadableSourceError
        A file is missing, cut off or damaged.
    GeodataError
        The folder is no run's, or a table lacks columns: another version made it.
    """
    manifest = read_manifest(folder)
    path = folder / DATABASE
    _refuse_cut(path, manifest)
    crs = _crs(manifest, folder)
    wanted = None if names is None else set(names)
    try:
        with _open(path) as con:
            listed = con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY table_oid"
            ).fetchall()
            return {
                name: _read_table(con, name, crs=crs, folder=folder)
                for (name,) in listed
                if wanted is None or name in wanted
            }
    except duckdb.Error as error:
        msg = f"the tables cannot be read ({first_line(error)})"
        fix = f"close the programs that have it open, or {_RERUN}"
        raise UnreadableSourceError(msg, where=str(path), fix=fix) from None


def read_stretches(folder: Path) -> tuple[gpd.GeoDataFrame, bool]:
    """Read the stretches of a network between places.

    Parameters
    ----------
    folder : Path
        A folder that ``bredband backbone`` wrote.

    Returns
    -------
    GeoDataFrame, bool
        ``tables_backbone.STRETCHES``, everything exact; and whether they are straight links.

    Raises
    ------
    UnreadableSourceError
        A file is missing or damaged.
    GeodataError
        Something else made the folder.
    """
    fix = "name a folder that bredband backbone has made"
    path, told = folder / NETWORK, folder / MANIFEST
    for file in (told, path):
        if not file.is_file():
            msg = f"there is no {file.name}: this is no network between places"
            raise UnreadableSourceError(msg, where=str(folder), fix=fix)
    try:
        manifest = json.loads(told.read_text(encoding="utf-8"))
        crs = str(manifest["settings"]["region"]["crs"])
        straight = manifest["network"]["along"] != "roads"
        made_by = manifest["made_by"]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"the manifest is not a network's ({first_line(error)})"
        raise UnreadableSourceError(msg, where=str(told), fix=fix) from None
    if made_by != MAKER:
        msg = f"the manifest was made by {made_by!r}"
        raise GeodataError(msg, where=str(told), fix=fix)
    try:
        with _open(path) as con:
            table = con.execute("SELECT * FROM stretches ORDER BY rowid").to_arrow_table()
    except duckdb.Error as error:
        msg = f"the stretches cannot be read ({first_line(error)})"
        raise UnreadableSourceError(msg, where=str(path), fix=fix) from None
    frame: pd.DataFrame = table.drop_columns(["geometry"]).to_pandas(ignore_metadata=True)
    need_columns(frame, ["stretch_id", "new", "second_route", "length_m", "sek"], str(path))
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=crs), straight


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a database to read, without a word to the network."""
    config: dict[str, Any] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(str(path), read_only=True, config=config)


def is_public(manifest: Mapping[str, Any]) -> bool:
    """Tell whether what is made from a result is to be shown to others: so unless it says not."""
    settings = manifest.get("settings", {}).get("publication", {})
    return bool(settings.get("detail", "public") == "public")


def _crs(manifest: dict[str, Any], folder: Path) -> str:
    try:
        return str(manifest["settings"]["region"]["crs"])
    except (KeyError, TypeError):
        msg = "the manifest does not say which CRS the region is in"
        raise UnreadableSourceError(msg, where=str(folder / MANIFEST), fix=_RERUN) from None


def _refuse_cut(path: Path, manifest: dict[str, Any]) -> None:
    if not path.is_file():
        msg = f"there is no {DATABASE}: the results are not whole"
        raise UnreadableSourceError(msg, where=str(path.parent), fix=_RERUN)
    said, size = manifest["files"][DATABASE].get("bytes", 0), path.stat().st_size
    if size < said:
        msg = f"the file is cut off: it holds {size} of the {said} bytes that its manifest says"
        fix = f"copy the whole file again, or {_RERUN}"
        raise UnreadableSourceError(msg, where=str(path), fix=fix)


def _read_table(
    con: duckdb.DuckDBPyConnection, name: str, *, crs: str, folder: Path
) -> pd.DataFrame:
    columns = [row[0] for row in con.execute(f"DESCRIBE {quote_name(name)}").fetchall()]
    # Points are made from x and y, which takes a tenth of the time of reading them.
    points = {"x", "y", "geometry"} <= set(columns)
    kept = [quote_name(column) for column in columns if not (points and column == "geometry")]
    table: pa.Table = con.execute(
        f"SELECT {', '.join(kept)} FROM {quote_name(name)} ORDER BY rowid"
    ).to_arrow_table()
    spatial = "geometry" in columns
    plain = table.drop_columns(["geometry"]) if spatial and not points else table
    frame = _typed(plain, name, folder=folder)
    if not spatial:
        return frame
    shapes = (
        shapely.points(frame["x"].to_numpy(), frame["y"].to_numpy())
        if points
        else shapely.from_wkb(table["geometry"].to_numpy())
    )
    made: pd.DataFrame = gpd.GeoDataFrame(frame, geometry=shapes, crs=crs)
    return made[columns]


def _typed(table: pa.Table, name: str, *, folder: Path) -> pd.DataFrame:
    """Give a frame with the types of the table's schema, and nullable ones without a schema."""
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=nullable.get, ignore_metadata=True)
    schema = RESULT_SCHEMAS.get(name)
    columns = {} if schema is None else schema.columns
    missing = [column for column, told in columns.items() if told.required and column not in frame]
    if missing:
        msg = (
            f"the table {name} lacks {', '.join(missing)}: the results were made by another"
            " version of bredband"
        )
        raise GeodataError(msg, where=str(folder), fix=_RERUN)
    types = {
        column: _type(str(columns[column].dtype)) if column in columns else _plain(values)
        for column, values in frame.items()
    }
    types = {column: kind for column, kind in types.items() if str(frame[column].dtype) != kind}
    try:
        typed: pd.DataFrame = frame.astype(types)
    except (ValueError, TypeError) as error:
        msg = (
            f"the table {name} holds what it should not ({first_line(error)}): another version"
            " of bredband made it, or it was changed"
        )
        raise GeodataError(msg, where=str(folder), fix=_RERUN) from None
    return typed


def _type(kind: str) -> str:
    return "str" if kind.startswith("string") else kind


def _plain(values: pd.Series[Any]) -> str:
    """Give the type without empty values where there are none."""
    kind = str(values.dtype)
    return {"Int64": "int64", "boolean": "bool"}.get(kind, kind) if not values.hasnans else kind
