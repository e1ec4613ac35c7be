"""A lakehouse of three nights with one request of each cause, a dataset, and an adapter of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from almanac.dataset.build import build
from lakehouse.training import Adapter
from tests.triage.conftest import Feedback, plant

ADAPTER = "a0" * 32
TRAINED = datetime(2026, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Traced:
    """The lakehouse, and the names of what is traced in it."""

    feedback: Feedback
    dataset: str
    trained_on: tuple[str, ...]

    @property
    def settings(self) -> Any:
        return self.feedback.house.settings


@pytest.fixture(scope="session")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """Only to be read."""
    root: Path = tmp_path_factory.mktemp("trace")
    feedback = Feedback(root)
    plant(feedback)
    feedback.triage(run_id="run-of-triage")
    house = feedback.house
    house.configure(dataset=house.settings.dataset.model_copy(update={"held_back": 0.0}))
    built = build(house.settings, None, None, "run-of-dataset")
    manifest = feedback.lake.datasets.manifest(built["dataset"])
    feedback.lake.adapters.append(
        [
            Adapter(
                ADAPTER,
                status,
                tuple(manifest["trained_on"]),
                {"dataset": built["dataset"], "method": "sft", "name": "almanac-documents"},
                0,
                who,
                why,
                run,
                TRAINED,
            )
            for status, who, why, run in (
                ("candidate", "the gate", "better by 0.2", "run-of-tune"),
                ("staging", "ada", "read it", "run-of-approval"),
            )
        ]
    )
    return Traced(feedback, built["dataset"], tuple(manifest["trained_on"]))
