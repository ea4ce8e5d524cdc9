"""The schemas of build areas: what each is, how it scores, and what is chosen under a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bredband.tables import MUNICIPALITY_CODE, SEGMENTS, column, table

if TYPE_CHECKING:
    import pandera.pandas as pa


def _described(dtype: str | type, meaning: str, **more: Any) -> pa.Column:
    """Describe a column that ``area_profile.describe_areas`` adds."""
    return column(dtype, meaning, nullable=True, required=False, **more)


AREAS: Final = table(
    "priority_areas",
    "Build areas, the first to be built first",
    {
        "area_id": column(
            str,
            "Stable id: municipality code, kilometres east and north, and the part of that cell;"
            " <code>-0000 holds what no trench reaches",
            unique=True,
        ),
        "name": column(str, "After the nearest locality, with the direction from it"),
        "rank": column("Int64", "1 = first; empty where not reached by road", nullable=True, ge=1),
        "reached": column(bool, "False: the group of premises that no trench reaches"),
        "municipality_code": MUNICIPALITY_CODE,
        "municipality": column(str, "Name of the municipality with most of its households"),
        "upstream_area_id": column(
            str,
            "Area whose trench this one hangs on and needs; empty at existing fibre",
            nullable=True,
        ),
        "households": column("int64", "Unserved households", unit="households", ge=0),
        "workplaces": column("int64", "Unserved workplaces", unit="workplaces", ge=0),
        "holiday_homes": column(
            "int64", "Holiday homes in its buildings, never households", unit="homes", ge=0
        ),
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
        "spread_m": column(
            "float64",
            "How compact it is: root mean square distance of its buildings from their mean point",
            unit="m",
            nullable=True,
            ge=0,
        ),
        "below_min": column(
            bool, "Too small for a tender, and nothing near by that it could be joined with"
        ),
        "capex_per_household_sek": _described(
            "float64", "capex_sek / households; empty where no households", unit="SEK", ge=0
        ),
        "gap_p10_sek": _described(
            "float64", "One draw of prices and take-up in ten is lower", unit="SEK"
        ),
        "gap_p50_sek": _described("float64", "Half of the draws are lower", unit="SEK"),
        "gap_p90_sek": _described("float64", "One draw in ten is higher", unit="SEK"),
        "fair_sek_per_party": _described(
            "float64",
            "Fair share of joint trench and own drop, per household or building without one;"
            " trench of other areas on the way is in it",
            unit="SEK",
            ge=0,
        ),
        "segment": _described(
            str, "Locality class of most of its households; empty without localities", isin=SEGMENTS
        ),
        "outside_share": _described(
            "float64",
            "Share of its households outside localities of every size, 0-1; empty where unknown",
            ge=0,
            le=1,
        ),
        "distance_to_fibre_m": _described(
            "float64",
            "Along the new trench to existing fibre, the median of its buildings",
            unit="m",
            ge=0,
        ),
        "spacing_m": _described(
            "float64",
            "From a building of it to the nearest other building that holds anything, the mean",
            unit="m",
            ge=0,
        ),
        "breakeven_takeup": _described(
            "float64",
            "Share of its households that must connect for a gap of 0; above 1 where even all do"
            " not suffice; empty where a household brings nothing, or less than connecting costs",
            ge=0,
        ),
        "functions": _described("Int64", "Societal functions within nearby_m of its buildings"),
        "function_kinds": _described(str, "Which kinds these are, comma between"),
        "no_mobile_households": _described(
            "Int64", "Its households that no mobile operator covers", unit="households", ge=0
        ),
        "planned_nearby": _described(
            "Int64", "Buildings with a credible plan within nearby_m of its own", ge=0
        ),
        "municipality_coverage": _described(
            "float64", "Share of its municipality's households connected, 0-1", ge=0, le=1
        ),
        "expected_takeup": _described(
            "float64",
            "Share that accepted an offer: in the area, else in its municipality, 0-1",
            ge=0,
            le=1,
        ),
        "score": column(
            "float64",
            "Weighed value of the criteria, 0-1",
            nullable=True,
            required=False,
            ge=0,
            le=1,
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
        "chosen": column(
            "boolean",
            "Whether the choice that makes the most of the budget takes it",
            nullable=True,
            required=False,
        ),
        "motivation": column(str, "Why it has its rank, in words", nullable=True, required=False),
        "cell_m": column(
            "float64",
            "Side of the cells that its polygon is made of; larger where few households",
            unit="m",
            required=False,
        ),
    },
)
