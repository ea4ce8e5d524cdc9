"""``bredband show``: a finished result in the terminal, for the region or one municipality."""

from __future__ import annotations

import difflib
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click
from bredband_gis.errors import GeodataError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bredband.options import FOLDER, LANGUAGE, speak_as

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from bredband.text import Words

# What reads files and tables takes a second to load: --help does not wait for it.

NEEDED: Final = (
    "coverage", "cost", "goals", "goal_cost", "intervals", "standing", "priority_areas",
    "motivations", "municipalities",
)  # fmt: skip
"""Tables that the command prints from."""

AREAS: Final = 10

_MEASURES: Final = ("connected", "passed", "planned", "connected_any")


@dataclass(frozen=True)
class Place:
    """What is shown: the region, or one of its municipalities."""

    kind: str
    code: str
    name: str


@click.command()
@click.argument("folder", type=FOLDER, metavar="RESULT_DIR")
@click.argument("municipality", required=False)
@click.option("--areas", "most", type=click.IntRange(0), default=AREAS, show_default=True,
              help="How many build areas.")  # fmt: skip
@click.option("--lang", type=LANGUAGE,
              help="Language of what is said.  [default: as the result]")  # fmt: skip
@click.option("--internal", is_flag=True, help="Small groups too, not for spreading.")
def show(
    folder: Path, municipality: str | None, most: int, lang: str | None, internal: bool
) -> None:
    """Show a run's result: state, goals, cost and the first areas, of all or one MUNICIPALITY."""
    from bredband.audience import seen_by  # noqa: PLC0415
    from bredband.stored import read_manifest, read_tables  # noqa: PLC0415

    manifest = read_manifest(folder)
    language = speak_as(manifest, lang)
    if internal:
        manifest = seen_by(manifest, "internal")
    tables = read_tables(folder, NEEDED)
    show_result(Console(), tables, manifest, municipality, language=language, most=most)


def show_result(
    console: Console,
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    municipality: str | None = None,
    *,
    language: str = "sv",
    most: int = AREAS,
) -> None:
    """Print what a result says of the region or of a municipality.

    Parameters
    ----------
    console : Console
        Where.
    tables : mapping of str to DataFrame
        A run's tables by name; what is absent is left out, saying so.
    manifest : mapping
        The run's.
    municipality : str, optional
        Name or code; the region when not given.
    language : {"sv", "en"}
        Of what is said.
    most : int
        How many build areas.

    Raises
    ------
    GeodataError
        There is no such municipality; the nearest names are suggested.
    """
    from bredband.audience import shown_tables  # noqa: PLC0415
    from bredband.table_words import table_words  # noqa: PLC0415
    from bredband.terminal import summary_table  # noqa: PLC0415

    w = table_words(language, plain=True)
    shown = shown_tables(tables, manifest)
    place = find_place(shown, manifest, municipality, w)
    settings = manifest.get("settings", {})
    speed = int(settings.get("definitions", {}).get("target_speed_mbit", 100))
    year = settings.get("region", {}).get("year", "")
    _say(console, w.fill("show.title", place=place.name, year=year), style="bold")
    for line in _warnings(manifest, w):
        _say(console, line, style="yellow")
    if place.kind == "region" and {"coverage", "cost"} <= set(shown):
        console.print(summary_table(shown["coverage"], shown["cost"], w, speed=speed))
    parts: dict[str, Table | None] = {
        "coverage": _state_table(shown, place, w) if "coverage" in shown else None,
        "goals": _goal_table(shown, place, w) if "goals" in shown else None,
        "cost": _cost_table(shown, place, w) if "cost" in shown else None,
    }
    for table in parts.values():
        if table is not None:
            console.print(table)
    for line in _standing_lines(shown, place, speed, w):
        _say(console, line)
    areas = shown.get("priority_areas")
    if areas is not None and most:
        _show_areas(console, areas, place, manifest, w, most=most)
    absent = [name for name in ("coverage", "goals", "cost", "intervals", "priority_areas")
              if name not in shown]  # fmt: skip
    if absent:
        names = w.join([w.sheet.get(name, name) for name in absent])
        _say(console, w.fill("show.absent", names=names))


def find_place(
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    asked: str | None,
    w: Words,
) -> Place:
    """Find a municipality by its name or code; the region when nothing is asked.

    Raises
    ------
    GeodataError
        There is none; the nearest names are suggested.
    """
    region = manifest.get("settings", {}).get("region", {})
    if asked is None:
        return Place("region", str(region.get("code", "")), str(manifest.get("region", "")))
    towns = _towns(tables)
    plain = _plain(asked)
    for code, name in towns.items():
        if plain in {_plain(code), _plain(name)}:
            return Place("municipality", code, name)
    # A city is often asked for with what it is: Luleå kommun.
    for code, name in towns.items():
        if plain.removesuffix(" kommun").removesuffix(" stad").removesuffix("s") in {
            _plain(name), _plain(name).removesuffix("s")
        }:  # fmt: skip
            return Place("municipality", code, name)
    names = {_plain(name): name for name in towns.values()}
    near = difflib.get_close_matches(plain, [*names, *towns], n=3, cutoff=0.5)
    found = [f"{names[one]}" if one in names else f"{one} {towns[one]}" for one in near]
    what = w.fill("show.no_place", name=asked, region=manifest.get("region", ""))
    fix = (
        w.fill("show.nearest", names=w.join(found)) if found
        else w.fill("show.there_are", names=w.join(sorted(towns.values())))
    )  # fmt: skip
    raise GeodataError(what, fix=fix)


def _towns(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    if "municipalities" in tables:
        table = tables["municipalities"]
        return dict(zip(table["municipality_code"], table["municipality_name"], strict=True))
    for name in ("cost", "coverage"):
        if name in tables:
            rows = tables[name][tables[name]["area_kind"] == "municipality"]
            return dict(zip(rows["area_code"], rows["area_name"], strict=True))
    return {}


def _plain(text: str) -> str:
    """Fold case and accents, but keep å, ä and ö as they are typed without them: overkalix."""
    folded = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(one for one in folded if not unicodedata.combining(one))


def _say(console: Console, text: str, *, style: str | None = None) -> None:
    console.print(escape(text), style=style, highlight=False, soft_wrap=True)


def _warnings(manifest: Mapping[str, Any], w: Words) -> list[str]:
    made_up = dict.fromkeys(
        str(file.get("layer")) for file in manifest.get("inputs", [])
        if file.get("provenance") == "synthetic"
    )  # fmt: skip
    if not made_up:
        return []
    return [w.fill("cli.synthetic", what=w.join([w.synthetic.get(one, one) for one in made_up]))]


def _rows(table: pd.DataFrame, place: Place) -> pd.DataFrame:
    return table[(table["area_kind"] == place.kind) & (table["area_code"] == place.code)]


def _grid(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")


def _state_table(shown: Mapping[str, pd.DataFrame], place: Place, w: Words) -> Table | None:
    rows = _rows(shown["coverage"], place)
    rows = rows[(rows["base"] == "households") & (rows["segment"] == "total")]
    if rows.empty:
        return None
    speeds = sorted(int(speed) for speed in rows["speed_mbit"].unique())
    counted = rows[rows["measure"] == "connected"]["total"]
    total = counted.iloc[0] if len(counted) else None
    households = w.count(total, "household")
    table = _grid(w.fill("show.state", households=households))
    table.add_column(w.map.measure, no_wrap=True)
    for speed in speeds:
        table.add_column(w.speed(speed), justify="right")
    cells = rows.set_index(["measure", "speed_mbit"])["share"]
    for measure in _MEASURES:
        if (rows["measure"] == measure).any():
            values = [cells.get((measure, speed)) for speed in speeds]
            table.add_row(w["measure." + measure], *map(w.percent, values))
    return table


def _goal_table(shown: Mapping[str, pd.DataFrame], place: Place, w: Words) -> Table | None:
    rows = _rows(shown["goals"], place)
    rows = rows[rows["base"] == "households"]
    if rows.empty:
        return None
    table = _grid(w.table.goals_title)
    table.add_column(w.heading_short.goal)
    for key in ("share", "missing", "reached"):
        table.add_column(w.heading_short[key], justify="right", no_wrap=True)
    for row in rows.to_dict("records"):
        table.add_row(
            escape(str(row["goal"])), w.percent(row["share"]), w.number(row["missing"]),
            w.yes_no(row["reached"]),
        )  # fmt: skip
    if "goal_cost" not in shown:
        return table
    costs = _rows(shown["goal_cost"], place)
    costs = costs[costs["goal"] != "now"]
    if len(costs):
        table.add_section()
        for row in costs.to_dict("records"):
            said = (
                w.fill("show.goal_cost", capex=w.money(row["capex_sek"]),
                       support=w.money(row["support_sek"]))
                if row["reachable"] else w.show.goal_beyond
            )  # fmt: skip
            goal = w.fill("show.goal_planned", goal=row["goal"])
            table.add_row(
                escape(f"{goal}: {said}"), w.percent(row["share_now"]),
                w.number(row["households_needed"]), "",
            )  # fmt: skip
    return table


def _cost_table(shown: Mapping[str, pd.DataFrame], place: Place, w: Words) -> Table | None:
    rows = _rows(shown["cost"], place)
    if rows.empty:
        return None
    cost = rows.iloc[0]
    spans = {}
    if "intervals" in shown:
        found = _rows(shown["intervals"], place)
        spans = {
            str(row["measure"]): w.fill(
                "show.interval", low=w.money(row["p10_sek"]), high=w.money(row["p90_sek"])
            )
            for row in found.to_dict("records")
        }
    table = _grid(w.table.cost_title)
    table.add_column("", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column(w.show.interval_head, justify="right", no_wrap=True)
    for name, spell, measure in (
        ("unserved_households", w.number, ""),
        ("unreached_households", w.number, ""),
        ("trench_m", w.length, ""),
        ("capex_sek", w.money, "capex"),
        ("own_contribution_sek", w.money, ""),
        ("operator_revenue_sek", w.money, ""),
        ("gap_sek", w.money, "gap"),
        ("gap_per_household_sek", w.money, ""),
        ("support_sek", w.money, "support"),
    ):
        head = w.heading_short[name]
        table.add_row(head, spell(cost[name]), spans.get(measure, ""))
    return table


def _standing_lines(
    shown: Mapping[str, pd.DataFrame], place: Place, speed: int, w: Words
) -> list[str]:
    if place.kind != "municipality" or "standing" not in shown:
        return []
    rows = shown["standing"]
    rows = rows[
        (rows["municipality_code"] == place.code)
        & (rows["base"] == "households")
        & (rows["measure"] == "connected")
        & (rows["speed_mbit"] == speed)
    ]
    lines = []
    for row in rows.to_dict("records"):
        lines.append(
            w.fill(
                "show.standing", rank=w.number(row["rank"]), of=w.number(row["of"]),
                speed=w.speed(speed), points=_points(row["county_points"], w),
                county=w.percent(row["county_share"]),
            )
        )  # fmt: skip
        if row["country_share"] == row["country_share"]:
            lines.append(
                w.fill(
                    "show.country", points=_points(row["country_points"], w),
                    country=w.percent(row["country_share"]), source=row["country_source"],
                )
            )  # fmt: skip
    return lines


def _points(value: float, w: Words) -> str:
    text = w.number(value, 1)
    return f"+{text}" if value > 0 else text


def _show_areas(
    console: Console, areas: pd.DataFrame, place: Place, manifest: Mapping[str, Any], w: Words,
    *, most: int,
) -> None:  # fmt: skip
    from bredband.audience import min_households  # noqa: PLC0415

    if place.kind == "municipality":
        areas = areas[areas["municipality_code"] == place.code]
    ranked = areas[areas["rank"].notna()].sort_values("rank", kind="stable")
    if ranked.empty:
        _say(console, w.show.no_areas)
        return
    first = ranked.head(most)
    table = _grid(w.fill("show.areas", shown=w.number(len(first)), all=w.number(len(ranked))))
    for key in ("rank", "area", "households", "trench", "support", "each", "sum"):
        right = key != "area"
        table.add_column(w.show[key], justify="right" if right else "left", no_wrap=right)
    few = w.fill("map.few", n=min_households(manifest))
    for row in first.to_dict("records"):
        hidden = bool(row.get("hidden", False))
        support = None if row["gap_sek"] != row["gap_sek"] else max(row["gap_sek"], 0.0)
        name = escape(str(row["name"]))
        if place.kind == "region":
            name += f" [dim]({escape(str(row['municipality']))})[/]"
        table.add_row(
            w.number(row["rank"]), name, few if hidden else w.number(row["households"]),
            w.length(row["trench_m"]), w.money(support), w.money(row["gap_per_household_sek"]),
            w.money(row["cumulative_gap_sek"]),
        )  # fmt: skip
    console.print(table)
    for row in first.to_dict("records"):
        motivation = row.get("motivation")
        if isinstance(motivation, str) and motivation:
            line = w.fill("show.motivation", rank=w.number(row["rank"]), area=row["name"],
                          motivation=motivation)  # fmt: skip
            _say(console, line)
