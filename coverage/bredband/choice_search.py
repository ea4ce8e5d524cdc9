"""From prices to a proven choice: fill up what is left, then solve what can be otherwise.

All areas whose step would cost more than a certain loss in the bound are fixed at what the
prices say; the few left, the core, are an integer programme that HiGHS solves at once. Every
choice worth more than the bound less that loss lies within it. So the best of the core is the
best of all as soon as it is worth that much; else the loss is raised. This is the core of
Balas and Zemel, taken from the knapsack to a forest and several rows.

References
----------
Balas, E. and Zemel, E. (1980). An algorithm for large zero-one knapsack problems. Operations
Research 28, 1130-1154.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from bredband_gis.steiner_paths import kernel
from scipy import sparse

from bredband.build_order import cheapest_first
from bredband.choice_core import solve_core
from bredband.choice_pay import pay
from bredband.choice_problem import close_down
from bredband.choice_relaxation import Priced, best_prices, losses, price

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bredband.choice_problem import Problem

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_CORES: Final = (60, 250, 1000, 4000, 16000)
"""Undecided columns of the cores tried in turn, before all of them."""
_DEAREST: Final = 1e6
"""Prices are not raised more than so many times."""
_HALVINGS: Final = 20
_UNIT: Final = 0.999
"""A bound by less than a unit above a sum of units proves it the best."""
_COARSE: Final = 0.05
"""A core that is not the last is left when so much of the gap remains."""
_ROUNDING: Final = 1e-9
"""Relative: no gap is told from none below it."""


class Found(NamedTuple):
    """The outcome of a search."""

    step: Ints | None
    """Per area the first set that holds it; None where no admissible choice was found."""
    value: float
    """Its worth; minus infinity where there is none."""
    bound: float
    """No admissible choice is worth more; minus infinity where there is none."""
    method: str
    """prices, or core: how far one had to go."""


# --- filling up ----------------------------------------------------------------------


@kernel
def _fill(
    upstream: Ints,
    sequence: Ints,
    worth: Floats,
    barred: Bools,
    begin: Ints,
    row: Ints,
    use: Floats,
    weight: Floats,
    used: Floats,
    most: Floats,
    step: Ints,
) -> bool:
    """Lower steps where the rows allow it and it gives anything; say whether any was.

    An area is taken with all that it hangs on and that is not there yet. ``worth`` and
    ``weight`` are summed from each set to the last.
    """
    moved = False
    more = np.zeros(most.size)
    for i in sequence:
        for t in range(step[i]):
            gain = 0.0
            fits = True
            j = i
            while j >= 0 and step[j] > t:
                if barred[j, t]:
                    fits = False
                    break
                gain += worth[j, t] - worth[j, step[j]]
                for a in range(begin[j], begin[j + 1]):
                    more[row[a]] += use[a] * (weight[row[a], t] - weight[row[a], step[j]])
                j = upstream[j]
            if fits and gain > 0:
                for r in range(most.size):
                    if more[r] > 0 and used[r] + more[r] > most[r]:
                        fits = False
                        break
            taken = fits and gain > 0
            if taken:
                used += more
                j = i
                while j >= 0 and step[j] > t:
                    step[j] = t
                    j = upstream[j]
                moved = True
            more[:] = 0.0
            if taken:
                break
    return moved


def _from(total: Floats) -> Floats:
    """Add up from each set to the last, with a column of zeros for none."""
    summed = np.zeros((total.shape[0], total.shape[1] + 1))
    summed[:, :-1] = np.cumsum(total[:, ::-1], axis=1)[:, ::-1]
    return summed


def _cheapest_order(problem: Problem, prices: Floats) -> Ints:
    """Order the areas by what they cost at these prices, the cheapest per worth first."""
    paid = (problem.use.T @ (prices[:, None] * problem.weight)).sum(axis=1)
    worth = np.where(problem.barred, 0.0, problem.worth).sum(axis=1)
    return cheapest_first(problem.upstream, np.maximum(paid, 0.0), worth)[0]


def fill_up(problem: Problem, step: Ints, sequence: Ints) -> Ints:
    """Take into the sets what still fits, in this order.

    Parameters
    ----------
    problem : Problem
        Areas and rows.
    step : array of int, shape (areas,)
        A choice that keeps every row that is no floor.
    sequence : array of int, shape (areas,)
        The areas, the best first.
    """
    columns = sparse.csc_array(problem.use)
    made = step.copy()
    used = problem.used(made)
    worth, weight = _from(problem.worth), _from(problem.weight)
    for _ in range(4):
        moved = _fill(
            problem.upstream, sequence, worth, problem.barred, columns.indptr.astype(np.int64),
            columns.indices.astype(np.int64), columns.data, weight, used, problem.most, made,
        )  # fmt: skip
        if not moved:
            break
    return made


def take_best(problem: Problem, step: Ints, cost: Floats) -> Ints:
    """Take in, again and again, the area with the most worth per cost that still fits.

    An area comes with all that it hangs on and that is not there yet.

    Parameters
    ----------
    problem : Problem
        Areas and rows; one set.
    step : array of int, shape (areas,)
        A choice that keeps every row that is no floor.
    cost : array of float, shape (areas,)
        What the worth is divided by.
    """
    made = step.copy()
    columns = sparse.csc_array(problem.use)
    left = np.maximum(problem.most - problem.used(step), 0.0)
    _take(
        problem.upstream, problem.worth[:, 0], cost, columns.indptr.astype(np.int64),
        columns.indices.astype(np.int64), columns.data, left, made,
    )  # fmt: skip
    return made


@kernel
def _take(
    upstream: Ints,
    worth: Floats,
    cost: Floats,
    begin: Ints,
    row: Ints,
    use: Floats,
    left: Floats,
    step: Ints,
) -> None:
    count = upstream.size
    gain, price = np.zeros(count), np.zeros(count)
    # How many areas each would bring, and how many when it last did not fit.
    brings, refused = np.zeros(count, np.int64), np.zeros(count, np.int64)
    more = np.zeros(left.size)
    while True:
        best, ratio = -1, 0.0
        for i in range(count):
            if step[i] == 0:
                continue
            up = upstream[i]
            gain[i], price[i], brings[i] = worth[i], cost[i], 1
            if up >= 0 and step[up] > 0:
                gain[i] += gain[up]
                price[i] += price[up]
                brings[i] += brings[up]
            if refused[i] == brings[i] or not gain[i] > ratio * price[i]:
                continue
            if _way_fits(i, upstream, begin, row, use, left, step, more):
                best, ratio = i, gain[i] / price[i]
            else:
                refused[i] = brings[i]
        if best < 0:
            return
        while best >= 0 and step[best] > 0:
            for a in range(begin[best], begin[best + 1]):
                left[row[a]] -= max(use[a], 0.0)
            step[best] = 0
            best = upstream[best]


@kernel
def _way_fits(
    i: int,
    upstream: Ints,
    begin: Ints,
    row: Ints,
    use: Floats,
    left: Floats,
    step: Ints,
    more: Floats,
) -> bool:
    """Whether an area, with what it hangs on and is not there yet, fits what is left."""
    more[:] = 0.0
    while i >= 0 and step[i] > 0:
        for a in range(begin[i], begin[i + 1]):
            more[row[a]] += use[a]
        i = upstream[i]
    return bool((more <= left).all())


def _leave_unpaid(problem: Problem, step: Ints, sequence: Ints) -> Ints:
    """Leave out what no budget has money left for, the last in order first."""
    if problem.paying is None:
        return step
    taken = sequence[step[sequence] == 0]
    left = np.ones(step.size, dtype=bool)
    left[taken] = pay(problem.paying.of(taken))[1] == 0
    return np.where(close_down(problem.upstream, left), step, problem.sets)


def first_choice(problem: Problem, priced: Priced) -> Ints:
    """Give a good choice that keeps every row that is no floor, and that can be paid."""
    step = _dearer(problem, priced)
    sequence = _cheapest_order(problem, priced.prices)
    if problem.sets == 1:
        cost = np.maximum(problem.use.T @ priced.prices, 0.0)
        return _leave_unpaid(problem, take_best(problem, step, cost), sequence)
    none = np.full(problem.areas, problem.sets, np.int64)
    tries = [fill_up(problem, start, sequence) for start in (step, none)]
    return max(tries, key=lambda made: (problem.fits(made), problem.value(made)))


def _dearer(problem: Problem, priced: Priced) -> Ints:
    """Raise all prices alike until the best choice keeps every row that is no floor."""
    limits = problem.most >= 0

    def fits(step: Ints) -> bool:
        return bool((problem.used(step) <= problem.most)[limits].all())

    low, high, step = 1.0, 1.0, priced.step
    while not fits(step):
        if high > _DEAREST:
            return np.full(problem.areas, problem.sets, np.int64)
        low, high = high, high * 2.0
        step = price(problem, priced.prices * high).step
    for _ in range(_HALVINGS if high > low else 0):
        middle = 0.5 * (low + high)
        tried = price(problem, priced.prices * middle).step
        if fits(tried):
            step, high = tried, middle
        else:
            low = middle
    return step


def search(problem: Problem, *, time_limit: float = 60.0, gap: float = 0.0) -> Found:
    """Find the best admissible choice, and prove it.

    Parameters
    ----------
    problem : Problem
        Areas and rows.
    time_limit : float
        Seconds; the best choice so far and its bound are given then.
    gap : float
        It stops when the bound is no more than this share above the value.
    """
    ends = time.perf_counter() + time_limit
    priced = best_prices(problem)
    first = first_choice(problem, priced)
    fits = problem.fits(first)
    step: Ints | None = first if fits else None
    value = problem.value(first) if fits else -np.inf
    bound = _down(problem, priced.bound)
    if bound - value <= _near(problem, bound, gap):
        return _found(problem, step, value, bound, "prices")
    loss = losses(problem, priced)
    # Per area, the losses at which it is no longer certain.
    unsure = np.sort(loss, axis=1)[:, 1:].ravel()
    unsure = np.sort(unsure[np.isfinite(unsure)])
    for size in (*_CORES, unsure.size):
        near = max(_near(problem, bound, gap), _UNIT * problem.unit)
        # Enough to hold every choice that is better than the known one by more than that.
        needed = max(priced.bound - value - near, 0.0)
        within = min(float(unsure[size]) if size < unsure.size else np.inf, needed)
        last = within == needed
        open_steps = loss <= within + _ROUNDING * abs(priced.bound)
        core = solve_core(
            problem,
            open_steps,
            known=step if step is not None and _inside(open_steps, step) else None,
            time_limit=ends - time.perf_counter(),
            near=near if last or step is None else max(near, _COARSE * (bound - value)),
        )
        if core.step is not None and problem.value(core.step) > value:
            step, value = core.step, problem.value(core.step)
        # Whatever is not in the core is worth no more than the bound less the loss.
        outside = priced.bound - within
        bound = max(min(bound, _down(problem, max(core.bound, outside))), value)
        enough = bound - value <= _near(problem, bound, gap)
        if last or enough or time.perf_counter() > ends:
            break
    return _found(problem, step, value, bound, "core")


def _found(problem: Problem, step: Ints | None, value: float, bound: float, method: str) -> Found:
    """Give the outcome; a bound that differs by rounding is the value."""
    if bound - value <= _near(problem, bound, 0.0):
        bound = value
    return Found(step, value, bound, method)


def _inside(open_steps: Bools, step: Ints) -> bool:
    return bool(np.take_along_axis(open_steps, step[:, None], axis=1).all())


def _down(problem: Problem, bound: float) -> float:
    """Round a bound down to what a sum of worth can be."""
    if problem.unit and np.isfinite(bound):
        return float(np.floor(bound / problem.unit + 1e-6) * problem.unit)
    return bound


def _near(problem: Problem, bound: float, gap: float) -> float:
    """Give the difference between bound and value that does not count."""
    rounding = _ROUNDING * max(abs(bound), float(problem.worth.max(initial=0.0)))
    return max(gap * abs(bound), rounding)
