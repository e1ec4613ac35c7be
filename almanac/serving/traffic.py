"""Which version answers whom while a rollout is under way, and the way back when it goes wrong."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from almanac.rollouts.assignment import Arm, arm_of
from almanac.rollouts.state import Rollout, rollouts
from almanac.serving.answering import Answering
from almanac.serving.asking import Ask, Ended, Event, Text
from almanac.serving.assistants import Assistant
from almanac.serving.who import ANONYMOUS
from lakehouse import Lakehouse
from schemas.errors import AlmanacError, StorageUnavailable

_log = logging.getLogger("almanac.serving")


@dataclass(frozen=True, slots=True)
class Live:
    """A rollout under way with both of its versions open."""

    rollout: Rollout
    candidate: Assistant
    current: Assistant

    def other(self, arm: str) -> Assistant:
        """The version that does not answer an arm."""
        return self.current if arm == "candidate" else self.candidate


class Traffic:
    """The rollouts of a server, read anew when a step was taken.

    `fallen` are rollouts that this server ended in memory, with the reason: their candidate answers
    nobody from that moment, and the row follows when the lease is free.
    """

    def __init__(self, lake: Lakehouse, open_version: Callable[[str], Assistant]) -> None:
        self._lake, self._open = lake, open_version
        self._seen = -1
        self._failures: dict[str, int] = {}  # of the candidate, in a row
        self._lock = threading.Lock()
        self.live: Mapping[str, Live] = {}
        self.fallen: dict[str, str] = {}
        self.on_fall: Callable[[], None] = lambda: None
        self.on_answered: Callable[[Ask, Ended, Live], None] = lambda _ask, _ended, _live: None

    def poll(self) -> None:
        """Take the steps that came since; nothing is read where none did.

        Raises:
            AlmanacError: a version of a rollout cannot be opened; the present one answers all.
        """
        head = self._lake.rollouts.head()
        if head == self._seen:
            return
        found: dict[str, Live] = {}
        ended: list[str] = []
        problems: list[AlmanacError] = []
        for rollout in rollouts(self._lake.rollouts.steps()):
            if not rollout.is_open:
                ended.append(rollout.name)
                continue
            last = rollout.last
            try:
                versions = self._open(last.candidate), self._open(last.current)
            except AlmanacError as error:
                problems.append(error)
                continue
            found[last.assistant] = Live(rollout, *versions)
        self.live = found
        for name in ended:
            self.fallen.pop(name, None)  # its row is written
        # What storage did not give may come; another problem stays until a step is taken.
        if not any(isinstance(one, StorageUnavailable) for one in problems):
            self._seen = head
        if problems:
            raise problems[0]

    def route(self, ask: Ask) -> tuple[Ask, Live | None]:
        """The question with the version that answers its user, and the rollout under way."""
        live = self.live.get(ask.assistant.name)
        if live is None or live.rollout.name in self.fallen:
            return ask, None
        if ask.assistant.version not in (live.current.version, live.candidate.version):
            return ask, None  # another version went to production meanwhile: it answers all
        name = live.rollout.name
        arm: Arm = arm_of(name, _who(ask), live.rollout.share)
        chosen = live.candidate if arm == "candidate" else live.current
        return replace(ask, assistant=chosen, arm=arm, rollout=name), live

    def failed(self, live: Live, reason: str) -> None:
        """Count a failure of the candidate; enough of them in a row end the rollout at once."""
        with self._lock:
            row = self._failures[live.rollout.name] = self._failures.get(live.rollout.name, 0) + 1
        _log.warning("version %s failed: %s", live.candidate.short, reason)
        if row >= live.rollout.plan.failures_in_a_row:
            self.fall(live, f"{row} answers of the candidate failed in a row")

    def answered(self, live: Live) -> None:
        """The candidate answered, or the other failed too: its failures are no row any more."""
        with self._lock:
            self._failures[live.rollout.name] = 0

    def fall(self, live: Live, reason: str) -> None:
        """Let the candidate answer nobody from now on, before any row says so."""
        if live.rollout.name not in self.fallen:
            self.fallen[live.rollout.name] = reason
            _log.warning("rollout %s ends: %s", live.rollout.name, reason)
            self.on_fall()


async def answer_in_rollout(
    answering: Answering, traffic: Traffic, ask: Ask, live: Live | None
) -> tuple[Ask, AsyncGenerator[Event]]:
    """The question as it is answered, and the answer's events, the first of which is to be awaited.

    Where the candidate fails before its first word, the present version answers in its place, and
    the user sees no error. For that nothing of a candidate's answer is given out before that word.
    """
    events = answering.answer(ask)
    if live is None:
        return ask, events
    held: list[Event] = []
    try:
        while ask.arm == "candidate" and not (held and isinstance(held[-1], Text | Ended)):
            held.append(await anext(events))
    except Exception as error:  # noqa: BLE001 (whatever ends an answer is its version's failure)
        await events.aclose()
        instead = replace(ask, assistant=live.current, arm="fallback")
        return instead, await _instead(answering, traffic, instead, live, str(error))
    except BaseException:
        await events.aclose()  # the reader left
        raise
    return ask, _watched(ask, held, events, traffic, live)


async def _instead(
    answering: Answering, traffic: Traffic, ask: Ask, live: Live, reason: str
) -> AsyncGenerator[Event]:
    """The present version's answer, which counts the candidate's failure once it has begun.

    A question at which both fail before they begin, such as one of a release that is not kept, is
    no failure of the candidate.
    """
    events = answering.answer(ask)
    try:
        held = [await anext(events)]
    except BaseException:
        await events.aclose()
        raise
    traffic.failed(live, reason)
    return _watched(ask, held, events, traffic, live)


async def _watched(
    ask: Ask, held: list[Event], events: AsyncGenerator[Event], traffic: Traffic, live: Live
) -> AsyncGenerator[Event]:
    """The events, of which some came already; an end is offered for a pair."""
    is_candidate = ask.arm == "candidate"
    async with aclosing(events):
        for event in held:
            if not isinstance(event, Ended):
                yield event
        try:
            while True:
                last = held[-1] if held and isinstance(held[-1], Ended) else await anext(events)
                if isinstance(last, Ended):
                    break
                yield last
        except AlmanacError as error:
            if is_candidate:
                traffic.failed(live, str(error))
            else:
                traffic.answered(live)  # both fail: that says nothing of the candidate
            raise
        if is_candidate:
            traffic.answered(live)
        traffic.on_answered(ask, last, live)
        yield last


def _who(ask: Ask) -> str:
    """Who keeps their arm: the user, else the session, else this one question."""
    if ask.user_id != ANONYMOUS:
        return f"user:{ask.user_id}"
    return f"session:{ask.session_id}" if ask.session_id else f"question:{uuid.uuid4()}"
