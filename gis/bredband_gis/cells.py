"""Square cells of a grid: their corners, names and shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from bredband_gis.errors import BadValueError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def cell_corners(ids: pd.Series[Any], *, where: str = "") -> tuple[Floats, Floats]:
    """Give the lower left corner of cells from SCB's grid ids.

    Parameters
    ----------
    ids : Series
        13 digits: six of the easting, seven of the northing, in SWEREF 99 TM (so is
        ``rutid_scb`` in SCB's open grid: 4910006994000 is 491 000, 6 994 000).
    where : str
        Named in messages.

    Returns
    -------
    x, y : array of float64
        Metres in EPSG:3006.

    Raises
    ------
    BadValueError
        An id is not such a number.
    """
    text = ids.astype("str").str.strip()
    wrong = ~text.str.fullmatch(r"\d{13}").fillna(False).to_numpy(dtype=bool)
    if wrong.any():
        first = text[wrong].iloc[0]
        msg = f"cell_id must be 13 digits, easting and northing of the lower left corner: {first!r}"
        rows = f"{where}, {wrong.sum()} of {len(text)} rows"
        raise BadValueError(msg, where=rows, fix="name the column of SCB's grid id as cell_id")
    number = text.astype("int64").to_numpy()
    return (number // 10**7).astype(np.float64), (number % 10**7).astype(np.float64)


def cell_boxes(x: ArrayLike, y: ArrayLike, side: float) -> NDArray[np.object_]:
    """Make squares from their lower left corners (same CRS, metres)."""
    left, bottom = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    boxes: NDArray[np.object_] = shapely.box(left, bottom, left + side, bottom + side)
    return boxes


def name_cells(x: ArrayLike, y: ArrayLike) -> NDArray[np.object_]:
    """Name cells by their lower left corners, as SCB does: easting then northing, metres."""
    left = np.rint(np.asarray(x, dtype=float)).astype(np.int64)
    bottom = np.rint(np.asarray(y, dtype=float)).astype(np.int64)
    return np.char.add(left.astype(str), bottom.astype(str)).astype(object)
