"""What a dataset must know of the model that is trained on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """count_tokens: of a text, as the base reads it. window: tokens that it takes at most, None
    where nothing says so. languages: that it knows, by two letters; empty where nothing says so.
    """

    count_tokens: Callable[[str], int]
    window: int | None = None
    languages: tuple[str, ...] = ()
    name: str = ""
