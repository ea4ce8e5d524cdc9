"""[backbone]: networks that connect places (ortssammanbindande nät)."""

from __future__ import annotations

from pydantic import Field

from bredband.settings import Section


class BackboneSettings(Section):
    """[backbone]: which places are joined, and who pays."""

    support_share: float = Field(
        0.40, ge=0, le=1, description="Largest share of the cost that is supported (ERUF: 0.40, F)"
    )
