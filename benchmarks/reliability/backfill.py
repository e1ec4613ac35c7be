"""Backfill a dated corpus through a deployment, interrupted twice, against an unbroken one.

    python benchmarks/reliability/backfill.py                 45 days, bfloat16
    python benchmarks/reliability/backfill.py --encoder hash  vectors without meaning: all the rest
    python benchmarks/reliability/backfill.py --steps 6 --json

Starts a Prefect server and a worker of its own, deploys the flow `backfill`, and asks for runs
through the REST API as the UI's form does. One lakehouse is filled by one run. Another one is
filled by a run that is cancelled, then by the same form whose process is killed with SIGKILL, then
by the same form again. Both must hold the same releases: number, logical time, rows, documents and
digest; and a fourth run of the form must find nothing to do. Exits 1 where they differ.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
ENGLISH = {"ALMANAC_EMBEDDER__PRECISION": "bfloat16"}
PATIENCE = 3_600.0  # seconds for any one thing to happen


def main() -> int:
    arguments = _arguments()
    sys.path.insert(0, str(ROOT))
    from tests.embedding.server import hashing
    from tests.prefect_server import prefect_server
    from tests.supervisor.plant import Worker, deploy

    with (
        tempfile.TemporaryDirectory() as scratch,
        prefect_server(Path(scratch)) as server,
        hashing() if arguments.encoder == "hash" else nullcontext(ENGLISH) as embedder,
    ):
        bench = Bench(Path(scratch), server.api, arguments)
        deploy(server, Path(scratch), ["backfill"])
        with Worker(server, Path(scratch) / "worker.log", HF_HUB_OFFLINE="1", **embedder):
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
        from tests.prefect_api import Api

        self._home, self._api = home, Api(api)
        self._encoder = arguments.encoder
        self._dates = _lay_out(arguments, home / "days")

    def run(self) -> dict[str, Any]:
        """Fill both lakehouses; what was found."""
        steps = len(self._dates)
        whole = self._finished(self._start("whole"))
        first = self._start("broken")
        self._until_releases(max(1, steps // 9))
        cancelled = self._cancelled(first)
        after_cancel = len(self._releases("broken"))
        second = self._start("broken")
        self._until_releases(max(after_cancel + 1, steps // 4))
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
        form = {
            "from_date": self._dates[0],
            "to_date": self._dates[-1],
            "source": f"{self._home}/days/{{date}}",
            "lakehouse": f"{self._home}/{lakehouse}",
            "dry_run": False,
        }
        return self._api.start("backfill/backfill", parameters=form)

    def _finished(self, run: str) -> float:
        """Wait for a run that must complete; its seconds from start to end."""
        state = self._api.ended(run, PATIENCE)
        if state["type"] != "COMPLETED":
            sys.exit(f"the run ended {state['name']}: {state['message']}")
        return round(self._api.run(run)["total_run_time"], 1)

    def _cancelled(self, run: str) -> str:
        """Cancel as the UI's button does; the state that the run ended in."""
        self._api.post(f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
        return str(self._api.ended(run, PATIENCE)["name"])

    def _killed(self, run: str) -> str:
        """Kill the process of a run; the state that the run ended in."""
        from tests.supervisor.plant import kill

        kill(self._api.run(run))
        return str(self._api.ended(run, PATIENCE)["name"])

    def _until_releases(self, count: int) -> None:
        from tests.prefect_api import until

        until(lambda: len(self._releases("broken")) >= count, PATIENCE, f"{count} releases")

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

        nights = open_lakehouse(f"{self._home}/{lakehouse}").runs.records("documents")
        told = {night.logical_time.isoformat() for night in nights if night.succeeded}
        return len(told | {one[1] for one in self._releases(lakehouse)})


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


if __name__ == "__main__":
    sys.exit(main())
