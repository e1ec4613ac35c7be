"""Verbs that write, killed at any moment, run again, and held against runs that were not."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import lance
import pyarrow.parquet as pq

from schemas.errors import AlmanacError
from schemas.tables import TABLES
from testing.command_line import almanac
from testing.damage_matrix import Matrix
from testing.house import FIRST_NIGHT, House, answers, night
from testing.power_cut.house import without_expectations
from testing.verbs import writing

NIGHT = "nightly"
# Who wrote, when and under which number differs from run to run, as do the files of it.
_OWN = ("lease", "runs", "source_files", "sealed_files", "placements")
_NAMES = {
    "at", "run_id", "ordinal", "asked_at", "published_at", "logical_time", "rollout", "receipt",
    "created_at", "updated_at", "first_seen", "last_seen", "read_at", "lance_version", "lance_tag",
    "lance_table", "seal", "made_by", "version", "spec", "note", "subject", "gate_id",
    "fingerprint",
    "stamp", "uri", "path",
    "resolved", "reason", "evidence", "seq", "report",
}  # fmt: skip
_CONTEXT = multiprocessing.get_context("forkserver")
_LOADED = ["almanac.cli.app", "testing.command_line", "testing.kills"]


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill: of which verb, after how many seconds, and what was wrong then."""

    verb: str
    after: float
    faults: tuple[str, ...]


def prepare(house: House) -> House:
    """Let documents change, so that a night has something to do."""
    house.put("printer", "The printer on the new floor wants no badge.")
    house.put("late", "What came in the night that was killed.")
    return house


class Kills:
    """Kills of the verbs of `testing.verbs` and of a night, each on a copy of one full house."""

    def __init__(self, matrix: Matrix, scratch: Path, seed: int = 0) -> None:
        self._matrix, self._scratch = matrix, scratch
        self._chance = random.Random(seed)
        self._whole: dict[str, tuple[float, list[str]]] = {}
        _CONTEXT.set_forkserver_preload(_LOADED)

    @property
    def verbs(self) -> list[str]:
        """All that can be killed; those that another one must come before are left out."""
        later = ("withdraw", "rollout start", "assistant rollback", "adapters rollback", "doctor")
        return [
            NIGHT,
            *(v for v in writing(self._matrix.names) if v not in (*later, "lease break")),
        ]

    def shuffled(self, verbs: list[str]) -> list[str]:
        """In an order by chance, so that a part of the kills is of all verbs."""
        return self._chance.sample(verbs, len(verbs))

    def kill(self, verb: str) -> Killed | None:
        """Kill one run of a verb at random; None where it had ended before."""
        seconds, ends = self.unbroken(verb)
        house = prepare(self._matrix.house.copied_to(self._scratch / "killed"))
        after = self._chance.uniform(0.01, seconds)
        process = self.start(house, verb)
        time.sleep(after)
        ended = not process.is_alive()
        process.kill()
        process.join()
        try:
            return None if ended else Killed(verb, after, tuple(self._faults(house, verb, ends)))
        finally:
            shutil.rmtree(house.root)

    def _faults(self, house: House, verb: str, ends: list[str]) -> Iterator[str]:
        release = house.lake.releases("documents").latest()
        if release is None:
            yield "no release answers"
        elif not answers(house.lake.read(release), house.encoder):
            yield f"release {release.seq} gives no answer"
        process = self.start(house, verb)
        process.join()
        if process.exitcode not in (0, 1):
            yield f"run again, it ended with {process.exitcode}"
        if (found := state(house)) not in ends:
            other = sorted(set(found.split()) - set(ends[0].split()))
            yield f"the end is another than that of an unbroken run: {other}"
        if verb == "erase":
            yield from (f"{one} still tells it" for one in told_in(house, "Person 2 likes"))

    def unbroken(self, verb: str) -> tuple[float, list[str]]:
        """Seconds of an unbroken run, and what a run, and one that is run twice, leave."""
        if verb not in self._whole:
            house = prepare(self._matrix.house.copied_to(self._scratch / "whole"))
            seconds, ends = 0.0, []
            for _ in range(2):
                process = self.start(house, verb)
                began = time.monotonic()
                process.join()
                seconds = max(seconds, time.monotonic() - began)
                ends.append(state(house))
            shutil.rmtree(house.root)
            self._whole[verb] = (seconds, ends)
        return self._whole[verb]

    def start(self, house: House, verb: str, said: str = "") -> Any:
        """Begin a verb in a process of its own; see `run_verb`."""
        arguments = (str(house.root), verb, writing(self._matrix.names).get(verb, ()), said)
        process = _CONTEXT.Process(target=run_verb, args=arguments)
        process.start()
        return process


def run_verb(root: str, verb: str, arguments: tuple[str, ...], said: str = "") -> None:
    """Run a verb, or a night, in a house, and end with its exit code; its words go to `said`."""
    house = House(Path(root))
    house.keep(keep_last=3)
    if verb == NIGHT:
        code, words = _night(house)
    else:
        done = almanac(house, *verb.split(), *arguments)
        code, words = done.code, ("RAW " if done.raw else "") + done.said
    if said:
        Path(said).write_text(words, encoding="utf-8")
    raise SystemExit(code)


def _night(house: House) -> tuple[int, str]:
    at = FIRST_NIGHT + timedelta(days=20)
    try:
        with without_expectations():
            if house.releases[0].logical_time != at:
                night(house.settings, at, house.encoder, wait=5.0)
    except AlmanacError as error:
        return 1, str(error)
    except BaseException as error:  # noqa: BLE001  (panics of native code are no Exception)
        return 1, f"RAW {type(error).__name__}: {error}"
    return 0, "published"


def state(house: House) -> str:
    """A hash over all rows that do not say who wrote when, and over the rows of each release."""
    found: dict[str, list[str]] = {}
    for name in (one for one in TABLES if one not in _OWN):
        rows = house.lake.delta(name).read().to_pylist()
        plain = ({k: repr(v) for k, v in row.items() if k not in _NAMES} for row in rows)
        found[name] = sorted({json.dumps(row, sort_keys=True) for row in plain})
    found["answers"] = [house.releases[0].digest]
    return " ".join(
        f"{name}:{sha256(json.dumps(rows).encode()).hexdigest()[:6]}"
        for name, rows in found.items()
    )


def told_in(house: House, words: str) -> list[str]:
    """Files of a lakehouse that hold these words, as bytes or in what is packed in them."""
    root = Path(house.settings.lakehouse)
    found = [
        str(file.relative_to(root))
        for file in sorted(root.rglob("*"))
        if file.is_file() and words.encode() in file.read_bytes()
    ]
    for file in root.rglob("*.parquet"):
        if words in repr(pq.read_table(file).to_pylist()):
            found.append(str(file.relative_to(root)))
    for folder in root.glob("lance/*.lance"):
        for version in lance.dataset(str(folder)).versions():
            table = lance.dataset(str(folder), version=version["version"]).to_table(["text"])
            if words in repr(table.to_pylist()):
                found.append(f"{folder.name}, version {version['version']}")
    return found
