"""`empty`: no question, no answer, or an answer that says nothing."""

from __future__ import annotations

from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful
from almanac.guards.texts import same_text


class Empty(Forgetful):
    """Each text that is there must hold a letter or a digit, and a pair must differ."""

    reason: ClassVar[str] = "empty"

    def check(self, candidate: Candidate) -> Figures | None:
        """`blank`: which text says nothing, or `pair` where chosen and rejected are the same."""
        example = candidate.example
        answers = {"chosen": example.chosen, "rejected": example.rejected}
        given = {name: text for name, text in answers.items() if text is not None}
        if not given:
            return {"blank": "answer"}
        for name, text in ({"question": example.question} | given).items():
            if not any(map(str.isalnum, text)):
                return {"blank": name}
        if len(given) == 2 and same_text(*given.values()):
            return {"blank": "pair"}
        return None
