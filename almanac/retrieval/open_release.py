"""One release, open for questions from several threads: filtered, and by who asks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from almanac.retrieval.access import Rights
from almanac.retrieval.filters import Filters
from almanac.retrieval.search import Searcher
from almanac.retrieval.spans import Spans
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.among import Among
from lakehouse.documents import Key, StoredDocument
from lakehouse.releases import Release
from lakehouse.search import Mode
from schemas.settings import Settings
from schemas.text import normalized
from schemas.times import When

_T = TypeVar("_T")
_COLUMNS = ("chunk_id", "source", "doc_id", "heading", "text", "text_hash", "row_hash")
_SELECTIONS = 128  # of documents, by conditions and principals, that are kept
_WARM_UP = "warm up"


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """One passage that answers: `text` is what was embedded, `document[start:end]` what of it is
    in the document; None where that is not known. `row_hash` is hexadecimal.
    """

    rank: int
    score: float
    chunk_id: str
    row_hash: str
    source: str
    doc_id: str
    title: str
    uri: str
    heading: str
    text: str
    start: int | None
    end: int | None


class OpenRelease:
    """A release with its model, and its vectors in memory as far as `index.exact_memory_mb`."""

    def __init__(
        self, settings: Settings, lake: Lakehouse, release: Release, rights: Rights | None = None
    ) -> None:
        """`rights`: one for all open releases of a process.

        Raises:
            ReleaseNotOpen: it is cold or gone; the message names the command.
            ReleaseNotFound: its files are missing.
        """
        self.release = release
        self._lake = lake
        self._searcher = Searcher.of(settings, lake, release)
        self._rights = rights or Rights(lake)
        self._spans = Spans(lake, release)
        self._selections: OrderedDict[Any, Among | None] = OrderedDict()
        self._examples: dict[str, Any] = {}  # the vectors of a topic's questions
        self._lock = Lock()
        self.pinned = self._searcher.reader.pin(settings.index.exact_memory_mb << 20)

    @classmethod
    def at(cls, settings: Settings, when: When | None = None) -> OpenRelease:
        """The release of a date, a time or a number; the one that answers now for None.

        Raises:
            ReleaseNotFound: there is none; the message names the first.
        """
        lake = open_lakehouse(settings.lakehouse, settings.storage_options)
        return cls(settings, lake, lake.releases(settings.index.name).as_of(when))

    @cached_property
    def documents(self) -> dict[Key, StoredDocument]:
        """The documents of the release by (source, doc_id), texts left out."""
        return self._lake.documents.state(self.release.snapshot_seq)

    def warm(self) -> None:
        """Load all that the first question would wait for."""
        self.search(_WARM_UP, 1, "hybrid")
        self._spans.load(self.documents.values())

    def search(
        self,
        question: str,
        k: int,
        mode: Mode,
        filters: Filters | None = None,
        principals: Collection[str] | None = None,
    ) -> list[FoundPassage]:
        """The `k` best passages of the documents that meet the conditions.

        Args:
            principals: of who asks, such as `user:ann` and `group:hr`: only what they may see now
                is searched, and each hit is asked for once more before it is given out. None: all
                is searched, for every caller.

        Raises:
            EmbeddingFailed: the model can't be had; mode `text` needs none.
            AlmanacError: the rights can't be read; then nothing is found.
        """
        among = self._among(filters or Filters(), principals)
        (ranked,) = self._searcher.rank([question], k, mode, among)
        rows = self._searcher.reader.take(ranked, _COLUMNS)
        scored = zip((one.score for one in ranked), rows, strict=True)
        kept = [(score, row) for score, row in scored if self._may_see(row, principals)]
        return [self._passage(rank, *one) for rank, one in enumerate(kept, 1)]

    def likeness(self, one: str, other: str) -> float:
        """The cosine of two questions, by the embedder of the release.

        Raises:
            EmbeddingFailed: the model can't be had.
        """
        pair = self._searcher.encoder.encode_queries([normalized(one), normalized(other)])
        first, second = (vector / np.linalg.norm(vector) for vector in np.asarray(pair))
        return float(first @ second)

    def nearness(self, question: str, examples: Sequence[str]) -> float:
        """The cosine of a question and the nearest of the examples, whose vectors are kept.

        Raises:
            EmbeddingFailed: the model can't be had.
        """
        with self._lock:
            new = [one for one in dict.fromkeys(examples) if one not in self._examples]
        asked = [normalized(one) for one in (question, *new)]
        vectors = np.asarray(self._searcher.encoder.encode_queries(asked))
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        with self._lock:
            self._examples.update(zip(new, unit[1:], strict=True))
            known = np.stack([self._examples[one] for one in examples])
        return float((known @ unit[0]).max())

    def close(self) -> None:
        """Let go of the vectors and of what else is kept; searches under way end as they began."""
        with self._lock:
            self._selections.clear()
        self._searcher.reader.unpin()
        self._spans.clear()

    def _may_see(self, row: dict[str, Any], principals: Collection[str] | None) -> bool:
        if principals is None:
            return True
        return self._rights.permits((row["source"], row["doc_id"]), principals)

    def _among(self, filters: Filters, principals: Collection[str] | None) -> Among | None:
        """The documents to search; None for all of them."""
        if principals is None:
            if not filters:
                return None
            return self._kept(("", filters), lambda: self._selected(filters, None))
        held = frozenset(principals)
        key = (held, filters, self._rights.generation())
        return self._kept(key, lambda: self._selected(filters, held))

    def _selected(self, filters: Filters, principals: frozenset[str] | None) -> Among | None:
        keys = filters.documents(self._lake, self.release, self.documents)
        if principals is not None:
            keys = self._rights.permitted(keys, principals)
        return None if len(keys) == len(self.documents) else Among(keys, self.documents)

    def _kept(self, key: Any, make: Callable[[], Among | None]) -> Among | None:
        with self._lock:
            if key in self._selections:
                self._selections.move_to_end(key)
                return self._selections[key]
        made = make()
        with self._lock:
            self._selections[key] = made
            while len(self._selections) > _SELECTIONS:
                self._selections.popitem(last=False)
        return made

    def _passage(self, rank: int, score: float, row: dict[str, Any]) -> FoundPassage:
        key = (row["source"], row["doc_id"])
        stored = self.documents.get(key)
        start, end = self._spans.of(row, stored) if stored else (None, None)
        return FoundPassage(
            rank=rank,
            score=score,
            chunk_id=row["chunk_id"],
            row_hash=row["row_hash"].hex(),
            source=key[0],
            doc_id=key[1],
            title=stored.title if stored else key[1],
            uri=stored.uri if stored else "",
            heading=row["heading"],
            text=row["text"],
            start=start,
            end=end,
        )
