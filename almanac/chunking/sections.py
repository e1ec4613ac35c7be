"""A document as sections: the headings above each, and the pieces of text within.

A heading without text of its own goes with the deeper heading that follows it, and so does a
header of metadata, so that they are not chunks that say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from almanac.chunking.blocks import Block, Kind, Line, read_blocks, read_paragraphs
from almanac.chunking.cutting import Atom, Seam, split_long
from almanac.chunking.headings import clean_heading
from schemas.documents import WITHOUT_MARKUP
from schemas.text import is_table_delimiter

_IN_SENTENCES = frozenset({Kind.PARAGRAPH, Kind.ITEM, Kind.HEADING, Kind.DIRECTIVE})
# Begins with one set of signs for both alternatives: so the engine looks for those alone.
_SENTENCE_END = re.compile(
    r"""[.!?…。！？](?:
      (?<=[.!?…])(?<![.!?…][.!?…])[.!?…]*+["'»”’)\]*_`]*+\s++(?![a-zа-яё])  # not before lower case
    | (?<=[。！？])[。！？]*+[」』”]*+\s*+
    )""",
    re.VERBOSE,
)
_HEADER_ROWS = 2  # the names of the columns, and the row of dashes
_LONGEST_HEADING = 300
_CLOSING_HASHES = re.compile(r"(?:^|\s)#+$")


@dataclass(frozen=True, slots=True)
class TableHeader:
    """The header rows of a table, for every piece of it that begins in `text[start:end]`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading. `headings` are outermost first, the section's own last."""

    headings: tuple[str, ...]
    atoms: tuple[Atom, ...]
    tables: tuple[TableHeader, ...] = ()


def read_sections(text: str, media_type: str, longest: int) -> Iterator[Section]:
    """The sections of a text in order; their atoms hold every non-blank character once.

    No atom has more than `longest` characters. A text without markup is one section, a blank one
    none.
    """
    blocks = read_paragraphs(text) if media_type in WITHOUT_MARKUP else read_blocks(text)
    path: list[tuple[int, str]] = []
    for group in _by_heading(blocks):
        for block in group:
            if block.kind is Kind.HEADING:
                path = [outer for outer in path if outer[0] < block.level]
                path.append((block.level, _heading_text(block)))
        atoms = tuple(
            atom
            for before, block in zip([None, *group], group, strict=False)
            for atom in _atoms(text, block, _seam(before, block), longest)
        )
        tables = tuple(header for block in group for header in _table_headers(block))
        yield Section(tuple(heading for _, heading in path if heading), atoms, tables)


def _table_headers(block: Block) -> Iterator[TableHeader]:
    """The header of a block that is a table with more than one row."""
    if _is_table(block) and len(block.lines) > _HEADER_ROWS + 1:
        header = "\n".join(line.text for line in block.lines[:_HEADER_ROWS])
        body = block.lines[_HEADER_ROWS:]
        yield TableHeader(header, body[0].start, body[-1].end)


def _is_table(block: Block) -> bool:
    """A table with its delimiter row; its lines need not begin with a bar."""
    if block.kind not in (Kind.TABLE, Kind.PARAGRAPH) or len(block.lines) < _HEADER_ROWS:
        return False
    return "|" in block.lines[0].text and is_table_delimiter(block.lines[1].text)


def _by_heading(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    group: list[Block] = []
    for block in blocks:
        if group and block.kind is Kind.HEADING and not _leads_to(group[-1], block):
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _leads_to(before: Block, heading: Block) -> bool:
    if before.kind is Kind.HEADING:
        return before.level < heading.level
    return before.kind is Kind.FRONT_MATTER


def _heading_text(block: Block) -> str:
    if len(block.lines) > 1:
        return clean_heading(" ".join(line.text for line in block.lines[:-1]))
    marked = block.lines[0].text.lstrip("#").strip()[:_LONGEST_HEADING]
    return clean_heading(_CLOSING_HASHES.sub("", marked))


def _seam(before: Block | None, block: Block) -> Seam:
    """How natural a cut between two neighbouring blocks is."""
    if before is None or _introduces(before) or _closes_directive(block):
        return Seam.GLUE
    if block.lines[0].indent > 1:
        return Seam.NESTED
    return Seam.ITEM if block.kind is before.kind is Kind.ITEM else Seam.BLOCK


def _introduces(block: Block) -> bool:
    if block.kind in (Kind.HEADING, Kind.FRONT_MATTER):
        return True
    if block.kind is Kind.DIRECTIVE:
        return not _closes_directive(block)
    return block.lines[-1].text.endswith((":", "："))


def _closes_directive(block: Block) -> bool:
    return block.kind is Kind.DIRECTIVE and not block.lines[0].text.strip("/:")


def _atoms(text: str, block: Block, seam: Seam, longest: int) -> Iterator[Atom]:
    """The block cut at sentences or lines; `seam` is the one in front of the whole block."""
    in_sentences = block.kind in _IN_SENTENCES and not _is_table(block)
    whole = _sentences(text, block) if in_sentences else _by_line(text, block)
    for atom in whole:
        lead = seam if atom.start == block.lines[0].start else atom.seam
        piece = Atom(atom.start, atom.end, lead)
        if atom.end - atom.start <= longest:  # nearly all of them
            yield piece
        else:
            yield from split_long(text, piece, longest)


def _sentences(text: str, block: Block) -> Iterator[Atom]:
    start, end = block.lines[0].start, block.lines[-1].end
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() < end:
            yield Atom(start, start + len(text[start : match.end()].rstrip()), Seam.SENTENCE)
            start = match.end()
    yield Atom(start, end, Seam.SENTENCE)


def _by_line(text: str, block: Block) -> Iterator[Atom]:
    yield Atom(block.lines[0].start, block.lines[0].end, Seam.GLUE)
    for index, (before, line) in enumerate(pairwise(block.lines), 1):
        yield Atom(line.start, line.end, _line_seam(text, block, index, before, line))


def _line_seam(text: str, block: Block, index: int, before: Line, line: Line) -> Seam:
    if block.kind is Kind.TABLE or _is_table(block):
        return Seam.GLUE if index <= 2 else Seam.LINE
    if block.kind is not Kind.FENCE:
        return Seam.LINE
    if index in (1, len(block.lines) - 1):
        return Seam.GLUE
    stanza = text.count("\n", before.end, line.start) > 1
    return Seam.LINE if stanza else Seam.SENTENCE
