"""Whether a submission is right: as the schema says, within the quota, and true to the list.

Every rule looks at whole columns. What it finds is told per feature (GeoJSON) or line (CSV,
XLSX), in words that a planner can act on; the schema's own messages are never shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import transform_points
from bredband_gis.points import locate
from bredband_gis.tabular import is_mojibake
from scipy.spatial import cKDTree

from bredband.submission import DIGITS
from bredband.submission_read import (
    Draft,
    field_,
    missing_columns,
    near_name,
    read_draft,
    unknown_columns,
)
from bredband.submission_schema import (
    ABSENT,
    COPIED,
    ID,
    ROW,
    Breach,
    columns,
    definition,
    is_number,
    sweden,
    sweref,
    titles,
    types,
)
from bredband.submission_text import Found, Remark, Say, show, shown, submission_texts, tell
from bredband.tables_pts import BUILDING_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

    from bredband.pts_rules import PtsRules

    Mask = NDArray[np.bool_]
    Floats = NDArray[np.float64]

BORDER_M: Final = 200.0
"""As far outside its municipality's border a building may lie: the widest strip between two
municipalities that the data quality check takes for a gap (U)."""

MOVED_M: Final = 1.0
"""A point may be this far from its whole metres in SWEREF 99 TM: rounding is 0.7 m at most."""

NEAR_M: Final = 50.0
"""Within this, a building of the list may be the one that an unknown id means (U)."""

_EXAMPLES: Final = 5

_AGAINST_LIST: Final = (
    "e_3006", "n_3006", "municipality_code", "households", "workplaces", "holiday_homes",
    "kind", "eligible", "in_base",
)  # fmt: skip
"""What a planner does not change."""


@dataclass(frozen=True, eq=False)
class Against:
    """What a draft is checked against.

    Attributes
    ----------
    rules : PtsRules
        Of the year of the call.
    listed : DataFrame, optional
        The list of buildings: ``premises_id``, and any of e_3006, n_3006, municipality_code,
        households, workplaces, holiday_homes, kind, eligible, in_base.
    municipalities : GeoDataFrame, optional
        ``municipality_code``, ``municipality_name`` and polygons, any CRS.
    area_ids : set of str, optional
        The areas that exist.
    border_m, near_m : float
        As `BORDER_M` and `NEAR_M`, m.
    """

    rules: PtsRules
    listed: pd.DataFrame | None = None
    municipalities: gpd.GeoDataFrame | None = None
    area_ids: frozenset[str] | None = None
    border_m: float = BORDER_M
    near_m: float = NEAR_M


@dataclass(frozen=True, eq=False)
class Checked:
    """A submission that was checked.

    Attributes
    ----------
    file : str
        Name of the file.
    content : {"buildings", "areas"}
        What it holds.
    rows : int
        Features or lines that could be read.
    remarks : list of Remark
        What was found, the gravest first.
    marked : int
        Different buildings that are marked.
    base, allowed : int or None
        Buildings in the base of the quota, and how many of them may be marked; None where
        the base is not known.
    share : float
        Of the base, that may be marked.
    unchecked : tuple of str
        What could not be checked: list, municipalities, quota, areas.
    language : {"sv", "en"}
        Of the remarks.
    """

    file: str
    content: str
    rows: int
    remarks: list[Remark] = field(default_factory=list)
    marked: int = 0
    base: int | None = None
    allowed: int | None = None
    share: float = 0.0
    unchecked: tuple[str, ...] = ()
    language: str = "sv"

    def count(self, severity: str) -> int:
        """Count the findings of a severity."""
        return sum(one.finding.severity == severity for one in self.remarks)

    @property
    def errors(self) -> int:
        """Count the errors."""
        return self.count("error")

    def table(self) -> pd.DataFrame:
        """Give every remark as a row per feature: ``tables_submission.REMARKS``."""
        parts = []
        for one in self.remarks:
            number = max(1, len(one.places))
            said = [f"{one.finding.message} {text}".strip() for text in one.said or [""]]
            parts.append(
                pd.DataFrame(
                    {
                        "rule": [one.finding.rule] * number,
                        "severity": one.finding.severity,
                        "file": self.file,
                        "number": pd.array(
                            one.numbers if len(one.places) else [pd.NA], dtype="Int64"
                        ),
                        "id": pd.Series(one.ids or [None], dtype="str"),
                        "message": said,
                        "fix": one.finding.fix,
                    }
                )
            )
        names = ["rule", "severity", "file", "number", "id", "message", "fix"]
        if not parts:
            return pd.DataFrame(
                {name: pd.Series(dtype="Int64" if name == "number" else "str") for name in names}
            )
        text = dict.fromkeys((name for name in names if name != "number"), "str")
        return pd.concat(parts, ignore_index=True).astype(text)


def check_submission(path: Path, *, against: Against, language: str = "sv") -> Checked:
    """Check a submission: one that was written here, or one edited by hand.

    Parameters
    ----------
    path : Path
        GeoJSON, CSV or XLSX, of buildings or of areas.
    against : Against
        Rules of the year; list, municipalities and areas where they are at hand.
    language : {"sv", "en"}
        Of what is said.

    Returns
    -------
    Checked
        Nothing is raised for a bad file: what is wrong with it is a finding.
    """
    return check_draft(read_draft(path), against=against, language=language)


def check_draft(draft: Draft, *, against: Against, language: str = "sv") -> Checked:
    """Check a submission that was read.

    Parameters
    ----------
    draft : Draft
        From :func:`bredband.submission_read.read_draft`.
    against, language
        As in :func:`check_submission`.
    """
    texts = submission_texts(language)
    found = list(draft.found)
    quota = _Quota.of(draft, against)
    if len(draft):
        for rule in _RULES[draft.content]:
            found += rule(draft, against)
        if draft.content == "buildings":
            found += _check_quota(draft, against, quota)
    place = "feature" if draft.form == "geojson" else "line"
    remarks = [
        tell(one, file=draft.file, content=draft.content, place=place, texts=texts)  # type: ignore[arg-type]
        for one in found
    ]
    order = {"error": 0, "warning": 1, "info": 2}
    remarks.sort(key=lambda one: order[one.finding.severity])
    return Checked(
        file=draft.file, content=draft.content, rows=len(draft), remarks=remarks,
        marked=quota.marked, base=quota.base, allowed=quota.allowed,
        share=against.rules.quota_share,
        unchecked=_unchecked(draft, against, quota), language=language,
    )  # fmt: skip


# --- columns and values ------------------------------------------------------------------


def _about_columns(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    missing, unknown = missing_columns(draft), unknown_columns(draft)
    headings = titles(draft.content)
    for name in missing:
        yield Found("missing-column", values={
            "name": name, "title": headings[name], "near": _near(draft, name, unknown),
        })  # fmt: skip
    for name in unknown:
        yield Found("unknown-column", values={"name": name, "near": _near(draft, name, missing)})


def _near(draft: Draft, name: str, among: list[str]) -> Say:
    close = near_name(draft.content, name, among)
    return lambda texts: texts.near(close)


def _about_values(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    """Tell what the schema finds wrong with each column, in words of our own."""
    told = {breach.column: np.zeros(len(draft), dtype=bool) for breach in draft.breaches}
    gone = np.zeros(len(draft), dtype=bool)
    for breach in draft.breaches:
        name, rows = breach.column, breach.rows & ~told[breach.column]
        told[name] |= rows
        if breach.given == "marked":
            # One reason is enough for a mark that must go.
            if name in ("eligible", "in_base"):
                rows, gone = rows & ~gone, gone | rows
            yield from _about_marks(draft, name, rows)
        elif breach.given == "in_base":
            yield draft.find("base-not-eligible", rows)
        elif name not in ("e_3006", "n_3006") or breach.keyword not in ("minimum", "maximum"):
            yield from _about_breach(draft, replace(breach, rows=rows))


def _properties(draft: Draft) -> dict[str, Any]:
    about: dict[str, Any] = definition(ROW[draft.content])["properties"]
    return about


def _about_marks(draft: Draft, column: str, rows: Mask) -> Iterator[Found]:
    if column == "eligible":
        rows = rows & (draft.flag(column) == 0)
        rule = "marked-not-eligible"
    elif column == "in_base":
        rows = rows & (draft.flag(column) == 0)
        holiday = (draft.number("holiday_homes") > 0) & ~_homes(draft)
        if (rows & holiday).any():
            yield draft.find("marked-holiday-home", rows & holiday)
        rows, rule = rows & ~holiday, "marked-not-in-base"
    else:
        rows = rows & _is(draft.values(column), None)
        rule = f"missing-{column}"
    if rows.any():
        yield draft.find(rule, rows)


def _homes(draft: Draft) -> Mask:
    found: Mask = (draft.number("households") > 0) | (draft.number("workplaces") > 0)
    return found


def _is(values: NDArray[np.object_], one: object) -> Mask:
    return np.fromiter((value is one for value in values), bool, len(values))


def _about_breach(draft: Draft, breach: Breach) -> Iterator[Found]:
    """Put a breach of the schema into the rules that a planner knows."""
    name, left = breach.column, breach.rows.copy()
    about = _properties(draft)[name]
    values = draft.values(name)
    kinds = [type(one) for one in values]
    said: dict[str, Any] = {
        "column": field_(draft.content, name),
        "expected": lambda texts: texts.expect(about, name),
    }

    def take(rule: str, rows: Mask, **more: Any) -> Iterator[Found]:
        rows = rows & left
        if rows.any():
            left[rows] = False
            each = {"value": shown(values[rows])}
            each |= {key: [one(value) for value in values[rows]] for key, one in more.items()}
            yield draft.find(rule, rows, each=each, **said)

    if breach.keyword == "required":
        yield from take("missing-property", left)
        return
    yield from take("blank", _is(values, None) | _empty(values))
    if breach.keyword == "type":
        wanted = types(draft.content, name)
        is_text = np.array([kind is str for kind in kinds], dtype=bool)
        is_float = np.array([kind is float for kind in kinds], dtype=bool)
        is_figure = is_float | np.array([kind is int for kind in kinds], dtype=bool)
        if "boolean" in wanted:
            yield from take("not-yes-no", left)
        elif "string" in wanted:
            yield from take("number-for-text", is_figure)
        else:
            as_figure = np.array([type(v) is str and _is_written_number(v) for v in values], bool)
            if draft.form == "geojson":
                yield from take("text-for-number", is_text & as_figure)
            yield from take("not-a-figure", is_text)
            yield from take("fraction", is_float)
    elif breach.keyword == "minimum" and breach.expected == 0:
        yield from take("negative", left)
    elif breach.keyword == "maxLength":
        said["most"] = breach.expected
        yield from take("too-long", left, length=len)
    elif name == "municipality_code":
        short = np.array([type(v) is str and len(v) == 3 and v.isdecimal() for v in values], bool)
        yield from take("leading-zero", short, right=lambda code: show(f"0{code}"))
        yield from take("municipality-code", left)
    yield from take("wrong-value", left)


def _empty(values: NDArray[np.object_]) -> Mask:
    return np.fromiter((type(one) is str and not one.strip() for one in values), bool, len(values))


def _is_written_number(text: str) -> bool:
    try:
        float(text.replace(",", ".").replace("\N{NO-BREAK SPACE}", "").replace(" ", ""))
    except ValueError:
        return False
    return True


def _about_ids(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    ids = pd.Series(draft.ids, dtype=object)
    again = (ids.duplicated() & ids.notna()).to_numpy()
    if again.any():
        first = ids.drop_duplicates().reset_index().set_index(0)["index"]
        at = draft.numbers[first.loc[ids[again]].to_numpy()]
        place = "feature" if draft.form == "geojson" else "line"
        each = {"first": [_place(place, int(number)) for number in at]}
        yield draft.find("duplicate-id", again, each=each)
    name = ID[draft.content]
    for given in (draft.feature_ids, draft.values(COPIED)):
        # Programs that number the features write whole numbers: those say nothing.
        differs = np.array(
            [
                type(one) not in (int, float, type(None)) and one is not ABSENT
                and own is not None and one != own
                for one, own in zip(given, draft.ids, strict=True)
            ],
            dtype=bool,
        )  # fmt: skip
        if differs.any():
            yield draft.find(
                "feature-id", differs, each={"value": shown(given[differs])}, name=name
            )
            break


def _place(kind: str, number: int) -> Say:
    return lambda texts: texts.report[kind].format(n=number)


def _about_letters(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    for name in columns(draft.content):
        if "string" not in types(draft.content, name) or name not in draft.table:
            continue
        text = pd.Series(draft.text(name), dtype="str")
        broken = is_mojibake(text.fillna(""))
        if broken.any():
            each = {"value": shown(text[broken]), "column": [name] * int(broken.sum())}
            yield draft.find("mojibake", broken, each=each)


def _about_facts(draft: Draft, against: Against) -> Iterator[Found]:
    year = draft.facts.get("year")
    about = definition("collection")["properties"]["year"]
    known = is_number(year) and about["minimum"] <= year <= about["maximum"]
    if known and year != against.rules.year:
        values = {"stated_year": str(year), "year": str(against.rules.year)}
        yield Found("wrong-year", values=values)
    if draft.facts.get("provenance") == "synthetic":
        yield Found("synthetic")


# --- places ------------------------------------------------------------------------------


def _in_box(x: Floats, y: Floats, box: Any) -> Mask:
    (west, east), (south, north) = box
    inside: Mask = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return inside


def _misplaced(draft: Draft, x: Floats, y: Floats, rows: NDArray[np.int64]) -> Iterator[Found]:
    """Say why points in degrees do not lie in Sweden; ``rows`` are theirs in the draft."""
    left = ~_in_box(x, y, sweden())
    one, other = (lambda texts: _axes(texts)[0]), (lambda texts: _axes(texts)[1])
    for rule, mask, values in (
        ("zero-coordinates", (x == 0) & (y == 0), {}),
        ("swapped-axes", _in_box(y, x, sweden()), {"one": one, "other": other}),
        ("metres-in-geojson", (np.abs(x) > 180) | (np.abs(y) > 90), {}),
        ("outside-sweden", left, {}),
    ):
        hit = mask & left
        if hit.any():
            left = left & ~hit
            each = {"value": _pairs(x[hit], y[hit])}
            yield draft.find(rule, rows[hit], each=each, **values)


def _axes(texts: Any) -> tuple[str, str]:
    return ("longitud", "latitud") if texts.language == "sv" else ("longitude", "latitude")


def _pairs(x: Floats, y: Floats) -> list[str]:
    return [f"[{a:.10g}, {b:.10g}]" for a, b in zip(x.tolist(), y.tolist(), strict=True)]


def _about_points(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    there = np.flatnonzero(np.isfinite(draft.lon) & np.isfinite(draft.lat))
    lon, lat = draft.lon[there], draft.lat[there]
    yield from _misplaced(draft, lon, lat, there)
    fine = _too_fine(lon) | _too_fine(lat)
    if fine.any():
        values = [show([a, b]) for a, b in zip(lon[fine].tolist(), lat[fine].tolist(), strict=True)]
        yield draft.find("too-many-decimals", there[fine], each={"value": values})
    yield from _about_sweref(draft)
    inside = _in_box(lon, lat, sweden())
    e, n = draft.number("e_3006")[there], draft.number("n_3006")[there]
    both = inside & _in_box(e, n, sweref())
    x, y = transform_points(lon[both], lat[both], 4326, 3006)
    away = np.hypot(x - e[both], y - n[both])
    far = away > MOVED_M
    if far.any():
        at = there[np.flatnonzero(both)[far]]
        yield draft.find("moved-point", at, each={"far_m": away[far].tolist()})


def _too_fine(degrees: Floats) -> Mask:
    found: Mask = np.abs(degrees - np.round(degrees, DIGITS)) > 10.0 ** -(DIGITS + 3)
    return found


def _about_sweref(draft: Draft) -> Iterator[Found]:
    """Say why eastings and northings do not lie in Sweden."""
    e, n = draft.number("e_3006"), draft.number("n_3006")
    left = np.isfinite(e) & np.isfinite(n) & ~_in_box(e, n, sweref())
    for rule, mask, values in (
        ("zero-coordinates", (e == 0) & (n == 0), {}),
        ("swapped-axes", _in_box(n, e, sweref()), {"one": "e_3006", "other": "n_3006"}),
        ("degrees-in-table", (np.abs(e) <= 180) & (np.abs(n) <= 90), {}),
        ("outside-sweden", left, {}),
    ):
        hit = mask & left
        if hit.any():
            left = left & ~hit
            yield draft.find(rule, hit, each={"value": _pairs(e[hit], n[hit])}, **values)


def _about_municipalities(draft: Draft, against: Against) -> Iterator[Found]:
    towns = against.municipalities
    if towns is None:
        return
    towns = towns.to_crs(3006)
    codes = towns["municipality_code"].to_numpy(dtype=object)
    names = towns["municipality_name"].to_numpy(dtype=object)
    index = pd.Index(codes)
    stated = draft.text("municipality_code")
    own = index.get_indexer(pd.Index(stated, dtype=object))
    proper = np.array([one is not None and len(one) == 4 and one.isdecimal() for one in stated])
    strange = (own < 0) & proper
    if strange.any():
        yield draft.find("unknown-municipality", strange, each={"value": shown(stated[strange])})
    given = draft.text("municipality")
    known = np.flatnonzero((own >= 0) & ~_is(given, None) & ~draft.is_wrong("municipality"))
    other = known[[str(given[k]).casefold() != str(names[own[k]]).casefold() for k in known]]
    if other.size:
        each = {
            "value": [f"{stated[k]} {show(given[k])}" for k in other],
            "right": [show(names[own[k]]) for k in other],
        }
        yield draft.find("municipality-name", other, each=each)
    if draft.content != "buildings":
        return
    e, n = _metres(draft)
    there = np.flatnonzero(np.isfinite(e) & (own >= 0))
    if not there.size:
        return
    at = locate(e[there], n[there], towns.geometry.to_numpy())
    out = there[at != own[there]]
    lies = at[at != own[there]]
    shapes = towns.geometry.to_numpy()
    away = shapely.distance(shapely.points(e[out], n[out]), shapes[own[out]])
    # On a border, and in the first of two that overlap.
    for rule, mask in (
        ("outside-municipality", away > against.border_m),
        ("outside-border", (away > 0) & (away <= against.border_m)),
    ):
        if mask.any():
            each = {
                "far_m": away[mask].tolist(),
                "municipality": names[own[out[mask]]].tolist(),
                "other": [f" ({names[one]})" if one >= 0 else "" for one in lies[mask]],
            }
            yield draft.find(rule, out[mask], each=each)


def _metres(draft: Draft) -> tuple[Floats, Floats]:
    """Give where each building lies, EPSG:3006: as its columns say, else as its point."""
    e, n = draft.number("e_3006"), draft.number("n_3006")
    right = _in_box(e, n, sweref())
    e, n = np.where(right, e, np.nan), np.where(right, n, np.nan)
    other = ~right & _in_box(draft.lon, draft.lat, sweden())
    e[other], n[other] = transform_points(draft.lon[other], draft.lat[other], 4326, 3006)
    return e, n


def _about_polygons(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    there = np.flatnonzero([one is not None for one in draft.shapes])
    shapes = draft.shapes[there]
    corners, owner = shapely.get_coordinates(shapes, return_index=True)
    out = ~_in_box(corners[:, 0], corners[:, 1], sweden())
    first = np.unique(owner[out], return_index=True)
    worst = corners[out][first[1]]
    yield from _misplaced(draft, worst[:, 0], worst[:, 1], there[first[0]])
    fine = np.unique(owner[_too_fine(corners).any(axis=1)], return_index=True)[0]
    if fine.size:
        where = _too_fine(corners).any(axis=1)
        example = corners[where][np.unique(owner[where], return_index=True)[1]]
        values = [show(one) for one in example.tolist()]
        yield draft.find("too-many-decimals", there[fine], each={"value": values})
    crossing = ~shapely.is_valid(shapes)
    if crossing.any():
        each = {"value": [show(one) for one in shapely.is_valid_reason(shapes[crossing])]}
        yield draft.find("self-crossing", there[crossing], each=each)
    turned = np.array([_turned(shape) for shape in shapes], dtype=bool) & ~crossing
    if turned.any():
        yield draft.find("ring-orientation", there[turned])


def _turned(shape: Any) -> bool:
    """Tell whether a ring goes the wrong way (RFC 7946, 3.1.6: the right-hand rule)."""
    return any(
        not shapely.is_ccw(polygon.exterior) or any(map(shapely.is_ccw, polygon.interiors))
        for polygon in shape.geoms
    )


# --- what is said of the buildings -------------------------------------------------------


def _about_base(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    counted = np.isfinite(draft.number("households")) & np.isfinite(draft.number("workplaces"))
    wrong = (draft.flag("in_base") == 1) & counted & ~_homes(draft)
    if wrong.any():
        yield draft.find("base-without-homes", wrong)


def _about_places(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    e, n = _metres(draft)
    marked = np.flatnonzero((draft.flag("marked") == 1) & np.isfinite(e))
    place = pd.DataFrame({"e": e[marked], "n": n[marked], "id": draft.ids[marked]})
    place = place[place["id"].notna()]
    alone = place.drop_duplicates()
    shared = place[place.index.isin(alone.index) & alone.duplicated(["e", "n"], keep=False)
                   .reindex(place.index, fill_value=False)]  # fmt: skip
    if len(shared):
        groups = shared.groupby(["e", "n"], sort=False)["id"].agg(list)
        others = [
            ", ".join(one for one in groups[row.e, row.n] if one != row.id)
            for row in shared.itertuples(index=False)
        ]
        yield draft.find("same-place", marked[shared.index], each={"other": others})


def _about_criteria(draft: Draft, against: Against) -> Iterator[Found]:
    known = [one.name for one in against.rules.criteria]
    text = draft.text("criterion")
    different = {one for one in text if one is not None}
    strange = {one for one in different if set(one.split(", ")) - set(known)}
    rows = np.array([one in strange for one in text], dtype=bool) & ~draft.is_wrong("criterion")
    if rows.any():
        each = {"value": shown(text[rows]), "known": [", ".join(known)] * int(rows.sum())}
        yield draft.find("unknown-criterion", rows, each=each, year=str(against.rules.year))


def _about_area_ids(draft: Draft, against: Against) -> Iterator[Found]:
    if against.area_ids is None:
        return
    text = draft.text("area_id")
    rows = np.array([one is not None and one not in against.area_ids for one in text], dtype=bool)
    if rows.any():
        yield draft.find("unknown-area", rows, each={"value": shown(text[rows])})


def _about_projects(draft: Draft, against: Against) -> Iterator[Found]:
    useful = against.rules.useful_marks
    text = pd.Series(draft.text("area_id"), dtype=object)
    marked = text[(draft.flag("marked") == 1) & text.notna().to_numpy()]
    counts = marked.value_counts()
    many = counts[counts > useful].sort_index()
    if len(many):
        first = np.array([marked.index[marked == area][0] for area in many.index])
        each = {"marks": many.tolist(), "surplus": (many - useful).tolist()}
        found = draft.find("surplus-marks", first, each=each, useful=useful)
        # What is told of is the area, not the building that happens to come first in it.
        yield Found(found.rule, found.numbers, many.index.to_numpy(object), found.values, each)


def _about_counts(draft: Draft, against: Against) -> Iterator[Found]:  # noqa: ARG001 - as the others
    marks, premises = draft.number("marked_premises"), draft.number("listed_premises")
    wrong = marks > premises
    if wrong.any():
        each = {"marks": marks[wrong].tolist(), "premises": premises[wrong].tolist()}
        yield draft.find("area-counts", wrong, each=each)


def _about_list(draft: Draft, against: Against) -> Iterator[Found]:
    listed = against.listed
    if listed is None:
        return
    index = pd.Index(listed["premises_id"].astype(object))
    ids = draft.ids
    at = index.get_indexer(pd.Index(ids, dtype=object))
    unknown = np.flatnonzero((at < 0) & ~_is(ids, None) & ~draft.is_wrong("premises_id"))
    meant: list[str] = []
    if unknown.size:
        short = {one.lstrip("0"): one for one in index if one.startswith("0")}
        zeros = np.array([ids[n] in short for n in unknown], dtype=bool)
        if zeros.any():
            lost = unknown[zeros]
            meant = [short[ids[n]] for n in lost]
            each = {"value": shown(ids[lost]), "right": shown(meant)}
            yield draft.find("id-zeros", lost, each=each)
        rest = unknown[~zeros]
        if rest.size:
            yield draft.find("unknown-id", rest, each={"near": _nearest(draft, rest, against)})
    known = np.flatnonzero(at >= 0)
    yield from _against_list(draft, known, listed.iloc[at[known]])
    whole = (draft.flag("marked") == 0).any()
    wanted = index
    if "eligible" in listed:
        wanted = index[listed["eligible"].astype(bool).to_numpy()]
    absent = wanted.difference(pd.Index([*ids[known], *meant], dtype=object))
    if whole and len(absent):
        some = ", ".join(absent[:_EXAMPLES])
        yield Found("missing-from-file", values={"n": len(absent), "examples": some})


def _nearest(draft: Draft, rows: NDArray[np.int64], against: Against) -> list[Any]:
    """Name the building of the list that lies nearest to each unknown one."""
    listed = against.listed
    said: list[Any] = [""] * len(rows)
    if listed is None or not {"e_3006", "n_3006"} <= set(listed):
        return said
    e, n = _metres(draft)
    there = np.flatnonzero(np.isfinite(e[rows]))
    places = listed.dropna(subset=["e_3006", "n_3006"])
    if not there.size or places.empty:
        return said
    tree = cKDTree(places[["e_3006", "n_3006"]].to_numpy(float))
    at = np.column_stack([e[rows[there]], n[rows[there]]])
    away, which = map(np.asarray, tree.query(at, distance_upper_bound=against.near_m))
    names = places["premises_id"].to_numpy(dtype=object)
    for k, far, one in zip(there.tolist(), away.tolist(), which.tolist(), strict=True):
        if np.isfinite(far):
            said[k] = _near_building(str(names[one]), far)
    return said


def _near_building(name: str, far: float) -> Say:
    def say(texts: Any) -> str:
        metres = texts.words.length(far)
        return f"{metres} från {name}" if texts.language == "sv" else f"{metres} from {name}"

    return say


def _against_list(draft: Draft, known: NDArray[np.int64], right: pd.DataFrame) -> Iterator[Found]:
    """Say what a file has otherwise than the list."""
    marked = draft.flag("marked")[known] == 1
    told = np.zeros(len(known), dtype=bool)
    for name in ("eligible", "in_base"):
        if name not in right:
            continue
        said = draft.flag(name)[known] == 0  # told of by what the file itself says
        wrong = marked & ~right[name].astype(bool).to_numpy() & ~told & ~said
        told |= wrong
        if wrong.any():
            why = [f"{name} = false"] * int(wrong.sum())
            yield draft.find("marked-against-list", known[wrong], each={"why": why})
    for name in _AGAINST_LIST:
        if name not in right or name not in draft.table:
            continue
        if name == "kind" and not set(right[name].dropna()) <= set(BUILDING_KINDS):
            continue  # the list's own words
        ours = draft.values(name)[known]
        theirs = right[name].astype(object).to_numpy()
        if name in ("e_3006", "n_3006"):
            off = np.abs(draft.number(name)[known] - right[name].to_numpy(float)) > MOVED_M
        else:
            off = np.array(
                [
                    one is not None and one is not ABSENT and pd.notna(other) and one != other
                    for one, other in zip(ours, theirs, strict=True)
                ],
                dtype=bool,
            )
        off &= ~draft.is_wrong(name)[known]
        if off.any():
            each = {"value": shown(ours[off]), "right": [show(_plain(v)) for v in theirs[off]]}
            yield draft.find("differs-from-list", known[off], each=each,
                             column=field_(draft.content, name))  # fmt: skip


def _plain(value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    return int(plain) if type(plain) is float and plain.is_integer() else plain


# --- the quota ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Quota:
    """How many are marked, and how many may be."""

    marked: int = 0
    base: int | None = None
    allowed: int | None = None
    stated: int | None = None

    @classmethod
    def of(cls, draft: Draft, against: Against) -> _Quota:
        """Count; the base is the list's, else that of a file with the whole list, else stated."""
        if not len(draft) or draft.content != "buildings":
            return cls()
        frame = pd.DataFrame(
            {"id": draft.ids, "marked": draft.flag("marked"), "base": draft.flag("in_base")}
        )
        frame = frame[~frame["id"].duplicated() | frame["id"].isna()]
        marked = int((frame["marked"] == 1).sum())
        quota = draft.facts.get("quota")
        stated = quota.get("base_premises") if isinstance(quota, dict) else None
        stated = stated if type(stated) is int else None
        if against.listed is not None and "in_base" in against.listed:
            base: int | None = int(against.listed["in_base"].astype(bool).sum())
        elif (frame["marked"] == 0).any():
            base = int((frame["base"] == 1).sum())
        else:
            base = stated
        allowed = None if base is None else against.rules.quota(base)
        return cls(marked, base, allowed, stated)


def _check_quota(draft: Draft, against: Against, quota: _Quota) -> Iterator[Found]:  # noqa: ARG001
    if quota.marked == 0 and "marked" in draft.table:
        yield Found("nothing-marked")
    if quota.base is None or quota.allowed is None:
        return
    if quota.marked > quota.allowed:
        over = quota.marked - quota.allowed
        yield Found("quota-exceeded", values={
            "marked": quota.marked, "over": over, "allowed": quota.allowed, "base": quota.base,
        })  # fmt: skip
    if quota.stated is not None and quota.stated != quota.base:
        yield Found("base-differs", values={"stated": quota.stated, "base": quota.base})


def _unchecked(draft: Draft, against: Against, quota: _Quota) -> tuple[str, ...]:
    if not len(draft):
        return ()
    lacking = [("municipalities", against.municipalities is None)]
    if draft.content == "buildings":
        lacking += [
            ("list", against.listed is None),
            ("quota", quota.base is None),
            ("areas", against.area_ids is None),
        ]
    return tuple(name for name, missing in lacking if missing)


_RULES: Final[dict[str, tuple[Callable[[Draft, Against], Iterator[Found]], ...]]] = {
    "buildings": (
        _about_facts, _about_columns, _about_values, _about_ids, _about_letters, _about_points,
        _about_municipalities, _about_list, _about_base, _about_places, _about_criteria,
        _about_area_ids, _about_projects,
    ),
    "areas": (
        _about_facts, _about_columns, _about_values, _about_ids, _about_letters, _about_polygons,
        _about_municipalities, _about_criteria, _about_counts,
    ),
}  # fmt: skip
"""The rules of each collection, in the order in which they speak."""
