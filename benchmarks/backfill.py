"""Backfill a dated corpus through a deployment, interrupted twice, against an unbroken one.

    python benchmarks/backfill.py                       45 days, the packaged model in bfloat16
    python benchmarks/backfill.py --encoder hash        vectors without meaning: all the rest
    python benchmarks/backfill.py --steps 6 --json

Starts a Prefect server and a worker of its own, deploys the flow `backfill`, and asks for runs
through the REST API as the UI's form does. One lakehouse is filled by one run. Another one is
filled by a run that is cancelled, then by the same form whose process is killed with SIGKILL, then
by the same form again. Both must hold the same releases: number, logical time, rows, documents and
digest; and a fourth run of the form must find nothing to do. Exits 1 where they differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
DONE = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
PATIENCE = 3_600.0  # seconds for any one thing to happen


def main() -> int:
    arguments = _arguments()
    sys.path.insert(0, str(ROOT))
    from tests.prefect_server import prefect_server

    with (
        tempfile.TemporaryDirectory() as scratch,
        prefect_server(Path(scratch)) as server,
        _encoder(arguments.encoder) as embedder,
    ):
        bench = Bench(Path(scratch), server.api, arguments)
        server.prefect("work-pool", "create", "local", "--type", "process", cwd=ROOT)
        server.prefect("deploy", "--name", "backfill", cwd=ROOT)
        with _worker(server.environment | embedder):
            result = bench.run()
    print(json.dumps(result, indent=None if arguments.json else 1))
    return 0 if result["equal"] and result["nothing_left"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="the folder of the corpora")
    parser.add_argument("--corpus", default="corpus_a_fastapi")
    parser.add_argument("--encoder", choices=("english", "hash"), default="english")
    parser.add_argument("--steps", type=int, help="only the first so many days")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Bench:
    """The folders of the days, two lakehouses, and the deployment that fills them."""

    def __init__(self, home: Path, api: str, arguments: argparse.Namespace) -> None:
        self._home, self._api = home, api
        self._encoder = arguments.encoder
        self._dates = _lay_out(arguments, home / "days")

    def run(self) -> dict[str, Any]:
        """Fill both lakehouses; what was found."""
        steps = len(self._dates)
        whole = self._finished(self._start("whole"))
        first = self._start("broken")
        self._wait_for(lambda: len(self._releases("broken")) >= max(1, steps // 9))
        cancelled = self._cancelled(first)
        after_cancel = len(self._releases("broken"))
        second = self._start("broken")
        self._wait_for(lambda: len(self._releases("broken")) >= max(after_cancel + 1, steps // 4))
        killed = self._killed(second)
        after_kill = len(self._releases("broken"))
        third = self._finished(self._start("broken"))
        unbroken, resumed = self._releases("whole"), self._releases("broken")
        fourth = self._finished(self._start("broken"))
        return {
            "steps": steps,
            "encoder": self._encoder,
            "releases": len(unbroken),
            "equal": unbroken == resumed and len(unbroken) > 0,
            "nothing_left": self._releases("broken") == resumed and self._told("broken") == steps,
            "releases_when": {cancelled: after_cancel, killed: after_kill},
            "rows_and_digest": list(unbroken[-1][2:]) if unbroken else [],
            "seconds": {"unbroken": whole, "last_resumed": third, "nothing_to_do": fourth},
        }

    def _start(self, lakehouse: str) -> str:
        """The form, filled and sent; the id of the run."""
        deployment = self._call("deployments/name/backfill/backfill")["id"]
        form = {
            "from_date": self._dates[0],
            "to_date": self._dates[-1],
            "source": f"{self._home}/days/{{date}}",
            "lakehouse": f"{self._home}/{lakehouse}",
            "dry_run": False,
        }
        made = self._call(f"deployments/{deployment}/create_flow_run", {"parameters": form})
        return str(made["id"])

    def _finished(self, run: str) -> float:
        """Wait for a run that must complete; its seconds from start to end."""
        state = self._ended(run)
        if state["type"] != "COMPLETED":
            sys.exit(f"the run ended {state['name']}: {state['message']}")
        return round(self._call(f"flow_runs/{run}")["total_run_time"], 1)

    def _cancelled(self, run: str) -> str:
        """Cancel as the UI's button does; the state that the run ended in."""
        self._call(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
        return str(self._ended(run)["name"])

    def _killed(self, run: str) -> str:
        """Kill the process of a run; the state that the run ended in."""
        host_and_pid = self._call(f"flow_runs/{run}")["infrastructure_pid"]
        os.kill(int(host_and_pid.rpartition(":")[2]), signal.SIGKILL)
        return str(self._ended(run)["name"])

    def _ended(self, run: str) -> dict[str, Any]:
        self._wait_for(lambda: self._call(f"flow_runs/{run}")["state"]["type"] in DONE)
        state: dict[str, Any] = self._call(f"flow_runs/{run}")["state"]
        return state

    def _releases(self, lakehouse: str) -> list[tuple[Any, ...]]:
        from lakehouse import open_lakehouse

        lake = open_lakehouse(f"{self._home}/{lakehouse}")
        return [
            (one.seq, one.logical_time.isoformat(), one.documents, one.rows, one.digest)
            for one in lake.releases("documents").history()[::-1]
        ]

    def _told(self, lakehouse: str) -> int:
        """Logical times of which a release or the row of a run tells."""
        from lakehouse import open_lakehouse

        nights = open_lakehouse(f"{self._home}/{lakehouse}").runs.nights("documents")
        told = {night.logical_time.isoformat() for night in nights if night.spoke}
        return len(told | {one[1] for one in self._releases(lakehouse)})

    def _call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self._api}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    @staticmethod
    def _wait_for(happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            if time.monotonic() > deadline:
                sys.exit(f"nothing happened within {PATIENCE:g} seconds")
            time.sleep(0.5)


def _lay_out(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """A folder a day as it was on that day; the days."""
    from benchmarks import corpus_walk

    corpus, series = arguments.data / arguments.corpus, "changes_daily"
    known = json.loads((corpus / f"{series}.dates.json").read_text(encoding="utf-8"))["dates"]
    days = [one["date"] for one in known[: arguments.steps]]
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    if (last - first).days + 1 != len(days):
        sys.exit(f"{arguments.corpus} has gaps between its days")
    layer = corpus_walk.load(arguments.data / "materialise.py")
    for day in days:
        corpus_walk.lay_out(layer, corpus, series, day, folder / day)
    return days


@contextmanager
def _worker(environment: dict[str, str]) -> Iterator[None]:
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "local"],
        env=environment | {"PREFECT_WORKER_QUERY_SECONDS": "2", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        try:
            worker.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


@contextmanager
def _encoder(name: str) -> Iterator[dict[str, str]]:
    """The environment of a worker whose runs embed so."""
    if name == "english":
        yield {"ALMANAC_EMBEDDER__PRECISION": "bfloat16"}
        return
    from tests.embedding import server

    server.vector = _hashed
    with server.serving() as endpoint:
        yield {
            "ALMANAC_EMBEDDER__PROVIDER": "openai",
            "ALMANAC_EMBEDDER__MODEL": "hash",
            "ALMANAC_EMBEDDER__BASE_URL": endpoint.url,
            "ALMANAC_EMBEDDER__DIMENSION": "32",
            "OPENAI_API_KEY": "none",
        }


def _hashed(text: str, dimension: int) -> list[float]:
    """A vector made of the text's SHA-256."""
    return [byte / 128 - 1 for byte in hashlib.sha256(text.encode()).digest()[:dimension]]


if __name__ == "__main__":
    sys.exit(main())
