"""A local web server that answers as told and fails at will, for the tests of fetching."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from bredband_gis.download import Patience

if TYPE_CHECKING:
    from collections.abc import Callable
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


class Waits(list[float]):
    """Remembers how long one would have waited."""

    def patience(self, **more: Any) -> Patience:
        given: dict[str, Any] = {"connect_s": 2.0, "read_s": 2.0, "attempts": 4, "wait_s": 1.0}
        return Patience(**given | more, sleep=self.append)


def seen(folder: Path) -> list[str]:
    """List what a person sees in a folder, and whatever else was left there."""
    return sorted(path.name for path in folder.rglob("*"))


def ranged(request: Request, *, etag: str = '"v1"', body: bytes = BODY) -> Answer:
    """Answer as a server that can give the rest of a file, if it still is the same."""
    asked, version = request.headers.get("Range"), request.headers.get("If-Range")
    if asked and version == etag:
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        span = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", "ETag": etag}
        return Answer(body[start:], 206, span)
    return Answer(body, headers={"ETag": etag})


def cut(at: int, *, body: bytes = BODY, **headers: str) -> Answer:
    """Answer with the beginning only, though the whole length is said."""
    return Answer(body[:at], headers=headers, length=len(body))
