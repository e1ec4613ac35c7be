"""Do all month ends of a real corpus, in one lakehouse, answer as they did on their day?

    python benchmarks/reliability/as_of_corpus.py
    ALMANAC_EMBEDDER__PRECISION=bfloat16 python benchmarks/reliability/as_of_corpus.py --steps 6

Each date of `corpus_a_fastapi` is published by the nightly flow, and that day's known items (its
headings as questions) are asked by vector, by text and hybrid; hits, ids and scores are recorded,
and no hit may come from a document that the tree of the day does not have. Then every date is asked
again: after all nights; after retention let half of the releases go and compacted; after the whole
LanceDB directory was deleted and every open release rebuilt from Delta; and with the releases that
were let go opened again. Exits 1 where one answer differs in an id or in a bit of a score.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from almanac.embedding.factory import open_encoder
from almanac.releases import retention
from almanac.releases.heal import heal
from almanac.releases.restore import restore
from almanac.releases.verify import verify
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import ReleaseNotOpen
from schemas.settings import RetentionSettings, Settings, load_settings
from schemas.times import parse_when
from testing import dated_corpus

Answers = list[tuple[Any, ...]]
Vectors = Mapping[str, NDArray[np.float32]]


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        walk = _Walk(arguments, arguments.folder or Path(scratch))
        steps = list(walk.steps())
    if arguments.json:
        print(json.dumps({"dates": walk.dates, "steps": steps}))
    return 1 if any(step["different"] or step["strangers"] for step in steps) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", default="corpus_a_fastapi")
    parser.add_argument("--data", type=Path, default=dated_corpus.SHARED)
    parser.add_argument("--folder", type=Path, help="keep the lakehouse here")
    parser.add_argument("--steps", type=int, help="only the first so many dates")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class _Walk:
    """The lakehouse, what was asked on each date and what came back then."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self._arguments = arguments
        self._folder = folder
        self._corpus = arguments.data / arguments.corpus
        self._layer: ModuleType = dated_corpus.load(arguments.data / "materialise.py")
        items = (self._corpus / "known_items.jsonl").read_text(encoding="utf-8")
        self._items = [json.loads(line) for line in items.splitlines()]
        oracle = json.loads((self._corpus / "changes.dates.json").read_text())["dates"]
        self._days = [one["date"] for one in oracle[: arguments.steps]]
        self._recorded: dict[str, Answers] = {}
        self.dates: list[dict[str, Any]] = []

    @property
    def lake(self) -> Lakehouse:
        return open_lakehouse(str(self._folder / "lake"))

    def steps(self) -> Any:
        vectors = self._encoded()
        began = time.perf_counter()
        strangers = sum(self._publish(day, vectors) for day in self._days)
        yield self._said("recorded", {}, strangers, time.perf_counter() - began)

        def again(what: str, work: Callable[[], object]) -> dict[str, Any]:
            began = time.perf_counter()
            work()
            seconds = time.perf_counter() - began
            return self._said(what, self._ask_all(vectors), 0, seconds)

        settings = self._settings()
        yield again("after all nights", lambda: None)
        yield again(
            "retention let half go", lambda: retention.apply(settings, parse_when(self._days[-1]))
        )
        yield again("Lance deleted, rebuilt from Delta", lambda: self._rebuild(settings))
        yield again("the others opened again", lambda: self._reopen(settings))
        report = verify(self.lake, self.lake.releases("documents").history())
        if not report["ok"]:
            sys.exit(f"verify: {report['findings'][:5]}")

    def _settings(self) -> Settings:
        policy = RetentionSettings(
            keep_last=len(self._days) - len(self._days) // 2,
            daily=0,
            weekly=0,
            monthly=0,
            yearly=0,
            grace_minutes=0,
        )
        return load_settings(lakehouse=str(self._folder / "lake"), retention=policy)

    def _rebuild(self, settings: Settings) -> None:
        shutil.rmtree(self._folder / "lake" / "lance")
        left = heal(settings)
        if left["findings"] or left["embedded"]:
            sys.exit(f"heal: {left['embedded']} embedded, {left['findings'][:3]}")

    def _reopen(self, settings: Settings) -> None:
        for release in self.lake.releases("documents").history():
            if release.tier == "cold":
                restore(settings, release.seq, "reopen")

    def _encoded(self) -> Vectors:
        texts = sorted({item["text"] for day in self._days for item in self._of(day)})
        encoder = open_encoder(load_settings().embedder)
        return dict(zip(texts, encoder.encode_queries(texts), strict=True))

    def _of(self, day: str) -> list[dict[str, Any]]:
        return [
            item
            for item in self._items
            if any(first <= day <= last for first, last in item["dates"])
        ]

    def _publish(self, day: str, vectors: Vectors) -> int:
        """Publish a date and record its answers; how many hits are of no document of its tree."""
        dated_corpus.lay_out(self._layer, self._corpus, "changes", day, self._folder / "docs")
        report = dated_corpus.night(self._folder, day)
        answers = self._recorded[day] = self._ask(day, vectors)
        tree = set(self._layer.state_at(str(self._corpus), "changes", day))
        hits = [[hit for hit in answer] for answer in answers]
        found = [
            item["path"] in {hit[1] for hit in answer}
            for item, answer in zip(self._of(day) * 3, hits, strict=True)
        ]
        third = len(found) // 3
        shares = [round(sum(found[at : at + third]) / third, 3) for at in (0, third, 2 * third)]
        row = {
            "date": day,
            "release": report["release"],
            "rows": report["chunks"]["total"],
            "questions": third,
            "recall@10 vector, text, hybrid": shares,
        }
        self.dates.append(row)
        if not self._arguments.json:
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
        return sum(hit[1] not in tree for answer in hits for hit in answer)

    def _ask(self, day: str, vectors: Vectors) -> Answers:
        index = self.lake.as_of(day).index
        texts = [item["text"] for item in self._of(day)]
        found = [index.vector(vectors[text], 10) for text in texts]
        found += [index.text(text, 10) for text in texts]
        found += [index.hybrid(text, vectors[text], 10) for text in texts]
        return [tuple((hit.chunk_id, hit.doc_id, hit.score) for hit in hits) for hits in found]

    def _ask_all(self, vectors: Vectors) -> dict[str, Answers | None]:
        """Answers of each date, None where its release is not open."""
        found: dict[str, Answers | None] = {}
        for day in self._days:
            try:
                found[day] = self._ask(day, vectors)
            except ReleaseNotOpen:
                found[day] = None
        return found

    def _said(
        self, what: str, found: Mapping[str, Answers | None], strangers: int, seconds: float
    ) -> dict[str, Any]:
        asked = {day: answers for day, answers in found.items() if answers is not None}
        step = {
            "step": what,
            "dates": len(asked) or len(self._days),
            "not open": len(found) - len(asked),
            "answers": sum(map(len, asked.values())) or sum(map(len, self._recorded.values())),
            "different": sum(_differences(self._recorded[day], asked[day]) for day in asked),
            "strangers": strangers,
            "seconds": round(seconds, 1),
        }
        if not self._arguments.json:
            print("  ".join(f"{name} {value}" for name, value in step.items()), flush=True)
        return step


def _differences(recorded: Sequence[Any], found: Sequence[Any]) -> int:
    return sum(one != other for one, other in zip(recorded, found, strict=True))


if __name__ == "__main__":
    sys.exit(main())
