"""The nightly run: read, validate, snapshot, chunk, embed, index, verify, publish."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow, runtime

from schemas.settings import load_settings
from tasks import nightly as stages
from tasks.stages.models import Models
from tasks.stages.report import Outcome, Recording


@flow(name="nightly", description=__doc__, validate_parameters=True)
def nightly(
    source: str | None = None,
    as_of: datetime | None = None,
    accept_losses: bool = False,
    read_all: bool = False,
    retry_quarantined: bool = False,
    accept_upgrade: bool = False,
    lift_hold: bool = False,
    lakehouse: str | None = None,
    config: str | None = None,
) -> dict[str, Any]:
    """Bring the index to what the sources hold and publish it as a release of its logical time.

    Returns the report of the run. Nothing is published where nothing changed.

    Args:
        source: A folder or URL to read instead of the configured source.
        as_of: The time the run speaks for; its scheduled start unless given.
        accept_losses: Publish although many documents vanished or shrank.
        read_all: Read files too that size and time say are unchanged.
        retry_quarantined: Read files again that something was quarantined from.
        accept_upgrade: Publish with another embedder or chunker, whatever it answers.
        lift_hold: Publish although a restore told nightly runs to hold back.
        lakehouse: Another lakehouse than the configured one.
        config: Another configuration file.
    """
    overrides = {"lakehouse": lakehouse} if lakehouse else {}
    settings = load_settings(config, **overrides)
    if source:
        settings = settings.with_source(source)
    run = stages.begin(settings, as_of or _scheduled(), runtime.flow_run.id)
    models, ttl, wait = Models(settings), settings.lease.ttl_seconds, settings.lease.wait_seconds

    with (
        run.lake.lease(run.run_id, "nightly run", ttl, wait) as lease,
        Recording(run, Outcome()) as outcome,
    ):
        outcome.release = run.releases.latest()
        if stages.must_hold(run, lift_hold, outcome):
            return stages.finish(run, None, outcome)
        state = stages.recover(run)
        found = stages.read_and_validate(run, state, read_all, retry_quarantined)
        changes = stages.compare_with_last_release(run, state, found, accept_losses)
        outcome.saw(changes, found)
        if stages.speaks_already(run, changes, outcome):
            return stages.finish(run, found, outcome)
        change = stages.store_snapshot(run, models, changes)
        if stages.nothing_to_publish(run, models, change, outcome, accept_upgrade):
            return stages.finish(run, found, outcome)
        stages.chunk_documents(run, models, change)
        embedding = stages.embed_texts(run, models, change)
        written = stages.write_index(run, models, change)
        release, probes = stages.tag_and_verify(run, models, written, outcome)
        if not accept_upgrade:
            release = stages.judge_upgrade(run, release, outcome.release)
        published = stages.publish_release(run, release, lease, probes)
        stages.refuse_candidate(published)
        outcome.release = published
        outcome.published = True
        outcome.wrote(written, embedding)
        return stages.finish(run, found, outcome)


def _scheduled() -> datetime:
    return runtime.flow_run.scheduled_start_time or datetime.now(UTC)
