"""A submission as Excel and planners leave it: read right, or told of in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest
import small_submission as small
from bredband.submission import sheet
from bredband.submission_check import check_submission
from bredband.submission_files import write_submission
from bredband.submission_schema import columns, titles
from bredband.submission_text import RULES, submission_texts
from languages import english_in, swedish_in
from test_submission_check import CASES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLES: list[Any] = []


def table_case(
    *rules: str, at: tuple[int, ...] = (), said: str = "", forms: tuple[str, ...] = ("csv", "xlsx"),
    **against: Any,
) -> Callable[[Callable[[pd.DataFrame], Any]], Callable[[pd.DataFrame], Any]]:  # fmt: skip
    """Enter a way in which Excel or a planner changes our table of texts."""

    def enter(change: Callable[[pd.DataFrame], Any]) -> Callable[[pd.DataFrame], Any]:
        for form in forms:
            name = f"{form}-{change.__name__}"
            TABLES.append(pytest.param(form, change, rules, at, said, against, id=name))
        return change

    return enter


def text_case(*rules: str, **others: Any) -> Any:
    """Enter one that is a matter of text files: the change gives the bytes."""
    return table_case(*rules, forms=("csv",), **others)


# Buildings 0011-0016, 0018, 0020 stand on lines 2-9, then 0001 on line 10.
FIRST = 8  # the row of 0001


@table_case()
def as_it_was(table: pd.DataFrame) -> None:
    return None


@text_case()
def in_another_order(table: pd.DataFrame) -> Any:
    return small.to_csv(table[table.columns[::-1]].iloc[::-1])


@text_case()
def with_swedish_headings(table: pd.DataFrame) -> Any:
    return small.to_csv(table.rename(columns=titles("buildings")))


@text_case()
def with_tabs(table: pd.DataFrame) -> Any:
    return small.to_csv(table, "\t")


@text_case()
def with_commas(table: pd.DataFrame) -> Any:
    return small.to_csv(table, ",")


@text_case("code-page", said="sparad som CP1252")
def saved_by_excel_in_windows_1252(table: pd.DataFrame) -> Any:
    return small.to_csv(table, encoding="cp1252")


@text_case()
def in_excel_s_unicode_text(table: pd.DataFrame) -> Any:
    return small.to_csv(table, "\t", "utf-8")


@text_case("code-page", said="UTF-16")
def in_utf_16(table: pd.DataFrame) -> Any:
    return small.to_csv(table, "\t", "utf-16")


@table_case()
def marks_in_swedish(table: pd.DataFrame) -> None:
    for name in ("eligible", "in_base", "marked"):
        table[name] = table[name].map({"true": "SANT", "false": "FALSKT"})


@table_case()
def marks_as_crosses(table: pd.DataFrame) -> None:
    table["marked"] = table["marked"].map({"true": "x", "false": ""})


@table_case()
def marks_as_yes_and_no(table: pd.DataFrame) -> None:
    table["eligible"] = table["eligible"].map({"true": "Ja", "false": "nej"})
    table["marked"] = table["marked"].map({"true": "1", "false": "0"})


@table_case("blank", said="marked (Prioriterad) är tomt (16 st). Fyll i ja eller nej")
def marks_left_blank(table: pd.DataFrame) -> None:
    table["marked"] = table["marked"].map({"true": "true", "false": ""})


@table_case()
def decimal_commas_and_thousands(table: pd.DataFrame) -> None:
    table["e_3006"] = [
        f"{int(one):,}".replace(",", "\N{NO-BREAK SPACE}") for one in table["e_3006"]
    ]
    table["households"] = table["households"] + ",0"


@table_case("leading-zero", at=(*range(2, 10),), said='är "114", ska vara "0114"')
def codes_made_numbers(table: pd.DataFrame) -> None:
    table["municipality_code"] = [str(int(one)) for one in table["municipality_code"]]


@table_case("id-zeros", said='är "11", ska vara "0011"')
def ids_made_numbers(table: pd.DataFrame) -> None:
    table["premises_id"] = [str(int(one)) for one in table["premises_id"]]


@table_case("excel-number", "unknown-id", "missing-from-file", at=(10,), said='är "1,23457E+17"')
def an_id_made_a_power_of_ten(table: pd.DataFrame) -> None:
    table.loc[FIRST, "premises_id"] = "1,23457E+17"


@table_case("excel-number", at=(10,), said="n_3006", listed=None)
def a_northing_made_a_power_of_ten(table: pd.DataFrame) -> None:
    table.loc[FIRST, "n_3006"] = "7,3E+06"


@table_case("fraction", at=(10,), said="är 810100.5")
def half_a_metre(table: pd.DataFrame) -> None:
    table.loc[FIRST, "e_3006"] = "810100,5"


@table_case("not-a-figure", at=(10,), said='är "1 hushåll"')
def a_count_with_a_word(table: pd.DataFrame) -> None:
    table.loc[FIRST, "households"] = "1 hushåll"


@table_case("not-yes-no", at=(10,), said='är "ja?"')
def a_mark_with_a_question(table: pd.DataFrame) -> None:
    table.loc[FIRST, "marked"] = "ja?"


@table_case("swapped-axes", said="e_3006 och n_3006 har bytt plats (19 st)")
def easting_and_northing_swapped(table: pd.DataFrame) -> None:
    table[["e_3006", "n_3006"]] = table[["n_3006", "e_3006"]].to_numpy()


@text_case("missing-column", "unknown-column", said="saknas. Menas Prioriterade?")
def a_heading_that_was_changed(table: pd.DataFrame) -> Any:
    return small.to_csv(table.rename(columns={"marked": "Prioriterade"}))


@text_case("double-column", said="Rubriken marked står mer än en gång")
def a_heading_that_stands_twice(table: pd.DataFrame) -> Any:
    return small.to_csv(pd.concat([table, table[["marked"]]], axis=1))


@text_case("unreadable-source", said="Rad 20 har 5 fält, men rubrikraden har 16")
def cut_off_in_the_last_line(table: pd.DataFrame) -> Any:
    text = small.to_csv(table)
    last = text.rindex(b"0017;")
    return text[: last + len(b"0017;811700;7300000;2580;Lu")]


@text_case("no-features")
def with_a_heading_alone(table: pd.DataFrame) -> Any:
    return small.to_csv(table.iloc[:0])


@text_case(
    "not-a-submission", said="Varken premises_id eller area_id finns bland kolumnerna (a, b)"
)
def of_something_else(table: pd.DataFrame) -> Any:
    return b"a;b\r\n1;2\r\n"


@table_case("mojibake", "municipality-name", at=(10,), said='municipality är "LuleÃ¥"')
def letters_broken_by_a_program(table: pd.DataFrame) -> None:
    table.loc[FIRST, "municipality"] = "LuleÃ¥"


@text_case("duplicate-id", at=(21,), said="står redan på rad 10")
def a_line_pasted_twice(table: pd.DataFrame) -> Any:
    return small.to_csv(pd.concat([table, table.iloc[[FIRST]]]))


@table_case("missing-criterion", "missing-motivation", at=(11 + 1,))
def marked_in_excel_without_reasons(table: pd.DataFrame) -> None:
    table.loc[FIRST + 2, "marked"] = "x"


@pytest.mark.parametrize(("form", "change", "rules", "at", "said", "against"), TABLES)
def test_tables_edited_in_excel(
    form: str, change: Callable[[pd.DataFrame], Any], rules: tuple[str, ...], at: tuple[int, ...],
    said: str, against: dict[str, Any], tmp_path: Path,
) -> None:  # fmt: skip
    table = small.as_texts()
    broken = change(table)
    path = tmp_path / f"s.{form}"
    if form == "csv":
        small.save(small.to_csv(table) if broken is None else broken, path)
    else:
        table.replace("", None).to_excel(path, index=False, sheet_name="Blad1")
    checked = check_submission(path, against=small.against(**against))
    assert small.rules_found(checked) == set(rules)
    for found in checked.remarks:
        assert not found.places or not at or tuple(found.numbers) == at
    assert said in small.words_of(checked)
    english = check_submission(path, against=small.against(**against), language="en")
    assert not english_in(small.words_of(checked))
    assert not swedish_in(small.words_of(english).replace("Swedish", ""))


def test_excel_s_own_types_are_read(tmp_path: Path) -> None:
    """Codes as numbers, with and without a format of four digits, and truth values."""
    table = sheet(small.submission(), "buildings")
    table["municipality_code"] = table["municipality_code"].astype(int)
    table.to_excel(tmp_path / "s.xlsx", index=False)
    checked = check_submission(tmp_path / "s.xlsx", against=small.against())
    assert small.rules_found(checked) == {"leading-zero"}
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    column = columns("buildings").index("municipality_code")
    for row in book.active.iter_rows(min_row=2):
        row[column].number_format = "0000"
    book.save(tmp_path / "s.xlsx")
    assert not check_submission(tmp_path / "s.xlsx", against=small.against()).remarks


@pytest.mark.parametrize("name", ["s.gpkg", "s.shp", "s"])
def test_other_formats_are_told_of(name: str, tmp_path: Path) -> None:
    checked = small.check(b"SQLite format 3", tmp_path / name)
    assert small.rules_found(checked) == {"unknown-format"}


def test_a_damaged_workbook_is_told_of(tmp_path: Path) -> None:
    write_submission(small.submission(), tmp_path / "pts")
    data = (tmp_path / "pts" / "pts_priority.xlsx").read_bytes()
    checked = small.check(data[:5000], tmp_path / "s.xlsx")
    assert small.rules_found(checked) == {"unreadable-source"}
    assert "Arbetsboken är avklippt eller skadad" in small.words_of(checked)


def test_every_rule_has_words_and_every_kind_is_met_in_these_tests() -> None:
    texts = submission_texts("sv")
    assert set(texts.entries) == set(RULES)
    assert all(texts.get(rule, "all") and texts.get(rule, "fix") for rule in RULES)
    met = {rule for one in (*CASES, *TABLES) for rule in one.values[1 if one in CASES else 2]}
    assert set(RULES) - met == {"unknown-format", "surplus-marks"}  # they have tests of their own
    assert set(texts.about) == {*columns("buildings"), *columns("areas")}
