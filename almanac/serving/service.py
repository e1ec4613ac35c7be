"""What a server holds: releases, assistants, the journal; opened once, closed once."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any

from almanac.cache.tending import Tending, open_store
from almanac.costs.budgets import Budgets
from almanac.feedback.door import Door as LogDoor
from almanac.feedback.fields import Broken
from almanac.feedback.rows import request_of
from almanac.journal import journal_places, new_request_id
from almanac.retrieval.access import Rights
from almanac.serving import guarding, spending, telemetry
from almanac.serving.answering import Answering
from almanac.serving.asking import Ask, Event
from almanac.serving.assistants import Assistant
from almanac.serving.caching import AnswerCache
from almanac.serving.cost_figures import CostFigures
from almanac.serving.errors import Refused
from almanac.serving.hosts import is_loopback
from almanac.serving.keys import Keys
from almanac.serving.local_model import LocalModel
from almanac.serving.metrics import Metrics
from almanac.serving.open_releases import OpenReleases
from almanac.serving.open_versions import OpenVersions
from almanac.serving.rollouts import ServedRollouts
from almanac.serving.storing import Storing
from almanac.serving.traffic import Live, answer_in_rollout
from almanac.serving.who import Caller, Door
from expectations.feedback import request_facts
from lakehouse import open_lakehouse
from schemas.errors import AlmanacError, FeedbackUnknown
from schemas.feedback import Request, Vote
from schemas.settings import Settings

_log = logging.getLogger("almanac.serving")
_LEAST_ROOM = 0.1  # of the journal's limit, before no more questions should come
_JOIN_SECONDS = 10  # for what is being stored when the server is told to stop


class Service:
    """Everything that an answer needs, for all requests of one server.

    Raises:
        ReleaseNotFound: there is no release yet.
        ConfigError: an assistant or an endpoint is wrong.
        StorageUnavailable: the journal cannot be written.
    """

    def __init__(self, settings: Settings, models: bool = True) -> None:
        """Open it. Without `models` no local model is started, and no model may be asked."""
        self.settings = settings
        self.lake = open_lakehouse(settings.lakehouse, settings.storage_options)
        self.rights = Rights(self.lake, settings.serving.poll_seconds)
        self.releases = OpenReleases(self.lake, settings, self.rights)
        self.releases.poll()
        self.local = LocalModel(settings, models)
        try:
            self.versions = OpenVersions(self.lake, settings, self.local)
            self.versions.poll()
            self.rollouts = ServedRollouts(
                settings, self.lake, self.releases, self.versions.open, models
            )
            place = journal_places(self.lake.location.uri, settings.serving.journal)[0]
            self._log_door = LogDoor(self.lake, place)
            store = open_store(settings, self.lake)
            self.cache = AnswerCache(store, Tending(store, self.lake))
            self.journal = self._log_door.journal
            self.journal.limit(settings.serving.journal_max_bytes)
            self._storing = Storing(settings, place)
            self.keys = Keys.of(settings)
            self.door = Door(self.keys, is_loopback(settings.serving.host))
            self.budgets = Budgets(settings, self.lake if models else None)
        except BaseException:
            self.local.close()
            raise
        self.metrics = Metrics()
        self.under_way = 0
        self.answering = Answering(self.releases, self.journal, self._answered, self.cache)
        self._stopping = threading.Event()
        self.metrics.watch(
            settings.index.name,
            lambda: self.releases.current.release.seq,
            lambda: self.release_age,
            lambda: self.journal.pending().rows,
        )
        self.rollouts.watch(self.metrics.registry)
        CostFigures(self.budgets, self.versions.circuits).watch(self.metrics.registry)
        self._threads = [
            self.rollouts.checks.thread,
            threading.Thread(target=self._poll, name="releases", daemon=True),
            threading.Thread(target=self._drain, name="journal", daemon=True),
            threading.Thread(target=self._warm, name="guards", daemon=True),
        ]

    def start(self) -> None:
        """Look for new releases and versions, and store what is in the journal, from now on."""
        self.versions.settle()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End what was started."""
        self._stopping.set()
        self.rollouts.checks.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_JOIN_SECONDS)
        self.local.close()
        self.cache.close()
        self.journal.close()

    @property
    def assistants(self) -> Mapping[str, Assistant]:
        """Who answers now, by name."""
        return self.versions.answering

    @property
    def is_public(self) -> bool:
        """May everyone who reaches the server ask, and see every document?"""
        return self.door.is_public

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

    async def answer(self, ask: Ask, live: Live | None) -> tuple[Ask, AsyncGenerator[Event]]:
        """A question as it is answered in a rollout, or outside of one, and its events.

        Raises:
            BudgetSpent: a budget that blocks is spent.
        """
        ask, reserved = spending.reserve(self.budgets, ask)
        try:
            ask, events = await answer_in_rollout(self.answering, self.rollouts.traffic, ask, live)
        except BaseException:
            self.budgets.release(reserved)
            raise
        return ask, spending.released(self.budgets, reserved, events)

    def request(self, request_id: str) -> Request:
        """A logged request, from the journal or from Delta. Raises FeedbackUnknown."""
        if found := self.journal.request(request_id):
            return found
        if stored := self.lake.requests.rows([request_id]):
            return stored[0]
        # It may have moved from the one to the other between the two looks.
        if found := self.journal.request(request_id):
            return found
        raise _unknown(request_id)

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

    def vote(self, vote: Vote) -> None:
        """Store a vote; an answer that is disliked is not given again."""
        self.journal.append_vote(vote)
        if vote.rating < 0:
            self.cache.disliked(vote.request_id)

    def _answered(self, request: Request) -> None:
        spending.settle(self.budgets, request)
        self.metrics.answered(request)
        telemetry.tell(request, self.settings.serving.log_texts)

    def may_see(self, caller: Caller, source: str, doc_id: str) -> bool:
        """May a caller see a document now?"""
        if caller.principals is None:
            return True
        return self.rights.permits((source, doc_id), caller.principals)

    def check_voter(self, caller: Caller, request_id: str) -> None:
        """Raises FeedbackUnknown where there is no such request, or it is another user's."""
        request = self.request(request_id)
        if caller.user is not None and request.user_id != caller.user:
            raise _unknown(request_id)

    def log(self, values: Mapping[str, Any]) -> Request:
        """Store a request that another assistant answered.

        Raises:
            Refused: it breaks a must of the suite `requests`, or its user was erased (422).
            ConfigError: another request of its id is stored.
        """
        named = {"asked_at": datetime.now(UTC), "request_id": new_request_id()}
        given = {name: value for name, value in values.items() if value is not None}
        try:
            request, _ = request_of(named | given, {})
            self._log_door.check("requests", request, request_facts(request))
        except Broken as broken:
            said = f"{broken.note.reason} (found {broken.note.value})"
            raise Refused(422, said, broken.note.expectation) from None
        self.journal.append_request(request)
        return request

    def problems(self) -> list[str]:
        """Why it should not be sent questions now; nothing while all is well."""
        found = []
        most = self.settings.serving.max_age_hours
        if most is not None and self.release_age > most * 3600:
            hours = self.release_age / 3600
            found.append(f"the release is {hours:.1f} hours old, more than {most:g}")
        if self.local.has_ended:
            found.append("the local model has ended: start the server again")
        try:
            if self.journal.room() < _LEAST_ROOM:
                found.append(
                    "the journal is nearly full of what could not be stored in the lakehouse: the "
                    "log of the server says why"
                )
        except AlmanacError as error:
            found.append(str(error))
        return found

    def _poll(self) -> None:
        while not self._stopping.wait(self.settings.serving.poll_seconds):
            for what, look in (
                ("release", self.releases.poll),
                ("version", self.versions.poll),
                ("step of a rollout", self.rollouts.traffic.poll),
                ("erasure or dislike", self.cache.poll),
            ):
                try:
                    look()
                except AlmanacError as error:
                    _log.warning("no new %s: %s", what, error)
                except Exception:  # noqa: BLE001 (a thread that ends would leave the old one)
                    _log.exception("the look for a new %s failed", what)

    def _warm(self) -> None:
        """Open what guards need, beside the first questions."""
        guarding.warm(one.settings.guards for one in self.assistants.values())

    def _drain(self) -> None:
        """Bring what is in the journal to Delta, where triage finds it."""
        while not self._stopping.wait(self.settings.serving.flush_seconds):
            try:
                if self.journal.pending().rows:
                    self._storing.store()
            except AlmanacError as error:
                _log.warning("requests and votes wait in the journal: %s", error)
            except Exception:  # noqa: BLE001 (a thread that ends would let it grow)
                _log.exception("requests and votes wait in the journal")
        self._storing.close()


def _unknown(request_id: str) -> FeedbackUnknown:
    return FeedbackUnknown(
        f"no request {request_id!r} is stored: send the id that the answer came with"
    )
