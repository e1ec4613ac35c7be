"""Who may see a page: its own restrictions and those of every page above it, all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Readers = frozenset[str]  # principals; a page without restrictions has None instead
Members = Callable[[str], Readers]  # users of a group, by its principal


def readers_of(operation: Mapping[str, Any]) -> Readers | None:
    """The principals of a read restriction as the API gives it; None where there is none."""
    named = operation.get("restrictions", {})
    users = [f"user:{_user(one)}" for one in named.get("user", {}).get("results", ())]
    groups = [f"group:{one['name']}" for one in named.get("group", {}).get("results", ())]
    return frozenset(users + groups) or None


def _user(values: Mapping[str, Any]) -> str:
    for name in ("accountId", "username", "userKey"):
        if values.get(name):
            return str(values[name])
    return "unknown"


def combined(levels: Sequence[Readers | None], members: Members) -> Readers | None:
    """The principals who pass every level; None where no level restricts.

    A principal that all levels name passes. Beyond that users are looked for: one passes where
    each level names them or a group that they are in.
    """
    restricted = list(dict.fromkeys(level for level in levels if level is not None))
    if len(restricted) <= 1:
        return restricted[0] if restricted else None
    common = frozenset.intersection(*restricted)
    rest = [level - common for level in restricted]
    if not all(rest):  # users of a level that names no others are in the intersection
        return common
    return common | frozenset.intersection(*(_users(level, members) for level in rest))


def _users(level: Readers, members: Members) -> Readers:
    named = frozenset(one for one in level if one.startswith("user:"))
    return named.union(*(members(one) for one in sorted(level) if one.startswith("group:")))
