"""What a comparison of two results tells the person at the terminal: warnings first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.markup import escape
from rich.table import Table

from bredband.changed import CHANGES
from bredband.text import words

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.console import Console

    from bredband.deliveries import Change
    from bredband.text import Words

_COLOURS: Final = {"error": "red", "warning": "yellow", "info": "cyan"}


def show_change(
    console: Console, change: Change, *, out: Path | None, measure: str, language: str
) -> None:
    """Print what to beware of, the municipalities' points, and how many premises changed."""
    said = words(language, plain=True)
    for finding in change.warnings:
        console.print(
            f"[{_COLOURS[finding.severity]}]{said.severity[finding.severity]}[/] "
            f"[dim]{finding.rule}[/] {escape(finding.message)}",
            highlight=False,
            soft_wrap=True,
        )
        if finding.fix:
            console.print(f"    {escape(finding.fix)}", highlight=False, soft_wrap=True)
    names = [str(facts.year) for facts in (change.before, change.after)]
    if names[0] == names[1]:
        names = [said.change.then, said.change.now]
    console.print(
        points_table(change.table, said, measure=measure, speed=change.speed_mbit, names=names)
    )
    console.print(said.change.explained, highlight=False, soft_wrap=True)
    kinds = change.premises["change"].value_counts()
    counts = {kind: said.number(int(kinds.get(kind, 0))) for kind in CHANGES}
    console.print(said.fill("change.premises", **counts), highlight=False, soft_wrap=True)
    if out is not None:
        written = said.fill("change.written", path=out)
        internal = said.fill("change.internal", name="changed_premises")
        console.print(escape(f"{written}. {internal}"), highlight=False, soft_wrap=True)


def points_table(
    change: pd.DataFrame, said: Words, *, measure: str, speed: int, names: list[str]
) -> Table:
    """Lay out the municipalities' shares then and now and what moved them, the region last.

    Parameters
    ----------
    change : DataFrame
        ``tables.CHANGE``.
    said : Words
        The language.
    measure, speed : str, int
        Which rows, households.
    names : list of str
        What to call then and now, e.g. the years.
    """
    rows = change[
        (change["base"] == "households")
        & (change["segment"] == "total")
        & (change["measure"] == measure)
        & (change["speed_mbit"] == speed)
        & change["area_kind"].isin(("municipality", "region"))
    ]
    rows = rows.sort_values("area_kind", kind="stable")  # municipality, then region
    title = said.fill(
        "change.title", measure=said.measure[measure], speed=said.speed(speed), before=names[0],
        after=names[1],
    )  # fmt: skip
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(said.table.municipality, no_wrap=True)
    for key, name in (
        ("total_after", names[1]), ("share_before", names[0]), ("share_after", names[1]),
        ("points", ""), ("points_same", ""), ("points_recounted", ""), ("points_new_gone", ""),
    ):  # fmt: skip
        table.add_column(said.fill(f"change.{key}", year=name), justify="right", no_wrap=True)
    for row in rows.to_dict("records"):
        last = row["area_kind"] == "region"
        if last:
            table.add_section()
        table.add_row(
            escape(str(row["area_name"])),
            said.number(row["total_after"]),
            *(said.percent(row[name]) for name in ("share_before", "share_after")),
            *(
                _signed(row[name], said)
                for name in ("points", "points_same", "points_recounted", "points_new_gone")
            ),
            style="bold" if last else None,
        )
    return table


def _signed(points: float, said: Words) -> str:
    text = said.number(points, 1)
    return f"+{text}" if points > 0 and any(c in "123456789" for c in text) else text
