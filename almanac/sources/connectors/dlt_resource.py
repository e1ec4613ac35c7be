"""Rows of a dlt resource: anything that dlt has a source for, with the extra `dlt`.

The resource is run whole each night. Its rows wait in a folder of this machine until they are read,
so that it is run once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from dlt.extract import DltResource, DltSource
from pydantic import Field

from almanac.sources.access import row_access
from almanac.sources.address import redacted
from almanac.sources.base import Content, options_of
from almanac.sources.cache import cache_folder
from almanac.sources.connectors.sql import plain_row
from almanac.sources.listing import Walk
from almanac.sources.parsed import Note, Unreadable
from schemas.documents import Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.hashing import canonical_json, sha256_text
from schemas.sections.base import Section
from schemas.settings import SourceSettings

_GONE = Note("row_is_there", "it went away, or its key changed, after it was listed")


class DltOptions(Section):
    """The keys of a source of kind dlt; `columns` and `access.column` are those of a table."""

    resource: str | None = Field(default=None, description="Of a source that has several.")
    arguments: dict[str, Any] = Field(default={}, description="Of the source or resource.")
    cache: str | None = Field(default=None, description="A folder in which rows wait to be read.")


class DltConnector:
    """One resource: `uri` is `module:name`. Raises ConfigError where there is none."""

    Options = DltOptions
    decisive: ClassVar[tuple[str, ...]] = ("resource",)
    stamps_are_content = False
    batch = 500
    at_once = 1

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(DltOptions, settings)
        self._keys = settings.columns.id
        self._file = cache_folder("dlt", settings.uri, self._options.cache) / "rows.jsonl"

    def list(self) -> Listing:
        """Every row with its content as the stamp."""
        walk, seen = Walk(self._settings), set[str]()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_name(f"rows.{os.getpid()}.part")
        with part.open("w", encoding="utf-8") as rows:
            for at, row in enumerate(self._rows(), 1):
                if any(row.get(name) is None for name in self._keys):
                    walk.refuse(f"row {at}", Note("id_is_not_blank", "its key is missing"))
                    continue
                file = self._entry(row)
                if file.path in seen:
                    raise SourceUnavailable(
                        f"{self._settings.uri}: several rows have the key {file.path!r}: name "
                        "columns in columns.id that tell rows apart"
                    )
                seen.add(file.path)
                walk.offer(file)
                rows.write(f"{canonical_json(row)}\n")
        part.replace(self._file)
        return walk.listing()

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The rows as JSON objects."""
        wanted = {file.path for file in files}
        kept = {self._id(row): row for row in self._waiting() if self._id(row) in wanted}
        for file in files:
            if file.path in kept:
                data = canonical_json(kept[file.path]).encode()
                yield Content(data, self._settings.uri, "application/jsonl", is_row=True)
            else:
                yield Unreadable.because(_GONE)

    def _waiting(self) -> Iterator[dict[str, Any]]:
        """The rows of the last listing; of the resource where they are lost."""
        if not Path(self._file).is_file():
            yield from self._rows()
            return
        with self._file.open(encoding="utf-8") as rows:
            yield from map(json.loads, rows)

    def _entry(self, row: Mapping[str, Any]) -> SourceFile:
        column = self._settings.access.column
        access, _ = row_access(row, column)
        said = {name: value for name, value in row.items() if name != column}
        stamp = sha256_text(canonical_json(said))[:32]
        return SourceFile(self._id(row), 0, stamp, "application/jsonl", access)

    def _id(self, row: Mapping[str, Any]) -> str:
        return "/".join(str(row[name]) for name in self._keys)

    def _rows(self) -> Iterator[dict[str, Any]]:
        resource = self._resource()
        try:
            for row in resource:
                yield plain_row(row)
        except Exception as error:  # noqa: BLE001 (whatever a service's client raises)
            cause = error.__cause__ or error
            raise SourceUnavailable(
                f"{self._settings.uri} ended with {type(cause).__name__}: "
                f"{redacted(str(cause))}; nothing was changed"
            ) from None

    def _resource(self) -> DltResource:
        module, _, name = self._settings.uri.partition(":")
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f'a source of kind "dlt" names module:resource in uri: {self._settings.uri} is '
                f"not there ({error})"
            ) from None
        made = found(**self._options.arguments) if callable(found) else found
        if isinstance(made, DltSource):
            made = self._chosen(made)
        if not isinstance(made, DltResource):
            raise ConfigError(f"{self._settings.uri} is no source or resource of dlt")
        if made.incremental is not None:
            raise ConfigError(
                f"{self._settings.uri} is incremental: what it leaves out would count as deleted; "
                "use a resource without dlt.sources.incremental"
            )
        return made

    def _chosen(self, source: DltSource) -> Any:
        names = sorted(source.resources)
        name = self._options.resource or (names[0] if len(names) == 1 else None)
        if name not in source.resources:
            raise ConfigError(
                f"{self._settings.uri} has the resources {', '.join(names)}: name one in resource"
            )
        return source.resources[name]
