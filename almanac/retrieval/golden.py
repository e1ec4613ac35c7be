"""Golden questions: may an index of another model or chunker replace the one that answers now?"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almanac.core.bootstrap import RESAMPLES, interval
from schemas.errors import ConfigError
from schemas.times import as_utc
from schemas.words import count

_RELEVANT = ("relevant", "doc_id", "path")
_ROUNDING = 1e-9  # of means of numbers up to 1


@dataclass(frozen=True, slots=True)
class Golden:
    """A question and the ids of the documents that answer it."""

    id: str
    text: str
    relevant: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Mean recall of the old and the new index, and the 95 % interval of their difference.

    passed: not worse by more than `margin`, as far as these questions can tell: `low` is at or
    above -margin (non-inferiority).
    """

    questions: int
    old: float
    new: float
    difference: float
    low: float
    high: float
    margin: float
    passed: bool

    def sentence(self) -> str:
        """The figures on one line."""
        return (
            f"recall on {count(self.questions, 'golden question')} is "
            f"{self.new:.4f} and was {self.old:.4f}: a difference of {self.difference:+.4f}, 95 % "
            f"interval {self.low:+.4f} to {self.high:+.4f}, where {-self.margin:+.4f} is the least "
            f"allowed: {'passed' if self.passed else 'not passed'}"
        )


def read_golden(file: str, on: date) -> list[Golden]:
    """The questions of a JSONL file that hold on a day, in its order.

    A row has `id`, `text`, and one of `relevant` (a list of document ids), `doc_id` and `path` (one
    id). One with `dates`, a list of [first, last], holds from a first day to its last alone.

    Raises:
        ConfigError: no such file, a row is none of that, or an id comes twice; line and file named.
    """
    day = as_utc(on).date() if isinstance(on, datetime) else on
    seen: dict[str, int] = {}
    kept = []
    for number, line in rows_of(file):
        try:
            row = json.loads(line)
            golden, valid = _golden(row), _valid_on(row, day)
        except (ValueError, TypeError, RecursionError) as error:
            raise ConfigError(f"{file}, line {number}: no golden question: {error}") from None
        if golden.id in seen:
            raise ConfigError(
                f"{file}, line {number}: the id {golden.id!r} stands in line {seen[golden.id]} too"
            )
        seen[golden.id] = number
        kept += [golden] if valid else []
    return kept


def rows_of(file: str) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line of a file of golden questions that is not blank.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: the golden questions cannot be read: {error}") from None
    return ((number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip())


def _golden(row: Any) -> Golden:
    if not isinstance(row, dict):
        raise TypeError("the row is no JSON object")
    named = [name for name in _RELEVANT if name in row]
    if len(named) != 1:
        raise ValueError(f"one of {', '.join(_RELEVANT)} is needed, found {len(named)} of them")
    value = row[named[0]]
    relevant = value if named == ["relevant"] else [value]
    if not isinstance(relevant, list) or not relevant or not all(map(_is_text, relevant)):
        raise TypeError(f"{named[0]} must name documents, found {value!r}")
    for name in ("id", "text"):
        if not _is_text(row.get(name)):
            raise TypeError(f"{name} must be a text, found {row.get(name)!r}")
    return Golden(row["id"], row["text"], tuple(dict.fromkeys(relevant)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _valid_on(row: dict[str, Any], day: date) -> bool:
    if "dates" not in row:
        return True
    ranges = [[date.fromisoformat(end) for end in ends] for ends in row["dates"]]
    return any(first <= day <= last for first, last in ranges)


def answerable(golden: Sequence[Golden], doc_ids: Collection[str]) -> list[Golden]:
    """The questions that documents of a release answer, each with these documents alone."""
    held = frozenset(doc_ids)
    found = (
        replace(one, relevant=tuple(name for name in one.relevant if name in held))
        for one in golden
    )
    return [one for one in found if one.relevant]


def recall_at(
    found: Sequence[Sequence[str]], golden: Sequence[Golden], k: int = 10
) -> NDArray[np.float64]:
    """Share of each question's relevant documents among its first `k` hits, shape (n,).

    `found` has the doc_id of each hit, best first. Hits are passages, as a reader gets them:
    several of one document take several of the `k` places.
    """
    shares = [
        len(set(hits[:k]).intersection(one.relevant)) / len(one.relevant)
        for hits, one in zip(found, golden, strict=True)
    ]
    return np.array(shares, np.float64)


def compare(
    old: NDArray[np.float64],
    new: NDArray[np.float64],
    margin: float,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Verdict:
    """Hold the recall of a new index, question by question, against that of the old; shape (n,).

    The interval is that of `bootstrap.interval`: the same questions give the same verdict, in
    whatever order.

    Raises:
        ConfigError: there are no questions.
    """
    if old.shape != new.shape:
        raise ValueError(f"recall of {old.shape} and of {new.shape} questions cannot be compared")
    if not old.size:
        raise ConfigError(
            "no golden question can be answered: none names a document of this release on its day"
        )
    low, high = interval(new - old, resamples, seed)
    old_mean, new_mean = fsum(old) / old.size, fsum(new) / new.size
    passed = low >= -margin - _ROUNDING
    return Verdict(old.size, old_mean, new_mean, new_mean - old_mean, low, high, margin, passed)
