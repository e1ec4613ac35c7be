"""A schedule of every minute, and SIGKILL for server, worker and run in the middle of it.

    python benchmarks/reliability/outage.py --times 5 --down 130

A copy of the project whose nightly deployment is due every minute is brought up with `almanac up`
over an empty lakehouse; a document is added and one is changed every twenty seconds. When a run is
under way after the second release, every process is killed at once, as a power cut would. After
`--down` seconds `almanac up` is started again, and nothing else is done by hand. Then it is checked
that each minute has a row of its own and at most one release, that no run of Prefect's is left
running, and that the last release verifies and holds every document. Exit code 1 where not.
Needs nothing but this machine. The embedder is a toy on the loopback, so that a night takes
seconds: what is tested is who runs when.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.prefect_api import ENDED

ROOMS = ("almanac", "flows", "tasks", "lakehouse", "expectations", "schemas")
DEPLOYMENT = "nightly/nightly"
MINUTE = timedelta(minutes=1)
CHANGE_SECONDS = 20.0
PATIENCE_SECONDS = 1800.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5, help="logical times that must be done")
    parser.add_argument("--down", type=float, default=130.0, help="seconds that nothing runs")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="work in this empty folder and leave it")
    arguments = parser.parse_args()
    from tests.embedding.server import hashing

    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="outage-"))
    with hashing() as embedder:
        outage = _Outage(folder, arguments.port, embedder)
        try:
            found = outage.run(arguments.times, arguments.down)
        finally:
            outage.command.kill_everything()
    if not arguments.keep:
        shutil.rmtree(folder)
    print(json.dumps(found, indent=1))
    return 0 if found["sound"] else 1


class _Outage:
    """A copy of the project, its lakehouse, and the command that runs it."""

    def __init__(self, folder: Path, port: int, embedder: dict[str, str]) -> None:
        from tests.supervisor.command import Command, free_port

        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.command = Command(folder, _copy_of_project(folder / "project"), **embedder)
        self.command.configure(port or free_port())
        self._changed, self._count, self._began = 0.0, 0, time.monotonic()
        self._killed_at = ""

    def run(self, times: int, down: float) -> dict[str, Any]:
        self._change()
        self._say(f"up after {self.command.start()['seconds']} s")
        self._wait("two releases", lambda: len(self._releases()) >= 2)
        self._wait("a run under way", self._under_way)
        self._killed_at = f"{datetime.now(UTC):%H:%M:%S}"
        self._say(f"killed {len(self.command.kill_everything())} processes")
        end = time.monotonic() + down
        self._wait("the outage", lambda: time.monotonic() > end)
        self._say(f"up again after {self.command.start()['seconds']} s")
        self._wait(f"{times} releases", lambda: len(self._releases()) >= times)
        self._wait("a run that saw the last change", self._saw_all, changing=False)
        self._pause_schedule()
        self._wait("the last runs", lambda: not self._open_runs(), changing=False)
        runs = [run for run in self.command.runs() if run["state_type"] in ENDED]
        rows, releases = self._rows(), self._releases()
        _print_runs(runs, rows)
        _print_times(rows, releases)
        code, _ = self.command.stop()
        return self._judge(rows, releases, runs, code)

    def _judge(
        self,
        rows: Sequence[Mapping[str, Any]],
        releases: Sequence[Any],
        runs: Sequence[Mapping[str, Any]],
        code: int,
    ) -> dict[str, Any]:
        told = Counter(row["logical_time"] for row in rows if row["status"] != "failed")
        minutes = [release.logical_time for release in releases]
        first, last = min(told), max(told)
        every = [first + n * MINUTE for n in range(int((last - first) / MINUTE) + 1)]
        verify = self._almanac("verify", "--all")
        held = {document["doc_id"] for document in self._almanac("documents")["documents"]}
        files = {file.name for file in (self.folder / "docs").iterdir()}
        missed = {row["logical_time"] for row in rows if row["status"] == "missed"}
        checks = {
            "no release counted as missed": not missed & set(minutes),
            "a release a logical time": len(set(minutes)) == len(minutes),
            "whole minutes only": all(not at.second + at.microsecond for at in minutes),
            "no minute told twice": set(told.values()) == {1},
            "no minute untold": sorted(told) == every,
            "every release verifies": bool(verify["ok"]),
            "every document is there": held == files,
            "a clean end": code == 0 and not self.command.family(),
        }
        kinds = Counter(row["status"] for row in rows)
        return {
            "sound": all(checks.values()),
            "checks": checks,
            "rows": dict(kinds),
            "prefect": dict(Counter(run["state_name"] for run in runs)),
            "minutes": len(every),
            "releases": len(releases),
            "documents": len(files),
            "killed_at": self._killed_at,
        }

    def _almanac(self, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "almanac",
                "--config",
                str(self.folder / "almanac.toml"),
                *arguments,
                "--json",
            ],
            cwd=self.command.project,
            env=self.command.environment,
            text=True,
            check=False,
            capture_output=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def _wait(self, what: str, done: Callable[[], Any], changing: bool = True) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            if time.monotonic() > end:
                sys.exit(f"{what}: waited for in vain for {PATIENCE_SECONDS / 60:.0f} minutes")
            if changing and time.monotonic() - self._changed > CHANGE_SECONDS:
                self._change()
            try:
                if done():
                    break
            except OSError:  # the server may be busy
                pass
            time.sleep(0.5)
        self._say(what)

    def _change(self) -> None:
        """Add one document and change the first."""
        for name, text in ((f"{self._count:03}.md", "new"), ("000.md", f"changed {self._count}")):
            fresh = self.folder / "fresh"
            fresh.write_text(f"# Note {name}\n\nThis note is {text}.\n", encoding="utf-8")
            os.replace(fresh, self.folder / "docs" / name)  # noqa: PTH105
        self._count, self._changed, self._changed_at = (
            self._count + 1,
            time.monotonic(),
            datetime.now(UTC),
        )

    def _lake(self) -> Any:
        from lakehouse import open_lakehouse

        return open_lakehouse(str(self.folder / "lake"))

    def _releases(self) -> list[Any]:
        if not (self.folder / "lake").exists():
            return []
        return list(self._lake().releases("documents").history())

    def _rows(self) -> list[dict[str, Any]]:
        return sorted(self._lake().runs.rows(), key=lambda row: row["logical_time"])

    def _open_runs(self) -> list[dict[str, Any]]:
        """What runs, or is due."""
        now = datetime.now(UTC).isoformat()
        return [
            run
            for run in self.command.runs()
            if run["state_type"] not in ENDED and run["expected_start_time"] < now
        ]

    def _under_way(self) -> bool:
        """A nightly run that has begun and not told anything yet."""
        runs = self.command.runs(state={"type": {"any_": ["RUNNING"]}})
        told = {row["run_id"] for row in self._rows()}
        nightly = self._deployment()["id"]
        return any(run["deployment_id"] == nightly and run["id"] not in told for run in runs)

    def _saw_all(self) -> bool:
        spoke = [row for row in self._rows() if row["status"] in ("published", "unchanged")]
        return spoke[-1]["started_at"] > self._changed_at

    def _deployment(self) -> dict[str, Any]:
        found: dict[str, Any] = self.command.ask(f"deployments/name/{DEPLOYMENT}")
        return found

    def _pause_schedule(self) -> None:
        self.command.ask(f"deployments/{self._deployment()['id']}/pause_deployment", {})

    def _say(self, message: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {message}", file=sys.stderr, flush=True)


def _copy_of_project(folder: Path) -> Path:
    """The program as it stands here, with a nightly run that is due every minute."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    for deployment in project["deployments"]:
        if deployment["name"] == "nightly":
            deployment["schedules"] = [{"cron": "* * * * *", "timezone": "UTC", "active": True}]
    (folder / "prefect.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    return folder


def _print_runs(runs: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> None:
    spoke = {row["run_id"]: row for row in rows}
    print("\n| Prefect's run | due | state | row in `runs` | speaks for |\n|---|---|---|---|---|")
    for run in sorted(runs, key=lambda run: run["expected_start_time"]):
        row = spoke.get(run["id"])
        status, at = (row["status"], f"{row['logical_time']:%H:%M}") if row else ("", "")
        due = run["expected_start_time"][11:19]
        print(f"| {run['name']} | {due} | {run['state_name']} | {status} | {at} |")


def _print_times(rows: Sequence[Mapping[str, Any]], releases: Sequence[Any]) -> None:
    made = {release.logical_time: release.seq for release in releases}
    print("\n| logical time | rows in `runs` | release |\n|---|---|---|")
    for at in sorted({row["logical_time"] for row in rows}):
        kinds = ", ".join(row["status"] for row in rows if row["logical_time"] == at)
        print(f"| {at:%H:%M:%S} | {kinds} | {made.get(at, '')} |")
    print()


if __name__ == "__main__":
    sys.exit(main())
