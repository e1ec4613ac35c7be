"""What the logs answer to drift, lineage and the doctor: exact rows in exact order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from lakehouse import Lakehouse
from lakehouse.correction_notes import CorrectionNote
from schemas.documents import Document

DAY = datetime(2026, 3, 4, tzinfo=UTC)


def document(doc_id: str, text: str) -> Document:
    return Document(doc_id, "Title", f"/{doc_id}", "text/markdown", text, f"hash of {text}", 7)


def three_snapshots(lake: Lakehouse) -> None:
    lake.documents.append(1, "r1", [("s", document("a", "one")), ("s", document("b", "two"))], [])
    lake.documents.append(2, "r2", [("s", document("a", "ONE"))], [("s", "b")])
    lake.documents.append(3, "r3", [("t", document("a", "three"))], [])


def test_changes_are_counted_between_snapshots_and_by_document(lake: Lakehouse) -> None:
    assert lake.documents.last_changes(0, 9) == {} and lake.documents.changes(0, 9, 5) == (0, [])
    three_snapshots(lake)
    assert lake.documents.last_changes(1, 2) == {("s", "a"): 2, ("s", "b"): 2}
    assert lake.documents.last_changes(0, 3) == {("s", "a"): 2, ("s", "b"): 2, ("t", "a"): 3}
    assert lake.documents.counts_after(1) == {2: 2, 3: 1}
    total, rows = lake.documents.changes(0, 2, 3)
    assert total == 4
    assert [(row["seq"], row["doc_id"], row["op"], row["before"]) for row in rows] == [
        (1, "a", "put", None),
        (1, "b", "put", None),
        (2, "a", "put", "put"),
    ]


def test_versions_are_those_of_the_named_documents_oldest_first(lake: Lakehouse) -> None:
    three_snapshots(lake)
    rows = lake.documents.versions([("s", "b"), ("t", "a"), ("s", "b"), ("s", "unknown")])
    assert [(row["source"], row["seq"], row["op"]) for row in rows] == [
        ("s", 1, "put"),
        ("s", 2, "delete"),
        ("t", 3, "put"),
    ]


def test_reports_are_of_one_purpose_and_index_and_newest_first(lake: Lakehouse) -> None:
    def watched(day: int, index: str = "documents", ended: int = 30) -> None:
        at, end = DAY + timedelta(days=day), DAY + timedelta(days=ended)
        report = {"purpose": "watch", "index": index, "day": day}
        lake.runs.append(f"{index}-{day}", at, at, end, "done", report)

    assert lake.runs.latest_after("watch", "documents", DAY) is None
    for day in (1, 2, 3):
        watched(day)
    watched(2, "other")
    watched(40, ended=5)  # asked for ahead of its time
    reports = lake.runs.reports_of("watch", "documents", DAY + timedelta(1), DAY + timedelta(3))
    assert [report["day"] for report in reports] == [3, 2]
    assert lake.runs.latest_after("watch", "documents", DAY) == DAY + timedelta(days=3)
    assert lake.runs.latest_after("watch", "documents", DAY + timedelta(days=3)) is None
    assert [row["run_id"] for row in lake.runs.rows_of(["documents-1", "none"])] == ["documents-1"]


def test_a_vector_names_the_embedders_that_made_it(lake: Lakehouse) -> None:
    vector = np.array([[1.0, 0.5]], np.float32)
    lake.vectors.append("one", ["text"], vector)
    lake.vectors.append("two", ["text"], vector * 2)
    assert lake.vectors.embedders_of("text", (vector * 2).tobytes()) == ["two"]
    assert lake.vectors.embedders_of("other", vector.tobytes()) == []


def test_notes_of_corrections_are_found_by_key_and_are_no_examples(lake: Lakehouse) -> None:
    assert lake.correction_notes.by_key() == {}
    notes = [CorrectionNote(key, "r", {"verdict": key, "answer": "A."}) for key in ("y", "x")]
    lake.correction_notes.append(notes)
    assert lake.correction_notes.by_key() == {
        "x": {"verdict": "x", "answer": "A."},
        "y": {"verdict": "y", "answer": "A."},
    }
    rows = lake.delta("training_examples").read(["example_id"])["example_id"].to_pylist()
    assert sorted(rows) == ["teacher:x", "teacher:y"]  # as earlier versions stored them


def test_an_empty_log_of_requests_has_no_span_and_no_opinions(lake: Lakehouse) -> None:
    assert lake.requests.span() == (None, None)
    counts = lake.opinions.counts()
    assert (counts.requests, counts.votes, counts.without_vote) == (0, 0, 0)
    assert lake.datasets.examples_beginning("a") == lake.adapters.beginning("a") == []
