"""The tiny base; other folders' tests may import this fixture."""

from __future__ import annotations

import pytest

from almanac.training.base import Base, resolve_base
from schemas.settings import TuningSettings
from tests.training.tiny import make_tiny_base


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A tiny random Llama with a real tokenizer and a chat template, made on the fly."""
    folder = make_tiny_base(tmp_path_factory.mktemp("base") / "tiny-llama")
    return resolve_base(TuningSettings(base=str(folder)))
