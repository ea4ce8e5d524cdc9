"""What comes first: scores, ranks, choices under budgets and how sure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bredband.choice_areas import choose_areas, nest_areas, schedule_areas
from bredband.criteria import describe_surroundings
from bredband.display import show
from bredband.draws import spread_out
from bredband.flips import find_flips
from bredband.motivations import explain_areas
from bredband.priority import rank_areas
from bredband.robustness import robustness
from bredband.scores import score_areas
from bredband.uncertainty import area_gaps, cost_quantities

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from bredband.region import Region
    from bredband.text import Words


class Ranked(NamedTuple):
    """The build areas in order, and the tables that say why."""

    areas: pd.DataFrame
    """``tables_areas.AREAS`` by rank, with score and motivation."""
    tables: dict[str, pd.DataFrame]
    """By the names of their schemas."""

    def _repr_html_(self) -> str:
        return show(self)


def order_areas(
    areas: pd.DataFrame,
    trench: pd.DataFrame,
    reach: pd.DataFrame,
    premises: pd.DataFrame,
    coverage: pd.DataFrame,
    *,
    region: Region,
) -> Ranked:
    """Score, rank and choose the build areas, and say how sure the order is.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS`` from ``area_profile.describe_areas``.
    trench, reach : DataFrame
        ``tables.TRENCH`` and ``tables.REACH`` with ``area_id``.
    premises : DataFrame
        ``tables.STATUS`` with ``area_id``.
    coverage : DataFrame
        ``tables.STATISTICS``.
    region : Region
        ``[priority]``, ``[prices]`` and the language.

    Returns
    -------
    Ranked
        With the tables scores, motivations, robustness, flips and those of the choice.
    """
    settings, language = region.priority, region.region.language
    target = region.definitions.target_speed_mbit
    areas = describe_surroundings(areas, coverage, premises, speed_mbit=target)
    scored = score_areas(areas, settings.criteria)
    ranked = rank_areas(scored.areas, budget_sek=settings.budget_sek)
    chosen = choose_areas(ranked, settings)
    budget = chosen.choice[chosen.choice["plan"] == "budget"]
    if len(budget):
        picked = set(budget.loc[budget["chosen"], "area_id"])
        ranked["chosen"] = ranked["area_id"].isin(picked).astype("boolean").where(ranked["reached"])
    explained = explain_areas(ranked, scored.scores, language=language)
    tables = {
        "scores": scored.scores,
        "motivations": explained.motivations,
        "flips": find_flips(ranked, settings.criteria),
        "choice": chosen.choice,
        "choice_payments": chosen.payments,
        "choice_summary": chosen.summary,
    }
    if settings.nested_sek:
        nested = nest_areas(ranked, settings)
        tables |= {"nested": nested.summary, "nested_areas": nested.areas}
    if settings.years_sek:
        years = schedule_areas(ranked, settings)
        tables |= {"years": years.areas, "years_summary": years.summary}
    if settings.draws and ranked["reached"].any():
        gaps = area_gaps(
            cost_quantities(trench, reach, premises, region.prices),
            spread_out(region.prices.ranges()),
            ranked,
            draws=settings.draws,
        )
        tables["robustness"] = robustness(
            ranked, gaps, settings.criteria, budget_sek=settings.budget_sek,
            objective=settings.objective,
        )  # fmt: skip
    return Ranked(explained.areas, tables)


def budget_sets(tables: Mapping[str, pd.DataFrame], w: Words) -> dict[str, list[str]]:
    """Give what each budget buys, for the map: its name, and the areas chosen.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        With ``tables_choice.CHOICE`` and ``tables_choice.NESTED_AREAS`` where there are budgets.
    w : Words
        For the amounts.
    """
    sets: dict[str, list[str]] = {}
    if "choice" in tables:
        for plan, rows in tables["choice"].groupby("plan", sort=False):
            sets[w["map.plan_" + str(plan)]] = rows.loc[rows["chosen"], "area_id"].tolist()
    if "nested_areas" in tables:
        held = tables["nested_areas"]
        for sek in tables["nested"]["budget_sek"]:
            inside = held["from_budget_sek"] <= sek
            sets[w.money(sek)] = held.loc[inside, "area_id"].tolist()
    return sets
