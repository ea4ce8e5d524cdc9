"""Build areas: small trench networks worked out by hand, brute force, and invariants."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from bredband.area_cut import _labels, cut_forest
from bredband.area_join import join_pieces, spread
from bredband.area_names import name_areas, place_ids
from bredband.areas import Areas, build_areas
from bredband.cost import price_drops
from bredband.region import Price, Prices
from bredband.tables import check_table
from bredband.tables_areas import AREAS
from bredband_gis.errors import BadValueError
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

if TYPE_CHECKING:
    from collections.abc import Sequence

PRICES = Prices(
    drop_fixed=Price(value=1000, unit="SEK/premises", source="test"),
    drop_per_m=Price(value=100, unit="SEK/m", source="test"),
    own_contribution=Price(value=20000, unit="SEK/household", source="test"),
    operator_revenue=Price(value=10000, unit="SEK/household", source="test"),
)
MUNICIPALITIES = pd.DataFrame(
    {"municipality_code": ["2501", "2502", "2503"], "municipality_name": ["Norr", "Syd", "Öst"]}
)
NORTH, SOUTH = "2501", "2502"

Edge = tuple[int, int, float]
Home = tuple[int, float, float, str]
"""Node, metres east and north, municipality."""


def network(
    edges: Sequence[Edge], homes: Sequence[Home], *, lost: int = 0, households: int = 1
) -> tuple[gpd.GeoDataFrame, pd.DataFrame, pd.DataFrame]:
    """Make trench from (from, to, metres) at 100 SEK/m, and premises; some lie at no road."""
    tail, head = (np.array([e[k] for e in edges], np.int64) for k in (0, 1))
    length = np.array([e[2] for e in edges], float)
    trench = gpd.GeoDataFrame(
        {
            "edge_id": np.arange(len(edges)),
            "from_node": tail,
            "to_node": head,
            "length_m": length,
            "cost_sek": length * 100.0,
            "municipality_code": pd.Series([NORTH] * len(edges), dtype="str"),
        },
        geometry=gpd.GeoSeries([None] * len(edges)),
        crs="EPSG:3006",
    )
    homes = [*homes, *((-1, 0.0, 0.0, NORTH) for _ in range(lost))]
    node = np.array([h[0] for h in homes], np.int64)
    ids = pd.Series([f"p{i}" for i in range(len(homes))], dtype="str")
    ends = set(head.tolist())
    reach = pd.DataFrame(
        {
            "premises_id": ids,
            "reach": pd.Series(
                ["no_road" if n < 0 else "trench" if n in ends else "at_fibre" for n in node],
                dtype="str",
            ),
            "road_distance_m": np.where(node < 0, np.nan, 20.0),
            "node": node,
        }
    )
    status = pd.DataFrame(
        {
            "premises_id": ids,
            "x": [float(h[1]) for h in homes],
            "y": [float(h[2]) for h in homes],
            "households": households,
            "workplaces": 2,
            "holiday_homes": 3,
            "status": "unserved",
            "municipality_code": pd.Series([h[3] for h in homes], dtype="str"),
        }
    )
    return trench, reach, status


def build(
    edges: Sequence[Edge],
    homes: Sequence[Home],
    *,
    least: int = 1,
    most: int = 100,
    merge_m: float = 0.0,
    lost: int = 0,
    **more: Any,
) -> Areas:
    trench, reach, status = network(edges, homes, lost=lost)
    return build_areas(
        trench, reach, status, MUNICIPALITIES, min_premises=least, max_premises=most,
        merge_m=merge_m, prices=PRICES, **more,
    )  # fmt: skip


def at(nodes: Sequence[int], code: str = NORTH, step: float = 10.0) -> list[Home]:
    """Put a home at each node, on a line to the east."""
    return [(node, node * step, 0.0, code) for node in nodes]


def chain(count: int, metres: float = 10.0) -> list[Edge]:
    """Lay trench from node 0 to 1, 2 ... count."""
    return [(node, node + 1, metres) for node in range(count)]


def sizes(found: Areas) -> list[int]:
    return sorted(found.areas.loc[found.areas["reached"], "premises"])


# --- money and counts --------------------------------------------------------------


def test_a_branch_is_an_area_and_its_money_adds_up() -> None:
    found = build(chain(2, 40.0), at([1, 2]), lost=3)
    row, lost = (found.areas[found.areas["reached"] == is_it].iloc[0] for is_it in (True, False))
    assert (row["premises"], row["households"], row["trench_m"]) == (2, 2, 80)
    assert (row["workplaces"], row["holiday_homes"]) == (4, 6)
    # 80 m x 100 SEK + 2 drops x (1000 + 20 m x 100 SEK) = 14 000 SEK
    assert row["capex_sek"] == 14_000
    assert row["gap_sek"] == 14_000 - 2 * 30_000
    assert row["gap_per_household_sek"] == row["gap_sek"] / 2
    assert pd.isna(row["upstream_area_id"])
    assert not row["below_min"]
    assert (lost["area_id"], lost["name"]) == ("2501-0000", "Norr (ej nådda)")
    assert (lost["premises"], lost["households"], lost["holiday_homes"]) == (3, 3, 9)
    assert pd.isna(lost["gap_sek"])
    assert not lost["below_min"]
    assert found.trench["area_id"].unique().tolist() == [row["area_id"]]
    assert found.reach["area_id"].tolist() == [row["area_id"]] * 2 + ["2501-0000"] * 3


def test_tables_are_as_described() -> None:
    for found in (build([], []), build([], [], lost=2), build(chain(2), at([1, 2]), lost=1)):
        count = len(found.areas)
        empty = pd.array([pd.NA] * count, "Int64")
        ranked = found.areas.assign(
            rank=empty,
            cumulative_gap_sek=np.nan,
            cumulative_households=empty,
            within_budget=empty.astype("boolean"),
        )
        check_table(ranked, AREAS, where="areas")
        assert set(found.areas.columns) < set(AREAS.columns)
    assert build([], []).areas.empty
    assert build([], [], lost=2).areas["area_id"].tolist() == ["2501-0000"]


def test_faults_are_named() -> None:
    with pytest.raises(BadValueError, match="areas of 5 to 4 premises"):
        build(chain(1), at([1]), least=5, most=4)
    with pytest.raises(BadValueError, match="1 of 2 edges lead to no premises"):
        build(chain(2), at([1]))
    trench, reach, status = network(chain(1), at([1]))
    with pytest.raises(BadValueError, match="1 premises are not in the status table"):
        build_areas(trench, reach, status.iloc[:0], MUNICIPALITIES, min_premises=1,
                    max_premises=9, merge_m=0, prices=PRICES)  # fmt: skip


# --- cutting -----------------------------------------------------------------------


def test_a_long_road_is_cut_into_even_parts() -> None:
    found = build(chain(203), at(range(1, 204)), least=10, most=100, merge_m=50)
    assert sizes(found) in ([67, 68, 68], [66, 68, 69])
    # One after the other: each hangs on the one before.
    above = found.areas.set_index("area_id")["upstream_area_id"]
    assert above.isna().sum() == 1
    order = found.trench["area_id"].drop_duplicates().tolist()
    assert above[order].fillna("").tolist() == ["", *order[:-1]]


def test_what_leaves_one_point_is_shared_out_evenly() -> None:
    edges = [(0, 1, 5.0), *((1, leaf, 10.0) for leaf in range(2, 252))]
    found = build(edges, at(range(2, 252)), least=10, most=100, merge_m=50)
    assert sizes(found) == [83, 83, 84]
    # The trench that leads there belongs to one of them, on which the others hang.
    holder = found.trench["area_id"].iloc[0]
    above = found.areas.set_index("area_id")["upstream_area_id"].fillna("")
    assert sorted(above) == ["", holder, holder]
    # So does a home at that point, whatever the order of the rows.
    homes = [*at(range(2, 14)), *at([1])]
    cuts = []
    for order in (range(13), reversed(range(13))):
        some = [edges[k] for k in (0, *(k for k in order if k))]
        found = build(some, homes, least=2, most=5)
        assert sizes(found) == [4, 4, 5]
        assert found.reach["area_id"].iloc[-1] == found.trench["area_id"].iloc[0]
        cuts.append(found.reach["area_id"].tolist())
    assert cuts[0] == cuts[1]


def test_branches_from_the_same_point_of_fibre_need_not_each_other() -> None:
    edges = [*chain(70), *((0 if n == 100 else n, n + 1, 10.0) for n in range(100, 160))]
    found = build(edges, at([*range(1, 71), *range(101, 161)]), least=10, most=100)
    assert sizes(found) == [60, 70]
    assert found.areas["upstream_area_id"].isna().all()


def test_a_rest_too_small_is_avoided_by_cutting_elsewhere() -> None:
    # 8 homes along the road, then 95 at its end: not 7 or 8 beside 95, but two halves.
    edges = [*chain(8), *((8, 100 + k, 5.0) for k in range(95))]
    found = build(edges, at([*range(1, 9), *range(100, 195)]), least=10, most=100, merge_m=50)
    assert len(sizes(found)) == 2
    assert min(sizes(found)) >= 40


def test_one_full_point_stays_whole_with_its_trench() -> None:
    found = build([(0, 1, 100.0), (1, 2, 10.0)], [(2, k, 0.0, NORTH) for k in range(50)], most=8)
    assert sizes(found) == [50]
    assert found.areas["trench_m"].tolist() == [110]
    # With others on the way, it is apart from them.
    found = build(
        [(0, 1, 100.0), (1, 2, 10.0)], [*at([1]), *((2, k, 0.0, NORTH) for k in range(50))], most=8
    )
    assert sizes(found) == [1, 50]
    assert found.areas.set_index("premises")["trench_m"].to_dict() == {1: 100, 50: 10}


def test_a_village_far_down_an_empty_road_is_apart() -> None:
    # 12 homes, 6 km of nothing in two edges, 12 homes more.
    edges = [*chain(12), (12, 50, 3000.0), *((n, n + 1, 3000.0 if n == 50 else 10.0)
                                            for n in range(50, 62))]  # fmt: skip
    homes = at([*range(1, 13), *range(51, 63)])
    assert sizes(build(edges, homes, least=10, split_m=5000)) == [12, 12]
    assert sizes(build(edges, homes, least=10, split_m=6000)) == [24]
    # However small it is, but not if it leaves too few behind.
    assert sizes(build(edges[:-1], homes[:-1], least=12, split_m=5000)) == [11, 12]
    assert sizes(build(edges, homes[1:], least=12, split_m=5000)) == [23]
    # Somebody on the way: then no stretch is that long.
    assert sizes(build(edges, [*homes, (50, 500.0, 0.0, NORTH)], least=10, split_m=5000)) == [25]
    between = [*homes, (50, 500.0, 0.0, SOUTH)]
    assert sizes(build(edges, between, least=10, split_m=5000)) == [1, 24]
    found = build(edges, homes, least=10, split_m=5000).areas.set_index("trench_m")
    assert found.loc[6000 + 110, "upstream_area_id"] == found.loc[120, "area_id"]


def test_what_lies_far_beyond_together_is_joined() -> None:
    # Two branches of 3 at the end of 6 km each, both near each other.
    edges = [*chain(12), *((n, n + 1, 10.0 if n % 10 else 6000.0) for n in range(50, 53)),
             *((n, n + 1, 10.0 if n % 10 else 6000.0) for n in range(60, 63))]  # fmt: skip
    edges += [(11, 50, 1.0), (12, 60, 1.0)]
    edges = sorted(edges, key=lambda e: (e[0] >= 50, e))
    homes = at([*range(1, 13), *range(51, 54), *range(61, 64)])
    found = build(edges, homes, least=5, split_m=5000, merge_m=200)
    assert sizes(found) == [6, 12]
    above = found.areas.set_index("premises")["upstream_area_id"]
    assert above[6] == found.areas.set_index("premises").loc[12, "area_id"]
    assert sizes(build(edges, homes, least=5, split_m=5000, merge_m=20)) == [3, 3, 12]


# --- municipalities ----------------------------------------------------------------


def test_what_hangs_beyond_the_border_depends_on_what_lies_before() -> None:
    homes = [*at([1, 2, 3]), *at([4, 5], SOUTH)]
    found = build(chain(5), homes)
    areas = found.areas.set_index("municipality_code")
    assert areas["premises"].to_dict() == {NORTH: 3, SOUTH: 2}
    assert areas["trench_m"].to_dict() == {NORTH: 30, SOUTH: 20}
    assert areas.loc[SOUTH, "upstream_area_id"] == areas.loc[NORTH, "area_id"]
    assert areas.loc[SOUTH, "municipality"] == "Syd"
    across = build(chain(5), homes, across_municipalities=True).areas
    assert across["premises"].tolist() == [5]
    assert across["municipality_code"].tolist() == [NORTH]


def test_trench_goes_with_the_premises_that_it_is_for() -> None:
    # All trench lies in the north; the homes do not.
    found = build(chain(3), at([3], SOUTH))
    assert found.areas["municipality_code"].tolist() == [SOUTH]
    assert found.areas["trench_m"].tolist() == [30]
    # One home on the way to many of another municipality: the trunk is for the many.
    found = build(chain(3), [*at([1]), *at([2, 3], SOUTH)])
    areas = found.areas.set_index("municipality_code")
    assert areas["trench_m"].to_dict() == {NORTH: 0, SOUTH: 30}
    assert areas.loc[NORTH, "upstream_area_id"] == areas.loc[SOUTH, "area_id"]


def test_a_single_house_of_the_neighbour_splits_nothing() -> None:
    found = build(chain(5), [*at([1, 2, 4, 5]), *at([3], SOUTH)])
    areas = found.areas.set_index("municipality_code")
    assert areas["premises"].to_dict() == {NORTH: 4, SOUTH: 1}
    assert areas["trench_m"].to_dict() == {NORTH: 50, SOUTH: 0}
    # Two municipalities at one and the same point.
    found = build(chain(1), [*at([1]), *at([1]), *at([1], SOUTH)])
    assert sizes(found) == [1, 2]
    assert found.areas.set_index("premises")["trench_m"].to_dict() == {1: 0, 2: 10}


@st.composite
def mixed_trees(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    size = draw(st.integers(1, 7))
    parent = [draw(st.integers(-1, node - 1)) for node in range(size)]
    stubs = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, 2)), max_size=8))
    inner = set(parent)
    stubs += [(node, draw(st.integers(0, 2))) for node in range(size) if node not in inner]
    return parent, sorted(set(stubs))


@settings(max_examples=40)
@given(mixed_trees())
def test_borders_cut_as_seldom_as_can_be(tree: tuple[list[int], list[tuple[int, int]]]) -> None:
    parent, stubs = tree
    edges = len(parent)
    roots = edges + np.arange(edges)  # a point of fibre of its own for each
    up = np.array([p if p >= 0 else roots[k] for k, p in enumerate(parent)]
                  + [site for site, _ in stubs])  # fmt: skip
    place = np.array([p for _, p in stubs])
    label = _labels(np.array(parent), up, place, np.ones(len(stubs), np.int64))

    def changes(labels: Sequence[int]) -> int:
        return sum(up[k] < edges and labels[up[k]] != labels[k] for k in range(up.size))

    fewest = min(changes([*choice, *place]) for choice in itertools.product(range(3), repeat=edges))
    assert label[edges:].tolist() == place.tolist()
    assert changes(label.tolist()) == fewest


# --- joining -----------------------------------------------------------------------


def test_small_pieces_at_existing_fibre_are_joined_up_to_the_distance() -> None:
    # Two taps, homes 500 m apart.
    edges = [(0, 1, 10.0), (5, 6, 10.0)]
    homes: list[Home] = [(1, 0.0, 0.0, NORTH), (6, 300.0, 400.0, NORTH)]
    assert sizes(build(edges, homes, least=2, merge_m=500)) == [2]
    assert sizes(build(edges, homes, least=2, merge_m=499)) == [1, 1]
    assert build(edges, homes, least=2, merge_m=499).areas["below_min"].all()
    assert sizes(build(edges, homes, least=1, merge_m=500)) == [1, 1]
    assert sizes(build(edges, homes, least=2, merge_m=500, most=2)) == [2]
    other: list[Home] = [homes[0], (6, 300.0, 400.0, SOUTH)]
    assert sizes(build(edges, other, least=2, merge_m=500)) == [1, 1]
    assert sizes(build(edges, other, least=2, merge_m=500, across_municipalities=True)) == [2]


def test_the_nearest_are_joined_first_and_none_grows_too_large() -> None:
    # Homes at existing fibre, 0, 10, 25 and 45 m east: two and two.
    homes: list[Home] = [(k, x, 0.0, NORTH) for k, x in enumerate((0.0, 10.0, 40.0, 55.0))]
    found = build([], homes, least=2, most=3, merge_m=100)
    place = found.reach["area_id"].tolist()
    assert place[0] == place[1] != place[2] == place[3]
    # With the last far away, the third joins the pair.
    homes[3] = (3, 400.0, 0.0, NORTH)
    assert sizes(build([], homes, least=2, most=3, merge_m=100)) == [1, 3]
    assert sizes(build([], homes, least=2, most=2, merge_m=100)) == [1, 1, 2]


def test_joined_areas_are_as_near_as_their_nearest_part() -> None:
    # 0 and -10 join; then 30 is nearer to the first of them than -45 is to the second.
    x = np.array([0.0, -10.0, 30.0, -45.0])
    joined = join_pieces(
        x, np.zeros(4), np.arange(4), np.full(4, -1), np.zeros(4, int),
        is_far=np.zeros(4, bool), least=3, most=3, reach_m=100.0,
    )  # fmt: skip
    assert joined.of_piece.tolist() == [0, 0, 0, 1]


def test_a_string_of_houses_is_not_joined_into_a_snake() -> None:
    # 12 homes, 900 m from each to the next: joined by the distance, but not endlessly.
    homes: list[Home] = [(k, 900.0 * k, 0.0, NORTH) for k in range(12)]
    found = build([], homes, least=12, most=100, merge_m=1000)
    assert found.areas["spread_m"].max() <= 1000
    assert max(sizes(found)) >= 3
    assert found.areas["below_min"].all()


def test_those_that_hang_on_the_same_are_joined() -> None:
    # Beyond the border two small branches, both on the northern trunk.
    edges = [*chain(6), (3, 10, 10.0), (10, 11, 10.0), (5, 20, 10.0), (20, 21, 10.0)]
    homes = [*at(range(1, 7)), *at([11, 21], SOUTH)]
    found = build(edges, homes, least=2, merge_m=200)
    areas = found.areas.set_index("municipality_code")
    assert areas["premises"].to_dict() == {NORTH: 6, SOUTH: 2}
    assert areas.loc[SOUTH, "upstream_area_id"] == areas.loc[NORTH, "area_id"]
    assert areas.loc[SOUTH, "trench_m"] == 40
    # A southern home at existing fibre beside them is not: it needs nobody's trench.
    found = build(edges, [*homes, (99, 115.0, 0.0, SOUTH)], least=2, merge_m=200)
    assert sizes(found) == [1, 2, 6]


def test_a_piece_joins_what_it_hangs_on_however_far() -> None:
    # Pieces 0 <- 1 <- 2; the first two hold 3 and 2, the last is of another municipality.
    x = np.array([0.0, 1, 2, 5000, 5001, 9000])
    piece = np.array([0, 0, 0, 1, 1, 2])
    joined = join_pieces(
        x, np.zeros(6), piece, np.array([-1, 0, 1]), np.array([0, 0, 1]),
        is_far=np.zeros(3, bool), least=3, most=5, reach_m=10.0,
    )  # fmt: skip
    assert joined.of_piece.tolist() == [0, 0, 1]
    far = join_pieces(
        x, np.zeros(6), piece, np.array([-1, 0, 1]), np.array([0, 0, 1]),
        is_far=np.array([False, True, False]), least=3, most=5, reach_m=1e9,
    )  # fmt: skip
    assert far.of_piece.tolist() == [0, 1, 2]
    assert joined.hangs_on.tolist() == [-1, 0]
    too_many = join_pieces(
        x, np.zeros(6), piece, np.array([-1, 0, 1]), np.array([0, 0, 1]),
        is_far=np.zeros(3, bool), least=3, most=4, reach_m=10.0,
    )  # fmt: skip
    assert too_many.of_piece.tolist() == [0, 1, 2]
    # Never with what hangs on it by way of another: that would be a ring.
    ring = join_pieces(
        x, np.zeros(6), piece, np.array([-1, 0, 1]), np.array([0, 1, 0]),
        is_far=np.zeros(3, bool), least=9, most=99, reach_m=1e6,
    )  # fmt: skip
    assert ring.of_piece.tolist() == [0, 1, 2]


def test_children_of_joined_areas_are_kin() -> None:
    # 0 and 1 at fibre join; 2 hangs on 0 and 3 on 1, both of another municipality: they join
    # once the others have.
    x = np.array([0.0, 10.0, 500.0, 600.0])
    joined = join_pieces(
        x, np.zeros(4), np.arange(4), np.array([-1, -1, 0, 1]), np.array([0, 0, 1, 1]),
        is_far=np.zeros(4, bool), least=2, most=9, reach_m=200.0,
    )  # fmt: skip
    assert joined.of_piece.tolist() == [0, 0, 1, 1]
    assert joined.hangs_on.tolist() == [-1, 0]


def test_one_behind_a_crowd_that_is_full_is_still_found() -> None:
    # 4000 homes in one full piece lie nearer to each of the two single homes than the other.
    rng = np.random.default_rng(0)
    crowd = 4000
    x = np.r_[rng.uniform(100, 200, crowd), 0.0, 300.0]
    joined = join_pieces(
        x, np.r_[rng.uniform(0, 1, crowd), 0.0, 0.0], np.r_[np.zeros(crowd, int), 1, 2],
        np.full(3, -1), np.zeros(3, int), is_far=np.zeros(3, bool),
        least=2, most=crowd, reach_m=1000.0,
    )  # fmt: skip
    assert joined.of_piece.tolist() == [0, 1, 1]
    # A piece with room, but one that would spread too far: most of it lies 20 km away.
    x = np.r_[np.linspace(150, 750, 60), np.full(300, 20_000.0), 0.0, 900.0]
    joined = join_pieces(
        x, np.zeros(362), np.r_[np.zeros(360, int), 1, 2], np.full(3, -1), np.zeros(3, int),
        is_far=np.zeros(3, bool), least=2, most=1000, reach_m=1000.0,
    )  # fmt: skip
    assert joined.of_piece.tolist() == [0, 1, 1]


def test_spread_is_root_mean_square_distance_from_the_mean_point() -> None:
    found = spread(
        np.array([0.0, 6.0, 7.0]), np.array([0.0, 8.0, 7.0]), np.array([0, 0, 1]), areas=3
    )
    assert found[:2].tolist() == [5.0, 0.0]
    assert np.isnan(found[2])


# --- ids and names -----------------------------------------------------------------


def test_ids_tell_the_cell_and_its_part() -> None:
    codes = np.array([NORTH] * 6 + [SOUTH], dtype=object)
    x = np.array([832_000.0, 832_999.0, 832_300, 832_310, 832_400, 5_000, 832_000])
    y = np.array([7_468_999.0, 7_468_000.0, 7_468_600, 7_468_610, 7_468_600, 20_000, 7_468_999])
    ids = place_ids(codes, x, y, np.array([True] * 4 + [False] + [True] * 2))
    assert ids.tolist() == [
        "2501-832-7468a", "2501-832-7468p", "2501-832-7468f-2", "2501-832-7468f",
        "2501-832-7468", "2501-005-0020m", "2502-832-7468a",
    ]  # fmt: skip


def test_areas_of_few_households_tell_no_part_of_the_cell() -> None:
    found = build([], [(k, 700_000.0 + 900 * k, 7e6, NORTH) for k in range(2)], least=2)
    assert found.areas["area_id"].tolist() == ["2501-700-7000", "2501-700-7000-2"]
    for count, area_id in ((9, "2501-700-7000"), (10, "2501-700-7000m")):
        homes = [(1, 700_000.0 + k, 7e6, NORTH) for k in range(count)]
        assert build(chain(1), homes, least=20).areas["area_id"].tolist() == [area_id]


def localities() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"locality_name": ["Vittangi", None, " ", "Svappavaara"]},
        geometry=[box(0, 0, 100, 100), Point(300, 300), Point(310, 310), box(2000, 0, 2100, 100)],
        crs="EPSG:3006",
    )


def test_names_come_from_the_nearest_locality() -> None:
    x = np.array([50.0, 400.0, 50.0, 500.0, 80.0, -400.0, 2050.0, 1900.0])
    y = np.array([50.0, 400.0, 900.0, 500.0, 20.0, 50.0, -300.0, -100.0])
    names = name_areas(x, y, np.full(8, "Kiruna", object), localities=localities())
    assert names.tolist() == [
        "Vittangi", "Vittangi NO", "Vittangi N", "Vittangi NO 2", "Vittangi 2", "Vittangi V",
        "Svappavaara S", "Svappavaara SV",
    ]  # fmt: skip
    english = name_areas(x, y, np.full(8, "Kiruna", object), localities=localities(), language="en")
    assert english.tolist()[1::4] == ["Vittangi NE", "Vittangi W"]
    assert english.tolist()[7] == "Svappavaara SW"


def test_names_without_localities_are_those_of_the_municipality() -> None:
    towns = gpd.GeoDataFrame(
        {"municipality_code": [NORTH], "municipality_name": ["Norr"]},
        geometry=[box(0, 0, 1000, 1000)], crs="EPSG:3006",
    )  # fmt: skip
    x, y = np.array([900.0, 100.0, 950.0]), np.array([500.0, 100.0, 500.0])
    names = name_areas(x, y, np.full(3, "Norr", object), municipalities=towns)
    assert names.tolist() == ["Norr O", "Norr SV", "Norr O 2"]
    names = name_areas(x, y, np.full(3, "Norr", object), localities=localities().iloc[1:3])
    assert names.tolist() == ["Norr", "Norr 2", "Norr 3"]


# --- invariants --------------------------------------------------------------------


@st.composite
def forests(draw: st.DrawFn) -> tuple[list[Edge], list[Home]]:
    """Draw some trees from points of fibre 0, 100, 200 ..., and homes on and off them."""
    edges: list[Edge] = []
    homes: list[Home] = []
    coordinate = st.integers(0, 40)
    code = st.sampled_from([NORTH, NORTH, SOUTH])

    def home(node: int) -> Home:
        return (node, 100.0 * draw(coordinate), 100.0 * draw(coordinate), draw(code))

    for tree in range(draw(st.integers(1, 4))):
        root, size = 100 * tree, draw(st.integers(0, 12))
        tails = [draw(st.integers(root, root + k)) for k in range(size)]
        heads = [root + k + 1 for k in range(size)]
        edges += [
            (t, h, 10.0 * draw(st.integers(0, 60))) for t, h in zip(tails, heads, strict=True)
        ]
        ends = set(heads) - set(tails)
        wanted = draw(st.lists(st.integers(root, root + size), max_size=20))
        homes += [home(node) for node in [*sorted(ends), *wanted]]
    return edges, homes


sized = st.tuples(
    st.integers(1, 6), st.integers(0, 8), st.sampled_from([0.0, 200.0, 700.0, 3000.0])
)


@settings(max_examples=25)
@given(forests(), sized, st.booleans())
def test_areas_share_out_everything_once(
    forest: tuple[list[Edge], list[Home]], sized: tuple[int, int, float], across: bool
) -> None:
    edges, homes = forest
    least, more, merge_m = sized
    most = least + more
    found = build(
        edges, homes, least=least, most=most, merge_m=merge_m, across_municipalities=across
    )
    areas = found.areas.set_index("area_id")
    assert areas.index.is_unique
    assert areas["trench_m"].sum() == pytest.approx(sum(length for *_, length in edges))
    assert areas["premises"].sum() == len(homes)
    drops = price_drops(found.reach, PRICES).sum()
    assert areas["capex_sek"].sum() == pytest.approx(100 * areas["trench_m"].sum() + drops)
    place = pd.DataFrame(homes, columns=["node", "x", "y", "code"])
    place["area"] = found.reach["area_id"].to_numpy()
    groups = place.groupby("area")
    assert groups.size().to_dict() == areas["premises"].to_dict()
    assert (areas["below_min"] == (areas["premises"] < least)).all()
    if not across:
        assert (groups["code"].min() == groups["code"].max()).all()
        assert groups["code"].first().to_dict() == areas["municipality_code"].to_dict()
    large = areas.index[areas["premises"] > most]
    assert (groups["node"].min() == groups["node"].max())[large].all()

    # What an area hangs on is where its trench begins, and one area only.
    above = areas["upstream_area_id"].fillna("")
    end = {head: area for (_, head, _), area in zip(edges, found.trench["area_id"], strict=True)}
    joints = [(t, a) for (t, _, _), a in zip(edges, found.trench["area_id"], strict=True)]
    joints += list(zip(place["node"], place["area"], strict=True))
    for node, area in joints:
        assert end.get(node, above[area]) in (area, above[area])
        if node not in end:
            assert area == above[area] or above[area] == "" or merge_m >= 0
    needed = {area for node, area in joints if node in end and end[node] != area}
    assert set(above.index[above != ""]) == needed
    for area in areas.index:
        seen = [area]
        while (upper := above[seen[-1]]) != "":
            assert upper not in seen
            seen.append(upper)
    for area, part in place.groupby("area"):
        assert is_near(part, [e for e, a in zip(edges, found.trench["area_id"], strict=True)
                              if a == area], merge_m)  # fmt: skip
    assert_no_join_is_left(place, areas, above, least=least, most=most, merge_m=merge_m,
                           across=across)  # fmt: skip


def is_near(part: pd.DataFrame, edges: list[Edge], merge_m: float) -> bool:
    """Tell whether an area is one piece but for jumps of at most so many metres."""
    xy, node = part[["x", "y"]].to_numpy(), part["node"].to_numpy()
    group = {n: n for n in [*node, *(e[0] for e in edges), *(e[1] for e in edges)]}

    def top(one: int) -> int:
        while group[one] != one:
            one = group[one]
        return one

    for tail, head, _ in edges:
        group[top(tail)] = top(head)
    gap = np.hypot(*(xy[:, None] - xy[None]).T)
    for a, b in np.argwhere(gap <= merge_m):
        group[top(node[a])] = top(node[b])
    return len({top(n) for n in group}) == 1


def assert_no_join_is_left(
    place: pd.DataFrame, areas: pd.DataFrame, above: pd.Series[str], *,
    least: int, most: int, merge_m: float, across: bool,
) -> None:  # fmt: skip
    """Try every pair of areas by brute force."""
    xy = {area: part[["x", "y"]].to_numpy() for area, part in place.groupby("area")}
    for a, b in itertools.combinations(sorted(xy), 2):
        n, m = len(xy[a]), len(xy[b])
        if min(n, m) >= least or n + m > most:
            continue
        if not across and areas["municipality_code"][a] != areas["municipality_code"][b]:
            continue
        assert above[a] != b
        assert above[b] != a
        if above[a] != above[b]:
            continue
        gap = np.hypot(*(xy[a][:, None] - xy[b][None]).T).min()
        both = np.concatenate([xy[a], xy[b]])
        joint = np.sqrt(((both - both.mean(axis=0)) ** 2).sum(axis=1).mean())
        widest = max(areas["spread_m"][a], areas["spread_m"][b], merge_m)
        assert gap > merge_m or joint > widest * (1 - 1e-9)


@settings(max_examples=12)
@given(forests(), sized, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_prices_decide_nothing(
    forest: tuple[list[Edge], list[Home]], sized: tuple[int, int, float], random: Any
) -> None:
    edges, homes = forest
    trench, reach, status = network(edges, homes)
    least, more, merge_m = sized
    options: dict[str, Any] = {
        "min_premises": least, "max_premises": least + more, "merge_m": merge_m,
    }  # fmt: skip
    one = build_areas(trench, reach, status, MUNICIPALITIES, prices=PRICES, **options)
    # Shuffled rows, other node numbers, trees in another order, ten times the price.
    number = {n: k for k, n in enumerate(random.sample(range(1000), 1000))}
    depth: dict[int, int] = {}
    for tail, head, _ in edges:
        depth[head] = depth.get(tail, 0) + 1
    order = sorted(range(len(edges)), key=lambda k: (depth[edges[k][1]], random.random()))
    trench = trench.iloc[order].reset_index(drop=True)
    renumbered = {
        "from_node": trench["from_node"].map(number), "to_node": trench["to_node"].map(number),
        "cost_sek": trench["cost_sek"] * 10, "edge_id": np.arange(len(edges)),
    }  # fmt: skip
    rows = random.sample(range(len(reach)), len(reach))
    other = build_areas(
        trench.assign(**renumbered),
        reach.iloc[rows].assign(node=reach["node"].map(number)),
        status.iloc[random.sample(range(len(status)), len(status))],
        MUNICIPALITIES, prices=Prices(), **options,
    )  # fmt: skip
    free = ["capex_sek", "own_contribution_sek", "operator_revenue_sek", "gap_sek",
            "gap_per_household_sek"]  # fmt: skip
    pd.testing.assert_frame_equal(one.areas.drop(columns=free), other.areas.drop(columns=free))
    assert one.trench["area_id"].iloc[order].tolist() == other.trench["area_id"].tolist()
    assert one.reach["area_id"].iloc[rows].tolist() == other.reach["area_id"].tolist()


@settings(max_examples=12)
@given(forests(), sized, st.randoms(use_true_random=False))
def test_ids_stay_when_another_area_goes(
    forest: tuple[list[Edge], list[Home]], sized: tuple[int, int, float], random: Any
) -> None:
    edges, homes = forest
    least, more, merge_m = sized
    whole = build(edges, homes, least=least, most=least + more, merge_m=merge_m)
    assume(len(whole.areas) > 0)
    # An area goes, and with it all that shares a tree with it.
    gone = {random.choice(whole.areas["area_id"].tolist())}
    trees = pd.Series([node // 100 for node, *_ in homes])
    of = whole.reach["area_id"]
    while (more_gone := set(of[trees.isin(trees[of.isin(gone)])])) != gone:
        gone = more_gone
    rows = np.flatnonzero(~of.isin(gone))
    left = set(trees[rows])
    found = build(
        [edge for edge in edges if edge[0] // 100 in left], [homes[row] for row in rows],
        least=least, most=least + more, merge_m=merge_m,
    )  # fmt: skip
    before, after = of.iloc[rows], found.reach["area_id"]
    held_before = {frozenset(part.index): area for area, part in before.groupby(before)}
    held_after = {frozenset(rows[part.index]): area for area, part in after.groupby(after)}
    assert held_before.keys() == held_after.keys()
    # Only numbers of areas that shared a cell may change.
    shared = pd.Series(whole.areas["area_id"].str.split("-").str[:3].str.join("-"))
    shared = shared[shared.duplicated(keep=False)]
    for held, area in held_before.items():
        if "-".join(area.split("-")[:3]) not in set(shared):
            assert held_after[held] == area
            upper = whole.areas.set_index("area_id").loc[area, "upstream_area_id"]
            still = found.areas.set_index("area_id").loc[area, "upstream_area_id"]
            assert pd.isna(upper) == pd.isna(still)


def test_pieces_are_connected_and_hang_on_where_they_leave() -> None:
    # A trunk with branches at every node; pieces of at most 4.
    rng = np.random.default_rng(5)
    count = 400
    parent = np.array([rng.integers(-1, k) if k else -1 for k in range(count)])
    tail = np.where(parent < 0, 10_000, parent)
    edge = np.sort(np.r_[np.arange(count), rng.integers(0, count, 300)])
    place = rng.integers(0, 2, edge.size)
    pieces = cut_forest(
        parent, tail, edge, edge, place, length=np.full(count, 7.0), least=2, most=4
    )
    held = pd.DataFrame({"piece": pieces.of_premises, "node": edge, "place": place})
    groups = held.groupby("piece")
    assert (groups["place"].min() == groups["place"].max()).all()
    alone = groups["node"].min() == groups["node"].max()
    assert (groups.size()[~alone] <= 4).all()
    assert set(pieces.of_edge) <= set(pieces.of_premises)
    # From any edge or home one gets to the top of its piece, and from there to its upstream.
    above = np.where(parent >= 0, pieces.of_edge[parent], -1)
    at_home = pieces.of_edge[edge]
    for piece, over in [*zip(pieces.of_edge, above, strict=True),
                        *zip(pieces.of_premises, at_home, strict=True)]:  # fmt: skip
        assert over in (piece, pieces.hangs_on[piece])
