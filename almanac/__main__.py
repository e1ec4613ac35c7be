"""`python -m almanac`."""

from almanac.cli import main

main()
