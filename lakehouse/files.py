"""The plain files of a lakehouse: what is there, and what its bytes are."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lakehouse.location import Location

_BLOCK = 1 << 20


class Files:
    """Any file below the location, by its path inside it, on whatever storage that is."""

    def __init__(self, location: Location) -> None:
        self._location = location

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes of every file below `folder`, by path, in path order; empty where it is missing."""
        import pyarrow.fs as pafs
        from deltalake.exceptions import TableNotFoundError

        selector = pafs.FileSelector(folder, allow_not_found=True, recursive=True)
        try:
            found = self._system.get_file_info(selector)
        except TableNotFoundError:  # there is no such folder
            return {}
        files = [info for info in found if info.type == pafs.FileType.File]
        return {info.path: info.size for info in sorted(files, key=lambda info: info.path)}

    def read(self, path: str) -> bytes:
        """The bytes of a small file; FileNotFoundError where there is none."""
        with self._system.open_input_file(path) as file:
            return bytes(file.read())

    def write(self, path: str, data: bytes) -> None:
        """Write a file: on object storage at once, on a disk under another name first."""
        if "://" in self._location.uri:
            # Buffered whole: deltalake's file takes bytes, and pyarrow hands it its own buffers.
            with self._system.open_output_stream(path, buffer_size=len(data) + 1) as file:
                file.write(data)
            return
        target = Path(self._location.uri) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Several may write one file at a time, as the first writers of a lakehouse do its format.
        part = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
        part.write_bytes(data)
        self._location.disk.sync_file(part)
        part.replace(target)
        self._location.disk.sync(str(target.parent.relative_to(self._location.uri)))

    def measured(self, path: str) -> tuple[int, str]:
        """Bytes of a file and their SHA-256, hexadecimal; FileNotFoundError where there is none."""
        digest, size = hashlib.sha256(), 0
        with self._system.open_input_file(path) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
        return size, digest.hexdigest()

    def delete(self, paths: Iterable[str]) -> None:
        """Remove files; one that is gone already is no error."""
        self._location.disk.sync()  # what stands in for what goes now
        for path in paths:
            self._location.guard.check()
            try:
                self._system.delete_file(path)
            except FileNotFoundError:
                continue

    @property
    def _system(self) -> Any:
        import pyarrow.fs as pafs
        from deltalake.fs import DeltaStorageHandler

        handler = DeltaStorageHandler(self._location.uri, self._location.delta_options)
        return pafs.PyFileSystem(handler)
