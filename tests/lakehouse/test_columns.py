"""Tables of other versions: columns that are absent are read, those that are unknown are kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse import Lakehouse
from lakehouse.seals import SealedFile
from schemas.feedback import Request, Vote
from schemas.identity import identity_of_record, later_fields
from schemas.stored import TEXT, WHOLE, Column, StoredTable

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)


def older(lake: Lakehouse, table: str, *without: str) -> None:
    """Write the table again as a version wrote it that did not have these columns."""
    uri = lake.location.child("delta", table)
    rows = DeltaTable(uri).to_pyarrow_table().drop_columns(list(without))
    write_deltalake(uri, rows, mode="overwrite", schema_mode="overwrite")


def later(lake: Lakehouse, table: str) -> None:
    """Give every row a column as a later version may have it."""
    uri = lake.location.child("delta", table)
    rows = DeltaTable(uri).to_pyarrow_table()
    rows = rows.append_column("mood", pa.array(["glad"] * rows.num_rows))
    write_deltalake(uri, rows, mode="overwrite", schema_mode="overwrite")


def test_absent_columns_read_as_their_defaults_in_queries_too(lake: Lakehouse) -> None:
    request = Request("r1", AT, "ann", "Why?", "Because.", lang="en")
    lake.requests.append([request])
    lake.votes.append([Vote("r1", "ann", AT, -1, "no", "It is so.")])
    older(lake, "requests", "latency_ms", "prompt", "history", "context_known")
    older(lake, "votes", "stated")
    assert lake.requests.rows() == [request]
    assert lake.votes.rows() == [Vote("r1", "ann", AT, -1, "no", "It is so.")]
    found = lake.delta("requests").query("SELECT latency_ms, prompt, context_known FROM log")
    assert found.to_pylist() == [{"latency_ms": None, "prompt": "[]", "context_known": True}]
    fast = Request("r2", AT, "bob", "How?", "So.", latency_ms=3.5, context_known=False)
    lake.requests.append([fast])
    assert lake.requests.rows() == [request, fast]


def test_unknown_columns_are_kept_by_whatever_writes(lake: Lakehouse) -> None:
    log = lake.delta("sealed_files")
    lake.put_file("a", b"1")
    lake.put_file("b", b"2")
    lake.sealed.seal(["a", "b"])
    later(lake, "sealed_files")
    lake.put_file("c", b"3")
    lake.sealed.seal(["c"])
    moods = "SELECT path, mood FROM log ORDER BY path"
    assert log.query(moods)["mood"].to_pylist() == ["glad", "glad", None]
    lake.sealed.forget_all_but(["b", "c"])
    assert log.query(moods).to_pylist() == [
        {"path": "b", "mood": "glad"}, {"path": "c", "mood": None},
    ]  # fmt: skip
    assert lake.sealed.known()["b"] == SealedFile("b", 1, lake.sealed.measured("b").sha256)


def test_rows_that_are_read_and_written_again_keep_unknown_columns(lake: Lakehouse) -> None:
    lake.runs.append("run", AT, AT, AT, "published", {"index_name": "documents"})
    later(lake, "runs")
    log = lake.delta("runs")
    log.replace([row | {"status": "unchanged"} for row in log.read().to_pylist()])
    assert log.query("SELECT status, mood FROM log").to_pylist() == [
        {"status": "unchanged", "mood": "glad"}
    ]
    log.append_stream(log.read().to_batches())
    assert log.read()["mood"].to_pylist() == ["glad", "glad"]


def test_a_row_goes_to_its_table_and_comes_back() -> None:
    table = StoredTable(
        "made-up", Column("id", WHOLE), Column("said", TEXT, {}, json=True), statistics="id"
    )
    row = table.to_row(id=1, said={"b": 2, "a": 1})
    assert row == {"id": 1, "said": '{"a":1,"b":2}'}
    assert table.from_row(row | {"mood": "glad"}) == {"id": 1, "said": {"a": 1, "b": 2}}
    assert table.from_row({"id": 1}) == {"id": 1, "said": {}}


def test_a_later_field_enters_an_identity_only_where_it_is_used() -> None:
    from dataclasses import dataclass

    @dataclass
    class Thing:
        name: str
        size: int = 1
        colour: str = "grey"

    assert identity_of_record(Thing("a"), ["name"]) == {"name": "a"}
    assert identity_of_record(Thing("a", 1, "red"), ["name"]) == {"name": "a", "colour": "red"}
    assert identity_of_record(Thing("a", 1, "red"), ["name"], ["colour"]) == {"name": "a"}
    with pytest.raises(TypeError, match=r"Thing.name came later: give it a default"):
        later_fields(Thing, ["size"])
