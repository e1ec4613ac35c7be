"""The script that a text is written in: what tells Russian from English without a model."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from almanac.drift.blocks import Numbers

_LOOKED_AT = 2_000  # characters of a text


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """The first word of a letter's Unicode name, such as LATIN; empty for what is no letter."""
    return unicodedata.name(character, "").split(" ")[0] if character.isalpha() else ""


def script(text: str) -> str:
    """The script of most letters of a text, in lower case; `none` where it has no letter."""
    found = Counter(filter(None, map(_script, text[:_LOOKED_AT])))
    return min(found, key=lambda name: (-found[name], name)).lower() if found else "none"


def columns(labels: Sequence[str]) -> tuple[list[str], Numbers]:
    """The different labels, and which of them each item has: shape (items, labels)."""
    names = sorted(set(labels))
    held = np.array([[label == name for name in names] for label in labels], np.float64)
    return names, held.reshape(len(labels), len(names))
