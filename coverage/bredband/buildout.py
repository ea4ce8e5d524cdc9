"""The trench that reaches the unserved: one shared network from existing fibre, along roads.

Trench is shared. A road that leads to twenty homes is dug once, so the cost of
the rest is that of a tree on the road network, never a sum of separate ways or
of straight lines. What the ground is changes the price along a road, and where no road
leads, ways over land and water may.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import BadValueError
from bredband_gis.overland import find_ways
from bredband_gis.points import locate
from bredband_gis.quality import Finding
from bredband_gis.roads import RoadGraph, attach, build_graph, list_components
from bredband_gis.steiner import root_tree, steiner_tree, sum_below

from bredband.display import show
from bredband.ground import Ground, friction, price_lines, price_ways
from bredband.trench_network import (
    TrenchNetwork,
    Weight,
    add_ways,
    lay_trench,
    network_of_roads,
)

if TYPE_CHECKING:
    from bredband_gis.overland import Friction
    from bredband_gis.steiner import RootedTree
    from bredband_gis.surface import Grid
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
    routed_sek : float
        What the search made small, SEK: the trench, further items per metre, and less what
        others pay per metre. That of the trench alone where nothing else goes by the metre.
    lower_bound_sek : float
        No network along these roads and ways over land to these premises has a smaller
        ``routed_sek``.
    fibre_on_road_m, fibre_off_road_m : float
        Existing fibre routes that lie along a road, and those that do not, m.
    components : DataFrame
        ``tables_roads.ROAD_COMPONENTS``: the connected parts of the road network, the
        longest first.
    findings : tuple of Finding
        What rasters of the ground do not cover, and who cannot be reached over land.
    """

    trench: gpd.GeoDataFrame
    reach: pd.DataFrame
    trench_sek: float
    routed_sek: float
    lower_bound_sek: float
    fibre_on_road_m: float
    fibre_off_road_m: float
    components: pd.DataFrame
    findings: tuple[Finding, ...] = ()

    def _repr_html_(self) -> str:
        return show(self)


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


def weigh_trench(prices: Prices) -> Weight:
    """Tell what a metre of trench weighs in the search for a cheap network.

    Parameters
    ----------
    prices : Prices
        ``[prices]`` of region.toml.

    Returns
    -------
    Weight
        As an edge counts in the capex before design and contingency, which are shares of
        it: trench less what is laid together, further items per metre and kilometre, less
        what others pay per metre (``cost.add_capex``).
    """
    per_m = prices.sum_of("trench_m") + prices.sum_of("trench_km") / 1000.0
    share, paid = prices.colaying_share.value, prices.colaying_contribution
    if paid.quantity:
        return Weight(1.0, per_m - share * paid.value * paid.quantity)
    return Weight(1.0 - share, per_m)


def plan_buildout(
    status: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    *,
    settings: BuildoutSettings,
    prices: Prices,
    fibre: gpd.GeoDataFrame | None = None,
    ground: Ground | None = None,
) -> Buildout:
    """Lay out the shared trench from existing fibre to every unserved premises.

    Each premises hangs on the nearest point of a road; existing fibre lies in the
    roads that it follows and can be tapped where ``settings.tap`` says, and in the
    road in front of a fibre-connected building. Trench costs what its road's surface
    costs, or what the ground makes of that; moving along existing fibre, from one tap to
    another, costs nothing. Premises with a credible plan are left to the market and take
    no part.

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
    ground : Ground, optional
        What the ground is. Without classes, rules and ways over land in its settings it
        changes nothing.

    Returns
    -------
    Buildout
        With ways over land, trench goes all the way to a premises that no road reaches:
        its drop is 0 m long. Premises without a road within reach, or on roads that hold no
        fibre, and that no way over land joins, are in ``reach`` with ``no_road`` or
        ``no_fibre``: reported, never dropped.

    Raises
    ------
    NotMetricError
        The roads are not in a metric CRS.
    UnreadableSourceError, NoCrsError, WrongCrsError
        A raster of the ground cannot be used.
    BadValueError
        What others pay for a metre is more than it costs on some ground, or the ways over
        land need more cells than memory holds.
    """
    ground = ground or Ground()
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

    road = price_roads(usable["road_class"], prices).assign(road_class=usable["road_class"])
    weight = weigh_trench(prices)
    findings: list[Finding] = []
    on_roads = None
    if ground.prices_roads:
        lines = usable.geometry.to_numpy()
        on_roads = price_lines(ground, lines, road["surface"], prices=prices, crs=roads.crs)
        findings += on_roads.findings
    network = network_of_roads(graph, road, on_roads)
    far = node < 0
    if ground.settings.overland and roots.size:
        joined = _join_over_land(
            network, wanted[far], node, existing, ground,
            prices=prices, weight=weight, tap=settings.tap == "anywhere",
        )  # fmt: skip
        network, existing = joined.network, joined.existing
        node = np.where(far, -1, node)
        node[far] = joined.node
        findings += joined.findings
        roots = np.flatnonzero(existing)

    solved = _solve(network, np.unique(node[node >= 0]), roots, weight)
    lost = np.isin(node, solved.apart)
    node[lost & far] = -1
    # Over land the trench goes all the way.
    drop_m = np.where(far & (node >= 0), 0.0, met.distance[: len(wanted)])
    reach = _reach(wanted, node, lost, existing, drop_m)
    return Buildout(
        trench=_trench(network, solved.tree, wanted, reach, municipalities),
        reach=reach,
        trench_sek=solved.trench_sek,
        routed_sek=solved.routed_sek,
        lower_bound_sek=solved.bound_sek,
        fibre_on_road_m=met.fibre_on_road_m,
        fibre_off_road_m=met.fibre_off_road_m,
        components=_components(
            network.graph,
            np.where(far, -1, node),
            wanted["households"].to_numpy(),
            existing[: network.graph.x.size],
            municipalities,
        ),
        findings=tuple(findings),
    )


class _Solved(NamedTuple):
    """The tree, its cost, what the search made small and the bound of that, SEK.

    apart: goals that no edges join to the roots.
    """

    tree: RootedTree
    trench_sek: float
    routed_sek: float
    bound_sek: float
    apart: NDArray[np.int64]


def _solve(
    network: TrenchNetwork, goal: NDArray[np.int64], roots: NDArray[np.int64], weight: Weight
) -> _Solved:
    """Find the tree that joins the goals to the roots."""
    if not roots.size:
        nothing = np.empty(0, np.int64)
        tree = root_tree(network.tail, network.head, nothing, roots=nothing)
        return _Solved(tree, 0.0, 0.0, 0.0, goal)
    open_ = np.flatnonzero(np.isfinite(network.cost))
    tail, head, cost = network.tail[open_], network.head[open_], network.cost[open_]
    found = steiner_tree(tail, head, _weigh(weight, cost, network.length[open_]), goal, roots=roots)
    tree = root_tree(tail, head, found.edges, roots=roots)
    return _Solved(
        replace(tree, edges=open_[tree.edges]),
        float(cost[found.edges].sum()),
        found.cost,
        found.lower_bound,
        found.unreached,
    )


def _reach(
    wanted: pd.DataFrame,
    node: NDArray[np.int64],
    lost: NDArray[np.bool_],
    existing: NDArray[np.bool_],
    drop_m: NDArray[np.float64],
) -> pd.DataFrame:
    """Give ``tables.REACH``."""
    tapped_here = np.zeros(node.size, bool)
    tapped_here[node >= 0] = existing[node[node >= 0]]
    return pd.DataFrame(
        {
            "premises_id": wanted["premises_id"].to_numpy(),
            "reach": np.select(
                [node < 0, lost, tapped_here], ["no_road", "no_fibre", "at_fibre"], "trench"
            ),
            "road_distance_m": drop_m,
            "node": node,
        }
    ).astype({"premises_id": str, "reach": str})


def _trench(
    network: TrenchNetwork,
    tree: RootedTree,
    wanted: pd.DataFrame,
    reach: pd.DataFrame,
    municipalities: gpd.GeoDataFrame,
) -> gpd.GeoDataFrame:
    """Give ``tables.TRENCH`` without ``area_id``."""
    dug = (reach["reach"] == "trench").to_numpy()
    node, households = reach["node"].to_numpy()[dug], wanted["households"].to_numpy()[dug]
    at_node = np.bincount(node, weights=households, minlength=network.nodes)
    count_at_node = np.bincount(node, minlength=network.nodes)
    below = sum_below(tree, at_node[tree.to_node]).round().astype(np.int64)
    count_below = sum_below(tree, count_at_node[tree.to_node]).round().astype(np.int64)
    rows = lay_trench(network, tree)
    middle = shapely.line_interpolate_point(rows.line, 0.5, normalized=True)
    trench = gpd.GeoDataFrame(
        rows.table.assign(
            households_below=below[rows.owner],
            premises_below=count_below[rows.owner],
            municipality_code=_municipality(middle, municipalities),
        ),
        geometry=rows.line,
        crs=network.graph.crs,
    )
    trench.insert(0, "edge_id", np.arange(len(trench)))
    texts = ("road_class", "surface", "ground", "municipality_code")
    return trench.astype(dict.fromkeys(texts, str))


def _weigh(
    weight: Weight, cost: NDArray[np.float64], metres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weigh edges, and refuse a metre that others pay more for than it costs."""
    weighed = weight.weigh(cost, metres)
    if weighed.size and weighed.min() < 0:
        msg = "what others pay for a metre of trench is more than it costs on some ground"
        fix = "lower colaying_contribution, or raise the factors of [[ground.classes]]"
        raise BadValueError(msg, where="prices", fix=fix)
    return weighed


class _Joined(NamedTuple):
    """A network with ways over land.

    node: of each premises that no road reaches, -1 where no way leads there. existing: per
    node of the network.
    """

    network: TrenchNetwork
    node: NDArray[np.int64]
    existing: NDArray[np.bool_]
    findings: list[Finding]


def _join_over_land(
    network: TrenchNetwork,
    far: pd.DataFrame,
    node: NDArray[np.int64],
    existing: NDArray[np.bool_],
    ground: Ground,
    *,
    prices: Prices,
    weight: Weight,
    tap: bool,
) -> _Joined:
    """Add ways over land to premises that no road reaches, and to roads that are cut off."""
    graph, settings = network.graph, ground.settings
    # What others pay per metre makes no way longer: it counts once the ways are known.
    extra = max(weight.per_m, 0.0) / weight.of_cost if weight.of_cost else 0.0
    # Buildings in the same spot are one place.
    spots = far[["x", "y"]].to_numpy(dtype=np.float64).reshape(-1, 2)
    places, place = np.unique(spots, axis=0, return_inverse=True)

    def what_a_metre_costs(grid: Grid, ends: NDArray[np.int64]) -> Friction:
        return friction(ground, grid, ends, prices=prices, crs=graph.crs, extra=extra)

    ways = find_ways(
        graph,
        places[:, 0],
        places[:, 1],
        what_a_metre_costs,
        cost=network.cost + extra * graph.length,
        existing=existing,
        wanted=np.unique(node[node >= 0]),
        cell_m=settings.cell_m,
        max_m=settings.max_overland_m,
    )
    findings = []
    if ways.closed.size:
        findings.append(
            Finding(
                rule="ground-closed-place",
                severity="info",
                layer="premises",
                file="",
                rows=int(np.isin(place, ways.closed).sum()),
                message="no road reaches them, and they stand where no way over land is open",
                fix="nothing, if that is so; else see [ground]",
            )
        )
    met = attach(
        graph,
        ways.x[ways.on_road],
        ways.y[ways.on_road],
        max_distance=1.0,
        tap="anywhere" if tap else "never",
    )
    graph = met.graph
    still = graph.fibre_node.copy()
    still[: existing.size] |= existing
    at = np.full(ways.x.size, -1, dtype=np.int64)
    at[ways.on_road] = met.node
    at[~ways.on_road] = graph.x.size + np.arange(int((~ways.on_road).sum()))
    nodes = graph.x.size + int((~ways.on_road).sum())
    of_place = np.full(len(places), -1, dtype=np.int64)
    of_place[ways.place[ways.place >= 0]] = at[ways.place >= 0]
    on_ways = price_ways(ground, ways.stretches, prices)
    roads = network_of_roads(graph, network.road, network.on_roads)
    return _Joined(
        add_ways(roads, ways, on_ways, at, nodes=nodes),
        of_place[place.ravel()],
        np.append(still, np.zeros(nodes - graph.x.size, dtype=bool)),
        findings,
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
    # A network without a road has no lengths to say what kind of number they are.
    metres = dict.fromkeys(("length_m", "fibre_m", "x", "y"), "float64")
    return found.astype({"municipality_code": str, **metres})


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
