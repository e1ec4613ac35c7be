"""How a lakehouse stands now, from its own tables; nothing is changed, and no model is opened."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from almanac.adapters import reading as adapters
from almanac.costs.standing import standing as standing_costs
from almanac.feedback.drain import waiting
from almanac.judging.run import lag
from almanac.overview.steps import steps
from almanac.triage.verdict_cache import new_model_faults, standing
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.quarantine import FEEDBACK
from lakehouse.releases import Release, answering
from lakehouse.runs import RunRecord, still_missed, without_withdrawn
from schemas.settings import Settings
from schemas.times import isoformat

NIGHTS = 7  # that are shown


def status(settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """What answers, the last nights, and what waits: for the next run, or for a person.

    Returns:
        `release` (None before the first), `nights` (the newest first), `missed` (how many times),
        `quarantine`, `journal`, `dislikes`, `adapters`, `judge`, `lease`, `disk`; and `steps`: what
        to do, worst first, each with its `level` (wrong, waits or note), what `is` and the command
        that comes `next`. `ok`: nothing of them is wrong.
    """
    now = now or datetime.now(UTC)
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    releases = lake.releases(settings.index.name).history()
    newest = answering(releases)
    withdrawn = {one.seq for one in releases if one.withdrawn_by}
    records = without_withdrawn(lake.runs.records(settings.index.name), withdrawn)
    found: dict[str, Any] = {
        "lakehouse": lake.location.uri,
        "at": isoformat(now),
        "index": settings.index.name,
        "release": _release(newest, now) if newest else None,
        "nights": [_night(one) for one in records if one.status != "missed"][:NIGHTS],
        "missed": len(still_missed(records)),
        "quarantine": _quarantine(lake),
        "journal": waiting(settings, now),
        "dislikes": _dislikes(lake),
        "adapters": _adapters(settings),
        "judge": lag(settings, now),
        "lease": lake.lease_state(),
        "disk": _disk(lake),
        "costs": standing_costs(settings, lake, now),
    }
    found["steps"] = [one.to_json() for one in steps(settings, found)]
    found["ok"] = not any(one["level"] == "wrong" for one in found["steps"])
    return found


def _release(release: Release, now: datetime) -> dict[str, Any]:
    return {
        "release": release.seq,
        "as_of": isoformat(release.logical_time),
        "age_hours": round((now - release.logical_time).total_seconds() / 3600, 1),
        "kind": release.kind,
        "documents": release.documents,
        "rows": release.rows,
        "model": release.embedder_identity.get("model", ""),
        "digest": release.digest,
    }


def _night(record: RunRecord) -> dict[str, Any]:
    return {
        "as_of": isoformat(record.logical_time),
        "started_at": isoformat(record.started_at),
        "status": record.status,
        "release": record.release,
        "message": record.message,
        "run": record.run_id,
    }


def _quarantine(lake: Lakehouse) -> dict[str, Any]:
    """Open rows: documents that are kept out (must) or noted (should), and feedback apart."""
    rows = lake.quarantine.rows()
    documents = [one for one in rows if not one.source.startswith(FEEDBACK)]
    kept_out = {(one.source, one.doc_id) for one in documents if one.severity == "must"}
    noted = {(one.source, one.doc_id) for one in documents} - kept_out
    return {
        "kept_out": len(kept_out),
        "noted": len(noted),
        "feedback": len(rows) - len(documents),
        "rules": dict(Counter(one.expectation for one in documents).most_common()),
    }


def _dislikes(lake: Lakehouse) -> dict[str, Any]:
    counts = lake.opinions.counts()
    verdicts = standing(lake)
    return {
        "requests": counts.requests,
        "disliked": counts.disliked,
        "not_looked_into": max(0, counts.disliked - len(verdicts)),
        "causes": dict(Counter(one.cause for one in verdicts.values()).most_common()),
        "new_model_faults": len(new_model_faults(lake, verdicts)),
    }


def _adapters(settings: Settings) -> dict[str, Any]:
    listed = adapters.listing(settings)
    stages: Mapping[str, int] = Counter(one["stage"] for one in listed["adapters"])
    return {
        "stages": dict(stages),
        "production": listed["production"],
        "waiting": [one["adapter"] for one in listed["adapters"] if one["stage"] == "candidate"],
        "warnings": listed["warnings"],
    }


def _disk(lake: Lakehouse) -> dict[str, Any]:
    """Bytes of the lakehouse, and what is free on its disk; None on an object store."""
    folder = lake.location.folder
    free = shutil.disk_usage(folder).free if folder is not None and folder.is_dir() else None
    return {"bytes": sum(lake.sizes().values()), "free_bytes": free}


def run_address(run_id: str) -> str | None:
    """Where a run is in the Prefect UI; None where no server is known, or the id is no run's."""
    api = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    ui = os.environ.get("PREFECT_UI_URL", "").rstrip("/") or api.removesuffix("/api")
    try:
        name = UUID(run_id)
    except ValueError:
        return None
    return f"{ui}/v2/runs/flow-run/{name}" if ui else None
