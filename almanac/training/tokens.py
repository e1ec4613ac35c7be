"""What a dataset must know of the base, without its weights: tokens, window, languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from almanac.core.base_facts import BaseFacts
from almanac.training.base import SMALL_LANGUAGES, Base, resolve_base
from schemas.settings import TuningSettings

_NO_LIMIT = 1 << 24  # tokenizers write 10**30 where they know none
_TWO_LETTERS = 2


def base_facts(settings: TuningSettings) -> BaseFacts:
    """Of the configured base.

    Raises:
        ConfigError: there is no such base.
        TuningFailed: the hub cannot give it.
    """
    from transformers import AutoTokenizer

    base = resolve_base(settings)
    tokenizer = AutoTokenizer.from_pretrained(base.path)

    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    languages = settings.languages or _languages(base, settings.base)
    return BaseFacts(count, window(base.path), languages, base.name)


def window(folder: Path) -> int | None:
    """Tokens that a model of this folder takes at most: the least that its files name."""
    config, tokenizer = (_json(folder / f"{name}.json") for name in ("config", "tokenizer_config"))
    said = [
        config.get("max_position_embeddings"),
        config.get("text_config", {}).get("max_position_embeddings"),
        tokenizer.get("model_max_length"),
    ]
    return min((int(one) for one in said if one and one < _NO_LIMIT), default=None)


def _languages(base: Base, configured: str) -> tuple[str, ...]:
    """As the model card says; empty where it does not, or says nothing that can be compared."""
    if configured == "small":
        return SMALL_LANGUAGES
    card = base.path / "README.md"
    if not card.is_file():
        return ()
    from huggingface_hub import ModelCard

    said = ModelCard.load(card, ignore_metadata_errors=True).data.to_dict().get("language")
    listed = [said] if isinstance(said, str) else said or ()
    return tuple(str(one).lower() for one in listed if len(str(one)) == _TWO_LETTERS)


def _json(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found if isinstance(found, dict) else {}
