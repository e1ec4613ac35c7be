from __future__ import annotations

from dataclasses import replace

import pytest

from expectations.frames import IndexFacts, chunks_frame, index_frame
from expectations.runner import failed_as_a_whole, validate
from schemas.documents import Chunk
from schemas.report import Validation
from tests.expectations.samples import RUSSIAN, broken

GOOD = Chunk(ordinal=0, heading="Копии", text=f"Копии\n{RUSSIAN}", start=0, end=58, tokens=20)
FACTS = IndexFacts(
    rows=5,
    expected_rows=5,
    digest="ab" * 32,
    expected_digest="ab" * 32,
    duplicate_keys=0,
    null_vectors=0,
    inconsistent_rows=0,
    unindexed_text_rows=0,
    unindexed_vector_rows=0,
    probes=3,
    probes_failed=0,
    probes_behind=0,
)


def judged(*chunks: Chunk, window: int = 256) -> Validation:
    return validate("chunks", chunks_frame([("a.md", chunks)], window))


def test_good_chunks_of_two_documents_break_nothing() -> None:
    second = replace(GOOD, ordinal=1, heading="", text=RUSSIAN, tokens=256)
    verdict = validate("chunks", chunks_frame([("a.md", [GOOD, second]), ("b.md", [GOOD])], 256))
    assert verdict.failing == ()
    assert [(check.success, check.checked) for check in verdict.checks] == [(True, 3)] * 8


def test_each_rule_about_chunks() -> None:
    verdict = judged(
        GOOD,
        replace(GOOD, ordinal=1, text=" \n\u00a0"),
        replace(GOOD, ordinal=2, tokens=0),
        replace(GOOD, ordinal=3, tokens=257),
        replace(GOOD, ordinal=4, start=-1),
        replace(GOOD, ordinal=5, start=58),
        replace(GOOD, ordinal=6),
        replace(GOOD, ordinal=6),
        replace(GOOD, ordinal=7, text="-----"),
        replace(GOOD, ordinal=8, heading="Копии > " * 126),
    )
    assert broken(verdict) == [
        (1, "chunk_text_is_not_blank", r" \n\xa0"),
        (2, "chunk_tokens_are_counted", "0"),
        (3, "chunk_fits_the_window", "window=256, tokens=257"),
        (4, "chunk_starts_in_the_document", "-1"),
        (5, "chunk_spans_some_text", "end=58, start=58"),
        (6, "chunk_ordinal_is_unique", "doc_id=a.md, ordinal=6"),
        (7, "chunk_ordinal_is_unique", "doc_id=a.md, ordinal=6"),
        (8, "chunk_has_letters_or_digits", "-----"),
        (9, "chunk_heading_is_short", "Копии > " * 24 + "Копии >…"),
    ]
    assert verdict.kept_out == {1, 2, 3, 4, 5, 6, 7}
    assert {rejection.doc_id for _, rejection in verdict.failing} == {"a.md"}
    assert failed_as_a_whole(verdict) == ()


def test_a_document_without_chunks_adds_no_row() -> None:
    assert len(chunks_frame([("a.md", []), ("b.md", [GOOD])], 256)) == 1
    assert validate("chunks", chunks_frame([], 256)).passed


def test_an_index_as_expected_passes() -> None:
    verdict = validate("index", index_frame(FACTS))
    assert verdict.passed
    assert verdict.failing == ()


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ({"rows": 4}, "index_has_the_expected_rows", "rows=4, expected_rows=5"),
        (
            {"digest": "cd" * 32},
            "index_has_the_expected_content",
            f"digest={'cd' * 32}, expected_digest={'ab' * 32}",
        ),
        ({"duplicate_keys": 1}, "index_keys_are_unique", "1"),
        ({"null_vectors": 2}, "index_vectors_are_complete", "2"),
        ({"inconsistent_rows": 1}, "index_rows_are_consistent", "1"),
        ({"unindexed_text_rows": 3}, "index_text_is_searchable", "3"),
        ({"probes_failed": 1}, "index_answers_its_probes", "1"),
    ],
)
def test_each_must_about_an_index(change: dict[str, object], name: str, value: str) -> None:
    verdict = validate("index", index_frame(replace(FACTS, **change)))  # type: ignore[arg-type]
    assert broken(verdict) == [(0, name, value)]
    assert not verdict.passed


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"unindexed_vector_rows": 3}, "index_vectors_are_searchable"),
        ({"probes_behind": 1}, "index_ranks_its_probes"),
        ({"rows": 0, "expected_rows": 0}, "index_is_not_empty"),
    ],
)
def test_each_should_about_an_index(change: dict[str, int], name: str) -> None:
    verdict = validate("index", index_frame(replace(FACTS, **change)))
    assert [found for _, found, _ in broken(verdict)] == [name]
    assert verdict.passed


def test_two_unknown_digests_are_not_equal() -> None:
    facts = replace(FACTS, digest=None, expected_digest=None)  # type: ignore[arg-type]
    verdict = validate("index", index_frame(facts))
    assert [name for _, name, _ in broken(verdict)] == ["index_has_the_expected_content"]
    assert not verdict.passed
