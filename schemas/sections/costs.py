"""What models cost, and how much may be spent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from schemas.sections.base import Section

_MOST = 1_000_000  # US dollars: more is a mistake in writing it


class PriceSettings(Section):
    """A model's price in US dollars for a million tokens, from a date on.

    Of several prices of a model that of the latest `from` counts; one with an endpoint goes before
    one without. What an endpoint on this machine costs is 0 unless a price says otherwise.
    """

    model_config = ConfigDict(populate_by_name=True)

    model: str = Field(min_length=1, description="As the endpoint calls it.")
    endpoint: str | None = Field(
        default=None,
        description="A name of [endpoints], judge or teacher; any endpoint unless given.",
    )
    since: date | None = Field(
        default=None, alias="from", description="Its first day, in UTC; all days unless given."
    )
    input: Decimal = Field(
        ge=0, le=_MOST, decimal_places=6, description="Of a million tokens that the model reads."
    )
    output: Decimal = Field(
        ge=0, le=_MOST, decimal_places=6, description="Of a million tokens that it writes."
    )
    cached: Decimal | None = Field(
        default=None,
        ge=0,
        le=_MOST,
        decimal_places=6,
        description="Of a million tokens that the endpoint read from its cache; as input unless "
        "given.",
    )


class BudgetSettings(Section):
    """How much may be spent in a window of time, by whom, on which assistants.

    It counts what meets all of `users`, `groups` and `assistants`; an empty list is met by all.
    """

    users: tuple[str, ...] = Field(default=(), description="Whose questions count.")
    groups: tuple[str, ...] = Field(default=(), description="Whose users' questions count.")
    assistants: tuple[str, ...] = Field(default=(), description="Of which the answers count.")
    each_user: bool = Field(
        default=False, description="Has each user this much, instead of all together?"
    )
    usd: Decimal | None = Field(
        default=None,
        gt=0,
        le=_MOST,
        decimal_places=6,
        description="That may be spent in a window.",
    )
    tokens: int | None = Field(
        default=None, ge=1, description="Read and written, that may be used in a window."
    )
    window: Literal["day", "week", "month"] = Field(
        default="day", description="Of the calendar, in time_zone; a week begins on Monday."
    )
    on_exceed: Literal["block", "cheap", "warn"] = Field(
        default="block",
        description="block: 429 until the window ends; cheap: the cheapest model of the route "
        "answers; warn: it is logged and counted alone.",
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> BudgetSettings:
        if (self.usd is None) == (self.tokens is None):
            raise ValueError("a budget has either usd or tokens")
        return self
