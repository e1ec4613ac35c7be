"""Triage on answers whose cause people know: confusion matrix, precision and recall.

    python benchmarks/quality/triage.py CASES.jsonl            # worded cases, see below
    python benchmarks/quality/triage.py --log shared/data      # the open log
    python benchmarks/quality/triage.py CASES.jsonl --wrong    # and what went wrong, case by case

A row of CASES: id, question, passages (what the model was shown), answer, correction, truth (a
cause; another word, as `contradicted`, is a case that must not be trained on), and where known
language and kind. The release holds the passages of all rows. The open log's truth: an answer that
was made up or belongs to another question, shown the passage that has the right one, is the model's
fault; where another passage was shown than the correction, the retrieval missed it.

Figures of older rules: run this file in a checkout of the older commit.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triage_planting as planting

from almanac.triage.intervals import wilson
from almanac.triage.run import triage
from lakehouse import open_lakehouse
from schemas.feedback import ACTIONS, Passage, Request, Vote
from schemas.settings import TriageSettings

_RETRIEVAL = ("source_missing", "source_stale", "retrieval_missed")
_MUST_FIND = ("model_fault", *_RETRIEVAL, "answer_right")


@dataclass(frozen=True)
class Case:
    """One disliked answer; `others` are further documents of the release."""

    name: str
    question: str
    shown: tuple[str, ...]
    answer: str
    correction: str | None
    truth: str
    kind: str = ""
    lang: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", type=Path, nargs="*", help="JSON Lines")
    parser.add_argument("--log", type=Path, metavar="FOLDER", help="of the open data")
    parser.add_argument("--source", action="append", help="of the open log: halueval-qa, ...")
    parser.add_argument("--limit", type=int, default=0, help="cases of each source of the open log")
    parser.add_argument("--model", default="english", help="the release's embedder")
    parser.add_argument("--no-release", action="store_true", help="the log has no release numbers")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=JSON", help="of [triage]")
    parser.add_argument("--wrong", action="store_true", help="print what went wrong")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    rules = {
        name: json.loads(value) for name, _, value in (one.partition("=") for one in arguments.set)
    }
    results = {}
    sets = [(path.stem, worded(path), []) for path in arguments.cases]
    if arguments.log:
        cases, documents = open_log(arguments.log, arguments.source or [], arguments.limit)
        sets.append(("open log", cases, documents))
    for name, cases, documents in sets:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(
                cases, documents, Path(folder), arguments.model, rules, not arguments.no_release
            )
        results[name] = found
        print(markdown(name, cases, found), flush=True)
        if arguments.wrong:
            print(wrong(cases, found), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1, ensure_ascii=False), "utf-8")
    return 0


def worded(path: Path) -> list[Case]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [
        Case(
            row["id"], row["question"], tuple(row["passages"]), row["answer"], row["correction"],
            row["truth"], row.get("kind", ""), row.get("language", ""),
        )
        for row in rows
    ]  # fmt: skip


def open_log(data: Path, sources: Sequence[str], limit: int) -> tuple[list[Case], list[str]]:
    """Dislikes of the open log whose cause follows from how they were made, and the documents."""
    lines = (data / "feedback" / "log.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    wanted = sources or ("halueval-qa", "xquad-ru", "feedbackqa-uk")
    cases: list[Case] = []
    for source in wanted:
        some = [one for one in rows if one["source"] == source and one["rating"] == -1]
        own = [case for row in some if (case := _logged(row))]
        cases += own[:limit] if limit else own
    documents = [text for one in cases for text in one.shown]
    if "xquad-ru" in wanted:
        corpus = (data / "retrieval" / "xquad_en_ru" / "corpus.jsonl").read_text("utf-8")
        texts = [json.loads(line) for line in corpus.splitlines()]
        documents += [one["text"] for one in texts if one["lang"] == "ru"]
    if "feedbackqa-uk" in wanted:
        corpus = (data / "retrieval" / "feedbackqa_uk" / "corpus.jsonl").read_text("utf-8")
        documents += [json.loads(line)["text"] for line in corpus.splitlines()]
    return cases, documents


def _logged(row: dict[str, Any]) -> Case | None:
    shown = tuple(one["text"] for one in row["context"])
    truth = "model_fault"
    if row["source"] == "feedbackqa-uk":
        if not row["correction"] or any(row["correction"][:200] in one for one in shown):
            return None
        truth = "retrieval_missed"
    kind = row["source"] + ("" if row["correction"] else ", bare")
    return Case(
        row["request_id"], row["question"], shown, row["response"], row["correction"], truth,
        kind, row["lang"],
    )  # fmt: skip


def measure(
    cases: Sequence[Case],
    documents: Iterable[str],
    folder: Path,
    model: str,
    rules: dict[str, Any],
    release: bool,
) -> dict[str, Any]:
    """Publish a release, log the requests, look into them."""
    texts = dict.fromkeys([text for one in cases for text in one.shown] + list(documents))
    night = {f"d{at:05}": f"{text}\n" for at, text in enumerate(texts)}
    settings = planting.publish_nights(planting.Corpus((night,), ()), folder, model)
    lake = open_lakehouse(settings.lakehouse)
    asked = planting.FIRST.replace(hour=9)
    lake.requests.append(
        [
            Request(
                one.name, asked, "u1", one.question, one.answer,
                tuple(Passage(f"text-{at}", text) for at, text in enumerate(one.shown)),
                release=1 if release else None,
            )
            for one in cases
        ]
    )  # fmt: skip
    lake.votes.append(
        [Vote(one.name, "u1", asked.replace(hour=10), -1, None, one.correction) for one in cases]
    )
    settings = settings.model_copy(update={"triage": TriageSettings(**rules)})
    began = time.process_time()
    triage(settings)
    found = lake.triage.current()
    return {
        "seconds": round(time.process_time() - began, 1),
        "found": {
            name: {
                "cause": one.cause,
                "reason": one.evidence["reason"],
                "voices": dict(getattr(one, "voices", {})),
                "signals": one.evidence["signals"],
            }
            for name, one in found.items()
        },
    }


def markdown(name: str, cases: Sequence[Case], result: dict[str, Any]) -> str:
    """The matrix, and precision and recall with their intervals."""
    found = {one: row["cause"] for one, row in result["found"].items()}
    lines = [f"## {name}: {len(cases)} cases, triaged in {result['seconds']} CPU s", ""]
    kinds = sorted({one.kind for one in cases if "bare" in one.kind})
    for title, some in [("all", cases)] + [
        ("with a correction", [one for one in cases if one.correction])
    ] * bool(kinds):
        lines += _tables(title, some, found)
    return "\n".join(lines)


def _tables(title: str, cases: Sequence[Case], found: dict[str, str]) -> list[str]:
    pairs = Counter((one.truth, found[one.name]) for one in cases)
    truths = sorted({one.truth for one in cases})
    lines = [
        f"| {title}: truth ↓ found → | {' | '.join(ACTIONS)} |",
        "| --- |" + " ---: |" * len(ACTIONS),
    ]
    for truth in truths:
        lines.append(f"| {truth} | {' | '.join(str(pairs[truth, cause]) for cause in ACTIONS)} |")
    lines += ["", "| cause | precision | recall |", "| --- | --- | --- |"]
    for cause in _MUST_FIND:
        right = pairs[cause, cause]
        said = sum(pairs[truth, cause] for truth in truths)
        there = sum(count for (truth, _), count in pairs.items() if truth == cause)
        lines.append(f"| {cause} | {_share(right, said)} | {_share(right, there)} |")
    trained = sum(pairs[truth, "model_fault"] for truth in truths if truth != "model_fault")
    retrieval = sum(pairs[truth, "model_fault"] for truth in _RETRIEVAL)
    undecided = sum(pairs[truth, "not_judged"] for truth in truths)
    return [
        *lines, "",
        f"Trained on and wrong: {trained}, of them retrieval faults: {retrieval}. "
        f"not_judged: {undecided} of {len(cases)}.", "",
    ]  # fmt: skip


def _share(hits: int, of: int) -> str:
    if not of:
        return "-"
    low, high = wilson(hits, of)
    return f"{hits} of {of} = {hits / of:.3f} ({low:.2f} to {high:.2f})"


def wrong(cases: Sequence[Case], result: dict[str, Any]) -> str:
    """Each case whose cause is not the truth, with what led to it."""
    lines = []
    for one in cases:
        row = result["found"][one.name]
        if row["cause"] != one.truth:
            voices = [
                (each["signal"], each["figures"], each.get("agree"), each.get("against"))
                for each in row["signals"]
                if "voices" in each["signal"] or "agreement" in each["signal"]
            ]
            lines += [
                f"{one.name} {one.lang} {one.kind}: {one.truth} -> {row['cause']}: {row['reason']}",
                f"    {row['voices']}",
                *(f"    {voice}" for voice in voices),
            ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
