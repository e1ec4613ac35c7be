"""Damage each kind of file of a lakehouse in each way, and see what every verb says.

    python benchmarks/reliability/damage_matrix.py [--only WORD] [--first N]

Prints a line a case, then what was told by step, and each fault: words of an engine that reach a
user, and a night that fails after verify and doctor, or heal, said that all is well. Exit code 1
with any fault.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.damage_matrix import STEPS, make, run
from testing.power_cut.house import without_expectations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="Targets with this word in their name.")
    parser.add_argument("--first", type=int, default=0, help="So many cases, in a random order.")
    chosen = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, without_expectations():
        house, older = make(Path(scratch))
        for done, case in enumerate(
            run(house, older, Path(scratch), lambda target, _: chosen.only in target), 1
        ):
            counts.update((told.step, told.kind) for told in case.told)
            said = " ".join(f"{told.step}={told.kind}" for told in case.told)
            print(f"{case.target} {case.damage}: {said}", flush=True)
            refused = {told.said for told in case.told if told.kind == "refused"}
            print(*(f"  refused: {one}" for one in sorted(refused)), sep="\n", flush=True)
            if done == chosen.first:
                break
            for fault in case.faults:
                faults.append(f"{case.target} {case.damage}: {fault}")
                print(f"  FAULT {faults[-1]}", flush=True)
    for step in STEPS:
        print(step, {kind: n for (at, kind), n in sorted(counts.items()) if at == step})
    print(f"{sum(counts.values()) // len(STEPS)} cases, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
