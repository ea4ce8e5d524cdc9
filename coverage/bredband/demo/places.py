"""Localities of the example region: real places where known, made-up ones for the rest.

Each becomes a polygon with a made-up outline whose area follows from its population, and
a street grid inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from bredband.demo.terrain import find_nearest

if TYPE_CHECKING:
    from bredband.demo.terrain import Floats, Ints, Land

_GAP_M = 70.0
"""Free ground between two localities, m."""

_KERB_M = 45.0
"""Streets keep this distance to the locality's outline, so that both sides fit inside, m."""

_CORNERS = 72


@dataclass(frozen=True)
class Streets:
    """Street grids of all localities as one graph.

    Attributes
    ----------
    x, y : ndarray of float64
        Nodes, m.
    place : ndarray of int64
        Per node, the position of its locality.
    tail, head : ndarray of int64
        Edges; the streets of one locality all hang together.
    centre : ndarray of int64
        Per locality, the node in its middle.
    """

    x: Floats
    y: Floats
    place: Ints
    tail: Ints
    head: Ints
    centre: Ints


def choose_places(
    real: pd.DataFrame,
    totals: pd.DataFrame,
    land: Land,
    land_municipality: Ints,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Settle which localities there are, where, and how many live in each.

    Parameters
    ----------
    real : DataFrame
        Real places: name, x, y, population, municipality (position in ``totals``).
    totals : DataFrame
        Per municipality: population, in_localities, localities.
    land : Land
        The mesh, where made-up places are put.
    land_municipality : ndarray of int64
        Per mesh node, the position of its municipality, -1 none.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    DataFrame
        name, x, y, population (of the model), municipality, segment, real. Each municipality
        has as many tätorter as SCB counts, with as many inhabitants together; the real
        ones keep their order of size.
    """
    attraction = land.valley**2 * (1 - land.fell) ** 2 + 1e-6
    parts: list[pd.DataFrame] = []
    # A large town reaches farther than the distance kept between small places.
    reach = np.sqrt(real["population"] / _density(real["population"]) / np.pi) * 1_000
    taken = list(zip(real["x"], real["y"], 1.7 * reach + 700, strict=True))
    columns = totals[["population", "in_localities", "localities"]].to_numpy(dtype=np.int64)
    for position, (population, in_localities, count) in enumerate(columns.tolist()):
        own = real[real["municipality"] == position]
        own = own.sort_values("population", ascending=False).head(count)
        missing = count - len(own)
        left = in_localities - float(own["population"].sum())
        made = np.clip(left / max(missing, 1), 215, 600) * rng.uniform(0.95, 1.3, missing)
        factor = (in_localities - made.sum()) / float(own["population"].sum())
        nodes = np.flatnonzero(land_municipality == position)
        near = find_nearest(own[["x", "y"]].to_numpy(), land.x[nodes], land.y[nodes])[0]
        pull = attraction[nodes] * np.exp(-near / 22_000)
        spots = _spread(land, nodes, pull, missing, 4_500, taken, rng)
        villages = round((population - in_localities) * 0.30 / 105)
        pull = attraction[nodes] * np.exp(-near / 30_000)
        village_spots = _spread(land, nodes, pull, villages, 2_600, taken, rng)
        sizes = np.concatenate(
            [own["population"] * factor, made, np.clip(rng.lognormal(4.6, 0.4, villages), 52, 195)]
        )
        spot = np.concatenate([spots, village_spots])
        home = totals["name"].iloc[position]
        names = [f"Tätort {home} {n + 1}" for n in range(missing)]
        names += [f"Småort {home} {n + 1}" for n in range(villages)]
        parts.append(
            pd.DataFrame(
                {
                    "name": [*own["name"], *names],
                    "x": np.concatenate([own["x"], land.x[spot]]),
                    "y": np.concatenate([own["y"], land.y[spot]]),
                    "population": sizes,
                    "municipality": position,
                    "segment": ["tätort"] * count + ["småort"] * villages,
                    "real": [True] * len(own) + [False] * len(spot),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _density(population: pd.Series[float]) -> Floats:
    """Inhabitants per km2: some hundreds in small localities, about 1 500 in large ones."""
    steps, densities = [50, 200, 1_000, 10_000, 40_000], [220, 700, 1_000, 1_350, 1_500]
    return np.asarray(np.interp(population, steps, densities))


def _spread(
    land: Land,
    nodes: Ints,
    pull: Floats,
    count: int,
    apart_m: float,
    taken: list[tuple[float, float, float]],
    rng: np.random.Generator,
) -> Ints:
    """Choose nodes at random by weight, apart from each other and from what is taken."""
    weight = pull.copy()
    xy = np.column_stack([land.x[nodes], land.y[nodes]])
    for x, y, keep in taken:
        weight[np.hypot(xy[:, 0] - x, xy[:, 1] - y) < max(keep, apart_m)] = 0
    chosen = []
    for _ in range(count):
        pick = rng.choice(len(nodes), p=weight / weight.sum())
        chosen.append(nodes[pick])
        taken.append((xy[pick, 0], xy[pick, 1], 0.0))
        weight[np.hypot(*(xy - xy[pick]).T) < apart_m] = 0
    return np.array(chosen, dtype=np.int64)


def outline_places(
    places: pd.DataFrame, municipalities: gpd.GeoSeries, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Draw an outline for each locality: an uneven disc with the area its people need.

    Parameters
    ----------
    places : DataFrame
        From :func:`choose_places`.
    municipalities : GeoSeries
        Polygons, EPSG:3006; an outline stays inside its own.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    GeoDataFrame
        ``places`` with polygons that do not overlap; a place too near the border is
        moved inside.
    """
    area = (places["population"] / _density(places["population"])).to_numpy() * 1e6
    shapes: list[shapely.Polygon] = [shapely.Polygon()] * len(places)
    centres = places[["x", "y"]].to_numpy(dtype=float, copy=True)
    inner = [shapely.buffer(polygon, -120) for polygon in municipalities]
    placed: list[shapely.Polygon] = []
    # Small ones first: a town grows around the suburb that has its own name, not over it.
    for row in np.argsort(area, kind="stable"):
        home = inner[places["municipality"].iloc[row]]
        radius = float(np.sqrt(area[row] / np.pi))
        centres[row] = _move_inside(centres[row], home, radius * 0.8)
        # Villages lie stretched along their road, towns do not.
        stretch = rng.uniform(1.6, 2.4) if places["segment"].iloc[row] == "småort" else 1.25
        unit = _uneven_disc(stretch, rng)
        others = [p for p in placed if shapely.dwithin(p, shapely.Point(centres[row]), 4 * radius)]
        barred = shapely.union_all([shapely.buffer(p, _GAP_M) for p in others])
        shape = shapely.Polygon()
        for _ in range(4):
            whole = shapely.Polygon(unit * radius + centres[row])
            shape = _largest(shapely.difference(shapely.intersection(whole, home), barred))
            radius *= float(np.clip(np.sqrt(area[row] / max(shape.area, 1.0)), 1, 1.5))
        shapes[row] = shape
        placed.append(shape)
    moved = places.assign(x=centres[:, 0], y=centres[:, 1])
    return gpd.GeoDataFrame(moved, geometry=shapes, crs=municipalities.crs)


def _move_inside(point: Floats, home: shapely.Polygon, depth_m: float) -> Floats:
    core = shapely.buffer(home, -depth_m)
    nearest = shapely.get_point(shapely.shortest_line(core, shapely.Point(point)), 0)
    return np.array([nearest.x, nearest.y])


def _uneven_disc(stretch: float, rng: np.random.Generator) -> Floats:
    """Corners of a disc of area pi, dented at random and stretched down the valley."""
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    wave = np.arange(2, 7)
    size, phase = rng.normal(0, 0.22, 5) / wave**0.7, rng.uniform(0, 2 * np.pi, 5)
    radius = 1 + np.sum(size[:, None] * np.cos(wave[:, None] * angle + phase[:, None]), axis=0)
    radius = np.clip(radius, 0.5, 1.6)
    radius /= np.sqrt(np.mean(radius**2))
    xy = np.column_stack([np.cos(angle) * stretch**0.5, np.sin(angle) / stretch**0.5])
    turn = rng.normal(-0.76, 0.35)
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray((xy * radius[:, None]) @ turned)


def _largest(geometry: shapely.Geometry) -> shapely.Polygon:
    parts = shapely.get_parts(geometry)
    return parts[np.argmax(shapely.area(parts))]


def lay_streets(places: gpd.GeoDataFrame, rng: np.random.Generator) -> Streets:
    """Draw a bent street grid inside each outline, with gaps and dead ends.

    Parameters
    ----------
    places : GeoDataFrame
        From :func:`outline_places`.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    Streets
        The streets of every locality, each in one piece.
    """
    xs, ys, place, tails, heads, centres = [], [], [], [], [], []
    offset = 0
    for row, shape in enumerate(places.geometry):
        centre = np.array([places["x"].iloc[row], places["y"].iloc[row]])
        block = np.array([85.0, 170.0] if shape.area < 1.5e6 else [115.0, 230.0])
        x, y, tail, head = _grid(shape, centre, block, rng)
        while len(tail) < 4:
            block = block * 0.7
            x, y, tail, head = _grid(shape, centre, block, rng)
        xs.append(x)
        ys.append(y)
        place.append(np.full(len(x), row))
        tails.append(tail + offset)
        heads.append(head + offset)
        centres.append(offset + int(np.argmin(np.hypot(x - centre[0], y - centre[1]))))
        offset += len(x)
    return Streets(
        np.concatenate(xs),
        np.concatenate(ys),
        np.concatenate(place),
        np.concatenate(tails),
        np.concatenate(heads),
        np.array(centres),
    )


def _grid(
    shape: shapely.Polygon, centre: Floats, block: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Ints, Ints]:
    inner = shapely.buffer(shape, -_KERB_M)
    reach = float(np.max(np.hypot(*(shapely.get_coordinates(shape) - centre).T))) + 300
    count = np.ceil(reach / block).astype(int)
    i, j = np.meshgrid(
        np.arange(-count[0], count[0] + 1), np.arange(-count[1], count[1] + 1), indexing="ij"
    )
    index = np.arange(i.size).reshape(i.shape)
    across = (i + rng.uniform(-0.12, 0.12, i.shape)) * block[0]
    along = (j + rng.uniform(-0.2, 0.2, i.shape)) * block[1]
    turn = rng.uniform(0, np.pi)
    # Bend the whole grid; waves far longer than a block keep streets from crossing.
    wave, phase = rng.uniform(1_100, 2_600, 4), rng.uniform(0, 2 * np.pi, 4)
    bend = 0.09 * wave
    bent_across = across + bend[0] * np.sin(2 * np.pi * along / wave[0] / 1.6 + phase[0])
    bent_along = along + bend[1] * np.sin(2 * np.pi * across / wave[1] / 1.6 + phase[1])
    x = (bent_along * np.cos(turn) - bent_across * np.sin(turn)).ravel()
    y = (bent_along * np.sin(turn) + bent_across * np.cos(turn)).ravel()
    middle = index[count[0], count[1]]
    x, y = x - x[middle] + centre[0], y - y[middle] + centre[1]
    tail = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    head = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    shapely.prepare(inner)
    inside = shapely.contains_xy(inner, x, y)
    kept = inside[tail] & inside[head]
    tail, head = tail[kept], head[kept]
    lines = shapely.linestrings(
        np.stack([np.column_stack([x[tail], x[head]]), np.column_stack([y[tail], y[head]])], 2)
    )
    kept = shapely.covers(inner, lines)
    return _thin(x, y, tail[kept], head[kept], rng)


def _thin(
    x: Floats, y: Floats, tail: Ints, head: Ints, rng: np.random.Generator
) -> tuple[Floats, Floats, Ints, Ints]:
    """Keep the largest piece, and of its edges a random tree and most of the others."""
    n = len(x)
    if not len(tail):
        return x, y, tail, head
    _, piece = connected_components(coo_array((np.ones(len(tail)), (tail, head)), (n, n)))
    main = np.argmax(np.bincount(piece[tail], minlength=piece.max() + 1))
    kept = piece[tail] == main
    tail, head = tail[kept], head[kept]
    weight = rng.uniform(1, 2, len(tail))
    tree = minimum_spanning_tree(coo_array((weight, (tail, head)), (n, n))).tocoo()
    in_tree = np.isin(tail * n + head, tree.row.astype(np.int64) * n + tree.col)
    kept = in_tree | (rng.uniform(size=len(tail)) < 0.62)
    tail, head = tail[kept], head[kept]
    used = np.unique(np.concatenate([tail, head]))
    number = np.full(n, -1)
    number[used] = np.arange(len(used))
    return x[used], y[used], number[tail], number[head]
