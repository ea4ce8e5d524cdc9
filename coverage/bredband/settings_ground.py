"""[ground]: what the ground is, and what that does to the price of trench."""

from __future__ import annotations

import difflib
from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field, model_validator

from bredband.prices import NO_SOURCE, Mark
from bredband.settings import Section

if TYPE_CHECKING:
    from collections.abc import Iterable

LAYERS: Final = {"land_cover": "land_cover", "soil": "soil", "slope": "elevation"}
"""What a class is of, and the source that it is read from."""

CLOSED: Final = "closed"
"""In place of a price item: no trench here."""


class GroundClass(Section):
    """[[ground.classes]]: values of a raster that are one kind of ground, and what it does."""

    layer: Literal["land_cover", "soil", "slope"] = Field(
        description="land_cover or soil (values of the raster), or slope (per cent, of the raster"
        " of elevation)"
    )
    name: str = Field(min_length=1, pattern=r"^[^+]+$", description="Name of the class; no + in it")
    values: list[float] = Field(
        default_factory=list, description="Values of the raster that are this class"
    )
    at_least: float | None = Field(None, description="Or: values from this one on")
    below: float | None = Field(None, description="up to below this one")
    road_factor: float = Field(
        1.0, gt=0, description="Multiplies the price of trench along roads; 1: as the price book"
    )
    trench: str | None = Field(
        None,
        description="Price item of [prices.trench] in place of the road's surface, along roads",
    )
    overland: str | None = Field(
        None,
        description="Price item per metre where there is no road, or closed. A class of land_cover"
        " without one is closed; one of soil or slope leaves the item as it is",
    )
    overland_factor: float = Field(
        1.0, gt=0, description="Multiplies the price where there is no road"
    )
    source: str = Field(NO_SOURCE, description="Where factors and items are from")
    mark: Mark = Field("U", description="How sure they are, as in the price book")

    @model_validator(mode="after")
    def _holds_something(self) -> GroundClass:
        bounds = self.at_least is not None or self.below is not None
        if bool(self.values) == bounds:
            said = "both values and" if bounds else "neither values nor"
            msg = f"class {self.name} has {said} bounds (at_least, below); give one"
            raise ValueError(msg)
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            msg = f"class {self.name} is from {self.at_least:g} to below {self.below:g}"
            raise ValueError(msg)
        return self

    def meets(self, other: GroundClass) -> bool:
        """Tell whether a value can be of both classes."""
        if self.values or other.values:
            listed, rest = (self, other) if self.values else (other, self)
            return any(rest.holds(value) for value in listed.values)
        low = max(_low(self), _low(other))
        return low < min(_high(self), _high(other))

    def holds(self, value: float) -> bool:
        """Tell whether a value is of the class."""
        if self.values:
            return value in self.values
        return _low(self) <= value < _high(self)


class ProtectedRule(Section):
    """[[ground.protected]]: what protected areas of a kind do."""

    name: str = Field(min_length=1, pattern=r"^[^+]+$", description="Name of the rule; no + in it")
    kind: str | None = Field(
        None,
        description="Value of the column kind that it is about; without it, all that no other rule"
        " names",
    )
    road_factor: float = Field(
        1.0, gt=0, description="Multiplies the price of trench along roads inside"
    )
    overland_factor: float = Field(
        1.0, gt=0, description="Multiplies the price inside where there is no road"
    )
    closed: bool = Field(False, description="Whether no way over land leads through")
    roads_closed: bool = Field(
        False, description="Whether no trench is laid along the roads inside either"
    )
    source: str = Field(NO_SOURCE, description="Where this is from")
    mark: Mark = Field("U", description="How sure it is, as in the price book")


class GroundSettings(Section):
    """[ground]: price classes by the values of rasters, ways over land, protected areas."""

    overland: bool = Field(
        False,
        description="Whether trench may leave the roads: for premises farther from every road than"
        " max_road_distance_m, and for roads that no road joins to the network (islands)",
    )
    max_overland_m: float = Field(
        5000.0,
        gt=0,
        description="No single way over land joins places farther apart than this, as the crow"
        " flies, m (U)",
    )
    cell_m: float = Field(
        20.0,
        gt=0,
        description="Side of the cells in which ways over land are looked for, m; a cell is what"
        " its middle is, so what is narrower may be missed (U)",
    )
    elsewhere: str = Field(
        "soft",
        description="Price item where there is no road and no class of land_cover says anything,"
        " or closed (U)",
    )
    lake: str | None = Field(
        None,
        examples=["lake_cable"],
        description="Price item of a metre across a lake ([sources.water]), of [prices.water];"
        " closed without one",
    )
    sea: str | None = Field(
        None,
        examples=["sea_cable"],
        description="The same where the water's kind is hav or sea",
    )
    slope_step_m: float = Field(
        50.0,
        gt=0,
        description="Slope along a road is that of steps no longer than this, m; shorter ones see"
        " the noise of the elevation (U)",
    )
    classes: list[GroundClass] = Field(
        default_factory=list, description="Kinds of ground by the values of rasters"
    )
    protected: list[ProtectedRule] = Field(
        default_factory=list, description="What protected areas do"
    )

    @model_validator(mode="after")
    def _classes_are_apart(self) -> GroundSettings:
        for one, other in combinations(self.classes, 2):
            if one.layer == other.layer and one.meets(other):
                msg = f"classes {one.name} and {other.name} of {one.layer} hold the same values"
                raise ValueError(msg)
            if one.layer == other.layer and one.name == other.name:
                msg = (
                    f"two classes of {one.layer} are called {one.name}; give all its values in one"
                )
                raise ValueError(msg)
        kinds = [rule.kind for rule in self.protected]
        for kind in kinds:
            if kinds.count(kind) > 1:
                msg = f"two rules are about protected areas of kind {kind or '(all others)'}"
                raise ValueError(msg)
        return self

    @property
    def matters(self) -> bool:
        """Whether anything here changes a price or a way."""
        return bool(self.overland or self.classes or self.protected)

    def items(self) -> list[tuple[str, str]]:
        """List every price item that is named, with the setting that names it."""
        named = [(key, getattr(self, key)) for key in ("elsewhere", "lake", "sea")]
        for one in self.classes:
            named.append((f"trench of class {one.name}", one.trench))
            named.append((f"overland of class {one.name}", one.overland))
        return [(where, item) for where, item in named if item is not None]

    def check(self, items: Iterable[str], sources: Iterable[str]) -> None:
        """Refuse settings that name a price or a file that is not there.

        Parameters
        ----------
        items : iterable of str
            Names of the price items per metre.
        sources : iterable of str
            Layers that have files.

        Raises
        ------
        ValueError
            In words for whoever wrote region.toml.
        """
        known, given = list(items), set(sources)
        for where, item in self.items():
            may_close = where == "elsewhere" or where.startswith("overland")
            if item in known or (item == CLOSED and may_close):
                continue
            if where == "elsewhere" and not self.overland:  # a default that is not used
                continue
            near = difflib.get_close_matches(item, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            table = "prices.water" if where in ("lake", "sea") else "prices.trench"
            msg = f"{where}: there is no price {item} in [{table}]; {hint}"
            raise ValueError(msg)
        for layer, source in LAYERS.items():
            named = [one.name for one in self.classes if one.layer == layer]
            if named and source not in given:
                msg = f"class {named[0]} is of {layer}, but there is no [sources.{source}]"
                raise ValueError(msg)
        if self.protected and "protected" not in given:
            msg = "[[ground.protected]] needs the areas: there is no [sources.protected]"
            raise ValueError(msg)


def _low(one: GroundClass) -> float:
    return float("-inf") if one.at_least is None else one.at_least


def _high(one: GroundClass) -> float:
    return float("inf") if one.below is None else one.below
