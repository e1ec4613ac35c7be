"""A chat model behind an OpenAI-compatible endpoint (`POST {base_url}/chat/completions`).

Asked at temperature 0 with the configured seed. The client repeats what failed for now (429, 5xx,
time-outs, broken connections) up to `max_retries` times, waiting as `Retry-After` says, else half a
second, doubled each time up to eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from almanac.llm.address import host, key
from almanac.llm.usage import Usage, estimated, reported
from schemas.errors import AlmanacError, ConfigError
from schemas.feedback import Message
from schemas.settings import EndpointSettings

if TYPE_CHECKING:
    from openai import OpenAI

_DEFAULT_URL = "https://api.openai.com/v1"
_TOLD = 300  # characters of what an endpoint said that go into an error


class EndpointFailed(AlmanacError):
    """A chat endpoint gave no answer that can be used.

    `was_refused`: it said so itself, or was not reached, and so read and wrote nothing.
    `is_of_the_endpoint`: another question would fail as well; False where it refused this one.
    """

    def __init__(
        self, message: str, was_refused: bool = False, is_of_the_endpoint: bool = True
    ) -> None:
        super().__init__(message)
        self.was_refused = was_refused
        self.is_of_the_endpoint = is_of_the_endpoint


class Chat:
    """One model at one endpoint; making one asks nothing.

    Raises:
        ConfigError: no model is named, or the variable that should hold the key is not set.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        if not settings.model:
            raise ConfigError("no chat model is configured: set `model` of the endpoint")
        self._settings = settings
        self._model = settings.model
        self._url = settings.base_url or _DEFAULT_URL
        self._key = key(self._url, settings.api_key_env, "api_key_env of the endpoint")
        self._client = self._open()
        self._spent: list[Usage] = []
        self._lock = Lock()

    @property
    def model(self) -> str:
        """The endpoint's name of the model."""
        return self._model

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the answers: model, base_url host, seed and the longest answer."""
        return {
            "model": self._model,
            "host": host(self._url),
            "seed": self._settings.seed,
            "max_tokens": self._settings.max_tokens,
        }

    def ask(self, messages: Sequence[Message]) -> str:
        """The answer to a conversation, as text.

        Raises:
            EndpointFailed: after as many repeats as allowed there was no answer, or an empty one.
        """
        import openai

        try:
            answer = self._client.chat.completions.create(
                model=self._model,
                messages=list(messages),  # type: ignore[arg-type]
                temperature=0,
                seed=self._settings.seed,
                max_tokens=self._settings.max_tokens,
            )
        except openai.APIStatusError as error:
            raise self._failed(f"HTTP {error.status_code}: {error.message}") from None
        except openai.APITimeoutError:
            self._spend(estimated(messages, ""))
            waited = f"no answer within {self._settings.timeout_seconds:g} seconds"
            raise self._failed(waited) from None
        except (openai.OpenAIError, ValueError) as error:  # ValueError: a body that is no JSON
            raise self._failed(f"{error} ({type(error.__cause__ or error).__name__})") from None
        content = _content(answer)
        self._spend(reported(getattr(answer, "usage", None)) or estimated(messages, content or ""))
        if not content or not content.strip():
            raise self._failed("it sent no text")
        return content

    def take_spent(self) -> list[Usage]:
        """What each answer since the last look took; what the endpoint refused took nothing."""
        with self._lock:
            taken, self._spent = self._spent, []
        return taken

    def _spend(self, usage: Usage) -> None:
        with self._lock:
            self._spent.append(usage)

    def _failed(self, what: str) -> EndpointFailed:
        if self._key:
            what = what.replace(self._key, "[key]")  # some servers repeat the key they refuse
        allowed = f"{self._settings.max_retries} retries allowed"
        said = " ".join(what.split())[:_TOLD]
        return EndpointFailed(f"{self._model} at {host(self._url)} failed ({allowed}): {said}")

    def _open(self) -> OpenAI:
        from openai import DefaultHttpxClient, OpenAI

        return OpenAI(
            http_client=DefaultHttpxClient(follow_redirects=False),  # texts and keys stay with it
            api_key=self._key or "none",
            base_url=self._url,
            timeout=self._settings.timeout_seconds,
            max_retries=self._settings.max_retries,
        )


def _content(answer: Any) -> str | None:
    """The text of an answer; servers that are nearly compatible send what they like."""
    choices = getattr(answer, "choices", None)
    message = getattr(choices[0], "message", None) if choices else None
    content = getattr(message, "content", None)
    return content if isinstance(content, str) else None
