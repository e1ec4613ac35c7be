"""The stages of the nightly run as Prefect tasks.

One task a stage, never one a document: each task run costs the API about 40 ms of its processor.
What is handed on are plain objects that Prefect does not walk into; nothing is cached, because
the lakehouse itself knows what is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from almanac.feedback.drain import bring_in
from almanac.ingest import compare, data_docs, index, ingest, publish, refused, report, snapshot
from almanac.ingest.chunk import Cut, Refusal, store_chunks
from almanac.ingest.embed import Embedding, store_vectors
from almanac.ingest.ingested import Ingested
from almanac.ingest.nightly_run import NightlyRun
from almanac.ingest.run import Run, begin_run
from almanac.releases.erase import finish_erasure
from almanac.releases.truth import check_truth
from almanac.retrieval import recall, upgrade
from almanac.sources.address import redacted
from lakehouse.documents import Key, StoredDocument
from lakehouse.placements import Probes
from lakehouse.probes import ask_probes
from lakehouse.releases import DraftRelease, Release
from schemas.errors import AlmanacError
from schemas.settings import Settings
from schemas.times import isoformat
from tasks import artifacts, events
from tasks.nightly_artifacts import show_night

Documents = Mapping[Key, StoredDocument]
_PROGRESS_FROM = 256  # below that a stage takes seconds


def _may_pass(task: Task[..., Any], task_run: TaskRun, state: State) -> bool:
    """Try again what the outside broke, not what was refused for a reason."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, AlmanacError)


_OUTSIDE: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _may_pass,
}


def begin(
    settings: Settings, logical_time: datetime, run_id: str | None, scheduled: bool = False
) -> Run:
    """Name the run and log its sources, logical date and lakehouse."""
    bring_in(settings)
    run = begin_run(settings, logical_time, run_id, scheduled)
    sources = ", ".join(
        f"{name} ({redacted(source.uri)})" for name, source in sorted(run.settings.sources.items())
    )
    get_run_logger().info(
        "Run %s as of %s: %s into %s",
        run.run_id,
        isoformat(run.logical_time),
        sources,
        run.lake.location.uri,
    )
    return run


@task(name="recover", cache_policy=NO_CACHE)
def recover(night: NightlyRun) -> Documents:
    """Clear what a killed run left, and read the last snapshot."""
    run = night.run
    with run.timed("recover"):
        finish_erasure(run.settings, run.lake, run.run_id)
        orphans = snapshot.recover(run)
        state = run.lake.documents.state(run.releases.last_snapshot())
        check_truth(run, state)
    if orphans:
        get_run_logger().warning("Cleared %d changes that a killed run left unpublished", orphans)
    # No dict: Prefect would walk through every document, twice for each task that is given it.
    return MappingProxyType(state)


@task(name="read-and-validate", **_OUTSIDE)
def read_and_validate(night: NightlyRun, state: Documents, read_all: bool, retry: bool) -> Ingested:
    """Read what may have changed and quarantine what breaks a must."""
    run = night.run
    progress = artifacts.progress("reading-progress", "files read", _PROGRESS_FROM)
    found = Ingested()
    try:
        ingest.ingest(run, state, read_all, retry, progress, found)
        stored = ingest.quarantine(run, found)
    finally:  # also for a night that stops here, or after
        with artifacts.best_effort("Data Docs"), run.timed("validate"):
            data_docs.keep_data_docs(run, found)
    get_run_logger().info(
        "%d files, %d read, %d other entries; %d documents rejected (%d rows new in quarantine, "
        "%d resolved)",
        found.files,
        len(found.read),
        found.skipped,
        len(found.rejected),
        stored.opened,
        stored.resolved,
    )
    return found


@task(name="compare-with-last-release", cache_policy=NO_CACHE)
def compare_with_last_release(
    night: NightlyRun, state: Documents, found: Ingested, accept_losses: bool
) -> compare.Changes:
    """What changed; stops the run where too much is gone."""
    run, outcome = night.run, night.outcome
    with run.timed("compare"):
        changes = compare.Changes(state, found)
        outcome.saw(changes, found)  # a run that is refused says, too, what would be gone
        outcome.checks += found.checks
        figures = ", ".join(f"{count} {name}" for name, count in changes.counts().items())
        get_run_logger().info("Documents: %s", figures)
        limits = run.settings.loss_limits
        outcome.checks += compare.check_losses(changes, state, limits, accept_losses)
    return changes


def date_is_published(night: NightlyRun, changes: compare.Changes) -> bool:
    """Is there a release of this very logical date? It stays as it is, whatever changed since."""
    latest = night.latest
    if latest is None or not night.repeats(latest):
        return False
    if changes:
        night.outcome.message = (
            f"Release {latest.seq} is already as of {isoformat(latest.logical_time)}: what changed "
            "since waits for a run with a later logical date."
        )
    return True


def nothing_to_publish(
    night: NightlyRun, change: snapshot.IndexChange, accept_upgrade: bool
) -> bool:
    """Does the latest release hold all of this already?

    Raises:
        RunRefused: a candidate does, and nobody said that it may be published.
    """
    run, models = night.run, night.models
    if index.is_current(run, models, change, night.latest):
        return True
    base = change.base
    waits = base and base.kind == "candidate" and index.is_current(run, models, change, base)
    if base and waits and not accept_upgrade:
        raise upgrade.refusal(base)
    return False


@task(name="snapshot", cache_policy=NO_CACHE)
def store_snapshot(night: NightlyRun, changes: compare.Changes) -> snapshot.IndexChange:
    """Append the changes and say what the index must take over."""
    with night.run.timed("snapshot"):
        seq = snapshot.store_changes(night.run, changes)
        change = snapshot.plan_index(night.run, night.models, seq)
    get_run_logger().info(
        "Snapshot %d: %d documents to index anew, %d to drop",
        seq,
        len(change.taken),
        len(change.dropped),
    )
    return change


@task(name="chunk", cache_policy=NO_CACHE)
def chunk_documents(night: NightlyRun, change: snapshot.IndexChange) -> Cut:
    """Cut the texts that were never cut by this chunker."""
    progress = artifacts.progress("chunking-progress", "document texts cut", _PROGRESS_FROM)
    with night.run.timed("chunk"):
        cut = store_chunks(night.run, night.models, change.taken.values(), progress)
    get_run_logger().info("%d document texts cut into chunks", cut.texts)
    return cut


@task(name="embed", **_OUTSIDE)
def embed_texts(night: NightlyRun, change: snapshot.IndexChange) -> Embedding:
    """Embed the texts that have no vector yet."""
    progress = artifacts.progress("embedding-progress", "texts embedded", _PROGRESS_FROM)
    with night.run.timed("embed"):
        result = store_vectors(night.run, night.models, change.taken.values(), progress)
    get_run_logger().info(
        "%d texts needed, %d embedded (%d tokens), %d known",
        result.texts,
        result.embedded,
        result.tokens,
        result.texts - result.embedded,
    )
    return result


def chunk_and_embed(
    night: NightlyRun,
    state: Documents,
    found: Ingested,
    changes: compare.Changes,
    change: snapshot.IndexChange,
    accept_losses: bool,
) -> tuple[snapshot.IndexChange, Embedding]:
    """Cut and embed; a document that the chunker or the model refuses costs itself alone."""
    run, models = night.run, night.models

    def without(change: snapshot.IndexChange, texts: Mapping[str, Refusal]) -> snapshot.IndexChange:
        left = refused.leave_out(run, models, state, found, changes, change, texts)
        get_run_logger().warning("%d document texts were refused: see quarantine", len(texts))
        night.outcome.saw(changes, found)
        compare.check_losses(changes, state, run.settings.loss_limits, accept_losses)
        return left

    return refused.cut_and_embed(
        change,
        cut=lambda change: chunk_documents(night, change),
        embed=lambda change: embed_texts(night, change),
        without=without,
    )


@task(name="write-index", **_OUTSIDE)
def write_index(night: NightlyRun, change: snapshot.IndexChange) -> index.Written:
    """Bring the Lance table to the snapshot."""
    with night.run.timed("index"):
        written = index.write_index(night.run, night.models, change)
    get_run_logger().info(
        "Index %s: %d rows, %d added, %d removed",
        written.writer.name,
        written.rows,
        written.added_rows,
        len(written.removed),
    )
    return written


@task(name="verify", cache_policy=NO_CACHE)
def tag_and_verify(night: NightlyRun, written: index.Written) -> tuple[DraftRelease, Probes]:
    """Tag the index and hold what its readers would see against Delta."""
    run, outcome = night.run, night.outcome
    with run.timed("verify"):
        draft = publish.tag_release(run, night.models, written)
        probes = ask_probes(run.lake.read(draft))
        outcome.checks += publish.verify_release(run, written, draft, probes)
    _measure(night, draft, written.change.after)
    measured = f", recall@10 {outcome.recall['mean']:.4f}" if outcome.recall else ""
    get_run_logger().info(
        "Release %d holds what Delta says: %d rows of %d documents, %d probes%s",
        draft.seq,
        draft.rows,
        draft.documents,
        len(probes),
        measured,
    )
    return draft, probes


def _measure(night: NightlyRun, draft: DraftRelease, documents: Documents) -> None:
    """Recall on the golden questions, where there are any; what can't be asked stops no night."""
    with night.run.timed("recall"):
        try:
            night.outcome.recall = recall.measure(night.run, night.models, draft, documents)
        except AlmanacError as error:
            get_run_logger().warning("The golden questions could not be asked: %s", error)


def must_hold(night: NightlyRun, lift_hold: bool) -> bool:
    """Was the latest release restored with the order that nightly runs wait?"""
    latest, outcome = night.latest, night.outcome
    if latest is None or not latest.held or lift_hold:
        return False
    outcome.held = True
    reason = f" ({latest.note['reason']})" if latest.note.get("reason") else ""
    made = "taking back" if latest.kind == "withdrawal" else "restored from"
    outcome.message = (
        f"Release {latest.seq}, {made} release {latest.note['of']}{reason}, tells nightly "
        "runs to hold back: nothing was read. `almanac nightly --lift-hold` resumes publishing."
    )
    return True


def judge_upgrade(night: NightlyRun, draft: DraftRelease, accept_upgrade: bool) -> DraftRelease:
    """The draft itself, or a candidate where another model or chunker answers worse."""
    if accept_upgrade:
        return draft
    return _judge_upgrade(night, draft)


@task(name="judge-upgrade", cache_policy=NO_CACHE)
def _judge_upgrade(night: NightlyRun, draft: DraftRelease) -> DraftRelease:
    latest = night.latest
    if latest is None or not upgrade.is_upgrade(latest, draft):
        return draft
    with night.run.timed("judge"):
        reason = upgrade.objection(night.run, latest, draft)
    return upgrade.as_candidate(draft, reason) if reason else draft


def publish_release(night: NightlyRun, draft: DraftRelease, probes: Probes) -> None:
    """Seal the draft and append it: the moment from which readers see it.

    Raises:
        RunRefused: it is a candidate, which was stored and waits for a person.
    """
    published = _publish(night, draft, probes)
    if published.kind == "candidate":
        raise upgrade.refusal(published)
    night.outcome.release = published
    night.outcome.published = True


@task(name="publish", cache_policy=NO_CACHE)
def _publish(night: NightlyRun, draft: DraftRelease, probes: Probes) -> Release:
    with night.run.timed("publish"):
        published = publish.publish(night.run, draft, night.lease, probes)
    verb = "Kept candidate" if published.kind == "candidate" else "Published release"
    get_run_logger().info("%s %d of index %s", verb, published.seq, published.index)
    return published


@task(name="report", cache_policy=NO_CACHE)
def finish(night: NightlyRun, found: Ingested | None, judged: bool = True) -> dict[str, Any]:
    """Remember the files that were read, if any were, and make the report of the run.

    `judged`: what changed was cut and embedded, or nothing had to be.

    What cannot be shown is logged. Where the files cannot be remembered the run fails, but what it
    published answers, its report says so, and the next night reads those files again.
    """
    run = night.run
    with run.timed("remember"):
        if found is not None:
            if judged:
                ingest.settle_late(run, found)
                night.outcome.quarantined = found.quarantined
            run.lake.files.record(found.read, found.gone)
    result = report.report(run, night.outcome)
    show_night(run, result, found)
    events.raise_quarantine(run.settings, result)
    return result
