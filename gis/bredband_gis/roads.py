"""A road network as a graph: nodes where roads truly meet, premises and fibre on its edges.

The graph itself is in ``roads_graph.py``, how it is made of lines in ``roads_noding.py``,
how fibre is laid along it in ``roads_fibre.py``; what is of use elsewhere can be had here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from bredband_gis.errors import BadValueError
from bredband_gis.points import plain_coordinates, plain_distance
from bredband_gis.roads_fibre import NO_FIBRE, Fibre, TapRule, follow
from bredband_gis.roads_graph import (
    CENTIMETRE,
    Edges,
    RoadGraph,
    changes,
    interpolate,
    list_components,
    read_edges,
)
from bredband_gis.roads_noding import build_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    import shapely
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Attachment", "RoadGraph", "TapRule", "attach", "build_graph", "list_components"]


@dataclass(frozen=True, eq=False)
class Attachment:
    """A graph with points and fibre on it.

    Attributes
    ----------
    graph : RoadGraph
        The graph, its edges split where points or ends of fibre meet it. The nodes
        that it had before keep their numbers.
    node : array of int64, shape (points,)
        Node of each point; -1 where no edge is within reach.
    distance : array of float64, shape (points,)
        Metres from the point to the road; nan where no edge is within reach.
    fibre_on_road_m, fibre_off_road_m : float
        Metres of the fibre lines that follow a road, and that follow none.
    """

    graph: RoadGraph
    node: Ints
    distance: Floats
    fibre_on_road_m: float = 0.0
    fibre_off_road_m: float = 0.0


def attach(
    graph: RoadGraph,
    x: ArrayLike,
    y: ArrayLike,
    *,
    max_distance: float,
    fibre_lines: Sequence[shapely.Geometry] | NDArray[Any] | None = None,
    fibre_snap_m: float = 40.0,
    tap: TapRule = "anywhere",
) -> Attachment:
    """Hang points on the nearest point of a road, and lay existing fibre along the roads.

    The tap rule says which nodes on the fibre become ``fibre_node``. They are all joined
    to each other by what exists, so moving between them costs nothing.

    - "anywhere": every node on the fibre, also one that a point has made, and where a
      route off the roads crosses a road or is nearest to one.
    - "nodes": nodes that ``graph`` had before (crossings, dead ends, where a line ends),
      and where a route ends at a road, leaves it or comes to it. A point beside the fibre
      is not on it: its trench runs along the road to the next such node.
    - "never": none. The edges are marked ``fibre`` all the same.

    Parameters
    ----------
    graph : RoadGraph
        The road network.
    x, y : array of float, shape (points,)
        Coordinates in the graph's CRS.
    max_distance : float
        Points farther (m) from every road stay without a node.
    fibre_lines : sequence of LineString or MultiLineString, optional
        Routes of existing fibre in the graph's CRS. An edge that one follows becomes
        ``fibre``; a route that only crosses a road makes a node there that can be
        tapped. The edge is split where the fibre begins and ends.
    fibre_snap_m : float
        How far from a road (m) fibre may lie and still follow it. The default, 40 m,
        spans a wide road reserve and a generalised route.
    tap : {"anywhere", "nodes", "never"}
        Where the routes can be tapped. Nodes that could be tapped before still can.

    Returns
    -------
    Attachment
        The points' order does not matter to the graph.

    Raises
    ------
    BadValueError
        A coordinate or a distance is not a number, or there is no such tap rule.
    GeometryError
        ``fibre_lines`` holds something else than lines.
    """
    reach, snap_m = plain_distance(max_distance), plain_distance(fibre_snap_m)
    px, py = plain_coordinates(x, y)
    if tap not in get_args(TapRule):
        msg = f"tap is {tap!r}"
        raise BadValueError(msg, fix=f"give one of {', '.join(get_args(TapRule))}")
    edges = read_edges(graph)
    hit = edges.tree.nearest(px, py, max_distance=reach)
    reached = hit.segment >= 0
    segment = hit.segment[reached]
    edge, measure = edges.edge[segment], edges.measure[segment] + hit.along[reached]

    fibre = NO_FIBRE if fibre_lines is None else follow(graph, edges, fibre_lines, snap_m, tap)
    split, at = _split(
        graph,
        edges,
        np.concatenate([edge, fibre.edge, fibre.edge, fibre.tap_edge]),
        np.concatenate([measure, fibre.begin, fibre.end, fibre.tap]),
        fibre,
    )
    node = np.full(px.size, -1, dtype=np.int64)
    node[reached] = at[: edge.size]
    split.fibre_node[at[at.size - fibre.tap.size :]] = True
    if tap == "nodes":
        split.fibre_node[at[edge.size :]] = True
    if tap != "never":
        on_fibre = np.concatenate([split.tail[split.fibre], split.head[split.fibre]])
        within = split.x.size if tap == "anywhere" else graph.x.size
        split.fibre_node[on_fibre[on_fibre < within]] = True
    distance = np.where(reached, hit.distance, np.nan)
    return Attachment(split, node, distance, fibre.on_road_m, fibre.off_road_m)


def _split(
    graph: RoadGraph, edges: Edges, edge: Ints, measure: Floats, fibre: Fibre
) -> tuple[RoadGraph, Ints]:
    """Split edges at places along them; give the node at each place."""
    length = graph.length[edge]
    at_tail = measure <= CENTIMETRE
    at_head = ~at_tail & (measure >= length - CENTIMETRE)
    node = np.where(at_tail, graph.tail[edge], graph.head[edge])
    inside = np.flatnonzero(~at_tail & ~at_head)
    order = inside[np.lexsort((measure[inside], edge[inside]))]
    fresh = changes(edge[order])
    fresh[1:] |= np.diff(measure[order]) > CENTIMETRE
    node[order] = graph.x.size + np.cumsum(fresh) - 1
    cut_edge, cut = edge[order][fresh], measure[order][fresh]
    new = graph.x.size + np.arange(cut.size)

    pieces = np.bincount(cut_edge, minlength=graph.tail.size) + 1
    owner = np.repeat(np.arange(pieces.size), pieces)
    after = np.arange(cut.size) + cut_edge + 1
    low, high = np.zeros(owner.size), graph.length[owner]
    tail, head = graph.tail[owner], graph.head[owner]
    low[after], high[after - 1] = cut, cut
    tail[after], head[after - 1] = new, new
    stop = graph.start[owner] + high
    last = np.cumsum(pieces) - 1
    stop[last] = graph.stop

    at = edges.run[edges.first[cut_edge]] + cut
    before = np.searchsorted(edges.run, at, side="right") - 1
    before = np.clip(before, edges.first[cut_edge], edges.first[cut_edge + 1] - 2)
    x, y = interpolate(edges.xy, edges.run, before, at).T
    covered = graph.fibre[owner] | fibre.covers(owner, (low + high) / 2, graph.length)
    split = replace(
        graph,
        x=np.append(graph.x, x),
        y=np.append(graph.y, y),
        tail=tail,
        head=head,
        length=high - low,
        line=graph.line[owner],
        start=graph.start[owner] + low,
        stop=stop,
        fibre=covered,
        fibre_node=np.append(graph.fibre_node, np.zeros(cut.size, dtype=bool)),
    )
    return split, node
