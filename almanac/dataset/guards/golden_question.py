"""`golden_question`: what the gate asks must not be trained on, nor a near copy of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful
from almanac.guards.nearness import GoldenQuestions


class GoldenQuestion(Forgetful):
    """Compares with every golden question by words, letters and meaning."""

    reason: ClassVar[str] = "golden_question"

    def __init__(self, golden: Iterable[str], by_meaning: bool = True) -> None:
        self._golden = GoldenQuestions(golden, by_meaning)

    def check(self, candidate: Candidate) -> Figures | None:
        """`golden`: the question it copies; `similarity` and the `measure` that saw it."""
        return self._golden.find(candidate.example.question)
