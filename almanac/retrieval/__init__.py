"""Asking a release: search, golden questions, recall, and whether an upgrade answers worse."""
