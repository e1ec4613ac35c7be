"""The threshold that labelled pairs give, or none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from almanac.cache.calibration import Judged, Pair, best, judged, read_pairs, upper_bound
from schemas.errors import ConfigError
from testing.house import ToyEncoder


def test_the_interval_is_that_of_the_tables() -> None:
    # R: binom.test(0, 736)$conf.int[2], binom.test(1, 100)$conf.int[2]
    assert upper_bound(0, 736) == pytest.approx(0.0049995, abs=1e-6)
    assert upper_bound(0, 735) > 0.005
    assert upper_bound(1, 100) == pytest.approx(0.0544594, abs=1e-6)
    assert upper_bound(0, 0) == 1.0


def test_a_threshold_takes_enough_pairs_that_differ() -> None:
    hit = Judged(Pair("a", "b", True), 0.98127, True)
    apart = Judged(Pair("a", "c", False), 0.999, False)
    few = best([hit, *[apart] * 735])
    assert (few["mode"], few["threshold"], few["right_hits"]) == ("exact", None, 1)
    many = best([hit, *[apart] * 736])
    assert (many["mode"], many["threshold"], many["false_hits"]) == ("semantic", 0.9812, 0)
    assert many["by_cosine_alone"]["false_hits"] == 736


def test_a_false_hit_lifts_the_threshold_above_it() -> None:
    hits = [Judged(Pair("a", "b", True), cosine, True) for cosine in (0.9, 0.97, 0.99)]
    false = Judged(Pair("a", "c", False), 0.95, True)
    apart = [Judged(Pair("a", "d", False), 0.5, False)] * 900
    found = best([*hits, false, *apart])
    assert (found["threshold"], found["right_hits"], found["false_hits"]) == (0.97, 2, 0)


def test_pairs_are_read_and_judged(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    rows = [
        {"a": "Who is it?", "b": "who is it", "same": True},
        {"a": "Who is it?", "b": "Who is not it?", "same": False},
    ]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    found = judged(read_pairs(file), ToyEncoder())
    assert [one.agrees for one in found] == [True, False]
    assert all(-1 <= one.cosine <= 1 for one in found)


@pytest.mark.parametrize("line", ["nothing", "[1]", '{"a": "x", "b": "y"}', '{"a": 1}'])
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"a": "x", "b": "y", "same": true}\n' + line)
    with pytest.raises(ConfigError, match=r"pairs.jsonl, line 2 is no pair: write"):
        read_pairs(file)
