"""A region's network between places: from its files to the plan, its tables and its map."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import EmptyLayerError
from bredband_gis.points import locate
from bredband_gis.sources import Source, read_layer
from bredband_gis.store import MAKER, connect, write_folder, write_table

from bredband.backbone import Backbone, plan_backbone
from bredband.backbone_map import backbone_map
from bredband.backbone_public import public_cuts, public_places, public_stretches
from bredband.backbone_words import backbone_words
from bredband.inputs import Inputs, read_inputs
from bredband.map_stretches import name_ends
from bredband.progress import Steps
from bredband.tables import check_table, least_certain
from bredband.tables_backbone import CUTS, PLACES, STRETCHES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from bredband_gis.webmap import WebMap

    from bredband.region import Region

MANIFEST: Final = "manifest.json"
PUBLIC: Final = (
    "stretches.csv", "places.csv", "cuts.csv", "stretches.geojson", "backbone.html",
)  # fmt: skip
"""Files that may be shown to others when ``[publication] detail`` is public."""

_READ: Final = ("municipalities", "localities", "premises", "roads", "fibre")

PACKAGES: Final = ("bredband", "geopandas", "shapely", "duckdb", "highspy", "scipy", "numpy")


@dataclass(frozen=True)
class BackboneRun:
    """A region's plan with what it was made of.

    Attributes
    ----------
    region : Region
        The settings.
    plan : Backbone
        The plan, everything exact.
    map : WebMap
        The needs map.
    files : list of dict
        What was read.
    """

    region: Region
    plan: Backbone
    map: WebMap
    files: list[dict[str, Any]]


def connect_region(
    region: Region,
    *,
    links: Path | None = None,
    layer: str | None = None,
    steps: Steps | None = None,
) -> BackboneRun:
    """Read a region's files, plan the network between its places, and draw it.

    Parameters
    ----------
    region : Region
        From :meth:`bredband.region.Region.read`; ``[backbone]`` says what is followed.
    links : Path, optional
        A file of links, followed instead of what ``[backbone]`` says.
    layer : str, optional
        Layer of that file.
    steps : Steps, optional
        Shows progress.

    Raises
    ------
    GeodataError
        Something is wrong with the inputs: what, where, what to do.
    """
    steps = steps or Steps()
    inputs = read_inputs(region, steps=steps)
    places = region_places(inputs)
    files = [file for file in inputs.files if file["layer"] in _READ]
    settings = region.backbone
    followed = None
    if links is not None or settings.along == "links":
        followed, facts = _read_links(region, links, layer)
        files = [file for file in files if file["layer"] != "roads"] + [facts]
    with steps.step("buildout"):
        plan = plan_backbone(
            places,
            inputs.roads,
            links=followed,
            fibre=inputs.fibre if followed is None and settings.along == "roads" else None,
            settings=settings,
            buildout=region.buildout,
            prices=region.prices,
        )
    with steps.step("map"):
        page = backbone_map(
            plan,
            region,
            inputs.municipalities,
            roads=inputs.roads,
            files=files,
            provenance=inputs.provenance(),
        )
    return BackboneRun(region, plan, page, files)


def region_places(inputs: Inputs) -> gpd.GeoDataFrame:
    """Make the places of a region: its localities with their people and municipality.

    Parameters
    ----------
    inputs : Inputs
        From ``inputs.read_inputs``: localities; their households are those of the premises
        in them.

    Returns
    -------
    GeoDataFrame
        For ``backbone.plan_backbone``.

    Raises
    ------
    EmptyLayerError
        The region has no localities.
    """
    if inputs.localities is None or inputs.localities.empty:
        msg = "the region has no localities"
        fix = "add [sources.localities] to region.toml, e.g. as bredband fetch scb writes them"
        raise EmptyLayerError(msg, where="layer localities", fix=fix)
    places = inputs.localities.copy()
    if "locality_code" not in places:
        places["locality_code"] = [f"{number + 1}" for number in range(len(places))]
    if "locality_name" not in places:
        places["locality_name"] = places["locality_code"]
    places["locality_name"] = places["locality_name"].fillna(places["locality_code"])
    homes = pd.Series(0.0, index=places.index)
    if "locality_code" in inputs.premises:
        counted = inputs.premises.groupby("locality_code")["households"].sum()
        homes = places["locality_code"].map(counted).astype("float64").fillna(0.0)
    if "population" in places:
        # Where the one is not known, it follows from the other.
        known = places["population"].notna()
        places["population"] = (
            places["population"].astype("float64").where(known | (homes > 0), 0.0)
        )
        places["households"] = homes.where((homes > 0) | ~known)
    else:
        places["households"] = homes
    middle = shapely.point_on_surface(places.geometry.to_numpy())
    towns = inputs.municipalities
    at = locate(shapely.get_x(middle), shapely.get_y(middle), towns.geometry.to_numpy())
    lost = np.flatnonzero(at < 0)
    if lost.size:
        at[lost] = shapely.STRtree(towns.geometry.to_numpy()).nearest(middle[lost])
    places["municipality_code"] = towns["municipality_code"].to_numpy()[at]
    return places


def _read_links(
    region: Region, path: Path | None, layer: str | None
) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    settings = region.backbone
    if path is None:
        if settings.links is None:
            msg = "[backbone] follows links, and names no file of links"
            raise EmptyLayerError(
                msg, where="links", fix="write links under [backbone], or --links"
            )
        path, layer = region.folder / settings.links, settings.links_layer
    read = read_layer(
        Source(path=Path(path).resolve(), layer=layer),
        name="links",
        crs=region.region.crs,
        kind="line",
        numeric=("road_m",),
    )
    frame = read.frame.assign(provenance=settings.links_provenance)
    facts = {
        **read.facts,
        "layer": "links",
        "layer_in_file": read.facts.get("layer"),
        "path": region.relative(Path(path).resolve()),
        "provenance": settings.links_provenance,
        "source": settings.links_source,
        "licence": "",
        "year": None,
    }
    return frame, facts


# --- files -----------------------------------------------------------------------------


def write_backbone(
    run: BackboneRun, out: Path, *, seconds: Mapping[str, float] | None = None
) -> None:
    """Write a plan to a folder, all of it or nothing.

    ``stretches.csv``, ``places.csv``, ``cuts.csv``, ``stretches.geojson`` and
    ``backbone.html`` may be shown to others where ``[publication]`` detail is public;
    ``backbone.duckdb`` holds everything exact.

    Parameters
    ----------
    run : BackboneRun
        From :func:`connect_region`.
    out : Path
        The folder. An earlier result there is replaced when the new one is complete.
    seconds : mapping, optional
        Seconds per step, for the manifest.

    Raises
    ------
    GeodataError
        The folder holds something that is no earlier result.
    """
    plan = run.plan
    for table, schema in ((plan.stretches, STRETCHES), (plan.places, PLACES), (plan.cuts, CUTS)):
        check_table(table, schema, where=str(schema.name))
    stretches, places, cuts = shown_tables(run)
    with write_folder(out) as folder:
        for name, table in (("stretches", stretches), ("places", places), ("cuts", cuts)):
            flat = pd.DataFrame(table.drop(columns="geometry", errors="ignore"))
            _rounded(flat).to_csv(folder / f"{name}.csv", index=False, encoding="utf-8")
        _write_json(folder / "stretches.geojson", stretch_geojson(stretches, run.region))
        run.map.save(str(folder / "backbone.html"))
        with connect(folder / "backbone.duckdb") as con:
            for name, table in (
                ("stretches", plan.stretches), ("places", plan.places), ("cuts", plan.cuts),
            ):  # fmt: skip
                write_table(con, name, table)
        _write_json(folder / MANIFEST, manifest(run, folder, seconds=seconds or {}), indent=2)


def shown_tables(
    run: BackboneRun,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, pd.DataFrame]:
    """Give stretches, places and cuts as ``[publication]`` detail lets them be shown."""
    plan = run.plan
    if run.region.publication.detail != "public":
        return plan.stretches, plan.places, plan.cuts
    stretches = public_stretches(plan.stretches)
    return stretches, public_places(plan.places), public_cuts(plan.cuts, stretches)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Round money to whole kronor, metres to whole metres and people to tenths, for reading."""
    digits = {}
    for name in map(str, table.columns):
        if name.endswith(("_sek", "_m")) or name == "sek":
            digits[name] = 0
        elif name.startswith(("households", "population", "cumulative_h")) or "_per_" in name:
            digits[name] = 1
    return table.round(digits)


def stretch_geojson(
    stretches: gpd.GeoDataFrame, region: Region, *, digits: int = 6
) -> dict[str, Any]:
    """Give stretches as a GeoJSON feature collection (RFC 7946).

    Parameters
    ----------
    stretches : GeoDataFrame
        ``tables_backbone.STRETCHES``, any CRS; a missing line becomes null.
    region : Region
        Its name and language: the property ``stretch`` names both ends.
    digits : int
        Decimals of the coordinates; 6 is about 0.1 m.

    Returns
    -------
    dict
        WGS 84 longitude and latitude, no ``crs`` member.
    """
    w = backbone_words(region.region.language)
    shapes = stretches.geometry.to_crs("EPSG:4326").to_numpy()
    shapes = shapely.set_precision(shapes, 10.0**-digits)
    flat = pd.DataFrame(stretches.drop(columns=stretches.geometry.name))
    flat.insert(1, "stretch", name_ends(flat, w))
    rows = json.loads(_rounded(flat).to_json(orient="records", force_ascii=False))
    return {
        "type": "FeatureCollection",
        "name": w.fill("backbone.title", region=region.region.name),
        "provenance": least_certain(stretches["provenance"]) if len(stretches) else "real",
        "features": [
            {
                "type": "Feature",
                "id": row["stretch_id"],
                "properties": row,
                "geometry": None if shape is None else json.loads(shape),
            }
            for row, shape in zip(rows, shapely.to_geojson(shapes), strict=True)
        ],
    }


def manifest(run: BackboneRun, folder: Path, *, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Say from what and how the plan came: inputs, settings, sums, bounds, versions, seconds."""
    plan, region = run.plan, run.region
    new = plan.stretches[plan.stretches["new"]]
    return {
        "made_by": MAKER,
        "region": region.region.name,
        "provenance": str(plan.places["provenance"].iloc[0]),
        "inputs": run.files,
        "settings": region.model_dump(mode="json", include={"region", "backbone", "publication"}),
        "network": {
            "method": "joining: Steiner tree with its own bound; second ways: cheapest second"
            " path per place, greedy by cost per household; bound of the whole: cuts of an"
            " orientation",
            "along": plan.along,
            "roots": plan.roots,
            "links_left_out": plan.links_left_out,
            "links_short": plan.links_short,
            **{
                name: getattr(plan, name)
                for name in (
                    "joining_sek", "joining_bound_sek", "total_sek", "after_joining_bound_sek",
                    "total_bound_sek",
                )
            },
        },
        "sums": {
            "new_m": float(new["length_m"].sum()),
            "sek": float(new["sek"].sum()),
            "support_sek": float(new["support_sek"].sum()),
            "places": {str(k): int(v) for k, v in plan.places["join"].value_counts().items()},
        },
        "files": {
            path.name: {
                "bytes": path.stat().st_size,
                "audience": "public"
                if path.name in PUBLIC and region.publication.detail == "public"
                else "internal",
            }
            for path in sorted(folder.iterdir())
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
    }  # fmt: skip


def _write_json(path: Path, content: dict[str, Any], *, indent: int | None = None) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=indent, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    """Give JSON's form of what json does not know: numpy numbers and paths."""
    if hasattr(value, "item"):
        return value.item()
    return value.as_posix() if isinstance(value, Path) else str(value)
