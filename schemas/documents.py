"""What passes between the stages of a run: files, documents, rejections, chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.hashing import canonical_json, sha256_parts
from schemas.text import has_markdown_table

WITHOUT_MARKUP = frozenset({"text/plain", "application/pdf"})  # media types cut at blank lines
_TABLE_CUT = "table-header-in-each-piece"
Severity = Literal["must", "should"]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see a document: `public`, `user:ID`, `group:ID`, sorted; empty is nobody.

    origin: connector, column, sidecar or rule.
    """

    principals: tuple[str, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One entry of a source listing, known without reading it.

    `path` is relative to the source root, with forward slashes. `stamp` changes whenever the
    content may have changed (an ETag, or size and modification time in nanoseconds); None where
    the file system tells neither, and then the file is always read. `media_type` says how to read
    what no ending tells. `access` is None where the source says nothing of who may see it.
    """

    path: str
    size: int
    stamp: str | None
    media_type: str = ""
    access: Access | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One text with a stable id within its source.

    `content_hash` is the SHA-256 of the file's bytes (of the row's canonical JSON for a row of a
    table) and decides whether a document changed. `size` is in bytes.
    """

    doc_id: str
    title: str
    uri: str
    media_type: str
    text: str
    content_hash: str
    size: int
    metadata: dict[str, Any] = field(default_factory=dict)
    access: Access | None = None  # of its own; kept in a log beside the documents

    @property
    def metadata_json(self) -> str:
        """The metadata as canonical JSON."""
        return canonical_json(self.metadata)

    @property
    def text_hash(self) -> str:
        """What the chunker sees: the same title, media type and text give the same chunks.

        A text with a table is marked with how tables are cut. Stored texts without that mark were
        cut before 30 November 2026, when only the first piece of a table had its header.
        """
        marks = [_TABLE_CUT] if self._has_table() else []
        return sha256_parts(self.title, self.media_type, self.text, *marks)

    def _has_table(self) -> bool:
        return self.media_type not in WITHOUT_MARKUP and has_markdown_table(self.text)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rule that one document, row or chunk broke, with the value that broke it.

    A *must* keeps the row out of the release; a *should* is recorded and the row goes on.
    `doc_id` is the file's path where no document could be made of it.
    """

    doc_id: str
    expectation: str
    severity: Severity
    reason: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class FileReading:
    """What one file became. Empty on both sides: the file holds no document (an empty file)."""

    file: SourceFile
    content_hash: str
    documents: tuple[Document, ...] = ()
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a source holds now, in path order, and what could not even be listed.

    `unread` counts the files that no glob names, by their ending in lower case ("" without one).
    `unasked` could not be asked for, and its last versions stay. Unless the listing `is_complete`
    nothing counts as deleted.
    """

    files: tuple[SourceFile, ...]
    rejections: tuple[Rejection, ...] = ()
    skipped: int = 0
    unread: Mapping[str, int] = field(default_factory=dict)
    unasked: tuple[str, ...] = ()
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document.

    `text` is what is embedded, searched and shown: the heading path on a line of its own, then
    `document.text[start:end]`. `tokens` counts `text` with the embedder's own tokenizer.
    """

    ordinal: int
    heading: str
    text: str
    start: int
    end: int
    tokens: int
