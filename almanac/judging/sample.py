"""Which answers the judge looks at: the same ones whenever it is asked, without any memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from almanac.rollouts.assignment import place
from schemas.feedback import Request
from schemas.settings import JudgingSettings

Why = Literal["drawn", "disliked", "ungrounded"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """An answer to be judged. Only those that were `drawn` by chance enter the figures."""

    request: Request
    why: Why


def choose(
    requests: Iterable[Request], disliked: Collection[str], settings: JudgingSettings
) -> list[Chosen]:
    """The answers to look at, the newest last.

    A share of all, by a hash of their id, and for each version and day at least as many as are
    asked for, those with the lowest hash; then every disliked and every ungrounded one.
    """
    answered = [one for one in requests if one.assistant and one.status == "answered"]
    by_day: dict[tuple[str | None, str], list[Request]] = defaultdict(list)
    for one in answered:
        by_day[one.version, f"{one.asked_at:%Y-%m-%d}"].append(one)
    drawn: set[str] = set()
    for some in by_day.values():
        ordered = sorted(some, key=_place)
        count = sum(_place(one) < settings.share for one in some)
        drawn.update(one.request_id for one in ordered[: max(count, settings.least)])
    found = []
    for one in sorted(answered, key=lambda one: (one.asked_at, one.request_id)):
        if one.request_id in drawn:
            found.append(Chosen(one, "drawn"))
        elif one.request_id in disliked:
            found.append(Chosen(one, "disliked"))
        elif _is_ungrounded(one):
            found.append(Chosen(one, "ungrounded"))
    return found


def _place(request: Request) -> float:
    return place("judge", request.request_id)


def _is_ungrounded(request: Request) -> bool:
    made = (request.guard or {}).get("decisions", ())
    return any(one["guard"] == "answer_grounding" for one in made)
