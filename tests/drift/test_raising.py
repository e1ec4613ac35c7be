"""An event of a kind is raised once in its cool-down, as the rows in `runs` have it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.drift.measures import KINDS, Seen, State
from almanac.drift.raising import Raising, decide, earlier_looks, later_look
from almanac.drift.reactions import EVENTS, REACTIONS
from lakehouse import Lakehouse, open_lakehouse
from schemas.sections.operating import AnswerDrift
from schemas.settings import DriftSettings

RULES = DriftSettings(answers=AnswerDrift(cooldown_days=3))
MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
NOW = MONDAY + timedelta(days=100)


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    return open_lakehouse(str(tmp_path))


def look(
    lake: Lakehouse, day: float, *moved: str, unknown: bool = False, index: str = "documents"
) -> Raising:
    """A watch of that many days after the first one, which leaves its row."""
    at = MONDAY + timedelta(days=day)

    def state(kind: str) -> State:
        return "drift" if kind in moved else "unknown" if unknown else "quiet"

    seen = [Seen(kind, state(kind), "") for kind in KINDS]
    earlier, later = earlier_looks(lake, index, at, RULES), later_look(lake, index, at)
    due = decide(seen, at, earlier, RULES, later)
    report = {
        "purpose": "watch",
        "index": index,
        "as_of": at.isoformat(),
        "kinds": {one.kind: one.to_json() for one in seen},
        "raised": list(due.raised),
    }
    now = min(at, NOW)
    lake.runs.append(f"watch-{day}-{index}", at, now, now, "done", report)
    return due


def test_the_first_drift_is_raised_and_the_next_rests(lake: Lakehouse) -> None:
    assert look(lake, 0) == Raising((), {})
    assert look(lake, 1, "questions") == Raising(("questions",), {})
    assert look(lake, 2, "questions") == Raising((), {"questions": "2026-03-10T06:00:00Z"})
    assert look(lake, 7.9, "questions").raised == ()
    assert look(lake, 8, "questions").raised == ("questions",)


def test_each_kind_rests_for_itself(lake: Lakehouse) -> None:
    assert look(lake, 0, "answers", "questions").raised == ("questions", "answers")
    assert look(lake, 1, "answers", "documents").raised == ("documents",)
    assert look(lake, 3, "answers", "questions").raised == ("answers",)


def test_the_same_look_again_raises_nothing(lake: Lakehouse) -> None:
    assert look(lake, 1, "documents").raised == ("documents",)
    assert look(lake, 1, "documents").raised == ()


def test_a_kind_that_was_mended_is_raised_at_once(lake: Lakehouse) -> None:
    look(lake, 0, "questions")
    look(lake, 1)
    assert look(lake, 2, "questions").raised == ()  # one quiet look may be chance
    look(lake, 3)
    look(lake, 4)
    assert look(lake, 5, "questions").raised == ("questions",)


def test_a_look_without_a_verdict_mends_nothing(lake: Lakehouse) -> None:
    look(lake, 0, "questions")
    look(lake, 1, unknown=True)
    look(lake, 2, unknown=True)
    assert look(lake, 3, "questions").raised == ()


def test_what_is_late_raises_nothing_after_what_is_later(lake: Lakehouse) -> None:
    """A worker that was away runs the days that it missed in any order."""
    assert look(lake, 3, "documents").raised == ("documents",)
    assert look(lake, 2, "documents", "answers") == Raising((), {}, "2026-03-05T06:00:00Z")
    assert look(lake, 1, "documents").raised == ()
    assert look(lake, 2, "questions", index="other").raised == ("questions",)
    assert look(lake, 4, "answers").raised == ("answers",)


def test_a_look_at_a_time_to_come_silences_nothing(lake: Lakehouse) -> None:
    look(lake, 400)
    assert look(lake, 1, "documents").raised == ("documents",)


def test_another_index_and_other_runs_do_not_count(lake: Lakehouse) -> None:
    look(lake, 0, "questions", index="other")
    lake.runs.append("nightly", MONDAY, MONDAY, MONDAY, "published", {"run": "nightly"})
    assert look(lake, 1, "questions").raised == ("questions",)


def test_every_kind_has_its_reaction() -> None:
    assert list(EVENTS) == list(KINDS)
    assert set(REACTIONS) == set(EVENTS.values())
