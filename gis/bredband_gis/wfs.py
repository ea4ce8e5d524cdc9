"""Read whole layers from a Web Feature Service (OGC 09-025r2, WFS 2.0; GeoServer's JSON).

Features come in pages of ``count`` from ``startIndex``, in the order of ``sortBy``:
without a sort order a server may give one feature twice and another never. A layer is
whole when as many rows have come as the server says match (``numberMatched``), it says
the same on every page, and no row came twice.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import shapely

from bredband_gis.crs import parse_crs, reach_of
from bredband_gis.errors import DownloadError, EmptyLayerError, GeometryError, WrongCrsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bredband_gis.crs import Bounds
    from bredband_gis.pages import Pages

VERSION: Final = "2.0.0"
PAGE_ROWS: Final = 5000
"""Rows asked for at a time. A server that gives fewer is asked from where it stopped."""

_SHOWN: Final = 300


@dataclass(frozen=True)
class Attribute:
    """A column of a layer.

    Parameters
    ----------
    name : str
        As the server spells it.
    kind : str
        Type that the server names.
    is_geometry : bool
        Whether it holds the shape.
    """

    name: str
    kind: str
    is_geometry: bool


@dataclass(frozen=True)
class Query:
    """Which features of a layer.

    Parameters
    ----------
    layer : str
        Name with its prefix, e.g. ``"stat:DeSO_2018"``.
    crs : str
        CRS of the answer.
    sort_by : str
        Column that puts the features in the same order on every page.
    cql : str, optional
        GeoServer's filter.
    bbox : tuple of float, optional
        minx, miny, maxx, maxy in `crs`; not together with `cql`.
    page_rows : int
        Features per page.
    """

    layer: str
    crs: str
    sort_by: str
    cql: str | None = None
    bbox: Bounds | None = None
    page_rows: int = PAGE_ROWS

    def parameters(self, start: int, *, northing_first: bool = False) -> dict[str, str]:
        """Write the query of one page."""
        given = {
            "service": "WFS",
            "version": VERSION,
            "request": "GetFeature",
            "typeNames": self.layer,
            "outputFormat": "application/json",
            "srsName": self.crs,
            "sortBy": self.sort_by,
            "count": str(self.page_rows),
            "startIndex": str(start),
        }
        if self.cql is not None:
            given["CQL_FILTER"] = self.cql
        elif self.bbox is not None:
            minx, miny, maxx, maxy = self.bbox
            box = (miny, minx, maxy, maxx) if northing_first else (minx, miny, maxx, maxy)
            given["bbox"] = ",".join([*(f"{edge:.3f}" for edge in box), self.crs])
        return given


@dataclass(frozen=True)
class Features:
    """A layer that has come whole.

    Parameters
    ----------
    frame : GeoDataFrame
        The features in the query's CRS, x before y.
    matched : int or None
        How many the server says there are; None where it does not.
    pages : int
        In how many answers they came.
    query : dict
        Parameters of the first answer.
    notes : tuple of str
        What was odd.
    """

    frame: gpd.GeoDataFrame
    matched: int | None
    pages: int
    query: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())


def list_layers(pages: Pages, base: str) -> list[str]:
    """List the names of the layers that a service offers.

    Raises
    ------
    DownloadError
        The answer is no description of a WFS.
    """
    asked = {"service": "WFS", "version": VERSION, "request": "GetCapabilities"}
    root = _parse(pages.xml("capabilities", base, asked), base)
    names = [
        (item.text or "").strip()
        for kind in root.iter()
        if _local(kind) == "FeatureType"
        for item in kind
        if _local(item) == "Name"
    ]
    if not names:
        msg = f"the answer lists no layers (it is a {_local(root)})"
        raise DownloadError(msg, where=base, fix="check the address of the WFS")
    return names


def list_attributes(pages: Pages, base: str, layer: str) -> list[Attribute]:
    """List the columns of a layer (DescribeFeatureType, as JSON).

    Raises
    ------
    DownloadError
        The answer describes no layer.
    """
    asked = {
        "service": "WFS",
        "version": VERSION,
        "request": "DescribeFeatureType",
        "typeNames": layer,
        "outputFormat": "application/json",
    }
    answer = pages.json("columns", base, asked)
    try:
        return [
            Attribute(
                name=str(column["name"]),
                kind=str(column.get("localType") or column.get("type") or ""),
                is_geometry=str(column.get("type", "")).startswith("gml:"),
            )
            for column in answer["featureTypes"][0]["properties"]
        ]
    except (KeyError, IndexError, TypeError, AttributeError):
        msg = f"the answer does not describe the layer {layer}"
        raise DownloadError(msg, where=base, fix="check the layer's name and the address") from None


def sort_column(attributes: Sequence[Attribute]) -> str | None:
    """Choose a column whose values differ from row to row: an id, else a code.

    Returns
    -------
    str or None
        None where nothing looks like one.
    """
    names = [column.name for column in attributes if not column.is_geometry]
    for pattern in (r"objectid|ogc_fid|fid|gid|id", r"rutid.*", r".*objekt.*id.*", r".*(kod|code)"):
        found = [name for name in names if re.fullmatch(pattern, name, re.IGNORECASE)]
        if found:
            return found[0]
    return names[0] if names else None


def read_features(pages: Pages, base: str, query: Query) -> Features:
    """Fetch all features that a query means.

    Parameters
    ----------
    pages : Pages
        Where the pages are kept until all have come.
    base : str
        Address of the service.
    query : Query
        Which features.

    Raises
    ------
    DownloadError
        The answer is not whole: fewer or more rows than the server says there are, rows
        that came twice, or a server that changed its mind on the way.
    EmptyLayerError
        Nothing matches.
    WrongCrsError
        The coordinates lie outside what the CRS is for.
    """
    try:
        return _read(pages, base, query, northing_first=False)
    except EmptyLayerError:
        if query.bbox is None:
            raise
    # Services differ on whether a box in a CRS such as EPSG:3006 has northing first. A box
    # of the wrong order lies far outside Sweden and meets nothing, so asking again is safe.
    return _read(pages, base, query, northing_first=True)


def _read(pages: Pages, base: str, query: Query, *, northing_first: bool) -> Features:
    features: list[dict[str, Any]] = []
    matched: int | None = None
    answers = 0
    while matched is None or len(features) < matched:
        start = len(features)
        asked = query.parameters(start, northing_first=northing_first)
        name = f"{'northing-first-' if northing_first else ''}{start:09d}"
        answer = pages.json(name, base, asked)
        got, says = _check_page(answer, base, query.layer)
        if answers and says != matched:
            msg = f"the layer changed while it was fetched: {matched} rows, then {says}"
            raise DownloadError(msg, where=base, fix="fetch it again")
        matched = says
        answers += 1
        features += got
        if not got:
            break
    where = f"{base}, layer {query.layer}"
    if not features and not matched:
        msg = "no feature matches what was asked for"
        raise EmptyLayerError(msg, where=where, fix="check the county, the box or the layer")
    if matched is not None and len(features) != matched:
        msg = f"the server says that {matched} rows match, but gave {len(features)}"
        raise DownloadError(msg, where=where, fix="fetch it again; if it stays so, tell its owner")
    _refuse_repeats(features, where)
    frame, notes = _as_frame(features, query.crs, where)
    if matched is None:
        notes = (*notes, "the server does not say how many rows there are: not checked")
    first = query.parameters(0, northing_first=northing_first)
    return Features(frame=frame, matched=matched, pages=answers, query=first, notes=notes)


def _check_page(answer: Any, base: str, layer: str) -> tuple[list[dict[str, Any]], int | None]:
    """Give a page's features and the number that match in all."""
    features = answer.get("features") if isinstance(answer, dict) else None
    if (
        not isinstance(features, list)
        or not all(isinstance(one, dict) for one in features)
        or answer.get("type") != "FeatureCollection"
    ):
        shown = " ".join(json.dumps(answer, ensure_ascii=False).split())[:_SHOWN]
        msg = f"the answer is no GeoJSON feature collection: {shown}"
        raise DownloadError(
            msg, where=f"{base}, layer {layer}", fix="check the layer's name and the address"
        )
    said = [answer.get(key) for key in ("numberMatched", "totalFeatures")]
    numbers = [n for n in said if isinstance(n, int) and not isinstance(n, bool) and n >= 0]
    return features, numbers[0] if numbers else None


def _refuse_repeats(features: list[dict[str, Any]], where: str) -> None:
    """Refuse rows that came twice: then others of the layer did not come at all."""
    seen = {
        json.dumps([one.get("properties"), one.get("geometry")], sort_keys=True) for one in features
    }
    if len(seen) < len(features):
        msg = f"{len(features) - len(seen)} rows came twice: the pages overlap"
        raise DownloadError(msg, where=where, fix="fetch it again, as one page if need be")


def _as_frame(
    features: list[dict[str, Any]], crs: str, where: str
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    parsed = parse_crs(crs)
    try:
        frame = gpd.GeoDataFrame.from_features(features, crs=parsed)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        msg = f"the geometry cannot be read ({error})"
        raise GeometryError(msg, where=where, fix="fetch it again") from None
    frame = frame.set_geometry(shapely.force_2d(frame.geometry.to_numpy()), crs=parsed)
    bounds = frame.total_bounds
    if not np.isfinite(bounds).all():
        return frame, ("no row has a geometry",)
    minx, miny, maxx, maxy = reach_of(parsed)
    inside = _lies_in(bounds, (minx, miny, maxx, maxy))
    if inside:
        return frame, ()
    if not _lies_in(bounds[[1, 0, 3, 2]], (minx, miny, maxx, maxy)):
        msg = f"the coordinates {bounds.round().tolist()} do not fit {crs}"
        raise WrongCrsError(msg, where=where, fix="tell the owner of the service")
    turned = shapely.transform(frame.geometry.to_numpy(), lambda points: points[:, ::-1])
    return frame.set_geometry(turned, crs=parsed), ("came with northing first; turned",)


def _lies_in(bounds: Sequence[float], reach: Bounds) -> bool:
    return bool(
        bounds[0] >= reach[0]
        and bounds[1] >= reach[1]
        and bounds[2] <= reach[2]
        and bounds[3] <= reach[3]
    )


def _local(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _parse(body: bytes, where: str) -> ET.Element:
    if b"<!ENTITY" in body:
        msg = "the answer is XML with entities of its own, which no WFS sends"
        raise DownloadError(msg, where=where, fix="check the address of the WFS")
    try:
        root = ET.fromstring(body)  # noqa: S314 - entities are refused above
    except ET.ParseError as error:
        msg = f"the answer is no whole XML ({error})"
        raise DownloadError(msg, where=where, fix="try again") from None
    if _local(root) in {"ExceptionReport", "ServiceExceptionReport"}:
        said = " ".join("".join(root.itertext()).split())[:_SHOWN]
        msg = f"the service answers with a fault: {said}"
        raise DownloadError(msg, where=where, fix="check the address and what is asked for")
    return root
