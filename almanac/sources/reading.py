"""Listing a source and reading its files as documents.

`list_source` says what is there without reading it; `read_file` and `read_files` make documents of
it. Bad content never raises: it becomes a rejection, and the neighbours go on. A network that
fails raises OSError, for the caller to try again.

An empty `content_hash` says that the file's bytes could not be had. Such a reading, and one that
holds a must, says nothing about the next attempt: it is not to be kept.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from almanac.sources.access import with_access
from almanac.sources.base import Connector, Content, Remembering
from almanac.sources.connectors.folder import needs_a_process
from almanac.sources.parsed import Unreadable
from almanac.sources.parsing import parse_file
from almanac.sources.registry import open_source
from almanac.sources.repeated import Repeated, is_page, without_repeated
from schemas.documents import FileReading, Listing, SourceFile
from schemas.hashing import sha256_bytes
from schemas.settings import SourceSettings

_FILES_FOR_A_PROCESS = 50  # of fewer, starting a second parser costs more than it saves
_NOTHING = Repeated()
_NONE: Mapping[str, str | None] = {}


def list_source(settings: SourceSettings, known: Mapping[str, str | None] = _NONE) -> Listing:
    """What a source holds in path order, and what could not be listed; complete, or it raises.

    Args:
        known: the entries of the last night with their stamps, so that those are asked for that a
            connector does not meet by itself.

    Raises:
        SourceUnavailable: there is no such place, or it cannot be listed to the end.
    """
    source = open_source(settings)
    listing = source.list_from(known) if isinstance(source, Remembering) else source.list()
    return with_access(settings, listing) if settings.is_connector else listing


def read_file(settings: SourceSettings, file: SourceFile) -> FileReading:
    """What one listed file became.

    Raises:
        OSError: the file system failed in a way that may pass; try again.
    """
    return _read(open_source(settings), settings, [file])[0]


def read_files(
    settings: SourceSettings, files: Sequence[SourceFile], repeated: Repeated = _NOTHING
) -> Iterator[FileReading]:
    """What each of the listed files became, in their order, reading a few ahead.

    Without the text that is `repeated` on other pages.

    Raises:
        OSError: as `read_file`; the readings before that one were given.
    """
    source = open_source(settings)
    parts = (files[at : at + source.batch] for at in range(0, len(files), source.batch))
    workers = source.at_once
    if workers == 1 and not settings.is_connector:
        isolated = sum(map(needs_a_process, files))
        workers = max(1, min(4, os.cpu_count() or 1, isolated // _FILES_FOR_A_PROCESS))
    if workers == 1:
        for part in parts:
            yield from _read(source, settings, part, repeated)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")
    try:
        ahead: deque[Future[list[FileReading]]] = deque()
        while True:
            for part in islice(parts, 2 * workers - len(ahead)):
                ahead.append(pool.submit(_read, source, settings, part, repeated))
            if not ahead:
                return
            yield from ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(
    source: Connector,
    settings: SourceSettings,
    files: Sequence[SourceFile],
    repeated: Repeated = _NOTHING,
) -> list[FileReading]:
    contents = zip(files, source.fetch(files), strict=True)
    return [_reading(settings, file, content, repeated) for file, content in contents]


def _reading(
    settings: SourceSettings, file: SourceFile, content: Content | Unreadable, repeated: Repeated
) -> FileReading:
    if isinstance(content, Unreadable):
        return FileReading(file, "", rejections=(content.note.rejection(file.path, "must"),))
    documents, rejections = parse_file(settings, file, content)
    if repeated.sites and is_page(file):
        blocks = repeated.of(file.path)
        documents = tuple(without_repeated(document, blocks) for document in documents)
    noted = tuple(note.rejection(file.path, "should") for note in content.notes)
    rejections = (*noted, *rejections)
    return FileReading(file, sha256_bytes(content.data), documents, rejections)
