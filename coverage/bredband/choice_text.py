"""Choices under budgets in words, Swedish and English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bredband.text import read_words, words

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator


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
    said, w = read_words("choice", language)["choice"], words(language)

    def sentences(row: dict[Hashable, Any]) -> Iterator[str]:
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

    return [" ".join(sentences(row)) for row in summary.to_dict("records")]
