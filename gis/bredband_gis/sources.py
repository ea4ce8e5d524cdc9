"""Read any geodata file into one frame: our column names, one metric CRS, checked.

Whatever is wrong with a file is found out here and either refused with an error that
says what to do, repaired and noted as a finding, or set aside row by row with the reason.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import duckdb
import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from bredband_gis import crs as crs_
from bredband_gis import tabular
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    GeodataError,
    MissingColumnError,
)
from bredband_gis.files import Layer, Reading, Source, digest_of, has_geometry, open_source, sha256
from bredband_gis.placing import (
    check_geometry,
    choose_crs,
    refuse_nothing,
    repair_geometry,
    take_coordinates,
    to_numbers,
    transform,
)
from bredband_gis.rasters import sample_raster
from bredband_gis.store import first_line, quote_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyproj

    from bredband_gis.quality import Kind

__all__ = [
    "Layer", "Source", "has_geometry", "read_layer", "read_table", "sample_raster", "sha256",
]  # fmt: skip


def _filter(reading: Reading) -> None:
    """Keep the rows that fulfil the source's `where`."""
    condition = reading.source.where
    if condition is None or not condition.strip():
        return
    frame = reading.frame.copy()
    folded: set[str] = set()
    names = []
    for name in map(str, frame.columns):  # DuckDB does not tell Namn from namn
        names.append(name if name.casefold() not in folded else f"{name}__2")
        folded.add(name.casefold())
    frame.columns = pd.Index(names)
    frame["__row"] = np.arange(len(frame))
    con = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    try:
        con.execute("SET enable_external_access = false")
        con.register("attributes", pa.Table.from_pandas(frame, preserve_index=False))
        query = f"SELECT __row FROM attributes WHERE (\n{condition}\n)"  # a comment may end it
        chosen = con.execute(query).fetchnumpy()["__row"]
    except (duckdb.Error, pa.ArrowException, KeyError) as error:
        reason = first_line(error)
        what = f"the condition {condition!r} cannot be used ({reason})"
        columns = ", ".join(
            f"{quote_name(name)} ({'text' if _is_text(frame[name]) else frame[name].dtype})"
            for name in names
        )
        fix = f"correct where under [{reading.section}]; the columns are {columns}"
        if "Conversion" in reason or "compare" in reason:
            fix += "; write TRY_CAST(column AS DOUBLE) to use text as a number"
        wrong = MissingColumnError if "Referenced column" in reason else BadValueError
        raise wrong(what, where=reading.where(), fix=fix) from None
    finally:
        con.close()
    keep = np.zeros(len(frame), dtype=bool)
    keep[np.asarray(chosen, dtype=np.int64)] = True
    if not keep.any():
        msg = f"no row fulfils the condition {condition!r}"
        fix = f"correct where under [{reading.section}]"
        raise EmptyLayerError(msg, where=reading.where(), fix=fix)
    reading.keep(keep)


def _is_text(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_string_dtype(column.dtype))


def _rename(reading: Reading, required: Sequence[str], coordinates: Sequence[str]) -> None:
    """Give columns our names; check that every one that is needed is there."""
    source, theirs = reading.source, list(map(str, reading.frame.columns))
    spatial = coordinates or reading.geometry is not None
    wanted = {
        our: name
        for our, name in source.columns.items()
        if not (our in {"x", "y"} and spatial) and our not in source.constants
    }
    wrong = [our for our, name in wanted.items() if name not in theirs]
    if wrong:
        our, name = wrong[0], wanted[wrong[0]]
        msg = f"there is no column {name!r}; there is: {', '.join(theirs)}"
        raise MissingColumnError(
            msg, where=reading.where(), fix=_column_fix(reading, our, name, theirs)
        )
    missing = [
        name
        for name in required
        if name not in wanted and name not in theirs and name not in source.constants
    ]
    if missing:
        msg = f"column {', '.join(missing)} is missing; there is: {', '.join(theirs)}"
        raise MissingColumnError(
            msg, where=reading.where(), fix=_column_fix(reading, missing[0], missing[0], theirs)
        )
    used = {*wanted.values(), *coordinates}
    ours = {our: reading.frame[name] for our, name in wanted.items()}
    extra = {
        name: reading.frame[name]
        for name in theirs
        if name not in ours and name not in used and name not in source.constants
    }
    constants = {
        name: pd.Series([value] * len(reading.frame)) for name, value in source.constants.items()
    }
    reading.frame = pd.DataFrame(
        {**ours, **constants, **extra}, index=pd.RangeIndex(len(reading.frame))
    )


def _column_fix(reading: Reading, our: str, name: str, theirs: Sequence[str]) -> str:
    folded = {column.casefold(): column for column in theirs}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
    guess = folded[close[0]] if close else "…"
    mean = f" (did you mean {guess!r}?)" if close else ""
    return f'write columns = {{ {our} = "{guess}" }} under [{reading.section}]{mean}'


def _make_types(
    reading: Reading, required: Sequence[str], numeric: Sequence[str], id_column: str | None
) -> None:
    """Make the numeric columns numbers, and identifiers, codes and required texts text."""
    frame = reading.frame
    for name in numeric:
        if name in frame:
            frame[name] = to_numbers(reading, frame[name], name)
    text = {name for name in required if name not in numeric}
    text |= {str(name) for name in frame if str(name).endswith(("_id", "_code"))} - set(numeric)
    if id_column is not None:
        text.add(id_column)
    for name in text & set(map(str, frame.columns)):
        frame[name] = tabular.as_text(frame[name])
    for name in frame.columns:
        if frame[name].dtype == object and pd.api.types.infer_dtype(frame[name]) == "string":
            frame[name] = frame[name].astype("str")


def _check_ids(reading: Reading, id_column: str | None) -> None:
    """Refuse rows without an id, and ids that stand on several rows."""
    if id_column is None or id_column not in reading.frame:
        return
    usable = reading.usable
    ids = reading.frame[id_column][usable]
    blank = ids.isna().to_numpy()
    if blank.any():
        first = int(np.flatnonzero(usable)[np.flatnonzero(blank)[0]])
        msg = f"{int(blank.sum())} rows have no {id_column}, first {reading.name_row(first)}"
        fix = 'give every row an id, or leave such rows out with where = "… IS NOT NULL"'
        error: GeodataError = BadValueError(msg, where=reading.where(int(blank.sum())), fix=fix)
        rows = usable.copy()
        rows[usable] = blank
        reading.refuse(error, rows, f"it has no {id_column}")
    ids = reading.frame[id_column][reading.usable]
    double = ids[ids.duplicated(keep=False)]
    if len(double):
        examples = ", ".join(repr(value) for value in double.drop_duplicates().head(3))
        msg = (
            f"{double.nunique()} values of {id_column} stand on more than one row"
            f" ({len(double)} rows), e.g. {examples}"
        )
        fix = f"keep one row per {id_column} in the file, or map another column to it"
        error = DuplicateIdsError(msg, where=reading.where(len(double)), fix=fix)
        rows = np.zeros(len(usable), dtype=bool)
        rows[double.index[double.duplicated()]] = True  # the first of each is kept
        reading.refuse(
            error,
            rows,
            f"its {id_column} stands on an earlier row",
            about=double.index.to_numpy(dtype=np.int64),
            each=double.to_numpy(),
        )


def _check_mojibake(reading: Reading) -> None:
    texts = [reading.frame[name] for name in reading.frame if _is_text(reading.frame[name])]
    names = pd.Series([str(name) for name in reading.frame], dtype="str")
    count, example = tabular.count_mojibake([*texts, names])
    if count:
        words = pd.Series(None, index=reading.frame.index, dtype=object)
        for text in texts:
            broken = tabular.is_mojibake(text)
            words[broken & words.isna().to_numpy()] = text[broken]
        at = np.flatnonzero(words.notna())
        reading.note(
            "mojibake",
            f"{count} texts were once converted wrongly, e.g. {example!r}",
            rows=count,
            fix="export the file anew as UTF-8; where only names suffer, numbers are right",
            details={"n": count, "example": example},
            at=at,
            each={"message": words.iloc[at].to_numpy()},
        )


def read_layer(
    source: Source,
    *,
    name: str,
    crs: object,
    kind: Kind,
    required: Sequence[str] = (),
    numeric: Sequence[str] = (),
    id_column: str | None = None,
    extent: crs_.Bounds | None = None,
    lenient: bool = False,
) -> Layer:
    """Read a file as a layer of points, lines or polygons in a metric CRS.

    Parameters
    ----------
    source : Source
        The file: any that GDAL reads, GeoParquet, CSV or XLSX with coordinate columns,
        or an .osm.pbf.
    name : str
        What it is to be used as; the section of region.toml that messages name.
    crs : CRS, str or int
        The metric CRS to transform to.
    kind : {"point", "line", "polygon", "premises", "any"}
        What is needed; premises are points or polygons.
    required : sequence of str
        Our columns that must be there.
    numeric : sequence of str
        Our columns that become float64 where they are there; nan where blank.
    id_column : str, optional
        Our column whose values must be there and unique. Always text, as are the other
        required columns and all whose name ends with _id or _code.
    extent : tuple of float, optional
        Where the region is, in `crs`.
    lenient : bool
        Set rows aside whose id or number is at fault, with a finding of severity error
        that lists them, instead of refusing the file: for a check that is to find every fault.

    Returns
    -------
    Layer
        With a GeoDataFrame; points have their coordinates in x and y as well. Three
        dimensions become two, invalid geometry is repaired, rows without usable geometry
        are set aside. A file of which a smaller part lies in the region, such as one for
        the whole country, is kept with a finding.

    Raises
    ------
    UnreadableSourceError
        Missing, locked, cut off, damaged, of an unknown format or encoding.
    NoCrsError, WrongCrsError, SwappedAxesError, DegreesAsMetresError
        The coordinates' CRS is unknown, or they do not fit it or the region.
    MissingColumnError, BadValueError, DuplicateIdsError
        Of columns and their values.
    EmptyLayerError, GeometryError
        No row can be used; all geometry is of another kind.
    NotMetricError
        `crs` cannot measure lengths.
    """
    target = crs_.metric_crs(crs)
    reading = open_source(source, name=name, spatial=True)
    reading.lenient = lenient
    _check_mojibake(reading)
    _filter(reading)
    coordinates = take_coordinates(reading) if reading.geometry is None else ()
    _rename(reading, required, coordinates)
    check_geometry(reading, kind)
    from_crs, said = choose_crs(reading, target, extent)
    transform(reading, from_crs, target, extent, coordinates)
    repaired = repair_geometry(reading)
    refuse_nothing(reading)
    _make_types(reading, required, numeric, id_column)
    _check_ids(reading, id_column)
    facts: dict[str, object] = {
        "crs_of_file": said,
        "crs_read_as": crs_.name_crs(from_crs),
        "crs": crs_.name_crs(target),
        "repaired": repaired,
    }
    return _finish(reading, id_column, facts, target)


def read_table(
    source: Source,
    *,
    name: str,
    required: Sequence[str] = (),
    numeric: Sequence[str] = (),
    id_column: str | None = None,
    lenient: bool = False,
) -> Layer:
    """Read a file as a table without geometry: CSV, XLSX, Parquet, or a layer's attributes.

    Parameters
    ----------
    source : Source
        The file.
    name, required, numeric, id_column, lenient
        As in :func:`read_layer`.

    Returns
    -------
    Layer
        With a DataFrame.

    Raises
    ------
    UnreadableSourceError, MissingColumnError, BadValueError, DuplicateIdsError, EmptyLayerError
        As in :func:`read_layer`.
    """
    reading = open_source(source, name=name, spatial=False)
    reading.lenient = lenient
    reading.geometry = None
    reading.reason[:] = None  # what is wrong with the geometry does not matter here
    _check_mojibake(reading)
    _filter(reading)
    _rename(reading, required, ())
    _make_types(reading, required, numeric, id_column)
    _check_ids(reading, id_column)
    return _finish(reading, id_column, {}, None)


def _finish(
    reading: Reading, id_column: str | None, facts: dict[str, object], crs: pyproj.CRS | None
) -> Layer:
    """Part the rows to use from those set aside, and write down what was read."""
    usable = reading.usable
    aside = ~usable
    ids = (
        reading.frame[id_column][aside].to_numpy()
        if id_column is not None and id_column in reading.frame
        else np.full(int(aside.sum()), None, dtype=object)
    )
    set_aside = pd.DataFrame(
        {
            "layer": pd.Series([reading.name] * int(aside.sum()), dtype="str"),
            "file": pd.Series([reading.file] * int(aside.sum()), dtype="str"),
            "row": reading.row[aside].astype(np.int64),
            "id": pd.Series(ids, dtype="str"),
            "reason": pd.Series(reading.reason[aside], dtype="str"),
        },
    )
    # The index is the row in the file, so that a later step can still name it.
    frame = reading.frame[usable].set_axis(pd.Index(reading.row[usable].astype(np.int64)))
    if crs is not None:
        geometry = reading.shapes[usable]
        if (shapely.get_type_id(geometry) == 0).all():
            frame["x"], frame["y"] = shapely.get_x(geometry), shapely.get_y(geometry)
        frame = frame.drop(columns="geometry", errors="ignore")
        frame = gpd.GeoDataFrame(frame, geometry=geometry, crs=crs)
    digest, files, size = digest_of(reading.source.path)
    return Layer(
        frame=frame,
        set_aside=set_aside,
        facts={
            "file": reading.file,
            "driver": reading.driver,
            "layer": reading.layer,
            "bytes": size,
            "sha256": digest,
            "sha256_of": " + ".join(files),
            "encoding": reading.encoding,
            **facts,
            "rows_in_file": reading.rows_in_file,
            "rows_in": len(reading.frame),
            "rows_out": len(frame),
            "rows_set_aside": len(set_aside),
        },
        findings=tuple(reading.findings),
        offenders=_offenders(reading, id_column),
    )


def _offenders(reading: Reading, id_column: str | None) -> pd.DataFrame:
    """Give the rows that findings are about their ids and their places."""
    if not reading.offenders:
        return pd.DataFrame()
    table: pd.DataFrame = pd.concat(reading.offenders, ignore_index=True)
    at = np.searchsorted(reading.row, table["row"].to_numpy())
    # Rows that `where` left out are no more in the frame.
    at = at.clip(max=len(reading.row) - 1)
    table = table[reading.row[at] == table["row"]]
    at = at[table.index]
    if id_column is not None and id_column in reading.frame:
        table["id"] = reading.frame[id_column].to_numpy()[at]
    else:
        table["id"] = None
    table["geometry"] = reading.shapes[at]
    return table.reset_index(drop=True)
