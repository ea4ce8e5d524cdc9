"""Every rule of the data quality check: its id, how grave it is, and its words.

The words stand in ``text/rules_sv.toml`` and ``rules_en.toml``, which hold the same
keys: title, what the rule looks for, why it matters, what to do, what is said of a
finding and of each row. Numbers are filled in and written as the language writes them.
"""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from bredband.phrases import names_something, translate, translate_place
from bredband.text import LANGUAGES, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bredband.text import Words

Severity = Literal["error", "warning", "info"]

SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "info")
"""The gravest first. error: the figures cannot be trusted or made; warning: look, then decide;
info: for the record."""

_REGISTER: Final = """
    unreadable-source error any            no-crs error any
    wrong-crs error any                    swapped-axes error any
    degrees-as-metres error any            not-metric error any
    missing-column error any               empty-layer error any
    geometry error any                     bad-value error any
    duplicate-ids error any                geodata error any
    rows-do-not-add-up error any           negative-count error premises
    missing-count error premises           fraction-of-count error premises
    unknown-technology error coverage      impossible-speed error coverage
    impossible-year error plans            more-accepted-than-offered error offers
    mojibake warning any                   encoding info any
    comma warning any                      crs warning any
    outside-region warning any             invalid-geometry warning any
    gdal warning any                       first-sheet warning any
    double-column warning any              set-aside warning any
    left-out info any                      empty-name warning municipalities
    municipality-code-short warning municipalities
    municipality-overlap warning municipalities
    municipality-gap warning municipalities
    municipality-sliver info municipalities
    outside-municipalities warning premises
    outside-border info premises           municipality-code warning premises
    duplicate-points warning premises      far-from-road warning premises
    long-drop info premises                crowded-building warning premises
    households-against-totals warning premises
    households-against-population warning premises
    road-islands warning roads             road-class-without-price warning roads
    localities-overlap warning localities  fibre-far-from-road warning fibre
    coverage-without-building warning coverage
    building-without-coverage info coverage
    implausible-speed warning coverage     upload-above-download warning coverage
    speed-unit warning coverage            duplicate-coverage warning coverage
    small-cell info coverage               cell-too-fine warning settings
    plan-overdue warning plans             plan-for-connected info plans
    row-without-building warning plans     more-offered-than-live-there warning offers
    connected-without-building warning connected
    cells-unusable warning population      cells-across-border warning population
    population-not-placed warning population
    no-population-in-grid warning population
    total-not-met warning population       mobile-partly warning mobile
    years-differ warning any               year-unknown info any
"""


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes
    ----------
    id : str
        Short name, e.g. ``"duplicate-ids"``.
    severity : {"error", "warning", "info"}
        How grave it is, unless the finding says otherwise.
    layer : str
        What it looks at; ``"any"`` for every file.
    """

    id: str
    severity: Severity
    layer: str


def _read_register() -> dict[str, Rule]:
    words_ = _REGISTER.split()
    triples = zip(words_[::3], words_[1::3], words_[2::3], strict=True)
    return {id_: Rule(id_, severity, layer) for id_, severity, layer in triples}  # type: ignore[arg-type]


RULES: Final[dict[str, Rule]] = _read_register()
"""Every rule by its id, in the order of the report."""


class _Written(str):
    """A value as it is written; ``{n:row|rows}`` adds the noun that its number takes."""

    __slots__ = ("one",)
    one: bool

    def __new__(cls, text: str, value: Any = None) -> _Written:
        """Keep whether the value is one."""
        written = super().__new__(cls, text)
        written.one = text == "1" if value is None else value == 1
        return written

    def __format__(self, spec: str) -> str:
        """Write the value, and its noun where there is one."""
        if not spec:
            return str(self)
        one, _, many = spec.partition("|")
        return f"{self!s}\N{NO-BREAK SPACE}{one if self.one else many}"


class RuleTexts:
    """The words of the rules in one language.

    Parameters
    ----------
    language : {"sv", "en"}
        Swedish or English.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.words: Words = words(language, plain=True)
        text = files("bredband.text").joinpath(f"rules_{language}.toml").read_text("utf-8")
        self.entries: dict[str, dict[str, str]] = tomllib.loads(text)
        self.reasons = self.entries.pop("reason")
        self.report = self.entries.pop("report")

    def get(self, rule: str, key: str) -> str:
        """Give a text of a rule; empty where it has none."""
        return self.entries.get(rule, {}).get(key, "")

    def fill(self, rule: str, key: str, values: Mapping[str, Any]) -> str:
        """Give a text of a rule with its places filled in."""
        text = self.get(rule, key)
        named = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        if not named <= set(values):
            return ""  # a reader's finding without these details: its own words stand
        return text.format(
            **{name: _Written(self.write(name, values[name]), values[name]) for name in named}
        )

    def each(self, rule: str, rows: pd.DataFrame) -> list[str]:
        """Say what is wrong with each row."""
        text = self.get(rule, "row") or self.get(rule, "title")
        named = [name for _, name, _, _ in string.Formatter().parse(text) if name]
        if not named:
            return [text] * len(rows)
        columns = [[self.write(name, value) for value in rows[name]] for name in named]
        return [
            text.format(**dict(zip(named, map(_Written, values), strict=True)))
            for values in zip(*columns, strict=True)
        ]

    def write(self, name: str, value: Any) -> str:  # noqa: PLR0911 - one line per kind of value
        """Write a value as its name's ending says: _m, _m2, _share, year; else number or text."""
        if isinstance(value, (list, tuple)):
            return ", ".join(self.write(name, one) for one in value)
        if value is None or (np.ndim(value) == 0 and pd.isna(value)):
            return self.words.missing
        if isinstance(value, str):
            return value
        if name.startswith("year"):
            return str(int(value))
        if name.endswith("_m2"):
            return self.area(float(value))
        if name.endswith("_m"):
            return self.words.length(value)
        if name.endswith("_share"):
            return self.words.percent(value)
        whole = float(value).is_integer()
        return self.words.number(value, 0 if whole or abs(value) >= 1000 else 2)

    def area(self, square_metres: float) -> str:
        """Write an area: m² below a hectare, hectares below a km², else km²."""
        steps = ((1e6, "km²"), (1e4, "ha"), (1.0, "m²"))
        size, unit = next((step for step in steps if square_metres >= step[0]), (1.0, "m²"))
        value = square_metres / size
        decimals = 0 if unit == "m²" and value >= 10 else 2 if value < 10 else 1
        return f"{self.words.number(value, decimals)}\N{NO-BREAK SPACE}{unit}"

    def reason(self, text: str) -> str:
        """Give a reader's reason for setting a row aside in this language, where it is known."""
        return self.reasons.get(text) or translate(text, self.language)

    def advice(self, rule: str, said: str) -> str:
        """Give a rule's advice, with what a reader has said of this case where it adds to it."""
        fix = self.get(rule, "fix")
        if not said or (self.language == "en" and fix):
            return said or fix
        if not fix:
            return translate(said, self.language)
        named = names_something(said, self.language)
        return f"{fix} ({translate(said, self.language)})" if named else fix

    def place(self, where: str) -> str:
        """Give a row or a file as a reader names it: "line 5" is "rad 5"."""
        return translate_place(where, self.language)


@lru_cache
def rule_texts(language: str = "sv") -> RuleTexts:
    """Give the words of the rules in a language.

    Raises
    ------
    ValueError
        There are none in it.
    """
    if language not in LANGUAGES:
        msg = f"there are no words in {language!r}; choose one of {', '.join(LANGUAGES)}"
        raise ValueError(msg)
    return RuleTexts(language)


def translate_reasons(set_aside: pd.DataFrame, language: str) -> pd.DataFrame:
    """Give rows set aside with the reasons in a language; reasons not known stay as they are.

    Parameters
    ----------
    set_aside : DataFrame
        ``tables.SET_ASIDE``.
    language : {"sv", "en"}
        The language.
    """
    texts = rule_texts(language)
    reason = set_aside["reason"]
    said = {one: texts.reason(str(one)) for one in reason.unique()}
    return set_aside.assign(reason=reason.map(said).astype(reason.dtype))


def describe_rules(language: str = "sv") -> list[dict[str, str]]:
    """List every rule: id, severity, layer, title, looks_for, why, fix.

    Parameters
    ----------
    language : {"sv", "en"}
        Language of the words.
    """
    texts = rule_texts(language)
    return [
        {
            "id": rule.id,
            "severity": rule.severity,
            "layer": rule.layer,
            **{key: texts.get(rule.id, key) for key in ("title", "looks_for", "why", "fix")},
        }
        for rule in RULES.values()
    ]
