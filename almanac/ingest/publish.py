"""Hold a written index against Delta, through its readers' eyes, and publish it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from almanac.core.versions import code_version, library_versions
from almanac.ingest.index import Written
from almanac.ingest.models import Models
from almanac.ingest.run import Run
from almanac.sources.identity import reader_fingerprint
from expectations.frames import IndexFacts, index_frame
from expectations.runner import failed_as_a_whole, suite_fingerprint, validate
from lakehouse.format import FORMAT
from lakehouse.index import release_tag
from lakehouse.lease import Lease
from lakehouse.placements import Probes
from lakehouse.placements import publish as publish_draft
from lakehouse.probes import comes_first, unreachable
from lakehouse.releases import DraftRelease, Release
from lakehouse.rows import EMPTY_DIGEST, joined_digest, updated_digest
from schemas.errors import VerificationFailed
from schemas.report import CheckResult


def tag_release(run: Run, models: Models, written: Written) -> DraftRelease:
    """Tag the index; the draft of its release, which no log holds yet."""
    settings = run.settings
    seq = run.releases.next_seq()
    return DraftRelease(
        seq=seq,
        index=settings.index.name,
        kind="publish",
        logical_time=run.logical_time,
        run_id=run.run_id,
        snapshot_seq=written.change.seq,
        documents=len(written.change.after),
        rows=written.rows,
        digest=written.digest,
        chunker=models.chunker.identity,
        embedder=models.embedder.key,
        embedder_identity=models.embedder.as_json(),
        lance_table=written.writer.name,
        lance_version=written.writer.tag(release_tag(seq)),
        lance_tag=release_tag(seq),
        search=written.search,
        made_by=_made_by(run),
        format=FORMAT,
    )


def _made_by(run: Run) -> dict[str, Any]:
    sources = run.settings.sources
    return {
        "code": code_version(),
        "libraries": library_versions(),
        "rules": suite_fingerprint(),
        "readers": {name: reader_fingerprint(source) for name, source in sorted(sources.items())},
        "threads": run.settings.embedder.threads,
    }


def verify_release(
    run: Run, written: Written, draft: DraftRelease, probes: Probes
) -> tuple[CheckResult, ...]:
    """Read the tagged index back and hold it against what Delta says it must hold.

    Only the rows of this change are read: the others were when they were written.

    Raises:
        VerificationFailed: a must of `expectations/index.json` is broken; nothing is published.
    """
    lost = unreachable(run.lake.read(draft), probes)
    result = validate("index", index_frame(_facts(written, probes, len(lost))))
    broken = [rejection.reason for _, rejection in result.failing if rejection.severity == "must"]
    broken += [check.reason for check in failed_as_a_whole(result)]
    if broken:
        rows = ", ".join(probe["chunk_id"] for probe in lost)
        raise VerificationFailed(
            f"release {draft.seq} differs from its snapshot and was not published: "
            + "; ".join(broken)
            + f" (passages {rows})" * bool(lost)
        )
    return result.checks


def _facts(written: Written, probes: Probes, lost: int) -> IndexFacts:
    coverage = written.writer.coverage()
    found = written.writer.read_back(written.added)
    base = written.change.base
    before = updated_digest(base.digest if base else EMPTY_DIGEST, (), written.removed.values())
    return IndexFacts(
        rows=coverage.rows,
        expected_rows=written.rows,
        digest=joined_digest(before, found.digest),
        expected_digest=written.digest,
        duplicate_keys=found.duplicate_keys,
        null_vectors=found.null_vectors,
        inconsistent_rows=found.inconsistent,
        unindexed_text_rows=coverage.unindexed_text_rows,
        unindexed_vector_rows=coverage.unindexed_vector_rows,
        probes=len(probes),
        probes_failed=lost,
        probes_behind=sum(not comes_first(probe) for probe in probes),
    )


def publish(run: Run, draft: DraftRelease, lease: Lease, probes: Probes) -> Release:
    """Seal the draft and append it: from here on readers see it.

    Raises:
        LeaseHeld: another writer took over meanwhile; nothing was published.
    """
    return publish_draft(
        run.lake, draft, lease.check, at=datetime.now(UTC), cause="published", probes=probes
    )
