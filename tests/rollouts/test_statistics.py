"""Intervals and verdicts, without a lakehouse."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from almanac.rollouts.assignment import arm_of, place
from almanac.rollouts.confidence import Rates, difference_of_rates, paired, rho_squared
from almanac.rollouts.decide import Clock, decide
from almanac.rollouts.evidence import Evidence, Pairs
from almanac.rollouts.plan import ALPHA, Plan
from almanac.rollouts.trips import CandidateAnswer, tripped
from benchmarks.quality.rollouts import Case, plain_test, run

PLAN = Plan()
LONG = Clock(500, 100)
START = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_interval_is_that_of_the_paper() -> None:
    """Proposition 2.5, written out for 400 pairs of which 60 won and 20 lost, at alpha 0.02."""
    n, mean, alpha = 400, 40 / 400, 0.02
    variance = 80 / 400 - mean**2
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / 40
    assert rho_squared(alpha) == pytest.approx(rho2)
    inner = n * variance * rho2 + 1
    half = math.sqrt(inner / (n * n * rho2) * math.log(inner / alpha**2))
    found = paired(n, 40, 80, alpha)
    assert found.n == 400
    figures = [found.estimate, found.lower, found.upper]
    assert figures == pytest.approx([0.1, 0.1 - half, 0.1 + half])


def test_the_true_value_is_in_every_interval_of_the_sequence() -> None:
    """Of 400 sequences looked at after each of 500 pairs, at most alpha of them ever miss it."""
    random = np.random.default_rng(7)
    missed = 0
    for _ in range(400):
        values = random.choice([1, 0, -1], 500, p=[0.2, 0.7, 0.1])
        totals, squares = np.cumsum(values), np.cumsum(values**2)
        missed += any(
            not found.lower <= 0.1 <= found.upper
            for n in range(10, 500)
            if (found := paired(n, float(totals[n - 1]), float(squares[n - 1]), 0.05))
        )
    assert missed / 400 <= 0.05


def test_ties_alone_prove_nothing_at_first() -> None:
    assert paired(50, 0, 0, 0.02).lower < -0.05
    assert paired(200, 0, 0, 0.02).lower > -0.05
    assert paired(0, 0, 0, 0.02).lower == -1


def test_rates_are_compared_within_a_stretch_alone() -> None:
    """A bad hour at 5 % and a good one at 50 %: pooled, the candidate would look better."""
    strata = [Rates(50, 25, 950, 475), Rates(500, 450, 500, 450), Rates(0, 0, 700, 0)]
    found = difference_of_rates(strata, 0.01)
    assert found.estimate == pytest.approx(0)
    assert found.lower < 0 < found.upper
    assert found.n == 550
    assert difference_of_rates([Rates(400, 360, 400, 400)], 0.01).upper < 0
    assert difference_of_rates([Rates(0, 0, 400, 400)], 0.01).n == 0


def test_nobody_moves_back_when_the_share_grows() -> None:
    users = [f"user {number}" for number in range(2_000)]
    before: set[str] = set()
    for share in PLAN.schedule:
        now = {user for user in users if arm_of("r1", user, share) == "candidate"}
        assert before <= now
        assert len(now) == pytest.approx(share * 2_000, abs=100)
        before = now
    assert before == set(users)
    assert place("r1", "user 1") != place("r2", "user 1")


def test_what_is_worse_goes_back_and_says_by_how_much() -> None:
    verdict = decide(PLAN, 0.05, Clock(10, 1), Evidence(Pairs(300, -60, 100, 50, 50, 0)))
    assert verdict.kind == "roll_back"
    assert verdict.reason.startswith("worse by the judge's pairs, -20.0% (-3")
    votes = Evidence(votes=(Rates(200, 120, 200, 190),))
    assert decide(PLAN, 0.5, LONG, votes).reason.startswith("worse by users who did not dislike")
    tripped_now = Evidence(tripped="5 answers of the candidate failed in a row")
    assert decide(PLAN, 0.0, Clock(0, 0), tripped_now).reason == tripped_now.tripped


GOOD = Pairs(1_500, 30, 300, 50, 50, 100)


@pytest.mark.parametrize(
    ("change", "clock", "words"),
    [
        ({}, Clock(500, 59), "59 of 60 minutes at 5%"),
        ({"n": 49}, LONG, "not measured yet: 49 of 50 by the judge's pairs"),
        ({"judged": 39}, LONG, "not measured: the judge judged 39 of the last 50 pairs"),
        ({"sent": 0, "judged": 0}, LONG, "not measured: the judge judged 0 of the last 0 pairs"),
        ({"since_step": 19}, LONG, "not measured at 5%: 19 of 20 pairs judged there"),
        ({"total": -40.0}, LONG, "may be worse by more than 5%"),
    ],
)
def test_without_evidence_the_share_does_not_grow(
    change: dict[str, float], clock: Clock, words: str
) -> None:
    verdict = decide(PLAN, 0.05, clock, Evidence(replace(GOOD, **change)))  # type: ignore[arg-type]
    assert verdict.kind == "hold"
    assert words in verdict.reason


def test_steps_lead_to_promotion_and_a_test_never_does() -> None:
    good, shares = Evidence(GOOD), []
    share = PLAN.schedule[0]
    while (verdict := decide(PLAN, share, LONG, good)).kind == "step":
        share = verdict.share or 0
        shares.append(share)
    assert (shares, verdict.kind) == ([0.05, 0.25, 0.5, 1.0], "promote")
    test = replace(PLAN, schedule=(0.5,), promotes=False)
    assert decide(test, 0.5, LONG, good).kind == "hold"
    late = Clock(15 * 1440, 100)
    assert decide(test, 0.5, late, good).kind == "expire"
    assert decide(PLAN, 0.5, late, Evidence()).kind == "expire"


def test_without_a_judge_votes_decide() -> None:
    plan = replace(PLAN, needs="votes")
    assert decide(plan, 0.5, LONG, Evidence(GOOD)).kind == "hold"
    votes = Evidence(votes=(Rates(2_000, 1_900, 2_000, 1_900),))
    assert decide(plan, 0.5, LONG, votes).kind == "step"


def test_without_a_judge_the_first_users_come_once_it_answered_in_the_background() -> None:
    for needs in ("votes", "signals"):
        plan = replace(PLAN, needs=needs)  # type: ignore[arg-type]
        assert decide(plan, 0.0, Clock(30, 30), Evidence(Pairs(tried=20, answered=20))).reason == (
            "30 of 60 minutes at 0%"
        )
        for tried, answered in ((19, 19), (40, 20)):
            held = decide(plan, 0.0, LONG, Evidence(Pairs(tried=tried, answered=answered)))
            assert held.kind == "hold"
            assert held.reason == (
                f"not measured yet: it answered {answered} of {tried} questions in the background, "
                "20 are needed"
            )
        stepped = decide(plan, 0.0, LONG, Evidence(Pairs(tried=22, answered=20)))
        assert (stepped.kind, stepped.share) == ("step", 0.05)
        assert stepped.reason.startswith("it answered 20 of 22 questions in the background; ")
        assert decide(plan, 0.05, LONG, Evidence(Pairs(tried=22, answered=20))).kind == "hold"


def test_the_alphas_are_spent_over_the_three_sources() -> None:
    assert ALPHA == {"signals": 0.01, "judge": 0.02, "votes": 0.02}


def answer(second: float, failed: bool = False, took: float = 1.0) -> CandidateAnswer:
    return CandidateAnswer(START + timedelta(seconds=second), failed, took)


def test_five_failures_in_a_row_trip() -> None:
    broken = [answer(at, at != 4) for at in range(9)]
    assert tripped(broken, PLAN, START) == ""
    assert tripped([*broken, answer(10, True)], PLAN, START).startswith("5 answers")


def test_three_slow_windows_in_a_row_trip() -> None:
    plan = replace(PLAN, p99_seconds=5)
    windows = {0: 9, 1: 9, 2: 1, 3: 9, 4: 9}
    slow = [answer(300 * at + n, took=took) for at, took in windows.items() for n in range(20)]
    assert tripped(slow, plan, START) == ""
    more = [*slow, *(answer(1_500 + n, took=9) for n in range(20))]
    assert "in 3 windows of five minutes in a row" in tripped(more, plan, START)
    assert tripped(more, PLAN, START) == ""
    few = [*slow, *(answer(1_500 + n, took=9) for n in range(19))]
    assert tripped(few, plan, START) == ""


def test_simulated_rollouts_end_as_they_should() -> None:
    """A few of what `benchmarks/quality/rollouts.py` runs a thousand times each."""
    ends = {
        points: Counter(run(Case("", points), seed, PLAN).kind for seed in range(60))
        for points in (0.0, -0.1, 0.05)
    }
    assert ends[0.0]["roll_back"] <= 2
    assert ends[-0.1]["roll_back"] == 60
    assert ends[0.05]["promote"] >= 58
    dead = Case("", 0.05, dead=((0, 2_000),))
    assert {run(dead, seed, PLAN).most for seed in range(10)} == {0.0}
    assert sum(plain_test(Case("", 0.0), seed) for seed in range(60)) >= 3
