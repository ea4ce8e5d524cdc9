"""Fetch open data: Kolada's key figures, and SCB's grid, localities, DeSO and municipalities.

Nothing here asks the network for anything unless it is called; the commands
``bredband fetch kolada`` and ``bredband fetch scb`` do. Everything that is fetched is
there whole or not at all, with ``<file>.source.json`` beside it: address, query, time,
licence, checksum and rows.

How sure the addresses are, looked up in stored copies of public pages and code and not
tried against the live services:

- Kolada's API v3: https://api.kolada.se/v3, paths ``data/kpi/ID/municipality/IDS[/year/YEARS]``,
  ``data/kpi/ID/year/YEARS``, ``municipality`` and ``kpi/ID``, ``page`` and ``per_page`` (5000);
  answers of ``count``, ``values`` and ``next_url``: in the code of several independent users
  (F). That about 25 ids or years go into one path is what users ran into (F); v2 is closed.
  Terms, on kolada.se's page about the API: free of charge, no agreement, "Källa: Kolada" (F).
- SCB's WFS: https://geodata.scb.se/geoserver/stat/wfs; the layers listed in its
  GetCapabilities as quoted by a user, among them befolkning_1km_2015–2024,
  Tatorter_1980–2023, Smaorter_1990–2023, DeSO_2018 and DeSO_2025 (F). It lists no
  municipalities (F): theirs are DeSO areas put together by ``kommunkod`` (derived).
  Which layers there are now is asked of the service each time. Licence CC0 (F).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from bredband_gis.errors import BadValueError, DownloadError, EmptyLayerError, GeodataError
from bredband_gis.pages import Connection, Pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KOLADA: Final = "https://api.kolada.se/v3"

KPIS: Final = ("N07900", "N07918", "N07919", "N07920")
"""Access to 100 Mbit/s; access or possibility of 1 Gbit/s: all, in built-up, in rural areas."""

COUNTRY: Final = "0000"
"""Kolada's id of Sweden; a county is 00 and its two digits."""

_PER_PAGE: Final = 5000
_PER_PATH: Final = 25
_FIRST_YEAR: Final = 2007
_MOST_PAGES: Final = 1000

KOLADA_LICENCE: Final = "Källa: Kolada"
_KOLADA_TERMS: Final = (
    "Free of charge without an agreement; name the source as 'Källa: Kolada'; own"
    " calculations must not be given as Kolada's (kolada.se/om-oss/api, read in a stored copy)"
)

_VERSION: Final = version("bredband")

HEADERS: Final = {"User-Agent": f"bredband/{_VERSION}"}


class FetchError(GeodataError):
    """What was asked for is not among what the service has."""


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched, and what to write of it in region.toml.

    Parameters
    ----------
    path : Path
        The file; ``<path>.source.json`` is beside it.
    rows : int
        Rows, or figures, in it.
    source, licence : str
        As they should be cited.
    year : int or None
        Year that the data describe; the last one of several.
    provenance : str
        real, or derived where it was made from what was fetched.
    section : str or None
        Which [sources.…] it goes under; None where it is no source of a region.
    columns, constants : dict
        For region.toml: our column = the file's, and columns of one value.
    notes : tuple of str
        What the planner should know.
    """

    path: Path
    rows: int
    source: str
    licence: str
    year: int | None
    provenance: str = "real"
    section: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def region_lines(fetched: Fetched, *, folder: Path | None = None) -> str:
    """Write the lines of region.toml that name a fetched file.

    Parameters
    ----------
    fetched : Fetched
        The file.
    folder : Path, optional
        The region's folder: the path is then written as seen from there.

    Returns
    -------
    str
        TOML; empty where the file is no source of a region.
    """
    if fetched.section is None:
        return ""
    path = fetched.path.resolve()
    shown = path.as_posix() if folder is None else _seen_from(path, folder.resolve())
    lines = [f"[[sources.{fetched.section}]]", f"path = {_quoted(shown)}"]
    for key in ("columns", "constants"):
        pairs = ", ".join(f"{k} = {_quoted(v)}" for k, v in getattr(fetched, key).items())
        if pairs:
            lines.append(f"{key} = {{ {pairs} }}")
    if fetched.provenance != "real":
        lines.append(f"provenance = {_quoted(fetched.provenance)}")
    lines += [f"source = {_quoted(fetched.source)}", f"licence = {_quoted(fetched.licence)}"]
    if fetched.year is not None:
        lines.append(f"year = {fetched.year}")
    return "\n".join(lines)


def _seen_from(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def fetch_kolada(
    out: Path,
    *,
    kpis: Sequence[str] = KPIS,
    county: str | None = None,
    municipalities: Sequence[str] = (),
    years: Sequence[int] = (),
    base: str = KOLADA,
    connection: Connection | None = None,
) -> list[Fetched]:
    """Fetch key figures from Kolada: one file per KPI, as the API gives them.

    Parameters
    ----------
    out : Path
        Folder of the files. All of them are written, or none.
    kpis : sequence of str
        Ids of the key figures.
    county : str, optional
        Two digits: its municipalities, the county itself and Sweden.
    municipalities : sequence of str
        Four digits each: these, their counties and Sweden. Neither: all there are.
    years : sequence of int
        All where empty.
    base : str
        Address of the API.
    connection : Connection, optional
        How to ask.

    Returns
    -------
    list of Fetched
        In the order of `kpis`.

    Raises
    ------
    OfflineError, DownloadError
        The service cannot be reached, or its answer is not whole.
    FetchError
        There is no such KPI, county or municipality.
    BadValueError
        A code is not of the right number of digits.
    EmptyLayerError
        There are no figures for what was asked.
    """
    base = base.rstrip("/")
    _check_asked(kpis, county, municipalities)
    asked = {
        "base": base, "kpis": list(kpis), "county": county,
        "municipalities": list(municipalities), "years": sorted(set(years)),
    }  # fmt: skip
    written: list[tuple[str, bytes, dict[str, Any], Fetched]] = []
    with Pages(out / "kolada.part", asked, connection or Connection(headers=HEADERS)) as pages:
        areas = list(_all_pages(pages, "areas", f"{base}/municipality"))
        names = {str(a.get("id")): str(a.get("title", "")) for a in areas if isinstance(a, dict)}
        wanted = _choose_areas(names, county, municipalities, base)
        place = f"_{county}" if county else "_urval" if municipalities else ""
        for kpi in kpis:
            about = _about_kpi(pages, base, kpi)
            paths = list(_kolada_paths(base, kpi, wanted, sorted(set(years))))
            found = [
                row
                for part, path in enumerate(paths)
                for row in _all_pages(pages, f"{kpi}-{part:03d}", path)
            ]
            values, notes = _check_figures(found, kpi, wanted, names)
            kept = {
                "kpi": about,
                "count": len(values),
                "municipalities": [
                    {"id": code, "title": names.get(code, "")}
                    for code in sorted({row["municipality"] for row in values})
                ],
                "values": values,
            }
            body = json.dumps(kept, ensure_ascii=False, indent=1).encode()
            source = f"Kolada, {kpi} {about.get('title', '')}".strip()
            fetched = Fetched(
                path=out / f"kolada_{kpi}{place}.json",
                rows=len(values),
                source=source,
                licence=KOLADA_LICENCE,
                year=max(int(row["period"]) for row in values),
                notes=notes,
            )
            facts = {"address": paths, "query": asked, "terms": _KOLADA_TERMS}
            written.append((kpi, body, facts, fetched))
        for _, body, facts, fetched in written:
            _write(fetched, body, facts)
    return [fetched for *_, fetched in written]


def _check_asked(kpis: Sequence[str], county: str | None, municipalities: Sequence[str]) -> None:
    wrong = [kpi for kpi in kpis if not re.fullmatch(r"[A-Z]\d{5}", kpi)]
    if wrong or not kpis:
        msg = f"{', '.join(map(repr, wrong)) or 'nothing'} is no id of a key figure"
        raise FetchError(msg, fix="write a letter and five digits, e.g. N07900")
    check_codes(municipalities, digits=4, what="municipality")
    if county is not None:
        check_codes([county], digits=2, what="county")
        if municipalities:
            msg = "a county and municipalities cannot be asked for together"
            raise FetchError(msg, fix="leave one of them out")


def _all_pages(pages: Pages, name: str, address: str) -> Iterator[Any]:
    """Follow next_url from page to page and give the values."""
    params: dict[str, str] | None = {"page": "1", "per_page": str(_PER_PAGE)}
    url = address
    seen: set[str] = set()
    so_far = 0
    for number in range(1, _MOST_PAGES + 1):
        answer = pages.json(f"{name}-{number:04d}", url, params)
        values = _values(answer, url)
        so_far += len(values)
        following = answer.get("next_url")
        # Users' code does not show whether count is of the page or of all of them.
        count = answer.get("count")
        if not following and isinstance(count, int) and count not in {len(values), so_far}:
            msg = f"the answer says that it has {count} values, but has {so_far}"
            raise DownloadError(msg, where=url, fix="fetch it again")
        yield from values
        if not following:
            return
        # Only the path and query: an API behind a proxy may name a host of its own.
        url, params = _on_same_host(str(following), address), None
        if url in seen:
            break
        seen.add(url)
    msg = "the pages go round in a ring, each naming another that follows"
    raise DownloadError(msg, where=address, fix="fetch it again later")


def _values(answer: Any, url: str) -> list[Any]:
    if isinstance(answer, dict):
        values = answer.get("values", answer.get("results"))
        if isinstance(values, list):
            return values
        if "id" in answer:  # one thing alone, not in a list
            return [answer]
    msg = f"the answer has no list of values: {json.dumps(answer, ensure_ascii=False)[:200]}"
    raise DownloadError(msg, where=url, fix="check that the address is Kolada's API v3")


def _on_same_host(url: str, base: str) -> str:
    ours = urlsplit(base)
    return urlunsplit((ours.scheme, ours.netloc, *urlsplit(url)[2:]))


def _choose_areas(
    names: dict[str, str], county: str | None, municipalities: Sequence[str], base: str
) -> list[str]:
    """List the ids to ask for; none for all there are."""
    codes = [code for code in names if re.fullmatch(r"\d{4}", code)]
    if not codes:
        msg = "the list of municipalities is empty"
        raise DownloadError(msg, where=base, fix="check that the address is Kolada's API v3")
    if municipalities:
        missing = sorted(set(municipalities) - set(codes))
        if missing:
            msg = f"there is no municipality {', '.join(missing)}"
            raise FetchError(msg, where=base, fix="write four digits each, e.g. 2580")
        chosen = {*municipalities, *(f"00{code[:2]}" for code in municipalities)}
    elif county is not None:
        chosen = {code for code in codes if code.startswith(county)} | {f"00{county}"}
        if county == "00" or len(chosen) < 2:
            msg = f"there is no county {county!r}"
            raise FetchError(msg, where=base, fix="write its two digits, e.g. 25 for Norrbotten")
    else:
        return []
    return sorted((chosen | {COUNTRY}) & set(codes))


def _kolada_paths(base: str, kpi: str, areas: Sequence[str], years: Sequence[int]) -> Iterator[str]:
    """Write the addresses that together ask for everything, few ids in each."""
    if not areas and not years:
        years = range(_FIRST_YEAR, datetime.now(UTC).year + 1)
    for ids in _parts(areas) or [()]:
        place = f"/municipality/{','.join(ids)}" if ids else ""
        for some in _parts(list(years)) or [()]:
            when = f"/year/{','.join(map(str, some))}" if some else ""
            yield f"{base}/data/kpi/{kpi}{place}{when}"


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[i : i + _PER_PATH] for i in range(0, len(items), _PER_PATH)]


def _about_kpi(pages: Pages, base: str, kpi: str) -> dict[str, Any]:
    found = [
        one
        for one in _all_pages(pages, f"{kpi}-about", f"{base}/kpi/{kpi}")
        if isinstance(one, dict) and one.get("id") == kpi
    ]
    if not found:
        msg = f"there is no key figure {kpi}"
        raise FetchError(msg, where=base, fix="look it up at kolada.se; e.g. N07900")
    return found[0]


def _check_figures(
    found: list[Any], kpi: str, wanted: Sequence[str], names: dict[str, str]
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Keep the figures of places, once each; say which places have none."""
    keys = ("kpi", "municipality", "period", "values")
    if any(not isinstance(row, dict) or any(key not in row for key in keys) for row in found):
        msg = f"figures of {kpi} lack one of {', '.join(keys)}"
        raise DownloadError(msg, where="Kolada", fix="check that the address is its API v3")
    places = [row for row in found if re.fullmatch(r"\d{4}", str(row["municipality"]))]
    seen = {(row["municipality"], row["period"]) for row in places}
    if len(seen) < len(places):
        msg = f"{len(places) - len(seen)} figures of {kpi} came twice: the pages overlap"
        raise DownloadError(msg, where="Kolada", fix="fetch it again")
    if not places:
        msg = f"there are no figures of {kpi} for these places and years"
        raise EmptyLayerError(msg, where="Kolada", fix="ask for other years, or leave them out")
    notes = []
    without = sorted(set(wanted) - {str(row["municipality"]) for row in places})
    if without:
        listed = ", ".join(f"{code} {names.get(code, '')}".strip() for code in without)
        notes.append(f"{kpi}: no figures for {listed}")
    if len(places) < len(found):
        notes.append(f"{kpi}: {len(found) - len(places)} figures of groups of places left out")
    places.sort(key=lambda row: (str(row["municipality"]), int(row["period"])))
    return places, tuple(notes)


def write_source(fetched: Fetched, facts: dict[str, Any]) -> Path:
    """Write <file>.source.json: what the file is, where it comes from and its checksum."""
    with fetched.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    about = {
        "file": fetched.path.name,
        "source": fetched.source,
        "licence": fetched.licence,
        "provenance": fetched.provenance,
        "year": fetched.year,
        "rows": fetched.rows,
        "bytes": size,
        "sha256": digest,
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "fetched_with": f"bredband {_VERSION}",
        "notes": list(fetched.notes),
        **facts,
    }
    path = source_path(fetched.path)
    _put(path, json.dumps(about, ensure_ascii=False, indent=2).encode())
    return path


def source_path(path: Path) -> Path:
    """Give the path of the description beside a fetched file."""
    return path.with_name(f"{path.name}.source.json")


def _write(fetched: Fetched, body: bytes, facts: dict[str, Any]) -> None:
    # In this order no description is ever beside a file that it does not describe.
    source_path(fetched.path).unlink(missing_ok=True)
    _put(fetched.path, body)
    write_source(fetched, facts)


def _put(path: Path, body: bytes) -> None:
    """Write a file so that it is never there in part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        new.chmod(0o644)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def check_codes(codes: Iterable[str], *, digits: int, what: str) -> list[str]:
    """Refuse codes of the wrong length before anything is asked of a server.

    Raises
    ------
    BadValueError
        A code is not of so many digits.
    """
    listed = [str(code).strip() for code in codes]
    wrong = [code for code in listed if not re.fullmatch(rf"\d{{{digits}}}", code)]
    if wrong:
        msg = f"{what} {', '.join(map(repr, wrong))} is not of {digits} digits"
        raise BadValueError(msg, fix=f"write {digits} digits, with leading zeros")
    return listed
