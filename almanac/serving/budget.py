"""How many tokens a text may cost, without the tokenizer of a model that is somewhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from almanac.llm.usage import tokens
from schemas.feedback import Message


class HasText(Protocol):
    """Anything with a text."""

    @property
    def text(self) -> str:
        """The text."""


Item = TypeVar("Item", bound=HasText)


def within(passages: Iterable[Item], budget: int) -> list[Item]:
    """The best passages, in their order, that fit together; the first always stays."""
    kept: list[Item] = []
    left = budget
    for passage in passages:
        left -= tokens(passage.text)
        if left < 0 and kept:
            break
        kept.append(passage)
    return kept


def newest_within(history: Sequence[Message], budget: int) -> list[Message]:
    """The newest messages that fit together, oldest first."""
    kept: list[Message] = []
    for message in reversed(history):
        budget -= tokens(message["content"])
        if budget < 0:
            break
        kept.append(message)
    return kept[::-1]
