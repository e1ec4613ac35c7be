"""Causes that people settle, and how right verdicts are by them.

Cases are drawn so that each cause that was found is looked at, in an order that is always the same.
Precision of a cause: of the labelled requests that were found to have it, those that have it by
their label; recall: of those that have it by their label, those that were found. Since causes are
drawn alike, recall is that among the drawn, not among all dislikes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from almanac.core.operation import operation
from almanac.triage.calibration import judge_beside_people, weights
from almanac.triage.intervals import wilson
from almanac.triage.verdict_cache import standing
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import AlmanacError
from schemas.feedback import ACTIONS, Cause, Triaged, TriageLabel
from schemas.hashing import sha256_text
from schemas.settings import Settings


def drawn(settings: Settings, count: int) -> list[dict[str, Any]]:
    """Cases for a person to settle: each cause in turn, none that has a label.

    request_id, question, response, correction, passages, found (the verdict's cause), reason.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    verdicts, labels = standing(lake), lake.triage_labels.current()
    groups: dict[str, list[str]] = {}
    for name in sorted(verdicts.keys() - labels.keys(), key=sha256_text):
        groups.setdefault(verdicts[name].cause, []).append(name)
    turns = zip_longest(*(groups[cause] for cause in ACTIONS if cause in groups))
    names = [name for turn in turns for name in turn if name][:count]
    requests = {one.request_id: one for one in lake.requests.rows(names)}
    corrections: dict[str, str] = {}
    for vote in lake.votes.rows(names):
        if vote.rating < 0 and vote.correction:
            corrections[vote.request_id] = vote.correction
    return [
        {
            "request_id": name,
            "question": requests[name].question,
            "response": requests[name].response,
            "correction": corrections.get(name),
            "passages": [one.text for one in requests[name].context],
            "found": verdicts[name].cause,
            "reason": verdicts[name].evidence["reason"],
        }
        for name in names
        if name in requests
    ]


def read_labels(path: Path, by: str) -> list[TriageLabel]:
    """Labels of a JSON Lines file: request_id, cause, and note where there is one.

    A row with an empty cause was not settled, and is left out.

    Raises:
        AlmanacError: a row that can't be read, by its line.
    """
    found = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AlmanacError(f"labels can't be read from {path}: {error}") from None
    for at, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name, cause = str(row["request_id"]), row.get("cause") or ""
        except (ValueError, KeyError, TypeError, AttributeError):
            raise AlmanacError(
                f"{path}, line {at}: no JSON object with request_id and cause"
            ) from None
        if cause and cause not in ACTIONS:
            raise AlmanacError(f"{path}, line {at}: {cause!r} is none of {', '.join(ACTIONS)}")
        if cause:
            found.append(TriageLabel(name, cause, by, _now(), str(row.get("note") or "")))
    return found


def label_of(request_id: str, cause: Cause, by: str, note: str = "") -> TriageLabel:
    """A label that was given now."""
    return TriageLabel(request_id, cause, by, _now(), note)


def store(settings: Settings, labels: Iterable[TriageLabel]) -> int:
    """Store labels; how many.

    Raises:
        AlmanacError: one is of a request that is not known.
    """
    given = list(labels)
    with operation(settings, "triage labels") as (run, _):
        known = {
            one.request_id for one in run.lake.requests.rows({one.request_id for one in given})
        }
        unknown = sorted({one.request_id for one in given} - known)
        if unknown:
            raise AlmanacError(f"no request has the id {unknown[0]!r}: nothing was stored")
        if given:
            run.lake.triage_labels.append(given)
        run.report = {"labels": len(given)}
    return len(given)


def measured(settings: Settings) -> dict[str, Any]:
    """How right the verdicts are by the labels: see `by_labels`; and by each version of the rules
    that looked into a labelled request (`rules`), so that a change of them is seen; what each voice
    counts by them (`weights`), and the judge beside people (`judge`)."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    labels = lake.triage_labels.current()
    by_rules = {
        str(version): by_labels(labels, found)
        for version, found in sorted(lake.triage.by_rules(labels).items())
    }
    verdicts = standing(lake)
    return {
        "labels": len(labels),
        "causes": by_labels(labels, verdicts),
        "rules": by_rules,
        "weights": weights(labels, verdicts),
        "judge": judge_beside_people(lake, labels),
    }


def of_lake(lake: Lakehouse, verdicts: Mapping[str, Triaged]) -> dict[str, Any]:
    """`by_labels` for a run's report; empty without labels."""
    labels = lake.triage_labels.current()
    return by_labels(labels, verdicts) if labels else {}


def by_labels(
    labels: Mapping[str, TriageLabel], verdicts: Mapping[str, Triaged]
) -> dict[str, dict[str, Any]]:
    """By cause: right, found and there (numbers), precision and recall with their 95 % intervals.

    None where nothing was found, or nothing is there.
    """
    pairs = [(labels[name].cause, verdicts[name].cause) for name in labels if name in verdicts]
    result: dict[str, dict[str, Any]] = {}
    for cause in ACTIONS:
        right = pairs.count((cause, cause))
        found = sum(one == cause for _, one in pairs)
        there = sum(one == cause for one, _ in pairs)
        if found or there:
            result[cause] = {
                "right": right,
                "found": found,
                "there": there,
                "precision": _share(right, found),
                "recall": _share(right, there),
            }
    return result


def _share(hits: int, of: int) -> dict[str, Any] | None:
    if not of:
        return None
    low, high = wilson(hits, of)
    return {"share": round(hits / of, 3), "low": round(low, 3), "high": round(high, 3)}


def _now() -> datetime:
    return datetime.now(UTC)
