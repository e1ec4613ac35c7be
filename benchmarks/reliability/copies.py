"""Lakehouses that were copied while a night ran, and those of which half is from an older backup.

    python benchmarks/reliability/copies.py --copies 10

What reading, verify, doctor, a night, healing and the night after it say of each. Exit code 1 with
a word of an engine, or where a night fails after all was said to be sound.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.damage_matrix import Case, Matrix, make
from testing.house import House
from testing.kills import NIGHT, Kills, prepare
from testing.power_cut.house import without_expectations

_HALVES = {
    "delta of an older backup": ("delta",),
    "lance of an older backup": ("lance",),
    "a table of an older backup: releases": ("delta/releases",),
    "a table of an older backup: placements": ("delta/placements",),
    "a table of an older backup: sealed_files": ("delta/sealed_files",),
    "a table of an older backup: document_changes": ("delta/document_changes",),
    "a table of an older backup: requests": ("delta/requests",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=10, help="While a night runs.")
    parser.add_argument("--house", type=Path, help="Make the house there, or take it from there.")
    chosen = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as scratch, without_expectations():
        place = chosen.house or Path(scratch) / "made"
        place.mkdir(parents=True, exist_ok=True)
        matrix = make(place)
        for name, house in _houses(matrix, Path(scratch), chosen.copies):
            case = Case(name, "", "", tuple(matrix.steps(house)))
            print(f"{name}: " + " ".join(f"{one.step}={one.kind}" for one in case.told), flush=True)
            for said in sorted({one.said for one in case.told if one.kind == "refused"}):
                print(f"  refused: {said[:220]}", flush=True)
            for fault in case.faults:
                faults += 1
                print(f"  FAULT {fault}", flush=True)
            shutil.rmtree(house.root)
    print(f"{faults} faults")
    return 1 if faults else 0


def _houses(matrix: Matrix, scratch: Path, copies: int) -> Iterator[tuple[str, House]]:
    for name, parts in _HALVES.items():
        house = matrix.house.copied_to(scratch / "half")
        for part in parts:
            shutil.rmtree(house.path(part))
            shutil.copytree(matrix.older / part, house.path(part))
        yield name, house
    kills = Kills(matrix, scratch)
    seconds, _ = kills.unbroken(NIGHT)
    for at in range(copies):
        running = prepare(matrix.house.copied_to(scratch / "running"))
        process = kills.start(running, NIGHT)
        after = random.Random(at).uniform(0.1, 0.9) * seconds
        time.sleep(after)
        copy = scratch / "copy"
        shutil.copytree(running.root, copy, ignore_dangling_symlinks=True, copy_function=_copy)
        process.join()
        shutil.rmtree(running.root)
        house = House(copy)
        house.keep(keep_last=3)
        house.configure(durability="none")
        yield f"copied {after:.1f} s into a night of {seconds:.1f} s", house


def _copy(source: str, target: str) -> None:
    """A file that goes meanwhile is not copied."""
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return


if __name__ == "__main__":
    raise SystemExit(main())
