"""Least-cost ways over land from places that no road reaches, to roads and to each other.

Regions are grown around all places at once on a grid of prices, until each has met the
roads; where two regions meet, the way between their places is a candidate as well (the
graph of Mehlhorn). With the cheapest way of each place to the network, whoever's region it
leads through, they hold a cheapest tree of all ways between the places. Ways are then
straightened, since a way from cell to cell is up to 2.8 % longer than a straight one,
and where ways run together they are given a second time in shared parts: a Steiner search
over roads and ways can so dig a common part once.

References
----------
Mehlhorn, K. (1988). A faster approximation algorithm for the Steiner problem in graphs.
Information Processing Letters 27, 125-128.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import shapely
from scipy.sparse import coo_array, csgraph

from bredband_gis.errors import BadValueError
from bredband_gis.points import nearest_line
from bredband_gis.roads_graph import changes, connected
from bredband_gis.steiner_edges import cheapest_parallel
from bredband_gis.surface import Grid, Stretches, lay_on_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from bredband_gis.roads_graph import RoadGraph

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

MOST_CELLS: Final = 25_000_000
"""Cells of one window; about 2 GB."""

NEAR_M: Final = 1000.0
"""Metres by which a window reaches farther than twice the straight distance to a road."""

_ALONG: Final = 25
"""Cells: a road is met at most once in such a stretch by the ways of one place, besides where
something else hangs on it."""

_MEETINGS: Final = 64
"""Ways of one place to roads, those that lead on most cheaply."""

_LOOK_BACK: Final = 64
"""Vertices that straightening looks back at, besides the first."""


class Friction(NamedTuple):
    """What a metre costs in each cell of a grid, and what the cell is."""

    price: Floats
    """Shape (rows, columns); inf is closed."""
    code: Ints
    """Shape (rows, columns): for whoever prices the ways."""


@dataclass(frozen=True, eq=False)
class Ways:
    """Ways over land between nodes: places, points of roads, and junctions.

    Attributes
    ----------
    x, y : array of float64, shape (nodes,)
        Coordinates, m.
    place : array of int64, shape (nodes,)
        Position of the place that a node is; -1 for others.
    on_road : array of bool, shape (nodes,)
        The node lies on a road of the graph.
    tail, head : array of int64, shape (ways,)
        Nodes at both ends.
    line : array of LineString, shape (ways,)
        From tail to head.
    stretches : Stretches
        The ways cut where the code of the ground changes.
    closed : array of int64
        Positions of places that stand in a closed cell.
    """

    x: Floats
    y: Floats
    place: Ints
    on_road: Bools
    tail: Ints
    head: Ints
    line: NDArray[np.object_]
    stretches: Stretches
    closed: Ints


def find_ways(
    graph: RoadGraph,
    x: ArrayLike,
    y: ArrayLike,
    ground: Callable[[Grid, Ints], Friction],
    *,
    cost: ArrayLike,
    existing: ArrayLike,
    wanted: ArrayLike,
    cell_m: float,
    max_m: float,
) -> Ways:
    """Find candidates of ways over land for places off the roads and for roads cut off.

    Parameters
    ----------
    graph : RoadGraph
        The roads.
    x, y : array of float, shape (places,)
        Places that no road reaches, in the CRS of the graph.
    ground : callable
        Gives the friction of a grid; the second argument are cells, row by row, that a
        place or a road lies in.
    cost : array of float, shape (edges,)
        What trench along each edge costs; inf where there may be none.
    existing : array of bool, shape (nodes,)
        Where there is a network already.
    wanted : array of int
        Nodes that are to be joined to it. Where roads do not lead there, their part of the
        road network is joined over land as a whole.
    cell_m : float
        Side of the cells, m. What is narrower may be missed. Cells begin at whole
        multiples of it.
    max_m : float
        No way leads to a place or road farther away than this, as the crow flies, m. It may
        itself be longer.

    Returns
    -------
    Ways
        A way from a place to the network costs no more than the straight line between
        the same two points, where that is open. What leads farther around than
        ``2 x distance + NEAR_M`` is looked for only where there is nothing else.

    Raises
    ------
    BadValueError
        A window would have more cells than memory holds.
    """
    places = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    problem = _set_up(graph, *places, np.asarray(cost), existing, wanted, cell_m, max_m)
    found: list[_Found] = []
    for wide in (False, True):
        boxes = _boxes(problem, _lost(problem, found), wide=wide)
        found += [_search(problem, window, ground) for window in _windows(boxes, cell_m)]
    return _assemble(found, places[0].size)


class _Problem(NamedTuple):
    """What is to be joined. Groups are the places, then the parts of the roads cut off.

    cost: per edge. beyond: per node, what it costs from there to what exists. wanted: nodes
    that something hangs on. part: per node, the group that it belongs to as a part cut off,
    -1 for none. groups: how many. edge: those of the network and of parts cut off. home:
    which of them hang together with what exists. line, box: of each of them, its line and
    the box around it.
    """

    graph: RoadGraph
    x: Floats
    y: Floats
    cost: Floats
    beyond: Floats
    wanted: Ints
    part: Ints
    groups: int
    cell_m: float
    max_m: float
    edge: Ints
    home: Bools
    line: NDArray[np.object_]
    box: Floats


def _set_up(
    graph: RoadGraph,
    x: Floats,
    y: Floats,
    cost: Floats,
    existing: ArrayLike,
    wanted: ArrayLike,
    cell_m: float,
    max_m: float,
) -> _Problem:
    size = graph.x.size
    open_ = np.flatnonzero(np.isfinite(cost))
    tail, head = graph.tail[open_], graph.head[open_]
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    one = cheapest_parallel(low, high, cost[open_], size)
    # What costs nothing is told from what is not there.
    weight = np.maximum(cost[open_][one], np.finfo(float).tiny)
    links = coo_array((weight, (low[one], high[one])), shape=(size, size)).tocsr()
    roots = np.flatnonzero(np.asarray(existing, dtype=bool))
    beyond = np.full(size, np.inf)
    if roots.size:
        beyond = csgraph.dijkstra(links, directed=False, indices=roots, min_only=True)
    label = connected(size, tail, head)
    goal = np.asarray(wanted, dtype=np.int64)
    cut_off = np.unique(label[goal[np.isinf(beyond[goal])]])
    place = np.full(int(label.max(initial=-1)) + 1, -1, dtype=np.int64)
    place[cut_off] = np.arange(cut_off.size) + x.size
    part = place[label]
    edge = open_[np.isfinite(beyond[tail]) | (part[tail] >= 0)]
    line = graph.geometry(edge)
    return _Problem(
        graph=graph,
        x=x,
        y=y,
        cost=cost,
        beyond=beyond,
        wanted=goal,
        part=part,
        groups=x.size + cut_off.size,
        cell_m=cell_m,
        max_m=max_m,
        edge=edge,
        home=np.isfinite(beyond[graph.tail[edge]]),
        line=line,
        box=shapely.bounds(line).reshape(-1, 4),
    )


# --- windows -----------------------------------------------------------------------


def _boxes(problem: _Problem, groups: Ints, *, wide: bool) -> Floats:
    """Give west, south, east and north of where to look for some groups, several for each."""
    graph, most = problem.graph, problem.max_m
    node = np.flatnonzero(np.isin(problem.part, groups))
    group = np.concatenate([groups[groups < problem.x.size], problem.part[node]])
    x = np.concatenate([problem.x[group[: group.size - node.size]], graph.x[node]])
    y = np.concatenate([problem.y[group[: group.size - node.size]], graph.y[node]])
    distance = nearest_line(x, y, problem.line[problem.home], max_distance=most).distance
    nearest = np.full(problem.groups, np.inf)
    np.minimum.at(nearest, group, distance)
    reach = np.minimum(2 * nearest + NEAR_M, most)[group]
    # Of a part of the network only what may be its nearest counts.
    near = (distance <= reach) | np.isinf(nearest[group])
    if wide:
        near &= reach < most
        reach[:] = most
    x, y, reach = x[near], y[near], reach[near]
    return np.column_stack([x - reach, y - reach, x + reach, y + reach])


def _windows(boxes: Floats, cell_m: float) -> list[tuple[Grid, Floats]]:
    """Put boxes that overlap into one window each; give the grid and the boxes."""
    if not len(boxes):
        return []
    shapes = shapely.box(*boxes.T)
    one, other = shapely.STRtree(shapes).query(shapes)
    label = connected(len(boxes), one, other)
    windows = []
    for number in range(int(label.max()) + 1):
        mine = boxes[label == number]
        # Around it a rim that is closed.
        west, south = np.floor(mine[:, :2].min(axis=0) / cell_m) - 2
        east, north = np.ceil(mine[:, 2:].max(axis=0) / cell_m) + 2
        rows, columns = int(north - south), int(east - west)
        if rows * columns > MOST_CELLS:
            msg = (
                f"a window over land would have {rows * columns / 1e6:.0f} million cells of"
                f" {cell_m:g} m"
            )
            fix = "raise cell_m, or lower max_overland_m, under [ground]"
            raise BadValueError(msg, fix=fix)
        windows.append((Grid(west * cell_m, north * cell_m, cell_m, rows, columns), mine))
    return windows


def _lost(problem: _Problem, found: list[_Found]) -> Ints:
    """Give the groups that no ways join to what exists so far."""
    home = problem.groups
    pairs = np.concatenate([np.empty((0, 2), np.int64), *(one.joined for one in found)])
    pairs[pairs < 0] = home
    label = connected(home + 1, *pairs.T)
    shut = np.concatenate([np.empty(0, np.int64), *(one.closed for one in found)])
    lost = np.flatnonzero(label[:home] != label[home])
    return lost[~np.isin(lost, shut)]


# --- one window --------------------------------------------------------------------


class _Ends(NamedTuple):
    """What ways can begin or end at, one row per cell and group.

    cell: row by row. group: -1 for roads that hang together with what exists. x, y: where
    exactly. stretch: number of the stretch of road, of which one end is enough. beyond: cost
    from there on.
    """

    cell: Ints
    group: Ints
    x: Floats
    y: Floats
    stretch: Ints
    beyond: Floats

    def those(self, which: Bools) -> _Ends:
        """Give some of the rows."""
        return self._replace(**{name: getattr(self, name)[which] for name in self._fields})

    def and_also(self, others: _Ends) -> _Ends:
        """Give these rows and then others."""
        return self._replace(
            **{
                name: np.concatenate([getattr(self, name), getattr(others, name)])
                for name in self._fields
            }
        )


class _Grown(NamedTuple):
    """The regions of a window; see ``overland_paths.grow``."""

    grid: Grid
    price: Floats
    starts: _Ends
    ends: _Ends
    number: NDArray[np.int32]
    group: Ints
    enough: Floats
    cost: Floats
    label: NDArray[np.int32]
    came: NDArray[np.int8]


class _Way(NamedTuple):
    """A way: cells, and what it begins and ends at, rows of all ends of a window."""

    cells: Ints
    first: int
    last: int


class _Found(NamedTuple):
    """The ways of one window.

    x, y, group: of the nodes; group -1 for roads that hang together with what exists, -2
    for junctions. first, last: nodes of each way. joined: pairs of groups. closed: places
    that stand in a closed cell.
    """

    x: Floats
    y: Floats
    group: Ints
    first: Ints
    last: Ints
    line: NDArray[np.object_]
    stretches: Stretches
    joined: Ints
    closed: Ints


def _search(
    problem: _Problem,
    window: tuple[Grid, Floats],
    ground: Callable[[Grid, Ints], Friction],
) -> _Found:
    """Find the ways in one window."""
    from bredband_gis import overland_paths as paths  # noqa: PLC0415 - numba takes a second

    grid, boxes = window
    places, roads = _places_in(problem, grid), _roads_in(problem, grid)
    cut_off, ends = roads.those(roads.group >= 0), roads.those(roads.group < 0)
    starts = places.and_also(cut_off)
    friction = ground(grid, np.unique(np.concatenate([starts.cell, ends.cell])))
    price = np.where(_covered(grid, boxes), friction.price, np.inf)
    number = np.full(grid.rows * grid.columns, -1, dtype=np.int32)
    number[ends.cell] = np.arange(ends.cell.size)
    groups, mine = np.unique(starts.group, return_inverse=True)
    grown = _Grown(
        grid=grid,
        price=price,
        starts=starts,
        ends=ends,
        number=number,
        group=mine.astype(np.int64),
        enough=np.full(groups.size, np.inf),
        cost=np.full(price.size, np.inf),
        label=np.full(price.size, -1, dtype=np.int32),
        came=np.full(price.size, -1, dtype=np.int8),
    )
    # Prices are per metre, moves are in cells.
    paths.grow(
        price.ravel(), grid.columns, number, ends.beyond / grid.cell_m, starts.cell,
        grown.group, problem.max_m / grid.cell_m, grown.enough, grown.cost, grown.label, grown.came,
    )  # fmt: skip
    ways = [*_to_roads(grown, problem.max_m), *_between(grown), *_same_cell(grown), *_direct(grown)]
    both = starts.and_also(ends)
    ways = [
        way
        for way in ways
        if np.hypot(both.x[way.first] - both.x[way.last], both.y[way.first] - both.y[way.last])
        <= problem.max_m
    ]
    shut = places.group[~np.isfinite(price.ravel()[places.cell])]
    return _lay_out(grown, both, ways, friction.code, shut)


def _covered(grid: Grid, boxes: Floats) -> Bools:
    """Tell which cells lie in one of the boxes."""
    covered = np.zeros((grid.rows, grid.columns), dtype=bool)
    left = np.floor((boxes[:, 0] - grid.west) / grid.cell_m).astype(np.int64)
    right = np.ceil((boxes[:, 2] - grid.west) / grid.cell_m).astype(np.int64)
    top = np.floor((grid.north - boxes[:, 3]) / grid.cell_m).astype(np.int64)
    bottom = np.ceil((grid.north - boxes[:, 1]) / grid.cell_m).astype(np.int64)
    for a, b, c, d in zip(top, bottom, left, right, strict=True):
        covered[a:b, c:d] = True
    return covered


def _places_in(problem: _Problem, grid: Grid) -> _Ends:
    column = np.floor((problem.x - grid.west) / grid.cell_m).astype(np.int64)
    row = np.floor((grid.north - problem.y) / grid.cell_m).astype(np.int64)
    inside = (column >= 0) & (column < grid.columns) & (row >= 0) & (row < grid.rows)
    place = np.flatnonzero(inside)
    return _Ends(
        cell=row[place] * grid.columns + column[place],
        group=place,
        x=problem.x[place],
        y=problem.y[place],
        stretch=np.full(place.size, -1),
        beyond=np.full(place.size, np.inf),
    )


def _roads_in(problem: _Problem, grid: Grid) -> _Ends:
    """Give the cells that roads cross; of several of a group the one with most metres there."""
    graph, box = problem.graph, problem.box
    west, south, east, north = grid.bounds
    near = (box[:, 0] < east) & (box[:, 2] > west) & (box[:, 1] < north) & (box[:, 3] > south)
    wanted, home, lines = problem.edge[near], problem.home[near], problem.line[near]
    cells = np.arange(grid.rows * grid.columns, dtype=np.int64).reshape(grid.rows, grid.columns)
    laid = lay_on_grid(lines, cells, west=grid.west, north=grid.north, cell_m=grid.cell_m)
    inside = laid.code >= 0
    line, cell = laid.line[inside], laid.code[inside]
    metres, middle = laid.length[inside], (laid.start + laid.stop)[inside] / 2
    edge = wanted[line]
    group = np.where(home[line], -1, problem.part[graph.tail[edge]])
    order = np.lexsort((edge, -metres, group, cell))
    order = order[changes(cell[order]) | changes(group[order])]
    cell, group, edge, line = cell[order], group[order], edge[order], line[order]
    middle = middle[order]
    foot = shapely.line_interpolate_point(lines[line], middle)
    share, cost = middle / graph.length[edge], problem.cost[edge]
    further = np.minimum(
        problem.beyond[graph.tail[edge]] + share * cost,
        problem.beyond[graph.head[edge]] + (1 - share) * cost,
    )
    # Where something hangs on the road already is an end that may not be left out.
    column = np.floor((graph.x[problem.wanted] - west) / grid.cell_m)
    row = np.floor((north - graph.y[problem.wanted]) / grid.cell_m)
    hung = np.isin(cell, (row * grid.columns + column)[(column >= 0) & (column < grid.columns)])
    along = np.floor((graph.start[edge] + middle) / (_ALONG * grid.cell_m)).astype(np.int64)
    stretch = np.unique(
        np.column_stack([graph.line[edge], along, np.where(hung, cell, -1)]),
        axis=0,
        return_inverse=True,
    )[1].ravel()
    return _Ends(cell, group, shapely.get_x(foot), shapely.get_y(foot), stretch, further)


def _to_roads(grown: _Grown, most_m: float) -> list[_Way]:
    """Give the ways from each place to the roads that it may be joined to."""
    from bredband_gis import overland_paths as paths  # noqa: PLC0415 - numba takes a second

    one, other, cost = _list(grown, paths.arrivals)
    end, start = grown.number[other], grown.label[one]
    away = np.hypot(
        grown.starts.x[start] - grown.ends.x[end], grown.starts.y[start] - grown.ends.y[end]
    )
    near = away <= most_m
    one, other, cost, end, start = one[near], other[near], cost[near], end[near], start[near]
    group, stretch = grown.group[start], grown.ends.stretch[end]
    total = cost + grown.ends.beyond[end] / grown.grid.cell_m
    # Per stretch the end that is cheapest in all; of these the cheapest, and the nearest.
    order = np.lexsort((one, other, total, stretch, group))
    each = order[changes(group[order]) | changes(stretch[order])]
    each = each[np.lexsort((other[each], total[each], group[each]))]
    fresh = changes(group[each])
    rank = np.arange(each.size) - np.maximum.accumulate(np.where(fresh, np.arange(each.size), 0))
    order = np.lexsort((one, other, cost, group))
    chosen = np.union1d(each[rank < _MEETINGS], order[changes(group[order])])
    offset = grown.starts.cell.size
    ways = []
    for at in chosen:
        cells = _path(grown, int(one[at]))[::-1]
        cells = cells if one[at] == other[at] else np.append(cells, other[at])
        ways.append(_Way(cells, int(start[at]), offset + int(end[at])))
    return ways


def _between(grown: _Grown) -> list[_Way]:
    """Give the cheapest way between any two groups whose regions meet."""
    from bredband_gis import overland_paths as paths  # noqa: PLC0415 - numba takes a second

    one, other, total = _list(grown, paths.meetings)
    label = grown.label
    ends = np.sort(grown.group[np.column_stack([label[one], label[other]])], axis=1)
    order = np.lexsort((other, one, total, ends[:, 1], ends[:, 0]))
    best = order[changes(ends[order, 0]) | changes(ends[order, 1])]
    return [
        _Way(
            np.concatenate([_path(grown, int(one[at]))[::-1], _path(grown, int(other[at]))]),
            int(label[one[at]]),
            int(label[other[at]]),
        )
        for at in best
    ]


def _list(grown: _Grown, kernel: Callable[..., int]) -> tuple[Ints, Ints, Floats]:
    """Have a kernel count what it finds, and then list it: two cells and the cost."""
    about = (
        grown.price.ravel(), grown.grid.columns, grown.number, grown.group, grown.enough,
        grown.cost, grown.label,
    )  # fmt: skip
    none, nothing = np.empty(0), np.empty(0, dtype=np.int64)
    count = kernel(*about, nothing, nothing, none, False)
    one, other = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    total = np.empty(count)
    kernel(*about, one, other, total, True)
    return one, other, total


def _direct(grown: _Grown) -> list[_Way]:
    """Give the cheapest way of each place to what exists, whoever's region it leads through."""
    from bredband_gis import overland_paths as paths  # noqa: PLC0415 - numba takes a second

    if grown.enough.size < 2 or not grown.ends.cell.size:  # nobody's region is in the way
        return []
    size = grown.price.size
    target = np.full(size, -1, dtype=np.int32)
    target[grown.starts.cell] = grown.group
    cost, label = np.full(size, np.inf), np.full(size, -1, dtype=np.int32)
    came = np.full(size, -1, dtype=np.int8)
    reached = np.empty(grown.enough.size, dtype=np.int64)
    paths.spread(
        grown.price.ravel(), grown.grid.columns, grown.ends.cell,
        grown.ends.beyond / grown.grid.cell_m, target, cost, label, came, reached,
    )  # fmt: skip
    # Of the starts in a cell the one whose group the cell was marked with.
    start = np.full(size, -1, dtype=np.int64)
    start[grown.starts.cell] = np.arange(grown.starts.cell.size)
    there = grown._replace(came=came)
    offset = grown.starts.cell.size
    return [
        _Way(_path(there, int(cell)), int(start[cell]), offset + int(label[cell]))
        for cell in reached[reached >= 0]
    ]


def _same_cell(grown: _Grown) -> list[_Way]:
    """Give ways between places that stand in the same cell."""
    first = grown.label[grown.starts.cell]
    own = np.arange(first.size)
    alone = (first < 0) | (grown.starts.cell[first] != grown.starts.cell)
    apart = ~alone & (first != own) & (grown.group[first] != grown.group)
    return [_Way(grown.starts.cell[[at]], int(at), int(first[at])) for at in np.flatnonzero(apart)]


def _path(grown: _Grown, cell: int) -> Ints:
    """Give the cells from one back to the start of its region."""
    from bredband_gis import overland_paths as paths  # noqa: PLC0415 - numba takes a second

    about = grown.came, grown.grid.columns, cell
    path = np.empty(paths.trace(*about, np.empty(0, dtype=np.int64)), dtype=np.int64)
    paths.trace(*about, path)
    return path


# --- ways as lines -----------------------------------------------------------------


def _lay_out(grown: _Grown, both: _Ends, ways: list[_Way], code: Ints, shut: Ints) -> _Found:
    """Make straightened lines of ways, each by itself and in the parts that they share."""
    chains = [*ways, *_shared(ways, both.cell.size)]
    cells = np.unique([end for way in chains for end in (way.first, way.last)]).astype(np.int64)
    place = np.searchsorted(cells, [[way.first, way.last] for way in chains]).reshape(-1, 2)
    is_end = cells < both.cell.size
    junction = cells[~is_end] - both.cell.size
    grid = grown.grid
    x, y = np.empty(cells.size), np.empty(cells.size)
    x[is_end], y[is_end] = both.x[cells[is_end]], both.y[cells[is_end]]
    x[~is_end] = grid.west + (junction % grid.columns + 0.5) * grid.cell_m
    y[~is_end] = grid.north - (junction // grid.columns + 0.5) * grid.cell_m
    group = np.full(cells.size, -2)
    group[is_end] = both.group[cells[is_end]]
    line = np.array(
        [
            _straighten(grown, way.cells, x[ends], y[ends])
            for way, ends in zip(chains, place, strict=True)
        ],
        dtype=object,
    )
    joined = group[place[: len(ways)]]
    stretches = lay_on_grid(line, code, west=grid.west, north=grid.north, cell_m=grid.cell_m)
    return _Found(x, y, group, place[:, 0], place[:, 1], line, stretches, joined, shut)


def _shared(ways: list[_Way], ends: int) -> list[_Way]:
    """Part ways where they meet; the parts of those that meet none are left out.

    A junction is numbered ``ends`` + its cell.
    """
    if len(ways) < 2:
        return []
    steps = np.concatenate(
        [np.sort(np.column_stack([way.cells[:-1], way.cells[1:]]), axis=1) for way in ways]
    )
    cell, degree = np.unique(np.unique(steps, axis=0), return_counts=True)
    tips = np.unique([way.cells[at] for way in ways for at in (0, -1)])
    forks = np.setdiff1d(cell[degree > 2], tips)
    parts: dict[tuple[int, int, int, int], _Way] = {}
    for way in ways:
        inner = np.flatnonzero(np.isin(way.cells[1:-1], forks)) + 1
        if not inner.size:
            continue
        cuts = np.concatenate([[0], inner, [way.cells.size - 1]])
        names = [way.first, *(ends + way.cells[inner]), way.last]
        for n in range(cuts.size - 1):
            cells = way.cells[cuts[n] : cuts[n + 1] + 1]
            one, other = int(names[n]), int(names[n + 1])
            if one > other:
                one, other, cells = other, one, cells[::-1]
            # Two parts between the same ends differ in the cells beside these.
            parts.setdefault((one, other, int(cells[1]), int(cells[-2])), _Way(cells, one, other))
    return list(parts.values())


def _straighten(grown: _Grown, cells: Ints, x: Floats, y: Floats) -> shapely.LineString:
    """Make a line of a way: between its exact ends, with as few corners as cost the least."""
    from bredband_gis import overland_paths as paths  # noqa: PLC0415 - numba takes a second

    grid = grown.grid
    turns = np.ones(cells.size, dtype=bool)
    step = np.diff(cells)
    turns[1:-1] = step[1:] != step[:-1]
    between = cells[turns]
    begin, end = (
        ((x[at] - grid.west) / grid.cell_m, (grid.north - y[at]) / grid.cell_m) for at in (0, 1)
    )
    column = np.array([begin[0], *(between % grid.columns + 0.5), end[0]], dtype=np.float64)
    row = np.array([begin[1], *(between // grid.columns + 0.5), end[1]], dtype=np.float64)
    kept = np.empty(column.size, dtype=bool)
    paths.straighten(grown.price, column, row, kept, _LOOK_BACK)
    xy = np.column_stack([grid.west + column * grid.cell_m, grid.north - row * grid.cell_m])
    xy[0], xy[-1] = (x[0], y[0]), (x[1], y[1])
    return shapely.LineString(xy[kept])


def _assemble(found: list[_Found], places: int) -> Ways:
    """Put the windows' ways together; a place is one node however many windows it lies in."""
    count = [one.x.size for one in found]
    offset = np.cumsum([0, *count])

    def joined(name: str, empty: Any) -> Any:
        return np.concatenate([empty, *(getattr(one, name) for one in found)])

    none, nothing = np.empty(0), np.empty(0, dtype=np.int64)
    group = joined("group", nothing)
    node = np.arange(group.size)
    at_place = (group >= 0) & (group < places)
    first = np.full(places, -1, dtype=np.int64)
    first[group[at_place][::-1]] = node[at_place][::-1]
    node[at_place] = first[group[at_place]]
    used, name = np.unique(node, return_inverse=True)
    lines = np.cumsum([0, *(one.line.size for one in found)])
    tail, head = (
        name[np.concatenate([nothing, *(getattr(one, end) + o for one, o in zip(found, offset[:-1],
                                                                              strict=True))])]
        for end in ("first", "last")
    )  # fmt: skip
    parts = [one.stretches for one in found]
    stretches = Stretches(
        np.concatenate([nothing, *(s.line + o for s, o in zip(parts, lines[:-1], strict=True))]),
        np.concatenate([none, *(s.start for s in parts)]),
        np.concatenate([none, *(s.stop for s in parts)]),
        np.concatenate([nothing, *(s.code for s in parts)]),
    )
    group = group[used]
    return Ways(
        x=joined("x", none)[used],
        y=joined("y", none)[used],
        place=np.where((group >= 0) & (group < places), group, -1),
        on_road=(group == -1) | (group >= places),
        tail=tail,
        head=head,
        line=joined("line", np.empty(0, dtype=object)),
        stretches=stretches,
        closed=np.unique(joined("closed", nothing)),
    )
