"""The words of an answer: a model of the route asked, what it says cited, checked and limited."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cache, partial

from almanac.assistants.conditions import Facts
from almanac.assistants.logged import language
from almanac.llm.chat import EndpointFailed
from almanac.llm.usage import tokens
from almanac.serving.asking import Draft
from almanac.serving.budget import newest_within
from almanac.serving.citing import CitedText
from almanac.serving.legs import Generation, Leg, ask_model
from almanac.serving.repetition import Repetition
from almanac.serving.routing import Routing
from almanac.serving.withholding import Withheld


async def generate(draft: Draft) -> AsyncGenerator[str]:
    """An answer as far as passages support it; nothing where no model of the route has one."""
    ask = draft.ask
    routing = draft.routing = Routing(ask.assistant.legs, _facts(draft), ask.assistant.escalates)
    history = newest_within(draft.history, ask.assistant.settings.max_history_tokens)
    values = [one.for_prompt() for one in draft.passages]
    draft.prompt = tuple(ask.assistant.render(draft.question, values, history))
    # A topic asks the embedder, which takes its time; all else is told at once.
    leg: Leg | None = (
        await asyncio.to_thread(lambda: routing.first(ask.is_cheap))
        if ask.assistant.topics
        else routing.first(ask.is_cheap)
    )
    is_shown = False
    while leg is not None:
        try:
            async with aclosing(_by(draft, leg)) as texts:
                async for text in texts:
                    is_shown = True
                    yield text
        except EndpointFailed:
            if is_shown:
                raise
        if is_shown:
            draft.is_whole = draft.is_whole and routing.is_usual
            return
        answers = [one for one in draft.calls if one.purpose == "answer"]
        outcome = answers[-1].outcome
        leg = await asyncio.to_thread(partial(routing.after, outcome, ask.is_cheap))
        if leg is None and all(one.outcome == "failed" for one in answers):
            raise EndpointFailed(answers[-1].why)


async def _by(draft: Draft, leg: Leg) -> AsyncGenerator[str]:
    """What one model says, as far as passages support it; the call's outcome says why not."""
    ask, settings = draft.ask, draft.ask.assistant.settings
    refusal = ask.assistant.refusal_for(draft.question)
    warmth = settings.temperature if ask.temperature is None else ask.temperature
    most = ask.max_tokens or leg.max_tokens
    how = Generation(most, warmth, settings.seed, draft.asked_at)
    cited = CitedText([one.text for one in draft.passages], draft.question, refusal)
    withheld, repetition = Withheld(draft.decisions, draft.sources), Repetition()
    draft.finish_reason, draft.is_whole, is_shown = "stop", False, False
    calls = len(draft.calls)
    try:
        async with aclosing(ask_model(draft.calls, leg, "answer", draft.prompt, how)) as pieces:
            async for piece in pieces:
                draft.finish_reason = piece.finish_reason or draft.finish_reason
                draft.is_whole = draft.is_whole or piece.finish_reason == "stop"
                shown = cited.feed(piece.text)
                if shown and (text := await asyncio.to_thread(partial(withheld.feed, shown))):
                    is_shown = True
                    yield text
                if repetition.feed(piece.text):
                    draft.finish_reason, draft.is_whole = "length", False
                    break
        is_stuck = draft.calls[calls].outcome == "cut"
        last = "" if is_stuck else cited.finish()
        if text := await asyncio.to_thread(lambda: withheld.feed(last) + withheld.finish()):
            is_shown = True
            yield text
        if is_stuck:
            draft.calls[calls].outcome = "stuck"
        elif not is_shown:
            draft.calls[calls].outcome = _why_nothing(cited.raw, refusal)
    finally:
        draft.raw = cited.raw


def _why_nothing(raw: str, refusal: str) -> str:
    """Why nothing of what a model said was shown."""
    said = [re.sub(r"[\W_]+", "", text.casefold()) for text in (raw, refusal)]
    return "empty" if not said[0] or said[0] == said[1] else "ungrounded"


def _facts(draft: Draft) -> Facts:
    """What the conditions of a route look at."""
    opened, topics = draft.opened, draft.ask.assistant.topics
    assert opened
    return Facts(
        tokens=tokens(draft.question),
        language=language(draft.question),
        has_tools=draft.ask.has_tools,
        has_history=bool(draft.history),
        nearness=cache(lambda name: opened.nearness(draft.query, list(topics[name]))),
    )
