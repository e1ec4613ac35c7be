"""One moment of one index: its passages, its documents and what was in quarantine then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import pyarrow as pa

from lakehouse.chunks import ChunkStore
from lakehouse.documents import DocumentLog, Key, StoredDocument
from lakehouse.expected_rows import Contents
from lakehouse.quarantine import Quarantine, Quarantined
from lakehouse.releases import Release, check_not_gone
from lakehouse.search import IndexReader
from schemas.errors import ReleaseNotFound


class AsOf:
    """What a release knew. Only `index` needs its Lance files; the rest is in Delta.

    Everything raises `ReleaseNotOpen` where retention let the release go.
    """

    def __init__(
        self,
        release: Release,
        documents: DocumentLog,
        chunks: ChunkStore,
        contents: Contents,
        quarantine: Quarantine,
        read: Callable[[Release], IndexReader],
    ) -> None:
        self.release = release
        self._documents = documents
        self._chunks = chunks
        self._contents = contents
        self._quarantine = quarantine
        self._read = read

    @cached_property
    def index(self) -> IndexReader:
        """The index as it answered then, with its own vector and full-text index."""
        return self._read(self.release)

    @cached_property
    def documents(self) -> dict[Key, StoredDocument]:
        """Documents by (source, doc_id), texts left out."""
        check_not_gone(self.release)
        return self._documents.state(self.release.snapshot_seq)

    def find(self, doc_id: str) -> StoredDocument:
        """The one document with that id, in whatever source.

        Raises:
            ReleaseNotFound: there is none, or several sources have one.
        """
        found = [stored for key, stored in self.documents.items() if key[1] == doc_id]
        if len(found) != 1:
            raise ReleaseNotFound(
                f"release {self.release.seq} holds {len(found) or 'no'} document"
                f"{'s' if len(found) > 1 else ''} {doc_id!r}: `almanac documents "
                f"--as-of {self.release.seq}` lists them"
            )
        return found[0]

    def text(self, stored: StoredDocument) -> str:
        """The text of one of `documents`."""
        texts = self._documents.texts([stored.document_hash])
        return next(text for *_, text in texts)

    def chunks(self, stored: StoredDocument) -> pa.Table:
        """The chunks of one of `documents`, in document order."""
        return self._chunks.of(self.release.chunker, [stored.document_hash])

    def passages(self) -> Iterator[pa.RecordBatch]:
        """Every row that the index must hold, from Delta; see `lakehouse.expected_rows`."""
        pairs = ((key, stored.document_hash) for key, stored in self.documents.items())
        return self._contents.passages(pairs, self.release.chunker, self.release.embedder)

    def quarantine(self) -> list[Quarantined]:
        """What was in quarantine at that time."""
        return self._quarantine.rows("open", self.release.logical_time)
