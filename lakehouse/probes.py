"""Questions that a release is asked when it is sealed, and again whenever it is verified."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lakehouse.search import Hit, IndexReader

_PROBES = 8
_HITS = 10
_WORDS = 12
_EQUAL = 1e-4  # a cosine of single precision is that exact, whatever the vectors
# A word that every tokenizer keeps as it is: short, in plain letters, between blanks.
_WORD = re.compile(r"(?<!\S)[A-Za-z]{2,20}(?!\S)")
_SEARCHED = 20_000  # characters


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


def unreachable(
    reader: IndexReader, probes: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The probes whose row its own vector or words no longer lead to: the index is damaged.

    No text can cause that. A row may rank behind any number of rows that are as near or nearer
    (equal texts, one repeated paragraph); so where it is not among the answers, it is asked for by
    its id, over all partitions of the index, and has to come back.
    """
    missing = [
        probe
        for probe in probes
        if not _answers_with(probe, "vector") or not _answers_with(probe, "text")
    ]
    rows = {row["chunk_id"]: row for row in reader.rows([probe["chunk_id"] for probe in missing])}
    return [
        probe
        for probe in missing
        if (row := rows.get(probe["chunk_id"])) is None or not _leads_to(reader, probe, row)
    ]


def comes_first(probe: Mapping[str, Any]) -> bool:
    """Is a row among the answers to its own vector, or are all of those as near as itself?

    An approximate index may put others before it, if there are hundreds that are almost equal.
    """
    scores = [score for _, score in probe["vector"]]
    return _answers_with(probe, "vector") or min(scores, default=0.0) > 1.0 - _EQUAL


def _answers_with(probe: Mapping[str, Any], side: str) -> bool:
    return any(chunk == probe["chunk_id"] for chunk, _ in probe[side])


def _leads_to(reader: IndexReader, probe: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    vector = np.asarray(row["vector"], np.float32)
    word = _WORD.search(row["text"], 0, _SEARCHED)
    by_vector = _answers_with(probe, "vector") or reader.leads_to(row["chunk_id"], vector)
    if not by_vector or word is None or _answers_with(probe, "text"):
        return by_vector
    return reader.has_word(row["chunk_id"], word[0])


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
