"""Downloading: whole or not at all, resumed, patient, and clear about what went wrong."""

from __future__ import annotations

import email.utils
import hashlib
import json
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from bredband_gis.download import download
from bredband_gis.errors import DownloadError, OfflineError
from bredband_gis.pages import Connection, Pages
from hypothesis import given, settings
from hypothesis import strategies as st
from web_server import BODY, PAGE, Answer, Request, Server, Waits, cut, js, ranged, seen

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_cut_connection_is_taken_up_where_it_broke(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.first = [cut(70_000, ETag='"v1"')]
    server.answer = ranged
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
    server.answer = lambda _: cut(50_000, ETag='"v1"')
    with pytest.raises(DownloadError, match="bytes came"):
        download(server.url, tmp_path / "a", patience=waits.patience(attempts=1))
    assert not (tmp_path / "a").exists()
    server.answer = ranged
    got = download(server.url, tmp_path / "a", patience=waits.patience())
    assert got.path.read_bytes() == BODY
    assert got.resumed_from > 30_000
    assert seen(tmp_path) == ["a"]


def test_a_part_of_another_address_is_not_used(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.answer = lambda _: cut(50_000, ETag='"v1"')
    with pytest.raises(DownloadError):
        download(f"{server.url}/x", tmp_path / "a", patience=waits.patience(attempts=1))
    server.answer = ranged
    got = download(f"{server.url}/y", tmp_path / "a", patience=waits.patience())
    assert (got.resumed_from, got.path.read_bytes()) == (0, BODY)


def test_a_server_without_range_gives_the_file_from_the_start(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.first = [cut(50_000, ETag='"v1"')]
    server.answer = lambda _: Answer(BODY, headers={"ETag": '"v1"'})
    got = download(server.url, tmp_path / "a", patience=waits.patience())
    assert "Range" in server.requests[1].headers
    assert (got.resumed_from, got.path.read_bytes()) == (0, BODY)


@pytest.mark.parametrize("version", [{}, {"ETag": 'W/"v1"'}])
def test_without_a_strong_version_nothing_is_resumed(
    version: dict[str, str], server: Server, waits: Waits, tmp_path: Path
) -> None:
    server.first = [cut(50_000, **version)]
    server.answer = lambda _: Answer(BODY)
    download(server.url, tmp_path / "a", patience=waits.patience())
    assert "Range" not in server.requests[1].headers
    assert (tmp_path / "a").read_bytes() == BODY


def test_last_modified_is_a_version_too(server: Server, waits: Waits, tmp_path: Path) -> None:
    when = "Wed, 21 Oct 2026 07:28:00 GMT"
    server.first = [cut(50_000, **{"Last-Modified": when})]
    server.answer = lambda request: ranged(request, etag=when)
    assert download(server.url, tmp_path / "a", patience=waits.patience()).resumed_from > 0
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("careless", [False, True])
def test_a_file_that_changed_meanwhile_is_fetched_anew(
    careless: bool, server: Server, waits: Waits, tmp_path: Path
) -> None:
    other = BODY[::-1]
    server.first = [cut(50_000, ETag='"v1"')]

    def answer(request: Request) -> Answer:
        said = ranged(request, etag='"v2"', body=other)
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
        server.first = [cut(50_000, ETag='"v1"'), second]
        server.answer = ranged
        got = download(server.url, tmp_path / "a", patience=waits.patience())
        assert (got.resumed_from, got.path.read_bytes()) == (0, BODY)


def test_attempts_are_counted_anew_while_it_comes_further(
    server: Server, waits: Waits, tmp_path: Path
) -> None:
    def answer(request: Request) -> Answer:
        whole = ranged(request)
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
            whole = ranged(request) if resumable else Answer(BODY)
            if not left:
                return whole
            return Answer(whole.body[: left.pop(0)], whole.status, whole.headers, len(whole.body))

        server.answer = answer
        patience = Waits().patience(attempts=9)
        with requests.Session() as session:
            session.trust_env = False  # no proxy
            got = download(server.url, folder / "a", patience=patience, session=session)
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
