"""What a bill of quantities and a cost sketch tell the person at the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table

from bredband.cost import REACHED
from bredband.quantities import add_up
from bredband.text import words

if TYPE_CHECKING:
    from rich.console import Console

    from bredband.bills import Built, Listed
    from bredband.cost import Sketch
    from bredband.prices import Prices
    from bredband.text import Words


def show_built(
    console: Console, built: Built, bill: pd.DataFrame, prices: Prices, *, language: str
) -> None:
    """Print the bill of each area of a run, and what to know to read it rightly.

    Parameters
    ----------
    console : Console
        Where.
    built : Built
        The run.
    bill : DataFrame
        ``tables.BILL`` with area columns; a table is printed per area.
    prices : Prices
        That the bill was priced with.
    language : {"sv", "en"}
        Of headings.
    """
    said = words(language, plain=True)
    for _, rows in bill.groupby(["area_kind", "area_code"], sort=False):
        kind, code, name = rows[["area_kind", "area_code", "area_name"]].iloc[0]
        console.print(bill_table(rows, said, name=str(name)))
        met = built.premises[built.premises["reach"].isin(REACHED)]
        if kind == "municipality":
            met = met[met["municipality_code"] == code]
        elif kind == "areas":
            met = met[met["area_id"].isin(str(code).split(", "))]
        homes = int(met["households"].sum())
        left = add_up(rows).left_sek
        _say(
            console,
            said.fill(
                "bill.per_household",
                left=said.number(left / homes if homes else None),
                households=said.number(homes),
                premises=said.number(len(met)),
            ),
        )
    used = [
        name.removeprefix("trench.") for name in bill["item"].unique() if name.startswith("trench.")
    ]
    if built.provenance != "real":
        console.print(f"[yellow]{escape(said.bill.synthetic)}[/]", highlight=False, soft_wrap=True)
    _say(console, said.bill[f"scope_{prices.scope}"])
    if prices.scope == "connected":
        shares = [f"{said.percent(price.value)} ({_place(said, name)})"
                  for name, price in prices.takeup.items()]  # fmt: skip
        threshold = said.percent(prices.takeup_threshold)
        _say(console, said.fill("bill.takeup", share=said.join(shares), threshold=threshold))
    _say(console, said.bill.all_in)
    _show_prices(console, prices, used, said)


def show_listed(console: Console, listed: Listed, *, language: str) -> None:
    """Print the bill of a list and what it comes to per connection."""
    said = words(language, plain=True)
    console.print(bill_table(listed.bill, said, name=listed.name))
    sums = add_up(listed.bill, connections=listed.connections)
    if sums.connections:
        _say(
            console,
            said.fill(
                "bill.each",
                cost=said.number(sums.cost_each_sek),
                left=said.number(sums.left_each_sek),
                connections=said.number(sums.connections),
            ),
        )
    _say(console, said.bill.marks)


def show_sketch(console: Console, sketch: Sketch, share: float, *, language: str) -> None:
    """Print a cost sketch line by line."""
    said = words(language, plain=True)
    table = Table(title=said.bill.sketch, box=box.SIMPLE_HEAD, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    left = sketch.remaining
    table.add_row(
        said.fill("bill.sketch_remaining", share=said.percent(share),
                  households=said.number(sketch.households)),
        said.number(left),
    )  # fmt: skip
    for key, value in (
        ("sketch_cost", sketch.cost_sek), ("sketch_own", -sketch.own_sek),
        ("sketch_operator", -sketch.operator_sek), ("sketch_gap", sketch.gap_sek),
    ):  # fmt: skip
        each = said.number(abs(value) / left if left else None)
        if key == "sketch_gap":
            table.add_section()
            each = said.number(sketch.gap_per_household_sek)
        table.add_row(said.fill(f"bill.{key}", each=each), said.money(value),
                      style="bold" if key == "sketch_gap" else None)  # fmt: skip
    console.print(table)


def bill_table(bill: pd.DataFrame, said: Words, *, name: str) -> Table:
    """Lay out one bill: items with quantity, unit price, cost and mark, then the sums.

    Parameters
    ----------
    bill : DataFrame
        ``tables.BILL`` of one area.
    said : Words
        The language.
    name : str
        Of the area or the list.
    """
    text = said.bill
    table = Table(
        title=escape(said.fill("bill.title", name=name)), box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column(text.item)  # wraps, so that no figure is cut off
    for heading in (text.quantity, text.unit, text.price, text.cost, text.year, text.mark):
        side = "left" if heading in (text.unit, text.mark) else "right"
        table.add_column(heading, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in bill.to_dict("records"):
        year = row["year"]
        table.add_row(
            escape(said.price_item(str(row["item"]))),
            _short(row["quantity"], said, decimals=1),
            escape(said.item_unit.get(str(row["unit"]), str(row["unit"]))),
            _short(row["price"], said),
            said.number(row["cost_sek"]),
            said.missing if pd.isna(year) else str(year),
            escape(str(row["mark"])),
        )
    sums = add_up(bill)
    table.add_section()
    table.add_row(text.sum_cost, "", "", "", said.number(sums.cost_sek), style="bold")
    if sums.paid_sek:
        table.add_row(text.sum_paid, "", "", "", said.number(-sums.paid_sek))
        table.add_row(text.sum_left, "", "", "", said.number(sums.left_sek), style="bold")
    return table


def _show_prices(console: Console, prices: Prices, surfaces: list[str], said: Words) -> None:
    """Say of what years the costs are, and which prices nobody has published."""
    parts = []
    for year, names in prices.years(surfaces).items():
        key = "bill.year_of" if year is not None else "bill.year_unknown"
        items = ", ".join(said.price_item(name) for name in names)
        parts.append(said.fill(key, year=year, items=items))
    _say(console, said.fill("bill.years", what="; ".join(parts)))
    if prices.year is not None and not prices.index:
        _say(console, said.fill("bill.not_moved", year=prices.year))
    guessed = prices.unsourced(surfaces)
    if guessed:
        listed = said.join([said.price_item(name) for name in guessed])
        _say(console, said.fill("cli.prices_unsourced", what=listed))
    _say(console, said.bill.marks)


def _short(value: float, said: Words, *, decimals: int = 2) -> str:
    whole = value == round(value) or abs(value) >= 1000
    return said.number(value, 0 if whole else decimals)


def _place(said: Words, segment: str) -> str:
    return said.segment.get(segment, segment).casefold()


def _say(console: Console, text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
