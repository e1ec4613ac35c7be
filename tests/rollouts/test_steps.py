"""Rollouts in a lakehouse: rows, verdicts on what stands there, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from almanac.cli.rollout import _status
from almanac.rollouts import steps
from almanac.rollouts.assignment import arm_of
from almanac.rollouts.check import check, look
from almanac.rollouts.decide import Verdict
from almanac.rollouts.state import open_rollout, rollouts
from schemas.errors import LeaseHeld, RolloutRefused
from tests.rollouts.conftest import House

OLD, NEW = "a" * 12, "b" * 12


def begin(house: House, **more: object) -> str:
    return steps.start(house.settings, "handbook", NEW, OLD, "ann", **more).rollout  # type: ignore[arg-type]


def checked(house: House, name: str) -> str:
    return check(house.settings, house.lake, house.rollout(name), "the server")[0].verdict.kind


def test_a_better_version_reaches_everybody_by_rows(house: House) -> None:
    name = begin(house)
    kinds = []
    for _ in range(5):
        house.judged(name, ["candidate"] * 60 + ["equal"] * 40)
        kinds.append(checked(house, name))
    assert kinds == ["step", "step", "step", "step", "promote"]
    rows = house.lake.rollouts.steps()
    assert [(row.ordinal, row.share, row.state) for row in rows] == [
        (1, 0.0, "running"),
        (2, 0.05, "running"),
        (3, 0.25, "running"),
        (4, 0.5, "running"),
        (5, 1.0, "running"),
        (6, 1.0, "promoted"),
    ]
    assert {row.actor for row in rows[1:]} == {"the server"}
    assert rows[1].statistics["pairs"]["n"] == 100
    assert rows[1].reason.startswith("no worse than by 5%: the judge's pairs, +60.0% (+")
    assert open_rollout(rows, "handbook") is None
    with pytest.raises(RolloutRefused, match=r"has ended: it is promoted"):
        steps.stop(house.settings, name, "ann")


def test_a_worse_version_goes_back_and_stays_back_for_a_day(house: House) -> None:
    name = begin(house)
    house.judged(name, ["current"] * 30 + ["equal"] * 70)
    assert checked(house, name) == "roll_back"
    last = house.lake.rollouts.steps()[-1]
    assert (last.state, last.share) == ("rolled_back", 0.0)
    assert last.reason.startswith("worse by the judge's pairs, -30.0%")
    assert house.rollout(name).version("ann") == OLD
    with pytest.raises(RolloutRefused, match=r"was rolled back at .*worse by .* or say --again"):
        begin(house)
    again = begin(house, again=True)
    assert again != name
    assert house.rollout(again).plan.needs == "judge"


def test_a_silent_judge_never_lets_it_grow(house: House) -> None:
    name = begin(house)
    house.judged(name, ["candidate"] * 200)
    house.judged(name, ["not_judged"] * 30)
    found = look(house.lake, house.rollout(name))
    assert found.verdict.kind == "hold"
    assert "the judge judged 20 of the last 50 pairs" in found.verdict.reason
    assert found.evidence.pairs.n == 200
    house.judged(name, ["equal"] * 50)
    assert checked(house, name) == "step"
    assert look(house.lake, house.rollout(name)).verdict.reason == (
        "not measured at 5%: 0 of 20 pairs judged there"
    )
    # A version that failed in the background was not judged, and the judge is not to blame.
    house.judged(name, ["not_judged"] * 60, judge="skipped")
    assert look(house.lake, house.rollout(name)).evidence.pairs.coverage == 1


def test_votes_and_failures_are_counted_by_arm(house: House) -> None:
    name = begin(house)
    house.answers(name, "current", ["answered"] * 190 + ["empty"] * 10)
    house.answers(name, "candidate", ["answered"] * 60 + ["blocked"] * 140 + ["cut"] * 9)
    found = look(house.lake, house.rollout(name))
    (rates,) = found.evidence.signals
    assert (rates.candidate, rates.candidate_good) == (200, 60)
    assert (rates.current, rates.current_good) == (200, 190)
    assert found.verdict.reason.startswith("worse by answers that did not fail, -65.0%")


def test_dislikes_roll_back(house: House) -> None:
    name = begin(house)
    house.answers(name, "current", ["answered"] * 150, rating=1)
    house.answers(name, "candidate", ["answered"] * 75, rating=1)
    house.answers(name, "candidate", ["answered"] * 75, rating=-1)
    verdict = look(house.lake, house.rollout(name)).verdict
    assert verdict.kind == "roll_back"
    assert verdict.reason.startswith("worse by users who did not dislike, -50.0%")


def test_failures_in_a_row_end_it_at_once(house: House) -> None:
    name = begin(house)
    house.answers(name, "candidate", ["failed"] * 5)
    assert checked(house, name) == "roll_back"
    assert house.lake.rollouts.steps()[-1].reason == "5 answers of the candidate failed in a row"


def test_what_fails_for_both_versions_ends_nothing(house: House) -> None:
    name = begin(house)
    house.answers(name, "candidate", ["failed"] * 3)
    house.answers(name, "fallback", ["failed"])
    house.answers(name, "candidate", ["failed"] * 3)
    house.answers(name, "current", ["failed"])
    house.answers(name, "candidate", ["failed"] * 4)
    assert look(house.lake, house.rollout(name)).evidence.tripped == ""


def test_pause_holds_and_resume_goes_on(house: House) -> None:
    name = begin(house)
    house.judged(name, ["candidate"] * 100)
    steps.pause(house.settings, name[:6], "ann", "a holiday")
    assert look(house.lake, house.rollout(name)).verdict == Verdict(
        "hold", "paused by ann: a holiday"
    )
    with pytest.raises(RolloutRefused, match="is paused, not running"):
        steps.pause(house.settings, name, "ann")
    steps.resume(house.settings, name, "ann")
    house.judged(name, ["equal"] * 20)
    assert checked(house, name) == "step"
    with pytest.raises(RolloutRefused, match=f"`almanac rollout stop {name}` ends it"):
        begin(house)
    steps.stop(house.settings, name, "ann", "enough")
    assert house.lake.rollouts.steps()[-1].reason == "stopped: enough"


def test_an_ab_test_keeps_its_share_until_it_expires(house: House) -> None:
    name = begin(house, ab=0.5)
    house.judged(name, ["candidate"] * 200)
    assert checked(house, name) == "hold"
    late = datetime.now(UTC) + timedelta(days=15)
    assert look(house.lake, house.rollout(name), late).verdict.kind == "expire"
    assert [row.share for row in house.lake.rollouts.steps()] == [0.5]


def test_of_two_servers_one_takes_the_step(house: House) -> None:
    name = begin(house)
    seen = house.rollout(name)
    step = Verdict("step", "because", 0.05)
    steps.carry_out(house.settings, seen, step, {})
    with pytest.raises(RolloutRefused, match=r"moved rollout .* meanwhile"):
        steps.carry_out(house.settings, seen, step, {})
    assert len(house.lake.rollouts.steps()) == 2


def test_what_comes_after_the_end_is_passed_over(house: House) -> None:
    name = begin(house)
    first = house.lake.rollouts.steps()[0]
    steps.stop(house.settings, name, "ann")
    late = replace(first, share=0.5)
    with house.lake.lease("slow", "test", 30):
        house.lake.rollouts.append([late])
    (found,) = rollouts(house.lake.rollouts.steps())
    assert (found.last.state, len(found.steps)) == ("rolled_back", 2)


def test_a_rollback_waits_for_the_lease_no_longer_than_it_may(house: House) -> None:
    name = begin(house)
    with house.lake.lease("a night", "nightly", 30):
        began = time.monotonic()
        with pytest.raises(LeaseHeld):
            steps.carry_out(house.settings, house.rollout(name), Verdict("roll_back", "bad"), {})
        assert time.monotonic() - began < 5
    assert len(house.lake.rollouts.steps()) == 1


_GROWING = """
import sys
from almanac.rollouts import steps
from almanac.rollouts.decide import Verdict
from lakehouse import open_lakehouse
from schemas.settings import RolloutSettings, Settings
settings = Settings(lakehouse=sys.argv[1], rollouts=RolloutSettings(lease_seconds=20))
lake = open_lakehouse(settings.lakehouse)
for _ in range(60):
    seen = steps.find(lake, sys.argv[2])
    steps.carry_out(settings, seen, Verdict("step", "more", seen.share + 0.01), {})
    print("stepped", flush=True)
"""


def test_killed_anywhere_no_user_changes_arm(house: House) -> None:
    """A process that lets the share grow is killed in the middle of it, twice."""
    name = begin(house)
    users = [f"user {number}" for number in range(500)]
    in_candidate: set[str] = set()
    for attempt in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", _GROWING, house.settings.lakehouse, name],
            stdout=subprocess.PIPE,
        )
        assert process.stdout
        assert process.stdout.readline() == b"stepped\n"
        time.sleep(0.03 + attempt * 0.04)  # somewhere in the next step
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        found = house.rollout(name)
        assert (found.last.state, found.is_open) == ("running", True)
        now = {user for user in users if found.arm(user) == "candidate"}
        assert in_candidate <= now
        assert now == {user for user in users if arm_of(name, user, found.last.share) != "current"}
        in_candidate = now
    assert len(house.rollout(name).steps) > 2
    # The next writer goes on where the killed one was.
    seen = house.rollout(name)
    steps.carry_out(house.settings, seen, Verdict("step", "more", 1.0), {})
    assert {house.rollout(name).arm(user) for user in users} == {"candidate"}


def test_what_a_judge_said_of_a_users_questions_is_erased_with_them(house: House) -> None:
    from almanac.releases.erase import Subject, erase

    name = begin(house)
    house.answers(name, "current", ["answered"] * 2)
    house.judged(name, ["equal"])
    (pair,) = house.lake.judgements.of_rollout(name)
    mine, others = (replace(pair, request_id=one, ordinal=9) for one in ("q00001", "q00002"))
    house.lake.judgements.append([mine, others])
    erase(house.settings, Subject(user_id="user 1"))
    left = [one.request_id for one in house.lake.judgements.of_rollout(name)]
    assert left == [pair.request_id, "q00002"]


def test_where_none_is_under_way_the_ended_ones_are_named() -> None:
    assert _status({"rollouts": [], "ended": 2}) == (
        "None is under way; 2 ended: `almanac rollout history`."
    )
    assert _status({"rollouts": [], "ended": 0}).startswith("No rollouts: ")
