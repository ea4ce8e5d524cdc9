"""Starting a region: a commented region.toml, or a whole region from OpenStreetMap alone."""

from __future__ import annotations

import datetime
import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bredband_gis.errors import GeodataError
from bredband_gis.osm import read_timestamp
from bredband_gis.sources import Source, read_layer
from bredband_gis.store import MANIFEST
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from bredband.demo import lay_fibre, make_norrbotten
from bredband.inputs import read_inputs
from bredband.pipeline import run
from bredband.progress import Steps
from bredband.region import FILE_NAME, Region, RegionError
from bredband.template import SCHEMA, region_toml

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

OSM = {
    "source": "OpenStreetMap contributors",
    "licence": "ODbL 1.0",
}

SWEDEN = (10.5, 55.2, 24.3, 69.1)
"""West, south, east, north of Sweden, degrees."""


def start_region(folder: Path) -> Path:
    """Write a commented region.toml with examples to fill in.

    Raises
    ------
    RegionError
        There is one already.
    """
    return _write(folder, region_toml())


def start_osm_region(
    folder: Path,
    osm: Path,
    *,
    admin_level: int = 8,
    name: str | None = None,
    crs: str | None = None,
    demo_share: float | None = None,
    seed: int = 1,
    steps: Steps | None = None,
) -> Path:
    """Make a region from an OpenStreetMap extract alone.

    Parameters
    ----------
    folder : Path
        Where region.toml, and with ``demo_share`` the made-up layers, are written.
    osm : Path
        The extract, .osm.pbf; it stays where it is.
    admin_level : int
        Of the boundary relations that are the municipalities (8 in Liechtenstein, 7 in Sweden).
    name : str, optional
        Name of the region; the file's name where not given.
    crs : str, optional
        Metric CRS; SWEREF 99 TM in Sweden, elsewhere the UTM zone of the extract's middle.
    demo_share : float, optional
        Share of the households, 0-1, that synthetic fibre is laid to.
    seed : int
        Of what is made up: the same seed makes the same fibre.
    steps : Steps, optional
        Shows progress.

    Raises
    ------
    GeodataError
        The extract cannot be read, or there is a region.toml already.
    """
    _refuse_existing(folder)
    name = name or osm.name.split(".")[0].replace("_", " ").replace("-", " ").title()
    crs = crs or _suggest_crs(osm, admin_level)
    try:
        path = Path(os.path.relpath(osm.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        path = osm.resolve().as_posix()
    # The year that the extract describes; where it does not say, the one we are in.
    year = (read_timestamp(osm) or datetime.datetime.now(tz=datetime.UTC)).year
    about = {**OSM, "year": year}
    content: dict[str, Any] = {
        "region": {"name": name, "code": "00", "crs": crs, "year": year},
        "sources": {
            "municipalities": {
                "path": path, "layer": "municipalities", "admin_level": admin_level, **about
            },
            "premises": {"path": path, "layer": "buildings", **about},
            "roads": {"path": path, "layer": "roads", **about},
        },
    }  # fmt: skip
    if demo_share is not None:
        region = Region.from_dict(content, folder=folder)
        steps = steps or Steps()
        inputs = read_inputs(region, steps=steps)
        with steps.step("fibre"):
            fibre, coverage = lay_fibre(inputs.premises, inputs.roads, demo_share, seed=seed)
        content["sources"] |= _write_synthetic(folder, fibre, coverage, seed=seed, year=year)
    return _write(folder, region_toml(content))


def make_example(top: Path | str = ".", *, steps: Steps | None = None) -> tuple[Path, Path]:
    """Make the example region, Norrbotten, and run it, as ``bredband demo`` does.

    Parameters
    ----------
    top : Path
        The folder that holds ``data_raw`` and ``outputs``.
    steps : Steps, optional
        Shows progress.

    Returns
    -------
    data, outputs : Path
        ``data_raw/norrbotten`` and ``outputs/norrbotten``; what is there already stays as it is.

    Raises
    ------
    GeodataError
        A folder cannot be written, or the packages with the real boundaries are absent.
    """
    data, outputs = (Path(top) / name / "norrbotten" for name in ("data_raw", "outputs"))
    steps = steps or Steps()
    if not (data / FILE_NAME).exists():
        with steps.step("demo"):
            make_norrbotten(data)
    if not (outputs / MANIFEST).exists():
        run(Region.read(data), outputs, steps=steps)
    return data, outputs


def _write_synthetic(
    folder: Path, fibre: gpd.GeoDataFrame, coverage: pd.DataFrame, *, seed: int, year: int
) -> dict[str, Any]:
    """Write the made-up layers; give their part of [sources]."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "provenance": "synthetic",
        "source": f"bredband, synthetic, seed {seed}",
        "licence": "CC0",
        "year": year,
    }
    _replace(folder / "fibre.parquet", lambda path: fibre.to_parquet(path, index=False))
    _replace(
        folder / "coverage.csv",
        lambda path: coverage.to_csv(path, sep=";", index=False, encoding="utf-8"),
    )
    return {
        "fibre": {"path": "fibre.parquet", **about},
        "coverage": {"path": "coverage.csv", **about},
    }


def _replace(path: Path, write: Any) -> None:
    """Write a file beside its place and move it there when it is whole."""
    part = path.with_name(f"{path.name}.part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _refuse_existing(folder: Path) -> None:
    path = folder / FILE_NAME
    if path.exists():
        msg = "there is a region.toml already, and it is not written over"
        raise RegionError(msg, where=str(path), fix="choose another folder, or remove the file")


def _write(folder: Path, text: str) -> Path:
    _refuse_existing(folder)
    path = folder / FILE_NAME
    schema = files("bredband").joinpath(SCHEMA).read_bytes()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / SCHEMA, lambda part: part.write_bytes(schema))
        _replace(path, lambda part: part.write_text(text, encoding="utf-8"))
    except OSError as error:
        msg = f"the file cannot be written: {error.strerror}"
        raise GeodataError(msg, where=str(path), fix="choose a folder you may write to") from None
    return path


def _suggest_crs(osm: Path, admin_level: int) -> str:
    """Choose SWEREF 99 TM in Sweden, elsewhere the UTM zone of the municipalities' middle."""
    layer = read_layer(
        Source(path=osm, layer="municipalities", admin_level=admin_level),
        name="municipalities",
        crs="EPSG:6933",
        kind="polygon",
    )
    outlines: gpd.GeoDataFrame = layer.frame
    west, south, east, north = outlines.to_crs("EPSG:4326").total_bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    if SWEDEN[0] < lon < SWEDEN[2] and SWEDEN[1] < lat < SWEDEN[3]:
        return "EPSG:3006"
    zone = query_utm_crs_info(
        datum_name="WGS 84", area_of_interest=AreaOfInterest(lon, lat, lon, lat)
    )[0]
    return f"{zone.auth_name}:{zone.code}"
