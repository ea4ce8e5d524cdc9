"""Interactive maps that are one HTML file and load nothing from any network.

:class:`WebMap` is a ``folium.Map`` with Leaflet inside the page instead of links
to it. Geometry is packed into short strings and drawn on canvas by ``webmap.js``,
so that tens of thousands of features stay small and quick. Every name and number
from data reaches the page as JSON text that cannot end its script, and is set as
text by the browser, never read as HTML. A content security policy in the page
forbids it to fetch anything.

    page = WebMap("Title", bounds=(17, 65, 24, 69))
    squares = pack(polygons, "EPSG:3006", {"name": names})
    page.add_child(squares)
    page.add_child(ShapeLayer(squares, "Squares", [Style(fill="#1f78b4", label="one")], codes))
    page.save("map.html")
"""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from html import escape
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import folium
import numpy as np
import shapely
from branca.element import Element, Figure, MacroElement
from folium.map import Layer
from jinja2 import Template

from bredband_gis.crs import transform_points
from bredband_gis.errors import BadValueError, GeodataError, GeometryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]

Kind = Literal["point", "line", "polygon"]

OSM_TILES = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
OSM_HOST = "https://tile.openstreetmap.org"


class OnlineResourceError(GeodataError):
    """A page that must work without a network refers to something outside itself."""


# ---- text -----------------------------------------------------------------------------


def script_json(value: object) -> str:
    r"""Write a value as JSON that may stand inside a ``<script>`` of an HTML page.

    ``<``, ``>`` and ``&`` are written as escapes, so that ``</script>`` or ``<!--``
    in a name cannot end the script; so are the two line separators that older
    browsers take for line ends. ``//`` is written ``\/\/``, so that an address in
    the data cannot be mistaken for one that the page loads; and ``{{``, ``{%`` and
    ``{#`` cannot start anything in the Jinja templates that folium passes text through.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    # Outside strings, JSON never has two such characters in a row.
    for char in "{%#":
        text = text.replace("{" + char, f"{{\\u{ord(char):04x}")
    return re.sub("/{2,}", lambda slashes: "\\/" * len(slashes[0]), text)


class _Verbatim(Element):
    """Text that goes into the page as it is.

    folium renders what its macros give once more as a template, so that ``{{`` in a
    name would be run as code.
    """

    _template = Template("{{ this.text }}")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def _write_script(element: MacroElement, text: str) -> None:
    root = element.get_root()
    root.script.add_child(_Verbatim(text), name=element.get_name())  # type: ignore[attr-defined]


# ---- packing --------------------------------------------------------------------------


def pack_numbers(values: ArrayLike) -> str:
    """Pack whole numbers, 0 to 2**32 - 1, seven bits to a byte, as base64 text."""
    array = np.asarray(values, dtype=np.int64).ravel()
    if array.size and (array.min() < 0 or array.max() >= 2**32):
        msg = "only whole numbers from 0 to 4294967295 can be packed"
        raise BadValueError(msg)
    size = np.ones(array.size, np.int64)
    for bits in (7, 14, 21, 28):
        size += array >= 1 << bits
    start = np.cumsum(size) - size
    out = np.zeros(int(size.sum()), np.uint8)
    for at in range(5):
        has = size > at
        more = np.where(size[has] > at + 1, 128, 0)
        out[start[has] + at] = ((array[has] >> (7 * at)) & 127) | more
    return base64.b64encode(out.tobytes()).decode("ascii")


def _pack_texts(values: Iterable[object]) -> dict[str, Any]:
    found: dict[str | None, int] = {}
    codes = [
        found.setdefault(None if value is None else str(value), len(found)) for value in values
    ]
    own = len(found) == len(codes)
    return {"values": list(found), "codes": None if own else pack_numbers(codes)}


class Features(MacroElement):
    """Packed geometry with its texts, shared by the layers that draw it.

    Made by :func:`pack`. Add it to the map before the layers.
    """

    def __init__(
        self, kind: Kind, length: int, packed: str, bounds: tuple[float, float, float, float] | None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Features"
        self.kind: Kind = kind
        self.length = length
        self.packed = packed
        self.bounds = bounds

    def render(self, **kwargs: object) -> None:  # type: ignore[override]
        """Write the geometry as a variable of the page."""
        del kwargs
        _write_script(self, f"var {self.get_name()} = webmap.features({self.packed});")


def pack(
    geometry: Any,
    crs: object,
    columns: Mapping[str, Iterable[object]] | None = None,
    *,
    resolution: float = 1.0,
) -> Features:
    """Pack geometry of one kind, and the texts that belong to it.

    Parameters
    ----------
    geometry : array of shapely geometries, or tuple of two arrays
        Points, (multi)lines or (multi)polygons, not mixed; missing and empty ones
        keep their place and are not drawn. Points may be given as arrays x and y.
    crs : CRS
        What the coordinates are in.
    columns : mapping of str to texts, optional
        Texts by feature, one or None each, for popups and labels. Equal texts are
        kept once.
    resolution : float
        Coordinates are rounded to this many metres of EPSG:3857, which at 66 degrees
        north is 0.4 times as many on the ground.

    Raises
    ------
    GeometryError
        The geometry is of mixed or other kinds.
    BadValueError
        A column has another length than the geometry.
    """
    if isinstance(geometry, tuple):
        x, y = (np.asarray(axis, float) for axis in geometry)
        kind: Kind = "point"
        length, sizes, parts = x.size, None, None
    else:
        shapes = np.asarray(geometry, dtype=object)
        length = shapes.size
        kind = _kind(shapes)
        x, y, sizes, parts = _vertices(shapes, kind)
    texts = {name: _pack_texts(values) for name, values in (columns or {}).items()}
    for name, values in (columns or {}).items():
        if len(list(values)) != length:
            msg = f"column {name} has {len(list(values))} values for {length} features"
            raise BadValueError(msg)

    east, north = transform_points(x, y, crs, "EPSG:3857")
    whole = np.column_stack([np.rint(east / resolution), np.rint(north / resolution)])
    whole = whole.astype(np.int64)
    if sizes is not None:
        whole, sizes = _drop_repeated(whole, sizes)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64))
    packed = {
        "kind": kind,
        "resolution": resolution,
        "deltas": pack_numbers((steps << 1) ^ (steps >> 63)),
        "sizes": None if sizes is None else pack_numbers(sizes),
        "parts": None if parts is None else pack_numbers(parts),
        "columns": texts,
    }
    bounds = None
    if whole.size:
        low, high = whole.min(axis=0) * resolution, whole.max(axis=0) * resolution
        lon, lat = transform_points([low[0], high[0]], [low[1], high[1]], "EPSG:3857", "EPSG:4326")
        bounds = (float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1]))
    return Features(kind, length, script_json(packed), bounds)


def _kind(shapes: NDArray[np.object_]) -> Kind:
    dimension = np.unique(shapely.get_dimensions(shapes[~shapely.is_missing(shapes)]))
    dimension = dimension[dimension >= 0]
    if dimension.size == 0:
        return "polygon"
    if dimension.size > 1:
        msg = "points, lines and polygons cannot be packed together"
        raise GeometryError(msg, fix="pack each kind by itself")
    kinds: tuple[Kind, ...] = ("point", "line", "polygon")
    return kinds[int(dimension[0])]


def _vertices(
    shapes: NDArray[np.object_], kind: Kind
) -> tuple[NDArray[np.float64], NDArray[np.float64], Ints, Ints]:
    """Give the vertices, how many each part has, and how many parts each feature has."""
    pieces, owner = shapely.get_parts(shapes, return_index=True)
    if kind == "polygon":
        rings, polygon = shapely.get_rings(pieces, return_index=True)
        pieces, owner = rings, owner[polygon]
    corner, piece = shapely.get_coordinates(pieces, return_index=True)
    if kind == "polygon":  # the last corner is the first again
        last = np.append(np.diff(piece) != 0, True)[: piece.size]
        corner, piece = corner[~last], piece[~last]
    sizes = np.bincount(piece, minlength=pieces.size)
    parts = np.bincount(owner, minlength=shapes.size)
    return corner[:, 0], corner[:, 1], sizes, parts


def _drop_repeated(whole: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Leave out a vertex that rounding has put on the one before it in the same part."""
    part = np.repeat(np.arange(sizes.size), sizes)
    keep = np.ones(part.size, bool)
    keep[1:] = (part[1:] != part[:-1]) | (whole[1:] != whole[:-1]).any(axis=1)
    return whole[keep], np.bincount(part[keep], minlength=sizes.size)


# ---- layers ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Style:
    """How the features of one class look, and what the legend calls them.

    Colours are CSS colours; ``width`` is that of the line or outline and ``radius``
    that of a point, px. Polygons smaller than ``least`` px are drawn as a square of
    that size; lines may be dashed. A class without a label is not in the legend.
    """

    label: str = ""
    fill: str | None = None
    opacity: float = 1.0
    stroke: str | None = None
    width: float = 0.0
    radius: float = 4.0
    least: float = 0.0
    dash: bool = False


@dataclass(frozen=True)
class LabelStyle:
    """How the names of one class look, and from which to which zoom they are shown.

    Zoom counts from the one that shows the whole region; ``dot`` puts a point at
    the place and the name beside it.
    """

    size: float = 13.0
    weight: int = 400
    colour: str = "#1b1b1b"
    dot: bool = False
    start: float = -10.0
    stop: float = 30.0


@dataclass(frozen=True)
class Popup:
    """What a click on a feature shows; every name is that of a text column.

    Parameters
    ----------
    title : str
        Column of the heading.
    rows : sequence of (label, column)
        Lines below it; left out where the text is None.
    head, table : sequences, optional
        Column headings of a small table, and its rows: label, then columns.
    caption : str, optional
        Column of the table's caption.
    lead : str
        Stands before the heading of every feature.
    """

    title: str
    rows: Sequence[tuple[str, str]] = ()
    head: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()
    caption: str | None = None
    lead: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give what ``webmap.js`` reads."""
        table = {"head": self.head, "rows": self.table, "caption": self.caption}
        return {
            "title": self.title,
            "lead": self.lead,
            "rows": self.rows,
            "table": table if self.table else None,
        }


class _PackedLayer(Layer):
    maker = ""
    options = "{}"

    def __init__(
        self, features: Features, name: str, classes: int, of: ArrayLike | None, show: bool
    ) -> None:
        super().__init__(name=name, overlay=True, control=True, show=show)
        self.features = features
        codes = np.zeros(features.length, np.int64) if of is None else np.asarray(of)
        if codes.size != features.length:
            msg = f"{codes.size} class numbers for {features.length} features"
            raise BadValueError(msg, where=f"map layer {name}")
        if codes.size and (codes.min() < -1 or codes.max() >= classes):
            found = f"found {codes.min()} to {codes.max()}"
            msg = f"class numbers must be 0 to {classes - 1}, or -1 for none; {found}"
            raise BadValueError(msg, where=f"map layer {name}")
        self.of = pack_numbers(np.where(codes == -1, classes, codes))

    def render(self, **kwargs: object) -> None:  # type: ignore[override]
        """Write the layer as a variable of the page, and put it on the map if it is shown."""
        assert self._parent is not None  # noqa: S101 - folium renders children only
        made = f"webmap.{self.maker}({self.features.get_name()}, {self.options})"
        shown = f" {self.get_name()}.addTo({self._parent.get_name()});" if self.show else ""
        _write_script(self, f"var {self.get_name()} = {made};{shown}")
        # Not folium's Layer.render, which adds the layer once more at each rendering.
        super(Layer, self).render(**kwargs)  # type: ignore[no-untyped-call]


class ShapeLayer(_PackedLayer):
    """Features drawn on canvas, each in the style of its class.

    Parameters
    ----------
    features : Features
        From :func:`pack`.
    name : str
        In the panel.
    classes : sequence of Style
        The styles, in the order of the legend; the first is drawn on top.
    of : array of int, optional
        Number of each feature's class, -1 for one that is not in the layer; all 0 if left out.
    popup : Popup, optional
        Without one, clicks go through.
    tooltip : str, optional
        Text column that a mouse shows.
    notes : sequence of str
        Lines below the legend.
    show : bool
        Whether the layer is on when the page opens.
    order : int
        Layers with larger numbers lie on top.
    aim : int, optional
        Of what lies under a click, the layer with the largest number is told of first, and of
        equal ones the topmost. Points and lines have 2, polygons 0, where none is given.
    casing : str, optional
        Colour of the edging on both sides of lines.
    highlight : str, optional
        Colour of the outline of the feature that a popup describes.
    """

    maker = "shapes"

    def __init__(
        self,
        features: Features,
        name: str,
        classes: Sequence[Style],
        of: ArrayLike | None = None,
        *,
        popup: Popup | None = None,
        tooltip: str | None = None,
        notes: Sequence[str] = (),
        show: bool = True,
        order: int = 0,
        aim: int | None = None,
        casing: str | None = None,
        highlight: str | None = None,
    ) -> None:
        super().__init__(features, name, len(classes), of, show)
        self._name = "ShapeLayer"
        self.options = script_json(
            {
                "classes": [asdict(style) for style in classes],
                "of": self.of,
                "popup": popup.as_dict() if popup else None,
                "tooltip": tooltip,
                "notes": list(notes),
                "order": order,
                "aim": (0 if features.kind == "polygon" else 2) if aim is None else aim,
                "casing": casing,
                "highlight": highlight,
            }
        )


class LabelLayer(_PackedLayer):
    """Names at points; the first features are placed first, and none covers another.

    Parameters
    ----------
    features : Features
        Points with a text column ``name``, the most important first.
    name : str
        In the panel.
    classes : sequence of LabelStyle
        The styles.
    of : array of int, optional
        Number of each name's class.
    notes, show, order
        As in :class:`ShapeLayer`.
    """

    maker = "labels"

    def __init__(
        self,
        features: Features,
        name: str,
        classes: Sequence[LabelStyle],
        of: ArrayLike | None = None,
        *,
        notes: Sequence[str] = (),
        show: bool = True,
        order: int = 0,
    ) -> None:
        super().__init__(features, name, len(classes), of, show)
        self._name = "LabelLayer"
        styles = [
            {
                "size": style.size, "weight": style.weight, "colour": style.colour,
                "dot": style.dot, "from": style.start, "to": style.stop,
            }
            for style in classes
        ]  # fmt: skip
        self.options = script_json(
            {"classes": styles, "of": self.of, "notes": list(notes), "order": order}
        )


@dataclass(frozen=True)
class Places:
    """Features that a search finds by their name.

    Parameters
    ----------
    features : Features
        What is found.
    name : str
        Text column of the names.
    kind : str
        What they are, shown beside the name.
    detail : str, optional
        Text column shown instead of the kind, such as the municipality of a place.
    layer : ShapeLayer, optional
        The layer of these features whose popup is opened; without one the map only goes there.
    """

    features: Features
    name: str
    kind: str = ""
    detail: str | None = None
    layer: ShapeLayer | None = None


@dataclass(frozen=True)
class Search:
    """A field that finds places; ``none`` is said when there is no such place."""

    label: str
    none: str
    places: Sequence[Places]


class Head(MacroElement):
    """The box with the title, a few figures, notices and tools.

    Add it after the layers.

    Parameters
    ----------
    title, subtitle : str
        Heading and the line below it.
    facts : sequence of (value, label)
        Figures.
    notices : sequence of str
        What the reader must know, on a coloured ground.
    search : Search, optional
        A field that goes to a place.
    printing : (str, str), optional
        Words of the button that prints and of the choice of paper, A4 or A3.
    """

    def __init__(
        self,
        title: str,
        subtitle: str = "",
        facts: Sequence[tuple[str, str]] = (),
        notices: Sequence[str] = (),
        *,
        search: Search | None = None,
        printing: tuple[str, str] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Head"
        self.places = list(search.places) if search else []
        self.spec = script_json(
            {
                "title": title,
                "subtitle": subtitle,
                "facts": list(facts),
                "notices": list(notices),
                "search": {"label": search.label, "none": search.none} if search else None,
                "print": dict(zip(("label", "paper"), printing, strict=True)) if printing else None,
            }
        )

    def render(self, **kwargs: object) -> None:  # type: ignore[override]
        """Write the call that makes the box."""
        del kwargs
        assert self._parent is not None  # noqa: S101 - folium renders children only
        places = [
            f"{{ data: {one.features.get_name()},"
            f" layer: {one.layer.get_name() if one.layer else 'null'},"
            f" name: {script_json(one.name)}, detail: {script_json(one.detail)},"
            f" kind: {script_json(one.kind)} }}"
            for one in self.places
        ]
        call = f"webmap.head({self._parent.get_name()}, {self.spec}, [{', '.join(places)}]);"
        _write_script(self, call)


@dataclass(frozen=True)
class Group:
    """Layers that stand together in the panel.

    ``single``: one of them at a time. ``paper``: whether the legend that is printed tells of them.
    """

    title: str
    layers: Sequence[Layer]
    single: bool = False
    paper: bool = True


@dataclass(frozen=True)
class Choice:
    """Layers of which one is shown, chosen by several respects such as measure and speed.

    Parameters
    ----------
    title : str
        Heading in the panel.
    name : str
        Beside the switch of all of them.
    respects : sequence of (label, words)
        What may be chosen, and the words to choose from.
    members : mapping of tuple of int to Layer
        The number of a layer's word in each respect. Not every combination need be there.
    none : str
        Said where a combination is not there.
    """

    title: str
    name: str
    respects: Sequence[tuple[str, Sequence[str]]]
    members: Mapping[tuple[int, ...], Layer]
    none: str = ""

    @property
    def layers(self) -> list[Layer]:
        """All of the layers."""
        return list(self.members.values())


@dataclass(frozen=True)
class Ranking:
    """A list beside the map: features in order; a click goes to the feature.

    Parameters
    ----------
    name : str
        Of the list.
    layer : ShapeLayer
        Whose features are listed, with a popup.
    order : array of int
        Positions of the features, the first first; those left out are not listed.
    rank, title : str
        Text columns of what stands before the name, and of the name.
    columns : sequence of str
        Text columns of the line below it.
    part : (label, all, column), optional
        Lets the reader pick the features with one value of a text column, such as the
        municipality.
    most : int
        How many are listed at a time.
    more : str
        Said when there are more.
    """

    name: str
    layer: ShapeLayer
    order: ArrayLike
    rank: str
    title: str
    columns: Sequence[str] = ()
    part: tuple[str, str, str] | None = None
    most: int = 500
    more: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give what ``webmap_page.js`` reads."""
        part = None if self.part is None else dict(
            zip(("label", "all", "column"), self.part, strict=True)
        )  # fmt: skip
        return {
            "name": self.name, "layer": self.layer.get_name(), "order": pack_numbers(self.order),
            "rank": self.rank, "title": self.title, "columns": list(self.columns), "part": part,
            "most": self.most, "more": self.more,
        }  # fmt: skip


class Panel(MacroElement):
    """Layer control and legend in one: switches, classes, notes; folded on a phone.

    Add it after the layers.

    Parameters
    ----------
    title : str
        On its button.
    groups : sequence of Group or Choice
        The layers.
    texts : sequence of (title, lines)
        Folded texts at the foot, e.g. sources.
    lists : sequence of Ranking
        Further pages of the panel.
    show, hide : str
        What the button does, for those who hear the page.
    imprint : str
        Stands at the foot of what is printed, e.g. the sources.
    """

    def __init__(
        self,
        title: str,
        groups: Sequence[Group | Choice],
        texts: Sequence[tuple[str, Sequence[str]]] = (),
        *,
        lists: Sequence[Ranking] = (),
        show: str = "",
        hide: str = "",
        imprint: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Panel"
        self.groups = [group for group in groups if group.layers]
        self.lists = list(lists)
        self._texts = {
            "title": title, "texts": texts, "open": show or title, "close": hide,
            "imprint": imprint,
        }  # fmt: skip

    def render(self, **kwargs: object) -> None:  # type: ignore[override]
        """Write the call that makes the panel; the layers' names are known by now."""
        del kwargs
        assert self._parent is not None  # noqa: S101 - folium renders children only
        groups = []
        for group in self.groups:
            told: dict[str, Any] = {
                "title": group.title,
                "layers": [layer.get_name() for layer in group.layers],
            }
            if isinstance(group, Choice):
                told |= {
                    "name": group.name, "choices": group.respects, "none": group.none,
                    "paper": True,
                    "keys": [list(key) for key in group.members],
                }  # fmt: skip
            else:
                told |= {"single": group.single, "paper": group.paper}
            groups.append(told)
        members = [layer for group in self.groups for layer in group.layers]
        members += [one.layer for one in self.lists]
        names = {layer.get_name(): layer.layer_name for layer in members}
        lists = [one.as_dict() for one in self.lists]
        spec = script_json({**self._texts, "groups": groups, "names": names, "lists": lists})
        layers = ", ".join(f"{name}: {name}" for name in names)
        _write_script(self, f"webmap.panel({self._parent.get_name()}, {spec}, {{ {layers} }});")


# ---- the page -------------------------------------------------------------------------


class _Page(Figure):
    """The HTML around the map, with its language, title and security policy."""

    _template = Template(
        "<!DOCTYPE html>\n"
        '<html lang="{{ this.language|e }}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="{{ this.policy|e }}">\n'
        '<link rel="icon" href="data:,">\n'
        "<title>{{ this.title|e }}</title>\n"
        "{{ this.header.render(**kwargs) }}\n"
        "</head>\n<body>\n{{ this.html.render(**kwargs) }}\n"
        "<script>\n{{ this.script.render(**kwargs) }}\n</script>\n</body>\n</html>\n"
    )

    def __init__(self, title: str, language: str, policy: str) -> None:
        super().__init__(title=title)
        self.header = Element()
        self.header._parent = self
        self.language = language
        self.policy = policy


@dataclass(frozen=True)
class PageWords:
    """Words of the page itself, in the reader's language."""

    map_label: str = "Map"
    zoom_in: str = "Zoom in"
    zoom_out: str = "Zoom out"
    close: str = "Close"
    attribution: str = field(default="© OpenStreetMap contributors")


class WebMap(folium.Map):
    """A folium map whose page holds Leaflet and everything else that it needs.

    Parameters
    ----------
    title : str
        Title of the page.
    bounds : tuple
        West, south, east, north of what is shown first, degrees (EPSG:4326).
    language : str
        Language code of the page, e.g. ``"sv"``.
    words : PageWords, optional
        Words of the buttons.
    online : bool
        Allow map tiles from OpenStreetMap; :meth:`online_background` gives the layer.
        The page then works without a network too, but without that layer.
    """

    default_js: list[tuple[str, str]] = []  # noqa: RUF012 - as folium declares it
    default_css: list[tuple[str, str]] = []  # noqa: RUF012

    _template = Template("")

    def __init__(
        self,
        title: str,
        *,
        bounds: tuple[float, float, float, float],
        language: str = "sv",
        words: PageWords | None = None,
        online: bool = False,
    ) -> None:
        super().__init__(tiles=None)
        self._id = "0"
        self.words = words or PageWords()
        self.online = online
        self.map_bounds = bounds
        images = f"img-src data: {OSM_HOST}" if online else "img-src data:"
        policy = (
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; " + images
        )
        _Page(title, language, policy).add_child(self)

    def add_child(
        self, child: Element, name: str | None = None, index: int | None = None
    ) -> Element:
        """Add an element, numbered in order so that equal maps give equal pages."""
        if child not in self._children.values():
            child._id = str(len(self._children) + 1)
        return super().add_child(child, name=name, index=index)

    def online_background(self, name: str, *, show: bool = False) -> folium.TileLayer:
        """Give OpenStreetMap's tiles as a layer, for a map made with ``online``."""
        return folium.TileLayer(
            OSM_TILES, attr=self.words.attribution, name=name, overlay=True, show=show, max_zoom=17
        )

    def render(self, **kwargs: object) -> None:  # type: ignore[override]
        """Write the page's parts: first what the layers need, last what needs the layers."""
        page, name = self.get_root(), self.get_name()
        assert isinstance(page, _Page)  # noqa: S101 - made in __init__
        head = [
            f"<style>html, body, #{name} {{ height: 100%; margin: 0; }}</style>",
            f"<style>{_asset('vendor/leaflet/leaflet.css')}</style>",
            f"<style>{_asset('webmap.css')}</style>",
            f"<script>{_asset('vendor/leaflet/leaflet.js')}</script>",
            f"<script>{_asset('webmap.js')}</script>",
            f"<script>{_asset('webmap_page.js')}</script>",
        ]
        page.header.add_child(_Verbatim("\n".join(head)), name=name)
        label = escape(self.words.map_label)
        main = f'<main id="{name}" class="folium-map" aria-label="{label}"></main>'
        page.html.add_child(_Verbatim(main), name=name)
        words = script_json(
            {
                "close": self.words.close,
                "zoomIn": self.words.zoom_in,
                "zoomOut": self.words.zoom_out,
            }
        )
        west, south, east, north = self.map_bounds
        bounds = script_json([[south, west], [north, east]])
        online = script_json(self.online)
        _write_script(self, f"var {name} = webmap.map({script_json(name)}, {online});")
        super().render(**kwargs)  # type: ignore[no-untyped-call]
        start = f"webmap.start({name}, {bounds}, {words});"
        page.script.add_child(_Verbatim(start), name="start")

    def save(
        self,
        outfile: str | bytes | Path | BinaryIO,
        close_file: bool = True,
        **kwargs: object,
    ) -> None:
        """Write the map as one HTML file, checked to need no network.

        Raises
        ------
        OnlineResourceError
            It refers to something outside itself, and is not ``online``; nothing is written.
        """
        html = self.get_root().render(**kwargs)
        path = Path(os.fsdecode(outfile)) if isinstance(outfile, (str, bytes, Path)) else None
        if not self.online:
            assert_offline(html, where=path.name if path else "the page")
        if path:
            path.write_text(html, encoding="utf-8", newline="\n")
            return
        outfile.write(html.encode("utf-8"))  # type: ignore[union-attr]
        if close_file:
            outfile.close()  # type: ignore[union-attr]


@lru_cache
def _asset(path: str) -> str:
    text = files("bredband_gis").joinpath(path).read_text(encoding="utf-8")
    if path.endswith("leaflet.css"):
        # Pictures of a control and a marker that are not used, and a rule for IE 8.
        text = re.sub(r"[a-z-]+:\s*url\([^)]*\);", "", text)
    # The address of a debugging aid that is not here.
    return re.sub(r"//# sourceMappingURL=\S+", "", text)


# ---- checking -------------------------------------------------------------------------

_LOADING = re.compile(
    r"""(?:url\(|@import|\bimport\b|\bfetch\(|\bWorker\(|importScripts\(|\.open\(|tileLayer\(
        |\b(?:src|href|poster|data)\s*[=:])
        [\s("'`]*((?:https?:|wss?:)?//[^\s"'`)<>]+)""",
    re.VERBOSE | re.IGNORECASE,
)
_LINK = re.compile(r"<a\s[^>]*>", re.IGNORECASE)
_CSS = re.compile(r"""url\(\s*["']?(?!data:|\#)([^"')\s]+)|@import\s+["']?([^"';\s]+)""", re.I)
_LOADED = {"src", "srcset", "href", "xlink:href", "data", "poster", "background", "action"}


class _ResourceFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._inside = tag
        for name, value in attrs:
            if value is None:
                continue
            inside_page = value.startswith(("data:", "#", "javascript:")) or not value
            if name in _LOADED and tag != "a" and not inside_page:
                self.found.append(value)
            if name == "style":
                self._find_in_css(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            code = _LINK.sub("", data)
            self.found.extend(match[1] for match in _LOADING.finditer(code))
        elif self._inside == "style":
            self._find_in_css(data)

    def _find_in_css(self, text: str) -> None:
        self.found.extend(a or b for a, b in _CSS.findall(text))


def find_resources(html: str) -> list[str]:
    """List every file or address that a page would load from outside itself.

    Looks at attributes that load (``src``, ``href`` of anything but a plain link,
    ``style``), at ``url()`` and ``@import`` in style sheets, and at addresses that
    scripts load. Addresses that are only text, such as a source's, are left alone.
    """
    finder = _ResourceFinder()
    finder.feed(html)
    finder.close()
    return finder.found


def assert_offline(html: str, *, where: str = "the page") -> None:
    """Refuse a page that loads anything from outside itself.

    Raises
    ------
    OnlineResourceError
        It does; the message names what.
    """
    found = find_resources(html)
    if found:
        msg = f"it loads {len(found)} resources from outside: {', '.join(sorted(set(found))[:5])}"
        fix = "add only layers of bredband_gis.webmap; folium's plugins link to the network"
        raise OnlineResourceError(msg, where=where, fix=fix)
