"""Answers over HTTP from a release, each logged with all that made it."""
