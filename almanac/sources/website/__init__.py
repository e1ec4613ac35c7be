"""What the connector of web sites is made of; see `almanac.sources.connectors.web`."""
