"""What can be wrong with geodata, in words that a planner can act on.

Every error says what is wrong, where (file, layer, rows) and what to do. The
classes are named for the fault, so that callers can tell them apart without
reading the text.
"""

from __future__ import annotations

import re


class GeodataError(Exception):
    """Something is wrong with the data, not with the program.

    Parameters
    ----------
    what : str
        What is wrong, one sentence.
    where : str, optional
        File, layer and rows, e.g. ``"roads.gpkg, layer roads, 3 of 120 rows"``.
    fix : str, optional
        What the planner can do about it, one sentence.
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = what
        self.where = where
        self.fix = fix
        parts = [f"{where}: {what}" if where else what]
        if fix:
            parts.append(f"What to do: {fix}")
        super().__init__("\n".join(parts))


def rule_of(error: GeodataError) -> str:
    """Give the id of the rule that an error breaks: ``duplicate-ids`` of DuplicateIdsError."""
    words = re.findall("[A-Z][a-z]*", type(error).__name__.removesuffix("Error"))
    return "-".join(words).lower()


class UnreadableSourceError(GeodataError):
    """The file is missing, truncated, of an unknown format or in an unknown encoding."""


class NoCrsError(GeodataError):
    """The file does not say which coordinate reference system its numbers are in."""


class WrongCrsError(GeodataError):
    """The coordinates do not fit the coordinate reference system they are said to be in."""


class SwappedAxesError(WrongCrsError):
    """Easting and northing (or longitude and latitude) stand in each other's place."""


class DegreesAsMetresError(WrongCrsError):
    """Degrees are stored under a coordinate reference system in metres."""


class NotMetricError(GeodataError):
    """A length was asked for in a coordinate reference system that cannot measure one."""


class MissingColumnError(GeodataError):
    """A column that the step needs is not in the table."""


class BadValueError(GeodataError):
    """A value is not a number, is negative, or is outside what the column may hold."""


class DuplicateIdsError(GeodataError):
    """An identifier that must be unique stands on more than one row."""


class EmptyLayerError(GeodataError):
    """Nothing is left in the layer to work on."""


class GeometryError(GeodataError):
    """The geometry is of the wrong kind, or so broken that it cannot be repaired."""


class DownloadError(GeodataError):
    """A file could not be fetched whole from the address."""


class OfflineError(DownloadError):
    """The server cannot be reached: no network, wrong name, a closed port or a proxy."""
