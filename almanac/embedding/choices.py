"""What the settings ask of a model, against what the model offers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from schemas.errors import ConfigError
from schemas.settings import EmbedderSettings

_E5 = re.compile(r"(?:^|[/_-])e5(?:[_-]|$)", re.IGNORECASE)


def prefixes(
    settings: EmbedderSettings, prompts: Mapping[str, str | None] | None = None
) -> tuple[str, str]:
    """The prefix of a query and that of a passage.

    The settings come first, then `prompts` (what the model's own files say), then the convention of
    the E5 family where the model's name says e5, else none. The instruct models of that family
    write a task into their query prefix: set it.
    """
    own = prompts or {}
    query = own.get("query") or ""
    passage = (
        next((own[key] for key in ("document", "passage", "corpus") if own.get(key)), "") or ""
    )
    of_family = _E5.search(settings.model) and "instruct" not in settings.model.lower()
    if not query and not passage and of_family:
        query, passage = "query: ", "passage: "
    return (
        query if settings.query_prefix is None else settings.query_prefix,
        passage if settings.passage_prefix is None else settings.passage_prefix,
    )


def pinned(settings: EmbedderSettings, revision: str) -> str:
    """`revision`, refused where the settings name another one.

    Raises:
        ConfigError: they do.
    """
    if settings.revision not in (None, revision):
        raise ConfigError(
            f"the files of {settings.model} have revision {revision}, not {settings.revision}: "
            "correct embedder.revision or the files"
        )
    return revision


def window(settings: EmbedderSettings, own: int) -> int:
    """The model's own window, or the smaller one that is asked for.

    Raises:
        ConfigError: a larger one is asked for.
    """
    if settings.max_tokens is not None and settings.max_tokens > own:
        raise ConfigError(
            f"embedder.max_tokens is {settings.max_tokens}, and {settings.model} reads {own} tokens"
        )
    return settings.max_tokens or own


def dimension(settings: EmbedderSettings, own: int) -> int:
    """The model's own dimension.

    Raises:
        ConfigError: another one is asked for, which only endpoints offer.
    """
    if settings.dimension not in (None, own):
        raise ConfigError(
            f"embedder.dimension is {settings.dimension}, and {settings.model} gives {own}: "
            "only endpoints shorten vectors, leave it out"
        )
    return own
