"""The command line: a command per thing a planner does.

Exit codes: 0 done, 1 the data are wrong, 2 wrong usage.
"""

from __future__ import annotations

import io
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from bredband_gis.errors import GeodataError
from rich.console import Console
from rich.markup import escape

from bredband import __version__
from bredband.backbone_terminal import backbone
from bredband.export_terminal import ofds
from bredband.map_terminal import draw_map
from bredband.options import FILE, FOLDER, LANGUAGE, NEW_FILE, SPOKEN, speak
from bredband.pts_terminal import pts
from bredband.report_terminal import report
from bredband.show import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from bredband.progress import Steps
    from bredband.region import Region
    from bredband.text import Words

# What every command needs of the steps is imported inside it: --help answers at once.


class _Commands(click.Group):
    """A group whose commands end in one clear message, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A console or log file in an old code page shows a ? rather than failing.
                stream.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except (GeodataError, OSError, MemoryError) as error:
            asked_for = ctx.meta.get(SPOKEN) or getattr(error, "language", None)
            _complain(_explain(error, asked_for or "sv"))
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:
            if "-v" in sys.argv or "--verbose" in sys.argv:
                traceback.print_exc()
            fault = _words(ctx.meta.get(SPOKEN, "sv")).cli.fault
            _complain(f"{type(error).__name__}: {error}\n{fault}")
        return ctx.exit(1)


def _words(language: str) -> Words:
    from bredband.text import words

    return words(language, plain=True)


def _explain(error: GeodataError | OSError | MemoryError, language: str) -> str:
    """Say what went wrong in the language that the command speaks."""
    from bredband.phrases import explain, translate

    said = _words(language).cli
    if isinstance(error, GeodataError):
        return explain(error, language, to_do=said.to_do)
    if isinstance(error, MemoryError):
        return said.memory
    where = f"{error.filename}: " if error.filename else ""
    return where + translate(error.strerror or str(error), language)


def _complain(message: str) -> None:
    Console(stderr=True).print(f"[red]{escape(message)}[/]", highlight=False, soft_wrap=True)


def _verbosity(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")(command)
    return click.option("-v", "--verbose", is_flag=True, help="Show every step and its time.")(
        command
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bredband")
def main() -> None:
    """Broadband coverage, what the rest costs, and which areas come first."""


for command in (show, report, draw_map, backbone, pts, ofds):
    main.add_command(command)


@main.command()
@click.option("--data", type=FOLDER, default=Path("data_raw/norrbotten"), show_default=True,
              help="Where the example region's data are, or are made.")  # fmt: skip
@click.option("--out", type=FOLDER, default=Path("outputs/norrbotten"), show_default=True,
              help="Where the results go.")  # fmt: skip
@click.option("--lang", type=LANGUAGE, help="Language of map and tables (default Swedish).")
@_verbosity
def demo(data: Path, out: Path, lang: str | None, quiet: bool, verbose: bool) -> None:
    """Run the example region, Norrbotten; its data are made where absent."""
    from bredband.demo import make_norrbotten
    from bredband.region import FILE_NAME, Region

    steps = _steps(quiet=quiet, verbose=verbose, language=lang or "sv")
    if not (data / FILE_NAME).exists():
        with steps.step("demo"):
            make_norrbotten(data)
    _run(_adjust(Region.read(data), lang=lang), out, steps)


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--osm", type=FILE, help="Make the region from this OpenStreetMap extract.")
@click.option("--admin-level", type=click.IntRange(1, 11), default=8, show_default=True,
              help="admin_level of the municipalities in the extract (Sweden: 7).")  # fmt: skip
@click.option("--name", help="Name of the region.  [default: the extract's file name]")
@click.option("--crs", help="Metric CRS, e.g. EPSG:3006.  [default: chosen by place]")
@click.option("--demo-share", type=click.FloatRange(0.0, 1.0),
              help="Lay synthetic fibre that connects this share of the households.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Of what is made up.")
@_verbosity
def init(
    folder: Path, osm: Path | None, admin_level: int, name: str | None, crs: str | None,
    demo_share: float | None, seed: int, quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Start a region in FOLDER: write a commented region.toml."""
    from bredband.start import start_osm_region, start_region

    steps = _steps(quiet=quiet, verbose=verbose)
    if osm is None:
        if demo_share is not None or name or crs:
            msg = "--demo-share, --name and --crs go with --osm"
            raise click.UsageError(msg)
        path, said = start_region(folder), "cli.made_region"
    else:
        path, said = start_osm_region(
            folder, osm, admin_level=admin_level, name=name, crs=crs, demo_share=demo_share,
            seed=seed, steps=steps,
        ), "cli.made_osm"  # fmt: skip
    _say(steps, said, path=path, folder=folder)


@main.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--rules", is_flag=True, help="List every rule instead.")
@click.option("--out", type=FOLDER,
              help="Write check.html, check.json, check.gpkg and set_aside.csv here.")  # fmt: skip
@click.option("--html", type=NEW_FILE, help="Write the report as an HTML page.")
@click.option("--json", "json_", type=NEW_FILE, help="Write the report as JSON.")
@click.option("--gpkg", type=NEW_FILE, help="Write the rows found as a GeoPackage.")
@click.option("--road-m", type=click.FloatRange(0, min_open=True),
              help="Farthest from a road, m.  [default: as region.toml]")  # fmt: skip
@click.option("--strict", is_flag=True, help="Warnings give exit code 1 as well.")
@click.option("--lang", type=LANGUAGE, help="Language of the report.")
@_verbosity
def check(
    folder: Path | None, rules: bool, out: Path | None, html: Path | None, json_: Path | None,
    gpkg: Path | None, road_m: float | None, strict: bool, lang: str | None, quiet: bool,
    verbose: bool,
) -> None:  # fmt: skip
    """Say what is wrong with the files of the region in FOLDER."""
    from bredband.check_terminal import show_report, show_rules

    if rules:
        show_rules(Console(quiet=quiet), lang or "sv")
        return
    if folder is None:
        msg = "Missing argument 'FOLDER'."
        raise click.UsageError(msg)
    from bredband import check_report
    from bredband.checks import Limits, check_region
    from bredband.region import Region

    region = Region.read(folder)
    steps = _steps(quiet=quiet, verbose=verbose, language=lang or region.region.language)
    report = check_region(
        region, steps=steps, limits=Limits(road_m=road_m), language=steps.language
    )
    for path, write in (
        (out, check_report.write_report), (html, check_report.write_html),
        (json_, check_report.write_json), (gpkg, check_report.write_geopackage),
    ):  # fmt: skip
        if path is not None:
            write(report, path)
    show_report(Console(quiet=quiet), report, every_file=verbose)
    if report.errors or (strict and report.warnings):
        click.get_current_context().exit(1)


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FOLDER,
              help="Where the results go.  [default: outputs/REGION]")  # fmt: skip
@click.option("--budget", type=click.FloatRange(0), help="Support to distribute, SEK.")
@click.option("--internal", is_flag=True,
              help="Exact premises and trench on the map, not for spreading.")  # fmt: skip
@click.option("--lang", type=LANGUAGE, help="Language of map and tables.")
@_verbosity
def run(
    folder: Path, out: Path | None, budget: float | None, internal: bool, lang: str | None,
    quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Run the chain on the region in FOLDER: tables, map, DuckDB."""
    from bredband.region import Region

    region = _adjust(Region.read(folder), lang=lang, budget=budget, internal=internal)
    steps = _steps(quiet=quiet, verbose=verbose, language=region.region.language)
    _run(region, out or Path("outputs") / region.slug, steps)


@main.group()
def fetch() -> None:
    """Fetch open data over the network: Kolada's figures, SCB's geodata."""


@fetch.command()
@click.option("--kpi", "kpis", multiple=True, metavar="ID",
              help="Key figure, may be repeated.  [default: the four of broadband]")  # fmt: skip
@click.option("--county", metavar="25", help="The municipalities of this county.")
@click.option("--municipality", "municipalities", multiple=True, metavar="2580",
              help="This municipality, may be repeated.")  # fmt: skip
@click.option("--year", "years", type=click.IntRange(1970, 2100), multiple=True,
              help="This year, may be repeated.  [default: all]")  # fmt: skip
@click.option("--out", type=FOLDER, default=Path("data_raw/kolada"), show_default=True,
              help="Where the files go.")  # fmt: skip
@click.option("--base", metavar="URL", help="Address of the API.")
@click.option("--lang", type=LANGUAGE, default="sv", help="Language of what is said.")
@_verbosity
def kolada(
    kpis: tuple[str, ...], county: str | None, municipalities: tuple[str, ...],
    years: tuple[int, ...], out: Path, base: str | None, lang: str, quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Fetch key figures of broadband from Kolada."""
    from bredband.fetch import KOLADA, KPIS, fetch_kolada
    from bredband.terminal import fetching, show_fetched

    steps = _steps(quiet=quiet, verbose=verbose, language=lang)
    with fetching(steps.console, language=lang) as connection:
        fetched = fetch_kolada(
            out, kpis=kpis or KPIS, county=county, municipalities=municipalities, years=years,
            base=base or KOLADA, connection=connection,
        )  # fmt: skip
    show_fetched(steps.console, fetched, out, language=lang)


@fetch.command()
@click.argument("layers", nargs=-1, required=True, metavar="LAYER...")
@click.option("--county", metavar="25", help="Only what lies in this county.")
@click.option("--bbox", type=float, nargs=4, metavar="MINX MINY MAXX MAXY",
              help="Only what meets this box, EPSG:3006.")  # fmt: skip
@click.option("--year", type=click.IntRange(1970, 2100),
              help="Year of the layer.  [default: the latest]")  # fmt: skip
@click.option("--out", type=FOLDER, default=Path("data_raw/scb"), show_default=True,
              help="Where the files go.")  # fmt: skip
@click.option("--region", type=FOLDER,
              help="Write paths as seen from this region's folder.")  # fmt: skip
@click.option("--base", metavar="URL", help="Address of the WFS.")
@click.option("--lang", type=LANGUAGE, default="sv", help="Language of what is said.")
@_verbosity
def scb(
    layers: tuple[str, ...], county: str | None, bbox: tuple[float, float, float, float] | None,
    year: int | None, out: Path, region: Path | None, base: str | None, lang: str, quiet: bool,
    verbose: bool,
) -> None:  # fmt: skip
    """Fetch SCB's geodata: rutor, tätorter, småorter, deso, kommuner, or a layer by its name."""
    from bredband.fetch_scb import SCB, fetch_scb
    from bredband.terminal import fetching, show_fetched

    steps = _steps(quiet=quiet, verbose=verbose, language=lang)
    with fetching(steps.console, language=lang) as connection:
        fetched = fetch_scb(
            out, layers, county=county, bbox=bbox, year=year, base=base or SCB,
            connection=connection,
        )  # fmt: skip
    show_fetched(steps.console, fetched, out, language=lang, folder=region)


@main.command()
@click.argument("folder", type=FOLDER)
@click.argument("files", nargs=-1, required=True,
                type=click.Path(path_type=Path, exists=True))  # fmt: skip
@click.option("--measure", type=click.Choice(["connected", "passed", "connected_any", "access"]),
              help="Compare this measure only.")  # fmt: skip
@click.option("--speed", type=click.IntRange(1), help="Compare this speed only, Mbit/s.")
@click.option("--base", type=click.Choice(["households", "workplaces"]),
              help="Compare this base only.")  # fmt: skip
@click.option("--segment", type=click.Choice(["total", "tätort", "småort", "utanför", "tätbyggt",
              "glesbygd"]), help="Compare this segment only.")  # fmt: skip
@click.option("--year", type=click.IntRange(1990, 2100),
              help="Published year.  [default: that of the results, or the nearest]")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Write the whole table to this CSV file.")  # fmt: skip
@click.option("--lang", type=LANGUAGE, help="Language of headings and definitions.")
@_verbosity
def compare(
    folder: Path, files: tuple[Path, ...], measure: str | None, speed: int | None,
    base: str | None, segment: str | None, year: int | None, out: Path | None, lang: str | None,
    quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Put the results in FOLDER beside published FILES (PTS's xlsx, Kolada's json, csv)."""
    from dataclasses import replace

    from bredband.comparison import compare as beside
    from bredband.comparison import read_result
    from bredband.published import read_published
    from bredband.terminal_figures import show_comparison

    coverage, technology, settings = read_result(folder)
    language = lang or str(settings["region"]["language"])
    steps = _steps(quiet=quiet, verbose=verbose, language=language)
    published = read_published(files, language=language, year=int(settings["region"]["year"]))
    found = beside(
        coverage, technology, published.table, year=year, measure=measure, speed_mbit=speed,
        base=base, segment=segment, proximity_m=settings["definitions"]["proximity_m"],
        language=language,
    )  # fmt: skip
    if out is not None:
        found.table.to_csv(out, index=False, encoding="utf-8")
    if steps.console is not None:
        found = replace(found, findings=(*published.findings, *found.findings))
        show_comparison(steps.console, found, language=language, out=out, verbose=verbose)


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--published", "files", multiple=True, required=True,
              type=click.Path(path_type=Path, exists=True),
              help="PTS's annex on technology, or a CSV: municipality_code, share.")  # fmt: skip
@click.option("--max-m", type=click.FloatRange(0, min_open=True), default=1000, show_default=True,
              help="Largest distance to try, m.")  # fmt: skip
@click.option("--lang", type=LANGUAGE, help="Language of the table.")
@_verbosity
def calibrate(
    folder: Path, files: tuple[Path, ...], max_m: float, lang: str | None, quiet: bool,
    verbose: bool,
) -> None:  # fmt: skip
    """Find the proximity_m that gives the region in FOLDER the published shares near fibre."""
    from dataclasses import replace

    from bredband.calibration import calibrate_region
    from bredband.inputs import read_inputs
    from bredband.published import read_published
    from bredband.region import FILE_NAME, Region
    from bredband.terminal_figures import show_calibration

    region = Region.read(folder)
    language = lang or region.region.language
    steps = _steps(quiet=quiet, verbose=verbose, language=language)
    published = read_published(
        files, language=language, year=region.region.year, measure="near_fibre"
    )
    inputs = read_inputs(region, steps=steps)
    with steps.step("availability"):
        found = calibrate_region(region, inputs, published.table, max_m=max_m, language=language)
    if steps.console is not None:
        found = replace(found, findings=(*published.findings, *found.findings))
        path = region.folder / FILE_NAME
        show_calibration(steps.console, found, path=path, language=language, verbose=verbose)


@main.command()
@click.argument("old", type=FOLDER)
@click.argument("new", type=FOLDER)
@click.option("--out", type=FOLDER, help="Write the tables there; the premises are internal.")
@click.option("--measure", type=click.Choice(["connected", "passed", "planned"]),
              default="connected", show_default=True,
              help="Measure of the table shown.")  # fmt: skip
@click.option("--lang", type=LANGUAGE, help="Language of the tables.  [default: as NEW]")
@_verbosity
def change(
    old: Path, new: Path, out: Path | None, measure: str, lang: str | None, quiet: bool,
    verbose: bool,
) -> None:  # fmt: skip
    """Compare the results of two runs: points, and what they come from."""
    from bredband.change_terminal import show_change
    from bredband.deliveries import compare_runs, read_run, write_change

    before, after = read_run(old), read_run(new)
    language = lang or after.language
    steps = _steps(quiet=quiet, verbose=verbose, language=language)
    with steps.step("change"):
        found = compare_runs(before, after, language=language)
    if out is not None:
        with steps.step("write"):
            write_change(found, out)
    if steps.console is not None:
        show_change(steps.console, found, out=out, measure=measure, language=language)


@main.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--municipality", "municipalities", multiple=True, metavar="CODE",
              help="The bill of this municipality (code or name), may be repeated.")  # fmt: skip
@click.option("--area", "areas", multiple=True, metavar="ID",
              help="One bill of this build area and the others named.")  # fmt: skip
@click.option("--scope", type=click.Choice(["passed", "connected"]),
              help="To the plot boundary or to the house.  [default: as the run]")  # fmt: skip
@click.option("--list", "list_", type=FILE, help="The bill of a list of quantities in TOML.")
@click.option("--quick", is_flag=True, help="A cost sketch from the five numbers below.")
@click.option("--households", type=click.FloatRange(0), default=500_000, show_default=True,
              help="Sketch: households in the region.")  # fmt: skip
@click.option("--remaining", type=click.FloatRange(0, 100), default=10, show_default=True,
              help="Sketch: per cent of them left to build to.")  # fmt: skip
@click.option("--cost-each", type=click.FloatRange(0), default=50_000, show_default=True,
              help="Sketch: cost of each, SEK.")  # fmt: skip
@click.option("--own", type=click.FloatRange(0), default=20_000, show_default=True,
              help="Sketch: own contribution of each, SEK.")  # fmt: skip
@click.option("--operator", type=click.FloatRange(0), default=10_000, show_default=True,
              help="Sketch: the operator's part of each, SEK.")  # fmt: skip
@click.option("--out", type=NEW_FILE, help="Write the bill to this CSV file.")
@click.option("--lang", type=LANGUAGE, help="Language of the tables.")
@_verbosity
def cost(
    folder: Path | None, municipalities: tuple[str, ...], areas: tuple[str, ...],
    scope: str | None, list_: Path | None, quick: bool, households: float, remaining: float,
    cost_each: float, own: float, operator: float, out: Path | None, lang: str | None,
    quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Print the bill of quantities of the results in FOLDER, of a list, or a sketch."""
    from bredband import bills, cost_terminal
    from bredband.cost import sketch_cost

    if sum((folder is not None, list_ is not None, quick)) != 1:
        msg = "name a folder of results, or --list FILE, or --quick"
        raise click.UsageError(msg)
    if folder is None and (municipalities or areas or scope):
        msg = "--municipality, --area and --scope go with a folder of results"
        raise click.UsageError(msg)
    if quick and out is not None:
        msg = "--out goes with a bill, not with --quick"
        raise click.UsageError(msg)
    steps = _steps(quiet=quiet, verbose=verbose, language=lang or "sv")
    if quick:
        sketch = sketch_cost(
            households, remaining / 100, cost_sek=cost_each, own_sek=own, operator_sek=operator
        )
        if steps.console is not None:
            cost_terminal.show_sketch(
                steps.console, sketch, remaining / 100, language=steps.language
            )
        return
    if list_ is not None:
        listed = bills.read_list(list_)
        bill = listed.bill
        if steps.console is not None:
            cost_terminal.show_listed(steps.console, listed, language=steps.language)
    elif folder is not None:
        built = bills.read_built(folder)
        bill, shown, prices = bills.choose_bill(
            built, municipalities=municipalities, area_ids=areas, scope=scope
        )
        if steps.console is not None:
            cost_terminal.show_built(
                steps.console, built, shown, prices, language=lang or built.language
            )
    if out is not None:
        bill.round(2).to_csv(out, index=False, encoding="utf-8")
        _say(steps, "bill.written", path=out)


def _run(region: Region, out: Path, steps: Steps) -> None:
    from bredband.pipeline import run as run_chain
    from bredband.terminal import show_results

    started = time.perf_counter()
    results = run_chain(region, out, steps=steps)
    if steps.console is not None:
        show_results(steps.console, results, out, seconds=time.perf_counter() - started)


def _adjust(
    region: Region,
    *,
    lang: str | None = None,
    budget: float | None = None,
    internal: bool = False,
) -> Region:
    """Overlay what was said on the command line on the region's settings."""
    changes: dict[str, Any] = {}
    if lang:
        changes["region"] = region.region.model_copy(update={"language": lang})
    if budget is not None:
        changes["priority"] = region.priority.model_copy(update={"budget_sek": budget})
    if internal:
        changes["publication"] = region.publication.model_copy(update={"detail": "internal"})
    return region.model_copy(update=changes)


def _steps(*, quiet: bool, verbose: bool, language: str = "sv") -> Steps:
    from bredband.progress import Steps

    if quiet and verbose:
        msg = "--quiet and --verbose exclude each other"
        raise click.UsageError(msg)
    speak(language)
    return Steps(
        None if quiet else Console(),
        language=language,  # type: ignore[arg-type]
        verbose=verbose,
    )


def _say(steps: Steps, key: str, **values: object) -> None:
    from bredband.text import words

    if steps.console is not None:
        steps.console.print(
            escape(words(steps.language, plain=True).fill(key, **values)),
            highlight=False,
            soft_wrap=True,
        )


if __name__ == "__main__":
    main()
