"""Our figures beside the published ones: only what counts the same thing is compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError, GeodataError, UnreadableSourceError
from bredband_gis.quality import Finding

from bredband.display import show
from bredband.figures import area_key
from bredband.published import nearest_year
from bredband.standing import series_breaks
from bredband.tables import COMPARISON, STATISTICS, TECHNOLOGY, check_table
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bredband.text import Words

TOTALS_APART: Final = 0.03
"""Totals that differ by more than this share are told. No published source (U)."""

_LAYER: Final = "comparison"
_COMPARABLE: Final = ("connected", "passed", "connected_any", "access")
_SAME: Final = ["segment", "base", "measure", "access", "speed_mbit"]
"""What must be the same, besides the area, for two figures to count the same thing."""


class NotComparableError(GeodataError):
    """The two sides count different things, and no number makes them the same."""


@dataclass(frozen=True)
class Comparison:
    """Our figures beside the published ones.

    Attributes
    ----------
    table : DataFrame
        ``tables.COMPARISON``; ``provenance`` of ours beside it where the results say it.
    summary : DataFrame
        One row per series: ``file``, ``series``, ``segment``, ``base``, ``measure``,
        ``access``, ``speed_mbit``, ``municipalities``, ``mean_points`` (ours less theirs,
        weighted by our totals), ``mean_absolute_points`` (weighted the same way).
        Municipalities only.
    findings : tuple of Finding
        Years that differ, series breaks, other bases, areas on one side only.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    findings: tuple[Finding, ...]

    def _repr_html_(self) -> str:
        return show(self)


def compare(
    coverage: pd.DataFrame,
    technology: pd.DataFrame | None,
    published: pd.DataFrame,
    *,
    year: int | None = None,
    measure: str | None = None,
    speed_mbit: int | None = None,
    base: str | None = None,
    segment: str | None = None,
    proximity_m: float | None = None,
    language: str = "sv",
) -> Comparison:
    """Put our shares beside the published ones of the same area, segment, base and measure.

    ``points`` = 100 x (ours - theirs). Where they publish a bound only, points are empty
    as long as ours is inside it.

    Parameters
    ----------
    coverage : DataFrame
        ``tables.STATISTICS``.
    technology : DataFrame or None
        ``tables.TECHNOLOGY``.
    published : DataFrame
        ``tables.PUBLISHED``.
    year : int, optional
        Published year to compare with; that of our figures when not given. Where a series
        has no such year, its nearest is taken, and told.
    measure : str, optional
        Compare this only: connected, passed, connected_any or access.
    speed_mbit : int, optional
        Compare this speed only, Mbit/s.
    base, segment : str, optional
        Compare this base and this segment only.
    proximity_m : float, optional
        The region's ``proximity_m``, for the words of our definition.
    language : {"sv", "en"}, optional
        Language of the definitions and findings.

    Returns
    -------
    Comparison

    Raises
    ------
    NotComparableError
        The published figures have none of the measure asked for, or the two sides have no
        area, segment, base, measure and speed in common; the message says what each has.
    BadValueError
        A measure that nobody publishes.
    """
    if measure is not None and measure not in _COMPARABLE:
        msg = f"{measure} is published by nobody, so there is nothing to compare it with"
        raise BadValueError(msg, fix=f"choose one of {', '.join(_COMPARABLE)}")
    ours, absent = _known(_ours(coverage, technology))
    theirs = published[published["area_kind"] != "country"]
    asked = {"measure": measure, "speed_mbit": speed_mbit, "base": base, "segment": segment}
    _refuse_other_measure(ours, theirs, asked)
    mine, their = _choose(ours, asked), _choose(theirs, asked)
    target = int(ours["year"].max()) if year is None else year
    their = nearest_year(their, target, ["file", "series", "area_kind", *_SAME])
    joined = _join(mine, their)
    if joined.empty:
        raise _nothing_in_common(mine, their if len(their) else theirs)
    table = _table(joined, language=language, proximity_m=proximity_m)
    check_table(table, COMPARISON, where="comparison")
    said = words(language, plain=True)
    findings = [
        *_year_findings(table, said), *_base_findings(joined, said), *_total_findings(table, said),
        *_absent_findings(absent, theirs, said),
        *_missing_findings(mine, their, joined, said), *_provenance_findings(table, said),
    ]  # fmt: skip
    return Comparison(table, _summary(table), tuple(findings))


def read_result(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None, dict[str, Any]]:
    """Read what a comparison needs from a folder that ``bredband run`` wrote.

    Returns
    -------
    coverage : DataFrame
        ``tables.STATISTICS``.
    technology : DataFrame or None
        ``tables.TECHNOLOGY``; None where the results are older than that table.
    settings : dict
        The region's settings, from the manifest.

    Raises
    ------
    UnreadableSourceError
        The folder is no result, or a file of it is cut off.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        msg = "there is no manifest.json: this is no folder of results"
        raise UnreadableSourceError(msg, where=str(folder), fix="make one: bredband run REGION")
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        settings = content["settings"]
        coverage = _read_figures(folder / "coverage.csv", STATISTICS)
        path = folder / "technology.csv"
        technology = _read_figures(path, TECHNOLOGY) if path.is_file() else None
    except (ValueError, KeyError, TypeError, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        msg = f"the results are cut off or not whole ({type(error).__name__}: {reason})"
        fix = "run it again: bredband run REGION"
        raise UnreadableSourceError(msg, where=str(folder), fix=fix) from None
    check_table(coverage, STATISTICS, where="coverage.csv")
    if technology is not None:
        check_table(technology, TECHNOLOGY, where="technology.csv")
    return coverage, technology, settings


def largest(table: pd.DataFrame, n: int = 3) -> pd.DataFrame:
    """Give the municipalities of a comparison with the largest differences, up or down."""
    towns = table[(table["area_kind"] == "municipality") & table["points"].notna()]
    return towns.loc[towns["points"].abs().sort_values(ascending=False, kind="stable").index[:n]]


def _read_figures(path: Path, schema: Any) -> pd.DataFrame:
    """Read a table of shares, but the rows of places so small that their figures are withheld."""
    types = _csv_types(schema)
    nullable = {name: "Int64" if dtype == "int64" else dtype for name, dtype in types.items()}
    table = pd.read_csv(path, dtype=nullable)
    whole = table[table["served"].notna()]
    return whole.astype({name: dtype for name, dtype in types.items() if name in whole})


def _csv_types(schema: Any) -> dict[str, str]:
    return {name: str(column.dtype) for name, column in schema.columns.items()}


def _ours(coverage: pd.DataFrame, technology: pd.DataFrame | None) -> pd.DataFrame:
    """Put our two tables into one, with the keys of the published one."""
    speeds = coverage[coverage["measure"].isin(_COMPARABLE)].assign(access=None)
    parts = [speeds]
    if technology is not None:
        parts.append(technology.assign(measure="access", speed_mbit=np.nan))
    keys = ["area_kind", "area_code", "area_name", *_SAME, "year", "total", "share"]
    keys += ["provenance"] if all("provenance" in part for part in parts) else []
    typed = [part[keys].astype({"speed_mbit": "Int64", "access": "str"}) for part in parts]
    whole = pd.concat(typed, ignore_index=True)
    return whole[whole["area_kind"].isin(("county", "municipality")) & (whole["total"] > 0)]


def _known(ours: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out the technologies that our data hold nothing of: unknown is not 0 per cent."""
    access = ours[ours["measure"] == "access"]
    most = access.groupby("access")["share"].max()
    absent = [str(name) for name in most.index[(most.fillna(0) == 0)]]
    return ours[~ours["access"].isin(absent)], absent


def _absent_findings(absent: list[str], theirs: pd.DataFrame, said: Words) -> list[Finding]:
    asked = [name for name in absent if (theirs["access"] == name).any()]
    if not asked:
        return []
    names = said.join([said.access[name] for name in asked])
    return [_finding(said, "no-layer", names=names, rows=len(asked), severity="info")]


def _choose(side: pd.DataFrame, asked: Mapping[str, object]) -> pd.DataFrame:
    keep = np.ones(len(side), bool)
    for column, value in asked.items():
        if value is not None:
            keep &= (side[column] == value).fillna(value=False).to_numpy(bool)
    return side[keep]


def _refuse_other_measure(
    ours: pd.DataFrame, theirs: pd.DataFrame, asked: Mapping[str, object]
) -> None:
    """Refuse to compare connected with passed, whichever of the two they lack."""
    measure = asked["measure"]
    theirs = _choose(theirs, {**asked, "measure": None})
    if measure is None or theirs.empty or (theirs["measure"] == measure).any():
        return
    have = ", ".join(dict.fromkeys(theirs["measure"]))
    msg = (
        f"{measure} is asked for, and the published figures are of another measure: {have}."
        " These are different things: connected has the subscription or can order it at once,"
        " passed counts those near the network as well"
    )
    same = sorted(set(theirs["measure"]) & set(ours["measure"]))
    fix = (
        f"compare {' or '.join(same)}: --measure {same[0]}" if same
        else f"give a file with figures of {measure}"
    )  # fmt: skip
    raise NotComparableError(msg, where=", ".join(sorted(set(theirs["file"]))), fix=fix)


def _join(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Join by code where they have one, else by name; each of their figures at most once."""
    right = theirs.rename(
        columns={name: f"published_{name}" for name in ("year", "total", "share", "definition")}
    )
    keys = ["area_kind", *_SAME]
    by_code = right["area_code"].notna()
    left = ours.assign(key=area_key(ours["area_name"]))
    parts = [
        left.merge(
            right[by_code].drop(columns="area_name"), on=[*keys, "area_code"], how="inner"
        ),
        left.merge(
            right[~by_code].assign(key=area_key(right["area_name"][~by_code])).drop(
                columns=["area_name", "area_code"]
            ),
            on=[*keys, "key"], how="inner",
        ),
    ]  # fmt: skip
    joined = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    order = ["file", "series", *_SAME, "area_kind", "area_code"]
    return joined.sort_values(order, ignore_index=True, kind="stable")


def _table(joined: pd.DataFrame, *, language: str, proximity_m: float | None) -> pd.DataFrame:
    points = 100 * (joined["share"] - joined["published_share"])
    inside = ((joined["bound"] == ">") & (points >= 0)) | ((joined["bound"] == "<") & (points <= 0))
    table = joined.assign(
        points=points.mask(inside),
        definition=_our_words(joined, language=language, proximity_m=proximity_m),
    )
    types = _csv_types(COMPARISON)
    table = table.astype(types)
    return table[[*types, *(["provenance"] if "provenance" in table else [])]]


def _our_words(table: pd.DataFrame, *, language: str, proximity_m: float | None) -> pd.Series[str]:
    """Say in words how each row of ours is counted."""
    said = words(language, plain=True)
    near = said.comparison.unknown_proximity if proximity_m is None else said.length(proximity_m)
    columns = ["base", "measure", "access", "speed_mbit"]
    filled = table[columns].fillna({"access": "", "speed_mbit": 0})
    rows = list(filled.itertuples(index=False, name=None))
    texts = {
        (base, measure, access, speed): said.fill(
            f"comparison.{'near_fibre' if access == 'near_fibre' else measure}",
            base=said.comparison[f"of_{base}"],
            speed=said.speed(speed),
            access=said.access.get(access, ""),
            proximity=near,
        )
        for base, measure, access, speed in set(rows)
    }
    return pd.Series([texts[row] for row in rows], table.index, dtype="str")


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    towns = table[(table["area_kind"] == "municipality") & table["points"].notna()]
    weighted = towns.assign(
        weight=towns["total"].astype(float),
        up=towns["points"] * towns["total"],
        apart=towns["points"].abs() * towns["total"],
    )
    groups = weighted.groupby(["file", "series", *_SAME], dropna=False, sort=False)
    summed = groups[["weight", "up", "apart"]].sum()
    return summed.assign(
        municipalities=groups.size(),
        mean_points=summed["up"] / summed["weight"],
        mean_absolute_points=summed["apart"] / summed["weight"],
    ).drop(columns=["weight", "up", "apart"]).reset_index()  # fmt: skip


def _nothing_in_common(ours: pd.DataFrame, theirs: pd.DataFrame) -> NotComparableError:
    msg = f"nothing can be compared. Ours: {_contents(ours)}. Published: {_contents(theirs)}"
    fix = (
        "give a file of the same areas, base, segments and measures; for 100 Mbit/s connected:"
        " Kolada's N07900, for technologies: PTS's annex on teknik"
    )
    return NotComparableError(msg, where=", ".join(sorted(set(theirs["file"]))) or None, fix=fix)


def _contents(side: pd.DataFrame) -> str:
    """List what a side has, in few words."""
    if side.empty:
        return "nothing of what is asked for"
    by_speed = side[side["measure"] != "access"]
    speeds = by_speed.groupby("measure")["speed_mbit"].unique()
    listed = [f"{name} {'/'.join(str(s) for s in sorted(values))} Mbit/s"
              for name, values in speeds.items()]  # fmt: skip
    access = side.loc[side["measure"] == "access", "access"].dropna().unique()
    if len(access):
        listed.append(f"access to {', '.join(access)}")
    names = side["area_name"].dropna().unique()
    where = ", ".join([*names[:4], "…"] if len(names) > 4 else names)
    codes = ", ".join(side["area_code"].dropna().unique()[:4])
    return (
        f"{'; '.join(listed)}; of {', '.join(side['base'].unique())} in"
        f" {', '.join(side['segment'].unique())}, {side['year'].min()}-{side['year'].max()};"
        f" areas {where or codes}"
    )


def _finding(
    said: Words, rule: str, *, rows: int = 0, severity: Any = "warning", file: str = "",
    **values: object,
) -> Finding:  # fmt: skip
    message, fix = said.tell(_LAYER, rule, **values)
    return Finding(rule, severity, _LAYER, file, rows, message, fix, values)


def _year_findings(table: pd.DataFrame, said: Words) -> list[Finding]:
    found = []
    apart = table[table["year"] != table["published_year"]]
    for (file, *_), rows in apart.groupby(["file", "year", "published_year"]):
        our, their = int(rows["year"].iloc[0]), int(rows["published_year"].iloc[0])
        about: dict[str, Any] = {"rows": len(rows), "file": str(file), "ours": our, "theirs": their}
        series = ", ".join(rows["series"].unique()[:3])
        found.append(_finding(said, "year-differs", series=series, **about))
        crossed = series_breaks(their, our, language=said.language)
        if crossed:
            what = "; ".join(f"{years} {what}" for years, what in crossed.items())
            found.append(_finding(said, "series-break", what=what, **about))
    return found


def _base_findings(joined: pd.DataFrame, said: Words) -> list[Finding]:
    if "counted" not in joined:
        return []
    other = joined[joined["counted"].notna() & (joined["counted"] != joined["base"])]
    return [
        _finding(
            said,
            "base-differs",
            theirs=said.published[f"of_{counted}"],
            ours=said.published[f"of_{base}"],
            series=", ".join(rows["series"].unique()[:4]),
            rows=len(rows),
            file=str(file),
        )
        for (file, counted, base), rows in other.groupby(["file", "counted", "base"])
    ]


def _total_findings(table: pd.DataFrame, said: Words) -> list[Finding]:
    known = table[(table["published_total"] > 0).fillna(value=False)]
    known = known.drop_duplicates(["file", "area_kind", "area_code", "segment", "base"])
    apart = known["total"] / known["published_total"].astype(float) - 1
    far = known.assign(apart=apart)[apart.abs() > TOTALS_APART]
    if far.empty:
        return []
    worst = far.loc[far["apart"].abs().sort_values(ascending=False).index[:3]]
    listed = "; ".join(
        said.fill(
            "comparison.totals_place",
            name=row["area_name"],
            segment=said.comparison[f"in_{row['segment']}"],
            ours=said.number(row["total"]),
            theirs=said.number(row["published_total"]),
            base=said.published[f"of_{row['base']}"],
        )
        for row in worst.to_dict("records")
    )
    limit = said.percent(TOTALS_APART, 0)
    return [_finding(said, "totals-differ", limit=limit, places=listed, rows=len(far))]


def _missing_findings(
    ours: pd.DataFrame, theirs: pd.DataFrame, joined: pd.DataFrame, said: Words
) -> list[Finding]:
    """Say which of our municipalities the published series that we have leave out."""
    found = []
    towns = ours[ours["area_kind"] == "municipality"]
    for (file, series), rows in joined.groupby(["file", "series"], sort=False):
        same = rows[_SAME].drop_duplicates()
        expected = towns.merge(same, on=_SAME)["area_code"].unique()
        lost = sorted(set(expected) - set(rows["area_code"]))
        if lost and (rows["area_kind"] == "municipality").any():
            names = towns.drop_duplicates("area_code").set_index("area_code")["area_name"]
            listed = ", ".join(names[lost].head(5))
            found.append(
                _finding(said, "not-published", series=series, places=listed, rows=len(lost),
                         severity="info", file=str(file))
            )  # fmt: skip
    compared = set(zip(joined["file"], joined["series"], strict=True))
    unused = sorted(
        {series for file, series in zip(theirs["file"], theirs["series"], strict=True)
         if (file, series) not in compared}
    )  # fmt: skip
    if unused:
        series = "; ".join(unused[:6])
        found.append(
            _finding(said, "not-compared", series=series, rows=len(unused), severity="info")
        )
    return found


def _provenance_findings(table: pd.DataFrame, said: Words) -> list[Finding]:
    if "provenance" not in table or (table["provenance"] == "real").all():
        return []
    kinds = sorted(set(table["provenance"]) - {"real"})
    marks = said.join([said.provenance[kind] for kind in kinds])
    return [_finding(said, "not-real", marks=marks, rows=len(table))]
