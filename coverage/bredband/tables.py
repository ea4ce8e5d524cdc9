"""The schema of every table that passes between steps: column, type, unit, meaning.

One place says what a column is called and what it means; the steps, the files
in ``outputs/`` and the reference pages all follow it. Geometry columns are not
listed: a table that has one is a GeoDataFrame in the region's metric CRS, with
plain ``x`` and ``y`` beside it where it holds points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import pandera.pandas as pa
from bredband_gis.errors import BadValueError, MissingColumnError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

Status = Literal["connected", "passed", "planned", "unserved"]
Measure = Literal["connected", "passed", "planned"]
Base = Literal["households", "workplaces"]

STATUSES: Final = ("connected", "passed", "planned", "unserved")
"""Per premises, best first: has it, could order it, is promised it, has nothing."""

MEASURES: Final = ("connected", "passed", "planned")
"""Cumulative: ``passed`` means connected or passed, ``planned`` means those or planned."""

CONNECTED_ANY: Final = "connected_any"
"""Connected, wired or wireless (PTS: "total tillgång"); never silently in connected."""

SYMMETRIC: Final = "connected_symmetric"
"""Connected by wire at the speed both down and up; only where uploads are stated."""

ACCEPTED: Final = "accepted"
"""Accepted an offer; the total of such a row is the number that got an offer (take-up)."""

COUNTED: Final = (*MEASURES, CONNECTED_ANY, SYMMETRIC, ACCEPTED)
"""Everything that a row of statistics may count and a goal may name."""

BASES: Final = ("households", "workplaces")

SEGMENTS: Final = ("tätort", "småort", "utanför")
"""SCB's localities (200 inhabitants or more), small localities (50-199), and the rest."""

TOTAL: Final = "total"
"""The segment value of a row that counts every segment together."""

TECHNOLOGIES: Final = ("fibre", "docsis", "vdsl", "xdsl", "fwa", "5g", "lte", "satellite")

BUILT_UP: Final = "tätbyggt"
RURAL: Final = "glesbygd"
GROUPS: Final = (BUILT_UP, RURAL)
"""PTS's split since 2022: built-up (localities and small localities) and the rest."""

AREA_KINDS: Final = ("region", "county", "municipality", "locality", "deso")
"""What statistics are counted for; localities and DeSO where they are given."""

ACCESS: Final = (
    "xdsl", "vdsl", "fibre", "near_fibre", "docsis", "fwa", "lte", "5g", "satellite",
    "wired", "any",
)  # fmt: skip
"""Columns of PTS's technology table, whatever the speed: each technology, in or near fibre,
wired by any technology, and wired or wireless by any."""

AID_COLOURS: Final = ("white", "grey", "black")
"""State-aid view: no, one, or several independent networks at the threshold speed."""

PROVENANCES: Final = ("real", "derived", "synthetic")
"""Measured or registered; worked out from something real; made up to stand in."""

REACHES: Final = ("trench", "at_fibre", "no_road", "no_fibre")
"""How the build-out meets an unserved premises: over new trench, at the existing
network without trench, not at all for want of a road within reach, or not at all
because its part of the road network holds no fibre."""


def column(
    dtype: str | type,
    meaning: str,
    *,
    unit: str | None = None,
    nullable: bool = False,
    unique: bool = False,
    required: bool = True,
    isin: Iterable[Any] | None = None,
    ge: float | None = None,
    le: float | None = None,
) -> pa.Column:
    """Describe one column: its type, what it means, its unit and its bounds."""
    checks = []
    if isin is not None:
        checks.append(pa.Check.isin(list(isin)))
    if ge is not None:
        checks.append(pa.Check.ge(ge))
    if le is not None:
        checks.append(pa.Check.le(le))
    return pa.Column(
        dtype,
        checks,
        nullable=nullable,
        unique=unique,
        required=required,
        description=meaning,
        metadata={"unit": unit},
    )


def table(name: str, meaning: str, columns: dict[str, pa.Column]) -> pa.DataFrameSchema:
    """Describe a table: its name, what a row of it is, and its columns."""
    return pa.DataFrameSchema(columns, name=name, description=meaning, strict=False)


MUNICIPALITY_CODE = column(str, "Municipality code (Sweden: SCB's four digits)")
_PROVENANCE = column(str, "real, derived or synthetic", isin=PROVENANCES)
_SEGMENT = column(
    str, "Locality class; empty where no localities are given", isin=SEGMENTS, nullable=True
)
_AREA: Final = {
    "area_kind": column(str, "region, county, municipality, locality or deso", isin=AREA_KINDS),
    "area_code": column(str, "Code of the area"),
    "area_name": column(str, "Name of the area"),
}
_SEGMENT_OR_TOTAL = column(
    str,
    "total; a locality class; or tätbyggt (tätort and småort) and glesbygd (the rest)",
    isin=(TOTAL, *SEGMENTS, *GROUPS),
)

MUNICIPALITIES: Final = table(
    "municipalities",
    "One row per municipality, with its polygon",
    {
        "municipality_code": column(
            str, "Municipality code (Sweden: SCB's four digits)", unique=True
        ),
        "municipality_name": column(str, "Municipality name"),
        "county_code": column(str, "County code (Sweden: the code's first two digits)"),
        "county_name": column(str, "County name"),
        "provenance": _PROVENANCE,
    },
)

PREMISES: Final = table(
    "premises",
    "One row per building that holds households, workplaces or holiday homes",
    {
        "premises_id": column(str, "Building id from the source", unique=True),
        "x": column("float64", "Easting in the region's CRS", unit="m"),
        "y": column("float64", "Northing in the region's CRS", unit="m"),
        "households": column("int64", "Permanent households", unit="households", ge=0),
        "workplaces": column("int64", "Workplaces", unit="workplaces", ge=0),
        "holiday_homes": column(
            "int64", "Holiday homes, never counted as households", unit="homes", ge=0
        ),
        "municipality_code": MUNICIPALITY_CODE,
        "segment": _SEGMENT,
        "provenance": _PROVENANCE,
        "locality_code": column(
            str, "Code of the locality it lies in; empty outside", nullable=True, required=False
        ),
        "deso_code": column(
            str, "SCB's demographic statistics area (DeSO)", nullable=True, required=False
        ),
    },
)

STATUS: Final = table(
    "status",
    "Premises with what each can get",
    {
        **PREMISES.columns,
        "status": column(
            str, "At the target speed: connected, passed, planned or unserved", isin=STATUSES
        ),
        "technology": column(
            str,
            "Technology of the fastest wired connection; empty where there is none",
            isin=TECHNOLOGIES,
            nullable=True,
        ),
        "speed_mbit": column(
            "float64", "Fastest wired download connected; 0 where none", unit="Mbit/s", ge=0
        ),
        "wireless_speed_mbit": column(
            "float64",
            "Fastest wireless download, kept apart from wired; 0 where none",
            unit="Mbit/s",
            ge=0,
        ),
        "passed_speed_mbit": column(
            "float64", "Speed that could be ordered where passed; 0 where not", unit="Mbit/s", ge=0
        ),
        "planned_speed_mbit": column(
            "float64", "Speed of the credible plan; 0 where none", unit="Mbit/s", ge=0
        ),
        "distance_to_fibre_m": column(
            "float64",
            "Straight distance to the nearest fibre route; empty beyond the search distance"
            " or where no routes are given",
            unit="m",
            nullable=True,
            ge=0,
        ),
        "technologies": column(
            str, "Every technology connected, comma between; empty text where none"
        ),
        "upload_mbit": column(
            "float64",
            "Upload of the fastest wired connection; empty where not stated",
            unit="Mbit/s",
            nullable=True,
            ge=0,
        ),
        "symmetric": column(
            "boolean",
            "Whether that upload is no less than the download; empty where not stated",
            nullable=True,
        ),
        "wired_class_mbit": column(
            "int64", "Highest speed class connected by wire; 0 where none", unit="Mbit/s", ge=0
        ),
        "any_class_mbit": column(
            "int64",
            "Highest speed class connected, wired or wireless; 0 where none",
            unit="Mbit/s",
            ge=0,
        ),
        "near_fibre": column(bool, "Has fibre, or lies within the proximity of it"),
        "networks": column(
            "int64",
            "Independent networks that give the aid threshold, or credibly will within three years",
            ge=0,
        ),
        "aid_colour": column(
            str, "State-aid view: white 0, grey 1, black 2 or more networks", isin=AID_COLOURS
        ),
        "offered_households": column(
            "int64", "Households that got an offer of the target speed", required=False, ge=0
        ),
        "accepted_households": column(
            "int64", "Of these, households that accepted it", required=False, ge=0
        ),
        "mobile_networks": column(
            "int64", "Mobile operators that cover it, where coverage is given", required=False, ge=0
        ),
        "unserved_no_mobile": column(
            bool,
            "Holds a household without the target speed and without mobile coverage either",
            required=False,
        ),
        "reason": column(str, "Why the premises has its status, in words"),
    },
)

STATISTICS: Final = table(
    "coverage",
    "Who has what: one row per area, segment, base, measure and speed",
    {
        **_AREA,
        "segment": _SEGMENT_OR_TOTAL,
        "base": column(str, "What is counted", isin=BASES),
        "measure": column(
            str,
            "connected; passed = connected or passed; planned = those or planned;"
            " connected_any = connected, wired or wireless; connected_symmetric = connected with"
            " the speed up as well; accepted = accepted an offer",
            isin=COUNTED,
        ),
        "speed_mbit": column("int64", "Download speed at least", unit="Mbit/s", ge=1),
        "year": column("int64", "Year the coverage data refer to (PTS: 1 October)"),
        "total": column(
            "int64", "Households or workplaces in the area; for accepted: that got an offer", ge=0
        ),
        "served": column("int64", "Of these, counted by the measure", ge=0),
        "share": column(
            "float64", "served / total, 0-1; empty where total is 0", nullable=True, ge=0, le=1
        ),
    },
)

GOALS: Final = table(
    "goals",
    "How far each area is from each goal",
    {
        "goal": column(str, "Name of the goal"),
        **_AREA,
        "base": column(str, "What is counted", isin=BASES),
        "measure": column(str, "The measure that the goal names", isin=COUNTED),
        "speed_mbit": column("int64", "Download speed of the goal", unit="Mbit/s"),
        "target": column("float64", "Share that the goal asks for, 0-1", ge=0, le=1),
        "share": column("float64", "Share reached, 0-1", nullable=True, ge=0, le=1),
        "missing": column("int64", "How many more must be served to reach the goal", ge=0),
        "reached": column(
            "boolean", "Whether the goal is reached; empty where nobody is counted", nullable=True
        ),
    },
)

REACH: Final = table(
    "reach",
    "One row per unserved premises: how the build-out meets it",
    {
        "premises_id": column(str, "Building id", unique=True),
        "reach": column(str, "trench, at_fibre, no_road or no_fibre", isin=REACHES),
        "road_distance_m": column(
            "float64",
            "From the premises to the nearest point of a road: the length of its drop;"
            " 0 where trench comes over land to the building; empty where neither does",
            unit="m",
            nullable=True,
            ge=0,
        ),
        "node": column("int64", "Node of the trench network it hangs on; -1 where none", ge=-1),
    },
)

TRENCH: Final = table(
    "trench",
    "New trench: one row per edge of the shared network, pointing away from existing fibre",
    {
        "edge_id": column("int64", "Number of the edge", unique=True),
        "from_node": column("int64", "Node nearer to existing fibre"),
        "to_node": column("int64", "Node farther from existing fibre"),
        "length_m": column("float64", "Length along the road or way", unit="m", ge=0),
        "road_class": column(
            str, "Road class as the source has it; overland or water where there is no road"
        ),
        "surface": column(str, "Price item that sets the price: the surface, or the ground's"),
        "ground": column(
            str, "What the ground is: names of [ground] joined by +; empty where none applies"
        ),
        "ground_factor": column("float64", "What the ground multiplies the price by", ge=0),
        "price_sek_per_m": column(
            "float64", "Price of the item x ground_factor", unit="SEK/m", ge=0
        ),
        "cost_sek": column("float64", "length_m x price_sek_per_m", unit="SEK", ge=0),
        "households_below": column(
            "int64", "Unserved households that this edge serves", unit="households", ge=0
        ),
        "premises_below": column(
            "int64", "Unserved premises that this edge serves", unit="premises", ge=0
        ),
        "municipality_code": MUNICIPALITY_CODE,
        "area_id": column(str, "Build area that the edge belongs to"),
    },
)

COST: Final = table(
    "cost",
    "What the rest costs, per municipality and for the region",
    {
        "area_kind": column(str, "municipality or region", isin=("municipality", "region")),
        "area_code": column(str, "Code of the area"),
        "area_name": column(str, "Name of the area"),
        "unserved_households": column("int64", "Neither connected, passed nor planned", ge=0),
        "unserved_workplaces": column("int64", "Neither connected, passed nor planned", ge=0),
        "unserved_premises": column(
            "int64", "Unserved buildings with a household or a workplace", ge=0
        ),
        "planned_households": column(
            "int64", "With a credible plan only: left to the market, not costed", ge=0
        ),
        "unreached_households": column(
            "int64", "Unserved, not costed: no road within reach or no fibre on the roads", ge=0
        ),
        "unreached_premises": column("int64", "The same, buildings", ge=0),
        "reached_households": column("int64", "Unserved, reached and costed", ge=0),
        "reached_premises": column("int64", "The same, buildings", ge=0),
        "trench_m": column(
            "float64", "New trench; an edge counts whole where its middle lies", unit="m", ge=0
        ),
        "trench_sek": column("float64", "Cost of that trench", unit="SEK", ge=0),
        "drop_sek": column("float64", "Cost of the drops", unit="SEK", ge=0),
        "connections": column(
            "float64",
            "Reached households x take-up; 0 when they are passed only",
            unit="households",
            ge=0,
            required=False,
        ),
        "takeup": column(
            "float64", "connections / reached_households, 0-1", nullable=True, required=False
        ),
        "feasible": column(
            "boolean",
            "Whether the take-up reaches the threshold; empty where nobody connects",
            nullable=True,
            required=False,
        ),
        "items_sek": column(
            "float64",
            "Further items of the price book, with design and contingency",
            unit="SEK",
            ge=0,
            required=False,
        ),
        "colaying_sek": column(
            "float64", "Paid by others for trench laid together", unit="SEK", ge=0, required=False
        ),
        "capex_sek": column(
            "float64", "trench_sek + drop_sek + items_sek - colaying_sek", unit="SEK", ge=0
        ),
        "own_contribution_sek": column("float64", "Paid by the households", unit="SEK", ge=0),
        "operator_revenue_sek": column("float64", "Paid by the operator", unit="SEK", ge=0),
        "gap_sek": column(
            "float64",
            "capex - own contribution - operator revenue; negative where it pays for itself",
            unit="SEK",
        ),
        "gap_per_household_sek": column(
            "float64", "gap_sek / reached_households; empty where none", unit="SEK", nullable=True
        ),
        "gap_per_premises_sek": column(
            "float64",
            "gap_sek / reached_premises; empty where none",
            unit="SEK",
            nullable=True,
            required=False,
        ),
        "gap_per_connection_sek": column(
            "float64",
            "gap_sek / connections; empty where none",
            unit="SEK",
            nullable=True,
            required=False,
        ),
        "aid_sek": column(
            "float64", "Aid per building x reached_premises", unit="SEK", ge=0, required=False
        ),
        "gap_after_aid_sek": column(
            "float64",
            "gap_sek - aid_sek; negative where the aid is more than is needed",
            unit="SEK",
            required=False,
        ),
        "support_sek": column(
            "float64",
            "Sum of the gaps of its build areas where positive: no area pays for another",
            unit="SEK",
            ge=0,
            required=False,
        ),
    },
)

BILL: Final = table(
    "bill",
    "Bill of quantities: every item with quantity, price and source; payments are negative",
    {
        "area_kind": column(
            str, "municipality, region or areas", isin=("municipality", "region", "areas"),
            required=False,
        ),
        "area_code": column(str, "Code of the area", required=False),
        "area_name": column(str, "Name of the area", required=False),
        "part": column(str, "cost, or payment by somebody else", isin=("cost", "payment")),
        "item": column(str, "Item of the price book, or as the list has it"),
        "quantity": column("float64", "How many", ge=0),
        "unit": column(str, "Unit of the quantity"),
        "price": column("float64", "Price of one; negative where it is paid by others", unit="SEK"),
        "source": column(str, "Where the price comes from"),
        "mark": column(str, "How sure the price is: F, D, S, I or U"),
        "year": column("Int64", "Price year; empty where not known", nullable=True),
        "cost_sek": column("float64", "quantity x price", unit="SEK"),
    },
)  # fmt: skip

TECHNOLOGY: Final = table(
    "technology",
    "Who has which technology, whatever its speed, as PTS's technology table has it",
    {
        **_AREA,
        "segment": _SEGMENT_OR_TOTAL,
        "base": column(str, "What is counted", isin=BASES),
        "access": column(
            str,
            "A technology; near_fibre = has fibre or is near it; wired; any = wired or wireless",
            isin=ACCESS,
        ),
        "year": column("int64", "Year the coverage data refer to"),
        "total": column("int64", "Households or workplaces in the area", ge=0),
        "served": column("int64", "Of these, with this access", ge=0),
        "share": column("float64", "served / total, 0-1", nullable=True, ge=0, le=1),
    },
)

STATE_AID: Final = table(
    "state_aid",
    "White, grey and black by area: no, one or several networks at the threshold speed",
    {
        **_AREA,
        "segment": _SEGMENT_OR_TOTAL,
        "base": column(str, "What is counted", isin=BASES),
        "total": column("int64", "Households or workplaces in the area", ge=0),
        "white": column("int64", "Of these, with no network at the threshold", ge=0),
        "grey": column("int64", "Of these, with one network", ge=0),
        "black": column("int64", "Of these, with two networks or more", ge=0),
    },
)

STANDING: Final = table(
    "standing",
    "Each municipality beside the others of its county, the county and the country",
    {
        "municipality_code": MUNICIPALITY_CODE,
        "municipality_name": column(str, "Municipality name"),
        "county_code": column(str, "County code"),
        "base": column(str, "What is counted", isin=BASES),
        "measure": column(str, "As in coverage", isin=COUNTED),
        "speed_mbit": column("int64", "Download speed at least", unit="Mbit/s", ge=1),
        "year": column("int64", "Year the coverage data refer to"),
        "share": column("float64", "Share of the municipality, 0-1", nullable=True, ge=0, le=1),
        "rank": column("Int64", "1 = highest share in the county; equals share it", nullable=True),
        "of": column("int64", "Municipalities of the county that have a share"),
        "county_share": column("float64", "Share of the county, 0-1", nullable=True),
        "county_points": column(
            "float64", "Above the county, percentage points", unit="points", nullable=True
        ),
        "country_share": column(
            "float64",
            "Published share of Sweden, same measure, speed, base and year; empty where none",
            nullable=True,
        ),
        "country_points": column(
            "float64", "Above Sweden, percentage points", unit="points", nullable=True
        ),
        "country_source": column(str, "Who published it", nullable=True),
    },
)

MOBILE: Final = table(
    "mobile",
    "What a mobile network covers, by area",
    {
        **_AREA,
        "operator": column(str, "Operator, or 'any' for all of the technology together"),
        "technology": column(str, "Mobile technology, or 'any'"),
        "households": column("int64", "Households in the area", ge=0),
        "households_covered": column("int64", "Of these, covered", ge=0),
        "premises": column("int64", "Premises with a household or workplace", ge=0),
        "premises_covered": column("int64", "Of these, covered", ge=0),
        "area_km2": column("float64", "Area", unit="km2", ge=0),
        "area_covered_km2": column("float64", "Of this, covered", unit="km2", ge=0),
        "road_m": column("float64", "Roads", unit="m", ge=0),
        "road_covered_m": column("float64", "Of this, covered", unit="m", ge=0),
        "unserved_households": column(
            "int64", "Households neither connected, passed nor planned", ge=0
        ),
        "unserved_not_covered": column("int64", "Of these, not covered either", ge=0),
    },
)

PUBLISHED: Final = table(
    "published",
    "Published statistics, whatever file they came in",
    {
        "file": column(str, "File name"),
        "series": column(str, "Column, sheet or KPI that the figure stands in"),
        "definition": column(str, "What the publisher counts, in words"),
        "area_kind": column(
            str, "country, county or municipality", isin=("country", "county", "municipality")
        ),
        "area_code": column(
            str,
            "Two digits for a county, four for a municipality, 00 Sweden; empty where the file"
            " has names only",
            nullable=True,
        ),
        "area_name": column(str, "Name of the area", nullable=True),
        "segment": _SEGMENT_OR_TOTAL,
        "base": column(str, "What is counted", isin=BASES),
        "measure": column(
            str,
            "connected, passed (connected or passed), connected_any or access to a technology",
            isin=("connected", "passed", "connected_any", "access"),
        ),
        "access": column(
            str, "The technology, where measure is access", isin=ACCESS, nullable=True
        ),
        "speed_mbit": column(
            "Int64", "Download speed at least; empty for technologies", unit="Mbit/s", nullable=True
        ),
        "year": column("int64", "Year of the figure (PTS: 1 October)"),
        "share": column("float64", "Published share, 0-1", nullable=True, ge=0, le=1),
        "bound": column(
            str, "=; > or < where the publisher gives only a bound (>99,99 %)", isin=("=", ">", "<")
        ),
        "total": column("Int64", "Households or workplaces behind it", nullable=True),
        "counted": column(
            str,
            "What the publisher counted, where the base is only the nearest to it: Kolada has"
            " inhabitants in some years",
            isin=("households", "workplaces", "inhabitants"),
            required=False,
        ),
    },
)

COMPARISON: Final = table(
    "comparison",
    "Our figure beside the published one, by the same definition",
    {
        **_AREA,
        "segment": _SEGMENT_OR_TOTAL,
        "base": column(str, "What is counted", isin=BASES),
        "measure": column(str, "As in the published table"),
        "access": column(str, "The technology, where measure is access", nullable=True),
        "speed_mbit": column("Int64", "Download speed at least", unit="Mbit/s", nullable=True),
        "year": column("int64", "Year of our figure"),
        "published_year": column("int64", "Year of the published figure"),
        "total": column("int64", "Households or workplaces in ours"),
        "published_total": column("Int64", "The same in theirs", nullable=True),
        "share": column("float64", "Our share, 0-1", nullable=True),
        "published_share": column("float64", "Published share, 0-1", nullable=True),
        "bound": column(str, "=; > or < where they publish only a bound", isin=("=", ">", "<")),
        "points": column(
            "float64",
            "Ours less theirs; empty where ours is inside their bound",
            unit="points",
            nullable=True,
        ),
        "definition": column(str, "How we count"),
        "published_definition": column(str, "How they count"),
        "file": column(str, "File of the published figure"),
        "series": column(str, "Column, sheet or KPI"),
    },
)

CALIBRATION: Final = table(
    "calibration",
    "How well one distance gives the published shares near fibre, each municipality held out",
    {
        "municipality_code": MUNICIPALITY_CODE,
        "municipality_name": column(str, "Municipality name"),
        "households": column("int64", "Households", ge=0),
        "published_share": column("float64", "Published share near fibre, 0-1", ge=0, le=1),
        "fibre_share": column(
            "float64", "Ours that has fibre: no distance gives less", nullable=True, ge=0, le=1
        ),
        "far_share": column(
            "float64", "Ours at the largest distance tried", nullable=True, ge=0, le=1
        ),
        "share": column("float64", "Ours at the distance found", nullable=True, ge=0, le=1),
        "points": column("float64", "Ours less theirs", unit="points", nullable=True),
        "present_points": column(
            "float64", "The same at the region's present proximity_m", unit="points", nullable=True
        ),
        "held_out_m": column(
            "float64",
            "Distance found without this municipality; empty where fewer than three are given",
            unit="m",
            nullable=True,
        ),
        "held_out_points": column(
            "float64", "Ours at that distance less theirs", unit="points", nullable=True
        ),
    },
)

CHANGE: Final = table(
    "change",
    "Two results compared, per area: points up or down, and what they come from",
    {
        **_AREA,
        "segment": _SEGMENT_OR_TOTAL,
        "base": column(str, "What is counted", isin=BASES),
        "measure": column(str, "As in coverage", isin=COUNTED),
        "speed_mbit": column("int64", "Download speed at least", unit="Mbit/s", ge=1),
        "year_before": column("int64", "Year of the earlier result"),
        "year_after": column("int64", "Year of the later result"),
        "total_before": column("int64", "Households or workplaces then", ge=0),
        "total_after": column("int64", "The same now", ge=0),
        "served_before": column("int64", "Of these served then", ge=0),
        "served_after": column("int64", "Of these served now", ge=0),
        "share_before": column("float64", "Share then, 0-1", nullable=True),
        "share_after": column("float64", "Share now, 0-1", nullable=True),
        "points": column("float64", "Share now less then", unit="points", nullable=True),
        "gained": column(
            "Int64", "Of those then: not served then, served now, same premises", nullable=True
        ),
        "lost": column(
            "Int64", "Of those then: served then, not served now, same premises", nullable=True
        ),
        "recounted": column(
            "Int64",
            "Served more (less: negative) by another count at the same premises",
            nullable=True,
        ),
        "new": column("Int64", "Served, at premises that have come to the area", nullable=True),
        "gone": column("Int64", "Served, at premises that have left the area", nullable=True),
        "points_same": column(
            "float64", "Of the points, from gained and lost", unit="points", nullable=True
        ),
        "points_recounted": column(
            "float64",
            "Of the points, from another count at the same premises",
            unit="points",
            nullable=True,
        ),
        "points_new_gone": column(
            "float64",
            "Of the points, from premises that have come and left",
            unit="points",
            nullable=True,
        ),
    },
)

CHANGED_PREMISES: Final = table(
    "changed_premises",
    "Premises that gained or lost between two results, and why",
    {
        "premises_id": column(str, "Building id", unique=True),
        "municipality_code": MUNICIPALITY_CODE,
        "x": column("float64", "Easting in the region's CRS", unit="m"),
        "y": column("float64", "Northing in the region's CRS", unit="m"),
        "households_before": column("int64", "Households then; 0 where it was not there", ge=0),
        "households_after": column("int64", "Households now; 0 where it is gone", ge=0),
        "status_before": column(str, "Status then; empty where it was not there", nullable=True),
        "status_after": column(str, "Status now; empty where it is gone", nullable=True),
        "change": column(
            str,
            "gained, lost, new (building), gone (building) or recounted (households changed)",
            isin=("gained", "lost", "new", "gone", "recounted"),
        ),
        "why": column(str, "In words, from the reasons then and now"),
    },
)

POPULATION: Final = table(
    "population",
    "Population of a grid laid on buildings, per municipality",
    {
        "municipality_code": MUNICIPALITY_CODE,
        "municipality_name": column(str, "Municipality name"),
        "grid": column("float64", "Population of the cells on it, by area", unit="persons", ge=0),
        "on_buildings": column(
            "float64", "Population laid on buildings before raking", unit="persons", ge=0
        ),
        "not_placed": column(
            "float64", "Of its cells, population without a building", unit="persons", ge=0
        ),
        "total": column(
            "Int64", "Known total that it is raked to; empty where none", nullable=True, ge=0
        ),
        "factor": column(
            "float64", "total / on_buildings: how much the raking changed", nullable=True, ge=0
        ),
        "population": column("float64", "After raking", unit="persons", ge=0),
        "residual": column(
            "float64", "population - total; 0 when the raking held", unit="persons", nullable=True
        ),
    },
)

OFFENDERS: Final = table(
    "offenders",
    "Every row that a rule of the data quality check found, with its place where it has one",
    {
        "rule": column(str, "Id of the rule"),
        "severity": column(str, "error, warning or info", isin=("error", "warning", "info")),
        "layer": column(str, "Which source"),
        "file": column(str, "File name", nullable=True),
        "row": column("Int64", "Row in the file, the first is 0", nullable=True),
        "id": column(str, "Id of the row where it has one", nullable=True),
        "message": column(str, "What is wrong with this row"),
    },
)

RESTS_ON: Final = table(
    "results",
    "What every table of results has besides its own columns",
    {
        "provenance": column(
            str,
            "real, derived or synthetic: of the least certain layer that the row rests on",
            isin=PROVENANCES,
        )
    },
)

STATUS_RESTS_ON: Final = table(
    "premises of results",
    "What premises have in results besides the columns of their status",
    {
        "status_provenance": column(
            str,
            "real, derived or synthetic: of the least certain layer that the status rests on;"
            " provenance is that of the building",
            isin=PROVENANCES,
        )
    },
)

MUNICIPALITY_OR_REGION: Final = {
    "area_kind": column(str, "municipality or region", isin=("municipality", "region")),
    "area_code": column(str, "Code of the area"),
    "area_name": column(str, "Name of the area"),
}

SHARES: Final = table(
    "shares",
    "Who bears what of the shared trench: one row per premises that is reached",
    {
        "premises_id": column(str, "Building id", unique=True),
        "municipality_code": MUNICIPALITY_CODE,
        "households": column("int64", "Permanent households", unit="households", ge=0),
        "parties": column(
            "int64", "Shares that it counts for: its households, at least one", unit="parties", ge=1
        ),
        "way_m": column(
            "float64", "From its road along the new trench to existing fibre", unit="m", ge=0
        ),
        "shared_trench_m": column("float64", "Its share of the joint trench", unit="m", ge=0),
        "shared_trench_sek": column("float64", "Cost of that share", unit="SEK", ge=0),
        "drop_m": column("float64", "Its own drop, from the road", unit="m", ge=0),
        "drop_sek": column("float64", "Cost of its drop", unit="SEK", ge=0),
        "total_sek": column("float64", "shared_trench_sek + drop_sek", unit="SEK", ge=0),
        "per_party_sek": column("float64", "total_sek / parties", unit="SEK", ge=0),
        "alone_sek": column(
            "float64",
            "Its way along this network to existing fibre and its drop, were nobody else to build",
            unit="SEK",
            ge=0,
        ),
        "saving_sek": column("float64", "alone_sek - total_sek", unit="SEK", ge=0),
    },
)

SHARE_SUMMARY: Final = table(
    "share_summary",
    "Fair shares per municipality and for the region, counted where the premises lie",
    {
        **MUNICIPALITY_OR_REGION,
        "premises": column("int64", "Buildings reached", ge=0),
        "households": column("int64", "Their households", ge=0),
        "trench_m": column("float64", "Shares of joint trench", unit="m", ge=0),
        "trench_sek": column("float64", "Cost of these shares", unit="SEK", ge=0),
        "drop_sek": column("float64", "Cost of the drops", unit="SEK", ge=0),
        "total_sek": column("float64", "trench_sek + drop_sek", unit="SEK", ge=0),
        "alone_sek": column(
            "float64", "Sum of what each would pay were nobody else to build", unit="SEK", ge=0
        ),
        "saving_sek": column("float64", "alone_sek - total_sek", unit="SEK", ge=0),
        "mean_sek": column("float64", "Mean per household", unit="SEK", nullable=True, ge=0),
        "p50_sek": column(
            "float64", "Half of the households cost this or less", unit="SEK", nullable=True, ge=0
        ),
        "p90_sek": column(
            "float64", "90 % of the households cost this or less", unit="SEK", nullable=True, ge=0
        ),
        "alone_p50_sek": column(
            "float64", "The same for what each would pay alone", unit="SEK", nullable=True, ge=0
        ),
        "alone_p90_sek": column(
            "float64", "The same for what each would pay alone", unit="SEK", nullable=True, ge=0
        ),
    },
)


COST_CURVE: Final = table(
    "cost_curve",
    "What each further household costs, the cheapest first: per area where one stands, then steps",
    {
        **MUNICIPALITY_OR_REGION,
        "step": column("int64", "0 is where one stands", ge=0),
        "households": column("int64", "Connected by the step", unit="households", ge=0),
        "premises": column("int64", "The same, buildings", unit="premises", ge=0),
        "step_sek": column("float64", "What the step costs", unit="SEK", ge=0),
        "step_support_sek": column(
            "float64", "What it costs beyond what is paid for it", unit="SEK", ge=0
        ),
        "marginal_sek": column(
            "float64",
            "step_sek / households; empty where it connects none",
            unit="SEK/household",
            nullable=True,
            ge=0,
        ),
        "households_so_far": column("int64", "In this step and all before", ge=0),
        "share": column(
            "float64",
            "Those served or planned from the start and those so far, of all households",
            nullable=True,
            ge=0,
            le=1,
        ),
        "cumulative_sek": column("float64", "Cost so far", unit="SEK", ge=0),
        "cumulative_support_sek": column("float64", "Support so far", unit="SEK", ge=0),
        "served_households": column("int64", "Served or planned from the start", ge=0),
        "all_households": column("int64", "Households in the area", ge=0),
    },
)

BUILD_ORDER: Final = table(
    "build_order",
    "The premises of each area in the order that they are built, the cheapest first",
    {
        **MUNICIPALITY_OR_REGION,
        "premises_id": column(str, "Building id; once in its municipality, once in the region"),
        "step": column("int64", "Step of the cost curve", ge=0),
        "marginal_sek": column(
            "float64",
            "Cost per household of that step; empty where it connects none",
            unit="SEK/household",
            nullable=True,
            ge=0,
        ),
        "households": column("int64", "Permanent households", ge=0),
        "households_so_far": column("int64", "With all before it", ge=0),
        "cumulative_sek": column("float64", "Laid when it is connected", unit="SEK", ge=0),
        "cumulative_support_sek": column("float64", "Support for that", unit="SEK", ge=0),
    },
)

GOAL_COST: Final = table(
    "goal_cost",
    "What reaching each goal costs, along the cost curve",
    {
        **MUNICIPALITY_OR_REGION,
        "goal": column(str, "Name of the goal; now: where one stands"),
        "target": column("float64", "Share of all households, 0-1", ge=0, le=1),
        "share_now": column("float64", "Served or planned from the start", ge=0, le=1),
        "share_possible": column("float64", "With all that the build-out reaches", ge=0, le=1),
        "households_needed": column("int64", "Missing to the target", ge=0),
        "reachable": column(bool, "Whether the build-out reaches so many"),
        "capex_sek": column(
            "float64", "Cost up to the household that reaches it", unit="SEK", nullable=True, ge=0
        ),
        "at_least_sek": column(
            "float64",
            "No choice along this network reaches it for less",
            unit="SEK",
            nullable=True,
            ge=0,
        ),
        "support_sek": column("float64", "Support for that", unit="SEK", nullable=True, ge=0),
        "marginal_sek": column(
            "float64", "Cost per household at that point", unit="SEK", nullable=True, ge=0
        ),
        "next_percent_sek": column(
            "float64",
            "What one per cent of all households more costs at least; empty where not reached",
            unit="SEK",
            nullable=True,
        ),
    },
)

LAST_RESORT: Final = table(
    "last_resort",
    "Fibre up to a price per household, and the rest wireless: kept apart, never as connected",
    {
        **MUNICIPALITY_OR_REGION,
        "threshold_sek": column("float64", "No fibre beyond this", unit="SEK/household", ge=0),
        "wired_households": column("int64", "Built to below the threshold", ge=0),
        "wired_share": column(
            "float64", "These and those served or planned, of all", nullable=True, ge=0, le=1
        ),
        "wired_sek": column("float64", "What that costs", unit="SEK", ge=0),
        "wired_support_sek": column("float64", "Support for that", unit="SEK", ge=0),
        "left_households": column("int64", "Reached by the build-out, but dearer", ge=0),
        "left_wired_sek": column("float64", "What fibre to them would cost", unit="SEK", ge=0),
        "unreached_households": column("int64", "Neither served nor reached", ge=0),
        "technology": column(str, "What the rest gets", isin=("fwa", "satellite")),
        "household_sek": column("float64", "Cost per household", unit="SEK", ge=0),
        "wireless_households": column("int64", "left_households + unreached_households", ge=0),
        "wireless_sek": column("float64", "What that costs", unit="SEK", ge=0),
        "total_sek": column("float64", "wired_sek + wireless_sek", unit="SEK", ge=0),
        "source": column(str, "Where the wireless price comes from"),
        "mark": column(str, "How sure it is: F, D, S, I or U"),
    },
)


_DRAWN_MEASURE = column(
    str,
    "capex; gap, after what households and operator pay, before aid; support, the sum of the"
    " build areas' gaps where positive",
    isin=("capex", "gap", "support"),
)

INTERVALS: Final = table(
    "intervals",
    "How sure the cost is: percentiles of the draws",
    {
        **MUNICIPALITY_OR_REGION,
        "measure": _DRAWN_MEASURE,
        "point_sek": column("float64", "By the values of the price book", unit="SEK"),
        "p10_sek": column("float64", "One draw in ten is lower", unit="SEK"),
        "p50_sek": column("float64", "Half of the draws are lower", unit="SEK"),
        "p90_sek": column("float64", "One draw in ten is higher", unit="SEK"),
        "mean_sek": column("float64", "Mean of the draws", unit="SEK"),
        "draws": column("int64", "Number of draws", ge=1),
    },
)

TORNADO: Final = table(
    "tornado",
    "What matters: each factor alone at its P10 and P90, the widest swing first",
    {
        **MUNICIPALITY_OR_REGION,
        "measure": _DRAWN_MEASURE,
        "factor": column(str, "Item of the price book, or a group that moves together"),
        "items": column("int64", "How many items move", ge=1),
        "value": column(
            "float64", "The price book's value; empty where several items move", nullable=True
        ),
        "low_value": column("float64", "P10 of the item; empty likewise", nullable=True),
        "high_value": column("float64", "P90 of the item; empty likewise", nullable=True),
        "low_sek": column("float64", "With the factor at its P10", unit="SEK"),
        "point_sek": column("float64", "By the values of the price book", unit="SEK"),
        "high_sek": column("float64", "With the factor at its P90", unit="SEK"),
        "swing_sek": column("float64", "Distance between the two", unit="SEK", ge=0),
    },
)


SET_ASIDE: Final = table(
    "set_aside",
    "Rows that were not used, each with the reason",
    {
        "layer": column(str, "Which source"),
        "file": column(str, "File name"),
        "row": column("int64", "Row in the file, the first is 0"),
        "id": column(str, "Id of the row where it has one", nullable=True),
        "reason": column(str, "Why it was set aside"),
    },
)


def least_certain(marks: Iterable[str]) -> str:
    """Give the provenance of what rests on layers of these: that of the least certain one."""
    found = set(marks)
    return next(mark for mark in reversed(PROVENANCES) if mark in found)


def need_columns(
    table: pd.DataFrame, columns: Sequence[str], where: str, *, fix: str | None = None
) -> None:
    """Refuse a table that lacks a column.

    Parameters
    ----------
    table : DataFrame
        The table.
    columns : sequence of str
        Columns that must be there.
    where : str
        Named in the message.
    fix : str, optional
        What to do; the columns that the table needs when not given.

    Raises
    ------
    MissingColumnError
        Naming what is missing and what is there.
    """
    missing = [name for name in columns if name not in table]
    if missing:
        msg = f"column {', '.join(missing)} is missing; found: {', '.join(map(str, table.columns))}"
        fix = fix or f"the table needs {', '.join(columns)}"
        raise MissingColumnError(msg, where=where, fix=fix)


def check_table(table: pd.DataFrame, schema: pa.DataFrameSchema, *, where: str) -> None:
    """Refuse a table that does not follow its schema.

    Parameters
    ----------
    table : DataFrame
        The table. Extra columns are allowed.
    schema : DataFrameSchema
        One of the schemas of this module.
    where : str
        Named in the message, e.g. ``"premises"`` or a file.

    Raises
    ------
    MissingColumnError
        A required column is missing.
    BadValueError
        A value has the wrong type or is out of bounds.
    """
    required = [name for name, col in schema.columns.items() if col.required]
    fix = f"add it; a {schema.name} table needs {', '.join(schema.columns)}"
    need_columns(table, required, where, fix=fix)
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        first = cases.iloc[0]
        msg = (
            f"column {first['column']}: {first['failure_case']!r} fails {first['check']}"
            f" ({len(cases)} such values in all, of {len(table)} rows)"
        )
        raise BadValueError(msg, where=where, fix="correct the values in the source") from None


def describe_table(schema: pa.DataFrameSchema) -> list[dict[str, str]]:
    """List a schema's columns with type, unit and meaning, for reference pages."""
    return [
        {
            "column": name,
            "type": str(col.dtype),
            "unit": (col.metadata or {}).get("unit") or "",
            "meaning": col.description or "",
        }
        for name, col in schema.columns.items()
    ]
