"""The notebooks run from top to bottom on the example region, by public names only, and show
the numbers of the run."""

from __future__ import annotations

import ast
import re
import shutil
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bredband
import nbformat
import pandas as pd
import pytest
from bredband.stored import read_manifest, read_tables
from bredband.text import NO_BREAK, words
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

if TYPE_CHECKING:
    from collections.abc import Callable

    from opened import Opened

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NAMES = ["1_state_of_coverage", "2_what_the_rest_costs", "3_what_comes_first"]
KEPT = {
    "1_state_of_coverage": 'coverage.to_parquet("../kept.parquet")',
    "2_what_the_rest_costs": 'pd.concat(cases).to_parquet("../kept.parquet")',
    "3_what_comes_first": 'budgets.to_parquet("../kept.parquet")',
}
"""What is written after the last cell of each, to be looked at here."""

SAID = words("sv")


class Executed:
    """A notebook that was run, and the table that it left."""

    def __init__(self, book: Any, kept: pd.DataFrame) -> None:
        self.cells = [cell for cell in book.cells[:-1] if cell.cell_type == "code"]
        self.kept = kept

    def html(self) -> list[str]:
        """Give every table and map that is shown."""
        return [
            output["data"]["text/html"]
            for cell in self.cells
            for output in cell.outputs
            if "text/html" in output.get("data", {})
        ]

    def text(self) -> str:
        """Give the words of all tables, spaces as spaces."""
        tables = " ".join(one for one in self.html() if "<iframe" not in one)
        plain = unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", tables, flags=re.DOTALL))
        return " ".join(plain.split())


@pytest.fixture(scope="module")
def run(example_run: Path) -> Callable[[str], Executed]:
    """Run a notebook beside the results of the example region; each once."""
    top = example_run
    (top / "notebooks").mkdir(exist_ok=True)
    done: dict[str, Executed] = {}

    def execute(name: str) -> Executed:
        if name not in done:
            path = shutil.copy(FOLDER / f"{name}.ipynb", top / "notebooks")
            book = nbformat.read(path, as_version=4)
            book.cells.append(new_code_cell(KEPT[name]))
            client = NotebookClient(
                book, timeout=600, kernel_name="python3",
                resources={"metadata": {"path": str(top / "notebooks")}},
            )  # fmt: skip
            client.execute()
            done[name] = Executed(book, pd.read_parquet(top / "kept.parquet"))
        return done[name]

    return execute


def source(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_there_are_no_others() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_was_run_is_kept(name: str) -> None:
    book = source(name)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    assert book.cells[0].source.startswith(f"# {name[0]}. ")
    assert "made up" in book.cells[0].source
    words_of_code = sum(len(cell.source) for cell in book.cells if cell.cell_type == "code")
    assert words_of_code < 6000  # short enough to be read


@pytest.mark.parametrize("name", NAMES)
def test_public_names_only(name: str) -> None:
    others = {"pandas", "matplotlib.pyplot"}
    for cell in source(name).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom):
                assert node.module == "bredband"
                assert {alias.name for alias in node.names} <= set(bredband.__all__)
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= others
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_")


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    for cell in source(name).cells:
        for target in re.findall(r"\]\(([^)#]+)", cell.source if "](" in cell.source else ""):
            assert (FOLDER / target).resolve().is_file(), target


@pytest.mark.parametrize("name", NAMES)
def test_runs_from_top_to_bottom_and_shows_something(
    name: str, run: Callable[[str], Executed]
) -> None:
    book = run(name)
    for cell in book.cells:
        for output in cell.outputs:
            assert output["output_type"] in ("execute_result", "display_data"), output
            if "repr" not in output:
                assert set(output["data"]) & {"text/html", "image/png", "text/plain"}
    shown = [cell for cell in book.cells if cell.outputs]
    assert len(shown) >= len(book.cells) - 1
    plain = [cell for cell in shown if all(set(o["data"]) == {"text/plain"} for o in cell.outputs)]
    assert len(plain) <= 1  # the list of tables; all else are tables, maps and plots
    assert any("image/png" in output["data"] for cell in shown for output in cell.outputs)


def test_coverage_is_that_of_the_run(run: Callable[[str], Executed], example_run: Path) -> None:
    book = run(NAMES[0])
    there = read_tables(example_run / "outputs" / "norrbotten", ["coverage"])["coverage"]
    keys = ["area_kind", "area_code", "segment", "base", "measure", "speed_mbit"]
    both = book.kept.merge(there, on=keys, suffixes=("", "_run"), validate="1:1")
    # Take-up counts offers, which the notebook has as well; DeSO are not given.
    assert len(both) == len(book.kept)
    assert len(book.kept) > 5000
    assert (both["served"] == both["served_run"]).all()
    assert (both["total"] == both["total_run"]).all()
    text = book.text()
    assert "Luleå 88,0 %" in text
    assert "Överkalix 55,0 %" in text
    assert "syntetiska" in text


def test_costs_are_those_of_the_run(run: Callable[[str], Executed], example_run: Path) -> None:
    book = run(NAMES[1])
    out = example_run / "outputs" / "norrbotten"
    cost = read_tables(out, ["cost"])["cost"]
    whole = cost[cost["area_kind"] == "region"].iloc[0]
    text = book.text()
    for column in ("capex_sek", "gap_sek", "support_sek"):
        assert " ".join(SAID.money(whole[column]).split()) in text
    assert " ".join(SAID.length(whole["trench_m"]).split()) in text
    as_is, fewer, passed = (row for _, row in book.kept.iterrows())
    assert as_is["gap_sek"] == pytest.approx(whole["gap_sek"])
    assert as_is["capex_sek"] == pytest.approx(
        read_manifest(out)["sums"]["capex, SEK (areas, region)"]
    )
    assert fewer["own_contribution_sek"] == pytest.approx(0.7 * as_is["own_contribution_sek"])
    assert fewer["gap_sek"] > as_is["gap_sek"]
    assert passed["drop_sek"] == 0
    assert passed["gap_sek"] == pytest.approx(passed["capex_sek"])


def test_budgets_are_proven_and_no_worse_than_the_runs_in_households(
    run: Callable[[str], Executed], example_run: Path
) -> None:
    made = run(NAMES[2]).kept
    there = read_tables(example_run / "outputs" / "norrbotten", ["choice_summary"])
    whole = there["choice_summary"].iloc[0]
    mine = made[made["budget_sek"] == whole["budget_sek"]].iloc[0]
    assert mine["households"] >= whole["households"]  # the run weighs them by score
    assert (made["households"] <= made["bound"] + 1e-6).all()
    assert (made["households"] >= made["list_value"]).all()
    assert made["households"].is_monotonic_increasing
    assert (made["support_sek"] <= made["budget_sek"]).all()
    assert NO_BREAK not in made["plan"].iloc[0]


@pytest.mark.parametrize("name", [NAMES[0], NAMES[2]])
def test_the_map_is_shown_inline_without_a_network(
    name: str, run: Callable[[str], Executed], show: Callable[..., Opened]
) -> None:
    shown = [html for html in run(name).html() if "<iframe" in html]
    assert len(shown) == 1
    opened = show(f"<!doctype html><title>Anteckningsbok</title><meta charset='utf-8'>{shown[0]}")
    inner = opened.page.frame_locator("iframe").first
    inner.get_by_role("heading", name="Norrbottens län: bredband 2020").wait_for()
    inner.locator("canvas").first.wait_for()
    assert inner.get_by_text("80,0").count() > 0  # the county's share, as in the tables
    assert not opened.said
    assert not [url for url in opened.asked if url.startswith("http")]
