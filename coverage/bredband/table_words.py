"""The words of tables for readers: what sheets, layers and columns are called."""

from __future__ import annotations

import re

from bredband.text import Words, words


def table_words(language: str = "sv", *, plain: bool = False) -> Words:
    """Give a language's words with those of ``text/tables_*.toml``; see ``text.words``."""
    return words(language, "tables", plain=plain)


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
