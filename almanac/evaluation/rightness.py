"""Is an answer right, as a whole? By rules, so that both models are measured alike.

Words in common reward brevity, and "the right words are in it" rewards length. An answer is right
that says what the reference says beyond the question, and contradicts none of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from almanac.claims.check import differ, polarity
from almanac.claims.content import content
from almanac.claims.yes_no import asks, polar, refuses, rest
from almanac.core.stems import words

_FEW = 3  # stems of a reference of which none may be missing
_MOST = 0.6  # of the stems of a longer one that must be there


def right(question: str, answer: str, references: Sequence[str]) -> float:
    """1.0 where the answer says what one of the references says, else 0.0."""
    return float(any(_says(question, answer, one) for one in references))


def _says(question: str, answer: str, reference: str) -> bool:
    if refuses(answer) != refuses(reference):
        return False
    if set(differ(question, answer, reference)) - {"name"}:
        return False
    if asks(question) and polar(reference):
        same = polarity(question, answer) == polar(reference)
        if not same or not content(rest(reference)):
            return same
    wanted = content(reference) - content(question) or content(reference)
    if not wanted:
        return bool(words(reference).stems) and words(answer).say(words(reference))
    held = len(wanted & words(answer).known) / len(wanted)
    return held >= (1.0 if len(wanted) <= _FEW else _MOST)
