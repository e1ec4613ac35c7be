"""The command line and the Python API of Almanac."""
