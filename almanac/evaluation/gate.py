"""May an adapter be offered? Base against adapter, with intervals; every reason in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import fsum
from typing import Any

import numpy as np

from almanac.core.bootstrap import interval
from almanac.evaluation.cases import PARTS, Part
from almanac.evaluation.scores import METRICS, Metric, Scored
from schemas.settings import TuningSettings
from schemas.words import count

# Answers decide, never the preference margin: in a trial DPO raised the margin while the share of
# answers that held the right one fell from 75 % to 40 %. Of the measures of an answer F1 is the one
# that needs no model, and tells near from far for answers of two words and of two hundred.
PRIMARY: Metric = "f1"
_ROUNDING = 1e-9  # of means of numbers up to 1
PART_NAMES: dict[Part, str] = {
    "held_back": "held-back faults",
    "golden": "golden questions",
    "liked": "liked answers",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric on one part: means, their difference, and its 95 % interval (paired bootstrap).

    `questions` have a figure from both, `missing` from one or none; the means are None without any.
    """

    part: Part
    metric: Metric
    questions: int
    missing: int
    base: float | None = None
    adapter: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None

    def said(self) -> str:
        """The figures in words."""
        what = f"{METRICS[self.metric]}, {PART_NAMES[self.part]}"
        if self.base is None or self.adapter is None:
            return f"{what}: not measured"
        return (
            f"{what}: {self.adapter:.3f} with the adapter and {self.base:.3f} without, a difference"
            f" of {self.difference:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f}) on "
            f"{count(self.questions, 'question')}"
        )


@dataclass(frozen=True, slots=True)
class Check:
    """One condition. `passed` is None where there is too little to tell, which does not refuse."""

    name: str
    passed: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the adapter is offered, each condition with its reason, and every figure."""

    offered: bool
    checks: tuple[Check, ...]
    figures: tuple[Figure, ...]

    @property
    def reasons(self) -> list[str]:
        """Why it is not offered; where it is, what was seen."""
        return [one.reason for one in self.checks if self.offered or one.passed is False]

    def figure(self, part: Part, metric: Metric) -> Figure:
        """The figure of a part."""
        return next(one for one in self.figures if (one.part, one.metric) == (part, metric))

    def as_json(self) -> dict[str, Any]:
        """Plain values, for an adapter's record."""
        return asdict(self) | {"reasons": self.reasons}


def judge_adapter(
    scored: Sequence[Scored], merge: Mapping[str, Any] | None, rules: TuningSettings
) -> Verdict:
    """Hold the adapter's answers against the base's, question by question.

    Offered where all of this holds; `margin` and `min_questions` are the settings':

    - The primary metric is known of at least `min_questions` held-back questions, and improves on
      them: its interval lies above 0.
    - The right answer is not found less often in the answers of any part, as far as can be told:
      the interval of `contains` does not lie below 0. F1 rewards brevity, so a shorter answer that
      is wrong more often could win by it alone, and in a real run it did: on golden questions F1
      rose from 0.12 to 0.31 while answers that held the right one fell from 53 % to 30 %. Longer
      answers contain more by chance, so a fall must be shown.
    - Groundedness of held-back answers, and the primary metric on golden questions and on liked
      answers, are not worse by more than `margin` (non-inferiority: the interval's low end is at or
      above -margin). With fewer than `min_questions` that cannot be asked: then only a loss that is
      shown, an interval below 0, refuses, and the verdict says that it was not decided.
    - The merged model's logits are those of base and adapter: `merge` is what merge.json says.
    """
    figures = tuple(_figure(scored, part, metric) for part in PARTS for metric in METRICS)
    of = {(one.part, one.metric): one for one in figures}
    told = [of[part, "contains"] for part in PARTS] + [of["held_back", "judged"]]
    checks = (
        _better(of["held_back", PRIMARY], rules.min_questions),
        *(_not_shown_worse(figure) for figure in told if figure.questions),
        _not_worse(of["held_back", "grounded"], rules),
        _not_worse(of["golden", PRIMARY], rules),
        _not_worse(of["liked", PRIMARY], rules),
        _merged(merge),
    )
    return Verdict(all(one.passed is not False for one in checks), checks, figures)


def _figure(scored: Sequence[Scored], part: Part, metric: Metric) -> Figure:
    of_part = [one for one in scored if one.case.part == part]
    pairs = [(one.base[metric], one.adapter[metric]) for one in of_part]
    both = [(old, new) for old, new in pairs if old is not None and new is not None]
    missing = len(pairs) - len(both)
    if not both:
        return Figure(part, metric, 0, missing)
    differences = np.array([new - old for old, new in both])
    base, adapter = (fsum(values) / len(both) for values in zip(*both, strict=True))
    low, high = interval(differences)
    difference = fsum(differences) / len(both)
    return Figure(part, metric, len(both), missing, base, adapter, difference, low, high)


def _better(figure: Figure, least: int) -> Check:
    name = "better on held-back faults"
    if figure.questions < least:
        few = f"{figure.said()}; {least} are needed (tuning.min_questions)"
        return Check(name, False, f"Too few questions to tell: {few}.")
    if figure.low is not None and figure.low > _ROUNDING:
        return Check(name, True, f"Better: {figure.said()}.")
    return Check(name, False, f"Not shown to be better: {figure.said()}.")


def _not_shown_worse(figure: Figure) -> Check:
    name = f"{figure.metric} not shown to be worse on {PART_NAMES[figure.part]}"
    if figure.high is None:
        return Check(name, None, f"Not decided: {figure.said()}.")
    if figure.high < -_ROUNDING:
        return Check(name, False, f"Worse: {figure.said()}.")
    return Check(name, True, f"Not shown to be worse: {figure.said()}.")


def _not_worse(figure: Figure, rules: TuningSettings) -> Check:
    """Non-inferiority; with too few questions, only whether a loss is shown."""
    name = f"{figure.metric} not worse on {PART_NAMES[figure.part]}"
    shown = _not_shown_worse(figure)
    if shown.passed is False:
        return Check(name, False, shown.reason)
    if figure.low is None or figure.questions < rules.min_questions:
        few = f"{figure.said()}; {rules.min_questions} are needed (tuning.min_questions)"
        return Check(name, None, f"Not decided, too few questions: {few}.")
    if figure.low >= -rules.margin - _ROUNDING:
        return Check(name, True, f"Not worse: {figure.said()}.")
    least = f"{-rules.margin:+.3f} is the least allowed (tuning.margin)"
    return Check(name, False, f"May be worse: {figure.said()}, where {least}.")


def _merged(merge: Mapping[str, Any] | None) -> Check:
    name = "the merged model is base plus adapter"
    if merge is None:
        return Check(name, False, "The merged model was not compared with base plus adapter.")
    difference = merge["max_abs_difference"]
    if difference is None:
        return Check(name, False, "The merged model's logits are no finite numbers.")
    figures = f"{difference:.3g}, where {merge['tolerance']:.3g} is rounding"
    said = f"Logits of the merged model and of base plus adapter differ by at most {figures}."
    return Check(name, bool(merge["passed"]), said)
