"""`almanac up` as an operator meets it: a real server, worker, deployments and accidents."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import yaml

from tests.supervisor.command import ROOT, Command, free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def make(name: str, port: int | None) -> Command:
        (tmp_path / name).mkdir()
        command = Command(tmp_path / name)
        command.configure(port)
        (command.folder / "docs" / "page.md").write_text("# Backups\n\nWritten nightly.\n")
        started.append(command)
        return command

    yield make
    for command in started:
        command.kill_everything()


def test_from_a_checkout_to_a_server_and_back(new: Callable[..., Command]) -> None:
    command = new("one", None)
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    with _stranger(4200):
        report = command.start()
    port = int(report["ui"].rpartition(":")[2])
    assert 4200 < port < 4300  # nobody asked for 4200, so it gives way

    wanted = {deployment["name"] for deployment in project["deployments"]}
    stored = command.ask("deployments/filter", {})
    assert {one["name"] for one in stored} == wanted == set(report["deployments"])
    assert {one["version"] for one in stored} == {report["version"]}
    own = {one["name"] for one in command.ask("automations/filter", {})}
    assert set(report["automations"]) <= own and report["automations"]

    code, output, _ = command.run()
    assert (code, json.loads(output)["ui"]) == (0, report["ui"])
    assert json.loads(output)["already"]

    code, output, errors = new("other", port).run()
    assert (code, output) == (1, "")
    assert f"port {port} of 127.0.0.1 is taken" in errors

    for name in ("worker", "server"):
        before = command.pid(name)
        os.kill(before, signal.SIGKILL)
        assert until(lambda b=before, n=name: command.pid(n) not in (0, b))
    assert until(lambda: command.ask("work_pools/local/workers/filter", {}))[0]["name"]

    code, errors = command.stop(signal.SIGINT)
    assert code == 0, errors
    assert f"Port 4200 is taken: {port} is used instead" in errors
    assert "The worker ended (signal 9)" in errors and "The server ended (signal 9)" in errors
    assert command.family() == []
    assert not (command.home / "up.json").exists()


def test_killed_alone_and_with_everything(new: Callable[..., Command]) -> None:
    command = new("one", free_port())
    command.start()
    undisturbed = _running(command)
    assert command.process
    command.process.kill()
    command.process.communicate()
    assert len(command.family()) >= 3  # server, worker and the run outlive it

    command.start()
    log = (command.home / "logs" / "up.log").read_text(encoding="utf-8")
    assert "Ended the worker that a killed" in log and "Ended the server that a killed" in log
    # It goes on, unless it had to renew its place while there was no server: then it is run again.
    until(lambda: _completed(command, undisturbed), 240)

    hit = _running(command)
    assert len(command.kill_everything()) >= 4
    command.start()
    state = command.ask(f"flow_runs/{hit}")["state"]
    assert state["type"] == "CRASHED"
    assert "was gone when almanac up looked" in state["message"]
    # The place that the killed run held is free again, for its second attempt or another run.
    _running(command)
    code, errors = command.stop(signal.SIGTERM)
    assert code == 0, errors
    assert command.family() == []  # the run under way is ended too


@contextmanager
def _stranger(port: int) -> Iterator[None]:
    """Somebody listens at `port`; if not this test, then somebody else already."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            listening.bind(("127.0.0.1", port))
            listening.listen()
        yield


def _completed(command: Command, run: str) -> bool:
    """Has the run ended well, or else its second attempt?"""
    name = command.ask(f"flow_runs/{run}")["name"]
    found = command.runs(name={"any_": [name, f"{name}-again"]})
    return any(one["state"]["type"] == "COMPLETED" for one in found)


def _running(command: Command) -> str:
    """A nightly run that has begun; its id."""
    run = command.trigger("nightly/nightly")

    def begun() -> bool:
        found = command.ask(f"flow_runs/{run}")
        pid = int(found["infrastructure_pid"] or 0)
        return found["state"]["type"] == "RUNNING" and psutil.pid_exists(pid)

    until(begun, 240)
    return run
