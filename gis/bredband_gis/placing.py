"""Put what was read where it lies: coordinates, kind of geometry, CRS, repair."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from bredband_gis import crs as crs_
from bredband_gis import tabular
from bredband_gis.errors import (
    BadValueError,
    EmptyLayerError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
    WrongCrsError,
)
from bredband_gis.files import Reading, guess_coordinates
from bredband_gis.quality import KIND_NAMES, Kind, is_finite, keep_kind, repair

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyproj
    from numpy.typing import NDArray


def to_numbers(reading: Reading, column: pd.Series[Any], name: str) -> NDArray[np.float64]:
    """Make a column numbers; refuse a value that is none, naming the first and its row.

    Where the reading is lenient, rows with such values are set aside instead.
    """
    numbers = tabular.parse_numbers(column)
    usable = reading.usable
    if (numbers.bad & usable).any():
        first = int(np.flatnonzero(numbers.bad & usable)[0])
        msg = (
            f"column {name} is no number: {column.iloc[first]!r} in {reading.name_row(first)}"
            f" is the first of {int(numbers.bad.sum())} such values"
        )
        fix = (
            f"correct them in the file, or leave the rows out with where under [{reading.section}]"
        )
        reading.refuse(
            BadValueError(msg, where=reading.where(int(numbers.bad.sum())), fix=fix),
            numbers.bad & usable,
            f"column {name} is no number",
            each=("column " + name + ": " + column[numbers.bad & usable].astype("str")).to_numpy(),
        )
    if numbers.doubtful:
        reading.note(
            "comma",
            f"numbers such as 1,234 in column {name} were read with a decimal comma",
            rows=numbers.doubtful,
            fix="take the comma away in the file if it parts thousands",
        )
    return numbers.values


def take_coordinates(reading: Reading) -> tuple[str, ...]:
    """Make points of a table's coordinate columns; name the columns."""
    given = {
        axis: reading.source.columns[axis] for axis in ("x", "y") if axis in reading.source.columns
    }
    names = [str(name) for name in reading.frame]
    columns = guess_coordinates(names) if len(given) < 2 else (given["x"], given["y"])
    fix = f'name them: columns = {{ x = "…", y = "…" }} under [{reading.section}]'
    lacking = [name for name in given.values() if name not in names]
    if lacking:
        close = difflib.get_close_matches(lacking[0], names, n=1)
        fix += f" (did you mean {close[0]!r}?)" if close else ""
        msg = f"there is no column {lacking[0]!r}; there is: {', '.join(names)}"
        raise MissingColumnError(msg, where=reading.where(), fix=fix)
    if columns is None or not set(given.values()) <= set(columns):
        what = (
            "two columns for the coordinates are needed" if given else "no column holds coordinates"
        )
        msg = f"{what}; there is: {', '.join(names)}"
        raise MissingColumnError(msg, where=reading.where(), fix=fix)
    x = to_numbers(reading, reading.frame[columns[0]], columns[0])
    y = to_numbers(reading, reading.frame[columns[1]], columns[1])
    lost = np.isnan(x) | np.isnan(y)
    points = np.full(len(x), None, dtype=object)
    points[~lost] = shapely.points(x[~lost], y[~lost])
    reading.geometry = points
    reading.set_aside(lost, "it has no coordinates")
    return columns


def check_geometry(reading: Reading, kind: Kind) -> None:
    """Set aside rows without usable geometry; refuse a layer of the wrong kind."""
    geometry = reading.shapes
    reading.set_aside(shapely.is_missing(geometry), "it has no geometry")
    reading.set_aside(shapely.is_empty(geometry), "its geometry is empty")
    reading.set_aside(~is_finite(geometry), "a coordinate of it is not a number")
    usable = reading.usable
    refuse_nothing(reading)
    kept = keep_kind(geometry, kind)
    wrong = usable & shapely.is_missing(kept)
    if wrong.sum() == usable.sum():
        found = sorted({str(kind_) for kind_ in _type_names(geometry[wrong])})
        msg = f"the layer holds {', '.join(found)}, but {KIND_NAMES[kind]} are needed"
        fix = f"name another file or layer under [{reading.section}]"
        raise GeometryError(msg, where=reading.where(int(wrong.sum())), fix=fix)
    reading.set_aside(wrong, f"its geometry is not of the kind needed ({KIND_NAMES[kind]})")
    reading.geometry = kept
    usable = reading.usable
    corner = np.zeros(len(kept), dtype=bool)
    corner[usable] = (shapely.get_x(kept[usable]) == 0) & (shapely.get_y(kept[usable]) == 0)
    if not corner[usable].all():
        reading.set_aside(corner, "its coordinates are 0, 0")


def _type_names(geometry: NDArray[np.object_]) -> list[str]:
    return [one.geom_type for one in geometry[:1000]]


def refuse_nothing(reading: Reading) -> None:
    """Refuse a layer of which no row is left, naming the commonest reason."""
    if not reading.usable.any():
        reasons = pd.Series(reading.reason).value_counts()
        msg = f"no row can be used: {reasons.iloc[0]} of {len(reading.frame)}: {reasons.index[0]}"
        raise EmptyLayerError(
            msg, where=reading.where(), fix="look at the file in QGIS or Excel, and export it again"
        )


def _centres(geometry: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    bounds = shapely.bounds(geometry)
    return (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2


def choose_crs(
    reading: Reading, to: pyproj.CRS, extent: crs_.Bounds | None
) -> tuple[pyproj.CRS, str | None]:
    """Decide what the coordinates are in: what region.toml states, or what the file says.

    Returns
    -------
    tuple of CRS and (str or None)
        The CRS, and what the file says.
    """
    geometry = reading.shapes
    x, y = _centres(geometry[reading.usable])
    said = crs_.describe_crs(reading.crs)
    file_crs = crs_.identify_crs(reading.crs)
    stated = reading.source.crs
    if stated is None:
        if file_crs is None:
            raise _no_crs(reading, said, x, y, to, extent)
        return file_crs, said
    try:
        chosen = crs_.parse_crs(stated)
    except WrongCrsError as error:
        msg = f"crs = {stated!r} under [{reading.section}] is no coordinate reference system"
        raise WrongCrsError(msg, where=reading.where(), fix=error.fix) from None
    if file_crs is None or crs_.same_crs(file_crs, chosen):
        return chosen, said
    file_fits = crs_.fits(x, y, file_crs, to=to, extent=extent)
    if file_fits and not (reading.crs_is_default and crs_.fits(x, y, chosen, to=to, extent=extent)):
        msg = f"region.toml says {crs_.name_crs(chosen)}, but the file says {said}"
        fix = f"take crs away under [{reading.section}]: the file's own fits its coordinates"
        raise WrongCrsError(msg, where=reading.where(), fix=fix)
    if not reading.crs_is_default:
        reading.note(
            "crs",
            f"the file says {said}, which its coordinates do not fit; it was read as"
            f" {crs_.name_crs(chosen)}, as region.toml says",
        )
    return chosen, said


def _no_crs(
    reading: Reading,
    said: str | None,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    to: pyproj.CRS,
    extent: crs_.Bounds | None,
) -> NoCrsError:
    if said is not None:
        what = f"the file's coordinate reference system is called {said!r}, which says nothing"
    elif reading.line is not None:
        what = "a table does not say which coordinate reference system its numbers are in"
    elif reading.driver == "ESRI Shapefile":
        what = f"the file does not say its coordinate reference system (no {reading.layer}.prj)"
    else:
        what = "the file does not say its coordinate reference system"
    likely = crs_.likely_crs(x, y, to=to, extent=extent)
    guess = likely[0] if likely and likely[0].startswith("EPSG") else "EPSG:3006"
    fix = f'write crs = "{guess}" under [{reading.section}]'
    fix += f"; its coordinates fit {' or '.join(likely)}" if likely else " (or what it is in)"
    return NoCrsError(what, where=reading.where(), fix=fix)


def _swap_advice(reading: Reading, coordinates: Sequence[str]) -> str:
    if len(coordinates) == 2:
        x, y = coordinates
        return f'write columns = {{ x = "{y}", y = "{x}" }} under [{reading.section}]'
    return "swap them in QGIS (Swap X and Y coordinates) and save the layer anew"


def transform(
    reading: Reading,
    from_crs: pyproj.CRS,
    to: pyproj.CRS,
    extent: crs_.Bounds | None,
    coordinates: Sequence[str],
) -> None:
    """Transform the geometry, and refuse it where it does not land where it should."""
    geometry = reading.shapes
    usable = reading.usable
    raw_x, raw_y = _centres(geometry[usable])
    advice: dict[str, Any] = {
        "to": to,
        "section": reading.section,
        "swap": _swap_advice(reading, coordinates),
    }
    beyond = ~crs_.within(raw_x, raw_y, crs_.reach_of(from_crs))
    if beyond.mean() > 0.5:
        x, y, where = raw_x[beyond], raw_y[beyond], reading.where(int(beyond.sum()))
        crs_.refuse_points(x, y, from_crs, where=where, extent=extent, **advice)
    if not crs_.same_crs(from_crs, to):
        reading.geometry = geometry = geometry.copy()
        xy = shapely.get_coordinates(geometry[usable])
        xy[:, 0], xy[:, 1] = crs_.transform_points(xy[:, 0], xy[:, 1], from_crs, to)
        geometry[usable] = shapely.set_coordinates(geometry[usable], xy)
        reading.set_aside(~is_finite(geometry), f"it cannot be transformed to {crs_.name_crs(to)}")
    place = crs_.extent_of(to) if extent is None else extent
    boxes = shapely.bounds(geometry[usable])
    inside = (
        (boxes[:, 2] >= place[0]) & (boxes[:, 0] <= place[2])
        & (boxes[:, 3] >= place[1]) & (boxes[:, 1] <= place[3])
    )  # fmt: skip
    outside = int((~inside).sum())
    # A file for a whole country is right though most of it lies outside one region: with a
    # region given, it is refused when swapped axes or another CRS would bring it inside.
    if outside == len(inside) or (
        outside > len(inside) / 2
        and (extent is None or crs_.is_explained(raw_x, raw_y, from_crs, to=to, extent=extent))
    ):
        x, y, where = raw_x[~inside], raw_y[~inside], reading.where(outside)
        crs_.refuse_points(x, y, from_crs, where=where, extent=extent, **advice)
    if outside:
        area = f"the area of {crs_.name_crs(to)}" if extent is None else "the region"
        reading.note(
            "outside-region",
            f"{outside} of {len(inside)} rows lie outside {area}",
            rows=outside,
            fix="nothing, if the file covers more than the region; else check its CRS",
            details={"n": outside, "all": len(inside)},
        )


def repair_geometry(reading: Reading) -> int:
    """Make invalid geometries valid, set collapsed ones aside; give how many were repaired."""
    geometry = reading.shapes
    usable = reading.usable
    done = repair(geometry[usable])
    collapsed = np.zeros(len(geometry), dtype=bool)
    collapsed[usable] = done.collapsed
    reading.geometry = geometry = geometry.copy()
    geometry[usable] = done.geometry
    reading.set_aside(collapsed, "its geometry collapses: a line without length, or no area")
    count = int(done.repaired.sum())
    if count:
        first = int(np.flatnonzero(usable)[np.flatnonzero(done.repaired)[0]])
        message = (
            f"{count} geometries were invalid and were repaired, first {reading.name_row(first)}"
        )
        if done.area_after:
            message += f"; their area was {done.area_before:.0f} m² and is {done.area_after:.0f} m²"
        which = done.repaired
        reading.note(
            "invalid-geometry",
            message,
            rows=count,
            fix="look at them in QGIS",
            details={
                "n": count,
                "first": reading.name_row(first),
                "before_m2": done.area_before,
                "after_m2": done.area_after,
            },
            at=np.flatnonzero(usable)[which],
            each={
                "message": done.why[which],
                "area_before_m2": done.each_before[which],
                "area_after_m2": done.each_after[which],
            },
        )
    return count
