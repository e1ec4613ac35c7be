"""How often the gate of adapters errs, by simulation through its own code.

    python benchmarks/quality/gate.py [--rounds 400] [--json FILE]

Each round makes an evaluation of N held-back, 100 golden and 50 liked questions whose answers are
right with known chances, and asks `judge_adapter`. Of the base 50 % of the held-back answers, 70 %
of the golden and 80 % of the liked ones are right; 30 % of the questions change by chance from one
model to the other, as two trainings of the same data do. Rows:

- none, -5, +10, +20: what the adapter gains of right answers to held-back faults, in points;
- brevity: every answer is shorter and F1 rises by .2, while 10 points fewer are right;
- forgets: +20 on faults, -15 on golden questions;
- 20 tries: twenty adapters without effect, one after the other, on the same questions; how often
  any of them is offered.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from almanac.evaluation.answers import Answered
from almanac.evaluation.cases import Case, Part
from almanac.evaluation.gate import judge_adapter
from almanac.evaluation.power import ALPHA, allowance, power, questions_needed
from almanac.evaluation.scores import METRICS, Scored
from schemas.settings import TuningSettings

SIZES = (24, 50, 100, 200)
CHANGED = 0.3
RIGHT: dict[Part, float] = {"held_back": 0.5, "golden": 0.7, "liked": 0.8}
EFFECTS: dict[str, dict[str, float]] = {
    "none": {},
    "-5": {"held_back": -0.05},
    "+10": {"held_back": 0.10},
    "+20": {"held_back": 0.20},
    "brevity": {"held_back": -0.10, "f1": 0.2},  # of F1, for every answer
    "forgets": {"held_back": 0.20, "golden": -0.15},
}
MERGED = {"max_abs_difference": 1e-4, "tolerance": 1e-3, "passed": True}
RULES = TuningSettings()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for name, effect in EFFECTS.items():
        found[name] = [offered(effect, size, options.rounds) for size in SIZES]
    found["20 tries"] = [any_offered(size, max(options.rounds // 10, 20)) for size in SIZES]
    print(page(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), "utf-8")
    return 0


def offered(effect: dict[str, float], size: int, rounds: int) -> float:
    """The share of rounds in which such an adapter is offered."""
    rng = np.random.default_rng([size, int(1000 * sum(effect.values())) + 5000])
    return float(np.mean([verdict(rng, effect, size, 1) for _ in range(rounds)]))


def any_offered(size: int, rounds: int, tries: int = 20) -> float:
    """The share of rounds in which one of twenty adapters without effect is offered.

    All share the base's answers to the same questions, as real tries do.
    """
    rng = np.random.default_rng([size, 1])
    hits = 0
    for _ in range(rounds):
        base = bases(rng, size)
        hits += any(verdict(rng, {}, size, k, base) for k in range(1, tries + 1))
    return hits / rounds


def bases(rng: np.random.Generator, size: int) -> dict[str, Any]:
    """Which of the base's answers are right, by part."""
    sizes = {"held_back": size, "golden": 100, "liked": 50}
    return {part: rng.random(count) < RIGHT[part] for part, count in sizes.items()}  # type: ignore[index]


def verdict(
    rng: np.random.Generator,
    effect: dict[str, float],
    size: int,
    tries: int,
    base: dict[str, Any] | None = None,
) -> bool:
    """One evaluation through the gate."""
    before = base or bases(rng, size)
    scored = []
    for part, right in before.items():
        after = changed(rng, right, RIGHT[part], effect.get(part, 0.0))  # type: ignore[index]
        borne = rng.random(right.size) < 0.9
        borne_after = changed(rng, borne, 0.9, 0.0)
        for at in range(right.size):
            old = figures(right[at], borne[at], 0.4 if "f1" in effect else None)
            new = figures(after[at], borne_after[at], 0.6 if "f1" in effect else None)
            scored.append(one(part, at, old, new))
    return judge_adapter(scored, MERGED, RULES, tries).offered


def changed(rng: np.random.Generator, right: Any, share: float, gain: float) -> Any:
    """Answers of another model: right ones turn wrong and wrong ones right, so that the share of
    right ones moves by `gain`, with as much change as the smaller side allows."""
    churn = min(CHANGED, 2 * (1 - share), 2 * share)
    gained, lost = (churn + gain) / 2 / (1 - share), (churn - gain) / 2 / share
    turned = rng.random(right.size)
    return np.where(right, turned >= lost, turned < gained)


def figures(right: bool, borne: bool, f1: float | None) -> dict[Any, float | None]:
    """Of one answer; what the gate does not ask for stays unmeasured."""
    unmeasured: dict[Any, float | None] = dict.fromkeys(METRICS)
    return unmeasured | {"right": float(right), "borne_out": float(borne), "f1": f1}


def one(part: str, at: int, old: dict[Any, float | None], new: dict[Any, float | None]) -> Scored:
    name = f"{part}-{at}"
    case = Case(name, part, name, "", (), (), ("",), None, "en")  # type: ignore[arg-type]
    return Scored(case, Answered(name, "", ""), old, new, (None, None))


def page(found: dict[str, list[float]]) -> str:
    lines = [f"| adapter | {' | '.join(f'{size} questions' for size in SIZES)} |"]
    lines.append("| --- |" + " --- |" * len(SIZES))
    for name, shares in found.items():
        lines.append(f"| {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    alone = [power(size, 0.1, CHANGED, allowance(1)) for size in SIZES]
    lines.append("| +10, computed | " + " | ".join(f"{share:.1%}" for share in alone) + " |")
    needed = questions_needed(0.1, CHANGED, allowance(1))
    lines += ["", f"+10 points are shown in 80 % of all cases by {needed} questions (of {ALPHA})."]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
