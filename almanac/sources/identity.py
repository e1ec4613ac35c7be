"""What decides what a file becomes, beside its bytes: by format, so that a change of one parser
reads again the files of its format and no others.
"""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any

from almanac.sources.address import is_table
from almanac.sources.formats import CSV, FORMATS, Format, format_of
from almanac.sources.registry import decisive_options
from schemas.hashing import canonical_json, sha256_text
from schemas.settings import SourceSettings

_LENGTH = 16  # hexadecimal digits
# Until 30 November 2026 one fingerprint a source covered all formats. What was read under it still
# holds for the formats whose parsers are as they were then.
_AS_BEFORE = frozenset({"markdown", "mdx", "plain"})
_INCLUDED_BEFORE = (
    "**/*.md",
    "**/*.mdx",
    "**/*.markdown",
    "**/*.txt",
    "**/*.html",
    "**/*.htm",
    "**/*.pdf",
    "**/*.docx",
    "**/*.rst",
    "**/*.csv",
    "**/*.tsv",
    "**/*.jsonl",
    "**/*.ndjson",
    "**/*.parquet",
)
_LIBRARIES_BEFORE = MappingProxyType(
    {
        "beautifulsoup4": "4.15.0",
        "charset-normalizer": "3.5.2",
        "lxml": "6.1.3",
        "mammoth": "1.13.0",
        "markdownify": "1.2.3",
        "pyarrow": "26.0.1",
        "pypdfium2": "5.15.2",
        "pyyaml": "6.0.3",
    }
)


def reader_fingerprint(settings: SourceSettings) -> str:
    """Sixteen digits over all that decides which files are read, and what each becomes."""
    listed = settings.model_dump(mode="json", include={"include", "exclude"})
    formats = {one.name: format_fingerprint(settings, one) for one in FORMATS}
    return sha256_text(canonical_json({"listed": listed, "formats": formats}))[:_LENGTH]


def format_fingerprint(settings: SourceSettings, read_as: Format) -> str:
    """Sixteen digits over all that decides what a file of one format becomes, but for its bytes."""
    made_of: dict[str, Any] = {
        "format": read_as.name,
        "version": read_as.version,
        "settings": _decisive(settings, read_as),
        "is_table": is_table(settings),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in read_as.libraries},
    }
    return sha256_text(canonical_json(made_of))[:_LENGTH]


def accepted_fingerprints(
    settings: SourceSettings, path: str, media_type: str = ""
) -> tuple[str, ...]:
    """The present fingerprint for the file at `path`, then older ones under which it is the same.

    A kept reading may be used again only under one of them.
    """
    whole_table = is_table(settings)
    read_as = format_of(path, media_type)
    read_as = CSV if whole_table and not read_as.is_table else read_as
    present = format_fingerprint(settings, read_as)
    if read_as.name in _AS_BEFORE and not whole_table:
        return present, _fingerprint_before(settings)
    return (present,)


def _decisive(settings: SourceSettings, read_as: Format) -> dict[str, Any]:
    wanted = {"max_bytes", "parse_timeout_seconds"}
    wanted |= {"columns"} if read_as.is_table or is_table(settings) else set()
    wanted |= {"html"} if read_as.parser == "html" else set()
    wanted |= {"ocr"} if read_as.parser == "pdf" else set()
    wanted |= {"access"} if settings.access.column and "columns" in wanted else set()
    decisive = settings.model_dump(mode="json", include=wanted)
    if settings.html.repeated == "drop":  # as it was before there was a choice
        decisive.get("html", {}).pop("repeated", None)
    options = decisive_options(settings)
    return decisive | ({"options": options} if options else {})


def _fingerprint_before(settings: SourceSettings) -> str:
    """The fingerprint as it was made before formats had one each."""
    names = {"exclude", "max_bytes", "parse_timeout_seconds", "columns"}
    decisive = settings.model_dump(mode="json", include=names)
    decisive["include"] = list(_INCLUDED_BEFORE if settings.include is None else settings.include)
    del decisive["columns"]["format"]
    made_of = {
        "settings": decisive,
        "is_table": is_table(settings),
        "reader": "1",
        "python": platform.python_version(),
        **_LIBRARIES_BEFORE,
    }
    return sha256_text(canonical_json(made_of))[:_LENGTH]


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # such as pandoc's package, which few formats need
        return ""
