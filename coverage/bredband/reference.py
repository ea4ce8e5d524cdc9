"""Pages to look things up in, and the schema by which editors complete region.toml.

All of it is made from the settings' and the tables' own descriptions, so that nothing is
said twice. From the top of the repository,

    uv run python -m bredband.reference

writes it anew.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import pandera.pandas as pa
from pydantic import BaseModel

from bredband import (
    tables,
    tables_areas,
    tables_backbone,
    tables_choice,
    tables_pts,
    tables_roads,
    tables_scores,
    tables_submission,
)
from bredband.criteria import CRITERIA
from bredband.prices import Item, Price, Prices
from bredband.region import FILE_NAME, Region, Sources, SourceSettings, json_schema
from bredband.results import PUBLIC
from bredband.settings_priority import Criterion
from bredband.stored import RESULT_SCHEMAS
from bredband.template import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic.fields import FieldInfo

FILES: Final = ("docs/reference/region.md", "docs/reference/tables.md", "docs/reference/python.md",
                f"coverage/bredband/{SCHEMA}")  # fmt: skip
"""What is made, from the top of the repository."""

TOPICS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "Who has what": (
        "In the folder of `bredband run`.",
        ("status", "coverage", "technology", "state_aid", "standing", "goals", "mobile",
         "population", "municipalities", "set_aside"),
    ),
    "What the rest costs": (
        "In the folder of `bredband run`.",
        ("cost", "trench", "road_components", "shares", "share_summary", "cost_curve",
         "build_order", "goal_cost", "last_resort", "intervals", "tornado"),
    ),
    "What comes first": (
        "In the folder of `bredband run`.",
        ("priority_areas", "scores", "motivations", "robustness", "flips", "choice",
         "choice_payments", "choice_summary", "nested", "nested_areas", "years",
         "years_summary"),
    ),
    "PTS's support": (
        "In the folder of `bredband run`, where the region is in Sweden.",
        ("pts_buildings", "pts_exclusions", "pts_exclusion_counts", "pts_consultation",
         "pts_rules", "pts_projects", "pts_marks", "pts_competition", "pts_mark_comparison",
         "pts_calibration"),
    ),
    "Submissions": (
        "Written by `bredband pts submit`, `validate` and `merge`.",
        ("pts_to_submit", "pts_priority", "pts_priority_areas", "pts_motivations", "remarks",
         "own_priorities", "merged", "conflicts"),
    ),
    "Networks that connect places": (
        "Written by `bredband backbone`.",
        ("stretches", "places", "cuts"),
    ),
    "Beside what is published, and over time": (
        "Written by `bredband compare`, `calibrate` and `change`.",
        ("published", "comparison", "calibration", "change", "changed_premises"),
    ),
    "Bills and checks": (
        "Written by `bredband cost` and `bredband check`.",
        ("bill", "offenders"),
    ),
    "Between steps": (
        "What functions take and give in a notebook, and what every table of results has besides.",
        ("premises", "reach", "results", "premises of results"),
    ),
}  # fmt: skip
"""Every table, by what it is about."""

_ROOM: Final = "coverage/bredband"

_STORED_AS: Final = {"status": "premises"}
"""Tables whose name in the database is another."""

_NOT_CSV: Final = {
    "status": "premises.parquet",
    "trench": "trench.parquet",
    "priority_areas": "priority_areas.geojson",
    **dict.fromkeys(
        ("municipalities", "shares", "build_order", "pts_buildings", "pts_exclusions", "pts_marks")
    ),
}
"""Tables of a run that have another file than a CSV of their name, or none."""

_TYPES: Final = {
    "string": "text",
    "int64": "whole number",
    "Int64": "whole number",
    "float64": "number",
    "bool": "true or false",
    "boolean": "true or false",
}

_MARKS: Final = (
    "F found in a published source, D arithmetic on found figures, S from a region's own"
    " documents, I inferred, U no published source: use your own figure"
)


# --- the schema for editors --------------------------------------------------------------


def region_schema() -> dict[str, Any]:
    """Give the JSON Schema of region.toml as editors read it: draft 7, no network address.

    A layer is one file or several; nothing is null, since TOML has no such thing; defaults
    that are lists or tables are told as well. What hangs on several settings at once, and on
    a price book, only reading region.toml finds.
    """
    made = json_schema()
    found = {name: _mend(part) for name, part in made.pop("$defs").items()}
    layers = found["Sources"]["properties"]
    for layer, part in layers.items():
        one = {"$ref": "#/definitions/SourceSettings"}
        least = {"minItems": 1} if Sources.model_fields[layer].is_required() else {}
        several = {"type": "array", "items": one, **least}
        layers[layer] = {"description": part["description"], "anyOf": [one, several]}
    for model in _models(Region):
        properties = found[model.__name__]["properties"]
        for name, field in model.model_fields.items():
            default = _default(field)
            if isinstance(default, list | dict) and default and model is not Sources:
                properties[name]["default"] = default
    top = _mend(made)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": FILE_NAME,
        **top,
        "description": "What bredband needs to know about a region",
        "definitions": dict(sorted(found.items())),
    }


def _mend(part: Mapping[str, Any]) -> dict[str, Any]:
    """Write one schema, and those within it, in the words that every editor knows."""
    kept = {key: value for key, value in part.items() if key not in ("title", "format")}
    if "properties" in kept:
        kept["properties"] = {name: _mend(one) for name, one in kept["properties"].items()}
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(kept.get(key), dict):
            kept[key] = _mend(kept[key])
    if "anyOf" in kept:
        choices = [_mend(one) for one in kept.pop("anyOf") if one != {"type": "null"}]
        kept = {**choices[0], **kept} if len(choices) == 1 else {**kept, "anyOf": choices}
    if kept.get("default", ...) is None:
        del kept["default"]
    if "$ref" in kept:
        ref = {"$ref": kept.pop("$ref").replace("#/$defs/", "#/definitions/")}
        kept = {**kept, "allOf": [ref]} if kept else ref
    return kept


def _models(top: type[BaseModel]) -> list[type[BaseModel]]:
    """List the sections below one, each once, in order."""
    found: dict[type[BaseModel], None] = {}
    for name, field in top.model_fields.items():
        for one in (field.annotation, *get_args(field.annotation)):
            if name != "folder" and isinstance(one, type) and issubclass(one, BaseModel):
                found |= dict.fromkeys([one, *_models(one)])
    return list(found)


def _default(field: FieldInfo) -> Any:
    """Give a default as region.toml would have it."""
    if field.is_required():
        return None
    return _plain(field.get_default(call_default_factory=True))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value


# --- region.toml ------------------------------------------------------------------------


def region_page() -> str:
    """Give the page of region.toml: every setting, what it takes, its default and meaning."""
    schema = region_schema()
    parts = [
        "# region.toml",
        _made_by(),
        f"What a region is, where its files lie, and what counts. Paths are relative to the file."
        f" Marks: {_MARKS}.",
        f"Editors that know JSON Schema complete and check the file: `bredband init` writes"
        f" [`{SCHEMA}`](../../coverage/bredband/{SCHEMA}) beside it, and its first line,"
        f" `#:schema ./{SCHEMA}`, tells the editor so (Even Better TOML in VS Code; Taplo and"
        " Tombi in others).",
    ]
    for name, field in Region.model_fields.items():
        if name == "folder":
            continue
        if name == "sources":
            parts += _source_parts(schema)
            continue
        model = _model_of(field)
        parts += _section_parts(name, model, schema, many=_is_list(field))
        if _is_list(field):
            entries = [one.model_dump(exclude_none=True) for one in _get_default(field)]
            parts += ["By default:", _grid(_rows_of(entries))]
    return _join(parts)


def _section_parts(
    name: str, model: type[BaseModel], schema: Mapping[str, Any], *, many: bool
) -> list[str]:
    """Describe a section, then the tables within it."""
    told = schema["definitions"][model.__name__]["properties"]
    rows, below = [], []
    for key, field in model.model_fields.items():
        default = _get_default(field)
        inner = _model_of(field)
        rows.append(
            {
                "Setting": f"`{key}`",
                "Takes": _takes(told[key]),
                "Default": _show_default(field, default),
                "Meaning": field.description or "",
            }
        )
        if isinstance(default, dict) and any(isinstance(v, Price) for v in default.values()):
            below += [f"### Defaults of [{name}.{key}]", _grid(_price_rows(default))]
        elif isinstance(default, dict) and default:
            pairs = [{"Key": f"`{k}`", "Value": f"`{v}`"} for k, v in default.items()]
            below += [f"### Defaults of [{name}.{key}]", _grid(pairs)]
        elif _is_list(field) and inner is not BaseModel:
            below += _section_parts(f"{name}.{key}", inner, schema, many=True)
        if inner is Criterion:
            below += ["What areas can be compared by:", _grid(_criterion_rows())]
    head = f"[[{name}]]" if many else f"[{name}]"
    level = "###" if "." in name else "##"
    if model is Prices:
        below += _section_parts(f"{name}.NAME", Item, schema, many=False)
    return [f"{level} {head}", _first(model), _grid(rows), *below]


def _source_parts(schema: Mapping[str, Any]) -> list[str]:
    told = schema["definitions"]["SourceSettings"]["properties"]
    layers = [
        {
            "Layer": f"`{name}`" + (" (must be there)" if field.is_required() else ""),
            "What it holds, and its columns": field.description or "",
        }
        for name, field in Sources.model_fields.items()
    ]
    every = [
        {
            "Setting": f"`{name}`",
            "Takes": _takes(told[name]),
            "Default": _show_default(field, _get_default(field)),
            "Meaning": field.description or "",
        }
        for name, field in SourceSettings.model_fields.items()
    ]
    return [
        "## [sources]",
        "One table per layer: `[sources.NAME]`, or `[[sources.NAME]]` once for each of several"
        " files. A `?` after a column says that it may be absent.",
        _grid(layers),
        "### [sources.NAME]",
        "Every source may have:",
        _grid(every),
    ]


def _takes(part: Mapping[str, Any]) -> str:
    """Say in words what a setting takes."""
    if "allOf" in part:
        return _takes(part["allOf"][0])
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_takes(one) for one in part["anyOf"]))
    if "enum" in part:
        return "one of " + ", ".join(f"`{one}`" for one in part["enum"])
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return {"Price": "a price", "Item": "a price with `quantity`"}.get(name, "a table")
    inner = {"array": "items", "object": "additionalProperties"}.get(part["type"])
    if inner:
        head = {"items": "list: ", "additionalProperties": "table: name = "}[inner]
        return head + _takes(part[inner])
    words = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    return words.get(part["type"], "text") + _bounds(part)


def _bounds(part: Mapping[str, Any]) -> str:
    said = [
        f"{word} {part[key]:g}"
        for key, word in (
            ("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if key in part
    ]  # fmt: skip
    return " " + " ".join(said) if said else ""


def _show_default(field: FieldInfo, default: Any) -> str:
    if field.is_required():
        return "must be given"
    if default is None:
        return f"none; e.g. `{_toml(field.examples[0])}`" if field.examples else "none"
    if isinstance(default, Price):
        return _show_price(default)
    if isinstance(default, dict) and default:
        return "see below"
    if isinstance(default, list) and default and isinstance(default[0], BaseModel):
        shown = [_toml(one.model_dump(exclude_unset=True)) for one in default]
        return "`[" + ", ".join(shown) + "]`"
    return f"`{_toml(default)}`" if default not in ("", {}) else "none"


def _show_price(price: Price) -> str:
    said = f"{price.value:g} {price.unit}"
    if price.low is not None:
        said += f" ({price.low:g}–{price.high:g})"
    if isinstance(price, Item) and not price.quantity:
        said += ", not counted"
    return f"{said}; {price.mark}: {price.source}"


def _price_rows(prices: Mapping[str, Price]) -> list[dict[str, str]]:
    return [{"Item": f"`{name}`", "Price": _show_price(one)} for name, one in prices.items()]


def _criterion_rows() -> list[dict[str, str]]:
    return [
        {
            "Criterion": f"`{one.name}`",
            "Unit": one.unit,
            "Better": one.better,
            "Needs": f"`[sources.{one.source}]`" if one.source else "",
            "What it is": " ".join((one.formula.__doc__ or "").split()),
        }
        for one in CRITERIA.values()
    ]


def _rows_of(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{key: f"`{_toml(value)}`" for key, value in one.items()} for one in entries]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, float) and value == int(value):
        return f"{int(value)}"
    return json.dumps(value, ensure_ascii=False)


def _get_default(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is list and _model_of(field) is not BaseModel


def _model_of(field: FieldInfo) -> type[BaseModel]:
    """Give the section that a field holds, one or a list of them; BaseModel where none."""
    for one in (field.annotation, *get_args(field.annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return BaseModel


def _first(model: type[BaseModel]) -> str:
    """Give what a section's docstring says of it, without the name."""
    line = (model.__doc__ or "").strip().splitlines()[0]
    said = line.partition("]: ")[2] or line
    return said[:1].upper() + said[1:]


# --- tables -----------------------------------------------------------------------------


def table_schemas() -> dict[str, pa.DataFrameSchema]:
    """Give the schema of every table by its name."""
    rooms = (
        tables, tables_areas, tables_backbone, tables_choice, tables_pts, tables_roads,
        tables_scores, tables_submission,
    )  # fmt: skip
    return {
        str(one.name): one
        for room in rooms
        for one in vars(room).values()
        if isinstance(one, pa.DataFrameSchema)
    }


def tables_page() -> str:
    """Give the page of tables: every column with its type, unit, bounds and meaning."""
    schemas = table_schemas()
    parts = [
        "# Tables",
        _made_by(),
        "Every table that `bredband` writes or passes between steps. Those of a run stand in"
        " `bredband.duckdb` under the name given, most in a CSV too. A table of results has the"
        " column `provenance` besides: real, derived or synthetic, as the least certain layer"
        " that it rests on. A column in *italics* is there only when it applies. Shares"
        " go from 0 to 1; SEK are as the price book has them.",
        "\n".join(
            f"- {topic}: " + ", ".join(f"[{name}](#{_anchor(name)})" for name in names)
            for topic, (_, names) in TOPICS.items()
        ),
    ]
    for topic, (where, names) in TOPICS.items():
        parts += [f"## {topic}", where]
        for name in names:
            schema = schemas[name]
            stands = _stands_in(name)
            parts += [
                f"### {name}",
                f"{schema.description}." + (f" {stands}" if stands else ""),
                _grid([_column_row(key, col) for key, col in schema.columns.items()]),
            ]
    return _join(parts)


def _stands_in(name: str) -> str:
    stored = _STORED_AS.get(name, name)
    if stored not in RESULT_SCHEMAS or name == "premises":
        return ""
    file = _NOT_CSV.get(name, f"{name}.csv")
    said = f"Table `{stored}`" + (f", file `{file}`" if file else "")
    return said + ("; for showing." if file in PUBLIC else "; internal.")


def _column_row(name: str, column: pa.Column) -> dict[str, str]:
    unit = (column.metadata or {}).get("unit") or ""
    said = str(column.description or "")
    if column.nullable and "empty" not in said:
        said += "; may be empty"
    return {
        "Column": f"`{name}`" if column.required else f"*`{name}`*",
        "Type": _kind(column),
        "Unit": str(unit),
        "Meaning": said,
    }


def _kind(column: pa.Column) -> str:
    kind = _TYPES[str(column.dtype).partition("[")[0]]
    low, high = "", ""
    for check in column.checks:
        told = check.statistics or {}
        if "allowed_values" in told:
            return ", ".join(f"`{one}`" for one in told["allowed_values"])
        low = f" from {told['min_value']:g}" if "min_value" in told else low
        high = f" to {told['max_value']:g}" if "max_value" in told else high
    return kind + low + high


# --- names ------------------------------------------------------------------------------


def python_page() -> str:
    """Give the page of public names: what each does, and what it is called with."""
    public = importlib.import_module("bredband")
    rows = []
    for name in sorted(public.__all__, key=str.casefold):
        found = getattr(public, name)
        said = (inspect.getdoc(found) or "").split("\n\n")[0]
        file = f"../../{_ROOM}/{found.__module__.rpartition('.')[2]}.py"
        rows.append(
            {
                "Name": f"[`{name}`]({file})",
                "What it is, or does": re.sub(r":\w+:`(\w+)`", r"`\1`", said.replace("``", "`")),
                "Called with": "" if isinstance(found, type) else _called_with(found),
            }
        )
    return _join(
        [
            "# Python",
            _made_by(),
            "Every public name: `from bredband import NAME`. A step takes tables and gives tables;"
            " its docstring (`help(NAME)`) says which, in what units, and what is refused. The"
            " [notebooks](../../notebooks) show them at work, [tables](tables.md) explains every"
            " column.",
            _grid(rows),
        ]
    )


def _called_with(function: Callable[..., Any]) -> str:
    """List what must be given, and then in italics what may be."""
    said = inspect.signature(function).parameters.values()
    must = [f"`{one.name}`" for one in said if one.default is one.empty]
    may = [f"*`{one.name}`*" for one in said if one.default is not one.empty]
    return ", ".join([*must, *may])


# --- writing ----------------------------------------------------------------------------


def _made_by() -> str:
    return "<!-- Made by `uv run python -m bredband.reference`; do not edit. -->"


def _anchor(name: str) -> str:
    return name.casefold().replace(" ", "-")


def _grid(rows: list[dict[str, str]]) -> str:
    """Write rows as a Markdown table; their keys are its head."""
    heads = list(dict.fromkeys(key for row in rows for key in row))
    lines = [heads, ["---"] * len(heads), *([row.get(key, "") for key in heads] for row in rows)]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def _join(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def reference_files() -> dict[str, str]:
    """Give the text of every file in ``FILES``."""
    schema = json.dumps(region_schema(), ensure_ascii=False, indent=1) + "\n"
    made = (region_page(), tables_page(), python_page(), schema)
    return dict(zip(FILES, made, strict=True))


def write_reference(top: Path) -> list[Path]:
    """Write the pages and the schema.

    Parameters
    ----------
    top : Path
        The repository's top folder.

    Returns
    -------
    list of Path
        What was written.
    """
    paths = []
    for name, text in reference_files().items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        paths.append(path)
    return paths


if __name__ == "__main__":
    write_reference(Path.cwd())
