"""Published statistics, from whatever file they come in, as one table.

PTS's workbooks, Kolada's answers and a plain CSV become ``tables.PUBLISHED``: each figure
with what it measures, in the publisher's words as far as they are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError, MissingColumnError, UnreadableSourceError
from bredband_gis.quality import Finding
from bredband_gis.tabular import CSV_SUFFIXES, XLSX_SUFFIXES, parse_numbers, read_csv

from bredband.figures import Kind, area_key, as_published, describe, fold, parse_shares
from bredband.kolada import LAYER, read_kolada
from bredband.pts_tables import read_pts
from bredband.tables import (
    ACCESS,
    BASES,
    BUILT_UP,
    GROUPS,
    PUBLISHED,
    RURAL,
    SEGMENTS,
    TOTAL,
    check_table,
)
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PublishedFigures", "area_key", "nearest_year", "read_published"]

_MEASURES: Final = ("connected", "passed", "connected_any", "access")

_CSV_NAMES: Final = {
    "kommunkod": "municipality_code",
    "kommun_kod": "municipality_code",
    "kommunnamn": "municipality_name",
    "kommun": "municipality_name",
    "kommun_namn": "municipality_name",
    "andel": "share",
    "procent": "percent",
    "år": "year",
    "årtal": "year",
    "mått": "measure",
    "område": "segment",
    "bas": "base",
    "hastighet": "speed_mbit",
    "antal": "total",
}
"""Swedish headings that a plain CSV may have as well."""

_CSV_BASES: Final = {
    "hushåll": "households", "arbetsställen": "workplaces", "arbetsställe": "workplaces",
}  # fmt: skip
_CSV_SEGMENTS: Final = {
    "tätbebyggt": BUILT_UP, "glesbebyggt": RURAL, "totalt": TOTAL,
    **{segment: segment for segment in (TOTAL, *SEGMENTS, *GROUPS)},
}  # fmt: skip


@dataclass(frozen=True)
class PublishedFigures:
    """What files of published statistics hold.

    Attributes
    ----------
    table : DataFrame
        ``tables.PUBLISHED``.
    findings : tuple of Finding
        What was left out or taken for granted, and what is odd.
    """

    table: pd.DataFrame
    findings: tuple[Finding, ...]


def read_published(
    paths: Path | str | Iterable[Path | str],
    *,
    language: str = "sv",
    year: int | None = None,
    measure: str | None = None,
) -> PublishedFigures:
    """Read published statistics from one file or several.

    Parameters
    ----------
    paths : path or iterable of paths
        PTS's workbooks on technology or speed (.xlsx), Kolada's answers (.json, or a folder
        of pages), or CSV with ``municipality_code`` (or ``municipality_name``) and ``share``
        (or ``percent``), and where the file has them ``year``, ``measure`` (connected, passed,
        connected_any, access or a technology of ``tables.ACCESS``), ``access``,
        ``speed_mbit``, ``segment``, ``base`` and ``total``.
    language : {"sv", "en"}, optional
        Language of the definitions and findings.
    year : int, optional
        Year of a CSV that has none.
    measure : str, optional
        Measure of a CSV that has none, e.g. ``near_fibre``.

    Returns
    -------
    PublishedFigures

    Raises
    ------
    UnreadableSourceError
        A file is cut off, of an unknown kind, or of a form that is not known.
    EmptyLayerError
        No figure in it.
    MissingColumnError
        A CSV does not say what its figures are.
    BadValueError
        A value that is no share, or a measure, segment or base that is not known.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    tables, findings = [], []
    for path in map(Path, listed):
        if path.is_dir() or path.suffix.casefold() == ".json":
            table, found = read_kolada(path, language=language)
        elif path.suffix.casefold() in XLSX_SUFFIXES:
            table, found = read_pts(path, language=language)
        elif path.suffix.casefold() in CSV_SUFFIXES:
            table, found = _read_plain(path, language=language, year=year, measure=measure)
        else:
            msg = f"a file that ends in {path.suffix or 'nothing'} is no published statistics"
            fix = "give PTS's .xlsx, Kolada's .json (or a folder of it) or a .csv"
            raise UnreadableSourceError(msg, where=path.name, fix=fix)
        found += _differing(table, path.name, language)
        check_table(table, PUBLISHED, where=path.name)
        tables.append(table)
        findings += found
    return PublishedFigures(as_published(tables), tuple(findings))


def nearest_year(table: pd.DataFrame, year: int, by: list[str]) -> pd.DataFrame:
    """Keep one year of each series: that year, else the nearest, the earlier of two as near.

    Parameters
    ----------
    table : DataFrame
        ``tables.PUBLISHED``.
    year : int
        The year looked for.
    by : list of str
        Columns that tell series apart.
    """
    away = (table["year"] - year).abs() * 2 + (table["year"] > year)
    best = away.groupby([table[column] for column in by], dropna=False).transform("min")
    return table[away == best]


def _differing(table: pd.DataFrame, file: str, language: str) -> list[Finding]:
    """Say so when a file gives two figures for the same thing."""
    keys = ["area_kind", "area_code", "area_name", "segment", "base", "measure", "access",
            "speed_mbit", "year"]  # fmt: skip
    unlike = table.groupby(keys, dropna=False)["share"].transform("nunique") > 1
    if not unlike.any():
        return []
    series = ", ".join(sorted(table["series"][unlike].unique())[:4])
    message, fix = words(language, plain=True).tell(LAYER, "published-twice", series=series)
    return [
        Finding("published-twice", "warning", LAYER, file, int(unlike.sum()), message, fix)
    ]  # fmt: skip


def _read_plain(
    path: Path, *, language: str, year: int | None, measure: str | None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Read a CSV in the form that :func:`read_published` describes."""
    frame = read_csv(path).frame
    frame.columns = pd.Index([_CSV_NAMES.get(fold(name), fold(name)) for name in frame.columns])
    value = "share" if "share" in frame else "percent"
    places = {"municipality_code", "municipality_name"} & set(frame)
    if not places or value not in frame:
        msg = (
            "it needs municipality_code (or municipality_name) and share (or percent); found:"
            f" {', '.join(map(str, frame.columns))}"
        )
        raise MissingColumnError(msg, where=path.name, fix="name the columns so")
    kinds = _plain_kinds(frame, path, measure)
    shares = parse_shares(
        frame[value].to_numpy(dtype=object), unit="percent" if value == "percent" else None
    )
    _refuse(shares.bad, frame[value], "is no share", path)
    if shares.doubt:
        raise BadValueError(shares.why(words("en")), where=f"{path.name}, column {value}",
                            fix="call the column percent, or write shares from 0 to 1")  # fmt: skip
    years = _plain_numbers(frame, "year", path, year)
    base = _plain_words(frame, "base", _CSV_BASES, BASES, path, BASES[0])
    code = frame.get("municipality_code", pd.Series(None, frame.index, dtype="str")).astype("str")
    parts = pd.DataFrame(
        {
            "file": path.name,
            "series": value,
            "definition": [
                describe(kind, who=path.name, base=one, language=language)
                for kind, one in zip(kinds, base, strict=True)
            ],
            "area_kind": "municipality",
            "area_code": code.where(code.isna(), code.str.zfill(4)),
            "area_name": frame.get("municipality_name"),
            "segment": _plain_words(
                frame, "segment", _CSV_SEGMENTS, tuple(_CSV_SEGMENTS), path, TOTAL
            ),
            "base": base,
            "measure": [kind.measure for kind in kinds],
            "access": [kind.access for kind in kinds],
            "speed_mbit": [kind.speed_mbit for kind in kinds],
            "year": years,
            "share": shares.share,
            "bound": shares.bound,
            "total": parse_numbers(frame["total"]).values.round() if "total" in frame else np.nan,
        }
    )
    whole = {"0000": ("country", "00")} | {
        f"00{n:02d}": ("county", f"{n:02d}") for n in range(1, 26)
    }
    for given, (kind, real) in whole.items():  # Kolada's codes of counties and the country
        parts.loc[parts["area_code"] == given, ["area_kind", "area_code"]] = kind, real
    findings = []
    if shares.unit == "percent" and value == "share":
        said = words(language, plain=True)
        message, _ = said.tell(LAYER, "unit", unit=said.published.unit_percent, columns=value)
        findings.append(Finding("unit", "info", LAYER, path.name, 0, message))
    return as_published([parts[np.isfinite(shares.share)]]), findings


def _plain_kinds(frame: pd.DataFrame, path: Path, measure: str | None) -> list[Kind]:
    """Say of each row what it measures."""
    given = frame["measure"] if "measure" in frame else pd.Series(measure, frame.index, dtype="str")
    given = given.map(fold, na_action="ignore").astype("str")
    access = frame["access"] if "access" in frame else pd.Series(None, frame.index, dtype="str")
    access = access.astype("str").where(~given.isin(ACCESS), given)
    given = given.where(~given.isin(ACCESS), "access")
    if given.isna().any():
        msg = f"{int(given.isna().sum())} rows do not say what they measure"
        fix = f"add a column measure: {', '.join((*_MEASURES[:3], *ACCESS[:4]))} …"
        raise MissingColumnError(msg, where=path.name, fix=fix)
    _refuse(~given.isin(_MEASURES).to_numpy(), given, "is no measure", path)
    by_technology = (given == "access").to_numpy()
    _refuse(by_technology & ~access.isin(ACCESS).to_numpy(), access, "is no access", path)
    speed = _plain_numbers(frame, "speed_mbit", path, 0, needed=~by_technology)
    return [
        Kind(one, str(by), None) if one == "access" else Kind(one, None, int(mbit))
        for one, by, mbit in zip(given, access, speed, strict=True)
    ]


def _plain_numbers(
    frame: pd.DataFrame,
    name: str,
    path: Path,
    default: int | None,
    *,
    needed: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Give a column of whole numbers; the default where the file has none."""
    if name not in frame and (default is None or (needed is not None and needed.any())):
        msg = f"the file has no column {name}"
        raise MissingColumnError(msg, where=path.name, fix=f"add a column {name}")
    if name not in frame:
        return np.full(len(frame), default, dtype=np.int64)
    numbers = parse_numbers(frame[name])
    lacking = numbers.bad | (np.isnan(numbers.values) if needed is None else
                             needed & ~(numbers.values >= 1))  # fmt: skip
    _refuse(lacking, frame[name], f"is no {name}", path)
    return np.nan_to_num(numbers.values).round().astype(np.int64)


def _plain_words(
    frame: pd.DataFrame,
    name: str,
    known: dict[str, str],
    allowed: tuple[str, ...],
    path: Path,
    default: str,
) -> pd.Series[str]:
    if name not in frame:
        return pd.Series(default, frame.index, dtype="str")
    text = frame[name].map(fold, na_action="ignore").astype("str").fillna(default)
    text = text.replace(known)
    _refuse(~text.isin(allowed).to_numpy(), frame[name], f"is no {name}", path)
    return text


def _refuse(
    bad: np.ndarray[Any, np.dtype[np.bool_]], column: pd.Series[Any], what: str, path: Path
) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        msg = f"{column.iloc[row]!r} {what} ({int(bad.sum())} such rows of {len(column)})"
        raise BadValueError(msg, where=f"{path.name}, row {row + 2}", fix="correct it in the file")
