"""A sample of the damage matrix; `benchmarks/reliability/damage_matrix.py` has all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from almanac.cli.app import main
from lakehouse.damage import CONTENT, table_sentence
from lakehouse.mending import BUILT, CACHES, EACH_BY_ITSELF, RECORDS, STANDING
from schemas.tables import TABLES
from testing.damage import DAMAGES, targets
from testing.damage_matrix import Matrix
from testing.full_house import Names, full_house
from testing.power_cut.house import without_expectations
from testing.verbs import ELSEWHERE, reading, writing

SAMPLE = [
    ("releases: newest commit", "cut"),
    ("index: versions", "flipped"),
    ("assistant_stages: newest data", "cut"),
    ("judgements: newest data", "cut"),
]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """Without the verbs of the command line, which would take a minute."""
    with without_expectations():
        house, names, older = full_house(tmp_path_factory.mktemp("matrix") / "house")
    return Matrix(house, older, names, {"": ()})


@pytest.mark.slow
@pytest.mark.parametrize(("target", "damage"), SAMPLE)
def test_nothing_raw_and_no_false_ok(
    matrix: Matrix, tmp_path: Path, target: str, damage: str
) -> None:
    with without_expectations():
        found = list(matrix.run(tmp_path, lambda *case: case == (target, damage)))
    assert [case.faults for case in found] == [[]]


@pytest.mark.slow
def test_the_house_has_rows_of_every_table_and_files_to_damage(matrix: Matrix) -> None:
    assert [t for t in TABLES if not matrix.house.lake.delta(t).read().num_rows] == []
    named = {target.partition(":")[0] for target in targets(Path(matrix.house.settings.lakehouse))}
    assert named >= set(TABLES)


def test_every_verb_is_driven_or_named_with_where_it_is() -> None:
    names = Names("candidate", "other", "rollout", "dataset")
    assert set(_verbs(main)) == {*reading(names), *writing(names), *ELSEWHERE}


def _verbs(verb: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(verb, click.Group):
        yield " ".join(path)
        return
    if verb.invoke_without_command:
        yield " ".join(path)
    for name, inner in verb.commands.items():
        yield from _verbs(inner, (*path, name))


def test_every_table_has_a_sentence_for_its_damage() -> None:
    assert set(CONTENT) >= set(TABLES)
    assert all("almanac doctor" in table_sentence(name, "it is cut") for name in TABLES)


def test_of_every_table_it_is_said_what_its_damage_costs() -> None:
    kinds = (CACHES, RECORDS, EACH_BY_ITSELF, STANDING, BUILT)
    assert sorted(name for kind in kinds for name in kind) == sorted(TABLES)


def test_the_damages_are_those_of_the_matrix() -> None:
    assert DAMAGES == ("missing", "empty", "cut", "flipped", "older")
