"""What the rules, voices and settings of now say of the requests that people settled."""

from __future__ import annotations

from typing import Any

from almanac.llm.judge import open_judge
from almanac.triage.labels import by_labels
from almanac.triage.run import Triage
from almanac.triage.verdict_cache import disliked_now, standing
from lakehouse import open_lakehouse
from schemas.feedback import Triaged
from schemas.settings import Settings


def replayed(settings: Settings) -> dict[str, Any]:
    """Look into every labelled request again; nothing is stored.

    labels: how many; before and after: precision and recall by cause (`labels.by_labels`), of the
    verdicts that stand and of those made now; moved: requests whose verdict is another now.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    labels, disliked = lake.triage_labels.current(), disliked_now(lake)
    stood = standing(lake)
    work = Triage(settings, lake, open_judge(settings.judge), everything=True)
    found: dict[str, Triaged] = {}
    names = sorted(labels.keys() & disliked.keys())
    size = settings.triage.batch
    for at in range(0, len(names), size):
        requests = lake.requests.rows(names[at : at + size])
        found |= {one.request_id: one for one in work.batch(requests, disliked)}
    return {
        "labels": len(found),
        "before": by_labels(labels, {name: stood[name] for name in found if name in stood}),
        "after": by_labels(labels, found),
        "moved": [
            {
                "request_id": name,
                "label": labels[name].cause,
                "before": stood[name].cause if name in stood else None,
                "after": found[name].cause,
            }
            for name in sorted(found)
            if name not in stood or stood[name].cause != found[name].cause
        ],
    }
