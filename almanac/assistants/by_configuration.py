"""The configuration as one who takes steps: what it gives is in production until a person decides.

Its steps are taken without the lease, so that a server starts while a night runs; of two that are
taken at the same time the later one counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from almanac.assistants import versions
from almanac.assistants.configured import BY_CONFIGURATION
from almanac.assistants.spec import spec_of
from almanac.assistants.standing import in_production
from lakehouse import Lakehouse
from lakehouse.assistants import StageStep
from schemas.errors import ReleaseNotFound


def put_into_production(lake: Lakehouse, configured: Iterable[str]) -> list[StageStep]:
    """Put stored versions into production where no person put another one there; the new steps.

    Args:
        lake: the lakehouse.
        configured: the versions that the configuration gives, one an assistant.
    """
    steps: list[StageStep] = []
    for version in configured:
        stored = lake.assistant_versions.find(version)
        there = in_production(lake.assistant_stages.steps(stored.assistant))
        if there is None:
            steps.append(_step(stored.assistant, version, "production", "it is configured"))
        elif there.version != version and there.actor == BY_CONFIGURATION:
            before = lake.assistant_versions.find(there.version)
            try:
                had = versions.resolved(lake, spec_of(before.spec))
            except ReleaseNotFound:
                had = {}
            said = "the configuration was changed"
            steps.append(_step(stored.assistant, version, "production", said))
            steps.append(_step(stored.assistant, there.version, "archived", said, had))
    lake.assistant_stages.append(steps)
    return steps


def _step(
    assistant: str, version: str, to: str, reason: str, had: dict[str, object] | None = None
) -> StageStep:
    now = datetime.now(UTC)
    return StageStep(assistant, version, to, BY_CONFIGURATION, reason, now, "", had or {})
