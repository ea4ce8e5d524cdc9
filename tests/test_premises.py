"""Households per building, and where each building belongs."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from bredband.dwellings import derive_households
from bredband.premises import (
    build_premises,
    municipality_mismatches,
    scale_households,
)
from bredband.tables import PREMISES, SET_ASIDE, check_table
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    GeometryError,
    MissingColumnError,
    NotMetricError,
    WrongCrsError,
)
from hypothesis import given
from hypothesis import strategies as st

CRS = "EPSG:3006"


def buildings(rows: list[dict[str, object]]) -> gpd.GeoDataFrame:
    """Make buildings 10 m deep whose length gives the footprint asked for as m2."""
    frame = pd.DataFrame(rows)
    length = frame.pop("m2").to_numpy(dtype=float) / 10
    west = 500_000 + 5_000.0 * np.arange(len(frame))
    boxes = shapely.box(west, 7_000_000.0, west + length, 7_000_010.0)
    return gpd.GeoDataFrame(frame, geometry=boxes, crs=CRS)


def two_municipalities() -> gpd.GeoDataFrame:
    """Västra and Östra share the border x = 501 000."""
    return gpd.GeoDataFrame(
        {
            "municipality_code": ["2501", "2502"],
            "municipality_name": ["Västra", "Östra"],
            "county_code": "25",
            "county_name": "Provlän",
            "provenance": "real",
        },
        geometry=[
            shapely.box(500_000, 7_000_000, 501_000, 7_001_000),
            shapely.box(501_000, 7_000_000, 502_000, 7_001_000),
        ],
        crs=CRS,
    )


def points(*rows: tuple[str, float, float, int]) -> gpd.GeoDataFrame:
    """Make premises from id, x and y in metres from the south-west corner, households."""
    names, x, y, households = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {"premises_id": names, "households": households},
        geometry=gpd.points_from_xy(np.array(x) + 500_000, np.array(y) + 7_000_000),
        crs=CRS,
    )


@pytest.mark.parametrize(
    ("building", "households", "workplaces", "holiday_homes"),
    [
        ({"building": "house", "m2": 150}, 1, 0, 0),
        ({"building": "House ", "m2": 400}, 1, 0, 0),
        ({"building": "house;garage", "m2": 150}, 1, 0, 0),
        ({"building": "detached", "m2": 34}, 0, 0, 0),
        ({"building": "terrace", "m2": 240}, 3, 0, 0),
        # 400 m2 on three assumed levels, 100 m2 of floor to a flat.
        ({"building": "apartments", "m2": 400}, 12, 0, 0),
        ({"building": "apartments", "m2": 200, "building:levels": "2"}, 4, 0, 0),
        ({"building": "apartments", "m2": 200, "levels": 5}, 10, 0, 0),
        ({"building": "apartments", "m2": 200, "levels": "two"}, 6, 0, 0),
        ({"building": "apartments", "m2": 200, "levels": "900"}, 6, 0, 0),
        ({"building": "apartments", "m2": 200, "flats": "7"}, 7, 0, 0),
        ({"building": "apartments", "m2": 200, "levels": 5, "shop": "bakery"}, 10, 1, 0),
        ({"building": "yes", "m2": 150}, 1, 0, 0),
        ({"building": "yes", "m2": 49}, 0, 0, 0),
        ({"building": None, "m2": 150}, 1, 0, 0),
        # Above 250 m2 a block of two levels, above 1 000 m2 a workplace.
        ({"building": "yes", "m2": 500}, 10, 0, 0),
        ({"building": "yes", "m2": 1001}, 0, 1, 0),
        ({"building": "residential", "m2": 1500}, 30, 0, 0),
        ({"building": "yes", "m2": 150, "shop": "bakery"}, 0, 1, 0),
        ({"building": "yes", "m2": 150, "shop": "no"}, 1, 0, 0),
        ({"building": "yes", "m2": 150, "office": "company"}, 0, 1, 0),
        ({"building": "yes", "m2": 150, "amenity": "school"}, 0, 1, 0),
        ({"building": "yes", "m2": 150, "healthcare": "doctor"}, 0, 1, 0),
        ({"building": "yes", "m2": 150, "amenity": "parking"}, 0, 0, 0),
        ({"building": "yes", "m2": 150, "man_made": "silo"}, 0, 0, 0),
        ({"building": "yes", "m2": 150, "tourism": "hotel"}, 0, 1, 0),
        ({"building": "yes", "m2": 60, "tourism": "chalet"}, 0, 0, 1),
        ({"building": "house", "m2": 60, "tourism": "chalet"}, 0, 0, 1),
        ({"building": "cabin", "m2": 60}, 0, 0, 1),
        ({"building": "cabin", "m2": 20}, 0, 0, 0),
        ({"building": "school", "m2": 800}, 0, 1, 0),
        ({"building": "industrial", "m2": 4000, "levels": 3}, 0, 1, 0),
        *(
            ({"building": kind, "m2": 300}, 0, 0, 0)
            for kind in ("garage", "shed", "barn", "roof", "greenhouse", "church", "ruins", "no")
        ),
    ],
)
def test_what_a_building_holds(building, households, workplaces, holiday_homes):
    held = derive_households(buildings([building]))
    assert held.iloc[0].tolist() == [households, workplaces, holiday_homes]
    assert (held.dtypes == "int64").all()


def test_derived_rows_keep_the_index_and_need_no_tags():
    frame = buildings([{"m2": 20}, {"m2": 150}])
    frame.index = pd.Index([7, 3])
    held = derive_households(frame)
    assert held.index.tolist() == [7, 3]
    assert held["households"].tolist() == [0, 1]


def test_areas_in_degrees_or_web_mercator_are_refused():
    frame = buildings([{"building": "house", "m2": 150}])
    for crs in ("EPSG:4326", "EPSG:3857"):
        with pytest.raises(NotMetricError):
            derive_households(frame.to_crs(crs))


def test_points_have_no_area_to_derive_from():
    with pytest.raises(GeometryError, match="2 of 2 buildings are points"):
        derive_households(points(("a", 1, 1, 0), ("b", 2, 2, 0)))


def test_liechtenstein_comes_out_in_the_right_order_of_magnitude(shared_data):
    frame = pyogrio.read_dataframe(
        shared_data / "liechtenstein" / "liechtenstein.osm.pbf",
        layer="multipolygons",
        where="building IS NOT NULL",
    ).to_crs("EPSG:2056")
    assert len(frame) == 8994
    held = derive_households(frame)
    # The country has 17 000 to 18 000 households.
    assert held["households"].sum() == pytest.approx(17_503, abs=20)
    assert (held["households"] > 0).sum() == pytest.approx(7_324, abs=20)
    assert held["workplaces"].sum() == pytest.approx(326, abs=2)
    assert held["holiday_homes"].sum() == 23
    small = frame.area.to_numpy() < 35
    assert held.loc[small, ["households", "holiday_homes"]].to_numpy().sum() == 0


def totals(**households: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "municipality_code": [code.removeprefix("k") for code in households],
            "households": list(households.values()),
        }
    )


def test_scaling_by_largest_remainder():
    # 10/7 of 1, 2, 4 is 1.43, 2.86, 5.71: whole parts 1, 2, 5, the rest to .86 and .71.
    scaled = scale_households(np.array([1, 2, 4]), np.array(["01"] * 3), totals(k01=10))
    assert scaled.tolist() == [1, 3, 6]


def test_scaling_leaves_empty_buildings_and_other_municipalities_alone():
    code = np.array(["01", "01", "02", "02", "03"])
    scaled = scale_households(np.array([0, 3, 1, 1, 5]), code, totals(k01=7, k02=0))
    assert scaled.tolist() == [0, 7, 0, 0, 5]


def test_codes_that_lost_their_leading_zero_still_agree():
    scaled = scale_households(
        np.array([1, 1]),
        np.array(["0180", "0180"]),
        pd.DataFrame({"municipality_code": [180], "households": [6]}),
    )
    assert scaled.tolist() == [3, 3]


def test_a_municipality_with_households_but_no_home_is_refused():
    with pytest.raises(BadValueError, match=r"1 municipalities .* no building .*: 2"):
        scale_households(np.array([1, 0]), np.array(["01", "02"]), totals(k01=1, k02=3))


@pytest.mark.parametrize("wrong", [-1, 2.5, np.nan, "many"])
def test_totals_that_are_no_number_of_households_are_refused(wrong):
    table = pd.DataFrame({"municipality_code": ["01"], "households": [wrong]})
    with pytest.raises(BadValueError, match="totals, 1 of 1 rows"):
        scale_households(np.array([1]), np.array(["01"]), table)


def test_totals_named_twice_are_refused():
    table = pd.DataFrame({"municipality_code": ["01", "1"], "households": [1, 2]})
    with pytest.raises(DuplicateIdsError):
        scale_households(np.array([1]), np.array(["01"]), table)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from(["01", "02", "03"])), min_size=1, max_size=40
    ),
    wanted=st.lists(st.integers(0, 500), min_size=3, max_size=3),
    random=st.randoms(use_true_random=False),
)
def test_scaling_is_exact_near_and_blind_to_row_order(rows, wanted, random):
    households = np.array([count for count, _ in rows])
    code = np.array([place for _, place in rows])
    ids = np.array([f"b{number}" for number in range(len(rows))])
    base = {place: households[code == place].sum() for place in ("01", "02", "03")}
    goal = {place: n for place, n in zip(base, wanted, strict=True) if base[place] > 0}
    table = pd.DataFrame({"municipality_code": list(goal), "households": list(goal.values())})
    scaled = scale_households(households, code, table, ids=ids)
    for place, number in goal.items():
        here = code == place
        assert scaled[here].sum() == number
        assert (np.abs(scaled[here] - households[here] * number / base[place]) < 1).all()
    assert (scaled[households == 0] == 0).all()

    order = np.arange(len(rows))
    random.shuffle(order)
    again = scale_households(households[order], code[order], table, ids=ids[order])
    assert (again == scaled[order]).all()


def test_every_row_becomes_a_premises_or_is_set_aside():
    source = points(
        ("west", 500, 500, 1),
        ("border", 1000, 500, 2),
        ("east", 1500, 500, 3),
        ("shore", 500, -150, 4),
        ("far", 500, -250, 5),
        ("empty", 600, 600, 0),
        ("nowhere", 0, 0, 6),
    )
    source.loc[6, "geometry"] = None
    source.index = source.index + 10  # the reader's row numbers
    premises, set_aside = build_premises(
        source, two_municipalities(), layer="premises", file="hus.gpkg"
    )
    check_table(premises, PREMISES, where="premises")
    check_table(set_aside, SET_ASIDE, where="set aside")
    assert premises["premises_id"].tolist() == ["west", "border", "east", "shore"]
    assert premises["municipality_code"].tolist() == ["2501", "2501", "2502", "2501"]
    assert premises["households"].tolist() == [1, 2, 3, 4]
    assert premises["workplaces"].tolist() == [0, 0, 0, 0]
    assert premises["segment"].isna().all()
    assert premises.attrs["near_border"] == 1
    assert premises.crs == source.crs
    assert (premises.geometry.x == premises["x"]).all()
    assert set_aside.to_dict("list") == {
        "layer": ["premises"] * 3,
        "file": ["hus.gpkg"] * 3,
        "row": [14, 15, 16],
        "id": ["far", "empty", "nowhere"],
        "reason": [
            "lies outside every municipality",
            "holds no household, workplace or holiday home",
            "has no geometry",
        ],
    }


def test_no_tolerance_at_the_border_when_none_is_asked_for():
    source = points(("west", 500, 500, 1), ("shore", 500, -1, 4))
    premises, set_aside = build_premises(source, two_municipalities(), border_tolerance_m=0)
    assert premises["premises_id"].tolist() == ["west"]
    assert len(set_aside) == 1


def test_polygons_get_a_point_inside_and_holiday_homes_are_no_households():
    # A horseshoe whose centroid lies outside it.
    horseshoe = shapely.box(500_100, 7_000_100, 500_200, 7_000_200).difference(
        shapely.box(500_110, 7_000_110, 500_200, 7_000_190)
    )
    source = gpd.GeoDataFrame(
        {"premises_id": [12], "households": [0], "holiday_homes": ["2"]},
        geometry=[horseshoe],
        crs=CRS,
    )
    premises, _ = build_premises(source, two_municipalities())
    assert premises["premises_id"].tolist() == ["12"]
    assert premises[["households", "workplaces", "holiday_homes"]].iloc[0].tolist() == [0, 0, 2]
    assert shapely.contains_xy(horseshoe, premises["x"], premises["y"]).all()
    assert premises.geometry.geom_type.tolist() == ["Point"]


def test_segments_from_localities():
    source = points(("a", 100, 100, 1), ("b", 300, 100, 1), ("c", 500, 100, 1), ("d", 700, 100, 1))
    south, north = 7_000_000, 7_001_000
    localities = gpd.GeoDataFrame(
        {"segment": ["SMÅORT", " Tatort"]},
        geometry=[
            shapely.box(500_200, south, 500_600, north),
            shapely.box(500_000, south, 500_400, north),
        ],
        crs=CRS,
    )
    premises, _ = build_premises(source, two_municipalities(), localities=localities)
    # b lies in both: tätort wins.
    assert premises["segment"].tolist() == ["tätort", "tätort", "småort", "utanför"]

    localities["segment"] = ["by", None]
    with pytest.raises(BadValueError, match=r"2 of 2 rows.*by, \(empty\)"):
        build_premises(source, two_municipalities(), localities=localities)
    with pytest.raises(MissingColumnError, match="segment"):
        build_premises(source, two_municipalities(), localities=localities[["geometry"]])


def test_derived_households_are_scaled_and_marked():
    source = buildings([{"building": "house", "m2": 100} for _ in range(4)])
    source["premises_id"] = list("abcd")
    source["geometry"] = shapely.box(
        500_100 + 100.0 * np.arange(4), 7_000_100, 500_110 + 100.0 * np.arange(4), 7_000_110
    )
    table = totals(k2501=6, k9999=17)  # the second lies elsewhere
    premises, set_aside = build_premises(source, two_municipalities(), totals=table, derived=True)
    assert premises["households"].sum() == 6
    assert sorted(premises["households"]) == [1, 1, 2, 2]
    assert (premises["provenance"] == "derived").all()
    assert premises.attrs["municipalities_without_total"] == 1
    assert set_aside.empty
    check_table(set_aside, SET_ASIDE, where="set aside")

    premises, set_aside = build_premises(
        source, two_municipalities(), totals=totals(k2501=3), derived=True, provenance="synthetic"
    )
    assert premises["households"].tolist() == [1, 1, 1]
    assert (premises["provenance"] == "synthetic").all()
    assert set_aside["reason"].tolist() == [
        "no household left when scaled to the municipality's total"
    ]

    with pytest.raises(BadValueError, match="no municipality code agrees"):
        build_premises(source, two_municipalities(), totals=totals(k9999=17), derived=True)


def test_stated_households_are_never_scaled():
    source = points(("a", 100, 100, 1))
    premises, _ = build_premises(source, two_municipalities(), totals=totals(k2501=6))
    assert premises["households"].tolist() == [1]
    assert premises["provenance"].tolist() == ["real"]


@pytest.mark.parametrize(
    ("value", "kind"), [(-1, "1 negative"), (1.5, "1 not whole"), (np.nan, "1 empty")]
)
def test_numbers_that_count_nothing_are_refused(value, kind):
    source = points(("a", 100, 100, 1), ("b", 200, 100, 1))
    source["households"] = [1, value]
    with pytest.raises(BadValueError, match=f"(?s)hus.gpkg.*1 of 2 rows.*{kind}.*b = "):
        build_premises(source, two_municipalities(), file="hus.gpkg")


def test_what_cannot_be_understood_is_refused():
    places = two_municipalities()
    source = points(("a", 100, 100, 1), ("b", 200, 100, 1))
    with pytest.raises(MissingColumnError, match="households"):
        build_premises(source.drop(columns="households"), places)
    with pytest.raises(DuplicateIdsError, match="1 of 2 rows repeat a premises_id: a"):
        build_premises(source.assign(premises_id="a"), places)
    with pytest.raises(BadValueError, match="premises_id is empty on 1 of 2"):
        build_premises(source.assign(premises_id=["a", None]), places)
    with pytest.raises(WrongCrsError, match="layer municipalities"):
        build_premises(source, places.to_crs("EPSG:25834"))
    with pytest.raises(NotMetricError):
        build_premises(source.to_crs("EPSG:4326"), places)
    with pytest.raises(EmptyLayerError, match="2 lies outside every municipality"):
        build_premises(source.translate(yoff=50_000).to_frame("geometry").assign(
            premises_id=["a", "b"], households=1), places)  # fmt: skip
    lines = source.assign(geometry=shapely.linestrings([[0, 0], [1, 1]]))
    with pytest.raises(GeometryError, match="2 of 2 geometries are neither points nor polygons"):
        build_premises(lines.set_crs(CRS), places)


def test_mismatches_name_what_the_geometry_says():
    source = points(
        ("right", 100, 100, 1), ("wrong", 1500, 100, 1), ("out", 100, 9000, 1), ("none", 9, 9, 1)
    )
    assert municipality_mismatches(source, two_municipalities()).empty
    source["municipality_code"] = ["2501", "2501", "2501", None]
    found = municipality_mismatches(source, two_municipalities())
    assert found["premises_id"].tolist() == ["wrong", "out"]
    assert found["stated_code"].tolist() == ["2501", "2501"]
    assert found["municipality_code"].fillna("").tolist() == ["2502", ""]


def test_real_localities_lie_in_the_municipalities_that_scb_says(shared_data):
    path = shared_data / "sverige" / "sample_bd_m.gpkg"
    municipalities = pyogrio.read_dataframe(path, layer="kommun").rename(
        columns={"KOM_KOD": "municipality_code"}
    )
    source = pyogrio.read_dataframe(path, layer="tatort_punkt_2020").rename(
        columns={"code": "premises_id", "pop": "households", "mun_code": "municipality_code"}
    )
    premises, set_aside = build_premises(source, municipalities)
    assert len(premises) == 337
    assert set_aside.empty
    # Two lie across a border, with their middle on the other side of it than most people.
    found = municipality_mismatches(source, municipalities)
    assert found[["stated_code", "municipality_code"]].to_numpy().tolist() == [
        ["1286", "1264"],
        ["1265", "1281"],
    ]
    people = premises.groupby("municipality_code")["households"].sum()
    # Population in localities 2020 (SCB).
    assert people[["2580", "2513", "1273"]].tolist() == [70873, 1784, 10335]
