"""Kill the nightly run with SIGKILL at random moments, and see that nothing is lost.

    python benchmarks/reliability/kill_loop.py --kills 50

Each round changes some documents, starts `almanac nightly`, kills it (the whole process) at a
random moment of its work, and sees that the last release still answers as before. Then the night is
run to its end, and its index digest must equal that of a lakehouse that was never interrupted.
Needs nothing but this machine: a Prefect server of its own is started and stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["backup", "server", "printer", "badge", "account", "password", "network", "cable"]
KILLS_A_NIGHT = 5
STAGE = re.compile(r"Task run '([a-z-]+)-[0-9a-f]{3}' - Finished")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from tests.prefect_server import prefect_server

    with tempfile.TemporaryDirectory() as scratch, prefect_server(Path(scratch)) as server:
        chance = random.Random(arguments.seed)
        loop = _Loop(Path(scratch), server.environment, chance, arguments.documents)
        stages: Counter[str] = Counter()
        while stages.total() < arguments.kills:
            stages.update(loop.night(min(KILLS_A_NIGHT, arguments.kills - stages.total())))
    result = {"kills": arguments.kills, "last_finished_stage": dict(stages.most_common())}
    print(json.dumps(result))
    return 0


class _Loop:
    """Two lakehouses over one folder: one whose runs are killed, one whose runs are not."""

    def __init__(
        self, home: Path, environment: dict[str, str], chance: random.Random, documents: int
    ) -> None:
        self._docs = home / "docs"
        self._docs.mkdir()
        self._broken, self._whole = home / "broken", home / "whole"
        self._log = home / "run.log"
        self._environment = environment | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self._chance = chance
        self._time = datetime(2026, 3, 1, tzinfo=UTC)
        for number in range(documents):
            self._write(number)
        self._length = 0.0
        self._release = self._run(self._broken)["index"]
        self._run(self._whole)

    def night(self, most: int) -> list[str]:
        """One night, killed up to `most` times, then completed; where each kill hit."""
        self._time += timedelta(days=1)
        self._change()
        hits: list[str] = []
        answers: set[str] = set()
        while len(hits) < most and (hit := self._killed_run()):
            hits.append(hit)
            answers.add(self._answer())
        done, whole = self._run(self._broken), self._run(self._whole)
        if done["index"]["digest"] != whole["index"]["digest"]:
            sys.exit(f"killed after {hits}: another digest than that of the unbroken lakehouse")
        # A kill right after the publish leaves the new release answering, one before it the old.
        if not answers <= {self._release["digest"], done["index"]["digest"]}:
            sys.exit(f"killed after {hits}: the release that answered was neither old nor new")
        self._release = done["index"]
        print(
            f"killed after {', '.join(hits) or 'its end'}; recovered; {self._length:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        return hits

    def _killed_run(self) -> str | None:
        """The stage that the killed run finished last; None where it published before the kill."""
        with self._log.open("w") as log:
            run = subprocess.Popen(
                self._command(self._broken),
                env=self._environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
            try:
                # The last third is Prefect taking leave; what is left is imports and work.
                run.wait(timeout=self._chance.uniform(0.1, 0.7) * self._length)
                return None
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
        stage = ["start", *STAGE.findall(self._log.read_text(encoding="utf-8"))][-1]
        return None if stage in ("publish", "report") else stage

    def _answer(self) -> str:
        """The digest of the release that answers now, if it does answer."""
        from almanac.retrieval.search import Searcher
        from schemas.settings import load_settings

        searcher = Searcher(load_settings(lakehouse=str(self._broken)))
        return searcher.release.digest if searcher.search(["server"], 3, "text")[0] else "none"

    def _run(self, lake: Path) -> dict[str, Any]:
        began = time.perf_counter()
        done = subprocess.run(
            self._command(lake),
            env=self._environment,
            cwd=ROOT,
            text=True,
            capture_output=True,
            check=False,
            timeout=300,
        )
        if done.returncode:
            sys.exit(f"a run failed:\n{done.stderr}")
        self._length = time.perf_counter() - began
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def _command(self, lake: Path) -> list[str]:
        return [
            sys.executable,
            "-m",
            "almanac",
            "nightly",
            "--lakehouse",
            str(lake),
            "--source",
            str(self._docs),
            "--as-of",
            self._time.isoformat(),
            "--accept-losses",
            "--json",
        ]

    def _change(self) -> None:
        """Rewrite some documents, add one and remove one."""
        numbers = sorted(int(file.stem) for file in self._docs.glob("*.md"))
        for number in self._chance.sample(numbers, 8):
            self._write(number)
        (self._docs / f"{numbers[0]}.md").unlink()
        self._write(numbers[-1] + 1)

    def _write(self, number: int) -> None:
        paragraphs = [" ".join(self._chance.choices(WORDS, k=60)) for _ in range(6)]
        text = f"# Note {number}\n\n" + "\n\n".join(paragraphs) + "\n"
        (self._docs / f"{number}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
