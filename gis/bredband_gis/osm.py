"""OpenStreetMap extracts (.osm.pbf): buildings, roads and municipal boundaries.

Read with DuckDB's ST_ReadOSM, which gives nodes, ways and relations as they are,
since GDAL's driver leaves out boundary relations. Everything is in EPSG:4326, x
before y. Ways that share a node get the very same coordinates there.
"""

from __future__ import annotations

import datetime
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from bredband_gis.errors import EmptyLayerError, UnreadableSourceError
from bredband_gis.store import first_line, quote, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Objects = NDArray[np.object_]
    Ints = NDArray[np.int64]

LAYERS: Final = ("buildings", "roads", "municipalities")

BUILDING_TAGS: Final = {
    "building": "building",
    "levels": "building:levels",
    "flats": "building:flats",
    "amenity": "amenity",
    "shop": "shop",
    "office": "office",
    "craft": "craft",
    "tourism": "tourism",
    "leisure": "leisure",
    "healthcare": "healthcare",
    "name": "name",
    "street": "addr:street",
    "housenumber": "addr:housenumber",
    "postcode": "addr:postcode",
}
"""Our column = the tag. levels and flats become numbers, the others stay text."""

ROAD_TAGS: Final = {
    "road_class": "highway",
    "surface": "surface",
    "tracktype": "tracktype",
    "bridge": "bridge",
    "tunnel": "tunnel",
    "access": "access",
    "name": "name",
    "ref": "ref",
}

NOT_ROADS: Final = (
    "proposed", "planned", "construction", "platform", "abandoned", "razed", "demolished",
    "disused", "dismantled", "rest_area", "services", "bus_stop", "emergency_bay", "no",
)  # fmt: skip
"""Values of highway that are no road on the ground to follow."""

CODE_TAGS: Final = (
    "ref:scb", "ref:se:scb", "ref:bfs", "bfs:OBJECTVAL", "swisstopo:BFS_NUMMER", "ref:at:gkz",
    "de:amtlicher_gemeindeschluessel", "ref:INSEE", "ref:ine", "ref:kommune", "kommunenummer",
    "municipality:code", "ref",
)  # fmt: skip
"""Tags that hold a municipality's code, the first that is there counts."""


@dataclass(frozen=True)
class OsmTable:
    """One kind of thing from an extract.

    Attributes
    ----------
    frame : DataFrame
        Attributes; ``osm_id`` is e.g. ``"way/123"``.
    geometry : array of geometry
        In EPSG:4326; None where `reason` says why.
    reason : array of (str or None)
        Why a row cannot be used.
    """

    frame: pd.DataFrame
    geometry: Objects
    reason: Objects


def read_osm(path: Path, layer: str, *, admin_level: int = 8) -> OsmTable:
    """Read one kind of thing from an .osm.pbf file.

    Parameters
    ----------
    path : Path
        The extract.
    layer : {"buildings", "roads", "municipalities"}
        buildings: polygons of closed ways and multipolygons with a building tag, with the
        number of addresses on each. roads: lines of ways with a highway tag. municipalities:
        polygons of boundary relations, exclaves and holes included.
    admin_level : int
        For municipalities: the boundary's admin_level.

    Raises
    ------
    UnreadableSourceError
        The file is cut off, damaged or no extract.
    EmptyLayerError
        The extract holds nothing of this kind.
    """
    con = scratch()
    try:
        con.execute(f"CREATE TEMP VIEW osm AS SELECT * FROM ST_ReadOSM({quote(str(path))})")
        if layer == "buildings":
            table = _read_buildings(con)
        elif layer == "roads":
            table = _read_roads(con)
        else:
            table = _read_municipalities(con, admin_level)
    except duckdb.Error as error:
        reason = first_line(error).replace(str(path), path.name)
        msg = f"the extract is cut off, damaged or no .osm.pbf ({reason})"
        raise UnreadableSourceError(msg, where=path.name, fix="fetch it again") from None
    finally:
        con.close()
    if table.frame.empty:
        what = f"{layer} of admin_level {admin_level}" if layer == "municipalities" else layer
        msg = f"the extract holds no {what}"
        fix = "try another admin_level (7 in Sweden, 8 in Liechtenstein, Austria and Switzerland)"
        raise EmptyLayerError(
            msg, where=path.name, fix=fix if layer == "municipalities" else "take another extract"
        )
    return table


@dataclass(frozen=True)
class _Ways:
    """Ways with their nodes, one after the other."""

    id: Ints
    """Per way, rising."""
    way: Ints
    """Per node: position of its way."""
    xy: NDArray[np.float64]
    """Per node: longitude and latitude, nan where the extract lacks the node."""
    node: Ints
    """Per node: its id."""

    def missing(self) -> Ints:
        """Count the nodes of each way that the extract lacks."""
        return np.bincount(
            self.way, weights=np.isnan(self.xy[:, 0]), minlength=len(self.id)
        ).astype(np.int64)

    def length(self) -> Ints:
        """Count the nodes of each way."""
        return np.bincount(self.way, minlength=len(self.id)).astype(np.int64)

    def closed(self) -> NDArray[np.bool_]:
        """Tell which ways end where they begin, with three corners or more."""
        length = self.length()
        last = np.cumsum(length) - 1
        first = last - length + 1
        closed: NDArray[np.bool_] = (length >= 4) & (self.node[first] == self.node[last])
        return closed

    def lines(self, chosen: NDArray[np.bool_]) -> Objects:
        """Make lines of the chosen ways, None for the others."""
        return self._make(shapely.linestrings, chosen)

    def rings(self, chosen: NDArray[np.bool_]) -> Objects:
        """Make rings of the chosen ways, None for the others."""
        return self._make(shapely.linearrings, chosen)

    def _make(self, make: Any, chosen: NDArray[np.bool_]) -> Objects:
        geometry = np.full(len(self.id), None, dtype=object)
        nodes = chosen[self.way]
        if nodes.any():
            rank = np.cumsum(chosen) - 1
            geometry[chosen] = make(self.xy[nodes], indices=rank[self.way[nodes]])
        return geometry


def _read_ways(con: duckdb.DuckDBPyConnection, table: str) -> _Ways:
    """Read the nodes of the ways in a table (id, refs) that is sorted by id."""
    ways = con.execute(f"SELECT id, refs FROM {table} ORDER BY id").to_arrow_table()
    identifier = ways.column("id").to_numpy().astype(np.int64)
    refs = ways.column("refs").combine_chunks()
    if isinstance(refs, pa.ChunkedArray):  # an empty table
        refs = pa.array([], pa.list_(pa.int64()))
    node = refs.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    way = np.repeat(np.arange(len(identifier)), np.diff(refs.offsets.to_numpy()))
    found = con.execute(
        f"""SELECT id, lon, lat FROM osm WHERE kind = 'node'
            AND id IN (SELECT DISTINCT unnest(refs) FROM {table}) ORDER BY id"""
    ).fetchnumpy()
    known = np.asarray(found["id"], dtype=np.int64)
    xy = np.full((len(node), 2), np.nan)
    if len(known):
        place = np.minimum(np.searchsorted(known, node), len(known) - 1)
        there = known[place] == node
        xy[there, 0] = np.asarray(found["lon"], dtype=float)[place[there]]
        xy[there, 1] = np.asarray(found["lat"], dtype=float)[place[there]]
    return _Ways(identifier, way.astype(np.int64), xy, node)


def _tag_columns(tags: dict[str, str]) -> str:
    """Write the SQL that takes tags out as columns."""
    return ", ".join(f"tags[{quote(tag)}] AS {column}" for column, tag in tags.items())


def _read_roads(con: duckdb.DuckDBPyConnection) -> OsmTable:
    unwanted = ", ".join(map(quote, NOT_ROADS))
    con.execute(
        f"""CREATE TEMP TABLE roads AS SELECT id, refs, tags FROM osm
            WHERE kind = 'way' AND tags['highway'] NOT IN ({unwanted})
            AND coalesce(tags['area'], 'no') <> 'yes'"""
    )
    frame = (
        con.execute(
            f"SELECT 'way/' || id AS osm_id, {_tag_columns(ROAD_TAGS)} FROM roads ORDER BY id"
        )
        .to_arrow_table()
        .to_pandas()
    )
    ways = _read_ways(con, "roads")
    missing, length = ways.missing(), ways.length()
    geometry = ways.lines((missing == 0) & (length >= 2))
    # Where the extract's edge cuts a road, what lies inside is kept.
    for way in np.flatnonzero((missing > 0) & (length - missing >= 2)):
        geometry[way] = _known_runs(ways.xy[ways.way == way])
    reason = np.full(len(frame), None, dtype=object)
    reason[shapely.is_missing(geometry)] = "no two neighbouring nodes of it are in the extract"
    return OsmTable(frame, geometry, reason)


def _known_runs(xy: NDArray[np.float64]) -> Any:
    """Make a line of each run of known nodes; None where no run holds two."""
    there = ~np.isnan(xy[:, 0])
    edges = np.flatnonzero(np.diff(np.r_[False, there, False]))
    runs = [xy[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 2]
    lines = [shapely.linestrings(run) for run in runs]
    if len(lines) < 2:
        return lines[0] if lines else None
    return shapely.multilinestrings(lines)


def _relation_ways(con: duckdb.DuckDBPyConnection, relations: str, kind: str) -> pd.DataFrame:
    """List the member ways of relations: relation, way, role; and create a table of the ways."""
    con.execute(
        f"""CREATE TEMP TABLE {kind}_members AS SELECT DISTINCT relation, way, role FROM (
                SELECT id AS relation, unnest(refs) AS way, unnest(ref_roles) AS role,
                       unnest(ref_types) AS type FROM {relations})
            WHERE type = 'way'"""
    )
    con.execute(
        f"""CREATE TEMP TABLE {kind}_ways AS SELECT id, refs FROM osm
            WHERE kind = 'way' AND id IN (SELECT way FROM {kind}_members)"""
    )
    frame: pd.DataFrame = (
        con.execute(f"SELECT DISTINCT relation, way FROM {kind}_members ORDER BY relation, way")
        .to_arrow_table()
        .to_pandas()
    )
    return frame


def _assemble(
    relations: Ints, members: pd.DataFrame, ways: _Ways, what: str
) -> tuple[Objects, Objects]:
    """Make the polygon of each relation out of its member ways.

    Rings are closed end to end; a ring inside another is a hole, one inside a hole an
    island, whatever roles the members have.

    Returns
    -------
    tuple of array
        Polygons (None where there is a reason) and reasons.
    """
    whole = (ways.missing() == 0) & (ways.length() >= 2)
    lines = ways.lines(whole)
    geometry = np.full(len(relations), None, dtype=object)
    reason = np.full(len(relations), None, dtype=object)
    way = members["way"].to_numpy(dtype=np.int64)
    owner = np.searchsorted(relations, members["relation"].to_numpy(dtype=np.int64))
    place = np.searchsorted(ways.id, way)
    there = place < len(ways.id)
    there[there] = ways.id[place[there]] == way[there]
    there[there] = whole[place[there]]
    for relation in range(len(relations)):
        mine = owner == relation
        if not mine.any():
            reason[relation] = f"the {what} has no ways of its own as members"
        elif (mine & ~there).any():
            reason[relation] = f"some ways of its {what} are not in the extract"
        else:
            geometry[relation], reason[relation] = _polygon(lines[place[mine]], what)
    return geometry, reason


def _polygon(lines: Objects, what: str) -> tuple[Any, str | None]:
    _, cuts, dangles, _ = shapely.polygonize_full(lines)
    area = shapely.build_area(shapely.multilinestrings(lines))
    if shapely.is_empty(area) or not (shapely.is_empty(cuts) and shapely.is_empty(dangles)):
        return None, f"the {what} is not closed"
    return area, None


def _read_buildings(con: duckdb.DuckDBPyConnection) -> OsmTable:
    tags = _tag_columns(BUILDING_TAGS)
    con.execute(
        """CREATE TEMP TABLE relations AS SELECT id, refs, ref_roles, ref_types, tags FROM osm
           WHERE kind = 'relation' AND tags['building'] <> 'no' AND tags['type'] = 'multipolygon'"""
    )
    members = _relation_ways(con, "relations", "building")
    # A way that is the outline of a building relation is that building, not another one.
    con.execute(
        """CREATE TEMP TABLE buildings AS SELECT id, refs, tags FROM osm
           WHERE kind = 'way' AND tags['building'] <> 'no' AND id NOT IN
               (SELECT way FROM building_members WHERE coalesce(role, '') <> 'inner')"""
    )
    ways, parts = _read_ways(con, "buildings"), _read_ways(con, "building_ways")
    missing, closed = ways.missing(), ways.closed()
    geometry = ways.rings(closed & (missing == 0))
    made = ~shapely.is_missing(geometry)
    geometry[made] = shapely.polygons(geometry[made])
    reason = np.full(len(ways.id), None, dtype=object)
    reason[~closed] = "its outline is not closed"
    reason[missing > 0] = "some of its nodes are not in the extract"
    relations = np.unique(
        np.asarray(con.execute("SELECT id FROM relations").fetchnumpy()["id"], dtype=np.int64)
    )
    others, why = _assemble(relations, members, parts, "outline")
    frame = (
        con.execute(
            f"""SELECT * FROM (SELECT 0 AS part, id, 'way/' || id AS osm_id, {tags} FROM buildings
            UNION ALL SELECT 1, id, 'relation/' || id, {tags} FROM relations) ORDER BY part, id"""
        )
        .to_arrow_table()
        .to_pandas()
        .drop(columns=["part", "id"])
    )
    for column in ("levels", "flats"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce").astype(float)
    frame.insert(0, "premises_id", frame["osm_id"])
    geometry, reason = np.r_[geometry, others], np.r_[reason, why]
    frame["addresses"] = _count_addresses(con, geometry, frame["housenumber"])
    return OsmTable(frame, geometry, reason)


def _count_addresses(
    con: duckdb.DuckDBPyConnection, polygons: Objects, own: pd.Series[Any]
) -> Ints:
    """Count the address points on each building, and its own house numbers where more."""
    points = con.execute(
        "SELECT lon, lat FROM osm WHERE kind = 'node' AND tags['addr:housenumber'] IS NOT NULL"
    ).fetchnumpy()
    tree = shapely.STRtree(
        shapely.points(np.asarray(points["lon"], float), np.asarray(points["lat"], float))
    )
    building, _ = tree.query(polygons, predicate="intersects")
    inside = np.bincount(building, minlength=len(polygons))
    tagged = own.str.count("[;,]").add(1).fillna(0).to_numpy(dtype=np.int64)
    return np.maximum(inside, tagged).astype(np.int64)


def _read_municipalities(con: duckdb.DuckDBPyConnection, admin_level: int) -> OsmTable:
    con.execute(
        f"""CREATE TEMP TABLE relations AS SELECT id, refs, ref_roles, ref_types, tags FROM osm
            WHERE kind = 'relation' AND tags['boundary'] = 'administrative'
            AND tags['admin_level'] = '{int(admin_level)}'
            AND tags['type'] IN ('boundary', 'multipolygon')"""
    )
    members = _relation_ways(con, "relations", "boundary")
    ways = _read_ways(con, "boundary_ways")
    code = ", ".join(f"tags[{quote(tag)}]" for tag in CODE_TAGS)
    frame = (
        con.execute(
            f"""SELECT id, 'relation/' || id AS osm_id, coalesce({code}) AS municipality_code,
                coalesce(tags['name'], 'relation/' || id) AS municipality_name,
                tags['admin_level'] AS admin_level FROM relations ORDER BY id"""
        )
        .to_arrow_table()
        .to_pandas()
    )
    relations = frame["id"].to_numpy(dtype=np.int64)
    geometry, reason = _assemble(relations, members, ways, "boundary")
    own = frame["id"].astype("str")
    clear = frame["municipality_code"].notna() & ~frame["municipality_code"].duplicated(keep=False)
    frame["municipality_code"] = frame["municipality_code"].where(clear, own).astype("str")
    return OsmTable(frame.drop(columns="id"), geometry, reason)


def read_timestamp(path: Path) -> datetime.datetime | None:
    """Give the time that an extract describes, as its header says; None where it does not.

    Parameters
    ----------
    path : Path
        An .osm.pbf. Its first block is the header, whose field 32 is the replication
        time in seconds since 1970 (OpenStreetMap wiki, PBF format).
    """
    try:
        with path.open("rb") as file:
            start = dict(_fields(file.read(int.from_bytes(file.read(4), "big"))))
            blob = dict(_fields(file.read(int(start[3]))))
        header = dict(_fields(blob[1] if 1 in blob else zlib.decompress(bytes(blob[3]))))
        return datetime.datetime.fromtimestamp(int(header[32]), tz=datetime.UTC)
    except (OSError, KeyError, ValueError, TypeError, IndexError, OverflowError, zlib.error):
        return None


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Walk a protocol buffer message: each field's number and its number or bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        yield key >> 3, message[at : at + size]
        at += size
