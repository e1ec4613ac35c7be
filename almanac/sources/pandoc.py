"""Pandoc, as a program of its own: started once in a parser process, asked document by document.

Its Lua interpreter runs a loop of a few lines that reads a document and answers with HTML. The
documents are read in pandoc's sandbox (an empty list of files as the reader's environment), so
that nothing in them opens a file or an address. Memory is limited as in the parser process, which
starts it; it ends with that process.
"""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from almanac.sources.decoding import one_line
from almanac.sources.headings import first_heading
from almanac.sources.markup import html_to_markdown, markdown_of, soup_of
from almanac.sources.parsed import Note, Parsed, Unreadable, losses

_SERVER = Path(__file__).with_suffix(".lua")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_OUT_OF_MEMORY = 251


class Converted(NamedTuple):
    """What pandoc made of a document: HTML without a head, and the title from its metadata."""

    title: str
    abstract: str
    html: str


@cache
def executable() -> str:
    """Where pandoc is: that of the package pypandoc_binary, else the one on the path.

    Raises:
        Unreadable: there is none; the file is tried again the next night.
    """
    try:
        import pypandoc

        bundled = Path(pypandoc.__file__).parent / "files" / "pandoc"
    except ImportError:
        bundled = Path()
    found = str(bundled) if bundled.is_file() else shutil.which("pandoc")
    if found is None:
        raise Unreadable(
            "file_is_parseable",
            "this format needs pandoc, which is not installed: pip install pypandoc_binary",
        )
    return found


def convert(data: bytes, reader: str, expectation: str = "file_is_valid") -> Converted:
    """One document as HTML; formulas are TeX between `\\(` and `\\)`.

    Raises:
        Unreadable: pandoc refused it (with `expectation`), died of it, or is not installed.
    """
    answer = _process().ask(reader, data)
    if answer is None:
        raise Unreadable("file_is_parseable", f"pandoc died of it: {_stop()}")
    if "error" in answer:
        reason = " ".join(answer["error"].split())
        raise Unreadable(expectation, f"pandoc cannot read it: {reason[:300]}")
    return Converted(answer["title"], answer["abstract"], answer["html"])


def as_document(
    made: Converted, counts: Mapping[str, int] = MappingProxyType({}), notes: Sequence[Note] = ()
) -> Parsed:
    """The document as Markdown, its title above it where no heading says the same."""
    soup = soup_of(made.html)
    for title in soup.select("div > div.title"):  # "Note", "Warning" above an admonition
        title.name = "strong"
    for back in soup.select("a.footnote-back"):
        back.extract()
    for mark in soup.select("a.footnote-ref"):
        mark.unwrap()
    first = soup.find(["h1", "h2", "h3"])
    text, lost = markdown_of(soup)
    opening = "".join(f"# {line}\n\n" for line in [one_line(made.title)] if line)
    if first is not None and one_line(first.get_text()) == one_line(made.title):
        opening = ""
    if made.abstract:
        opening += f"**Abstract**\n\n{html_to_markdown(made.abstract)[0]}\n"
    text = opening + text
    return Parsed(
        text, made.title or first_heading(text), {}, (*notes, *losses({**lost, **counts}))
    )


def read_or_keep(
    text: str, reader: str, finish: Callable[[Converted], Parsed], notes: Sequence[Note]
) -> Parsed:
    """What `finish` makes of a text that pandoc reads; as it is, with a note, where it cannot.

    The text goes to pandoc with blank lines at its end, without which some markup is an error.
    """
    try:
        made = convert(f"{text.rstrip()}\n\n".encode(), reader)
    except Unreadable as refusal:
        if refusal.note.expectation != "file_is_valid":
            raise
        reason = f"{refusal.note.reason}; it is read as plain text"
        return Parsed(text, None, {}, (*notes, Note("markup_is_valid", reason)))
    return finish(made)


class _Pandoc:
    """One pandoc that answers until its input ends."""

    def __init__(self) -> None:
        program = executable()
        self._child = subprocess.Popen(
            [program, "lua", str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )

    def ask(self, reader: str, data: bytes) -> Mapping[str, str] | None:
        """The answer to one document; None where the process ended in it."""
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.write(f"{reader} {len(data)}\n".encode() + data)
            self._child.stdin.flush()
        except BrokenPipeError:
            return None
        size = self._child.stdout.readline()
        answer = self._child.stdout.read(int(size)) if size.endswith(b"\n") else b""
        return dict(json.loads(answer)) if answer else None

    def stop(self) -> str:
        """End it; how it ended before, in words."""
        self._child.kill()
        code = self._child.wait()
        if code == _OUT_OF_MEMORY:
            return "it needs more memory than a parser may have"
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"


@cache
def _process() -> _Pandoc:
    return _Pandoc()


def _stop() -> str:
    ended = _process().stop()
    _process.cache_clear()  # the next document starts another
    return ended


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
