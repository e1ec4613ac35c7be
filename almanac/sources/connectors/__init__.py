"""One module for each kind of source; see `almanac.sources.registry`."""
