"""The published JSON Schema of submissions, and many rows checked against it at once.

``pts_priority.schema.json`` is the one truth of what a submission's columns are. jsonschema
needs about a millisecond for a feature, so tens of thousands of rows are checked here by
column: every keyword that the schema uses for a row is read from it and tried on the whole
column, and a keyword that this module does not know is refused.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema import ValidationError
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

Content = Literal["buildings", "areas"]

ROW: Final[dict[Content, str]] = {"buildings": "building", "areas": "area"}
"""The definition that a row of each collection follows."""

ID: Final[dict[Content, str]] = {"buildings": "premises_id", "areas": "area_id"}

COPIED: Final = "id"
"""The column that GDAL makes of the features' ids; nobody's own."""


class Absent:
    """What stands where a feature lacks a property; null is something else."""

    def __repr__(self) -> str:
        """Say it in a debugger."""
        return "ABSENT"


ABSENT: Final = Absent()


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """Give the published schema."""
    text = files("bredband").joinpath("pts_priority.schema.json").read_text("utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def definition(name: str) -> dict[str, Any]:
    """Give one of the schema's definitions, e.g. ``"building"``."""
    found: dict[str, Any] = schema()["$defs"][name]
    return found


def columns(content: Content) -> list[str]:
    """List the columns of a collection in their order, without GDAL's copy of the id."""
    return list(definition(ROW[content])["required"])


def titles(content: Content) -> dict[str, str]:
    """Give the Swedish heading of every column."""
    about = definition(ROW[content])["properties"]
    return {name: about[name]["title"] for name in columns(content)}


def types(content: Content, name: str) -> tuple[str, ...]:
    """Give the JSON types that a column may hold."""
    stated = definition(ROW[content])["properties"][name]["type"]
    return (stated,) if isinstance(stated, str) else tuple(stated)


def sweden() -> tuple[tuple[float, float], tuple[float, float]]:
    """Give the least and greatest longitude and latitude of a position, degrees."""
    lon, lat = definition("position")["prefixItems"]
    return (lon["minimum"], lon["maximum"]), (lat["minimum"], lat["maximum"])


def sweref() -> tuple[tuple[int, int], tuple[int, int]]:
    """Give the least and greatest easting and northing of a building, m in EPSG:3006."""
    about = definition("building")["properties"]
    e, n = about["e_3006"], about["n_3006"]
    return (e["minimum"], e["maximum"]), (n["minimum"], n["maximum"])


@lru_cache
def validator(name: str = "") -> Draft202012Validator:
    """Give jsonschema's validator of the whole schema or of one of its definitions."""
    whole = schema()
    if name:
        whole = {"$ref": f"#/$defs/{name}", "$defs": whole["$defs"], "$schema": whole["$schema"]}
    return Draft202012Validator(whole)


def collection_errors(document: Mapping[str, Any]) -> list[ValidationError]:
    """Give what jsonschema finds wrong with the members of a collection, features left out."""
    members = {**document, "features": []}
    errors = validator("collection").iter_errors(members)
    return sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])


@dataclass(frozen=True, eq=False)
class Breach:
    """Rows that break one keyword of the schema.

    Attributes
    ----------
    column : str
        The column; a name that the schema does not know for ``additionalProperties``.
    keyword : str
        type, const, enum, minimum, maximum, minLength, maxLength, pattern, required or
        additionalProperties.
    expected : object
        The keyword's value.
    rows : array of bool, shape (n,)
        The rows.
    given : str
        The column that is true on them, where the keyword holds for such rows only.
    """

    column: str
    keyword: str
    expected: Any
    rows: Mask
    given: str = ""


_SPOKEN: Final = frozenset({"title", "description", "$comment", "examples"})
_KINDS: Final = ("null", "boolean", "integer", "number", "string", "array", "object", "absent")
_KIND_OF: Final[dict[type, int]] = {
    type(None): 0, bool: 1, int: 2, float: 3, str: 4, list: 5, dict: 6, Absent: 7,
}  # fmt: skip


def breaches(table: pd.DataFrame, name: str) -> list[Breach]:
    """Check every row of a table against a definition of the schema.

    Parameters
    ----------
    table : DataFrame
        A column of dtype object for each property, holding what JSON holds (None, bool,
        int, float, str, list, dict) or `ABSENT`.
    name : str
        A definition of the schema for an object with flat properties.

    Returns
    -------
    list of Breach
        One per column and keyword that some row breaks, in the schema's order. The rows in
        none of them are those that jsonschema accepts.

    Raises
    ------
    NotImplementedError
        The definition uses a keyword that this function does not know.
    """
    about = definition(name)
    known = _SPOKEN | {"type", "properties", "required", "additionalProperties", "allOf"}
    _refuse_unknown(about, known, name)
    held = {str(column): _Held(table[column]) for column in table}
    found = list(_required(held, about["required"], len(table)))
    found += _properties(held, about["properties"], np.ones(len(table), dtype=bool), "")
    if about.get("additionalProperties") is False:
        for column in held.keys() - about["properties"].keys():
            there = ~held[column].of("absent")
            if there.any():
                found.append(Breach(column, "additionalProperties", False, there))
    for rule in about.get("allOf", []):
        _refuse_unknown(rule, {"if", "then", "$comment"}, name)
        given, where = _condition(held, rule["if"], len(table))
        _refuse_unknown(rule["then"], {"properties"}, name)
        found += _properties(held, rule["then"]["properties"], where, given)
    return found


class _Held:
    """A column: its values, and of which JSON type each is."""

    def __init__(self, values: pd.Series[Any]) -> None:
        self.values = values.to_numpy(dtype=object)
        kinds, which = np.unique(
            np.fromiter(
                (_KIND_OF.get(kind, -1) for kind in map(type, self.values)),
                dtype=np.int8,
                count=len(self.values),
            ),
            return_inverse=True,
        )
        if (kinds < 0).any():
            odd = sorted(
                {type(value).__name__ for value in self.values if type(value) not in _KIND_OF}
            )
            msg = f"not what JSON holds: {', '.join(odd)}"
            raise TypeError(msg)
        self.kind = kinds[which]

    def of(self, name: str) -> Mask:
        """Tell which values are of a JSON type; 2.0 is an integer and integers are numbers."""
        is_kind = self.kind == _KINDS.index(name)
        if name == "number":
            is_kind = is_kind | (self.kind == _KINDS.index("integer"))
        if name == "integer":
            whole = np.flatnonzero(self.kind == _KINDS.index("number"))
            is_kind[whole] = [value.is_integer() for value in self.values[whole]]
        return np.asarray(is_kind, dtype=bool)

    def test(self, kind: str, passes: Callable[[Any], bool]) -> Mask:
        """Tell which values of a type fail a test that looks at each different value once."""
        at = np.flatnonzero(self.of(kind))
        failed = np.zeros(len(self.values), dtype=bool)
        if at.size:
            codes, uniques = pd.factorize(self.values[at], use_na_sentinel=False)
            failed[at] = ~np.fromiter(map(passes, uniques), dtype=bool, count=len(uniques))[codes]
        return failed

    def differs(self, expected: object) -> Mask:
        """Tell which values are there and not the one expected; true is not 1."""
        if not isinstance(expected, (bool, str)):
            msg = f"{expected!r} as a constant cannot be checked by column"
            raise NotImplementedError(msg)
        wanted = self.kind == _KIND_OF[type(expected)]
        same = np.fromiter((value == expected for value in self.values), bool, len(self.values))
        other: Mask = ~(wanted & same) & ~self.of("absent")
        return other


def _refuse_unknown(part: Mapping[str, Any], known: frozenset[str] | set[str], name: str) -> None:
    unknown = sorted(set(part) - known)
    if unknown:
        msg = f"keyword {', '.join(unknown)} of {name} cannot be checked by column"
        raise NotImplementedError(msg)


def _required(held: Mapping[str, _Held], names: list[str], rows: int) -> Iterator[Breach]:
    for name in names:
        lacking = held[name].of("absent") if name in held else np.ones(rows, dtype=bool)
        if lacking.any():
            yield Breach(name, "required", True, lacking)


def _properties(
    held: Mapping[str, _Held], about: Mapping[str, Any], where: Mask, given: str
) -> list[Breach]:
    found = []
    for name, part in about.items():
        for keyword, expected in part.items():
            if keyword in _SPOKEN:
                continue
            if keyword not in _TESTS:
                msg = f"keyword {keyword} of {name} cannot be checked by column"
                raise NotImplementedError(msg)
            if name not in held:
                continue
            rows = _TESTS[keyword](held[name], expected) & where
            if rows.any():
                found.append(Breach(name, keyword, expected, rows, given))
    return found


def _condition(held: Mapping[str, _Held], if_: Mapping[str, Any], rows: int) -> tuple[str, Mask]:
    """Give the one column that an if looks at, and where it is as the if says."""
    _refuse_unknown(if_, {"properties", "required"}, "if")
    ((name, part),) = if_["properties"].items()
    _refuse_unknown(part, {"const"}, "if")
    if if_.get("required") != [name]:
        msg = f"an if on {name} without required cannot be checked by column"
        raise NotImplementedError(msg)
    if name not in held:
        return name, np.zeros(rows, dtype=bool)
    holds: Mask = ~held[name].differs(part["const"]) & ~held[name].of("absent")
    return name, holds


def _wrong_type(held: _Held, expected: str | list[str]) -> Mask:
    right = held.of("absent")
    for name in [expected] if isinstance(expected, str) else expected:
        right |= held.of(name)
    return ~right


def _not_among(held: _Held, expected: list[Any]) -> Mask:
    wrong = np.ones(len(held.values), dtype=bool)
    for value in expected:
        wrong &= held.differs(value)
    return wrong & ~held.of("absent")


def _matches(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.search(text) is not None


_TESTS: Final[dict[str, Callable[[_Held, Any], Mask]]] = {
    "type": _wrong_type,
    "const": lambda held, value: held.differs(value),
    "enum": _not_among,
    "minimum": lambda held, least: held.test("number", lambda value: not value < least),
    "maximum": lambda held, most: held.test("number", lambda value: not value > most),
    "minLength": lambda held, least: held.test("string", lambda text: len(text) >= least),
    "maxLength": lambda held, most: held.test("string", lambda text: len(text) <= most),
    "pattern": lambda held, pattern: held.test("string", _matches(pattern)),
}


def is_number(value: object) -> bool:
    """Tell whether a JSON value is a finite number; true and false are none."""
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
