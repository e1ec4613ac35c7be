"""`contradicting_votes`: users disagree about the same answer."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful


class ContradictingVotes(Forgetful):
    """Of each user the latest vote counts: who changes their mind contradicts nobody."""

    reason: ClassVar[str] = "contradicting_votes"

    def check(self, candidate: Candidate) -> Figures | None:
        """`likes` and `dislikes`, one a user, where there are both."""
        if candidate.opinion is None or not candidate.opinion.contradicting:
            return None
        counts = Counter(vote.rating for vote in candidate.opinion.by_user.values())
        return {"likes": counts[1], "dislikes": counts[-1]}
