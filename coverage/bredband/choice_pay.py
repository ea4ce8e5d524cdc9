"""Several budgets at once: who pays for what, and why it cannot be paid.

A set of areas can be paid when money flows from the budgets to the areas so that no budget
gives more than it has, nor more to an area than its largest share. That is a flow; where it
cannot be, some budgets are too small for what only they may pay (max-flow min-cut). Said
without the flow: for every group of budgets, the areas' support beyond what all others may
pay at most must fit in the group's money. These are rows over the areas alone.

References
----------
Ford, L. R. and Fulkerson, D. R. (1956). Maximal flow through a network. Canadian Journal of
Mathematics 8, 399-404.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from bredband_gis.errors import BadValueError
from bredband_gis.steiner_paths import kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

FEW_BUDGETS: Final = 4
"""So many budgets have no more than 15 groups: all are rows from the start."""
SHARING: Final = 8
"""The most budgets that may pay for one and the same area."""


class Paying(NamedTuple):
    """Areas to be paid for, and the budgets that may."""

    support: Floats
    """To be paid, whole öre, shape (areas,)."""
    most: Floats
    """The most that each budget may pay, whole öre, shape (areas, budgets)."""
    money: Floats
    """What each budget has, whole öre, shape (budgets,)."""

    def of(self, areas: Ints | Bools) -> Paying:
        """Give the same for some of the areas."""
        return Paying(self.support[areas], self.most[areas], self.money)

    def only(self, group: Bools) -> Floats:
        """Give what only a group of budgets can pay of each area, öre."""
        rest: Floats = np.maximum(self.support - self.most[:, ~group].sum(axis=1), 0.0)
        return rest

    def has(self, group: Bools) -> float:
        """Give what a group of budgets has, öre."""
        return float(self.money[group].sum())


def first_groups(paying: Paying) -> list[Bools]:
    """Give the groups to begin with: each budget, all together, and all groups of a few.

    A group whose parts pay for different areas says nothing beyond its parts.
    """
    count = paying.money.size
    codes = [1 << b for b in range(count)]
    if count > 1:
        codes.append((1 << count) - 1)
    if count <= FEW_BUDGETS:
        codes = list(range(1, 1 << count))
    groups = {code: np.array([bool(code >> b & 1) for b in range(count)]) for code in codes}
    use = {code: paying.only(group) for code, group in groups.items()}

    def splits(code: int) -> bool:
        return any(
            part & code == part and code - part in use
            and bool((use[part] + use[code - part] == use[code]).all())
            for part in use if part != code
        )  # fmt: skip

    return [group for code, group in groups.items() if not splits(code)]


def check_sharing(paying: Paying) -> None:
    """Refuse more budgets for one area than groups of them can be counted.

    Raises
    ------
    BadValueError
        More than ``SHARING`` budgets may pay for the same area.
    """
    if (paying.most > 0).sum(axis=1).max(initial=0) > SHARING:
        msg = f"more than {SHARING} budgets may pay for one and the same area"
        raise BadValueError(
            msg, where="[priority] budgets", fix="give them fewer municipalities, or join some"
        )


def sharing(paying: Paying) -> Iterator[tuple[Ints, Ints]]:
    """Give the areas that may be paid by the same budgets, and these budgets."""
    kinds, kind = np.unique(paying.most > 0, axis=0, return_inverse=True)
    for number, budgets in enumerate(kinds):
        if budgets.any():
            yield np.flatnonzero(kind.ravel() == number), np.flatnonzero(budgets)


def pay(paying: Paying) -> tuple[Floats, Floats]:
    """Share the support of areas out among budgets, the narrowest money first.

    The budget that may pay for the least is used before others; it leaves an area to them
    where it must.

    Returns
    -------
    paid : array of float, shape (areas, budgets)
        Öre.
    owed : array of float, shape (areas,)
        Öre that no budget has left, the areas given first being paid first; 0 everywhere
        where all can be paid.
    """
    narrow = np.argsort(paying.most.sum(axis=0), kind="stable")
    support, most, money = (part.astype(np.int64) for part in paying)
    paid, owed = np.zeros(most.shape, np.int64), np.empty_like(support)
    _flow(support, np.ascontiguousarray(most[:, narrow]), money[narrow], paid, owed)
    shares = np.empty(most.shape)
    shares[:, narrow] = paid
    return shares, owed.astype(np.float64)


@kernel
def _flow(support: Ints, most: Ints, left: Ints, paid: Ints, owed: Ints) -> None:
    """Fill ``paid`` and ``owed``, first from what is left, then by others taking over."""
    areas, budgets = most.shape
    owed[:] = support
    for i in range(areas):
        for b in range(budgets):
            part = min(owed[i], most[i, b], left[b])
            paid[i, b] += part
            owed[i] -= part
            left[b] -= part
    came = np.empty(budgets, np.int64)
    through = np.empty(budgets, np.int64)
    for i in range(areas):
        while owed[i] > 0:
            end = _way(i, most, left, paid, came, through)
            if end < 0:
                break
            part = min(owed[i], left[end])
            b = end
            while came[b] >= 0:
                a, j = came[b], through[b]
                part = min(part, paid[j, a], most[j, b] - paid[j, b])
                b = a
            part = min(part, most[i, b] - paid[i, b])
            b = end
            left[end] -= part
            while came[b] >= 0:
                a, j = came[b], through[b]
                paid[j, a] -= part
                paid[j, b] += part
                b = a
            paid[i, b] += part
            owed[i] -= part


@kernel
def _way(i: int, most: Ints, left: Ints, paid: Ints, came: Ints, through: Ints) -> int:
    """Find budgets that take over from each other so that one can pay more of area i.

    The last has money left; it is given, -1 where there is none. ``came`` leads back to the
    one that pays area i, ``through`` names the area that is taken over.
    """
    areas, budgets = most.shape
    queue = np.empty(budgets, np.int64)
    ends, at = 0, 0
    came[:] = -2
    for b in range(budgets):
        if paid[i, b] < most[i, b]:
            came[b] = -1
            queue[ends] = b
            ends += 1
    while at < ends:
        b = queue[at]
        at += 1
        if left[b] > 0:
            return b  # type: ignore[no-any-return]
        for c in range(budgets):
            if came[c] != -2:
                continue
            widest = 0
            for j in range(areas):
                room = min(paid[j, b], most[j, c] - paid[j, c])
                if room > widest:
                    widest, through[c] = room, j
            if widest > 0:
                came[c] = b
                queue[ends] = c
                ends += 1
    return -1
