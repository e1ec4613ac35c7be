"""Retrieval quality of the three search modes on sets with known answers.

    python benchmarks/quality/retrieval.py                    # kis, xquad (English), feedbackqa_uk
    python benchmarks/quality/retrieval.py --set xquad-ru --config multilingual.toml

Each set is indexed by the nightly flow and asked through the search that the command line uses.
A passage counts for its document; recall@10 and MRR@10 are over documents. The BM25 column has the
figures of the data's README, made by another implementation.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testing.retrieval_sets import SHARED, copy_rows, relevant_documents

MODES = ("text", "vector", "hybrid")
DEPTH = 60  # passages asked for, so that ten different documents are among them


@dataclass(frozen=True)
class Questions:
    """A folder of shared/data/retrieval, the language taken from it, and BM25's figures."""

    folder: str
    lang: str | None
    bm25_recall: float | None
    bm25_mrr: float | None


SETS = {
    "kis": Questions("kis", None, 1.00, 0.80),
    "xquad": Questions("xquad_en_ru", "en", 0.96, 0.90),
    "xquad-ru": Questions("xquad_en_ru", "ru", None, None),
    "feedbackqa_uk": Questions("feedbackqa_uk", None, 0.59, 0.39),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", action="append", choices=sorted(SETS))
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--config", help="another configuration, for another model or language")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chosen = arguments.set or ["kis", "xquad", "feedbackqa_uk"]
    found = {name: _measure(arguments, SETS[name]) for name in chosen}
    if arguments.json:
        print(json.dumps(found))
        return 0
    print(f"{'set':<14} {'figure':<10} {'BM25':>6}" + "".join(f"{mode:>8}" for mode in MODES))
    for name, by_mode in found.items():
        for figure, known in (
            ("recall@10", SETS[name].bm25_recall),
            ("MRR@10", SETS[name].bm25_mrr),
        ):
            row = "".join(f"{by_mode[mode][figure]:>8.3f}" for mode in MODES)
            print(f"{name:<14} {figure:<10} {known if known is not None else '-':>6}{row}")
    return 0


def _measure(arguments: argparse.Namespace, questions: Questions) -> dict[str, dict[str, float]]:
    folder = arguments.data / "retrieval" / questions.folder
    with tempfile.TemporaryDirectory() as scratch:
        corpus, queries = Path(scratch) / "corpus.jsonl", Path(scratch) / "queries.jsonl"
        copy_rows(folder / "corpus.jsonl", corpus, questions.lang)
        copy_rows(folder / "queries.jsonl", queries, questions.lang)
        settings = _index(arguments.config, corpus, Path(scratch) / "lake")
        wanted = relevant_documents(folder / "qrels.tsv")
        return {mode: _score(settings, queries, mode, wanted) for mode in MODES}


def _index(config: str | None, corpus: Path, lake: Path) -> Any:
    from flows.nightly import nightly
    from schemas.settings import load_settings

    nightly(source=str(corpus), lakehouse=str(lake), config=config)
    return load_settings(config, lakehouse=str(lake))


def _score(
    settings: Any, queries: Path, mode: Any, wanted: dict[str, set[str]]
) -> dict[str, float]:
    from almanac.retrieval.reading import answers

    recall, reciprocal, asked = 0.0, 0.0, 0
    for answer in answers(settings, str(queries), DEPTH, mode, None):
        right = wanted.get(str(answer["id"]))
        if not right:
            continue
        documents = list(dict.fromkeys(hit["doc_id"] for hit in answer["hits"]))[:10]
        asked += 1
        recall += len(right & set(documents)) / len(right)
        reciprocal += next(
            (1 / rank for rank, doc_id in enumerate(documents, 1) if doc_id in right), 0.0
        )
    return {"recall@10": recall / asked, "MRR@10": reciprocal / asked, "questions": asked}


if __name__ == "__main__":
    sys.exit(main())
