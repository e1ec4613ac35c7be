"""`python -m almanac`."""

from almanac.cli.app import main

main()
