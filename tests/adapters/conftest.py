"""Lakehouses with adapters of the tiny base in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from almanac.adapters import promotion
from almanac.adapters.files import store
from lakehouse import Lakehouse, open_lakehouse
from schemas.settings import Settings
from tests.training.conftest import tiny_base  # noqa: F401 (a fixture)

MakeJob = Callable[..., Path]


@pytest.fixture(scope="session")
def make_job(tiny_base, tmp_path_factory) -> MakeJob:  # noqa: F811
    """The folder of a finished job: a real peft adapter of the tiny base, by seed."""
    from safetensors.torch import load_file

    def make(seed: int = 0, **options: Any) -> Path:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        torch.manual_seed(seed)
        job = tmp_path_factory.mktemp("job")
        model = AutoModelForCausalLM.from_pretrained(tiny_base.path)
        config = {"r": 4, "target_modules": "all-linear", "init_lora_weights": False} | options
        get_peft_model(model, LoraConfig(**config)).save_pretrained(job / "adapter")
        (job / "adapter" / "README.md").unlink()
        (job / "job.json").write_text(json.dumps({"seed": seed}))
        (job / "loss.png").write_bytes(b"\x89PNG")
        (job / "answers.parquet").write_bytes(b"what users asked")
        assert load_file(job / "adapter" / "adapter_model.safetensors")
        return job

    return make


@pytest.fixture(scope="session")
def job(make_job: MakeJob) -> Path:
    """One such folder; only to be read."""
    return make_job()


class House:
    """A lakehouse, and adapters brought to it as a tune brings them."""

    def __init__(self, settings: Settings, job: Path) -> None:
        self.settings, self.job = settings, job

    @property
    def lake(self) -> Lakehouse:
        return open_lakehouse(self.settings.lakehouse, self.settings.storage_options)

    def offer(self, adapter_id: str, offered: bool = True, **record: Any) -> dict[str, Any]:
        """Store the job's files under this id, and record the gate's verdict."""
        found = store(self.lake, adapter_id, self.job)
        record = {"dataset": "d1", "method": "sft", "files": found} | record
        return promotion.offer(
            self.settings, adapter_id, record, ["r1", "r2"], offered, ["+9 % [4, 13]"], "flow-1"
        )

    def promote(self, adapter_id: str) -> dict[str, Any]:
        """Offer and approve twice."""
        self.offer(adapter_id)
        promotion.approve(self.settings, adapter_id, "ann", "reads well")
        return promotion.approve(self.settings, adapter_id, "bob", "a week in staging")

    @property
    def stages(self) -> dict[str, str]:
        from almanac.adapters.registry import standings

        found = standings(self.lake.adapters.steps())
        return {one.adapter.adapter_id: one.stage for one in found}

    @property
    def steps(self) -> list[tuple[str, str, str, str]]:
        """(adapter, to, actor, reason) of every step, oldest first."""
        return [
            (one.adapter_id, one.status, one.actor, one.reason)
            for one in self.lake.adapters.steps()
        ]


@pytest.fixture
def house(tmp_path: Path, job: Path) -> House:
    return House(Settings(lakehouse=str(tmp_path / "lake")), job)
