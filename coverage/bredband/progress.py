"""Telling a person how far a long run has come, and how long each step took."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bredband.text import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from bredband.text import Language


class Steps:
    """Seconds per step, shown on a terminal while a step runs.

    Parameters
    ----------
    console : Console, optional
        Where to show; without one nothing is shown.
    language : {"sv", "en"}
        Language of what is shown.
    verbose : bool
        Print a line for every finished step also where the console is no terminal.

    Attributes
    ----------
    seconds : dict
        Step -> seconds, in the order run.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        language: Language = "sv",
        verbose: bool = False,
    ) -> None:
        self.console = console
        self.language = language
        self.verbose = verbose
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Run a block as a step; its words are in the section [step] of the texts."""
        shown = words(self.language)[f"step.{name}"]
        started = time.perf_counter()
        if self.console is not None and self.console.is_terminal:
            with self.console.status(shown):
                yield
        else:
            yield
        took = time.perf_counter() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        if self.console is not None and (self.verbose or self.console.is_terminal):
            self.console.print(f"{shown} [dim]{took:.1f} s[/]", highlight=False)
