"""Is a dataset the same twice and in other processes, and does a row keep its side as a log grows?

    python benchmarks/quality/dataset_stability.py FEEDBACK --withheld 100

FEEDBACK holds log.jsonl and votes.jsonl, which the real stages import and triage. Prints Markdown,
then one JSON object. Exits 1 where a hash differs, a row changed side, or a question or session is
on both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from almanac.dataset.build import build
from almanac.feedback.importing import import_feedback
from almanac.triage.run import triage
from lakehouse import open_lakehouse
from schemas.settings import Settings

Rows = list[dict[str, Any]]
_ELSEWHERE = """
import sys
from schemas.settings import Settings
from almanac.dataset.build import build
print(build(Settings(lakehouse=sys.argv[1]), None, None)["dataset"])
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("feedback", type=Path)
    parser.add_argument("--withheld", type=int, default=100)
    options = parser.parse_args()
    log, votes = (_read(options.feedback / name) for name in ("log.jsonl", "votes.jsonl"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        result: dict[str, Any] = {"withheld": options.withheld}
        result |= repeated(root, log, votes)
        late = list(orders(log, options.withheld))
        grows = [(name, log, some) for name, some in late]
        grows.append((f"{late[-1][0]}, longer sessions", in_long_sessions(log), late[-1][1]))
        result["growth"] = [
            {"order": name} | grown(root / name, some, votes, withheld)
            for name, some, withheld in grows
        ]
    print(page(result), json.dumps(result), sep="\n\n")
    moved = sum(one["changed_side"] + one["on_both_sides"] for one in result["growth"])
    return 0 if len(set(result["hashes"].values())) == 1 and not moved else 1


def repeated(root: Path, log: Rows, votes: Rows) -> dict[str, Any]:
    """Hashes of builds: twice here, then in two processes on untouched copies of the lakehouse."""
    filled = root / "filled"
    fill(Settings(lakehouse=str(filled)), root, log, votes)
    for name in ("one", "two"):
        shutil.copytree(filled, root / name)
    settings = Settings(lakehouse=str(filled))
    first, again = build(settings, None, None), build(settings, None, None)
    hashes = {"first build": first["dataset"], "second build": again["dataset"]}
    hashes |= {
        f"process {name}": _elsewhere(root / name, seed)
        for name, seed in (("one", "1"), ("two", "2"))
    }
    kept = ("examples", "split", "dropped", "masked", "views", "counts", "requests", "seconds")
    return {"hashes": hashes, "stored_again": again["new"]} | {name: first[name] for name in kept}


def grown(root: Path, log: Rows, votes: Rows, late: set[str]) -> dict[str, int]:
    """What became of each row's side when the withheld requests came, with their votes."""
    settings = Settings(lakehouse=str(root / "lake"))
    early = [[row for row in some if row["request_id"] not in late] for some in (log, votes)]
    fill(settings, root, *early)
    build(settings, None, None)
    before = sides(settings)
    fill(settings, root, log, votes)
    result = build(settings, None, None)
    after = sides(settings)
    both = before.keys() & after.keys()
    return {
        "rows_before": len(before),
        "rows_after": len(after),
        "stayed": len(both),
        "new": len(after.keys() - before.keys()),
        "left": len(before.keys() - after.keys()),
        "changed_side": sum(before[key] != after[key] for key in both),
        "on_both_sides": torn(settings),
        "bridges_split": result["dropped"].get("bridges_split", 0),
    }


def orders(log: Rows, withheld: int) -> Iterator[tuple[str, set[str]]]:
    """Which requests come late: the last ones, the first ones, some from everywhere."""
    ids = [row["request_id"] for row in sorted(log, key=lambda row: str(row["asked_at"]))]
    yield "the last come late", set(ids[-withheld:])
    yield "the first come late", set(ids[:withheld])
    for seed in (1, 2):
        yield f"drawn, seed {seed}", set(random.Random(seed).sample(ids, withheld))


def in_long_sessions(log: Rows) -> Rows:
    """The same log, with all that a user asked in a week as one session."""
    weeks = [datetime.fromisoformat(row["asked_at"]).isocalendar().week for row in log]
    return [
        row | {"session_id": f"{row['user_id']} in week {week}"}
        for row, week in zip(log, weeks, strict=True)
    ]


def fill(settings: Settings, root: Path, log: Rows, votes: Rows) -> None:
    """Import rows and look into every dislike."""
    root.mkdir(parents=True, exist_ok=True)
    files = [root / "log.jsonl", root / "votes.jsonl"]
    for file, rows in zip(files, (log, votes), strict=True):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    import_feedback(settings, *map(str, files))
    triage(settings)


def sides(settings: Settings) -> dict[str, str]:
    """The side of each request of the newest dataset."""
    datasets = open_lakehouse(settings.lakehouse).datasets
    return {one.request_id: one.side for one in datasets.examples(datasets.manifest())}


def torn(settings: Settings) -> int:
    """How many questions and sessions of the newest dataset are on both sides."""
    lake = open_lakehouse(settings.lakehouse)
    found = sides(settings)
    groups: dict[tuple[str, str | None], set[str]] = {}
    for one in lake.datasets.examples(lake.datasets.manifest()):
        groups.setdefault(("question", one.group), set()).add(one.side)
    for request in lake.requests.rows(found):
        if request.session_id:
            key = ("session", request.session_id)
            groups.setdefault(key, set()).add(found[request.request_id])
    return sum(len(some) > 1 for some in groups.values())


def page(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [f"{_figures(result['requests'])}. Hashes:", ""]
    lines += [f"- {name}: `{value[:16]}`" for name, value in result["hashes"].items()]
    lines += ["", "| what | figures |", "| --- | --- |"]
    lines += [
        f"| {name} | {_figures(result[name])} |"
        for name in ("examples", "split", "dropped", "masked")
    ]
    lines += ["", f"{result['withheld']} requests come late:", ""]
    names = list(result["growth"][0])
    lines += ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(map(str, one.values())) + " |" for one in result["growth"]]
    return "\n".join(lines)


def _figures(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def _elsewhere(lakehouse: Path, seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(lakehouse)],
        env=os.environ | {"PYTHONHASHSEED": seed},
        cwd=Path(__file__).parents[2],
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout.split()[-1]


def _read(file: Path) -> Rows:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
