"""Random sequences with kept answers; benchmarks/reliability/kept_answers.py runs 10,000."""

from __future__ import annotations

from pathlib import Path

import pytest

from almanac.embedding import shared
from testing.cache_walk import Walk, build


@pytest.mark.slow  # eight nights are made first
def test_no_kept_answer_differs_from_a_fresh_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_open", {})
    found = Walk(build(tmp_path / "house"), tmp_path).sequences(150, seed=1)
    assert found.wrong == []
    assert found.given > 100
    assert min(found.steps.values()) > 10
