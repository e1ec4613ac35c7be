"""What a run says when it ends, as one object for machines; `page` makes a page of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from types import TracebackType
from typing import Any

from almanac.core.file_check import Attempt
from almanac.ingest.compare import Changes
from almanac.ingest.embed import Embedding
from almanac.ingest.index import Written
from almanac.ingest.ingested import Ingested
from almanac.ingest.run import Run
from lakehouse.quarantine import Recorded
from lakehouse.releases import Release
from schemas.errors import RunRefused, SourceAbsent
from schemas.report import CheckResult
from schemas.times import isoformat

Failed = Callable[[dict[str, Any], Exception], None]
_ENDINGS = 12
_SHOWN = 20  # changed documents, and quarantined rows, by name


class Outcome:
    """What the stages of a run came to, as far as they went."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.files = files_seen(None)
        self.quarantined = Recorded(0, 0, [])
        self.checks: list[CheckResult] = []
        self.embedding = Embedding(0, 0, 0)
        self.shortened: list[dict[str, str]] = []
        self.added = 0
        self.removed = 0
        self.release: Release | None = None
        self.published = False
        self.message = ""
        self.caught_up = ""
        self.changed: list[dict[str, str]] = []
        self.recall: dict[str, Any] | None = None
        self.held = False

    def stopped(self, run: Run, error: BaseException) -> None:
        """Take over why the run stopped, and its release where that was published before."""
        self.message = str(error)
        if not self.published:
            with Attempt():  # a lakehouse that cannot be read is what stopped the run
                self._look_up(run)
        if self.published and self.release:
            reason = self.message or type(error).__name__
            self.message = f"Published release {self.release.seq}; its report failed: {reason}"

    def _look_up(self, run: Run) -> None:
        """Was its release published, and the run stopped before it could say so?"""
        latest = run.releases.latest()
        before = self.release.seq if self.release else 0
        if latest and latest.run_id == run.run_id and latest.seq > before:
            self.release, self.published = latest, True

    def saw(self, changes: Changes, found: Ingested) -> None:
        """Take over what the sources held."""
        self.counts = changes.counts()
        self.changed = list(islice(_named(changes), _SHOWN))
        self.files = files_seen(found)
        self.quarantined = found.quarantined

    def wrote(self, written: Written, embedding: Embedding) -> None:
        """Take over what went into the index."""
        self.added, self.removed = written.added_rows, len(written.removed)
        self.embedding = embedding
        self.shortened = [
            {"source": source, "doc_id": doc_id}
            for (source, doc_id), text in sorted(written.change.taken.items())
            if text in embedding.shortened
        ]


def _named(changes: Changes) -> Iterator[dict[str, str]]:
    """What changed by name: what went first, since that is what a person must see."""
    for change, keys in (
        ("deleted", changes.deleted),
        ("modified", changes.modified),
        ("added", changes.added),
    ):
        for source, doc_id in keys:
            yield {"change": change, "source": source, "doc_id": doc_id}


def report(run: Run, outcome: Outcome, error: BaseException | None = None) -> dict[str, Any]:
    """The run as one JSON object; `index` is null before the first release."""
    release = outcome.release
    embedded, tokens = outcome.embedding.embedded, outcome.embedding.tokens
    price = run.settings.embedder.price_per_million_tokens
    return {
        "status": _status(outcome, error),
        "release": release.seq if release else None,
        "as_of": isoformat(run.logical_time),
        "published": outcome.published,
        "run": run.run_id,
        "index_name": run.settings.index.name,
        "scheduled": run.scheduled,
        "schedule": run.schedule,
        "message": outcome.message,
        "caught_up": outcome.caught_up,
        "documents": outcome.counts,
        "files": outcome.files,
        "chunks": {
            "total": release.rows if release else 0,
            "added": outcome.added,
            "removed": outcome.removed,
            "embedded": embedded,
            "reused": max(0, outcome.added - embedded),
            "shortened": outcome.shortened,
        },
        "changed": outcome.changed,
        "tokens_embedded": tokens,
        "cost": tokens * price / 1_000_000,
        "recall": outcome.recall,
        "index": _index(run, release) if release else None,
        "quarantine": _quarantine(outcome.quarantined),
        "checks": [asdict(check) for check in outcome.checks if not check.success],
        "data_docs": dict(run.data_docs),
        "seconds": run.elapsed,
    }


def _quarantine(found: Recorded) -> dict[str, Any]:
    """What stands in quarantine after the run: counts, and the first rows, musts before shoulds."""
    rules = Counter((row.severity, row.expectation) for row in found.standing)
    names = ("source", "doc_id", "expectation", "severity", "reason")
    first = sorted(found.standing, key=lambda row: row.severity)[:_SHOWN]
    return {
        "rows": len(found.standing),
        "new": found.opened,
        "resolved": found.resolved,
        "by_rule": [
            {"severity": severity, "expectation": rule, "rows": count}
            for (severity, rule), count in sorted(rules.items(), key=lambda kv: (-kv[1], kv[0]))
        ],
        "first": [{name: getattr(row, name) for name in names} for row in first],
    }


def _index(run: Run, release: Release) -> dict[str, Any]:
    return {
        "uri": run.lake.location.child("lance"),
        "table": release.lance_table,
        "version": release.lance_version,
        "tag": release.lance_tag,
        "rows": release.rows,
        "digest": release.digest,
    }


def headline(result: Mapping[str, Any]) -> str:
    """One sentence: published or not, and why."""
    if result["message"]:
        return str(result["message"])
    if result["published"]:
        return f"Published release {result['release']} as of {result['as_of']}."
    if result["release"] is None:
        return "Nothing published: the sources hold no document."
    return f"Nothing changed: release {result['release']} keeps answering."


def outcome_line(result: Mapping[str, Any]) -> str:
    """The shortest account: `Published release 12: 3 added, 1 modified`."""
    if result["message"] or not result["published"]:
        return headline(result)
    changes = (f"{count} {name}" for name, count in result["documents"].items() if count)
    said = ", ".join(change for change in changes if not change.endswith(" unchanged"))
    return f"Published release {result['release']}: {said or 'no document changed'}"


def count_lines(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, figures) of documents, chunks and index."""
    documents, chunks, index = result["documents"], result["chunks"], result["index"]
    lines = [
        ("documents", ", ".join(f"{count} {name}" for name, count in documents.items())),
        (
            "chunks",
            f"{chunks['total']} in the index: {chunks['added']} added "
            f"({chunks['embedded']} embedded, {chunks['reused']} reused), "
            f"{chunks['removed']} removed",
        ),
    ]
    if shortened := chunks.get("shortened"):
        names = ", ".join(f"{one['source']}/{one['doc_id']}" for one in shortened[:_SHOWN])
        more = f" and {len(shortened) - _SHOWN} more" if len(shortened) > _SHOWN else ""
        said = f"{names}{more}: longer than the model reads (embedder.too_long, max_tokens)"
        lines.append(("shortened", said))
    if unread := unread_files(result):
        lines.insert(1, ("not read", unread))
    if index:
        where = f"{index['uri']}/{index['table']}.lance"
        lines.append(("index", f"{where}, tag {index['tag']} (version {index['version']})"))
        lines.append(("digest", index["digest"][:16] + "…"))
    return lines


def files_seen(found: Ingested | None) -> dict[str, dict[str, int]]:
    """Files of the sources by their ending, "" without one: those that are read, and the others."""
    read, unread = (found.endings, found.not_read) if found else (Counter(), Counter())
    return {"read": _by_ending(read), "not_read": _by_ending(unread)}


def _by_ending(counts: Counter[str]) -> dict[str, int]:
    return {f".{end}" if end else "": number for end, number in sorted(counts.items())}


def unread_files(result: Mapping[str, Any]) -> str:
    """What was passed over, the most frequent first: "3 .mpp, 1 .vsdx, 2 without an ending"."""
    counts = result.get("files", {}).get("not_read", {})
    order = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    named = [f"{number:,} {ending or 'without an ending'}" for ending, number in order[:_ENDINGS]]
    more = len(order) - _ENDINGS
    return ", ".join(named) + (f" and {more} more endings" if more > 0 else "")


class Recording:
    """Store a report when the block ends, whether it succeeded or not.

    A run that stopped after its release was published has the status published all the same: that
    release answers. `failed` is called with the report and the error of a block that raised, also
    where the report could not be stored.
    """

    def __init__(self, run: Run, outcome: Outcome, failed: Failed | None = None) -> None:
        self._run = run
        self._outcome = outcome
        self._failed = failed

    def __enter__(self) -> Outcome:
        return self._outcome

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run = self._run
        if error is not None:
            self._outcome.stopped(run, error)
        result = report(run, self._outcome, error)
        try:
            run.record(result["status"], result, run.logical_time)
        finally:
            if isinstance(error, Exception) and self._failed:
                self._failed(result, error)


def _status(outcome: Outcome, error: BaseException | None) -> str:
    if outcome.published:
        return "published"
    if isinstance(error, SourceAbsent):
        return "missed"
    if error is not None:
        return "refused" if isinstance(error, RunRefused) else "failed"
    return "held" if outcome.held else "unchanged"
