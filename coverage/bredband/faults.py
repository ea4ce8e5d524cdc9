"""What is wrong in a file of settings, in words for whoever wrote it.

Pydantic says what does not fit a model. Here each fault becomes one sentence of ours: where it
stands as the file has it, what was found there and what to write instead. The sentences are
English, as all errors are; ``text/phrases_region_sv.toml`` has them in Swedish.
"""

from __future__ import annotations

import ast
import datetime
import difflib
import json
import re
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

from bredband_gis.errors import GeodataError
from pydantic import BaseModel

if TYPE_CHECKING:
    import tomllib
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_LONGEST: Final = 60
"""Characters of a value that are shown."""

_BOUNDS: Final = {
    "greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"
}  # fmt: skip
_SHAPES: Final = ("model_type", "list_type", "dict_type")
_PATTERNS: Final = {r"^[^+]+$": "must fit the pattern: no + in it"}
_WHOLE: Final = ("int_type", "int_parsing", "int_parsing_size", "int_from_float")
_NUMBER: Final = ("float_type", "float_parsing")


class Fault(NamedTuple):
    """One thing that is wrong.

    Attributes
    ----------
    place : str
        The setting, as ``[goals.target]``.
    number : str
        Which one where there are several: "no. 2", "value 3"; empty otherwise.
    what : str
        What is wrong and what to write, one sentence.
    """

    place: str
    number: str
    what: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.place, self.number and f"({self.number})", self.what)))


class SettingsError(GeodataError):
    """Something is wrong in a file of settings.

    Parameters
    ----------
    what : str, optional
        What is wrong where it is one thing; put together from the faults when left out.
    where, fix : str, optional
        As of every :class:`~bredband_gis.errors.GeodataError`.
    faults : sequence of Fault, optional
        Every setting that is wrong.
    language : {"sv", "en"}, optional
        The language that the file asks for, as far as it can be read.
    """

    def __init__(
        self,
        what: str = "",
        *,
        where: str | None = None,
        fix: str | None = None,
        faults: Sequence[Fault] = (),
        language: str | None = None,
    ) -> None:
        head = f"{len(faults)} settings are wrong:"
        what = what or together([str(one) for one in faults], head)
        super().__init__(what, where=where, fix=fix)
        self.faults = tuple(faults)
        self.language = language


def together(faults: Sequence[str], head: str) -> str:
    """Give the only fault as it is, several below each other under a head."""
    return faults[0] if len(faults) == 1 else "\n  ".join((head, *faults))


def faults_of(
    error: ValidationError, content: Mapping[str, Any], model: type[BaseModel]
) -> tuple[Fault, ...]:
    """Say what does not fit a model.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    content : mapping
        The settings that were checked.
    model : type
        What they were checked against; its fields are what a misspelt one may have meant.

    Returns
    -------
    tuple of Fault
        One per setting, in the order of the model.
    """
    found: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for item in error.errors(include_url=False):
        found.setdefault(_path(item, content), []).append(item)
    return tuple(
        Fault(f"[{name}]", number, _said(name, path, items, model))
        for path, items in found.items()
        for name, number in [_place(path, content)]
    )


def toml_fault(error: tomllib.TOMLDecodeError, text: str) -> tuple[str, str]:
    """Say what is wrong in a text that is no TOML, and what to do.

    Parameters
    ----------
    error : TOMLDecodeError
        What tomllib found.
    text : str
        The text.

    Returns
    -------
    tuple of str
        The fault with the line that it stands in, and the remedy.
    """
    reason, _, at = str(error).rpartition(" (at line ")
    reason = reason or str(error).removesuffix(" (at end of document)")
    reason = re.sub(r"\((?:'[^']*',? ?)+\)", _dotted, reason)
    number = int(at.partition(",")[0]) if at[:1].isdecimal() else 0
    if number:
        line = text.replace("\r\n", "\n").split("\n")[number - 1].strip()
        what = f"line {number} is not valid TOML: {reason}: {_cut(line)}"
    else:
        line = text.rstrip().rpartition("\n")[2].strip()
        what = f"not valid TOML at the end of the file: {reason}: {_cut(line)}"
    if "\\" in line:
        fix = "in a path write / or \\\\, a single \\ has a meaning of its own in TOML"
    elif reason.startswith(("Cannot", "Duplicate")):
        fix = "keep one of them; several tables of a kind are written [[…]]"
    elif reason.startswith(("Invalid value", "Expected newline", "Invalid date")):
        fix = (
            "write text in quotation marks, numbers with a decimal point and no spaces, true and"
            " false in small letters"
        )
    else:
        fix = "correct the line; text stands in quotation marks, lists in [ ]"
    return what, fix


def _dotted(names: re.Match[str]) -> str:
    return f"[{'.'.join(ast.literal_eval(names[0]))}]"


# --- where --------------------------------------------------------------------------------------


def _path(item: ErrorDetails, content: Mapping[str, Any]) -> tuple[int | str, ...]:
    """Give the way to a setting as the file has it, without what only the model knows."""
    path: list[int | str] = []
    inside: Any = content
    last = len(item["loc"]) - 1
    for n, part in enumerate(item["loc"]):
        held = isinstance(inside, dict) and part in inside
        if held or (isinstance(inside, list) and isinstance(part, int)):
            inside = inside[part]
        elif part == 0 and isinstance(inside, dict):  # one table where there may be several
            continue
        elif n == 0 or (n == last and item["type"] == "missing"):
            inside = None
        elif not isinstance(inside, BaseModel):  # a kind of value, or "[key]"
            break
        path.append(part)
    return tuple(path)


def _place(path: tuple[int | str, ...], content: Mapping[str, Any]) -> tuple[str, str]:
    names, numbers = [], []
    inside: Any = content
    for part in path:
        if isinstance(inside, list) and isinstance(part, int):
            inside = inside[part]
            numbers.append(f"no. {part + 1}" if isinstance(inside, dict) else f"value {part + 1}")
        else:
            inside = inside.get(part) if isinstance(inside, dict) else None
            names.append(_key(part))
    return ".".join(names), ", ".join(numbers)


def _key(part: int | str) -> str:
    name = str(part)
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


# --- what ---------------------------------------------------------------------------------------


def _said(
    name: str, path: tuple[int | str, ...], items: list[ErrorDetails], model: type[BaseModel]
) -> str:
    item = items[0]
    kind, value, ctx = item["type"], item["input"], item.get("ctx", {})
    if len({one["type"] for one in items}) > 1:  # one of several kinds, and none of them fits
        return f"must be text, a number, or true or false {_found(value)}"
    if kind == "value_error":  # ours: it says itself what was found
        return str(ctx["error"])
    told = {
        "extra_forbidden": lambda: _unknown(path, model),
        "missing": lambda: _missing(name, _field(model, path)),
        "literal_error": lambda: _not_among(value, re.findall(r"'([^']*)'", ctx["expected"])),
        **dict.fromkeys(_BOUNDS, lambda: _out_of_bounds(kind, value, ctx)),
        **dict.fromkeys(_SHAPES, lambda: _misshapen(kind, name, value, _field(model, path))),
    }.get(kind)
    return told() if told else _plain(item)


def _plain(item: ErrorDetails) -> str:
    kind, value, ctx = item["type"], item["input"], item.get("ctx", {})
    said = {
        **dict.fromkeys(_WHOLE, "must be a whole number"),
        **dict.fromkeys(_NUMBER, "must be a number"),
        "finite_number": "must be a finite number",
        "bool_type": "must be true or false",
        "bool_parsing": "must be true or false",
        "string_type": "must be text",
        "path_type": "must be text",
        "string_too_short": "must not be empty",
        "string_pattern_mismatch": _PATTERNS.get(ctx.get("pattern", ""), item["msg"]),
        "too_short": "must hold at least one",
    }.get(kind, item["msg"])
    hint = _better(kind, value)
    return f"{said} {_found(value)}; write {hint}" if hint else f"{said} {_found(value)}"


def _found(value: object) -> str:
    return f"(it is {_shown(value)})"


def _better(kind: str, value: object) -> str:
    """Give a value as it was meant, where that can be told."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in ("string_type", "path_type") and number:
        return f'"{value}"'
    if kind in (*_WHOLE, *_NUMBER) and isinstance(value, str):
        bare = re.sub(r"\s", "", value).replace(",", ".")
        whole = r"-?\d+" if kind in _WHOLE else r"-?\d+(\.\d+)?"
        return bare if re.fullmatch(whole, bare) else ""
    words = {"ja": "true", "nej": "false", "sant": "true", "falskt": "false"}
    return words.get(str(value).casefold(), "") if kind.startswith("bool") else ""


def _unknown(path: tuple[int | str, ...], model: type[BaseModel]) -> str:
    *above, name = path
    holder = _model(_field(model, above))
    known = [key for key, info in holder.model_fields.items() if not info.exclude]
    elsewhere = [place for place, keys in _sections(model) if name in keys]
    if len(elsewhere) == 1:
        return f"is not a setting here; it stands under {elsewhere[0]}"
    near = difflib.get_close_matches(str(name).casefold(), known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else f"; there are {', '.join(known)}"
    return f"is not a setting; check the spelling{hint}"


def _missing(name: str, field: Any) -> str:
    if _is_model(_one(field)):
        return f"is missing: write [{name}] with {', '.join(_required(_model(field)))}"
    value = '"…"' if field in (str, Path) else "…"
    return f"is missing: write {name.rpartition('.')[2]} = {value}"


def _out_of_bounds(kind: str, value: object, ctx: Mapping[str, Any]) -> str:
    limit = ctx[_BOUNDS[kind]]
    said = {
        "greater_than": f"must be greater than {limit:g}",
        "greater_than_equal": f"must be greater than or equal to {limit:g}",
        "less_than": f"must be less than {limit:g}",
        "less_than_equal": f"must be less than or equal to {limit:g}",
    }[kind]
    said = f"{said} {_found(value)}"
    is_share = kind.startswith("less") and limit == 1
    if is_share and isinstance(value, (int, float)) and 1 < value <= 100:
        return f"{said}; write {value / 100:g} for {value:g} %"
    return said


def _not_among(value: object, among: list[str]) -> str:
    near = difflib.get_close_matches(str(value).casefold(), among, n=1)
    if not near:  # Norrland for norrland
        near = [one for one in among if one.casefold() == str(value).casefold()]
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"must be one of {', '.join(among)} {_found(value)}{hint}"


def _misshapen(kind: str, name: str, value: object, field: Any) -> str:
    found = _found(value)
    tables = isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    if kind == "model_type" and tables:
        return f"must be one table: write [{name}], not [[{name}]]"
    if kind == "model_type":
        inside = _example(_model(field), value)
        if inside and "." in name:
            return f"must be a table of settings, like {{ {inside} }} {found}"
        return f"must be a table of settings {found}"
    if kind == "list_type" and _is_model(_one(field)):
        return f"must be a list of tables, each under [[{name}]] {found}"
    if kind == "list_type":
        return f"must be a list {found}; write [{_shown(value)}]"
    return f"must be a table, like {{ … = … }} {found}"


def _example(model: type[BaseModel], value: object) -> str:
    """Give the settings that a table needs, the first with what stands in the table's place."""
    needed = _required(model)
    first = model.model_fields[needed[0]].annotation if needed else None
    fits = isinstance(value, str) if first in (str, Path) else isinstance(value, (int, float))
    return ", ".join(
        f"{key} = {'…' if n or not fits else _shown(value)}" for n, key in enumerate(needed)
    )


def _shown(value: object) -> str:
    """Show a value as it stands in the file, cut where it is long."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


# --- the model ----------------------------------------------------------------------------------


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _one(kind: Any) -> Any:
    """Give what a list or table holds, or may hold where it may be left out; else itself."""
    while True:
        origin, inside = get_origin(kind), get_args(kind)
        if origin is Annotated or origin is list:
            kind = inside[0]
        elif origin is dict:
            kind = inside[1]
        elif origin in (Union, UnionType) and type(None) in inside and len(inside) == 2:
            kind = next(one for one in inside if one is not type(None))
        else:
            return kind


def _model(kind: Any) -> type[BaseModel]:
    found = _one(kind)
    return found if _is_model(found) else BaseModel


def _field(model: type[BaseModel], path: Sequence[int | str]) -> Any:
    """Give the type of a setting."""
    kind: Any = model
    for part in path:
        origin = get_origin(kind)
        if isinstance(part, int) and origin is list:
            kind = get_args(kind)[0]
        elif origin is dict:
            kind = get_args(kind)[1]
        else:
            field = _model(kind).model_fields.get(str(part))
            kind = None if field is None else field.annotation
    return kind


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _sections(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, set[str]]]:
    """Name every section with its settings: [ground], [[ground.classes]]."""
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        if inner.model_fields and get_origin(field.annotation) is not dict:
            head = f"{place}{name}"
            several = get_origin(field.annotation) is list
            yield f"[[{head}]]" if several else f"[{head}]", set(inner.model_fields)
            yield from _sections(inner, f"{head}.")
