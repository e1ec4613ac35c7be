"""How the processor time of rules over texts grows with the text, on inputs made to be slow.

A subject is a rule over one text: a parser, the chunker, a guard, a redaction. An input is a short
piece that is repeated up to a length. The exponent of the growth from n to 4n characters is 1 where
the work is linear, 2 where it is quadratic.
"""

from __future__ import annotations

import io
import json
import math
import signal
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

from almanac.chunking.chunker import MarkdownChunker
from almanac.chunking.headings import clean_heading
from almanac.cli.passages import readable as passage
from almanac.core.markdown import code, quoted
from almanac.core.stems import sentences
from almanac.core.thoughts import answer_and_thoughts
from almanac.guards.grounding import Sources, unfounded
from almanac.guards.hidden import hidden, readable
from almanac.guards.injection import find_injections, injected
from almanac.guards.personal import names as people
from almanac.guards.personal.addressed import birth_dates, postal_addresses, worded_emails
from almanac.guards.personal.cued import cued, secrets
from almanac.guards.personal.name_forms import introduced, russian_forms
from almanac.guards.personal.patterns import find
from almanac.guards.profanity import profane
from almanac.guards.texts import essence, plain
from almanac.sources.formats import format_named
from almanac.sources.parsed import Options, Unreadable
from almanac.sources.parsers import latex, rst
from expectations.frames import documents_frame
from expectations.values import shown
from schemas.documents import Document
from schemas.secrets import redacted, refuse_credentials
from schemas.settings import ChunkerSettings, Columns
from schemas.text import has_markdown_table, normalized
from testing.growth_pieces import PIECES

__all__ = ["PIECES", "SUBJECTS", "Growth", "growth", "pieces_for"]
Subject = Callable[[str], object]
FLOOR = 0.030  # seconds of the longer text below which nothing is said of growth
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@dataclass(frozen=True, slots=True)
class Growth:
    """Seconds of a text of n characters and of one of 4n, and the exponent between them."""

    subject: str
    piece: str
    short: float
    long: float

    @property
    def exponent(self) -> float:
        """1 is linear, 2 is quadratic; 0 where the longer text took less than the floor."""
        if self.long < FLOOR:
            return 0.0
        return math.log(self.long / max(self.short, 1e-4), 4)


class _TooSlow(Exception):
    """The time for one text is up."""


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def pieces_for(subject: str) -> Sequence[str]:
    """The pieces that a subject is measured on."""
    return STRUCTURE if subject in SLOW else PIECES


def growth(name: str, subject: Subject, piece: str, n: int, limit: float = 6.0) -> Growth:
    """Measure a subject on a piece repeated to n and to 4n characters."""
    long = _seconds(subject, _text(piece, 4 * n), 1, limit)
    if long < FLOOR:
        return Growth(name, piece, long, long)
    repeats = 3 if long < limit / 4 else 1
    short = _seconds(subject, _text(piece, n), repeats, limit)
    if math.log(long / max(short, 1e-4), 4) > 1.4 and repeats == 3:  # or was it the machine?
        long = min(long, _seconds(subject, _text(piece, 4 * n), 2, limit))
        short = max(short, _seconds(subject, _text(piece, n), 2, limit))
    return Growth(name, piece, short, long)


def _text(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


def _seconds(subject: Subject, text: str, repeats: int, limit: float) -> float:
    best = math.inf
    for _ in range(repeats):
        began = time.process_time()
        try:
            with _limit(limit):
                subject(text)
        except _TooSlow:
            return limit
        except Exception:  # noqa: BLE001, S110  # a refusal takes time as well
            pass
        best = min(best, time.process_time() - began)
    return best


class _Words:
    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) // 4 + 2 for text in texts]


def _parser(name: str, wrap: Callable[[str], bytes] = str.encode) -> Subject:
    read_as = format_named(name)

    def parse(text: str) -> object:
        try:
            return read_as.parse(wrap(text), Options(pandoc=read_as.pandoc))
        except Unreadable:
            return None

    return parse


def _table(name: str, wrap: Callable[[str], bytes] = str.encode) -> Subject:
    read_as = format_named(name)

    def rows(text: str) -> object:
        try:
            found, _ = read_as.rows(wrap(text), Columns())
            return list(found)
        except Unreadable:
            return None

    return rows


def _docx(text: str) -> bytes:
    paragraphs = "".join(
        f"<w:p><w:r><w:t>{escape(_xml(line))}</w:t></w:r></w:p>" for line in text.splitlines()
    )
    office = "http://schemas.openxmlformats.org"
    target = f"{office}/officeDocument/2006/relationships/officeDocument"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    members = {
        "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types"><Override '
        f'PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{office}/package/2006/relationships"><Relationship '
        f'Id="r" Type="{target}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{_W}"><w:body>{paragraphs}</w:body>'
        "</w:document>",
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return data.getvalue()


def _xml(text: str) -> str:
    return "".join(one for one in text if one.isprintable())


def _notebook(text: str) -> bytes:
    output = {"output_type": "display_data", "data": {"text/html": f"<table>{text}"}}
    cells = [
        {"cell_type": "markdown", "source": text},
        {"cell_type": "code", "source": text, "outputs": [output]},
    ]
    return json.dumps({"cells": cells, "metadata": {}}).encode()


def _chunk(media_type: str) -> Subject:
    chunker = MarkdownChunker(ChunkerSettings(), _Words(), 256, "toy")
    return lambda text: chunker.chunk("Title", media_type, text)


def _many_columns(text: str) -> bytes:
    names = ",".join(f"c{at}" for at in range(len(text) // 4))
    return f"id,text,{names}\n1,{text[:10]!r}\n".encode()


def _many_keys(text: str) -> bytes:
    row: dict[str, Any] = {"id": "1", "text": "t"} | {f"k{at}": 1 for at in range(len(text) // 4)}
    return json.dumps(row).encode()


def _document(text: str) -> object:
    return documents_frame([Document("a", text[:1_000], "a", "text/markdown", text, "h", 1)])


# Those whose libraries take milliseconds a line: measured on what makes structure alone.
SLOW = {"parser docx", "parser notebook"}
STRUCTURE = ("a\n", "a", "<p>", "<div>", "<table><tr><td>", "[", "# a\n", "|", "```\n", "- a\n")
SUBJECTS: dict[str, Subject] = {
    **{f"parser {name}": _parser(name) for name in ("markdown", "plain", "html")},
    "rules before pandoc": lambda text: (  # pandoc itself has a process and a time of its own
        rst._plainer(rst._INCLUDED.sub("x", text)),
        rst._shown("ref", text),
        [mark.findall(latex._COMMENT.sub("", text)) for mark in latex._LOST.values()],
    ),
    "parser notebook": _parser("notebook", _notebook),
    "parser docx": _parser("docx", _docx),
    "parser email": _parser("email", lambda text: f"Subject: x\nTo: {text}\n\n{text}".encode()),
    "parser email, HTML": _parser(
        "email", lambda text: f"Subject: x\nContent-Type: text/html\n\n{text}".encode()
    ),
    "parser markdown, front matter": _parser(
        "markdown", lambda text: f"---\n{text}\n---\n".encode()
    ),
    "parser csv": _table("csv"),
    "parser csv, one cell": _table("csv", lambda text: f"id,text\n1,{text}".encode()),
    "parser jsonl": _table("jsonl"),
    "parser jsonl, one value": _table(
        "jsonl", lambda text: json.dumps({"id": "1", "text": text}).encode()
    ),
    "parser json": _table("json"),
    "parser csv, columns": _table("csv", _many_columns),
    "parser jsonl, keys": _table("jsonl", _many_keys),
    "chunker markdown": _chunk("text/markdown"),
    "chunker plain": _chunk("text/plain"),
    "guard injection": injected,
    "guard hidden": lambda text: (hidden(text), readable(text)),
    "guard personal data": find.__wrapped__,
    "guard names": lambda text: [
        *people._TOLD.finditer(text),
        *people._FRAME.finditer(text),
        *introduced(text),
        *russian_forms(text),
    ],
    "guard addresses": lambda text: [
        *worded_emails(text),
        *postal_addresses(text),
        *birth_dates(text),
    ],
    "guard numbers and secrets": lambda text: (list(cued(text)), list(secrets(text))),
    "guard answers": lambda text: (unfounded(text, Sources([text])), profane(text)),
    "guard documents": lambda text: find_injections([f"ai bot {text}"], "document", False),
    "sentences": sentences,
    "guard duplicates": lambda text: (essence.__wrapped__(text), plain(text)),
    "redaction": redacted,
    "credentials": refuse_credentials,
    "text": lambda text: (normalized(text), has_markdown_table(text)),
    "rules of documents": _document,
    "thoughts": answer_and_thoughts,
    "heading": clean_heading,
    "passage": lambda text: passage("Heading", text),
    "shown": lambda text: (quoted(text, 2_000), code(text), shown(text)),
}
