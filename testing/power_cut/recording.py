"""The file operations of a program and of all its threads, as strace(1) sees them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CALLS = (
    "open,openat,creat,write,pwrite64,writev,pwritev,ftruncate,truncate,rename,renameat,renameat2,"
    "link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,fsync,fdatasync,copy_file_range,sendfile"
)
_UNFINISHED = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$", re.DOTALL)
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$", re.DOTALL)
_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)(?:<((?:\\x..)*)>)?", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_HANDLE = re.compile(r"^(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>")
_NUMBERS = re.compile(r", (\d+)")
_MARK = "/power-cut-mark/"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation below the recorded folder; paths are inside it.

    name: create, write, truncate, rename, link, remove, folder, sync, mark. `at` is an offset or a
    length; -1 is the end. `target` is the new name, or what a mark says.
    """

    name: str
    path: str
    target: str = ""
    data: bytes = b""
    at: int = -1


def mark(text: str) -> None:
    """Note in the recording that the recorded program has come so far."""
    with suppress(OSError):
        os.rename(f"{_MARK}{text}", _MARK)  # noqa: PTH104 (it fails, and is seen)


def record(command: Sequence[str], folder: Path, log: Path) -> list[Operation]:
    """Run a program under strace; what it did below `folder`, in order."""
    traced = ["strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "1000000000"]
    subprocess.run([*traced, "-e", f"trace={_CALLS}", "-o", str(log), *command], check=True)
    prefix = f"{folder.resolve()}/"
    return list(_operations(_whole_lines(log), prefix))


def _whole_lines(log: Path) -> Iterator[str]:
    """Lines of the log; a call that another thread interrupted stands where it ended."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if found := _UNFINISHED.match(line.rstrip("\n")):
                begun[found[1]] = found[2]
            elif found := _RESUMED.match(line):
                yield f"{found[1]} {begun.pop(found[1], '')}{found[2]}"
            else:
                yield line


def _operations(lines: Iterator[str], prefix: str) -> Iterator[Operation]:
    for line in lines:
        if not (found := _CALL.match(line)):
            continue
        call, arguments, result = found[1], found[2], int(found[3])
        strings = [_text(one) for one in _STRING.findall(arguments)]
        if call == "rename" and strings and strings[0].startswith(_MARK):
            yield Operation("mark", "", strings[0].removeprefix(_MARK))
        elif result >= 0:
            opened = _text(found[4] or "")
            yield from _inside(_operation(call, arguments, strings, result, opened), prefix)


def _inside(operation: Operation | None, prefix: str) -> Iterator[Operation]:
    if operation is None:
        return
    path, target = operation.path, operation.target
    if not path.startswith(prefix) and f"{path}/" != prefix:
        return
    path, target = path[len(prefix) :], target[len(prefix) :]
    yield Operation(operation.name, path, target, operation.data, operation.at)


def _operation(
    call: str, arguments: str, strings: list[str], result: int, opened: str
) -> Operation | None:
    if call in ("open", "openat", "creat"):
        new = "O_CREAT" in arguments or "O_TRUNC" in arguments
        name = "create" if "O_TRUNC" in arguments else "open"
        return Operation(name, opened) if new and "O_DIRECTORY" not in arguments else None
    if call in ("write", "pwrite64", "writev", "pwritev"):
        numbers = _NUMBERS.findall(arguments.rpartition('"')[2])
        data = b"".join(map(_bytes, _STRING.findall(arguments)))[:result]
        at = int(numbers[-1]) if call.startswith("p") and numbers else -1
        return Operation("write", _handle(arguments), data=data, at=at)
    if call in ("fsync", "fdatasync"):
        return Operation("sync", _handle(arguments))
    if call in ("ftruncate", "truncate"):
        length = int(arguments.rpartition(", ")[2])
        path = strings[0] if strings else _handle(arguments)
        return Operation("truncate", path, at=length)
    if call in ("copy_file_range", "sendfile"):
        return Operation("copy", _handle(arguments), call)
    return _of_names(call, strings)


def _of_names(call: str, paths: list[str]) -> Operation:
    """Paths given to the calls are absolute: the lakehouse's root is."""
    if call.startswith("rename"):
        return Operation("rename", paths[0], paths[1])
    if call.startswith("link"):
        return Operation("link", paths[0], paths[1])
    return Operation("folder" if call.startswith("mkdir") else "remove", paths[0])


def _handle(arguments: str) -> str:
    found = _HANDLE.match(arguments)
    return _text(found[1]) if found else ""


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _text(escaped: str) -> str:
    return _bytes(escaped).decode("utf-8", "replace")
