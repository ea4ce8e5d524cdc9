"""Repeated texts among millions, counted without looking each up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bredband import columns
from bredband.columns import count_repeated
from hypothesis import given, settings
from hypothesis import strategies as st


@given(st.lists(st.text(max_size=3) | st.sampled_from(["å", "ö", "", "\0", "\0\0"])))
@settings(deadline=None)
def test_rows_less_the_different_texts(words: list[str]) -> None:
    texts = pd.Series(words, dtype="str")
    with pytest.MonkeyPatch.context() as patch:
        # By hashes, however few they are.
        patch.setattr(columns, "_MANY", 1)
        assert count_repeated(texts) == len(words) - len(set(words))
    assert count_repeated(texts) == len(words) - len(set(words))


def test_a_part_of_a_column_and_a_column_of_parts() -> None:
    many = pd.Series(np.char.add("b", np.arange(300_000).astype("U6"))).astype("str")
    assert count_repeated(many) == 0
    assert count_repeated(many[40_000:290_000]) == 0
    twice = pd.concat([many[:150_000], many[140_000:]], ignore_index=True)
    assert count_repeated(twice) == 10_000
    assert count_repeated(pd.concat([many, pd.Series([None, "b7", "x"], dtype="str")])) == 2


def test_equal_hashes_of_different_texts_are_no_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_MANY", 1)
    monkeypatch.setattr(columns, "_hashes", lambda texts: np.zeros(len(texts), dtype=np.uint64))
    assert count_repeated(pd.Series(["a", "b", "c"], dtype="str")) == 0
    assert count_repeated(pd.Series(["a", "b", "a"], dtype="str")) == 1
