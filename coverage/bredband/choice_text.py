"""Choices under budgets in words, Swedish and English."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import pandas as pd

from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Iterator


@lru_cache
def choice_words(language: str) -> dict[str, dict[str, str]]:
    """Give the sentences by section and key, from ``choice_sv.toml`` or ``choice_en.toml``."""
    text = files("bredband.text").joinpath(f"choice_{language}.toml").read_text("utf-8")
    sections: dict[str, dict[str, str]] = tomllib.loads(text)
    return sections


def tell_reasons(choice: pd.DataFrame, language: str = "sv") -> pd.Series:
    """Say why each area is not chosen.

    Parameters
    ----------
    choice : DataFrame
        ``tables_choice.CHOICE``.
    language : {"sv", "en"}
        Swedish or English.

    Returns
    -------
    Series of str
        On the index of ``choice``; empty text where the area is chosen.
    """
    said = choice_words(language)["reason"]
    area = choice["needs_area_id"].fillna("").astype("str")
    reason = choice["reason"].map({key: text for key, text in said.items() if "{" not in text})
    waits = area.map(lambda one: " " + said["waits"].format(area=one) if one else "")
    needs = area.map(lambda one: said["needs"].format(area=one))
    told = (reason + waits).mask(choice["reason"].isin(["needs"]), needs)
    return told.fillna("").astype("str")


def tell_choice(summary: pd.DataFrame, language: str = "sv") -> list[str]:
    """Say what each plan reaches, how sure it is the best, and what others would reach.

    Parameters
    ----------
    summary : DataFrame
        ``tables_choice.CHOICE_SUMMARY``.
    language : {"sv", "en"}
        Swedish or English.

    Returns
    -------
    list of str
        A paragraph per plan.
    """
    said, w = choice_words(language)["choice"], words(language)

    def sentences(row: pd.Series) -> Iterator[str]:
        households = row["objective"] == "households"
        kind = "" if households else "_score"
        yield said[row["plan"]].format(
            money=w.money(row["budget_sek"]),
            areas=w.count(row["areas"], "area"),
            households=w.count(row["households"], "household"),
            support=w.money(row["support_sek"]),
        )
        if row["gap"] == 0:
            yield said["best" + kind]
        else:
            more = row["bound"] / row["value"] - 1 if row["value"] else None
            yield said["close" + kind].format(share=w.percent(more, 2))
        for other in ("greedy", "list"):
            fewer = row["value"] - row[other + "_value"]
            if pd.isna(fewer) or fewer <= 0:
                continue
            if households:
                yield said[other + "_households"].format(fewer=w.number(fewer))
            else:
                yield said[other].format(share=w.percent(fewer / row["value"]))

    return [" ".join(sentences(row)) for _, row in summary.iterrows()]


def tell_nested(nested: pd.DataFrame, language: str = "sv") -> list[str]:
    """Say what each nested budget reaches and what nesting costs, one sentence per budget.

    Parameters
    ----------
    nested : DataFrame
        ``tables_choice.NESTED``.
    language : {"sv", "en"}
        Swedish or English.
    """
    said, w = choice_words(language)["nested"], words(language)
    rows = [
        said["row" if row["loss_share"] > 0 else "row_free"].format(
            money=w.money(row["budget_sek"]),
            areas=w.count(row["areas"], "area"),
            households=w.count(row["households"], "household"),
            share=w.percent(row["loss_share"], 2),
        )
        for _, row in nested.iterrows()
    ]
    return [said["head"], *rows] if rows else []


def tell_years(years: pd.DataFrame, language: str = "sv") -> list[str]:
    """Say what is built each year, one sentence per year.

    Parameters
    ----------
    years : DataFrame
        ``tables_choice.YEARS_SUMMARY``.
    language : {"sv", "en"}
        Swedish or English.
    """
    said, w = choice_words(language)["years"], words(language)
    return [
        said["row"].format(
            year=row["year"],
            areas=w.count(row["areas"], "area"),
            support=w.money(row["support_sek"]),
            households=w.count(row["households"], "household"),
            cumulative=w.number(row["cumulative_households"]),
        )
        for row in years.to_dict("records")
    ]
