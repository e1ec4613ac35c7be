"""What is known of a rollout at one look, as figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from almanac.rollouts.confidence import Interval, Rates, difference_of_rates, paired
from almanac.rollouts.plan import ALPHA

WINDOW = 50  # of the last pairs sent to the judge, over which its coverage is counted


@dataclass(frozen=True, slots=True)
class Pairs:
    """Judged pairs: how many, and the sum and the sum of squares of their differences.

    `sent` and `judged` are of the last WINDOW pairs that the judge was asked about; `since_step`
    are the judged ones since the share last grew, and `tried` and `answered`, of all questions that
    both versions were asked since then, with a judge or without, those and the ones that the other
    version answered.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    sent: int = 0
    judged: int = 0
    since_step: int = 0
    tried: int = 0
    answered: int = 0

    @property
    def coverage(self) -> float | None:
        """Judged of sent; None before any was sent."""
        return self.judged / self.sent if self.sent else None

    @property
    def interval(self) -> Interval:
        """Of the difference: share of pairs that the candidate won less those that it lost."""
        return paired(self.n, self.total, self.squares, ALPHA["judge"])


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict depends on.

    `signals` counts answers that did not fail and were neither blocked nor empty, `votes` users who
    did not dislike; both by stretches of one share. `tripped` says why the rollout must end at
    once, if it must.
    """

    pairs: Pairs = Pairs()
    signals: tuple[Rates, ...] = ()
    votes: tuple[Rates, ...] = ()
    tripped: str = ""

    def intervals(self) -> dict[str, Interval]:
        """The difference by source."""
        return {
            "signals": difference_of_rates(self.signals, ALPHA["signals"]),
            "judge": self.pairs.interval,
            "votes": difference_of_rates(self.votes, ALPHA["votes"]),
        }

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the intervals that follow from them."""
        rounded = {
            name: {key: round(value, 4) for key, value in asdict(one).items()}
            for name, one in self.intervals().items()
        }
        return {
            "intervals": rounded,
            "pairs": asdict(self.pairs),
            "coverage": None if self.pairs.coverage is None else round(self.pairs.coverage, 4),
            "signals": [asdict(one) for one in self.signals],
            "votes": [asdict(one) for one in self.votes],
            "tripped": self.tripped,
        }
