"""The places of a backbone plan as one table, whatever they were given as."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import metric_crs
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
    GeometryError,
    MissingColumnError,
    NoCrsError,
)

from bredband.tables import need_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bredband.settings_backbone import BackboneSettings

    Bools = NDArray[np.bool_]

WHERE = "places"


def read_places(places: gpd.GeoDataFrame, settings: BackboneSettings) -> gpd.GeoDataFrame:
    """Check the places, and give each its point, its inhabitants and its households.

    Parameters
    ----------
    places : GeoDataFrame
        Points or polygons in a metric CRS: ``locality_code``, ``locality_name`` and at
        least one of ``population`` and ``households``; ``municipality_code`` and
        ``provenance`` if known.
    settings : BackboneSettings
        ``persons_per_household`` makes the one of the other where it is not known,
        ``min_population`` decides which places count.

    Returns
    -------
    GeoDataFrame
        The same order, rows numbered from 0: ``locality_code``, ``locality_name``,
        ``municipality_code`` (or empty), ``population``, ``households``, ``x``, ``y`` (m,
        a point inside), ``counted`` (large enough to be joined), ``provenance``, and the
        geometry as it was given.

    Raises
    ------
    EmptyLayerError
        There is no place.
    MissingColumnError
        There is no code, no name, or neither population nor households.
    DuplicateIdsError
        A code stands on several rows.
    BadValueError
        A number is missing, negative or infinite.
    GeometryError
        A place is neither point nor polygon.
    NoCrsError, NotMetricError
        The CRS is missing or cannot measure.
    """
    if not len(places):
        msg = "there is no place to join"
        raise EmptyLayerError(msg, where=WHERE, fix="give localities, as points or polygons")
    need_columns(places, ("locality_code", "locality_name"), WHERE)
    if places.crs is None:
        msg = "the places do not say which coordinate reference system they are in"
        raise NoCrsError(msg, where=WHERE, fix="state it, e.g. crs = 'EPSG:3006'")
    metric_crs(places.crs)
    code = places["locality_code"].astype("str").reset_index(drop=True)
    double = code[code.duplicated()].unique()
    if len(double):
        msg = f"{len(double)} codes stand on several places: {', '.join(double[:5])}"
        raise DuplicateIdsError(
            msg, where=WHERE, fix="give one row per place; join the polygons of a place into one"
        )
    shapes = places.geometry.to_numpy()
    kind = shapely.get_type_id(shapes)
    odd = ~np.isin(kind, (0, 3, 6)) | shapely.is_empty(shapes)
    if odd.any():
        msg = f"{int(odd.sum())} places are neither point nor polygon, first {code[odd.argmax()]}"
        raise GeometryError(msg, where=WHERE, fix="give points or polygons")
    held = _people(places.reset_index(drop=True), code, settings.persons_per_household)
    inside = shapely.point_on_surface(shapes)
    rows = pd.DataFrame(
        {
            "locality_code": code,
            "locality_name": places["locality_name"].astype("str").to_numpy(),
            "municipality_code": _text(places, "municipality_code"),
            **held,
            "x": shapely.get_x(inside),
            "y": shapely.get_y(inside),
            "counted": held["population"] >= settings.min_population,
            "provenance": _text(places, "provenance", "real"),
        }
    )
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=places.crs)


def _text(places: pd.DataFrame, column: str, missing: str = "") -> NDArray[np.object_]:
    if column not in places:
        return np.full(len(places), missing, dtype=object)
    return places[column].astype("str").to_numpy(dtype=object)


def _people(
    places: pd.DataFrame, code: pd.Series[str], persons: float
) -> dict[str, NDArray[np.float64]]:
    """Give population and households, each from the other where it is not there."""
    given = [name for name in ("population", "households") if name in places]
    if not given:
        msg = f"there is neither population nor households; found: {', '.join(places.columns)}"
        raise MissingColumnError(msg, where=WHERE, fix="give the places one of the two columns")
    numbers = {
        name: pd.to_numeric(places[name], errors="coerce").to_numpy(dtype=np.float64)
        for name in given
    }
    if "households" not in numbers:
        numbers["households"] = numbers["population"] / persons
    elif "population" not in numbers:
        numbers["population"] = numbers["households"] * persons
    else:
        lives, homes = numbers["population"], numbers["households"]
        numbers = {
            "population": np.where(np.isnan(lives), homes * persons, lives),
            "households": np.where(np.isnan(homes), lives / persons, homes),
        }
    for name in ("population", "households"):
        bad = ~np.isfinite(numbers[name]) | (numbers[name] < 0)
        if bad.any():
            msg = (
                f"{int(bad.sum())} places have no number of {name}, or a negative one,"
                f" first {code[bad.argmax()]}"
            )
            raise BadValueError(msg, where=WHERE, fix="correct the column, or leave them out")
    return numbers


def choose_places(places: pd.DataFrame, wanted: Sequence[str]) -> Bools:
    """Find the places that a list names, by code or by name.

    Parameters
    ----------
    places : DataFrame
        From :func:`read_places`.
    wanted : sequence of str
        Codes or names; upper and lower case are the same.

    Raises
    ------
    BadValueError
        A name is no place's, or that of several.
    """
    chosen = np.zeros(len(places), np.bool_)
    code = places["locality_code"].str.casefold()
    name = places["locality_name"].str.casefold()
    for text in wanted:
        said = text.strip().casefold()
        found = (code == said).to_numpy()
        if not found.any():
            found = (name == said).to_numpy()
        if not found.any():
            msg = f"there is no place {text!r}"
            fix = "write its name or code as in the layer, in with_backbone under [backbone]"
            raise BadValueError(msg, where=WHERE, fix=fix)
        if found.sum() > 1:
            codes = ", ".join(places["locality_code"][found])
            msg = f"{int(found.sum())} places are called {text!r}: {codes}"
            raise BadValueError(msg, where=WHERE, fix="write the code of the one that is meant")
        chosen |= found
    return chosen
