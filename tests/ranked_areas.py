"""Small tables of build areas, and how they were ranked before there were scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

DEFAULTS = {
    "reached": True,
    "municipality_code": "2501",
    "municipality": "Alfa",
    "upstream_area_id": None,
    "households": 10,
    "workplaces": 0,
    "holiday_homes": 0,
    "premises": 10,
    "trench_m": 1000.0,
    "capex_sek": 500_000.0,
    "gap_sek": 200_000.0,
}


def areas(**columns: object) -> pd.DataFrame:
    """Make areas a, b, c … with these columns, the others being all alike."""
    size = len(next(iter(columns.values())))  # type: ignore[arg-type]
    table = pd.DataFrame({"area_id": [chr(97 + n) for n in range(size)]})
    for name, value in DEFAULTS.items():
        table[name] = value
    for name, given in columns.items():
        table[name] = given
    table["upstream_area_id"] = table["upstream_area_id"].astype("str")
    return with_gap_each(table)


def with_gap_each(table: pd.DataFrame) -> pd.DataFrame:
    homes = table["households"].where(table["households"] > 0).astype("float64")
    return table.assign(gap_per_household_sek=table["gap_sek"] / homes)


def order_before_scores(table: pd.DataFrame) -> list[str]:
    """Rank by gap per household, never before the area that it needs: by hand, one by one."""
    own = dict(zip(table["area_id"], table["gap_per_household_sek"].fillna(np.inf), strict=True))
    above = dict(zip(table["area_id"], table["upstream_area_id"], strict=True))
    reached = dict(zip(table["area_id"], table["reached"], strict=True))

    def chain(area: str) -> list[str]:
        up = above[area]
        return [area] if pd.isna(up) else [area, *chain(up)]

    def key(area: str) -> tuple[object, ...]:
        line = chain(area)
        return (not reached[area], max(own[a] for a in line), len(line), own[area], area)

    return sorted(own, key=key)


def is_before_what_it_needs(table: pd.DataFrame, order: list[str]) -> bool:
    place = {area: n for n, area in enumerate(order)}
    hung = table[table["upstream_area_id"].notna()]
    return any(
        place[area] < place[up]
        for area, up in zip(hung["area_id"], hung["upstream_area_id"], strict=True)
    )


def make_forest(seed: int, size: int) -> pd.DataFrame:
    """Make areas that hang on each other, with small whole numbers, so that ties are common."""
    rng = np.random.default_rng(seed)
    ids = np.array([chr(97 + n) for n in range(size)], object)
    upstream = [None if rng.random() < 0.4 else int(rng.integers(0, n)) for n in range(1, size)]

    def some(low: int, high: int) -> np.ndarray:
        numbers = rng.integers(low, high, size, endpoint=True).astype(float)
        numbers[1:][rng.random(size - 1) < 0.3] = np.nan
        return numbers

    table = pd.DataFrame({"area_id": ids, **DEFAULTS}, index=range(size))
    above = [None, *(None if up is None else ids[up] for up in upstream)]
    table["upstream_area_id"] = pd.Series(above, dtype="str")
    table["households"] = rng.integers(0, 6, size, endpoint=True)
    table["workplaces"] = rng.integers(0, 3, size, endpoint=True)
    table["gap_sek"] = rng.integers(-3, 9, size, endpoint=True) * 1000.0
    table["capex_sek"] = table["gap_sek"].clip(lower=0) + 1000.0 * rng.integers(0, 5, size)
    table["functions"] = pd.array(some(0, 3), dtype="Int64")
    table["spacing_m"] = some(0, 5) * 100
    return with_gap_each(table.iloc[rng.permutation(size)].reset_index(drop=True))


def forests(most: int = 9) -> st.SearchStrategy[pd.DataFrame]:
    return st.builds(make_forest, st.integers(0, 2**32 - 1), st.integers(1, most))
