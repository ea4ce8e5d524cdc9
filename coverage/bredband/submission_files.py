"""The files of a submission: GeoJSON, CSV, XLSX and the written motivation, all or nothing.

CSV is UTF-8 with a byte order mark and semicolons between the columns, since an Excel that is
set to Swedish opens that with letters and columns right (U); decimals do not occur. XLSX has
the Swedish headings of the schema, and ids and codes as text.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import openpyxl
import pandas as pd
from bredband_gis.store import MAKER, MANIFEST, write_folder
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from bredband.submission import collection, motivation_text, plain_values, sheet
from bredband.submission_schema import ROW, Content, definition, titles
from bredband.submission_text import submission_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from bredband.submission import Submission

BUILDINGS_GEOJSON: Final = "pts_priority.geojson"
AREAS_GEOJSON: Final = "pts_priority_areas.geojson"
CSV: Final = "pts_priority.csv"
XLSX: Final = "pts_priority.xlsx"
MOTIVATION: Final = "motivering.md"
SCHEMA: Final = "pts_priority.schema.json"

PUBLIC: Final = (MOTIVATION, SCHEMA)
"""Files that may be shown to others; the rest hold single households."""

SHEETS: Final[dict[Content, str]] = {"buildings": "byggnader", "areas": "områden"}
"""Names of the sheets of the workbook; also motivering and läsmig."""

_FORMULA: Final = ("=", "+", "-", "@")
"""What makes Excel take a text for a formula."""

_WIDTHS: Final = {"premises_id": 18, "area_id": 14, "area_name": 28, "municipality": 16,
                  "criterion": 28, "motivation": 70}  # fmt: skip
_TEXT_FORMAT: Final = "@"


def write_submission(
    submission: Submission,
    out: Path,
    *,
    more: Mapping[str, Callable[[Path], None]] | None = None,
) -> None:
    """Write a submission to a folder, all of it or nothing.

    Parameters
    ----------
    submission : Submission
        From :func:`bredband.submission.build_submission`.
    out : Path
        The folder. An earlier result in it is replaced when the new one is complete.
    more : mapping, optional
        Further files: name = function that writes it to the path it is given.

    Raises
    ------
    GeodataError
        The folder holds something that is no earlier result.
    """
    writers: dict[str, Callable[[Path], None]] = {
        BUILDINGS_GEOJSON: lambda path: write_geojson(collection(submission, "buildings"), path),
        AREAS_GEOJSON: lambda path: write_geojson(collection(submission, "areas"), path),
        CSV: lambda path: write_csv(sheet(submission, "buildings"), path),
        XLSX: lambda path: write_workbook(submission, path),
        MOTIVATION: lambda path: write_text(motivation_text(submission), path),
        SCHEMA: lambda path: write_text(
            files("bredband").joinpath(SCHEMA).read_text(encoding="utf-8"), path
        ),
        **(more or {}),
    }
    with write_folder(out) as folder:
        for name, write in writers.items():
            write(folder / name)
        manifest = {
            "made_by": MAKER,
            **submission.facts,
            "files": {
                name: {
                    "bytes": (folder / name).stat().st_size,
                    "audience": "public" if name in PUBLIC else "internal",
                }
                for name in sorted(writers)
            },
        }
        write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", folder / MANIFEST)


def write_geojson(document: Mapping[str, Any], path: Path) -> None:
    """Write a feature collection, one feature a line: feature 17 stands on line 18."""
    head = json.dumps({**document, "features": []}, ensure_ascii=False, allow_nan=False)
    lines = (json.dumps(one, ensure_ascii=False, allow_nan=False) for one in document["features"])
    write_text(head.removesuffix("]}") + "\n" + ",\n".join(lines) + "\n]}\n", path)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table with semicolons, in UTF-8 with a byte order mark.

    A text that Excel would take for a formula gets an apostrophe before it, as Excel's own do.
    """
    plain = table.copy()
    for name in plain.select_dtypes(["bool", "boolean"]):
        plain[name] = plain[name].map({True: "true", False: "false"})
    for name in plain.select_dtypes("str"):
        risky = plain[name].str.startswith(_FORMULA).fillna(value=False)
        if risky.any():
            plain[name] = plain[name].mask(risky, "'" + plain[name])
    plain.to_csv(path, index=False, sep=";", encoding="utf-8-sig", lineterminator="\r\n")


def write_workbook(submission: Submission, path: Path) -> None:
    """Write the workbook: buildings, areas, motivations, and a sheet that explains them.

    Numbers are numbers, marks are TRUE and FALSE (SANT and FALSKT in a Swedish Excel), ids and
    codes are text; headings are frozen and bold, with filters.
    """
    book = openpyxl.Workbook(write_only=True)
    for content, name in SHEETS.items():
        table = sheet(submission, content)
        about = definition(ROW[content])["properties"]
        names = [str(column) for column in table]
        text = [column for column in names if column.endswith(("_id", "_code"))]
        widths = [_WIDTHS.get(column, max(10, len(about[column]["title"]) + 4)) for column in names]
        _fill(book, name, list(titles(content).values()), table, widths, text)
    told = submission.motivations
    kinds = {"criterion": "kriterium", "area": "område"}
    _fill(
        book,
        "motivering",
        ["Slag", "Nyckel", "Namn", "Motivering"],
        told[["kind", "key", "name", "text"]].assign(kind=told["kind"].map(kinds)),
        [12, 22, 40, 100],
        ["key"],
    )
    _fill(book, "läsmig", ["Uppgift", "Värde"], _read_me(submission), [34, 110], [])
    book.save(path)


def _fill(
    book: Any, name: str, heads: list[str], table: pd.DataFrame, widths: Sequence[float],
    text: Sequence[str],
) -> None:  # fmt: skip
    page = book.create_sheet(name)
    page.freeze_panes = "A2"
    for number, width in enumerate(widths, start=1):
        page.column_dimensions[get_column_letter(number)].width = width
    page.auto_filter.ref = f"A1:{get_column_letter(len(heads))}{len(table) + 1}"
    top = []
    for head in heads:
        cell = WriteOnlyCell(page, value=head)
        cell.font = Font(bold=True)
        cell.alignment = Alignment(vertical="top", wrap_text=True)
        top.append(cell)
    page.append(top)
    columns = [
        _cells(page, plain_values(table[column]), as_text=column in text) for column in table
    ]
    for row in zip(*columns, strict=True):
        page.append(row)


def _cells(page: Any, values: list[Any], *, as_text: bool) -> Iterable[Any]:
    """Give cells: plain values, and where it matters cells that Excel keeps as text."""
    cell = WriteOnlyCell(page, value="")
    if as_text:
        cell.number_format = _TEXT_FORMAT
    for value in values:
        if as_text and value is not None:
            cell.value = value
            cell.data_type = "s"
            yield cell
        elif isinstance(value, str) and value.startswith("="):
            said = WriteOnlyCell(page, value=value)
            said.data_type = "s"  # no formula
            yield said
        else:
            yield value


def _read_me(submission: Submission) -> pd.DataFrame:
    facts, quota = submission.facts, submission.facts["quota"]
    rows = [
        ("Vad detta är", f"Prioritering inför PTS bredbandsstöd {facts['year']}"),
        ("Region", facts["region"]),
        ("Får läsas av", facts["notice"]),
        ("Ursprung", {"real": "regionens egna data", "derived": "härlett ur verkliga data",
                      "synthetic": "syntetiska data: får inte lämnas in"}[facts["provenance"]]),
        ("Byggnader med hushåll eller arbetsställe", quota["base_premises"]),
        ("Får prioriteras", quota["allowed"]),
        ("Prioriterade", quota["marked"]),
        ("Koordinater", "SWEREF 99 TM (EPSG:3006), hela meter"),
        ("Får ändras", "Prioriterad, Kriterium och Motivering på bladet byggnader. Id och"
                       " kommunkoder är text: inledande nollor räknas."),
        ("Pröva efter ändring", "bredband pts validate pts_priority.xlsx"),
        *((f"Kriterium {key}", name) for key, name in facts["criteria"].items()),
    ]  # fmt: skip
    about = submission_texts("sv").about
    for content, name in SHEETS.items():
        rows += [
            (f"Bladet {name}: {title}", about[column]) for column, title in titles(content).items()
        ]
    return pd.DataFrame(rows, columns=["what", "value"], dtype=object)


def write_text(text: str, path: Path) -> None:
    """Write a text in UTF-8, with the line breaks that it has."""
    path.write_text(text, encoding="utf-8", newline="\n")
