"""The money rows priced instead of kept: a bound, near-best sets, and what cannot be otherwise.

With a price on every row the areas no longer compete: what remains is the best set that is
closed towards existing fibre, one pass up the forest and one down. Its value, with the rows'
money at these prices added, is more than any admissible choice can have (Lagrangian duality).
Another pass gives, for every area and step, how much less the best choice with that step would
be: what lies below a known choice need not be looked at. At the best prices the bound is that
of the linear programme, since a closed set on a forest is one with whole numbers (Geoffrion's
integrality property).

References
----------
Geoffrion, A. M. (1974). Lagrangean relaxation for integer programming. Mathematical
Programming Study 2, 82-114.
Kelley, J. E. (1960). The cutting-plane method for solving convex programs. Journal of the
SIAM 8, 703-712.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import highspy
import numpy as np
from bredband_gis.steiner_paths import kernel
from scipy import sparse

from bredband.build_order import cheapest_first
from bredband.choice_highs import quiet
from bredband.choice_problem import group_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bredband.choice_pay import Paying
    from bredband.choice_problem import Problem, Row

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_ROUNDING: Final = 1e-10
"""Relative: sums of floats are off by less."""


class Priced(NamedTuple):
    """The best choice when every row has a price."""

    prices: Floats
    """Worth per öre of each row."""
    bound: float
    """No admissible choice is worth more."""
    step: Ints
    """The best step of every area at these prices; the last where two are as good."""
    best: Floats
    """Per area and step, the most that the area and all that hang on it give."""


@kernel
def _sweep(upstream: Ints, best: Floats, step: Ints) -> float:
    """Turn each area's own gains into its branch's; choose the steps; give the total."""
    count, steps = best.shape
    total = 0.0
    for i in range(count - 1, -1, -1):
        up = upstream[i]
        most = -np.inf
        for t in range(steps - 1, -1, -1):
            most = max(most, best[i, t])
            if up >= 0:
                best[up, t] += most
        if up < 0:
            total += most
    for i in range(count):
        first = 0 if upstream[i] < 0 else step[upstream[i]]
        chosen = steps - 1
        for t in range(steps - 2, first - 1, -1):
            if best[i, t] > best[i, chosen]:
                chosen = t
        step[i] = chosen
    return total


@kernel
def _losses(upstream: Ints, best: Floats, loss: Floats) -> None:
    """Fill in how much less the best choice is with each area at each step."""
    count, steps = best.shape
    for i in range(count):
        up = upstream[i]
        most = np.empty(steps)
        top = -np.inf
        for t in range(steps - 1, -1, -1):
            top = max(top, best[i, t])
            most[t] = top
        least = np.inf
        for t in range(steps):
            # Forced to step t, it hangs on an area with a step up to t.
            least = min(least, loss[up, t] + most[t]) if up >= 0 else most[0]
            loss[i, t] = least - best[i, t]


def gains(problem: Problem, prices: Floats) -> Floats:
    """Give what each area gives at each step, its use of the rows paid (areas, sets + 1)."""
    net = problem.worth.copy()
    if prices.size:
        net -= problem.use.T @ (prices[:, None] * problem.weight)
    total = np.zeros((problem.areas, problem.sets + 1))
    total[:, :-1] = np.cumsum(net[:, ::-1], axis=1)[:, ::-1]
    total[:, :-1][problem.barred] = -np.inf
    return total


def price(problem: Problem, prices: Floats) -> Priced:
    """Give the best choice at these prices, and what it proves."""
    best = gains(problem, prices)
    step = np.empty(problem.areas, np.int64)
    total = _sweep(problem.upstream, best, step)
    bound = total + float(prices @ problem.most)
    # As large as the sums that the bound is the difference of.
    size = float(problem.worth.sum()) + float(prices @ np.abs(problem.most))
    return Priced(prices, bound + _ROUNDING * size, step, best)


def losses(problem: Problem, priced: Priced) -> Floats:
    """Give by how much the bound falls when an area has a step (areas, sets + 1)."""
    loss = np.empty_like(priced.best)
    _losses(problem.upstream, priced.best, loss)
    return loss


def best_prices(
    problem: Problem,
    *,
    at: Callable[[Floats], Problem] | None = None,
    start: Floats | None = None,
    rounds: int = 400,
    tolerance: float = 1e-7,
) -> Priced:
    """Find the prices with the lowest bound, by cutting planes asked for between two points.

    Every choice met cuts off prices: the lowest point of all cuts lies below the lowest
    bound. Asked there, the plain method runs from one end to the other; half way between
    it and the best prices so far it does not.

    Parameters
    ----------
    problem : Problem
        Areas and rows.
    at : function, optional
        Gives, at some prices, the same with what the areas use of the rows at these.
    start : array of float, shape (rows,), optional
        Prices to begin with.
    rounds : int
        The most choices to look at.
    tolerance : float
        It stops when the bound is no more than this share above the lowest possible.
    """
    rows = problem.most.size
    if not rows or not problem.areas:
        return price(problem, np.zeros(rows))
    if rows == 1 and problem.sets == 1 and problem.most[0] >= 0:
        return price(problem, alone(problem))
    # Prices per row that is as large as the sums in it, so that all are of one size.
    size = np.maximum(np.abs(problem.most), abs(problem.use).max(axis=1).toarray().ravel())
    size = np.maximum(size, 1.0)
    master = _Master(problem.most / size, 10.0 * max(float(problem.worth.sum()), 1.0))

    def ask(prices: Floats) -> tuple[Priced, tuple[float, Floats]]:
        """Give the best choice at these prices, its worth, and what it leaves of each row."""
        asked = problem if at is None else at(prices)
        found = price(asked, prices)
        cut = asked.value(found.step), (asked.most - asked.used(found.step)) / size
        master.cut(cut)
        return found, cut

    best, _ = ask(alone(problem) if start is None else start)
    for _ in range(rounds):
        lowest, point = master.lowest()
        if best.bound - lowest <= tolerance * max(abs(best.bound), 1.0):
            break
        found, (value, left) = ask(0.5 * (point / size + best.prices))
        useful = found.bound < best.bound
        if useful:
            best = found
        if not useful or value + left @ point <= lowest + tolerance * abs(lowest):
            # It cuts nothing off where the cuts are lowest: ask there.
            found, _ = ask(point / size)
            if found.bound < best.bound:
                best = found
    return best


def alone(problem: Problem) -> Floats:
    """Give the best price of each row, were it the only one: worth per öre where money ends.

    The areas in their cheapest order are the lower envelope of everything that could be
    built; the linear programme of one row lies on it (``build_order.py``). Rows that count
    the same set share its worth; a floor has no price.
    """
    prices = np.zeros(problem.most.size)
    plain = (problem.weight >= 0).all(axis=1) & (problem.most >= 0)
    counted = problem.weight[plain].sum(axis=0)
    for r in np.flatnonzero(plain):
        cost = problem.use[[r]].toarray()[0]
        sets = problem.weight[r] > 0
        worth = np.where(problem.barred, 0.0, problem.worth)[:, sets] @ (1.0 / counted[sets])
        sequence, number = cheapest_first(problem.upstream, cost, worth)
        spent = np.cumsum(cost[sequence])
        end = int(np.searchsorted(spent, problem.most[r], side="right"))
        if end < spent.size:
            last = sequence[number[sequence] == number[sequence[end]]]
            prices[r] = worth[last].sum() / cost[last].sum()
    return prices


def price_budgets(problem: Problem, paying: Paying) -> list[Row]:
    """Give the groups of budgets that matter most, by prices on the budgets themselves.

    At given prices every area is paid by the cheapest budgets first; at the best prices the
    groups that bind are those dearer than some price.

    Parameters
    ----------
    problem : Problem
        The areas, with all rows but those of the budgets; one set.
    paying : Paying
        The same areas, and the budgets.
    """
    count = paying.money.size
    weight = np.ones((count + problem.most.size, 1))
    most = np.r_[paying.money, problem.most]
    # Areas by row here: what each budget may pay, then the other rows.
    may = sparse.csr_array(paying.most)
    both = sparse.csr_array(sparse.hstack([may, problem.use.T]))
    part = np.flatnonzero(both.indices < count)

    def at(prices: Floats) -> Problem:
        data = both.data.copy()
        data[part] = _cheapest_parts(
            may.indptr.astype(np.int64), may.indices.astype(np.int64), may.data,
            paying.support, prices[:count],
        )  # fmt: skip
        use: Any = sparse.csc_array((data, both.indices, both.indptr), shape=both.shape[::-1])
        return replace(problem, use=use, weight=weight, most=most)

    everything = group_row(paying, np.ones(count, dtype=bool))
    one = replace(
        problem,
        use=sparse.csr_array(everything.use[None, :]),
        weight=np.ones((1, 1)),
        most=np.array([everything.most]),
    )
    start = np.r_[np.repeat(alone(one), count), np.zeros(problem.most.size)]
    found = best_prices(at(start), at=at, start=start, tolerance=1e-5).prices[:count]
    dearest = np.argsort(-found, kind="stable")
    rows = []
    for number in range(1, count + 1):
        if found[dearest[number - 1]] > 0:
            group = np.zeros(count, dtype=bool)
            group[dearest[:number]] = True
            rows.append(group_row(paying, group))
    return rows


@kernel
def _cheapest_parts(
    begin: Ints, budget: Ints, most: Floats, support: Floats, prices: Floats
) -> Floats:
    """Give what each budget pays of each area, the cheapest first."""
    parts = np.zeros(most.size)
    for i in range(support.size):
        owed = support[i]
        while owed > 0:
            best = -1
            for a in range(begin[i], begin[i + 1]):
                cheaper = best < 0 or prices[budget[a]] < prices[budget[best]]
                if parts[a] == 0 and most[a] > 0 and cheaper:
                    best = a
            if best < 0:
                break
            parts[best] = min(owed, most[best])
            owed -= parts[best]
    return parts


class _Master:
    """The cuts met so far, and where they are lowest."""

    def __init__(self, most: Floats, highest: float) -> None:
        self._solver = quiet()
        infinity = highspy.kHighsInf
        self._solver.addVar(-infinity, infinity)
        self._solver.changeColCost(0, 1.0)
        for column in range(1, most.size + 1):
            self._solver.addVar(0.0, highest)
            self._solver.changeColCost(column, 0.0)
        self._columns = np.arange(most.size + 1, dtype=np.int32)
        # The empty choice.
        self.cut((0.0, most))

    def cut(self, cut: tuple[float, Floats]) -> None:
        value, left = cut
        self._solver.addRow(
            value, highspy.kHighsInf, self._columns.size, self._columns, np.r_[1.0, -left]
        )

    def lowest(self) -> tuple[float, Floats]:
        self._solver.run()
        x = np.array(self._solver.getSolution().col_value)
        return float(x[0]), np.maximum(x[1:], 0.0)
