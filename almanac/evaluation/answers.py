"""Both models' answers to the cases of an evaluation, as they lie in a job's folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_TEXTS = ("case_id", "base_answer", "adapter_answer", "examples_answer")
_FIGURES = ("base_chosen", "base_rejected", "adapter_chosen", "adapter_rejected")
_SCHEMA = pa.schema(
    [pa.field(name, pa.string()) for name in _TEXTS]
    + [pa.field(name, pa.float64()) for name in _FIGURES]
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What base and adapter said to one case, and the base with examples in its prompt.

    An answer is None where prompt and answer do not fit the model's window: it was not asked. The
    figures are natural-log probabilities of the case's preferred and rejected answer, mean over
    the answer's tokens; None where the case has no such answer.
    """

    case_id: str
    base_answer: str | None
    adapter_answer: str | None
    base_chosen: float | None = None
    base_rejected: float | None = None
    adapter_chosen: float | None = None
    adapter_rejected: float | None = None
    examples_answer: str | None = None


def write_answers(answers: Iterable[Answered], file: Path) -> None:
    """Answers as Parquet, by case: the same answers, the same bytes."""
    rows = [asdict(one) for one in sorted(answers, key=lambda one: one.case_id)]
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), file)


def read_answers(file: Path) -> list[Answered]:
    """What `write_answers` wrote."""
    return [Answered(**row) for row in pq.read_table(file, schema=_SCHEMA).to_pylist()]
