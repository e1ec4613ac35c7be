"""Lakehouses of several nights for the tests of releases; see `testing.house`."""

from __future__ import annotations

from pathlib import Path

import pytest

from testing.house import (
    DIMENSION,
    FIRST_NIGHT,
    QUESTIONS,
    Answers,
    House,
    ToyEncoder,
    answers,
    contents,
    kinds,
    night,
    rows,
    six_nights,
)

__all__ = [
    "DIMENSION",
    "FIRST_NIGHT",
    "QUESTIONS",
    "Answers",
    "House",
    "ToyEncoder",
    "answers",
    "contents",
    "kinds",
    "night",
    "rows",
    "six_nights",
]


@pytest.fixture(scope="session")
def six(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Six nights; only to be read."""
    return six_nights(tmp_path_factory.mktemp("six"))


@pytest.fixture
def house(six: House, tmp_path: Path) -> House:
    """Six nights of one's own."""
    return six.copied_to(tmp_path / "house")
