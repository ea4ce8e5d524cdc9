"""Which stretches a budget pays for: the choice that joins most households."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Bools = NDArray[np.bool_]

_TIE = 1e-3
"""Households that the whole budget weighs: of equal choices the cheapest."""


def choose_within(
    parent: ArrayLike, sek: ArrayLike, households: ArrayLike, budget_sek: float
) -> Bools:
    """Choose the stretches that join most households for a sum of money.

    Parameters
    ----------
    parent : array of int, shape (stretches,)
        The stretch that each hangs on; -1 at the backbone. A stretch is of no use without
        it.
    sek : array of float, shape (stretches,)
        What each takes of the budget.
    households : array of float, shape (stretches,)
        What each joins itself, without those behind it.
    budget_sek : float
        The sum.

    Returns
    -------
    array of bool, shape (stretches,)
        The best choice, not the first that fit: a dear stretch does not stop those after
        it. A stretch that leads to nobody chosen is left out.
    """
    above = np.asarray(parent, dtype=np.int64)
    cost = np.asarray(sek, dtype=np.float64)
    worth = np.asarray(households, dtype=np.float64)
    count = above.size
    if not count:
        return np.zeros(0, np.bool_)
    rules = [LinearConstraint(sparse.csr_array(cost[np.newaxis, :]), ub=budget_sek)]
    child = np.flatnonzero(above >= 0)
    if child.size:
        row = np.arange(child.size)
        needs = sparse.csr_array(
            (
                np.r_[np.ones(child.size), -np.ones(child.size)],
                (np.r_[row, row], np.r_[child, above[child]]),
            ),
            shape=(child.size, count),
        )
        rules.append(LinearConstraint(needs, ub=0.0))
    price = _TIE * cost / max(budget_sek, float(cost.sum()), 1.0)
    answer = milp(
        price - worth,
        integrality=np.ones(count, np.int64),
        bounds=Bounds(0, 1),
        constraints=rules,
        options={"time_limit": 60.0, "mip_rel_gap": 1e-6},
    )
    if answer.x is None:
        return np.zeros(count, np.bool_)
    chosen: Bools = np.rint(answer.x).astype(np.bool_)
    # Rounding must not take more than there is.
    while cost[chosen].sum() > budget_sek * (1 + 1e-9):
        leaf = chosen & ~np.isin(np.arange(count), above[chosen])
        chosen[np.flatnonzero(leaf)[np.argmin(worth[leaf])]] = False
    return chosen
