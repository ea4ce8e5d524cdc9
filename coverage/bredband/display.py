"""Results as tables in a notebook: numbers as one writes them, everything from data escaped.

>>> show_table(cost, "area_name unserved_households support_sek")

A class whose parts are tables shows itself through :func:`show`:

>>> def _repr_html_(self) -> str:
...     return show(self)

The classes lie above this room, so that it knows them only by their attributes.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bredband.tables import COUNTED, GROUPS, SEGMENTS
from bredband.text import Words, read_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ROWS: Final = 20
"""Rows of a table that are shown."""

_FEW: Final = 5
"""Rows of each table where a result has several."""

_WIDE: Final = 9
"""Columns of these."""

_SHARES: Final = {
    "gap", "share", "target", "takeup", "breakeven_takeup", "expected_takeup",
    "municipality_coverage", *COUNTED, *SEGMENTS, *GROUPS,
}  # fmt: skip
"""Columns that hold a share from 0 to 1, besides those that the name tells: also measures and
segments, where somebody lays these side by side."""

_WORDS_OF: Final = {
    "area_kind": ("area_kind",), "base": ("base",), "criterion": ("criterion",),
    "factor": ("factor",), "goal": ("goal_name",), "layer": ("layer",),
    "measure": ("measure", "measure_of_cost"), "objective": ("objective",),
    "provenance": ("provenance_short",), "reach": ("reach",), "segment": ("segment",),
    "status": ("status",), "surface": ("item",), "technology": ("technology",),
    "unit": ("unit_of_number",),
}  # fmt: skip
"""Columns whose values have words, and where these stand."""

_STYLE: Final = """<style>
.bredband table { border-collapse: collapse; margin: 0.3em 0 0.8em; }
.bredband caption { text-align: left; font-weight: bold; padding: 0.3em 0; }
.bredband th, .bredband td { padding: 0.15em 0.7em; text-align: left; vertical-align: top;
  border-bottom: 1px solid #8885; background: none; }
.bredband td.n, .bredband th.n { text-align: right; white-space: nowrap; }
.bredband th { font-weight: 600; }
.bredband p { margin: 0.3em 0; }
</style>"""


class Shown:
    """Something to look at in a notebook; its plain text elsewhere."""

    def __init__(self, html: str, text: str) -> None:
        self.html = html
        self.text = text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


@lru_cache
def display_words(language: str = "sv") -> Words:
    """Give the words of a language, those of ``text/display_*.toml`` among them."""
    criteria = read_words("criteria", language)
    labels = {name: part["label"] for name, part in criteria.items() if "label" in part}
    entries = {**read_words("", language), **read_words("display", language)}
    return Words(language, {**entries, "criterion": labels})


def show_table(
    table: pd.DataFrame,
    columns: str | Sequence[str] | Mapping[str, str] | None = None,
    *,
    caption: str = "",
    rows: int = ROWS,
    language: str = "sv",
) -> Shown:
    """Show a table with headings in words and numbers with their units.

    What a number is, is told by the name of its column, as everywhere in bredband: ``_sek``
    is money, ``_m`` a length, ``share`` a share from 0 to 1.

    Parameters
    ----------
    table : DataFrame
        Any of bredband's tables, or one's own.
    columns : str, sequence or mapping of str, optional
        Which columns, in which order: names with spaces between, a list of them, or a mapping
        with a heading for each (empty: the usual one). All but the geometry where not given.
    caption : str
        What stands above it.
    rows : int
        How many rows are shown; how many there are is said.
    language : {"sv", "en"}
        Of headings and numbers.

    Returns
    -------
    Shown
        A notebook shows it as a table.

    Raises
    ------
    KeyError
        The table has no such column.
    """
    w = display_words(language)
    columns = columns.split() if isinstance(columns, str) else columns
    names = list(columns) if columns is not None else _plain_columns(table)
    heads = dict(columns) if isinstance(columns, dict) else {}
    found = table[names].head(rows)
    cells = {name: _spell(found[name], w) for name in names}
    titles = {name: heads.get(name) or w.column.get(str(name), str(name)) for name in names}
    if len(table) > rows:
        said = w.fill("head.first_rows", shown=w.number(rows), rows=w.number(len(table)))
        caption = f"{caption}: {said}" if caption else said
    right = [name for name in names if _is_right(found[name])]
    text = pd.DataFrame({titles[name]: cells[name] for name in names}).to_string(index=False)
    return Shown(_page(_grid(titles, cells, right, caption)), f"{caption}\n{text}".strip())


def show(record: Any, *, language: str = "sv") -> str:
    """Give HTML of something whose parts are tables and numbers: a dataclass or a named tuple.

    Of each table its first rows, and of its columns those that have a heading in words.
    """
    w = display_words(language)
    parts, facts = [], []
    for name, value in _parts(record):
        if isinstance(value, pd.DataFrame):
            parts.append(_first_rows(name, value, w))
        elif isinstance(value, bool | str):
            facts.append((name, str(value)))
        elif isinstance(value, int | float):
            facts.append((name, _spell(pd.Series([value], name=name), w)[0]))
    lines = [f"<p><b>{escape(type(record).__name__)}</b></p>"]
    if facts:
        lines.append(_facts(facts, w))
    return _page(*lines, *parts)


def show_region(region: Any) -> str:
    """Give HTML of a region's settings: what it is, and what its files are."""
    w = display_words(region.region.language)
    about = region.region
    rows = [
        {
            "layer": layer, "file": source.path.as_posix(), "provenance": source.provenance,
            "year": source.year, "licence": source.licence, "source": source.source,
        }
        for layer, source in region.sources.items()
    ]  # fmt: skip
    facts = w.fill(
        "head.region_facts", code=about.code, crs=about.crs, goals=len(region.goals),
        detail=w.head[f"detail_{region.publication.detail}"],
    )  # fmt: skip
    files_table = show_table(
        pd.DataFrame(rows), caption=w.head.sources, rows=len(rows), language=w.language
    )
    return _page(
        f"<p><b>{escape(w.fill('head.region', name=about.name, year=about.year))}</b></p>",
        f"<p>{escape(facts)}</p>",
        files_table.html,
    )


def show_inputs(inputs: Any, *, language: str = "sv") -> str:
    """Give HTML of what was read: rows and provenance per file, and what was set aside."""
    w = display_words(language)
    read = pd.DataFrame(inputs.files)
    names = ["layer", "file", "rows_in", "rows_set_aside", "provenance", "source"]
    left = len(inputs.set_aside)
    aside = w.head.nothing_set_aside
    if left:
        aside = w.fill("head.set_aside", rows=w.count(left, "row"))
    notes = [aside]
    if inputs.findings:
        notes.append(w.fill("head.findings", count=len(inputs.findings)))
    shown = show_table(read, names, caption=w.head.inputs, rows=len(read), language=language)
    return _page(shown.html, *(f"<p>{escape(note)}.</p>" for note in notes))


def show_prices(prices: Any, *, language: str = "sv") -> str:
    """Give HTML of the prices that count, each with its range, mark and source."""
    w = display_words(language)
    rows = [
        {
            "item": _item(name, w),
            "price": w.number(price.value, 0 if price.value == int(price.value) else 2),
            "unit": "/".join(w.item_unit.get(one, one) for one in price.unit.split("/")),
            "range": w.head.no_range
            if price.low is None
            else f"{w.number(price.low)}–{w.number(price.high)}",
            "mark": price.mark,
            "year": price.year,
            "source": price.source,
        }
        for name, price in prices.items().items()
    ]
    caption = w.fill("head.prices", scope=w.head[f"scope_{prices.scope}"])
    return show_table(pd.DataFrame(rows), caption=caption, rows=len(rows), language=language).html


def _item(name: str, w: Words) -> str:
    """Name a price, e.g. ``trench.asphalt``, in words."""
    head, _, place = name.partition(".")
    of = w.item.get(place, w.segment.get(place, place))
    return w.item.get(head, head).format(place=of)


def show_results(results: Any) -> str:
    """Give HTML of a run: shares, what is left and what it costs, per municipality."""
    region = results.region
    w = display_words(region.region.language)
    speed = region.definitions.target_speed_mbit
    rows = results.coverage[
        (results.coverage["base"] == "households")
        & (results.coverage["segment"] == "total")
        & (results.coverage["speed_mbit"] == speed)
    ]
    shares = rows.pivot_table("share", ["area_kind", "area_code"], "measure", dropna=False)
    totals = rows.drop_duplicates(["area_kind", "area_code"])[["area_kind", "area_code", "total"]]
    table = results.cost.merge(totals, how="left").merge(
        shares.reset_index(), how="left", on=["area_kind", "area_code"]
    )
    caption = w.fill(
        "head.results", name=region.region.name, speed=w.speed(speed), year=region.region.year
    )
    shown = show_table(
        table,
        {
            "area_name": w.column.municipality, "total": w.column.households,
            "connected": "", "passed": "", "unserved_households": "", "trench_m": "",
            "capex_sek": "", "support_sek": "", "gap_per_household_sek": "",
        },
        caption=caption, rows=len(table), language=w.language,
    )  # fmt: skip
    made_up = dict.fromkeys(
        str(file["layer"]) for file in results.inputs.files if file["provenance"] == "synthetic"
    )
    notes = []
    if made_up:
        what = w.join([w.synthetic.get(layer, layer) for layer in made_up])
        notes.append(w.fill("head.synthetic", what=what))
    notes.append(w.fill("head.more", names=", ".join(results.following)))
    return _page(shown.html, *(f"<p>{escape(note)}</p>" for note in notes))


def _first_rows(name: str, table: pd.DataFrame, w: Words) -> str:
    known = [
        one for one in _plain_columns(table) if one in w.column and not table[one].isna().all()
    ]
    shown = known[:_WIDE] or _plain_columns(table)[:_WIDE]
    return show_table(table, shown, caption=name, rows=_FEW, language=w.language).html


def _parts(record: Any) -> Iterable[tuple[str, Any]]:
    if dataclasses.is_dataclass(record):
        names: Iterable[str] = (field.name for field in dataclasses.fields(record))
    else:
        names = record._fields
    return [(name, getattr(record, name)) for name in names if not name.startswith("_")]


def _facts(facts: list[tuple[str, str]], w: Words) -> str:
    lines = (
        f'<tr><th scope="row">{escape(w.column.get(name, name))}</th><td>{escape(said)}</td></tr>'
        for name, said in facts
    )
    return f"<table>{''.join(lines)}</table>"


def _grid(
    titles: Mapping[str, str], cells: Mapping[str, list[str]], right: Sequence[str], caption: str
) -> str:
    marks = {name: ' class="n"' if name in right else "" for name in titles}
    head = "".join(
        f'<th scope="col"{marks[name]}>{escape(title)}</th>' for name, title in titles.items()
    )
    lines = [
        "<tr>"
        + "".join(
            f"<td{mark}>{escape(cell)}</td>" for mark, cell in zip(marks.values(), row, strict=True)
        )
        + "</tr>"
        for row in zip(*cells.values(), strict=True)
    ]
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _page(*parts: str) -> str:
    inner = "\n".join(part.removeprefix(_STYLE) for part in parts)
    return f'{_STYLE}<div class="bredband">{inner}</div>'


def _plain_columns(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table if str(table[name].dtype) != "geometry"]


def _is_right(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _spell(values: pd.Series[Any], w: Words) -> list[str]:
    """Write a column's values by what its name says they are."""
    if pd.api.types.is_bool_dtype(values):
        return [w.yes_no(value) for value in values]
    if _is_right(values):
        spell = _speller(str(values.name), values, w)
        return [spell(None if pd.isna(value) else float(value)) for value in values]
    known = {
        key: room[key]
        for room in (getattr(w, name) for name in _WORDS_OF.get(str(values.name), ()))
        for key in room
    }
    return [w.missing if pd.isna(one) else known.get(str(one), str(one)) for one in values]


def _speller(name: str, values: pd.Series[Any], w: Words) -> Callable[[float | None], str]:
    if name == "year":
        return lambda value: w.missing if value is None else f"{value:.0f}"
    if name.endswith("_points"):
        return lambda value: _sign(w.number(value, 1), w)
    counted = pd.api.types.is_integer_dtype(values)
    if not counted and (name in _SHARES or name.endswith("_share") or name.startswith("share")):
        return w.percent
    for ending, spell in (("_sek", w.money), ("_m", w.length), ("_mbit", w.speed)):
        if name.endswith(ending) or f"{ending}_per_" in name:
            return spell
    if name == "number":  # each of its own unit
        return lambda value: w.number(value, 0 if not value or value % 1 == 0 or value > 99 else 2)
    whole = bool((values.dropna() % 1 == 0).all()) or values.abs().median() >= 100
    return lambda value: w.number(value, 0 if whole else 2)


def _sign(said: str, w: Words) -> str:
    """Put a plus before what is above nought as it is written."""
    above = not said.startswith((w.minus, w.missing)) and any(one in "123456789" for one in said)
    return f"+{said}" if above else said
