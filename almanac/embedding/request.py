"""Requests to an embeddings endpoint: repeated where that helps, changed where it must be.

An endpoint may refuse what OpenAI's takes: base64 (then lists of numbers are asked for) and
`dimensions` (then they are left out; the size of its vectors is checked all the same). What was
refused once is not sent again. Neither changes a vector.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from almanac.embedding.patience import Patience, used_up
from almanac.embedding.refusals import STATUSES, Refused
from schemas.errors import EmbeddingFailed
from schemas.settings import EmbedderSettings

if TYPE_CHECKING:
    from openai import OpenAI

_FOR_GOOD = ("insufficient_quota", "billing_hard_limit_reached")
_REPEATED = (408, 409, 429, 500)  # and all above


class Requests:
    """Asks for vectors; one may be used from several threads."""

    def __init__(self, settings: EmbedderSettings, client: OpenAI, name: str, key: str) -> None:
        self._settings, self._client, self._name, self._key = settings, client, name, key
        self._encoding = "base64"
        self._dimension = settings.dimension
        self.concessions = 0  # how many things were left out
        self._free_at = 0.0  # by the monotonic clock: when a used-up limit is renewed

    def post(self, texts: Sequence[str]) -> bytes:
        """The body of the answer.

        Raises:
            Refused: the request as such is not taken: too many texts, too long ones, or unclear.
            EmbeddingFailed: anything else, after as many repeats as the settings allow.
        """
        before = (self._encoding, self._dimension, self.concessions)
        while True:
            try:
                return self._patiently(texts)
            except Refused as refused:
                if not self._gives_in(refused, alone=len(texts) == 1):
                    if refused.reason == "unclear":  # it was the text itself, as it turned out
                        self._encoding, self._dimension, self.concessions = before
                    raise

    def _gives_in(self, refused: Refused, alone: bool) -> bool:
        """Leave out what was refused, or what may have been; False where all is left out."""
        reason = refused.reason
        doubtful = reason == "unclear" and alone
        if self._encoding == "base64" and (reason == "encoding" or doubtful):
            self._encoding = "float"
            self.concessions += 1
            return True
        if self._dimension is not None and (reason == "dimensions" or doubtful):
            self._dimension = None
            self.concessions += 1
            return True
        return False

    def _patiently(self, texts: Sequence[str]) -> bytes:
        import openai

        settings = self._settings
        patience = Patience(settings.max_retries, settings.rate_limit_seconds)
        while True:
            time.sleep(min(max(0.0, self._free_at - time.monotonic()), settings.rate_limit_seconds))
            try:
                answer = self._create(texts)
            except openai.APIStatusError as error:
                self._or_give_up(error, patience)
            except openai.APITimeoutError:
                if not patience.failed({}):
                    raise self._failed(
                        f"no answer within {settings.timeout_seconds:g} seconds"
                    ) from None
            except openai.APIConnectionError as error:
                if not patience.failed({}):
                    raise self._failed(_plainly(error)) from None
            except openai.OpenAIError as error:
                raise self._failed(_plainly(error)) from None
            else:
                if wait := used_up(answer.headers):
                    self._free_at = time.monotonic() + wait
                return bytes(answer.content)

    def _create(self, texts: Sequence[str]) -> Any:
        import openai

        return self._client.embeddings.with_raw_response.create(
            input=list(texts),
            model=self._settings.model,
            encoding_format="base64" if self._encoding == "base64" else "float",
            dimensions=openai.omit if self._dimension is None else self._dimension,
        )

    def _or_give_up(self, error: Any, patience: Patience) -> None:
        """Return where the request is to be repeated, after a wait; else raise."""
        status, headers = error.status_code, error.response.headers
        if status in STATUSES:
            raise Refused(status, error.message) from None
        if status == 429 and error.code not in _FOR_GOOD:
            if patience.limited(headers):
                return
            wait = f"{self._settings.rate_limit_seconds:g} seconds (embedder.rate_limit_seconds)"
            raise self._failed(
                f"HTTP 429: {error.message} It limits the rate for longer than {wait}"
            ) from None
        repeats = (status in _REPEATED or status > 500) and status != 429
        if not (repeats and patience.failed(headers)):
            raise self.refusal(status, error.message) from None

    def body(self, text: str) -> dict[str, Any]:
        """The body of a request for one text, for the batch API."""
        known = {"model": self._settings.model, "input": text, "encoding_format": "base64"}
        return known | ({} if self._dimension is None else {"dimensions": self._dimension})

    def refusal(self, status: int, message: str) -> EmbeddingFailed:
        """The error of an answer with this status."""
        return self._failed(f"HTTP {status}: {message}")

    def _failed(self, what: str) -> EmbeddingFailed:
        if self._key:
            what = what.replace(self._key, "[key]")  # some servers repeat the key that they refuse
        retries = self._settings.max_retries
        said = " ".join(what.split())[:300]
        return EmbeddingFailed(f"{self._name} failed ({retries} retries allowed): {said}")


def _plainly(error: BaseException) -> str:
    return f"{error} ({type(error.__cause__ or error).__name__})"


def open_client(settings: EmbedderSettings, url: str, key: str) -> OpenAI:
    """The client; of Azure where `api_version` is set, whose paths and headers are its own.

    It follows no redirect: texts and keys go to nobody but the address that was given.
    """
    from openai import AzureOpenAI, DefaultHttpxClient, OpenAI

    shared: Mapping[str, Any] = {
        "timeout": settings.timeout_seconds,
        "max_retries": 0,
        "http_client": DefaultHttpxClient(follow_redirects=False),
    }
    if settings.api_version:
        resource = url.partition("/openai")[0].rstrip("/")
        return AzureOpenAI(
            api_key=key or "none",
            azure_endpoint=resource,
            api_version=settings.api_version,
            **shared,
        )
    return OpenAI(api_key=key or "none", base_url=url, **shared)
