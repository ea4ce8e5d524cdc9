"""The report's drawings: a map of shares, and plots with text as text, safe for the colour-blind.

Plots are matplotlib's SVG without its own fonts, names and styles, so that several may stand
in one page. Every drawing has a title and a description; its numbers stand in a table by it.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import shapely
from markupsafe import Markup, escape
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bredband.map_draw import NOTHING, middles, simplify_neighbours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import geopandas as gpd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import ArrayLike, NDArray

SHARE_COLOURS: Final = ("#f0f9e8", "#ccebc5", "#a8ddb5", "#7bccc4", "#43a2ca", "#0868ac")
"""Classes of shares, as on the map (ColorBrewer's GnBu)."""

SERIES: Final = (("#0868ac", "o"), ("#8073ac", "s"), ("#b35806", "^"))
"""Colour and mark of each series: apart in hue, lightness and shape."""

_INK: Final = "#1d1d1f"
_SOFT: Final = "#55565a"
_GRID: Final = "#dcdce0"
_BAR: Final = {"low": "#7fb3d5", "high": "#b35806"}
_LONGEST: Final = 36
_WIDTH: Final = 6.6  # inches of 72 points
_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)

_LOOKS: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name with $ in it is a name
    "axes.unicode_minus": True,
    "font.size": 10,
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.6,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 10,
}


# ---- SVG ------------------------------------------------------------------------------


def _finish(canvas: Canvas, name: str, title: str, description: str) -> Markup:
    """Write a plot as SVG that may stand in a page with others."""
    buffer = io.StringIO()
    meta = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        # The reader's own font draws the text.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        canvas.savefig(buffer, format="svg", metadata=meta, transparent=True)
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - our own
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", buffer.getvalue()))
    kept = {one for pair in used for one in pair if one}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _tidy(element, name, kept)
    width, height = root.get("viewBox", "0 0 1 1").split()[2:]
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("stroke-linejoin", "round")
    text = ElementTree.tostring(root, encoding="unicode")
    inner = text[text.index(">") + 1 : text.rindex("</svg>")]
    return _frame(name, title, description, float(width), float(height), inner)


def _tidy(element: ElementTree.Element, name: str, kept: set[str]) -> None:
    """Give an element a name of this drawing, or none, and the page's font."""
    found = element.attrib.pop("id", None)
    if found in kept:
        element.set("id", f"{name}-{found}")
    for key, value in list(element.attrib.items()):
        if "url(#" in value:
            element.set(key, value.replace("url(#", f"url(#{name}-"))
        elif key == f"{{{_XLINK}}}href" and value.startswith("#"):
            element.attrib.pop(key)
            element.set("href", f"#{name}-{value[1:]}")
    if element.tag == f"{{{_SVG}}}text":
        style = element.get("style", "")
        size = re.search(r"([\d.]+)px", style)
        anchor = re.search(r"text-anchor:\s*(\w+)", style)
        fill = re.search(r"fill:\s*(#\w+)", style)
        weight = "bold" if re.search(r"\b(bold|700)\b", style) else ""
        element.attrib.pop("style", None)
        for key, value in (
            ("font-size", size[1] if size else ""), ("text-anchor", anchor[1] if anchor else ""),
            ("fill", fill[1] if fill else _INK), ("font-weight", weight),
        ):  # fmt: skip
            if value:
                element.set(key, value)


def _frame(
    name: str, title: str, description: str, width: float, height: float, inner: str
) -> Markup:
    """Put what is drawn into an SVG with a title and a description."""
    head = (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img"'
        f' aria-labelledby="{name}-title {name}-desc" stroke-linejoin="round">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>'
    )
    return Markup(f"{head}{inner}</svg>")  # noqa: S704 - texts are escaped above and by the writer


def _looks(name: str) -> AbstractContextManager[None]:
    """Set what plots look like; the names in a drawing are the same every time."""
    looks: Any = {**_LOOKS, "svg.hashsalt": name}
    return mpl.rc_context(looks)


def _axes(height: float) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(_WIDTH, height), layout="constrained")
    axes = canvas.add_subplot()
    axes.set_axisbelow(True)
    return canvas, axes


def _row_axes(labels: Sequence[str]) -> tuple[Canvas, Axes]:
    """Give axes whose rows are named, the first on top."""
    canvas, axes = _axes(0.9 + 0.27 * len(labels))
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=_GRID, linewidth=0.8)
    axes.spines["left"].set_visible(False)
    return canvas, axes


def _short(label: str) -> str:
    """Cut a name that would leave no room for the plot; the table has it whole."""
    return label if len(label) <= _LONGEST else label[: _LONGEST - 1].rstrip() + "…"


def _scale(axis: Axis, write: Callable[[float], str], most: int) -> None:
    """Put at most so many round numbers on an axis, written as the reader does."""
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def _legend(axes: Axes, *, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2,
                handletextpad=0.3, columnspacing=1.4)  # fmt: skip


# ---- plots ----------------------------------------------------------------------------


def draw_dots(
    labels: Sequence[str],
    series: Mapping[str, ArrayLike],
    *,
    percent: Callable[[float], str],
    name: str,
    title: str,
    description: str,
) -> Markup:
    """Draw shares as dots, a row per label, with a line between its least and its largest.

    Parameters
    ----------
    labels : sequence of str
        The rows, from the top.
    series : mapping of str to array
        Name of a series -> shares, 0-1, NaN where there is none; at most three.
    percent : callable
        Writes a share.
    name, title, description : str
        Of the drawing; ``name`` is unique in the page.

    Returns
    -------
    Markup
        SVG.
    """
    with _looks(name):
        canvas, axes = _row_axes(labels)
        y = np.arange(len(labels))
        values = np.array([np.asarray(one, float) for one in series.values()])
        filled = np.isfinite(values).any(axis=0)
        low = np.nanmin(values[:, filled], axis=0, initial=np.inf)
        high = np.nanmax(values[:, filled], axis=0, initial=-np.inf)
        axes.hlines(y[filled], low, high, color="#b9b9be", linewidth=1.6, zorder=1)
        for (label, one), (colour, mark) in zip(series.items(), SERIES, strict=False):
            axes.plot(np.asarray(one, float), y, mark, color=colour, label=label, markersize=6.5,
                      markeredgecolor="white", markeredgewidth=0.6, clip_on=False)  # fmt: skip
        least = float(low.min()) if low.size else 0.0
        axes.set_xlim(min(max(least - 0.04, 0.0), 0.9), 1.012)
        _scale(axes.xaxis, percent, 6)
        _legend(axes, columns=3)
        return _finish(canvas, name, title, description)


def draw_ranges(
    labels: Sequence[str],
    low: ArrayLike,
    point: ArrayLike,
    high: ArrayLike,
    *,
    number: Callable[[float], str],
    words: tuple[str, str],
    name: str,
    title: str,
    description: str,
) -> Markup:
    """Draw intervals, a row per label: a line from low to high and a dot for the value.

    Parameters
    ----------
    labels : sequence of str
        The rows, from the top.
    low, point, high : array of float
        In the unit of the axis.
    number : callable
        Writes a number of the axis.
    words : (str, str)
        What the dot and the line are.
    name, title, description : str
        As in :func:`draw_dots`.
    """
    with _looks(name):
        canvas, axes = _row_axes(labels)
        y = np.arange(len(labels))
        axes.hlines(y, np.asarray(low, float), np.asarray(high, float), color="#7fb3d5",
                    linewidth=5, label=words[1], zorder=1)  # fmt: skip
        axes.plot(np.asarray(point, float), y, "o", color=SERIES[0][0], markersize=6.5,
                  markeredgecolor="white", markeredgewidth=0.6, label=words[0])  # fmt: skip
        axes.set_xlim(left=min(0.0, float(np.nanmin(np.asarray(low, float), initial=0.0))))
        _scale(axes.xaxis, number, 7)
        _legend(axes, columns=2)
        return _finish(canvas, name, title, description)


def draw_swings(
    labels: Sequence[str],
    low: ArrayLike,
    high: ArrayLike,
    point: float,
    *,
    number: Callable[[float], str],
    words: tuple[str, str, str],
    name: str,
    title: str,
    description: str,
) -> Markup:
    """Draw a tornado: what the sum is with each factor low and high, the widest on top.

    Parameters
    ----------
    labels : sequence of str
        The factors, from the top.
    low, high : array of float
        The sum with the factor at its P10 and at its P90, in the unit of the axis.
    point : float
        The sum by the price book.
    number : callable
        Writes a number of the axis.
    words : (str, str, str)
        What the low side, the high side and the line in the middle are.
    name, title, description : str
        As in :func:`draw_dots`.
    """
    with _looks(name):
        canvas, axes = _row_axes(labels)
        y = np.arange(len(labels))
        sides = ((low, _BAR["low"], words[0]), (high, _BAR["high"], words[1]))
        for values, colour, label in sides:
            away = np.asarray(values, float) - point
            axes.barh(y, away, left=point, height=0.6, color=colour, label=label)
        axes.axvline(point, color=_INK, linewidth=1, label=words[2])
        _scale(axes.xaxis, number, 7)
        _legend(axes, columns=3)
        return _finish(canvas, name, title, description)


def draw_curve(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    goals: Sequence[tuple[str, float]],
    thresholds: Sequence[tuple[str, float, float]],
    percent: Callable[[float], str],
    number: Callable[[float], str],
    label_x: str,
    label_y: str,
    label_points: str,
    name: str,
    title: str,
    description: str,
) -> Markup:
    """Draw the share of households by cumulated money, with goals and thresholds.

    Parameters
    ----------
    lines : mapping of str to (array, array)
        Name -> money in the unit of the axis and shares, 0-1.
    goals : sequence of (str, float)
        Level lines: name and share.
    thresholds : sequence of (str, float, float)
        Points on the first line: name, money and share.
    percent, number : callable
        Write a share and an amount of money.
    label_x, label_y, label_points : str
        What the axes and the points on the first line are.
    name, title, description : str
        As in :func:`draw_dots`.
    """
    with _looks(name):
        canvas, axes = _axes(4.1)
        axes.grid(color=_GRID, linewidth=0.8)
        dashes = ("-", (0, (5, 2)))
        farthest = 0.0
        for (label, (x, y)), (colour, _), dash in zip(
            lines.items(), (SERIES[0], SERIES[2]), dashes, strict=False
        ):
            money, share = _thin(np.asarray(x, float), np.asarray(y, float))
            farthest = max(farthest, float(money.max(initial=0.0)))
            axes.plot(money, share, color=colour, linewidth=2.2, linestyle=dash, label=label)
        for label, level in goals:
            axes.axhline(level, color=_SOFT, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
            axes.annotate(label, (1, level), xycoords=("axes fraction", "data"), xytext=(-2, 2),
                          textcoords="offset points", ha="right", va="bottom", fontsize=9,
                          color=_SOFT)  # fmt: skip
        if thresholds:
            _, at_x, at_y = zip(*thresholds, strict=True)
            axes.plot(at_x, at_y, "D", color=_INK, markersize=5.5, zorder=4, linestyle="none",
                      label=label_points)  # fmt: skip
        for at, (label, x, y) in enumerate(thresholds):
            axes.annotate(label, (x, y), xytext=(4, -8 - 12 * (at % 2)), va="top", fontsize=9,
                          textcoords="offset points", color=_INK)  # fmt: skip
        axes.set_xlim(0, farthest * 1.14 or 1.0)
        axes.set_ylim(top=1.012)
        _scale(axes.xaxis, number, 7)
        _scale(axes.yaxis, percent, 6)
        axes.set_xlabel(label_x)
        axes.set_ylabel(label_y)
        _legend(axes, columns=3)
        return _finish(canvas, name, title, description)


def _thin(
    x: NDArray[np.float64], y: NDArray[np.float64], most: int = 240
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep points even along the line: no more than a page shows, and no single household."""
    if x.size <= most:
        return x, y
    spread = np.hypot(np.diff(x) / (np.ptp(x) or 1.0), np.diff(y) / (np.ptp(y) or 1.0))
    along = np.r_[0.0, np.cumsum(spread)]
    at = np.unique(np.searchsorted(along, np.linspace(0.0, along[-1], most)).clip(0, x.size - 1))
    return x[at], y[at]


# ---- the map --------------------------------------------------------------------------


def draw_map(
    municipalities: gpd.GeoDataFrame,
    shares: ArrayLike,
    texts: Sequence[str],
    edges: Sequence[float],
    *,
    name: str,
    title: str,
    description: str,
    width: float = 340.0,
) -> Markup:
    """Draw the municipalities, coloured by share, with the names that have room.

    Parameters
    ----------
    municipalities : GeoDataFrame
        ``tables.MUNICIPALITIES`` in a metric CRS.
    shares : array of float
        Per municipality, 0-1; NaN where there is none.
    texts : sequence of str
        What is told of each where one points at it.
    edges : sequence of float
        Shares at which the colour changes, one fewer than the colours.
    name, title, description : str
        As in :func:`draw_dots`.
    width : float
        Of the drawing.
    """
    shapes = simplify_neighbours(np.asarray(municipalities.geometry.array, dtype=object))
    west, south, east, north = shapely.total_bounds(shapes)
    scale = width / max(east - west, (north - south) * 0.8, 1.0)
    wide, high = (east - west) * scale, (north - south) * scale
    share = np.asarray(shares, float)
    level = np.searchsorted(edges, share, "right")
    parts = []
    for shape, of, empty, text in zip(shapes, level, np.isnan(share), texts, strict=True):
        colour = NOTHING if empty else SHARE_COLOURS[of]
        parts.append(
            f'<path d="{_path(shape, west, north, scale)}" fill="{colour}" stroke="#6b6b6b"'
            f' stroke-width=".6"><title>{escape(text)}</title></path>'
        )
    at = middles(shapes)
    for shape, point, label, of in zip(
        shapes, at, municipalities["municipality_name"], level, strict=True
    ):
        radius = float(shapely.boundary(shape).distance(point)) * scale
        size = 9.0
        if len(str(label)) * size * 0.27 > radius * 1.15 or radius < size * 0.6:
            continue
        x, y = (point.x - west) * scale, (north - point.y) * scale + size * 0.35
        ink = "#ffffff" if of >= len(SHARE_COLOURS) - 1 else _INK
        parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="middle"'
            f' fill="{ink}" aria-hidden="true">{escape(str(label))}</text>'
        )
    inner = f'<g transform="translate(1 1)">{"".join(parts)}</g>'
    return _frame(name, title, description, wide + 2, high + 2, inner)


def _path(shape: Any, west: float, north: float, scale: float) -> str:
    rings = shapely.get_rings(shapely.get_parts(shape))
    drawn = []
    for ring in rings:
        xy = shapely.get_coordinates(ring)
        points = np.round(np.column_stack([xy[:, 0] - west, north - xy[:, 1]]) * scale, 1)
        moved = points[np.r_[True, (np.diff(points, axis=0) != 0).any(axis=1)]]
        if len(moved) > 3:
            drawn.append("M" + "L".join(f"{x:g} {y:g}" for x, y in moved[:-1]) + "Z")
    return "".join(drawn)
