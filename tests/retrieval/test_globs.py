"""Globs of clients: as those of sources, but no glob takes long."""

from __future__ import annotations

import random
import time

import pytest

from almanac.retrieval.globs import Glob
from almanac.sources.selection import matcher
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("*a" * 40 + "*b", "a" * 200 + ".md"),
        ("**/" * 40 + "x", "a/" * 100 + "y"),
        ("*?" * 40 + "z", "e" * 200),
        ("**a" * 40 + "b", "a/" * 100),
    ],
)
def test_no_glob_takes_long(glob: str, path: str) -> None:
    began = time.process_time()
    assert not Glob(glob).matches(path)
    assert time.process_time() - began < 0.5


def test_they_mean_what_those_of_sources_mean() -> None:
    chance = random.Random(7)
    parts = ["**/", "**", "*", "?", "/", "a", "B", ".", "[ab]", "[!a]", "a*", "*/"]
    matching = slow = 0
    for _ in range(4_000):
        glob = "".join(chance.choices(parts, k=chance.randint(1, 6)))
        path = "".join(chance.choices("aabB./", k=chance.randint(1, 8)))
        one = Glob(glob)
        expected = matcher(glob).fullmatch(path) is not None
        assert one.matches(path) is expected, (glob, path)
        matching += expected and not one._is_fast
        slow += not one._is_fast
    assert matching > 50
    assert slow - matching > 50


def test_a_malformed_one_is_named() -> None:
    with pytest.raises(ConfigError, match="malformed"):
        Glob("[z-a]")
