"""May a version take the place of another? Both answers to the same questions, in pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil, fsum, sqrt
from typing import Any, Literal

import numpy as np

from almanac.core.bootstrap import interval
from almanac.evaluation.cases import GoldenAnswer
from almanac.evaluation.texts import contains, token_f1
from schemas.settings import GateSettings
from schemas.words import count

Outcome = Literal["passed", "refused", "undecided"]
Measure = Literal["judged", "f1", "contains"]
MEASURES: dict[Measure, str] = {
    "judged": "right, says the judge",
    "f1": "words shared with the ideal answer (F1)",
    "contains": "the ideal answer is in it",
}
_MARK = re.compile(r"(?<!\s)\s*\[\d+\]")  # from the first blank on, so that it is linear
_COVERAGE = 0.8  # of the questions that both versions must have an answer to that can be measured
_ROUNDING = 1e-9
_DEVIATIONS = 1.96  # of a normal distribution, for 95 %


@dataclass(frozen=True, slots=True)
class Answered:
    """What one version said. `right` is the judge's verdict, None without one or where it failed.

    `text` is None where the version gave no answer because something failed.
    """

    text: str | None
    status: str
    right: bool | None = None
    why: str = ""

    def figures(self, golden: GoldenAnswer) -> dict[Measure, float | None]:
        """What it is worth by each measure; None where that cannot be told."""
        if self.text is None:
            return dict.fromkeys(MEASURES)
        plain = _MARK.sub("", self.text)
        return {
            "judged": None if self.right is None else float(self.right),
            "f1": token_f1(plain, golden.answers),
            "contains": contains(plain, golden.answers),
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Both versions' answers to one golden question."""

    golden: GoldenAnswer
    current: Answered
    candidate: Answered

    def change(self, measure: Measure) -> float | None:
        """The candidate's figure less the other's."""
        old, new = (one.figures(self.golden)[measure] for one in (self.current, self.candidate))
        return None if old is None or new is None else new - old

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the stored row."""
        return {
            "question": self.golden.text,
            "references": list(self.golden.answers),
            "must": self.golden.must,
            "current": asdict(self.current) | {"figures": self.current.figures(self.golden)},
            "candidate": asdict(self.candidate) | {"figures": self.candidate.figures(self.golden)},
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure: means of both versions, their difference, and its 95 % interval (paired)."""

    measure: Measure
    questions: int
    current: float
    candidate: float
    difference: float
    low: float
    high: float

    def said(self) -> str:
        """The figures in words."""
        return (
            f"{MEASURES[self.measure]}: {self.candidate:.3f} and {self.current:.3f} before, a "
            f"difference of {self.difference:+.3f} (95 % interval {self.low:+.3f} to "
            f"{self.high:+.3f}) on {count(self.questions, 'question')}"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it, why, the figures, and the ids of `must` questions that got worse."""

    outcome: Outcome
    reasons: tuple[str, ...]
    asked: int
    measured: int
    needed: int  # questions, with which it could be decided
    worse: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """May the version go into production?"""
        return self.outcome == "passed"

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def decide(pairs: Sequence[Pair], judged: bool, rules: GateSettings) -> Verdict:
    """Hold a candidate's answers against those of the version that answers now.

    It passes where all of this holds; `judged` says that a judge was asked:

    - No `must` question is answered worse.
    - Right answers (with a judge; else F1) are not lost by more than `margin`: the interval's low
      end is at or above -margin.
    - Without a judge, answers that hold the ideal one are not shown to be fewer: F1 rewards
      brevity. A judge knows that other words may be right too.

    With fewer than `min_questions`, or an answer to less than four fifths of them, it is undecided:
    unmeasured is neither passed nor refused. A `must` that got worse refuses all the same.
    """
    primary: Measure = "judged" if judged else "f1"
    figures = tuple(
        one for measure in dict.fromkeys([primary, "contains"]) if (one := _figure(pairs, measure))
    )
    worse = tuple(sorted(pair.golden.id for pair in pairs if _is_worse(pair, judged, rules)))
    measured = sum(pair.change(primary) is not None for pair in pairs)
    refused = [f"Worse on a question that must not get worse: {one}." for one in worse]
    refused += _worse_figures(figures[:1] if judged else figures, rules)
    if refused:
        return Verdict(
            "refused", tuple(refused), len(pairs), measured, rules.min_questions, worse, figures
        )
    needed, open_ = _undecided(pairs, figures, measured, rules)
    if open_:
        return Verdict("undecided", tuple(open_), len(pairs), measured, needed, worse, figures)
    said = tuple(f"Not worse: {one.said()}." for one in (figures[:1] if judged else figures))
    return Verdict("passed", said, len(pairs), measured, needed, worse, figures)


def _is_worse(pair: Pair, judged: bool, rules: GateSettings) -> bool:
    """Of a `must` question: was the answer right, or nearer to it, before?"""
    if not pair.golden.must:
        return False
    if judged and (change := pair.change("judged")) is not None:
        return change < 0
    if pair.candidate.text is None:
        return pair.current.text is not None
    held, near = pair.change("contains"), pair.change("f1")
    if held:
        return held < 0
    holds = pair.candidate.figures(pair.golden)["contains"] == 1.0
    return not holds and near is not None and near < -rules.margin


def _figure(pairs: Sequence[Pair], measure: Measure) -> Figure | None:
    both = [
        (old, new)
        for pair in pairs
        if (old := pair.current.figures(pair.golden)[measure]) is not None
        and (new := pair.candidate.figures(pair.golden)[measure]) is not None
    ]
    if not both:
        return None
    old, new = (fsum(values) / len(both) for values in zip(*both, strict=True))
    differences = np.array([after - before for before, after in both])
    low, high = interval(differences)
    return Figure(measure, len(both), old, new, new - old, low, high)


def _worse_figures(figures: Sequence[Figure], rules: GateSettings) -> list[str]:
    """What is shown to be worse: a whole interval below 0, or, of the first, below -margin."""
    found = []
    for at, one in enumerate(figures):
        limit = -rules.margin if at == 0 else 0.0
        if one.questions >= rules.min_questions and one.high < limit - _ROUNDING:
            found.append(f"Worse: {one.said()}.")
    return found


def _undecided(
    pairs: Sequence[Pair], figures: Sequence[Figure], measured: int, rules: GateSettings
) -> tuple[int, list[str]]:
    """How many questions would be needed, and why it cannot be told with these."""
    least = rules.min_questions
    if len(pairs) < least:
        more = count(least - len(pairs), "more question")
        said = (
            f"Too few questions: {len(pairs)} of {least} (gate.min_questions); {more} are needed."
        )
        return least, [said]
    if measured < max(least, _COVERAGE * len(pairs)):
        return least, [
            f"Only {measured} of {count(len(pairs), 'question')} could be measured: see their "
            "reasons, and run it again."
        ]
    first = figures[0]
    if first.low >= -rules.margin - _ROUNDING:
        return least, []
    needed = _needed(first, rules.margin)
    if needed is None:
        hint = "no number of questions would tell: it may be worse by the margin itself"
    else:
        hint = f"about {needed} questions would tell, if the difference stays"
    said = f"May be worse: {first.said()}, where {-rules.margin:+.3f} is the least (gate.margin)"
    return needed or least, [f"{said}; {hint}."]


def _needed(figure: Figure, margin: float) -> int | None:
    """Questions with which the interval's low end would come to -margin."""
    room = figure.difference + margin
    if room <= _ROUNDING:
        return None
    half = (figure.high - figure.low) / 2
    deviation = half / _DEVIATIONS * sqrt(figure.questions)
    return max(figure.questions + 1, ceil((_DEVIATIONS * deviation / room) ** 2))


def markdown(report: Mapping[str, Any]) -> str:
    """What a comment on a pull request says."""
    marks = {"passed": "✅", "refused": "❌", "undecided": "❔"}
    lines = [
        f"### {marks[report['outcome']]} Gate of `{report['assistant']}`: {report['outcome']}",
        "",
        f"Version `{report['candidate'][:12]}` against `{report['current'][:12]}`, "
        f"{report['measured']} of {count(report['asked'], 'question')} measured, release "
        f"{report['release']}.",
        "",
        *(f"- {one}" for one in report["changes"]),
        "",
        *(f"- **{reason}**" for reason in report["reasons"]),
        "",
        "| measure | now | candidate | difference | 95 % interval |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {MEASURES[one['measure']]} | {one['current']:.3f} | {one['candidate']:.3f} | "
        f"{one['difference']:+.3f} | {one['low']:+.3f} to {one['high']:+.3f} |"
        for one in report["figures"]
    ]
    moved = [one for one in report["questions"] if one["change"]]
    if moved:
        lines += ["", f"<details><summary>{count(len(moved), 'answer')} changed</summary>", ""]
        lines += [_question(one) for one in moved]
        lines += ["", "</details>"]
    return "\n".join(lines)


def _question(one: Mapping[str, Any]) -> str:
    must = " (must)" if one["must"] else ""
    said = ", ".join(
        f"{name}: {_plain(one[name])}" for name in ("question", "ideal", "current", "candidate")
    )
    return f"- `{one['id']}`{must} {one['change']:+.2f}: {said}"


def _plain(text: str | None) -> str:
    """Text on one line, without what Markdown would make of it."""
    line = " ".join((text if text is not None else "no answer").split())[:300]
    return re.sub(r"([\\`*_\[\]<>|#@])", r"\\\1", line)
