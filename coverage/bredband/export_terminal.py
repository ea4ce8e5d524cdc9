"""``bredband ofds``: the planned network of a finished result, by the Open Fibre Data Standard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

from bredband.options import FOLDER, LANGUAGE, NEW_FILE, speak_as

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("folder", type=FOLDER, metavar="RESULT_DIR")
@click.option("--out", type=NEW_FILE, required=True,
              help="The file, e.g. network.json.")  # fmt: skip
@click.option("--exact", is_flag=True, help="Routes as they are, not for spreading.")
@click.option("--lang", type=LANGUAGE,
              help="Language of names and of what is said.  [default: as the result]")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
def ofds(folder: Path, out: Path, exact: bool, lang: str | None, quiet: bool) -> None:
    """Write the planned network of a run as a package of the Open Fibre Data Standard."""
    from bredband.ofds_export import ofds_network, write_ofds  # noqa: PLC0415
    from bredband.stored import read_manifest, read_tables  # noqa: PLC0415
    from bredband.table_words import table_words  # noqa: PLC0415

    manifest = read_manifest(folder)
    language = speak_as(manifest, lang)
    tables = read_tables(folder, ("trench", "priority_areas"))
    package = ofds_network(tables, manifest, exact=exact, language=language)
    write_ofds(package, out)
    w = table_words(language, plain=True)
    network = package["networks"][0]
    console = Console(quiet=quiet)
    said = w.fill("ofds.written", spans=w.number(len(network["spans"])),
                  nodes=w.number(len(network["nodes"])), path=out)  # fmt: skip
    console.print(escape(said), highlight=False, soft_wrap=True)
    if exact:
        console.print(escape(w.ofds.internal), style="yellow", highlight=False, soft_wrap=True)
