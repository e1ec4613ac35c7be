"""The one shape of a guard."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from almanac.dataset.candidates import Candidate

Figures = dict[str, Any]


class Guard(Protocol):
    """Looks at candidates one at a time, in order.

    What `check` says may depend on the candidate and on those handed to `keep` before it, on
    nothing else: so what comes later never drops what came earlier.
    """

    reason: ClassVar[str]

    def check(self, candidate: Candidate) -> Figures | None:
        """What decided against the candidate, as plain data; None where it may pass."""
        ...

    def keep(self, candidate: Candidate) -> None:
        """The candidate passed every guard and is part of the dataset."""
        ...


class Forgetful:
    """A guard that looks at each candidate alone."""

    def keep(self, candidate: Candidate) -> None:
        """Nothing to remember."""
