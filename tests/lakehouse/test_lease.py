from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lakehouse import Lakehouse, open_lakehouse
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


def test_a_silent_writer_loses_it_and_may_not_publish(lake: Lakehouse, tmp_path: Path) -> None:
    with lake.lease("first", "a", 60) as first:
        first._done.set()  # the renewing thread stops, as in a process that hangs
        first._renewer.join()
        first._commit(first_expiry := _past())
        with open_lakehouse(str(tmp_path / "lake")).lease("second", "b", 0.6) as second:
            first._done.clear()
            renewer = threading.Thread(target=first._renew)
            first._ttl = first._ttl / 1000
            renewer.start()
            renewer.join(5)
            with pytest.raises(LeaseHeld, match="taken over"):
                first.check()
            second.check()
    assert first_expiry < _now()


def test_of_many_writers_at_once_exactly_one_gets_it(tmp_path: Path) -> None:
    with open_lakehouse(str(tmp_path / "lake")).lease("warm-up", "x", 60):
        pass
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


def _now():
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _past():
    from datetime import timedelta

    return _now() - timedelta(seconds=1)
