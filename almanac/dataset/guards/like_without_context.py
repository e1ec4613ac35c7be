"""`like_without_context`: nobody can tell whether a liked answer is from the documents."""

from __future__ import annotations

from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful


class LikeWithoutContext(Forgetful):
    """A like of which the log has no passage, or not all that the model was shown."""

    reason: ClassVar[str] = "like_without_context"

    def check(self, candidate: Candidate) -> Figures | None:
        """No figures."""
        one = candidate.example
        return {} if one.origin == "like" and not one.context else None
