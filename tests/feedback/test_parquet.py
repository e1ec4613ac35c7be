"""Parquet goes in by a mapping of columns, nested ones too."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.feedback import Passage
from tests.feedback.conftest import Desk

NESTED = pa.struct(
    [("user", pa.struct([("id", pa.int64())])), ("ms", pa.float32()), ("team", pa.string())]
)
PASSAGE = pa.struct([("id", pa.string()), ("text", pa.string())])
COLUMNS = {
    "request_id": "trace",
    "asked_at": "ts",
    "user_id": "meta.user.id",
    "latency_ms": "meta.ms",
    "question": "input",
    "response": "output",
    "context": "docs",
    "rating": "thumb",
}


def table(rows: int) -> pa.Table:
    numbers = list(range(rows))
    at = [datetime(2026, 3, 1, 10, 0, n % 60) for n in numbers]  # noqa: DTZ001
    return pa.table(
        {
            "trace": [f"t{n}" for n in numbers],
            "ts": pa.array(at, pa.timestamp("ns")),
            "meta": pa.array(
                [{"user": {"id": n}, "ms": 1.5, "team": "desk"} for n in numbers], NESTED
            ),
            "input": [f"What is {n}?" if n != 2 else None for n in numbers],
            "output": ["It is."] * rows,
            "docs": pa.array(
                [[{"id": f"c{n}", "text": "So."}] for n in numbers], pa.list_(PASSAGE)
            ),
            "thumb": pa.array([None if n % 3 == 0 else n % 2 == 0 for n in numbers], pa.bool_()),
            "raw": pa.array([b"\xff"] * rows),
        }
    )


def test_a_parquet_log_with_nested_columns(desk: Desk) -> None:
    desk.columns = COLUMNS
    pq.write_table(table(5), desk.root / "log.bin")  # its first bytes tell what it is
    result = desk.counts(str(desk.root / "log.bin"))
    assert result == {"requests": (5, 4, 0, 1), "votes": (2, 2, 0, 0)}
    found = desk.lake.requests.rows(["t1"])[0]
    assert found.asked_at == datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC)
    assert (found.user_id, found.latency_ms) == ("1", 1.5)
    assert found.context == (Passage("c1", "So."),)
    assert found.details == {"meta": {"team": "desk"}, "raw": "/w=="}
    votes = [(one.request_id, one.rating) for one in desk.lake.votes.rows()]
    assert votes == [("t1", -1), ("t4", 1)]
    assert desk.held() == [("requests", "t2", "question_is_not_blank")]
    assert desk.counts(str(desk.root / "log.bin"))["requests"] == (5, 0, 4, 1)


def test_a_folder_of_files_of_several_kinds(desk: Desk) -> None:
    desk.columns = COLUMNS
    folder = desk.root / "logs"
    folder.mkdir()
    pq.write_table(table(2), folder / "a.parquet")
    pq.write_table(table(3).slice(1), folder / "b.parquet")
    (folder / "_SUCCESS").write_bytes(b"")
    (folder / "empty.jsonl").write_bytes(b"")
    whole = (folder / "a.parquet").read_bytes()
    (folder / "torn.parquet").write_bytes(whole[:-30])
    assert desk.counts(str(folder))["requests"] == (5, 2, 1, 2)
    assert desk.held() == [
        ("requests", "t2", "question_is_not_blank"),
        ("requests", "torn.parquet:1", "file_is_complete"),
    ]
