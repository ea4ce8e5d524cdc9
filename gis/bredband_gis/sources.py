"""Read any geodata file into one frame: our column names, one metric CRS, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from bredband_gis.quality import Finding


@dataclass(frozen=True)
class Source:
    """A file and how to read it.

    Parameters
    ----------
    path : Path
        The file.
    layer : str, optional
        Layer of a GPKG, sheet of an XLSX; for .osm.pbf: buildings, roads or municipalities.
    crs : str, optional
        CRS of the file where the file does not say, e.g. ``"EPSG:3006"``.
    columns : mapping
        Our column name = the file's. ``x`` and ``y`` name the coordinate columns of a table.
    constants : mapping
        Columns that have one value for the whole file.
    where : str, optional
        Keep only rows that fulfil this SQL condition on the file's own columns.
    admin_level : int
        For .osm.pbf municipalities: the boundary's admin_level.
    encoding : str, optional
        Text encoding; found out when not given.
    """

    path: Path
    layer: str | None = None
    crs: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, object] = field(default_factory=dict)
    where: str | None = None
    admin_level: int = 8
    encoding: str | None = None


@dataclass(frozen=True)
class Layer:
    """What was read from a source.

    Parameters
    ----------
    frame : GeoDataFrame or DataFrame
        Our column names, target CRS; the file's other columns are kept.
    set_aside : DataFrame
        Rows not used: layer, file, row (the first is 0), id, reason.
    facts : dict
        File name, sha256, bytes, layer, rows_in, rows_out, rows_set_aside, crs_of_file, …
    findings : tuple of Finding
        What the planner should know about the file.
    """

    frame: gpd.GeoDataFrame | pd.DataFrame
    set_aside: pd.DataFrame
    facts: dict[str, object]
    findings: tuple[Finding, ...] = ()
