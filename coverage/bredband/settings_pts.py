"""[pts]: how the region takes part in PTS's broadband support."""

from __future__ import annotations

from pydantic import Field

from bredband.settings import Section


class PtsSettings(Section):
    """[pts]: eligible buildings, marks and the competition."""

    year: int | None = Field(
        None,
        examples=[2024],
        description="Year of the call, whose rules apply; the newest known when left out",
    )
