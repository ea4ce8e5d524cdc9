"""The price book: what building costs, who pays, and how sure each price is.

Every price carries unit, year, source and the mark of how sure it is: F found in a
published source, D arithmetic on found figures, S from the regions' own documents, I
inferred, U without a published source. A price may carry a range, for draws, with a mark
of its own, and the name of the group of prices that move together.

Trench prices by surface are all-in: trench, duct and cable. A region that knows the
parts gives digging alone under ``[prices.trench]`` and counts the further items by
giving each a ``quantity``. Cable in water has no price of ours, since no published one was
found: who lays it gives ``[prices.water]``.
"""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import pandas as pd
from bredband_gis.errors import GeodataError
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bredband.display import show_prices
from bredband.tables import SEGMENTS, TOTAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Mark = Literal["F", "D", "S", "I", "U"]
Scope = Literal["passed", "connected"]

NO_SOURCE: Final = "no published source"

SHARE: Final = "share"
"""Unit of a price that is a share, 0-1, of other costs."""

COUNTED_BY: Final = {
    "duct": "trench_m",
    "cable": "trench_m",
    "blowing": "trench_m",
    "permit": "trench_m",
    "manhole": "trench_km",
    "road_crossing": "trench_km",
    "splice": "premises",
    "node": "premises",
    "customer_equipment": "connection",
}
"""Further items and what each is counted by: its ``quantity`` is per one of these."""

UNITS: Final = {
    "duct": "SEK/m",
    "cable": "SEK/m",
    "blowing": "SEK/m",
    "permit": "SEK/m",
    "manhole": "SEK/each",
    "road_crossing": "SEK/each",
    "splice": "SEK/h",
    "node": "SEK/each",
    "customer_equipment": "SEK/each",
    "drop_fixed": "SEK/premises",
    "drop_per_m": "SEK/m",
    "colaying_contribution": "SEK/m",
    "own_contribution": "SEK/household",
    "operator_revenue": "SEK/household",
    "aid": "SEK/premises",
    "colaying_share": SHARE,
    "design_share": SHARE,
    "contingency_share": SHARE,
}
"""The unit that each price must have; trench is in SEK/m, take-up a share."""

CONNECTION_ONLY: Final = ("drop_fixed", "drop_per_m", "customer_equipment")
"""Costs that arise on the plot: none when homes are passed only (domain formula, I)."""

PAID_BY_CUSTOMERS: Final = ("own_contribution", "operator_revenue")
"""Paid for a household that is connected."""

_AGREED: Final = (*PAID_BY_CUSTOMERS, "colaying_contribution", "aid")
"""Amounts that somebody has agreed to pay: no price index moves them."""


class PriceError(GeodataError):
    """The price book is missing or not TOML, or an item is not in it."""


class Range(NamedTuple):
    """A price with the bounds that draws keep to, and the prices that it moves with."""

    value: float
    low: float
    high: float
    group: str


class Price(BaseModel):
    """A price with its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float = Field(ge=0, description="The price")
    unit: str = Field(description="Unit, e.g. SEK/m")
    source: str = Field(description="Where it is published, or 'no published source'")
    year: int | None = Field(None, description="Price year; left out where it is not known")
    mark: Mark = Field("U", description="F found, D arithmetic, S region's document, U unverified")
    low: float | None = Field(None, ge=0, description="Lower end of its range, for draws")
    high: float | None = Field(None, ge=0, description="Upper end of its range, for draws")
    range_mark: Mark | None = Field(None, description="How sure the range is; as mark when absent")
    group: str = Field("", description="Prices of the same group move together in draws")

    @model_validator(mode="after")
    def _range_holds_value(self) -> Price:
        if (self.low is None) != (self.high is None):
            msg = "a range needs both low and high"
            raise ValueError(msg)
        if self.low is not None and not self.low <= self.value <= (self.high or 0.0):
            msg = f"the value {self.value:g} lies outside its range {self.low:g}-{self.high:g}"
            raise ValueError(msg)
        return self

    @property
    def range(self) -> Range:
        """The value with its bounds; both are the value where no range is given."""
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        return Range(self.value, low, high, self.group)


class Item(Price):
    """A price of something that is counted: how many of it per metre, building or connection."""

    quantity: float = Field(
        1.0, ge=0, description="How many of it per unit of what it is counted by; 0: not counted"
    )


def _trench_prices() -> dict[str, Price]:
    none = NO_SOURCE + "; within the range that practitioners name: {}-{} SEK/m"
    prices = {
        name: Price(
            value=value, unit="SEK/m", source=none.format(low, high), mark="U",
            low=low, high=high, range_mark="U", group="digging",
        )
        for name, value, low, high in (
            ("asphalt", 600, 500, 1500),
            ("road_edge", 250, 150, 350),
            ("soft", 150, 100, 250),
            ("plough", 55, 30, 80),
            ("aerial", 85, 50, 120),
        )
    }  # fmt: skip
    prices["rock"] = Price(
        value=1000, unit="SEK/m", source=NO_SOURCE + "; practitioners name at least 1000 SEK/m",
        mark="U", group="digging",
    )  # fmt: skip
    return prices


def _surfaces() -> dict[str, str]:
    asphalt = ("residential", "living_street", "pedestrian", "footway", "cycleway")
    road = (
        "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link",
        "tertiary", "tertiary_link", "unclassified", "road", "service",
    )  # fmt: skip
    soft = ("track", "path", "bridleway")
    return {
        **dict.fromkeys(asphalt, "asphalt"),
        **dict.fromkeys(road, "road_edge"),
        **dict.fromkeys(soft, "soft"),
    }


def _take_up() -> dict[str, Price]:
    source = NO_SOURCE + ": everybody who is reached connects"
    return {TOTAL: Price(value=1.0, unit=SHARE, source=source, mark="U")}


def _item(value: float, unit: str, source: str, meaning: str, mark: Mark = "F", **more: Any) -> Any:
    """Give a field that is priced but not counted until the region says how many."""
    return Field(
        default_factory=lambda: Item(
            value=value, unit=unit, source=source, mark=mark, quantity=0.0, **more
        ),
        description=meaning,
    )


def _share(source: str, meaning: str) -> Any:
    return Field(
        default_factory=lambda: Price(value=0.0, unit=SHARE, source=source, mark="U"),
        description=meaning,
    )


_BLENDA: Final = "blendafiber.se, a village network (2009-2016): {}"


class Prices(BaseModel):
    """[prices]: what trench, drops and further items cost and who pays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    book: str | None = Field(
        None,
        examples=["prisbok.toml"],
        description="A TOML file with these same settings, relative to region.toml; what"
        " region.toml itself says goes before the book",
    )
    year: int | None = Field(
        None, ge=1990, le=2100, examples=[2024],
        description="Prices are recalculated to this year by the index; nothing is recalculated"
        " without an index",
    )  # fmt: skip
    index: dict[int, float] = Field(
        default_factory=dict,
        description="The region's own price index, year = index; no index is built in. Moves"
        " costs, not contributions and aid",
    )
    scope: Scope = Field(
        "connected",
        description="connected: to the house; passed: to the plot boundary, as PTS's aid has it: no"
        " drop, no customer equipment, and nobody who connects pays anything (I)",
    )
    takeup_threshold: float = Field(
        0.70, ge=0, le=1,
        description="Building is feasible from this take-up (I; Skurup's areas: 0.40, F)",
    )  # fmt: skip
    trench: dict[str, Price] = Field(
        default_factory=_trench_prices,
        min_length=1,
        description="Price per metre of trench, duct and cable, by surface or method",
    )
    water: dict[str, Price] = Field(
        default_factory=dict,
        description="Price per metre of cable in water, e.g. lake_cable and sea_cable, which"
        " [ground] names; none by default, since no published price was found",
    )
    surfaces: dict[str, str] = Field(
        default_factory=_surfaces, description="Road class = surface; others use other_surface"
    )
    other_surface: str = Field("road_edge", description="Surface of road classes not listed")
    duct: Item = _item(
        4,
        "SEK/m",
        _BLENDA.format("duct 16/12"),
        "Duct, m per m of trench (Blenda: 2.7, D); 0 where the trench price holds it",
    )
    cable: Item = _item(
        8,
        "SEK/m",
        _BLENDA.format("cable of 12 fibres"),
        "Cable, m per m of trench (Blenda: 2.0, D); 0 where the trench price holds it",
        low=5,
        high=16,
        range_mark="F",
    )
    blowing: Item = _item(
        2,
        "SEK/m",
        _BLENDA.format("blowing"),
        "Blowing of cable, m per m of trench (Blenda: 2.0, D)",
    )
    permit: Item = _item(
        14.32,
        "SEK/m",
        "byafiber.se: Trafikverket's fee, 0-2.5 m from the edge of the road",
        "Fee for lying in the road area, m per m of trench (1: all of it)",
        low=5.96,
        high=14.32,
        range_mark="F",
    )
    manhole: Item = _item(
        5900,
        "SEK/each",
        _BLENDA.format("manhole or joint with its set"),
        "Manholes and joints, number per km of trench (Blenda: 0.67, D)",
    )
    road_crossing: Item = _item(
        10000,
        "SEK/each",
        _BLENDA.format("passage of wall or road"),
        "Passages of roads and walls, number per km of trench (Blenda: 0.45, D)",
    )
    splice: Item = _item(
        750,
        "SEK/h",
        _BLENDA.format("hour of splicing"),
        "Splicing, hours per building reached (Blenda: 4.6, D)",
    )
    node: Item = _item(
        0,
        "SEK/each",
        NO_SOURCE,
        "Nodes, number per building reached, e.g. 0.01 for one per hundred",
        "U",
    )
    drop_fixed: Price = Field(
        default_factory=lambda: Price(
            value=5000,
            unit="SEK/premises",
            source="no published source: the low end of a range for the drop on the plot",
            mark="U",
            low=5000,
            high=15000,
            range_mark="U",
            group="drop",
        ),
        description="Each drop, whatever its length",
    )
    drop_per_m: Price = Field(
        default_factory=lambda: Price(
            value=90,
            unit="SEK/m",
            source="byafiber.se, digging, the middle of its three scenarios",
            mark="F",
            low=70,
            high=110,
            range_mark="F",
            group="digging",
        ),
        description="Each metre of drop between the road and the premises",
    )
    customer_equipment: Item = _item(
        1000,
        "SEK/each",
        _BLENDA.format("customer equipment"),
        "Equipment at the customer, number per connection (1); only when connected",
    )
    design_share: Price = _share(NO_SOURCE, "Design and project management, share of all costs")
    contingency_share: Price = _share(NO_SOURCE, "Contingency, share of all costs")
    colaying_share: Price = _share(
        NO_SOURCE + ": nothing is laid together", "Share of the trench that is dug with others"
    )
    colaying_contribution: Item = _item(
        27.5,
        "SEK/m",
        _BLENDA.format("contribution to ducts"),
        "What another party pays per metre that is laid together; where not counted, it pays"
        " all digging of these metres",
    )
    takeup: dict[str, Price] = Field(
        default_factory=_take_up,
        min_length=1,
        description="Share of those reached who connect: total, or by segment with total for the"
        " rest",
    )
    own_contribution: Price = Field(
        default_factory=lambda: Price(
            value=20000,
            unit="SEK/household",
            source="Region Skåne's cost sketch, December 2017",
            year=2017,
            mark="S",
            low=15000,
            high=30000,
            range_mark="F",
        ),
        description="Paid by each household that is built to",
    )
    operator_revenue: Price = Field(
        default_factory=lambda: Price(
            value=10000,
            unit="SEK/household",
            source="Region Skåne's cost sketch, December 2017",
            year=2017,
            mark="S",
        ),
        description="Paid by the operator for each household that is built to",
    )
    aid: Item = _item(
        74000,
        "SEK/premises",
        "PTS, aid granted 2023 per building (news of 24 November 2023)",
        "Aid per building that is reached, whatever it costs; last year's mean is no forecast",
        "D",
        year=2023,
    )

    @model_validator(mode="before")
    @classmethod
    def _items_are_known(cls, content: Any) -> Any:
        if isinstance(content, dict):
            for name in content:
                if name not in cls.model_fields:
                    raise ValueError(_unknown(str(name), cls.model_fields))
        return content

    @model_validator(mode="after")
    def _fits_together(self) -> Prices:
        unknown = ({*self.surfaces.values(), self.other_surface}) - set(self.trench)
        if unknown:
            msg = (
                f"surface {', '.join(sorted(unknown))} has no price in [prices.trench], which has"
                f" {', '.join(self.trench)}"
            )
            raise ValueError(msg)
        twice = set(self.trench) & set(self.water)
        if twice:
            msg = f"{min(twice)} is both in [prices.trench] and in [prices.water]"
            raise ValueError(msg)
        strange = set(self.takeup) - {TOTAL, *SEGMENTS}
        if strange:
            msg = f"takeup.{min(strange)} is none of {', '.join((TOTAL, *SEGMENTS))}"
            raise ValueError(msg)
        for name, price in self._all():
            wanted = _unit_of(name)
            if price.unit.replace("kr/", "SEK/") != wanted:
                msg = f"{name} is in {wanted}, not in {price.unit}"
                raise ValueError(msg)
            if wanted == SHARE and max(price.range[:3]) > 1:
                msg = f"{name} is a share from 0 to 1: write 0.05 for 5 %"
                raise ValueError(msg)
        self._check_colaying()
        self._recalculate()
        return self

    def _check_colaying(self) -> None:
        paid = self.colaying_contribution
        dug = min(self.trench, key=lambda name: self.trench[name].value)
        if paid.quantity and paid.value * paid.quantity > self.trench[dug].value:
            msg = (
                f"colaying_contribution {paid.value:g} SEK/m is more than the trench itself costs"
                f" (trench.{dug}: {self.trench[dug].value:g})"
            )
            raise ValueError(msg)

    def _recalculate(self) -> None:
        """Bring costs to the price year; once there, a price stays as it is."""
        if not self.index:
            return
        if self.year is None or self.year not in self.index:
            msg = (
                "index needs year: the year to recalculate to"
                if self.year is None
                else f"index holds no {self.year}, the year to recalculate to"
            )
            raise ValueError(msg)
        changed: dict[str, Any] = {}
        for name, price in self._all():
            head, _, part = name.partition(".")
            head = "water" if head == "trench" and part in self.water else head
            moved = head not in _AGREED and price.unit != SHARE
            if not moved or price.year in (None, self.year) or not _is_counted(price):
                continue
            if price.year not in self.index:
                msg = f"index holds no {price.year}, the year of {name}"
                raise ValueError(msg)
            now = _moved(price, self.index[self.year] / self.index[price.year], self.year)
            if part:
                changed.setdefault(head, dict(getattr(self, head)))[part] = now
            else:
                changed[head] = now
        # The model is frozen for everybody else.
        self.__dict__.update(changed)

    @property
    def per_metre(self) -> dict[str, Price]:
        """The prices of a metre of new way: trench by surface, and cable in water."""
        return {**self.trench, **self.water}

    def _all(self) -> list[tuple[str, Price]]:
        return [
            *((f"trench.{name}", price) for name, price in self.per_metre.items()),
            *((name, getattr(self, name)) for name in UNITS),
            *((f"takeup.{name}", price) for name, price in self.takeup.items()),
        ]

    def items(self, surfaces: Iterable[str] | None = None) -> dict[str, Price]:
        """List the prices that count by their names, e.g. ``trench.soft``, ``duct``.

        Parameters
        ----------
        surfaces : iterable of str, optional
            Only these surfaces' trench; all of them by default.

        Returns
        -------
        dict
            Items with a quantity, shares with a value or a range, and those that the
            scope includes.
        """
        wanted = set(self.per_metre if surfaces is None else surfaces)
        passed = self.scope == "passed"
        left_out = {*CONNECTION_ONLY, *PAID_BY_CUSTOMERS} if passed else set()
        if not max(self.colaying_share.range[:3]):
            left_out.add("colaying_contribution")
        return {
            name: price
            for name, price in self._all()
            if name not in left_out
            and _is_counted(price)
            and not (passed and name.startswith("takeup."))
            and (not name.startswith("trench.") or name.removeprefix("trench.") in wanted)
        }

    def ranges(self, surfaces: Iterable[str] | None = None) -> dict[str, Range]:
        """Give the prices that count with their bounds and groups, for draws.

        Returns
        -------
        dict
            As :meth:`items`; (value, low, high, group), low and high the value where
            no range is given.
        """
        return {name: price.range for name, price in self.items(surfaces).items()}

    def get(self, name: str) -> Price:
        """Give a price by its name, e.g. ``trench.soft`` or ``duct``.

        Raises
        ------
        PriceError
            There is no such item.
        """
        known = dict(self._all())
        if name not in known:
            raise PriceError(_unknown(name, known), where="prices", fix="correct the name")
        return known[name]

    def unsourced(self, surfaces: Iterable[str] | None = None) -> list[str]:
        """List the prices that count and have no published source."""
        return [name for name, price in self.items(surfaces).items() if price.mark in "UI"]

    def years(self, surfaces: Iterable[str] | None = None) -> dict[int | None, list[str]]:
        """List the costs that count by their price year, known years first."""
        found: dict[int | None, list[str]] = {}
        for name, price in self.items(surfaces).items():
            if price.unit != SHARE and name not in _AGREED:
                found.setdefault(price.year, []).append(name)
        return dict(sorted(found.items(), key=lambda item: (item[0] is None, item[0] or 0)))

    def sum_of(self, counted_by: str) -> float:
        """Add up the further items per m or km of trench, per building or per connection, SEK."""
        items: list[Item] = [
            getattr(self, name)
            for name, basis in COUNTED_BY.items()
            if basis == counted_by and not (self.scope == "passed" and name in CONNECTION_ONLY)
        ]
        return sum((item.value * item.quantity for item in items), 0.0)

    def takeup_of(self, segment: pd.Series[str]) -> pd.Series[float]:
        """Give the take-up of each premises' segment; total where its segment has none.

        Raises
        ------
        PriceError
            A premises has a segment without take-up, and there is none for the total.
        """
        shares = {name: price.value for name, price in self.takeup.items()}
        if set(shares) == {TOTAL}:
            return pd.Series(shares[TOTAL], index=segment.index)
        found = segment.astype("object").map(shares).astype("float64")
        if TOTAL in shares:
            return found.fillna(shares[TOTAL])
        if found.isna().any():
            first = segment[found.isna()].iloc[0]
            name = TOTAL if pd.isna(first) else first
            msg = f"there is no take-up for {name}"
            raise PriceError(msg, where="prices.takeup", fix="give takeup.total for the rest")
        return found

    def _repr_html_(self) -> str:
        return show_prices(self)


def read_book(content: Mapping[str, Any], *, folder: Path) -> dict[str, Any]:
    """Lay a region's [prices] over the price book that it names.

    Tables of several prices (trench, surfaces, takeup, index) are laid over each other
    key by key; a price itself is taken whole, so that no source stands beside a value
    that is not its own.

    Parameters
    ----------
    content : mapping
        ``[prices]`` of region.toml.
    folder : Path
        Folder of region.toml.

    Returns
    -------
    dict
        ``[prices]`` with the book in it; a copy of the content where it names none.

    Raises
    ------
    PriceError
        The book is missing, is not TOML or names another book.
    """
    name = content.get("book")
    if name is None:
        return dict(content)
    path = folder / str(name)
    try:
        book = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        msg = "there is no such price book"
        fix = "correct book under [prices], or write the file"
        raise PriceError(msg, where=str(path), fix=fix) from None
    except UnicodeDecodeError as error:
        msg = f"the file is not UTF-8 (byte {error.start})"
        raise PriceError(msg, where=str(path), fix="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        msg = f"not valid TOML: {error}"
        raise PriceError(msg, where=str(path), fix="correct the file") from None
    book = book.get("prices", book) if len(book) == 1 else book
    if "book" in book:
        msg = "a price book may not name another"
        raise PriceError(msg, where=str(path), fix="take the line away")
    for key in book:
        if key not in Prices.model_fields:
            raise PriceError(_unknown(key, Prices.model_fields), where=str(path),
                             fix="correct the name")  # fmt: skip
    both = {**book, **content}
    for key in ("trench", "water", "surfaces", "takeup", "index"):
        if isinstance(book.get(key), dict) and isinstance(content.get(key), dict):
            both[key] = {**book[key], **content[key]}
    return both


def _unit_of(name: str) -> str:
    head = name.partition(".")[0]
    return {"trench": "SEK/m", "takeup": SHARE}.get(head) or UNITS[name]


def _is_counted(price: Price) -> bool:
    if isinstance(price, Item) and not price.quantity:
        return False
    return price.unit != SHARE or max(price.range[:3]) > 0


def _moved(price: Price, factor: float, year: int) -> Price:
    found = f"{price.value:g} {price.unit} of {price.year} by the region's price index"
    return price.model_copy(
        update={
            "value": price.value * factor,
            "low": None if price.low is None else price.low * factor,
            "high": None if price.high is None else price.high * factor,
            "year": year,
            "mark": "D" if price.mark in "FS" else price.mark,
            "source": f"{price.source}; {found}",
        }
    )


def _unknown(name: str, known: Iterable[str]) -> str:
    listed = list(known)
    near = difflib.get_close_matches(name, listed, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(listed)}"
    return f"there is no item {name}; {hint}"
