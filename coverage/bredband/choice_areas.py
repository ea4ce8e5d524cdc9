"""Which build areas to support: the planner's budgets, nested sets and years, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.choice import Purse, choose, choose_greedy, choose_nested, choose_years
from bredband.priority import hang_areas
from bredband.tables import need_columns
from bredband.tables_choice import CHOICE, CHOICE_SUMMARY, NESTED, YEARS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bredband.settings_priority import PrioritySettings

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def choose_areas(
    areas: pd.DataFrame, settings: PrioritySettings, *, names: Mapping[str, str] | None = None
) -> dict[str, pd.DataFrame]:
    """Choose build areas for each of the planner's budgets, and say how good the choices are.

    Chosen is what makes the most of households, or of households times the score, for the
    support: the gap of an area where positive. An area comes only with what it hangs on.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS`` by rank.
    settings : PrioritySettings
        ``[priority]``: budgets, floors, caps, take-up and what is made the most of. Floors
        hold for the one budget, for several at once and for the years, not for nested sets.
    names : mapping of str to str, optional
        Names of the plans ``budget``, ``budgets``, ``nested`` and ``years``; their kinds when
        left out.

    Returns
    -------
    dict of DataFrame
        ``choice`` and ``choice_summary``; ``nested`` and ``years`` where the settings have such
        budgets. Empty without budgets or without areas that trench reaches.

    Raises
    ------
    BadValueError
        Floors cannot be met, a municipality of a budget is unknown, or the score is to be made
        the most of and there is none.
    """
    there = areas[areas["reached"].to_numpy(dtype=bool)].reset_index(drop=True)
    if there.empty:
        return {}
    money = _Money(there, areas, settings, dict(names or {}))
    if settings.budget_sek is not None:
        money.choose_one(settings.budget_sek)
    if settings.budgets:
        money.choose_several()
    if settings.nested_sek:
        money.choose_nested()
    if settings.years_sek:
        money.choose_years()
    return money.tables()


class _Money:
    """The areas as arrays, and the tables of the plans made so far."""

    def __init__(
        self,
        there: pd.DataFrame,
        areas: pd.DataFrame,
        settings: PrioritySettings,
        names: dict[str, str],
    ) -> None:
        self.there, self.settings, self.names = there, settings, names
        self.lost = areas[~areas["reached"].to_numpy(dtype=bool)]["area_id"]
        self.upstream: Ints = hang_areas(there).upstream
        self.support: Floats = there["gap_sek"].clip(lower=0).fillna(0.0).to_numpy(np.float64)
        self.group = there["municipality_code"].to_numpy(dtype=object)
        self.value: Floats = there["households"].to_numpy(np.float64)
        if settings.objective == "score":
            need_columns(there, ("score",), "areas", fix="score the areas first")
            self.value = self.value * there["score"].fillna(0.0).to_numpy(np.float64)
        self.allowed: Bools = np.ones(len(there), bool)
        if settings.max_breakeven_takeup is not None:
            need_columns(there, ("breakeven_takeup",), "areas", fix="describe the areas first")
            takeup = there["breakeven_takeup"].to_numpy(np.float64)
            # Where nobody who connects pays anything, no take-up makes it break even.
            takeup = np.where(np.isnan(takeup), np.where(self.support > 0, np.inf, 0.0), takeup)
            self.allowed = takeup <= settings.max_breakeven_takeup
        self.rules: dict[str, Any] = {"group": self.group, "allowed": self.allowed}
        self.limits: dict[str, Any] = {
            **self.rules, "floors": settings.floors_sek, "caps": settings.caps_sek
        }  # fmt: skip
        self._known({*settings.floors_sek, *settings.caps_sek}, "floors_sek and caps_sek")
        self.chosen: list[pd.DataFrame] = []
        self.summary: list[dict[str, Any]] = []
        self.more: dict[str, pd.DataFrame] = {}

    def _known(self, codes: set[str], where: str) -> None:
        lost = sorted(codes - set(self.group))
        if lost:
            msg = f"no build area lies in municipality {', '.join(lost)}"
            raise BadValueError(msg, where=f"[priority] {where}", fix="correct the code")

    def choose_one(self, budget: float) -> None:
        """Choose for the one budget."""
        found = choose(self.value, self.support, self.upstream, budget, **self.limits)
        greedy = None
        if not self.settings.floors_sek:
            greedy = choose_greedy(
                self.value, self.support, self.upstream, budget, **self.rules,
                caps=self.settings.caps_sek,
            ).value  # fmt: skip
        name = self.names.get("budget", "budget")
        self._add(name, "budget", budget, found.chosen)
        self._sum(name, "budget", budget, found.chosen, found.value, found.bound, greedy)

    def choose_several(self) -> None:
        """Choose for several budgets at once, which may pay an area together."""
        purses = []
        capex = self.there["capex_sek"].fillna(0.0).to_numpy(np.float64)
        for one in self.settings.budgets:
            self._known(set(one.municipalities), f"budgets: {one.name}")
            inside = np.isin(self.group, one.municipalities) if one.municipalities else True
            purses.append(Purse(one.sek, np.where(inside, one.max_share * capex, 0.0)))
        found = choose(self.value, self.support, self.upstream, purses, **self.limits)
        total = float(sum(one.sek for one in self.settings.budgets))
        name = self.names.get("budgets", "budgets")
        self._add(name, "budgets", total, found.chosen)
        self._sum(name, "budgets", total, found.chosen, found.value, found.bound, None)

    def choose_nested(self) -> None:
        """Choose sets that contain each other, and compare with the best for each budget."""
        budgets = sorted(self.settings.nested_sek)
        caps = self.settings.caps_sek
        steps = choose_nested(
            self.value, self.support, self.upstream, budgets, **self.rules, caps=caps
        )
        rows = []
        for number, budget in enumerate(budgets):
            held = steps.held(number)
            free = choose(self.value, self.support, self.upstream, budget, **self.rules, caps=caps)
            greedy = choose_greedy(
                self.value, self.support, self.upstream, budget, **self.rules, caps=caps
            )
            name = self.names.get("nested", "nested {sek}").format(sek=f"{budget / 1e6:g}")
            self._add(name, "nested", budget, held)
            value = float(steps.values[number])
            self._sum(name, "nested", budget, held, value, free.bound, greedy.value)
            rows.append(
                {
                    "budget_sek": budget,
                    "households": int(self.there["households"][held].sum()),
                    "support_sek": float(self.support[held].sum()),
                    "value": value,
                    "free_value": free.value,
                    "loss": 1.0 - value / free.value if free.value > 0 else np.nan,
                }
            )
        self.more["nested"] = _typed(pd.DataFrame(rows), NESTED)

    def choose_years(self) -> None:
        """Choose what to build each year."""
        money = self.settings.years_sek
        steps = choose_years(self.value, self.support, self.upstream, money, **self.limits)
        held = steps.held(len(money) - 1)
        name, total = self.names.get("years", "years"), float(sum(money))
        year = pd.array(np.where(held, steps.step + 1, -1), dtype="Int64")
        year[~held] = pd.NA
        self._add(name, "years", total, held, year)
        self._sum(name, "years", total, held, steps.total, steps.bound, None)
        rows = []
        for number, sek in enumerate(money):
            now, so_far = steps.step == number, steps.held(number)
            rows.append(
                {
                    "year": number + 1,
                    "budget_sek": sek,
                    "areas": int(now.sum()),
                    "households": int(self.there["households"][now].sum()),
                    "support_sek": float(self.support[now].sum()),
                    "households_so_far": int(self.there["households"][so_far].sum()),
                    "support_so_far_sek": float(self.support[so_far].sum()),
                }
            )
        self.more["years"] = _typed(pd.DataFrame(rows), YEARS)

    def _add(
        self, plan: str, kind: str, budget: float, chosen: Bools, year: Any | None = None
    ) -> None:
        above = self.upstream
        alone = np.where(above >= 0, chosen[above], True)
        why = np.select([chosen, ~self.allowed, ~alone], ["chosen", "takeup", "hangs_on"], "money")
        first = {"plan": plan, "kind": kind, "budget_sek": budget}
        rows = pd.DataFrame(
            {
                **first,
                "area_id": self.there["area_id"],
                "chosen": chosen,
                "year": pd.NA if year is None else year,
                "support_sek": self.support,
                "why": why,
            }
        )
        lost = pd.DataFrame(
            {
                **first,
                "area_id": self.lost.to_numpy(),
                "chosen": False,
                "year": pd.NA,
                "support_sek": np.nan,
                "why": "not_reached",
            }
        )
        self.chosen.append(pd.concat([part for part in (rows, lost) if len(part)]))

    def _sum(
        self,
        plan: str,
        kind: str,
        budget: float,
        chosen: Bools,
        value: float,
        bound: float,
        greedy: float | None,
    ) -> None:
        bound = max(bound, value)
        held = self.there[chosen]
        self.summary.append(
            {
                "plan": plan,
                "kind": kind,
                "budget_sek": budget,
                "areas": len(held),
                **{
                    name: int(held[name].sum()) for name in ("households", "workplaces", "premises")
                },
                "support_sek": float(self.support[chosen].sum()),
                "made_most_of": self.settings.objective,
                "value": value,
                "bound": bound,
                "gap": (bound - value) / bound if bound > 0 else 0.0,
                "greedy_value": np.nan if greedy is None else greedy,
            }
        )

    def tables(self) -> dict[str, pd.DataFrame]:
        """Give the tables of all plans."""
        if not self.chosen:
            return {}
        return {
            "choice": _typed(pd.concat(self.chosen, ignore_index=True), CHOICE),
            "choice_summary": _typed(pd.DataFrame(self.summary), CHOICE_SUMMARY),
            **self.more,
        }


def _typed(table: pd.DataFrame, schema: Any) -> pd.DataFrame:
    kinds = {name: str(one.dtype) for name, one in schema.columns.items()}
    return table[list(kinds)].astype(kinds).reset_index(drop=True)
