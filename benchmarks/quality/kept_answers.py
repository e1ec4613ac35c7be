"""What kept answers save on the open feedback, and what they take for the same and is not.

The log's questions are asked in the order of their time, first from passages that stay as they are,
then from those that the log names, with its dislikes and without. Pairs that do not ask the same
are those of FILE, and questions about one passage of XQuAD that have other answers.

    python benchmarks/quality/kept_answers.py DATA [--pairs FILE] [--model english] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from almanac.cache.calibration import Pair, best, judged, read_pairs
from almanac.cache.store import AnswerStore, Kept
from almanac.cache.wording import same_text, same_words
from almanac.embedding.factory import open_encoder
from schemas.hashing import sha256_parts
from schemas.settings import EmbedderSettings

SAMPLES = Path(__file__).parent / "samples" / "question_pairs.jsonl"


def hit_rate(
    log: Sequence[dict[str, Any]], votes: Sequence[dict[str, Any]], by_passages: bool, words: bool
) -> dict[str, int]:
    """How many questions are asked again, and how many of them are answered from what is kept.

    Args:
        votes: each is cast on the answer that its request was given, at its time.
        by_passages: an answer is made from the passages that the log names, else from one set.
        words: `semantic`, without the cosine; else `exact`.
    """
    steps = [(row["asked_at"], 0, row) for row in log]
    steps += [(vote["rated_at"], 1, vote) for vote in votes if vote["rating"] < 0]
    seen: set[str] = set()
    again = given = 0
    with TemporaryDirectory() as folder:
        store = AnswerStore(Path(folder) / "answers.sqlite", most=100_000, days=100_000)
        for _, is_vote, row in sorted(steps, key=lambda step: step[:2]):
            if is_vote:
                store.disliked(row["request_id"])
                continue
            one = _kept(row, by_passages)
            again += one.same_text in seen
            seen.add(one.same_text)
            found = store.same_text(one.partition, one.same_text)
            near = store.same_words(one.partition, one.same_words or "") if words else []
            hits = [kept for kept in (found, *near) if kept and kept.passages == one.passages]
            if hits:
                given += store.given(hits[0], row["request_id"])
            else:
                store.keep(one)
        store.close()
    return {"questions": len(log), "asked_again": again, "given": given}


def _kept(row: dict[str, Any], by_passages: bool) -> Kept:
    shown = [sha256_parts(one["chunk_id"], one["text"]) for one in row["context"]]
    return Kept(
        row["request_id"], row["lang"], same_text(row["question"]), same_words(row["question"]),
        row["question"], row["response"], tuple(shown if by_passages else ["one"]), (),
        row["user_id"],
    )  # fmt: skip


def neighbours(folder: Path) -> Iterator[Pair]:
    """Questions about the same passage in the same language, of which the answers differ."""
    queries = {row["id"]: row for row in _rows(folder / "queries.jsonl")}
    about: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, passage, _ = line.split("\t")
        about[passage, queries[query]["lang"]].append(queries[query])
    for asked in about.values():
        for one, other in combinations(asked, 2):
            is_other = same_text(one["text"]) != same_text(other["text"])  # a few stand there twice
            if is_other and not set(one["answers"]) & set(other["answers"]):
                yield Pair(one["text"], other["text"], False)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("data", type=Path, help="the folder of the open data")
    parser.add_argument("--pairs", type=Path, default=SAMPLES, metavar="FILE")
    parser.add_argument("--model", default="english", help="the embedder of the cosine")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    log = _rows(given.data / "feedback" / "log.jsonl")
    votes = _rows(given.data / "feedback" / "votes.jsonl")
    encoder = open_encoder(EmbedderSettings(model=given.model))
    pairs = judged(read_pairs(given.pairs), encoder)
    easy = judged(list(neighbours(given.data / "retrieval" / "xquad_en_ru")), encoder)
    report = {
        "passages stay": hit_rate(log, [], False, False),
        "passages stay, same words": hit_rate(log, [], False, True),
        "passages stay, with dislikes": hit_rate(log, votes, False, False),
        "passages of the log": hit_rate(log, [], True, False),
        "passages of the log, with dislikes": hit_rate(log, votes, True, False),
        "pairs": best(pairs),
        "questions about one passage": best(easy),
        "both": best([*pairs, *easy]),
    }
    if given.json:
        print(json.dumps(report))
        return
    for name, found in report.items():
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in found.items())}")


if __name__ == "__main__":
    main()
