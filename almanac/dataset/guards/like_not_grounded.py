"""`like_not_grounded`: users liked it, and its passages do not say it.

To train on it teaches a model to make things up that please.
"""

from __future__ import annotations

from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful
from almanac.guards.borne_out import HELD, borne_out


class LikeNotGrounded(Forgetful):
    """A like with a name, a number, a citation or a claim that its passages do not bear out."""

    reason: ClassVar[str] = "like_not_grounded"

    def check(self, candidate: Candidate) -> Figures | None:
        """`held` (share of weighty stems) with `least`, and what else decided, as counts."""
        one = candidate.example
        if one.origin != "like" or not one.context or one.chosen is None:
            return None
        found = borne_out(one.question, one.chosen, one.context)
        if found.all_of_it:
            return None
        return {
            "held": round(found.held, 3),
            "least": HELD,
            "names_and_numbers": len(found.strange),
            "citations_of_nothing": len(found.beyond),
            "contradicted_by": list(found.against),
        }
