"""What the command line does with rollouts, each in one call."""

from __future__ import annotations

from typing import Any

from almanac.rollouts import staging, steps
from almanac.rollouts.check import check, look
from almanac.rollouts.report import report, summary
from almanac.rollouts.state import rollouts
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import RolloutRefused
from schemas.settings import Settings

Report = dict[str, Any]


def start(
    settings: Settings,
    assistant: str,
    version: str,
    actor: str,
    reason: str,
    ab: float | None,
    again: bool,
) -> Report:
    """Begin a rollout of a version in staging, by the beginning of its id.

    Raises:
        RolloutRefused: it is another assistant's, not in staging, or may not begin now.
        AssistantRefused: there is no such version.
    """
    lake = _lake(settings)
    candidate = lake.assistant_versions.find(version)
    if candidate.assistant != assistant:
        raise RolloutRefused(
            f"version {candidate.short} is one of {candidate.assistant}, not of {assistant}"
        )
    staging.check_approved(lake, candidate.version)
    current = staging.present_version(settings, lake, assistant)
    step = steps.start(settings, assistant, candidate.version, current, actor, reason, ab, again)
    return summary(steps.find(lake, step.rollout))


def status(settings: Settings, name: str | None) -> Report:
    """One rollout with its figures; without a name the only one under way, or a list of them."""
    lake = _lake(settings)
    every = rollouts(lake.rollouts.steps())
    under_way = [one for one in every if one.is_open]
    if name is None and len(under_way) != 1:
        ended = len(every) - len(under_way)
        return {"rollouts": [summary(one) for one in under_way], "ended": ended}
    return report(look(lake, steps.find(lake, name) if name else under_way[0]))


def check_now(settings: Settings, name: str, actor: str) -> Report:
    """Look at a rollout, do what its evidence says, and tell where it stands then."""
    lake = _lake(settings)
    found = steps.find(lake, name)
    if found.is_open:
        check(settings, lake, found, actor, staging.move_versions)
    return report(look(lake, steps.find(lake, found.name)))


def move(settings: Settings, step: str, name: str, actor: str, reason: str) -> Report:
    """`pause`, `resume` or `stop` a rollout."""
    if step == "stop":
        taken = steps.stop(settings, name, actor, reason, staging.move_versions)
    else:
        by_hand = {"pause": steps.pause, "resume": steps.resume}
        taken = by_hand[step](settings, name, actor, reason)
    return summary(steps.find(_lake(settings), taken.rollout))


def history(settings: Settings) -> Report:
    """Every rollout, newest first."""
    return {"rollouts": [summary(one) for one in rollouts(_lake(settings).rollouts.steps())]}


def _lake(settings: Settings) -> Lakehouse:
    return open_lakehouse(settings.lakehouse, settings.storage_options, settings.durability)
