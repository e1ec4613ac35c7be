"""One answer, in steps: question, release, passages, budget, prompt, model, citations, log.

The request is in the journal before the last event is given out. An answer that its reader left is
logged with what was said to that point.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol, TypeVar

from almanac.assistants.logged import language
from almanac.llm.chat import EndpointFailed
from almanac.retrieval.open_release import OpenRelease
from almanac.serving import guarding
from almanac.serving.asking import Ask, Begun, Draft, Ended, Event
from almanac.serving.budget import within
from almanac.serving.caching import AnswerCache
from almanac.serving.citing import CitedText
from almanac.serving.decisions import Stopped
from almanac.serving.generating import generate
from almanac.serving.legs import Generation, ask_model
from almanac.serving.open_releases import OpenReleases
from almanac.serving.passages import ShownPassage, citations, shown
from schemas.feedback import Message, Request

T = TypeVar("T")
_REWRITE = (
    "Rewrite the user's last message as one question that can be understood without the "
    "conversation. Answer with the question alone, in its language."
)
_REWRITE_AS = (80, 0.0, 0)  # tokens, temperature, seed
_REWRITE_SECONDS = 10.0


class RequestJournal(Protocol):
    """Where answered requests go; on the disk when the call returns."""

    def append_request(self, request: Request) -> None:
        """Store it."""


class Answering:
    """Answers questions from open releases; one for all questions of a server."""

    def __init__(
        self,
        releases: OpenReleases,
        journal: RequestJournal,
        on_logged: Callable[[Request], None] = lambda _: None,
        cache: AnswerCache | None = None,
    ) -> None:
        self._releases = releases
        self._journal = journal
        self._on_logged = on_logged
        self._cache = cache

    async def answer(self, ask: Ask) -> AsyncGenerator[Event]:
        """The answer as it comes; closing the iterator stops the model.

        Raises:
            AlmanacError: before the first event, where no release can answer; later where the model
                or the journal fails, which the request tells as `failed`.
        """
        draft = Draft(ask)
        draft.history, question = _conversation(ask.messages)
        draft.question = draft.query = guarding.cleaned(question)
        try:
            is_allowed = await self._begin(draft)
            assert draft.opened
            if self._cache and is_allowed:
                await self._look_up(draft, self._cache)
            release = draft.opened.release
            yield Begun(
                draft.request_id,
                release.seq,
                release.logical_time,
                citations(draft.passages, ()),
                draft.hit is not None,
            )
            async with aclosing(self._said(draft, is_allowed)) as texts:
                async for text in texts:
                    yield draft.say(text)
            request = draft.request(draft.status)
            await self._log(draft, request)
            if cache := self._cache:
                await asyncio.shield(in_thread(lambda: cache.keep(draft, request)))
            marks = CitedText.marks_in(draft.text)
            yield Ended(
                request,
                draft.finish_reason,
                [(mark.n, mark.start, mark.end) for mark in marks],
                citations(draft.passages, {mark.n for mark in marks}),
            )
        except Exception:
            if draft.opened and not draft.is_logged:
                await self._log(draft, draft.request("failed"))
            raise
        finally:
            if not draft.is_logged and draft.opened:
                draft.is_logged = True
                self._append(draft.request("cut"))  # nothing can be awaited any more

    async def _said(self, draft: Draft, is_allowed: bool) -> AsyncGenerator[str]:
        """What the reader is told; `draft.status` says afterwards what that was."""
        assistant = draft.ask.assistant
        draft.status = "empty"
        try:
            if not is_allowed:
                raise Stopped
            if draft.hit:
                draft.status = "answered"
                for piece in draft.hit.pieces():
                    yield piece
            elif draft.passages:
                draft.status = "refused"
                async with aclosing(generate(draft)) as texts:
                    async for text in texts:
                        draft.status = "answered"
                        yield text
        except Stopped:
            draft.status, draft.finish_reason = "blocked", "content_filter"
            if not draft.said:
                yield guarding.message_for(assistant.settings.guards, language(draft.question))
        if draft.status in ("empty", "refused"):
            yield assistant.refusal_for(draft.question)

    async def _look_up(self, draft: Draft, cache: AnswerCache) -> None:
        """Take a kept answer where there is one; its prompt is what a model would be asked."""
        draft.hit = await in_thread(lambda: cache.find(draft))
        if draft.hit:
            values = [one.for_prompt() for one in draft.passages]
            draft.prompt = tuple(draft.ask.assistant.render(draft.question, values))

    async def retrieve(self, ask: Ask) -> tuple[OpenRelease, list[ShownPassage]]:
        """The passages for a question, without a model."""
        draft = Draft(ask)
        _, draft.question = _conversation(ask.messages)
        draft.query = draft.question
        await in_thread(lambda: self._search(draft))
        assert draft.opened
        return draft.opened, draft.passages

    async def _begin(self, draft: Draft) -> bool:
        """Open the release, and find passages; False where a guard blocks the question.

        What is logged and sent to the model has no personal data that no passage has.
        """
        try:
            if draft.history:
                await in_thread(lambda: _check(draft))
                draft.query = await self._standalone(draft)
                await in_thread(lambda: self._prepare(draft))
            else:  # in one go: each turn beside the event loop costs as much as a small step
                await in_thread(lambda: self._check_and_prepare(draft))
        except Stopped:
            draft.opened = draft.opened or await in_thread(
                lambda: self._releases.as_of(draft.ask.when)
            )
            draft.passages = []
            return False
        return True

    def _check_and_prepare(self, draft: Draft) -> None:
        _check(draft)
        self._prepare(draft)

    def _prepare(self, draft: Draft) -> None:
        """Find the passages within the budget, and mask what no passage has. Raises Stopped."""
        self._search(draft)
        allowed = guarding.allowed(draft.decisions, draft.passages)
        draft.passages = within(allowed, draft.ask.assistant.settings.max_context_tokens)
        texts = [one.text for one in draft.passages]

        def mask(text: str) -> str:
            return guarding.without_personal_data(draft.decisions, text, texts)

        asked, query = draft.question, draft.query
        draft.question, draft.query = mask(asked), mask(query)
        draft.history = tuple({**one, "content": mask(one["content"])} for one in draft.history)

    def _search(self, draft: Draft) -> None:
        ask, settings = draft.ask, draft.ask.assistant.settings
        opened = self._releases.as_of(ask.when)
        k, who = ask.k or settings.k, ask.caller.principals
        draft.passages = shown(opened.search(draft.query, k, settings.mode, ask.filters, who))
        draft.opened = opened

    async def _standalone(self, draft: Draft) -> str:
        """A follow-up as a question of its own; with its predecessor where no model can do it."""
        asked = [one["content"] for one in draft.history if one["role"] == "user"]
        plain = "\n".join([*asked[-1:], draft.question])
        # Not by one that is left alone: each follow-up would wait for it until its time is over.
        legs = (one for one in draft.ask.assistant.legs if one.circuit.state == "closed")
        leg = next(legs, None)
        if leg is None or not draft.ask.assistant.rewrites:
            return plain
        talk = "\n".join(f"{one['role']}: {one['content']}" for one in draft.history)
        whole = f"{talk}\nuser: {draft.question}"
        whole = await in_thread(lambda: guarding.without_personal_data(draft.decisions, whole))
        messages = [{"role": "system", "content": _REWRITE}, {"role": "user", "content": whole}]
        try:
            async with asyncio.timeout(_REWRITE_SECONDS):
                how = Generation(*_REWRITE_AS, draft.asked_at)
                async with aclosing(
                    ask_model(draft.calls, leg, "rewrite", messages, how)
                ) as pieces:
                    rewritten = "".join([piece.text async for piece in pieces])
        except (EndpointFailed, TimeoutError):
            return plain
        return " ".join(rewritten.split()) or plain

    async def _log(self, draft: Draft, request: Request) -> None:
        """Write the request to the journal, whatever becomes of the reader meanwhile."""
        draft.is_logged = True
        await asyncio.shield(in_thread(lambda: self._append(request)))

    def _append(self, request: Request) -> None:
        self._journal.append_request(request)
        self._on_logged(request)


def _check(draft: Draft) -> None:
    """Let the guards see the question. Raises Stopped."""
    guarding.check_question(draft.decisions, draft.question, draft.history)
    draft.original = draft.question


def _conversation(messages: Sequence[Message]) -> tuple[tuple[Message, ...], str]:
    """Earlier messages of user and assistant, and the question."""
    talk = [one for one in messages if one["role"] in ("user", "assistant")]
    return tuple(talk[:-1]), talk[-1]["content"].strip()


async def in_thread(work: Callable[[], T]) -> T:
    """What blocks, beside the event loop."""
    return await asyncio.to_thread(work)
