"""The evidence of a rollout, read from what was answered, voted and judged in it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from almanac.rollouts.confidence import Rates
from almanac.rollouts.evidence import WINDOW, Evidence, Pairs
from almanac.rollouts.state import Rollout
from almanac.rollouts.trips import CandidateAnswer, tripped
from lakehouse import Lakehouse
from lakehouse.rollouts import Answered, Judgement

BAD = ("failed", "blocked", "empty")
# In place of a judge's name, where none was asked: a version failed to answer, or there is none.
SKIPPED, NO_JUDGE = "skipped", "none"


def gather(lake: Lakehouse, rollout: Rollout) -> Evidence:
    """The evidence as Delta has it now."""
    answers = lake.rollouts.answers(rollout.name, rollout.started_at)
    judgements = lake.judgements.of_rollout(rollout.name)
    votes = lake.rollouts.votes(one.request_id for one in answers)
    by_id = {one.request_id: one for one in answers}
    ratings = [(by_id[row["request_id"]], row["user_id"], int(row["rating"])) for row in votes]
    return evidence_of(rollout, answers, ratings, judgements)


def evidence_of(
    rollout: Rollout,
    answers: Sequence[Answered],
    ratings: Iterable[tuple[Answered, str, int]],
    judgements: Sequence[Judgement],
) -> Evidence:
    """The figures.

    Args:
        rollout: with its shares over time.
        answers: of both versions to users, by time.
        ratings: (answer, voter, 1 or -1), by time of the vote.
        judgements: of pairs, in the order of their judging.
    """
    began = [at for at, _ in rollout.stretches()]
    # A reader who left says nothing of the answer.
    counted = [one for one in answers if one.status != "cut"]
    signals = _by_stretch(began, ((one, one.status not in BAD) for one in counted))
    # A user's votes at one share are one: the newest. They have one mind.
    newest = {
        (_stretch(began, answer.asked_at), voter): (answer, rating > 0)
        for answer, voter, rating in ratings
    }
    return Evidence(
        pairs=_pairs(judgements, rollout.share_since),
        signals=signals,
        votes=_by_stretch(began, newest.values()),
        tripped=tripped(_candidate_answers(answers, judgements), rollout.plan, rollout.started_at),
    )


def _pairs(judgements: Sequence[Judgement], since: datetime) -> Pairs:
    asked = [one for one in judgements if one.judge not in (SKIPPED, NO_JUDGE)]
    judged = [one for one in asked if one.verdict != "not_judged"]
    last = asked[-WINDOW:]
    tried = [one for one in judgements if one.at >= since]
    return Pairs(
        n=len(judged),
        total=sum(one.score for one in judged),
        squares=sum(one.score**2 for one in judged),
        sent=len(last),
        judged=sum(one.verdict != "not_judged" for one in last),
        since_step=sum(one.at >= since for one in judged),
        tried=len(tried),
        answered=sum(one.judge != SKIPPED for one in tried),
    )


def _by_stretch(
    began: Sequence[datetime], answers: Iterable[tuple[Answered, bool]]
) -> tuple[Rates, ...]:
    counts: Counter[tuple[int, str, bool]] = Counter()
    for answer, is_good in answers:
        counts[_stretch(began, answer.asked_at), answer.arm, is_good] += 1
    return tuple(
        Rates(
            candidate=counts[at, "candidate", True] + counts[at, "candidate", False],
            candidate_good=counts[at, "candidate", True],
            current=counts[at, "current", True] + counts[at, "current", False],
            current_good=counts[at, "current", True],
        )
        for at in sorted({stretch for stretch, _, _ in counts})
    )


def _stretch(began: Sequence[datetime], at: datetime) -> int:
    return max(bisect_right(began, at) - 1, 0)


def _candidate_answers(
    answers: Sequence[Answered], judgements: Sequence[Judgement]
) -> list[CandidateAnswer]:
    """Of the candidate to users, and in the background, by time.

    A failure of the present version ends a row of the candidate's: what fails for both, such as an
    endpoint that is down, says nothing of the candidate.
    """
    found = [
        CandidateAnswer(
            one.asked_at,
            one.status == "failed",
            None if one.latency_ms is None else one.latency_ms / 1000,
        )
        for one in answers
        if one.arm == "candidate" and one.status != "cut"
    ]
    found += [
        CandidateAnswer(one.asked_at, False, None)
        for one in answers
        if one.arm != "candidate" and one.status == "failed"
    ]
    for one in judgements:
        if one.arm == "current":
            latency = one.result.get("latency_ms")
            seconds = None if latency is None else float(latency) / 1000
            found.append(CandidateAnswer(one.at, one.result.get("status") == "failed", seconds))
    return sorted(found, key=lambda one: one.at)
