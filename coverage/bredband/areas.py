"""Build areas: pieces of the build-out that can be decided on one at a time.

An area is what hangs below one point where new trench leaves existing fibre.
Where that holds more households than one project can take, branches are cut off
and become areas of their own; what such an area hangs on is kept as data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.steiner import RootedTree, sum_below

from bredband.cost import REACHED, add_capex, connect, fund

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from bredband.region import Prices

    Ints = NDArray[np.int64]


class Areas(NamedTuple):
    """Build areas, and which of them each trench edge and each premises belongs to."""

    areas: pd.DataFrame
    trench: gpd.GeoDataFrame
    reach: pd.DataFrame


def build_areas(
    trench: gpd.GeoDataFrame,
    reach: pd.DataFrame,
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    max_households: int,
    prices: Prices,
) -> Areas:
    """Cut the trench network into build areas and cost each.

    Parameters
    ----------
    trench : GeoDataFrame
        ``tables.TRENCH`` without ``area_id``: a forest, parents before children.
    reach : DataFrame
        ``tables.REACH``.
    status : DataFrame
        ``tables.STATUS``, for what each premises holds and where it is.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``, for the names.
    max_households : int
        A branch with more is split, at forks; a single building with more stays whole.
    prices : Prices
        ``[prices]`` of region.toml.

    Returns
    -------
    Areas
        ``areas`` is ``tables.AREAS`` without rank and cumulated columns and without
        geometry; per municipality one more row, ``reached`` False and without cost,
        holds the premises that no trench reaches. ``trench`` and ``reach`` have the
        column ``area_id`` added. Ids number the areas of a municipality from north
        to south, so that they do not change with prices.
    """
    columns = ["premises_id", "x", "y", "households", "workplaces", "municipality_code"]
    columns += [name for name in ("segment",) if name in status]
    held = connect(reach.merge(status[columns], on="premises_id", how="left"), prices)
    met = held["reach"].isin(REACHED).to_numpy()

    edge_label, node_label, hangs_on = _label(trench, held[met], max_households)
    label = np.full(len(held), -1, np.int64)
    label[met] = node_label
    named, codes = _name(held, label, met)
    total = held.assign(label=label)[met].groupby("label")
    laid = trench.assign(label=edge_label).groupby("label")
    areas = pd.DataFrame(
        {
            "municipality_code": codes,
            "households": total["households"].sum(),
            "workplaces": total["workplaces"].sum(),
            "premises": total.size(),
            "trench_m": laid["length_m"].sum(),
            "trench_sek": laid["cost_sek"].sum(),
            **{name: total[name].sum() for name in ("drop_sek", "connections", "lines")},
        },
        index=codes.index,
    ).fillna({"trench_m": 0.0, "trench_sek": 0.0})
    areas = add_capex(areas, prices, premises="premises")
    areas = fund(areas, prices, households="households").assign(reached=True)
    areas["area_id"] = named
    areas["upstream_area_id"] = named.reindex(hangs_on.reindex(areas.index)).to_numpy()

    apart = held[~met]
    lost = (
        apart.groupby("municipality_code")
        .agg(
            households=("households", "sum"),
            workplaces=("workplaces", "sum"),
            premises=("premises_id", "size"),
        )
        .reset_index()
        .assign(reached=False)
    )
    lost["area_id"] = lost["municipality_code"] + "-0000"
    names = municipalities.set_index("municipality_code")["municipality_name"]
    areas = pd.concat([areas, lost], ignore_index=True) if len(lost) else areas
    areas["municipality"] = areas["municipality_code"].map(names)
    money = ["trench_m", "capex_sek", "own_contribution_sek", "operator_revenue_sek", "gap_sek",
             "gap_per_household_sek"]  # fmt: skip
    areas = areas.astype(
        {
            **dict.fromkeys(["area_id", "municipality_code", "municipality"], "str"),
            **dict.fromkeys(["households", "workplaces", "premises"], "int64"),
            **dict.fromkeys(money, "float64"),
            "upstream_area_id": "str",
            "reached": "bool",
        }
    )
    areas = areas[
        ["area_id", "reached", "municipality_code", "municipality", "upstream_area_id",
         "households", "workplaces", "premises", "trench_m", "capex_sek",
         "own_contribution_sek", "operator_revenue_sek", "gap_sek", "gap_per_household_sek"]
    ].sort_values("area_id", ignore_index=True)  # fmt: skip
    return Areas(
        areas,
        trench.assign(area_id=named.reindex(edge_label).to_numpy(dtype=object)).astype(
            {"area_id": str}
        ),
        reach.assign(
            area_id=np.where(
                met,
                named.reindex(label).to_numpy(dtype=object),
                held["municipality_code"] + "-0000",
            )
        ).astype({"area_id": str}),
    )


def _label(trench: pd.DataFrame, met: pd.DataFrame, most: int) -> tuple[Ints, Ints, pd.Series[int]]:
    """Label each edge and each premises with its area, and say what each area hangs on.

    An area is known by its top: a tap point (its node number), or the edge by which
    it was cut off (numbered after all nodes).
    """
    tail, head = trench["from_node"].to_numpy(), trench["to_node"].to_numpy()
    at: Ints = met["node"].to_numpy(dtype=np.int64)
    nodes = int(max(tail.max(initial=-1), head.max(initial=-1), at.max(initial=-1))) + 1
    edge_above = np.full(nodes, -1, np.int64)
    edge_above[head] = np.arange(head.size)
    parent = edge_above[tail]
    at_node = np.bincount(
        at, weights=met["households"].to_numpy(dtype=np.float64), minlength=nodes
    ).astype(np.float64)
    count = np.bincount(at, minlength=nodes).astype(np.int64)
    cut = _cut(tail, head, parent, at_node, count, most)

    # The area of an edge is that of its parent, up to a cut or a tap point.
    label = np.where(cut, nodes + np.arange(head.size), np.where(parent < 0, tail, -1))
    step = np.where(label >= 0, np.arange(head.size), parent)
    while (step != (further := step[step])).any():
        step = further
    label = label[step]
    above = edge_above[at]
    of_node = at.copy()
    of_node[above >= 0] = label[above[above >= 0]]
    tops = np.flatnonzero(cut)
    # A branch cut off at existing fibre itself needs nobody's trench.
    hangs_on = pd.Series(np.where(parent[tops] < 0, -1, label[parent[tops]]), index=nodes + tops)
    return label.astype(np.int64), of_node.astype(np.int64), hangs_on.astype("int64")


def _cut(
    tail: Ints, head: Ints, parent: Ints, at_node: NDArray[np.float64], count: Ints, most: int
) -> NDArray[np.bool_]:
    """Choose the edges at which branches are cut off.

    From the ends upwards, at every point with more than ``most`` households below,
    its largest branches are cut off until the rest fits. The last branch always
    stays, so that the trench above it belongs to somebody.
    """
    tree = RootedTree(np.arange(head.size), tail, head, parent)
    below = sum_below(tree, at_node[head])
    premises = sum_below(tree, count[head])
    cut = np.zeros(head.size, bool)
    # Edges sorted by the point that they leave; only crowded points are looked at.
    order = np.argsort(tail, kind="stable")
    points, start = np.unique(tail[order], return_index=True)
    stop = np.r_[start[1:], order.size]
    total = at_node[points] + np.add.reduceat(below[order], start) if order.size else np.empty(0)
    crowded = np.flatnonzero(total > most)
    # A point comes after everything below it when taken by its edge above, last first.
    edge_above = np.full(at_node.size, -1, np.int64)
    edge_above[head] = np.arange(head.size)
    for index in crowded[np.argsort(-edge_above[points[crowded]], kind="stable")]:
        point, branches = points[index], order[start[index] : stop[index]]
        branches = branches[np.argsort(-below[branches], kind="stable")]
        rest = at_node[point] + below[branches].sum()
        holders = int((premises[branches] > 0).sum()) + int(count[point] > 0)
        for branch in branches:
            if rest <= most or holders <= 1:
                break
            cut[branch] = True
            rest -= below[branch]
            holders -= 1
        if edge_above[point] >= 0:
            below[edge_above[point]] = rest
    return cut


def _name(
    held: pd.DataFrame, label: Ints, met: NDArray[np.bool_]
) -> tuple[pd.Series[str], pd.Series[str]]:
    """Give each area its id and the municipality that most of its households are in."""
    inside = held[met].assign(label=label[met])
    weight = inside["households"] + 1e-3 * inside["workplaces"] + 1e-6
    weighed = inside.assign(weight=weight).groupby(["label", "municipality_code"], as_index=False)
    shares: pd.DataFrame = weighed[["weight"]].sum()
    share = (
        shares.sort_values(["label", "weight", "municipality_code"], ascending=[True, False, True])
        .drop_duplicates("label")
        .set_index("label")
    )
    middle = inside.groupby("label")[["x", "y"]].mean()
    tops: pd.DataFrame = share.join(middle).reset_index()
    order = tops.sort_values(
        ["municipality_code", "y", "x", "label"], ascending=[True, False, True, True]
    )
    number = order.groupby("municipality_code").cumcount() + 1
    order["area_id"] = order["municipality_code"] + "-" + number.astype(str).str.zfill(4)
    order = order.set_index("label").sort_index()
    return order["area_id"], order["municipality_code"]
