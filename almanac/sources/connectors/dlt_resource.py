"""Rows of a dlt resource: anything that dlt has a source for, with the extra `dlt`.

The resource is run whole each night. Its rows wait in a folder of this machine until they are read,
so that it is run once.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module
from typing import IO, Any, ClassVar

from dlt.extract import DltResource, DltSource
from pydantic import Field

from almanac.sources.address import redacted
from almanac.sources.base import ConnectorBase, Content, options_of
from almanac.sources.cache import cache_folder
from almanac.sources.connectors.sql import plain_row
from almanac.sources.keyed_rows import KeyedRows
from almanac.sources.parsed import Unreadable
from schemas.documents import Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.hashing import canonical_json
from schemas.sections.base import Section
from schemas.settings import SourceSettings

_LEFT_FOR = 24 * 3600.0  # seconds after which a part file is nobody's


class DltOptions(Section):
    """The keys of a source of kind dlt; `columns` and `access.column` are those of a table."""

    resource: str | None = Field(default=None, description="Of a source that has several.")
    arguments: dict[str, Any] = Field(default={}, description="Of the source or resource.")
    cache: str | None = Field(default=None, description="A folder in which rows wait to be read.")


class DltConnector(ConnectorBase):
    """One resource: `uri` is `module:name`. Raises ConfigError where there is none."""

    Options = DltOptions
    decisive: ClassVar[tuple[str, ...]] = ("resource",)
    batch = 500

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(DltOptions, settings)
        self._rows = KeyedRows(settings, settings.uri)
        self._file = cache_folder("dlt", settings.uri, self._options.cache) / "rows.jsonl"

    def list(self) -> Listing:
        """Every row with its content as the stamp."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        for left in self._file.parent.glob("rows.*.part"):  # by a run that was killed
            if time.time() - left.stat().st_mtime > _LEFT_FOR:
                left.unlink(missing_ok=True)
        part = self._file.with_name(f"rows.{os.getpid()}.part")
        try:
            with part.open("wb") as kept:
                listing = self._rows.listing(self._keeping(kept))
            part.replace(self._file)
        finally:
            part.unlink(missing_ok=True)
        return listing

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The rows as JSON objects."""
        yield from self._rows.contents(files, self._kept(files))

    def _keeping(self, kept: IO[bytes]) -> Iterator[dict[str, Any]]:
        """The rows of the resource, each written down when the next is asked for."""
        for row in self._run():
            yield row
            if self._rows.has_key(row):
                kept.write(canonical_json(row).encode() + b"\n")

    def _kept(self, files: Sequence[SourceFile]) -> Iterator[dict[str, Any]]:
        """The rows of entries as they were listed; as they are now where the file is lost."""
        if not self._file.is_file():
            self.list()
        with self._file.open("rb") as kept:
            for file in files:
                if (at := self._places.get(file.path)) is not None:
                    kept.seek(at)
                    yield json.loads(kept.readline())

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where each row begins in the file: read through once, however many are fetched."""
        places, at = {}, 0
        with self._file.open("rb") as kept:
            for line in kept:
                places[self._rows.id_of(json.loads(line))] = at
                at += len(line)
        return places

    def _run(self) -> Iterator[dict[str, Any]]:
        resource = self._resource()
        try:
            for row in resource:
                yield plain_row(row)
        except SourceUnavailable:
            raise
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
