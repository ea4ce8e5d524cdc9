"""The schemas of what goes to PTS: eligible buildings, marks and the competition."""

from __future__ import annotations

from typing import Final

from bredband.tables import MUNICIPALITY_CODE, SEGMENTS, column, table

LANDSDELAR: Final = ("Norrland", "Svealand", "Götaland")
"""The parts of the country that projects compete within (F, PTS)."""

BUILDING_KINDS: Final = ("household", "workplace", "holiday_home", "empty")
"""What a building counts as: with households; with workplaces only; with holiday homes only;
with nothing."""

EXCLUSION_REASONS: Final = (
    "empty", "locality", "connected", "passed", "planned", "later_connection",
)  # fmt: skip
"""Why a building is not eligible; the first that holds is the one that is named."""

MARKINGS: Final = ("none", "optimal", "rank_fill", "rank_25", "even")
"""Ways to give out the marks: none; the best; by rank, every building; by rank, no more than
are useful; the same share of every project."""

_HELD: Final = {
    "households": column("int64", "Permanent households", unit="households", ge=0),
    "workplaces": column("int64", "Workplaces", unit="workplaces", ge=0),
    "holiday_homes": column("int64", "Holiday homes", unit="homes", ge=0),
}

PTS_BUILDINGS: Final = table(
    "pts_buildings",
    "One row per building: whether PTS's support can be sought for it, by the rules of the year",
    {
        "premises_id": column(str, "Building id from the source", unique=True),
        "x": column("float64", "Easting in the region's CRS", unit="m"),
        "y": column("float64", "Northing in the region's CRS", unit="m"),
        "municipality_code": MUNICIPALITY_CODE,
        "county_code": column(str, "County code (Sweden: the code's first two digits)"),
        **_HELD,
        "kind": column(
            str,
            "household; workplace = workplaces only; holiday_home = holiday homes only; empty",
            isin=BUILDING_KINDS,
        ),
        "segment": column(
            str, "Locality class; empty where not known", isin=SEGMENTS, nullable=True
        ),
        "eligible": column(bool, "Whether support can be sought, as far as the rules could tell"),
        "in_base": column(
            bool,
            "Eligible with a household or a workplace: counts in the quota and in the ranking,"
            " which an eligible holiday home does not",
        ),
        "locality_known": column(
            bool, "False: whether it lies in a tätort is not known, and that rule was not applied"
        ),
        "reason": column(
            str, "The first rule that excludes it; empty where eligible",
            isin=EXCLUSION_REASONS, nullable=True,
        ),
        "reason_text": column(str, "The same in words", nullable=True),
    },
)  # fmt: skip

EXCLUSIONS: Final = table(
    "pts_exclusions",
    "One row per building and rule that excludes it",
    {
        "premises_id": column(str, "Building id from the source"),
        "municipality_code": MUNICIPALITY_CODE,
        "kind": column(str, "As in pts_buildings", isin=BUILDING_KINDS),
        "reason": column(str, "The rule", isin=EXCLUSION_REASONS),
        "first": column(bool, "Whether it is the reason that pts_buildings names"),
        "reason_text": column(str, "The rule in words"),
    },
)

EXCLUSION_COUNTS: Final = table(
    "pts_exclusion_counts",
    "How many buildings each rule excludes, by municipality; eligible ones have reason 'eligible'",
    {
        "municipality_code": MUNICIPALITY_CODE,
        "reason": column(str, "The rule, or eligible", isin=("eligible", *EXCLUSION_REASONS)),
        "reason_text": column(str, "The rule in words"),
        "buildings": column("int64", "Buildings that the rule excludes", ge=0),
        "first_buildings": column(
            "int64", "Of these, buildings that no earlier rule excludes: adds up", ge=0
        ),
        "only_buildings": column("int64", "Of these, buildings that no other rule excludes", ge=0),
        "base_buildings": column(
            "int64", "first_buildings with a household or a workplace", ge=0
        ),
        "households": column("int64", "Households in first_buildings", ge=0),
        "workplaces": column("int64", "Workplaces in first_buildings", ge=0),
        "holiday_homes": column("int64", "Holiday homes in first_buildings", ge=0),
    },
)  # fmt: skip

CONSULTATION: Final = table(
    "pts_consultation",
    "The list for the public consultation: eligible buildings, and what the market is asked",
    {
        "building_id": column(str, "Building id from the source", unique=True),
        "n_3006": column("int64", "Northing in SWEREF 99 TM, whole metres", unit="m"),
        "e_3006": column("int64", "Easting in SWEREF 99 TM, whole metres", unit="m"),
        "municipality_code": MUNICIPALITY_CODE,
        "municipality": column(str, "Name of the municipality"),
        "county_code": column(str, "County code"),
        "household_or_workplace": column(bool, "False: holiday homes only"),
        "asked": column(str, "What the market is asked about the building"),
    },
)

PTS_RULES: Final = table(
    "pts_rules",
    "The rules and published figures that were used, each with its source",
    {
        "fact": column(str, "Name of the fact, as in pts_rules.toml", unique=True),
        "value": column(str, "The value"),
        "year": column("int64", "Year of the call that it was stated for"),
        "mark": column(str, "F found, D arithmetic, S region's document, I inferred, U unverified"),
        "source": column(str, "Where it was found"),
    },
)

PTS_PROJECTS: Final = table(
    "pts_projects",
    "Likely projects: build areas with eligible buildings and need of aid",
    {
        "area_id": column(str, "Build area", unique=True),
        "municipality_code": MUNICIPALITY_CODE,
        "landsdel": column(str, "Part of the country that it competes in", isin=LANDSDELAR),
        "base_buildings": column(
            "int64", "Eligible buildings with a household or a workplace", ge=1
        ),
        "households": column("int64", "Households in them", ge=0),
        "workplaces": column("int64", "Workplaces in them", ge=0),
        "aid_sek": column("float64", "Aid applied for", unit="SEK", ge=0),
        "aid_per_building_sek": column(
            "float64", "aid_sek / base_buildings: a in PTS's ranking", unit="SEK", ge=0
        ),
        "rank": column("Int64", "Rank of the area", nullable=True, ge=1),
        "score": column("float64", "Score of the area, 0-1", nullable=True, required=False),
    },
)  # fmt: skip

MARKS: Final = table(
    "pts_marks",
    "One row per building that can be marked: whether the region should prioritise it",
    {
        "premises_id": column(str, "Building id from the source", unique=True),
        "x": column("float64", "Easting in the region's CRS", unit="m"),
        "y": column("float64", "Northing in the region's CRS", unit="m"),
        "municipality_code": MUNICIPALITY_CODE,
        "area_id": column(str, "Build area it belongs to; empty where none", nullable=True),
        "households": _HELD["households"],
        "workplaces": _HELD["workplaces"],
        "place": column(
            "Int64", "Its place among the project's buildings; empty where no project",
            nullable=True, ge=1,
        ),
        "marked": column(bool, "Whether it gets a mark"),
        "useful": column(bool, "Marked, and within the number that PTS counts"),
    },
)  # fmt: skip

COMPETITION: Final = table(
    "pts_competition",
    "The chance of each likely project, if somebody applies for it, without and with the marks",
    {
        **PTS_PROJECTS.columns,
        "marks": column("int64", "Marked buildings", ge=0),
        "discount": column("float64", "Deduction for them, 0-1", ge=0, le=1),
        "comparison_sek": column(
            "float64", "aid_per_building_sek x (1 - discount): what PTS ranks by", unit="SEK", ge=0
        ),
        "chance_unmarked": column(
            "float64", "Share of draws won where the region marks nothing, 0-1", ge=0, le=1
        ),
        "chance_marked": column("float64", "Share of draws won with the marks, 0-1", ge=0, le=1),
        "chance_landsdel": column(
            "float64", "Of chance_marked: won within the landsdel", ge=0, le=1
        ),
        "chance_national": column(
            "float64", "Of chance_marked: won in the national pot", ge=0, le=1
        ),
    },
)

MARK_COMPARISON: Final = table(
    "pts_mark_comparison",
    "What different ways to give out the marks would win, if somebody applied for every project",
    {
        "method": column(str, "How the marks are given out", isin=MARKINGS, unique=True),
        "method_text": column(str, "The same in words"),
        "quota": column("int64", "Marks that the region may give", ge=0),
        "marks": column("int64", "Marks given", ge=0),
        "useful_marks": column("int64", "Of these, marks that PTS counts", ge=0),
        "projects_marked": column("int64", "Projects with a mark", ge=0),
        "planned_value": column(
            "float64", "What the optimisation makes the most of, by the curves it was given", ge=0
        ),
        "expected_projects": column("float64", "Projects won, mean of the draws", ge=0),
        "expected_buildings": column(
            "float64", "Household and workplace buildings won, mean of the draws", ge=0
        ),
        "expected_households": column("float64", "Households won, mean of the draws", ge=0),
        "expected_aid_sek": column("float64", "Aid won, mean of the draws", unit="SEK", ge=0),
        "aid_per_building_sek": column(
            "float64", "expected_aid_sek / expected_buildings; empty where none",
            unit="SEK", nullable=True, ge=0,
        ),
        "more_buildings": column("float64", "expected_buildings less those without marks"),
    },
)  # fmt: skip

PTS_CALIBRATION: Final = table(
    "pts_calibration",
    "The simulated call beside the published outcome, the drawn projects alone",
    {
        "year": column("int64", "Year of the published outcome"),
        "figure": column(str, "What is compared"),
        "published": column("float64", "Published, or computed from published figures"),
        "mark": column(str, "F found, D arithmetic on found figures"),
        "simulated": column("float64", "Mean of the draws"),
        "low": column("float64", "Tenth percentile of the draws"),
        "high": column("float64", "Ninetieth percentile of the draws"),
    },
)
