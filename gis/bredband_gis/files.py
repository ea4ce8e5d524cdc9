"""Open a file of any kind as it is: its own columns, its own CRS, every row."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from bredband_gis import osm, tabular, vector
from bredband_gis.errors import EmptyLayerError, GeodataError, UnreadableSourceError, rule_of
from bredband_gis.quality import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

COORDINATE_NAMES: Final = (
    ("x", "y"), ("e", "n"), ("easting", "northing"), ("east", "north"), ("lon", "lat"),
    ("long", "lat"), ("lng", "lat"), ("longitude", "latitude"), ("longitud", "latitud"),
    ("x_koord", "y_koord"), ("xkoord", "ykoord"), ("x_coord", "y_coord"), ("e_koord", "n_koord"),
    ("ekoord", "nkoord"), ("ost", "nord"), ("öst", "nord"), ("ostkoordinat", "nordkoordinat"),
    ("sweref99_e", "sweref99_n"), ("sweref_e", "sweref_n"), ("x_sweref", "y_sweref"),
)  # fmt: skip
"""Names by which a table's coordinate columns are recognised, easting first, any case."""

_OSM_DEFAULT: Final = {
    "premises": "buildings", "roads": "roads", "municipalities": "municipalities",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A file and how to read it.

    Parameters
    ----------
    path : Path
        The file.
    layer : str, optional
        Layer of a GPKG, sheet of an XLSX; for .osm.pbf: buildings, roads or municipalities.
    crs : str, optional
        CRS of the file where the file does not say, e.g. ``"EPSG:3006"``.
    columns : mapping
        Our column name = the file's. ``x`` and ``y`` name the coordinate columns of a table.
    constants : mapping
        Columns that have one value for the whole file.
    where : str, optional
        Keep only rows that fulfil this SQL condition on the file's own columns. Columns of
        CSV and XLSX are text there: ``CAST(antal AS INTEGER) > 0``.
    admin_level : int
        For .osm.pbf municipalities: the boundary's admin_level.
    encoding : str, optional
        Text encoding; found out when not given.
    """

    path: Path
    layer: str | None = None
    crs: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, object] = field(default_factory=dict)
    where: str | None = None
    admin_level: int = 8
    encoding: str | None = None


@dataclass(frozen=True)
class Layer:
    """What was read from a source.

    Parameters
    ----------
    frame : GeoDataFrame or DataFrame
        Our column names, target CRS; the file's other columns are kept.
    set_aside : DataFrame
        Rows not used: layer, file, row (the first is 0), id, reason.
    facts : dict
        file, driver, layer, bytes, sha256, sha256_of (which files it is of), encoding,
        crs_of_file, crs_read_as, crs, rows_in_file, rows_in (those that fulfil `where`),
        rows_out, rows_set_aside, repaired. rows_in = rows_out + rows_set_aside.
    findings : tuple of Finding
        What the planner should know about the file.
    offenders : DataFrame
        The rows that findings are about, where they are known: rule, row (the first is 0), id,
        message, geometry (a shape or None; in the target CRS), and what else the rule measures.
    """

    frame: gpd.GeoDataFrame | pd.DataFrame
    set_aside: pd.DataFrame
    facts: dict[str, object]
    findings: tuple[Finding, ...] = ()
    offenders: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass
class Reading:
    """A file while it is being read; its arrays are as long as its frame.

    Attributes
    ----------
    source, name : Source, str
        The file, and what it is to be used as.
    frame : DataFrame
        Its columns.
    row : array of int64
        Each row's number in the file, the first is 0.
    reason : array of (str or None)
        Why a row is set aside.
    driver, layer, encoding : str
        What was read and how.
    geometry : array of geometry or None
        None where the file has none.
    crs : object
        What the file says.
    crs_is_default : bool
        It says so only because its format has a default.
    line : int or None
        Of a text table: add it to a row to get the line of the file.
    findings : list of Finding
        So far.
    lenient : bool
        Set rows with faults aside and go on, where only rows and not the file are at fault.
    offenders : list of DataFrame
        Of findings: rule, row and what is said of each.
    rows_in_file : int
        Before any were left out.
    """

    source: Source
    name: str
    frame: pd.DataFrame
    row: NDArray[np.int64]
    reason: NDArray[np.object_]
    driver: str
    geometry: NDArray[np.object_] | None = None
    layer: str | None = None
    encoding: str = ""
    crs: object = None
    crs_is_default: bool = False
    line: int | None = None
    findings: list[Finding] = field(default_factory=list)
    lenient: bool = False
    offenders: list[pd.DataFrame] = field(default_factory=list)
    rows_in_file: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.rows_in_file = len(self.frame)

    @property
    def shapes(self) -> NDArray[np.object_]:
        """The geometry; all missing where the file has none."""
        if self.geometry is None:
            return np.full(len(self.frame), None, dtype=object)
        return self.geometry

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Rows that are not set aside."""
        return np.asarray(pd.isna(self.reason), dtype=bool)

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.source.path.name

    @property
    def section(self) -> str:
        """Table of region.toml that names the file."""
        return f"sources.{self.name}"

    def where(self, rows: int | None = None) -> str:
        """Name file, layer and rows for a message."""
        parts = [self.file]
        parts.append(f"layer {self.name}" + (f" ({self.layer})" if self._has_layers() else ""))
        if rows is not None:
            parts.append(f"{rows} of {len(self.frame)} rows")
        return ", ".join(parts)

    def _has_layers(self) -> bool:
        return self.layer is not None and self.layer not in {self.name, self.source.path.stem}

    def name_row(self, position: int) -> str:
        """Name a row the way the planner sees it in the file."""
        number = int(self.row[position])
        return f"row {number}" if self.line is None else f"line {number + self.line}"

    def note(
        self,
        rule: str,
        message: str,
        *,
        rows: int = 0,
        fix: str = "",
        severity: Literal["error", "warning"] = "warning",
        details: Mapping[str, Any] | None = None,
        at: NDArray[np.int64] | None = None,
        each: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a finding that the planner should look at.

        ``at`` are the positions of the rows that it is about, and ``each`` the columns that
        say something of each of them, ``message`` among them.
        """
        self.findings.append(
            Finding(rule, severity, self.name, self.file, rows, message, fix, details or {})
        )
        if at is not None:
            columns = {"rule": rule, "row": self.row[at], **(each or {})}
            self.offenders.append(pd.DataFrame(columns))

    def refuse(
        self,
        error: GeodataError,
        rows: NDArray[np.bool_],
        reason: str,
        *,
        about: NDArray[np.int64] | None = None,
        each: Any = None,
    ) -> None:
        """Raise an error that some rows are the cause of; lenient, set them aside and note it.

        ``about`` are the positions of the rows that it is about, where there are more of them,
        and ``each`` says what is wrong with each; default the reason.
        """
        if not self.lenient:
            raise error
        self.note(
            rule_of(error),
            error.what,
            rows=int(rows.sum()) if about is None else len(about),
            fix=error.fix or "",
            severity="error",
            at=np.flatnonzero(rows) if about is None else about,
            each={"message": reason if each is None else each},
        )
        self.set_aside(rows, reason)
        if not self.usable.any():
            raise error

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Go on with some of the rows."""
        self.frame = self.frame[chosen].reset_index(drop=True)
        self.row, self.reason = self.row[chosen], self.reason[chosen]
        if self.geometry is not None:
            self.geometry = self.geometry[chosen]

    def set_aside(self, rows: NDArray[np.bool_], reason: str) -> None:
        """Mark rows as not to be used, unless they already are."""
        fresh = rows & pd.isna(self.reason)
        self.reason[fresh] = reason


def check_file(source: Source, *, name: str) -> Path:
    """Refuse a path that cannot be a readable file, before anything is read.

    Raises
    ------
    UnreadableSourceError
        There is no such file, it is a folder, it is locked, or it is empty.
    """
    path = Path(source.path)
    section = f"[sources.{name}]"
    if path.is_dir():
        if path.suffix.casefold() == ".gdb":
            return path
        inside = sorted(entry.name for entry in path.iterdir() if entry.is_file())[:5]
        msg = "this is a folder, not a file"
        fix = f"name a file in it in path under {section}"
        if inside:
            fix += f", e.g. {', '.join(inside)}"
        raise UnreadableSourceError(msg, where=str(path), fix=fix)
    if not path.is_file():
        msg = "there is no such file"
        raise UnreadableSourceError(msg, where=str(path), fix=_suggest_file(path, section))
    try:
        with path.open("rb") as file:
            begun = file.read(1)
    except OSError as error:
        msg = f"the file cannot be opened ({error.strerror or error})"
        fix = "close the program that has it open (Excel, QGIS), or ask for the right to read it"
        raise UnreadableSourceError(msg, where=str(path), fix=fix) from None
    if path.suffix.casefold() == ".xls":
        msg = "this is a workbook of the old Excel format"
        raise UnreadableSourceError(msg, where=path.name, fix="open it in Excel, save it as .xlsx")
    if not begun:
        msg = "the file is empty (0 bytes)"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch or export it again")
    return path


def _suggest_file(path: Path, section: str) -> str:
    folder = path.parent
    if not folder.is_dir():
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        return f"there is no folder {path.parent}, only {folder}; correct path under {section}"
    names = {entry.name.casefold(): entry.name for entry in folder.iterdir() if entry.is_file()}
    close = difflib.get_close_matches(path.name.casefold(), list(names), n=3, cutoff=0.6)
    stem = path.stem.casefold()
    same = [name for name in names if Path(name).stem == stem and name not in close]
    similar = [names[name] for name in [*close, *same]][:3]
    if not similar:
        return f"correct path under {section}"
    return f"correct path under {section}; in the same folder there is {', '.join(similar)}"


def _is_osm(path: Path) -> bool:
    return path.suffix.casefold() == ".pbf"


def _osm_layer(source: Source, name: str) -> str:
    layer = source.layer or _OSM_DEFAULT.get(name)
    if layer in osm.LAYERS:
        return layer
    what = f"there is no layer {layer!r} in an extract" if layer else "no layer is named"
    fix = f"write layer = one of {', '.join(osm.LAYERS)} under [sources.{name}]"
    raise UnreadableSourceError(what, where=source.path.name, fix=fix)


def open_source(source: Source, *, name: str, spatial: bool) -> Reading:
    """Read a file as it is: its own columns, its own CRS, every row."""
    path = check_file(source, name=name)
    suffix = path.suffix.casefold()
    if _is_osm(path):
        reading = _open_osm(source, path, name)
    elif suffix in tabular.CSV_SUFFIXES or suffix in tabular.XLSX_SUFFIXES:
        reading = _open_text(source, path, name)
    else:
        reading = _open_vector(source, path, name, spatial=spatial)
    if reading.frame.empty:
        msg = "the layer is empty: it has columns but no rows"
        raise EmptyLayerError(msg, where=reading.where(), fix="check the export or name its layer")
    return reading


def _open_osm(source: Source, path: Path, name: str) -> Reading:
    layer = _osm_layer(source, name)
    table = osm.read_osm(path, layer, admin_level=source.admin_level)
    return Reading(
        source=source,
        name=name,
        frame=table.frame,
        row=np.arange(len(table.frame)),
        geometry=table.geometry,
        reason=table.reason,
        driver="OSM",
        layer=layer,
        encoding="utf-8",
        crs="EPSG:4326",
    )


def _open_text(source: Source, path: Path, name: str) -> Reading:
    if path.suffix.casefold() in tabular.CSV_SUFFIXES:
        table, driver = tabular.read_csv(path, encoding=source.encoding), "CSV"
    else:
        table, driver = tabular.read_xlsx(path, sheet=source.layer), "XLSX"
    reading = Reading(
        source=source,
        name=name,
        frame=table.frame,
        row=table.row,
        reason=np.full(len(table.frame), None, dtype=object),
        driver=driver,
        layer=table.sheet,
        encoding=table.encoding,
        line=table.line,
    )
    for rule, message, fix in table.notes:
        reading.note(rule, message, fix=fix)
    return reading


def _open_vector(source: Source, path: Path, name: str, *, spatial: bool) -> Reading:
    if path.suffix.casefold() in vector.PARQUET_SUFFIXES:
        table = vector.read_parquet(path, name=name)
    else:
        layer = vector.pick_layer(path, source.layer, name=name, spatial=spatial)
        table = vector.read_vector(path, layer, encoding=source.encoding)
    reading = Reading(
        source=source,
        name=name,
        frame=table.frame,
        row=np.arange(len(table.frame)),
        geometry=table.geometry,
        reason=np.full(len(table.frame), None, dtype=object),
        driver=table.driver,
        layer=table.layer,
        encoding=table.encoding,
        crs=table.crs,
        crs_is_default=table.crs_is_default,
    )
    reading.set_aside(table.unreadable, "its geometry is of a kind that cannot be read")
    for rule, message, fix in table.notes:
        reading.note(rule, f"GDAL says: {message}", fix=fix)
    return reading


def has_geometry(source: Source) -> bool:
    """Tell whether a file can be read as a layer, without reading its rows.

    Parameters
    ----------
    source : Source
        The file.

    Returns
    -------
    bool
        It has geometry, or coordinate columns that `columns` names or that can be guessed.

    Raises
    ------
    UnreadableSourceError
        The file is missing or damaged.
    """
    path = check_file(source, name="…")
    suffix = path.suffix.casefold()
    if _is_osm(path):
        return True
    if suffix in tabular.CSV_SUFFIXES:
        names = [*map(str, tabular.read_csv(path, encoding=source.encoding, rows=0).frame)]
        spatial = False
    elif suffix in tabular.XLSX_SUFFIXES:
        names = [*map(str, tabular.read_xlsx(path, sheet=source.layer, rows=0).frame)]
        spatial = False
    elif suffix in vector.PARQUET_SUFFIXES:
        names, spatial = vector.list_parquet_columns(path)
    else:
        layers = dict(vector.list_layers(path))
        if source.layer is None:
            return any(kind is not None for kind in layers.values()) or len(layers) != 1
        layer = vector.pick_layer(path, source.layer, name="…", spatial=False)
        names, spatial = vector.list_columns(path, layer)
    return spatial or {"x", "y"} <= set(source.columns) or guess_coordinates(names) is not None


def guess_coordinates(names: Iterable[str]) -> tuple[str, str] | None:
    """Find the pair of columns whose names say that they hold coordinates, easting first."""
    folded = {str(name).casefold(): str(name) for name in names}
    for x, y in COORDINATE_NAMES:
        if x in folded and y in folded:
            return folded[x], folded[y]
    return None


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal.

    A shapefile's is that of its .shp followed by its .cpg, .dbf, .prj and .shx, as
    ``cat`` would join them, likewise for other formats in several files; a folder's
    that of its files in the order of their names.
    """
    return digest_of(path)[0]


def digest_of(path: Path) -> tuple[str, list[str], int]:
    """Give the SHA-256, the names of the files that it is of, and their bytes."""
    if path.is_dir():
        parts = sorted(entry for entry in path.rglob("*") if entry.is_file())
    else:
        others = vector.SIDECARS.get(path.suffix.casefold(), ())
        found = (vector.sidecar(path, suffix) for suffix in others)
        parts = [path, *(part for part in found if part is not None)]
    digest = hashlib.sha256()
    size = 0
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
    return digest.hexdigest(), [part.name for part in parts], size
