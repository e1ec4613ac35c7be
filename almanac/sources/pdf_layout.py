"""A page of a PDF in reading order, with marks on what is raised above its line."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pypdfium2
from pypdfium2 import raw

_HYPHEN = "\ufffe"  # how pdfium gives a hyphen at a line's end, the two halves joined
_SMALL = 0.9  # of the size of the letter before
_RAISED = 0.2  # of its height
_WIDE_GAP = 1.5  # times the height of the letters: another column begins
_FEWEST_LINES = 4  # on each side of a gutter
_STEPS = 40  # places of a gutter that are tried
_NEWLINES = "\r\n"


@dataclass(slots=True)
class Piece:
    """Text on one line without a wide gap, in points from the lower left of the page."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


def page_text(page: pypdfium2.PdfPage, fields: Sequence[Piece] = ()) -> str:
    """The text of a page as pdfium orders it, or column by column where it mixes columns.

    With the values of `fields`, line by line from the top.
    """
    textpage = page.get_textpage()
    letters = _letters(textpage)
    pieces = list(_pieces(letters))
    gutter = _gutter(pieces, page.get_width())
    if gutter is not None and _is_mixed(pieces, gutter):
        return _by_column(pieces, gutter)
    if fields:
        return "\n".join(_lines([*pieces, *fields])).replace(_HYPHEN, "").strip()
    plain: str = textpage.get_text_range()
    if any(letter.raised for letter in letters):
        plain = "".join(_with_marks(letters))
    return plain.replace("\r\n", "\n").replace(_HYPHEN, "").strip()


@dataclass(slots=True)
class _Letter:
    char: str
    left: float
    bottom: float
    right: float
    top: float
    size: float
    raised: bool = False


def _letters(textpage: pypdfium2.PdfTextPage) -> list[_Letter]:
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    found: list[_Letter] = []
    before: _Letter | None = None
    for at in range(textpage.count_chars()):
        code = raw.FPDFText_GetUnicode(textpage, at)
        raw.FPDFText_GetCharBox(textpage, at, left, right, bottom, top)
        size = raw.FPDFText_GetFontSize(textpage, at)
        char = chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else ""
        letter = _Letter(char, left.value, bottom.value, right.value, top.value, size)
        if char.strip():
            letter.raised = _is_raised(letter, before)
            if not letter.raised:
                before = letter
        found.append(letter)
    return found


def _is_raised(letter: _Letter, before: _Letter | None) -> bool:
    """Whether a digit or sign stands smaller and higher, right behind what came before."""
    if before is None or not (letter.char.isalnum() or letter.char in "+-−*†‡"):
        return False
    height = before.top - before.bottom
    near = -0.5 * before.size < letter.left - before.right < 3 * before.size
    small = letter.size < _SMALL * before.size or (letter.top - letter.bottom) < 0.75 * height
    above = letter.bottom > before.bottom + max(_RAISED * before.size, 0.1) and (
        letter.bottom < before.top + 0.3 * before.size
    )
    return near and small and above and letter.size < 0.95 * before.size


def _with_marks(letters: Sequence[_Letter]) -> Iterator[str]:
    """The letters with ^ in front of what is raised, without line ends that pdfium sees there."""
    raised, base, waiting = False, None, ""
    for letter in letters:
        if letter.char in ("\r", "\n"):
            waiting += letter.char
            continue
        if letter.char.strip():
            if waiting:
                yield _gap(letter, base, waiting)
            waiting = ""
            if letter.raised and not raised:
                yield "^"
            raised = letter.raised
            base = base if letter.raised else letter
        elif waiting:
            waiting += letter.char
            continue
        yield letter.char


def _gap(letter: _Letter, base: _Letter | None, seen: str) -> str:
    """What stands between two letters where pdfium sees a line end."""
    if not _is_on_line(letter, base):
        return seen
    return "" if letter.raised else " "


def _is_on_line(letter: _Letter, base: _Letter | None) -> bool:
    """Whether a letter goes on the line of `base`, the last one that is not raised."""
    if base is None or letter.left < base.left:
        return False
    return letter.raised or abs(letter.bottom - base.bottom) < _RAISED * base.size


def _pieces(page: Sequence[_Letter]) -> Iterator[Piece]:
    """The lines, cut where a gap is wider than between words."""
    letters: list[_Letter] = []
    for letter in page:
        if letter.char in _NEWLINES or (letters and _is_apart(letters, letter)):
            yield from _piece(letters)
            letters = []
        if letter.char not in _NEWLINES:
            letters.append(letter)
    yield from _piece(letters)


def _is_apart(letters: Sequence[_Letter], letter: _Letter) -> bool:
    last = next((one for one in reversed(letters) if one.char.strip()), None)
    if last is None or not letter.char.strip():
        return False
    size = max(last.size, 1.0)
    return letter.left - last.right > _WIDE_GAP * size or letter.right < last.left - size


def _piece(letters: Sequence[_Letter]) -> Iterator[Piece]:
    inked = [one for one in letters if one.char.strip()]
    if inked:
        yield Piece(
            "".join(_with_marks(letters)).strip(),
            min(one.left for one in inked),
            min(one.bottom for one in inked),
            max(one.right for one in inked),
            max(one.top for one in inked),
        )


def _gutter(pieces: Sequence[Piece], width: float) -> float | None:
    """The middle of a vertical strip in the page's inner third that hardly any line crosses."""
    if len(pieces) < 2 * _FEWEST_LINES:
        return None
    places: list[tuple[int, float, float]] = []
    for step in range(_STEPS + 1):
        at = width * (0.33 + 0.34 * step / _STEPS)
        crossing = [one for one in pieces if one.left < at < one.right]
        left = [one for one in pieces if one.right <= at]
        right = [one for one in pieces if one.left >= at]
        if min(len(left), len(right)) < _FEWEST_LINES or len(crossing) > 0.3 * len(pieces):
            continue
        if not _are_columns(left, right, width):
            continue
        places.append((len(crossing), abs(at - width / 2), at))
    return min(places)[2] if places else None


def _are_columns(left: Sequence[Piece], right: Sequence[Piece], width: float) -> bool:
    """Running text on both sides, not the cells of a table."""
    words = [sum(len(one.text.split()) >= 4 for one in side) / len(side) for side in (left, right)]
    wide = [
        max(one.right for one in side) - min(one.left for one in side) for side in (left, right)
    ]
    return min(words) >= 0.5 and min(wide) > 0.2 * width


def _is_mixed(pieces: Sequence[Piece], gutter: float) -> bool:
    """Whether pdfium goes from one column to the other and back more than once."""
    sides = [one.left >= gutter for one in pieces if one.right <= gutter or one.left >= gutter]
    return sum(a != b for a, b in pairwise(sides)) > 2


def _by_column(pieces: Sequence[Piece], gutter: float) -> str:
    """Between lines over the whole width: the left column, then the right one."""
    rows = sorted(pieces, key=lambda one: -one.top)
    lines: list[str] = []
    band: list[Piece] = []
    for piece in [*rows, None]:
        if piece is not None and not piece.left < gutter < piece.right:
            band.append(piece)
            continue
        for is_right in (False, True):
            column = [one for one in band if (one.left >= gutter) is is_right]
            lines += _lines(column)
        band = []
        if piece is not None:
            lines.append(piece.text)
    return "\n".join(lines).replace(_HYPHEN + "\n", "").replace(_HYPHEN, "").strip()


def _lines(column: Sequence[Piece]) -> list[str]:
    """The pieces of a column by line, those of one line from left to right."""
    lines: list[list[Piece]] = []
    for piece in sorted(column, key=lambda one: -one.bottom):
        if lines and lines[-1][0].bottom - piece.bottom < 0.5 * (piece.top - piece.bottom):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return [" ".join(one.text for one in sorted(line, key=lambda one: one.left)) for line in lines]
