"""Rows of an index: their ids, their hashes, and the digest over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from schemas.hashing import sha256_parts

_MODULUS = 1 << 256


def chunk_id(source: str, doc_id: str, heading: str, text_hash: str, occurrence: int) -> str:
    """The id of a passage: where it stands and what it says, not at which position.

    Equal passages of one document under one heading path are told apart by their count, from 0.
    """
    return sha256_parts(source, doc_id, heading, text_hash, str(occurrence))[:32]


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


def joined_digest(*digests: str) -> str:
    """The digest of several sets of rows together."""
    return f"{sum(int(digest, 16) for digest in digests) % _MODULUS:064x}"


EMPTY_DIGEST = f"{0:064x}"
