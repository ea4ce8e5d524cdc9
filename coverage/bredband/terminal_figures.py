"""What comparing with published figures and calibrating tell the person at the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table

from bredband.comparison import largest
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping
    from pathlib import Path

    from bredband_gis.quality import Finding
    from rich.console import Console

    from bredband.calibration import Calibration
    from bredband.comparison import Comparison
    from bredband.text import Words

_COLOURS: Final = {"error": "red", "warning": "yellow", "info": "cyan"}

MOST_TABLES: Final = 4
"""With more series than this only the summary is printed, unless some are asked for."""

_SERIES: Final = ["file", "series", "segment", "base", "measure", "access", "speed_mbit"]


def show_comparison(
    console: Console, comparison: Comparison, *, language: str, out: Path | None, verbose: bool
) -> None:
    """Print each series municipality by municipality, the summary, and what to beware of."""
    said = words(language, plain=True)
    groups = [rows for _, rows in comparison.table.groupby(_SERIES, dropna=False, sort=False)]
    usual = [rows for rows in groups
             if (rows[["segment", "base"]].iloc[0] == ["total", "households"]).all()]  # fmt: skip
    shown = groups if len(groups) <= MOST_TABLES else usual
    if len(shown) <= MOST_TABLES:
        for rows in shown:
            _show_series(console, rows, said)
    if len(groups) > len(shown) or len(shown) > MOST_TABLES:
        console.print(_summary_table(comparison.summary, said))
        console.print(said.comparison.more, highlight=False, soft_wrap=True)
    show_doubts(console, comparison.findings, said, verbose=verbose)
    if out is not None:
        console.print(said.fill("comparison.written", path=escape(str(out))), highlight=False,
                      soft_wrap=True)  # fmt: skip


def show_calibration(
    console: Console, found: Calibration, *, path: Path, language: str, verbose: bool
) -> None:
    """Print the distance, how well it fits each municipality, and the line to write."""
    said = words(language, plain=True)
    text = said.calibration
    table = Table(title=text.title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(said.table.municipality, no_wrap=True)
    for heading in (
        text.published, text.has_fibre,
        said.fill("calibration.ours", distance=_metres(found.distance_m, said)), text.points,
        said.fill("calibration.present", distance=_metres(found.present_m, said)),
        text.held_out, text.held_out_points,
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for row in found.table.to_dict("records"):
        table.add_row(
            escape(str(row["municipality_name"])),
            said.percent(row["published_share"]),
            said.percent(row["fibre_share"]),
            said.percent(row["share"]),
            _points(row["points"], said),
            _points(row["present_points"], said),
            _metres(row["held_out_m"], said),
            _points(row["held_out_points"], said),
        )
    console.print(table)
    open_end = found.until_m >= found.max_m
    lines = [
        said.fill(
            "calibration.found_open" if open_end else "calibration.found",
            distance=_metres(found.distance_m, said),
            low=_metres(found.from_m, said),
            high=_metres(found.until_m, said),
        ),
        said.fill(
            "calibration.misfit",
            rmse=said.number(found.misfit.rmse_points, 2),
            mae=said.number(found.misfit.mae_points, 2),
            present=_metres(found.present_m, said),
            present_rmse=said.number(found.present.rmse_points, 2),
            present_mae=said.number(found.present.mae_points, 2),
        ),
    ]
    if found.held_out is not None:
        lines.append(
            said.fill(
                "calibration.misfit_held_out",
                rmse=said.number(found.held_out.rmse_points, 2),
                mae=said.number(found.held_out.mae_points, 2),
            )
        )
    for line in lines:
        console.print(escape(line), highlight=False, soft_wrap=True)
    show_doubts(console, found.findings, said, verbose=verbose)
    console.print(escape(said.fill("calibration.write", path=path)), highlight=False,
                  soft_wrap=True)  # fmt: skip
    console.print(f"    proximity_m = {found.distance_m:g}", highlight=False)


def show_doubts(
    console: Console, findings: Iterable[Finding], said: Words, *, verbose: bool
) -> None:
    """Print warnings, and notes where everything is asked for."""
    for finding in findings:
        if finding.severity == "info" and not verbose:
            continue
        where = f"{finding.file}: " if finding.file else ""
        console.print(
            f"[{_COLOURS[finding.severity]}]{said.severity[finding.severity]}[/]"
            f" [dim]{finding.rule}[/] " + escape(where + finding.message),
            highlight=False,
            soft_wrap=True,
        )
        if finding.fix:
            console.print(f"    {escape(finding.fix)}", highlight=False, soft_wrap=True)


def _show_series(console: Console, rows: pd.DataFrame, said: Words) -> None:
    first = rows.iloc[0]
    text = said.comparison
    table = Table(title=_title(first.to_dict(), said), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(said.table.municipality, no_wrap=True)
    known = rows["published_total"].notna().any()
    # Of some municipalities the newest published year may be an earlier one.
    theirs = sorted({int(year) for year in rows["published_year"]})
    span = str(theirs[0]) if len(theirs) == 1 else f"{theirs[0]}–{theirs[-1]}"
    years = {"ours": first["year"], "theirs": span}
    for heading in (
        *(said.fill(f"comparison.{key}", year=year) for key, year in years.items()),
        text.points, text.our_total, *([text.their_total] if known else []),
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    ordered = rows.sort_values(["area_kind", "area_code"], ascending=[False, True])
    for row in ordered.to_dict("records"):
        sign = "" if row["bound"] == "=" else f"{row['bound']} "
        inside = pd.isna(row["points"]) and row["bound"] != "="
        table.add_row(
            escape(str(row["area_name"])),
            said.percent(row["share"]),
            sign + said.percent(row["published_share"], 2 if sign else 1),
            text.inside if inside else _points(row["points"], said),
            said.number(row["total"]),
            *([said.number(row["published_total"])] if known else []),
            style="bold" if row["area_kind"] == "county" else None,
        )
    console.print(table)
    for line in (first["definition"], f"{first['published_definition']} [{first['series']}]"):
        console.print(escape(str(line)), highlight=False, soft_wrap=True)
    towns = rows[(rows["area_kind"] == "municipality") & rows["points"].notna()]
    if len(towns):
        mean = (towns["points"] * towns["total"]).sum() / towns["total"].sum()
        apart = (towns["points"].abs() * towns["total"]).sum() / towns["total"].sum()
        places = said.join(
            [f"{row['area_name']} {_points(row['points'], said)}"
             for row in largest(rows).to_dict("records")]
        )  # fmt: skip
        for line in (
            said.fill("comparison.summary", towns=said.count(len(towns), "municipality"),
                      mean=_points(mean, said), absolute=said.number(apart, 1)),
            said.fill("comparison.largest", places=places),
        ):  # fmt: skip
            console.print(escape(line), highlight=False, soft_wrap=True)


def _title(row: Mapping[Hashable, Any], said: Words) -> str:
    measure = said.fill(
        f"comparison.measure_{row['measure']}",
        speed=said.speed(None if pd.isna(row["speed_mbit"]) else int(row["speed_mbit"])),
        access=said.access.get(str(row["access"]), ""),
    )
    return said.fill(
        "comparison.title",
        measure=measure,
        base=said.base[str(row["base"])].casefold(),
        segment=said.comparison[f"in_{row['segment']}"],
    )


def _summary_table(summary: pd.DataFrame, said: Words) -> Table:
    text = said.comparison
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(text.series)
    for heading in (text.number, text.mean, text.absolute):
        table.add_column(heading, justify="right")
    for row in summary.to_dict("records"):
        table.add_row(
            escape(_title(row, said)),
            said.number(row["municipalities"]),
            _points(row["mean_points"], said),
            said.number(row["mean_absolute_points"], 1),
        )
    return table


def _points(value: float | None, said: Words) -> str:
    """Write percentage points with their sign."""
    text = said.number(value, 1)
    return f"+{text}" if value is not None and value > 0.05 else text


def _metres(value: float | None, said: Words) -> str:
    if value is None or pd.isna(value):
        return said.missing
    decimals = next((n for n in range(4) if abs(value - round(value, n)) < 1e-6), 4)
    return f"{said.number(value, decimals)} m"
