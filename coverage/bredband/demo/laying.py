"""Made-up fibre along roads that exist, from the middle outward, until enough have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import BadValueError, EmptyLayerError, MissingColumnError
from bredband_gis.roads import build_graph
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

if TYPE_CHECKING:
    import numpy.typing as npt

    from bredband.demo.terrain import Bools, Floats, Ints

NO_FIBRE_ROADS: Final = ("motorway", "motorway_link", "steps", "corridor", "elevator", "path")
"""Road classes that no fibre is laid along where another way exists: they cost tenfold."""

_TAKE_UP = 0.9
"""Share of the households on a street with fibre that are connected; the others are passed."""

_REACH_M = 1_000.0
"""A premises farther than this from every road is never connected, m."""


_CELL_M = 400.0
"""The densest part is the square of this size with the most households, m."""


@dataclass(frozen=True)
class Spread:
    """How fibre would spread over a road network.

    Attributes
    ----------
    key : ndarray of float64
        Per line, the cost to have laid fibre to its end; inf where it cannot come. Whoever
        takes all lines up to a key, with :meth:`with_paths`, gets a network in one piece
        with its roots.
    line_before : ndarray of int64
        Per node, the line that fibre comes along; -1 at a root or where none comes.
    near, far : ndarray of int64
        Per line, the end that fibre comes from, and the other.
    """

    key: Floats
    line_before: Ints
    near: Ints
    far: Ints

    def with_paths(self, chosen: Bools) -> Bools:
        """Add the lines that lead from the roots to the chosen ones."""
        laid = chosen.copy()
        front = np.unique(self.near[chosen])
        while len(front):
            line = self.line_before[front]
            line = line[line >= 0]
            line = np.unique(line[~laid[line]])
            laid[line] = True
            front = np.unique(self.near[line])
        return laid


def spread_fibre(tail: Ints, head: Ints, cost: Floats, roots: Ints, start: Floats) -> Spread:
    """Find in which order lines get fibre when it grows from roots at the least cost.

    Parameters
    ----------
    tail, head : ndarray of int64
        Nodes at the lines' ends.
    cost : ndarray of float64
        Cost of fibre along each line, above 0.
    roots : ndarray of int64
        Nodes where fibre begins.
    start : ndarray of float64
        Cost at each root before anything is laid: a handicap.
    """
    n = int(max(tail.max(), head.max())) + 1
    # Of several lines between two nodes the cheapest is the one to go along; a node
    # beyond the last one leads to the roots, so that each can have its own handicap.
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    order = np.lexsort([cost, high, low])
    first = np.r_[True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)]
    best = order[first]
    best = best[low[best] != high[best]]
    rows = np.r_[low[best], np.full(len(roots), n)]
    columns = np.r_[high[best], roots]
    matrix = coo_array((np.r_[cost[best], start + 1e-3], (rows, columns)), (n + 1, n + 1))
    ways, befores = dijkstra(
        matrix.tocsr(), directed=False, indices=np.array([n]), return_predecessors=True
    )
    distance, before = ways[0, :n], befores[0, :n].astype(np.int64)
    line_before = np.full(n, -1)
    reached = np.flatnonzero((before >= 0) & (before < n))
    keys = low[best] * (n + 1) + high[best]
    wanted = np.minimum(reached, before[reached]) * (n + 1) + np.maximum(reached, before[reached])
    line_before[reached] = best[np.searchsorted(keys, wanted)]
    forward = distance[tail] <= distance[head]
    near, far = np.where(forward, tail, head), np.where(forward, head, tail)
    return Spread(distance[near] + cost, line_before, near, far)


def choose_connected(households: Ints, score: Floats, target: int) -> Bools:
    """Choose buildings by score until they hold exactly, or just under, so many households.

    Parameters
    ----------
    households : ndarray of int64
        Per building, 1 or more.
    score : ndarray of float64
        The highest first.
    target : int
        Households to connect.
    """
    order = np.argsort(-score, kind="stable")
    total = np.cumsum(households[order])
    chosen = np.zeros(len(households), dtype=bool)
    sure = int(np.searchsorted(total, target, side="right"))
    chosen[order[:sure]] = True
    left = target - (int(total[sure - 1]) if sure else 0)
    for row in order[sure:]:  # a handful: the next buildings that still fit
        if left == 0:
            break
        if households[row] <= left:
            chosen[row] = True
            left -= int(households[row])
    return chosen


def lay_fibre(
    premises: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    share: float,
    *,
    seed: int,
    speed_mbit: float = 1000,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Lay made-up fibre along real roads until a share of the households is connected.

    Fibre grows along the roads from the densest part outward, dense streets sooner than
    sparse ones. On the streets it reaches nine households of ten are connected (more
    where the share asks for it); the others, and whole streets and hamlets farther out,
    are not.

    Parameters
    ----------
    premises : GeoDataFrame
        premises_id, x, y (m), households; workplaces and holiday_homes where known.
    roads : GeoDataFrame
        Lines in the same metric CRS; road_class where known.
    share : float
        Share of all households to connect, 0-1. Met to within half a point as long
        as roads lead to enough of them.
    seed : int
        The same seed, premises and roads give the same fibre.
    speed_mbit : float
        Speed of the connections, Mbit/s.

    Returns
    -------
    GeoDataFrame
        Fibre routes on the roads' own geometry: fibre_id, provenance "synthetic".
    DataFrame
        One row per connected premises: premises_id, technology "fibre", speed_mbit,
        provenance "synthetic".

    Raises
    ------
    BadValueError
        The share is not between 0 and 1.
    MissingColumnError
        A column of the premises is missing.
    EmptyLayerError
        There are no roads or no households.
    """
    if not 0 <= share <= 1:
        msg = f"the share of households to connect must lie between 0 and 1, not {share}"
        raise BadValueError(msg, fix="give e.g. 0.8 for 80 percent")
    missing = [c for c in ("premises_id", "x", "y", "households") if c not in premises]
    if missing:
        msg = f"column {', '.join(missing)} is missing"
        raise MissingColumnError(msg, where="layer premises", fix="add it")
    households = premises["households"].to_numpy(dtype=np.int64)
    if not households.sum():
        msg = "no building has a household, so there is nobody to connect"
        raise EmptyLayerError(msg, where="layer premises", fix="check the column households")
    rng = np.random.default_rng(seed)
    graph = build_graph(roads)
    if not len(graph.tail):
        msg = "there is no road to lay fibre along"
        raise EmptyLayerError(msg, where="layer roads", fix="check the layer")
    lines = graph.geometry()
    xy = premises[["x", "y"]].to_numpy(dtype=np.float64)
    line = nearest_street(xy, lines)
    at_road = line >= 0
    by_line = np.bincount(line[at_road], weights=households[at_road], minlength=len(lines))
    # A sparse street costs up to five times as much as a dense one before it is chosen.
    density = by_line / np.maximum(graph.length, 50) * 1000
    cost = np.maximum(graph.length, 0.1) * (1 + 4 * np.exp(-density / 15))
    if "road_class" in roads:
        road_class = roads["road_class"].to_numpy()[graph.line]
        cost = cost * np.where(np.isin(road_class, NO_FIBRE_ROADS), 10, 1)
    roots, start = _find_roots(xy, households, line, graph.tail, graph.components(), cost)
    spread = spread_fibre(graph.tail, graph.head, cost, roots, start)

    total = int(households.sum())
    target = round(share * total)
    take_up = min(1.0, max(_TAKE_UP, share + 0.05))
    order = np.argsort(spread.key, kind="stable")
    enough = np.cumsum(by_line[order])
    count = int(np.searchsorted(enough, min(target / take_up, enough[-1]) - 1e-9)) + 1
    served = np.zeros(len(lines), dtype=bool)
    if target:
        served[order[:count]] = by_line[order[:count]] > 0
    laid = spread.with_paths(served)
    connected = _connect(premises, at_road & laid[line], target, take_up, rng)

    routes = merge_routes(lines[laid])
    fibre = gpd.GeoDataFrame(
        {"fibre_id": np.arange(len(routes)), "provenance": "synthetic"},
        geometry=routes,
        crs=roads.crs,
    )
    coverage = pd.DataFrame(
        {
            "premises_id": premises["premises_id"].to_numpy()[connected],
            "technology": "fibre",
            "speed_mbit": float(speed_mbit),
            "provenance": "synthetic",
        }
    )
    return fibre, coverage


def _connect(
    premises: pd.DataFrame, on_fibre: Bools, target: int, take_up: float, rng: np.random.Generator
) -> Bools:
    """Choose whom on the streets with fibre to connect: so many households, and others."""
    households = premises["households"].to_numpy(dtype=np.int64)
    # Flats nearly always are connected; among houses it is chance.
    score = rng.uniform(size=len(premises)) + 0.5 * (households > 2)
    candidates = np.flatnonzero(on_fibre & (households > 0))
    chosen = choose_connected(households[candidates], score[candidates], target)
    connected = np.zeros(len(premises), dtype=bool)
    connected[candidates[chosen]] = True
    for column, chance in (("workplaces", take_up), ("holiday_homes", 0.4)):
        if column in premises:
            others = on_fibre & (households == 0) & (premises[column].to_numpy() > 0)
            connected |= others & (rng.uniform(size=len(premises)) < chance)
    return connected


def nearest_street(
    xy: Floats, lines: npt.NDArray[np.object_], *, max_distance_m: float = _REACH_M
) -> Ints:
    """Find the nearest line to each point, -1 where none is within reach."""
    tree = shapely.STRtree(lines)
    point, found = tree.query_nearest(
        shapely.points(xy), max_distance=max_distance_m, all_matches=False
    )
    line = np.full(len(xy), -1)
    line[point] = found
    return line


def merge_routes(lines: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Put lines that follow each other together into fewer, longer ones."""
    if not len(lines):
        return np.empty(0, dtype=object)
    parts = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(list(lines))))
    # In a fixed order, whatever order the merge gives them in.
    bounds = shapely.bounds(parts)
    order = np.lexsort([shapely.length(parts), bounds[:, 1], bounds[:, 0]])
    return np.asarray(parts[order])


def _find_roots(
    xy: Floats, households: Ints, line: Ints, tail: Ints, piece: Ints, cost: Floats
) -> tuple[Ints, Floats]:
    """Find where fibre begins: the densest spot, then that of each piece cut off from it.

    The pieces come last, the largest first: each has a handicap beyond every way on the
    network before it.
    """
    used = np.flatnonzero((line >= 0) & (households > 0))
    _, cell = np.unique(np.floor(xy[used] / _CELL_M), axis=0, return_inverse=True)
    crowd = np.bincount(cell, weights=households[used])[cell]
    own = piece[tail[line[used]]]
    weight = np.bincount(own, weights=households[used], minlength=piece.max() + 1)
    order = np.lexsort([-crowd, own])
    first = order[np.r_[True, np.diff(own[order]) != 0]]
    # The piece that holds the densest spot of all goes first.
    rank = np.lexsort([-weight[own[first]], own[first] != own[np.argmax(crowd)]])
    roots = tail[line[used[first[rank]]]]
    return roots, np.arange(len(roots), dtype=np.float64) * (cost.sum() + 1)
