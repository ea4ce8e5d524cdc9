"""The schemas of the road network that trench is laid along."""

from __future__ import annotations

from typing import Final

from bredband.tables import MUNICIPALITY_CODE, column, table

ROAD_COMPONENTS: Final = table(
    "road_components",
    "Parts of the road network that hang together, one row each, the longest first",
    {
        "component_id": column("int64", "Number of the part, from 0", unique=True),
        "nodes": column("int64", "Nodes: crossings, ends, places of premises", ge=0),
        "edges": column("int64", "Stretches of road between nodes", ge=0),
        "length_m": column("float64", "Length of its roads", unit="m", ge=0),
        "fibre_m": column("float64", "Of it, with existing fibre in the road", unit="m", ge=0),
        "starts": column(
            "int64", "Nodes where new trench may start; where 0, nobody on it is reached", ge=0
        ),
        "premises": column(
            "int64", "Unserved premises to build for whose nearest road it is", unit="premises",
            ge=0,
        ),
        "households": column("int64", "Households in those premises", unit="households", ge=0),
        "x": column("float64", "Easting of a node in its middle", unit="m"),
        "y": column("float64", "Northing of a node in its middle", unit="m"),
        "municipality_code": MUNICIPALITY_CODE,
    },
)  # fmt: skip
