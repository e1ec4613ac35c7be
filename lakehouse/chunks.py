"""Chunks and vectors: content-addressed, so that the same text costs once, ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakehouse.delta import DeltaLog
from schemas.documents import Chunk
from schemas.hashing import sha256_text
from schemas.tables.documents import CHUNKS, EMBEDDINGS


class ChunkStore:
    """`chunks`: the passages of each document text under each chunker."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def known(self, chunker: str, document_hashes: Iterable[str]) -> frozenset[str]:
        """Which of the document texts this chunker has cut before."""
        found = self._matching(chunker, document_hashes, "DISTINCT document_hash")
        return frozenset(found["document_hash"].to_pylist())

    def of(self, chunker: str, document_hashes: Iterable[str]) -> pa.Table:
        """Chunks of the document texts, by document_hash and ordinal."""
        found = self._matching(chunker, document_hashes, "log.*")
        return found.sort_by([("document_hash", "ascending"), ("ordinal", "ascending")])

    def counts(self, chunker: str, document_hashes: Iterable[str]) -> dict[str, int]:
        """How many chunks each document text has."""
        found = self._matching(chunker, document_hashes, "document_hash, ordinal")
        return Counter(found["document_hash"].to_pylist())

    def append(self, chunker: str, chunked: Mapping[str, Sequence[Chunk]]) -> None:
        """Store the chunks of each document text, by its hash, in one commit."""
        rows = [
            _row(chunker, document_hash, chunk)
            for document_hash, chunks in sorted(chunked.items())
            for chunk in chunks
        ]
        self._log.append(pa.Table.from_pylist(rows, CHUNKS.schema))

    def _matching(self, chunker: str, document_hashes: Iterable[str], what: str) -> pa.Table:
        wanted = pa.table({"hash": pa.array(sorted(set(document_hashes)), pa.string())})
        sql = (
            f"SELECT {what} FROM log SEMI JOIN wanted ON log.document_hash = wanted.hash "
            "WHERE chunker = (SELECT name FROM chunker)"
        )
        return self._log.query(sql, wanted=wanted, chunker=pa.table({"name": [chunker]}))


def _row(chunker: str, document_hash: str, chunk: Chunk) -> dict[str, object]:
    return {
        "document_hash": document_hash,
        "chunker": chunker,
        "ordinal": chunk.ordinal,
        "heading": chunk.heading,
        "text": chunk.text,
        "text_hash": sha256_text(chunk.text),
        "start": chunk.start,
        "end": chunk.end,
        "tokens": chunk.tokens,
    }


QUESTIONS = "-questions"  # ends the name of an embedder that reads questions, not passages


class VectorStore:
    """`embeddings`: one vector a text and embedder, stored once."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def known(self, embedder: str, text_hashes: Iterable[str]) -> frozenset[str]:
        """Which of the texts have a vector under this embedder."""
        found = self._matching(embedder, text_hashes, "text_hash")
        return frozenset(found["text_hash"].to_pylist())

    def of(self, embedder: str, text_hashes: Iterable[str]) -> dict[str, bytes]:
        """Vectors of the texts, as stored: little-endian float32 bytes."""
        found = self._matching(embedder, text_hashes, "text_hash, vector")
        hashes, vectors = found["text_hash"].to_pylist(), found["vector"].to_pylist()
        return dict(zip(hashes, vectors, strict=True))

    def embedders_of(self, text_hash: str, vector: bytes) -> list[str]:
        """Embedders under which a text has exactly this vector (little-endian float32 bytes)."""
        sql = f"SELECT embedder, vector FROM log WHERE text_hash = '{text_hash}'"
        rows = self._log.query(sql).to_pylist()
        return [row["embedder"] for row in rows if row["vector"] == vector]

    def append(
        self, embedder: str, text_hashes: Sequence[str], vectors: NDArray[np.float32]
    ) -> None:
        """Store vectors of shape (len(text_hashes), dimension) in one commit."""
        width = vectors.shape[1] * 4
        data = pa.py_buffer(np.ascontiguousarray(vectors, "<f4").tobytes())
        fixed = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(width), len(text_hashes), [None, data]
        )
        columns = [
            pa.array([embedder] * len(text_hashes), pa.string()),
            pa.array(text_hashes, pa.string()),
            fixed.cast(pa.binary()),
        ]
        self._log.append(pa.Table.from_arrays(columns, schema=EMBEDDINGS.schema))

    def _matching(self, embedder: str, text_hashes: Iterable[str], what: str) -> pa.Table:
        wanted = pa.table({"hash": pa.array(sorted(set(text_hashes)), pa.string())})
        sql = (
            f"SELECT {what} FROM log SEMI JOIN wanted ON log.text_hash = wanted.hash "
            f"WHERE embedder = '{embedder}'"
        )
        return self._log.query(sql, wanted=wanted)
