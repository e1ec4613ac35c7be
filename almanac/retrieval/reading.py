"""What the reading verbs return: plain values, no Prefect, nothing written."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from almanac.retrieval.filters import Filters
from almanac.retrieval.search import Searcher
from lakehouse import AsOf, Lakehouse, open_lakehouse
from lakehouse.among import Among
from lakehouse.runs import still_missed, without_withdrawn
from lakehouse.search import Hit, Mode
from schemas.errors import AlmanacError, ConfigError
from schemas.settings import Settings
from schemas.times import When, isoformat

_QUESTIONS_AT_ONCE = 256
# By model, the cosine below which the nearest passage seldom answers. Measured on the sample
# documents: 15 of 15 questions about them are above it, 14 of 15 about other things below
# (benchmarks/performance/far_hits.py).
_FITS = {"english": 0.28}


def history(settings: Settings) -> dict[str, Any]:
    """Every release of the configured index, newest first."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    releases = lake.releases(settings.index.name).history()
    found = [release.to_json() for release in releases]
    return {"lakehouse": lake.location.uri, "releases": found}


def runs(settings: Settings, missing: bool, last: int) -> dict[str, Any]:
    """The newest `last` nightly runs; with `missing` the dates at which nothing ran to this day."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    releases = lake.releases(settings.index.name).history()
    withdrawn = {one.seq for one in releases if one.withdrawn_by}
    records = without_withdrawn(lake.runs.records(settings.index.name), withdrawn)
    if missing:
        records = still_missed(records)
    rows = [
        {
            "as_of": isoformat(record.logical_time),
            "status": record.status,
            "release": record.release,
            "scheduled": record.scheduled,
            "started_at": isoformat(record.started_at),
            "run": record.run_id,
            "message": record.message,
        }
        for record in records[:last]
    ]
    return {"missing": missing, "total": len(records), "runs": rows}


def documents(settings: Settings, when: When | None) -> dict[str, Any]:
    """The documents of the release of `when`, the latest for None."""
    lake, view = _opened(settings, when)
    release, state = view.release, view.documents
    hashes = (stored.document_hash for stored in state.values())
    chunks = lake.chunks.counts(release.chunker, hashes)
    rows = [
        {
            "doc_id": stored.doc_id,
            "source": stored.source,
            "title": stored.title,
            "bytes": stored.bytes,
            "content_hash": stored.content_hash,
            "chunks": chunks.get(stored.document_hash, 0),
        }
        for stored in state.values()
    ]
    return {"release": release.seq, "as_of": isoformat(release.logical_time), "documents": rows}


def document(settings: Settings, doc_id: str, when: When | None) -> dict[str, Any]:
    """One document of the release of `when`: its text and the passages it was cut into."""
    _, view = _opened(settings, when)
    stored = view.find(doc_id)
    chunks = view.chunks(stored).select(["ordinal", "heading", "text", "text_hash", "tokens"])
    return {
        "release": view.release.seq,
        "as_of": isoformat(view.release.logical_time),
        "document": asdict(stored),
        "text": view.text(stored),
        "chunks": chunks.to_pylist(),
    }


def _opened(settings: Settings, when: When | None) -> tuple[Lakehouse, AsOf]:
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    return lake, lake.as_of(when, settings.index.name)


def quarantine(settings: Settings, every: bool, when: When | None = None) -> dict[str, Any]:
    """Rejections that stand, now or as of a release; those found mended too, for `every`."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    until = None
    if when is not None:
        until = lake.releases(settings.index.name).as_of(when).logical_time
    rows, dismissed = [], 0
    for row in lake.quarantine.rows(None, until):
        dismissed += row.status == "dismissed"
        if every or row.status == "open":
            plain = asdict(row) | {"at": isoformat(row.at), "run": row.run_id}
            rows.append({key: plain[key] for key in plain if key not in ("run_id", "ordinal")})
    return {"rows": rows, "dismissed": 0 if every else dismissed}


def search(
    settings: Settings,
    question: str,
    k: int,
    mode: Mode,
    when: When | None,
    filters: Filters | None = None,
) -> dict[str, Any]:
    """The `k` best passages for one question, of the documents that meet the conditions."""
    began = time.perf_counter()
    refuse_empty(question)
    searcher = Searcher(settings, when)
    among = searcher.among(filters)
    hits = searcher.search([question], k, mode, among)[0]
    nearest = _nearest(searcher, question, mode, hits, among)
    return {
        "release": searcher.release.seq,
        "mode": mode,
        "hits": [_plain(hit) for hit in hits],
        "nearest_cosine": nearest,
        "far": _is_far(searcher, nearest),
        "seconds": round(time.perf_counter() - began, 3),
    }


def _nearest(
    searcher: Searcher, question: str, mode: Mode, hits: list[Hit], among: Among | None
) -> float | None:
    """The cosine of the nearest passage; None for a search that embeds nothing, or finds none."""
    if mode == "hybrid":
        hits = searcher.search([question], 1, "vector", among)[0]
    return hits[0].score if hits and mode != "text" else None


def _is_far(searcher: Searcher, nearest: float | None) -> bool | None:
    """Is even the nearest passage about something else? None where that cannot be told."""
    least = _FITS.get(str(searcher.release.embedder_identity.get("model")))
    return None if nearest is None or least is None else nearest < least


def refuse_empty(question: str) -> None:
    """Raise ConfigError for a question of blanks alone, before anything is opened."""
    if not question.strip():
        raise ConfigError("the question is empty: write it in quotes after `almanac search`")


def answers(
    settings: Settings,
    file: str,
    k: int,
    mode: Mode,
    when: When | None,
    filters: Filters | None = None,
) -> Iterator[dict[str, Any]]:
    """The same for every row of a JSONL file with `id` and `text`, in its order."""
    questions = list(_questions(file))
    searcher = Searcher(settings, when)
    among = searcher.among(filters)
    for start in range(0, len(questions), _QUESTIONS_AT_ONCE):
        part = questions[start : start + _QUESTIONS_AT_ONCE]
        found = searcher.search([text for _, text in part], k, mode, among)
        for (name, _), hits in zip(part, found, strict=True):
            plain = [_plain(hit) for hit in hits]
            yield {"id": name, "release": searcher.release.seq, "hits": plain}


def _plain(hit: Hit) -> dict[str, Any]:
    return asdict(hit)


def _questions(file: str) -> Iterator[tuple[Any, str]]:
    with Path(file).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                name, text = row["id"], row["text"].strip() and row["text"]
            except (ValueError, KeyError, TypeError, AttributeError):
                raise AlmanacError(
                    f"{file}, line {number}: not a JSON object with id and text"
                ) from None
            if not text:
                raise AlmanacError(f"{file}, line {number}: its text is empty")
            yield name, text
