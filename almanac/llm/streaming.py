"""A chat model behind an OpenAI-compatible endpoint, its answer word by word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from almanac.llm.address import host
from almanac.llm.chat import EndpointFailed
from almanac.llm.events import events
from almanac.llm.usage import Usage, reported
from almanac.llm.verdict import storable
from schemas.feedback import Message
from schemas.settings import ModelEndpoint

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_OF_THE_QUESTION = (400, 413, 422)  # a prompt that is too long, or has what it does not take
_TOLD = 300  # characters of what an endpoint said that go into an error


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer: text, or why it ended and what it cost.

    `finish_reason` is stop or length, once. `usage` is None where the endpoint has none.
    """

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None


class StreamingChat:
    """One model at one endpoint, for many answers at a time; making one asks nothing."""

    def __init__(self, endpoint: ModelEndpoint, key: str) -> None:
        self.endpoint = endpoint
        self._key = key
        self._client: AsyncOpenAI | None = None

    async def stream(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        temperature: float,
        seed: int,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[Piece]:
        """The answer to a conversation in pieces. Closing the iterator ends the model's work.

        `timeout_seconds` is of this answer, instead of the endpoint's.

        Raises:
            EndpointFailed: there is no answer, or it takes longer than the endpoint may.
        """
        import openai

        seconds = timeout_seconds or self.endpoint.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                asked = self._open().chat.completions.with_streaming_response
                opening = asked.create(  # type: ignore[call-overload]
                    model=self.endpoint.model,
                    messages=list(messages),
                    max_tokens=max_tokens,
                    temperature=temperature,
                    seed=seed,
                    stop=list(self.endpoint.stop) or openai.omit,
                    stream=True,
                    stream_options={"include_usage": True},
                )
                async with (
                    opening as opened,
                    aclosing(events(opened.iter_bytes())) as chunks,
                    aclosing(self._pieces(chunks)) as pieces,
                ):
                    async for piece in pieces:
                        yield piece
        except openai.APIStatusError as error:
            said = f"HTTP {error.status_code}: {error.message}"
            is_of_the_question = error.status_code in _OF_THE_QUESTION
            raise self._failed(said, True, not is_of_the_question) from None
        except (TimeoutError, openai.APITimeoutError) as error:
            waited = f"no answer within {seconds:g} seconds"
            never_reached = isinstance(error.__cause__, httpx2.ConnectTimeout)
            raise self._failed(waited, never_reached) from None
        # httpx2: the connection ended amid the answer. ValueError: a body that is no JSON.
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            cause = error.__cause__ or error
            was_refused = isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout)
            raise self._failed(f"{error} ({type(cause).__name__})", was_refused) from None

    async def close(self) -> None:
        """Let the connections go."""
        if self._client:
            await self._client.close()

    async def _pieces(self, chunks: AsyncGenerator[dict[str, Any]]) -> AsyncGenerator[Piece]:
        wait = self.endpoint.first_token_seconds
        while True:
            try:
                async with asyncio.timeout(wait):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise self._failed(f"no word within {wait:g} seconds") from None
            yield _piece(chunk)

    def _failed(
        self, what: str, was_refused: bool = False, is_of_the_endpoint: bool = True
    ) -> EndpointFailed:
        if self._key:
            what = what.replace(self._key, "[key]")  # some servers repeat the key they refuse
        said = " ".join(what.split())[:_TOLD]
        return EndpointFailed(
            f"{self.endpoint.model} at {host(self.endpoint.base_url)} failed: {said}",
            was_refused,
            is_of_the_endpoint,
        )

    def _open(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        if self._client is None:
            self._client = AsyncOpenAI(
                http_client=DefaultAsyncHttpxClient(follow_redirects=False),  # as in chat.py
                api_key=self._key or "none",
                base_url=self.endpoint.base_url,
                timeout=self.endpoint.timeout_seconds,
                max_retries=self.endpoint.max_retries,
            )
        return self._client


def _piece(chunk: dict[str, Any]) -> Piece:
    """A chunk of a stream; servers that are nearly compatible leave out what they like."""
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    text = _of(_of(choice, "delta"), "content")
    reason = _of(choice, "finish_reason")
    return Piece(
        text=storable(text) if isinstance(text, str) else "",
        finish_reason=reason if isinstance(reason, str) else None,
        usage=reported(chunk.get("usage")),
    )


def _of(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
