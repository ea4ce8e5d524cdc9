"""[ground]: what the ground is, and what that does to the price of trench."""

from __future__ import annotations

from bredband.settings import Section


class GroundSettings(Section):
    """[ground]: price classes by the values of rasters, and protected areas."""
