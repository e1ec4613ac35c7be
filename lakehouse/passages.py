"""Passages by their id or by their document, over every version that was ever stored."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lakehouse.columns import id_column
from lakehouse.delta import DeltaLog

_PARTS = ("source", "doc_id", "heading", "text_hash", "occurrence::VARCHAR")
# The id of a passage as `lakehouse.rows.chunk_id` makes it: SHA-256 over length-prefixed parts.
_CHUNK_ID = " || ".join(
    f"unhex(printf('%016x', strlen({part}))) || encode({part})" for part in _PARTS
)
_PASSAGES = f"""
    WITH passages AS (
        SELECT d.source, d.doc_id, d.document_hash, c.chunker, c.heading, c.text_hash,
            row_number() OVER (
                PARTITION BY d.source, d.doc_id, d.document_hash, c.chunker, c.heading, c.text_hash
                ORDER BY c.ordinal
            ) - 1 AS occurrence
        FROM log c JOIN (
            SELECT DISTINCT source, doc_id, document_hash FROM documents WHERE op = 'put'
            {{only}}
        ) d USING (document_hash)
    )
    SELECT * FROM (
        SELECT source, doc_id, document_hash, chunker, heading,
            substr(sha256({_CHUNK_ID}), 1, 32) AS chunk_id
        FROM passages
    ) {{wanted}}
"""


class Passages:
    """`chunks` joined with `document_changes`; each question is a pass over all chunks.

    Rows have source, doc_id, document_hash, chunker, heading and chunk_id, in no order. Texts are
    never read.
    """

    def __init__(self, chunks: DeltaLog, documents: DeltaLog) -> None:
        self._chunks, self._documents = chunks, documents

    def of_document(self, doc_id: str) -> list[dict[str, Any]]:
        """Passages of all versions of one doc_id, in every source."""
        only = "AND doc_id IN (SELECT id FROM wanted)"
        return self._rows(_PASSAGES.format(only=only, wanted=""), [doc_id])

    def with_ids(self, chunk_ids: Collection[str]) -> list[dict[str, Any]]:
        """Passages with these ids, under any chunker."""
        if not chunk_ids:
            return []
        sql = _PASSAGES.format(only="", wanted="SEMI JOIN wanted ON chunk_id = id")
        return self._rows(sql, chunk_ids)

    def _rows(self, sql: str, wanted: Collection[str]) -> list[dict[str, Any]]:
        documents = self._documents.dataset()
        batches = self._chunks.stream(sql, documents=documents, wanted=id_column(wanted))
        return [row for batch in batches for row in batch.to_pylist()]
