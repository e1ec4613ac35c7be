"""Recover from a killed run, then store what changed: documents, chunks, vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from almanac.ingest.compare import Changes
from almanac.ingest.models import Models
from almanac.ingest.run import Run
from almanac.ingest.source_reading import Progress
from expectations.frames import chunks_frame
from expectations.runner import failed_as_a_whole, validate
from expectations.values import shown
from lakehouse.documents import Key, StoredDocument
from lakehouse.releases import Release
from schemas.documents import Chunk
from schemas.errors import (
    AlmanacError,
    ConfigError,
    EmbeddingFailed,
    TextRefused,
    VerificationFailed,
)
from schemas.hashing import sha256_text

_PROBE = "Almanac"  # a text that a model which embeds anything embeds
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


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document text can't go into an index: the rule, a reason, and the value seen."""

    expectation: str
    reason: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """How many document texts had to be cut, and which were refused, by their hash."""

    texts: int
    refused: Mapping[str, Refusal]


def store_chunks(
    run: Run,
    models: Models,
    document_hashes: Iterable[str],
    progress: Progress = lambda done, total: None,
) -> Cut:
    """Cut the document texts that this chunker has not cut yet.

    A text that can't be cut, or of which a chunk breaks a must of `expectations/chunks.json`, is
    refused; the others are stored.
    """
    chunker = models.chunker.identity
    wanted = set(document_hashes)
    missing = wanted - run.lake.chunks.known(chunker, wanted)
    texts, done = run.lake.documents.texts(missing), 0
    refused: dict[str, Refusal] = {}
    while part := list(islice(texts, _CHUNKED_AT_ONCE)):
        chunked, broken = cut_texts(models, {text[0]: text[1:] for text in part})
        broken |= _broken(chunked, models.embedder.window)
        run.lake.chunks.append(
            chunker, {key: chunks for key, chunks in chunked.items() if key not in broken}
        )
        refused |= broken
        done += len(part)
        progress(done, len(missing))
    return Cut(len(missing), refused)


def cut_texts(
    models: Models, texts: Mapping[str, tuple[str, str, str]]
) -> tuple[dict[str, list[Chunk]], dict[str, Refusal]]:
    """The chunks of (title, media type, text) by key, and why some could not be cut."""
    try:
        cut = models.chunker.chunk_many(list(texts.values()))
        return dict(zip(texts, cut, strict=True)), {}
    except AlmanacError:
        raise  # about the settings or the model, not about a text
    except Exception as error:  # noqa: BLE001  # whatever a text makes of the chunker
        if len(texts) == 1:
            what = f"{type(error).__name__}: {shown(error)}"
            reason = "The chunker failed on this text. Exclude the document, and report it."
            return {}, {next(iter(texts)): Refusal("document_can_be_cut", reason, what)}
    keys = list(texts)
    middle = len(keys) // 2
    first = cut_texts(models, {key: texts[key] for key in keys[:middle]})
    second = cut_texts(models, {key: texts[key] for key in keys[middle:]})
    return first[0] | second[0], first[1] | second[1]


def _broken(chunked: Mapping[str, Sequence[Chunk]], window: int) -> dict[str, Refusal]:
    """The first must that a chunk of each document text breaks."""
    result = validate("chunks", chunks_frame(chunked.items(), window))
    if whole := failed_as_a_whole(result):
        raise VerificationFailed("; ".join(check.reason for check in whole))
    broken: dict[str, Refusal] = {}
    for _, one in result.failing:
        if one.severity == "must":
            broken.setdefault(one.doc_id, Refusal(one.expectation, one.reason, one.value))
    return broken


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
