"""The models of an assistant's route, open, and the calls of them that an answer makes."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from almanac.costs.calls import Call
from almanac.costs.prices import Prices
from almanac.llm.chat import EndpointFailed
from almanac.llm.streaming import Piece, StreamingChat
from almanac.llm.usage import Usage, estimated
from almanac.serving.circuit import Circuit
from schemas.feedback import Message

Purpose = Literal["answer", "rewrite"]


@dataclass(frozen=True, slots=True)
class Leg:
    """One model of a route. `name` is what an answer says that it was served by."""

    name: str
    endpoint: str
    chat: StreamingChat
    max_tokens: int
    prices: Prices
    circuit: Circuit
    when: str | None = None
    timeout_seconds: float | None = None
    adapter: str | None = None  # its whole id

    @property
    def model(self) -> str:
        """What the endpoint calls it."""
        return self.chat.endpoint.model


@dataclass(frozen=True, slots=True)
class Generation:
    """How a model is to write. `at` is when the question came, which decides the price."""

    max_tokens: int
    temperature: float
    seed: int
    at: datetime


async def ask_model(
    calls: list[Call], leg: Leg, purpose: Purpose, messages: Sequence[Message], how: Generation
) -> AsyncGenerator[Piece]:
    """Ask a model; whatever becomes of it, what it took and cost is added to `calls`.

    Raises:
        EndpointFailed: see `StreamingChat.stream`.
    """
    call = Call(leg.name, leg.endpoint, leg.model, purpose)
    calls.append(call)
    began = time.perf_counter()
    said: list[str] = []
    told: Usage | None = None
    was_refused = False
    most = min(how.max_tokens, leg.max_tokens)
    stream = leg.chat.stream(messages, most, how.temperature, how.seed, leg.timeout_seconds)
    try:
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                said.append(piece.text)
                told = piece.usage or told
                yield piece
        call.outcome = "answered"
        leg.circuit.succeeded()
    except EndpointFailed as error:
        if error.is_of_the_endpoint:
            leg.circuit.failed()
        call.outcome, call.why, was_refused = "failed", str(error), error.was_refused
        raise
    finally:
        leg.circuit.left()
        if not was_refused:
            call.usage = told or estimated(messages, "".join(said))
        price = leg.prices.of(leg.endpoint, leg.model, how.at)
        call.usd = None if price is None else price.of(call.usage)
        call.milliseconds = round((time.perf_counter() - began) * 1000, 1)
