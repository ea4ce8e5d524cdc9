"""The reference pages and the schema for editors are what the descriptions say, and agree
with what reading region.toml takes and refuses."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import pytest
import small_region
import sound_region
from bredband import reference
from bredband.cli import main
from bredband.criteria import CRITERIA
from bredband.prices import Prices
from bredband.region import Region, RegionError
from bredband.template import SCHEMA, region_toml
from bredband_gis.errors import GeodataError
from click.testing import CliRunner
from jsonschema import Draft7Validator

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).resolve().parents[1]
PAGES = [name for name in reference.FILES if name.endswith(".md")]


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    schema = json.loads(files("bredband").joinpath(SCHEMA).read_text("utf-8"))
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def good() -> dict[str, Any]:
    """Give settings that are right, with something in every section."""
    settings = copy.deepcopy(sound_region.content())
    settings["region"]["language"] = "en"
    settings["definitions"] = {"proximity_m": 100, "speeds_mbit": [30, 100]}
    settings["prices"] = {
        "trench": {"soft": {"value": 90, "unit": "SEK/m", "source": "ours", "mark": "S"},
                   "road_edge": {"value": 200, "unit": "SEK/m", "source": "ours"},
                   "asphalt": {"value": 700, "unit": "SEK/m", "source": "ours"}},
        "index": {"2020": 100.0, "2024": 120.5},
        "year": 2024,
    }  # fmt: skip
    settings["goals"] = [{"name": "Alla", "target": 1, "speed_mbit": 100, "measure": "passed"}]
    settings["priority"] = {
        "budget_sek": 1e6,
        "criteria": [{"name": "households", "weight": 2}],
        "budgets": [{"name": "Länet", "sek": 5e6, "max_share": 0.4}],
    }
    settings["pts"] = {"landsdel": "Norrland", "budget_sek": {"Norrland": 1e8}}
    settings["backbone"] = {"with_backbone": ["Ettan"]}
    settings["publication"] = {"detail": "internal"}
    return settings


# --- what is in the repository ----------------------------------------------------------


@pytest.mark.parametrize("name", reference.FILES)
def test_the_files_are_what_the_generator_writes(name: str) -> None:
    written = (TOP / name).read_text(encoding="utf-8")
    again = "from the top of the repository: uv run python -m bredband.reference"
    assert written == reference.reference_files()[name], again


def test_writing_gives_the_same_files_elsewhere(tmp_path: Path) -> None:
    paths = reference.write_reference(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == list(reference.FILES)
    for name in reference.FILES:
        assert (tmp_path / name).read_bytes() == (TOP / name).read_bytes()


# --- the schema -------------------------------------------------------------------------


def test_right_settings_are_taken(validator: Draft7Validator) -> None:
    for content in (good(), sound_region.content(), small_region.content()):
        Region.from_dict(content, folder=".")
        assert not list(validator.iter_errors(content))


def test_the_template_and_the_example_are_right(validator: Draft7Validator) -> None:
    text = files("bredband.demo").joinpath("norrbotten.toml").read_text("utf-8")
    example = Template(text).substitute(seed=1, year=2020, households="1")
    for written in (region_toml(), region_toml(good()), example):
        assert written.startswith(f"#:schema ./{SCHEMA}\n")
        content = tomllib.loads(written)
        Region.from_dict(content, folder=".")
        assert not [error.message for error in validator.iter_errors(content)]


def test_every_setting_with_its_default_is_right(validator: Draft7Validator) -> None:
    content = Region.from_dict(good(), folder=".").model_dump(mode="json", exclude_none=True)
    assert set(content) == set(Region.model_fields) - {"folder"}
    assert not [error.message for error in validator.iter_errors(content)]


def test_defaults_in_the_schema_are_those_of_the_settings(validator: Draft7Validator) -> None:
    told = validator.schema["definitions"]
    for name, field in Prices.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = told["Prices"]["properties"][name].get("default")
        again = Prices.model_validate({name: shown}) if shown is not None else Prices()
        assert getattr(again, name) == default, name
    assert told["Definitions"]["properties"]["proximity_m"]["default"] == 50
    assert told["Definitions"]["properties"]["speeds_mbit"]["default"] == [30, 100, 1000]


def put(*path: Any, value: object) -> Callable[[dict[str, Any]], None]:
    def change(settings: dict[str, Any]) -> None:
        inner: Any = settings
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


def drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(settings: dict[str, Any]) -> None:
        inner: Any = settings
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]

    return change


BAD = {
    "a section that is not there": put("definition", value={}),
    "a setting that is not there": put("definitions", "proximity", value=50),
    "no name": drop("region", "name"),
    "no region": drop("region"),
    "no roads": drop("sources", "roads"),
    "no file of the roads": put("sources", "roads", value=[]),
    "a file without a path": drop("sources", "premises", "path"),
    "a misspelt source setting": put("sources", "premises", "colums", value={}),
    "a layer that is not there": put("sources", "premisses", value={"path": "a.gpkg"}),
    "text for a number": put("definitions", "proximity_m", value="near"),
    "a number for text": put("region", "name", value=25),
    "a list for a number": put("priority", "budget_sek", value=[1e6]),
    "a language that we do not speak": put("region", "language", value="fi"),
    "a year out of bounds": put("region", "year", value=24),
    "a share in per cent": put("goals", 0, "target", value=95),
    "a measure that is not there": put("goals", 0, "measure", value="homes"),
    "a goal without a measure": drop("goals", 0, "measure"),
    "a negative distance": put("definitions", "proximity_m", value=-1),
    "a distance of zero": put("buildout", value={"max_road_distance_m": 0}),
    "a price without a unit": drop("prices", "trench", "soft", "unit"),
    "a price as a number": put("prices", "trench", "soft", value=90),
    "an unknown mark": put("prices", "trench", "soft", "mark", value="X"),
    "an unknown price": put("prices", "ducts", value={"value": 1, "unit": "SEK/m", "source": ""}),
    "a criterion that is not there": put("priority", "criteria", 0, "name", value="houses"),
    "a negative weight": put("priority", "criteria", 0, "weight", value=-1),
    "no criteria": put("priority", "criteria", value=[]),
    "a landsdel that is not there": put("pts", "landsdel", value="Lappland"),
    "aid to a landsdel that is not there": put("pts", "budget_sek", value={"Lappland": 1}),
    "half a draw": put("priority", "draws", value=0.5),
    "the folder": put("folder", value="ours"),
}


@pytest.mark.parametrize("bad", BAD, ids=[name.replace(" ", "-") for name in BAD])
def test_wrong_settings_are_refused_by_the_schema_and_by_us(
    bad: str, validator: Draft7Validator
) -> None:
    content = good()
    BAD[bad](content)
    assert list(validator.iter_errors(content))
    if bad != "the folder":  # which reading overwrites
        with pytest.raises((RegionError, GeodataError)):
            Region.from_dict(content, folder=".")


def test_a_layer_is_one_file_or_several(validator: Draft7Validator) -> None:
    content = good()
    roads = content["sources"]["roads"]
    for value in (roads, [roads], [roads, roads]):
        content["sources"]["roads"] = value
        assert validator.is_valid(content)
    for value in ("roads.gpkg", [roads, "roads.gpkg"], None):
        content["sources"]["roads"] = value
        assert not validator.is_valid(content)


def test_the_schema_asks_for_no_network_and_has_no_loose_ends(validator: Draft7Validator) -> None:
    def walk(part: Any) -> Any:
        if isinstance(part, dict):
            yield part
            for inner in part.values():
                yield from walk(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from walk(inner)

    used = {part["$ref"] for part in walk(validator.schema) if "$ref" in part}
    names = set(validator.schema["definitions"])
    assert used == {f"#/definitions/{name}" for name in names}
    text = json.dumps({k: v for k, v in validator.schema.items() if k != "$schema"})
    assert "://" not in text
    assert '"null"' not in text
    for part in walk(validator.schema):
        if "$ref" in part:  # draft 7 reads nothing beside a reference
            assert list(part) == ["$ref"]


def test_every_setting_is_told_to_the_editor(validator: Draft7Validator) -> None:
    for name, part in validator.schema["definitions"].items():
        for key, field in part["properties"].items():
            assert field.get("description"), f"{name}.{key}"


def test_starting_a_region_leaves_the_schema_beside_it(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["init", str(tmp_path / "ours"), "-q"])
    assert result.exit_code == 0, result.output
    line = (tmp_path / "ours" / "region.toml").read_text("utf-8").splitlines()[0]
    beside = tmp_path / "ours" / line.removeprefix("#:schema ")
    assert beside.read_bytes() == files("bredband").joinpath(SCHEMA).read_bytes()


# --- the pages --------------------------------------------------------------------------


def test_every_table_is_told_once() -> None:
    named = [name for _, names in reference.TOPICS.values() for name in names]
    assert sorted(named) == sorted(reference.table_schemas())


def test_every_column_stands_on_the_page_with_its_meaning() -> None:
    page = reference.tables_page()
    for name, schema in reference.table_schemas().items():
        part = page.split(f"\n### {name}\n")[1].split("\n##")[0]
        for key, column in schema.columns.items():
            row = next(
                line for line in part.splitlines() if re.match(rf"\| \*?`{key}`\*? \|", line)
            )
            assert column.description.replace("|", "\\|") in row
            unit = (column.metadata or {}).get("unit") or ""
            assert row.split(" | ")[2].strip() == unit


def test_every_setting_and_criterion_stands_on_the_page() -> None:
    page = reference.region_page()
    for model in reference._models(Region):
        for name, field in model.model_fields.items():
            if name != "folder":
                assert f"`{name}`" in page
                assert not field.description or field.description in page, name
    for name in CRITERIA:
        assert f"| `{name}` |" in page


def test_every_public_name_stands_on_the_page_with_what_it_does() -> None:
    import bredband  # noqa: PLC0415

    page = reference.python_page()
    for name in bredband.__all__:
        assert (getattr(bredband, name).__doc__ or "").strip(), name
        row = next(line for line in page.splitlines() if line.startswith(f"| [`{name}`]("))
        assert len(row.split(" | ")[1]) > 10
    assert "`table`, *`columns`*" in page
    assert ":func:" not in page


def test_what_is_for_showing_and_what_is_not() -> None:
    page = reference.tables_page()
    for name, said in (
        ("status", "Table `premises`, file `premises.parquet`; internal."),
        ("coverage", "Table `coverage`, file `coverage.csv`; for showing."),
        ("shares", "Table `shares`; internal."),
        ("priority_areas", "file `priority_areas.geojson`; for showing."),
        ("cost_curve", "file `cost_curve.csv`; internal."),
    ):
        assert said in page.split(f"\n### {name}\n")[1].split("\n##")[0]
    assert "Table" not in page.split("\n### stretches\n")[1].split("\n|")[0]


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_whole_tables_with_links_that_lead_somewhere(name: str) -> None:
    text = (TOP / name).read_text(encoding="utf-8")
    heads = {
        re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().casefold()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in heads
        else:
            assert (TOP / name).parent.joinpath(target).resolve().exists()
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block[:200]
