"""Recover from a killed run, then store what changed: documents, chunks, vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from almanac.ingest.compare import Changes
from almanac.ingest.ingest import Progress
from almanac.ingest.models import Models
from almanac.ingest.run import Run
from expectations.frames import chunks_frame
from expectations.runner import validate
from lakehouse.documents import Key, StoredDocument
from lakehouse.releases import Release
from schemas.documents import Chunk
from schemas.errors import ConfigError, EmbeddingFailed, VerificationFailed
from schemas.hashing import sha256_text

_CHUNKED_AT_ONCE = 500  # document texts in one commit
_ENCODED_AT_ONCE = 128  # texts between two signs of progress
_EMBEDDED_AT_ONCE = 1_024  # texts in one commit: what a kill can cost


def recover(run: Run) -> int:
    """Forget what was never published; how many changes of documents that were.

    Raises:
        RunRefused: an erasure was killed midway, and must be finished first.
    """
    run.lake.erasures.check_finished()
    run.lake.placements.discard_after(run.releases.last_seq())
    return run.lake.documents.discard_after(run.releases.last_snapshot())


def store_changes(run: Run, changes: Changes) -> int:
    """Append the changes as the next snapshot; its number, the old one where nothing changed."""
    last = run.releases.last_snapshot()
    if not changes:
        return last
    run.lake.documents.append(last + 1, run.run_id, changes.puts, changes.deleted)
    return last + 1


class IndexChange:
    """Which documents a Lance table must take over or drop to hold snapshot `seq`.

    `base` is the newest release of that table: None builds it from nothing.
    """

    def __init__(
        self,
        seq: int,
        base: Release | None,
        before: Mapping[Key, StoredDocument],
        after: Mapping[Key, StoredDocument],
    ) -> None:
        self.seq = seq
        self.base = base
        self.after = after
        self.taken = {
            key: stored.document_hash
            for key, stored in after.items()
            if key not in before or before[key].document_hash != stored.document_hash
        }
        self.dropped = sorted(before.keys() - after.keys())

    @property
    def touched(self) -> list[Key]:
        """Documents whose rows in the table may change, in key order."""
        return sorted([*self.taken, *self.dropped])


def plan_index(run: Run, models: Models, seq: int) -> IndexChange:
    """Compare snapshot `seq` with what the newest release of this Lance table holds."""
    releases = run.releases.history()
    base = base_for(releases, models.chunker.identity, models.embedder.key)
    after = run.lake.documents.state(seq)
    if base and base.snapshot_seq == seq:
        return IndexChange(seq, base, after, after)
    before = run.lake.documents.state(base.snapshot_seq) if base else {}
    return IndexChange(seq, base, before, after)


def base_for(releases: Iterable[Release], chunker: str, embedder: str) -> Release | None:
    """The hot release that is nearest to the present among those of this chunker and embedder."""
    hot = [
        release
        for release in releases
        if release.tier == "hot" and (release.chunker, release.embedder) == (chunker, embedder)
    ]
    return max(hot, key=lambda release: (release.snapshot_seq, release.seq), default=None)


def store_chunks(
    run: Run,
    models: Models,
    document_hashes: Iterable[str],
    progress: Progress = lambda done, total: None,
) -> int:
    """Cut the document texts that this chunker has not cut yet; how many texts that were.

    Raises:
        VerificationFailed: a chunk breaks a must of `expectations/chunks.json`.
    """
    chunker = models.chunker.identity
    wanted = set(document_hashes)
    missing = wanted - run.lake.chunks.known(chunker, wanted)
    texts, done = run.lake.documents.texts(missing), 0
    while part := list(islice(texts, _CHUNKED_AT_ONCE)):
        cut = models.chunker.chunk_many([text[1:] for text in part])
        chunked = {text[0]: chunks for text, chunks in zip(part, cut, strict=True)}
        _check_chunks(chunked, models.embedder.window)
        run.lake.chunks.append(chunker, chunked)
        done += len(part)
        progress(done, len(missing))
    return len(missing)


def _check_chunks(chunked: Mapping[str, Sequence[Chunk]], window: int) -> None:
    result = validate("chunks", chunks_frame(chunked.items(), window))
    broken = [rejection for _, rejection in result.failing if rejection.severity == "must"]
    if broken:
        first = broken[0]
        raise VerificationFailed(
            f"{len(broken)} chunks break a rule; the first, of document text {first.doc_id}: "
            f"{first.expectation}: {first.reason} (found {first.value!r})"
        )


@dataclass(frozen=True, slots=True)
class Embedding:
    """Texts that an index change needs: how many had to be embedded, in tokens too.

    `shortened` are the hashes of document texts with passages that the model did not read as a
    whole: embedded by their pieces or their beginning.
    """

    texts: int
    embedded: int
    tokens: int
    shortened: frozenset[str] = frozenset()


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
    for start in range(0, len(order), _EMBEDDED_AT_ONCE):
        hashes = order[start : start + _EMBEDDED_AT_ONCE]
        with run.timed("encode"):
            vectors = _encoded(
                run, models, [missing[key][0] for key in hashes], start, len(order), progress
            )
        if vectors.shape != (len(hashes), models.embedder.dimension):
            raise EmbeddingFailed(
                f"{models.embedder.model} returned vectors of shape {vectors.shape}, not "
                f"({len(hashes)}, {models.embedder.dimension})"
            )
        run.lake.vectors.append(models.embedder.key, hashes, vectors)
    return Embedding(needed, len(missing), tokens, _shortened(run, models, documents, order))


def _encoded(
    run: Run, models: Models, texts: list[str], before: int, total: int, progress: Progress
) -> NDArray[np.float32]:
    """Vectors of the texts. A local model gets a few at a time, so that people see it go on; its
    vectors do not depend on what goes together, and an endpoint has batches of its own."""
    local = run.settings.embedder.provider == "local"
    size = _ENCODED_AT_ONCE if local else len(texts)
    parts = []
    for at in range(0, len(texts), size):
        parts.append(models.encoder.encode(texts[at : at + size]))
        progress(before + min(at + size, len(texts)), total)
    return np.concatenate(parts)


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
