"""A server, a worker, a webhook and a small lakehouse for `benchmarks/reliability/alarms.py`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NIGHTLY = "nightly/nightly"
WAITING = '''"""Waits for a person, as `tune` does."""
from prefect import flow, suspend_flow_run
from tasks.events import resting

@flow(name="waiting")
def waiting() -> None:
    with resting():
        suspend_flow_run(timeout=86_400, key="approval")
'''
TOPICS = ["backup", "server", "printer", "badge", "account", "password", "network", "cable"]


class House:
    """A folder of documents, a lakehouse, and all that runs around it."""

    def __init__(self, folder: Path, server: Any, hook: Any) -> None:
        from tests.prefect_api import Api
        from tests.supervisor.plant import Worker

        self.folder, self.server, self.hook = folder, server, hook
        self.docs = folder / "docs"
        self.api = Api(server.api)
        environment = {
            "ALMANAC_CONFIG": str(folder / "almanac.toml"),
            "ALMANAC_LEASE__WAIT_SECONDS": "600",
            "HF_HUB_OFFLINE": "1",
        }
        self.worker = Worker(server, folder / "worker.log", **environment)
        self.configure()

    def configure(self, silent_hours: float = 26.0) -> None:
        """Write the configuration and make the automations follow it."""
        (self.folder / "almanac.toml").write_text(
            'lakehouse = "lake"\n[sources.documents]\nuri = "docs"\n'
            '[feedback]\nlog = "log.jsonl"\nvotes = "votes.jsonl"\n'
            "[tuning]\nmin_new_faults = 30\n"
            f"[alarms]\nlate_minutes = 0.5\nsilent_hours = {silent_hours}\n",
            encoding="utf-8",
        )

    def ensure(self) -> list[str]:
        """What `almanac up` does with the automations."""
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from almanac.supervisor.automations import ensure_automations
        from schemas.settings import load_settings

        os.environ["ALMANAC_ALARMS__ADDRESS"] = self.hook.url
        with temporary_settings({PREFECT_API_URL: self.server.api}):
            return ensure_automations(load_settings(self.folder / "almanac.toml"))

    def write(self, number: int, version: int = 0) -> None:
        """One document."""
        topic = TOPICS[number % len(TOPICS)]
        text = (
            f"# {topic} {number}\n\nOffice {number} takes care of the {topic}, version {version}.\n"
        )
        (self.docs / f"{number:03}.md").write_text(text, encoding="utf-8")

    def nightly(self, **more: Any) -> str:
        """Start a night; its run."""
        run: str = self.api.start(NIGHTLY, **more)
        return run

    def lease(self) -> Any:
        """Be the one writer, so that a night waits, alive and where it can be killed."""
        from lakehouse import open_lakehouse

        return open_lakehouse(str(self.folder / "lake")).lease("benchmark", "benchmark", 90, 60)

    def releases(self) -> int:
        """How many there are."""
        from lakehouse import open_lakehouse

        return len(open_lakehouse(str(self.folder / "lake")).releases("documents").history())

    def fired(self, since: datetime) -> Counter[str]:
        """How often each automation fired, with or without a message."""
        window = {"since": since.isoformat(), "until": datetime.now(UTC).isoformat()}
        events = {"event": {"name": ["prefect.automation.triggered"]}, "occurred": window}
        found = self.api.post("events/filter", filter=events, limit=50)["events"]
        return Counter(event["resource"]["prefect.resource.name"] for event in found)


@contextmanager
def living_house(folder: Path) -> Iterator[House]:
    from tests.prefect_server import prefect_server
    from tests.supervisor.plant import deploy
    from tests.supervisor.receiver import receiver

    with prefect_server(folder) as server, receiver() as hook:
        (folder / "docs").mkdir()
        house = House(folder, server, hook)
        for number in range(20):
            house.write(number)
        deploy(server, folder, {"nightly", "restore", "feedback", "tune", "rescue"})
        _deploy_waiting(server, folder)
        house.ensure()
        house.worker.start()
        try:
            house.api.wait(house.nightly(), "Completed")
            yield house
        finally:
            house.worker.stop()


def _deploy_waiting(server: Any, folder: Path) -> None:
    (folder / "waiting.py").write_text(WAITING, encoding="utf-8")
    beats = {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}}
    deployment = {
        "name": "waiting",
        "entrypoint": "waiting.py:waiting",
        "tags": ["almanac"],
        "work_pool": {"name": "local", "job_variables": beats},
    }
    file = folder / "waiting.json"  # which is YAML too
    file.write_text(json.dumps({"name": "waiting", "deployments": [deployment]}), encoding="utf-8")
    server.prefect("deploy", "--all", "--prefect-file", str(file), cwd=folder)
