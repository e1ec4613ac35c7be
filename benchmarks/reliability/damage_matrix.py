"""Damage each kind of file of a lakehouse in each way, and see what every verb says.

    python benchmarks/reliability/damage_matrix.py [--only WORD] [--damage D] [--first N]

Prints a line a case, then what was told by step, and each fault: words of an engine that reach a
user, and a night that fails after verify and doctor, or heal, said that all is well. Exit code 1
with any fault.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.damage_matrix import STEPS, make
from testing.power_cut.house import without_expectations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="Targets with this word in their name.")
    parser.add_argument("--first", type=int, default=0, help="So many cases, in a random order.")
    parser.add_argument("--house", type=Path, help="Make the house there, or take it from there.")
    parser.add_argument("--log", type=Path, help="Keep each case there, and leave out those in it.")
    parser.add_argument("--damage", default="", help="Damages with this word in their name.")
    parser.add_argument("--quick", action="store_true", help="Leave out the verbs that store.")
    chosen = parser.parse_args()
    kept = chosen.log.read_text("utf-8").splitlines() if chosen.log and chosen.log.exists() else []
    cases = [json.loads(line) for line in kept]
    before = {(one["target"], one["damage"]) for one in cases}

    def wanted(target: str, damage: str) -> bool:
        named = chosen.only in target and chosen.damage in damage
        return named and (target, damage) not in before

    with tempfile.TemporaryDirectory() as scratch, without_expectations():
        place = chosen.house or Path(scratch)
        place.mkdir(parents=True, exist_ok=True)
        matrix = make(place)
        for done, case in enumerate(matrix.run(Path(scratch), wanted, quick=chosen.quick), 1):
            cases.append(plain := asdict(case) | {"faults": case.faults})
            _show(plain)
            if chosen.log:
                with chosen.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(plain) + "\n")
            if done == chosen.first:
                break
    return _sum(cases)


def _show(case: dict[str, Any]) -> None:
    said = " ".join(f"{told['step']}={told['kind']}" for told in case["told"])
    print(f"{case['target']} {case['damage']}: {said}", flush=True)
    for said in sorted({told["said"] for told in case["told"] if told["kind"] == "refused"}):
        print(f"  refused: {said}", flush=True)
    for fault in case["faults"]:
        print(f"  FAULT {fault}", flush=True)


def _sum(cases: list[dict[str, Any]]) -> int:
    """Print what was told by step; the exit code."""
    counts = Counter((told["step"], told["kind"]) for case in cases for told in case["told"])
    for step in STEPS:
        print(step, {kind: n for (at, kind), n in sorted(counts.items()) if at == step})
    faults = sum(len(case["faults"]) for case in cases)
    print(f"{len(cases)} cases, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
