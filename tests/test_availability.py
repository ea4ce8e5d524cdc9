"""What each premises has, could order and is promised, and the words for it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from bredband import availability
from bredband.availability import coverage_mismatches, premises_status
from bredband.reasons import WORDS
from bredband.region import Definitions
from bredband.tables import STATUS, check_table
from bredband.technologies import normalise_technology
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
    NotMetricError,
    WrongCrsError,
)
from hypothesis import given, settings
from hypothesis import strategies as st

CRS = "EPSG:3006"
EAST, NORTH = 500_000.0, 7_000_000.0
YEAR = 2021


def premises(**places: tuple[float, float]) -> gpd.GeoDataFrame:
    """Make premises from their id and metres from the south-west corner."""
    x = np.array([place[0] for place in places.values()], dtype=float) + EAST
    y = np.array([place[1] for place in places.values()], dtype=float) + NORTH
    frame = pd.DataFrame(
        {
            "premises_id": list(places),
            "x": x,
            "y": y,
            "households": 1,
            "workplaces": 0,
            "holiday_homes": 0,
            "municipality_code": "2501",
            "segment": pd.Series([None] * len(places), dtype="str"),
            "provenance": "real",
        }
    )
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(x, y), crs=CRS)


def route(*vertices: tuple[float, float]) -> gpd.GeoDataFrame:
    line = shapely.linestrings(np.add(vertices, (EAST, NORTH)))
    return gpd.GeoDataFrame(geometry=[line], crs=CRS)


def cells(*rows: tuple[tuple[float, float, float, float], str, float]) -> gpd.GeoDataFrame:
    boxes = [shapely.box(a + EAST, b + NORTH, c + EAST, d + NORTH) for (a, b, c, d), _, _ in rows]
    offers = {"technology": [r[1] for r in rows], "speed_mbit": [r[2] for r in rows]}
    return gpd.GeoDataFrame(offers, geometry=boxes, crs=CRS)


def table(*rows: tuple[str, str | None, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["premises_id", "technology", "speed_mbit"])


def status_of(places: gpd.GeoDataFrame, *, language="sv", definitions=None, **layers):
    found = premises_status(
        places,
        definitions=definitions or Definitions(),
        year=YEAR,
        language=language,
        **layers,
    )
    check_table(found, STATUS, where="status")
    return found.set_index("premises_id")


def test_the_fastest_wired_counts_and_wireless_stays_apart():
    coverage = table(
        ("a", "FTTH", 1000),
        ("a", "ADSL", 24),
        ("a", "5G", 2000),
        ("b", "VDSL2", 60),
        ("b", "Fast radio", 300),
        ("c", "kabel-tv", 500),
        ("c", "fiber-LAN", 500),
        ("d", None, 0),
        ("d", "xDSL", 0),
        ("stranger", "fiber", 1000),
    )
    found = status_of(premises(a=(0, 0), b=(9e3, 0), c=(18e3, 0), d=(27e3, 0)), coverage=coverage)
    assert found["status"].tolist() == ["connected", "unserved", "connected", "unserved"]
    assert found["technology"].fillna("").tolist() == ["fibre", "vdsl", "fibre", ""]
    assert found["speed_mbit"].tolist() == [1000, 60, 500, 0]
    assert found["wireless_speed_mbit"].tolist() == [2000, 300, 0, 0]
    assert found["distance_to_fibre_m"].isna().all()
    assert found["reason"].tolist() == [
        "fiber 1000 Mbit/s enligt täckningstabellen",
        "ingen fast anslutning ≥ 100 Mbit/s; har VDSL 60 Mbit/s; trådlöst 300 Mbit/s räknas inte",
        "fiber 500 Mbit/s enligt täckningstabellen",
        "ingen fast anslutning ≥ 100 Mbit/s",
    ]


def test_wireless_can_be_defined_as_wired_and_only_then_connects():
    coverage = table(("a", "fwa", 300))
    definitions = Definitions(wired_technologies=["fibre", "fwa"])
    assert status_of(premises(a=(0, 0)), coverage=coverage)["status"].tolist() == ["unserved"]
    found = status_of(premises(a=(0, 0)), coverage=coverage, definitions=definitions)
    assert found["status"].tolist() == ["connected"]
    assert found["technology"].tolist() == ["fwa"]


def test_passed_by_a_route_at_exactly_the_distance_and_not_beyond():
    places = premises(on=(500, 0), at=(500, 50), over=(500, 50.01), far=(500, 412), gone=(500, 6e3))
    fibre = route((0, 0), (1000, 0))
    found = status_of(places, fibre=fibre)
    assert found["status"].tolist() == ["passed", "passed", "unserved", "unserved", "unserved"]
    assert found["passed_speed_mbit"].tolist() == [1000, 1000, 0, 0, 0]
    assert found["speed_mbit"].tolist() == [0] * 5
    assert found["distance_to_fibre_m"].iloc[:4].tolist() == pytest.approx([0, 50, 50.01, 412])
    assert np.isnan(found["distance_to_fibre_m"].iloc[4])
    assert found["reason"].tolist() == [
        "0 m från fiberväg",
        "50 m från fiberväg",
        "ingen fast anslutning ≥ 100 Mbit/s; närmaste fiber 51 m",
        "ingen fast anslutning ≥ 100 Mbit/s; närmaste fiber 412 m",
        "ingen fast anslutning ≥ 100 Mbit/s; ingen fiber inom 5000 m",
    ]
    found = status_of(places, fibre=fibre, definitions=Definitions(proximity_m=0))
    assert found["status"].tolist() == ["passed", *["unserved"] * 4]


def test_a_slanting_route_passes_what_lies_on_it_at_distance_zero():
    places = premises(third=(1000 / 3, 700 / 3))
    found = status_of(
        places, fibre=route((0, 0), (1000, 700)), definitions=Definitions(proximity_m=0)
    )
    assert found["status"].tolist() == ["passed"]


def test_proximity_may_exceed_the_search_distance():
    definitions = Definitions(proximity_m=250, search_m=100)
    found = status_of(premises(a=(0, 200)), fibre=route((0, 0), (1, 0)), definitions=definitions)
    assert found["status"].tolist() == ["passed"]
    assert found["distance_to_fibre_m"].isna().all()


def test_passed_by_a_neighbour_with_fibre_but_not_by_one_with_cable_or_by_a_passed_one():
    places = premises(
        fibre=(0, 0), near=(31, 0), chain=(62, 0), cable=(1000, 0), by_cable=(1020, 0)
    )
    coverage = table(("fibre", "fiber", 250), ("cable", "coax", 1000))
    found = status_of(places, coverage=coverage)
    full = status_of(places, coverage=coverage.assign(speed_mbit=1000))
    assert full["passed_speed_mbit"].tolist() == [0, 1000, 0, 0, 0]
    assert found["status"].tolist() == ["connected", "passed", "unserved", "connected", "unserved"]
    # Where fibre is, its speed can be ordered, unless it is there already.
    assert found["passed_speed_mbit"].tolist() == [1000, 1000, 0, 0, 0]
    assert found["reason"].iloc[1] == "31 m från fiberansluten byggnad"
    assert found["distance_to_fibre_m"].isna().all()


def test_the_nearer_of_route_and_neighbour_is_named():
    places = premises(connected=(0, 40), a=(0, 30), b=(5, 5))
    coverage = table(("connected", "fibre", 100))
    found = status_of(places, coverage=coverage, fibre=route((-100, 0), (100, 0)))
    assert found["reason"].iloc[1:].tolist() == ["30 m från fiberväg", "5 m från fiberväg"]
    # With the route out of reach the neighbour decides.
    found = status_of(
        places, coverage=coverage, fibre=route((-100, -100), (100, -100)),
    )  # fmt: skip
    assert found["reason"].iloc[1] == "10 m från fiberansluten byggnad"
    assert found["distance_to_fibre_m"].iloc[1] == pytest.approx(130)


def test_slow_fibre_in_the_building_passes_it_at_the_speed_of_fibre():
    found = status_of(premises(a=(0, 0)), coverage=table(("a", "fiber", 50)))
    assert found["status"].tolist() == ["passed"]
    assert found["reason"].tolist() == ["fiber finns i byggnaden"]


def test_passed_speed_below_the_target_passes_nobody():
    definitions = Definitions(target_speed_mbit=100, passed_speed_mbit=30)
    found = status_of(premises(a=(0, 5)), fibre=route((0, 0), (9, 0)), definitions=definitions)
    assert found["status"].tolist() == ["unserved"]
    assert found["passed_speed_mbit"].tolist() == [30]
    assert found["reason"].tolist() == [
        "ingen fast anslutning ≥ 100 Mbit/s; fiber i närheten ger bara 30 Mbit/s"
    ]


def test_areas_overlap_and_the_best_of_all_and_of_the_table_counts():
    places = premises(a=(50, 50), corner=(100, 100), out=(9000, 9000), listed=(60, 60))
    areas = cells(
        ((0, 0, 100, 100), "vdsl", 60),
        ((0, 0, 100, 100), "fiber", 1000),
        ((0, 0, 100, 100), "fiber", 100),
        ((100, 100, 200, 200), "docsis", 1200),
        ((0, 0, 5000, 5000), "4G", 40),
    )
    coverage = table(("listed", "fiber", 2000), ("a", "docsis", 1000), ("corner", "fiber", 1200))
    found = status_of(places, coverage=coverage, coverage_areas=areas)
    assert found["speed_mbit"].tolist() == [1000, 1200, 0, 2000]
    assert found["technology"].fillna("").tolist() == ["fibre", "fibre", "", "fibre"]
    assert found["wireless_speed_mbit"].tolist() == [40, 40, 0, 40]
    assert found["reason"].tolist() == [
        # Cable is as fast in the table as fibre in the area: fibre is named, and the area.
        "fiber 1000 Mbit/s enligt täckningsytorna",
        "fiber 1200 Mbit/s enligt täckningstabellen",
        "ingen fast anslutning ≥ 100 Mbit/s",
        "fiber 2000 Mbit/s enligt täckningstabellen",
    ]


def test_many_cells_in_batches_give_the_same_as_one_by_one(monkeypatch):
    rng = np.random.default_rng(7)
    spots = rng.uniform(0, 2000, (300, 2))
    places = premises(**{f"p{i}": tuple(spot) for i, spot in enumerate(spots)})
    speeds = rng.integers(1, 1000, (8, 8))
    areas = cells(
        *(
            ((i * 250, j * 250, i * 250 + 250, j * 250 + 250), "fibre", float(speeds[i, j]))
            for i in range(8)
            for j in range(8)
        )
    )
    monkeypatch.setattr(availability, "AREAS_AT_A_TIME", 7)
    found = status_of(places, coverage_areas=areas)
    expected = speeds[tuple((spots // 250).astype(int).T)]
    assert (found["speed_mbit"].to_numpy() == expected).all()


@pytest.mark.parametrize(
    ("due", "credible", "speed", "technology", "status", "reason"),
    [
        (2022, True, 1000, "fiber", "planned", "planerad 2022, 1000 Mbit/s"),
        (2024, "ja", None, None, "planned", "planerad 2024, 1000 Mbit/s"),
        (None, 1, 500, "fiber", "planned", "planerad, 500 Mbit/s"),
        (2025, True, 1000, "fiber", "unserved", "planen är klar först 2025"),
        (2021, True, 1000, "fiber", "unserved", "planen skulle ha varit klar 2021"),
        (2022, "Nej", 1000, "fiber", "unserved", "planen är inte trovärdig"),
        (2022, True, 300, "fwa", "unserved", "planen gäller inte fast anslutning"),
        (2022, True, 30, "vdsl", "unserved", "planen ger bara 30 Mbit/s"),
    ],
)
@pytest.mark.parametrize("by_area", [False, True])
def test_plans(due, credible, speed, technology, status, reason, by_area):
    plan = {"year": [due], "credible": credible, "speed_mbit": speed, "technology": technology}
    if by_area:
        square = shapely.box(EAST - 1, NORTH - 1, EAST + 1, NORTH + 1)
        layers = {"plan_areas": gpd.GeoDataFrame(plan, geometry=[square], crs=CRS)}
    else:
        layers = {"plans": pd.DataFrame({"premises_id": ["a"], **plan})}
    found = status_of(premises(a=(0, 0), b=(50_000, 0)), **layers)
    assert found["status"].tolist() == [status, "unserved"]
    assert found["reason"].iloc[0].endswith(reason)
    assert found["reason"].iloc[1] == "ingen fast anslutning ≥ 100 Mbit/s"
    counts = status == "planned" or "bara" in reason
    assert found["planned_speed_mbit"].tolist() == [(speed or 1000) if counts else 0, 0]


def test_the_best_of_several_plans_counts_and_passed_comes_first():
    plans = pd.DataFrame(
        {
            "premises_id": ["a", "a", "a", "a", "near", "elsewhere"],
            "year": [2030, 2022, 2024, 2023, 2022, 2022],
            "speed_mbit": [10_000, 500, 1000, 1000, 1000, 1000],
        }
    )
    found = status_of(premises(a=(9e3, 9e3), near=(0, 5)), plans=plans, fibre=route((0, 0), (9, 0)))
    assert found["status"].tolist() == ["planned", "passed"]
    assert found["planned_speed_mbit"].tolist() == [1000, 1000]
    assert found["reason"].tolist() == ["planerad 2023, 1000 Mbit/s", "5 m från fiberväg"]


def test_a_plan_needs_no_more_than_an_id():
    found = status_of(premises(a=(0, 0)), plans=pd.DataFrame({"premises_id": ["a"]}))
    assert found["planned_speed_mbit"].tolist() == [1000]


def test_english_words():
    places = premises(a=(0, 0), b=(0, 5), c=(0, 300))
    found = status_of(
        places, coverage=table(("a", "kabel-tv", 300)), fibre=route((50, 5), (99, 5)),
        language="en", plans=pd.DataFrame({"premises_id": ["c"], "year": [2020]}),
    )  # fmt: skip
    assert found["reason"].tolist() == [
        "cable 300 Mbit/s according to the coverage table",
        "50 m from a fibre route",
        "no wired connection ≥ 100 Mbit/s; nearest fibre 300 m; the plan was due 2020",
    ]
    assert WORDS["sv"].keys() == WORDS["en"].keys()


def test_without_any_layer_everybody_is_unserved_and_the_frame_is_kept():
    places = premises(b=(0, 0), a=(1, 1)).assign(colour="red")
    places.index = pd.Index([8, 4])
    before = places.copy()
    found = premises_status(places, definitions=Definitions(), year=YEAR)
    assert found["status"].tolist() == ["unserved", "unserved"]
    assert found.index.tolist() == [8, 4]
    assert found["colour"].tolist() == ["red", "red"]
    named = [name for name, column in STATUS.columns.items() if column.required]
    assert found.columns[: len(named)].tolist() == named
    assert found.crs == places.crs
    assert str(found["technology"].dtype) == "str"
    assert places.equals(before)
    empty = premises_status(places.iloc[:0], definitions=Definitions(), year=YEAR)
    check_table(empty, STATUS, where="status")


def test_common_names_of_technologies():
    names = {
        "fibre": ["Fiber", "FTTH", "fttb", "Fiber-LAN", "fiber eller fiber-lan"],
        "docsis": ["Kabel-TV", "coax", "DOCSIS 3.0", "docsis3.1", "HFC"],
        "vdsl": ["VDSL2", "vdsl"],
        "xdsl": ["ADSL2+", "xDSL", "adsl"],
        "fwa": ["Fast radio", "FWA", "fixed wireless"],
        "5g": ["5G", "NR", "NR (5G)"],
        "lte": ["4G", "4G/LTE", "LTE (ej 450 MHz)"],
        "satellite": ["Satellit", "satellite"],
    }
    for name, words in names.items():
        assert normalise_technology(pd.Series(words), where="").tolist() == [name] * len(words)
    assert normalise_technology(pd.Series(["fiber", None]), where="").isna().tolist() == [
        False,
        True,
    ]


def test_unknown_technologies_are_named_and_counted():
    coverage = table(*[("a", "brevduva", 1)] * 3, ("a", "morse", 2), ("a", "fiber", 1))
    with pytest.raises(BadValueError, match=r"(?s)'brevduva' \(3 rows\), 'morse' \(1 rows\)"):
        status_of(premises(a=(0, 0)), coverage=coverage)
    with pytest.raises(BadValueError, match="technology is empty on 1 of 1 rows"):
        status_of(premises(a=(0, 0)), coverage=table(("a", None, 5)))


@pytest.mark.parametrize(
    ("speed", "kind"),
    [(np.nan, "1 missing"), (-1, "1 negative"), (100_001, "1 above 100000"), ("fast", "1 missing")],
)
def test_speeds_that_cannot_be_are_refused(speed, kind):
    coverage = table(("a", "fiber", 1000), ("a", "fiber", speed))
    with pytest.raises(BadValueError, match=f"(?s)coverage, 1 of 2 rows.*{kind}.*row 1"):
        status_of(premises(a=(0, 0)), coverage=coverage)


def test_layers_that_cannot_be_measured_are_refused():
    places, fibre = premises(a=(0, 0)), route((0, 0), (1, 1))
    with pytest.raises(NotMetricError):
        status_of(places.to_crs("EPSG:4326"))
    with pytest.raises(NotMetricError):
        status_of(places, fibre=fibre.to_crs("EPSG:3857"))
    with pytest.raises(WrongCrsError, match="fibre"):
        status_of(places, fibre=fibre.to_crs("EPSG:25832"))
    with pytest.raises(NoCrsError):
        status_of(
            places,
            coverage_areas=cells(((0, 0, 1, 1), "fiber", 1)).set_crs(None, allow_override=True),
        )
    with pytest.raises(GeometryError, match="1 of 1 geometries are not lines"):
        status_of(places, fibre=cells(((0, 0, 1, 1), "fiber", 1)))
    with pytest.raises(GeometryError, match="1 of 1 geometries are not polygons"):
        status_of(places, plan_areas=fibre)
    with pytest.raises(MissingColumnError, match="premises_id"):
        status_of(places, plans=pd.DataFrame({"year": [2022]}))
    with pytest.raises(MissingColumnError, match="speed_mbit"):
        status_of(places, coverage=table(("a", "fiber", 1)).drop(columns="speed_mbit"))
    with pytest.raises(BadValueError, match=r"none of the 1 rows .* says '1.0', the premises 'a'"):
        status_of(places, coverage=table((1.0, "fiber", 1)))
    with pytest.raises(DuplicateIdsError, match="1 of 2 rows repeat a premises_id"):
        status_of(pd.concat([places, places]))
    plans = pd.DataFrame({"premises_id": ["a"], "year": [20222]})
    with pytest.raises(BadValueError, match="year 1990-2100"):
        status_of(places, plans=plans)
    plans = pd.DataFrame({"premises_id": ["a", "a"], "credible": ["ja", None]})
    with pytest.raises(BadValueError, match=r"(?s)1 of 2 rows.*yes or no"):
        status_of(places, plans=plans)


def test_mismatches_in_both_directions():
    coverage = table(("a", "fiber", 1), ("x", "fiber", 1), ("x", "adsl", 1), ("w", "fiber", 1))
    found = coverage_mismatches(premises(b=(0, 0), a=(1, 1)), coverage)
    assert found.to_numpy().tolist() == [
        ["w", "premises", 1],
        ["x", "premises", 2],
        ["b", "coverage", 0],
    ]
    assert coverage_mismatches(premises(a=(0, 0)), table(("a", "fiber", 1))).empty


coordinate = st.integers(-300, 300)
spots = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=25, unique=True)
offers = st.lists(
    st.tuples(
        st.integers(0, 24),
        st.sampled_from(["fibre", "docsis", "vdsl", "fwa", "5g"]),
        st.sampled_from([0, 10, 30, 100, 1000]),
    ),
    max_size=40,
)


def _status(spots, offers, *, proximity=50.0):
    places = premises(**{f"p{i}": spot for i, spot in enumerate(spots)})
    rows = [("p0", None, 0.0), *((f"p{i}", name, float(speed)) for i, name, speed in offers)]
    coverage = table(*rows)
    definitions = Definitions(proximity_m=proximity)
    return status_of(
        places, coverage=coverage, fibre=route((0, -300), (0, 0)), definitions=definitions
    )


@settings(max_examples=25, deadline=None)
@given(spots=spots, offers=offers, near=st.integers(0, 200), more=st.integers(0, 200))
def test_a_larger_proximity_never_takes_anything_away(spots, offers, near, more):
    small = _status(spots, offers, proximity=near)
    large = _status(spots, offers, proximity=near + more)
    assert (large["passed_speed_mbit"] >= small["passed_speed_mbit"]).all()
    order = ["connected", "passed", "planned", "unserved"]
    rank = {name: number for number, name in enumerate(order)}
    assert (large["status"].map(rank) <= small["status"].map(rank)).all()
    assert large["speed_mbit"].equals(small["speed_mbit"])


@settings(max_examples=25, deadline=None)
@given(spots=spots, offers=offers, random=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(spots, offers, random):
    plain = _status(spots, offers)
    shuffled = offers.copy()
    random.shuffle(shuffled)
    again = _status(spots, shuffled)
    pd.testing.assert_frame_equal(pd.DataFrame(plain), pd.DataFrame(again))
    order = list(range(len(spots)))
    random.shuffle(order)
    places = premises(**{f"p{i}": spot for i, spot in enumerate(spots)})
    layers = {"coverage": table(("p0", "fibre", 30)), "fibre": route((0, -300), (0, 0))}
    one = status_of(places, **layers)
    other = status_of(places.iloc[order], **layers)
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other.loc[one.index]))


@settings(max_examples=25, deadline=None)
@given(spots=spots, offers=offers)
def test_the_same_as_row_by_row(spots, offers):
    """The rules once more, in the plainest way."""
    found = _status(spots, offers)
    wired = {"fibre", "docsis", "vdsl"}
    lit = {i for i, name, speed in offers if name == "fibre" and speed > 0 and i < len(spots)}
    for i, (x, y) in enumerate(spots):
        speed = max((s for j, name, s in offers if j == i and name in wired), default=0)
        to_route = abs(x) if -300 <= y <= 0 else np.hypot(x, y)
        to_house = min((np.hypot(x - spots[j][0], y - spots[j][1]) for j in lit), default=np.inf)
        near = min(to_route, to_house) <= 50
        expected = "connected" if speed >= 100 else "passed" if near else "unserved"
        assert found["status"].iloc[i] == expected
        assert found["speed_mbit"].iloc[i] == speed
