"""Rules about where things lie: municipalities, buildings, roads, localities, fibre, cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from bredband_gis.points import line_vertices, locate, nearest_line, nearest_point
from bredband_gis.topology import find_gaps, find_overlaps, road_islands, same_place

from bredband.check_context import Found, offenders_of
from bredband.check_screen import shapes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bredband.check_context import Context, ReadFile

OUTSIDE = "lies outside every municipality"
"""The reason that :func:`bredband.premises.build_premises` sets such buildings aside for."""


def municipality_overlaps(context: Context) -> Iterator[Found]:
    """Find ground that two municipalities cover, slivers told from real overlaps."""
    for read in context.files("municipalities"):
        names, codes = _names(read)
        found = find_overlaps(shapes_of(read.frame))
        at = pd.DataFrame(
            {
                "row": read.frame.index.to_numpy()[found.one],
                "id": codes[found.one],
                "geometry": found.geometry,
                "area_m2": found.area,
                "width_m": found.width,
                "one": names[found.one],
                "other": names[found.other],
            }
        )
        yield from _by_width(context, read, at, "municipality-overlap", kind="overlap")


def municipality_gaps(context: Context) -> Iterator[Found]:
    """Find ground that no municipality covers though it lies between them."""
    for read in context.files("municipalities"):
        names, codes = _names(read)
        found = find_gaps(shapes_of(read.frame), strip_m=context.limits.strip_m)
        first = [near[0] if len(near) else -1 for near in found.neighbours]
        at = pd.DataFrame(
            {
                "row": pd.array([None if i < 0 else read.frame.index[i] for i in first], "Int64"),
                "id": [None if i < 0 else codes[i] for i in first],
                "geometry": found.geometry,
                "area_m2": found.area,
                "width_m": found.width,
                "municipalities": [len(near) for near in found.neighbours],
                "between": [
                    ", ".join(names[near[:4]]) + (" …" if len(near) > 4 else "")
                    for near in found.neighbours
                ],
            }
        )
        yield from _by_width(context, read, at, "municipality-gap", kind="gap")


def _by_width(
    context: Context, read: ReadFile, at: pd.DataFrame, rule: str, *, kind: str
) -> Iterator[Found]:
    thin = (at["width_m"] < context.limits.sliver_m).to_numpy()
    for of, rows in ((rule, at[~thin]), ("municipality-sliver", at[thin])):
        if len(rows):
            yield Found(
                of,
                read.name,
                read.file,
                len(rows),
                {
                    "n": len(rows),
                    "sum_m2": rows["area_m2"].sum(),
                    "largest_m2": rows["area_m2"].max(),
                    "limit_m": context.limits.sliver_m,
                    "kind": kind,
                },
                rows.assign(kind=kind),
            )


def _names(read: ReadFile) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    frame = read.frame
    names, codes = frame["municipality_name"].fillna("?"), frame["municipality_code"].fillna("?")
    return names.to_numpy(dtype=object), codes.to_numpy(dtype=object)


def outside_municipalities(context: Context) -> Iterator[Found]:
    """Find buildings in no municipality; say where swapped axes would bring them into one."""
    aside = context.survey.set_aside
    aside = aside[(aside["layer"] == "premises") & (aside["reason"] == OUTSIDE)]
    place = context.premises.set_index(["file", "row"])[["premises_id", "x", "y"]]
    boxes = [file.frame.total_bounds for file in context.files("municipalities")]
    for file, rows in aside.groupby("file"):
        there = place.reindex(pd.MultiIndex.from_arrays([rows["file"], rows["row"]])).reset_index()
        x, y = there["x"].to_numpy(dtype=float), there["y"].to_numpy(dtype=float)
        swapped = np.zeros(len(there), dtype=bool)
        for minx, miny, maxx, maxy in boxes:
            swapped |= (y >= minx) & (y <= maxx) & (x >= miny) & (x <= maxy)
        at = offenders_of(there, swapped=swapped)
        details = {"n": len(rows), "swapped": int(swapped.sum())}
        yield Found("outside-municipalities", "premises", str(file), len(rows), details, at)


def outside_border(context: Context) -> Iterator[Found]:
    """Find buildings that are counted in a municipality which they lie just outside."""
    inputs = context.survey.inputs
    if inputs is None:
        return
    used = context.used
    inside = locate(
        used["x"].to_numpy(dtype=float),
        used["y"].to_numpy(dtype=float),
        shapes_of(inputs.municipalities),
    )
    for file, rows in used[inside < 0].groupby("file"):
        at = offenders_of(rows)
        yield Found("outside-border", "premises", str(file), len(rows), {"n": len(rows)}, at)


def duplicate_points(context: Context) -> Iterator[Found]:
    """Find premises on the very same coordinate."""
    used = context.used
    place, count = same_place(used["x"].to_numpy(dtype=float), used["y"].to_numpy(dtype=float))
    for file, rows in used.assign(place=place, count=count)[count > 1].groupby("file"):
        counts = rows["count"].to_numpy()
        yield Found(
            "duplicate-points",
            "premises",
            str(file),
            len(rows),
            {
                "n": len(rows),
                "places": rows["place"].nunique(),
                "most": int(counts.max()),
                "households": int(rows["households"].sum()),
            },
            offenders_of(rows, premises=counts, households=rows["households"].to_numpy()),
        )


def far_from_road(context: Context) -> Iterator[Found]:
    """Find premises beyond reach of every road, and those with an unusually long drop."""
    hit = context.nearest_road
    if hit is None:
        return
    used = context.used.assign(distance=hit.distance)
    far = hit.distance > context.road_m
    long = (hit.distance > context.limits.drop_m) & ~far
    for rule, chosen, limit in (
        ("far-from-road", far, context.road_m),
        ("long-drop", long, context.limits.drop_m),
    ):
        for file, rows in used[chosen].groupby("file"):
            distance = rows["distance"].to_numpy()
            details = {
                "n": len(rows),
                "limit_m": limit,
                "farthest_m": distance.max(),
                "households": int(rows["households"].sum()),
            }
            at = offenders_of(rows, distance_m=distance, households=rows["households"].to_numpy())
            yield Found(rule, "premises", str(file), len(rows), details, at)


def disconnected_roads(context: Context) -> Iterator[Found]:
    """Find roads that no other road joins to the rest, and the premises nearest to them."""
    if context.graph is None or context.roads is None:
        return
    islands = road_islands(context.graph, len(context.roads))
    size = len(islands.metres)
    if size < 2:
        return
    premises, households = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    hit = context.nearest_road
    if hit is not None and len(context.used):
        reached = (hit.distance <= context.road_m) & (hit.line >= 0)
        of = islands.of_line[hit.line]
        reached &= of >= 0
        premises = np.bincount(of[reached], minlength=size).astype(np.int64)
        weights = context.used["households"].to_numpy()[reached]
        households = np.bincount(of[reached], weights=weights, minlength=size).astype(np.int64)
    number = np.arange(1, size)
    order = np.argsort(islands.of_line, kind="stable")
    first = order[np.searchsorted(islands.of_line[order], number).clip(max=len(order) - 1)]
    at = pd.DataFrame(
        {
            "row": context.roads["row"].to_numpy()[first],
            "id": None,
            "geometry": context.roads.geometry.to_numpy()[first],
            "length_m": islands.metres[1:],
            "roads": islands.lines[1:],
            "premises": premises[1:],
            "households": households[1:],
            "file": context.roads["file"].to_numpy()[first],
        }
    ).sort_values(["premises", "length_m"], ascending=False, ignore_index=True)
    details = {
        "n": size - 1,
        "sum_m": islands.metres[1:].sum(),
        "longest_m": islands.metres[1],
        "main_m": islands.metres[0],
        "premises": int(premises[1:].sum()),
        "households": int(households[1:].sum()),
    }
    yield Found(
        "road-islands",
        "roads",
        str(at["file"].iloc[0]),
        int(islands.lines[1:].sum()),
        details,
        at,
        severity="warning" if premises[1:].any() else "info",
    )


def overlapping_localities(context: Context) -> Iterator[Found]:
    """Find localities that cover the same ground, slivers left out."""
    for read in context.files("localities"):
        found = find_overlaps(shapes_of(read.frame))
        wide = found.width >= context.limits.sliver_m
        if not wide.any():
            continue
        column = next((c for c in ("locality_name", "locality_code") if c in read.frame), None)
        index = read.frame.index.to_numpy()
        names = index.astype(str) if column is None else read.frame[column].fillna("?").to_numpy()
        at = pd.DataFrame(
            {
                "row": index[found.one[wide]],
                "id": names[found.one[wide]],
                "geometry": found.geometry[wide],
                "area_m2": found.area[wide],
                "width_m": found.width[wide],
                "one": names[found.one[wide]],
                "other": names[found.other[wide]],
            }
        )
        details = {"n": len(at), "sum_m2": at["area_m2"].sum(), "largest_m2": at["area_m2"].max()}
        yield Found("localities-overlap", read.name, read.file, len(at), details, at)


def connected_matches(context: Context) -> Iterator[Found]:
    """Find connected points that no building lies near enough to be meant."""
    used, limit = context.used, context.region.definitions.match_m
    for read in context.files("connected"):
        shapes = shapes_of(read.frame)
        distance, _ = nearest_point(
            shapely.get_x(shapes),
            shapely.get_y(shapes),
            used["x"].to_numpy(dtype=float),
            used["y"].to_numpy(dtype=float),
            max_distance=np.inf,
        )
        far = distance > limit
        if not far.any() or not len(used):
            continue
        at = pd.DataFrame(
            {
                "row": read.frame.index.to_numpy()[far],
                "id": None,
                "geometry": shapes[far],
                "distance_m": distance[far],
            }
        )
        details = {"n": len(at), "limit_m": limit}
        yield Found("connected-without-building", read.name, read.file, len(at), details, at)


def fibre_off_road(context: Context) -> Iterator[Found]:
    """Find fibre with stretches far from every road, judged at the middle of its segments."""
    if context.roads is None:
        return
    limit = context.limits.fibre_m
    for read in context.files("fibre"):
        shapes = shapes_of(read.frame)
        vertices = line_vertices(shapes)
        same = np.flatnonzero(vertices.part[1:] == vertices.part[:-1])
        if not len(same):
            continue
        one, other = vertices.xy[same], vertices.xy[same + 1]
        middle, length = (one + other) / 2, np.hypot(*(other - one).T)
        hit = nearest_line(
            middle[:, 0], middle[:, 1], context.roads.geometry.to_numpy(), max_distance=np.inf
        )
        far = hit.distance > limit
        if not far.any():
            continue
        line = vertices.line[same][far]
        rows, which = np.unique(line, return_inverse=True)
        farthest = np.zeros(len(rows))
        np.maximum.at(farthest, which, hit.distance[far])
        metres = np.bincount(which, weights=length[far])
        at = pd.DataFrame(
            {
                "row": read.frame.index.to_numpy()[rows],
                "id": None,
                "geometry": shapes[rows],
                "length_m": metres,
                "distance_m": farthest,
            }
        )
        details = {
            "n": len(rows),
            "limit_m": limit,
            "sum_m": metres.sum(),
            "farthest_m": farthest.max(),
        }
        yield Found("fibre-far-from-road", read.name, read.file, len(rows), details, at)


def small_cells(context: Context) -> Iterator[Found]:
    """Find coverage and plans in cells smaller than the smallest that PTS shows."""
    limit = context.limits.cell_m
    for read in context.files("coverage", "plans"):
        side = read.source.cell_m
        if side is not None:
            if side < limit:
                details = {"n": len(read.frame), "limit_m": limit, "side_m": side}
                yield Found("small-cell", read.name, read.file, len(read.frame), details)
            continue
        shapes = shapes_of(read.frame)
        bounds = shapely.bounds(shapes)
        wide, high = bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]
        with np.errstate(invalid="ignore"):
            small = (np.abs(wide - high) < 1) & (wide < limit - 1) & (wide > 0)
            small &= np.abs(shapely.area(shapes) - wide * high) < 1
        if not small.any():
            continue
        at = pd.DataFrame(
            {
                "row": read.frame.index.to_numpy()[small],
                "id": None,
                "geometry": shapes[small],
                "width_m": wide[small],
            }
        )
        details = {"n": len(at), "limit_m": limit, "side_m": float(wide[small].min())}
        yield Found("small-cell", read.name, read.file, len(at), details, at)


def fine_publication(context: Context) -> Iterator[Found]:
    """Find results that would be published in cells smaller than PTS's."""
    side = context.region.publication.cell_m
    if side < context.limits.cell_m:
        details = {"side_m": side, "limit_m": context.limits.cell_m}
        yield Found("cell-too-fine", "", "region.toml", 0, details)
