"""Both models' answers to the cases of an evaluation, made by a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from almanac.evaluation.answers import Answered, read_answers
from almanac.evaluation.cases import Case, write_cases
from almanac.training.jobs import Job, work
from schemas.errors import TuningFailed


def evaluate(
    job: Job, cases: Sequence[Case], on_progress: Callable[[dict[str, Any]], None]
) -> tuple[list[Answered], dict[str, Any]]:
    """Ask base and adapter every case; the answers by case, and what merge.json says.

    Where that was begun for the same cases it goes on, and where it is done it is read.
    `on_progress` gets phase (base, adapter, merge), done, of (batches) and seconds.

    Raises:
        TuningFailed: there are no cases, or the process ended otherwise, with the last lines that
            it said.
    """
    if not cases:
        raise TuningFailed("there is nothing to evaluate: no held-back, golden or liked question")
    for name in ("answers.parquet", "merge.json"):
        (job.folder / name).unlink(missing_ok=True)  # Their presence says that it is done.
    write_cases(cases, job.folder / "cases.parquet")
    obituary = work(job, "almanac.evaluation.evaluate_job", on_progress)
    merge = job.folder / "merge.json"
    if not merge.is_file():
        raise TuningFailed(obituary)
    answers = read_answers(job.folder / "answers.parquet")
    return answers, json.loads(merge.read_text(encoding="utf-8"))
