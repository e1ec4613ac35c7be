"""Figures of kept answers, and how they are cleared: `almanac cache`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from almanac.cache.store import AnswerStore
from almanac.cache.tending import open_store
from lakehouse import open_lakehouse
from schemas.settings import Settings
from schemas.times import isoformat


def status(settings: Settings) -> dict[str, Any]:
    """How many answers are kept on this machine, how often they were given, what became of them.

    Raises:
        StorageUnavailable: their file cannot be read.
    """
    store = _store(settings)
    try:
        figures = dict(store.figures())
    finally:
        store.close()
    oldest = figures["oldest"]
    said = isoformat(datetime.fromtimestamp(oldest, UTC)) if oldest else None
    return figures | {"oldest": said, "file": str(store.path)}


def clear(settings: Settings, dry_run: bool = False) -> dict[str, Any]:
    """Let go of all of them; how many. Raises StorageUnavailable."""
    store = _store(settings)
    try:
        count = store.figures()["answers"] if dry_run else store.clear()
    finally:
        store.close()
    return {"answers": count, "dry_run": dry_run}


def _store(settings: Settings) -> AnswerStore:
    return open_store(settings, open_lakehouse(settings.lakehouse, settings.storage_options))
