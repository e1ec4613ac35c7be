"""Figures for both answers to each case of an evaluation."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from almanac.evaluation.answers import Answered
from almanac.evaluation.cases import Case
from almanac.evaluation.rightness import right
from almanac.evaluation.texts import contains, exact, grounded, token_f1
from almanac.evaluation.vectors import text_vectors
from almanac.guards.borne_out import borne_out
from almanac.llm.judge import Judge, Judgement
from schemas.encoder import Encoder
from schemas.hashing import canonical_json

_log = logging.getLogger("almanac.evaluation")
Metric = Literal[
    "right", "borne_out", "f1", "exact", "contains", "semantic", "grounded", "judged", "margin"
]
METRICS: dict[Metric, str] = {
    "right": "right as a whole, by rules",
    "borne_out": "borne out by its passages as a whole",
    "f1": "words shared with the right answer (F1)",
    "exact": "exactly the right answer",
    "contains": "the right answer is in it",
    "semantic": "likeness of meaning (cosine)",
    "grounded": "words that the context holds",
    "judged": "right, says the judge",
    "margin": "right over rejected answer (log-probability)",
}
# Yes or no: the answer as a whole is counted.
WHOLE: tuple[Metric, ...] = ("right", "borne_out", "exact", "contains", "judged")
Figures = Mapping[Metric, float | None]


@dataclass(frozen=True, slots=True)
class Scored:
    """The figures of one case for base and adapter.

    A figure is None where there is nothing to measure: no answer, no context, no rejected answer,
    not judged. None is never a zero: it is left out of means and counted. `judgements` are the
    judge's of base and adapter, None without a judge. `examples` are the figures of the base with
    examples in its prompt, empty where it was not asked so.
    """

    case: Case
    answered: Answered
    base: Figures
    adapter: Figures
    judgements: tuple[Judgement | None, Judgement | None]
    examples: Figures = field(default_factory=dict)

    def change(self, metric: Metric) -> float | None:
        """The adapter's figure less the base's."""
        old, new = self.base[metric], self.adapter[metric]
        return None if old is None or new is None else new - old

    def as_row(self, adapter_id: str) -> dict[str, str]:
        """A row of the table `evaluations`, less its ordinal."""
        result = {
            "case_id": self.case.case_id,
            "question": self.case.question,
            "references": list(self.case.references),
            "answers": asdict(self.answered),
            "base": dict(self.base),
            "adapter": dict(self.adapter),
            "examples": dict(self.examples),
            "judgements": [one and one.as_json() for one in self.judgements],
        }
        return {
            "adapter_id": adapter_id,
            "request_id": self.case.request_id,
            "part": self.case.part,
            "result": canonical_json(result),
        }


def score(
    cases: Sequence[Case], answers: Sequence[Answered], encoder: Encoder, judge: Judge | None
) -> list[Scored]:
    """Every case with its figures, in the order of `cases`.

    Semantic likeness is the cosine of the encoder's passage vectors, that of the nearest reference.
    The judge is asked once for the same answer to the same case.

    Raises:
        EmbeddingFailed: the encoder gave no vectors.
        KeyError: a case has no answer.
    """
    said = {one.case_id: one for one in answers}
    found = [(case, said[case.case_id]) for case in cases]
    vectors = text_vectors(_texts(found), encoder)
    scored = []
    for case, answered in found:
        judgements = _judgements(case, answered, judge)
        base, adapter = (
            _figures(case, answer, margin, judged, vectors)
            for answer, margin, judged in zip(
                (answered.base_answer, answered.adapter_answer),
                _margins(answered),
                judgements,
                strict=True,
            )
        )
        shown = answered.examples_answer
        examples = {} if shown is None else _figures(case, shown, None, None, vectors)
        scored.append(Scored(case, answered, base, adapter, judgements, examples))
        if judge and len(scored) % 10 == 0:
            _log.info("judged %d of %d cases", len(scored), len(found))
    return scored


def _figures(
    case: Case,
    answer: str | None,
    margin: float | None,
    judgement: Judgement | None,
    vectors: Mapping[str, NDArray[np.float64]],
) -> Figures:
    if answer is None:
        return dict.fromkeys(METRICS)
    return {
        "right": right(case.question, answer, case.references),
        "borne_out": _borne_out(case, answer),
        "f1": token_f1(answer, case.references),
        "exact": exact(answer, case.references),
        "contains": contains(answer, case.references),
        "semantic": _semantic(answer, case.references, vectors),
        "grounded": grounded(answer, case.context) if case.context else None,
        "judged": _judged(judgement),
        "margin": margin,
    }


def _borne_out(case: Case, answer: str) -> float | None:
    if not case.context:
        return None
    return float(borne_out(case.question, answer, case.context).all_of_it)


def _texts(found: Sequence[tuple[Case, Answered]]) -> set[str]:
    return {
        text
        for case, answered in found
        for text in (
            *case.references,
            answered.base_answer,
            answered.adapter_answer,
            answered.examples_answer,
        )
        if text
    }


def _semantic(
    answer: str, references: Sequence[str], vectors: Mapping[str, NDArray[np.float64]]
) -> float:
    """An empty answer is like nothing: 0."""
    if answer not in vectors:
        return 0.0
    near = [float(vectors[answer] @ vectors[one]) for one in references if one in vectors]
    return max(near, default=0.0)


def _margins(answered: Answered) -> tuple[float | None, float | None]:
    pairs = (
        (answered.base_chosen, answered.base_rejected),
        (answered.adapter_chosen, answered.adapter_rejected),
    )
    base, adapter = (
        None if chosen is None or rejected is None else chosen - rejected
        for chosen, rejected in pairs
    )
    return base, adapter


def _judgements(
    case: Case, answered: Answered, judge: Judge | None
) -> tuple[Judgement | None, Judgement | None]:
    if judge is None:
        return None, None
    given: dict[str, Judgement] = {}
    for answer in (answered.base_answer, answered.adapter_answer):
        if answer is not None and answer not in given:
            given[answer] = judge.correct(case.question, case.context, answer, case.reference)
    base, adapter = (
        None if answer is None else given[answer]
        for answer in (answered.base_answer, answered.adapter_answer)
    )
    return base, adapter


def _judged(judgement: Judgement | None) -> float | None:
    if judgement is None or judgement.verdict not in ("right", "wrong"):
        return None
    return float(judgement.verdict == "right")
