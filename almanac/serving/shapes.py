"""What clients send, checked, and what they get: OpenAI's forms, with the block `almanac`."""

from __future__ import annotations

import time
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from almanac.guards.hidden import readable
from almanac.retrieval.filters import Filters
from almanac.serving.asking import Begun, Ended
from almanac.serving.assistants import Assistant
from schemas.errors import ConfigError
from schemas.feedback import Message, Request
from schemas.times import When, isoformat, parse_as_of

_LONGEST_ID = 512
_Id = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_ID, pattern=r"\S")]
_MOST_MESSAGES = 1_000
_LONGEST_QUESTION = 100_000  # characters; longer ones would be searched for many seconds


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _checked_as_of(value: str | int | None) -> str | None:
    if value is None:
        return None
    try:
        parse_as_of(str(value))
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return str(value)


class _Dated(_Strict):
    as_of: str | int | None = Field(
        default=None,
        description="A date (its end, UTC), a time, or a release's number; now unless given.",
    )
    k: int | None = Field(default=None, ge=1, le=50, description="Passages to find.")
    sources: list[str] = Field(default=[], max_length=100, description="Of these alone.")
    paths: list[Annotated[str, StringConstraints(max_length=1_000)]] = Field(
        default=[], max_length=100, description="Globs, one of which a document's id matches."
    )
    fields: dict[str, str] = Field(default={}, description="Values of documents' metadata.")
    after: date | None = Field(default=None, description="Of the metadata's date.")
    before: date | None = Field(default=None, description="Likewise; both are included.")

    _check = field_validator("as_of")(_checked_as_of)

    @property
    def filters(self) -> Filters:
        """The conditions on documents."""
        pairs = tuple(sorted(self.fields.items()))
        return Filters(tuple(self.sources), tuple(self.paths), pairs, self.after, self.before)

    @property
    def when(self) -> When | None:
        """`as_of`, read."""
        return None if self.as_of is None else parse_as_of(str(self.as_of))


class AlmanacOptions(_Dated):
    """What a client may ask of Almanac beyond OpenAI's form."""

    no_cache: bool = Field(default=False, description="Ask the model, whatever answers are kept.")


class TextPart(_Shape):
    """A part of a message; only texts are read."""

    type: str
    text: str | None = None


class ChatMessage(_Shape):
    """One message of a conversation."""

    role: str
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        """Its text parts."""
        content = self.content or ""
        if isinstance(content, list):
            content = "\n".join(part.text for part in content if part.text)
        return content.replace("\0", "")


class StreamOptions(_Shape):
    """OpenAI's."""

    include_usage: bool | None = None


def is_blank(question: str) -> bool:
    """Has it nothing that a reader sees?"""
    return not readable(question).strip()


class ChatRequest(_Shape):
    """OpenAI's request for a chat completion; what is not known is passed over."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=_MOST_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    tools: list[Any] | None = None
    n: Literal[1] | None = None
    user: _Id | None = None
    metadata: dict[str, Any] | None = None
    almanac: AlmanacOptions = AlmanacOptions()

    @model_validator(mode="after")
    def _ends_with_a_question(self) -> ChatRequest:
        last = self.messages[-1]
        if last.role != "user" or is_blank(last.text):
            raise ValueError("the last message must be the user's question, and not blank")
        if len(last.text) > _LONGEST_QUESTION:
            raise ValueError(
                f"the question has more than {_LONGEST_QUESTION:,} characters: send a shorter one"
            )
        return self

    def conversation(self) -> tuple[Message, ...]:
        """Messages with text, as a prompt takes them."""
        talk = (Message(role=one.role, content=one.text) for one in self.messages)
        return tuple(one for one in talk if one["content"].strip())

    @property
    def session_id(self) -> str | None:
        """Of the metadata, or none."""
        found = (self.metadata or {}).get("session_id")
        if not isinstance(found, str) or not found.strip():
            return None
        return found.replace("\0", "").encode("utf-8", "replace").decode()[:_LONGEST_ID]


class RetrieveRequest(_Dated):
    """A question whose passages are wanted, without a model."""

    query: Annotated[
        str, StringConstraints(min_length=1, max_length=_LONGEST_QUESTION, pattern=r"\S")
    ]
    model: str | None = Field(default=None, description="An assistant; the first unless given.")


class FeedbackRequest(_Strict):
    """What a user thinks of an answer."""

    request_id: _Id
    rating: Literal[1, -1]
    comment: str | None = Field(default=None, max_length=100_000)
    correction: str | None = Field(
        default=None, max_length=100_000, description="The right answer, with a dislike."
    )
    user: _Id | None = Field(default=None, description="Who votes, where no key says it.")

    @model_validator(mode="after")
    def _corrects_a_dislike(self) -> FeedbackRequest:
        if self.correction and self.rating == 1:
            raise ValueError("a correction goes with a dislike: send rating -1")
        return self


class LoggedRequest(BaseModel):
    """A request that an assistant of one's own answered, as `almanac.client.log_request` takes it.

    What is no field here goes to `details`.
    """

    model_config = ConfigDict(extra="allow")

    question: str
    response: str
    user_id: _Id
    context: list[dict[str, Any]] | None = None
    request_id: _Id | None = None


def about(assistant: Assistant, begun: Begun) -> dict[str, Any]:
    """The block `almanac` as far as it is known before the first word."""
    return {
        "request_id": begun.request_id,
        "version": assistant.short,
        "release": begun.release,
        "as_of": isoformat(begun.as_of),
        "prompt": assistant.prompt.prompt_id[:12],
        "served_by": assistant.legs[0].name,
        "model": assistant.chat.endpoint.model,
        "adapter": None,
        "cached": begun.cached,
        "citations": begun.citations,
    }


def completion(assistant: Assistant, begun: Begun, ended: Ended, viewer: str) -> dict[str, Any]:
    """OpenAI's chat completion."""
    message = {
        "role": "assistant",
        "content": ended.request.response,
        "annotations": url_citations(ended, begun, viewer),
    }
    choice = {"index": 0, "message": message, "finish_reason": ended.finish_reason}
    return {
        "id": begun.request_id,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": assistant.name,
        "choices": [choice],
        "usage": usage(ended.request),
        "almanac": about(assistant, begun) | _ending(ended),
    }


def first_chunk(assistant: Assistant, begun: Begun) -> dict[str, Any]:
    """Of a stream: no words yet, but the release and the passages."""
    return _chunk(assistant, begun, []) | {"almanac": about(assistant, begun)}


def text_chunk(assistant: Assistant, begun: Begun, text: str, is_first: bool) -> dict[str, Any]:
    """Of a stream: words."""
    delta: dict[str, Any] = {"content": text}
    if is_first:
        delta = {"role": "assistant"} | delta
    return _chunk(assistant, begun, [{"index": 0, "delta": delta, "finish_reason": None}])


def last_chunk(assistant: Assistant, begun: Begun, ended: Ended, viewer: str) -> dict[str, Any]:
    """Of a stream: why it ended, what it cost and what it cites."""
    delta = {"annotations": url_citations(ended, begun, viewer)}
    choices = [{"index": 0, "delta": delta, "finish_reason": ended.finish_reason}]
    return _chunk(assistant, begun, choices) | {
        "usage": usage(ended.request),
        "almanac": about(assistant, begun) | _ending(ended),
    }


def url_citations(ended: Ended, begun: Begun, viewer: str) -> list[dict[str, Any]]:
    """OpenAI's citations: each place of the answer that names a passage, and the passage's page."""
    by_number = {one["n"]: one for one in ended.citations}
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": _address(viewer, by_number[n], begun.release),
                "title": by_number[n]["title"],
                "start_index": start,
                "end_index": end,
            },
        }
        for n, start, end in ended.marks
        if n in by_number
    ]


def _address(viewer: str, citation: dict[str, Any], release: int) -> str:
    """Where a cited document can be read as the release has it."""
    path = "/".join(quote(citation[name]) for name in ("source", "doc_id"))
    return f"{viewer}/v1/documents/{path}?release={release}"


def usage(request: Request) -> dict[str, int]:
    """Tokens, as the endpoint counted them; 0 where no model was asked or it does not count."""
    prompt, completed = request.prompt_tokens or 0, request.completion_tokens or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completed,
        "total_tokens": prompt + completed,
    }


def _ending(ended: Ended) -> dict[str, Any]:
    return {
        "status": ended.request.status,
        "served_by": (ended.request.route or {})["chosen"],
        "model": ended.request.model,
        "adapter": ended.request.adapter,
        "why": (ended.request.route or {})["why"],
        "cost_usd": _usd(ended.request),
        "guards": list((ended.request.guard or {}).get("decisions", ())),
        "citations": ended.citations,
        "latency_ms": ended.request.latency_ms,
        "first_token_ms": ended.request.first_token_ms,
    }


def _usd(request: Request) -> float | None:
    """What an answer cost; None where a price is not known."""
    return None if request.cost_micros is None else request.cost_micros / 1_000_000


def _chunk(assistant: Assistant, begun: Begun, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": begun.request_id,
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": assistant.name,
        "choices": choices,
    }
