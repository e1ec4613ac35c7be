"""What may be on the disk when the power goes, after the first operations of a recording.

A file system keeps the bytes of a file and its name apart, and writes both when it likes. fsync of
a file brings its bytes to the disk, fsync of a folder the names in it; nothing else is sure. So of
what was not synced an image may have all, nothing, or any part: see `LOSSES`.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from testing.power_cut.recording import Operation

LOSSES = {
    "lost": "what was not synced is gone: bytes, new names, renames and removals",
    "empty": "names are as they were, bytes that were not synced are gone (ext4, delayed)",
    "torn": "names are as they were, half of the bytes that were not synced is gone",
    "mixed": "each name and each file has one of these fates, by chance",
    "kept": "everything is there (the process alone was killed)",
}


@dataclass(eq=False)
class _File:
    now: bytearray = field(default_factory=bytearray)
    synced: bytes = b""


class Disk:
    """A folder as programs see it and as the disk has it."""

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}
        self._folders: set[str] = {""}
        self._synced_names: dict[str, _File] = {}
        self._synced_folders: set[str] = {""}

    def apply(self, operations: Iterable[Operation]) -> None:
        """Replay operations."""
        for operation in operations:
            getattr(self, f"_{operation.name}")(operation)

    def _mark(self, operation: Operation) -> None:
        """Changes nothing."""

    def _copy(self, operation: Operation) -> None:
        raise NotImplementedError(f"bytes copied by the kernel are not recorded: {operation.path}")

    def _open(self, operation: Operation) -> None:
        self._names.setdefault(operation.path, _File())

    def _create(self, operation: Operation) -> None:
        self._names.setdefault(operation.path, _File()).now.clear()

    def _write(self, operation: Operation) -> None:
        file = self._names.get(operation.path)
        if file is None:  # its name was removed while it was open
            return
        at = len(file.now) if operation.at < 0 else operation.at
        file.now[at : at + len(operation.data)] = operation.data

    def _truncate(self, operation: Operation) -> None:
        if file := self._names.get(operation.path):
            del file.now[operation.at :]
            file.now.extend(bytes(operation.at - len(file.now)))

    def _rename(self, operation: Operation) -> None:
        if operation.path in self._folders:
            raise NotImplementedError(f"a folder was renamed: {operation.path}")
        self._names[operation.target] = self._names.pop(operation.path)

    def _link(self, operation: Operation) -> None:
        self._names[operation.target] = self._names[operation.path]

    def _remove(self, operation: Operation) -> None:
        self._names.pop(operation.path, None)
        self._folders.discard(operation.path)

    def _folder(self, operation: Operation) -> None:
        self._folders.add(operation.path)

    def _sync(self, operation: Operation) -> None:
        path = operation.path
        if file := self._names.get(path):
            file.synced = bytes(file.now)
            return
        for synced, now in ((self._synced_names, self._names),):
            for name in [one for one in synced if _parent(one) == path and one not in now]:
                del synced[name]
            synced |= {name: file for name, file in now.items() if _parent(name) == path}
        gone = {one for one in self._synced_folders - self._folders if _parent(one) == path}
        new = {one for one in self._folders if one and _parent(one) == path}
        self._synced_folders = (self._synced_folders - gone) | new

    def write_image(self, loss: str, target: Path, seed: int) -> None:
        """Make `target` what a power cut may leave, see `LOSSES`."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        chance = random.Random(seed)
        names, folders = self._surviving(loss, chance)
        for folder in sorted(folders):
            if _reached(folder, folders):
                (target / folder).mkdir(exist_ok=True)
        for name, file in sorted(names.items()):
            if _reached(name, folders):
                (target / name).write_bytes(_content(file, loss, chance))

    def _surviving(self, loss: str, chance: random.Random) -> tuple[dict[str, _File], set[str]]:
        if loss == "lost":
            return self._synced_names, self._synced_folders
        if loss != "mixed":
            return self._names, self._folders
        folders = self._synced_folders | self._folders
        every = sorted({*self._names, *self._synced_names})
        sides = ((self._names, self._synced_names)[chance.randrange(2)].get(one) for one in every)
        names = dict(zip(every, sides, strict=True))
        return {name: file for name, file in names.items() if file}, folders


def _content(file: _File, loss: str, chance: random.Random) -> bytes:
    now = bytes(file.now)
    if now == file.synced or loss == "kept":
        return now
    half = now[: max(len(file.synced), len(now) // 2)]
    fates = {"lost": file.synced, "empty": file.synced, "torn": half}
    if loss == "mixed":
        return chance.choice([file.synced, half, now])
    return fates[loss]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _reached(path: str, folders: set[str]) -> bool:
    """Are all folders above it there?"""
    parent = _parent(path)
    return parent in folders and (not parent or _reached(parent, folders))
