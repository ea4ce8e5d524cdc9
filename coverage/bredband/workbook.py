"""A result as a workbook: a sheet per table, and a first sheet that explains each."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import xlsxwriter
from bredband_gis.store import write_file

from bredband.audience import PUBLIC_TABLES, min_households, shown_tables
from bredband.stored import RESULT_SCHEMAS, is_public
from bredband.table_words import heading, meaning, table_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bredband.text import Words

MAX_ROWS: Final = 1_048_576
"""Rows that a sheet of Excel holds, headings among them (F, Microsoft's specification)."""

MAX_TEXT: Final = 32_767
"""Characters that a cell of Excel holds (F, Microsoft's specification)."""

INTERNAL_SHEETS: Final = (
    "cost_curve", "shares", "build_order", "pts_marks", "pts_consultation", "set_aside",
)  # fmt: skip
"""Tables of single buildings, steps and rows that have a sheet in an internal workbook."""

ELSEWHERE: Final = ("premises", "trench", "pts_buildings", "pts_exclusions")
"""Tables of every building or stretch: in the database and the GeoPackage, never here."""

_FORMS: Final = {
    "score": "0.000", "value": "0.000", "contribution": "0.000", "price_sek_per_m": "#,##0.00",
}  # fmt: skip
_SPATIAL: Final = frozenset({"municipalities", "localities", "deso"})
_HEADS: Final = 2
_PERCENT: Final = frozenset({
    "takeup", "target", "breakeven_takeup", "expected_takeup", "municipality_coverage", "discount",
    "gap", "sum_gap", "chance_unmarked", "chance_marked", "chance_landsdel", "chance_national",
    "share_now", "share_possible", "change", "weight", "flip_weight",
})  # fmt: skip
_PLAIN: Final = frozenset({"year", "rank", "of", "row", "component_id", "edge_id", "place", "step",
                           "speed_mbit", "best_rank", "worst_rank"})  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its name, what it is called, its unit, meaning and number format."""

    name: str
    head: str
    unit: str
    kind: str
    meaning: str
    form: str


def write_workbook(
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    path: Path,
    *,
    language: str | None = None,
) -> None:
    """Write a result's tables to a workbook for Excel and LibreOffice, complete or not at all.

    The first sheet says what each sheet is, the second what each column is. On every other
    the first row holds the columns' names as they are in the other files, the second their
    headings with units; a text is a text, also where it begins with = + - or @.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        A run's tables by name. One that is absent has no sheet, and the first sheet says so.
    manifest : mapping
        The run's: audience, region, sources.
    path : Path
        The file; one that is there is replaced when the new one is complete.
    language : {"sv", "en"}, optional
        Of headings and explanations; the region's when not given.

    Raises
    ------
    GeodataError
        The file cannot be written.
    """
    region = manifest.get("settings", {}).get("region", {})
    w = table_words(language or str(region.get("language", "sv")))
    shown = _sheets(tables, manifest)
    with write_file(
        path,
        fix="close the program that has it open (Excel), or name another file",
        errors=(xlsxwriter.exceptions.FileCreateError,),
    ) as new:
        _Writer(new, w).write(shown, tables, manifest)


def describe_columns(name: str, table: pd.DataFrame, w: Words) -> list[Column]:
    """Describe the columns of a sheet.

    Parameters
    ----------
    name : str
        Name of the table.
    table : DataFrame
        The table; geometry is left out.
    w : Words
        From :func:`bredband.table_words.table_words`.
    """
    schema = RESULT_SCHEMAS.get(name)
    told = {} if schema is None else schema.columns
    found = []
    for raw, values in table.items():
        column = str(raw)
        if str(values.dtype) == "geometry":
            continue
        about = told.get(column)
        said = "" if about is None else str(about.description or "")
        unit = "" if about is None else str((about.metadata or {}).get("unit") or "")
        form, kind = _form(column, values, unit)
        unit = "%" if form.endswith("%") else unit
        unit = w.unit_word.get(unit, unit)
        head, explained = heading(w, column), meaning(w, column, said)
        found.append(Column(column, head, unit, w.type[kind], explained, form))
    return found


def _form(name: str, values: pd.Series[Any], unit: str) -> tuple[str, str]:
    """Give a column's number format and the kind of its values."""
    kind = str(values.dtype).casefold()
    if kind in {"bool", "boolean"}:
        return "", "truth"
    if kind.startswith("int"):
        return ("0" if name in _PLAIN else "#,##0"), "whole"
    if not kind.startswith("float"):
        return "", "text"
    form = _FORMS.get(name, "#,##0.0##")
    if name.endswith(("_sek", "_m")) or unit.startswith("SEK"):
        form = _FORMS.get(name, "#,##0")
    elif name.endswith("_points"):
        form = "0.0"
    elif name == "share" or name.endswith("_share") or name in _PERCENT or unit == "share":
        form = "0.0%"
    return form, "number"


def _sheets(
    tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any]
) -> dict[str, pd.DataFrame]:
    """Give the tables that have a sheet, in their order."""
    shown = shown_tables(tables, manifest)
    order = [*PUBLIC_TABLES, *([] if is_public(manifest) else INTERNAL_SHEETS)]
    return {name: shown[name] for name in order if name in shown and name not in _SPATIAL}


class _Writer:
    """The workbook while it is written."""

    def __init__(self, path: Path, w: Words) -> None:
        self.w = w
        self.book = xlsxwriter.Workbook(
            str(path), {"strings_to_formulas": False, "strings_to_urls": False}
        )
        # No time in it: the same result gives the same file.
        self.book.set_properties({"created": datetime.datetime(2000, 1, 1)})
        self.title = self.book.add_format({"bold": True, "font_size": 16})
        self.bold = self.book.add_format({"bold": True})
        self.key = self.book.add_format({"italic": True, "font_color": "#595959", "font_size": 8})
        self.head = self.book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#DCE6F1", "bottom": 1}
        )
        self.wrap = self.book.add_format({"text_wrap": True, "valign": "top"})
        self.link = self.book.add_format(
            {"font_color": "#0563C1", "underline": True, "valign": "top"}
        )
        self.warning = self.book.add_format({"bold": True, "font_color": "#9C0006"})
        self.forms: dict[str, Any] = {}

    def write(
        self,
        shown: Mapping[str, pd.DataFrame],
        tables: Mapping[str, pd.DataFrame],
        manifest: Mapping[str, Any],
    ) -> None:
        with self.book:
            contents = self.book.add_worksheet(_sheet_name(self.w.workbook.contents))
            explained = self.book.add_worksheet(_sheet_name(self.w.workbook.columns))
            sheets = {name: self._sheet_of(name) for name in shown}
            columns = {name: describe_columns(name, table, self.w) for name, table in shown.items()}
            self._contents(contents, sheets, shown, columns, tables, manifest)
            self._explain(explained, sheets, columns)
            for name, table in shown.items():
                self._table(sheets[name], table, columns[name])

    def _sheet_of(self, name: str) -> Any:
        return self.book.add_worksheet(_sheet_name(self.w.sheet.get(name, name)))

    def _form(self, form: str) -> Any:
        if not form:
            return None
        if form not in self.forms:
            self.forms[form] = self.book.add_format({"num_format": form})
        return self.forms[form]

    def _contents(
        self, sheet: Any, sheets: Mapping[str, Any], shown: Mapping[str, pd.DataFrame],
        columns: Mapping[str, list[Column]], tables: Mapping[str, pd.DataFrame],
        manifest: Mapping[str, Any],
    ) -> None:  # fmt: skip
        w, said = self.w, self.w.workbook
        settings = manifest.get("settings", {}).get("region", {})
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 1, 70)
        sheet.set_column(2, 2, 11)
        sheet.set_column(3, 4, 26)
        sheet.set_column(5, 5, 60)
        sheet.write_string(0, 0, w.fill("workbook.title", region=manifest.get("region", ""),
                                        year=settings.get("year", "")), self.title)  # fmt: skip
        lines = [(text, style) for text, style in self._notes(manifest) if text]
        for row, (text, style) in enumerate(lines, 1):
            sheet.write_string(row, 0, text, style)
        row = len(lines) + 2
        heads = ("sheet", "about", "rows", "units", "schema", "note")
        for at, key in enumerate(heads):
            sheet.write_string(row, at, said[key], self.head)
        sheet.freeze_panes(row + 1, 0)
        for name, table in shown.items():
            row += 1
            target = sheets[name].get_name()
            sheet.write_url(row, 0, f"internal:'{target}'!A1", self.link, target)
            sheet.write_string(row, 1, _about(name, w), self.wrap)
            sheet.write_number(row, 2, len(table), self._form("#,##0"))
            units = dict.fromkeys(one.unit for one in columns[name] if one.unit)
            sheet.write_string(row, 3, ", ".join(units), self.wrap)
            sheet.write_string(row, 4, name)
            if len(table) > MAX_ROWS - _HEADS:
                note = w.fill("workbook.cut", rows=w.number(len(table)),
                              shown=w.number(MAX_ROWS - _HEADS))  # fmt: skip
                sheet.write_string(row, 5, note, self.wrap)
        withheld = [name for name in tables if name not in shown and name not in _SPATIAL]
        absent = [name for name in PUBLIC_TABLES if name not in tables and name not in _SPATIAL]
        for head, names in ((said.withheld, withheld), (said.absent, absent)):
            if names:
                row += 2
                sheet.write_string(row, 0, head, self.bold)
                for name in names:
                    row += 1
                    sheet.write_string(row, 0, name)
                    sheet.write_string(row, 1, _about(name, w), self.wrap)
        self._sources(sheet, row + 2, manifest)

    def _notes(self, manifest: Mapping[str, Any]) -> list[tuple[str, Any]]:
        w = self.w
        made_up = list(dict.fromkeys(
            str(file.get("layer")) for file in manifest.get("inputs", [])
            if file.get("provenance") == "synthetic"
        ))  # fmt: skip
        provenance = str(manifest.get("provenance", ""))
        what = w.join([w.synthetic.get(layer, layer) for layer in made_up])
        audience = (
            w.fill("workbook.public", n=min_households(manifest))
            if is_public(manifest) else w.workbook.internal
        )  # fmt: skip
        rests_on = w.provenance.get(provenance, provenance)
        return [
            (w.fill("workbook.rests_on", provenance=rests_on) if provenance else "", None),
            (w.fill("workbook.synthetic", what=what) if made_up else "", self.warning),
            (audience, None if is_public(manifest) else self.warning),
            (w.workbook.head, None),
        ]

    def _sources(self, sheet: Any, row: int, manifest: Mapping[str, Any]) -> None:
        w, said = self.w, self.w.workbook
        sheet.write_string(row, 0, said.sources, self.bold)
        row += 1
        heads = ("layer", "source", "year", "kind", "licence", "file")
        for at, key in enumerate(heads):
            sheet.write_string(row, at, said[key], self.head)
        for file in manifest.get("inputs", []):
            row += 1
            layer = str(file.get("layer") or "")
            provenance = str(file.get("provenance") or "")
            texts = (
                w.layer.get(layer, layer), file.get("source"), file.get("year"),
                w.provenance.get(provenance, provenance), file.get("licence"), file.get("file"),
            )  # fmt: skip
            for at, text in enumerate(texts):
                if isinstance(text, int):
                    sheet.write_number(row, at, text)
                elif text:
                    sheet.write_string(row, at, _fitting(str(text)), self.wrap)

    def _explain(
        self, sheet: Any, sheets: Mapping[str, Any], columns: Mapping[str, list[Column]]
    ) -> None:
        said = self.w.workbook
        for at, (key, width) in enumerate(
            (("sheet", 22), ("column", 26), ("heading", 30), ("unit", 18), ("type", 16),
             ("meaning", 100))
        ):  # fmt: skip
            sheet.set_column(at, at, width)
            sheet.write_string(0, at, said[key], self.head)
        row = 0
        for name, listed in columns.items():
            for one in listed:
                row += 1
                texts = (sheets[name].get_name(), one.name, one.head, one.unit, one.kind,
                         one.meaning)  # fmt: skip
                for at, text in enumerate(texts):
                    sheet.write_string(row, at, text)
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, max(row, 1), 5)

    def _table(self, sheet: Any, table: pd.DataFrame, columns: list[Column]) -> None:
        table = table.head(MAX_ROWS - _HEADS)
        for at, one in enumerate(columns):
            head = f"{one.head} ({one.unit})" if one.unit else one.head
            sheet.write_string(0, at, one.name, self.key)
            sheet.write_string(1, at, head, self.head)
            if one.meaning:
                sheet.write_comment(
                    1, at, one.meaning, {"x_scale": 2, "author": "bredband", "font_size": 9}
                )
            longest = _write_column(sheet, at, table[one.name], self._form(one.form))
            words = max((len(part) for part in head.split()), default=0)
            sheet.set_column(at, at, float(np.clip(max(longest, words, len(head) / 3) + 2, 9, 48)))
        sheet.set_row(1, 45)
        sheet.freeze_panes(_HEADS, 1)
        if columns:
            sheet.autofilter(1, 0, max(len(table) + 1, 2), len(columns) - 1)


def _write_column(sheet: Any, at: int, values: pd.Series[Any], form: Any) -> int:
    """Write a column below the headings; give how wide its widest value is, in characters."""
    kind = str(values.dtype).casefold()
    if kind in {"bool", "boolean"}:
        there = np.flatnonzero(values.notna().to_numpy())
        for row, value in zip((there + _HEADS).tolist(), values.iloc[there], strict=True):
            sheet.write_boolean(row, at, bool(value))
        return 6
    if kind.startswith(("int", "float")):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        there = np.flatnonzero(np.isfinite(numbers))
        write = sheet.write_number
        rows = (there + _HEADS).tolist()
        for row, number in zip(rows, numbers[there].tolist(), strict=True):
            write(row, at, number, form)
        largest = float(np.abs(numbers[there]).max(initial=0.0))
        return len(f"{largest:,.0f}") + 2
    # The same few texts stand on thousands of rows: each is made once.
    codes, found = pd.factorize(values)
    texts = [_fitting(str(text)) for text in found]
    write_text = sheet.write_string
    for row, code in enumerate(codes.tolist(), _HEADS):
        if code >= 0:
            write_text(row, at, texts[code])
    return max(map(len, texts), default=0)


def _fitting(text: str) -> str:
    """Shorten a text to what a cell holds."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _sheet_name(name: str) -> str:
    """Make a name that a sheet may have: at most 31 characters and none that Excel forbids."""
    return re.sub(r"[\[\]:*?/\\]", " ", name).strip("'")[:31]


def _about(name: str, w: Words) -> str:
    schema = RESULT_SCHEMAS.get(name)
    return w.row.get(name, "" if schema is None else str(schema.description or ""))
