"""A logged request again: are its passages and its prompt the same, and if not, why?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from almanac.core.answered import how_answered
from almanac.costs.calls import Spent
from almanac.costs.recording import record
from almanac.serving import guarding
from almanac.serving.answering import Answering, in_thread
from almanac.serving.asking import Ask, Ended, filters_of
from almanac.serving.assistants import Assistant
from almanac.serving.budget import newest_within, within
from almanac.serving.decisions import Decisions
from almanac.serving.documents import check_passages
from almanac.serving.passages import ShownPassage, shown
from almanac.serving.service import Service
from almanac.serving.who import Caller
from schemas.errors import AlmanacError
from schemas.feedback import Message, Passage, Request
from schemas.times import isoformat


async def replay(
    service: Service, caller: Caller, request_id: str, release: int | None, now: bool
) -> dict[str, Any]:
    """Find the passages of a request anew and render its prompt again.

    Args:
        release: another one than that which answered.
        now: also answer the question from the release that answers now; it is not logged.

    Returns:
        `same`; and for `passages` and `prompt` whether they are the same, and `why` not; `how` it
        was answered then, see `how_answered`.

    Raises:
        FeedbackUnknown: no such request is stored.
        Refused: its reader may not see its passages.
        ReleaseNotOpen: retention let the release go; the message has the command.
        AlmanacError: another assistant than ours answered it, or ours is no more.
    """
    request = await in_thread(lambda: service.request(request_id))
    check_passages(service, caller, request)
    assistant = await in_thread(lambda: _assistant(service, request))
    answers = service.assistants.get(assistant.name, assistant)  # the version that would answer now
    seq = release if release is not None else request.release
    if seq is None:
        raise AlmanacError(f"request {request_id} names no release: give one with --release")
    found, opened_at = await in_thread(lambda: _passages(service, caller, assistant, request, seq))
    passages = _compared(request, found)
    prompt = _prompt(assistant, request, found)
    report = {
        "request_id": request.request_id,
        "question": request.question,
        "answer": request.response,
        "status": request.status,
        "answered_by": request.release,
        "replayed_on": seq,
        "as_of": opened_at,
        "same": passages["same"] and prompt["same"],
        "passages": passages,
        "prompt": prompt,
        "how": how_answered(request.route, request.cost_micros, request.cached),
        "version": {"then": (request.version or "")[:12], "now": answers.short},
    }
    if now:
        report["today"] = await _today(service, caller, answers, request)
    return report


def _assistant(service: Service, request: Request) -> Assistant:
    if request.assistant is None:
        raise AlmanacError(
            f"request {request.request_id} was answered by another assistant, of which Almanac "
            "knows neither the search nor the prompt: `almanac triage` looks into it"
        )
    if request.version and service.lake.assistant_versions.get(request.version):
        return service.versions.open(request.version)
    if request.assistant not in service.assistants:
        raise AlmanacError(
            f"the version of {request.assistant!r} that answered is not stored, and it is not "
            f"configured any more: add [assistants.{request.assistant}] again"
        )
    return service.assistants[request.assistant]


def _passages(
    service: Service, caller: Caller, assistant: Assistant, request: Request, seq: int
) -> tuple[list[ShownPassage], str]:
    """What the search finds in a release, with the request's own parameters."""
    opened = service.releases.as_of(seq)
    params = assistant.params | dict(request.params or {})
    query = str(request.details.get("standalone_question") or request.question)
    filters = filters_of(params.get("filters"))
    hits = opened.search(query, params["k"], params["mode"], filters, caller.principals)
    allowed = guarding.allowed(Decisions(assistant.settings.guards), shown(hits))
    found = within(allowed, params["max_context_tokens"])
    return found, isoformat(opened.release.logical_time)


def _compared(request: Request, found: Sequence[ShownPassage]) -> dict[str, Any]:
    then = list(request.context)
    now = [Passage(one.chunk_id, one.text) for one in found]
    texts = {one.chunk_id: one.text for one in then}
    return {
        "same": then == now,
        "then": [one.chunk_id for one in then],
        "now": [one.chunk_id for one in now],
        "gone": [one.chunk_id for one in then if one not in now],
        "new": [
            {"chunk_id": one.chunk_id, "source": one.source, "doc_id": one.doc_id}
            for one in found
            if texts.get(one.chunk_id) != one.text
        ],
    }


def _prompt(
    assistant: Assistant, request: Request, found: Sequence[ShownPassage]
) -> dict[str, Any]:
    """The prompt rendered again, held against the logged one."""
    if not request.prompt:
        return {"same": not found, "why": "" if not found else "no model was asked then"}
    if request.prompt_version != assistant.prompt.prompt_id:
        then = (request.prompt_version or "none")[:12]
        now = assistant.prompt.prompt_id[:12]
        return {"same": False, "why": f"the template is another one: {then} then, {now} now"}
    history = newest_within(request.history, assistant.settings.max_history_tokens)
    rendered = assistant.render(request.question, [one.for_prompt() for one in found], history)
    return {"same": tuple(rendered) == request.prompt, "why": _difference(request.prompt, rendered)}


def _difference(then: Sequence[Message], now: Sequence[Message]) -> str:
    if len(then) != len(now):
        return f"{len(then)} messages then, {len(now)} now"
    for at, (one, other) in enumerate(zip(then, now, strict=True), 1):
        if one != other:
            pairs = enumerate(zip(one["content"], other["content"], strict=False))
            shortest = min(len(one["content"]), len(other["content"]))
            place = next((at for at, (a, b) in pairs if a != b), shortest)
            return f"message {at} differs from character {place} on"
    return ""


async def _today(
    service: Service, caller: Caller, assistant: Assistant, request: Request
) -> dict[str, Any]:
    """What is answered now, which nobody is shown but who asked for the replay."""
    messages = (*request.history, Message(role="user", content=request.question))
    filters = filters_of((request.params or {}).get("filters"))
    ask = Ask(assistant, messages, request.user_id, caller=caller, filters=filters)
    spent = Spent("replay")
    answering = Answering(service.releases, spent)
    ended = None
    try:
        async with aclosing(answering.answer(ask)) as events:
            async for event in events:
                ended = event
    finally:
        await in_thread(lambda: record(service.lake, spent.take()))
    assert isinstance(ended, Ended)
    answer = replace(ended.request, request_id="")
    return {
        "release": answer.release,
        "answer": answer.response,
        "status": answer.status,
        "citations": ended.citations,
    }
