"""Rows of a table as documents: ids, titles, metadata, and what keeps a row out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from almanac.sources.access import row_access
from almanac.sources.decoding import clean, one_line
from almanac.sources.headings import first_heading
from almanac.sources.jsonsafe import encodable, json_safe
from almanac.sources.parsed import Note, Row, Unreadable, shown
from almanac.sources.row_text import TextColumn
from schemas.documents import Document, Rejection
from schemas.hashing import canonical_json, sha256_text
from schemas.settings import Columns
from schemas.text import normalized

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Table:
    """Where rows come from. `prefix` goes before each id; `path` stands for rows without one."""

    path: str
    uri: str
    prefix: str
    columns: Columns
    text: TextColumn = field(default_factory=TextColumn)
    access_column: str | None = None


@dataclass(slots=True)
class _SameId:
    """All rows of one id. A row that was rejected counts as a version of its own."""

    documents: list[tuple[str, Document]] = field(default_factory=list)
    rejected: int = 0

    def is_one_document(self) -> bool:
        return bool(self.documents) and self._versions() == 1

    def rejections(self) -> list[Rejection]:
        """Every document of an id that has several versions."""
        if self._versions() < 2:
            return []
        places = ", ".join(where for where, _ in self.documents)
        return [
            Rejection(
                document.doc_id,
                "id_is_unique",
                "must",
                f"{where}: rows with this id differ ({places})",
                shown(document.doc_id),
            )
            for where, document in self.documents
        ]

    def _versions(self) -> int:
        return len({document.content_hash for _, document in self.documents}) + self.rejected


def documents_of(
    rows: Iterable[Row], table: Table
) -> tuple[tuple[Document, ...], tuple[Rejection, ...]]:
    """The good rows as documents in file order, the others as rejections.

    Rows that repeat one another exactly become one document. Of rows with one id and different
    content none does: nobody can tell which is meant.
    """
    by_id: defaultdict[str, _SameId] = defaultdict(_SameId)
    rejections: list[Rejection] = []
    for row in rows:
        doc_id: str | None = None
        try:
            row_id = _row_id(row, table.columns)
            doc_id = table.prefix + row_id
            document, notes = _document(row, row_id, table)
        except Unreadable as refusal:
            rejections.append(_at(row, refusal.note).rejection(doc_id or table.path, "must"))
            if doc_id is not None:
                by_id[doc_id].rejected += 1
            continue
        by_id[doc_id].documents.append((row.where, document))
        rejections.extend(_at(row, note).rejection(doc_id, "should") for note in notes)
    rejections.extend(broken for same in by_id.values() for broken in same.rejections())
    good = [same.documents[0][1] for same in by_id.values() if same.is_one_document()]
    return tuple(good), tuple(rejections)


def _at(row: Row, note: Note) -> Note:
    return Note(note.expectation, f"{row.where}: {note.reason}", note.value)


def _row_id(row: Row, columns: Columns) -> str:
    """The id columns' values, joined. A row without an id is refused for its own problem first."""
    try:
        return "/".join(_id_part(row.values, name) for name in columns.id)
    except Unreadable:
        if row.problem is not None:
            raise Unreadable.because(row.problem) from None
        raise


def _id_part(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # what pandas makes of whole numbers beside a missing one
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Unreadable("id_is_not_blank", f"{name} is blank", shown(value))
    if isinstance(value, bool) or not isinstance(value, str | int):
        reason = f"{name} is no text or number but of type {type(value).__name__}"
        raise Unreadable("id_is_text_or_number", reason, shown(value))
    part = _unicode(str(value), name)
    if _CONTROLS.search(part):
        raise Unreadable("id_has_no_control_characters", f"{name} holds some", shown(part))
    return part


def _document(row: Row, row_id: str, table: Table) -> tuple[Document, tuple[Note, ...]]:
    if row.problem is not None:
        raise Unreadable.because(row.problem)
    raw, notes = _text(row.values, table.columns.text)
    title = _title(row.values, table.columns.title)
    metadata = _metadata(row.values, table)
    access, refused = row_access(row.values, table.access_column)
    stored = canonical_json({"id": row_id, "text": raw, "title": title, "metadata": metadata})
    text, more = table.text.read(raw)
    if not text.strip():
        raise Unreadable("text_is_not_blank", f"{table.columns.text} holds no text", shown(raw))
    document = Document(
        doc_id=table.prefix + row_id,
        title=normalized(title) or first_heading(text) or row_id,
        uri=f"{table.uri}#{row_id}",
        media_type=table.text.media_type,
        text=text,
        content_hash=sha256_text(stored),
        size=len(stored.encode("utf-8")),
        metadata=metadata,
        access=access,
    )
    return document, (*notes, *more, *refused)


def _text(values: Mapping[str, Any], name: str) -> tuple[str, tuple[Note, ...]]:
    value = values.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Unreadable("text_is_not_blank", f"{name} is blank", shown(value))
    if not isinstance(value, str):
        raise Unreadable("text_is_text", _wrong_type(name, value), shown(value))
    return clean(_unicode(value, name))


def _title(values: Mapping[str, Any], name: str | None) -> str:
    """The title on one line, "" without one; numbers are taken as text."""
    value = values.get(name) if name else None
    if value is None or value != value:  # NaN is how pandas stores a missing one
        return ""
    if not isinstance(value, str | int | float):
        raise Unreadable("title_is_text", _wrong_type(name, value), shown(value))
    return one_line(_unicode(str(value), str(name)))


def _metadata(values: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """All but who may see the row, whose change is none of the document."""
    columns, names = table.columns, table.columns.metadata
    if names is None:
        known = {*columns.id, columns.text, columns.title, table.access_column}
        names = tuple(sorted(values.keys() - known))
    try:
        return json_safe({name: values[name] for name in names if name in values})
    except ValueError as error:
        raise Unreadable("metadata_is_json", f"the metadata cannot be kept: {error}") from None


def _wrong_type(name: str | None, value: object) -> str:
    return f"{name} is no text but of type {type(value).__name__}"


def _unicode(text: str, name: str) -> str:
    try:
        return encodable(text)
    except ValueError as error:
        raise Unreadable("text_is_unicode", f"{name}: {error}", shown(text)) from None
