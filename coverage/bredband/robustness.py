"""How sure the ranks and the choice are, over draws of prices, take-up and weights."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Literal, Protocol

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError
from bredband_gis.steiner_paths import kernel

from bredband.build_order import cheapest_first
from bredband.criteria import CRITERIA, read_columns
from bredband.priority import hang_areas, order_areas
from bredband.scores import share_weights, value_criterion, weigh
from bredband.tables_scores import ROBUSTNESS, to_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bredband.priority import Hanging
    from bredband.settings_priority import Criterion

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

CONCENTRATION: Final = 50.0
"""How near the planner's weights those drawn lie: the sum of the Dirichlet's parameters (U).

A share w varies by sqrt(w (1 - w) / 51): one of 50 % lies between 41 and 59 % in eight draws
of ten, one of 10 % between 5 and 16 %."""

_CHUNK: Final = 4_000_000
"""Build areas times draws that are looked at together."""

_HALF_ORE: Final = 0.005
"""A sum this much above a budget, SEK, is the budget but for rounding."""


class Chooser(Protocol):
    """Chooses areas under a budget, each only with the area that it hangs on."""

    def __call__(
        self, support_sek: Floats, worth: Floats, upstream: Ints, budget_sek: float, /
    ) -> Bools:
        """Give True for the chosen; arrays of shape (areas,), those that trench reaches."""
        ...


def robustness(
    areas: pd.DataFrame,
    gap_draws: NDArray[np.floating],
    criteria: Sequence[Criterion],
    *,
    budget_sek: float | None = None,
    choose: Chooser | None = None,
    objective: Literal["households", "score"] = "households",
    concentration: float | None = CONCENTRATION,
    seed: int = 0,
    more_draws: Mapping[str, NDArray[np.floating]] | None = None,
) -> pd.DataFrame:
    """Score, rank and choose the areas anew for every draw.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS`` with the columns that the criteria read.
    gap_draws : array of float, shape (areas, draws)
        Gap of each area by prices and take-up drawn, SEK, as ``uncertainty.area_gaps`` gives
        it: rows as those of ``areas``; rows that no trench reaches are not looked at.
    criteria : sequence of Criterion
        ``[[priority.criteria]]``. Every draw is scored as ``scores.score_areas`` would score
        it: ends that are left out are those of the draw.
    budget_sek : float, optional
        Support to distribute, SEK; without it nothing is chosen.
    choose : Chooser, optional
        Chooses under the budget, one draw at a time; :func:`choose_greedily` when left out.
    objective : {"households", "score"}
        What an area is worth to the choice: its households, or households x score.
    concentration : float, optional
        Weights are drawn from a Dirichlet distribution around the planner's, with this sum of
        parameters; see ``CONCENTRATION`` (U). None keeps the weights as they are.
    seed : int
        Of the weights.
    more_draws : mapping of str to array of float, shape (areas, draws), optional
        Other columns that are drawn, e.g. ``capex_sek``. A column that is not drawn stays as
        it is: of itself only what follows from the gap changes.

    Returns
    -------
    DataFrame
        ``tables_scores.ROBUSTNESS``, by rank, of the areas that trench reaches.

    Raises
    ------
    BadValueError
        The draws are not one row per area or not numbers, or the concentration is not above 0.
    MissingColumnError
        A criterion has no numbers.
    """
    shares = share_weights(criteria)
    reached = areas["reached"].to_numpy(dtype=bool)
    there = areas[reached].reset_index(drop=True)
    drawn = {"gap_sek": gap_draws, **(more_draws or {})}
    draws = _check_draws(drawn, reached)
    columns = read_columns(there, [CRITERIA[one.name] for one in criteria])
    hanging = hang_areas(there)
    households = there["households"].to_numpy(np.float64)[:, None]
    weights = draw_weights(shares, draws, concentration=concentration, seed=seed)

    gap_each = there["gap_per_household_sek"].to_numpy(np.float64, na_value=np.nan)[:, None]
    valued = [value_criterion(columns, one) for one in criteria]
    point = _ranks(weigh(valued, shares[:, None]), gap_each, hanging)[:, 0]

    size = len(there)
    ranks = np.empty((size, draws), np.int32)
    chosen = np.zeros(size)
    step = max(1, _CHUNK // max(1, size))
    for begin in range(0, draws, step):
        part = slice(begin, min(begin + step, draws))
        now = {name: table[reached, part].astype(np.float64) for name, table in drawn.items()}
        gap = now["gap_sek"]
        valued = [value_criterion(columns | now, one) for one in criteria]
        score = np.broadcast_to(weigh(valued, weights[:, part]), gap.shape)
        each = np.full(gap.shape, np.nan)
        np.divide(gap, households, out=each, where=households > 0)
        ranks[:, part] = _ranks(score, each, hanging)
        if budget_sek is not None:
            support = np.maximum(gap, 0.0)
            worth = np.broadcast_to(households, gap.shape)
            if objective == "score":
                worth = households * np.nan_to_num(score)
            pick = choose or choose_greedily
            for draw in range(gap.shape[1]):
                chosen += pick(
                    support[:, draw].copy(), worth[:, draw].copy(), hanging.upstream, budget_sek
                )
    low, middle, high = (
        np.quantile(ranks, [0.1, 0.5, 0.9], axis=1, method="inverted_cdf")
        if size
        else np.empty((3, 0))
    )
    table = pd.DataFrame(
        {
            "area_id": there["area_id"],
            "draws": draws,
            "chosen_share": chosen / draws if budget_sek is not None else np.nan,
            "rank": point,
            "rank_p10": low,
            "rank_p50": middle,
            "rank_p90": high,
            "best_rank": ranks.min(axis=1),
            "worst_rank": ranks.max(axis=1),
        }
    )
    return to_schema(table.sort_values("rank"), ROBUSTNESS)


def draw_weights(
    shares: Floats, draws: int, *, concentration: float | None = CONCENTRATION, seed: int = 0
) -> Floats:
    """Draw weights around the planner's.

    Parameters
    ----------
    shares : array of float, shape (criteria,)
        Weights that add up to 1; one of 0 stays 0.
    draws : int
        How many.
    concentration : float, optional
        Sum of the parameters of the Dirichlet distribution; None gives the shares themselves.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    array of float, shape (criteria, draws)
        Every column adds up to 1; their mean is near ``shares``.

    Raises
    ------
    BadValueError
        The concentration is not above 0.
    """
    if concentration is None:
        return np.repeat(shares[:, None], draws, axis=1)
    if not 0 < concentration < np.inf:
        msg = f"the concentration is {concentration}"
        raise BadValueError(msg, where="robustness", fix="give a number above 0")
    rng = np.random.default_rng([seed, zlib.crc32(b"weights")])
    found = np.zeros((shares.size, draws))
    used = shares > 0
    found[used] = rng.dirichlet(concentration * shares[used], size=draws).T
    return found


def choose_greedily(support_sek: Floats, worth: Floats, upstream: Ints, budget_sek: float) -> Bools:
    """Choose areas under a budget, the most worth per krona first.

    Parameters
    ----------
    support_sek, worth : array of float, shape (areas,)
        Not negative.
    upstream : array of int, shape (areas,)
        The area that each hangs on; -1 for none.
    budget_sek : float
        The sum of support is no more, half an öre apart.

    Returns
    -------
    array of bool, shape (areas,)
        No area is chosen without the one that it hangs on.

    Notes
    -----
    ``build_order.cheapest_first`` puts the areas in sets, each an area with what makes it
    worth its trench, by rising support per worth. Sets are taken while they fit, those that
    do not are passed over; then single areas that still fit. Quick, and not the best choice:
    a proven one is a matter of its own.
    """
    sequence, step = cheapest_first(upstream, support_sek, worth)
    chosen = np.zeros(support_sek.size, np.bool_)
    _take(sequence, step, support_sek, worth, upstream, budget_sek + _HALF_ORE, chosen)
    return chosen


@kernel
def _take(
    sequence: Ints,
    step: Ints,
    support: Floats,
    worth: Floats,
    upstream: Ints,
    budget: float,
    chosen: Bools,
) -> None:
    """Fill in chosen: whole steps first, then single areas."""
    left = budget
    start = 0
    while start < sequence.size:
        end = start
        cost, gain = 0.0, 0.0
        while end < sequence.size and step[sequence[end]] == step[sequence[start]]:
            cost += support[sequence[end]]
            gain += worth[sequence[end]]
            end += 1
        top = upstream[sequence[start]]  # the first of a step hangs on an earlier one
        if cost <= left and (gain > 0 or cost == 0) and (top < 0 or chosen[top]):
            left -= cost
            for place in range(start, end):
                chosen[sequence[place]] = True
        start = end
    for area in sequence:
        up = upstream[area]
        if chosen[area] or (up >= 0 and not chosen[up]) or support[area] > left:
            continue
        if worth[area] > 0 or support[area] == 0:
            left -= support[area]
            chosen[area] = True


def _check_draws(drawn: Mapping[str, NDArray[np.floating]], reached: Bools) -> int:
    """Refuse draws that do not fit the areas; give their number."""
    draws = int(drawn["gap_sek"].shape[-1])
    fix = "draw for the very areas that are ranked: uncertainty.area_gaps"
    for name, table in drawn.items():
        if table.shape != (reached.size, draws) or draws < 1:
            msg = f"draws of {name} have the shape {table.shape}, not ({reached.size}, draws)"
            raise BadValueError(msg, where="robustness", fix=fix)
        lost = int((~np.isfinite(table[reached])).any(axis=1).sum())
        if lost:
            msg = f"draws of {name} are no numbers for {lost} areas"
            raise BadValueError(msg, where="robustness", fix=fix)
    return draws


def _ranks(score: Floats, gap_each: Floats, hanging: Hanging) -> Ints:
    """Give each area's rank in every draw, from 1."""
    order = order_areas(score, gap_each, hanging)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, len(order) + 1)[:, None], axis=0)
    return ranks
