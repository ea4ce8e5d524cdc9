"""A municipality beside its county and the country, and the shares of parts and wholes."""

from __future__ import annotations

import itertools
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.tables import BASES, PUBLISHED, STANDING, STATISTICS, TOTAL, need_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

_SAME: Final = ["base", "measure", "speed_mbit", "year"]
"""What two shares must have in common to be compared."""


def standing_table(
    coverage: pd.DataFrame, municipalities: pd.DataFrame, national: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Rank each municipality in its county, and compare it with the county and the country.

    Points are percentage points: 100 x (own share - the other share). The country's share
    is taken only where it is published for the very same year, base, measure and speed, as
    a figure and not as a bound or an approximation.

    Parameters
    ----------
    coverage : DataFrame
        tables.STATISTICS; the rows of segment total are used.
    municipalities : DataFrame
        tables.MUNICIPALITIES: which county each lies in.
    national : DataFrame, optional
        tables.PUBLISHED, e.g. from :func:`national_shares` or from Kolada.

    Returns
    -------
    DataFrame
        tables.STANDING: by municipality, base, measure and speed as in coverage. Municipalities
        with the same share have the same rank, and the next one skips: 1, 2, 2, 4. One
        without a share has no rank.

    Raises
    ------
    MissingColumnError
        A column is missing.
    BadValueError
        The published figures hold two different shares for the same thing.
    """
    need_columns(coverage, tuple(STATISTICS.columns), "coverage")
    need_columns(municipalities, ("municipality_code", "county_code"), "municipalities")
    total = coverage[coverage["segment"] == TOTAL]
    county_of = municipalities.astype({"municipality_code": "str", "county_code": "str"})
    rows = total[total["area_kind"] == "municipality"].merge(
        county_of.drop_duplicates("municipality_code")[["municipality_code", "county_code"]],
        left_on="area_code",
        right_on="municipality_code",
        how="inner",
    )
    rows = rows.rename(columns={"area_name": "municipality_name"})
    group = rows.groupby(["county_code", *_SAME])["share"]
    rows["rank"] = group.rank(method="min", ascending=False)
    rows["of"] = group.transform("count")
    county = total[total["area_kind"] == "county"].rename(
        columns={"area_code": "county_code", "share": "county_share"}
    )
    rows = rows.merge(county[["county_code", *_SAME, "county_share"]], "left")
    rows = rows.merge(_country(national), "left", on=_SAME)
    for other in ("county", "country"):
        rows[f"{other}_points"] = 100 * (rows["share"] - rows[f"{other}_share"])
    columns = {name: str(column.dtype) for name, column in STANDING.columns.items()}
    return rows[list(columns)].astype(columns)


def _country(national: pd.DataFrame | None) -> pd.DataFrame:
    """Give the country's shares that others may be compared with, one for each key."""
    if national is None:
        national = pd.DataFrame({name: pd.Series(dtype="object") for name in PUBLISHED.columns})
    need_columns(national, ("area_kind", "segment", *_SAME, "share", "bound"), "published")
    exact = (
        (national["area_kind"] == "country")
        & (national["segment"] == TOTAL)
        & (national["bound"] == "=")
        & national["share"].notna()
        & national["speed_mbit"].notna()
    )
    if "about" in national:
        exact &= ~national["about"].astype(bool)
    rows = national[exact]
    named = rows["source"] if "source" in rows else rows.get("file", pd.Series("", rows.index))
    made = rows[[*_SAME, "share"]].assign(country_source=named)
    made = made.rename(columns={"share": "country_share"})
    made = made.astype(
        {"base": "str", "measure": "str", "speed_mbit": "int64", "year": "int64",
         "country_share": "float64", "country_source": "str"}
    )  # fmt: skip
    made = made.drop_duplicates([*_SAME, "country_share"])
    twice = made[made.duplicated(_SAME, keep=False)]
    if len(twice):
        first = twice.iloc[0]
        same = twice[(twice[_SAME] == first[_SAME]).all(axis=1)]
        shares = " and ".join(f"{100 * share:g} %" for share in same["country_share"])
        msg = (
            f"Sweden has two shares, {shares}, for {first['base']}, {first['measure']},"
            f" {first['speed_mbit']} Mbit/s, {first['year']}"
        )
        raise BadValueError(msg, where="published", fix="keep the one by your definition")
    return made


def national_shares(*, every_base: bool = False) -> pd.DataFrame:
    """Give published shares of Sweden that come with the package.

    Parameters
    ----------
    every_base : bool
        Also figures that count households and workplaces together, or whose source does
        not say which: to read, not to compare with.

    Returns
    -------
    DataFrame
        tables.PUBLISHED with ``source``, ``note`` and ``about`` (the source rounds freely, or
        sources differ). Connected, and passed (connected or in absolute vicinity), are
        different measures. All are found in published sources (F).
    """
    rows = []
    for figure in _national()["figure"]:
        if figure["base"] in BASES or every_base:
            rows.append(
                {
                    "file": "national.toml",
                    "series": f"{figure['measure']} {figure['speed_mbit']}",
                    "definition": figure["measure"],
                    "area_kind": "country",
                    "area_code": "00",
                    "area_name": "Sverige",
                    "segment": figure.get("segment", TOTAL),
                    "base": figure["base"],
                    "measure": figure["measure"],
                    "access": None,
                    "speed_mbit": figure["speed_mbit"],
                    "year": figure["year"],
                    "share": figure["percent"] / 100,
                    "bound": figure.get("bound", "="),
                    "total": None,
                    "source": figure["source"],
                    "note": figure.get("note", ""),
                    "about": figure.get("about", False),
                }
            )
    columns = {
        name: str(column.dtype) for name, column in PUBLISHED.columns.items() if column.required
    }
    return pd.DataFrame(rows).astype(columns | {"source": "str", "note": "str", "about": "bool"})


def series_breaks(year_before: int, year_after: int, *, language: str = "sv") -> dict[str, str]:
    """List the breaks of PTS's and Kolada's series between two years, in either order.

    Returns
    -------
    dict
        "2014/15" and so on -> what changed, in words.
    """
    first, last = sorted((year_before, year_after))
    return {
        f"{found['before']}/{found['after'] % 100}": str(found[language])
        for found in _national()["series_breaks"]
        if first <= found["before"] and last >= found["after"]
    }


@lru_cache(maxsize=1)
def _national() -> dict[str, Any]:
    path = files(__package__).joinpath("national.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def combine_shares(shares: Sequence[float], totals: Sequence[float]) -> float:
    """Give the share of a whole from the shares of its parts: sum(share x total) / sum(total).

    Never the mean of the shares: Osby 2015 had 42.69 % of 4 966 households in localities and
    7.8 % of 1 036 outside, and so 36.7 %, not 25.2.

    Parameters
    ----------
    shares : sequence of float
        Of the parts, 0-1 (or per cent: the answer is in the same unit). The share of a part
        with a total of 0 may be missing.
    totals : sequence of float
        Households or workplaces of the parts.

    Returns
    -------
    float
        NaN where the totals are 0.

    Raises
    ------
    BadValueError
        There are not as many totals as shares, a total is negative or missing, or a part
        with a total has no share.
    """
    share, total = np.asarray(shares, np.float64), np.asarray(totals, np.float64)
    if share.shape != total.shape or not (total >= 0).all():
        msg = f"{share.size} shares and {total.size} totals, of which each must be 0 or more"
        raise BadValueError(msg, where="combine_shares", fix="give each part its total")
    if np.isnan(share[total > 0]).any():
        msg = "a part with a total has no share"
        raise BadValueError(
            msg, where="combine_shares", fix="leave the part out, or give its share"
        )
    whole = total.sum()
    served = np.where(total > 0, share * total, 0.0).sum()
    return float(served / whole) if whole > 0 else float("nan")


class Weight(NamedTuple):
    """How much of a whole its first part is, 0-1, and the interval that rounding leaves."""

    weight: float
    low: float
    high: float


def implied_weight(
    total: float,
    share_a: float,
    share_b: float,
    rounding: float | tuple[float, float, float] = 0.0,
) -> Weight:
    """Find how much of a whole the part a must be for published shares to agree.

    total = w x share_a + (1 - w) x share_b, so w = (total - share_b) / (share_a - share_b).
    A figure published as 88 stands for anything from 87.5 to 88.5: the interval holds every
    weight that fits some such figures. The weight is monotone in each of the three, so its
    bounds lie at their corners.

    Parameters
    ----------
    total, share_a, share_b : float
        Shares of the whole and of its two parts, in one unit.
    rounding : float or three of them
        Step that the figures are rounded to, in the same unit: 1 for whole per cent, 0.01 for
        two decimals, 0 for exact. Three: of total, share_a and share_b.

    Returns
    -------
    Weight
        ``weight`` as the figures say it, NaN where the parts have the same share; ``low``
        and ``high`` within 0-1.

    Raises
    ------
    BadValueError
        The total does not lie between the parts, whatever the rounding.
    """
    steps = (rounding,) * 3 if isinstance(rounding, int | float) else tuple(rounding)
    half_total, half_a, half_b = (step / 2 for step in steps)
    top = max(share_a + half_a, share_b + half_b)
    bottom = min(share_a - half_a, share_b - half_b)
    if not (bottom <= total + half_total and total - half_total <= top):
        msg = f"the total {total:g} does not lie between its parts, {share_a:g} and {share_b:g}"
        raise BadValueError(
            msg, where="implied_weight", fix="use figures of one year, base, measure and speed"
        )
    difference = share_a - share_b
    weight = (total - share_b) / difference if difference else float("nan")
    if abs(difference) <= half_a + half_b:
        return Weight(weight, 0.0, 1.0)  # the parts may have the same share: any weight fits
    corners = [
        (total + s * half_total - share_b - v * half_b) / (difference + u * half_a - v * half_b)
        for s, u, v in itertools.product((-1, 1), repeat=3)
    ]
    return Weight(weight, max(0.0, min(corners)), min(1.0, max(corners)))
