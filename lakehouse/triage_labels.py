"""Causes that people settled, by which verdicts are measured."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse.delta import DeltaLog
from lakehouse.feedback import next_ordinal
from schemas.feedback import TriageLabel
from schemas.tables.feedback import TRIAGE_LABELS

_CURRENT = """
    SELECT * EXCLUDE (nth) FROM (
        SELECT *, row_number() OVER (PARTITION BY request_id ORDER BY ordinal DESC) AS nth FROM log
    ) WHERE nth = 1 ORDER BY request_id
"""


class TriageLabels:
    """`triage_labels`: the newest label of a request counts."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def current(self) -> dict[str, TriageLabel]:
        """The label of each request that has one."""
        rows = self._log.query(_CURRENT).to_pylist()
        return {row["request_id"]: TRIAGE_LABELS.read(TriageLabel, row) for row in rows}

    def append(self, labels: Iterable[TriageLabel]) -> None:
        """Store labels in one commit; only under the lease."""
        ordinal = next_ordinal(self._log)
        self._log.append([TRIAGE_LABELS.to_row(one, ordinal=ordinal) for one in labels])
