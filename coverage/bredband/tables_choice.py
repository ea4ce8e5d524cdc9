"""The schemas of what is chosen: under budgets, under nested budgets, and over years."""

from __future__ import annotations

from typing import Final

from bredband.tables import MUNICIPALITY_CODE, column, table

REASONS: Final = (
    "not_reached",
    "take_up",
    "needs",
    "no_payer",
    "too_dear",
    "over_budget",
)
"""Why an area is not chosen: no trench reaches it; it breaks even only above the largest
take-up allowed; it hangs on an area that may not be chosen; no budgets may pay for all of it;
with all that it hangs on it needs more than there is; the money does more elsewhere."""

PLANS: Final = ("budget", "budgets")
"""One sum for all (``budget_sek``), or several budgets at once (``budgets``)."""

_PLAN = column(str, "budget: one sum; budgets: several budgets at once", isin=PLANS)
_AREA_ID = column(str, "Id of the area")
_AREAS = column("int64", "Areas chosen", ge=0)
_HOUSEHOLDS = column("int64", "Unserved households in them", unit="households", ge=0)
_PREMISES = column("int64", "Unserved buildings in them", ge=0)
_SUPPORT = column("float64", "Support that they need", unit="SEK", ge=0)

CHOICE: Final = table(
    "choice",
    "Which areas are chosen under the budget, one row per area and plan",
    {
        "plan": _PLAN,
        "area_id": _AREA_ID,
        "municipality_code": MUNICIPALITY_CODE,
        "chosen": column(bool, "Whether the area is chosen"),
        "reason": column(
            str,
            "Why not: not_reached; take_up (breaks even only above the largest take-up allowed);"
            " needs (hangs on an area that may not be chosen); no_payer (no budgets may pay for"
            " all of it); too_dear (needs more, with all that it hangs on, than there is);"
            " over_budget (the money does more elsewhere); empty where chosen",
            isin=REASONS,
            nullable=True,
        ),
        "needs_area_id": column(
            str,
            "Area that it hangs on and that is not chosen; the one that may not be, where the"
            " reason is needs; empty where none",
            nullable=True,
        ),
        "households": column("int64", "Unserved households", unit="households", ge=0),
        "premises": column("int64", "Unserved buildings", ge=0),
        "support_sek": column(
            "float64",
            "gap_sek where positive; empty where not reached",
            unit="SEK",
            ge=0,
            nullable=True,
        ),
        "paid_by": column(
            str,
            "Names of the budgets that pay for it, comma between; empty where none does",
            nullable=True,
        ),
    },
)

PAYMENTS: Final = table(
    "choice_payments",
    "What each budget pays for each chosen area; nothing stands where nothing is paid",
    {
        "plan": _PLAN,
        "area_id": _AREA_ID,
        "budget": column(str, "Name of the budget"),
        "paid_sek": column("float64", "What it pays", unit="SEK", ge=0),
        "capex_share": column(
            "float64", "Share of the area's capex, 0-1; empty where not given", nullable=True, ge=0
        ),
    },
)

CHOICE_SUMMARY: Final = table(
    "choice_summary",
    "The choice under the budget in short, one row per plan",
    {
        "plan": _PLAN,
        "objective": column(
            str,
            "What is made the most of: households, or households times score",
            isin=("households", "score"),
        ),
        "budget_sek": column("float64", "All the money", unit="SEK", ge=0),
        "areas": _AREAS,
        "households": _HOUSEHOLDS,
        "premises": _PREMISES,
        "support_sek": _SUPPORT,
        "value": column("float64", "What is made the most of, in the chosen areas", ge=0),
        "bound": column("float64", "No choice has a larger value: proven", ge=0),
        "gap": column(
            "float64", "(bound - value) / bound: the share that may be missed", ge=0, le=1
        ),
        "method": column(
            str,
            "prices: prices on the money and filling up were enough; core: HiGHS decided what"
            " these left open",
        ),
        "greedy_value": column(
            "float64",
            "Value when areas are taken by value per krona, each with all that it hangs on, as"
            " long as they fit; empty where floors or several budgets are to be kept",
            nullable=True,
            ge=0,
        ),
        "list_value": column(
            "float64",
            "Value when the ranked list is followed until the first area that does not fit;"
            " empty where there is no rank, floors or several budgets",
            nullable=True,
            ge=0,
        ),
    },
)

NESTED: Final = table(
    "nested",
    "Budgets whose choices contain each other, the least first, and what that costs",
    {
        "budget_sek": column("float64", "The budget", unit="SEK", ge=0),
        "areas": _AREAS,
        "households": _HOUSEHOLDS,
        "premises": _PREMISES,
        "support_sek": _SUPPORT,
        "value": column(
            "float64",
            "Households, or households times score, of the set; the sum of these over the"
            " budgets is made the most of",
            ge=0,
        ),
        "free_value": column(
            "float64", "The best value for this budget alone, sets need not contain it", ge=0
        ),
        "free_bound": column("float64", "No choice for this budget has more: proven", ge=0),
        "loss_share": column(
            "float64",
            "(free_value - value) / free_value: what nesting costs; a hair below 0 where"
            " free_value is not proven the best",
            le=1,
        ),
        "sum_bound": column(
            "float64", "No nested sets have a larger sum of values: proven; on every row", ge=0
        ),
        "sum_gap": column(
            "float64",
            "(sum_bound - sum of value) / sum_bound: the share that may be missed; on every row",
            ge=0,
            le=1,
        ),
    },
)

NESTED_AREAS: Final = table(
    "nested_areas",
    "From which of the nested budgets on an area is chosen",
    {
        "area_id": _AREA_ID,
        "from_budget_sek": column(
            "float64",
            "The least budget whose set holds it; every larger one does; empty where none",
            unit="SEK",
            nullable=True,
            ge=0,
        ),
    },
)

YEARS: Final = table(
    "years",
    "In which year an area is built",
    {
        "area_id": _AREA_ID,
        "year": column("Int64", "1 = the first; empty where not built", nullable=True, ge=1),
        "households": column("int64", "Unserved households", unit="households", ge=0),
        "support_sek": column(
            "float64",
            "gap_sek where positive; empty where not reached",
            unit="SEK",
            ge=0,
            nullable=True,
        ),
    },
)

YEARS_SUMMARY: Final = table(
    "years_summary",
    "The build order in short, one row per year",
    {
        "year": column("int64", "1 = the first", ge=1),
        "budget_sek": column("float64", "Money of the year", unit="SEK", ge=0),
        "available_sek": column(
            "float64",
            "With what earlier years left, where that is carried over",
            unit="SEK",
            ge=0,
        ),
        "areas": column("int64", "Areas built in the year", ge=0),
        "households": column("int64", "Unserved households in them", unit="households", ge=0),
        "premises": column("int64", "Unserved buildings in them", ge=0),
        "support_sek": column("float64", "Support that they need", unit="SEK", ge=0),
        "cumulative_households": column(
            "int64", "Households in all areas built up to then", unit="households", ge=0
        ),
        "value": column(
            "float64",
            "Households, or households times score, of all built up to then; the sum over the"
            " years is made the most of",
            ge=0,
        ),
        "sum_bound": column(
            "float64", "No order has a larger sum of values: proven; on every row", ge=0
        ),
        "sum_gap": column(
            "float64",
            "(sum_bound - sum of value) / sum_bound: the share that may be missed; on every row",
            ge=0,
            le=1,
        ),
    },
)
