"""Files with geometry (all that GDAL reads, GeoParquet): read whole, or refused for a reason."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import json
import struct
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyogrio.errors
import shapely
from pyogrio import raw as pyogrio_raw

from bredband_gis.errors import UnreadableSourceError
from bredband_gis.tabular import guess_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PARQUET_SUFFIXES: Final = (".parquet", ".geoparquet")

SIDECARS: Final = {
    ".shp": (".cpg", ".dbf", ".prj", ".shx"),
    ".tab": (".dat", ".id", ".map"),
    ".mif": (".mid",),
}
"""Files that belong to a file of this kind and are part of it."""

_STREAMED: Final = {"GPKG", "FlatGeobuf", "ESRI Shapefile", "OpenFileGDB", "GeoJSON"}
"""Drivers whose Arrow stream ends with an error, not silently, where the file is damaged."""

_WKB_NAMES: Final = ("geometry", "geom", "wkb_geometry", "wkb")

_CODE_PAGES: Final = {0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x57: "cp1252", 0x66: "cp865"}
"""Code page byte of a DBF file -> encoding, for the code pages used in the Nordic countries."""

_DAMAGE: Final = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.FieldError,
    pyogrio.errors.GeometryError,
    pyogrio.errors.CRSError,
    pa.ArrowException,
    shapely.errors.ShapelyError,
    OSError,
    ValueError,
)


@dataclass(frozen=True)
class VectorTable:
    """What stands in a file.

    Attributes
    ----------
    frame : DataFrame
        Attributes, with the file's column names.
    geometry : array of geometry or None
        None where the layer has none. A row's geometry is None where it is missing.
    unreadable : array of bool
        Rows whose geometry is there, but of a kind that cannot be read.
    crs : object
        What the file says, or None.
    crs_is_default : bool
        The file says nothing and its format has a default (GeoJSON, KML, GeoParquet).
    encoding, layer, driver : str
        Of the file.
    notes : list of (rule, message, fix)
        What GDAL has to say.
    """

    frame: pd.DataFrame
    geometry: NDArray[np.object_] | None
    unreadable: NDArray[np.bool_]
    crs: object
    crs_is_default: bool
    encoding: str
    layer: str
    driver: str
    notes: tuple[tuple[str, str, str], ...] = ()


@contextlib.contextmanager
def _guarded(path: Path, layer: str | None, notes: list[tuple[str, str, str]]) -> Iterator[None]:
    """Turn what GDAL, Arrow and GEOS raise into our error, and what they warn of into notes."""
    where = f"{path.name}, layer {layer}" if layer else path.name
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except UnicodeDecodeError as error:
            msg = f"the text in it is not in {error.encoding}"
            fix = 'write the encoding that the file was saved in, e.g. encoding = "cp1252"'
            raise UnreadableSourceError(msg, where=where, fix=fix) from None
        except _DAMAGE as error:
            reason = " ".join(str(error).replace(str(path), path.name).split())[:300]
            reason = reason.split("; It might help")[0]
            msg = f"the file cannot be read; it is cut off, damaged or of another kind ({reason})"
            fix = "open it in QGIS to see whether it is whole; fetch or export it again"
            raise UnreadableSourceError(msg, where=where, fix=fix) from None
    # M values are dropped anyway, so that GDAL says it leaves them out is no news.
    messages = {str(w.message) for w in caught if "Measured (M)" not in str(w.message)}
    notes.extend(("gdal", text.replace(str(path), path.name), "") for text in sorted(messages))


def list_layers(path: Path) -> list[tuple[str, str | None]]:
    """List a file's layers with their geometry type; None for a table without geometry."""
    check_structure(path)
    notes: list[tuple[str, str, str]] = []
    beside = path.with_suffix(".gfs")
    had = path.suffix.casefold() != ".gml" or beside.exists()
    with _guarded(path, None, notes):
        layers = pyogrio.list_layers(path)
    if not had:  # GDAL notes what it saw in a GML file beside it, in the planner's folder
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return [(str(name), kind) for name, kind in layers]


def pick_layer(path: Path, layer: str | None, *, name: str, spatial: bool) -> str:
    """Choose the layer to read.

    Parameters
    ----------
    path : Path
        The file.
    layer : str, optional
        The one asked for.
    name : str
        What it is to be used as: a layer of this name is taken among several.
    spatial : bool
        Whether it must have geometry.

    Raises
    ------
    UnreadableSourceError
        There is no such layer, or several to choose from.
    """
    layers = list_layers(path)
    names = [title for title, _ in layers]
    if layer is not None:
        if layer in names:
            return layer
        msg = f"there is no layer {layer!r}; there is: {', '.join(names)}"
        fix = f'write layer = "{_nearest(layer, names)}" under [sources.{name}]'
        raise UnreadableSourceError(msg, where=path.name, fix=fix)
    fitting = [title for title, kind in layers if kind is not None] if spatial else names
    fitting = fitting or names
    if len(fitting) == 1:
        return fitting[0]
    if name in fitting:
        return name
    if not fitting:
        msg = "the file holds no layer"
        raise UnreadableSourceError(msg, where=path.name, fix="export it again")
    msg = f"the file holds several layers: {', '.join(fitting)}"
    fix = f'choose one: layer = "{fitting[0]}" under [sources.{name}]'
    raise UnreadableSourceError(msg, where=path.name, fix=fix)


def _nearest(text: str, names: list[str]) -> str:
    return (difflib.get_close_matches(text, names, n=1, cutoff=0.0) or names or ["..."])[0]


def check_structure(path: Path) -> None:
    """Refuse a file whose own header says that it is longer than it is, or lacks its other parts.

    GDAL reads such files without a word and gives rows without geometry.

    Raises
    ------
    UnreadableSourceError
        Named for what is missing.
    """
    suffix = path.suffix.casefold()
    if suffix == ".shp":
        _check_shapefile(path)
    elif suffix == ".dbf":
        _check_dbf(path)
    elif suffix in {".gpkg", ".sqlite"}:
        _check_sqlite(path)
    elif suffix in {".geojsonl", ".geojsons", ".geojsonseq", ".ndjson"}:
        _check_json_lines(path)


def sidecar(path: Path, suffix: str) -> Path | None:
    """Find a file's companion, whatever the case of its suffix."""
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    return None


def _refuse_cut(path: Path, size: int, said: int) -> None:
    msg = f"the file is cut off: it holds {size} of the {said} bytes that its header says"
    raise UnreadableSourceError(msg, where=path.name, fix="fetch or copy the whole file again")


def _need_sidecar(path: Path, suffix: str) -> Path:
    found = sidecar(path, suffix)
    if found is None:
        msg = f"the shapefile lacks its {suffix} file ({path.stem}{suffix})"
        fix = "copy all its files (.shp, .shx, .dbf, .prj) into the same folder"
        raise UnreadableSourceError(msg, where=path.name, fix=fix)
    return found


def _check_shapefile(path: Path) -> None:
    index, table = _need_sidecar(path, ".shx"), _need_sidecar(path, ".dbf")
    for part in (path, index):
        head = _read_start(part, 100)
        if len(head) < 100 or head[:4] != b"\x00\x00\x27\x0a":
            msg = f"{part.name} is no part of a shapefile (its header is missing or damaged)"
            raise UnreadableSourceError(msg, where=path.name, fix="fetch or copy it again")
        (words,) = struct.unpack(">i", head[24:28])
        if part.stat().st_size < 2 * words:
            _refuse_cut(part, part.stat().st_size, 2 * words)
    _check_dbf(table)


def _check_dbf(table: Path) -> None:
    head = _read_start(table, 32)
    if len(head) < 32:
        _refuse_cut(table, len(head), 32)
    rows, start, width = struct.unpack("<IHH", head[4:12])
    if table.stat().st_size < start + rows * width:
        _refuse_cut(table, table.stat().st_size, start + rows * width)


def _check_sqlite(path: Path) -> None:
    head = _read_start(path, 100)
    if not head.startswith(b"SQLite format 3\0") or len(head) < 100:
        msg = "the file is no GeoPackage (it does not begin as one)"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch or export it again")
    (page,) = struct.unpack(">H", head[16:18])
    (pages,) = struct.unpack(">I", head[28:32])
    said = pages * (65536 if page == 1 else page)
    # The size in the header counts only when written by the same program as the rest.
    if head[24:28] == head[92:96] and path.stat().st_size < said:
        _refuse_cut(path, path.stat().st_size, said)


def _check_json_lines(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 20)))
        last = file.read().strip(b"\x1e\r\n\t ").splitlines()[-1:]
    try:
        json.loads(last[0].strip(b"\x1e ")) if last and path.stat().st_size < (1 << 20) else None
        complete = not last or last[0].rstrip().endswith(b"}")
    except ValueError:
        complete = False
    if not complete:
        msg = "the file is cut off in its last line"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch or export it again")


def _read_start(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def read_vector(path: Path, layer: str, *, encoding: str | None = None) -> VectorTable:
    """Read a layer of any file that GDAL reads.

    Parameters
    ----------
    path : Path
        The file.
    layer : str
        From :func:`pick_layer`.
    encoding : str, optional
        Of a shapefile's or MapInfo file's text; found out when not given.

    Raises
    ------
    UnreadableSourceError
        The file is cut off or damaged, or its text is not in the encoding.
    """
    notes: list[tuple[str, str, str]] = []
    encoding = _text_encoding(path, encoding)
    options: dict[str, Any] = {"layer": layer, "encoding": encoding, **_options(path)}
    with _guarded(path, layer, notes):
        info = pyogrio.read_info(path, layer=layer, encoding=encoding, **_options(path))
        driver = str(info["driver"])
        table = None
        if driver in _STREAMED and info["geometry_type"] in {None, *_LINEAR}:
            with contextlib.suppress(NotImplementedError):  # curves in a layer that says none
                table = _read_stream(path, options, info["fid_column"])
        if table is None or len(table[0]) != info["features"] >= 0:
            # A damaged file may end the stream early without an error; this way gives one.
            table = _read_rows(path, options, info["fid_column"])
        frame, geometry, unreadable = table
    if driver == "FlatGeobuf" and len(frame) < info["features"]:
        msg = f"the file is cut off: {len(frame)} of its {info['features']} rows can be read"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch or export it again")
    return VectorTable(
        frame=frame,
        geometry=geometry,
        unreadable=unreadable,
        crs=info["crs"],
        crs_is_default=_has_default_crs(path, driver),
        encoding=encoding or str(info["encoding"] or ""),
        layer=layer,
        driver=driver,
        notes=tuple(notes),
    )


_LINEAR: Final = {
    f"{many}{kind}{dimensions}"
    for many in ("", "Multi")
    for kind in ("Point", "LineString", "Polygon")
    for dimensions in ("", " Z", " M", " ZM")
} | {f"2.5D {many}{kind}" for many in ("", "Multi") for kind in ("Point", "LineString", "Polygon")}


def _from_wkb(wkb: Any) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Make geometries in two dimensions; mark what is there but of an unknown kind."""
    wkb = np.asarray(wkb, dtype=object)
    geometry = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    geometry = np.atleast_1d(np.asarray(geometry, dtype=object))
    return geometry, shapely.is_missing(geometry) & ~pd.isna(wkb)


_Read = tuple[pd.DataFrame, "NDArray[np.object_] | None", "NDArray[np.bool_]"]


def _read_stream(path: Path, options: dict[str, Any], fid_column: str) -> _Read:
    meta, table = pyogrio_raw.read_arrow(path, **options, return_fids=bool(fid_column))
    name = meta["geometry_name"] or "wkb_geometry"
    geometry, unreadable = None, np.zeros(table.num_rows, dtype=bool)
    if meta["geometry_type"] is not None and name in table.column_names:
        geometry, unreadable = _from_wkb(table.column(name).to_numpy())
        table = table.drop_columns([name])
    return _to_frame(table), geometry, unreadable


def _to_frame(table: pa.Table) -> pd.DataFrame:
    """Make a frame, having looked that every text is valid: pandas takes it on trust."""
    for name in table.column_names:
        kind = table.schema.field(name).type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            try:
                table.column(name).validate(full=True)
            except pa.ArrowInvalid:
                codec, reason = "utf-8", f"column {name}"
                raise UnicodeDecodeError(codec, b"", 0, 1, reason) from None
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def _read_rows(path: Path, options: dict[str, Any], fid_column: str) -> _Read:
    meta, fids, wkb, fields = pyogrio_raw.read(path, **options, return_fids=True)
    columns: dict[str, Any] = {}
    if fid_column and fid_column not in meta["fields"]:
        columns[fid_column] = fids
    for name, kind, values in zip(meta["fields"], meta["ogr_types"], fields, strict=True):
        text = kind in {"OFTString", "OFTWideString"}
        columns[name] = pd.Series(values, dtype="str" if text else None)
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(fids)))
    if wkb is None or meta["geometry_type"] is None:
        return frame, None, np.zeros(len(frame), dtype=bool)
    geometry, unreadable = _from_wkb(wkb)
    return frame, geometry, unreadable


def _text_encoding(path: Path, given: str | None) -> str | None:
    """Find out the encoding of a shapefile's text: the text itself, its .cpg, its .dbf's mark.

    Other formats say it themselves: None.
    """
    if path.suffix.casefold() not in {".shp", ".dbf"}:
        return given if path.suffix.casefold() in {".tab", ".mif"} else None
    table = sidecar(path, ".dbf")
    if table is None:
        return given
    data = table.read_bytes()
    text = data[int.from_bytes(data[8:10], "little") :]
    found = guess_encoding(text)
    if given is not None:
        try:
            name = codecs.lookup(given).name
        except LookupError:
            msg = f"there is no encoding called {given!r}"
            fix = 'write e.g. encoding = "utf-8" or "cp1252", or leave it out'
            raise UnreadableSourceError(msg, where=path.name, fix=fix) from None
        if found == "utf-8" and name != "utf-8" and not text.isascii():
            msg = f"the text in it is in UTF-8, not in {given}"
            raise UnreadableSourceError(msg, where=path.name, fix="leave out encoding")
        return name
    if found == "utf-8":  # text in another encoding hardly ever happens to be valid UTF-8
        return found
    code_page = sidecar(path, ".cpg")
    if code_page is not None:
        said = code_page.read_text(encoding="ascii", errors="ignore").strip().casefold()
        said = f"cp{said.split()[-1]}" if said.split()[-1:] and said[-4:].isdigit() else said
        with contextlib.suppress(LookupError):
            return codecs.lookup(said).name
    return _CODE_PAGES.get(data[29], found)


def _has_default_crs(path: Path, driver: str) -> bool:
    """Tell whether the CRS is the format's default rather than something the file says."""
    if driver != "GeoJSON":
        return driver in {"GeoJSONSeq", "KML", "LIBKML", "GPX", "TopoJSON"}
    with path.open("rb") as file:
        start = file.read(1 << 16)
        file.seek(max(0, path.stat().st_size - (1 << 12)))
        return b'"crs"' not in start + file.read()


def _options(path: Path) -> dict[str, str]:
    """Give GDAL's open options for a file; a GML file must not get a .gfs file beside it."""
    return {"WRITE_GFS": "NO"} if path.suffix.casefold() == ".gml" else {}


def list_columns(path: Path, layer: str) -> tuple[list[str], bool]:
    """List a layer's columns, and tell whether it has geometry."""
    notes: list[tuple[str, str, str]] = []
    with _guarded(path, layer, notes):
        encoding = _text_encoding(path, None)
        info = pyogrio.read_info(path, layer=layer, encoding=encoding, **_options(path))
    names = [str(name) for name in info["fields"]]
    return names, info["geometry_type"] is not None


def read_parquet(path: Path, *, name: str) -> VectorTable:
    """Read a Parquet file: GeoParquet, plain, or with a column of WKB called geometry.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What it is to be used as.

    Raises
    ------
    UnreadableSourceError
        The file is cut off or damaged.
    """
    notes: list[tuple[str, str, str]] = []
    crs: object = None
    default = False
    with _guarded(path, None, notes):
        table = pq.read_table(path)
        column, about = _geometry_column(table.schema)
        geometry, unreadable = None, np.zeros(table.num_rows, dtype=bool)
        if column is not None:
            default = bool(about) and "crs" not in about
            crs = "OGC:CRS84" if default else about.get("crs")
            if about.get("encoding", "WKB") == "WKB":
                geometry, unreadable = _from_wkb(table.column(column).to_numpy())
            else:
                geometry = shapely.force_2d(gpd.read_parquet(path).geometry.to_numpy())
            table = table.drop_columns([column])
        frame = _to_frame(table)
    return VectorTable(
        frame=frame,
        geometry=geometry,
        unreadable=unreadable,
        crs=crs,
        crs_is_default=default,
        encoding="utf-8",
        layer=name,
        driver="Parquet",
        notes=tuple(notes),
    )


def list_parquet_columns(path: Path) -> tuple[list[str], bool]:
    """List a Parquet file's columns, and tell whether one is its geometry."""
    notes: list[tuple[str, str, str]] = []
    with _guarded(path, None, notes):
        schema = pq.read_schema(path)
    column, _ = _geometry_column(schema)
    return [name for name in schema.names if name != column], column is not None


def _geometry_column(schema: pa.Schema) -> tuple[str | None, dict[str, Any]]:
    """Give the name of the geometry column and what the file says about it."""
    about = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    if about:
        column = about.get("primary_column", "geometry")
        return column, about.get("columns", {}).get(column, {})
    for column in _WKB_NAMES:
        if column in schema.names and _is_binary(schema.field(column).type):
            return column, {}
    return None, {}


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
