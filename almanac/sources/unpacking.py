"""Unpacking what others packed: bounded by the bytes that come out, however little went in."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

GZIP = b"\x1f\x8b"
_PIECE = 1 << 16
_MOST_PARTS = 1_000  # of one file, one after another
_EITHER = 47  # for zlib: gzip or zlib, by the head
_RAW = -15  # for zlib: neither, as some servers understand "deflate"
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The body of an HTTP answer without its content encoding, in pieces of at most 64 KiB.

    Raises:
        ValueError: an encoding that was not asked for, several at once, or a body that is damaged
            or cut short.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        yield from pieces
        return
    if name not in _ENCODINGS:
        raise ValueError(f"the answer is packed as {name[:40]}, which nobody asked for")
    unpacker, begun = zlib.decompressobj(_EITHER), False
    for piece in pieces:
        if not begun and name == "deflate" and piece and piece[0] & 0x0F != 8:
            unpacker = zlib.decompressobj(_RAW)
        begun |= bool(piece)
        while piece and not unpacker.eof:
            yield _step(unpacker, piece, _PIECE)
            piece = unpacker.unconsumed_tail
    while begun and not unpacker.eof and (rest := _step(unpacker, b"", _PIECE)):
        yield rest
    if begun and not unpacker.eof:
        raise ValueError("the packed answer is cut short")


def gunzipped(data: bytes, most: int) -> bytes:
    """A file in gzip, or several one after another, as one text.

    Raises:
        ValueError: it is damaged, cut short, of too many parts, or over `most` bytes.
    """
    text, at = bytearray(), 0
    for _ in range(_MOST_PARTS):
        if data[at : at + 2] != GZIP:
            return bytes(text)
        unpacker = zlib.decompressobj(_EITHER)
        while not unpacker.eof:
            piece = data[at : at + _PIECE]
            before = len(text)
            text += _step(unpacker, piece, most - len(text) + 1)
            at += len(piece) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
            if len(text) > most:
                raise ValueError(f"it unpacks to over {most:,} bytes")
            if not piece and len(text) == before and not unpacker.eof:
                raise ValueError("it is cut short")
    raise ValueError(f"it is packed in over {_MOST_PARTS:,} parts")


def _step(unpacker: zlib._Decompress, piece: bytes, most: int) -> bytes:
    try:
        return unpacker.decompress(piece, most)
    except zlib.error as error:
        raise ValueError(f"it is damaged: {error}") from None
