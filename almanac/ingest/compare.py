"""What changed since the last snapshot, and whether so much is gone that a person must look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from almanac.ingest.ingested import Ingested, kept_keys
from expectations.previous import DOCUMENT_SIZES, compare
from lakehouse.documents import Key, StoredDocument
from schemas.documents import Document
from schemas.errors import LossesRefused
from schemas.report import CheckResult
from schemas.settings import LossLimitSettings


class Changes:
    """The difference between the last snapshot and the sources, by (source, doc_id)."""

    def __init__(self, state: Mapping[Key, StoredDocument], found: Ingested) -> None:
        kept = kept_keys(found, state)
        fresh = found.documents
        self.added = {key: fresh[key] for key in sorted(fresh.keys() - state.keys())}
        self.modified = {
            key: fresh[key]
            for key in sorted(fresh.keys() & state.keys())
            if _differs(fresh[key], state[key])
        }
        self.deleted = sorted(state.keys() - kept)
        self.quarantined = found.rejected
        accepted = fresh.keys() | found.unread
        self.unchanged = (accepted & state.keys()) - self.modified.keys() - found.rejected

    @property
    def puts(self) -> Iterator[tuple[str, Document]]:
        """(source, document) of all that is new or different."""
        for key, document in (self.added | self.modified).items():
            yield key[0], document

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.deleted)

    def counts(self) -> dict[str, int]:
        """What the report says; all but `deleted` sum to what the sources hold."""
        return {
            "added": len(self.added),
            "modified": len(self.modified),
            "deleted": len(self.deleted),
            "unchanged": len(self.unchanged),
            "quarantined": len(self.quarantined),
        }


def _differs(document: Document, stored: StoredDocument) -> bool:
    seen = (document.content_hash, document.text_hash)
    return seen != (stored.content_hash, stored.document_hash)


def check_losses(
    changes: Changes,
    state: Mapping[Key, StoredDocument],
    limits: LossLimitSettings,
    accept_losses: bool,
) -> tuple[CheckResult, ...]:
    """Hold the changes against the last snapshot.

    Raises:
        LossesRefused: too large a share vanished or shrank, and nobody said that it is meant so.
    """
    checks = compare(*sizes(changes, state), limits)
    broken = [check.reason for check in checks if not check.success]
    if broken and not accept_losses:
        raise LossesRefused(" ".join(broken))
    return checks


def sizes(changes: Changes, state: Mapping[Key, StoredDocument]) -> tuple[pa.Table, pa.Table]:
    """What a release holds before and after the changes, as `expectations.previous` reads it."""
    before = {key: (stored.content_hash, stored.characters) for key, stored in state.items()}
    changed = changes.added | changes.modified
    after = before | {key: (one.content_hash, len(one.text)) for key, one in changed.items()}
    for key in changes.deleted:
        del after[key]
    return _table(before), _table(after)


def _table(documents: Mapping[Key, tuple[str, int]]) -> pa.Table:
    rows = [(*key, *size) for key, size in documents.items()]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    return pa.table(columns, schema=DOCUMENT_SIZES)
