"""How many independent networks serve each premises, and its colour in the state-aid view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bredband.tables import TECHNOLOGIES
from bredband.technologies import NO_OPERATOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

BITS: Final = np.array([number.bit_count() for number in range(1 << len(TECHNOLOGIES))])
"""How many technologies a set of them, written as bits, holds."""


class Networks:
    """The networks of n premises, taken in as they are found.

    White is none, grey one, black two or more: EU broadband guidelines 2023 (OJ C 36,
    31.1.2023) as secondary sources read them (U).

    A network is known by its owner: all that one operator has at a building is one
    network, whatever the technologies. Where the owner is not stated each technology is
    one network, unless a named operator has that technology there: it may be the same one.
    Counting this way never makes two of what may be one network, so a premises may be
    grey here and black in truth (no published rule was found: U).

    Parameters
    ----------
    n : int
        Number of premises.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.unnamed = np.zeros(n, dtype=np.uint8)
        self.named = np.zeros(n, dtype=np.uint8)
        self.pairs: list[tuple[Ints, NDArray[np.object_]]] = []

    def take(self, at: Ints, rank: Ints, operator: NDArray[np.object_]) -> None:
        """Take in that premises ``at`` has, by technology ``rank``, the network of ``operator``."""
        bit = np.left_shift(1, rank).astype(np.uint8)
        known = operator != NO_OPERATOR
        np.bitwise_or.at(self.unnamed, at[~known], bit[~known])
        if known.any():
            np.bitwise_or.at(self.named, at[known], bit[known])
            self.pairs.append((at[known], operator[known]))

    def take_one(self, at: Ints, rank: int, operator: str) -> None:
        """Take in one operator's network by one technology; no premises is named twice."""
        bit = np.uint8(1 << rank)
        if operator == NO_OPERATOR:
            self.unnamed[at] |= bit
        else:
            self.named[at] |= bit
            self.pairs.append((at, np.full(len(at), operator, dtype=object)))

    def count(self) -> Ints:
        """Give the number of independent networks of each premises."""
        found: Ints = BITS[self.unnamed & ~self.named]
        if self.pairs:
            at = np.concatenate([pair[0] for pair in self.pairs])
            names, code = np.unique(
                np.concatenate([pair[1] for pair in self.pairs]).astype(str), return_inverse=True
            )
            distinct = np.unique(at * len(names) + code) // len(names)
            found = found + np.bincount(distinct, minlength=self.n)
        return found.astype(np.int64, copy=False)
