"""A region from an OpenStreetMap extract alone, end to end on a whole country's real input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from bredband import buildout, pipeline
from bredband.buildout import Buildout, is_wanted
from bredband.cli import main
from click.testing import CliRunner
from scipy.sparse.csgraph import dijkstra

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MUNICIPALITIES = {
    "Balzers", "Eschen", "Gamprin", "Mauren", "Planken", "Ruggell", "Schaan", "Schellenberg",
    "Triesen", "Triesenberg", "Vaduz",
}  # fmt: skip

Call = tuple[tuple[Any, ...], dict[str, Any], Any]
PLANS: list[Call] = []
SOLVED: list[Call] = []


@pytest.fixture(scope="module")
def folders(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    top = tmp_path_factory.mktemp("liechtenstein")
    osm = shared_data / "liechtenstein" / "liechtenstein.osm.pbf"
    # The build-out that the chain computes, and the graph that it solves, are looked at too.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "plan_buildout", _noted(pipeline.plan_buildout, PLANS))
        patch.setattr(buildout, "steiner_tree", _noted(buildout.steiner_tree, SOLVED))
        _run(top, osm)
    return top / "in", top / "out"


def _noted(function: Callable[..., Any], calls: list[Call]) -> Callable[..., Any]:
    def noted(*given: Any, **options: Any) -> Any:
        result = function(*given, **options)
        calls.append((given, options, result))
        return result

    return noted


def _run(top: Path, osm: Path) -> None:
    for words in (
        ["init", top / "in", "--osm", osm, "--admin-level", "8", "--demo-share", "0.8"],
        ["check", top / "in"],
        ["run", top / "in", "--out", top / "out"],
    ):
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.output


def test_eleven_municipalities_by_name(folders: tuple[Path, Path]) -> None:
    coverage = pd.read_csv(folders[1] / "coverage.csv")
    names = coverage.loc[coverage["area_kind"] == "municipality", "area_name"]
    assert set(names) == MUNICIPALITIES
    cost = pd.read_csv(folders[1] / "cost.csv")
    assert len(cost) == 12
    assert cost.iloc[-1]["area_name"] == "Liechtenstein"


def test_fragments_of_neighbours_are_set_aside(folders: tuple[Path, Path]) -> None:
    aside = pd.read_csv(folders[1] / "set_aside.csv")
    lost = aside[aside["layer"] == "municipalities"]
    assert len(lost) == 11
    assert lost["reason"].str.contains("ligger utanför utdraget").all()


def test_share_is_the_one_asked_for(folders: tuple[Path, Path]) -> None:
    coverage = pd.read_csv(folders[1] / "coverage.csv")
    row = coverage[
        (coverage["area_kind"] == "region") & (coverage["segment"] == "total")
        & (coverage["base"] == "households") & (coverage["speed_mbit"] == 100)
    ].set_index("measure")  # fmt: skip
    assert row.loc["connected", "share"] == pytest.approx(0.8, abs=0.005)
    assert row.loc["passed", "share"] > row.loc["connected", "share"]


def test_households_are_derived_and_of_the_right_order(folders: tuple[Path, Path]) -> None:
    premises = gpd.read_parquet(folders[1] / "premises.parquet")
    assert set(premises["provenance"]) == {"derived"}
    assert premises.crs.to_epsg() == 32632
    assert 10_000 < premises["households"].sum() < 30_000


def test_every_row_is_accounted_for(folders: tuple[Path, Path]) -> None:
    manifest = json.loads((folders[1] / "manifest.json").read_text(encoding="utf-8"))
    aside = pd.read_csv(folders[1] / "set_aside.csv")
    premises = gpd.read_parquet(folders[1] / "premises.parquet")
    item = next(item for item in manifest["inputs"] if item["layer"] == "premises")
    assert item["rows_in"] == item["rows_out"] + item["rows_set_aside"]
    assert item["rows_in"] == len(premises) + (aside["layer"] == "premises").sum()
    marks = {item["layer"]: item["provenance"] for item in manifest["inputs"]}
    assert marks["roads"] == "real"
    assert marks["fibre"] == marks["coverage"] == "synthetic"
    assert manifest["provenance"] == "synthetic"


def test_trench_lies_on_the_roads(folders: tuple[Path, Path]) -> None:
    trench = gpd.read_parquet(folders[1] / "trench.parquet")
    cost = pd.read_csv(folders[1] / "cost.csv").iloc[-1]
    assert trench["length_m"].sum() == pytest.approx(cost["trench_m"], abs=1)
    assert 10_000 < cost["trench_m"] < 300_000
    assert (trench.geometry.length - trench["length_m"]).abs().max() < 0.01
    premises = gpd.read_parquet(folders[1] / "premises.parquet")
    assert premises["reach"].isin(["trench", "at_fibre"]).sum() > 0.9 * premises["reach"].count()


# --- the build-out, by other means -------------------------------------------------


@pytest.fixture(scope="module")
def built(folders: tuple[Path, Path]) -> Buildout:
    return PLANS[-1][2]


def test_trench_is_a_tree_to_all_that_are_reached(built: Buildout) -> None:
    trench, reach = built.trench, built.reach
    to, from_ = trench["to_node"].to_numpy(), trench["from_node"].to_numpy()
    assert np.unique(to).size == to.size > 500
    # Every edge hangs on another, which comes first, or on existing fibre.
    roots = SOLVED[-1][1]["roots"]
    place = pd.Series(np.arange(to.size), index=to)
    above = place.reindex(from_).to_numpy()
    assert np.isin(from_[np.isnan(above)], roots).all()
    assert (above[~np.isnan(above)] < np.flatnonzero(~np.isnan(above))).all()
    assert not np.isin(to, roots).any()
    assert set(reach.loc[reach["reach"] == "trench", "node"]) <= set(to)
    assert set(reach.loc[reach["reach"] == "at_fibre", "node"]) <= set(roots)
    # No edge for nobody, and each counts those beyond it.
    ends = set(to) - set(from_)
    assert ends <= set(reach.loc[reach["reach"] == "trench", "node"])
    top = trench.loc[np.isnan(above), "premises_below"].sum()
    assert top == (reach["reach"] == "trench").sum()


def test_cost_and_length_are_the_sums_of_the_edges(
    built: Buildout, folders: tuple[Path, Path]
) -> None:
    trench = built.trench
    assert shapely.length(trench.geometry).sum() == pytest.approx(trench["length_m"].sum())
    by_hand = sum(
        row.length_m * row.price_sek_per_m
        for row in trench[["length_m", "price_sek_per_m"]].itertuples()
    )
    assert built.trench_sek == pytest.approx(by_hand)
    table = pd.read_csv(folders[1] / "cost.csv").iloc[-1]
    assert table["trench_sek"] == pytest.approx(by_hand, abs=1)


def test_trench_lies_on_the_roads_as_another_reader_has_them(
    built: Buildout, shared_data: Path
) -> None:
    osm = shared_data / "liechtenstein" / "liechtenstein.osm.pbf"
    roads = pyogrio.read_dataframe(osm, layer="lines", where="highway is not null")
    lines = shapely.STRtree(shapely.segmentize(roads.to_crs(32632).geometry.to_numpy(), 50))
    points = shapely.line_interpolate_point(built.trench.geometry.to_numpy(), 0.5, normalized=True)
    (point, _), distance = lines.query_nearest(points, all_matches=False, return_distance=True)
    assert point.size == points.size
    assert distance.max() < 0.5
    # No trench along motorways.
    assert not built.trench["road_class"].isin(["motorway", "motorway_link"]).any()


def test_nobody_is_lost_and_who_is_not_reached_is_far_from_roads(built: Buildout) -> None:
    (status, roads, _), options, _ = PLANS[-1]
    wanted = status[is_wanted(status)]
    assert sorted(built.reach["premises_id"]) == sorted(wanted["premises_id"])
    usable = roads[~roads["road_class"].isin(options["settings"].no_dig)]
    points = shapely.points(wanted["x"].to_numpy(), wanted["y"].to_numpy())
    _, distance = shapely.STRtree(usable.geometry.to_numpy()).query_nearest(
        points, all_matches=False, return_distance=True
    )
    far = distance > options["settings"].max_road_distance_m
    assert np.array_equal(far, (built.reach["reach"] == "no_road").to_numpy())
    near = ~far
    given = built.reach["road_distance_m"].to_numpy()
    np.testing.assert_allclose(given[near], distance[near], atol=1e-5)


def test_cost_lies_between_the_bound_and_what_others_find(built: Buildout) -> None:
    (tail, head, cost, goal), options, result = SOLVED[-1]
    label = np.arange(1, max(tail.max(), head.max()) + 2)
    label[options["roots"]] = 0
    graph = nx.Graph()
    graph.add_nodes_from(range(label.max() + 1))
    for a, b, price in zip(label[tail].tolist(), label[head].tolist(), cost.tolist(), strict=True):
        if a != b and price < graph.get_edge_data(a, b, {"weight": np.inf})["weight"]:
            graph.add_edge(a, b, weight=price)
    home = nx.node_connected_component(graph, 0)
    goals = {int(node) for node in label[np.setdiff1d(goal, result.unreached)]}
    assert goals <= home
    assert not {int(node) for node in label[result.unreached]} & home

    mehlhorn = nx.approximation.steiner_tree(graph.subgraph(home), [0, *goals], method="mehlhorn")
    assert result.lower_bound <= result.cost <= mehlhorn.size(weight="weight") * (1 + 1e-9)
    assert result.cost <= 1.002 * result.lower_bound
    # Each on its own shortest way, and these ways dug once, cost more.
    matrix = nx.to_scipy_sparse_array(graph, nodelist=range(label.max() + 1))
    far, before = dijkstra(matrix, directed=False, indices=0, return_predecessors=True)
    way = set()
    for node in goals:
        step = node
        while step > 0 and step not in way:
            way.add(step)
            step = int(before[step])
    once = sum(far[node] - far[before[node]] for node in way)
    assert result.cost < once < far[list(goals)].sum()
    assert built.lower_bound_sek == result.lower_bound


def test_parts_of_the_road_network_add_up(built: Buildout) -> None:
    (_, roads, _), options, _ = PLANS[-1]
    parts, reach = built.components, built.reach
    usable = roads[~roads["road_class"].isin(options["settings"].no_dig)]
    assert parts["length_m"].sum() == pytest.approx(usable.length.sum(), rel=2e-4)
    assert parts["length_m"].is_monotonic_decreasing
    assert parts["premises"].sum() == (reach["reach"] != "no_road").sum()
    cut_off = parts.loc[parts["starts"] == 0, "premises"].sum()
    assert cut_off == (reach["reach"] == "no_fibre").sum()
    assert parts["fibre_m"].sum() > 100_000
