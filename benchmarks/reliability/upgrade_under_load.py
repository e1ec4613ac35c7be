"""Change the embedding model while others search: no failed answer, no mixed one, no worse one.

    python benchmarks/reliability/upgrade_under_load.py

The English passages of `xquad_en_ru` are published with the English model. While a process of its
own asks question after question, each time of what answers at that moment, the nightly flow runs
with a model whose vectors are shuffled (it must be refused), then with the multilingual one (it may
be published), and a restore goes back. Afterwards every answer that was given is held against what
the release that it names answers as of then. Exits 1 at one failed or different answer, or where
the shuffled model was published.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from almanac.embedding import factory
from almanac.releases.restore import restore
from almanac.retrieval.search import Searcher
from lakehouse import open_lakehouse
from schemas.errors import RunRefused
from schemas.settings import load_settings
from testing import retrieval_sets

_CONFIG = """
lakehouse = "lake"
[sources.documents]
uri = "corpus.jsonl"
columns = {{ id = "id", title = "title", text = "text" }}
[embedder]
model = "{model}"
[upgrade]
questions = "golden.jsonl"
"""
_QUESTIONS = 40


def main() -> int:
    arguments = _arguments()
    if arguments.ask:
        return _ask_for_ever(arguments.ask)
    with tempfile.TemporaryDirectory() as scratch:
        result = _run(arguments, Path(scratch))
    print(
        json.dumps(result)
        if arguments.json
        else "\n".join(f"{name}: {value}" for name, value in result.items())
    )
    wrong = result["failed answers"] + result["answers of no release"]
    return 1 if wrong or not result["shuffled model refused"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=retrieval_sets.SHARED)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    _lay_out(arguments.data / "retrieval" / "xquad_en_ru", folder)
    config = folder / "almanac.toml"
    _nightly(config, "english")
    with _asking(folder) as log:
        with _shuffled():
            try:
                _nightly(config, "shuffled")
                refused = ""
            except RunRefused as error:
                refused = str(error)
        upgraded = _nightly(config, "multilingual")
        time.sleep(10)
        restore(load_settings(config), 1, "publish", reason="benchmark")
        time.sleep(5)
    return _held_against(config, log) | {
        "shuffled model refused": refused.partition(": ")[2].partition(". Try")[0],
        "multilingual model published": upgraded["published"],
    }


def _nightly(config: Path, model: str) -> dict[str, Any]:
    from flows.nightly import nightly

    config.write_text(_CONFIG.format(model=model), encoding="utf-8")
    return nightly(config=str(config))


def _lay_out(data: Path, folder: Path) -> None:
    retrieval_sets.copy_rows(data / "corpus.jsonl", folder / "corpus.jsonl", "en")
    retrieval_sets.copy_rows(data / "queries.jsonl", folder / "queries.jsonl", "en")
    relevant = retrieval_sets.relevant_documents(data / "qrels.tsv")
    lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    golden = [
        json.dumps({"id": row["id"], "text": row["text"], "relevant": sorted(relevant[row["id"]])})
        for row in map(json.loads, lines)
        if relevant[row["id"]]
    ]
    (folder / "golden.jsonl").write_text("\n".join(golden), encoding="utf-8")


@contextmanager
def _asking(folder: Path) -> Iterator[Path]:
    """Questions without a pause from another process; yields the file of what it got."""
    log = folder / "answers.jsonl"
    command = [sys.executable, __file__, "--ask", str(folder)]
    process = subprocess.Popen(command, env=os.environ | {"ALMANAC_EMBEDDER__MODEL": "english"})
    try:
        while not log.exists() and process.poll() is None:
            time.sleep(0.2)
        yield log
    finally:
        process.terminate()
        process.wait()


def _ask_for_ever(folder: Path) -> int:
    """Each round opens what answers now, with the model that it names, and asks one question."""
    questions = [row["text"] for row in _golden(folder)[:_QUESTIONS]]
    settings = load_settings(folder / "almanac.toml")
    encoders: dict[str, Any] = {}
    number = 0
    with (folder / "answers.jsonl").open("a", encoding="utf-8") as log:
        while True:
            question = questions[number % len(questions)]
            number += 1
            try:
                searcher = Searcher(settings)
                key = searcher.release.embedder
                if key in encoders:
                    searcher.encoder = encoders[key]
                encoders[key] = searcher.encoder
                hits = searcher.search([question], 10, "hybrid")[0]
                row = {
                    "question": question,
                    "release": searcher.release.seq,
                    "hits": [[hit.chunk_id, hit.score] for hit in hits],
                }
            except Exception as error:  # noqa: BLE001 (a failure of any kind is what is counted)
                row = {"question": question, "failed": f"{type(error).__name__}: {error}"}
            log.write(json.dumps(row) + "\n")
            log.flush()


def _held_against(config: Path, log: Path) -> dict[str, Any]:
    """Every answer against what its release answers as of then."""
    rows = []
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue  # cut off when the asking process ended
    answered: dict[int, dict[str, Any]] = defaultdict(dict)
    settings = load_settings(config)
    given = [row for row in rows if "failed" not in row]
    for seq in sorted({row["release"] for row in given}):
        questions = sorted({row["question"] for row in given if row["release"] == seq})
        found = Searcher(settings, seq).search(questions, 10, "hybrid")
        answered[seq] = {
            question: [[hit.chunk_id, hit.score] for hit in hits]
            for question, hits in zip(questions, found, strict=True)
        }
    different = sum(row["hits"] != answered[row["release"]][row["question"]] for row in given)
    failed = [row["failed"] for row in rows if "failed" in row]
    releases = open_lakehouse(settings.lakehouse).releases(settings.index.name).history()
    kinds = {one.seq: f"{one.kind}, {one.embedder_identity['model']}" for one in releases}
    return {
        "answers": len(rows),
        "failed answers": len(failed),
        "answers of no release": different,
        "answers by release": {
            f"{seq} ({kinds[seq]})": count
            for seq, count in sorted(Counter(row["release"] for row in given).items())
        },
        "first failure": failed[0] if failed else "",
    }


def _golden(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@contextmanager
def _shuffled() -> Iterator[None]:
    """A model by the name of `shuffled`: the English one, but each passage has another's vector."""
    real = factory._backend
    factory._backend = lambda settings: (
        _Shuffled(real) if settings.model == "shuffled" else real(settings)
    )
    try:
        yield
    finally:
        factory._backend = real


class _Shuffled:
    """A backend as `almanac.embedding.factory` wants it."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def _english(self, settings: Any) -> tuple[Any, Any]:
        settings = settings.model_copy(update={"model": "english"})
        return self._real(settings), settings

    def identity_of(self, settings: Any) -> Any:
        backend, settings = self._english(settings)
        return replace(backend.identity_of(settings), model="shuffled")

    def token_counter(self, settings: Any) -> Any:
        backend, settings = self._english(settings)
        return backend.token_counter(settings)

    def open_encoder(self, settings: Any) -> Any:
        backend, settings = self._english(settings)
        encoder = backend.open_encoder(settings)
        encode = encoder.encode
        encoder.encode = lambda texts: np.roll(encode(texts), 1, axis=0)
        return encoder


if __name__ == "__main__":
    sys.exit(main())
