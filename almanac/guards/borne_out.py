"""Is an answer as a whole borne out by its passages? One made-up number makes all of it wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from almanac.claims.check import check
from almanac.core.stems import words
from almanac.guards.grounding import Sources, unfounded

HELD = 0.7  # of an answer's weighty stems that question and passages must hold
_WEIGHTY = 4  # letters of a stem that counts
_CITATION = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class BorneOut:
    """held: share of the weighty stems that question and passages hold. strange: names and numbers
    of neither; beyond: citations of passages that there are not; against: rules that contradict."""

    held: float
    strange: tuple[str, ...]
    beyond: tuple[str, ...]
    against: tuple[str, ...] = ()

    @property
    def all_of_it(self) -> bool:
        """Is nothing of it made up, as far as the rules see?"""
        return self.held >= HELD and not (self.strange or self.beyond or self.against)


def borne_out(question: str, answer: str, passages: Sequence[str]) -> BorneOut:
    """Hold an answer against the passages that it was made from.

    Claims are compared where nothing else speaks against it, and not of what stands there word by
    word: time grows with the clauses of both.
    """
    cited = _CITATION.findall(answer)
    stems = [one for one in words(answer).stems if len(one) >= _WEIGHTY]
    known = frozenset(stem for text in (question, *passages) for stem in words(text).known)
    held = sum(one in known for one in stems) / len(stems) if stems else 1.0
    found = BorneOut(
        held,
        tuple(unfounded(answer, Sources([question, *passages]))),
        tuple(one for one in cited if not 0 < int(one) <= len(passages)),
    )
    plain = " ".join(answer.split())
    if not found.all_of_it or any(plain in " ".join(one.split()) for one in passages):
        return found
    return replace(found, against=check(question, answer, "\n\n".join(passages)).contradicts)
