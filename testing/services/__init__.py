"""Servers on loopback that answer as the services of connectors do, in their recorded shapes."""
