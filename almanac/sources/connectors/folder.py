"""Folders and tables, on this machine or behind fsspec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from almanac.sources.access import Sidecar, with_access
from almanac.sources.address import is_table, local_path, redacted
from almanac.sources.base import ConnectorBase, Content
from almanac.sources.formats import format_of
from almanac.sources.listing import Walk
from almanac.sources.local import LocalStore
from almanac.sources.parsed import Unreadable
from almanac.sources.remote import RemoteStore
from schemas.documents import Listing, SourceFile
from schemas.errors import SourceUnavailable
from schemas.settings import SourceSettings

_DOWNLOADS = 16  # files fetched at once
_SIDECAR_BYTES = 1_000_000


class FolderConnector(ConnectorBase):
    """Files below an address; raises SourceUnavailable where there is no such place."""

    batch = 1

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        path = local_path(settings.uri)
        self._store = RemoteStore(settings) if path is None else LocalStore(path)
        self.at_once = _DOWNLOADS if self._store.remote else 1

    def list(self) -> Listing:
        """Every file that the globs name, with who may see it by column, sidecar or rule."""
        walk = Walk(self._settings)
        self._store.list_into(walk)
        if is_table(self._settings) and not self._store.is_file:
            raise SourceUnavailable(
                f"the source {redacted(self._settings.uri)} is a folder, not a table: "
                'set kind = "folder"'
            )
        sidecars = tuple(self._sidecars(sorted(walk.sidecars)))
        return with_access(self._settings, walk.listing(), sidecars)

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The bytes of each file."""
        for file in files:
            try:
                data = self._store.read(file, self._settings.max_bytes)
            except Unreadable as refusal:
                yield refusal
            else:
                yield Content(data, self._store.address(file))

    def _sidecars(self, paths: Iterable[str]) -> Iterator[Sidecar]:
        for path in paths:
            try:
                data = self._store.read(SourceFile(path, 0, None), _SIDECAR_BYTES)
                yield Sidecar.parse(path, data)
            except Unreadable as refusal:
                yield Sidecar.broken(path, refusal.note.reason)


def needs_a_process(file: SourceFile) -> bool:
    """Whether reading the file takes a parser's process, so that several pay at once."""
    read_as = format_of(file.path, file.media_type)
    return read_as.isolated or read_as.is_table  # whose rows may be HTML
