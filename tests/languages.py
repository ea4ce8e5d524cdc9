"""Tell Swedish from English in what a planner reads."""

from __future__ import annotations

import re

_ENGLISH = re.compile(
    r"\b(?:the|rows|of|and|is|are|with|there|which|no|not|column|what to do|lies?|has|have|"
    r"building|coverage of)\b",
    re.IGNORECASE,
)
_SWEDISH = re.compile(
    r"\b(?:varning|rader|rad|och|inte|är|saknar|saknas|ingen|inga|av|som|gör så här)\b",
    re.IGNORECASE,
)
_APART = re.compile(
    r"\([^()]*\)|'[^']*'|\"[^\"]*\"|\[[^]]*\]"
    r"|\S*[/\\_]\S*|\S+\.\w+|--\S+|\w+(?:-\w+)+"
)
"""What is no language: what a library says, values, settings, paths, files, rules' ids."""


def english_in(text: str) -> list[str]:
    """List the English words of a text that should be Swedish."""
    return _ENGLISH.findall(_APART.sub(" ", text))


def swedish_in(text: str) -> list[str]:
    """List the Swedish words of a text that should be English."""
    return _SWEDISH.findall(_APART.sub(" ", text))
