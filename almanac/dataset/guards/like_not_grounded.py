"""`like_not_grounded`: users liked it, and its passages do not say it.

To train on it teaches a model to make things up that please.
"""

from __future__ import annotations

import re
from typing import ClassVar

from almanac.claims.check import check
from almanac.core.stems import words
from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful
from almanac.guards.grounding import Sources, unfounded
from schemas.examples import Example

_CITATION = re.compile(r"\[(\d{1,3})\]")
_LEAST = 0.7  # of an answer's weighty stems that question and passages must hold
_WEIGHTY = 4  # letters of a stem that counts


class LikeNotGrounded(Forgetful):
    """A like with a name, a number, a citation or a claim that its passages do not bear out."""

    reason: ClassVar[str] = "like_not_grounded"

    def check(self, candidate: Candidate) -> Figures | None:
        """`held` (share of weighty stems) with `least`, and what else decided, as counts."""
        one = candidate.example
        if one.origin != "like" or not one.context or one.chosen is None:
            return None
        strange = unfounded(one.chosen, Sources([one.question, *one.context]))
        beyond = [n for n in _CITATION.findall(one.chosen) if not 0 < int(n) <= len(one.context)]
        against = check(one.question, one.chosen, "\n\n".join(one.context)).contradicts
        held = _held(one)
        if not strange and not beyond and not against and held >= _LEAST:
            return None
        return {
            "held": round(held, 3),
            "least": _LEAST,
            "names_and_numbers": len(strange),
            "citations_of_nothing": len(beyond),
            "contradicted_by": list(against),
        }


def _held(example: Example) -> float:
    stems = [one for one in words(example.chosen or "").stems if len(one) >= _WEIGHTY]
    texts = (example.question, *example.context)
    known = frozenset(stem for text in texts for stem in words(text).known)
    return sum(one in known for one in stems) / len(stems) if stems else 1.0
