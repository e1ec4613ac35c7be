"""Logical dates: which one a run has, which were missed, and backfills."""
