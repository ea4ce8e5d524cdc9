"""Single cuts, second ways, bounds and budgets against networkx and every possibility."""

from __future__ import annotations

import itertools
from typing import Any

import networkx as nx
import numpy as np
import pytest
from bredband.backbone_bound import bound_cost
from bredband.backbone_budget import choose_within
from bredband.backbone_graph import (
    count_ways,
    find_cuts,
    merge_chains,
    reduce_graph,
    thin_links,
)
from bredband.backbone_second import find_second_ways
from hypothesis import assume, given, settings
from hypothesis import strategies as st

# --- graphs ----------------------------------------------------------------------------


@st.composite
def graphs(draw: Any, *, most: int = 8, edges: int = 13) -> tuple[int, np.ndarray, np.ndarray]:
    """Give a multigraph with loops: nodes, tail, head."""
    size = draw(st.integers(2, most))
    node = st.integers(0, size - 1)
    pairs = draw(st.lists(st.tuples(node, node), max_size=edges))
    return size, *np.array(pairs, dtype=np.int64).reshape(-1, 2).T


def nx_graph(size: int, tail: Any, head: Any, **data: Any) -> nx.MultiGraph:
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(size))
    for number, (u, v) in enumerate(zip(tail, head, strict=True)):
        graph.add_edge(int(u), int(v), **{k: values[number] for k, values in data.items()})
    return graph


def edge_connectivity(size: int, tail: Any, head: Any, one: int, other: int) -> int:
    """Count edge-disjoint ways by a flow in which each edge carries one unit."""
    net = nx.DiGraph()
    net.add_nodes_from(range(size))
    for u, v in zip(tail, head, strict=True):
        if u == v:
            continue
        for a, b in ((int(u), int(v)), (int(v), int(u))):
            room = net.get_edge_data(a, b, {"capacity": 0})["capacity"]
            net.add_edge(a, b, capacity=room + 1)
    return int(nx.maximum_flow_value(net, one, other))


@given(graphs())
@settings(max_examples=80)
def test_single_cuts_are_those_of_networkx(graph: tuple[int, np.ndarray, np.ndarray]) -> None:
    size, tail, head = graph
    cuts = find_cuts(size, tail, head)
    whole = nx_graph(size, tail, head)
    parts = nx.number_connected_components(whole)
    for number, (u, v) in enumerate(zip(tail, head, strict=True)):
        rest = whole.copy()
        rest.remove_edge(int(u), int(v))  # one of several between them
        assert cuts.bridge[number] == (nx.number_connected_components(rest) > parts)
    simple = nx.Graph(whole)
    if whole.number_of_edges() == simple.number_of_edges() and not nx.number_of_selfloops(simple):
        found = {frozenset(map(int, (tail[e], head[e]))) for e in np.flatnonzero(cuts.bridge)}
        assert found == {frozenset(pair) for pair in nx.bridges(simple)}


@given(graphs())
@settings(max_examples=60)
def test_ways_are_edge_disjoint_paths(graph: tuple[int, np.ndarray, np.ndarray]) -> None:
    size, tail, head = graph
    ways = count_ways(size, tail, head, 0)
    assert ways[0] == 2
    for node in range(1, size):
        assert ways[node] == min(2, edge_connectivity(size, tail, head, 0, node))


def test_a_million_edges_in_a_row_are_all_cuts() -> None:
    node = np.arange(200_000)
    cuts = find_cuts(node.size + 1, node, node + 1)
    assert cuts.bridge.all()
    ring = find_cuts(node.size, node, (node + 1) % node.size)
    assert not ring.bridge.any()
    assert len(np.unique(ring.block)) == 1


def test_edges_in_a_row_are_one_stretch_until_a_place_a_fork_or_another_kind() -> None:
    # 0-1-2-3 in a row, 3 forks to 4 and 5-6; 2 is of no account; 7-8 is a ring of its own.
    tail, head = [0, 1, 2, 3, 3, 5, 7, 8], [1, 2, 3, 4, 5, 6, 8, 7]
    keep = np.zeros(9, bool)
    keep[[0, 6]] = True
    chains = merge_chains(tail, head, keep)
    assert chains.chain.tolist() == [0, 0, 0, 1, 2, 2, -1, -1]
    ends = sorted(zip(chains.tail.tolist(), chains.head.tolist(), strict=True))
    assert [tuple(sorted(pair)) for pair in ends] == [(0, 3), (3, 4), (3, 6)]
    kinds = merge_chains(tail, head, keep, [0, 0, 1, 1, 1, 1, 0, 0])
    assert kinds.chain.tolist() == [0, 0, 1, 2, 3, 3, -1, -1]
    keep[1] = True
    assert merge_chains(tail, head, keep).chain.tolist() == [0, 1, 1, 2, 3, 3, -1, -1]


@given(graphs(), st.data())
@settings(max_examples=60)
def test_the_smaller_graph_has_the_same_distances(
    graph: tuple[int, np.ndarray, np.ndarray], data: Any
) -> None:
    size, tail, head = graph
    cost = np.array(data.draw(st.lists(st.integers(0, 9), min_size=tail.size, max_size=tail.size)))
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    small = reduce_graph(tail, head, cost, np.zeros(tail.size, int), keep)
    one, other = (
        nx_graph(size, u, v, cost=c)
        for u, v, c in ((tail, head, cost), (small.tail, small.head, small.cost))
    )
    for u, v in itertools.combinations(np.flatnonzero(keep), 2):
        try:
            want = nx.shortest_path_length(one, u, v, weight="cost")
        except nx.NetworkXNoPath:
            assert not nx.has_path(other, u, v)
        else:
            assert nx.shortest_path_length(other, u, v, weight="cost") == want
    for edge in range(small.tail.size):
        assert cost[small.edge == edge].sum() == small.cost[edge]


def test_what_exists_is_never_left_out_for_being_dear() -> None:
    small = reduce_graph([0, 0, 0], [1, 1, 1], [5.0, 3.0, 9.0], [0, 0, 1], [True, True])
    assert sorted(zip(small.kind.tolist(), small.cost.tolist(), strict=True)) == [(0, 3), (1, 9)]
    assert small.edge[0] == -1


def test_a_link_on_the_same_road_as_shorter_links_is_left_out() -> None:
    #  0 -10- 1 -10- 2 -10- 3; 0-2 in 21 is the express bus, 0-2 in 40 another road
    tail, head = [0, 1, 2, 0, 0, 0, 3], [1, 2, 3, 2, 2, 3, 3]
    length = [10, 10, 10, 21, 40, 25, 1]
    keep = thin_links(4, tail, head, length, 0.25)
    #  0-3 in 25 is as long as 0-1-2-3 (30) within a fourth: the same road
    assert keep.tolist() == [True, True, True, False, True, False, False]
    assert thin_links(4, tail, head, length, 0.1).tolist() == [True] * 3 + [
        False,
        True,
        True,
        False,
    ]
    assert thin_links(2, [0, 0], [1, 1], [10, 10], 0.0).tolist() == [True, False]


# --- second ways -----------------------------------------------------------------------


def spanning(size: int, tail: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Give the edges of a spanning forest, the first that fit."""
    group = list(range(size))
    inside = np.zeros(tail.size, bool)
    for edge, (u, v) in enumerate(zip(tail, head, strict=True)):
        if group[u] != group[v]:
            group = [group[u] if g == group[v] else g for g in group]
            inside[edge] = True
    return inside


def cheapest_second(size: int, tail: Any, head: Any, cost: Any, network: Any, places: Any) -> float:
    """Try every set of new edges."""
    new = np.flatnonzero(~network)
    best = np.inf
    for count in range(new.size + 1):
        for chosen in itertools.combinations(new, count):
            total = cost[list(chosen)].sum()
            if total >= best:
                continue
            there = network.copy()
            there[list(chosen)] = True
            if (count_ways(size, tail[there], head[there], 0)[places] == 2).all():
                best = total
    return float(best)


@given(graphs(most=6, edges=11), st.data())
@settings(max_examples=40)
def test_the_second_way_of_a_place_is_the_cheapest_of_all(
    graph: tuple[int, np.ndarray, np.ndarray], data: Any
) -> None:
    size, tail, head = graph
    cost = np.array(
        data.draw(st.lists(st.integers(1, 9), min_size=tail.size, max_size=tail.size)), float
    )
    network = spanning(size, tail, head)
    place = data.draw(st.integers(1, size - 1))
    assume(count_ways(size, tail[network], head[network], 0)[place] == 1)
    found = find_second_ways(
        size, tail, head, cost, network=network, usable=~network, root=0,
        node=np.array([place]), weight=np.array([1.0]), worth=np.inf,
    )  # fmt: skip
    want = cheapest_second(size, tail, head, cost, network, [place])
    if np.isinf(want):
        assert found.cost.size == 0
        assert np.isinf(found.left_cost[0])
    else:
        assert found.cost.tolist() == [want]
        assert cost[found.route >= 0].sum() == want
        assert found.through.tolist() == [0]
        dear = find_second_ways(
            size, tail, head, cost, network=network, usable=~network, root=0,
            node=np.array([place]), weight=np.array([2.0]), worth=want / 2 - 0.01,
        )  # fmt: skip
        assert dear.cost.size == 0
        assert dear.left_cost.tolist() == [want]
        assert dear.left_gained.tolist() == [2.0]


def test_the_two_ways_may_change_places_on_the_first_one() -> None:
    # Root 0 - 1 - 2 - 3; new edges 3-1 and 2-0 cross over the stretch 1-2.
    tail, head = np.array([0, 1, 2, 3, 2, 3]), np.array([1, 2, 3, 1, 0, 0])
    cost = np.array([1.0, 1.0, 1.0, 3.0, 4.0, 9.0])
    network = np.array([True] * 3 + [False] * 3)
    found = find_second_ways(
        4, tail, head, cost, network=network, usable=~network, root=0,
        node=np.array([3]), weight=np.array([1.0]), worth=np.inf,
    )  # fmt: skip
    assert found.cost.tolist() == [7.0]
    assert (found.route >= 0).tolist() == [False] * 3 + [True, True, False]


def test_what_a_later_route_makes_useless_is_left_out() -> None:
    # Root 0 - 1 - 2: a second road to 1 comes first, then the way round by 2 does for both.
    tail, head = np.array([0, 1, 0, 2]), np.array([1, 2, 1, 0])
    cost = np.array([1.0, 1.0, 4.0, 6.0])
    network = np.array([True, True, False, False])
    chosen = {
        "network": network, "usable": ~network, "root": 0, "node": np.array([1, 2]),
        "weight": np.array([10.0, 1.0]),
    }  # fmt: skip
    found = find_second_ways(3, tail, head, cost, **chosen, worth=np.inf)
    assert found.route.tolist() == [-1, -1, -1, 0]
    assert found.cost.tolist() == [6.0]
    assert found.gained.tolist() == [11.0]
    assert found.through.tolist() == [0, 0]
    # Where the last place is not worth it, the first road stays.
    found = find_second_ways(3, tail, head, cost, **chosen, worth=0.5)
    assert found.route.tolist() == [-1, -1, 0, -1]
    assert found.left_cost.tolist()[1] == 6.0


@given(graphs(most=9, edges=20), st.data())
@settings(max_examples=80)
def test_places_with_a_second_way_have_two_ways_that_share_nothing(
    graph: tuple[int, np.ndarray, np.ndarray], data: Any
) -> None:
    size, tail, head = graph
    cost = np.array(
        data.draw(st.lists(st.integers(1, 9), min_size=tail.size, max_size=tail.size)), float
    )
    network = spanning(size, tail, head)
    usable = ~network & np.array(
        data.draw(st.lists(st.booleans(), min_size=tail.size, max_size=tail.size)), bool
    )
    node = np.arange(1, size)
    weight = np.array(
        data.draw(st.lists(st.integers(0, 4), min_size=size - 1, max_size=size - 1)), float
    )
    worth = data.draw(st.sampled_from([0.5, 2.0, 5.0, np.inf]))
    found = find_second_ways(
        size, tail, head, cost, network=network, usable=usable, root=0,
        node=node, weight=weight, worth=worth,
    )  # fmt: skip
    added = found.route >= 0
    assert not (added & ~usable).any()
    assert cost[added].sum() == pytest.approx(found.cost.sum())
    there = network | added
    for place in np.flatnonzero(found.through >= 0):
        assert edge_connectivity(size, tail[there], head[there], 0, int(node[place])) >= 2
    before = count_ways(size, tail[network], head[network], 0)[node] == 2
    after = count_ways(size, tail[there], head[there], 0)[node] == 2
    assert ((found.through >= 0) == (after & ~before)).all()
    for number in range(found.cost.size):
        assert found.gained[number] == weight[found.through == number].sum()
        assert found.cost[number] == cost[found.route == number].sum()
        assert found.cost[number] <= worth * found.gained[number] * (1 + 1e-9)
    assert (found.gained > 0).all()
    # Nobody could do without any of the new edges.
    for edge in np.flatnonzero(added):
        less = there.copy()
        less[edge] = False
        assert (count_ways(size, tail[less], head[less], 0)[node] == 2).sum() < after.sum()
    # What is left is told truly: nothing worth it.
    one = (count_ways(size, tail[there], head[there], 0)[node] == 1) & (weight > 0)
    left = found.left_cost[one] / np.maximum(found.left_gained[one], 1e-9)
    assert (left[np.isfinite(left)] > worth).all()


# --- the bound -------------------------------------------------------------------------


@given(graphs(most=6, edges=10), st.data())
@settings(max_examples=30)
def test_nothing_is_cheaper_than_the_bound(
    graph: tuple[int, np.ndarray, np.ndarray], data: Any
) -> None:
    size, tail, head = graph
    cost = np.array(
        data.draw(st.lists(st.integers(0, 9), min_size=tail.size, max_size=tail.size)), float
    )
    can = count_ways(size, tail, head, 0)[1:]
    want = np.array(data.draw(st.lists(st.integers(0, 2), min_size=size - 1, max_size=size - 1)))
    ways = np.minimum(can, want)
    bound = bound_cost(size, tail, head, cost, root=0, node=np.arange(1, size), ways=ways)
    best = np.inf
    for count in range(tail.size + 1):
        for chosen in itertools.combinations(range(tail.size), count):
            edges = list(chosen)
            total = cost[edges].sum()
            if (
                total < best
                and (np.minimum(count_ways(size, tail[edges], head[edges], 0)[1:], 2) >= ways).all()
            ):
                best = total
    assert bound <= best + 1e-6
    if (ways < 2).all() and (ways > 0).sum() <= 1:
        assert bound == pytest.approx(best, abs=1e-6)  # a shortest path


def test_a_ring_is_proven_to_be_the_cheapest() -> None:
    # A square with one diagonal, every place by two ways: the four sides.
    tail, head = np.array([0, 1, 2, 3, 0]), np.array([1, 2, 3, 0, 2])
    cost = np.array([1.0, 1.0, 1.0, 1.0, 1.5])
    bound = bound_cost(4, tail, head, cost, root=0, node=np.arange(1, 4), ways=np.full(3, 2))
    assert bound == pytest.approx(4.0)
    # Two places next to each other: both together need two ways out.
    bound = bound_cost(
        3, np.array([0, 0, 1, 1]), np.array([1, 2, 2, 2]), np.array([10.0, 12.0, 1.0, 1.0]),
        root=0, node=np.array([1, 2]), ways=np.array([2, 2]),
    )  # fmt: skip
    assert bound == pytest.approx(23.0)
    # Two parallel roads both count, a third is not needed.
    both = np.zeros(3, int)
    bound = bound_cost(
        2, both, both + 1, np.array([2.0, 3.0, 5.0]), root=0, node=np.array([1]),
        ways=np.array([2]),
    )  # fmt: skip
    assert bound == pytest.approx(5.0)
    assert bound_cost(2, both, both + 1, np.ones(3), root=0, node=np.array([1]),
                      ways=np.array([0])) == 0.0  # fmt: skip


# --- the budget ------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8
    ),
    st.integers(0, 40),
)
@settings(max_examples=60)
def test_a_budget_joins_as_many_as_it_can(rows: list[tuple[int, int, int]], budget: int) -> None:
    parent = np.array([min(up, number) - 1 for number, (up, _, _) in enumerate(rows)])
    cost = np.array([row[1] for row in rows], float)
    homes = np.array([row[2] for row in rows], float)
    chosen = choose_within(parent, cost, homes, budget)
    assert cost[chosen].sum() <= budget
    assert chosen[parent[chosen & (parent >= 0)]].all()
    best = 0.0
    for mask in itertools.product([False, True], repeat=len(rows)):
        some = np.array(mask)
        if cost[some].sum() <= budget and some[parent[some & (parent >= 0)]].all():
            best = max(best, homes[some].sum())
    assert homes[chosen].sum() == best


def test_a_dear_stretch_does_not_stop_those_after_it() -> None:
    chosen = choose_within([-1, -1, -1], [9, 90, 9], [10, 50, 9], 20)
    assert chosen.tolist() == [True, False, True]
