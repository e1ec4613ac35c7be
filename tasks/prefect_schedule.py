"""The schedules of a deployment as Prefect has them, and the dates at which they are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.utilities.asyncutils import run_coro_as_sync

from almanac.schedule.logical_date import Dates, Schedule
from schemas.errors import ConfigError
from schemas.hashing import canonical_json, sha256_parts

AUTO = "auto-scheduled"  # Prefect's tag of a run that a schedule made
_NIGHTLY = "nightly/nightly"


def schedule_of(deployment: str) -> Schedule:
    """The active schedules of a deployment, by its id."""
    with get_client(sync_client=True) as client:
        schedules = client.read_deployment(UUID(deployment)).schedules
    active = [schedule for schedule in schedules if schedule.active]
    since = max((as_plain_utc(each.updated) for each in active if each.updated), default=None)
    rules = [each.schedule for each in active]
    return Schedule(dates_of(rules), key_of(rules), since)


def nightly_dates() -> Dates:
    """When the deployment `nightly/nightly` is due.

    Raises:
        ConfigError: the server has no such deployment.
    """
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(_NIGHTLY)
        except ObjectNotFound:
            raise ConfigError(
                f"no deployment {_NIGHTLY} tells when it is due: run `almanac up`, or choose "
                "another `every`"
            ) from None
    return schedule_of(str(deployment.id)).dates


def key_of(schedules: Sequence[Any]) -> str:
    """Eight hexadecimal digits over what Prefect's schedules say, in whatever order.

    Not over when an interval began: without an anchor it does so with each `prefect deploy`.
    """
    rules = (each.model_dump(mode="json", exclude={"anchor_date"}) for each in schedules)
    return sha256_parts(*sorted(canonical_json(rule) for rule in rules))[:8]


def dates_of(schedules: Sequence[Any]) -> Dates:
    """What gives the dates at which Prefect's schedules (cron, interval, RRule) are due, UTC.

    The time zone of each schedule is respected.
    """
    from prefect.server.schemas import schedules as server  # the client's cannot tell their dates

    rules = [getattr(server, type(each).__name__)(**each.model_dump()) for each in schedules]

    def dates(start: datetime, end: datetime) -> list[datetime]:
        due: list[datetime] = []
        for rule in rules:
            due += cast(list[datetime], run_coro_as_sync(rule.get_dates(start=start, end=end)))
        return [as_plain_utc(date) for date in due]

    return dates


def as_plain_utc(moment: datetime) -> datetime:
    """UTC and nothing more: arithmetic on Prefect's own kind of time loses the zone."""
    return datetime.fromisoformat(moment.isoformat()).astimezone(UTC)
