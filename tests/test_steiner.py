"""Steiner trees on graphs so small that every set of edges can be tried; trees from the root."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from bredband_gis.errors import BadValueError
from bredband_gis.steiner import root_tree, steiner_tree, sum_below, tree_depth
from hypothesis import given, settings
from hypothesis import strategies as st


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    nodes = draw(st.integers(2, 8))
    node = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(node, node, st.integers(0, 9)), min_size=1, max_size=14))
    terminals = draw(st.lists(node, min_size=1, max_size=5))
    roots = draw(st.lists(node, max_size=3))
    tail, head, cost = (list(part) for part in zip(*edges, strict=True))
    return tail, head, cost, terminals, roots


def cheapest(
    tail: list[int], head: list[int], cost: list[int], terminals: list[int], roots: list[int]
) -> tuple[float, set[int]]:
    """Try every set of edges; give the least cost and the terminals that can be joined."""
    whole = nx.Graph()
    whole.add_nodes_from([*terminals, *roots, *tail, *head])
    whole.add_edges_from(zip(tail, head, strict=True))
    links = list(itertools.pairwise(roots))
    whole.add_edges_from(links)
    parts = list(nx.connected_components(whole))
    if roots:
        home = next(part for part in parts if roots[0] in part)
    else:
        home = max(parts, key=lambda part: len(part & set(terminals)))
    goal = (set(terminals) & home) | set(roots[:1])
    best = float("inf")
    for chosen in itertools.product([False, True], repeat=len(tail)):
        price = sum(c for c, on in zip(cost, chosen, strict=True) if on)
        if price >= best:
            continue
        part = nx.Graph(links)
        part.add_nodes_from(goal)
        part.add_edges_from((a, b) for a, b, on in zip(tail, head, chosen, strict=True) if on)
        if len(goal) < 2 or any(goal <= piece for piece in nx.connected_components(part)):
            best = price
    return best, set(terminals) - home


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_tree_joins_all_and_keeps_its_promise(
    graph: tuple[list[int], list[int], list[int], list[int], list[int]],
) -> None:
    tail, head, cost, terminals, roots = graph
    result = steiner_tree(tail, head, cost, terminals, roots=roots)
    best, apart = cheapest(*graph)
    if roots:
        assert set(result.unreached) == apart
    else:
        # Several components may hold equally many terminals.
        assert len(result.unreached) == len(apart)
        best, _ = cheapest(tail, head, cost, sorted(set(terminals) - set(result.unreached)), roots)
    assert result.cost == sum(cost[e] for e in result.edges)
    assert result.lower_bound - 1e-9 <= best <= result.cost + 1e-9
    joined = nx.Graph(list(itertools.pairwise(roots)))
    joined.add_nodes_from([*terminals, *roots])
    joined.add_edges_from((tail[e], head[e]) for e in result.edges)
    goal = (set(terminals) - set(result.unreached)) | set(roots)
    assert not goal or any(goal <= piece for piece in nx.connected_components(joined))
    # Graphs as small as these are solved, within the share that is asked for.
    assert result.cost <= 1.001 * best + 1e-9
    # Mehlhorn's tree alone: twice the cheapest at most, as his theorem says.
    quick = steiner_tree(tail, head, cost, terminals, roots=roots, time_limit=0)
    assert quick.lower_bound - 1e-9 <= best <= quick.cost + 1e-9
    assert result.cost <= quick.cost
    count = len(set(terminals) - set(result.unreached) - set(roots)) + bool(roots)
    if count >= 2:
        assert quick.cost <= 2 * (1 - 1 / count) * best + 1e-9


def test_steiner_point_is_used() -> None:
    # A star: the middle is no terminal, and cheaper than the triangle around it.
    result = steiner_tree([0, 1, 2, 0, 1, 2], [3, 3, 3, 1, 2, 0], [1, 1, 1, 2, 2, 2], [0, 1, 2])
    assert result.edges.tolist() == [0, 1, 2]
    assert result.cost == result.lower_bound == 3


def test_existing_network_is_free() -> None:
    # 0 = 9 is existing fibre at both ends of a long road; terminal 5 hangs on the near end.
    result = steiner_tree([0, 5, 9], [9, 9, 0], [100, 7, 100], [5], roots=[0, 9])
    assert result.edges.tolist() == [1]
    assert result.cost == 7


def test_zero_cost_edges_carry_the_tree() -> None:
    result = steiner_tree([0, 1, 0], [1, 2, 2], [0, 0, 5], [2], roots=[0])
    assert result.edges.tolist() == [0, 1]
    assert result.cost == 0


def test_terminal_apart_is_listed() -> None:
    result = steiner_tree([0, 2], [1, 3], [1.0, 1.0], [1, 3], roots=[0])
    assert result.unreached.tolist() == [3]
    assert result.edges.tolist() == [0]


def test_bad_costs_are_refused() -> None:
    with pytest.raises(BadValueError, match="1 of 2 edge costs"):
        steiner_tree([0, 1], [1, 2], [1.0, -1.0], [2])
    with pytest.raises(BadValueError, match="differ in length"):
        steiner_tree([0, 1], [1, 2], [1.0], [2])
    with pytest.raises(BadValueError, match="node number is negative"):
        steiner_tree([0, 1], [1, 2], [1.0, 1.0], [-1])
    with pytest.raises(BadValueError, match="time_limit is nan"):
        steiner_tree([0, 1], [1, 2], [1.0, 1.0], [2], time_limit=float("nan"))


def test_rooted_tree_sums_below() -> None:
    # 7 (root) - 3 - 5 - 1 and 3 - 2; 9 (root too) - 4
    tail, head = np.array([3, 5, 5, 3, 9]), np.array([7, 3, 1, 2, 4])
    tree = root_tree(tail, head, np.arange(5), roots=[7, 9])
    below = dict(zip(tree.to_node, sum_below(tree, tree.to_node), strict=True))
    assert below == {3: 3 + 5 + 1 + 2, 5: 6, 1: 1, 2: 2, 4: 4}
    depth = dict(zip(tree.to_node, tree_depth(tree), strict=True))
    assert depth == {3: 0, 4: 0, 5: 1, 2: 1, 1: 2}
    assert (tree.parent < np.arange(5)).all()
    assert set(tree.from_node[tree.parent == -1]) == {7, 9}


def test_a_cycle_is_no_tree() -> None:
    with pytest.raises(BadValueError, match="no tree"):
        root_tree([0, 1, 2], [1, 2, 0], [0, 1, 2], roots=[0])
