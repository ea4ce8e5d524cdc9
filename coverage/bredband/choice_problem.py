"""Choosing areas as arrays: sets that contain each other, along a forest, under rows of money.

An area gets a *step*: the first of ``steps`` sets that holds it, or ``steps`` for none. One
set is a choice under a budget, several are nested budgets or years. Money is counted in whole
öre, so that sums are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from bredband_gis.errors import BadValueError
from bredband_gis.steiner_paths import kernel
from scipy import sparse

from bredband.choice_pay import Paying, pay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_WHERE = "choice under a budget"


def to_ore(sek: ArrayLike) -> Floats:
    """Round SEK to whole öre, as floats that hold whole numbers exactly."""
    return np.round(np.asarray(sek, dtype=np.float64) * 100.0)


class Row(NamedTuple):
    """One limit: the sum over areas and sets of use times weight is at most ``most``."""

    use: Floats
    """Öre per area."""
    weight: Floats
    """Per set: 1 where the row counts what the set holds, -1 where it is taken off."""
    most: float
    """Öre."""


def group_row(paying: Paying, group: Bools) -> Row:
    """Give the row that says that a group of budgets has enough for what only it can pay."""
    return Row(paying.only(group), np.ones(1), paying.has(group))


@dataclass(frozen=True)
class Problem:
    """A forest of areas, what each gives in each set, and the limits.

    Attributes
    ----------
    upstream : array of int, shape (areas,)
        The area that each hangs on, which stands before it; -1 for none.
    worth : array of float, shape (areas, sets)
        What an area adds to a set that holds it; not negative.
    use : sparse array, shape (rows, areas)
        Öre that each area takes of each row.
    weight : array of float, shape (rows, sets)
        How a row counts what each set holds.
    most : array of float, shape (rows,)
        The largest sum of each row, öre; negative for a floor.
    unit : float
        Sums of worth are multiples of it; 0 where they may be anything.
    barred : array of bool, shape (areas, sets)
        Steps that no admissible choice gives the area.
    paying : Paying, optional
        Several budgets, where the rows do not say all of who may pay for what.
    """

    upstream: Ints
    worth: Floats
    use: sparse.csr_array
    weight: Floats
    most: Floats
    unit: float
    barred: Bools
    paying: Paying | None = None

    @property
    def areas(self) -> int:
        """How many areas."""
        return self.upstream.size

    @property
    def sets(self) -> int:
        """How many sets that contain each other."""
        return int(self.worth.shape[1])

    def held(self, step: Ints) -> Floats:
        """Say which set holds which area, as zeros and ones (areas, sets)."""
        return (step[:, None] <= np.arange(self.sets)).astype(np.float64)

    def used(self, step: Ints) -> Floats:
        """Add up every row, öre; exact."""
        total: Floats = ((self.use @ self.held(step)) * self.weight).sum(axis=1)
        return total

    def fits(self, step: Ints) -> bool:
        """Whether every row holds and the budgets can pay."""
        if not (self.used(step) <= self.most).all():
            return False
        return self.paying is None or not pay(self.paying.of(step == 0))[1].any()

    def value(self, step: Ints) -> float:
        """Add up the worth of the sets."""
        return float((self.worth * self.held(step)).sum())


def make_problem(
    upstream: Ints, worth: Floats, rows: Sequence[Row], *, paying: Paying | None = None
) -> Problem:
    """Put a problem together; rows that can never bind are left out.

    Parameters
    ----------
    upstream : array of int, shape (areas,)
        The area that each hangs on, which stands before it; -1 for none.
    worth : array of float, shape (areas, sets)
        What an area adds to a set that holds it.
    rows : sequence of Row
        The limits.
    paying : Paying, optional
        Several budgets, where the rows do not say all of who may pay for what.
    """
    count, sets = worth.shape
    barred = np.zeros((count, sets), dtype=bool)
    kept = []
    for row in rows:
        if (row.use >= 0).all():
            cumulative = bool((row.weight >= 0).all())
            # A cumulative row bears what an area needs above it too; one of a year its own cost.
            alone = sum_down(upstream, row.use) if cumulative else row.use
            last = int(np.flatnonzero(row.weight > 0)[-1])
            over = alone > row.most
            barred[over, (0 if cumulative else last) : last + 1] = True
            if row.use.sum() * row.weight.max() <= row.most:
                continue
        kept.append(row)
    use = np.array([row.use for row in kept]).reshape(len(kept), count)
    whole = bool((worth == np.round(worth)).all())
    return Problem(
        upstream,
        worth,
        sparse.csr_array(use),
        np.array([row.weight for row in kept]).reshape(len(kept), sets),
        np.array([row.most for row in kept], dtype=np.float64),
        1.0 if whole else 0.0,
        barred,
        paying,
    )


def check_forest(upstream: ArrayLike, count: int) -> Ints:
    """Refuse an ``upstream`` that is no forest.

    Raises
    ------
    BadValueError
        It is of the wrong length, points outside, or goes in a circle.
    """
    above = np.array(upstream, dtype=np.int64)
    if above.shape != (count,) or (above < -1).any() or (above >= count).any():
        msg = f"upstream must name one of the {count} areas, or -1, for each area"
        raise BadValueError(msg, where=_WHERE)
    return above


def from_above(upstream: Ints) -> Ints:
    """Order the areas so that each comes after the one it hangs on.

    Raises
    ------
    BadValueError
        Areas hang on each other in a circle.
    """
    above = upstream.copy()
    depth = (above >= 0).astype(np.int64)
    # Each round looks twice as far up as the one before.
    for _ in range(upstream.size.bit_length() + 1):
        here = above >= 0
        if not here.any():
            return np.argsort(depth, kind="stable")
        depth = np.where(here, depth + depth[above], depth)
        above = np.where(here, above[above], -1)
    msg = "areas hang on each other in a circle"
    raise BadValueError(msg, where=_WHERE, fix="upstream_area_id must lead to existing fibre")


@kernel
def _sum_down(upstream: Ints, value: Floats, total: Floats) -> None:
    for i in range(upstream.size):
        total[i] = value[i]
        if upstream[i] >= 0:
            total[i] += total[upstream[i]]


def sum_down(upstream: Ints, value: Floats) -> Floats:
    """Add up an area's value and those of all it hangs on; these stand before it."""
    total = np.empty(upstream.size)
    _sum_down(upstream, np.ascontiguousarray(value, dtype=np.float64), total)
    return total


class Joined(NamedTuple):
    """Areas that cost nothing made one with what they hang on."""

    upstream: Ints
    """Of the joined areas."""
    into: Ints
    """Per area the joined one; -1: always taken."""


@kernel
def _join(upstream: Ints, free: Bools, into: Ints, above: Ints) -> int:
    """Fill ``into`` and the joined areas' own ``above``; give how many there are."""
    made = 0
    for i in range(upstream.size):
        up = upstream[i]
        if free[i]:
            into[i] = -1 if up < 0 else into[up]
        else:
            above[made] = -1 if up < 0 else into[up]
            into[i] = made
            made += 1
    return made


def join_free(upstream: Ints, free: Bools) -> Joined:
    """Make areas that cost nothing one with the area they hang on: both or neither is best."""
    into = np.empty(upstream.size, np.int64)
    above = np.empty(upstream.size, np.int64)
    made = _join(upstream, free, into, above)
    return Joined(above[:made].copy(), into)


@kernel
def _close_down(upstream: Ints, allowed: Bools) -> None:
    for i in range(upstream.size):
        if upstream[i] >= 0 and not allowed[upstream[i]]:
            allowed[i] = False


def close_down(upstream: Ints, allowed: Bools) -> Bools:
    """Take away what hangs on an area that is not allowed."""
    closed = allowed.copy()
    _close_down(upstream, closed)
    return closed
