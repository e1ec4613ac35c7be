"""Prices by model, endpoint and date."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from almanac.costs.prices import Prices, micros, plain
from almanac.llm.usage import Usage
from schemas.errors import ConfigError
from schemas.settings import Settings

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
FAR = {"base_url": "https://models.example/v1", "model": "m-1"}
NEAR = {"base_url": "http://127.0.0.1:9000/v1", "model": "m-1"}


def prices(endpoint: dict[str, Any], **tables: dict[str, Any]) -> Prices:
    return Prices(Settings.model_validate({"endpoints": {"main": endpoint}, "prices": tables}))


def test_the_price_is_that_of_the_day_and_of_the_endpoint() -> None:
    found = prices(
        FAR,
        old={"model": "m-1", "input": 2.5, "output": 10, "cached": 1.25},
        new={"model": "m-1", "from": "2026-07-01", "input": "2", "output": "8"},
        own={"model": "m-1", "endpoint": "main", "from": "2026-08-01", "input": 1, "output": 1},
    )
    usage = Usage(1_000, 10, 400)
    before, after, own = (
        found.of("main", "m-1", NOON.replace(month=month, day=1)) for month in (6, 7, 8)
    )
    assert before and after and own
    # 600 read at 2.50, 400 from the cache at 1.25, 10 written at 10
    assert before.of(usage) == Decimal("0.0021")
    assert after.of(usage) == Decimal("0.00208")  # without a price of its own the cache costs 2
    assert own.of(usage) == Decimal("0.00101")
    assert found.of("other", "m-1", NOON.replace(month=9)) == after


def test_amounts_are_exact() -> None:
    (price,) = [
        prices(FAR, p={"model": "m-1", "input": 0.15, "output": 0.6}).of("main", "m-1", NOON)
    ]
    assert price
    once = price.of(Usage(1, 0))
    assert plain(once) == "0.00000015"
    assert once * 10_000_000 == Decimal("1.5")
    assert [micros(Decimal(one)) for one in ("0.0000004", "0.0000005", "0.0000015")] == [0, 0, 2]


@pytest.mark.parametrize(
    ("endpoint", "is_free"),
    [(NEAR, True), (NEAR | {"local": False}, False), (FAR, False), (FAR | {"local": True}, True)],
)
def test_only_what_is_local_is_free(endpoint: dict[str, Any], is_free: bool) -> None:
    found = prices(endpoint)
    if is_free:
        found.check("main", "m-1")
        price = found.of("main", "m-1", NOON)
        assert price and price.of(Usage(10**9, 10**9)) == 0
        return
    assert found.of("main", "m-1", NOON) is None
    with pytest.raises(ConfigError, match=r"'m-1' of the endpoint main .* \[prices\.main\]"):
        found.check("main", "m-1")


def test_a_judge_has_a_price_like_any_other() -> None:
    found = Prices(Settings.model_validate({"judge": {"model": "judge-1"}}))
    with pytest.raises(
        ConfigError, match=r"endpoint judge \(api\.openai\.com\).*\[prices\.judge\]"
    ):
        found.check("judge", "judge-1")
