"""The bytes of one file as documents, rows of a table included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from almanac.sources import isolation
from almanac.sources.address import is_table
from almanac.sources.base import Content
from almanac.sources.decoding import one_line
from almanac.sources.formats import Format, format_of, table_format_of
from almanac.sources.jsonsafe import encodable
from almanac.sources.parsed import Note, Options, Parsed, Row, Unreadable
from almanac.sources.row_text import TextColumn
from almanac.sources.rows import Table, documents_of
from schemas.documents import Document, Rejection, SourceFile
from schemas.settings import SourceSettings
from schemas.text import normalized

Outcome = tuple[tuple[Document, ...], tuple[Rejection, ...]]
_EMPTY = Note("document_has_text", "the file is empty")


def parse_file(settings: SourceSettings, file: SourceFile, content: Content) -> Outcome:
    """The documents in `content`, and what was wrong; neither where there are only blanks."""
    data, uri, whole = content.data, content.uri, is_table(settings) or content.is_row
    read_as = format_of(file.path, content.media_type or file.media_type)
    if whole and not content.is_row:
        read_as = table_format_of(file.path, data)
    if not data.strip():
        said = not data and read_as.isolated and not read_as.is_table
        return (), ((_EMPTY.rejection(file.path, "should"),) if said else ())
    try:
        if read_as.is_table:
            prefix = "" if whole else f"{file.path}#"
            text = TextColumn(settings.columns.format, settings.parse_timeout_seconds)
            table = Table(file.path, uri, prefix, settings.columns, text, settings.access.column)
            return _table(settings, read_as, data, table)
        return _text(settings, read_as, file, content)
    except Unreadable as refusal:
        return (), (refusal.note.rejection(file.path, "must"),)


def options_of(settings: SourceSettings, read_as: Format) -> Options:
    """What the settings of a source say to the parser of one format."""
    html = settings.html if read_as.parser == "html" else None
    return Options(
        select=html.select if html else (),
        drop=html.drop if html else (),
        ocr=(settings.ocr or "") if read_as.parser == "pdf" else "",
        pandoc=read_as.pandoc,
    )


def _text(settings: SourceSettings, read_as: Format, file: SourceFile, content: Content) -> Outcome:
    data = content.data
    parsed = _parse(settings, read_as, data)
    recorded = tuple(note.rejection(file.path, "should") for note in parsed.notes)
    if not parsed.text.strip():
        if read_as.isolated:  # more than blanks, and still nothing to read
            nothing = Note("document_has_text", "it holds no text")
            recorded = (*recorded, nothing.rejection(file.path, "should"))
        return (), recorded
    document = Document(
        doc_id=file.path,
        title=normalized(one_line(content.title or parsed.title or "")) or _stem(file.path),
        uri=content.uri,
        media_type=read_as.media_type,
        text=normalized(_unicode(parsed.text)),
        content_hash=content.content_hash,
        size=len(data),
        metadata={**parsed.metadata, **content.metadata},
    )
    return (document,), recorded


def _parse(settings: SourceSettings, read_as: Format, data: bytes) -> Parsed:
    options = options_of(settings, read_as)
    if read_as.isolated:
        timeout = settings.parse_timeout_seconds
        return isolation.parse_text(read_as.name, data, timeout, options)
    return read_as.parse(data, options)


def _table(settings: SourceSettings, read_as: Format, data: bytes, table: Table) -> Outcome:
    notes: Sequence[Note] = ()
    rows: Iterable[Row]
    if read_as.isolated:
        timeout = settings.parse_timeout_seconds
        rows = isolation.parse_rows(read_as.name, data, settings.columns, timeout)
    else:
        rows, notes = read_as.rows(data, settings.columns)
    documents, rejections = documents_of(rows, table)
    recorded = tuple(note.rejection(table.path, "should") for note in notes)
    return documents, recorded + rejections


def _unicode(text: str) -> str:
    try:
        return encodable(text)
    except ValueError as error:
        raise Unreadable("text_is_unicode", str(error)) from None


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return one_line(name.rpartition(".")[0]) or name
