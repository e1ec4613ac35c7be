"""JSON from a service that needs a token: every refusal stops the listing, in plain words."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from almanac.sources.address import redacted
from almanac.sources.web_client import Answer, Unanswered, WebClient, is_home
from schemas.errors import ConfigError, SourceUnavailable

_MOST = 100_000_000  # bytes of one answer
_WHY = {
    401: "the token is wrong or has expired",
    403: "the account may not see it",
    404: "it is not there, or the account may not see it",
}


def token(variable: str) -> str:
    """A secret of the environment. Raises ConfigError where it is not set."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(f"the variable {variable} (token_env) is not set: it holds the token")
    return value


class Service:
    """One service. `base` is its address without a slash at the end."""

    def __init__(self, base: str, client: WebClient) -> None:
        self.base = base.rstrip("/")
        self.client = client
        self._root = "{0.scheme}://{0.netloc}".format(urlsplit(base))
        self._folder = urlsplit(self.base).path

    def url(self, path: str) -> str:
        """The address of a path, which may repeat the folder of the service or be whole.

        A service behind a proxy may not know by which scheme and port it is asked.
        """
        if path.startswith(("http://", "https://")):
            named = urlsplit(path)
            if named.hostname != urlsplit(self._root).hostname:
                return path
            return f"{self._root}{named.path}{'?' * bool(named.query)}{named.query}"
        whole = self._folder and path.startswith(f"{self._folder}/")
        return f"{self._root}{path}" if whole else f"{self.base}{path}"

    def listed(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One object that a complete listing needs. Raises SourceUnavailable."""
        url = self.url(path)
        try:
            answer = self._answer(url, body)
        except Unanswered as failure:
            raise self.unavailable(url, failure.reason) from None
        if answer.status != 200:
            why = _WHY.get(answer.status, "see what it says there")
            raise self.unavailable(url, f"HTTP {answer.status}: {why}")
        return self._object(url, answer)

    def content(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """One object; None where it is gone or hidden. Raises OSError where that may pass."""
        url = self.url(path)
        answer = self._answer(url, body)
        if answer.status in (403, 404, 410):
            return None
        if answer.status != 200:
            raise Unanswered(url, f"HTTP {answer.status}", answer.status)
        return self._object(url, answer)

    def unavailable(self, url: str, reason: str) -> SourceUnavailable:
        """Why the listing ends here."""
        return SourceUnavailable(
            f"{redacted(url)} cannot be listed ({reason}): nothing was changed; check uri, the "
            "token and what the account may see"
        )

    def _answer(self, url: str, body: Mapping[str, Any] | None) -> Answer:
        if not is_home(url, self._root):
            raise self.unavailable(url, "it is on another host")
        method = "GET" if body is None else "POST"
        answer = self.client.ask(method, url, body=body, most=_MOST)
        reason = answer.headers.get("x-seraph-loginreason", "")
        if "FAILED" in reason or "DENIED" in reason:  # the answer is what strangers may see
            raise self.unavailable(url, _WHY[401])
        return answer

    def _object(self, url: str, answer: Answer) -> dict[str, Any]:
        try:
            found = json.loads(answer.data)
        except ValueError:
            found = None
        if answer.is_cut or not isinstance(found, dict):
            raise self.unavailable(url, "the answer is no JSON object")
        return found
