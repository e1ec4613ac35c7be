"""Does a stored text name a document or a user? Told by the id as a whole, not by a part of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

REPLACEMENT = "[erased]"
_SHORTEST = 4  # characters of an id that is looked for inside of sentences
_EDGE = r"[\w./#@-]"


class Mentions:
    """Looks for ids in JSON and text.

    An id such as `1` or `de` is found only where it is a whole JSON string; one with a letter and
    four characters also as a word within a sentence.
    """

    def __init__(self, ids: Collection[str]) -> None:
        self._ids = frozenset(ids)
        words = [
            one
            for one in sorted(ids, key=len, reverse=True)
            if len(one) >= _SHORTEST and not one.isdigit()
        ]
        self._quoted = re.compile(_any(_escaped(one) for one in sorted(ids)).join(('"', '"')))
        inside = _any(_escaped(one) for one in words)
        plain = _any(words)
        self._inside = re.compile(rf"(?<!{_EDGE}){inside}(?![\w/-])") if words else None
        self._word = re.compile(rf"(?<!{_EDGE}){plain}(?![\w/-])") if words else None

    def are_in(self, text: str) -> bool:
        """Does a text, or the JSON of something, name one of the ids?"""
        if not self._ids:
            return False
        found = self._quoted.search(text) or (self._inside and self._inside.search(text))
        return bool(found or (self._word and self._word.search(text)))

    def without(self, value: Any) -> Any:
        """Plain data with every mention replaced; rows about one of the ids are left out."""
        if isinstance(value, Mapping):
            return {self.without(key): self.without(one) for key, one in value.items()}
        if isinstance(value, list):
            return [
                self.without(one)
                for one in value
                if not (isinstance(one, Mapping) and one.get("doc_id") in self._ids)
            ]
        if isinstance(value, str):
            return self._replaced(value)
        return value

    def _replaced(self, text: str) -> str:
        if text in self._ids:
            return REPLACEMENT
        return self._word.sub(REPLACEMENT, text) if self._word else text


def _escaped(text: str) -> str:
    """As it stands inside of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _any(texts: Any) -> str:
    return f"(?:{'|'.join(re.escape(one) for one in texts)})"
