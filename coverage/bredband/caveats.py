"""What makes two results hard to compare: said before any figure is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bredband_gis.quality import Finding

from bredband.standing import series_breaks
from bredband.tables import BASES, TOTAL
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from bredband.change import Matched
    from bredband.text import Words

MOVED: Final = 0.02
"""A total that moved by more than this share of itself is warned of; no published source (U).
Gällivare's households moved by 16 % when PTS changed its base in 2021."""

SAME_IDS: Final = 0.5
"""Where a smaller share of the ids than this are found again, they have been rewritten (U)."""

NO_SHARE: Final = {"search_m"}
"""Definitions that no share depends on."""


@dataclass(frozen=True)
class Facts:
    """What two results must have in common to be compared.

    Attributes
    ----------
    name : str
        What to call the result, e.g. its folder.
    year : int
        Year that the coverage refers to.
    region : str
        Code of the region.
    provenance : str
        real, derived or synthetic: of the least certain layer.
    definitions : dict
        [definitions] of region.toml, and what else a figure rests on; what one of the two
        does not hold is not compared.
    """

    name: str
    year: int
    region: str
    provenance: str
    definitions: Mapping[str, Any]


def change_warnings(
    before: Facts,
    after: Facts,
    *,
    change: pd.DataFrame | None = None,
    matched: Matched | None = None,
    language: str = "sv",
) -> list[Finding]:
    """Say what makes two results hard to compare.

    Parameters
    ----------
    before, after : Facts
        The earlier and the later result.
    change : DataFrame, optional
        tables.CHANGE, for totals that moved.
    matched : Matched, optional
        From :func:`match_premises`, for ids that were rewritten.
    language : {"sv", "en"}
        Language of the messages.

    Returns
    -------
    list of Finding
        Breaks of the published series between the years, the order of the years, other
        definitions, provenance or region, totals that moved by more than ``MOVED``, ids that
        are not found again. Empty where nothing stands in the way.
    """
    said = words(language, plain=True)
    found: list[Finding] = []

    def warn(rule: str, severity: Any = "warning", rows: int = 0, **values: object) -> None:
        key = rule.replace("-", "_")
        fix = said.change.get(f"{key}_fix", "")
        message = said.fill(f"change.{key}", **values)
        found.append(Finding(rule, severity, "change", "", rows, message, fix))

    if before.region != after.region:
        warn("other-region", before=before.region, after=after.region)
    if after.year < before.year:
        warn("years-reversed", before=before.year, after=after.year)
    elif after.year == before.year:
        warn("same-year", "info", year=after.year)
    for years, what in series_breaks(before.year, after.year, language=language).items():
        warn("series-break", years=years, what=what)
    for name in sorted((set(before.definitions) & set(after.definitions)) - NO_SHARE):
        one, two = before.definitions[name], after.definitions[name]
        if one != two:
            warn("other-definition", name=name, before=_plain(one, said), after=_plain(two, said))
    if before.provenance != after.provenance:
        one, two = (said.provenance[facts.provenance] for facts in (before, after))
        warn("other-provenance", before=one, after=two)
    elif after.provenance == "synthetic":
        warn("both-synthetic")
    if change is not None and len(change):
        _warn_of_totals(change, warn, said)
    if matched is not None and matched.share < SAME_IDS:
        share = said.percent(matched.share)
        warn("ids-rewritten", rows=len(matched.new) + len(matched.gone), share=share)
    return found


def _warn_of_totals(change: pd.DataFrame, warn: Any, said: Words) -> None:
    """Say whose households or workplaces moved."""
    first = change[(change["segment"] == TOTAL) & (change["measure"] == "connected")]
    first = first.drop_duplicates(["area_kind", "area_code", "base"])
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = (first["total_after"] / first["total_before"] - 1).to_numpy()
    for base in BASES:
        of_base = (first["base"] == base).to_numpy()
        whole = of_base & (first["area_kind"] == "region").to_numpy()
        places = of_base & (first["area_kind"] == "municipality").to_numpy()
        far = first[places & (np.abs(moved) > MOVED)]
        row = first[whole]
        if row.empty or (far.empty and not (np.abs(moved[whole]) > MOVED).any()):
            continue
        names = [str(name) for name in far["area_name"]]
        more = [said.fill("change.more", n=len(names) - 5)] if len(names) > 5 else []
        warn(
            "other-totals",
            rows=len(far),
            base=said.base[base].casefold(),
            before=said.number(int(row["total_before"].iloc[0])),
            after=said.number(int(row["total_after"].iloc[0])),
            moved=said.percent(MOVED, 0),
            names=said.join(names[:5] + more) or said.missing,
        )


def _plain(value: object, said: Words) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return said.number(value, 0 if value % 1 == 0 else 1)
    return str(value)
