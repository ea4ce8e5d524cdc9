"""Reading the lists, areas and borders that submissions are made of and checked against.

PTS's own list is a table with whole metres in SWEREF 99 TM; its columns are not known (I), so
they are recognised by many names, and easting is told from northing by its size.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb
import geopandas as gpd
import numpy as np
import pandas as pd
from bredband_gis.crs import transform_points
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    MissingColumnError,
    UnreadableSourceError,
)
from bredband_gis.files import Source
from bredband_gis.sources import read_layer, read_table
from bredband_gis.store import MAKER, MANIFEST, connect, first_line, quote, quote_name
from bredband_gis.tabular import CSV_SUFFIXES, XLSX_SUFFIXES, as_text, parse_numbers

from bredband.submission import clean_text
from bredband.submission_files import AREAS_GEOJSON, SHEETS
from bredband.submission_read import FALSE, JSON_SUFFIXES, TRUE, read_draft, read_text
from bredband.submission_schema import sweden, sweref

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

DATABASE: Final = "bredband.duckdb"

_PLAIN: Final = (str, int, float, bool)

_RERUN: Final = "run the region again: bredband run FOLDER"

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "premises_id": (
        "premisesid", "byggnadsid", "byggnadid", "buildingid", "byggnad", "objektid",
        "byggnadsidentitet", "uuidbyggn", "kombid", "id",
    ),
    "e": ("e3006", "e", "easting", "east", "ost", "öst", "ostkoordinat", "östkoordinat", "ekoord",
          "ekoordinat", "sweref99e", "swerefe", "esweref99tm", "x", "xkoord", "xkoordinat"),
    "n": ("n3006", "n", "northing", "north", "nord", "nordkoordinat", "nkoord", "nkoordinat",
          "sweref99n", "swerefn", "nsweref99tm", "y", "ykoord", "ykoordinat"),
    "lon": ("lon", "long", "lng", "longitude", "longitud"),
    "lat": ("lat", "latitude", "latitud"),
    "municipality_code": ("municipalitycode", "kommunkod", "knkod"),
    "municipality_name": ("municipalityname", "municipality", "kommunnamn", "kommun", "knnamn",
                          "name", "namn"),
    "households": ("households", "hushåll", "antalhushåll"),
    "workplaces": ("workplaces", "arbetsställen", "arbetsställe", "antalarbetsställen"),
    "holiday_homes": ("holidayhomes", "fritidshus", "antalfritidshus"),
    "kind": ("kind", "slag", "byggnadsslag"),
    "eligible": ("eligible", "stödberättigad"),
    "in_base": ("inbase", "räknasikvoten", "householdorworkplace"),
    "marked": ("marked", "prioriterad", "markerad", "prioriteras", "prio"),
    "rank": ("rank", "rang", "ordning", "prioritet", "prioritetsordning"),
    "comment": ("comment", "kommentar", "motivation", "motivering", "anteckning", "skäl"),
}  # fmt: skip
"""Our column = the names that it is recognised by, letters and digits only, the best first."""


def read_list(path: Path) -> pd.DataFrame:
    """Read a list of buildings to check submissions against.

    Parameters
    ----------
    path : Path
        A run's folder, a submission of ours, or any table or layer of buildings.

    Returns
    -------
    DataFrame
        ``premises_id`` and, where the list has them, ``e_3006``, ``n_3006``,
        ``municipality_code``, ``households``, ``workplaces``, ``holiday_homes``, ``kind``,
        ``eligible`` and ``in_base``. A list without ``eligible`` is taken to hold eligible
        buildings only, as PTS's does; ``in_base`` is worked out from households and
        workplaces where it can be.

    Raises
    ------
    GeodataError
        The file cannot be read, or no column holds ids, or ids stand twice.
    """
    if path.is_dir():
        found = read_tables(path, ("pts_buildings",))["pts_buildings"]
        x, y = transform_points(found["x"], found["y"], read_manifest(path).crs, 3006)
        found = found.assign(e_3006=np.rint(x), n_3006=np.rint(y))
    else:
        frame, _ = _read_any(path)
        names = known_names(frame)
        if "premises_id" not in names:
            msg = "no column holds the ids of buildings"
            there = f"rename it to premises_id; there is: {', '.join(map(str, frame))}"
            raise MissingColumnError(msg, where=path.name, fix=there)
        found = pd.DataFrame({"premises_id": as_text(frame[names["premises_id"]])})
        found = found.assign(**_places(frame, names))
        for name in ("municipality_code", "kind"):
            if name in names:
                found[name] = as_text(frame[names[name]])
        for name in ("households", "workplaces", "holiday_homes"):
            if name in names:
                found[name] = parse_numbers(frame[names[name]]).values
        for name in ("eligible", "in_base"):
            if name in names:
                found[name] = read_flags(frame[names[name]], name, path.name)
    found = found[found["premises_id"].notna()].reset_index(drop=True)
    twice = found["premises_id"][found["premises_id"].duplicated()]
    if len(twice):
        msg = f"{twice.nunique()} premises_id stand on more than one row, e.g. {twice.iloc[0]}"
        raise DuplicateIdsError(msg, where=path.name, fix="remove the duplicates")
    if "eligible" not in found:
        found["eligible"] = True
    if "in_base" not in found and {"households", "workplaces"} <= set(found):
        found["in_base"] = found[["households", "workplaces"]].sum(axis=1) > 0
    return found


def known_names(columns: Iterable[object]) -> dict[str, str]:
    """Recognise columns by their names: our name = theirs.

    A name that fits several of ours goes to the first; the best of several that fit is taken.
    """
    plain = {re.sub(r"[\W_]+", "", str(name).casefold()): str(name) for name in columns}
    found: dict[str, str] = {}
    for our, names in _NAMES.items():
        theirs = next((plain[name] for name in names if name in plain), None)
        if theirs is not None and theirs not in found.values():
            found[our] = theirs
    return found


def _read_any(path: Path) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Read a table of any kind, and the number of each line or feature.

    A layer's points become columns lon and lat, or e_3006 and n_3006.
    """
    suffix = path.suffix.casefold()
    if suffix in JSON_SUFFIXES:
        draft = read_draft(path)
        if len(draft):
            plain = draft.table.map(lambda one: one if type(one) in _PLAIN else None)
            return plain.assign(lon=draft.lon, lat=draft.lat), draft.numbers
        said = draft.found[0].rule if draft.found else "no-features"
        msg = f"the file is no GeoJSON that can be read ({said})"
        fix = f"see what is wrong: bredband pts validate {path.name}"
        raise UnreadableSourceError(msg, where=path.name, fix=fix)
    if suffix in (*CSV_SUFFIXES, *XLSX_SUFFIXES):
        text = read_text(path)
        return text.frame, text.row + text.line
    read = read_layer(Source(path), name="list", crs="EPSG:3006", kind="premises").frame
    names = known_names(read.columns)
    spare = [names[one] for one in ("e", "n", "lon", "lat") if one in names]
    centre = read.geometry.centroid
    plain = pd.DataFrame(read.drop(columns=[*spare, read.geometry.name]))
    return plain.assign(e_3006=centre.x, n_3006=centre.y), np.arange(1, len(plain) + 1)


def _places(frame: pd.DataFrame, names: dict[str, str]) -> dict[str, pd.Series[Any]]:
    """Give easting and northing where there are such columns, whichever is which."""
    values = {
        name: parse_numbers(frame[names[name]]).values
        for name in ("e", "n", "lon", "lat") if name in names
    }  # fmt: skip
    for one, other in (("e", "n"), ("lon", "lat")):
        if one not in values or other not in values:
            continue
        x, y = values[one], values[other]
        if not (np.isfinite(x) & np.isfinite(y)).any():
            continue
        if _fits(x, y, sweden()) < 0.5 and _fits(x, y, sweref()) < 0.5:
            x, y = y, x  # in Swedish surveying x points north
        if _fits(x, y, sweden()) >= 0.5:
            x, y = transform_points(x, y, 4326, 3006)
        return {"e_3006": pd.Series(x, frame.index), "n_3006": pd.Series(y, frame.index)}
    return {}


def _fits(x: Any, y: Any, box: Any) -> float:
    (west, east), (south, north) = box
    there = np.isfinite(x) & np.isfinite(y)
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return float(inside[there].mean())


def read_flags(column: pd.Series[Any], name: str, where: str) -> pd.Series[bool]:
    """Read a column of yes and no; blank is no.

    Raises
    ------
    BadValueError
        A value is neither.
    """
    text = as_text(column).fillna("").str.casefold()
    yes, no = text.isin(TRUE), text.isin(FALSE) | (text == "")
    odd = text[~yes & ~no]
    if len(odd):
        msg = f"column {name}: {len(odd)} values are neither yes nor no, e.g. {odd.iloc[0]!r}"
        raise BadValueError(msg, where=where, fix="write true or false, yes or no, 1 or 0, or x")
    return yes


def read_own(path: Path) -> pd.DataFrame:
    """Read what a municipality prioritises: ids or coordinates, with marks, order or comments.

    Parameters
    ----------
    path : Path
        CSV, XLSX, GeoJSON or another layer of buildings.

    Returns
    -------
    DataFrame
        ``tables_submission.OWN_PRIORITIES``. Where there is neither a column of marks nor one
        of ranks, every row is a mark; with ranks alone, every row that has one.

    Raises
    ------
    GeodataError
        The file cannot be read, or has neither ids nor coordinates.
    """
    frame, lines = _read_any(path)
    names = known_names(frame)
    places = _places(frame, names)
    if "premises_id" not in names and not places:
        msg = "no column holds ids of buildings or their coordinates"
        there = ", ".join(map(str, frame))
        fix = f"name columns premises_id, or e_3006 and n_3006; there is: {there}"
        raise MissingColumnError(msg, where=path.name, fix=fix)
    empty = pd.Series(np.nan, index=frame.index)
    rank = empty
    if "rank" in names:
        numbers = parse_numbers(frame[names["rank"]])
        if numbers.bad.any():
            odd = frame[names["rank"]][numbers.bad].iloc[0]
            bad = int(numbers.bad.sum())
            msg = f"column {names['rank']}: {bad} values are no numbers, e.g. {odd!r}"
            raise BadValueError(msg, where=path.name, fix="write 1 for the first, 2 for the next")
        rank = pd.Series(numbers.values, index=frame.index)
    if "marked" in names:
        marked = read_flags(frame[names["marked"]], names["marked"], path.name)
    else:
        marked = rank.notna() if "rank" in names else pd.Series(data=True, index=frame.index)
    text = {
        name: clean_text(as_text(frame[names[ours]])) if ours in names else empty.astype("str")
        for name, ours in (("their_id", "premises_id"), ("comment", "comment"))
    }
    return pd.DataFrame(
        {
            "file": path.name,
            "line": lines,
            "their_id": text["their_id"],
            "x": places.get("e_3006", empty).astype("float64"),
            "y": places.get("n_3006", empty).astype("float64"),
            "marked": marked.astype(bool),
            "rank": rank.astype("float64"),
            "comment": text["comment"],
        }
    ).reset_index(drop=True)


def read_towns(path: Path) -> gpd.GeoDataFrame:
    """Read municipalities with their borders: a run's folder, or any layer of polygons.

    Returns
    -------
    GeoDataFrame
        ``municipality_code``, ``municipality_name`` and polygons, EPSG:3006.

    Raises
    ------
    GeodataError
        The file cannot be read, or has no column of codes or names.
    """
    if path.is_dir():
        return read_polygons(path, "municipalities").to_crs(3006)
    read = read_layer(Source(path), name="municipalities", crs="EPSG:3006", kind="polygon").frame
    names = known_names(read.columns)
    for name in ("municipality_code", "municipality_name"):
        if name not in names:
            msg = f"column {name} is missing; there is: {', '.join(map(str, read))}"
            fix = "name the columns municipality_code and municipality_name"
            raise MissingColumnError(msg, where=path.name, fix=fix)
    return gpd.GeoDataFrame(
        {name: as_text(read[names[name]]) for name in ("municipality_code", "municipality_name")},
        geometry=read.geometry,
    )


def areas_beside(path: Path) -> frozenset[str] | None:
    """Give the ids of the areas that belong to a file: beside it, in its workbook, in a run.

    Parameters
    ----------
    path : Path
        A submission, or a run's folder.

    Returns
    -------
    frozenset of str or None
        None where there are no areas to be found.
    """
    if path.is_dir():
        areas = read_tables(path, ("priority_areas",))["priority_areas"]
        return frozenset(areas["area_id"].astype(str))
    if path.suffix.casefold() in XLSX_SUFFIXES:
        try:
            found = read_table(Source(path, layer=SHEETS["areas"]), name="areas").frame
        except (UnreadableSourceError, EmptyLayerError):
            return None
        return frozenset(as_text(found.iloc[:, 0]).dropna())
    beside = path.with_name(AREAS_GEOJSON)
    if not beside.is_file() or beside == path:
        return None
    draft = read_draft(beside)
    return frozenset(one for one in draft.text("area_id") if one is not None) or None


def read_motivations(path: Path) -> pd.DataFrame:
    """Read motivations that somebody has written: our workbook, or a table kind, key, text.

    Returns
    -------
    DataFrame
        ``tables_submission.PTS_MOTIVATIONS``.

    Raises
    ------
    GeodataError
        The file cannot be read, or its columns are others.
    """
    layer = "motivering" if path.suffix.casefold() in XLSX_SUFFIXES else None
    frame = read_table(Source(path, layer=layer), name="motivations").frame
    plain = {str(name).casefold(): str(name) for name in frame}
    ours = {"kind": "slag", "key": "nyckel", "text": "motivering"}
    found = {name: plain.get(name, plain.get(other)) for name, other in ours.items()}
    lacking = [name for name, theirs in found.items() if theirs is None]
    if lacking:
        msg = f"column {', '.join(lacking)} is missing; there is: {', '.join(plain.values())}"
        raise MissingColumnError(msg, where=path.name, fix="name the columns kind, key and text")
    table = pd.DataFrame({name: as_text(frame[theirs]) for name, theirs in found.items()})
    table["kind"] = table["kind"].replace({"kriterium": "criterion", "område": "area"})
    odd = table["kind"][~table["kind"].isin(("criterion", "area"))]
    if len(odd):
        msg = f"column kind: {odd.iloc[0]!r} is neither criterion nor area"
        raise BadValueError(msg, where=path.name, fix="write criterion or area")
    return table.dropna().reset_index(drop=True)


# --- a run's folder ----------------------------------------------------------------------


@dataclass(frozen=True)
class RunFacts:
    """What a run says of itself.

    Attributes
    ----------
    region, region_code : str
        Name and code.
    crs : str
        Of x and y.
    provenance : str
        real, derived or synthetic.
    language : str
        Of its texts.
    year : int or None
        Year of the call in its settings.
    """

    region: str
    region_code: str
    crs: str
    provenance: str
    language: str
    year: int | None


def read_manifest(folder: Path) -> RunFacts:
    """Read what a run says of itself.

    Raises
    ------
    UnreadableSourceError
        The folder holds no run's results.
    """
    path = folder / MANIFEST
    if not path.is_file():
        msg = f"there is no {MANIFEST}: the folder holds no run's results"
        raise UnreadableSourceError(msg, where=str(folder), fix=f"name a run's folder, or {_RERUN}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        region = manifest["settings"]["region"]
        if manifest["made_by"] != MAKER:
            raise KeyError(MAKER)
        return RunFacts(
            region=str(region["name"]), region_code=str(region["code"]), crs=str(region["crs"]),
            provenance=str(manifest["provenance"]), language=str(region.get("language", "sv")),
            year=(manifest["settings"].get("pts") or {}).get("year"),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"the manifest is not a run's ({type(error).__name__}: {first_line(error)})"
        raise UnreadableSourceError(msg, where=str(path), fix=_RERUN) from None


def read_tables(folder: Path, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Read tables of a run's database, without geometry; the file is opened for reading alone.

    Raises
    ------
    UnreadableSourceError
        The folder has no database, or it has no such table.
    """
    return {name: _query(folder, name, "* EXCLUDE (geometry)") for name in names}


def read_polygons(folder: Path, name: str) -> gpd.GeoDataFrame:
    """Read a table of a run's database with its geometry, in the run's CRS.

    Raises
    ------
    UnreadableSourceError
        As :func:`read_tables`.
    """
    shapes = _query(folder, name, "* EXCLUDE (geometry), ST_AsWKB(geometry) AS shape")
    return gpd.GeoDataFrame(
        shapes.drop(columns="shape"),
        geometry=gpd.GeoSeries.from_wkb(shapes["shape"].map(bytes)),
        crs=read_manifest(folder).crs,
    )


def _query(folder: Path, name: str, what: str) -> pd.DataFrame:
    path = folder / DATABASE
    if not path.is_file():
        msg = f"there is no {DATABASE}: the folder holds no run's results"
        raise UnreadableSourceError(msg, where=str(folder), fix=f"name a run's folder, or {_RERUN}")
    con = connect()
    try:
        con.execute(f"ATTACH {quote(str(path))} AS run (READ_ONLY)")
        there = {
            str(row[0]): {str(column) for column in row[1]}
            for row in con.execute(
                "SELECT table_name, list(column_name) FROM duckdb_columns()"
                " WHERE database_name = 'run' GROUP BY 1"
            ).fetchall()
        }
        if name not in there:
            msg = f"the results have no table {name}"
            raise UnreadableSourceError(msg, where=str(path), fix=_RERUN)
        if "geometry" not in there[name]:
            what = "*"
        found = (
            con.execute(f"SELECT {what} FROM run.{quote_name(name)} ORDER BY rowid")
            .to_arrow_table()
            .to_pandas()
        )
    except duckdb.Error as error:
        msg = f"the tables cannot be read ({first_line(error)})"
        fix = f"close the programs that have it open, or {_RERUN}"
        raise UnreadableSourceError(msg, where=str(path), fix=fix) from None
    finally:
        con.close()
    return pd.DataFrame(found)
