"""Join pieces of trench that are too small for a tender with others near by.

Who may join whom:

- a piece and the piece that it hangs on, where their trench touches: not one that was cut
  off for lying far beyond;
- pieces that hang on the same piece;
- pieces that all start in existing fibre. They are one tender, and existing fibre is what
  joins them: their new trench need not touch.

Never others, so that every area still hangs on one area at most and none on itself. At
least one of the two is too small, both lie in the same municipality, and together they
hold no more than one area may. Where their trench does not touch, they lie within a
distance of each other, nearest premises to nearest premises.

Compactness is measured as *spread*: the root of the mean squared distance of an area's
premises from their mean point, m. A join costs the distance between the two and what it
adds to the spread of the wider one; the cheapest join comes first. Joined areas whose
trench does not touch spread no farther than that same distance, unless one of them did.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

    _Offer = tuple[float, int, int, int, int, int, int]

_NEAREST, _FARTHEST = 48, 3072
"""How many premises around each are looked at: first, and at most where nobody among them
can be joined."""

_TOUCH = -1.0
"""Distance between pieces whose trench touches."""

_ROWS = 4_000_000
"""Distances that are held at once."""


class Joined(NamedTuple):
    """Which area each piece is in, and what each area hangs on."""

    of_piece: Ints
    hangs_on: Ints
    """Per area, the area that it hangs on; -1 at existing fibre."""


class Pairs(NamedTuple):
    """Pairs of areas and how far apart they are, m."""

    a: Ints
    b: Ints
    distance: Floats

    @classmethod
    def none(cls) -> Pairs:
        """Give no pairs."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    def pick(self, rows: NDArray[np.bool_] | Ints) -> Pairs:
        """Give some of the pairs."""
        return Pairs(self.a[rows], self.b[rows], self.distance[rows])

    def with_(self, other: Pairs) -> Pairs:
        """Give these and others."""
        return Pairs(*(np.concatenate(both) for both in zip(self, other, strict=True)))

    def shortest(self) -> Pairs:
        """Give every pair once, at its shortest distance."""
        order = np.lexsort((self.distance, self.b, self.a))
        sorted_ = self.pick(order)
        new = np.ones(order.size, np.bool_)
        new[1:] = (np.diff(sorted_.a) != 0) | (np.diff(sorted_.b) != 0)
        return sorted_.pick(new)


def join_pieces(
    x: Floats,
    y: Floats,
    piece: Ints,
    hangs_on: Ints,
    place: Ints,
    *,
    is_far: NDArray[np.bool_],
    least: int,
    most: int,
    reach_m: float,
) -> Joined:
    """Join pieces that hold too few premises.

    Parameters
    ----------
    x, y : array of float, shape (premises,)
        Coordinates, m. The order of the premises decides ties.
    piece : array of int, shape (premises,)
        Piece of each premises; every piece holds one at least.
    hangs_on : array of int, shape (pieces,)
        The piece that each hangs on; -1 at existing fibre.
    place : array of int, shape (pieces,)
        Number of its municipality; only pieces of the same are joined.
    is_far : array of bool, shape (pieces,)
        Whether it is not to be joined with what it hangs on.
    least, most : int
        A piece with fewer premises than ``least`` is joined where it can be; no joined area
        holds more than ``most``.
    reach_m : float
        Pieces whose trench does not touch are joined up to this distance, and so that they
        spread no farther.

    Returns
    -------
    Joined
        Areas are numbered by the first premises in them.
    """
    pieces = hangs_on.size
    forest = _Forest(x, y, piece, hangs_on, place, is_far, least=least, most=most, reach_m=reach_m)
    nearest = _NEAREST
    # What hangs on joined areas has other kin than before, so there are several rounds.
    while pieces and nearest <= _FARTHEST:
        near, complete = forest.near(nearest)
        if forest.join(near.with_(forest.touching())):
            continue
        if complete:
            break
        nearest *= 4
    top = forest.tops()
    order = np.argsort(forest.key, kind="stable")
    order = order[top[order] == order]
    number = np.full(pieces, -1, np.int64)
    number[order] = np.arange(order.size)
    above = forest.above[order]
    upper = np.full(order.size, -1, np.int64)
    upper[above >= 0] = number[top[above[above >= 0]]]
    return Joined(number[top], upper)


def spread(x: Floats, y: Floats, area: Ints, areas: int) -> Floats:
    """Measure how compact areas are: root mean square distance from the mean point, m.

    Parameters
    ----------
    x, y : array of float, shape (premises,)
        Coordinates, m.
    area : array of int, shape (premises,)
        Area of each.
    areas : int
        Number of areas.

    Returns
    -------
    array of float, shape (areas,)
        NaN where an area holds no premises.
    """
    count = np.bincount(area, minlength=areas).astype(np.float64)
    with np.errstate(invalid="ignore"):
        dx = x - (np.bincount(area, weights=x, minlength=areas) / count)[area]
        dy = y - (np.bincount(area, weights=y, minlength=areas) / count)[area]
        return np.sqrt(np.bincount(area, weights=dx * dx + dy * dy, minlength=areas) / count)


class _Forest:
    """Pieces on their way to areas: an area is known by the piece that took the others in."""

    def __init__(
        self,
        x: Floats,
        y: Floats,
        piece: Ints,
        hangs_on: Ints,
        place: Ints,
        is_far: NDArray[np.bool_],
        *,
        least: int,
        most: int,
        reach_m: float,
    ) -> None:
        size = hangs_on.size
        self.x, self.y, self.piece, self.place = x, y, piece, place
        self.least, self.most, self.reach_m = least, most, reach_m
        self.parent, self.above = hangs_on, hangs_on.copy()
        self.touches = np.flatnonzero((hangs_on >= 0) & ~is_far)
        self.taker = np.arange(size)
        self.key = np.full(size, x.size, np.int64)
        np.minimum.at(self.key, piece, np.arange(x.size))
        self.count = np.bincount(piece, minlength=size).astype(np.int64)
        # Mean point, and sum of squared distances from it.
        self.mean_x = np.bincount(piece, weights=x, minlength=size) / self.count
        self.mean_y = np.bincount(piece, weights=y, minlength=size) / self.count
        self.square = spread(x, y, piece, size) ** 2 * self.count

    def tops(self) -> Ints:
        """Give the area of every piece."""
        top = self.taker
        while (top != (further := top[top])).any():
            top = further
        return top

    def touching(self) -> Pairs:
        """List the pairs of which one hangs on the other and touches it."""
        top = self.tops()
        a, b = top[self.touches], top[self.parent[self.touches]]
        pairs = Pairs(np.minimum(a, b), np.maximum(a, b), np.full(a.size, _TOUCH))
        return pairs.pick((a != b) & self._may(pairs))

    def near(self, nearest: int) -> tuple[Pairs, bool]:
        """List the pairs near each other that hang on the same, and tell whether these are all.

        Only so many premises around each are looked at.
        """
        top = self.tops()
        above = np.where(self.above >= 0, top[self.above], -1)
        kin = np.unique(np.stack([above, self.place], axis=1), axis=0, return_inverse=True)[1]
        kin = kin.reshape(-1)
        own = top[self.piece]
        asking = np.flatnonzero(self.count[own] < self.least)
        room = self.most - self.count[own[asking]].min(initial=self.most)
        asked = np.flatnonzero(self.count[own] <= room)
        if not asking.size or not asked.size:
            return Pairs.none(), True
        # Those that hang on something else lie out of reach in a third dimension.
        layer = kin[own] * (10.0 * self.reach_m + 1.0)
        points = np.column_stack([self.x, self.y, layer])
        tree = cKDTree(points[asked])
        size = min(nearest, asked.size)
        # The bound itself is out of bounds, and its square must not be 0.
        bound = max(np.nextafter(self.reach_m, np.inf), 1e-9)
        parts, complete = [Pairs.none()], True
        step = max(1, _ROWS // size)
        for begin in range(0, asking.size, step):
            rows = asking[begin : begin + step]
            found: Any = tree.query(points[rows], k=size, distance_upper_bound=bound)
            distance, index = (part.reshape(rows.size, size) for part in found)
            met = np.isfinite(distance)
            complete &= size == asked.size or not met[:, -1].any()
            a, b = own[rows[np.nonzero(met)[0]]], own[asked[index[met]]]
            pairs = Pairs(np.minimum(a, b), np.maximum(a, b), distance[met])
            parts.append(pairs.pick((a != b) & self._may(pairs)).shortest())
        return Pairs(*(np.concatenate(part) for part in zip(*parts, strict=True))), complete

    def _may(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell whose sizes and municipalities fit."""
        n, m = self.count[pairs.a], self.count[pairs.b]
        fits: NDArray[np.bool_] = (n + m <= self.most) & (np.minimum(n, m) < self.least)
        fits &= self.place[pairs.a] == self.place[pairs.b]
        return fits

    def join(self, pairs: Pairs) -> bool:
        """Join what may be joined, the cheapest first; tell whether anything was."""
        away: dict[int, dict[int, float]] = {}
        for a, b, distance in zip(*(part.tolist() for part in pairs.shortest()), strict=True):
            away.setdefault(a, {})[b] = distance
            away.setdefault(b, {})[a] = distance
        joins = dict.fromkeys(away, 0)
        heap: list[_Offer] = []
        for a, others in away.items():
            for b, distance in others.items():
                if a < b:
                    self._offer(heap, joins, a, b, distance)
        was = len(joins)
        while heap:
            *_, a, b, joins_a, joins_b = heapq.heappop(heap)
            if joins.get(a) != joins_a or joins.get(b) != joins_b:
                continue
            if self._hangs_on(a, b) or (self.key[b] < self.key[a] and not self._hangs_on(b, a)):
                a, b = b, a
            self._take_in(a, b)
            del joins[b], away[a][b]
            joins[a] += 1
            for other, distance in away.pop(b).items():
                if other != a:
                    del away[other][b]
                    away[a][other] = min(distance, away[a].get(other, np.inf))
            for other, distance in away[a].items():
                away[other][a] = distance
                self._offer(heap, joins, a, other, distance)
        return len(joins) < was

    def _hangs_on(self, child: int, parent: int) -> bool:
        above = int(self.above[child])
        while above >= 0 and above != self.taker[above]:
            above = int(self.taker[above])
        return above == parent

    def _take_in(self, taker: int, other: int) -> None:
        self.square[taker], self.mean_x[taker], self.mean_y[taker] = self._together(taker, other)
        self.count[taker] += self.count[other]
        self.key[taker] = min(self.key[taker], self.key[other])
        self.taker[other] = taker

    def _together(self, a: int, b: int) -> tuple[float, float, float]:
        """Give the sum of squares of two areas together, and their mean point."""
        n, m = int(self.count[a]), int(self.count[b])
        dx, dy = self.mean_x[b] - self.mean_x[a], self.mean_y[b] - self.mean_y[a]
        part = m / (n + m)
        square = self.square[a] + self.square[b] + n * part * (dx * dx + dy * dy)
        return square, self.mean_x[a] + part * dx, self.mean_y[a] + part * dy

    def _offer(
        self, heap: list[_Offer], joins: dict[int, int], a: int, b: int, distance: float
    ) -> None:
        """Put a join on the heap if it is allowed."""
        n, m = int(self.count[a]), int(self.count[b])
        if n + m > self.most or min(n, m) >= self.least:
            return
        if self.key[b] < self.key[a]:
            a, b, n, m = b, a, m, n
        own = max(float(self.square[a]) / n, float(self.square[b]) / m) ** 0.5
        joint = (float(self._together(a, b)[0]) / (n + m)) ** 0.5
        if distance != _TOUCH and joint > max(own, self.reach_m):
            return
        cost = max(distance, 0.0) + max(joint - own, 0.0)
        keys = int(self.key[a]), int(self.key[b])
        heapq.heappush(heap, (cost, *keys, a, b, joins[a], joins[b]))
