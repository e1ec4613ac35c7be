"""What the logs answer to drift, lineage and the doctor: exact rows in exact order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from lakehouse import Lakehouse
from lakehouse.synthetic_corrections import SyntheticCorrection
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


def test_synthetic_corrections_are_found_by_key_and_are_no_examples(lake: Lakehouse) -> None:
    corrections = lake.synthetic_corrections
    assert corrections.by_key() == {}
    content = {"answer": "A.", "verdict": "right"}
    corrections.append([SyntheticCorrection(key, "r", content) for key in ("y", "x")])
    assert corrections.by_key() == {"x": content, "y": content}
    rows = lake.delta("synthetic_corrections").read().to_pylist()
    text = '{"answer":"A.","verdict":"right"}'
    assert rows == [{"key": key, "request_id": "r", "content": text} for key in ("x", "y")]
    assert lake.delta("training_examples").read().num_rows == 0


def test_synthetic_corrections_are_read_where_earlier_versions_stored_them(lake: Lakehouse) -> None:
    rows = [
        {"example_id": f"teacher:{key}", "request_id": "r", "example": '{"verdict":"wrong"}'}
        for key in ("x", "y")
    ]
    lake.delta("training_examples").append(rows)
    right = {"answer": "A.", "verdict": "right"}
    lake.synthetic_corrections.append([SyntheticCorrection("x", "r", right)])
    assert lake.synthetic_corrections.by_key() == {"x": right, "y": {"verdict": "wrong"}}


def test_an_empty_log_of_requests_has_no_span_and_no_opinions(lake: Lakehouse) -> None:
    assert lake.requests.span() == (None, None)
    counts = lake.opinions.counts()
    assert (counts.requests, counts.votes, counts.without_vote) == (0, 0, 0)
    assert lake.datasets.examples_beginning("a") == lake.adapters.beginning("a") == []
