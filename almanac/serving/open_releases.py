"""Releases that are open for questions: the one that answers now, and some of the past."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from almanac.embedding.factory import open_encoder
from almanac.retrieval.search import Searcher, embedder_of
from lakehouse import Lakehouse
from lakehouse.releases import Release
from lakehouse.search import Hit, Mode
from schemas.encoder import Encoder
from schemas.hashing import sha256_text
from schemas.settings import Settings
from schemas.times import When

_log = logging.getLogger("almanac.serving")
MaySee = Callable[[str, str], bool]  # by source and doc_id
_DOCUMENTS = 2_000  # whose passages' places are kept
_WARM_UP = "warm up"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stands in its document: `text[start:end]`; None where that is not known."""

    title: str
    uri: str
    start: int | None
    end: int | None


class OpenRelease:
    """One release, for questions from several threads."""

    def __init__(
        self, lake: Lakehouse, settings: Settings, release: Release, encoder: Encoder
    ) -> None:
        self.release = release
        self.view = lake.view(release)
        self._lake = lake
        self._searcher = Searcher.of(settings, lake, release)
        self._searcher.__dict__["encoder"] = encoder
        self._places: OrderedDict[str, dict[str, tuple[int, int]]] = OrderedDict()
        self._lock = threading.Lock()

    def search(
        self, question: str, k: int, mode: Mode, may_see: MaySee = lambda source, doc_id: True
    ) -> list[Hit]:
        """The `k` best passages among those of documents that may be seen."""
        depth = k
        while True:
            hits = self._searcher.search([question], depth, mode)[0]
            allowed = [hit for hit in hits if may_see(hit.source, hit.doc_id)]
            if len(allowed) >= k or len(hits) < depth or depth >= self.release.rows:
                return allowed[:k]
            depth = min(depth * 4, self.release.rows)

    def place(self, hit: Hit) -> Place:
        """Where a hit stands in its document."""
        stored = self.view.documents.get((hit.source, hit.doc_id))
        if stored is None:
            return Place(hit.doc_id, "", None, None)
        start, end = self._places_of(stored.document_hash).get(sha256_text(hit.text), (None, None))
        return Place(stored.title, stored.uri, start, end)

    def warm(self) -> None:
        """Load what the first question would wait for."""
        self.search(_WARM_UP, 1, "hybrid")
        len(self.view.documents)

    def _places_of(self, document_hash: str) -> dict[str, tuple[int, int]]:
        with self._lock:
            if document_hash in self._places:
                self._places.move_to_end(document_hash)
                return self._places[document_hash]
        rows: list[dict[str, Any]] = (
            self._lake.chunks.of(self.release.chunker, [document_hash])
            .select(["text_hash", "start", "end"])
            .to_pylist()
        )
        places = {row["text_hash"]: (row["start"], row["end"]) for row in reversed(rows)}
        with self._lock:
            self._places[document_hash] = places
            while len(self._places) > _DOCUMENTS:
                self._places.popitem(last=False)
        return places


class OpenReleases:
    """The release that answers now, swapped by one reference, and some of the past."""

    def __init__(self, lake: Lakehouse, settings: Settings) -> None:
        self._lake = lake
        self._settings = settings
        self._log = lake.releases(settings.index.name)
        self._encoders: dict[str, Encoder] = {}
        self._past: OrderedDict[tuple[int, str], OpenRelease] = OrderedDict()
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._current: OpenRelease | None = None

    @property
    def current(self) -> OpenRelease:
        """The one that answers now. An answer under way keeps the one it began with."""
        if self._current is None:
            self.poll()
        assert self._current is not None
        return self._current

    def poll(self) -> bool:
        """Look for another release, and open and warm it beside the old one; True if it came.

        Raises:
            AlmanacError: there is none, or it does not open: the old one goes on answering.
        """
        release = self._log.as_of(None)
        before = self._current
        if before is not None and _same(before.release, release):
            return False
        opened = self._open(release)
        self._current = opened
        _log.info("release %d of %s answers", release.seq, release.logical_time.isoformat())
        return True

    def as_of(self, when: When | None) -> OpenRelease:
        """The release of a date or a number; the one that answers now for None.

        Raises:
            AlmanacError: there is none, or it is not kept open by retention.
        """
        if when is None:
            return self.current
        release = self._log.as_of(when)
        if _same(self.current.release, release):
            return self.current
        key = (release.seq, release.lance_tag)
        with self._lock:
            if key in self._past:
                self._past.move_to_end(key)
                return self._past[key]
        opened = self._open(release)
        with self._lock:
            self._past[key] = opened
            while len(self._past) > self._settings.serving.open_releases:
                self._past.popitem(last=False)
        return opened

    def history(self) -> Sequence[Release]:
        """Every release, newest first."""
        return self._log.history()

    def _open(self, release: Release) -> OpenRelease:
        with self._opening:
            if release.embedder not in self._encoders:
                chosen = embedder_of(release, self._settings.embedder)
                self._encoders[release.embedder] = open_encoder(chosen)
            opened = OpenRelease(
                self._lake, self._settings, release, self._encoders[release.embedder]
            )
            opened.warm()
            return opened


def _same(one: Release, other: Release) -> bool:
    """Do they answer alike from the same place?"""
    return (one.seq, one.lance_tag, one.seal) == (other.seq, other.lance_tag, other.seal)
