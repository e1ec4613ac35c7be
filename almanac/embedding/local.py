"""An encoder for a model that runs in this process.

The same text under the same embedder, number of threads and processor gives the same bytes,
whatever stands beside it: a run that was killed and started again ends with the same vectors. See
`almanac.embedding.batches` for how. On a device other than the processor (`device` is not `cpu`)
the batches are made alike, but nothing is promised about the last bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from almanac.embedding.batches import equal_length_batches
from almanac.embedding.checks import checked, refuse_longer, refuse_unusable
from almanac.embedding.tokens import FastTokenCounter
from schemas.encoder import EmbedderIdentity
from schemas.errors import TextRefused
from schemas.settings import EmbedderSettings

if TYPE_CHECKING:
    from torch import Tensor

    from almanac.embedding.bert import Bert

Role = Literal["query", "document"]
# Rows of a matrix product for each thread; see almanac.embedding.batches.
_TOKENS = 16
_TEXTS = 8


class Network(Protocol):
    """A loaded model. `has_head`: weights work on whole texts, after the tokens are pooled."""

    has_head: bool

    def embed(self, texts: Sequence[str], prefix: str, role: Role, length: int) -> Tensor:
        """Vectors of texts that all have `length` tokens or are cut to it, one row a text."""
        ...


class TokenStates:
    """The transformer of a packaged model with its tokenizer; no weights work on whole texts."""

    has_head = False

    def __init__(self, model: Bert, counter: FastTokenCounter, end: int) -> None:
        self._model = model
        self._counter = counter
        self._end = end

    def states(self, texts: Sequence[str], prefix: str, length: int) -> Tensor:
        """One row a token, shape (texts, length, dimension); longer texts are cut before `end`."""
        return self._model.states(self._counter.cut(texts, prefix, length, self._end))


class LocalEncoder:
    """Batches texts for a network and checks what it returns."""

    def __init__(
        self,
        settings: EmbedderSettings,
        identity: EmbedderIdentity,
        counter: FastTokenCounter,
        network: Network,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._counter = counter
        self._network = network

    @property
    def identity(self) -> EmbedderIdentity:
        """What decides the vectors."""
        return self._identity

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a passage; exact."""
        return self._counter.count_tokens(texts)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Passages to vectors; a text longer than the window is refused, never cut."""
        refuse_unusable(texts)
        lengths = self._counter.count_tokens(texts)
        refuse_longer(lengths, self._identity.window, self._identity.model)
        return self._run(texts, lengths, "document")

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Queries to vectors; a query longer than the window is cut to it, on purpose."""
        refuse_unusable(texts)
        lengths = self._counter.lengths([self._identity.query_prefix + text for text in texts])
        window = self._identity.window
        return self._run(texts, [min(length, window) for length in lengths], "query")

    def _run(self, texts: Sequence[str], lengths: list[int], role: Role) -> NDArray[np.float32]:
        import torch

        if 0 in lengths:
            raise TextRefused(lengths.index(0), "has no token that the model knows")
        identity, threads = self._identity, self._settings.threads
        torch.set_num_threads(threads)  # Here, as it is kept for each calling thread.
        prefix = identity.query_prefix if role == "query" else identity.passage_prefix
        vectors = np.empty((len(texts), identity.dimension), dtype=np.float32)
        for batch in equal_length_batches(
            lengths,
            at_most=self._settings.batch_tokens,
            at_least=_TOKENS * threads,
            fewest=_TEXTS * threads if self._network.has_head else 1,
        ):
            with torch.inference_mode():
                rows = self._network.embed(
                    [texts[position] for position in batch], prefix, role, lengths[batch[0]]
                ).float()
                if identity.normalize:
                    rows = torch.nn.functional.normalize(rows, p=2, dim=1)
            vectors[batch] = checked(rows.cpu().numpy(), batch, identity.dimension, identity.model)
        return vectors
