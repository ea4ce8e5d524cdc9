"""The map that a region shows: coverage, what remains, and where to build first.

Takes tables and gives a folium map whose saved file works with no network (see
``bredband_gis.webmap``). What may not be shown to others is left out or made
coarse here, by ``bredband.publication``, unless the planner asks for the
internal map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from bredband_gis.errors import BadValueError, EmptyLayerError
from bredband_gis.webmap import Choice, Group, Head, PageWords, Panel, Places, Search, WebMap

from bredband.backbone_public import public_stretches
from bredband.map_background import (
    MAIN_ROADS,
    background_table,
    draw_borders,
    draw_land,
    draw_names,
    draw_roads,
    draw_water,
)
from bredband.map_draw import Drawing, bounds_of, require, simplify_neighbours
from bredband.map_remaining import AreaLayers, draw_trench
from bredband.map_state import (
    SHARE_EDGES,
    PremisesLayers,
    draw_changes,
    draw_points,
    draw_shares,
    municipal_points,
    municipality_features,
)
from bredband.map_stretches import draw_stretches
from bredband.map_words import map_words
from bredband.region import Publication
from bredband.tables import MEASURES, PROVENANCES, TOTAL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    from folium.map import Layer

    from bredband.region import Region
    from bredband.text import Language, Words

__all__ = ["MAIN_ROADS", "SHARE_EDGES", "coverage_map"]

_SYNTHETIC_ORDER = (
    "premises", "roads", "fibre", "coverage", "plans", "localities", "totals", "municipalities",
)  # fmt: skip


def coverage_map(
    municipalities: gpd.GeoDataFrame,
    coverage: pd.DataFrame,
    *,
    status: pd.DataFrame | None = None,
    trench: gpd.GeoDataFrame | None = None,
    areas: gpd.GeoDataFrame | None = None,
    cost: pd.DataFrame | None = None,
    localities: gpd.GeoDataFrame | None = None,
    roads: gpd.GeoDataFrame | None = None,
    water: gpd.GeoDataFrame | None = None,
    shares: pd.DataFrame | None = None,
    orientation: gpd.GeoDataFrame | None = None,
    budgets: Mapping[str, Collection[str]] | None = None,
    change: pd.DataFrame | None = None,
    changed: pd.DataFrame | None = None,
    since: str | None = None,
    caveats: Sequence[str] = (),
    stretches: gpd.GeoDataFrame | None = None,
    straight: bool = False,
    region: Region | None = None,
    region_name: str | None = None,
    year: int | None = None,
    target_speed_mbit: int | None = None,
    publication: Publication | None = None,
    language: Language | None = None,
    files: Sequence[Mapping[str, Any]] = (),
    provenance: Mapping[str, str] | None = None,
    sources: Sequence[str] = (),
    background: Literal["online"] | None = None,
) -> WebMap:
    """Draw a region's coverage, its unserved, the new trench, its cost and the areas by rank.

    Parameters
    ----------
    municipalities : GeoDataFrame
        ``tables.MUNICIPALITIES`` with polygons, metric CRS.
    coverage : DataFrame
        ``tables.STATISTICS``.
    status : DataFrame, optional
        ``tables.STATUS``, for the premises by status, the unserved and those without mobile
        coverage; ``x`` and ``y`` in the municipalities' CRS.
    trench : GeoDataFrame, optional
        ``tables.TRENCH`` with lines.
    areas : GeoDataFrame, optional
        ``tables.AREAS`` with polygons.
    cost : DataFrame, optional
        ``tables.COST``, for the municipalities' popups.
    localities : GeoDataFrame, optional
        ``locality_name``, ``population`` if known, and points or polygons: place names.
    roads : GeoDataFrame, optional
        ``road_class`` and lines; those of ``MAIN_ROADS`` are drawn to find one's way by.
    water : GeoDataFrame, optional
        Polygons of lakes.
    orientation : GeoDataFrame, optional
        ``map_background.BACKGROUND``, instead of ``roads`` and ``water``.
    shares : DataFrame, optional
        ``tables.SHARES``, for the cost per household; needs ``status``.
    budgets : mapping of str to collection of str, optional
        Name of each budget, and the ids of the areas that it buys; needs ``areas``.
    change : DataFrame, optional
        ``tables.CHANGE``: the municipalities' change since an earlier result.
    changed : DataFrame, optional
        ``tables.CHANGED_PREMISES``: who gained and who lost.
    since : str, optional
        What to call the earlier result, such as its year.
    caveats : sequence of str
        What to beware of in the change.
    stretches : GeoDataFrame, optional
        ``tables_backbone.STRETCHES``, everything exact: networks that connect places. On a
        public map they are made fit to be shown here.
    straight : bool
        Whether the stretches are straight links instead of roads.
    region : Region, optional
        The settings: gives the next five where they are not given.
    region_name, year : optional
        In the title; without a region those of ``coverage``.
    target_speed_mbit : int, optional
        Speed that colours the municipalities, Mbit/s; must be in ``coverage``. Without
        a region 100.
    publication : Publication, optional
        ``[publication]`` of region.toml. Without a region the public map: cells instead
        of premises, coarse lines and areas, small groups hidden.
    language : {"sv", "en"}, optional
        Language of the page; without a region Swedish.
    files : sequence of mapping, optional
        ``Inputs.files``: what the sources and their provenance are.
    provenance : mapping of str to str, optional
        The same by hand: per source layer (``premises``, ``roads``, ``fibre`` …) real,
        derived or synthetic. Anything synthetic puts a notice on the map, also when
        only a table's own column says so.
    sources : sequence of str
        Further lines of the list of sources.
    background : {"online"}, optional
        Offer OpenStreetMap's tiles as a layer; the page then refers to the network.

    Returns
    -------
    WebMap
        A folium map; ``save`` writes it as one file that needs no network.

    Raises
    ------
    MissingColumnError
        A table lacks a column.
    BadValueError
        ``coverage`` has no rows for the speed, or a provenance is not one of the three.
    EmptyLayerError
        There is no municipality.
    NoCrsError, NotMetricError
        A layer has no CRS, or one that cannot measure.
    """
    w = map_words(language or (region.region.language if region else "sv"))
    settings = publication or (region.publication if region else Publication())
    target = target_speed_mbit or (region.definitions.target_speed_mbit if region else 100)
    crs = require(municipalities, ["municipality_code", "municipality_name"], "municipalities")
    if municipalities.empty:
        msg = "there is no municipality to draw"
        raise EmptyLayerError(msg, where="municipalities")
    counted = _shares(coverage, target)
    title = w.fill(
        "map.title",
        region=region_name or (region.region.name if region else _name_of(counted)),
        year=year or (region.region.year if region else counted["year"].max()),
    )
    made_up = _provenance(files, provenance or {}, municipalities, status)
    online = background == "online"

    polygons = simplify_neighbours(municipalities.geometry.to_numpy())
    page = WebMap(
        title,
        bounds=bounds_of(polygons, crs),
        language=w.language,
        words=PageWords(
            map_label=title, zoom_in=w.map.zoom_in, zoom_out=w.map.zoom_out, close=w.map.popup_close
        ),
        online=online,
    )
    draw = Drawing(page, w, settings, crs, made_up, online=online)
    since = since or w.map_change.earlier
    codes = municipalities["municipality_code"]
    points = None if change is None else municipal_points(change, codes, target)
    towns, popup = municipality_features(
        draw, municipalities, polygons, counted, cost, target,
        None if points is None
        else (w.fill("map_change.points_row", since=since), points["points"].to_numpy(float)),
    )  # fmt: skip
    land = draw_land(draw, towns)
    share = draw_shares(draw, towns, codes, counted, target)
    borders = draw_borders(draw, towns, popup)
    built = AreaLayers(draw, areas) if areas is not None else None
    homes = PremisesLayers(draw, status, shares) if status is not None else None
    state = [
        *(
            [
                homes.draw_unserved(show=changed is None),
                homes.draw_status(),
                homes.draw_mobile_gaps(),
            ]
            if homes
            else []
        ),
    ]
    moved = [
        draw_points(draw, towns, points, target, since) if points is not None else None,
        *(draw_changes(draw, changed) if changed is not None else []),
    ]
    remaining = [
        built.draw_by_rank(show=changed is None and stretches is None) if built else None,
        homes.draw_shared_cost() if homes else None,
    ]
    joined = _stretches(draw, stretches, straight=straight) if stretches is not None else []
    if orientation is None:
        orientation = background_table(roads, water)
    names, found = draw_names(draw, municipalities, polygons, localities)
    shown = [
        names,
        borders,
        draw_roads(draw, orientation) if orientation is not None else None,
        draw_water(draw, orientation) if orientation is not None else None,
        land,
        draw.add(page.online_background(w.map.background)) if online else None,
    ]
    groups: list[Group | Choice | None] = [
        share,
        Group(w.map.group_state, [one for one in state if one]),
        Group(w.fill("map_change.title", since=since), [one for one in moved if one]),
        Group(w.map.group_buildout, [one for one in remaining if one]),
        built.draw_budgets(budgets or {}) if built else None,
        draw_trench(draw, trench) if trench is not None else None,
        Group(w.map.backbone, joined),
        Group(w.map.group_orientation, [one for one in shown if one], paper=False),
    ]
    places: list[Places | None] = [Places(towns, "name", w.map.municipality, layer=borders), found]
    places += [built.places()] if built else []
    listed = built.listed() if built else None
    page.add_child(
        Head(
            title,
            w.fill("map.subtitle", speed=w.speed(target)),
            _facts(counted, target, w),
            _notices(made_up, settings, w),
            search=Search(w.map.search, w.map.search_none, [one for one in places if one]),
            printing=(w.map.print, w.map.paper),
        )
    )
    said = [*_source_lines(files, w), *sources]
    definitions = [w["map.definition_" + term] for term in (*MEASURES, "unserved")]
    if cost is not None or areas is not None:
        definitions.append(w.map.definition_gap)
    if settings.detail == "public":
        definitions.append(
            w.fill("map.definition_public", cell=draw.square(draw.cell_m), n=draw.few)
        )
    page.add_child(
        Panel(
            w.map.panel,
            [group for group in groups if group],
            [
                *([(w.map_change.caveats, list(caveats))] if caveats else []),
                (w.map.definitions, definitions),
                (w.map.sources, [*said, w.map.software]),
            ],
            lists=[listed] if listed else [],
            show=w.map.panel_open,
            hide=w.map.panel_close,
            imprint=_imprint(said, w),
        )
    )
    return page


def _stretches(draw: Drawing, stretches: gpd.GeoDataFrame, *, straight: bool) -> list[Layer]:
    """Draw networks between places, as the audience may see them."""
    if draw.public and len(stretches):
        stretches = public_stretches(stretches)
    return draw_stretches(draw, stretches, straight=straight)


def _name_of(shares: pd.DataFrame) -> str:
    """Name the region as the coverage table does."""
    for kind in ("region", "county"):
        names = shares.loc[shares["area_kind"] == kind, "area_name"].unique()
        if len(names) == 1:
            return str(names[0])
    return ", ".join(shares["area_name"].unique()[:3])


def _notices(made_up: Mapping[str, str], settings: Publication, w: Words) -> list[str]:
    """Say what must be known before anything on the map is believed or passed on."""
    notices = []
    layers = [*_SYNTHETIC_ORDER, *(layer for layer in made_up if layer not in _SYNTHETIC_ORDER)]
    if synthetic := [layer for layer in layers if made_up.get(layer) == "synthetic"]:
        what = [w.synthetic.get(layer, layer) for layer in synthetic]
        notices.append(w.fill("synthetic.banner", what=w.join(what)))
    if settings.detail == "internal":
        notices.append(w.map.internal)
    return notices


def _source_lines(files: Iterable[Mapping[str, Any]], w: Words) -> list[str]:
    """Write one line per different source: layer, maker, year, licence, provenance."""
    lines = []
    for file in files:
        parts = [file.get("source"), file.get("year"), file.get("licence")]
        said = ", ".join(str(part) for part in parts if part) or file.get("file") or w.map.none
        layer = str(file["layer"])
        layer = w.layer.get(layer, layer)
        provenance = w["provenance." + file.get("provenance", "real")]
        lines.append(f"{layer}: {said} ({provenance})")
    return list(dict.fromkeys(lines))


def _imprint(lines: Sequence[str], w: Words) -> str:
    """Write the sources for the foot of a sheet: layers of one source together."""
    of: dict[str, list[str]] = {}
    for line in lines:
        layer, mark, source = line.partition(": ")
        of.setdefault(source if mark else line, []).extend([layer] if mark else [])
    said = [f"{', '.join(names)}: {one}" if names else one for one, names in of.items()]
    return f"{w.map.sources}: {'; '.join(said)}. {w.map.software}." if said else ""


def _provenance(
    files: Iterable[Mapping[str, Any]],
    given: Mapping[str, str],
    municipalities: pd.DataFrame,
    status: pd.DataFrame | None,
) -> dict[str, str]:
    """Join what the caller, the files and the tables say of each layer; the least real wins."""
    said = [(str(file["layer"]), str(file["provenance"])) for file in files if "provenance" in file]
    said += given.items()
    for layer, table in (("municipalities", municipalities), ("premises", status)):
        if table is not None and "provenance" in table:
            said += [(layer, str(value)) for value in table["provenance"].unique()]
    found: dict[str, str] = {}
    for layer, value in said:
        if value not in PROVENANCES:
            msg = f"provenance {value!r} is not one of {', '.join(PROVENANCES)}"
            raise BadValueError(msg, where=layer)
        found[layer] = max(found.get(layer, value), value, key=PROVENANCES.index)
    return found


def _shares(coverage: pd.DataFrame, target: int) -> pd.DataFrame:
    """Keep the rows of households in all segments; refuse a speed that is not there."""
    needed = ["area_kind", "area_code", "area_name", "segment", "base", "measure", "speed_mbit",
              "year", "total", "served", "share"]  # fmt: skip
    require(coverage, needed, "coverage")
    rows = coverage[(coverage["segment"] == TOTAL) & (coverage["base"] == "households")]
    speeds = sorted(rows["speed_mbit"].unique())
    if target not in speeds:
        msg = f"there is no row for {target} Mbit/s; found: {', '.join(map(str, speeds)) or 'none'}"
        raise BadValueError(msg, where="coverage", fix="add the speed to [definitions] speeds_mbit")
    return rows


def _facts(shares: pd.DataFrame, target: int, w: Words) -> list[tuple[str, str]]:
    """Give the region's figures: from its own rows, or summed over the municipalities."""
    rows = shares[shares["speed_mbit"] == target]
    kind = next(k for k in ("region", "municipality", "county") if (rows["area_kind"] == k).any())
    sums = rows[rows["area_kind"] == kind].groupby("measure")[["total", "served"]].sum()

    def share(measure: str) -> str:
        total, served = sums.loc[measure, "total"], sums.loc[measure, "served"]
        return w.percent(served / total if total else None)  # type: ignore[operator, arg-type]

    facts = [
        (share(measure), w["map.fact_" + measure])
        for measure in ("connected", "passed")
        if measure in sums.index
    ]
    if "planned" in sums.index:
        left = sums.loc["planned", "total"] - sums.loc["planned", "served"]  # type: ignore[operator]
        facts.append((w.number(left), w.map.fact_unserved))  # type: ignore[arg-type]
    return facts
