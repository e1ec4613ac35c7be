"""Steps of rollouts: each one a row with who, why and on what figures, under the lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from almanac.rollouts.decide import Verdict
from almanac.rollouts.plan import Plan
from almanac.rollouts.state import Rollout, rollouts
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.rollouts import RolloutStep
from schemas.errors import RolloutRefused
from schemas.hashing import sha256_parts
from schemas.settings import Settings
from schemas.times import isoformat

SERVER = "the server"
_NEXT = {
    "roll_back": "rolled_back",
    "expire": "expired",
    "promote": "promoted",
    "step": "running",
}
# What goes with a step of a rollout under the same lease: the stages of its versions.
Also = Callable[[Lakehouse, RolloutStep], None]


def nothing_else(_lake: Lakehouse, _step: RolloutStep) -> None:
    """No more than the row of the rollout."""


def find(lake: Lakehouse, name: str) -> Rollout:
    """The rollout whose id begins so. Raises RolloutRefused where none or several do."""
    found = [one for one in rollouts(lake.rollouts.steps()) if name and one.name.startswith(name)]
    if len(found) != 1:
        raise RolloutRefused(
            f"{len(found) or 'no'} rollouts begin with {name!r}: `almanac rollout history` has all"
        )
    return found[0]


def start(
    settings: Settings,
    assistant: str,
    candidate: str,
    current: str,
    actor: str,
    reason: str = "",
    ab: float | None = None,
    again: bool = False,
) -> RolloutStep:
    """Begin a rollout at the first share of the schedule, or an A/B test at the share `ab`.

    Raises:
        RolloutRefused: another is under way for the assistant, the two versions are the same, or
            the candidate was rolled back within `rollouts.dwell_hours` and `again` is not said.
        LeaseHeld: another writer is at work.
    """
    if candidate == current:
        raise RolloutRefused(f"version {candidate} answers already: there is nothing to roll out")
    plan = Plan.of(settings.rollouts, bool(settings.judge.model), ab)
    now = datetime.now(UTC)
    lake = open_lakehouse(settings.lakehouse, settings.storage_options, settings.durability)
    with lake.lease(
        actor, f"rollout of {candidate}", settings.lease.ttl_seconds, _patience(settings)
    ):
        every = [one for one in rollouts(lake.rollouts.steps()) if one.last.assistant == assistant]
        _refuse_second(every)
        if not again:
            _refuse_early(every, candidate, now, settings.rollouts.dwell_hours)
        step = RolloutStep(
            rollout=sha256_parts(assistant, candidate, current, isoformat(now))[:12],
            assistant=assistant,
            candidate=candidate,
            current=current,
            share=plan.schedule[0],
            state="running",
            plan=plan.as_json(),
            statistics={},
            actor=actor,
            reason=reason or ("an A/B test begins" if ab is not None else "a rollout begins"),
            at=now,
        )
        lake.rollouts.append([step])
    return step


def pause(settings: Settings, name: str, actor: str, reason: str = "") -> RolloutStep:
    """Leave the share as it is until `resume`; a worse candidate is rolled back all the same."""
    return _by_hand(settings, name, "running", "paused", actor, reason)


def resume(settings: Settings, name: str, actor: str, reason: str = "") -> RolloutStep:
    """Go on after a pause; the time at the present share begins anew."""
    return _by_hand(settings, name, "paused", "running", actor, reason)


def stop(
    settings: Settings, name: str, actor: str, reason: str = "", also: Also = nothing_else
) -> RolloutStep:
    """End a rollout: the present version answers everybody again."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options, settings.durability)
    seen = find(lake, name)
    said = f"stopped: {reason}" if reason else "stopped"
    return _take(
        settings, seen, lambda last: replace(last, state="rolled_back", share=0.0), actor, said, {},
        _patience(settings), also,
    )  # fmt: skip


def carry_out(
    settings: Settings,
    seen: Rollout,
    verdict: Verdict,
    statistics: Mapping[str, Any],
    actor: str = SERVER,
    also: Also = nothing_else,
) -> RolloutStep | None:
    """Do what a verdict says; None for `hold`.

    Raises:
        RolloutRefused: somebody took another step since it was `seen`.
        LeaseHeld: another writer is at work for longer than a rollback waits.
    """
    if verdict.kind == "hold":
        return None
    shares = {"roll_back": 0.0, "expire": 0.0, "promote": 1.0, "step": verdict.share or 0.0}
    return _take(
        settings,
        seen,
        lambda last: replace(last, state=_NEXT[verdict.kind], share=shares[verdict.kind]),
        actor,
        verdict.reason,
        statistics,
        settings.rollouts.lease_seconds,
        also,
    )


def _patience(settings: Settings) -> float:
    """Seconds that a person's step waits for another writer, such as the server's own."""
    return max(settings.lease.wait_seconds, settings.rollouts.lease_seconds)


def _by_hand(
    settings: Settings, name: str, was: str, becomes: str, actor: str, reason: str
) -> RolloutStep:
    lake = open_lakehouse(settings.lakehouse, settings.storage_options, settings.durability)
    seen = find(lake, name)
    if seen.last.state != was:
        raise RolloutRefused(f"rollout {seen.name} is {seen.last.state}, not {was}")
    return _take(
        settings, seen, lambda last: replace(last, state=becomes), actor, reason or becomes, {},
        _patience(settings), nothing_else,
    )  # fmt: skip


def _take(
    settings: Settings,
    seen: Rollout,
    change: Callable[[RolloutStep], RolloutStep],
    actor: str,
    reason: str,
    statistics: Mapping[str, Any],
    wait_seconds: float,
    also: Also,
) -> RolloutStep:
    """Add a step to a rollout that nobody moved since it was seen; the row comes last."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options, settings.durability)
    purpose = f"rollout {seen.name}"
    with lake.lease(actor, purpose, settings.lease.ttl_seconds, wait_seconds):
        found = next(one for one in rollouts(lake.rollouts.steps()) if one.name == seen.name)
        if not found.is_open:
            raise RolloutRefused(f"rollout {seen.name} has ended: it is {found.last.state}")
        if found.last.ordinal != seen.last.ordinal:
            raise RolloutRefused(
                f"{found.last.actor} moved rollout {seen.name} meanwhile: look at it again"
            )
        step = replace(
            change(found.last), actor=actor, reason=reason, statistics=statistics,
            at=datetime.now(UTC),
        )  # fmt: skip
        also(lake, step)
        lake.rollouts.append([step])
    return step


def _refuse_second(every: list[Rollout]) -> None:
    for one in every:
        if one.is_open:
            raise RolloutRefused(
                f"rollout {one.name} of {one.last.candidate} is {one.last.state}: "
                f"`almanac rollout stop {one.name}` ends it"
            )


def _refuse_early(every: list[Rollout], candidate: str, now: datetime, hours: float) -> None:
    for one in every:
        ended = one.last.at
        is_back = one.last.state == "rolled_back" and one.last.candidate == candidate
        if is_back and now - ended < timedelta(hours=hours):
            raise RolloutRefused(
                f"version {candidate} was rolled back at {isoformat(ended)} ({one.last.reason}): "
                f"mend it, or say --again to try it within {hours:g} hours"
            )
