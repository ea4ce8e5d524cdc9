"""The readers' English sentences in another language.

Readers say what is wrong in English, as the text of an error, a finding or a reason. Here the
sentence is looked up with its values left open, as in ``phrases_sv.toml``:

>>> translate("column x is missing; found: a, b", "sv")
'kolumnen x saknas; det finns: a, b'

A sentence that is not there stays as it is.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from bredband.faults import SettingsError, together

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bredband_gis.errors import GeodataError

    from bredband.faults import Fault

_HOLE: Final = re.compile(r"\{(\w+)(:said|:counts)?\}")
_INNER: Final = ("word", "where", "place")
"""Sections that are looked at only for what stands inside a sentence."""


@dataclass(frozen=True)
class Phrase:
    """A sentence with places for its values.

    Attributes
    ----------
    english : str
        As the program says it, with ``{name}`` for its values.
    other : str
        In the other language; ``{name:said}`` is translated in its turn, and so is each
        reason of ``{name:counts}``: "3 reason; 1 other reason".
    fits : Pattern
        Matches the English one.
    """

    english: str
    other: str
    fits: re.Pattern[str]

    @cached_property
    def letters(self) -> int:
        """How much of it is no value."""
        return len(_HOLE.sub("", self.english))

    @cached_property
    def begins(self) -> str:
        """What stands before its first value."""
        return _HOLE.split(self.english, maxsplit=1)[0]


def _phrase(english: str, other: str) -> Phrase:
    parts = _HOLE.split(english)  # text, name, spec, text, name, spec, … text
    names = dict.fromkeys(parts[1::3])
    pattern = "".join(
        re.escape(part) if n % 3 == 0 else f"(?P<{part}>.*?)"
        for n, part in enumerate(parts)
        if n % 3 < 2
    )
    if len(names) != len(parts) // 3:
        msg = f"a name stands twice in {english!r}"
        raise ValueError(msg)
    return Phrase(english, other, re.compile(pattern, re.DOTALL))


@lru_cache
def phrases(language: str) -> dict[str, tuple[Phrase, ...]]:
    """Give the sentences known in a language by section."""
    folder = files("bredband.text")
    content: dict[str, dict[str, str]] = {}
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.startswith("phrases_") and file.name.endswith(f"_{language}.toml"):
            for section, entries in tomllib.loads(file.read_text("utf-8")).items():
                content.setdefault(section, {}).update(entries)
    if not content:
        return {}
    rules = tomllib.loads(folder.joinpath(f"rules_{language}.toml").read_text("utf-8"))
    content["reason"] |= rules["reason"]
    return {
        section: tuple(_phrase(*pair) for pair in entries.items())
        for section, entries in content.items()
    }


def translate(text: str, language: str) -> str:
    """Give a reader's sentence in a language; as it is where it is not known, or in English."""
    known = phrases(language)
    return _translate(text, language, [name for name in known if name not in _INNER])


def names_something(text: str, language: str) -> bool:
    """Tell whether a sentence is known and names values of its own."""
    known = phrases(language)
    found = _found(text, (one for name in known if name not in _INNER for one in known[name]))
    return found is not None and bool(found[1])


def translate_place(where: str, language: str) -> str:
    """Give file, layer and rows as an error names them: "roads.gpkg, layer roads, 3 of 9 rows"."""
    if "where" not in phrases(language):
        return where
    return ", ".join(_translate(part, language, ["where"]) for part in where.split(", "))


def explain(error: GeodataError, language: str, *, to_do: str) -> str:
    """Say an error in a language: where and what, and below it what to do.

    Each of several faults in settings is said for itself.

    Parameters
    ----------
    error : GeodataError
        What happened.
    language : {"sv", "en"}
        The language.
    to_do : str
        What stands before the advice.
    """
    if isinstance(error, SettingsError) and error.faults:
        told = [_fault(one, language) for one in error.faults]
        what = together(told, translate(f"{len(told)} settings are wrong:", language))
    else:
        what = translate(error.what, language)
    lines = [f"{translate_place(error.where, language)}: {what}" if error.where else what]
    if error.fix:
        lines.append(f"{to_do} {translate(error.fix, language)}")
    return "\n".join(lines)


def _fault(fault: Fault, language: str) -> str:
    if "place" not in phrases(language):
        return str(fault)
    numbers = [_translate(one, language, ["place"]) for one in fault.number.split(", ")]
    return str(fault._replace(number=", ".join(numbers), what=translate(fault.what, language)))


def _translate(text: str, language: str, sections: Iterable[str]) -> str:
    known = phrases(language)
    found = _found(text, (one for name in sections for one in known[name]))
    if found is None:
        return text
    phrase, values = found

    def fill(hole: re.Match[str]) -> str:
        value = values[hole[1]]
        if hole[2] == ":counts":
            counted = (part.partition(" ") for part in value.split("; "))
            return "; ".join(f"{n} {translate(why, language)}".strip() for n, _, why in counted)
        return _translate(value, language, known) if hole[2] else value

    return _HOLE.sub(fill, phrase.other)


def _found(text: str, among: Iterable[Phrase]) -> tuple[Phrase, dict[str, str]] | None:
    """Find the sentence of most letters that the text is."""
    fitting = [
        (one, match)
        for one in among
        if text.startswith(one.begins) and (match := one.fits.fullmatch(text))
    ]
    if not fitting:
        return None
    phrase, match = max(fitting, key=lambda pair: pair[0].letters)
    return phrase, match.groupdict()
