"""Counting the tokens of the base model, without its weights."""

from __future__ import annotations

from collections.abc import Callable

from almanac.training.base import resolve_base
from schemas.settings import TuningSettings


def token_counter(settings: TuningSettings) -> Callable[[str], int]:
    """Tokens of a text as the base model reads them.

    Raises:
        ConfigError: there is no such base.
        TuningFailed: the hub cannot give it.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(resolve_base(settings).path)

    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    return count
