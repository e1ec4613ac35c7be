"""A verdict, and the best passages of a place that it is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from almanac.llm.judge import Judgement
from almanac.triage.case import keys_of
from almanac.triage.replay import Held
from almanac.triage.signals import Level, Support
from almanac.triage.voices import Heard
from lakehouse.documents import Key
from schemas.feedback import Cause

EXACT = 1e-9  # by which two shares may differ and be the same


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause, why in a sentence, the signals that led to it, and the documents of the work.

    `judged` is what a judge said, where one was asked; None where there was none to ask.
    """

    cause: Cause
    reason: str
    signals: tuple[dict[str, Any], ...]
    documents: tuple[Key, ...] = ()
    judged: tuple[Judgement, ...] = ()
    heard: Heard | None = None


@dataclass(frozen=True, slots=True)
class Best:
    """The passages of one place that support an answer best. `exact`: they have it word by word.

    heard: what the voices said of it, where they were asked.
    """

    held: tuple[Held, ...]
    support: Support
    level: Level
    exact: bool = False
    heard: Heard | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """Their documents."""
        return keys_of(self.held)

    def beats(self, other: Best, margin: float) -> bool:
        """Does it support the answer, and better than the other does?

        Better is: word by word, more of it, or by a margin closer to the question.
        """
        if self.level != "yes" or other.level != "yes":
            return self.level == "yes"
        if self.exact != other.exact:
            return self.exact
        return (
            self.support.answer > other.support.answer + EXACT
            or self.support.pair > other.support.pair + margin
        )
