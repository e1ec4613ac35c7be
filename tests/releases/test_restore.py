from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from almanac.releases.doctor import doctor
from almanac.releases.erase import Subject, erase
from almanac.releases.rebuild import rebuild
from almanac.releases.restore import Mode, restore
from almanac.releases.retention import apply
from almanac.releases.verify import verify
from lakehouse import open_lakehouse
from lakehouse.placements import moved
from schemas.errors import (
    AlmanacError,
    ConfigError,
    ReleaseNotFound,
    ReleaseNotOpen,
    RunRefused,
    VerificationFailed,
)
from tests.releases.conftest import House, answers, contents, kinds, night, rows


def tomorrow() -> datetime:
    """A night after whatever a restore made now."""
    return datetime.now(UTC) + timedelta(days=1)


def is_sound(house: House) -> bool:
    found = verify(house.lake, house.releases)
    assert found["findings"] == []
    assert doctor(house.lake, house.settings.index.name)["findings"] == []
    return bool(found["ok"])


def go_cold(house: House, *numbers: int) -> None:
    """Retention drops the indexes of these releases."""
    house.keep(pinned=[one.seq for one in house.releases if one.seq not in numbers])
    apply(house.settings)
    assert {one.seq for one in house.releases if one.tier == "cold"} == set(numbers)


def test_publish_adds_a_release_that_answers_as_the_old_one_did(house: House) -> None:
    log = house.lake.delta("releases")
    before, old, began = log.read().sort_by("seq"), house.release(2), datetime.now(UTC)
    was = {seq: (house.answers(seq), house.rows(seq)) for seq in (2, 6)}
    done = restore(house.settings, 2, reason="the new backup guide is wrong", hold=True)
    after = house.lake.delta("releases").read().sort_by("seq")
    assert after.slice(0, 6).equals(before)
    assert after.num_rows == 7
    new = house.lake.releases("documents").as_of()
    assert (new.seq, new.kind, new.held) == (7, "rollback", True)
    assert new.note == {"of": 2, "reason": "the new backup guide is wrong", "hold": True}
    assert began <= new.logical_time <= datetime.now(UTC)
    names = (
        "documents",
        "rows",
        "digest",
        "snapshot_seq",
        "chunker",
        "embedder",
        "search",
        "embedder_identity",
        "lance_table",
        "lance_version",
    )
    assert [getattr(new, name) for name in names] == [getattr(old, name) for name in names]
    assert (house.answers(7), house.rows(7)) == was[2]
    assert (house.answers(6), house.rows(6)) == was[6]
    assert house.lake.as_of().documents == house.lake.as_of(2).documents
    assert {key: done[key] for key in ("mode", "of", "release", "held", "dry_run", "reason")} == {
        "mode": "publish",
        "of": 2,
        "release": 7,
        "held": True,
        "dry_run": False,
        "reason": "the new backup guide is wrong",
    }
    assert is_sound(house)


def test_a_rollback_of_the_past_is_found_by_the_dates_it_was_made_for(house: House) -> None:
    restore(house.settings, 2)
    log = house.lake.releases("documents")
    assert log.as_of(datetime(2026, 3, 6, 3, tzinfo=UTC)).seq == 6
    assert log.as_of(tomorrow()).seq == 7


def test_a_restore_is_never_earlier_than_the_newest_release(house: House) -> None:
    at = tomorrow()
    house.put("mail", "Another mail.")
    assert night(house.settings, at, house.encoder).seq == 7
    restore(house.settings, 6)
    assert house.lake.releases("documents").as_of().logical_time == at


@pytest.mark.slow
@pytest.mark.parametrize("between", ["nothing", "a change"])
def test_the_night_after_goes_on_from_the_present(
    house: House, tmp_path: Path, between: str
) -> None:
    untouched = house.copied_to(tmp_path / "untouched")
    restore(house.settings, 1)
    for one in (house, untouched):
        one.put("backup", "The backup starts at four.")
        if between == "a change":
            one.put("rooms", "Rooms are booked in the hall.")
            one.remove("guide-8")
    new = night(house.settings, tomorrow(), house.encoder)
    expected = night(untouched.settings, tomorrow(), untouched.encoder)
    assert (new.seq, expected.seq, new.kind) == (8, 7, "publish")
    assert (new.digest, new.rows, new.documents) == (
        expected.digest,
        expected.rows,
        expected.documents,
    )
    assert house.rows(8).equals(untouched.rows(7))
    assert house.answers(8) == untouched.answers(7)
    assert is_sound(house)


def test_a_candidate_that_is_restored_is_published(house: House) -> None:
    log = house.lake.delta("releases")
    rows_ = log.read().sort_by("seq").to_pylist()
    house.lake.placements.discard_after(5)
    log.replace(
        [row | ({"kind": "candidate", "seal": ""} if row["seq"] == 6 else {}) for row in rows_]
    )
    assert house.lake.releases("documents").as_of().seq == 5
    restore(house.settings, 6)
    new = house.lake.releases("documents").as_of()
    assert (new.seq, new.kind, new.note["of"]) == (7, "publish", 6)


def test_restoring_what_answers_now_has_nothing_to_do(house: House) -> None:
    before = contents(house.path("lance"))
    assert "release 6 is what answers now" in restore(house.settings, 6)["nothing_to_do"]
    assert len(house.releases) == 6
    assert contents(house.path("lance")) == before


def test_what_is_not_there_is_refused(house: House) -> None:
    with pytest.raises(ReleaseNotFound, match="has no release 9"):
        restore(house.settings, 9)
    with pytest.raises(ReleaseNotFound, match="nothing was released by 2026-02-01"):
        restore(house.settings, datetime(2026, 2, 1, tzinfo=UTC))
    with pytest.raises(ConfigError, match="--to URI"):
        restore(house.settings, 2, "copy")
    with pytest.raises(ConfigError, match="--to URI"):
        restore(house.settings, 2, "publish", to=str(house.root / "copy"))


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_cold_and_a_gone_release_cannot_be_published(house: House, dry_run: bool) -> None:
    go_cold(house, 2)
    with pytest.raises(ReleaseNotOpen, match=r"almanac restore --as-of 2 --mode reopen"):
        restore(house.settings, 2, dry_run=dry_run)
    lake = house.lake
    gone = moved(lake, house.release(1), "gone", run_id="test", cause="older than the policy")
    lake.placements.append([gone])
    modes: list[Mode] = ["publish", "copy", "reopen"]
    for mode in modes:
        to = str(house.root / "copy") if mode == "copy" else None
        with pytest.raises(ReleaseNotOpen, match="is gone: older than the policy"):
            restore(house.settings, 1, mode, to=to, dry_run=dry_run)
    assert len(house.releases) == 6


def test_a_damaged_release_is_not_published(house: House) -> None:
    lake, release = house.lake, house.release(2)
    path = next(path for path in lake.tables.needed(release) if "/data/" in path)
    with house.path(path).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(VerificationFailed, match=f"1 of its files are damaged, the first {path}"):
        restore(house.settings, 2)
    assert len(house.releases) == 6
    assert "r00000007" not in lake.tables.tags(release.lance_table)


@pytest.mark.parametrize("mode", ["publish", "copy", "reopen"])
def test_a_dry_run_writes_nothing_at_all(house: House, mode: Mode) -> None:
    if mode == "reopen":
        go_cold(house, 2)
    before = contents(house.root)
    to = str(house.root / "copy") if mode == "copy" else None
    seen = restore(house.settings, 2, mode, to=to, dry_run=True)
    assert contents(house.root) == before
    assert not (house.root / "copy").exists()
    assert (seen["dry_run"], seen["of"], seen["answers_now"]) == (True, 2, 6)
    # Against release 6: parking and mail come back, rooms and post go; three others differ.
    assert seen["against_now"] == {"come_back": 2, "go": 2, "differ": 2}
    assert (seen["rows"], seen["documents"]) == (23, 13)


def copy_of(house: House, seq: int, name: str = "copy") -> House:
    """A house whose lakehouse is a restored copy."""
    copy = House(house.root / name)
    copy.configure(lakehouse=str(house.root / name / "lake"), sources=house.settings.sources)
    restore(house.settings, seq, "copy", to=copy.settings.lakehouse)
    return copy


@pytest.mark.parametrize("seq", [2, 6])
def test_a_copy_is_a_lakehouse_of_its_own_and_answers_to_the_bit(house: House, seq: int) -> None:
    before = {
        path: data
        for path, data in contents(house.path("")).items()
        if not path.startswith(("delta/lease", "delta/runs"))
    }
    old = house.release(seq)
    documents, quarantine = house.lake.as_of(seq).documents, house.lake.as_of(seq).quarantine()
    was = house.answers(seq), house.rows(seq)
    assert len(quarantine) == 1
    copy = copy_of(house, seq)
    left = contents(house.path(""))
    assert {path: left[path] for path in before} == before
    shutil.rmtree(house.path(""))  # nothing of the copy leans on it
    (new,) = copy.releases
    assert (new.seq, new.digest, new.rows, new.documents) == (
        seq,
        old.digest,
        old.rows,
        old.documents,
    )
    assert new.logical_time == old.logical_time
    assert new.note["copy_of"] == {"lakehouse": house.lake.location.uri, "seal": old.seal}
    assert (copy.answers(seq), copy.rows(seq)) == was
    assert copy.lake.as_of().documents == documents
    assert copy.lake.as_of().quarantine() == quarantine
    assert is_sound(copy)


def test_a_copy_can_be_made_when_the_indexes_are_lost(house: House) -> None:
    was = house.answers(3), house.rows(3)
    shutil.rmtree(house.path("lance"))
    copy = copy_of(house, 3)
    assert (copy.answers(3), copy.rows(3)) == was
    assert is_sound(copy)


def test_a_night_can_run_on_a_copy(house: House) -> None:
    copy = copy_of(house, 6)
    house.put("backup", "The backup starts at four.")
    calls = copy.encoder.calls
    ours = night(house.settings, tomorrow(), house.encoder)
    theirs = night(copy.settings, tomorrow(), copy.encoder)
    assert (theirs.seq, theirs.digest, theirs.rows) == (7, ours.digest, ours.rows)
    assert copy.encoder.calls - calls == 1  # the one passage that changed
    assert copy.rows(7).equals(house.rows(7))
    assert copy.answers(7) == house.answers(7)
    assert is_sound(copy)


def test_a_copy_is_copied_again(house: House) -> None:
    first = copy_of(house, 4)
    second = copy_of(first, 4, "again")
    assert second.answers(4) == house.answers(4)
    assert is_sound(second)


def test_a_copy_is_refused_where_something_is_already(house: House) -> None:
    target = house.root / "copy"
    target.mkdir()
    (target / "notes.txt").write_text("mine", encoding="utf-8")
    for dry_run in (True, False):
        with pytest.raises(RunRefused, match=r"is not empty \(1 files\)"):
            restore(house.settings, 2, "copy", to=str(target), dry_run=dry_run)
    assert contents(target) == {"notes.txt": b"mine"}
    with pytest.raises(RunRefused, match="is not empty"):
        restore(house.settings, 2, "copy", to=house.settings.lakehouse)


def test_a_cold_release_opens_again_as_it_was(house: House) -> None:
    was = {seq: (house.answers(seq), house.rows(seq)) for seq in (2, 3, 6)}
    go_cold(house, 2, 3)
    with pytest.raises(ReleaseNotOpen):
        house.answers(2)
    for seq in (2, 3):
        done = restore(house.settings, seq, "reopen")
        assert (done["release"], done["same_rows"], done["same_answers"]) == (seq, True, True)
    for seq, before in was.items():
        assert (house.answers(seq), house.rows(seq)) == before
    assert house.release(2).lance_table != house.release(3).lance_table
    assert {one.tier for one in house.releases} == {"hot"}
    assert is_sound(house)


@pytest.mark.slow
def test_a_reopened_release_can_be_published_and_the_next_night_goes_on(house: House) -> None:
    was = house.rows(2)
    go_cold(house, 2)
    restore(house.settings, 2, "reopen")
    restore(house.settings, 2)
    assert house.rows(7).equals(was)
    house.put("rooms", "Rooms are booked in the hall.")
    new = night(house.settings, tomorrow(), house.encoder)
    # The reopened release stands in a table of its own; nights go on in that of release 6.
    assert (new.seq, new.lance_table) == (8, house.release(6).lance_table)
    assert is_sound(house)


def test_an_open_release_is_not_opened_again(house: House) -> None:
    done = restore(house.settings, 2, "reopen")
    assert "release 2 is open already" in done["nothing_to_do"]


def test_what_delta_no_longer_gives_is_neither_opened_nor_copied(house: House) -> None:
    go_cold(house, 2)
    lake = house.lake
    stored = lake.as_of(2).find("backup.md")
    lake.delta("chunks").delete(f"document_hash = '{stored.document_hash}'")
    lake.seal_tables()
    with pytest.raises(VerificationFailed, match=r"release 2 can't be built again: .* 22 rows"):
        restore(house.settings, 2, "reopen")
    assert house.release(2).tier == "cold"
    with pytest.raises(AlmanacError, match="can't be built again"):
        copy_of(house, 2)
    # What is half there is no lakehouse: no release names it.
    assert open_lakehouse(str(house.root / "copy" / "lake")).releases("documents").latest() is None
    assert kinds(verify(lake, [house.release(2)])) == [("other_rows", "release 2")]


def test_readers_of_a_copy_are_readers_like_any_other(house: House) -> None:
    copy = copy_of(house, 5)
    view = copy.lake.as_of("2026-03-05")
    assert answers(view.index, copy.encoder) == house.answers(5)
    assert rows(view.index).equals(house.rows(5))
    stored = view.find("post.md")
    assert view.text(stored) == house.lake.as_of(5).text(stored)


def test_a_copy_is_made_while_another_writes(house: House) -> None:
    with house.lake.lease("night", "nightly run", 60):
        copy = copy_of(house, 4)
    assert is_sound(copy)


def test_a_copy_that_an_erasure_overtook_is_not_published(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from almanac.releases import restore as module

    def slow(*arguments: Any, **named: Any) -> Any:
        built = rebuild(*arguments, **named)
        erase(house.settings, Subject(doc_id="backup.md"))
        return built

    monkeypatch.setattr(module, "rebuild", slow)
    with pytest.raises(RunRefused, match="or something was erased, while it was copied"):
        copy_of(house, 4)
    assert open_lakehouse(str(house.root / "copy" / "lake")).releases("documents").history() == []
