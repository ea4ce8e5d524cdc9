"""What premises are promised: plans read, judged credible or not, and the best of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.tables import TECHNOLOGIES
from bredband.technologies import (
    normalise_technology,
    read_numbers,
    read_operators,
    read_speeds,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bredband.region import Definitions

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

PLAN_SPEED_MBIT: Final = 1000.0
"""Speed of a plan that states none: PTS supports only 1 Gbit/s or more (F, 2020:266)."""
NO_YEAR: Final = -1

# Why a plan does not count, the strongest reason first.
CREDIBLE, NOT_CREDIBLE, NOT_WIRED, OVERDUE, TOO_LATE, NO_PLAN = range(6)

_TRUE: Final = frozenset(["true", "1", "1.0", "ja", "j", "yes", "y", "sant", "t"])
_FALSE: Final = frozenset(["false", "0", "0.0", "nej", "n", "no", "falskt", "f"])


@dataclass(frozen=True)
class Plans:
    """Plans as arrays, one value per row.

    Attributes
    ----------
    speed : array of float64
        Mbit/s.
    due : array of int64
        Year; ``NO_YEAR`` where not stated.
    fault : array of int64
        ``CREDIBLE``, or why it does not count.
    rank : array of int64
        Technology as its place in ``tables.TECHNOLOGIES``; fibre where not stated.
    operator : array of object
        Who plans it; empty text where not stated.
    """

    speed: Floats
    due: Ints
    fault: Ints
    rank: Ints
    operator: NDArray[np.object_]


@dataclass
class Promised:
    """The best credible plan of each premises, or why there is none."""

    speed: Floats
    due: Ints
    fault: Ints


def read_plans(table: pd.DataFrame, *, where: str, definitions: Definitions, year: int) -> Plans:
    """Read speed, year and credibility of each plan.

    Parameters
    ----------
    table : DataFrame
        speed_mbit, year, technology, credible and operator, each of which may be missing.
    where : str
        Named in messages.
    definitions : Definitions
        Of which ``plan_years`` and ``wired_technologies`` count.
    year : int
        Year that the coverage refers to: what was due by then and is not in the coverage
        is overdue.

    Raises
    ------
    BadValueError
        A speed, a year, a technology or a yes and no cannot be read.
    """
    n = len(table)
    speed = np.full(n, PLAN_SPEED_MBIT)
    if "speed_mbit" in table:
        given = table["speed_mbit"].notna().to_numpy()
        speed[given] = read_speeds(table["speed_mbit"][given], where)
    due = np.full(n, NO_YEAR, dtype=np.int64)
    if "year" in table:
        due = read_years(table["year"], where)
    fault = np.full(n, CREDIBLE, dtype=np.int64)
    fault[(due != NO_YEAR) & (due > year + definitions.plan_years)] = TOO_LATE
    fault[(due != NO_YEAR) & (due <= year)] = OVERDUE
    rank = np.full(n, TECHNOLOGIES.index("fibre"), dtype=np.int64)
    if "technology" in table:
        names = normalise_technology(table["technology"], where=where)
        stated = names.notna().to_numpy()
        fault[stated & ~names.isin(definitions.wired_technologies).to_numpy()] = NOT_WIRED
        codes = pd.Categorical(names, categories=TECHNOLOGIES).codes
        rank[stated] = codes[stated]
    if "credible" in table:
        fault[~read_truths(table["credible"], where, column_name="credible")] = NOT_CREDIBLE
    return Plans(speed, due, fault, rank, read_operators(table))


def best_plans(n: int, at: Ints, speed: Floats, due: Ints, fault: Ints) -> Promised:
    """Find the best plan of each of n premises: credible first, then fast, then soon.

    Parameters
    ----------
    n : int
        Number of premises.
    at : array of int64
        Premises of each plan; a plan of an area stands once for each premises in it.
    speed, due, fault : arrays
        As in :class:`Plans`, one value per ``at``.
    """
    best = Promised(
        np.zeros(n), np.full(n, NO_YEAR, dtype=np.int64), np.full(n, NO_PLAN, dtype=np.int64)
    )
    if not len(at):
        return best
    rows = pd.DataFrame({"at": at, "fault": fault, "speed": speed, "due": due})
    rows = rows.sort_values(["at", "fault", "speed", "due"], ascending=[True, True, False, True])
    rows = rows.drop_duplicates("at")
    place = rows["at"].to_numpy()
    best.fault[place] = rows["fault"]
    best.due[place] = rows["due"]
    best.speed[place] = rows["speed"].where(rows["fault"] == CREDIBLE, 0.0)
    return best


def read_years(column: pd.Series[Any], where: str) -> Ints:
    """Read the year that each plan is due, ``NO_YEAR`` where not stated.

    Raises
    ------
    BadValueError
        It holds something else than a year 1990-2100.
    """
    number = read_numbers(column)
    given = column.notna().to_numpy()
    wrong = given & ~((number >= 1990) & (number <= 2100) & (number == np.floor(number)))
    if wrong.any():
        first, row = column[wrong].iloc[0], column.index[wrong][0]
        msg = f"column year holds something else than a year 1990-2100, first {first} on row {row}"
        rows = f"{where}, {wrong.sum()} of {len(wrong)} rows"
        raise BadValueError(msg, where=rows, fix="write the year that the plan is due, e.g. 2025")
    return np.where(given, np.nan_to_num(number), NO_YEAR).astype(np.int64)


def read_truths(column: pd.Series[Any], where: str, *, column_name: str) -> Bools:
    """Read a column of yes and no, in Swedish or English.

    Raises
    ------
    BadValueError
        It holds something else, or nothing.
    """
    codes, words = pd.factorize(column)
    keys = [str(word).strip().casefold() for word in words]
    wrong = np.array([*(key not in _TRUE | _FALSE for key in keys), True])[codes]
    if wrong.any():
        first = column[wrong].fillna("(empty)").iloc[0]
        msg = f"column {column_name} holds something else than yes or no, first {first!r}"
        rows = f"{where}, {wrong.sum()} of {len(wrong)} rows"
        fix = (
            f"write ja or nej on every row; constants = {{ {column_name} = true }} for a whole file"
        )
        raise BadValueError(msg, where=rows, fix=fix)
    return np.array([*(key in _TRUE for key in keys), False])[codes]
