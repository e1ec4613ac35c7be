"""Many cuts through one recorded run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testing.power_cut.house import PHASES, Expected, Fact, check, without_expectations
from testing.power_cut.images import LOSSES, Disk
from testing.power_cut.recording import Operation, record


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut: after how many operations, in which phase, what was lost, what is wrong then."""

    at: int
    phase: str
    loss: str
    faults: Sequence[str]


class Cuts:
    """The recording of `house.run_all`, and images of it."""

    def __init__(
        self, root: Path, durability: str = "full", phases: Sequence[str] = PHASES
    ) -> None:
        self._root = root
        os.environ["ALMANAC_DURABILITY"] = durability
        command = [sys.executable, "-m", "testing.power_cut.house", str(root), *phases]
        self.operations = record(command, root / "house" / "lake", root / "strace.log")
        facts = json.loads((root / "facts.json").read_text(encoding="utf-8"))
        self._facts = [{int(seq): tuple(fact) for seq, fact in one.items()} for one in facts]

    def check(
        self, count: int, losses: Sequence[str] = tuple(LOSSES), first: int = 0
    ) -> Iterator[Cut]:
        """Check that many cuts, evenly over the operations, each with the next of the losses.

        Args:
            first: cuts before this one are left out, as they were checked already.
        """
        disk, before = Disk(), 0
        points = [round((at + 1) * len(self.operations) / count) for at in range(count)]
        with without_expectations():
            for number, point in enumerate(points):
                disk.apply(self.operations[before:point])
                before = point
                if number < first:
                    continue
                loss = losses[number % len(losses)]
                image = self._root / "image"
                disk.write_image(loss, image / "lake", seed=number)
                expected = self._expected(self.operations[:point])
                documents = self._root / "docs" / expected.phase
                yield Cut(point, expected.phase, loss, _faults(image, documents, expected))

    def _expected(self, done: Sequence[Operation]) -> Expected:
        marks = [one.target for one in done if one.name == "mark"]
        phases = [one.removeprefix("phase ") for one in marks if one.startswith("phase ")]
        announced = [int(one.split()[1]) for one in marks if one.startswith("published ")]
        phase = phases[-1] if phases else PHASES[0]
        at = PHASES.index(phase)
        facts: dict[int, set[Fact]] = {}
        for known in self._facts[max(at - 1, 0) : at + 1]:
            for seq, fact in known.items():
                facts.setdefault(seq, set()).add(fact)
        return Expected(phase, tuple(announced), facts)


def _faults(image: Path, documents: Path, expected: Expected) -> Sequence[str]:
    """What `check` says; an error that it did not foresee is a fault like others."""
    try:
        return check(image, documents, expected)
    except Exception as error:  # noqa: BLE001 (the point is to find what nobody foresaw)
        return [f"raw error: {type(error).__name__}: {str(error)[:300]}"]
