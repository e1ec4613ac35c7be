"""The nightly run: read, validate, snapshot, chunk, embed, index, verify, publish."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts, schedule
from tasks import nightly as stages


@flow(name="nightly", description=__doc__, validate_parameters=True, on_failure=[artifacts.explain])
def nightly(
    source: Annotated[forms.Place, forms.named("Another source")] = None,
    as_of: Annotated[forms.Moment, forms.named("The time it speaks for")] = None,
    accept_losses: Annotated[bool, forms.named("Accept losses")] = False,
    read_all: Annotated[bool, forms.named("Read everything")] = False,
    retry_quarantined: Annotated[bool, forms.named("Read what was rejected again")] = False,
    accept_upgrade: Annotated[bool, forms.named("Accept another model")] = False,
    lift_hold: Annotated[bool, forms.named("Lift the hold of a restore")] = False,
    allow_future: Annotated[bool, forms.named("Allow a time in the future")] = False,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Bring the index to what the sources hold and publish it as a release of its logical time.

    Returns the report of the run. Nothing is published where nothing changed. A run on the schedule
    that comes late speaks for the newest time that has come; those at which nothing ran are stored
    as missed, or run first where the source's address names the day.

    Args:
        source: A folder or URL to read instead of the configured source; {date} or
            {as_of:%Y/%m/%d} in it become the time the run speaks for, UTC.
        as_of: The time the run speaks for. Unless given: of a run on the schedule the newest time
            that has come, of any other the present.
        accept_losses: Publish although many documents vanished or shrank.
        read_all: Read files too that size and time say are unchanged.
        retry_quarantined: Read files again that something was quarantined from.
        accept_upgrade: Publish with another embedder or chunker, whatever it answers.
        lift_hold: Publish although a restore told nightly runs to hold back.
        allow_future: Take a time that is more than an hour ahead. Until it has come, every other
            night is refused.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    settings = settings_for(config, lakehouse)
    settings = settings.with_source(source) if source else settings
    turn = schedule.turn_of_this_run(as_of, allow_future)
    made_up, models = schedule.run_missed(turn, settings, nightly)
    run = stages.begin(settings, turn.at, runtime.flow_run.id, turn.scheduled)
    ttl, wait = settings.lease.ttl_seconds, settings.lease.wait_seconds

    with run.lake.lease(run.run_id, "nightly run", ttl, wait) as lease:
        past = schedule.look_back(run)
        if said := schedule.nothing_left(past, turn):
            return schedule.end_at_once(run, said)
        with stages.recording(run) as outcome:
            outcome.release = past.latest
            schedule.note_missed(run, turn, past, settings, made_up, outcome)
            if stages.must_hold(run, lift_hold, outcome):
                return stages.finish(run, None, outcome)
            state = stages.recover(run, past.latest)
            found = stages.read_and_validate(run, state, read_all, retry_quarantined)
            changes = stages.compare_with_last_release(run, state, found, accept_losses, outcome)
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
