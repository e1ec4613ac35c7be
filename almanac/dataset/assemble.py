"""Candidates from what was asked, what users thought of the answers, and what triage found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from almanac.assistants.logged import rendered
from almanac.assistants.template import Prompt
from almanac.core.shown_context import shown_passages
from almanac.core.thoughts import answer_and_thoughts
from almanac.dataset.candidates import Candidate, in_order
from almanac.guards.texts import same_text
from lakehouse.training import Rejected
from schemas.examples import Example, Origin
from schemas.feedback import ACTIONS, Cause, Message, Opinion, Request, Triaged
from schemas.hashing import sha256_text
from schemas.text import nfkc

TEMPLATE = "1"  # of prompts that the log does not have; raise it with any change below
_QUESTION = "Context:\n{context}\n\nQuestion: {question}"
_ROLES = ("system", "user", "assistant")
_SIGNS = re.compile(r"[\W_]+")
_LETTERS = re.compile(r"[^\W\d_]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")


@dataclass(frozen=True, slots=True)
class Assembled:
    """Candidates in order, what was left out with its reason, and how many requests were read.

    `requests` counts total, disliked, liked and unvoted; the latest vote decides. `prompts` counts
    those that were logged and those that the template made.
    """

    candidates: tuple[Candidate, ...]
    dropped: tuple[Rejected, ...]
    requests: Mapping[str, int]
    prompts: Mapping[str, int]


def assemble(
    requests: Iterable[Request],
    opinions: Mapping[str, Opinion],
    triaged: Mapping[str, Triaged],
    *,
    system_prompt: str,
    source: str,
    prompt: Prompt | None = None,
    sent: Callable[[Request], tuple[Message, ...]] = lambda request: (),
) -> Assembled:
    """One candidate a request: a like, or a dislike that triage laid to the model.

    A dislike with another cause, or without a verdict, is dropped under that name. `source` is said
    of requests that name none. With a `prompt`, every request whose passages are known is told by
    it, whatever its log has. `sent` makes the prompt that production sent, where it is known.
    """
    candidates: list[Candidate] = []
    dropped: list[Rejected] = []
    counts = Counter({"total": 0, "disliked": 0, "liked": 0, "unvoted": 0})
    prompts = Counter({"logged": 0, "template": 0})
    for request in requests:
        opinion = opinions.get(request.request_id)
        counts.update(["total", _voted(opinion)])
        if opinion is None:
            continue
        messages = prompt_of(request, system_prompt, prompt, sent)
        found = _example(request, opinion, triaged.get(request.request_id), messages, source)
        if isinstance(found, Rejected):
            dropped.append(found)
            continue
        prompts[_made_by(request, messages, prompt, sent)] += 1
        whose = (request.asked_at, request.user_id, request.session_id)
        candidates.append(Candidate(found, *whose, opinion))
    return Assembled(tuple(in_order(candidates)), tuple(dropped), dict(counts), dict(prompts))


def prompt_of(
    request: Request,
    system_prompt: str,
    prompt: Prompt | None = None,
    sent: Callable[[Request], tuple[Message, ...]] = lambda request: (),
) -> tuple[Message, ...]:
    """The final prompt as it was logged, else as it was `sent`, else the template's messages.

    A stored `prompt` goes before both where the passages are known.

    A logged prompt that does not end with a user's words, or that has a role or a message that a
    chat template cannot take, is not used either.
    """
    if prompt is not None and request.context:
        return rendered(prompt, request)
    found = logged_prompt(request) or sent(request)
    return found or (
        {"role": "system", "content": system_prompt},
        *(_plain(message) for message in request.history if _is_message(message)),
        {"role": "user", "content": _question(request)},
    )


def _made_by(
    request: Request,
    messages: tuple[Message, ...],
    prompt: Prompt | None,
    sent: Callable[[Request], tuple[Message, ...]],
) -> str:
    """logged, stored (its template is known) or template (one of Almanac's own)."""
    if messages == logged_prompt(request):
        return "logged"
    stored = prompt is not None and bool(request.context)
    return "stored" if stored or messages == sent(request) else "template"


def logged_prompt(request: Request) -> tuple[Message, ...]:
    """The prompt of the log where it can be trained on, else nothing."""
    if not request.prompt or not all(map(_is_message, request.prompt)):
        return ()
    if request.prompt[-1]["role"] != "user":
        return ()
    return tuple(map(_plain, request.prompt))


def question_group(question: str) -> str:
    """A hash that questions share which differ in case, spaces, signs or Unicode form alone."""
    return sha256_text(normalised(question))[:32]


def normalised(text: str) -> str:
    """Unicode's NFKC in lower case, spaces and signs as one space; as it is where all are signs."""
    folded = nfkc(nfkc(text).casefold())
    return _SIGNS.sub(" ", folded).strip() or folded.strip()


def language_of(request: Request) -> str:
    """What the log says, else `ru` where most letters are Cyrillic, else `en`: no more is told."""
    if request.lang:
        return re.split("[-_]", request.lang.strip().lower())[0]
    letters = _LETTERS.findall(request.question)
    return "ru" if 2 * len(_CYRILLIC.findall(request.question)) > len(letters) else "en"


def _voted(opinion: Opinion | None) -> str:
    if opinion is None:
        return "unvoted"
    return "liked" if opinion.rating > 0 else "disliked"


def _example(
    request: Request,
    opinion: Opinion,
    verdict: Triaged | None,
    messages: tuple[Message, ...],
    source: str,
) -> Example | Rejected:
    if reason := _left_out(opinion, verdict):
        calls_for = {} if reason == "not_triaged" else {"action": ACTIONS[reason]}
        return Rejected(request.request_id, reason, calls_for)
    chosen, rejected, origin = _answers(request, opinion)
    if chosen is not None and rejected is not None and same_text(chosen, rejected):
        return Rejected(request.request_id, "correction_is_response", {})
    said: dict[str, Any] = dict(request.details)
    return Example(
        request_id=request.request_id,
        prompt=messages,
        chosen=chosen,
        rejected=rejected,
        origin=origin,
        cause="liked" if origin == "like" else "model_fault",
        question=request.question,
        context=_context(request),
        lang=language_of(request),
        source=str(said.get("source") or source),
        group=question_group(request.question),
    )


def _left_out(opinion: Opinion, verdict: Triaged | None) -> Cause | Literal["not_triaged"] | None:
    """Why nothing can be learnt from this opinion; None where something can."""
    if opinion.rating > 0:
        return "votes_contradict" if opinion.contradicting else None
    if verdict is None:
        return "not_triaged"
    return None if verdict.cause == "model_fault" else verdict.cause


def _answers(request: Request, opinion: Opinion) -> tuple[str | None, str | None, Origin]:
    """Chosen, rejected and origin, without the thoughts that older imports took for text."""
    response = answer_and_thoughts(request.response)[0]
    correction = answer_and_thoughts(opinion.correction or "")[0].strip()
    if opinion.rating > 0:
        return response, None, "like"
    return (correction, response, "correction") if correction else (None, response, "dislike")


def _context(request: Request) -> tuple[str, ...]:
    """What the model was shown, as far as that is known."""
    shown = shown_passages(request)
    return shown.texts if shown.is_all else ()


def _question(request: Request) -> str:
    texts = [f"[{at}] {text}" for at, text in enumerate(_context(request), 1)]
    if not texts:
        return request.question
    return _QUESTION.format(context="\n\n".join(texts), question=request.question)


def _is_message(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return message.get("role") in _ROLES and isinstance(content, str) and bool(content.strip())


def _plain(message: Message) -> Message:
    return {"role": message["role"], "content": message["content"]}
