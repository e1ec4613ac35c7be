"""Which runs have lost their process, told by real processes; test_up.py does it on a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Running

from almanac.supervisor.processes import FLOW_RUN, end_flow_runs
from almanac.supervisor.reconcile import _end_of, _is_gone, _is_ours, worker_name
from almanac.supervisor.state import State
from almanac.supervisor.supervisor import Supervisor, UpOptions
from schemas.settings import Settings

LABEL = "prefect.worker.name"
RUN = uuid4()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What the worker starts for the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"],
        env=os.environ | {FLOW_RUN: str(RUN), "PREFECT_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()  # from here on it has its environment
    yield process
    process.kill()
    process.communicate()


def run_of(pid: int | None, run_id: UUID = RUN, **fields: object) -> FlowRun:
    known = {"infrastructure_pid": None if pid is None else str(pid)}
    return FlowRun.model_validate({"id": run_id, "flow_id": uuid4(), **known, **fields})


def test_a_run_whose_process_lives_is_left(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert not _is_gone(run_of(process.pid), tmp_path)


def test_a_run_that_was_only_just_started_is_found_by_its_id(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert not _is_gone(run_of(None), tmp_path)
    assert _is_gone(run_of(None, uuid4()), tmp_path)
    assert _is_gone(run_of(None), tmp_path / "another home")


def test_a_later_process_of_the_same_number_is_another(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    assert _is_gone(run_of(process.pid, uuid4()), tmp_path)


def test_a_run_whose_process_died_is_gone(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    process.kill()
    process.wait()
    assert _is_gone(run_of(process.pid), tmp_path)
    assert _is_gone(run_of(None), tmp_path)


def test_what_a_worker_leaves_is_ended(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert end_flow_runs(tmp_path / "another home") == 0
    assert end_flow_runs(tmp_path) == 1
    assert process.wait() is not None


def test_what_a_killed_one_left_ends_without_a_worker_too(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    settings = Settings.model_validate({"server": {"home": str(tmp_path)}})
    Supervisor(UpOptions(settings, worker=False), State(), Event()).end()
    assert process.wait() is not None


@pytest.mark.parametrize(
    ("taken_by", "alone", "ours"),
    [
        (worker_name(), False, True),
        ("almanac-elsewhere", True, False),
        (None, True, True),  # only just taken, and nobody else takes any
        (None, False, False),
    ],
)
def test_runs_of_other_machines_are_left(taken_by: str | None, alone: bool, ours: bool) -> None:
    labels = {LABEL: taken_by} if taken_by else {}
    assert _is_ours(run_of(1, labels=labels), alone) is ours


def test_what_a_person_cancelled_is_not_started_again() -> None:
    assert _end_of(run_of(1, state=Cancelling())).is_cancelled()
    crashed = _end_of(run_of(7, state=Running()))
    assert crashed.is_crashed()
    assert "Its process (7 on" in (crashed.message or "")
