"""PTS's workbooks as published figures: the tidy sheets since 2022 and the historic ones.

No file of PTS's is at hand where this is written: the form of the sheets is taken from
descriptions and other people's readers of them (F), the rest is inferred and checked at
reading, so that a sheet of another form is told, not misread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd
from bredband_gis.errors import MissingColumnError, UnreadableSourceError
from bredband_gis.quality import Finding
from bredband_gis.tabular import parse_numbers, read_sheets

from bredband.figures import (
    Kind,
    Shares,
    as_published,
    base_of,
    describe,
    fold,
    kind_of,
    parse_shares,
    settle_units,
)
from bredband.tables import BUILT_UP, RURAL, SEGMENTS, TOTAL
from bredband.text import words

if TYPE_CHECKING:
    from pathlib import Path

    from bredband_gis.tabular import Sheet
    from numpy.typing import NDArray

    from bredband.text import Words

LAYER: Final = "published"
WHO: Final = "PTS"

_LOOK_ROWS: Final = 40
"""A header stands within this many rows from the top: titles come before it."""

_ROLES: Final = {
    "bas": "base",
    "aggregerat på": "level",
    "aggregeringsnivå": "level",
    "årtal": "year",
    "år": "year",
    "område": "segment",
    "områdestyp": "segment",
    "länskod": "county_code",
    "lännamn": "county",
    "länsnamn": "county",
    "län": "county",
    "kommunkod": "municipality_code",
    "kommunnamn": "municipality",
    "kommun": "municipality",
    "antal hushåll": "total",
    "antal arbetsställen": "total",
    "antal arbetsställe": "total",
}
"""Headings of a tidy sheet that are no figures (small letters)."""

_AREA_ROLES: Final = {"municipality", "municipality_code", "county", "county_code", "level"}

_SEGMENTS: Final = {
    "total": TOTAL,
    "totalt": TOTAL,
    "hela": TOTAL,
    "tätbyggt": BUILT_UP,
    "tätbebyggt": BUILT_UP,
    "tätbyggt område": BUILT_UP,
    "tätort och småort": BUILT_UP,
    "glesbygd": RURAL,
    "glesbebyggt": RURAL,
    "utanför tätort och småort": RURAL,
    **{segment: segment for segment in SEGMENTS[:2]},
}

_NEAR_BELOW: Final = 0.0005
"""Near fibre may be this much less than fibre for rounding, as a share."""


@dataclass
class _Reading:
    """What has been found in a workbook so far."""

    file: str
    language: str
    parts: list[pd.DataFrame] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def said(self) -> Words:
        """The words of the language."""
        return words(self.language, plain=True)

    def note(
        self, rule: str, *, sheet: str, rows: int = 0,
        severity: Literal["warning", "info"] = "info", **values: object,
    ) -> None:  # fmt: skip
        message, fix = self.said.tell(LAYER, rule, **values)
        message = self.said.fill("published.sheet", sheet=sheet, text=message)
        self.findings.append(Finding(rule, severity, LAYER, self.file, rows, message, fix))

    def skip(self, sheet: str, why: str) -> None:
        """Say why a sheet is not used."""
        self.note("sheet-skipped", sheet=sheet, why=self.said.published[why])


@dataclass(frozen=True)
class _Column:
    """A column of shares: where it stands and what it measures."""

    at: int
    heading: str
    kind: Kind
    base: str | None = None
    year: int | None = None


def read_pts(path: Path, *, language: str = "sv") -> tuple[pd.DataFrame, list[Finding]]:
    """Read PTS's table annexes on technology and speed, whatever sheets they have.

    Parameters
    ----------
    path : Path
        The workbook.
    language : {"sv", "en"}, optional
        Language of the definitions and findings.

    Returns
    -------
    table : DataFrame
        ``tables.PUBLISHED``; codes are empty where a sheet has names only.
    findings : list of Finding
        Sheets, columns and rows that were not read, and units as they were taken.

    Raises
    ------
    UnreadableSourceError
        The workbook is cut off, or no sheet of it holds statistics that are known here.
    """
    reading = _Reading(path.name, language)
    sheets = read_sheets(path)
    for sheet in sheets:
        tidy = _tidy_header(sheet)
        years = None if tidy is not None else _historic_header(sheet)
        if "mobil" in fold(sheet.name) or (tidy is None and years is None):
            reading.skip(sheet.name, "why_no_fixed")
        elif tidy is not None:
            _read_tidy(sheet, tidy, reading)
        elif years is not None:
            _read_historic(sheet, years, reading)
    if not reading.parts:
        raise _nothing_known(path, sheets, reading)
    return as_published(reading.parts), reading.findings


def _nothing_known(path: Path, sheets: list[Sheet], reading: _Reading) -> UnreadableSourceError:
    seen = []
    for sheet in sheets[:6]:
        widest = max(sheet.cells[:_LOOK_ROWS], key=_filled, default=np.array([], object))
        texts = [" ".join(str(text).split())[:40] for text in widest if text is not None]
        seen.append(f"{sheet.name} ({', '.join(texts[:12]) or 'empty'})")
    odd = [f.message for f in reading.findings if f.severity == "warning"]
    msg = (
        "no sheet holds statistics of fixed broadband in a form that is known here; found: "
        + "; ".join(seen + odd[:3])
    )
    fix = (
        "give PTS's annex on teknik or hastighet, or a CSV with municipality_code, share, year,"
        " measure and speed_mbit"
    )
    return UnreadableSourceError(msg, where=path.name, fix=fix)


def _filled(row: NDArray[np.object_]) -> int:
    return sum(cell is not None for cell in row)


# --- tidy sheets: a row per area, year and segment, a column per technology or speed ---------


def _tidy_header(sheet: Sheet) -> int | None:
    """Find the row of headings: the first that names an area or a year and a figure."""
    for n, row in enumerate(sheet.cells[:_LOOK_ROWS]):
        headings = [fold(cell) for cell in row]
        roles = {_ROLES[heading] for heading in headings if heading in _ROLES}
        if len(roles) >= 2 and roles & _AREA_ROLES:
            return n
    return None


def _read_tidy(sheet: Sheet, header: int, reading: _Reading) -> None:
    headings = [" ".join(str(cell or "").split()) for cell in sheet.cells[header]]
    roles: dict[str, int] = {}
    columns, unknown = [], []
    for at, heading in enumerate(headings):
        role, kind = _ROLES.get(fold(heading)), kind_of(heading)
        if role is not None:
            roles.setdefault(role, at)
        elif kind is not None:
            columns.append(_Column(at, heading, kind))
        elif heading:
            unknown.append(heading)
    if unknown:
        listed = ", ".join(repr(name) for name in unknown[:8])
        reading.note("column-skipped", columns=listed, sheet=sheet.name)
    if not columns:
        reading.skip(sheet.name, "why_no_column")
        return
    if "year" not in roles:
        msg = f"the sheet has no column Årtal; found: {', '.join(filter(None, headings))}"
        raise MissingColumnError(
            msg, where=f"{reading.file}, sheet {sheet.name}", fix="give the sheet as PTS has it"
        )
    body, shown = sheet.cells[header + 1 :], sheet.percent[header + 1 :]
    year = pd.Series(body[:, roles["year"]], dtype="str").str.extract(r"^((?:19|20)\d\d)\b")[0]
    rows = year.notna().to_numpy()  # below the table stand notes, between its parts blanks
    body, shown = body[rows], shown[rows]
    if not len(body):
        reading.skip(sheet.name, "why_no_year")
        return
    table, keep = _tidy_areas(sheet, body, roles, headings, reading)
    table["year"] = year[rows].astype("int64").to_numpy()
    _add(sheet, table[keep], columns, body[keep], shown[keep], reading)


def _tidy_areas(
    sheet: Sheet,
    body: NDArray[np.object_],
    roles: dict[str, int],
    headings: list[str],
    reading: _Reading,
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Say of each row which area, segment and base it is of, and which rows can be used."""

    def text(role: str) -> pd.Series[str]:
        cells = body[:, roles[role]] if role in roles else np.full(len(body), None, dtype=object)
        return pd.Series(cells, dtype="str")

    level = text("level").map(fold, na_action="ignore").astype("str").fillna("")
    town, county = text("municipality"), text("county")
    town_code, county_code = text("municipality_code"), text("county_code")
    kind = np.select(
        [
            level.str.contains("kommun"), level.str.contains("län"),
            level.str.contains("rike|nation|sverige"),
            (town.notna() | town_code.notna()) & (level == ""),
            (county.notna() | county_code.notna()) & (level == ""), level == "",
        ],
        ["municipality", "county", "country", "municipality", "county", "country"],
        "",
    )  # fmt: skip
    name = np.select([kind == "municipality", kind == "county"], [town, county], "Riket")
    code = np.select(
        [kind == "municipality", kind == "county"],
        [town_code.str.zfill(4), county_code.str.zfill(2)],
        "00",
    )
    segment = text("segment").map(fold, na_action="ignore").map(_SEGMENTS).astype("str")
    if "segment" not in roles:
        segment = pd.Series(_segment_of(sheet, reading), range(len(body)), dtype="str")
    base = text("base").map(base_of, na_action="ignore").astype("str")
    if "base" not in roles:
        said = base_of(headings[roles["total"]] if "total" in roles else None) or base_of(
            sheet.name
        )
        base = pd.Series(said, range(len(body)), dtype="str")
    table = pd.DataFrame(
        {
            "area_kind": kind,
            "area_code": pd.Series(code).where(pd.Series(code).notna(), None),
            "area_name": name,
            "segment": segment.to_numpy(),
            "base": base.to_numpy(),
            "total": parse_numbers(text("total").astype("str")).values.round(),
        }
    )
    for column, role, rule in (
        ("area_kind", "level", "area-unknown"), ("segment", "segment", "segment-unknown"),
        ("base", "base", "base-unknown"),
    ):  # fmt: skip
        lost = (table[column].isna() | (table[column] == "")).to_numpy()
        if lost.any():
            listed = ", ".join(repr(v) for v in text(role)[lost].dropna().unique()[:4])
            reading.note(rule, values=listed or reading.said.published.not_said,
                         sheet=sheet.name, rows=int(lost.sum()), severity="warning")  # fmt: skip
            table.loc[lost, column] = pd.NA
    keep = table[["area_kind", "segment", "base"]].notna().all(axis=1).to_numpy()
    return table, keep


def _segment_of(sheet: Sheet, reading: _Reading) -> str:
    """Take the segment from the sheet's name or titles; total where they name none."""
    titles = [cell for row in sheet.cells[:8] for cell in row[:3] if cell is not None]
    for said in (sheet.name, *titles):
        text = fold(said)
        if re.search(r"utanför tätort och småort|glesbygd|glesbebygg", text):
            return RURAL
        if "utanför" in text:  # of localities only, small ones counted: none of our segments
            return ""
        if re.search(r"tätbygg|tätbebygg|tätort(?:er)? och småort", text):
            return BUILT_UP
        for segment in SEGMENTS[:2]:
            if segment in text:
                return segment
        if re.search(r"\btotalt?\b", text):
            return TOTAL
    reading.note("segment-assumed", sheet=sheet.name)
    return TOTAL


# --- historic sheets: three rows of headings, technology x year x base ------------------------


def _historic_header(sheet: Sheet) -> dict[str, int] | None:
    """Find three rows of headings, in any order: kinds, years, households or workplaces."""
    for top in range(min(_LOOK_ROWS, len(sheet.cells) - 2)):
        found: dict[str, int] = {}
        for n in range(top, top + 3):
            cells = [cell for cell in sheet.cells[n] if cell is not None]
            for role, fits, needed in (
                ("year", [c for c in cells if _is_year(c)], len(cells) - 3),
                ("base", [c for c in cells if base_of(c) and len(c) < 30], len(cells) - 3),
                ("kind", [c for c in cells if kind_of(c)], len(cells) / 2),
            ):
                if len(fits) >= max(1, needed) and role not in found:
                    found[role] = n
                    break
        if len(found) == 3:
            return found
    return None


def _read_historic(sheet: Sheet, header: dict[str, int], reading: _Reading) -> None:
    top = max(header.values()) + 1
    width = sheet.cells.shape[1]
    headings = {role: sheet.cells[n] for role, n in header.items()}
    first = min(
        next(at for at in range(width) if fits(headings[role][at]))
        for role, fits in (("year", _is_year), ("kind", kind_of), ("base", base_of))
    )
    # Of merged cells only the first has the text: each heading holds until the next one.
    filled = {
        role: pd.Series(cells[first:], dtype="str").ffill() for role, cells in headings.items()
    }
    new_kind = pd.Series(headings["kind"][first:], dtype="str").notna().to_numpy()
    columns, unknown = [], set()
    for n, (kind_text, year_text, base_text) in enumerate(
        zip(filled["kind"], filled["year"], filled["base"], strict=True)
    ):
        kind, base = kind_of(kind_text or ""), base_of(base_text)
        blank = all(cell is None for cell in sheet.cells[top:, first + n])
        if blank or (new_kind[n] and sheet.cells[header["year"], first + n] is None):
            continue
        if kind is None or base is None or not _is_year(year_text):
            unknown.add(" / ".join(str(t) for t in (kind_text, year_text, base_text)))
            continue
        heading = " ".join(str(kind_text).split())
        columns.append(_Column(first + n, heading, kind, base, int(year_text)))
    if unknown:
        listed = "; ".join(sorted(unknown)[:6])
        reading.note("column-skipped", columns=listed, sheet=sheet.name)
    body, shown = sheet.cells[top:], sheet.percent[top:]
    table = _historic_areas(body[:, :first])
    keep = table["area_kind"].notna().to_numpy()
    segment = _segment_of(sheet, reading)
    if not segment or not columns or not keep.any():
        reading.skip(sheet.name, "why_no_segment" if not segment else "why_nothing_known")
        return
    table["segment"] = segment
    _add(sheet, table[keep], columns, body[keep], shown[keep], reading)


def _is_year(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"(?:19|20)\d\d", text) is not None


def _historic_areas(left: NDArray[np.object_]) -> pd.DataFrame:
    """Take code and name from the columns before the figures; notes have no code."""
    cells = pd.DataFrame(left).astype("str")
    is_code = cells.apply(lambda column: column.str.fullmatch(r"\d{1,4}").fillna(False))
    # A county may stand in a column of its own: the code is the last, and so is the name.
    code = cells.where(is_code).ffill(axis=1).iloc[:, -1].astype("str")
    name = cells.where(~is_code).ffill(axis=1).iloc[:, -1].astype("str")
    country = name.map(fold, na_action="ignore").isin(("riket", "sverige", "hela riket"))
    country |= code.str.fullmatch("0+").fillna(False)
    long = code.str.len() > 2
    kind = np.select([country, long, code.notna()], ["country", "municipality", "county"], "")
    full = np.select([country, long], ["00", code.str.zfill(4)], code.str.zfill(2))
    table = pd.DataFrame({"area_kind": kind, "area_code": full, "area_name": name})
    return table.where(table["area_kind"] != "", None)


# --- both ----------------------------------------------------------------------------------------


def _add(
    sheet: Sheet,
    table: pd.DataFrame,
    columns: list[_Column],
    body: NDArray[np.object_],
    shown: NDArray[np.bool_],
    reading: _Reading,
) -> None:
    """Make the columns of shares into rows, leave out those in doubt, and say what was done."""
    headings = list(dict.fromkeys(column.heading for column in columns))
    places = {name: [c.at for c in columns if c.heading == name] for name in headings}
    read = settle_units({
        name: parse_shares(body[:, at].ravel(), shown[:, at].ravel())
        for name, at in places.items()
    })  # fmt: skip
    _note_cells(sheet, read, {name: body[:, at].ravel() for name, at in places.items()}, reading)
    parts: list[pd.DataFrame] = []
    near: list[pd.DataFrame] = []
    others: list[pd.DataFrame] = []
    for column in columns:
        shares, at = read[column.heading], places[column.heading]
        if shares.doubt:
            continue
        mine = slice(at.index(column.at), None, len(at))
        part = table.assign(
            file=reading.file,
            series=f"{sheet.name}: {column.heading}",
            measure=column.kind.measure,
            access=column.kind.access,
            speed_mbit=column.kind.speed_mbit,
            share=shares.share[mine],
            bound=shares.bound[mine],
        )
        if column.base is not None:
            part = part.assign(base=column.base, year=column.year)
        part["definition"] = part["base"].map(
            {base: describe(column.kind, who=WHO, base=base, language=reading.language)
             for base in part["base"].unique()}
        )  # fmt: skip
        found = part[part["share"].notna()]
        (near if column.kind.access == "near_fibre" else others).append(found)
        parts.append(found)
    if not _near_holds_fibre(near, others):
        parts = [part for part in parts if not (part["access"] == "near_fibre").any()]
        reading.note("near-without-fibre", sheet=sheet.name, severity="warning")
    reading.parts += [part for part in parts if len(part)]


def _near_holds_fibre(near: list[pd.DataFrame], others: list[pd.DataFrame]) -> bool:
    """Tell whether the share near fibre counts those that have it: it is then never lower.

    That it does is inferred from Gällivare's series 2017-2022, where it always is higher (I).
    """
    fibre = [part[part["access"] == "fibre"] for part in others]
    if not near or not any(len(part) for part in fibre):
        return True
    keys = ["area_kind", "area_name", "segment", "base", "year"]
    both = pd.concat(near).merge(pd.concat(fibre), on=keys, suffixes=("", "_fibre"))
    return not (both["share"] < both["share_fibre"] - _NEAR_BELOW).mean() > 0.5


def _note_cells(
    sheet: Sheet,
    read: dict[str, Shares],
    cells: dict[str, NDArray[np.object_]],
    reading: _Reading,
) -> None:
    """Say which unit was taken, and which columns and cells were left out."""
    said = reading.said.published
    for unit in ("share", "percent"):
        named = ", ".join(name for name, s in read.items() if s.unit == unit and not s.doubt)
        if named:
            reading.note("unit", unit=said[f"unit_{unit}"], columns=named[:300], sheet=sheet.name)
    for name, shares in read.items():
        if shares.doubt:
            reading.note("unit-in-doubt", column=repr(name), why=shares.why(reading.said),
                         sheet=sheet.name, severity="warning")  # fmt: skip
        elif shares.bad.any():
            example = cells[name][shares.bad][0]
            reading.note("no-share", column=repr(name), example=repr(example), sheet=sheet.name,
                         rows=int(shares.bad.sum()), severity="warning")  # fmt: skip
