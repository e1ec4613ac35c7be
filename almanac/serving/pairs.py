"""Pairs: a sampled question answered by the other version too, in the background, and judged.

On the same release as the user's answer, with the same rights. Users wait for none of it: the queue
is bounded, what it cannot take is left out and counted, and one pair is made at a time.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from almanac.costs.calls import Spent
from almanac.costs.prices import Prices
from almanac.costs.recording import record, spent_by
from almanac.llm.compare import PROMPT, Comparer, Comparison
from almanac.rollouts.assignment import place
from almanac.rollouts.gather import NO_JUDGE, SKIPPED
from almanac.serving.answering import Answering, in_thread
from almanac.serving.asking import Ask, Ended
from almanac.serving.open_releases import OpenReleases
from almanac.serving.traffic import Live, Traffic
from lakehouse import Lakehouse
from lakehouse.rollouts import Judgement
from schemas.errors import AlmanacError
from schemas.feedback import Request

_log = logging.getLogger("almanac.serving")
_GRACE = timedelta(hours=1)  # for readers of files that were written together
_TEND_EVERY = 50  # times that judgements were stored


@dataclass(frozen=True, slots=True)
class _Question:
    ask: Ask
    answered: Request
    live: Live


class Pairs:
    """The questions that wait for the other version, and the judgements that wait for Delta."""

    def __init__(
        self,
        releases: OpenReleases,
        traffic: Traffic,
        judge: Comparer | None,
        most: int,
        prices: Prices,
    ) -> None:
        self._spent = Spent("rollout")
        self._answering = Answering(releases, self._spent)
        self._traffic, self._judge, self._most = traffic, judge, most
        self._prices = prices
        self._waiting: deque[_Question] = deque()
        self._judged: list[Judgement] = []
        self._lock = threading.Lock()
        self._task: asyncio.Task[None] | None = None
        self._stored = 0
        self.left_out = 0
        traffic.on_answered = self.offer

    @property
    def waiting(self) -> int:
        """Questions in the queue."""
        return len(self._waiting)

    def offer(self, ask: Ask, ended: Ended, live: Live) -> None:
        """Take an answered question if it is one of the sample and there is room; never waits."""
        request = ended.request
        if ask.arm not in ("candidate", "current") or live.rollout.name in self._traffic.fallen:
            return
        if place(live.rollout.name, request.request_id) >= live.rollout.plan.sample:
            return
        if len(self._waiting) >= self._most:
            self.left_out += 1
            return
        self._waiting.append(_Question(ask, request, live))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    def store(self, lake: Lakehouse) -> int:
        """Bring what was judged to Delta; how many. What cannot be stored waits."""
        with self._lock:
            batch = list(self._judged)
        spent = self._spent.take()
        if self._judge:
            spent += spent_by(self._prices, "judge", self._judge)
        record(lake, spent)
        if not batch:
            return 0
        lake.judgements.append(batch)
        with self._lock:
            del self._judged[: len(batch)]
        self._stored += 1
        if self._stored % _TEND_EVERY == 0:
            lake.judgements.tend(_GRACE)
            lake.costs.tend(_GRACE)
        return len(batch)

    async def _work(self) -> None:
        while self._waiting:
            question = self._waiting.popleft()
            if question.live.rollout.name in self._traffic.fallen:
                continue
            try:
                found = await self._pair(question)
            except Exception:  # noqa: BLE001 (one question must not end the work on the others)
                _log.exception("the pair of request %s failed", question.answered.request_id)
                continue
            with self._lock:
                self._judged.append(found)

    async def _pair(self, question: _Question) -> Judgement:
        other, problem = await self._answer(question)
        if other is None:
            said = Comparison("not_judged", problem, ())
            return _row(question, None, SKIPPED, said, problem)
        if self._judge is None:
            said = Comparison("not_judged", "no judge is configured", ())
            return _row(question, other, NO_JUDGE, said)
        judge = self._judge
        answered = question.answered
        # The candidate's answer is always the first here; the judge sees both orders of the two.
        is_candidate = question.ask.arm == "candidate"
        first, second = (answered, other) if is_candidate else (other, answered)
        said = await in_thread(
            lambda: judge.compare(
                answered.question, _context(first, second), first.response, second.response
            )
        )
        return _row(question, other, judge.model, said)

    async def _answer(self, question: _Question) -> tuple[Request | None, str]:
        """What the other version says, or why it says nothing."""
        live, ask = question.live, question.ask
        assistant = live.other(str(ask.arm))
        stays = assistant.when(None)
        when = stays if stays is not None else question.answered.release
        shadow = replace(ask, assistant=assistant, when=when)
        is_candidate = assistant is live.candidate
        try:
            ended = [event async for event in self._answering.answer(shadow)][-1]
            assert isinstance(ended, Ended)
        except Exception as error:  # noqa: BLE001 (whatever ends an answer is its failure)
            if is_candidate:
                self._traffic.failed(live, str(error))
            return None, str(error) or type(error).__name__
        if is_candidate:
            self._traffic.answered(live)
        return ended.request, ""


def open_judge(settings: Any) -> Comparer | None:
    """The configured judge; None where no model is named. Raises ConfigError without its key."""
    return Comparer(settings) if settings.model else None


def store_quietly(pairs: Pairs, lake: Lakehouse) -> None:
    """Store what was judged, or say why it waits."""
    try:
        pairs.store(lake)
    except AlmanacError as error:
        _log.warning("judgements wait: %s", error)


def _context(first: Request, second: Request) -> Sequence[str]:
    """The passages of both answers, each once, in an order that tells nothing of who had which."""
    passages = {one.chunk_id: one.text for one in (*first.context, *second.context)}
    return [passages[name] for name in sorted(passages)]


def _row(
    question: _Question,
    other: Request | None,
    judge: str,
    said: Comparison,
    problem: str = "",
) -> Judgement:
    score = {"first": 1.0, "second": -1.0}.get(said.preference, 0.0)
    verdicts = {"first": "candidate", "second": "current"}
    now = datetime.now(UTC)
    assistant = question.live.other(str(question.ask.arm))
    result: dict[str, Any] = {"version": assistant.version, "orders": list(said.orders)}
    if other is None:
        result |= {"status": "failed", "problem": problem[:300]}
    else:
        result |= {
            "status": other.status,
            "answer": other.response,
            "release": other.release,
            "latency_ms": other.latency_ms,
            "citations": other.details.get("citations") or [],
        }
    return Judgement(
        request_id=question.answered.request_id,
        judge=judge,
        ordinal=int(now.timestamp() * 1_000_000),
        measure="pair",
        verdict=verdicts.get(said.preference, said.preference),
        score=score,
        reason=said.reason,
        rollout=question.live.rollout.name,
        arm=str(question.ask.arm),
        result=result,
        prompt=PROMPT,
        at=now,
    )
