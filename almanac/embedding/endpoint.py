"""Models behind an OpenAI-compatible endpoint (`POST {base_url}/embeddings`).

Tokens. No tokenizer of such a model is known here, so texts are counted in units of four UTF-8
bytes, about a token of prose in the languages these models know. A token covers at least one byte,
so the window of 2047 units never holds more than the 8191 tokens that OpenAI's models read. For a
model that reads less, set `max_tokens` to a quarter of its window.

Identity. A model's name says little on another host: unless `revision` is set, the host stands for
it. The dimension is asked for where `dimension` is set; else it is found out with one request, at
the first use of `identity`, or from the first vectors. Set it, and `identity_of` needs no network.

Endpoints that can less than OpenAI's are taken as they are. A request that is refused (400, 413,
422) is halved; a size that was once refused is not tried again; `batch_texts` sets it from the
start. A text alone that is too long for the model is embedded by its pieces (their mean by length),
or by its beginning, as `too_long` says. Neither depends on what it was asked with. Failures for now
(429, 5xx, time-outs, broken connections) are waited for; see `request` and `patience`. An answer
that is not exactly what was asked for is refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from almanac.embedding.answers import NotAnAnswer, normalized, vectors_in
from almanac.embedding.batch_api import BatchApi, Store
from almanac.embedding.checks import checked, refuse_longer, refuse_unusable
from almanac.embedding.choices import prefixes
from almanac.embedding.refusals import Refused
from almanac.embedding.request import Requests, open_client
from almanac.llm.address import host, key
from schemas.encoder import EmbedderIdentity, Encoder, TokenCounter
from schemas.errors import EmbeddingFailed, TextRefused
from schemas.settings import EmbedderSettings

TooLong = Literal["pieces", "truncate", "stop"]
_DEFAULT_URL = "https://api.openai.com/v1"
_BYTES_PER_UNIT = 4
_DEFAULT_WINDOW = 8191 // _BYTES_PER_UNIT
_SHORTEST = 16  # characters: what is refused below that is not refused for its length
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
        secret = key(url, settings.api_key_env, "embedder.api_key_env")
        self._name = f"{settings.model} at {host(url)}"
        self._client = open_client(settings, url, secret)
        self._requests = Requests(settings, self._client, self._name, secret)
        self._most = settings.batch_texts
        self.in_pieces: set[str] = set()  # passages that were too long, as they were given
        self._query_prefix, self._passage_prefix = prefixes(settings)
        self._counter = ByteCounter(self._passage_prefix)
        self._dimension = settings.dimension

    @property
    def identity(self) -> EmbedderIdentity:
        """What decides the vectors; asks for one vector where the dimension is not known yet."""
        if self._dimension is None:
            self._halving(["dimension"], "", 0, "stop")
        return _identity(self._settings, self._dimension or 0)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Units of four bytes; see the module's docstring."""
        return self._counter.count_tokens(texts)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages to vectors; a text longer than the window is refused, never cut."""
        refuse_unusable(texts)
        refuse_longer(self.count_tokens(texts), _window(self._settings), self._settings.model)
        return self._run(texts, self._passage_prefix, self._settings.too_long)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Queries to vectors; a query longer than the window is cut to it, on purpose."""
        refuse_unusable(texts)
        prefix = self._query_prefix
        most = _window(self._settings) * _BYTES_PER_UNIT - _size(prefix)
        return self._run([cut(text, most) for text in texts], prefix, "truncate")

    def encode_by_batches(self, texts: Mapping[str, str], store: Store) -> set[str]:
        """Passages to vectors by OpenAI's batch API, given to `store` as they come, by key.

        The keys of texts that it did not take, which `encode` is left to.

        Raises:
            EmbeddingWaits: some are under way; the next call collects them.
        """

        def checked_and_stored(keys: list[str], vectors: NDArray[np.float32]) -> None:
            dimension, at = self.identity.dimension, list(range(len(keys)))
            while at:
                try:
                    checked(vectors[at], at, dimension, self._name)
                    break
                except TextRefused as refused:
                    at.remove(refused.position)
                    unusable.add(keys[refused.position])
            found = normalized(vectors[at]) if self._settings.normalize else vectors[at]
            store([keys[position] for position in at], found)

        unusable: set[str] = set()
        api = BatchApi(self._client, self.identity.key, self._requests.body, checked_and_stored)
        prefixed = {key: self._passage_prefix + text for key, text in texts.items()}
        return api.embed(prefixed, self._settings.batch_wait_minutes * 60) | unusable

    def _run(self, texts: Sequence[str], prefix: str, too_long: TooLong) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self.identity.dimension), dtype=np.float32)
        found: list[NDArray[np.float32]] = []
        at = 0
        while at < len(texts):
            batch = next(_batches(texts[at:], self._most))
            found.append(self._halving(batch, prefix, at, too_long))
            at += len(batch)
        vectors = np.concatenate(found)
        return normalized(vectors) if self._settings.normalize else vectors

    def _halving(
        self, texts: Sequence[str], prefix: str, first: int, too_long: TooLong
    ) -> NDArray[np.float32]:
        """Vectors of some texts in one request, or in as many as the endpoint takes.

        `first` is the position of the first text, for messages.
        """
        try:
            return self._ask([prefix + text for text in texts], first)
        except Refused as refused:
            if len(texts) == 1:
                if refused.reason != "too_long" or too_long == "stop":
                    raise self._refused(first, refused) from None
                return self._too_long(texts[0], prefix, first, too_long, refused)
        half = -(-len(texts) // 2)
        before = (len(self.in_pieces), self._requests.concessions)
        vectors = [
            self._halving(part, prefix, start, too_long)
            for part, start in ((texts[:half], first), (texts[half:], first + half))
        ]
        if (len(self.in_pieces), self._requests.concessions) == before:  # it was their number
            self._most = min(self._most, half)
        return np.concatenate(vectors)

    def _too_long(
        self, text: str, prefix: str, first: int, too_long: TooLong, refused: Refused
    ) -> NDArray[np.float32]:
        """The vector of a text that the model does not read as a whole, shape (1, dimension)."""
        pieces = shortened(text) if too_long == "truncate" else halves(text)
        if not pieces:
            raise self._refused(first, refused) from None
        self.in_pieces.add(text)
        vectors = [self._halving([piece], prefix, first, too_long) for piece in pieces]
        self.in_pieces -= set(pieces)
        weights = [_size(piece) for piece in pieces]
        return np.average(vectors, axis=0, weights=weights).astype(np.float32)

    def _refused(self, position: int, refused: Refused) -> TextRefused:
        said = str(self._requests.refusal(refused.status, str(refused)))
        return TextRefused(position, f"was refused: {said}", said)

    def _ask(self, texts: list[str], first: int) -> NDArray[np.float32]:
        """One request. `first` is the position of its first text, for messages."""
        try:
            vectors = vectors_in(self._requests.post(texts), len(texts))
        except NotAnAnswer as error:
            raise EmbeddingFailed(f"{self._name} {error}") from None
        dimension = self._dimension or vectors.shape[1]
        checked(vectors, range(first, first + len(texts)), dimension, self._name)
        self._dimension = dimension
        return vectors


def cut(text: str, most: int) -> str:
    """The beginning of a text of at most so many UTF-8 bytes, cut between characters."""
    return text.encode("utf-8")[: max(most, 0)].decode("utf-8", errors="ignore")


def halves(text: str) -> list[str]:
    """A text in two, at the blank that is nearest to its middle; nothing where it is short."""
    middle = len(text) // 2
    if middle < _SHORTEST:
        return []
    blanks = [match.start() for match in re.finditer(r"\s", text)]
    near = min(blanks, key=lambda at: (abs(at - middle), at), default=middle)
    parts = (text[:near].strip(), text[near:].strip())
    if not all(parts):
        parts = (text[:middle], text[middle:])
    return [part for part in parts if part.strip()]


def shortened(text: str) -> list[str]:
    """The first three quarters of a text; nothing where it is short."""
    if len(text) < 2 * _SHORTEST:
        return []
    return [part for part in [text[: len(text) * 3 // 4]] if part.strip()]


def _batches(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    """Texts in order, at most so many to a request, and no more than OpenAI's takes."""
    batch: list[str] = []
    size = 0
    for text in texts:
        size += _size(text)
        if batch and (len(batch) == most or size > _BYTES_PER_REQUEST):
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
