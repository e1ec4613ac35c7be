"""The steps of versions that go with a rollout: into production at its end, or back."""

from __future__ import annotations

from dataclasses import replace

from almanac.assistants import versions
from almanac.assistants.configured import configured, configured_version, keep
from almanac.assistants.spec import spec_of
from almanac.assistants.standing import production, stage_of
from lakehouse import Lakehouse
from lakehouse.assistants import StageStep
from lakehouse.rollouts import RolloutStep
from schemas.errors import ReleaseNotFound, RolloutRefused
from schemas.settings import Settings


def move_versions(lake: Lakehouse, step: RolloutStep) -> None:
    """Add what the end of a rollout does to its versions; under the lease, before the end's row.

    A candidate that was promoted takes the place of the one in production; one that was rolled back
    is rejected, and one that got no verdict stays in staging. Killed after this and before the
    rollout's own row, the same step is taken again: what is done already is not done twice.
    """
    if step.state == "promoted":
        present = production(lake).get(step.assistant)
        if present != step.candidate:
            lake.assistant_stages.append(_promotion(lake, step, present))
    elif step.state == "rolled_back" and stage_of(lake, step.candidate) == "staging":
        lake.assistant_stages.append([_row(step, step.candidate, "rejected")])


def _promotion(lake: Lakehouse, step: RolloutStep, present: str | None) -> list[StageStep]:
    """The steps of a promotion, with the release that the version before had.

    So `almanac assistant rollback` brings that one back later, with its index.
    """
    before = present or step.current
    first = [] if present else [_row(step, before, "production")]  # the configuration's, until now
    stored = lake.assistant_versions.get(before)
    try:
        had = versions.resolved(lake, spec_of(stored.spec)) if stored else {}
    except ReleaseNotFound:
        had = {}
    return [
        *first,
        _row(step, step.candidate, "production"),
        replace(_row(step, before, "archived"), resolved=had),
    ]


def present_version(settings: Settings, lake: Lakehouse, assistant: str) -> str:
    """The version that answers now: the one in production, else the configuration's, stored.

    Raises:
        RolloutRefused: there is no such assistant.
    """
    if version := production(lake).get(assistant):
        return version
    if assistant not in configured(settings):
        known = ", ".join(sorted({*configured(settings), *production(lake)}))
        raise RolloutRefused(f"there is no assistant {assistant!r}, only: {known}")
    return keep(lake, configured_version(settings, assistant)).version


def check_approved(lake: Lakehouse, version: str) -> None:
    """Raises RolloutRefused for a version that no gate and no person let into staging."""
    stage = stage_of(lake, version)
    if stage != "staging":
        steps = "dev`, then `... staging" if stage == "rejected" else "staging"
        raise RolloutRefused(
            f"version {version[:12]} is in {stage}, and a rollout starts from staging: "
            f"`almanac assistant gate {version[:12]}` holds it against what answers, and `almanac "
            f"assistant stage {version[:12]} {steps}` brings it there"
        )


def _row(step: RolloutStep, version: str, stage: str) -> StageStep:
    return StageStep(
        assistant=step.assistant,
        version=version,
        stage=stage,
        actor=step.actor,
        reason=f"rollout {step.rollout}: {step.reason}",
        at=step.at,
        run_id=step.rollout,
    )
