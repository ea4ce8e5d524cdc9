"""Kolada's answers (API v2 and v3) as published figures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from bredband_gis.errors import BadValueError, EmptyLayerError, UnreadableSourceError
from bredband_gis.quality import Finding

from bredband.figures import Kind, as_published, describe, fold
from bredband.tables import BUILT_UP, RURAL, TOTAL
from bredband.text import words

if TYPE_CHECKING:
    from pathlib import Path

    from bredband.text import Words

LAYER: Final = "published"

INHABITANTS_UNTIL: Final = 2014
INHABITANTS_FROM: Final = 2021
"""Kolada's shares are of inhabitants through 2014 and again from 2021, of households between
(F, Kolada's description as quoted in Region Uppsala's report)."""


@dataclass(frozen=True)
class Kpi:
    """A key figure of Kolada.

    Attributes
    ----------
    kind : Kind
        What it measures.
    segment : str
        total, tätbyggt or glesbygd.
    mark : str
        How sure that is: F found, I inferred.
    """

    kind: Kind
    segment: str
    mark: str


KPIS: Final = {
    "N07900": Kpi(Kind("connected", None, 100), TOTAL, "F"),
    "N07918": Kpi(Kind("passed", None, 1000), TOTAL, "F"),
    "N07919": Kpi(Kind("passed", None, 1000), BUILT_UP, "I"),
    "N07920": Kpi(Kind("passed", None, 1000), RURAL, "I"),
}
"""N07900: access to 100 Mbit/s, connected or at once to be connected; N07918: access to or
possibility of 1 Gbit/s, absolute vicinity of fibre included. That N07919 and N07920 are the
same in built-up and rural areas, in this order, is inferred; a title in the file decides.
That Kolada's tätbebyggt is PTS's tätbyggt is inferred too."""


def read_kolada(path: Path, *, language: str = "sv") -> tuple[pd.DataFrame, list[Finding]]:
    """Read Kolada's data as published figures: one answer, or a folder of pages.

    Parameters
    ----------
    path : Path
        A JSON file, or a folder of them as ``bredband fetch kolada`` writes it.
    language : {"sv", "en"}, optional
        Language of the definitions and findings.

    Returns
    -------
    table : DataFrame
        ``tables.PUBLISHED``.
    findings : list of Finding
        What was left out, and pages that are missing.

    Raises
    ------
    UnreadableSourceError
        A file is cut off, no JSON, or no answer of Kolada's.
    EmptyLayerError
        No figure of a known KPI.
    BadValueError
        A value is no percentage.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    files = [file for file in files if not file.name.endswith(".source.json")]
    if not files:
        msg = "the folder holds no JSON file"
        raise EmptyLayerError(msg, where=path.name, fix="fetch it: bredband fetch kolada")
    pages = [_page(file) for file in files]
    findings = _missing_pages(path, pages, words(language, plain=True))
    listed = [{**row, "file": file} for file, page in zip(files, pages, strict=True)
              for row in page["rows"]]  # fmt: skip
    if not listed:
        msg = "there is no data in it: no rows with kpi, municipality, period and values"
        raise EmptyLayerError(
            msg, where=path.name, fix="fetch the data of the KPIs, not their list"
        )
    frame = pd.DataFrame(listed)
    frame["file"] = frame["file"].map(lambda file: file.name).astype("str")
    titles = {key: text for page in pages for key, text in page["titles"].items()}
    names = {key: text for page in pages for key, text in page["names"].items()}
    frame["name"] = frame["municipality"].map(names).astype("str")
    table, found = _figures(frame, path, titles, language)
    return table, findings + found


def _page(file: Path) -> dict[str, Any]:
    """Read one page: its rows, one per value, and whether another follows it."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        msg = f"the file is not UTF-8 (byte {error.start})"
        raise UnreadableSourceError(msg, where=file.name, fix="fetch it again") from None
    except json.JSONDecodeError as error:
        msg = f"the file is cut off or no JSON ({error.msg}, line {error.lineno})"
        raise UnreadableSourceError(msg, where=file.name, fix="fetch it again") from None
    answers = content.get("values", content.get("results")) if isinstance(content, dict) else None
    if not isinstance(answers, list):
        kind = f"with {', '.join(list(content)[:6])}" if isinstance(content, dict) else "a list"
        msg = f"it is JSON {kind}, not an answer of Kolada's with values"
        raise UnreadableSourceError(msg, where=file.name, fix="give the answer of /data/kpi/…")
    rows = []
    for answer in answers:
        if not isinstance(answer, dict) or not {"kpi", "municipality", "period"} <= set(answer):
            continue  # the list of KPIs or municipalities, or figures of single schools
        rows += [
            {
                "kpi": str(answer["kpi"]).strip(),
                "municipality": str(answer["municipality"]).strip(),
                "period": answer["period"],
                "gender": value.get("gender") or "T",
                "value": value.get("value"),
            }
            for value in answer.get("values") or []
            if isinstance(value, dict) and not value.get("isdeleted")
        ]
    follows = content.get("next_url") or content.get("next_page") or content.get("next")
    kpi = content.get("kpi")  # added by bredband fetch kolada, as are the names
    about = kpi if isinstance(kpi, dict) else {}
    listed = content.get("municipalities")
    places = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {
        "rows": rows,
        "follows": follows,
        "count": content.get("count"),
        "found": len(answers),
        "titles": {str(about["id"]): str(about.get("title") or "")} if "id" in about else {},
        "names": {str(one.get("id")): str(one.get("title")) for one in places if one.get("title")},
    }


def _missing_pages(path: Path, pages: list[dict[str, Any]], said: Words) -> list[Finding]:
    """Say so when every page names another that follows, or a page is shorter than it says."""
    found = []
    if all(page["follows"] for page in pages):
        message, fix = said.tell(LAYER, "kolada-page-missing", pages=len(pages))
        found.append(Finding("kolada-page-missing", "warning", LAYER, path.name, 0, message, fix))
    short = [p for p in pages if isinstance(p["count"], int) and p["found"] < p["count"]]
    if len(pages) == 1 and short and not short[0]["follows"]:
        has = short[0]["found"]
        message, fix = said.tell(LAYER, "kolada-page-short", said=short[0]["count"], found=has)
        found.append(Finding("kolada-page-short", "warning", LAYER, path.name, has, message, fix))
    return found


def _figures(
    frame: pd.DataFrame, path: Path, titles: dict[str, str], language: str
) -> tuple[pd.DataFrame, list[Finding]]:
    findings = []
    said = words(language, plain=True)

    def leave_out(mask: pd.Series[bool], rule: str, column: str) -> None:
        if mask.any():
            listed = ", ".join(sorted(frame[column][mask].astype("str").unique())[:5])
            message, _ = said.tell(LAYER, rule, listed=listed)
            findings.append(Finding(rule, "info", LAYER, path.name, int(mask.sum()), message))

    frame = frame[frame["gender"] == "T"].reset_index(drop=True)
    known = frame["kpi"].isin(list(KPIS))
    leave_out(~known, "kolada-kpi-unknown", "kpi")
    place = frame["municipality"].str.fullmatch(r"\d{4}")
    leave_out(known & ~place, "kolada-area-unknown", "municipality")
    value = pd.to_numeric(frame["value"], errors="coerce")
    empty = frame["value"].isna()
    leave_out(known & place & empty, "kolada-no-value", "municipality")
    bad = known & place & ~empty & ~value.between(0, 100)
    if bad.any():
        row = frame[bad].iloc[0]
        msg = (
            f"{int(bad.sum())} values are no percentage, e.g. {row['value']!r} of {row['kpi']},"
            f" {row['municipality']}, {row['period']}"
        )
        raise BadValueError(msg, where=str(row["file"]), fix="fetch it again")
    year = pd.to_numeric(frame["period"], errors="coerce")
    keep = known & place & ~empty & year.notna()
    if not keep.any():
        msg = f"no figure of {', '.join(KPIS)}; found: {', '.join(sorted(set(frame['kpi'])))[:200]}"
        raise EmptyLayerError(msg, where=path.name, fix="fetch it: bredband fetch kolada")
    frame = frame[keep].assign(share=value[keep] / 100, year=year[keep].astype("int64"))
    # The same page fetched twice is no second figure.
    frame = frame.drop_duplicates(["kpi", "municipality", "year", "share"])
    parts = [
        _of_kpi(str(kpi), rows, titles.get(str(kpi), ""), language)
        for kpi, rows in frame.groupby("kpi")
    ]
    return as_published(parts), findings


def _of_kpi(kpi: str, rows: pd.DataFrame, title: str, language: str) -> pd.DataFrame:
    about, segment, added = KPIS[kpi], KPIS[kpi].segment, ""
    if title:
        added = f" ({title})"
        folded = fold(title)
        if "glesbebygg" in folded:
            segment = RURAL
        elif "tätbebygg" in folded:
            segment = BUILT_UP
    elif about.mark != "F":
        added = " " + words(language).published.inferred
    code = rows["municipality"]
    county = code.str.startswith("00") & (code != "0000")
    people = (rows["year"] <= INHABITANTS_UNTIL) | (rows["year"] >= INHABITANTS_FROM)
    counted = pd.Series(np.where(people, "inhabitants", "households"), rows.index)
    said = {
        what: describe(about.kind, who=f"Kolada {kpi}", base="households", language=language,
                       counted=what) + added
        for what in ("households", "inhabitants")
    }  # fmt: skip
    return pd.DataFrame(
        {
            "file": rows["file"],
            "series": kpi,
            "definition": counted.map(said),
            "area_kind": np.select([code == "0000", county], ["country", "county"], "municipality"),
            "area_code": np.select([code == "0000", county], ["00", code.str[2:]], code),
            "area_name": rows["name"],
            "segment": segment,
            "base": "households",
            "measure": about.kind.measure,
            "speed_mbit": about.kind.speed_mbit,
            "year": rows["year"],
            "share": rows["share"],
            "bound": "=",
            "counted": counted,
        }
    )
