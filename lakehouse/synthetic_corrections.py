"""What a teacher model wrote and the judge found, kept so that a later build asks nobody."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.delta import DeltaLog
from schemas.tables.training import SYNTHETIC_CORRECTIONS

# Versions up to 0.1.0 kept them among the training examples, their ids marked. They are read there,
# and an erasure takes them from there, too.
_MARK = "teacher:"
_MARKED = f"""
    SELECT example_id, example FROM log WHERE starts_with(example_id, '{_MARK}')
    ORDER BY example_id, example DESC
"""


@dataclass(frozen=True, slots=True)
class SyntheticCorrection:
    """`content`, plain JSON, has `verdict` and, where the teacher gave one, `answer`.

    key: of all that the answer depends on.
    """

    key: str
    request_id: str
    content: Mapping[str, Any]


class SyntheticCorrections:
    """`synthetic_corrections`, and those that earlier versions kept in `training_examples`."""

    def __init__(self, log: DeltaLog, examples: DeltaLog) -> None:
        self._log, self._examples = log, examples

    def by_key(self) -> dict[str, dict[str, Any]]:
        """The content of every stored correction by its key."""
        earlier = self._examples.query(_MARKED).to_pylist()
        rows = self._log.query("SELECT * FROM log ORDER BY key, content DESC").to_pylist()
        stored = [SYNTHETIC_CORRECTIONS.read(SyntheticCorrection, row) for row in rows]
        return {
            row["example_id"].removeprefix(_MARK): json.loads(row["example"]) for row in earlier
        } | {one.key: dict(one.content) for one in stored}

    def append(self, corrections: Iterable[SyntheticCorrection]) -> None:
        """Store corrections in one commit, in the order of their keys."""
        ordered = sorted(corrections, key=lambda one: one.key)
        self._log.append([SYNTHETIC_CORRECTIONS.to_row(one) for one in ordered])
