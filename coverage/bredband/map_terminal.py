"""``bredband map``: draw a finished result's map anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

from bredband.options import FOLDER, LANGUAGE, NEW_FILE, beside, spare_result, speak

if TYPE_CHECKING:
    from pathlib import Path

    from bredband.text import Language


@click.command("map")
@click.argument("folder", type=FOLDER)
@click.option("--out", type=NEW_FILE,
              help="The file.  [default: FOLDER-map.html beside the folder]")  # fmt: skip
@click.option("--internal/--public", default=None,
              help="Exact places and routes, not for spreading; or cells."
              "  [default: as the result]")  # fmt: skip
@click.option("--lang", type=LANGUAGE,
              help="Language of the map.  [default: as the result]")  # fmt: skip
@click.option("--changed", type=FOLDER, metavar="EARLIER",
              help="Show what changed since this earlier result.")  # fmt: skip
@click.option("--backbone", type=FOLDER,
              help="Show this network between places, from bredband backbone.")  # fmt: skip
@click.option("--background", type=click.Choice(["online"]),
              help="Offer OpenStreetMap's tiles too; these need the network.")  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Show nothing but errors.")
def draw_map(
    folder: Path, out: Path | None, internal: bool | None, lang: Language | None,
    changed: Path | None, backbone: Path | None, background: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Draw the map of the result in FOLDER anew: another audience, language, change, networks."""
    # What reads results and draws maps takes a second to load: --help does not wait for it.
    from bredband.deliveries import compare_runs, read_run  # noqa: PLC0415
    from bredband.map_result import DRAWN, result_map  # noqa: PLC0415
    from bredband.map_words import map_words  # noqa: PLC0415
    from bredband.stored import is_public, read_manifest, read_stretches, read_tables  # noqa: PLC0415

    manifest = read_manifest(folder)
    own = str(manifest["settings"]["region"].get("language", "sv"))
    language = lang or own
    speak(language)
    exact = not is_public(manifest) if internal is None else internal
    target = out or beside(folder, "internal.html" if exact else "map.html")
    spare_result(target, folder, manifest)
    names = [*DRAWN, "scores"] if language != own else DRAWN
    tables = read_tables(folder, names)
    stretches, straight = read_stretches(backbone) if backbone else (None, False)
    page = result_map(
        tables,
        manifest,
        detail="internal" if exact else "public",
        language=lang,
        changed=compare_runs(read_run(changed), read_run(folder), language=language)
        if changed
        else None,
        stretches=stretches,
        straight=straight,
        background="online" if background else None,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        page.save(unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    if quiet:
        return
    w = map_words(language, plain=True)
    console = Console()

    def say(text: str) -> None:
        console.print(escape(text), highlight=False, soft_wrap=True)

    size = f"{w.number(target.stat().st_size / 1e6, 1)} MB"
    detail = w.map_screen.internal if exact else w.map_screen.public
    say(w.fill("map_screen.written", path=target, size=size, detail=detail))
    if lacking := [name for name in DRAWN if name not in tables]:
        say(w.fill("map_screen.left_out", tables=", ".join(lacking)))
    if exact and language != own:
        say(w.map_screen.other_language)
