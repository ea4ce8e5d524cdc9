"""Each layer as it is read: kept for the rules, less the rows that later steps would refuse.

A run stops at a negative number of households; the check takes the row out, says so,
and goes on to find what is wrong with the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from bredband_gis.errors import GeodataError
from bredband_gis.tabular import parse_numbers

from bredband.check_context import Found, ReadFile
from bredband.technologies import MAX_SPEED_MBIT, normalise_technology

if TYPE_CHECKING:
    from bredband_gis.quality import Finding
    from bredband_gis.sources import Layer
    from numpy.typing import NDArray

    from bredband.region import SourceSettings

    Bools = NDArray[np.bool_]

_COUNTS = {
    "premises": ("households", "workplaces", "holiday_homes"),
    "totals": ("households",),
}
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
REASONS = {
    "negative-count": "a count of it is negative",
    "missing-count": "a count of it is missing",
    "fraction-of-count": "a count of it is no whole number",
    "unknown-technology": "its technology is unknown",
    "impossible-speed": "its speed is impossible",
    "impossible-year": "its year is impossible",
    "duplicate-ids": "its premises_id stands in an earlier file",
}
"""Rule -> why its rows are set aside."""


@dataclass
class Screen:
    """Looks at each layer on its way from the reader.

    Attributes
    ----------
    read : list of ReadFile
        What was read, without the rows taken out.
    found : list of Found
        What was wrong with the rows taken out, and which rows the reader's findings are about.
    """

    read: list[ReadFile] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def __call__(self, name: str, source: SourceSettings, layer: Layer) -> Layer:
        """Take out rows that later steps would refuse; note them, and the layer."""
        self._keep_findings(layer.findings, layer.offenders)
        sieve = _Sieve(name, source.path.name, layer)
        if name in _COUNTS:
            _sieve_counts(sieve, _COUNTS[name])
        if name == "premises" and "premises_id" in layer.frame:
            ids = layer.frame["premises_id"]
            known = ids.isin(self.ids).to_numpy()
            sieve.take("duplicate-ids", known, value=ids)
            self.ids.update(ids[~known])
        if name in {"coverage", "plans", "connected"}:
            _sieve_technology(sieve)
            _sieve_speeds(sieve)
        if name == "plans":
            _sieve_years(sieve)
        self.found += sieve.found
        layer = sieve.finish()
        self.read.append(ReadFile(name, source.path.name, source, layer.frame, layer.facts))
        # The reader's own findings come back with their rows, above.
        return replace(layer, findings=())

    def _keep_findings(self, findings: tuple[Finding, ...], offenders: pd.DataFrame) -> None:
        for finding in findings:
            at = offenders[offenders["rule"] == finding.rule] if len(offenders) else None
            several = sum(one.rule == finding.rule for one in findings) > 1
            if at is not None and several and finding.rule == "bad-value":
                # One finding per column, and a row of either names its column.
                column = finding.message.split()[1]
                at = at[at["message"].str.startswith(f"column {column}:")]
            self.found.append(
                Found(
                    finding.rule,
                    finding.layer,
                    finding.file,
                    finding.rows,
                    details=finding.details,
                    at=at if at is not None and len(at) else None,
                    severity=finding.severity,
                    said=finding.message,
                    advice=finding.fix,
                )
            )


@dataclass
class _Sieve:
    """Takes rows out of a layer, each for its first fault."""

    name: str
    file: str
    layer: Layer
    found: list[Found] = field(default_factory=list)
    reason: NDArray[np.object_] = field(init=False)

    def __post_init__(self) -> None:
        self.reason = np.full(len(self.layer.frame), None, dtype=object)

    def take(self, rule: str, rows: Bools, *, value: pd.Series[Any], column: str = "") -> None:
        """Take rows out for breaking a rule; ``value`` is what stands in them."""
        if not rows.any():
            return
        frame = self.layer.frame[rows]
        shown = value[rows].astype("str").fillna("").to_numpy()
        at = pd.DataFrame(
            {
                "row": frame.index.to_numpy(),
                "id": frame[self.id_column].to_numpy() if self.id_column in frame else None,
                "geometry": shapes_of(frame),
                "value": shown,
                "column": column,
            }
        )
        details = {"column": column, "n": int(rows.sum()), "examples": _examples(shown)}
        self.found.append(Found(rule, self.name, self.file, int(rows.sum()), details, at))
        fresh = rows & pd.isna(self.reason)
        self.reason[fresh] = REASONS[rule]

    @property
    def id_column(self) -> str:
        return "municipality_code" if self.name == "totals" else "premises_id"

    def finish(self) -> Layer:
        """Give the layer without the rows taken out, which are among those set aside."""
        out = ~pd.isna(self.reason)
        if not out.any():
            return self.layer
        layer = self.layer
        frame = layer.frame[out]
        aside = pd.DataFrame(
            {
                "layer": self.name,
                "file": self.file,
                "row": frame.index.to_numpy(dtype=np.int64),
                "id": frame[self.id_column].to_numpy() if self.id_column in frame else None,
                "reason": self.reason[out],
            }
        ).astype({"layer": "str", "file": "str", "id": "str", "reason": "str"})
        number = int(out.sum())
        facts = {
            **layer.facts,
            "rows_out": int(layer.facts["rows_out"]) - number,  # type: ignore[call-overload]
            "rows_set_aside": int(layer.facts["rows_set_aside"]) + number,  # type: ignore[call-overload]
        }
        return replace(
            layer,
            frame=layer.frame[~out],
            set_aside=pd.concat([layer.set_aside, aside], ignore_index=True),
            facts=facts,
        )


def shapes_of(frame: pd.DataFrame) -> NDArray[np.object_]:
    """Give a frame's geometry as an array; None where it has none."""
    if isinstance(frame, gpd.GeoDataFrame):
        return np.asarray(frame.geometry.array, dtype=object)
    return np.full(len(frame), None, dtype=object)


def _examples(values: NDArray[Any]) -> list[str]:
    return [str(value) for value in pd.unique(pd.Series(values))[:3]]


def _sieve_counts(sieve: _Sieve, columns: tuple[str, ...]) -> None:
    frame = sieve.layer.frame
    for name in columns:
        if name not in frame:
            continue
        given = frame[name]
        number = pd.to_numeric(given, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        sieve.take("missing-count", ~np.isfinite(number), value=given, column=name)
        sieve.take("negative-count", number < 0, value=given, column=name)
        whole = ~np.isfinite(number) | (number == np.floor(number))
        sieve.take("fraction-of-count", ~whole & (number >= 0), value=given, column=name)


def _sieve_technology(sieve: _Sieve) -> None:
    frame = sieve.layer.frame
    if "technology" not in frame:
        return
    codes, given = pd.factorize(frame["technology"])
    known = [_is_known(word) for word in given]
    unknown = ~np.array([*known, True])[codes]  # -1, empty, takes the last
    if "speed_mbit" in frame and sieve.name == "coverage":
        speed = parse_numbers(frame["speed_mbit"]).values
        unknown |= (codes < 0) & (speed > 0)
    sieve.take("unknown-technology", unknown, value=frame["technology"], column="technology")


def _is_known(word: Any) -> bool:
    try:
        normalise_technology(pd.Series([word], dtype="str"), where="")
    except GeodataError:
        return False
    return True


def _sieve_speeds(sieve: _Sieve) -> None:
    frame = sieve.layer.frame
    for name in ("speed_mbit", "upload_mbit"):
        if name not in frame:
            continue
        speed = parse_numbers(frame[name]).values
        wrong = (speed < 0) | (speed > MAX_SPEED_MBIT)
        if name == "speed_mbit" and sieve.name == "coverage":
            wrong |= np.isnan(speed)
        sieve.take("impossible-speed", wrong, value=frame[name], column=name)


def _sieve_years(sieve: _Sieve) -> None:
    frame = sieve.layer.frame
    if "year" not in frame:
        return
    number = parse_numbers(frame["year"]).values
    given = frame["year"].notna().to_numpy()
    fits = (number >= _FIRST_YEAR) & (number <= _LAST_YEAR) & (number == np.floor(number))
    sieve.take("impossible-year", given & ~fits, value=frame["year"], column="year")
