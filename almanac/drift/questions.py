"""Do users ask something else than before, and is it further from what the index holds?"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np

from almanac.drift.blocks import Numbers, compare
from almanac.drift.measures import Seen, measure, unknown
from almanac.drift.requests import blocks_of, too_few
from almanac.drift.scripts import columns, script
from almanac.embedding.factory import open_encoder
from almanac.retrieval.search import embedder_of
from lakehouse import Lakehouse
from lakehouse.chunks import QUESTIONS
from lakehouse.releases import Release
from lakehouse.request_slots import SlottedRequest
from lakehouse.search import Hit
from schemas.encoder import Encoder
from schemas.errors import LeaseHeld
from schemas.hashing import sha256_text
from schemas.settings import DriftSettings, LeaseSettings, Settings
from schemas.times import isoformat

_log = logging.getLogger("almanac.drift")
_EXAMPLES = 20


def look_at_questions(
    lake: Lakehouse,
    release: Release,
    end: datetime,
    settings: Settings,
    encoder: Encoder | None = None,
) -> Seen:
    """Hold the questions of the window up to `end` against those of the reference.

    Both are asked of the same release, by vector, so that only the questions can differ.
    """
    rules = settings.drift
    asked = lake.request_slots.questions(end, rules)
    if reason := too_few(asked, rules.questions.minimum, "questions"):
        return unknown("questions", reason, *_sides(asked))
    vectors = vectors_of(lake, release, asked, settings, encoder)
    reader = lake.read(release)
    nearest = [next(iter(reader.vector(vector, 1)), None) for vector in vectors]
    return judge_questions(asked, vectors.astype(np.float64), nearest, rules)


def vectors_of(
    lake: Lakehouse,
    release: Release,
    asked: Sequence[SlottedRequest],
    settings: Settings,
    encoder: Encoder | None = None,
) -> Any:
    """Query vectors by the model of a release, of shape (asked, dimension), float32.

    Each text is embedded once: `embeddings` keeps its vector, in a partition of its own, as a
    model may read a question in another way than a passage.
    """
    embedder = f"{release.embedder}{QUESTIONS}"
    hashes = [sha256_text(one.question) for one in asked]
    found = lake.vectors.of(embedder, hashes)
    vectors = {name: np.frombuffer(vector, "<f4") for name, vector in found.items()}
    texts = {name: one.question for name, one in zip(hashes, asked, strict=True)}
    if missing := sorted(texts.keys() - vectors.keys()):
        encoder = encoder or open_encoder(embedder_of(release, settings.embedder))
        made = encoder.encode_queries([texts[name] for name in missing])
        vectors |= dict(zip(missing, made, strict=True))
        wanted = {
            one.request_id: name
            for name, one in zip(hashes, asked, strict=True)
            if name not in found
        }
        _keep(lake, embedder, wanted, vectors, settings.lease)
    return np.stack([vectors[name] for name in hashes])


def _keep(
    lake: Lakehouse,
    embedder: str,
    wanted: Mapping[str, str],
    vectors: Mapping[str, Any],
    lease: LeaseSettings,
) -> None:
    """Store the vectors of requests, {request_id: text hash}; under the lease, as an erasure is.

    What was erased or stored since it was drawn is left out. Where another writes for longer than
    `lease.wait_seconds` nothing is stored, and the next look embeds these questions again.
    """
    try:
        with lake.lease(
            uuid4().hex[:16], "drift: questions", lease.ttl_seconds, lease.wait_seconds
        ):
            there = {wanted[name] for name in lake.requests.hashes(wanted)}
            if names := sorted(there - lake.vectors.known(embedder, there)):
                lake.vectors.append(embedder, names, np.stack([vectors[name] for name in names]))
                lake.seal_tables()
    except LeaseHeld as error:
        _log.warning("the vectors of %d questions are not stored: %s", len(wanted), error)


def judge_questions(
    asked: Sequence[SlottedRequest],
    vectors: Numbers,
    nearest: Sequence[Hit | None],
    rules: DriftSettings,
) -> Seen:
    """The measures of questions whose vectors and nearest passages are known.

    meaning: the distance between the two sides' vectors. distance: the greatest share by which more
    of the window's questions are further from their nearest passage (the similarity of the best
    hit; 0 where there is none). language: as logged, else the script.
    """
    limits, blocks = rules.questions, blocks_of(asked)
    similar = np.array([hit.score if hit else 0.0 for hit in nearest])
    window = np.array([one.slot == 0 for one in asked])
    logged = all(one.lang for one in asked)
    labels = [one.lang or "" if logged else script(one.question) for one in asked]
    names, spoken = columns(labels)
    how = (rules.resamples, rules.seed)
    similar_of = [float(np.median(similar[side])) for side in (window, ~window)]
    measures = (
        measure("meaning", compare(blocks, "energy", vectors, *how), limits.meaning),
        measure(
            "distance",
            compare(blocks, "less", similar[:, None], *how),
            limits.distance,
            *similar_of,
        ),
        measure("language", compare(blocks, "share", spoken, *how), limits.language),
    )
    drawn = {
        "similarity": [similar[side].tolist() for side in (window, ~window)],
        "languages": {
            name: [float(spoken[side, at].mean()) for side in (window, ~window)]
            for at, name in enumerate(names)
        },
        "farthest": _farthest(asked, similar, nearest),
    }
    return Seen("questions", "quiet", "", *_sides(asked), measures, drawn)


def _sides(asked: Sequence[SlottedRequest]) -> tuple[int, int]:
    window = sum(one.slot == 0 for one in asked)
    return window, len(asked) - window


def _farthest(
    asked: Sequence[SlottedRequest], similar: Numbers, nearest: Sequence[Hit | None]
) -> list[dict[str, Any]]:
    """The questions of the window that the index knows least of, each once."""
    rows: dict[str, dict[str, Any]] = {}
    order = sorted(range(len(asked)), key=lambda at: (similar[at], asked[at].request_id))
    for at in order:
        one, hit = asked[at], nearest[at]
        if one.slot == 0 and one.question not in rows and len(rows) < _EXAMPLES:
            rows[one.question] = {
                "question": one.question,
                "similarity": round(float(similar[at]), 4),
                "nearest": f"{hit.source}: {hit.doc_id}" if hit else "",
                "request_id": one.request_id,
                "asked_at": isoformat(one.asked_at),
            }
    return list(rows.values())
