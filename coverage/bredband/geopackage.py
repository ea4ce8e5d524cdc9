"""A result as a GeoPackage that QGIS opens coloured: layers, styles, and where it comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import pandas as pd
import pyogrio
from bredband_gis.errors import GeodataError
from bredband_gis.qml import TABLE, LayerStyle, style_table
from bredband_gis.store import write_file

from bredband.audience import cell_m, min_households, shown_tables
from bredband.geopackage_styles import (
    area_styles,
    choice_styles,
    locality_styles,
    municipality_styles,
    premises_styles,
    trench_styles,
    unserved_styles,
)
from bredband.publication import HOUSEHOLD_CLASSES, generalise_lines, public_cells
from bredband.stored import is_public
from bredband.table_words import table_words
from bredband.tables import TOTAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bredband.text import Words

GEOMETRY: Final = "geom"


@dataclass(frozen=True)
class Layer:
    """A layer of the file.

    Attributes
    ----------
    name : str
        Its name in the file.
    frame : GeoDataFrame
        What it holds, in the region's CRS.
    shape : str
        Its geometry type: Point, MultiLineString or MultiPolygon.
    styles : list of LayerStyle
        The first is the one it opens with.
    about : str
        What it is, for the reader.
    """

    name: str
    frame: gpd.GeoDataFrame
    shape: str
    about: str
    styles: list[LayerStyle] = field(default_factory=list)


def write_geopackage(
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    path: Path,
    *,
    language: str | None = None,
) -> None:
    """Write a result's layers to a GeoPackage with styles, complete or not at all.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        A run's tables by name, GeoDataFrames where they have geometry.
    manifest : mapping
        The run's: audience, region, sources.
    path : Path
        The file; one that is there is replaced when the new one is complete.
    language : {"sv", "en"}, optional
        Of styles and headings; the region's when not given.

    Raises
    ------
    GeodataError
        The file cannot be written, or no table has geometry.
    """
    w = _words(manifest, language)
    layers = geopackage_layers(tables, manifest, language=w.language)
    if not layers:
        msg = "no table of the result has geometry"
        raise GeodataError(msg, where=str(path), fix="run the region again: bredband run FOLDER")
    about = _about(manifest, tables, layers, w)
    # No time in it: the same result gives the same file.
    clock = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        with write_file(
            path,
            fix="close the programs that have it open (QGIS), or name another file",
            errors=(pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError),
        ) as new:
            for number, layer in enumerate(layers):
                _write_layer(layer, new, about if number == 0 else None)
            styles = style_table([style for layer in layers for style in layer.styles])
            pyogrio.write_dataframe(
                styles, new, layer=TABLE, driver="GPKG", append=True, layer_options={"FID": "id"}
            )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": clock})


def geopackage_layers(
    tables: Mapping[str, pd.DataFrame],
    manifest: Mapping[str, Any],
    *,
    language: str | None = None,
) -> list[Layer]:
    """Make the layers of a result, as its audience may see them.

    Parameters
    ----------
    tables, manifest, language
        As of :func:`write_geopackage`.

    Returns
    -------
    list of Layer
        From the ground up. A layer whose table is not there is left out. Public: premises are
        cells, trench coarse lines, small groups hidden.
    """
    w = _words(manifest, language)
    shown = shown_tables(tables, manifest)
    made: list[Layer | None] = [
        _municipalities(shown, manifest, w),
        _localities(shown, w),
        _choice(shown, w),
        _areas(shown, w),
        *_premises(tables, manifest, w),
        _trench(tables, manifest, w),
    ]
    return [layer for layer in made if layer is not None and len(layer.frame)]


def _words(manifest: Mapping[str, Any], language: str | None) -> Words:
    region = manifest.get("settings", {}).get("region", {})
    return table_words(language or str(region.get("language", "sv")))


def _write_layer(layer: Layer, path: Path, about: Mapping[str, str] | None) -> None:
    frame = layer.frame
    if layer.shape.startswith("Multi"):
        frame = frame[~(frame.geometry.is_empty | frame.geometry.isna())]
    more: dict[str, Any] = {}
    if about is not None:
        # Version 1.3: QGIS 3.22 and its like read it without a word.
        more = {"dataset_metadata": dict(about), "dataset_options": {"VERSION": "1.3"}}
    pyogrio.write_dataframe(
        frame, path, layer=layer.name, driver="GPKG", geometry_type=layer.shape,
        promote_to_multi=layer.shape.startswith("Multi"), append=path.exists(), use_arrow=True,
        layer_options={"GEOMETRY_NAME": GEOMETRY, "DESCRIPTION": layer.about},
        layer_metadata={"DESCRIPTION": layer.about}, **more,
    )  # fmt: skip


def _about(
    manifest: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], layers: list[Layer], w: Words
) -> dict[str, str]:
    """Say where the file comes from: region, year, provenance, audience, sources, versions."""
    region = manifest.get("settings", {}).get("region", {})
    kept = ("layer", "file", "source", "licence", "year", "provenance", "sha256")
    sources = [
        {name: one[name] for name in kept if name in one} for one in manifest.get("inputs", [])
    ]
    audience = "public" if is_public(manifest) else "internal"
    there = {layer.name for layer in layers}
    absent = [name for name in ("localities", "priority_areas", "premises", "trench", "choice")
              if name not in there and name not in tables]  # fmt: skip
    return {
        "TITLE": str(manifest.get("region", "")),
        "YEAR": str(region.get("year", "")),
        "PROVENANCE": str(manifest.get("provenance", "")),
        "AUDIENCE": audience,
        "NOTE": w[f"geopackage.{audience}"],
        "LEFT_OUT": ", ".join(absent),
        "MADE_BY": f"bredband {manifest.get('versions', {}).get('bredband', '')}".strip(),
        "SOURCES": json.dumps(sources, ensure_ascii=False),
    }


# ---- layers ---------------------------------------------------------------------------


def _municipalities(
    shown: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any], w: Words
) -> Layer | None:
    frame = shown.get("municipalities")
    if not isinstance(frame, gpd.GeoDataFrame):
        return None
    target = int(manifest.get("settings", {}).get("definitions", {}).get("target_speed_mbit", 100))
    frame = frame.drop(columns="fid", errors="ignore")
    parts = [
        _share_columns(shown.get("coverage"), target),
        _rows_of(shown.get("cost"), "municipality"),
        _interval_columns(shown.get("intervals")),
        _standing_columns(shown.get("standing"), target),
    ]
    for part in parts:
        if part is not None:
            new = [name for name in part if name not in frame]
            frame = frame.merge(
                part[new], left_on="municipality_code", right_index=True, how="left"
            )
    return Layer(
        "municipalities",
        gpd.GeoDataFrame(frame),
        "MultiPolygon",
        w.layer_about.municipalities,
        municipality_styles(frame, target, w),
    )


def _share_columns(coverage: pd.DataFrame | None, target: int) -> pd.DataFrame | None:
    """Give per municipality its households and the share that each measure and speed has."""
    if coverage is None:
        return None
    rows = coverage[
        (coverage["area_kind"] == "municipality")
        & (coverage["segment"] == TOTAL)
        & (coverage["base"] == "households")
    ]
    asked = rows[(rows["measure"] == "connected") & (rows["speed_mbit"] == target)]
    names = rows["measure"] + "_" + rows["speed_mbit"].astype(str) + "_share"
    shares = rows.assign(name=names).pivot_table(
        "share", "area_code", "name", dropna=False, sort=False
    )
    found: pd.DataFrame = shares.rename_axis(columns=None)
    found.insert(0, "households", asked.set_index("area_code")["total"])
    return found


def _rows_of(table: pd.DataFrame | None, kind: str) -> pd.DataFrame | None:
    if table is None:
        return None
    rows = table[table["area_kind"] == kind].set_index("area_code")
    return rows.drop(columns=["area_kind", "area_name", "provenance"], errors="ignore")


def _interval_columns(intervals: pd.DataFrame | None) -> pd.DataFrame | None:
    if intervals is None:
        return None
    rows = intervals[intervals["area_kind"] == "municipality"]
    wide = rows.pivot_table(["p10_sek", "p50_sek", "p90_sek"], "area_code", "measure", sort=False)
    wide.columns = pd.Index([f"{pair[1]}_{pair[0]}" for pair in wide.columns])
    return wide


def _standing_columns(standing: pd.DataFrame | None, target: int) -> pd.DataFrame | None:
    if standing is None:
        return None
    rows = standing[
        (standing["base"] == "households")
        & (standing["measure"] == "connected")
        & (standing["speed_mbit"] == target)
    ]
    return rows.set_index("municipality_code")[["rank", "of", "county_points", "country_points"]]


def _localities(shown: Mapping[str, pd.DataFrame], w: Words) -> Layer | None:
    frame = shown.get("localities")
    if not isinstance(frame, gpd.GeoDataFrame):
        return None
    kinds = set(frame.geom_type.dropna())
    shape = "Point" if kinds == {"Point"} else "MultiPolygon"
    if shape == "MultiPolygon" and not kinds <= {"Polygon", "MultiPolygon"}:
        return None
    frame = frame.drop(columns="fid", errors="ignore")
    styles = locality_styles(frame, shape, w)
    return Layer("localities", frame, shape, w.layer_about.localities, styles)


def _areas(shown: Mapping[str, pd.DataFrame], w: Words) -> Layer | None:
    frame = shown.get("priority_areas")
    if not isinstance(frame, gpd.GeoDataFrame):
        return None
    frame = frame.sort_values("rank", na_position="last", kind="stable", ignore_index=True)
    return Layer(
        "priority_areas", frame, "MultiPolygon", w.layer_about.priority_areas,
        area_styles(frame, w),
    )  # fmt: skip


def _choice(shown: Mapping[str, pd.DataFrame], w: Words) -> Layer | None:
    """Give the areas with what each budget, each step of the budgets and each year takes."""
    areas = shown.get("priority_areas")
    if not isinstance(areas, gpd.GeoDataFrame):
        return None
    parts: list[pd.DataFrame] = []
    if "choice" in shown:
        for plan, rows in shown["choice"].groupby("plan", sort=False):
            named = rows.set_index("area_id")[["chosen", "reason", "paid_by"]]
            parts.append(named.add_prefix(f"{plan}_"))
    if "nested_areas" in shown:
        parts.append(shown["nested_areas"].set_index("area_id")[["from_budget_sek"]])
    if "years" in shown:
        parts.append(shown["years"].set_index("area_id")[["year"]])
    if not parts:
        return None
    kept = ["area_id", "name", "rank", "municipality", "households", "gap_sek", "hidden",
            "provenance"]  # fmt: skip
    frame = areas[[name for name in kept if name in areas] + [areas.geometry.name]]
    for part in parts:
        frame = frame.merge(part, left_on="area_id", right_index=True, how="left")
    frame = gpd.GeoDataFrame(frame).sort_values(
        "rank", na_position="last", kind="stable", ignore_index=True
    )
    return Layer(
        "choice", frame, "MultiPolygon", w.layer_about.choice, choice_styles(frame, shown, w)
    )


def _premises(
    tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any], w: Words
) -> list[Layer | None]:
    frame = tables.get("premises")
    if not isinstance(frame, gpd.GeoDataFrame):
        return []
    if not is_public(manifest):
        if "shares" in tables:
            each = tables["shares"][["premises_id", "parties", "total_sek", "per_party_sek"]]
            frame = frame.merge(each, on="premises_id", how="left")
        frame = gpd.GeoDataFrame(frame)
        return [
            Layer("premises", frame, "Point", w.layer_about.premises, premises_styles(frame, w))
        ]
    few, side = min_households(manifest), cell_m(manifest)
    # As on the map: who lives or works there; holiday homes are never households.
    lived_in = frame[(frame["households"] > 0) | (frame["workplaces"] > 0)]
    marks = {"cell_m": side, "provenance": manifest.get("provenance", "")}
    served = lived_in["households"].where(lived_in["status"].isin(("connected", "passed")), 0)
    cells = public_cells(
        lived_in[["x", "y", "households"]].assign(served=served),
        crs=frame.crs, cell_m=side, min_households=few, sums=["served"],
    )  # fmt: skip
    cells = cells[cells["hidden"] | (cells["households"].fillna(0) > 0)]
    share = cells["served"].astype("Float64") / cells["households"].astype("Float64")
    cells = cells.assign(share=share.astype("float64"))
    lacking = lived_in[lived_in["status"] == "unserved"]
    missing = public_cells(lacking, crs=frame.crs, cell_m=side, min_households=few)
    return [
        Layer("premises", cells.assign(**marks), "MultiPolygon", w.layer_about.premises_cells,
              premises_styles(cells, w, few=few)),
        Layer("unserved", missing.assign(**marks), "MultiPolygon", w.layer_about.unserved,
              unserved_styles(missing, few, w)),
    ]  # fmt: skip


def _trench(
    tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any], w: Words
) -> Layer | None:
    frame = tables.get("trench")
    if not isinstance(frame, gpd.GeoDataFrame):
        return None
    if not is_public(manifest):
        return Layer(
            "trench",
            frame,
            "MultiLineString",
            w.layer_about.trench,
            trench_styles(frame, w, few=None),
        )
    few = min_households(manifest)
    edges = [float(edge) for edge in sorted({few, *HOUSEHOLD_CLASSES[1:]}) if edge >= few]
    lines = generalise_lines(
        frame, cell_m=cell_m(manifest), min_households=few, classes=edges
    ).assign(provenance=manifest.get("provenance", ""))
    return Layer(
        "trench",
        lines,
        "MultiLineString",
        w.layer_about.trench_coarse,
        trench_styles(lines, w, few=few),
    )
