from __future__ import annotations

import pyarrow as pa
import pytest

from expectations.previous import DOCUMENT_SIZES, compare
from schemas.report import CheckResult
from schemas.settings import LossLimitSettings

LIMITS = LossLimitSettings(
    max_vanished_share=0.3, max_shrunk_share=0.3, shrunk_below=0.5, min_documents=10
)


def sizes(
    names: list[str], characters: int = 1000, source: str = "docs", content: str = ""
) -> pa.Table:
    """Documents of one size; their content hash is their name unless it is given."""
    rows = [
        {
            "source": source,
            "doc_id": name,
            "content_hash": content or f"hash of {name}",
            "characters": characters,
        }
        for name in names
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENT_SIZES)


def names(first: int, last: int) -> list[str]:
    return [f"страница-{n:02}.md" for n in range(first, last)]


def counts(*checks: CheckResult) -> list[tuple[bool, int, int]]:
    return [(check.success, check.checked, check.failed) for check in checks]


def test_nothing_changed() -> None:
    release = sizes(names(0, 10))
    assert compare(release, release, LIMITS) == (
        CheckResult("previous", "documents_have_not_vanished", "must", True, 10, 0),
        CheckResult("previous", "documents_have_not_shrunk", "must", True, 10, 0),
    )


def test_the_allowed_share_may_vanish_and_one_more_may_not() -> None:
    before = sizes(names(0, 20))
    assert counts(*compare(before, sizes(names(6, 20)), LIMITS)) == [(True, 20, 6), (True, 14, 0)]
    assert counts(*compare(before, sizes(names(7, 20)), LIMITS)) == [(False, 20, 7), (True, 13, 0)]


def test_the_reason_has_both_numbers_examples_and_the_way_on() -> None:
    vanished, _ = compare(sizes(names(0, 20)), sizes(names(7, 20)), LIMITS)
    assert vanished.reason == (
        "7 of the 20 documents of the last release are gone: docs:страница-00.md, "
        "docs:страница-01.md, docs:страница-02.md, docs:страница-03.md, docs:страница-04.md and "
        "2 more. That is 35.0%, and 30.0% are allowed. Check that the source is complete. If "
        "they were removed on purpose, run once with --accept-losses, or raise "
        "loss_limits.max_vanished_share."
    )


def test_examples_obey_nothing_that_stands_in_an_id() -> None:
    vanished, _ = compare(sizes(["\x1b[31m\n.md", *names(0, 9)]), sizes(names(5, 9)), LIMITS)
    assert r"docs:\x1b[31m\n.md, docs:страница-00.md" in vanished.reason


def test_everything_vanished() -> None:
    checks = compare(sizes(names(0, 10)), sizes([]), LIMITS)
    assert counts(*checks) == [(False, 10, 10), (True, 0, 0)]


def test_a_moved_document_has_not_vanished() -> None:
    before = sizes(names(0, 10))
    moved = pa.concat_tables(
        [sizes([f"new/{name}"], content=f"hash of {name}") for name in names(0, 10)]
    )
    assert counts(*compare(before, moved, LIMITS)) == [(True, 10, 0), (True, 0, 0)]
    other_source = sizes(["copy.md"], source="wiki", content="hash of страница-00.md")
    assert counts(*compare(before, other_source, LIMITS)) == [(False, 10, 9), (True, 0, 0)]


def test_one_id_in_two_sources_is_two_documents() -> None:
    before = pa.concat_tables([sizes(names(0, 10)), sizes(names(0, 10), 100, "wiki")])
    now = sizes(names(0, 10))
    checks = compare(before, now, LIMITS)
    assert counts(*checks) == [(True, 20, 0), (True, 10, 0)]  # the content is still there
    now = sizes(names(0, 10), content="new")
    assert counts(*compare(before, now, LIMITS)) == [(False, 20, 10), (True, 10, 0)]


def test_shrunk_means_below_the_share_and_not_at_it() -> None:
    before = sizes(names(0, 10))
    at_half = pa.concat_tables([sizes(names(0, 10), 500)])
    below = pa.concat_tables([sizes(names(0, 4), 499), sizes(names(4, 10), 2000)])
    assert counts(*compare(before, at_half, LIMITS)) == [(True, 10, 0), (True, 10, 0)]
    vanished, shrunk = compare(before, below, LIMITS)
    assert counts(vanished, shrunk) == [(True, 10, 0), (False, 10, 4)]
    assert shrunk.reason == (
        "4 of the 10 documents still there have less than 50% of their former text: "
        "docs:страница-00.md, docs:страница-01.md, docs:страница-02.md, docs:страница-03.md. "
        "That is 40.0%, and 30.0% are allowed. Check that the source delivers whole documents. If "
        "they were cut on purpose, run once with --accept-losses, or raise "
        "loss_limits.max_shrunk_share."
    )


@pytest.mark.parametrize(("documents", "checked"), [(9, 0), (10, 10)])
def test_small_releases_are_not_guarded(documents: int, checked: int) -> None:
    vanished, shrunk = compare(sizes(names(0, documents)), sizes([]), LIMITS)
    assert (vanished.success, vanished.checked) == (checked == 0, checked)
    assert shrunk.success


def test_a_first_release_has_lost_nothing() -> None:
    limits = LossLimitSettings(min_documents=0)
    assert counts(*compare(sizes([]), sizes(names(0, 3)), limits)) == [(True, 0, 0), (True, 0, 0)]


def test_a_share_that_binary_fractions_cannot_hold_is_still_met_exactly() -> None:
    before, now = sizes([f"{n}" for n in range(100)]), sizes([f"{n}" for n in range(29, 100)])
    limits = LossLimitSettings(max_vanished_share=0.29)
    assert counts(*compare(before, now, limits))[0] == (True, 100, 29)


def test_new_documents_and_extra_columns_do_no_harm() -> None:
    before = sizes(names(0, 10)).append_column("title", pa.array(["t"] * 10))
    assert all(check.success for check in compare(before, sizes(names(0, 500)), LIMITS))
