"""Processes are told apart, one home has one `almanac up`, and leftovers end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from almanac.cli.app import main
from almanac.supervisor.processes import ManagedProcess, end_leftover, limit_log, rotate_log
from almanac.supervisor.state import AlreadyUp, Identity, State, only_one, read_state

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)\n"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def test_a_process_is_found_by_number_and_start(sleeper: subprocess.Popen[bytes]) -> None:
    identity = Identity.of(sleeper.pid)
    found = identity.find()
    assert found is not None and found.pid == sleeper.pid
    assert Identity(sleeper.pid, identity.started - 60).find() is None  # an earlier one's number


def test_a_dead_process_is_not_found(sleeper: subprocess.Popen[bytes]) -> None:
    identity = Identity.of(sleeper.pid)
    sleeper.kill()
    while identity.find() is not None:  # until it is a zombie, which counts as dead
        time.sleep(0.01)
    sleeper.wait()
    assert identity.find() is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state = State("http://ui", "http://ui/api", True, {"server": Identity(7, 1.5)})
    state.write(tmp_path)
    assert read_state(tmp_path) == state
    assert sorted(file.name for file in tmp_path.iterdir()) == ["up.json"]


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"processes": 3}', '{"ui": "x"}'])
def test_an_unreadable_state_is_no_obstacle(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "up.json").write_text(text)
    with only_one(tmp_path) as left:
        assert left == State()


def test_the_second_learns_where_the_first_is(tmp_path: Path) -> None:
    with only_one(tmp_path):
        State("http://here", "http://here/api", True).write(tmp_path)
        with pytest.raises(AlreadyUp) as other, only_one(tmp_path):
            pass
        assert other.value.state.ui == "http://here"
    with only_one(tmp_path) as left:
        assert left == State()  # the first ended well and took its state with it


def test_the_second_is_not_sent_to_where_a_killed_one_was(tmp_path: Path) -> None:
    processes = {"server": Identity(7, 1.5)}
    State("http://there", "http://there/api", True, processes).write(tmp_path)
    with only_one(tmp_path) as left:
        assert left.processes == processes
        with pytest.raises(AlreadyUp) as other, only_one(tmp_path):
            pass
    assert other.value.state == State(processes=processes)  # still to be ended, if this one dies


def test_the_command_line_says_so_and_refuses_credentials_before(tmp_path: Path) -> None:
    config = tmp_path / "almanac.toml"
    config.write_text('[server]\nhome = "prefect"\n')
    up = ["up", "--config", str(config)]
    with only_one(tmp_path / "prefect"):
        second = CliRunner().invoke(main, up)
        refused = CliRunner().invoke(main, [*up, "--lakehouse", "s3://key:planted0secret@lake"])
    assert (second.exit_code, second.output) == (0, "Almanac is starting\n")
    assert refused.exit_code == 2 and "planted0secret" not in refused.output


def test_a_child_is_not_taken_for_a_stranger_on_its_port(tmp_path: Path) -> None:
    code = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); "
    code += "print(s.getsockname()[1], flush=True); sys.stdin.read(); import time; time.sleep(600)"
    child = ManagedProcess(
        "child", [sys.executable, "-c", code], os.environ, tmp_path, tmp_path / "c.log"
    )
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        assert not child.listens(taken)
        child.start()
        while not child.tail():
            time.sleep(0.01)
        port = int(child.tail())
        assert child.listens(port) and not child.listens(taken)
        child.stop()
    assert not child.listens(port)


def test_a_leftover_ends_and_a_stranger_of_its_number_does_not(
    sleeper: subprocess.Popen[bytes],
) -> None:
    identity = Identity.of(sleeper.pid)
    assert not end_leftover("server", Identity(sleeper.pid, identity.started - 60))
    assert sleeper.poll() is None
    assert end_leftover("worker", identity)
    assert identity.find() is None
    assert not end_leftover("worker", identity)


def test_a_dead_child_comes_back_after_a_growing_pause(tmp_path: Path) -> None:
    child = ManagedProcess("child", SLEEP, os.environ, tmp_path, tmp_path / "child.log")
    child.start()
    waited = []
    for _ in range(2):
        identity = child.identity
        assert identity is not None and not child.ensure_running()
        process = identity.find()
        assert process is not None
        process.kill()
        began = time.monotonic()
        while not child.ensure_running():
            time.sleep(0.01)
        waited.append(time.monotonic() - began)
    child.stop()
    assert 1.0 <= waited[0] < 2.0 <= waited[1]
    assert not child.is_alive


def test_a_child_whose_preparation_fails_is_tried_again(tmp_path: Path) -> None:
    failures = iter([RuntimeError("no server"), None])

    def prepare() -> None:
        if error := next(failures):
            raise error

    child = ManagedProcess(
        "child", SLEEP, os.environ, tmp_path, tmp_path / "child.log", before=prepare
    )
    while not child.ensure_running():
        time.sleep(0.01)
    assert child.is_alive
    child.stop()


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{DEAF}time.sleep(600)"]
    child = ManagedProcess(
        "child", command, os.environ, tmp_path, tmp_path / "child.log", patience=0.3
    )
    child.start()
    while not child.tail():
        time.sleep(0.01)
    child.stop()
    assert not child.is_alive


def test_logs_are_begun_anew_and_kept_short(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    rotate_log(log)
    log.write_text("first")
    rotate_log(log)
    assert not log.exists() and (tmp_path / "server.log.1").read_text() == "first"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 20_000_001)
        limit_log(log)
        writer.write(b"after")
    assert log.read_text() == "after"
    assert (tmp_path / "server.log.1").stat().st_size == 20_000_001
