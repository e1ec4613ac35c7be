"""Rows of an index: their ids, their hashes, and the digest over all of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from schemas.hashing import sha256_parts
from schemas.tables import index_schema

_MODULUS = 1 << 256


def chunk_ids(source: str, doc_id: str, passages: Sequence[tuple[str, str]]) -> list[str]:
    """Ids of a document's chunks, given (heading path, text hash) of each in document order.

    An id says where a passage stands and what it says, not at which position. Equal passages of one
    document are told apart by their count.
    """
    seen: Counter[tuple[str, str]] = Counter()
    ids = []
    for passage in passages:
        ids.append(sha256_parts(source, doc_id, *passage, str(seen[passage]))[:32])
        seen[passage] += 1
    return ids


def row_hash(chunk: str, text_hash: str, vector: bytes) -> bytes:
    """SHA-256 over the parts that a seal covers; `vector` is little-endian float32."""
    return hashlib.sha256(f"{chunk}\n{text_hash}\n".encode() + vector).digest()


def updated_digest(digest: str, added: Iterable[bytes], removed: Iterable[bytes]) -> str:
    """The digest of a set of rows after some came and some went, from their row hashes.

    The sum of the row hashes modulo 2**256 (AdHash: Bellare and Micciancio, "A New Paradigm for
    Collision-Free Hashing", 1997): free of order, and updated at the cost of the change.
    """
    total = int(digest, 16)
    total += sum(int.from_bytes(row, "big") for row in added)
    total -= sum(int.from_bytes(row, "big") for row in removed)
    return f"{total % _MODULUS:064x}"


EMPTY_DIGEST = f"{0:064x}"


def index_rows(
    entries: Sequence[Mapping[str, str]], vectors: Mapping[str, bytes], dimension: int
) -> pa.Table:
    """Rows of `schemas.tables.index_schema` from entries with all text columns.

    `vectors` maps text hashes to bytes; one that is missing is a KeyError.
    """
    stored = [vectors[entry["text_hash"]] for entry in entries]
    hashes = [
        row_hash(entry["chunk_id"], entry["text_hash"], vector)
        for entry, vector in zip(entries, stored, strict=True)
    ]
    flat = np.frombuffer(b"".join(stored), "<f4")
    schema = index_schema(dimension)
    texts = [pa.array([entry[name] for entry in entries], pa.string()) for name in schema.names[:6]]
    return pa.Table.from_arrays(
        [
            *texts,
            pa.array(hashes, pa.binary(32)),
            pa.FixedSizeListArray.from_arrays(pa.array(flat), dimension),
        ],
        schema=schema,
    )
