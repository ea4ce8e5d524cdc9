"""``bredband report``: the report of a finished result, as a page and as PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

from bredband.options import (
    FOLDER,
    LANGUAGE,
    NEW_FILE,
    beside,
    spare_result,
    speak_as,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bredband.deliveries import Change


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=NEW_FILE,
              help="The page.  [default: FOLDER-report.html beside the folder]")  # fmt: skip
@click.option(
    "--pdf", type=NEW_FILE, help="Also print it to this PDF, by Chromium, Chrome or Edge."
)
@click.option("--changed", "earlier", type=FOLDER,
              help="An earlier result: tell what has changed since.")  # fmt: skip
@click.option("--lang", type=LANGUAGE, help="Language.  [default: the result's]")
@click.option("--internal", is_flag=True, help="Small groups too, not for spreading.")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
def report(
    folder: Path, out: Path | None, pdf: Path | None, earlier: Path | None, lang: str | None,
    internal: bool, quiet: bool,
) -> None:  # fmt: skip
    """Write the report of the results in FOLDER: a page for boards and planners."""
    from bredband.audience import seen_by
    from bredband.report import READS, write_pdf, write_report
    from bredband.report_blocks import report_words
    from bredband.stored import read_manifest, read_tables

    manifest = read_manifest(folder)
    tables = read_tables(folder, READS)
    language = speak_as(manifest, lang)
    page = out or beside(folder, "internal-report.html" if internal else "report.html")
    spare_result(page, folder, manifest)
    if internal:
        manifest = seen_by(manifest, "internal")
    if earlier is not None:
        tables |= _changed(earlier, folder, language)
    write_report(tables, manifest, page, language=language)
    written = [page]
    if pdf is not None:
        write_pdf(page, pdf)
        written.append(pdf)
    if quiet:
        return
    said = report_words(language, plain=True)
    for path in written:
        text = said.fill("terminal.written", path=path)
        Console().print(escape(text), highlight=False, soft_wrap=True)


def _changed(earlier: Path, folder: Path, language: str) -> dict[str, pd.DataFrame]:
    """Compare two results, as tables for the report."""
    from bredband.deliveries import compare_runs, read_run

    return change_tables(compare_runs(read_run(earlier), read_run(folder), language=language))


def change_tables(change: Change) -> dict[str, pd.DataFrame]:
    """Give a comparison as the tables that the report reads.

    Parameters
    ----------
    change : Change
        From :func:`bredband.deliveries.compare_runs`.

    Returns
    -------
    dict of DataFrame
        ``change`` (``tables.CHANGE``) and ``change_warnings`` (severity, message, fix).
    """
    import pandas as pd

    columns = ("severity", "message", "fix")
    warnings = [{name: getattr(one, name) for name in columns} for one in change.warnings]
    return {"change": change.table, "change_warnings": pd.DataFrame(warnings, columns=columns)}
