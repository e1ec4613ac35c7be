"""How many tokens a call of a model took: as the endpoint counts them, else estimated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from schemas.feedback import Message

_BYTES_A_TOKEN = 3  # of UTF-8; English has 4 to 5, Russian 2 to 4: rather too many tokens
_MESSAGE_TOKENS = 4  # that a chat template puts around a message


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `cached` are those of `prompt` that the endpoint had read before.

    `is_estimate`: the endpoint did not say.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    is_estimate: bool = False


NOTHING = Usage()


def tokens(text: str) -> int:
    """An estimate of the tokens of a text, one for three bytes of UTF-8, rounded up."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN)


def prompt_tokens(messages: Iterable[Message]) -> int:
    """An estimate of the tokens of a conversation."""
    return sum(tokens(one["content"]) + _MESSAGE_TOKENS for one in messages)


def estimated(messages: Iterable[Message], said: str) -> Usage:
    """What a call took of which no usage is known."""
    return Usage(prompt_tokens(messages), tokens(said), 0, is_estimate=True)


def reported(usage: Any) -> Usage | None:
    """OpenAI's `usage` of a response, parsed or as JSON; None where it is absent or no counts."""
    prompt, completion = (count(_of(usage, f"{name}_tokens")) for name in ("prompt", "completion"))
    if prompt is None or completion is None:
        return None
    cached = count(_of(_of(usage, "prompt_tokens_details"), "cached_tokens")) or 0
    return Usage(prompt, completion, min(cached, prompt))


def _of(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def count(value: object) -> int | None:
    """A count of tokens; None for what is none."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31
    return value if is_count and isinstance(value, int) else None
