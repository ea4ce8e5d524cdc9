"""The trench that reaches the unserved: one shared network from existing fibre, along roads.

Trench is shared. A road that leads to twenty homes is dug once, so the cost of
the rest is that of a tree on the road network, never a sum of separate ways or
of straight lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.points import locate
from bredband_gis.roads import RoadGraph, attach, build_graph, list_components
from bredband_gis.steiner import root_tree, steiner_tree, sum_below

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bredband.region import BuildoutSettings, Prices


@dataclass(frozen=True)
class Buildout:
    """New trench, how each unserved premises is met, and how good the network is.

    Attributes
    ----------
    trench : GeoDataFrame
        ``tables.TRENCH`` without ``area_id``; lines in the region's metric CRS,
        parents before children.
    reach : DataFrame
        ``tables.REACH``: one row per unserved premises.
    trench_sek : float
        Cost of the trench, SEK.
    lower_bound_sek : float
        No network along these roads to these premises costs less, SEK.
    fibre_on_road_m, fibre_off_road_m : float
        Existing fibre routes that lie along a road, and those that do not, m.
    components : DataFrame
        ``tables_roads.ROAD_COMPONENTS``: the connected parts of the road network, the
        longest first.
    """

    trench: gpd.GeoDataFrame
    reach: pd.DataFrame
    trench_sek: float
    lower_bound_sek: float
    fibre_on_road_m: float
    fibre_off_road_m: float
    components: pd.DataFrame


def is_wanted(status: pd.DataFrame, *, include_holiday_homes: bool = False) -> pd.Series[bool]:
    """Tell which premises the build-out is for: unserved, with a household or a workplace.

    Parameters
    ----------
    status : DataFrame
        ``tables.STATUS``.
    include_holiday_homes : bool
        Whether buildings that hold holiday homes only are built to as well.
    """
    held = status["households"] + status["workplaces"]
    if include_holiday_homes:
        held = held + status["holiday_homes"]
    return (status["status"] == "unserved") & (held > 0)


def price_roads(road_class: pd.Series[str], prices: Prices) -> pd.DataFrame:
    """Give the surface of each road and what a metre of trench costs there.

    Parameters
    ----------
    road_class : Series of str
        Road class as the source has it (OpenStreetMap: the highway tag).
    prices : Prices
        ``[prices]`` of region.toml: class -> surface -> SEK/m.

    Returns
    -------
    DataFrame
        Columns ``surface`` and ``price_sek_per_m``, the index of the input.
    """
    surface = road_class.map(prices.surfaces).fillna(prices.other_surface)
    price = surface.map({name: item.value for name, item in prices.trench.items()})
    return pd.DataFrame({"surface": surface, "price_sek_per_m": price.astype("float64")})


def plan_buildout(
    status: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    *,
    settings: BuildoutSettings,
    prices: Prices,
    fibre: gpd.GeoDataFrame | None = None,
) -> Buildout:
    """Lay out the shared trench from existing fibre to every unserved premises.

    Each premises hangs on the nearest point of a road; existing fibre lies in the
    roads that it follows and can be tapped where ``settings.tap`` says, and in the
    road in front of a fibre-connected building. Trench costs what its road's surface
    costs; moving along existing fibre, from one tap to another, costs nothing.
    Premises with a credible plan are left to the market and take no part.

    Parameters
    ----------
    status : GeoDataFrame
        ``tables.STATUS``.
    roads : GeoDataFrame
        Lines in the same metric CRS; column ``road_class``.
    municipalities : GeoDataFrame
        ``tables.MUNICIPALITIES``; a trench edge belongs to the one that holds its middle.
    settings : BuildoutSettings
        ``[buildout]`` of region.toml.
    prices : Prices
        ``[prices]`` of region.toml.
    fibre : GeoDataFrame, optional
        Lines of existing fibre routes, same CRS.

    Returns
    -------
    Buildout
        Premises without a road within reach, or on roads that hold no fibre, are in
        ``reach`` with ``no_road`` or ``no_fibre``: reported, never dropped.

    Raises
    ------
    NotMetricError
        The roads are not in a metric CRS.
    """
    usable = roads[~roads["road_class"].isin(settings.no_dig)].reset_index(drop=True)
    graph = build_graph(usable, snap_m=settings.road_snap_m)
    wanted = status[is_wanted(status, include_holiday_homes=settings.include_holiday_homes)]
    tapped = status.iloc[:0]
    if settings.tap_connected:
        tapped = status[(status["status"] == "connected") & (status["technology"] == "fibre")]
    # Roads are split once, for those to reach and those to start from together.
    met = attach(
        graph,
        np.concatenate([wanted["x"].to_numpy(), tapped["x"].to_numpy()]),
        np.concatenate([wanted["y"].to_numpy(), tapped["y"].to_numpy()]),
        max_distance=settings.max_road_distance_m,
        fibre_lines=None if fibre is None else fibre.geometry.to_numpy(),
        fibre_snap_m=settings.fibre_snap_m,
        tap=settings.tap,
    )
    graph = met.graph
    node, tap_node = met.node[: len(wanted)], met.node[len(wanted) :]
    existing = graph.fibre_node.copy()
    existing[tap_node[tap_node >= 0]] = True
    roots = np.flatnonzero(existing)

    road = price_roads(usable["road_class"], prices).iloc[graph.line].reset_index(drop=True)
    cost = graph.length * road["price_sek_per_m"].to_numpy()
    goal = np.unique(node[node >= 0])
    if roots.size:
        network = steiner_tree(graph.tail, graph.head, cost, goal, roots=roots)
        tree = root_tree(graph.tail, graph.head, network.edges, roots=roots)
        trench_sek, bound, apart = network.cost, network.lower_bound, network.unreached
    else:
        nothing = np.empty(0, np.int64)
        tree = root_tree(graph.tail, graph.head, nothing, roots=nothing)
        trench_sek, bound, apart = 0.0, 0.0, goal

    tapped_here = np.zeros(node.size, bool)
    tapped_here[node >= 0] = existing[node[node >= 0]]
    reach = pd.DataFrame(
        {
            "premises_id": wanted["premises_id"].to_numpy(),
            "reach": np.select(
                [node < 0, np.isin(node, apart), tapped_here],
                ["no_road", "no_fibre", "at_fibre"],
                "trench",
            ),
            "road_distance_m": met.distance[: len(wanted)],
            "node": node,
        }
    ).astype({"premises_id": str, "reach": str})
    joined = node[(reach["reach"] == "trench").to_numpy()]
    households = wanted["households"].to_numpy()[(reach["reach"] == "trench").to_numpy()]
    size = graph.x.size
    at_node = np.bincount(joined, weights=households, minlength=size)
    count_at_node = np.bincount(joined, minlength=size)

    lines = graph.geometry(tree.edges)
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    trench = gpd.GeoDataFrame(
        {
            "edge_id": np.arange(tree.edges.size),
            "from_node": tree.from_node,
            "to_node": tree.to_node,
            "length_m": graph.length[tree.edges],
            "road_class": usable["road_class"].to_numpy()[graph.line[tree.edges]],
            "surface": road["surface"].to_numpy()[tree.edges],
            "price_sek_per_m": road["price_sek_per_m"].to_numpy()[tree.edges],
            "cost_sek": cost[tree.edges],
            "households_below": sum_below(tree, at_node[tree.to_node]).round().astype(np.int64),
            "premises_below": sum_below(tree, count_at_node[tree.to_node]).round().astype(np.int64),
            "municipality_code": _municipality(middle, municipalities),
        },
        geometry=lines,
        crs=roads.crs,
    ).astype({"road_class": str, "surface": str, "municipality_code": str})
    return Buildout(
        trench,
        reach,
        trench_sek,
        bound,
        met.fibre_on_road_m,
        met.fibre_off_road_m,
        _components(graph, node, wanted["households"].to_numpy(), existing, municipalities),
    )


def _components(
    graph: RoadGraph,
    node: NDArray[np.int64],
    households: NDArray[np.int64],
    existing: NDArray[np.bool_],
    municipalities: gpd.GeoDataFrame,
) -> pd.DataFrame:
    """Give ``tables_roads.ROAD_COMPONENTS`` of the graph with everything attached."""
    found = list_components(graph, node, starts=existing)
    met = node >= 0
    label = graph.components()[node[met]]
    found["households"] = np.bincount(label, households[met], len(found)).round().astype(np.int64)
    found["municipality_code"] = _municipality(
        shapely.points(found["x"].to_numpy(), found["y"].to_numpy()), municipalities
    )
    found = found.sort_values("length_m", ascending=False, kind="stable", ignore_index=True)
    found = found.rename(columns={"points": "premises"}).rename_axis("component_id").reset_index()
    return found.astype({"municipality_code": str})


def _municipality(
    points: NDArray[np.object_], municipalities: gpd.GeoDataFrame
) -> NDArray[np.str_]:
    """Give the municipality that holds each point, or the nearest one."""
    polygons = municipalities.geometry.to_numpy()
    found = locate(shapely.get_x(points), shapely.get_y(points), polygons)
    lost = np.flatnonzero(found < 0)
    if lost.size:
        found[lost] = shapely.STRtree(polygons).nearest(points[lost])
    codes: NDArray[np.str_] = municipalities["municipality_code"].to_numpy()[found]
    return codes
