"""``bredband backbone``: the command, and what it tells the person at the terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bredband.options import FILE, FOLDER, LANGUAGE, speak

if TYPE_CHECKING:
    from bredband.backbone_run import BackboneRun
    from bredband.region import Region
    from bredband.text import Words

_SHOWN = 25
"""Stretches printed; the rest is in the files."""


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FOLDER,
              help="Where the results go.  [default: outputs/REGION-backbone]")  # fmt: skip
@click.option("--links", type=FILE,
              help="Follow the links in this file instead of roads: column road_m.")  # fmt: skip
@click.option("--layer", help="Layer of that file.")
@click.option("--straight", is_flag=True, help="Follow made-up links between neighbours.")
@click.option("--with-backbone", "names", multiple=True, metavar="PLACE",
              help="The backbone comes to this place, may be repeated.")  # fmt: skip
@click.option("--second-route/--no-second-route", default=None,
              help="Look for second ways or not.  [default: as region.toml]")  # fmt: skip
@click.option("--worth", type=click.FloatRange(0), help="A second way's price, SEK per household.")
@click.option("--budget", type=click.FloatRange(0), help="Support to distribute, SEK.")
@click.option("--internal", is_flag=True, help="Existing fibre too, not for spreading.")
@click.option("--lang", type=LANGUAGE,
              help="Language of map and tables.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Show every step and its time.")
def backbone(
    folder: Path, out: Path | None, links: Path | None, layer: str | None, straight: bool,
    names: tuple[str, ...], second_route: bool | None, worth: float | None,
    budget: float | None, internal: bool, lang: str | None, quiet: bool, verbose: bool,
) -> None:  # fmt: skip
    """Join the places of the region in FOLDER: stretches, single cuts, second ways."""
    if quiet and verbose:
        msg = "--quiet and --verbose exclude each other"
        raise click.UsageError(msg)
    if straight and links is not None:
        msg = "--straight and --links exclude each other"
        raise click.UsageError(msg)
    # What reads files and draws maps takes a second to load: --help does not wait for it.
    from bredband.backbone_run import connect_region, write_backbone  # noqa: PLC0415
    from bredband.progress import Steps  # noqa: PLC0415
    from bredband.region import Region  # noqa: PLC0415

    changes: dict[str, Any] = {
        "along": "straight" if straight else None,
        "with_backbone": list(names) or None,
        "second_route": second_route,
        "worth_sek_per_household": worth,
        "budget_sek": budget,
    }
    region = _adjust(Region.read(folder), changes, lang=lang, internal=internal)
    speak(region.region.language)
    steps = Steps(None if quiet else Console(), language=region.region.language, verbose=verbose)
    started = time.perf_counter()
    run = connect_region(region, links=links, layer=layer, steps=steps)
    target = out or Path("outputs") / f"{region.slug}-backbone"
    with steps.step("write"):
        write_backbone(run, target, seconds=steps.seconds)
    if steps.console is not None:
        show_backbone(steps.console, run, target, seconds=time.perf_counter() - started)


def _adjust(region: Region, changes: dict[str, Any], *, lang: str | None, internal: bool) -> Region:
    """Overlay what was said on the command line on the region's settings."""
    said = {name: value for name, value in changes.items() if value is not None}
    more: dict[str, Any] = {"backbone": region.backbone.model_copy(update=said)}
    if lang:
        more["region"] = region.region.model_copy(update={"language": lang})
    if internal:
        more["publication"] = region.publication.model_copy(update={"detail": "internal"})
    return region.model_copy(update=more)


def show_backbone(console: Console, run: BackboneRun, out: Path, *, seconds: float) -> None:
    """Print the stretches in order, what they come to, and the files to open.

    Parameters
    ----------
    console : Console
        Where.
    run : BackboneRun
        From ``backbone_run.connect_region``.
    out : Path
        The folder of the results.
    seconds : float
        How long it took.
    """
    from bredband.backbone_map import explain_plan  # noqa: PLC0415
    from bredband.backbone_words import backbone_words  # noqa: PLC0415

    w = backbone_words(run.region.region.language, plain=True)
    console.print(stretch_table(run, w))
    for line in [*summary_lines(run, w), *explain_plan(run.plan, run.region, w)[1:2],
                 *explain_plan(run.plan, run.region, w)[6:]]:  # fmt: skip
        console.print(escape(line), highlight=False, soft_wrap=True)
    rests_on = (("localities", "premises", "links") if run.plan.along != "roads"
                else ("localities", "premises", "roads", "fibre"))  # fmt: skip
    made_up = {file["layer"] for file in run.files if file["provenance"] == "synthetic"}
    said = [w.synthetic.get(layer, w.backbone.made_up_links) for layer in rests_on
            if layer in made_up]  # fmt: skip
    if run.plan.along == "straight":
        said.append(w.backbone.made_up_links)
    if said:
        warning = w.fill("synthetic.short", what=w.join(said))
        console.print(f"[yellow]{escape(warning)}[/]", highlight=False, soft_wrap=True)
    console.print(w.fill("backbone_table.done", seconds=w.number(seconds, 1)), highlight=False)
    for label, name in (
        (w.backbone_table.file_map, "backbone.html"),
        (w.backbone_table.file_tables, "stretches.csv"),
        (w.backbone_table.file_tables, "places.csv"),
        (w.backbone_table.file_tables, "stretches.geojson"),
    ):
        console.print(f"{label}: {escape(str(out / name))}", highlight=False, soft_wrap=True)


def stretch_table(run: BackboneRun, w: Words, *, most: int = _SHOWN) -> Table:
    """Lay out the new stretches by priority, the sum last."""
    from bredband.backbone_run import shown_tables  # noqa: PLC0415
    from bredband.map_stretches import name_ends  # noqa: PLC0415

    said = w.backbone_table
    rows = shown_tables(run)[0]
    rows = rows[rows["new"]]
    table = Table(title=said.title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    # Short headings: all must fit an ordinary terminal; the files tell more.
    table.add_column(said.number, justify="right", no_wrap=True)
    budget = run.region.backbone.budget_sek is not None
    table.add_column(said.stretch, no_wrap=True, max_width=26 if budget else 34)
    headings = ["km", "cost", "households", "each", "alone"]
    for key in [*headings, "budget"] if budget else headings:
        table.add_column(said[key], justify="right", no_wrap=True)
    shown = rows.head(most)
    for row, name in zip(shown.to_dict("records"), name_ends(shown, w), strict=True):
        second = f"{said.second}: " if row["second_route"] else ""
        cells = [
            str(row["priority"]),
            escape(second + name),
            w.number(row["length_m"] / 1e3, 1),
            w.number(row["sek"] / 1e6, 1),
            w.number(row["households"]),
            w.number(row["sek_per_household"]),
            w.number(row["households_behind_single_cut"]),
        ]
        table.add_row(*cells, *([w.yes_no(row["within_budget"])] if budget else []))
    if len(rows) > most:
        table.add_row("", w.fill("backbone_table.more", n=w.number(len(rows) - most)))
    table.add_section()
    table.add_row(
        "",
        w.fill("backbone_table.total", n=w.number(len(rows))),
        w.number(rows["length_m"].sum() / 1e3, 1),
        w.number(rows["sek"].sum() / 1e6, 1),
        style="bold",
    )
    return table


def summary_lines(run: BackboneRun, w: Words) -> list[str]:
    """Say in sentences what the plan joins, what it costs, and what stays on one way."""
    plan, said = run.plan, run.region.backbone
    new = plan.stretches[plan.stretches["new"]]
    first, second = new[~new["second_route"]], new[new["second_route"]]
    joined = plan.places[plan.places["join"] == "new"]
    lines = [
        w.fill(
            "backbone_table.joining",
            places=w.number(len(joined)),
            households=w.number(joined["households"].sum()),
            length=w.length(first["length_m"].sum()),
            cost=w.money(plan.joining_sek),
            gap=_above(plan.joining_sek, plan.joining_bound_sek, w),
        )
    ]
    if len(second):
        ways = plan.places["ways_after"].fillna(0) - plan.places["ways_before"].fillna(0)
        two = plan.places[(plan.places["ways_after"] == 2) & (ways > 0)]
        lines.append(
            w.fill(
                "backbone_table.second_ways",
                length=w.length(second["length_m"].sum()),
                cost=w.money(second["sek"].sum()),
                places=w.number(len(two)),
                households=w.number(two["households"].sum()),
                gap=_above(plan.total_sek, plan.total_bound_sek, w),
            )
        )
    elif said.second_route:
        lines.append(w.backbone_table.no_second)
    alone = plan.places[plan.places["ways_after"] == 1]
    if len(alone):
        lines.append(
            w.fill(
                "backbone_table.single",
                n=w.number(len(alone)),
                households=w.number(alone["households"].sum()),
            )
        )
    if said.budget_sek is not None:
        paid = new["within_budget"].fillna(value=False).astype(bool)
        lines.append(
            w.fill(
                "backbone_table.budget_line",
                budget=w.money(said.budget_sek),
                stretches=w.number(paid.sum()),
                households=w.number(_joined_by(new, paid)),
            )
        )
    for number, key in ((plan.links_left_out, "links_out"), (plan.links_short, "links_short")):
        if number:
            lines.append(w.fill(f"backbone_table.{key}", n=w.number(number)))
    return lines


def _joined_by(new: Any, paid: Any) -> float:
    """Add up the households that the stretches paid for join, each counted once."""
    first = new[~new["second_route"]]
    behind = first.groupby("depends_on")["households"].sum()
    own = first["households"] - first["stretch_id"].map(behind).fillna(0.0)
    return float(own[paid.reindex(first.index)].sum())


def _above(cost: float, bound: float, w: Words) -> str:
    return w.percent(cost / bound - 1 if bound > 0 else 0.0)
