"""Weights that turn areas next to each other in rank round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from bredband.criteria import CRITERIA, read_columns
from bredband.priority import hang_areas, order_areas
from bredband.scores import DECIMALS, share_weights, value_criterion, weigh
from bredband.tables_scores import FLIPS, to_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bredband.priority import Hanging
    from bredband.scores import Valued
    from bredband.settings_priority import Criterion

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

LIMIT: Final = 0.5
"""Changes of a weight beyond this share of it, either way, are not looked for."""

_BEYOND: Final = 1e-6
"""Just beyond a crossing is this share of the weight further."""


def find_flips(
    areas: pd.DataFrame, criteria: Sequence[Criterion], *, limit: float = LIMIT
) -> pd.DataFrame:
    """Find the weights whose change turns areas next to each other in rank round.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS`` with the columns that the criteria read; with
        ``within_budget``, pairs that the budget ends between are told.
    criteria : sequence of Criterion
        ``[[priority.criteria]]``.
    limit : float
        Largest relative change of a weight's share that is looked for.

    Returns
    -------
    DataFrame
        ``tables_scores.FLIPS``: one row per pair and criterion whose smallest change, the
        other weights in proportion to each other, makes the second rank before the first;
        by rank, the smallest change first. Pairs where the second hangs on the first are not
        there, nor pairs that no single weight turns within ``limit``.

    Raises
    ------
    MissingColumnError
        A criterion has no numbers.

    Notes
    -----
    With the weight r of criterion k and those of the others as they are, an area scores
    (r A + Q) / (r M + R): A its value by k, M whether k counts for it, Q and R the weighted
    sums of the others' values and counts. Two areas score alike where that is equal, a
    polynomial of the first degree in r (of the second where a criterion is left out for one
    of them). Ranks go by the lowest score of an area and those that it hangs on, so all pairs
    of these are solved, and each solution is tried: does the order change just beyond it?
    """
    shares = share_weights(criteria)
    reached = areas["reached"].to_numpy(dtype=bool)
    there = areas[reached].reset_index(drop=True)
    columns = read_columns(there, [CRITERIA[one.name] for one in criteria])
    hanging = hang_areas(there)
    valued = [value_criterion(columns, one) for one in criteria]
    gap_each = there["gap_per_household_sek"].to_numpy(np.float64, na_value=np.nan)
    order = order_areas(weigh(valued, shares[:, None]), gap_each[:, None], hanging)[:, 0]
    lines = _Lines(valued, shares, hanging, np.where(np.isnan(gap_each), np.inf, gap_each))

    found = []
    for one in np.flatnonzero((shares > 0) & (shares < 1)).tolist():
        tried = lines.crossings(order, one, limit)
        found.append(tried.loc[lines.turns(tried, one)])
    empty = pd.DataFrame({"place": [], "criterion": [], "r": [], "change": [], "side": []})
    table = pd.concat(found, ignore_index=True) if found else empty
    table["size"] = table["change"].abs()
    table = table.sort_values(["place", "size", "criterion", "change"], kind="stable")
    table = table.drop_duplicates(["place", "criterion"])
    place, k = (table[name].to_numpy(np.int64) for name in ("place", "criterion"))
    ids = there["area_id"].to_numpy(dtype=object)[order]
    fits = pd.array([pd.NA] * len(there), dtype="boolean")
    if "within_budget" in there:
        fits = there["within_budget"].array[order]
    names = np.array([one.name for one in criteria], object)
    settings = np.array([one.weight for one in criteria])
    share = shares[k]
    made = pd.DataFrame(
        {
            "area_id": ids[place],
            "next_area_id": ids[place + 1],
            "rank": place + 1,
            "criterion": names[k],
            "weight": share,
            "flip_weight": share * (1 + table["change"].to_numpy(np.float64)),
            "change": table["change"].to_numpy(np.float64),
            "setting": settings[k] * table["r"].to_numpy(np.float64) / share,
            "at_budget": fits[place] & ~fits[place + 1],
        }
    )
    return to_schema(made, FLIPS)


class _Lines:
    """Scores as functions of one weight, along the chains that areas hang in."""

    def __init__(
        self,
        valued: Sequence[Valued],
        shares: Floats,
        hanging: Hanging,
        gap_each: Floats,
    ) -> None:
        self.value: Floats = np.column_stack([one.value[:, 0] for one in valued])
        self.counts: Floats = np.column_stack([one.counts[:, 0] * 1.0 for one in valued])
        self.shares = shares
        self.hanging = hanging
        self.gap_each = gap_each
        # The areas from existing fibre to each, -1 after its end.
        size = len(gap_each)
        self.chain = np.full((size, int(hanging.depth.max(initial=0)) + 1), -1, np.int64)
        step = np.arange(size)
        while (on := np.flatnonzero(step >= 0)).size:
            self.chain[on, hanging.depth[step[on]]] = step[on]
            step[on] = hanging.upstream[step[on]]

    def parts(self, area: Ints, k: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Give A, Q, M and R of areas for one criterion."""
        others = np.delete(np.arange(self.shares.size), k)
        q = self.value[:, others] @ self.shares[others]
        r = self.counts[:, others] @ self.shares[others]
        return self.value[area, k], q[area], self.counts[area, k], r[area]

    def crossings(self, order: Ints, k: int, limit: float) -> pd.DataFrame:
        """List where scores that can matter to neighbours in rank are equal, within the limit."""
        before, after = order[:-1], order[1:]
        place, i, j = np.nonzero(
            (self.chain[before] >= 0)[:, :, None] & (self.chain[after] >= 0)[:, None, :]
        )
        x, y = self.chain[before[place], i], self.chain[after[place], j]
        apart = x != y
        place, x, y = place[apart], x[apart], y[apart]
        ax, qx, mx, rx = self.parts(x, k)
        ay, qy, my, ry = self.parts(y, k)
        same = (mx == my) & (np.abs(rx - ry) <= 1e-12)
        square = np.where(same, 0.0, ax * my - ay * mx)
        slope = np.where(same, ax - ay, ax * ry + qx * my - ay * rx - qy * mx)
        level = np.where(same, qx - qy, qx * ry - qy * rx)
        roots = np.column_stack(_roots(square, slope, level))
        share = self.shares[k]
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = roots / (roots + 1 - share)
            change = weight / share - 1
            near = (roots > 0) & (np.abs(change) <= limit)
        row, column = np.nonzero(near)
        r, change = roots[row, column], change[row, column]
        # Beyond the crossing as seen from today's weight; both ways where it is today's.
        side = np.sign(np.where(np.abs(change) < 1e-9, 0.0, change))
        tried = pd.DataFrame(
            {"place": place[row], "criterion": k, "r": r, "change": change, "side": side,
             "before": before[place[row]], "after": after[place[row]]}
        )  # fmt: skip
        here = tried.loc[side == 0]
        both = [here.assign(side=way) for way in (-1.0, 1.0)]
        listed: pd.DataFrame = pd.concat([tried.loc[side != 0], *both], ignore_index=True)
        return listed

    def turns(self, tried: pd.DataFrame, k: int) -> Bools:
        """Tell where the second area of a pair comes first just beyond the crossing."""
        r = tried["r"].to_numpy(np.float64) * (1 + _BEYOND * tried["side"].to_numpy(np.float64))
        keys = [self.keys(tried[name].to_numpy(np.int64), r, k) for name in ("before", "after")]
        turned = np.zeros(len(tried), bool)
        undecided = np.ones(len(tried), bool)
        for one, other in zip(*keys, strict=True):
            turned |= undecided & (other < one)
            undecided &= other == one
        return turned

    def keys(self, area: Ints, r: Floats, k: int) -> list[Floats]:
        """Give what ``priority.order_areas`` orders by, lower first, at a weight of its own."""

        def score(of: Ints) -> Floats:
            a, q, m, rest = self.parts(of, k)
            below = r * m + rest
            found = np.full(r.shape, -np.inf)
            np.divide(r * a + q, below, out=found, where=below > 0)
            return np.round(found, DECIMALS)

        chain = self.chain[area]
        key, tie = score(chain[:, 0]), self.gap_each[chain[:, 0]]
        for level in range(1, chain.shape[1]):
            on = chain[:, level] >= 0
            mine, gap = score(chain[:, level]), self.gap_each[chain[:, level]]
            tie = np.where(on & ~(mine > key), np.maximum(gap, tie), tie)
            key = np.where(on, np.minimum(mine, key), key)
        own, hanging = score(area), self.hanging
        depth, id_order = (
            one[area].astype(np.float64) for one in (hanging.depth, hanging.id_order)
        )
        return [-key, tie, depth, -own, self.gap_each[area], id_order]


def _roots(square: Floats, slope: Floats, level: Floats) -> tuple[Floats, Floats]:
    """Solve square r^2 + slope r + level = 0; NaN where there is no (second) root."""
    flat = np.abs(square) <= 1e-12
    one = np.full(slope.shape, np.nan)
    np.divide(-level, slope, out=one, where=flat & (slope != 0))
    other = np.full(slope.shape, np.nan)
    inside = slope**2 - 4 * square * level
    curved = ~flat & (inside >= 0)
    # The form that does not lose digits where the two roots lie far apart.
    far = -(slope + np.where(slope < 0, -1.0, 1.0) * np.sqrt(np.where(curved, inside, 0.0))) / 2
    np.divide(far, square, out=one, where=curved)
    np.divide(level, far, out=other, where=curved & (far != 0))
    return one, other
