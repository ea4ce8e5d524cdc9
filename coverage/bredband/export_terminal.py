"""``bredband ofds``: the planned network of a finished result, by the Open Fibre Data Standard."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape

SPOKEN: Final = "bredband.language"
"""Where the group of commands looks for the language that errors are told in."""


def _speak(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        ctx.meta[SPOKEN] = value
    return value


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="RESULT_DIR")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="The file, e.g. network.json.")  # fmt: skip
@click.option("--exact", is_flag=True, help="Routes as they are, not for spreading.")
@click.option("--lang", type=click.Choice(["sv", "en"]), callback=_speak,
              help="Language of names and of what is said.  [default: as the result]")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
def ofds(folder: Path, out: Path, exact: bool, lang: str | None, quiet: bool) -> None:
    """Write the planned network of a run as a package of the Open Fibre Data Standard."""
    from bredband.ofds_export import ofds_network, write_ofds  # noqa: PLC0415
    from bredband.stored import read_manifest, read_tables  # noqa: PLC0415
    from bredband.table_words import table_words  # noqa: PLC0415

    manifest = read_manifest(folder)
    language = lang or str(manifest["settings"].get("region", {}).get("language", "sv"))
    click.get_current_context().meta[SPOKEN] = language
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
