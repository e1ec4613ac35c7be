"""Recall of a release on the golden questions, night by night, so that it can be drawn."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from almanac.ingest.models import Models
from almanac.ingest.run import Run
from almanac.retrieval.golden import answerable, read_golden, recall_at
from almanac.retrieval.search import Searcher
from lakehouse.documents import Key
from lakehouse.releases import TaggedIndex

_HITS = 10
_QUESTIONS = 100  # the first of the file; each costs a search


def measure(
    run: Run, models: Models, release: TaggedIndex, keys: Collection[Key]
) -> dict[str, Any] | None:
    """Mean recall@10 of hybrid search as {k, questions, mean}; None where nothing can be asked.

    `release` is of the models of the run, and need not be in the log yet; `keys` are those of its
    documents. Questions are the first `_QUESTIONS` of `upgrade.questions` that hold on the run's
    day and that a document answers.

    Raises:
        AlmanacError: the questions cannot be read, or the model does not answer.
    """
    file = run.settings.upgrade.questions
    if file is None:
        return None
    held = {doc_id for _, doc_id in keys}
    golden = answerable(read_golden(file, run.logical_time), held)[:_QUESTIONS]
    if not golden:
        return None
    searcher = Searcher.of(run.settings, run.lake, release)
    searcher.encoder = models.encoder  # it is open already
    hits = searcher.search([one.text for one in golden], _HITS, "hybrid")
    shares = recall_at([[hit.doc_id for hit in some] for some in hits], golden, _HITS)
    return {"k": _HITS, "questions": len(golden), "mean": round(float(shares.mean()), 4)}
