"""The styles of a result's layers for QGIS: the classes and colours of the map."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from bredband_gis.qml import (
    Category,
    Class,
    LayerStyle,
    Symbol,
    categorised,
    column,
    graduated,
)

from bredband.map_draw import (
    FEW,
    NOTHING,
    amount_labels,
    range_labels,
    rank_labels,
    share_labels,
)
from bredband.map_remaining import (
    CHOSEN,
    PRICE_COLOURS,
    PRICE_EDGES,
    RANK_EDGES,
    RANK_STYLES,
    TRENCH_COLOURS,
    TRENCH_WIDTHS,
)
from bredband.map_state import (
    CELL_COLOURS,
    CELL_EDGES,
    COST_COLOURS,
    COST_EDGES,
    SHARE_COLOURS,
    SHARE_EDGES,
    STATUS_COLOURS,
)
from bredband.publication import HOUSEHOLD_CLASSES
from bredband.table_words import heading
from bredband.tables import COUNTED, SEGMENTS, STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from bredband.text import Words

_NONE: Final = -1.0
"""Stands for an empty number, which QGIS's classes would leave undrawn."""

_PIXEL_MM: Final = 0.26
"""A pixel of the map at 96 dots per inch, mm."""

_SEGMENT_COLOURS: Final = {"tätort": "#969696", "småort": "#bdbdbd", "utanför": "#e0e0e0"}


def headings(frame: pd.DataFrame, w: Words) -> dict[str, str]:
    """Give what each column is called, where there is a word for it."""
    return {str(name): heading(w, str(name)) for name in frame.columns if name != "geometry"}


def municipality_styles(frame: pd.DataFrame, target: int, w: Words) -> list[LayerStyle]:
    """Colour municipalities by each share, the target speed first, and by support."""
    names = headings(frame, w)
    speeds = sorted(
        {int(name.split("_")[-2]) for name in names if name.endswith("_share")},
        key=lambda speed: (speed != target, speed),
    )
    styles: list[LayerStyle] = []
    for measure in COUNTED:
        for speed in speeds:
            name = f"{measure}_{speed}_share"
            if name in frame and frame[name].notna().any():
                said = w.fill(
                    "geopackage.share", measure=w.geopackage[measure], speed=w.speed(speed)
                )
                classes = _classes(SHARE_EDGES, share_labels(w, SHARE_EDGES), _fills(SHARE_COLOURS))
                classes = [*_from(classes, -0.5), _nothing(w.map.none)]
                qml = graduated(
                    _known(name), classes, kind="fill", names="municipality_name", headings=names
                )
                styles.append(LayerStyle("municipalities", said, qml, default=not styles))
    name = "gap_per_household_sek"
    if name in frame:
        classes = _classes(COST_EDGES, amount_labels(w, COST_EDGES, w.money), _fills(COST_COLOURS))
        qml = graduated(
            column(name), classes, kind="fill", names="municipality_name", headings=names
        )
        styles.append(LayerStyle("municipalities", names[name], qml, default=not styles))
    return styles


def locality_styles(frame: pd.DataFrame, shape: str, w: Words) -> list[LayerStyle]:
    """Colour localities by their kind, with their names."""
    kind: Any = "marker" if shape == "Point" else "fill"
    symbols = {
        name: Symbol(colour, opacity=0.5, stroke="#6e6e6e", width=0.2)
        for name, colour in _SEGMENT_COLOURS.items()
    }
    categories = [Category(name, w["segment." + name], symbols[name]) for name in SEGMENTS]
    categories.append(Category(None, w.map.none, Symbol(NOTHING, opacity=0.5)))
    attribute = column("segment") if "segment" in frame else "''"
    qml = categorised(
        attribute, categories, kind=kind, names="locality_name", headings=headings(frame, w)
    )
    return [LayerStyle("localities", w.geopackage.kind, qml, default=True)]


def area_styles(frame: pd.DataFrame, w: Words) -> list[LayerStyle]:
    """Colour areas by rank, and by what a household of them needs."""
    names = headings(frame, w)
    highest = float(frame["rank"].max()) if frame["rank"].notna().any() else 0.0
    edges = [1, *(edge for edge in RANK_EDGES if edge <= highest)]
    looks = [
        Symbol(colour, opacity=opacity, stroke=colour, width=width * _PIXEL_MM)
        for colour, opacity, width, _ in RANK_STYLES
    ]
    classes = _classes(edges[1:], rank_labels(w, edges), looks)
    classes[0] = Class(0.5, classes[0].high, classes[0].label, classes[0].symbol)
    grey = Symbol("#8f8f8f", opacity=0.35, stroke="#555555", width=0.2)
    classes.append(Class(None, 0.5, w.map.rank_none, grey))
    by_rank = graduated(_known("rank"), classes, kind="fill", headings=names)
    each = _classes(COST_EDGES, amount_labels(w, COST_EDGES, w.money), _fills(COST_COLOURS, 0.8))
    by_gap = graduated(column("gap_per_household_sek"), each, kind="fill", headings=names)
    return [
        LayerStyle("priority_areas", w.geopackage.rank, by_rank, default=True),
        LayerStyle("priority_areas", names["gap_per_household_sek"], by_gap),
    ]


def choice_styles(
    frame: pd.DataFrame, shown: Mapping[str, pd.DataFrame], w: Words
) -> list[LayerStyle]:
    """Colour areas by whether each budget takes them, from which, and in which year."""
    names = headings(frame, w)
    bought = Symbol(CHOSEN[0], opacity=0.75, stroke="#5c2d00", width=0.26)
    other = Symbol(CHOSEN[1], opacity=0.35, stroke="#8a857d", width=0.13)
    styles: list[LayerStyle] = []
    summary = shown.get("choice_summary")
    for plan in ("budget", "budgets"):
        name = f"{plan}_chosen"
        if name not in frame:
            continue
        said = w.geopackage[plan]
        if summary is not None and (summary["plan"] == plan).any():
            budget = float(summary.loc[summary["plan"] == plan, "budget_sek"].iloc[0])
            said = f"{said}: {w.money(budget)}"
        test = f"CASE WHEN {column(name)} THEN 'yes' ELSE 'no' END"
        categories = [Category("yes", w.map.bought, bought),
                      Category("no", w.map.not_bought, other)]  # fmt: skip
        qml = categorised(test, categories, kind="fill", headings=names)
        styles.append(LayerStyle("choice", said, qml, default=not styles))
    for name, spell in (("from_budget_sek", w.money), ("year", w.number)):
        if name not in frame:
            continue
        steps = sorted(float(value) for value in frame[name].dropna().unique())
        looks = [Symbol(colour, opacity=0.75, stroke="#5c2d00", width=0.2)
                 for colour in _ramp(len(steps))]  # fmt: skip
        classes = [
            Class(step - 0.5, step + 0.5, spell(step), look)
            for step, look in zip(steps, looks, strict=True)
        ]
        classes.append(Class(None, 0.0, w.map.not_bought, other))
        qml = graduated(_known(name), classes, kind="fill", headings=names)
        styles.append(LayerStyle("choice", names[name], qml, default=not styles))
    return styles


def premises_styles(frame: pd.DataFrame, w: Words, *, few: int | None = None) -> list[LayerStyle]:
    """Colour buildings by their status; cells by the share that has or could have it."""
    names = headings(frame, w)
    if few is None:
        categories = [
            Category(
                name, w["status." + name],
                Symbol(STATUS_COLOURS[name], stroke="#ffffff", width=0.1, size=1.4),
            )
            for name in STATUSES
        ]  # fmt: skip
        by_status = categorised(column("status"), categories, kind="marker", headings=names)
        styles = [LayerStyle("premises", w.geopackage.status, by_status, default=True)]
        if "per_party_sek" in frame:
            looks = [Symbol(colour, stroke="#5b5470", width=0.1) for colour in COST_COLOURS]
            classes = _classes(COST_EDGES, amount_labels(w, COST_EDGES, w.money), looks)
            by_cost = graduated(column("per_party_sek"), classes, kind="marker", headings=names)
            styles.append(LayerStyle("premises", w.map.shared_cost, by_cost))
        return styles
    looks = [Symbol(colour, stroke="#8a8a8a", width=0.08) for colour in SHARE_COLOURS]
    classes = _classes(SHARE_EDGES, share_labels(w, SHARE_EDGES), looks)
    classes.append(
        Class(None, -0.5, w.fill("map.few", n=few), Symbol(NOTHING, stroke="#8a8a8a", width=0.08))
    )
    qml = graduated(_known("share"), _from(classes, -0.5), kind="fill", headings=names)
    return [LayerStyle("premises", w.geopackage.served, qml, default=True)]


def unserved_styles(frame: pd.DataFrame, few: int, w: Words) -> list[LayerStyle]:
    """Colour cells by how many households lack the speed."""
    edges = sorted({few, *(edge for edge in CELL_EDGES if edge >= few)})
    labels = range_labels(w, edges)
    looks = [
        Symbol(colour, stroke="#5a1a00", width=0.13) for colour in CELL_COLOURS[-len(labels) :]
    ]
    classes = _from(_classes(edges[1:], labels, looks), -0.5)
    classes.append(
        Class(None, -0.5, w.fill("map.few", n=few), Symbol(FEW, stroke="#5a1a00", width=0.13))
    )
    qml = graduated(_known("households"), classes, kind="fill", headings=headings(frame, w))
    return [LayerStyle("unserved", w.geopackage.unserved, qml, default=True)]


def trench_styles(frame: pd.DataFrame, w: Words, *, few: int | None) -> list[LayerStyle]:
    """Draw trench by the households it reaches and, where exact, by its price."""
    edges = sorted({few or 0, *HOUSEHOLD_CLASSES[1:]})
    edges = [edge for edge in edges if edge >= (few or 0)][:5]
    looks = [
        Symbol(colour, width=width * _PIXEL_MM)
        for colour, width in zip(TRENCH_COLOURS, TRENCH_WIDTHS, strict=True)
    ][: len(edges)]
    classes = _classes(edges[1:], range_labels(w, edges), looks)
    name = "households_below" if few is None else "class_from"
    by_homes = graduated(column(name), classes, kind="line", headings=headings(frame, w))
    styles = [LayerStyle("trench", w.geopackage.by_households, by_homes, default=True)]
    if few is None:
        labels = amount_labels(
            w, PRICE_EDGES, lambda sek: w.fill("map.sek_per_m", sek=w.number(sek))
        )
        lines = [Symbol(colour, width=0.6) for colour in PRICE_COLOURS]
        by_price = graduated(
            column("price_sek_per_m"),
            _classes(PRICE_EDGES, labels, lines),
            kind="line",
            headings=headings(frame, w),
        )
        styles.append(LayerStyle("trench", w.map.price, by_price))
    return styles


# ---- classes --------------------------------------------------------------------------


def _classes(
    edges: Sequence[float], labels: Sequence[str], symbols: Sequence[Symbol]
) -> list[Class]:
    """Make classes that change at the edges: one more than these."""
    bounds = [None, *(float(edge) for edge in edges), None]
    return [
        Class(low, high, label, symbol)
        for (low, high), label, symbol in zip(
            pairwise(bounds), labels, symbols[: len(labels)], strict=True
        )
    ]


def _from(classes: list[Class], low: float) -> list[Class]:
    """Let the lowest class begin at a bound, below which stands what has no number."""
    first = classes[0]
    return [Class(low, first.high, first.label, first.symbol), *classes[1:]]


def _fills(colours: Sequence[str], opacity: float = 1.0) -> list[Symbol]:
    return [Symbol(colour, opacity=opacity, stroke="#ffffff", width=0.3) for colour in colours]


def _nothing(label: str) -> Class:
    return Class(None, -0.5, label, Symbol(NOTHING, stroke="#ffffff", width=0.3))


def _known(name: str) -> str:
    """Give a number as an expression that is -1 where there is none."""
    return f"coalesce({column(name)}, {_NONE:g})"


def _ramp(number: int) -> list[str]:
    """Give so many colours of the map's, the darkest first."""
    colours = ["#7f3b08", "#b35806", "#e08214", "#fdb863", "#fee0b6"]
    return [colours[min(at, len(colours) - 1)] for at in range(number)]
