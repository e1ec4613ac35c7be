"""Models behind an OpenAI-compatible endpoint (`POST {base_url}/embeddings`).

Tokens. No tokenizer of such a model is known here, so texts are counted in units of four UTF-8
bytes, about a token of prose in the languages these models know. A token covers at least one byte,
so the window of 2047 units never holds more than the 8191 tokens that OpenAI's models read. For a
model that reads less, set `max_tokens` to a quarter of its window.

Identity. A model's name says little on another host: unless `revision` is set, the host stands for
it. The dimension is asked for where `dimension` is set; else it is found out with one request, at
the first use of `identity`, or from the first vectors. Set it, and `identity_of` needs no network.

The client repeats what failed for now (429, 5xx, time-outs, broken connections) up to `max_retries`
times, waiting as `Retry-After` says, else half a second, doubled each time up to eight. An answer
that is not exactly what was asked for is refused at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from almanac.embedding.answers import NotAnAnswer, normalized, vectors_in
from almanac.embedding.checks import checked, refuse_longer, refuse_unusable
from almanac.embedding.choices import prefixes
from almanac.llm.address import host, key
from schemas.encoder import EmbedderIdentity, Encoder, TokenCounter
from schemas.errors import EmbeddingFailed
from schemas.settings import EmbedderSettings

if TYPE_CHECKING:
    from openai import OpenAI

_DEFAULT_URL = "https://api.openai.com/v1"
_BYTES_PER_UNIT = 4
_DEFAULT_WINDOW = 8191 // _BYTES_PER_UNIT
_TEXTS_PER_REQUEST = 256
# OpenAI takes 300,000 tokens in a request; bytes are an upper bound of tokens.
_BYTES_PER_REQUEST = 250_000


def open_encoder(settings: EmbedderSettings) -> Encoder:
    """Make the client; nothing is asked yet.

    Raises:
        ConfigError: the variable that should hold the key is not set.
    """
    return EndpointEncoder(settings)


def identity_of(settings: EmbedderSettings) -> EmbedderIdentity:
    """From the settings where they tell the dimension, else one vector is asked for."""
    if settings.dimension is None:
        return EndpointEncoder(settings).identity
    return _identity(settings, settings.dimension)


def token_counter(settings: EmbedderSettings) -> TokenCounter:
    """Counts units of four bytes; needs no key and no network."""
    return ByteCounter(prefixes(settings)[1])


class ByteCounter:
    """Counts texts in units of four UTF-8 bytes, rounded up."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Units of each text, prefix included."""
        return [-(-_size(self._prefix + text) // _BYTES_PER_UNIT) for text in texts]


class EndpointEncoder:
    """Asks an endpoint and believes nothing that it answers."""

    def __init__(self, settings: EmbedderSettings) -> None:
        self._settings = settings
        url = settings.base_url or _DEFAULT_URL
        self._host = host(url)
        self._key = key(url, settings.api_key_env, "embedder.api_key_env")
        self._client = _client(settings, self._key)
        self._query_prefix, self._passage_prefix = prefixes(settings)
        self._counter = ByteCounter(self._passage_prefix)
        self._dimension = settings.dimension

    @property
    def identity(self) -> EmbedderIdentity:
        """What decides the vectors; asks for one vector where the dimension is not known yet."""
        if self._dimension is None:
            self._ask(["dimension"], 0)
        return _identity(self._settings, self._dimension or 0)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Units of four bytes; see the module's docstring."""
        return self._counter.count_tokens(texts)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages to vectors; a text longer than the window is refused, never cut."""
        refuse_unusable(texts)
        refuse_longer(self.count_tokens(texts), _window(self._settings), self._settings.model)
        return self._run([self._passage_prefix + text for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Queries to vectors; a query longer than the window is cut to it, on purpose."""
        refuse_unusable(texts)
        most = _window(self._settings) * _BYTES_PER_UNIT
        cut = [(self._query_prefix + text).encode("utf-8")[:most] for text in texts]
        return self._run([text.decode("utf-8", errors="ignore") for text in cut])

    def _run(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self.identity.dimension), dtype=np.float32)
        batches = list(_batches(texts))
        starts = np.cumsum([0, *map(len, batches)]).tolist()
        return np.concatenate(
            [self._ask(batch, start) for batch, start in zip(batches, starts, strict=False)]
        )

    def _ask(self, texts: list[str], first: int) -> NDArray[np.float32]:
        """One request. `first` is the position of its first text, for messages."""
        name = f"{self._settings.model} at {self._host}"
        try:
            vectors = vectors_in(self._post(texts), len(texts))
        except NotAnAnswer as error:
            raise EmbeddingFailed(f"{name} {error}") from None
        dimension = self._dimension or vectors.shape[1]
        checked(vectors, range(first, first + len(texts)), dimension, name)
        self._dimension = dimension
        return normalized(vectors) if self._settings.normalize else vectors

    def _post(self, texts: list[str]) -> bytes:
        """The body of the answer to one request, after as many repeats as the settings allow."""
        import openai

        settings = self._settings
        try:
            answer = self._client.embeddings.with_raw_response.create(
                input=texts,
                model=settings.model,
                encoding_format="base64",
                dimensions=openai.omit if settings.dimension is None else settings.dimension,
            )
        except openai.APIStatusError as error:
            what = f"HTTP {error.status_code}: {error.message}"
        except openai.APITimeoutError:
            what = f"no answer within {settings.timeout_seconds:g} seconds"
        except openai.OpenAIError as error:
            what = f"{error} ({type(error.__cause__ or error).__name__})"
        else:
            return answer.content
        if self._key:
            # Some servers repeat the key that they refuse.
            what = what.replace(self._key, "[key]")
        raise EmbeddingFailed(
            f"{settings.model} at {self._host} failed ({settings.max_retries} retries allowed): "
            + " ".join(what.split())[:300]
        )


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Texts in order, as many to a request as it takes."""
    batch: list[str] = []
    size = 0
    for text in texts:
        size += _size(text)
        if batch and (len(batch) == _TEXTS_PER_REQUEST or size > _BYTES_PER_REQUEST):
            yield batch
            batch, size = [], _size(text)
        batch.append(text)
    yield batch


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def _window(settings: EmbedderSettings) -> int:
    return settings.max_tokens or _DEFAULT_WINDOW


def _identity(settings: EmbedderSettings, dimension: int) -> EmbedderIdentity:
    query, passage = prefixes(settings)
    return EmbedderIdentity(
        provider="openai",
        model=settings.model,
        revision=settings.revision or host(settings.base_url or _DEFAULT_URL),
        dimension=dimension,
        precision="float32",
        normalize=settings.normalize,
        query_prefix=query,
        passage_prefix=passage,
        window=_window(settings),
    )


def _client(settings: EmbedderSettings, key: str) -> OpenAI:
    from openai import OpenAI

    return OpenAI(
        api_key=key or "none",
        base_url=settings.base_url or _DEFAULT_URL,
        timeout=settings.timeout_seconds,
        max_retries=settings.max_retries,
    )
