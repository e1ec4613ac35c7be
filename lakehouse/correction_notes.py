"""What a teacher model wrote and the judge found, kept so that a later build asks nobody.

A note is a row of `training_examples` under the request that it is for, so an erasure takes it
along. Its id begins with a mark, so it is never taken for an example.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.delta import DeltaLog
from schemas.hashing import canonical_json

_MARK = "teacher:"


@dataclass(frozen=True, slots=True)
class CorrectionNote:
    """`content`, plain JSON, has `verdict` and, where the teacher gave one, `answer`.

    key: of all that the answer depends on.
    """

    key: str
    request_id: str
    content: Mapping[str, Any]


class CorrectionNotes:
    """The cache of synthetic corrections."""

    def __init__(self, examples: DeltaLog) -> None:
        self._examples = examples

    def by_key(self) -> dict[str, dict[str, Any]]:
        """Every stored note by its key."""
        rows = self._examples.query(
            f"SELECT example_id, example FROM log WHERE starts_with(example_id, '{_MARK}') "
            "ORDER BY example_id, example DESC"
        ).to_pylist()
        return {row["example_id"].removeprefix(_MARK): json.loads(row["example"]) for row in rows}

    def append(self, notes: Iterable[CorrectionNote]) -> None:
        """Store notes in one commit, in the order of their keys."""
        self._examples.append(
            [
                {
                    "example_id": _MARK + note.key,
                    "request_id": note.request_id,
                    "example": canonical_json(dict(note.content)),
                }
                for note in sorted(notes, key=lambda note: note.key)
            ]
        )
