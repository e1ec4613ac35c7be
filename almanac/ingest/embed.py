"""Embed the texts that have no vector yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from almanac.ingest.chunk import Refusal
from almanac.ingest.models import Models
from almanac.ingest.run import Run
from almanac.ingest.source_reading import Progress
from expectations.values import shown
from schemas.errors import (
    ConfigError,
    EmbeddingFailed,
    TextRefused,
)
from schemas.hashing import sha256_text

_PROBE = "Almanac"  # a text that a model which embeds anything embeds
_ENCODED_AT_ONCE = 128  # texts between two signs of progress
_EMBEDDED_AT_ONCE = 1_024  # texts in one commit: what a kill can cost


@dataclass(frozen=True, slots=True)
class Embedding:
    """Texts that an index change needs: how many had to be embedded, in tokens too.

    `shortened` are the hashes of document texts with passages that the model did not read as a
    whole: embedded by their pieces or their beginning. `refused` are document texts with a passage
    that the model would not take, by their hash.
    """

    texts: int
    embedded: int
    tokens: int
    shortened: frozenset[str] = frozenset()
    refused: Mapping[str, Refusal] = field(default_factory=dict)


def texts_to_embed(
    run: Run, models: Models, document_hashes: Iterable[str]
) -> tuple[int, dict[str, tuple[str, int]]]:
    """Distinct texts the documents need, and of those without a vector (text, tokens) by hash."""
    chunks = run.lake.chunks.of(models.chunker.identity, document_hashes)
    columns = [chunks[name].to_pylist() for name in ("text_hash", "text", "tokens")]
    needed = {text_hash: (text, tokens) for text_hash, text, tokens in zip(*columns, strict=True)}
    known = run.lake.vectors.known(models.embedder.key, needed)
    return len(needed), {key: needed[key] for key in needed if key not in known}


def store_vectors(
    run: Run, models: Models, document_hashes: Iterable[str], progress: Progress
) -> Embedding:
    """Embed the texts that have no vector yet and store them as they come.

    Texts of like length go together, which is what a model is fastest at. A run that is killed
    leaves what it stored, and the next embeds only the rest, to the same bytes.
    """
    documents = set(document_hashes)
    needed, missing = texts_to_embed(run, models, documents)
    order = sorted(missing, key=lambda key: (missing[key][1], key))
    tokens = sum(missing[key][1] for key in order)
    if order and run.settings.embedder.batch_api:
        order = _store_by_batches(run, models, {key: missing[key][0] for key in order})
    refused: dict[str, str] = {}
    start = 0

    def tell(done: int) -> None:
        progress(start + done, len(order))

    for start in range(0, len(order), _EMBEDDED_AT_ONCE):
        hashes = order[start : start + _EMBEDDED_AT_ONCE]
        with run.timed("encode"):
            texts = {key: missing[key][0] for key in hashes}
            _encode(run, models, texts, refused, tell)
    shortened = _shortened(run, models, documents, order)
    embedded = len(missing) - len(refused)
    found = _refusals(run, models, documents, {key: missing[key][0] for key in refused}, refused)
    return Embedding(needed, embedded, tokens, shortened, found)


def _encode(
    run: Run,
    models: Models,
    texts: Mapping[str, str],
    refused: dict[str, str],
    progress: Callable[[int], None],
) -> None:
    """Store the vectors of texts by key; the keys of those that the model refuses, and why.

    Raises:
        EmbeddingFailed: the model or endpoint as such fails, or refuses every text.
    """
    # A local model gets a few at a time, so that people see it go on; its vectors do not depend on
    # what goes together, and an endpoint has batches of its own.
    every, local = list(texts), run.settings.embedder.provider == "local"
    size = _ENCODED_AT_ONCE if local else len(every)
    waiting = [every[at : at + size] for at in range(0, len(every), size)][::-1]
    stored: list[str] = []
    found: list[NDArray[np.float32]] = []
    while waiting:
        keys = waiting.pop()
        try:
            vectors = models.encoder.encode([texts[key] for key in keys])
        except TextRefused as error:
            _check_takes_any(models, error)
            refused[keys[error.position]] = error.reason
            parts = (keys[: error.position], keys[error.position + 1 :])
            waiting += [part for part in reversed(parts) if part]
            continue
        due = (len(keys), models.embedder.dimension)
        if vectors.shape != due:
            raise EmbeddingFailed(
                f"{models.embedder.model} returned vectors of shape {vectors.shape}, not {due}"
            )
        stored += keys
        found.append(vectors)
        progress(len(stored))
    if stored:
        run.lake.vectors.append(models.embedder.key, stored, np.concatenate(found))


def _check_takes_any(models: Models, refusal: TextRefused) -> None:
    """Raise the refusal of a text as a failure where the model refuses a plain word, too."""
    try:
        models.encoder.encode([_PROBE])
    except TextRefused:
        raise EmbeddingFailed(str(refusal)) from None


def _refusals(
    run: Run,
    models: Models,
    documents: Iterable[str],
    texts: Mapping[str, str],
    reasons: Mapping[str, str],
) -> dict[str, Refusal]:
    """Document texts that hold one of the refused passages, by their hash."""
    if not texts:
        return {}
    chunks = run.lake.chunks.of(models.chunker.identity, documents)
    pairs = zip(chunks["document_hash"].to_pylist(), chunks["text_hash"].to_pylist(), strict=True)
    found: dict[str, Refusal] = {}
    for document, key in pairs:
        if key in texts:
            reason = (
                f"The embedder {models.embedder.model} takes other texts, but a passage of this "
                f"one {shown(reasons[key])}. Change the passage, or exclude the document."
            )
            passage = shown(texts[key])
            found.setdefault(document, Refusal("document_can_be_embedded", reason, passage))
    return found


def _store_by_batches(run: Run, models: Models, texts: Mapping[str, str]) -> list[str]:
    """Embed by the endpoint's batch API; the keys of texts that it did not take."""
    encode = getattr(models.encoder, "encode_by_batches", None)
    if encode is None:
        raise ConfigError("embedder.batch_api is for endpoints: set embedder.provider = 'openai'")

    def store(keys: list[str], vectors: NDArray[np.float32]) -> None:
        run.lake.vectors.append(models.embedder.key, keys, vectors)

    with run.timed("encode"):
        failed = encode(texts, store)
    return sorted(failed)


def _shortened(
    run: Run, models: Models, documents: Iterable[str], embedded: Iterable[str]
) -> frozenset[str]:
    """Document texts of which the model did not read a passage as a whole in this run."""
    texts = getattr(models.encoder, "in_pieces", None) if embedded else None
    if not texts:
        return frozenset()
    hashes = {sha256_text(text) for text in texts}
    chunks = run.lake.chunks.of(models.chunker.identity, documents)
    pairs = zip(chunks["document_hash"].to_pylist(), chunks["text_hash"].to_pylist(), strict=True)
    return frozenset(document for document, text in pairs if text in hashes)
