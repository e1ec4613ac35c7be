"""A disk that is full or may not be written to, under every verb that writes: what each says.

    python benchmarks/reliability/write_faults.py [--only WORD] [--fault full]

Needs the right to mount: each verb works on a copy of one lakehouse on a tmpfs that has no room
left, or that is mounted read-only. What it says is printed; the last release must answer then, no
word of an engine may be seen, and the verb, run again with room, must end as an unbroken run does.
Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.command_line import RAW
from testing.damage_matrix import make
from testing.house import House, answers
from testing.kills import Kills, prepare, state
from testing.power_cut.house import without_expectations

FAULTS = {"full": 0, "nearly full": 40, "read-only": 0}  # free KiB
_ROOM = "512m"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="Verbs with this word in their name.")
    parser.add_argument("--fault", choices=FAULTS, action="append", help="These alone.")
    parser.add_argument("--house", type=Path, help="Make the house there, or take it from there.")
    chosen = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch, without_expectations():
        place = chosen.house or Path(scratch) / "made"
        place.mkdir(parents=True, exist_ok=True)
        matrix = make(place)
        kills = Kills(matrix, Path(scratch))
        for verb in (verb for verb in kills.verbs if chosen.only in verb):
            for fault in chosen.fault or FAULTS:
                with _mounted(Path(scratch) / "disk") as disk:
                    told, found = _tried(kills, matrix.house, disk, verb, fault)
                wrong += len(found)
                print(f"{verb} | {fault} | {told[:220]}", flush=True)
                print(*(f"  WRONG {one}" for one in found), sep="\n", end="", flush=True)
    print(f"{wrong} wrong")
    return 1 if wrong else 0


def _tried(kills: Kills, made: House, disk: Path, verb: str, fault: str) -> tuple[str, list[str]]:
    """What the verb says under the fault, and what is wrong afterwards."""
    house = prepare(made.copied_to(disk / "house"))
    said = disk.parent / "said.txt"
    said.write_text("")
    _limit(disk, fault)
    process = kills.start(house, verb, str(said))
    process.join()
    code = process.exitcode
    told = said.read_text() or f"ended with {code} and said nothing"
    wrong = [told] if "RAW" in told or any(sign in told for sign in RAW) else []
    release = house.lake.releases("documents").latest()
    if release is None or not answers(house.lake.read(release), house.encoder):
        wrong.append("the last release does not answer")
    _mount(disk, f"remount,rw,size={_ROOM}")
    process = kills.start(house, verb)
    process.join()
    if state(house) not in kills.unbroken(verb)[1]:
        wrong.append("run again with room, it ends otherwise than an unbroken run")
    return f"[{code}] {told}", wrong


def _limit(disk: Path, fault: str) -> None:
    if fault == "read-only":
        _mount(disk, "remount,ro")
        return
    used = int(subprocess.check_output(["df", "--output=used", "-k", disk]).split()[-1])
    _mount(disk, f"remount,size={used + FAULTS[fault]}k")


@contextmanager
def _mounted(disk: Path) -> Iterator[Path]:
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def _mount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", options, disk], check=True)


if __name__ == "__main__":
    raise SystemExit(main())
