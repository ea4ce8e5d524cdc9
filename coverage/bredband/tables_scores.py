"""The schemas of scores: how areas score, why in words, and how sure their ranks are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bredband.tables import column, table

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

MISSING: Final = ("mean", "worst", "leave_out")
"""What stands in for a number that an area lacks."""

_AREA_ID: Final = column(str, "Build area")
_CRITERION: Final = column(str, "Name of the criterion, as in region.toml")

SCORES: Final = table(
    "scores",
    "What each criterion gives each build area that trench reaches",
    {
        "area_id": _AREA_ID,
        "criterion": _CRITERION,
        "number": column("float64", "The criterion's number; empty where missing", nullable=True),
        "unit": column(str, "Unit of the number: number, SEK, m or share"),
        "value": column(
            "float64", "The number as a value; empty where left out", nullable=True, ge=0, le=1
        ),
        "weight": column(
            "float64", "Share of the area's weights; they add up to 1", ge=0, le=1, nullable=True
        ),
        "contribution": column(
            "float64", "weight x value; they add up to the area's score", ge=0, le=1, nullable=True
        ),
        "missing": column(
            str,
            "What stands in for a missing number: the mean value, the worst, or nothing; empty"
            " where there is a number",
            isin=MISSING,
            nullable=True,
        ),
    },
)

MOTIVATIONS: Final = table(
    "motivations",
    "In words, what each criterion means for each build area that trench reaches",
    {
        "area_id": _AREA_ID,
        "criterion": _CRITERION,
        "motivation": column(str, "Sentences for the reader"),
    },
)

ROBUSTNESS: Final = table(
    "robustness",
    "How each build area fares over draws of prices, take-up and weights",
    {
        "area_id": column(str, "Build area", unique=True),
        "draws": column("int64", "How many draws", ge=1),
        "chosen_share": column(
            "float64",
            "Share of the draws in which the area is chosen; empty without a budget",
            nullable=True,
            ge=0,
            le=1,
        ),
        "rank": column("Int64", "By the figures as they are", ge=1),
        "rank_p10": column("Int64", "Rank that 10 % of the draws do not exceed", ge=1),
        "rank_p50": column("Int64", "Rank that half of the draws do not exceed", ge=1),
        "rank_p90": column("Int64", "Rank that 90 % of the draws do not exceed", ge=1),
        "best_rank": column("Int64", "Lowest rank of all draws", ge=1),
        "worst_rank": column("Int64", "Highest rank of all draws", ge=1),
    },
)

FLIPS: Final = table(
    "flips",
    "Pairs of areas next to each other in rank, and the weights whose change turns them round",
    {
        "area_id": column(str, "The area that ranks before"),
        "next_area_id": column(str, "The area that ranks right after it"),
        "rank": column("Int64", "Rank of the first", ge=1),
        "criterion": column(str, "Criterion whose weight changes, the others in proportion"),
        "weight": column("float64", "Its share of all weights today", ge=0, le=1),
        "flip_weight": column("float64", "The share at which the two score alike", ge=0, le=1),
        "change": column("float64", "flip_weight / weight - 1; beyond it the two change places"),
        "setting": column(
            "float64", "The weight to write in region.toml for that, the others as they are", ge=0
        ),
        "at_budget": column(
            "boolean",
            "Whether the budget ends between the two; empty without a budget",
            nullable=True,
        ),
    },
)


def to_schema(made: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Give the columns of a schema, in its order and of its types, rows counted from 0."""
    columns = {name: str(col.dtype) for name, col in schema.columns.items()}
    typed: pd.DataFrame = made[list(columns)].astype(columns).reset_index(drop=True)
    return typed
