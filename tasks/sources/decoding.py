"""Bytes to text: byte order marks, UTF-8, then a guess among the usual older encodings."""

from __future__ import annotations

import codecs
import re

from tasks.sources.parsed import Note, Unreadable, shown

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark starts with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A guess among all that Python knows takes rare Mac and EBCDIC pages for short Russian texts.
_OLDER_ENCODINGS = [
    "cp1251", "koi8_r", "cp866", "cp1252", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256",
    "cp1257", "iso8859_2", "cp932", "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip
_GUESSED_FROM_BYTES = 65_536
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Those that no writing program puts into text: all but page breaks, NEL and terminal escapes.
_BINARY = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_BINARY_SHARE = 0.05
_BINARY_COUNT = 8  # so that one of them does not condemn a short text
_HIGH_BYTES = re.compile(rb"[\x80-\xff]")
_UTF8_LETTERS = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


def decode(data: bytes, declared: str | None = None) -> tuple[str, tuple[Note, ...]]:
    """The text of `data` with LF line ends and no byte order mark, and what had to be done to it.

    Control characters other than tab and LF become blanks; every other character stays.

    Args:
        data: a whole file.
        declared: the encoding that the file itself names; used where it is no UTF-8.

    Raises:
        Unreadable: binary, damaged UTF-8, or no encoding fits.
    """
    text, encoding = _decode(data, declared)
    cleaned, notes = clean(text)
    if encoding:
        guess = Note("text_is_utf8", f"it is no UTF-8 and was read as {encoding}", encoding)
        notes = (guess, *notes)
    return cleaned, notes


def clean(text: str) -> tuple[str, tuple[Note, ...]]:
    """`text` with LF line ends and blanks for control characters.

    Raises:
        Unreadable: more than 5 % of it are characters that only binary data holds.
    """
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    cleaned, controls = _CONTROLS.subn(" ", unix)
    if not controls:
        return cleaned, ()
    binary = len(_BINARY.findall(unix))
    if binary > max(_BINARY_COUNT, _BINARY_SHARE * len(unix)):
        raise Unreadable(
            "file_is_text", f"{binary} of {len(unix)} characters are control characters: binary"
        )
    reason = f"{controls} control characters were replaced by blanks"
    found = shown("".join(sorted(set(_CONTROLS.findall(unix)))))
    return cleaned, (Note("text_has_no_control_characters", reason, found),)


def one_line(text: str) -> str:
    """`text` with single blanks for line ends, other white space and control characters."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def _decode(data: bytes, declared: str | None) -> tuple[str, str | None]:
    """The text, and the encoding where it was not certain."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], encoding, "its byte order mark"), None
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        _refuse_binary(data, error)
    encoding = declared if declared and _fits(data, declared) else _guess(data)
    return _strict(data, encoding, "a guess"), encoding


def _strict(data: bytes, encoding: str, source: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            "text_is_decodable", f"{source} says {encoding}, but byte {error.start} does not fit"
        ) from None


def _refuse_binary(data: bytes, error: UnicodeDecodeError) -> None:
    """Refuse what no older encoding should be tried on, or garbage would be indexed."""
    if b"\0" in data:
        raise Unreadable("file_is_text", f"NUL bytes, and no UTF-8 from byte {error.start}: binary")
    letters = _UTF8_LETTERS.findall(data)
    strays = len(_HIGH_BYTES.findall(data)) - sum(map(len, letters))
    if 2 * len(letters) > strays:
        raise Unreadable(
            "text_is_decodable",
            f"damaged UTF-8: byte {error.start} does not fit ({error.reason})",
            shown(data[error.start : error.start + 8]),
        )


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (LookupError, UnicodeError):
        return False
    return True


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # Lines of ASCII say nothing about the encoding and drown the ones that do.
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    best = from_bytes(telling[:_GUESSED_FROM_BYTES], cp_isolation=_OLDER_ENCODINGS).best()
    if best is None:
        raise Unreadable("text_is_decodable", "neither UTF-8 nor any usual older encoding fits")
    return best.encoding
