"""The files of a log as rows: JSON lines, JSON, Parquet, or spans, by what is in the file."""

from __future__ import annotations

import gzip
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any

from almanac.sources.jsonrows import json_rows, jsonl_rows
from almanac.sources.parsed import Note, Row, Unreadable, storable
from schemas.errors import FeedbackUnreadable

# The longest line, and the greatest JSON file that is one value over many lines.
_LONGEST = 64 << 20
_MARK = b"\xef\xbb\xbf"  # which some programs put before UTF-8
_ROWS_AT_ONCE = 500
# A packed file may hold so many bytes, or so many times its own: logs pack to a tenth.
_UNPACKED = 1 << 30
_MOST_TIMES = 100
_OF_THE_FILE = (EOFError, OSError, zlib.error, lzma.LZMAError)
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"\xfd7": lzma.open}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file. A `problem` keeps it out; `raw` then is its text, as far as there is one.

    `number` counts lines, or rows where the file has none, from 1; 0 stands for the whole file.
    """

    file: Path
    number: int
    values: Mapping[str, Any] = field(default_factory=dict)
    problem: Note | None = None
    raw: str = ""
    size: int = 0  # in bytes, about

    @property
    def label(self) -> str:
        """FILENAME:LINE."""
        return f"{storable(self.file.name)}:{self.number}"

    @property
    def place(self) -> str:
        """The same with the whole path."""
        return f"{storable(str(self.file))}:{self.number}"


def log_files(where: str) -> list[Path]:
    """The file itself, or all files of a folder in the order of their paths.

    Names that begin with a dot or an underscore are left out: markers of what wrote the folder.

    Raises:
        FeedbackUnreadable: there is no such file or folder, or it cannot be opened.
    """
    place = Path(where).expanduser().resolve()
    try:
        if place.is_file():
            place.open("rb").close()
            return [place]
        files = [path for path in place.rglob("*") if path.is_file()]
    except OSError as error:
        raise FeedbackUnreadable(f"{where} cannot be read: {error.strerror}") from None
    if not place.is_dir():
        raise FeedbackUnreadable(f"there is no file or folder {where}: name the log to import")
    return sorted(path for path in files if not path.name.startswith((".", "_")))


def rows_of(file: Path) -> Iterator[Line]:
    """The rows of one file, one at a time; one that cannot be read on ends in a problem."""
    number = 0
    try:
        with file.open("rb") as stream:
            head = stream.read(4)
        for line in _parquet(file) if head == b"PAR1" else _text(file, head):
            number = line.number
            yield line
    except _OF_THE_FILE as error:
        reason = f"the file cannot be read any further: {error}"
        yield Line(file, number + 1, problem=Note("file_is_complete", reason))


def _parquet(file: Path) -> Iterator[Line]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(file) as table:
            for batch in table.iter_batches(_ROWS_AT_ONCE):
                size = batch.nbytes // max(batch.num_rows, 1)
                for values in batch.to_pylist():
                    number += 1
                    yield Line(file, number, values, size=size)
    except pa.ArrowException as error:
        reason = f"it is no intact Parquet: {error}"
        yield Line(file, number + 1, problem=Note("file_is_complete", reason))


def _text(file: Path, head: bytes) -> Iterator[Line]:
    opener = _OPENERS.get(head[:2])
    with (opener or open)(file, "rb") as stream:
        if opener:
            stream = _Bounded(stream, max(_UNPACKED, _MOST_TIMES * file.stat().st_size))
        lines = enumerate(_lines(stream), start=1)
        blank = True
        while blank:
            number, first = next(lines, (0, b"end"))
            blank = first is not None and not first.strip()
        if not number:
            return
        if first is None or not _goes_over_lines(first):
            for at, line in chain([(number, first)], lines):
                if line is None or not line.isspace():
                    yield from _parsed(file, at, line)
        else:
            yield from _document(file, number, first, (line for _, line in lines))


class _Bounded:
    """The lines of a packed file, of so many bytes at most."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._most, self._left = stream, most, most

    def readline(self, size: int) -> bytes:
        """The next line, or part of it. Raises OSError once there are too many bytes."""
        part = self._stream.readline(size)
        self._left -= len(part)
        if self._left < 0:
            raise OSError(f"it unpacks to over {self._most:,} bytes; unpack it if that is meant")
        return part


def _lines(stream: IO[bytes] | _Bounded) -> Iterator[bytes | None]:
    """Line by line; None for one that is too long to be a row."""
    while part := stream.readline(_LONGEST):
        if len(part) < _LONGEST or part.endswith(b"\n"):
            yield part
            continue
        while part and not part.endswith(b"\n"):
            part = stream.readline(_LONGEST)
        yield None


def _goes_over_lines(first: bytes) -> bool:
    """Is this the beginning of one JSON value that goes over several lines, or of an array?"""
    start = first.removeprefix(_MARK).strip()
    return start in (b"{", b"[") or start.startswith(b"[{")


def _document(
    file: Path, start: int, first: bytes, others: Iterable[bytes | None]
) -> Iterator[Line]:
    """An array of rows, or one value; where it is neither, line by line after all."""
    lines, size = [first.removeprefix(_MARK)], len(first)
    for line in others:
        lines.append(line or b"")
        size += len(lines[-1])
        if size > _LONGEST:
            reason = f"it is one JSON value of more than {_LONGEST >> 20} MiB: write JSON lines"
            yield Line(file, 0, problem=Note("file_is_not_huge", reason))
            return
    try:
        rows = list(_values(b"".join(lines).decode("utf-8")))
    except (Unreadable, ValueError, RecursionError):
        for number, line in enumerate(lines, start):
            yield from _parsed(file, number, line)
        return
    for number, row in enumerate(rows, start=1):
        yield Line(file, number, row.values, row.problem)


def _values(text: str) -> Iterable[Row]:
    return json_rows(text) if text.lstrip().startswith("[") else [Row("", json.loads(text))]


def _parsed(file: Path, number: int, line: bytes | None) -> Iterator[Line]:
    if line is None:
        reason = f"the line is longer than {_LONGEST >> 20} MiB"
        yield Line(file, number, problem=Note("row_is_not_huge", reason))
        return
    try:
        text = line.removeprefix(_MARK).decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raw = line.decode("utf-8", "backslashreplace")
        yield Line(file, number, problem=Note("row_is_utf8", f"it is no UTF-8: {error}"), raw=raw)
        return
    for row in jsonl_rows(text):
        raw = text if row.problem else ""
        yield Line(file, number, row.values, row.problem, raw, len(line))
