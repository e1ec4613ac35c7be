"""What an evaluation will be able to tell, said before time goes into training."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from almanac.evaluation.cases import Case
from almanac.evaluation.power import CHANGED, GAIN, POWER, allowance, power, questions_needed
from lakehouse import Lakehouse
from schemas.settings import TuningSettings
from schemas.words import count

_ENOUGH = 20  # questions of an earlier evaluation
_SHARED = 0.5  # of the questions, from which on it is the same set that is tried again


@dataclass(frozen=True, slots=True)
class Foresight:
    """questions: held-back faults; golden: golden questions. changed: the share of questions whose
    answer turned right or wrong in earlier evaluations, else taken to be `CHANGED`. tries: this one
    included, on these questions. power: how often a gain of `GAIN` is shown; needed: questions for
    `POWER`."""

    questions: int
    golden: int
    changed: float
    tries: int
    power: float
    needed: int
    possible: bool
    lines: tuple[str, ...]


def foresee(lake: Lakehouse, cases: Collection[Case], rules: TuningSettings) -> Foresight:
    """Look at the questions that there are, and at how often they were asked."""
    held = {one.request_id for one in cases if one.part == "held_back"}
    golden = sum(one.part == "golden" for one in cases)
    tries = tries_on(lake, held) + 1
    changed = max(changed_before(lake), GAIN)  # so many must change for that gain
    alpha = allowance(tries)
    strength = power(len(held), GAIN, changed, alpha)
    needed = questions_needed(GAIN, changed, alpha)
    possible = len(held) >= rules.min_questions and golden >= rules.min_golden
    lines = [
        f"{count(len(held), 'held-back question')} would show a gain of {GAIN:.0%} of right answers"
        f" in {strength:.0%} of all cases (try {tries} on them; {changed:.0%} of the answers are "
        "taken to change)."
    ]
    if strength < POWER:
        lines.append(
            f"That is too few: about {needed} would show it in {POWER:.0%}. Collect some "
            f"{max(needed - len(held), 1)} more held-back questions: corrected dislikes, of which "
            "dataset.held_back are held back."
        )
    if len(held) < rules.min_questions:
        lines.append(
            f"An adapter can't be offered: {rules.min_questions} held-back questions are needed "
            "(tuning.min_questions)."
        )
    if golden < rules.min_golden:
        lines.append(
            f"An adapter can't be offered: there are {golden} golden questions of the "
            f"{rules.min_golden} that are needed (tuning.min_golden). `almanac golden draft` "
            "writes some, and tuning.golden names their file."
        )
    return Foresight(len(held), golden, changed, tries, strength, needed, possible, tuple(lines))


def tries_on(lake: Lakehouse, held: Collection[str], but: str = "") -> int:
    """How many adapters were judged by at least half of these questions, without the one named."""
    if not held:
        return 0
    asked = lake.evaluations.asked("held_back")
    least = _SHARED * len(held)
    return sum(len(some & set(held)) >= least for name, some in asked.items() if name != but)


def changed_before(lake: Lakehouse) -> float:
    """The share of held-back questions that the last adapter answered right and the base wrong, or
    the other way round; of an evaluation of `_ENOUGH` questions, for fewer tell nothing."""
    for step in lake.adapters.current():
        figures = step.record.get("verdict", {}).get("figures", ())
        for one in figures:
            is_it = one["part"] == "held_back" and one["metric"] == "right"
            if is_it and one.get("questions", 0) >= _ENOUGH:
                return float((one["gained"] + one["lost"]) / one["questions"])
    return CHANGED
