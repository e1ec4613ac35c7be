"""The seam behind which every embedding model stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.hashing import canonical_json, sha256_text
from schemas.identity import identity_of_record

# What an identity is made of since the first version; see `schemas.identity` for later fields.
_FIRST = (
    "provider",
    "model",
    "revision",
    "dimension",
    "precision",
    "normalize",
    "query_prefix",
    "passage_prefix",
    "window",
)


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """Everything that decides a model's vectors; two equal identities give interchangeable ones.

    `revision` names the weights themselves: a hash of the files for a local model, the commit for
    a hub id, what the endpoint is pinned to otherwise. `window` is in tokens.
    """

    provider: str
    model: str
    revision: str
    dimension: int
    precision: str
    normalize: bool
    query_prefix: str
    passage_prefix: str
    window: int

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits that name this identity in tables and file names."""
        return sha256_text(canonical_json(self.as_json()))[:16]

    def as_json(self) -> dict[str, Any]:
        """The values by name, as a release keeps them."""
        return identity_of_record(self, _FIRST)


class TokenCounter(Protocol):
    """What the chunker needs of a tokenizer."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as the model will see it, prefix and special tokens included."""
        ...


class Encoder(TokenCounter, Protocol):
    """Turns texts into vectors. Raises `EmbeddingFailed` instead of returning a doubtful one."""

    @property
    def identity(self) -> EmbedderIdentity:
        """What decides the vectors; cheap to ask for."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages to vectors, shape (len(texts), dimension), rows in the order of `texts`."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Queries to vectors, shape (len(texts), dimension)."""
        ...
