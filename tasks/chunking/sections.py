"""A document as sections: the headings above each, and the atoms of text within.

A heading without text of its own goes with what follows below it, so that no chunk is a bare
heading unless the document has nothing under it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tasks.chunking.blocks import Block, Kind, Line, read_blocks, read_paragraphs
from tasks.chunking.cutting import Seam, split_long

_PLAIN = frozenset({"text/plain", "application/pdf"})
_SENTENCE_END = re.compile(r"""[.!?…]++["'»”’)\]*_`]*+\s++(?![a-zа-яё])|[。！？]++[」』”]*+\s*+""")
_ATTRIBUTES = re.compile(r"\s*\{[^{}]*\}$")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_BY_SENTENCE = frozenset({Kind.PARAGRAPH, Kind.ITEM, Kind.HEADING, Kind.DIRECTIVE})


@dataclass(frozen=True, slots=True)
class Atom:
    """A piece of text that is cut no further: `text[start:end]`, without blanks around it.

    `seam` says how natural a cut in front of it is.
    """

    start: int
    end: int
    seam: Seam


@dataclass(slots=True)
class Section:
    """What stands between two headings. `headings` are outermost first, its own heading last."""

    headings: tuple[str, ...] = ()
    atoms: list[Atom] = field(default_factory=list)


def read_sections(text: str, media_type: str, longest: int) -> Iterator[Section]:
    """The sections of a text in order; their atoms hold every non-blank character once.

    No atom has more than `longest` characters. Text without markup is one section.
    """
    blocks = read_paragraphs(text) if media_type in _PLAIN else read_blocks(text)
    path: list[tuple[int, str]] = []
    section, body = Section(), False
    before: Block | None = None
    for block in blocks:
        if block.kind is Kind.HEADING:
            deeper = before is not None and (
                before.kind is Kind.FRONT_MATTER
                or before.kind is Kind.HEADING
                and block.level > before.level
            )
            if section.atoms and not deeper:
                yield section
                section = Section()
            while path and path[-1][0] >= block.level:
                path.pop()
            path.append((block.level, heading_text(block)))
            section.headings = tuple(heading for _, heading in path if heading)
        section.atoms.extend(_atoms(text, block, _seam(before, block), longest))
        before = block
    if section.atoms:
        yield section


def heading_text(block: Block) -> str:
    """What a heading says, without its marks, attributes (`{ #id }`) and link targets."""
    if len(block.lines) > 1:
        raw = " ".join(line.text for line in block.lines[:-1])
    else:
        raw = block.lines[0].text.lstrip("#").strip()
        raw = re.sub(r"(?:^|\s)#+$", "", raw) if raw.endswith("#") else raw
    return _LINK.sub(r"\1", _ATTRIBUTES.sub("", raw[-2000:])).strip()


def _seam(before: Block | None, block: Block) -> Seam:
    """How natural a cut between two neighbouring blocks is."""
    if before is None or before.kind in (Kind.HEADING, Kind.FRONT_MATTER):
        return Seam.GLUE
    closes = block.kind is Kind.DIRECTIVE and not block.lines[0].text.strip("/:")
    opens = before.kind is Kind.DIRECTIVE and before.lines[0].text.strip("/:")
    if closes or opens or before.lines[-1].text.endswith((":", "：")):
        return Seam.GLUE
    if block.lines[0].indent > 1:
        return Seam.NESTED
    return Seam.ITEM if block.kind is before.kind is Kind.ITEM else Seam.BLOCK


def _atoms(text: str, block: Block, seam: Seam, longest: int) -> Iterator[Atom]:
    pieces = _sentences(text, block) if block.kind in _BY_SENTENCE else _by_line(block)
    for index, (start, end, inner) in enumerate(pieces):
        for number, (first, last, cut) in enumerate(split_long(text, start, end, longest)):
            lead = inner if index else seam
            yield Atom(first, last, cut if number else lead)


def _sentences(text: str, block: Block) -> Iterator[tuple[int, int, Seam]]:
    start, end = block.lines[0].start, block.lines[-1].end
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() < end:
            yield start, start + len(text[start : match.end()].rstrip()), Seam.SENTENCE
            start = match.end()
    yield start, end, Seam.SENTENCE


def _by_line(block: Block) -> Iterator[tuple[int, int, Seam]]:
    lines, before = block.lines, None
    for index, line in enumerate(lines):
        inner = Seam.LINE
        if (
            block.kind is Kind.FENCE
            and index in (1, len(lines) - 1)
            or block.kind is Kind.TABLE
            and index in (1, 2)
        ):
            inner = Seam.GLUE
        yield line.start, line.end, inner
