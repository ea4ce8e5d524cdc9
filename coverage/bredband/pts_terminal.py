"""``bredband pts``: check a submission to PTS, merge municipalities' priorities, write one.

The group is added to the command line as it is; what its commands need is imported when they
run, so that --help answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bredband.options import FILE, FOLDER, LANGUAGE, NEW_FILE, speak

if TYPE_CHECKING:
    import pandas as pd

    from bredband.pts_rules import PtsRules
    from bredband.submission import Submission
    from bredband.submission_check import Checked
    from bredband.submission_lists import RunFacts
    from bredband.submission_merge import Merged

_EACH: Final = 5
"""Features per finding that are shown without --verbose."""

_COLOURS: Final = {"error": "red", "warning": "yellow", "info": "cyan"}
_ANY: Final = click.Path(path_type=Path, exists=True)
_YEAR: Final = click.IntRange(2020, 2100)


@click.group()
def pts() -> None:
    """PTS's broadband support: check, merge and write the region's priorities."""


@pts.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--list", "list_", type=_ANY,
              help="The list of buildings: a table or layer, or a run's folder.")  # fmt: skip
@click.option("--municipalities", type=_ANY,
              help="Municipal borders: a layer.  [default: the run's in --list]")  # fmt: skip
@click.option("--year", type=_YEAR, help="Year of the call.  [default: as the file says]")
@click.option("--rules", type=FILE, help="A file of rules that go before the built-in ones.")
@click.option("--out", type=NEW_FILE, help="Write every remark to this CSV file.")
@click.option("--strict", is_flag=True, help="Warnings give exit code 1 as well.")
@click.option("--lang", type=LANGUAGE, default="sv", help="Language of what is said.")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Show every feature that is found.")
def validate(
    files: tuple[Path, ...], list_: Path | None, municipalities: Path | None, year: int | None,
    rules: Path | None, out: Path | None, strict: bool, lang: str, quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Check submissions (.geojson, .csv, .xlsx), ours or edited by hand.

    Exit code 0: may be submitted. 1: there are errors to correct.
    """
    import pandas as pd

    from bredband.pts_rules import rules_of
    from bredband.submission_check import Against, check_draft
    from bredband.submission_lists import areas_beside, read_list, read_manifest, read_towns
    from bredband.submission_read import read_draft

    console = _console(lang, quiet=quiet)
    listed = None if list_ is None else read_list(list_)
    run = list_ if list_ is not None and list_.is_dir() else None
    borders = municipalities or run
    towns = None if borders is None else read_towns(borders)
    checked, told = [], set()
    for path in files:
        draft = read_draft(path)
        stated = draft.facts.get("year")
        asked = year or (read_manifest(run).year if run else None)
        asked = asked or (stated if type(stated) is int and 2020 <= stated <= 2100 else None)
        against = Against(
            rules_of(asked, path=rules), listed=listed, municipalities=towns,
            area_ids=areas_beside(path) or (areas_beside(run) if run else None),
        )  # fmt: skip
        if against.rules.year not in told:
            show_rules(console, against.rules, lang)
            told.add(against.rules.year)
        checked.append(check_draft(draft, against=against, language=lang))
        show_checked(console, checked[-1], every=verbose)
    if out is not None:
        table = pd.concat([one.table() for one in checked], ignore_index=True)
        table.to_csv(out, index=False, sep=";", encoding="utf-8-sig")
    if any(one.errors or (strict and one.count("warning")) for one in checked):
        click.get_current_context().exit(1)


@pts.command()
@click.argument("folder", type=FOLDER, metavar="RESULT_DIR")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--out", type=FOLDER, required=True,
              help="Where the merged submission and the conflicts go.")  # fmt: skip
@click.option("--first", type=click.Choice(["ours", "theirs", "score"]), default="ours",
              show_default=True, help="Who gets the quota first.")  # fmt: skip
@click.option("--near", type=click.FloatRange(0), default=50, show_default=True,
              help="An unknown id means the building within this of its place, m.")  # fmt: skip
@click.option("--criterion", metavar="KEY",
              help="PTS's criterion for marks whose area meets none.")  # fmt: skip
@click.option("--motivations", type=FILE, help="The region's own motivations.")
@click.option("--year", type=_YEAR, help="Year of the call.  [default: as the run]")
@click.option("--rules", type=FILE, help="A file of rules that go before the built-in ones.")
@click.option("--lang", type=LANGUAGE, default="sv", help="Language of what is said.")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
def merge(
    folder: Path, files: tuple[Path, ...], out: Path, first: Any, near: float,
    criterion: str | None, motivations: Path | None, year: int | None, rules: Path | None,
    lang: str, quiet: bool,
) -> None:  # fmt: skip
    """Merge municipalities' own priorities in FILES with the marks of a run."""
    from bredband.submission_files import write_csv, write_submission, write_text
    from bredband.submission_lists import read_own
    from bredband.submission_merge import merge_priorities, merge_report

    console = _console(lang, quiet=quiet)
    prepared = _Prepared(folder, year=year, rules=rules, criterion=criterion,
                         motivations=motivations)  # fmt: skip
    merged = merge_priorities(
        prepared.buildings, [read_own(path) for path in files], rules=prepared.rules,
        crs=prepared.facts.crs, first=first, near_m=near, language=lang,
    )  # fmt: skip
    submission = prepared.submission(merged.apply(prepared.buildings, criterion=criterion))
    report = merge_report(merged)
    write_submission(submission, out, more={
        "merged.csv": lambda path: write_csv(merged.table, path),
        "conflicts.csv": lambda path: write_csv(merged.conflicts, path),
        "merged.md": lambda path: write_text(report, path),
    })  # fmt: skip
    show_rules(console, prepared.rules, lang)
    show_merged(console, merged, out)


@pts.command()
@click.argument("folder", type=FOLDER, metavar="RESULT_DIR")
@click.option("--out", type=FOLDER, required=True, help="Where the submission goes.")
@click.option("--criterion", metavar="KEY",
              help="PTS's criterion for areas whose numbers meet none.")  # fmt: skip
@click.option("--motivations", type=FILE,
              help="The region's own texts: our workbook, or a table kind, key, text.")  # fmt: skip
@click.option("--year", type=_YEAR, help="Year of the call.  [default: as the run]")
@click.option("--rules", type=FILE, help="A file of rules that go before the built-in ones.")
@click.option("--lang", type=LANGUAGE, default="sv", help="Language of what is said.")
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
def submit(
    folder: Path, out: Path, criterion: str | None, motivations: Path | None, year: int | None,
    rules: Path | None, lang: str, quiet: bool,
) -> None:  # fmt: skip
    """Write the marks of a run as a submission: GeoJSON, CSV, XLSX and motivation."""
    from bredband.submission_files import write_submission

    console = _console(lang, quiet=quiet)
    prepared = _Prepared(folder, year=year, rules=rules, criterion=criterion,
                         motivations=motivations)  # fmt: skip
    submission = prepared.submission(prepared.buildings)
    write_submission(submission, out)
    show_rules(console, prepared.rules, lang)
    show_written(console, submission, out, lang)


class _Prepared:
    """What a run holds for a submission."""

    def __init__(
        self, folder: Path, *, year: int | None, rules: Path | None, criterion: str | None,
        motivations: Path | None,
    ) -> None:  # fmt: skip
        import pandas as pd

        from bredband.pts_rules import rules_of
        from bredband.submission_lists import (
            read_manifest,
            read_motivations,
            read_polygons,
            read_tables,
        )
        from bredband.submission_reasons import area_reasons, join_marks

        self.facts: RunFacts = read_manifest(folder)
        self.rules: PtsRules = rules_of(year or self.facts.year, path=rules)
        tables = read_tables(folder, ("pts_buildings", "pts_marks", "municipalities"))
        self.areas = read_polygons(folder, "priority_areas")
        reasons = area_reasons(self.areas, rules=self.rules, fallback=criterion)
        self.motivations: pd.DataFrame = reasons.motivations
        if motivations is not None:
            own = read_motivations(motivations)
            both = pd.concat([own, self.motivations], ignore_index=True)
            self.motivations = both.drop_duplicates(["kind", "key"], ignore_index=True)
        self.buildings: pd.DataFrame = join_marks(
            tables["pts_buildings"], tables["pts_marks"], self.areas, tables["municipalities"],
            reasons,
        )  # fmt: skip
        # The texts of areas stand in the motivations, where the region may have changed them.
        self.buildings["motivation"] = pd.Series(pd.NA, self.buildings.index, dtype="str")

    def submission(self, buildings: pd.DataFrame) -> Submission:
        """Make the submission of buildings with marks."""
        from bredband.submission import build_submission

        return build_submission(
            buildings, self.areas, self.motivations, rules=self.rules, region=self.facts.region,
            region_code=self.facts.region_code, crs=self.facts.crs,
            provenance=self.facts.provenance,
        )  # fmt: skip


def _console(language: str, *, quiet: bool) -> Console:
    speak(language)
    return Console(quiet=quiet)


def show_rules(console: Console, rules: PtsRules, language: str) -> None:
    """Print that the quota's rules are another year's, where they are."""
    from bredband.submission_text import submission_texts

    stated = rules.facts["marks.quota_share"].year
    if stated != rules.year:
        text = submission_texts(language).report["other_year"]
        text = text.format(year=rules.year, stated=stated)
        console.print(f"[yellow]{escape(text)}[/]", highlight=False, soft_wrap=True)


def show_checked(console: Console, checked: Checked, *, every: bool = False) -> None:
    """Print what is wrong with a submission, the gravest first, and what to do.

    Parameters
    ----------
    console : Console
        Where to.
    checked : Checked
        From :func:`bredband.submission_check.check_submission`.
    every : bool
        Show every feature, not only the first few of each finding.
    """
    from bredband.submission_text import submission_texts

    texts = submission_texts(checked.language)
    said, number = texts.report, texts.words.number
    for severity, heading in (("error", "errors"), ("warning", "warnings"), ("info", "infos")):
        remarks = [one for one in checked.remarks if one.finding.severity == severity]
        if not remarks:
            continue
        colour = _COLOURS[severity]
        console.print(f"[bold {colour}]{said[heading]}[/] ({len(remarks)})", highlight=False)
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for one in remarks:
            lines = [escape(one.finding.message)]
            shown = len(one.places) if every else _EACH
            for place, name, text in zip(one.places[:shown], one.ids, one.said, strict=False):
                where = f"{place}, {name}" if name else place
                lines.append(escape(f"  {where}: {text}" if text else f"  {where}"))
            if len(one.places) > shown:
                lines.append("  " + said["more"].format(n=number(len(one.places) - shown)))
            if one.finding.fix:
                lines.append(f"[dim]{escape(one.finding.fix)}[/]")
            grid.add_row(f"[{colour}]{one.finding.rule}[/]", "\n".join(lines))
        console.print(grid, highlight=False)
    for line in closing_lines(checked):
        console.print(escape(line), highlight=False, soft_wrap=True)


def closing_lines(checked: Checked) -> list[str]:
    """Say how the check went: marks and quota, what was not checked, and whether it passed."""
    from bredband.submission_text import submission_texts

    texts = submission_texts(checked.language)
    said, number = texts.report, texts.words.number
    lines = []
    if checked.content == "buildings" and checked.rows:
        if checked.allowed is None:
            lines.append(said["marks_alone"].format(marked=number(checked.marked)))
        else:
            lines.append(said["marks"].format(
                marked=number(checked.marked), allowed=number(checked.allowed),
                share=texts.words.percent(checked.share, 0), base=number(checked.base),
            ))  # fmt: skip
    lines += [
        said["unchecked"].format(what=said[f"unchecked_{name}"]) for name in checked.unchecked
    ]
    if checked.errors:
        lines.append(said["failed"].format(file=checked.file, n=number(checked.errors)))
    else:
        lines.append(said["passed"].format(file=checked.file))
    if warned := checked.count("warning"):
        lines[-1] += " " + said["warned"].format(n=number(warned))
    return lines


def show_merged(console: Console, merged: Merged, out: Path) -> None:
    """Print how a merge went, and where it is written."""
    from bredband.submission_text import submission_texts

    texts = submission_texts(merged.language)
    said, number = texts.merge, texts.words.number
    files = Table(title=said["files"], box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in merged.files:
        text = name in ("file", "municipality")
        files.add_column(said[str(name)], justify="left" if text else "right")
    for row in merged.files.itertuples(index=False):
        files.add_row(*(escape(one) if isinstance(one, str) else number(one) for one in row))
    console.print(files)
    if len(merged.conflicts):
        kinds = Table(title=said["conflicts"], box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        kinds.add_column(said["what"], overflow="fold")
        kinds.add_column(said["rows"], justify="right")
        for kind, count in merged.conflicts["kind"].value_counts(sort=False).items():
            kinds.add_row(texts.conflict[f"{kind}_title"], number(int(count)))
        console.print(kinds)
    console.print(said[f"first_{merged.first}"], highlight=False, soft_wrap=True)
    marked = int(merged.table["marked"].sum())
    line = said["written"].format(
        path=out, marked=number(marked), allowed=number(merged.allowed), base=number(merged.base)
    )
    console.print(escape(line), highlight=False, soft_wrap=True)


def show_written(console: Console, submission: Submission, out: Path, language: str) -> None:
    """Print what was written, where, and how to check it."""
    from bredband.submission_files import BUILDINGS_GEOJSON
    from bredband.submission_text import submission_texts

    texts = submission_texts(language)
    quota = submission.facts["quota"]
    lines = [
        texts.merge["written"].format(
            path=out,
            **{
                name: texts.words.number(quota[key])
                for name, key in (("marked", "marked"), ("allowed", "allowed"),
                                  ("base", "base_premises"))
            },
        ),
        texts.merge["check"].format(path=out / BUILDINGS_GEOJSON),
    ]  # fmt: skip
    if submission.facts["provenance"] == "synthetic":
        lines.append(texts.get("synthetic", "all") + " " + texts.get("synthetic", "fix"))
    for line in lines:
        console.print(escape(line), highlight=False, soft_wrap=True)
