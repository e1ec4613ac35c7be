"""What repeats at the edge of a PDF's pages: running heads, and the numbers of the pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_EDGE_LINES = 2  # at the top and at the bottom of a page
_FEWEST_PAGES = 3
_SHARE = 0.6
_LONGEST = 120  # characters
_DIGITS = re.compile(r"\d+")
_ROMAN = re.compile(r"\b[ivxlc]+\b")


def drop_running_heads(pages: Sequence[str]) -> list[str]:
    """The pages without the lines at their edges that most pages have there, numbers aside."""
    written = [page for page in pages if page.strip()]
    if len(written) < _FEWEST_PAGES:
        return list(pages)
    counts = Counter(
        key for page in written for key in {_key(line) for line in _edges(page.split("\n"))}
    )
    running = {key for key, count in counts.items() if count >= max(3, _SHARE * len(written))}
    return [_without(page, running) for page in pages] if running else list(pages)


def _key(line: str) -> str:
    """A line as it repeats: without the number of the page."""
    return _ROMAN.sub("#", _DIGITS.sub("#", " ".join(line.split()).casefold()))


def _edges(lines: Sequence[str]) -> list[str]:
    filled = [line for line in lines if line.strip()]
    return [
        line for line in {*filled[:_EDGE_LINES], *filled[-_EDGE_LINES:]} if len(line) <= _LONGEST
    ]


def _without(page: str, running: set[str]) -> str:
    lines = page.split("\n")
    for places in (range(len(lines)), range(len(lines) - 1, -1, -1)):
        seen = 0
        for at in places:
            if not lines[at].strip():
                continue
            if _key(lines[at]) in running:
                lines[at] = ""
            seen += 1
            if seen == _EDGE_LINES:
                break
    return "\n".join(lines).strip("\n")
