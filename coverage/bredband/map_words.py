"""The words of maps, beside the words of everything else."""

from __future__ import annotations

from bredband.text import Words, words


def map_words(language: str = "sv", *, plain: bool = False) -> Words:
    """Give a language's words with those of maps and networks; see ``text.words``."""
    return words(language, "backbone", "map", plain=plain)
