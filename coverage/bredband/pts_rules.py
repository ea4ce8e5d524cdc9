"""The rules of PTS's support by the year of the call: ``pts_rules.toml``, read and checked.

Next year's rules are an edit of that file, or a file of the same form that the region names
under ``[pts] rules``: its facts go before the built-in ones.
"""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, Literal, TypeVar

import numpy as np
import pandas as pd
from bredband_gis.errors import GeodataError
from bredband_gis.quality import Finding
from pydantic import Field, ValidationError

from bredband.prices import Mark  # noqa: TC001  # pydantic reads it
from bredband.settings import Section
from bredband.tables import SEGMENTS  # noqa: TC001
from bredband.tables_pts import LANDSDELAR
from bredband.text import read_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

LAYER: Final = "pts"
"""Named in findings."""

_T = TypeVar("_T")
_NEEDED: Final = ("projects", "buildings", "sek", *(f"{name}_sek" for name in LANDSDELAR))
"""What must be known of the applications of a call that is simulated."""

_BUDGETED: Final = ("total", *LANDSDELAR)
_APPLIED: Final = (*_NEEDED, "listed_buildings")
_GRANTED: Final = (
    "projects", "buildings", "sek", *(f"{name}_projects" for name in LANDSDELAR),
    "pot_projects", "pot_buildings", "pot_sek",
)  # fmt: skip

_Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=0)]
_Sek = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Counties = Annotated[list[Annotated[str, Field(pattern=r"^\d{2}$")]], Field(min_length=1)]
_Days = Annotated[list[dt.date], Field(min_length=1, max_length=2)]


class RulesError(GeodataError):
    """A file of rules is missing, is not TOML or holds what it must not."""


class Fact(Section, Generic[_T]):
    """A value with the mark of how sure it is, and where it was found."""

    value: _T
    mark: Mark
    source: str = Field(min_length=1)


class _Eligibility(Section):
    threshold_mbit: Fact[Annotated[float, Field(gt=0)]] | None = None
    plan_years: Fact[_Count] | None = None
    excluded_segments: Fact[list[Literal[SEGMENTS]]] | None = None  # type: ignore[valid-type]
    passed_counts: Fact[bool] | None = None
    later_connection_excluded: Fact[bool] | None = None


class _Marks(Section):
    quota_share: Fact[_Share] | None = None
    discount: Fact[Annotated[float, Field(gt=0, le=1)]] | None = None
    cap: Fact[_Share] | None = None
    least_criteria: Fact[_Count] | None = None


class _Calendar(Section):
    quality_check: Fact[_Days] | None = None
    consultation: Fact[_Days] | None = None
    priorities: Fact[_Days] | None = None
    call: Fact[_Days] | None = None


class PtsCriterion(Section):
    """One of the criteria that a region may prioritise by."""

    name: str = Field(min_length=1)
    sv: str
    en: str
    mark: Mark
    source: str = Field(min_length=1)


class _Year(Section):
    eligibility: _Eligibility = _Eligibility()
    marks: _Marks = _Marks()
    landsdel: dict[Literal[LANDSDELAR], Fact[_Counties]] = Field(default_factory=dict)  # type: ignore[valid-type]
    calendar: _Calendar = _Calendar()
    budget: dict[Literal[_BUDGETED], Fact[_Sek]] = Field(default_factory=dict)  # type: ignore[valid-type]
    applications: dict[Literal[_APPLIED], Fact[_Sek]] = Field(default_factory=dict)  # type: ignore[valid-type]
    outcome: dict[Literal[_GRANTED], Fact[_Sek]] = Field(default_factory=dict)  # type: ignore[valid-type]
    criteria: list[PtsCriterion] = Field(default_factory=list)


_TAKEN: Final = ("eligibility", "marks", "landsdel")
"""Sections whose facts are taken, one by one, from another year where the year has none."""


@dataclass(frozen=True)
class Taken:
    """A fact as it is used: its value, and the year that it was stated for."""

    value: Any
    mark: Mark
    source: str
    year: int


@dataclass(frozen=True)
class Published:
    """The newest call whose applications and outcome are known.

    Attributes
    ----------
    year : int
        Of the call.
    applications, outcome : mapping of str to float
        As in pts_rules.toml.
    budget : mapping of str to float
        Landsdel = SEK, of the same call.
    """

    year: int
    applications: Mapping[str, float]
    outcome: Mapping[str, float]
    budget: Mapping[str, float]


@dataclass(frozen=True)
class PtsRules:
    """The rules of a call.

    Attributes
    ----------
    year : int
        Year of the call.
    facts : mapping of str to Taken
        "section.name" = fact, also those that come from another year.
    criteria : tuple of PtsCriterion
        What a region may prioritise by.
    budget : mapping of str to float
        Landsdel = aid to distribute, SEK.
    published : Published
        What rivals are drawn after.
    """

    year: int
    facts: Mapping[str, Taken] = field(repr=False)
    criteria: tuple[PtsCriterion, ...] = field(repr=False)
    budget: Mapping[str, float]
    published: Published = field(repr=False)

    def _value(self, name: str) -> Any:
        return self.facts[name].value

    @property
    def threshold_mbit(self) -> float:
        """Download speed from which a network excludes a building, Mbit/s."""
        return float(self._value("eligibility.threshold_mbit"))

    @property
    def plan_years(self) -> int:
        """How many years ahead a plan excludes."""
        return int(self._value("eligibility.plan_years"))

    @property
    def excluded_segments(self) -> tuple[str, ...]:
        """Locality classes where no support is given."""
        return tuple(self._value("eligibility.excluded_segments"))

    @property
    def passed_counts(self) -> bool:
        """Whether a building that is passed by fibre, but not connected, is excluded."""
        return bool(self._value("eligibility.passed_counts"))

    @property
    def later_connection_excluded(self) -> bool:
        """Whether buildings in areas of later connection are excluded."""
        return bool(self._value("eligibility.later_connection_excluded"))

    @property
    def quota_share(self) -> float:
        """Largest share of the base that may be marked."""
        return float(self._value("marks.quota_share"))

    @property
    def useful_marks(self) -> int:
        """The number of marks at which a project's deduction reaches the cap."""
        needed: float = self._value("marks.cap") / self._value("marks.discount")
        return math.ceil(needed - 1e-9)

    def quota(self, base_buildings: int) -> int:
        """Give the number of buildings that may be marked, of so many in the base."""
        return math.floor(self.quota_share * base_buildings + 1e-9)

    def discount(self, marks: ArrayLike) -> NDArray[np.float64]:
        """Give the deduction for so many marked buildings: min(0.02 x marks, 0.5) in 2023."""
        each, cap = self._value("marks.discount"), self._value("marks.cap")
        deduction: NDArray[np.float64] = np.minimum(each * np.asarray(marks, dtype=float), cap)
        return deduction

    def comparison(self, aid_per_building: ArrayLike, marks: ArrayLike) -> NDArray[np.float64]:
        """Give the number that projects are ranked by.

        ``a* = a x (1 - min(0.02 x marks, 0.5))``, a being the aid applied for per building with
        a household or a workplace (PTS, regionala prioriteringar 2023, F).

        Parameters
        ----------
        aid_per_building : array of float
            a, SEK.
        marks : array of int
            Marked buildings of the project.
        """
        ranked: NDArray[np.float64] = np.asarray(aid_per_building, dtype=float) * (
            1 - self.discount(marks)
        )
        return ranked

    def landsdel_of(self, counties: pd.Series[str]) -> pd.Series[str]:
        """Give the landsdel of each county code; empty where the code is in none."""
        known = {code: name for name in LANDSDELAR for code in self._value(f"landsdel.{name}")}
        return counties.map(known)

    def counties_in(self, landsdel: str) -> int:
        """Give the number of counties of a landsdel."""
        return len(self._value(f"landsdel.{landsdel}"))


def rules_of(year: int | None = None, *, path: Path | None = None) -> PtsRules:
    """Give the rules of a call.

    Parameters
    ----------
    year : int, optional
        Year of the call; the newest known when left out.
    path : Path, optional
        A file of the same form as ``pts_rules.toml``; its facts go before the built-in ones.

    Returns
    -------
    PtsRules
        What the year does not hold is taken from the newest earlier year that does, budget,
        applications and criteria even from a later one; :func:`rule_findings` tells. Dates are
        never taken. A budget of which only the total is known is shared out as in the newest
        earlier call (U). Applications and outcome are those of one and the same call.

    Raises
    ------
    RulesError
        The file cannot be read, or says something else than the form has room for; the year
        is before the first.
    """
    book = _read(path)
    asked = max(book) if year is None else year
    earlier = sorted((y for y in book if y <= asked), reverse=True)
    if not earlier:
        msg = f"the rules of {asked} are not known; the oldest are of {min(book)}"
        raise RulesError(msg, where=_name(path), fix="choose another year under [pts]")
    any_year = [*earlier, *sorted(set(book) - set(earlier))]
    facts: dict[str, Taken] = {}
    for section in _TAKEN:
        for y in reversed(earlier):  # the year itself comes last and stays
            facts |= _facts(book, y, section)
    if asked in book:
        facts |= _facts(book, asked, "calendar")
    published = next((y for y in any_year if _is_whole(book[y])), None)
    if published is None:
        msg = "no year holds a call's applications, budget and outcome"
        raise RulesError(msg, where=_name(path), fix="fill in those of one year")
    for section in ("applications", "outcome"):
        facts |= _facts(book, published, section)
    budget, of_budget = _budget(book, any_year)
    facts |= of_budget
    criteria = next((book[y].criteria for y in any_year if book[y].criteria), [])
    return PtsRules(
        year=asked,
        facts=facts,
        criteria=tuple(criteria),
        budget=budget,
        published=Published(
            published,
            _values(book[published].applications),
            _values(book[published].outcome),
            {name: _values(book[published].budget)[name] for name in LANDSDELAR},
        ),
    )


def rule_findings(rules: PtsRules, *, language: str = "sv") -> list[Finding]:
    """Tell which facts were taken from another year than that of the call.

    Returns
    -------
    list of Finding
        For the rules, for the budget and for the applications that rivals are drawn after.
    """
    said = pts_words(language)
    found = []
    groups = {
        "rules": [k for k in rules.facts if k.split(".")[0] in ("eligibility", "marks")],
        "budget": [k for k in rules.facts if k.startswith("budget.")],
        "applications": [k for k in rules.facts if k.startswith("applications.")],
    }
    for group, names in groups.items():
        years = sorted({rules.facts[name].year for name in names} - {rules.year})
        if not years:
            continue
        rule = f"pts-{group}-of-another-year"
        message = said["finding"][rule].format(
            year=rules.year, years=", ".join(str(year) for year in years)
        )
        details = {"year": rules.year, "years": years}
        fix = said["finding"][f"{rule}-fix"]
        found.append(Finding(rule, "warning", LAYER, "", 0, message, fix, details))
    return found


def rules_table(rules: PtsRules) -> pd.DataFrame:
    """Give every fact that was used, with its source: ``tables_pts.PTS_RULES``."""
    return pd.DataFrame(
        {
            "fact": list(rules.facts),
            "value": [_shown(fact.value) for fact in rules.facts.values()],
            "year": [fact.year for fact in rules.facts.values()],
            "mark": [fact.mark for fact in rules.facts.values()],
            "source": [fact.source for fact in rules.facts.values()],
        }
    ).astype({"fact": "str", "value": "str", "year": "int64", "mark": "str", "source": "str"})


def pts_words(language: str = "sv") -> dict[str, dict[str, str]]:
    """Give the words of PTS's tables and findings in a language.

    Raises
    ------
    ValueError
        The language is not one of these.
    """
    return read_words("pts", language)


def _read(path: Path | None) -> dict[int, _Year]:
    built_in = files("bredband").joinpath("pts_rules.toml").read_text(encoding="utf-8")
    content = tomllib.loads(built_in)
    where = _name(path)
    if path is not None:
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            msg = "the file cannot be read"
            fix = "correct rules under [pts], or leave it out"
            raise RulesError(msg, where=where, fix=fix) from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            msg = f"not valid TOML in UTF-8: {error}"
            raise RulesError(msg, where=where, fix="correct the file") from None
        content = _merged(content, given)
    book = {}
    for key, rows in content.items():
        if not (key.isdecimal() and len(key) == 4):
            msg = f"[{key}] is not a year"
            raise RulesError(msg, where=where, fix="name sections by year, e.g. [2025.marks]")
        try:
            book[int(key)] = _Year.model_validate(rows)
        except ValidationError as error:
            lines = [
                f"[{key}.{'.'.join(str(part) for part in item['loc'])}] {item['msg']}"
                for item in error.errors()
            ]
            fix = "write each fact as name = { value = …, mark = …, source = … }"
            raise RulesError("; ".join(lines), where=where, fix=fix) from None
    return book


def _merged(content: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Put what is given over what is there; a fact replaces a fact whole."""
    merged = dict(content)
    for key, value in given.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict) and "value" not in value
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _facts(book: dict[int, _Year], year: int, section: str) -> dict[str, Taken]:
    held = getattr(book[year], section)
    if isinstance(held, Section):
        held = {name: getattr(held, name) for name in type(held).model_fields}
    return {
        f"{section}.{name}": Taken(fact.value, fact.mark, fact.source, year)
        for name, fact in held.items()
        if fact is not None
    }


def _values(section: Mapping[str, Fact[float]]) -> dict[str, float]:
    return {name: float(fact.value) for name, fact in section.items()}


def _is_whole(year: _Year) -> bool:
    """Tell whether a call's applications, budget and outcome are known."""
    return (
        set(_NEEDED) <= set(_values(year.applications))
        and set(LANDSDELAR) <= set(_values(year.budget))
        and {"projects", "buildings", "sek"} <= set(_values(year.outcome))
    )


def _budget(book: dict[int, _Year], order: list[int]) -> tuple[dict[str, float], dict[str, Taken]]:
    """Give the budget by landsdel, and the facts that it rests on."""
    first = next(y for y in order if _values(book[y].budget))
    facts = _facts(book, first, "budget")
    own = _values(book[first].budget)
    if set(LANDSDELAR) <= set(own):
        return {name: own[name] for name in LANDSDELAR}, facts
    split = next(y for y in order if set(LANDSDELAR) <= set(_values(book[y].budget)))
    shares = _values(book[split].budget)
    facts |= {k: v for k, v in _facts(book, split, "budget").items() if k != "budget.total"}
    whole = sum(shares[name] for name in LANDSDELAR)
    total = own.get("total", whole)
    return {name: total * shares[name] / whole for name in LANDSDELAR}, facts


def _name(path: Path | None) -> str:
    return "pts_rules.toml" if path is None else str(path)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)
