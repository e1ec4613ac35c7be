"""Embedding by OpenAI's batch API: submitted once, collected by whoever comes next."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from almanac.embedding.endpoint import EndpointEncoder
from schemas.errors import EmbeddingWaits
from schemas.settings import EmbedderSettings
from tests.embedding.batch_server import Batches, batching

TEXTS = {f"key{number}": f"text {number}" for number in range(7)}


@pytest.fixture
def batches() -> Iterator[Batches]:
    with batching() as there:
        yield there


class Shelf:
    """A new process each time: nothing but what is stored is known."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self.vectors: dict[str, NDArray[np.float32]] = {}

    def encoder(self) -> EndpointEncoder:
        known = {"provider": "openai", "model": "m", "base_url": self._batches.url}
        return EndpointEncoder(EmbedderSettings(**known, dimension=32, batch_api=True))

    def embed(self, texts: dict[str, str]) -> set[str]:
        due = {key: text for key, text in texts.items() if key not in self.vectors}
        return self.encoder().encode_by_batches(due, self._store)

    def _store(self, keys: list[str], vectors: NDArray[np.float32]) -> None:
        assert not set(keys) & self.vectors.keys()
        self.vectors.update(zip(keys, vectors, strict=True))


def test_a_run_submits_and_a_later_one_collects_the_same_bits(batches: Batches) -> None:
    shelf = Shelf(batches)
    with pytest.raises(EmbeddingWaits, match="7 texts are embedded by the batch API"):
        shelf.embed(TEXTS)
    assert (batches.submitted, batches.direct) == ([7], [])
    with pytest.raises(EmbeddingWaits):
        shelf.embed(TEXTS)  # nothing is submitted twice
    assert batches.submitted == [7]
    batches.finish()
    assert shelf.embed(TEXTS) == set()
    assert batches.direct == []
    expected = shelf.encoder().encode(list(TEXTS.values()))
    found = np.stack([shelf.vectors[key] for key in TEXTS])
    assert found.tobytes() == expected.tobytes()


def test_only_the_rest_is_submitted_and_files_go_when_done_with(batches: Batches) -> None:
    shelf = Shelf(batches)
    with pytest.raises(EmbeddingWaits):
        shelf.embed(TEXTS)
    batches.finish()
    with pytest.raises(EmbeddingWaits, match="1 texts"):
        shelf.embed(TEXTS | {"new": "a new text"})
    assert shelf.vectors.keys() == TEXTS.keys()
    assert batches.submitted == [7, 1]
    with pytest.raises(EmbeddingWaits):
        shelf.embed(TEXTS | {"new": "a new text"})
    assert batches.submitted == [0, 1]  # the files of the first are deleted
    batches.finish()
    assert shelf.embed(TEXTS | {"new": "a new text"}) == set()


def test_what_a_batch_could_not_embed_is_left_to_plain_requests(batches: Batches) -> None:
    batches.refused = {"text 3"}
    shelf = Shelf(batches)
    with pytest.raises(EmbeddingWaits):
        shelf.embed(TEXTS)
    batches.finish()
    assert shelf.embed(TEXTS) == {"key3"}
    assert shelf.vectors.keys() == TEXTS.keys() - {"key3"}


def test_batches_of_others_are_left_alone(batches: Batches) -> None:
    name = batches.add_file(b'{"custom_id": "key1", "body": {"input": "x"}}')
    other = {
        "input_file_id": name,
        "metadata": {"almanac_embedder": "other"},
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
    }
    batches.add_batch(other)
    with pytest.raises(EmbeddingWaits, match="7 texts"):
        Shelf(batches).embed(TEXTS)
    assert name in batches.files
