"""OpenStreetMap extracts: small ones written here, and all of Liechtenstein."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from bredband_gis.errors import EmptyLayerError, UnreadableSourceError
from bredband_gis.osm import read_osm, read_timestamp
from bredband_gis.sources import Layer, Source, read_layer, read_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# --------------------------------------------------------------------------------------
# a writer of .osm.pbf, after the format's public description (wiki.openstreetmap.org/wiki/PBF)
# --------------------------------------------------------------------------------------


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _packed(number: int, values: Iterable[int]) -> bytes:
    return _bytes(number, b"".join(map(_varint, values)))


def _deltas(values: list[int]) -> list[int]:
    return [_zigzag(b - a) for a, b in zip([0, *values], values, strict=False)]


Tags = dict[str, str]
KINDS = {"node": 0, "way": 1, "relation": 2}


@dataclass
class Extract:
    """A small extract; node numbers stand for places on a grid of 0.001 degrees."""

    nodes: dict[int, tuple[float, float, Tags]] = field(default_factory=dict)
    ways: dict[int, tuple[list[int], Tags]] = field(default_factory=dict)
    relations: dict[int, tuple[list[tuple[str, int, str]], Tags]] = field(default_factory=dict)

    def add_grid(self, columns: int = 10, rows: int = 10) -> Extract:
        """Put node 10 * row + column + 1 at (9.5 + column / 1000, 47.1 + row / 1000)."""
        for row in range(rows):
            for column in range(columns):
                place = (9.5 + column / 1000, 47.1 + row / 1000, {})
                self.nodes[10 * row + column + 1] = place
        return self

    def write(self, path: Path) -> Path:
        texts = [""]

        def text(value: str) -> int:
            if value not in texts:
                texts.append(value)
            return texts.index(value)

        def tagged(tags: Tags) -> bytes:
            return _packed(2, map(text, tags)) + _packed(3, map(text, tags.values()))

        groups = []
        if self.nodes:
            places = [[round(at[axis] * 1e7) for at in self.nodes.values()] for axis in (0, 1)]
            pairs = []
            for _, _, tags in self.nodes.values():
                pairs += [text(part) for pair in tags.items() for part in pair] + [0]
            dense = _packed(1, _deltas(list(self.nodes))) + _packed(8, _deltas(places[1]))
            groups.append(_bytes(2, dense + _packed(9, _deltas(places[0])) + _packed(10, pairs)))
        for number, (refs, tags) in self.ways.items():
            groups.append(_bytes(3, _int(1, number) + tagged(tags) + _packed(8, _deltas(refs))))
        for number, (members, tags) in self.relations.items():
            roles = _packed(8, [text(role) for _, _, role in members])
            ids = _packed(9, _deltas([member for _, member, _ in members]))
            kinds = _packed(10, [KINDS[kind] for kind, _, _ in members])
            groups.append(_bytes(4, _int(1, number) + tagged(tags) + roles + ids + kinds))
        table = b"".join(_bytes(1, value.encode()) for value in texts)
        block = _bytes(1, table) + b"".join(_bytes(2, group) for group in groups)
        head = _bytes(4, b"OsmSchema-V0.6") + _bytes(4, b"DenseNodes")
        path.write_bytes(_blob("OSMHeader", head) + _blob("OSMData", block))
        return path


def _blob(kind: str, data: bytes) -> bytes:
    blob = _int(2, len(data)) + _bytes(3, zlib.compress(data))
    header = _bytes(1, kind.encode()) + _int(3, len(blob))
    return struct.pack(">I", len(header)) + header + blob


def _at(column: float, row: float) -> tuple[float, float]:
    return 9.5 + column / 1000, 47.1 + row / 1000


def _n(column: int, row: int) -> int:
    return 10 * row + column + 1


def _ring(*corners: tuple[int, int]) -> list[int]:
    numbers = [_n(*corner) for corner in corners]
    return [*numbers, numbers[0]]


def _square(column: int, row: int, size: int = 1) -> list[int]:
    c, r, s = column, row, size
    return _ring((c, r), (c + s, r), (c + s, r + s), (c, r + s))


def _cells(geometry: shapely.Geometry) -> float:
    """Area in squares of the grid."""
    return float(shapely.area(geometry)) * 1e6


# --------------------------------------------------------------------------------------
# buildings
# --------------------------------------------------------------------------------------


def test_buildings_of_ways_and_relations(tmp_path: Path) -> None:
    extract = Extract().add_grid()
    extract.nodes[901] = (*_at(0.5, 0.5), {"addr:housenumber": "1"})
    extract.nodes[902] = (*_at(0.4, 0.5), {"addr:housenumber": "3"})
    extract.nodes[903] = (*_at(8.5, 8.5), {"addr:housenumber": "9"})
    extract.ways = {
        101: (_square(0, 0), {"building": "house", "building:levels": "2", "name": "Överås"}),
        102: (_square(2, 0), {"building": "yes", "addr:housenumber": "5;7;9"}),
        103: (_square(4, 0), {"building": "no"}),
        104: (_square(6, 0), {"landuse": "farm"}),
        105: ([_n(0, 2), _n(1, 2), _n(1, 3)], {"building": "shed"}),  # not closed
        106: (
            [*_square(2, 2)[:2], 999, *_square(2, 2)[3:]],
            {"building": "barn"},
        ),  # 999 is not there
        107: (_square(4, 4, 4), {"building": "yes"}),  # the outline of relation 201
        108: (_square(5, 5, 2), {}),  # its yard
        109: (_square(5, 5, 1), {"building": "shed"}),  # a shed in the yard
    }
    extract.relations = {
        201: (
            [("way", 107, "outer"), ("way", 108, "inner"), ("node", 901, "entrance")],
            {"type": "multipolygon", "building": "school", "amenity": "school"},
        ),
        202: ([("way", 101, "outer"), ("way", 777, "outer")],
              {"type": "multipolygon", "building": "yes"}),
        203: ([("way", 104, "outline")], {"type": "building", "building": "yes"}),
    }  # fmt: skip
    table = read_osm(extract.write(tmp_path / "a.osm.pbf"), "buildings")
    frame = table.frame.assign(reason=table.reason, geometry=table.geometry).set_index("osm_id")
    assert sorted(frame.index) == [
        "relation/201", "relation/202", "way/102", "way/105", "way/106", "way/109",
    ]  # fmt: skip
    used = frame[frame["reason"].isna()]
    assert sorted(used.index) == ["relation/201", "way/102", "way/109"]
    assert _cells(used.loc["relation/201", "geometry"]) == pytest.approx(16 - 4)
    assert used.loc["relation/201", "amenity"] == "school"
    assert used.loc["way/102", "addresses"] == 3
    assert frame.loc["way/105", "reason"] == "its outline is not closed"
    assert frame.loc["way/106", "reason"] == "some of its nodes are not in the extract"
    assert "some ways of its outline" in frame.loc["relation/202", "reason"]
    # Way 101 belongs to relation 202, which cannot be made: one building, set aside once.


def test_building_attributes(tmp_path: Path) -> None:
    extract = Extract().add_grid()
    extract.nodes[901] = (*_at(0.5, 0.5), {"addr:housenumber": "1"})
    extract.nodes[902] = (*_at(0.4, 0.5), {"addr:housenumber": "3"})
    extract.ways = {
        101: (_square(0, 0), {"building": "house", "building:levels": "2.5", "name": "Överås"}),
        102: (_square(2, 0), {"building": "yes", "building:levels": "two", "shop": "bakery"}),
    }
    path = extract.write(tmp_path / "a.osm.pbf")
    layer = read_layer(
        Source(path), name="premises", crs=2056, kind="premises", id_column="premises_id"
    )
    frame = layer.frame.set_index("premises_id")
    assert frame.loc["way/101", ["building", "name", "addresses"]].tolist() == [
        "house",
        "Överås",
        2,
    ]
    assert frame.loc["way/101", "levels"] == 2.5
    assert np.isnan(frame.loc["way/102", "levels"])
    assert frame.loc["way/102", "shop"] == "bakery"
    assert frame["building"].dtype == "str"
    # 0.001 degrees at 47.1 degrees north: 75.9 m by 111.2 m.
    assert frame.area.to_numpy() == pytest.approx(75.9 * 111.2, rel=2e-3)


# --------------------------------------------------------------------------------------
# roads
# --------------------------------------------------------------------------------------


def test_roads(tmp_path: Path) -> None:
    along = [_n(c, 0) for c in range(5)]
    extract = Extract().add_grid()
    extract.ways = {
        1: (along, {"highway": "residential", "name": "Storgatan", "surface": "asphalt"}),
        2: ([_n(2, 0), _n(2, 1)], {"highway": "track", "bridge": "yes"}),
        3: (along, {"highway": "proposed"}),
        4: (along, {"highway": "construction"}),
        5: (_square(0, 0), {"highway": "pedestrian", "area": "yes"}),
        6: (_square(0, 0), {"highway": "pedestrian"}),
        7: (along, {"railway": "rail"}),
        8: ([_n(0, 5), _n(1, 5), 998, 999, _n(4, 5), _n(5, 5), _n(6, 5)], {"highway": "service"}),
        9: ([_n(0, 6), 999, _n(2, 6)], {"highway": "service"}),
        10: ([_n(0, 7), _n(1, 7), 999], {"highway": "service"}),
    }
    path = extract.write(tmp_path / "a.osm.pbf")
    layer = read_layer(Source(path), name="roads", crs=2056, kind="line")
    frame = layer.frame.set_index("osm_id")
    assert sorted(frame.index) == ["way/1", "way/10", "way/2", "way/6", "way/8"]
    assert frame.loc["way/1", ["road_class", "name", "surface"]].tolist() == [
        "residential", "Storgatan", "asphalt",
    ]  # fmt: skip
    assert frame.loc["way/2", "bridge"] == "yes"
    # Cut by the extract's edge: what lies inside is kept.
    assert [len(part.coords) for part in frame.loc["way/8", "geometry"].geoms] == [2, 3]
    assert len(frame.loc["way/10", "geometry"].coords) == 2
    assert layer.set_aside["reason"].tolist() == [
        "no two neighbouring nodes of it are in the extract"
    ]
    # The shared node is one place after projection.
    third = shapely.get_coordinates(frame.loc["way/1", "geometry"])[2]
    assert tuple(shapely.get_coordinates(frame.loc["way/2", "geometry"])[0]) == tuple(third)


# --------------------------------------------------------------------------------------
# municipalities
# --------------------------------------------------------------------------------------

BOUNDARY = {"boundary": "administrative", "admin_level": "8", "type": "boundary"}


def _towns() -> Extract:
    """Two towns side by side: Ost has a hole that is West's exclave; Nord is cut off."""
    extract = Extract().add_grid()
    west = [_n(3, 0), _n(0, 0), _n(0, 3), _n(3, 3)]
    shared = [_n(3, 0), _n(3, 3)]
    east = [_n(3, 3), _n(9, 3), _n(9, 0), _n(3, 0)]
    extract.ways = {
        1: (west, {}),
        2: (shared, {}),
        3: (east, {}),
        4: (_square(5, 1)[:3], {}),  # the exclave's border, in two pieces
        5: (_square(5, 1)[2:], {}),
        6: ([_n(0, 3), _n(0, 6), _n(3, 6), _n(3, 3)], {}),
        7: (_square(0, 8), {"boundary": "administrative", "admin_level": "8"}),
        8: ([_n(0, 6), _n(0, 7)], {}),
    }
    extract.relations = {
        11: (
            [("way", 1, "outer"), ("way", 2, "outer"), ("way", 4, "outer"), ("way", 5, "outer"),
             ("node", 1, "admin_centre"), ("relation", 99, "subarea")],
            {**BOUNDARY, "name": "West", "ref:bfs": "7001", "ref": "W"},
        ),
        12: (
            [("way", 2, "outer"), ("way", 3, "outer"), ("way", 4, "inner"), ("way", 5, "inner")],
            {**BOUNDARY, "type": "multipolygon", "name": "Ost", "bfs:OBJECTVAL": "7002"},
        ),
        # The two ways here close into a small wrong polygon with what is missing left out.
        13: (
            [("way", 4, "outer"), ("way", 5, "outer"), ("way", 888, "outer")],
            {**BOUNDARY, "name": "Nord"},
        ),
        14: ([("way", 6, ""), ("way", 8, "")], {**BOUNDARY, "name": "Offen"}),
        15: ([("relation", 11, "outer")], {**BOUNDARY, "name": "Verband"}),
        16: ([("way", 3, "outer")], {**BOUNDARY, "admin_level": "6", "name": "Kreis"}),
        # A closed exclave does not make up for a border that is open.
        18: (
            [("way", 4, "outer"), ("way", 5, "outer"), ("way", 6, "outer")],
            {**BOUNDARY, "name": "Halv"},
        ),
        17: ([("way", 3, "outer")], {**BOUNDARY, "type": "multilinestring", "name": "Grenze"}),
    }  # fmt: skip
    return extract


def _read_towns(path: Path, **options: int) -> Layer:
    return read_layer(
        Source(path, **options),
        name="municipalities",
        crs=2056,
        kind="polygon",
        required=("municipality_code", "municipality_name"),
        id_column="municipality_code",
    )


def test_municipalities_with_exclave_and_hole(tmp_path: Path) -> None:
    path = _towns().write(tmp_path / "a.osm.pbf")
    table = read_osm(path, "municipalities")
    areas = dict(zip(table.frame["municipality_name"], map(_cells, table.geometry), strict=True))
    assert areas["West"] == pytest.approx(9 + 1)
    assert areas["Ost"] == pytest.approx(18 - 1)
    layer = _read_towns(path)
    codes = dict(
        zip(layer.frame["municipality_name"], layer.frame["municipality_code"], strict=True)
    )
    assert codes == {"West": "7001", "Ost": "7002"}
    one, other = layer.frame.geometry
    assert shapely.area(shapely.intersection(one, other)) < 1e-3
    assert one.geom_type == "MultiPolygon"
    reasons = dict(zip(layer.set_aside["id"], layer.set_aside["reason"], strict=True))
    assert reasons == {
        "13": "some ways of its boundary are not in the extract",
        "14": "the boundary is not closed",
        "15": "the boundary has no ways of its own as members",
        "18": "the boundary is not closed",
    }


def test_codes_that_two_share_give_way_to_the_relation(tmp_path: Path) -> None:
    extract = _towns()
    for number in (11, 12):
        members, tags = extract.relations[number]
        extract.relations[number] = (members, {**tags, "ref:scb": "2580"})
    layer = _read_towns(extract.write(tmp_path / "a.osm.pbf"))
    assert sorted(layer.frame["municipality_code"]) == ["11", "12"]


def test_other_admin_level(tmp_path: Path) -> None:
    path = _towns().write(tmp_path / "a.osm.pbf")
    with pytest.raises(EmptyLayerError) as caught:
        _read_towns(path, admin_level=7)
    assert "a.osm.pbf: the extract holds no municipalities of admin_level 7" in str(caught.value)
    assert "admin_level (7 in Sweden" in str(caught.value)


# --------------------------------------------------------------------------------------
# what can be wrong
# --------------------------------------------------------------------------------------


def test_layer_must_be_named_where_it_cannot_be_guessed(tmp_path: Path) -> None:
    path = _towns().write(tmp_path / "a.osm.pbf")
    for layer in (None, "hus"):
        with pytest.raises(UnreadableSourceError, match="buildings, roads, municipalities"):
            read_layer(Source(path, layer=layer), name="fibre", crs=2056, kind="line")
    with pytest.raises(EmptyLayerError, match="holds no roads"):
        read_layer(Source(path, layer="roads"), name="fibre", crs=2056, kind="line")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_extract_cut_off(tmp_path: Path, share: float) -> None:
    path = _towns().write(tmp_path / "a.osm.pbf")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnreadableSourceError, match=r"a\.osm\.pbf: the extract is cut off"):
        _read_towns(path)


def test_where_and_columns_on_an_extract(tmp_path: Path) -> None:
    path = _towns().write(tmp_path / "a.osm.pbf")
    source = Source(path, columns={"namn": "municipality_name"}, where="municipality_code = '7002'")
    layer = read_table(source, name="municipalities")
    assert layer.frame["namn"].tolist() == ["Ost"]


# --------------------------------------------------------------------------------------
# Liechtenstein
# --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def liechtenstein(shared_data: Path) -> Path:
    return shared_data / "liechtenstein" / "liechtenstein.osm.pbf"


AREAS_KM2 = {
    "Balzers": 19.6, "Eschen": 10.3, "Gamprin": 6.1, "Mauren": 7.5, "Planken": 5.3, "Ruggell": 7.4,
    "Schaan": 26.8, "Schellenberg": 3.5, "Triesen": 26.4, "Triesenberg": 29.8, "Vaduz": 17.3,
}  # fmt: skip
"""Areas by Liechtenstein's office of statistics, km2, 160 in all."""


def test_all_municipalities_of_liechtenstein(liechtenstein: Path) -> None:
    layer = _read_towns(liechtenstein)
    areas = dict(zip(layer.frame["municipality_name"], layer.frame.area / 1e6, strict=True))
    assert sorted(areas) == sorted(AREAS_KM2)
    for name, area in AREAS_KM2.items():
        assert areas[name] == pytest.approx(area, rel=0.025), name
    assert sum(areas.values()) == pytest.approx(160.5, abs=0.1)
    polygons = layer.frame.geometry.to_numpy()
    assert shapely.area(shapely.union_all(polygons)) == pytest.approx(shapely.area(polygons).sum())
    assert layer.frame["municipality_code"].is_unique
    assert layer.frame.set_index("municipality_name")["municipality_code"]["Vaduz"] == "7001"
    table = read_osm(liechtenstein, "municipalities")
    aside = table.frame["municipality_name"][[reason is not None for reason in table.reason]]
    assert set(aside) >= {"Feldkirch", "Buchs (SG)", "Sargans", "Fläsch", "Nenzing"}
    assert len(layer.set_aside) == 11
    assert layer.set_aside["reason"].str.contains("are not in the extract").all()


def test_roads_of_liechtenstein(liechtenstein: Path) -> None:
    layer = read_layer(Source(liechtenstein), name="roads", crs=2056, kind="line")
    assert len(layer.frame) == 4658
    assert layer.frame.length.sum() / 1000 == pytest.approx(1141.5, abs=0.5)
    assert layer.frame["road_class"].value_counts()["residential"] == 1108
    # A tenth of all vertices are shared by two roads or more: where the roads meet.
    xy, road = shapely.get_coordinates(layer.frame.geometry.to_numpy(), return_index=True)
    _, where = np.unique(xy, axis=0, return_inverse=True)
    pairs = np.unique(np.c_[where, road], axis=0)
    assert (np.bincount(pairs[:, 0]) > 1).sum() > 4000


def test_buildings_of_liechtenstein(liechtenstein: Path) -> None:
    layer = read_layer(
        Source(liechtenstein), name="premises", crs=2056, kind="premises", id_column="premises_id"
    )
    assert len(layer.frame) == 8993
    assert layer.facts["rows_in"] == 8995
    assert layer.frame.area.median() == pytest.approx(152, abs=1)
    assert layer.frame["addresses"].sum() == pytest.approx(975, abs=35)
    assert set(layer.set_aside["reason"]) == {"its outline is not closed"}


def test_real_extract_cut_off(liechtenstein: Path, tmp_path: Path) -> None:
    path = tmp_path / "kapad.osm.pbf"
    path.write_bytes(liechtenstein.read_bytes()[:600_000])
    with pytest.raises(UnreadableSourceError, match=r"kapad\.osm\.pbf"):
        _read_towns(path)


def test_the_extract_says_its_own_time(shared_data, tmp_path):
    found = read_timestamp(shared_data / "liechtenstein" / "liechtenstein.osm.pbf")
    assert found is not None
    assert found.isoformat() == "2015-07-27T21:14:01+00:00"
    (tmp_path / "a.osm.pbf").write_bytes(b"\x00\x00\x00\x05no")
    assert read_timestamp(tmp_path / "a.osm.pbf") is None
