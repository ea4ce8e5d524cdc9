"""Fetching, against a server of our own that speaks Kolada's API and WFS, and fails at will."""

from __future__ import annotations

import email.utils
import hashlib
import io
import json
import socket
import threading
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import pytest
from bredband import cli
from bredband.fetch import COUNTRY, KPIS, FetchError, fetch_kolada, region_lines, source_path
from bredband.fetch_scb import fetch_scb
from bredband.kolada import read_kolada
from bredband.terminal import fetching
from bredband_gis import wfs
from bredband_gis.download import Patience, download
from bredband_gis.errors import (
    BadValueError,
    DownloadError,
    EmptyLayerError,
    OfflineError,
    WrongCrsError,
)
from bredband_gis.pages import Connection, Pages
from bredband_gis.sources import Source, read_layer
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 400  # 102 400 bytes: several pieces of a download
PAGE = b"<!DOCTYPE html><html><head><title>Are you human?</title></head></html>"


@dataclass
class Answer:
    """What the server says to one request."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None  # said in Content-Length; None: that of the body, -1: not said
    hang: bool = False


def js(value: object, **more: Any) -> Answer:
    headers = {"Content-Type": "application/json"} | more.pop("headers", {})
    return Answer(json.dumps(value).encode(), headers=headers, **more)


@dataclass
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Server:
    """A local server; ``answer`` is called for each request, ``first`` is used up before it."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], Answer] = lambda _: Answer(b"", 404)
        self.first: list[Answer] = []
        self.requests: list[Request] = []
        self.release = threading.Event()
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                at = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(at.query).items()}
                request = Request(at.path, query, dict(self.headers))
                with lock:
                    outer.requests.append(request)
                    said = outer.first.pop(0) if outer.first else outer.answer(request)
                self._say(said)

            def _say(self, said: Answer) -> None:
                if said.hang:
                    outer.release.wait(5)
                    self.close_connection = True
                    return
                self.send_response(said.status)
                for key, value in said.headers.items():
                    self.send_header(key, value)
                length = len(said.body) if said.length is None else said.length
                if length >= 0:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(said.body)
                self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Waits(list[float]):
    """Remembers how long one would have waited."""

    def patience(self, **more: Any) -> Patience:
        given: dict[str, Any] = {"connect_s": 2.0, "read_s": 2.0, "attempts": 4, "wait_s": 1.0}
        return Patience(**given | more, sleep=self.append)


@pytest.fixture
def waits() -> Waits:
    return Waits()


def seen(folder: Path) -> list[str]:
    """List what a person sees in a folder, and whatever else was left there."""
    return sorted(path.name for path in folder.rglob("*"))


# --- one file ---------------------------------------------------------------------------------


def test_a_file_is_fetched_whole_with_its_checksum(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.answer = lambda _: Answer(BODY, headers={"Content-Type": "x/y", "ETag": '"1"'})
    told: list[tuple[int, int | None]] = []
    got = download(
        f"{server.url}/a b", tmp_path / "new" / "a.bin", params={"q": "å"},
        headers={"User-Agent": "prov"}, patience=waits.patience(),
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert got.path.read_bytes() == BODY
    assert got.sha256 == hashlib.sha256(BODY).hexdigest()
    assert (got.bytes, got.content_type, got.etag, got.resumed_from) == (102_400, "x/y", '"1"', 0)
    assert abs(datetime.now(UTC) - got.fetched_at) < timedelta(minutes=1)
    assert told[-1] == (102_400, 102_400)
    assert seen(tmp_path) == ["a.bin", "new"]
    assert server.requests[0].query == {"q": "å"}
    assert server.requests[0].headers["User-Agent"] == "prov"
    assert waits == []


def test_500_twice_then_200_waits_twice_as_long(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.first = [Answer(status=500), Answer(status=503)]
    server.answer = lambda _: Answer(BODY)
    assert download(server.url, tmp_path / "a", patience=waits.patience()).bytes == len(BODY)
    assert waits == [1.0, 2.0]


def test_429_waits_as_long_as_the_server_asks(server: Server, waits: Waits, tmp_path: Path) -> None:
    later = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.first = [
        Answer(status=429, headers={"Retry-After": "7"}),
        Answer(status=429, headers={"Retry-After": later}),
        Answer(status=429, headers={"Retry-After": "soon"}),
    ]
    server.answer = lambda _: Answer(BODY)
    download(server.url, tmp_path / "a", patience=waits.patience())
    assert waits[0] == 7.0
    assert 27 < waits[1] <= 30
    assert waits[2] == 4.0


def test_a_server_that_asks_for_an_hour_is_left_alone(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.answer = lambda _: Answer(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(DownloadError, match="left alone for 3600 s"):
        download(server.url, tmp_path / "a", patience=waits.patience())
    assert waits == []
    assert seen(tmp_path) == []


def test_it_gives_up_after_so_many_attempts_and_keeps_the_old_file(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("old")
    server.answer = lambda _: Answer(status=502)
    with pytest.raises(DownloadError, match=r"asked 4 times .* 502"):
        download(server.url, tmp_path / "a", patience=waits.patience())
    assert waits == [1.0, 2.0, 4.0]
    assert (tmp_path / "a").read_text() == "old"
    assert seen(tmp_path) == ["a"]


def _ranged(request: Request, *, etag: str = '"v1"', body: bytes = BODY) -> Answer:
    """Answer as a server that can give the rest of a file, if it still is the same."""
    asked, version = request.headers.get("Range"), request.headers.get("If-Range")
    if asked and version == etag:
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        span = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", "ETag": etag}
        return Answer(body[start:], 206, span)
    return Answer(body, headers={"ETag": etag})


def _cut(at: int, *, body: bytes = BODY, **headers: str) -> Answer:
    """Answer with the beginning only, though the whole length is said."""
    return Answer(body[:at], headers=headers, length=len(body))


def test_a_cut_connection_is_taken_up_where_it_broke(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.first = [_cut(70_000, ETag='"v1"')]
    server.answer = _ranged
    got = download(server.url, tmp_path / "a", patience=waits.patience())
    assert got.path.read_bytes() == BODY
    # No more than one piece of 16 KiB is fetched again.
    assert 70_000 - 16_384 <= got.resumed_from <= 70_000
    assert server.requests[1].headers["Range"] == f"bytes={got.resumed_from}-"
    assert server.requests[1].headers["If-Range"] == '"v1"'
    assert seen(tmp_path) == ["a"]


def test_a_later_run_goes_on_where_the_first_gave_up(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.answer = lambda _: _cut(50_000, ETag='"v1"')
    with pytest.raises(DownloadError, match="bytes came"):
        download(server.url, tmp_path / "a", patience=waits.patience(attempts=1))
    assert not (tmp_path / "a").exists()
    server.answer = _ranged
    got = download(server.url, tmp_path / "a", patience=waits.patience())
    assert got.path.read_bytes() == BODY
    assert got.resumed_from > 30_000
    assert seen(tmp_path) == ["a"]


def test_a_part_of_another_address_is_not_used(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.answer = lambda _: _cut(50_000, ETag='"v1"')
    with pytest.raises(DownloadError):
        download(f"{server.url}/x", tmp_path / "a", patience=waits.patience(attempts=1))
    server.answer = _ranged
    got = download(f"{server.url}/y", tmp_path / "a", patience=waits.patience())
    assert (got.resumed_from, got.path.read_bytes()) == (0, BODY)


def test_a_server_without_range_gives_the_file_from_the_start(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.first = [_cut(50_000, ETag='"v1"')]
    server.answer = lambda _: Answer(BODY, headers={"ETag": '"v1"'})
    got = download(server.url, tmp_path / "a", patience=waits.patience())
    assert "Range" in server.requests[1].headers
    assert (got.resumed_from, got.path.read_bytes()) == (0, BODY)


@pytest.mark.parametrize("version", [{}, {"ETag": 'W/"v1"'}])
def test_without_a_strong_version_nothing_is_resumed(
    version: dict[str, str], server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.first = [_cut(50_000, **version)]
    server.answer = lambda _: Answer(BODY)
    download(server.url, tmp_path / "a", patience=waits.patience())
    assert "Range" not in server.requests[1].headers
    assert (tmp_path / "a").read_bytes() == BODY


def test_last_modified_is_a_version_too(server: Server, waits: Waits, tmp_path: Path) -> None:
    when = "Wed, 21 Oct 2026 07:28:00 GMT"
    server.first = [_cut(50_000, **{"Last-Modified": when})]
    server.answer = lambda request: _ranged(request, etag=when)
    assert download(server.url, tmp_path / "a", patience=waits.patience()).resumed_from > 0
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("careless", [False, True])
def test_a_file_that_changed_meanwhile_is_fetched_anew(
    careless: bool, server: Server, waits: Waits, tmp_path: Path
) -> None:
    other = BODY[::-1]
    server.first = [_cut(50_000, ETag='"v1"')]

    def answer(request: Request) -> Answer:
        said = _ranged(request, etag='"v2"', body=other)
        if careless and "Range" in request.headers:  # gives the rest of the new file all the same
            start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            span = f"bytes {start}-{len(other) - 1}/{len(other)}"
            return Answer(other[start:], 206, {"Content-Range": span, "ETag": '"v2"'})
        return said

    server.answer = answer
    download(server.url, tmp_path / "a", patience=waits.patience())
    assert (tmp_path / "a").read_bytes() == other


def test_a_wrong_range_and_416_begin_anew(server: Server, waits: Waits, tmp_path: Path) -> None:
    wrong = Answer(BODY[:10], 206, {"Content-Range": f"bytes 0-9/{len(BODY)}", "ETag": '"v1"'})
    for second in (wrong, Answer(status=416)):
        server.first = [_cut(50_000, ETag='"v1"'), second]
        server.answer = _ranged
        got = download(server.url, tmp_path / "a", patience=waits.patience())
        assert (got.resumed_from, got.path.read_bytes()) == (0, BODY)


def test_attempts_are_counted_anew_while_it_comes_further(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    def answer(request: Request) -> Answer:
        whole = _ranged(request)
        return Answer(whole.body[:20_000], whole.status, whole.headers, len(whole.body))

    server.answer = answer
    got = download(server.url, tmp_path / "a", patience=waits.patience(attempts=2))
    assert got.path.read_bytes() == BODY
    assert len(server.requests) > 3


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, len(BODY) - 1), max_size=3), resumable=st.booleans())
def test_however_it_is_cut_the_file_is_whole(
    cuts: list[int], resumable: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server, folder = Server(), tmp_path_factory.mktemp("cut")
    try:
        left = list(cuts)

        def answer(request: Request) -> Answer:
            whole = _ranged(request) if resumable else Answer(BODY)
            if not left:
                return whole
            return Answer(whole.body[: left.pop(0)], whole.status, whole.headers, len(whole.body))

        server.answer = answer
        got = download(server.url, folder / "a", patience=Waits().patience(attempts=9))
        assert got.path.read_bytes() == BODY
        assert seen(folder) == ["a"]
    finally:
        server.close()


def test_a_server_that_hangs_is_not_waited_for(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.answer = lambda _: Answer(hang=True)
    with pytest.raises(DownloadError, match=r"asked 2 times .* nothing came .* for 0\.2 s"):
        download(server.url, tmp_path / "a", patience=waits.patience(read_s=0.2, attempts=2))
    assert seen(tmp_path) == []


def test_a_refused_connection_says_so_at_once(waits: Waits, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(OfflineError, match="connection is refused"):
        download(f"http://127.0.0.1:{port}/", tmp_path / "a", patience=waits.patience())
    assert waits == []
    assert seen(tmp_path) == []


def test_no_network_says_so_at_once(
    waits: Waits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **more: object) -> object:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(OfflineError, match=r"name kolada\.invalid is not found"):
        download("https://kolada.invalid/v3", tmp_path / "a", patience=waits.patience())
    assert waits == []


def test_a_closed_proxy_says_so(
    waits: Waits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed.getsockname()[1]}")
    with pytest.raises(OfflineError, match="proxy"):
        download("http://kolada.invalid/v3", tmp_path / "a", patience=waits.patience())


@pytest.mark.parametrize(
    ("answer", "expect", "said"),
    [
        (Answer(PAGE, 404), "any", "answers 404"),
        (Answer(b"no layer", 400), "any", "400 Bad Request: no layer"),
        (Answer(PAGE, 403), "any", "403"),
        (Answer(PAGE), "json", "web page where JSON"),
        (Answer(b"\xef\xbb\xbf\n" + PAGE), "xml", "web page where XML"),
        (Answer(b"<?xml version='1.0'?><html></html>"), "xml", "web page where XML"),
        (Answer(b"<a/>", headers={"Content-Type": "text/xml"}), "json", "text/xml where JSON"),
        (Answer(b"{}"), "xml", "where XML should be"),
        (Answer(b""), "json", "answers with nothing"),
    ],
)
def test_what_is_not_asked_for_is_refused(
    answer: Answer, expect: Any, said: str, server: Server, waits: Waits, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("old")
    server.answer = lambda _: answer
    with pytest.raises(DownloadError, match=said) as told:
        download(server.url, tmp_path / "a", expect=expect, patience=waits.patience())
    assert told.value.fix
    assert "<html" not in str(told.value)
    assert seen(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("url", ["", "kolada", "ftp://x/y", "file:///etc/hosts", "http://"])
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError):
        download(url, tmp_path / "a")


def test_invalid_json_is_fetched_once_more(server: Server, waits: Waits, tmp_path: Path) -> None:
    cut = Answer(b'{"values": [1, 2', headers={"Content-Type": "application/json"}, length=-1)
    server.first = [cut]
    server.answer = lambda _: js({"values": [1, 2]})
    with Pages(tmp_path / "p", {}, Connection(patience=waits.patience())) as pages:
        assert pages.json("1", server.url) == {"values": [1, 2]}
    assert waits == [1.0]
    server.answer = lambda _: cut
    with (
        pytest.raises(DownloadError, match="no whole JSON"),
        Pages(tmp_path / "p", {}, Connection(patience=waits.patience())) as pages,
    ):
        pages.json("1", server.url)
    assert seen(tmp_path) == []


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
            return _cut(20, body=b'{"type": "FeatureCollection"}' * 9)
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


def test_pages_of_yesterday_and_of_another_request_are_not_used(
    server: Server, tmp_path: Path
) -> None:
    server.answer = lambda _: js({"n": len(server.requests)})
    connection = Connection(patience=Waits().patience())

    def ask(request: dict[str, object]) -> int:
        pages = Pages(tmp_path / "p", request, connection)
        pages.__enter__()
        got = pages.json("1", server.url)
        pages.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        return int(got["n"])

    assert ask({"a": 1}) == 1
    assert ask({"a": 1}) == 1
    assert ask({"a": 2}) == 2
    notes = tmp_path / "p" / "request.json"
    about = json.loads(notes.read_text())
    notes.write_text(json.dumps(about | {"begun": "2020-01-01T00:00:00+00:00"}))
    assert ask({"a": 2}) == 3
    notes.write_text("broken")
    assert ask({"a": 2}) == 4


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
        (["kolada", "--base", server.url], "web page where JSON"),
        (["kolada", "--base", gone], "connection is refused"),
        (["scb", "deso", "--base", server.url], "web page where XML"),
        (["scb", "deso", "--base", gone], "connection is refused"),
        (["scb", "deso", "--county", "Skåne"], "2 digits"),
    ):
        run = CliRunner().invoke(cli.main, ["fetch", *command, *out])
        assert run.exit_code == 1, run.output
        assert said in run.output
        assert "What to do" in run.output
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
