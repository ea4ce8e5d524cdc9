"""The report of the data quality check as HTML, JSON and a GeoPackage of the offenders.

The JSON document is stable; ``format`` changes when it does:

- ``format``: ``"bredband-check/1"``; ``region``, ``language``, ``crs``, ``version``
- ``summary``: ``files``, ``errors``, ``warnings``, ``infos``, ``offenders``
- ``findings``: per finding ``rule``, ``severity``, ``layer``, ``file``, ``rows``,
  ``message``, ``fix``, ``details`` (the message's numbers, in metres and square metres)
- ``offenders``: per row ``rule``, ``severity``, ``layer``, ``file``, ``row``, ``id``,
  ``message``, ``x``, ``y`` (a point in it, in ``crs``) and the measures that its rule has
- ``counts``: per file ``layer``, ``file``, ``rows_in_file``, ``rows_in``, ``used``,
  ``set_aside``, ``reasons``, ``adds_up``
- ``rules``: every rule with ``id``, ``severity``, ``layer``, ``title``, ``looks_for``,
  ``why``, ``fix``

Everything is written whole or not at all.
"""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import jinja2
import numpy as np
import pandas as pd
import pyogrio
import shapely
from bredband_gis.errors import GeodataError
from bredband_gis.store import MAKER, MANIFEST, write_file, write_folder

from bredband import __version__
from bredband.check_context import MEASURES
from bredband.check_registry import (
    SEVERITIES,
    describe_rules,
    rule_texts,
    translate_reasons,
)
from bredband.tables import OFFENDERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import geopandas as gpd

    from bredband.checks import Report

FORMAT: Final = "bredband-check/1"
KIND: Final = "check"
"""Marks the manifest of a folder of reports, so that no run's results are replaced by one."""
FILES: Final = ("check.html", "check.json", "check.gpkg", "set_aside.csv")

_LISTED: Final = 30
"""Rows shown under a finding in the HTML page."""
_DRAWN: Final = 1500
"""Marks drawn per rule in the HTML page."""
_WIDTH: Final = 720.0
_COLOURS: Final = {"error": "#b3261e", "warning": "#b26a00", "info": "#1f5f8b"}


def write_report(report: Report, out: Path) -> None:
    """Write the report to a folder: check.html, check.json, check.gpkg, set_aside.csv.

    Parameters
    ----------
    report : Report
        From :func:`bredband.checks.check_region`.
    out : Path
        The folder. An earlier report in it is replaced as a whole.

    Raises
    ------
    GeodataError
        The folder holds something else, the results of a run included.
    """
    _refuse_results(out)
    with write_folder(out) as folder:
        (folder / "check.html").write_text(as_html(report), encoding="utf-8")
        (folder / "check.json").write_text(as_json(report), encoding="utf-8")
        _write_geopackage(report, folder / "check.gpkg")
        aside = translate_reasons(report.set_aside, report.language)
        aside.to_csv(folder / "set_aside.csv", index=False, encoding="utf-8")
        manifest = {
            "made_by": MAKER,
            "kind": KIND,
            "region": report.region.region.name,
            "version": __version__,
            "errors": report.errors,
            "warnings": report.warnings,
            # Offenders are single buildings in their exact places.
            "files": {
                name: {"bytes": (folder / name).stat().st_size, "audience": "internal"}
                for name in FILES
            },
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=2)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _refuse_results(out: Path) -> None:
    try:
        kind = json.loads((out / MANIFEST).read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        return  # write_folder judges what is there
    if kind != KIND:
        msg = "the folder holds the results of a run, which a report would replace"
        raise GeodataError(msg, where=str(out), fix="name another folder with --out")


def write_html(report: Report, path: Path) -> None:
    """Write the report as one HTML page that loads nothing from elsewhere."""
    with write_file(path) as new:
        new.write_text(as_html(report), encoding="utf-8")


def write_json(report: Report, path: Path) -> None:
    """Write the report as JSON; the module says what is in it."""
    with write_file(path) as new:
        new.write_text(as_json(report), encoding="utf-8")


def write_geopackage(report: Report, path: Path) -> None:
    """Write the offenders as a GeoPackage in the region's CRS, for QGIS.

    Layers, each where it has rows: offenders_points, offenders_lines, offenders_polygons
    and offenders_without_place; and the tables findings, counts and rules.
    """
    with write_file(path) as new:
        _write_geopackage(report, new)


# --- JSON ----------------------------------------------------------------------------


def as_json(report: Report) -> str:
    """Give the report as a JSON document; the module says what is in it."""
    offenders = report.offenders
    x, y = _points(offenders)
    table = pd.DataFrame(offenders[[*OFFENDERS.columns]]).assign(x=x.round(2), y=y.round(2))
    for name in MEASURES:
        table[name] = offenders[name].round(2)
    content = {
        "format": FORMAT,
        "version": __version__,
        "region": report.region.region.name,
        "language": report.language,
        "crs": report.region.region.crs,
        "summary": {
            "files": len(report.counts),
            "errors": report.errors,
            "warnings": report.warnings,
            "infos": len(report.findings) - report.errors - report.warnings,
            "offenders": len(offenders),
        },
        "findings": [dict(vars(finding)) for finding in report.findings],
        "offenders": [
            {key: value for key, value in row.items() if not _is_missing(value)}
            for row in table.to_dict("records")
        ],
        "counts": report.counts.to_dict("records"),
        "rules": describe_rules(report.language),
    }
    return json.dumps(_plain(content), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    """Give what JSON has for numpy's and pandas' values; null for what is missing."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if _is_missing(value) else value


def _points(offenders: gpd.GeoDataFrame) -> tuple[Any, Any]:
    shapes = np.asarray(offenders.geometry.array, dtype=object)
    inside = shapely.point_on_surface(shapes)
    return shapely.get_x(inside), shapely.get_y(inside)


# --- GeoPackage ----------------------------------------------------------------------


def _write_geopackage(report: Report, path: Path) -> None:
    offenders = report.offenders
    kind = shapely.get_type_id(np.asarray(offenders.geometry.array, dtype=object))
    layers: list[tuple[str, tuple[int, ...], str]] = [
        ("offenders_points", (0, 4), "MultiPoint"),
        ("offenders_lines", (1, 2, 5), "MultiLineString"),
        ("offenders_polygons", (3, 6), "MultiPolygon"),
    ]
    placed = np.zeros(len(offenders), dtype=bool)
    for layer, kinds, shape in layers:
        mine = np.isin(kind, kinds)
        placed |= mine
        if mine.any():
            part = offenders[mine]
            empty = [name for name in MEASURES if part[name].isna().all()]
            pyogrio.write_dataframe(
                part.drop(columns=empty), path, layer=layer, driver="GPKG",
                geometry_type=shape, promote_to_multi=True, append=path.exists(),
            )  # fmt: skip
    rest = pd.DataFrame(offenders[~placed].drop(columns="geometry"))
    findings = pd.DataFrame(
        [
            {name: getattr(finding, name) for name in
             ("rule", "severity", "layer", "file", "rows", "message", "fix")}
            for finding in report.findings
        ],
        columns=["rule", "severity", "layer", "file", "rows", "message", "fix"],
    )  # fmt: skip
    counts = report.counts.astype({"adds_up": "object"})
    counts["adds_up"] = counts["adds_up"].map({True: 1, False: 0}).astype("Int64")
    tables = {
        "offenders_without_place": rest.drop(columns=[*MEASURES]),
        "findings": findings.astype({"rows": "int64"}),
        "counts": counts,
        "rules": pd.DataFrame(describe_rules(report.language)),
    }
    for layer, table in tables.items():
        if not len(table) and layer != "findings":
            continue
        with warnings.catch_warnings():
            # A table without geometry is meant.
            warnings.filterwarnings("ignore", message=".*geometry.*", category=UserWarning)
            pyogrio.write_dataframe(
                table.reset_index(drop=True), path, layer=layer, driver="GPKG",
                append=path.exists(),
            )  # fmt: skip


# --- HTML ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shown:
    """A finding with the first of its rows, as the page shows it."""

    rule: str
    title: str
    severity: str
    where: str
    message: str
    fix: str
    why: str
    rows: list[dict[str, str]]
    listed: str
    more: str
    count: str


def as_html(report: Report) -> str:
    """Give the report as one HTML page that loads nothing from elsewhere.

    Every text from the data is escaped: a building called ``<script>`` is a name.
    """
    texts = rule_texts(report.language)
    said = texts.report
    infos = len(report.findings) - report.errors - report.warnings
    number = texts.words.number
    shown = [_show(report, index) for index in range(len(report.findings))]
    heads = {"error": said["errors"], "warning": said["warnings"], "info": said["infos"]}
    loader = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = loader.from_string(files("bredband").joinpath("check_report.html").read_text("utf-8"))
    return page.render(
        said=said,
        language=report.language,
        colours=_COLOURS,
        title=said["title"].format(region=report.region.region.name),
        subtitle=said["subtitle"].format(
            files=number(len(report.counts)), errors=number(report.errors),
            warnings=number(report.warnings), infos=number(infos),
        ),
        groups=[
            (severity, heads[severity], [one for one in shown if one.severity == severity])
            for severity in SEVERITIES
        ],
        counts=[
            {
                "file": row.file,
                "layer": _layer_name(texts, str(row.layer)),
                "rows_in": number(_float(row.rows_in)),
                "used": number(_float(row.used)),
                "set_aside": number(_float(row.set_aside)),
                "reasons": row.reasons,
                "adds_up": said["unknown" if row.adds_up is pd.NA else
                                "yes" if row.adds_up else "no"],
            }
            for row in report.counts.itertuples(index=False)
        ],
        rules=describe_rules(report.language),
        severity=texts.words.severity,
        sketch=_sketch(report),
        map_more=said["map_more"].format(n=number(_DRAWN)),
        version=__version__,
    )  # fmt: skip


def _float(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _layer_name(texts: Any, layer: str) -> str:
    name: str = texts.words.layer.get(layer, layer)
    return name


def _show(report: Report, index: int) -> _Shown:
    texts = rule_texts(report.language)
    finding = report.findings[index]
    table = report.offenders
    mine = table[(table["finding"] == index).to_numpy()]
    listed = mine.head(_LISTED)
    parts = (
        finding.file,
        _layer_name(texts, finding.layer) if finding.layer else texts.report["between"],
    )
    return _Shown(
        rule=finding.rule,
        title=texts.get(finding.rule, "title") or finding.rule,
        severity=finding.severity,
        where=", ".join(part for part in parts if part),
        message=finding.message,
        fix=finding.fix,
        why=texts.get(finding.rule, "why"),
        rows=[
            {
                "row": "" if pd.isna(row.row) else str(row.row),
                "id": "" if pd.isna(row.id) else str(row.id),
                "message": str(row.message),
            }
            for row in listed.itertuples(index=False)
        ],
        listed=texts.words.count(len(listed), "row"),
        more=texts.report["more"].format(n=texts.words.number(len(mine) - _LISTED))
        if len(mine) > _LISTED
        else "",
        count=texts.words.count(finding.rows, "row") if finding.rows else "",
    )


@dataclass(frozen=True)
class _Sketch:
    """A drawing of where the offenders lie: SVG paths, marks and their legend."""

    width: float
    height: float
    outlines: list[str]
    marks: Sequence[tuple[str, str, str, int]]
    more: bool


def _sketch(report: Report) -> _Sketch | None:
    """Draw the municipalities' outlines and a mark for each offender, the gravest on top."""
    if report.places is None:
        return None
    minx, miny, maxx, maxy = report.places.total_bounds
    scale = _WIDTH / max(maxx - minx, 1.0)
    height = max(40.0, (maxy - miny) * scale)
    shapes = shapely.simplify(report.places.geometry.to_numpy(), 0.7 / scale)
    outlines = []
    for ring in shapely.get_rings(shapely.get_parts(shapes)):
        xy = shapely.get_coordinates(ring)
        points = zip((xy[:, 0] - minx) * scale, (maxy - xy[:, 1]) * scale, strict=True)
        outlines.append("M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in points) + "Z")
    x, y = _points(report.offenders)
    near = np.isfinite(x) & (x > minx - 5e4) & (x < maxx + 5e4)
    near &= (y > miny - 5e4) & (y < maxy + 5e4)
    texts = rule_texts(report.language)
    marks, more = [], False
    rules = report.offenders["rule"].to_numpy()
    severity = report.offenders["severity"].to_numpy()
    for level in reversed(SEVERITIES):
        for rule in pd.unique(pd.Series(rules[near & (severity == level)])):
            at = np.flatnonzero(near & (severity == level) & (rules == rule))
            more |= len(at) > _DRAWN
            # Spread over the rows, not the first of them, which lie together.
            drawn = at[np.unique(np.linspace(0, len(at) - 1, min(len(at), _DRAWN)).astype(int))]
            px, py = (x[drawn] - minx) * scale, (maxy - y[drawn]) * scale
            path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(px, py, strict=True))
            marks.append((path, level, texts.get(str(rule), "title") or str(rule), len(at)))
    return _Sketch(_WIDTH, height, outlines, marks, more)
