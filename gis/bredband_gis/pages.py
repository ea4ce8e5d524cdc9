"""The pages of one long answer, kept until all of them have come.

An interrupted fetch goes on where it stopped: pages that have come are read from the
folder, as long as the request is the same and was begun less than a day ago. What the
pages make together is written elsewhere, whole; then the folder goes.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import requests

from bredband_gis.download import Patience, download
from bredband_gis.errors import GeodataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

KEPT: Final = timedelta(days=1)
"""Pages older than this are fetched again: the data may be others by now."""

_REQUEST: Final = "request.json"


@dataclass(frozen=True)
class Connection:
    """How to ask a server.

    Parameters
    ----------
    headers : mapping, optional
        Request headers.
    patience : Patience, optional
        Time-outs and attempts.
    progress : callable, optional
        Called with the name of the page, the bytes so far and in all (None: not known).
    """

    headers: Mapping[str, str] | None = None
    patience: Patience | None = None
    progress: Callable[[str, int, int | None], object] | None = None


class Pages:
    """A folder of the pages that one request has given so far.

    Use it as a context: the folder goes when the block completes. It stays, for the next
    attempt, when a page did not come or the run was stopped, and goes when what came
    turned out to be of no use: the same pages would be so again.

    Parameters
    ----------
    folder : Path
        Where the pages are kept.
    request : mapping
        What is asked for; pages of another request are thrown away.
    connection : Connection
        How to ask.

    Attributes
    ----------
    fetched, reused : int
        Pages that were asked for now, and that were there from before.
    """

    def __init__(self, folder: Path, request: Mapping[str, object], connection: Connection) -> None:
        self.folder = folder
        self.fetched = self.reused = 0
        self._broke_off = False
        self._connection = connection
        self._request = json.loads(json.dumps(dict(request)))
        self._session = requests.Session()

    def __enter__(self) -> Self:
        if not self._is_ours():
            self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()
        useless = error is None or (isinstance(error, GeodataError) and not self._broke_off)
        if useless or not any(self.folder.glob("page-*")):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ours(self) -> bool:
        try:
            notes = json.loads((self.folder / _REQUEST).read_text(encoding="utf-8"))
            begun = datetime.fromisoformat(notes["begun"])
            same = notes["request"] == self._request
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return same and timedelta(0) <= datetime.now(UTC) - begun < KEPT

    def _begin(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        notes = {"request": self._request, "begun": datetime.now(UTC).isoformat()}
        (self.folder / _REQUEST).write_text(json.dumps(notes), encoding="utf-8")

    def json(self, name: str, url: str, params: Mapping[str, str] | None = None) -> Any:
        """Give a page of JSON, from the folder or from the server.

        Raises
        ------
        OfflineError, DownloadError
            As :func:`bredband_gis.download.download`.
        """
        path = self.folder / f"page-{name}.json"
        read = _Reader()
        if path.is_file() and read(path) is None:
            self.reused += 1
            return read.value
        self._fetch(name, url, params, path, check=read)
        return read.value

    def xml(self, name: str, url: str, params: Mapping[str, str] | None = None) -> bytes:
        """Fetch a piece of XML anew: what a server has to offer may be other by now."""
        path = self.folder / f"{name}.xml"
        self._fetch(name, url, params, path, check=None)
        return path.read_bytes()

    def _fetch(
        self,
        name: str,
        url: str,
        params: Mapping[str, str] | None,
        path: Path,
        *,
        check: Callable[[Path], str | None] | None,
    ) -> None:
        connection = self._connection
        tell = connection.progress
        self._broke_off = True
        download(
            url,
            path,
            params=params,
            headers=connection.headers,
            expect="json" if check is not None else "xml",
            check=check,
            patience=connection.patience,
            progress=None if tell is None else lambda got, total: tell(name, got, total),
            session=self._session,
        )
        self._broke_off = False
        self.fetched += 1


class _Reader:
    """Reads JSON, keeps it, and says where it is broken."""

    def __init__(self) -> None:
        self.value: Any = None

    def __call__(self, path: Path) -> str | None:
        try:
            self.value = json.loads(path.read_bytes().decode("utf-8-sig"))
        except UnicodeDecodeError:
            return "the answer is not UTF-8 text"
        except ValueError as error:
            return f"the answer is no whole JSON ({error})"
        except RecursionError:
            return "the answer is JSON nested too deeply"
        return None
