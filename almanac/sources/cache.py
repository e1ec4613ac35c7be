"""Folders of this machine in which connectors keep copies; what is lost there is read again."""

from __future__ import annotations

from pathlib import Path

from schemas.hashing import sha256_text


def cache_folder(kind: str, uri: str, chosen: str | None = None) -> Path:
    """The folder of one source, below the one that the settings name or the user's own."""
    home = Path(chosen) if chosen else Path.home() / ".cache" / "almanac" / kind
    return home.expanduser() / sha256_text(uri)[:16]
