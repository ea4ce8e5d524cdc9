"""From the edges of a finished plan to its tables: stretches, places, single cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.steiner import RootedTree, root_tree, sum_below, tree_depth
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import KDTree

from bredband.backbone_budget import choose_within
from bredband.backbone_graph import Chains, count_ways, find_cuts, label_parts, merge_chains
from bredband.build_order import cheapest_first
from bredband.tables_backbone import CUTS, PLACES, STRETCHES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bredband.backbone_net import Net
    from bredband.backbone_second import SecondWays
    from bredband.settings_backbone import BackboneSettings

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Texts = NDArray[np.object_]

EXISTING: Final = 0
"""Kind of an edge where fibre is."""
FIRST: Final = 1
"""Kind of a new edge that joins places."""
SECOND: Final = 2
"""Kind of a new edge of the first second way; the others have the numbers after it."""


class Graph(NamedTuple):
    """The network with everything made one that is one.

    size : nodes. tail, head, cost : of each edge of the net; 0 where fibre exists. root :
    all places that the backbone comes to. node : per place, -1 out of reach. part : per
    node; nodes that existing fibre joins have the same.
    """

    size: int
    tail: Ints
    head: Ints
    cost: Floats
    root: int
    node: Ints
    part: Ints


@dataclass(frozen=True, eq=False)
class Plan:
    """Which edges are in the network, and what they are of.

    Attributes
    ----------
    table : GeoDataFrame
        From ``backbone_places.read_places``.
    net, graph : Net, Graph
        What could be followed.
    kind : int array, shape (edges,)
        EXISTING, FIRST, SECOND or more; -1 for edges that are not in it.
    wanted, is_root : bool array, shape (places,)
        Places to join; places that the backbone comes to from outside.
    second : SecondWays or None
        The second ways, where they were looked for.
    settings : BackboneSettings
        ``[backbone]`` of region.toml.
    provenance : str
        Of the least certain layer.
    """

    table: gpd.GeoDataFrame
    net: Net
    graph: Graph
    kind: Ints
    wanted: Bools
    is_root: Bools
    second: SecondWays | None
    settings: BackboneSettings
    provenance: str

    @property
    def named(self) -> Bools:
        """Places that stretches begin and end at."""
        named: Bools = (self.wanted | self.is_root) & (self.graph.node >= 0)
        return named


class Tables(NamedTuple):
    """The tables of ``tables_backbone``."""

    stretches: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    cuts: pd.DataFrame


def make_tables(plan: Plan) -> Tables:
    """Make the tables of a plan.

    Returns
    -------
    Tables
        Stretches by priority, existing ones last; places in the order given; single cuts,
        those with most households behind them first.
    """
    rows = _cut_stretches(plan)
    behind = _find_behind(plan, rows)
    joined = _find_joined(plan, rows)
    count = rows.kind.size
    rank = np.where(joined["priority"] > 0, joined["priority"], count + 1)
    order = np.lexsort((np.arange(count), rank))
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    ids = np.array([f"S{number + 1:04d}" for number in place], dtype=object)
    stretches = _list_stretches(plan, rows, joined, behind, ids).iloc[order]
    stretches = _add_up(stretches.reset_index(drop=True))
    places = _list_places(plan, behind, ids)
    cuts = _list_cuts(plan, behind, stretches.iloc[place[behind.chain]], places)
    return Tables(stretches[[*STRETCHES.columns, "geometry"]], places, cuts)


# --- stretches -------------------------------------------------------------------------


class _Rows(NamedTuple):
    """The stretches as arrays.

    chains : their ends in the graph. kind, length, sek : of each. ends : nodes of the net
    at tail and head, shape (stretches, 2). edges, of : the edges, and the stretch of each.
    """

    chains: Chains
    kind: Ints
    length: Floats
    sek: Floats
    ends: Ints
    edges: Ints
    of: Ints


def _cut_stretches(plan: Plan) -> _Rows:
    """Cut the network at places, at junctions, and where existing and new meet."""
    graph = plan.graph
    keep = np.zeros(graph.size, np.bool_)
    keep[graph.node[plan.named]] = True
    edges = _useful(plan, keep)
    chains = merge_chains(graph.tail[edges], graph.head[edges], keep, plan.kind[edges])
    inside = chains.chain >= 0
    edges, of = edges[inside], chains.chain[inside]
    count = chains.tail.size
    kind = np.zeros(count, np.int64)
    kind[of] = plan.kind[edges]
    return _Rows(
        chains,
        kind,
        np.bincount(of, plan.net.length[edges], count).astype(np.float64),
        np.bincount(of, graph.cost[edges], count).astype(np.float64),
        _end_nodes(plan, edges, of, chains),
        edges,
        of,
    )


def _useful(plan: Plan, keep: Bools) -> Ints:
    """Give the edges of the network that lie between places, dead ends left out."""
    graph = plan.graph
    edges = np.flatnonzero((plan.kind >= 0) & (graph.tail != graph.head))
    while edges.size:
        chains = merge_chains(graph.tail[edges], graph.head[edges], keep, plan.kind[edges])
        degree = np.bincount(np.concatenate([chains.tail, chains.head]), minlength=graph.size)
        dead = (degree == 1) & ~keep
        drop = dead[chains.tail] | dead[chains.head] | (chains.tail == chains.head)
        stays = chains.chain >= 0
        stays[stays] = ~drop[chains.chain[stays]]
        if stays.all():
            break
        edges = edges[stays]
    # Parts without a place are nobody's way.
    part = label_parts(graph.size, graph.tail[edges], graph.head[edges])
    held = np.zeros(graph.size, np.bool_)
    held[part[keep]] = True
    return edges[held[part[graph.tail[edges]]]]


def _end_nodes(plan: Plan, edges: Ints, of: Ints, chains: Chains) -> Ints:
    """Give the net's nodes at both ends: of those made one, where the stretch arrives."""
    node = np.concatenate([plan.net.tail[edges], plan.net.head[edges]])
    label = np.concatenate([plan.graph.tail[edges], plan.graph.head[edges]])
    twice = np.concatenate([of, of])
    found = np.zeros((chains.tail.size, 2), np.int64)
    for side, end in enumerate((chains.tail, chains.head)):
        here = np.flatnonzero(label == end[twice])
        found[twice[here], side] = node[here]
    return found


def _find_joined(plan: Plan, rows: _Rows) -> pd.DataFrame:
    """Find what each new stretch hangs on and joins, and which comes first.

    Per stretch: ``turned`` (its far end is its tail), ``above`` (stretch it hangs on, -1),
    ``priority`` and ``route`` (0 for none), ``households``, ``population`` (behind it),
    ``own`` (households at its far end), ``each`` (SEK per household).
    """
    graph, chains, count = plan.graph, rows.chains, rows.kind.size
    people = {name: plan.table[name].to_numpy() for name in ("households", "population")}
    found: dict[str, Any] = {
        "turned": _turned(plan, rows),
        "above": np.full(count, -1, np.int64),
        "priority": np.zeros(count, np.int64),
        "route": np.zeros(count, np.int64),
        **{name: np.zeros(count) for name in ("households", "population", "own")},
    }
    first = np.flatnonzero(rows.kind == FIRST)
    tree = root_tree(
        graph.part[chains.tail], graph.part[chains.head], first, roots=[graph.part[graph.root]]
    )
    at, hung = tree.edges, tree.parent >= 0
    newly = plan.wanted & (graph.part[np.maximum(graph.node, 0)] != graph.part[graph.root])
    for name, number in people.items():
        held = np.bincount(graph.part[graph.node[newly]], number[newly], graph.size)[tree.to_node]
        found[name][at] = sum_below(tree, held)
        if name == "households":
            found["own"][at] = held
    found["above"][at[hung]] = at[tree.parent[hung]]
    found["turned"][at] = graph.part[chains.tail[at]] != tree.from_node
    sequence, _ = cheapest_first(tree.parent, rows.sek[at], found["own"][at])
    found["priority"][at[sequence]] = 1 + np.arange(sequence.size)
    sek = rows.sek.copy()
    if plan.second is not None and plan.second.cost.size:
        late = np.flatnonzero(rows.kind >= SECOND)
        late = late[np.argsort(rows.kind[late], kind="stable")]
        route = rows.kind[late] - SECOND
        found["route"][late] = route + 1
        found["priority"][late] = sequence.size + 1 + np.arange(late.size)
        got = plan.second.through >= 0
        for name, number in people.items():
            held = np.bincount(plan.second.through[got], number[got], plan.second.cost.size)
            found[name][late] = held[route]
        sek[late] = plan.second.cost[route]
    table = pd.DataFrame(found)
    return table.assign(each=sek / table["households"].where(table["households"] > 0))


def _turned(plan: Plan, rows: _Rows) -> Bools:
    """Tell which stretches have their tail farther from the backbone than their head."""
    size, chains = plan.graph.size, rows.chains
    matrix = sparse.coo_array(
        (np.maximum(rows.length, 1e-6), (chains.tail, chains.head)), shape=(size, size)
    ).tocsr()
    away = csgraph.dijkstra(matrix, directed=False, indices=[plan.graph.root])[0]
    turned: Bools = away[chains.tail] > away[chains.head]
    return turned


def _list_stretches(
    plan: Plan, rows: _Rows, joined: pd.DataFrame, behind: _Behind, ids: Texts
) -> gpd.GeoDataFrame:
    """Put together what is known of each stretch."""
    turned = joined["turned"].to_numpy(np.bool_)
    near = np.where(turned, rows.ends[:, 1], rows.ends[:, 0])
    far = np.where(turned, rows.ends[:, 0], rows.ends[:, 1])
    new = rows.kind >= FIRST
    alone = np.zeros(rows.kind.size)
    alone[behind.chain] = behind.households
    lit = np.zeros(plan.net.label.size, np.bool_)
    lit[plan.net.tail[plan.net.existing]] = True
    lit[plan.net.head[plan.net.existing]] = True
    from_place, from_kind = _name(plan, near, lit[near] & new)
    to_place, to_kind = _name(plan, far, lit[far] & new)
    support = plan.settings.support_share * rows.sek
    above = joined["above"].to_numpy()
    lines = _draw(plan, rows, near)
    number = {
        name: pd.array(joined[name].to_numpy(), dtype="Int64") for name in ("priority", "route")
    }
    for name, values in number.items():
        values[joined[name].to_numpy() == 0] = pd.NA
    table = {
        "stretch_id": ids,
        "priority": number["priority"],
        "new": new,
        "second_route": rows.kind >= SECOND,
        "route": number["route"],
        "from_place": from_place,
        "from_kind": from_kind,
        "to_place": to_place,
        "to_kind": to_kind,
        "from_fibre": lit[near],
        "to_fibre": lit[far],
        "places_along": _along(plan, lines),
        "depends_on": [ids[up] if up >= 0 else None for up in above],
        "length_m": rows.length,
        "sek": rows.sek,
        "support_sek": support,
        "own_sek": rows.sek - support,
        "population": joined["population"].to_numpy(),
        "households": joined["households"].to_numpy(),
        "sek_per_household": joined["each"].where(new).to_numpy(),
        "households_behind_single_cut": alone,
        "within_budget": _paid(plan, rows, joined),
        "provenance": plan.provenance,
        "own": joined["own"].to_numpy(),
    }
    texts = ("stretch_id", "from_place", "from_kind", "to_place", "to_kind", "places_along",
             "depends_on", "provenance")  # fmt: skip
    listed = gpd.GeoDataFrame(table, geometry=lines, crs=plan.table.crs)
    return listed.astype(dict.fromkeys(texts, "str"))


def _add_up(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add the cumulated columns to stretches in their order."""
    late = table["second_route"]
    joined = table["own"].where(~late, 0.0).cumsum()
    secured = table["households"].where(late & ~table["route"].duplicated(), 0.0).cumsum()
    return table.assign(
        cumulative_sek=table["sek"].cumsum().where(table["new"]),
        cumulative_households=joined.where(~late, secured).where(table["new"]),
    )


def _name(plan: Plan, node: Ints, tapped: Bools) -> tuple[Texts, Texts]:
    """Name the ends of stretches: the place there, or the nearest one; and what they are."""
    held = np.flatnonzero(plan.named)
    order = held[np.argsort(plan.table["population"].to_numpy()[held], kind="stable")]
    label = plan.net.label
    at = np.full(int(label.max()) + 1, -1, np.int64)
    at[label[plan.net.node[order]]] = order  # the largest of several last
    at = at[label[node]]
    here = np.column_stack([plan.net.x[node], plan.net.y[node]])
    nearest = held[KDTree(plan.table[["x", "y"]].to_numpy()[held]).query(here)[1]]
    kind = np.where(at >= 0, "place", np.where(tapped, "fibre", "junction"))
    names = plan.table["locality_name"].to_numpy(dtype=object)
    return names[np.where(at >= 0, at, nearest)], kind.astype(object)


def _draw(plan: Plan, rows: _Rows, near: Ints) -> NDArray[np.object_]:
    """Join the lines of each stretch into one, from its near end to its far end."""
    order = np.argsort(rows.of, kind="stable")
    lines, owner = shapely.get_parts(plan.net.draw(rows.edges[order]), return_index=True)
    if not lines.size:
        return np.empty(0, dtype=object)
    merged: NDArray[np.object_] = shapely.line_merge(
        shapely.multilinestrings(lines, indices=rows.of[order][owner])
    )
    single = np.flatnonzero(shapely.get_type_id(merged) == 1)
    start = shapely.points(plan.net.x[near[single]], plan.net.y[near[single]])
    away = [shapely.distance(start, shapely.get_point(merged[single], end)) for end in (0, -1)]
    back = single[away[1] < away[0]]
    merged[back] = shapely.reverse(merged[back])
    return merged


def _along(plan: Plan, lines: NDArray[np.object_]) -> list[str | None]:
    """Name the small places that each stretch passes, the largest first."""
    named: list[str | None] = [None] * lines.size
    small = plan.table[~plan.table["counted"]]
    small = small.sort_values("population", ascending=False, kind="stable")
    if small.empty or not lines.size:
        return named
    zone = small.geometry.to_numpy().copy()
    points = shapely.get_type_id(zone) == 0
    zone[points] = shapely.buffer(zone[points], plan.settings.near_m)
    which, line = shapely.STRtree(lines).query(zone, predicate="intersects")
    names = small["locality_name"].to_numpy()
    for number in np.unique(line):
        named[number] = ", ".join(names[np.sort(which[line == number])])
    return named


def _paid(plan: Plan, rows: _Rows, joined: pd.DataFrame) -> Any:
    """Tell what the budget pays for: joining first, then second ways in their order."""
    paid = np.zeros(rows.kind.size, np.bool_)
    budget = plan.settings.budget_sek
    if budget is None:
        return pd.array([pd.NA] * paid.size, dtype="boolean")
    support = plan.settings.support_share * rows.sek
    first = np.flatnonzero(rows.kind == FIRST)
    place = np.full(paid.size + 1, -1, np.int64)  # the last for those that hang on nothing
    place[first] = np.arange(first.size)
    above, own = joined["above"].to_numpy()[first], joined["own"].to_numpy()[first]
    paid[first] = choose_within(place[above], support[first], own, budget)
    left = budget - support[paid].sum()
    there = paid | (rows.kind == EXISTING)
    safe = _safe(plan, rows, there)
    homes = plan.table["households"].to_numpy()
    for kind in range(SECOND, int(rows.kind.max(initial=0)) + 1):
        route = rows.kind == kind
        after = _safe(plan, rows, there | route)
        gained = homes[after & ~safe].sum()
        worth = plan.settings.worth_sek_per_household * gained * (1 + 1e-9)
        # What is not dug before it may have taken its use from it.
        if not gained or support[route].sum() > left or rows.sek[route].sum() > worth:
            continue
        paid |= route
        there |= route
        left -= support[route].sum()
        safe = after
    answer = pd.array(paid, dtype="boolean")
    answer[rows.kind == EXISTING] = pd.NA
    return answer


def _safe(plan: Plan, rows: _Rows, there: Bools) -> Bools:
    """Tell which places have two ways over some of the stretches."""
    chains, graph = rows.chains, plan.graph
    ways = count_ways(graph.size, chains.tail[there], chains.head[there], graph.root)
    return np.asarray(plan.wanted & (ways[np.maximum(graph.node, 0)] > 1), dtype=np.bool_)


# --- single cuts -----------------------------------------------------------------------


class _Behind(NamedTuple):
    """The single cuts as a tree, and who lies behind each.

    chain : per cut, its stretch. tree : the cuts, parents first. households, population :
    behind each. above : per place, the cut next to it; -1 for none.
    """

    chain: Ints
    tree: RootedTree
    households: Floats
    population: Floats
    above: Ints

    def path(self, place: int) -> Iterator[int]:
        """Give the cuts between a place and the backbone, from the place."""
        at = int(self.above[place])
        while at >= 0:
            yield at
            at = int(self.tree.parent[at])


def _find_behind(plan: Plan, rows: _Rows) -> _Behind:
    """Hang the single cuts on each other and add up who lies behind."""
    graph, chains, held = plan.graph, rows.chains, plan.named
    cuts = find_cuts(graph.size, chains.tail, chains.head)
    part = label_parts(graph.size, chains.tail, chains.head)
    bar = np.flatnonzero(cuts.bridge & (part[chains.tail] == part[graph.root]))
    tree = root_tree(
        cuts.block[chains.tail], cuts.block[chains.head], bar, roots=[cuts.block[graph.root]]
    )
    block = cuts.block[np.maximum(graph.node, 0)]
    size = int(cuts.block.max()) + 1
    households, population = (
        sum_below(
            tree, np.bincount(block[held], plan.table[name].to_numpy()[held], size)[tree.to_node]
        )
        for name in ("households", "population")
    )
    above = np.full(size, -1, np.int64)
    above[tree.to_node] = np.arange(tree.edges.size)
    return _Behind(tree.edges, tree, households, population, np.where(held, above[block], -1))


def _list_cuts(
    plan: Plan, behind: _Behind, rows: pd.DataFrame, places: pd.DataFrame
) -> pd.DataFrame:
    """Make the table of single cuts; ``rows`` are their stretches."""
    members: list[list[int]] = [[] for _ in range(behind.chain.size)]
    for place in np.argsort(-places["population"].to_numpy(), kind="stable"):
        for cut in behind.path(int(place)):
            members[cut].append(int(place))
    second = places["second_way_sek"].fillna(np.inf).to_numpy()
    cheapest = np.array([second[held].min(initial=np.inf) for held in members])
    names = places["locality_name"].to_numpy()
    table = pd.DataFrame(
        {
            **{
                name: rows[name].to_numpy()
                for name in ("stretch_id", "from_place", "to_place", "new", "length_m")
            },
            "places": np.array([len(held) for held in members], np.int64),
            "place_names": [", ".join(names[held]) for held in members],
            "population": behind.population,
            "households": behind.households,
            "second_way_sek": np.where(np.isfinite(cheapest), cheapest, np.nan),
            "provenance": pd.array([plan.provenance] * len(members), dtype="str"),
        }
    ).astype(
        {
            **dict.fromkeys(("stretch_id", "from_place", "to_place", "place_names"), "str"),
            "new": "bool",
            "second_way_sek": "float64",
        }
    )
    order = np.lexsort((table["stretch_id"].to_numpy(), -table["households"].to_numpy()))
    return table.iloc[order].reset_index(drop=True)[[*CUTS.columns]]


# --- places ----------------------------------------------------------------------------


def _list_places(plan: Plan, behind: _Behind, ids: Texts) -> gpd.GeoDataFrame:
    """Make the table of places."""
    graph, table, net = plan.graph, plan.table, plan.net
    at, reached = np.maximum(graph.node, 0), graph.node >= 0
    before, after = (
        np.where(
            reached,
            count_ways(graph.size, graph.tail[there], graph.head[there], graph.root)[at],
            0,
        )
        for there in (plan.kind == EXISTING, plan.kind >= 0)
    )
    cut = behind.above >= 0
    depth = tree_depth(behind.tree)
    single: list[str | None] = [None] * len(table)
    for place in np.flatnonzero(cut):
        *_, top = behind.path(int(place))
        single[place] = ids[behind.chain[top]]
    left = np.full(len(table), np.nan)
    each = left.copy()
    if plan.second is not None:
        some = plan.wanted & np.isfinite(plan.second.left_cost)
        left[some] = plan.second.left_cost[some]
        some &= plan.second.left_gained > 0
        each[some] = left[some] / plan.second.left_gained[some]
    ways = [pd.array(found, dtype="Int64") for found in (before, after)]
    for found in ways:
        found[plan.is_root] = pd.NA
    join = np.select(
        [
            plan.is_root,
            before > 0,
            ~table["counted"].to_numpy(),
            ~reached,
            after > 0,
        ],
        ["backbone", "existing", "small", "no_road", "new"],
        "no_way",
    )
    listed = gpd.GeoDataFrame(
        {
            **{
                name: table[name]
                for name in (
                    "locality_code", "locality_name", "x", "y", "population", "households",
                )
            },
            "join": join,
            "road_distance_m": net.distance,
            "joined_before": (before > 0) | plan.is_root,
            "joined_after": (after > 0) | plan.is_root,
            "ways_before": ways[0],
            "ways_after": ways[1],
            "single_cut": pd.array(single, dtype="str"),
            "single_cuts": _pick(depth + 1, behind.above),
            "second_way_sek": left,
            "second_way_sek_per_household": each,
            "provenance": plan.provenance,
        },
        geometry=shapely.points(table["x"].to_numpy(), table["y"].to_numpy()),
        crs=table.crs,
    ).astype({"join": "str", "provenance": "str"})  # fmt: skip
    return listed[[*PLACES.columns, "geometry"]]


def _pick(values: Ints, which: Ints) -> Ints:
    """Give the values named; 0 for -1."""
    picked = np.zeros(which.size, np.int64)
    picked[which >= 0] = values[which[which >= 0]]
    return picked
