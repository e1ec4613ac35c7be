"""Did what came in and went during the window move the documents as a whole?

The documents as of the end are held against those as of the start of the window. What is exchanged
are the old and the new state of each document that changed: a new page has an empty old state, a
deleted one an empty new state. Pages that are revised by the hundred, as translations are, then
move nothing, for what they replace is like them; and a new kind of documents moves the whole by
about its share, for the energy distance of a mixture from one of its parts grows with the square of
the share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from almanac.drift.blocks import Blocks, Numbers, compare
from almanac.drift.measures import Seen, measure, unknown
from almanac.drift.scripts import columns, script
from lakehouse import Lakehouse
from lakehouse.documents import Key, StoredDocument
from lakehouse.releases import Release, ReleaseLog, check_not_gone
from schemas.errors import ReleaseNotFound
from schemas.hashing import sha256_parts
from schemas.settings import DriftSettings

_PASSAGES = 4  # of one state of a document
_LOST = 0.05  # of the changes: deleted documents without passages that the others outweigh
_EXAMPLES = 20
State = Mapping[Key, StoredDocument]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage as it is compared: what it says, its vector, and how many it stands for."""

    vector: Numbers
    script: str
    weight: float


@dataclass(frozen=True, slots=True)
class Change:
    """A document before and after; None where it was not there. Kept ones are equal in both."""

    key: Key
    before: StoredDocument | None
    after: StoredDocument | None


def look_at_documents(
    lake: Lakehouse, releases: ReleaseLog, end: datetime, rules: DriftSettings
) -> Seen:
    """Hold the release that answers at `end` against the one at the start of the window."""
    now = releases.as_of(end)
    try:
        then = releases.as_of(end - timedelta(days=rules.window_days))
    except ReleaseNotFound:
        return unknown("documents", f"the index is younger than {rules.window_days} days")
    for one in (then, now):
        check_not_gone(one)
    before = lake.documents.state(then.snapshot_seq)
    after = (
        before
        if then.snapshot_seq == now.snapshot_seq
        else (lake.documents.state(now.snapshot_seq))
    )
    changed, kept = changes(before, after)
    least = rules.documents.minimum
    if len(changed) < least:
        reason = f"too few: {len(changed)} of {least} documents changed"
        return unknown("documents", reason, len(changed), len(before))
    drawn = draw(changed, rules.sample, rules.seed), draw(kept, rules.sample, rules.seed)
    states = [state for one in (*drawn[0], *drawn[1]) for state in (one.before, one.after) if state]
    found = passages(lake, now, {state.document_hash for state in states})
    return judge_documents(changed, kept, drawn, found, rules, len(before))


def changes(before: State, after: State) -> tuple[list[Change], list[Change]]:
    """The documents whose text changed, and those whose text did not, by key."""
    changed: list[Change] = []
    kept: list[Change] = []
    for key in sorted(before.keys() | after.keys()):
        one = Change(key, before.get(key), after.get(key))
        same = one.before and one.after and one.before.document_hash == one.after.document_hash
        (kept if same else changed).append(one)
    return changed, kept


def draw(found: Iterable[Change], size: int, seed: int) -> list[Change]:
    """Those with the least hashes, so always the same of the same documents."""
    return sorted(found, key=lambda one: sha256_parts(str(seed), *one.key))[:size]


def passages(
    lake: Lakehouse, release: Release, document_hashes: Iterable[str]
) -> dict[str, list[Passage]]:
    """A few passages of each text with the vectors that are stored under a release's embedder."""
    by_text: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in lake.chunks.of(release.chunker, document_hashes).to_pylist():
        by_text[row["document_hash"]][row["text_hash"]] = row["text"]
    taken = {text: sorted(some)[:_PASSAGES] for text, some in by_text.items()}
    stored = lake.vectors.of(release.embedder, {name for names in taken.values() for name in names})
    return {
        text: [
            Passage(
                np.frombuffer(stored[name], "<f4").astype(np.float64),
                script(by_text[text][name]),
                len(by_text[text]) / len(names),
            )
            for name in names
            if name in stored
        ]
        for text, names in taken.items()
    }


def judge_documents(
    changed: Sequence[Change],
    kept: Sequence[Change],
    drawn: tuple[list[Change], list[Change]],
    found: Mapping[str, Sequence[Passage]],
    rules: DriftSettings,
    held: int,
) -> Seen:
    """The measures of what was `drawn` of both, in number `changed` and `kept`.

    meaning and script: of passages. length: of documents, in characters. Passages are those of the
    present chunker and embedder, which texts that went before these came do not have. A change of
    which one side is not known is left out on the other, too, and counts as one that moved nothing.
    """
    limits, how = rules.documents, (rules.resamples, rules.seed)
    whole = [one for one in drawn[0] if _known(one, found)]
    scale = len(changed) / max(len(drawn[0]), 1), len(kept) / max(len(drawn[1]), 1)
    if reason := _too_little(drawn[0], whole, len(whole) * scale[0] >= limits.minimum):
        return unknown("documents", reason, len(changed), held)
    texts, lengths = _Items(scale, (whole, drawn[1])), _Items(scale, drawn)
    for block, state, weight in texts.states():
        for one in found.get(state.document_hash, ()):
            texts.add(block, weight * one.weight, one)
    for block, state, weight in lengths.states():
        lengths.add(block, weight, float(state.characters))
    vectors = np.stack([one.vector for one in texts.values])
    _, written = columns([one.script for one in texts.values])
    characters = np.array(lengths.values)[:, None]
    seen = _drawn(changed, kept)
    medians = [float(np.median(side)) if side else None for side in seen["lengths"]]
    measures = (
        measure("meaning", compare(texts.blocks, "energy", vectors, *how), limits.meaning),
        measure(
            "length", compare(lengths.blocks, "other", characters, *how), limits.length, *medians
        ),
        measure("script", compare(texts.blocks, "share", written, *how), limits.script),
    )
    return Seen("documents", "quiet", "", len(changed), held, measures, seen)


def _known(one: Change, found: Mapping[str, Sequence[Passage]]) -> bool:
    return all(found.get(state.document_hash) for state in (one.before, one.after) if state)


def _too_little(drawn: Sequence[Change], whole: Sequence[Change], enough: bool) -> str:
    """Why changes can't be held against each other; empty where they can.

    A deleted document without passages leaves nothing to stand against what came in its place.
    """
    said = "passages of the present chunker and embedder"
    if not enough:
        return f"too few: {len(whole)} of {len(drawn)} changed documents have {said}"
    gone = sum(one.after is None for one in drawn) - sum(one.after is None for one in whole)
    if gone > _LOST * len(drawn):
        return f"{gone} of {len(drawn)} changed documents were deleted and have no {said}"
    return ""


class _Items:
    """Passages or lengths by block: 0 for what did not change, then two for each change."""

    def __init__(
        self, scale: tuple[float, float], drawn: tuple[list[Change], list[Change]]
    ) -> None:
        self._scale, self._drawn = scale, drawn
        self._of: list[int] = []
        self._weights: list[float] = []
        self.values: list[Any] = []

    def states(self) -> Iterable[tuple[int, StoredDocument, float]]:
        """Block, state and weight of each state that was drawn."""
        changed, kept = self._drawn
        for one in kept:
            yield 0, one.after, self._scale[1]  # type: ignore[misc]
        for at, one in enumerate(changed):
            for block, state in ((1 + 2 * at, one.after), (2 + 2 * at, one.before)):
                if state:
                    yield block, state, self._scale[0]

    def add(self, block: int, weight: float, value: Any) -> None:
        """Put an item into a block."""
        self._of.append(block)
        self._weights.append(weight)
        self.values.append(value)

    @property
    def blocks(self) -> Blocks:
        """Where the items stand, each document's two states a pair."""
        after = 1 + 2 * np.arange(len(self._drawn[0]), dtype=np.int64)
        of, weights = np.array(self._of, np.int64), np.array(self._weights)
        return Blocks(after, after + 1, of, weights, paired=True, both=True)


def _drawn(changed: Sequence[Change], kept: Sequence[Change]) -> dict[str, Any]:
    """Documents that changed, for a person, and the lengths of all of them now and before."""
    added = [one for one in changed if one.before is None]
    removed = [one for one in changed if one.after is None]
    return {
        "added": len(added),
        "removed": len(removed),
        "revised": len(changed) - len(added) - len(removed),
        "examples": [f"{one.key[0]}: {one.key[1]}" for one in added[:_EXAMPLES]],
        "lengths": [
            [one.after.characters for one in (*kept, *changed) if one.after],
            [one.before.characters for one in (*kept, *changed) if one.before],
        ],
    }
