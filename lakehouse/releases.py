"""Releases: the only thing readers see, and the one place where a date becomes a release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from lakehouse.delta import DeltaLog, TransactionTaken
from lakehouse.placement_log import PlacementLog
from schemas.errors import LeaseHeld, ReleaseNotFound, ReleaseNotOpen
from schemas.tables.releases import RELEASES
from schemas.times import When, as_utc, isoformat

_NUMBERS = "release"  # the name under which Delta keeps the number of the last release
_PLACED = (
    "lance_table",
    "lance_version",
    "lance_tag",
    "documents",
    "rows",
    "digest",
    "seal",
    "tier",
    "cause",
    "mark",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedIndex:
    """What is known of a release once its index is tagged, before it is published and after.

    kind: publish; rollback, which answers as an earlier release did; candidate, which was built but
    awaits a person's word; withdrawal, which takes back the release `note["of"]` and answers as
    release `note["to"]` did, or not at all where that is None.
    """

    seq: int
    index: str
    kind: str
    logical_time: datetime
    run_id: str
    snapshot_seq: int
    documents: int
    rows: int
    digest: str
    chunker: str
    embedder: str
    embedder_identity: Mapping[str, Any]
    lance_table: str
    lance_version: int
    lance_tag: str
    search: Mapping[str, Any]
    made_by: Mapping[str, Any]
    note: Mapping[str, Any] = field(default_factory=dict)
    format: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRelease(TaggedIndex):
    """A release that no log holds: `lakehouse.placements.publish` makes it a `Release`."""

    def published(self, at: datetime) -> Release:
        """The release that it becomes, not sealed yet."""
        return Release(**_tagged(self), published_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(TaggedIndex):
    """One published state of one index, and the names of all that made it.

    seal: empty where a version wrote it that sealed nothing. tier: hot, in LanceDB; cold, in Delta
    alone; gone. Tier, place, figures, cause and mark are those of its newest placement.
    `withdrawn_by` is the release that took this one back, 0 where none did.
    """

    published_at: datetime
    seal: str = ""
    tier: str = "hot"
    cause: str = ""
    mark: str = ""
    withdrawn_by: int = 0

    def again(self, **changes: Any) -> DraftRelease:
        """A draft that answers as this release does, to be published under another number."""
        return DraftRelease(**_tagged(self) | changes)

    @property
    def serves(self) -> bool:
        """Can a date lead to it? Else it answers to its number alone."""
        if self.kind == "withdrawal" and self.note.get("to") is None:
            return False
        return self.kind != "candidate" and not self.withdrawn_by

    @property
    def held(self) -> bool:
        """Was it published with the order that nightly runs hold back?"""
        return bool(self.note.get("hold"))

    def to_json(self) -> dict[str, Any]:
        """Plain values, times as text."""
        plain = asdict(self)
        return plain | {key: isoformat(plain[key]) for key in ("logical_time", "published_at")}


def _tagged(index: TaggedIndex) -> dict[str, Any]:
    return {one.name: getattr(index, one.name) for one in fields(TaggedIndex)}


def answering(history: Iterable[Release]) -> Release | None:
    """Of releases, newest first, the one that answers."""
    return next((one for one in history if one.serves), None)


class ReleaseLog:
    """`releases` of one index, each where it stands now."""

    def __init__(self, log: DeltaLog, placements: PlacementLog, index: str) -> None:
        self._log = log
        self._placements = placements
        self._index = index

    def history(self) -> list[Release]:
        """Every release, newest first."""
        return [release for release in self.every_index() if release.index == self._index]

    def every_index(self) -> list[Release]:
        """The releases of all indexes, newest first."""
        rows = self._log.query("SELECT * FROM log ORDER BY seq DESC").to_pylist()
        placed = self._placements.newest() if rows else {}
        return _withdrawn(
            [_placed(RELEASES.read(Release, row), placed.get(row["seq"])) for row in rows]
        )

    def published_seal(self, seq: int) -> str:
        """The seal that a release was published with; empty where it had none."""
        rows = self._log.query(f"SELECT * FROM log WHERE seq = {int(seq)}").to_pylist()
        return next((row["seal"] for row in rows), "")

    def published_figures(self, seq: int) -> list[dict[str, Any]]:
        """`documents`, `rows` and `digest` as a release was published with them.

        One row; none where the release was never published.
        """
        sql = f"SELECT documents, rows, digest FROM log WHERE seq = {int(seq)}"
        rows: list[dict[str, Any]] = self._log.query(sql).to_pylist()
        return rows

    def head(self) -> tuple[int, int]:
        """What changes whenever a release is published or moved; for who polls, as it is cheap.

        Two equal ones: nothing happened between them. It may change without a cause, too.
        """
        return self._log.head(), self._placements.head()

    def latest(self) -> Release | None:
        """The release that answers now; None before the first."""
        return answering(self.history())

    def as_of(self, when: When | None = None) -> Release:
        """The release with that number, or the newest with a logical time at or before `when`.

        None is the one that answers now. A candidate and a withdrawn release answer to their
        numbers alone.

        Raises:
            ReleaseNotFound: there is none; the message names the first.
        """
        return pick(self.history(), when, self._index)

    def last_seq(self) -> int:
        """The number of the newest release of any index; 0 before the first."""
        found = self._log.query("SELECT coalesce(max(seq), 0) AS seq FROM log")
        return int(found["seq"][0].as_py())

    def next_seq(self) -> int:
        """The number of the next release; releases of all indexes share one count.

        A number that was published once is not given again, even where its row is gone.
        """
        return max(self.last_seq(), self._log.transaction_version(_NUMBERS)) + 1

    def use_up(self, seq: int) -> None:
        """Give no number up to `seq` to a later release."""
        self._log.mark(_NUMBERS, seq)

    def last_snapshot(self) -> int:
        """The newest snapshot that any release names; 0 before the first."""
        found = self._log.query("SELECT coalesce(max(snapshot_seq), 0) AS seq FROM log")
        return int(found["seq"][0].as_py())

    def append(self, release: Release) -> None:
        """Publish. Of two writers with the same number exactly one succeeds.

        Raises:
            LeaseHeld: another writer published this number first.
        """
        try:
            self._log.append([RELEASES.to_row(release)], transaction=(_NUMBERS, release.seq))
        except TransactionTaken as error:
            raise LeaseHeld(f"release {release.seq} was published by another writer") from error


def check_not_gone(release: Release) -> None:
    """Raise ReleaseNotOpen, naming the policy, where nothing of the release is kept."""
    if release.tier == "gone":
        raise ReleaseNotOpen(
            f"release {release.seq} of {isoformat(release.logical_time)} is gone: {release.cause}. "
            "Nothing can be answered as of it"
        )


def pick(history: Sequence[Release], when: When | None, index: str) -> Release:
    """One of a history, newest first; see `ReleaseLog.as_of`."""
    if isinstance(when, int) and history:
        return _numbered(history, when, index)
    served = [release for release in history if release.serves]
    if not served:
        has = "no release yet" if not history else "no release that answers"
        raise ReleaseNotFound(f"index {index!r} has {has}: run `almanac nightly` first")
    if when is None or isinstance(when, int):
        return served[0]
    for release in served:
        if release.logical_time <= as_utc(when):
            return release
    first = served[-1]
    raise ReleaseNotFound(
        f"nothing was released by {isoformat(when)}: the first release of {index!r} "
        f"is {first.seq} of {isoformat(first.logical_time)}"
    )


def _numbered(history: Sequence[Release], seq: int, index: str) -> Release:
    for release in history:
        if release.seq == seq:
            return release
    raise ReleaseNotFound(
        f"index {index!r} has no release {seq}: they go from {history[-1].seq} to "
        f"{history[0].seq}; `almanac history` lists them"
    )


def _withdrawn(history: Sequence[Release]) -> list[Release]:
    """The releases, newest first, each with the number of the one that took it back.

    A withdrawal that answers as a release which was taken back itself is taken back with it.
    """
    by: dict[int, int] = {}
    for one in history:  # the newest first, so that it is known what becomes of an older withdrawal
        if one.kind == "withdrawal":
            by[one.note["of"]] = one.seq
    for one in history:
        if one.kind == "withdrawal" and one.note.get("to") in by:
            by.setdefault(one.seq, by[one.note["to"]])
    return [replace(one, withdrawn_by=by.get(one.seq, 0)) for one in history]


def _placed(release: Release, placement: Mapping[str, Any] | None) -> Release:
    if placement is None:
        return release
    return replace(release, **{name: placement[name] for name in _PLACED})
