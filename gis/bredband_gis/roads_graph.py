"""The road graph: nodes and edges as arrays, and what they are cut from.

Everything about roads is arrays over all vertices or all edges at once; nothing loops
over roads or premises. Which of two things comes first is settled by coordinates, not by
row numbers: the same roads in another order give the same graph, nodes and all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from bredband_gis.trees import SegmentTree

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray
    from pyproj import CRS

    from bredband_gis.points import LineVertices

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

CENTIMETRE = 0.01
"""Vertices that agree to the centimetre are one, and so are feet along an edge."""

TINY = 1e-5
"""Metres: below what lengths summed over a country's roads can tell apart."""


@dataclass(frozen=True, eq=False)
class RoadGraph:
    """Nodes and edges of a road network.

    Two nodes can have several edges between them, and an edge can lead from a node
    back to itself (a roundabout that nothing else touches).

    Attributes
    ----------
    x, y : array of float64, shape (nodes,)
        Coordinates of the nodes (m). Where snapping joined ends, an edge's own end can
        lie up to the snapping distance away.
    tail, head : array of int64, shape (edges,)
        Node at each edge's start and stop.
    length : array of float64, shape (edges,)
        Metres along the road, in the plane of the CRS.
    line : array of int64, shape (edges,)
        Position of the edge's row in the roads table.
    start, stop : array of float64, shape (edges,)
        Metres along that row's geometry; start < stop. The parts of a multiline
        follow each other without gap.
    fibre : array of bool, shape (edges,)
        Existing fibre follows this edge from end to end.
    fibre_node : array of bool, shape (nodes,)
        The existing network can be tapped here.
    crs : pyproj.CRS
        A projected CRS in metres.
    source : LineVertices
        The vertices of the roads table, which the edges are cut from.
    """

    x: Floats
    y: Floats
    tail: Ints
    head: Ints
    length: Floats
    line: Ints
    start: Floats
    stop: Floats
    fibre: Bools
    fibre_node: Bools
    crs: CRS
    source: LineVertices = field(repr=False)

    def geometry(self, edges: ArrayLike | None = None) -> NDArray[np.object_]:
        """Cut the edges' lines, tail to head, out of the roads.

        Parameters
        ----------
        edges : array of int or bool, optional
            Numbers of the edges, or a mask over all; default all of them.

        Returns
        -------
        array of LineString
            One per edge asked for.
        """
        xy, first = edge_vertices(self, edges)
        owner = np.repeat(np.arange(first.size - 1), np.diff(first))
        lines: NDArray[np.object_] = (
            shapely.linestrings(xy, indices=owner) if owner.size else np.empty(0, dtype=object)
        )
        return lines

    def components(self) -> NDArray[np.int64]:
        """Label the nodes by the connected part of the network that they lie in.

        Returns
        -------
        array of int64, shape (nodes,)
            Labels from 0, in the order of each part's first node.
        """
        return connected(self.x.size, self.tail, self.head)


def list_components(
    graph: RoadGraph, nodes: ArrayLike = (), *, starts: ArrayLike | None = None
) -> pd.DataFrame:
    """List the connected parts of the network and what each of them holds.

    Parameters
    ----------
    graph : RoadGraph
        The road network.
    nodes : array of int
        Nodes of things on it, as ``Attachment.node``; -1 is none and is not counted.
    starts : array of bool, shape (nodes,), optional
        Where new trench may start; default ``graph.fibre_node``.

    Returns
    -------
    DataFrame
        One row per part, the label of :meth:`RoadGraph.components` as index:
        ``nodes``, ``edges``, ``length_m``, ``fibre_m`` (of it, with existing fibre, m),
        ``starts``, ``points`` (of ``nodes``), and ``x``, ``y`` of the node nearest to the
        mean of its nodes (CRS of the graph).
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    label = graph.components()
    size = int(label.max(initial=-1)) + 1
    of_edge = label[graph.tail]
    held = np.asarray(nodes, dtype=np.int64)
    may_start = graph.fibre_node if starts is None else np.asarray(starts, dtype=bool)
    count = np.bincount(label, minlength=size)
    away = np.hypot(
        *(
            values - (np.bincount(label, values, size) / count)[label]
            for values in (graph.x, graph.y)
        )
    )
    order = np.lexsort((graph.y, graph.x, away, label))
    middle = order[changes(label[order])]
    return pd.DataFrame(
        {
            "nodes": count,
            "edges": np.bincount(of_edge, minlength=size),
            "length_m": np.bincount(of_edge, graph.length, size),
            "fibre_m": np.bincount(of_edge, graph.length * graph.fibre, size),
            "starts": np.bincount(label[may_start], minlength=size),
            "points": np.bincount(label[held[held >= 0]], minlength=size),
            "x": graph.x[middle],
            "y": graph.y[middle],
        }
    ).rename_axis("component")


class Edges(NamedTuple):
    """The edges' vertices and straight segments.

    xy, first: the vertices, and where each edge's begin. run: metres from the first
    vertex of all. tree: over the segments; edge, measure: of each segment, its edge
    and the metres along it to the segment's beginning; ux, uy: its direction.
    """

    xy: Floats
    first: Ints
    run: Floats
    tree: SegmentTree
    edge: Ints
    measure: Floats
    ux: Floats
    uy: Floats


def read_edges(graph: RoadGraph) -> Edges:
    """Take the graph's edges apart into vertices and straight segments."""
    xy, first = edge_vertices(graph)
    owner = np.repeat(np.arange(first.size - 1), np.diff(first))
    steps = np.diff(xy, axis=0) if owner.size else np.empty((0, 2))
    size = np.hypot(*steps.T)
    size[owner[1:] != owner[:-1]] = 0.0
    run = np.zeros(owner.size)
    np.cumsum(size, out=run[1:])
    tail = np.flatnonzero(size > 0)
    tree = SegmentTree(*xy[tail].T, *xy[tail + 1].T)
    ux, uy = steps[tail].T / size[tail]
    edge = owner[tail]
    return Edges(xy, first, run, tree, edge, run[tail] - run[first[edge]], ux, uy)


def edge_vertices(graph: RoadGraph, edges: ArrayLike | None = None) -> tuple[Floats, Ints]:
    """Cut edges out of the roads: their vertices, and where each edge's begin and end."""
    line, start, stop = graph.line, graph.start, graph.stop
    if edges is not None:
        wanted = np.asarray(edges)
        wanted = wanted if wanted.dtype == bool else wanted.astype(np.int64)
        line, start, stop = line[wanted], start[wanted], stop[wanted]
    source = graph.source
    begin, end = source.origin[line] + start, source.origin[line] + stop
    # Vertices strictly inside, by the metres from the first vertex of all; where a part
    # ends and the next begins at the same metre, the sides say which one is meant.
    inner = np.searchsorted(source.run, begin + TINY, side="right")
    after = np.searchsorted(source.run, end - TINY, side="left")
    count = np.maximum(after - inner, 0)
    first = np.zeros(line.size + 1, dtype=np.int64)
    np.cumsum(count + 2, out=first[1:])
    xy = np.empty((first[-1], 2))
    xy[first[:-1]] = interpolate(source.xy, source.run, inner - 1, begin)
    xy[first[1:] - 1] = interpolate(source.xy, source.run, after - 1, end)
    xy[ranges(first[:-1] + 1, count)] = source.xy[ranges(inner, count)]
    return xy, first


def interpolate(xy: Floats, run: Floats, before: Ints, at: Floats) -> Floats:
    """Give the coordinates at a metre, which lies in the segment after vertex ``before``."""
    step = run[before + 1] - run[before]
    share = np.divide(at - run[before], step, out=np.zeros(at.size), where=step > 0)
    share = np.clip(share, 0.0, 1.0)[:, np.newaxis]
    # Written so that 0 and 1 give the vertices themselves.
    there: Floats = xy[before] * (1 - share) + xy[before + 1] * share
    return there


# --- arrays ------------------------------------------------------------------------


def changes(values: NDArray[Any]) -> Bools:
    """Tell which values differ from the one before; the first does."""
    fresh = np.ones(values.size, dtype=bool)
    fresh[1:] = values[1:] != values[:-1]
    return fresh


def ranges(start: Ints, count: Ints) -> Ints:
    """Give start, start + 1, ... count numbers in all, one such range after the other."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if ends.size else 0
    numbers: Ints = np.arange(total) + np.repeat(start - ends + count, count)
    return numbers


def between(first: Ints, last: Ints, size: int) -> Bools:
    """Tell which of 0 ... size - 1 lie in one of the ranges, ends included."""
    depth = np.bincount(first, minlength=size + 1) - np.bincount(last + 1, minlength=size + 1)
    inside: Bools = np.cumsum(depth)[:size] > 0
    return inside


def connected(size: int, one: Ints, other: Ints) -> Ints:
    """Label 0 ... size - 1 by what pairs connect them."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - slow to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    if not size:
        return np.empty(0, dtype=np.int64)
    links = coo_array((np.ones(one.size), (one, other)), shape=(size, size))
    labels: Ints = connected_components(links, directed=False)[1].astype(np.int64)
    return labels
