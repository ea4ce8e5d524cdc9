"""Ways over land: against Dijkstra in plain Python, straight lines, and small regions by hand."""

from __future__ import annotations

import heapq
from itertools import pairwise
from typing import TYPE_CHECKING

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from bredband_gis import overland
from bredband_gis import overland_paths as paths
from bredband_gis.errors import BadValueError
from bredband_gis.overland import Friction, Ways, find_ways
from bredband_gis.roads import attach, build_graph
from bredband_gis.steiner import steiner_tree
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString

if TYPE_CHECKING:
    from collections.abc import Callable

    from bredband_gis.roads import RoadGraph
    from bredband_gis.surface import Grid
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

X, Y = 700_000.0, 7_305_000.0


# --- on bare grids -----------------------------------------------------------------

MOVES = [
    (down, right)
    for down in range(-2, 3)
    for right in range(-2, 3)
    if (abs(down), abs(right)) in {(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)}
]


def rimmed(price: Floats) -> Floats:
    return np.pad(price, 2, constant_values=np.inf)


def passed(down: int, right: int) -> dict[tuple[int, int], float]:
    """Give the metres in each cell of a straight line between two middles, by sampling."""
    steps = (np.arange(40_000) + 0.5) / 40_000
    size = np.hypot(down, right)
    rows = np.floor(0.5 + down * steps).astype(int)
    columns = np.floor(0.5 + right * steps).astype(int)
    cells, counts = np.unique(np.column_stack([rows, columns]), axis=0, return_counts=True)
    return {
        (int(r), int(c)): size * n / 40_000
        for (r, c), n in zip(cells, counts, strict=True)
        if n > 3
    }


PASSED = {move: passed(*move) for move in MOVES}


def step(price: Floats, row: int, column: int, down: int, right: int) -> float:
    """Price a move as it is defined, cell by cell."""
    rows, columns = price.shape
    if not (0 <= row + down < rows and 0 <= column + right < columns):
        return np.inf
    beside = price[row + down, column], price[row, column + right]
    if abs(down) == abs(right) and np.isinf(beside).all():
        return np.inf
    return sum(
        metres * price[row + r, column + c] for (r, c), metres in PASSED[down, right].items()
    )


def dijkstra(price: Floats, starts: list[int], absorbing: set[int]) -> dict[int, float]:
    columns = price.shape[1]
    cost = dict.fromkeys(starts, 0.0)
    heap = [(0.0, cell) for cell in starts]
    done = set()
    while heap:
        spent, cell = heapq.heappop(heap)
        if cell in done:
            continue
        done.add(cell)
        if cell in absorbing:
            continue
        row, column = divmod(cell, columns)
        for down, right in MOVES:
            whole = spent + step(price, row, column, down, right)
            to = (row + down) * columns + column + right
            if whole < cost.get(to, np.inf):
                cost[to] = whole
                heapq.heappush(heap, (whole, to))
    return cost


def grown(
    price: Floats, starts: list[int], groups: list[int], ends: dict[int, float]
) -> dict[str, NDArray[np.generic]]:
    size = price.size
    end = np.full(size, -1, np.int32)
    end[list(ends)] = np.arange(len(ends))
    out = {
        "enough": np.full(max(groups) + 1, np.inf),
        "cost": np.full(size, np.inf),
        "label": np.full(size, -1, np.int32),
        "came": np.full(size, -1, np.int8),
        "end": end,
    }
    paths.grow(
        price.ravel(), price.shape[1], end, np.array(list(ends.values()), dtype=float),
        np.array(starts), np.array(groups), 99.0, out["enough"], out["cost"], out["label"],
        out["came"],
    )  # fmt: skip
    return out


def listed(
    price: Floats, found: dict[str, NDArray[np.generic]], kernel: Callable[..., int]
) -> list[tuple[int, int, float]]:
    """List the meetings or arrivals of regions."""
    group = np.arange(found["enough"].size)
    about = (price.ravel(), price.shape[1], found["end"], group, found["enough"], found["cost"],
             found["label"])  # fmt: skip
    nothing = np.empty(0, np.int64)
    count = kernel(*about, nothing, nothing, np.empty(0), False)
    one, other, total = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count)
    assert kernel(*about, one, other, total, True) == count
    return list(zip(one.tolist(), other.tolist(), total.tolist(), strict=True))


grids = st.integers(0, 2**32 - 1)


def some_grid(seed: int, side: int = 7) -> Floats:
    rng = np.random.default_rng(seed)
    price = rng.choice([1.0, 2.0, 5.0, np.inf], (side, side), p=[0.4, 0.25, 0.2, 0.15])
    return rimmed(price)


def open_cells(price: Floats, seed: int, number: int) -> list[int]:
    open_ = np.flatnonzero(np.isfinite(price.ravel()))
    assume(open_.size >= number)
    return np.random.default_rng(seed + 1).choice(open_, number, replace=False).tolist()


@settings(max_examples=25)
@given(grids)
def test_costs_are_those_of_plain_dijkstra(seed: int) -> None:
    price = some_grid(seed)
    start, *ends = open_cells(price, seed, 3)
    found = grown(price, [start], [0], dict.fromkeys(ends, 0.0))
    expected = dijkstra(price, [start], set(ends))
    best = min((expected[end] for end in ends if end in expected), default=np.inf)
    assert found["enough"][0] == pytest.approx(best, rel=1e-3)
    arrived = listed(price, found, paths.arrivals)
    for cell, cost in expected.items():
        if cell in ends:
            mine = [total for _, at, total in arrived if at == cell]
            assert min(mine, default=np.inf) >= cost * 0.999
        elif cost < best * 0.999:  # what lies farther than that is not looked at
            assert found["cost"][cell] == pytest.approx(cost, rel=1e-3)
    # The way back leads along moves that add up to the cost.
    if np.isfinite(best):
        last, end, whole = min(arrived, key=lambda one: one[2])
        assert whole == found["enough"][0]
        path = np.empty(100, np.int64)
        count = paths.trace(found["came"], price.shape[1], last, np.empty(0, np.int64))
        assert paths.trace(found["came"], price.shape[1], last, path) == count
        cells = [end, *path[:count].tolist()]
        assert (cells[0], cells[-1]) == (end, start)
        total = sum(
            step(price, *divmod(b, 11), a // 11 - b // 11, a % 11 - b % 11)
            for a, b in pairwise(cells)
        )
        assert total == pytest.approx(best, rel=1e-3)


@settings(max_examples=25)
@given(grids)
def test_regions_and_their_meetings_hold_a_cheapest_tree(seed: int) -> None:
    """Cheapest tree over places and the network: the same as from all shortest ways."""
    price = some_grid(seed, side=9)
    *starts, end = open_cells(price, seed, 5)
    found = grown(price, starts, [0, 1, 2, 3], {end: 0.0})
    ours = nx.Graph()

    def add(one: object, other: object, whole: float) -> None:
        old = ours.get_edge_data(one, other, {"weight": np.inf})["weight"]
        ours.add_edge(one, other, weight=min(old, whole))

    for last, _, whole in listed(price, found, paths.arrivals):
        add(int(found["label"][last]), "net", whole)
    target = np.full(price.size, -1, np.int32)
    target[starts] = np.arange(4)
    cost, reached = np.full(price.size, np.inf), np.empty(4, np.int64)
    marks = np.full(price.size, -1, np.int32), np.full(price.size, -1, np.int8)
    paths.spread(price.ravel(), price.shape[1], np.array([end]), np.zeros(1), target, cost, *marks,
                 reached)  # fmt: skip
    for place, cell in enumerate(reached.tolist()):
        if cell >= 0:
            add(place, "net", float(cost[cell]))
    for a, b, whole in listed(price, found, paths.meetings):
        add(int(found["label"][a]), int(found["label"][b]), whole)
    # Places may be passed on the way, so plain shortest ways between all of them are the truth.
    truth = nx.Graph()
    names = {cell: place for place, cell in enumerate(starts)} | {end: "net"}
    for cell, name in names.items():
        costs = dijkstra(price, [cell], {end} - {cell})
        for to, other_name in names.items():
            if to != cell and to in costs:
                truth.add_edge(name, other_name, weight=costs[to])
    assume("net" in truth and nx.is_connected(truth) and len(truth) == 5)
    best = nx.minimum_spanning_tree(truth).size(weight="weight")
    assert nx.is_connected(ours)
    assert set(ours) == set(truth)
    tree = nx.minimum_spanning_tree(ours).size(weight="weight")
    assert tree == pytest.approx(best, rel=2e-3)


def test_a_corner_between_closed_cells_is_no_way() -> None:
    price = rimmed(np.array([[1.0, np.inf], [np.inf, 1.0]]))
    found = grown(price, [2 * 6 + 2], [0], {3 * 6 + 3: 0.0})
    assert np.isinf(found["enough"][0])
    assert paths.line_cost(price, 2.5, 2.5, 3.5, 3.5) == np.inf
    price[2, 3] = 7.0  # beside it, one is open
    found = grown(price, [2 * 6 + 2], [0], {3 * 6 + 3: 0.0})
    assert found["enough"][0] == pytest.approx(2**0.5)
    assert paths.line_cost(price, 2.5, 2.5, 3.5, 3.5) == pytest.approx(2**0.5)


def test_cost_of_a_line_by_hand() -> None:
    price = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]])
    assert paths.line_cost(price, 0.5, 0.5, 2.5, 0.5) == pytest.approx(0.5 + 10 + 50)
    assert paths.line_cost(price, 2.5, 0.5, 0.5, 0.5) == pytest.approx(0.5 + 10 + 50)
    assert paths.line_cost(price, 1.25, 0.5, 1.25, 1.75) == pytest.approx(0.5 * 10 + 0.75 * 20)
    assert paths.line_cost(price, 0.5, 0.5, 0.5, 0.5) == 0
    # From the middle of one cell two right and one down: a quarter in each of four cells.
    assert paths.line_cost(price, 0.5, 0.5, 2.5, 1.5) == pytest.approx(
        5**0.5 / 4 * (1 + 10 + 20 + 200)
    )
    assert paths.line_cost(price, 0.5, 0.5, 3.5, 0.5) == np.inf  # out of the grid
    price[0, 1] = np.inf
    assert paths.line_cost(price, 0.5, 0.5, 2.5, 0.5) == np.inf


@settings(max_examples=60)
@given(grids, st.integers(0, 12))
def test_straightened_costs_no_more_than_the_way_or_the_straight_line(
    seed: int, look_back: int
) -> None:
    price = some_grid(seed, side=9)
    start, end = open_cells(price, seed, 2)
    found = grown(price, [start], [0], {end: 0.0})
    assume(np.isfinite(found["enough"][0]))
    width = price.shape[1]
    path = np.empty(200, np.int64)
    cells = path[: paths.trace(found["came"], width, end, path)][::-1]
    x, y = cells % width + 0.5, cells // width + 0.5
    kept = np.zeros(cells.size, bool)
    cost = paths.straighten(price, x, y, kept, look_back + 1)
    straight = paths.line_cost(price, x[0], y[0], x[-1], y[-1])
    assert cost <= found["enough"][0] * (1 + 1e-9)
    assert cost <= straight * (1 + 1e-9)
    assert kept[0]
    assert kept[-1]
    corners = np.flatnonzero(kept)
    again = sum(paths.line_cost(price, x[a], y[a], x[b], y[b]) for a, b in pairwise(corners))
    assert cost == pytest.approx(again)


# --- on roads ----------------------------------------------------------------------


def one_road(*more: LineString) -> RoadGraph:
    """A road of 5 km eastwards, and others."""
    lines = [LineString([(X, Y), (X + 5000, Y)]), *more]
    return build_graph(gpd.GeoDataFrame(geometry=lines, crs=3006))


def at_west_end(graph: RoadGraph) -> NDArray[np.bool_]:
    existing = np.zeros(graph.x.size, dtype=bool)
    existing[np.flatnonzero((graph.x == X) & (graph.y == Y))] = True
    return existing


def flat(price: float = 100.0) -> Callable[[Grid, NDArray[np.int64]], Friction]:
    def ground(grid: Grid, _ends: NDArray[np.int64]) -> Friction:
        return Friction(
            np.full((grid.rows, grid.columns), price), np.zeros((grid.rows, grid.columns), int)
        )

    return ground


def ways_of(
    graph: RoadGraph,
    places: list[tuple[float, float]],
    ground: Callable[[Grid, NDArray[np.int64]], Friction],
    *,
    road: float = 10.0,
    wanted: NDArray[np.int64] | None = None,
    cell_m: float = 20.0,
    max_m: float = 5000.0,
) -> Ways:
    at = np.array(places, dtype=float).reshape(-1, 2)
    return find_ways(
        graph, X + at[:, 0], Y + at[:, 1], ground,
        cost=graph.length * road, existing=at_west_end(graph),
        wanted=np.empty(0, np.int64) if wanted is None else wanted, cell_m=cell_m, max_m=max_m,
    )  # fmt: skip


def test_one_place_goes_straight_to_the_road() -> None:
    ways = ways_of(one_road(), [(2000, 1500)], flat())
    to_road = ways.on_road[ways.head]
    assert to_road.any()
    shortest = shapely.length(ways.line[to_road]).min()
    assert shortest == pytest.approx(1500, abs=1)
    # Lines begin and end exactly at their nodes, on the road and at the place.
    for tail, head, line in zip(ways.tail, ways.head, ways.line, strict=True):
        assert line.coords[0] == (ways.x[tail], ways.y[tail])
        assert line.coords[-1] == (ways.x[head], ways.y[head])
    assert (ways.y[ways.on_road] == Y).all()
    place = ways.place == 0
    assert (ways.x[place].tolist(), ways.y[place].tolist()) == ([X + 2000], [Y + 1500])
    assert place.sum() == 1
    # Their stretches are the ways.
    metres = np.bincount(ways.stretches.line, ways.stretches.length, ways.line.size)
    assert metres == pytest.approx(shapely.length(ways.line))
    assert ways.closed.size == 0


def test_where_the_road_is_dear_the_way_leads_on_beside_it() -> None:
    cheap = ways_of(one_road(), [(2000, 1500)], flat(), road=1.0)
    dear = ways_of(one_road(), [(2000, 1500)], flat(), road=1000.0)
    # With a road at ten times the price of open land, straight to what exists, at the west end.
    assert shapely.length(dear.line).max() == pytest.approx(np.hypot(2000, 1500), abs=15)
    assert shapely.length(cheap.line).max() == pytest.approx(1500, abs=25)


def test_neighbours_share_a_way() -> None:
    """Two places side by side far from the road: one way there and a link between them."""
    graph = one_road()
    places = [(2000, 2000), (2100, 2000)]
    ways = ways_of(graph, places, flat())
    between = [
        line.length
        for a, b, line in zip(ways.tail, ways.head, ways.line, strict=True)
        if {ways.place[a], ways.place[b]} == {0, 1}
    ]
    assert min(between) == pytest.approx(100, abs=1e-6)
    met = attach(graph, ways.x[ways.on_road], ways.y[ways.on_road], max_distance=1)
    node = np.full(ways.x.size, -1)
    node[ways.on_road] = met.node
    node[~ways.on_road] = met.graph.x.size + np.arange((~ways.on_road).sum())
    tree = steiner_tree(
        np.append(met.graph.tail, node[ways.tail]),
        np.append(met.graph.head, node[ways.head]),
        np.append(met.graph.length * 10, shapely.length(ways.line) * 100),
        [node[ways.place == n][0] for n in (0, 1)],
        roots=np.flatnonzero(at_west_end(met.graph)),
    )
    assert tree.unreached.size == 0
    # 2 000 m to the road, 100 m between them, 2 000 m along the road to what exists.
    assert tree.cost == pytest.approx(2000 * 100 + 100 * 100 + 2000 * 10, rel=2e-3)


def test_a_wall_is_gone_round_and_dear_land_is_paid_or_gone_round() -> None:
    def ground(grid: Grid, _ends: NDArray[np.int64], inside: float) -> Friction:
        column, row = np.meshgrid(np.arange(grid.columns), np.arange(grid.rows))
        x = grid.west + (column + 0.5) * grid.cell_m - X
        y = grid.north - (row + 0.5) * grid.cell_m - Y
        band = (np.abs(x - 2000) < 400) & (np.abs(y - 700) < 100)
        return Friction(np.where(band, inside, 100.0), band.astype(int))

    def best(inside: float) -> tuple[float, float]:
        ways = ways_of(
            one_road(), [(2000, 1500)], lambda grid, ends: ground(grid, ends, inside), road=1.0
        )
        price = np.array([100.0, min(inside, 1e9)])
        metres = np.zeros((ways.line.size, 2))
        np.add.at(metres, (ways.stretches.line, ways.stretches.code), ways.stretches.length)
        cost = (metres * price).sum(axis=1)
        to_road = np.flatnonzero((ways.place[ways.tail] == 0) & ways.on_road[ways.head])
        one = to_road[np.argmin(cost[to_road])]
        return float(cost[one]), float(metres[one, 1])

    # Round the corner: two straight lines, 800 and 600 + … m; by hand:
    # from (2000, 1500) to the band's corner (1600, 800), then straight down 800 m.
    corner = np.hypot(400, 700) + 800
    cost, inside = best(np.inf)
    assert inside == 0
    assert 100 * corner <= cost * (1 + 1e-9)
    assert cost == pytest.approx(100 * corner, rel=0.03)
    # At 110 a metre it is paid: 200 m of it.
    cost, inside = best(110.0)
    assert inside == pytest.approx(200, abs=21)
    assert cost == pytest.approx(1300 * 100 + 200 * 110, rel=2e-3)
    # At 1 000 a metre it is gone round, as if it were a wall.
    cost, inside = best(1000.0)
    assert cost == pytest.approx(100 * corner, rel=0.03)
    assert inside < 25


def test_roads_cut_off_are_joined_as_a_whole() -> None:
    island = LineString([(X + 1000, Y + 1500), (X + 3000, Y + 1500)])
    graph = one_road(island)
    wanted = np.flatnonzero((graph.x == X + 3000) & (graph.y == Y + 1500))
    ways = ways_of(graph, [], flat(), wanted=wanted, road=1.0)
    assert (ways.place == -1).all()
    # From the island's road straight to the other, wherever along it.
    across = ways.on_road[ways.tail] & ways.on_road[ways.head]
    assert shapely.length(ways.line[across]).min() == pytest.approx(1500, abs=1e-6)
    assert set(ways.y[ways.tail[across]]) == {Y + 1500}
    assert set(ways.y[ways.head[across]]) == {Y}
    # Nobody wanted there: nothing to join.
    assert ways_of(graph, [], flat(), wanted=np.empty(0, np.int64)).line.size == 0


def test_farther_than_asked_is_not_joined_but_neighbours_can_be() -> None:
    places = [(2000, 1900), (2000, 3700)]
    near = ways_of(one_road(), places, flat(), max_m=2000.0)
    ends = np.column_stack([near.x, near.y])
    span = np.hypot(*(ends[near.tail] - ends[near.head]).T)
    assert span.max() <= 2000
    pairs = {
        frozenset((int(near.place[a]), int(near.place[b])))
        for a, b in zip(near.tail, near.head, strict=True)
    }
    # The farther place by way of the nearer.
    assert frozenset((0, 1)) in pairs
    assert not any(
        1 in (near.place[a], near.place[b]) and near.on_road[[a, b]].any()
        for a, b in zip(near.tail, near.head, strict=True)
    )
    assert ways_of(one_road(), places, flat(), max_m=1000.0).line.size == 0


def test_a_place_in_a_closed_cell_is_told() -> None:
    def ground(grid: Grid, ends: NDArray[np.int64]) -> Friction:
        friction = flat()(grid, ends)
        column = int((X + 2000 - grid.west) // grid.cell_m)
        friction.price[:, column] = np.inf
        return friction

    ways = ways_of(one_road(), [(2001, 1500), (2400, 1500)], ground)
    assert ways.closed.tolist() == [0]
    assert 0 not in ways.place
    assert 1 in ways.place


def test_two_places_in_one_cell() -> None:
    ways = ways_of(one_road(), [(2001, 1501), (2004, 1505)], flat())
    assert set(ways.place) >= {0, 1}
    between = [
        line.length
        for a, b, line in zip(ways.tail, ways.head, ways.line, strict=True)
        if {ways.place[a], ways.place[b]} == {0, 1}
    ]
    assert between == [pytest.approx(5.0)]


def test_a_second_look_finds_the_long_way_round() -> None:
    """A wall wider than the first window: found only when the search is widened."""

    def ground(grid: Grid, ends: NDArray[np.int64]) -> Friction:
        friction = flat()(grid, ends)
        column, row = np.meshgrid(np.arange(grid.columns), np.arange(grid.rows))
        x = grid.west + (column + 0.5) * grid.cell_m - X
        y = grid.north - (row + 0.5) * grid.cell_m - Y
        friction.price[(np.abs(y - 500) < 60) & (x < 6000)] = np.inf
        return friction

    ways = ways_of(one_road(), [(2000, 1000)], ground, max_m=8000.0)
    # Along the wall to its end at 6 000 m, beyond the first window's 5 000 m, and back.
    there = np.hypot(4000, 440) + 120 + np.hypot(1000, 440)
    assert shapely.length(ways.line).min() == pytest.approx(there, rel=0.01)
    assert ways_of(one_road(), [(2000, 1000)], ground, max_m=3000.0).line.size == 0


def test_too_many_cells_is_one_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overland, "MOST_CELLS", 10_000)
    with pytest.raises(BadValueError, match="million cells of 20 m") as caught:
        ways_of(one_road(), [(2000, 1500)], flat())
    assert "cell_m" in str(caught.value.fix)


def test_no_network_and_no_places() -> None:
    graph = one_road()
    nothing = find_ways(
        graph, [], [], flat(), cost=graph.length, existing=at_west_end(graph), wanted=[],
        cell_m=20, max_m=1000,
    )  # fmt: skip
    assert nothing.line.size == nothing.x.size == nothing.stretches.line.size == 0


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(11, 30)), min_size=1, max_size=4,
                unique=True), grids)  # fmt: skip
def test_the_tree_costs_no_more_than_separate_straight_lines(
    spots: list[tuple[int, int]], seed: int
) -> None:
    """Over patches of several prices: each place straight down to the road is an upper limit."""
    rng = np.random.default_rng(seed)
    patches = rng.choice([50.0, 100.0, 300.0], (60, 60))

    def ground(grid: Grid, _ends: NDArray[np.int64]) -> Friction:
        column, row = np.meshgrid(np.arange(grid.columns), np.arange(grid.rows))
        x = (grid.west + (column + 0.5) * grid.cell_m - X) // 100
        y = (grid.north - (row + 0.5) * grid.cell_m - Y) // 100
        code = (x.astype(int) % 60) * 60 + y.astype(int) % 60
        return Friction(patches.ravel()[code], code)

    places = [(100.0 * east + 7, 100.0 * north + 13) for east, north in spots]
    graph = one_road()
    ways = ways_of(graph, places, ground, road=1.0)
    met = attach(graph, ways.x[ways.on_road], ways.y[ways.on_road], max_distance=1)
    node = np.full(ways.x.size, -1)
    node[ways.on_road] = met.node
    node[~ways.on_road] = met.graph.x.size + np.arange((~ways.on_road).sum())
    price = patches.ravel()[ways.stretches.code]
    cost = np.bincount(ways.stretches.line, ways.stretches.length * price, ways.line.size)
    tree = steiner_tree(
        np.append(met.graph.tail, node[ways.tail]), np.append(met.graph.head, node[ways.head]),
        np.append(met.graph.length * 1.0, cost),
        [node[ways.place == n][0] for n in range(len(places))],
        roots=np.flatnonzero(at_west_end(met.graph)),
    )  # fmt: skip
    assert tree.unreached.size == 0
    apart = 0.0
    for east, north in places:
        cells = np.arange(0, north, 1.0) + 0.5
        column, row = int(east // 100) % 60, (cells // 100).astype(int) % 60
        apart += patches[column, row].sum()
    # At most 5 000 m of road besides, and the way's end is at the middle of a road's cell.
    assert tree.cost <= apart + 5000 + len(places) * 20 * 300
