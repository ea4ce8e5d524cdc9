"""The map that a region shows: coverage, what remains, and where to build first.

Takes tables and gives a folium map whose saved file works with no network (see
``bredband_gis.webmap``). What may not be shown to others is left out or made
coarse here, by ``bredband.publication``, unless the planner asks for the
internal map.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs, transform_points
from bredband_gis.errors import BadValueError, EmptyLayerError, NoCrsError
from bredband_gis.webmap import (
    Group,
    Head,
    LabelLayer,
    LabelStyle,
    PageWords,
    Panel,
    Popup,
    ShapeLayer,
    Style,
    WebMap,
    pack,
)

from bredband.publication import (
    COARSE,
    HOUSEHOLD_CLASSES,
    generalise_lines,
    generalise_polygons,
    public_cells,
)
from bredband.region import Publication
from bredband.tables import MEASURES, PROVENANCES, TOTAL, need_columns
from bredband.text import NO_BREAK, Words, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bredband_gis.webmap import Features
    from folium.map import Layer
    from numpy.typing import ArrayLike, NDArray
    from pyproj import CRS

    from bredband.region import Region
    from bredband.text import Language

    Ints = NDArray[np.int64]

# Colours: ColorBrewer's GnBu, OrRd and Purples (facts, colour-blind safe): cool for
# what is there, warm for what is missing, purple and dark for what could be done.
SHARE_EDGES = (0.5, 0.7, 0.8, 0.9, 0.95)
"""Shares at which the municipalities' colour changes; fixed, so that years compare."""
_SHARE_COLOURS = ("#f0f9e8", "#ccebc5", "#a8ddb5", "#7bccc4", "#43a2ca", "#0868ac")
_CELL_EDGES = (3, 10, 25)
_CELL_COLOURS = ("#fee0b6", "#fdbb84", "#f47a4d", "#d7301f", "#7f0000")
_RANK_EDGES = (11, 51, 201)
_RANK_STYLES = (("#3f007d", 0.6, 1.6, 9.0), ("#6a51a3", 0.5, 1.2, 7.0),
                ("#7f7bb8", 0.35, 0.9, 3.0), ("#9d99c9", 0.25, 0.6, 2.0))  # fmt: skip
_TRENCH_COLOURS = ("#4d4d4d", "#3b3b3b", "#2a2a2a", "#171717", "#000000")
_TRENCH_WIDTHS = (1.5, 2.1, 2.9, 4.0, 5.4)
_LAND, _NOTHING = "#f3f1ea", "#c8c8c8"

MAIN_ROADS = {
    "motorway": 0, "trunk": 0, "primary": 0, "motorway_link": 0, "trunk_link": 0,
    "primary_link": 0, "secondary": 1, "secondary_link": 1,
}  # fmt: skip
"""Road classes of the background, and how they are drawn: 0 wide, 1 narrow."""

_MADE_FROM = {
    "coverage": ("municipalities", "premises", "totals", "coverage", "fibre", "plans"),
    "unserved": ("premises", "totals", "coverage", "fibre", "plans"),
    "trench": ("roads", "premises", "fibre", "coverage", "plans"),
    "areas": ("roads", "premises", "fibre", "coverage", "plans"),
    "names": ("localities",),
    "roads": ("roads",),
}
"""Which sources each map layer rests on: it is no more real than the least real of them."""

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
    """Draw a region's coverage, its unserved, the new trench and the areas by rank.

    Parameters
    ----------
    municipalities : GeoDataFrame
        ``tables.MUNICIPALITIES`` with polygons, metric CRS.
    coverage : DataFrame
        ``tables.STATISTICS``.
    status : DataFrame, optional
        ``tables.STATUS``, for the unserved; ``x`` and ``y`` in the municipalities' CRS.
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
    w = words(language or (region.region.language if region else "sv"))
    settings = publication or (region.publication if region else Publication())
    target = target_speed_mbit or (region.definitions.target_speed_mbit if region else 100)
    crs = _require(municipalities, ["municipality_code", "municipality_name"], "municipalities")
    if municipalities.empty:
        msg = "there is no municipality to draw"
        raise EmptyLayerError(msg, where="municipalities")
    shares = _shares(coverage, target)
    title = w.fill(
        "map.title",
        region=region_name or (region.region.name if region else _name_of(shares)),
        year=year or (region.region.year if region else shares["year"].max()),
    )
    made_up = _provenance(files, provenance or {}, municipalities, status)
    online = background == "online"

    polygons = _simplify(municipalities)
    page = WebMap(
        title,
        bounds=_bounds(polygons, crs),
        language=w.language,
        words=PageWords(
            map_label=title, zoom_in=w.map.zoom_in, zoom_out=w.map.zoom_out, close=w.map.popup_close
        ),
        online=online,
    )
    draw = _Draw(page, w, settings, crs, made_up)
    outlines = draw.municipalities(municipalities, polygons, shares, cost, target, online)
    remaining = [
        draw.unserved(status) if status is not None else None,
        draw.areas(areas) if areas is not None else None,
        draw.trench(trench) if trench is not None else None,
    ]
    orientation = [
        draw.names(municipalities, polygons, localities),
        draw.roads(roads) if roads is not None else None,
        draw.water(water) if water is not None else None,
        draw.tiles() if online else None,
    ]
    page.add_child(
        Head(
            title,
            w.fill("map.subtitle", speed=w.speed(target)),
            _facts(shares, target, w),
            _notices(made_up, settings, w),
        )
    )
    definitions = [w["map.definition_" + term] for term in (*MEASURES, "unserved")]
    if cost is not None or areas is not None:
        definitions.append(w.map.definition_gap)
    page.add_child(
        Panel(
            w.map.panel,
            [
                Group(w.map.group_municipalities, outlines, single=True),
                Group(w.map.group_buildout, [one for one in remaining if one]),
                Group(w.map.group_orientation, [one for one in orientation if one]),
            ],
            [
                (w.map.definitions, definitions),
                (w.map.sources, [*_source_lines(files, w), *sources, w.map.software]),
            ],
            show=w.map.panel_open,
            hide=w.map.panel_close,
        )
    )
    return page


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


# ---- the layers -----------------------------------------------------------------------


class _Draw:
    """Puts each layer on the page; holds what all of them need."""

    def __init__(
        self,
        page: WebMap,
        w: Words,
        settings: Publication,
        crs: CRS,
        provenance: Mapping[str, str],
    ) -> None:
        self.page = page
        self.w = w
        self.crs = crs
        self.provenance = provenance
        self.few = settings.min_households
        self.cell_m = settings.cell_m
        self.public = settings.detail == "public"
        self.fewer = w.fill("map.few", n=settings.min_households)

    def _pack(
        self,
        geometry: Any,
        crs: object,
        columns: Mapping[str, Iterable[object]] | None = None,
        resolution: float = 1.0,
    ) -> Features:
        features = pack(geometry, crs, columns, resolution=resolution)
        self.page.add_child(features)
        return features

    def _notes(self, layer: str, *notes: str) -> list[str]:
        known = [self.provenance[name] for name in _MADE_FROM[layer] if name in self.provenance]
        if not known:
            return list(notes)
        least = max(known, key=PROVENANCES.index)
        return [*notes, self.w.fill("map.data", provenance=self.w["provenance." + least])]

    def _square(self, side: float) -> str:
        number, unit = (side / 1000, "km") if side >= 1000 else (side, "m")
        text = self.w.number(number, 0 if number % 1 == 0 else 1)
        return self.w["numbers." + unit].format(f"{text} × {text}").replace(" ", NO_BREAK)

    def municipalities(
        self,
        municipalities: gpd.GeoDataFrame,
        polygons: NDArray[np.object_],
        shares: pd.DataFrame,
        cost: pd.DataFrame | None,
        target: int,
        online: bool,
    ) -> list[Layer]:
        w = self.w
        codes = municipalities["municipality_code"]
        rows = shares[shares["area_kind"] == "municipality"]
        speeds = sorted(int(speed) for speed in rows["speed_mbit"].unique())

        def column(name: str, measure: str, speed: int) -> pd.Series[Any]:
            chosen = rows[(rows["measure"] == measure) & (rows["speed_mbit"] == speed)]
            return chosen.set_index("area_code")[name].reindex(codes)

        total = column("total", "connected", target)
        left = total - column("served", "planned", target)
        columns: dict[str, Iterable[object]] = {
            "name": municipalities["municipality_name"],
            "base": [
                w.fill("popup.share_of", households=w.count(value, "household")) for value in total
            ],
            "left": map(w.number, left),
        }
        for speed in speeds:
            for measure in MEASURES:
                columns[f"{measure}_{speed}"] = map(w.percent, column("share", measure, speed))
        pairs = [(w.popup.unserved_households, "left")]
        if cost is not None:
            _require(cost, ["area_kind", "area_code", "gap_sek"], "cost")
            of_area = cost[cost["area_kind"] == "municipality"].set_index("area_code")
            of_area = of_area.reindex(codes)
            for name, key, write in (
                ("unreached_households", "unreached_households", w.number),
                ("trench_m", "trench", w.length),
                ("capex_sek", "capex", w.money),
                ("gap_sek", "gap", w.money),
                ("support_sek", "support", w.money),
                ("gap_per_household_sek", "gap_per_household", w.money),
            ):
                if name in of_area:
                    columns[name] = map(write, of_area[name])
                    pairs.append((w["popup." + key], name))
        features = self._pack(polygons, self.crs, {k: list(v) for k, v in columns.items()}, 5.0)
        popup = Popup(
            "name",
            pairs,
            head=[w.popup.speed, *(w["measure_short." + measure] for measure in MEASURES)],
            table=[
                [w.speed(speed), *(f"{measure}_{speed}" for measure in MEASURES)]
                for speed in speeds
            ],
            caption="base",
        )
        border = {"stroke": "#ffffff", "width": 1.3, "opacity": 0.7 if online else 1.0}
        styles = [
            Style(label, fill=colour, **border)  # type: ignore[arg-type]
            for label, colour in zip(_share_labels(w), _SHARE_COLOURS, strict=True)
        ]
        nothing = Style(w.map.none, fill=_NOTHING, **border)  # type: ignore[arg-type]
        layers: list[Layer] = []
        for measure, show in (("connected", True), ("passed", False)):
            share = column("share", measure, target).to_numpy(float)
            of = np.where(
                np.isnan(share), len(styles), np.searchsorted(SHARE_EDGES, share, "right")
            )
            layers.append(
                ShapeLayer(
                    features,
                    w["map." + measure],
                    [*styles, nothing] if np.isnan(share).any() else styles,
                    of,
                    popup=popup,
                    tooltip="name",
                    notes=self._notes("coverage"),
                    show=show,
                    order=0,
                    highlight="#1b1b1b",
                )
            )
        plain = Style(fill=_LAND, stroke="#6b6b6b", width=1.0, opacity=0.3 if online else 1.0)
        layers.append(
            ShapeLayer(
                features, w.map.outline, [plain], popup=popup, tooltip="name", show=False,
                highlight="#1b1b1b",
            )
        )  # fmt: skip
        for layer in layers:
            self.page.add_child(layer)
        return layers

    def unserved(self, status: pd.DataFrame) -> Layer | None:
        _require(status, ["x", "y", "households", "workplaces", "status"], "status")
        lived_in = (status["households"] > 0) | (status["workplaces"] > 0)
        chosen = status[(status["status"] == "unserved") & lived_in]
        if chosen.empty:
            return None
        return self._unserved_cells(chosen) if self.public else self._unserved_points(chosen)

    def _unserved_cells(self, chosen: pd.DataFrame) -> Layer:
        w = self.w
        cells = public_cells(chosen, crs=self.crs, cell_m=self.cell_m, min_households=self.few)
        hidden = cells["hidden"].to_numpy()
        counts = cells["households"].fillna(0).to_numpy(np.int64)
        edges = [edge for edge in (self.few, *_CELL_EDGES) if edge >= self.few]
        edges = sorted(set(edges))
        of = np.where(hidden, 0, np.searchsorted(edges, counts, "right"))
        labels = [self.fewer, *_range_labels(w, edges)]
        colours = _CELL_COLOURS[-len(labels) :]
        features = self._pack(
            cells.geometry.to_numpy(),
            self.crs,
            {
                "title": [w.fill("popup.cell", size=self._square(self.cell_m))] * len(cells),
                "households": np.where(hidden, self.fewer, _write(counts, w.number)),
                "workplaces": _write(cells["workplaces"], w.number, missing=None),
                "premises": _write(cells["premises"], w.number, missing=None),
            },
        )
        layer = ShapeLayer(
            features,
            w.map.unserved,
            [
                Style(label, fill=colour, stroke="#5a1a00", width=0.5, least=2.2)
                for label, colour in zip(labels, colours, strict=True)
            ][::-1],
            len(labels) - 1 - of,
            popup=Popup(
                "title",
                [
                    (w.popup.unserved_households, "households"),
                    (w.popup.workplaces, "workplaces"),
                    (w.popup.premises, "premises"),
                ],
            ),
            notes=self._notes(
                "unserved", w.fill("map.unserved_cells", cell=self._square(self.cell_m))
            ),
            order=40,
        )
        self.page.add_child(layer)
        return layer

    def _unserved_points(self, chosen: pd.DataFrame) -> Layer:
        w = self.w
        counts = chosen["households"].to_numpy()
        columns: dict[str, Iterable[object]] = {
            "title": [w.fill("popup.building", building=name) for name in chosen["premises_id"]],
            "households": _write(counts, w.number),
            "workplaces": _write(chosen["workplaces"], w.number),
        }
        pairs = [(w.popup.households, "households"), (w.popup.workplaces, "workplaces")]
        for name, key, write in (
            ("speed_mbit", "wired", w.speed),
            ("wireless_speed_mbit", "wireless", w.speed),
            ("distance_to_fibre_m", "distance_to_fibre", w.length),
        ):
            if name in chosen:
                columns[name] = _write(chosen[name], write)
                pairs.append((w["popup." + key], name))
        if "reason" in chosen:
            columns["reason"] = chosen["reason"]
            pairs.append((w.popup.reason, "reason"))
        edges = [1, 2, 10]
        labels = [w.map.workplaces_only, *_range_labels(w, edges)]
        layer = ShapeLayer(
            self._pack((chosen["x"], chosen["y"]), self.crs, columns),
            w.map.unserved_internal,
            [
                Style(label, fill=colour, stroke="#5a1a00", width=0.5, radius=radius)
                for label, colour, radius in zip(
                    labels, ("#ffffff", *_CELL_COLOURS[-3:]), (3, 3, 3.6, 4.6), strict=True
                )
            ][::-1],
            len(edges) - np.searchsorted(edges, counts, "right"),
            popup=Popup("title", pairs),
            notes=self._notes("unserved", w.map.unserved_points),
            order=60,
        )
        self.page.add_child(layer)
        return layer

    def trench(self, trench: gpd.GeoDataFrame) -> Layer | None:
        w = self.w
        crs = _require(trench, ["households_below"], "trench")
        notes = []
        columns: dict[str, list[object]] = {}
        if self.public:
            lines = generalise_lines(trench, cell_m=self.cell_m, min_households=self.few)
            counts = lines["households_from"].to_numpy()
            notes.append(w.fill("map.trench_generalised", n=self.few))
            edges = sorted({self.few, *(e for e in HOUSEHOLD_CLASSES if e > self.few)})
            edges = edges[: len(_TRENCH_WIDTHS)]
        else:
            lines = trench.set_geometry(shapely.simplify(trench.geometry.to_numpy(), 2.0))
            counts = lines["households_below"].to_numpy()
            edges = [0, *HOUSEHOLD_CLASSES[1:]]
        if len(lines) == 0:
            return None
        of = np.searchsorted(edges, counts, "right") - 1
        labels = _range_labels(w, edges)
        columns["title"] = [w.popup.trench_title] * len(lines)
        if self.public:
            columns["households_below"] = [labels[number] for number in of]
        else:
            columns["households_below"] = _write(counts, w.number)
        pairs = [(w.popup.households_below, "households_below")]
        if not self.public:
            for name, key, write in (
                ("length_m", "length", w.length),
                ("cost_sek", "cost", w.money),
                ("surface", "surface", str),
            ):
                if name in lines:
                    columns[name] = _write(lines[name], write)
                    pairs.append((w["popup." + key], name))
        layer = ShapeLayer(
            self._pack(lines.geometry.to_numpy(), crs, columns, 10.0 if self.public else 1.0),
            w.map.trench,
            [
                Style(label, stroke=colour, width=width)
                for label, colour, width in zip(
                    labels, _TRENCH_COLOURS, _TRENCH_WIDTHS, strict=False
                )
            ][::-1],
            len(labels) - 1 - of,
            popup=Popup("title", pairs),
            notes=self._notes("trench", *notes),
            show=False,
            order=55,
            casing="rgba(255,255,255,0.75)",
            highlight="#005fcc",
        )
        self.page.add_child(layer)
        return layer

    def areas(self, areas: gpd.GeoDataFrame) -> Layer | None:
        w = self.w
        crs = _require(areas, ["area_id", "rank", "households", "municipality"], "areas")
        drawn = ~shapely.is_missing(areas.geometry.to_numpy())
        areas = areas[drawn & ~shapely.is_empty(areas.geometry.to_numpy())]
        if areas.empty:
            return None
        areas = areas.sort_values("rank", na_position="last", kind="stable")
        shapes, notes = areas.geometry, []
        households = areas["households"].to_numpy(np.int64)
        hidden = np.zeros(len(areas), bool)
        if self.public:
            shapes = generalise_polygons(
                shapes, households, cell_m=self.cell_m, min_households=self.few
            )
            hidden = households < self.few
            notes.append(
                w.fill(
                    "map.areas_generalised",
                    cell=self._square(self.cell_m),
                    n=self.few,
                    coarse=self._square(COARSE * self.cell_m),
                )
            )
        rank = areas["rank"].astype("Float64").to_numpy(float, na_value=np.nan)
        highest = np.nanmax(rank, initial=0.0)
        edges = [1, *(edge for edge in _RANK_EDGES if edge <= highest)]
        of = np.where(np.isnan(rank), len(edges), np.searchsorted(edges, rank, "right") - 1)
        styles = [
            Style(label, fill=colour, opacity=opacity, stroke=colour, width=width, least=least)
            for label, (colour, opacity, width, least) in zip(
                _rank_labels(w, edges), _RANK_STYLES, strict=False
            )
        ]
        if np.isnan(rank).any():
            styles.append(
                Style(w.map.rank_none, fill="#8f8f8f", opacity=0.35, stroke="#555555", width=0.8)
            )
        columns: dict[str, list[object]] = {
            "title": [w.fill("popup.area", area=name) for name in areas["area_id"]],
            "rank": _write(rank, w.number),
            "municipality": list(areas["municipality"]),
            "households": list(np.where(hidden, self.fewer, _write(households, w.number))),
        }
        for name, write in (
            ("workplaces", w.number),
            ("premises", w.number),
            ("trench_m", w.length),
            ("capex_sek", w.money),
            ("own_contribution_sek", w.money),
            ("operator_revenue_sek", w.money),
            ("gap_sek", w.money),
            ("gap_per_household_sek", w.money),
            ("cumulative_gap_sek", w.money),
            ("within_budget", w.yes_no),
        ):
            if name in areas and not areas[name].isna().all():
                columns[name] = _write(areas[name], write, missing=None)
        # What is counted in households would give away how few there are.
        for name in ("workplaces", "premises", "trench_m", "capex_sek", "own_contribution_sek",
                     "operator_revenue_sek", "gap_sek", "gap_per_household_sek"):  # fmt: skip
            if name in columns:
                pairs = zip(hidden, columns[name], strict=True)
                columns[name] = [None if hide else text for hide, text in pairs]
        keys = {
            "rank": "rank", "municipality": "municipality", "households": "unserved_households",
            "workplaces": "workplaces", "premises": "premises", "trench_m": "trench",
            "capex_sek": "capex", "own_contribution_sek": "own_contribution",
            "operator_revenue_sek": "operator_revenue", "gap_sek": "gap",
            "gap_per_household_sek": "gap_per_household", "cumulative_gap_sek": "cumulative_gap",
            "within_budget": "within_budget",
        }  # fmt: skip
        layer = ShapeLayer(
            self._pack(shapes.to_numpy(), crs, columns, 2.0),
            w.map.areas,
            styles,
            of,
            popup=Popup(
                "title",
                [(w["popup." + key], name) for name, key in keys.items() if name in columns],
            ),
            tooltip="title",
            notes=self._notes("areas", *notes),
            order=50,
            highlight="#1b1b1b",
        )
        self.page.add_child(layer)
        return layer

    def names(
        self,
        municipalities: gpd.GeoDataFrame,
        polygons: NDArray[np.object_],
        localities: gpd.GeoDataFrame | None,
    ) -> Layer:
        named = localities is not None and "locality_name" in localities and not localities.empty
        middle = _middles(polygons)
        x, y = shapely.get_x(middle), shapely.get_y(middle)
        texts = list(municipalities["municipality_name"])
        of = np.zeros(len(texts), np.int64)
        if named:
            places = _rank_localities(localities)
            crs = _require(places, ["locality_name"], "localities")
            place_x, place_y = transform_points(
                places.geometry.x.to_numpy(), places.geometry.y.to_numpy(), crs, self.crs
            )
            x, y = np.concatenate([x, place_x]), np.concatenate([y, place_y])
            texts += list(places["locality_name"])
            of = np.concatenate([of, np.ones(len(places), np.int64)])
        layer = LabelLayer(
            self._pack((x, y), self.crs, {"name": texts}, 10.0),
            self.w.map.names,
            [
                LabelStyle(size=14, weight=600, colour="#26323a", stop=2.0 if named else 30.0),
                LabelStyle(size=13, dot=True, start=0.75),
            ],
            of,
            notes=self._notes("names") if named else (),
            order=70,
        )
        self.page.add_child(layer)
        return layer

    def roads(self, roads: gpd.GeoDataFrame) -> Layer | None:
        crs = _require(roads, ["road_class"], "background_roads")
        number = roads["road_class"].map(MAIN_ROADS)
        main = roads[number.notna()]
        if main.empty:
            return None
        lines, of = [], []
        for kind, group in main.groupby(number[number.notna()].astype(int)):
            parts = shapely.get_parts(
                shapely.line_merge(shapely.union_all(shapely.force_2d(group.geometry.to_numpy())))
            )
            lines.append(shapely.simplify(parts, 60.0))
            of.append(np.full(parts.size, kind))
        layer = ShapeLayer(
            self._pack(np.concatenate(lines), crs, resolution=20.0),
            self.w.map.roads,
            [Style(stroke="#ffffff", width=1.8), Style(stroke="#ffffff", width=0.9)],
            np.concatenate(of),
            notes=self._notes("roads"),
            order=20,
            casing="#a8a8a8",
        )
        self.page.add_child(layer)
        return layer

    def tiles(self) -> Layer:
        layer = self.page.online_background(self.w.map.background)
        self.page.add_child(layer)
        return layer

    def water(self, water: gpd.GeoDataFrame) -> Layer:
        crs = _require(water, [], "water")
        shapes = shapely.simplify(water.geometry.to_numpy(), 60.0)
        layer = ShapeLayer(
            self._pack(shapes, crs, resolution=20.0),
            self.w.map.water,
            [Style(fill="#d5e3ea", stroke="#9dbccb", width=0.6)],
            order=10,
        )
        self.page.add_child(layer)
        return layer


# ---- figures and words ----------------------------------------------------------------


def _require(table: pd.DataFrame, columns: Sequence[str], where: str) -> CRS:
    """Refuse a table that lacks what is drawn; give its metric CRS where it has geometry."""
    need_columns(table, columns, where)
    if not isinstance(table, gpd.GeoDataFrame):
        return None  # type: ignore[return-value]
    if table.crs is None:
        msg = "the layer does not say which CRS its coordinates are in"
        raise NoCrsError(msg, where=where, fix="set the region's CRS on it")
    return metric_crs(table.crs)


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
    _require(coverage, needed, "coverage")
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


def _write(
    values: ArrayLike, write: Callable[[Any], str], *, missing: str | None = ""
) -> list[Any]:
    """Write each different value once; ``missing`` None leaves the empty ones out."""
    code, found = pd.factorize(pd.Series(values).reset_index(drop=True))
    texts = [write(value) for value in found]
    texts.append(write(None) if missing is not None else None)  # type: ignore[arg-type]
    return [texts[number] for number in code]


def _share_labels(w: Words) -> list[str]:
    per_cent = [w.percent(edge, 0) for edge in SHARE_EDGES]
    bare = [w.number(100 * edge) for edge in SHARE_EDGES]
    middle = [
        w.fill("map.between", low=low, high=high)
        for low, high in zip(bare[:-1], per_cent[1:], strict=True)
    ]
    last = w.fill("map.between", low=bare[-1], high=w.percent(1, 0))
    return [w.fill("map.under", high=per_cent[0]), *middle, last]


def _range_labels(w: Words, edges: Sequence[int]) -> list[str]:
    """Name classes of whole numbers by their lower bounds: 3–9, 10–24, 25 or more."""
    labels = []
    for low, above in zip(edges, [*edges[1:], None], strict=True):
        if above is None:
            labels.append(w.fill("map.from", low=w.number(low)))
        elif above == low + 1:
            labels.append(w.fill("map.single", low=w.number(low)))
        else:
            labels.append(w.fill("map.between", low=w.number(low), high=w.number(above - 1)))
    return labels


def _rank_labels(w: Words, edges: Sequence[int]) -> list[str]:
    labels = [
        w.fill("map.rank_between", low=w.number(low), high=w.number(above - 1))
        for low, above in pairwise(edges)
    ]
    return [*labels, w.fill("map.rank_from", low=w.number(edges[-1]))]


# ---- geometry -------------------------------------------------------------------------


def _bounds(polygons: NDArray[np.object_], crs: CRS) -> tuple[float, float, float, float]:
    """Give the bounds in degrees: of every corner, as a box's corners alone would cut off."""
    corner = shapely.get_coordinates(polygons)
    lon, lat = transform_points(corner[:, 0], corner[:, 1], crs, "EPSG:4326")
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def _simplify(municipalities: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Simplify neighbours together, so that no gap opens, to what a screen can show."""
    shapes = shapely.force_2d(municipalities.geometry.to_numpy())
    west, south, east, north = shapely.total_bounds(shapes)
    tolerance = float(np.clip(max(east - west, north - south) / 4000, 2.0, 120.0))
    simple = shapely.coverage_simplify(shapes, tolerance)
    # Skerries smaller than a few pixels at any useful zoom.
    parts, owner = shapely.get_parts(simple, return_index=True)
    area = shapely.area(parts)
    largest = np.zeros(simple.size)
    np.maximum.at(largest, owner, area)
    keep = (area > 4 * tolerance**2) | (area >= largest[owner])
    return np.array(
        [shapely.multipolygons(parts[keep & (owner == at)]) for at in range(simple.size)], object
    )


def _middles(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    """Find where a name sits well: the middle of the widest part of each polygon."""
    return np.array(
        [
            shapely.get_point(
                shapely.maximum_inscribed_circle(shape, max(np.sqrt(shape.area) / 40, 1e-6)), 0
            )
            for shape in polygons
        ],
        dtype=object,
    )


def _rank_localities(localities: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One point per name, the largest first, by population where it is known, else by area."""
    shapes = localities.geometry.to_numpy()
    known = "population" in localities and pd.api.types.is_numeric_dtype(localities["population"])
    size = localities["population"].to_numpy(float) if known else shapely.area(shapes)
    places = localities[["locality_name"]].assign(size=size)
    points = gpd.GeoDataFrame(places, geometry=shapely.point_on_surface(shapes), crs=localities.crs)
    points = points[points["locality_name"].notna()]
    points = points.sort_values("size", ascending=False, kind="stable")
    return points.drop_duplicates("locality_name")
