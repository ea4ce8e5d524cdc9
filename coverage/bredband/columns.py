"""Long columns of few different values, made without an object per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


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
