"""The run that is recorded, and what must hold of every image of it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from traceback import extract_tb
from typing import Any
from unittest.mock import patch

from almanac.ingest import chunk, compare, embed, index, ingest, publish, snapshot, source_reading
from almanac.ingest.models import Models
from almanac.ingest.run import begin_run
from almanac.releases.doctor import doctor
from almanac.releases.erase import Subject, erase
from almanac.releases.heal import heal
from almanac.releases.retention import apply
from almanac.releases.verify import verify
from expectations.runner import Validation
from lakehouse.probes import ask_probes
from lakehouse.releases import Release
from schemas.errors import AlmanacError, RunRefused
from testing.house import FIRST_NIGHT, House
from testing.power_cut.recording import mark

PHASES = ("first night", "changed night", "retention", "heal", "erase")
_ERASED = "mail.md"
Fact = tuple[int, int, str]  # documents, rows and digest of a release


def night(house: House, at: datetime) -> Release | None:
    """One night; None where nothing had changed."""
    settings = house.settings
    run, models = begin_run(settings, at, f"night-{at:%Y-%m-%d}"), Models(settings)
    encoder = house.encoder
    models.__dict__ |= {"embedder": encoder.identity, "encoder": encoder, "tokens": encoder}
    with run.lake.lease(run.run_id, "nightly run", 90.0, 0.0) as lease:
        snapshot.recover(run)
        state = run.lake.documents.state(run.releases.last_snapshot())
        found = ingest.ingest(run, state)
        ingest.quarantine(run, found)
        change = snapshot.plan_index(
            run, models, snapshot.store_changes(run, compare.Changes(state, found))
        )
        if index.is_current(run, models, change, run.releases.latest()):
            return None
        chunk.store_chunks(run, models, change.taken.values())
        embed.store_vectors(run, models, change.taken.values(), lambda done, total: None)
        written = index.write_index(run, models, change)
        draft = publish.tag_release(run, models, written)
        probes = ask_probes(run.lake.read(draft))
        publish.verify_release(run, written, draft, probes)
        placed = publish.publish(run, draft, lease, probes)
        run.lake.files.record(found.read, found.gone)
    return placed


@contextmanager
def without_expectations() -> Iterator[None]:
    """Leave Great Expectations out, which is most of a small night's time."""

    def sound(*_: object) -> Validation:
        return Validation((), ())

    with (
        patch.object(source_reading, "validate", sound),
        patch.object(chunk, "validate", sound),
        patch.object(publish, "validate", sound),
    ):
        yield


def run_all(root: Path, phases: Sequence[str] = PHASES) -> None:
    """These phases, one after the other; facts and the folder of documents after each are kept."""
    house = House(root / "house")
    house.keep(keep_last=2)
    for at in range(1, 6):
        house.put(f"guide-{at}", f"Guide {at} says where passage one is.", "Passage two.")
    house.put("mail", "Open the settings and add the mail account.")
    history: list[dict[str, Any]] = []
    for phase in phases:
        mark(f"phase {phase}")
        for day in _days(phase):
            _change(house, day)
            _keep_documents(root, house, phase)
            published = night(house, FIRST_NIGHT + timedelta(days=day))
            mark(f"published {published.seq if published else 0}")
        _maintain(house, phase)
        mark(f"done {phase}")
        _keep_documents(root, house, phase)
        history.append({str(one.seq): (one.documents, one.rows, one.digest)
                        for one in house.releases})  # fmt: skip
    (root / "facts.json").write_text(json.dumps(history), encoding="utf-8")


def _days(phase: str) -> range:
    return {"first night": range(1), "changed night": range(1, 3)}.get(phase, range(0))


def _change(house: House, day: int) -> None:
    if day:
        house.put("guide-1", f"Guide 1 says another thing on day {day}.", "Passage two.")
        house.put(f"new-{day}", f"What came on day {day}.")


def _maintain(house: House, phase: str) -> None:
    if phase == "retention":
        apply(house.settings, FIRST_NIGHT + timedelta(days=3))
    elif phase == "heal":
        newest = house.releases[0]
        next(house.path(f"lance/{newest.lance_table}.lance/data").iterdir()).unlink()
        heal(house.settings)
    elif phase == "erase":
        (house.docs / _ERASED).unlink()
        erase(house.settings, Subject(doc_id=_ERASED, source="documents"))


def _keep_documents(root: Path, house: House, phase: str) -> None:
    shutil.copytree(house.docs, root / "docs" / phase, dirs_exist_ok=True)
    for path in (root / "docs" / phase).iterdir():
        if not (house.docs / path.name).exists():
            path.unlink()


@dataclass(frozen=True, slots=True)
class Expected:
    """What holds at a cut: releases that were announced, and what each may be by then."""

    phase: str
    announced: tuple[int, ...]
    facts: dict[int, set[Fact]]


def check(image: Path, documents: Path, expected: Expected) -> list[str]:
    """Open, look, heal and run a night on an image; each thing that is not as it must be."""
    shutil.rmtree(image / "docs", ignore_errors=True)
    shutil.copytree(documents, image / "docs")
    house = House(image)
    house.keep(keep_last=9)
    try:
        # Before the first release there is nothing to read, and a reader may be told so.
        at_once = _opened(house, expected, "at once") if expected.announced else ()
        return [*at_once, *_mended(house, expected)]
    except AlmanacError as error:
        frames = [one for one in extract_tb(error.__traceback__) if one.filename == __file__]
        return [f"needs a hand: {frames[-1].line}: {error}"]


def _opened(house: House, expected: Expected, when: str) -> Iterator[str]:
    there = {one.seq: one for one in house.releases}
    for seq in expected.announced:
        if seq not in there:
            yield f"{when}: release {seq} is lost"
        elif (there[seq].documents, there[seq].rows, there[seq].digest) not in expected.facts[seq]:
            yield f"{when}: release {seq} is another"
    newest = max(there.values(), key=lambda one: one.seq, default=None)
    if newest and newest.tier == "hot" and expected.phase not in ("heal", "erase"):
        found = house.lake.read(newest).read_back()
        if (found.rows, found.digest) != (newest.rows, newest.digest):
            yield f"{when}: release {newest.seq} gives wrong rows"


def _mended(house: House, expected: Expected) -> Iterator[str]:
    doctor(house.lake, "documents")
    try:
        healed = heal(house.settings)
    except RunRefused:  # an erasure was under way
        erase(house.settings, Subject(doc_id=_ERASED, source="documents"))
        healed = heal(house.settings)
    yield from (f"after heal: {one.kind} {one.where}: {one.reason}" for one in healed["findings"])
    yield from _opened(house, expected, "after heal")
    house.put("after", "What came after the power was back.")
    used = {one.seq for one in house.releases}
    placed = night(house, FIRST_NIGHT + timedelta(days=30))
    if placed is None or placed.seq in used or placed.seq <= max(expected.announced, default=0):
        yield f"the next night published {placed.seq if placed else 'nothing'}"
    state = house.lake.documents.state(house.releases[0].snapshot_seq)
    files = {path.name for path in house.docs.iterdir()}
    if {doc_id for _, doc_id in state} != files:
        yield "the next night holds other documents than the folder"
    result = verify(house.lake, house.releases)
    yield from (f"verify: {one.kind} {one.where}: {one.reason}" for one in result["findings"])


if __name__ == "__main__":
    with without_expectations():
        run_all(Path(sys.argv[1]), sys.argv[2:] or PHASES)
