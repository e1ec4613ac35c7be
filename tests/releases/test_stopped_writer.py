"""A writer that was stopped until another took its lease and published, and then goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from almanac.releases.doctor import doctor
from almanac.releases.verify import verify
from lakehouse.releases import Release, ReleaseLog
from tests.releases.conftest import FIRST_NIGHT, House, kinds, night

ROOT = Path(__file__).resolve().parents[2]
# A night in a process of its own that stops itself where it is told to, and there alone.
NIGHT = """
import os, signal, sys
from pathlib import Path
from lakehouse.delta import DeltaLog
from lakehouse.index import IndexWriter
from tests.releases.conftest import FIRST_NIGHT, House, kinds, night
from datetime import timedelta

place, seen = sys.argv[2], []

def stop_once(here):
    if here == place and not seen:
        seen.append(here)
        os.kill(os.getpid(), signal.SIGSTOP)

marks, create = DeltaLog._marks, IndexWriter.tag
def late_marks(self, delta, transaction):
    found = marks(self, delta, transaction)
    stop_once(self.name)  # it was let through, and has not committed yet
    return found
DeltaLog._marks = late_marks

class Late(IndexWriter):
    def _next_version(self):
        found = super()._next_version()
        enter = found.__enter__
        class Around:
            def __enter__(_):
                enter()
                stop_once("rows")
            def __exit__(_, *error):
                return found.__exit__(*error)
        return Around()
    def tag(self, name):
        version = super().tag(name)
        stop_once("tagged")
        return version
import lakehouse.lakehouse
lakehouse.lakehouse.IndexWriter = Late

house = House(Path(sys.argv[1]))
night(house.settings, FIRST_NIGHT + timedelta(days=6), house.encoder, ttl=2.0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", ["document_changes", "rows", "tagged", "releases"])
def test_a_writer_that_comes_back_changes_nothing(house: House, place: str) -> None:
    house.put("late", "What the stopped run saw.", "And the printer is on floor four.")
    stopped = subprocess.Popen(
        [sys.executable, "-c", NIGHT, str(house.root), place],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_stopped(stopped)
        house.put("late", "What the next run saw.")
        house.put("early", "Another document.")
        published = _published(house)
        was = house.answers(published.seq), house.rows(published.seq)
        os.kill(stopped.pid, signal.SIGCONT)
        said = stopped.communicate(timeout=120)[1]
    finally:
        stopped.kill()
        stopped.wait()
    assert stopped.returncode == 1, said
    assert house.releases[0] == published
    assert (house.answers(published.seq), house.rows(published.seq)) == was
    assert kinds(verify(house.lake, house.releases)) == []
    house.put("late", "What the night after saw.")
    after = house.night(9)
    assert after.seq == published.seq + 1
    assert verify(house.lake, house.releases)["ok"]
    left = {kind for kind, _ in kinds(doctor(house.lake, "documents"))}
    assert left <= {"stray_file"}  # written for a commit that was refused


def _wait_until_stopped(process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _published(house: House) -> Release:
    """The next night, as soon as the lease of the stopped one has run out."""
    return night(house.settings, FIRST_NIGHT + timedelta(days=7), house.encoder, wait=60.0)


@pytest.mark.parametrize("nights", [0, 1], ids=["the first night", "a later night"])
def test_what_a_killed_run_sealed_is_sealed_anew(
    tmp_path: Path, nights: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tags and versions are counted, so the next run makes files of the same names."""
    house = House(tmp_path)
    house.put("printer", "The printer wants a badge before it prints.")
    for day in range(1, nights + 1):
        house.night(day)
    house.put("backup", "What the killed run saw.")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ReleaseLog, "append", _killed)
        house.night(nights + 1)
    house.put("backup", "What the next run saw.", "And a passage more.")
    house.night(nights + 2)
    assert kinds(verify(house.lake, house.releases)) == []


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
