"""Nights over one source without models: list, read, validate, remember, store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from almanac.ingest.compare import Changes
from almanac.ingest.ingest import ingest, quarantine
from almanac.ingest.ingested import Ingested
from almanac.ingest.run import begin_run
from lakehouse import Lakehouse
from lakehouse.documents import StoredDocument
from schemas.settings import Settings, SourceSettings

FIRST = datetime(2026, 3, 1, 2, tzinfo=UTC)


class Nights:
    """What each night read, and what the snapshot holds after it."""

    def __init__(self, lakehouse: Path, **source: Any) -> None:
        self.place = str(lakehouse)
        self.source = source
        self.seq = 0
        self.lake: Lakehouse
        self.before_remembering: Callable[[], None] = lambda: None

    def run(self, **changed: Any) -> Ingested:
        self.source |= changed
        at = FIRST + timedelta(days=self.seq)
        sources = {"kb": SourceSettings.model_validate(self.source)}
        run = begin_run(Settings(lakehouse=self.place, sources=sources), at, f"night {self.seq}")
        self.lake = run.lake
        state = run.lake.documents.state(self.seq)
        found = ingest(run, state)
        quarantine(run, found)
        changes = Changes(state, found)
        self.seq += 1
        run.lake.documents.append(self.seq, run.run_id, changes.puts, changes.deleted)
        self.before_remembering()
        run.lake.files.record(found.read, found.gone)
        return found

    def read(self, **changed: Any) -> list[str]:
        """The entries that a night read."""
        return sorted(file.path for file in self.run(**changed).read)

    @property
    def stored(self) -> dict[str, StoredDocument]:
        return {doc_id: one for (_, doc_id), one in self.lake.documents.state(self.seq).items()}

    @property
    def texts(self) -> dict[str, str]:
        texts = {hash_: text for hash_, _, _, text in self.lake.documents.texts(self._hashes())}
        return {doc_id: texts[one.document_hash].strip() for doc_id, one in self.stored.items()}

    def _hashes(self) -> set[str]:
        return {one.document_hash for one in self.stored.values()}

    @property
    def access(self) -> dict[str, tuple[str, ...]]:
        return {doc_id: one.principals for (_, doc_id), one in self.lake.access.current().items()}
