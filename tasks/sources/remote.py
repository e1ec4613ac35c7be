"""Object stores, web servers and whatever else fsspec opens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from schemas.errors import SourceUnavailable
from schemas.settings import SourceSettings
from tasks.sources.kinds import is_known
from tasks.sources.listing import Walk, too_large, unreadable
from tasks.sources.parsed import Note, Unreadable

_ETAGS = ("ETag", "etag", "e_tag", "md5Hash")
_TIMES = ("LastModified", "last_modified", "Last-Modified", "mtime", "modified", "updated")
_WEB = ("http", "https")
_WEB_DEPTH = 16  # folders; pages of a web server may link in circles


class RemoteStore:
    """A prefix or a single object, behind one fsspec file system.

    Raises:
        SourceUnavailable: the address is malformed or its file system is not installed.
    """

    remote = True

    def __init__(self, settings: SourceSettings) -> None:
        import fsspec

        self._uri = settings.uri
        try:
            with _any_failure():
                self._fs, root = fsspec.core.url_to_fs(
                    settings.uri, **_options(settings.storage_options)
                )
        except (OSError, ImportError) as error:
            raise self._unavailable(error) from error
        self._root = root.rstrip("/")
        self.is_file = self._is_file()

    def _is_file(self) -> bool:
        ...
