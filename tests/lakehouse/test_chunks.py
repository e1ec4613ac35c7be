from __future__ import annotations

import numpy as np

from lakehouse import Lakehouse
from schemas.documents import Chunk
from schemas.hashing import sha256_text

CHUNKS = [Chunk(0, "Top", "Top\n\none", 0, 3, 5), Chunk(1, "Top", "Top\n\ntwo", 4, 7, 5)]


def test_chunks_belong_to_a_text_and_a_chunker(lake: Lakehouse) -> None:
    lake.chunks.append("chunker/a'1", {"h1": CHUNKS, "h2": CHUNKS[:1]})
    lake.chunks.append("other", {"h1": CHUNKS[:1]})
    assert lake.chunks.known("chunker/a'1", ["h1", "h3"]) == {"h1"}
    assert lake.chunks.counts("chunker/a'1", ["h1", "h2", "h3"]) == {"h1": 2, "h2": 1}
    found = lake.chunks.of("chunker/a'1", ["h1"])
    assert found["ordinal"].to_pylist() == [0, 1]
    assert found["text_hash"].to_pylist() == [sha256_text(chunk.text) for chunk in CHUNKS]


def test_vectors_come_back_to_the_last_bit(lake: Lakehouse) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    lake.vectors.append("ab12", ["x", "y", "z"], vectors)
    lake.vectors.append("cd34", ["x"], vectors[1:2])
    assert lake.vectors.known("ab12", ["y", "q"]) == {"y"}
    assert lake.vectors.of("ab12", ["z", "x"]) == {
        "x": vectors[0].tobytes(),
        "z": vectors[2].tobytes(),
    }
    assert lake.vectors.of("cd34", ["x"]) == {"x": vectors[1].tobytes()}
