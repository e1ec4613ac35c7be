"""What is written on a local file system, brought to the disk: what a power cut leaves is whole.

Writing and renaming a file change the memory of the machine; a power cut loses what was not synced
(fsync(2)), a file's name apart from its bytes, in any order. So before something is said to stand,
all files and folders of the lakehouse that are new are synced, and then the row that says so.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import StorageUnavailable

_NOT_SYNCABLE = (errno.EINVAL, errno.ENOTSUP)  # a file system without fsync of folders
Mark = tuple[object, ...]  # changes when a file or folder changes


class Disk:
    """The local folder of a lakehouse; object stores are durable by their answer, and have none.

    `root` is None for an object store and where durability is switched off.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._synced: dict[str, Mark] = {}

    def sync(self, folder: str = "") -> None:
        """Sync all files and folders below a folder of the lakehouse, and its name.

        What was synced before by this object and is the same since costs one look, no sync.

        Raises:
            StorageUnavailable: the disk reports that what was written is lost.
        """
        if self._root is None or not self._root.is_dir():
            return
        top = self._root / folder
        for at, _, names in os.walk(top, topdown=False):
            for name in names:
                self._sync_file(f"{at}/{name}")
            self._sync_folder(at)
        for parent in self._parents(top):
            self._sync_folder(str(parent))

    def sync_file(self, path: Path) -> None:
        """Sync the bytes of one file, not its name."""
        if self._root is not None:
            self._sync_file(str(path))

    def _parents(self, top: Path) -> Sequence[Path]:
        assert self._root is not None
        above = [one for one in top.parents if one.is_relative_to(self._root)]
        return [*above, self._root.parent]

    def _sync_file(self, path: str) -> None:
        try:
            found = Path(path).lstat()
        except FileNotFoundError:  # renamed or removed meanwhile
            return
        self._once(path, (found.st_ino, found.st_size, found.st_mtime_ns))

    def _sync_folder(self, path: str) -> None:
        try:
            # Names, not the time: a clock of 4 ms does not tell two changes apart.
            with os.scandir(path) as entries:
                names = sorted(entry.name for entry in entries)
            self._once(path, (Path(path).stat().st_ino, *names))
        except FileNotFoundError:
            return

    def _once(self, path: str, mark: Mark) -> None:
        if self._synced.get(path) == mark:
            return
        try:
            _fsync(path)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in _NOT_SYNCABLE:
                raise StorageUnavailable(
                    f"{path} could not be brought to the disk ({error.strerror}): nothing that "
                    "needs it is published"
                ) from error
        self._synced[path] = mark


def _fsync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
