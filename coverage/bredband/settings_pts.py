"""[pts]: how the region takes part in PTS's broadband support."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from bredband.settings import Section

Landsdel = Literal["Norrland", "Svealand", "Götaland"]

MarkOrder = Literal["households", "workplaces", "near_function", "distance_to_fibre_m"]


def _mark_order() -> list[MarkOrder]:
    return ["households", "near_function", "distance_to_fibre_m"]


class PtsSettings(Section):
    """[pts]: eligible buildings, marks and the competition."""

    year: int | None = Field(
        None,
        examples=[2024],
        description="Year of the call, whose rules apply; the newest known when left out",
    )
    rules: str | None = Field(
        None,
        examples=["pts_regler.toml"],
        description="A TOML file of the same form as bredband's pts_rules.toml, relative to"
        " region.toml: its facts go before the built-in ones",
    )
    landsdel: Landsdel | None = Field(
        None,
        examples=["Norrland"],
        description="Part of the country that the projects compete in; by county when left out",
    )
    budget_sek: dict[Landsdel, float] = Field(
        default_factory=dict,
        description="Aid to distribute by landsdel, SEK, instead of the published amounts",
    )
    value: Literal["buildings", "households", "score"] = Field(
        "buildings",
        description="What the marks make the most of in projects that win: household and workplace"
        " buildings, households, or households times the area's score",
    )
    mark_order: list[MarkOrder] = Field(
        default_factory=_mark_order,
        description="Which buildings of a project get its marks first: those with the most of the"
        " first of these, then of the second, and so on (U; only their number counts, F)",
    )
    aid_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of an area's cost that a project applies for (up to all of it: F,"
        " Region Sörmland 2024)",
    )
    min_aid_sek: float = Field(
        0.0, ge=0, description="An area that needs no more aid than this is no project, SEK"
    )
    apply_share: float = Field(
        0.18,
        ge=0,
        le=1,
        description="Share of the region's areas that somebody applies for: 37 308 of the 203 959"
        " buildings in the list were applied for in 2023 (D); that they fall at random is U",
    )
    own_share: float | None = Field(
        None,
        ge=0,
        le=1,
        examples=[0.2],
        description="The region's own share of its landsdel's published applications, which is"
        " taken out of the rivals; one part in the landsdel's number of counties when left out (U)",
    )
    rivals_aid_factor: float = Field(
        1.0,
        gt=0,
        description="Rivals' aid per building against the newest published year: it rose 1.6 times"
        " from 2021 to 2022 and 2.0 times to 2023 (D), and no later figure was found (U)",
    )
    rivals_level_spread: float = Field(
        0.2,
        ge=0,
        le=2,
        description="Spread of the logarithm of that factor from draw to draw: how unsure the"
        " level of a coming call is (U)",
    )
    rivals_base_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of the published buildings that are household or workplace buildings:"
        " PTS does not say whether holiday homes are counted (U); 0.42 in one applicant's eleven"
        " projects of 2022 (D, gastabudstaden.se)",
    )
    rivals_size_spread: float = Field(
        1.2,
        ge=0,
        le=3,
        description="Spread of the logarithm of the buildings per project: 1.2 in one applicant's"
        " eleven projects of 2022 (D, gastabudstaden.se); of all projects U",
    )
    rivals_aid_spread: float = Field(
        0.32,
        ge=0,
        le=3,
        description="Spread of the logarithm of the aid per building (U), chosen so that the"
        " outcome of 2023 comes out (bredband.pts_competition.fit_rivals)",
    )
    rivals_correlation: float = Field(
        0.49,
        ge=-0.99,
        le=0.99,
        description="Correlation of the logarithms of size and aid per building (U), chosen in the"
        " same way",
    )
    rivals_marked_share: float = Field(
        0.30,
        ge=0,
        le=1,
        description="Share of the rivals' buildings that their regions have marked: the whole quota"
        " (U)",
    )
    rivals_mark_evenness: float = Field(
        1.0,
        gt=0,
        description="How evenly these marks lie: large, every project has the same share of them;"
        " near 0, a project has all or none (U)",
    )
    landsdel_full: Literal["stop", "go_on"] = Field(
        "stop",
        description="When a project does not fit what is left for its landsdel: stop there, or go"
        " on to the next that fits. Stopping gives a national pot of the published size, going on"
        " gives hardly any (I)",
    )
    pot_full: Literal["stop", "go_on"] = Field(
        "go_on",
        description="The same in the national pot: in 2021 some 2 000 SEK were left that fitted no"
        " project (F), so PTS goes on (I)",
    )
    draws: int = Field(1000, ge=1, description="Draws of the competition")
    seed: int = Field(1, ge=0, description="Seed of the draws: the same seed, the same result")

    @field_validator("mark_order")
    @classmethod
    def _each_once(cls, names: list[MarkOrder]) -> list[MarkOrder]:
        if len(set(names)) < len(names):
            msg = "mark_order names a column twice"
            raise ValueError(msg)
        return names

    @field_validator("budget_sek")
    @classmethod
    def _not_negative(cls, budgets: dict[Landsdel, float]) -> dict[Landsdel, float]:
        if any(not 0 <= sek < float("inf") for sek in budgets.values()):
            msg = "budget_sek holds a negative or endless amount"
            raise ValueError(msg)
        return budgets
