"""Object stores, web servers and whatever else fsspec opens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from almanac.sources.address import is_web, name_of, redacted
from almanac.sources.formats import is_known
from almanac.sources.listing import Walk, too_large, unreadable
from almanac.sources.parsed import Note, Unreadable
from almanac.sources.web import guarded_client
from schemas.documents import SourceFile
from schemas.errors import SourceUnavailable
from schemas.extras import missing_extra
from schemas.settings import SourceSettings

_ETAGS = ("ETag", "etag", "e_tag", "md5Hash")
_TIMES = ("LastModified", "last_modified", "Last-Modified", "mtime", "modified", "updated")
_FORBIDDEN_OR_GONE = (401, 403, 404, 410)  # HTTP
_WEB_DEPTH = 16  # folders; pages of a web server may link in circles
_AT_ONCE = 16
_PIECE = 1 << 20


class RemoteStore:
    """A prefix, or a single object, behind one fsspec file system.

    Raises:
        SourceUnavailable: the address is malformed, or its file system is not installed.
    """

    remote = True

    def __init__(self, settings: SourceSettings) -> None:
        from fsspec.core import url_to_fs

        self._uri = settings.uri
        try:
            with _as_os_errors():
                self._fs, root = url_to_fs(settings.uri, **_client_options(settings))
                _refuse_local(self._fs)
        except ImportError as error:
            raise self._unavailable(missing_extra(error) or error) from None
        except OSError as error:
            raise self._unavailable(error) from None
        self._root = str(root).rstrip("/")
        self._web = is_web(settings.uri)
        self._name = name_of(settings.uri) or "source"
        self._is_web_file = settings.kind == "table" or is_known(self._name)

    @cached_property
    def is_file(self) -> bool:
        """Whether the address is one object. Raises OSError where the file system cannot say."""
        if self._uri.endswith("/"):
            return False
        if self._web:  # every address is a page there; the settings or the name have to tell
            return self._is_web_file
        with _as_os_errors():
            return bool(self._fs.info(self._root)["type"] == "file")

    def list_into(self, walk: Walk) -> None:
        """Everything below the prefix. Raises SourceUnavailable where there is no such place."""
        self._fs.invalidate_cache()  # fsspec shares listings between all that use a file system
        try:
            with _as_os_errors():
                found = self._found()
        except OSError as error:  # its own cause is left out: the one kept here repeats no secret
            raise self._unavailable(error) from error
        if self._web and not self.is_file:
            found |= self._heads([path for path in found if walk.selection.takes(path)])
        for path, info in found.items():
            self._visit(walk, path, info)

    def _found(self) -> dict[str, Mapping[str, Any]]:
        """Information about each entry, by its path relative to the root."""
        try:
            return self._found_at_all()
        except FileNotFoundError:
            if self._web:  # fsspec makes it of every failure: ask which it was
                self._fs.open(self._root, "rb", block_size=0, size=1).close()
            raise

    def _found_at_all(self) -> dict[str, Mapping[str, Any]]:
        if self.is_file:
            return {self._name: self._fs.info(self._root)}
        depth = {"maxdepth": _WEB_DEPTH} if self._web else {}
        found = self._fs.find(self._root + "/" * self._web, detail=True, **depth)
        prefix = f"{self._root}/"
        below = {
            name.removeprefix(prefix): info
            for name, info in found.items()
            if name.startswith(prefix) and not name.endswith("/") and info["type"] == "file"
        }
        if not below:
            self._require_place()
        return below

    def _require_place(self) -> None:
        """Raise FileNotFoundError unless this is an empty folder rather than nothing at all."""
        if self._web:
            raise FileNotFoundError("the page links to no file below it")
        self._fs.info(self._root)

    def _heads(self, paths: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """What a web server says of files that its pages only name; nothing where it is silent."""

        def ask(path: str) -> Mapping[str, Any]:
            try:
                return dict(self._fs.info(f"{self._root}/{path}"))
            except FileNotFoundError:  # fsspec makes it of every failure; reading will tell
                return {}

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(paths, pool.map(ask, paths), strict=True))

    def _visit(self, walk: Walk, path: str, info: Mapping[str, Any]) -> None:
        if not self.is_file and not walk.selection.takes(path):
            walk.skip(path)
        elif _climbs(path):
            walk.refuse(path, Note("file_is_inside", "the path leads out of the source"))
        else:
            walk.add(path, info.get("size") or 0, _stamp(info))

    def address(self, file: SourceFile) -> str:
        """Where the object is, as a document says it; without a password."""
        uri = redacted(self._uri)
        return uri if self._is_root(file) else f"{uri.rstrip('/')}/{file.path}"

    def _is_root(self, file: SourceFile) -> bool:
        return file.path == self._name and self.is_file

    def read(self, file: SourceFile, limit: int) -> bytes:
        """The bytes of one listed object.

        Raises:
            Unreadable: gone, forbidden, or over `limit` bytes.
            OSError: anything else that went wrong; it may pass.
        """
        if _climbs(file.path):
            raise Unreadable("file_is_inside", "the path leads out of the source")
        try:
            with _as_os_errors():
                address = self._root if self._is_root(file) else f"{self._root}/{file.path}"
                data = self._stream(address, limit) if self._web else self._fs.cat_file(address)
        except (FileNotFoundError, PermissionError) as error:
            raise unreadable(error) from None
        if len(data) > limit:
            raise Unreadable.because(too_large(len(data), limit))
        return bytes(data)

    def _stream(self, address: str, limit: int) -> bytes:
        """At most one piece more than `limit` bytes: a web server may not say how much comes."""
        data = bytearray()
        # The size keeps fsspec from asking for it, which makes "not found" of every failure.
        with self._fs.open(address, "rb", block_size=0, size=1) as stream:
            while len(data) <= limit and (piece := stream.read(_PIECE)):
                data += piece
        return bytes(data)

    def _unavailable(self, error: Exception) -> SourceUnavailable:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return SourceUnavailable(
            f"the source {redacted(self._uri)} cannot be listed ({redacted(reason)}); check its "
            "address, its storage_options and that it can be reached"
        )


def _refuse_local(fs: Any) -> None:
    """A cache before this machine's disk would follow links out of the folder."""
    from fsspec.implementations.local import LocalFileSystem

    if isinstance(fs, LocalFileSystem) or isinstance(getattr(fs, "fs", None), LocalFileSystem):
        raise ValueError("a folder of this machine is named by its path alone")


def _client_options(settings: SourceSettings) -> dict[str, Any]:
    """What fsspec is given: the storage options, and a guarded client for a web server."""
    options, uri = _options(settings.storage_options), settings.uri
    for scheme in ("http", "https"):
        at = uri.find(f"{scheme}://")
        if at < 0:
            continue
        guarded: dict[str, Any] = {"get_client": guarded_client(uri[at:], settings.redirects)}
        guarded["skip_instance_cache"] = True  # a session of its own: what one may, another may not
        if at == 0:
            return options | guarded
        return options | {scheme: {**options.get(scheme, {}), **guarded}}
    return options


def _options(options: Mapping[str, str]) -> dict[str, Any]:
    """Settings hold text only; true, false, and JSON objects and lists are what they say."""
    return {
        key: json.loads(value) if value in ("true", "false") or value[:1] in ("{", "[") else value
        for key, value in options.items()
    }


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Whatever a file system's client library raises, as an OSError that repeats no secret.

    Its cause is left out: a traceback, which Prefect keeps, would repeat it.
    """
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 (it is raised again, in other words)
        raise _kind_of(error)(redacted(_words_of(error))) from None


def _kind_of(error: Exception) -> type[OSError]:
    if getattr(error, "status", None) in _FORBIDDEN_OR_GONE:
        return PermissionError
    known = (FileNotFoundError, PermissionError, TimeoutError)
    return next((kind for kind in known if isinstance(error, kind)), OSError)


def _words_of(error: Exception) -> str:
    """What it says; with its type unless that is Python's own."""
    said = getattr(error, "strerror", None) or str(error)
    return said if type(error).__module__ == "builtins" else f"{type(error).__name__}: {said}"


def _climbs(path: str) -> bool:
    return any(unquote(part) in (".", "..") for part in path.split("/"))


def _stamp(info: Mapping[str, Any]) -> str | None:
    """The ETag, else size and modification time; None where the file system tells neither."""
    for key in _ETAGS:
        if info.get(key):
            return str(info[key])
    for key in _TIMES:
        moment = info.get(key)
        if moment and info.get("size") is not None:
            text = moment.isoformat() if isinstance(moment, datetime) else str(moment)
            return f"{info['size']}-{text}"
    return None
