"""Read what may have changed, check it, and say what each source holds now."""

from __future__ import annotations

from collections.abc import Mapping

from almanac.ingest.before import entries_before
from almanac.ingest.ingested import Ingested
from almanac.ingest.run import Run
from almanac.ingest.source_reading import Progress, SourceReading
from almanac.schedule.dated import list_dated
from almanac.sources.reading import list_source
from expectations.suites import load_suite
from lakehouse.documents import Key, StoredDocument
from lakehouse.quarantine import Recorded


def ingest(
    run: Run,
    state: Mapping[Key, StoredDocument],
    read_all: bool = False,
    retry: bool = False,
    progress: Progress = lambda done, total: None,
    found: Ingested | None = None,
) -> Ingested:
    """List every source, read the files that may have changed, and validate what they hold.

    Args:
        state: the documents of the last snapshot.
        read_all: read files too that size and time say are unchanged.
        retry: read files again that something was quarantined from.
        found: a new `Ingested` to fill: it has what was found also where this raises.

    Raises:
        SourceUnavailable: a source as a whole cannot be listed; nothing was stored.
        SourceAbsent: one that names the day holds nothing for the run's logical time.
    """
    known = run.lake.files.known()
    erased = run.lake.erasures.erased()
    found = found or Ingested()
    for name, source in sorted(run.settings.sources.items()):
        with run.timed("list"):
            listing = (
                list_dated(source, run.logical_time)
                if name in run.dated
                else list_source(source, entries_before(name, known, state))
            )
        reading = SourceReading(name, source, listing, known, state, found, erased)
        reading.keeps_result = run.settings.expectations.data_docs
        changed = reading.pick(read_all, retry)
        with run.timed("read"):
            reading.read(changed, progress)
        with run.timed("validate"):
            reading.check()
    return found


def quarantine(run: Run, found: Ingested) -> Recorded:
    """Store what was rejected, and mark what is mended; a rerun of the same adds nothing.

    Who may see what is stored with it: also by a night that publishes nothing.
    """
    _record_access(run, found)
    before = found.quarantined
    stored = run.lake.quarantine.record(
        found.rejections,
        frozenset(found.unchecked),
        run.run_id,
        run.logical_time,
        later=(frozenset(found.unjudged), late_rules()),
    )
    opened, resolved = before.opened + stored.opened, before.resolved + stored.resolved
    found.quarantined = stored._replace(opened=opened, resolved=resolved)
    return found.quarantined


def late_rules() -> frozenset[str]:
    """The names of the rules that are judged once a document is cut and embedded; see `refused`."""
    chunks = {rule.meta.name for rule in load_suite("chunks").expectations}
    return frozenset({"document_can_be_cut", "document_can_be_embedded"} | chunks)


def settle_late(run: Run, found: Ingested) -> None:
    """Mark as mended what was refused when it was cut or embedded, and is not any more."""
    found.unjudged.clear()
    late = late_rules()
    if any(row.expectation in late for row in found.quarantined.told()):
        quarantine(run, found)


def _record_access(run: Run, found: Ingested) -> None:
    if not found.access:
        return
    current = run.lake.access.current()
    by_file = {
        key: access
        for key, access in found.row_access.items()
        if key not in current or current[key].origin != "column"
    }
    # What was rejected keeps its last version, whose rights change too; an erased one has none.
    there = found.documents.keys() | found.unread | (found.protected & current.keys())
    known = {key: access for key, access in (by_file | found.access).items() if key in there}
    run.lake.access.record(known, run.started_at)
