"""Releases, where they are, what proves them, and what was erased from them."""

from __future__ import annotations

import pyarrow as pa

from schemas.stored import BYTES, MOMENT, TEXT, WHOLE, Column, StoredTable

RELEASES = StoredTable(
    "releases",
    Column("seq", WHOLE),
    Column("index", TEXT),
    Column("kind", TEXT),  # publish | rollback | candidate | withdrawal
    Column("logical_time", MOMENT),
    Column("published_at", MOMENT),
    Column("run_id", TEXT),
    Column("snapshot_seq", WHOLE),
    Column("documents", WHOLE),
    Column("rows", WHOLE),
    Column("digest", TEXT),
    Column("chunker", TEXT),
    Column("embedder", TEXT),
    Column("embedder_identity", TEXT, json=True),
    Column("lance_table", TEXT),
    Column("lance_version", WHOLE),
    Column("lance_tag", TEXT),
    Column("search", TEXT, json=True),  # language, full-text and vector index
    Column("made_by", TEXT, json=True),  # code, reader, rules, libraries, threads
    Column("seal", TEXT, ""),  # of the first placement
    Column("note", TEXT, {}, json=True),  # of a rollback its target, reason and hold
    Column("format", WHOLE, 1),  # the storage format that it was written in
    statistics="seq",
)

PLACEMENTS = StoredTable(
    "placements",
    Column("seq", WHOLE),  # of the release
    Column("ordinal", WHOLE),  # greater is later
    Column("tier", TEXT),  # hot | cold | gone
    Column("lance_table", TEXT),
    Column("lance_version", WHOLE),
    Column("lance_tag", TEXT),
    Column("documents", WHOLE),
    Column("rows", WHOLE),
    Column("digest", TEXT),
    Column("seal", TEXT),  # SHA-256 of `sealed`
    Column("sealed", TEXT, json=True),  # the release's names, files, probes
    Column("cause", TEXT),  # why it was placed so
    Column("mark", TEXT),  # what a reader must know: that something was erased
    Column("run_id", TEXT),
    Column("at", MOMENT),
    statistics="seq",
)

SEALED_FILES = StoredTable(
    "sealed_files",
    Column("path", TEXT),  # inside the lakehouse
    Column("bytes", WHOLE),
    Column("sha256", TEXT),
    Column("ordinal", WHOLE),  # greater is later
    statistics="ordinal",
)

ANN_MODELS = StoredTable(
    "ann_models",
    Column("lance_table", TEXT),
    Column("ivf", BYTES),  # Arrow IPC: the centroids
    Column("pq", BYTES),  # Arrow IPC: the codebook
    Column("subvectors", WHOLE),
    statistics="subvectors",
)

ERASURES = StoredTable(
    "erasures",
    Column("receipt", TEXT),
    Column("subject", TEXT),  # a hash: what was erased must not stand here
    Column("kind", TEXT),  # document | user
    Column("status", TEXT),  # started | erased | allowed
    Column("at", MOMENT),
    Column("report", TEXT, json=True),  # all that was touched
    Column("ordinal", WHOLE),  # greater is later
    statistics="ordinal",
)

TABLES = (RELEASES, PLACEMENTS, SEALED_FILES, ANN_MODELS, ERASURES)

# What a release needs of Delta; the others are reports, caches and locks.
SEALED_TABLES = ("document_changes", "chunks", "embeddings", "ann_models", "releases", "placements")


def index_schema(dimension: int) -> pa.Schema:
    """One row a chunk of a document, `vector` of shape (dimension,)."""
    return pa.schema(
        [
            pa.field("chunk_id", pa.string()),
            pa.field("source", pa.string()),
            pa.field("doc_id", pa.string()),
            pa.field("heading", pa.string()),
            pa.field("text", pa.string()),
            pa.field("text_hash", pa.string()),
            pa.field("row_hash", pa.binary(32)),
            pa.field("vector", pa.list_(pa.float32(), dimension)),
        ]
    )
