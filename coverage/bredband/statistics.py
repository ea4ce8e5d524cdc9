"""Who has what: totals, served and shares per area, and how far each goal is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from bredband_gis.errors import BadValueError, MissingColumnError
from bredband_gis.store import scratch

from bredband.tables import BASES, GOALS, MEASURES, SEGMENTS, STATISTICS, TOTAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bredband.region import Goal

_STATUS_COLUMNS: Final = (
    "municipality_code", "segment", "households", "workplaces",
    "speed_mbit", "passed_speed_mbit", "planned_speed_mbit",
)  # fmt: skip
_AREA_COLUMNS: Final = ("municipality_code", "municipality_name", "county_code", "county_name")

_COVERAGE_SQL: Final = """
WITH counts AS (
    -- One pass over the premises; everything below works on a few thousand rows.
    SELECT municipality_code, segment, speed,
           sum(households) AS households,
           sum(CASE WHEN has THEN households ELSE 0 END) AS households_connected,
           sum(CASE WHEN has OR near THEN households ELSE 0 END) AS households_passed,
           sum(CASE WHEN has OR near OR due THEN households ELSE 0 END) AS households_planned,
           sum(workplaces) AS workplaces,
           sum(CASE WHEN has THEN workplaces ELSE 0 END) AS workplaces_connected,
           sum(CASE WHEN has OR near THEN workplaces ELSE 0 END) AS workplaces_passed,
           sum(CASE WHEN has OR near OR due THEN workplaces ELSE 0 END) AS workplaces_planned
    FROM (
        SELECT *, speed_mbit >= speed AS has, passed_speed_mbit >= speed AS near,
               planned_speed_mbit >= speed AS due
        FROM premises CROSS JOIN speeds
    )
    GROUP BY ALL
),
areas AS (
    SELECT 1 AS kind_order, 'region' AS area_kind, $region_code AS area_code,
           $region_name AS area_name, municipality_code
    FROM municipalities
    UNION ALL
    SELECT 2, 'county', county_code, min(county_name) OVER (PARTITION BY county_code),
           municipality_code
    FROM municipalities
    UNION ALL
    SELECT 3, 'municipality', municipality_code, municipality_name, municipality_code
    FROM municipalities
),
tall AS (
    -- Each premises counts in its segment and in the total.
    SELECT c.municipality_code, s.segment, s.segment_order, c.speed, b.*
    FROM counts c
    JOIN segments s ON s.segment = c.segment OR s.segment = $total
    CROSS JOIN LATERAL (VALUES
        ('households', 'connected', c.households, c.households_connected),
        ('households', 'passed', c.households, c.households_passed),
        ('households', 'planned', c.households, c.households_planned),
        ('workplaces', 'connected', c.workplaces, c.workplaces_connected),
        ('workplaces', 'passed', c.workplaces, c.workplaces_passed),
        ('workplaces', 'planned', c.workplaces, c.workplaces_planned)
    ) AS b(base, measure, total, served)
)
SELECT a.area_kind, a.area_code, a.area_name, s.segment, b.base, m.measure,
       v.speed AS speed_mbit, $year AS year,
       coalesce(sum(t.total), 0)::BIGINT AS total,
       coalesce(sum(t.served), 0)::BIGINT AS served,
       sum(t.served)::DOUBLE / nullif(sum(t.total), 0) AS share
FROM areas a
CROSS JOIN segments s CROSS JOIN bases b CROSS JOIN measures m CROSS JOIN speeds v
LEFT JOIN tall t ON t.municipality_code = a.municipality_code AND t.segment = s.segment
     AND t.base = b.base AND t.measure = m.measure AND t.speed = v.speed
GROUP BY ALL
ORDER BY min(a.kind_order), area_code, min(s.segment_order), min(b.base_order),
         min(m.measure_order), v.speed
"""


def coverage_table(
    status: pd.DataFrame,
    municipalities: pd.DataFrame,
    *,
    region_code: str,
    region_name: str,
    year: int,
    speeds_mbit: Sequence[int],
) -> pd.DataFrame:
    """Count households and workplaces by area, segment, measure and speed.

    ``share`` is served / total of households or workplaces, never of buildings.
    Measures are cumulative: passed counts the connected as well, planned both.
    Holiday homes are not counted, and wireless serves nobody.

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

    Returns
    -------
    DataFrame
        tables.STATISTICS: region, counties, municipalities in order of code; the total
        first, then every segment that the region has, each for both bases, three
        measures and every speed.

    Raises
    ------
    MissingColumnError
        A column is missing.
    BadValueError
        Premises lie in a municipality that is not listed.
    """
    _need(status, _STATUS_COLUMNS, "status")
    _need(municipalities, _AREA_COLUMNS, "municipalities")
    strangers = ~status["municipality_code"].isin(municipalities["municipality_code"])
    if strangers.any():
        codes = ", ".join(sorted(status["municipality_code"][strangers].astype("str").unique())[:5])
        msg = (
            f"{strangers.sum()} of {len(status)} premises lie in a municipality not listed: {codes}"
        )
        raise BadValueError(msg, where="status", fix="use the municipalities it was made with")
    present = status["segment"].dropna().unique()
    segments = [TOTAL, *(name for name in SEGMENTS if name in present)]

    with scratch() as con:
        con.register("premises", _arrow(status[list(_STATUS_COLUMNS)]))
        con.register("municipalities", _arrow(municipalities[list(_AREA_COLUMNS)]))
        con.register("speeds", pa.table({"speed": sorted({int(speed) for speed in speeds_mbit})}))
        for name, values in (("segment", segments), ("base", BASES), ("measure", MEASURES)):
            order = {name: list(values), f"{name}_order": list(range(len(values)))}
            con.register(f"{name}s", pa.table(order))
        options = {
            "region_code": region_code, "region_name": region_name, "year": year, "total": TOTAL,
        }  # fmt: skip
        table: pd.DataFrame = con.execute(_COVERAGE_SQL, options).df()
    return table.astype({name: str(column.dtype) for name, column in STATISTICS.columns.items()})


def goals_table(coverage: pd.DataFrame, goals: Sequence[Goal]) -> pd.DataFrame:
    """Compare each area with each goal, by the measure that the goal names.

    ``missing`` = max(0, ceil(target x total) - served): how many more must be
    served. An area without households (or workplaces) has no share, and nothing
    missing.

    Parameters
    ----------
    coverage : DataFrame
        tables.STATISTICS, as :func:`coverage_table` gives it.
    goals : sequence of Goal
        [[goals]] of region.toml.

    Returns
    -------
    DataFrame
        tables.GOALS: goals in their order, each for its bases and every area.

    Raises
    ------
    BadValueError
        The coverage has no figures at the speed of a goal.
    """
    _need(coverage, tuple(STATISTICS.columns), "coverage")
    total = coverage[coverage["segment"] == TOTAL]
    parts = []
    for goal in goals:
        at_speed = total[total["speed_mbit"] == goal.speed_mbit]
        if at_speed.empty and len(total):
            msg = f"goal {goal.name!r} is at {goal.speed_mbit} Mbit/s, which was not counted"
            raise BadValueError(
                msg,
                where="[definitions] speeds_mbit",
                fix=f"add {goal.speed_mbit} to speeds_mbit in region.toml",
            )
        for base in goal.bases:
            rows = at_speed[(at_speed["base"] == base) & (at_speed["measure"] == goal.measure)]
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


def _arrow(table: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(pd.DataFrame(table), preserve_index=False)


def _need(table: pd.DataFrame, columns: tuple[str, ...], where: str) -> None:
    missing = [name for name in columns if name not in table]
    if missing:
        msg = f"column {', '.join(missing)} is missing; found: {', '.join(map(str, table.columns))}"
        raise MissingColumnError(msg, where=where, fix=f"the table needs {', '.join(columns)}")
