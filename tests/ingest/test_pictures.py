"""What is drawn of the last nights is what stands in `runs`; the picture is a PNG."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from almanac.ingest.pictures import Figures, by_stage, draw, figures_of, nights
from lakehouse import Lakehouse, open_lakehouse

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)


def report(**said: Any) -> dict[str, Any]:
    return {
        "status": "published",
        "as_of": "2026-03-03T02:00:00Z",
        "index_name": "documents",
        "documents": {"added": 2, "modified": 1, "deleted": 5, "unchanged": 16, "quarantined": 1},
        "chunks": {"total": 300, "embedded": 7},
        "cost": 0.25,
        "recall": {"k": 10, "questions": 4, "mean": 0.75},
        "seconds": {"read": 1.0, "embed": 2.0, "encode": 1.9, "total": 3.5},
    } | said


def store(lake: Lakehouse, day: int, status: str, said: dict[str, Any]) -> None:
    at = AT.replace(day=day)
    lake.runs.append(f"night-{day}", at, at, at, status, said)


def test_the_figures_of_a_night_are_those_of_its_report() -> None:
    night = figures_of("published", report(), AT)
    assert night == Figures(
        at=AT,
        status="published",
        documents=20,
        quarantined=1,
        rows=300,
        embedded=7,
        cost=0.25,
        recall=0.75,
        seconds={"read": 1.0, "embed": 2.0},
    )
    assert night.quarantine_share == 0.05
    assert figures_of("failed", {"message": "the disk is full"}, AT) == Figures(AT, "failed")


def test_the_last_nights_of_the_index_are_read_and_nothing_else(tmp_path: Path) -> None:
    lake = open_lakehouse(str(tmp_path / "lake"))
    store(lake, 2, "published", report())
    store(lake, 1, "failed", {"message": "the disk is full"})
    store(lake, 4, "published", report(index_name="other"))
    store(lake, 5, "failed", {"purpose": "retention"})
    found = nights(lake, "documents", report())
    assert [(night.at.day, night.status, night.documents) for night in found] == [
        (1, "failed", None),
        (2, "published", 20),
        (3, "published", 20),
    ]
    assert [night.at.day for night in nights(lake, "documents", report(), last=2)] == [2, 3]


def test_the_longest_stages_are_drawn_and_the_others_together() -> None:
    seconds = {name: float(at) for at, name in enumerate("abcdefgh", 1)}
    found = [
        Figures(AT, "published", seconds=seconds),
        Figures(AT, "published", seconds={"h": 1.0}),
    ]
    assert by_stage(found) == {
        "h": [8.0, 1.0],
        "g": [7.0, 0.0],
        "f": [6.0, 0.0],
        "e": [5.0, 0.0],
        "d": [4.0, 0.0],
        "others": [6.0, 0.0],
    }


def test_the_picture_is_a_png_that_an_artifact_can_carry() -> None:
    found = [figures_of("published", report(), AT.replace(day=day)) for day in range(1, 29)]
    found[5] = Figures(AT.replace(day=6), "refused")
    for some in (found, found[:1], [Figures(AT, "failed")]):
        png = draw(some)
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", png[16:24]) == (1000, 750)
        assert len(png) < 200_000
    assert draw(found) == draw(found)
