"""The areas that prices leave open, as an integer programme for HiGHS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from scipy import sparse

from bredband.choice_highs import maximise
from bredband.choice_pay import sharing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bredband.choice_pay import Paying
    from bredband.choice_problem import Problem

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_ORE_PER_KSEK: Final = 1e5
_AGAIN: Final = 4
"""How often to ask again where an answer is a hair over a limit."""


class Core(NamedTuple):
    """What HiGHS said."""

    step: Ints | None
    """The best choice found; None where there is none."""
    bound: float
    """No choice of open steps is worth more; minus infinity where there is none."""


class _Limits(NamedTuple):
    """Rows of a programme: matrix·x is at most ``most``; the last columns are no areas."""

    matrix: sparse.csr_array
    most: Floats
    money: Bools
    """Rows that count öre."""


def solve_core(
    problem: Problem,
    open_steps: Bools,
    *,
    known: Ints | None = None,
    time_limit: float = np.inf,
    near: float = 0.0,
) -> Core:
    """Find the best choice with open steps only.

    Parameters
    ----------
    problem : Problem
        Areas and rows.
    open_steps : array of bool, shape (areas, sets + 1)
        At least one per area; the first of an area is no later, nor is its last, than
        those of the areas that hang on it.
    known : array of int, shape (areas,), optional
        An admissible choice of open steps to begin with.
    time_limit : float
        Seconds.
    near : float
        It stops when the bound is no more than this above the value.
    """
    sets = problem.sets
    ends = time.perf_counter() + time_limit
    first = open_steps.argmax(axis=1)
    last = sets - open_steps[:, ::-1].argmax(axis=1)
    number = np.arange(sets)
    surely = number >= last[:, None]
    free = (number >= first[:, None]) & ~surely
    area, which = np.nonzero(free)
    worth = problem.worth[area, which]
    surely_worth = float(problem.worth[surely].sum())

    def steps(x: Bools) -> Ints:
        held = surely.copy()
        held[area, which] = x
        return np.where(held.any(axis=1), held.argmax(axis=1), sets)

    if not area.size:
        step = steps(np.zeros(0, dtype=bool))
        return Core(step, surely_worth) if problem.fits(step) else Core(None, -np.inf)
    limits = _money(problem, free, surely)
    flows = 0
    if problem.paying is not None:
        limits, flows = _join(limits, _payments(problem.paying, free[:, 0], surely[:, 0]))
    order = _order(problem, free)
    both, _ = _join(
        _Limits(order, np.zeros(order.shape[0]), np.zeros(order.shape[0], bool)), limits
    )
    start = None if known is None else np.r_[known[area] <= which, np.zeros(flows)]
    bound, left = np.inf, both.most
    for again in range(_AGAIN):
        solved = maximise(
            np.r_[worth, np.zeros(flows)],
            both.matrix,
            left,
            flows=flows,
            start=start,
            time_limit=ends - time.perf_counter(),
            near=near,
        )
        if again == 0:
            bound = solved.bound + surely_worth
        if solved.x is None:
            break
        step = steps(solved.x[: area.size] > 0.5)
        if problem.fits(step):
            return Core(step, bound)
        # A hair over, within the solver's tolerance: ask again with an öre less.
        left = left - np.where(both.money, 10.0**again / _ORE_PER_KSEK, 0.0)
        start = None
    return Core(None, bound)


def _order(problem: Problem, free: Bools) -> sparse.csr_array:
    """Write: in one set, in all later ones; and not without what it hangs on."""
    column = np.full(free.shape, -1, np.int64)
    column[free] = np.arange(int(free.sum()))
    hung = np.flatnonzero(problem.upstream >= 0)
    above = problem.upstream[hung]
    twice = free[:, :-1] & free[:, 1:]
    beside = free[hung] & free[above]
    lower = np.r_[column[:, :-1][twice], column[hung][beside]]
    upper = np.r_[column[:, 1:][twice], column[above][beside]]
    row = np.arange(lower.size)
    ones = np.ones(lower.size)
    return sparse.csr_array(
        (np.r_[ones, -ones], (np.r_[row, row], np.r_[lower, upper])),
        shape=(lower.size, int(free.sum())),
    )


def _money(problem: Problem, free: Bools, surely: Bools) -> _Limits:
    """Write the rows, less what is surely taken, in thousands of SEK."""
    area, which = np.nonzero(free)
    use = sparse.csr_array(problem.use[:, area].multiply(problem.weight[:, which]))
    taken = ((problem.use @ surely.astype(np.float64)) * problem.weight).sum(axis=1)
    most = (problem.most - taken) / _ORE_PER_KSEK
    return _Limits(sparse.csr_array(use / _ORE_PER_KSEK), most, np.ones(most.size, dtype=bool))


def _payments(paying: Paying, free: Bools, surely: Bools) -> _Limits:
    """Write who pays for what, with a column for what a budget pays of alike areas together.

    Areas that the same budgets may pay for need not be told apart: what they can be paid
    together is the sum of what each can be paid (base polytopes of polymatroids add up),
    so that a row per group of these budgets says it all.
    """
    rows: list[Any] = []
    values: list[Any] = []
    columns: list[Any] = []
    most: list[Any] = []
    size = int(free.sum())
    column = np.cumsum(free) - 1
    flows = 0
    spent: list[tuple[int, int]] = []
    for areas, budgets in sharing(paying):
        taken, open_ = areas[surely[areas]], areas[free[areas]]
        own = size + flows + np.arange(budgets.size)
        spent += zip(budgets.tolist(), own.tolist(), strict=True)
        flows += budgets.size
        for code in range(1, 1 << budgets.size):
            inside = (code >> np.arange(budgets.size) & 1).astype(bool)
            group = np.zeros(paying.money.size, dtype=bool)
            group[budgets[inside]] = True
            use = paying.of(open_).only(group)
            entries = int(inside.sum()) + use.size
            rows.append(np.full(entries, len(most)))
            columns.append(np.r_[column[open_], own[inside]])
            values.append(np.r_[use / _ORE_PER_KSEK, -np.ones(int(inside.sum()))])
            most.append(-float(paying.of(taken).only(group).sum()) / _ORE_PER_KSEK)
    flow_rows = len(most)
    for budget, own_column in spent:
        rows.append(np.array([flow_rows + budget]))
        columns.append(np.array([own_column]))
        values.append(np.ones(1))
    most += (paying.money / _ORE_PER_KSEK).tolist()
    matrix = sparse.csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(most), size + flows),
    )
    matrix.eliminate_zeros()
    money = np.arange(len(most)) >= flow_rows
    return _Limits(matrix, np.array(most), money)


def _join(one: _Limits, other: _Limits) -> tuple[_Limits, int]:
    """Put rows together; ``other`` may have further columns, whose number is given."""
    more = other.matrix.shape[1] - one.matrix.shape[1]
    wider = sparse.hstack([one.matrix, sparse.csr_array((one.matrix.shape[0], more))])
    matrix = sparse.csr_array(sparse.vstack([wider, other.matrix]))
    return (
        _Limits(matrix, np.r_[one.most, other.most], np.r_[one.money, other.money]),
        more,
    )
