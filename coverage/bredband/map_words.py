"""The words of maps, beside the words of everything else."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files

from bredband.text import Words


@lru_cache
def map_words(language: str = "sv", *, plain: bool = False) -> Words:
    """Give the words of a language, those of ``text/map_*.toml`` and networks' among them.

    Parameters
    ----------
    language : {"sv", "en"}
        Swedish or English.
    plain : bool
        As in :func:`bredband.text.words`.
    """
    folder = files("bredband.text")
    entries = {
        section: part
        for name in (language, f"backbone_{language}", f"map_{language}")
        for section, part in tomllib.loads(
            folder.joinpath(f"{name}.toml").read_text(encoding="utf-8")
        ).items()
    }
    return Words(language, entries, plain=plain)
