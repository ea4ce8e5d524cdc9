"""Made-up fibre, coverage and plans for the example region, pinned to published shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from bredband.demo.laying import Spread, choose_connected, merge_routes, spread_fibre

if TYPE_CHECKING:
    import numpy.typing as npt

    from bredband.demo.terrain import Bools, Field, Floats

PROXIMITY_M: Final = 50.0
"""What the passed shares are made for: bredband's default proximity_m."""

_HALVINGS, _STEPS = 17, 200
"""In the search for how far fibre goes."""

_PLANNED = 0.015
"""Share of all households that credible plans cover."""


def lay_region(
    premises: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    shares: pd.DataFrame,
    *,
    patches: Field,
    rng: np.random.Generator,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame, Bools]:
    """Lay fibre and connect households until every municipality has its share.

    Parameters
    ----------
    premises : GeoDataFrame
        From :func:`bredband.demo.settlement.settle`, with premises_id and in_tatort.
    roads : GeoDataFrame
        road_class, place, tail, head, backbone.
    shares : DataFrame
        Per municipality: connected and passed in tätorter (connected_in, passed_in) and
        outside (connected_out, passed_out), and docsis, all shares of households.
    patches : Field
        Makes neighbouring streets alike.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    GeoDataFrame
        Fibre lines: fibre_id, network (stomnät, accessnät).
    DataFrame
        Coverage: premises_id, technology, speed_mbit; several rows per premises.
    ndarray of bool
        Per premises, whether it is connected at 100 Mbit/s or passed.
    """
    households = premises["households"].to_numpy()
    municipality = premises["municipality"].to_numpy()
    line = premises["line"].to_numpy()
    lines = roads.geometry.to_numpy()
    # Two groups per municipality: in its tätorter, and the rest.
    group = municipality * 2 + np.where(premises["in_tatort"], 0, 1)
    groups = 2 * len(shares)
    total = np.bincount(group, weights=households, minlength=groups)
    passed_share = shares[["passed_in", "passed_out"]].to_numpy().ravel()
    connected_share = shares[["connected_in", "connected_out"]].to_numpy().ravel()

    spread = _spread(premises, roads, patches)
    by_road, near_line = shapely.STRtree(lines).query(
        premises.geometry.to_numpy(), predicate="dwithin", distance=PROXIMITY_M
    )
    line_group = np.full(len(lines), -1)
    homes = np.flatnonzero((line >= 0) & (households > 0))
    line_group[line[homes]] = group[homes]
    backbone = roads["backbone"].to_numpy()

    keys = np.sort(spread.key[np.isfinite(spread.key)])

    def lay(level: Floats) -> Bools:
        """Lay fibre in each group to so many lines of all, and to what leads there."""
        reach = keys[np.minimum(level.astype(np.int64), len(keys) - 1)]
        wanted = (line_group >= 0) & (spread.key <= reach[line_group])
        return np.asarray(spread.with_paths(wanted) | backbone)

    def passed(laid: Bools) -> Bools:
        near = np.zeros(len(premises), dtype=bool)
        near[by_road[laid[near_line]]] = True
        return near

    def falls_short(level: Floats) -> Bools:
        near = passed(lay(level))
        share = np.bincount(group[near], weights=households[near], minlength=groups) / total
        return np.asarray(share < passed_share)

    # How far fibre goes, found for all groups at once by halving. What leads to one group
    # passes others by, so a group can end up short: it then goes on in small steps.
    low, high = np.zeros(groups), np.full(groups, float(len(keys)))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        short = falls_short(middle)
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    level = high
    for _ in range(_STEPS):
        short = falls_short(level)
        if not short.any():
            break
        level = level + short * (len(keys) / _STEPS)
    laid = lay(level)

    score = rng.uniform(size=len(premises)) + 0.35 * (households > 1)
    on_fibre = (line >= 0) & laid[line]
    connected = np.zeros(len(premises), dtype=bool)
    for position in range(len(shares)):
        # The municipality's figure is to be met exactly: the tätorter take up the slack.
        whole = round(
            float(np.dot(connected_share[2 * position : 2 * position + 2],
                         total[2 * position : 2 * position + 2]))
        )  # fmt: skip
        for part in (2 * position + 1, 2 * position):
            aim = whole if part % 2 == 0 else round(float(connected_share[part] * total[part]))
            rows = np.flatnonzero(on_fibre & (group == part) & (households > 0))
            taken = rows[choose_connected(households[rows], score[rows], aim)]
            connected[taken] = True
            whole -= int(households[taken].sum())
    # Workplaces and holiday homes as a matter of chance.
    chance = np.where(premises["workplaces"] > 0, 0.85, 0.30)
    connected |= on_fibre & (households == 0) & (rng.uniform(size=len(premises)) < chance)

    coverage = _coverage(premises, connected, shares, rng)
    fibre = _routes(lines, laid, backbone, roads.crs)
    return fibre, coverage, connected | passed(laid)


def _spread(premises: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, patches: Field) -> Spread:
    """Order the lines: from the backbone outward, dense ones and some districts sooner."""
    lines = roads.geometry.to_numpy()
    length = shapely.length(lines)
    line = premises["line"].to_numpy()
    lived = np.flatnonzero(line >= 0)
    weight = premises["households"].to_numpy() + 0.3 * premises["workplaces"].to_numpy()
    density = np.bincount(line[lived], weights=weight[lived], minlength=len(lines)) / (
        np.maximum(length, 80) / 1000
    )
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    luck = np.exp(0.9 * patches.at(middle[:, 0], middle[:, 1]))
    cost = length * (1 + 4 * np.exp(-density / 12)) * luck
    # Between localities, fibre is laid for those at the end and not for those on the way.
    between = roads["road_class"].isin(["primary", "secondary", "tertiary"]).to_numpy()
    cost[between & (roads["place"].to_numpy() < 0)] *= 0.35
    ends = np.concatenate([roads["tail"].to_numpy(), roads["head"].to_numpy()])
    tail, head = np.unique(ends, return_inverse=True)[1].reshape(2, -1)
    backbone = roads["backbone"].to_numpy()
    roots = np.unique(np.concatenate([tail[backbone], head[backbone]]))
    return spread_fibre(tail, head, cost, roots, np.zeros(len(roots)))


def _coverage(
    premises: gpd.GeoDataFrame, connected: Bools, shares: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Make a table like PTS's: what can be had in each building, a row per technology."""
    n = len(premises)
    ids = premises["premises_id"].to_numpy()
    households = premises["households"].to_numpy()
    municipality = premises["municipality"].to_numpy()
    in_tatort = premises["in_tatort"].to_numpy()
    lived_in = (households > 0) | (premises["workplaces"].to_numpy() > 0)

    cable = np.zeros(n, dtype=bool)
    everybody = np.bincount(municipality, weights=households, minlength=len(shares))
    for position in np.flatnonzero(shares["docsis"].to_numpy() > 0):
        rows = np.flatnonzero(connected & in_tatort & (municipality == position) & (households > 0))
        # Cable television came to flats first.
        score = rng.uniform(size=len(rows)) + (households[rows] > 1)
        aim = round(float(shares["docsis"].iloc[position] * everybody[position]))
        cable[rows[choose_connected(households[rows], score, aim)]] = True

    chance = rng.uniform(size=(3, n))
    slow = lived_in & ~connected
    vdsl = (slow & (chance[0] < np.where(in_tatort, 0.62, 0.05))) | (
        connected & in_tatort & (chance[0] < 0.08)
    )
    copper = slow & ~vdsl & (chance[1] < np.where(in_tatort, 0.75, 0.60))
    radio = lived_in & (chance[2] < np.where(connected, 0.01, np.where(in_tatort, 0.05, 0.14)))
    copper_speed = rng.choice([8.0, 12.0, 16.0, 24.0], n, p=[0.3, 0.2, 0.2, 0.3])
    radio_speed = rng.choice([100.0, 300.0], n, p=[0.7, 0.3])
    parts = [
        _rows(ids, connected & ~cable, "fibre", 1000.0),
        _rows(ids, cable, "docsis", 1000.0),
        _rows(ids, vdsl, "vdsl", 60.0),
        _rows(ids, copper, "xdsl", copper_speed),
        _rows(ids, radio, "fwa", radio_speed),
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["premises_id", "technology"], ignore_index=True)


def _rows(
    ids: npt.NDArray[np.object_], who: Bools, technology: str, speed: float | Floats
) -> pd.DataFrame:
    speeds = np.broadcast_to(speed, len(ids))[who]
    return pd.DataFrame(
        {"premises_id": ids[who], "technology": technology, "speed_mbit": speeds.astype(np.int64)}
    )


def _routes(
    lines: npt.NDArray[np.object_], laid: Bools, backbone: Bools, crs: object
) -> gpd.GeoDataFrame:
    main = merge_routes(lines[laid & backbone])
    access = merge_routes(lines[laid & ~backbone])
    return gpd.GeoDataFrame(
        {
            "fibre_id": np.arange(len(main) + len(access)),
            "network": ["stomnät"] * len(main) + ["accessnät"] * len(access),
        },
        geometry=np.concatenate([main, access]),
        crs=crs,
    )


def make_plans(
    premises: gpd.GeoDataFrame, served: Bools, *, year: int, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Draw areas where somebody says that fibre will be built.

    Parameters
    ----------
    premises : GeoDataFrame
        households, municipality and points.
    served : ndarray of bool
        Connected or passed: no plan is made for them.
    year : int
        Year of the coverage; credible plans are due in the three years after.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    GeoDataFrame
        plan_id, technology, speed_mbit, year, credible, motive and polygons.
    """
    households = premises["households"].to_numpy()
    rows = np.flatnonzero(~served & (households > 0))
    points = premises.geometry.to_numpy()[rows]
    xy = shapely.get_coordinates(points)
    tree = cKDTree(xy)
    free = np.ones(len(rows), dtype=bool)
    aims = [("utbyggnadsavtal", True, _PLANNED), ("utan finansiering", False, 0.003),
            ("för sent", True, 0.003)]  # fmt: skip
    found: list[dict[str, object]] = []
    shapes: list[shapely.Geometry] = []
    for motive, credible, share in aims:
        left = share * households.sum()
        while left > 0:
            centre = rng.choice(np.flatnonzero(free))
            inside = np.array(tree.query_ball_point(xy[centre], rng.uniform(1_200, 3_000)))
            inside = inside[free[inside]]
            count = int(households[rows[inside]].sum())
            if count < 8 or count > 220:
                free[centre] = False
                continue
            shape = shapely.buffer(shapely.convex_hull(shapely.multipoints(points[inside])), 90)
            if any(shapely.intersects(shape, other) for other in shapes):
                free[centre] = False
                continue
            free[inside] = False
            late = motive == "för sent"
            found.append(
                {
                    "plan_id": f"P{len(found) + 1:03d}",
                    "technology": "fibre",
                    "speed_mbit": 1000,
                    "year": year + (5 if late else int(rng.integers(1, 4))),
                    "credible": credible,
                    "motive": motive,
                }
            )
            shapes.append(shapely.set_precision(shape, 0.1))
            left -= count
    return gpd.GeoDataFrame(found, geometry=shapes, crs=premises.crs)
