"""Why the answers of two releases to one question differ, hit by hit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from almanac.retrieval.search import Searcher
from lakehouse import Lakehouse
from lakehouse.asof import AsOf
from lakehouse.documents import Key
from lakehouse.expected_rows import passage_ids
from lakehouse.releases import Release
from lakehouse.search import Hit, Mode
from schemas.errors import AlmanacError
from schemas.search import SearchSettings, later_search_settings
from schemas.settings import Settings

Passage = tuple[str, str]  # heading path, beginning of the text
_EXCERPT = 200  # characters
_NAMED = 3
_NO_EMBEDDER = ""  # leaves the vectors unread
_CANDIDATES = 100  # of each of the two rankings that a hybrid search fuses


@dataclass(frozen=True, slots=True)
class Query:
    """A question to both releases."""

    text: str
    k: int
    mode: Mode


def answers(
    settings: Settings,
    lake: Lakehouse,
    views: tuple[AsOf, AsOf],
    origin: Mapping[Key, Key],
    query: Query,
) -> dict[str, Any]:
    """Every hit of either release, those of the second first, and why it stands where it does."""
    try:
        searchers = [Searcher(settings, view.release.seq) for view in views]
        first, second = searchers
        if query.mode != "text" and first.release.embedder == second.release.embedder:
            second.encoder = first.encoder  # one model in memory
        old, new = map(_Answer, searchers, views, (query, query))
    except AlmanacError as error:
        return asdict(query) | {"error": str(error)}
    why = _Why(lake, old, new, origin, query.mode)
    return asdict(query) | {"hits": [why.plain(hit) for hit in (new.hits | old.hits).values()]}


def passages(lake: Lakehouse, view: AsOf, keys: Iterable[Key]) -> dict[Key, dict[str, Passage]]:
    """Heading and beginning of the passages of documents by chunk id, in document order."""
    pairs = [(key, view.documents[key].document_hash) for key in keys]
    found: dict[Key, dict[str, Passage]] = {key: {} for key, _ in pairs}
    for batch in lake.contents.passages(pairs, view.release.chunker, _NO_EMBEDDER):
        columns = (batch[name].to_pylist() for name in ("source", "doc_id", "heading", "text"))
        for chunk, source, doc_id, heading, text in zip(passage_ids(batch), *columns, strict=True):
            found[source, doc_id][chunk] = (heading, text[:_EXCERPT])
    return found


class _Reason(NamedTuple):
    """`because`: chunk ids of the hits that the sentence is about."""

    code: str
    why: str
    because: Sequence[str] = ()


class _Answer:
    """What one release answers: hits by chunk id and, of a hybrid search, the two rankings."""

    def __init__(self, searcher: Searcher, view: AsOf, query: Query) -> None:
        def ranking(mode: Mode, k: int) -> dict[str, Hit]:
            return {hit.chunk_id: hit for hit in searcher.search([query.text], k, mode)[0]}

        depth, hybrid = max(_CANDIDATES, query.k), query.mode == "hybrid"
        self.view = view
        self.hits = ranking(query.mode, query.k)
        self.vector = ranking("vector", depth) if hybrid else {}
        self.text = ranking("text", depth) if hybrid else {}

    def above(self, chunk: str) -> list[str]:
        """The hits above a passage, all of them where it is none."""
        place = self.hits[chunk].rank - 1 if chunk in self.hits else None
        return list(self.hits)[:place]

    def fused(self, chunk: str) -> str:
        """The ranks of a passage that a hybrid search fuses, in words."""
        found = (one.get(chunk) for one in (self.vector, self.text))
        vector, text = (hit.rank if hit else "none" for hit in found)
        return f"{vector} by vector and {text} by text"


class _Why:
    """Why a hit came, went, changed its place or its score."""

    def __init__(
        self, lake: Lakehouse, old: _Answer, new: _Answer, origin: Mapping[Key, Key], mode: Mode
    ) -> None:
        self._old, self._new, self._origin, self._mode = old, new, origin, mode
        hits = old.text | new.text | old.hits | new.hits
        self._in_old = _held(lake, old.view, new.view, hits)
        self._in_new = _held(lake, new.view, old.view, hits)
        self._made = _made_differently(old.view.release, new.view.release, mode)

    def plain(self, hit: Hit) -> dict[str, Any]:
        """A hit of either release, and what became of it."""
        reason = self._reason(hit)
        places = [_place(answer.hits.get(hit.chunk_id)) for answer in (self._old, self._new)]
        names = ("chunk_id", "source", "doc_id", "heading")
        return {name: getattr(hit, name) for name in names} | {
            "text": hit.text[:_EXCERPT],
            "before": places[0],
            "after": places[1],
            "code": reason.code,
            "why": reason.why,
            "because": list(reason.because),
        }

    def _reason(self, hit: Hit) -> _Reason:
        chunk = hit.chunk_id
        if chunk not in self._in_old:
            return self._added(hit)
        if chunk not in self._in_new:
            return self._removed(hit)
        places = [_place(answer.hits.get(chunk)) for answer in (self._old, self._new)]
        if places[0] == places[1]:
            return _Reason("unchanged", "The passage, its rank and its score are as they were.")
        return self._made or self._outranked(chunk) or self._rescored(chunk)

    def _added(self, hit: Hit) -> _Reason:
        key = (hit.source, hit.doc_id)
        if key in self._old.view.documents:
            return _Reason(
                "passage_added", f"{hit.doc_id} was cut anew: this passage is new in it."
            )
        moved = f"came here from {self._origin[key][1]}" if key in self._origin else "is new"
        return _Reason("document_added", f"The document {hit.doc_id} {moved}.")

    def _removed(self, hit: Hit) -> _Reason:
        key = (hit.source, hit.doc_id)
        if key in self._new.view.documents:
            return _Reason("passage_removed", f"{hit.doc_id} no longer has this passage.")
        to = [target for target, origin in self._origin.items() if origin == key]
        gone = f"moved to {to[0][1]}" if to else "is gone"
        return _Reason("document_removed", f"The document {hit.doc_id} {gone}.")

    def _outranked(self, chunk: str) -> _Reason | None:
        """The hits that came or went above a passage; None where these do not explain its rank."""
        then, now = (answer.hits.get(chunk) for answer in (self._old, self._new))
        if now and (not then or now.rank < then.rank):
            went = [one for one in self._old.above(chunk) if one not in self._in_new]
            why = f"Gone from above it: {self._named(self._old, went)}."
            return _Reason("moved_up_because", why, went) if went else None
        came = [one for one in self._new.above(chunk) if one not in self._in_old]
        if not came or (then and now and then.rank == now.rank):
            return None
        named = self._named(self._new, came)
        if now:
            return _Reason("moved_down_because", f"New above it: {named}.", came)
        return _Reason("pushed_out", f"Still in the index, but new above it: {named}.", came)

    def _named(self, answer: _Answer, chunks: Sequence[str]) -> str:
        hits = [answer.hits[chunk] for chunk in chunks]
        names = [f"{hit.doc_id} (rank {hit.rank})" for hit in hits[:_NAMED]]
        more = len(hits) - _NAMED
        return ", ".join(names) + (f" and {more} more" if more > 0 else "")

    def _rescored(self, chunk: str) -> _Reason:
        if self._mode == "vector":
            return _Reason(
                "approximate_search",
                "The vector index is approximate and has changed since: it does not find all.",
            )
        if self._mode == "text" or self._reordered(chunk):
            return _Reason(
                "statistics_changed",
                "Its text is the same, but how often its words occur in all passages, and how "
                "long these are, is not: full-text search scores it differently.",
            )
        then, now = self._old.fused(chunk), self._new.fused(chunk)
        return _Reason("fused_ranks_changed", f"Of what is fused it has rank {now}; it was {then}.")

    def _reordered(self, chunk: str) -> bool:
        """Did full-text search order the passages that both releases hold in another way?"""
        both = self._in_old & self._in_new
        places = [
            [one for one in ranking if one in both].index(chunk)
            for ranking in (self._old.text, self._new.text)
            if chunk in ranking
        ]
        return len(set(places)) == 2


def _place(hit: Hit | None) -> dict[str, Any] | None:
    return {"rank": hit.rank, "score": hit.score} if hit else None


def _held(lake: Lakehouse, view: AsOf, other: AsOf, hits: Mapping[str, Hit]) -> frozenset[str]:
    """Which of the hits of two releases one of them holds, whatever it answers."""
    documents, others = view.documents, other.documents
    keys = {(hit.source, hit.doc_id) for hit in hits.values()} & documents.keys()
    same = {
        key
        for key in keys & others.keys()
        if view.release.chunker == other.release.chunker
        and documents[key].document_hash == others[key].document_hash
    }
    found = passages(lake, view, sorted(keys - same))
    cut = {chunk for chunks in found.values() for chunk in chunks}
    return frozenset(
        chunk for chunk, hit in hits.items() if (hit.source, hit.doc_id) in same or chunk in cut
    )


def _made_differently(old: Release, new: Release, mode: Mode) -> _Reason | None:
    """What of a release decides every rank and score, where it differs."""
    if mode != "text" and old.embedder != new.embedder:
        changes = _changes(old.embedder_identity, new.embedder_identity)
        return _Reason("model_changed", f"Other vectors: {changes}.")
    changes = _changes(_searched(old, mode), _searched(new, mode))
    return _Reason("search_changed", f"Other settings: {changes}.") if changes else None


def _searched(release: Release, mode: Mode) -> dict[str, Any]:
    """The settings that a search of that mode heeds."""
    search = SearchSettings.of(release.search)
    names = [] if mode == "vector" else ["language", "text", "tokenizer"]
    if mode != "text":
        names += ["vector"]
        names += ["nprobes", "refine_factor"] if search.vector == "ann" else []
    names += [name for name in later_search_settings() if name != "tokenizer"]
    return {name: getattr(search, name) for name in names}


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {now.get(name)!r}, before {then.get(name)!r}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    )
