r"""Every word that a reader sees, Swedish and English, and how numbers are written.

The words stand in ``sv.toml`` and ``en.toml``, which hold the same keys:

>>> w = words("sv")
>>> w.status.unserved
'Saknar'
>>> w["status.unserved"]
'Saknar'
>>> w.percent(0.803)
'80,3\xa0%'
"""

from __future__ import annotations

import math
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Language = Literal["sv", "en"]

LANGUAGES = ("sv", "en")

NO_BREAK = "\N{NO-BREAK SPACE}"


class Section:
    """The words of one section of the file, by attribute or by key."""

    def __init__(self, name: str, language: str, entries: Mapping[str, str]) -> None:
        self._name = name
        self._language = language
        self._entries = dict(entries)

    def __getitem__(self, key: str) -> str:
        try:
            return self._entries[key]
        except KeyError:
            msg = f"{self._language}.toml has no {key} in [{self._name}]"
            raise KeyError(msg) from None

    def __getattr__(self, key: str) -> str:
        if key.startswith("_"):
            raise AttributeError(key)
        try:
            return self[key]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None

    def get(self, key: str, default: str) -> str:
        """Give the word, or ``default`` where the section has none for the key."""
        return self._entries.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)


class Words:
    """The words of one language, and its way of writing numbers.

    Look up ``words.section.key``, ``words["section.key"]`` or, where the text has
    places to fill in, ``words.fill("section.key", name=value)``.
    """

    def __init__(
        self, language: str, entries: Mapping[str, Mapping[str, str]], *, plain: bool = False
    ) -> None:
        self.language = language
        self._sections = {name: Section(name, language, part) for name, part in entries.items()}
        numbers = self._sections["numbers"]
        self.decimal = numbers.decimal
        self.thousands = numbers.plain_thousands if plain else numbers.thousands
        self.minus = "-" if plain else "\N{MINUS SIGN}"
        self.missing = numbers.missing

    def __getitem__(self, key: str) -> str:
        section, _, name = key.partition(".")
        if section not in self._sections:
            msg = f"{self.language}.toml has no section [{section}]"
            raise KeyError(msg)
        return self._sections[section][name]

    def __getattr__(self, name: str) -> Section:
        if name.startswith("_") or name not in self._sections:
            msg = f"no section [{name}]"
            raise AttributeError(msg)
        return self._sections[name]

    def keys(self) -> list[str]:
        """List every key, as ``section.key``."""
        return [f"{name}.{key}" for name, part in self._sections.items() for key in part]

    def fill(self, key: str, **values: object) -> str:
        """Give a text with its places filled in; values are taken as they are."""
        return self[key].format(**values)

    def tell(self, section: str, rule: str, **values: object) -> tuple[str, str]:
        """Give a finding's message and what to do about it; values are taken as they are.

        They stand in the section under the rule's id with ``_`` for ``-``, and the latter
        with ``_fix`` after it, where there is anything to do.
        """
        key = rule.replace("-", "_")
        fix = self._sections[section].get(f"{key}_fix", "")
        return self.fill(f"{section}.{key}", **values), fix.format(**values)

    def number(self, value: float | None, decimals: int = 0) -> str:
        """Write a number: 12 345,6 in Swedish, 12,345.6 in English; a dash where there is none."""
        if not _is_number(value):
            return self.missing
        text = f"{abs(value):,.{decimals}f}"  # type: ignore[arg-type]
        text = text.replace(",", "\0").replace(".", self.decimal).replace("\0", self.thousands)
        negative = value < 0 and any(c in "123456789" for c in text)  # type: ignore[operator]
        return self.minus + text if negative else text

    def percent(self, share: float | None, decimals: int = 1) -> str:
        """Write a share from 0 to 1 as per cent.

        Never rounded up to 100 or down to 0: 0.9996 is 99,9 %, not 100,0 %, so that
        nobody reads a goal as reached that is not.
        """
        if not _is_number(share):
            return self.missing
        step = 10.0**-decimals
        value = 100.0 * share  # type: ignore[operator]
        shown = round(value, decimals)
        if shown >= 100.0 > value:
            shown = 100.0 - step
        elif shown <= 0.0 < value:
            shown = step
        return self.number(shown, decimals) + self["numbers.percent"].replace(" ", NO_BREAK)

    def money(self, sek: float | None) -> str:
        """Write kronor: whole hundreds below a million, above it millions with one decimal."""
        if not _is_number(sek):
            return self.missing
        value = float(sek)  # type: ignore[arg-type]
        if abs(value) >= 999_950:
            decimals = 1 if abs(value) < 99_950_000 else 0
            return self._with_unit("numbers.million_sek", self.number(value / 1e6, decimals))
        decimals = -2 if abs(value) >= 1000 else 0
        return self._with_unit("numbers.sek", self.number(round(value, decimals)))

    def length(self, metres: float | None) -> str:
        """Write a length: metres below a kilometre, above it kilometres with one decimal."""
        if not _is_number(metres):
            return self.missing
        value = float(metres)  # type: ignore[arg-type]
        if value >= 999.5:
            decimals = 1 if value < 99_950 else 0
            return self._with_unit("numbers.km", self.number(value / 1000, decimals))
        return self._with_unit("numbers.m", self.number(value))

    def speed(self, mbit: float | None) -> str:
        """Write a speed: 100 Mbit/s, 1 Gbit/s."""
        if not _is_number(mbit):
            return self.missing
        value = float(mbit)  # type: ignore[arg-type]
        if value >= 1000:
            giga = value / 1000
            return self._with_unit("numbers.gbit", self.number(giga, 0 if giga % 1 == 0 else 1))
        return self._with_unit("numbers.mbit", self.number(value, 0 if value % 1 == 0 else 1))

    def count(self, number: float | None, unit: str) -> str:
        """Write a count with its noun, e.g. ``count(1, "household")``: 1 household."""
        form = "one" if _is_number(number) and number == 1 else "many"
        return f"{self.number(number)}{NO_BREAK}{self[f'unit.{unit}_{form}']}"

    def yes_no(self, value: object) -> str:
        """Write a truth value; a dash where there is none."""
        if value is None or pd.isna(value):  # type: ignore[call-overload]
            return self.missing
        return self["word.yes"] if value else self["word.no"]

    def price_item(self, name: str) -> str:
        """Name an item of the price book; one of the region's own as it is."""
        head, _, part = name.partition(".")
        if not part:
            return self.item.get(name, name)
        known = self.segment if head == "takeup" else self.item
        return self.fill(f"item.{head}", place=known.get(part, part).casefold())

    def join(self, parts: Sequence[str]) -> str:
        """List things: a, b och c."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{', '.join(parts[:-1])} {self['word.and']} {parts[-1]}"

    def _with_unit(self, key: str, number: str) -> str:
        return self[key].replace(" ", NO_BREAK).format(number)


def _is_number(value: object) -> bool:
    try:
        return value is not None and math.isfinite(value)  # type: ignore[arg-type]
    except TypeError:  # pandas.NA
        return False


@lru_cache
def read_words(topic: str, language: str) -> dict[str, dict[str, Any]]:
    """Read the words of a topic by section and key; those of everything where it is empty.

    Raises
    ------
    ValueError
        The language is not one of these.
    """
    if language not in LANGUAGES:
        msg = f"there are no words in {language!r}; choose one of {', '.join(LANGUAGES)}"
        raise ValueError(msg)
    name = f"{topic}_{language}.toml" if topic else f"{language}.toml"
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@lru_cache
def words(language: Language | str = "sv", *topics: str, plain: bool = False) -> Words:
    """Give the words of a language.

    Parameters
    ----------
    language : {"sv", "en"}
        Swedish or English.
    *topics : str
        Topics whose words are wanted besides: ``"map"`` for those of ``map_*.toml``.
    plain : bool, optional
        Write numbers with the ordinary no-break space and hyphen, for terminals
        and text files whose encoding (cp1252, cp850) lacks the narrow space and
        the minus sign.

    Raises
    ------
    ValueError
        The language is not one of these.
    """
    entries = read_words("", language)
    for topic in topics:
        entries = entries | read_words(topic, language)
    return Words(language, entries, plain=plain)
