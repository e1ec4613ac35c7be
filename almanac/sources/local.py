"""A folder or file of this machine. Nothing outside the folder is ever opened.

Every path is opened one folder at a time from the root, never through a link, so that no swap
between listing and reading can lead out. A link to a file is resolved first; the file it stands
for is then opened in the same way, under the root or not at all. Links to folders are not followed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from almanac.sources.listing import Walk, too_large, unreadable
from almanac.sources.parsed import Note, Unreadable, storable
from schemas.documents import SourceFile
from schemas.errors import SourceUnavailable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DENIED = unreadable(PermissionError(errno.EACCES, os.strerror(errno.EACCES))).note
_LINKED_FOLDER = Note("folder_is_not_a_link", "links to folders are not followed")
# Only these say something about the file; others (too many open files, a network drive that does
# not answer) may pass, and are raised for the caller to try again.
_ABOUT_THE_FILE = {
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENXIO,
    errno.ENODEV,
    errno.EIO,
}


class LocalStore:
    """A folder, or a file that is a source of its own.

    Raises:
        SourceUnavailable: there is nothing at `uri`, or nothing that can be read.
    """

    remote = False

    def __init__(self, uri: str) -> None:
        try:
            place = Path(os.path.realpath(uri, strict=True))
            mode = place.stat().st_mode
        except (OSError, ValueError) as error:
            raise SourceUnavailable(
                f"the source {uri} cannot be opened: {_reason(error)}; check its address, and "
                "that what it is on is mounted"
            ) from error
        self.is_file = stat.S_ISREG(mode)
        if not self.is_file and not stat.S_ISDIR(mode):
            raise SourceUnavailable(f"the source {uri} is neither a folder nor a file: name one")
        self._uri = uri
        self._root = str(place.parent if self.is_file else place)
        self._only = place.name if self.is_file else None

    def list_into(self, walk: Walk) -> None:
        """Walk the folder without recursion; links to folders and what is no document are passed.

        Raises:
            SourceUnavailable: the folder itself cannot be listed.
        """
        try:
            waiting = self._list_only(walk) if self._only else self._list_folder(walk, "")
        except OSError as error:
            raise SourceUnavailable(
                f"the source {self._uri} cannot be listed: {_reason(error)}; check its permissions"
            ) from error
        while waiting:
            folder = waiting.pop()
            try:
                waiting += self._list_folder(walk, folder)
            except OSError as error:
                reason = f"it cannot be listed: {_reason(error)}"
                walk.refuse(folder.rstrip("/"), Note("folder_is_readable", reason))

    def _list_only(self, walk: Walk) -> list[str]:
        name, place = Path(self._uri).name, Path(self._root, str(self._only))
        if os.access(place, os.R_OK):
            found = place.stat()
            walk.add(name, found.st_size, _stamp(found))
        else:
            walk.refuse(name, _DENIED)
        return []

    def _list_folder(self, walk: Walk, folder: str) -> list[str]:
        """Put the entries of one folder where they belong; the folders still to be walked."""
        with _inside(self._root, folder) as fd, os.scandir(fd) as entries:
            below = [self._visit(walk, f"{folder}{entry.name}", entry, fd) for entry in entries]
        return [path for path in below if path is not None]

    def _visit(self, walk: Walk, path: str, entry: os.DirEntry[str], fd: int) -> str | None:
        """Put one entry of the folder `fd` where it belongs; a folder's path, to be walked."""
        selection = walk.selection
        try:
            if entry.is_dir(follow_symlinks=False):
                pruned = selection.prunes(path)
                if pruned or selection.takes(path):  # or a folder named like a document
                    walk.skip(path)
                return None if pruned else f"{path}/"
            if selection.takes(path):
                found = self._inspect(path, entry, fd)
                walk.add(path, found.st_size, _stamp(found))
            elif entry.is_symlink() and entry.is_dir() and not selection.excludes(path):
                walk.remark(path, _LINKED_FOLDER)
            else:
                walk.skip(path)
        except Unreadable as refusal:
            walk.refuse(path, refusal.note)
        except OSError as error:
            walk.refuse(path, unreadable(error).note)
        return None

    def _inspect(self, path: str, entry: os.DirEntry[str], fd: int) -> os.stat_result:
        """What the entry is, or what its link stands for, where that is a file one may read."""
        if entry.is_symlink():
            folder, _, name = self._resolve(path).rpartition("/")
            with _inside(self._root, folder) as target:
                found = os.stat(name, dir_fd=target, follow_symlinks=False)
        else:
            found = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            raise Unreadable.because(_LINKED_FOLDER)
        _require_regular(found)
        if not os.access(entry.name, os.R_OK, dir_fd=fd):
            raise Unreadable.because(_DENIED)
        return found

    def _resolve(self, path: str) -> str:
        """The link-free path under the root that a link stands for."""
        try:
            target = os.path.realpath(f"{self._root}/{path}", strict=True)
        except OSError as error:
            reason = f"a link that leads to no file: {error.strerror}"
            raise Unreadable("link_stays_inside", reason) from None
        root = self._root.rstrip("/") + "/"
        if not target.startswith(root):
            raise Unreadable("link_stays_inside", "a link that leads out of the source")
        return target.removeprefix(root)

    def address(self, file: SourceFile) -> str:
        """Where the file is, as a document says it."""
        folder = storable(self._uri)
        return folder if self._only else f"{folder.rstrip('/')}/{file.path}"

    def read(self, file: SourceFile, limit: int) -> bytes:
        """The bytes of one listed file.

        Raises:
            Unreadable: gone, forbidden, outside the root, no file, or over `limit` bytes.
            OSError: the file system failed in a way that may pass.
        """
        if any(part in ("", ".", "..") for part in file.path.split("/")):
            raise Unreadable("file_is_inside", "the path leads out of the source")
        try:
            return self._read(self._only or file.path, limit, may_be_link=True)
        except OSError as error:
            if error.errno in _ABOUT_THE_FILE:
                raise unreadable(error) from None
            raise

    def _read(self, path: str, limit: int, may_be_link: bool) -> bytes:
        folder, _, name = path.rpartition("/")
        with _inside(self._root, folder) as fd:
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode) and may_be_link:
                return self._read(self._resolve(path), limit, may_be_link=False)
            _require_regular(found)
            return _contents(os.open(name, _FILE, dir_fd=fd), limit)


def _contents(file: int, limit: int) -> bytes:
    """All of an open file, which is closed."""
    with os.fdopen(file, "rb") as stream:
        found = os.fstat(file)
        _require_regular(found)
        if found.st_size > limit:
            raise Unreadable.because(too_large(found.st_size, limit))
        data = stream.read(found.st_size + 1)
    if len(data) != found.st_size:
        raise Unreadable("file_is_complete", "it changed while it was read")
    return data


@contextmanager
def _inside(root: str, folder: str) -> Iterator[int]:
    """A handle on `folder`, reached from `root` step by step; none of the steps may be a link."""
    at = os.open(root, _FOLDER)
    try:
        for part in filter(None, folder.split("/")):
            below = os.open(part, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _require_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("file_is_regular", "it is no file but a link, pipe, socket or device")


def _stamp(found: os.stat_result) -> str:
    """Size and times in nanoseconds. The change time shows where the other was set back."""
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}"


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
