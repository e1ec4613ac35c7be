"""Take in requests and votes, find out why each dislike failed, and say if a tune is due."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from prefect import flow, runtime

from schemas.settings import load_settings
from schemas.times import first_instant, last_instant
from tasks import learning


@flow(name="feedback", description=__doc__, validate_parameters=True)
def feedback(
    log: str | None = None,
    votes: str | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    triage_again: bool = False,
    lakehouse: str | None = None,
    config: str | None = None,
) -> dict[str, Any]:
    """Import, triage, and start a tune through an automation where enough is new.

    Args:
        log: A file or folder of requests, read instead of the configured one.
        votes: A file of votes, read instead of the configured one.
        from_date: Triage only what was asked on this day or later.
        to_date: Triage only what was asked on this day or before.
        triage_again: Look again into dislikes too of which nothing changed.
        lakehouse: Another lakehouse than the configured one.
        config: Another configuration file.
    """
    overrides = {"lakehouse": lakehouse} if lakehouse else {}
    settings = load_settings(config, **overrides)
    run_id = runtime.flow_run.id
    taken = learning.take_feedback(settings, log, votes, run_id)
    start, end = first_instant(from_date), last_instant(to_date)
    found = learning.triage_dislikes(settings, start, end, triage_again, run_id)
    said = learning.announce_if_due(settings, datetime.now(UTC))
    return {"import": taken, "triage": found, "tune": said}
