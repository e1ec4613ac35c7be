from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.delta import DeltaLog
from lakehouse.holder import break_lease, state
from lakehouse.lease import Lease
from schemas.documents import Document
from schemas.errors import LeaseHeld

HOLD = """
import sys, time
from lakehouse import open_lakehouse
with open_lakehouse(sys.argv[1]).lease("first", "nightly run", float(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the lease of the test's lakehouse until it is killed."""
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "lake"), "60"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_writer_is_told_who_writes(lake: Lakehouse, holder) -> None:
    with (
        pytest.raises(LeaseHeld, match=rf"nightly run \(first, process {holder.pid} on"),
        lake.lease("second", "restore", 60),
    ):
        pass


def test_a_killed_writer_loses_the_lease_at_once(lake: Lakehouse, holder) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with lake.lease("second", "restore", 60) as lease:
        lease.check()


def test_a_waiting_writer_gets_it_when_it_is_given_back(lake: Lakehouse, tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with open_lakehouse(str(tmp_path / "lake")).lease("second", "b", 60, wait_seconds=20):
            order.append("second")

    with lake.lease("first", "a", 60):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(1)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_a_stopped_writer_that_nobody_followed_goes_on(lake: Lakehouse) -> None:
    with lake.lease("first", "a", 60) as first:
        _silence(first)
        expire(lake, first)
        first.check()
        assert lake.delta("lease").read()["expires_at"][0].as_py() > datetime.now(UTC)


def test_a_stopped_writer_loses_the_lease_to_another(lake: Lakehouse, tmp_path: Path) -> None:
    with lake.lease("first", "a", 60) as first:
        _silence(first)
        expire(lake, first)
        with open_lakehouse(str(tmp_path / "lake")).lease("second", "b", 60) as second:
            assert second.number > first.number
            with pytest.raises(LeaseHeld, match="first was taken over"):
                first.check()
            with pytest.raises(LeaseHeld, match="first was taken over"):
                lake.placements.discard_after(0)
                lake.documents.append(1, "first", [("documents", _document())], [])
            second.check()
            assert lake.documents.state(1) == {}
    lake.runs.append("first", *[datetime.now(UTC)] * 3, "failed", {})  # what it came to is told
    assert [row["run_id"] for row in lake.runs.rows()] == ["first"]


def test_what_was_about_to_be_committed_when_the_lease_went_is_not(
    lake: Lakehouse, tmp_path: Path
) -> None:
    """Both looked before the other came: only Delta can tell them apart."""
    other = open_lakehouse(str(tmp_path / "lake"))
    with lake.lease("first", "a", 60) as first:
        _silence(first)
        commit = _about_to_commit(lake)
        expire(lake, first)
        with other.lease("second", "b", 60), pytest.raises(CommitFailedError):
            commit()


@pytest.mark.parametrize("killed", [False, True], ids=["storage fails", "killed"])
def test_what_the_next_writer_could_not_close_the_one_after_it_closes(
    lake: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """The first looked, and is about to commit, while the second fails and the third works."""
    second, third = (open_lakehouse(str(tmp_path / "lake")) for _ in range(2))
    with lake.lease("first", "a", 60) as first:
        _silence(first)
        commit = _about_to_commit(lake)
        expire(lake, first)
        with (
            monkeypatch.context() as patch,
            pytest.raises(OSError, match="no answer"),
        ):
            patch.setattr(DeltaLog, "fence", _no_answer)
            with second.lease("second", "b", 60):
                pass
        if killed:  # instead of giving it back
            _leave_as_of_a_killed_process(lake)
        with third.lease("third", "c", 60) as held:
            assert _fenced_by(lake) == held.number
            with pytest.raises(CommitFailedError):
                commit()
        assert not lake.delta("lease").read()["left"][0].as_py()
    with third.lease("fourth", "d", 60):  # what is closed is closed once
        assert _fenced_by(lake) == held.number


def test_storage_that_fails_for_a_while_does_not_end_the_lease(
    lake: Lakehouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with lake.lease("first", "a", 6) as first:
        before = lake.delta("lease").read()["expires_at"][0].as_py()
        with _out_of_order(tmp_path / "lake/delta/lease"):
            _wait(lambda: "trying again" in caplog.text)
        _wait(lambda: lake.delta("lease").read()["expires_at"][0].as_py() > before)
        first.check()


def test_a_lease_that_cannot_be_renewed_in_time_is_lost_and_said_to_be(
    lake: Lakehouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with lake.lease("first", "a", 1) as first:
        with _out_of_order(tmp_path / "lake/delta/lease"):
            _wait(lambda: "the lease of first ran out" in caplog.text)
        with pytest.raises(LeaseHeld, match="the lease of first ran out"):
            first.check()
    with lake.lease("second", "b", 60, wait_seconds=30) as second:
        second.check()


def test_a_renewal_whose_confirmation_got_lost_is_its_own(lake: Lakehouse) -> None:
    with lake.lease("first", "a", 60) as first:
        _silence(first)
        first._commit()
        first._last -= 1  # stored, but the answer never came
        expire(lake, first, store=False)
        first.check()


def test_waiting_says_for_whom_and_ends(
    lake: Lakehouse, holder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "almanac.lease")
    with (
        pytest.raises(LeaseHeld, match=r"after 2 seconds still .* nightly run \(first"),
        lake.lease("second", "restore", 60, wait_seconds=2),
    ):
        pass
    assert caplog.messages[0].startswith(
        f"waiting up to 2 s for the lakehouse: nightly run (first, process {holder.pid} on"
    )
    assert ", since 20" in caplog.messages[0]


@pytest.mark.parametrize(("late", "is_free"), [(29, False), (31, True)])
def test_the_lease_of_another_host_counts_until_any_clock_says_that_it_ran_out(
    lake: Lakehouse, late: int, is_free: bool
) -> None:
    row = {
        "holder": "first",
        "purpose": "a",
        "host": "elsewhere",
        "pid": os.getpid(),
        "process_started": 1.0,
        "process_space": "another",
        "since": datetime.now(UTC),
        "expires_at": datetime.now(UTC) - timedelta(seconds=late),
    }
    lake.delta("lease").replace([row], transaction=("lease", 1))
    try:
        with lake.lease("second", "b", 60) as second:
            assert _fenced_by(lake) == second.number
    except LeaseHeld:
        assert not is_free
    else:
        assert is_free


def test_a_container_with_the_same_name_does_not_look_dead(lake: Lakehouse) -> None:
    row = {
        "holder": "first",
        "purpose": "a",
        "host": platform.node(),
        "pid": 2**22 + 1,
        "process_started": 1.0,
        "process_space": "pid:[1]",
        "since": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(seconds=60),
    }
    lake.delta("lease").replace([row], transaction=("lease", 1))
    with pytest.raises(LeaseHeld), lake.lease("second", "b", 60):
        pass


def test_a_lease_of_an_older_version_is_understood(lake: Lakehouse) -> None:
    new = ("process_space", "since", "left")
    log = lake.delta("lease")
    old = pa.schema([field for field in log.schema if field.name not in new])
    row = {
        "holder": "first",
        "purpose": "a",
        "host": platform.node(),
        "pid": 1,
        "process_started": 1.0,
        "expires_at": datetime.now(UTC) - timedelta(seconds=90),
    }
    write_deltalake(log._uri, pa.Table.from_pylist([row], old))
    with lake.lease("second", "b", 60) as second:
        second.check()


def test_logging_goes_on_while_the_tables_are_cleared(lake: Lakehouse, tmp_path: Path) -> None:
    """Runs are written without the lease: no row is lost, and no file that a row is in."""
    log = open_lakehouse(str(tmp_path / "lake")).delta("runs")
    now = datetime.now(UTC)
    lake.runs.append("0", now, now, now, "done", {})
    with ThreadPoolExecutor(1) as beside:
        for number in range(1, 40, 3):
            clearing = beside.submit(log.forget_history)
            for name in range(number, number + 3):
                lake.runs.append(str(name), now, now, now, "done", {})
            clearing.result()
    assert sorted(int(row["run_id"]) for row in lake.runs.rows()) == list(range(40))


def test_of_many_writers_at_once_exactly_one_gets_it(tmp_path: Path) -> None:
    start, all_tried = threading.Barrier(6), threading.Barrier(6)
    won, lost = [], []

    def contend(number: int) -> None:
        lake = open_lakehouse(str(tmp_path / "lake"))
        start.wait()
        try:
            with lake.lease(f"writer-{number}", "x", 60):
                won.append(number)
                all_tried.wait(60)
        except LeaseHeld:
            lost.append(number)
            all_tried.wait(60)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)


def _silence(lease: Lease) -> None:
    """End the renewing, as in a process that is stopped."""
    lease._done.set()
    lease._renewer.join()


def expire(lake: Lakehouse, lease: Lease, store: bool = True) -> None:
    """Let its time be over."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    if store:
        assert lease._commit({"expires_at": past})
    lease._runs_out = (past, 0.0)


def _fenced_by(lake: Lakehouse) -> int:
    """The number of the lease whose mark a table bears that nobody wrote to otherwise."""
    return lake.delta("releases").transaction_version("writer")


def _no_answer(*_: object) -> None:
    raise OSError("no answer")


def _about_to_commit(lake: Lakehouse) -> Callable[[], None]:
    """A writer of rows that has looked whether it may, and has not committed yet."""
    log = lake.delta("document_changes")
    handle = log._open_or_create()
    marks = log._marks(handle, None)
    return lambda: write_deltalake(handle, log.schema.empty_table(), mode="append", **marks)


def _leave_as_of_a_killed_process(lake: Lakehouse) -> None:
    """The row of the second writer as it stands where its process ended before giving it back."""
    log = lake.delta("lease")
    (row,) = log.read().to_pylist()
    gone = {"holder": "second", "process_started": 1.0}
    number = log.transaction_version("lease")
    log.replace([row | gone], transaction=("lease", number + 1))


@contextmanager
def _out_of_order(folder: Path) -> Iterator[None]:
    """Storage that answers with errors: a file where a folder was."""
    away = folder.with_name("away")
    folder.rename(away)
    folder.write_text("")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _document() -> Document:
    return Document("a.md", "A", "a.md", "text/markdown", "text", "hash", 4)


@pytest.mark.parametrize("renewed", [False, True], ids=["silent", "renewed"])
def test_a_lease_dated_by_a_wrong_clock_is_watched_for_its_ttl(
    lake: Lakehouse, renewed: bool
) -> None:
    with lake.lease("first", "nightly run", 2):
        pass
    row = lake.delta("lease").read().to_pylist()[0] | {
        "holder": "dead",
        "process_space": "another boot",
        "expires_at": datetime.now(UTC) + timedelta(days=365),
    }
    number = lake.delta("lease").transaction_version("lease")
    lake.delta("lease").replace([row], transaction=("lease", number + 1))
    done = threading.Event()

    def renew() -> None:
        log, at = open_lakehouse(lake.location.uri).delta("lease"), number + 2
        while not done.wait(0.3):
            log.replace([row], transaction=("lease", at))
            at += 1
            if at > number + 14:
                return

    if renewed:
        thread = threading.Thread(target=renew)
        thread.start()
    began = time.monotonic()
    with lake.lease("second", "restore", 2) as lease:
        lease.check()
        waited = time.monotonic() - began
        done.set()
    assert waited >= 2.0
    if renewed:
        thread.join()
        assert waited >= 2.5  # as long as it was renewed, nobody took it


def test_a_lease_is_shown_and_broken_and_its_holder_commits_no_more(lake: Lakehouse) -> None:
    assert state(lake.delta("lease"))["held"] is False
    with lake.lease("first", "nightly run", 60) as first:
        shown = state(lake.delta("lease"))
        assert (shown["held"], shown["holder"], shown["pid"]) == (True, "first", os.getpid())
        assert break_lease(lake.delta("lease"))["holder"] == "first"
        with open_lakehouse(lake.location.uri).lease("second", "restore", 60):
            first._extend()
            with pytest.raises(LeaseHeld, match="taken over"):
                lake.placements.discard_after(0)
                lake.documents.append(1, "first", [("documents", _document())], [])
