"""Kill every verb that writes with SIGKILL at random moments, and see that nothing is lost.

    python benchmarks/reliability/kill_verbs.py --kills 1000

Each kill is on a copy of one lakehouse with rows in every table. After it the last release must
answer; the verb is run again, and all rows must be those of an unbroken run, but for who wrote
them when; after an erasure no byte of any file, packed or not, may tell the text. Prints a JSON
line; exit code 1 where anything was wrong. `kill_loop.py` kills the night as the command line runs
it, with Prefect.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.damage_matrix import make
from testing.kills import Kills
from testing.power_cut.house import without_expectations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=600, help="No new kill after them.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="Verbs with this word in their name.")
    parser.add_argument("--house", type=Path, help="Make the house there, or take it from there.")
    chosen = parser.parse_args()
    until = time.monotonic() + chosen.minutes * 60
    done: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, without_expectations():
        place = chosen.house or Path(scratch) / "made"
        place.mkdir(parents=True, exist_ok=True)
        kills = Kills(make(place), Path(scratch), chosen.seed)
        verbs = [verb for verb in kills.verbs if chosen.only in verb]
        for verb in cycle(kills.shuffled(verbs)):
            if done.total() >= chosen.kills or time.monotonic() > until:
                break
            if (killed := kills.kill(verb)) is None:
                continue
            done[verb] += 1
            print(f"{done.total()}: {verb} after {killed.after:.2f} s", file=sys.stderr, flush=True)
            for fault in killed.faults:
                wrong.append(f"{verb}, killed after {killed.after:.3f} s: {fault}")
                print(wrong[-1], file=sys.stderr, flush=True)
    print(json.dumps({"kills": done.total(), "by": dict(done), "wrong": len(wrong)}))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
