"""PTS's competition, drawn many times: how likely a project is to win, with and without marks.

The call (F, pts.se 2022 and 2023): projects are ranked within Norrland, Svealand and Götaland by
``a* = a x (1 - min(0.02 x marks, 0.5))``, a being the aid applied for per building with a
household or a workplace, the lowest first, until the budget is spent. What is left over goes to
a national pot, for which all projects that did not win are ranked together.

Rivals are drawn, since PTS does not publish applications one by one:

- number: the published number of projects, shared between the landsdelar by the published
  amounts applied for (U), less the region's own share in its landsdel (U);
- buildings: lognormal about the published mean (D: 55.6 in 2023); the spread is a setting (U);
- aid per building: lognormal, the mean per building being the published one (D: 90 558 SEK in
  2023); spread and correlation with the size are settings (U), chosen by :func:`fit_rivals` so
  that the published outcome comes out (327 projects, 74 027 SEK per building); all of a draw
  times a common factor, for the level of a coming call is not known (U);
- marks: each project has a share of marked buildings from a beta distribution about
  ``rivals_marked_share``, and binomially many marks (U).

What is published is reproduced, what is assumed is a setting: :func:`calibrate` lays the drawn
call beside the published outcome. The region's own projects take part too: each is applied for
in a draw with probability ``apply_share``, and its chance is that of winning **if** somebody
applies for it, against rivals and the own projects of that draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError
from scipy.optimize import least_squares

from bredband.tables import need_columns
from bredband.tables_pts import LANDSDELAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from bredband.pts_rules import PtsRules
    from bredband.settings_pts import PtsSettings

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_CELLS: Final = 1 << 21
"""Projects times draws that are settled at a time, so that many cannot fill the memory."""

NOT_GRANTED, IN_LANDSDEL, IN_POT = range(3)
"""What became of a project."""

FIGURES: Final = (
    "applied_sek", "granted_projects", "granted_buildings", "granted_per_building_sek",
    *(f"{name}_projects" for name in LANDSDELAR), "pot_projects", "pot_buildings", "pot_sek",
)  # fmt: skip
"""What the drawn call is compared with the published one by."""


@dataclass(frozen=True)
class Rivals:
    """What rival projects are drawn from.

    Attributes
    ----------
    numbers : tuple of int
        Projects in each of ``tables_pts.LANDSDELAR``.
    buildings : float
        Mean household and workplace buildings of a project.
    aid_sek : float
        Mean aid per such building, over all buildings, SEK.
    size_spread, aid_spread, correlation : float
        Standard deviations of the logarithms of buildings and aid per building, and their
        correlation.
    level_spread : float
        Standard deviation of the logarithm of the factor that a draw's aid has in common.
    marked_share, mark_evenness : float
        Mean of the beta distribution of a project's share of marked buildings, and the sum of
        its two parameters.
    """

    numbers: tuple[int, ...]
    buildings: float
    aid_sek: float
    size_spread: float
    aid_spread: float
    correlation: float
    level_spread: float
    marked_share: float
    mark_evenness: float


class Drawn(NamedTuple):
    """Who applies, draw by draw."""

    buildings: Ints
    """Household and workplace buildings of each rival, (draws, rivals)."""
    aid_per_building: Floats
    """SEK per such building, (draws, rivals)."""
    marks: Ints
    """Marked buildings, (draws, rivals)."""
    landsdel: Ints
    """Place of each rival's landsdel in ``tables_pts.LANDSDELAR``, (rivals,)."""
    here: Bools
    """Which of the region's own projects are applied for, (draws, projects)."""


class Chances(NamedTuple):
    """How many of the draws are won, and the shares that makes, of shape (projects, questions)."""

    won: Ints
    """Draws won within the landsdel and, not there, in the pot: (2, projects, questions)."""
    draws: int

    @property
    def landsdel(self) -> Floats:
        """Share won within the landsdel."""
        share: Floats = self.won[0] / self.draws
        return share

    @property
    def national(self) -> Floats:
        """Share won in the national pot, not having won in the landsdel."""
        share: Floats = self.won[1] / self.draws
        return share

    @property
    def either(self) -> Floats:
        """Share won at all."""
        share: Floats = self.won.sum(axis=0) / self.draws
        return share


def rivals_of(rules: PtsRules, settings: PtsSettings, *, landsdelar: Sequence[str] = ()) -> Rivals:
    """Give what the rivals of a call are drawn from.

    Parameters
    ----------
    rules : PtsRules
        The published applications.
    settings : PtsSettings
        Spreads, marks and the factor on the aid.
    landsdelar : sequence of str
        Where the region itself competes: there its own share is taken out, ``own_share`` or
        one part in the number of counties (U). Empty: all rivals.

    Returns
    -------
    Rivals
    """
    applied = rules.published.applications
    sek = np.array([applied[f"{name}_sek"] for name in LANDSDELAR])
    wanted = applied["projects"] * sek / sek.sum()
    numbers = np.floor(wanted).astype(np.int64)
    rest = int(applied["projects"]) - int(numbers.sum())
    numbers[np.argsort(-(wanted - numbers), kind="stable")[:rest]] += 1
    for place, name in enumerate(LANDSDELAR):
        if name in landsdelar:
            own = settings.own_share
            own = 1 / rules.counties_in(name) if own is None else own
            numbers[place] = round(numbers[place] * (1 - own))
    base = settings.rivals_base_share
    return Rivals(
        numbers=tuple(int(number) for number in numbers),
        buildings=base * applied["buildings"] / applied["projects"],
        aid_sek=settings.rivals_aid_factor * applied["sek"] / (applied["buildings"] * base),
        size_spread=settings.rivals_size_spread,
        aid_spread=settings.rivals_aid_spread,
        correlation=settings.rivals_correlation,
        level_spread=settings.rivals_level_spread,
        marked_share=settings.rivals_marked_share,
        mark_evenness=settings.rivals_mark_evenness,
    )


def draw_calls(
    rivals: Rivals, *, draws: int, seed: int, own: int = 0, apply_share: float = 0.0
) -> Drawn:
    """Draw who applies in so many calls.

    Parameters
    ----------
    rivals : Rivals
        What rivals are drawn from.
    draws, seed : int
        How many calls, and the seed: the same seed gives the same calls whatever is marked, so
        that a difference between ways of marking is the marks' alone.
    own : int
        The region's own projects.
    apply_share : float
        Chance of each of them to be applied for.
    """
    rng = np.random.default_rng(seed)
    shape = (draws, sum(rivals.numbers))
    one, other = rng.standard_normal((2, *shape))
    size, aid, rho = rivals.size_spread, rivals.aid_spread, rivals.correlation
    buildings = np.exp(np.log(rivals.buildings) - size**2 / 2 + size * one)
    buildings = np.maximum(np.rint(buildings), 1.0).astype(np.int64)
    # The mean over buildings, not over projects, is the published one.
    middle = np.log(rivals.aid_sek) - aid**2 / 2 - rho * aid * size
    each = np.exp(middle + aid * (rho * one + np.sqrt(1 - rho**2) * other))
    each *= np.exp(rivals.level_spread * rng.standard_normal((draws, 1)))
    share = np.full(shape, rivals.marked_share)
    if 0 < rivals.marked_share < 1:
        first = rivals.marked_share * rivals.mark_evenness
        share = rng.beta(first, rivals.mark_evenness - first, shape)
    marks = rng.binomial(buildings, share).astype(np.int64)
    where = np.repeat(np.arange(len(LANDSDELAR)), rivals.numbers)
    return Drawn(buildings, each, marks, where, rng.random((draws, own)) < apply_share)


def settle(
    comparison: ArrayLike,
    sek: ArrayLike,
    landsdel: ArrayLike,
    budget: Sequence[float],
    *,
    landsdel_go_on: bool = False,
    pot_go_on: bool = True,
) -> NDArray[np.int8]:
    """Rank the projects of one call and give out its money.

    Parameters
    ----------
    comparison : array of float
        a* of each project, SEK per building; of equal ones the first comes first.
    sek : array of float
        Aid that each applies for, SEK.
    landsdel : array of int
        Place of its landsdel in ``budget``.
    budget : sequence of float
        SEK by landsdel.
    landsdel_go_on, pot_go_on : bool
        What happens when a project does not fit what is left of a landsdel, or of the national
        pot: go on to the next that fits, or stop. No rule of PTS's was found. In 2023 the
        landsdelar left 50 MSEK to the pot, which stopping gives and going on does not, and in
        2021 the pot left 2 000 SEK that fitted no project (F): hence the defaults (I).

    Returns
    -------
    array of int8
        ``NOT_GRANTED``, ``IN_LANDSDEL`` or ``IN_POT`` of each.
    """
    amounts = np.asarray(sek, dtype=float)[None, :]
    calls = _Calls(
        np.asarray(comparison, dtype=float)[None, :], amounts, np.ones(amounts.shape, dtype=bool),
        np.asarray(landsdel, dtype=np.int64), budget,
        landsdel_go_on=landsdel_go_on, pot_go_on=pot_go_on,
    )  # fmt: skip
    granted: NDArray[np.int8] = calls.granted[0]
    return granted


def win_chances(
    projects: pd.DataFrame,
    rules: PtsRules,
    settings: PtsSettings,
    *,
    drawn: Drawn | None = None,
    marks: ArrayLike = 0,
    asked: ArrayLike | None = None,
) -> Chances:
    """Draw the call many times and count how often each project wins, if it is applied for.

    Parameters
    ----------
    projects : DataFrame
        ``tables_pts.PTS_PROJECTS``.
    rules : PtsRules
        Ranking, budget and published applications.
    settings : PtsSettings
        How rivals are drawn, how many draws, and the seed.
    drawn : Drawn, optional
        From :func:`draw_own_calls` with the same projects and settings, to draw only once.
    marks : int or array of int, shape (projects,)
        Marked buildings of each of the own projects, as the others meet it.
    asked : array of int, shape (projects, questions) or (questions,), optional
        With how many marks to ask for a project's chance, all others being as in ``marks``;
        its own number there when left out. No fewer than that number.

    Returns
    -------
    Chances
        In each draw the answer is exact: as if the call were settled anew with that project
        in it, with those marks. More marks never lower the chance within the landsdel. Where
        the landsdel stops and the pot goes on they can, in rare draws, lose the pot: a project
        that moves ahead and is stopped leaves more to the pot, and a large project of another
        landsdel may then fit before it.

    Raises
    ------
    MissingColumnError, BadValueError
        A column is missing; fewer marks are asked about than the project has.
    """
    need_columns(projects, ("landsdel", "base_buildings", "aid_sek"), "projects")
    held = np.broadcast_to(np.asarray(marks, dtype=np.int64), len(projects))
    questions = held[:, None] if asked is None else np.asarray(asked, dtype=np.int64)
    questions = np.broadcast_to(questions, (len(projects), questions.shape[-1]))
    if (questions < held[:, None]).any():
        msg = "a project is asked about with fewer marks than it has"
        raise BadValueError(msg, where="marks", fix="ask from its own number of marks upwards")
    places = _places(projects)
    sek = projects["aid_sek"].to_numpy(dtype=float)
    each = sek / projects["base_buildings"].to_numpy(dtype=float)
    numbers = rules.comparison(each[:, None], questions)
    drawn = draw_own_calls(projects, rules, settings) if drawn is None else drawn
    draws = len(drawn.here)
    won = np.zeros((2, *questions.shape), dtype=np.int64)
    at_once = max(1, _CELLS // max(len(drawn.landsdel) + len(projects), 1))
    for begin in range(0, draws, at_once):
        part = slice(begin, min(begin + at_once, draws))
        here = drawn.here[part]
        rivals = rules.comparison(drawn.aid_per_building[part], drawn.marks[part])
        amounts = drawn.aid_per_building[part] * drawn.buildings[part]
        mine = np.broadcast_to(rules.comparison(each, held), here.shape)
        calls = _Calls(
            np.concatenate([rivals, mine], axis=1),
            np.concatenate([amounts, np.broadcast_to(sek, here.shape)], axis=1),
            np.concatenate([np.ones(rivals.shape, dtype=bool), here], axis=1),
            np.concatenate([drawn.landsdel, places]),
            _budget(rules, settings),
            landsdel_go_on=settings.landsdel_full == "go_on",
            pot_go_on=settings.pot_full == "go_on",
        )
        for place in np.unique(places):
            rows = np.flatnonzero(places == place)
            won[:, rows] += calls.ask(numbers[rows], sek[rows], int(place))
    return Chances(won, draws)


def draw_own_calls(projects: pd.DataFrame, rules: PtsRules, settings: PtsSettings) -> Drawn:
    """Draw the calls that the region's own projects meet: :func:`draw_calls` by the settings."""
    return draw_calls(
        rivals_of(rules, settings, landsdelar=sorted(set(projects["landsdel"]))),
        draws=settings.draws,
        seed=settings.seed,
        own=len(projects),
        apply_share=settings.apply_share,
    )


def simulate_competition(
    projects: pd.DataFrame, marks: ArrayLike, rules: PtsRules, settings: PtsSettings
) -> pd.DataFrame:
    """Give each likely project's chance, where the region marks nothing and with its marks.

    Parameters
    ----------
    projects : DataFrame
        ``tables_pts.PTS_PROJECTS``.
    marks : array of int, shape (projects,)
        Marked buildings of each.
    rules, settings
        As in :func:`win_chances`.

    Returns
    -------
    DataFrame
        ``tables_pts.COMPETITION``, rows as ``projects``. A project whose neighbours are marked
        and which is not may lose by it: they compete with each other too.
    """
    drawn = draw_own_calls(projects, rules, settings)
    plain = win_chances(projects, rules, settings, drawn=drawn)
    marked = win_chances(projects, rules, settings, drawn=drawn, marks=marks)
    return competition_table(projects, marks, rules, plain.either[:, 0], marked)


def competition_table(
    projects: pd.DataFrame, marks: ArrayLike, rules: PtsRules, plain: Floats, marked: Chances
) -> pd.DataFrame:
    """Put the chances without marks (projects,) and with them beside the projects."""
    given = np.asarray(marks, dtype=np.int64)
    return projects.assign(
        marks=given,
        discount=rules.discount(given),
        comparison_sek=rules.comparison(projects["aid_per_building_sek"], given),
        chance_unmarked=plain,
        chance_marked=marked.either[:, 0],
        chance_landsdel=marked.landsdel[:, 0],
        chance_national=marked.national[:, 0],
    )


def calibrate(rules: PtsRules, settings: PtsSettings, *, draws: int | None = None) -> pd.DataFrame:
    """Lay the drawn call beside the published outcome: the rivals alone, all of them.

    Parameters
    ----------
    rules : PtsRules
        Of whose ``published`` the applications, the budget and the outcome are taken.
    settings : PtsSettings
        As in :func:`win_chances`; the factor on the aid and its spread are not used.
    draws : int, optional
        Number of draws; that of the settings when left out.

    Returns
    -------
    DataFrame
        ``tables_pts.PTS_CALIBRATION``.
    """
    drawn = _drawn_outcomes(rules, settings, settings.draws if draws is None else draws)
    outcome, applied = rules.published.outcome, rules.published.applications
    published = {
        "applied_sek": applied["sek"],
        "granted_projects": outcome["projects"],
        "granted_buildings": outcome["buildings"],
        "granted_per_building_sek": outcome["sek"] / outcome["buildings"],
        **outcome,
    }
    named = [name for name in FIGURES if name in published]
    values = drawn[:, [FIGURES.index(name) for name in named]]
    return pd.DataFrame(
        {
            "year": np.full(len(named), rules.published.year, dtype=np.int64),
            "figure": pd.array(named, dtype="str"),
            "published": [float(published[name]) for name in named],
            "mark": pd.array(
                ["D" if name == "granted_per_building_sek" else "F" for name in named], dtype="str"
            ),
            "simulated": values.mean(axis=0),
            "low": np.percentile(values, 10, axis=0),
            "high": np.percentile(values, 90, axis=0),
        }
    )


def fit_rivals(rules: PtsRules, settings: PtsSettings, *, draws: int = 100) -> PtsSettings:
    """Choose the rivals' spread and correlation so that the published outcome comes out.

    Two figures are met by two numbers: the projects granted and the aid per building in them.
    Everything else that is assumed of rivals stays as the settings have it.

    Parameters
    ----------
    rules, settings
        As in :func:`calibrate`.
    draws : int
        Draws per trial, the same ones each time.

    Returns
    -------
    PtsSettings
        With ``rivals_aid_spread`` and ``rivals_correlation`` set.
    """
    outcome = rules.published.outcome
    wanted = np.array([outcome["projects"], outcome["sek"] / outcome["buildings"]])
    places = [FIGURES.index(name) for name in ("granted_projects", "granted_per_building_sek")]

    def tried(point: Floats) -> PtsSettings:
        spread, correlation = (float(number) for number in point)
        changed = {"rivals_aid_spread": spread, "rivals_correlation": correlation}
        return settings.model_copy(update=changed)

    def miss(point: Floats) -> Floats:
        got = _drawn_outcomes(rules, tried(point), draws).mean(axis=0)[places]
        off: Floats = got / wanted - 1
        return off

    start = [settings.rivals_aid_spread, settings.rivals_correlation]
    found: Any = least_squares(
        miss, np.clip(start, [0.05, -0.95], [1.5, 0.95]),
        bounds=([0.02, -0.98], [2.0, 0.98]), diff_step=[0.03, 0.03], xtol=1e-3, max_nfev=30,
    )  # fmt: skip
    return tried(found.x)


def _places(projects: pd.DataFrame) -> Ints:
    """Give the place of each project's landsdel in ``tables_pts.LANDSDELAR``."""
    places = pd.Index(LANDSDELAR).get_indexer(pd.Index(projects["landsdel"].astype("str")))
    if (places < 0).any():
        name = projects["landsdel"].iloc[int(np.flatnonzero(places < 0)[0])]
        msg = f"{name!r} is no landsdel"
        raise BadValueError(msg, where="projects", fix=f"one of {', '.join(LANDSDELAR)}")
    return places.astype(np.int64)


def _budget(rules: PtsRules, settings: PtsSettings) -> list[float]:
    given: dict[str, float] = {str(name): sek for name, sek in settings.budget_sek.items()}
    return [given.get(name, rules.budget[name]) for name in LANDSDELAR]


def _drawn_outcomes(rules: PtsRules, settings: PtsSettings, draws: int) -> Floats:
    """Settle the published call so many times: one row of ``FIGURES`` per draw."""
    known = {"rivals_aid_factor": 1.0, "rivals_level_spread": 0.0}
    rivals = rivals_of(rules, settings.model_copy(update=known))
    drawn = draw_calls(rivals, draws=draws, seed=settings.seed)
    sek = drawn.aid_per_building * drawn.buildings
    granted = _Calls(
        rules.comparison(drawn.aid_per_building, drawn.marks), sek,
        np.ones(sek.shape, dtype=bool), drawn.landsdel,
        [rules.published.budget[name] for name in LANDSDELAR],
        landsdel_go_on=settings.landsdel_full == "go_on",
        pot_go_on=settings.pot_full == "go_on",
    ).granted  # fmt: skip
    buildings = drawn.buildings / settings.rivals_base_share  # as PTS counts buildings
    won, home, pot = granted != NOT_GRANTED, granted == IN_LANDSDEL, granted == IN_POT
    rows = [
        sek.sum(axis=1),
        won.sum(axis=1),
        (buildings * won).sum(axis=1),
        (sek * won).sum(axis=1) / np.maximum((buildings * won).sum(axis=1), 1.0),
        *(home[:, drawn.landsdel == place].sum(axis=1) for place in range(len(LANDSDELAR))),
        pot.sum(axis=1),
        (buildings * pot).sum(axis=1),
        (sek * pot).sum(axis=1),
    ]
    return np.column_stack(rows)


class _Ranked(NamedTuple):
    """Projects of each draw in order, and what is left when it is the turn of each."""

    comparison: Floats
    """(draws, projects), rising; inf for those that are not there."""
    left: Floats
    """(draws, projects + 1), SEK; the last is what is left after all."""


class _Calls:
    """Many calls: projects ranked and money given out, and questions about one project more.

    Shapes: comparison, sek and there (draws, projects), landsdel (projects,).
    """

    def __init__(
        self,
        comparison: Floats,
        sek: Floats,
        there: Bools,
        landsdel: Ints,
        budget: Sequence[float],
        *,
        landsdel_go_on: bool,
        pot_go_on: bool,
    ) -> None:
        self.landsdel_go_on, self.pot_go_on = landsdel_go_on, pot_go_on
        draws = len(comparison)
        self.granted = np.full(comparison.shape, NOT_GRANTED, dtype=np.int8)
        self.home: list[_Ranked] = []
        self.left_over = np.empty((draws, len(budget)))
        compared = np.where(there, comparison, np.inf)
        for place, money in enumerate(budget):
            columns = np.flatnonzero(landsdel == place)
            ranked, won, paid = _rank(
                compared[:, columns], sek[:, columns], np.full(draws, float(money)),
                go_on=landsdel_go_on,
            )  # fmt: skip
            self.granted[:, columns] = np.where(won, IN_LANDSDEL, NOT_GRANTED)
            self.left_over[:, place] = money - paid
            self.home.append(ranked)
        self.pot = self.left_over.sum(axis=1)
        waiting = np.where(self.granted == NOT_GRANTED, compared, np.inf)
        # Those that have won, and those that are not there, need not be carried along.
        order = np.argsort(waiting, axis=1, kind="stable")
        order = order[:, : int(np.isfinite(waiting).sum(axis=1).max(initial=0))]
        amounts = np.take_along_axis(sek, order, axis=1)
        self.rest, won, _ = _rank(
            np.take_along_axis(waiting, order, axis=1), amounts, self.pot, go_on=pot_go_on
        )
        self.rest_sek = amounts
        taken = np.take_along_axis(self.granted, order, axis=1)
        np.put_along_axis(self.granted, order, np.where(won, IN_POT, taken), axis=1)

    def ask(self, comparison: Floats, sek: Floats, landsdel: int) -> Ints:
        """Count the calls that a project would win at home, and else in the pot.

        Each is asked about alone, added to the call; one that is in it already, with the
        number that it has there or a lower one.

        Parameters
        ----------
        comparison : array of float, shape (n, k)
            Numbers to ask about.
        sek : array of float, shape (n,)
            Aid applied for.
        landsdel : int
            Where they compete.

        Returns
        -------
        array of int, shape (2, n, k)
        """
        order = np.argsort(comparison, axis=None, kind="stable")
        number = comparison.ravel()[order]
        amount = np.broadcast_to(sek[:, None], comparison.shape).ravel()[order]
        won = np.zeros((2, number.size), dtype=np.int64)
        firsts: list[tuple[Ints, Ints, Floats]] = []
        home = self.home[landsdel]
        for draw in range(len(self.pot)):
            turn = np.searchsorted(home.comparison[draw], number, side="left")
            left = home.left[draw, turn]
            fits = amount <= left
            in_pot = np.searchsorted(self.rest.comparison[draw], number, side="left")
            pot = ~fits & (amount <= self.rest.left[draw, in_pot])
            # Where nobody before it was stopped, it is itself the first that does not fit: what
            # it leaves, and not what is left without it, goes to the pot.
            first = ~fits & (left >= 0) & (left != self.left_over[draw, landsdel])
            if not self.landsdel_go_on and first.any():
                at = np.flatnonzero(first)
                pot[at] = False
                firsts.append((np.full(at.size, draw), at, left[at]))
            won[0] += fits
            won[1] += pot
        if firsts:
            draws, at, left = (np.concatenate(parts) for parts in zip(*firsts, strict=True))
            enough = self._ask_first(draws, number[at], amount[at], left, landsdel)
            np.add.at(won[1], at[enough], 1)
        back = np.empty_like(won)
        back[:, order] = won
        return back.reshape(2, *comparison.shape)

    def _ask_first(
        self, draws: Ints, number: Floats, amount: Floats, left: Floats, landsdel: int
    ) -> Bools:
        """Tell whether the first that does not fit its landsdel wins in the pot.

        Everybody ranked before it in its landsdel is paid there: those before it in the pot are
        of the other landsdelar, and the same whether it is there or not.
        """
        money = self.pot[draws] - self.left_over[draws, landsdel] + left
        before = np.empty(draws.size, dtype=np.int64)
        starts = np.flatnonzero(np.diff(draws, prepend=-1))
        for begin, end in zip(starts, [*starts[1:], draws.size], strict=True):
            ranked = self.rest.comparison[draws[begin]]
            before[begin:end] = np.searchsorted(ranked, number[begin:end], side="left")
        if not self.pot_go_on:
            money += self.rest.left[draws, before] - self.pot[draws]
        else:
            for turn in range(int(before.max(initial=0))):
                asks = self.rest_sek[draws, turn]
                money -= np.where((turn < before) & (asks <= money), asks, 0.0)
        enough: Bools = amount <= money
        return enough


def _rank(
    comparison: Floats, sek: Floats, money: Floats, *, go_on: bool
) -> tuple[_Ranked, Bools, Floats]:
    """Rank projects in every draw and pay them in order.

    Stopping at the first that does not fit, what is left turns negative there and stays so:
    each is paid that asks for no more than what is left at its turn.

    Returns
    -------
    tuple of (_Ranked, array of bool, array of float)
        In order; who is paid, in the order given; what is paid in all, SEK by draw.
    """
    order = np.argsort(comparison, axis=1, kind="stable")
    number = np.take_along_axis(comparison, order, axis=1)
    amounts = np.where(np.isfinite(number), np.take_along_axis(sek, order, axis=1), np.inf)
    draws, count = number.shape
    left = np.empty((count + 1, draws))  # projects first: walked through one by one
    left[0] = money
    if go_on:
        for turn, asks in enumerate(np.ascontiguousarray(amounts.T)):
            left[turn + 1] = left[turn] - np.where(asks <= left[turn], asks, 0.0)
    else:
        np.subtract(money, np.cumsum(amounts.T, axis=0), out=left[1:])
    by_draw = np.ascontiguousarray(left.T)
    paid = amounts <= by_draw[:, :-1]
    won = np.empty_like(paid)
    np.put_along_axis(won, order, paid, axis=1)
    return _Ranked(number, by_draw), won, np.where(paid, amounts, 0.0).sum(axis=1)
