"""What the address of a source says by itself."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from schemas.settings import SourceSettings
from tasks.sources.kinds import kind_of

_LOCAL = re.compile(r"(?:file|local):(?://)?")
_PASSWORD = re.compile(r"(?<=://)[^/\s?#]*:[^/\s?#]*@")
_GRANT = re.compile(
    r"(?i)([?&][\w-]*(?:sig|signature|token|password|secret|credential|key)=)[^&\s'\"<>)]*"
)
_QUERY = re.compile(r"(https?://[^\s?'\"<>]*)\?[^\s'\"<>)]*")


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
        return not settings.uri.endswith("/") and kind_of(name_of(settings.uri)).is_table
    return settings.kind == "table"


def redacted(text: str) -> str:
    """Addresses in a text, for reports and documents, without their passwords and signatures.

    The whole query of a web address goes: it may be a signature. In others `?` may be part of a
    name, so that only the values of what is named like a secret go.
    """
    return _GRANT.sub(r"\1…", _QUERY.sub(r"\1", _PASSWORD.sub("", text)))
