"""Premises: one row per building, with what lives and works in it and where it lies."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
from bredband_gis.errors import (
    BadValueError,
    DuplicateIdsError,
    EmptyLayerError,
)
from bredband_gis.points import locate

from bredband.dwellings import derive_households
from bredband.placed import check_metric, check_same_crs, code_keys, municipality_of, points_in
from bredband.tables import SEGMENTS, SET_ASIDE, need_columns

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pyproj
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_SEGMENT_OF: Final = {"tatort": "tätort", "smaort": "småort", "utanfor": "utanför"}
_COUNTS: Final = ("households", "workplaces", "holiday_homes")


def scale_households(
    households: pd.Series[int] | Ints,
    municipality_code: pd.Series[str] | NDArray[Any],
    totals: pd.DataFrame,
    *,
    ids: pd.Series[str] | NDArray[Any] | None = None,
) -> Ints:
    """Scale derived households so that each municipality adds up to its total.

    Largest remainder in whole numbers: each building gets the whole part of its
    proportional share, and those with the largest remainders one more. Equal
    remainders are told apart by a hash of the id, so that what is left over is
    strewn over the municipality and does not follow the order of the rows.

    Parameters
    ----------
    households : array of int, shape (n,)
        Derived households per building; a building with 0 stays at 0.
    municipality_code : array of str, shape (n,)
        Municipality of each building.
    totals : DataFrame
        municipality_code, households. A municipality without a row keeps its numbers.
    ids : array of str, shape (n,), optional
        Building ids; without them the row number stands in.

    Returns
    -------
    array of int64, shape (n,)

    Raises
    ------
    MissingColumnError, DuplicateIdsError, BadValueError
        The totals lack a column, name a municipality twice, or hold something that
        is not a whole number of households; or a municipality has households but no
        building to put them in.
    """
    counts = np.asarray(households, dtype=np.int64)
    wanted = _totals(totals)
    group, names = pd.factorize(code_keys(pd.Series(municipality_code)))
    base = np.bincount(group, weights=counts, minlength=len(names)).astype(np.int64)
    target = pd.Series(wanted).reindex(names)

    held = dict(zip(names, base, strict=True))
    empty = [code for code, total in wanted.items() if total > 0 and held.get(code, 0) == 0]
    if empty:
        msg = (
            f"{len(empty)} municipalities have households but no building that can hold them:"
            f" {_some(empty)}"
        )
        raise BadValueError(
            msg,
            where=f"totals, {len(empty)} of {len(wanted)} rows",
            fix="check that the buildings cover the municipality and that the codes agree",
        )

    scaled = target.notna().to_numpy() & (base > 0)
    goal = target.fillna(0).to_numpy().astype(np.int64)
    product = counts * goal[group]
    divisor = np.maximum(base, 1)[group]
    whole, remainder = np.divmod(product, divisor)
    # Doubles hold these sums exactly: they stay far below 2**53.
    placed = np.bincount(group, weights=whole, minlength=len(names)).astype(np.int64)
    if ids is None:
        ids = np.arange(len(counts))
    chance = pd.util.hash_array(np.asarray(ids))
    order = np.lexsort((chance, -remainder, group))
    start = np.searchsorted(group[order], np.arange(len(names)))
    rank = np.arange(len(order)) - start[group[order]]
    extra = np.zeros(len(counts), dtype=np.int64)
    extra[order] = rank < (goal - placed)[group[order]]
    return np.where(scaled[group], whole + extra, counts)


def build_premises(
    source: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    *,
    localities: gpd.GeoDataFrame | None = None,
    deso: gpd.GeoDataFrame | None = None,
    totals: pd.DataFrame | None = None,
    derived: bool = False,
    provenance: str = "real",
    layer: str = "premises",
    file: str = "",
    border_tolerance_m: float = 200.0,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Make one row per building with households, workplaces or holiday homes.

    The geometry decides the municipality; :func:`municipality_mismatches` lists
    where a code in the source says otherwise. Every row of the source comes out
    either as a premises or as set aside.

    Parameters
    ----------
    source : GeoDataFrame
        Points or polygons in a projected metric CRS: premises_id and, unless
        ``derived``, households; workplaces and holiday_homes are 0 where missing.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES, same CRS.
    localities : GeoDataFrame, optional
        Polygons with segment (tätort or småort), same CRS. Where they overlap a
        tätort wins. Without them segment is empty. With locality_code, each premises
        gets the code of the locality that it lies in.
    deso : GeoDataFrame, optional
        Polygons with deso_code, same CRS: each premises gets the code of its own.
    totals : DataFrame, optional
        municipality_code, households: derived households are scaled to these.
        Households that the source states itself are never scaled.
    derived : bool
        The households are not known but derived: worked out here from the buildings
        (see
        :func:`bredband.dwellings.derive_households`) where the source has no column households.
    provenance : str
        real, derived or synthetic. Derived households make real ones derived.
    layer, file : str
        Named in the set-aside table and in messages.
    border_tolerance_m : float
        A building outside every municipality but this near one belongs to it, m.
        Generalised boundaries lose islands and shores; 200 m has no published
        source (U). The number of such buildings is in ``attrs["near_border"]``.

    Returns
    -------
    premises : GeoDataFrame
        tables.PREMISES with a point inside each building.
    set_aside : DataFrame
        tables.SET_ASIDE: no geometry, outside every municipality, or empty.

    Raises
    ------
    MissingColumnError, BadValueError, DuplicateIdsError, GeometryError
    NoCrsError, NotMetricError, WrongCrsError
        The source cannot be understood; the message says where and how many rows.
    EmptyLayerError
        Every row was set aside.
    """
    where = ", ".join(part for part in (file, f"layer {layer}") if part)
    crs = check_metric(source, where=where)
    check_same_crs(municipalities, crs, where="layer municipalities")
    ids = _ids(source, where)
    codes = _column(municipalities, "municipality_code", "layer municipalities").astype("str")
    points, x, y = points_in(source, where)
    area, near = municipality_of(x, y, municipalities, border_tolerance_m)
    counts = (
        derive_households(source)
        if derived and "households" not in source
        else pd.DataFrame({name: _whole_numbers(source, name, ids, where) for name in _COUNTS})
    ).to_numpy(copy=True)

    no_shape, outside = np.isnan(x), area < 0
    nothing = counts.sum(axis=1) == 0
    kept = np.flatnonzero(~(no_shape | outside | nothing))
    reasons = np.select(
        [no_shape, outside, nothing],
        ["has no geometry", "lies outside every municipality", _HOLDS_NOTHING],
        default="",
    ).astype(object)

    unscaled = 0
    if derived and totals is not None and len(kept):
        wanted, unscaled = _totals_here(totals, codes)
        code = codes.to_numpy()[area[kept]]
        counts[kept, 0] = scale_households(counts[kept, 0], code, wanted, ids=ids.to_numpy()[kept])
        emptied = kept[counts[kept].sum(axis=1) == 0]
        reasons[emptied] = "no household left when scaled to the municipality's total"
        kept = kept[counts[kept].sum(axis=1) > 0]

    set_aside = _set_aside(source, ids, reasons, layer, file)
    if not len(kept):
        msg = f"none of the {len(source)} rows is a premises: " + "; ".join(
            f"{number} {reason}" for reason, number in set_aside["reason"].value_counts().items()
        )
        fix = "check that the premises and the municipalities are of the same part of the world"
        raise EmptyLayerError(msg, where=where, fix=fix)

    if derived and provenance == "real":
        provenance = "derived"
    segments, locality = _segments(x[kept], y[kept], localities, crs)
    premises = gpd.GeoDataFrame(
        {
            "premises_id": ids.to_numpy()[kept],
            "x": x[kept],
            "y": y[kept],
            "households": counts[kept, 0],
            "workplaces": counts[kept, 1],
            "holiday_homes": counts[kept, 2],
            "municipality_code": codes.to_numpy()[area[kept]],
            "segment": segments,
            "provenance": pd.Series(provenance, index=range(len(kept)), dtype="str"),
        },
        geometry=points[kept],
        crs=source.crs,
    )
    text = ["premises_id", "municipality_code", "segment"]
    if locality is not None:
        premises["locality_code"] = locality
        text.append("locality_code")
    if deso is not None:
        check_same_crs(deso, crs, where="layer deso")
        place = locate(x[kept], y[kept], np.asarray(deso.geometry.array, dtype=object))
        premises["deso_code"] = _named(_column(deso, "deso_code", "layer deso"))[place]
        text.append("deso_code")
    premises[text] = premises[text].astype("str")
    premises.attrs["near_border"] = int(near[kept].sum())
    premises.attrs["municipalities_without_total"] = unscaled
    return premises, set_aside


def locate_buildings(
    source: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    *,
    border_tolerance_m: float = 200.0,
) -> pd.Series[str]:
    """Find the municipality that each building lies in, empty where none.

    Parameters
    ----------
    source : GeoDataFrame
        Points or polygons in a projected metric CRS.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES, same CRS.
    border_tolerance_m : float
        As in :func:`build_premises`, m.

    Returns
    -------
    Series of str
        municipality_code, aligned to the index of ``source``.
    """
    _, x, y = points_in(source, "layer premises")
    area, _ = municipality_of(x, y, municipalities, border_tolerance_m)
    codes = _named(_column(municipalities, "municipality_code", "layer municipalities"))
    return pd.Series(codes[area], index=source.index, dtype="str")


def municipality_mismatches(
    source: gpd.GeoDataFrame,
    municipalities: gpd.GeoDataFrame,
    *,
    layer: str = "premises",
    border_tolerance_m: float = 200.0,
) -> pd.DataFrame:
    """List the premises whose stated municipality is not the one they lie in.

    Parameters
    ----------
    source : GeoDataFrame
        premises_id, municipality_code and points or polygons. Rows without a code,
        and sources without the column, have nothing to compare.
    municipalities : GeoDataFrame
        tables.MUNICIPALITIES, same CRS.
    layer : str
        Named in messages.
    border_tolerance_m : float
        As in :func:`build_premises`, m.

    Returns
    -------
    DataFrame
        premises_id, stated_code, municipality_code (where it lies; empty outside all),
        one row per disagreement.
    """
    columns = ["premises_id", "stated_code", "municipality_code"]
    if "municipality_code" not in source:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
    crs = check_metric(source, where=f"layer {layer}")
    check_same_crs(municipalities, crs, where="layer municipalities")
    ids = _ids(source, f"layer {layer}")
    _, x, y = points_in(source, f"layer {layer}")
    area, _ = municipality_of(x, y, municipalities, border_tolerance_m)
    codes = municipalities["municipality_code"].astype("str")
    true = pd.Series(
        codes.reset_index(drop=True).reindex(area).to_numpy(), dtype="str"
    )  # -1 is none
    stated = source["municipality_code"].reset_index(drop=True)
    differs = stated.notna() & (code_keys(stated) != code_keys(true))
    return pd.DataFrame(
        {
            "premises_id": ids[differs],
            "stated_code": stated[differs].astype("str"),
            "municipality_code": true[differs],
        }
    ).reset_index(drop=True)


_HOLDS_NOTHING: Final = "holds no household, workplace or holiday home"


def _column(frame: pd.DataFrame, name: str, where: str) -> pd.Series[Any]:
    fix = f'name it in region.toml: columns = {{ {name} = "the file\'s name for it" }}'
    need_columns(frame, (name,), where, fix=fix)
    column: pd.Series[Any] = frame[name]
    return column


def _ids(source: pd.DataFrame, where: str) -> pd.Series[str]:
    column = _column(source, "premises_id", where).reset_index(drop=True)
    if column.isna().any():
        msg = f"premises_id is empty on {column.isna().sum()} of {len(column)} rows"
        raise BadValueError(msg, where=where, fix="give every building an id of its own")
    ids = column.astype("str")
    twice = ids[ids.duplicated()]
    if len(twice):
        msg = f"{len(twice)} of {len(ids)} rows repeat a premises_id: {_some(twice.unique())}"
        raise DuplicateIdsError(
            msg, where=where, fix="keep one row per building and add its households together"
        )
    return ids


def _segments(
    x: Floats,
    y: Floats,
    localities: gpd.GeoDataFrame | None,
    crs: pyproj.CRS,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Give each point's segment, and the code of its locality where localities have codes."""
    if localities is None:
        return np.full(len(x), None, dtype=object), None
    where = "layer localities"
    check_same_crs(localities, crs, where=where)
    given = _column(localities, "segment", where)
    codes, words = pd.factorize(given)
    known = [_SEGMENT_OF.get(_plain(word)) for word in words]
    wrong = np.array([*(name is None for name in known), True])[codes]
    if wrong.any():
        values = _some(given[wrong].fillna("(empty)").unique())
        msg = f"column segment holds something else than tätort or småort: {values}"
        rows = f"{where}, {wrong.sum()} of {len(given)} rows"
        raise BadValueError(msg, where=rows, fix="write tätort (200 or more) or småort (50-199)")
    # tätort first, so that it wins where two overlap.
    rank = np.array([SEGMENTS.index(name) for name in known if name] or [0])[codes]
    order = np.argsort(rank, kind="stable")
    polygons = np.asarray(localities.geometry.array, dtype=object)[order]
    found = locate(x, y, polygons)
    names = np.array([*(SEGMENTS[r] for r in rank[order]), SEGMENTS[-1]], dtype=object)
    segments: NDArray[Any] = names[found]  # -1, in none, takes the last
    if "locality_code" not in localities:
        return segments, None
    return segments, _named(localities["locality_code"].iloc[order])[found]


def _named(codes: pd.Series[Any]) -> NDArray[Any]:
    """Give codes as text, with None at the end for whatever lies in none."""
    text = codes.astype("str").where(codes.notna(), None)
    return np.array([*text, None], dtype=object)


def _plain(word: Hashable) -> str:
    """Fold case and accents: Tätort, TÄTORT and tatort are one word."""
    parts = unicodedata.normalize("NFKD", str(word).strip().casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _whole_numbers(source: pd.DataFrame, name: str, ids: pd.Series[str], where: str) -> Ints:
    if name not in source and name != "households":
        return np.zeros(len(source), dtype=np.int64)
    given = _column(source, name, where).reset_index(drop=True)
    number = pd.to_numeric(given, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    faults = {
        "empty or no number": ~np.isfinite(number),
        "negative": number < 0,
        "not whole": np.isfinite(number) & (number != np.floor(number)),
    }
    wrong = np.logical_or.reduce(list(faults.values()))
    if wrong.any():
        kinds = ", ".join(f"{rows.sum()} {kind}" for kind, rows in faults.items() if rows.any())
        first = [f"{ids[i]} = {given[i]}" for i in np.flatnonzero(wrong)[:5]]
        msg = f"column {name} must hold whole numbers from 0: {kinds}; first: {'; '.join(first)}"
        rows = f"{where}, {wrong.sum()} of {len(wrong)} rows"
        fix = "correct the values; write 0 where there are none"
        raise BadValueError(msg, where=rows, fix=fix)
    return number.astype(np.int64)


def _totals(totals: pd.DataFrame) -> dict[str, int]:
    """Give the households of each municipality code, checked."""
    where = "totals"
    code = code_keys(_column(totals, "municipality_code", where))
    if code.duplicated().any():
        msg = f"a municipality stands on more than one row: {_some(code[code.duplicated()])}"
        raise DuplicateIdsError(msg, where=where, fix="keep one row per municipality")
    names = totals["municipality_code"].astype("str").reset_index(drop=True)
    numbers = _whole_numbers(totals, "households", names, where)
    return dict(zip(code, numbers.tolist(), strict=True))


def _totals_here(totals: pd.DataFrame, codes: pd.Series[str]) -> tuple[pd.DataFrame, int]:
    """Keep the totals of these municipalities, and count those that have none."""
    given = code_keys(_column(totals, "municipality_code", "totals"))
    here = code_keys(codes)
    missing = int((~here.isin(given)).sum())
    if missing == len(here):
        msg = f"no municipality code agrees with the municipalities: {_some(given)}"
        fix = f"use the municipalities' own codes, such as {codes.iloc[0]}"
        raise BadValueError(msg, where=f"totals, {len(totals)} rows", fix=fix)
    return totals[given.isin(here).to_numpy()], missing


def _set_aside(
    source: pd.DataFrame, ids: pd.Series[str], reasons: NDArray[Any], layer: str, file: str
) -> pd.DataFrame:
    rows = np.flatnonzero(reasons != "")
    # Readers keep the file's own row numbers as the index; a made frame may have any.
    number = source.index.to_numpy() if pd.api.types.is_integer_dtype(source.index) else None
    table = pd.DataFrame(
        {
            "layer": pd.Series(layer, index=range(len(rows)), dtype="str"),
            "file": pd.Series(file, index=range(len(rows)), dtype="str"),
            "row": (rows if number is None else number[rows]).astype(np.int64),
            "id": ids.to_numpy()[rows],
            "reason": reasons[rows],
        }
    )
    text = ["id", "reason"]
    table[text] = table[text].astype("str")
    return table[list(SET_ASIDE.columns)]


def _some(values: Any, most: int = 5) -> str:
    listed = [str(value) for value in values]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
