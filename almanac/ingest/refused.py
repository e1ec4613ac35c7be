"""Documents that the chunker or the model refuses: each costs itself alone, not the night.

A refusal is found after the snapshot was written, since texts are cut and embedded from what Delta
has. So the document is taken out of the changes, its last good version stays, and the snapshot is
written once more without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from almanac.ingest.chunk import Cut, Refusal
from almanac.ingest.compare import Changes
from almanac.ingest.embed import Embedding
from almanac.ingest.ingest import quarantine as store_rejections
from almanac.ingest.ingested import Ingested
from almanac.ingest.models import Models
from almanac.ingest.run import Run
from almanac.ingest.snapshot import IndexChange, plan_index, store_changes
from lakehouse.documents import Key, StoredDocument
from schemas.documents import Rejection


def cut_and_embed(
    change: IndexChange,
    cut: Callable[[IndexChange], Cut],
    embed: Callable[[IndexChange], Embedding],
    without: Callable[[IndexChange, Mapping[str, Refusal]], IndexChange],
) -> tuple[IndexChange, Embedding]:
    """Cut and embed what changed; again without what was refused, until nothing is.

    Args:
        without: leaves refused document texts out of a change; `leave_out`.
    """
    texts = embedded = tokens = 0
    while True:
        refused = cut(change).refused
        if not refused:
            found = embed(change)
            embedded, tokens = embedded + found.embedded, tokens + found.tokens
            texts, refused = found.texts, found.refused
        if not refused:
            return change, replace(found, texts=texts, embedded=embedded, tokens=tokens)
        change = without(change, refused)


def leave_out(
    run: Run,
    models: Models,
    state: Mapping[Key, StoredDocument],
    found: Ingested,
    changes: Changes,
    change: IndexChange,
    refused: Mapping[str, Refusal],
) -> IndexChange:
    """Quarantine the documents whose text was refused and write the snapshot without them.

    A document of the last release keeps the version of that release. Where that version is what
    was refused (another model or chunker was configured) it leaves the release.

    Args:
        state: the documents of the last release.
        changes: what the run found; what is left out is removed from it.
        refused: refusals by the hash of the document text.
    """
    keys = sorted(key for key, text in change.taken.items() if text in refused)
    for key in keys:
        if changes.added.pop(key, None) is None and changes.modified.pop(key, None) is None:
            changes.deleted = sorted({*changes.deleted, key})
        found.documents.pop(key, None)
        found.unread.discard(key)
        found.rejected.add(key)
        rejection = _rejection(key[1], refused[change.taken[key]], key in state)
        found.rejections.append((key[0], _as_it_stands(found, key, rejection)))
    _forget(found, set(keys))
    changes.unchanged -= set(keys)
    store_rejections(run, found)
    last = run.releases.last_snapshot()
    run.lake.documents.discard_after(last)
    return plan_index(run, models, store_changes(run, changes))


def _rejection(doc_id: str, refusal: Refusal, was_there: bool) -> Rejection:
    stays = " Its last good version stays." if was_there else ""
    return Rejection(doc_id, refusal.expectation, "must", refusal.reason + stays, refusal.value)


def _as_it_stands(found: Ingested, key: Key, rejection: Rejection) -> Rejection:
    """The rejection in the words of the row that stands already: an endpoint's words may vary."""
    for row in found.quarantined.told():
        if (row.source, row.doc_id, row.expectation) == (*key, rejection.expectation):
            return replace(rejection, reason=row.reason, value=row.value)
    return rejection


def _forget(found: Ingested, keys: Collection[Key]) -> None:
    """Read the files of these documents again the next night: a model may be mended by then."""
    found.read = [
        file
        for file in found.read
        if not any((file.source, doc_id) in keys for doc_id, _ in file.documents)
    ]
