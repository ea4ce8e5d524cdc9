"""The schemas of choices under a budget: which areas, how good the choice is, and by when."""

from __future__ import annotations

from typing import Final

from bredband.tables import column, table

PLANS: Final = ("budget", "budgets", "nested", "years")
"""One budget; several at once; sets that contain each other; a build order over years."""

WHY: Final = ("chosen", "not_reached", "takeup", "hangs_on", "money")
"""Chosen; no trench reaches it; breaks even only above the take-up asked for; what it hangs on
is not chosen; the money does most elsewhere."""

_PLAN: Final = {
    "plan": column(str, "Name of the plan"),
    "kind": column(str, "budget, budgets, nested or years", isin=PLANS),
    "budget_sek": column("float64", "Support to distribute in all", unit="SEK", ge=0),
}

CHOICE: Final = table(
    "choice",
    "Which build areas each plan chooses: one row per plan and area",
    {
        **_PLAN,
        "area_id": column(str, "Build area"),
        "chosen": column(bool, "Whether the plan chooses it"),
        "year": column("Int64", "Year that it is built, 1 the first", nullable=True, ge=1),
        "support_sek": column(
            "float64", "Its support: the gap where positive", unit="SEK", nullable=True, ge=0
        ),
        "why": column(str, "chosen, or why it is not", isin=WHY),
    },
)

CHOICE_SUMMARY: Final = table(
    "choice_summary",
    "What each plan reaches, and how far from the best possible it can be",
    {
        **_PLAN,
        "areas": column("int64", "Areas chosen", ge=0),
        "households": column("int64", "Unserved households in them", unit="households", ge=0),
        "workplaces": column("int64", "Unserved workplaces in them", unit="workplaces", ge=0),
        "premises": column("int64", "Unserved buildings in them", unit="premises", ge=0),
        "support_sek": column("float64", "Support that they need", unit="SEK", ge=0),
        "made_most_of": column(
            str, "What the choice makes the most of: households, or households x score",
            isin=("households", "score"),
        ),
        "value": column("float64", "How much of that it reaches", ge=0),
        "bound": column("float64", "No admissible choice reaches more", ge=0),
        "gap": column(
            "float64", "(bound - value) / bound; 0 where the choice is proven the best", ge=0, le=1
        ),
        "greedy_value": column(
            "float64", "What taking the best per krona, one by one, would reach", nullable=True,
            ge=0,
        ),
    },
)  # fmt: skip

NESTED: Final = table(
    "nested",
    "What it costs that the sets of several budgets contain each other",
    {
        "budget_sek": column("float64", "Budget", unit="SEK", ge=0),
        "households": column("int64", "Households in the nested set", ge=0),
        "support_sek": column("float64", "Support that the nested set needs", unit="SEK", ge=0),
        "value": column("float64", "Value of the nested set", ge=0),
        "free_value": column("float64", "Value of the best set for this budget alone", ge=0),
        "loss": column(
            "float64", "1 - value / free_value; empty where that is 0", nullable=True, le=1
        ),
    },
)

YEARS: Final = table(
    "years",
    "The build order over years: one row per year",
    {
        "year": column("int64", "1 the first", ge=1),
        "budget_sek": column("float64", "Support of the year", unit="SEK", ge=0),
        "areas": column("int64", "Areas built in the year", ge=0),
        "households": column("int64", "Households in them", ge=0),
        "support_sek": column("float64", "Support that they need", unit="SEK", ge=0),
        "households_so_far": column("int64", "With all years before", ge=0),
        "support_so_far_sek": column("float64", "With all years before", unit="SEK", ge=0),
    },
)
