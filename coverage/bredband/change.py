"""What changed between two results or two deliveries, and what the change comes from.

A share moves for three reasons that must not be taken for one another: premises that were
there then and now have gained or lost; the households at them are counted anew; premises
have come and left. The parts are told apart by the id of the premises and add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from bredband_gis.errors import BadValueError, DuplicateIdsError
from bredband_gis.store import scratch

from bredband.counting import BUILT_UP_SEGMENTS, add_up, find_places, long_table, reached, tally
from bredband.display import show
from bredband.statistics import CLASSES, SPEEDS, best_class
from bredband.tables import BASES, CHANGE, STATISTICS, need_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bredband.counting import Tally

KEYS: Final = ["area_kind", "area_code", "segment", "base", "measure", "speed_mbit"]
"""What says which rows of two coverage tables are the same thing."""


COUNTS: Final = ("counted_then", "counted_now", "served_then", "served_now", "gained", "lost")
"""What is counted at premises that were there then and are there now."""


@dataclass(frozen=True)
class Matched:
    """Which premises of an earlier table are in a later one.

    Attributes
    ----------
    then, now : array of int
        Rows of the same premises in the earlier and the later table.
    gone : array of int
        Rows of the earlier table whose premises are not in the later.
    new : array of int
        Rows of the later table whose premises were not in the earlier.
    """

    then: NDArray[np.int64]
    now: NDArray[np.int64]
    gone: NDArray[np.int64]
    new: NDArray[np.int64]

    @property
    def share(self) -> float:
        """Share of the ids of the smaller table that the other has as well, 0-1."""
        smaller = len(self.then) + min(len(self.gone), len(self.new))
        return len(self.then) / smaller if smaller else 1.0

    def _repr_html_(self) -> str:
        return show(self)


def match_premises(before: pd.DataFrame, after: pd.DataFrame) -> Matched:
    """Find the premises that are in both tables, by ``premises_id``.

    Raises
    ------
    MissingColumnError
        A table has no ``premises_id``.
    DuplicateIdsError
        An id that both tables have stands twice in one of them.
    """
    for table, where in ((before, "before"), (after, "after")):
        need_columns(table, ("premises_id",), where)
    one, two = (_ids(table["premises_id"]) for table in (before, after))
    if one.equals(two):
        same = np.arange(len(one))
        return Matched(same, same, same[:0], same[:0])
    with scratch() as con:
        con.register("one", pa.table({"id": one, "then": np.arange(len(one))}))
        con.register("two", pa.table({"id": two, "now": np.arange(len(two))}))
        pairs = con.execute('SELECT "then", now FROM one JOIN two USING (id)').fetchnumpy()
    then, now = (np.asarray(pairs[name], np.int64) for name in ("then", "now"))
    order = np.argsort(then, kind="stable")
    then, now = then[order], now[order]
    of_then = np.bincount(then, minlength=len(one))
    of_now = np.bincount(now, minlength=len(two))
    # A row that meets two others meets an id that stands twice in the other table.
    for times, where in ((of_now, "before"), (of_then, "after")):
        doubled = int((times > 1).sum())
        if doubled:
            msg = f"{doubled} ids stand on several rows"
            raise DuplicateIdsError(msg, where=where, fix="give each building an id of its own")
    return Matched(then, now, np.flatnonzero(of_then == 0), np.flatnonzero(of_now == 0))


def _ids(column: pd.Series) -> pa.Array:
    made = pa.array(column.astype("str"), from_pandas=True)
    made = made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
    return pc.cast(made, pa.large_string())


def matched_table(
    before: pd.DataFrame,
    after: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    region_code: str,
    speeds_mbit: Sequence[int],
    matched: Matched | None = None,
    localities: pd.DataFrame | None = None,
    deso: pd.DataFrame | None = None,
    built_up_segments: Sequence[str] = BUILT_UP_SEGMENTS,
) -> pd.DataFrame:
    """Count, at premises that were there then and are there now, who gained and lost.

    Parameters
    ----------
    before, after : DataFrame
        tables.STATUS of the earlier and the later result.
    municipalities : DataFrame
        tables.MUNICIPALITIES of both: each code once.
    region_code : str
        Of the rows that count all municipalities together.
    speeds_mbit : sequence of int
        Download speeds, Mbit/s.
    matched : Matched, optional
        From :func:`match_premises`; found here where not given.
    localities, deso, built_up_segments
        As in :func:`bredband.statistics.coverage_table`.

    Returns
    -------
    DataFrame
        ``KEYS`` and, of the premises that lie in the area and segment both then and now:
        ``counted_then`` and ``counted_now`` (households or workplaces), ``served_then`` and
        ``served_now`` (of these), ``gained`` and ``lost`` (by the count of then). Measures
        connected, passed, planned and connected_any.

    Raises
    ------
    MissingColumnError
        A column is missing.
    DuplicateIdsError
        As :func:`match_premises`.
    """
    matched = matched or match_premises(before, after)
    speeds = sorted({int(speed) for speed in speeds_mbit})
    made = []
    for table, where in ((before, "before"), (after, "after")):
        need_columns(table, SPEEDS, where)
        classes = {name: reached(table[name], speeds) for name in SPEEDS}
        made.append(tally(table, classes, locality=localities is not None, deso=deso is not None))
    then, now = made
    present = {*then.cells["segment"].dropna(), *now.cells["segment"].dropna()}
    places = find_places(
        municipalities,
        present,
        region_code=region_code,
        region_name=region_code,
        localities=localities,
        deso=deso,
        built_up_segments=built_up_segments,
    )
    pairs = _pair(then, now, before, after, matched)
    # The pairs of a slot: those whose cell lay in it then and whose cell lies in it now.
    within = places.matrix(then.cells)[:, pairs.then_cell].multiply(
        places.matrix(now.cells)[:, pairs.now_cell]
    )
    size = len(pairs.then_cell)
    keys, made_of = [], []
    for base in BASES:
        then_weights, now_weights = (pairs.sums[f"{base}_{name}"] for name in ("then", "now"))
        for measure, columns in CLASSES.items():
            best_then = best_class(pairs.then, columns)
            best_now = best_class(pairs.now, columns)
            for number, speed in enumerate(speeds, start=1):
                had, has = best_then >= number, best_now >= number
                keys.append((base, measure, speed))
                made_of += [
                    then_weights, now_weights, then_weights * had, now_weights * has,
                    then_weights * (has & ~had), then_weights * (had & ~has),
                ]  # fmt: skip
    by_cell = np.stack([add_up(pairs.cell, one, size) for one in made_of], axis=1)
    counts = (within @ by_cell).reshape(-1, len(COUNTS)).astype(np.int64)
    slots = places.slots.drop(columns="area_name")
    table = long_table(slots, pd.DataFrame(keys, columns=["base", "measure", "speed_mbit"]))
    table[list(COUNTS)] = counts
    return table


@dataclass(frozen=True)
class _Pairs:
    """Matched premises of the same row in both tallies, added up."""

    then_cell: NDArray[np.int64]
    now_cell: NDArray[np.int64]
    cell: NDArray[np.int64]
    then: dict[str, NDArray[np.int64]]
    now: dict[str, NDArray[np.int64]]
    sums: dict[str, NDArray[np.float64]]


def _pair(
    then: Tally, now: Tally, before: pd.DataFrame, after: pd.DataFrame, matched: Matched
) -> _Pairs:
    rows_now = len(now.cell)
    key = then.row[matched.then] * rows_now + now.row[matched.now]
    pair, found = pd.factorize(key)
    of_then, of_now = np.divmod(found, max(rows_now, 1))
    cells_now = len(now.cells)
    cell, cells = pd.factorize(then.cell[of_then] * cells_now + now.cell[of_now])
    then_cell, now_cell = np.divmod(cells, max(cells_now, 1))
    sums = {}
    for base in BASES:
        for name, table, rows in (("then", before, matched.then), ("now", after, matched.now)):
            weights = table[base].to_numpy(np.float64, na_value=0.0)[rows]
            sums[f"{base}_{name}"] = add_up(pair, weights, len(found))
    return _Pairs(
        then_cell,
        now_cell,
        cell,
        {name: classes[of_then] for name, classes in then.classes.items()},
        {name: classes[of_now] for name, classes in now.classes.items()},
        sums,
    )


def change_table(
    before: pd.DataFrame, after: pd.DataFrame, matched: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Set two coverage tables side by side, row by row.

    The parts are worked out in this order, each step from the one before it, so that they
    add up: everybody of then, with what the same premises have now (``points_same``); the
    same with the households of now at the same premises (``points_recounted``); the
    premises of now (``points_new_gone``). In households, exactly: served now = served then
    + gained - lost + recounted + new - gone. A premises that has moved to another area
    or segment is new in one and gone from the other.

    Parameters
    ----------
    before, after : DataFrame
        tables.STATISTICS of the earlier and the later result.
    matched : DataFrame, optional
        From :func:`matched_table`, of the premises that the two were counted on.
        Without it the parts are empty; so they are for accepted offers, always.

    Returns
    -------
    DataFrame
        tables.CHANGE, in the order of `after`; areas that are gone come last. Segments, bases,
        measures and speeds that only one of the two holds are left out. An area that one of
        them lacks has a total of 0 there. Shares and points are empty where a total is 0.

    Raises
    ------
    MissingColumnError
        A column is missing.
    BadValueError
        The two have no municipality in common, one holds several years, or the premises are not
        those that were counted.
    """
    for table, where in ((before, "before"), (after, "after")):
        need_columns(table, tuple(STATISTICS.columns), where)
        years = table["year"].unique()
        if len(years) != 1:
            msg = f"the table holds {len(years)} years"
            raise BadValueError(msg, where=where, fix="give one year's coverage at a time")
    places = [
        table.loc[table["area_kind"] == "municipality", "area_code"] for table in (before, after)
    ]
    if not places[0].isin(places[1]).any():
        msg = "the two have no municipality in common"
        raise BadValueError(msg, where="before, after", fix="compare results of the same region")
    same = ["segment", "base", "measure", "speed_mbit"]
    numbers = ["total", "served", "share"]
    one, two = (
        table.merge(other[same].drop_duplicates(), on=same)[[*KEYS, "area_name", *numbers]]
        for table, other in ((before, after), (after, before))
    )
    rows = two.merge(one, "outer", on=KEYS, suffixes=("_after", "_before"), sort=False)
    order = pd.concat([two[KEYS], one[KEYS]]).drop_duplicates()
    rows = order.merge(rows, "left", on=KEYS)
    rows["area_name"] = rows["area_name_after"].fillna(rows["area_name_before"])
    for name, table in (("before", before), ("after", after)):
        rows[f"year_{name}"] = int(table["year"].iloc[0])
        counts = [f"total_{name}", f"served_{name}"]
        rows[counts] = rows[counts].fillna(0).astype("int64")
    rows["points"] = 100 * (rows["share_after"] - rows["share_before"])
    parts = ("gained", "lost", "recounted", "new", "gone")
    for name in parts:
        rows[name] = pd.array([pd.NA] * len(rows), "Int64")
    for name in ("points_same", "points_recounted", "points_new_gone"):
        rows[name] = np.nan
    if matched is not None and len(rows):
        rows = _with_parts(rows, matched)
    columns = {name: str(column.dtype) for name, column in CHANGE.columns.items()}
    return rows[list(columns)].astype(columns)


def _with_parts(rows: pd.DataFrame, matched: pd.DataFrame) -> pd.DataFrame:
    """Fill in what the change comes from."""
    found = rows[KEYS].merge(matched, "left", on=KEYS)
    known = found["served_then"].notna().to_numpy()
    same = {
        name: found[name].fillna(0).to_numpy(np.int64) for name in matched.columns.difference(KEYS)
    }
    total, served = (
        {name: rows[f"{column}_{name}"].to_numpy(np.int64) for name in ("before", "after")}
        for column in ("total", "served")
    )
    new = served["after"] - same["served_now"]
    gone = served["before"] - same["served_then"]
    left = total["before"] - same["counted_then"], total["after"] - same["counted_now"]
    if any((number[known] < 0).any() for number in (new, gone, *left)):
        msg = "the coverage tables count fewer than the premises do"
        raise BadValueError(
            msg, where="before, after", fix="give the tables that were counted on these premises"
        )
    then_with_now = served["before"] + same["gained"] - same["lost"]
    recounted = same["served_now"] - same["served_then"] - same["gained"] + same["lost"]
    recounted_total = total["before"] + same["counted_now"] - same["counted_then"]
    step_same = _share(then_with_now, total["before"])
    step_recounted = _share(then_with_now + recounted, recounted_total)
    # Where everybody at the same premises was counted away, that is told with what is gone.
    step_recounted = np.where(recounted_total > 0, step_recounted, step_same)
    points = rows["points"].to_numpy()
    points_same = 100 * (step_same - rows["share_before"].to_numpy())
    points_recounted = 100 * (step_recounted - step_same)
    told = known & ~np.isnan(points)
    values = {
        "gained": same["gained"], "lost": same["lost"], "recounted": recounted, "new": new,
        "gone": gone,
    }  # fmt: skip
    filled = {
        name: pd.arrays.IntegerArray(value.astype(np.int64), ~known)
        for name, value in values.items()
    }
    return rows.assign(
        **filled,
        points_same=np.where(told, points_same, np.nan),
        points_recounted=np.where(told, points_recounted, np.nan),
        points_new_gone=np.where(told, points - points_same - points_recounted, np.nan),
    )


def _share(served: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    share = np.full(len(total), np.nan)
    np.divide(served, total, out=share, where=total > 0)
    return share
