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
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from almanac.sources.address import is_table, local_path, redacted
from almanac.sources.formats import format_of
from almanac.sources.listing import Walk
from almanac.sources.local import LocalStore
from almanac.sources.parsed import Unreadable
from almanac.sources.parsing import parse_file
from almanac.sources.remote import RemoteStore
from schemas.documents import FileReading, Listing, SourceFile
from schemas.errors import SourceUnavailable
from schemas.hashing import sha256_bytes
from schemas.settings import SourceSettings

_DOWNLOADS = 16  # files fetched at once


def list_source(settings: SourceSettings) -> Listing:
    """The files of a source in path order, and what could not be listed; nothing is opened.

    Raises:
        SourceUnavailable: there is no such place, or it cannot be listed at all.
    """
    store = _open(settings)
    walk = Walk(settings)
    store.list_into(walk)
    if is_table(settings) and not store.is_file:
        raise SourceUnavailable(
            f'the source {redacted(settings.uri)} is a folder, not a table: set kind = "folder"'
        )
    return walk.listing()


def read_file(settings: SourceSettings, file: SourceFile) -> FileReading:
    """What one listed file became.

    Raises:
        OSError: the file system failed in a way that may pass; try again.
    """
    return _read(_open(settings), settings, file)


def read_files(settings: SourceSettings, files: Sequence[SourceFile]) -> Iterator[FileReading]:
    """What each of the listed files became, in their order, reading a few ahead.

    Raises:
        OSError: as `read_file`; the readings before that one were given.
    """
    store = _open(settings)
    if not store.remote and not any(_needs_a_process(file) for file in files):
        yield from (_read(store, settings, file) for file in files)
        return
    workers = _DOWNLOADS if store.remote else min(4, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="read")
    try:
        waiting = iter(files)
        ahead: deque[Future[FileReading]] = deque()
        while True:
            for file in islice(waiting, 2 * workers - len(ahead)):
                ahead.append(pool.submit(_read, store, settings, file))
            if not ahead:
                return
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _needs_a_process(file: SourceFile) -> bool:
    read_as = format_of(file.path)
    return read_as.isolated or read_as.is_table  # whose rows may be HTML


def _open(settings: SourceSettings) -> LocalStore | RemoteStore:
    path = local_path(settings.uri)
    return RemoteStore(settings) if path is None else LocalStore(path)


def _read(
    store: LocalStore | RemoteStore, settings: SourceSettings, file: SourceFile
) -> FileReading:
    try:
        data = store.read(file, settings.max_bytes)
    except Unreadable as refusal:
        return FileReading(file, "", rejections=(refusal.note.rejection(file.path, "must"),))
    documents, rejections = parse_file(settings, file, store.address(file), data)
    return FileReading(file, sha256_bytes(data), documents, rejections)
