"""One answer, in steps: question, release, passages, budget, prompt, model, citations, log.

The request is in the journal before the last event is given out. An answer that its reader left is
logged with what was said to that point.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from almanac.journal import new_request_id
from almanac.llm.chat import EndpointFailed
from almanac.llm.streaming import Piece
from almanac.serving.assistants import Assistant
from almanac.serving.budget import newest_within, within
from almanac.serving.citing import CitedText
from almanac.serving.open_releases import OpenRelease, OpenReleases
from almanac.serving.passages import ShownPassage, citations, shown
from almanac.serving.who import PUBLIC, Caller, Rights
from schemas.errors import AlmanacError
from schemas.feedback import Message, Passage, Request, Status
from schemas.times import When

T = TypeVar("T")
_REWRITE = (
    "Rewrite the user's last message as one question that can be understood without the "
    "conversation. Answer with the question alone, in its language."
)
_REWRITE_TOKENS, _REWRITE_SECONDS = 80, 10.0


class RequestJournal(Protocol):
    """Where answered requests go; on the disk when the call returns."""

    def append_request(self, request: Request) -> None:
        """Store it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as it came in, with who asks.

    `messages` end with the user's question. `when` is None for the release that the assistant has.
    """

    assistant: Assistant
    messages: tuple[Message, ...]
    user_id: str
    session_id: str | None = None
    when: When | None = None
    k: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    caller: Caller = PUBLIC


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known before the first word."""

    request_id: str
    release: int
    as_of: datetime
    citations: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Text:
    """Words to show."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The whole answer, which is logged."""

    request: Request
    finish_reason: str
    marks: list[tuple[int, int, int]]  # passage, start and end in the text
    citations: list[dict[str, Any]]


Event = Begun | Text | Ended


@dataclass(slots=True)
class Draft:
    """An answer under way, and what its request will say."""

    ask: Ask
    request_id: str = field(default_factory=new_request_id)
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.perf_counter)
    question: str = ""
    query: str = ""
    history: tuple[Message, ...] = ()
    opened: OpenRelease | None = None
    passages: list[ShownPassage] = field(default_factory=list)
    prompt: tuple[Message, ...] = ()
    said: list[str] = field(default_factory=list)
    raw: str = ""
    first_token_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str = "stop"
    is_logged: bool = False

    @property
    def text(self) -> str:
        """What the reader was shown."""
        return "".join(self.said)

    def say(self, text: str) -> Text:
        """Words to show, remembered."""
        if self.first_token_ms is None:
            self.first_token_ms = self.milliseconds
        self.said.append(text)
        return Text(text)

    @property
    def milliseconds(self) -> float:
        """Since the question came."""
        return round((time.perf_counter() - self.began) * 1000, 1)

    def request(self, status: Status) -> Request:
        """The row of the log."""
        assistant, endpoint = self.ask.assistant, self.ask.assistant.settings.endpoint
        details: dict[str, Any] = {"citations": citations(self.passages, self._used)}
        if self.query != self.question:
            details["standalone_question"] = self.query
        if self.raw.strip() != self.text.strip():
            details["model_text"] = self.raw
        if self.ask.when is not None:
            details["as_of"] = str(self.ask.when)
        return Request(
            request_id=self.request_id,
            asked_at=self.asked_at,
            user_id=self.ask.user_id,
            session_id=self.ask.session_id,
            question=self.question,
            response=self.text,
            context=tuple(Passage(one.chunk_id, one.text) for one in self.passages),
            history=self.history,
            prompt=self.prompt,
            release=self.opened.release.seq if self.opened else None,
            prompt_version=assistant.prompt.prompt_id,
            model=assistant.chat.endpoint.model,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            latency_ms=self.milliseconds,
            details=details,
            assistant=assistant.name,
            version=assistant.version,
            status=status,
            route={"chosen": endpoint, "model": assistant.chat.endpoint.model},
            params=assistant.params | _given(self.ask),
            first_token_ms=self.first_token_ms,
            principals_hash=self.ask.caller.principals_hash,
        )

    @property
    def _used(self) -> set[int]:
        return {mark.n for mark in CitedText.marks_in(self.text)}


class Answering:
    """Answers questions from open releases; one for all questions of a server."""

    def __init__(
        self,
        releases: OpenReleases,
        journal: RequestJournal,
        rights: Callable[[], Rights],
        on_logged: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self._releases = releases
        self._journal = journal
        self._rights = rights
        self._on_logged = on_logged

    async def answer(self, ask: Ask) -> AsyncIterator[Event]:
        """The answer as it comes; closing the iterator stops the model.

        Raises:
            AlmanacError: before the first event, where no release can answer; later where the model
                or the journal fails, which the request tells as `failed`.
        """
        draft = Draft(ask)
        draft.history, draft.question = _conversation(ask.messages)
        draft.query = draft.question
        try:
            await self._retrieve(draft)
            assert draft.opened
            release = draft.opened.release
            yield Begun(
                draft.request_id,
                release.seq,
                release.logical_time,
                citations(draft.passages, ()),
            )
            status: Status = "empty"
            if draft.passages:
                async with aclosing(self._generate(draft)) as texts:
                    async for text in texts:
                        yield draft.say(text)
                status = "answered" if draft.said else "refused"
            if not draft.said:
                yield draft.say(ask.assistant.refusal_for(draft.question))
            request = draft.request(status)
            await self._log(draft, request)
            marks = CitedText.marks_in(draft.text)
            yield Ended(
                request,
                draft.finish_reason,
                [(mark.n, mark.start, mark.end) for mark in marks],
                citations(draft.passages, {mark.n for mark in marks}),
            )
        except AlmanacError:
            if draft.opened and not draft.is_logged:
                await self._log(draft, draft.request("failed"))
            raise
        finally:
            if not draft.is_logged and draft.opened:
                draft.is_logged = True
                self._append(draft.request("cut"))  # nothing can be awaited any more

    async def retrieve(self, ask: Ask) -> tuple[OpenRelease, list[ShownPassage]]:
        """The passages for a question, without a model."""
        draft = Draft(ask)
        _, draft.question = _conversation(ask.messages)
        draft.query = draft.question
        await self._search(draft)
        assert draft.opened
        return draft.opened, draft.passages

    async def _retrieve(self, draft: Draft) -> None:
        """Make the question stand alone, and find its passages within the budget."""
        if draft.history:
            draft.query = await self._standalone(draft)
        await self._search(draft)
        draft.passages = within(draft.passages, draft.ask.assistant.settings.max_context_tokens)

    async def _search(self, draft: Draft) -> None:
        ask, settings = draft.ask, draft.ask.assistant.settings
        opened = await in_thread(lambda: self._releases.as_of(ask.when))

        def search() -> list[ShownPassage]:
            may_see = partial(self._rights().may_see, ask.caller)
            hits = opened.search(draft.query, ask.k or settings.k, settings.mode, may_see)
            return shown(opened, hits)

        draft.passages = await in_thread(search)
        draft.opened = opened

    async def _standalone(self, draft: Draft) -> str:
        """A follow-up as a question of its own; with its predecessor where no model can do it."""
        asked = [one["content"] for one in draft.history if one["role"] == "user"]
        plain = "\n".join([*asked[-1:], draft.question])
        if not draft.ask.assistant.rewrites:
            return plain
        talk = "\n".join(f"{one['role']}: {one['content']}" for one in draft.history)
        messages = [
            {"role": "system", "content": _REWRITE},
            {"role": "user", "content": f"{talk}\nuser: {draft.question}"},
        ]
        try:
            async with asyncio.timeout(_REWRITE_SECONDS):
                pieces = draft.ask.assistant.chat.stream(messages, _REWRITE_TOKENS, 0.0, 0)
                rewritten = "".join([piece.text async for piece in pieces])
        except (EndpointFailed, TimeoutError):
            return plain
        return " ".join(rewritten.split()) or plain

    async def _generate(self, draft: Draft) -> AsyncIterator[str]:
        """The model's answer as far as passages support it; nothing where none does."""
        assistant, settings = draft.ask.assistant, draft.ask.assistant.settings
        refusal = assistant.refusal_for(draft.question)
        values = [one.for_prompt() for one in draft.passages]
        history = newest_within(draft.history, settings.max_history_tokens)
        draft.prompt = tuple(assistant.prompt.render(draft.question, values, refusal, history))
        limit = min(draft.ask.max_tokens or settings.max_tokens, settings.max_tokens)
        warmth = draft.ask.temperature
        temperature = settings.temperature if warmth is None else warmth
        cited = CitedText([one.text for one in draft.passages], draft.question, refusal)
        stream = assistant.chat.stream(draft.prompt, limit, temperature, settings.seed)
        try:
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    _count(draft, piece)
                    if text := cited.feed(piece.text):
                        yield text
            if text := cited.finish():
                yield text
        finally:
            draft.raw = cited.raw

    async def _log(self, draft: Draft, request: Request) -> None:
        """Write the request to the journal, whatever becomes of the reader meanwhile."""
        draft.is_logged = True
        await asyncio.shield(in_thread(lambda: self._append(request)))

    def _append(self, request: Request) -> None:
        self._journal.append_request(request)
        self._on_logged(request)


def _count(draft: Draft, piece: Piece) -> None:
    draft.finish_reason = piece.finish_reason or draft.finish_reason
    if piece.prompt_tokens is not None:
        draft.prompt_tokens = piece.prompt_tokens
        draft.completion_tokens = piece.completion_tokens


def _conversation(messages: Sequence[Message]) -> tuple[tuple[Message, ...], str]:
    """Earlier messages of user and assistant, and the question."""
    talk = [one for one in messages if one["role"] in ("user", "assistant")]
    return tuple(talk[:-1]), talk[-1]["content"].strip()


def _given(ask: Ask) -> dict[str, Any]:
    """The parameters that the client set itself."""
    given = {"k": ask.k, "max_tokens": ask.max_tokens, "temperature": ask.temperature}
    return {name: value for name, value in given.items() if value is not None}


async def in_thread(work: Callable[[], T]) -> T:
    """What blocks, beside the event loop."""
    return await asyncio.to_thread(work)
