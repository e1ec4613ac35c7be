from __future__ import annotations

from datetime import UTC, datetime

from lakehouse import Lakehouse
from schemas.documents import Rejection

NIGHT = datetime(2026, 3, 3, 2, tzinfo=UTC)
BLANK = ("s", Rejection("a.md", "text_is_not_blank", "must", "it is blank"))
LONG = ("s", Rejection("b.md", "lines_are_short", "should", "a long line", "999"))
NOTHING: frozenset[tuple[str, str]] = frozenset()


def standing(lake: Lakehouse) -> list[tuple[str, str, str]]:
    return [(row.doc_id, row.expectation, row.run_id) for row in lake.quarantine.rows()]


def test_the_same_rejection_again_adds_no_row(lake: Lakehouse) -> None:
    assert lake.quarantine.record([BLANK, LONG], NOTHING, "r1", NIGHT)[:2] == (2, 0)
    assert lake.quarantine.record([LONG, BLANK], NOTHING, "r2", NIGHT)[:2] == (0, 0)
    assert standing(lake) == [
        ("a.md", "text_is_not_blank", "r1"),
        ("b.md", "lines_are_short", "r1"),
    ]


def test_a_run_learns_what_stands_open_after_it(lake: Lakehouse) -> None:
    lake.quarantine.record([BLANK], NOTHING, "r1", NIGHT)
    found = lake.quarantine.record([LONG], frozenset({("s", "a.md")}), "r2", NIGHT)
    assert found.standing == lake.quarantine.rows()
    assert [row.doc_id for row in found.standing] == ["a.md", "b.md"]


def test_what_was_mended_is_resolved_and_kept(lake: Lakehouse) -> None:
    lake.quarantine.record([BLANK, LONG], NOTHING, "r1", NIGHT)
    assert lake.quarantine.record([LONG], NOTHING, "r2", NIGHT)[:2] == (0, 1)
    assert standing(lake) == [("b.md", "lines_are_short", "r1")]
    every = {(row.doc_id, row.status, row.run_id) for row in lake.quarantine.rows(None)}
    assert every == {("a.md", "resolved", "r2"), ("b.md", "open", "r1")}


def test_a_rejection_that_comes_back_is_open_again(lake: Lakehouse) -> None:
    for night, found in (("r1", [BLANK]), ("r2", []), ("r3", [BLANK])):
        lake.quarantine.record(found, NOTHING, night, NIGHT)
    assert standing(lake) == [("a.md", "text_is_not_blank", "r3")]


def test_documents_that_were_not_read_keep_their_rows(lake: Lakehouse) -> None:
    lake.quarantine.record([BLANK, LONG], NOTHING, "r1", NIGHT)
    unread = frozenset({("s", "a.md")})
    assert lake.quarantine.record([], unread, "r2", NIGHT)[:2] == (0, 1)
    assert standing(lake) == [("a.md", "text_is_not_blank", "r1")]


def test_feedback_is_settled_apart_from_documents(lake: Lakehouse) -> None:
    refused = ("feedback/votes", Rejection("q1", "rating_is_up_or_down", "must", "it is 7", "{}"))
    lake.quarantine.record([BLANK], NOTHING, "r1", NIGHT)
    assert lake.quarantine.settle([refused], (), "r2", NIGHT)[:2] == (1, 0)
    assert lake.quarantine.settle([refused], (), "r3", NIGHT)[:2] == (0, 0)
    assert standing(lake) == [
        ("q1", "rating_is_up_or_down", "r2"),
        ("a.md", "text_is_not_blank", "r1"),
    ]
    found = lake.quarantine.record([BLANK], NOTHING, "r4", NIGHT)
    assert (found[:2], [row.doc_id for row in found.standing]) == ((0, 0), ["a.md"])
    ids = [row.id for row in lake.quarantine.rows()]
    assert lake.quarantine.settle([], ids, "r5", NIGHT)[:2] == (0, 1)
    assert standing(lake) == [("a.md", "text_is_not_blank", "r1")]
