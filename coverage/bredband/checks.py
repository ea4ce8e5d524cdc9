"""The data quality check: every rule run on a region's files, every offender listed.

    >>> report = check_region(Region.read("data_raw/norrbotten"))
    >>> report.errors, report.warnings
    >>> report.offenders[report.offenders["rule"] == "far-from-road"]

A rule is a function from what was read (:class:`bredband.check_context.Context`) to
what it found; its words, and those of what the readers find, stand in the registry
(:mod:`bredband.check_registry`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
from bredband_gis.errors import GeodataError, rule_of
from bredband_gis.quality import Finding

from bredband import check_figures, check_places
from bredband.check_context import MEASURES, Context, Found, Limits
from bredband.check_registry import RULES, SEVERITIES, describe_rules, rule_texts
from bredband.check_screen import REASONS, Screen
from bredband.inputs import Survey, survey_inputs
from bredband.progress import Steps
from bredband.reading import NO_BUILDING
from bredband.tables import OFFENDERS, SET_ASIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bredband.check_registry import RuleTexts
    from bredband.region import Region

__all__ = ["RULES", "Limits", "Report", "check_region", "count_rows", "describe_rules"]

CHECKS: Final[tuple[Callable[[Context], Iterator[Found]], ...]] = (
    check_figures.encodings,
    check_figures.empty_names,
    check_places.municipality_overlaps,
    check_places.municipality_gaps,
    check_places.outside_municipalities,
    check_figures.municipality_codes,
    check_places.duplicate_points,
    check_places.far_from_road,
    check_figures.crowded_buildings,
    check_figures.household_sums,
    check_places.disconnected_roads,
    check_places.overlapping_localities,
    check_places.fibre_off_road,
    check_figures.coverage_matches,
    check_figures.other_matches,
    check_places.connected_matches,
    check_figures.speeds,
    check_figures.speed_units,
    check_figures.duplicate_coverage,
    check_places.small_cells,
    check_places.fine_publication,
    check_figures.overdue_plans,
    check_figures.plans_of_connected,
    check_figures.accepted_offers,
    check_figures.years,
)
"""Every rule's function; the other rules are the readers' own."""

_SUPERSEDED: Final = {
    "municipality-code", "coverage-without-building", "building-without-coverage", "set-aside",
    "outside-border", "row-without-building", "connected-without-building",
    "more-offered-than-live-there",
}  # fmt: skip
"""Findings of the readers that are made anew here, with their rows."""

_HOLDS_NOTHING: Final = "holds no"
_NAMED_BY_READER: Final = (
    r"^(?:its \w+ stands on an earlier row|column .* is no number|it has no \w+_(?:id|code))$"
)
"""Reasons for setting rows aside that have a finding of their own."""


@dataclass(frozen=True, eq=False)
class Report:
    """What the check found.

    Attributes
    ----------
    region : Region
        What was checked.
    language : str
        Of the messages.
    findings : tuple of Finding
        The gravest first, then by rule.
    offenders : GeoDataFrame
        ``tables.OFFENDERS`` in the region's CRS, with the measures that their rules have, and
        finding: the position of theirs in ``findings``.
    counts : DataFrame
        Per file: layer, file, rows_in_file, rows_in (that fulfil `where`), used, set_aside,
        reasons, adds_up (missing for rasters).
    set_aside : DataFrame
        ``tables.SET_ASIDE``.
    places : GeoDataFrame or None
        The municipalities, to draw.
    """

    region: Region
    language: str
    findings: tuple[Finding, ...]
    offenders: gpd.GeoDataFrame
    counts: pd.DataFrame
    set_aside: pd.DataFrame
    places: gpd.GeoDataFrame | None

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return sum(finding.severity == "warning" for finding in self.findings)


def check_region(
    region: Region,
    *,
    steps: Steps | None = None,
    limits: Limits | None = None,
    language: str | None = None,
) -> Report:
    """Read a region's files and run every rule on them.

    Parameters
    ----------
    region : Region
        From :meth:`bredband.region.Region.read`.
    steps : Steps, optional
        Shows progress.
    limits : Limits, optional
        Where the rules draw their lines.
    language : {"sv", "en"}, optional
        Language of the messages; default the region's.

    Returns
    -------
    Report
        A fault in the data is in the findings; none is raised.
    """
    steps = steps or Steps()
    language = language or region.region.language
    screen = Screen()
    try:
        survey = survey_inputs(region, steps=steps, screen=screen)
    except GeodataError as error:  # of the settings, not of a file
        survey = _no_survey(error)
    context = Context(region, limits or Limits(), survey, tuple(screen.read))
    with steps.step("check"):
        counts = count_rows(survey, language=language)
        found = [*screen.found, *_from_readers(survey, region)]
        border = any(finding.rule == "outside-border" for finding in survey.findings)
        for check in (*CHECKS, *([check_places.outside_border] if border else [])):
            found += check(context)
        found += _set_aside(context)
        found += check_figures.row_sums(counts)
        # A fault of the settings is raised for each file that it concerns.
        found = list({_what(one): one for one in reversed(found)}.values())[::-1]
        texts = rule_texts(language)
        order = list(RULES)
        rank = {rule: order.index(rule) if rule in RULES else len(order) for rule in
                {one.rule for one in found}}  # fmt: skip
        found.sort(key=lambda one: (SEVERITIES.index(_severity(one)), rank[one.rule]))
        findings = tuple(_finding(one, texts) for one in found)
        return Report(
            region=region,
            language=language,
            findings=findings,
            offenders=_offenders(found, findings, texts, str(region.region.crs)),
            counts=counts,
            set_aside=survey.set_aside,
            places=None if survey.inputs is None else survey.inputs.municipalities,
        )


def _no_survey(error: GeodataError) -> Survey:
    finding = Finding(
        rule_of(error), "error", "", error.where or "region.toml", 0, error.what, error.fix or ""
    )
    return Survey(
        inputs=None,
        status=None,
        findings=(finding,),
        set_aside=pd.DataFrame({name: [] for name in SET_ASIDE.columns}, dtype="str"),
        files=[],
    )


def count_rows(survey: Survey, *, language: str = "sv") -> pd.DataFrame:
    """Count the rows of each file that came in, are used and are set aside, and compare.

    What is used is counted in the tables that the steps get, what is set aside in the
    list of such rows: both after reading, apart from what the reader itself says.

    Parameters
    ----------
    survey : Survey
        What was read.
    language : {"sv", "en"}
        Of the reasons.

    Returns
    -------
    DataFrame
        layer, file, rows_in_file, rows_in, used, set_aside (Int64), reasons, adds_up (boolean).
    """
    texts = rule_texts(language)
    files = pd.DataFrame(
        [
            {
                "layer": str(file["layer"]),
                "file": str(file["file"]),
                "rows_in_file": file.get("rows_in_file"),
                "rows_in": file.get("rows_in"),
                "rows_out": file.get("rows_out"),
                "reader_aside": file.get("rows_set_aside"),
            }
            for file in survey.files
        ],
        columns=["layer", "file", "rows_in_file", "rows_in", "rows_out", "reader_aside"],
    )
    keys = ["layer", "file"]
    numbers = ["rows_in_file", "rows_in", "rows_out", "reader_aside"]
    files[numbers] = files[numbers].astype("Int64")
    files = files.groupby(keys, sort=False)[numbers].sum(min_count=1).reset_index()
    aside = survey.set_aside
    count = aside.groupby(keys).size()
    index = pd.MultiIndex.from_frame(files[keys])
    files["set_aside"] = count.reindex(index).fillna(0).astype("Int64").to_numpy()
    reasons = aside.groupby([*keys, "reason"], sort=False).size()
    said = {
        key: "; ".join(
            f"{number} {texts.reason(str(reason))}"
            for reason, number in rows.droplevel([0, 1]).sort_values(ascending=False).items()
        )
        for key, rows in reasons.groupby(level=keys)
    }
    files["reasons"] = [said.get(key, "") for key in index]
    # What the steps after reading set aside is in the list, and not among the reader's.
    files["used"] = files["rows_out"] - (files["set_aside"] - files["reader_aside"])
    files["adds_up"] = (files["used"] + files["set_aside"] == files["rows_in"]).astype("boolean")
    # Polygons of one locality are joined: their rows are used, but are no rows of their own.
    joined = sum(int(file.get("rows_joined", 0)) for file in survey.files)
    total = _used(survey)
    if "localities" in total:
        total["localities"] += joined
    for layer, rows in files.groupby("layer"):
        if (
            layer in total
            and rows["used"].notna().all()
            and int(rows["used"].sum()) != total[str(layer)]
        ):
            # Of several files it cannot be told which one lost its rows: the last is named.
            files.loc[rows.index[-1], "used"] += total[str(layer)] - int(rows["used"].sum())
            files.loc[rows.index[-1], "adds_up"] = False
    return files[[*keys, "rows_in_file", "rows_in", "used", "set_aside", "reasons", "adds_up"]]


def _used(survey: Survey) -> dict[str, int]:
    """Count the rows of each layer that the steps get, but of layers that do not come whole."""
    inputs = survey.inputs
    if inputs is None:
        return {}
    total = {
        name: len(table)
        for name in ("municipalities", "premises", "roads", "localities", "fibre", "connected",
                     "offers", "deso")
        if (table := getattr(inputs, name, None)) is not None
    }  # fmt: skip
    for name, tables in (
        ("coverage", (inputs.coverage, inputs.coverage_areas)),
        ("plans", (inputs.plans, inputs.plan_areas)),
    ):
        raster = any(file["layer"] == name and file.get("rows_in") is None for file in survey.files)
        if not raster and any(table is not None for table in tables):
            total[name] = sum(len(table) for table in tables if table is not None)
    return total


# --- what the readers found ----------------------------------------------------------


def _from_readers(survey: Survey, region: Region) -> Iterator[Found]:
    """Give the readers' findings that no rule here makes anew."""
    for finding in survey.findings:
        if finding.rule in _SUPERSEDED:
            continue
        layer, file = finding.layer, finding.file
        rows = finding.rows
        if not layer:
            layer, file, rows = _place(finding.file, region)
        yield Found(
            finding.rule,
            layer,
            file,
            rows,
            details=finding.details,
            severity=finding.severity,
            said=finding.message,
            advice=finding.fix,
        )


def _place(where: str, region: Region) -> tuple[str, str, int]:
    """Read layer, file and number of rows out of an error's "file, layer x, 3 of 9 rows"."""
    layer = match[1] if (match := re.search(r"\blayer (\w+)", where)) else ""
    rows = int(match[1]) if (match := re.search(r"\b(\d+) of \d+ rows", where)) else 0
    start = where.partition(",")[0]
    first = PurePath(start).name
    sources = [(name, source.path.name) for name, source in region.sources.items()]
    names = {file: name for name, file in sources}
    if first in names:
        return layer or names[first], first, rows
    # The steps after reading name the layer only, some of them with words after it.
    if not layer:
        layer = next((name for name, _ in sources if start.partition(" ")[0] == name), "")
    of_layer = {file for name, file in sources if name == layer}
    return layer, of_layer.pop() if len(of_layer) == 1 else "", rows


def _set_aside(context: Context) -> Iterator[Found]:
    """Give the rows that are not used, per file and reason, but those that a rule names."""
    aside = context.survey.set_aside
    named = aside["reason"].isin((check_places.OUTSIDE, NO_BUILDING, *REASONS.values()))
    named |= aside["reason"].str.contains(_NAMED_BY_READER)
    aside = aside[~named]
    # Reasons that differ in their numbers only are one finding.
    kind = aside["reason"].str.replace(r"\d+", "N", regex=True)
    for (layer, file, _), rows in aside.groupby(["layer", "file", kind], sort=False):
        reason = str(rows["reason"].iloc[0])
        plain = reason.startswith(_HOLDS_NOTHING) or "no municipality of the region" in reason
        at = pd.DataFrame(
            {
                "row": rows["row"].to_numpy(),
                "id": rows["id"].to_numpy(),
                "geometry": None,
                "reason": reason,
            }
        )
        yield Found(
            "left-out" if plain else "set-aside",
            str(layer),
            str(file),
            len(rows),
            {"n": len(rows), "reason": reason},
            at,
        )


# --- words and offenders --------------------------------------------------------------


def _what(found: Found) -> Any:
    """Tell what a finding says, for those that say the same."""
    return found.rule, found.layer, found.file, found.said or id(found)


def _severity(found: Found) -> Any:
    if found.severity is not None:
        return found.severity
    return RULES[found.rule].severity


def _finding(found: Found, texts: RuleTexts) -> Finding:
    details = {**found.details, "detail": texts.reason(found.said)}
    if "reason" in details:
        details["reason"] = texts.reason(str(details["reason"]))
    if "first" in details:
        details["first"] = texts.place(str(details["first"]))
    message = texts.fill(found.rule, "found", details) or str(details["detail"])
    fix = texts.advice(found.rule, found.advice)
    return Finding(
        rule=found.rule,
        severity=_severity(found),
        layer=found.layer,
        file=found.file,
        rows=found.rows,
        message=message,
        fix=fix,
        details=found.details,
    )


def _offenders(
    found: Iterable[Found], findings: Iterable[Finding], texts: RuleTexts, crs: str
) -> gpd.GeoDataFrame:
    """Put the offenders of all rules into one table."""
    parts = []
    for number, (one, finding) in enumerate(zip(found, findings, strict=True)):
        if one.at is None or not len(one.at):
            continue
        at = one.at
        if "reason" in at:
            at = at.assign(reason=texts.reason(str(at["reason"].iloc[0])))
        own = texts.get(one.rule, "row")
        if "message" in at:
            words_ = at["message"].astype("str")
            at = at.assign(message=words_.map({one: texts.reason(one) for one in words_.unique()}))
        said = at["message"] if "message" in at and not own else None
        parts.append(
            pd.DataFrame(
                {
                    "finding": number,
                    "rule": one.rule,
                    "severity": finding.severity,
                    "layer": one.layer,
                    "file": at["file"].to_numpy() if "file" in at else one.file,
                    "row": at["row"].astype("Int64").array,
                    "id": at["id"].to_numpy(dtype=object) if "id" in at else None,
                    "message": texts.each(one.rule, at) if said is None else said.to_numpy(),
                    **{name: at[name].to_numpy() for name in MEASURES if name in at},
                    "geometry": at["geometry"].to_numpy(dtype=object) if "geometry" in at else None,
                }
            )
        )
    columns = ["finding", *OFFENDERS.columns, *MEASURES, "geometry"]
    if parts:
        # Columns that a rule has not are all missing: filled in before they are joined.
        table = pd.concat([_widen(part, columns) for part in parts], ignore_index=True)
    else:
        table = _widen(pd.DataFrame(columns=["rule"]), columns)
    text = ["rule", "severity", "layer", "file", "id", "message"]
    table[text] = table[text].astype("str")
    table["file"] = table["file"].where(table["file"] != "")
    table["finding"] = table["finding"].astype("int64")
    return gpd.GeoDataFrame(table, geometry="geometry", crs=crs)


def _widen(part: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    n = len(part)
    wide = {}
    for name in columns:
        if name in MEASURES:
            values = part[name] if name in part else np.full(n, np.nan)
            wide[name] = np.asarray(values, dtype=float)
        elif name == "row":
            wide[name] = part.get(name, pd.Series(dtype="Int64")).array
        else:
            wide[name] = np.asarray(part[name] if name in part else np.full(n, None), dtype=object)
    return pd.DataFrame(wide)
