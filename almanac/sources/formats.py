"""The formats that can be read: the one place to add one.

A new format is a module in `parsers/` and a line in `FORMATS`; the default globs, the parser
process, the media type and the identity of what was read follow from that line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from almanac.sources.parsed import Note, Options, Parsed, Row

ROW_MEDIA_TYPE = "text/markdown"  # the texts of knowledge bases are mostly Markdown
_OFFICE = "application/vnd.openxmlformats-officedocument"
_MARKUP = ("beautifulsoup4", "lxml", "markdownify", "charset-normalizer")
_PANDOC = ("pypandoc_binary", *_MARKUP)


@dataclass(frozen=True, slots=True)
class Format:
    """How one format is read.

    parser: the module in `parsers/`; a table's has `rows`, all others have `parse`.
    libraries: distributions whose version is part of what was read.
    markup: the text is Markdown; without, it is cut at blank lines alone.
    isolated: the parser runs in a process of its own, with a time and a memory limit.
    version: to be raised with every change of what a file of this format becomes.
    by_default: read without being named by a glob.
    """

    name: str
    endings: tuple[str, ...]
    media_type: str
    parser: str
    libraries: tuple[str, ...] = ()
    markup: bool = True
    isolated: bool = True
    is_table: bool = False
    version: int = 1
    by_default: bool = True
    pandoc: str = field(default="", kw_only=True)  # the reader's name, where pandoc does it

    def parse(self, data: bytes, options: Options) -> Parsed:
        """The document in the bytes. Raises Unreadable."""
        parse: Callable[[bytes, Options], Parsed] = self.load().parse
        return parse(data, options)

    def rows(self, data: bytes, columns: Any) -> tuple[Iterable[Row], Sequence[Note]]:
        """The rows of a table, and what was done to the file as a whole. Raises Unreadable."""
        return self.load().rows(data, columns)  # type: ignore[no-any-return]

    def load(self) -> Any:
        """The module of the parser, imported when first needed."""
        return import_module(f"{__package__}.parsers.{self.parser}")


MARKDOWN = Format("markdown", ("md", "markdown"), "text/markdown", "markdown", isolated=False)
PLAIN = Format("plain", ("txt",), "text/plain", "plain", markup=False, isolated=False)
HTML = Format("html", ("html", "htm"), "text/html", "html", _MARKUP, version=2)
CSV = Format(
    "csv", ("csv",), "text/csv", "delimited", _MARKUP, isolated=False, is_table=True, version=2
)
JSONL = Format(
    "jsonl",
    ("jsonl", "ndjson"),
    "application/jsonl",
    "jsonl",
    _MARKUP,
    isolated=False,
    is_table=True,
    version=2,
)
JSON = Format(
    "json",
    ("json",),
    "application/json",
    "json_array",
    _MARKUP,
    isolated=False,
    is_table=True,
    version=2,
    by_default=False,
)
PARQUET = Format(
    "parquet",
    ("parquet",),
    "application/vnd.apache.parquet",
    "parquet",
    ("pyarrow", *_MARKUP),
    is_table=True,
    version=2,
)

FORMATS = (
    MARKDOWN,
    Format("mdx", ("mdx",), "text/mdx", "markdown", isolated=False),
    PLAIN,
    HTML,
    Format("xhtml", ("xhtml",), "application/xhtml+xml", "html", _MARKUP),
    Format("rst", ("rst",), "text/x-rst", "rst", _PANDOC, pandoc="rst"),
    Format("asciidoc", ("adoc", "asciidoc"), "text/asciidoc", "markup", _PANDOC, pandoc="asciidoc"),
    Format("org", ("org",), "text/org", "markup", _PANDOC, pandoc="org"),
    Format(
        "mediawiki",
        ("mediawiki", "wiki"),
        "text/x-mediawiki",
        "markup",
        _PANDOC,
        pandoc="mediawiki",
    ),
    Format("latex", ("tex", "latex"), "text/x-tex", "latex", _PANDOC, pandoc="latex"),
    Format("notebook", ("ipynb",), "application/x-ipynb+json", "notebook", _MARKUP),
    Format("epub", ("epub",), "application/epub+zip", "epub", _PANDOC, pandoc="epub"),
    Format(
        "docx",
        ("docx",),
        f"{_OFFICE}.wordprocessingml.document",
        "docx",
        _PANDOC,
        version=2,
        pandoc="docx",
    ),
    Format(
        "odt", ("odt",), "application/vnd.oasis.opendocument.text", "odt", _PANDOC, pandoc="odt"
    ),
    Format(
        "pptx", ("pptx",), f"{_OFFICE}.presentationml.presentation", "pptx", ("python-pptx", "lxml")
    ),
    Format("xlsx", ("xlsx", "xlsm"), f"{_OFFICE}.spreadsheetml.sheet", "xlsx", ("openpyxl",)),
    Format("pdf", ("pdf",), "application/pdf", "pdf", ("pypdfium2",), markup=False, version=3),
    Format("email", ("eml",), "message/rfc822", "email", _MARKUP),
    Format("thread", (), "application/mbox", "thread", _MARKUP),
    CSV,
    Format(
        "tsv",
        ("tsv",),
        "text/tab-separated-values",
        "delimited",
        _MARKUP,
        isolated=False,
        is_table=True,
        version=2,
    ),
    JSONL,
    JSON,
    PARQUET,
)
_BY_NAME = {one.name: one for one in FORMATS}
_BY_MEDIA_TYPE = {one.media_type: one for one in reversed(FORMATS)}
_BY_ENDING = {ending: one for one in FORMATS for ending in one.endings}
DEFAULT_GLOBS = tuple(f"**/*.{end}" for one in FORMATS if one.by_default for end in one.endings)


def ending(path: str) -> str:
    """What follows the last dot of the last name in `path`, in lower case; "" without one."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def is_known(path: str) -> bool:
    """Whether the ending says how to read the file."""
    return ending(path) in _BY_ENDING


def format_named(name: str) -> Format:
    """The format of that name."""
    return _BY_NAME[name]


def format_of(path: str, media_type: str = "") -> Format:
    """How to read `path`: by its media type where there is one, else by its ending.

    What neither tells is read as plain text.
    """
    by_media_type = _BY_MEDIA_TYPE.get(media_type)
    return by_media_type or _BY_ENDING.get(ending(path), PLAIN)


def has_media_type(media_type: str) -> bool:
    """Whether there is a format of that media type."""
    return media_type in _BY_MEDIA_TYPE


def table_format_of(path: str, data: bytes) -> Format:
    """How to read a table; where its ending says nothing, its first bytes do."""
    by_ending = format_of(path)
    if by_ending.is_table:
        return by_ending
    if data.startswith(b"PAR1"):
        return PARQUET
    first = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"{": JSONL, b"[": JSON}.get(first, CSV)
