"""`prompt_injection`: a text that speaks to the model, or to who trains it, instead of asking.

Looked at are the user's words and the answers, not the passages: a document about such attacks may
quote them, and passages are not what is learnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful
from almanac.guards.injection import injected


class PromptInjection(Forgetful):
    """Rules over the words, the signs that a reader does not see, and what Base64 hides."""

    reason: ClassVar[str] = "prompt_injection"

    def check(self, candidate: Candidate) -> Figures | None:
        """`where` it stands (question, turn, chosen, rejected) and the `rule` that found it."""
        for where, text in _texts(candidate):
            if rule := injected(text):
                return {"where": where, "rule": rule}
        return None


def _texts(candidate: Candidate) -> Iterator[tuple[str, str]]:
    example = candidate.example
    yield "question", example.question
    for message in example.prompt[:-1]:
        if message["role"] == "user":
            yield "turn", message["content"]
    for where, text in (("chosen", example.chosen), ("rejected", example.rejected)):
        if text is not None:
            yield where, text
