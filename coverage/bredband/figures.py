"""A published figure: what it measures, in words, and how its number is written."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.tabular import parse_numbers

from bredband.tables import BASES, PUBLISHED
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bredband.text import Words

_MISSING: Final = r"(?:-+|–|—|\.{1,3}|…|x|saknas|uppgift saknas|n/?a|null|none|nan)"
"""How tables of Swedish authorities write that there is no figure."""

_ROUNDING: Final = 1e-9
"""Shares that a program has divided may lie this much above 1."""

_TECHNOLOGIES: Final = (
    ("near_fibre", r"närhet.*fiber|fiber.*närhet"),
    ("any", r"total tillgång|(?:och|inkl\w*|eller) trådlös"),
    ("wired", r"trådbunden|trådbundet"),
    ("vdsl", r"\bvdsl"),
    ("xdsl", r"dsl\b"),
    ("docsis", r"kabel|docsis"),
    ("fibre", r"\bfiber"),
    ("fwa", r"fast radio|fast trådlös|\bfwa\b"),
    ("5g", r"\b5g\b|\bnr\b"),
    ("lte", r"\blte\b|\b4g\b"),
    ("satellite", r"satellit"),
)
"""Access -> pattern in a column's heading (small letters), the first that fits."""

_SPEED: Final = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?P<unit>[gm])bit\b")
_SPEED_SPAN: Final = re.compile(r"\d\s*(?:-|–|till|upp till)\s*\d|mindre än|under \d|<")
_NOT_FIXED: Final = re.compile(
    r"handhållen|terminal|utomhus|inomhus|\byta|areal|vägar|\bväg\b|järnväg|uppströms|uppladdning"
    r"|symmetrisk|hastighet upp\b"
)
"""Figures of mobile coverage, areas, roads and upload: none of our measures."""


@dataclass(frozen=True)
class Kind:
    """What a column, sheet or KPI measures.

    Attributes
    ----------
    measure : str
        connected, passed, connected_any or access.
    access : str or None
        One of ``tables.ACCESS`` where the measure is access.
    speed_mbit : int or None
        Download speed at least, Mbit/s; None where the measure is access.
    """

    measure: str
    access: str | None = None
    speed_mbit: int | None = None


def fold(text: str | None) -> str:
    """Give a heading or a name in small letters, with single blanks and without soft hyphens."""
    plain = unicodedata.normalize("NFC", str(text or "")).replace("\u00ad", "")
    return " ".join(plain.casefold().split())


def area_key(names: pd.Series[Any]) -> pd.Series[Any]:
    """Give names of areas as they can be joined: Norrbottens län = Norrbotten, Dals Ed = Dals-Ed.

    Å, ä and ö count: Habo is not Håbo.
    """
    text = names.astype("str").map(fold, na_action="ignore").astype("str")
    text = text.str.replace(r"[-–]", " ", regex=True)
    text = text.str.replace(r"^(?:region|län(?:et)?)\s+|\s+(?:kommun|stad)$", "", regex=True)
    return text.str.replace(r"^(.*?)s?\s+län$", r"\1", regex=True).astype("str")


def kind_of(heading: str) -> Kind | None:
    """Tell what a column measures from its heading; None where it is no share that we know.

    A speed with "närhet" or "möjlighet" in the heading counts those passed; one with
    "total" or "trådlös" wireless as well; any other is taken as connected by wire, which
    PTS's table of technologies separates but a heading of speeds alone does not say (I).

    Examples
    --------
    >>> kind_of("I närhet av fiber")
    Kind(measure='access', access='near_fibre', speed_mbit=None)
    >>> kind_of("Minst 1 Gbit/s eller i absolut närhet")
    Kind(measure='passed', access=None, speed_mbit=1000)
    """
    text = fold(heading)
    if _NOT_FIXED.search(text) or text.startswith("antal"):
        return None
    speeds = list(_SPEED.finditer(text))
    if len(speeds) > 1 or (speeds and _SPEED_SPAN.search(text)):
        return None
    if speeds:
        return _kind_of_speed(text, speeds[0])
    access = next((name for name, fits in _TECHNOLOGIES if re.search(fits, text)), None)
    return None if access is None else Kind("access", access)


def _kind_of_speed(text: str, found: re.Match[str]) -> Kind | None:
    number = float(found.group(1).replace(",", "."))
    speed = round(number * (1000 if found["unit"] == "g" else 1))
    if re.search(r"närhet|möjlig", text):
        measure = "passed"
    elif re.search(r"total tillgång|trådlös", text):
        measure = "connected_any"
    else:
        measure = "connected"
    return Kind(measure, None, speed) if speed >= 1 else None


def base_of(text: str | None) -> str | None:
    """Tell households from workplaces in a cell, a heading or a sheet's name; else None."""
    folded = fold(text)
    homes, firms = "hushåll" in folded, re.search(r"arbetsställe|företag", folded) is not None
    if homes == firms:
        return None
    return BASES[0] if homes else BASES[1]


def describe(kind: Kind, *, who: str, base: str, language: str, counted: str | None = None) -> str:
    """Say in words what a figure counts.

    Parameters
    ----------
    kind : Kind
        What it measures.
    who : str
        Who published it, e.g. PTS.
    base : {"households", "workplaces"}
        What is counted.
    language : {"sv", "en"}
        The language.
    counted : str, optional
        ``inhabitants`` where the publisher counts those instead of the base.
    """
    said = words(language, plain=True)
    what = said.published[f"of_{counted or base}"]
    if kind.measure == "access":
        key = kind.access if kind.access in ("near_fibre", "wired", "any", "xdsl") else "access"
        return said.fill(
            f"published.{key}", who=who, base=what, access=said.access[str(kind.access)]
        )
    return said.fill(f"published.{kind.measure}", who=who, base=what,
                     speed=said.speed(kind.speed_mbit))  # fmt: skip


Doubt = tuple[str, dict[str, Any]]
"""Key of the words that say what is in doubt, and the values that they name."""


@dataclass(frozen=True)
class Shares:
    """Cells of one column made into shares.

    Attributes
    ----------
    share : array of float64
        0-1; nan where there is no figure.
    bound : array of str
        ``=``, ``>`` or ``<``.
    bad : array of bool
        Cells that hold something that is no share.
    unit : str
        ``share`` (0-1), ``percent``, or empty where the cells say it themselves.
    doubt : tuple of (str, dict) or None
        Why the unit of the column cannot be told, as its key among the words and what they
        name; None where it can.
    """

    share: NDArray[np.float64]
    bound: NDArray[np.str_]
    bad: NDArray[np.bool_]
    unit: str
    doubt: Doubt | None

    def why(self, said: Words) -> str:
        """Say why the unit cannot be told."""
        key, values = self.doubt or ("", {})
        return said.fill(f"published.{key}", **values) if key else ""


def parse_shares(
    cells: Sequence[str | None] | NDArray[np.object_],
    shown_as_percent: NDArray[np.bool_] | None = None,
    *,
    unit: str | None = None,
) -> Shares:
    """Make a column of published shares into numbers from 0 to 1.

    A cell that ends in % is per cent, one that the workbook shows as per cent is a share.
    The others are per cent when any of them is above 1, and shares when none is. Decimal
    comma or point; ``>99,99%`` and ``<0,01 %`` give the number and its bound; ``-``, ``..``
    and the like are missing.

    Parameters
    ----------
    cells : sequence of str or None
        The column as text.
    shown_as_percent : array of bool, optional
        Cells that hold a share and are formatted as per cent.
    unit : {"share", "percent"}, optional
        Say the unit of cells that do not say it themselves, instead of looking.
    """
    text = pd.Series(list(cells), dtype="str").str.replace("\u00a0", " ").str.strip()
    shown = np.zeros(len(text), bool) if shown_as_percent is None else shown_as_percent
    parts = text.str.extract(r"^\s*(>=?|≥|<=?|≤)?\s*(.*?)\s*(%)?$", flags=re.DOTALL)
    bound = parts[0].str[:1].replace({"≥": ">", "≤": "<"}).fillna("=").to_numpy(dtype=str)
    with_sign = parts[2].notna().to_numpy()
    blank = (
        parts[1].isna() | parts[1].eq("") | parts[1].str.fullmatch(_MISSING, case=False)
    ).to_numpy(dtype=bool)
    numbers = parse_numbers(parts[1].where(~blank).astype("str"))
    value, bad = numbers.values, numbers.bad & ~blank
    plain = ~with_sign & ~shown & np.isfinite(value)
    found, doubt = _unit(value[plain]) if unit is None else (unit, None)
    share = np.where(with_sign | (plain & (found == "percent")), value / 100, value)
    bad |= (share < 0) | (share > 1 + _ROUNDING)
    share = np.where(bad, np.nan, np.clip(share, 0, 1)).round(12)  # 99.99 / 100 < 0.9999
    bound = np.where(np.isfinite(share), bound, "=")
    return Shares(share, bound.astype(str), bad, found, doubt)


def _unit(value: NDArray[np.float64]) -> tuple[str, Doubt | None]:
    """Tell shares from per cent by the largest, and say when the others speak against it."""
    if not len(value):
        return "", None
    above = value > 1 + _ROUNDING
    if not above.any():
        return "share", None
    low = (value > 0) & ~above
    if low.sum() > above.sum():
        few = {"n": int(above.sum()), "all": len(value), "max": f"{value.max():g}"}
        return "percent", ("doubt_few", few)
    return "percent", None


def settle_units(columns: dict[str, Shares]) -> dict[str, Shares]:
    """Judge the unit of each column of a table by the others as well.

    Beside columns that clearly are per cent, one with few values above 1 is so too, but one
    with none above 1 is in doubt: is 0.36 then 36 % or 0.36 %?

    Parameters
    ----------
    columns : dict of str to Shares
        The columns of one table, by heading.
    """
    if not any(column.unit == "percent" and not column.doubt for column in columns.values()):
        return columns
    settled = {}
    for heading, column in columns.items():
        doubt: Doubt | None = None
        if column.unit == "share" and (column.share > 0).any():
            doubt = ("doubt_none", {})
        settled[heading] = replace(column, doubt=doubt)
    return settled


def as_published(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put figures from several places into one table of ``tables.PUBLISHED``, typed."""
    types = {name: str(column.dtype) for name, column in PUBLISHED.columns.items()}
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})
    filled = [part.reindex(columns=list(types)) for part in parts]
    for part in filled:
        counted = part["counted"].astype("str")
        part["counted"] = counted.where(counted.notna(), part["base"].astype("str"))
    return pd.concat([part.astype(types) for part in filled], ignore_index=True)
