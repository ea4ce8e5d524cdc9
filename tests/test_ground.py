"""What the ground does to the price of trench, by hand on small rasters and a small region."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import small_region
from bredband import Region, run
from bredband.buildout import Buildout, plan_buildout, weigh_trench
from bredband.cost import cost_table
from bredband.forest import hang
from bredband.ground import Ground, friction, price_lines, price_ways
from bredband.inputs import find_status, read_inputs
from bredband.prices import Prices
from bredband.quantities import add_up, bill_of_network
from bredband.region import RegionError
from bredband.settings_ground import GroundClass, GroundSettings, ProtectedRule
from bredband.tables import REACH, TRENCH, check_table
from bredband.uncertainty import cost_quantities
from bredband_gis.errors import BadValueError, NoCrsError, WrongCrsError
from bredband_gis.files import Source
from bredband_gis.surface import UNLISTED, Grid, lay_on_grid
from rasterio import Affine
from shapely.geometry import LineString, Point, box
from small_region import CRS, X, Y

if TYPE_CHECKING:
    from pathlib import Path

LAKE = {"value": 300.0, "unit": "SEK/m", "source": "the contractor's offer", "mark": "F"}


def write_raster(
    path: Path,
    pixels: Any,
    *,
    west: float = X,
    north: float = Y + 250,
    size: float = 500.0,
    crs: str | None = CRS,
    nodata: float | None = 0,
) -> Source:
    pixels = np.asarray(pixels)
    rows, columns = pixels.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=1, dtype=pixels.dtype,
        crs=crs, nodata=nodata, transform=Affine(size, 0, west, 0, -size, north),
    ) as raster:  # fmt: skip
        raster.write(pixels, 1)
    return Source(path)


def forest(**more: Any) -> GroundClass:
    return GroundClass(**{"layer": "land_cover", "name": "forest", "values": [1], **more})


def along(
    ground: Ground,
    *points: tuple[float, float],
    surface: str = "soft",
    prices: Prices | None = None,
) -> list[tuple[float, float, str, str, float, float]]:
    """Give start, stop, surface, ground, factor and price along one line."""
    line = np.array([LineString([(X + x, Y + y) for x, y in points])], dtype=object)
    found = price_lines(ground, line, pd.Series([surface]), prices=prices or Prices(), crs=CRS)
    return [
        (round(start, 6), round(stop, 6), *found.table.iloc[row][["surface", "ground"]],
         *(round(float(v), 6) for v in found.table.iloc[row][["ground_factor", "price_sek_per_m"]]))
        for start, stop, row in zip(
            found.stretches.start, found.stretches.stop, found.stretches.code, strict=True
        )
    ]  # fmt: skip


# --- prices along roads, by hand -------------------------------------------------------


def test_factors_multiply_and_the_dearest_item_wins(tmp_path: Path) -> None:
    # 500 m cells along the line:      0-500  500-1000  1000-1500  1500-2000
    cover = write_raster(tmp_path / "cover.tif", np.array([[1, 1, 2, 0]], "uint8"))
    soil = write_raster(tmp_path / "soil.tif", np.array([[7, 8, 8, 9]], "uint8"))
    ground = Ground(
        GroundSettings(
            classes=[
                forest(road_factor=1.5, trench="plough"),
                GroundClass(layer="soil", name="bedrock", values=[8], trench="rock"),
                GroundClass(layer="soil", name="peat", values=[7], road_factor=2.0),
            ]
        ),
        {"land_cover": [cover], "soil": [soil]},
    )
    assert along(ground, (0, 0), (2000, 0)) == [
        # Forest's ploughing at 55, times 1.5 and times 2 for peat.
        (0, 500, "plough", "forest+peat", 3.0, 165.0),
        # Of plough and rock the dearer: 1 000, times 1.5.
        (500, 1000, "rock", "forest+bedrock", 1.5, 1500.0),
        (1000, 1500, "rock", "bedrock", 1.0, 1000.0),
        # Neither: the road's own surface, though a raster holds no data here.
        (1500, 2000, "soft", "", 1.0, 150.0),
    ]


def test_slopes_are_classes_too(tmp_path: Path) -> None:
    # Level for 1 000 m, then 20 % up.
    heights = np.concatenate([np.zeros(20), 10.0 * np.arange(1, 21)])[None, :].repeat(3, 0)
    raster = write_raster(
        tmp_path / "h.tif", heights.astype("float32"), size=50.0, north=Y + 75, nodata=-9999
    )
    ground = Ground(
        GroundSettings(
            slope_step_m=100.0,
            classes=[GroundClass(layer="slope", name="steep", at_least=15, road_factor=1.4)],
        ),
        {"slope": [raster]},
    )
    assert along(ground, (50, 0), (1950, 0)) == [
        (0, 900, "soft", "", 1.0, 150.0),
        (900, 1900, "soft", "steep", 1.4, 210.0),
    ]


def test_of_protected_areas_the_severest_counts() -> None:
    areas = gpd.GeoDataFrame(
        {"kind": ["Naturreservat", "NATIONALPARK ", "natura 2000", "biotop"]},
        geometry=[
            box(X + 100, Y - 50, X + 400, Y + 50), box(X + 300, Y - 50, X + 600, Y + 50),
            box(X + 350, Y - 50, X + 380, Y + 50), box(X + 800, Y - 50, X + 900, Y + 50),
        ],
        crs=CRS,
    )  # fmt: skip
    rules = [
        ProtectedRule(name="reserve", kind="naturreservat", road_factor=2.0),
        ProtectedRule(name="park", kind="Nationalpark", road_factor=3.0, closed=True),
        ProtectedRule(name="natura", kind="Natura 2000", roads_closed=True),
    ]
    ground = Ground(GroundSettings(protected=rules), protected=areas)
    found = along(ground, (0, 0), (1000, 0))
    assert found == [
        (0, 100, "soft", "", 1.0, 150.0),
        (100, 300, "soft", "reserve", 2.0, 300.0),
        (300, 350, "soft", "park", 3.0, 450.0),
        (350, 380, "soft", "natura", 1.0, np.inf),
        (380, 600, "soft", "park", 3.0, 450.0),
        (600, 1000, "soft", "", 1.0, 150.0),
    ]
    # The biotope is in no rule, and that is told.
    line = np.array([LineString([(X, Y), (X + 1000, Y)])], dtype=object)
    told = price_lines(ground, line, pd.Series(["soft"]), prices=Prices(), crs=CRS).findings
    assert [(f.rule, f.layer, "biotop" in f.message) for f in told] == [
        ("protected-without-rule", "protected", True)
    ]
    others = [*rules, ProtectedRule(name="other", road_factor=1.1)]
    ground = Ground(GroundSettings(protected=others), protected=areas)
    assert (800, 900, "soft", "other", 1.1, 165.0) in along(ground, (0, 0), (1000, 0))


def test_what_rasters_do_not_cover_is_counted(tmp_path: Path) -> None:
    cover = write_raster(tmp_path / "a.tif", np.array([[1, 5, 0]], "uint8"))
    ground = Ground(GroundSettings(classes=[forest(road_factor=2)]), {"land_cover": [cover]})
    lines = np.array(
        [LineString([(X - 500, Y), (X + 2000, Y)]), LineString([(X, Y), (X + 100, Y)])],
        dtype=object,
    )
    found = price_lines(ground, lines, pd.Series(["soft"] * 2), prices=Prices(), crs=CRS)
    told = {finding.rule: finding for finding in found.findings}
    assert told["ground-not-covered"].message.startswith("1.5 of 2.6 km of road")
    assert told["ground-not-covered"].rows == 1
    assert told["ground-not-covered"].severity == "warning"
    assert told["ground-unlisted-value"].message.startswith("0.5 of 2.6 km of road")
    assert told["ground-not-covered"].layer == "land_cover"


def test_several_rasters_of_a_layer(tmp_path: Path) -> None:
    west = write_raster(tmp_path / "w.tif", np.array([[1, 1]], "uint8"))
    east = write_raster(tmp_path / "e.tif", np.array([[2, 2]], "uint8"), west=X + 500)
    ground = Ground(
        GroundSettings(classes=[forest(road_factor=2), forest(name="bog", values=[2])]),
        {"land_cover": [west, east]},
    )
    # Where both are, the first.
    found = along(ground, (0, 0), (2000, 0))
    assert [(a, b, name) for a, b, _, name, _, _ in found] == [
        (0, 1000, "forest"), (1000, 1500, "bog"), (1500, 2000, ""),
    ]  # fmt: skip


# --- prices where there is no road -----------------------------------------------------


def over_land(ground: Ground, grid: Grid, *, ends: tuple[int, ...] = ()) -> pd.DataFrame:
    """Give what each cell of a grid of one row costs."""
    prices = Prices.model_validate({"water": {"lake_cable": LAKE, "sea_cable": LAKE}})
    cells = friction(ground, grid, np.array(ends, dtype=np.int64), prices=prices, crs=CRS)
    line = LineString([(grid.west, grid.north - grid.cell_m / 2),
                       (grid.bounds[2], grid.north - grid.cell_m / 2)])  # fmt: skip
    cut = lay_on_grid([line], cells.code, west=grid.west, north=grid.north, cell_m=grid.cell_m)
    told = price_ways(ground, cut, prices)
    table = told.table.iloc[told.stretches.code].reset_index(drop=True)
    table["metres"] = told.stretches.length
    price = np.repeat(table["price_sek_per_m"], (table["metres"] / grid.cell_m).round().astype(int))
    assert price.tolist() == cells.price[0].tolist()
    return table


def test_cells_over_land_by_hand(tmp_path: Path) -> None:
    # 100 m cells: forest, bog (closed), forest, forest, no data, unlisted, forest, forest.
    cover = write_raster(
        tmp_path / "c.tif", np.array([[1, 2, 1, 1, 0, 9, 1, 1]], "uint8"), size=100.0, north=Y
    )
    soil = write_raster(
        tmp_path / "s.tif", np.array([[0, 0, 5, 6, 5, 0, 0, 0]], "uint8"), size=100.0, north=Y
    )
    water = gpd.GeoDataFrame(
        {"kind": ["Sjö", "Hav"]},
        geometry=[box(X + 600, Y - 100, X + 700, Y), box(X + 700, Y - 100, X + 800, Y)],
        crs=CRS,
    )
    classes = [
        forest(overland="soft", overland_factor=1.2),
        forest(name="bog", values=[2], overland_factor=9.0),
        GroundClass(layer="soil", name="bedrock", values=[5], overland="rock"),
        GroundClass(layer="soil", name="clay", values=[6], overland="plough", overland_factor=2),
    ]
    ground = Ground(
        GroundSettings(overland=True, elsewhere="plough", lake="lake_cable", classes=classes),
        {"land_cover": [cover], "soil": [soil]},
        water,
    )
    table = over_land(ground, Grid(X, Y, 100.0, 1, 8))
    found = table[["surface", "ground", "ground_factor", "price_sek_per_m", "road_class"]]
    assert found.to_numpy().tolist() == [
        ["soft", "forest", 1.2, 180.0, "overland"],
        ["closed", "bog", 9.0, np.inf, "overland"],
        ["rock", "forest+bedrock", 1.2, 1200.0, "overland"],  # the dearer of soft and rock
        ["soft", "forest+clay", 2.4, 360.0, "overland"],  # soft is dearer than plough
        ["rock", "bedrock", 1.0, 1000.0, "overland"],
        ["plough", "", 1.0, 55.0, "overland"],  # elsewhere
        ["lake_cable", "lake", 1.0, 300.0, "water"],  # land classes do nothing in water
        ["closed", "sea", 1.0, np.inf, "water"],  # no item named
    ]
    # A building in a closed cell: ways begin there all the same.
    opened = over_land(ground, Grid(X, Y, 100.0, 1, 8), ends=(1, 7, 0))
    assert opened["price_sek_per_m"].tolist() == [180.0, 55.0, 1200, 360, 1000, 55, 300, 55]


def test_protected_areas_over_land() -> None:
    areas = gpd.GeoDataFrame(
        {"kind": ["park", "reserve"]},
        geometry=[box(X + 110, Y - 60, X + 120, Y - 40), box(X + 300, Y - 100, X + 400, Y)],
        crs=CRS,
    )
    rules = [
        ProtectedRule(name="park", kind="park", closed=True),
        ProtectedRule(name="reserve", kind="reserve", overland_factor=4.0),
    ]
    ground = Ground(GroundSettings(overland=True, protected=rules), protected=areas)
    table = over_land(ground, Grid(X, Y, 100.0, 1, 5))
    # A closed area closes every cell that it touches, a dearer one those whose middle it holds.
    assert table[["ground", "price_sek_per_m", "metres"]].to_numpy().tolist() == [
        ["", 150.0, 100.0], ["park", np.inf, 100.0], ["", 150.0, 100.0],
        ["reserve", 600.0, 100.0], ["", 150.0, 100.0],
    ]  # fmt: skip
    # Even a building does not open it.
    assert over_land(ground, Grid(X, Y, 100.0, 1, 5), ends=(1,))["price_sek_per_m"][1] == np.inf


def test_slopes_over_land(tmp_path: Path) -> None:
    heights = np.concatenate([np.zeros(4), 30.0 * np.arange(1, 5)])[None, :].repeat(4, 0)
    raster = write_raster(
        tmp_path / "h.tif", heights.astype("float32"), size=100.0, north=Y, nodata=-9999
    )
    steep = GroundClass(layer="slope", name="steep", at_least=20, overland="closed")
    ground = Ground(GroundSettings(overland=True, classes=[steep]), {"slope": [raster]})
    cells = friction(
        ground, Grid(X, Y, 100.0, 4, 8), np.empty(0, np.int64), prices=Prices(), crs=CRS, extra=7.0
    )
    # 0 0 0 15 30 30 30 30 % eastwards; and what else goes by the metre is added.
    assert cells.price[1].tolist() == [157.0] * 4 + [np.inf] * 4
    assert (cells.code >= 0).all()
    assert UNLISTED == -1


# --- the whole build-out ---------------------------------------------------------------


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    region = Region.read(small_region.write(tmp_path_factory.mktemp("ground") / "in"))
    inputs = read_inputs(region)
    return {
        "region": region,
        "inputs": inputs,
        "status": find_status(region, inputs),
    }


def build(tables: dict[str, Any], ground: Ground | None, **more: Any) -> Buildout:
    inputs = tables["inputs"]
    given = {
        "settings": tables["region"].buildout,
        "prices": tables["region"].prices,
        "fibre": inputs.fibre,
        "ground": ground,
        "roads": inputs.roads,
        **more,
    }
    roads = given.pop("roads")
    built = plan_buildout(tables["status"], roads, inputs.municipalities, **given)
    check_table(built.trench.assign(area_id=""), TRENCH, where="trench")
    check_table(built.reach, REACH, where="reach")
    # A forest, parents before children, with everybody on it.
    hang(built.trench, built.reach[built.reach["reach"].isin(["trench", "at_fibre"])])
    assert built.trench["cost_sek"].sum() == pytest.approx(built.trench_sek)
    metres = built.trench.length
    assert built.trench["length_m"].to_numpy() == pytest.approx(metres.to_numpy(), abs=1e-6)
    price = built.trench["length_m"] * built.trench["price_sek_per_m"]
    assert built.trench["cost_sek"].to_numpy() == pytest.approx(price.to_numpy())
    assert built.lower_bound_sek <= built.routed_sek * (1 + 1e-9)
    return built


def test_without_anything_said_of_the_ground_nothing_changes(tables: dict[str, Any]) -> None:
    one, other = build(tables, None), build(tables, Ground())
    for table in ("trench", "reach", "components"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))
    assert (one.trench_sek, one.lower_bound_sek) == (other.trench_sek, other.lower_bound_sek)
    assert one.routed_sek == one.trench_sek
    assert set(one.trench["ground"]) == {""}
    assert set(one.trench["ground_factor"]) == {1.0}
    assert tables["inputs"].ground == Ground()


def covered(tmp_path: Path, values: list[int], **classes: Any) -> Ground:
    """Lay cells of 500 m along the road, from its western end, and 20 rows of them north."""
    pixels = np.tile(np.array(values, "uint8"), (21, 1))
    cover = write_raster(tmp_path / "cover.tif", pixels, north=Y + 10_250)
    made = [GroundClass(layer="land_cover", name=name, **about) for name, about in classes.items()]
    return Ground(GroundSettings(classes=made), {"land_cover": [cover]})


def test_trench_is_parted_where_the_ground_changes(tables: dict[str, Any], tmp_path: Path) -> None:
    # Forest from 5 000 to 7 000 m, rock from 10 000 m on.
    values = [9] * 10 + [1] * 4 + [9] * 6 + [2] * 20
    ground = covered(
        tmp_path, values, forest={"values": [1], "road_factor": 2.0},
        bedrock={"values": [2], "trench": "rock"},
    )  # fmt: skip
    built, plain = build(tables, ground), build(tables, None)
    trench = built.trench
    assert trench["length_m"].sum() == pytest.approx(plain.trench["length_m"].sum())
    by = trench.groupby(["surface", "ground"])["length_m"].sum()
    assert by["road_edge", "forest"] == pytest.approx(2000)
    assert by["rock", "bedrock"] == pytest.approx(3000)
    assert by["soft", ""] == pytest.approx(3000)
    assert built.trench_sek == pytest.approx(plain.trench_sek + 2000 * 250 + 3000 * (1000 - 250))
    # Each row lies in one kind of ground: its ends do, and its price is the item's.
    east = trench.geometry.bounds[["minx", "maxx"]].to_numpy() - X
    forest = (trench["ground"] == "forest").to_numpy()
    assert east[forest].min() >= 5000 - 1e-6
    assert east[forest].max() <= 7000 + 1e-6
    assert set(trench["price_sek_per_m"][forest]) == {500.0}
    assert set(trench["ground_factor"][forest]) == {2.0}
    # Pieces of an edge serve the same premises, and follow each other from the fibre on.
    first = trench[trench["from_node"].isin(set(trench["from_node"]) - set(trench["to_node"]))]
    assert first["households_below"].tolist() == [6]
    assert first.geometry.iloc[0].distance(Point(X + 4000, Y)) < 50
    assert trench["to_node"].is_unique
    by_distance = trench[trench["road_class"] == "tertiary"].sort_values("edge_id")
    assert (by_distance.geometry.bounds["minx"].diff().dropna() > -1e-6).all()
    pd.testing.assert_frame_equal(built.reach, plain.reach)


def test_twice_the_factor_is_twice_the_price(tables: dict[str, Any], tmp_path: Path) -> None:
    costs = [
        build(tables, covered(tmp_path, [1] * 40, all={"values": [1], "road_factor": factor}))
        for factor in (1.0, 2.0)
    ]
    assert costs[1].trench_sek == pytest.approx(2 * costs[0].trench_sek)
    assert costs[0].trench_sek == pytest.approx(build(tables, None).trench_sek)


def test_dear_ground_is_gone_round(tables: dict[str, Any], tmp_path: Path) -> None:
    """A second road, 1 100 m longer, is taken where the first is dear."""
    away = [(X + 3900, Y), (X + 3900, Y - 500), (X + 5500, Y - 500), (X + 5500, Y)]
    detour = gpd.GeoDataFrame({"road_class": ["tertiary"]}, geometry=[LineString(away)], crs=CRS)
    roads = pd.concat([tables["inputs"].roads, detour], ignore_index=True)
    pixels = np.full((2, 40), 9, "uint8")
    pixels[0, 8:10] = 1  # along the road from 4 000 to 5 000 m
    cover = write_raster(tmp_path / "c.tif", pixels)
    ground = Ground(GroundSettings(classes=[forest(road_factor=3.0)]), {"land_cover": [cover]})
    plain, dear = build(tables, None, roads=roads), build(tables, ground, roads=roads)
    assert dear.trench["length_m"].sum() == pytest.approx(plain.trench["length_m"].sum() + 1100)
    assert set(dear.trench["ground"]) == {""}
    # 1 500 m of road at 250, of which 1 000 m trebled, or 2 600 m of detour.
    assert dear.trench_sek == pytest.approx(plain.trench_sek + 1100 * 250)


def test_closed_roads_are_not_followed(tables: dict[str, Any]) -> None:
    areas = gpd.GeoDataFrame({"kind": ["park"]}, geometry=[box(X + 8500, Y - 99, X + 8600, Y + 99)],
                             crs=CRS)  # fmt: skip
    rule = ProtectedRule(name="park", road_factor=5.0)
    dear = build(tables, Ground(GroundSettings(protected=[rule]), protected=areas))
    inside = dear.trench[dear.trench["ground"] == "park"]
    assert inside["length_m"].sum() == pytest.approx(100)
    assert set(inside["price_sek_per_m"]) == {1250.0}
    shut = rule.model_copy(update={"roads_closed": True})
    closed = build(tables, Ground(GroundSettings(protected=[shut]), protected=areas))
    reach = closed.reach.set_index("premises_id")["reach"]
    assert reach[["c", "d"]].tolist() == ["trench", "trench"]
    assert reach[["e", "i"]].tolist() == ["no_fibre", "no_fibre"]
    assert np.isfinite(closed.trench["cost_sek"]).all()


# --- ways over land, to an island -----------------------------------------------------

LAND = {"overland": True, "max_overland_m": 8000.0, "cell_m": 50.0}


def lake(south: float, north: float) -> gpd.GeoDataFrame:
    """A lake across the whole region, between the road and the building g, 4 km north of it."""
    return gpd.GeoDataFrame(
        {"kind": ["lake"]},
        geometry=[box(X - 9000, Y + south, X + 29_000, Y + north)], crs=CRS,
    )  # fmt: skip


def water_prices() -> Prices:
    return Prices.model_validate({"water": {"lake_cable": LAKE}})


def test_a_building_without_a_road_is_reached_over_land(tables: dict[str, Any]) -> None:
    built, plain = build(tables, Ground(GroundSettings(**LAND))), build(tables, None)
    reach = built.reach.set_index("premises_id")
    assert plain.reach.set_index("premises_id")["reach"]["g"] == "no_road"
    assert reach.loc["g", ["reach", "road_distance_m"]].tolist() == ["trench", 0.0]
    over = built.trench[built.trench["road_class"] == "overland"]
    # g lies at (18 000, 4 000), the trench along the road ends at 13 000: over land the whole
    # way at 150 a metre, which is less than along the road at 250.
    assert over["length_m"].sum() == pytest.approx(np.hypot(5000, 4000), rel=0.02)
    assert set(over["surface"]) == {"soft"}
    assert set(over["price_sek_per_m"]) == {150.0}
    assert over["households_below"].min() == 1
    last = over.iloc[-1]
    assert last.geometry.distance(Point(X + 18_000, Y + 4000)) < 1e-6
    assert reach.loc["g", "node"] == last["to_node"]
    # The others as before.
    others = plain.reach[plain.reach["premises_id"] != "g"]
    assert reach.loc[others["premises_id"], "reach"].tolist() == others["reach"].tolist()


def test_an_island_by_lake_cable(tables: dict[str, Any]) -> None:
    settings = GroundSettings(**LAND, lake="lake_cable")
    # Water from 1 000 to 3 000 m north of the road, on 50 m cells exactly.
    ground = Ground(settings, water=lake(1000, 3000))
    built = build(tables, ground, prices=water_prices())
    new = built.trench[built.trench["road_class"].isin(["overland", "water"])]
    wet = new[new["road_class"] == "water"]
    assert set(wet["surface"]) == {"lake_cable"}
    assert set(wet["ground"]) == {"lake"}
    assert set(wet["price_sek_per_m"]) == {300.0}
    # The shore is where the price changes: no row lies on both sides.
    north = wet.geometry.bounds[["miny", "maxy"]].to_numpy() - Y
    assert north.min() == pytest.approx(1000, abs=1e-6)
    assert north.max() == pytest.approx(3000, abs=1e-6)
    # Straight over the lake would be the angle of the shortest way; the cable is dear, so it
    # crosses at a steeper one, and never shorter than the lake is wide.
    assert 2000 <= wet["length_m"].sum() < 2000 * np.hypot(5000, 4000) / 4000
    # Snell's law with prices: sin a / sin b = 150 / 300, found by trying every crossing.
    best = np.inf
    for first in np.linspace(0, 5000, 501):  # metres along the road that the shores are apart
        dry = np.linspace(0, 5000 - first, 251)
        cost = (
            150 * np.hypot(1000, dry) + 300 * np.hypot(2000, first)
            + 150 * np.hypot(1000, 5000 - first - dry)
        )  # fmt: skip
        best = min(best, cost.min())
    more = built.trench_sek - build(tables, None).trench_sek
    assert best <= more * (1 + 1e-6)
    assert more == pytest.approx(best, rel=0.01)


def test_closed_water_and_closed_land_keep_people_apart(tables: dict[str, Any]) -> None:
    # No item for lakes: closed, and nowhere round.
    built = build(tables, Ground(GroundSettings(**LAND), water=lake(1000, 3000)))
    assert built.reach.set_index("premises_id")["reach"]["g"] == "no_road"
    assert built.reach.set_index("premises_id")["node"]["g"] == -1
    # A closed protected area is gone round, and touched nowhere.
    park = box(X + 14_000, Y + 1500, X + 18_900, Y + 2500)
    areas = gpd.GeoDataFrame({"kind": ["park"]}, geometry=[park], crs=CRS)
    rule = ProtectedRule(name="park", closed=True)
    round_ = build(tables, Ground(GroundSettings(**LAND, protected=[rule]), protected=areas))
    over = round_.trench[round_.trench["road_class"] == "overland"]
    assert round_.reach.set_index("premises_id")["reach"]["g"] == "trench"
    assert not over.intersects(park.buffer(-1e-6)).any()  # its corner may be touched
    straight = build(tables, Ground(GroundSettings(**LAND)))
    assert round_.trench_sek > straight.trench_sek
    # Dearer but open: paid or gone round, whichever costs less.
    open_ = rule.model_copy(update={"closed": False, "overland_factor": 1.1})
    paid = build(tables, Ground(GroundSettings(**LAND, protected=[open_]), protected=areas))
    assert straight.trench_sek < paid.trench_sek <= round_.trench_sek * (1 + 1e-9)
    inside = paid.trench[paid.trench["ground"] == "park"]
    assert set(inside["price_sek_per_m"]) == {150.0 * 1.1}


def test_a_building_in_a_closed_area_is_told(tables: dict[str, Any]) -> None:
    areas = gpd.GeoDataFrame(
        {"kind": ["park"]}, geometry=[Point(X + 18_000, Y + 4000).buffer(300)], crs=CRS
    )
    rule = ProtectedRule(name="park", closed=True)
    built = build(tables, Ground(GroundSettings(**LAND, protected=[rule]), protected=areas))
    assert built.reach.set_index("premises_id")["reach"]["g"] == "no_road"
    assert [(f.rule, f.rows) for f in built.findings] == [("ground-closed-place", 1)]


def test_an_island_with_roads_of_its_own(tables: dict[str, Any]) -> None:
    """Its road holds no fibre; one cable joins everybody on it."""
    island = gpd.GeoDataFrame(
        {"road_class": ["track"]},
        geometry=[LineString([(X + 16_000, Y + 4000), (X + 18_500, Y + 4000)])], crs=CRS,
    )  # fmt: skip
    roads = pd.concat([tables["inputs"].roads, island], ignore_index=True)
    plain = build(tables, None, roads=roads)
    assert plain.reach.set_index("premises_id")["reach"]["g"] == "no_fibre"
    ground = Ground(GroundSettings(**LAND, lake="lake_cable"), water=lake(1000, 3000))
    built = build(tables, ground, roads=roads, prices=water_prices())
    reach = built.reach.set_index("premises_id")
    assert reach["reach"]["g"] == "trench"
    assert reach["road_distance_m"]["g"] == pytest.approx(0, abs=1e-6)
    # It lands where the way is shortest, and goes on in the island's own road or beside it.
    assert (built.trench["road_class"] == "water").any()
    assert built.trench_sek < 2000 * 300 + 20_000 * 250


def test_places_farther_than_asked_stay_without(tables: dict[str, Any]) -> None:
    built = build(tables, Ground(GroundSettings(**{**LAND, "max_overland_m": 3900.0})))
    assert built.reach.set_index("premises_id")["reach"]["g"] == "no_road"


def test_buildings_in_one_spot_share_the_way(tables: dict[str, Any]) -> None:
    status = tables["status"]
    twin = status[status["premises_id"] == "g"].assign(premises_id="g2")
    more = {**tables, "status": pd.concat([status, twin], ignore_index=True)}
    built = build(more, Ground(GroundSettings(**LAND)))
    reach = built.reach.set_index("premises_id")
    assert reach.loc[["g", "g2"], "reach"].tolist() == ["trench", "trench"]
    assert reach.loc["g", "node"] == reach.loc["g2", "node"]
    one = build(tables, Ground(GroundSettings(**LAND)))
    assert built.trench_sek == pytest.approx(one.trench_sek)
    assert built.trench["premises_below"].max() == one.trench["premises_below"].max() + 1


# --- what goes by the metre steers -----------------------------------------------------


def test_weight_is_what_an_edge_adds_to_the_capex(tables: dict[str, Any]) -> None:
    book = Prices().model_dump()
    for changes in (
        {},
        {"duct": {**book["duct"], "quantity": 2.7},
         "manhole": {**book["manhole"], "quantity": 0.67}},
        {"colaying_share": {**book["colaying_share"], "value": 0.3}},
        {"colaying_share": {**book["colaying_share"], "value": 0.3},
         "colaying_contribution": {**book["colaying_contribution"], "quantity": 1.0},
         "permit": {**book["permit"], "quantity": 1.0}},
    ):  # fmt: skip
        prices = Prices.model_validate(changes)
        weight = weigh_trench(prices)
        inputs, region = tables["inputs"], tables["region"]
        built = build(tables, None, prices=prices)
        cost = cost_table(
            tables["status"], built.trench, built.reach, inputs.municipalities, prices=prices,
            region_code="25", region_name="", include_holiday_homes=False,
        ).iloc[-1]  # fmt: skip
        edges = weight.of_cost * cost["trench_sek"] + weight.per_m * cost["trench_m"]
        assert cost["capex_sek"] - cost["drop_sek"] == pytest.approx(edges)
        assert region.buildout.tap == "anywhere"
        if weight.per_m:
            assert built.routed_sek == pytest.approx(edges)
        else:
            assert built.routed_sek == built.trench_sek


def test_items_per_metre_make_the_shorter_way_the_cheaper(tables: dict[str, Any]) -> None:
    # Beside 4 000 m of road at 250 from 4 000 to 8 000 m, a track of 5 000 m at 150.
    track = LineString([(X + 4000, Y), (X + 4000, Y - 500), (X + 8000, Y - 500), (X + 8000, Y)])
    status = tables["status"]
    alone = {**tables, "status": status[~status["premises_id"].isin(["c", "e", "i"])]}
    roads = pd.concat(
        [
            tables["inputs"].roads,
            gpd.GeoDataFrame({"road_class": ["track"]}, geometry=[track], crs=CRS),
        ],
        ignore_index=True,
    )
    cheap = build(alone, None, roads=roads)
    assert cheap.trench_sek == pytest.approx((5000 + 3000) * 150, rel=1e-3)
    # 1 000 m more at 250 + 250 SEK a metre outweigh the 250 000 saved on the surface.
    permit = {"value": 300.0, "unit": "SEK/m", "source": "", "quantity": 1.0}
    short = build(alone, None, roads=roads, prices=Prices.model_validate({"permit": permit}))
    assert short.trench["length_m"].sum() == pytest.approx(7000, rel=1e-3)
    assert short.trench_sek == pytest.approx(4000 * 250 + 3000 * 150, rel=1e-3)
    assert short.routed_sek == pytest.approx(short.trench_sek + 7000 * 300, rel=1e-3)
    assert short.lower_bound_sek == pytest.approx(short.routed_sek, rel=1e-3)


def test_more_contribution_than_price_is_refused(tables: dict[str, Any], tmp_path: Path) -> None:
    book = Prices().model_dump()
    prices = Prices.model_validate(
        {
            "colaying_share": {**book["colaying_share"], "value": 1.0},
            "colaying_contribution": {**book["colaying_contribution"], "quantity": 1.0},
        }
    )
    ground = covered(tmp_path, [1] * 40, easy={"values": [1], "road_factor": 0.1})
    with pytest.raises(BadValueError, match="what others pay for a metre"):
        build(tables, ground, prices=prices)


# --- bill, draws and the whole chain ---------------------------------------------------


def content(**ground: Any) -> dict[str, Any]:
    settings = small_region.content()
    settings["sources"] |= {
        "water": {"path": "water.gpkg"},
        "land_cover": {"path": "cover.tif", "provenance": "synthetic", "source": "made"},
    }
    settings["prices"] = {"water": {"lake_cable": LAKE}}
    settings["ground"] = {
        **LAND,
        "lake": "lake_cable",
        "classes": [
            {"layer": "land_cover", "name": "forest", "values": [1], "road_factor": 2.0,
             "overland": "soft", "overland_factor": 1.5},
        ],
        **ground,
    }  # fmt: skip
    return settings


def write(folder: Path, settings: dict[str, Any]) -> Region:
    small_region.write(folder, settings)
    lake(1000, 3000).to_file(folder / "water.gpkg")
    pixels = np.full((21, 42), 9, "uint8")
    pixels[:, 10:14] = 1  # 4 500 to 6 500 m east
    write_raster(folder / "cover.tif", pixels, west=X - 500, north=Y + 5250)
    return Region.read(folder)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("island")
    run(write(base / "in", content(elsewhere="soft")), base / "out")
    return base / "out"


def test_the_chain_reaches_the_island_and_its_sums_agree(out: Path) -> None:
    """The run checks itself: sums of edges, municipalities, areas and region."""
    trench = gpd.read_parquet(out / "trench.parquet")
    premises = gpd.read_parquet(out / "premises.parquet").set_index("premises_id")
    assert premises.loc["g", "reach"] == "trench"
    assert premises.loc["g", "road_distance_m"] == 0
    assert set(trench["road_class"]) == {"tertiary", "track", "overland", "water"}
    assert set(trench["ground"]) == {"", "forest", "lake"}
    assert trench[trench["ground"] == "forest"]["length_m"].sum() == pytest.approx(2000)
    cost = pd.read_csv(out / "cost.csv").iloc[-1]
    assert cost["trench_sek"] == pytest.approx(trench["cost_sek"].sum(), abs=0.01)
    assert cost["unreached_premises"] == 0
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    noted = {item["layer"]: item for item in manifest["inputs"]}
    assert noted["land_cover"]["provenance"] == "synthetic"
    assert len(noted["land_cover"]["sha256"]) == 64
    assert noted["land_cover"]["pixels"] == 21 * 42
    assert noted["water"]["rows_out"] == 1
    assert manifest["provenance"] == "synthetic"
    rules = {finding["rule"] for finding in manifest["findings"]}
    assert "ground-unlisted-value" in rules
    assert manifest["settings"]["ground"]["lake"] == "lake_cable"


def test_the_bill_says_item_metres_price_and_factor(tables: dict[str, Any], tmp_path: Path) -> None:
    region = write(tmp_path / "in", content())
    inputs = read_inputs(region)
    built = build(
        {**tables, "inputs": inputs, "region": region}, inputs.ground, prices=region.prices
    )
    about = (tables["status"], inputs.municipalities)
    bill = bill_of_network(
        built.trench, built.reach, *about, prices=region.prices, region_code="25", region_name="x"
    )
    whole = bill[bill["area_kind"] == "region"]
    trench = whole[whole["item"].str.startswith("trench.")]
    rows = trench.set_index("item")
    assert rows.loc["trench.lake_cable", "price"] == 300
    assert rows.loc["trench.lake_cable", ["source", "mark"]].tolist() == [LAKE["source"], "F"]
    dear = trench[trench["price"] == 500.0].iloc[0]
    assert dear["item"] == "trench.road_edge"
    assert dear["quantity"] == pytest.approx(2000)
    assert dear["source"].endswith("; times 2 for forest")
    assert dear["mark"] == "U"
    assert (trench["quantity"] * trench["price"]).to_numpy() == pytest.approx(
        trench["cost_sek"].to_numpy()
    )
    cost = cost_table(
        tables["status"], built.trench, built.reach, inputs.municipalities, prices=region.prices,
        region_code="25", region_name="x",
    ).iloc[-1]  # fmt: skip
    assert add_up(whole).cost_sek == pytest.approx(cost["capex_sek"])
    # Draws: metres at the item's price, so that a draw of the item moves the ground with it.
    counted = cost_quantities(built.trench, built.reach, tables["status"], region.prices).sum()
    counted = counted.groupby(level="item").sum()
    plain = built.trench[built.trench["surface"] == "road_edge"]
    assert counted["trench.road_edge"] == pytest.approx(plain["length_m"].sum() + 2000)
    total = sum(
        counted[f"trench.{name}"] * price.value
        for name, price in region.prices.per_metre.items()
        if f"trench.{name}" in counted
    )
    assert total == pytest.approx(built.trench_sek)
    # A book with another price no longer gives what was laid: told, not guessed.
    cheaper = region.prices.model_copy(
        update={"trench": {**region.prices.trench, "road_edge": region.prices.trench["soft"]}}
    )
    later = bill_of_network(
        built.trench, built.reach, *about, prices=cheaper, region_code="25", region_name="x"
    )
    laid = later[(later["area_kind"] == "region") & (later["item"] == "trench.road_edge")]
    assert set(laid["source"]) == {"the price that the trench was laid with"}
    # Trench of a time before the ground was known.
    old = built.trench.drop(columns=["ground", "ground_factor"])
    assert bill_of_network(
        old, built.reach, *about, prices=region.prices, region_code="25", region_name="x"
    )["cost_sek"].sum() == pytest.approx(bill["cost_sek"].sum())


# --- settings and files that are wrong -------------------------------------------------


@pytest.mark.parametrize(
    ("ground", "words"),
    [
        ({"classes": [{"layer": "land_cover", "name": "a"}]}, "class a has neither values nor"),
        ({"classes": [{"layer": "land_cover", "name": "a", "values": [1], "below": 3}]},
         "class a has both values and bounds"),
        ({"classes": [{"layer": "land_cover", "name": "a", "at_least": 5, "below": 5}]},
         "class a is from 5 to below 5"),
        ({"classes": [{"layer": "land_cover", "name": "a+b", "values": [1]}]}, "pattern"),
        ({"classes": [{"layer": "land_cover", "name": "a", "values": [1, 2]},
                      {"layer": "land_cover", "name": "b", "at_least": 2}]},
         "classes a and b of land_cover hold the same values"),
        ({"classes": [{"layer": "land_cover", "name": "a", "values": [1]},
                      {"layer": "land_cover", "name": "a", "values": [2]}]},
         "two classes of land_cover are called a"),
        ({"classes": [{"layer": "soil", "name": "a", "values": [1]}]},
         r"class a is of soil, but there is no \[sources.soil\]"),
        ({"classes": [{"layer": "slope", "name": "a", "below": 9}]},
         r"no \[sources.elevation\]"),
        ({"classes": [{"layer": "land_cover", "name": "a", "values": [1], "trench": "rok"}]},
         r"trench of class a: there is no price rok in \[prices.trench\]; did you mean rock"),
        ({"classes": [{"layer": "land_cover", "name": "a", "values": [1], "trench": "closed"}]},
         "trench of class a: there is no price closed"),
        ({"classes": [{"layer": "land_cover", "name": "a", "values": [1], "overland": "x"}]},
         "overland of class a: there is no price x"),
        ({"lake": "lake_cabel"}, r"there is no price lake_cabel in \[prices.water\]; did you mean"),
        ({"sea": "closed"}, "sea: there is no price closed"),
        ({"elsewhere": "air"}, "elsewhere: there is no price air"),
        ({"protected": [{"name": "a"}]}, r"there is no \[sources.protected\]"),
        ({"protected": [{"name": "a", "kind": "x"}, {"name": "b", "kind": "x"}]},
         "two rules are about protected areas of kind x"),
        ({"classes": [{"layer": "land_cover", "name": "a", "values": [1], "road_factor": 0}]},
         "greater than 0"),
        ({"cell_m": 0}, "greater than 0"),
    ],
)  # fmt: skip
def test_settings_that_are_wrong_are_each_one_message(
    ground: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(RegionError, match=words) as caught:
        Region.from_dict(content(**ground), folder=tmp_path)
    assert "; [" not in str(caught.value)  # one fault, one sentence


def test_closed_may_stand_where_it_means_something(tmp_path: Path) -> None:
    classes = [{"layer": "land_cover", "name": "a", "values": [1], "overland": "closed"}]
    made = Region.from_dict(content(elsewhere="closed", classes=classes), folder=tmp_path)
    assert made.ground.elsewhere == "closed"
    # A price in two places is no price.
    twice = content()
    twice["prices"]["water"]["rock"] = LAKE
    with pytest.raises(RegionError, match="rock is both in"):
        Region.from_dict(twice, folder=tmp_path)
    wrong = content()
    wrong["prices"]["water"]["lake_cable"] = {**LAKE, "unit": "SEK/km"}
    with pytest.raises(RegionError, match="lake_cable is in SEK/m"):
        Region.from_dict(wrong, folder=tmp_path)


def test_prices_of_water_follow_the_index_and_the_book(tmp_path: Path) -> None:
    (tmp_path / "book.toml").write_text(
        '[water]\nlake_cable = { value = 100, unit = "SEK/m", source = "a", year = 2020 }\n'
        'sea_cable = { value = 50, unit = "SEK/m", source = "b", year = 2020 }\n',
        encoding="utf-8",
    )
    settings = small_region.content()
    settings["prices"] = {
        "book": "book.toml", "year": 2024, "index": {2020: 100, 2024: 150},
        "water": {"sea_cable": {**LAKE, "year": 2024}},
    }  # fmt: skip
    prices = Region.from_dict(settings, folder=tmp_path).prices
    assert prices.get("trench.lake_cable").value == 150
    assert prices.get("trench.sea_cable").value == 300
    assert prices.water["lake_cable"].year == 2024
    assert "lake_cable" not in prices.trench
    again = Prices.model_validate(prices.model_dump())
    assert again.water == prices.water
    assert {"trench.lake_cable", "trench.soft"} <= set(prices.items())
    assert "trench.lake_cable" not in prices.items(["soft"])


def test_rasters_that_are_wrong_are_told_before_anything_is_built(tmp_path: Path) -> None:
    region = write(tmp_path / "in", content())
    write_raster(tmp_path / "in" / "cover.tif", np.ones((2, 2), "uint8"), crs=None)
    with pytest.raises(NoCrsError, match="does not say its coordinate reference system"):
        read_inputs(region)
    write_raster(tmp_path / "in" / "cover.tif", np.ones((2, 2), "uint8"), west=0.0)
    inputs = read_inputs(region)
    with pytest.raises(WrongCrsError, match="no line lies in the raster") as caught:
        plan_buildout(
            find_status(region, inputs), inputs.roads, inputs.municipalities,
            settings=region.buildout, prices=region.prices, ground=inputs.ground,
        )  # fmt: skip
    assert caught.value.where == "cover.tif"


def test_layers_that_no_setting_speaks_of_are_told(tmp_path: Path) -> None:
    settings = content(classes=[], overland=False)
    settings["sources"]["protected"] = {"path": "nowhere.gpkg"}
    inputs = read_inputs(write(tmp_path / "in", settings))
    told = [(f.layer, f.rule) for f in inputs.findings if f.rule == "ground-not-used"]
    assert told == [("land_cover", "ground-not-used"), ("protected", "ground-not-used")]
    # Neither of them is read.
    assert {"land_cover", "protected"}.isdisjoint(f["layer"] for f in inputs.files)
    assert not inputs.ground.prices_roads


def test_protected_areas_are_read(tmp_path: Path) -> None:
    settings = content(protected=[{"name": "park", "kind": "nationalpark", "road_factor": 2.0}])
    settings["sources"]["protected"] = {"path": "p.gpkg", "columns": {"kind": "typ"}}
    region = write(tmp_path / "in", settings)
    gpd.GeoDataFrame(
        {"typ": ["nationalpark", "nationalpark"]},
        geometry=[box(X, Y, X + 99, Y + 99), box(X + 20_100, Y, X + 20_200, Y + 99)], crs=CRS,
    ).to_file(tmp_path / "in" / "p.gpkg")  # fmt: skip
    inputs = read_inputs(region)
    assert inputs.ground.protected is not None
    assert inputs.ground.protected["kind"].tolist() == ["nationalpark"]
    aside = inputs.set_aside[inputs.set_aside["layer"] == "protected"]
    assert aside["row"].tolist() == [1]
    assert replace(inputs.ground, protected=None).prices_roads
