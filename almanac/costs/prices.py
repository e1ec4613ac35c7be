"""Prices of models, by date, and what a call costs; exact, in US dollars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from almanac.llm.address import host, is_loopback
from almanac.llm.usage import Usage
from schemas.errors import ConfigError
from schemas.sections.serving import LOCAL
from schemas.settings import PriceSettings, Settings

MILLION = Decimal(1_000_000)
ZERO = Decimal(0)
_OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars of a million tokens."""

    input: Decimal
    output: Decimal
    cached: Decimal

    def of(self, usage: Usage) -> Decimal:
        """What a call costs, to the last digit."""
        read = self.input * (usage.prompt - usage.cached) + self.cached * usage.cached
        return (read + self.output * usage.completion) / MILLION


FREE = Price(ZERO, ZERO, ZERO)


class Prices:
    """The prices of a configuration."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        newest_first = sorted(settings.prices.values(), key=_first_day, reverse=True)
        # One of a single endpoint goes before one of any.
        self._prices = sorted(newest_first, key=lambda one: one.endpoint is None)

    def of(self, endpoint: str, model: str, at: datetime) -> Price | None:
        """The price at a time; None where none is known, which is never taken for 0."""
        day = at.astimezone(UTC).date()
        for one in self._prices:
            if one.model == model and one.endpoint in (None, endpoint) and _first_day(one) <= day:
                return _price(one)
        return FREE if self.is_local(endpoint) else None

    def check(self, endpoint: str, model: str) -> None:
        """Refuse a model that would be paid for without anybody knowing how much.

        Raises:
            ConfigError: its price is not known; the message says what to write.
        """
        if self.of(endpoint, model, datetime.now(UTC)) is None:
            where = host(self._address(endpoint))
            free = ", 0 where it costs nothing"
            if endpoint not in _ROLES:
                free = f", or `local = true` in [endpoints.{endpoint}] where it costs nothing"
            raise ConfigError(
                f"what the model {model!r} of the endpoint {endpoint} ({where}) costs is not "
                f"known: write [prices.{_bare(endpoint)}] with model = {_quoted(model)}, input and "
                f"output in US dollars for a million tokens{free}"
            )

    def is_local(self, endpoint: str) -> bool:
        """Does an endpoint cost nothing unless a price says otherwise?"""
        if endpoint == LOCAL:
            return True
        named = self._settings.endpoints.get(endpoint)
        if named is not None and named.local is not None:
            return named.local
        return is_loopback(self._address(endpoint))

    def _address(self, endpoint: str) -> str:
        if endpoint in _ROLES:
            return getattr(self._settings, endpoint).base_url or _OPENAI
        named = self._settings.endpoints.get(endpoint)
        return named.base_url if named else ""


_ROLES = ("judge", "teacher")  # sections that name a model of their own


def micros(usd: Decimal) -> int:
    """Millionths of a dollar, to the nearest."""
    return int((usd * MILLION).quantize(Decimal(1), ROUND_HALF_EVEN))


def plain(usd: Decimal) -> str:
    """All digits of an amount, without an exponent."""
    text = f"{usd:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _first_day(one: PriceSettings) -> date:
    return one.since or date.min


def _price(one: PriceSettings) -> Price:
    return Price(one.input, one.output, one.input if one.cached is None else one.cached)


def _bare(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() else _quoted(name)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
