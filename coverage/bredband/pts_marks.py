"""Regional priority: which buildings to mark so that the discount does most good.

A region may mark at most 30 % of its eligible household and workplace buildings. Each marked
building takes 2 % off the number that a project is ranked by, at most 50 %, so that no more than
25 marks are of use to one project (F, PTS 2023): they are to be spread over likely projects.

What is made the most of is the expected value won,

    sum over projects of  value_p x P(p wins with k_p marks),

value being household and workplace buildings, households, or households times score, and P the
share of draws of the competition that the project wins if somebody applies for it
(:func:`bredband.pts_competition.win_chances`), the other projects of the region being unmarked.
With ``k_p <= min(25, buildings)`` and ``sum of k_p <= quota`` that is a knapsack with a choice
for each project, solved exactly project by project (:func:`allocate_marks`). What the marks then
win against each other is drawn anew, and told beside what other ways of marking would win
(:func:`plan_marks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError
from bredband_gis.points import nearest_point
from bredband_gis.quality import Finding

from bredband.columns import dealt
from bredband.display import show
from bredband.pts_competition import (
    Chances,
    calibrate,
    competition_table,
    draw_own_calls,
    win_chances,
)
from bredband.pts_rules import LAYER, pts_words, rule_findings
from bredband.tables import need_columns
from bredband.tables_pts import MARKINGS
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from bredband.pts_rules import PtsRules
    from bredband.settings_pts import PtsSettings

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Value = Literal["buildings", "households", "score"]

ORDER: Final = ("households", "near_function", "distance_to_fibre_m")
"""Which buildings of a project are marked first, by default; ties go to the lower id."""

_SAME: Final = 1e-9
"""Two values that differ by no more than this share of the largest are the same."""


class PtsPlan(NamedTuple):
    """What the region should mark, and what comes of it."""

    projects: pd.DataFrame
    """``tables_pts.PTS_PROJECTS``."""
    marks: pd.DataFrame
    """``tables_pts.MARKS``."""
    competition: pd.DataFrame
    """``tables_pts.COMPETITION``."""
    comparison: pd.DataFrame
    """``tables_pts.MARK_COMPARISON``."""
    calibration: pd.DataFrame
    """``tables_pts.PTS_CALIBRATION``."""
    findings: tuple[Finding, ...]
    """What was made the most of, what is left, and which facts come from another year."""

    def _repr_html_(self) -> str:
        return show(self)


def allocate_marks(gain: ArrayLike, most: ArrayLike, quota: int) -> Ints:
    """Share out a quota of marks over projects so that the sum of their gains is greatest.

    Exact: after each project the best sum is known for every number of marks up to the quota
    (dynamic programming; projects x quota x marks steps). The gains may be of any shape.

    Parameters
    ----------
    gain : array of float, shape (projects, marks + 1)
        Gain of each project with 0, 1, 2 … marks.
    most : array of int, shape (projects,)
        The most marks that a project can use.
    quota : int
        Marks to share out.

    Returns
    -------
    array of int64, shape (projects,)
        Marks of each; none that add nothing.

    Raises
    ------
    BadValueError
        A gain is not a number, or a limit or the quota is negative.
    """
    gains = np.asarray(gain, dtype=float)
    limit = np.minimum(np.asarray(most, dtype=np.int64), gains.shape[1] - 1)
    if not np.isfinite(gains).all() or (limit < 0).any() or quota < 0:
        msg = "a gain is not a number, or a limit or the quota is negative"
        raise BadValueError(msg, where="marks", fix="give gains as numbers, limits from 0")
    room = int(min(quota, limit.sum()))
    step = _SAME * max(float(np.abs(gains).max(initial=0.0)), 1e-300)
    best = np.zeros(room + 1)
    chosen = np.zeros((len(gains), room + 1), dtype=np.int16)
    for project, (row, highest) in enumerate(zip(gains, limit, strict=True)):
        now = best + row[0]
        for marks in range(1, int(min(highest, room)) + 1):
            tried = best[: room + 1 - marks] + row[marks]
            better = tried > now[marks:] + step
            now[marks:][better] = tried[better]
            chosen[project, marks:][better] = marks
        best = now
    given = np.zeros(len(gains), dtype=np.int64)
    for project in range(len(gains) - 1, -1, -1):
        given[project] = chosen[project, room]
        room -= int(given[project])
    return given


def marks_by_rank(projects: pd.DataFrame, quota: int, *, most: int | None = None) -> Ints:
    """Share out a quota by rank alone: the first project's buildings, then the second's, and so on.

    Parameters
    ----------
    projects : DataFrame
        ``tables_pts.PTS_PROJECTS``; without a rank a project comes last.
    quota : int
        Marks to share out.
    most : int, optional
        No project gets more than this; as many as it has buildings when left out.

    Returns
    -------
    array of int64, shape (projects,)
    """
    rank = projects["rank"].astype("Float64").to_numpy(dtype=float, na_value=np.inf)
    order = np.lexsort((projects["area_id"].to_numpy(dtype=object), rank))
    room = projects["base_buildings"].to_numpy(dtype=np.int64)[order]
    if most is not None:
        room = np.minimum(room, most)
    before = np.cumsum(room) - room
    given = np.zeros(len(projects), dtype=np.int64)
    given[order] = np.clip(quota - before, 0, room)
    return given


def mark_buildings(
    buildings: pd.DataFrame,
    projects: pd.DataFrame,
    marks: ArrayLike,
    rules: PtsRules,
    *,
    order: Sequence[str] = ORDER,
) -> pd.DataFrame:
    """Say which buildings of each project get its marks.

    Only the number counts in the competition (F). Which ones is a rule of ours (U): the most
    households first, then those near a societal function (PTS's first criterion, F), then those
    farthest from existing fibre, then by id: always the same buildings for the same input.

    Parameters
    ----------
    buildings : DataFrame
        ``tables_pts.PTS_BUILDINGS`` with ``area_id`` and the columns of ``order``; a distance
        to fibre that is empty lies beyond the search distance and counts as the farthest.
    projects : DataFrame
        ``tables_pts.PTS_PROJECTS``.
    marks : array of int, shape (projects,)
        Marked buildings of each project.
    rules : PtsRules
        For the quota, and the number of marks that count.
    order : sequence of str
        Columns of ``buildings``, the most first; one that is not there is passed over.

    Returns
    -------
    DataFrame
        ``tables_pts.MARKS``: every building of the base, rows in the order of ``buildings``.

    Raises
    ------
    BadValueError
        A project is to get more marks than it has buildings, or all together more than the quota.
    """
    need_columns(buildings, ("premises_id", "area_id", "in_base"), "buildings")
    given = np.asarray(marks, dtype=np.int64)
    base: Any = buildings[buildings["in_base"]]
    quota = rules.quota(len(base))
    if given.sum() > quota:
        msg = f"{given.sum()} marks are more than the quota of {quota}"
        raise BadValueError(msg, where="marks", fix="mark fewer buildings")
    if (given > projects["base_buildings"].to_numpy()).any() or (given < 0).any():
        msg = "a project is to get more marks than it has buildings, or fewer than none"
        raise BadValueError(msg, where="marks", fix="use the buildings that the projects hold")
    number = pd.Series(given, index=pd.Index(projects["area_id"].astype("str")))
    area = base["area_id"].astype("str").where(base["area_id"].isin(number.index))
    keys: list[Any] = [base["premises_id"].to_numpy(dtype=object)]
    for name in reversed([name for name in order if name in base]):
        values = base[name].to_numpy(dtype=float, na_value=np.inf)
        keys.append(-values)
    codes, _ = pd.factorize(area, sort=True)
    rows = np.lexsort((*keys, codes))
    start = np.searchsorted(codes[rows], codes[rows], side="left")
    place = np.empty(len(base), dtype=np.int64)
    place[rows] = np.arange(len(base)) - start + 1
    wanted = area.map(number).fillna(0).to_numpy(dtype=np.int64)
    marked = (place <= wanted) & (codes >= 0)
    held = ["premises_id", "x", "y", "municipality_code"]
    return (
        pd.DataFrame(
            {
                **{name: base[name].to_numpy() for name in held},
                "area_id": area.to_numpy(),
                "households": base["households"].to_numpy(),
                "workplaces": base["workplaces"].to_numpy(),
                "place": pd.array(place, dtype="Int64"),
                "marked": marked,
                "useful": marked & (place <= rules.useful_marks),
            }
        )
        .astype(dict.fromkeys(["premises_id", "municipality_code", "area_id"], "str"))
        .assign(place=lambda made: made["place"].where(made["area_id"].notna()))
    )


def near_function(
    buildings: pd.DataFrame, functions: pd.DataFrame | None, *, nearby_m: float
) -> NDArray[np.bool_]:
    """Tell which buildings lie within ``nearby_m`` of a societal function; x and y in metres."""
    if functions is None or functions.empty or buildings.empty:
        return np.zeros(len(buildings), dtype=bool)
    away, _ = nearest_point(
        buildings["x"].to_numpy(dtype=float), buildings["y"].to_numpy(dtype=float),
        functions["x"].to_numpy(dtype=float), functions["y"].to_numpy(dtype=float),
        max_distance=nearby_m,
    )  # fmt: skip
    near: NDArray[np.bool_] = np.isfinite(away)
    return near


def plan_marks(
    buildings: pd.DataFrame,
    projects: pd.DataFrame,
    rules: PtsRules,
    settings: PtsSettings,
    *,
    language: str = "sv",
) -> PtsPlan:
    """Choose the marks, draw the competition with them, and compare with other ways of marking.

    Parameters
    ----------
    buildings : DataFrame
        As in :func:`mark_buildings`.
    projects : DataFrame
        ``tables_pts.PTS_PROJECTS``, from :func:`bredband.pts.likely_projects`.
    rules : PtsRules
        Of the year.
    settings : PtsSettings
        ``[pts]``.
    language : {"sv", "en"}
        Of texts and findings.

    Returns
    -------
    PtsPlan
        ``comparison`` says what each way of marking wins in the drawn competition, where the
        own projects also meet each other, in the mean of a call in which the share
        ``apply_share`` of them is applied for.

    Raises
    ------
    MissingColumnError
        The value to make the most of is the score, and the projects have none.
    """
    quota = rules.quota(int(buildings["in_base"].sum()))
    worth = _worth(projects, settings.value)
    size = projects["base_buildings"].to_numpy(dtype=np.int64)
    useful = np.minimum(size, rules.useful_marks)
    drawn = draw_own_calls(projects, rules, settings)
    every = np.arange(rules.useful_marks + 1)
    curve = win_chances(projects, rules, settings, drawn=drawn, asked=every).either
    share = np.floor(rules.quota_share * size + 1e-9).astype(np.int64)
    given = {
        "none": np.zeros(len(projects), dtype=np.int64),
        "optimal": allocate_marks(worth[:, None] * curve, useful, quota),
        "rank_fill": marks_by_rank(projects, quota),
        "rank_25": marks_by_rank(projects, quota, most=rules.useful_marks),
        "even": np.minimum(share, useful),
    }
    chances = {
        name: win_chances(projects, rules, settings, drawn=drawn, marks=given[name])
        for name in MARKINGS
    }
    plain = chances["none"].either[:, 0]
    comparison = _compare(
        projects, given, chances, worth[:, None] * curve, rules, settings, quota, language
    )
    competition = competition_table(projects, given["optimal"], rules, plain, chances["optimal"])
    marks = mark_buildings(buildings, projects, given["optimal"], rules, order=settings.mark_order)
    findings = [
        *rule_findings(rules, language=language),
        *_findings(marks, comparison, quota, settings, language),
    ]
    calibration = calibrate(rules, settings)
    return PtsPlan(projects, marks, competition, comparison, calibration, tuple(findings))


def _worth(projects: pd.DataFrame, value: Value) -> Floats:
    """Give what it is worth that each project wins."""
    if value == "buildings":
        return projects["base_buildings"].to_numpy(dtype=float)
    homes = projects["households"].to_numpy(dtype=float)
    if value == "households":
        return homes
    need_columns(projects, ("score",), "projects", fix="give the areas a score, or another value")
    worth: Floats = homes * projects["score"].fillna(0.0).to_numpy(dtype=float)
    return worth


def _compare(
    projects: pd.DataFrame,
    given: dict[str, Ints],
    chances: dict[str, Chances],
    planned: Floats,
    rules: PtsRules,
    settings: PtsSettings,
    quota: int,
    language: str,
) -> pd.DataFrame:
    said = pts_words(language)["marking"]
    rows = []
    for method in MARKINGS:
        marks = given[method]
        useful = np.minimum(marks, rules.useful_marks)
        won = settings.apply_share * chances[method].either[:, 0]
        rows.append(
            {
                "quota": quota,
                "marks": int(marks.sum()),
                "useful_marks": int(useful.sum()),
                "projects_marked": int((marks > 0).sum()),
                "planned_value": settings.apply_share
                * float(np.take_along_axis(planned, useful[:, None], axis=1).sum()),
                "expected_projects": won.sum(),
                "expected_buildings": won @ projects["base_buildings"].to_numpy(dtype=float),
                "expected_households": won @ projects["households"].to_numpy(dtype=float),
                "expected_aid_sek": won @ projects["aid_sek"].to_numpy(dtype=float),
            }
        )
    table = pd.DataFrame(rows)
    built = table["expected_buildings"]
    texts = [said[method].format(useful=rules.useful_marks) for method in MARKINGS]
    first = {
        "method": dealt(np.arange(len(MARKINGS)), MARKINGS),
        "method_text": dealt(np.arange(len(MARKINGS)), texts),
    }
    return (
        pd.DataFrame(first)
        .join(table)
        .assign(
            aid_per_building_sek=table["expected_aid_sek"] / built.where(built > 0),
            more_buildings=built - built.iloc[MARKINGS.index("none")],
        )
    )


def _findings(
    marks: pd.DataFrame,
    comparison: pd.DataFrame,
    quota: int,
    settings: PtsSettings,
    language: str,
) -> list[Finding]:
    """Say what the marks make the most of, and what is left."""
    texts = pts_words(language)
    said, write = texts["finding"], words(language, plain=True)
    found = []

    def tell(rule: str, rows: int, severity: Any = "info", **values: object) -> None:
        message = said[rule].format(**{"rows": write.number(rows), **values})
        fix = said.get(f"{rule}-fix", "")
        found.append(Finding(rule, severity, LAYER, "", rows, message, fix, values))

    if comparison["expected_projects"].sum() == 0 and not marks["area_id"].notna().any():
        tell("pts-no-projects", 0)
        return found
    counted = {"buildings": "expected_buildings", "households": "expected_households"}
    by_method = comparison.set_index("method")[counted.get(settings.value, "planned_value")]
    tell(
        "pts-marks-maximise",
        int(marks["marked"].sum()),
        value=texts["value"][settings.value],
        share=write.percent(settings.apply_share, 0),
        **{name: write.number(by_method[name]) for name in ("none", "optimal", "rank_25")},
    )
    outside = int(marks["area_id"].isna().sum())
    if outside:
        tell("pts-outside-projects", outside)
    left = quota - int(marks["marked"].sum())
    if left:
        tell("pts-marks-left", left, quota=write.number(quota))
    return found
