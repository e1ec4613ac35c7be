"""The stages of the nightly run as Prefect tasks.

One task a stage, never one a document: each task run costs the API about 40 ms of its processor.
What is handed on are plain objects that Prefect does not walk into; nothing is cached, because
the lakehouse itself knows what is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from almanac.ingest import compare, data_docs, index, ingest, publish, report, snapshot
from almanac.ingest.models import Models
from almanac.ingest.run import Run, begin_run
from almanac.releases.erase import finish_erasure
from almanac.retrieval import recall, upgrade
from almanac.sources.address import redacted
from lakehouse.documents import Key, StoredDocument
from lakehouse.lease import Lease
from lakehouse.placements import Probes
from lakehouse.probes import ask_probes
from lakehouse.releases import Release
from schemas.errors import AlmanacError, TimePast
from schemas.settings import Settings
from schemas.times import isoformat
from tasks import artifacts, events
from tasks.nightly_artifacts import show_night, show_stopped

State_ = Mapping[Key, StoredDocument]
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
    """Name the run and say what it is about."""
    run = begin_run(settings, logical_time, run_id, scheduled)
    sources = ", ".join(
        f"{name} ({redacted(one.uri)})" for name, one in sorted(run.settings.sources.items())
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
def recover(run: Run, latest: Release | None) -> State_:
    """Forget what a killed run left, refuse a time that is past, and open the last snapshot.

    `latest` is the release that answers.
    """
    if latest and run.logical_time < latest.logical_time:
        raise TimePast(
            f"--as-of {isoformat(run.logical_time)} is earlier than the newest release, "
            f"{latest.seq} of {isoformat(latest.logical_time)}: history is only added to"
        )
    with run.timed("recover"):
        finish_erasure(run.settings, run.lake, run.run_id)
        orphans = snapshot.recover(run)
        state = run.lake.documents.state(run.releases.last_snapshot())
    if orphans:
        get_run_logger().warning("Cleared %d changes that a killed run left unpublished", orphans)
    return state


@task(name="read-and-validate", **_OUTSIDE)
def read_and_validate(run: Run, state: State_, read_all: bool, retry: bool) -> ingest.Ingested:
    """Read what may have changed and quarantine what breaks a must."""
    progress = artifacts.progress("reading-progress", "files read", _PROGRESS_FROM)
    found = ingest.Ingested()
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
    run: Run,
    state: State_,
    found: ingest.Ingested,
    accept_losses: bool,
    outcome: report.Outcome,
) -> compare.Changes:
    """What changed; stops the run where too much is gone."""
    with run.timed("compare"):
        changes = compare.Changes(state, found)
        outcome.saw(changes, found)  # a run that is refused says, too, what would be gone
        figures = ", ".join(f"{count} {name}" for name, count in changes.counts().items())
        get_run_logger().info("Documents: %s", figures)
        outcome.checks += compare.check_losses(changes, state, run.settings.guards, accept_losses)
    return changes


def speaks_already(run: Run, changes: compare.Changes, outcome: report.Outcome) -> bool:
    """Is there a release of this very logical time? It stands, whatever changed since."""
    latest = outcome.release
    if latest is None or latest.logical_time != run.logical_time:
        return False
    if changes:
        outcome.message = (
            f"Release {latest.seq} already speaks for {isoformat(run.logical_time)}: what changed "
            "since waits for a run with a later time."
        )
    return True


def nothing_to_publish(
    run: Run,
    models: Models,
    change: snapshot.IndexChange,
    outcome: report.Outcome,
    accept_upgrade: bool,
) -> bool:
    """Does the latest release hold all of this already?

    Raises:
        RunRefused: a candidate does, and nobody said that it may be published.
    """
    if index.is_current(run, models, change, outcome.release):
        return True
    base = change.base
    waits = base and base.kind == "candidate" and index.is_current(run, models, change, base)
    if base and waits and not accept_upgrade:
        raise upgrade.refusal(base)
    return False


@task(name="snapshot", cache_policy=NO_CACHE)
def store_snapshot(run: Run, models: Models, changes: compare.Changes) -> snapshot.IndexChange:
    """Append the changes and say what the index must take over."""
    with run.timed("snapshot"):
        seq = snapshot.store_changes(run, changes)
        change = snapshot.plan_index(run, models, seq)
    get_run_logger().info(
        "Snapshot %d: %d documents to index anew, %d to drop",
        seq,
        len(change.taken),
        len(change.dropped),
    )
    return change


@task(name="chunk", cache_policy=NO_CACHE)
def chunk_documents(run: Run, models: Models, change: snapshot.IndexChange) -> None:
    """Cut the texts that were never cut by this chunker."""
    progress = artifacts.progress("chunking-progress", "document texts cut", _PROGRESS_FROM)
    with run.timed("chunk"):
        cut = snapshot.store_chunks(run, models, change.taken.values(), progress)
    get_run_logger().info("%d document texts cut into chunks", cut)


@task(name="embed", **_OUTSIDE)
def embed_texts(run: Run, models: Models, change: snapshot.IndexChange) -> snapshot.Embedding:
    """Embed the texts that have no vector yet."""
    progress = artifacts.progress("embedding-progress", "texts embedded", _PROGRESS_FROM)
    with run.timed("embed"):
        result = snapshot.store_vectors(run, models, change.taken.values(), progress)
    get_run_logger().info(
        "%d texts needed, %d embedded (%d tokens), %d known",
        result.texts,
        result.embedded,
        result.tokens,
        result.texts - result.embedded,
    )
    return result


@task(name="write-index", **_OUTSIDE)
def write_index(run: Run, models: Models, change: snapshot.IndexChange) -> index.Written:
    """Bring the Lance table to the snapshot."""
    with run.timed("index"):
        written = index.write_index(run, models, change)
    get_run_logger().info(
        "Index %s: %d rows, %d added, %d removed",
        written.writer.name,
        written.rows,
        written.added_rows,
        len(written.removed),
    )
    return written


@task(name="verify", cache_policy=NO_CACHE)
def tag_and_verify(
    run: Run, models: Models, written: index.Written, outcome: report.Outcome
) -> tuple[Release, Probes]:
    """Tag the index and hold what its readers would see against Delta."""
    with run.timed("verify"):
        release = publish.tag_release(run, models, written)
        probes = ask_probes(run.lake.read(release))
        outcome.checks += publish.verify_release(run, written, release, probes)
    _measure(run, models, release, written.change.after, outcome)
    measured = f", recall@10 {outcome.recall['mean']:.4f}" if outcome.recall else ""
    get_run_logger().info(
        "Release %d holds what Delta says: %d rows of %d documents, %d probes%s",
        release.seq,
        release.rows,
        release.documents,
        len(probes),
        measured,
    )
    return release, probes


def _measure(
    run: Run, models: Models, release: Release, documents: State_, outcome: report.Outcome
) -> None:
    """Recall on the golden questions, where there are any; what can't be asked stops no night."""
    with run.timed("recall"):
        try:
            outcome.recall = recall.measure(run, models, release, documents)
        except AlmanacError as error:
            get_run_logger().warning("The golden questions could not be asked: %s", error)


def must_hold(run: Run, lift_hold: bool, outcome: report.Outcome) -> bool:
    """Was the latest release restored with the order to hold back?"""
    latest = outcome.release
    if latest is None or not latest.held or lift_hold:
        return False
    outcome.held = True
    reason = f" ({latest.note['reason']})" if latest.note.get("reason") else ""
    made = "taking back" if latest.kind == "withdrawal" else "restored from"
    outcome.message = (
        f"Release {latest.seq}, {made} release {latest.note['of']}{reason}, tells nightly "
        "runs to hold back: nothing was read. `almanac nightly --lift-hold` goes on."
    )
    return True


@task(name="judge-upgrade", cache_policy=NO_CACHE)
def judge_upgrade(run: Run, release: Release, latest: Release | None) -> Release:
    """The release itself, or a candidate where another model or chunker answers worse."""
    if latest is None or not upgrade.is_upgrade(latest, release):
        return release
    with run.timed("judge"):
        reason = upgrade.objection(run, latest, release)
    return upgrade.as_candidate(release, reason) if reason else release


def refuse_candidate(release: Release) -> None:
    """End the run where what it stored waits for a person's word."""
    if release.kind == "candidate":
        raise upgrade.refusal(release)


@task(name="publish", cache_policy=NO_CACHE)
def publish_release(run: Run, release: Release, lease: Lease, probes: Probes) -> Release:
    """Seal the release and append it: the moment from which readers see it."""
    with run.timed("publish"):
        placed = publish.publish(run, release, lease, probes)
    verb = "Kept candidate" if release.kind == "candidate" else "Published release"
    get_run_logger().info("%s %d of index %s", verb, release.seq, release.index)
    return placed


@task(name="report", cache_policy=NO_CACHE)
def finish(run: Run, found: ingest.Ingested | None, outcome: report.Outcome) -> dict[str, Any]:
    """Remember the files that were read, if any were, and make the report of the run.

    What cannot be shown is logged. Where the files cannot be remembered the run fails, but what it
    published answers, its report says so, and the next night reads those files again.
    """
    with run.timed("remember"):
        if found is not None:
            run.lake.files.record(found.read, found.gone)
    result = report.report(run, outcome)
    show_night(run, result, found)
    events.raise_quarantine(run.settings, result)
    return result


def recording(run: Run) -> report.Recording:
    """Store what comes of the block; where it stops, a page says why and what to do."""
    return report.Recording(run, report.Outcome(), show_stopped)
