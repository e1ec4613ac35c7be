"""What a process may take of memory reaches the engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse import memory
from lakehouse.delta import DeltaLog
from lakehouse.location import locate
from schemas.errors import ConfigError
from schemas.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The other tests of the process get what they had."""
    before = memory.allowed().total
    yield
    memory.allow(before)


@pytest.mark.parametrize(("total", "database"), [(2 << 30, "512.0 MiB"), (500 << 20, "128.0 MiB")])
def test_duckdb_gets_its_share(tmp_path: Path, total: int, database: str) -> None:
    memory.allow(total)
    asked = "SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'"

    found = DeltaLog(locate(str(tmp_path)), "runs").query(asked)

    assert found["value"].to_pylist() == [database]


@pytest.mark.parametrize(
    ("said", "count"), [("1GB", 10**9), ("800 MB", 800 * 10**6), ("1.5GiB", 1536 << 20)]
)
def test_a_size_is_read(tmp_path: Path, said: str, count: int) -> None:
    assert _settings(tmp_path, said).compute.memory_bytes == count


@pytest.mark.parametrize(("said", "why"), [("much", "is no size"), ("100MB", "too little")])
def test_what_is_no_size_or_too_little_is_refused(tmp_path: Path, said: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        _settings(tmp_path, said)


def _settings(folder: Path, memory: str) -> Settings:
    file = folder / "almanac.toml"
    file.write_text(f'[compute]\nmemory = "{memory}"\n', encoding="utf-8")
    return load_settings(file)
