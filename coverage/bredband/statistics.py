"""Who has what: totals, served and shares per area, and how far each goal is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError

from bredband.counting import BUILT_UP_SEGMENTS, encode, long_table, place_cells, reached, tally
from bredband.tables import (
    ACCEPTED,
    ACCESS,
    AID_COLOURS,
    BASES,
    CONNECTED_ANY,
    GOALS,
    STATE_AID,
    STATISTICS,
    SYMMETRIC,
    TECHNOLOGIES,
    TECHNOLOGY,
    TOTAL,
    need_columns,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bredband.region import Goal

OFFERED: Final = ("offered_households", "accepted_households")

CLASSES: Final = {
    "connected": ("speed_mbit",),
    "passed": ("speed_mbit", "passed_speed_mbit"),
    "planned": ("speed_mbit", "passed_speed_mbit", "planned_speed_mbit"),
    CONNECTED_ANY: ("speed_mbit", "wireless_speed_mbit"),
}
"""Measure -> the speeds of a premises of which one must reach the speed that is counted."""

SPEEDS: Final = ("speed_mbit", "passed_speed_mbit", "planned_speed_mbit", "wireless_speed_mbit")


def coverage_table(
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    region_code: str,
    region_name: str,
    year: int,
    speeds_mbit: Sequence[int],
    localities: pd.DataFrame | None = None,
    deso: pd.DataFrame | None = None,
    built_up_segments: Sequence[str] = BUILT_UP_SEGMENTS,
    target_mbit: int = 100,
) -> pd.DataFrame:
    """Count households and workplaces by area, segment, measure and speed.

    ``share`` is served / total of households or workplaces, never of buildings.
    Measures are cumulative: passed counts the connected as well, planned both.
    Holiday homes are not counted, and wireless counts in connected_any alone.
    connected_symmetric is there where any upload is stated: connected, with the speed up
    as well.

    Parameters
    ----------
    status : DataFrame
        tables.STATUS; a geometry is not looked at.
    municipalities : DataFrame
        tables.MUNICIPALITIES. Each gets its rows, with or without premises, and so
        does each county that it names.
    region_code, region_name : str
        Of the rows that count all municipalities together.
    year : int
        Year that the coverage refers to.
    speeds_mbit : sequence of int
        Download speeds, Mbit/s.
    localities : DataFrame, optional
        ``locality_code`` and ``locality_name``, several rows of a code allowed: each
        locality gets rows too. The premises then need ``locality_code``.
    deso : DataFrame, optional
        The same for ``deso_code`` and ``deso_name``.
    built_up_segments : sequence of str
        Segments that are tätbyggt; the others are glesbygd. Inferred, not PTS's wording (I).
    target_mbit : int
        Speed of the offers, Mbit/s (the aid threshold, F).

    Returns
    -------
    DataFrame
        tables.STATISTICS: region, counties, municipalities, localities, DeSO in order of
        code; the total first, then every segment that the region has, then tätbyggt and
        glesbygd, each for both bases, every measure and speed. ``accepted`` is there where
        the premises have offers, for households at the target speed: its total is the
        households that got an offer. Where no locality is known there are only totals, and
        localities and DeSO have only totals.

    Raises
    ------
    MissingColumnError
        A column is missing.
    BadValueError
        Premises lie in an area that is not listed, or more households accepted than
        were offered.
    """
    speeds = sorted({int(speed) for speed in speeds_mbit})
    offers = set(OFFERED) <= set(status.columns)
    need_columns(status, SPEEDS, "status")
    if offers:
        _refuse_more_accepted(status)
    classes = {name: reached(status[name], speeds) for name in SPEEDS}
    measures = dict(CLASSES)
    if "upload_mbit" in status and status["upload_mbit"].notna().any():
        # Where no upload is stated nobody is known to have it.
        classes["upload_mbit"] = np.minimum(
            reached(status["upload_mbit"], speeds), classes["speed_mbit"]
        )
        measures[SYMMETRIC] = ("upload_mbit",)
    counted = tally(
        status,
        classes,
        sums=(*BASES, *(OFFERED if offers else ())),
        locality=localities is not None,
        deso=deso is not None,
    )
    places, within = place_cells(
        counted,
        municipalities,
        region_code=region_code,
        region_name=region_name,
        localities=localities,
        deso=deso,
        built_up_segments=built_up_segments,
    )
    keys, totals, serveds = [], [], []
    for base in BASES:
        for measure, columns in measures.items():
            best = best_class(counted.classes, columns)
            by_class = within @ counted.by_cell(base, best, len(speeds) + 1)
            # Of class 2 or more: everybody who is not of class 0 or 1.
            served = by_class[:, ::-1].cumsum(axis=1)[:, ::-1]
            keys += [(base, measure, speed) for speed in speeds]
            totals += [served[:, 0]] * len(speeds)
            serveds += list(served[:, 1:].T)
        if offers and base == "households":
            keys.append((base, ACCEPTED, int(target_mbit)))
            offered, accepted = ((within @ counted.by_cell(name))[:, 0] for name in OFFERED)
            totals.append(offered)
            serveds.append(accepted)
    table = long_table(places.slots, pd.DataFrame(keys, columns=["base", "measure", "speed_mbit"]))
    total, served = (np.column_stack(one).ravel() for one in (totals, serveds))
    table = table.assign(year=year, total=total, served=served, share=_share(served, total))
    return _typed(table, STATISTICS.columns)


def best_class(
    classes: Mapping[str, NDArray[np.int64]], columns: Sequence[str]
) -> NDArray[np.int64]:
    """Give how many of the speeds the best of some columns reaches."""
    best = classes[columns[0]]
    for name in columns[1:]:
        best = np.maximum(best, classes[name])
    return best


def technology_table(
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    region_code: str,
    region_name: str,
    year: int,
    localities: pd.DataFrame | None = None,
    deso: pd.DataFrame | None = None,
    built_up_segments: Sequence[str] = BUILT_UP_SEGMENTS,
) -> pd.DataFrame:
    """Count who has each technology, whatever its speed, as PTS's technology table does.

    A household with two technologies counts in both. ``near_fibre`` counts those who
    have fibre as well, as PTS's "i närhet av fiber" is published (Gällivare: 85.26 %
    near of which 79.66 % have it). ``wired`` is any of the technologies that the region
    counts as wired; ``any`` is wired or wireless.

    Parameters
    ----------
    status, municipalities, region_code, region_name, year, localities, deso, built_up_segments
        As :func:`coverage_table`.

    Returns
    -------
    DataFrame
        tables.TECHNOLOGY: areas and segments as in coverage, both bases, every access.

    Raises
    ------
    MissingColumnError, BadValueError
        As :func:`coverage_table`.
    """
    need_columns(status, ("technologies", "near_fibre", "technology"), "status")
    codes, listed = encode(status["technologies"])
    counted = tally(
        status,
        {
            "technologies": codes,
            "near_fibre": status["near_fibre"].to_numpy(bool, na_value=False).astype(np.uint8),
            "wired": status["technology"].notna().to_numpy(bool).astype(np.uint8),
        },
        locality=localities is not None,
        deso=deso is not None,
    )
    places, within = place_cells(
        counted,
        municipalities,
        region_code=region_code,
        region_name=region_name,
        localities=localities,
        deso=deso,
        built_up_segments=built_up_segments,
    )
    # What each list of technologies holds, an empty one first: codes count from 1.
    lists = [set(), *({part.strip() for part in str(text).split(",")} - {""} for text in listed)]
    of_list = counted.classes["technologies"]
    has = {
        name: np.array([name in held for held in lists])[of_list].astype(np.int64)
        for name in TECHNOLOGIES
    }
    has |= {name: counted.classes[name] for name in ("near_fibre", "wired")}
    has["any"] = np.array([bool(held) for held in lists])[of_list].astype(np.int64)
    keys, totals, serveds = [], [], []
    for base in BASES:
        for access in ACCESS:
            by_class = within @ counted.by_cell(base, has[access], 2)
            keys.append((base, access))
            totals.append(by_class.sum(axis=1))
            serveds.append(by_class[:, 1])
    table = long_table(places.slots, pd.DataFrame(keys, columns=["base", "access"]))
    total, served = (np.column_stack(one).ravel() for one in (totals, serveds))
    table = table.assign(year=year, total=total, served=served, share=_share(served, total))
    return _typed(table, TECHNOLOGY.columns)


def state_aid_table(
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    region_code: str,
    region_name: str,
    localities: pd.DataFrame | None = None,
    deso: pd.DataFrame | None = None,
    built_up_segments: Sequence[str] = BUILT_UP_SEGMENTS,
) -> pd.DataFrame:
    """Count households and workplaces in white, grey and black premises.

    Parameters
    ----------
    status, municipalities, region_code, region_name, localities, deso, built_up_segments
        As :func:`coverage_table`.

    Returns
    -------
    DataFrame
        tables.STATE_AID: areas and segments as in coverage, both bases;
        white + grey + black = total.

    Raises
    ------
    MissingColumnError, BadValueError
        As :func:`coverage_table`; also for a premises without a colour.
    """
    need_columns(status, ("aid_colour",), "status")
    codes, colours = encode(status["aid_colour"])
    order = np.concatenate([[-1], pd.Index(AID_COLOURS).get_indexer(pd.Index(colours))])
    strange = int((order[codes] < 0).sum())
    if strange:
        msg = f"{strange} of {len(status)} premises are not {', '.join(AID_COLOURS)}"
        raise BadValueError(msg, where="status, aid_colour", fix="make it with premises_status")
    counted = tally(
        status, {"colour": codes}, locality=localities is not None, deso=deso is not None
    )
    places, within = place_cells(
        counted,
        municipalities,
        region_code=region_code,
        region_name=region_name,
        localities=localities,
        deso=deso,
        built_up_segments=built_up_segments,
    )
    colour = order[counted.classes["colour"]]
    found = [within @ counted.by_cell(base, colour, len(AID_COLOURS)) for base in BASES]
    by_colour = np.stack(found, axis=1).reshape(-1, len(AID_COLOURS))
    table = long_table(places.slots, pd.DataFrame({"base": BASES}))
    table[list(AID_COLOURS)] = by_colour
    return _typed(table.assign(total=by_colour.sum(axis=1)), STATE_AID.columns)


def goals_table(coverage: pd.DataFrame, goals: Sequence[Goal]) -> pd.DataFrame:
    """Compare each area with each goal, by the measure that the goal names.

    ``missing`` = max(0, ceil(target x total) - served): how many more must be
    served. An area without households (or workplaces) has no share, and nothing
    missing; nor has one without offers, where the goal counts who accepted one.

    Parameters
    ----------
    coverage : DataFrame
        tables.STATISTICS, as :func:`coverage_table` gives it.
    goals : sequence of Goal
        [[goals]] of region.toml.

    Returns
    -------
    DataFrame
        tables.GOALS: goals in their order, each for its bases and every area. A goal that
        counts who accepted an offer has no rows for workplaces, which get none.

    Raises
    ------
    BadValueError
        The coverage has no figures at the speed of a goal.
    """
    need_columns(coverage, tuple(STATISTICS.columns), "coverage")
    total = coverage[coverage["segment"] == TOTAL]
    parts = []
    for goal in goals:
        counted = total[total["measure"] == goal.measure]
        if goal.measure == ACCEPTED and counted.empty:
            counted = _no_offers(total, goal.speed_mbit)
        at_speed = counted[counted["speed_mbit"] == goal.speed_mbit]
        if at_speed.empty and len(total):
            msg = f"goal {goal.name!r} is at {goal.speed_mbit} Mbit/s, which was not counted"
            fix = f"add {goal.speed_mbit} to speeds_mbit in region.toml"
            if goal.measure == ACCEPTED:
                msg = f"goal {goal.name!r} is at {goal.speed_mbit} Mbit/s, the offers are not"
                fix = "give the goal the speed of the offers, target_speed_mbit"
            raise BadValueError(msg, where="[definitions] speeds_mbit", fix=fix)
        for base in goal.bases:
            rows = at_speed[at_speed["base"] == base]
            # 0.07 x 100 is 7.000000000000001 in doubles, and 7 is enough.
            needed = np.ceil(np.round(goal.target * rows["total"].to_numpy(), 6)).astype(np.int64)
            missing = np.maximum(0, needed - rows["served"].to_numpy())
            parts.append(
                rows.assign(
                    goal=goal.name,
                    target=goal.target,
                    missing=missing,
                    reached=pd.array(missing == 0, "boolean"),
                )
            )
    columns = {name: str(column.dtype) for name, column in GOALS.columns.items()}
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})
    table: pd.DataFrame = pd.concat(parts, ignore_index=True)[list(columns)]
    table.loc[table["share"].isna(), "reached"] = pd.NA
    return table.astype(columns)


def _no_offers(total: pd.DataFrame, speed_mbit: int) -> pd.DataFrame:
    """Give every area a row in which nobody got an offer."""
    areas = total.drop_duplicates(["area_kind", "area_code"])
    return areas.assign(
        base="households", measure=ACCEPTED, speed_mbit=speed_mbit, total=0, served=0, share=np.nan
    )


def _refuse_more_accepted(status: pd.DataFrame) -> None:
    offered, accepted = (status[name].to_numpy(np.float64, na_value=0) for name in OFFERED)
    more = int((accepted > offered).sum())
    if more:
        msg = f"more households accepted an offer than got one, in {more} of {len(status)} premises"
        raise BadValueError(
            msg, where="status, accepted_households", fix="correct the offers of these premises"
        )


def _share(served: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.full(len(total), np.nan)
    np.divide(served, total, out=share, where=total > 0)
    return share


def _typed(table: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Keep the columns of a schema, in its order and of its types."""
    kept: pd.DataFrame = table[list(columns)].reset_index(drop=True)
    return kept.astype({name: str(column.dtype) for name, column in columns.items()})
