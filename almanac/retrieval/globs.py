"""Globs that a client sends, matched in a time that no glob can draw out.

A regular expression tries every way to split a path among its stars, and for ten of them that is
minutes, in which Python does nothing else. Here all ways are followed at once, character by
character.
"""

from __future__ import annotations

import re

from almanac.sources.selection import TOKEN, bracket, matcher, plain_glob
from schemas.errors import ConfigError

_FEW = 2  # stars that a regular expression splits fast enough
_SINGLE, _SEGMENT, _ANY, _FOLDERS = range(4)


class Glob:
    """One glob, with the meaning that `almanac.sources.selection.matcher` gives it.

    Raises:
        ConfigError: it is malformed.
    """

    def __init__(self, glob: str) -> None:
        self._fast = matcher(glob)
        parts = list(_parts(plain_glob(glob)))
        self._is_fast = sum(kind != _SINGLE for kind, _ in parts) <= _FEW
        if not self._is_fast:
            self._build(parts)

    def matches(self, path: str) -> bool:
        """Does the whole path, or a folder above it, match?"""
        if self._is_fast:
            return self._fast.fullmatch(path) is not None
        states = self._spread(1)
        for character in path:
            onward, staying = self._known.get(character) or self._look(character)
            states = self._spread((states & onward) << 1 | states & staying)
            if not states:
                return False
        return bool(states & self._ends)

    def _build(self, parts: list[tuple[int, str]]) -> None:
        """States by bits: where a part of the glob begins, and how one gets on from there."""
        self._known: dict[str, tuple[int, int]] = {}
        self._steps: list[tuple[int, re.Pattern[str]]] = []  # a character leads to the next bit
        self._segments = self._anys = 0  # states that stay, but for a slash; with any character
        self._jumps: list[tuple[int, int]] = []  # state, and those that it is as well
        slash = re.compile("/")
        at = 1
        for kind, pattern in parts:
            if kind == _SINGLE:
                self._steps.append((at, _compiled(pattern)))
                at <<= 1
            elif kind == _FOLDERS:  # nothing, or anything that ends with a slash
                self._jumps.append((at, at << 1 | at << 2))
                self._anys |= at << 1
                self._steps.append((at << 1, slash))
                at <<= 2
            elif kind == _SEGMENT:
                self._segments |= at
            else:
                self._anys |= at
        self._steps.append((at, slash))  # what is in a folder that matches
        self._anys |= at << 1
        self._ends = at | at << 1

    def _spread(self, states: int) -> int:
        for state, others in self._jumps:
            if states & state:
                states |= others
        return states

    def _look(self, character: str) -> tuple[int, int]:
        onward = sum(state for state, one in self._steps if one.fullmatch(character))
        staying = self._anys | (0 if character == "/" else self._segments)
        self._known[character] = onward, staying
        return onward, staying


def _parts(glob: str) -> list[tuple[int, str]]:
    """The glob in parts: stars by their kind, and patterns of one character each."""
    kinds = {"**/": _FOLDERS, "**": _ANY, "*": _SEGMENT}
    parts: list[tuple[int, str]] = []
    for at, part in enumerate(TOKEN.split(glob)):
        if at % 2 == 0:
            parts += [(_SINGLE, re.escape(character)) for character in part]
        elif part in kinds:
            parts.append((kinds[part], ""))
        else:
            parts.append((_SINGLE, "[^/]" if part == "?" else bracket(part)))
    return parts


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE | re.DOTALL)
    except re.error as error:
        raise ConfigError(f"a glob is malformed: {error}") from None
