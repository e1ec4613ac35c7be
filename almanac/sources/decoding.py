"""Bytes to text: byte order marks, UTF-8, then a guess among the usual older encodings."""

from __future__ import annotations

import codecs
import re

from almanac.sources.parsed import Note, Unreadable, shown

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark starts with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A guess among all that Python knows takes rare Mac and EBCDIC pages for short Russian texts.
_OLDER_ENCODINGS = [
    "cp1251",
    "koi8_r",
    "cp866",
    "cp1252",
    "cp1250",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "iso8859_2",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
]
_GUESSED_FROM_BYTES = 65_536
_LONGEST_LINE = 1_000
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Those that no writing program puts into text: all but page breaks, NEL and terminal escapes.
_BINARY = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_BINARY_SHARE = 0.05
_BINARY_COUNT = 8  # so that one of them does not condemn a short text
_NO_CHARSETS = ("utf", "unicode", "raw", "puny", "idna", "undefined")
_AS_BROWSERS_DO = {"iso8859-1": "cp1252", "ascii": "cp1252"}
_LOOKED_AT = 32_768  # bytes on either side of the first that is no UTF-8
_NO_ACCIDENT = 4  # so many letters in a row are UTF-8 by accident once in 2,000 Chinese texts
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
    binary = len(unix) - len(_BINARY.sub("", unix))
    if binary > max(_BINARY_COUNT, _BINARY_SHARE * len(unix)):
        raise Unreadable(
            "file_is_text", f"{binary} of {len(unix)} characters are control characters: binary"
        )
    reason = f"{controls} control characters were replaced by blanks"
    found = shown("".join(sorted({control[0] for control in _CONTROLS.finditer(unix)})))
    return cleaned, (Note("text_has_no_control_characters", reason, found),)


def one_line(text: str) -> str:
    """`text` as a title: white space and control characters as single blanks, 1,000 characters."""
    return " ".join(_CONTROLS.sub(" ", text).split())[:_LONGEST_LINE].rstrip()


def _decode(data: bytes, declared: str | None) -> tuple[str, str | None]:
    """The text, and the encoding where it was not certain."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], encoding, "its byte order mark"), None
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        _refuse_binary(data, error)
    encoding = _charset(declared, data) or _guess(data)
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
    letters_before, _ = _count(data[max(0, error.start - _LOOKED_AT) : error.start])
    letters_after, strays = _count(data[error.start : error.start + _LOOKED_AT])
    if letters_before >= _NO_ACCIDENT or 2 * letters_after > strays:
        raise Unreadable(
            "text_is_decodable",
            f"damaged UTF-8: byte {error.start} does not fit ({error.reason})",
            shown(data[error.start : error.start + 8]),
        )


def _count(data: bytes) -> tuple[int, int]:
    """Letters of several bytes in UTF-8, and other bytes that are no ASCII."""
    letters = _UTF8_LETTERS.findall(data)
    return len(letters), len(_HIGH_BYTES.findall(data)) - sum(map(len, letters))


def _charset(declared: str | None, data: bytes) -> str | None:
    """Python's name for the declared encoding, where `data` can be read with it."""
    try:
        name = codecs.lookup(declared or "").name
        if name.startswith(_NO_CHARSETS):
            return None
        name = _AS_BROWSERS_DO.get(name, name)
        data.decode(name)
    except (LookupError, UnicodeError):
        return None
    return name


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # Lines of ASCII say nothing about the encoding and drown the ones that do.
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    best = from_bytes(telling[:_GUESSED_FROM_BYTES], cp_isolation=_OLDER_ENCODINGS).best()
    if best is None:
        raise Unreadable("text_is_decodable", "neither UTF-8 nor any usual older encoding fits")
    return best.encoding
