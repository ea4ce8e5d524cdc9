"""The needs map: stretches that would join places, and how many ways lead to each place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from bredband_gis.webmap import (
    Group,
    Head,
    PageWords,
    Panel,
    Popup,
    ShapeLayer,
    Style,
    WebMap,
)

from bredband.backbone_public import SQUARE_M, public_places, public_stretches
from bredband.backbone_words import backbone_words
from bredband.map_background import draw_land, draw_names, draw_roads
from bredband.map_draw import Drawing, amount_labels, bounds_of, simplify_neighbours, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    from folium.map import Layer
    from numpy.typing import NDArray

    from bredband.backbone import Backbone
    from bredband.region import Region
    from bredband.text import Words

    Ints = NDArray[np.int64]

# Colours: ColorBrewer's RdPu, Greens and GnBu (facts, colour-blind safe).
EACH_EDGES: Final = (2_500.0, 10_000.0, 40_000.0)
"""SEK per household at which a stretch's colour changes."""
_EACH_STYLES: Final = (("#7a0177", 5.0), ("#c51b8a", 4.4), ("#f768a1", 3.8), ("#fa9fb5", 3.2))
_SECOND, _EXISTING, _ALONE, _NOBODY = "#006d2c", "#4d4d4d", "#a50f15", "#8f8f8f"
_WAYS: Final = {
    "ways_root": "#000000", "ways_2": "#0868ac", "ways_1": "#f47a4d", "ways_0": "#7f0000",
    "ways_lost": "#c8c8c8",
}  # fmt: skip


def backbone_map(
    plan: Backbone,
    region: Region,
    municipalities: gpd.GeoDataFrame,
    *,
    roads: gpd.GeoDataFrame | None = None,
    files: Sequence[Mapping[str, Any]] = (),
    provenance: Mapping[str, str] | None = None,
) -> WebMap:
    """Draw the needs map of a plan.

    Parameters
    ----------
    plan : Backbone
        From ``backbone.plan_backbone``.
    region : Region
        Name, language, ``[backbone]`` and ``[publication]``.
    municipalities : GeoDataFrame
        ``tables.MUNICIPALITIES`` with polygons.
    roads : GeoDataFrame, optional
        Main roads to find one's way by.
    files : sequence of mapping
        ``Inputs.files``: the sources.
    provenance : mapping of str to str, optional
        Per layer real, derived or synthetic.

    Returns
    -------
    WebMap
        ``save`` writes it as one file that needs no network. Where ``[publication]`` detail
        is public, existing fibre is not on it.
    """
    w = backbone_words(region.region.language)
    public = region.publication.detail == "public"
    stretches = public_stretches(plan.stretches) if public else plan.stretches
    places = public_places(plan.places) if public else plan.places
    title = w.fill("backbone.title", region=region.region.name)
    polygons = simplify_neighbours(municipalities.geometry.to_numpy())
    crs = municipalities.crs
    page = WebMap(
        title,
        bounds=bounds_of(polygons, crs),
        language=w.language,
        words=PageWords(
            map_label=title, zoom_in=w.map.zoom_in, zoom_out=w.map.zoom_out, close=w.map.popup_close
        ),
    )
    draw = Drawing(page, w, region.publication, crs, provenance or {})
    land = draw_land(draw, draw.pack(polygons, crs, resolution=5.0))
    names, _ = draw_names(draw, municipalities, polygons, places)
    needs = [
        _first(draw, stretches[stretches["new"] & ~stretches["second_route"]], plan, public),
        _second(draw, stretches[stretches["second_route"]]),
        None if public else _existing(draw, stretches[~stretches["new"]]),
    ]
    today = [
        _ways(draw, places, "ways_before", w.backbone.today, show=False),
        _ways(draw, places, "ways_after", w.backbone.after, show=True),
    ]
    find = [names, draw_roads(draw, roads) if roads is not None else None, land]
    page.add_child(
        Head(title, _subtitle(plan, region, w), _facts(plan, region, w),
             _notices(plan, region, w, provenance or {}))
    )  # fmt: skip
    page.add_child(
        Panel(
            w.map.panel,
            [
                Group(w.backbone.group_needs, [one for one in needs if one]),
                Group(w.backbone.group_today, today, single=True),
                Group(w.backbone.group_find, [one for one in find if one]),
            ],
            [
                (w.backbone.how, explain_plan(plan, region, w)),
                (w.map.sources, [*_sources(files, w), w.map.software]),
            ],
            show=w.map.panel_open,
            hide=w.map.panel_close,
        )
    )
    return page


def explain_plan(plan: Backbone, region: Region, w: Words) -> list[str]:
    """Say in a few sentences how a plan came about and what it does not hold."""
    settings, places = region.backbone, plan.places
    text = [
        w.fill(
            "backbone.how_tree", along=w["backbone.along_" + plan.along],
            bound=w.money(plan.joining_bound_sek),
        ),
        w.fill(
            f"backbone.roots_{plan.roots}",
            places=_some(places[places["join"] == "backbone"], w),
        ),
        w.backbone.how_ways,
        w.fill("backbone.how_second", worth=w.money(settings.worth_sek_per_household)),
        w.backbone.how_price_roads if settings.price == "roads" and plan.along == "roads"
        else w.fill(
            "backbone.how_price", price=w.number(settings.trench.value),
            source=settings.trench.source, mark=settings.trench.mark,
        ),
        w.fill("backbone.how_support", share=w.percent(settings.support_share, 0)),
    ]  # fmt: skip
    if plan.along != "roads" and region.sources.fibre:
        text.append(w.backbone.fibre_unused)
    lost = places[places["join"].isin(("no_road", "no_way"))]
    small = places[places["join"] == "small"]
    if len(lost):
        text.append(
            w.fill("backbone.not_joined", n=w.number(len(lost)), places=_some(lost, w, most=20))
        )
    if len(small):
        text.append(
            w.fill("backbone.too_small", n=w.number(len(small)),
                   persons=w.number(settings.min_population))
        )  # fmt: skip
    return text


def _some(places: pd.DataFrame, w: Words, *, most: int = 12) -> str:
    names = places.sort_values("population", ascending=False, kind="stable")["locality_name"]
    listed = list(names[:most])
    return ", ".join([*listed, "…"]) if len(names) > most else w.join(listed)


def _subtitle(plan: Backbone, region: Region, w: Words) -> str:
    return w.fill(
        "backbone.subtitle", persons=w.number(region.backbone.min_population),
        along=w["backbone.along_" + plan.along],
    )  # fmt: skip


def _facts(plan: Backbone, region: Region, w: Words) -> list[tuple[str, str]]:
    new = plan.stretches[plan.stretches["new"]]
    share = w.percent(region.backbone.support_share, 0)
    return [
        (w.number((plan.places["join"] == "new").sum()), w.backbone.fact_joined),
        (w.length(round(new["length_m"].sum(), -3)), w.backbone.fact_length),
        (w.money(new["sek"].sum()), w.backbone.fact_cost),
        (w.money(new["support_sek"].sum()), w.fill("backbone.fact_support", share=share)),
        (w.number((plan.places["ways_after"] == 1).sum()), w.backbone.fact_single),
    ]


def _notices(plan: Backbone, region: Region, w: Words, provenance: Mapping[str, str]) -> list[str]:
    notices = []
    rests_on = ["localities", "premises"]
    if plan.along == "roads":
        rests_on += ["roads", "fibre"]
    made_up = [w.synthetic.get(layer, layer) for layer in rests_on
               if provenance.get(layer) == "synthetic"]  # fmt: skip
    if made_up:
        notices.append(w.fill("synthetic.banner", what=w.join(made_up)))
    if plan.along == "straight":
        detour = w.number(region.backbone.detour, 2)
        notices.append(w.fill("backbone.made_up", detour=detour))
    if region.publication.detail == "internal":
        notices.append(w.map.internal)
    return notices


def _sources(files: Iterable[Mapping[str, Any]], w: Words) -> list[str]:
    """Write one line per different source: layer, maker, year, licence, provenance."""
    lines = []
    for file in files:
        parts = [file.get("source"), file.get("year"), file.get("licence")]
        said = ", ".join(str(part) for part in parts if part) or file.get("file") or w.map.none
        layer = str(file["layer"])
        mark = w["provenance." + str(file.get("provenance", "real"))]
        lines.append(f"{w.layer.get(layer, layer)}: {said} ({mark})")
    return list(dict.fromkeys(lines))


# ---- layers ---------------------------------------------------------------------------


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
        if not rows[name].isna().all():
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


def _first(draw: Drawing, rows: gpd.GeoDataFrame, plan: Backbone, public: bool) -> Layer | None:
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
    if public and (rows["from_fibre"] | rows["to_fibre"]).any():
        notes.append(w.fill("backbone.tap_note", square=draw.square(SQUARE_M)))
    if plan.along != "roads":
        notes.append(w.backbone.straight_note)
    return _layer(draw, rows, w.backbone.first, styles, of, "households", order=55, notes=notes)


def _second(draw: Drawing, rows: gpd.GeoDataFrame) -> Layer | None:
    style = Style(draw.w.backbone.second_label, stroke=_SECOND, width=3.8)
    of = np.zeros(len(rows), np.int64)
    return _layer(draw, rows, draw.w.backbone.second, [style], of, "households_second", order=54)


def _existing(draw: Drawing, rows: gpd.GeoDataFrame) -> Layer | None:
    styles = [
        Style(draw.w.backbone.existing_label, stroke=_EXISTING, width=2.0),
        Style(draw.w.backbone.existing_cut, stroke=_ALONE, width=2.6),
    ]
    of = (rows["households_behind_single_cut"] > 0).to_numpy().astype(np.int64)
    return _layer(draw, rows, draw.w.backbone.existing, styles, of, "households", order=52)


def _ways(draw: Drawing, places: gpd.GeoDataFrame, column: str, name: str, *, show: bool) -> Layer:
    """Draw the places by how many ways lead to them."""
    w = draw.w
    ways = places[column].astype("Float64").to_numpy(float, na_value=np.nan)
    join = places["join"].to_numpy()
    lost = np.isin(join, ("no_road", "no_way", "small")) & (ways == 0)
    kinds = list(_WAYS)
    of = np.select(
        [join == "backbone", lost, ways >= 2, ways == 1],
        [kinds.index(kind) for kind in ("ways_root", "ways_lost", "ways_2", "ways_1")],
        kinds.index("ways_0"),
    )
    columns: dict[str, Any] = {"title": list(places["locality_name"])}
    pairs = []
    for label, field, spell in (
        ("population", "population", w.number),
        ("place_households", "households", w.number),
        ("ways_before", "ways_before", w.number),
        ("ways_after", "ways_after", w.number),
        ("second_way", "second_way_sek", w.money),
    ):
        columns[field] = write(places[field], spell, missing=None)
        pairs.append((w["backbone." + label], field))
    layer = ShapeLayer(
        draw.pack(
            (shapely.get_x(places.geometry.to_numpy()), shapely.get_y(places.geometry.to_numpy())),
            places.crs, columns, 5.0,
        ),
        name,
        [
            Style(w["backbone." + kind], fill=colour, stroke="#ffffff", width=1.0, radius=4.6)
            for kind, colour in _WAYS.items()
        ],
        of,
        popup=Popup("title", pairs),
        tooltip="title",
        notes=draw.notes("names"),
        show=show,
        order=60,
    )  # fmt: skip
    draw.add(layer)
    return layer
