"""Read fibre routes published by the Open Fibre Data Standard (OFDS).

The standard (Open Telecom Data, https://standard.ofds.info) describes networks of nodes
and spans. Read here, by the schema of versions 0.1 to 0.3 and the published rules for
making GeoJSON of it (F):

- JSON: one network, or a package ``{"networks": [...]}``; each with ``nodes`` and
  ``spans``; a span's ``route`` is a geometry, its ``start`` and ``end`` are ids of nodes;
- GeoJSON: a FeatureCollection of spans or of nodes, the span's other fields in
  ``properties``, references to organisations and nodes written out, and ``network``;
- newline-delimited: a network, or a feature, per line.

A span's status is one of the closed codelist spanStatus (F): operational,
underConstruction, planned, decommissioned, proposed, inactive. Only operational spans
are existing fibre: the infrastructure is live and carries traffic. Inactive ones are
built but not in operation. Coordinates are WGS 84, longitude first (CRS84), which is
the only CRS of GeoJSON.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import (
    EmptyLayerError,
    GeodataError,
    GeometryError,
    UnreadableSourceError,
    WrongCrsError,
)
from bredband_gis.sources import Layer, Source, read_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bredband_gis.crs import Bounds
    from numpy.typing import NDArray

SUFFIXES: Final = (".json", ".geojson", ".jsonl", ".ndjson", ".geojsonl", ".geojsons")

OPERATIONAL: Final = "operational"

STATUSES: Final = {
    OPERATIONAL: "in operation",
    "underConstruction": "under construction",
    "planned": "planned, financing decided",
    "decommissioned": "taken out of operation",
    "proposed": "proposed, financing not decided",
    "inactive": "built, but not in operation",
}
"""The standard's closed codelist spanStatus, in words."""

CRS84: Final = ("crs84", "4326")

_PEEK: Final = 65_536
_LINES: Final = frozenset({"LineString", "MultiLineString"})
_WAVES: Final = frozenset({"microwave", "copper", "coaxial"})
"""Transmission media of the standard other than fibre."""


@dataclass(frozen=True)
class OfdsNetwork:
    """What a file of the standard holds.

    Parameters
    ----------
    spans : GeoDataFrame
        Existing fibre, EPSG:4326: row (in the file, the first span is 0), span_id, name,
        status, operator, network, in_service (year, Int64), fibre_count (Int64), geometry.
        operator is the network providers, else the owner of the infrastructure; in_service is
        of readyForServiceDate. Both may be missing.
    nodes : GeoDataFrame
        EPSG:4326: node_id, name, status, network, geometry; those that have a place.
    set_aside : DataFrame
        ``tables.SET_ASIDE``: spans that are not existing fibre, each with the reason.
    rows_in : int
        Spans in the file: len(spans) + len(set_aside).
    """

    spans: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame
    set_aside: pd.DataFrame
    rows_in: int


def is_ofds(path: Path) -> bool:
    """Tell from a file's name and its beginning whether it is of the standard.

    Parameters
    ----------
    path : Path
        Any file; never fails, a file that is not there is none.

    Returns
    -------
    bool
        Whether the first 64 KiB hold what only the standard's files hold together.
    """
    if path.suffix.casefold() not in SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            begun = file.read(_PEEK).decode("utf-8-sig", errors="ignore")
    except OSError:
        return False
    told = '"network-schema.json' in begun or "open-fibre-data-standard" in begun.casefold()
    feature = '"Feature"' in begun or '"FeatureCollection"' in begun
    own = (
        "networkProviders", "physicalInfrastructureProvider", "transmissionMedium",
        "readyForServiceDate", "darkFibre", "fibreType",
    )  # fmt: skip
    fields = any(f'"{name}"' in begun for name in own)
    if feature:
        return '"properties"' in begun and '"network"' in begun and (fields or told)
    package = '"networks"' in begun or '"spans"' in begun or '"nodes"' in begun
    return package and (fields or told or '"route"' in begun)


def read_ofds(path: Path) -> OfdsNetwork:
    """Read the spans and nodes of a file of the standard.

    Parameters
    ----------
    path : Path
        JSON, GeoJSON, or either of them a line each.

    Returns
    -------
    OfdsNetwork

    Raises
    ------
    UnreadableSourceError
        The file is missing, cut off, no JSON, or not of the standard.
    EmptyLayerError
        It has no spans, as a file of nodes, or none in operation with a route.
    WrongCrsError
        A network is in another CRS than WGS 84, or its coordinates are no degrees.
    """
    networks, features = _split(_documents(path), path)
    spans = [span for network in networks for span in _of_network(network, "spans")]
    spans += [_of_feature(one) for one in features if _is_span(one)]
    nodes = [node for network in networks for node in _of_network(network, "nodes")]
    nodes += [_of_feature(one) for one in features if not _is_span(one)]
    if not spans:
        msg = "there are nodes in it but no spans" if nodes else "there are no spans in it"
        fix = "name the file of spans: the standard publishes nodes and spans in a file each"
        raise EmptyLayerError(msg, where=path.name, fix=fix)
    _refuse_other_crs(spans, path)
    table = _span_table(spans, path)
    set_aside = _set_aside(table, path)
    used = table[table["reason"].isna()].drop(columns="reason").reset_index(drop=True)
    if used.empty:
        listed = "; ".join(set_aside["reason"].value_counts().head(3).index)
        msg = f"none of its {len(table)} spans is existing fibre with a route: {listed}"
        raise EmptyLayerError(msg, where=path.name, fix="check the export, or leave the file out")
    result = OfdsNetwork(
        spans=gpd.GeoDataFrame(used, geometry="geometry", crs=4326),
        nodes=_node_table(nodes),
        set_aside=set_aside,
        rows_in=len(table),
    )
    _refuse_metres(result.spans, path)
    return result


def read_ofds_layer(
    source: Source, *, crs: object, name: str = "fibre", extent: Bounds | None = None
) -> Layer:
    """Read a file of the standard as any other layer of lines, with all its checks.

    Parameters
    ----------
    source : Source
        The file, and the columns, constants and condition that go with it; ``where`` is on
        the columns of :class:`OfdsNetwork`'s spans.
    crs : CRS, str or int
        The metric CRS to transform to.
    name : str
        What it is to be used as.
    extent : tuple of float, optional
        Where the region is, in `crs`.

    Returns
    -------
    Layer
        As :func:`bredband_gis.sources.read_layer` gives it: rows are those of the file, the
        first span is 0; spans that are no existing fibre are set aside and counted.

    Raises
    ------
    GeodataError
        As :func:`read_ofds` and :func:`bredband_gis.sources.read_layer`.
    """
    network = read_ofds(source.path)
    rows = network.spans["row"].to_numpy()
    with tempfile.TemporaryDirectory(prefix="ofds-") as folder:
        # Written out once more so that one reader, the same for all files, looks at it.
        copy = Path(folder) / f"{source.path.name}.parquet"
        network.spans.drop(columns="row").to_parquet(copy)
        try:
            layer = read_layer(
                replace(source, path=copy, layer=None, crs=None, encoding=None),
                name=name, crs=crs, kind="line", extent=extent,
            )  # fmt: skip
        except GeodataError as error:
            where = (error.where or "").replace(copy.name, source.path.name) or None
            raise type(error)(error.what, where=where, fix=error.fix) from None
    frame = layer.frame.set_axis(rows[layer.frame.index.to_numpy()])
    aside = layer.set_aside.assign(
        row=rows[layer.set_aside["row"].to_numpy()], file=source.path.name
    )
    set_aside = pd.concat([network.set_aside.assign(layer=name), aside], ignore_index=True)
    with source.path.open("rb") as file:
        digest, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    facts = {
        **layer.facts,
        "file": source.path.name,
        "driver": "OFDS",
        "layer": None,
        "bytes": size,
        "sha256": digest,
        "sha256_of": source.path.name,
        "rows_in_file": network.rows_in,
        "rows_in": len(frame) + len(set_aside),
        "rows_out": len(frame),
        "rows_set_aside": len(set_aside),
    }
    findings = tuple(replace(one, file=source.path.name) for one in layer.findings)
    offenders = layer.offenders
    if len(offenders):
        offenders = offenders.assign(row=rows[offenders["row"].to_numpy()])
    return replace(
        layer, frame=frame, set_aside=set_aside, facts=facts, findings=findings,
        offenders=offenders,
    )  # fmt: skip


def _documents(path: Path) -> list[Any]:
    """Parse a file of one JSON text, or of one a line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        msg = "there is no such file"
        raise UnreadableSourceError(msg, where=str(path), fix="correct the path") from None
    except IsADirectoryError:
        msg = "this is a folder, not a file"
        raise UnreadableSourceError(msg, where=str(path), fix="name the file in it") from None
    except UnicodeDecodeError as error:
        msg = f"the file is not UTF-8 (byte {error.start}), as JSON must be"
        raise UnreadableSourceError(msg, where=path.name, fix="export it again as UTF-8") from None
    if not text.strip():
        msg = "the file is empty"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch or export it again")
    try:
        return [json.loads(text)]
    except RecursionError:
        msg = "the JSON is nested too deeply"
        raise UnreadableSourceError(msg, where=path.name, fix="export it again") from None
    except json.JSONDecodeError as error:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) > 1 and lines[0][1].rstrip().endswith("}"):
            return [_line(line, number, path) for number, line in lines]
        msg = f"the file is cut off or no JSON ({error.msg}, line {error.lineno})"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch or export it again") from None


def _line(text: str, number: int, path: Path) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        msg = f"line {number} is cut off or no JSON ({error})"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch or export it again") from None


def _split(documents: list[Any], path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Tell networks and features apart, wherever in the file they stand."""
    networks: list[dict[str, Any]] = []
    features: list[dict[str, Any]] = []
    for one in documents:
        if not isinstance(one, dict):
            continue
        if one.get("type") == "Feature":
            features.append(one)
        elif isinstance(one.get("features"), list):
            features += [f for f in one["features"] if isinstance(f, dict)]
        elif isinstance(one.get("networks"), list):
            networks += [n for n in one["networks"] if isinstance(n, dict)]
        elif isinstance(one.get("spans"), list) or isinstance(one.get("nodes"), list):
            networks.append(one)
    if not networks and not features:
        first = documents[0]
        found = f"an object of {', '.join(map(str, list(first)[:6]))}" if isinstance(
            first, dict
        ) else f"a {type(first).__name__}"  # fmt: skip
        msg = f"it is no network of the Open Fibre Data Standard: it holds {found}"
        fix = "a file of the standard has networks with spans, or features with a network"
        raise UnreadableSourceError(msg, where=path.name, fix=fix)
    return networks, features


def _of_network(network: dict[str, Any], what: str) -> Iterator[dict[str, Any]]:
    """Give a network's spans or nodes, with the network's own facts."""
    organisations = {
        str(one.get("id")): one
        for one in network.get("organisations") or []
        if isinstance(one, dict) and one.get("name")
    }
    about = {"id": network.get("id"), "name": network.get("name"), "crs": network.get("crs")}
    shape = "route" if what == "spans" else "location"
    for one in network.get(what) or []:
        item = one if isinstance(one, dict) else {}
        yield {
            **item,
            "geometry": item.get(shape),
            "network": about,
            "organisations": organisations,
        }


def _of_feature(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    return {**(properties if isinstance(properties, dict) else {}),
            "geometry": feature.get("geometry")}  # fmt: skip


def _is_span(feature: dict[str, Any]) -> bool:
    """Tell a span from a node: by what it says it is, its fields, its shape."""
    properties = feature.get("properties")
    fields = properties if isinstance(properties, dict) else {}
    if fields.get("featureType") in {"span", "node"}:
        return bool(fields["featureType"] == "span")
    if {"start", "end", "readyForServiceDate", "transmissionMedium", "fibreCount"} & set(fields):
        return True
    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    return kind not in {"Point", "MultiPoint", None}


def _refuse_other_crs(spans: Iterable[dict[str, Any]], path: Path) -> None:
    for span in spans:
        crs = _dict(_dict(span.get("network")).get("crs"))
        said = " ".join(str(crs[key]) for key in ("name", "uri") if crs.get(key))
        if said and not any(name in said.casefold() for name in CRS84):
            msg = f"the network is in {said}; GeoJSON geometry is in WGS 84 (CRS84)"
            raise WrongCrsError(msg, where=path.name, fix="export it again in WGS 84")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Give a value as text; None where there is none."""
    text = "" if value is None or isinstance(value, dict | list) else str(value).strip()
    return text or None


def _span_table(spans: list[dict[str, Any]], path: Path) -> pd.DataFrame:
    shapes = _shapes([span["geometry"] for span in spans], path)
    number = pd.to_numeric(
        pd.Series([_text(span.get("fibreCount")) for span in spans], dtype="object"),
        errors="coerce",
    )
    table = pd.DataFrame(
        {
            "row": np.arange(len(spans)),
            "span_id": _texts(spans, "id"),
            "name": _texts(spans, "name"),
            "status": _texts(spans, "status"),
            "operator": pd.array([_operator(span) for span in spans], dtype="str"),
            "network": pd.array(
                [_text(_dict(s.get("network")).get("name")) for s in spans], dtype="str"
            ),
            "in_service": _years(spans),
            "fibre_count": number.where(number % 1 == 0).astype("Int64"),
            "geometry": shapes,
        }
    )
    table["reason"] = _reasons(table, spans)
    return table


def _texts(rows: list[dict[str, Any]], key: str) -> pd.api.extensions.ExtensionArray:
    return pd.array([_text(row.get(key)) for row in rows], dtype="str")


def _operator(span: dict[str, Any]) -> str | None:
    """Name who runs the network, else who owns the infrastructure."""
    organisations = _dict(span.get("organisations"))

    def name(reference: object) -> str | None:
        about = _dict(reference)
        whole = _dict(organisations.get(str(about.get("id"))))
        return _text(about.get("name")) or _text(whole.get("name")) or _text(about.get("id"))

    providers = span.get("networkProviders")
    listed = [name(one) for one in providers] if isinstance(providers, list) else []
    named = list(dict.fromkeys(one for one in listed if one))
    if named:
        return ", ".join(named)
    # Version 0.4 calls the owner of the cable transmissionMediumOwner.
    owners = ("physicalInfrastructureProvider", "transmissionMediumOwner")
    return next((found for key in owners if (found := name(span.get(key)))), None)


def _years(spans: list[dict[str, Any]]) -> pd.Series[Any]:
    said = pd.Series([_text(span.get("readyForServiceDate")) for span in spans], dtype="str")
    year = pd.to_numeric(said.str.extract(r"^(\d{4})(?:-|$)")[0], errors="coerce")
    return year.where(year.between(1970, 2100)).astype("Int64")


def _shapes(geometries: list[Any], path: Path) -> NDArray[np.object_]:
    """Make shapes of GeoJSON geometries; None where there is none."""
    texts = [json.dumps(one) if isinstance(one, dict) else None for one in geometries]
    try:
        shapes = shapely.from_geojson(np.array(texts, dtype=object), on_invalid="ignore")
        return np.asarray(shapely.force_2d(shapes), dtype=object)
    except (shapely.errors.ShapelyError, TypeError, ValueError) as error:
        msg = f"a geometry cannot be read ({error})"
        raise GeometryError(msg, where=path.name, fix="export the file again") from None


def _reasons(table: pd.DataFrame, spans: list[dict[str, Any]]) -> NDArray[np.object_]:
    """Say of each span why it is not existing fibre; None where it is."""
    reason = np.full(len(table), None, dtype=object)

    def mark(rows: NDArray[np.bool_], why: NDArray[np.object_] | str) -> None:
        fresh = np.asarray(rows, dtype=bool) & pd.isna(reason)
        reason[fresh] = why if isinstance(why, str) else why[fresh]

    status = table["status"]
    words = status.map(STATUSES)
    mark(status.isna().to_numpy(), "it has no status, so it may not be in operation")
    mark(
        words.isna().to_numpy(),
        ("its status '" + status.fillna("") + "' is none of the standard's").to_numpy(object),
    )
    mark(
        (status != OPERATIONAL).fillna(True).to_numpy(bool),
        (status.fillna("") + ": " + words.fillna("")).to_numpy(object),
    )
    media = [span.get("transmissionMedium") for span in spans]
    other = np.array([_is_other_medium(one) for one in media], dtype=bool)
    mark(other, "it is no fibre, but another transmission medium")
    shapes = table["geometry"].to_numpy()
    given = np.array([isinstance(span["geometry"], dict) for span in spans], dtype=bool)
    ends = np.array([_has_ends(span) for span in spans], dtype=bool)
    none = ~given
    mark(none & ends, "it has no route, only its end nodes; a straight line is not its route")
    mark(none, "it has no route")
    kinds = np.array([_dict(span["geometry"]).get("type") for span in spans], dtype=object)
    mark(~np.isin(kinds.astype(str), list(_LINES)), "its route is no line")
    mark(shapely.is_missing(shapes) | shapely.is_empty(shapes), "its route is empty or broken")
    mark(shapely.length(shapes) == 0, "its route has no length")
    return reason


def _is_other_medium(medium: object) -> bool:
    listed = [medium] if isinstance(medium, str) else medium
    return isinstance(listed, list) and bool(listed) and set(map(str, listed)) <= _WAVES


def _has_ends(span: dict[str, Any]) -> bool:
    return bool(span.get("start")) and bool(span.get("end"))


def _set_aside(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    out = table[table["reason"].notna()]
    return pd.DataFrame(
        {
            "layer": pd.array(["fibre"] * len(out), dtype="str"),
            "file": pd.array([path.name] * len(out), dtype="str"),
            "row": out["row"].to_numpy("int64"),
            "id": out["span_id"].to_numpy(),
            "reason": pd.array(list(out["reason"]), dtype="str"),
        }
    )


def _node_table(nodes: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    texts = [json.dumps(_dict(node["geometry"])) if node["geometry"] else None for node in nodes]
    shapes = shapely.from_geojson(np.array(texts, dtype=object), on_invalid="ignore")
    frame = gpd.GeoDataFrame(
        {
            "node_id": _texts(nodes, "id"),
            "name": _texts(nodes, "name"),
            "status": _texts(nodes, "status"),
            "network": pd.array(
                [_text(_dict(n.get("network")).get("name")) for n in nodes], dtype="str"
            ),
        },
        geometry=np.asarray(shapes, dtype=object),
        crs=4326,
    )
    there = ~(frame.geometry.isna() | frame.geometry.is_empty)
    return frame[there].reset_index(drop=True)


def _refuse_metres(spans: gpd.GeoDataFrame, path: Path) -> None:
    """Refuse coordinates that cannot be longitude and latitude."""
    minx, miny, maxx, maxy = spans.total_bounds
    if minx < -180 or maxx > 180 or miny < -90 or maxy > 90:
        msg = f"its coordinates are no degrees: {minx:.0f}, {miny:.0f} to {maxx:.0f}, {maxy:.0f}"
        fix = "the standard wants WGS 84, longitude first: export it again"
        raise WrongCrsError(msg, where=path.name, fix=fix)
