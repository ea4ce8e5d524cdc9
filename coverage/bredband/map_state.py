"""Map layers of the state: shares per municipality, who has what, who lacks it, what changed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.webmap import Choice, Popup, ShapeLayer, Style

from bredband.map_draw import (
    FEW,
    NOTHING,
    amount_labels,
    hide,
    range_labels,
    require,
    share_labels,
    write,
)
from bredband.publication import public_cells
from bredband.tables import CONNECTED_ANY, MEASURES, STATUSES, SYMMETRIC, TOTAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import geopandas as gpd
    from bredband_gis.webmap import Features
    from numpy.typing import NDArray

    from bredband.map_draw import Drawing
    from bredband.text import Words

# Colours: ColorBrewer's GnBu, OrRd and PuOr (facts, colour-blind safe): cool for
# what is there, warm for what is missing, purple and dark for what could be done.
SHARE_EDGES: Final = (0.5, 0.7, 0.8, 0.9, 0.95)
"""Shares at which the municipalities' colour changes; fixed, so that years compare."""

COST_EDGES: Final = (25_000.0, 50_000.0, 100_000.0, 200_000.0, 400_000.0)
"""SEK per household at which the colour changes. 400 000 is often named as society's cap (U)."""

MAX_POINTS: Final = 150_000
"""With more premises an internal map shows cells: a browser would stand still."""

SHARE_COLOURS: Final = ("#f0f9e8", "#ccebc5", "#a8ddb5", "#7bccc4", "#43a2ca", "#0868ac")
CELL_EDGES: Final = (3, 10, 25)
CELL_COLOURS: Final = (FEW, "#fdbb84", "#f47a4d", "#d7301f", "#7f0000")
STATUS_COLOURS: Final = {
    "connected": "#0868ac", "passed": "#7bccc4", "planned": "#8073ac", "unserved": "#d7301f",
}  # fmt: skip
COST_COLOURS: Final = ("#dadaeb", "#bcbddc", "#9e9ac8", "#807dba", "#6a51a3", "#3f007d")
# The fewest households last; ColorBrewer's PuOr for the municipalities' points.
_CHANGE_COLOURS: Final = {
    "gained": ("#053061", "#2166ac", "#6baed6", "#c6dbef"),
    "lost": ("#67001f", "#b2182b", "#ef6a4c", "#fbc4ae"),
}
POINT_EDGES: Final = (-1.0, 1.0, 3.0, 5.0)
"""Percentage points at which the municipalities' colour of change changes."""
_POINT_COLOURS: Final = ("#e08214", "#f2f0ee", "#d8daeb", "#998ec3", "#542788")
_SHOWN_MEASURES: Final = (*MEASURES, CONNECTED_ANY, SYMMETRIC)


def municipality_features(
    draw: Drawing,
    municipalities: gpd.GeoDataFrame,
    polygons: NDArray[np.object_],
    shares: pd.DataFrame,
    cost: pd.DataFrame | None,
    target: int,
    points: tuple[str, NDArray[np.float64]] | None = None,
) -> tuple[Features, Popup]:
    """Pack the municipalities with all their figures, and say how a popup shows these.

    ``points`` is what to call their change in the share connected, and the percentage points.
    """
    w = draw.w
    codes = municipalities["municipality_code"]
    rows = shares[shares["area_kind"] == "municipality"]
    speeds = sorted(int(speed) for speed in rows["speed_mbit"].unique())
    total = _column(rows, codes, "total", "connected", target)
    left = total - _column(rows, codes, "served", "planned", target)
    columns: dict[str, Iterable[object]] = {
        "name": municipalities["municipality_name"],
        "base": [
            w.fill("popup.share_of", households=w.count(value, "household")) for value in total
        ],
        "left": map(w.number, left),
    }
    for speed in speeds:
        for measure in MEASURES:
            share = _column(rows, codes, "share", measure, speed)
            columns[f"{measure}_{speed}"] = map(w.percent, share)
    pairs = [(w.popup.unserved_households, "left")]
    if cost is not None:
        require(cost, ["area_kind", "area_code", "gap_sek"], "cost")
        of_area = cost[cost["area_kind"] == "municipality"].set_index("area_code").reindex(codes)
        for name, key, spell in (
            ("unreached_households", "unreached_households", w.number),
            ("trench_m", "trench", w.length),
            ("capex_sek", "capex", w.money),
            ("gap_sek", "gap", w.money),
            ("support_sek", "support", w.money),
            ("gap_per_household_sek", "gap_per_household", w.money),
        ):
            if name in of_area:
                columns[name] = map(spell, of_area[name])
                pairs.append((w["popup." + key], name))
    if points is not None:
        columns["points"] = write(points[1].round(1), lambda one: _signed(w, one), missing=None)
        pairs.append((points[0], "points"))
    features = draw.pack(polygons, draw.crs, {k: list(v) for k, v in columns.items()}, 5.0)
    popup = Popup(
        "name",
        pairs,
        head=[w.popup.speed, *(w["measure_short." + measure] for measure in MEASURES)],
        table=[
            [w.speed(speed), *(f"{measure}_{speed}" for measure in MEASURES)] for speed in speeds
        ],
        caption="base",
    )
    return features, popup


def draw_shares(
    draw: Drawing,
    features: Features,
    codes: pd.Series[str],
    shares: pd.DataFrame,
    target: int,
) -> Choice:
    """Colour the municipalities by the share that has a speed: every measure, every speed."""
    w = draw.w
    rows = shares[shares["area_kind"] == "municipality"]
    speeds = sorted(int(speed) for speed in rows["speed_mbit"].unique())
    there = set(rows["measure"].unique())
    measures = [measure for measure in _SHOWN_MEASURES if measure in there]
    border = {"stroke": "#ffffff", "width": 1.3, "opacity": 0.7 if draw.online else 1.0}
    styles = [
        Style(label, fill=colour, **border)  # type: ignore[arg-type]
        for label, colour in zip(share_labels(w, SHARE_EDGES), SHARE_COLOURS, strict=True)
    ]
    nothing = Style(w.map.none, fill=NOTHING, **border)  # type: ignore[arg-type]
    members: dict[tuple[int, ...], ShapeLayer] = {}
    # The speed that the map is about stands first, so that the page opens with it.
    speeds.sort(key=lambda speed: (speed != target, speed))
    for m, measure in enumerate(measures):
        for s, speed in enumerate(speeds):
            share = _column(rows, codes, "share", measure, speed).to_numpy(float)
            of = np.searchsorted(SHARE_EDGES, share, "right")
            empty = np.isnan(share)
            if empty.all():
                continue
            layer = ShapeLayer(
                features,
                f"{w['measure.' + measure]}, {w.speed(speed)}",
                [*styles, nothing] if empty.any() else styles,
                np.where(empty, len(styles), of),
                notes=draw.notes("coverage"),
                show=(m, s) == (0, 0),
            )
            draw.add(layer)
            members[m, s] = layer
    respects = [
        (w.map.measure, [w["measure." + measure] for measure in measures]),
        (w.map.speed, [w.speed(speed) for speed in speeds]),
    ]
    return Choice(w.map.group_municipalities, w.map.share, respects, members, none=w.map.none)


def _signed(w: Words, points: float) -> str:
    text = w.number(points, 1)
    return f"+{text}" if points > 0 else text


def _column(
    rows: pd.DataFrame, codes: pd.Series[str], name: str, measure: str, speed: int
) -> pd.Series[Any]:
    chosen = rows[(rows["measure"] == measure) & (rows["speed_mbit"] == speed)]
    return chosen.set_index("area_code")[name].reindex(codes)


# ---- premises -------------------------------------------------------------------------


class PremisesLayers:
    """The premises: points, packed once for all layers, or cells on a public map.

    Parameters
    ----------
    draw : Drawing
        The page.
    status : DataFrame
        ``tables.STATUS``; premises with holiday homes only are left out.
    shares : DataFrame, optional
        ``tables.SHARES``, for what each household's share of the trench costs.
    """

    def __init__(
        self, draw: Drawing, status: pd.DataFrame, shares: pd.DataFrame | None = None
    ) -> None:
        require(status, ["x", "y", "households", "workplaces", "status"], "status")
        self.draw = draw
        self.premises = status[(status["households"] > 0) | (status["workplaces"] > 0)]
        self.as_cells = draw.public or len(self.premises) > MAX_POINTS
        if shares is not None:
            money = ["per_party_sek", "shared_trench_sek", "drop_sek", "alone_sek", "total_sek"]
            shares = shares[["premises_id", *money, "parties"]]
            self.premises = self.premises.merge(shares, on="premises_id", how="left")
        if not self.as_cells and not self.premises.empty:
            self.features, self.popup = self._pack()

    def _pack(self) -> tuple[Features, Popup]:
        """Pack the points with what is known of each, for an internal map."""
        w, premises = self.draw.w, self.premises
        columns: dict[str, Iterable[object]] = {
            "title": premises["premises_id"],
            "status": write(premises["status"], lambda name: w["status." + name], missing=None),
        }
        pairs = [(w.map.status, "status")]
        for name, label, spell in (
            ("households", w.popup.households, w.number),
            ("workplaces", w.popup.workplaces, w.number),
            ("speed_mbit", w.popup.wired, w.speed),
            ("wireless_speed_mbit", w.popup.wireless, w.speed),
            ("distance_to_fibre_m", w.popup.distance_to_fibre, w.length),
            ("per_party_sek", w.map.shared_cost, w.money),
            ("shared_trench_sek", w.map.shared_trench, w.money),
            ("drop_sek", w.map.drop, w.money),
            ("alone_sek", w.map.alone, w.money),
            ("reason", w.popup.reason, str),
        ):
            if name in premises:
                values = premises[name].round(-2) if name.endswith("_sek") else premises[name]
                missing = None if name.endswith("_sek") or name == "reason" else ""
                columns[name] = write(values, spell, missing=missing)
                pairs.append((label, name))
        features = self.draw.pack((premises["x"], premises["y"]), self.draw.crs, columns)
        return features, Popup("title", pairs, lead=w.fill("popup.building", building=""))

    def draw_status(self) -> ShapeLayer | None:
        """Draw all premises by their status: points, or cells with the share served."""
        if self.premises.empty:
            return None
        if self.as_cells:
            return _status_cells(self.draw, self.premises)
        draw, w = self.draw, self.draw.w
        order = list(reversed(STATUSES))
        layer = ShapeLayer(
            self.features,
            w.map.status_points,
            [Style(w["status." + name], fill=STATUS_COLOURS[name], radius=3.0) for name in order],
            pd.Index(order).get_indexer(pd.Index(self.premises["status"])),
            popup=self.popup,
            notes=draw.notes("unserved"),
            show=False,
            order=58,
        )
        draw.add(layer)
        return layer

    def draw_unserved(self, *, show: bool = True) -> ShapeLayer | None:
        """Draw the premises without the target speed: points, or cells with their households."""
        unserved = (self.premises["status"] == "unserved").to_numpy()
        if not unserved.any():
            return None
        draw, w = self.draw, self.draw.w
        if self.as_cells:
            return draw_cells(
                draw, self.premises[unserved], w.map.unserved, w.popup.unserved_households,
                order=40, show=show,
                notes=draw.notes(
                    "unserved", w.fill("map.unserved_cells", cell=draw.square(draw.cell_m))
                ),
            )  # fmt: skip
        counts = self.premises["households"].to_numpy()
        edges = [1, 2, 10]
        labels = [w.map.workplaces_only, *range_labels(w, edges)]
        of = len(edges) - np.searchsorted(edges, counts, "right")
        layer = ShapeLayer(
            self.features,
            w.map.unserved_internal,
            [
                Style(label, fill=colour, stroke="#5a1a00", width=0.5, radius=radius)
                for label, colour, radius in zip(
                    labels, ("#ffffff", *CELL_COLOURS[-3:]), (3, 3, 3.6, 4.6), strict=True
                )
            ][::-1],
            np.where(unserved, of, -1),
            popup=self.popup,
            notes=draw.notes("unserved", w.map.unserved_points),
            show=show,
            order=60,
        )
        draw.add(layer)
        return layer

    def draw_mobile_gaps(self) -> ShapeLayer | None:
        """Draw the households without the target speed and without mobile coverage either."""
        if "unserved_no_mobile" not in self.premises:
            return None
        chosen = self.premises[self.premises["unserved_no_mobile"].astype(bool)]
        if chosen.empty:
            return None
        draw, w = self.draw, self.draw.w
        return draw_cells(
            draw, chosen, w.map.mobile_gaps, w.map.mobile_households, order=42, show=False,
            notes=draw.notes(
                "mobile", w.fill("map.unserved_cells", cell=draw.square(draw.cell_m))
            ),
        )  # fmt: skip

    def draw_shared_cost(self) -> ShapeLayer | None:
        """Draw the fair share of the joint trench, and the drop, per household."""
        if "per_party_sek" not in self.premises:
            return None
        found = self.premises[self.premises["per_party_sek"].notna()]
        if found.empty:
            return None
        draw, w = self.draw, self.draw.w
        styles = [
            Style(label, fill=colour, stroke="#5b5470", width=0.4, least=2.2, radius=3.2)
            for label, colour in zip(
                amount_labels(w, COST_EDGES, w.money), COST_COLOURS, strict=True
            )
        ]
        if self.as_cells:
            features, popup, of = _cost_cells(draw, found)
            if draw.public:
                styles.append(
                    Style(draw.fewer, fill=NOTHING, stroke="#5b5470", width=0.4, least=2.2)
                )
        else:
            features, popup = self.features, self.popup
            each = self.premises["per_party_sek"].to_numpy(float)
            of = np.searchsorted(COST_EDGES, np.nan_to_num(each), "right")
            of = np.where(np.isnan(each), -1, of)
        layer = ShapeLayer(
            features, w.map.shared_cost, styles, of, popup=popup,
            notes=draw.notes("areas", w.map.shared_cost_note), show=False, order=45,
        )  # fmt: skip
        draw.add(layer)
        return layer


def _cost_cells(draw: Drawing, found: pd.DataFrame) -> tuple[Features, Popup, NDArray[np.int64]]:
    w = draw.w
    few = draw.few if draw.public else 0
    cells = public_cells(
        found, crs=draw.crs, cell_m=draw.cell_m, min_households=few, sums=["parties", "total_sek"]
    )
    hidden = cells["hidden"].to_numpy(bool)
    each = (cells["total_sek"] / cells["parties"]).to_numpy(np.float64, na_value=np.nan)
    of = np.searchsorted(COST_EDGES, np.nan_to_num(each), "right")
    columns: dict[str, Iterable[object]] = {
        "title": [w.fill("popup.cell", size=draw.square(draw.cell_m))] * len(cells),
        "households": hide(hidden, write(cells["households"].fillna(0), w.number), draw.fewer),
        "each": hide(hidden, write(each.round(-2), w.money)),
    }
    popup = Popup("title", [(w.popup.households, "households"), (w.map.shared_cost, "each")])
    features = draw.pack(cells.geometry.to_numpy(), draw.crs, columns)
    return features, popup, np.where(hidden, len(COST_COLOURS), of)


def _status_cells(draw: Drawing, lived_in: pd.DataFrame) -> ShapeLayer:
    w = draw.w
    few = draw.few if draw.public else 1
    has = lived_in["status"].isin(("connected", "passed"))
    counted = lived_in[["x", "y", "households"]].assign(served=lived_in["households"].where(has, 0))
    cells = public_cells(
        counted, crs=draw.crs, cell_m=draw.cell_m, min_households=few, sums=["served"]
    )
    cells = cells[cells["hidden"] | (cells["households"].fillna(0) > 0)]
    hidden = cells["hidden"].to_numpy(bool)
    total = cells["households"].fillna(0).to_numpy(np.float64)
    served = cells["served"].fillna(0).to_numpy(np.float64)
    share = served / np.maximum(total, 1)
    labels = [*share_labels(w, SHARE_EDGES), draw.fewer]
    of = np.where(hidden, len(labels) - 1, np.searchsorted(SHARE_EDGES, share, "right"))
    layer = ShapeLayer(
        draw.pack(
            cells.geometry.to_numpy(),
            draw.crs,
            {
                "title": [w.fill("popup.cell", size=draw.square(draw.cell_m))] * len(cells),
                "households": hide(hidden, write(total, w.number), draw.fewer),
                "share": hide(hidden, write(share.round(3), w.percent)),
            },
        ),
        w.map.status_cells,
        [
            Style(label, fill=colour, stroke="#8a8a8a", width=0.3, least=1.8)
            for label, colour in zip(labels, (*SHARE_COLOURS, NOTHING), strict=True)
        ],
        of,
        popup=Popup("title", [(w.popup.households, "households"), (w.map.status_share, "share")]),
        notes=draw.notes("unserved", w.fill("map.status_note", cell=draw.square(draw.cell_m))),
        show=False,
        order=35,
    )
    draw.add(layer)
    return layer


def draw_cells(
    draw: Drawing,
    chosen: pd.DataFrame,
    name: str,
    counted: str,
    *,
    notes: Sequence[str],
    order: int,
    show: bool = True,
) -> ShapeLayer:
    """Draw how many households some premises hold, cell by cell; few are hidden when public."""
    w = draw.w
    few = draw.few if draw.public else 1
    cells = public_cells(chosen, crs=draw.crs, cell_m=draw.cell_m, min_households=few)
    hidden = cells["hidden"].to_numpy()
    counts = cells["households"].fillna(0).to_numpy(np.int64)
    edges = sorted({few, *(edge for edge in CELL_EDGES if edge >= few)})
    of = np.where(hidden, 0, np.searchsorted(edges, counts, "right"))
    first = draw.fewer if draw.public else w.map.workplaces_only
    labels = [first, *range_labels(w, edges)]
    colours = CELL_COLOURS[-len(labels) :]
    features = draw.pack(
        cells.geometry.to_numpy(),
        draw.crs,
        {
            "title": [w.fill("popup.cell", size=draw.square(draw.cell_m))] * len(cells),
            "households": hide(hidden, write(counts, w.number), first),
            "workplaces": write(cells["workplaces"], w.number, missing=None),
            "premises": write(cells["premises"], w.number, missing=None),
        },
    )
    layer = ShapeLayer(
        features,
        name,
        [
            Style(label, fill=colour, stroke="#5a1a00", width=0.5, least=2.2)
            for label, colour in zip(labels, colours, strict=True)
        ][::-1],
        len(labels) - 1 - of,
        popup=Popup(
            "title",
            [
                (counted, "households"),
                (w.popup.workplaces, "workplaces"),
                (w.popup.premises, "premises"),
            ],
        ),
        notes=notes,
        show=show,
        order=order,
    )
    draw.add(layer)
    return layer


# ---- change ---------------------------------------------------------------------------


def draw_changes(draw: Drawing, changed: pd.DataFrame, *, show: bool = True) -> list[ShapeLayer]:
    """Draw where households are better off and worse off than in an earlier result.

    Parameters
    ----------
    draw : Drawing
        The page.
    changed : DataFrame
        ``tables.CHANGED_PREMISES``: cells on a public map, buildings with the reason on an
        internal one.
    show : bool
        Whether the layers are on when the page opens.
    """
    w = draw.w
    layers = []
    new = changed.loc[changed["change"] == "new", "households_after"].sum()
    gone = changed.loc[changed["change"] == "gone", "households_before"].sum()
    beside = w.fill("map_change.beside", new=w.number(new), gone=w.number(gone))
    for at, (change, colours) in enumerate(_CHANGE_COLOURS.items()):
        chosen = changed[changed["change"] == change]
        homes = chosen["households_after"].where(
            chosen["households_after"] > 0, chosen["households_before"]
        )
        chosen = chosen.assign(households=homes)[homes > 0]
        if chosen.empty:
            continue
        as_cells = draw.public or len(chosen) > MAX_POINTS
        features, popup, counts = (_changed_cells if as_cells else _changed_points)(draw, chosen)
        few = draw.few if draw.public else 1
        edges = sorted({few, *(edge for edge in CELL_EDGES if edge >= few)})[:3]
        labels = range_labels(w, edges)
        of = len(edges) - np.searchsorted(edges, counts, "right")
        styles = [
            Style(label, fill=colour, stroke=colours[0], width=0.5, least=3.0, radius=3.6)
            for label, colour in zip(labels[::-1], colours, strict=False)
        ]
        if draw.public:  # hidden counts are 0: below the lowest class
            styles.append(
                Style(draw.fewer, fill=colours[-1], stroke=colours[0], width=0.5, least=3.0)
            )
        kind = "note" if as_cells else "points"
        layer = ShapeLayer(
            features, w["map_change." + change], styles, of, popup=popup,
            notes=draw.notes(
                "coverage",
                w.fill(f"map_change.{change}_{kind}", cell=draw.square(draw.cell_m)),
                *([beside] if new + gone else []),
            ),
            show=show, order=43 + at,
        )  # fmt: skip
        draw.add(layer)
        layers.append(layer)
    return layers


def _changed_cells(
    draw: Drawing, chosen: pd.DataFrame
) -> tuple[Features, Popup, NDArray[np.int64]]:
    w = draw.w
    few = draw.few if draw.public else 1
    cells = public_cells(chosen, crs=draw.crs, cell_m=draw.cell_m, min_households=few)
    hidden = cells["hidden"].to_numpy(bool)
    counts = cells["households"].fillna(0).to_numpy(np.int64)
    features = draw.pack(
        cells.geometry.to_numpy(),
        draw.crs,
        {
            "title": [w.fill("popup.cell", size=draw.square(draw.cell_m))] * len(cells),
            "households": hide(hidden, write(counts, w.number), draw.fewer),
        },
    )
    name = w["map_change." + str(chosen["change"].iloc[0])]
    return features, Popup("title", [(name, "households")]), counts


def _changed_points(
    draw: Drawing, chosen: pd.DataFrame
) -> tuple[Features, Popup, NDArray[np.int64]]:
    w = draw.w
    counts = chosen["households"].to_numpy(np.int64)
    columns: dict[str, Iterable[object]] = {
        "title": chosen["premises_id"],
        "households": write(counts, w.number),
    }
    pairs = [(w["map_change." + str(chosen["change"].iloc[0])], "households")]
    for name, label, spell in (
        ("status_before", w.map_change.then, lambda status: w["status." + status]),
        ("status_after", w.map_change.now, lambda status: w["status." + status]),
        ("why", w.map_change.why, str),
    ):
        if name in chosen:
            columns[name] = write(chosen[name], spell, missing=None)
            pairs.append((label, name))
    features = draw.pack((chosen["x"], chosen["y"]), draw.crs, columns)
    popup = Popup("title", pairs, lead=w.fill("popup.building", building=""))
    return features, popup, counts


def municipal_points(change: pd.DataFrame, codes: pd.Series[str], target: int) -> pd.DataFrame:
    """Take the municipalities' change in the share connected at the target speed.

    Parameters
    ----------
    change : DataFrame
        ``tables.CHANGE``.
    codes : Series of str
        The municipalities, in the order of the map.
    target : int
        Speed, Mbit/s.

    Returns
    -------
    DataFrame
        The rows of ``change``, empty where there is none, in the order of ``codes``.
    """
    needed = ["area_kind", "area_code", "segment", "base", "measure", "speed_mbit", "points",
              "year_before", "year_after"]  # fmt: skip
    require(change, needed, "change")
    rows = change[
        (change["area_kind"] == "municipality") & (change["segment"] == TOTAL)
        & (change["base"] == "households") & (change["measure"] == "connected")
        & (change["speed_mbit"] == target)
    ]  # fmt: skip
    return rows.set_index("area_code").reindex(codes)


def draw_points(
    draw: Drawing, features: Features, rows: pd.DataFrame, target: int, since: str
) -> ShapeLayer | None:
    """Colour the municipalities by the change in the share connected, percentage points.

    Parameters
    ----------
    draw : Drawing
        The page.
    features : Features
        The municipalities.
    rows : DataFrame
        From :func:`municipal_points`, in the same order.
    target : int
        Speed, Mbit/s.
    since : str
        What to call the earlier result.
    """
    w = draw.w
    points = rows["points"].to_numpy(float)
    if np.isnan(points).all():
        return None
    told = [w.number(edge) if edge <= 0 else f"+{w.number(edge)}" for edge in POINT_EDGES]
    labels = [
        w.fill("map_change.points_down", low=w.number(-POINT_EDGES[0])),
        *(w.fill("map_change.points_up", low=low, high=high) for low, high in pairwise(told)),
        w.fill("map_change.points_most", low=told[-1]),
    ]
    border = {"stroke": "#ffffff", "width": 1.3, "opacity": 0.7 if draw.online else 1.0}
    styles = [
        Style(label, fill=colour, **border)  # type: ignore[arg-type]
        for label, colour in zip(labels, _POINT_COLOURS, strict=True)
    ]
    empty = np.isnan(points)
    if empty.any():
        styles.append(Style(w.map.none, fill=NOTHING, **border))  # type: ignore[arg-type]
    before, after = (rows[name].dropna() for name in ("year_before", "year_after"))
    years = [str(int(year.iloc[0])) for year in (before, after)]
    layer = ShapeLayer(
        features, w.map_change.points, styles,
        np.where(empty, len(labels), np.searchsorted(POINT_EDGES, points, "right")),
        notes=draw.notes(
            "coverage",
            w.fill(
                "map_change.points_note", speed=w.speed(target), after=years[1],
                before=years[0] if years[0] != years[1] else since,
            ),
        ),
        show=False, order=1,
    )  # fmt: skip
    draw.add(layer)
    return layer
