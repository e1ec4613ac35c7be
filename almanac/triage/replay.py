"""One release, open for asking again what was asked of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from almanac.core.stems import Rarity
from almanac.embedding.factory import open_encoder
from almanac.retrieval.search import embedder_of
from lakehouse import Lakehouse
from lakehouse.documents import Key
from lakehouse.releases import Release
from lakehouse.search import Hit, Mode
from schemas.encoder import Encoder
from schemas.errors import AlmanacError
from schemas.feedback import Passage
from schemas.settings import EmbedderSettings
from schemas.text import normalized

_log = logging.getLogger("almanac.triage")
_CHUNK_ID = re.compile(r"[0-9a-f]{32}")  # what `lakehouse.rows.chunk_id` gives
_SAMPLE = 2_000  # passages of a release whose words tell what is rare in it
_START = 300  # characters of a passage that it is looked up by


@dataclass(frozen=True, slots=True)
class Held:
    """A passage as the model was shown it or as a search found it; `key` of its document."""

    chunk_id: str
    text: str
    key: Key | None = None


class Encoders:
    """The models that made the vectors of releases, each opened once; none where it can't be."""

    def __init__(self, configured: EmbedderSettings) -> None:
        self._configured = configured
        self._opened: dict[str, Encoder | None] = {}
        self._vectors: dict[tuple[str, str], NDArray[np.float32]] = {}

    def forget(self) -> None:
        """Drop the vectors made so far."""
        self._vectors.clear()

    def mode(self, release: Release) -> Mode:
        """hybrid, or text where the release's model can't be opened here."""
        return "hybrid" if self.of(release) else "text"

    def vectors(self, release: Release, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """The query vector of each text, made in one batch, once."""
        encoder = self.of(release)
        new = [one for one in dict.fromkeys(texts) if (release.embedder, one) not in self._vectors]
        if encoder and new:
            made = encoder.encode_queries(new)
            names = ((release.embedder, text) for text in new)
            self._vectors.update(zip(names, made, strict=True))
        return [self._vectors[release.embedder, text] for text in texts]

    def of(self, release: Release) -> Encoder | None:
        """The model of a release; None where it can't be opened."""
        if release.embedder not in self._opened:
            self._opened[release.embedder] = self._open(release)
        return self._opened[release.embedder]

    def _open(self, release: Release) -> Encoder | None:
        try:
            return open_encoder(embedder_of(release, self._configured))
        except AlmanacError as error:
            _log.warning("searching release %d by text alone: %s", release.seq, error)
            return None


class Replay:
    """One release: its passages, its documents, its search, and what is rare in it.

    Raises:
        ReleaseNotOpen: it is cold or gone.
        ReleaseNotFound: its files are missing.
    """

    def __init__(self, lake: Lakehouse, release: Release, encoders: Encoders) -> None:
        self.release = release
        self._lake = lake
        self._reader = lake.read(release)
        self._encoders = encoders

    @property
    def mode(self) -> Mode:
        """How it is searched."""
        return self._encoders.mode(self.release)

    @cached_property
    def rarity(self) -> Rarity:
        """Over a sample of its passages: those with the least hashes, so always the same."""
        return Rarity(row["text"] for row in self._reader.least_rows(_SAMPLE))

    @cached_property
    def documents(self) -> Mapping[Key, str]:
        """The document_hash of each of its documents."""
        state = self._lake.documents.state(self.release.snapshot_seq)
        return {key: stored.document_hash for key, stored in state.items()}

    def rows(self, chunk_ids: Iterable[str]) -> dict[str, Held]:
        """Those of the passages that are rows of the release."""
        ours = {one for one in chunk_ids if _CHUNK_ID.fullmatch(one)}
        found = self._reader.rows(ours)
        return {
            row["chunk_id"]: Held(row["chunk_id"], row["text"], (row["source"], row["doc_id"]))
            for row in found
        }

    def with_text(self, passage: Passage) -> Held | None:
        """The row that reads just like this under whatever id, if a text search leads to it."""
        sought = normalized(passage.text)
        hits = self._reader.text(sought[:_START], 3)
        return next((_held(hit) for hit in hits if normalized(hit.text) == sought), None)

    def search(self, questions: Sequence[str], k: int) -> list[list[Held]]:
        """The `k` best passages for each question; none for a blank one."""
        asked = [question for question in questions if question.strip()]
        if self.mode == "text":
            found = {question: self._reader.text(question, k) for question in asked}
        else:
            vectors = self._encoders.vectors(self.release, asked)
            found = {
                question: self._reader.hybrid(question, vector, k)
                for question, vector in zip(asked, vectors, strict=True)
            }
        return [[_held(hit) for hit in found.get(question, ())] for question in questions]


def _held(hit: Hit) -> Held:
    return Held(hit.chunk_id, hit.text, (hit.source, hit.doc_id))
