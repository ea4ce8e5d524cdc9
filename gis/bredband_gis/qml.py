"""Styles that QGIS reads: classes of numbers, categories, names on the map, headings of columns.

A style is the XML that QGIS calls QML. It is kept in the table ``layer_styles`` of a GeoPackage,
from where QGIS takes the default style of each layer when the layer is opened (F, QGIS's own
source: it looks up f_table_schema = '', f_table_name and f_geometry_column, useAsDefault first).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from xml.etree import ElementTree as ET

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["fill", "line", "marker"]

TABLE: Final = "layer_styles"
"""The table that QGIS looks for styles in."""

VERSION: Final = "3.22.0"
"""Version of QGIS that the styles are written for; later ones read them as well."""

_CLASSES: Final = {"fill": "SimpleFill", "line": "SimpleLine", "marker": "SimpleMarker"}
_ENDLESS: Final = 1e15


@dataclass(frozen=True)
class Symbol:
    """How a feature is drawn.

    Attributes
    ----------
    colour : str
        Of the fill, the marker or the line, ``#rrggbb``.
    opacity : float
        Of that colour, 0-1.
    stroke : str
        Colour of the outline, ``#rrggbb``.
    width : float
        Of the outline or the line, mm.
    size : float
        Of a marker, mm.
    """

    colour: str
    opacity: float = 1.0
    stroke: str = "#ffffff"
    width: float = 0.26
    size: float = 1.6


@dataclass(frozen=True)
class Class:
    """A class of a graduated style: from ``low`` up to, not including, ``high``; None: no end."""

    low: float | None
    high: float | None
    label: str
    symbol: Symbol


@dataclass(frozen=True)
class Category:
    """A category of a style: one value; None: whatever is no other category."""

    value: str | None
    label: str
    symbol: Symbol


@dataclass(frozen=True)
class LayerStyle:
    """A style of a layer.

    Attributes
    ----------
    layer : str
        Name of the layer.
    name : str
        What the reader chooses it by; QGIS keeps 30 characters.
    qml : str
        From :func:`graduated` or :func:`categorised`.
    default : bool
        Whether the layer opens with it.
    """

    layer: str
    name: str
    qml: str
    default: bool = False


def graduated(
    expression: str,
    classes: Sequence[Class],
    *,
    kind: Kind,
    names: str | None = None,
    headings: Mapping[str, str] | None = None,
) -> str:
    """Make a style that colours by a number.

    Parameters
    ----------
    expression : str
        A column's name, or an expression of QGIS.
    classes : sequence of Class
        In any order. A number at a bound belongs to the class above it.
    kind : {"fill", "line", "marker"}
        What the layer holds.
    names : str, optional
        Column whose text stands on the map.
    headings : mapping, optional
        What columns are called in QGIS's tables, by their names.

    Returns
    -------
    str
        The QML, an XML document.
    """
    root, renderer = _begin(
        "graduatedSymbol", expression, {"graduatedMethod": "GraduatedColor"}, names
    )
    ranges = ET.SubElement(renderer, "ranges")
    symbols = ET.SubElement(renderer, "symbols")
    # The first range that fits is taken, and both its ends belong to it: the highest come first.
    ordered = sorted(classes, key=lambda one: -_ENDLESS if one.low is None else one.low)[::-1]
    for number, one in enumerate(ordered):
        low = -_ENDLESS if one.low is None else one.low
        high = _ENDLESS if one.high is None else one.high
        ET.SubElement(
            ranges, "range", lower=f"{low:.15g}", upper=f"{high:.15g}", symbol=str(number),
            label=one.label, render="true",
        )  # fmt: skip
        _add_symbol(symbols, number, one.symbol, kind)
    return _end(root, names, headings)


def categorised(
    expression: str,
    categories: Sequence[Category],
    *,
    kind: Kind,
    names: str | None = None,
    headings: Mapping[str, str] | None = None,
) -> str:
    """Make a style that colours by a text; the parameters are those of :func:`graduated`."""
    root, renderer = _begin("categorizedSymbol", expression, {}, names)
    listed = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, one in enumerate(categories):
        about = {
            "value": "" if one.value is None else one.value, "symbol": str(number),
            "label": one.label, "render": "true",
        }  # fmt: skip
        about["type"] = "NULL" if one.value is None else "string"
        ET.SubElement(listed, "category", about)
        _add_symbol(symbols, number, one.symbol, kind)
    return _end(root, names, headings)


def column(name: str) -> str:
    """Write a column's name as an expression of QGIS."""
    return '"' + name.replace('"', '""') + '"'


def style_table(styles: Sequence[LayerStyle], *, geometry: str = "geom") -> pd.DataFrame:
    """Lay styles out as QGIS's table of styles.

    Parameters
    ----------
    styles : sequence of LayerStyle
        In the order in which they are listed.
    geometry : str
        Name of the layers' geometry column.

    Returns
    -------
    DataFrame
        The columns of QGIS's ``layer_styles``; its id is the file's own.
    """
    return pd.DataFrame(
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": [one.layer for one in styles],
            "f_geometry_column": geometry,
            "styleName": [one.name[:30] for one in styles],
            "styleQML": [one.qml for one in styles],
            "styleSLD": "",
            "useAsDefault": [one.default for one in styles],
            "description": [one.name for one in styles],
            "owner": "",
            "ui": "",
            # Of styles that are no default QGIS takes the latest: all are of the same moment.
            "update_time": pd.Timestamp("2000-01-01", tz="UTC"),
        }
    )


def _begin(
    kind: str, expression: str, more: Mapping[str, str], names: str | None
) -> tuple[ET.Element, ET.Element]:
    categories = ["Symbology", "Fields", *(["Labeling"] if names else [])]
    root = ET.Element(
        "qgis",
        version=VERSION,
        styleCategories="|".join(categories),
        labelsEnabled="1" if names else "0",
    )
    about = {"attr": expression, "type": kind, "forceraster": "0", "symbollevels": "0",
             "enableorderby": "0", **more}  # fmt: skip
    return root, ET.SubElement(root, "renderer-v2", about)


def _end(root: ET.Element, names: str | None, headings: Mapping[str, str] | None) -> str:
    if names:
        labels = ET.SubElement(root, "labeling", type="simple")
        settings = ET.SubElement(labels, "settings", calloutType="simple")
        text = ET.SubElement(
            settings, "text-style", fieldName=names, isExpression="0", fontSize="9",
            fontSizeUnit="Point", textColor="38,38,38,255", textOpacity="1", namedStyle="Regular",
        )  # fmt: skip
        ET.SubElement(
            text, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferSizeUnits="MM",
            bufferColor="255,255,255,255", bufferOpacity="1",
        )  # fmt: skip
        ET.SubElement(settings, "placement", placement="0", centroidInside="1", priority="5")
        ET.SubElement(settings, "rendering", obstacle="0", displayAll="0", drawLabels="1")
    aliases = ET.SubElement(root, "aliases")
    for field, heading in (headings or {}).items():
        ET.SubElement(aliases, "alias", field=field, name=heading, index="-1")
    ET.indent(root, " ")
    return _clean(ET.tostring(root, encoding="unicode"))


def _add_symbol(symbols: ET.Element, number: int, symbol: Symbol, kind: Kind) -> None:
    part = ET.SubElement(
        symbols, "symbol", name=str(number), type=kind, alpha="1", clip_to_extent="1",
        force_rhr="0",
    )  # fmt: skip
    layer = ET.SubElement(part, "layer", {"class": _CLASSES[kind], "enabled": "1", "locked": "0",
                                          "pass": "0"})  # fmt: skip
    colour, outline = _rgba(symbol.colour, symbol.opacity), _rgba(symbol.stroke, 1.0)
    width = f"{symbol.width:g}"
    if kind == "line":
        options = {
            "line_color": colour, "line_width": width, "line_width_unit": "MM",
            "line_style": "solid", "capstyle": "round", "joinstyle": "round",
        }  # fmt: skip
    else:
        options = {
            "color": colour, "style": "solid", "outline_color": outline,
            "outline_style": "solid" if symbol.width else "no", "outline_width": width,
            "outline_width_unit": "MM", "joinstyle": "round",
        }  # fmt: skip
        if kind == "marker":
            options |= {"name": "circle", "size": f"{symbol.size:g}", "size_unit": "MM"}
            del options["style"]
    listed = ET.SubElement(layer, "Option", type="Map")
    for name, value in options.items():
        ET.SubElement(listed, "Option", name=name, type="QString", value=value)


def _rgba(colour: str, opacity: float) -> str:
    """Give ``#rrggbb`` as QGIS writes it: four numbers from 0 to 255."""
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return ",".join(map(str, [*parts, round(255 * opacity)]))


def _clean(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(one for one in text if one in "\t\n\r" or ord(one) >= 0x20)
