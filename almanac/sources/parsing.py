"""The bytes of one file as documents, rows of a table included."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from almanac.sources import isolation
from almanac.sources.address import is_table
from almanac.sources.decoding import decode, one_line
from almanac.sources.delimited import delimited_rows
from almanac.sources.jsonrows import json_rows, jsonl_rows
from almanac.sources.jsonsafe import encodable
from almanac.sources.kinds import Kind, kind_of, table_kind_of
from almanac.sources.markdown import parse_markdown, parse_plain
from almanac.sources.parsed import Note, Parsed, Row, Unreadable
from almanac.sources.rows import Table, documents_of
from schemas.documents import Document, Rejection, SourceFile
from schemas.hashing import sha256_bytes
from schemas.settings import SourceSettings

Outcome = tuple[tuple[Document, ...], tuple[Rejection, ...]]


def parse_file(settings: SourceSettings, file: SourceFile, uri: str, data: bytes) -> Outcome:
    """The documents in `data`, and what was wrong; neither where there is nothing but blanks."""
    if not data.strip():
        return (), ()
    whole = is_table(settings)
    kind = table_kind_of(file.path, data) if whole else kind_of(file.path)
    try:
        if kind.is_table:
            prefix = "" if whole else f"{file.path}#"
            return _table(settings, kind, data, Table(file.path, uri, prefix, settings.columns))
        return _text(settings, kind, data, file, uri)
    except Unreadable as refusal:
        return (), (refusal.note.rejection(file.path, "must"),)


def _text(settings: SourceSettings, kind: Kind, data: bytes, file: SourceFile, uri: str) -> Outcome:
    parsed = _parse(settings, kind, data)
    recorded = tuple(note.rejection(file.path, "should") for note in parsed.notes)
    if not parsed.text.strip():
        if kind.isolated:  # more than blanks, and still nothing to read
            nothing = Note("document_has_text", "it holds no text")
            recorded = (*recorded, nothing.rejection(file.path, "should"))
        return (), recorded
    document = Document(
        doc_id=file.path,
        title=one_line(parsed.title or "") or _stem(file.path),
        uri=uri,
        media_type=kind.media_type,
        text=_unicode(parsed.text),
        content_hash=sha256_bytes(data),
        size=len(data),
        metadata=parsed.metadata,
    )
    return (document,), recorded


def _parse(settings: SourceSettings, kind: Kind, data: bytes) -> Parsed:
    if kind.isolated:
        return isolation.parse_text(kind.name, data, settings.parse_timeout_seconds)
    return parse_markdown(data) if kind.name == "markdown" else parse_plain(data)


def _table(settings: SourceSettings, kind: Kind, data: bytes, table: Table) -> Outcome:
    notes: tuple[Note, ...] = ()
    rows: Iterable[Row]
    if kind.isolated:
        rows = isolation.parse_rows(data, settings.columns, settings.parse_timeout_seconds)
    else:
        text, notes = decode(data)
        rows = _rows_of(kind)(text, settings) if text.strip() else ()
    documents, rejections = documents_of(rows, table)
    recorded = tuple(note.rejection(table.path, "should") for note in notes)
    return documents, recorded + rejections


def _rows_of(kind: Kind) -> Callable[[str, SourceSettings], Iterable[Row]]:
    if kind.name == "delimited":
        return lambda text, settings: delimited_rows(text, settings.columns)
    lines = kind.name == "jsonl"
    return lambda text, _: jsonl_rows(text) if lines else json_rows(text)


def _unicode(text: str) -> str:
    try:
        return encodable(text)
    except ValueError as error:
        raise Unreadable("text_is_unicode", str(error)) from None


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return one_line(name.rpartition(".")[0]) or name
