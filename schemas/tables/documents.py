"""Documents as they were read, their chunks and vectors, and what was kept out."""

from __future__ import annotations

from schemas.stored import BYTES, FLAG, MOMENT, SMALL, TEXT, TEXTS, WHOLE, Column, StoredTable

DOCUMENT_CHANGES = StoredTable(
    "document_changes",
    Column("source", TEXT),
    Column("doc_id", TEXT),
    Column("seq", WHOLE),
    Column("op", TEXT),  # put | delete
    Column("run_id", TEXT),
    Column("content_hash", TEXT, None),
    Column("document_hash", TEXT, None),
    Column("title", TEXT, None),
    Column("uri", TEXT, None),
    Column("media_type", TEXT, None),
    Column("bytes", WHOLE, None),
    Column("characters", WHOLE, None),
    Column("metadata", TEXT, None, json=True),
    Column("text", TEXT, None),
    statistics="seq",
)

CHUNKS = StoredTable(
    "chunks",
    Column("document_hash", TEXT),
    Column("chunker", TEXT),
    Column("ordinal", SMALL),
    Column("heading", TEXT),
    Column("text", TEXT),
    Column("text_hash", TEXT),
    Column("start", WHOLE),
    Column("end", WHOLE),
    Column("tokens", SMALL),
    statistics="ordinal",
)

EMBEDDINGS = StoredTable(
    "embeddings",
    Column("embedder", TEXT),
    Column("text_hash", TEXT),
    Column("vector", BYTES),  # little-endian float32, `dimension` of them
    statistics="embedder",
    partitions=["embedder"],
)

SOURCE_FILES = StoredTable(
    "source_files",
    Column("source", TEXT),
    Column("path", TEXT),
    Column("ordinal", WHOLE),  # greater is later
    Column("present", FLAG),
    Column("rules", TEXT),  # fingerprint of reader and expectations
    Column("documents", TEXTS),  # doc_id of what was accepted
    Column("hashes", TEXTS),  # its content_hash, in the same order
    Column("rejected", TEXTS),  # doc_id of what a must kept out
    Column("stamp", TEXT, None),
    statistics="ordinal",
)

ACCESS = StoredTable(
    "access",
    Column("source", TEXT),
    Column("doc_id", TEXT),
    Column("ordinal", WHOLE),  # greater is later
    Column("principals", TEXTS),  # public | user:ID | group:ID; empty: nobody
    Column("origin", TEXT),  # connector | column | sidecar | rule
    Column("read_at", MOMENT),
    statistics="ordinal",
)

QUARANTINE = StoredTable(
    "quarantine",
    Column("id", TEXT),
    Column("source", TEXT),
    Column("doc_id", TEXT),
    Column("expectation", TEXT),
    Column("severity", TEXT),
    Column("value", TEXT),
    Column("reason", TEXT),
    Column("status", TEXT),  # open | resolved | dismissed
    Column("run_id", TEXT),
    Column("at", MOMENT),  # the run's logical time
    Column("ordinal", WHOLE),  # greater is later
    Column("note", TEXT, {}, json=True),  # of a dismissed row: by, reason
    statistics="ordinal",
)

TABLES = (DOCUMENT_CHANGES, CHUNKS, EMBEDDINGS, SOURCE_FILES, ACCESS, QUARANTINE)
