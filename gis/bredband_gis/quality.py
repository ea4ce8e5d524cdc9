"""What was found in a layer, and repairs of its geometry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Kind = Literal["point", "line", "polygon", "premises", "any"]

_PARTS: Final = {
    0: "point", 1: "line", 2: "line", 3: "polygon", 4: "point", 5: "line", 6: "polygon",
}  # fmt: skip
"""GEOS's type number -> what the geometry is made of."""

_ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "point": ("point",),
    "line": ("line",),
    "polygon": ("polygon",),
    "premises": ("point", "polygon"),
    "any": ("point", "line", "polygon"),
}

KIND_NAMES: Final[dict[str, str]] = {
    "point": "points",
    "line": "lines",
    "polygon": "polygons",
    "premises": "points or polygons",
    "any": "points, lines or polygons",
}


@dataclass(frozen=True)
class Finding:
    """Something that was found in a layer and that the planner should know.

    Parameters
    ----------
    rule : str
        Short name of the rule, e.g. ``"invalid-geometry"``.
    severity : {"error", "warning", "info"}
        error: the layer cannot be used; warning: it can, but look; info: for the record.
    layer : str
        Which source, e.g. ``"premises"``.
    file : str
        File name.
    rows : int
        How many rows it concerns.
    message : str
        What was found, one sentence.
    fix : str
        What the planner can do about it, one sentence; empty where nothing need be done.
    details : mapping
        The numbers and names of the message by name, for those who word it themselves.
    """

    rule: str
    severity: Literal["error", "warning", "info"]
    layer: str
    file: str
    rows: int
    message: str
    fix: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Repair:
    """Geometries after repair.

    Attributes
    ----------
    geometry : array of geometry
        Valid; None where nothing is left.
    repaired : array of bool
        Rows that were invalid and are valid now.
    collapsed : array of bool
        Rows of which nothing is left: a polygon without area, a line without length.
    area_before, area_after : float
        Area of the repaired polygons, in the square of the coordinates' unit. Before:
        as the ring's coordinates give it, where overlapping parts cancel or count twice.
    each_before, each_after : array of float64
        The same of each row; nan where it was not repaired, or is no polygon.
    why : array of (str or None)
        GEOS's words for what was wrong with a repaired row, with its place.
    """

    geometry: NDArray[np.object_]
    repaired: NDArray[np.bool_]
    collapsed: NDArray[np.bool_]
    area_before: float
    area_after: float
    each_before: NDArray[np.float64]
    each_after: NDArray[np.float64]
    why: NDArray[np.object_]


def repair(geometry: NDArray[np.object_]) -> Repair:
    """Make invalid geometries valid and say what that did.

    Polygons that cross themselves are repaired by the "structure" method of GEOS: shells
    are merged, holes are cut out, and parts without area or length fall away.

    Parameters
    ----------
    geometry : array of geometry
        Points, lines or polygons; None is left as it is.

    Returns
    -------
    Repair
    """
    geometry = geometry.copy()
    there = ~shapely.is_missing(geometry)
    invalid = there & ~shapely.is_valid(geometry)
    before, after = np.full(len(geometry), np.nan), np.full(len(geometry), np.nan)
    why = np.full(len(geometry), None, dtype=object)
    total = 0.0
    if invalid.any():
        broken = geometry[invalid]
        before[invalid] = shapely.area(broken)
        total = float(before[invalid].sum())
        why[invalid] = shapely.is_valid_reason(broken)
        geometry[invalid] = shapely.make_valid(broken, method="structure", keep_collapsed=False)
    made_of = parts_of(geometry)
    collapsed = there & (
        shapely.is_empty(geometry)
        | ((made_of == "line") & (shapely.length(geometry) == 0))
        | ((made_of == "polygon") & (shapely.area(geometry) == 0))
        | (invalid & (made_of == "point"))
    )
    geometry[collapsed] = None
    repaired = invalid & ~collapsed
    polygon = repaired & (made_of == "polygon")
    after[polygon] = shapely.area(geometry[polygon])
    before[~polygon] = np.nan
    why[~repaired] = None
    area_after = float(np.nansum(after))
    return Repair(geometry, repaired, collapsed, total, area_after, before, after, why)


def parts_of(geometry: NDArray[np.object_]) -> NDArray[np.str_]:
    """Say what each geometry is made of: point, line, polygon, mixed, or "" where missing."""
    names = np.array([*(_PARTS[number] for number in range(7)), "mixed", ""])
    number = shapely.get_type_id(geometry)  # -1 where missing: the last name
    return np.asarray(names[number], dtype=np.str_)


def keep_kind(geometry: NDArray[np.object_], kind: Kind) -> NDArray[np.object_]:
    """Keep the geometries of one kind; None for the others.

    A collection is taken apart when all its parts are of the kind; several points in one
    row are no point.
    """
    geometry = geometry.copy()
    made_of = parts_of(geometry)
    for row in np.flatnonzero(made_of == "mixed"):
        geometry[row] = _gather(geometry[row])
    several = shapely.get_type_id(geometry) == 4
    if several.any():
        one = several & (shapely.get_num_geometries(geometry) == 1)
        geometry[one] = shapely.get_geometry(geometry[one], 0)
        if kind != "any":
            geometry[several & ~one] = None
    geometry[~np.isin(parts_of(geometry), _ALLOWED[kind])] = None
    return geometry


def _gather(collection: shapely.GeometryCollection) -> shapely.Geometry | None:
    """Make one multipart geometry of a collection whose parts are of one kind."""
    parts = shapely.get_parts(shapely.get_parts(collection))
    kinds = set(parts_of(parts).tolist())
    make = {
        "point": shapely.multipoints,
        "line": shapely.multilinestrings,
        "polygon": shapely.multipolygons,
    }
    return make[kinds.pop()](parts) if len(kinds) == 1 and kinds <= set(make) else None


def is_finite(geometry: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which geometries have only numbers for coordinates; a missing one has."""
    finite = np.ones(len(geometry), dtype=bool)
    xy, row = shapely.get_coordinates(geometry, return_index=True)
    finite[row[~np.isfinite(xy).all(axis=1)]] = False
    return finite
