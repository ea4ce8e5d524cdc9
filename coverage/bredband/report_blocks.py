"""What a report is made of: chapters of sections of text, tables and figures, and its words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bredband.tables import TOTAL
from bredband.text import NO_BREAK, Words, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from markupsafe import Markup


# ---- blocks ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A paragraph; a note is set smaller."""

    text: str
    note: bool = False
    kind: str = "text"


@dataclass(frozen=True)
class Bullets:
    """A list of short texts, of which each may have a head."""

    items: Sequence[tuple[str, str]]
    kind: str = "bullets"


@dataclass(frozen=True)
class Row:
    """A row of a table; what stands below it goes over the table's whole width."""

    cells: Sequence[str]
    total: bool = False
    below: str = ""


@dataclass(frozen=True)
class Table:
    """A table: the first column names the rows.

    Attributes
    ----------
    caption : str
        What it shows.
    heads : sequence of str
        One per column.
    rows : sequence of Row
        As written for the reader.
    words : frozenset of int
        Columns that hold words; all others but the first hold numbers.
    groups : sequence of (str, int)
        Heads above the heads, each with how many columns it spans; none where empty.
    strong : bool
        Whether the first two columns stand out.
    """

    caption: str
    heads: Sequence[str]
    rows: Sequence[Row]
    words: frozenset[int] = frozenset()
    groups: Sequence[tuple[str, int]] = ()
    strong: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """A drawing; its numbers stand in a table by it."""

    svg: Markup
    title: str
    narrow: bool = False
    kind: str = "figure"


@dataclass(frozen=True)
class Beside:
    """A figure beside the legend that explains it."""

    figure: Figure
    legend: Sequence[tuple[str, str]]
    kind: str = "beside"


Block = Text | Bullets | Table | Figure | Beside


@dataclass(frozen=True)
class Section:
    """A part of a chapter; the first may be without a title."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Chapter:
    """A chapter: its name is the anchor that the contents lead to.

    On paper it begins a page, or follows the one before.
    """

    name: str
    title: str
    sections: Sequence[Section]
    follows: bool = False


def chapter(w: Words, name: str, made: Iterable[tuple[str, Sequence[Block]]]) -> Chapter:
    """Give a chapter of the sections that hold anything, titled as the words say."""
    sections = [Section(one, w.section[one], blocks) for one, blocks in made if blocks]
    return Chapter(name, w.chapter[name], sections)


# ---- words ----------------------------------------------------------------------------


def report_words(language: str = "sv", *, plain: bool = False) -> Words:
    """Give a language's words with those of ``text/report_*.toml``; see ``text.words``."""
    return words(language, "report", plain=plain)


# ---- what chapters are written from ----------------------------------------------------


@dataclass
class Material:
    """The tables and the manifest of a run, and the words to tell of them in.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        As in ``bredband.duckdb``.
    manifest : mapping
        As in ``manifest.json``.
    w : Words
        Of :func:`report_words`.
    absent : dict
        What could not be told, and the table that it needs; filled as chapters are written.
    """

    tables: Mapping[str, pd.DataFrame]
    manifest: Mapping[str, Any]
    w: Words
    absent: dict[str, str] = field(default_factory=dict)
    _shares: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        settings = self.manifest.get("settings", {})
        self.settings: Mapping[str, Any] = settings
        self.region = str(self.manifest.get("region", ""))
        self.year = str(settings.get("region", {}).get("year", ""))
        publication = settings.get("publication", {})
        self.public = publication.get("detail", "public") == "public"
        self.few = int(publication.get("min_households", 3))
        self.target = int(settings.get("definitions", {}).get("target_speed_mbit", 100))
        self.speed = self.w.speed(self.target)

    def get(self, name: str, what: str = "") -> pd.DataFrame | None:
        """Give a table; None, and remembered as absent where ``what`` says for what."""
        found = self.tables.get(name)
        if found is None or found.empty:
            if what:
                self.absent[what] = name
            return None
        return found

    def pick(self, name: str, what: str = "", **values: Any) -> pd.DataFrame | None:
        """Give the rows of a table that have these values; a list is any of its values."""
        found = self.get(name, what)
        return None if found is None else _having(found, values)

    def coverage(
        self, kinds: Sequence[str] = ("municipality", "region"), **values: Any
    ) -> pd.DataFrame | None:
        """Give rows of coverage; households, all segments together where nothing else is said."""
        if self._shares is None:
            found = self.pick("coverage", area_kind=["municipality", "region"])
            self._shares = pd.DataFrame() if found is None else found
        if self._shares.empty:
            return None
        values = {"base": "households", "segment": TOTAL, **values}
        return _having(self._shares, {"area_kind": list(kinds), **values})

    def layers(self, provenance: str) -> list[str]:
        """Name the layers of a provenance, each once, as the manifest lists them."""
        named = [
            str(one.get("layer", ""))
            for one in self.manifest.get("inputs", [])
            if one.get("provenance") == provenance
        ]
        return list(dict.fromkeys(named))


def _having(table: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame | None:
    keep = np.ones(len(table), dtype=bool)
    for column, value in values.items():
        wanted = list(value) if isinstance(value, (list, tuple, set)) else [value]
        keep &= table[column].isin(wanted).to_numpy()
    return table[keep] if keep.any() else None


_ALPHABET: Final = str.maketrans({"å": "{", "ä": "|", "ö": "}", "é": "e", "ü": "y"})


def by_name(names: pd.Series[str]) -> pd.Series[str]:
    """Give keys that sort names as Swedish does: å, ä and ö last."""
    return names.astype("str").str.casefold().map(lambda name: name.translate(_ALPHABET))


def places(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows of municipalities by name and the region last."""
    key = by_name(table["area_name"]).mask(table["area_kind"] == "region", "~")
    return table.assign(_key=key).sort_values(["_key", "area_code"], kind="stable")


def widen(rows: pd.DataFrame, column: str | list[str], value: str) -> pd.DataFrame:
    """Give a row per area that is there, with ``value`` of each ``column`` beside each other."""
    area = ["area_kind", "area_code", "area_name"]
    return rows.pivot(index=area, columns=column, values=value)  # noqa: PD010 - only areas there


def signed(w: Words, value: float | None, decimals: int = 1) -> str:
    """Write a difference with its sign; 0 has none."""
    text = w.number(value, decimals)
    positive = value is not None and not pd.isna(value) and value > 0
    return f"+{text}" if positive and re.search("[1-9]", text) else text


def spanned(w: Words, low: float | None, high: float | None, *, unit: str = "money") -> str:
    """Write an interval of money with the unit once: 703-1 085 mkr; a dash where there is none."""
    spell = getattr(w, unit)
    if not (_finite(low) and _finite(high)):
        return w.missing
    first, last = spell(low), spell(high)
    if first == last:
        return str(first)
    head, tail = first.split(NO_BREAK), last.split(NO_BREAK)
    if len(head) > 1 and head[-1] == tail[-1]:
        head.pop()  # the unit stands after the last
    if len(head) > 1 and head[0] == tail[0]:
        tail.pop(0)  # or before the first
    first, last = NO_BREAK.join(head), NO_BREAK.join(tail)
    return w.fill("report.interval", low=first, high=last)


def _finite(value: Any) -> bool:
    return value is not None and not pd.isna(value) and math.isfinite(value)


def text_of(value: Any) -> str:
    """Give text; empty where there is none."""
    return "" if value is None or pd.isna(value) else str(value)
