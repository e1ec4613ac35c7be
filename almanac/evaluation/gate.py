"""May an adapter be offered? Base against adapter, with known error rates; reasons in sentences.

Each condition counts answers that are right, or borne out, as a whole, and asks by the exact sign
test (`power`) whether what changed is chance. Shares of words decide nothing: F1 rewards brevity.
How often the gate errs: `benchmarks/quality/gate.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import fsum
from typing import Any

import numpy as np

from almanac.core.bootstrap import interval, interval_of_changes
from almanac.evaluation.cases import PARTS, Part
from almanac.evaluation.cheaper_cure import cheaper_cure
from almanac.evaluation.power import allowance, sign_test
from almanac.evaluation.scores import METRICS, WHOLE, Metric, Scored
from schemas.settings import TuningSettings
from schemas.words import count

# Answers decide, never the preference margin: in a trial DPO raised the margin while the share of
# answers that held the right one fell from 75 % to 40 %.
PRIMARY: Metric = "right"
# Of refusing an adapter that loses nothing, by each condition that looks for a loss.
HARM = 0.1
PART_NAMES: dict[Part, str] = {
    "held_back": "held-back faults",
    "golden": "golden questions",
    "liked": "liked answers",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric on one part: means, their difference, and its 95 % interval (paired bootstrap).

    `questions` have a figure from both, `missing` from one or none; the means are None without any.
    Of a metric that is yes or no, `gained` are the questions that only the adapter has, `lost`
    those that only the base has.
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
    gained: int | None = None
    lost: int | None = None

    def said(self) -> str:
        """The figures in words."""
        what = f"{METRICS[self.metric]}, {PART_NAMES[self.part]}"
        if self.base is None or self.adapter is None:
            return f"{what}: not measured"
        if self.gained is not None and self.lost is not None:
            return (
                f"{what}: {self.adapter:.1%} with the adapter and {self.base:.1%} without, "
                f"{self.gained} gained and {self.lost} lost of {count(self.questions, 'question')}"
            )
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
    """Whether the adapter is offered, each condition with its reason, and every figure.

    `notes` decide nothing: what examples in the prompt do instead.
    """

    offered: bool
    checks: tuple[Check, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()

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
    scored: Sequence[Scored],
    merge: Mapping[str, Any] | None,
    rules: TuningSettings,
    tries: int = 1,
) -> Verdict:
    """Hold the adapter's answers against the base's, question by question.

    Offered where all of this holds; numbers of questions are the settings':

    - Right answers to held-back faults get more, by more than chance: of a try on the same
      questions the first may err in 3 % of all cases, later ones in less, all `tries` together in
      5 % (`power.allowance`).
    - There are golden questions, for what a dataset is not about is forgotten unseen.
    - Right answers to golden and to liked questions, and answers that are borne out by their
      passages, do not get fewer: a loss that chance gives in less than `HARM` refuses. So does one
      that the judge sees.
    - The merged model's logits are those of base and adapter: `merge` is what merge.json says.
    """
    figures = tuple(_figure(scored, part, metric) for part in PARTS for metric in METRICS)
    of = {(one.part, one.metric): one for one in figures}
    lost = [of[part, "right"] for part in PARTS[1:]]
    lost += [of[part, metric] for metric in ("borne_out", "judged") for part in PARTS]
    checks = (
        _better(of["held_back", PRIMARY], rules.min_questions, tries),
        _has_golden(of["golden", PRIMARY], rules.min_golden),
        *(_not_worse(figure) for figure in lost if figure.questions),
        _merged(merge),
    )
    offered = all(one.passed is not False for one in checks)
    return Verdict(offered, checks, figures, cheaper_cure(scored))


def _figure(scored: Sequence[Scored], part: Part, metric: Metric) -> Figure:
    of_part = [one for one in scored if one.case.part == part]
    pairs = [(one.base[metric], one.adapter[metric]) for one in of_part]
    both = [(old, new) for old, new in pairs if old is not None and new is not None]
    missing = len(pairs) - len(both)
    if not both:
        return Figure(part, metric, 0, missing)
    differences = np.array([new - old for old, new in both])
    base, adapter = (fsum(values) / len(both) for values in zip(*both, strict=True))
    difference = fsum(differences) / len(both)
    gained: int | None = None
    lost: int | None = None
    if metric in WHOLE:
        gained, lost = int((differences > 0).sum()), int((differences < 0).sum())
        low, high = interval_of_changes(gained, lost, len(both))
    else:
        low, high = interval(differences)
    return Figure(
        part, metric, len(both), missing, base, adapter, difference, low, high, gained, lost
    )


def _better(figure: Figure, least: int, tries: int) -> Check:
    name = "better on held-back faults"
    if figure.questions < least:
        few = f"{figure.said()}; {least} are needed (tuning.min_questions)"
        return Check(name, False, f"Too few questions to tell: {few}.")
    chance, allowed = sign_test(figure.gained or 0, figure.lost or 0), allowance(tries)
    said = f"{figure.said()}; chance gives that in {_share(chance)}"
    if chance <= allowed:
        return Check(name, True, f"Better: {said}.")
    most = f"{_share(allowed)} is allowed"
    if tries > 1:
        most += f", this being try {tries} on these questions"
    return Check(name, False, f"Not shown to be better: {said}, where {most}.")


def _has_golden(figure: Figure, least: int) -> Check:
    name = "there are golden questions"
    if figure.questions >= least:
        return Check(name, True, f"{count(figure.questions, 'golden question')} were asked.")
    said = f"{figure.questions} of the {least} golden questions that are needed (tuning.min_golden)"
    how = "`almanac golden draft` writes some, and tuning.golden names their file"
    return Check(name, False, f"What the adapter forgets can't be told: {said}. {how}.")


def _not_worse(figure: Figure) -> Check:
    name = f"{figure.metric} not worse on {PART_NAMES[figure.part]}"
    chance = sign_test(figure.lost or 0, figure.gained or 0)
    if (figure.lost or 0) > (figure.gained or 0) and chance <= HARM:
        return Check(name, False, f"Worse: {figure.said()}; chance gives that in {_share(chance)}.")
    return Check(name, True, f"Not shown to be worse: {figure.said()}.")


def _share(chance: float) -> str:
    return f"{chance:.1%}" if chance >= 0.001 else "less than 0.1%"


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
