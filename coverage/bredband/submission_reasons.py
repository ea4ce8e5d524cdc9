"""What motivates a mark: PTS's criteria that an area meets by its own numbers, in words.

PTS has a region choose among its criteria and motivate them in writing (F: regionala
prioriteringar 2023). Which number shows that a criterion is met, PTS does not say: the tests
here are ours (I), a first text for the region to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.tables import need_columns
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from bredband.pts_rules import PtsRules

SPACING_M: Final = 400.0
"""Mean distance between buildings above which support does most (F: Open Infra, 1 300 ft)."""

FAR_QUANTILE: Final = 0.75
"""Areas farther from fibre than this share of them are far (I)."""


class Reasons(NamedTuple):
    """What motivates the marks in each area.

    Attributes
    ----------
    areas : DataFrame
        ``area_id``, ``criterion`` (comma between; null where none holds) and ``motivation``.
    motivations : DataFrame
        ``tables_submission.PTS_MOTIVATIONS``: of the criteria that are met somewhere and of
        the areas.
    """

    areas: pd.DataFrame
    motivations: pd.DataFrame


class _Test(NamedTuple):
    """How a criterion is seen in an area's numbers."""

    needs: tuple[str, ...]
    holds: Callable[[pd.DataFrame], NDArray[np.bool_]]
    said: Callable[[Any], str]
    about: str


_SAID: Final = words("sv", plain=True)


def _is_sparse(areas: pd.DataFrame) -> NDArray[np.bool_]:
    way = areas["distance_to_fibre_m"].to_numpy(float, na_value=np.nan)
    known = way[np.isfinite(way)]
    limit = np.quantile(known, FAR_QUANTILE) if known.size else np.inf
    spacing = areas["spacing_m"].to_numpy(float, na_value=np.nan)
    holds: NDArray[np.bool_] = (spacing > SPACING_M) | (way > limit)
    return holds


def _is_dear(areas: pd.DataFrame) -> NDArray[np.bool_]:
    each = _support_each(areas)
    known = each[np.isfinite(each)]
    holds: NDArray[np.bool_] = each > (np.median(known) if known.size else np.inf)
    return holds


def _support_each(areas: pd.DataFrame) -> NDArray[np.float64]:
    gap = np.maximum(areas["gap_sek"].to_numpy(float, na_value=np.nan), 0.0)
    premises = areas["premises"].to_numpy(float, na_value=np.nan)
    each = np.full(len(gap), np.nan)
    np.divide(gap, premises, out=each, where=premises > 0)
    return each


def _above(name: str) -> Callable[[pd.DataFrame], NDArray[np.bool_]]:
    def holds(areas: pd.DataFrame) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = areas[name].to_numpy(float, na_value=np.nan) > 0
        return found

    return holds


def _functions(row: Any) -> str:
    kinds = getattr(row, "function_kinds", None)
    named = f" ({kinds})" if isinstance(kinds, str) and kinds else ""
    number = _SAID.number(row.functions)
    return f"Samhällsviktiga funktioner i området eller nära det: {number}{named}."


def _sparse(row: Any) -> str:
    parts = [
        f"{what} {_SAID.length(value)}"
        for what, value in (
            ("medelavståndet till närmaste byggnad är", row.spacing_m),
            ("vägen längs ny grävning till fiber är", row.distance_to_fibre_m),
        )
        if pd.notna(value)
    ]
    text = " och ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


_TESTS: Final[dict[str, _Test]] = {
    "societal_functions": _Test(
        ("functions",),
        _above("functions"),
        _functions,
        "områden med minst en samhällsviktig funktion i området eller nära det",
    ),
    "other_measures": _Test(
        ("planned_nearby",),
        _above("planned_nearby"),
        lambda row: (
            "Byggnader i närheten som någon annan planerar att bygga till:"
            f" {_SAID.number(row.planned_nearby)}. Utbyggnaden kan samordnas."
        ),
        "områden där någon annan planerar att bygga i närheten",
    ),
    "sparse": _Test(
        ("spacing_m", "distance_to_fibre_m"),
        _is_sparse,
        _sparse,
        f"områden där medelavståndet till närmaste byggnad är över {SPACING_M:.0f} m, eller"
        " vägen till befintlig fiber hör till den längsta fjärdedelen",
    ),
    "special_challenges": _Test(
        ("gap_sek", "premises"),
        _is_dear,
        lambda row: (
            "Stödet som behövs per byggnad,"
            f" {_SAID.money(max(row.gap_sek, 0.0) / row.premises)}, är över medianen i regionen."
        ),
        "områden där stödet som behövs per byggnad är över medianen i regionen",
    ),
    "demand": _Test(
        ("workplaces",),
        _above("workplaces"),
        lambda row: f"Arbetsställen som saknar bredband: {_SAID.number(row.workplaces)}.",
        "områden med arbetsställen som saknar bredband",
    ),
}


def area_reasons(
    areas: pd.DataFrame,
    *,
    rules: PtsRules,
    criteria: Sequence[str] | None = None,
    fallback: str | None = None,
) -> Reasons:
    """Find the criteria that each area meets, and put them in words.

    Parameters
    ----------
    areas : DataFrame
        ``tables_areas.AREAS``; a criterion whose columns are not there, or hold nothing, is
        met nowhere. Numbers are compared among the areas that trench reaches.
    rules : PtsRules
        Rules of the year, which name PTS's criteria.
    criteria : sequence of str, optional
        Those that the region uses; all that have a test when not given.
    fallback : str, optional
        Criterion of an area that meets none of them.

    Returns
    -------
    Reasons
        An area's own ``motivation`` (why it ranks where it does) stands after the criteria's.

    Raises
    ------
    BadValueError
        A criterion is none of PTS's.
    """
    names = {one.name: one.sv for one in rules.criteria}
    for one in [*(criteria or ()), *([fallback] if fallback else [])]:
        if one not in names:
            msg = f"{one} is none of PTS's criteria"
            raise BadValueError(msg, fix=f"choose among {', '.join(names)}")
    need_columns(areas, ["area_id", "reached"], "areas", fix="take the areas of a run")
    there = areas[areas["reached"].astype(bool)].reset_index(drop=True)
    used = [key for key in (criteria or _TESTS) if key in names]
    keys = np.full(len(areas), "", dtype=object)
    texts = np.full(len(areas), "", dtype=object)
    at = np.flatnonzero(areas["reached"].astype(bool).to_numpy())
    for key in used:
        test = _TESTS.get(key)
        if test is None or not set(test.needs) <= set(there) or there.empty:
            continue
        holds = np.flatnonzero(test.holds(there))
        rows = list(there.iloc[holds].itertuples(index=False))
        keys[at[holds]] += f", {key}"
        texts[at[holds]] += np.array([f" {test.said(row)}" for row in rows], dtype=object)
    if fallback:
        none = keys == ""
        keys[none] = f", {fallback}"
        texts[none] = f" Regionen prioriterar området enligt kriteriet {names[fallback].lower()}."
    own = areas["motivation"] if "motivation" in areas else pd.Series(np.nan, areas.index)
    text = pd.Series(texts, index=areas.index) + (" " + own.astype("str")).fillna("")
    found = pd.DataFrame(
        {
            "area_id": areas["area_id"].astype("str"),
            "criterion": pd.Series(keys, index=areas.index).str.removeprefix(", ").astype("str"),
            "motivation": text.str.strip().astype("str"),
        }
    ).reset_index(drop=True)
    found = found.mask(found == "")
    met = sorted({key for one in found["criterion"].dropna() for key in one.split(", ")})
    motivated = found.dropna(subset=["motivation"])
    motivations = pd.DataFrame(
        {
            "kind": ["criterion"] * len(met) + ["area"] * len(motivated),
            "key": [*met, *motivated["area_id"]],
            "text": [*(_about(key, names[key]) for key in met), *motivated["motivation"]],
        },
        dtype="str",
    )
    return Reasons(found, motivations)


def _about(key: str, name: str) -> str:
    if key in _TESTS:
        return f"Regionen tillämpar kriteriet på {_TESTS[key].about}."
    return f"{name}."


def join_marks(
    buildings: pd.DataFrame,
    marks: pd.DataFrame,
    areas: pd.DataFrame,
    municipalities: pd.DataFrame,
    reasons: Reasons,
) -> pd.DataFrame:
    """Put together what :func:`bredband.submission.build_submission` needs of each building.

    Parameters
    ----------
    buildings : DataFrame
        ``tables_pts.PTS_BUILDINGS``.
    marks : DataFrame
        ``tables_pts.MARKS``; a building that is not there is not marked.
    areas : DataFrame
        ``tables_areas.AREAS``, with ``name`` where areas have names.
    municipalities : DataFrame
        ``municipality_code``, ``municipality_name``.
    reasons : Reasons
        From :func:`area_reasons`.

    Returns
    -------
    DataFrame
        ``tables_submission.TO_SUBMIT``, with ``score`` of its area where areas have one.
    """
    marked = marks.set_index("premises_id")
    of_area = areas.set_index("area_id")
    ids = buildings["premises_id"]
    area = ids.map(marked["area_id"]).astype("str")
    told = reasons.areas.set_index("area_id")
    towns = municipalities.set_index("municipality_code")["municipality_name"]
    names = of_area["name"] if "name" in of_area else pd.Series(of_area.index, of_area.index)
    known = area.where(area.isin(of_area.index))
    joined = buildings.assign(
        municipality=buildings["municipality_code"].map(towns).astype("str"),
        marked=ids.isin(marked.index[marked["marked"].astype(bool)]),
        area_id=known,
        area_name=known.map(names).astype("str"),
        criterion=known.map(told["criterion"]).astype("str"),
        motivation=known.map(told["motivation"]).astype("str"),
    )
    if "score" in of_area:
        joined["score"] = known.map(of_area["score"]).astype("float64")
    return joined
