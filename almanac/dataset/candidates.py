"""What the guards look at: an example, and who asked and voted when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lakehouse.training import Rejected
from schemas.examples import Example
from schemas.feedback import Opinion


@dataclass(frozen=True, slots=True)
class Candidate:
    """One example that may be trained on. `opinion` is None for a request without a vote."""

    example: Example
    asked_at: datetime
    user_id: str
    session_id: str | None
    opinion: Opinion | None

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Earlier candidates win over later ones, so that growth takes nothing back."""
        return (self.asked_at, self.example.request_id, self.example.example_id)


@dataclass(frozen=True, slots=True)
class Guarded:
    """Both sides of a guard: what goes on, in order, and what it kept out with its reason.

    `masked` counts the personal data that was masked in what was kept, by kind.
    """

    kept: tuple[Candidate, ...]
    dropped: tuple[Rejected, ...]
    masked: Mapping[str, int] = field(default_factory=dict)


def in_order(candidates: Sequence[Candidate]) -> list[Candidate]:
    """By time, request and content."""
    return sorted(candidates, key=lambda one: one.order)
