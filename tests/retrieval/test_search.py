"""A release is asked with the model that made it, whatever is configured now."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from almanac.embedding.factory import identity_of
from almanac.retrieval.search import embedder_of
from schemas.errors import EmbeddingFailed
from schemas.settings import EmbedderSettings
from tests.lakehouse.conftest import release_of  # noqa: F401 (a fixture)

NOW = EmbedderSettings(model="multilingual")


@pytest.mark.parametrize(
    "then",
    [
        EmbedderSettings(),
        EmbedderSettings(precision="bfloat16", max_tokens=128),
        EmbedderSettings(model="multilingual", normalize=False),
    ],
)
def test_the_recorded_identity_opens_the_same_model(release_of, then) -> None:  # noqa: F811
    identity = identity_of(then)
    release = release_of(1, embedder=identity.key, embedder_identity=asdict(identity))
    assert identity_of(embedder_of(release, NOW)) == identity


def test_a_model_that_gives_other_vectors_now_is_refused(release_of) -> None:  # noqa: F811
    identity = asdict(identity_of(EmbedderSettings())) | {"revision": "0" * 16}
    release = release_of(1, embedder="f" * 16, embedder_identity=identity)
    with pytest.raises(EmbeddingFailed, match="which is not what that name gives now"):
        embedder_of(release, NOW)
