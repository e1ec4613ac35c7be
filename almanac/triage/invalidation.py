"""Which verdicts a new release may change: those that a changed document has to do with.

A verdict depends on the current release through (1) the documents of the passages in its evidence
and (2) any passage that came since and supports the answer that was sought, or is about the
question. Both are looked up in what changed between the release that the verdict saw and the
current one, without a search. What a search finds is a short list only: what decides is the support
that a passage gives, and that an unchanged passage gives as before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from almanac.core.stems import Rarity, Words, stems_of
from almanac.triage.measures import LONG
from almanac.triage.signals import support
from lakehouse import Lakehouse
from lakehouse.documents import Key
from lakehouse.releases import Release
from schemas.settings import TriageSettings


@dataclass(frozen=True, slots=True)
class Came:
    """The stems of a document's new passages, each alone, and of all of its passages together."""

    passages: tuple[frozenset[str], ...]
    whole: frozenset[str]


class Changes:
    """What changed between releases that verdicts saw and the current one."""

    def __init__(self, lake: Lakehouse, now: Release, seen: Iterable[Release]) -> None:
        self._lake = lake
        self._now = now
        snapshots = {one.snapshot_seq for one in seen} | {now.snapshot_seq}
        self._first, self._last = min(snapshots), max(snapshots)

    def keys(self, seen: Release) -> set[Key]:
        """Documents that changed, came or went between a release and the current one.

        A document is counted by its newest change of all, so that it may be named needlessly.
        """
        first = min(seen.snapshot_seq, self._now.snapshot_seq)
        if seen.snapshot_seq == self._now.snapshot_seq:
            return set()
        return {key for key, last in self._changed.items() if last > first}

    def supports(
        self,
        keys: Collection[Key],
        asked: Words,
        sought: Words,
        rarity: Rarity,
        rules: TriageSettings,
    ) -> bool:
        """May a new passage of these documents support the answer, or be about the question?"""
        for key in keys & self._came.keys():
            came = self._came[key]
            texts = [came.whole] if len(sought.known) > LONG else came.passages
            for stems in texts:
                found = support(asked, sought, stems, rarity)
                if found.level(rules) != "no" or found.about >= rules.related:
                    return True
        return False

    @cached_property
    def _changed(self) -> Mapping[Key, int]:
        return self._lake.documents.last_changes(self._first, self._last)

    @cached_property
    def _came(self) -> Mapping[Key, Came]:
        """The changed documents as they stand in the current release."""
        before = self._hashes(self._first)
        after = self._hashes(self._now.snapshot_seq)
        old = self._texts(before.values())
        new = self._texts(after.values())
        return {
            key: _came(new.get(hash_, {}), old.get(before.get(key, ""), {}))
            for key, hash_ in after.items()
        }

    def _hashes(self, snapshot: int) -> dict[Key, str]:
        state = self._lake.documents.state(snapshot)
        return {key: state[key].document_hash for key in self._changed if key in state}

    def _texts(self, hashes: Iterable[str]) -> dict[str, dict[str, str]]:
        """By document_hash: the texts of its passages by their hash."""
        found: dict[str, dict[str, str]] = {}
        for row in self._lake.chunks.of(self._now.chunker, hashes).to_pylist():
            found.setdefault(row["document_hash"], {})[row["text_hash"]] = row["text"]
        return found


def _came(now: Mapping[str, str], before: Mapping[str, str]) -> Came:
    stems = {name: stems_of(text) for name, text in now.items()}
    fresh = tuple(stems[name] for name in now if name not in before)
    return Came(fresh, frozenset().union(*stems.values()) if fresh else frozenset())
