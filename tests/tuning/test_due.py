"""A tune starts by itself when there is enough that is new, and not before the last one rested."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.tuning.due import due
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.training import Adapter
from schemas.feedback import Cause, Triaged
from schemas.settings import TuningSettings

MONDAY = datetime(2026, 3, 2, 3, tzinfo=UTC)
RULES = TuningSettings(min_new_faults=3, cooldown_days=7)


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    return open_lakehouse(str(tmp_path))


def triaged(lake: Lakehouse, at: datetime, cause: Cause, *request_ids: str) -> None:
    found = [Triaged(name, cause, "", {}, (), f"{cause} {at}") for name in request_ids]
    lake.triage.record(found, "run", at)


def tuned(lake: Lakehouse, at: datetime, status: str = "candidate") -> None:
    lake.adapters.append([Adapter(f"a-{at}", status, (), {}, 0, "flow", "", "run", at)])


def test_nothing_is_due_in_an_empty_lakehouse(lake: Lakehouse) -> None:
    found = due(lake, RULES, MONDAY)
    assert (found.ready, found.faults, found.last_tune) == (False, 0, None)


def test_enough_faults_start_the_first_tune(lake: Lakehouse) -> None:
    triaged(lake, MONDAY, "model_fault", "a", "b")
    triaged(lake, MONDAY, "retrieval_missed", "c", "d", "e")
    assert not due(lake, RULES, MONDAY).ready
    triaged(lake, MONDAY, "model_fault", "f")
    assert due(lake, RULES, MONDAY).ready


def test_only_faults_since_the_last_tune_count_and_each_once(lake: Lakehouse) -> None:
    triaged(lake, MONDAY, "model_fault", "a", "b", "c")
    tuned(lake, MONDAY + timedelta(hours=1))
    later = MONDAY + timedelta(days=8)
    triaged(lake, later, "model_fault", "a", "b", "c")  # looked into again under other rules
    assert due(lake, RULES, later).faults == 0
    triaged(lake, later, "model_fault", "d", "e", "f")
    triaged(lake, later, "answer_right", "f")
    assert due(lake, RULES, later).faults == 2


@pytest.mark.parametrize("status", ["candidate", "refused"])
def test_a_tune_rests_whatever_became_of_it(lake: Lakehouse, status: str) -> None:
    tuned(lake, MONDAY, status)
    triaged(lake, MONDAY + timedelta(days=1), "model_fault", "a", "b", "c")
    early = due(lake, RULES, MONDAY + timedelta(days=6))
    assert (early.ready, early.faults) == (False, 3)
    assert "rests until 2026-03-09T03:00:00Z" in early.reason
    assert due(lake, RULES, MONDAY + timedelta(days=7)).ready
