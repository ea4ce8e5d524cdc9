"""Reading submissions as they are, ours or edited by hand, and the lists to check them against.

Nothing is refused here: what is odd about a file is noted, and what can be read is.
"""

from __future__ import annotations

import codecs
import difflib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
import shapely
from bredband_gis.errors import EmptyLayerError, GeodataError, UnreadableSourceError
from bredband_gis.tabular import (
    CSV_SUFFIXES,
    XLSX_SUFFIXES,
    TextTable,
    guess_encoding,
    parse_numbers,
    read_csv,
    read_xlsx,
)

from bredband.phrases import translate
from bredband.submission_files import SHEETS
from bredband.submission_schema import (
    ABSENT,
    COPIED,
    ID,
    ROW,
    Breach,
    Content,
    breaches,
    collection_errors,
    columns,
    definition,
    is_number,
    titles,
    types,
)
from bredband.submission_text import Found, Say, show, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

JSON_SUFFIXES: Final = (".geojson", ".json")

TRUE: Final = frozenset({"true", "sant", "sann", "ja", "j", "yes", "y", "1", "x"})
FALSE: Final = frozenset({"false", "falskt", "falsk", "nej", "n", "no", "0"})
"""How marks are written in tables; blank is no where others have an x."""

_POWER: Final = re.compile(r"^\d([.,]\d+)?E\+\d+$", re.IGNORECASE)
"""A long number as Excel shows it: its last digits are gone."""

_FORMULA: Final = re.compile(r"^'(?=[=+\-@])")
_LEAST_KNOWN: Final = 3
"""Columns of ours by which a table without its id column is still known for a submission."""

_NEAR: Final = 0.8
"""How alike two names are when one may be meant for the other, 0-1 (difflib)."""

_CRS84: Final = re.compile(r"CRS:?84$|EPSG:+4326$|OGC:CRS84", re.IGNORECASE)


@dataclass(eq=False)
class Draft:
    """A submission as it was read.

    Attributes
    ----------
    file : str
        Name of the file.
    content : {"buildings", "areas"}
        What it holds.
    form : {"geojson", "table"}
        GeoJSON, or CSV and XLSX.
    table : DataFrame
        A column of dtype object for each property: Python's None, bool, int, float, str, list
        or dict, or ABSENT. None of the rows that could not be read.
    numbers : array of int64
        Number of each row: of the feature (the first is 1), or the line of the file.
    facts : dict
        The collection's other members.
    lon, lat : array of float64
        Of points; nan where there are none.
    shapes : array of (geometry or None)
        Of polygons.
    feature_ids : array of object
        ABSENT where the feature has none.
    found : list of Found
        What is wrong with the file itself.
    """

    file: str
    content: Content = "buildings"
    form: Literal["geojson", "table"] = "geojson"
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    facts: dict[str, Any] = field(default_factory=dict)
    lon: Floats = field(default_factory=lambda: np.zeros(0))
    lat: Floats = field(default_factory=lambda: np.zeros(0))
    shapes: NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, dtype=object))
    feature_ids: NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, dtype=object))
    found: list[Found] = field(default_factory=list)

    @cached_property
    def breaches(self) -> list[Breach]:
        """Give what the schema finds wrong with the columns that are there."""
        known = definition(ROW[self.content])["properties"]
        table = self.table[[name for name in self.table if name in known]].copy()
        missing = missing_columns(self)
        for name in missing:  # said once for the file, not for every row
            table[name] = None
        return [one for one in breaches(table, ROW[self.content]) if one.column not in missing]

    def is_wrong(self, name: str) -> NDArray[np.bool_]:
        """Tell which values of a column the schema does not allow."""
        wrong = np.zeros(len(self), dtype=bool)
        for one in self.breaches:
            if one.column == name and not one.given:
                wrong |= one.rows
        return wrong

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.table)

    @property
    def ids(self) -> NDArray[np.object_]:
        """Give each row's id; None where it has none that is text."""
        return self.text(ID[self.content])

    def values(self, name: str) -> NDArray[np.object_]:
        """Give a column as it is; ABSENT where it is not there."""
        if name in self.table:
            found: NDArray[np.object_] = self.table[name].to_numpy(dtype=object)
            return found
        return np.full(len(self), ABSENT, dtype=object)

    def text(self, name: str) -> NDArray[np.object_]:
        """Give a column's texts; None where the value is no text."""
        values = [one if type(one) is str else None for one in self.values(name)]
        return _objects(values)

    def number(self, name: str) -> Floats:
        """Give a column's numbers; nan where the value is none."""
        return np.array([one if is_number(one) else np.nan for one in self.values(name)], float)

    def flag(self, name: str) -> NDArray[np.int8]:
        """Give a column's truth values: 1, 0, or -1 where the value is none."""
        known = {True: 1, False: 0}
        return np.array(
            [known[one] if type(one) is bool else -1 for one in self.values(name)], dtype=np.int8
        )

    def note(self, rule: str, **values: Any) -> None:
        """Note something about the file."""
        self.found.append(Found(rule, values=values))

    def find(
        self, rule: str, rows: ArrayLike, *, each: Mapping[str, Any] | None = None, **values: Any
    ) -> Found:
        """Say what a rule found on some of the rows.

        Parameters
        ----------
        rule : str
            Id of the rule.
        rows : array of bool or of int
            The rows, as a mask or as positions.
        each : mapping, optional
            What is said of each of these rows: a sequence as long as they are.
        values
            What is said of the file.
        """
        at = np.asarray(rows)
        at = np.flatnonzero(at) if at.dtype == bool else at
        return Found(rule, self.numbers[at], self.ids[at], values, each or {})


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def read_draft(path: Path) -> Draft:
    """Read a submission, whatever is wrong with it.

    Parameters
    ----------
    path : Path
        GeoJSON, CSV or XLSX.

    Returns
    -------
    Draft
        With no rows where the file cannot be read at all; ``found`` then says why.
    """
    draft = Draft(path.name)
    suffix = path.suffix.casefold()
    try:
        if not path.stat().st_size:
            draft.note("empty-file")
        elif suffix in JSON_SUFFIXES:
            _read_geojson(draft, path.read_bytes())
        elif suffix in (*CSV_SUFFIXES, *XLSX_SUFFIXES):
            draft.form = "table"
            _read_table(draft, read_text(path))
        else:
            draft.note("unknown-format", suffix=suffix or path.name)
    except EmptyLayerError:
        draft.note("no-features")
    except GeodataError as error:
        draft.note("unreadable-source", said=_sentence(error.what), advice=_sentence(error.fix))
    return draft


def _sentence(text: str | None) -> Say:
    """Give a reader's words as a sentence of the language."""

    def say(texts: Any) -> str:
        said = translate(text or "", texts.language)
        return f"{said[:1].upper()}{said[1:]}." if said else said

    return say


# --- GeoJSON ---------------------------------------------------------------------------------


def _read_geojson(draft: Draft, data: bytes) -> None:
    document = _parse(draft, data)
    if document is None:
        return
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        found = document.get("type", {}) if isinstance(document, dict) else document
        draft.note("not-a-collection", found=show(found))
        return
    draft.facts = {name: value for name, value in document.items() if name != "features"}
    features = document.get("features")
    if not isinstance(features, list) or not features:
        draft.note("no-features")
        return
    _check_members(draft, document)
    kept = _take_features(draft, features)
    table = _spread([feature["properties"] for feature in kept])
    shapes = [feature.get("geometry") for feature in kept]
    draft.content = _content_of(draft.facts.get("content"), [*map(str, table)], shapes)
    draft.table = table
    draft.feature_ids = _objects([feature.get("id", ABSENT) for feature in kept])
    draft.lon = draft.lat = np.full(len(kept), np.nan)
    draft.shapes = np.full(len(kept), None, dtype=object)
    if not kept:
        return
    if draft.content == "buildings":
        _take_points(draft, shapes)
    else:
        _take_polygons(draft, shapes)


def _parse(draft: Draft, data: bytes) -> Any:
    """Parse JSON; None where it cannot be, which is then noted."""
    if not data.strip():
        draft.note("empty-file")
        return None
    encoding = guess_encoding(data)
    if encoding != "utf-8":
        draft.note("not-utf8", encoding=encoding.upper())
    elif data.startswith(codecs.BOM_UTF8):
        draft.note("byte-order-mark")
    text = data.decode(encoding, errors="replace").removeprefix("\ufeff")
    constants: list[str] = []

    def constant(name: str) -> float:
        constants.append(name)
        return float(name)

    try:
        document = json.loads(text, parse_constant=constant)
    except json.JSONDecodeError as error:
        # A file that ends too early fails at its end, or in a text that never closes.
        left = len(text.rstrip()) - error.pos
        if left <= len("false") or error.msg.startswith("Unterminated string"):
            draft.note("cut-off", line=text.rstrip().count("\n") + 1)
        else:
            draft.note("not-json", line=error.lineno, column=error.colno)
        return None
    except (RecursionError, ValueError):  # nested or numbers beyond all measure
        draft.note("not-json", line=1, column=1)
        return None
    if constants:
        draft.note("no-number", n=len(constants))
    return document


def _check_members(draft: Draft, document: Mapping[str, Any]) -> None:
    """Note what is wrong with the collection's own members, by the schema."""
    about = definition("collection")["properties"]
    forbidden = sorted(name for name in about if about[name] is False and name in document)
    for error in collection_errors(document):
        if error.validator is None:  # false: the member must not be there
            continue
        path, value = ".".join(map(str, error.absolute_path)), error.instance
        if error.validator in ("required", "additionalProperties"):
            named = re.findall(r"'([^']+)'", error.message)[:1]
            path, value = ".".join(filter(None, [path, *named])), ABSENT
        part = error.schema if isinstance(error.schema, dict) else {}
        draft.note("file-fact", path=path, expected=_expected(part), value=show(value))
    if "crs" in forbidden:
        _check_crs(draft, document["crs"])
        forbidden.remove("crs")
    if forbidden:
        draft.note("forbidden-member", names=", ".join(forbidden))


def _expected(about: Mapping[str, Any], column: str = "") -> Say:
    return lambda texts: texts.expect(about, column)


def _check_crs(draft: Draft, crs: Any) -> None:
    name = crs
    if isinstance(crs, dict):
        properties = crs.get("properties")
        name = properties.get("name") if isinstance(properties, dict) else crs.get("name", crs)
    if name is None or _CRS84.search(str(name)):
        draft.note("crs-member")
    else:
        draft.note("wrong-crs", crs=show(name))


def _take_features(draft: Draft, features: list[Any]) -> list[dict[str, Any]]:
    """Give the features that have properties, and note the others."""
    right = np.fromiter(
        (type(one) is dict and one.get("type") == "Feature" for one in features),
        bool, len(features),
    )  # fmt: skip
    with_row = np.fromiter(
        (type(one) is dict and type(one.get("properties")) is dict for one in features),
        bool, len(features),
    )  # fmt: skip
    numbers = np.arange(1, len(features) + 1)
    for rule, wrong in (("not-a-feature", ~right), ("no-properties", right & ~with_row)):
        at = np.flatnonzero(wrong)
        if at.size:
            values = shown([features[n] for n in at])
            draft.found.append(
                Found(rule, numbers[at], np.full(at.size, None, object), {}, {"value": values})
            )
    kept = np.flatnonzero(right & with_row)
    draft.numbers = numbers[kept]
    return [features[n] for n in kept]


def _spread(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make a column of every property, in the order in which they first come."""
    names: dict[str, None] = {}
    for keys in {tuple(row) for row in rows}:
        names.update(dict.fromkeys(keys))
    return pd.DataFrame(
        {
            str(name): pd.Series(_objects([row.get(name, ABSENT) for row in rows]), dtype=object)
            for name in sorted(names)
        },
        index=range(len(rows)),
    )


def _content_of(stated: object, names: list[str], shapes: Iterable[Any]) -> Content:
    """Tell buildings from areas: by what the file says, its columns, its geometry."""
    if stated in ROW:
        return stated
    if ID["buildings"] in names:
        return "buildings"
    kinds = [one.get("type") for one in shapes if isinstance(one, dict)]
    points = sum(kind in ("Point", "MultiPoint") for kind in kinds)
    if ID["areas"] in names and points * 2 < len(kinds):
        return "areas"
    return "buildings" if points * 2 >= len(kinds) else "areas"


def _kind_mask(shapes: list[Any], wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.fromiter(
        (type(one) is dict and one.get("type") in wanted for one in shapes), bool, len(shapes)
    )


def _take_kind(draft: Draft, shapes: list[Any], wanted: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell which geometries are of the kinds wanted, and note the others."""
    none = np.fromiter((one is None for one in shapes), bool, len(shapes))
    right = _kind_mask(shapes, wanted)
    if none.any():
        draft.found.append(draft.find("no-geometry", none))
    wrong = np.flatnonzero(~none & ~right)
    if wrong.size:
        values = [
            show(shapes[n].get("type") if isinstance(shapes[n], dict) else shapes[n]) for n in wrong
        ]
        draft.found.append(
            draft.find("wrong-geometry", wrong, each={"value": values}, expected=", ".join(wanted))
        )
    return right


def _take_points(draft: Draft, shapes: list[Any]) -> None:
    right = _take_kind(draft, shapes, ("Point",))
    at = np.flatnonzero(right)
    positions = [shapes[n].get("coordinates") for n in at]
    good = np.fromiter(map(_is_position, positions), bool, len(positions))
    _note_positions(draft, at[~good], [positions[n] for n in np.flatnonzero(~good)])
    high = [n for n, good_ in zip(range(len(at)), good, strict=True)
            if good_ and len(positions[n]) > 2]  # fmt: skip
    if high:
        draft.found.append(draft.find("height", at[high]))
    draft.lon[at[good]] = [one[0] for one, ok in zip(positions, good, strict=True) if ok]
    draft.lat = draft.lon.copy()
    draft.lat[at[good]] = [one[1] for one, ok in zip(positions, good, strict=True) if ok]


def _note_positions(draft: Draft, at: NDArray[np.int64], positions: list[Any]) -> None:
    if at.size:
        draft.found.append(draft.find("bad-coordinates", at, each={"value": shown(positions)}))


def _is_position(one: Any) -> bool:
    """Tell whether something is two numbers, or three with a height."""
    return type(one) is list and 2 <= len(one) <= 3 and all(map(is_number, one))


def _take_polygons(draft: Draft, shapes: list[Any]) -> None:
    right = _take_kind(draft, shapes, ("Polygon", "MultiPolygon"))
    open_, high, bad = [], [], []
    for n in np.flatnonzero(right).tolist():  # hundreds of areas, not thousands
        given = shapes[n].get("coordinates")
        polygons = [given] if shapes[n]["type"] == "Polygon" else given
        if not _are_rings(polygons):
            bad.append(n)
            continue
        rings = [ring for polygon in polygons for ring in polygon]
        if any(len(position) > 2 for ring in rings for position in ring):
            high.append(n)
        if any(ring[0] != ring[-1] for ring in rings):
            open_.append(n)
            continue
        draft.shapes[n] = shapely.multipolygons(
            [
                shapely.Polygon(*_shell([[position[:2] for position in ring] for ring in polygon]))
                for polygon in polygons
            ]
        )
    _note_positions(draft, np.array(bad, int), [shapes[n].get("coordinates") for n in bad])
    for rule, at in (("height", high), ("ring-not-closed", open_)):
        if at:
            draft.found.append(draft.find(rule, np.array(at, int)))


def _shell(rings: list[Any]) -> tuple[Any, list[Any]]:
    return rings[0], rings[1:]


def _are_rings(polygons: Any) -> bool:
    """Tell whether these are polygons, each of rings of four or more positions."""
    return (
        type(polygons) is list
        and bool(polygons)
        and all(type(polygon) is list and polygon for polygon in polygons)
        and all(
            type(ring) is list and len(ring) >= 4 and all(map(_is_position, ring))
            for polygon in polygons
            for ring in polygon
        )
    )


# --- tables ----------------------------------------------------------------------------------


def read_text(path: Path) -> TextTable:
    """Read a CSV file, or of a workbook the sheet of ours, or its first.

    Raises
    ------
    UnreadableSourceError, EmptyLayerError
        As :func:`bredband_gis.tabular.read_csv` and ``read_xlsx``.
    """
    if path.suffix.casefold() not in XLSX_SUFFIXES:
        return read_csv(path)
    for name in SHEETS.values():
        try:
            read_xlsx(path, sheet=name, rows=0)
        except UnreadableSourceError as error:
            if "there is no sheet" not in error.what:
                raise
        else:
            return read_xlsx(path, sheet=name)
    return read_xlsx(path)


def _read_table(draft: Draft, text: TextTable) -> None:
    frame = text.frame
    if text.encoding not in ("", "utf-8"):
        draft.note("code-page", encoding=text.encoding.upper())
    names = [str(name) for name in frame]
    doubled = [name for name in names if re.fullmatch(r".+_\d", name) and name[:-2] in names]
    if doubled:
        draft.note("double-column", names=", ".join(sorted({name[:-2] for name in doubled})))
        frame = frame.drop(columns=doubled)
    known = {content: _known_names(content, frame) for content in ROW}
    content = max(known, key=lambda one: (len(known[one]), one == "buildings"))
    if len(known[content]) < _LEAST_KNOWN:
        draft.note(
            "not-a-submission", one=ID["buildings"], other=ID["areas"],
            columns=", ".join(map(str, frame)),
        )  # fmt: skip
        return
    draft.content = content
    frame = frame.rename(columns={theirs: ours for ours, theirs in known[content].items()})
    draft.numbers = text.row + text.line
    draft.table = pd.DataFrame(
        {name: pd.Series(_typed(draft, frame[name], str(name)), dtype=object) for name in frame},
        index=range(len(frame)),
    )
    draft.lon = draft.lat = np.full(len(frame), np.nan)
    draft.shapes = np.full(len(frame), None, dtype=object)
    draft.feature_ids = np.full(len(frame), ABSENT, dtype=object)
    for name in ("e_3006", "n_3006", ID[content]):
        power = np.array([bool(_POWER.match(one)) for one in frame.get(name, [])], dtype=bool)
        if power.any():
            each = {"value": shown(frame[name][power])}
            draft.found.append(
                draft.find("excel-number", power, each=each, column=field_(content, name))
            )


def field_(content: Content, column: str) -> Say:
    """Name a column in the language."""
    return lambda texts: texts.name(content, column)


def _known_names(content: Content, frame: pd.DataFrame) -> dict[str, str]:
    """Give the file's name of each of our columns: its name or its Swedish heading."""
    theirs = {_plain(name): str(name) for name in reversed(list(frame))}
    found = {}
    for name, title in titles(content).items():
        for form in (name, title):
            if _plain(form) in theirs:
                found[name] = theirs[_plain(form)]
                break
    return found


def _plain(name: object) -> str:
    return " ".join(str(name).casefold().split()).strip(" '\"")


def near_name(content: Content, name: str, among: Iterable[str]) -> str | None:
    """Give the name that one may be meant for, or that may be meant for it."""
    headings = titles(content)
    forms = {_plain(form): one for one in among for form in (headings.get(one, one), one)}
    for form in (name, headings.get(name, name)):
        close = difflib.get_close_matches(_plain(form), forms, n=1, cutoff=_NEAR)
        if close:
            return forms[close[0]]
    return None


def _typed(draft: Draft, column: pd.Series[Any], name: str) -> NDArray[np.object_]:
    """Make a column of texts what JSON would hold, where it can be; else leave the text."""
    blank = column.isna().to_numpy()
    text = column.to_numpy(dtype=object)
    known = definition(ROW[draft.content])["properties"]
    kinds = types(draft.content, name) if name in known and name != COPIED else ("string",)
    if "boolean" in kinds:
        folded = [
            None if blank_ else str(one).strip().casefold()
            for one, blank_ in zip(text, blank, strict=True)
        ]
        crossed = "x" in folded
        values: list[object] = [
            True if one in TRUE else False if one in FALSE
            else (False if crossed else None) if one is None else whole
            for one, whole in zip(folded, text, strict=True)
        ]  # fmt: skip
        return _objects(values)
    if "integer" in kinds or "number" in kinds:
        numbers = parse_numbers(column)
        return _objects([
            whole if wrong else None if np.isnan(one)
            else int(one) if one.is_integer() else one
            for one, wrong, whole in zip(numbers.values.tolist(), numbers.bad, text, strict=True)
        ])  # fmt: skip
    return _objects([
        None if none else _FORMULA.sub("", str(one).strip()) or None
        for one, none in zip(text, blank, strict=True)
    ])  # fmt: skip


def missing_columns(draft: Draft) -> list[str]:
    """List our columns that the file has not."""
    return [name for name in columns(draft.content) if name not in draft.table]


def unknown_columns(draft: Draft) -> list[str]:
    """List columns of the file that are not ours."""
    known = definition(ROW[draft.content])["properties"]
    return [str(name) for name in draft.table if name not in known]
