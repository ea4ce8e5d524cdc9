"""Fetch a file from an address so that it is there whole, or not at all.

The body is written to ``<name>.part`` beside the file and takes its name when every
byte has come. Interrupted, the next attempt, in the same run or a later one, asks for
the rest (RFC 9110, Range with If-Range) where the server named a version of the file
(a strong ETag or Last-Modified) and starts afresh where it did not, or where the file
is another by now.
"""

from __future__ import annotations

import email.utils
import hashlib
import json
import os
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import requests
from urllib3 import exceptions as urllib3_errors

from bredband_gis.errors import DownloadError, OfflineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Expect = Literal["json", "xml", "any"]

_CHUNK: Final = 16_384
"""Bytes written at a time; what a cut connection loses at most."""

_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another one soon (RFC 9110, RFC 6585, RFC 8470)."""

_SNIFF: Final = 2048
_SHOWN: Final = 200


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to ask again.

    Parameters
    ----------
    connect_s, read_s : float
        Seconds to wait for a connection, and for the next bytes.
    attempts : int
        Times to ask; counted anew whenever a resumed download has come further.
    wait_s : float
        Seconds before the second attempt; doubled for each one after it.
    longest_wait_s : float
        Never wait longer than this. A server that asks for more (Retry-After) is
        taken at its word: the download ends with a message that says so.
    sleep : callable
        Waits so many seconds.
    """

    connect_s: float = 15.0
    read_s: float = 120.0
    attempts: int = 5
    wait_s: float = 1.0
    longest_wait_s: float = 60.0
    sleep: Callable[[float], object] = field(default=time.sleep, repr=False)


@dataclass(frozen=True)
class Downloaded:
    """A file that was fetched whole.

    Parameters
    ----------
    path : Path
        The file.
    url : str
        Its address with the query.
    bytes : int
        Size.
    sha256 : str
        Checksum.
    content_type, etag, last_modified : str
        What the server said; empty where it did not.
    fetched_at : datetime
        When the last byte came, UTC.
    resumed_from : int
        Bytes that were there from before; 0 where the download was not resumed.
    """

    path: Path
    url: str
    bytes: int
    sha256: str
    content_type: str
    etag: str
    last_modified: str
    fetched_at: datetime
    resumed_from: int


class _Again(Exception):  # noqa: N818 - no error yet: the reason for another attempt
    def __init__(self, why: str, *, wait_s: float = 0.0, further: bool = False) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        self.further = further


def download(
    url: str,
    path: Path,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    expect: Expect = "any",
    check: Callable[[Path], str | None] | None = None,
    patience: Patience | None = None,
    progress: Callable[[int, int | None], object] | None = None,
    session: requests.Session | None = None,
) -> Downloaded:
    """Fetch one file.

    Parameters
    ----------
    url : str
        http or https address.
    path : Path
        Where to put it; its folder is made. A file there is replaced when the new one
        is whole, and stays as it is until then.
    params, headers : mapping, optional
        Query and request headers.
    expect : {"json", "xml", "any"}
        Refuse anything else, above all a web page where data should be.
    check : callable, optional
        Looks at the whole body before it gets its name, and says what is wrong with it;
        such a body is fetched once more, as one that was cut off.
    patience : Patience, optional
        Time-outs and attempts.
    progress : callable, optional
        Called with the bytes so far and the bytes in all (None where not known).
    session : Session, optional
        Keeps the connection between files of the same server.

    Returns
    -------
    Downloaded

    Raises
    ------
    OfflineError
        The server cannot be reached.
    DownloadError
        It has no such file, refuses, keeps failing, or answers with something else.
    """
    patience = patience or Patience()
    full = _full_address(url, params)
    part = _Part(path, full)
    path.parent.mkdir(parents=True, exist_ok=True)
    own = session is None
    session = session or requests.Session()
    failures = 0
    try:
        while True:
            try:
                answer = _attempt(session, part, dict(headers or {}), patience, progress)
                _refuse_other(part.path, answer, expect, full)
                _recheck(part, check)
                break
            except _Again as again:
                failures = 1 if again.further else failures + 1
                wait = _wait(again, failures, patience, full)
                patience.sleep(wait)
    except DownloadError:
        part.keep_if_resumable()
        raise
    finally:
        if own:
            session.close()
    return part.finish(answer)


def _full_address(url: str, params: Mapping[str, str] | None) -> str:
    try:
        full = requests.Request("GET", url, params=dict(params or {})).prepare().url or ""
    except (requests.RequestException, ValueError) as error:
        msg = f"this is no address to fetch from ({error})"
        raise DownloadError(msg, where=url, fix="give one that begins with https://") from None
    if urlsplit(full).scheme not in {"http", "https"}:
        msg = "only http and https addresses can be fetched"
        raise DownloadError(msg, where=url, fix="give one that begins with https://")
    return full


def _wait(again: _Again, failures: int, patience: Patience, url: str) -> float:
    """Give the seconds to wait, or give up."""
    if again.wait_s > patience.longest_wait_s:
        msg = f"{again}; the server asks to be left alone for {again.wait_s:.0f} s"
        raise DownloadError(msg, where=url, fix="try again after that")
    if failures >= patience.attempts:
        times = f"{failures} times" if failures > 1 else "once"
        msg = f"asked {times} without getting the whole file: {again}"
        raise DownloadError(
            msg, where=url, fix="try again later; what has come is used where that is possible"
        )
    own = patience.wait_s * 2.0 ** (failures - 1)
    return max(again.wait_s, min(own, patience.longest_wait_s))


class _Part:
    """The unfinished file and what is known of the whole one."""

    def __init__(self, target: Path, url: str) -> None:
        self.target = target
        self.url = url
        self.path = target.with_name(f"{target.name}.part")
        self.notes = target.with_name(f"{target.name}.part.json")
        self.resumed_from = 0

    def known(self) -> dict[str, str]:
        """Give what the server said of the file when the part was begun."""
        try:
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(notes, dict) or notes.get("url") != self.url:
            return {}
        return {str(key): str(value) for key, value in notes.items()}

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def validator(self) -> str:
        """Name the version that the part is of; a weak ETag names none (RFC 9110 13.1.5)."""
        known = self.known()
        etag = known.get("etag", "")
        return etag if etag and not etag.startswith("W/") else known.get("last_modified", "")

    def begin(self, response: requests.Response) -> None:
        self.resumed_from = 0
        self.path.unlink(missing_ok=True)
        notes = {
            "url": self.url,
            "etag": response.headers.get("ETag", ""),
            "last_modified": response.headers.get("Last-Modified", ""),
        }
        self.notes.write_text(json.dumps(notes), encoding="utf-8")

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def keep_if_resumable(self) -> None:
        if not (self.size() and self.validator()):
            self.drop()

    def finish(self, answer: requests.Response) -> Downloaded:
        digest, size = _digest(self.path)
        os.replace(self.path, self.target)  # noqa: PTH105 - the name says what must happen
        self.notes.unlink(missing_ok=True)
        return Downloaded(
            path=self.target,
            url=self.url,
            bytes=size,
            sha256=digest,
            content_type=answer.headers.get("Content-Type", ""),
            etag=answer.headers.get("ETag", ""),
            last_modified=answer.headers.get("Last-Modified", ""),
            fetched_at=datetime.now(UTC),
            resumed_from=self.resumed_from,
        )


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, file.tell()


def _attempt(
    session: requests.Session,
    part: _Part,
    headers: dict[str, str],
    patience: Patience,
    progress: Callable[[int, int | None], object] | None,
) -> requests.Response:
    """Ask once, from where the part ends; afterwards the part is the whole file."""
    start, validator = part.size(), part.validator()
    # Compressed, neither Content-Length nor Range would speak of the file's own bytes.
    headers["Accept-Encoding"] = "identity"
    if start and validator:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        response = session.get(
            part.url,
            headers=headers,
            stream=True,
            timeout=(patience.connect_s, patience.read_s),
        )
    except (requests.RequestException, urllib3_errors.HTTPError) as error:
        raise _reason(error, part.url, patience) from None
    with response:
        _refuse_status(response, part)
        resumed = response.status_code == requests.codes.partial_content
        if resumed:
            total = _check_range(response, part, start)
        else:
            part.begin(response)
            start, total = 0, _length(response)
        got = _write(response, part, patience, start=start, total=total, progress=progress)
        if total is not None and got != total:
            if got > total:
                part.drop()
            why = f"{got} of {total} bytes came"
            raise _Again(why, further=resumed and got > start)
    return response


def _write(
    response: requests.Response,
    part: _Part,
    patience: Patience,
    *,
    start: int,
    total: int | None,
    progress: Callable[[int, int | None], object] | None,
) -> int:
    """Write the body to the end of the part; give its size then."""
    got = start
    if start:
        part.resumed_from = start
    with part.path.open("ab") as file:
        try:
            for chunk in _chunks(response):
                file.write(chunk)
                got += len(chunk)
                if progress is not None:
                    progress(got, total)
        except (requests.RequestException, urllib3_errors.HTTPError, OSError) as error:
            again = _reason(error, part.url, patience)
            if isinstance(again, _Again):
                again.further = bool(start) and got > start
            raise again from None
        file.flush()
        os.fsync(file.fileno())
    return got


def _chunks(response: requests.Response) -> Iterator[bytes]:
    yield from response.iter_content(_CHUNK)


def _length(response: requests.Response) -> int | None:
    given = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity").casefold() != "identity"
    return int(given) if given.isdigit() and not encoded else None


def _check_range(response: requests.Response, part: _Part, start: int) -> int | None:
    """Give the size of the whole file; ask again where the part is of another one."""
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    known = part.known()
    other = any(
        known.get(key) and response.headers.get(name) and known[key] != response.headers[name]
        for key, name in (("etag", "ETag"), ("last_modified", "Last-Modified"))
    )
    if unit.casefold() != "bytes" or first != str(start) or other:
        part.drop()
        why = "the file on the server is another than the one begun"
        raise _Again(why)
    return int(total) if total.isdigit() else None


def _refuse_status(response: requests.Response, part: _Part) -> None:
    code = response.status_code
    if code in {requests.codes.ok, requests.codes.partial_content}:
        return
    said = f"the server answers {code} {response.reason}".rstrip()
    if code == requests.codes.requested_range_not_satisfiable:
        part.drop()
        raise _Again(said)
    if code in _TRY_AGAIN:
        raise _Again(said, wait_s=_retry_after(response.headers.get("Retry-After", "")))
    part.drop()
    excerpt = _excerpt(response)
    if excerpt:
        said += f": {excerpt}"
    if code in {requests.codes.not_found, requests.codes.gone}:
        fix = "check the address and the name asked for; it may have got a new one"
    elif code in {requests.codes.unauthorized, requests.codes.forbidden}:
        fix = "the server wants a login or a browser: fetch the file by hand and name it instead"
    elif code == requests.codes.proxy_authentication_required:
        fix = "give the proxy's user and password in HTTPS_PROXY, or ask your IT support"
    else:
        fix = "check what is asked for; the server does not take it"
    raise DownloadError(said, where=part.url, fix=fix)


def _retry_after(value: str) -> float:
    """Read Retry-After: seconds, or a date (RFC 9110 10.2.3); 0 where there is none."""
    if value.strip().isdigit():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _excerpt(response: requests.Response) -> str:
    """Give the beginning of what a server says is wrong, where it is no web page."""
    try:
        body = next(response.iter_content(_SNIFF), b"")
    except (requests.RequestException, urllib3_errors.HTTPError, OSError):
        return ""
    if _is_page(body):
        return ""
    text = " ".join(body.decode("utf-8", errors="replace").split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def _is_page(body: bytes) -> bool:
    begun = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:_SNIFF].lower()
    return begun.startswith((b"<!doctype html", b"<html")) or (
        begun.startswith(b"<") and b"<html" in begun
    )


def _refuse_other(path: Path, answer: requests.Response, expect: Expect, url: str) -> None:
    """Refuse a web page, or anything else, where data were asked for."""
    if expect == "any":
        return
    with path.open("rb") as file:
        begun = file.read(_SNIFF).lstrip(b"\xef\xbb\xbf \t\r\n")
    good = (b"{", b"[") if expect == "json" else (b"<",)
    page = _is_page(begun)
    if begun.startswith(good) and not page:
        return
    path.unlink()
    if page:
        msg = f"the server answers with a web page where {expect.upper()} should be"
        fix = (
            "it is a check for robots, a login or a notice that the service is down: open the"
            " address in a browser, or wait and try again"
        )
    elif not begun:
        msg, fix = "the server answers with nothing", "try again later"
    else:
        shown = " ".join(begun[:_SHOWN].decode("utf-8", errors="replace").split())
        kind = answer.headers.get("Content-Type", "an unknown type")
        msg = f"the server answers with {kind} where {expect.upper()} should be: {shown}"
        fix = "check the address and what is asked for"
    raise DownloadError(msg, where=url, fix=fix)


def _recheck(part: _Part, check: Callable[[Path], str | None] | None) -> None:
    wrong = check(part.path) if check is not None else None
    if wrong:
        part.drop()
        raise _Again(wrong)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """List an error and what it came from, however the libraries wrapped it."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        here = waiting.pop(0)
        if not isinstance(here, BaseException) or id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        waiting += [*here.args, getattr(here, "reason", None), here.__cause__, here.__context__]


_UNREACHABLE: Final[tuple[tuple[tuple[type[BaseException], ...], str, str], ...]] = (
    (
        (requests.exceptions.ProxyError, urllib3_errors.ProxyError),
        "the proxy does not let {host} through",
        "check HTTP_PROXY and HTTPS_PROXY, or ask your IT support to open the address",
    ),
    (
        (requests.exceptions.SSLError, urllib3_errors.SSLError),
        "the certificate of {host} is not trusted",
        "your network may open secure traffic: point REQUESTS_CA_BUNDLE at its certificate",
    ),
    (
        (socket.gaierror,),
        "the name {host} is not found: there is no network, or the name is wrong",
        "check the connection, or fetch the file on another machine and copy it here",
    ),
    (
        (ConnectionRefusedError,),
        "nothing answers at {host}: the connection is refused",
        "check the address, the firewall and the proxy, or try again later",
    ),
    (
        (urllib3_errors.NewConnectionError,),
        "there is no way to {host}",
        "check the connection, or fetch the file on another machine and copy it here",
    ),
)
"""What asking again at once does not help against, and what does."""

_NO_CONNECTION: Final = (
    requests.exceptions.ConnectTimeout,
    urllib3_errors.ConnectTimeoutError,
)

_SILENCE: Final = (
    requests.exceptions.ReadTimeout,
    urllib3_errors.ReadTimeoutError,
    TimeoutError,
)

_CUT: Final = (
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    urllib3_errors.HTTPError,
    ConnectionError,
)


def _reason(error: BaseException, url: str, patience: Patience) -> _Again | DownloadError:
    """Say why there was no answer: worth another attempt, or not."""
    causes = list(_chain(error))
    host = urlsplit(url).netloc
    for kinds, what, fix in _UNREACHABLE:
        if any(isinstance(cause, kinds) for cause in causes):
            return OfflineError(what.format(host=host), where=url, fix=fix)
    if any(isinstance(cause, _NO_CONNECTION) for cause in causes):
        return _Again(f"no connection to {host} within {patience.connect_s:g} s")
    if any(isinstance(cause, _SILENCE) for cause in causes):
        return _Again(f"nothing came from {host} for {patience.read_s:g} s")
    for cause in causes:
        if isinstance(cause, urllib3_errors.IncompleteRead) and (cause.expected or 0) > 0:
            whole = cause.partial + (cause.expected or 0)
            return _Again(f"the connection was cut: {cause.partial} of {whole} bytes came")
    if any(isinstance(cause, _CUT) for cause in causes):
        return _Again("the connection was cut")
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        raise error  # the disk is full, say
    return DownloadError(f"it cannot be fetched ({error})", where=url, fix="check the address")
