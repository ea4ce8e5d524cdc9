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

from bredband.backbone_public import public_places, public_stretches
from bredband.map_background import background_table, draw_land, draw_names, draw_roads
from bredband.map_draw import Drawing, bounds_of, simplify_neighbours, write
from bredband.map_stretches import draw_stretches
from bredband.map_words import map_words

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

# Colours: ColorBrewer's GnBu and OrRd (facts, colour-blind safe).
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
    w = map_words(region.region.language)
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
    needs = draw_stretches(draw, stretches, straight=plan.along != "roads")
    today = [
        _ways(draw, places, "ways_before", w.backbone.today, show=False),
        _ways(draw, places, "ways_after", w.backbone.after, show=True),
    ]
    background = background_table(roads)
    find = [names, None if background is None else draw_roads(draw, background), land]
    page.add_child(
        Head(title, _subtitle(plan, region, w), _facts(plan, region, w),
             _notices(plan, region, w, provenance or {}))
    )  # fmt: skip
    page.add_child(
        Panel(
            w.map.panel,
            [
                Group(w.backbone.group_needs, needs),
                Group(w.backbone.group_today, today, single=True),
                Group(w.backbone.group_find, [one for one in find if one], paper=False),
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
