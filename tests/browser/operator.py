"""A small handbook in a lakehouse of its own, under `almanac up`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.releases import Release
from tests.supervisor.command import ROOT, Command, free_port

SAMPLE = ROOT / "sample" / "documents"


class Operator(Command):
    """What runs, and what an operator can look up beside the browser."""

    base = ""

    @property
    def docs(self) -> Path:
        return self.folder / "docs"

    @property
    def lake(self) -> Lakehouse:
        return open_lakehouse(str(self.folder / "lake"))

    def releases(self) -> list[Release]:
        """Oldest first."""
        return self.lake.releases("documents").history()[::-1]

    def texts(self, seq: int) -> dict[str, str]:
        """The documents of a release, by their names."""
        then = self.lake.as_of(seq)
        return {doc_id: then.text(then.find(doc_id)) for _, doc_id in then.documents}


@contextmanager
def running(folder: Path, documents: tuple[str, ...]) -> Iterator[Operator]:
    """`almanac up` over some of the sample's documents, from its start to its end."""
    operator = Operator(folder)
    operator.configure(free_port())
    for name in documents:
        shutil.copy(SAMPLE / name, operator.docs)
    try:
        operator.base = operator.start()["api"].removesuffix("/api")
        yield operator
    finally:
        operator.kill_everything()
