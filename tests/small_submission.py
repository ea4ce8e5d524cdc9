"""A submission small enough to count by hand: 20 buildings in two municipalities.

Eastings 810 000 + 100 per building, northings 7 300 000 (Luleå) and 7 320 000 (Upplands Väsby,
moved north so that a code with a leading zero is there). Buildings 1-16 count in the quota, of
which 4 may be marked and 1, 2, 11 are; 17 and 18 are holiday homes; 19 may not get support;
20 is a holiday home. Areas: 2580-0001 holds 1-6, 2580-0002 holds 7-8, 0114-0001 holds 11-16.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from bredband.pts_rules import rules_of
from bredband.submission import build_submission, collection, sheet
from bredband.submission_check import Against, check_submission
from shapely.geometry import Polygon, box

if TYPE_CHECKING:
    from pathlib import Path

    from bredband.submission import Submission
    from bredband.submission_check import Checked
    from bredband.submission_text import Remark

E, N, NORTH = 810_000, 7_300_000, 7_320_000
RULES = rules_of(2023)
BASE, ALLOWED, MARKED = 16, 4, 3


def municipalities() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"municipality_code": ["2580", "0114"], "municipality_name": ["Luleå", "Upplands Väsby"]},
        geometry=[
            box(E - 10_000, N - 10_000, E + 10_000, N + 10_000),
            box(E - 10_000, N + 10_000, E + 10_000, N + 30_000),
        ],
        crs=3006,
    )


def buildings() -> pd.DataFrame:
    number = np.arange(1, 21)
    south = (number <= 10) | (number == 17) | (number == 19)
    base = number <= 16
    eligible = number != 19
    marked = np.isin(number, (1, 2, 11))
    area = np.full(20, None, dtype=object)
    area[:6], area[6:8], area[10:16] = "2580-0001", "2580-0002", "0114-0001"
    name = pd.Series(area).map(
        {"2580-0001": "Älvsbacka", "2580-0002": "Ersnäs", "0114-0001": "Grimstaby"}
    )
    return pd.DataFrame(
        {
            "premises_id": [f"{n:04}" for n in number],
            "x": E + 100.0 * number + 0.25,
            "y": np.where(south, N, NORTH) + 0.25,
            "municipality_code": np.where(south, "2580", "0114"),
            "municipality": np.where(south, "Luleå", "Upplands Väsby"),
            "households": np.where(base & (number != 16), 1, 0) + (number == 19),
            "workplaces": np.where(np.isin(number, (3, 16)), 1, 0),
            "holiday_homes": np.isin(number, (17, 18, 20)).astype("int64"),
            "kind": np.where(np.isin(number, (17, 18, 20)), "holiday_home",
                             np.where(number == 16, "workplace", "household")),
            "eligible": eligible,
            "in_base": base,
            "marked": marked,
            "area_id": pd.Series(area, dtype="str"),
            "area_name": name.astype("str"),
            "criterion": pd.Series(np.where(marked, "sparse", None), dtype="str"),
            "motivation": pd.Series([None] * 20, dtype="str"),
        }
    )  # fmt: skip


def areas() -> gpd.GeoDataFrame:
    hole = Polygon(
        box(E + 1000, NORTH - 500, E + 2000, NORTH + 500).exterior.coords,
        [box(E + 1700, NORTH + 200, E + 1800, NORTH + 300).exterior.coords],
    )
    return gpd.GeoDataFrame(
        {
            "area_id": ["2580-0001", "2580-0002", "0114-0001", "2580-0009"],
            "name": ["Älvsbacka", "Ersnäs", "Grimstaby", "Tomt"],
            "rank": pd.array([1, None, 2, 3], dtype="Int64"),
            "reached": [True, False, True, True],
            "municipality_code": ["2580", "2580", "0114", "2580"],
            "municipality": ["Luleå", "Luleå", "Upplands Väsby", "Luleå"],
            "households": [6, 2, 5, 4],
            "workplaces": [1, 0, 1, 0],
            "holiday_homes": [0, 0, 0, 0],
            "premises": [6, 2, 6, 4],
            "trench_m": [1200.4, np.nan, 800.6, 50.0],
            "gap_sek": [250_000.4, np.nan, -1000.0, 0.0],
            "cell_m": [250.0, 1000.0, 250.0, 250.0],
        },
        geometry=[
            box(E, N - 500, E + 650, N + 500),
            box(E + 650, N - 500, E + 900, N + 500),
            hole,
            box(E + 5000, N, E + 5500, N + 500),
        ],
        crs=3006,
    )


def motivations() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": ["criterion", "area", "area"],
            "key": ["sparse", "2580-0001", "0114-0001"],
            "text": ["Långt mellan husen.", "Byn ligger långt från fiber.", "Ängar å öar."],
        },
        dtype="str",
    )


def submission(**changes: Any) -> Submission:
    given = {"buildings": buildings(), "areas": areas(), "motivations": motivations()} | changes
    return build_submission(
        given.pop("buildings"), given.pop("areas"), given.pop("motivations"),
        **({"rules": RULES, "region": "Norrbottens län", "region_code": "25", "crs": 3006,
            "provenance": "real"} | given),
    )  # fmt: skip


_COLLECTIONS: dict[str, dict[str, Any]] = {}


def document(content: str = "buildings") -> dict[str, Any]:
    """Give our GeoJSON, to be broken: a copy of its own each time."""
    if content not in _COLLECTIONS:
        _COLLECTIONS[content] = collection(submission(), content)  # type: ignore[arg-type]
    return copy.deepcopy(_COLLECTIONS[content])


def against(**changes: Any) -> Against:
    return Against(RULES, **({**_against()} | changes))


@cache
def _against() -> dict[str, Any]:
    return {
        "listed": listed(),
        "municipalities": municipalities(),
        "area_ids": frozenset(areas()["area_id"]),
    }


def listed() -> pd.DataFrame:
    """Give every building of the list, also the one that may not get support."""
    all_ = buildings()
    return all_.assign(
        e_3006=np.rint(all_["x"]).astype("int64"), n_3006=np.rint(all_["y"]).astype("int64")
    )


def save(content: Any, path: Path) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")
    return path


def check(content: Any, path: Path, *, language: str = "sv", **changes: Any) -> Checked:
    return check_submission(save(content, path), against=against(**changes), language=language)


def remark(checked: Checked, rule: str) -> Remark:
    (found,) = [one for one in checked.remarks if one.finding.rule == rule]
    return found


def rules_found(checked: Checked) -> set[str]:
    return {one.finding.rule for one in checked.remarks}


def words_of(checked: Checked) -> str:
    """Give all that is said, on one line."""
    lines = []
    for one in checked.remarks:
        lines += [one.finding.message, *one.said, one.finding.fix]
    return " ".join(filter(None, lines)).replace("\N{NO-BREAK SPACE}", " ")


def as_texts() -> pd.DataFrame:
    table = sheet(submission(), "buildings").astype(object)
    for name in ("eligible", "in_base", "marked"):
        table[name] = table[name].map({True: "true", False: "false"})
    return table.map(lambda one: "" if pd.isna(one) else str(one))


def to_csv(table: pd.DataFrame, separator: str = ";", encoding: str = "utf-8-sig") -> bytes:
    return table.to_csv(index=False, sep=separator, lineterminator="\r\n").encode(encoding)
