"""Cut the power at many points of nights, retention, healing and erasure, and see what is lost.

    python benchmarks/reliability/power_cuts.py --cuts 250

Records one run with strace (Debian's package), makes an image of what may be on the disk after
each of many of its file operations, and on each image opens, examines, heals and runs a night.
Prints one JSON line; exit code 1 where anything was lost, stuck or wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.power_cut.cuts import Cuts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=250)
    parser.add_argument("--first", type=int, default=0, help="leave out the cuts before this one")
    parser.add_argument("--durability", choices=("full", "none"), default="full")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cuts = Cuts(Path(scratch), arguments.durability)
        wrong: Counter[str] = Counter()
        done: Counter[str] = Counter()
        for cut in cuts.check(arguments.cuts, first=arguments.first):
            done[f"{cut.phase}, {cut.loss}"] += 1
            wrong.update(fault.partition(":")[0] for fault in cut.faults)
            if done.total() % 20 == 0:
                print(f"{done.total()} cuts, {dict(wrong)}", file=sys.stderr, flush=True)
            for fault in cut.faults:
                print(f"{cut.at} ({cut.phase}, {cut.loss}): {fault}", file=sys.stderr, flush=True)
    result = {"operations": len(cuts.operations), "cuts": done.total(), "by": dict(done)}
    print(json.dumps(result | {"wrong": dict(wrong)}))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
