"""`too_long`: trl would cut the example or drop it without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful


class TooLong(Forgetful):
    """Prompt and the longer answer together, in tokens, at most `limit`."""

    reason: ClassVar[str] = "too_long"

    def __init__(self, limit: int, count_tokens: Callable[[str], int]) -> None:
        self._limit, self._count = limit, count_tokens

    def check(self, candidate: Candidate) -> Figures | None:
        """`tokens` and `limit`. What a chat template puts between messages is not counted."""
        example = candidate.example
        prompt = sum(self._count(message["content"]) for message in example.prompt)
        answers = [text for text in (example.chosen, example.rejected) if text is not None]
        tokens = prompt + max(map(self._count, answers), default=0)
        return {"tokens": tokens, "limit": self._limit} if tokens > self._limit else None
