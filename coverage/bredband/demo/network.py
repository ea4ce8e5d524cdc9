"""Made-up roads: streets joined over the mesh, from highways down to forest tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import shapely
from bredband_gis.points import locate
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial import cKDTree

from bredband.demo.terrain import MESH_M, find_nearest

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from bredband.demo.places import Streets
    from bredband.demo.terrain import Bools, Floats, Ints, Land

ROAD_CLASSES: Final = (
    "",
    "primary",
    "secondary",
    "tertiary",
    "unclassified",
    "residential",
    "service",
    "track",
)
"""OpenStreetMap's highway values, the most important first; a class is its position here."""

PRIMARY, SECONDARY, TERTIARY, UNCLASSIFIED, RESIDENTIAL, SERVICE, TRACK = range(1, 8)

_ROADLESS_M = 2_400.0
"""Radius of the ground around a road network that is cut off from the rest, m."""


_ACROSS_M = 600.0
"""Localities with streets this near each other are linked directly, m."""

_LINK = 200_000.0
"""A second way between two localities is built only where it costs less than this many metres
of road on flat valley ground."""


@dataclass
class Net:
    """Every place where a road could run, and which of them have one.

    Attributes
    ----------
    x, y : ndarray of float64
        Nodes: first the streets', then the mesh's, m.
    tail, head : ndarray of int64
        Edges.
    cost : ndarray of float64
        Cost of building a road along the edge.
    road : ndarray of int64
        Class of the road on the edge, 0 none.
    place : ndarray of int64
        Locality whose street the edge is, -1 none.
    """

    x: Floats
    y: Floats
    tail: Ints
    head: Ints
    cost: Floats
    road: Ints
    place: Ints

    def __post_init__(self) -> None:
        n = len(self.x)
        low, high = np.minimum(self.tail, self.head), np.maximum(self.tail, self.head)
        self._order = np.argsort(low * n + high)
        self._keys = (low * n + high)[self._order]

    def edges_between(self, a: Ints, b: Ints) -> Ints:
        """Find the edge between each pair of neighbouring nodes."""
        key = np.minimum(a, b) * len(self.x) + np.maximum(a, b)
        return self._order[np.searchsorted(self._keys, key)]

    def matrix(self, cost: Floats) -> csr_array:
        """Give the symmetric matrix of the edges with a finite cost."""
        n, ok = len(self.x), np.isfinite(cost)
        a, b, c = self.tail[ok], self.head[ok], cost[ok]
        return coo_array((np.r_[c, c], (np.r_[a, b], np.r_[b, a])), (n, n)).tocsr()

    def connected(self) -> Bools:
        """Say which nodes have a road."""
        found = np.zeros(len(self.x), dtype=bool)
        on = self.road > 0
        found[self.tail[on]] = True
        found[self.head[on]] = True
        return found


def join(streets: Streets, land: Land, places: gpd.GeoDataFrame) -> Net:
    """Put streets and mesh together: the mesh stays outside the localities and meets them.

    Parameters
    ----------
    streets : Streets
        From :func:`bredband.demo.places.lay_streets`.
    land : Land
        From :func:`bredband.demo.terrain.make_land`.
    places : GeoDataFrame
        Outlines of the localities.
    """
    outside = locate(land.x, land.y, shapely.buffer(places.geometry, 60)) < 0
    number = np.cumsum(outside) - 1 + len(streets.x)
    kept = outside[land.tail] & outside[land.head]
    tail, head = land.tail[kept], land.head[kept]
    # An edge over a locality would cross its streets without meeting them. Only edges with
    # both ends near one can.
    by = locate(land.x, land.y, shapely.buffer(places.geometry, 1.5 * MESH_M)) >= 0
    near = np.flatnonzero(by[tail] & by[head])
    ends = np.stack([land.x[[tail[near], head[near]]].T, land.y[[tail[near], head[near]]].T], 2)
    tree = shapely.STRtree(places.geometry.to_numpy())
    crossing = near[np.unique(tree.query(shapely.linestrings(ends), predicate="intersects")[0])]
    tail, head = np.delete(tail, crossing), np.delete(head, crossing)
    length = np.hypot(land.x[tail] - land.x[head], land.y[tail] - land.y[head])
    mesh_cost = length * (land.cost[tail] + land.cost[head]) / 2

    xs, ys = land.x[outside], land.y[outside]
    distance, nearest = find_nearest(np.column_stack([streets.x, streets.y]), xs, ys)
    linked = np.flatnonzero(distance < 1.3 * MESH_M)
    from_street, to_street = _between_places(streets)
    link_tail = np.concatenate([linked + len(streets.x), from_street])
    link_head = np.concatenate([nearest[linked], to_street])
    across = np.hypot(
        streets.x[from_street] - streets.x[to_street], streets.y[from_street] - streets.y[to_street]
    )
    link_cost = np.concatenate([distance[linked], across]) * 1.1
    street = np.hypot(
        streets.x[streets.tail] - streets.x[streets.head],
        streets.y[streets.tail] - streets.y[streets.head],
    )
    edges = len(streets.tail)
    total = edges + len(link_tail) + len(tail)
    place = np.full(total, -1)
    place[:edges] = streets.place[streets.tail]
    road = np.zeros(total, dtype=np.int64)
    road[:edges] = RESIDENTIAL
    return Net(
        x=np.concatenate([streets.x, xs]),
        y=np.concatenate([streets.y, ys]),
        tail=np.concatenate([streets.tail, link_tail, number[tail]]),
        head=np.concatenate([streets.head, link_head, number[head]]),
        cost=np.concatenate([street * 0.8, link_cost, mesh_cost]),
        road=road,
        place=place,
    )


def _between_places(streets: Streets) -> tuple[Ints, Ints]:
    """Find the shortest links between neighbouring localities.

    A suburb can have the town all around it, and no mesh in between.
    """
    tree = cKDTree(np.column_stack([streets.x, streets.y]))
    a, b = tree.query_pairs(_ACROSS_M, output_type="ndarray").T
    apart = streets.place[a] != streets.place[b]
    a, b = a[apart], b[apart]
    length = np.hypot(streets.x[a] - streets.x[b], streets.y[a] - streets.y[b])
    one, other = streets.place[a], streets.place[b]
    pair = np.minimum(one, other) * (streets.place.max() + 1) + np.maximum(one, other)
    order = np.lexsort([b, a, length, pair])
    first = np.r_[True, np.diff(pair[order]) > 0][: len(order)]
    return a[order[first]], b[order[first]]


def build_roads(
    net: Net,
    streets: Streets,
    places: pd.DataFrame,
    *,
    gates: Floats,
    hamlets: Ints,
    forest: Ints,
    islands: Ints,
    rng: np.random.Generator,
) -> Ints:
    """Build roads on the net, class by class; ``net.road`` is filled in.

    Parameters
    ----------
    net : Net
        From :func:`join`.
    streets : Streets
        The localities' streets.
    places : DataFrame
        population and segment per locality.
    gates : ndarray of float64, shape (n, 2)
        Points at the border that highways lead to.
    hamlets, forest : ndarray of int64
        Nodes that a road (unclassified) or a forest track must reach.
    islands : ndarray of int64
        Nodes in the middle of ground that no road from elsewhere may enter; each gets
        a small network of its own.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray of int64
        Edges of the backbone, the highways between the larger localities.
    """
    mesh = np.arange(len(streets.x), len(net.x))
    tree = cKDTree(np.column_stack([net.x[mesh], net.y[mesh]]))
    zone = np.full(len(net.x), -1)
    for number, node in enumerate(islands):
        xy = [net.x[node], net.y[node]]
        zone[mesh[tree.query_ball_point(xy, _ROADLESS_M)]] = number
    barred = (zone[net.tail] >= 0) | (zone[net.head] >= 0)
    cost = np.where(barred, np.inf, net.cost)

    large = places["population"].to_numpy() >= 900
    town = places["segment"].to_numpy() == "tätort"
    gate_nodes = mesh[find_nearest(np.column_stack([net.x[mesh], net.y[mesh]]), *gates.T)[1]]
    backbone = _interlink(net, cost, streets.centre[large])
    net.road[backbone] = PRIMARY
    joined = np.zeros(len(net.x), dtype=bool)
    joined[net.tail[backbone]] = joined[net.head[backbone]] = True
    joined[: len(streets.x)] |= large[streets.place]
    _grow(net, cost, joined, gate_nodes, PRIMARY)
    _grow(net, cost, joined, streets.centre[town & ~large], SECONDARY)
    joined[: len(streets.x)] |= town[streets.place]
    _grow(net, cost, joined, streets.centre[~town], TERTIARY)
    joined[: len(streets.x)] = True
    _loop(net, cost, joined, streets.centre)

    _grow(net, cost, net.connected(), hamlets[zone[hamlets] < 0], UNCLASSIFIED)
    # Spurs: one mesh edge off a country road, to a node without road.
    has = net.connected()
    spur = np.flatnonzero((net.road == 0) & np.isfinite(cost) & (has[net.tail] ^ has[net.head]))
    spur = rng.choice(spur, min(len(spur), 2_600), replace=False)
    free = np.where(has[net.tail[spur]], net.head[spur], net.tail[spur])
    spur = spur[np.unique(free, return_index=True)[1]]
    net.road[spur] = SERVICE
    _grow(net, cost, net.connected(), forest[zone[forest] < 0], TRACK)

    for number, node in enumerate(islands):
        inside = zone == number
        own = np.where(inside[net.tail] & inside[net.head], net.cost, np.inf)
        near = np.flatnonzero(
            inside & (np.hypot(net.x - net.x[node], net.y - net.y[node]) < _ROADLESS_M * 0.65)
        )
        start = np.zeros(len(net.x), dtype=bool)
        start[node] = True
        _grow(net, own, start, rng.choice(near, min(6, len(near)), replace=False), UNCLASSIFIED)
    return backbone


def _grow(net: Net, cost: Floats, sources: Bools, targets: Ints, road: int) -> None:
    """Lead a road of this class from each target to the nearest source, sharing what it can."""
    if not len(targets):
        return
    before = sources.copy()
    distance, predecessor, _ = dijkstra(
        net.matrix(cost),
        directed=False,
        indices=np.flatnonzero(sources),
        min_only=True,
        return_predecessors=True,
    )
    edges = _climb(
        net, predecessor.astype(np.int64), targets[np.isfinite(distance[targets])], before
    )
    raised = edges[(net.road[edges] == 0) | (net.road[edges] > road)]
    net.road[raised] = road
    sources[net.tail[edges]] = sources[net.head[edges]] = True


def _climb(net: Net, predecessor: Ints, nodes: Ints, stop: Bools) -> Ints:
    """Collect the edges from nodes back to where the search began."""
    seen = stop.copy()
    front = np.unique(nodes[~seen[nodes]])
    found = []
    while len(front):
        seen[front] = True
        before = predecessor[front]
        found.append(net.edges_between(front, before))
        front = np.unique(before[~seen[before]])
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _bridges(net: Net, cost: Floats, hubs: Ints) -> tuple[Ints, Ints, Floats, Ints, Ints]:
    """For each pair of neighbouring hubs, the edge over which their cheapest way leads."""
    distance, predecessor, source = dijkstra(
        net.matrix(cost), directed=False, indices=hubs, min_only=True, return_predecessors=True
    )
    a, b = source[net.tail], source[net.head]
    way = distance[net.tail] + cost + distance[net.head]
    between = np.flatnonzero((a != b) & (a >= 0) & (b >= 0) & np.isfinite(way))
    low, high = np.minimum(a, b)[between], np.maximum(a, b)[between]
    order = np.lexsort([way[between], high, low])
    between, low, high = between[order], low[order], high[order]
    first = np.r_[True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])]
    between = between[first]
    return low[first], high[first], way[between], between, predecessor.astype(np.int64)


def _interlink(net: Net, cost: Floats, hubs: Ints) -> Ints:
    """Join the hubs by the cheapest tree, and by more ways where the tree is a long detour."""
    low, high, way, edge, predecessor = _bridges(net, cost, hubs)
    position = np.full(len(net.x), -1)
    position[hubs] = np.arange(len(hubs))
    a, b, n = position[low], position[high], len(hubs)
    tree = minimum_spanning_tree(coo_array((way, (a, b)), (n, n))).tocoo()
    chosen = np.isin(a * n + b, tree.row.astype(np.int64) * n + tree.col)
    by_tree = dijkstra(tree, directed=False)[a, b]
    for pair in np.argsort(way):
        if not chosen[pair] and way[pair] < _LINK and by_tree[pair] > 2.4 * way[pair]:
            chosen[pair] = True
            links = coo_array((way[chosen], (a[chosen], b[chosen])), (n, n)).tocsr()
            by_tree = dijkstra(links, directed=False)[a, b]
    edge = edge[chosen]
    ends = np.concatenate([net.tail[edge], net.head[edge]])
    stop = np.zeros(len(net.x), dtype=bool)
    stop[hubs] = True
    return np.unique(np.concatenate([edge, _climb(net, predecessor, ends, stop)]))


def _loop(net: Net, cost: Floats, joined: Bools, centres: Ints) -> None:
    """Close loops: a tertiary road between neighbours whose way on the roads is a long detour."""
    low, high, way, edge, predecessor = _bridges(net, cost, centres)
    on = net.road > 0
    roads = net.matrix(np.where(on, net.cost, np.inf))
    starts, place = np.unique(low, return_inverse=True)
    reached = dijkstra(roads, directed=False, indices=starts, limit=150_000)
    detour = reached[place, high] / way
    far = (detour > 2.8) & (way < 60_000)
    ends = np.concatenate([net.tail[edge[far]], net.head[edge[far]]])
    edges = np.concatenate([edge[far], _climb(net, predecessor, ends, joined)])
    net.road[edges[net.road[edges] == 0]] = TERTIARY


def draw_roads(net: Net, backbone: Ints, *, crs: str) -> gpd.GeoDataFrame:
    """Draw the roads as curved lines from junction to junction.

    Parameters
    ----------
    net : Net
        With its roads built.
    backbone : ndarray of int64
        Edges that the backbone follows.
    crs : str
        CRS of the nodes.

    Returns
    -------
    GeoDataFrame
        road_class, place (position of the locality, -1 in the country), backbone, and tail
        and head (net nodes at the line's ends). Lines meet at their ends only.
    """
    on = np.flatnonzero(net.road > 0)
    tail, head = net.tail[on], net.head[on]
    along = np.isin(on, backbone)
    kind = (net.road[on] * 2 + along) * (net.place.max() + 2) + net.place[on]
    n, m = len(net.x), len(on)
    # A node that two edges of one kind meet at, and nothing else, lies within a line.
    ends, owner = np.concatenate([tail, head]), np.tile(np.arange(m), 2)
    order = np.argsort(ends, kind="stable")
    ends, owner = ends[order], owner[order]
    degree = np.bincount(ends, minlength=n)
    first = np.flatnonzero(np.r_[True, ends[1:] != ends[:-1]])
    first = first[degree[ends[first]] == 2]
    one, two = owner[first], owner[first + 1]
    same = kind[one] == kind[two]
    one, two = one[same], two[same]
    _, chain = connected_components(coo_array((np.ones(len(one)), (one, two)), (m, m)))
    edges = shapely.linestrings(np.stack([net.x[[tail, head]].T, net.y[[tail, head]].T], axis=2))
    line = chain.astype(np.int64)
    order, start, merged = _merge(edges, line)
    # A ring begins anywhere, so the junction that it hangs on may not be its end: its
    # edges stay as they are.
    ring = shapely.is_closed(merged)
    if ring.any():
        line = np.where(ring[line], len(merged) + np.arange(m), line)
        line = np.unique(line, return_inverse=True)[1].astype(np.int64)
        order, start, merged = _merge(edges, line)
    sample = on[order[start]]
    first_xy, last_xy = _ends(merged)
    nodes = np.column_stack([net.x, net.y])
    curved = _curve(merged, net.place[sample] < 0)
    return gpd.GeoDataFrame(
        {
            "road_class": np.array(ROAD_CLASSES, dtype=object)[net.road[sample]],
            "place": net.place[sample],
            "backbone": along[order[start]],
            "tail": find_nearest(nodes, *first_xy.T)[1],
            "head": find_nearest(nodes, *last_xy.T)[1],
        },
        geometry=curved,
        crs=crs,
    )


def _merge(
    edges: npt.NDArray[np.object_], line: Ints
) -> tuple[Ints, Ints, npt.NDArray[np.object_]]:
    """Merge the edges of each line; give their order, where each line starts, and the lines."""
    order = np.argsort(line, kind="stable")
    start = np.flatnonzero(np.r_[True, np.diff(line[order]) > 0])
    parts = shapely.multilinestrings(edges[order], indices=line[order])
    return order, start, shapely.line_merge(parts)


def _ends(lines: npt.NDArray[np.object_]) -> tuple[Floats, Floats]:
    first = shapely.get_coordinates(shapely.get_point(lines, 0))
    return first, shapely.get_coordinates(shapely.get_point(lines, -1))


def _curve(lines: npt.NDArray[np.object_], country: Bools) -> npt.NDArray[np.object_]:
    """Round the corners of country roads (Chaikin's corner cutting, twice); ends stay."""
    for _ in range(2):
        xy, line = shapely.get_coordinates(lines, return_index=True)
        inner = np.flatnonzero(line[1:] == line[:-1])
        a, b, owner = xy[inner], xy[inner + 1], line[inner]
        first = np.flatnonzero(np.r_[True, line[1:] != line[:-1]])
        last = np.r_[first[1:] - 1, len(line) - 1]
        quarter, rest = 0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b
        cut = np.concatenate([xy[first], quarter, rest, xy[last]])
        owner_all = np.concatenate([line[first], owner, owner, line[last]])
        place = np.concatenate(
            [np.full(len(first), -1), 2 * inner, 2 * inner + 1, np.full(len(last), 2 * len(xy))]
        )
        order = np.lexsort([place, owner_all])
        rounded = shapely.linestrings(cut[order], indices=owner_all[order])
        lines = np.where(country, rounded, lines)
    return lines
