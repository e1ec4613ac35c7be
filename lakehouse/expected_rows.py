"""What an index must hold, from Delta alone, a part at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakehouse.delta import DeltaLog
from lakehouse.documents import Key
from lakehouse.rows import chunk_id, row_hash
from lakehouse.vector_file import VectorFile, as_bytes
from schemas.errors import VerificationFailed
from schemas.tables.releases import index_schema

# Equal passages of one document are told apart by their count, in document order.
_PASSAGES = """
    SELECT w.source, w.doc_id, c.heading, c.text, c.text_hash,
           row_number() OVER (
               PARTITION BY w.source, w.doc_id, c.heading, c.text_hash ORDER BY c.ordinal
           ) - 1 AS occurrence
    FROM log c
    JOIN wanted w ON c.document_hash = w.document_hash
    WHERE c.chunker = (SELECT name FROM chunker)
    ORDER BY w.source, w.doc_id, c.ordinal
"""
_TEXTS = """
    SELECT DISTINCT c.text_hash FROM log c SEMI JOIN wanted w ON c.document_hash = w.document_hash
    WHERE c.chunker = (SELECT name FROM chunker)
"""
_VECTORS = 4_096  # in memory at a time


class Contents:
    """Rows of an index out of `chunks` and `embeddings`."""

    def __init__(self, chunks: DeltaLog, embeddings: DeltaLog) -> None:
        self._chunks = chunks
        self._embeddings = embeddings

    def rows(
        self, documents: Iterable[tuple[Key, str]], chunker: str, embedder: str, dimension: int
    ) -> Iterator[pa.RecordBatch]:
        """Rows of `index_schema` of ((source, doc_id), document_hash) pairs, in document order.

        Raises:
            VerificationFailed: a text has no vector of this embedder, or one of another size.
        """
        for batch in self.passages(documents, chunker, embedder):
            yield _index_batch(batch, dimension)

    def passages(
        self, documents: Iterable[tuple[Key, str]], chunker: str, embedder: str
    ) -> Iterator[pa.RecordBatch]:
        """source, doc_id, heading, text, text_hash, occurrence and vector, null where missing."""
        pairs = [(*key, document_hash) for key, document_hash in documents]
        columns = [list(column) for column in zip(*pairs, strict=True)]
        if not columns:
            return
        wanted = pa.table(columns, names=["source", "doc_id", "document_hash"])
        tables = {"wanted": wanted, "chunker": pa.table({"name": [chunker]})}
        with VectorFile() as vectors:
            vectors.fill(self._vectors(embedder, self._texts(tables)))
            for batch in self._chunks.stream(_PASSAGES, **tables):
                found = vectors.of(batch["text_hash"].to_pylist())
                yield batch.append_column("vector", pa.array(found, pa.binary()))

    def _texts(self, tables: dict[str, pa.Table]) -> NDArray[np.bytes_]:
        """The hashes of the texts of all passages, sorted."""
        batches = self._chunks.stream(_TEXTS, **tables)
        found = [as_bytes(batch["text_hash"].to_pylist()) for batch in batches]
        return np.sort(np.concatenate([as_bytes(()), *found]))

    def _vectors(self, embedder: str, wanted: NDArray[np.bytes_]) -> Iterator[pa.RecordBatch]:
        """The stored vectors of these texts; the sort of the passages does not carry them along."""
        batches = self._embeddings.dataset().to_batches(
            columns=["text_hash", "vector"],
            filter=pc.field("embedder") == embedder,
            batch_size=_VECTORS,
            batch_readahead=2,
            fragment_readahead=2,
        )
        # Looked up in a sorted array: `is_in` builds its table of all of them for every batch.
        with self._embeddings.reading():
            for batch in batches if len(wanted) else ():
                found = as_bytes(batch["text_hash"].to_pylist())
                at = np.minimum(np.searchsorted(wanted, found), len(wanted) - 1)
                yield batch.filter(pa.array(wanted[at] == found))


def passage_ids(batch: pa.RecordBatch) -> list[str]:
    """The chunk id of each passage."""
    names = ("source", "doc_id", "heading", "text_hash", "occurrence")
    return list(map(chunk_id, *(batch[name].to_pylist() for name in names)))


def _index_batch(batch: pa.RecordBatch, dimension: int) -> pa.RecordBatch:
    ids, texts = passage_ids(batch), batch["text_hash"].to_pylist()
    vectors = batch["vector"].to_pylist()
    wrong = [
        text
        for text, vector in zip(texts, vectors, strict=True)
        if vector is None or len(vector) != 4 * dimension
    ]
    if wrong:
        raise VerificationFailed(
            f"the lakehouse has no vector of {dimension} numbers for {len(wrong)} texts, the first "
            f"with hash {wrong[0]}: `almanac doctor --heal` embeds what is not stored"
        )
    hashes = list(map(row_hash, ids, texts, vectors))
    flat = np.frombuffer(b"".join(vectors), "<f4")
    columns = {
        "chunk_id": pa.array(ids, pa.string()),
        "row_hash": pa.array(hashes, pa.binary(32)),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat), dimension),
    }
    schema = index_schema(dimension)
    arrays = [columns[name] if name in columns else batch[name] for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
