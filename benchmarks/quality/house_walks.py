"""How far one value travels through the code: `as_of` of a night, a dislike to its verdict.

    python benchmarks/quality/house_walks.py [--tree CHECKOUT]

Both flows run for real in a temporary folder, on one document and one disliked answer. Noted is
each function in which a local variable, or an attribute that it reads, holds the value, in the
order of the calls; `schemas` is left out. A climb is a step from a function to one of a higher
floor: lakehouse and expectations, below the packages of the product, below tasks, below flows.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

AS_OF = datetime(2026, 3, 3, 4, 5, 6, tzinfo=UTC)
REQUEST = "request-of-the-walk"
TOPS = ("flows", "tasks", "almanac", "lakehouse", "expectations")
ROW: dict[str, Any] = {
    "request_id": REQUEST,
    "asked_at": "2026-03-04T00:00:00Z",
    "user_id": "ann",
    "question": "Who approves travel?",
    "response": "Nobody approves travel at all.",
    "context": ["The head of the department approves travel."],
    "correction": "The head of the department approves it.",
    "rating": -1,
}


class Step(NamedTuple):
    """A function that has the value in hand; `order` counts all calls."""

    order: int
    module: str
    function: str

    @property
    def package(self) -> str:
        """`flows`, `tasks`, `almanac.ingest`, ...; in older trees `tasks.stages` and the like."""
        parts = self.module.split(".")
        return ".".join(parts[:2]) if parts[0] == "almanac" or len(parts) > 2 else parts[0]

    @property
    def floor(self) -> int:
        """0 of the lowest packages, 3 of flows."""
        return {"flows": 3, "tasks": 2}.get(self.package, 1 if "." in self.package else 0)


class Walk:
    """Traces the functions of the product that have a value in hand."""

    def __init__(self, holds: Callable[[Any], bool]) -> None:
        self._holds = holds
        self._calls = 0
        self._entered: dict[int, int] = {}
        self.steps: set[Step] = set()

    def __enter__(self) -> Walk:
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        module, code = str(frame.f_globals.get("__name__", "")), frame.f_code
        if event not in ("call", "return") or module.partition(".")[0] not in TOPS:
            return
        if code.co_name.startswith("<"):
            return
        is_generator = bool(code.co_flags & inspect.CO_GENERATOR)
        if event == "call":
            self._calls += 1
            if not is_generator or id(frame) not in self._entered:  # else it goes on
                self._entered[id(frame)] = self._calls
            return
        values = frame.f_locals.values()
        if any(self._holds(value) or self._reads(value, code.co_names) for value in values):
            order = self._entered.get(id(frame), self._calls)
            self.steps.add(Step(order, module, code.co_qualname))

    def _reads(self, value: object, names: tuple[str, ...]) -> bool:
        if not type(value).__module__.startswith((*TOPS, "schemas")):
            return False
        held = {*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())}
        return any(self._holds(getattr(value, name, None)) for name in held & set(names))

    def until(self, module: str, function: str = "") -> str:
        """The figures of the walk up to the first step in a module, or in one function of it."""
        walk: list[Step] = []
        for step in sorted(self.steps):
            walk.append(step)
            if step.module.startswith(module) and step.function.endswith(function):
                break
        packages = list(dict.fromkeys(step.package for step in walk))
        climbs = sum(after.floor > before.floor for before, after in pairwise(walk))
        modules = len({step.module for step in walk})
        names = ", ".join(packages)
        return f"{len(packages)} packages ({names}), {modules} modules, {climbs} climbs"


def main() -> None:
    """Print the figures of both walks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=Path(__file__).resolve().parents[2])
    tree = parser.parse_args().tree.resolve()
    sys.path.insert(0, str(tree))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["PREFECT_HOME"] = f"{folder}/prefect"
        Path("docs").mkdir()
        Path("docs/travel.md").write_text("# Travel\n\n" + ROW["context"][0])
        Path("log.jsonl").write_text(json.dumps(ROW) + "\n")
        from flows.feedback import feedback
        from flows.nightly import nightly

        with Walk(lambda value: type(value) is datetime and value == AS_OF) as walk:
            nightly(source="docs", as_of=AS_OF, lakehouse="lake")
        print("as_of, to the lakehouse:", walk.until("lakehouse"))
        print("as_of, to the record of the run:", walk.until("lakehouse.runs", "append"))
        with Walk(_is_dislike) as walk:
            feedback(log="log.jsonl", lakehouse="lake")
        print("a dislike, to its verdict:", walk.until("none"))


def _is_dislike(value: Any) -> bool:
    if isinstance(value, str):
        return value == REQUEST
    if not type(value).__module__.startswith((*TOPS, "schemas")):
        return False
    held = getattr(value, "request", value)
    return str(getattr(held, "request_id", "")) == REQUEST


if __name__ == "__main__":
    main()
