"""Rows of a database or a service as entries of a source: one each, by its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from almanac.sources.access import row_access
from almanac.sources.base import Content
from almanac.sources.listing import Walk
from almanac.sources.parsed import Note, Unreadable
from schemas.documents import Listing, SourceFile
from schemas.errors import SourceUnavailable
from schemas.hashing import canonical_json, sha256_text
from schemas.settings import SourceSettings

PlainRow = Mapping[str, Any]  # of values of JSON
_GONE = Note("row_is_there", "it went away, or its key changed, after it was listed")


class KeyedRows:
    """The rows of one place, such as a table. `stamp` names columns, none for the whole row."""

    def __init__(self, settings: SourceSettings, place: str, stamp: Sequence[str] = ()) -> None:
        self._settings = settings
        self._place = place
        self._stamp = stamp
        self._keys = settings.columns.id

    def listing(self, rows: Iterable[PlainRow]) -> Listing:
        """An entry for each row. Raises SourceUnavailable where a key comes twice."""
        walk, seen = Walk(self._settings), set[str]()
        for at, row in enumerate(rows, 1):
            if not self.has_key(row):
                walk.refuse(f"row {at}", Note("id_is_not_blank", "its key is missing or null"))
                continue
            file = self._entry(row)
            if file.path in seen:
                raise SourceUnavailable(
                    f"{self._place}: several rows have the key {file.path!r}: name columns in "
                    "columns.id that tell rows apart"
                )
            seen.add(file.path)
            walk.offer(file)
        return walk.listing()

    def contents(
        self, files: Sequence[SourceFile], rows: Iterable[PlainRow]
    ) -> Iterator[Content | Unreadable]:
        """The row of each entry as a JSON object, from rows of which others may be there too."""
        wanted = {file.path for file in files}
        found = {key: row for row in rows if (key := self.id_of(row)) in wanted}
        for file in files:
            if file.path in found:
                data = canonical_json(found[file.path]).encode()
                yield Content(data, self._place, "application/jsonl", is_row=True)
            else:
                yield Unreadable.because(_GONE)

    def has_key(self, row: PlainRow) -> bool:
        """Whether none of its key columns is null."""
        return all(row.get(name) is not None for name in self._keys)

    def id_of(self, row: PlainRow) -> str:
        """The values of the key columns, joined."""
        return "/".join(str(row.get(name)) for name in self._keys)

    def _entry(self, row: PlainRow) -> SourceFile:
        column = self._settings.access.column
        access, _ = row_access(row, column)
        said = (
            [row[name] for name in self._stamp]
            if self._stamp
            else {name: value for name, value in row.items() if name != column}
        )
        stamp = sha256_text(canonical_json(said))[:32]
        return SourceFile(self.id_of(row), 0, stamp, "application/jsonl", access)
