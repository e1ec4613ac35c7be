"""A lakehouse to import into, and rows to import."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from almanac.feedback.importing import import_feedback
from lakehouse import Lakehouse, open_lakehouse
from schemas.settings import FeedbackSettings, LeaseSettings, Settings


class Desk:
    """A folder with logs in it, and a lakehouse beside them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.columns: dict[str, str] = {}
        self.ratings: dict[str, int] = {}

    @property
    def settings(self) -> Settings:
        return Settings(
            lakehouse=str(self.root / "lake"),
            feedback=FeedbackSettings(columns=self.columns, ratings=self.ratings),
            lease=LeaseSettings(wait_seconds=5),
        )

    @property
    def lake(self) -> Lakehouse:
        return open_lakehouse(self.settings.lakehouse)

    def write(self, name: str, rows: Iterable[Mapping[str, Any] | str]) -> str:
        """A file of JSON lines; a text is a line as it stands. Its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
        return str(path)

    def take(self, log: str | None, votes: str | None = None) -> dict[str, Any]:
        return import_feedback(self.settings, log, votes)

    def counts(self, log: str | None, votes: str | None = None) -> dict[str, tuple[int, ...]]:
        """(total, new, known, quarantined) of an import, by table."""
        result = self.take(log, votes)
        names = ("total", "new", "known", "quarantined")
        return {
            table: tuple(result[table][name] for name in names) for table in ("requests", "votes")
        }

    def versions(self) -> dict[str, int]:
        """How many commits each Delta table has that an import may write."""
        folder = self.root / "lake" / "delta"
        names = ("requests", "votes", "quarantine", "lease")
        return {name: len(list(folder.glob(f"{name}/_delta_log/*.json"))) for name in names}

    def held(self, status: str = "open") -> list[tuple[str, str, str]]:
        """(table, document, rule) of the rows of feedback in quarantine."""
        return [
            (row.source.removeprefix("feedback/"), row.doc_id, row.expectation)
            for row in self.lake.quarantine.rows(status)
            if row.source.startswith("feedback/")
        ]


def request(number: int, **other: Any) -> dict[str, Any]:
    """A row of a log of requests."""
    row = {
        "request_id": f"q{number}",
        "asked_at": f"2026-03-01T10:00:{number:02}Z",
        "user_id": "ann",
        "question": f"What is {number}?",
        "response": f"It is {number}.",
        "context": [{"chunk_id": f"c{number}", "text": f"{number} is {number}."}],
    }
    return row | other


def vote(number: int, **other: Any) -> dict[str, Any]:
    """A row of a log of votes."""
    row = {
        "request_id": f"q{number}",
        "user_id": "ann",
        "rated_at": "2026-03-02T10:00:00Z",
        "rating": -1,
        "comment": None,
        "correction": None,
    }
    return row | other


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
