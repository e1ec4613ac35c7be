"""The nightly flow as it is, on a real Prefect API and with the packaged model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse import Lakehouse, open_lakehouse


class House:
    """A folder of documents and a lakehouse, with nights that follow one another."""

    def __init__(self, root: Path) -> None:
        self.docs = root / "docs"
        self.docs.mkdir()
        self.uri = str(root / "lake")
        self.config = root / "almanac.toml"
        self.configure("")
        self._night = 0

    def configure(self, toml: str) -> None:
        text = f'lakehouse = "lake"\n[sources.documents]\nuri = "docs"\n{toml}'
        self.config.write_text(text, encoding="utf-8")

    def put(self, path: str, text: str) -> None:
        file = self.docs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def at(self, night: int) -> datetime:
        return datetime(2026, 3, night, 2, tzinfo=UTC)

    def nightly(self, night: int | None = None, **parameters: Any) -> dict[str, Any]:
        from flows.nightly import nightly

        self._night = night or self._night + 1
        return nightly(config=str(self.config), as_of=self.at(self._night), **parameters)

    @property
    def lake(self) -> Lakehouse:
        return open_lakehouse(self.uri)

    def index_rows(self) -> set[tuple[str, str]]:
        """(doc_id, text) of every row of the latest release, straight from Lance."""
        import lance

        release = self.lake.releases("documents").as_of()
        uri = f"{self.uri}/lance/{release.lance_table}.lance"
        table = lance.dataset(uri, version=release.lance_tag).to_table(["doc_id", "text"])
        return set(zip(table["doc_id"].to_pylist(), table["text"].to_pylist(), strict=True))


@pytest.fixture
def house(tmp_path: Path, prefect_api: None) -> House:
    return House(tmp_path)


@pytest.fixture
def new_house(tmp_path: Path, prefect_api: None) -> Callable[[str], House]:
    def make(name: str) -> House:
        (tmp_path / name).mkdir()
        return House(tmp_path / name)

    return make
