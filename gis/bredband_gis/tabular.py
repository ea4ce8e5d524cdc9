"""Text tables (CSV, XLSX): read as text, so that 0114 stays 0114, and numbers made on demand."""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from openpyxl.utils.exceptions import InvalidFileException

from bredband_gis.errors import EmptyLayerError, UnreadableSourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CSV_SUFFIXES: Final = (".csv", ".txt", ".tsv")
XLSX_SUFFIXES: Final = (".xlsx", ".xlsm")

_SEPARATORS: Final = (";", "\t", ",", "|")

_DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, InvalidFileException, KeyError, ValueError, EOFError, TypeError,
    SyntaxError, NotImplementedError, AttributeError,
)  # fmt: skip
"""What openpyxl and the modules below it raise on a damaged workbook (SyntaxError: broken XML)."""

_NULLS: Final = ("", "null", "na", "n/a", "nan", "none")
"""Texts that stand for a missing number."""

_BLANKS: Final = " \u00a0\u202f\u2009'\u2019"
"""What parts thousands: blank, nbsp, narrow nbsp, thin space, apostrophes."""


@dataclass(frozen=True)
class TextTable:
    """A table whose every column is text.

    Attributes
    ----------
    frame : DataFrame
        Columns of dtype str, null where a cell is blank. Rows without any value are left out.
    row : array of int64
        Row of each in the file; the first below the header is 0.
    line : int
        Add it to a row to get the line of the file, or Excel's row number.
    encoding : str
        How the text was decoded; empty for XLSX.
    sheet : str or None
        Name of the sheet, where there are sheets.
    notes : list of (rule, message, fix)
        What is odd about the file.
    """

    frame: pd.DataFrame
    row: NDArray[np.int64]
    line: int
    encoding: str = ""
    sheet: str | None = None
    notes: tuple[tuple[str, str, str], ...] = ()


def read_csv(path: Path, *, encoding: str | None = None, rows: int | None = None) -> TextTable:
    """Read a text file with separated columns, all of them as text.

    The separator (``;`` ``,`` tab ``|``) is the one that gives most columns in the first line.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str, optional
        Found out when not given: UTF-8 (with or without mark), UTF-16 with a mark, else
        Windows-1252, or CP850 when only that gives å, ä and ö.
    rows : int, optional
        Read this many rows only, e.g. 0 for the column names.

    Raises
    ------
    UnreadableSourceError
        Not text, an encoding that does not fit, or rows with too few or too many fields.
    EmptyLayerError
        No row below the header.
    """
    data = path.read_bytes() if rows is None else _head(path)
    text_data, used = _as_utf8(data, path, encoding, cut=rows is not None)
    if b"\0" in text_data:
        msg = "the file holds bytes that are no text (NUL)"
        raise UnreadableSourceError(msg, where=path.name, fix="export it as CSV in UTF-8 again")
    start, separator = _find_header(text_data)
    if start < 0:
        msg = "the file has no header line"
        raise EmptyLayerError(msg, where=path.name, fix="export the table again with its header")
    head, end = _split_header(text_data, start, separator)
    names, notes = _unique_names(head)
    if rows == 0:
        empty = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
        return TextTable(empty, np.zeros(0, dtype=np.int64), 2, used, None, notes)
    skipped = text_data[:end].count(b"\n")
    table = _parse_rows(text_data[end:], names, separator, path, skipped)
    frame, row = _drop_blank(table.to_pandas(), names, head)
    if frame.empty:
        msg = "the table has a header but no rows"
        raise EmptyLayerError(msg, where=path.name, fix="check the export")
    return TextTable(frame, row, skipped + 1, used, None, notes)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1 << 16)


def _as_utf8(
    data: bytes, path: Path, encoding: str | None, *, cut: bool = False
) -> tuple[bytes, str]:
    """Give the text as UTF-8 without mark, and the name of the encoding it was in."""
    told = encoding is not None
    if encoding is None:
        encoding = guess_encoding(data, cut=cut)
    else:
        try:
            name = codecs.lookup(encoding).name
        except LookupError:
            msg = f"there is no encoding called {encoding!r}"
            fix = 'write e.g. encoding = "utf-8" or "cp1252", or leave it out'
            raise UnreadableSourceError(msg, where=path.name, fix=fix) from None
        found = guess_encoding(data, cut=cut)
        if found.startswith("utf") and not data.isascii() and not name.startswith("utf"):
            msg = f"the file is in {found.upper()}, not in {encoding}"
            fix = f"leave out encoding, or write {found!r}"
            raise UnreadableSourceError(msg, where=path.name, fix=fix)
        encoding = name
    if encoding in {"utf-8", "utf-8-sig", "ascii"} and (cut or _is_utf8(data)):
        return data.removeprefix(codecs.BOM_UTF8), "utf-8"
    try:
        text = data.decode(encoding, errors="ignore" if cut else "strict")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = encoding if told else "UTF-8 or Windows-1252"
        msg = f"the text in line {line} cannot be read as {what}"
        fix = 'write the encoding that the file was saved in, e.g. encoding = "cp1252"'
        raise UnreadableSourceError(msg, where=path.name, fix=fix) from None
    return text.removeprefix("\ufeff").encode("utf-8"), encoding


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def guess_encoding(data: bytes, *, cut: bool = False) -> str:
    """Find out the encoding of a Swedish text.

    Parameters
    ----------
    data : bytes
        The text.
    cut : bool
        Whether `data` is only the beginning, whose last character may be half.

    Returns
    -------
    str
        utf-16 where it begins with that mark, utf-8 where every byte fits it, cp850 (DOS)
        where bytes for å, ä and ö are found in that code page and none in cp1252, else cp1252.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
    except UnicodeDecodeError:
        high = set(data.translate(None, bytes(range(128))))
        if high.isdisjoint("åäöÅÄÖ".encode("cp1252")) and re.search(
            rb"[A-Za-z][\x84\x86\x94]|[\x8e\x8f\x99][a-z]", data
        ):
            return "cp850"
        return "cp1252"
    return "utf-8"


def _find_header(data: bytes) -> tuple[int, str]:
    """Give where the header line starts (-1: nowhere) and the separator."""
    start = 0
    while start < len(data):
        stop = data.find(b"\n", start)
        line = data[start : stop if stop >= 0 else len(data)].decode("utf-8", "replace").strip()
        told = re.fullmatch(r'"?sep=(.)"?', line)
        if told:
            header, _ = _find_header(data[stop + 1 :] if stop >= 0 else b"")
            return (stop + 1 + header if header >= 0 else -1), told[1]
        if line.strip(";,|\t "):
            counts = [len(next(csv.reader([line], delimiter=mark))) for mark in _SEPARATORS]
            return start, _SEPARATORS[int(np.argmax(counts))]
        if stop < 0:
            break
        start = stop + 1
    return -1, ";"


def _split_header(data: bytes, start: int, separator: str) -> tuple[list[str], int]:
    """Give the header's fields and where the first row begins."""
    stop = data.find(b"\n", start)
    while stop >= 0 and data[start:stop].count(b'"') % 2:  # a line break inside quotation marks
        stop = data.find(b"\n", stop + 1)
    end = len(data) if stop < 0 else stop + 1
    line = data[start:end].decode("utf-8").strip("\r\n")
    return next(csv.reader(io.StringIO(line, newline=""), delimiter=separator), []), end


def _unique_names(head: Sequence[str]) -> tuple[list[str], tuple[tuple[str, str, str], ...]]:
    """Give every column a name of its own."""
    names: list[str] = []
    doubled = []
    for number, raw in enumerate(head, start=1):
        name = " ".join(raw.split()) or f"column_{number}"
        if name in names:
            doubled.append(name)
            copy = 2
            while f"{name}_{copy}" in names:
                copy += 1
            name = f"{name}_{copy}"
        names.append(name)
    if not doubled:
        return names, ()
    message = f"the header holds {', '.join(sorted(set(doubled)))} more than once"
    return names, (("double-column", f"{message}; the first is used", "rename the columns"),)


def _parse_rows(
    data: bytes, names: list[str], separator: str, path: Path, skipped: int
) -> pa.Table:
    if not data.strip():
        return pa.table({name: pa.array([], pa.string()) for name in names})
    try:
        return pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(column_names=names, block_size=1 << 24),
            parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=b'"' in data),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowException as error:
        raise _ragged(data, len(names), separator, path, skipped, error) from None


def _ragged(
    data: bytes, expected: int, separator: str, path: Path, skipped: int, error: Exception
) -> UnreadableSourceError:
    """Find the first row whose number of fields differs, the slow way: the file is wrong anyway."""
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=separator)
    wrong: list[tuple[int, int]] = []
    last = 0
    try:
        for fields in reader:
            last = reader.line_num
            if fields and len(fields) != expected:
                wrong.append((last, len(fields)))
    except csv.Error as fault:
        msg = f"line {skipped + reader.line_num} cannot be read ({fault})"
        return UnreadableSourceError(msg, where=path.name, fix="export the table again")
    if not wrong:
        reason = str(error).splitlines()[0][:200]
        msg = f"the table cannot be read ({reason})"
        return UnreadableSourceError(msg, where=path.name, fix="export the table again as UTF-8")
    line, count = wrong[0]
    where = f"{path.name}, {len(wrong)} rows" if len(wrong) > 1 else path.name
    msg = f"line {skipped + line} has {count} fields, but the header has {expected}"
    if len(wrong) == 1 and line == last and count < expected:
        msg += "; it is the last line, so the file is probably cut off"
        fix = "fetch or export the file again"
    else:
        fix = f"put quotation marks around values that hold {separator!r}, or export the file again"
    return UnreadableSourceError(msg, where=where, fix=fix)


def _drop_blank(
    frame: pd.DataFrame, names: list[str], head: Sequence[object]
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Leave out rows without any value, and columns without name or value."""
    filled = frame.notna().any(axis=1).to_numpy()
    row = np.flatnonzero(filled).astype(np.int64)
    if not filled.all():
        frame = frame[filled]
    unnamed = [
        name
        for name, raw in zip(names, head, strict=True)
        if not str(raw or "").strip() and frame[name].isna().all()
    ]
    return frame.drop(columns=unnamed).reset_index(drop=True).astype("str"), row


def read_xlsx(path: Path, *, sheet: str | None = None, rows: int | None = None) -> TextTable:
    """Read a sheet of an Excel workbook, every cell as text.

    A number in a cell formatted as ``0000`` keeps its leading zeros. Formulas give
    the value that was last stored.

    Parameters
    ----------
    path : Path
        The workbook.
    sheet : str, optional
        Name of the sheet; the first when not given.
    rows : int, optional
        Read this many rows only, e.g. 0 for the column names.

    Raises
    ------
    UnreadableSourceError
        The file is cut off or no workbook, or the sheet does not exist.
    EmptyLayerError
        The sheet has no rows below its header.
    """
    with _workbook(path) as book:
        return _first_rows(book, path, sheet, rows)


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook as it stands: no header is looked for, no row left out.

    Attributes
    ----------
    name : str
        Name of the sheet.
    cells : array of object, (rows, columns)
        Text, None where a cell is blank. Of merged cells only the first has the text.
    percent : array of bool, (rows, columns)
        Cells that the workbook shows as per cent: 0.85 in them is 85 %.
    """

    name: str
    cells: NDArray[np.object_]
    percent: NDArray[np.bool_]


def read_sheets(path: Path) -> list[Sheet]:
    """Read every sheet of an Excel workbook as it stands, for tables with titles and notes.

    Parameters
    ----------
    path : Path
        The workbook.

    Raises
    ------
    UnreadableSourceError
        The file is cut off or no workbook.
    """
    with _workbook(path) as book:
        sheets = []
        for page in book.worksheets:
            page.reset_dimensions()  # some programs write a wrong size of the sheet
            sheets.append(_as_it_stands(page.title, list(page.iter_rows())))
        return sheets


def _as_it_stands(name: str, rows: list[Any]) -> Sheet:
    shape = len(rows), max(map(len, rows), default=0)
    cells, percent = np.full(shape, None, dtype=object), np.zeros(shape, dtype=bool)
    for n, row in enumerate(rows):
        filled = [m for m, cell in enumerate(row) if cell.value is not None]
        formats = [row[m].number_format or "" for m in filled]
        cells[n, filled] = [
            _text(row[m].value, len(shown) if re.fullmatch("0{2,}", shown) else 0)
            for m, shown in zip(filled, formats, strict=True)
        ]
        percent[n, filled] = ["%" in shown for shown in formats]
    return Sheet(name, cells, percent)


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    """Open a workbook for reading; what openpyxl raises on a damaged one becomes one error."""
    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and drop-down lists that it does not keep: no data in them.
            warnings.simplefilter("ignore", UserWarning)
            with path.open("rb") as file:
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
                try:
                    yield book
                finally:
                    book.close()
    except _DAMAGE as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        msg = f"the workbook is cut off or damaged ({reason})"
        fix = "open it in Excel and save it as .xlsx again, or fetch it again"
        raise UnreadableSourceError(msg, where=path.name, fix=fix) from None


def _first_rows(book: Any, path: Path, sheet: str | None, rows: int | None) -> TextTable:
    titles = [page.title for page in book.worksheets]
    if sheet is not None and sheet not in titles:
        msg = f"there is no sheet {sheet!r}; there is: {', '.join(titles)}"
        fix = f'write layer = "{titles[0]}"' if titles else "save it with a worksheet"
        raise UnreadableSourceError(msg, where=path.name, fix=fix)
    if not titles:
        msg = "the workbook has no worksheet"
        raise EmptyLayerError(msg, where=path.name, fix="save it with a worksheet")
    page = book[sheet or titles[0]]
    where = f"{path.name}, sheet {page.title}"
    notes: tuple[tuple[str, str, str], ...] = ()
    if sheet is None and len(titles) > 1:
        message = f"the first sheet, {titles[0]}, was read; there is also: " + ", ".join(titles[1:])
        notes = (("first-sheet", message, f'write layer = "{titles[0]}" to say so'),)
    page.reset_dimensions()  # some programs write a wrong size of the sheet
    cells = enumerate(page.iter_rows(), start=1)
    filled = ((n, row) for n, row in cells if any(cell.value is not None for cell in row))
    line, header = next(filled, (0, ()))
    if not header:
        msg = "the sheet is empty"
        raise EmptyLayerError(msg, where=where, fix="name the right sheet with layer")
    head = ["" if cell.value is None else str(cell.value) for cell in header]
    while head and not head[-1].strip():
        head.pop()
    names, doubled = _unique_names(head)
    lines = [] if rows == 0 else [row for _, row in cells]
    if rows == 0:
        empty = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
        return TextTable(empty, np.zeros(0, dtype=np.int64), 2, "", page.title, notes + doubled)
    columns = {
        name: pd.Series(_texts(lines, position), dtype="str") for position, name in enumerate(names)
    }
    frame, row = _drop_blank(pd.DataFrame(columns), names, head)
    if frame.empty:
        msg = "the sheet has a header but no rows"
        raise EmptyLayerError(msg, where=where, fix="name the right sheet with layer")
    return TextTable(frame, row, line + 1, "", page.title, notes + doubled)


def _texts(lines: list[Any], position: int) -> list[str | None]:
    """Give one column's cells as text."""
    cells = [row[position] if position < len(row) else None for row in lines]
    values = [None if cell is None else cell.value for cell in cells]
    first = next((n for n, value in enumerate(values) if value is not None), None)
    zeros = ""
    if first is not None:
        zeros = getattr(cells[first], "number_format", "") or ""
    width = len(zeros) if re.fullmatch("0{2,}", zeros) else 0
    return [_text(value, width) for value in values]


def _text(value: object, width: int = 0) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int):
        return str(value).zfill(width)
    if isinstance(value, datetime):
        midnight = value.hour == value.minute == value.second == 0
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value).strip() or None


@dataclass(frozen=True)
class Numbers:
    """A column made into numbers.

    Attributes
    ----------
    values : array of float64
        nan where the cell is blank or is no number.
    bad : array of bool
        Cells that hold something other than a number.
    doubtful : int
        Cells such as 1,234 in a column where every comma stands before three digits: read
        as a decimal comma, but it might part thousands.
    """

    values: NDArray[np.float64]
    bad: NDArray[np.bool_]
    doubtful: int = 0


def parse_numbers(column: pd.Series[Any]) -> Numbers:
    """Make a column numeric, the way numbers are written in Sweden and elsewhere.

    Decimal comma or point; thousands parted by blanks (nbsp too), by apostrophes, or by
    points or commas where the other or a second one shows that they do. Blank, NULL and NA
    are missing. Anything else is marked as bad, infinity too.

    Parameters
    ----------
    column : Series
        Text or numbers.

    Returns
    -------
    Numbers
        Arrays of the column's length.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        return Numbers(values, np.isinf(values))
    text = pc.utf8_trim_whitespace(_arrow_text(column))
    missing = pc.is_in(pc.utf8_lower(text), value_set=pa.array(_NULLS, text.type))
    text = pc.if_else(pc.or_kleene(missing, pc.is_null(text)), pa.scalar(None, text.type), text)
    doubtful = 0
    bad = np.zeros(len(text), dtype=bool)
    numbers = _cast_plainly(text)
    if numbers is None:
        text, doubtful = _plain_numbers(text)
        good = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$")
        bad = ~good.fill_null(True).to_numpy(zero_copy_only=False)
        numbers = pc.cast(pc.if_else(good, text, pa.scalar(None, text.type)), pa.float64())
    values = numbers.to_numpy(zero_copy_only=False).astype(float)
    infinite = np.isinf(values)
    return Numbers(np.where(infinite, np.nan, values), bad | infinite, doubtful)


def _cast_plainly(text: pa.Array) -> pa.Array | None:
    """Cast a column without thousands, the common and fast case; None where it is not so."""
    if not pc.any(pc.match_substring(text, ".")).as_py():
        text = pc.replace_substring(text, ",", ".")
        commas = True
    else:
        commas = False
    try:
        numbers = pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        return None
    # Only numbers below 1000 can hold a comma that is in doubt: look at them more closely.
    small = commas and (pc.max(pc.abs(numbers)).as_py() or 0) < 1000
    return None if small and pc.any(pc.match_substring(text, ".")).as_py() else numbers


def _arrow_text(column: pd.Series[Any]) -> pa.Array:
    array = pa.array(column.astype("str"), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.large_string())


def _plain_numbers(text: pa.Array) -> tuple[pa.Array, int]:
    """Rewrite numbers as 1234.5; what is no number comes out as it was, more or less."""

    def where(pattern: str) -> pa.Array:
        return pc.match_substring_regex(text, pattern)

    def strip(mask: pa.Array, characters: str) -> pa.Array:
        clean = pc.replace_substring_regex(text, f"[{characters}]", "")
        return pc.if_else(mask, clean, text)

    text = pc.replace_substring(text, "−", "-")
    text = strip(where(rf"^[+-]?\d{{1,3}}([{_BLANKS}]\d{{3}})+([.,]\d*)?$"), _BLANKS)
    points = where(r"^[+-]?\d{1,3}(\.\d{3})+,\d*$|^[+-]?\d{1,3}(\.\d{3}){2,}$")
    text = strip(points, ".")
    commas = where(r"^[+-]?\d{1,3}(,\d{3})+\.\d*$|^[+-]?\d{1,3}(,\d{3}){2,}$")
    if pc.any(commas).as_py():  # the column is written the English way throughout
        return strip(where(r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"), ","), 0
    with_comma = pc.sum(where(",")).as_py() or 0
    doubtful = pc.sum(where(r"^[+-]?[1-9]\d{0,2},\d{3}$")).as_py() or 0
    text = pc.replace_substring(text, ",", ".", max_replacements=1)
    return text, doubtful if doubtful == with_comma else 0


def as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Make a column text: 123.0 becomes "123", blanks around a value go, nothing becomes null.

    Parameters
    ----------
    column : Series
        Anything: identifiers and codes that a file stores as numbers or as text.

    Returns
    -------
    Series of str
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype("str").str.lower().astype("str")
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        whole = np.isnan(values) | (np.isfinite(values) & (values == np.round(values)))
        if whole.all() and np.nanmax(np.abs(values), initial=0) < 2**53:
            return column.astype("Int64").astype("string").astype("str")
        return column.map(lambda value: f"{value:.15g}", na_action="ignore").astype("str")
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.astype("string").astype("str")
    text = pc.utf8_trim_whitespace(_arrow_text(column))
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
    with_zero = pc.match_substring_regex(text, r"^\d+\.0$")
    if pc.any(with_zero).as_py() and pc.all(with_zero).as_py():  # numbers written by a program
        text = pc.replace_substring_regex(text, r"\.0$", "")
    return pd.Series(text.to_pandas(), dtype="str", index=column.index)


_SECOND_HALVES: Final = "".join(
    sorted(
        {
            bytes([byte]).decode(code, "ignore")
            for byte in range(0x80, 0xC0)
            for code in ("cp1252", "latin1")
        }
    )
)
"""The second byte of a letter in UTF-8, as a program sees it that takes it for Windows-1252."""

_MOJIBAKE: Final = f"[ÃÂ][{re.escape(_SECOND_HALVES)}]|\ufffd"


def is_mojibake(column: pd.Series[Any]) -> NDArray[np.bool_]:
    """Tell which text values were once converted wrongly, such as Ã¶ for ö."""
    broken = pc.match_substring_regex(_arrow_text(column), _MOJIBAKE)
    return np.asarray(broken.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)


def count_mojibake(columns: Iterable[pd.Series[Any]]) -> tuple[int, str | None]:
    """Count text values that were once converted wrongly, such as Ã¶ for ö.

    Returns
    -------
    tuple of int and (str or None)
        How many values, and the first of them.
    """
    count, example = 0, None
    for column in columns:
        text = _arrow_text(column)
        letters = text.buffers()[2]
        data = b"" if letters is None else letters.to_pybytes()
        if not any(mark.encode() in data for mark in "ÃÂ\ufffd"):  # the common case, and fast
            continue
        broken = pc.match_substring_regex(text, _MOJIBAKE)
        hits = pc.sum(broken).as_py() or 0
        if hits and example is None:
            example = text.filter(broken)[0].as_py()
        count += hits
    return count, example
