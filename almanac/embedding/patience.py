"""How long to wait before an endpoint is asked again, by what it says of its limits.

`Retry-After` (seconds or a date) and `retry-after-ms` come first; then the `x-ratelimit-reset-*` of
the limit whose `x-ratelimit-remaining-*` is used up (OpenAI writes `6m0s` and `20ms`, others
seconds or a moment); else half a second, doubled each time up to thirty.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_FIRST, _LONGEST = 0.5, 30.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?<!\d)(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_A_MOMENT = 1e9  # seconds since 1970, where less is a number of seconds to wait
Headers = Mapping[str, str]


class Patience:
    """Waits for one request: `retries` failures of other kinds, `limit` seconds of rate limits."""

    def __init__(
        self, retries: int, limit: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._retries, self._limit, self._sleep = retries, limit, sleep
        self._waited = 0.0
        self._failures = self._refusals = 0

    def failed(self, headers: Headers) -> bool:
        """Wait after a failure of the server or the network; False where it was the last try."""
        if self._failures >= self._retries:
            return False
        self._failures += 1
        self._sleep(min(told(headers) or _backoff(self._failures), self._limit or _LONGEST))
        return True

    def limited(self, headers: Headers) -> bool:
        """Wait as a rate limit asks; False where that is longer than is waited for."""
        self._refusals += 1
        seconds = told(headers)
        seconds = _backoff(self._refusals) if seconds is None else seconds
        if self._waited + seconds > self._limit:
            return False
        self._waited += seconds
        self._sleep(seconds)
        return True


def told(headers: Headers) -> float | None:
    """The seconds that the headers ask to wait; None where they do not say."""
    known = {name.lower(): value for name, value in headers.items()}
    if (milliseconds := _number(known.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    if "retry-after" in known:
        return _seconds(known["retry-after"])
    return used_up(known)


def used_up(headers: Headers) -> float | None:
    """The seconds until the last used-up limit is renewed; None where none is used up."""
    known = {name.lower(): value for name, value in headers.items()}
    waits = []
    for name, value in known.items():
        kind = name.removeprefix("x-ratelimit-remaining")
        if kind != name and _number(value) == 0:
            seconds = _seconds(known.get(f"x-ratelimit-reset{kind}", ""))
            waits += [] if seconds is None else [seconds]
    return max(waits, default=None)


def _backoff(times: int) -> float:
    return min(_FIRST * 2.0 ** (times - 1), _LONGEST)


def _seconds(value: str) -> float | None:
    """Seconds of `12`, `1.5s`, `6m0s`, a moment since 1970, or a date; None of anything else."""
    value = value.strip()
    if (number := _number(value)) is not None:
        return max(0.0, number - time.time() if number > _A_MOMENT else number)
    parts = _DURATION.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
