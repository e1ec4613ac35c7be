"""An engine that runs out of memory says nothing about the files it reads."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from lakehouse import open_lakehouse
from schemas.errors import StorageUnavailable


def test_too_little_memory_is_not_told_as_damage(tmp_path: Path) -> None:
    log = open_lakehouse(str(tmp_path / "lake")).delta("chunks")
    told = "too little memory for this, and nothing is damaged"
    with pytest.raises(StorageUnavailable, match=told), log.reading():
        raise duckdb.OutOfMemoryException("Out of Memory Error: could not allocate block")
