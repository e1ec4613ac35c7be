"""A sample of the damage matrix; `benchmarks/reliability/damage_matrix.py` has all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.damage import CONTENT, table_sentence
from schemas.tables import TABLES
from testing.damage_matrix import DAMAGES, Case, make, run
from testing.house import House
from testing.power_cut.house import without_expectations

SAMPLE = [
    ("source_files: newest commit", "empty"),
    ("quarantine: newest data", "cut"),
    ("chunks: newest data", "missing"),
    ("releases: newest commit", "cut"),
    ("index: versions", "flipped"),
]


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Path]:
    with without_expectations():
        return make(tmp_path_factory.mktemp("matrix"))


@pytest.mark.slow
@pytest.mark.parametrize(("target", "damage"), SAMPLE)
def test_nothing_raw_and_no_false_ok(
    houses: tuple[House, Path], tmp_path: Path, target: str, damage: str
) -> None:
    with without_expectations():
        found: list[Case] = list(run(*houses, tmp_path, lambda *case: case == (target, damage)))
    assert [case.faults for case in found] in ([], [[]])
    assert all(len(case.told) == 6 for case in found)


def test_every_table_has_a_sentence_for_its_damage() -> None:
    assert set(CONTENT) >= set(TABLES)
    assert all("almanac doctor" in table_sentence(name, "it is cut") for name in TABLES)


def test_the_damages_are_those_of_the_matrix() -> None:
    assert DAMAGES == ("missing", "empty", "cut", "flipped", "older")
