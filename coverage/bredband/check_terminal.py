"""The report of the data quality check at the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table

from bredband.check_registry import describe_rules, rule_texts
from bredband.text import words

if TYPE_CHECKING:
    from rich.console import Console

    from bredband.checks import Report
    from bredband.text import Words

COLOURS: Final = {"error": "red", "warning": "yellow", "info": "cyan"}


def show_report(console: Console, report: Report, *, every_file: bool = False) -> None:
    """Print what is wrong or odd with the files, the gravest first, and the rows in and out.

    Parameters
    ----------
    console : Console
        Where to.
    report : Report
        From :func:`bredband.checks.check_region`.
    every_file : bool
        Show the rows of every file, not only of those with rows set aside.
    """
    said, texts = words(report.language, plain=True), rule_texts(report.language).report
    heads = {"error": texts["errors"], "warning": texts["warnings"], "info": texts["infos"]}
    for severity, colour in COLOURS.items():
        listed = [finding for finding in report.findings if finding.severity == severity]
        if not listed:
            continue
        console.print(f"[bold {colour}]{heads[severity]}[/] ({len(listed)})", highlight=False)
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for finding in listed:
            place = ", ".join(
                part for part in (
                    finding.file,
                    f"{said.table.layer.casefold()} {finding.layer}" if finding.layer else "",
                    said.count(finding.rows, "row") if finding.rows else "",
                ) if part
            )  # fmt: skip
            message = escape(f"{place}: {finding.message}" if place else finding.message)
            fix = f"\n[dim]{escape(finding.fix)}[/]" if finding.fix else ""
            table.add_row(f"[{colour}]{finding.rule}[/]", message + fix)
        console.print(table, highlight=False)
    _show_counts(console, report, said, every_file=every_file)
    closing = (
        said.fill("cli.errors", n=report.errors)
        if report.errors
        else said.fill("cli.no_error", files=len(report.region.sources.items()))
    )
    console.print(closing, highlight=False)


def _show_counts(console: Console, report: Report, said: Words, *, every_file: bool) -> None:
    """Print how many rows of each file are used and set aside, and why."""
    counts, texts = report.counts, rule_texts(report.language).report
    if not every_file:
        counts = counts[(counts["set_aside"].fillna(0) > 0) | ~counts["adds_up"].fillna(True)]
    if counts.empty:
        return
    table = Table(title=texts["counts"], box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(texts["file"], overflow="fold")
    for key in ("rows_in", "used", "set_aside"):
        table.add_column(texts[key], justify="right")
    table.add_column(texts["reasons"], overflow="fold")
    for row in counts.itertuples(index=False):
        numbers = [_number(said, n) for n in (row.rows_in, row.used, row.set_aside)]
        table.add_row(escape(str(row.file)), *numbers, escape(str(row.reasons)))
    console.print(table)


def _number(said: Words, value: object) -> str:
    return said.number(None if value is pd.NA else float(str(value)))


def show_rules(console: Console, language: str) -> None:
    """Print every rule of the check: id, severity, what it looks for, why, and what to do."""
    said, texts = words(language, plain=True), rule_texts(language).report
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(texts["rule"], no_wrap=True)
    table.add_column(texts["severity"])
    table.add_column(f"{texts['looks_for']}. {texts['why']}. {texts['fix']}.", overflow="fold")
    for rule in describe_rules(language):
        colour = COLOURS[rule["severity"]]
        words_ = f"{rule['looks_for']} {rule['why']} [dim]{escape(rule['fix'])}[/]"
        table.add_row(f"[{colour}]{rule['id']}[/]", said.severity[rule["severity"]], words_)
    console.print(table, highlight=False)
