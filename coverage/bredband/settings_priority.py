"""[priority]: how build areas are cut, weighed and chosen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bredband.settings import Section

CriterionName = Literal[
    "households",
    "workplaces",
    "functions",
    "support_per_household",
    "support_per_premises",
    "capex_per_household",
    "capex_per_premises",
    "distance_to_fibre",
    "spacing",
    "outside_localities",
    "expected_takeup",
    "breakeven_takeup",
    "municipality_coverage",
    "special_challenges",
    "planned_nearby",
    "holiday_homes",
    "no_mobile_households",
]
"""What areas can be compared by; ``bredband.criteria`` says what each is."""


class Criterion(Section):
    """[[priority.criteria]]: one thing that counts when areas are compared."""

    name: CriterionName = Field(
        description="Name of the criterion: households, workplaces, functions,"
        " support_per_household, support_per_premises, capex_per_household, capex_per_premises,"
        " distance_to_fibre, spacing, outside_localities, expected_takeup, breakeven_takeup,"
        " municipality_coverage, special_challenges, planned_nearby, holiday_homes,"
        " no_mobile_households"
    )
    weight: float = Field(
        1.0,
        ge=0,
        allow_inf_nan=False,
        description="How much it counts beside the others; 0 to show it without counting it",
    )
    value: Literal["linear", "log", "threshold"] = Field(
        "linear",
        description="How the number becomes a value from 0 to 1: evenly between worst and best;"
        " evenly in its logarithm; or 1 from best on and 0 short of it",
    )
    better: Literal["more", "less"] | None = Field(
        None,
        description="Whether more or less of it is better; as is usual for the criterion when"
        " left out",
    )
    worst: float | None = Field(
        None,
        allow_inf_nan=False,
        description="The number that gives 0; the worst area's when left out",
    )
    best: float | None = Field(
        None,
        allow_inf_nan=False,
        description="The number that gives 1; the best area's when left out",
    )
    missing: Literal["mean", "worst", "leave_out"] | None = Field(
        None,
        description="An area without the number gets the mean value, the value 0, or is weighed"
        " on its other criteria; left out: 0 for costs, support and break-even, else the mean",
    )

    @model_validator(mode="after")
    def _ends_fit(self) -> Criterion:
        ends = [end for end in (self.worst, self.best) if end is not None]
        if self.value == "threshold":
            if self.best is None:
                msg = "a threshold needs best: the number that is good enough"
                raise ValueError(msg)
            if self.worst is not None:
                msg = "a threshold has no worst: what is short of best gives 0"
                raise ValueError(msg)
        elif self.value == "log" and min(ends, default=1.0) <= 0:
            msg = "worst and best must be above 0 where the value is log"
            raise ValueError(msg)
        elif self.worst is not None and self.best is not None:
            if self.worst == self.best:
                msg = "worst and best are the same number; value = 'threshold' has one"
                raise ValueError(msg)
            if self.better and self.better != ("more" if self.best > self.worst else "less"):
                msg = f"better is {self.better!r}, but best and worst say the opposite"
                raise ValueError(msg)
        return self


def check_criteria(criteria: list[Criterion]) -> list[Criterion]:
    """Refuse criteria that are named twice or that all weigh nothing."""
    names = [criterion.name for criterion in criteria]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"criterion {', '.join(twice)} is named more than once"
        raise ValueError(msg)
    if not any(criterion.weight > 0 for criterion in criteria):
        msg = "no criterion has a weight above 0"
        raise ValueError(msg)
    return criteria


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
    split_m: float = Field(
        10_000.0,
        gt=0,
        description="A branch whose trench passes nobody for longer than this is an area of its"
        " own, however small, m (U)",
    )
    across_municipalities: bool = Field(
        False, description="Whether an area may hold buildings of several municipalities"
    )
    nearby_m: float = Field(
        1000.0, ge=0, description="Plans and societal functions within this are nearby, m (U)"
    )
    criteria: Annotated[list[Criterion], AfterValidator(check_criteria)] = Field(
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
