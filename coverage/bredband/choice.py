"""The best areas for the money: under one or several budgets, nested, or over years.

maximise    the sum of value over the chosen areas
subject to  an area only with the area that it hangs on,
            support paid by the budgets (``choice_pay.py``),
            support per group no less than its floor and no more than its cap.

The support of an area is 0 where it pays for itself; it neither takes nor gives money. Areas
are arrays here; tables are in ``choice_areas.py``. Prices on the money give a bound and
near-best sets in milliseconds (``choice_relaxation.py``), HiGHS solves what they leave open
(``choice_search.py``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import numpy as np
from bredband_gis.errors import BadValueError

from bredband.choice_pay import FEW_BUDGETS, Paying, check_sharing, first_groups, pay
from bredband.choice_problem import (
    Joined,
    Problem,
    Row,
    check_forest,
    close_down,
    from_above,
    group_row,
    join_free,
    make_problem,
    to_ore,
)
from bredband.choice_relaxation import best_prices, price_budgets
from bredband.choice_search import first_choice, search, take_best

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

WHERE: Final = "choice under a budget"
TIME_LIMIT: Final = 60.0
"""Seconds, for each plan."""
CLOSE: Final = 1e-4
"""The gap at which nested sets and years are good enough: the proof of the last household may
take longer than all the rest."""
_EXPLAIN: Final = 10.0
"""Seconds to find out how much of a floor is possible."""


class Purse(NamedTuple):
    """One of several budgets."""

    sek: float
    """What it has, SEK."""
    most: ArrayLike | None = None
    """Per area the most that it may pay, SEK; 0 where nothing. None: anything."""


@dataclass(frozen=True)
class Choice:
    """The areas chosen, and how good the choice is.

    Attributes
    ----------
    chosen : array of bool, shape (areas,)
        The set.
    value : float
        The sum of its values.
    bound : float
        No admissible set has more.
    gap : float
        The share of the bound that may be missed; 0 where the set is proven the best.
    seconds : float
        Wall time.
    method : str
        How far one had to go: ``prices`` (prices on the money and filling up), ``core``
        (HiGHS on the areas that the prices leave open), or ``greedy``.
    paid : array of float, shape (areas, budgets)
        What each budget pays of each area, SEK.
    """

    chosen: Bools
    value: float
    bound: float
    gap: float
    seconds: float
    method: str
    paid: Floats


@dataclass(frozen=True)
class Steps:
    """Sets that contain each other: nested budgets, or what is built up to each year.

    Attributes
    ----------
    step : array of int, shape (areas,)
        The first set that holds the area, from 0; the number of sets where none does.
    values : array of float, shape (sets,)
        The sum of values of each set.
    total : float
        What is made the most of: the weighted sum of ``values``.
    bound, gap, seconds, method
        As of ``Choice``, for ``total``.
    """

    step: Ints
    values: Floats
    total: float
    bound: float
    gap: float
    seconds: float
    method: str

    def held(self, number: int) -> Bools:
        """Give the set of that number, from 0."""
        chosen: Bools = self.step <= number
        return chosen


def choose(
    value: ArrayLike,
    cost: ArrayLike,
    upstream: ArrayLike,
    budget: float | Sequence[Purse],
    *,
    group: ArrayLike | None = None,
    floors: Mapping[str, float] | None = None,
    caps: Mapping[str, float] | None = None,
    allowed: ArrayLike | None = None,
    time_limit: float = TIME_LIMIT,
    gap: float = 0.0,
) -> Choice:
    """Choose the areas with the most value that the money is enough for.

    Parameters
    ----------
    value : array of float, shape (areas,)
        What each area is worth; not negative.
    cost : array of float, shape (areas,)
        Its support, SEK; not negative. Counted in whole öre.
    upstream : array of int, shape (areas,)
        The area that each hangs on, -1 for none: it is chosen only with that one.
    budget : float or sequence of Purse
        SEK; or several budgets, which may pay an area together, each up to its most.
    group : array of str, shape (areas,), optional
        Municipality of each area, for floors and caps.
    floors, caps : mapping of str to float, optional
        The least and the most support of a group, SEK.
    allowed : array of bool, shape (areas,), optional
        Areas that may be chosen; what hangs on another one may not be either.
    time_limit : float
        Seconds; then the best so far is given, with its gap. Where it is met, two runs
        may differ.
    gap : float
        It stops when no more than this share of the bound is missed.

    Raises
    ------
    BadValueError
        A number is out of bounds, areas hang on each other in a circle, or floors cannot
        be met: which, and how much is possible.
    """
    begun = time.perf_counter()
    plan = _plan(value, cost, upstream, budget, group=group, caps=caps, allowed=allowed)
    floor_rows = plan.floor_rows(floors)
    problem = plan.problem([*plan.rows, *floor_rows.values()])
    found = search(problem, time_limit=time_limit - (time.perf_counter() - begun), gap=gap)
    if found.step is None:
        _explain_floors(plan, plan.rows, floor_rows, np.ones(1))
    chosen = plan.spread(found.step) == 0
    return plan.choice(chosen, found.bound + plan.surely, begun, found.method)


def choose_fast(
    value: ArrayLike,
    cost: ArrayLike,
    upstream: ArrayLike,
    budget: float | Sequence[Purse],
    *,
    group: ArrayLike | None = None,
    caps: Mapping[str, float] | None = None,
    allowed: ArrayLike | None = None,
) -> Choice:
    """Choose by prices on the money and filling up: milliseconds, close to the best.

    As ``choose`` without floors and without HiGHS: for many draws. The bound holds.
    """
    begun = time.perf_counter()
    plan = _plan(value, cost, upstream, budget, group=group, caps=caps, allowed=allowed)
    problem = plan.problem(plan.rows)
    priced = best_prices(problem)
    step = first_choice(problem, priced)
    chosen = plan.spread(step) == 0
    return plan.choice(chosen, priced.bound + plan.surely, begun, "prices")


def choose_greedy(
    value: ArrayLike,
    cost: ArrayLike,
    upstream: ArrayLike,
    budget: float,
    *,
    group: ArrayLike | None = None,
    caps: Mapping[str, float] | None = None,
    allowed: ArrayLike | None = None,
) -> Choice:
    """Choose area by area, each time the one with the most value per krona that still fits.

    An area comes with all that it hangs on and that is not chosen yet. This is what one
    would do by hand; it is here to compare with.
    """
    begun = time.perf_counter()
    plan = _plan(value, cost, upstream, budget, group=group, caps=caps, allowed=allowed)
    problem = plan.problem(plan.rows)
    step = take_best(problem, np.ones(problem.areas, np.int64), plan.joined_cost)
    return plan.choice(plan.spread(step) == 0, np.inf, begun, "greedy")


def choose_nested(
    value: ArrayLike,
    cost: ArrayLike,
    upstream: ArrayLike,
    budgets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    group: ArrayLike | None = None,
    caps: Mapping[str, float] | None = None,
    allowed: ArrayLike | None = None,
    time_limit: float = TIME_LIMIT,
    gap: float = CLOSE,
) -> Steps:
    """Choose a set for each budget so that every set contains the one before.

    Made the most of is the sum over the budgets of the value of their sets, each times its
    weight: with equal weights, the mean over budgets that are all as likely.

    Parameters
    ----------
    value, cost, upstream, group, caps, allowed, time_limit, gap
        As of ``choose``; a cap holds for every set.
    budgets : array of float, shape (sets,)
        SEK, not falling.
    weights : array of float, shape (sets,), optional
        Positive; equal when left out.

    Raises
    ------
    BadValueError
        As of ``choose``; or the budgets fall.
    """
    begun = time.perf_counter()
    money = np.atleast_1d(np.asarray(budgets, dtype=np.float64))
    weight = np.ones(money.size) if weights is None else np.asarray(weights, dtype=np.float64)
    if not money.size or (np.diff(money) < 0).any() or weight.shape != money.shape:
        msg = f"nested budgets must be given from the least to the largest, found {money.tolist()}"
        raise BadValueError(msg, where=WHERE)
    if not (weight > 0).all():
        msg = "weights of nested budgets must be positive"
        raise BadValueError(msg, where=WHERE)
    plan = _plan(value, cost, upstream, float(money[-1]), group=group, caps=caps, allowed=allowed)
    sets = money.size
    each = np.eye(sets)
    rows = [Row(plan.joined_cost, each[k], _ore(sek)) for k, sek in enumerate(money)]
    rows += [row._replace(weight=each[-1]) for row in plan.cap_rows]
    return plan.steps(rows, weight, begun, time_limit, gap)


def choose_years(
    value: ArrayLike,
    cost: ArrayLike,
    upstream: ArrayLike,
    years: ArrayLike,
    *,
    carry_over: bool = True,
    group: ArrayLike | None = None,
    floors: Mapping[str, float] | None = None,
    caps: Mapping[str, float] | None = None,
    allowed: ArrayLike | None = None,
    time_limit: float = TIME_LIMIT,
    gap: float = CLOSE,
) -> Steps:
    """Choose what to build each year, for the most value-years.

    Made the most of is the sum over the years of the value of all built up to then: an area
    of the first of three years counts three times. An area may be built in the year of the
    one that it hangs on, or later.

    Parameters
    ----------
    value, cost, upstream, allowed, time_limit, gap
        As of ``choose``.
    years : array of float, shape (years,)
        Support of each year, SEK.
    carry_over : bool
        Whether what a year leaves may be spent later. If not, what is left is lost, and an
        area that needs more than any year has cannot be built.
    group, floors, caps
        As of ``choose``, for all years together.

    Raises
    ------
    BadValueError
        As of ``choose``.
    """
    begun = time.perf_counter()
    money = np.atleast_1d(np.asarray(years, dtype=np.float64))
    if not money.size or not np.isfinite(money).all() or (money < 0).any():
        msg = f"the money of each year must be 0 or more SEK, found {money.tolist()}"
        raise BadValueError(msg, where=WHERE)
    plan = _plan(value, cost, upstream, float(money.sum()), group=group, caps=caps, allowed=allowed)
    sets = money.size
    each = np.eye(sets)
    if carry_over:
        weight, most = each, np.cumsum(money)
    else:
        weight, most = each - np.eye(sets, k=-1), money
    rows = [Row(plan.joined_cost, weight[k], _ore(sek)) for k, sek in enumerate(most)]
    rows += [row._replace(weight=each[-1]) for row in plan.cap_rows]
    floor_rows = {
        code: row._replace(weight=each[-1]) for code, row in plan.floor_rows(floors).items()
    }
    return plan.steps(rows, np.ones(sets), begun, time_limit, gap, floor_rows=floor_rows)


# --- from the areas given to a problem and back --------------------------------------


@dataclass(frozen=True)
class _Plan:
    """The areas that may be chosen, in order and joined, and how to get back.

    What costs nothing is one with the area that it hangs on, or always taken.
    """

    value: Floats
    paying: Paying
    """All areas given, and the budgets."""
    group: NDArray[np.str_] | None
    kept: Ints
    """Places of the areas that may be chosen, each after the one it hangs on."""
    joined: Joined
    rows: list[Row]
    cap_rows: list[Row]

    @property
    def size(self) -> int:
        return self.joined.upstream.size

    def add_up(self, numbers: Floats) -> Floats:
        """Add up a number of the areas given by joined area."""
        into = self.joined.into
        inside = into >= 0
        weights = numbers[self.kept][inside]
        total = np.bincount(into[inside], weights=weights, minlength=self.size)
        return total.astype(np.float64)

    @property
    def joined_value(self) -> Floats:
        return self.add_up(self.value)

    @property
    def joined_cost(self) -> Floats:
        return self.add_up(self.paying.support)

    @property
    def surely(self) -> float:
        """Value of what is always taken."""
        return float(self.value[self.kept][self.joined.into < 0].sum())

    @property
    def joined_paying(self) -> Paying:
        most = [self.add_up(part) for part in self.paying.most.T]
        return Paying(self.joined_cost, np.array(most).T, self.paying.money)

    def problem(self, rows: Sequence[Row], weights: Floats | None = None) -> Problem:
        """Give the problem; with one set, its budgets may be too many to be rows alone."""
        rows_lack = weights is None and self.paying.money.size > FEW_BUDGETS
        return make_problem(
            self.joined.upstream,
            self.joined_value[:, None] * (np.ones(1) if weights is None else weights),
            rows,
            paying=self.joined_paying if rows_lack else None,
        )

    def spread(self, step: Ints, sets: int = 1) -> Ints:
        """Give the step of all areas given; ``sets`` for those not chosen."""
        every = np.full(self.value.size, sets, np.int64)
        into = self.joined.into
        every[self.kept] = np.where(into < 0, 0, step[into] if step.size else 0)
        return every

    def in_group(self, code: str) -> Floats:
        """Support of the joined areas that counts in a group; none is joined across two."""
        if self.group is None:
            msg = "floors and caps need the group of each area"
            raise BadValueError(msg, where=WHERE)
        return self.add_up(np.where(self.group == code, self.paying.support, 0.0))

    def floor_rows(self, floors: Mapping[str, float] | None) -> dict[str, Row]:
        return {
            code: Row(-self.in_group(code), np.ones(1), -float(np.ceil(100.0 * sek - 1e-6)))
            for code, sek in sorted((floors or {}).items())
            if sek > 0
        }

    def choice(self, chosen: Bools, bound: float, begun: float, method: str) -> Choice:
        paid = np.zeros(self.paying.most.shape)
        paid[chosen] = pay(self.paying.of(chosen))[0] / 100.0
        value = float(self.value[chosen].sum())
        bound = max(bound, value)
        return Choice(
            chosen, value, bound, _gap(value, bound), time.perf_counter() - begun, method, paid
        )

    def steps(
        self,
        rows: list[Row],
        weights: Floats,
        begun: float,
        time_limit: float,
        gap: float,
        *,
        floor_rows: Mapping[str, Row] | None = None,
    ) -> Steps:
        left = time_limit - (time.perf_counter() - begun)
        needed = floor_rows or {}
        problem = self.problem([*rows, *needed.values()], weights)
        found = search(problem, time_limit=left, gap=gap)
        if found.step is None:
            _explain_floors(self, rows, needed, weights)
        step = self.spread(found.step, weights.size)
        held = step[:, None] <= np.arange(weights.size)
        values = self.value @ held
        total = float(values @ weights)
        bound = max(found.bound + self.surely * float(weights.sum()), total)
        return Steps(
            step, values, total, bound, _gap(total, bound),
            time.perf_counter() - begun, found.method,
        )  # fmt: skip


def _plan(
    value: ArrayLike,
    cost: ArrayLike,
    upstream: ArrayLike,
    budget: float | Sequence[Purse],
    *,
    group: ArrayLike | None,
    caps: Mapping[str, float] | None,
    allowed: ArrayLike | None,
) -> _Plan:
    """Check what is given, and put the areas that may be chosen in order."""
    worth = _numbers("value", value)
    count = worth.size
    support = to_ore(_numbers("cost", cost, count))
    above = check_forest(upstream, count)
    groups = None if group is None else np.asarray(group, dtype=np.str_)
    if groups is not None and groups.shape != (count,):
        msg = f"there must be one group for each of the {count} areas"
        raise BadValueError(msg, where=WHERE)
    purses = [Purse(float(budget))] if isinstance(budget, int | float) else list(budget)
    money = np.array([_ore(float(_numbers("budget", [p.sek], 1)[0])) for p in purses])
    most = np.empty((count, len(purses)))
    for b, purse in enumerate(purses):
        most[:, b] = support
        if purse.most is not None:
            part = _down_to_ore(_numbers("most", purse.most, count))
            most[:, b] = np.minimum(part, support)
    order = from_above(above)
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    above = np.where(above[order] >= 0, place[above[order]], -1)
    may = np.ones(count, dtype=bool) if allowed is None else np.asarray(allowed, dtype=bool)
    may = close_down(above, (may & (most.sum(axis=1) >= support))[order])
    number = np.cumsum(may) - 1
    above = np.where(above[may] >= 0, number[above[may]], -1)
    kept = order[may]
    joined = join_free(above, support[kept] == 0)
    plan = _Plan(worth, Paying(support, most, money), groups, kept, joined, [], [])
    plan.cap_rows.extend(
        Row(plan.in_group(code), np.ones(1), _ore(sek))
        for code, sek in sorted((caps or {}).items())
    )
    paying = plan.joined_paying
    check_sharing(paying)
    rows = [group_row(paying, short) for short in first_groups(paying)]
    if money.size > FEW_BUDGETS:
        rows += price_budgets(plan.problem(plan.cap_rows), paying)
    plan.rows.extend([*rows, *plan.cap_rows])
    return plan


def _numbers(name: str, given: ArrayLike, count: int | None = None) -> Floats:
    """Refuse what is not one number of 0 or more for each area."""
    numbers = np.asarray(given, dtype=np.float64)
    if numbers.ndim != 1 or (count is not None and numbers.size != count):
        msg = f"{name} must hold one number for each of the {count} areas"
        raise BadValueError(msg, where=WHERE)
    wrong = ~(np.isfinite(numbers) & (numbers >= 0))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        msg = (
            f"{name} must be 0 or more, found {numbers[first]} at place {first}"
            f" ({int(wrong.sum())} of {wrong.size})"
        )
        raise BadValueError(msg, where=WHERE)
    return numbers


def _down_to_ore(sek: Floats) -> Floats:
    """Round limits in SEK down to whole öre; a hair under a whole one is that one."""
    ore: Floats = np.floor(sek * 100.0 + 1e-6)
    return ore


def _ore(sek: float) -> float:
    return float(_down_to_ore(np.array(sek)))


def _gap(value: float, bound: float) -> float:
    return (bound - value) / bound if bound > 0 else 0.0


def _explain_floors(
    plan: _Plan, rows: Sequence[Row], floors: Mapping[str, Row], weights: Floats
) -> NoReturn:
    """Say which floor cannot be met, and how much is possible."""

    def possible(code: str, beside: Sequence[Row]) -> float:
        """Give the most support of a group in the last set, öre."""
        worth = np.zeros((plan.size, weights.size))
        worth[:, -1] = -floors[code].use / 1e5
        problem = make_problem(plan.joined.upstream, worth, [*rows, *beside])
        found = search(problem, time_limit=_EXPLAIN, gap=0.0)
        return max(found.bound, 0.0) * 1e5

    fix = "lower the floor, raise the budget or the cap, or allow more areas"
    short = {code: possible(code, []) for code in floors}
    short = {code: most for code, most in short.items() if most < -floors[code].most - 0.5}
    if short:
        msg = "; ".join(
            f"the floor of {code} is {_sek(-floors[code].most)} SEK, but at most"
            f" {_sek(most)} SEK can be given there"
            for code, most in short.items()
        )
        raise BadValueError(msg, where=WHERE, fix=fix)
    beside: list[str] = []
    for code in floors:
        most = possible(code, [floors[other] for other in beside])
        if most < -floors[code].most - 0.5:
            msg = (
                f"the floor of {code} is {_sek(-floors[code].most)} SEK, but at most"
                f" {_sek(most)} SEK can be given there beside the floors of {', '.join(beside)}"
            )
            raise BadValueError(msg, where=WHERE, fix=fix)
        beside.append(code)
    msg = f"no choice that meets the floors of {', '.join(floors)} was found in time"
    raise BadValueError(msg, where=WHERE, fix="give more time, or lower the floors")


def _sek(ore: float) -> str:
    return f"{ore / 100.0:,.0f}".replace(",", " ")
