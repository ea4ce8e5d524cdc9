"""Fetch SCB's open geodata: the 1 km grid, localities, DeSO and municipalities."""

from __future__ import annotations

import difflib
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import shapely
from bredband_gis import wfs
from bredband_gis.errors import MissingColumnError
from bredband_gis.pages import Connection, Pages

from bredband.fetch import (
    HEADERS,
    Fetched,
    FetchError,
    check_codes,
    source_path,
    write_source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from bredband_gis.crs import Bounds

SCB: Final = "https://geodata.scb.se/geoserver/stat/wfs"
CRS: Final = "EPSG:3006"
LICENCE: Final = "CC0"
_TERMS: Final = "CC0 1.0, SCB's open geodata (scb.se, read in stored copies)"

_COUNTY_COLUMNS: Final = ("lanskod", "lan", "länskod", "lan_kod", "lankod")
_MUNICIPALITY_COLUMNS: Final = ("kommunkod", "kommun", "kommun_kod", "kom_kod")
_NAME_COLUMNS: Final = ("kommunnamn", "kommun_namn", "kom_namn")


@dataclass(frozen=True)
class _Kind:
    """A kind of layer by its short name.

    Parameters
    ----------
    pattern : str
        What the layer's name without prefix looks like, its year as a group.
    section : str
        Where it goes in region.toml.
    columns : mapping
        Our column -> names that the service may have for it, the likeliest first.
    constants : mapping
        Columns of one value.
    """

    pattern: str
    section: str
    columns: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str] = field(default_factory=dict)


KINDS: Final[Mapping[str, _Kind]] = {
    "grid": _Kind(
        r"befolkning_1km_(\d{4})", "population", {"population": ("beftotalt", "bef", "pop")}
    ),
    "localities": _Kind(
        r"tatorter_(\d{4})",
        "localities",
        {
            "locality_code": ("tatortskod", "kod"),
            "locality_name": ("tatort", "namn"),
            "population": ("bef", "beftotalt"),
        },
        {"segment": "tätort"},
    ),
    "small": _Kind(
        r"smaorter_(\d{4})",
        "localities",
        {"locality_code": ("smaort", "smaortskod", "kod"), "population": ("bef", "beftotalt")},
        {"segment": "småort"},
    ),
    "deso": _Kind(r"deso_(\d{4})", "deso", {"deso_code": ("desokod", "deso")}),
    "municipalities": _Kind(
        r"kommun(?:er)?_?(\d{4})?",
        "municipalities",
        {"municipality_code": _MUNICIPALITY_COLUMNS, "municipality_name": _NAME_COLUMNS},
    ),
}
"""Short name -> kind of layer; the columns as users of the service have them (F), looked up
among what the service says it has."""

SWEDISH: Final = {
    "rutor": "grid", "tätorter": "localities", "tatorter": "localities", "småorter": "small",
    "smaorter": "small", "kommuner": "municipalities",
}  # fmt: skip


def fetch_scb(
    out: Path,
    layers: Sequence[str],
    *,
    county: str | None = None,
    bbox: Bounds | None = None,
    year: int | None = None,
    base: str = SCB,
    page_rows: int = wfs.PAGE_ROWS,
    connection: Connection | None = None,
) -> list[Fetched]:
    """Fetch layers, each as one GeoPackage in EPSG:3006.

    Parameters
    ----------
    out : Path
        Folder of the files. Each is there whole or not at all.
    layers : sequence of str
        Short names (grid, localities, small, deso, municipalities, or in Swedish rutor,
        tätorter, småorter, kommuner) or names of the service, e.g. Tatorter_2020.
    county : str, optional
        Two digits: only what lies in this county. A layer without a county of its own,
        as the grid, is fetched for the box around it.
    bbox : tuple of float, optional
        minx, miny, maxx, maxy in EPSG:3006, m; not together with `county`.
    year : int, optional
        Year of the layer, where a short name is given; the latest there is otherwise.
    base : str
        Address of the WFS.
    page_rows : int
        Features per page.
    connection : Connection, optional
        How to ask.

    Returns
    -------
    list of Fetched

    Raises
    ------
    OfflineError, DownloadError
        The service cannot be reached, or its answer is not whole.
    FetchError
        There is no such layer, or a county and a box are asked for together.
    BadValueError
        The county is not of two digits.
    EmptyLayerError
        Nothing lies in the county or box.
    """
    if county is not None:
        check_codes([county], digits=2, what="county")
    if county is not None and bbox is not None:
        msg = "a county and a box cannot be asked for together"
        raise FetchError(msg, fix="leave one of them out")
    asking = _Asking(
        out=out,
        base=base,
        connection=connection or Connection(headers=HEADERS),
        county=county,
        bbox=bbox,
        page_rows=page_rows,
    )
    with asking.pages("layers", {}) as pages:
        known = wfs.list_layers(pages, base)
    chosen = [_resolve(name, known, year, base) for name in layers]
    return [
        _fetch_municipalities(asking, known, year)
        if layer is None
        else _fetch_layer(asking, layer, kind)
        for layer, kind in chosen
    ]


@dataclass(frozen=True)
class _Asking:
    """What all the layers of one command have in common."""

    out: Path
    base: str
    connection: Connection
    county: str | None
    bbox: Bounds | None
    page_rows: int

    def pages(self, name: str, request: Mapping[str, object]) -> Pages:
        asked = {"base": self.base, "page_rows": self.page_rows, **request}
        return Pages(self.out / f"{name}.part", asked, self.connection)

    @property
    def place(self) -> str:
        """Part of the file's name that says which part of the country it is."""
        if self.county is not None:
            return f"_{self.county}"
        return "" if self.bbox is None else "_" + "_".join(f"{edge:.0f}" for edge in self.bbox)


def _bare(layer: str) -> str:
    """Give a layer's name without its prefix, fit for a file's name."""
    return re.sub(r"[^\w-]", "_", layer.rpartition(":")[2])


def _year_of(layer: str) -> int | None:
    found = re.search(r"(?:19|20)\d\d(?!\d)", _bare(layer))
    return int(found[0]) if found else None


def _resolve(
    name: str, known: Sequence[str], year: int | None, base: str
) -> tuple[str | None, _Kind | None]:
    """Find the layer that a name means; no layer for municipalities that must be made."""
    short = SWEDISH.get(name.casefold(), name.casefold())
    kind = KINDS.get(short)
    if kind is not None:
        matching = [one for one in known if re.fullmatch(kind.pattern, _bare(one), re.IGNORECASE)]
        years = {_year_of(one): one for one in matching}
        if year is not None and matching and year not in years:
            there = ", ".join(str(y) for y in sorted(y for y in years if y is not None))
            msg = f"{short} is not there for {year}"
            raise FetchError(msg, where=base, fix=f"choose one of {there}")
        if matching:
            return max(matching, key=lambda one: (_year_of(one) == year, _year_of(one) or 0)), kind
        if short == "municipalities":
            return None, kind
    exact = [one for one in known if name.casefold() in {one.casefold(), _bare(one).casefold()}]
    if exact:
        kinds = [
            kind
            for kind in KINDS.values()
            if re.fullmatch(kind.pattern, _bare(exact[0]), re.IGNORECASE)
        ]
        return exact[0], kinds[0] if kinds else None
    bare = {_bare(one).casefold(): _bare(one) for one in known}
    close = difflib.get_close_matches(_bare(name).casefold(), list(bare), n=3, cutoff=0.5)
    offered = ", ".join([*KINDS, *(bare[one] for one in close)])
    msg = f"the service has no layer {name!r}"
    raise FetchError(msg, where=base, fix=f"choose one of {offered}")


def _fetch_layer(asking: _Asking, layer: str, kind: _Kind | None) -> Fetched:
    """Fetch one layer and write it."""
    box = asking.bbox
    notes: tuple[str, ...] = ()
    asked = {"layer": layer, "county": asking.county, "bbox": box}
    with asking.pages(f"{_bare(layer)}{asking.place}", asked) as pages:
        columns = wfs.list_attributes(pages, asking.base, layer)
        cql = None
        if asking.county is not None:
            county_column = _pick(columns, _COUNTY_COLUMNS)
            if county_column is not None:
                cql = f"{county_column}='{asking.county}'"
            else:
                box = _box_of_county(asking)
                notes = (f"the layer names no county: fetched for the box around {asking.county}",)
        query = _query(asking, layer, columns, cql=cql, bbox=box)
        features = wfs.read_features(pages, asking.base, query)
        section = kind.section if kind else None
        ours = _columns(kind, columns)
        fetched = Fetched(
            path=asking.out / f"{_bare(layer)}{asking.place}.gpkg",
            rows=len(features.frame),
            source=f"SCB, öppna geodata, {_bare(layer)}",
            licence=LICENCE,
            year=_year_of(layer),
            section=section,
            columns=ours,
            constants=dict(kind.constants) if kind else {},
            notes=(*features.notes, *notes),
        )
        _write_layer(fetched, features.frame, asking, [features])
    return fetched


def _query(
    asking: _Asking,
    layer: str,
    columns: Sequence[wfs.Attribute],
    *,
    cql: str | None = None,
    bbox: Bounds | None = None,
) -> wfs.Query:
    sort_by = wfs.sort_column(columns)
    if sort_by is None:
        msg = "the layer has no column to sort by, so its pages could overlap"
        raise MissingColumnError(msg, where=f"{asking.base}, layer {layer}")
    return wfs.Query(
        layer=layer, crs=CRS, sort_by=sort_by, cql=cql, bbox=bbox, page_rows=asking.page_rows
    )


def _pick(columns: Sequence[wfs.Attribute], names: Sequence[str]) -> str | None:
    """Give the column of the first of these names that the layer has, as it spells it."""
    there = {column.name.casefold(): column.name for column in columns if not column.is_geometry}
    return next((there[name] for name in names if name in there), None)


def _columns(kind: _Kind | None, columns: Sequence[wfs.Attribute]) -> dict[str, str]:
    if kind is None:
        return {}
    found = {ours: _pick(columns, names) for ours, names in kind.columns.items()}
    return {ours: name for ours, name in found.items() if name is not None}


def _deso(asking: _Asking, known: Sequence[str], year: int | None) -> tuple[wfs.Features, str, str]:
    """Fetch the DeSO areas of the county, or all; give them, the layer and its code column."""
    layer, _ = _resolve("deso", known, year, asking.base)
    layer = str(layer)
    asked = {"layer": layer, "county": asking.county, "bbox": asking.bbox}
    with asking.pages(f"areas_{_bare(layer)}{asking.place}", asked) as pages:
        columns = wfs.list_attributes(pages, asking.base, layer)
        code = _pick(columns, _MUNICIPALITY_COLUMNS)
        county = _pick(columns, _COUNTY_COLUMNS)
        if code is None or (asking.county is not None and county is None):
            msg = "the layer does not say which municipality and county an area is in"
            raise MissingColumnError(msg, where=f"{asking.base}, layer {layer}")
        cql = f"{county}='{asking.county}'" if asking.county is not None else None
        query = _query(asking, layer, columns, cql=cql, bbox=asking.bbox)
        return wfs.read_features(pages, asking.base, query), layer, code


def _box_of_county(asking: _Asking) -> Bounds:
    """Give the box around a county's DeSO areas."""
    with asking.pages("layers", {}) as pages:
        known = wfs.list_layers(pages, asking.base)
    features, _, _ = _deso(asking, known, None)
    minx, miny, maxx, maxy = (float(edge) for edge in features.frame.total_bounds)
    return minx, miny, maxx, maxy


def _fetch_municipalities(asking: _Asking, known: Sequence[str], year: int | None) -> Fetched:
    """Put municipalities together from their DeSO areas, named as the localities name them."""
    features, layer, code = _deso(asking, known, year)
    frame = features.frame[[code, "geometry"]].rename(columns={code: "municipality_code"})
    frame["municipality_code"] = frame["municipality_code"].astype("str").str.zfill(4)
    made = frame.dissolve("municipality_code", as_index=False)
    made["geometry"] = shapely.make_valid(made.geometry.to_numpy())
    names = _municipality_names(asking, known)
    listed = made["municipality_code"].map(names)
    unnamed = sorted(made["municipality_code"][listed.isna()])
    made["municipality_name"] = listed.fillna(made["municipality_code"])
    notes = [f"put together from the areas of {_bare(layer)}"]
    if unnamed:
        notes.append(f"no name was found for {', '.join(unnamed)}: the code stands for it")
    fetched = Fetched(
        path=asking.out / f"municipalities_{_bare(layer)}{asking.place}.gpkg",
        rows=len(made),
        source=f"SCB, öppna geodata, {_bare(layer)} sammanslagna",
        licence=LICENCE,
        year=_year_of(layer),
        provenance="derived",
        section="municipalities",
        notes=(*features.notes, *notes),
    )
    _write_layer(fetched, made, asking, [features])
    return fetched


def _municipality_names(asking: _Asking, known: Sequence[str]) -> dict[str, str]:
    """Look up the municipalities' names in the layer of localities; none where it has none."""
    try:
        layer, _ = _resolve("localities", known, None, asking.base)
    except FetchError:
        return {}
    layer = str(layer)
    asked = {"layer": layer, "county": asking.county, "names": True}
    with asking.pages(f"names_{_bare(layer)}{asking.place}", asked) as pages:
        columns = wfs.list_attributes(pages, asking.base, layer)
        code, name = _pick(columns, _MUNICIPALITY_COLUMNS), _pick(columns, _NAME_COLUMNS)
        county = _pick(columns, _COUNTY_COLUMNS)
        if code is None or name is None:
            return {}
        filtered = asking.county is not None and county is not None
        cql = f"{county}='{asking.county}'" if filtered else None
        frame = wfs.read_features(pages, asking.base, _query(asking, layer, columns, cql=cql)).frame
    once = frame[[code, name]].dropna().astype("str").drop_duplicates(code)
    return dict(zip(once[code].str.zfill(4), once[name], strict=True))


def _write_layer(
    fetched: Fetched, frame: gpd.GeoDataFrame, asking: _Asking, parts: Sequence[wfs.Features]
) -> None:
    """Write the GeoPackage beside its place and move it there, then its description."""
    asking.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asking.out, prefix=".new-") as folder:
        new = Path(folder) / fetched.path.name
        frame.to_file(new, layer=fetched.path.stem, driver="GPKG", engine="pyogrio")
        source_path(fetched.path).unlink(missing_ok=True)
        new.replace(fetched.path)
    facts: dict[str, Any] = {
        "address": asking.base,
        "query": [dict(part.query) for part in parts],
        "terms": _TERMS,
        "crs": CRS,
        "rows_matched": [part.matched for part in parts],
        "pages": sum(part.pages for part in parts),
        "columns": fetched.columns,
        "constants": fetched.constants,
    }
    write_source(fetched, facts)
