"""Vectors by the hash of their text, in a temporary file: memory for their names alone."""

from __future__ import annotations

import mmap
import tempfile
from array import array
from collections.abc import Iterable, Sequence
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.errors import StorageUnavailable

_HASH = np.dtype("S32")  # a SHA-256


def as_bytes(text_hashes: Sequence[str]) -> NDArray[np.bytes_]:
    """SHA-256 sums (hexadecimal) as an array of 32 bytes each, which sorts and compares quickly."""
    return np.frombuffer(bytes.fromhex("".join(text_hashes)), _HASH)


class VectorFile:
    """Vectors as bytes, each under the SHA-256 of its text (hexadecimal), some 50 bytes each.

    Filled once by `fill`, asked by `of` afterwards; the file has no name and goes with this object.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as this object)
        self._map: mmap.mmap | None = None
        self._hashes = np.empty(0, _HASH)
        self._starts = self._sizes = np.empty(0, np.int64)

    def __enter__(self) -> VectorFile:
        """The file itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._map is not None:
            self._map.close()
        self._file.close()

    def fill(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take over batches of `text_hash` and `vector`; of two of one text the first stays.

        Raises:
            StorageUnavailable: the temporary folder is full.
        """
        names, sizes = bytearray(), array("q")
        for batch in batches:
            names += as_bytes(batch["text_hash"].to_pylist()).tobytes()
            vectors = batch["vector"].to_pylist()
            sizes.extend(map(len, vectors))
            self._write(b"".join(vectors))
        hashes, lengths = np.frombuffer(names, _HASH), np.frombuffer(sizes, np.int64)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._sizes = hashes[order], lengths[order]
        self._starts = (np.cumsum(lengths) - lengths)[order]
        self._write(b"", flush=True)
        if len(lengths) and lengths.any():
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def _write(self, data: bytes, flush: bool = False) -> None:
        try:
            self._file.write(data)
            if flush:
                self._file.flush()
        except OSError as error:
            raise StorageUnavailable(
                f"the temporary folder {tempfile.gettempdir()} refuses vectors that wait to be "
                f"written ({error.strerror}): make room there, or name another folder in TMPDIR"
            ) from error

    def of(self, text_hashes: Sequence[str]) -> list[bytes | None]:
        """The vectors of texts in their order, None where there is none."""
        if self._map is None:
            return [None] * len(text_hashes)
        wanted = as_bytes(text_hashes)
        at = np.minimum(np.searchsorted(self._hashes, wanted), len(self._hashes) - 1)
        known = self._hashes[at] == wanted
        spans = zip(
            known.tolist(), self._starts[at].tolist(), self._sizes[at].tolist(), strict=True
        )
        return [
            self._map[start : start + size] if is_there else None for is_there, start, size in spans
        ]
