"""Which model the settings mean. Importing this is cheap: torch loads when a model is opened."""

from __future__ import annotations

from typing import Protocol

from schemas.encoder import EmbedderIdentity, Encoder, TokenCounter
from schemas.extras import named_extras
from schemas.settings import EmbedderSettings


class _Backend(Protocol):
    def open_encoder(self, settings: EmbedderSettings) -> Encoder: ...
    def identity_of(self, settings: EmbedderSettings) -> EmbedderIdentity: ...
    def token_counter(self, settings: EmbedderSettings) -> TokenCounter: ...


def open_encoder(settings: EmbedderSettings) -> Encoder:
    """The model, ready to encode. One opened encoder may be used from several threads.

    Raises:
        ConfigError: the settings name no usable model, or lack a key.
        ExtraMissing: the extra `vectors`, which runs models here, is not installed.
        EmbeddingFailed: the hub or the endpoint cannot be had.
    """
    with named_extras():
        return _backend(settings).open_encoder(settings)


def identity_of(settings: EmbedderSettings) -> EmbedderIdentity:
    """What `open_encoder(settings).identity` would be, without loading the weights.

    A hub id is downloaded first, a model of unusual modules is loaded, and an endpoint is asked for
    one vector unless `settings.dimension` tells its size.
    """
    with named_extras():
        return _backend(settings).identity_of(settings)


def token_counter(settings: EmbedderSettings) -> TokenCounter:
    """What `open_encoder(settings)` would count, from the tokenizer alone."""
    with named_extras():
        return _backend(settings).token_counter(settings)


def _backend(settings: EmbedderSettings) -> _Backend:
    if settings.provider == "openai":
        from almanac.embedding import endpoint

        return endpoint
    if settings.model == "multilingual":
        from almanac.embedding import multilingual

        return multilingual
    if settings.model == "english":
        from almanac.embedding import english

        return english
    from almanac.embedding import sentence_transformer

    return sentence_transformer
