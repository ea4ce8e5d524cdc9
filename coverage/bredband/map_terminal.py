"""``bredband map``: draw a finished result's map anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from bredband.text import Language

SPOKEN: Final = "bredband.language"
"""Where the group of commands looks for the language that errors are told in."""

_FOLDER: Final = click.Path(path_type=Path, file_okay=False)


def _speak(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        ctx.meta[SPOKEN] = value
    return value


@click.command("map")
@click.argument("folder", type=_FOLDER)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="The file.  [default: FOLDER-map.html beside the folder]")  # fmt: skip
@click.option("--internal/--public", default=None,
              help="Exact places and routes, not for spreading; or cells."
              "  [default: as the result]")  # fmt: skip
@click.option("--lang", type=click.Choice(["sv", "en"]), callback=_speak,
              help="Language of the map.  [default: as the result]")  # fmt: skip
@click.option("--changed", type=_FOLDER, metavar="EARLIER",
              help="Show what changed since this earlier result.")  # fmt: skip
@click.option("--backbone", type=_FOLDER,
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
    from bredband.map_result import DRAWN, read_stretches, result_map  # noqa: PLC0415
    from bredband.map_words import map_words  # noqa: PLC0415
    from bredband.stored import is_public, read_manifest, read_tables  # noqa: PLC0415

    manifest = read_manifest(folder)
    own = str(manifest["settings"]["region"].get("language", "sv"))
    language = lang or own
    click.get_current_context().meta[SPOKEN] = language
    exact = not is_public(manifest) if internal is None else internal
    target = out or folder.resolve().with_name(
        f"{folder.resolve().name}-{'internal' if exact else 'map'}.html"
    )
    _spare(target, folder, manifest["files"])
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


def _spare(target: Path, folder: Path, files: object) -> None:
    """Refuse to write over a file of the result, whose audience its manifest has told."""
    inside = target.resolve().parent == folder.resolve()
    if inside and isinstance(files, dict) and target.name in {*files, "manifest.json"}:
        from bredband_gis.errors import GeodataError  # noqa: PLC0415

        msg = f"{target.name} is the result's own, and its manifest says whom it is for"
        raise GeodataError(msg, where=str(folder), fix="give --out another name")
