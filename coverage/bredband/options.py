"""What the commands have in common: files, folders, languages, and for whom a result is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from bredband_gis.errors import GeodataError

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = click.Path(path_type=Path, file_okay=False)
FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
NEW_FILE: Final = click.Path(path_type=Path, dir_okay=False)

SPOKEN: Final = "bredband.language"
"""Where the group of commands looks for the language that errors are told in."""


class _Language(click.Choice[str]):
    """A language, which is from then on the one that errors are told in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        chosen = super().convert(value, param, ctx)
        if ctx is not None:
            ctx.meta[SPOKEN] = chosen
        return chosen


LANGUAGE: Final = _Language(["sv", "en"])


def speak(language: str) -> None:
    """Tell errors from now on in this language."""
    click.get_current_context().meta[SPOKEN] = language


def speak_as(manifest: Mapping[str, Any], asked: str | None) -> str:
    """Speak the language asked for, else that of a result; give it."""
    language = asked or str(manifest["settings"].get("region", {}).get("language", "sv"))
    speak(language)
    return language


def beside(folder: Path, ending: str) -> Path:
    """Name a file beside a result's folder: outputs/norrbotten-report.html."""
    folder = folder.resolve()
    return folder.with_name(f"{folder.name}-{ending}")


def spare_result(target: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse to write over a file of a result, whose audience its manifest has told.

    Raises
    ------
    GeodataError
        The file is one of the result's.
    """
    inside = target.resolve().parent == folder.resolve()
    files = manifest.get("files", {})
    if inside and isinstance(files, dict) and target.name in {*files, "manifest.json"}:
        msg = f"{target.name} is the result's own, and its manifest says whom it is for"
        raise GeodataError(msg, where=str(folder), fix="give --out another name")
