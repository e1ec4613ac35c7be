"""Where an application's requests and votes come in: the journal, and what is refused at once."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from almanac.feedback.fields import Broken
from almanac.feedback.refusals import Table, erased_note
from almanac.journal import Journal, journal_places
from almanac.sources.parsed import Note
from expectations.door import broken_must
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.suppression import Suppressed
from schemas.feedback import Request, Vote

_AGAIN_SECONDS = 60  # between two looks at what was erased, on an object store
_doors: dict[tuple[int, Path], Door] = {}
_lock = Lock()


class Door:
    """The journal of one lakehouse, opened once a process; `of` gives it."""

    def __init__(self, lake: Lakehouse, path: Path) -> None:
        self.journal = Journal(path)
        self._erasures = lake.erasures
        self._file = path.stat().st_ino
        self._erased: Suppressed | None = None
        self._seen = 0

    @classmethod
    def of(cls, lakehouse: str | Lakehouse) -> Door:
        """The door of a lakehouse; opened anew after a fork, or where its journal was replaced."""
        lake = open_lakehouse(lakehouse) if isinstance(lakehouse, str) else lakehouse
        path = journal_places(lake.location.uri)[0]
        key = (os.getpid(), path)
        with _lock:
            door = _doors.get(key)
            if door is None or not door._stands():
                door = _doors[key] = cls(lake, path)
        return door

    def check(self, table: Table, item: Request | Vote, facts: Mapping[str, Any]) -> None:
        """Raise Broken where a must is broken, or who or what it is about was erased."""
        if fault := broken_must(table, facts):
            raise Broken.by(Note(fault.expectation, fault.reason, fault.value))
        if note := erased_note(self._suppressed(), item):
            raise Broken.by(note)

    def _stands(self) -> bool:
        try:
            return self.journal.path.stat().st_ino == self._file
        except FileNotFoundError:
            return False

    def _suppressed(self) -> Suppressed:
        """What was erased; read again where it may have changed."""
        stamp = self._erasures.stamp()
        seen = int(time.monotonic() // _AGAIN_SECONDS) if stamp is None else stamp
        if self._erased is None or seen != self._seen:
            self._erased, self._seen = self._erasures.erased(), seen
        return self._erased
