from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime

import pytest

from lakehouse import Lakehouse
from lakehouse.releases import Release
from schemas.errors import LeaseHeld, ReleaseNotFound
from schemas.times import parse_when


def test_a_date_is_the_newest_release_up_to_its_last_instant(
    lake: Lakehouse, release_of: Callable[..., Release]
) -> None:
    log = lake.releases("documents")
    for seq, day in ((1, 3), (2, 5)):
        log.append(release_of(seq, day))
    assert log.as_of(parse_when("2026-03-03")).seq == 1
    assert log.as_of(parse_when("2026-03-04")).seq == 1
    assert log.as_of(parse_when("2026-03-05T02:59:00+01:00")).seq == 1
    assert log.as_of(parse_when("2026-03-05T03:00:00+01:00")).seq == 2
    assert log.as_of().seq == 2
    assert log.as_of(datetime(2027, 1, 1, tzinfo=UTC)).seq == 2


def test_before_the_first_release_the_error_names_it(
    lake: Lakehouse, release_of: Callable[..., Release]
) -> None:
    log = lake.releases("documents")
    with pytest.raises(ReleaseNotFound, match="run `almanac nightly` first"):
        log.as_of()
    log.append(release_of(1, 3))
    with pytest.raises(ReleaseNotFound, match="first release of 'documents' is 1 of 2026-03-03T02"):
        log.as_of(parse_when("2026-03-02"))


def test_a_release_reads_back_as_it_was_written(
    lake: Lakehouse, release_of: Callable[..., Release]
) -> None:
    release = release_of(1, made_by={"code": "1", "libraries": {"lancedb": "0.40.0"}})
    lake.releases("documents").append(release)
    assert lake.releases("documents").history() == [release]


def test_two_writers_cannot_publish_the_same_number(
    lake: Lakehouse, release_of: Callable[..., Release]
) -> None:
    lake.releases("documents").append(release_of(1))
    with pytest.raises(LeaseHeld):
        lake.releases("documents").append(release_of(1, run_id="late"))
    assert [release.run_id for release in lake.releases("documents").history()] == ["run-1"]


def test_two_indexes_share_the_count_and_not_the_history(
    lake: Lakehouse, release_of: Callable[..., Release]
) -> None:
    lake.releases("documents").append(release_of(1))
    assert lake.releases("tickets").next_seq() == 2
    assert lake.releases("tickets").latest() is None


def test_a_draft_knows_nothing_of_its_publishing(release_of: Callable[..., Release]) -> None:
    placed = {"tier": "cold", "cause": "too old", "mark": "erased", "seal": "5" * 64}
    release = release_of(1, **placed)
    again = {"run_id": "run-2", "snapshot_seq": 2, "lance_tag": "r00000002"}
    draft = release.again(seq=2, kind="rollback", note={"of": 1}, **again)
    assert {one.name for one in fields(release)} - {one.name for one in fields(draft)} == {
        "published_at",
        "withdrawn_by",
        *placed,
    }
    at = datetime(2026, 3, 9, tzinfo=UTC)
    assert draft.published(at) == release_of(2, kind="rollback", note={"of": 1}, published_at=at)
