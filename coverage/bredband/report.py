"""The report: one page that says where a region stands, what the rest costs and what comes first.

:func:`report_html` writes it from the tables and the manifest of a run, in memory or read back
by ``bredband.stored``; :func:`write_pdf` prints it through a browser of the machine.

A table that is absent leaves its chapter out, and the report says so. What may not be shown to
others is left out where ``[publication] detail`` is public: areas of few households, single
steps of the cost curve, single buildings.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from bredband_gis.errors import GeodataError
from bredband_gis.store import write_file
from bredband_gis.webmap import assert_offline

from bredband.report_areas import areas_chapter, pts_chapter, support_of
from bredband.report_blocks import Material, report_words, spanned, text_of
from bredband.report_cost import cost_chapter, goal_rows, interval
from bredband.report_method import (
    method_chapter,
    prices_chapter,
    sources_chapter,
    unsure_chapter,
    versions_chapter,
)
from bredband.report_state import change_chapter, country_figure, ends, state_chapter
from bredband.tables import PROVENANCES
from bredband.text import NO_BREAK

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

READS: Final = (
    "coverage", "technology", "state_aid", "standing", "goals", "mobile", "cost", "cost_curve",
    "goal_cost", "share_summary", "last_resort", "intervals", "tornado", "priority_areas",
    "choice_summary", "nested", "years_summary", "robustness", "flips", "pts_exclusion_counts",
    "pts_mark_comparison", "pts_calibration", "pts_rules", "municipalities", "trench",
)  # fmt: skip
"""Tables that the report is made from."""

BROWSERS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge",
    "microsoft-edge", "microsoft-edge-stable", "brave-browser",
)  # fmt: skip
"""Browsers that can print a page to PDF, by the names that they have on the path."""

_PLACES: Final = (
    ("PROGRAMFILES(X86)", "Microsoft/Edge/Application/msedge.exe"),
    ("PROGRAMFILES", "Microsoft/Edge/Application/msedge.exe"),
    ("PROGRAMFILES", "Google/Chrome/Application/chrome.exe"),
    ("PROGRAMFILES(X86)", "Google/Chrome/Application/chrome.exe"),
    ("LOCALAPPDATA", "Google/Chrome/Application/chrome.exe"),
)
_APPS: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_PRINTS_WITHIN: Final = 180.0  # seconds


# ---- the page -------------------------------------------------------------------------


def report_html(
    tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any], *, language: str | None = None
) -> str:
    """Give the report as one HTML page that loads nothing from elsewhere.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables of a run by the names that they have in ``bredband.duckdb``; those of ``READS``
        are used. ``change`` (``tables.CHANGE``) and ``change_warnings`` (severity, message,
        fix) add what changed since an earlier result.
    manifest : mapping
        As in ``manifest.json``: region, settings, inputs, findings, versions and so on.
    language : {"sv", "en"}, optional
        The region's own by default.

    Returns
    -------
    str
        HTML. The same tables and manifest give the same text.

    Raises
    ------
    OnlineResourceError
        The page would load something from outside itself: a fault of ours.
    """
    chosen = language or manifest.get("settings", {}).get("region", {}).get("language", "sv")
    m = Material(tables, manifest, report_words(str(chosen)))
    w = m.w
    written = [
        state_chapter(m), change_chapter(m), cost_chapter(m), areas_chapter(m), pts_chapter(m),
        method_chapter(m), prices_chapter(m), sources_chapter(m), unsure_chapter(m),
        versions_chapter(m),
    ]  # fmt: skip
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.globals["said"] = w.report
    folder = files("bredband")
    template = environment.from_string(folder.joinpath("report.html").read_text("utf-8"))
    made_up = m.layers("synthetic")
    made_by = importlib.metadata.version("bredband")
    page = template.render(
        language=w.language,
        version=made_by,
        style=folder.joinpath("report.css").read_text("utf-8"),
        title=w.fill("report.title", region=m.region),
        subtitle=w.fill("report.subtitle", year=m.year),
        rests=_rests(m),
        warning=(
            w.fill("report.synthetic", what=w.join([w.synthetic.get(x, x) for x in made_up]))
            if made_up
            else ""
        ),
        audience=(
            w.fill("report.public", n=m.few) if m.public else w.report.internal
        ),
        summary=summary(m),
        tiles=_tiles(m),
        summary_title=w.report.summary,
        chapters=[one for one in written if one is not None],
        absent=[w.fill("report.absent_item", what=what, table=table)
                for what, table in m.absent.items()],
        made=w.fill("report.made", version=made_by),
    )  # fmt: skip
    assert_offline(page, where="report")
    return page


def write_report(
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    path: Path,
    *,
    language: str | None = None,
) -> None:
    """Write the report to a file, whole or not at all.

    Parameters
    ----------
    tables, manifest, language
        As in :func:`report_html`.
    path : Path
        The HTML file.

    Raises
    ------
    GeodataError
        The file cannot be written.
    """
    page = report_html(tables, manifest, language=language)
    with write_file(path) as new:
        new.write_text(page, encoding="utf-8", newline="\n")


# ---- the summary ----------------------------------------------------------------------


def _rests(m: Material) -> str:
    inputs = m.manifest.get("inputs", [])
    marks = {str(one.get("provenance")) for one in inputs} & set(PROVENANCES)
    if not marks:
        return ""
    least = next(mark for mark in reversed(PROVENANCES) if mark in marks)
    return m.w.fill("report.rests", year=m.year, n=m.w.number(len(inputs)),
                    provenance=m.w.provenance[least])  # fmt: skip


def summary(m: Material) -> list[str]:
    """Say in three sentences where the region stands, what the rest costs, and what is next."""
    return [one for one in (_state_sentence(m), _rest_sentence(m), _next_sentence(m)) if one]


def _share(m: Material, measure: str) -> pd.Series[Any] | None:
    rows = m.coverage(["region"], measure=measure, speed_mbit=m.target)
    return None if rows is None or not rows["total"].iloc[0] else rows.iloc[0]


def _state_sentence(m: Material) -> str:
    w = m.w
    connected, passed = _share(m, "connected"), _share(m, "passed")
    if connected is None or passed is None:
        return ""
    country = ""
    told = country_figure(m)
    if told:
        points = round(100 * (float(connected["share"]) - told[2]), 1)
        side = w.summary3.above if points > 0 else w.summary3.below
        country = (
            w.fill("summary3.country", points=w.number(abs(points), 1), side=side)
            if points
            else w.summary3.equal
        )
    spread = ""
    rows = m.coverage(["municipality"], measure="connected", speed_mbit=m.target)
    found = None if rows is None else ends(rows)
    if found:
        best, worst = found
        spread = w.fill(
            "summary3.spread", best=best["area_name"], best_share=w.percent(best["share"]),
            worst=worst["area_name"], worst_share=w.percent(worst["share"]),
        )  # fmt: skip
    return w.fill(
        "summary3.state", region=m.region, connected=w.percent(connected["share"]),
        speed=m.speed, year=connected["year"], served=w.number(connected["served"]),
        total=w.number(connected["total"]), country=country, passed=w.percent(passed["share"]),
        spread=spread,
    )  # fmt: skip


def _rest_sentence(m: Material) -> str:
    w = m.w
    cost = m.pick("cost", area_kind="region")
    if cost is None:
        return ""
    row = cost.iloc[0]
    if not row["unserved_households"]:
        return w.summary3.rest_none
    told = {
        "unserved": w.count(row["unserved_households"], "household"),
        "reached": w.number(row["reached_households"]),
        "trench": w.length(row["trench_m"]),
        "capex": w.money(row["capex_sek"]),
    }
    if "support_sek" not in row.index:
        return w.fill("summary3.rest_simple", **told)
    return w.fill(
        "summary3.rest", **told, capex_range=_range(m, "capex"),
        support=w.money(row["support_sek"]), support_range=_range(m, "support"),
    )  # fmt: skip


def _range(m: Material, measure: str) -> str:
    rows = m.pick("cost", area_kind="region")
    code = "" if rows is None else str(rows["area_code"].iloc[0])
    found = interval(m, measure, "region", code)
    if found is None:
        return ""
    return m.w.fill("summary3.range", band=spanned(m.w, found["p10_sek"], found["p90_sek"]))


def _next_sentence(m: Material) -> str:
    """Say what the budget buys, or where there is none what the next goal costs."""
    w = m.w
    planned = _share(m, "planned")
    if planned is None:
        return ""
    now = float(planned["share"])
    goals = goal_rows(m)
    ahead = None if goals is None else goals[goals["households_needed"] > 0]
    goal = None if ahead is None or ahead.empty else ahead.iloc[0]
    # The least goal that is worth telling: the last that can be reached, else the first.
    if ahead is not None and ahead["reachable"].any():
        goal = ahead[ahead["reachable"].astype(bool)].iloc[-1]
    target = "" if goal is None else w.percent(goal["target"], _decimals(float(goal["target"])))
    plan = m.pick("choice_summary", plan="budget")
    if plan is not None:
        row = plan.iloc[0]
        then = (float(planned["served"]) + float(row["households"])) / float(planned["total"])
        more = ""
        if goal is not None and goal["reachable"]:
            more = w.fill("summary3.next_goal", target=target,
                          support=w.money(goal["support_sek"]))  # fmt: skip
        return w.fill(
            "summary3.next_budget", budget=w.money(row["budget_sek"]),
            households=w.count(row["households"], "household"),
            areas=w.count(row["areas"], "area"), now=w.percent(now), then=w.percent(then),
            goal=more,
        )  # fmt: skip
    if goal is None:
        return ""
    if goal["reachable"]:
        more = w.fill("summary3.next_cost", target=target, capex=w.money(goal["capex_sek"]),
                      support=w.money(goal["support_sek"]))  # fmt: skip
    else:
        more = w.fill("summary3.next_beyond", target=target)
    return w.fill("summary3.next_plain", now=w.percent(now),
                  possible=w.percent(goal["share_possible"]), cost=more)  # fmt: skip


def _decimals(share: float) -> int:
    return 0 if abs(100 * share - round(100 * share)) < 1e-9 else 1


def _tiles(m: Material) -> list[tuple[str, str, str]]:
    """Give the key figures: number, what it is, and its interval."""
    w = m.w
    tiles = []
    for measure in ("connected", "passed"):
        row = _share(m, measure)
        if row is not None:
            tiles.append((w.percent(row["share"]), w.fill(f"tile.{measure}", speed=m.speed), ""))
    cost = m.pick("cost", area_kind="region")
    if cost is None:
        return tiles
    row = cost.iloc[0]
    code = str(row["area_code"])
    tiles.append((w.number(row["unserved_households"]), w.tile.unserved, ""))
    for measure in ("capex", "support"):
        if f"{measure}_sek" not in row.index:
            continue
        found = interval(m, measure, "region", code)
        band = "" if found is None else spanned(w, found["p10_sek"], found["p90_sek"])
        tiles.append((w.money(row[f"{measure}_sek"]), w.tile[measure], band))
    # A tile is narrow: amounts may wrap in it.
    return [tuple(text.replace(NO_BREAK, " ") for text in tile) for tile in tiles]  # type: ignore[misc]


# ---- PDF ------------------------------------------------------------------------------


def find_browser() -> str | None:
    """Find a browser that can print to PDF: on the path, else where it is installed."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    places = [Path(os.environ[key]) / inner for key, inner in _PLACES if os.environ.get(key)]
    return next((str(one) for one in (*places, *map(Path, _APPS)) if one.is_file()), None)


def write_pdf(html_path: Path, pdf_path: Path, *, browser: str | None = None) -> None:
    """Print a page to PDF on A4 through a browser of the machine, whole or not at all.

    Parameters
    ----------
    html_path : Path
        The page, as :func:`write_report` writes it.
    pdf_path : Path
        The PDF.
    browser : str, optional
        The program; found by :func:`find_browser` where it is not given.

    Raises
    ------
    GeodataError
        There is no browser, it fails, or the file cannot be written.
    """
    program = browser or find_browser()
    if program is None:
        msg = "no browser was found that can print a page to PDF"
        fix = "install Chromium, Chrome or Edge, or open the page and print it from there"
        raise GeodataError(msg, where=str(html_path), fix=fix)
    if not html_path.is_file():
        msg = "there is no such page"
        raise GeodataError(msg, where=str(html_path), fix="write the report first")
    with (
        write_file(pdf_path) as new,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        command = [
            program, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions",
            "--disable-background-networking", f"--user-data-dir={profile}",
            "--no-pdf-header-footer", "--generate-pdf-document-outline",
            f"--print-to-pdf={new}", html_path.resolve().as_uri(),
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium refuses to run as root with it
        try:
            done = subprocess.run(  # noqa: S603 - a browser, found by its name
                command, capture_output=True, timeout=_PRINTS_WITHIN, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _no_pdf(program, str(error), html_path) from None
        if not new.is_file() or new.read_bytes()[:5] != b"%PDF-":
            told = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise _no_pdf(program, text_of(told[-1] if told else done.returncode), html_path)


def _no_pdf(program: str, why: str, page: Path) -> GeodataError:
    msg = f"the browser made no PDF ({why[:200]})"
    fix = "open the page in a browser and print it from there"
    return GeodataError(msg, where=f"{Path(program).name}, {page}", fix=fix)


__all__ = ["READS", "find_browser", "report_html", "summary", "support_of", "write_pdf",
           "write_report"]  # fmt: skip
