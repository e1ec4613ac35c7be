"""A suite's musts over one row, in less than a millisecond: for who logs.

Great Expectations takes some 350 ms whatever the rows; it judges the same rows, by the same suites,
when they are stored. Rules of a kind that is not known here are left to it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from expectations.suites import Rule, SuiteName, load_suite
from expectations.values import shown
from schemas.documents import Rejection

_NOT_BLANK = r"[^\p{Z}\p{C}]"


def broken_must(suite: SuiteName, facts: Mapping[str, Any]) -> Rejection | None:
    """The first must of a suite that a row breaks; None where it breaks none of those known."""
    for rule, holds in _musts(suite):
        value = facts[rule.columns[0]]
        if value is None or not holds(value):
            column = rule.meta.show or rule.columns[0]
            return Rejection(
                "", rule.meta.name, rule.level, rule.meta.reason, shown(facts.get(column, value))
            )
    return None


@cache
def _musts(suite: SuiteName) -> tuple[tuple[Rule, Callable[[Any], bool]], ...]:
    rules = [rule for rule in load_suite(suite).expectations if rule.level == "must"]
    return tuple((rule, _KINDS[rule.type](rule.kwargs)) for rule in rules if rule.type in _KINDS)


def _matches(kwargs: Mapping[str, Any]) -> Callable[[Any], bool]:
    pattern = kwargs["regex"]
    if pattern == _NOT_BLANK:  # the engine takes half a millisecond to read it
        return lambda value: any(map(_is_ink, value))
    # As Great Expectations judges the frames' strings, by RE2.
    return lambda value: pc.match_substring_regex(pa.array([value]), pattern)[0].as_py()


def _is_ink(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind[0] not in "ZC" or kind == "Cn"  # RE2 counts what is not assigned to no class


def _between(kwargs: Mapping[str, Any]) -> Callable[[Any], bool]:
    least, most = kwargs.get("min_value"), kwargs.get("max_value")
    return lambda value: (least is None or value >= least) and (most is None or value <= most)


def _length_between(kwargs: Mapping[str, Any]) -> Callable[[Any], bool]:
    fits = _between(kwargs)
    return lambda value: fits(len(value))


def _in_set(kwargs: Mapping[str, Any]) -> Callable[[Any], bool]:
    return lambda value: value in kwargs["value_set"]


_KINDS: dict[str, Callable[[Mapping[str, Any]], Callable[[Any], bool]]] = {
    "expect_column_values_to_match_regex": _matches,
    "expect_column_value_lengths_to_be_between": _length_between,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
}
