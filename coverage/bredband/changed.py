"""Which premises gained or lost between two results, which are new or gone, and why."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.change import match_premises
from bredband.counting import encode
from bredband.tables import CHANGED_PREMISES, STATUSES, need_columns
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bredband.change import Matched
    from bredband.text import Words

CHANGES: Final = ("gained", "lost", "new", "gone", "recounted")


def changed_premises(
    before: pd.DataFrame,
    after: pd.DataFrame,
    language: str = "sv",
    *,
    matched: Matched | None = None,
) -> pd.DataFrame:
    """List the premises that gained or lost, are new or gone, or are counted anew, and why.

    Parameters
    ----------
    before, after : DataFrame
        tables.STATUS of the earlier and the later result, at the same target speed.
        ``reason`` may be missing; it stands in the language of its run.
    language : {"sv", "en"}
        Language of ``why``.
    matched : Matched, optional
        From :func:`match_premises`; found here where not given.

    Returns
    -------
    DataFrame
        tables.CHANGED_PREMISES: gained, lost, new, gone, recounted, each by municipality and
        id. Gained is a better status (connected, passed, planned, unserved), lost a worse
        one. Exact buildings: internal.

    Raises
    ------
    MissingColumnError, DuplicateIdsError
        As :func:`match_premises`.
    BadValueError
        A status is none of these.
    """
    matched = matched or match_premises(before, after)
    columns = ("premises_id", "municipality_code", "x", "y", "households", "status")
    ranks = []
    for table, where in ((before, "before"), (after, "after")):
        need_columns(table, columns, where)
        codes, values = encode(table["status"])
        rank = np.concatenate([[-1], pd.Index(STATUSES).get_indexer(pd.Index(values))])[codes]
        if (rank < 0).any():
            msg = f"{(rank < 0).sum()} premises have a status other than {', '.join(STATUSES)}"
            raise BadValueError(msg, where=f"{where}, status", fix="make it with premises_status")
        ranks.append(rank)
    then, now = (rank[rows] for rank, rows in zip(ranks, (matched.then, matched.now), strict=True))
    counts = (
        table["households"].to_numpy(np.int64)[rows]
        for table, rows in ((before, matched.then), (after, matched.now))
    )
    recounted = np.not_equal(*counts) & (then == now)
    none = np.full(0, -1)
    rows_then, rows_now, kinds = [], [], []
    for kind, one, two in (
        ("gained", matched.then[now < then], matched.now[now < then]),
        ("lost", matched.then[now > then], matched.now[now > then]),
        ("new", none, matched.new),
        ("gone", matched.gone, none),
        ("recounted", matched.then[recounted], matched.now[recounted]),
    ):
        n = max(len(one), len(two))
        rows_then.append(one if len(one) else np.full(n, -1))
        rows_now.append(two if len(two) else np.full(n, -1))
        kinds += [kind] * n
    sides = [
        _side(table, np.concatenate(rows).astype(np.int64))
        for table, rows in ((before, rows_then), (after, rows_now))
    ]
    table = pd.DataFrame(
        {
            name: sides[1][name].where(sides[1][name].notna(), sides[0][name])
            for name in ("premises_id", "municipality_code", "x", "y")
        }
    )
    for name, side in zip(("before", "after"), sides, strict=True):
        table[f"households_{name}"] = side["households"].fillna(0).astype("int64")
        table[f"status_{name}"] = side["status"]
    table["change"] = pd.array(kinds, dtype="str")
    table["why"] = _why(table["change"], sides[0], sides[1], words(language))
    table["_order"] = table["change"].map({name: i for i, name in enumerate(CHANGES)})
    table = table.sort_values(["_order", "municipality_code", "premises_id"], kind="stable")
    types = {name: str(column.dtype) for name, column in CHANGED_PREMISES.columns.items()}
    return table[list(types)].reset_index(drop=True).astype(types)


def _side(table: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Take rows of one result, empty ones for -1."""
    wanted = [
        "premises_id", "municipality_code", "x", "y", "households", "status", "speed_mbit", "reason"
    ]  # fmt: skip
    kept = table[[name for name in wanted if name in table]]
    # No row is called -1.
    side = pd.DataFrame(kept).reset_index(drop=True).reindex(rows).reset_index(drop=True)
    for name, empty in (("reason", ""), ("speed_mbit", 0.0)):
        side[name] = side[name].fillna(empty) if name in side else empty
    return side


def _why(change: pd.Series, then: pd.DataFrame, now: pd.DataFrame, said: Words) -> pd.Series:
    """Say why each premises changed, from the reasons then and now."""
    gained, lost = change == "gained", change == "lost"
    was, became = then["status"], now["status"]
    cases = {
        "plan_built": gained & (became == "connected") & (was == "planned"),
        "connected": gained & (became == "connected"),
        "plan_passed": gained & (became == "passed") & (was == "planned"),
        "passed": gained & (became == "passed"),
        "planned": gained,
        "slower": lost & (was == "connected") & (now["speed_mbit"] > 0),
        "not_connected": lost & (was == "connected"),
        "not_passed": lost & (was == "passed"),
        "not_planned": lost,
        "new": change == "new",
        "gone": change == "gone",
        "recounted": change == "recounted",
    }
    status = {name: said.status[name].casefold() for name in STATUSES}
    values = {
        "then": _either(then["reason"], was.map(status)),
        "now": _either(now["reason"], became.map(status)),
        "speed_then": then["speed_mbit"].map("{:.0f}".format),
        "speed_now": now["speed_mbit"].map("{:.0f}".format),
        "households_then": then["households"].fillna(0).astype("int64").astype("str"),
        "households_now": now["households"].fillna(0).astype("int64").astype("str"),
    }
    text = pd.Series("", index=change.index, dtype="str")
    open_ = pd.Series(True, index=change.index)
    for name, holds in cases.items():
        here = open_ & holds
        open_ &= ~holds
        if here.any():
            template = said[f"why.{name}"]
            text[here] = _fill(template, {key: value[here] for key, value in values.items()})
    return text


def _either(reason: pd.Series, status: pd.Series) -> pd.Series:
    return reason.where(reason != "", status).fillna("").astype("str")


def _fill(template: str, values: Mapping[str, pd.Series]) -> pd.Series:
    """Fill in a template with columns, whole columns at a time."""
    first = next(iter(values.values()))
    text = pd.Series("", index=first.index, dtype="str")
    for literal, name, _, _ in string.Formatter().parse(template):
        text = text + literal
        if name:
            text = text + values[name]
    return text
