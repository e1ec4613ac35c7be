"""The hashes that name things. Every id of Almanac is SHA-256 over length-prefixed parts."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of `data`, hexadecimal; what `sha256sum` prints for a file."""
    return hashlib.sha256(data).hexdigest()


def sha256_text(text: str) -> str:
    """SHA-256 of `text` as UTF-8. Lone surrogates are refused (UnicodeEncodeError)."""
    return sha256_bytes(text.encode("utf-8"))


def sha256_parts(*parts: str) -> str:
    """SHA-256 over several texts, each preceded by its length, so that no two splits collide."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def canonical_json(value: Any) -> str:
    """`value` as JSON with sorted keys and no spaces: the same value, the same bytes."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
