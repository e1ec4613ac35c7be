"""HTTP for connectors: a rate that is kept, waiting where a server asks for it, bounded answers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import TracebackType
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from almanac.sources.address import redacted
from almanac.sources.base import RateLimit
from almanac.sources.unpacking import decoded

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses that another try may mend
_LONGEST_WAIT = 300.0  # seconds that a server may ask for
_LONGEST_ANSWER = 900.0  # seconds; the timeout is for each piece, and one may come after another
_MOVED = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_PIECE = 1 << 16
_MOST_REDIRECTS = 5
Headers = Mapping[str, str]


class Unanswered(OSError):
    """No usable answer after all attempts; it may pass. `status` is 0 without any answer."""

    def __init__(self, url: str, reason: str, status: int = 0) -> None:
        super().__init__(f"{redacted(url)}: {reason}")
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. `is_cut`: there is more than the limit, or nobody wants the rest."""

    url: str
    status: int
    headers: Headers
    data: bytes = b""
    is_cut: bool = False

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def target(self) -> str | None:
        """Where a redirect leads; None for any other answer, or where that is no address."""
        if self.status not in _MOVED or "location" not in self.headers:
            return None
        try:
            target = urljoin(self.url, self.headers["location"])
            urlsplit(target)
        except ValueError:  # such as https://[
            return None
        return target


class WebClient:
    """Requests to one service, one after another; redirects are the caller's to follow.

    per_second: the highest rate. attempts: of each request. pause: seconds before the second one,
    doubled each time, unless the server says how long. headers, auth: sent to the host, port and
    scheme of `home` alone, and to no other, whoever names an address.
    """

    def __init__(
        self,
        per_second: float,
        timeout: float,
        attempts: int = 4,
        pause: float = 2.0,
        headers: Headers | None = None,
        auth: tuple[str, str] | None = None,
        *,
        home: str,
    ) -> None:
        self._limit = RateLimit(per_second)
        self._attempts = attempts
        self._pause = pause
        self._home = home
        self._headers = dict(headers or {})
        self._auth = auth
        self._client = httpx.Client(timeout=timeout, headers={"Accept-Encoding": "gzip, deflate"})

    def __enter__(self) -> WebClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._client.close()

    def slow_down(self, per_second: float) -> None:
        """Keep this rate from now on."""
        self._limit = RateLimit(per_second)

    def ask(
        self,
        method: str,
        url: str,
        headers: Headers | None = None,
        body: Any = None,
        most: int = 50_000_000,
        wanted: Callable[[Answer], bool] = lambda answer: True,
    ) -> Answer:
        """One answer, whatever its status, of at most `most` bytes.

        wanted: asked with status and headers whether the body is to be had.

        Raises:
            Unanswered: no connection, or a status that may pass, at every attempt.
        """
        for attempt in range(self._attempts):
            self._limit.wait()
            try:
                answer = self._once(method, url, headers, body, most, wanted)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                failure = Unanswered(url, str(error) or type(error).__name__)
                wait = self._pause * 2**attempt
            else:
                if answer.status not in _PASSING:
                    return answer
                failure = Unanswered(url, f"HTTP {answer.status}", answer.status)
                wait = _asked_wait(answer.headers, self._pause * 2**attempt)
            if wait > _LONGEST_WAIT:
                break
            if attempt + 1 < self._attempts:
                time.sleep(wait)
        raise failure

    def follow(self, url: str, most: int) -> Answer:
        """What `url` gives, after redirects; another host than home is asked once, as a stranger.

        Raises:
            Unanswered: as `ask`, too many redirects, or an address within the network.
        """
        for _ in range(_MOST_REDIRECTS):
            if not is_home(url, self._home):
                refuse_private(url, self._home)
                return self.ask("GET", url, most=most)
            answer = self.ask("GET", url, most=most)
            if answer.target is None:
                return answer
            url = answer.target
        raise Unanswered(url, "too many redirects")

    def _once(
        self,
        method: str,
        url: str,
        headers: Headers | None,
        body: Any,
        most: int,
        wanted: Callable[[Answer], bool],
    ) -> Answer:
        known = is_home(url, self._home)
        given = (self._headers if known else {}) | dict(headers or {})
        auth = self._auth if known else None
        with self._client.stream(method, url, headers=given, json=body, auth=auth) as response:
            bare = Answer(str(response.url), response.status_code, response.headers)
            if not wanted(bare):
                return Answer(bare.url, bare.status, bare.headers, is_cut=True)
            data = bytearray()
            until = time.monotonic() + _LONGEST_ANSWER
            packed = response.headers.get("content-encoding", "")
            for piece in decoded(response.iter_raw(_PIECE), packed):
                data += piece
                if time.monotonic() > until:
                    raise httpx.ReadTimeout(f"no end after {_LONGEST_ANSWER:g} seconds")
                if len(data) > most:
                    return Answer(bare.url, bare.status, bare.headers, bytes(data), is_cut=True)
            return Answer(bare.url, bare.status, bare.headers, bytes(data))


def is_home(url: str, home: str) -> bool:
    """Whether an address is of the service at `home`: its host, port and scheme, or its https."""
    one, other = urlsplit(url), urlsplit(home)
    try:
        same = one.hostname == other.hostname and _port(one) == _port(other)
        upgraded = (other.scheme, _port(other), one.scheme, _port(one)) == (
            "http",
            80,
            "https",
            443,
        )
    except ValueError:
        return False
    return (same and one.scheme == other.scheme) or (one.hostname == other.hostname and upgraded)


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)


def refuse_private(url: str, home: str) -> None:
    """Raise Unanswered for an address within the network, unless the service itself is there.

    Never one of this link, where clouds have their metadata.
    """
    inside = not all(ip.is_global for ip in _addresses(home))
    for ip in _addresses(url):
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            raise Unanswered(url, f"it leads to {ip}, which is no public address")
        if not ip.is_global and not inside:
            raise Unanswered(url, f"it leads to {ip}, which is no public address")


def _addresses(url: str) -> list[IPv4Address | IPv6Address]:
    try:
        parts = urlsplit(url)
        found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise Unanswered(url, str(error)) from None
    ips = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    return [getattr(ip, "ipv4_mapped", None) or ip for ip in ips]


def _asked_wait(headers: Headers, otherwise: float) -> float:
    """Seconds of Retry-After, which is a number or a date."""
    asked = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return otherwise
