"""Guards on rows of somebody else's wording: recall, precision, false alarms, ms per text."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from almanac.guards.grounding import Sources, unfounded
from almanac.guards.injection import find_injections
from almanac.guards.nearness import GoldenQuestions
from almanac.guards.personal.detect import personal
from almanac.guards.personal.patterns import find
from almanac.guards.profanity import profane

Row = dict[str, Any]
Outcome = tuple[int, int, int, int]  # found, wanted, false alarms, chances of one


def measure(name: str, file: Path, wrong: bool = False) -> dict[str, Any]:
    """Figures of a set; with `wrong` what was missed or taken is printed."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    judge = SETS[name]
    judge(rows[0])  # models are opened
    began = time.process_time()
    outcomes = [judge(row) for row in rows]
    spent = time.process_time() - began
    if wrong:
        for row, (found, wanted, false, _) in zip(rows, outcomes, strict=True):
            if found < wanted or false:
                print("missed" if found < wanted else "taken", json.dumps(row, ensure_ascii=False))
    return (
        {"set": name, "rows": len(rows)}
        | _figures(outcomes, spent / len(rows))
        | _by(rows, outcomes)
    )


def _figures(outcomes: list[Outcome], seconds: float) -> dict[str, Any]:
    found, wanted, false, chances = (sum(one[at] for one in outcomes) for at in range(4))
    return {
        "recall": f"{found} of {wanted}",
        "false_alarms": f"{false} of {chances}",
        "precision": round(found / (found + false), 3) if found + false else None,
        "ms_per_text": round(seconds * 1000, 1),
    }


def _by(rows: list[Row], outcomes: list[Outcome]) -> dict[str, Any]:
    """Recall by language, and by where the text stands or what is wrong with it."""
    groups: dict[str, list[int]] = {}
    for row, (found, wanted, _, _) in zip(rows, outcomes, strict=True):
        for key in (row.get("language"), row.get("where") or row.get("problem")):
            if key and wanted:
                total = groups.setdefault(key, [0, 0])
                total[0] += found
                total[1] += wanted
    return {"by": {key: f"{found} of {wanted}" for key, (found, wanted) in sorted(groups.items())}}


def _yes_no(hit: bool, wanted: bool) -> Outcome:
    return (int(hit), 1, 0, 0) if wanted else (0, 0, int(hit), 1)


def _injection(row: Row) -> Outcome:
    kind = "document" if row["where"] == "document" else "question"
    return _yes_no(find_injections([row["text"]], kind)[0] is not None, row["attack"])  # type: ignore[arg-type]


def _personal(row: Row) -> Outcome:
    found = [(one.start, one.end) for one in personal(row["text"], ("en", "ru"))]
    starts = [row["text"].index(span["text"]) for span in row["spans"]]
    ends = [at + len(span["text"]) for at, span in zip(starts, row["spans"], strict=True)]
    wanted = list(zip(starts, ends, strict=True))
    hits = sum(any(a <= start + 1 and b >= end - 1 for a, b in found) for start, end in wanted)
    false = sum(not any(a < end and start < b for start, end in wanted) for a, b in found)
    return hits, len(wanted), false, 1 if not wanted else 0


def _golden(row: Row) -> Outcome:
    return _yes_no(GoldenQuestions([row["golden"]]).find(row["candidate"]) is not None, row["same"])


def _bad_output(row: Row) -> Outcome:
    sources = Sources([row["question"], row["passage"]])
    answer = row["answer"]
    hits = [unfounded(answer, sources), profane(answer), find(answer)]
    return _yes_no(any(hits), row["problem"] != "none")


SETS: dict[str, Callable[[Row], Outcome]] = {
    "injections": _injection,
    "personal": _personal,
    "goldens": _golden,
    "bad_outputs": _bad_output,
}
