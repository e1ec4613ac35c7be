"""Cut the document texts that the chunker has not cut yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from almanac.ingest.models import Models
from almanac.ingest.run import Run
from almanac.ingest.source_reading import Progress
from expectations.frames import chunks_frame
from expectations.runner import failed_as_a_whole, validate
from expectations.values import shown
from schemas.documents import Chunk
from schemas.errors import (
    AlmanacError,
    VerificationFailed,
)

_CHUNKED_AT_ONCE = 500  # document texts in one commit


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
