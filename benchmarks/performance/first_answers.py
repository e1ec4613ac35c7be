"""Processor seconds of each verb's first answer from a cold shell, and of refused mistakes.

    .venv/bin/almanac nightly --lakehouse /tmp/lake
    .venv/bin/python benchmarks/performance/first_answers.py --lakehouse /tmp/lake [--tree OTHER]

Each command runs three times in a new process of one thread; the least counts, user and system time
of the process and its children together. `--tree` measures another checkout with this environment.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ANSWERS = [
    ["--help"],
    ["history"],
    ["runs"],
    ["documents"],
    ["quarantine", "list"],
    ["search", "query parameters", "--mode", "text"],
    ["search", "query parameters", "--mode", "vector"],
    ["search", "query parameters"],
    ["feedback", "status"],
    ["triage", "list"],
    ["adapters", "list"],
    ["lease", "show"],
    ["retention", "plan"],
]
REFUSALS = [
    ["search", ""],
    ["search", "x", "--as-of", "99"],
    ["search", "x", "--as-of", "yesterday"],
    ["nightly", "--source", "/no/such/folder"],
    ["nightly", "--source", ".", "--as-of", "2099-01-01"],
    ["nightly", "--source", ".", "--as-of", "2001-01-01"],
    ["histroy"],
    ["history", "--config", "nowhere.toml"],
    ["documents", "no-such.md"],
    ["restore", "--as-of", "99"],
    ["withdraw", "99", "--reason", "x"],
    ["trace", "no-such-id"],
]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lakehouse", required=True)
    arguments.add_argument("--tree", default=str(Path(__file__).resolve().parents[2]))
    arguments.add_argument("--times", type=int, default=3)
    given = arguments.parse_args()
    lakehouse = str(Path(given.lakehouse).resolve())
    for title, commands in (("answers", ANSWERS), ("refusals", REFUSALS)):
        print(f"\n{title:<55} CPU s  exit")
        for command in commands:
            runs = [measured(command, lakehouse, given.tree) for _ in range(given.times)]
            seconds, code = min(runs)
            print(f"  almanac {' '.join(command):<45} {seconds:6.2f}  {code}", flush=True)


def measured(command: list[str], lakehouse: str, tree: str) -> tuple[float, int]:
    """Processor seconds and exit code of one run."""
    environment = os.environ | {"PYTHONPATH": tree, "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.md").write_text("# A\n\ntext\n", encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "almanac", "--lakehouse", lakehouse, *command],
            cwd=folder,
            env=environment | {"PREFECT_HOME": f"{folder}/prefect"},
            capture_output=True,
            check=False,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used, done.returncode


if __name__ == "__main__":
    main()
