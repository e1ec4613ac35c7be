"""The door to a lakehouse: its tables, its indexes, its lease."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from lakehouse.chunks import ChunkStore, VectorStore
from lakehouse.delta import DeltaLog
from lakehouse.documents import DocumentLog
from lakehouse.index import IndexWriter
from lakehouse.lease import Lease, writer
from lakehouse.location import Location, locate
from lakehouse.quarantine import Quarantine
from lakehouse.releases import Release, ReleaseLog
from lakehouse.runs import FileLog, RunLog
from lakehouse.search import IndexReader


class Lakehouse:
    """Everything at one location. Making one touches nothing; tables appear on first write."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.documents = DocumentLog(DeltaLog(location, "document_changes"))
        self.chunks = ChunkStore(DeltaLog(location, "chunks"))
        self.vectors = VectorStore(DeltaLog(location, "embeddings"))
        self.quarantine = Quarantine(DeltaLog(location, "quarantine"))
        self.runs = RunLog(DeltaLog(location, "runs"))
        self.files = FileLog(DeltaLog(location, "source_files"))

    def releases(self, index: str) -> ReleaseLog:
        """The releases of one index."""
        return ReleaseLog(DeltaLog(self.location, "releases"), index)

    def read(self, release: Release) -> IndexReader:
        """Open the index of a release for searching."""
        return IndexReader(self.location, release)

    def write(self, table: str, dimension: int) -> IndexWriter:
        """Open a Lance table for writing; only under the lease."""
        return IndexWriter(self.location, table, dimension)

    def lease(
        self, holder: str, purpose: str, ttl_seconds: float, wait_seconds: float = 0.0
    ) -> AbstractContextManager[Lease]:
        """Be the one writer for the length of a block; see `lakehouse.lease`."""
        log = DeltaLog(self.location, "lease")
        return writer(log, holder, purpose, ttl_seconds, wait_seconds)


def open_lakehouse(uri: str, options: Mapping[str, str] | None = None) -> Lakehouse:
    """The lakehouse at a folder or object-store URI."""
    return Lakehouse(locate(uri, options))
