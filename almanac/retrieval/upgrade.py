"""May an index of another embedder or chunker take the place of the one that answers now?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from almanac.ingest.run import Run
from almanac.retrieval.golden import Golden, Verdict, answerable, compare, read_golden, recall_at
from almanac.retrieval.search import Searcher
from lakehouse.releases import DraftRelease, Release, TaggedIndex
from schemas.errors import AlmanacError, CandidateWaits

_HITS = 10
_APPROVE = "`almanac restore --as-of {seq} --mode publish` or `almanac nightly --accept-upgrade`"


def is_upgrade(latest: Release | None, release: TaggedIndex) -> bool:
    """Was `release` made by another embedder or chunker than what answers now?"""
    if latest is None:
        return False
    return (latest.chunker, latest.embedder) != (release.chunker, release.embedder)


def objection(run: Run, latest: Release, candidate: DraftRelease) -> str:
    """Why `candidate` must not be published without a person's word; empty where it may.

    Both releases are asked the golden questions that either can answer as of the run's day.
    """
    settings = run.settings.upgrade
    if settings.questions is None:
        return (
            "no golden questions are configured (upgrade.questions), so nothing shows that it "
            "answers as well as the present one"
        )
    try:
        verdict = judge(run, latest, candidate, read_golden(settings.questions, _day(run)))
    except AlmanacError as error:
        return f"the golden questions could not be asked: {error}"
    if verdict.questions < settings.min_questions:
        return f"only {verdict.questions} golden questions can be answered; {verdict.sentence()}"
    return "" if verdict.passed else verdict.sentence()


def judge(run: Run, latest: Release, candidate: DraftRelease, questions: list[Golden]) -> Verdict:
    """Compare recall@10 of two releases over the same questions, hybrid search on both."""
    held = {doc_id for _, doc_id in run.lake.documents.state(candidate.snapshot_seq)}
    golden = answerable(questions, held)
    old, new = (_recall(run, release, golden) for release in (latest, candidate))
    return compare(old, new, run.settings.upgrade.margin)


def _recall(run: Run, release: TaggedIndex, golden: list[Golden]) -> NDArray[np.float64]:
    searcher = Searcher.of(run.settings, run.lake, release)
    hits = searcher.search([question.text for question in golden], _HITS, "hybrid")
    return recall_at([[hit.doc_id for hit in ranking] for ranking in hits], golden, _HITS)


def as_candidate(draft: DraftRelease, reason: str) -> DraftRelease:
    """The draft as one that waits for a person's word."""
    return replace(draft, kind="candidate", note={"refused": reason})


def refusal(candidate: Release) -> CandidateWaits:
    """What a run ends with whose index waits for a person's word."""
    return CandidateWaits(
        f"release {candidate.seq} was built with another embedder or chunker and is kept as a "
        f"candidate, not published: {candidate.note['refused']}. Try it with `almanac search "
        f"--as-of {candidate.seq}`; publish it with " + _APPROVE.format(seq=candidate.seq)
    )


def _day(run: Run) -> date:
    return run.logical_time.date()
