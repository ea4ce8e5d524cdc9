"""Fetching Kolada's figures and SCB's layers, from a server of our own that speaks as they do."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
from bredband import cli
from bredband.fetch import COUNTRY, KPIS, FetchError, fetch_kolada, region_lines, source_path
from bredband.fetch_scb import fetch_scb
from bredband.kolada import read_kolada
from bredband.terminal import fetching
from bredband_gis import wfs
from bredband_gis.errors import BadValueError, DownloadError, EmptyLayerError, WrongCrsError
from bredband_gis.pages import Connection
from bredband_gis.sources import Source, read_layer
from click.testing import CliRunner
from rich.console import Console
from web_server import PAGE, Answer, Request, Server, Waits, cut, js, seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# --- Kolada -----------------------------------------------------------------------------------

AREAS = {
    COUNTRY: "Riket", "0025": "Region Norrbotten", "0012": "Region Skåne",
    "2580": "Luleå", "2513": "Överkalix", "1280": "Malmö",
}  # fmt: skip
YEARS = (2019, 2020, 2021)
ROW = {"kpi": "N07900", "municipality": "2580", "period": 2020, "values": []}


@dataclass
class Kolada:
    """Answers as Kolada's API, some rows a page."""

    server: Server
    rows_per_page: int = 4
    empty_last: bool = False

    def __call__(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        assert parts[0] == "v3"
        rows = self._rows(parts[1:])
        if rows is None:
            return js({"detail": "Not Found"}, status=404)
        page = int(request.query.get("page", "1"))
        start = (page - 1) * self.rows_per_page
        some = rows[start : start + self.rows_per_page]
        more = start + self.rows_per_page < len(rows) or (self.empty_last and bool(some))
        # Kolada names its own host, whatever way one came to it.
        follows = f"https://api.kolada.invalid{request.path}?page={page + 1}" if more else None
        return js({"count": len(some), "values": some, "next_url": follows})

    def _rows(self, parts: list[str]) -> list[dict[str, Any]] | None:
        if parts == ["municipality"]:
            kinds = {code: "L" if code.startswith("00") else "K" for code in AREAS}
            return [{"id": c, "title": t, "type": kinds[c]} for c, t in AREAS.items()]
        if parts[0] == "kpi":
            return [{"id": parts[1], "title": "Tillgång"}] if parts[1] in KPIS else []
        asked = dict(zip(parts[1::2], parts[2::2], strict=True))
        if set(asked) - {"kpi", "municipality", "year"}:
            return None
        places = asked["municipality"].split(",") if "municipality" in asked else [*AREAS, "G123"]
        years = [int(y) for y in asked["year"].split(",")] if "year" in asked else YEARS
        assert len(places) <= 25
        assert len(years) <= 25
        return [
            {"kpi": asked["kpi"], "municipality": place, "period": year,
             "values": [{"gender": "T", "status": "", "value": 50.0 + year - 2019}]}
            for place in places for year in years if year in YEARS and place != "2513"
        ]  # fmt: skip


def test_kolada_page_by_page(server: Server, waits: Waits, tmp_path: Path) -> None:
    server.answer = Kolada(server)
    server.first = [Answer(status=500)]
    got = fetch_kolada(
        tmp_path, county="25", base=f"{server.url}/v3/",
        connection=Connection(patience=waits.patience()),
    )  # fmt: skip
    assert [one.path.name for one in got] == [f"kolada_{kpi}_25.json" for kpi in KPIS]
    assert seen(tmp_path) == sorted(
        name
        for kpi in KPIS
        for name in (f"kolada_{kpi}_25.json", f"kolada_{kpi}_25.json.source.json")
    )
    kept = json.loads(got[0].path.read_text("utf-8"))
    # Sweden, the county and Luleå in three years; Överkalix has none.
    assert (got[0].rows, kept["count"], len(kept["values"])) == (9, 9, 9)
    assert {row["municipality"] for row in kept["values"]} == {COUNTRY, "0025", "2580"}
    assert [a["title"] for a in kept["municipalities"]] == ["Riket", "Region Norrbotten", "Luleå"]
    assert got[0].notes == ("N07900: no figures for 2513 Överkalix",)
    assert got[0].year == 2021
    about = json.loads(source_path(got[0].path).read_text("utf-8"))
    body = got[0].path.read_bytes()
    assert about["sha256"] == hashlib.sha256(body).hexdigest()
    assert (about["bytes"], about["rows"], about["licence"]) == (len(body), 9, "Källa: Kolada")
    assert about["address"] == [f"{server.url}/v3/data/kpi/N07900/municipality/0000,0025,2513,2580"]
    assert datetime.fromisoformat(about["fetched_at"]).utcoffset() == timedelta(0)
    assert region_lines(got[0]) == ""
    # The reader of published figures understands what was written.
    table, _ = read_kolada(tmp_path)
    assert set(table["area_code"]) == {"00", "25", "2580"}
    assert table["share"].between(0.5, 0.52).all()


def test_kolada_all_places_one_year_and_an_empty_last_page(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.answer = Kolada(server, empty_last=True)
    connection = Connection(patience=waits.patience())
    got = fetch_kolada(tmp_path, kpis=["N07900"], years=[2020, 2020, 2021],
                       base=f"{server.url}/v3", connection=connection)  # fmt: skip
    assert got[0].rows == 10  # five places with figures, two years; the group is left out
    assert got[0].notes == ("N07900: 2 figures of groups of places left out",)
    assert any(r.path.endswith("/data/kpi/N07900/year/2020,2021") for r in server.requests)
    everything = fetch_kolada(tmp_path, kpis=["N07900"], base=f"{server.url}/v3",
                              connection=connection)  # fmt: skip
    assert everything[0].rows == 15
    some = fetch_kolada(tmp_path, kpis=["N07900"], municipalities=["2580"],
                        base=f"{server.url}/v3", connection=connection)  # fmt: skip
    assert some[0].path.name == "kolada_N07900_urval.json"
    assert some[0].rows == 9


def test_kolada_goes_on_where_it_was_interrupted(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    kolada = Kolada(server)
    base = f"{server.url}/v3"
    connection = Connection(patience=waits.patience(attempts=1))

    def answer(request: Request) -> Answer:
        return Answer(status=503) if request.query.get("page") == "3" else kolada(request)

    server.answer = answer
    with pytest.raises(DownloadError, match="503"):
        fetch_kolada(tmp_path, kpis=["N07900"], county="25", base=base, connection=connection)
    assert not list(tmp_path.glob("*.json"))
    asked = len(server.requests)
    server.answer = kolada
    got = fetch_kolada(tmp_path, kpis=["N07900"], county="25", base=base, connection=connection)
    assert got[0].rows == 9
    assert len(server.requests) == asked + 1
    assert seen(tmp_path) == ["kolada_N07900_25.json", "kolada_N07900_25.json.source.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": 99}, "says that it has 99 values"),
        ({"values": None}, "no list of values"),
        ({"values": [{"kpi": "N07900"}]}, "lack one of"),
        ({"next_url": "/v3/again"}, "in a ring"),
        ({"values": [ROW, ROW]}, "1 figures of N07900 came twice"),
    ],
)
def test_kolada_that_is_not_whole_is_refused(
    change: dict[str, Any], said: str, server: Server, waits: Waits, tmp_path: Path
) -> None:
    kolada = Kolada(server, rows_per_page=50)

    def answer(request: Request) -> Answer:
        if "/data/" not in request.path and "again" not in request.path:
            return kolada(request)
        return js({"count": None, "values": [ROW], "next_url": None} | change)

    server.answer = answer
    connection = Connection(patience=waits.patience())
    with pytest.raises(DownloadError, match=said):
        fetch_kolada(tmp_path, kpis=["N07900"], base=f"{server.url}/v3", connection=connection)
    assert seen(tmp_path) == []


def test_kolada_refuses_what_is_not_there(server: Server, waits: Waits, tmp_path: Path) -> None:
    server.answer = Kolada(server)
    base = f"{server.url}/v3"
    connection = Connection(patience=waits.patience())
    asked: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"county": "99"}, FetchError, "no county '99'"),
        ({"county": "Norrbotten"}, BadValueError, "2 digits"),
        ({"municipalities": ["9999"]}, FetchError, "no municipality 9999"),
        ({"municipalities": ["258"]}, BadValueError, "4 digits"),
        ({"county": "25", "municipalities": ["2580"]}, FetchError, "together"),
        ({"kpis": ["N99999"]}, FetchError, "no key figure N99999"),
        ({"kpis": ["../x"]}, FetchError, "no id of a key figure"),
        ({"kpis": []}, FetchError, "nothing"),
        ({"years": [1999]}, EmptyLayerError, "no figures of N07900"),
    ]
    for options, error, said in asked:
        with pytest.raises(error, match=said):
            fetch_kolada(tmp_path, **{"kpis": ["N07900"], "base": base,
                                      "connection": connection} | options)  # fmt: skip
        assert not list(tmp_path.glob("*.json")), options


# --- SCB --------------------------------------------------------------------------------------

LAYERS = (
    "stat:DeSO_2018", "stat:DeSO_2025", "stat:Tatorter_2020", "stat:Tatorter_2023",
    "stat:Smaorter_2023", "stat:befolkning_1km_2024",
)  # fmt: skip
E0, N0 = 800_000, 7_290_000


def _square(east: float, north: float, side: float = 1000) -> dict[str, Any]:
    corners = [(0, 0), (side, 0), (side, side), (0, side), (0, 0)]
    return {"type": "Polygon", "coordinates": [[[east + x, north + y] for x, y in corners]]}


def _layer(name: str) -> list[dict[str, Any]]:
    """Make a layer's rows: five, the last of them in Skåne."""
    kind = name.rpartition(":")[2].rpartition("_")[0]
    out = []
    for n in range(5):
        place = ("2580", "25", "Luleå") if n < 4 else ("1280", "12", "Malmö")
        east, north = (E0 + 1000 * n, N0) if n < 4 else (374_000, 6_163_000)
        own = {
            "DeSO": {"desokod": f"{place[0]}A{n:04d}", "kommunkod": place[0], "lanskod": place[1]},
            "Tatorter": {"tatortskod": f"{place[0]}T{n}", "tatort": f"By {n}", "bef": 200 + n,
                         "kommun": place[0], "kommunnamn": place[2], "lan": place[1]},
            "Smaorter": {"smaort": f"S{n}", "bef": 60, "kommun": place[0], "lan": place[1]},
            "befolkning_1km": {"rutid_scb": f"{east}{north}", "beftotalt": 3 * n},
        }[kind]  # fmt: skip
        out.append({"type": "Feature", "id": f"fid--{n}", "geometry": _square(east, north),
                    "properties": {"objectid": n, **own}})  # fmt: skip
    return out


@dataclass
class Scb:
    """Answers as SCB's GeoServer."""

    most: int = 1000
    matched: int | str | None = None
    northing_first: bool = False
    box_northing_first: bool = False
    change: Callable[[int, dict[str, Any]], None] = lambda start, answer: None

    def __call__(self, request: Request) -> Answer:
        asked = request.query
        assert asked["service"] == "WFS"
        assert asked["version"] == "2.0.0"
        if asked["request"] == "GetCapabilities":
            names = "".join(f"<FeatureType><Name>{n}</Name></FeatureType>" for n in LAYERS)
            head = '<?xml version="1.0"?><wfs:WFS_Capabilities xmlns:wfs="http://x/wfs/2.0" '
            body = f'{head}xmlns="http://x/wfs/2.0">{names}</wfs:WFS_Capabilities>'
            return Answer(body.encode(), headers={"Content-Type": "text/xml"})
        rows = _layer(asked["typeNames"])
        if asked["request"] == "DescribeFeatureType":
            names = [{"name": n, "type": "xsd:string", "localType": "string"}
                     for n in rows[0]["properties"]]  # fmt: skip
            names.insert(0, {"name": "sp_geometry", "type": "gml:Polygon", "localType": "Polygon"})
            return js({"featureTypes": [{"typeName": asked["typeNames"], "properties": names}]})
        return self._features(asked, rows)

    def _features(self, asked: dict[str, str], rows: list[dict[str, Any]]) -> Answer:
        assert asked["srsName"] == "EPSG:3006"
        assert asked["sortBy"] == "objectid"
        if "CQL_FILTER" in asked:
            column, _, value = asked["CQL_FILTER"].partition("=")
            rows = [r for r in rows if r["properties"][column] == value.strip("'")]
        if "bbox" in asked:
            *edges, crs = asked["bbox"].split(",")
            assert crs == "EPSG:3006"
            a, b, c, d = map(float, edges)
            minx, miny, maxx, maxy = (b, a, d, c) if self.box_northing_first else (a, b, c, d)
            rows = [r for r in rows if minx <= r["geometry"]["coordinates"][0][0][0] <= maxx
                    and miny <= r["geometry"]["coordinates"][0][0][1] <= maxy]  # fmt: skip
        start, count = int(asked["startIndex"]), min(int(asked["count"]), self.most)
        some = rows[start : start + count]
        if self.northing_first:
            for row in some:
                ring = row["geometry"]["coordinates"][0]
                row["geometry"]["coordinates"] = [[[y, x] for x, y in ring]]
        matched = len(rows) if self.matched is None else self.matched
        answer = {"type": "FeatureCollection", "features": some, "numberReturned": len(some),
                  "numberMatched": matched, "totalFeatures": matched}  # fmt: skip
        self.change(start, answer)
        return js(answer)


def _fetch(server: Server, out: Path, *layers: str, **more: Any) -> Any:
    given = {"page_rows": 2, "connection": Connection(patience=Waits().patience())}
    return fetch_scb(out, layers, base=server.url, **given | more)


@pytest.mark.parametrize("most", [1000, 1])
def test_a_layer_is_fetched_page_by_page(most: int, server: Server, tmp_path: Path) -> None:
    server.answer = Scb(most=most)
    (got,) = _fetch(server, tmp_path, "tätorter")
    assert seen(tmp_path) == ["Tatorter_2023.gpkg", "Tatorter_2023.gpkg.source.json"]
    frame = gpd.read_file(got.path)
    assert frame.crs.to_epsg() == 3006
    assert frame["tatortskod"].tolist() == ["2580T0", "2580T1", "2580T2", "2580T3", "1280T4"]
    assert frame["kommun"].tolist() == ["2580"] * 4 + ["1280"]
    assert frame.total_bounds.tolist() == [374_000, 6_163_000, E0 + 4000, N0 + 1000]
    about = json.loads(source_path(got.path).read_text("utf-8"))
    assert about["sha256"] == hashlib.sha256(got.path.read_bytes()).hexdigest()
    assert (about["rows"], about["rows_matched"], about["licence"]) == (5, [5], "CC0")
    assert about["pages"] == (3 if most == 1000 else 5)
    assert (about["address"], about["query"][0]["typeNames"]) == (server.url, "stat:Tatorter_2023")


def test_lines_for_region_toml_can_be_read_back(server: Server, tmp_path: Path) -> None:
    server.answer = Scb()
    got = _fetch(server, tmp_path / "scb", "tätorter", "småorter", "deso", "rutor", "kommuner")
    text = "\n\n".join(region_lines(one, folder=tmp_path / "region") for one in got)
    sources = tomllib.loads(text)["sources"]
    assert sources["localities"] == [
        {"path": "../scb/Tatorter_2023.gpkg", "source": "SCB, öppna geodata, Tatorter_2023",
         "licence": "CC0", "year": 2023, "constants": {"segment": "tätort"},
         "columns": {"locality_code": "tatortskod", "locality_name": "tatort",
                     "population": "bef"}},
        {"path": "../scb/Smaorter_2023.gpkg", "source": "SCB, öppna geodata, Smaorter_2023",
         "licence": "CC0", "year": 2023, "constants": {"segment": "småort"},
         "columns": {"locality_code": "smaort", "population": "bef"}},
    ]  # fmt: skip
    assert sources["deso"][0]["columns"] == {"deso_code": "desokod"}
    assert sources["deso"][0]["year"] == 2025
    assert sources["population"][0]["columns"] == {"population": "beftotalt"}
    assert sources["municipalities"][0]["provenance"] == "derived"


def test_municipalities_are_put_together_from_deso(server: Server, tmp_path: Path) -> None:
    server.answer = Scb()
    (got,) = _fetch(server, tmp_path, "kommuner")
    frame = gpd.read_file(got.path).set_index("municipality_code")
    assert frame["municipality_name"].to_dict() == {"1280": "Malmö", "2580": "Luleå"}
    # Four squares of 1 km side by side, and one.
    assert frame.area.to_dict() == {"1280": 1e6, "2580": 4e6}
    assert len(frame.geometry["2580"].exterior.coords) >= 5
    assert json.loads(source_path(got.path).read_text("utf-8"))["provenance"] == "derived"


def test_only_a_county(server: Server, tmp_path: Path) -> None:
    server.answer = Scb()
    places, grid = _fetch(server, tmp_path, "localities", "grid", county="25")
    assert places.path.name == "Tatorter_2023_25.gpkg"
    assert places.rows == 4
    # The grid names no county: the box around the county's DeSO areas.
    assert gpd.read_file(grid.path)["beftotalt"].tolist() == [0, 3, 6, 9]
    assert "box around 25" in grid.notes[0]
    with pytest.raises(EmptyLayerError, match="no feature"):
        _fetch(server, tmp_path, "deso", county="14")


def test_scbs_own_cells_come_through_unchanged(
    server: Server, tmp_path: Path, shared_data: Path
) -> None:
    real = gpd.read_file(shared_data / "sverige" / "scb_rutnat_1km_200_rutor.gpkg")
    rows = json.loads(real.set_crs(3006, allow_override=True).to_json())["features"]
    scb = Scb()

    def answer(request: Request) -> Answer:
        asked = request.query
        if asked["request"] != "GetFeature":
            return scb(request)
        some = rows[int(asked["startIndex"]) :][: int(asked["count"])]
        return js({"type": "FeatureCollection", "features": some, "numberMatched": len(rows)})

    server.answer = answer
    (got,) = _fetch(server, tmp_path, "rutor", page_rows=64)
    frame = gpd.read_file(got.path)
    assert len(frame) == 200
    assert frame["rutid_scb"].tolist() == real["rutid_scb"].tolist()
    assert frame["beftotalt"].sum() == real["beftotalt"].sum()
    assert frame.total_bounds.tolist() == real.total_bounds.tolist()
    assert frame.area.sum() == pytest.approx(200e6)
    layer = read_layer(
        Source(got.path, columns=got.columns), name="population", crs="EPSG:3006", kind="polygon",
        numeric=("population",),
    )  # fmt: skip
    assert layer.frame["population"].sum() == real["beftotalt"].sum()


@pytest.mark.parametrize("box_northing_first", [False, True])
def test_a_box_in_either_order_of_axes(
    box_northing_first: bool, server: Server, tmp_path: Path
) -> None:
    server.answer = Scb(box_northing_first=box_northing_first)
    box = (E0 - 1.0, N0 - 1.0, E0 + 2001.0, N0 + 1.0)
    (got,) = _fetch(server, tmp_path, "stat:DeSO_2018", bbox=box)
    assert got.rows == 3
    with pytest.raises(EmptyLayerError):
        _fetch(server, tmp_path, "deso", bbox=(0.0, 0.0, 1.0, 1.0))
    with pytest.raises(FetchError, match="together"):
        _fetch(server, tmp_path, "deso", bbox=box, county="25")


def test_northing_first_is_turned_and_elsewhere_is_refused(server: Server, tmp_path: Path) -> None:
    server.answer = Scb(northing_first=True)
    (got,) = _fetch(server, tmp_path, "deso")
    assert gpd.read_file(got.path).total_bounds.tolist() == [
        374_000, 6_163_000, E0 + 4000, N0 + 1000,
    ]  # fmt: skip
    assert got.notes == ("came with northing first; turned",)

    def degrees(start: int, answer: dict[str, Any]) -> None:
        for row in answer["features"]:
            row["geometry"] = _square(20.0, 65.0, 0.1)

    server.answer = Scb(change=degrees)
    with pytest.raises(WrongCrsError, match="do not fit EPSG:3006"):
        _fetch(server, tmp_path / "other", "deso")


def _repeat(start: int, answer: dict[str, Any]) -> None:
    if start == 2:
        answer["features"] = _layer("stat:DeSO_2025")[1:3]


def _grow(start: int, answer: dict[str, Any]) -> None:
    answer["numberMatched"] += start


def _lose(start: int, answer: dict[str, Any]) -> None:
    if start >= 4:
        answer["features"] = []


def _other(start: int, answer: dict[str, Any]) -> None:
    answer["type"] = "Other"


@pytest.mark.parametrize(
    ("scb", "said"),
    [
        (Scb(matched=9), "9 rows match, but gave 5"),
        (Scb(matched=3), "3 rows match, but gave 4"),
        (Scb(change=_lose), "5 rows match, but gave 4"),
        (Scb(change=_repeat), "1 rows came twice"),
        (Scb(change=_grow), "changed while it was fetched: 5 rows, then 7"),
        (Scb(change=_other), "no GeoJSON feature collection"),
    ],
)
def test_a_layer_that_is_not_whole_is_refused(
    scb: Scb, said: str, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "DeSO_2025.gpkg").write_text("old")
    server.answer = scb
    with pytest.raises(DownloadError, match=said):
        _fetch(server, tmp_path, "deso")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["DeSO_2025.gpkg"]
    assert (tmp_path / "DeSO_2025.gpkg").read_text() == "old"
    # What came is of no use for the next attempt, which gets everything anew.
    server.answer = Scb()
    assert _fetch(server, tmp_path, "deso")[0].rows == 5


def test_a_server_that_does_not_say_how_many_is_read_to_the_end(
    server: Server, tmp_path: Path
) -> None:
    server.answer = Scb(matched="unknown")
    (got,) = _fetch(server, tmp_path, "deso")
    assert got.rows == 5
    assert "not checked" in got.notes[0]


def test_a_layer_goes_on_where_it_was_interrupted(server: Server, tmp_path: Path) -> None:
    scb = Scb()
    patience = Waits().patience(attempts=1)

    def answer(request: Request) -> Answer:
        if request.query.get("startIndex") == "4":
            return cut(20, body=b'{"type": "FeatureCollection"}' * 9)
        return scb(request)

    server.answer = answer
    with pytest.raises(DownloadError, match="bytes came"):
        _fetch(server, tmp_path, "deso", connection=Connection(patience=patience))
    assert not list(tmp_path.glob("*.gpkg"))
    asked = len(server.requests)
    server.answer = scb
    assert _fetch(server, tmp_path, "deso")[0].rows == 5
    # What there is, asked anew, and the one page that was missing.
    assert len(server.requests) == asked + 2
    assert seen(tmp_path) == ["DeSO_2025.gpkg", "DeSO_2025.gpkg.source.json"]


def test_what_the_service_does_not_have_is_named(server: Server, tmp_path: Path) -> None:
    server.answer = Scb()
    with pytest.raises(FetchError, match="DeSO_2025"):
        _fetch(server, tmp_path, "DeSO_2024")
    with pytest.raises(FetchError, match="2020, 2023"):
        _fetch(server, tmp_path, "tätorter", year=1999)
    assert _fetch(server, tmp_path, "tätorter", year=2020)[0].year == 2020
    faults = (
        (b"<ExceptionReport><ExceptionText>closed</ExceptionText></ExceptionReport>", "closed"),
        (b"<Capabilities/>", "lists no layers"),
        (b"<Capabilities>", "no whole XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "entities"),
    )
    for body, said in faults:
        server.answer = lambda _, body=body: Answer(body)
        with pytest.raises(DownloadError, match=said):
            _fetch(server, tmp_path, "deso")


def test_a_layer_without_anything_to_sort_by() -> None:
    def columns(*names: str) -> list[wfs.Attribute]:
        return [wfs.Attribute(n, "string", is_geometry=n == "geom") for n in names]

    assert wfs.sort_column(columns("geom", "namn", "objektidentitet")) == "objektidentitet"
    assert wfs.sort_column(columns("namn", "kommunkod", "OBJECTID")) == "OBJECTID"
    assert wfs.sort_column(columns("namn", "desokod")) == "desokod"
    assert wfs.sort_column(columns("geom", "namn")) == "namn"
    assert wfs.sort_column(columns("geom")) is None


# --- the commands -----------------------------------------------------------------------------


def test_command_kolada(server: Server, tmp_path: Path) -> None:
    server.answer = Kolada(server)
    run = CliRunner().invoke(
        cli.main,
        ["fetch", "kolada", "--county", "25", "--kpi", "N07900", "--year", "2020",
         "--out", str(tmp_path), "--base", f"{server.url}/v3"],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert "kolada_N07900_25.json: 3\u00a0rader" in run.output
    assert "Jämför ett resultat med dem: bredband compare RESULTATMAPP" in run.output


def test_command_scb(server: Server, tmp_path: Path) -> None:
    server.answer = Scb()
    command = ["fetch", "scb", "tätorter", "--county", "25", "--out", str(tmp_path / "scb"),
               "--region", str(tmp_path / "region"), "--base", server.url]  # fmt: skip
    run = CliRunner().invoke(cli.main, [*command, "--lang", "en"])
    assert run.exit_code == 0, run.output
    assert "Write in region.toml:" in run.output
    lines = run.output.split("Write in region.toml:")[1]
    assert tomllib.loads(lines)["sources"]["localities"][0]["path"] == (
        "../scb/Tatorter_2023_25.gpkg"
    )
    assert "Skriv i region.toml:" in CliRunner().invoke(cli.main, command).output


def test_commands_end_with_1_and_a_message(server: Server, tmp_path: Path) -> None:
    server.answer = lambda _: Answer(PAGE)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
    out = ["--out", str(tmp_path)]
    for command, said in (
        (["kolada", "--base", server.url], "webbsida i stället för JSON"),
        (["kolada", "--base", gone], "anslutningen vägras"),
        (["scb", "deso", "--base", server.url], "webbsida i stället för XML"),
        (["scb", "deso", "--base", gone], "anslutningen vägras"),
        (["scb", "deso", "--county", "Skåne"], "2 siffror"),
        (["scb", "deso", "--base", gone, "--lang", "en"], "connection is refused"),
    ):
        run = CliRunner().invoke(cli.main, ["fetch", *command, *out])
        assert run.exit_code == 1, run.output
        assert said in run.output
        assert ("What to do" if "en" in command else "Gör så här") in run.output
        assert "Traceback" not in run.output
    assert CliRunner().invoke(cli.main, ["fetch", "scb"]).exit_code == 2
    assert seen(tmp_path) == []


def test_a_terminal_is_told_how_far_it_has_come() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    with fetching(console, language="sv") as connection:
        assert connection.progress is not None
        connection.progress("000000000", 1_500_000, 3_000_000)
        connection.progress("000000000", 1_600_000, None)
    assert "Hämtar 000000000: 1,60\u00a0MB" in out.getvalue().replace(" MB", "\u00a0MB")
    with fetching(None, language="en") as connection:
        assert connection.progress is None
