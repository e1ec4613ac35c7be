"""Where the passages of an open release stand in their documents."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from lakehouse import Lakehouse
from lakehouse.documents import StoredDocument
from lakehouse.releases import Release
from lakehouse.rows import chunk_id

_LOADED_ROWS = 200_000  # of a release whose places are all kept
_DOCUMENTS = 5_000  # of a greater one
Span = tuple[int | None, int | None]
_Places = dict[tuple[str, str], list[Span]]  # by heading and hash of the text, in document order


class Spans:
    """Start and end of each passage, read once a document."""

    def __init__(self, lake: Lakehouse, release: Release) -> None:
        self._lake, self._release = lake, release
        self._places: OrderedDict[str, _Places] = OrderedDict()
        self._most = _DOCUMENTS if release.rows > _LOADED_ROWS else 1 << 62
        self._lock = Lock()

    def load(self, documents: Iterable[StoredDocument]) -> None:
        """Read those of all documents at once; of a great release each when it is asked for."""
        if self._release.rows <= _LOADED_ROWS:
            self._read([one.document_hash for one in documents])

    def of(self, row: Mapping[str, Any], document: StoredDocument) -> Span:
        """Of a row of the index; (None, None) where its document has no such passage."""
        with self._lock:
            places = self._places.get(document.document_hash)
        if places is None:
            places = self._read([document.document_hash]).get(document.document_hash, {})
        spans = places.get((row["heading"], row["text_hash"]), [])
        for occurrence, span in enumerate(spans):
            name = chunk_id(
                row["source"], row["doc_id"], row["heading"], row["text_hash"], occurrence
            )
            if name == row["chunk_id"]:
                return span
        return (None, None)

    def clear(self) -> None:
        """Keep none."""
        with self._lock:
            self._places.clear()

    def _read(self, hashes: list[str]) -> dict[str, _Places]:
        chunks = self._lake.chunks.of(self._release.chunker, hashes)
        columns = ["document_hash", "heading", "text_hash", "start", "end"]
        found: dict[str, _Places] = {one: {} for one in hashes}
        for row in chunks.select(columns).to_pylist():
            spans = found[row["document_hash"]].setdefault((row["heading"], row["text_hash"]), [])
            spans.append((row["start"], row["end"]))
        with self._lock:
            self._places.update(found)
            while len(self._places) > self._most:
                self._places.popitem(last=False)
        return found
