"""region.toml: the template is valid, and what is wrong in one is said in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from bredband.region import Prices, Region, RegionError, Sources, json_schema
from bredband.template import region_toml

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {
    "region": {"name": "Övre Å", "code": "99", "year": 2024},
    "sources": {
        "municipalities": {"path": "a.gpkg"},
        "premises": {"path": "b.gpkg"},
        "roads": [{"path": "c.gpkg"}, {"path": "d.gpkg"}],
    },
}


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "region.toml").write_bytes(text.encode(encoding))
    return folder


def test_template_is_a_valid_region(tmp_path: Path) -> None:
    region = Region.read(written(tmp_path, region_toml()))
    assert region.slug == "min-region"
    assert [name for name, _ in region.sources.items()] == ["municipalities", "premises", "roads"]


def test_template_shows_every_setting_and_its_default(tmp_path: Path) -> None:
    # Switching on everything that is switched off changes nothing but the examples.
    lines = []
    for line in region_toml().splitlines():
        bare = line.removeprefix("# ")
        key = bare.split(" = ")[0]
        on = (bare.startswith("[") and bare.endswith("]")) or (" = " in bare and " " not in key)
        lines.append(bare if on else line)
    region = Region.read(written(tmp_path, "\n".join(lines)))
    plain = Region.read(written(tmp_path, region_toml()))
    assert region.prices == plain.prices
    assert region.goals == plain.goals
    assert region.definitions == plain.definitions
    assert region.buildout == plain.buildout
    assert region.publication == plain.publication
    assert len(region.sources.items()) == len(Sources.model_fields)
    assert region.priority.budget_sek == 50_000_000


def test_what_is_given_is_written_and_read_back(tmp_path: Path) -> None:
    content = {**GOOD, "priority": {"budget_sek": 1e8}, "definitions": {"proximity_m": 75.0}}
    region = Region.read(written(tmp_path, region_toml(content)))
    assert region == Region.from_dict(content, folder=tmp_path)
    assert region.slug == "övre-å"
    assert len(region.sources.roads) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"region": {"name": "A", "code": "1"}}, r"\[region\.year\] is missing"),
        ({"definitions": {"proximty_m": 5}}, r"proximty_m\] is not a setting; check the spelling"),
        ({"definitions": {"proximity_m": -5}}, r"proximity_m.*greater than or equal to 0"),
        ({"prices": {"other_surface": "gold"}}, "surface gold has no price"),
        ({"goals": [{"name": "x", "target": 95, "speed_mbit": 1, "measure": "connected"}]},
         r"target.*less than or equal to 1"),
        ({"goals": [{"name": "x", "target": 1, "speed_mbit": 1, "measure": "accessed"}]},
         "accessed"),
    ],
)  # fmt: skip
def test_faults_are_named(change: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(RegionError, match=words):
        Region.from_dict({**GOOD, **change}, folder=tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match=r"no such file(.|\n)*bredband init"):
        Region.read(tmp_path)
    with pytest.raises(RegionError, match="not UTF-8"):
        Region.read(written(tmp_path, 'name = "Å"', "cp1252"))
    with pytest.raises(RegionError, match=r"not valid TOML(.|\n)*write / or"):
        Region.read(written(tmp_path, 'path = "C:\\Users\\me"'))


def test_a_byte_order_mark_from_notepad_is_no_fault(tmp_path: Path) -> None:
    assert Region.read(written(tmp_path, region_toml(GOOD), "utf-8-sig")).region.code == "99"


def test_every_default_price_tells_its_source() -> None:
    prices = Prices()
    for price in (*prices.trench.values(), prices.drop_fixed, prices.drop_per_m):
        assert price.source
        assert (price.mark == "U") == price.source.startswith("no published source")


def test_schema_for_editors_describes_every_field() -> None:
    schema = json_schema()
    json.dumps(schema)
    for name, part in schema["$defs"].items():
        for key, field in part["properties"].items():
            assert field.get("description"), f"{name}.{key}"
