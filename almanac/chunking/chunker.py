"""Markdown and plain text to chunks that an edit elsewhere in the document leaves as they are.

Each section is packed on its own and is cut where its content says (see `cutting`), so an edit
reaches no further than its section, and there hardly further than the next chunk. Only a renamed
heading or title reaches everything below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from almanac.chunking.counting import Tokens
from almanac.chunking.cutting import Atom, Seam, content_key, pack, split_long
from almanac.chunking.headings import (
    SEPARATOR,
    HeadingLine,
    Headings,
    embedded,
    heading_lines,
    with_title,
)
from almanac.chunking.sections import TableHeader, read_sections
from schemas.documents import Chunk
from schemas.encoder import TokenCounter
from schemas.errors import ConfigError
from schemas.identity import identity_of_settings
from schemas.settings import ChunkerSettings

ALGORITHM = "markdown-cdc-2"
_FIRST = ("max_tokens", "target_tokens")  # settings of the first version; the identity names them
_SMALLEST_ROOM = 8
_SMALLEST_ATOM = 16
# A tokenizer makes one unknown token of a word it gives up on, and none of blanks. So a chunk is
# bounded in characters too, at about twice what a token of English prose has.
_CHARACTERS_PER_TOKEN = 8


@dataclass(frozen=True, slots=True)
class _Section:
    """What stands under one heading in the document at position `document`."""

    document: int
    source: str
    headings: Headings
    atoms: tuple[Atom, ...]
    tables: tuple[TableHeader, ...]

    @property
    def texts(self) -> list[str]:
        return [self.source[atom.start : atom.end] for atom in self.atoms]


@dataclass(frozen=True, slots=True)
class _Passage:
    """A chunk to be: `source[start:end]` under its heading line; `path` has all its headings.

    Where it begins within one of the `tables`, the header of that table stands above it.
    """

    document: int
    source: str
    path: str
    heading: str
    start: int
    end: int
    tables: tuple[TableHeader, ...] = ()

    @property
    def text(self) -> str:
        headers = [one.text for one in self.tables if one.start <= self.start < one.end]
        body = "\n".join([*headers, self.source[self.start : self.end]])
        return f"{self.heading}\n\n{body}" if self.heading else body


class MarkdownChunker:
    """Cuts documents where their content says; the same document gives the same chunks.

    No chunk has more tokens than the embedder reads, and every non-blank character of a document
    is in exactly one chunk. `tokenizer_key` names the tokenizer that `counter` counts with.

    Raises:
        ConfigError: the window has no room for text beside the model's prefix.
    """

    def __init__(
        self, settings: ChunkerSettings, counter: TokenCounter, window: int, tokenizer_key: str
    ) -> None:
        self._tokens = Tokens(counter)
        self._limit = min(window, settings.max_tokens or window)
        room = self._limit - self._tokens.overhead
        if room < _SMALLEST_ROOM:
            raise ConfigError(
                f"chunks of {self._limit} tokens leave {room} for text beside the model's prefix "
                f"and special tokens, at least {_SMALLEST_ROOM} are needed: raise max_tokens"
            )
        # From half of the target to one and a half, the heading line included.
        self._high = min(room, settings.target_tokens * 3 // 2)
        self._low = self._high // 3
        self._longest_atom = max(_SMALLEST_ATOM, self._high - self._low)
        named = identity_of_settings(settings, (), apart=_FIRST)
        later = "".join(f"/{name}={value}" for name, value in named.items())
        self._identity = (
            f"{ALGORITHM}/max={self._limit}/target={settings.target_tokens}/tok={tokenizer_key}"
            + later
        )

    @property
    def identity(self) -> str:
        """Everything that decides the chunks of a document, in one readable line."""
        return self._identity

    def chunk(self, document_title: str, media_type: str, text: str) -> list[Chunk]:
        """The chunks of one document in order; none where it is blank."""
        return self.chunk_many([(document_title, media_type, text)])[0]

    def chunk_many(self, documents: Sequence[tuple[str, str, str]]) -> list[list[Chunk]]:
        """The chunks of each (title, media type, text), tokenized together."""
        passages = [*self._passages(documents)]
        counts = self._tokens.of_texts([passage.text for passage in passages])
        chunks: list[list[Chunk]] = [[] for _ in documents]
        for passage, tokens in zip(passages, counts, strict=True):
            done = chunks[passage.document]
            for part, size in self._within_limit(passage, tokens):
                chunk = Chunk(len(done), part.path, part.text, part.start, part.end, size)
                done.append(chunk)
        return chunks

    def _passages(self, documents: Sequence[tuple[str, str, str]]) -> Iterator[_Passage]:
        sections = [
            _Section(
                number, text, with_title(title, section.headings), section.atoms, section.tables
            )
            for number, (title, media_type, text) in enumerate(documents)
            for section in read_sections(text, media_type, self._longest_atom)
        ]
        paths = [embedded(section.headings) for section in sections]
        lines = heading_lines(paths, self._high // 4, self._tokens)
        texts = [text for section in sections for text in section.texts]
        sizes = iter(self._tokens.of_parts(texts))
        for section in sections:
            own_sizes = [*islice(sizes, len(section.atoms))]
            yield from self._pack(section, lines[embedded(section.headings)], own_sizes)

    def _pack(
        self, section: _Section, line: HeadingLine, tokens: Sequence[int]
    ) -> Iterator[_Passage]:
        """The section's atoms, of as many tokens each, in passages."""
        atoms = section.atoms
        lengths = [after.start - atom.start for atom, after in pairwise(atoms)]
        lengths.append(atoms[-1].end - atoms[-1].start)
        sizes = [
            max(size, -(-length // _CHARACTERS_PER_TOKEN))
            for size, length in zip(tokens, lengths, strict=True)
        ]
        keys = [
            (atom.seam, content_key(text)) for atom, text in zip(atoms, section.texts, strict=True)
        ]
        low = max(1, self._low - line.tokens)
        high = self._high - line.tokens
        tables, most = self._repeatable(section.tables) if sum(sizes) > high else ((), 0)
        starts = pack(sizes, keys, max(1, low - most), high - most)
        for first, behind in pairwise([*starts, len(atoms)]):
            start, end = atoms[first].start, atoms[behind - 1].end
            path = SEPARATOR.join(section.headings)
            yield _Passage(section.document, section.source, path, line.text, start, end, tables)

    def _repeatable(self, tables: tuple[TableHeader, ...]) -> tuple[tuple[TableHeader, ...], int]:
        """The headers that leave most of a chunk to the rows, and the tokens of the longest."""
        sizes = self._tokens.of_parts([table.text for table in tables])
        fitting = [
            (table, size)
            for table, size in zip(tables, sizes, strict=True)
            if max(size, len(table.text) // _CHARACTERS_PER_TOKEN) <= self._high // 3
        ]
        return tuple(table for table, _ in fitting), max((size for _, size in fitting), default=0)

    def _within_limit(self, passage: _Passage, tokens: int) -> Iterator[tuple[_Passage, int]]:
        """The passage with its tokens, in parts where it is above the limit after all.

        A tokenizer that joins over blanks, or counts line ends, finds more in the whole than in
        its atoms.
        """
        parts = _parts(passage) if tokens > self._limit else []
        if not parts:
            yield passage, tokens
            return
        sizes = self._tokens.of_texts([part.text for part in parts])
        for part, size in zip(parts, sizes, strict=True):
            yield from self._within_limit(part, size)


def _parts(passage: _Passage) -> list[_Passage]:
    """The passage in two; a single character only loses its heading, once."""
    length = passage.end - passage.start
    if length == 1:
        return (
            [replace(passage, heading="", tables=())] if passage.heading or passage.tables else []
        )
    whole = Atom(passage.start, passage.end, Seam.GLUE)
    halves = split_long(passage.source, whole, max(1, length * 2 // 3))
    return [replace(passage, start=half.start, end=half.end) for half in halves]
