"""What comes first: scores, ranks, choices under budgets and how sure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from bredband.choice import choose_fast
from bredband.choice_areas import choose_areas
from bredband.draws import spread_out
from bredband.flips import find_flips
from bredband.motivations import explain_areas
from bredband.priority import rank_areas
from bredband.robustness import robustness
from bredband.scores import score_areas
from bredband.uncertainty import area_gaps, cost_quantities

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from bredband.region import Region


_PLANS: Final = {
    "sv": {"budget": "budgeten", "budgets": "flera budgetar", "nested": "{sek} mkr",
           "years": "alla år"},
    "en": {"budget": "the budget", "budgets": "several budgets", "nested": "SEK {sek} million",
           "years": "all years"},
}  # fmt: skip
"""What the plans are called."""


class Ranked(NamedTuple):
    """The build areas in order, and the tables that say why."""

    areas: pd.DataFrame
    """``tables_areas.AREAS`` by rank, with score and motivation."""
    tables: dict[str, pd.DataFrame]
    """By the names of their schemas."""


def order_areas(
    areas: pd.DataFrame,
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    *,
    region: Region,
) -> Ranked:
    """Score, rank and choose the build areas, and say how sure the order is.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS`` from ``area_profile.describe_areas``.
    trench, reach, status : DataFrame
        ``tables.TRENCH`` and ``tables.REACH`` with ``area_id``, ``tables.STATUS``.
    region : Region
        ``[priority]``, ``[prices]`` and the language.

    Returns
    -------
    Ranked
        With the tables scores, motivations, robustness, flips and those of the choice.
    """
    settings, language = region.priority, region.region.language
    scored = score_areas(areas, settings.criteria)
    ranked = rank_areas(scored.areas, budget_sek=settings.budget_sek)
    chosen = choose_areas(ranked, settings, names=_PLANS[language])
    explained = explain_areas(ranked, scored.scores, language=language)
    tables = {
        "scores": scored.scores,
        "motivations": explained.motivations,
        "flips": find_flips(ranked, settings.criteria),
        **chosen,
    }
    if settings.draws and ranked["reached"].any():
        gaps = area_gaps(
            cost_quantities(trench, reach, status, region.prices),
            spread_out(region.prices.ranges()),
            ranked,
            draws=settings.draws,
        )
        tables["robustness"] = robustness(
            ranked, gaps, settings.criteria, budget_sek=settings.budget_sek,
            choose=_choose, objective=settings.objective,
        )  # fmt: skip
    return Ranked(explained.areas, tables)


def _choose(
    support_sek: NDArray[np.float64],
    worth: NDArray[np.float64],
    upstream: NDArray[np.int64],
    budget_sek: float,
    /,
) -> NDArray[np.bool_]:
    return choose_fast(worth, support_sek, upstream, budget_sek).chosen


def budget_sets(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Give what each budget buys, for the map: its name, and the areas chosen.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        With ``tables_choice.CHOICE``; nothing without it.
    """
    if "choice" not in tables:
        return {}
    plans = tables["choice"].groupby("plan", sort=False)
    return {str(name): plan.loc[plan["chosen"], "area_id"].tolist() for name, plan in plans}
