"""A small region run once for all tests that read a finished result."""

from __future__ import annotations

import json
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest
import sound_region
from bredband.pipeline import run
from bredband.region import Region

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET = 1_000_000.0


@lru_cache
def _run_once() -> Path:
    folder = Path(mkdtemp(prefix="bredband-"))
    region = sound_region.write(folder / "region")

    def change(content: dict[str, Any]) -> None:
        content["priority"] = {"budget_sek": BUDGET}

    sound_region.write_settings(region, change)
    run(Region.read(region), folder / "out")
    return folder


@pytest.fixture(scope="session")
def finished() -> Iterator[Path]:
    """Give the folder of a finished result; not to be changed."""
    yield _run_once() / "out"
    shutil.rmtree(_run_once(), ignore_errors=True)


def rewrite_manifest(folder: Path, change: Any) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
