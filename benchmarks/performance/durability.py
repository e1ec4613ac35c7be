"""What `durability = "full"` costs a night: a ratio of wall times, on a small and a large change.

    python benchmarks/performance/durability.py --folder DISK --pairs 7

Nights over 300 documents with a toy in the place of the model (a model makes the ratio smaller),
in turn with and without; the folder must be on the disk that is meant. Prints medians as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.house import FIRST_NIGHT, House
from testing.power_cut.house import night, without_expectations

DOCUMENTS = 300
CHANGES = {"small (1 document)": 1, "large (150 documents)": 150}
KINDS = ("none", "full")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="Work there; else where temporary files are.")
    parser.add_argument("--pairs", type=int, default=7)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as scratch, without_expectations():
        houses = {kind: House(Path(scratch) / kind, durability=kind) for kind in KINDS}
        seconds: dict[tuple[str, str], list[float]] = {}
        for kind in KINDS:
            _night(houses[kind], 0, DOCUMENTS)
        for at in range(1, chosen.pairs * len(CHANGES) + 1):
            change = list(CHANGES)[at % len(CHANGES)]
            for kind in KINDS if at % 4 < 2 else reversed(KINDS):
                took = _night(houses[kind], at, CHANGES[change])
                seconds.setdefault((change, kind), []).append(took)
    for change in CHANGES:
        none, full = (seconds[change, kind] for kind in KINDS)
        ratios = [whole / plain for plain, whole in zip(none, full, strict=True)]
        print(
            json.dumps(
                {
                    "change": change,
                    "none": round(statistics.median(none), 3),
                    "full": round(statistics.median(full), 3),
                    "ratio": round(statistics.median(ratios), 2),
                    "ratios": [round(one, 2) for one in sorted(ratios)],
                }
            ),
            flush=True,
        )


def _night(house: House, at: int, changed: int) -> float:
    for name in range(changed):
        house.put(f"page-{name}", f"Page {name} of night {at}.", f"Its second part, {at}.")
    began = time.perf_counter()
    night(house, FIRST_NIGHT + timedelta(days=at))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
