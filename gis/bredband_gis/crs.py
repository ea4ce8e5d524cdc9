"""Coordinate reference systems: which one measures, and whether the numbers fit the one named.

Everything here takes x before y (easting, northing; longitude, latitude), the
order in which geodata files store them, whatever the order the CRS itself prefers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyproj
from pyproj.exceptions import CRSError, ProjError

from bredband_gis.errors import (
    DegreesAsMetresError,
    NotMetricError,
    SwappedAxesError,
    WrongCrsError,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Bounds = tuple[float, float, float, float]

COMMON: Final = (
    3006, 3021, 4326, 3857, *range(3007, 3019), 3019, 3020, 3022, 3023, 3024,
    2056, 21781, 25832, 25833, 25834, 25835, 3035,
)  # fmt: skip
"""EPSG codes tried when the numbers do not fit, the likeliest first: SWEREF 99 TM, RT90,
degrees, Web Mercator, SWEREF 99 local zones, RT90's other zones, Switzerland, UTM, Europe."""

_LOCAL_ZONES: Final = range(3007, 3019)
_SAMPLE: Final = 2000

_MARGIN: Final = 0.01
"""Added to the area of use on every side, as a share of its width or height."""

_REACH_M: Final = 500_000.0
_REACH_DEGREES: Final = 5.0
"""How far outside its area of use a CRS is still used: RT90 2.5 gon V and UTM 33 each serve a
whole country though their areas are a few degrees wide."""


def parse_crs(crs: object) -> pyproj.CRS:
    """Parse a CRS and keep its horizontal, two-dimensional part.

    Parameters
    ----------
    crs : CRS, str or int
        Anything that pyproj understands, e.g. ``"EPSG:3006"``.

    Returns
    -------
    CRS
        A compound CRS such as EPSG:5845 (SWEREF 99 TM with heights) gives EPSG:3006.

    Raises
    ------
    WrongCrsError
        It is not a CRS.
    """
    try:
        parsed = pyproj.CRS.from_user_input(crs)
    except CRSError:
        msg = f"{crs!r} is not a coordinate reference system"
        fix = 'write an EPSG code, e.g. "EPSG:3006" for SWEREF 99 TM'
        raise WrongCrsError(msg, fix=fix) from None
    if parsed.is_compound:
        parsed = parsed.sub_crs_list[0]
    if parsed.is_bound and parsed.source_crs is not None:
        parsed = parsed.source_crs
    return parsed.to_2d() if len(parsed.axis_info) > 2 else parsed


def metric_crs(crs: object) -> pyproj.CRS:
    """Parse a CRS and refuse it when lengths cannot be measured in it.

    Parameters
    ----------
    crs : CRS, str or int
        Anything that pyproj understands.

    Returns
    -------
    CRS
        A projected CRS in metres.

    Raises
    ------
    NotMetricError
        Degrees, units other than the metre, or a Mercator projection (EPSG:3857, EPSG:3395),
        whose metres are 2 to 3 times too long in Sweden.
    WrongCrsError
        It is not a CRS.
    """
    parsed = parse_crs(crs)
    fix = "use the country's metric CRS, e.g. EPSG:3006 (SWEREF 99 TM) in Sweden"
    if not parsed.is_projected:
        msg = f"{name_crs(parsed)} is not in metres, so no length can be measured in it"
        raise NotMetricError(msg, fix=fix)
    units = {axis.unit_name for axis in parsed.axis_info}
    if any(abs(axis.unit_conversion_factor - 1) > 1e-12 for axis in parsed.axis_info):
        msg = f"{name_crs(parsed)} is in {', '.join(sorted(units))}, not in metres"
        raise NotMetricError(msg, fix=fix)
    operation = parsed.coordinate_operation
    method = operation.method_name if operation else ""
    if method.startswith(("Mercator", "Popular Visualisation")):
        msg = f"{name_crs(parsed)} is a Mercator map: its metres grow with the latitude"
        raise NotMetricError(msg, fix=fix)
    return parsed


def identify_crs(crs: object) -> pyproj.CRS | None:
    """Find out which registered CRS a file's description means.

    Parameters
    ----------
    crs : CRS, str or None
        What the file says.

    Returns
    -------
    CRS or None
        The registered CRS; the CRS as it stands when it is named and complete but not
        registered; None when the file says nothing or something unnamed, unknown or
        undefined, whose datum must not be guessed.
    """
    if crs is None:
        return None
    try:
        parsed = parse_crs(crs)
    except WrongCrsError:
        return None
    if not (parsed.is_projected or parsed.is_geographic):
        return None
    code = _code_of(parsed)
    if code is not None:
        return pyproj.CRS.from_authority(*code.split(":"))
    datum = parsed.datum.name if parsed.datum else "unknown"
    return None if _is_nameless(parsed.name) or _is_nameless(datum) else parsed


def _is_nameless(name: str) -> bool:
    return any(word in name.casefold() for word in ("unnamed", "unknown", "undef"))


@lru_cache(maxsize=256)
def _code_of(crs: pyproj.CRS) -> str | None:
    """Give e.g. "EPSG:3006"; None for a CRS that is not registered, or on an unknown datum.

    Looking through the whole register takes most of a second, so it is not done twice, nor
    for a CRS whose datum must not be guessed anyway.
    """
    if _is_nameless(crs.datum.name if crs.datum else "unknown") or (
        crs.geodetic_crs is not None and _is_nameless(crs.geodetic_crs.name)
    ):
        return None
    authority = crs.to_authority()
    return None if authority is None else ":".join(authority)


def same_crs(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    """Tell whether two CRSs give the same numbers, whatever the order of their axes."""
    code = _code_of(one)
    return (code is not None and code == _code_of(other)) or bool(
        one.equals(other, ignore_axis_order=True)
    )


def name_crs(crs: object) -> str:
    """Give a CRS's code and name for a message, e.g. ``"EPSG:3006 (SWEREF99 TM)"``."""
    parsed = pyproj.CRS.from_user_input(crs)
    code = _code_of(parsed)
    return parsed.name if code is None else f"{code} ({parsed.name})"


def describe_crs(crs: object) -> str | None:
    """Name what a file says its CRS is, even where pyproj does not understand it."""
    if crs is None:
        return None
    try:
        return name_crs(crs)
    except CRSError:
        return " ".join(str(crs).split())[:60]


def extent_of(crs: object) -> Bounds:
    """Give the box that coordinates in a CRS lie in.

    Parameters
    ----------
    crs : CRS, str or int
        Anything that pyproj understands.

    Returns
    -------
    tuple of float
        minx, miny, maxx, maxy in the CRS: its area of use with a hundredth added on
        every side, since data run across borders; infinite when the CRS states no area.
    """
    return _extent_of(parse_crs(crs))


@lru_cache(maxsize=64)
def _extent_of(crs: pyproj.CRS) -> Bounds:
    area = crs.area_of_use
    if area is None:
        if crs.is_geographic:
            return -180.0, -90.0, 180.0, 90.0
        return -np.inf, -np.inf, np.inf, np.inf
    west, east = (area.west, area.east) if area.west < area.east else (-180.0, 180.0)
    bounds = np.array([west, area.south, east, area.north], dtype=float)
    if not crs.is_geographic:
        to_crs = _transformer(pyproj.CRS(4326), crs)
        bounds = np.array(to_crs.transform_bounds(west, area.south, east, area.north))
    if not np.isfinite(bounds).all():
        return -np.inf, -np.inf, np.inf, np.inf
    margin = np.tile(_MARGIN * (bounds[2:] - bounds[:2]), 2) * [-1, -1, 1, 1]
    bounds = bounds + margin
    if crs.is_geographic:
        bounds = np.clip(bounds, [-180, -90, -180, -90], [180, 90, 180, 90])
    minx, miny, maxx, maxy = bounds.tolist()
    return minx, miny, maxx, maxy


def reach_of(crs: object) -> Bounds:
    """Give the box outside which coordinates cannot be in a CRS: its area of use and far around."""
    parsed = parse_crs(crs)
    minx, miny, maxx, maxy = _extent_of(parsed)
    margin = _REACH_DEGREES if parsed.is_geographic else _REACH_M
    return minx - margin, miny - margin, maxx + margin, maxy + margin


@lru_cache(maxsize=128)
def _transformer(from_crs: pyproj.CRS, to_crs: pyproj.CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(from_crs, to_crs, always_xy=True)


def transform_points(
    x: ArrayLike, y: ArrayLike, from_crs: object, to_crs: object
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Transform coordinates from one CRS to another.

    Parameters
    ----------
    x, y : array of float
        Coordinates in `from_crs`, x before y.
    from_crs, to_crs : CRS, str or int
        Anything that pyproj understands.

    Returns
    -------
    tuple of array
        x and y in `to_crs`; infinite where the point cannot be transformed. Equal
        coordinates stay equal, so lines that share a vertex still share it.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    source, target = parse_crs(from_crs), parse_crs(to_crs)
    if same_crs(source, target):
        return x.copy(), y.copy()
    new_x, new_y = _transformer(source, target).transform(x, y)
    return np.asarray(new_x, dtype=float), np.asarray(new_y, dtype=float)


def within(x: ArrayLike, y: ArrayLike, bounds: Bounds) -> NDArray[np.bool_]:
    """Tell which points lie in a box; a point that is not a number lies in none."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    inside = (x >= bounds[0]) & (x <= bounds[2]) & (y >= bounds[1]) & (y <= bounds[3])
    return np.asarray(inside, dtype=bool)


def likely_crs(
    x: ArrayLike, y: ArrayLike, *, to: object, extent: Bounds | None = None
) -> list[str]:
    """List the common CRSs in which points would lie where they are expected.

    Parameters
    ----------
    x, y : array of float
        Coordinates in an unknown CRS. A few thousand are looked at.
    to : CRS, str or int
        CRS of `extent`.
    extent : tuple of float, optional
        Where the points are expected, in `to`; its area of use when not given.

    Returns
    -------
    list of str
        E.g. ``["EPSG:3021"]``, the likeliest first, at most four; only `to` where that
        fits. SWEREF 99's local zones, which the numbers alone cannot tell apart, as one entry.
    """
    x, y = _sample(x, y)
    expected = extent_of(to) if extent is None else extent
    own = _code_of(parse_crs(to))
    if own is not None and _fits(x, y, to, to, expected):
        return [own]
    found = [code for code in COMMON if _fits(x, y, code, to, expected)]
    zones = [code for code in found if code in _LOCAL_ZONES]
    names = [f"EPSG:{code}" for code in found if code not in _LOCAL_ZONES or len(zones) == 1]
    if len(zones) > 1:
        names.append(f"one of SWEREF 99's local zones EPSG:{zones[0]}-{zones[-1]}")
    return names[:4]


def _sample(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    xs, ys = np.asarray(x, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    finite = np.isfinite(xs) & np.isfinite(ys)
    step = max(1, int(finite.sum()) // _SAMPLE)
    return xs[finite][::step], ys[finite][::step]


def _fits(
    x: NDArray[np.float64], y: NDArray[np.float64], crs: object, to: object, extent: Bounds
) -> bool:
    """Tell whether most points, read in `crs`, lie in its area and in the extent."""
    if len(x) == 0:
        return False
    inside = within(x, y, reach_of(crs))
    if inside.mean() <= 0.5:
        return False
    try:
        there = within(*transform_points(x[inside], y[inside], crs, to), extent)
    except ProjError:
        return False
    return bool(there.sum() > len(x) / 2)


def check_coordinates(
    bounds: Bounds, crs: object, *, where: str, extent: Bounds | None = None
) -> None:
    """Refuse a box that does not lie where its CRS, or the region, is.

    Parameters
    ----------
    bounds : tuple of float
        minx, miny, maxx, maxy, in `crs`.
    crs : CRS, str or int
        What the coordinates are said to be in.
    where : str
        File and layer, named in the message.
    extent : tuple of float, optional
        Where the region is, in `crs`.

    Raises
    ------
    DegreesAsMetresError, SwappedAxesError, WrongCrsError
        More than half of the box's corners and centre fall outside; named for the reason.
    """
    minx, miny, maxx, maxy = bounds
    x = np.array([minx, minx, maxx, maxx, (minx + maxx) / 2])
    y = np.array([miny, maxy, miny, maxy, (miny + maxy) / 2])
    if not _fits(x, y, crs, crs, extent_of(crs) if extent is None else extent):
        refuse_points(x, y, crs, to=crs, extent=extent, where=where)


def fits(
    x: ArrayLike, y: ArrayLike, crs: object, *, to: object, extent: Bounds | None = None
) -> bool:
    """Tell whether most points lie in a CRS's area of use and in the extent given in `to`."""
    return _fits(*_sample(x, y), crs, to, extent_of(to) if extent is None else extent)


def is_explained(
    x: ArrayLike, y: ArrayLike, crs: object, *, to: object, extent: Bounds | None = None
) -> bool:
    """Tell whether swapped axes or another common CRS would put most points in the extent."""
    x, y = _sample(x, y)
    expected = extent_of(to) if extent is None else extent
    return _fits(y, x, crs, to, expected) or bool(likely_crs(x, y, to=to, extent=extent))


def refuse_points(
    x: ArrayLike,
    y: ArrayLike,
    crs: object,
    *,
    to: object,
    where: str,
    extent: Bounds | None = None,
    section: str | None = None,
    swap: str = "swap the two columns, or the axes in a GIS (QGIS: Swap X and Y coordinates)",
) -> None:
    """Raise the error that says why points do not lie where they should.

    Parameters
    ----------
    x, y : array of float
        Coordinates that were found to lie outside, in `crs`.
    crs : CRS, str or int
        What they are said to be in.
    to : CRS, str or int
        CRS of `extent`, in which the data are to be used.
    where : str
        File, layer and rows, named in the message.
    extent : tuple of float, optional
        Where they are expected, in `to`; its area of use when not given.
    section : str, optional
        Table of region.toml that the fix names, e.g. ``"sources.roads"``.
    swap : str
        How to swap the axes of this kind of file.

    Raises
    ------
    DegreesAsMetresError, SwappedAxesError, WrongCrsError
        Always one of them.
    """
    x, y = _sample(x, y)
    stated = name_crs(crs)
    expected = extent_of(to) if extent is None else extent
    seen = _describe(x, y)
    place = f" under [{section}]" if section else ""
    if _fits(y, x, crs, to, expected):
        msg = f"x and y stand in each other's place: {seen} in {stated}"
        raise SwappedAxesError(msg, where=where, fix=swap)
    metric = not parse_crs(crs).is_geographic
    degrees = (np.abs(x) <= 180) & (np.abs(y) <= 90)
    if metric and degrees.mean() > 0.5:
        msg = f"the coordinates are degrees, but are said to be metres in {stated}: {seen}"
        fix = f'write crs = "EPSG:4326"{place}'
        if _fits(y, x, 4326, to, expected):
            fix += f"; the axes are swapped as well: {swap}"
        raise DegreesAsMetresError(msg, where=where, fix=fix)
    likely = likely_crs(x, y, to=to, extent=extent)
    swapped = [] if likely else likely_crs(y, x, to=to, extent=extent)
    if not metric and (np.abs(x) > 360).mean() > 0.5:
        msg = f"the coordinates are metres, but are said to be degrees in {stated}: {seen}"
    elif extent is None:
        msg = f"the coordinates lie outside the area of {stated}: {seen}"
    else:
        box = ", ".join(f"{value:.0f}" for value in extent)
        msg = f"the coordinates, read as {stated}, lie outside the region ({box}): {seen}"
    if likely:
        first = likely[0] if likely[0].startswith("EPSG") else "EPSG:…"
        fix = f'they would fit {_either(likely)}: write crs = "{first}"{place}'
    elif swapped:
        fix = f"with x and y swapped they would fit {_either(swapped)}: {swap}"
    else:
        fix = f"find out the file's CRS and write it as crs{place}, or take another file"
    raise WrongCrsError(msg, where=where, fix=fix)


def _describe(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    if len(x) == 0:
        return "no coordinate is a number"

    def span(values: NDArray[np.float64]) -> str:
        digits = 4 if np.abs(values).max() <= 360 else 0
        return f"{values.min():.{digits}f} to {values.max():.{digits}f}"

    return f"x is {span(x)}, y is {span(y)}"


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
