"""Questions that a release is asked when it is sealed, and again whenever it is verified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lakehouse.search import Hit, IndexReader

_PROBES = 8
_HITS = 10
_WORDS = 12


def ask_probes(reader: IndexReader) -> list[dict[str, Any]]:
    """Probes and their answers: (chunk id, score) pairs by vector and by text.

    A probe is a row of the release itself, asked by its own vector and its own first words; those
    with the least row hashes are taken, so the same rows give the same probes.
    """
    return [_asked(reader, row) for row in reader.least_rows(_PROBES)]


def ask_again(reader: IndexReader, probes: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the same probes answer now; a probe whose row is gone answers nothing."""
    rows = {row["chunk_id"]: row for row in reader.rows([probe["chunk_id"] for probe in probes])}
    gone = {"words": "", "text": [], "vector": []}
    return [
        _asked(reader, rows[chunk])
        if (chunk := probe["chunk_id"]) in rows
        else {"chunk_id": chunk, **gone}
        for probe in probes
    ]


def finds_itself(probe: Mapping[str, Any]) -> bool:
    """Is the best answer to the vector of a row that row, or one with the very same vector?"""
    answers = probe["vector"]
    return any(chunk == probe["chunk_id"] for chunk, score in answers if score == answers[0][1])


def _asked(reader: IndexReader, row: Mapping[str, Any]) -> dict[str, Any]:
    words = " ".join(row["text"].split()[:_WORDS])
    vector = np.asarray(row["vector"], np.float32)
    return {
        "chunk_id": row["chunk_id"],
        "words": words,
        "text": _plain(reader.text(words, _HITS)),
        "vector": _plain(reader.vector(vector, _HITS)),
    }


def _plain(hits: list[Hit]) -> list[list[Any]]:
    return [[hit.chunk_id, hit.score] for hit in hits]
