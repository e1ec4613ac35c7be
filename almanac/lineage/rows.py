"""The rows of a chain: plain values, times as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from almanac.adapters.registry import RETRAIN
from almanac.lineage.links import Links, Row
from lakehouse.releases import Release
from lakehouse.training import Adapter
from schemas.times import isoformat


def version_row(links: Links, row: Row) -> Row:
    """A change of a document, and the first release that holds it."""
    first = _first_with(links.releases, row["seq"])
    change = "deleted" if row["op"] == "delete" else "modified"
    return {
        "source": row["source"],
        "doc_id": row["doc_id"],
        "change": "added" if change == "modified" and row["before"] != "put" else change,
        "snapshot": row["seq"],
        "content": row["content_hash"],
        "release": first.seq if first else None,
        "as_of": isoformat(first.logical_time) if first else None,
        "run": row["run_id"],
    }


def _first_with(releases: Sequence[Release], snapshot: int) -> Release | None:
    """The first release that was made of this snapshot or of a later one."""
    served = (one for one in reversed(releases) if one.kind == "publish")
    return next((one for one in served if one.snapshot_seq >= snapshot), None)


def release_row(release: Release) -> Row:
    """A release."""
    return {
        "release": release.seq,
        "index": release.index,
        "kind": release.kind,
        "as_of": isoformat(release.logical_time),
        "published_at": isoformat(release.published_at),
        "tier": release.tier,
        "documents": release.documents,
        "rows": release.rows,
        "embedder": release.embedder_identity.get("model", ""),
        "mark": release.mark,
        "run": release.run_id,
    }


def request_row(row: Row, votes: Mapping[str, str]) -> Row:
    """A request with what users said of its answer."""
    names = ("release", "index_version", "model", "adapter", "question")
    return {
        "request": row["request_id"],
        "asked_at": isoformat(row["asked_at"]),
        "user": row["user_id"],
        **{name: row[name] for name in names},
        "votes": votes.get(row["request_id"], ""),
    }


def verdict_row(row: Row) -> Row:
    """A verdict of triage."""
    return {
        "request": row["request_id"],
        "cause": row["cause"],
        "release": row["release"],
        "documents": [list(key) for key in row["documents"]],
        "at": isoformat(row["at"]),
        "run": row["run_id"],
    }


def step_row(step: Adapter, requests: Iterable[str]) -> Row:
    """A step of an adapter, and how many of these requests it was trained on."""
    erased = step.status == RETRAIN  # the row repeats who moved it last, and that was another
    return {
        "adapter": step.adapter_id,
        "step": step.status,
        "who": "an erasure" if erased else step.actor,
        "reason": "data it was trained on was erased" if erased else step.reason,
        "at": _moment(step.at),
        "dataset": step.record.get("dataset"),
        "trained_on": len(set(step.trained_on).intersection(requests)),
        "run": step.run_id,
    }


def run_row(row: Row) -> Row:
    """What a run recorded of itself."""
    return {
        "status": row["status"],
        "as_of": isoformat(row["logical_time"]),
        "started_at": isoformat(row["started_at"]),
        "finished_at": isoformat(row["finished_at"]),
    }


def _moment(at: datetime | None) -> str | None:
    return isoformat(at) if at else None
