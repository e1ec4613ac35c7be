"""Amounts, dates and clock times in whatever format they are written."""

from __future__ import annotations

import time

import pytest

from almanac.claims.numbers import quantities


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("two weeks", "14 days"),
        ("1 hour and 30 minutes", "ninety minutes"),
        ("an hour", "60 minutes"),
        ("half an hour", "полчаса"),
        ("1,200 euros", "€1200"),
        ("1.5k", "1,500"),
        ("1 200 руб.", "1200 рублей"),
        ("two hundred and fifty", "250"),
        ("сто двадцать дней", "120 days"),
        ("twenty-five percent", "25 %"),
        ("half of the fee", "50 per cent of the fee"),
        ("three or more years", "36 months"),
        ("5 февраля 1953 г.", "February 5, 1953"),
        ("1953-02-05", "05.02.1953"),
        ("12/09/23", "12 September 2023"),
        ("первого и второго января", "1 и 2 января"),
        ("2 p.m.", "14:00"),
        ("noon", "12:00"),
        ("в 1,5 раза", "1.5 times"),
        ("ten working days", "10 days"),
    ],
)
def test_the_same_amount_in_other_clothes(one: str, other: str) -> None:
    found, wanted = quantities(one), quantities(other)
    assert found
    assert all(any(a.equals(b) for b in wanted) for a in found), (found, wanted)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a month", "two weeks"), ("5 kg", "5 km"), ("2 March", "3 March"), ("14:00", "2 a.m.")],
)
def test_other_amounts(one: str, other: str) -> None:
    assert not quantities(one)[0].equals(quantities(other)[0])


def test_what_is_denied_is_not_claimed() -> None:
    assert [one.value for one in quantities("15 %, not 5", claimed=True)] == [15]
    assert [one.value for one in quantities("15 %, not 5")] == [15, 5]
    assert [one.value for one in quantities("30 days instead of 20", claimed=True)] == [30 * 86400]


def test_a_rate_is_no_time_and_one_of_them_no_number() -> None:
    assert [one.measure for one in quantities("20 euros a month")] == ["euro"]
    assert quantities("one of them") == ()


def test_long_texts_take_linear_time() -> None:
    began = time.process_time()
    quantities("twenty-one days and 1,000 " * 4_000)
    quantities("1" * 50_000 + "," * 50_000)
    assert time.process_time() - began < 5
