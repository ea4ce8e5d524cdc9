"""Fixtures that several test files share."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sound_region
from bredband.cli import main
from click.testing import CliRunner
from hypothesis import settings
from opened import Opened, opener, start_browser
from web_server import Server, Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

# How long an example takes says something of the machine, not of the code.
settings.register_profile("bredband", deadline=None)
settings.load_profile("bredband")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of real data beside the repository; skip the test where it is absent."""
    folder = Path(os.environ.get("BREDBAND_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            "the real data are not here; point BREDBAND_SHARED_DATA at the folder that holds them"
        )
    return folder


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach servers without the proxy that the environment may name."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server(no_proxy: None) -> Iterator[Server]:
    """Give a web server on this machine."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def waits(no_proxy: None) -> Waits:
    """Give a clock that remembers how long one would have waited, and does not wait."""
    return Waits()


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a small region with which nothing is wrong; copy it before breaking it."""
    return sound_region.write(tmp_path_factory.mktemp("sound") / "region")


@pytest.fixture(scope="session")
def example_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run ``bredband demo`` once; give a folder with data_raw/norrbotten, outputs/norrbotten and
    said.txt, which are only to be read."""
    top = tmp_path_factory.mktemp("example")
    data, out = top / "data_raw" / "norrbotten", top / "outputs" / "norrbotten"
    result = CliRunner().invoke(main, ["demo", "--data", str(data), "--out", str(out)])
    assert result.exit_code == 0, result.output
    (top / "said.txt").write_text(result.output, encoding="utf-8")
    return top


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser; skip the test where none is installed."""
    yield from start_browser()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Open a map, a page or a file in a tab without a network."""
    with contextmanager(opener)(browser, tmp_path) as show:
        yield show
