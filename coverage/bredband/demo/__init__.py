"""The example region, and made-up fibre for a region that has none to show."""

from bredband.demo.laying import lay_fibre
from bredband.demo.norrbotten import make_norrbotten

__all__ = ["lay_fibre", "make_norrbotten"]
