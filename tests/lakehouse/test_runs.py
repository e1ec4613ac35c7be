"""Nightly rows by index, times that were missed, and a cache of files that stays small."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse import Lakehouse
from lakehouse.runs import KnownFile, RunRecord, missed_id, still_missed
from schemas.errors import LeaseHeld

NOW = datetime(2026, 3, 9, tzinfo=UTC)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, 2, tzinfo=UTC)


def store(lake: Lakehouse, number: int, status: str, **report: Any) -> None:
    lake.runs.append(f"run {number}", day(number), NOW, NOW, status, report)


def nights(lake: Lakehouse, index: str = "documents") -> list[tuple[int, str, int | None, bool]]:
    found = lake.runs.records(index)
    return [(one.logical_time.day, one.status, one.release, one.scheduled) for one in found]


def test_only_nightly_runs_of_the_index_are_nights(lake: Lakehouse) -> None:
    store(lake, 1, "published", release=1)  # from before rows named their index
    store(lake, 2, "failed", release=1, index_name="documents", scheduled=True)
    store(lake, 3, "failed", purpose="restore")
    store(lake, 4, "done", purpose="retention")
    store(lake, 5, "published", release=2, index_name="other")
    store(lake, 6, "failed", release=1, index_name="documents", message='said "purpose": no')
    assert nights(lake) == [
        (6, "failed", 1, False),
        (2, "failed", 1, True),
        (1, "published", 1, False),
    ]
    assert nights(lake, "other") == [(5, "published", 2, False), (1, "published", 1, False)]


def missed(*days: int) -> list[RunRecord]:
    return [
        RunRecord(
            missed_id("documents", day(one)), day(one), NOW, "missed", 1, True, "asleep", "key"
        )
        for one in days
    ]


def test_a_time_is_missed_once(lake: Lakehouse) -> None:
    store(lake, 2, "failed", release=1, index_name="documents")
    guard = lake.location.guard
    lake.runs.append_missed("documents", missed(1, 3), guard)
    expected = [(3, "missed", 1, True), (2, "failed", 1, False), (1, "missed", 1, True)]
    assert nights(lake) == expected
    lake.runs.append_missed("documents", missed(1, 3), guard)  # by a writer that came late
    assert nights(lake) == expected
    stored = lake.runs.records("documents")
    assert stored[::2] == missed(3, 1)
    assert still_missed(stored) == missed(3, 1)
    store(lake, 3, "unchanged", release=1, index_name="documents")
    assert still_missed(lake.runs.records("documents")) == missed(1)


def test_a_writer_that_lost_its_lease_tells_of_no_missed_time(lake: Lakehouse) -> None:
    class Lost:
        number = 1

        def check(self) -> None:
            raise LeaseHeld("another writer")

    guard = lake.location.guard
    with guard.holding(Lost()), pytest.raises(LeaseHeld):
        lake.runs.append_missed("documents", missed(1), guard)
    assert lake.runs.rows() == []


def test_the_reports_of_the_last_nights_of_an_index(lake: Lakehouse) -> None:
    for number, status in enumerate(("published", "held", "missed", "done"), 1):
        store(lake, number, status, index_name="documents", documents={"added": number})
    found = lake.runs.reports("documents", 2)
    assert [(row["logical_time"], row["status"], row["report"]["documents"]) for row in found] == [
        (day(3), "missed", {"added": 3}),
        (day(2), "held", {"added": 2}),
    ]


def test_what_is_known_of_files_does_not_grow_with_the_nights(
    lake: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.runs._SPARED", 20)
    for night in range(40):
        files = [
            KnownFile("documents", f"{n}.md", "1", f"folder {night}", (("x", "y"),), ())
            for n in range(3)
        ]
        lake.files.record(files, [])
    assert len(lake.delta("source_files").read()) <= 8 * 3
    assert {file.rules for file in lake.files.known().values()} == {"folder 39"}
    assert sorted(path for _, path in lake.files.known()) == ["0.md", "1.md", "2.md"]
