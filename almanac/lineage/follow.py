"""Everything that an id has to do with, from document versions to adapters, as plain values."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from almanac.core.answered import how_answered
from almanac.feedback.drain import bring_in
from almanac.lineage.links import Links, Row, held_by
from almanac.lineage.names import Kind, Subject, resolve
from almanac.lineage.rows import (
    release_row,
    request_row,
    run_row,
    step_row,
    verdict_row,
    version_row,
)
from lakehouse import open_lakehouse
from lakehouse.releases import Release
from lakehouse.training import Adapter
from schemas.settings import Settings
from schemas.times import isoformat

SECTIONS = (
    "documents",
    "releases",
    "requests",
    "verdicts",
    "examples",
    "datasets",
    "adapters",
)
SHOWN = 20


@dataclass
class Thread:
    """What one subject names itself; the rest of the chain follows from it.

    `versions` are changes of documents, newest first, `all_versions` how many there are where not
    all were read. `datasets` and `adapters` None: those that the requests lead to.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    versions: list[Row] = field(default_factory=list)
    all_versions: int | None = None
    releases: list[Release] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)
    datasets: set[str] | None = None
    adapters: set[str] | None = None


def trace(settings: Settings, text: str, limit: int = SHOWN) -> dict[str, Any]:
    """The chain of what `text` names, at most `limit` rows of each section, newest first.

    `spelled` is what names it and nothing else. Every section says its `total`, and every row who
    made it (`run`, a run's id) and when.

    Raises:
        AlmanacError: the id names nothing, or several things; the message lists them.
    """
    began = time.perf_counter()
    bring_in(settings)
    links = Links(open_lakehouse(settings.lakehouse, settings.storage_options))
    subject = resolve(links, text)
    thread = _FOLLOW[subject.kind](links, subject, limit)
    return {
        "kind": subject.kind,
        "id": subject.id,
        "spelled": subject.spelled,
        "facts": thread.facts,
        "chain": _chain(links, thread, limit),
        "seconds": round(time.perf_counter() - began, 3),
    }


def _document(links: Links, subject: Subject, limit: int) -> Thread:
    key = (subject.source, subject.id)
    versions = links.versions([key])
    passages = [row for row in links.passages_of(key[1]) if row["source"] == key[0]]
    held = held_by(versions, links.releases)
    named = _names_document(links, key)
    return Thread(
        facts={"source": key[0], "title": versions[-1]["title"] or ""},
        versions=versions[::-1],
        releases=[one for one in links.releases if one.seq in held],
        requests=links.shown({row["chunk_id"] for row in passages}) | named,
    )


def _chunk(links: Links, subject: Subject, limit: int) -> Thread:
    passages = links.passages([subject.id])
    cut = {(row["source"], row["doc_id"], row["document_hash"], row["chunker"]) for row in passages}
    places = {one[:2] for one in cut}
    versions = links.versions(places)
    seqs: set[int] = set()
    for place in places:
        own = [row for row in versions if _key(row) == place]
        held = held_by(own, links.releases)
        seqs |= {
            one.seq
            for one in links.releases
            if one.seq in held and (*place, held[one.seq]["document_hash"], one.chunker) in cut
        }
    return Thread(
        facts={name: passages[0][name] for name in ("source", "doc_id", "heading")}
        if passages
        else {"document": "none here: the application's own id of a passage"},
        versions=[
            row
            for row in versions[::-1]
            if (*_key(row), row["document_hash"]) in {one[:3] for one in cut}
        ],
        releases=[one for one in links.releases if one.seq in seqs],
        requests=links.shown([subject.id]),
    )


def _release(links: Links, subject: Subject, limit: int) -> Thread:
    release = next(one for one in links.releases if one.seq == int(subject.id))
    older = (one for one in links.releases if one.index == release.index and one.seq < release.seq)
    before = next((one.snapshot_seq for one in older if one.serves), 0)
    total, versions = links.changed(before, release.snapshot_seq, limit)
    return Thread(
        facts=release_row(release)
        | {"chunker": release.chunker, "digest": release.digest, "made_by": dict(release.made_by)},
        versions=versions,
        all_versions=total,
        releases=[release],
        requests=links.answered_from(release.seq),
    )


def _requests(links: Links, names: Collection[str], **more: Any) -> Thread:
    """Upwards: the releases that answered, and the passages that the answers were made of."""
    requests = set(names)
    passages = links.passages(links.contexts(requests))
    cut = {(row["source"], row["doc_id"], row["document_hash"]) for row in passages}
    judged = [links.verdicts[name] for name in requests if name in links.verdicts]
    named = {key for row in judged for key in row["documents"]}
    versions = [
        row
        for row in links.versions({one[:2] for one in cut} | named)
        if (*_key(row), row["document_hash"]) in cut or _key(row) in named
    ]
    answered = {row["release"] for row in links.requests(requests)}
    return Thread(
        versions=versions[::-1],
        releases=[one for one in links.releases if one.seq in answered],
        requests=requests,
        **more,
    )


def _request(links: Links, subject: Subject, limit: int) -> Thread:
    [row] = links.requests([subject.id])
    facts = request_row(row, links.votes([subject.id])) | {"status": row["status"]}
    facts |= how_answered(row["route"], row["cost_micros"], row["cached"])
    return _requests(links, [subject.id], facts=facts)


def _example(links: Links, subject: Subject, limit: int) -> Thread:
    return _requests(links, links.asked_in([subject.id]))


def _dataset(links: Links, subject: Subject, limit: int) -> Thread:
    manifest = next(one for one in links.datasets if one["dataset"] == subject.id)
    names = links.asked_in([example_id for example_id, _ in manifest["examples"]])
    facts = {
        "built": isoformat(manifest["at"]),
        "run": manifest["run_id"],
        "window": manifest["window"],
        "dropped": manifest["dropped"],
    }
    return _requests(links, names, facts=facts, datasets={subject.id})


def _adapter(links: Links, subject: Subject, limit: int) -> Thread:
    step = next(one for one in links.steps if one.adapter_id == subject.id)
    record, said = step.record, ("name", "dataset", "method", "base", "verdict")
    facts = {name: record.get(name) for name in said} | {"stage": step.status}
    answered = links.answered_by(subject.id)
    facts["answers"] = len(answered)
    more = {"datasets": {str(record.get("dataset"))}, "adapters": {subject.id}}
    return _requests(links, set(step.trained_on) | answered, facts=facts, **more)


def _run(links: Links, subject: Subject, limit: int) -> Thread:
    """The chain of the last thing that the run made, since that has all the others in it."""
    rows = links.runs([subject.id])
    facts = {"recorded": [run_row(row) for row in rows]}
    thread = _made_by(links, subject.id, limit)
    thread.facts = facts | thread.facts
    return thread


def _made_by(links: Links, run_id: str, limit: int) -> Thread:
    made: list[tuple[Kind, str]] = [
        *(("adapter", one.adapter_id) for one in links.steps if one.run_id == run_id),
        *(("dataset", one["dataset"]) for one in links.datasets if one["run_id"] == run_id),
        *(("release", str(one.seq)) for one in links.releases if one.run_id == run_id),
    ]
    if made:
        kind, name = made[0]
        return _FOLLOW[kind](links, Subject(kind, name), limit)
    judged = {name for name, row in links.verdicts.items() if row["run_id"] == run_id}
    return _requests(links, judged) if judged else Thread()


_FOLLOW: dict[Kind, Callable[[Links, Subject, int], Thread]] = {
    "document": _document,
    "chunk": _chunk,
    "release": _release,
    "request": _request,
    "example": _example,
    "dataset": _dataset,
    "adapter": _adapter,
    "run": _run,
}


def _chain(links: Links, thread: Thread, limit: int) -> dict[str, Any]:
    """Downwards from the requests, and every section cut to `limit` rows."""
    requests = links.requests(thread.requests)
    verdicts = [row for name, row in links.verdicts.items() if name in thread.requests]
    examples = links.examples(thread.requests)
    datasets = _datasets(links, thread, {row["example_id"] for row in examples})
    named = {row["dataset"] for row in datasets} if thread.datasets is None else thread.datasets
    kept = {one for row in datasets for one in row.pop("ids")}
    steps = [one for one in links.steps if _belongs(one, named, thread.adapters)]
    votes = links.votes([row["request_id"] for row in requests[:limit]])
    rows = {
        "documents": [version_row(links, row) for row in thread.versions[:limit]],
        "releases": [release_row(one) for one in thread.releases[:limit]],
        "requests": [request_row(row, votes) for row in requests[:limit]],
        "verdicts": [verdict_row(row) for row in verdicts[:limit]],
        "examples": [
            {
                "example": row["example_id"],
                "request": row["request_id"],
                "in_a_dataset": row["example_id"] in kept,
            }
            for row in examples[:limit]
        ],
        "datasets": datasets[:limit],
        "adapters": [step_row(one, thread.requests) for one in steps[:limit]],
    }
    versions = len(thread.versions) if thread.all_versions is None else thread.all_versions
    totals = {
        "documents": versions,
        "releases": len(thread.releases),
        "requests": len(requests),
        "verdicts": len(verdicts),
        "examples": len(examples),
        "datasets": len(datasets),
        "adapters": len(steps),
    }
    found: dict[str, dict[str, Any]] = {
        name: {"total": totals[name], "rows": rows[name]} for name in SECTIONS
    }
    found["verdicts"]["causes"] = dict(Counter(row["cause"] for row in verdicts).most_common())
    return found


def _datasets(links: Links, thread: Thread, examples: Collection[str]) -> list[Row]:
    """Datasets with any of these examples, or that a guard kept any of these requests out of."""
    left_out = links.left_out(thread.requests)
    found = []
    for manifest in links.datasets:
        name, sides = manifest["dataset"], dict(manifest["examples"])
        if thread.datasets is not None and name not in thread.datasets:
            continue
        own = [one for one in sides if one in examples]
        if not own and name not in left_out and thread.datasets is None:
            continue
        counts = Counter(sides[one] for one in own)
        found.append(
            {
                "dataset": name,
                "at": isoformat(manifest["at"]),
                "run": manifest["run_id"],
                "examples": len(own),
                "train": counts["train"],
                "held_back": counts["held_back"],
                "of": len(sides),
                "left_out": left_out.get(name, {}),
                "ids": own,
            }
        )
    return found


def _belongs(step: Adapter, datasets: Collection[str], adapters: Collection[str] | None) -> bool:
    if adapters is not None:
        return step.adapter_id in adapters
    return step.record.get("dataset") in datasets


def _names_document(links: Links, key: tuple[str, str]) -> set[str]:
    return {name for name, row in links.verdicts.items() if key in row["documents"]}


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return (row["source"], row["doc_id"])
