"""When a nightly run's report raises the quarantine alarm."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.settings import Settings
from tasks import events


def result(rejected: int, new: int, unchanged: int = 95) -> dict[str, Any]:
    counts = {"added": 0, "modified": 0, "deleted": 50, "unchanged": unchanged}
    documents = counts | {"quarantined": rejected} if unchanged else {}
    return {"run": "r1", "documents": documents, "quarantine": {"new": new}}


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(events, "emit_event", lambda **event: found.append(event))
    return found


def test_a_share_above_the_limit_with_new_rows_is_told(raised: list[dict[str, Any]]) -> None:
    events.raise_quarantine(Settings(), result(rejected=6, new=2))
    assert raised == [
        {
            "event": "almanac.quarantine.high",
            "resource": {"prefect.resource.id": "almanac.index.documents"},
            "payload": {"rejected": 6, "documents": 101, "new": 2, "run": "r1"},
        }
    ]


@pytest.mark.parametrize(
    "quiet",
    [
        result(rejected=5, new=5),  # 5 of 100 is at the limit, not above it
        result(rejected=60, new=0),  # told in an earlier night
        result(rejected=0, new=0, unchanged=0),  # a run that read nothing
    ],
)
def test_no_more_than_the_limit_or_nothing_new_is_not(
    quiet: dict[str, Any], raised: list[dict[str, Any]]
) -> None:
    events.raise_quarantine(Settings(), quiet)
    assert raised == []
