"""Map layers of networks that connect places: new stretches, second ways, existing ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bredband_gis.webmap import Popup, ShapeLayer, Style

from bredband.backbone_public import SQUARE_M
from bredband.map_draw import amount_labels, require, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    from folium.map import Layer
    from numpy.typing import NDArray

    from bredband.map_draw import Drawing
    from bredband.text import Words

    Ints = NDArray[np.int64]

# Colours: ColorBrewer's RdPu and Greens (facts, colour-blind safe).
EACH_EDGES: Final = (2_500.0, 10_000.0, 40_000.0)
"""SEK per household at which a stretch's colour changes."""
_EACH_STYLES: Final = (("#7a0177", 5.0), ("#c51b8a", 4.4), ("#f768a1", 3.8), ("#fa9fb5", 3.2))
_SECOND, _EXISTING, _ALONE, _NOBODY = "#006d2c", "#4d4d4d", "#a50f15", "#8f8f8f"
_NEEDED: Final = (
    "new", "second_route", "from_place", "from_kind", "from_fibre", "to_place", "to_kind",
    "to_fibre", "length_m", "sek",
)  # fmt: skip


def draw_stretches(
    draw: Drawing, stretches: gpd.GeoDataFrame, *, straight: bool = False, show: bool = True
) -> list[Layer]:
    """Draw the stretches of a network that connects places.

    Parameters
    ----------
    draw : Drawing
        The page, with the words of networks.
    stretches : GeoDataFrame
        ``tables_backbone.STRETCHES`` with lines, for a public page those of
        ``backbone_public.public_stretches``; existing ones are never on a public page.
    straight : bool
        Whether the lines are links, whose true length is another.
    show : bool
        Whether they are on when the page opens.

    Returns
    -------
    list of Layer
        New stretches by cost per household, second ways, and on an internal page existing
        ones; those without any stretch are left out.
    """
    require(stretches, _NEEDED, "stretches")
    new = stretches["new"].to_numpy(bool)
    second = stretches["second_route"].to_numpy(bool)
    layers = [
        _first(draw, stretches[new & ~second], straight=straight, show=show),
        _second(draw, stretches[new & second], show=show),
        None if draw.public else _existing(draw, stretches[~new], show=show),
    ]
    return [layer for layer in layers if layer is not None]


def name_ends(stretches: pd.DataFrame, w: Words) -> list[str]:
    """Name each stretch by its ends: a place, or what lies near one."""
    said = {
        "place": "{place}",
        "junction": w.backbone.near_junction,
        "fibre": w.backbone.near_fibre,
    }
    ends = [
        [said[kind].format(place=name) for name, kind in zip(
            stretches[f"{end}_place"], stretches[f"{end}_kind"], strict=True
        )]
        for end in ("from", "to")
    ]  # fmt: skip
    return [
        w.fill("backbone.stretch", from_place=one, to_place=other)
        for one, other in zip(*ends, strict=True)
    ]


def _texts(rows: pd.DataFrame, w: Words, households: str) -> tuple[dict[str, Any], Popup]:
    """Write what a click on a stretch tells."""
    columns: dict[str, Any] = {"title": name_ends(rows, w)}
    pairs = []
    for name, label, spell in (
        ("priority", "priority", w.number),
        ("length_m", "length", w.length),
        ("sek", "cost", w.money),
        ("support_sek", "support", w.money),
        ("own_sek", "own", w.money),
        ("households", households, w.number),
        ("sek_per_household", "each", w.money),
        ("households_behind_single_cut", "alone", w.number),
        ("places_along", "along_places", str),
        ("within_budget", "within_budget", w.yes_no),
    ):
        if name in rows and not rows[name].isna().all():
            columns[name] = write(rows[name], spell, missing=None)
            pairs.append((w["backbone." + label], name))
    return columns, Popup("title", pairs)


def _layer(
    draw: Drawing,
    rows: gpd.GeoDataFrame,
    name: str,
    styles: list[Style],
    of: Ints,
    households: str,
    *,
    order: int,
    notes: Sequence[str] = (),
    show: bool = True,
) -> Layer | None:
    if rows.empty:
        return None
    columns, popup = _texts(rows, draw.w, households)
    layer = ShapeLayer(
        draw.pack(rows.geometry.to_numpy(), rows.crs, columns, 5.0),
        name,
        styles,
        of,
        popup=popup,
        tooltip="title",
        notes=draw.notes("backbone", *notes),
        show=show,
        order=order,
        casing="rgba(255,255,255,0.8)",
        highlight="#005fcc",
    )
    return draw.add(layer)


def _first(draw: Drawing, rows: gpd.GeoDataFrame, *, straight: bool, show: bool) -> Layer | None:
    w = draw.w
    each = rows["sek_per_household"].to_numpy(float)
    of = np.where(
        np.isnan(each), len(_EACH_STYLES), np.searchsorted(EACH_EDGES, each, side="right")
    )
    labels = [
        w.fill("backbone.per_household", amount=text)
        for text in amount_labels(w, EACH_EDGES, w.money)
    ]
    styles = [
        Style(label, stroke=colour, width=width)
        for label, (colour, width) in zip(labels, _EACH_STYLES, strict=True)
    ]
    if np.isnan(each).any():
        styles.append(Style(w.backbone.nobody, stroke=_NOBODY, width=2.0))
    notes = []
    if draw.public and (rows["from_fibre"] | rows["to_fibre"]).any():
        notes.append(w.fill("backbone.tap_note", square=draw.square(SQUARE_M)))
    if straight:
        notes.append(w.backbone.straight_note)
    return _layer(
        draw, rows, w.backbone.first, styles, of, "households", order=57, notes=notes, show=show
    )


def _second(draw: Drawing, rows: gpd.GeoDataFrame, *, show: bool) -> Layer | None:
    style = Style(draw.w.backbone.second_label, stroke=_SECOND, width=3.8)
    of = np.zeros(len(rows), np.int64)
    return _layer(
        draw, rows, draw.w.backbone.second, [style], of, "households_second", order=56, show=show
    )


def _existing(draw: Drawing, rows: gpd.GeoDataFrame, *, show: bool) -> Layer | None:
    styles = [
        Style(draw.w.backbone.existing_label, stroke=_EXISTING, width=2.0),
        Style(draw.w.backbone.existing_cut, stroke=_ALONE, width=2.6),
    ]
    of = (rows["households_behind_single_cut"] > 0).to_numpy().astype(np.int64)
    return _layer(
        draw, rows, draw.w.backbone.existing, styles, of, "households", order=54, show=show
    )
