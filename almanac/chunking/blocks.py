"""Markdown as a flat run of blocks, read line by line.

To know where to cut, one needs headings, fences, lists, tables and paragraphs, not a syntax tree.
Each line is looked at a fixed number of times, so nesting and unclosed marks cost nothing: a fence
or comment that is never closed runs to the end of the document, as CommonMark has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a block is, as far as cutting is concerned."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    ITEM = "item"
    TABLE = "table"
    QUOTE = "quote"
    FENCE = "fence"
    HTML = "html"
    DIRECTIVE = "directive"
    FRONT_MATTER = "front matter"


class Line(NamedTuple):
    """A line without its surrounding blanks. `start` is an offset, `indent` is in columns."""

    start: int
    indent: int
    text: str

    @property
    def end(self) -> int:
        """The offset just behind the line's last non-blank character."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines that belong together. `level` is 1 to 6 for a heading, else 0."""

    kind: Kind
    lines: Sequence[Line]
    level: int = 0


_OPENERS = (
    (Kind.HEADING, re.compile(r"#{1,6}(?:\s|$)")),
    (Kind.FENCE, re.compile(r"`{3,}+[^`]*$|~{3,}")),
    (Kind.QUOTE, re.compile(r">")),
    (Kind.TABLE, re.compile(r"\|")),
    (Kind.ITEM, re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:\s|$)")),
    (Kind.HTML, re.compile(r"<(?:!--|pre\b|script\b|style\b)", re.IGNORECASE | re.ASCII)),
    (Kind.DIRECTIVE, re.compile(r"(?:/{3,}|:{3,})(?!\S)|:{3,}\s*[\w{]")),
)
_OPENING_CHARACTERS = frozenset("#`~>|-*+</:0123456789")
_SETEXT = re.compile(r"=+$|-+$")
_LONGEST_SETEXT = 3
_CLOSERS = {"<!--": "-->", "<pre": "</pre>", "<scr": "</script>", "<sty": "</style>"}
_HEADER_SIGNS = {"---": ":", "+++": "="}
_CODE_INDENT = 4


def read_blocks(text: str) -> Iterator[Block]:
    """The blocks of a Markdown text in order; together they hold every non-blank character."""
    lines = _lines(text)
    at = _front_matter_end(lines)
    if at:
        yield Block(Kind.FRONT_MATTER, [line for line in lines[:at] if line.text])
    while at < len(lines):
        if not lines[at].text:
            at += 1
            continue
        block, at = _read_block(lines, at)
        yield block


def read_paragraphs(text: str) -> Iterator[Block]:
    """The blocks of a text without markup: what blank lines separate."""
    paragraph: list[Line] = []
    for line in _lines(text):
        if line.text:
            paragraph.append(line)
        elif paragraph:
            yield Block(Kind.PARAGRAPH, paragraph)
            paragraph = []
    if paragraph:
        yield Block(Kind.PARAGRAPH, paragraph)


def _lines(text: str) -> list[Line]:
    lines, at = [], 0
    for raw in text.splitlines(keepends=True):
        body = raw.lstrip()
        blanks = raw[: len(raw) - len(body)]
        lines.append(Line(at + len(blanks), len(blanks.expandtabs(4)), body.rstrip()))
        at += len(raw)
    return lines


def _front_matter_end(lines: Sequence[Line]) -> int:
    """The number of lines of a leading YAML or TOML header, 0 where there is none."""
    if len(lines) < 2 or lines[0].text not in _HEADER_SIGNS:
        return 0
    mark = lines[0].text
    if _HEADER_SIGNS[mark] not in lines[1].text:
        return 0
    return next((at for at, line in enumerate(lines[1:], 2) if line.text == mark), 0)


def _read_block(lines: Sequence[Line], at: int) -> tuple[Block, int]:
    kind = _opens(lines[at])
    if kind is Kind.HEADING:
        level = len(lines[at].text) - len(lines[at].text.lstrip("#"))
        return Block(kind, lines[at : at + 1], level), at + 1
    if kind is Kind.PARAGRAPH:
        return _read_paragraph(lines, at)
    end = _END_OF[kind](lines, at)
    return Block(kind, [line for line in lines[at:end] if line.text]), end


def _opens(line: Line) -> Kind:
    """The kind of block that a non-blank line begins."""
    if line.text[0] not in _OPENING_CHARACTERS:
        return Kind.PARAGRAPH
    for kind, opener in _OPENERS:
        if opener.match(line.text):
            indented = kind is Kind.HEADING and line.indent >= _CODE_INDENT
            return Kind.PARAGRAPH if indented else kind
    return Kind.PARAGRAPH


def _read_paragraph(lines: Sequence[Line], at: int) -> tuple[Block, int]:
    if _is_underline(lines[at]):
        return Block(Kind.PARAGRAPH, lines[at : at + 1]), at + 1
    end = _text_end(lines, at)
    underlined = end < len(lines) and _is_underline(lines[end])
    if underlined and end - at <= _LONGEST_SETEXT and lines[at].indent < _CODE_INDENT:
        level = 1 if lines[end].text[0] == "=" else 2
        return Block(Kind.HEADING, lines[at : end + 1], level), end + 1
    return Block(Kind.PARAGRAPH, lines[at:end]), end


def _is_underline(line: Line) -> bool:
    return line.indent < _CODE_INDENT and _SETEXT.match(line.text) is not None


def _text_end(lines: Sequence[Line], at: int) -> int:
    """Where running text ends: at a blank line, a setext underline or another block."""
    for end in range(at + 1, len(lines)):
        line = lines[end]
        if not line.text or _opens(line) is not Kind.PARAGRAPH or _is_underline(line):
            return end
    return len(lines)


def _same_kind_end(lines: Sequence[Line], at: int) -> int:
    kind = _opens(lines[at])
    for end in range(at + 1, len(lines)):
        if not lines[end].text or _opens(lines[end]) is not kind:
            return end
    return len(lines)


def _fence_end(lines: Sequence[Line], at: int) -> int:
    opener = lines[at]
    mark = opener.text[: len(opener.text) - len(opener.text.lstrip(opener.text[0]))]
    for end in range(at + 1, len(lines)):
        line = lines[end]
        if line.text.startswith(mark) and not line.text.strip(mark[0]):
            return end + 1
        # A fence inside a list item ends with the item, closed or not.
        if line.text and line.indent < opener.indent >= _CODE_INDENT:
            return end
    return len(lines)


def _html_end(lines: Sequence[Line], at: int) -> int:
    closer = _CLOSERS[lines[at].text[:4].lower()]
    for end in range(at, len(lines)):
        if closer in lines[end].text.lower():
            return end + 1
    return len(lines)


def _one_line_end(lines: Sequence[Line], at: int) -> int:
    return at + 1


_END_OF = {
    Kind.ITEM: _text_end,
    Kind.TABLE: _same_kind_end,
    Kind.QUOTE: _same_kind_end,
    Kind.FENCE: _fence_end,
    Kind.HTML: _html_end,
    Kind.DIRECTIVE: _one_line_end,
}
