"""The words that a reader sees: the same in both languages, and numbers as they are written."""

from __future__ import annotations

import string
import tomllib
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from bredband import tables
from bredband.region import Sources
from bredband.text import LANGUAGES, words
from hypothesis import given
from hypothesis import strategies as st

NARROW, NO_BREAK, MINUS = "\u202f", "\u00a0", "\u2212"


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_files_hold_the_same_keys_in_the_same_order() -> None:
    assert words("sv").keys() == words("en").keys()


def test_the_same_places_are_filled_in_in_both_languages() -> None:
    sv, en = words("sv"), words("en")
    for key in sv.keys():  # noqa: SIM118 - not a mapping
        assert placeholders(sv[key]) == placeholders(en[key]), key


def test_no_word_is_empty_and_none_is_left_in_the_other_language() -> None:
    sv, en = words("sv"), words("en")
    assert all(text for w in (sv, en) for text in (w[key] for key in w.keys()))  # noqa: SIM118
    assert not [key for key in en.keys() if set("åäöÅÄÖ") & set(en[key])]  # noqa: SIM118


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_can_be_printed_on_a_windows_terminal(language: str) -> None:
    w = words(language, plain=True)
    # The narrow space is the one character that cp1252 lacks; plain words do not use it.
    texts = [w[key] for key in w.keys() if key != "numbers.thousands"]  # noqa: SIM118
    numbers = [w.number(-1234567.8, 1), w.percent(0.5), w.money(2e9), w.length(12345)]
    "".join(texts + numbers).encode("cp1252")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_of_the_tables_has_a_word(language: str) -> None:
    w = words(language)
    for section, values in {
        "status": tables.STATUSES,
        "measure": tables.MEASURES,
        "measure_short": tables.MEASURES,
        "base": tables.BASES,
        "segment": (tables.TOTAL, *tables.SEGMENTS),
        "technology": tables.TECHNOLOGIES,
        "reach": tables.REACHES,
        "provenance": tables.PROVENANCES,
    }.items():
        assert all(w[f"{section}.{value}"] for value in values)


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_source_has_a_word(language: str) -> None:
    w = words(language)
    for layer in Sources.model_fields:
        assert w.layer[layer]
        assert w.synthetic[layer]


def test_a_word_is_found_by_attribute_and_by_key() -> None:
    w = words("sv")
    assert w.status.unserved == w["status.unserved"] == w.status["unserved"] == "Saknar"
    assert "unserved" in w.status
    assert "lost" not in w.status


def test_a_wrong_key_is_named() -> None:
    w = words("sv")
    with pytest.raises(KeyError, match=r"sv\.toml has no lost in \[status\]"):
        w["status.lost"]
    with pytest.raises(AttributeError, match="no lost"):
        _ = w.status.lost
    with pytest.raises(KeyError, match=r"no section \[nowhere\]"):
        w["nowhere.lost"]
    with pytest.raises(AttributeError, match="nowhere"):
        _ = w.nowhere
    with pytest.raises(ValueError, match="'fi'; choose one of sv, en"):
        words("fi")


def test_braces_in_what_is_filled_in_stay() -> None:
    text = words("sv").fill("map.title", region="{0} {x}", year=2024)
    assert text == "{0} {x}: bredband 2024"


@pytest.mark.parametrize(
    ("value", "decimals", "sv", "en"),
    [
        (0, 0, "0", "0"),
        (999, 0, "999", "999"),
        (1234567, 0, f"1{NARROW}234{NARROW}567", "1,234,567"),
        (1234.56, 1, f"1{NARROW}234,6", "1,234.6"),
        (-1234.5, 1, f"{MINUS}1{NARROW}234,5", f"{MINUS}1,234.5"),
        (-0.04, 1, "0,0", "0.0"),
        (None, 0, "–", "–"),
        (float("nan"), 0, "–", "–"),
        (pd.NA, 0, "–", "–"),
        (np.int64(5), 0, "5", "5"),
    ],
)
def test_numbers(value: float, decimals: int, sv: str, en: str) -> None:
    assert words("sv").number(value, decimals) == sv
    assert words("en").number(value, decimals) == en


def test_plain_numbers_use_the_ordinary_no_break_space_and_hyphen() -> None:
    assert words("sv", plain=True).number(-1234) == f"-1{NO_BREAK}234"


@pytest.mark.parametrize(
    ("share", "sv"),
    [
        (0.8034, "80,3"),
        (1.0, "100,0"),
        (0.0, "0,0"),
        (0.99999, "99,9"),
        (0.00001, "0,1"),
        (None, None),
    ],
)
def test_per_cent_never_claims_all_or_nothing(share: float | None, sv: str | None) -> None:
    assert words("sv").percent(share) == (f"{sv}{NO_BREAK}%" if sv else "–")


def test_per_cent_in_english_has_no_space() -> None:
    assert words("en").percent(0.8034) == "80.3%"


def test_money_lengths_and_speeds() -> None:
    sv, en = words("sv"), words("en")
    assert sv.money(48_260) == f"48{NARROW}300{NO_BREAK}kr"
    assert sv.money(750) == f"750{NO_BREAK}kr"
    assert sv.money(12_345_678) == f"12,3{NO_BREAK}mkr"
    assert sv.money(1_234_567_890) == f"1{NARROW}235{NO_BREAK}mkr"
    assert sv.money(-2_500_000) == f"{MINUS}2,5{NO_BREAK}mkr"
    assert en.money(12_345_678) == f"SEK{NO_BREAK}12.3{NO_BREAK}million"
    assert sv.length(412.4) == f"412{NO_BREAK}m"
    assert sv.length(12_345) == f"12,3{NO_BREAK}km"
    assert sv.length(1_234_567) == f"1{NARROW}235{NO_BREAK}km"
    assert sv.speed(100) == f"100{NO_BREAK}Mbit/s"
    assert sv.speed(1000) == f"1{NO_BREAK}Gbit/s"
    assert [sv.money(np.nan), sv.length(None), sv.speed(pd.NA)] == ["–"] * 3


def test_counts_yes_no_and_lists() -> None:
    sv, en = words("sv"), words("en")
    assert en.count(1, "household") == f"1{NO_BREAK}household"
    assert en.count(2, "household") == f"2{NO_BREAK}households"
    assert sv.count(1200, "premises") == f"1{NARROW}200{NO_BREAK}byggnader"
    assert [sv.yes_no(v) for v in (True, False, pd.NA, None)] == ["ja", "nej", "–", "–"]
    assert sv.join(["a"]) == "a"
    assert sv.join(["a", "b", "c"]) == "a, b och c"
    assert sv.join([]) == ""


@given(st.floats(-1e12, 1e12), st.integers(0, 3))
def test_a_written_number_can_be_read_back(value: float, decimals: int) -> None:
    text = words("sv").number(value, decimals)
    back = float(text.replace(NARROW, "").replace(",", ".").replace(MINUS, "-"))
    assert back == pytest.approx(round(value, decimals), abs=10.0**-decimals)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_are_utf8_toml(language: str) -> None:
    raw = files("bredband.text").joinpath(f"{language}.toml").read_bytes()
    assert tomllib.loads(raw.decode("utf-8"))
