"""Cutting documents into passages that keep their place when the document changes."""
