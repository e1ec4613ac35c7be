"""The title of a Markdown text: its first heading of level one."""

from __future__ import annotations

import re

from almanac.sources.decoding import one_line

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX_H1 = re.compile(r" {0,3}#(?:[ \t]+(.*))?")
_SETEXT_H1 = re.compile(r" {0,3}=+[ \t]*")
_CLOSING_HASHES = re.compile(r"(?:^| )#+$")
_ATTRIBUTES = re.compile(r" ?\{ ?:? ?[#.][^{}]*\}$")


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
