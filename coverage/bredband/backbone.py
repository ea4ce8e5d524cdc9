"""Networks that connect places (ortssammanbindande nät): stretches, single cuts, second ways.

::

    joined at least cost   Steiner tree over roads or links, existing fibre for nothing
    one way in             a stretch (bridge) whose loss alone cuts the place off
    second way             the cheapest new stretches that leave it joined after any one cut
    support                support_share x cost of the stretch (ERUF: at most 40 %, F)

A road counts once: the second way never runs in the trench of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import BadValueError, MissingColumnError
from bredband_gis.steiner import steiner_tree

from bredband.backbone_bound import bound_cost
from bredband.backbone_graph import count_ways, label_parts
from bredband.backbone_net import (
    Net,
    net_along_links,
    net_along_roads,
    runs_beside,
    straight_links,
)
from bredband.backbone_places import WHERE, choose_places, read_places
from bredband.backbone_second import SecondWays, find_second_ways
from bredband.backbone_tables import EXISTING, FIRST, SECOND, Graph, Plan, make_tables
from bredband.display import show
from bredband.region import BuildoutSettings, Prices
from bredband.settings_backbone import BackboneSettings
from bredband.tables import least_certain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Backbone:
    """A plan to connect places.

    Attributes
    ----------
    stretches : GeoDataFrame
        ``tables_backbone.STRETCHES``: new ones by priority, then existing ones; lines in the
        region's metric CRS, straight where links were followed.
    places : GeoDataFrame
        ``tables_backbone.PLACES`` in the order given; points.
    cuts : DataFrame
        ``tables_backbone.CUTS``.
    joining_sek, joining_bound_sek : float
        Cost of the stretches that join places, and what no such network costs less than,
        SEK.
    total_sek, total_bound_sek : float
        The same with second ways, for the places that have two ways then.
    after_joining_bound_sek : float
        As ``total_bound_sek`` where the stretches that join places are as they are: what is
        above it is due to the search for second ways, what is below it to joining first.
    roots : str
        Why the backbone's places are those: ``chosen``, ``fibre``, ``municipality`` or
        ``largest``.
    along : str
        roads, links or straight.
    links_left_out, links_short : int
        Links on the same road as shorter ones; links said to be shorter than the straight
        line between their ends, which is used instead.
    """

    stretches: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    cuts: pd.DataFrame
    joining_sek: float
    joining_bound_sek: float
    total_sek: float
    after_joining_bound_sek: float
    total_bound_sek: float
    roots: str
    along: str
    links_left_out: int
    links_short: int

    def _repr_html_(self) -> str:
        return show(self)


def plan_backbone(
    places: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | None = None,
    *,
    links: gpd.GeoDataFrame | None = None,
    fibre: gpd.GeoDataFrame | None = None,
    settings: BackboneSettings | None = None,
    buildout: BuildoutSettings | None = None,
    prices: Prices | None = None,
    seconds: float = 10.0,
) -> Backbone:
    """Join places to the backbone at least cost, and find who lies behind a single cut.

    Parameters
    ----------
    places : GeoDataFrame
        Points or polygons in a metric CRS: ``locality_code``, ``locality_name``,
        ``population`` and/or ``households``; ``municipality_code`` if known.
    roads : GeoDataFrame, optional
        Lines with ``road_class``, same CRS.
    links : GeoDataFrame, optional
        Lines from point to point with ``road_m`` (true length, m) and, if known,
        ``existing``; followed instead of roads.
    fibre : GeoDataFrame, optional
        Existing routes along roads, same CRS.
    settings : BackboneSettings, optional
        ``[backbone]`` of region.toml. With ``along`` straight, neither roads nor links are
        needed.
    buildout : BuildoutSettings, optional
        How roads are joined and where no trench is laid.
    prices : Prices, optional
        Used where ``settings.price`` is roads.
    seconds : float
        At most this long for each of: the tree, its proof; the bound of the whole.

    Returns
    -------
    Backbone
        Places that cannot be joined are listed with the reason, never dropped.

    Raises
    ------
    EmptyLayerError, MissingColumnError, DuplicateIdsError, BadValueError, GeometryError,
    NoCrsError, NotMetricError
        Something is wrong with a layer: what, where, what to do.
    """
    settings = settings or BackboneSettings()
    table = read_places(places, settings)
    along = "links" if links is not None else settings.along
    net = _lay_net(table, roads, links, fibre, along, settings, buildout, prices)
    is_root, why = _choose_roots(table, net, settings)
    graph = _label(net, is_root)

    wanted = table["counted"].to_numpy() & (graph.node >= 0) & ~is_root
    at = np.maximum(graph.node, 0)
    goal = np.unique(graph.part[at[wanted]])
    new = np.flatnonzero(~net.existing)
    tree = steiner_tree(
        graph.part[graph.tail[new]],
        graph.part[graph.head[new]],
        graph.cost[new],
        goal,
        roots=[graph.part[graph.root]],
        time_limit=seconds,
    )
    kind = np.where(net.existing, EXISTING, -1)
    kind[new[tree.edges]] = FIRST
    second = _find_second(net, graph, kind, wanted, table["households"].to_numpy(), settings)
    if second is not None:
        kind = np.where(second.route >= 0, SECOND + second.route, kind)
    plan = Plan(
        table, net, graph, kind, wanted, is_root, second, settings,
        _provenance(table, along, roads if along == "roads" else links, fibre),
    )  # fmt: skip
    total = float(graph.cost[kind >= FIRST].sum())
    after_joining, bound = tree.cost, tree.lower_bound
    if second is not None and second.cost.size:
        free = np.where(kind == FIRST, 0.0, graph.cost)
        after_joining += _bound(plan, free, seconds)
        bound = max(bound, _bound(plan, graph.cost, seconds))
    stretches, places_, cuts = make_tables(plan)
    return Backbone(
        stretches=stretches,
        places=places_,
        cuts=cuts,
        joining_sek=tree.cost,
        joining_bound_sek=tree.lower_bound,
        total_sek=total,
        after_joining_bound_sek=min(after_joining, total),
        total_bound_sek=min(bound, total),
        roots=why,
        along=along,
        links_left_out=net.left_out,
        links_short=net.short,
    )


def _bound(plan: Plan, cost: Floats, seconds: float) -> float:
    """Bound what it costs to give each place the ways that it has in the plan."""
    graph, there = plan.graph, plan.kind >= 0
    ways = count_ways(graph.size, graph.tail[there], graph.head[there], graph.root)
    return bound_cost(
        graph.size,
        graph.tail,
        graph.head,
        cost,
        root=graph.root,
        node=graph.node,
        ways=np.where(plan.wanted, ways[np.maximum(graph.node, 0)], 0),
        seconds=seconds,
    )


def _provenance(
    table: pd.DataFrame, along: str, ways: pd.DataFrame | None, fibre: pd.DataFrame | None
) -> str:
    """Give the mark of the least certain of what the plan rests on."""
    marks = set(table["provenance"].unique())
    for layer in (ways, fibre):
        if layer is not None and "provenance" in layer:
            marks |= set(layer["provenance"].unique())
    if along == "straight":
        marks.add("synthetic")
    return least_certain(marks)


def _lay_net(
    table: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | None,
    links: gpd.GeoDataFrame | None,
    fibre: gpd.GeoDataFrame | None,
    along: str,
    settings: BackboneSettings,
    buildout: BuildoutSettings | None,
    prices: Prices | None,
) -> Net:
    if along == "straight" and links is None:
        counted = table[table["counted"]]
        links = straight_links(counted["x"], counted["y"], crs=table.crs, detour=settings.detour)
        settings = settings.model_copy(update={"same_road": 0.0})
        if links.empty:  # a place alone: nothing to dig
            links = gpd.GeoDataFrame(
                {"road_m": [1.0]},
                geometry=[shapely.LineString([(table["x"].iloc[0], table["y"].iloc[0])] * 2)],
                crs=table.crs,
            )
    if links is not None:
        return net_along_links(links, table, settings=settings)
    if roads is None:
        msg = "there are neither roads nor links to follow"
        fix = 'give roads, or links with --links, or write along = "straight" under [backbone]'
        raise MissingColumnError(msg, where="backbone", fix=fix)
    return net_along_roads(
        roads,
        table,
        fibre=fibre,
        settings=settings,
        buildout=buildout or BuildoutSettings(),
        prices=prices or Prices(),
    )


def _choose_roots(table: pd.DataFrame, net: Net, settings: BackboneSettings) -> tuple[Bools, str]:
    """Find the places that the backbone comes to from outside, and say why these."""
    able = (net.node >= 0) & table["counted"].to_numpy()
    if settings.with_backbone:
        chosen, why = choose_places(table, settings.with_backbone), "chosen"
    else:
        tail, head = net.label[net.tail[net.existing]], net.label[net.head[net.existing]]
        part = label_parts(int(net.label.max()) + 1, tail, head)
        at = net.label[np.maximum(net.node, 0)]
        on_fibre = able & np.isin(at, np.concatenate([tail, head]))
        municipality = table["municipality_code"].to_numpy()
        if on_fibre.any():
            group, able, why = part[at], on_fibre, "fibre"
        elif (municipality != "").any():
            group, why = pd.factorize(municipality)[0], "municipality"
        else:
            group, why = np.zeros(len(table), np.int64), "largest"
        chosen = np.zeros(len(table), np.bool_)
        order = np.flatnonzero(able)
        size = table["population"].to_numpy()[order]
        order = order[np.lexsort((order, -size, group[order]))]
        chosen[order[np.unique(group[order], return_index=True)[1]]] = True
    if not (chosen & (net.node >= 0)).any():
        msg = "none of the places with backbone lies within reach of a road or link"
        fix = "raise max_distance_m under [backbone], or name other places in with_backbone"
        raise BadValueError(msg, where=WHERE, fix=fix)
    return chosen, why


def _label(net: Net, is_root: Bools) -> Graph:
    """Make one node of each place's fibre, and one of all places with backbone."""
    label = net.label.copy()
    top = label[net.node[is_root & (net.node >= 0)]]
    label[np.isin(label, top)] = top.min()
    label = np.unique(label, return_inverse=True)[1].reshape(-1).astype(np.int64)
    tail, head = label[net.tail], label[net.head]
    size = int(label.max()) + 1
    return Graph(
        size=size,
        tail=tail,
        head=head,
        cost=net.length * net.price * ~net.existing,
        root=int(label[net.node[is_root & (net.node >= 0)][0]]),
        node=np.where(net.node >= 0, label[np.maximum(net.node, 0)], -1),
        part=label_parts(size, tail[net.existing], head[net.existing]),
    )


def _find_second(
    net: Net,
    graph: Graph,
    kind: Ints,
    wanted: Bools,
    households: Floats,
    settings: BackboneSettings,
) -> SecondWays | None:
    if not settings.second_route:
        return None
    network = kind >= 0
    return find_second_ways(
        graph.size,
        graph.tail,
        graph.head,
        graph.cost,
        network=network,
        usable=~network & ~runs_beside(net, network, settings.apart_m),
        root=graph.root,
        node=np.where(wanted, graph.node, -1),
        weight=households,
        worth=settings.worth_sek_per_household,
    )
