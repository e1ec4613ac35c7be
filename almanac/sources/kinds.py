"""Which ending is read how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KindName = Literal[
    "markdown", "plain", "html", "docx", "pdf", "delimited", "jsonl", "json", "parquet"
]
ROW_MEDIA_TYPE = "text/markdown"  # the texts of knowledge bases are mostly Markdown
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of file is parsed; `isolated` ones are, in a process of their own."""

    name: KindName
    media_type: str
    isolated: bool = False
    is_table: bool = False


_MARKDOWN = Kind("markdown", "text/markdown")
_PLAIN = Kind("plain", "text/plain")
_HTML = Kind("html", "text/html", isolated=True)
_CSV = Kind("delimited", "text/csv", is_table=True)
_JSONL = Kind("jsonl", "application/jsonl", is_table=True)
_JSON = Kind("json", "application/json", is_table=True)
_PARQUET = Kind("parquet", "application/vnd.apache.parquet", isolated=True, is_table=True)
_KINDS = {
    "md": _MARKDOWN,
    "markdown": _MARKDOWN,
    "mdx": Kind("markdown", "text/mdx"),
    "txt": _PLAIN,
    "html": _HTML,
    "htm": _HTML,
    "pdf": Kind("pdf", "application/pdf", isolated=True),
    "docx": Kind("docx", _DOCX, isolated=True),
    "csv": _CSV,
    "tsv": Kind("delimited", "text/tab-separated-values", is_table=True),
    "jsonl": _JSONL,
    "ndjson": _JSONL,
    "json": _JSON,
    "parquet": _PARQUET,
}


def ending(path: str) -> str:
    """What follows the last dot of the last name in `path`, in lower case; "" without one."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def is_known(path: str) -> bool:
    """Whether the ending says how to read the file."""
    return ending(path) in _KINDS


def kind_of(path: str) -> Kind:
    """How to read `path`; a file whose ending says nothing is read as plain text."""
    return _KINDS.get(ending(path), _PLAIN)


def table_kind_of(path: str, data: bytes) -> Kind:
    """How to read a table; where its ending says nothing, its first bytes do."""
    kind = kind_of(path)
    if kind.is_table:
        return kind
    if data.startswith(b"PAR1"):
        return _PARQUET
    first = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"{": _JSONL, b"[": _JSON}.get(first, _CSV)
