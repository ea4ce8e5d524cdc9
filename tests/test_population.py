"""Population laid on buildings: by hand, on real grids with real totals, and what always holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from bredband.localities import dissolve_localities
from bredband.population import (
    PERSONS_PER_HOUSEHOLD,
    Laid,
    grid_from_raster,
    households_from_population,
    lay_population,
)
from bredband.tables import POPULATION, SET_ASIDE, check_table
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
    WrongCrsError,
)
from bredband_gis.files import Source
from bredband_gis.grids import find_cells
from bredband_gis.sources import read_layer
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

if TYPE_CHECKING:
    from pathlib import Path

CRS = "EPSG:3006"
X, Y = 600_000.0, 7_000_000.0


def cells(rows: list[tuple[float, float, Any]], side: float = 1000) -> gpd.GeoDataFrame:
    """Cells by kilometres east and north of the corner, with their population."""
    east, north, people = zip(*rows, strict=True)
    west, south = X + 1000 * np.array(east), Y + 1000 * np.array(north)
    shapes = shapely.box(west, south, west + side, south + side)
    return gpd.GeoDataFrame({"population": people}, geometry=shapes, crs=CRS)


def municipalities() -> gpd.GeoDataFrame:
    """Two side by side, 2.5 and 1.5 km wide, 2 km high."""
    return gpd.GeoDataFrame(
        {"municipality_code": ["0501", "0502"], "municipality_name": ["Väst", "Öst"]},
        geometry=[
            shapely.box(X, Y, X + 2500, Y + 2000),
            shapely.box(X + 2500, Y, X + 4000, Y + 2000),
        ],
        crs=CRS,
    )


def points(places: list[tuple[float, float]]) -> gpd.GeoDataFrame:
    """Buildings by metres east and north of the corner."""
    shapes = [shapely.Point(X + east, Y + north) for east, north in places]
    return gpd.GeoDataFrame(geometry=shapes, crs=CRS)


def lay(
    places: list[tuple[float, float]], grid: gpd.GeoDataFrame, capacity: Any = 1, **options: Any
) -> Laid:
    held = np.broadcast_to(capacity, len(places))
    laid = lay_population(points(places), municipalities(), grid, capacity=held, **options)
    check_table(laid.table, POPULATION, where="population")
    check_table(laid.set_aside, SET_ASIDE, where="set aside")
    return laid


def totals(**people: int) -> pd.DataFrame:
    codes = [code.removeprefix("k") for code in people]
    return pd.DataFrame({"municipality_code": codes, "population": list(people.values())})


# --- by hand -------------------------------------------------------------------------------


def test_people_go_to_the_buildings_that_can_hold_them() -> None:
    laid = lay(
        [(100, 100), (900, 900), (500, 500), (1500, 500)],
        cells([(0, 0, 60), (1, 0, 7)]),
        [1, 5, 0, 2],
    )
    assert laid.persons.tolist() == pytest.approx([10, 50, 0, 7])
    assert laid.table["population"].tolist() == pytest.approx([67, 0])
    assert laid.table["factor"].isna().all()
    assert laid.table["total"].isna().all()
    assert (laid.outside, len(laid.set_aside), laid.findings) == (0, 0, ())
    assert set(laid.table["provenance"]) == {"derived"}


def test_a_cell_over_a_border_is_split_by_where_its_buildings_lie() -> None:
    laid = lay([(2100, 500), (2900, 500), (2950, 500)], cells([(2, 0, 90)]))
    assert laid.table["grid"].tolist() == pytest.approx([45, 45])
    assert laid.table["on_buildings"].tolist() == pytest.approx([30, 60])


def test_raking_keeps_the_pattern_within_each_municipality() -> None:
    places = [(100, 100), (1500, 500), (1600, 500), (3500, 500)]
    grid = cells([(0, 0, 30), (1, 0, 10), (3, 0, 8)])
    laid = lay(places, grid, totals=totals(k0501=100))
    assert laid.persons.tolist() == pytest.approx([75, 12.5, 12.5, 8])
    table = laid.table.set_index("municipality_code")
    assert table.loc["0501", ["factor", "residual", "population"]].tolist() == [2.5, 0, 100]
    assert table.loc["0502", "population"] == 8
    assert pd.isna(table.loc["0502", "residual"])
    # Codes that a table program made numbers of are the same codes.
    as_numbers = pd.DataFrame({"municipality_code": [501.0], "population": [100]})
    assert lay(places, grid, totals=as_numbers).persons.tolist() == laid.persons.tolist()


def test_a_cell_across_the_regions_edge_keeps_our_share_of_its_land() -> None:
    grid = cells([(3.5, 0, 100)])  # half of it lies outside
    laid = lay([(3900, 500)], grid)
    assert laid.persons.tolist() == pytest.approx([50])
    assert laid.outside == pytest.approx(50)
    (finding,) = laid.findings
    assert finding.rule == "cells-across-border"
    assert finding.message.startswith("50 persons")
    # Of the outer half four fifths are sea: the land is 500 m of ours and 100 m of theirs.
    sea = gpd.GeoDataFrame(geometry=[shapely.box(X + 4100, Y, X + 9000, Y + 2000)] * 2, crs=CRS)
    assert lay([(3900, 500)], grid, water=sea).persons.tolist() == pytest.approx([500 / 6])
    # And all of it where there is nothing but sea outside; a lake of ours is no land either.
    sea.geometry = [shapely.box(X + 3600, Y, X + 9000, Y + 2000)] * 2
    assert lay([(3550, 500)], grid, water=sea).persons.tolist() == pytest.approx([100])
    sea.geometry = [shapely.box(X + 3000, Y, X + 9000, Y + 2000)] * 2  # nothing but water
    assert lay([(3550, 500)], grid, water=sea).persons.tolist() == pytest.approx([50])


def test_people_without_a_building_go_to_the_nearest_of_their_municipality() -> None:
    places = [(950, 500), (2490, 1500), (3900, 1100)]
    grid = cells([(1, 0, 10), (2, 1, 0), (2, 0, 40)])
    laid = lay(places, grid)
    # The cell at 1: 50 m from the first. The cell at 2 is parted: 20 to each municipality.
    assert laid.persons.tolist() == pytest.approx([10, 20, 20])
    assert laid.table["not_placed"].tolist() == [0, 0]
    assert laid.table["on_buildings"].tolist() == pytest.approx([30, 20])

    near = lay(places, grid, reach_m=600)
    assert near.persons.tolist() == pytest.approx([10, 20, 0])
    assert near.table["not_placed"].tolist() == pytest.approx([0, 20])
    assert near.set_aside["row"].tolist() == [2]
    assert near.set_aside["reason"].tolist() == ["no building that can hold people near enough"]
    assert [finding.rule for finding in near.findings] == ["population-not-placed"]
    assert dict(near.findings[0].details) == {"persons": 20, "limit_m": 600}


def test_buildings_on_one_spot_share_what_is_laid_there() -> None:
    laid = lay([(900, 500), (900, 500), (100, 100)], cells([(1, 0, 9)]), [1, 2, 1])
    assert laid.persons.tolist() == pytest.approx([3, 6, 0])


def test_a_building_on_an_edge_belongs_to_the_cell_whose_lower_left_it_lies_on() -> None:
    places = [(1000, 500), (500, 1000), (1000, 1000), (500, 500)]
    grid = cells([(0, 0, 1), (1, 0, 10), (0, 1, 100), (1, 1, 1000)])
    assert lay(places, grid).persons.tolist() == pytest.approx([10, 100, 1000, 1])
    turned = gpd.GeoDataFrame(grid[["population"]], geometry=grid.geometry, crs=CRS)
    shapes = np.asarray(turned.geometry.array)
    shapes[3] = shapely.Polygon([(X + 1000, Y + 1000), (X + 2000, Y + 1000), (X + 1000, Y + 2000)])
    turned.geometry = shapes  # no longer a regular grid
    assert lay(places, turned).persons.tolist() == pytest.approx([10, 100, 1000, 1])


def test_where_cells_overlap_the_smallest_holds_the_building() -> None:
    grid = pd.concat([cells([(0, 0, 50)]), cells([(0, 0, 8)], side=250)], ignore_index=True)
    for order in ([0, 1], [1, 0]):
        laid = lay([(100, 100), (600, 600)], grid.iloc[order].reset_index(drop=True))
        assert laid.persons.tolist() == pytest.approx([8, 50])


def test_buildings_outside_get_nobody_but_islands_left_out_of_the_border_do() -> None:
    laid = lay([(500, 500), (4150, 500), (9000, 500)], cells([(0, 0, 5), (4.1, 0, 7), (9, 0, 9)]))
    assert laid.persons.tolist() == pytest.approx([5, 7, 0])


def test_buildings_may_be_polygons_and_lack_geometry() -> None:
    frame = points([(100, 100), (200, 200), (300, 300)])
    frame.geometry = [shapely.box(X + 10, Y + 10, X + 30, Y + 30), None, frame.geometry.iloc[2]]
    frame.index = pd.Index(["a", "b", "c"])
    laid = lay_population(frame, municipalities(), cells([(0, 0, 8)]), capacity=[3, 3, 1])
    assert laid.persons.to_dict() == pytest.approx({"a": 6, "b": 0, "c": 2})


def test_cells_that_cannot_be_used_are_set_aside_with_the_reason() -> None:
    grid = cells([(0, 0, 8), (1, 0, -1), (2, 0, "?"), (3, 0, 1), (0, 1, 5)])
    grid.loc[3, "geometry"] = None
    grid.loc[4, "geometry"] = shapely.Polygon()
    grid.index = pd.Index([10, 11, 12, 13, 14])
    laid = lay([(100, 100)], grid, file="rutor.gpkg")
    assert laid.set_aside["row"].tolist() == [11, 12, 13, 14]
    assert laid.set_aside["reason"].tolist() == [
        "its population is negative",
        "its population is no number",
        "has no geometry",
        "its geometry has no area",
    ]
    assert laid.findings[0].rule == "cells-unusable"
    assert laid.findings[0].file == "rutor.gpkg"


def test_a_municipality_without_people_on_the_grid_or_without_buildings() -> None:
    laid = lay([(100, 100), (3500, 500)], cells([(0, 0, 9)]), totals=totals(k0501=4, k0502=6))
    assert laid.persons.tolist() == pytest.approx([4, 6])
    assert laid.table["residual"].tolist() == [0, 0]
    assert laid.table["factor"].isna().tolist() == [False, True]
    assert [finding.rule for finding in laid.findings] == ["no-population-in-grid"]

    alone = lay([(100, 100)], cells([(0, 0, 9)]), totals=totals(k0501=4, k0502=6))
    assert alone.table["residual"].tolist() == [0, -6]
    assert "Öst" in alone.findings[-1].message


def test_what_cannot_be_understood_is_refused() -> None:
    grid = cells([(0, 0, 9)])
    place = [(100.0, 100.0)]
    with pytest.raises(MissingColumnError, match="population"):
        lay(place, grid.rename(columns={"population": "POP"}))
    with pytest.raises(DuplicateIdsError, match="1 of 2 cells"):
        lay(place, cells([(0, 0, 9), (0, 0, 3)]))
    with pytest.raises(EmptyLayerError, match="holds anybody"):
        lay(place, cells([(0, 0, 0)]))
    with pytest.raises(GeometryError, match="no polygons"):
        lay(place, gpd.GeoDataFrame(grid, geometry=grid.centroid, crs=CRS))
    with pytest.raises(NoCrsError):
        lay(place, gpd.GeoDataFrame(grid[["population"]], geometry=np.asarray(grid.geometry)))
    with pytest.raises(WrongCrsError, match="none of the 1 cells"):
        lay(place, cells([(500, 0, 9)]))
    with pytest.raises(BadValueError, match="negative or no number"):
        lay(place, grid, [np.nan])
    with pytest.raises(BadValueError, match="2 values for 1"):
        lay_population(points(place), municipalities(), grid, capacity=[1, 2])
    with pytest.raises(EmptyLayerError, match="can hold anybody"):
        lay(place, grid, 0)
    twice = pd.DataFrame({"municipality_code": ["501", "0501"], "population": [1, 2]})
    with pytest.raises(DuplicateIdsError, match="more than one row"):
        lay(place, grid, totals=twice)
    with pytest.raises(BadValueError, match="whole numbers"):
        lay(place, grid, totals=pd.DataFrame({"municipality_code": ["0501"], "population": [-1]}))


# --- what always holds ---------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_nobody_is_lost_and_the_order_decides_nothing(data: st.DataObject) -> None:
    metre = st.integers(0, 40).map(lambda n: n * 100.0)
    places = data.draw(st.lists(st.tuples(metre, st.integers(0, 20).map(lambda n: n * 100.0)),
                                min_size=1, max_size=12))  # fmt: skip
    held = data.draw(st.lists(st.integers(0, 3), min_size=len(places), max_size=len(places)))
    held[0] += 1
    where = data.draw(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=1, unique=True)
    )
    people = data.draw(st.lists(st.integers(1, 99), min_size=len(where), max_size=len(where)))
    grid = cells([(*corner, number) for corner, number in zip(where, people, strict=True)])
    laid = lay(places, grid, held)
    table = laid.table
    # Every person of every cell is on a building or reported.
    assert table["population"].sum() + table["not_placed"].sum() == pytest.approx(sum(people))
    assert (laid.persons[np.array(held) == 0] == 0).all()

    order = data.draw(st.permutations(range(len(places))))
    other_grid = grid.iloc[data.draw(st.permutations(range(len(grid))))].reset_index(drop=True)
    again = lay([places[k] for k in order], other_grid, [held[k] for k in order])
    np.testing.assert_allclose(again.persons, laid.persons.to_numpy()[order], rtol=1e-12)

    there = table.loc[table["on_buildings"] > 0, "municipality_code"]
    known = totals(**{f"k{code}": 1000 + int(code) for code in there})
    raked = lay(places, grid, held, totals=known)
    assert (raked.table["residual"].dropna() == 0).all()
    assert raked.persons.sum() == pytest.approx(
        known["population"].sum() + table.loc[~table.index.isin(there.index), "population"].sum()
    )


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(-1500, 3500), y=st.floats(-1500, 3500),
    drop=st.sets(st.integers(0, 8)), off=st.floats(-0.004, 0.004),
)  # fmt: skip
def test_numbering_a_grid_finds_what_its_polygons_hold(
    x: float, y: float, drop: set[int], off: float
) -> None:
    east, north = np.divmod(np.arange(9), 3)
    kept = np.array([k for k in range(9) if k not in drop] or [4])
    west, south = 1000.0 * east[kept] + off, 1000.0 * north[kept] - off
    shapes = shapely.box(west, south, west + 999.996, south + 999.997)
    found = find_cells(shapes, [X % 1 + x], [y])[0]
    column, line = np.floor(x / 1000), np.floor(y / 1000)
    true = np.flatnonzero((east[kept] == column) & (north[kept] == line))
    near_edge = min(abs(x - 1000 * round(x / 1000)), abs(y - 1000 * round(y / 1000))) < 0.02
    assert near_edge or found == (true[0] if len(true) else -1)


def test_a_point_beside_the_grid_is_not_in_the_next_row() -> None:
    east, north = np.array([0, 1000, 0, 1000]), np.array([0, 0, 1000, 1000])
    shapes = shapely.box(east, north, east + 1000, north + 1000)
    assert find_cells(shapes, [2500, -500, 500], [500, 1500, 1500]).tolist() == [-1, -1, 2]


# --- households --------------------------------------------------------------------------


def test_households_are_whole_and_right_in_every_municipality() -> None:
    persons = pd.Series([2.22, 4.44, 1.11, 1.11, 9.0, 3.0], index=list("abcdef"))
    code = np.array(["0501", "0501", "0501", "0501", "0502", None], dtype=object)
    ids = np.array(list("abcdef"))
    free = households_from_population(persons, code, None, ids)
    assert free.index.tolist() == list("abcdef")
    assert free[["a", "b"]].tolist() == [1, 2]
    assert sorted(free[["c", "d"]]) == [0, 1]  # one household, in one of the two
    assert free["e"] == round(9 / PERSONS_PER_HOUSEHOLD)
    assert free["f"] == 0  # in no municipality

    known = pd.DataFrame({"municipality_code": ["0501", "0599"], "households": [8, 5]})
    scaled = households_from_population(persons, code, known, ids)
    assert scaled[["a", "b", "c", "d"]].sum() == 8
    assert scaled[["a", "b"]].tolist() == [2, 4]
    assert scaled["e"] == free["e"]
    order = [3, 1, 5, 0, 4, 2]
    mixed = households_from_population(persons.iloc[order], code[order], known, ids[order])
    assert mixed.sort_index().tolist() == scaled.tolist()
    with pytest.raises(BadValueError, match="1 of 2"):
        households_from_population(np.array([1.0, np.nan]), np.array(["1", "1"]))


@settings(max_examples=60, deadline=None)
@given(
    persons=st.lists(st.floats(0, 500), min_size=1, max_size=30), number=st.integers(0, 400)
)  # fmt: skip
def test_households_stay_near_the_persons(persons: list[float], number: int) -> None:
    amount = np.array(persons)
    code = np.full(len(amount), "0501")
    known = pd.DataFrame({"municipality_code": ["0501"], "households": [number]})
    whole = households_from_population(amount, code, known)
    counted = amount.sum() > 1e-3
    assert whole.sum() == (number if counted else whole.sum())
    if counted:
        assert np.abs(whole - number * amount / amount.sum()).max() < 1 + 1e-3
    free = households_from_population(amount, code)
    assert free.sum() == pytest.approx(amount.sum() / PERSONS_PER_HOUSEHOLD, abs=0.51)


# --- rasters -----------------------------------------------------------------------------


def write_raster(path: Path, values: Any, **options: Any) -> Source:
    pixels = np.asarray(values, dtype=np.float32)
    with rasterio.open(
        path, "w", driver="GTiff", width=pixels.shape[1], height=pixels.shape[0], count=1,
        dtype="float32", **{
            "crs": CRS, "transform": Affine(500, 0, X, 0, -500, Y + 2000), **options
        },
    ) as raster:  # fmt: skip
        raster.write(pixels, 1)
    return Source(path)


def test_a_raster_is_a_grid_of_its_pixels(tmp_path: Path) -> None:
    values = np.zeros((4, 8))
    values[0, 0], values[3, 7], values[1, 2] = 12, 30, -9999
    source = write_raster(tmp_path / "pop.tif", values, nodata=-9999)
    grid = grid_from_raster(source, crs=CRS)
    assert grid["population"].tolist() == [12, 30]
    assert grid.geometry.iloc[0].equals(shapely.box(X, Y + 1500, X + 500, Y + 2000))
    laid = lay([(10, 1990), (3990, 10)], grid)
    assert laid.persons.tolist() == pytest.approx([12, 30])
    part = grid_from_raster(source, crs=CRS, extent=(X, Y + 1000, X + 1000, Y + 2000))
    assert part["population"].tolist() == [12]
    with pytest.raises(WrongCrsError, match="no part of the raster"):
        grid_from_raster(source, crs=CRS, extent=(X + 90_000, Y, X + 91_000, Y + 1000))
    scaled = write_raster(tmp_path / "tenths.tif", values, nodata=-9999)
    with rasterio.open(scaled.path, "r+") as raster:
        raster.scales, raster.offsets = (0.5,), (1.0,)
    assert sorted(grid_from_raster(scaled, crs=CRS)["population"])[-2:] == [7, 16]
    bare = write_raster(tmp_path / "bare.tif", values)
    with pytest.raises(BadValueError, match=r"bare\.tif: 1 pixels hold fewer than 0"):
        grid_from_raster(bare, crs=CRS)


def test_a_raster_in_degrees_holds_the_same_people(tmp_path: Path) -> None:
    """Pixels of 0.01 degrees around the two municipalities, 1 person in each."""
    to = gpd.GeoSeries(municipalities().geometry, crs=CRS).to_crs(4326).total_bounds
    place = Affine(0.01, 0, np.floor(to[0] * 100) / 100, 0, -0.01, np.ceil(to[3] * 100) / 100)
    source = write_raster(tmp_path / "deg.tif", np.ones((5, 12)), crs="EPSG:4326", transform=place)
    grid = grid_from_raster(source, crs=CRS, extent=tuple(municipalities().total_bounds))
    east, north = np.meshgrid(np.arange(20, 4000, 100.0), np.arange(20, 2000, 100.0))
    laid = lay(list(zip(east.ravel(), north.ravel(), strict=True)), grid)
    there = municipalities().to_crs(4326).union_all()
    pixels = np.asarray(grid.geometry.array)
    share = shapely.area(shapely.intersection(pixels, there)) / shapely.area(pixels)
    assert laid.persons.sum() == pytest.approx(share.sum())


# --- real grids ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sweden(shared_data: Path) -> Path:
    return shared_data / "sverige"


@pytest.fixture(scope="module")
def towns(sweden: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(sweden / "sample_bd_m.gpkg", layer="bebyggelse_lm250k").rename(
        columns={"TATNR": "locality_code", "BEF": "population"}
    )


@pytest.fixture(scope="module")
def real(sweden: Path, towns: gpd.GeoDataFrame) -> dict[str, Any]:
    """Municipalities, totals and grid as they are; buildings made up in towns and villages."""
    file = sweden / "sample_bd_m.gpkg"
    areas = gpd.read_file(file, layer="kommun").rename(
        columns={"KOM_KOD": "municipality_code", "KOMMUNNAMN": "municipality_name"}
    )
    known = pd.read_csv(sweden / "kommun_pop_2024.csv", dtype={"kommun_kod": str}).rename(
        columns={"kommun_kod": "municipality_code"}
    )
    grid = gpd.read_file(sweden / "sample_bd_m_popgrid5km_3035.gpkg").rename(
        columns={"Population": "population"}
    )
    chance = np.random.default_rng(5)
    built = dissolve_localities(towns)
    number = np.maximum(5, built["population"] / 20).astype(int)
    inside = shapely.get_coordinates(built.geometry.sample_points(number, rng=5).array)
    villages = gpd.read_file(file, layer="orter_wof").get_coordinates().to_numpy()
    around = np.repeat(villages, 15, axis=0)
    around = around + chance.normal(0, 900, around.shape)
    xy = np.vstack([inside, around])
    buildings = gpd.GeoDataFrame(
        {"provenance": "synthetic"},
        index=range(len(xy)),
        geometry=gpd.points_from_xy(xy[:, 0], xy[:, 1]),
        crs=CRS,
    )
    return {
        "buildings": buildings, "municipalities": areas, "totals": known, "grid": grid,
        "capacity": chance.integers(1, 4, len(xy)),
    }  # fmt: skip


def test_the_grid_of_europe_leaks_over_the_finnish_border_until_it_is_raked(
    real: dict[str, Any],
) -> None:
    laid = lay_population(**real)
    check_table(laid.table, POPULATION, where="population")
    table = laid.table.set_index("municipality_name")
    # Before: some 12 200 persons by land area in a municipality of 9 128, a third too many,
    # since Tornio lives in the same cells; Övertorneå is the next along the border.
    assert table.loc["Haparanda", "grid"] == pytest.approx(12_192, abs=5)
    assert table.loc["Haparanda", "on_buildings"] == pytest.approx(12_171, rel=0.01)
    assert table.loc["Haparanda", "total"] == 9128
    assert table["factor"].nsmallest(2).index.tolist() == ["Haparanda", "Övertorneå"]
    assert table.loc["Haparanda", "factor"] == pytest.approx(0.75, abs=0.01)
    assert table.loc[["Luleå", "Piteå", "Boden", "Kalix"], "factor"].between(0.9, 1.1).all()
    # After: every municipality has its people, and who had more than a neighbour still has.
    assert (table["residual"] == 0).all()
    assert table.loc["Haparanda", "population"] == 9128
    assert laid.persons.sum() == pytest.approx(table["total"].sum())
    assert table["not_placed"].sum() < 0.001 * table["on_buildings"].sum()
    assert 45_000 < laid.outside < 55_000  # Finland's, and those of the neighbouring counties
    assert set(table["provenance"]) == {"synthetic"}

    plain = lay_population(**{**real, "totals": None})
    factor = laid.persons / plain.persons.where(plain.persons > 0)
    code = shapely.STRtree(real["buildings"].geometry.array).query(
        real["municipalities"].geometry.array[45], predicate="contains"
    )
    assert real["municipalities"]["municipality_name"].iloc[45] == "Haparanda"
    assert np.ptp(factor.iloc[code].dropna()) < 1e-9


def test_cells_brought_to_the_regions_crs_give_nearly_the_same(real: dict[str, Any]) -> None:
    as_they_are = lay_population(**real).persons
    turned = lay_population(**{**real, "grid": real["grid"].to_crs(CRS)}).persons
    # Bent sides become straight: a building in a thousand changes its cell.
    assert (np.abs(turned - as_they_are) > 0.01 * as_they_are.mean()).mean() < 0.05
    assert turned.sum() == pytest.approx(as_they_are.sum())


def test_scbs_grid_without_epsg_is_read_and_laid(sweden: Path) -> None:
    source = Source(
        sweden / "scb_rutnat_1km_200_rutor.gpkg",
        crs=CRS,
        columns={"cell_id": "rutid_scb", "population": "beftotalt"},
    )
    grid = read_layer(
        source, name="population", crs=CRS, kind="polygon",
        required=("population",), numeric=("population",), id_column="cell_id",
    ).frame  # fmt: skip
    assert len(grid) == 200
    corner = grid["cell_id"].str.extract(r"^(\d{6})(\d{7})$").astype(float).to_numpy()
    west, south = corner[:, 0], corner[:, 1]
    areas = gpd.GeoDataFrame(
        {"municipality_code": ["9999"], "municipality_name": ["Alla"]},
        geometry=[shapely.box(west.min(), south.min(), west.max() + 1000, south.max() + 1000)],
        crs=CRS,
    )
    # The lower left corner itself and the last centimetre belong to the cell its id names.
    x = np.concatenate([west, west + 999.99])
    y = np.concatenate([south, south + 999.99])
    buildings = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs=CRS)
    laid = lay_population(buildings, areas, grid, capacity=np.ones(400))
    half = grid["population"].to_numpy() / 2
    assert laid.persons.tolist() == pytest.approx([*half, *half])
    assert laid.table["population"].iloc[0] == grid["population"].sum()
    assert len(laid.set_aside) == 0


def test_one_row_per_locality_counts_its_population_once(
    sweden: Path, towns: gpd.GeoDataFrame
) -> None:
    once = dissolve_localities(towns)
    named = once[once["locality_code"] > 0]
    assert named["locality_code"].is_unique
    assert (len(towns), len(once), len(named)) == (492, 487, 332)
    assert once.geometry.area.sum() == pytest.approx(towns.geometry.area.sum())
    # By polygon 36 253 persons would count twice.
    assert (towns["population"].sum(), once["population"].sum()) == (1_491_028, 1_454_775)
    points = gpd.read_file(sweden / "sample_bd_m.gpkg", layer="tatort_punkt_2020")
    published = points.groupby("lan_code")["pop"].sum()
    ours = named.groupby("LANSKOD")["population"].sum()
    assert ours[25.0] == pytest.approx(published["25"], rel=0.01)
    assert ours[12.0] == pytest.approx(published["12"], rel=0.01)


def test_localities_that_contradict_themselves_are_refused() -> None:
    boxes = [shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1), shapely.box(4, 0, 5, 1)]
    frame = gpd.GeoDataFrame(
        {"locality_code": ["a", "a", None], "population": [5, 6, 6]}, geometry=boxes, crs=CRS
    )
    with pytest.raises(BadValueError, match="polygons of 1 localities say different population: a"):
        dissolve_localities(frame)
    with pytest.raises(MissingColumnError, match="TATNR"):
        dissolve_localities(frame, code="TATNR")
    whole = dissolve_localities(frame, once=())
    assert whole["locality_code"].tolist()[:1] == ["a"]
    assert shapely.area(whole.geometry.array).tolist() == [2, 1]
