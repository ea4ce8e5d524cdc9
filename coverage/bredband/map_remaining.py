"""Map layers of what remains: trench, cost per household, build areas, what a budget buys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely
from bredband_gis.webmap import Choice, Places, Popup, Ranking, ShapeLayer, Style

from bredband.map_draw import (
    amount_labels,
    hide,
    range_labels,
    rank_labels,
    require,
    write,
)
from bredband.publication import (
    COARSE,
    HOUSEHOLD_CLASSES,
    generalise_lines,
    generalise_polygons,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import geopandas as gpd
    from bredband_gis.webmap import Features

    from bredband.map_draw import Drawing
    from bredband.text import Words

RANK_EDGES: Final = (11, 51, 201)
RANK_STYLES: Final = (
    ("#3f007d", 0.6, 1.6, 9.0), ("#6a51a3", 0.5, 1.2, 7.0),
    ("#7f7bb8", 0.35, 0.9, 3.0), ("#9d99c9", 0.25, 0.6, 2.0),
)  # fmt: skip
TRENCH_COLOURS: Final = ("#4d4d4d", "#3b3b3b", "#2a2a2a", "#171717", "#000000")
TRENCH_WIDTHS: Final = (1.5, 2.1, 2.9, 4.0, 5.4)
PRICE_EDGES: Final = (100.0, 200.0, 400.0, 800.0)
"""SEK per metre at which the colour of trench changes."""
PRICE_COLOURS: Final = ("#018571", "#80cdc1", "#8d8d8d", "#dfa35d", "#a6611a")
CHOSEN: Final = ("#b35806", "#c9c4bd")


def draw_trench(draw: Drawing, trench: gpd.GeoDataFrame) -> Choice | None:
    """Draw the new trench, by the households that it reaches or by its price per metre."""
    w = draw.w
    crs = require(trench, ["households_below"], "trench")
    if draw.public:
        trench = trench[trench["households_below"] >= draw.few]
    if trench.empty:
        return None
    exact = trench.set_geometry(shapely.simplify(trench.geometry.to_numpy(), 2.0))
    ways: list[tuple[str, str, list[float], list[str], list[tuple[str, float, bool]]]] = []
    edges = sorted({draw.few if draw.public else 0, *HOUSEHOLD_CLASSES[1:]})
    edges = [edge for edge in edges if edge >= (draw.few if draw.public else 0)][:5]
    ways.append(
        (
            w.map.by_households, "households_below", [float(edge) for edge in edges],
            range_labels(w, edges),
            [(c, width, False) for c, width in zip(TRENCH_COLOURS, TRENCH_WIDTHS, strict=True)],
        )
    )  # fmt: skip
    if "price_sek_per_m" in trench:
        labels = amount_labels(w, PRICE_EDGES, lambda sek: _per_metre(w, sek))
        ways.append(
            (
                w.map.by_price, "price_sek_per_m", [0.0, *PRICE_EDGES], labels,
                [(colour, 2.6, False) for colour in PRICE_COLOURS],
            )
        )  # fmt: skip
    members: dict[tuple[int, ...], ShapeLayer] = {}
    features = None if draw.public else _trench_features(draw, exact)
    for number, (_, column, bounds, labels, looks) in enumerate(ways):
        notes = []
        if draw.public:
            lines = generalise_lines(
                trench, cell_m=draw.cell_m, min_households=draw.few, classes=bounds, by=column
            )
            of = np.searchsorted(bounds, lines["class_from"].to_numpy(), "right") - 1
            named = w.popup.households_below if number == 0 else w.map.price
            packed = draw.pack(
                lines.geometry.to_numpy(), crs,
                {"title": [w.popup.trench_title] * len(lines), "class": [labels[n] for n in of]},
                10.0,
            )  # fmt: skip
            popup = Popup("title", [(named, "class")])
            notes.append(w.fill("map.trench_generalised", n=draw.few))
        else:
            assert features is not None  # noqa: S101 - made above
            packed, popup = features
            of = np.searchsorted(bounds, exact[column].to_numpy(), "right") - 1
        layer = ShapeLayer(
            packed,
            w.map.trench,
            [
                Style(label, stroke=colour, width=width, dash=dash)
                for label, (colour, width, dash) in zip(labels, looks, strict=False)
            ][::-1],
            len(labels) - 1 - of,
            popup=popup,
            notes=draw.notes("trench", *notes),
            show=False,
            order=55,
            casing="rgba(255,255,255,0.75)",
            highlight="#005fcc",
        )
        draw.add(layer)
        members[(number,)] = layer
    respects = [(w.map.by, [way[0] for way in ways])]
    return Choice(w.map.group_trench, w.map.trench, respects, members)


def _trench_features(draw: Drawing, trench: gpd.GeoDataFrame) -> tuple[Features, Popup]:
    w = draw.w
    columns: dict[str, list[Any]] = {"title": [w.popup.trench_title] * len(trench)}
    pairs = []
    for name, key, spell in (
        ("households_below", "households_below", w.number),
        ("length_m", "length", w.length),
        ("cost_sek", "cost", w.money),
        ("price_sek_per_m", "price", lambda sek: _per_metre(w, sek)),
        ("surface", "surface", str),
        ("ground", "ground", str),
    ):
        if name in trench:
            columns[name] = write(trench[name], spell)
            pairs.append((w["popup." + key], name))
    return draw.pack(trench.geometry.to_numpy(), trench.crs, columns), Popup("title", pairs)


def _per_metre(w: Words, sek: float | None) -> str:
    return w.fill("map.sek_per_m", sek=w.number(sek))


# ---- build areas ----------------------------------------------------------------------


class AreaLayers:
    """The build areas, packed once for the layer by rank, the budgets, the list and the search.

    Parameters
    ----------
    draw : Drawing
        The page.
    areas : GeoDataFrame
        ``tables.AREAS`` with polygons; those without one are left out.
    """

    def __init__(self, draw: Drawing, areas: gpd.GeoDataFrame) -> None:
        self.draw = draw
        self.crs = require(areas, ["area_id", "rank", "households", "municipality"], "areas")
        shapes = areas.geometry.to_numpy()
        areas = areas[~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)]
        self.areas = areas.sort_values("rank", na_position="last", kind="stable")
        self.by_rank: ShapeLayer | None = None
        if not areas.empty:
            self.features, self.popup = self._pack()

    def _pack(self) -> tuple[Features, Popup]:
        draw, areas, w = self.draw, self.areas, self.draw.w
        shapes = areas.geometry
        households = areas["households"].to_numpy(np.int64)
        hidden = np.zeros(len(areas), bool)
        if draw.public:
            shapes = generalise_polygons(
                shapes, households, cell_m=draw.cell_m, min_households=draw.few
            )
            hidden = households < draw.few
        named = areas["name"] if "name" in areas else areas["area_id"]
        columns: dict[str, list[Any]] = {
            "title": [
                w.fill("popup.area", area=name) if name == code else str(name)
                for name, code in zip(named, areas["area_id"], strict=True)
            ],
            "area_id": list(areas["area_id"]),
            "rank": write(areas["rank"].astype("Float64").to_numpy(float, na_value=np.nan),
                          w.number),
            "municipality": list(areas["municipality"]),
            "households": hide(hidden, write(households, w.number), draw.fewer),
        }  # fmt: skip
        columns["listed"] = [
            w.fill("map.listed_households", n=text) for text in columns["households"]
        ]
        keys: dict[str, tuple[str, Callable[[Any], str]]] = {
            "workplaces": ("workplaces", w.number),
            "holiday_homes": ("holiday_homes", w.number),
            "premises": ("premises", w.number),
            "trench_m": ("trench", w.length),
            "capex_sek": ("capex", w.money),
            "own_contribution_sek": ("own_contribution", w.money),
            "operator_revenue_sek": ("operator_revenue", w.money),
            "gap_sek": ("gap", w.money),
            "gap_p10_sek": ("gap_p10", w.money),
            "gap_p90_sek": ("gap_p90", w.money),
            "gap_per_household_sek": ("gap_per_household", w.money),
            "breakeven_takeup": ("breakeven_takeup", w.percent),
            "cumulative_gap_sek": ("cumulative_gap", w.money),
            "within_budget": ("within_budget", w.yes_no),
            "upstream_name": ("upstream", str),
            "score": ("score", lambda score: w.number(score, 2)),
            "motivation": ("motivation", str),
        }
        # What is counted in households would give away how few there are.
        open_to_all = ("cumulative_gap_sek", "within_budget", "upstream_name")
        for name, (_, spell) in keys.items():
            if name in areas and not areas[name].isna().all():
                texts = write(areas[name], spell, missing=None)
                columns[name] = texts if name in open_to_all else hide(hidden, texts)
        if "gap_sek" in columns:
            support = areas["gap_sek"].clip(lower=0)
            columns["support"] = hide(hidden, write(support, w.money, missing=None))
        lines = [("rank", "rank"), ("municipality", "municipality"),
                 ("households", "unserved_households")]  # fmt: skip
        lines += [(name, key) for name, (key, _) in keys.items()]
        popup = Popup(
            "title", [(w["popup." + key], name) for name, key in lines if name in columns]
        )
        return draw.pack(shapes.to_numpy(), self.crs, columns, 2.0), popup

    def draw_by_rank(self, *, show: bool = True) -> ShapeLayer | None:
        """Draw the areas by rank; ``show``: whether they are on when the page opens."""
        if self.areas.empty:
            return None
        draw, w = self.draw, self.draw.w
        rank = self.areas["rank"].astype("Float64").to_numpy(float, na_value=np.nan)
        highest = np.nanmax(rank, initial=0.0)
        edges = [1, *(edge for edge in RANK_EDGES if edge <= highest)]
        of = np.where(np.isnan(rank), len(edges), np.searchsorted(edges, rank, "right") - 1)
        styles = [
            Style(label, fill=colour, opacity=opacity, stroke=colour, width=width, least=least)
            for label, (colour, opacity, width, least) in zip(
                rank_labels(w, edges), RANK_STYLES, strict=False
            )
        ]
        if np.isnan(rank).any():
            styles.append(
                Style(w.map.rank_none, fill="#8f8f8f", opacity=0.35, stroke="#555555", width=0.8)
            )
        self.by_rank = ShapeLayer(
            self.features, w.map.areas, styles, of, popup=self.popup, tooltip="title",
            notes=draw.notes("areas", *self._generalised()), show=show,
            order=38, aim=1, highlight="#1b1b1b",
        )  # fmt: skip
        draw.add(self.by_rank)
        return self.by_rank

    def draw_budgets(self, sets: Mapping[str, Collection[str]]) -> Choice | None:
        """Draw the areas that each budget buys, one budget at a time.

        Parameters
        ----------
        sets : mapping of str to collection of str
            Name of each budget, and the ids of the areas that it buys.
        """
        if self.areas.empty or not sets:
            return None
        draw, w = self.draw, self.draw.w
        ids = self.areas["area_id"]
        styles = [
            Style(w.map.bought, fill=CHOSEN[0], opacity=0.75, stroke="#5c2d00", width=1, least=6),
            Style(w.map.not_bought, fill=CHOSEN[1], opacity=0.35, stroke="#8a857d", width=0.5,
                  least=2),
        ]  # fmt: skip
        members: dict[tuple[int, ...], ShapeLayer] = {}
        for number, (name, chosen) in enumerate(sets.items()):
            bought = ids.isin(list(chosen)).to_numpy()
            share = self.areas.loc[bought]
            note = w.fill(
                "map.budget_note", areas=w.count(int(bought.sum()), "area"),
                households=w.count(int(share["households"].sum()), "household"),
                support=w.money(float(share["gap_sek"].clip(lower=0).sum())),
            )  # fmt: skip
            layer = ShapeLayer(
                self.features, f"{w.map.budget} {name}", styles, np.where(bought, 0, 1),
                popup=self.popup, tooltip="title", notes=draw.notes("areas", note), show=False,
                order=39, aim=1, highlight="#1b1b1b",
            )  # fmt: skip
            draw.add(layer)
            members[(number,)] = layer
        return Choice(w.map.group_budget, w.map.budget_layer, [(w.map.budget, list(sets))], members)

    def listed(self) -> Ranking | None:
        """Give the list of the areas in order."""
        if self.by_rank is None:
            return None
        w = self.draw.w
        ranked = np.flatnonzero(self.areas["rank"].notna().to_numpy())
        return Ranking(
            w.map.list, self.by_rank, ranked, "rank", "title",
            ["listed", *(["support"] if "gap_sek" in self.areas else []), "municipality"],
            part=(w.popup.municipality, w.map.all_municipalities, "municipality"),
            more=w.fill("map.list_more", n=w.number(500)),
        )  # fmt: skip

    def places(self) -> Places | None:
        """Give what a search finds of the areas."""
        if self.by_rank is None:
            return None
        return Places(self.features, "title", self.draw.w.map.area, layer=self.by_rank)

    def _generalised(self) -> list[str]:
        draw = self.draw
        if not draw.public:
            return []
        return [
            draw.w.fill(
                "map.areas_generalised", cell=draw.square(draw.cell_m), n=draw.few,
                coarse=draw.square(COARSE * draw.cell_m),
            )
        ]  # fmt: skip
