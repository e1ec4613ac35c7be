"""Markdown and MDX: kept as they are, but for the front matter."""

from __future__ import annotations

import re
from typing import Any

from almanac.sources.decoding import decode
from almanac.sources.headings import first_heading
from almanac.sources.jsonsafe import json_safe
from almanac.sources.parsed import Note, Options, Parsed

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:(.*?)\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_MAX_FRONT_MATTER = 65_536
# libyaml recurses in C, up to once a character; a thread's stack may hold but 4,000 levels.
_FAST_UP_TO = 2_048


def parse(data: bytes, options: Options) -> Parsed:
    """Text without its front matter, which becomes metadata; the title from either."""
    text, notes = decode(data)
    try:
        metadata, body = _split_front_matter(text)
    except ValueError as error:
        broken = Note("front_matter_is_valid", f"the front matter stays in the text: {error}")
        return Parsed(text, first_heading(text), {}, (*notes, broken))
    title = metadata.get("title")
    named = str(title) if isinstance(title, str | int | float) else ""
    if metadata and not body.strip():
        body = text  # a page that is all front matter says what it says there
    return Parsed(body, named.strip() or first_heading(body), metadata, notes)


def _split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The front matter's values and the text after it; ValueError where it is broken."""
    found = _FRONT_MATTER.match(text)
    if found is None:
        return {}, text
    values = _load_yaml(found[1] or "")
    if values is None:
        return {}, text[found.end() :]
    if not isinstance(values, dict):  # two thematic breaks with a paragraph between them
        return {}, text
    return json_safe(values), text[found.end() :]


def _load_yaml(block: str) -> Any:
    import yaml

    if len(block) > _MAX_FRONT_MATTER:
        raise ValueError(f"it is longer than {_MAX_FRONT_MATTER:,} characters")
    loader = yaml.CSafeLoader if len(block) <= _FAST_UP_TO else yaml.SafeLoader
    # What SafeLoader's constructors raise for an impossible date, an empty !!int and the like.
    odd_values = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
    try:
        if "*" in block and any(
            isinstance(event, yaml.AliasEvent) for event in yaml.parse(block, loader)
        ):
            raise ValueError("it uses aliases, which can multiply without bound")
        return yaml.load(block, loader)  # both loaders are safe: no tag runs code
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except (*odd_values, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
