"""Take-up: who got an offer, and who accepted it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.plans import read_truths
from bredband.tables import need_columns
from bredband.technologies import read_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def add_offers(status: Any, offers: pd.DataFrame) -> Any:
    """Add how many households of each premises got an offer, and how many accepted.

    Region Norrbotten's indicator is the share of those offered 100 Mbit/s who accepted
    (goal 85 %, S): *take-up*, which is neither connected nor passed. It is of permanent
    households: an offer to a holiday home or a workplace counts for nobody.

    Parameters
    ----------
    status : DataFrame
        premises_id, households.
    offers : DataFrame
        premises_id, accepted and offered, each a number of households or ja/nej; ja is
        all the building's households. Where offered is missing each row is an offer to
        all of them. Several rows for a building are several operators' offers to the
        same homes: the largest offer counts, and everybody who accepted one of them. No
        more households than live there are offered or accept. Rows of other buildings are
        left out, their number is in ``attrs["offers_elsewhere"]``; that of buildings
        with more offers than households in ``attrs["offers_above_households"]``.

    Returns
    -------
    DataFrame
        With offered_households and accepted_households (int64).

    Raises
    ------
    MissingColumnError, BadValueError
        A column is missing; a value is neither a number nor yes or no; more households
        accepted than got an offer.
    """
    needed = ("premises_id", "accepted")
    need_columns(offers, needed, "offers", fix="name it under [sources.offers]")
    index = pd.Index(status["premises_id"].astype("str"))
    at = index.get_indexer(pd.Index(offers["premises_id"].astype("str")))
    known = at >= 0
    if len(offers) and not known.any():
        msg = f"none of the {len(offers)} rows names a building that is there"
        fix = "use the same building ids as the premises, written the same way"
        raise BadValueError(msg, where="offers", fix=fix)
    rows, at = offers[known], at[known]
    held = status["households"].to_numpy(dtype=np.int64)
    homes = held[at]
    accepted = _households(rows["accepted"], homes, "accepted")
    offered = _households(rows["offered"], homes, "offered") if "offered" in rows else homes
    over = accepted > offered
    if over.any():
        row = int(np.flatnonzero(over)[0])
        msg = (
            f"more households accepted ({accepted[row]}) than got an offer ({offered[row]}),"
            f" first {rows['premises_id'].iloc[row]!r}"
        )
        raise BadValueError(
            msg, where=f"offers, {over.sum()} of {len(offers)} rows", fix="correct the numbers"
        )
    most, yes = np.zeros((2, len(status)), dtype=np.int64)
    np.maximum.at(most, at, offered)
    np.add.at(yes, at, accepted)
    asked = np.minimum(most, held)
    added = status.assign(offered_households=asked, accepted_households=np.minimum(yes, asked))
    added.attrs["offers_elsewhere"] = int((~known).sum())
    added.attrs["offers_above_households"] = int(((most > held) & (held > 0)).sum())
    return added


def _households(column: pd.Series[Any], homes: Ints, name: str) -> Ints:
    number = read_numbers(column)
    words = np.isnan(number)
    if not words.all() and not words.any():
        wrong = (number < 0) | (number != np.floor(number))
        if wrong.any():
            msg = f"column {name} must hold whole numbers from 0, first {column[wrong].iloc[0]!r}"
            raise BadValueError(
                msg, where=f"offers, {wrong.sum()} of {len(column)} rows", fix="correct them"
            )
        return number.astype(np.int64)
    yes = read_truths(column, "offers", column_name=name)
    return np.where(yes, homes, 0)
