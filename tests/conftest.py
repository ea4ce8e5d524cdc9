"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
