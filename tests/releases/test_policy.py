from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.releases.policy import Verdict, judge
from lakehouse.releases import Release
from schemas.settings import RetentionSettings

NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)
NOTHING = {"keep_last": 1, "daily": 0, "weekly": 0, "monthly": 0, "yearly": 0}
LET_GO = "no rule keeps it open"


def release(seq: int, day: str, kind: str = "publish", tier: str = "hot") -> Release:
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return Release(
        seq=seq,
        index="documents",
        kind=kind,
        logical_time=moment,
        published_at=moment,
        run_id=f"run-{seq}",
        snapshot_seq=seq,
        documents=0,
        rows=0,
        digest="",
        chunker="toy",
        embedder="toy",
        embedder_identity={},
        lance_table="documents-toy",
        lance_version=seq,
        lance_tag=f"r{seq:08d}",
        search={},
        made_by={},
        tier=tier,
        cause="" if tier == "hot" else f"went {tier}",
    )


def history(*days: str) -> list[Release]:
    """Releases 1, 2, ... of these days, newest first."""
    return [release(seq, day) for seq, day in enumerate(days, 1)][::-1]


def judged(
    releases: Sequence[Release], now: datetime = NOW, **policy: Any
) -> list[tuple[int, str, str]]:
    verdicts = judge(releases, RetentionSettings(**NOTHING | policy), now)
    return [(one.release.seq, one.tier, one.rule) for one in verdicts]


WEEK = history("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05")


def test_the_newest_answers_and_the_others_go() -> None:
    assert judged(WEEK) == [
        (4, "hot", "answers now"),
        (3, "cold", LET_GO),
        (2, "cold", LET_GO),
        (1, "cold", LET_GO),
    ]
    assert judged([]) == []


def test_keep_last() -> None:
    assert judged(WEEK, keep_last=3) == [
        (4, "hot", "answers now"),
        (3, "hot", "retention.keep_last = 3"),
        (2, "hot", "retention.keep_last = 3"),
        (1, "cold", LET_GO),
    ]
    assert [tier for _, tier, _ in judged(WEEK, keep_last=10)] == ["hot"] * 4


def test_the_last_release_of_a_day_is_kept_and_days_without_one_do_not_count() -> None:
    days = history(
        "2026-02-01T02:00",
        "2026-03-03T02:00",
        "2026-03-03T14:00",
        "2026-03-05T02:00",
        "2026-03-05T23:59:59.999999",
        "2026-03-06T00:00",
    )
    assert judged(days, daily=3) == [
        (6, "hot", "answers now"),
        (5, "hot", "retention.daily = 3, 2026-03-05"),
        (4, "cold", LET_GO),
        (3, "hot", "retention.daily = 3, 2026-03-03"),
        (2, "cold", LET_GO),
        (1, "cold", LET_GO),
    ]


def test_weeks_are_iso_weeks_and_cross_the_year() -> None:
    # Monday 2024-12-30 to Sunday 2025-01-05 is one week; 2026-01-01 is a Thursday of 2026-W01,
    # 2027-01-03 a Sunday of 2026-W53.
    days = history(
        "2024-12-29",
        "2024-12-30",
        "2025-01-05",
        "2025-01-06",
        "2025-12-29",
        "2026-01-04",
        "2026-12-28",
        "2027-01-03",
        "2027-01-04",
    )
    assert judged(days, weekly=6) == [
        (9, "hot", "answers now"),
        (8, "hot", "retention.weekly = 6, 2026-W53"),
        (7, "cold", LET_GO),
        (6, "hot", "retention.weekly = 6, 2026-W01"),
        (5, "cold", LET_GO),
        (4, "hot", "retention.weekly = 6, 2025-W02"),
        (3, "hot", "retention.weekly = 6, 2025-W01"),
        (2, "cold", LET_GO),
        (1, "hot", "retention.weekly = 6, 2024-W52"),
    ]


def test_months_and_years() -> None:
    days = history(
        "2024-06-30", "2024-12-31", "2025-01-01", "2025-01-31", "2026-02-28", "2026-03-01"
    )
    assert judged(days, monthly=3) == [
        (6, "hot", "answers now"),
        (5, "hot", "retention.monthly = 3, 2026-02"),
        (4, "hot", "retention.monthly = 3, 2025-01"),
        (3, "cold", LET_GO),
        (2, "cold", LET_GO),
        (1, "cold", LET_GO),
    ]
    assert judged(days, yearly=3) == [
        (6, "hot", "answers now"),
        (5, "cold", LET_GO),
        (4, "hot", "retention.yearly = 3, 2025"),
        (3, "cold", LET_GO),
        (2, "hot", "retention.yearly = 3, 2024"),
        (1, "cold", LET_GO),
    ]


def test_the_first_rule_that_keeps_a_release_is_named() -> None:
    rules = judged(WEEK, keep_last=2, daily=3, weekly=1, pinned=(3, 1))
    assert rules == [
        (4, "hot", "answers now"),
        (3, "hot", "retention.pinned"),
        (2, "hot", "retention.daily = 3, 2026-03-03"),
        (1, "hot", "retention.pinned"),
    ]


def test_an_undecided_candidate_stays_and_is_never_what_answers() -> None:
    days = [
        release(3, "2026-03-04", "candidate"),
        release(2, "2026-03-03"),
        release(1, "2026-03-02"),
    ]
    assert judged(days, keep_last=2) == [
        (3, "hot", "candidate, not yet decided"),
        (2, "hot", "answers now"),
        (1, "hot", "retention.keep_last = 2"),
    ]
    assert judged([release(4, "2026-03-05"), *days], keep_last=2, daily=2)[1] == (3, "cold", LET_GO)
    assert judged([release(1, "2026-03-02", "candidate")]) == [
        (1, "hot", "candidate, not yet decided")
    ]


def test_a_rollback_counts_as_a_release_of_its_own_day() -> None:
    days = [
        release(4, "2026-03-04T09:00", "rollback"),
        *history("2026-03-02", "2026-03-03", "2026-03-04T02:00"),
    ]
    assert judged(days, daily=2) == [
        (4, "hot", "answers now"),
        (3, "cold", LET_GO),
        (2, "hot", "retention.daily = 2, 2026-03-03"),
        (1, "cold", LET_GO),
    ]


@pytest.mark.parametrize(
    ("tier", "expected"), [("hot", "gone"), ("cold", "gone"), ("gone", "gone")]
)
def test_what_is_older_than_cold_days_goes(tier: str, expected: str) -> None:
    limit = NOW - timedelta(days=30)
    younger = replace(release(2, "2026-01-01"), logical_time=limit, tier="cold")
    older = replace(release(1, "2026-01-01", tier=tier), logical_time=limit - timedelta(seconds=1))
    verdicts = judged([release(3, "2026-12-31"), younger, older], cold_days=30)
    cause = "went gone" if tier == "gone" else "older than retention.cold_days = 30"
    assert verdicts == [(3, "hot", "answers now"), (2, "cold", LET_GO), (1, expected, cause)]


def test_a_rule_saves_an_old_release_from_going() -> None:
    days = [
        release(3, "2026-12-31"),
        release(2, "2020-01-02"),
        release(1, "2020-01-01", tier="cold"),
    ]
    assert judged(days, cold_days=1, pinned=(1, 2)) == [
        (3, "hot", "answers now"),
        (2, "hot", "retention.pinned"),
        (1, "cold", "retention.pinned, but was let go"),
    ]


releases_of_a_history = st.lists(
    st.tuples(
        st.integers(0, 500),  # hours since the release before
        st.sampled_from(["publish", "publish", "rollback", "candidate"]),
        st.sampled_from(["hot", "hot", "cold", "gone"]),
    ),
    max_size=25,
)
policies = st.builds(
    RetentionSettings,
    keep_last=st.integers(1, 5),
    daily=st.integers(0, 5),
    weekly=st.integers(0, 3),
    monthly=st.integers(0, 3),
    yearly=st.integers(0, 2),
    pinned=st.lists(st.integers(1, 25), max_size=3).map(tuple),
    cold_days=st.none() | st.integers(1, 100),
)


def made(steps: Sequence[tuple[int, str, str]]) -> list[Release]:
    """A history in which what answers now is open, as it always is."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    releases = []
    for seq, (hours, kind, tier) in enumerate(steps, 1):
        moment += timedelta(hours=hours)
        releases.append(release(seq, moment.replace(tzinfo=None).isoformat(), kind, tier))
    newest = next((one for one in reversed(releases) if one.kind != "candidate"), None)
    if newest:
        releases[newest.seq - 1] = replace(newest, tier="hot", cause="")
    return releases[::-1]


def after(verdicts: Sequence[Verdict]) -> list[Release]:
    return [replace(one.release, tier=one.tier, cause=one.rule) for one in verdicts]


@given(releases_of_a_history, policies, st.integers(0, 1_000))
def test_what_holds_of_every_policy(
    steps: list[tuple[int, str, str]], policy: RetentionSettings, later: int
) -> None:
    releases = made(steps)
    verdicts = judge(releases, policy, NOW)
    assert [one.release for one in verdicts] == releases
    served = [one for one in verdicts if one.release.kind != "candidate"]
    assert all(one.tier == "hot" for one in served[:1])
    order = ["hot", "cold", "gone"]
    for one in verdicts:
        assert order.index(one.tier) >= order.index(one.release.tier)  # none comes back
    again = judge(after(verdicts), policy, NOW)
    assert [one.tier for one in again] == [one.tier for one in verdicts]
    assert not any(one.changes for one in again)
    much_later = judge(after(verdicts), policy, NOW + timedelta(days=later))
    hot = [one.release.seq for one in verdicts if one.tier == "hot"]
    assert [one.release.seq for one in much_later if one.tier == "hot"] == hot
