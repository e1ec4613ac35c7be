"""Releases that are open for questions: the one that answers now, and some of the past."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence

from almanac.retrieval.access import Rights
from almanac.retrieval.open_release import OpenRelease
from lakehouse import Lakehouse
from lakehouse.releases import Release
from schemas.settings import Settings
from schemas.times import When

_log = logging.getLogger("almanac.serving")


class OpenReleases:
    """The release that answers now, swapped by one reference, and some of the past.

    One that was swapped out is let go when the last answer from it has ended.
    """

    def __init__(self, lake: Lakehouse, settings: Settings, rights: Rights) -> None:
        self._lake = lake
        self._settings = settings
        self._rights = rights
        self._log = lake.releases(settings.index.name)
        self._head: tuple[int, int] | None = None
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
            AlmanacError: there is none, or it does not open: the old one keeps answering.
        """
        head = self._log.head()
        before = self._current
        if before is not None and head == self._head:
            return False
        release = self._log.as_of(None)
        if before is not None and _same(before.release, release):
            self._head = head
            return False
        self._current = self._open(release)
        self._head = head
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
        with self._opening:  # of many who ask at a time the first opens it
            with self._lock:
                if key in self._past:
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
        opened = OpenRelease(self._settings, self._lake, release, self._rights)
        opened.warm()
        return opened


def _same(one: Release, other: Release) -> bool:
    """Do they answer alike from the same place?"""
    return (one.seq, one.lance_tag, one.seal) == (other.seq, other.lance_tag, other.seal)
