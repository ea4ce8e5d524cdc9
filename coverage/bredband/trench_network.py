"""What trench may follow: road edges and ways over land as one network, priced.

An edge may pass several kinds of ground. It is one edge for the search, at the sum of what
its pieces cost; once chosen it becomes a row of trench for each piece.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.points import line_vertices
from bredband_gis.surface import Spans, cut_spans

if TYPE_CHECKING:
    from bredband_gis.overland import Ways
    from bredband_gis.roads import RoadGraph
    from bredband_gis.steiner import RootedTree
    from numpy.typing import NDArray

    from bredband.ground import LinePrices

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Weight(NamedTuple):
    """What the search counts: ``of_cost`` x cost + ``per_m`` x metres."""

    of_cost: float
    per_m: float

    def weigh(self, cost: Floats, metres: Floats) -> Floats:
        """Give the weight of edges."""
        if not self.per_m:  # in proportion to the cost
            return cost
        return self.of_cost * cost + self.per_m * metres


@dataclass(frozen=True, eq=False)
class TrenchNetwork:
    """Edges that trench may follow: those of the roads, then ways over land.

    Attributes
    ----------
    graph : RoadGraph
        The roads.
    road : DataFrame
        Per row of the roads table: road_class, surface, price_sek_per_m.
    on_roads : LinePrices or None
        Prices along the rows of the roads table; None where the surface alone sets them.
    tail, head : array of int64
        Nodes of each edge; those of the graph come first.
    length, cost : array of float64
        Metres and SEK of each edge; inf where there may be no trench.
    ways : Ways or None
        Ways over land.
    on_ways : LinePrices or None
        Prices along them.
    nodes : int
        How many nodes there are.
    """

    graph: RoadGraph
    road: pd.DataFrame
    on_roads: LinePrices | None
    tail: Ints
    head: Ints
    length: Floats
    cost: Floats
    ways: Ways | None
    on_ways: LinePrices | None
    nodes: int


def network_of_roads(
    graph: RoadGraph, road: pd.DataFrame, on_roads: LinePrices | None
) -> TrenchNetwork:
    """Price the edges of a road graph.

    Parameters
    ----------
    graph : RoadGraph
        The roads.
    road : DataFrame
        Per row of the roads table: road_class, surface, price_sek_per_m.
    on_roads : LinePrices, optional
        Prices along the rows of the roads table.
    """
    cost = graph.length * road["price_sek_per_m"].to_numpy()[graph.line]
    if on_roads is not None:
        cut = _cut_edges(graph, on_roads)
        price = on_roads.table["price_sek_per_m"].to_numpy()[on_roads.stretches.code[cut.row]]
        cost = np.bincount(cut.owner, (cut.stop - cut.start) * price, graph.tail.size)
    return TrenchNetwork(
        graph=graph,
        road=road,
        on_roads=on_roads,
        tail=graph.tail,
        head=graph.head,
        length=graph.length,
        cost=cost,
        ways=None,
        on_ways=None,
        nodes=graph.x.size,
    )


def add_ways(
    network: TrenchNetwork, ways: Ways, on_ways: LinePrices, node: Ints, *, nodes: int
) -> TrenchNetwork:
    """Add ways over land to a network of roads.

    Parameters
    ----------
    network : TrenchNetwork
        Of roads.
    ways : Ways
        The ways.
    on_ways : LinePrices
        Prices along them.
    node : array of int
        The network's node for each node of the ways.
    nodes : int
        How many nodes there are then.
    """
    stretches = on_ways.stretches
    price = on_ways.table["price_sek_per_m"].to_numpy()[stretches.code]
    length = np.bincount(stretches.line, stretches.length, ways.line.size)
    cost = np.bincount(stretches.line, stretches.length * price, ways.line.size)
    return replace(
        network,
        tail=np.append(network.tail, node[ways.tail]),
        head=np.append(network.head, node[ways.head]),
        length=np.append(network.length, length),
        cost=np.append(network.cost, cost),
        ways=ways,
        on_ways=on_ways,
        nodes=nodes,
    )


class TrenchRows(NamedTuple):
    """Trench row by row, parents before children."""

    owner: Ints
    """Position in the tree of the edge that each row is a part of."""
    table: pd.DataFrame
    """from_node, to_node, length_m, road_class, surface, ground, ground_factor,
    price_sek_per_m, cost_sek."""
    line: NDArray[np.object_]


def lay_trench(network: TrenchNetwork, tree: RootedTree) -> TrenchRows:
    """Give the rows of the trench that follows a tree's edges.

    Parameters
    ----------
    network : TrenchNetwork
        What the tree is part of.
    tree : RootedTree
        Positions of edges, pointing away from the root.

    Returns
    -------
    TrenchRows
        An edge is parted where the ground changes; between its parts are nodes of their own.
    """
    roads = network.graph.tail.size
    on_road = np.flatnonzero(tree.edges < roads)
    over_land = np.flatnonzero(tree.edges >= roads)
    parts = [_road_rows(network, on_road, tree.edges[on_road])]
    if over_land.size:
        parts.append(_way_rows(network, over_land, tree.edges[over_land] - roads))
    owner = np.concatenate([part.owner for part in parts])
    table = pd.concat([part.table for part in parts], ignore_index=True)
    line = np.concatenate([part.line for part in parts])
    if table.empty or (len(parts) == 1 and owner.size == tree.edges.size):
        order = np.arange(owner.size)
    else:
        forward = tree.from_node == network.tail[tree.edges]
        along = np.arange(owner.size)
        order = np.lexsort((np.where(forward[owner], along, -along), owner))
    owner, table, line = owner[order], table.iloc[order].reset_index(drop=True), line[order]
    # Between the parts of an edge are new nodes.
    last = np.ones(owner.size, dtype=bool)
    last[:-1] = owner[1:] != owner[:-1]
    to = tree.to_node[owner]
    to[~last] = network.nodes + np.arange(int((~last).sum()))
    begin = tree.from_node[owner]
    begin[1:][~last[:-1]] = to[:-1][~last[:-1]]
    table.insert(0, "from_node", begin)
    table.insert(1, "to_node", to)
    return TrenchRows(owner, table, line)


def _cut_edges(graph: RoadGraph, prices: LinePrices) -> Spans:
    return cut_spans(prices.stretches, graph.source, graph.line, graph.start, graph.stop)


def _road_rows(network: TrenchNetwork, owner: Ints, edges: Ints) -> TrenchRows:
    graph, prices = network.graph, network.on_roads
    road = network.road.iloc[graph.line[edges]].reset_index(drop=True)
    if prices is None:
        table = pd.DataFrame(
            {
                "length_m": graph.length[edges],
                "road_class": road["road_class"],
                "surface": road["surface"],
                "ground": "",
                "ground_factor": 1.0,
                "price_sek_per_m": road["price_sek_per_m"],
                "cost_sek": network.cost[edges],
            }
        )
        return TrenchRows(owner, table, graph.geometry(edges))
    part = replace(graph, line=graph.line[edges], start=graph.start[edges], stop=graph.stop[edges])
    cut = _cut_edges(part, prices)
    line = replace(part, line=part.line[cut.owner], start=cut.start, stop=cut.stop).geometry()
    table = _priced(prices, cut).assign(road_class=road["road_class"].to_numpy()[cut.owner])
    return TrenchRows(owner[cut.owner], table[list(_COLUMNS)], line)


def _way_rows(network: TrenchNetwork, owner: Ints, ways: Ints) -> TrenchRows:
    assert network.ways is not None  # noqa: S101 - there are no such edges otherwise
    assert network.on_ways is not None  # noqa: S101
    length = network.length[network.graph.tail.size :][ways]
    part = replace(
        network.graph,
        line=ways,
        start=np.zeros(ways.size),
        stop=length,
        source=line_vertices(network.ways.line),
    )
    cut = cut_spans(network.on_ways.stretches, part.source, part.line, part.start, part.stop)
    line = replace(part, line=ways[cut.owner], start=cut.start, stop=cut.stop).geometry()
    return TrenchRows(owner[cut.owner], _priced(network.on_ways, cut)[list(_COLUMNS)], line)


_COLUMNS = (
    "length_m", "road_class", "surface", "ground", "ground_factor", "price_sek_per_m", "cost_sek",
)  # fmt: skip


def _priced(prices: LinePrices, cut: Spans) -> pd.DataFrame:
    table = prices.table.iloc[prices.stretches.code[cut.row]].reset_index(drop=True)
    length = cut.stop - cut.start
    return table.assign(length_m=length, cost_sek=length * table["price_sek_per_m"])
