"""Ranked rows of an index, before anything is read of them but their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

_RRF_K = 60


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row that a search found. Greater scores are better. `row` is Lance's number of it."""

    chunk_id: str
    score: float
    row: int


def in_order(rows: Sequence[Ranked]) -> list[Ranked]:
    """By score, the best first; equal ones by chunk id."""
    return sorted(rows, key=lambda one: (-one.score, one.chunk_id))


def fuse(first: Sequence[Ranked], second: Sequence[Ranked]) -> list[Ranked]:
    """Reciprocal rank fusion, k = 60 (Cormack, Clarke and Buettcher, SIGIR 2009)."""
    scores: dict[str, float] = {}
    rows: dict[str, Ranked] = {}
    for ranking in (first, second):
        for rank, one in enumerate(ranking, 1):
            scores[one.chunk_id] = scores.get(one.chunk_id, 0.0) + 1.0 / (_RRF_K + rank)
            rows.setdefault(one.chunk_id, one)
    return in_order([replace(rows[chunk], score=score) for chunk, score in scores.items()])
