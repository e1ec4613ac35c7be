"""What a look says of each measure, and when several figures together are a drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from almanac.drift.blocks import Tested

KINDS = ("documents", "questions", "answers")
State = Literal["drift", "quiet", "unknown"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that may move. Effects go from 0 to 1: about the share that is another now.

    `adjusted` is the p-value after correction for all measures of the look. `window` and
    `reference` describe the two sides where one number can.
    """

    name: str
    effect: float
    limit: float
    p: float
    adjusted: float = 1.0
    window: float | None = None
    reference: float | None = None
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One kind of drift at one time: its measures, or why there is no verdict.

    `window` and `reference` count what was compared. `drawn` is what pictures and examples need;
    it has texts of users and is not stored.
    """

    kind: str
    state: State
    reason: str
    window: int = 0
    reference: int = 0
    measures: tuple[Measure, ...] = ()
    drawn: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Figures alone, without any text of a user or a document."""
        plain = {name: getattr(self, name) for name in ("state", "reason", "window", "reference")}
        return plain | {"measures": [asdict(one) for one in self.measures]}


def measure(
    name: str,
    found: Tested,
    limit: float,
    window: float | None = None,
    reference: float | None = None,
) -> Measure:
    """A measure before correction."""
    sides = [None if side is None else round(side, 6) for side in (window, reference)]
    return Measure(name, round(found.effect, 6), limit, round(found.p, 6), 1.0, sides[0], sides[1])


def unknown(kind: str, reason: str, window: int = 0, reference: int = 0) -> Seen:
    """No verdict: there is too little to look at."""
    return Seen(kind, "unknown", reason, window, reference)


def judged(seen: Sequence[Seen], significance: float) -> list[Seen]:
    """Correct the p-values for all measures of a look, and say which of them moved.

    Benjamini and Hochberg, "Controlling the False Discovery Rate" (1995): at most that share of
    what is called moved is not, in the mean, and where nothing moved at all, it is the probability
    that anything is called so. A measure moved where the corrected p-value is at or below
    `significance` and its effect at or above its limit: a small move of much data is none, and a
    large one of little data neither.
    """
    from scipy.stats import false_discovery_control

    values = [one.p for some in seen for one in some.measures]
    adjusted = iter(false_discovery_control(values).tolist() if values else ())
    return [_judged(one, adjusted, significance) for one in seen]


def _judged(seen: Seen, adjusted: Any, significance: float) -> Seen:
    if seen.state == "unknown":
        return seen
    measures = []
    for one in seen.measures:
        p = round(next(adjusted), 6)
        moved = p <= significance and one.effect >= one.limit
        measures.append(replace(one, adjusted=p, moved=moved))
    named = [one.name for one in measures if one.moved]
    reason = f"moved: {', '.join(named)}" if named else "nothing moved"
    state: State = "drift" if named else "quiet"
    return replace(seen, state=state, reason=reason, measures=tuple(measures))
