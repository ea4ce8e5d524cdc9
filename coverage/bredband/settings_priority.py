"""[priority]: how build areas are cut, weighed and chosen."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bredband.settings import Section


class Criterion(Section):
    """[[priority.criteria]]: one thing that counts when areas are compared."""

    name: str = Field(description="Name of the criterion (bredband.criteria lists them)")
    weight: float = Field(1.0, ge=0, description="How much it counts beside the others")
    value: Literal["linear", "log", "threshold"] = Field(
        "linear", description="How the number becomes a value from 0 to 1 between worst and best"
    )
    worst: float | None = Field(
        None, description="The number that gives 0; the worst area's when left out"
    )
    best: float | None = Field(
        None, description="The number that gives 1; the best area's when left out"
    )
    missing: Literal["mean", "worst", "leave_out"] = Field(
        "mean",
        description="An area without the number gets the mean value, the worst, or is weighed on"
        " its other criteria",
    )


class Budget(Section):
    """[[priority.budgets]]: money to distribute, and to whom."""

    name: str = Field(description="Name of the budget, as in reports")
    sek: float = Field(ge=0, description="Support to distribute, SEK")
    municipalities: list[str] = Field(
        default_factory=list, description="Only areas in these municipality codes; empty: all"
    )
    max_share: float = Field(
        1.0, gt=0, le=1, description="Largest share of an area's capex that it pays (ERUF: 0.40, F)"
    )


class PrioritySettings(Section):
    """[priority]: build areas, criteria and budgets."""

    min_premises: int = Field(
        10,
        ge=1,
        description="A smaller area is joined with a neighbour where it can be (U)",
    )
    max_premises: int = Field(
        100,
        ge=1,
        description="A branch with more unserved buildings is split (U; village networks: 25-75"
        " households, F; PTS 2023: 56 buildings per application, D)",
    )
    merge_m: float = Field(
        5000.0, ge=0, description="Areas farther apart than this are not joined, m (U)"
    )
    across_municipalities: bool = Field(
        False, description="Whether an area may hold buildings of several municipalities"
    )
    nearby_m: float = Field(
        1000.0, ge=0, description="Plans and societal functions within this are nearby, m (U)"
    )
    criteria: list[Criterion] = Field(
        default_factory=lambda: [Criterion(name="support_per_household", weight=1.0)],
        min_length=1,
        description="What counts when areas are ranked, each with its weight",
    )
    objective: Literal["households", "score"] = Field(
        "households",
        description="What a choice under a budget makes the most of: households, or households"
        " times the area's score",
    )
    budget_sek: float | None = Field(
        None, ge=0, description="Support to distribute, SEK; leave out for no budget"
    )
    budgets: list[Budget] = Field(
        default_factory=list, description="Several budgets at once, each paying for its own areas"
    )
    nested_sek: list[float] = Field(
        default_factory=lambda: [5e6, 10e6, 20e6, 50e6],
        description="Budgets whose choices contain each other, SEK",
    )
    years_sek: list[float] = Field(
        default_factory=list, description="Support per year, SEK: gives a build order over years"
    )
    floors_sek: dict[str, float] = Field(
        default_factory=dict, description="Municipality code = support it gets at least, SEK"
    )
    caps_sek: dict[str, float] = Field(
        default_factory=dict, description="Municipality code = support it gets at most, SEK"
    )
    max_breakeven_takeup: float | None = Field(
        None,
        ge=0,
        examples=[0.7],
        description="Areas that break even only above this take-up are not chosen; leave out for"
        " no such rule",
    )
    draws: int = Field(
        500, ge=0, description="Draws of prices, take-up and weights for the robustness of ranks"
    )
