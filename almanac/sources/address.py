"""What the address of a source says by itself."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from almanac.sources.formats import format_of
from schemas.secrets import redacted
from schemas.settings import SourceSettings

__all__ = ["is_table", "is_web", "local_path", "name_of", "redacted"]

_LOCAL = re.compile(r"(?:file|local):(?://)?")


def local_path(uri: str) -> str | None:
    """The path of an address on this machine; None for any other."""
    scheme = _LOCAL.match(uri)
    if scheme:
        return uri[scheme.end() :]
    return None if "://" in uri or "::" in uri else uri


def is_web(uri: str) -> bool:
    """Whether the address is of a web server."""
    return uri.startswith(("http://", "https://"))


def name_of(uri: str) -> str:
    """The last name in the address: `items.csv` of `https://host/data/items.csv?v=2`."""
    path = unquote(urlsplit(uri).path) if is_web(uri) else uri
    return path.rstrip("/").rpartition("/")[2]


def is_table(settings: SourceSettings) -> bool:
    """Whether the source itself is a table, its rows named by their ids alone."""
    if settings.kind == "auto":
        return not settings.uri.endswith("/") and format_of(name_of(settings.uri)).is_table
    return settings.kind == "table"
