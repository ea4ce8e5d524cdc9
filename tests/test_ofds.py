"""Open Fibre Data Standard: what is existing fibre, what is set aside, what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from bredband.ofds import STATUSES, is_ofds, read_ofds, read_ofds_layer
from bredband.tables import SET_ASIDE, check_table
from bredband_gis.errors import (
    EmptyLayerError,
    GeodataError,
    UnreadableSourceError,
    WrongCrsError,
)
from bredband_gis.sources import Source
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

NET = {"id": "8e0c4f0a-0000-4000-8000-000000000025", "name": "Älvnät"}
LULEA, BODEN = [22.154, 65.584], [21.688, 65.825]


def _span(number: str, status: str | None = "operational", **more: Any) -> dict[str, Any]:
    span = {
        "id": number,
        "name": f"Sträcka {number}",
        "status": status,
        "start": "n1",
        "end": "n2",
        "route": {"type": "LineString", "coordinates": [LULEA, [21.9, 65.7], BODEN]},
        "physicalInfrastructureProvider": {"id": "SE-1", "name": "Rör AB"},
        "networkProviders": [{"id": "SE-2"}, {"id": "SE-3", "name": "Byanät"}],
        "readyForServiceDate": "2019-05-01",
        "transmissionMedium": ["fibre"],
        "fibreCount": 96,
    } | more
    return {key: value for key, value in span.items() if value is not None}


def _network(*spans: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        **NET,
        "nodes": [
            {"id": "n1", "name": "Luleå", "location": {"type": "Point", "coordinates": LULEA}},
            {"id": "n2", "name": "Boden", "location": {"type": "Point", "coordinates": BODEN}},
            {"id": "n3", "name": "utan plats"},
        ],
        "spans": list(spans),
        "organisations": [{"id": "SE-2", "name": "Nätet AB"}],
        "crs": {"name": "urn:ogc:def:crs:OGC::CRS84"},
    } | more


def _feature(span: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in span.items() if key != "route"}
    return {"type": "Feature", "geometry": span.get("route"), "properties": rest | {"network": NET}}


def _save(path: Path, *documents: object) -> Path:
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in documents), "utf-8")
    return path


ALL = [_span(str(n), status) for n, status in enumerate(STATUSES)]


def _files(folder: Path) -> list[Path]:
    """Write the same network in every form of the standard."""
    collection = {"type": "FeatureCollection", "features": [_feature(s) for s in ALL]}
    return [
        _save(folder / "package.json", {"networks": [_network(*ALL)]}),
        _save(folder / "network.json", _network(*ALL)),
        _save(folder / "spans.geojson", collection),
        _save(folder / "networks.jsonl", _network(*ALL[:3]), _network(*ALL[3:])),
        _save(folder / "spans.ndjson", *collection["features"]),
        _save(folder / "one.geojson", collection["features"][0]),
    ]


def test_every_form_gives_the_same_existing_fibre(tmp_path: Path) -> None:
    for path in _files(tmp_path):
        assert is_ofds(path), path.name
        got = read_ofds(path)
        assert got.spans["span_id"].tolist() == ["0"], path.name
        assert got.rows_in == len(got.spans) + len(got.set_aside)
        assert got.rows_in == (1 if path.name == "one.geojson" else 6)
        span = got.spans.iloc[0]
        whole = path.suffix in {".json", ".jsonl"}  # GeoJSON writes organisations out itself
        assert span["operator"] == ("Nätet AB, Byanät" if whole else "SE-2, Byanät")
        assert (span["name"], span["status"]) == ("Sträcka 0", "operational")
        assert (span["network"], span["in_service"], span["fibre_count"]) == ("Älvnät", 2019, 96)
        assert got.spans.crs.to_epsg() == 4326
        assert list(span.geometry.coords) == [tuple(LULEA), (21.9, 65.7), tuple(BODEN)]


def test_what_is_not_in_operation_is_listed_with_its_status(tmp_path: Path) -> None:
    got = read_ofds(_files(tmp_path)[0])
    check_table(got.set_aside, SET_ASIDE, where="set_aside")
    assert got.set_aside["row"].tolist() == [1, 2, 3, 4, 5]
    assert got.set_aside["id"].tolist() == ["1", "2", "3", "4", "5"]
    assert got.set_aside["reason"].tolist() == [
        f"{status}: {said}" for status, said in list(STATUSES.items())[1:]
    ]
    assert got.nodes["name"].tolist() == ["Luleå", "Boden"]


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        (_span("x", None), "no status"),
        (_span("x", "live"), "'live' is none of the standard's"),
        (_span("x", route=None), "a straight line is not its route"),
        (_span("x", route=None, start=None), "it has no route"),
        (_span("x", route={"type": "Point", "coordinates": LULEA}), "no line"),
        (_span("x", route={"type": "LineString", "coordinates": []}), "empty or broken"),
        (_span("x", route={"type": "LineString", "coordinates": [LULEA]}), "empty or broken"),
        (_span("x", route={"type": "LineString", "coordinates": [LULEA, LULEA]}), "no length"),
        (_span("x", transmissionMedium=["microwave"]), "no fibre"),
    ],
)
def test_a_span_that_is_no_existing_fibre_is_set_aside(
    span: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = _save(tmp_path / "n.json", {"networks": [_network(span, _span("ok"))]})
    got = read_ofds(path)
    assert got.spans["span_id"].tolist() == ["ok"]
    assert got.set_aside["row"].tolist() == [0]
    assert reason in got.set_aside["reason"][0]


def test_operator_falls_back_to_the_owner(tmp_path: Path) -> None:
    spans = [
        _span("a", networkProviders=None),
        _span("b", networkProviders=[], physicalInfrastructureProvider={"id": "SE-2"}),
        _span("c", networkProviders=None, physicalInfrastructureProvider=None),
        _span("d", networkProviders=None, physicalInfrastructureProvider=None,
              transmissionMediumOwner={"name": "Kabel AB"}),
        _span("e", transmissionMedium=["fibre", "microwave"], readyForServiceDate="snart",
              fibreCount="många"),
    ]  # fmt: skip
    got = read_ofds(_save(tmp_path / "n.json", _network(*spans))).spans
    assert got["operator"].fillna("-").tolist() == [
        "Rör AB", "Nätet AB", "-", "Kabel AB", "Nätet AB, Byanät",
    ]  # fmt: skip
    assert got[["in_service", "fibre_count"]].iloc[4].isna().all()


@pytest.mark.parametrize(
    ("name", "text", "error", "said"),
    [
        ("n.json", "", UnreadableSourceError, "empty"),
        ("n.json", '{"networks": [{"spans": [', UnreadableSourceError, "cut off"),
        ("n.jsonl", '{"type": "Feature"}\n{"type": ', UnreadableSourceError, "line 2 is cut off"),
        ("n.json", "[1, 2]", UnreadableSourceError, "no network"),
        ("n.json", '{"a": 1}', UnreadableSourceError, "holds an object of a"),
        ("n.json", "[" * 20_000, UnreadableSourceError, "nested|cut off"),
        ("n.json", json.dumps(_network()), EmptyLayerError, "nodes in it but no spans"),
        ("n.json", json.dumps(_network(nodes=[])), EmptyLayerError, "no spans in it"),
        ("n.json", json.dumps(_network(_span("1", "planned"))), EmptyLayerError, "none of its 1"),
        (
            "n.json",
            json.dumps(_network(_span("1"), crs={"name": "EPSG:3006"})),
            WrongCrsError,
            "EPSG:3006",
        ),
        (
            "n.json",
            json.dumps(
                _network(
                    _span(
                        "1", route={"type": "LineString", "coordinates": [[8e5, 7e6], [8e5, 8e6]]}
                    )
                )
            ),
            WrongCrsError,
            "no degrees",
        ),
    ],
)
def test_broken_files_are_told_apart(
    name: str, text: str, error: type[GeodataError], said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(error, match=said) as told:
        read_ofds(path)
    assert told.value.where
    assert told.value.fix


def test_missing_latin1_and_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError, match="no such file"):
        read_ofds(tmp_path / "none.json")
    with pytest.raises(UnreadableSourceError, match="folder"):
        read_ofds(tmp_path)
    (tmp_path / "l.json").write_bytes('{"networks": ["Älv"]}'.encode("latin-1"))
    with pytest.raises(UnreadableSourceError, match="UTF-8"):
        read_ofds(tmp_path / "l.json")


def test_other_files_are_not_taken_for_the_standard(tmp_path: Path) -> None:
    road = {"type": "Feature", "properties": {"name": "network"}, "geometry": None}
    assert not is_ofds(_save(tmp_path / "roads.geojson", road))
    assert not is_ofds(_save(tmp_path / "kolada.json", {"values": [], "count": 0}))
    assert not is_ofds(_save(tmp_path / "package.gpkg", {"networks": [_network(*ALL)]}))
    assert not is_ofds(tmp_path / "none.json")
    assert not is_ofds(tmp_path)


def test_as_a_layer_it_is_metric_and_keeps_its_rows(tmp_path: Path) -> None:
    spans = [_span("0", "planned"), _span("1"), _span("2", "inactive"), _span("3", name="Norr")]
    path = _save(tmp_path / "nät.json", _network(*spans))
    layer = read_ofds_layer(Source(path), crs="EPSG:3006")
    assert layer.frame.crs.to_epsg() == 3006
    assert layer.frame.index.tolist() == [1, 3]
    # 34 427 m on the ellipsoid; the projection's scale is within 0.1 % of it there.
    assert layer.frame.geometry.length.tolist() == pytest.approx([34_427, 34_427], rel=0.001)
    check_table(layer.set_aside, SET_ASIDE, where="set_aside")
    assert layer.set_aside["row"].tolist() == [0, 2]
    facts = layer.facts
    assert (facts["file"], facts["driver"], facts["bytes"]) == ("nät.json", "OFDS",
                                                              path.stat().st_size)  # fmt: skip
    assert (facts["rows_in"], facts["rows_out"], facts["rows_set_aside"]) == (4, 2, 2)

    named = read_ofds_layer(Source(path, where="name = 'Norr'"), crs="EPSG:3006")
    assert named.frame.index.tolist() == [3]

    skane = (350_000.0, 6_130_000.0, 480_000.0, 6_270_000.0)
    with pytest.raises(GeodataError) as told:
        read_ofds_layer(Source(path), crs="EPSG:3006", extent=skane)
    assert "nät.json" in str(told.value)
    assert "parquet" not in str(told.value)


@given(st.lists(st.tuples(st.sampled_from([*STATUSES, None, "x"]), st.booleans()), min_size=1))
def test_every_span_is_either_fibre_or_set_aside(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, bool]]
) -> None:
    spans = [
        _span(str(n), status, **({} if drawn else {"route": None}))
        for n, (status, drawn) in enumerate(rows)
    ]
    path = _save(tmp_path_factory.mktemp("ofds") / "n.json", _network(*spans))
    wanted = [n for n, (status, drawn) in enumerate(rows) if status == "operational" and drawn]
    if not wanted:
        with pytest.raises(EmptyLayerError):
            read_ofds(path)
        return
    got = read_ofds(path)
    assert got.spans["row"].tolist() == wanted
    assert sorted([*got.spans["row"], *got.set_aside["row"]]) == list(range(len(rows)))
    assert got.set_aside["reason"].str.len().gt(0).all()
