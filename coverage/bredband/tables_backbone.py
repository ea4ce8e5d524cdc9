"""The schemas of networks that connect places: places, stretches, single cuts."""

from __future__ import annotations

from typing import Final

from bredband.tables import PROVENANCES, column, table

JOINS: Final = ("backbone", "existing", "new", "no_road", "no_way", "small")
"""How a place is joined: the backbone comes to it from outside; by existing fibre; by new
stretches; not, for want of a road or link within reach; not, since no road or link leads
from it to the backbone; not for its own sake, since too few people live there."""

ENDS: Final = ("place", "junction", "fibre")
"""Where a stretch ends: at a place, where stretches meet, or on existing fibre between
places."""

_STRETCH = column(str, "Id of the stretch", unique=True)

STRETCHES: Final = table(
    "stretches",
    "Stretches of the network that joins the places, each from place or junction to the next:"
    " new ones by priority, then existing ones",
    {
        "stretch_id": _STRETCH,
        "priority": column("Int64", "1 = first; empty for existing stretches", nullable=True, ge=1),
        "new": column(bool, "True: to be dug; False: fibre is there"),
        "second_route": column(bool, "Part of a second way; the first way is there without it"),
        "route": column(
            "Int64", "Number of the second way that it is part of", nullable=True, ge=1
        ),
        "from_place": column(
            str, "Place at the end nearer to the backbone, or the place nearest to that end"
        ),
        "from_kind": column(str, "What that end is: place, junction or fibre", isin=ENDS),
        "to_place": column(str, "Place at the other end, or the place nearest to it"),
        "to_kind": column(str, "What that end is: place, junction or fibre", isin=ENDS),
        "from_fibre": column(bool, "Existing fibre lies at that end, in a place or between places"),
        "to_fibre": column(bool, "The same of the other end"),
        "places_along": column(
            str, "Places on the way, too small to be joined for their own sake", nullable=True
        ),
        "depends_on": column(
            str, "Stretch that must be there before, towards the backbone", nullable=True
        ),
        "length_m": column("float64", "Metres along the road", unit="m", ge=0),
        "sek": column("float64", "Metres times price; 0 where existing", unit="SEK", ge=0),
        "support_sek": column("float64", "Support: support_share of sek", unit="SEK", ge=0),
        "own_sek": column("float64", "What others pay: sek less support", unit="SEK", ge=0),
        "population": column(
            "float64",
            "Inhabitants that the stretch newly joins to the backbone, of all places behind it;"
            " for a second way those that get one through its whole route",
            unit="inhabitants",
            ge=0,
        ),
        "households": column("float64", "The same in households", unit="households", ge=0),
        "sek_per_household": column(
            "float64",
            "sek / households; for a second way that of its whole route; empty where none",
            unit="SEK",
            nullable=True,
            ge=0,
        ),
        "households_behind_single_cut": column(
            "float64",
            "Households that lose the backbone when this stretch alone is cut; 0 where there is"
            " another way",
            unit="households",
            ge=0,
        ),
        "cumulative_sek": column(
            "float64", "sek of this stretch and all before it", unit="SEK", nullable=True
        ),
        "cumulative_households": column(
            "float64",
            "Households joined by this stretch and all before it, each counted at the stretch"
            " that ends at its place; for second ways those that have one by then",
            unit="households",
            nullable=True,
        ),
        "within_budget": column(
            "boolean", "Whether the budget's support pays for it; empty without one", nullable=True
        ),
        "provenance": column(str, "real, derived or synthetic", isin=PROVENANCES),
    },
)

PLACES: Final = table(
    "places",
    "One row per place that was given",
    {
        "locality_code": column(str, "Code of the place", unique=True),
        "locality_name": column(str, "Name of the place"),
        "x": column("float64", "Easting of its point in the region's CRS", unit="m"),
        "y": column("float64", "Northing", unit="m"),
        "population": column("float64", "Inhabitants", unit="inhabitants", ge=0),
        "households": column("float64", "Households", unit="households", ge=0),
        "join": column(
            str, "backbone, existing, new, no_road, no_way or small (bredband.tables_backbone)",
            isin=JOINS,
        ),
        "road_distance_m": column(
            "float64", "From its point to the road or link; empty out of reach", unit="m",
            nullable=True,
        ),
        "joined_before": column(bool, "Has a way to the backbone today"),
        "joined_after": column(bool, "Has one when all stretches are there"),
        "ways_before": column(
            "Int64",
            "Ways to the backbone today that share no stretch: 0, 1, or 2 for two or more; empty"
            " where the backbone itself comes to it",
            nullable=True, ge=0, le=2,
        ),
        "ways_after": column(
            "Int64", "The same when all stretches are there", nullable=True, ge=0, le=2
        ),
        "single_cut": column(
            str,
            "Of the stretches whose loss alone cuts it off, the one with most households behind"
            " it; empty where there is none",
            nullable=True,
        ),
        "single_cuts": column("int64", "How many such stretches there are", ge=0),
        "second_way_sek": column(
            "float64",
            "What the cheapest second way of a place that keeps one way would cost; empty where"
            " there is none, or not looked for",
            unit="SEK", nullable=True, ge=0,
        ),
        "second_way_sek_per_household": column(
            "float64", "The same per household that would have a second way through it",
            unit="SEK", nullable=True, ge=0,
        ),
        "provenance": column(str, "real, derived or synthetic", isin=PROVENANCES),
    },
)  # fmt: skip

CUTS: Final = table(
    "cuts",
    "One row per stretch whose loss alone cuts places off, when all stretches are there; those"
    " with most households behind them first",
    {
        "stretch_id": _STRETCH,
        "from_place": column(str, "As in stretches"),
        "to_place": column(str, "As in stretches"),
        "new": column(bool, "True: a new stretch; False: existing fibre"),
        "length_m": column("float64", "Metres along the road", unit="m", ge=0),
        "places": column("int64", "Places behind it", ge=0),
        "place_names": column(str, "Their names, the largest first"),
        "population": column("float64", "Their inhabitants", unit="inhabitants", ge=0),
        "households": column("float64", "Their households", unit="households", ge=0),
        "second_way_sek": column(
            "float64",
            "What the cheapest second way of any place behind it would cost; empty where there is"
            " none, or not looked for",
            unit="SEK",
            nullable=True,
            ge=0,
        ),
        "provenance": column(str, "real, derived or synthetic", isin=PROVENANCES),
    },
)
