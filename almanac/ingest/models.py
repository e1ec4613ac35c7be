"""The chunker and the embedder of a run, and the names they give to what they make."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING

from lakehouse.index import table_name
from schemas.encoder import EmbedderIdentity, Encoder, TokenCounter
from schemas.hashing import sha256_parts
from schemas.settings import Settings

if TYPE_CHECKING:
    from almanac.chunking.chunker import MarkdownChunker


# The models that runs of one process share, by their settings; None: each run has its own.
_shared: ContextVar[dict[str, Models] | None] = ContextVar("shared models", default=None)


@contextmanager
def shared_models() -> Iterator[None]:
    """Runs within the block that use the same model load it once."""
    before = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(before)


def models_of(settings: Settings) -> Models:
    """The models of a run; within `shared_models` those of the runs before it."""
    shared = _shared.get()
    if shared is None:
        return Models(settings)
    parts = (settings.embedder, settings.chunker, settings.index)
    key = sha256_parts(*(part.model_dump_json() for part in parts))
    return shared.setdefault(key, Models(settings))


class Models:
    """Opened when first used: a run that changes nothing loads no weights."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def embedder(self) -> EmbedderIdentity:
        """What decides the vectors."""
        from almanac.embedding.factory import identity_of

        return identity_of(self._settings.embedder)

    @cached_property
    def encoder(self) -> Encoder:
        """The model itself."""
        from almanac.embedding.factory import open_encoder

        return open_encoder(self._settings.embedder)

    @cached_property
    def tokens(self) -> TokenCounter:
        """The model's tokenizer alone."""
        from almanac.embedding.factory import token_counter

        return token_counter(self._settings.embedder)

    @cached_property
    def chunker(self) -> MarkdownChunker:
        """The chunker, cutting to the embedder's window."""
        from almanac.chunking.chunker import MarkdownChunker

        window = self.embedder.window
        return MarkdownChunker(self._settings.chunker, self.tokens, window, self.embedder.key)

    @property
    def table(self) -> str:
        """The Lance table of the configured index under this chunker and embedder."""
        name = self._settings.index.name
        return table_name(name, self.embedder.key, self.chunker.identity)
