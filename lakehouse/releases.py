"""Releases: the only thing readers see, and the one place where a date becomes a release."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from lakehouse.delta import DeltaLog, TransactionTaken
from schemas.errors import LeaseHeld, ReleaseNotFound
from schemas.hashing import canonical_json
from schemas.times import as_utc, isoformat

_JSON = ("embedder_identity", "search", "made_by")


@dataclass(frozen=True, slots=True)
class Release:
    """One published state of one index, and the names of all that made it."""

    seq: int
    index: str
    kind: str
    logical_time: datetime
    published_at: datetime
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

    def to_json(self) -> dict[str, Any]:
        """Plain values, times as text."""
        plain = asdict(self)
        return plain | {key: isoformat(plain[key]) for key in ("logical_time", "published_at")}


class ReleaseLog:
    """`releases` of one index."""

    def __init__(self, log: DeltaLog, index: str) -> None:
        self._log = log
        self._index = index

    def history(self) -> list[Release]:
        """Every release, newest first."""
        rows = self._log.query("SELECT * FROM log ORDER BY seq DESC").to_pylist()
        return [_release(row) for row in rows if row["index"] == self._index]

    def latest(self) -> Release | None:
        """The release that answers now; None before the first."""
        return next(iter(self.history()), None)

    def as_of(self, moment: datetime | None = None) -> Release:
        """The newest release with a logical time at or before `moment`; the latest for None.

        Raises:
            ReleaseNotFound: there is none; the message names the first.
        """
        history = self.history()
        if not history:
            raise ReleaseNotFound(
                f"index {self._index!r} has no release yet: run `almanac nightly` first"
            )
        if moment is None:
            return history[0]
        for release in history:
            if release.logical_time <= as_utc(moment):
                return release
        first = history[-1]
        raise ReleaseNotFound(
            f"nothing was released by {isoformat(moment)}: the first release of {self._index!r} "
            f"is {first.seq} of {isoformat(first.logical_time)}"
        )

    def next_seq(self) -> int:
        """The number of the next release; releases of all indexes share one count."""
        found = self._log.query("SELECT coalesce(max(seq), 0) + 1 AS seq FROM log")
        return int(found["seq"][0].as_py())

    def last_snapshot(self) -> int:
        """The newest snapshot that any release names; 0 before the first."""
        found = self._log.query("SELECT coalesce(max(snapshot_seq), 0) AS seq FROM log")
        return int(found["seq"][0].as_py())

    def append(self, release: Release) -> None:
        """Publish. Of two writers with the same number exactly one succeeds.

        Raises:
            LeaseHeld: another writer published this number first.
        """
        row = asdict(release) | {key: canonical_json(getattr(release, key)) for key in _JSON}
        try:
            self._log.append([row], transaction=("release", release.seq))
        except TransactionTaken as error:
            raise LeaseHeld(f"release {release.seq} was published by another writer") from error


def _release(row: dict[str, Any]) -> Release:
    return Release(**{key: json.loads(row[key]) if key in _JSON else row[key] for key in row})
