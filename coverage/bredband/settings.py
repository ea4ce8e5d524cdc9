"""What every section of region.toml has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of region.toml: unknown settings are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
