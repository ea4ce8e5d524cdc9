"""The schemas of submissions to PTS: what goes in, what is written, what a check and a merge say.

What the written files hold is told by ``pts_priority.schema.json``; the tables here are the
same in memory.
"""

from __future__ import annotations

from typing import Final

from bredband.tables import MUNICIPALITY_CODE, column, table
from bredband.tables_pts import BUILDING_KINDS

_HELD: Final = {
    "households": column("int64", "Permanent households", unit="households", ge=0),
    "workplaces": column("int64", "Workplaces", unit="workplaces", ge=0),
    "holiday_homes": column("int64", "Holiday homes", unit="homes", ge=0),
}
_ABOUT: Final = {
    "municipality_code": MUNICIPALITY_CODE,
    "municipality": column(str, "Name of the municipality"),
    **_HELD,
    "kind": column(str, "What the building counts as", isin=BUILDING_KINDS),
    "eligible": column(bool, "Whether support can be sought"),
    "in_base": column(bool, "Whether it counts in the quota"),
    "marked": column(bool, "Whether the region prioritises it"),
    "area_id": column(str, "Build area; empty where none", nullable=True),
    "area_name": column(str, "Name of the area", nullable=True),
    "criterion": column(
        str, "PTS's criteria that motivate the mark, comma between; empty where none", nullable=True
    ),
    "motivation": column(str, "Why it is marked, in Swedish", nullable=True),
}
_ID: Final = column(str, "Building id from the source", unique=True)

TO_SUBMIT: Final = table(
    "pts_to_submit",
    "One row per building of the list, with what the region says of it",
    {
        "premises_id": _ID,
        "x": column("float64", "Easting in the region's CRS", unit="m"),
        "y": column("float64", "Northing in the region's CRS", unit="m"),
        **_ABOUT,
    },
)

SUBMITTED: Final = table(
    "pts_priority",
    "One row per eligible building, as submitted",
    {
        "premises_id": _ID,
        "e_3006": column("int64", "Easting in SWEREF 99 TM, whole metres", unit="m"),
        "n_3006": column("int64", "Northing in SWEREF 99 TM, whole metres", unit="m"),
        **_ABOUT,
    },
)

SUBMITTED_AREAS: Final = table(
    "pts_priority_areas",
    "One row per build area that holds a submitted building",
    {
        "area_id": column(str, "Stable id", unique=True),
        "area_name": column(str, "Name"),
        "municipality_code": MUNICIPALITY_CODE,
        "municipality": column(str, "Name of the municipality"),
        "rank": column("Int64", "Place in the region's order; empty where none", nullable=True),
        **_HELD,
        "listed_premises": column("int64", "Its buildings in the submission", ge=0),
        "marked_premises": column("int64", "Of these, marked", ge=0),
        "criterion": column(
            str, "Criteria that its buildings are marked for; empty where none", nullable=True
        ),
        "motivation": column(str, "Why it is prioritised, in Swedish", nullable=True),
        "trench_m": column("Int64", "New trench, whole metres", unit="m", nullable=True),
        "gap_sek": column("Int64", "Gap, whole kronor", unit="SEK", nullable=True),
        "cell_m": column("float64", "Side of its cells", unit="m", nullable=True),
    },
)

PTS_MOTIVATIONS: Final = table(
    "pts_motivations",
    "The written motivation of each criterion that is used and of each area",
    {
        "kind": column(str, "What it motivates", isin=("criterion", "area")),
        "key": column(str, "Name of the criterion, or area_id"),
        "text": column(str, "The motivation, in Swedish"),
    },
)

REMARKS: Final = table(
    "remarks",
    "What the check of a submission found: one row per feature or row of a table",
    {
        "rule": column(str, "Id of the rule"),
        "severity": column(str, "error, warning or info", isin=("error", "warning", "info")),
        "file": column(str, "Name of the file"),
        "number": column(
            "Int64",
            "Feature, the first is 1; of CSV and XLSX the line; empty for the whole file",
            nullable=True,
            ge=1,
        ),
        "id": column(str, "Building or area; empty where it has none", nullable=True),
        "message": column(str, "What is wrong"),
        "fix": column(str, "What to do"),
    },
)

OWN_PRIORITIES: Final = table(
    "own_priorities",
    "What a municipality prioritises itself, one row per row of its file",
    {
        "file": column(str, "Name of the file"),
        "line": column("int64", "Line of the file, or number of the feature", ge=1),
        "their_id": column(str, "Building id as they have it; empty where none", nullable=True),
        "x": column("float64", "Easting, EPSG:3006; empty where none", unit="m", nullable=True),
        "y": column("float64", "Northing, EPSG:3006; empty where none", unit="m", nullable=True),
        "marked": column(bool, "Whether they want it marked; False: they do not"),
        "rank": column("float64", "Their order, the first is 1; empty where none", nullable=True),
        "comment": column(str, "What they say of it", nullable=True),
    },
)

CONFLICT_KINDS: Final = (
    "not_listed", "id_read_by_place", "id_by_zeros", "id_and_place_differ", "several_near",
    "not_eligible", "not_in_base", "they_say_no", "ours_gives_way", "over_quota", "same_building",
    "two_files", "other_municipality",
)  # fmt: skip
"""What can differ between our marks and a municipality's own."""

MERGED: Final = table(
    "merged",
    "One row per building that we, a municipality or both want marked",
    {
        "premises_id": _ID,
        "municipality_code": MUNICIPALITY_CODE,
        "ours": column(bool, "Whether we had marked it"),
        "theirs": column(bool, "Whether a municipality wants it marked"),
        "file": column(str, "File of theirs; empty where only ours", nullable=True),
        "rank": column("float64", "Their order; empty where none", nullable=True),
        "score": column("float64", "Ours, the higher the better", nullable=True),
        "comment": column(str, "What they say of it", nullable=True),
        "place": column("int64", "Place in the order in which the quota is given out", ge=1),
        "marked": column(bool, "Whether it is marked after the merge"),
    },
)

CONFLICTS: Final = table(
    "conflicts",
    "Where a municipality's own priorities and ours differ, or theirs could not be used as given",
    {
        "kind": column(str, "What differs", isin=CONFLICT_KINDS),
        "file": column(str, "File of theirs; empty where it is about ours", nullable=True),
        "line": column("Int64", "Line of it", nullable=True),
        "their_id": column(str, "Building id as they have it", nullable=True),
        "premises_id": column(str, "Building of the list; empty where none", nullable=True),
        "distance_m": column("float64", "From their place to it", unit="m", nullable=True, ge=0),
        "comment": column(str, "What they say of it", nullable=True),
        "what": column(str, "What differs and what was done, in words"),
    },
)
