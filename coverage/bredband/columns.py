"""Long columns of few different values, made without an object per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from bredband_gis.curve import compiled, in_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MANY = 200_000
"""Texts from which comparing their hashes pays."""


def dealt(codes: NDArray[Any], values: Sequence[str | None]) -> Any:
    """Deal texts out to rows.

    Parameters
    ----------
    codes : array of int, shape (n,)
        Place of each row's text in ``values``.
    values : sequence of (str or None)
        The texts; None is a missing value.

    Returns
    -------
    pandas array of str, shape (n,)
    """
    texts = pa.array(list(values), type=pa.large_string())
    places = pa.array(np.ascontiguousarray(codes, dtype=np.int32))
    return pd.array(texts.take(places), dtype="str")


def count_repeated(texts: pd.Series[str]) -> int:
    """Count the rows that repeat the text of another row, 0 where all differ.

    Parameters
    ----------
    texts : Series of str
        Millions of texts take a tenth of the time of looking each up in a table: their
        hashes are sorted, and only where two are equal are the texts themselves compared.

    Returns
    -------
    int
        Rows less the different texts; a missing text is none of these.
    """
    if not len(texts):
        return 0
    column = pa.chunked_array(pa.array(texts)).cast(pa.large_string())
    if len(texts) >= _MANY and column.null_count == 0:
        found = np.concatenate([_hashes(chunk) for chunk in column.chunks])
        found.sort()
        if (found[1:] != found[:-1]).all():
            return 0
    return len(texts) - int(pc.count_distinct(column).as_py())


def _hashes(texts: pa.LargeStringArray) -> NDArray[np.uint64]:
    found = np.zeros(len(texts), dtype=np.uint64)
    _, ends, letters = texts.buffers()
    if letters is None or not len(texts):
        return found
    begin = np.frombuffer(ends, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    written = np.frombuffer(letters, dtype=np.uint8)
    kernel = compiled(_hash_kernel)

    def batch(first: int, last: int) -> None:
        kernel(first, last, begin, written, found)

    in_batches(batch, len(texts))
    return found


def _hash_kernel(
    first: int,
    last: int,
    begin: NDArray[np.int64],
    letters: NDArray[np.uint8],
    found: NDArray[np.uint64],
) -> None:
    """Hash the texts first:last (FNV-1a, 64 bits); compiled by numba."""
    for text in range(first, last):
        code = np.uint64(14695981039346656037)
        for place in range(begin[text], begin[text + 1]):
            code = (code ^ np.uint64(letters[place])) * np.uint64(1099511628211)
        found[text] = code
