"""What a server holds: releases, assistants, the journal; opened once, closed once."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from almanac.adapters.engine import Engine
from almanac.journal import Journal, journal_places
from almanac.llm.streaming import StreamingChat
from almanac.serving.answering import Answering
from almanac.serving.assistants import (
    Assistant,
    local_endpoint,
    needs_local,
    open_assistants,
)
from almanac.serving.errors import Refused
from almanac.serving.hosts import is_loopback
from almanac.serving.metrics import Metrics
from almanac.serving.open_releases import OpenReleases
from almanac.training.base import packaged_gguf
from lakehouse import open_lakehouse
from schemas.errors import AlmanacError, FeedbackUnknown
from schemas.feedback import Request, Vote
from schemas.settings import Settings

_log = logging.getLogger("almanac.serving")
_SMALL = "smollm2-135m"


class Service:
    """Everything that an answer needs, for all requests of one server.

    Raises:
        ReleaseNotFound: there is no release yet.
        ConfigError: an assistant or an endpoint is wrong.
        StorageUnavailable: the journal cannot be written.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = open_lakehouse(settings.lakehouse, settings.storage_options)
        self.releases = OpenReleases(self.lake, settings)
        self.releases.poll()
        self.engine, local = _start_local(settings)
        try:
            self.assistants = open_assistants(settings, local)
            place = journal_places(self.lake.location.uri, settings.serving.journal)[0]
            self.journal = Journal(place)
        except BaseException:
            self._end_engine()
            raise
        self.metrics = Metrics()
        self.under_way = 0
        self.answering = Answering(self.releases, self.journal, self.metrics.answered)
        self._stopping = threading.Event()
        self.metrics.watch(
            settings.index.name,
            lambda: self.releases.current.release.seq,
            lambda: self.release_age,
            lambda: self.journal.pending().rows,
        )
        self._polling = threading.Thread(target=self._poll, name="releases", daemon=True)

    def start(self) -> None:
        """Look for new releases from now on."""
        self._polling.start()

    def close(self) -> None:
        """End what was started."""
        self._stopping.set()
        if self._polling.is_alive():
            self._polling.join(5)
        self._end_engine()
        self.journal.close()

    @property
    def is_public(self) -> bool:
        """May whoever reaches the server ask, and see every document?"""
        return is_loopback(self.settings.serving.host)

    @property
    def release_age(self) -> float:
        """Seconds since the logical date of the release that answers."""
        logical = self.releases.current.release.logical_time
        return (datetime.now(UTC) - logical).total_seconds()

    def assistant(self, name: str | None) -> Assistant:
        """An assistant by its name, the first for None. Raises Refused (404)."""
        if name is None:
            return next(iter(self.assistants.values()))
        if name not in self.assistants:
            known = ", ".join(self.assistants)
            raise Refused(404, f"there is no model {name!r}, only: {known}", "model_not_found")
        return self.assistants[name]

    def request(self, request_id: str) -> Request:
        """A logged request, from the journal or from Delta. Raises FeedbackUnknown."""
        if found := self.journal.request(request_id):
            return found
        if stored := self.lake.requests.rows([request_id]):
            return stored[0]
        # It may have moved from the one to the other between the two looks.
        if found := self.journal.request(request_id):
            return found
        raise FeedbackUnknown(
            f"no request {request_id!r} is stored: send the id that the answer came with"
        )

    def votes(self, request_id: str) -> list[Vote]:
        """The votes on a request, from Delta and from the journal."""
        stored = self.lake.votes.rows([request_id])
        withdrawn = self.journal.withdrawn(request_id)
        kept = [
            vote
            for vote in stored
            if vote.user_id not in withdrawn or vote.rated_at > withdrawn[vote.user_id]
        ]
        waiting = self.journal.votes(request_id)
        return [*kept, *(vote for vote in waiting if vote not in kept)]

    def problems(self) -> list[str]:
        """Why it should not be sent questions now; nothing while all is well."""
        found = []
        most = self.settings.serving.max_age_hours
        if most is not None and self.release_age > most * 3600:
            hours = self.release_age / 3600
            found.append(f"the release is {hours:.1f} hours old, more than {most:g}")
        if self.engine and not self.engine.alive:
            found.append("the local model has ended: start the server again")
        try:
            self.journal.pending()
        except AlmanacError as error:
            found.append(str(error))
        return found

    def _poll(self) -> None:
        while not self._stopping.wait(self.settings.serving.poll_seconds):
            try:
                self.releases.poll()
            except AlmanacError as error:
                _log.warning("no new release: %s", error)

    def _end_engine(self) -> None:
        if self.engine:
            self.engine.close()


def _start_local(settings: Settings) -> tuple[Engine | None, StreamingChat | None]:
    """The small model in a process of its own, where an assistant uses it."""
    if not needs_local(settings):
        return None, None
    engine = Engine(packaged_gguf(), _SMALL, settings.tuning.threads)
    return engine, StreamingChat(local_endpoint(engine.address, _SMALL), engine.key)
