"""[backbone]: networks that connect places (ortssammanbindande nät)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bredband.prices import Price
from bredband.settings import Section


def _trench() -> Price:
    return Price(
        value=370,
        unit="SEK/m",
        source="850 MSEK / 2 300 km of Skåne's BAS network, 2003-2015 (Region Skåne 2017)",
        mark="D",
        group="digging",
    )


class BackboneSettings(Section):
    """[backbone]: which places are joined to the backbone, along what, and who pays."""

    support_share: float = Field(
        0.40, ge=0, le=1, description="Largest share of the cost that is supported (ERUF: 0.40, F)"
    )
    min_population: float = Field(
        50,
        ge=0,
        description="Places with fewer inhabitants are not joined for their own sake (SCB: småort"
        " 50-199, tätort 200 or more, F)",
    )
    persons_per_household: float = Field(
        2.22,
        gt=0,
        description="Makes households of inhabitants, or the reverse, where one of them is not"
        " known (a rule of thumb of a Skåne village network, F)",
    )
    with_backbone: list[str] = Field(
        default_factory=list,
        examples=[["Luleå", "Kiruna"]],
        description="Names or codes of the places that the backbone comes to from outside. Left"
        " out: the largest place on each connected part of the fibre routes; where there are no"
        " routes, the largest place of each municipality (U)",
    )
    near_m: float = Field(
        250.0,
        ge=0,
        description="A place without an outline has fibre when a route passes this near, m (PTS"
        " 2013 counted fibre within 250 m of a dwelling, F; for a place: I)",
    )
    max_distance_m: float = Field(
        2000.0,
        gt=0,
        description="A place farther than this from every road or link is listed, not joined, m"
        " (U)",
    )
    along: Literal["roads", "links", "straight"] = Field(
        "roads",
        description="What stretches follow: roads; links, lines from point to point with their"
        " true length; straight, links made up between neighbouring places",
    )
    links: str | None = Field(
        None,
        examples=["lankar.gpkg"],
        description="File of links, relative to region.toml: column road_m, the true length, m;"
        " existing (true/false) where fibre lies along it already",
    )
    links_layer: str | None = Field(None, examples=["lankar"], description="Layer of that file")
    links_provenance: Literal["real", "derived", "synthetic"] = Field(
        "real", description="real, derived or synthetic"
    )
    links_source: str = Field("", description="Who made the links, as it should be cited")
    detour: float = Field(
        1.16,
        ge=1,
        description="True length of a link over its straight length, where only the latter is"
        " known (all bus links of Norrbotten, GTFS: 1.161, D)",
    )
    same_road: float = Field(
        0.25,
        ge=0,
        lt=1,
        description="A link that is as long as the way over shorter links, give or take this"
        " share, runs on the same road as they (U)",
    )
    price: Literal["flat", "roads"] = Field(
        "flat",
        description="flat: trench below for every metre; roads: [prices] by the road's class",
    )
    trench: Price = Field(
        default_factory=_trench, description="Price per metre of backbone trench, all in"
    )
    second_route: bool = Field(
        True, description="Whether to look for second ways to places that have only one"
    )
    worth_sek_per_household: float = Field(
        5000.0,
        ge=0,
        description="A second way is worth it up to this much per household that gets one, SEK (U)",
    )
    apart_m: float = Field(
        50.0,
        ge=0,
        description="A road that runs within this of the network is the same trench: a cycle track"
        " beside the road is no second way, m (U)",
    )
    budget_sek: float | None = Field(
        None,
        ge=0,
        examples=[30_000_000],
        description="Support to distribute, SEK; leave out for no budget (ERUF Övre Norrland"
        " 2024: 30 MSEK, F)",
    )

    @model_validator(mode="after")
    def _trench_is_per_metre(self) -> BackboneSettings:
        if self.trench.unit not in ("SEK/m", "kr/m"):
            msg = f"trench is in SEK/m, not in {self.trench.unit}"
            raise ValueError(msg)
        return self
