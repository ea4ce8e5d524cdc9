"""Where new trench may leave existing fibre: small towns by hand, under each rule.

A street from (0, 0) to (300, 0) with crossings at 100 and 200; fibre lies in it from 50
to 250. Homes A and B stand beside the fibre at 120 and 170, home C at the end of the
side road up from (200, 0), home D at (280, 0), past the end of the fibre.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from bredband.buildout import Buildout, plan_buildout
from bredband.prices import Prices
from bredband.region import BuildoutSettings
from bredband.tables_roads import ROAD_COMPONENTS
from bredband_gis.errors import BadValueError
from bredband_gis.roads import Attachment, attach, build_graph
from shapely import LineString, Point, box

STREET = [(0, 0), (100, 0), (200, 0), (300, 0)]
ROADS = [
    LineString(STREET),
    LineString([(100, 0), (100, -80)]),
    LineString([(200, 0), (200, 60)]),
]
FIBRE = [LineString([(50, 0), (250, 0)])]
HOMES = {"A": (120.0, 5.0), "B": (170.0, 5.0), "C": (203.0, 60.0), "D": (280.0, -5.0)}


def lay(tap: str, fibre: list[LineString] = FIBRE) -> Attachment:
    graph = build_graph(gpd.GeoDataFrame(geometry=ROADS, crs=3006))
    x, y = np.array(list(HOMES.values())).T
    return attach(graph, x, y, max_distance=50, fibre_lines=fibre, tap=tap)


def taps(met: Attachment) -> set[tuple[float, float]]:
    graph = met.graph
    return {(round(graph.x[i], 6), round(graph.y[i], 6)) for i in np.flatnonzero(graph.fibre_node)}


def test_anywhere_is_every_node_on_the_fibre() -> None:
    assert taps(lay("anywhere")) == {(50, 0), (100, 0), (120, 0), (170, 0), (200, 0), (250, 0)}


def test_nodes_are_crossings_and_the_ends_of_the_route_not_the_homes_beside_it() -> None:
    assert taps(lay("nodes")) == {(50, 0), (100, 0), (200, 0), (250, 0)}


def test_never_is_nowhere_but_the_roads_hold_the_fibre_all_the_same() -> None:
    met = lay("never")
    assert taps(met) == set()
    for rule in ("anywhere", "nodes", "never"):
        graph = lay(rule).graph
        assert graph.length[graph.fibre].sum() == pytest.approx(200)
        assert lay(rule).fibre_on_road_m == pytest.approx(200)


def test_a_route_that_only_crosses_a_road_can_be_tapped_there_if_anywhere() -> None:
    across = [LineString([(30, -200), (30, 200)])]
    assert [len(taps(lay(rule, across))) for rule in ("anywhere", "nodes", "never")] == [1, 0, 0]


def test_a_route_that_ends_at_a_road_can_be_tapped_there_unless_never() -> None:
    ending = [LineString([(30, 200), (30, 4)])]
    for rule in ("anywhere", "nodes"):
        assert taps(lay(rule, ending)) == {(30, 0)}
    assert taps(lay("never", ending)) == set()


def test_a_branch_from_fibre_in_a_street_is_a_tap_even_between_nodes() -> None:
    branch = [*FIBRE, LineString([(150, 0), (150, 38)])]
    assert (150, 0) in taps(lay("nodes", branch))
    assert (150, 0) not in taps(lay("never", branch))


def test_a_route_near_no_road_but_within_reach_can_be_tapped_if_anywhere() -> None:
    aside = [LineString([(20, 21), (32, 20)])]
    assert [len(taps(lay(rule, aside))) for rule in ("anywhere", "nodes", "never")] == [1, 0, 0]


def test_attaching_more_keeps_the_taps_and_makes_no_others() -> None:
    first = lay("nodes")
    again = attach(first.graph, [140.0], [3.0], max_distance=9, tap="never")
    assert taps(again) == taps(first)
    assert (140, 0) in taps(attach(first.graph, [140.0], [3.0], max_distance=9))


def test_no_such_rule() -> None:
    with pytest.raises(BadValueError, match="tap is 'wells'"):
        lay("wells")


def plan(tap: str, *, tap_connected: bool = False, fibre_home: bool = False) -> Buildout:
    place = list(HOMES.values()) + ([(0.0, 5.0)] if fibre_home else [])
    status = gpd.GeoDataFrame(
        {
            "premises_id": list("ABCDEF")[: len(place)],
            "x": [x for x, _ in place],
            "y": [y for _, y in place],
            "households": 1,
            "workplaces": 0,
            "holiday_homes": 0,
            "status": ["unserved"] * len(HOMES) + ["connected"] * fibre_home,
            "technology": ["none"] * len(HOMES) + ["fibre"] * fibre_home,
        },
        geometry=[Point(at) for at in place],
        crs=3006,
    )
    return plan_buildout(
        status,
        gpd.GeoDataFrame(
            {"road_class": "residential"}, geometry=ROADS, crs=3006, index=range(len(ROADS))
        ),
        gpd.GeoDataFrame(
            {"municipality_code": ["2580"]}, geometry=[box(-999, -999, 999, 999)], crs=3006
        ),
        settings=BuildoutSettings(tap=tap, tap_connected=tap_connected),
        prices=Prices(),
        fibre=gpd.GeoDataFrame(geometry=FIBRE, crs=3006),
    )


def metres(built: Buildout) -> float:
    return float(built.trench["length_m"].sum())


def reach(built: Buildout) -> dict[str, str]:
    return dict(zip(built.reach["premises_id"], built.reach["reach"], strict=True))


def test_built_from_anywhere() -> None:
    built = plan("anywhere")
    assert reach(built) == {"A": "at_fibre", "B": "at_fibre", "C": "trench", "D": "trench"}
    # C up the side road, D on from the end of the fibre.
    assert metres(built) == pytest.approx(60 + 30)


def test_built_from_nodes() -> None:
    built = plan("nodes")
    assert set(reach(built).values()) == {"trench"}
    # A from the crossing at 100, B from that at 200: between the two the fibre is ridden.
    assert metres(built) == pytest.approx(60 + 30 + 20 + 30)
    assert built.lower_bound_sek == pytest.approx(built.trench_sek)


def test_never_from_a_route_alone_reaches_nobody() -> None:
    built = plan("never")
    assert set(reach(built).values()) == {"no_fibre"}
    assert built.trench.empty


def test_never_from_a_route_but_from_a_connected_building() -> None:
    built = plan("never", tap_connected=True, fibre_home=True)
    assert set(reach(built).values()) == {"trench"}
    # From (0, 0) along the street to D, and up to C: all of it dug anew.
    assert metres(built) == pytest.approx(280 + 60)


def test_fewer_taps_never_make_it_cheaper() -> None:
    costs = [
        plan(rule, tap_connected=True, fibre_home=True).trench_sek
        for rule in ("anywhere", "nodes", "never")
    ]
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[2]


def test_the_plan_lists_the_parts_of_the_road_network_and_what_they_hold() -> None:
    island = LineString([(500, 500), (540, 500)])
    ROADS.append(island)
    HOMES["X"] = (510.0, 505.0)
    try:
        built = plan("nodes")
    finally:
        ROADS.remove(island)
        del HOMES["X"]
    parts = ROAD_COMPONENTS.validate(built.components)
    assert parts["length_m"].tolist() == pytest.approx([300 + 80 + 60, 40])
    # The ends, the two crossings, the two ends of the fibre, and A, B, D; C is at an end.
    assert parts["nodes"].tolist() == [4 + 2 + 2 + 3, 3]
    assert parts["fibre_m"].tolist() == pytest.approx([200, 0])
    assert parts["starts"].tolist() == [4, 0]
    assert parts["premises"].tolist() == [4, 1]
    assert parts["households"].tolist() == [4, 1]
    assert parts["municipality_code"].tolist() == ["2580", "2580"]
    assert reach(built)["E"] == "no_fibre"
