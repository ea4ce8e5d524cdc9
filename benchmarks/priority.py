"""Measure choices under a budget: seconds, proven gaps, and what else one would do.

    python benchmarks/priority.py                        # 2 000 and 20 000 areas, all kinds
    python benchmarks/priority.py --sizes 2000 --seeds 3
    python benchmarks/priority.py --areas outputs/norrbotten/bredband.duckdb

Kinds of made-up areas: ``country`` (many small areas, few very dear, one in two hangs on
another), ``alike`` (value is cost and a constant: the hardest knapsacks), ``chains`` (fifty
areas in a row). Beside our choice: ``fast`` (prices and filling up, no integer programme),
``greedy`` (value per krona, each area with all that it hangs on), ``own`` (value per krona of
the area alone, once what it hangs on is there), ``list`` (the same order, stopped at the first
that does not fit), and HiGHS alone on the whole programme, stopped at ``--limit`` seconds.
Shortfalls are per cent of the proven bound. Seconds are of one thread and do not include the
one-off compilation.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from bredband.choice import (
    Purse,
    choose,
    choose_fast,
    choose_greedy,
    choose_nested,
    choose_years,
)

Areas = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Value, cost, upstream, municipality."""


def made_up(kind: str, size: int, seed: int) -> Areas:
    """Areas of a kind; municipalities are 21 stretches of them."""
    rng = np.random.default_rng(seed)
    place = np.arange(size)
    if kind == "country":
        value = np.minimum(np.floor(rng.lognormal(2.2, 1.1, size)), 120)
        capex = 15e3 * value + 5e5 * rng.pareto(1.4, size) + 8e3
        cost = np.maximum(capex - 30e3 * value * rng.uniform(0.5, 1, size), 0)
        upstream = np.where(rng.random(size) < 0.5, place - rng.integers(1, 41, size), -1)
    else:
        cost = rng.integers(100_000, 10_000_000, size).astype(float)
        value = np.round(cost / 1e5) + 10
        upstream = np.full(size, -1)
        if kind == "chains":
            upstream = np.where(place % 50 == 0, -1, place - 1)
            value = rng.permutation(value)
    codes = (2501 + place * 21 // size).astype(str)
    return value, np.round(cost, 2), np.maximum(upstream, -1), codes


def from_store(path: Path) -> Areas:
    """Give the build areas of a run."""
    import duckdb

    columns = "area_id, upstream_area_id, households, gap_sek, municipality_code"
    with duckdb.connect(str(path), read_only=True) as store:
        table = store.execute(f"select {columns} from priority_areas where reached").df()
    above = table["area_id"].tolist()
    number = {area: row for row, area in enumerate(above)}
    upstream = [number.get(area, -1) for area in table["upstream_area_id"]]
    return (
        table["households"].to_numpy(float), table["gap_sek"].clip(lower=0).to_numpy(float),
        np.array(upstream), table["municipality_code"].to_numpy(str),
    )  # fmt: skip


def by_own_ratio(areas: Areas, budget: float, *, stop: bool) -> float:
    """Take area by area in the order of value per krona, each after what it hangs on."""
    value, cost, upstream, _ = areas
    ratio = np.divide(value, cost, out=np.full(value.size, np.inf), where=cost > 0)
    # What hangs on an area comes after it: no better than that.
    key, above = ratio.copy(), upstream.copy()
    while (above >= 0).any():
        here = above >= 0
        key[here] = np.minimum(key[here], ratio[above[here]])
        above[here] = upstream[above[here]]
    depth = np.zeros(value.size, int)
    above = upstream.copy()
    while (above >= 0).any():
        depth[above >= 0] += 1
        above = np.where(above >= 0, upstream[above], -1)
    taken = np.zeros(value.size, dtype=bool)
    left = budget
    for area in np.lexsort((depth, -key)):
        if cost[area] > left:
            if stop:
                break
        elif upstream[area] < 0 or taken[upstream[area]]:
            taken[area] = True
            left -= cost[area]
    return float(value[taken].sum())


def by_highs(areas: Areas, budget: float, limit: float) -> tuple[float, float, float]:
    """Give the value, the bound and the seconds of HiGHS on the whole programme."""
    import highspy

    value, cost, upstream, _ = areas
    solver = highspy.Highs()
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("time_limit", limit)
    begun = time.perf_counter()
    hung = np.flatnonzero(upstream >= 0)
    x = solver.addBinaries(value.size)
    for low in hung.tolist():
        solver.addConstr(x[low] - x[int(upstream[low])] <= 0)
    solver.addRow(
        -highspy.kHighsInf, budget / 1e3, value.size, np.arange(value.size, dtype=np.int32),
        cost / 1e3,
    )  # fmt: skip
    solver.changeColsCost(value.size, np.arange(value.size, dtype=np.int32), value)
    solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
    solver.run()
    info = solver.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    return (
        info.objective_function_value if found else float("nan"),
        info.mip_dual_bound, time.perf_counter() - begun,
    )  # fmt: skip


def line(name: str, value: float, bound: float, seconds: float, note: str = "") -> None:
    short = 100 * (1 - value / bound) if bound else 0.0
    print(f"  {name:<34}{value:>14,.1f}{short:>10.4f}{seconds:>9.2f}  {note}", flush=True)


def timed(make: Any) -> tuple[Any, float]:
    begun = time.perf_counter()
    made = make()
    return made, time.perf_counter() - begun


def measure(name: str, areas: Areas, *, share: float, limit: float) -> None:
    value, cost, upstream, codes = areas
    total = cost.sum()
    budget = share * total
    depth, above = 0, upstream.copy()
    while (above >= 0).any():
        depth += 1
        above = np.where(above >= 0, upstream[above], -1)
    print(f"\n{name}: {value.size} areas, {int((upstream >= 0).sum())} hang on another, up to "
          f"{depth} deep; {budget / 1e6:,.0f} of {total / 1e6:,.0f} MSEK")  # fmt: skip
    print(f"  {'':<34}{'value':>14}{'short %':>10}{'s':>9}")
    given = (value, cost, upstream)
    best, seconds = timed(lambda: choose(*given, budget, time_limit=limit))
    line("choose", best.value, best.bound, seconds, f"bound {best.bound:,.1f}, {best.method}")
    fast, seconds = timed(lambda: choose_fast(*given, budget))
    line("fast", fast.value, best.bound, seconds)
    greedy, seconds = timed(lambda: choose_greedy(*given, budget))
    line("greedy", greedy.value, best.bound, seconds)
    own, seconds = timed(lambda: by_own_ratio(areas, budget, stop=False))
    line("own", own, best.bound, seconds)
    stopped, seconds = timed(lambda: by_own_ratio(areas, budget, stop=True))
    line("list", stopped, best.bound, seconds)
    alone, bound, seconds = by_highs(areas, budget, limit)
    line("HiGHS alone", alone, best.bound, seconds, f"its own bound {bound:,.1f}")
    scored = value * np.random.default_rng(1).random(value.size)
    found, seconds = timed(lambda: choose(scored, cost, upstream, budget, time_limit=limit))
    line("choose, times a score", found.value, found.bound, seconds, found.method)
    municipal = [
        Purse(0.4 * budget / np.unique(codes).size, np.where(codes == code, cost, 0))
        for code in np.unique(codes)
    ]
    several = {
        "three budgets": [
            Purse(budget / 3, 0.4 * (1.6 * cost + 5e4)), Purse(budget / 3),
            Purse(budget / 3, np.where(codes < "2506", cost, 0)),
        ],
        "a region and its municipalities": [Purse(0.6 * budget), *municipal],
    }  # fmt: skip
    for kind, purses in several.items():
        found, seconds = timed(lambda p=purses: choose(*given, p, time_limit=limit))
        line(kind, found.value, found.bound, seconds, found.method)
    nested, seconds = timed(
        lambda: choose_nested(*given, budget * np.array([0.1, 0.2, 0.4, 1]), time_limit=limit)
    )
    line("four nested budgets", nested.total, nested.bound, seconds, nested.method)
    for carry in (True, False):
        years, seconds = timed(
            lambda c=carry: choose_years(*given, [budget / 4] * 4, carry_over=c, time_limit=limit)
        )
        kind = "four years" + ("" if carry else ", nothing carried over")
        line(kind, years.total, years.bound, seconds, years.method)


def main() -> None:
    """Make areas, choose, and print a table each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 20_000])
    parser.add_argument("--kinds", nargs="+", default=["country", "alike", "chains"])
    parser.add_argument("--seeds", type=int, default=1, help="instances of each")
    parser.add_argument("--share", type=float, default=0.15, help="budget / all support")
    parser.add_argument("--limit", type=float, help="seconds each; 5 up to 2 000 areas, else 60")
    parser.add_argument("--areas", type=Path, help="a run's bredband.duckdb")
    options = parser.parse_args()
    small = made_up("country", 60, 0)
    choose(*small[:3], [Purse(1e6, small[1])] * 6)
    for kind in (choose_greedy, choose):
        kind(*small[:3], 1e6)
    choose_nested(*small[:3], [1e6, 2e6])

    def limit(size: int) -> float:
        return options.limit or (5.0 if size <= 2000 else 60.0)

    stores = [options.areas] if options.areas else [Path("outputs/norrbotten/bredband.duckdb")]
    for store in stores:
        if store.is_file():
            areas = from_store(store)
            for share in (0.01, 0.05, options.share):
                measure(str(store), areas, share=share, limit=limit(areas[0].size))
    if options.areas:
        return
    for size in options.sizes:
        for kind in options.kinds:
            for seed in range(1, options.seeds + 1):
                areas = made_up(kind, size, seed)
                measure(f"{kind} {seed}", areas, share=options.share, limit=limit(size))


if __name__ == "__main__":
    main()
