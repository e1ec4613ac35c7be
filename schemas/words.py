"""Words for people that depend on a number."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """A number with its noun, as in "1 release" and "1,204 releases"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
