"""The planned network follows the published standard, holds together, and hides what it must."""

from __future__ import annotations

import copy
import json
import os
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from bredband import ofds_export
from bredband.export_terminal import ofds
from bredband.ofds import is_ofds, read_ofds
from bredband.ofds_export import ofds_network, write_ofds
from bredband.stored import read_manifest, read_tables
from bredband_gis.errors import EmptyLayerError, GeodataError
from click.testing import CliRunner
from finished import finished
from hypothesis import given, settings
from hypothesis import strategies as st
from libcoveofds.jsonschemavalidate import JSONSchemaValidator
from libcoveofds.python_validate import PythonValidate
from libcoveofds.schema import OFDSSchema
from shapely.geometry import LineString

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["finished"]

X, Y = 700_000.0, 7_305_000.0
MANIFEST: dict[str, Any] = {
    "region": "Provlän",
    "settings": {
        "region": {"code": "25", "year": 2024, "language": "sv"},
        "publication": {"detail": "public", "cell_m": 250.0, "min_households": 3},
    },
}


def trench_of(
    edges: list[tuple[int, int, list[tuple[float, float]], int, int, str]],
) -> gpd.GeoDataFrame:
    """Make trench of from, to, corners (m from the corner), households and premises below, area."""
    lines = [LineString([(X + e, Y + n) for e, n in corners]) for _, _, corners, *_ in edges]
    return gpd.GeoDataFrame(
        {
            "edge_id": range(len(edges)),
            "from_node": [edge[0] for edge in edges],
            "to_node": [edge[1] for edge in edges],
            "length_m": shapely.length(lines),
            "surface": "soft",
            "households_below": [edge[3] for edge in edges],
            "premises_below": [edge[4] for edge in edges],
            "area_id": [edge[5] for edge in edges],
        },
        geometry=lines,
        crs=3006,
    )


def fork() -> gpd.GeoDataFrame:
    """Make a fork: one stem in two edges, a branch with a house half-way, a branch of an area B.

    1 --- 2 --- 3 --- 4 --- 5          drawn backwards: 2-3
                 \\
                  6 --- 7 (area B)
    """
    return trench_of([
        (1, 2, [(0, 0), (1000, 0)], 10, 9, "A"),
        (2, 3, [(2000, 0), (1500, 400), (1000, 0)], 10, 9, "A"),
        (3, 4, [(2000, 0), (3000, 0)], 5, 5, "A"),
        (4, 5, [(3000, 0), (4000, 0)], 4, 4, "A"),
        (3, 6, [(2000, 0), (2000, -1000)], 5, 4, "A"),
        (6, 7, [(2000, -1000), (2000, -2000)], 5, 4, "B"),
    ])  # fmt: skip


def errors(package: dict[str, Any]) -> list[Any]:
    schema = OFDSSchema()
    found = [one.json() for one in JSONSchemaValidator(schema).validate(package)]
    return [*found, *PythonValidate(schema).validate(package)]


def ends(network: dict[str, Any]) -> set[tuple[str, str]]:
    return {tuple(sorted((one["start"], one["end"]))) for one in network["spans"]}  # type: ignore[misc]


def sound(package: dict[str, Any]) -> dict[str, Any]:
    """Check what must always hold; give the network."""
    (network,) = package["networks"]
    places = {one["id"]: one["location"]["coordinates"] for one in network["nodes"]}
    assert len({tuple(place) for place in places.values()}) <= len(places)
    for span in network["spans"]:
        route = span["route"]["coordinates"]
        assert route[0] == places[span["start"]]
        assert route[-1] == places[span["end"]]
        assert span["status"] == "proposed"
    return network


def test_spans_run_between_ends_junctions_houses_and_areas() -> None:
    package = ofds_network({"trench": fork()}, MANIFEST, exact=True)
    network = sound(package)
    assert not errors(package)
    # 2 is left out, where nothing happens; at 4 one house hangs; 6 lies between two areas.
    assert ends(network) == {("n1", "n3"), ("n3", "n4"), ("n4", "n5"), ("n3", "n6"), ("n6", "n7")}
    stem = next(one for one in network["spans"] if {one["start"], one["end"]} == {"n1", "n3"})
    assert stem["fibreLength"] == pytest.approx(1 + 2 * np.hypot(0.5, 0.4), abs=0.001)
    assert len(stem["route"]["coordinates"]) == 4
    assert {one["id"] for one in network["nodes"] if one.get("type")} == {"n4", "n5", "n7"}
    assert {one["id"] for one in network["phases"]} == {"A", "B"}
    last = next(one for one in network["spans"] if "n7" in {one["start"], one["end"]})
    assert last["phase"]["id"] == "B"


def test_places_are_in_degrees_where_they_are() -> None:
    network = sound(ofds_network({"trench": fork()}, MANIFEST, exact=True))
    spans = gpd.GeoSeries(
        [LineString(one["route"]["coordinates"]) for one in network["spans"]], crs=4326
    ).to_crs(3006)
    whole = shapely.union_all(fork().geometry.to_numpy())
    assert shapely.hausdorff_distance(shapely.union_all(spans.to_numpy()), whole) < 0.1
    assert spans.length.sum() == pytest.approx(fork()["length_m"].sum(), rel=1e-4)


def test_coarse_lies_on_the_corners_of_cells_and_leaves_the_last_out() -> None:
    trench = fork()
    trench.loc[3, ["households_below"]] = 2
    network = sound(ofds_network({"trench": trench}, MANIFEST))
    corners = np.array([place for one in network["spans"] for place in one["route"]["coordinates"]])
    metric = gpd.GeoSeries(gpd.points_from_xy(*corners.T), crs=4326).to_crs(3006)
    on_grid = shapely.get_coordinates(metric.to_numpy()) / 250
    assert np.abs(on_grid - np.rint(on_grid)).max() * 250 < 1.5
    assert shapely.get_coordinates(metric.to_numpy())[:, 0].max() < X + 3200
    assert not any(one.get("type") for one in network["nodes"])
    assert network["accuracy"] == pytest.approx(177.5)
    assert "250\xa0m" in network["accuracyDetails"]
    assert not any("deployment" in one for one in network["spans"])


def test_a_result_by_the_standard(finished: Path) -> None:
    tables, manifest = read_tables(finished), read_manifest(finished)
    for exact in (False, True):
        package = ofds_network(tables, manifest, exact=exact)
        network = sound(package)
        assert not errors(package)
        assert network["crs"]["name"] == "urn:ogc:def:crs:OGC::CRS84"
        names = [one["name"] for one in network["phases"]]
        assert len(set(names)) == len(names)
        ranks = tables["priority_areas"].set_index("area_id")["rank"]
        order = [ranks[one["id"]] for one in network["phases"]]
        assert order == sorted(order)
    total = sum(one["fibreLength"] for one in network["spans"])
    assert total == pytest.approx(tables["trench"]["length_m"].sum() / 1000, abs=0.01)


def test_a_small_group_is_not_told(finished: Path) -> None:
    tables, manifest = dict(read_tables(finished)), read_manifest(finished)
    areas = tables["priority_areas"].copy()
    areas["households"] = 2
    tables["priority_areas"] = areas
    assert manifest["settings"]["publication"]["detail"] == "public"
    hidden = ofds_network(tables, manifest)["networks"][0]["phases"]
    assert all("description" not in one for one in hidden)
    inside = copy.deepcopy(manifest)
    inside["settings"]["publication"]["detail"] = "internal"
    coarse = ofds_network(tables, inside)["networks"][0]["phases"]
    assert all("description" not in one for one in coarse)
    told = ofds_network(tables, inside, exact=True)["networks"][0]["phases"]
    assert any("2\xa0hushåll" in one["description"] for one in told if "description" in one)


def test_our_own_reader_reads_it_back(tmp_path: Path) -> None:
    package = ofds_network({"trench": fork()}, MANIFEST, exact=True)
    path = tmp_path / "network.json"
    write_ofds(package, path)
    assert is_ofds(path)
    # What is proposed is no existing fibre: the reader says so.
    with pytest.raises(EmptyLayerError, match="proposed"):
        read_ofds(path)
    built = json.loads(path.read_text(encoding="utf-8"))
    for one in built["networks"][0]["spans"]:
        one["status"] = "operational"
    path.write_text(json.dumps(built), encoding="utf-8")
    read = read_ofds(path)
    assert len(read.spans) == 5
    assert len(read.nodes) == 6
    assert set(read.spans["network"]) == {"Provlän: föreslaget fibernät 2024"}
    length = read.spans.to_crs(3006).length.sum()
    assert length == pytest.approx(fork()["length_m"].sum(), rel=1e-4)


def test_the_same_result_has_the_same_id() -> None:
    one = ofds_network({"trench": fork()}, MANIFEST)["networks"][0]
    assert one == ofds_network({"trench": fork()}, MANIFEST)["networks"][0]
    exact = ofds_network({"trench": fork()}, MANIFEST, exact=True)["networks"][0]
    assert one["id"] != exact["id"]


def test_aerial_cable_hangs_above_the_ground() -> None:
    trench = fork()
    trench.loc[trench["edge_id"] == 1, "surface"] = "aerial"
    trench.loc[trench["edge_id"] == 3, "surface"] = "aerial"
    network = ofds_network({"trench": trench}, MANIFEST, exact=True)["networks"][0]
    deployed = {tuple(sorted((one["start"], one["end"]))): one["deployment"]
                for one in network["spans"]}  # fmt: skip
    assert deployed["n1", "n3"] == ["aboveGround", "belowGround"]
    assert deployed["n4", "n5"] == ["aboveGround"]
    assert deployed["n3", "n4"] == ["belowGround"]


def test_rings_and_lines_that_meet_twice() -> None:
    # Two ways from 1 to 2 that snap to a ring, and a ring by itself.
    ring = trench_of([
        (1, 2, [(0, 0), (0, 1000), (1000, 1000)], 9, 9, "A"),
        (1, 3, [(0, 0), (1000, 0), (1000, 1000)], 9, 9, "A"),
        (4, 5, [(5000, 0), (6000, 0), (6000, 1000), (5000, 1000)], 9, 9, "A"),
        (5, 6, [(5000, 1000), (5000, 0)], 9, 9, "A"),
    ])  # fmt: skip
    for exact in (False, True):
        package = ofds_network({"trench": ring}, MANIFEST, exact=exact)
        network = sound(package)
        assert not errors(package)
        total = sum(one["fibreLength"] for one in network["spans"])
        assert total == pytest.approx(8.0)
    loop = trench_of([
        (1, 2, [(0, 0), (1000, 0)], 9, 9, "A"),
        (2, 3, [(1000, 0), (2000, 0), (2000, 1000), (1000, 1000), (1000, 0)], 9, 9, "A"),
    ])  # fmt: skip
    package = ofds_network({"trench": loop}, MANIFEST)
    assert not errors(package)
    assert sum(one["fibreLength"] for one in sound(package)["spans"]) == pytest.approx(5.0)


@pytest.mark.parametrize("corner", range(4))
def test_a_ring_begins_where_its_node_lies(corner: int) -> None:
    ring = [(1000, 0), (2000, 0), (2000, 1000), (1000, 1000)]
    turned = [*ring[corner:], *ring[:corner], ring[corner]]
    east, north = ring[corner]
    away = (east + (-1000 if east == 1000 else 1000), north)
    trench = trench_of([
        (1, 2, [away, ring[corner]], 9, 9, "A"), (2, 3, turned, 9, 9, "A")
    ])  # fmt: skip
    network = sound(ofds_network({"trench": trench}, MANIFEST))
    assert len(network["spans"]) == 2
    for span in network["spans"]:
        drawn = gpd.GeoSeries([LineString(span["route"]["coordinates"])], crs=4326).to_crs(3006)
        assert drawn.length.iloc[0] / 1000 == pytest.approx(span["fibreLength"], abs=0.005)


def test_edges_that_lie_between_the_same_places() -> None:
    def turned(*edges: tuple[int, int, int, int]) -> list[bool]:
        return ofds_export._turned(*np.array(edges).T).tolist()

    # Out and back: the second begins where the first ends, however both are drawn.
    assert turned((1, 2, 0, 1), (2, 3, 0, 1)) == [False, True]
    assert turned((1, 2, 0, 1), (2, 3, 1, 0)) == [False, False]
    assert turned((1, 2, 0, 1), (2, 3, 0, 1), (3, 4, 0, 1)) == [False, True, False]
    assert turned((1, 2, 0, 1), (2, 3, 2, 1), (3, 4, 2, 3)) == [False, True, False]


@settings(max_examples=25)
@given(st.data())
def test_any_tree_keeps_its_length_and_its_ends(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25))
    edges: list[Any] = []
    places = {0: (0.0, 0.0)}
    children: dict[int, list[int]] = {node: [] for node in range(count + 1)}
    for node in range(1, count + 1):
        parent = data.draw(st.integers(0, node - 1))
        children[parent].append(node)
        places[node] = (float(400 * node), float(400 * data.draw(st.integers(-9, 9)) + node))
        line = [places[parent], places[node]]
        edges.append([parent, node, line if data.draw(st.booleans()) else line[::-1]])
    held = [data.draw(st.integers(0, 1)) for _ in range(count + 1)]

    def below(node: int) -> int:
        return held[node] + sum(below(child) for child in children[node])

    areas = data.draw(st.lists(st.sampled_from("AB"), min_size=count, max_size=count))
    trench = trench_of([(a, b, line, 9, below(b), area)
                        for (a, b, line), area in zip(edges, areas, strict=True)])  # fmt: skip
    network = sound(ofds_network({"trench": trench}, MANIFEST, exact=True))
    total = sum(one["fibreLength"] for one in network["spans"])
    assert total == pytest.approx(trench["length_m"].sum() / 1000, abs=0.001 * count)
    if count > 1:  # of a single edge, either end may be either node
        degrees = [one["location"]["coordinates"] for one in network["nodes"]]
        placed = gpd.GeoSeries(shapely.points(degrees), crs=4326).to_crs(3006)
        true = [places[int(one["id"][1:])] for one in network["nodes"]]
        assert shapely.get_coordinates(placed.to_numpy()) - [X, Y] == pytest.approx(
            np.array(true), abs=0.1
        )
    known = {f"n{node}" for node in range(count + 1)}
    assert {one["id"] for one in network["nodes"]} <= known
    degree = pd.Series([name for one in network["spans"] for name in (one["start"], one["end"])])
    of_node = degree.value_counts()
    into = dict(zip(trench["to_node"], trench["area_id"], strict=True))
    for node in range(1, count + 1):
        there = f"n{node}" in of_node
        out = {areas[child - 1] for child in children[node]}
        plain = len(children[node]) == 1 and not held[node] and out == {into[node]}
        assert there == (not plain)
        if there:
            assert of_node[f"n{node}"] == len(children[node]) + 1
    hanging = {one["id"] for one in network["nodes"] if one.get("type")}
    assert hanging == {f"n{node}" for node in range(1, count + 1) if held[node]}


def test_without_trench_it_says_so() -> None:
    for tables in ({}, {"trench": fork().iloc[:0]}):
        with pytest.raises(EmptyLayerError, match="no new trench"):
            ofds_network(tables, MANIFEST)
    lonely = fork().assign(households_below=1)
    with pytest.raises(EmptyLayerError, match="may be shown"):
        ofds_network({"trench": lonely}, MANIFEST)


def test_complete_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "n.json"
    path.write_text("earlier", encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(GeodataError, match="No space left"):
        write_ofds({"networks": []}, path)
    assert path.read_text(encoding="utf-8") == "earlier"
    assert [one.name for one in tmp_path.iterdir()] == ["n.json"]


def test_the_command_writes_it(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    done = CliRunner().invoke(ofds, [str(finished), "--out", str(path)])
    assert done.exit_code == 0, done.output
    assert "sträckor" in done.output
    assert "internt" not in done.output
    coarse = json.loads(path.read_text(encoding="utf-8"))
    assert not errors(coarse)
    done = CliRunner().invoke(ofds, [str(finished), "--out", str(path), "--exact", "--lang", "en"])
    assert "not for spreading" in done.output
    assert json.loads(path.read_text(encoding="utf-8")) != coarse
