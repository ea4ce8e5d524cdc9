"""The words of networks that connect places, beside the words of everything else."""

from __future__ import annotations

from bredband.text import Words, words


def backbone_words(language: str = "sv", *, plain: bool = False) -> Words:
    """Give a language's words with those of ``text/backbone_*.toml``; see ``text.words``."""
    return words(language, "backbone", plain=plain)
