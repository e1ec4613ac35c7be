"""What running a night under Prefect costs against calling the same functions plainly.

    python benchmarks/performance/prefect_overhead.py --repetitions 5

Four ways to run the same night over copies of the same lakehouse, once with nothing changed and
once with one document changed, in turns so that none has the quieter machine:

    plain       the stages called one after the other, in a process that never imports Prefect
    server      `almanac nightly` against a Prefect server that runs already
    ephemeral   `almanac nightly` without one: it starts its own and ends it
    deployment  a run of the deployment `nightly`, from its creation by the REST API to Completed

Wall seconds are of the whole process (of the run, for the deployment); CPU seconds are of the
process and of those it started and waited for, so the server's and the worker's own are not in
them. `inside` is what the report of the run says of itself: from its begin to its report. Vectors
come from an endpoint in this process that hashes, so that no model's weights are in the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
NIGHTS = ("2030-01-02T02:00:00Z", "2030-01-03T02:00:00Z")
CHANGES = {"no change": 0, "one document": 1}


class Cost(NamedTuple):
    """Seconds of one run; `cpu` is None where it can't be told."""

    wall: float
    cpu: float | None
    inside: float


def main() -> int:
    arguments = _arguments()
    sys.path.insert(0, str(ROOT))
    if arguments.plain:
        print(json.dumps(plain(*arguments.plain)))
        return 0
    from tests.embedding.server import hashing
    from tests.prefect_server import prefect_server
    from tests.supervisor.plant import Worker, deploy

    with (
        tempfile.TemporaryDirectory() as scratch,
        tempfile.TemporaryDirectory() as alone,
        prefect_server(Path(scratch)) as server,
        hashing() as embedder,
    ):
        deploy(server, Path(scratch), ["nightly"])
        with Worker(server, Path(scratch) / "worker.log", HF_HUB_OFFLINE="1", **embedder):
            bench = Bench(Path(scratch), Path(alone), server.api, server.environment | embedder)
            result = bench.run(arguments.repetitions)
    print(json.dumps(result) if arguments.json else _table(result))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--plain", nargs=2, metavar=("CONFIG", "TIME"), help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Bench:
    """A folder of documents with its first release, copied for every run."""

    def __init__(self, home: Path, alone: Path, api: str, environment: dict[str, str]) -> None:
        from tests.prefect_api import Api

        self._home, self._api = home, Api(api)
        self._served = environment | {"OMP_NUM_THREADS": "1"}
        lonely = {
            "PREFECT_HOME": str(alone),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        }
        self._alone = {k: v for k, v in self._served.items() if k != "PREFECT_API_URL"} | lonely
        self._number = 0
        template = home / "template"
        shutil.copytree(ROOT / "sample" / "documents", template / "docs")
        (template / "almanac.toml").write_text(
            'lakehouse = "lake"\n[sources.documents]\nuri = "docs"\n', encoding="utf-8"
        )
        self._process(self._alone, *self._almanac(template, NIGHTS[0]))  # migrates its database

    def run(self, repetitions: int) -> dict[str, Any]:
        """The costs of each way by what changed, and what the machine was like."""
        began = os.getloadavg()
        ways = {
            "plain": self._plain,
            "server": self._server,
            "ephemeral": self._ephemeral,
            "deployment": self._deployment,
        }
        found: dict[str, dict[str, list[Cost]]] = {
            what: {way: [] for way in ways} for what in CHANGES
        }
        for at in range(repetitions):
            for what, changed in CHANGES.items():
                for way, run in ways.items():
                    with self._copy(changed) as place:
                        found[what][way].append(run(place))
            print(f"{at + 1} of {repetitions}, load {os.getloadavg()}", file=sys.stderr, flush=True)
        return {
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
            "load": [began, os.getloadavg()],
            "costs": found,
        }

    @contextmanager
    def _copy(self, changed: int) -> Iterator[Path]:
        self._number += 1
        place = self._home / f"copy-{self._number}"
        shutil.copytree(self._home / "template", place)  # with the times of the files
        for file in sorted((place / "docs").rglob("*.md"))[:changed]:
            file.write_text(file.read_text(encoding="utf-8") + f"\nNote {self._number}.\n", "utf-8")
        yield place
        shutil.rmtree(place)

    def _plain(self, place: Path) -> Cost:
        itself = str(Path(__file__).resolve())
        command = [itself, "--plain", str(place / "almanac.toml"), NIGHTS[1]]
        return self._process(self._served, *command)

    def _server(self, place: Path) -> Cost:
        return self._process(self._served, *self._almanac(place, NIGHTS[1]))

    def _ephemeral(self, place: Path) -> Cost:
        return self._process(self._alone, *self._almanac(place, NIGHTS[1]))

    def _deployment(self, place: Path) -> Cost:
        from lakehouse import open_lakehouse

        form = {"as_of": NIGHTS[1], "config": str(place / "almanac.toml")}
        began = time.perf_counter()
        state = self._api.ended(self._api.start("nightly/nightly", parameters=form), 900)
        wall = time.perf_counter() - began
        if state["type"] != "COMPLETED":
            sys.exit(f"the run of the deployment ended {state['name']}: {state['message']}")
        rows = open_lakehouse(str(place / "lake")).runs.rows()
        return Cost(wall, None, json.loads(rows[0]["report"])["seconds"]["total"])

    @staticmethod
    def _almanac(place: Path, night: str) -> list[str]:
        config = str(place / "almanac.toml")
        return ["-m", "almanac", "nightly", "--config", config, "--as-of", night, "--json"]

    @staticmethod
    def _process(environment: dict[str, str], *arguments: str) -> Cost:
        began, before = time.perf_counter(), os.times()
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            cwd=ROOT,
            text=True,
            capture_output=True,
            check=False,
            timeout=900,
        )
        wall, after = time.perf_counter() - began, os.times()
        if done.returncode:
            sys.exit(f"a run failed:\n{done.stderr}")
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        return Cost(wall, cpu, json.loads(done.stdout)["seconds"]["total"])


def plain(config: str, at: str) -> dict[str, Any]:
    """The night as `flows/nightly.py` orders it, without Prefect and without what the UI shows."""
    from datetime import datetime

    from almanac.ingest import chunk, compare, embed, index, ingest, publish, report, snapshot
    from almanac.ingest.models import Models
    from almanac.ingest.run import begin_run
    from lakehouse.probes import ask_probes
    from schemas.settings import load_settings

    settings = load_settings(config)
    run, models = begin_run(settings, datetime.fromisoformat(at)), Models(settings)
    outcome = report.Outcome()
    with (
        run.lake.lease(run.run_id, "nightly run", settings.lease.ttl_seconds) as lease,
        report.Recording(run, outcome),
    ):
        latest = outcome.release = run.releases.latest()
        with run.timed("recover"):
            snapshot.recover(run)
            state = run.lake.documents.state(run.releases.last_snapshot())
        found = ingest.ingest(run, state)
        ingest.quarantine(run, found)
        with run.timed("compare"):
            changes = compare.Changes(state, found)
            outcome.saw(changes, found)
            compare.check_losses(changes, state, settings.loss_limits, False)
        with run.timed("snapshot"):
            change = snapshot.plan_index(run, models, snapshot.store_changes(run, changes))
        if not index.is_current(run, models, change, latest):
            with run.timed("chunk"):
                chunk.store_chunks(run, models, change.taken.values())
            with run.timed("embed"):
                embedding = embed.store_vectors(
                    run, models, change.taken.values(), lambda done, total: None
                )
            with run.timed("index"):
                written = index.write_index(run, models, change)
            with run.timed("verify"):
                draft = publish.tag_release(run, models, written)
                probes = ask_probes(run.lake.read(draft))
                publish.verify_release(run, written, draft, probes)
            with run.timed("publish"):
                outcome.release = publish.publish(run, draft, lease, probes)
            outcome.published = True
            outcome.wrote(written, embedding)
        with run.timed("remember"):
            run.lake.files.record(found.read, found.gone)
    result: dict[str, Any] = report.report(run, outcome)
    if "prefect" in sys.modules:
        sys.exit("Prefect was imported, so this was not plain")
    return result


def _table(result: dict[str, Any]) -> str:
    lines = [f"{result['machine']}; load at begin and end {result['load']}; median (least-most)"]
    for what, ways in result["costs"].items():
        lines += ["", f"{what:<14}{'wall s':>22}{'CPU s':>22}{'inside s':>22}"]
        for way, costs in ways.items():
            cells = [_spread([getattr(one, name) for one in costs]) for name in Cost._fields]
            lines.append(f"{way:<14}" + "".join(f"{cell:>22}" for cell in cells))
    return "\n".join(lines)


def _spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{statistics.median(known):.2f} ({min(known):.2f}-{max(known):.2f})"


if __name__ == "__main__":
    sys.exit(main())
