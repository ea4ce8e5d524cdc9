"""Networks between places: worked out by hand, and what must always hold."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from backbone_land import CROSS, CRS, E0, FOUR, KM, N0, ROADS, check, links, places, roads, stretch
from bredband.backbone import Backbone, plan_backbone
from bredband.backbone_net import net_along_roads, straight_links
from bredband.backbone_places import read_places
from bredband.backbone_public import public_cuts, public_places, public_stretches
from bredband.region import BuildoutSettings, Prices
from bredband.settings_backbone import BackboneSettings
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    GeodataError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
    NotMetricError,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiLineString, Point, Polygon, box

if TYPE_CHECKING:
    import geopandas as gpd


# --- plans by hand ---------------------------------------------------------------------


def plan_four(**options: Any) -> Backbone:
    chosen = {"with_backbone": ["Alstad"], "worth_sek_per_household": 40_000, **options}
    return check(
        plan_backbone(places(FOUR), links=links(ROADS), settings=BackboneSettings(**chosen))
    )


def test_four_places_by_hand() -> None:
    plan = plan_four(second_route=False)
    assert plan.joining_sek == pytest.approx(32_000 * 370)
    assert plan.joining_bound_sek == pytest.approx(plan.joining_sek)
    assert plan.total_sek == plan.joining_sek
    assert plan.roots == "chosen"
    first = stretch(plan, "Alstad-Byn")
    assert first["length_m"] == 10_000
    assert first["sek"] == 3_700_000
    assert first["support_sek"] == pytest.approx(1_480_000)
    assert first["own_sek"] == pytest.approx(2_220_000)
    assert first["households"] == pytest.approx(350)
    assert first["population"] == pytest.approx(777)
    assert first["households_behind_single_cut"] == pytest.approx(350)
    assert first["sek_per_household"] == pytest.approx(3_700_000 / 350)
    assert pd.isna(first["depends_on"])
    # Centrum is cheaper per household than Dalby, and both need Byn.
    order = plan.stretches.sort_values("priority")
    assert list(order["to_place"]) == ["Byn", "Centrum", "Dalby"]
    assert list(order["priority"]) == [1, 2, 3]
    assert list(order["depends_on"][1:]) == [first["stretch_id"]] * 2
    assert order["cumulative_sek"].tolist() == pytest.approx([3.7e6, 7.4e6, 11.84e6])
    assert order["cumulative_households"].tolist() == pytest.approx([100, 300, 350])
    assert order["within_budget"].isna().all()
    assert (order["from_kind"] == "place").all()
    listed = plan.places.set_index("locality_name")
    assert listed["join"].to_dict() == {
        "Alstad": "backbone", "Byn": "new", "Centrum": "new", "Dalby": "new",
    }  # fmt: skip
    assert listed["ways_before"].fillna(-1).tolist() == [-1, 0, 0, 0]
    assert listed["ways_after"].fillna(-1).tolist() == [-1, 1, 1, 1]
    assert listed["joined_before"].tolist() == [True, False, False, False]
    assert listed["joined_after"].all()
    # Dalby lies behind two cuts; more live behind the first.
    assert listed.loc["Dalby", "single_cut"] == first["stretch_id"]
    assert listed["single_cuts"].tolist() == [0, 1, 2, 2]
    assert listed["second_way_sek"].isna().all()
    assert list(plan.cuts["to_place"]) == ["Byn", "Centrum", "Dalby"]
    assert plan.cuts["households"].tolist() == pytest.approx([350, 200, 50])
    assert list(plan.cuts["place_names"]) == ["Centrum, Byn, Dalby", "Centrum", "Dalby"]
    assert plan.cuts["places"].tolist() == [3, 1, 1]


def test_the_second_way_by_hand() -> None:
    plan = plan_four()
    # Alstad-Centrum secures Byn and Centrum for 11.1 MSEK: 37 000 a household.
    assert plan.total_sek == pytest.approx(62_000 * 370)
    assert plan.total_bound_sek <= plan.after_joining_bound_sek <= plan.total_sek
    second = stretch(plan, "Alstad-Centrum")
    assert second["second_route"]
    assert second["route"] == 1
    assert second["priority"] == 4
    assert second["households"] == pytest.approx(300)
    assert second["population"] == pytest.approx(666)
    assert second["sek_per_household"] == pytest.approx(37_000)
    assert second["cumulative_households"] == pytest.approx(300)
    assert second["cumulative_sek"] == pytest.approx(62_000 * 370)
    assert second["households_behind_single_cut"] == 0
    listed = plan.places.set_index("locality_name")
    assert listed["ways_after"].fillna(-1).tolist() == [-1, 2, 2, 1]
    assert listed.loc["Byn", "single_cuts"] == 0
    assert pd.isna(listed.loc["Byn", "single_cut"])
    # Dalby could have one by the 16 km to Centrum: 5.92 MSEK for 50 households.
    assert listed.loc["Dalby", "second_way_sek"] == pytest.approx(5_920_000)
    assert listed.loc["Dalby", "second_way_sek_per_household"] == pytest.approx(118_400)
    assert listed.loc[["Alstad", "Byn", "Centrum"], "second_way_sek"].isna().all()
    assert list(plan.cuts["place_names"]) == ["Dalby"]
    assert plan.cuts["second_way_sek"].tolist() == pytest.approx([5_920_000])


def test_what_is_worth_it_decides() -> None:
    assert not plan_four(worth_sek_per_household=36_999).stretches["second_route"].any()
    everything = plan_four(worth_sek_per_household=118_400)
    assert (everything.places["ways_after"].fillna(2) == 2).all()
    assert everything.cuts.empty
    # Once all have two ways, Byn-Dalby and Dalby-Centrum carry each other.
    assert everything.total_sek == pytest.approx(78_000 * 370)


def test_a_budget_of_support_by_hand() -> None:
    # 40 % of 7.4 MSEK is 2.96 MSEK: Byn and Centrum, not Dalby; nothing is left for more.
    plan = plan_four(budget_sek=2_960_000)
    paid = plan.stretches.set_index("to_place")["within_budget"]
    assert paid[plan.stretches.set_index("to_place")["second_route"].to_numpy()].eq(False).all()
    first = plan.stretches[~plan.stretches["second_route"]].set_index("to_place")["within_budget"]
    assert first.to_dict() == {"Byn": True, "Centrum": True, "Dalby": False}
    # With 4.44 MSEK more, the way to Centrum is paid for too; Dalby comes before it.
    plan = plan_four(budget_sek=0.4 * 62_000 * 370)
    assert plan.stretches["within_budget"].all()
    plan = plan_four(budget_sek=0.4 * 61_000 * 370)
    late = plan.stretches[plan.stretches["second_route"]]
    assert late["within_budget"].tolist() == [False]
    assert not plan_four(budget_sek=0).stretches["within_budget"].any()


def test_a_second_way_of_places_that_the_budget_does_not_join_is_not_paid_for() -> None:
    # The tip needs 40 km of first way; its second way is short and worth it only then.
    rows = [("Alstad", 0, 0, 2220), ("Byn", 10, 0, 222), ("Tipp", 50, 0, 2220)]
    ways = [((0, 0), (10, 0), 10), ((10, 0), (50, 0), 40), ((0, 0), (50, 0), 80)]
    chosen = BackboneSettings(
        with_backbone=["Alstad"], worth_sek_per_household=40_000, budget_sek=0.4 * 3_700_000 + 1
    )
    plan = check(plan_backbone(places(rows), links=links(ways), settings=chosen))
    assert plan.stretches["second_route"].sum() == 1
    assert plan.stretches.set_index("to_place")["within_budget"]["Byn"].all()
    assert plan.stretches["within_budget"].sum() == 1


def test_existing_links_cost_nothing_and_can_be_cut() -> None:
    exists = [True, True, False, False, False]
    plan = check(
        plan_backbone(
            places(FOUR),
            links=links(ROADS, existing=exists),
            settings=BackboneSettings(worth_sek_per_household=40_000),
        )
    )
    assert plan.roots == "fibre"  # the largest on the fibre
    listed = plan.places.set_index("locality_name")
    assert listed["join"].to_dict() == {
        "Alstad": "backbone", "Byn": "existing", "Centrum": "existing", "Dalby": "new",
    }  # fmt: skip
    assert listed["ways_before"].fillna(-1).tolist() == [-1, 1, 1, 0]
    # Joined already, but by one way: what exists gets a second way too.
    assert listed["ways_after"].fillna(-1).tolist() == [-1, 2, 2, 1]
    assert plan.joining_sek == pytest.approx(12_000 * 370)
    old = plan.stretches[~plan.stretches["new"]]
    assert old["sek"].tolist() == [0, 0]
    assert old["priority"].isna().all()
    assert old["cumulative_sek"].isna().all()
    new = stretch(plan, "Byn-Dalby")
    assert pd.isna(new["depends_on"])
    assert new["households"] == pytest.approx(50)
    # Existing stretches come last, new ones in their order.
    assert plan.stretches["new"].tolist() == [True, True, False, False]
    assert plan.stretches["stretch_id"].tolist() == ["S0001", "S0002", "S0003", "S0004"]
    budget = plan_backbone(
        places(FOUR), links=links(ROADS, existing=exists),
        settings=BackboneSettings(worth_sek_per_household=40_000, budget_sek=1e9),
    )  # fmt: skip
    assert budget.stretches["within_budget"].tolist() == [True, True, pd.NA, pd.NA]


def test_an_island_of_fibre_is_joined_as_one() -> None:
    # Fibre lies between Byn and Centrum only, and the backbone comes to Alstad.
    exists = [False, True, False, False, False]
    plan = check(
        plan_backbone(
            places(FOUR), links=links(ROADS, existing=exists),
            settings=BackboneSettings(with_backbone=["Alstad"], second_route=False),
        )
    )  # fmt: skip
    listed = plan.places.set_index("locality_name")
    assert listed.loc[["Byn", "Centrum"], "join"].tolist() == ["new", "new"]
    assert listed.loc[["Byn", "Centrum"], "ways_before"].tolist() == [0, 0]
    first = stretch(plan, "Alstad-Byn")
    assert first["households"] == pytest.approx(350)
    assert plan.joining_sek == pytest.approx(22_000 * 370)
    # Centrum's single cuts are the new stretch and the old one.
    assert listed.loc["Centrum", "single_cuts"] == 2
    assert plan.cuts["new"].tolist() == [True, False, True]
    assert plan.cuts["households"].tolist() == pytest.approx([350, 200, 50])


def test_the_backbone_comes_to_the_largest_place_of_each_municipality() -> None:
    towns = places(FOUR, municipality_code=["1", "1", "2", "2"])
    plan = check(plan_backbone(towns, links=links(ROADS), settings=BackboneSettings()))
    assert plan.roots == "municipality"
    assert set(plan.places.loc[plan.places["join"] == "backbone", "locality_name"]) == {
        "Alstad", "Centrum",
    }  # fmt: skip
    # All places with backbone are one: a way to each is two ways.
    assert plan.joining_sek == pytest.approx(22_000 * 370)
    # The ends carry their own place's name, not the largest of all.
    names = set(plan.stretches["from_place"])
    assert names <= {"Alstad", "Centrum", "Byn"}
    assert stretch(plan, "Byn-Dalby")["length_m"] == 12_000
    alone = plan_backbone(places(FOUR), links=links(ROADS))
    assert alone.roots == "largest"
    assert (alone.places["join"] == "backbone").tolist() == [True, False, False, False]


def test_places_out_of_reach_and_too_small_are_listed() -> None:
    rows = [*FOUR, ("Fjärran", 10, -9, 333), ("Gård", 5, 0.2, 20), ("Ö", 60, 60, 400)]
    ways = [*ROADS, ((60, 60), (61, 60), 1)]
    plan = check(
        plan_backbone(
            places(rows), links=links(ways),
            settings=BackboneSettings(with_backbone=["CAlstad"], second_route=False),
        )
    )  # fmt: skip
    listed = plan.places.set_index("locality_name")
    assert listed.loc["Fjärran", "join"] == "no_road"
    assert pd.isna(listed.loc["Fjärran", "road_distance_m"])
    assert listed.loc["Ö", "join"] == "no_way"
    assert listed.loc["Gård", "join"] == "small"
    assert listed.loc[["Fjärran", "Ö"], "ways_after"].tolist() == [0, 0]
    assert not listed.loc[["Fjärran", "Ö"], "joined_after"].any()
    assert stretch(plan, "Alstad-Byn")["places_along"] == "Gård"
    assert len(plan.stretches) == 3
    assert len(plan.places) == 7


def test_households_are_worth_more_than_heads_where_they_are_known() -> None:
    both = places(FOUR, households=[900.0, 10.0, np.nan, 7.0])
    plan = plan_backbone(both, links=links(ROADS), settings=BackboneSettings(second_route=False))
    assert plan.places["households"].tolist() == pytest.approx([900, 10, 200, 7])
    only = places(FOUR, households=[900.0, 100.0, 200.0, 50.0]).drop(columns="population")
    plan = plan_backbone(only, links=links(ROADS))
    assert plan.places["population"].tolist() == pytest.approx([1998, 222, 444, 111])


def test_links_without_true_length_are_straight_times_detour() -> None:
    bare = links(ROADS).drop(columns="road_m")
    plan = plan_backbone(
        places(FOUR), links=bare, settings=BackboneSettings(detour=1.5, second_route=False)
    )
    assert stretch(plan, "Alstad-Byn")["length_m"] == pytest.approx(15_000)


def test_stops_on_either_side_of_a_road_are_one() -> None:
    ways = [((0, 0), (10, 0), 10), ((10.02, 0.01), (20, 0), 10)]
    plan = plan_backbone(places(FOUR[:3]), links=links(ways))
    assert plan.places["joined_after"].all()
    apart = [((0, 0), (10, 0), 10), ((10.04, 0), (20, 0), 10)]
    plan = plan_backbone(places(FOUR[:3]), links=links(apart))
    assert plan.places["join"].tolist() == ["backbone", "new", "no_way"]


def test_links_shorter_than_a_straight_line_are_counted() -> None:
    ways = [((0, 0), (10, 0), 8), *ROADS[1:]]
    plan = plan_backbone(places(FOUR), links=links(ways), settings=BackboneSettings())
    assert plan.links_short == 1
    assert stretch(plan, "Alstad-Byn")["length_m"] == pytest.approx(10_000)
    # Metres within rounding of the straight line are no error.
    ways = [((0, 0), (10, 0), 9.9999), *ROADS[1:]]
    assert plan_backbone(places(FOUR), links=links(ways)).links_short == 0


def test_neighbours_have_nobody_between_them() -> None:
    x, y = np.array([0, 10, 20, 10]) * KM, np.array([0, 0, 0, 1]) * KM
    made = straight_links(x, y, crs=CRS, detour=1.2)
    pairs = {tuple(sorted(line.coords)) for line in made.geometry}
    assert ((0.0, 0.0), (20_000.0, 0.0)) not in pairs
    assert ((0.0, 0.0), (10_000.0, 0.0)) in pairs
    assert made["road_m"].to_numpy() == pytest.approx(1.2 * made["air_m"].to_numpy())
    assert set(made["provenance"]) == {"synthetic"}
    row = straight_links(x[:3], y[:3], crs=CRS, detour=1.0)  # on one line
    assert sorted(row["air_m"]) == [10_000, 10_000]
    assert straight_links(x[:1], y[:1], crs=CRS, detour=1.0).empty
    # The cheapest tree of all pairs is among the links.
    rng = np.random.default_rng(1)
    point = rng.random((40, 2)) * 50_000
    made = straight_links(*point.T, crs=CRS, detour=1.0)
    every = nx.Graph()
    for a, b in itertools.combinations(range(40), 2):
        every.add_edge(a, b, weight=float(np.hypot(*(point[a] - point[b]))))
    best = nx.minimum_spanning_tree(every).size(weight="weight")
    ours = nx.Graph()
    for line in made.geometry:
        ours.add_edge(*line.coords, weight=line.length)
    assert nx.minimum_spanning_tree(ours).size(weight="weight") == pytest.approx(best)


def test_made_up_links_are_told_to_be_so() -> None:
    straight = BackboneSettings(along="straight", detour=1.25)
    plan = check(plan_backbone(places(FOUR), settings=straight))
    assert plan.along == "straight"
    assert set(plan.stretches["provenance"]) == {"synthetic"}
    assert plan.stretches["length_m"].min() == pytest.approx(12_500)
    alone = check(plan_backbone(places(FOUR[:1]), settings=straight))
    assert alone.stretches.empty
    assert alone.places["join"].tolist() == ["backbone"]


# --- along roads -----------------------------------------------------------------------


def test_roads_are_followed_from_where_fibre_is() -> None:
    fibre = roads([[(0, 0), (6, 0)]])
    plan = check(plan_backbone(places(FOUR), roads(CROSS), fibre=fibre,
                               settings=BackboneSettings(second_route=False)))  # fmt: skip
    assert plan.along == "roads"
    assert plan.roots == "fibre"
    first = plan.stretches[plan.stretches["to_place"] == "Byn"].iloc[0]
    # Four kilometres are left to Byn, tapped in the middle of nowhere.
    assert first["length_m"] == pytest.approx(4_000)
    assert first["from_kind"] == "fibre"
    assert first["from_fibre"]
    assert not first["to_fibre"]
    assert first["from_place"] == "Byn"  # the nearest
    assert first["geometry"].coords[0] == pytest.approx((E0 + 6 * KM, N0))
    assert first["geometry"].coords[-1] == pytest.approx((E0 + 10 * KM, N0))
    assert plan.joining_sek == pytest.approx((4 + 10 + 10) * KM * 370)


def test_a_place_on_fibre_is_joined_wherever_its_point_is() -> None:
    # The outline of Byn holds the end of the fibre, its middle does not.
    shapes = places(FOUR)
    shapes.loc[1, "geometry"] = box(E0 + 8 * KM, N0 - 100, E0 + 14 * KM, N0 + 3 * KM)
    fibre = roads([[(0, 0), (9, 0)]])
    plan = check(plan_backbone(shapes, roads(CROSS), fibre=fibre,
                               settings=BackboneSettings(second_route=False)))  # fmt: skip
    assert plan.places["join"].tolist() == ["backbone", "existing", "new", "new"]
    # Within the outline the end of the fibre is not to be seen either.
    on = plan.stretches[plan.stretches["from_fibre"]]
    assert set(on["from_kind"]) == {"place"}
    assert (public_stretches(on)["length_m"] % 1000 == 0).all()
    # A point has fibre when it passes near enough.
    near = roads([[(0, 0), (9.8, 0)]])
    plan = plan_backbone(places(FOUR), roads(CROSS), fibre=near)
    assert plan.places["join"].tolist()[1] == "existing"
    plan = plan_backbone(
        places(FOUR), roads(CROSS), fibre=near, settings=BackboneSettings(near_m=150)
    )
    assert plan.places["join"].tolist()[1] == "new"


def test_within_a_place_all_fibre_is_one() -> None:
    # Two routes enter Byn from either side and end in different streets of it.
    shapes = places(FOUR[:3])
    shapes.loc[1, "geometry"] = box(E0 + 9 * KM, N0 - KM, E0 + 11 * KM, N0 + KM)
    lines = roads([[(0, 0), (9.5, 0)], [(10.5, 0), (20, 0)]])
    fibre = roads([[(0, 0), (9.5, 0)], [(10.5, 0), (20, 0)]])
    plan = check(plan_backbone(shapes, lines, fibre=fibre, settings=BackboneSettings()))
    assert plan.places["join"].tolist() == ["backbone", "existing", "existing"]
    assert plan.places["ways_before"].tolist()[1:] == [1, 1]


def test_fibre_through_the_forest_joins_what_it_passes() -> None:
    # From Alstad along the road, then over land to Dalby, where no road goes.
    land = roads([[(0, 0), (5, 0)], [(10, 9.9), (10, 10), (10, 10.1)], [(10, 0), (20, 0)]])
    fibre = roads([[(0, 0), (5, 0), (9.9, 10), (10, 10)]])
    few = places([FOUR[0], FOUR[3]])
    plan = check(plan_backbone(few, land, fibre=fibre, settings=BackboneSettings()))
    assert plan.places["join"].tolist() == ["backbone", "existing"]
    assert plan.places["ways_before"].tolist()[1] == 1
    old = plan.stretches[~plan.stretches["new"]]
    assert old["length_m"].sum() == pytest.approx(5_000 + np.hypot(4_900, 10_000) + 100, rel=0.01)
    # Two ways over land from the same two places are two ways.
    both = roads([[(0, 0), (5, 0), (9.9, 10), (10, 10)], [(0, 0), (0, 8), (10, 10)]])
    plan = plan_backbone(few, land, fibre=both, settings=BackboneSettings())
    assert plan.places["ways_before"].tolist()[1] == 2
    # Fibre that forks in the forest is joined there.
    fork = roads([[(0, 0), (5, 5)], [(5, 5), (10, 10)], [(5, 5), (20, 0)]])
    plan = plan_backbone(
        places([FOUR[0], FOUR[2], FOUR[3]]), land, fibre=fork, settings=BackboneSettings()
    )
    assert plan.places["join"].tolist() == ["backbone", "existing", "existing"]


def test_no_trench_along_a_motorway_and_dearer_on_asphalt() -> None:
    classes = ["motorway", "tertiary", "tertiary", "tertiary", "residential"]
    chosen = BackboneSettings(price="roads", second_route=False)
    plan = check(plan_backbone(places(FOUR[:3]), roads(CROSS, classes), settings=chosen))
    # Alstad-Byn is a motorway: round by the south, in asphalt.
    round_trip = stretch(plan, "Alstad-Centrum")
    assert round_trip["length_m"] == pytest.approx(40_000)
    prices = Prices()
    assert round_trip["sek"] == pytest.approx(40_000 * prices.trench["asphalt"].value)
    assert stretch(plan, "Centrum-Byn")["sek"] == pytest.approx(
        10_000 * prices.trench["road_edge"].value
    )
    free = plan_backbone(places(FOUR[:3]), roads(CROSS, classes), settings=chosen,
                         buildout=BuildoutSettings(no_dig=[]))  # fmt: skip
    assert stretch(free, "Alstad-Byn")["length_m"] == pytest.approx(10_000)


def test_a_cycle_track_beside_the_road_is_no_second_way() -> None:
    # Two places: the road, a track 20 m beside it, and a real detour of 14 km.
    two = places([FOUR[0], ("Byn", 10, 0, 2220)])
    rows = [[(0, 0), (10, 0)], [(0, 0), (0.1, 0.02), (9.9, 0.02), (10, 0)],
            [(0, 0), (0, 2), (10, 2), (10, 0)]]  # fmt: skip
    chosen = BackboneSettings(worth_sek_per_household=1e6, with_backbone=["Alstad"])
    plan = check(plan_backbone(two, roads(rows), settings=chosen))
    second = plan.stretches[plan.stretches["second_route"]]
    assert second["length_m"].sum() == pytest.approx(14_000)
    near = chosen.model_copy(update={"apart_m": 0.0})
    plan = plan_backbone(two, roads(rows), settings=near)
    second = plan.stretches[plan.stretches["second_route"]]
    assert second["length_m"].sum() == pytest.approx(10_000, rel=0.01)
    # A road that leads away at once, or after a while, is another.
    away = [rows[0], [(0, 0), (0.02, 0.06)], [(0.02, 0.06), (0, 2), (10, 2), (10, 0)]]
    plan = plan_backbone(two, roads(away), settings=chosen)
    second = plan.stretches[plan.stretches["second_route"]]
    assert second["length_m"].sum() == pytest.approx(14_000, rel=0.001)
    late = [rows[0], [(0, 0), (0.1, 0.03), (3, 0.03), (3, 2), (10, 2), (10, 0)]]
    plan = plan_backbone(two, roads(late), settings=chosen)
    assert plan.stretches["second_route"].any()
    # Where the track is all there is, there is no second way.
    plan = plan_backbone(two, roads(rows[:2]), settings=chosen)
    assert not plan.stretches["second_route"].any()
    assert plan.places["second_way_sek"].isna().all()


def test_the_same_road_in_both_directions_is_one_way() -> None:
    two = places([FOUR[0], ("Byn", 10, 0, 2220)])
    chosen = BackboneSettings(worth_sek_per_household=1e6)
    plan = plan_backbone(two, roads([CROSS[0], CROSS[0][::-1]]), settings=chosen)
    assert plan.places["ways_after"].tolist()[1] == 1


def test_the_order_of_roads_and_places_changes_nothing() -> None:
    fibre = roads([[(0, 0), (6, 0)]])
    chosen = BackboneSettings(worth_sek_per_household=1e6)
    one = plan_backbone(places(FOUR), roads(CROSS), fibre=fibre, settings=chosen)
    other = plan_backbone(places(FOUR[::-1]), roads(CROSS[::-1]), fibre=fibre, settings=chosen)
    for name in ("total_sek", "joining_sek", "total_bound_sek"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
    columns = ["stretch_id", "from_place", "to_place", "length_m", "households", "priority"]
    pd.testing.assert_frame_equal(
        pd.DataFrame(one.stretches[columns]), pd.DataFrame(other.stretches[columns])
    )


def test_the_net_of_the_example_s_roads_keeps_its_lengths() -> None:
    fibre = roads([[(0, 0), (5, 0), (7, 4)]])
    table = read_places(places(FOUR), BackboneSettings())
    net = net_along_roads(
        roads(CROSS), table, fibre=fibre, settings=BackboneSettings(),
        buildout=BuildoutSettings(), prices=Prices(),
    )  # fmt: skip
    drawn = shapely.length(net.draw(np.arange(net.tail.size)))
    assert drawn == pytest.approx(net.length)
    assert net.length[~net.existing].sum() + 5 * KM == pytest.approx(
        shapely.length(roads(CROSS).geometry.to_numpy()).sum()
    )
    assert net.length[net.existing].sum() == pytest.approx(5 * KM + np.hypot(2, 4) * KM, rel=0.01)


# --- what must always hold -------------------------------------------------------------


@st.composite
def lands(draw: Any) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Give places on a grid and links between neighbours of the grid, some with fibre."""
    side = 4
    cells = st.tuples(st.integers(0, side - 1), st.integers(0, side - 1))
    spots = draw(st.lists(cells, min_size=2, max_size=9, unique=True))
    people = draw(st.lists(st.integers(40, 3000), min_size=len(spots), max_size=len(spots)))
    rows = [
        (f"P{n}", e * 10, m * 10, p)
        for n, ((e, m), p) in enumerate(zip(spots, people, strict=True))
    ]
    pairs = [((e, n), (e + 1, n)) for e in range(side - 1) for n in range(side)]
    pairs += [((e, n), (e, n + 1)) for e in range(side) for n in range(side - 1)]
    kept = draw(st.lists(st.sampled_from(pairs), min_size=3, max_size=24, unique=True))
    length = draw(st.lists(st.integers(10, 16), min_size=len(kept), max_size=len(kept)))
    exists = draw(
        st.lists(st.sampled_from([False] * 4 + [True]), min_size=len(kept), max_size=len(kept))
    )
    ways = [((a * 10, b * 10), (c * 10, d * 10), m)
            for ((a, b), (c, d)), m in zip(kept, length, strict=True)]  # fmt: skip
    return places(rows), links(ways, existing=exists)


@given(lands(), st.sampled_from([3_000.0, 20_000.0, 1e9]), st.sampled_from([None, 0.0, 5e6, 2e7]))
@settings(max_examples=15)
def test_what_must_always_hold(
    land: tuple[gpd.GeoDataFrame, gpd.GeoDataFrame], worth: float, budget: float | None
) -> None:
    chosen = BackboneSettings(
        worth_sek_per_household=worth, budget_sek=budget, max_distance_m=500, near_m=100
    )
    assume(land[1].distance(land[0].geometry.iloc[0]).min() < 500)
    try:
        plan = plan_backbone(land[0], links=land[1], settings=chosen)
    except BadValueError:
        assume(False)
    check(plan)
    rows, listed = plan.stretches, plan.places
    new = rows[rows["new"]]
    # Costs: what it says, and never below the bounds.
    assert new["sek"].to_numpy() == pytest.approx(370 * new["length_m"].to_numpy())
    assert (rows["support_sek"] + rows["own_sek"]).to_numpy() == pytest.approx(
        rows["sek"].to_numpy()
    )
    first = new[~new["second_route"]]
    assert first["sek"].sum() == pytest.approx(plan.joining_sek)
    assert new["sek"].sum() == pytest.approx(plan.total_sek)
    assert plan.joining_bound_sek <= plan.joining_sek + 1e-6
    assert plan.total_bound_sek <= plan.after_joining_bound_sek + 1e-6 <= plan.total_sek + 2e-6
    # Ways: by removing every single stretch, on ends that networkx knows as points.
    graph = nx.MultiGraph()
    for at, line in enumerate(rows.geometry):
        assert line.geom_type == "LineString"
        graph.add_edge(line.coords[0], line.coords[-1], key=at)
    spots = list(zip(listed["x"], listed["y"], strict=True))
    graph.add_nodes_from(spots)
    roots = [spots[n] for n in np.flatnonzero(listed["join"] == "backbone")]
    for root in roots[1:]:
        graph.add_edge(roots[0], root, key="all the same")
        graph.add_edge(roots[0], root, key="twice")

    def joined(without: int | None) -> set[Any]:
        rest = graph.copy()
        if without is not None:
            line = rows.geometry.iloc[without]
            rest.remove_edge(line.coords[0], line.coords[-1], key=without)
        return nx.node_connected_component(rest, roots[0])

    whole = joined(None)
    lost_by = [whole - joined(at) for at in range(len(rows))]
    homes = dict(zip(spots, listed["households"], strict=True))
    counted = listed["population"] >= 50
    for at, lost in enumerate(lost_by):
        behind = sum(homes[s] for s, c in zip(spots, counted, strict=True) if s in lost and c)
        assert rows["households_behind_single_cut"].iloc[at] == pytest.approx(behind)
    assert set(plan.cuts["stretch_id"]) == {
        rows["stretch_id"].iloc[at] for at, lost in enumerate(lost_by) if lost & set(spots)
    }
    for n, spot in enumerate(spots):
        row = listed.iloc[n]
        if row["join"] == "backbone" or not counted[n]:
            continue
        assert row["joined_after"] == (spot in whole)
        cuts = sum(spot in lost for lost in lost_by)
        assert row["single_cuts"] == cuts
        assert row["ways_after"] == (0 if spot not in whole else 1 if cuts else 2)
        assert (row["join"] in ("new", "existing")) == (spot in whole)
        assert row["ways_after"] >= row["ways_before"]
    # Order: nothing before what it depends on; households add up.
    turn = rows.set_index("stretch_id")["priority"]
    for row in first.to_dict("records"):
        if not pd.isna(row["depends_on"]):
            assert turn[row["depends_on"]] < row["priority"]
    assert sorted(new["priority"]) == list(range(1, len(new) + 1))
    if len(first):
        joined_now = listed.loc[listed["join"] == "new", "households"].sum()
        assert first["cumulative_households"].max() == pytest.approx(joined_now)
        at_root = first[first["depends_on"].isna()]
        assert at_root["households"].sum() == pytest.approx(joined_now)
    late = new[new["second_route"]].drop_duplicates("route")
    assert (late["sek_per_household"] <= worth * (1 + 1e-9)).all()
    # Budget.
    if budget is None:
        assert rows["within_budget"].isna().all()
    else:
        paid = new[new["within_budget"].astype(bool)]
        assert paid["support_sek"].sum() <= budget * (1 + 1e-9)
        held = set(paid["stretch_id"])
        for row in paid.to_dict("records"):
            assert pd.isna(row["depends_on"]) or row["depends_on"] in held


# --- bad input -------------------------------------------------------------------------


def spoil(table: gpd.GeoDataFrame, row: int, column: str, value: object) -> gpd.GeoDataFrame:
    table = table.copy()
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda: places(FOUR).iloc[:0], EmptyLayerError, "no place to join"),
        (lambda: spoil(places(FOUR), 1, "locality_code", "CAlstad"), DuplicateIdsError, "CAlstad"),
        (lambda: places(FOUR).drop(columns="population"), MissingColumnError, "neither"),
        (lambda: places(FOUR).drop(columns="locality_name"), MissingColumnError, "locality_name"),
        (lambda: spoil(places(FOUR), 2, "population", np.nan), BadValueError, "CCentrum"),
        (lambda: spoil(places(FOUR), 2, "population", -1), BadValueError, "population"),
        (lambda: spoil(places(FOUR), 2, "population", "många"), BadValueError, "population"),
        (lambda: places(FOUR).set_crs(None, allow_override=True), NoCrsError, "places"),
        (lambda: places(FOUR).to_crs(4326), NotMetricError, "EPSG:4326"),
        (lambda: spoil_shape(places(FOUR), LineString([(0, 0), (1, 1)])), GeometryError, "CAlstad"),
        (lambda: spoil_shape(places(FOUR), Polygon()), GeometryError, "1 places"),
    ],
)  # fmt: skip
def test_places_that_cannot_be_used_are_refused(make: Any, kind: Any, said: str) -> None:
    with pytest.raises(kind, match=said) as error:
        plan_backbone(make(), links=links(ROADS))
    assert isinstance(error.value, GeodataError)


def spoil_shape(table: gpd.GeoDataFrame, shape: Any) -> gpd.GeoDataFrame:
    table.loc[0, "geometry"] = shape
    return table


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda: links(ROADS).iloc[:0], EmptyLayerError, "no link"),
        (lambda: spoil(links(ROADS), 3, "road_m", np.nan), BadValueError, "first row 4"),
        (lambda: spoil(links(ROADS), 3, "road_m", 0), BadValueError, "1 of 5 links have no length"),
        (lambda: spoil(links(ROADS), 0, "road_m", "långt"), BadValueError, "first row 1"),
        (lambda: links(ROADS).assign(road_m=[10, 10, 12, 16, 30]), BadValueError, "shorter"),
        (lambda: spoil_shape(links(ROADS), Point(0, 0)), GeometryError, "no line"),
        (lambda: links(ROADS).set_crs(None, allow_override=True), NoCrsError, "links"),
        (lambda: links(ROADS).set_crs(3010, allow_override=True), BadValueError, "another"),
    ],
)
def test_links_that_cannot_be_used_are_refused(make: Any, kind: Any, said: str) -> None:
    with pytest.raises(kind, match=said):
        plan_backbone(places(FOUR), links=make())


def test_what_else_is_refused() -> None:
    with pytest.raises(MissingColumnError, match="neither roads nor links"):
        plan_backbone(places(FOUR))
    with pytest.raises(MissingColumnError, match="road_class"):
        plan_backbone(places(FOUR), roads(CROSS).drop(columns="road_class"))
    with pytest.raises(EmptyLayerError, match="no road"):
        plan_backbone(places(FOUR), roads(CROSS, "motorway"))
    with pytest.raises(BadValueError, match="'Nowhere'"):
        plan_four(with_backbone=["Nowhere"])
    twins = places([*FOUR, ("byn", 1, 1, 99)])
    called = BackboneSettings(with_backbone=["BYN"])
    twins = twins.assign(locality_code=["a", "CByn", "b", "c", "Cbyn"])
    with pytest.raises(BadValueError, match="2 places are called 'BYN': CByn, Cbyn"):
        plan_backbone(twins, links=links(ROADS), settings=called)
    with pytest.raises(BadValueError, match="none of the places with backbone"):
        plan_backbone(places([*FOUR, ("Ö", 90, 90, 99)]), links=links(ROADS),
                      settings=BackboneSettings(with_backbone=["Ö"]))  # fmt: skip
    with pytest.raises(ValueError, match="support_share"):
        BackboneSettings(support_share=1.2)
    with pytest.raises(ValueError, match="trench is in SEK/m"):
        BackboneSettings(trench={"value": 370, "unit": "SEK/km", "source": "guess"})


def test_several_parts_of_a_line_and_of_a_place_are_one() -> None:
    broken = links(ROADS)
    first = broken.geometry.iloc[0].coords
    middle = (E0 + 5 * KM, N0)
    broken.loc[0, "geometry"] = MultiLineString([[first[0], middle], [middle, first[-1]]])
    assert plan_backbone(places(FOUR), links=broken).joining_sek == pytest.approx(32_000 * 370)
    shapes = places(FOUR)
    shapes.loc[1, "geometry"] = shapely.multipolygons(
        [box(E0 + 9.8 * KM, N0 - 200, E0 + 9.9 * KM, N0 + 200),
         box(E0 + 9.95 * KM, N0 - 200, E0 + 10.1 * KM, N0 + 200)]
    )  # fmt: skip
    read = read_places(shapes, BackboneSettings())
    assert read["x"].between(E0 + 9.8 * KM, E0 + 10.1 * KM)[1]


# --- what may be shown -----------------------------------------------------------------


@pytest.fixture(scope="module")
def tapped() -> Backbone:
    """Give a plan whose first stretch begins on fibre between places."""
    fibre = roads([[(0, 0), (6.3, 0)], [(20, 0), (20, -3)]])
    return plan_backbone(places(FOUR), roads(CROSS), fibre=fibre,
                         settings=BackboneSettings(worth_sek_per_household=1e6))  # fmt: skip


def test_where_existing_fibre_is_does_not_show(tapped: Backbone) -> None:
    shown = public_stretches(tapped.stretches)
    assert shown["new"].all()
    assert (~tapped.stretches["new"]).any()
    first = shown[(shown["from_kind"] == "fibre") & (shown["to_place"] == "Byn")].iloc[0]
    # 3.7 km in truth, from km 6.3: drawn from the middle of the square of km 6-7.
    assert first["length_m"] == pytest.approx(4000)
    assert first["sek"] == pytest.approx(4000 * 370)
    assert first["support_sek"] == pytest.approx(0.4 * 4000 * 370)
    line = first["geometry"]
    ends = {tuple(np.round(shapely.get_coordinates(line)[k])) for k in (0, -1)}
    assert ends == {(E0 + 6500, N0 + 500), (E0 + 10_000, N0)}
    road = shapely.LineString([(E0 + 6_020, N0), (E0 + 6_980, N0)])
    assert shapely.length(shapely.intersection(line, road.buffer(1))) < 5
    # From place to place nothing is hidden, unless fibre is in the place.
    exact = tapped.stretches.set_index("stretch_id")["length_m"]
    whole = (shown["from_fibre"] | shown["to_fibre"]).to_numpy()
    assert whole.tolist() == [True, False, True]
    assert (shown["length_m"] % 1000)[whole].to_numpy() == pytest.approx(0, abs=1e-6)
    same = shown["length_m"].to_numpy() == exact[shown["stretch_id"]].to_numpy()
    assert same.tolist() == [False, True, False]
    assert shown["cumulative_sek"].iloc[-1] == pytest.approx(shown["sek"].sum())
    hidden = set(public_places(tapped.places).columns)
    assert not hidden & {"single_cut", "single_cuts", "road_distance_m"}
    assert "ways_after" in hidden
    cuts = public_cuts(tapped.cuts, shown)
    assert cuts["new"].all()
    assert len(cuts) < len(tapped.cuts) or tapped.cuts["new"].all()


def test_a_stretch_within_one_square_is_not_drawn_at_all() -> None:
    near = places([FOUR[0], ("Byn", 6.9, 0.3, 222)])
    fibre = roads([[(0, 0), (6.3, 0)]])
    lines = roads([[(0, 0), (6.9, 0)], [(6.9, 0), (6.9, 0.3)]])
    chosen = BackboneSettings(second_route=False, near_m=50)
    plan = plan_backbone(near, lines, fibre=fibre, settings=chosen)
    shown = public_stretches(plan.stretches)
    assert len(shown) == 1
    line = shown.geometry.iloc[0]
    # The end at the place stays, the rest leads to the middle of the square.
    assert shapely.get_num_coordinates(line) == 2
    assert shapely.length(line) < 1000
    assert shown["length_m"].iloc[0] == 1000
    assert public_stretches(plan.stretches.iloc[:0]).empty
