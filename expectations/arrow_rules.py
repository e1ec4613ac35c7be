"""The rules of a suite over columns of Arrow, as Great Expectations (GX) would judge them.

GX takes 3 CPU seconds to import and 0.14 s a call whatever it holds; these take neither. Only what
is sure to come out the same is judged here: a rule of another kind, with an argument, a type of
column or a missing value that is not known here is left to GX, and with it the whole suite.
`tests/expectations/test_arrow_rules.py` holds both against each other.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from expectations.suites import Rule

Mask = NDArray[np.bool_]  # shape (rows,)

_ABOUT_ROWS = {"row_condition", "condition_parser"}
_CONDITION = re.compile(r"(\w+) (<=|>=|<|>) (\d+)")
_COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Judged:
    """How many rows a rule looked at, and the positions of those that break it, in order."""

    checked: int
    positions: tuple[int, ...]


def judge(rule: Rule, rows: pa.Table) -> Judged | None:
    """Which rows break the rule; None where that is for GX to say."""
    kind = _KINDS.get(rule.type)
    if kind is None or not rule.kwargs.keys() <= kind.arguments | _ABOUT_ROWS:
        return None
    asked = _asked(rule.kwargs, rows)
    if asked is None or not all(_is_complete(rows, name) for name in rule.columns):
        return None
    try:
        held = kind.holds([rows[name] for name in rule.columns], rule.kwargs)
    except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
        return None  # an argument that Arrow cannot hold, or a pattern that RE2 does not know
    if held is None:
        return None
    broken = np.flatnonzero(asked & ~held)
    return Judged(int(asked.sum()), tuple(broken.tolist()))


def _asked(kwargs: Mapping[str, Any], rows: pa.Table) -> Mask | None:
    """The rows that the rule's condition leaves; None where the condition is not known here."""
    if "row_condition" not in kwargs:
        return np.ones(rows.num_rows, np.bool_)
    condition = _CONDITION.fullmatch(kwargs["row_condition"])
    if condition is None or kwargs.get("condition_parser") != "pandas":
        return None
    name, sign, bound = condition.groups()
    if not _is_complete(rows, name) or not _is_number(rows[name].type):
        return None
    found: Mask = _COMPARED[sign](_numbers(rows[name]), int(bound))
    return found


def _is_complete(rows: pa.Table, name: str) -> bool:
    """Is the column there, without a missing value? What pandas takes for missing is NaN, too."""
    if name not in rows.column_names or rows[name].null_count:
        return False
    column = rows[name]
    return not pa.types.is_floating(column.type) or not np.isnan(_numbers(column)).any()


def _is_text(of: pa.DataType) -> bool:
    return bool(pa.types.is_string(of) or pa.types.is_large_string(of))


def _is_number(of: pa.DataType) -> bool:
    return bool(pa.types.is_int64(of) or pa.types.is_float64(of))


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    return np.asarray(column.to_numpy())


def _mask(values: pa.ChunkedArray | pa.Array) -> Mask:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.bool_)


def _matches(columns: list[pa.ChunkedArray], kwargs: Mapping[str, Any]) -> Mask | None:
    (column,) = columns
    # pandas' strings are matched by the same RE2.
    found = _is_text(column.type) and pc.match_substring_regex(column, kwargs["regex"])
    return _mask(found) if found else None


def _matches_not(columns: list[pa.ChunkedArray], kwargs: Mapping[str, Any]) -> Mask | None:
    found = _matches(columns, kwargs)
    return None if found is None else ~found


def _between(columns: list[pa.ChunkedArray], kwargs: Mapping[str, Any]) -> Mask | None:
    (column,) = columns
    return _within(_numbers(column), kwargs) if _is_number(column.type) else None


def _length_between(columns: list[pa.ChunkedArray], kwargs: Mapping[str, Any]) -> Mask | None:
    (column,) = columns
    return _within(_numbers(pc.utf8_length(column)), kwargs) if _is_text(column.type) else None


def _within(values: NDArray[Any], kwargs: Mapping[str, Any]) -> Mask | None:
    least, most = kwargs.get("min_value"), kwargs.get("max_value")
    bounds = [bound for bound in (least, most) if bound is not None]
    if not bounds or not all(type(bound) in (int, float) for bound in bounds):
        return None
    if least is not None and most is not None and least > most:
        return None
    held = np.ones(len(values), np.bool_)
    if least is not None:
        held &= values >= least
    if most is not None:
        held &= values <= most
    return held


def _in_set(columns: list[pa.ChunkedArray], kwargs: Mapping[str, Any]) -> Mask | None:
    (column,) = columns
    kinds = {type(value) for value in kwargs["value_set"]}
    fits = (
        (kinds == {str} and _is_text(column.type))
        or (kinds == {bool} and pa.types.is_boolean(column.type))
        or (kinds == {int} and pa.types.is_int64(column.type))
    )
    if not fits:
        return None
    return _mask(pc.is_in(column, value_set=pa.array(kwargs["value_set"], column.type)))


def _unique(columns: list[pa.ChunkedArray], kwargs: Mapping[str, Any]) -> Mask | None:
    if kwargs.get("ignore_row_if", "never") != "never":
        return None
    together = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        if not _is_text(column.type) and not pa.types.is_int64(column.type):
            return None
        codes = column.combine_chunks().dictionary_encode().indices.to_numpy()
        # Numbered anew after each column, so that no product of sizes can run over.
        wide = together * (int(codes.max(initial=0)) + 1) + codes
        together = np.unique(wide, return_inverse=True)[1]
    found: Mask = np.bincount(together)[together] == 1
    return found


def _greater(columns: list[pa.ChunkedArray], kwargs: Mapping[str, Any]) -> Mask | None:
    if not _is_pair_of_numbers(columns) or kwargs.get("ignore_row_if") != "neither":
        return None
    first, second = map(_numbers, columns)
    found: Mask = first >= second if kwargs.get("or_equal") else first > second
    return found


def _equal(columns: list[pa.ChunkedArray], kwargs: Mapping[str, Any]) -> Mask | None:
    if kwargs.get("ignore_row_if") != "neither":
        return None
    if _is_pair_of_numbers(columns):
        first, second = map(_numbers, columns)
        found: Mask = first == second
        return found
    texts = all(_is_text(column.type) for column in columns)
    return _mask(pc.equal(*columns)) if texts else None


def _is_pair_of_numbers(columns: list[pa.ChunkedArray]) -> bool:
    return columns[0].type == columns[1].type and _is_number(columns[0].type)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Judges a kind of rule; `arguments` are those that it understands."""

    holds: Callable[[list[pa.ChunkedArray], Mapping[str, Any]], Mask | None]
    arguments: frozenset[str]


def _kind(
    holds: Callable[[list[pa.ChunkedArray], Mapping[str, Any]], Mask | None], *arguments: str
) -> _Kind:
    return _Kind(holds, frozenset(arguments))


_BOUNDS = ("column", "min_value", "max_value")
_PAIR = ("column_A", "column_B", "ignore_row_if")
_KINDS = {
    "expect_column_values_to_match_regex": _kind(_matches, "column", "regex"),
    "expect_column_values_to_not_match_regex": _kind(_matches_not, "column", "regex"),
    "expect_column_values_to_be_between": _kind(_between, *_BOUNDS),
    "expect_column_value_lengths_to_be_between": _kind(_length_between, *_BOUNDS),
    "expect_column_values_to_be_in_set": _kind(_in_set, "column", "value_set"),
    "expect_column_values_to_be_unique": _kind(_unique, "column"),
    "expect_compound_columns_to_be_unique": _kind(_unique, "column_list", "ignore_row_if"),
    "expect_column_pair_values_a_to_be_greater_than_b": _kind(_greater, *_PAIR, "or_equal"),
    "expect_column_pair_values_to_be_equal": _kind(_equal, *_PAIR),
}
