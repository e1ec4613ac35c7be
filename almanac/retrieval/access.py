"""Who may see a document, now or at a time."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import datetime
from threading import Lock
from typing import Any

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.documents import Key
from schemas.errors import AlmanacError
from schemas.settings import Settings
from schemas.times import isoformat


def who(
    settings: Settings, doc_id: str, at: datetime | None, source: str | None = None
) -> dict[str, Any]:
    """The last word on a document by `at`, of each source that has it, and when it was read.

    Raises:
        AlmanacError: nothing was stored about it by then, so that nobody may see it.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    newest = {
        row["source"]: row
        for row in lake.access.history(doc_id)
        if (at is None or row["read_at"] <= at) and source in (None, row["source"])
    }
    if not newest:
        moment = f" by {isoformat(at)}" if at else ""
        raise AlmanacError(
            f"nothing is stored of who may see {doc_id}{moment}: set access of its source in "
            "almanac.toml, and the next night stores it"
        )
    return {
        "doc_id": doc_id,
        "as_of": isoformat(at) if at else None,
        "access": [
            {
                "source": row["source"],
                "principals": row["principals"],
                "origin": row["origin"],
                "read_at": isoformat(row["read_at"]),
            }
            for row in newest.values()
        ],
    }


class Rights:
    """Who may see what now, for who asks often and from several threads.

    Fails closed: of what the table `access` does not know nobody may see anything, and where it
    can't be read, asking raises.
    """

    def __init__(self, lake: Lakehouse, poll_seconds: float = 0.0) -> None:
        """`poll_seconds`: for so long what was read may stand without another look."""
        self._log = lake.access
        self._poll_seconds = poll_seconds
        self._lock = Lock()
        self._head: int | None = None
        self._looked = 0.0
        self._generation = 0
        self._allowed: dict[Key, frozenset[str]] = {}

    def permits(self, key: Key, principals: Collection[str]) -> bool:
        """May one who is all of these principals see a document? `public` everybody is."""
        return _permits(self.current().get(key), principals)

    def permitted(self, keys: Iterable[Key], principals: Collection[str]) -> set[Key]:
        """The documents among these that they may see."""
        allowed = self.current()
        return {key for key in keys if _permits(allowed.get(key), principals)}

    def generation(self) -> int:
        """A number that grows whenever the rights of any document change."""
        self.current()
        return self._generation

    def current(self) -> dict[Key, frozenset[str]]:
        """The principals of each document; not to be changed.

        Raises:
            AlmanacError: the table can't be read.
        """
        with self._lock:
            now = time.monotonic()
            if self._head is None or now - self._looked >= self._poll_seconds:
                head = self._log.head()
                if head != self._head:
                    found = self._log.current().items()
                    allowed = {key: frozenset(one.principals) for key, one in found}
                    if allowed != self._allowed:
                        self._allowed = allowed
                        self._generation += 1
                    self._head = head
                self._looked = now
            return self._allowed


def _permits(allowed: frozenset[str] | None, principals: Collection[str]) -> bool:
    return allowed is not None and ("public" in allowed or not allowed.isdisjoint(principals))
