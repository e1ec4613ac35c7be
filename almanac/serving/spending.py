"""An answer and its budgets: reserved before it is asked for, settled once it is logged."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from almanac.costs.budgets import Amount, Budgets, Reservation
from almanac.costs.prices import ZERO
from almanac.llm.usage import Usage, tokens
from almanac.serving.asking import Ask, Event
from almanac.serving.legs import Leg
from schemas.feedback import Request

_log = logging.getLogger("almanac.serving")
_GROUP = "group:"
_TEMPLATE = 500  # tokens of a prompt beside passages, conversation and question
_REWRITE = 80  # that a rewritten question may have


def reserve(budgets: Budgets, ask: Ask) -> tuple[Ask, Reservation]:
    """Let an answer in; the question with the budgets that it counts in.

    Raises:
        BudgetSpent: one that blocks is spent.
    """
    held = ask.caller.principals or ()
    groups = [one.removeprefix(_GROUP) for one in held if one.startswith(_GROUP)]
    made = budgets.reserve(ask.user_id, groups, ask.assistant.name, _most(ask))
    if made.warned:
        _log.warning("spent, and let pass: %s", ", ".join(made.warned))
    return replace(ask, budgets=made.budgets, is_cheap=made.is_cheap), made


async def released(
    budgets: Budgets, reservation: Reservation, events: AsyncGenerator[Event]
) -> AsyncGenerator[Event]:
    """The events of an answer, at whose end nothing of it is reserved any more."""
    try:
        async with aclosing(events):
            async for event in events:
                yield event
    finally:
        budgets.release(reservation)


def settle(budgets: Budgets, request: Request) -> None:
    """Count what a logged request cost."""
    route = request.route or {}
    calls = route.get("calls", ())
    used = sum(one["prompt_tokens"] + one["completion_tokens"] for one in calls)
    usd = sum((Decimal(one["usd"]) for one in calls if one["usd"] is not None), ZERO)
    budgets.settle(route.get("budgets", ()), request.user_id, Amount(usd, used))


def _most(ask: Ask) -> Amount:
    """What an answer may cost: of the two dearest models of its route, one after the other."""
    settings = ask.assistant.settings
    talk = sum(tokens(one["content"]) for one in ask.messages)
    read = settings.max_context_tokens + min(talk, settings.max_history_tokens) + _TEMPLATE
    read += tokens(ask.messages[-1]["content"])
    calls = [
        (one, Usage(read, min(ask.max_tokens or one.max_tokens, one.max_tokens)))
        for one in ask.assistant.legs
    ]
    costs = sorted((_cost(*one) for one in calls), key=lambda one: (one.usd, one.tokens))[-2:]
    if len(ask.messages) > 1:
        rewrite = Usage(talk + _TEMPLATE, _REWRITE)
        rewrites = (_cost(one, rewrite) for one in ask.assistant.legs)
        costs.append(max(rewrites, key=lambda one: (one.usd, one.tokens)))
    whole = Amount()
    for one in costs:
        whole = whole.plus(one)
    return whole


def _cost(leg: Leg, usage: Usage) -> Amount:
    price = leg.prices.of(leg.endpoint, leg.model, datetime.now(UTC))
    usd = ZERO if price is None else price.of(usage)
    return Amount(usd, usage.prompt + usage.completion)
