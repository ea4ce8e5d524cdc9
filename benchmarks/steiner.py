"""Measure the shared trench against proven optima, and against what else there is.

    python benchmarks/steiner.py --data ../shared/data/steiner             # 12 graphs, 60 s each
    python benchmarks/steiner.py --data … --limit 10 I052 G201             # some, 10 s each
    python benchmarks/steiner.py --region data_raw/norrbotten              # a county's build-out
    python benchmarks/steiner.py --nodes 2500000 --terminals 20000         # a made-up country

``--data`` is a folder of graphs in PACE format (``E a b cost``, ``T terminal``) with
``optima.csv``. "gap" is to the proven optimum, "certified" to our own lower bound, which
needs no optimum. networkx and rustworkx solve the same graph. Seconds do not include the
one-off compilation; those of CPU do not grow when other programs run.
``--seed`` for another search.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import rustworkx
from bredband_gis.steiner import SteinerTree, root_tree, steiner_tree
from memory import peak_mb


def read_pace(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ends, costs and terminals of a graph in PACE format."""
    edges, terminals = [], []
    for line in path.read_text(encoding="ascii").splitlines():
        part = line.split()
        if part[:1] == ["E"]:
            edges.append((int(part[1]), int(part[2]), float(part[3])))
        elif part[:1] == ["T"]:
            terminals.append(int(part[1]))
    tail, head, cost = (np.array(column) for column in zip(*edges, strict=True))
    return tail, head, cost, np.array(terminals)


def made_up_country(nodes: int, terminals: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    """A road-like graph: dense in towns, few ways round in the country, bends as nodes."""
    from scipy import sparse
    from scipy.sparse import csgraph
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(seed)
    # With the bends below, four times in ten, this makes as many nodes as asked for.
    count = int(nodes * 0.41)
    place = rng.random((count, 2))
    towns = rng.random((300, 2))
    place[: count // 2] = towns[rng.integers(0, 300, count // 2)]
    place[: count // 2] += rng.normal(size=(count // 2, 2)) * 0.01
    corners = Delaunay(place).simplices
    links = np.concatenate([corners[:, :2], corners[:, 1:], corners[:, [0, 2]]])
    links = np.unique(np.sort(links.astype(np.int64), axis=1), axis=0)
    length = np.hypot(*(place[links[:, 0]] - place[links[:, 1]]).T)
    matrix = sparse.csr_array((length, links.T), shape=(count, count))
    spine = csgraph.minimum_spanning_tree(matrix).tocoo()
    low, high = np.sort([spine.row.astype(np.int64), spine.col.astype(np.int64)], axis=0)
    kept = np.isin(links[:, 0] * count + links[:, 1], low * count + high)
    kept |= rng.random(len(links)) < 0.35 * np.exp(-length / np.quantile(length, 0.9))
    tail, head = links[kept].T
    cost = np.ceil(length[kept] * 1e6 * rng.choice([1.0, 1.5, 3.0], kept.sum()))
    bend = np.flatnonzero(rng.random(tail.size) < 0.99)
    middle = count + np.arange(bend.size)
    last = head.copy()
    head = head.copy()
    head[bend] = middle
    tail = np.concatenate([tail, middle])
    head = np.concatenate([head, last[bend]])
    cost = np.concatenate([cost, cost[bend]])
    size = count + bend.size
    return tail, head, cost, rng.choice(size, terminals), rng.choice(size, size // 200)


def timed(tail: Any, head: Any, cost: Any, terminals: Any, **options: Any) -> tuple[Any, float]:
    begun = time.process_time()
    result = steiner_tree(tail, head, cost, terminals, **options)
    return result, time.process_time() - begun


def certified(result: SteinerTree) -> float:
    return 100.0 * (result.cost / result.lower_bound - 1.0) if result.lower_bound else 0.0


def by_networkx(tail: Any, head: Any, cost: Any, terminals: Any) -> float:
    graph = nx.Graph()
    graph.add_weighted_edges_from(zip(tail.tolist(), head.tolist(), cost.tolist(), strict=True))
    tree = nx.approximation.steiner_tree(graph, terminals.tolist(), method="mehlhorn")
    return float(tree.size(weight="weight"))


def by_rustworkx(tail: Any, head: Any, cost: Any, terminals: Any) -> float:
    graph = rustworkx.PyGraph()
    graph.add_nodes_from(range(int(max(tail.max(), head.max())) + 1))
    edges = zip(tail.tolist(), head.tolist(), cost.tolist(), strict=True)
    graph.add_edges_from(list(edges))
    tree = rustworkx.steiner_tree(graph, terminals.tolist(), float)
    return float(sum(tree.edges()))


def against_optima(
    folder: Path, names: list[str], limit: float, seed: int, *, others: bool
) -> None:
    with (folder / "optima.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not names or row["file"][:-3] in names]
    print(
        f"{'graph':8}{'optimum':>14}{'ours':>14}{'gap %':>8}{'lower bound':>14}"
        f"{'certified %':>13}{'s':>7}{'networkx %':>12}{'rustworkx %':>13}"
    )
    kinds: dict[str, list[list[float]]] = {}
    for row in rows:
        name, best = row["file"][:-3], float(row["optimum"])
        graph = read_pace(folder / row["file"])
        result, seconds = timed(*graph, time_limit=limit, gap=0.0, seed=seed)
        gaps = [100.0 * (result.cost / best - 1.0), certified(result), seconds]
        shown = []
        for other in (by_networkx, by_rustworkx) if others else ():
            cost = other(*graph)
            gaps.append(100.0 * (cost / best - 1.0))
            shown.append(f"{gaps[-1]:.3f}")
        shown += ["-"] * (2 - len(shown))
        print(
            f"{name:8}{best:14.0f}{result.cost:14.0f}{gaps[0]:8.4f}{result.lower_bound:14.0f}"
            f"{gaps[1]:13.4f}{seconds:7.1f}{shown[0]:>12}{shown[1]:>13}",
            flush=True,
        )
        kinds.setdefault(name[0], []).append(gaps)
    for kind, found in kinds.items():
        mean = np.array(found).mean(axis=0)
        print(
            f"mean {kind}*{'':29}{mean[0]:8.4f}{'':14}{mean[1]:13.4f}{mean[2]:7.1f}"
            + "".join(f"{gap:12.3f}" for gap in mean[3:])
        )


def large(graph: tuple[np.ndarray, ...], limit: float | None, gap: float, seed: int) -> None:
    *graph_only, roots = graph
    size = int(max(graph_only[0].max(), graph_only[1].max())) + 1
    print(f"{size} nodes, {graph_only[0].size} edges, {np.unique(graph_only[3]).size} terminals")
    found = []
    for name, options in (
        ("Mehlhorn", {"time_limit": 0}),
        ("ours", {"time_limit": limit, "gap": gap, "seed": seed}),
    ):
        begun = time.perf_counter()
        result, cpu = timed(*graph_only, roots=roots, **options)
        seconds = time.perf_counter() - begun
        peak = peak_mb() / 1e3
        print(
            f"{name:10}{result.cost:18.0f}  certified {certified(result):8.4f} %"
            f"{seconds:8.1f} s, of CPU {cpu:.1f} s, peak {peak:.2f} GB",
            flush=True,
        )
        found.append(result)
    start, result = found
    print(f"{100 * (result.cost / start.cost - 1):+.2f} % to Mehlhorn")
    assert max(start.lower_bound, result.lower_bound) <= result.cost <= start.cost
    # Raises where the edges are no tree below the root; all reached terminals are in it.
    tree = root_tree(*graph_only[:2], result.edges, roots=roots)
    missing = np.setdiff1d(graph_only[3], np.concatenate([tree.to_node, roots, result.unreached]))
    assert not missing.size


def buildout_graph(folder: Path) -> tuple[np.ndarray, ...]:
    """The graph that the build-out of a region solves."""
    from bredband import buildout
    from bredband.inputs import read_inputs
    from bredband.pipeline import compute
    from bredband.region import Region

    caught: list[tuple[np.ndarray, ...]] = []
    solve = buildout.steiner_tree

    def catch(*graph: np.ndarray, roots: np.ndarray, **options: Any) -> SteinerTree:
        caught.append((*graph, roots))
        return solve(*graph, roots=roots, **options)

    buildout.steiner_tree = catch  # type: ignore[assignment]
    region = Region.read(folder)
    compute(region, read_inputs(region))
    buildout.steiner_tree = solve
    return caught[0]


def warm_up() -> None:
    """Compile everything once, outside of all times."""
    rng = np.random.default_rng(5)
    tail, head = rng.integers(0, 400, (2, 900))
    cost = rng.integers(5, 9, 900).astype(float)
    steiner_tree(tail, head, cost, rng.integers(0, 400, 60), time_limit=5, gap=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graphs", nargs="*", help="names of graphs in --data; all if none")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--limit", type=float, help="seconds; default 60 with --data, else ours")
    parser.add_argument("--gap", type=float, default=0.0, help="stop when certified so well")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--region", type=Path)
    parser.add_argument("--nodes", type=int, default=0)
    parser.add_argument("--terminals", type=int, default=20_000)
    options = parser.parse_args()
    warm_up()
    if options.data:
        limit = 60.0 if options.limit is None else options.limit
        against_optima(
            options.data, options.graphs, limit, options.seed, others=not options.only_ours
        )
    if options.region:
        large(buildout_graph(options.region), options.limit, options.gap, options.seed)
    if options.nodes:
        country = made_up_country(options.nodes, options.terminals)
        large(country, options.limit, options.gap, options.seed)


if __name__ == "__main__":
    main()
