"""Models that sentence-transformers loads: folders and hub ids; the packaged English one, too.

The model's own preprocessing and modules are driven, so that any architecture works and a text's
vector is the one that `SentenceTransformer.encode` gives for that text alone: to the bit where the
text fills the smallest batch (`almanac.embedding.batches`), to the last digits where it is shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from almanac.embedding.choices import dimension, prefixes, window
from almanac.embedding.local import LocalEncoder, Role
from almanac.embedding.model_files import ModelFacts, ModelFolder, find_model, read_facts
from almanac.embedding.tokens import FastTokenCounter
from schemas.encoder import EmbedderIdentity, Encoder, TokenCounter
from schemas.errors import ConfigError, EmbeddingFailed
from schemas.settings import EmbedderSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

_WITHOUT_LIMIT = 8192


def open_encoder(settings: EmbedderSettings) -> Encoder:
    """Load the model.

    Raises:
        ConfigError: it cannot be loaded, or not with these settings.
        EmbeddingFailed: the hub cannot give it.
    """
    folder = find_model(settings)
    model = _load(settings, folder.path)
    facts = read_facts(folder.path) or _ask(model, settings.model)
    identity = identity_from(settings, folder, facts)
    # A model that reads texts of any length has nothing to set, and needs no query cut.
    with suppress(AttributeError):
        model.max_seq_length = identity.window
    counter = _counter(facts, identity.passage_prefix)
    return LocalEncoder(settings, identity, counter, _Network(model, settings.model))


def identity_of(settings: EmbedderSettings) -> EmbedderIdentity:
    """What the files tell; a model of unusual modules is loaded and asked."""
    folder = find_model(settings)
    return identity_from(settings, folder, _facts(settings, folder))


def token_counter(settings: EmbedderSettings) -> TokenCounter:
    """The tokenizer alone; a model of unusual modules is loaded for it."""
    facts = _facts(settings, find_model(settings))
    return _counter(facts, prefixes(settings, facts.prompts)[1])


class _Network:
    """A SentenceTransformer, one batch of equal lengths at a time."""

    def __init__(self, model: SentenceTransformer, name: str) -> None:
        self.has_head = any(True for module in list(model)[1:] for _ in module.parameters())
        self._model = model
        self._name = name
        self._lock = Lock()

    def embed(self, texts: Sequence[str], prefix: str, role: Role, length: int) -> Tensor:
        """Vectors of texts of one length, as the modules give them."""
        from sentence_transformers.util import batch_to_device

        # A tokenizer of transformers must not be used by two threads at once.
        with self._lock:
            features = self._model.preprocess(list(texts), prompt=prefix or None, task=role)
        tokens = features.get("input_ids")
        if tokens is not None and tokens.ndim == 2 and tokens.shape[1] != length:
            raise EmbeddingFailed(
                f"{self._name} reads {tokens.shape[1]} tokens where its tokenizer.json counts "
                f"{length}: the two do not belong together"
            )
        features = batch_to_device(features, self._model.device)
        rows: Tensor = self._model(features, task=role)["sentence_embedding"]
        return rows[:, : self._model.truncate_dim]


def _facts(settings: EmbedderSettings, folder: ModelFolder) -> ModelFacts:
    return read_facts(folder.path) or _ask(_load(settings, folder.path), settings.model)


def identity_from(
    settings: EmbedderSettings, folder: ModelFolder, facts: ModelFacts
) -> EmbedderIdentity:
    """The identity of a model whose files were found and read."""
    query, passage = prefixes(settings, facts.prompts)
    return EmbedderIdentity(
        provider="local",
        model=folder.name,
        revision=folder.revision,
        dimension=dimension(settings, facts.dimension),
        precision=settings.precision,
        normalize=settings.normalize,
        query_prefix=query,
        passage_prefix=passage,
        window=window(settings, facts.window),
    )


def _counter(facts: ModelFacts, prefix: str) -> FastTokenCounter:
    from tokenizers import Tokenizer

    return FastTokenCounter(Tokenizer.from_str(facts.tokenizer), prefix)


def _load(settings: EmbedderSettings, folder: Path) -> SentenceTransformer:
    import torch
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(settings.threads)
    try:
        return SentenceTransformer(
            str(folder),
            device=settings.device,
            local_files_only=True,
            model_kwargs={"dtype": getattr(torch, settings.precision)},
        ).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"sentence-transformers cannot load embedder.model {settings.model} "
            f"on {settings.device}: {reason}"
        ) from None


def _ask(model: SentenceTransformer, name: str) -> ModelFacts:
    """The facts of a loaded model. One that reads texts of any length is given a limit."""
    own = model.max_seq_length
    size = model.get_embedding_dimension()
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", model.tokenizer)
    if size is None or not hasattr(tokenizer, "to_str"):
        raise ConfigError(f"{name} tells no dimension, or has no fast tokenizer: it is unsupported")
    limit = int(own) if own and own < _WITHOUT_LIMIT else _WITHOUT_LIMIT
    return ModelFacts(size, limit, model.prompts, tokenizer.to_str())
