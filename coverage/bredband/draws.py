"""Draws of prices between their bounds, together where they move together."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from bredband_gis.errors import BadValueError
from scipy.special import betaincinv, ndtr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from bredband.prices import Range

    Floats = NDArray[np.float64]

Shape = Literal["triangular", "pert", "uniform"]

SPREAD: Final = 0.30
"""Either way, where a price has no range: the sensitivity that is asked for trench (I)."""

TAKE_UP: Final = (0.5, 0.9)
"""Where take-up has no range: the sensitivity that is asked for (I); Gällivare: 0.72 (F)."""


def spread_out(
    ranges: Mapping[str, Range],
    *,
    spread: float = SPREAD,
    take_up: tuple[float, float] = TAKE_UP,
) -> dict[str, Range]:
    """Give a range to what has none: low, value and high are one and the same.

    Parameters
    ----------
    ranges : mapping of str to Range
        As ``Prices.ranges()``.
    spread : float
        Share of the value either way; nothing becomes of a value of 0.
    take_up : tuple of float
        Lowest and highest share for ``takeup.*``.

    Returns
    -------
    dict
        The same names. The value stays that of the price book, even where it lies outside:
        everybody connects there unless the book says otherwise.
    """

    def widened(name: str, old: Range) -> Range:
        if old.low < old.high:
            return old
        if name.startswith("takeup."):
            return old._replace(low=take_up[0], high=take_up[1])
        return old._replace(low=old.value * (1 - spread), high=old.value * (1 + spread))

    return {name: widened(name, old) for name, old in ranges.items()}


def quantile(item: Range, share: ArrayLike, shape: Shape = "triangular") -> Floats:
    """Give the value that this share of the draws of an item does not exceed.

    Parameters
    ----------
    item : Range
        Lowest, likeliest (the nearest end where it lies outside) and highest value.
    share : array of float
        Between 0 and 1.
    shape : {"triangular", "pert", "uniform"}
        Triangular: nothing is known but the three. PERT: the likeliest weighs four times as
        much as the ends, so that the ends are rarer. Uniform: none is likelier.

    References
    ----------
    Malcolm, D. G., Roseboom, J. H., Clark, C. E. & Fazar, W. (1959). Application of a
    technique for research and development program evaluation. Operations Research 7, 646-669.
    """
    u = np.asarray(share, dtype=np.float64)
    low, high = float(item.low), float(item.high)
    width = high - low
    if width == 0:
        return np.full(u.shape, low)
    mode = (min(max(item.value, low), high) - low) / width
    if shape == "pert":
        unit = betaincinv(1 + 4 * mode, 1 + 4 * (1 - mode), u)
    elif shape == "uniform":
        unit = u
    else:
        unit = np.where(u < mode, np.sqrt(u * mode), 1 - np.sqrt((1 - u) * (1 - mode)))
    values: Floats = low + width * unit
    return values


def draw(
    ranges: Mapping[str, Range],
    draws: int,
    *,
    seed: int = 0,
    shape: Shape = "triangular",
    correlation: float = 1.0,
) -> dict[str, Floats]:
    """Draw every item between its bounds.

    Parameters
    ----------
    ranges : mapping of str to Range
        Items with their bounds and groups.
    draws : int
        How many.
    seed : int
        The same seed gives an item the same draws, whatever other items there are.
    shape : {"triangular", "pert", "uniform"}
        See :func:`quantile`.
    correlation : float
        Between any two items of a group, 0-1, by a Gaussian copula: of the normal variables
        that the draws are made from. 1, one draw for the whole group, is the cautious choice;
        no published figure was found (U). Items without a group, and groups, are independent.

    Returns
    -------
    dict
        Item -> array of float, shape (draws,).

    Raises
    ------
    BadValueError
        A range is upside down or no number, or the correlation is outside 0-1.
    """
    if not 0 <= correlation <= 1:
        msg = f"the correlation is {correlation}"
        raise BadValueError(msg, where="draws", fix="give a number between 0 and 1")
    for name, item in ranges.items():
        if not -np.inf < item.low <= item.high < np.inf:
            msg = f"{name} ranges from {item.low} to {item.high}"
            raise BadValueError(msg, where="prices", fix="give low no higher than high")

    def normal(kind: str, name: str) -> Floats:
        # A stream of its own for every name.
        key = zlib.crc32(f"{kind}:{name}".encode())
        return np.random.default_rng([seed, key]).standard_normal(draws)

    shared = {group: normal("group", group) for group in {r.group for r in ranges.values()} - {""}}
    found = {}
    for name, item in ranges.items():
        if item.low == item.high:
            found[name] = np.full(draws, float(item.low))
            continue
        if not item.group:
            z = normal("item", name)
        elif correlation == 1:
            z = shared[item.group]
        else:
            own = normal("item", name)
            z = np.sqrt(correlation) * shared[item.group] + np.sqrt(1 - correlation) * own
        found[name] = quantile(item, ndtr(z), shape)
    return found
