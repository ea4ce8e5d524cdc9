"""A region's priorities for PTS's broadband support, as files that can be submitted.

PTS has the regions mark buildings of its list (F: regionala prioriteringar 2023); that list is
a table with whole metres in SWEREF 99 TM (F: Härnösand's layers made of it). What is built
here is the same thing three times: GeoJSON for maps (RFC 7946), CSV and XLSX for tables; and
the written motivation that PTS asks for. That PTS takes GeoJSON is not known (I).

Buildings are single households: all of it is internal but the motivation, which PTS publishes
(F) and where small counts are hidden.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from bredband_gis.crs import transform_points
from bredband_gis.errors import BadValueError, DuplicateIdsError, EmptyLayerError

from bredband.publication import MIN_HOUSEHOLDS
from bredband.submission_schema import (
    ID,
    ROW,
    Content,
    breaches,
    columns,
    schema,
    sweref,
)
from bredband.tables import check_table, need_columns
from bredband.tables_submission import PTS_MOTIVATIONS, TO_SUBMIT
from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bredband.pts_rules import PtsRules

DIGITS: Final = 7
"""Decimals of longitude and latitude: a centimetre."""

NOTICE: Final = "Internt underlag till PTS: innehåller enskilda byggnader och får inte publiceras."

_WGS84: Final = "EPSG:4326"
_SWEREF: Final = "EPSG:3006"


@dataclass(frozen=True, eq=False)
class Submission:
    """What is submitted.

    Attributes
    ----------
    buildings : DataFrame
        ``tables_submission.SUBMITTED``, with ``lon`` and ``lat`` (degrees, WGS 84); by
        municipality and id.
    areas : GeoDataFrame
        ``tables_submission.SUBMITTED_AREAS``, coarse polygons in WGS 84.
    motivations : DataFrame
        ``tables_submission.PTS_MOTIVATIONS`` with ``name``: of the criterion or the area.
    facts : dict
        What the GeoJSON says of itself: region, year, provenance, quota, criteria.
    """

    buildings: pd.DataFrame
    areas: gpd.GeoDataFrame
    motivations: pd.DataFrame
    facts: dict[str, Any]


def build_submission(
    buildings: pd.DataFrame,
    areas: gpd.GeoDataFrame,
    motivations: pd.DataFrame,
    *,
    rules: PtsRules,
    region: str,
    region_code: str,
    crs: object,
    provenance: str,
) -> Submission:
    """Make a submission of the region's marks.

    Parameters
    ----------
    buildings : DataFrame
        ``tables_submission.TO_SUBMIT``; ``x`` and ``y`` in `crs`. Those not eligible are left
        out. A marked building without a motivation of its own gets its area's, else those of
        its criteria; what is not marked keeps neither criterion nor motivation.
    areas : GeoDataFrame
        ``tables_areas.AREAS`` as coarse polygons, as the pipeline gives them
        (:func:`bredband.publication.generalise_areas`); those without a building are left out.
    motivations : DataFrame
        ``tables_submission.PTS_MOTIVATIONS``.
    rules : PtsRules
        Rules of the year.
    region, region_code : str
        Name and code of the region.
    crs : CRS, str or int
        Of ``x`` and ``y``.
    provenance : str
        real, derived or synthetic: of the least certain layer.

    Returns
    -------
    Submission
        Coordinates are rounded to whole metres in SWEREF 99 TM, and longitude and latitude are
        those of the rounded point, so that every file says the same place.

    Raises
    ------
    MissingColumnError, BadValueError, DuplicateIdsError
        A table is not as its schema says; a building lies outside Sweden; a marked one is not
        in the base or is not motivated; an area is not among the areas.
    BadValueError
        More are marked than the quota allows.
    EmptyLayerError
        No building is eligible.
    """
    _refuse_bad(buildings, motivations)
    kept = _buildings(buildings, areas, crs)
    motivations = motivations.assign(text=clean_text(motivations["text"]))
    kept = _motivate(kept, motivations)
    _refuse_unmotivated(kept)
    quota = _quota(kept, rules, region)
    of_areas = _areas(areas, kept, motivations)
    names = {one.name: one.sv for one in rules.criteria}
    used = sorted(set(split_criteria(kept["criterion"])))
    facts = {
        "schema": schema()["$id"],
        "audience": "internal",
        "notice": NOTICE,
        "region": region,
        "region_code": region_code,
        "year": rules.year,
        "provenance": provenance,
        "quota": quota,
        "criteria": {key: names.get(key, key) for key in used},
    }
    told = _told(motivations, used, of_areas, facts["criteria"], kept)
    submission = Submission(kept, of_areas, told, facts)
    _refuse_breaches(submission)
    return submission


def clean_text(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Make texts fit for every file: control characters and line breaks become blanks.

    Returns
    -------
    Series of str
        Trimmed; null where nothing is left.
    """
    plain = texts.astype("str").str.replace(r"[\x00-\x20\x7f-\x9f\ufffe\uffff]+", " ", regex=True)
    plain = plain.str.strip()
    return plain.mask(plain == "")


def split_criteria(criterion: pd.Series[Any]) -> list[str]:
    """List the criteria that a column names, one entry for each time."""
    return [key for one in criterion.dropna() for key in str(one).split(", ")]


def _refuse_bad(buildings: pd.DataFrame, motivations: pd.DataFrame) -> None:
    where = "buildings to submit"
    need_columns(
        buildings, list(TO_SUBMIT.columns), where, fix="join eligibility, marks and motivations"
    )
    twice = buildings["premises_id"][buildings["premises_id"].duplicated()]
    if len(twice):
        msg = f"{twice.nunique()} premises_id stand on more than one row, e.g. {twice.iloc[0]}"
        raise DuplicateIdsError(msg, where=where, fix="remove the duplicates")
    check_table(buildings, TO_SUBMIT, where=where)
    check_table(motivations, PTS_MOTIVATIONS, where="motivations")
    wrong = buildings["marked"] & ~(buildings["eligible"] & buildings["in_base"])
    if wrong.any():
        some = buildings["premises_id"][wrong].iloc[0]
        msg = f"{int(wrong.sum())} marked buildings are not in the base of the quota, e.g. {some}"
        fix = "mark only eligible buildings with a household or a workplace"
        raise BadValueError(msg, where=where, fix=fix)
    if not buildings["eligible"].any():
        msg = "no building is eligible"
        raise EmptyLayerError(msg, where=where, fix="see why in pts_exclusions")


def _buildings(buildings: pd.DataFrame, areas: pd.DataFrame, crs: object) -> pd.DataFrame:
    kept = buildings[buildings["eligible"]].sort_values(["municipality_code", "premises_id"])
    kept = kept.reset_index(drop=True)
    x, y = transform_points(kept["x"], kept["y"], crs, _SWEREF)
    e, n = np.rint(x), np.rint(y)
    bounds = sweref()
    inside = (e >= bounds[0][0]) & (e <= bounds[0][1]) & (n >= bounds[1][0]) & (n <= bounds[1][1])
    if not inside.all():
        some = kept["premises_id"][~inside].iloc[0]
        msg = f"{int((~inside).sum())} buildings lie outside Sweden, e.g. {some}"
        raise BadValueError(msg, where="buildings to submit", fix="see the CRS of x and y")
    lon, lat = transform_points(e, n, _SWEREF, _WGS84)
    kept = kept.assign(
        e_3006=e.astype(np.int64), n_3006=n.astype(np.int64),
        lon=np.round(lon, DIGITS), lat=np.round(lat, DIGITS),
    )  # fmt: skip
    for name in ("municipality", "area_name", "criterion", "motivation"):
        kept[name] = clean_text(kept[name])
    unknown = kept["area_id"].notna() & ~kept["area_id"].isin(areas["area_id"])
    if unknown.any():
        some = kept["area_id"][unknown].iloc[0]
        msg = f"area {some} of {int(unknown.sum())} buildings is not among the areas"
        raise BadValueError(
            msg, where="buildings to submit", fix="take areas and buildings of one run"
        )
    return kept[[*columns("buildings"), "lon", "lat"]]


def _motivate(kept: pd.DataFrame, motivations: pd.DataFrame) -> pd.DataFrame:
    """Fill in the motivation of what is marked, and leave none on the rest."""
    texts = motivations.set_index("key")["text"]
    of_area = texts[motivations["kind"].to_numpy() == "area"]
    of_criterion = texts[motivations["kind"].to_numpy() == "criterion"].to_dict()
    marked = kept["marked"]
    criterion = kept["criterion"].where(marked)
    different = criterion.dropna().unique()
    said = {
        one: " ".join(of_criterion[key] for key in one.split(", ") if key in of_criterion)
        for one in different
    }
    by_criterion = criterion.map(said).astype("str")
    motivation = kept["motivation"].fillna(kept["area_id"].map(of_area.to_dict()).astype("str"))
    motivation = motivation.fillna(by_criterion.mask(by_criterion == "")).where(marked)
    return kept.assign(criterion=criterion, motivation=motivation)


def _refuse_unmotivated(kept: pd.DataFrame) -> None:
    for name in ("criterion", "motivation"):
        lacking = kept["marked"] & kept[name].isna()
        if lacking.any():
            some = kept["premises_id"][lacking].iloc[0]
            msg = f"{int(lacking.sum())} marked buildings have no {name}, e.g. {some}"
            fix = (
                "name a criterion for them with --criterion, or give motivations with --motivations"
            )
            raise BadValueError(msg, where="buildings to submit", fix=fix)


def _quota(kept: pd.DataFrame, rules: PtsRules, region: str) -> dict[str, Any]:
    base, marked = int(kept["in_base"].sum()), int(kept["marked"].sum())
    allowed = rules.quota(base)
    if marked > allowed:
        msg = f"{marked} buildings are marked, but the quota is {allowed} of {base}"
        raise BadValueError(msg, where=region, fix=f"take the mark off {marked - allowed}")
    return {
        "share": rules.quota_share, "base_premises": base, "allowed": allowed, "marked": marked
    }  # fmt: skip


def _areas(
    areas: gpd.GeoDataFrame, kept: pd.DataFrame, motivations: pd.DataFrame
) -> gpd.GeoDataFrame:
    used = areas[areas["area_id"].isin(kept["area_id"])]
    used = used.sort_values(["municipality_code", "area_id"]).reset_index(drop=True)
    ids = used["area_id"]
    listed = kept.groupby("area_id")["marked"].agg(["size", "sum"])
    own = motivations[motivations["kind"] == "area"].set_index("key")["text"].to_dict()
    text = ids.map(own).astype("str")
    if "motivation" in used:
        text = text.fillna(clean_text(used["motivation"]))
    names = clean_text(used["name"]) if "name" in used else ids
    criteria = {
        area: ", ".join(sorted(set(split_criteria(one))))
        for area, one in kept.dropna(subset=["criterion"]).groupby("area_id")["criterion"]
    }
    shapes = used.geometry.to_crs(_WGS84).to_numpy()
    return gpd.GeoDataFrame(
        {
            "area_id": ids,
            "area_name": names.fillna(ids),
            "municipality_code": used["municipality_code"],
            "municipality": used["municipality"],
            "rank": used["rank"].astype("Int64"),
            **{
                name: used[name].astype("int64") if name in used else np.int64(0)
                for name in ("households", "workplaces", "holiday_homes")
            },
            "listed_premises": ids.map(listed["size"]).astype("int64"),
            "marked_premises": ids.map(listed["sum"]).astype("int64"),
            "criterion": ids.map(criteria).astype("str"),
            "motivation": text,
            "trench_m": used["trench_m"].round().astype("Int64"),
            "gap_sek": used["gap_sek"].round().astype("Int64"),
            "cell_m": used.get("cell_m", np.nan),
        },
        geometry=_rounded(shapes),
        crs=_WGS84,
    )


def _rounded(shapes: NDArray[Any]) -> NDArray[Any]:
    """Round polygons to seven decimals, exterior rings anticlockwise (RFC 7946, 3.1.6)."""
    snapped = shapely.set_precision(shapes, 10.0**-DIGITS)
    turned: NDArray[Any] = shapely.orient_polygons(snapped, exterior_cw=False)
    return turned


def _told(
    motivations: pd.DataFrame, used: Sequence[str], areas: pd.DataFrame,
    criteria: dict[str, str], kept: pd.DataFrame,
) -> pd.DataFrame:  # fmt: skip
    """Give the motivations of what is marked, criteria first, with names."""
    marked = areas[areas["marked_premises"] > 0]
    own = motivations[motivations["kind"] == "criterion"].set_index("key")["text"].to_dict()
    counts = pd.Series(split_criteria(kept["criterion"]), dtype="str").value_counts()
    number = words("sv", plain=True).number
    texts = [
        own.get(key) or f"Prioriterade byggnader: {_few(counts[key], number)}." for key in used
    ]
    motivated = marked[marked["motivation"].notna()]
    return pd.DataFrame(
        {
            "kind": ["criterion"] * len(used) + ["area"] * len(motivated),
            "key": [*used, *motivated["area_id"]],
            "name": [*(criteria[key] for key in used), *motivated["area_name"]],
            "text": [*texts, *motivated["motivation"]],
        },
        dtype="str",
    )


def _refuse_breaches(submission: Submission) -> None:
    """Refuse what the published schema does not allow: a fault of the tables given."""
    for content, row in ROW.items():
        table = json_table(submission, content)
        for breach in breaches(table, row):
            value = table[breach.column][breach.rows].iloc[0]
            msg = f"column {breach.column}: {value!r} fails {breach.keyword} {breach.expected!r}"
            raise BadValueError(msg, where=f"{content} to submit", fix="correct the tables given")


# --- the files' content ------------------------------------------------------------------


def sheet(submission: Submission, content: Content) -> pd.DataFrame:
    """Give the table of a CSV or XLSX file: the schema's columns in its order."""
    table = submission.buildings if content == "buildings" else submission.areas
    return pd.DataFrame(table[columns(content)])


def json_table(submission: Submission, content: Content) -> pd.DataFrame:
    """Give the same as Python's own values, None where there is none."""
    table = sheet(submission, content)
    return pd.DataFrame({name: plain_values(table[name]) for name in table}, dtype=object)


def plain_values(values: pd.Series[Any]) -> list[Any]:
    """Give a column as Python's own values, None where there is none."""
    none = values.isna().to_numpy()
    plain = values.astype(object).to_numpy().copy()
    plain[none] = None
    found: list[Any] = plain.tolist()
    return found


def collection(submission: Submission, content: Content) -> dict[str, Any]:
    """Give the buildings or the areas as a GeoJSON feature collection (RFC 7946).

    Returns
    -------
    dict
        WGS 84 longitude and latitude of at most seven decimals, exterior rings anticlockwise,
        no ``crs``. A feature's ``id`` is the building's or area's. Region, year, provenance,
        quota and audience are foreign members, which other programs drop.
    """
    facts = submission.facts
    title = {"buildings": "Prioriterade byggnader", "areas": "Områden"}[content]
    rows = json_table(submission, content).to_dict("records")
    if content == "buildings":
        points = submission.buildings[["lon", "lat"]].to_numpy().tolist()
        places = [{"type": "Point", "coordinates": point} for point in points]
    else:
        places = [json.loads(one) for one in shapely.to_geojson(submission.areas.geometry)]
    return {
        "type": "FeatureCollection",
        "name": f"{title} {facts['year']}, {facts['region']} (internt underlag till PTS)",
        "content": content,
        **facts,
        "features": [
            {"type": "Feature", "id": row[ID[content]], "geometry": place, "properties": row}
            for row, place in zip(rows, places, strict=True)
        ],
    }


def motivation_text(submission: Submission) -> str:
    """Write the motivation per criterion and area in Swedish, as Markdown.

    Meant for publication, as PTS publishes the regions' motivations (F): it names no building,
    counts below 3 are "färre än 3", and what is said of areas with so few households is left out.
    """
    said = words("sv", plain=True)
    facts, quota = submission.facts, submission.facts["quota"]
    lines = [
        f"# Prioritering inför PTS bredbandsstöd {facts['year']}, {facts['region']}",
        "",
        f"{said.number(quota['marked'])} byggnader är prioriterade av högst"
        f" {said.number(quota['allowed'])}: {said.percent(quota['share'], 0)} av de"
        f" {said.number(quota['base_premises'])} byggnader med hushåll eller arbetsställe som"
        " kan få stöd.",
    ]
    if facts["provenance"] == "synthetic":
        lines += ["", "**Bygger på syntetiska data och får inte lämnas in.**"]
    told = submission.motivations
    lines += ["", "## Kriterier"]
    for row in told[told["kind"] == "criterion"].itertuples(index=False):
        lines += ["", f"### {row.name}", "", str(row.text)]
    lines += ["", "## Områden"]
    areas = submission.areas[submission.areas["marked_premises"] > 0]
    order = areas.sort_values(["municipality", "rank", "area_id"], na_position="last")
    for name, rows in order.groupby("municipality", sort=False):
        lines += ["", f"### {name}"]
        for row in rows.itertuples(index=False):
            marked = _few(row.marked_premises, said.number)
            homes = _few(row.households, said.number)
            names = [facts["criteria"][key] for key in str(row.criterion).split(", ")]
            lines += [
                "",
                f"#### {row.area_name}",
                "",
                f"Område {row.area_id}. Hushåll som saknar bredband: {homes}. Prioriterade"
                f" byggnader: {marked}. Kriterier: {'; '.join(names)}.",
            ]
            if 0 < row.households < MIN_HOUSEHOLDS:
                lines += ["", "Motiveringen lämnas bara till PTS: området har få hushåll."]
            elif pd.notna(row.motivation):
                lines += ["", str(row.motivation)]
    return "\n".join(lines) + "\n"


def _few(count: Any, number: Any) -> str:
    if 0 < count < MIN_HOUSEHOLDS:
        return f"färre än {MIN_HOUSEHOLDS}"
    return str(number(int(count)))
