"""What was found in a layer, and repairs of its geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """Something that was found in a layer and that the planner should know.

    Parameters
    ----------
    rule : str
        Short name of the rule, e.g. ``"invalid-geometry"``.
    severity : {"error", "warning", "info"}
        error: the layer cannot be used; warning: it can, but look; info: for the record.
    layer : str
        Which source, e.g. ``"premises"``.
    file : str
        File name.
    rows : int
        How many rows it concerns.
    message : str
        What was found, one sentence.
    fix : str
        What the planner can do about it, one sentence; empty where nothing need be done.
    """

    rule: str
    severity: Literal["error", "warning", "info"]
    layer: str
    file: str
    rows: int
    message: str
    fix: str = ""
