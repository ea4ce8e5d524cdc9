"""One pass over the premises, and which areas and segments each of them counts in.

Every table of statistics is made in the same two steps. A tally adds up millions of
premises into a few thousand cells (premises of the same municipality, segment, locality
and DeSO). A matrix of ones then says which cells lie in which slot: an area and a segment
of the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from bredband_gis.errors import BadValueError
from scipy import sparse

from bredband.tables import BASES, BUILT_UP, RURAL, SEGMENTS, TOTAL, need_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

BUILT_UP_SEGMENTS: Final = ("tätort", "småort")
"""What is tätbyggt: inferred from Gällivare's published shares, as region.toml says (I)."""

_AREA_COLUMNS: Final = ("municipality_code", "municipality_name", "county_code", "county_name")
_WHOLE: Final = ("locality", "deso")
"""Kinds of area that are not divided into segments."""


@dataclass(frozen=True)
class Tally:
    """Premises added up where they lie in the same cell and are of the same classes.

    Attributes
    ----------
    row : array of int
        Of each premises, its row in the tally.
    cells : DataFrame
        municipality_code, segment and, where asked for, locality_code and deso_code.
    cell : array of int
        Of each row of the tally, its row in `cells`.
    classes : dict
        Name -> class of each row.
    sums : dict
        Name -> sum of each row, whole numbers; ``premises`` is how many.
    """

    row: NDArray[np.int64]
    cells: pd.DataFrame
    cell: NDArray[np.int64]
    classes: dict[str, NDArray[np.int64]]
    sums: dict[str, NDArray[np.float64]]

    def by_cell(
        self, name: str, of_class: NDArray[np.int64] | None = None, n: int = 1
    ) -> NDArray[np.float64]:
        """Give the sums called `name` by cell and class, (cells, n); one class where none given."""
        key = self.cell if of_class is None else self.cell * n + of_class
        size = len(self.cells) * n
        return add_up(key, self.sums[name], size).reshape(-1, n)


def tally(
    status: pd.DataFrame,
    classes: Mapping[str, NDArray[np.integer]],
    *,
    sums: Sequence[str] = BASES,
    locality: bool = False,
    deso: bool = False,
) -> Tally:
    """Add up premises that lie in the same cell and are of the same classes.

    Parameters
    ----------
    status : DataFrame
        ``tables.STATUS``; a geometry is not looked at.
    classes : mapping
        Name -> small whole number from 0 of each premises.
    sums : sequence of str
        Columns of whole numbers to add up.
    locality, deso : bool
        Whether premises of different localities and DeSO are kept apart.

    Raises
    ------
    MissingColumnError
        A column is missing.
    """
    columns = place_columns(locality=locality, deso=deso)
    need_columns(status, (*columns, *sums), "status")
    encoded = {name: encode(status[name]) for name in columns}
    # One number says cell and classes; the last parts change fastest.
    parts: dict[str, tuple[NDArray[np.integer], int]] = {
        name: (codes, len(values) + 1) for name, (codes, values) in encoded.items()
    }
    parts |= {name: (array, int(array.max(initial=0)) + 1) for name, array in classes.items()}
    key = np.zeros(len(status), np.int64)
    for codes, size in parts.values():
        key *= size
        key += codes
    row, found = pd.factorize(key)
    decoded: dict[str, NDArray[np.int64]] = {}
    rest = found
    for name in reversed(parts):
        rest, decoded[name] = np.divmod(rest, parts[name][1])
    place = np.zeros(len(found), np.int64)
    for name in columns:
        place = place * parts[name][1] + decoded[name]
    cell, _ = pd.factorize(place)
    first = np.unique(cell, return_index=True)[1]
    cells = pd.DataFrame(
        {name: encoded[name][1].take(decoded[name][first] - 1, allow_fill=True) for name in columns}
    )
    added: dict[str, NDArray[np.float64]] = {
        name: add_up(row, status[name].to_numpy(np.float64, na_value=0.0), len(found))
        for name in sums
    }
    added["premises"] = np.bincount(row, minlength=len(found)).astype(np.float64)
    classed = {name: decoded[name] for name in classes}
    return Tally(row, cells, cell.astype(np.int64), classed, added)


def add_up(key: NDArray[np.int64], weights: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Add up weights by key, 0 to size - 1; exact for whole numbers."""
    return np.bincount(key, weights=weights, minlength=size).astype(np.float64, copy=False)


def encode(column: pd.Series) -> tuple[NDArray[np.int32], pd.api.extensions.ExtensionArray]:
    """Give each value of a column a number: 0 where it is missing, else 1 + its place in a list.

    Returns
    -------
    codes : array of int
    values : array of str
        The list.
    """
    made = pa.array(column, from_pandas=True)
    made = made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
    made = pc.dictionary_encode(made)
    codes = pc.fill_null(made.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    codes += 1
    return codes, pd.array(made.dictionary.to_pylist(), dtype="str")


def place_columns(*, locality: bool, deso: bool) -> tuple[str, ...]:
    """List the columns that say where a premises counts."""
    columns = ["municipality_code", "segment"]
    return (*columns, *["locality_code"] * locality, *["deso_code"] * deso)


def reached(column: pd.Series, speeds: Sequence[int]) -> NDArray[np.uint8]:
    """Count how many of some speeds each premises reaches; a missing speed reaches none."""
    values = column.to_numpy(np.float64, na_value=np.nan)
    found = np.zeros(len(values), np.uint8)
    for speed in speeds:
        found += values >= speed
    return found


@dataclass(frozen=True)
class _Areas:
    """The areas of one kind, and which value of a column of the cells leads to which."""

    kind: str
    column: str
    codes: pd.Series
    names: pd.Series
    keys: pd.Index
    position: NDArray[np.int64]

    def find(self, cells: pd.DataFrame) -> NDArray[np.int64]:
        """Give the position of each cell's area; -1 where it lies in none."""
        found = self.keys.get_indexer(pd.Index(cells[self.column]))
        return np.where(found >= 0, self.position[found], -1) if len(self.keys) else found


@dataclass(frozen=True)
class Places:
    """Areas and segments to count in.

    Attributes
    ----------
    slots : DataFrame
        area_kind, area_code, area_name, segment: a row for each area and segment, in
        the order of the tables. Localities and DeSO have the total only.
    """

    slots: pd.DataFrame
    _areas: tuple[_Areas, ...]
    _segments: dict[str, tuple[str, ...]]

    def matrix(self, cells: pd.DataFrame) -> sparse.csr_array:
        """Say which cells lie in which slot: ones in an array of (slots, cells)."""
        first = 0
        rows, columns = [], []
        within = {
            name: np.ones(len(cells), bool) if name == TOTAL else cells["segment"].isin(held)
            for name, held in self._segments.items()
        }
        for areas in self._areas:
            names = _names(areas.kind, self._segments)
            position = areas.find(cells)
            for number, name in enumerate(names):
                held = np.flatnonzero((position >= 0) & within[name])
                rows.append(first + position[held] * len(names) + number)
                columns.append(held)
            first += len(areas.codes) * len(names)
        row, column = np.concatenate(rows), np.concatenate(columns)
        shape = (len(self.slots), len(cells))
        return sparse.csr_array((np.ones(len(row)), (row, column)), shape=shape)

    def refuse_strangers(self, counted: Tally) -> None:
        """Refuse a tally with premises in an area that is not listed.

        Raises
        ------
        BadValueError
            Says how many premises, of how many, and the first codes.
        """
        words = {"municipality": "municipality", "locality": "locality", "deso": "DeSO"}
        premises = counted.by_cell("premises")[:, 0]
        for areas in self._areas:
            if areas.kind not in words:
                continue
            codes = counted.cells[areas.column]
            lost = areas.find(counted.cells) < 0
            if areas.kind in _WHOLE:
                lost &= codes.notna().to_numpy()  # to lie outside every locality is no fault
            if lost.any():
                listed = ", ".join(sorted(codes[lost].astype("str").unique())[:5])
                msg = (
                    f"{premises[lost].sum():.0f} of {premises.sum():.0f} premises lie in a"
                    f" {words[areas.kind]} not listed: {listed}"
                )
                raise BadValueError(msg, where="status", fix="use the layers it was made with")


def find_places(
    municipalities: pd.DataFrame,
    present: Iterable[str],
    *,
    region_code: str,
    region_name: str,
    localities: pd.DataFrame | None = None,
    deso: pd.DataFrame | None = None,
    built_up_segments: Sequence[str] = BUILT_UP_SEGMENTS,
) -> Places:
    """List the areas and segments to count in.

    Parameters
    ----------
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``; the geometry is not looked at.
    present : iterable of str
        Segments that some premises have. Where there is none, there are only totals.
    region_code, region_name : str
        Of all municipalities together.
    localities, deso : DataFrame, optional
        ``locality_code``, ``locality_name`` and ``deso_code``, ``deso_name``; a code may
        stand on several rows (parts of a locality), a name may be missing.
    built_up_segments : sequence of str
        Segments that are tätbyggt; the others are glesbygd.

    Raises
    ------
    MissingColumnError
        A column is missing.
    """
    need_columns(municipalities, _AREA_COLUMNS, "municipalities")
    keys = municipalities["municipality_code"].astype("str")
    everywhere = pd.Series(region_code, index=keys.index), pd.Series(region_name, index=keys.index)
    areas = [
        _find_areas("region", keys, *everywhere),
        _find_areas("county", keys, municipalities["county_code"], municipalities["county_name"]),
        _find_areas("municipality", keys, keys, municipalities["municipality_name"]),
    ]
    for kind, table in (("locality", localities), ("deso", deso)):
        if table is None:
            continue
        need_columns(table, (f"{kind}_code",), "localities" if kind == "locality" else kind)
        known = table[table[f"{kind}_code"].notna()]
        keys = known[f"{kind}_code"].astype("str")
        named = known[f"{kind}_name"].fillna(keys) if f"{kind}_name" in known else keys
        areas.append(_find_areas(kind, keys, keys, named))
    found = set(present)
    segments: dict[str, tuple[str, ...]] = {TOTAL: SEGMENTS}
    segments |= {name: (name,) for name in SEGMENTS if name in found}
    if len(segments) > 1:
        segments[BUILT_UP] = tuple(built_up_segments)
        segments[RURAL] = tuple(name for name in SEGMENTS if name not in built_up_segments)
    parts = []
    for one in areas:
        names = _names(one.kind, segments)
        part = pd.DataFrame({"area_code": one.codes, "area_name": one.names})
        part = part.loc[np.repeat(part.index, len(names))]
        parts.append(part.assign(area_kind=one.kind, segment=names * len(one.codes)))
    slots = pd.concat(parts, ignore_index=True)[["area_kind", "area_code", "area_name", "segment"]]
    return Places(slots.astype("str"), tuple(areas), segments)


def place_cells(
    counted: Tally, municipalities: pd.DataFrame, **where: Any
) -> tuple[Places, sparse.csr_array]:
    """List the areas and segments to count in, and say which cells lie in each.

    Parameters
    ----------
    counted : Tally
        From :func:`tally`.
    municipalities : DataFrame
        ``tables.MUNICIPALITIES``.
    **where
        As :func:`find_places`.

    Returns
    -------
    Places, sparse array
        The places, and a row of each with 1 in the cells that lie in it.

    Raises
    ------
    BadValueError
        Premises lie in an area that is not listed.
    """
    places = find_places(municipalities, counted.cells["segment"].dropna(), **where)
    places.refuse_strangers(counted)
    return places, places.matrix(counted.cells)


def _names(kind: str, segments: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [TOTAL] if kind in _WHOLE else list(segments)


def _find_areas(kind: str, keys: pd.Series, codes: pd.Series, names: pd.Series) -> _Areas:
    table = pd.DataFrame({"key": keys, "code": codes, "name": names}).astype("str")
    named = table.groupby("code", sort=True, as_index=False)["name"].min()
    one = table.drop_duplicates("key")
    return _Areas(
        kind=kind,
        column=f"{kind}_code" if kind in _WHOLE else "municipality_code",
        codes=named["code"],
        names=named["name"],
        keys=pd.Index(one["key"]),
        position=pd.Index(named["code"]).get_indexer(pd.Index(one["code"])).astype(np.int64),
    )


def long_table(slots: pd.DataFrame, keys: pd.DataFrame) -> pd.DataFrame:
    """Give a row for each slot and each of the keys, slot by slot."""
    slot = slots.take(np.repeat(np.arange(len(slots)), len(keys))).reset_index(drop=True)
    key = keys.take(np.tile(np.arange(len(keys)), len(slots))).reset_index(drop=True)
    return pd.concat([slot, key], axis=1)
