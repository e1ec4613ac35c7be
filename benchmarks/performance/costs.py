"""Is the ledger usage times price, whatever becomes of a call, and does a budget hold?

    python benchmarks/performance/costs.py ledger --calls 10000
    python benchmarks/performance/costs.py budget --calls 100

Answers go through the server's own chain, in this process, and a stub stands for two models. What
the stub reported is multiplied here in whole numbers, apart from the product's code, and held
against `almanac cost`; `wrong_usd` must be 0. Each part prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from collections import Counter
from contextlib import aclosing
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from almanac.assistants import versions
from almanac.assistants.stages import stage
from almanac.costs.budgets import BudgetSpent
from almanac.costs.ledger import cost
from almanac.feedback.drain import drain
from almanac.llm.chat import EndpointFailed
from almanac.serving import spending
from almanac.serving.asking import Ask, Ended, Text
from almanac.serving.service import Service
from testing.chat_endpoint import StubModel, stub_model
from tests.serving.conftest import House

PRICES = {"small-1": (15, 60, 7), "strong-1": (250, 1000, 125)}  # hundredths of a dollar
MORE = """
[assistants.documents]
endpoint = "stub"
[assistants.documents.guards]
meaning = false
question_personal = "off"
answer_personal = "off"
answer_grounding = "flag"
[endpoints.strong]
base_url = "URL"
model = "strong-1"
max_retries = 0
breaker_failures = 1000000
[prices.small]
model = "small-1"
input = 0.15
output = 0.60
cached = 0.07
[prices.strong]
model = "strong-1"
input = 2.50
output = 10.00
cached = 1.25
[budgets.all]
users = ["spender"]
usd = 0.02
"""
VERSION = {
    "route": [
        {"name": "small", "endpoint": "strong", "model": "small-1", "when": "tokens<=30"},
        {"name": "strong", "endpoint": "strong", "model": "strong-1"},
    ],
    "escalate": {"on": ["empty", "ungrounded"]},
    "cache": {"mode": "exact"},
}
KINDS = {
    "whole": "Who approves travel, case {n}?",
    "long": "Who in the whole company approves all of the travel of all persons, case {n}, today?",
    "cut": "LONG travel, case {n}?",
    "fallback": "DOWN: travel, case {n}?",
    "failed": "BROKEN travel, case {n}?",
    "torn": "TORN travel, case {n}?",
    "escalated": "WEAK: travel, case {n}?",
    "stuck": "LOOP travel, case {n}?",
    "cached": "Who approves travel?",
}


def main() -> None:
    """Run the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("ledger", "budget"))
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--at-a-time", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stub_model() as model:
        house = House(Path(folder), model, MORE.replace("URL", model.url))
        house.night("2026-03-01", {"travel.md": "# Travel\n\nYour manager approves travel.\n"})
        made = versions.create(house.settings, "documents", "benchmark", values=VERSION)
        for to in ("staging", "production"):
            stage(house.settings, made.version, to, "benchmark", "benchmark", without_gate=True)
        service = Service(house.settings)
        try:
            parts = {"ledger": ledger, "budget": budget}
            said = parts[given.part](house, service, model, given.calls, given.at_a_time)
        finally:
            service.close()
        print(json.dumps({"part": given.part, **said}), flush=True)


def ledger(
    house: House, service: Service, model: StubModel, calls: int, at_a_time: int
) -> dict[str, Any]:
    """Mixed calls, and their sum held against usage times price."""
    drawn = random.Random(7).choices(
        list(KINDS), weights=[30, 10, 10, 10, 5, 5, 10, 5, 15], k=calls
    )
    before = len(model.requests)
    outcomes = asyncio.run(_all(service, drawn, at_a_time))
    while service.journal.pending().rows:
        drain(service.lake, service.journal, house.settings.lease)
    asked = model.requests[before:]
    rows = service.lake.costs.requests()
    made = [call for row in rows for call in json.loads(row["route"])["calls"]]
    total = cost(house.settings)["total"]
    expected = sum((_expected(call) for call in made), Fraction(0))
    reported = sum(call["counted_by"] == "endpoint" and call["usd"] != "0" for call in made)
    return {
        "requests": len(rows),
        "kinds": dict(Counter(drawn)),
        "statuses": outcomes,
        "calls": len(made),
        "calls_that_reached_the_stub": len(asked),
        "of_reported_usage": reported,
        "estimated": total["estimated"],
        "usd": total["usd"],
        "wrong_usd": str(Fraction(Decimal(total["usd"])) - expected),
    }


def _expected(call: dict[str, Any]) -> Fraction:
    """US dollars: what the stub reports of every whole answer, else what was counted."""
    if call["counted_by"] == "endpoint" and call["outcome"] != "failed":
        assert (call["prompt_tokens"], call["cached_tokens"]) == (100, 40), call
    read, wrote, cached = PRICES[call["model"]]
    fresh = call["prompt_tokens"] - call["cached_tokens"]
    cents = fresh * read + call["cached_tokens"] * cached + call["completion_tokens"] * wrote
    return Fraction(cents, 100 * 1_000_000)


async def _all(service: Service, drawn: list[str], at_a_time: int) -> dict[str, int]:
    turn = asyncio.Semaphore(at_a_time)
    found: Counter[str] = Counter()

    async def one(number: int, kind: str) -> None:
        async with turn:
            found[await _ask(service, KINDS[kind].format(n=number), kind == "cut")] += 1

    await asyncio.gather(*(one(*pair) for pair in enumerate(drawn)))
    return dict(found)


async def _ask(service: Service, question: str, leaves: bool = False, user: str = "u") -> str:
    """Ask, and leave after the first words where that is wanted; the status."""
    messages = ({"role": "user", "content": question},)
    ask = Ask(service.assistant("documents"), messages, user, may_be_cached=True)
    try:
        _, events = await service.answer(ask, None)
        async with aclosing(events):
            async for event in events:
                if leaves and isinstance(event, Text):
                    return "left"
    except EndpointFailed:
        return "failed"
    except BudgetSpent:
        return "budget"
    assert isinstance(event, Ended)
    return str(event.request.status)


def budget(
    house: House, service: Service, model: StubModel, calls: int, at_a_time: int
) -> dict[str, Any]:
    """All calls at the same time, against a budget that a part of them spends."""

    async def run() -> list[str]:
        asked = (_ask(service, f"SLOW travel, {n}?", user="spender") for n in range(calls))
        return list(await asyncio.gather(*asked))

    statuses = Counter(asyncio.run(run()))
    (row,) = service.budgets.used()
    messages = ({"role": "user", "content": "SLOW travel, 10?"},)
    ask = Ask(service.assistant("documents"), messages, "spender")
    most = spending._most(ask).usd
    over = Decimal(row["spent"]) - Decimal(row["limit"])
    return {
        "statuses": dict(statuses),
        "limit": row["limit"],
        "spent": row["spent"],
        "one_reservation": str(most),
        "overshoot": str(max(Decimal(0), over)),
        "wrong": int(over > most),
    }


if __name__ == "__main__":
    main()
