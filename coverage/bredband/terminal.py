"""What a run tells the person at the terminal: short tables, and where to look next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bredband_gis.pages import Connection
from rich import box
from rich.markup import escape
from rich.table import Table

from bredband.fetch import HEADERS, region_lines
from bredband.phrases import translate
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pandas as pd
    from rich.console import Console

    from bredband.fetch import Fetched
    from bredband.results import Results
    from bredband.text import Words


def show_results(console: Console, results: Results, out: Path, *, seconds: float) -> None:
    """Print what the region has, what the rest costs, and the files to open."""
    region = results.region
    said = words(region.region.language, plain=True)
    console.print(summary_table(results.coverage, results.cost, said,
                                speed=region.definitions.target_speed_mbit))  # fmt: skip
    for note in _notes(results, said):
        console.print(note, highlight=False, soft_wrap=True)
    console.print(said.fill("cli.done", seconds=said.number(seconds, 1)), highlight=False)
    for label, names in (
        (said.cli.map, ["map.html"]),
        (said.cli.report, ["report.html"]),
        (said.cli.tables, ["tables.xlsx", "bredband.gpkg", "priority_areas.geojson",
                           "bredband.duckdb"]),
    ):  # fmt: skip
        for name in names:
            if not (out / name).exists():
                continue
            console.print(f"{label}: {escape(str(out / name))}", highlight=False, soft_wrap=True)


def summary_table(coverage: pd.DataFrame, cost: pd.DataFrame, said: Words, *, speed: int) -> Table:
    """Lay out the municipalities' shares and costs, the region last.

    Parameters
    ----------
    coverage : DataFrame
        ``tables.STATISTICS``.
    cost : DataFrame
        ``tables.COST``.
    said : Words
        The language.
    speed : int
        Download speed that the shares are for, Mbit/s.
    """
    rows = coverage[
        (coverage["base"] == "households")
        & (coverage["segment"] == "total")
        & (coverage["speed_mbit"] == speed)
        & coverage["area_kind"].isin(("municipality", "region"))
    ]
    shares = rows.pivot_table("share", ["area_kind", "area_code"], "measure", dropna=False)
    total = rows.drop_duplicates(["area_kind", "area_code"]).set_index(["area_kind", "area_code"])
    year = int(rows["year"].iloc[0]) if len(rows) else ""
    table = Table(
        title=said.fill("table.coverage_title", speed=said.speed(speed), year=year),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    # Short headings with the unit in them: eight columns must fit an ordinary terminal.
    table.add_column(said.table.municipality, no_wrap=True)
    for key in ("households", "connected", "passed", "unserved", "trench", "gap", "gap_each"):
        table.add_column(said.summary[key], justify="right")
    for row in cost.itertuples(index=False):
        place = (row.area_kind, row.area_code)
        last = row.area_kind == "region"
        if last:
            table.add_section()
        table.add_row(
            escape(str(row.area_name)),
            said.number(total.loc[place, "total"]),  # type: ignore[index, arg-type]
            said.percent(shares.loc[place, "connected"]),  # type: ignore[index, arg-type]
            said.percent(shares.loc[place, "passed"]),  # type: ignore[index, arg-type]
            said.number(row.unserved_households),  # type: ignore[arg-type]
            said.number(float(row.trench_m) / 1e3, 1),  # type: ignore[arg-type]
            said.number(float(row.support_sek) / 1e6, 1),  # type: ignore[arg-type]
            said.number(round(float(row.gap_per_household_sek), -2)),  # type: ignore[arg-type]
            style="bold" if last else None,
        )
    return table


def _notes(results: Results, said: Words) -> list[str]:
    """Say what a reader must know to read the figures rightly."""
    whole = results.cost[results.cost["area_kind"] == "region"].iloc[0]
    notes = []
    made_up = list(dict.fromkeys(
        str(file["layer"]) for file in results.inputs.files if file["provenance"] == "synthetic"
    ))  # fmt: skip
    if made_up:
        what = said.join([said.synthetic[layer] for layer in made_up])
        notes.append(f"[yellow]{said.fill('cli.synthetic', what=what)}[/]")
    if whole["planned_households"]:
        planned = said.count(whole["planned_households"], "household")
        notes.append(said.fill("cli.left_to_market", planned=planned))
    if whole["unreached_premises"]:
        reach = results.premises["reach"].value_counts()
        notes.append(
            said.fill(
                "cli.not_reached",
                households=said.count(whole["unreached_households"], "household"),
                premises=said.count(whole["unreached_premises"], "premises"),
                no_road=said.number(int(reach.get("no_road", 0))),
                no_fibre=said.number(int(reach.get("no_fibre", 0))),
            )
        )
    warnings = sum(finding.severity == "warning" for finding in results.inputs.findings)
    if warnings:
        notes.append(
            said.fill("cli.findings", n=said.number(warnings), folder=results.region.folder)
        )
    if len(results.inputs.set_aside):
        rows = said.count(len(results.inputs.set_aside), "row")
        notes.append(said.fill("cli.set_aside", rows=rows))
    guessed = results.region.prices.unsourced(results.trench["surface"].unique())
    if guessed:
        what = said.join([said.price_item(name) for name in guessed])
        notes.append(said.fill("cli.prices_unsourced", what=what))
    return notes


@contextmanager
def fetching(console: Console | None, *, language: str) -> Iterator[Connection]:
    """Show how far a fetch has come while the block runs, where there is a terminal."""
    if console is None or not console.is_terminal:
        yield Connection(headers=HEADERS)
        return
    said = words(language, plain=True)
    with console.status("") as status:

        def tell(name: str, got: int, total: int | None) -> None:
            size = _megabytes(got, said) + (f" / {_megabytes(total, said)}" if total else "")
            status.update(escape(said.fill("fetch.getting", name=name, size=size)))

        yield Connection(headers=HEADERS, progress=tell)


def show_fetched(
    console: Console | None,
    fetched: Iterable[Fetched],
    out: Path,
    *,
    language: str,
    folder: Path | None = None,
) -> None:
    """Print what was saved, and what to write in region.toml."""
    if console is None:
        return
    said = words(language, plain=True)
    listed = list(fetched)

    def say(text: str) -> None:
        console.print(escape(text), highlight=False, soft_wrap=True)

    for one in listed:
        size = _megabytes(one.path.stat().st_size, said)
        say(said.fill("fetch.saved", path=one.path, rows=said.count(one.rows, "row"), size=size))
        for note in one.notes:
            say("  " + said.fill("fetch.note", note=translate(note, language)))
    lines = [text for text in (region_lines(one, folder=folder) for one in listed) if text]
    if lines:
        say(f"\n{said.fetch.lines}\n")
        say("\n\n".join(lines))
    elif listed:
        say(said.fill("fetch.compare", path=out))


def _megabytes(size: int, said: Words) -> str:
    return f"{said.number(size / 1e6, 2)} MB"
