"""A municipality's own priorities merged with ours, within the quota, conflicts shown.

The quota is the region's, so marks compete: who goes first is the planner's choice. Ours go
first unless said otherwise, since it is the region that PTS has prioritise (F: regionala
prioriteringar 2023); that a municipality's own list should yield is our reading (I).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.crs import transform_points
from bredband_gis.errors import DuplicateIdsError
from scipy.spatial import cKDTree

from bredband.submission_check import NEAR_M
from bredband.submission_text import SubmissionTexts, submission_texts
from bredband.tables import check_table, need_columns
from bredband.tables_submission import OWN_PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bredband.pts_rules import PtsRules

First = Literal["ours", "theirs", "score"]

FIRSTS: Final[tuple[First, ...]] = ("ours", "theirs", "score")
"""Who gets the quota first: our marks; the municipalities' by their rank; by our score."""

CLEARLY: Final = 0.5
"""The nearest building is meant where it is at most this share as far as the next (U)."""

SHOWN: Final = 200
"""Conflicts that the report lists; all of them are in the table."""

_NEEDS: Final = (
    "premises_id", "x", "y", "municipality_code", "municipality", "eligible", "in_base", "marked"
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Merged:
    """Our marks and the municipalities' own, merged.

    Attributes
    ----------
    table : DataFrame
        ``tables_submission.MERGED``, in the order in which the quota is given out.
    conflicts : DataFrame
        ``tables_submission.CONFLICTS``.
    files : DataFrame
        Per file: ``file``, ``municipality``, ``rows``, ``wanted`` (different buildings that
        could be used), ``ours_too`` (of these, that we had marked), ``marked`` (of these, that
        are marked now).
    base, allowed : int
        Buildings in the base of the quota, and how many of them may be marked.
    first : {"ours", "theirs", "score"}
        Who went first.
    language : {"sv", "en"}
        Of what is said.
    """

    table: pd.DataFrame
    conflicts: pd.DataFrame
    files: pd.DataFrame
    base: int
    allowed: int
    first: First
    language: str

    def apply(self, buildings: pd.DataFrame, *, criterion: str | None = None) -> pd.DataFrame:
        """Give the buildings with the merged marks.

        Parameters
        ----------
        buildings : DataFrame
            ``tables_submission.TO_SUBMIT``, as was merged.
        criterion : str, optional
            PTS's criterion for marks that only a municipality has, where their area has none.
        """
        marked = self.table[self.table["marked"]]
        now = buildings["premises_id"].isin(marked["premises_id"])
        new = now & ~buildings["marked"]
        said = marked.set_index("premises_id")["comment"]
        comment = buildings["premises_id"].map(said).astype("str")
        text = submission_texts("sv").merge["their_motivation"]
        own = (text + " " + comment.fillna("")).str.strip()
        motivation = buildings["motivation"].mask(
            new, (buildings["motivation"].fillna("") + " " + own).str.strip()
        )
        filled = buildings["criterion"]
        if criterion:
            filled = filled.mask(new & filled.isna(), criterion)
        return buildings.assign(marked=now, motivation=motivation, criterion=filled)


class _Side(NamedTuple):
    """The list, as arrays."""

    ids: NDArray[np.object_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    code: NDArray[np.object_]


def merge_priorities(
    buildings: pd.DataFrame,
    theirs: Sequence[pd.DataFrame],
    *,
    rules: PtsRules,
    crs: object = 3006,
    first: First = "ours",
    near_m: float = NEAR_M,
    language: str = "sv",
) -> Merged:
    """Merge municipalities' own priorities with our marks.

    Parameters
    ----------
    buildings : DataFrame
        ``tables_submission.TO_SUBMIT``, every building with our marks, also those that are not
        eligible; ``score`` (the higher the better) where buildings have one.
    theirs : sequence of DataFrame
        ``tables_submission.OWN_PRIORITIES``, one per file.
    rules : PtsRules
        Rules of the year: the quota.
    crs : CRS, str or int
        Of the buildings' ``x`` and ``y``.
    first : {"ours", "theirs", "score"}
        Who gets the quota first. ours: our marks by score, then what only they want by their
        rank (the first of every municipality, then the second of every one). theirs: what they
        want by their rank, then ours by score; a building that they say no to loses our mark.
        score: all by score.
    near_m : float
        A row whose id is not in the list means the nearest building within this, m, unless
        another is nearly as near; a row whose id and place lie farther apart is told of.
    language : {"sv", "en"}
        Of what is said.

    Returns
    -------
    Merged
        Never more marks than the quota allows. A building of another municipality than that of
        the file (most of its rows; of a list that has unmarked rows too, most of the changes),
        one that is not eligible, and one without a household or a workplace are told of and
        not used. Every wish is either in the table or among the conflicts.

    Raises
    ------
    MissingColumnError, BadValueError, DuplicateIdsError
        A table is not as its schema says.
    """
    need_columns(buildings, _NEEDS, "buildings", fix="give the buildings of a run")
    if buildings["premises_id"].duplicated().any():
        msg = "premises_id stand on more than one row"
        raise DuplicateIdsError(msg, where="buildings", fix="remove the duplicates")
    for one in theirs:
        check_table(one, OWN_PRIORITIES, where="own priorities")
    texts = submission_texts(language)
    x, y = transform_points(buildings["x"], buildings["y"], crs, 3006)
    side = _Side(
        buildings["premises_id"].to_numpy(object), x, y,
        buildings["municipality_code"].to_numpy(object),
    )  # fmt: skip
    conflicts: list[pd.DataFrame] = []
    wishes = [_match(one, side, near_m, conflicts) for one in theirs]
    wishes = [_sift(one, buildings, conflicts) for one in wishes]
    wanted, refused = _combine(wishes, conflicts)
    base = int((buildings["in_base"] & buildings["eligible"]).sum())
    allowed = rules.quota(base)
    table = _order(buildings, wanted, refused if first == "theirs" else set(), first)
    table["marked"] = table["place"] <= allowed
    conflicts += _told_no(buildings, refused, table, first)
    conflicts += _left_out(table)
    return Merged(
        table=table,
        conflicts=_conflict_table(conflicts, texts, near_m, first),
        files=_per_file(theirs, wishes, buildings, table),
        base=base,
        allowed=allowed,
        first=first,
        language=language,
    )


# --- which building is meant -------------------------------------------------------------


def _match(
    rows: pd.DataFrame, side: _Side, near_m: float, conflicts: list[pd.DataFrame]
) -> pd.DataFrame:
    """Find the building that each row means; ``at`` is its position, -1 where none."""
    index = pd.Index(side.ids)
    theirs = rows["their_id"].astype(object).where(rows["their_id"].notna(), None)
    at = index.get_indexer(pd.Index(theirs, dtype=object))
    has_place = np.isfinite(rows["x"].to_numpy()) & np.isfinite(rows["y"].to_numpy())
    away = np.full(len(rows), np.nan)

    short = {str(one).lstrip("0"): n for n, one in enumerate(side.ids) if str(one)[:1] == "0"}
    zeros = np.array([one in short for one in theirs], dtype=bool) & (at < 0)
    at[zeros] = [short[one] for one in theirs[zeros]]
    _note(conflicts, "id_by_zeros", rows, zeros, side, at, away)

    unknown = np.flatnonzero((at < 0) & has_place)
    if unknown.size and len(side.ids):
        near, far, next_ = _two_nearest(rows.iloc[unknown], side)
        away[unknown] = far
        close = far <= near_m
        clear = close & (far <= CLEARLY * next_) & (far < next_)
        at[unknown[clear]] = near[clear]
        found = np.full(len(rows), -1)
        found[unknown] = near
        mask = np.zeros(len(rows), dtype=bool)
        mask[unknown[clear]] = True
        _note(conflicts, "id_read_by_place", rows, mask, side, found, away)
        mask = np.zeros(len(rows), dtype=bool)
        mask[unknown[close & ~clear]] = True
        _note(conflicts, "several_near", rows, mask, side, found, away)
        several = mask
    else:
        several = np.zeros(len(rows), dtype=bool)
    _note(conflicts, "not_listed", rows, (at < 0) & ~several, side, np.full(len(rows), -1), away)

    known = (at >= 0) & has_place & np.isnan(away)
    gap = np.full(len(rows), np.nan)
    gap[known] = np.hypot(
        rows["x"].to_numpy()[known] - side.x[at[known]],
        rows["y"].to_numpy()[known] - side.y[at[known]],
    )
    apart = np.zeros(len(rows), dtype=bool)
    apart[known] = gap[known] > near_m
    _note(conflicts, "id_and_place_differ", rows, apart, side, at, gap)
    used = at >= 0
    return rows[used].assign(at=at[used], premises_id=side.ids[at[used]])


def _two_nearest(
    rows: pd.DataFrame, side: _Side
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Give the nearest building, how far it is, and how far the next one is."""
    tree = cKDTree(np.column_stack([side.x, side.y]))
    away, which = map(np.asarray, tree.query(rows[["x", "y"]].to_numpy(float), k=[1, 2]))
    return which[:, 0].astype(np.int64), away[:, 0], away[:, 1]


def _note(
    conflicts: list[pd.DataFrame], kind: str, rows: pd.DataFrame, mask: NDArray[np.bool_],
    side: _Side, at: NDArray[np.int64], away: NDArray[np.float64],
) -> None:  # fmt: skip
    """Keep the rows of a mask as conflicts of a kind."""
    if not mask.any():
        return
    here = at[mask]
    ids = [side.ids[one] if one >= 0 else None for one in here]
    conflicts.append(_conflict(kind, rows[mask], ids, away[mask]))


def _conflict(kind: str, rows: pd.DataFrame, ids: Any, away: Any = np.nan) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": kind,
            "file": rows["file"].to_numpy(object) if "file" in rows else None,
            "line": rows["line"].to_numpy() if "line" in rows else pd.NA,
            "their_id": rows["their_id"].to_numpy(object) if "their_id" in rows else None,
            "premises_id": ids,
            "distance_m": away,
            "comment": rows["comment"].to_numpy(object) if "comment" in rows else None,
        }
    )


def _sift(
    rows: pd.DataFrame, buildings: pd.DataFrame, conflicts: list[pd.DataFrame]
) -> pd.DataFrame:
    """Leave out what cannot be used: said twice, another municipality's, not to be marked."""
    rows = rows.sort_values(["rank", "line"], kind="stable", na_position="last")
    again = rows["at"].duplicated()
    if again.any():
        conflicts.append(_conflict("same_building", rows[again], rows["premises_id"][again]))
    rows = rows[~again]
    code = buildings["municipality_code"].to_numpy(object)[rows["at"]]
    marked = rows["marked"].to_numpy(bool)
    changed = marked != buildings["marked"].to_numpy(bool)[rows["at"]]
    abroad = code != _home(code, marked, changed)
    eligible = buildings["eligible"].to_numpy(bool)[rows["at"]]
    in_base = buildings["in_base"].to_numpy(bool)[rows["at"]]
    for kind, out in (
        ("other_municipality", abroad & changed),
        ("not_eligible", ~abroad & marked & ~eligible),
        ("not_in_base", ~abroad & marked & eligible & ~in_base),
    ):
        if out.any():
            conflicts.append(_conflict(kind, rows[out], rows["premises_id"][out]))
    kept: pd.DataFrame = rows[~abroad & (~marked | (eligible & in_base))]
    return kept


def _home(code: NDArray[np.object_], marked: NDArray[np.bool_], changed: NDArray[np.bool_]) -> Any:
    """Give the municipality that a file is of: that of most of its rows.

    A file that has unmarked rows too is a list that they got and sent back: it is of the
    municipality where they have changed most.
    """
    told = changed if not marked.all() and changed.any() else np.ones(len(code), dtype=bool)
    most = pd.Series(code[told], dtype=object).mode()
    return most.iloc[0] if len(most) else None


def _combine(
    wishes: list[pd.DataFrame], conflicts: list[pd.DataFrame]
) -> tuple[pd.DataFrame, set[str]]:
    """Put the files together: what is wanted, the best rank first, and what is refused."""
    columns = ["premises_id", "file", "line", "their_id", "rank", "comment", "marked"]
    every = pd.concat([one[columns] for one in wishes], ignore_index=True) if wishes else (
        pd.DataFrame({name: [] for name in columns}).astype({"marked": bool, "rank": float})
    )  # fmt: skip
    order = every["rank"].rank(method="dense", na_option="bottom")
    every = every.iloc[np.lexsort((every["line"], every["file"].astype(str), order))]
    again = every["premises_id"].duplicated()
    if again.any():
        conflicts.append(_conflict("two_files", every[again], every["premises_id"][again]))
    every = every[~again]
    said = every["marked"].astype(bool)
    return every[said].reset_index(drop=True), set(every["premises_id"][~said])


# --- who gets the quota ------------------------------------------------------------------


def _order(
    buildings: pd.DataFrame, wanted: pd.DataFrame, gone: set[str], first: First
) -> pd.DataFrame:
    """Put everything that is wanted in the order in which the quota is given out."""
    ours = buildings["marked"] & buildings["eligible"] & buildings["in_base"]
    ours &= ~buildings["premises_id"].isin(gone)
    theirs = buildings["premises_id"].isin(wanted["premises_id"])
    kept = buildings[ours | theirs]
    own = wanted.set_index("premises_id")
    ids = kept["premises_id"]
    table = pd.DataFrame(
        {
            "premises_id": ids.astype("str"),
            "municipality_code": kept["municipality_code"].astype("str"),
            "ours": ours[kept.index].astype(bool),
            "theirs": theirs[kept.index].astype(bool),
            "file": ids.map(own["file"]).astype("str"),
            "rank": ids.map(own["rank"]).astype("float64"),
            "score": kept["score"].astype("float64") if "score" in kept else np.nan,
            "comment": ids.map(own["comment"]).astype("str"),
        }
    )
    late_rank = table["rank"].fillna(np.inf)
    low_score = -table["score"].fillna(-np.inf)
    named = table["premises_id"]
    if first == "score":
        keys = (named, late_rank, ~table["theirs"], low_score)
    elif first == "theirs":
        keys = (named, low_score, late_rank, ~table["theirs"])
    else:
        by_rank = late_rank.where(~table["ours"], 0.0)
        keys = (named, low_score, by_rank, ~table["ours"])
    table = table.iloc[np.lexsort(tuple(np.asarray(key) for key in keys))].reset_index(drop=True)
    table["place"] = np.arange(1, len(table) + 1)
    return table


def _told_no(
    buildings: pd.DataFrame, refused: set[str], table: pd.DataFrame, first: First
) -> list[pd.DataFrame]:
    """Tell of our marks that a municipality says no to."""
    ours = buildings["premises_id"][buildings["marked"] & buildings["premises_id"].isin(refused)]
    if first != "theirs":
        ours = ours[ours.isin(table["premises_id"])]
    return [_conflict("they_say_no", pd.DataFrame(index=ours.index), ours)] if len(ours) else []


def _left_out(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Tell of what the quota has no room for: theirs, and ours that gave way."""
    out = table[~table["marked"]]
    found = []
    for kind, rows in (
        ("ours_gives_way", out[out["ours"]]),
        ("over_quota", out[out["theirs"] & ~out["ours"]]),
    ):
        if len(rows):
            found.append(_conflict(kind, rows, rows["premises_id"]))
    return found


def _conflict_table(
    conflicts: list[pd.DataFrame], texts: SubmissionTexts, near_m: float, first: First
) -> pd.DataFrame:
    types = {
        "kind": "str", "file": "str", "line": "Int64", "their_id": "str", "premises_id": "str",
        "distance_m": "float64", "comment": "str",
    }  # fmt: skip
    empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})
    every = pd.concat(
        [empty, *(one.astype(types) for one in conflicts)], ignore_index=True
    )  # fmt: skip
    kept = texts.conflict["mark_goes" if first == "theirs" else "mark_stays"]
    metres = texts.words.length
    every["what"] = pd.Series(
        [
            texts.conflict[kind].format(distance=metres(distance), near=metres(near_m), kept=kept)
            for kind, distance in zip(every["kind"], every["distance_m"], strict=True)
        ],
        dtype="str",
    )
    return every


def _per_file(
    theirs: Sequence[pd.DataFrame], wishes: list[pd.DataFrame], buildings: pd.DataFrame,
    table: pd.DataFrame,
) -> pd.DataFrame:  # fmt: skip
    ours = set(buildings["premises_id"][buildings["marked"]])
    now = set(table["premises_id"][table["marked"]])
    towns = buildings.drop_duplicates("municipality_code").set_index("municipality_code")
    rows = []
    for given, used in zip(theirs, wishes, strict=True):
        wanted = set(used["premises_id"][used["marked"].astype(bool)])
        code = pd.Series(buildings["municipality_code"].to_numpy(object)[used["at"]]).mode()
        rows.append(
            {
                "file": str(given["file"].iloc[0]) if len(given) else "",
                "municipality": str(towns["municipality"][code.iloc[0]]) if len(code) else "",
                "rows": len(given),
                "wanted": len(wanted),
                "ours_too": len(wanted & ours),
                "marked": len(wanted & now),
            }
        )
    return pd.DataFrame(
        rows, columns=["file", "municipality", "rows", "wanted", "ours_too", "marked"]
    )


# --- the report --------------------------------------------------------------------------


def merge_report(merged: Merged) -> str:
    """Write how the merge went, as Markdown; internal, since it names buildings.

    Parameters
    ----------
    merged : Merged
        From :func:`merge_priorities`.
    """
    texts = submission_texts(merged.language)
    said, number = texts.merge, texts.words.number
    table = merged.table
    counts = {
        "marked": int(table["marked"].sum()),
        "allowed": merged.allowed,
        "base": merged.base,
        "both": int((table["ours"] & table["theirs"]).sum()),
        "new": int((table["marked"] & ~table["ours"]).sum()),
        "gone": int((~table["marked"] & table["ours"]).sum()),
    }
    lines = [
        f"# {said['title']}", "", said["internal"], "",
        said["quota"].format(**{name: number(count) for name, count in counts.items()}), "",
        said[f"first_{merged.first}"], "", f"## {said['files']}", "",
        *_rows(
            [said[str(name)] for name in merged.files],
            [[str(one) if isinstance(one, str) else number(one) for one in row]
             for row in merged.files.itertuples(index=False)],
        ),
        "", f"## {said['conflicts']}", "",
    ]  # fmt: skip
    conflicts = merged.conflicts
    if conflicts.empty:
        return "\n".join([*lines, said["none"], ""])
    kinds = conflicts["kind"].value_counts(sort=False)
    lines += _rows(
        [said["what"], said["rows"]],
        [[texts.conflict[f"{kind}_title"], number(n)] for kind, n in _counts(kinds)],
    )
    lines += ["", *_rows(
        [said[name] for name in ("file", "line", "their_id", "premises_id", "what", "comment")],
        [
            [_cell(one) for one in (row.file, row.line, row.their_id, row.premises_id, row.what,
                                    row.comment)]
            for row in conflicts.head(SHOWN).itertuples(index=False)
        ],
    )]  # fmt: skip
    if len(conflicts) > SHOWN:
        lines += ["", texts.report["more"].format(n=number(len(conflicts) - SHOWN))]
    return "\n".join([*lines, ""])


def _counts(kinds: pd.Series[int]) -> list[tuple[str, int]]:
    return list(zip(kinds.index.astype(str), kinds.tolist(), strict=True))


def _cell(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _rows(heads: list[str], rows: list[list[str]]) -> list[str]:
    """Lay out a table in Markdown."""
    plain = [[one.replace("|", "\\|").replace("\n", " ") for one in row] for row in rows]
    return [
        f"| {' | '.join(heads)} |",
        f"|{'|'.join(' --- ' for _ in heads)}|",
        *(f"| {' | '.join(row)} |" for row in plain),
    ]
