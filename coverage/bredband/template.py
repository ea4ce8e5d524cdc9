"""Writing region.toml: every setting with its description, defaults shown but switched off."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, get_args, get_origin

import tomlkit
from pydantic import BaseModel

from bredband.region import Region, Sources, SourceSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

WIDTH = 92

SCHEMA = "region.schema.json"
"""The JSON Schema that stands beside a region.toml, for editors that complete and check it."""

_HEAD = """\
region.toml - what bredband needs to know about a region.

Paths are relative to this file; write / between folders, on Windows too.
Lines that start with # are switched off; a setting that is switched off has the
value shown. Marks: F found in a published source, D arithmetic on found figures,
S from a region's own documents, U no published source: use your own figure.

  bredband check FOLDER     says what is wrong with the files
  bredband run FOLDER       makes tables and a map
"""

_EXAMPLES: dict[str, dict[str, Any]] = {
    "municipalities": {
        "path": "municipalities.gpkg",
        "columns": {"municipality_code": "KnKod", "municipality_name": "KnNamn"},
        "crs": "EPSG:3006",
        "source": "SCB",
        "licence": "CC0",
        "year": 2024,
    },
    "premises": {
        "path": "premises.csv",
        "columns": {
            "premises_id": "byggnadsid",
            "x": "E",
            "y": "N",
            "households": "hushall",
            "workplaces": "arbetsstallen",
            "holiday_homes": "fritidshus",
        },
        "crs": "EPSG:3006",
        "source": "PTS, byggnadsförteckning",
        "licence": "",
        "year": 2024,
    },
    "roads": {
        "path": "roads.gpkg",
        "columns": {"road_class": "vagklass"},
        "source": "Trafikverket, NVDB",
        "licence": "CC0",
        "year": 2024,
    },
}

_MORE: dict[str, dict[str, Any]] = {
    "localities": {"path": "localities.gpkg", "columns": {"segment": "typ"}, "source": "SCB"},
    "totals": {
        "path": "totals.csv",
        "columns": {"municipality_code": "kommun", "households": "antal_hushall"},
    },
    "fibre": {"path": "fibre.gpkg", "licence": "under secrecy", "source": "operator"},
    "coverage": {
        "path": "coverage.csv",
        "columns": {
            "premises_id": "byggnadsid", "technology": "teknik", "speed_mbit": "hastighet"
        },
        "source": "PTS",
    },
    "plans": {"path": "plans.gpkg", "columns": {"speed_mbit": "hastighet", "year": "ar"}},
    "connected": {
        "path": "connected.csv",
        "columns": {"x": "E", "y": "N"},
        "constants": {"technology": "fibre", "operator": "Stadsnätet"},
        "licence": "under secrecy",
    },
    "offers": {
        "path": "offers.csv",
        "columns": {"premises_id": "byggnadsid", "offered": "erbjudna", "accepted": "tackat_ja"},
    },
    "deso": {
        "path": "deso.gpkg",
        "columns": {"deso_code": "desokod", "deso_name": "desonamn"},
        "source": "SCB",
    },
    "population": {
        "path": "rutnat_1km.gpkg", "columns": {"population": "beftotalt"}, "source": "SCB"
    },
    "water": {"path": "sjoar.gpkg", "source": "Lantmäteriet", "licence": "CC0"},
    "land_cover": {"path": "marktacke.tif", "source": "Naturvårdsverket"},
    "soil": {"path": "jordart.tif", "source": "SGU"},
    "elevation": {"path": "hojd.tif", "source": "Lantmäteriet"},
    "protected": {
        "path": "skyddade_omraden.gpkg",
        "columns": {"kind": "skyddstyp"},
        "source": "Naturvårdsverket",
    },
    "functions": {
        "path": "samhallsfunktioner.gpkg",
        "columns": {"kind": "typ", "name": "namn"},
        "source": "kommunen",
    },
    "later_connection": {"path": "efteranslutning.gpkg", "source": "PTS"},
    "mobile": {
        "path": "mobil_4g.tif", "constants": {"operator": "Operatören", "technology": "lte"}
    },
}  # fmt: skip


def region_toml(content: Mapping[str, Any] | None = None) -> str:
    """Write a commented region.toml.

    Parameters
    ----------
    content : mapping, optional
        Settings as in the file: ``{"region": {...}, "sources": {...}, ...}``; a source
        is a dict or a list of dicts. What is not given is written as a comment with
        its default. Without content the file is a template whose sources are examples.

    Returns
    -------
    str
        TOML that :meth:`bredband.region.Region.read` reads.
    """
    given = dict(content or {"region": {"name": "Min region", "code": "00", "year": 2024}})
    sources = given.pop("sources", None)
    blocks = [f"#:schema ./{SCHEMA}\n{_comment(_HEAD)}"]
    for name, info in Region.model_fields.items():
        if name == "folder":
            continue
        if name == "sources":
            blocks.append(_sources(sources))
        elif _is_list_of_tables(info):
            blocks.append(_list(name, info, given.get(name)))
        else:
            blocks.append(_section(name, info, given.get(name, {})))
    return "\n\n".join(blocks) + "\n"


def _section(name: str, info: FieldInfo, given: Mapping[str, Any]) -> str:
    model: type[BaseModel] = info.annotation  # type: ignore[assignment]
    lines = [_comment(_first(model)), f"[{name}]"]
    tables = []
    for key, field in model.model_fields.items():
        value = given.get(key)
        if _is_list_of_tables(field):
            tables.append(_list(f"{name}.{key}", field, value))
            continue
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel) or (
            isinstance(default, dict) and any(isinstance(v, BaseModel) for v in default.values())
        ):
            tables.append(_price_table(f"{name}.{key}", field, value, default))
            continue
        lines.append(_comment(field.description or ""))
        if value is not None:
            lines.append(f"{key} = {_value(value)}")
        elif field.examples:  # an example that would change results is not to be switched on
            lines.append(f"#   e.g. {key} = {_value(field.examples[0])}")
        else:
            none = "50000000.0  # an example: none by default"
            lines.append(f"# {key} = {none if default is None else _value(default)}")
    return "\n".join(lines) + "".join("\n\n" + table for table in tables)


def _price_table(name: str, field: FieldInfo, value: Any, default: Any) -> str:
    shown = value if value is not None else default
    off = "" if value is not None else "# "
    lines = [_comment(field.description or ""), f"{off}[{name}]"]
    items = shown.items() if isinstance(shown, dict) else _plain(shown).items()
    lines += [f"{off}{_key(key)} = {_value(item)}" for key, item in items if item is not None]
    return "\n".join(lines)


def _sources(given: Mapping[str, Any] | None) -> str:
    blocks = [
        _comment(
            "[sources]: the files. Several files for one layer: write [[sources.NAME]] for each."
            " Every source may have:"
        )
        + "\n"
        + "\n".join(
            _comment(f"{key}: {field.description}", indent="  ")
            for key, field in SourceSettings.model_fields.items()
        )
    ]
    for name, field in Sources.model_fields.items():
        filled = (given or {}).get(name) if given is not None else _EXAMPLES.get(name)
        head = _comment(field.description or "")
        if filled:
            many = filled if isinstance(filled, list) else [filled]
            mark = f"[[sources.{name}]]" if len(many) > 1 else f"[sources.{name}]"
            blocks.append(
                head + "\n" + "\n\n".join(
                    "\n".join([mark, *(f"{k} = {_value(v)}" for k, v in item.items())])
                    for item in many
                )
            )  # fmt: skip
        else:
            example = _MORE.get(name) or _EXAMPLES[name]
            lines = [f"[sources.{name}]", *(f"{k} = {_value(v)}" for k, v in example.items())]
            blocks.append(head + "\n" + "\n".join(f"# {line}" for line in lines))
    return "\n\n".join(blocks)


def _list(name: str, info: FieldInfo, given: list[Mapping[str, Any]] | None) -> str:
    """Write a list of tables; one that is empty by default shows what an entry may have."""
    model = get_args(info.annotation)[0]
    head = _comment(_first(model)) + "\n" + "\n".join(
        _comment(f"{key}: {field.description}", indent="  ")
        for key, field in model.model_fields.items()
    )  # fmt: skip
    off = "# " if given is None else ""
    items = given if given is not None else info.get_default(call_default_factory=True)
    entries = [
        "\n".join(
            [f"{off}[[{name}]]", *(f"{off}{k} = {_value(v)}" for k, v in _plain(item).items())]
        )
        for item in items
    ]
    return "\n\n".join([head, *entries])


def _is_list_of_tables(field: FieldInfo) -> bool:
    inner = get_args(field.annotation)
    return (
        get_origin(field.annotation) is list
        and isinstance(inner[0], type)
        and issubclass(inner[0], BaseModel)
    )


def _plain(item: Any) -> dict[str, Any]:
    shown: dict[str, Any] = item.model_dump() if isinstance(item, BaseModel) else dict(item)
    return {key: value for key, value in shown.items() if value not in (None, "")}


def _key(key: str) -> str:
    return tomlkit.key(str(key)).as_string()


def _value(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = _plain(value)
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inner} }}" if inner else "{}"
    return str(tomlkit.item(value).as_string())


def _first(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _comment(text: str, *, indent: str = "") -> str:
    if "\n" in text:
        return "\n".join(f"# {line}".rstrip() for line in text.rstrip().splitlines())
    return textwrap.fill(
        text, WIDTH, initial_indent=f"# {indent}", subsequent_indent=f"# {indent}  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
