"""What the connector of Confluence is made of; see `almanac.sources.connectors.confluence`."""
