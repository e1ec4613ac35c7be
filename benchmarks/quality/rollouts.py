"""What rollouts decide, simulated through the code that decides: shares rolled back and promoted.

Each run is a rollout over 2,000 sampled pairs, looked at every 20 of them, with the plan of the
configuration's defaults (an hour a share; 20 pairs are 20 minutes here). An answer of the present
version is right in 70 % of the questions; the candidate differs in 20 % of them and more, and wins
or loses those so that its rate is as the case says.

    python benchmarks/quality/rollouts.py [--runs 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from almanac.rollouts.decide import Clock, decide
from almanac.rollouts.evidence import WINDOW, Evidence, Pairs
from almanac.rollouts.plan import Plan

PAIRS, LOOK = 2_000, 20
DIFFER = 0.2  # of the questions, those that exactly one version answers right
_Z = 2.3263  # of a two-sided test at 0.02, as the judge's share of alpha


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of rollout: the true difference, how often the judge is right, when it is dead."""

    name: str
    points: float  # candidate less current
    judge_right: float = 1.0
    dead: tuple[tuple[int, int], ...] = ()  # stretches of pairs that it does not judge


@dataclass(slots=True)
class Outcome:
    """How a rollout ended, after how many pairs, and how its share moved."""

    kind: str
    pairs: int
    grew_without_evidence: bool
    most: float


CASES = (
    Case("equal", 0.0),
    Case("-2 points", -0.02),
    Case("-5 points", -0.05),
    Case("-10 points", -0.10),
    Case("-20 points", -0.20),
    Case("+5 points", 0.05),
    Case("equal, judge dead half of the time",
         0.0, dead=tuple((at, at + 200) for at in range(100, PAIRS, 400))),
    Case("-10 points, judge dead half of the time",
         -0.10, dead=tuple((at, at + 200) for at in range(100, PAIRS, 400))),
    Case("+5 points, judge dead from the start", 0.05, dead=((0, PAIRS),)),
    Case("equal, judge right in 80 %", 0.0, judge_right=0.8),
    Case("-5 points, judge right in 80 %", -0.05, judge_right=0.8),
    Case("-10 points, judge right in 80 %", -0.10, judge_right=0.8),
    Case("+5 points, judge right in 80 %", 0.05, judge_right=0.8),
)  # fmt: skip


def draws(case: Case, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The judge's differences in {-1, 0, 1} of PAIRS pairs, and which of them it judged.

    Of a judge that is right in 80 %, each of the other answers is a coin's: it calls a difference
    none or the reverse, and finds one where there is none, in equal parts.
    """
    random = np.random.default_rng(seed)
    differ = max(DIFFER, abs(case.points) + 0.1)
    win, lose = (differ + case.points) / 2, (differ - case.points) / 2
    true = random.choice([1, 0, -1], PAIRS, p=[win, 1 - win - lose, lose])
    wrong = random.random(PAIRS) >= case.judge_right
    other = np.where(random.random(PAIRS) < 0.5, (true + 2) % 3 - 1, (true + 3) % 3 - 1)
    judged = np.ones(PAIRS, dtype=bool)
    for start, end in case.dead:
        judged[start:end] = False
    return np.where(wrong, other, true), judged


def run(case: Case, seed: int, plan: Plan) -> Outcome:
    """One rollout to its end, or to its last pair."""
    differences, judged = draws(case, seed)
    share, stepped, minutes_stepped, most = plan.schedule[0], 0, 0, plan.schedule[0]
    counted = np.where(judged, differences, 0)
    totals, squares = np.cumsum(counted), np.cumsum(np.abs(counted))
    known = np.cumsum(judged)
    unfounded = False
    for at in range(LOOK, PAIRS + 1, LOOK):
        start = max(0, at - WINDOW)
        before = int(known[stepped - 1]) if stepped else 0
        evidence = Evidence(
            Pairs(
                n=int(known[at - 1]),
                total=float(totals[at - 1]),
                squares=float(squares[at - 1]),
                sent=at - start,
                judged=int(judged[start:at].sum()),
                since_step=int(known[at - 1]) - before,
            )
        )
        verdict = decide(plan, share, Clock(at, at - minutes_stepped), evidence)
        if verdict.kind == "step":
            unfounded |= not judged[at - LOOK : at].any()
            share = verdict.share or 0.0
            most, stepped, minutes_stepped = max(most, share), at, at
        elif verdict.kind != "hold":
            return Outcome(verdict.kind, at, unfounded, most)
    return Outcome("undecided", PAIRS, unfounded, most)


def plain_test(case: Case, seed: int) -> bool:
    """Would a z test at the same alpha, looked at as often, roll it back?"""
    differences, judged = draws(case, seed)
    for at in range(50, PAIRS + 1, LOOK):
        seen = differences[:at][judged[:at]]
        if len(seen) > 1 and seen.mean() + _Z * seen.std(ddof=1) / math.sqrt(len(seen)) < 0:
            return True
    return False


def summary(case: Case, runs: int, plan: Plan) -> dict[str, object]:
    """The figures of one case."""
    outcomes = [run(case, seed, plan) for seed in range(runs)]

    def part(kind: str) -> float:
        return round(sum(one.kind == kind for one in outcomes) / runs, 4)

    def quantiles(kind: str) -> list[int]:
        pairs = [one.pairs for one in outcomes if one.kind == kind]
        return [int(np.percentile(pairs, at)) for at in (50, 90)] if pairs else []

    return {
        "case": case.name,
        "rolled_back": part("roll_back"),
        "rolled_back_pairs": quantiles("roll_back"),
        "promoted": part("promote"),
        "promoted_pairs": quantiles("promote"),
        "undecided": part("undecided"),
        "grew_without_evidence": sum(one.grew_without_evidence for one in outcomes),
        "most_users": max(one.most for one in outcomes),
        "z_test_rolled_back": round(sum(plain_test(case, at) for at in range(runs)) / runs, 4),
    }


def table(rows: Sequence[dict[str, object]]) -> str:
    """The figures as Markdown."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([str(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the figures of every case."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    plan = Plan()
    assert all(one < other for one, other in pairwise(plan.schedule))
    rows = [summary(case, options.runs, plan) for case in CASES]
    print(json.dumps(rows, indent=1) if options.json else table(rows))


if __name__ == "__main__":
    main()
