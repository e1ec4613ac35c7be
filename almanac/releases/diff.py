"""What differs between two releases: documents, passages, and the answer to a question.

Documents and passages come from Delta, so a release whose index was dropped can be compared too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from almanac.releases.explain_diff import Passage, Query, answers, passages
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.asof import AsOf
from lakehouse.documents import Key, StoredDocument
from lakehouse.search import Mode
from schemas.settings import Settings
from schemas.times import When, isoformat


def difference(
    settings: Settings,
    before: When | None,
    after: When | None,
    question: str | None,
    k: int,
    mode: Mode,
) -> dict[str, Any]:
    """Everything that differs between the releases of `before` and `after`, as plain values.

    A hit's `code` is one of document_added, document_removed, passage_added, passage_removed,
    pushed_out, moved_up_because, moved_down_because, model_changed, search_changed (its settings),
    statistics_changed (of the collection, for BM25), fused_ranks_changed (of a hybrid search),
    approximate_search and unchanged; `why` says it in English, `because` names other hits.

    Passages of documents that are the same in both are never read. Where the question cannot be
    asked of both, its part holds the `error` instead.

    Raises:
        ReleaseNotFound: there is no such release.
        ReleaseNotOpen: nothing of one of them is kept.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    old, new = (lake.as_of(when, settings.index.name) for when in (before, after))
    query = None if question is None else Query(question, k, mode)
    documents = _Documents(old.documents, new.documents)
    chunks, cut = _chunks(lake, old, new, documents)
    return {
        "before": _release(old),
        "after": _release(new),
        "note": _note(old, new),
        "documents": documents.plain(cut),
        "chunks": chunks,
        "question": query and answers(settings, lake, (old, new), documents.origin, query),
    }


def _release(view: AsOf) -> dict[str, Any]:
    release = view.release
    return {
        "seq": release.seq,
        "as_of": isoformat(release.logical_time),
        "kind": release.kind,
        "tier": release.tier,
        "model": release.embedder_identity.get("model", ""),
        "documents": release.documents,
        "rows": release.rows,
    }


def _note(old: AsOf, new: AsOf) -> str:
    then, now = old.release, new.release
    notes = [f"Release {one.seq}: {one.mark}." for one in (then, now) if one.mark]
    if then.embedder != now.embedder:
        notes.append("Another model made the vectors, so scores of the two do not compare.")
    if then.chunker != now.chunker:
        notes.append(
            f"Another chunker cut the documents ({then.chunker}, now {now.chunker}), so every "
            "passage counts as different."
        )
    return " ".join(notes)


class _Documents:
    """Which documents came, went, changed or moved, by (source, doc_id) and in that order."""

    def __init__(
        self, old: Mapping[Key, StoredDocument], new: Mapping[Key, StoredDocument]
    ) -> None:
        self._old, self._new = old, new
        shared = old.keys() & new.keys()
        self.origin = _moved(old, new)  # of each document that moved
        self.modified = sorted(key for key in shared if _content(old[key]) != _content(new[key]))
        self.added = sorted(new.keys() - old.keys() - self.origin.keys())
        self.removed = sorted(old.keys() - new.keys() - set(self.origin.values()))

    def plain(self, cut: Mapping[Key, dict[str, Any]]) -> dict[str, Any]:
        """All of it, the passages `cut` anew with the modified documents that they belong to."""
        pairs = sorted(self.origin.items(), key=lambda pair: pair[::-1])
        return {
            "added": [_named(self._new[key]) for key in self.added],
            "modified": [
                _named(self._new[key]) | {"chunks": cut.get(key)} for key in self.modified
            ],
            "removed": [_named(self._old[key]) for key in self.removed],
            "moved": [
                {"from": _named(self._old[origin]), "to": _named(self._new[key])}
                for key, origin in pairs
            ],
            "unchanged": len(self._new) - len(self.added) - len(self.modified) - len(pairs),
        }


def _content(stored: StoredDocument) -> tuple[str, str]:
    return stored.content_hash, stored.document_hash


def _named(stored: StoredDocument) -> dict[str, Any]:
    return {"source": stored.source, "doc_id": stored.doc_id, "title": stored.title}


def _moved(old: Mapping[Key, StoredDocument], new: Mapping[Key, StoredDocument]) -> dict[Key, Key]:
    """The former key of each new document that has the content of one that went, in pairs."""
    gone: dict[str, list[Key]] = defaultdict(list)
    for key in sorted(old.keys() - new.keys(), reverse=True):
        gone[old[key].content_hash].append(key)
    return {
        key: gone[new[key].content_hash].pop()
        for key in sorted(new.keys() - old.keys())
        if gone.get(new[key].content_hash)
    }


def _chunks(
    lake: Lakehouse, old: AsOf, new: AsOf, documents: _Documents
) -> tuple[dict[str, int], dict[Key, dict[str, Any]]]:
    """How many passages came, went and stayed, and which of each modified document."""
    cut: dict[Key, dict[str, Any]] = {}
    if old.release.chunker != new.release.chunker:
        added, removed = new.release.rows, old.release.rows
    else:
        added = _count(lake, new, [*documents.added, *documents.origin])
        removed = _count(lake, old, [*documents.removed, *documents.origin.values()])
        then, now = (passages(lake, view, documents.modified) for view in (old, new))
        cut = {key: _cut_anew(then[key], now[key]) for key in documents.modified}
        added += sum(len(one["added"]) for one in cut.values())
        removed += sum(len(one["removed"]) for one in cut.values())
    counts = {"added": added, "removed": removed, "unchanged": new.release.rows - added}
    return counts, cut


def _count(lake: Lakehouse, view: AsOf, keys: Collection[Key]) -> int:
    hashes = [view.documents[key].document_hash for key in keys]
    counts = lake.chunks.counts(view.release.chunker, hashes)
    return sum(counts.get(document_hash, 0) for document_hash in hashes)


def _cut_anew(old: Mapping[str, Passage], new: Mapping[str, Passage]) -> dict[str, Any]:
    """The passages of a document that only one of two releases holds."""

    def beyond(some: Mapping[str, Passage], others: Mapping[str, Passage]) -> list[dict[str, str]]:
        only = ((chunk, *some[chunk]) for chunk in some if chunk not in others)
        return [{"chunk_id": one, "heading": heading, "text": text} for one, heading, text in only]

    unchanged = len(old.keys() & new.keys())
    return {"added": beyond(new, old), "removed": beyond(old, new), "unchanged": unchanged}
