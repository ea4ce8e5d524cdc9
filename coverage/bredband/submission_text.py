"""What the check of submissions may find: each rule's id, how grave it is, and its words.

The words stand in ``text/submission_sv.toml`` and ``submission_en.toml``, which hold the same
keys: what is said of the file (all), of each feature or row (row), and what to do (fix).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd
from bredband_gis.quality import Finding

from bredband.check_registry import RuleTexts, Severity
from bredband.submission_schema import ABSENT, ROW, Content, definition
from bredband.text import read_words, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_REGISTER: Final = """
    empty-file error           unknown-format error       unreadable-source error
    cut-off error              not-json error             not-utf8 error
    byte-order-mark info       no-number error            not-a-collection error
    not-a-submission error     no-features error          crs-member warning
    wrong-crs error            file-fact error            forbidden-member error
    wrong-year error           synthetic warning          code-page info
    mojibake warning           double-column error        missing-column error
    unknown-column warning     not-a-feature error        no-properties error
    no-geometry error          wrong-geometry error       bad-coordinates error
    height warning             too-many-decimals warning  feature-id error
    missing-property error     blank error                wrong-value error
    text-for-number error      number-for-text error      not-a-figure error
    fraction error             negative error             not-yes-no error
    too-long error             municipality-code error    leading-zero error
    excel-number error         swapped-axes error         metres-in-geojson error
    degrees-in-table error     zero-coordinates error     outside-sweden error
    moved-point error          outside-municipality error outside-border info
    unknown-municipality error municipality-name warning  duplicate-id error
    same-place warning         marked-not-eligible error  marked-not-in-base error
    marked-holiday-home error  base-not-eligible error    base-without-homes error
    missing-criterion error    missing-motivation error   unknown-criterion warning
    unknown-id error           id-zeros error             marked-against-list error
    differs-from-list warning  missing-from-file info     quota-exceeded error
    base-differs warning       nothing-marked warning     surplus-marks info
    unknown-area error         ring-not-closed error      ring-orientation warning
    self-crossing error        area-counts error
"""

RULES: Final[dict[str, Severity]] = dict(
    zip(_REGISTER.split()[::2], _REGISTER.split()[1::2], strict=True)  # type: ignore[arg-type]
)
"""Every rule's id and severity. error: not to be submitted like this; warning: look, then
decide; info: for the record."""

_SHOWN: Final = 60
"""Characters of a value that a message shows."""


Say = Callable[["SubmissionTexts"], str]
"""A value whose words depend on the language."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a rule found.

    Attributes
    ----------
    rule : str
        Id of the rule.
    numbers : array of int64, shape (n,)
        The features (the first is 1) or lines that it is about; none for the whole file.
    ids : array of (str or None), shape (n,)
        Their ids.
    values : mapping
        What the words about the file name; a value may be a function of the language's words.
    each : mapping
        What the words about each row name: a sequence of n per name.
    """

    rule: str
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ids: NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, dtype=object))
    values: Mapping[str, Any] = field(default_factory=dict)
    each: Mapping[str, Any] = field(default_factory=dict)


class SubmissionTexts(RuleTexts):
    """The words of the rules of submissions in one language.

    Parameters
    ----------
    language : {"sv", "en"}
        Swedish or English.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.words = words(language, plain=True)
        self.entries = read_words("submission", language)
        self.reasons = {}
        self.report = self.entries.pop("report")
        self.expected = self.entries.pop("expected")
        self.about = self.entries.pop("about")
        self.merge = self.entries.pop("merge")
        self.conflict = self.entries.pop("conflict")

    def name(self, content: Content, column: str) -> str:
        """Name a column as the file has it, with its Swedish heading."""
        known = definition(ROW[content])["properties"]
        if column not in known:
            return column
        return self.report["field"].format(name=column, title=known[column]["title"])

    def expect(self, about: Mapping[str, Any], column: str = "") -> str:
        """Say what a part of the schema expects.

        Parameters
        ----------
        about : mapping
            The part: of a column, of a fact of the collection.
        column : str
            Name of the column; some have words of their own.
        """
        if column in self.expected:
            return self.expected[column]
        stated = about.get("type", "string")
        kind = self.expected[next(k for k in np.atleast_1d(stated).tolist() if k != "null")]
        for keyword in ("const", "enum", "pattern"):
            if keyword in about:
                value = about[keyword]
                shown_ = ", ".join(map(str, value)) if isinstance(value, list) else show(value)
                return self.expected[keyword].format(value=shown_)
        if "minimum" in about:
            return self.expected["minimum"].format(kind=kind, value=self.number(about["minimum"]))
        if "minLength" in about:
            return self.expected["minLength"]
        return kind

    def number(self, value: float) -> str:
        """Write a number of the schema."""
        return self.words.number(value, 0 if float(value).is_integer() else 1)

    def near(self, name: str | None) -> str:
        """Ask whether another name is meant, where there is a near one."""
        return self.report["near"].format(name=name) if name else ""

    def place(self, where: str) -> str:
        """Give a place as it is; it is made of our own words."""
        return where


@lru_cache
def submission_texts(language: str = "sv") -> SubmissionTexts:
    """Give the words of the rules in a language.

    Raises
    ------
    ValueError
        There are none in it.
    """
    return SubmissionTexts(language)


def show(value: object) -> str:
    """Show a value as it stands in a file, cut where it is long: "12", 12, true, null."""
    if value is ABSENT:
        return "–"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def shown(values: Iterable[object]) -> list[str]:
    """Show several values."""
    return [show(value) for value in values]


@dataclass(frozen=True, eq=False)
class Remark:
    """A finding in words, with the features or rows that it is about.

    Attributes
    ----------
    finding : Finding
        Rule, severity, message, fix; ``rows`` is how many it concerns.
    places : list of str
        "feature 17" or "line 18", in the language.
    numbers : array of int64
        The numbers in them: the first feature is 1, a table's are lines of the file.
    ids : list of (str or None)
        Building or area of each.
    said : list of str
        What is said of each; empty texts where there is nothing to add.
    """

    finding: Finding
    places: list[str]
    numbers: NDArray[np.int64]
    ids: list[str | None]
    said: list[str]


def tell(
    found: Found, *, file: str, content: str, place: Literal["feature", "line"],
    texts: SubmissionTexts,
) -> Remark:  # fmt: skip
    """Say what a rule found.

    Parameters
    ----------
    found : Found
        What it found.
    file, content : str
        Name of the file; buildings or areas.
    place : {"feature", "line"}
        What its numbers count.
    texts : SubmissionTexts
        The language.
    """
    values = {
        "n": len(found.numbers),
        **{name: value(texts) if callable(value) else value
           for name, value in found.values.items()},
    }  # fmt: skip
    message = texts.fill(found.rule, "all", values)
    fix = texts.fill(found.rule, "fix", values)
    if not message:
        msg = f"the words of {found.rule} name something that was not given: {sorted(values)}"
        raise KeyError(msg)
    each = pd.DataFrame(
        {
            name: [one(texts) if callable(one) else one for one in column]
            for name, column in found.each.items()
        },
        index=range(len(found.numbers)),
    )
    return Remark(
        Finding(found.rule, RULES[found.rule], content, file, len(found.numbers), message, fix),
        [texts.report[place].format(n=number) for number in found.numbers],
        found.numbers,
        [one if isinstance(one, str) else None for one in found.ids],
        texts.each(found.rule, each) if texts.get(found.rule, "row") else [""] * len(each),
    )
