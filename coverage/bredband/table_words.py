"""The words of tables for readers: what sheets, layers and columns are called."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files

from bredband.text import Words


@lru_cache
def table_words(language: str = "sv", *, plain: bool = False) -> Words:
    """Give the words of a language, those of ``text/tables_*.toml`` among them.

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
        for name in (language, f"tables_{language}")
        for section, part in tomllib.loads(
            folder.joinpath(f"{name}.toml").read_text(encoding="utf-8")
        ).items()
    }
    return Words(language, entries, plain=plain)


def heading(w: Words, column: str) -> str:
    """Give what a column is called; without a word for it, its name as words."""
    told = _told(w, column)
    if told is not None:
        return told[0]
    plain = re.sub(r"_(sek_per_m|sek|m|km2|mbit)$", "", column).replace("_", " ")
    return plain[:1].upper() + plain[1:]


def meaning(w: Words, column: str, otherwise: str = "") -> str:
    """Explain a column; ``otherwise`` where the language has no words of its own for it."""
    told = _told(w, column)
    return otherwise if told is None else told[1]


def _told(w: Words, column: str) -> tuple[str, str] | None:
    share = re.fullmatch(r"(\w+)_(\d+)_share", column)
    if share and share[1] in w.measure:
        said = f"{w.measure[share[1]]}, {w.speed(float(share[2]))}"
        return said, said
    entry = w.heading.get(column, "")
    if not entry:
        return None
    head, _, told = entry.partition(" | ")
    return head, told
