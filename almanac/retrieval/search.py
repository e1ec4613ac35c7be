"""Asking a release: the latest, or the one of a date, with the model that made it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from almanac.embedding.factory import identity_of
from almanac.embedding.shared import shared_encoder
from almanac.retrieval.filters import Filters
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.among import Among
from lakehouse.ranking import Ranked
from lakehouse.releases import TaggedIndex
from lakehouse.search import Hit, Mode
from schemas.encoder import Encoder
from schemas.errors import AlmanacError, EmbeddingFailed, ExtraMissing
from schemas.settings import EmbedderSettings, Settings
from schemas.text import normalized
from schemas.times import When


class Searcher:
    """One release, open for questions."""

    def __init__(self, settings: Settings, when: When | None = None) -> None:
        """Open the release of `when`, the latest for None; ReleaseNotFound if there is none."""
        lake = open_lakehouse(settings.lakehouse, settings.storage_options)
        self._open(settings, lake, lake.releases(settings.index.name).as_of(when))

    @classmethod
    def of(cls, settings: Settings, lake: Lakehouse, release: TaggedIndex) -> Searcher:
        """Open a release that need not be in the log yet."""
        searcher = cls.__new__(cls)
        searcher._open(settings, lake, release)
        return searcher

    def _open(self, settings: Settings, lake: Lakehouse, release: TaggedIndex) -> None:
        self.release = release
        self._lake = lake
        self.reader = lake.read(release)
        self._settings = settings

    @cached_property
    def encoder(self) -> Encoder:
        """The model that made the release's vectors, whatever is configured now; shared."""
        release, configured = self.release, self._settings.embedder
        return shared_encoder(release.embedder, lambda: embedder_of(release, configured))

    def among(self, filters: Filters | None) -> Among | None:
        """The documents that meet the conditions; None where there are no conditions."""
        if not filters:
            return None
        every = self._lake.documents.state(self.release.snapshot_seq)
        return Among(filters.documents(self._lake, self.release, every), every)

    def search(
        self, questions: Sequence[str], k: int, mode: Mode, among: Among | None = None
    ) -> list[list[Hit]]:
        """The `k` best passages for each question, in the order of the questions."""
        return [self.reader.filled(one) for one in self.rank(questions, k, mode, among)]

    def rank(
        self, questions: Sequence[str], k: int, mode: Mode, among: Among | None = None
    ) -> list[list[Ranked]]:
        """The same without texts."""
        reader, questions = self.reader, [normalized(question) for question in questions]
        if mode == "text":
            return [reader.rank_text(question, k, among) for question in questions]
        vectors = self.encoder.encode_queries(list(questions))
        if mode == "vector":
            return [reader.rank_vector(vector, k, among) for vector in vectors]
        pairs = zip(questions, vectors, strict=True)
        return [reader.rank_hybrid(question, vector, k, among) for question, vector in pairs]


def embedder_of(release: TaggedIndex, configured: EmbedderSettings) -> EmbedderSettings:
    """Settings that open the embedder of a release.

    Raises:
        ExtraMissing: what runs models here is not installed.
        EmbeddingFailed: what can be opened now would give other vectors than the release's.
    """
    missing: ExtraMissing | None = None
    for settings in (configured, _recorded(release.embedder_identity, configured)):
        try:
            if _key(settings) == release.embedder:
                return settings
        except ExtraMissing as error:
            missing = error
    if missing:
        raise ExtraMissing(missing.package, missing.extras, "search with --mode text")
    made = release.embedder_identity
    raise EmbeddingFailed(
        f"release {release.seq} was made with {made['model']} ({made['revision']}), which is not "
        "what that name gives now: restore that model, or search with --mode text"
    )


def _key(settings: EmbedderSettings) -> str | None:
    """The key of the embedder that the settings give; None where they give none here."""
    try:
        return identity_of(settings).key
    except ExtraMissing:
        raise
    except AlmanacError:
        return None


def _recorded(identity: Any, configured: EmbedderSettings) -> EmbedderSettings:
    """The configuration with everything that the identity names put in its place."""
    names = (
        "provider",
        "model",
        "revision",
        "precision",
        "normalize",
        "query_prefix",
        "passage_prefix",
        "dimension",
    )
    return configured.model_copy(
        update={name: identity[name] for name in names} | {"max_tokens": identity["window"]}
    )
