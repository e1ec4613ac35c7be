"""`prompt_injection`: a text that speaks to the model, or to who trains it, instead of asking.

Looked at are the user's words and the answers, not the passages: a document about such attacks may
quote them, and passages are not what is learnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful
from almanac.guards.injection import find_injections


class PromptInjection(Forgetful):
    """Rules over words, signs that a reader does not see, what Base64 hides, and the meaning."""

    reason: ClassVar[str] = "prompt_injection"

    def __init__(self, by_meaning: bool = True) -> None:
        self._by_meaning = by_meaning

    def check(self, candidate: Candidate) -> Figures | None:
        """`where` it stands (question, turn, chosen, rejected) and the `rule` that found it.

        Raises:
            ConfigError: the model of the meaning is not installed.
        """
        places = list(_texts(candidate))
        rules = find_injections([text for _, text in places], "question", self._by_meaning)
        found = ((where, rule) for (where, _), rule in zip(places, rules, strict=True) if rule)
        return next(({"where": where, "rule": rule} for where, rule in found), None)


def _texts(candidate: Candidate) -> Iterator[tuple[str, str]]:
    example = candidate.example
    yield "question", example.question
    for message in example.prompt[:-1]:
        if message["role"] == "user":
            yield "turn", message["content"]
    for where, text in (("chosen", example.chosen), ("rejected", example.rejected)):
        if text is not None:
            yield where, text
