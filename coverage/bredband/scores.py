"""How criteria become one score from 0 to 1 per build area.

A criterion's number becomes a value from 0 to 1, the values are weighed together, and the
weights add up to 1. Nothing is drawn from a number that is missing without saying so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.criteria import CRITERIA, read_columns
from bredband.display import show
from bredband.settings_priority import check_criteria
from bredband.tables_scores import SCORES, to_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bredband.criteria import Better, Columns
    from bredband.settings_priority import Criterion

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

DECIMALS = 12
"""Scores are rounded to this many decimals: what is alike but for rounding is a tie."""


class Scored(NamedTuple):
    """Build areas with their score, and what it is made of."""

    areas: pd.DataFrame
    scores: pd.DataFrame

    def _repr_html_(self) -> str:
        return show(self)


class Valued(NamedTuple):
    """One criterion's values for the areas."""

    value: Floats
    """Shape (areas, 1) or (areas, draws), 0-1; 0 where it is left out."""
    counts: Bools
    """False where the criterion is left out for the area; shape as value."""
    number: Floats
    """As the criterion's formula gives it, NaN where missing; shape as value."""


def score_areas(areas: pd.DataFrame, criteria: Sequence[Criterion]) -> Scored:
    """Weigh the planner's criteria into one score per build area.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS`` with the columns that the criteria read.
    criteria : sequence of Criterion
        ``[[priority.criteria]]``. Weights are divided by their sum.

    Returns
    -------
    Scored
        ``areas`` in their order with ``score``: the sum of weight x value, 0-1; empty where no
        trench reaches the area, and where every criterion that weighs is left out. ``scores``
        is ``tables_scores.SCORES``, one row per area that trench reaches and criterion.

    Raises
    ------
    MissingColumnError
        A criterion has no numbers; the message names the source that gives them.
    BadValueError
        A criterion is named twice, none weighs anything, or a number is infinite.

    Notes
    -----
    A weighted sum with values between fixed ends, as is usual in multi-criteria analysis. No
    Swedish source was found that prescribes it (I): PTS asks for a motivation per criterion,
    which ``motivations.explain_areas`` writes from these tables.
    """
    shares = share_weights(criteria)
    reached = areas["reached"].to_numpy(dtype=bool)
    there = areas[reached]
    columns = read_columns(there, [CRITERIA[one.name] for one in criteria])
    valued = [value_criterion(columns, one) for one in criteria]
    score = np.full(len(areas), np.nan)
    score[reached] = weigh(valued, shares[:, None])[:, 0]

    counts = np.column_stack([one.counts[:, 0] for one in valued])
    value = np.column_stack([one.value[:, 0] for one in valued])
    number = np.column_stack([one.number[:, 0] for one in valued])
    weight = shares * counts
    total = weight.sum(axis=1, keepdims=True)
    weight = np.divide(weight, total, out=np.full(weight.shape, np.nan), where=total > 0)
    filled = np.array([one.missing or CRITERIA[one.name].missing for one in criteria], object)
    names = [one.name for one in criteria]
    size = len(there)
    table = pd.DataFrame(
        {
            "area_id": np.repeat(there["area_id"].to_numpy(dtype=object), len(names)),
            "criterion": np.tile(np.array(names, object), size),
            "number": number.ravel(),
            "unit": np.tile(np.array([CRITERIA[name].unit for name in names], object), size),
            "value": np.where(counts, value, np.nan).ravel(),
            "weight": weight.ravel(),
            "contribution": (weight * value).ravel(),
            "missing": pd.Series(np.tile(filled, size)).where(np.isnan(number).ravel()),
        }
    )
    return Scored(areas.assign(score=score), to_schema(table, SCORES))


def share_weights(criteria: Sequence[Criterion]) -> Floats:
    """Divide the weights by their sum.

    Raises
    ------
    BadValueError
        A criterion is named twice, or none weighs anything.
    """
    try:
        check_criteria(list(criteria))
    except ValueError as error:
        fix = "correct [[priority.criteria]] in region.toml"
        raise BadValueError(str(error), where="criteria", fix=fix) from None
    weights = np.array([one.weight for one in criteria], np.float64)
    # The largest first: a sum of huge weights must not overflow.
    weights = weights / weights.max()
    shares: Floats = weights / weights.sum()
    return shares


def value_criterion(columns: Columns, setting: Criterion) -> Valued:
    """Give one criterion's value for every area, missing numbers filled as the planner says.

    Parameters
    ----------
    columns : mapping of str to array of float
        Of the areas that trench reaches, each of shape (areas, 1) or (areas, draws).
    setting : Criterion
        What the planner says of the criterion.

    Raises
    ------
    BadValueError
        A number is infinite.
    """
    definition = CRITERIA[setting.name]
    number = definition.formula(columns)
    if np.isinf(number).any():
        infinite = int(np.isinf(number).any(axis=1).sum())
        msg = f"criterion {setting.name} is infinite for {infinite} areas"
        raise BadValueError(msg, where="areas", fix="correct the columns that it reads")
    value = to_values(number, setting, direction(setting))
    lacks = np.isnan(value)
    missing = setting.missing or definition.missing
    if missing == "mean":
        known = (~lacks).sum(axis=0)
        total = np.where(lacks, 0.0, value).sum(axis=0)
        # Never a hair above 1. Where no area has the number, nothing is known: 0.
        mean = np.minimum(np.divide(total, known, out=total * 0.0, where=known > 0), 1.0)
        value = np.where(lacks, mean, value)
    else:
        value = np.where(lacks, 0.0, value)
    counts = ~lacks if missing == "leave_out" else np.ones(lacks.shape, bool)
    return Valued(value, counts, number)


def direction(setting: Criterion) -> Better:
    """Tell whether more or less is better: by worst and best, else as said, else as is usual."""
    if setting.worst is not None and setting.best is not None:
        return "more" if setting.best > setting.worst else "less"
    return setting.better or CRITERIA[setting.name].better


def to_values(number: Floats, setting: Criterion, better: Better) -> Floats:
    """Turn numbers into values from 0 to 1; NaN stays NaN.

    Parameters
    ----------
    number : array of float, shape (areas, draws)
        Of one criterion; each draw is a column of its own.
    setting : Criterion
        Value function and ends. With x the number:

        - ``linear``: (x - worst) / (best - worst), and 0 or 1 beyond the ends.
        - ``log``: the same on the logarithms. Only positive numbers have one: 0 and less
          count as the lower of the two ends; where that is left out, as the smallest
          positive number.
        - ``threshold``: 1 where x is ``best`` or better, else 0.

        An end that is left out is the worst or best number of the column. Where all areas
        have the same number there, nobody is worse than the best: 1.
    better : {"more", "less"}
        Which side is the good one.

    Returns
    -------
    array of float, shape (areas, draws)
    """
    sign = 1.0 if better == "more" else -1.0
    there = ~np.isnan(number)
    if setting.value == "threshold":
        assert setting.best is not None  # noqa: S101 - the settings see to it
        return np.where(there, (sign * number >= sign * setting.best) * 1.0, np.nan)
    worst, best = setting.worst, setting.best
    x = number
    if setting.value == "log":
        x = np.full(number.shape, -np.inf)
        np.log(number, out=x, where=number > 0)
        worst, best = (None if end is None else float(np.log(end)) for end in (worst, best))
    x = sign * x
    known = np.isfinite(x)
    low = np.where(known, x, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, x, -np.inf).max(axis=0, initial=-np.inf)
    if worst is not None:
        low = np.full(low.shape, sign * worst)
    if best is not None:
        high = np.full(high.shape, sign * best)
    spread = high > low
    foot = np.where(spread, low, 0.0)
    width = np.where(spread, high, 1.0) - foot
    between = np.clip((x - foot) / width, 0.0, 1.0)
    # No spread: a given end that nobody falls short of, or that nobody comes beyond.
    if best is not None:
        alike = (x >= high) * 1.0
    elif worst is not None:
        alike = (x > low) * 1.0
    else:
        alike = np.ones(x.shape)
    return np.where(there, np.where(spread, between, alike), np.nan)


def weigh(valued: Sequence[Valued], weights: Floats) -> Floats:
    """Add up weight x value over the criteria that count for the area.

    Parameters
    ----------
    valued : sequence of Valued
        One per criterion.
    weights : array of float, shape (criteria, draws) or (criteria, 1)
        Not negative.

    Returns
    -------
    array of float, shape (areas, draws)
        The sum divided by that of the weights that count, rounded to ``DECIMALS``; NaN where
        none does.
    """
    above: Floats = np.zeros((1, 1))
    below: Floats = np.zeros((1, 1))
    for one, weight in zip(valued, weights, strict=True):
        above = above + weight * one.value
        below = below + weight * one.counts
    found = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=found, where=below > 0)
    rounded: Floats = np.round(np.minimum(found, 1.0), DECIMALS)
    return rounded
