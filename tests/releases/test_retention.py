from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from almanac.client import log_request
from almanac.releases.doctor import doctor
from almanac.releases.restore import restore
from almanac.releases.retention import apply, plan
from almanac.releases.verify import verify
from lakehouse.placements import moved
from lakehouse.releases import Release
from schemas.errors import ReleaseNotOpen
from tests.releases.conftest import House, contents

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
# A table's hints, Lance's records of past commits, and the log entry that a checkpoint repeats.
BESIDE = re.compile(
    r"^format\.json$|_last_checkpoint|latest_version_hint\.json|_transactions/|_delta_log/\d+\.json"
)
# What the operation itself writes when it is done: its report, and the lease that it gives back.
AFTERWARDS = ("delta/runs/", "delta/lease/")


def tiers(house: House) -> dict[int, str]:
    return {one.seq: one.tier for one in house.releases}


def is_sound(house: House) -> bool:
    found = verify(house.lake, house.releases)
    assert found["findings"] == []
    assert doctor(house.lake, house.settings.index.name)["findings"] == []
    return bool(found["ok"])


def needed(house: House) -> set[str]:
    """Every file that a hot release of any index or a Delta table needs."""
    lake = house.lake
    files = {path for log in lake.deltas() for path in log.files()}
    hot = [one for one in lake.releases("documents").every_index() if one.tier == "hot"]
    return files.union(*(lake.tables.needed(one) for one in hot))


def test_plan_writes_nothing_and_says_what_apply_does(house: House) -> None:
    house.keep(keep_last=2, pinned=(2,), cold_days=15)
    before = contents(house.root)
    planned = plan(house.settings, NOW)
    assert contents(house.root) == before
    sizes = house.lake.sizes("lance")
    used = {path for one in house.releases for path in house.lake.tables.needed(one)}
    applied = apply(house.settings, NOW)
    same = ("releases", "tiers", "bytes_going", "unanswerable")
    assert [applied[name] for name in same] == [planned[name] for name in same]
    assert (planned["applied"], applied["applied"]) == (False, True)
    assert [(row["release"], row["before"], row["after"]) for row in planned["releases"]] == [
        (6, "hot", "hot"),
        (5, "hot", "hot"),
        (4, "hot", "cold"),
        (3, "hot", "gone"),
        (2, "hot", "hot"),
        (1, "hot", "gone"),
    ]
    assert tiers(house) == {row["release"]: row["after"] for row in planned["releases"]}
    freed = used - house.lake.sizes("lance").keys()
    assert sum(sizes[path] for path in freed) == planned["bytes_going"] > 0
    assert planned["unanswerable"] == [
        "everything as of 2026-03-01T02:00:00Z to 2026-03-01T02:00:00Z (releases 1), for good",
        "everything as of 2026-03-03T02:00:00Z to 2026-03-03T02:00:00Z (releases 3), for good",
        "searches as of 2026-03-04T02:00:00Z to 2026-03-04T02:00:00Z (releases 4), until "
        "`almanac restore --as-of N --mode reopen`; their documents and chunks stay readable",
    ]
    assert is_sound(house)


@pytest.mark.parametrize("policy", [{}, {"keep_last": 3}, {"pinned": (1, 3)}, {"cold_days": 15}])
def test_what_is_kept_answers_as_before_and_nothing_else_stays(
    house: House, policy: dict[str, Any]
) -> None:
    was = {seq: (house.answers(seq), house.rows(seq)) for seq in range(1, 7)}
    house.keep(**policy)
    done = apply(house.settings, NOW)
    hot = [seq for seq, tier in tiers(house).items() if tier == "hot"]
    assert 6 in hot and len(hot) < 6
    for seq in hot:
        assert (house.answers(seq), house.rows(seq)) == was[seq]
    assert is_sound(house)
    sizes, files = house.lake.sizes(), needed(house)
    assert files <= sizes.keys()
    beside = {path: size for path, size in sizes.items() if path not in files}
    assert [
        path for path in beside if not BESIDE.search(path) and not path.startswith(AFTERWARDS)
    ] == []
    extra = sum(size for path, size in beside.items() if not path.startswith(AFTERWARDS))
    spent = done["bytes"]["after"] - done["bytes"]["referenced"]
    # Of `runs`, to which others write without a lease, the last minute of its log stays as well.
    afterwards = sum(size for path, size in sizes.items() if path.startswith(AFTERWARDS))
    assert extra <= spent <= extra + afterwards
    for release in house.releases:
        assert (release.lance_tag in house.lake.tables.tags(release.lance_table)) == (
            release.tier == "hot"
        )


def test_a_cold_release_says_how_to_open_it_and_stays_readable(house: House) -> None:
    documents = house.lake.as_of(3).documents
    passages = [batch.to_pylist() for batch in house.lake.as_of(3).passages()]
    house.keep()
    apply(house.settings, NOW)
    said = (
        r"release 3 is cold: its index was dropped \(no rule keeps it open\).*"
        r"almanac restore --as-of 3 --mode reopen"
    )
    with pytest.raises(ReleaseNotOpen, match=said):
        house.answers(3)
    view = house.lake.as_of(3)
    assert view.documents == documents
    assert [batch.to_pylist() for batch in view.passages()] == passages
    assert "Passage three" in view.text(view.find("guide-1.md"))


def test_what_is_gone_names_the_policy_and_leaves_no_row(house: House) -> None:
    lake = house.lake

    def keys(table: str, *columns: str) -> set[tuple[Any, ...]]:
        rows = lake.delta(table).read(columns).to_pylist()
        return {tuple(row[name] for name in columns) for row in rows}

    before = keys("document_changes", "doc_id", "seq", "op")
    was = {seq: [batch.to_pylist() for batch in lake.as_of(seq).passages()] for seq in (4, 5)}
    house.keep(cold_days=15)
    done = apply(house.settings, NOW)
    assert tiers(house) == {6: "hot", 5: "cold", 4: "cold", 3: "gone", 2: "gone", 1: "gone"}
    said = "release 2 of 2026-03-02T02:00:00Z is gone: older than retention.cold_days = 15"
    with pytest.raises(ReleaseNotOpen, match=said):
        _ = lake.as_of(2).documents
    with pytest.raises(ReleaseNotOpen, match=said):
        house.answers(2)
    gone = {("backup.md", 1, "put"), ("guide-1.md", 1, "put"), ("parking.md", 1, "put")}
    assert keys("document_changes", "doc_id", "seq", "op") == before - gone
    puts = lake.delta("document_changes").query("SELECT * FROM log WHERE op = 'put'").to_pylist()
    assert keys("chunks", "document_hash") == {(row["document_hash"],) for row in puts}
    assert keys("embeddings", "text_hash") == keys("chunks", "text_hash")
    for text in ("starts at two", "bicycles"):
        found = lake.delta("chunks").query(f"SELECT * FROM log WHERE text LIKE '%{text}%'")
        assert found.num_rows == 0
    # Of guide-1 both passages live on in its later text, so just two vectors go.
    assert done["forgotten"] == {"document_changes": 3, "documents_in_chunks": 3, "vectors": 2}
    assert {
        seq: [batch.to_pylist() for batch in lake.as_of(seq).passages()] for seq in (4, 5)
    } == was
    assert is_sound(house)


def test_nights_go_on_after_releases_are_gone(house: House) -> None:
    house.keep(cold_days=1)
    apply(house.settings, NOW)
    house.put("parking", "Cars stand behind the building, bicycles in front of it.")
    calls = house.encoder.calls
    assert house.night(20).seq == 7
    assert house.encoder.calls == calls + 1  # its vector was gone too
    assert tiers(house) == {
        7: "hot",
        6: "hot",
        5: "gone",
        4: "gone",
        3: "gone",
        2: "gone",
        1: "gone",
    }
    assert is_sound(house)


def _lasting(house: House) -> int:
    """Bytes of all but what an operation itself leaves; of that, the log goes after a minute."""
    sizes = house.lake.sizes().items()
    return sum(size for path, size in sizes if not path.startswith(AFTERWARDS))


def test_applying_again_changes_nothing_more(house: House) -> None:
    house.keep(pinned=(2,), cold_days=15)
    apply(house.settings, NOW)
    lance = contents(house.path("lance"))
    tables = ("document_changes", "chunks", "embeddings", "releases", "placements", "quarantine")
    rows = {name: house.lake.delta(name).read() for name in tables}
    again = apply(house.settings, NOW)
    assert (again["bytes_going"], again["unanswerable"], again["compacted"]) == (0, [], False)
    assert again["forgotten"] == {"document_changes": 0, "documents_in_chunks": 0, "vectors": 0}
    assert all(row["before"] == row["after"] for row in again["releases"])
    assert contents(house.path("lance")) == lance
    assert {name: house.lake.delta(name).read() for name in tables} == rows
    before = _lasting(house)
    apply(house.settings, NOW)
    assert _lasting(house) - before < 5_000
    assert is_sound(house)


def test_a_run_that_was_killed_is_finished_by_the_next(house: House) -> None:
    house.keep(cold_days=15)
    lake = house.lake
    left = [
        moved(lake, house.release(seq), tier, run_id="killed", cause="a test")
        for seq, tier in ((1, "gone"), (2, "gone"), (3, "gone"), (4, "cold"), (5, "cold"))
    ]
    lake.placements.append(left)
    done = apply(house.settings, NOW)
    assert done["forgotten"] == {"document_changes": 3, "documents_in_chunks": 3, "vectors": 2}
    (tag,) = lake.tables.tags(house.release(6).lance_table)
    assert tag == "r00000006"
    assert is_sound(house)


def test_files_stay_for_readers_until_grace_is_over(house: House) -> None:
    house.keep(grace_minutes=60)
    before = contents(house.path("lance"))
    reader = house.lake.read(house.release(3))
    rows = reader.count_rows()
    apply(house.settings, NOW)
    after = contents(house.path("lance"))
    assert {path for path in before if path not in after and "/_refs/" not in path} == set()
    assert reader.read_back().rows == rows == 23
    house.keep(grace_minutes=0)
    assert tiers(house)[3] == "cold"
    apply(house.settings, NOW)
    assert len(contents(house.path("lance"))) < len(after)
    assert is_sound(house)


def test_a_reopened_release_is_let_go_again_with_its_table(house: House) -> None:
    house.keep()
    apply(house.settings, NOW)
    restore(house.settings, 3, "reopen")
    table = house.release(3).lance_table
    assert table in house.lake.tables.names()
    apply(house.settings, NOW)
    assert tiers(house)[3] == "cold"
    assert table not in house.lake.tables.names()
    assert is_sound(house)


@pytest.mark.slow
def test_releases_of_another_index_are_left_alone(house: House) -> None:
    other = House(house.root)  # the same lakehouse
    other.name("second")
    other.night(7)
    other.put("rooms", "Rooms are booked in the hall.")
    other.night(8)
    was = {seq: (other.answers(seq), other.rows(seq)) for seq in (7, 8)}
    house.keep(cold_days=1)
    apply(house.settings, datetime(2026, 4, 30, tzinfo=UTC))
    assert tiers(house) == {6: "hot", 5: "gone", 4: "gone", 3: "gone", 2: "gone", 1: "gone"}
    assert tiers(other) == {8: "hot", 7: "hot"}
    assert {seq: (other.answers(seq), other.rows(seq)) for seq in (7, 8)} == was
    assert is_sound(house) and is_sound(other)
    other.keep(cold_days=1)
    apply(other.settings, datetime(2026, 4, 30, tzinfo=UTC))
    assert tiers(other) == {8: "hot", 7: "gone"}
    assert tiers(house)[6] == "hot"
    # Snapshot 6 stays: release 6 of the first index needs it.
    assert "calendar" in house.lake.as_of(6).text(house.lake.as_of(6).find("rooms.md"))
    assert is_sound(house) and is_sound(other)


@pytest.fixture(scope="module")
def eighteen(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Eighteen nights of one changed document, so that the index is in many pieces."""
    house = House(tmp_path_factory.mktemp("eighteen"))
    for at in range(1, 20):
        house.put(f"guide-{at}", f"Guide {at} says where passage one is.", "Printer passage.")
    house.night(1)
    for day in range(2, 19):
        house.put(f"guide-{day}", f"A printer passage of day {day}.", "Printer passage.")
        house.night(day)
    return house


@pytest.mark.slow
def test_small_pieces_are_written_together_and_every_answer_stays(
    eighteen: House, tmp_path: Path
) -> None:
    house = eighteen.copied_to(tmp_path / "house")
    table = house.release(18).lance_table
    assert house.lake.tables.fragments(table) >= 16
    kept = (18, 17, 16, 9, 4)
    was = {seq: (house.answers(seq), house.rows(seq)) for seq in kept}
    before: Release = house.release(18)
    house.keep(keep_last=3, pinned=(9, 4))
    done = apply(house.settings, NOW)
    assert done["compacted"]
    assert house.lake.tables.fragments(table) == 1
    after = house.release(18)
    assert (after.lance_tag, after.cause) == ("r00000018.2", "compacted")
    assert (after.digest, after.rows) == (before.digest, before.rows)
    assert {seq: (house.answers(seq), house.rows(seq)) for seq in kept} == was
    assert is_sound(house)
    again = apply(house.settings, NOW)
    assert not again["compacted"]
    house.put("guide-1", "A printer passage of day 19.", "Printer passage.")
    house.night(19)
    assert {seq: (house.answers(seq), house.rows(seq)) for seq in kept} == was
    assert is_sound(house)


@pytest.mark.slow
def test_an_unfinished_index_is_not_written_together(eighteen: House, tmp_path: Path) -> None:
    import lancedb

    house = eighteen.copied_to(tmp_path / "house")
    release = house.release(18)
    table = lancedb.connect(str(house.path("lance"))).open_table(release.lance_table)
    table.delete("doc_id = 'guide-1.md'")  # what a run leaves that was killed while it wrote
    was = house.answers(18)
    assert not apply(house.settings, NOW)["compacted"]
    assert house.answers(18) == was


def test_a_release_that_answered_a_young_request_stays_open(house: House) -> None:
    house.keep(keep_last=1, requests_days=3)

    def ask(seq: int, day: int) -> None:
        log_request(
            house.lake,
            question="Why?",
            response="So.",
            context=[],
            user_id="ann",
            release=seq,
            asked_at=datetime(2026, 3, day, tzinfo=UTC),
        )

    ask(1, 10)
    ask(2, 17)
    report = apply(house.settings, NOW)
    assert {seq for seq, tier in tiers(house).items() if tier == "hot"} == {2, 6}
    (rule,) = [row["rule"] for row in report["releases"] if row["release"] == 2]
    assert rule == "retention.requests_days = 3, it answered a request"
    apply(house.settings, datetime(2026, 3, 30, tzinfo=UTC))
    assert {seq for seq, tier in tiers(house).items() if tier == "hot"} == {6}
