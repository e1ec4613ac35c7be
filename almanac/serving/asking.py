"""A question as it came in, what is told of its answer, and what its log will say."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from almanac.costs.calls import Call, total
from almanac.costs.prices import micros
from almanac.journal import new_request_id
from almanac.llm.usage import Usage
from almanac.retrieval.filters import Filters
from almanac.retrieval.open_release import OpenRelease
from almanac.serving.assistants import Assistant
from almanac.serving.citing import CitedText
from almanac.serving.decisions import Decisions
from almanac.serving.legs import Leg
from almanac.serving.passages import ShownPassage, citations
from almanac.serving.routing import NO_FACTS, Routing
from almanac.serving.who import PUBLIC, Caller
from schemas.feedback import Message, Passage, Request, Status
from schemas.times import When

EVERYTHING = Filters()
_PIECE = re.compile(r"\S+\s*|\s+")
_WORDS = 8  # of a piece of a stream


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as it came in, with who asks.

    `messages` end with the user's question. `when` is None for the release that the assistant has.
    `may_be_cached`: where the version says so, a kept answer may be given, and this one be kept.
    `has_tools`: the client offers tools, which a route may look at. `budgets` are the names of
    those that the answer counts in; one that is spent may ask for the cheapest model (`is_cheap`).
    `arm` is of a rollout: candidate, current, or fallback for a user of a candidate that failed.
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
    filters: Filters = EVERYTHING
    arm: str | None = None
    rollout: str | None = None
    has_tools: bool = False
    is_cheap: bool = False
    budgets: tuple[str, ...] = ()
    may_be_cached: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known before the first word."""

    request_id: str
    release: int
    as_of: datetime
    citations: list[dict[str, Any]]
    cached: bool = False


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


@dataclass(frozen=True, slots=True)
class Hit:
    """The kept answer of another request that is given, with the numbers of its passages now."""

    request_id: str
    text: str

    def pieces(self) -> Iterator[str]:
        """The text, a few words at a time."""
        words = _PIECE.findall(self.text)
        for at in range(0, len(words), _WORDS):
            yield "".join(words[at : at + _WORDS])


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
    calls: list[Call] = field(default_factory=list)
    routing: Routing | None = None  # None where no model was to be asked
    finish_reason: str = "stop"
    is_whole: bool = False  # the model said itself that its answer ends
    is_logged: bool = False
    status: Status = "empty"
    original: str = ""  # the question before personal data was masked
    decisions: Decisions = field(init=False)
    hit: Hit | None = None

    def __post_init__(self) -> None:
        self.decisions = Decisions(self.ask.assistant.settings.guards)

    @property
    def sources(self) -> list[str]:
        """Question, earlier turns and passages: what stands in them may be said."""
        said_before = [self.original, self.question, *(one["content"] for one in self.history)]
        return [*said_before, *(f"{one.heading} {one.text}" for one in self.passages)]

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
        assistant, usd = self.ask.assistant, total(self.calls)
        details: dict[str, Any] = {"citations": citations(self.passages, self._used)}
        if self.query != self.question:
            details["standalone_question"] = self.query
        if self.raw.strip() != self.text.strip() and not self.hit:
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
            model=self._leg.model,
            adapter=self._leg.adapter,
            prompt_tokens=self._told.prompt if self._told else None,
            completion_tokens=self._told.completion if self._told else None,
            latency_ms=self.milliseconds,
            details=details,
            assistant=assistant.name,
            version=assistant.version,
            status=status,
            route=self._route,
            cost_micros=None if usd is None else micros(usd),
            params=assistant.params | given(self.ask),
            guard=self.decisions.as_json(),
            first_token_ms=self.first_token_ms,
            principals_hash=self.ask.caller.principals_hash,
            context_hashes=tuple(one.row_hash for one in self.passages),
            arm=self.ask.arm,
            rollout=self.ask.rollout,
            cached=self.hit.request_id if self.hit else None,
        )

    @property
    def _leg(self) -> Leg:
        """The model that answered, or would have."""
        return self.routing.chosen if self.routing else self.ask.assistant.legs[0]

    @property
    def _route(self) -> dict[str, Any]:
        """What was tried, chosen and why."""
        routing = self.routing or Routing(self.ask.assistant.legs, NO_FACTS, ())
        found = routing.as_json(self.calls)
        return found | {"budgets": list(self.ask.budgets)} if self.ask.budgets else found

    @property
    def _told(self) -> Usage | None:
        """What the endpoint counted for the answer; None where it did not, or was not asked."""
        last = next((one for one in reversed(self.calls) if one.purpose == "answer"), None)
        return last.usage if last and not last.usage.is_estimate and last.usage.prompt else None

    @property
    def _used(self) -> set[int]:
        return {mark.n for mark in CitedText.marks_in(self.text)}


def given(ask: Ask) -> dict[str, Any]:
    """The parameters that the client set itself."""
    values = {"k": ask.k, "max_tokens": ask.max_tokens, "temperature": ask.temperature}
    set_by_client = {name: value for name, value in values.items() if value is not None}
    return set_by_client | ({"filters": plain(ask.filters)} if ask.filters else {})


def plain(filters: Filters) -> dict[str, Any]:
    """Conditions as JSON; `filters_of` reads them again."""
    return {
        "sources": list(filters.sources),
        "paths": list(filters.paths),
        "fields": [list(pair) for pair in filters.fields],
        "after": filters.after.isoformat() if filters.after else None,
        "before": filters.before.isoformat() if filters.before else None,
    }


def filters_of(stored: Mapping[str, Any] | None) -> Filters:
    """The conditions that `plain` wrote; none for None."""
    if not stored:
        return Filters()
    after, before = stored["after"], stored["before"]
    return Filters(
        tuple(stored["sources"]),
        tuple(stored["paths"]),
        tuple((name, value) for name, value in stored["fields"]),
        date.fromisoformat(after) if after else None,
        date.fromisoformat(before) if before else None,
    )
