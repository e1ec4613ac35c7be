"""The process that brings the journal to Delta beside a server's answers."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from almanac.journal import Journal, journal_places
from almanac.serving.storing import Storing
from lakehouse import open_lakehouse
from schemas.feedback import Request
from schemas.settings import Settings


def asked(number: int) -> Request:
    return Request(
        request_id=f"q{number}",
        asked_at=datetime(2026, 3, 1, tzinfo=UTC),
        user_id="ann",
        question=f"What is {number}?",
        response=f"It is {number}.",
    )


def child(storing: Storing) -> subprocess.Popen[str]:
    assert storing._process
    return storing._process


def test_it_is_started_again_and_ends_with_its_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(lakehouse=str(tmp_path / "lake"))
    lake = open_lakehouse(settings.lakehouse)
    journal = Journal(journal_places(settings.lakehouse)[0])
    storing = Storing(settings, journal.path)
    told = storing._told

    journal.append_request(asked(1))
    storing.store()
    assert lake.requests.rows() == [asked(1)]
    assert journal.pending().rows == 0

    journal.append_request(asked(2))
    first = child(storing)
    os.kill(first.pid, signal.SIGSTOP)  # it is at it when it is killed
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    storing.store()
    assert child(storing).pid != first.pid
    assert lake.requests.rows() == [asked(1), asked(2)]

    (tmp_path / "lake/delta/requests/_delta_log").rename(tmp_path / "away")
    (tmp_path / "lake/delta/requests/_delta_log").write_text("no folder")
    journal.append_request(asked(3))
    storing.store()
    assert "requests and votes wait in the journal: " in caplog.text
    assert journal.pending().rows == 1

    # A process that ends whenever it is started is not started again at once.
    child(storing).kill()
    child(storing).wait()
    storing._told = "{}"
    caplog.clear()
    storing.store()
    assert "is started again in 1 seconds" in caplog.text
    assert storing._process is None
    storing.store()
    assert storing._process is None
    storing._not_before = 0.0
    storing.store()
    assert "is started again in 2 seconds" in caplog.text
    storing._told, storing._not_before = told, 0.0
    storing.store()

    last = child(storing)
    storing.close()
    assert last.returncode == 0
    storing.close()
