"""Made-up buildings along made-up roads, pinned to real totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.points import locate
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bredband.demo.terrain import find_nearest

if TYPE_CHECKING:
    import numpy.typing as npt

    from bredband.demo.terrain import Floats, Ints, Land

_SLOT_M = 24.0
"""Distance between neighbouring plots along a street, m."""

_CORNER_M = 18.0
"""No building this near a crossing, m."""

_ROADLESS = 210
"""Buildings that no road leads to."""

_ROADLESS_M = 1_350.0
"""Buildings without a road lie at least this far from every corner of a road, m."""

_HAMLET = 6
"""Buildings that stand together in the country, on average."""

# How much likelier a metre of this road is to have a home, and a holiday home, beside it.
_HOMES = {
    "primary": 0.35, "secondary": 0.7, "tertiary": 1.5, "unclassified": 1.3, "service": 1.3,
    "track": 0.06,
}  # fmt: skip
_HOLIDAY = {
    "primary": 0.15, "secondary": 0.3, "tertiary": 0.8, "unclassified": 1.2, "service": 2.0,
    "track": 0.35,
}  # fmt: skip

_POPULATION = [200, 1_000, 5_000, 20_000, 50_000]
_FLATS_SHARE = [0.10, 0.22, 0.38, 0.52, 0.60]
_FLATS_SIZE = [4, 6, 9, 12, 15]


def split(total: int, weights: npt.ArrayLike) -> Ints:
    """Divide a whole number in proportion to weights, by largest remainders."""
    share = np.asarray(weights, dtype=float)
    share = share / share.sum() * total
    whole: Ints = np.floor(share).astype(np.int64)
    order = np.argsort(-(share - whole), kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return whole


def rank_within(group: Ints, score: Floats) -> Ints:
    """Rank each row inside its group, the highest score first, from 0."""
    order = np.lexsort([-score, group])
    grouped = group[order]
    first = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]])
    size = np.diff(np.r_[first, len(grouped)])
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(first, size)
    return rank


def beside(
    lines: npt.NDArray[np.object_], measure: Floats, offset: Floats
) -> tuple[Floats, Floats]:
    """Give the points at a distance along lines and another to their left (negative: right)."""
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines, measure))
    behind = shapely.get_coordinates(
        shapely.line_interpolate_point(lines, np.maximum(measure - 2, 0))
    )
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, measure + 2))
    along = ahead - behind
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    return here[:, 0] - along[:, 1] * offset, here[:, 1] + along[:, 0] * offset


def settle(
    roads: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    municipalities: gpd.GeoSeries,
    totals: pd.DataFrame,
    land: Land,
    *,
    holiday_homes: int,
    rng: np.random.Generator,
) -> gpd.GeoDataFrame:
    """Put buildings along the roads until each municipality has its households.

    Parameters
    ----------
    roads : GeoDataFrame
        road_class, place, tail, head, from :func:`bredband.demo.network.draw_roads`.
    places : GeoDataFrame
        Localities: population, municipality, segment, outline.
    municipalities : GeoSeries
        Polygons.
    totals : DataFrame
        Per municipality: households, population, in_localities.
    land : Land
        The mesh, where the buildings without a road stand.
    holiday_homes : int
        How many holiday homes to make.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    GeoDataFrame
        Points: households, workplaces, holiday_homes, building_type, municipality, place
        (position of the locality, -1 outside) and line (position of its road, -1 none).
        Households per municipality are exactly ``totals``, in tätorter in the proportion
        of the inhabitants.
    """
    inside = _fill_places(roads, places, totals, rng)
    outside = _fill_country(roads, places, municipalities, totals, land, holiday_homes, inside, rng)
    every = pd.concat([inside, outside], ignore_index=True)
    every = every.sort_values(["municipality", "place", "line"], kind="stable", ignore_index=True)
    xy = every[["x", "y"]].to_numpy().round(1)
    return gpd.GeoDataFrame(
        every.drop(columns=["x", "y"]),
        geometry=shapely.points(xy[:, 0], xy[:, 1]),
        crs=roads.crs,
    )


def _fill_places(
    roads: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    totals: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    population = places["population"].to_numpy()
    homes = np.zeros(len(places), dtype=np.int64)
    columns = totals[["households", "population", "in_localities"]].to_numpy(dtype=np.int64)
    town = (places["segment"] == "tätort").to_numpy()
    for position, (households, everybody, in_localities) in enumerate(columns.tolist()):
        own = (places["municipality"] == position).to_numpy()
        in_villages = float(population[own & ~town].sum())
        for rows, people in ((own & town, in_localities), (own & ~town, in_villages)):
            if rows.any():
                homes[rows] = split(round(households * people / everybody), population[rows])

    share = np.interp(population, _POPULATION, _FLATS_SHARE)
    share[population < 200] = 0
    size = np.interp(population, _POPULATION, _FLATS_SIZE)
    blocks = np.round(homes * share / size).astype(np.int64)
    # Households per block of flats: at least two, uneven, and few enough to leave houses.
    owner = np.repeat(np.arange(len(places)), blocks)
    flats = np.maximum(2, np.round(size[owner] * rng.gamma(3.0, 1 / 3.0, len(owner))))
    flats = flats.astype(np.int64)
    in_flats = np.bincount(owner, weights=flats, minlength=len(places)).astype(np.int64)
    houses = homes - in_flats
    offices = np.round(homes * 0.038 + 1).astype(np.int64)

    x, y, line, place = _plots(roads)
    reach = np.sqrt(places.area.to_numpy() / np.pi)
    away = np.hypot(x - places["x"].to_numpy()[place], y - places["y"].to_numpy()[place])
    away = away / reach[place]
    # Streets fill up one by one rather than evenly.
    street = rng.normal(0, 1.3, len(roads))[line]
    filled = street - 0.9 * away + rng.gumbel(0, 0.8, len(x))
    wanted = blocks + houses + offices
    kept = rank_within(place, filled) < wanted[place]
    x, y, line, place, away = x[kept], y[kept], line[kept], place[kept], away[kept]
    central = -1.5 * away + rng.normal(0, 0.9, len(roads))[line] + rng.normal(0, 0.3, len(x))
    rank = rank_within(place, central)
    households = np.ones(len(x), dtype=np.int64)
    is_block = rank < blocks[place]
    first = np.cumsum(blocks) - blocks
    households[is_block] = flats[first[place[is_block]] + rank[is_block]]
    trade = central + rng.normal(0, 2.0, len(x))
    trade[is_block] = -np.inf
    is_office = ~is_block & (rank_within(place, trade) < offices[place])
    households[is_office] = 0
    short = homes - np.bincount(place, weights=households, minlength=len(places)).astype(np.int64)
    if short.any():  # more buildings than plots: the rest share houses
        house = np.flatnonzero(~is_block & ~is_office)
        for row in np.flatnonzero(short):
            own = house[place[house] == row]
            households[own[: short[row]]] += 1
    kind = np.where(is_office, "lokal", np.where(is_block, "flerbostadshus", "småhus"))
    workplaces = np.where(
        is_office,
        1 + rng.poisson(0.9, len(x)),
        np.where(
            is_block, rng.binomial(2, 0.16, len(x)), (rng.uniform(size=len(x)) < 0.035).astype(int)
        ),
    )
    return pd.DataFrame(
        {
            "x": x,
            "y": y,
            "households": households,
            "workplaces": workplaces.astype(np.int64),
            "holiday_homes": np.zeros(len(x), dtype=np.int64),
            "building_type": kind,
            "municipality": places["municipality"].to_numpy()[place],
            "place": place,
            "line": line,
        }
    )


def _plots(roads: gpd.GeoDataFrame) -> tuple[Floats, Floats, Ints, Ints]:
    """Lay out plots on both sides of every street, 14-26 m from its middle."""
    street = np.flatnonzero(roads["place"].to_numpy() >= 0)
    length = roads.geometry.iloc[street].length.to_numpy()
    count = np.maximum(np.floor((length - 2 * _CORNER_M) / _SLOT_M).astype(np.int64) + 1, 0)
    line = np.repeat(street, count)
    start = np.cumsum(count) - count
    number = np.arange(len(line)) - np.repeat(start, count)
    spare = np.repeat(length - 2 * _CORNER_M - (count - 1) * _SLOT_M, count) / 2
    measure = _CORNER_M + spare + number * _SLOT_M
    line = np.tile(line, 2)
    measure = np.tile(measure, 2)
    # A fixed pattern of setbacks: no two neighbours at quite the same distance.
    wave = np.sin(np.arange(len(line)) * 12.9898) * 43758.5453
    offset = 14 + 12 * (wave - np.floor(wave))
    offset[len(line) // 2 :] *= -1
    x, y = beside(roads.geometry.to_numpy()[line], measure, offset)
    return x, y, line, roads["place"].to_numpy()[line]


def _fill_country(
    roads: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    municipalities: gpd.GeoSeries,
    totals: pd.DataFrame,
    land: Land,
    holiday_homes: int,
    inside: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    n = len(totals)
    settled = np.bincount(inside["municipality"], weights=inside["households"], minlength=n)
    left = totals["households"].to_numpy() - settled.astype(np.int64)
    doubles = np.round(left * 0.03).astype(np.int64)
    homes = left - doubles
    farms = np.round(left * 0.035).astype(np.int64)
    # Holiday homes follow both the land and the people.
    pull = 0.5 * municipalities.area / municipalities.area.sum() + 0.5 * left / left.sum()
    holiday = split(holiday_homes, pull)
    shapes = [shape.buffer(15) for shape in places.geometry]
    polygons = list(municipalities)
    lines = roads.geometry.to_numpy()
    roadless, islands = _roadless(roads, land, rng), _islands(roads, rng)
    third = len(roadless) // 3
    isle_x, isle_y = beside(
        lines[islands],
        rng.uniform(0, 1, len(islands)) * shapely.length(lines[islands]),
        rng.choice([-1, 1], len(islands)) * rng.uniform(12, 70, len(islands)),
    )

    def take(wanted: Ints, weights: dict[str, float], remote: slice, isle: slice) -> pd.DataFrame:
        """Take as many spots as are wanted, those without a road and on islands first."""
        x = np.r_[roadless[remote, 0], isle_x[isle]]
        y = np.r_[roadless[remote, 1], isle_y[isle]]
        line = np.r_[np.full(len(roadless[remote]), -1), islands[isle]]
        first = pd.DataFrame({"x": x, "y": y, "line": line, "remote": True})
        spots = _locate_spots(first, polygons, shapes)
        while True:
            have = np.bincount(spots["municipality"], minlength=n)
            missing = np.maximum(wanted - have, 0)
            if not missing.any():
                break
            more = _strew(roads, places, missing, weights, polygons, rng)
            spots = pd.concat([spots, _locate_spots(more, polygons, shapes)], ignore_index=True)
        order = rank_within(spots["municipality"].to_numpy(), -np.arange(len(spots), dtype=float))
        return spots[order < wanted[spots["municipality"]]].reset_index(drop=True)

    lived_in = take(homes + farms, _HOMES, slice(third), slice(0, None, 2))
    municipality = lived_in["municipality"].to_numpy()
    chance = np.where(lived_in["remote"], -1.0, rng.uniform(size=len(lived_in)))
    is_farm = rank_within(municipality, chance) < farms[municipality]
    chance = np.where(is_farm | lived_in["remote"], -1.0, rng.uniform(size=len(lived_in)))
    is_double = rank_within(municipality, chance) < doubles[municipality]
    lived_in["households"] = np.where(is_farm, 0, 1 + is_double)
    lived_in["workplaces"] = np.where(is_farm, 1, rng.uniform(size=len(lived_in)) < 0.10).astype(
        np.int64
    )
    lived_in["holiday_homes"] = 0
    lived_in["building_type"] = np.where(is_farm, "lokal", "småhus")
    empty = take(holiday, _HOLIDAY, slice(third, None), slice(1, None, 2))
    empty = empty.assign(households=0, workplaces=0, holiday_homes=1, building_type="fritidshus")
    every = pd.concat([lived_in, empty], ignore_index=True).drop(columns="remote")
    return every.assign(place=-1)


def _locate_spots(
    spots: pd.DataFrame, polygons: list[shapely.Polygon], barred: list[shapely.Polygon]
) -> pd.DataFrame:
    """Keep the spots in a municipality and outside the localities; round to decimetres."""
    x, y = spots["x"].to_numpy().round(1), spots["y"].to_numpy().round(1)
    municipality = locate(x, y, polygons)
    kept = (municipality >= 0) & (locate(x, y, barred) < 0)
    return spots.assign(x=x, y=y, municipality=municipality)[kept]


def _strew(
    roads: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    wanted: Ints,
    weights: dict[str, float],
    polygons: list[shapely.Polygon],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Strew spots in hamlets along country roads, some more than are wanted."""
    country = np.flatnonzero(roads["place"].to_numpy() < 0)
    lines = roads.geometry.to_numpy()[country]
    length = shapely.length(lines)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    municipality = locate(middle[:, 0], middle[:, 1], polygons)
    near = find_nearest(places[["x", "y"]].to_numpy(), *middle.T)[0]
    weight = length * roads["road_class"].iloc[country].map(weights).to_numpy(dtype=float)
    weight *= (np.exp(-near / 9_000) + 0.08) * rng.gamma(0.6, 1.0, len(country))
    weight[municipality < 0] = 0
    by_municipality = np.bincount(municipality + 1, weights=weight, minlength=len(wanted) + 1)[1:]
    weight *= (wanted / by_municipality)[municipality]
    clusters = int(wanted.sum() * 1.5 / _HAMLET) + 20
    pick = rng.choice(len(country), clusters, p=weight / weight.sum())
    size = 1 + rng.poisson(_HAMLET - 1, clusters)
    centre = rng.uniform(0, 1, clusters) * length[pick]
    owner = np.repeat(np.arange(clusters), size)
    measure = centre[owner] + rng.normal(0, 150, len(owner))
    pick = pick[owner]
    measure = np.clip(measure, 0, length[pick])
    offset = np.clip(rng.lognormal(np.log(34), 0.65, len(owner)), 9, 240)
    offset *= rng.choice([-1, 1], len(owner))
    x, y = beside(lines[pick], measure, offset)
    return pd.DataFrame({"x": x, "y": y, "line": country[pick], "remote": False})


def _roadless(roads: gpd.GeoDataFrame, land: Land, rng: np.random.Generator) -> Floats:
    """Choose points far from every road, most of them towards the fells."""
    road_xy = shapely.get_coordinates(shapely.segmentize(roads.geometry.to_numpy(), 200.0))
    away = find_nearest(road_xy, land.x, land.y)[0]
    far = np.flatnonzero((away > _ROADLESS_M) & (away < 9_000))
    weight = (0.15 + land.fell[far]) * np.exp(-away[far] / 4_000)
    chosen = rng.choice(far, _ROADLESS, replace=False, p=weight / weight.sum())
    return np.column_stack([land.x[chosen], land.y[chosen]])


def _islands(roads: gpd.GeoDataFrame, rng: np.random.Generator) -> Ints:
    """Lines of the networks cut off from the main one, each as often as it gets buildings."""
    tail, head = roads["tail"].to_numpy(), roads["head"].to_numpy()
    n = int(max(tail.max(), head.max())) + 1
    _, piece = connected_components(coo_array((np.ones(len(tail)), (tail, head)), (n, n)))
    line_piece = piece[tail]
    main = np.argmax(np.bincount(line_piece))
    lines = np.flatnonzero(line_piece != main)
    return rng.permutation(np.repeat(lines, rng.integers(3, 9, len(lines))))
