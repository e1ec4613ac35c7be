"""Drop from Delta what no kept release needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from lakehouse.chunks import QUESTIONS
from lakehouse.lakehouse import Lakehouse
from lakehouse.releases import Release

# A change speaks for the snapshots from its own to the one before the next change of its document.
_CHANGES = """
    SELECT source, doc_id, seq FROM (
        SELECT source, doc_id, seq, coalesce(
            lead(seq) OVER (PARTITION BY source, doc_id ORDER BY seq), 9223372036854775807
        ) AS until FROM log
    ) spans
    WHERE NOT EXISTS (SELECT 1 FROM kept WHERE kept.seq >= spans.seq AND kept.seq < spans.until)
"""
_CHUNKS = """
    SELECT DISTINCT document_hash, chunker FROM log
    WHERE document_hash NOT IN (SELECT h FROM hashes) OR chunker IN (SELECT name FROM chunkers)
"""
# A question belongs to its request, not to a document.
_VECTORS = f"""
    SELECT embedder, text_hash FROM log
    WHERE (text_hash NOT IN (SELECT h FROM hashes) AND NOT suffix(embedder, '{QUESTIONS}'))
        OR embedder IN (SELECT name FROM embedders)
"""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Rows that went, or would go, from `document_changes`, `chunks` and `embeddings`."""

    changes: int
    documents: int
    vectors: int


def forget(lake: Lakehouse, gone: Iterable[Release], kept: Iterable[Release]) -> Forgotten:
    """Remove what only `gone` releases needed; `kept` are all others, of every index.

    What no release ever needed, such as the vectors of an upgrade that is under way, stays unless
    its text is unknown by now.
    """
    gone, kept = list(gone), list(kept)
    changes, chunks, vectors = (
        lake.delta(name) for name in ("document_changes", "chunks", "embeddings")
    )
    dropped = changes.query(_CHANGES, kept=_column("seq", {one.snapshot_seq for one in kept}))
    changes.delete_matching(dropped)
    hashes = changes.query("SELECT DISTINCT document_hash AS h FROM log WHERE op = 'put'")
    chunkers = {one.chunker for one in gone} - {one.chunker for one in kept}
    lost = chunks.query(_CHUNKS, hashes=hashes, chunkers=_column("name", chunkers))
    chunks.delete_matching(lost)
    texts = chunks.query("SELECT DISTINCT text_hash AS h FROM log")
    embedders = {one.embedder for one in gone} - {one.embedder for one in kept}
    embedders |= {embedder + QUESTIONS for embedder in embedders}
    unused = vectors.query(_VECTORS, hashes=texts, embedders=_column("name", embedders))
    vectors.delete_matching(unused)
    return Forgotten(dropped.num_rows, lost.num_rows, unused.num_rows)


def _column(name: str, values: Iterable[int | str]) -> pa.Table:
    kind = pa.int64() if name == "seq" else pa.string()
    return pa.table({name: pa.array(sorted(values), kind)})
