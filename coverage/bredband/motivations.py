"""Why each build area ranks where it does, in words made from the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd

from bredband.criteria import CRITERIA, criteria_words
from bredband.display import show
from bredband.priority import chain_keys, hang_areas
from bredband.tables import need_columns
from bredband.tables_scores import MISSING, MOTIVATIONS, to_schema
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_LIFTING: Final = 3
"""So many criteria that lift an area are named."""

LEAST: Final = 0.005
"""A contribution nearer to the median than this is not named: scores show two decimals."""


class Explained(NamedTuple):
    """Build areas with their motivation, and one per criterion."""

    areas: pd.DataFrame
    motivations: pd.DataFrame

    def _repr_html_(self) -> str:
        return show(self)


class _Wide(NamedTuple):
    """The scores as matrices, areas by criteria."""

    criteria: list[str]
    number: Floats
    value: Floats
    weight: Floats
    contribution: Floats
    missing: NDArray[np.object_]


def explain_areas(areas: pd.DataFrame, scores: pd.DataFrame, *, language: str = "sv") -> Explained:
    """Say in words why each build area ranks where it does.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS`` with ``score``, ``rank`` and ``within_budget``, in any order. With
        a column ``chosen`` (boolean) that is told instead of ``within_budget``.
    scores : DataFrame
        ``tables_scores.SCORES`` of the same areas.
    language : {"sv", "en"}
        Of the sentences.

    Returns
    -------
    Explained
        ``areas`` with ``motivation``: rank and score; up to three criteria whose contribution
        lies farthest above the areas' median, and the one farthest below; what the area hangs
        on; what is missing; whether it is within the budget. ``motivations`` is
        ``tables_scores.MOTIVATIONS``: a text per criterion and area, as PTS asks for a written
        motivation of the criteria that a region uses (F: regionala prioriteringar 2021, 2023).

    Raises
    ------
    MissingColumnError
        The areas are not scored or not ranked.
    """
    need_columns(
        areas,
        ["area_id", "reached", "score", "rank", "within_budget"],
        "areas",
        fix="score the areas, then rank them: score_areas, rank_areas",
    )
    said = _Said(language)
    reached = areas["reached"].to_numpy(dtype=bool)
    there = areas[reached]
    wide = _widen(scores, there["area_id"])
    numbers = [said.numbers(name, wide.number[:, k]) for k, name in enumerate(wide.criteria)]
    medians = [
        said.numbers(name, [_median(wide.number[:, k])])[0] for k, name in enumerate(wide.criteria)
    ]
    parts = (
        _places(there, said),
        _reasons(wide, numbers, medians, said),
        _hangs_on(areas, said),
        _lacks(wide, said),
        _funded(there, said),
    )
    motivation = np.full(len(areas), said.fill("unreached"), dtype=object)
    motivation[reached] = [" ".join(filter(None, each)) for each in zip(*parts, strict=True)]
    return Explained(
        areas.assign(motivation=pd.Series(motivation, index=areas.index, dtype="str")),
        _motivate(there, wide, numbers, medians, said),
    )


class _Said:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        self.words = words(language)
        self._all = criteria_words(language)

    def fill(self, key: str, section: str = "motivation", **values: str) -> str:
        """Give a sentence with its places filled in."""
        return self._all[section][key].format(**values)

    def label(self, criterion: str) -> str:
        """Name a criterion."""
        return self._all[criterion]["label"]

    def numbers(self, criterion: str, numbers: Sequence[float] | Floats) -> list[str]:
        """Write a criterion's numbers in its unit; a count has decimals only where it must."""
        unit = CRITERIA[criterion].unit
        if unit == "SEK":
            return [self.words.money(float(one)) for one in numbers]
        if unit == "m":
            return [self.words.length(float(one)) for one in numbers]
        if unit == "share":
            return [self.words.percent(float(one), 0) for one in numbers]
        return [self.words.number(float(one), int(one % 1 > 0)) for one in numbers]


def _widen(scores: pd.DataFrame, area_ids: pd.Series[str]) -> _Wide:
    """Lay the long table out as matrices."""
    names = list(dict.fromkeys(scores["criterion"]))
    row = pd.Index(area_ids).get_indexer(pd.Index(scores["area_id"]))
    column = pd.Index(names).get_indexer(pd.Index(scores["criterion"]))
    shape = (len(area_ids), len(names))

    def matrix(name: str) -> Floats:
        laid = np.full(shape, np.nan)
        laid[row, column] = scores[name].to_numpy(np.float64, na_value=np.nan)
        return laid

    missing = np.full(shape, "", dtype=object)
    missing[row, column] = scores["missing"].fillna("").to_numpy(dtype=object)
    return _Wide(
        names, matrix("number"), matrix("value"), matrix("weight"), matrix("contribution"), missing
    )


def _median(numbers: Floats) -> float:
    known = numbers[~np.isnan(numbers)]
    return float(np.median(known)) if known.size else float("nan")


def _places(there: pd.DataFrame, said: _Said) -> list[str]:
    """Say rank and score."""
    score = there["score"].to_numpy(np.float64, na_value=np.nan)
    number = said.words.number
    areas, median = number(len(there)), number(_median(score), 2)
    return [
        said.fill("no_score", rank=number(rank), areas=areas)
        if np.isnan(one)
        else said.fill("place", rank=number(rank), areas=areas, score=number(one, 2), median=median)
        for rank, one in zip(there["rank"], score, strict=True)
    ]


def _reasons(wide: _Wide, numbers: list[list[str]], medians: list[str], said: _Said) -> list[str]:
    """Say which criteria lift an area above the middle of all, and which holds it back most."""
    apart = wide.contribution - [_median(one) for one in wide.contribution.T]
    apart = np.nan_to_num(apart)
    order = np.argsort(-apart, axis=1, kind="stable")
    labels = [said.label(name) for name in wide.criteria]
    scored = np.nan_to_num(wide.weight).sum(axis=1) > 0

    def item(row: int, k: int) -> str:
        if np.isnan(wide.number[row, k]):
            return said.fill("item_missing", label=labels[k], median=medians[k])
        return said.fill("item", label=labels[k], number=numbers[k][row], median=medians[k])

    found = []
    for row, columns in enumerate(order.tolist()):
        lifting = [item(row, k) for k in columns[:MOST_LIFTING] if apart[row, k] >= LEAST]
        weakest = columns[-1]
        parts = [said.fill("lifted", what=said.words.join(lifting))] if lifting else []
        if apart[row, weakest] <= -LEAST:
            parts.append(said.fill("lowered", what=item(row, weakest)))
        found.append((" ".join(parts) or said.fill("even")) if scored[row] else "")
    return found


def _hangs_on(areas: pd.DataFrame, said: _Said) -> list[str]:
    """Say which area comes before because its trench is needed, and whether that costs rank."""
    hanging = hang_areas(areas)
    score = areas["score"].to_numpy(np.float64, na_value=np.nan)
    key, _ = chain_keys(score[:, None], np.zeros((len(areas), 1)), hanging)
    held = np.nan_to_num(score, nan=-np.inf) > key[:, 0]
    ids, ranks = areas["area_id"].to_list(), areas["rank"].to_list()
    if "name" in areas:
        named = areas["name"].fillna("").to_list()
        ids = [f"{name}, {one}" if name else one for name, one in zip(named, ids, strict=True)]
    reached = areas["reached"].to_list()
    return [
        said.fill(
            "held" if held[row] else "waits",
            upstream=ids[up],
            rank=said.words.number(ranks[up]),
        )
        if up >= 0
        else ""
        for row, up in enumerate(hanging.upstream.tolist())
        if reached[row]
    ]


def _lacks(wide: _Wide, said: _Said) -> list[str]:
    """Say which numbers are missing and what stands in for them."""
    labels = [said.label(name) for name in wide.criteria]
    found = [""] * len(wide.missing)
    for how in MISSING:
        for row, fills in enumerate(wide.missing.tolist()):
            lacking = [label for label, fill in zip(labels, fills, strict=True) if fill == how]
            if not lacking:
                continue
            what = said.words.join(lacking)
            found[row] = " ".join(
                filter(None, (found[row], said.fill(f"missing_{how}", what=what)))
            )
    return found


def _funded(there: pd.DataFrame, said: _Said) -> list[str]:
    """Say whether the area is chosen, or within the budget in order, or needs no support."""
    chosen = "chosen" in there
    yes, no = ("chosen", "not_chosen") if chosen else ("within", "beyond")
    fits = there["chosen" if chosen else "within_budget"].astype("boolean")
    told = np.where(fits.fillna(value=False).to_numpy(bool), said.fill(yes), said.fill(no))
    told = np.where(fits.isna(), "", told)
    if "gap_sek" in there:
        told = np.where((there["gap_sek"] <= 0).to_numpy(bool), said.fill("no_support"), told)
    return [str(one) for one in told]


def _motivate(
    there: pd.DataFrame,
    wide: _Wide,
    numbers: list[list[str]],
    medians: list[str],
    said: _Said,
) -> pd.DataFrame:
    """Write a text per criterion and area."""
    write = said.words.number
    scores = [write(one, 2) for one in there["score"].to_numpy(np.float64, na_value=np.nan)]
    texts = []
    for row, score in enumerate(scores):
        for k, name in enumerate(wide.criteria):
            key = str(wide.missing[row, k]) or "counted"
            if key == "counted" and not wide.weight[row, k] > 0:
                key = "shown"
            texts.append(
                said.fill(
                    key,
                    "each",
                    label=said.label(name)[0].upper() + said.label(name)[1:],
                    number=numbers[k][row],
                    median=medians[k],
                    value=write(wide.value[row, k], 2),
                    weight=said.words.percent(wide.weight[row, k], 0),
                    contribution=write(wide.contribution[row, k], 2),
                    score=score,
                )
            )
    table = pd.DataFrame(
        {
            "area_id": np.repeat(there["area_id"].to_numpy(dtype=object), len(wide.criteria)),
            "criterion": np.tile(np.array(wide.criteria, object), len(there)),
            "motivation": texts,
        }
    )
    return to_schema(table, MOTIVATIONS)
