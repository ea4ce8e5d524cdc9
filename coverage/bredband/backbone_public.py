"""What of a backbone plan may be shown to others, for an open consultation.

New stretches from place to place run along public roads and belong to nobody: they are
shown as they are. Where existing fibre lies is not for publication (Ledningskollen gives
out squares of 1 km, F):

- existing stretches, and single cuts on them, are left out;
- a new stretch that begins or ends on existing fibre, in a place or between places, is
  drawn up to the square of 1 km that it begins in, and then straight to the middle of that
  square. Its length and cost are rounded to whole kilometres, since an exact length along
  a known road would tell where it begins;
- of a place it is told how many ways lead to it, not which stretch is the only one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import shapely

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Shapes = NDArray[np.object_]
    Floats = NDArray[np.float64]

SQUARE_M: Final = 1000.0
"""Side of the squares that hide where existing fibre is, m (Ledningskollen, F)."""

_SIMPLER_M = 10.0
"""Shown lines keep within this of the road, m."""

_ROUNDED_SEK = 100_000.0
"""What a second way would cost is told to this, SEK."""

HIDDEN_OF_PLACES: Final = ("road_distance_m", "single_cut", "single_cuts")
"""Columns of places that tell where existing fibre is."""


def public_stretches(
    stretches: gpd.GeoDataFrame, *, square_m: float = SQUARE_M
) -> gpd.GeoDataFrame:
    """Give the new stretches as they may be shown.

    Parameters
    ----------
    stretches : GeoDataFrame
        ``tables_backbone.STRETCHES`` in a metric CRS.
    square_m : float
        Side of the squares, m.

    Returns
    -------
    GeoDataFrame
        The same columns; sums are those of the rounded figures. A line is missing where
        all of it lies in one square.
    """
    rows = stretches[stretches["new"]].reset_index(drop=True)
    ends = [rows[name].to_numpy() for name in ("from_fibre", "to_fibre")]
    hidden = ends[0] | ends[1]
    lines = shapely.simplify(rows.geometry.to_numpy(), _SIMPLER_M)
    lines[hidden] = _hide_ends(lines[hidden], ends[0][hidden], ends[1][hidden], square_m)
    length = rows["length_m"].to_numpy()
    whole = np.maximum(np.rint(length / square_m), 1.0) * square_m
    factor = np.where(hidden & (length > 0), whole / np.where(length > 0, length, 1.0), 1.0)
    shown = rows.assign(
        **{name: rows[name] * factor for name in ("length_m", "sek", "support_sek", "own_sek")}
    )
    late = shown["second_route"]
    cost = shown["sek"].where(~late, shown.groupby("route")["sek"].transform("sum"))
    shown["sek_per_household"] = cost / shown["households"].where(shown["households"] > 0)
    shown["cumulative_sek"] = shown["sek"].cumsum()
    return shown.set_geometry(gpd.GeoSeries(lines, index=shown.index, crs=rows.crs))


def public_places(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give the places as they may be shown: without what tells where existing fibre is."""
    shown = places.drop(columns=[name for name in HIDDEN_OF_PLACES if name in places])
    rounded = (shown["second_way_sek"] / _ROUNDED_SEK).round() * _ROUNDED_SEK
    each = shown["second_way_sek_per_household"] * (rounded / shown["second_way_sek"])
    shown["second_way_sek"] = rounded
    shown["second_way_sek_per_household"] = each.round(-2)
    return shown


def public_cuts(cuts: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Give the single cuts on new stretches, their lengths as in the stretches shown."""
    rows = cuts[cuts["new"]].reset_index(drop=True)
    length = shown.set_index("stretch_id")["length_m"].reindex(rows["stretch_id"]).to_numpy()
    rounded = (rows["second_way_sek"] / _ROUNDED_SEK).round() * _ROUNDED_SEK
    return rows.assign(length_m=length, second_way_sek=rounded)


def _hide_ends(
    lines: Shapes, first: NDArray[np.bool_], last: NDArray[np.bool_], square_m: float
) -> Shapes:
    """Draw lines up to the squares that they begin or end in, then to the middle of these."""
    if not lines.size:
        return lines
    ends = _ends(lines)
    rest = lines.copy()
    for hides, point in zip((first, last), ends, strict=True):
        low = np.floor(point / square_m) * square_m
        square = shapely.box(*low.T, *(low + square_m).T)
        rest[hides] = shapely.difference(rest[hides], square[hides])
    parts, of = shapely.get_parts(rest, return_index=True)
    straight = parts[shapely.length(parts) > 0]
    of = of[shapely.length(parts) > 0]
    gone = np.bincount(of, minlength=lines.size) == 0
    shown = [
        np.where(hides[:, np.newaxis], (np.floor(point / square_m) + 0.5) * square_m, point)
        for hides, point in zip((first, last), ends, strict=True)
    ]
    pieces, owner = [straight], [of]
    for hides, point in zip((first, last), shown, strict=True):
        at = np.flatnonzero(hides & ~gone)
        pieces.append(shapely.shortest_line(shapely.points(point[at]), rest[at]))
        owner.append(at)
    at = np.flatnonzero(gone & (shown[0] != shown[1]).any(axis=1))
    if at.size:
        pieces.append(shapely.linestrings(np.stack([shown[0][at], shown[1][at]], axis=1)))
        owner.append(at)
    every, number = np.concatenate(pieces), np.concatenate(owner)
    drawn = np.full(lines.size, None, dtype=object)
    order = np.argsort(number, kind="stable")
    found = np.unique(number)
    drawn[found] = shapely.line_merge(
        shapely.multilinestrings(every[order], indices=np.searchsorted(found, number[order]))
    )
    return drawn


def _ends(lines: Shapes) -> tuple[Floats, Floats]:
    """Give the first and the last point of each line."""
    xy, of = shapely.get_coordinates(lines, return_index=True)
    first = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
    last = np.append(first[1:], of.size) - 1
    return xy[first], xy[last]
