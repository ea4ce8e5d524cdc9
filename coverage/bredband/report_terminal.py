"""``bredband report``: the report of a finished result, as a page and as PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    import pandas as pd

    from bredband.deliveries import Change

NAME = "report.html"
"""What the report is called where no name is given."""

_FOLDER = click.Path(path_type=Path, file_okay=False)
_NEW_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--out", type=_NEW_FILE, help=f"The page.  [default: FOLDER/{NAME}]")
@click.option(
    "--pdf", type=_NEW_FILE, help="Also print it to this PDF, by Chromium, Chrome or Edge."
)
@click.option("--changed", "earlier", type=_FOLDER,
              help="An earlier result: tell what has changed since.")  # fmt: skip
@click.option("--lang", type=click.Choice(["sv", "en"]), help="Language.  [default: the result's]")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
def report(
    folder: Path, out: Path | None, pdf: Path | None, earlier: Path | None, lang: str | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Write the report of the results in FOLDER: a page for boards and planners."""
    from bredband.report import READS, write_pdf, write_report
    from bredband.report_blocks import report_words
    from bredband.stored import read_manifest, read_tables

    manifest = read_manifest(folder)
    tables = read_tables(folder, READS)
    settings = manifest["settings"].get("region", {})
    language = lang or str(settings.get("language", "sv"))
    if earlier is not None:
        tables |= _changed(earlier, folder, language)
    page = out or folder / NAME
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
