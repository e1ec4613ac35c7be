"""What the sources hold now, as far as this run read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from lakehouse.documents import Key
from lakehouse.quarantine import Recorded
from lakehouse.runs import KnownFile
from schemas.documents import Access, Document, Rejection
from schemas.report import CheckResult


class Ingested:
    """What the sources hold now.

    `documents` were read and accepted in this run; `unread` are keys known to be as they were;
    `rejected` broke a must, now or when they were last read. `protected` says which documents of
    the last release must not count as deleted although nothing of them was read.
    """

    def __init__(self) -> None:
        self.documents: dict[Key, Document] = {}
        self.unread: set[Key] = set()
        self.rejected: set[Key] = set()
        self.rejections: list[tuple[str, Rejection]] = []
        self.checks: list[CheckResult] = []
        self.read: list[KnownFile] = []
        self.gone: list[tuple[str, str]] = []
        self.unchecked: set[Key] = set()
        self.protected: set[Key] = set()
        self.quarantined = Recorded(0, 0, [])
        self.unjudged: set[Key] = set()  # read, but not cut and embedded yet
        self.validated: dict[str, Any] = {}  # Great Expectations' own result, by source
        self.access: dict[Key, Access] = {}  # who may see it, where that is known
        self.row_access: dict[Key, Access] = {}  # of rows that were not read, by their file
        self.files = 0
        self.skipped = 0
        self.endings: Counter[str] = Counter()  # of the files that are read
        self.not_read: Counter[str] = Counter()  # of those that no glob names


def kept_keys(found: Ingested, state: Iterable[Key]) -> set[Key]:
    """Documents of the last release that stay: seen, or not to be judged by this run."""
    seen = found.documents.keys() | found.unread | found.rejected | found.protected
    return {key for key in state if key in seen}
