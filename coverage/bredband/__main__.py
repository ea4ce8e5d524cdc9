"""So that ``python -m bredband`` is the command bredband."""

from bredband.cli import main

main()
