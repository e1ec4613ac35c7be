"""Markdown, MDX and plain text: kept as they are, but for the front matter."""

from __future__ import annotations

import re
from typing import Any

from almanac.sources.decoding import decode, one_line
from almanac.sources.jsonsafe import json_safe
from almanac.sources.parsed import Note, Parsed

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:(.*?)\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_MAX_FRONT_MATTER = 65_536
# libyaml recurses in C, up to once a character; a thread's stack may hold but 4,000 levels.
_FAST_UP_TO = 2_048
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX_H1 = re.compile(r" {0,3}#(?:[ \t]+(.*))?")
_SETEXT_H1 = re.compile(r" {0,3}=+[ \t]*")
_CLOSING_HASHES = re.compile(r"(?:^| )#+$")
_ATTRIBUTES = re.compile(r" ?\{ ?:? ?[#.][^{}]*\}$")


def parse_markdown(data: bytes) -> Parsed:
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


def parse_plain(data: bytes) -> Parsed:
    """The text, and nothing read into it."""
    text, notes = decode(data)
    return Parsed(text, notes=notes)


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


def first_heading(text: str) -> str | None:
    """The text of the first heading of level one outside code fences, ATX or setext."""
    fence, previous = "", ""
    for line in text.split("\n"):
        fence, fenced = _step(fence, line)
        if fenced:
            previous = ""
            continue
        atx = _ATX_H1.fullmatch(line)
        if atx and (title := _plain(atx[1] or "")):
            return title
        if previous and _SETEXT_H1.fullmatch(line):
            return _plain(previous)
        previous = "" if line.startswith("    ") else line.strip()
    return None


def _step(fence: str, line: str) -> tuple[str, bool]:
    """The fence that is open after `line` ("" if none), and whether the line belongs to one."""
    mark = _FENCE.fullmatch(line)
    if not fence:
        opens = mark is not None and not (mark[1][0] == "`" and "`" in mark[2])
        return (mark[1], True) if mark and opens else ("", False)
    closes = mark and mark[1].startswith(fence) and not mark[2].strip()
    return ("" if closes else fence), True


def _plain(heading: str) -> str:
    """The heading on one line, without closing hashes and attributes such as `{ #anchor }`."""
    return _ATTRIBUTES.sub("", _CLOSING_HASHES.sub("", one_line(heading)))
