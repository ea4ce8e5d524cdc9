"""Speed classes, uploads, connected points, independent networks and the state-aid view."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from bredband.availability import distance_to_fibre, premises_status
from bredband.region import Definitions
from bredband.tables import STATUS, TECHNOLOGIES, check_table
from bredband.takeup import add_offers
from bredband_gis.errors import BadValueError, GeometryError, MissingColumnError
from hypothesis import given
from hypothesis import strategies as st
from test_availability import CRS, EAST, NORTH, premises, route, status_of


def rows(*values: tuple[object, ...], names: str) -> pd.DataFrame:
    return pd.DataFrame(values, columns=names.split())


def points(*places: tuple[float, float], **columns: object) -> gpd.GeoDataFrame:
    shapes = [shapely.Point(x + EAST, y + NORTH) for x, y in places]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS, index=range(len(places)))


def far(*names: str) -> gpd.GeoDataFrame:
    """Make premises so far apart that none is near another."""
    return premises(**{name: (i * 10_000.0, 0.0) for i, name in enumerate(names)})


def test_classes_wired_and_with_wireless():
    coverage = rows(
        ("a", "fibre", 1000), ("b", "docsis", 999), ("c", "vdsl", 30), ("c", "5g", 1200),
        ("d", "xdsl", 29.9), ("e", "fwa", 100), ("f", "fibre", 100),
        names="premises_id technology speed_mbit",
    )  # fmt: skip
    found = status_of(far(*"abcdefg"), coverage=coverage)
    assert found["wired_class_mbit"].tolist() == [1000, 100, 30, 0, 0, 100, 0]
    assert found["any_class_mbit"].tolist() == [1000, 100, 1000, 0, 100, 100, 0]
    assert found["technologies"].tolist() == [
        "fibre", "docsis", "vdsl, 5g", "xdsl", "fwa", "fibre", "",
    ]  # fmt: skip
    assert found["speed_mbit"].tolist() == [1000, 999, 30, 29.9, 0, 100, 0]


def test_symmetric_is_of_the_fastest_wired_and_empty_where_no_upload_is_stated():
    coverage = rows(
        ("a", "fibre", 1000, 1000), ("a", "docsis", 500, 50), ("b", "docsis", 1000, 100),
        ("b", "fibre", 1000, None), ("c", "docsis", 500, 50), ("c", "fibre", 100, 100),
        ("d", "fibre", 250, None), ("d", "fibre", 250, 250), ("d", "fibre", 250, 10),
        names="premises_id technology speed_mbit upload_mbit",
    )  # fmt: skip
    found = status_of(far(*"abcde"), coverage=coverage)
    # b: both give 1000; fibre is named, and of its upload nothing is said.
    assert found["technology"].fillna("").tolist() == ["fibre", "fibre", "docsis", "fibre", ""]
    assert found["upload_mbit"].fillna(-1).tolist() == [1000, -1, 50, 250, -1]
    assert found["symmetric"].tolist() == [True, pd.NA, False, True, pd.NA]


def test_no_order_of_the_rows_changes_what_is_best():
    values = [
        ("a", "fibre", 1000, None), ("a", "docsis", 1000, 100), ("a", "fibre", 1000, 500),
        ("a", "xdsl", 24, 3), ("a", "fibre", 100, 100),
    ]  # fmt: skip
    seen = set()
    for turn in range(5):
        turned = values[turn:] + values[:turn]
        table = rows(*turned, names="premises_id technology speed_mbit upload_mbit")
        found = status_of(far("a"), coverage=table).iloc[0]
        seen.add((found["technology"], found["speed_mbit"], found["upload_mbit"], found["reason"]))
    assert seen == {("fibre", 1000.0, 500.0, "fiber 1000 Mbit/s enligt täckningstabellen")}


def test_a_named_cell_is_named_in_the_reason():
    box = shapely.box(EAST - 100, NORTH - 100, EAST + 150, NORTH + 150)
    cells = gpd.GeoDataFrame(
        {"cell_id": ["4999007000000"], "technology": ["kabel-tv"], "speed_mbit": [1000]},
        geometry=[box], crs=CRS,
    )  # fmt: skip
    found = status_of(far("a", "b"), coverage_areas=cells)
    assert found["reason"].iloc[0] == "i ruta 4999007000000 med kabel-tv 1000 Mbit/s"
    english = status_of(far("a", "b"), coverage_areas=cells, language="en")
    assert english["reason"].iloc[0] == "in cell 4999007000000 with cable 1000 Mbit/s"


def test_connected_points_belong_to_the_nearest_building_within_the_distance():
    places = premises(a=(0, 0), b=(40, 0), c=(10_000, 0), d=(20_000, 0), e=(20_060, 0))
    # 4 m from a; 26 m from c, so nobody's, but c is near it; at d; e is 60 m from d's.
    connected = points((4, 0), (10_026, 0), (20_000, 0), operator=["X", "X", "Y"])
    found = premises_status(
        places, connected=connected, definitions=Definitions(), year=2021, language="sv"
    )
    check_table(found, STATUS, where="status")
    assert found["status"].tolist() == ["connected", "passed", "passed", "connected", "unserved"]
    assert found["speed_mbit"].tolist() == [1000, 0, 0, 1000, 0]
    assert found["near_fibre"].tolist() == [True, True, True, True, False]
    assert found.attrs["unmatched_points"] == 1
    assert found["reason"].tolist()[:3] == [
        "fiber 1000 Mbit/s enligt operatörens anslutningspunkt i byggnaden",
        "36 m från fiberansluten byggnad",
        "26 m från fiberansluten byggnad",
    ]
    wider = status_of(places, connected=connected, definitions=Definitions(match_m=26))
    assert wider["status"]["c"] == "connected"


def test_connected_points_that_are_not_of_fibre_bring_no_fibre_near():
    places = premises(a=(0, 0), b=(40, 0))
    cable = points((0, 0), technology=["kabel-tv"], speed_mbit=[500.0])
    found = status_of(places, connected=cable)
    assert found["status"].tolist() == ["connected", "unserved"]
    assert found["speed_mbit"].tolist() == [500, 0]
    assert found["near_fibre"].tolist() == [False, False]


def test_connected_must_be_points():
    line = gpd.GeoDataFrame(geometry=[shapely.LineString([(EAST, NORTH), (EAST, 0)])], crs=CRS)
    with pytest.raises(GeometryError, match="are not points"):
        status_of(far("a"), connected=line)


NETWORKS = [
    # operator and technology pairs, networks
    ([], 0),
    ([("", "fibre")], 1),
    ([("", "fibre"), ("", "docsis")], 2),
    ([("X", "fibre"), ("X", "docsis")], 1),
    ([("X", "fibre"), ("x ", "fibre")], 1),  # the same name
    ([("X", "fibre"), ("Y", "fibre")], 2),
    ([("X", "fibre"), ("", "fibre")], 1),  # may be the same one
    ([("X", "fibre"), ("", "docsis")], 2),
    ([("X", "fibre"), ("Y", "fibre"), ("Z", "vdsl")], 3),
    ([("X", "5g")], 0),  # mobile is no fixed network
]


@pytest.mark.parametrize(("held", "count"), NETWORKS)
def test_independent_networks(held, count):
    coverage = rows(
        ("other", "xdsl", 24, ""), *(("a", tech, 500, owner) for owner, tech in held),
        names="premises_id technology speed_mbit operator",
    )  # fmt: skip
    found = status_of(far("a", "other"), coverage=coverage)
    assert found["networks"].tolist() == [count, 0]  # 24 Mbit/s is below the threshold
    assert found["aid_colour"]["a"] == ["white", "grey", "black", "black"][count]


def test_passed_and_planned_networks_count():
    places = premises(a=(0, 10), b=(500, 10), c=(9_000, 0), d=(12_000, 0))
    fibre = gpd.GeoDataFrame(
        {"operator": ["X", "Y"]},
        geometry=[
            shapely.LineString([(EAST - 100, NORTH), (EAST + 600, NORTH)]),
            shapely.LineString([(EAST - 100, NORTH - 20), (EAST + 100, NORTH - 20)]),
        ],
        crs=CRS,
    )
    plans = rows(
        ("b", "X", 2023), ("c", "Z", 2023), ("d", "Z", 2031), names="premises_id operator year"
    )
    found = status_of(places, fibre=fibre, plans=plans)
    # a is passed by both, b by X which also plans, c is promised, d too late.
    assert found["networks"].tolist() == [2, 1, 1, 0]
    assert found["aid_colour"].tolist() == ["black", "grey", "grey", "white"]
    near_only = status_of(places, fibre=fibre.drop(columns="operator"))
    assert near_only["networks"].tolist() == [1, 1, 0, 0]


def test_threshold_and_technologies_of_the_aid_view_are_settings():
    coverage = rows(
        ("a", "fwa", 100), ("b", "docsis", 99), names="premises_id technology speed_mbit"
    )
    assert status_of(far("a", "b"), coverage=coverage)["networks"].tolist() == [0, 0]
    wide = Definitions(aid_technologies=["fwa", "docsis"], aid_speed_mbit=99)
    assert status_of(far("a", "b"), coverage=coverage, definitions=wide)["networks"].tolist() == [
        1, 1,
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sampled_from(TECHNOLOGIES),
            st.sampled_from([0, 30, 100, 500]),
            st.sampled_from(["", "X", "Y"]),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_networks_as_counted_one_by_one(held):
    coverage = rows(("a", "xdsl", 0, ""), *held, names="premises_id technology speed_mbit operator")
    found = status_of(far(*"abc"), coverage=coverage)
    for name in "abc":
        # Slow fibre counts as well: 1 Gbit/s can be ordered.
        wired = [
            (o, t) for i, t, s, o in held if i == name and (s >= 100 or (t == "fibre" and s > 0))
        ]
        wired = [(o, t) for o, t in wired if t in ("fibre", "docsis", "vdsl", "xdsl")]
        named = {o for o, _ in wired if o}
        theirs = {t for o, t in wired if o}
        unnamed = {t for o, t in wired if not o} - theirs
        assert found["networks"][name] == len(named) + len(unnamed)


def test_a_plain_table_gives_the_same_as_one_with_geometry():
    rng = np.random.default_rng(3)
    places = premises(**{f"p{i}": tuple(rng.uniform(0, 3000, 2)) for i in range(200)})
    layers = {
        "coverage": rows(
            *((f"p{i}", "fibre", 1000, 1000) for i in range(0, 200, 7)),
            names="premises_id technology speed_mbit upload_mbit",
        ),
        "fibre": route((0, 0), (3000, 3000)),
        "coverage_areas": gpd.GeoDataFrame(
            {"technology": ["vdsl"], "speed_mbit": [60]},
            geometry=[shapely.box(EAST, NORTH, EAST + 500, NORTH + 500)], crs=CRS,
        ),
    }  # fmt: skip
    with_shapes = premises_status(places, definitions=Definitions(), year=2021, **layers)
    plain = premises_status(
        pd.DataFrame(places.drop(columns="geometry")), definitions=Definitions(), year=2021,
        crs=CRS, **layers,
    )  # fmt: skip
    pd.testing.assert_frame_equal(pd.DataFrame(with_shapes.drop(columns="geometry")), plain)
    with pytest.raises(BadValueError, match="CRS is not given"):
        premises_status(
            pd.DataFrame(places.drop(columns="geometry")), definitions=Definitions(), year=2021
        )


def test_distance_to_fibre_of_any_kind():
    places = premises(a=(0, 0), b=(100, 0), c=(0, 400), d=(5000, 0), e=(9000, 0))
    coverage = rows(("a", "fibre", 10), names="premises_id technology speed_mbit")
    connected = points((5030, 0), (0, 390))
    status = status_of(places, coverage=coverage, connected=connected).reset_index()
    found = distance_to_fibre(
        places, status, fibre=route((140, 0), (140, 50)), connected=connected, limit_m=1000
    )
    # c: a connected point 10 m away makes it connected.
    assert found.tolist() == pytest.approx([0, 40, 0, 30, np.inf])


def test_offers_and_acceptances():
    places = far(*"abcd").assign(households=[4, 1, 0, 2])
    numbers = rows(
        ("a", 4, 3), ("a", 0, 0), ("b", 1, 1), ("stranger", 1, 1),
        names="premises_id offered accepted",
    )  # fmt: skip
    found = add_offers(places, numbers)
    assert found["offered_households"].tolist() == [4, 1, 0, 0]
    assert found["accepted_households"].tolist() == [3, 1, 0, 0]
    assert found.attrs["offers_elsewhere"] == 1
    words = rows(("a", "ja"), ("b", "Nej"), ("c", "ja"), names="premises_id accepted")
    found = add_offers(places, words)
    # Nobody lives in c: a holiday home's yes is no household's.
    assert found["offered_households"].tolist() == [4, 1, 0, 0]
    assert found["accepted_households"].tolist() == [4, 0, 0, 0]
    # Two operators ask the same homes; and no more than live there can answer.
    twice = rows(
        ("a", 4, 1), ("a", 3, 2), ("b", 40, 30), ("d", 2, 2), ("d", 2, 0),
        names="premises_id offered accepted",
    )  # fmt: skip
    found = add_offers(places, twice)
    assert found["offered_households"].tolist() == [4, 1, 0, 2]
    assert found["accepted_households"].tolist() == [3, 1, 0, 2]
    assert found.attrs["offers_above_households"] == 1
    with pytest.raises(BadValueError, match="more households accepted"):
        add_offers(places, rows(("a", 1, 3), names="premises_id offered accepted"))
    with pytest.raises(BadValueError, match="yes or no"):
        add_offers(places, rows(("a", "kanske"), names="premises_id accepted"))
    with pytest.raises(BadValueError, match="whole numbers"):
        add_offers(places, rows(("a", -1), names="premises_id accepted"))
    with pytest.raises(MissingColumnError, match="accepted"):
        add_offers(places, rows(("a",), names="premises_id"))
    with pytest.raises(BadValueError, match="none of the 1 rows"):
        add_offers(places, rows(("zz", "ja"), names="premises_id accepted"))
