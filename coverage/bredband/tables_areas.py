"""The schemas of build areas: what each is, how it scores, and what is chosen under a budget."""

from __future__ import annotations

from typing import Final

from bredband.tables import MUNICIPALITY_CODE, column, table

AREAS: Final = table(
    "priority_areas",
    "Build areas, the cheapest gap per household first",
    {
        "area_id": column(str, "Stable id: municipality code and number", unique=True),
        "rank": column("Int64", "1 = first; empty where not reached by road", nullable=True, ge=1),
        "reached": column(bool, "False: the group of premises that no trench reaches"),
        "municipality_code": MUNICIPALITY_CODE,
        "municipality": column(str, "Name of the municipality with most of its households"),
        "upstream_area_id": column(
            str, "Area whose trench this one hangs on; empty at existing fibre", nullable=True
        ),
        "households": column("int64", "Unserved households", ge=0),
        "workplaces": column("int64", "Unserved workplaces", ge=0),
        "premises": column("int64", "Unserved buildings", ge=0),
        "trench_m": column("float64", "New trench", unit="m", ge=0, nullable=True),
        "capex_sek": column("float64", "Trench and drops", unit="SEK", ge=0, nullable=True),
        "own_contribution_sek": column(
            "float64", "Paid by the households", unit="SEK", nullable=True
        ),
        "operator_revenue_sek": column(
            "float64", "Paid by the operator", unit="SEK", nullable=True
        ),
        "gap_sek": column(
            "float64", "capex - own contribution - operator revenue", unit="SEK", nullable=True
        ),
        "gap_per_household_sek": column(
            "float64", "gap_sek / households; empty where no households", unit="SEK", nullable=True
        ),
        "cumulative_gap_sek": column(
            "float64",
            "Support needed for this area and all ranked before it; an area that pays for"
            " itself adds nothing and takes nothing away",
            unit="SEK",
            nullable=True,
        ),
        "cumulative_households": column(
            "Int64", "Households in this area and all ranked before it", nullable=True
        ),
        "within_budget": column(
            "boolean", "Whether the cumulated support fits the budget", nullable=True
        ),
        "cell_m": column(
            "float64",
            "Side of the cells that its polygon is made of; larger where few households",
            unit="m",
            required=False,
        ),
    },
)
