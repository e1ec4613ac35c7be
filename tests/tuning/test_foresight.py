"""What earlier evaluations say of how many answers change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from almanac.evaluation.cases import Case
from almanac.evaluation.power import CHANGED
from almanac.tuning.foresight import changed_before, foresee
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.training import Adapter
from schemas.settings import TuningSettings

AT = datetime(2026, 3, 1, tzinfo=UTC)


def judged(lake: Lakehouse, name: str, questions: int, gained: int, lost: int) -> None:
    figure = {"part": "held_back", "metric": "right"}
    figures = [figure | {"questions": questions, "gained": gained, "lost": lost}]
    record = {"verdict": {"figures": figures}}
    lake.adapters.append([Adapter(name, "refused", (), record, 0, "gate", "", "run", AT)])


def test_few_questions_of_before_say_nothing_and_none_changed_is_no_ground(tmp_path: Path) -> None:
    lake = open_lakehouse(str(tmp_path / "lake"))
    judged(lake, "few", 5, 0, 0)
    assert changed_before(lake) == CHANGED
    judged(lake, "many", 40, 1, 1)
    assert changed_before(lake) == 0.05
    held = [
        Case(f"c{at}", "held_back", f"r{at}", "?", (), (), ("yes",), None, "en") for at in range(40)
    ]
    seen = foresee(lake, held, TuningSettings())
    # No gain of ten points is possible where fewer than ten in a hundred change.
    assert seen.changed == 0.1 and "10% of the answers are taken to change" in seen.lines[0]
