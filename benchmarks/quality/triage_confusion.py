"""Triage against planted causes: the confusion matrix, and what of it would be trained on.

    python benchmarks/quality/triage_confusion.py                     # all four below, as Markdown
    python benchmarks/quality/triage_confusion.py --corpus xquad-dev  # one of them
    python benchmarks/quality/triage_confusion.py --json results.json

Rules and thresholds were chosen on xquad-dev (topics 0 to 23 of XQuAD, English and Russian) and
fastapi (its documentation, with what really changed in it between two dates). xquad-test (topics 24
to 47) and prefect (its documentation) were left alone until then. Embedders are the real ones:
multilingual for XQuAD, english for the others. No judge is asked.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import triage_planting as planting

from almanac.triage.run import triage
from lakehouse import open_lakehouse
from schemas.feedback import ACTIONS
from schemas.settings import Settings, TriageSettings

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
DATED = {
    "fastapi": (
        "corpus_a_fastapi",
        r"en/docs/(tutorial|advanced|how-to|deployment)/.*md$",
        "2025-06-30",
        "2026-07-31",
    ),
    "prefect": (
        "corpus_a2_prefect",
        r"(v3/(?!api-ref)|integrations|snippets).*mdx?$",
        "2024-12-31",
        "2025-04-30",
    ),
}
CORPORA = ("xquad-dev", "fastapi", "xquad-test", "prefect")
RETRIEVAL = ("source_missing", "source_stale", "retrieval_missed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", choices=CORPORA, action="append")
    parser.add_argument("--data", type=Path, default=SHARED, help="the folder of the corpora")
    parser.add_argument("--folder", type=Path, help="keep the lakehouses here, and use them again")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="of [triage]")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    rules = TriageSettings(**dict(one.split("=") for one in arguments.set))  # type: ignore[arg-type]
    results = {}
    for name in arguments.corpus or CORPORA:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (arguments.folder or Path(scratch)) / name
            results[name] = measure(name, arguments.data, folder, rules)
        print(markdown(name, results[name]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), "utf-8")
    faults = sum(one["retrieval_faults_among_model_faults"] for one in results.values())
    return 1 if faults else 0


def measure(name: str, data: Path, folder: Path, rules: TriageSettings) -> dict[str, Any]:
    """Plant, triage, compare."""
    corpus = _corpus(name, data)
    model = "english" if name in DATED else "multilingual"
    kept = folder / "truth.json"
    settings = Settings(lakehouse=str(folder / "lake"), embedder={"model": model})  # type: ignore[arg-type]
    if not (folder / "lake").exists():
        planting.publish_nights(corpus, folder, model)
    if not kept.exists():
        requests, votes, truth = planting.plant(settings, corpus)
        lake = open_lakehouse(settings.lakehouse)
        lake.requests.append(requests)
        lake.votes.append(votes)
        kept.write_text(json.dumps(truth), "utf-8")
    truth = json.loads(kept.read_text("utf-8"))
    began = time.perf_counter()
    triage(settings.model_copy(update={"triage": rules}), everything=True)
    seconds = time.perf_counter() - began
    return compare(open_lakehouse(settings.lakehouse), truth) | {"seconds": round(seconds, 1)}


def _corpus(name: str, data: Path) -> planting.Corpus:
    if name in DATED:
        return planting.dated(data, *DATED[name])
    first, last = (0, 23) if name == "xquad-dev" else (24, 47)
    return planting.xquad(data, first, last)


def compare(lake: Any, truth: Mapping[str, str]) -> dict[str, Any]:
    """The confusion matrix, all and of those with a correction, and what follows from it."""
    found = lake.triage.current()
    corrected = {name for name in truth if found[name].evidence["correction"]}
    pairs = [(truth[name], found[name].cause) for name in truth]
    wrong = sorted(
        name for name in truth if truth[name] in RETRIEVAL and found[name].cause == "model_fault"
    )
    return {
        "planted": len(truth),
        "matrix": matrix(pairs),
        "with_correction": matrix([(truth[one], found[one].cause) for one in sorted(corrected)]),
        "scores": scores(pairs),
        "retrieval_faults_among_model_faults": len(wrong),
        "wrong": wrong,
    }


def matrix(pairs: list[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Planted cause, then found cause, then how many."""
    counts = Counter(pairs)
    return {fate: {cause: counts[fate, cause] for cause in ACTIONS} for fate in planting.FATES}


def scores(pairs: list[tuple[str, str]]) -> dict[str, dict[str, float | None]]:
    """Precision and recall of each cause; None where nothing was found."""
    result: dict[str, dict[str, float | None]] = {}
    for cause in planting.FATES:
        found = [fate for fate, one in pairs if one == cause]
        planted = [one for fate, one in pairs if fate == cause]
        result[cause] = {
            "precision": round(found.count(cause) / len(found), 3) if found else None,
            "recall": round(planted.count(cause) / len(planted), 3) if planted else None,
        }
    return result


def markdown(name: str, result: Mapping[str, Any]) -> str:
    """The matrices as tables, and the one figure that matters most."""
    lines = [f"## {name}: {result['planted']} planted, triaged in {result['seconds']} s", ""]
    for title, key in (("all", "matrix"), ("with a correction", "with_correction")):
        lines += [
            f"| {title}: planted ↓ found → | {' | '.join(ACTIONS)} | precision | recall |",
            "| --- |" + " ---: |" * (len(ACTIONS) + 2),
        ]
        pairs = [
            (fate, cause)
            for fate, row in result[key].items()
            for cause, count in row.items()
            for _ in range(count)
        ]
        for fate, row in result[key].items():
            figures = scores(pairs)[fate].values()
            cells = [str(row[cause]) for cause in ACTIONS] + [str(one) for one in figures]
            lines.append(f"| {fate} | {' | '.join(cells)} |")
        lines.append("")
    wrong = result["retrieval_faults_among_model_faults"]
    lines += [f"retrieval faults ({', '.join(RETRIEVAL)}) among model_fault: {wrong}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
