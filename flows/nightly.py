"""The nightly run: read, validate, snapshot, chunk, embed, index, verify, publish."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks import nightly as stages
from tasks.names import ended, run_name
from tasks.schedule import nightly_run


@flow(
    name="nightly",
    flow_run_name=run_name("nightly"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def nightly(
    source: Annotated[forms.Place, forms.named("Another source")] = None,
    as_of: Annotated[forms.Moment, forms.named("Logical date (as of)")] = None,
    accept_losses: Annotated[bool, forms.named("Accept losses")] = False,
    read_all: Annotated[bool, forms.named("Read everything")] = False,
    retry_quarantined: Annotated[bool, forms.named("Read what was rejected again")] = False,
    accept_upgrade: Annotated[bool, forms.named("Accept another model")] = False,
    lift_hold: Annotated[bool, forms.named("Resume nightly publishing")] = False,
    allow_future: Annotated[bool, forms.named("Allow a date in the future")] = False,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Bring the index to what the sources hold and publish it as a release of its logical date.

    Returns the report of the run. Nothing is published where nothing changed. A run on the schedule
    that starts late takes the newest logical date that has come; dates at which nothing ran are
    stored as missed, or run first where the source's address names the day.

    Args:
        source: A folder or URL to read instead of the configured source; {date} or
            {as_of:%Y/%m/%d} in it become the logical date, UTC.
        as_of: The logical date. Unless given: of a run on the schedule the newest date that has
            come, of any other the present.
        accept_losses: Publish although many documents vanished or shrank.
        read_all: Read files too that size and time say are unchanged.
        retry_quarantined: Read files again that something was quarantined from.
        accept_upgrade: Publish with another embedder or chunker, whatever it answers.
        lift_hold: Publish although a restore told nightly runs to wait.
        allow_future: Take a date that is more than an hour ahead. Until it has come, every other
            night is refused.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    settings = settings_for(config, lakehouse)
    settings = settings.with_source(source) if source else settings

    with nightly_run(settings, as_of, allow_future, lift_hold, nightly) as night:
        if night.result is not None:
            return night.result
        state = stages.recover(night)
        documents = stages.read_and_validate(night, state, read_all, retry_quarantined)
        changes = stages.compare_with_last_release(night, state, documents, accept_losses)
        if stages.date_is_published(night, changes):
            return ended(stages.finish(night, documents, judged=False))
        change = stages.store_snapshot(night, changes)
        if stages.nothing_to_publish(night, change, accept_upgrade):
            return ended(stages.finish(night, documents))
        change, embedding = stages.chunk_and_embed(
            night, state, documents, changes, change, accept_losses
        )
        if stages.nothing_to_publish(night, change, accept_upgrade):
            return ended(stages.finish(night, documents))
        written = stages.write_index(night, change)
        draft, probes = stages.tag_and_verify(night, written)
        draft = stages.judge_upgrade(night, draft, accept_upgrade)
        stages.publish_release(night, draft, probes)
        night.outcome.wrote(written, embedding)
        return ended(stages.finish(night, documents))
