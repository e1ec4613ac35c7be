"""Columns of a row by their names, or by dotted paths into nested objects and lists."""

from __future__ import annotations

import re
from typing import Any

_POSITION = re.compile(r"-?\d{1,6}")


def value_at(row: Any, path: str) -> Any:
    """The value at a path: `a.b` is b inside of a, `scores.0.value` and `input.-1.content` step
    into lists, the last element being -1. None where there is none. A column whose own name has
    dots comes first.
    """
    if isinstance(row, dict) and path in row:
        return row[path]
    head, _, tail = path.partition(".")
    below = _step(row, head)
    return value_at(below, tail) if tail and below is not None else below


def drop(row: dict[str, Any], path: str, whole_lists: bool = False) -> None:
    """Take the value at a path out of a row, with the objects that are empty then.

    Elements of lists stay, so that the positions of others do: the value leaves its own object
    there. `whole_lists`: the outermost list on the way goes as a whole.
    """
    if path in row:
        del row[path]
        return
    head, _, tail = path.partition(".")
    below = row.get(head)
    if not tail or not isinstance(below, dict | list):
        return
    if isinstance(below, dict):
        drop(below, tail, whole_lists)
        if not below:
            del row[head]
    elif whole_lists:
        del row[head]
    else:
        _drop_inside(below, tail)


def _drop_inside(items: list[Any], path: str) -> None:
    head, _, tail = path.partition(".")
    below = _step(items, head)
    if tail and isinstance(below, dict):
        drop(below, tail)
    elif tail and isinstance(below, list):
        _drop_inside(below, tail)
    elif below is not None:
        items[int(head)] = None


def _step(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and _POSITION.fullmatch(name):
        at = int(name)
        return value[at] if -len(value) <= at < len(value) else None
    return None
