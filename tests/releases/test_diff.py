from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from almanac.cli.show_diff import difference as show
from almanac.releases.diff import difference
from lakehouse import open_lakehouse
from lakehouse.placements import moved
from lakehouse.rows import chunk_id
from lakehouse.search import Mode
from schemas.errors import ReleaseNotFound, ReleaseNotOpen
from schemas.hashing import sha256_text
from schemas.settings import Settings, load_settings
from tests.flows.conftest import House

pytestmark = pytest.mark.slow

PASSWORDS = "## Passwords\n\nA password has at least twelve characters.\n"
GUIDE = """# Guide

## Backups

The nightly backup starts at {} and writes to the second disk.

"""
MAIL = "# Mail\n\nOpen the settings of the phone and add the company's mail account.\n"
ROOMS = "# Rooms\n\nA meeting room is booked in the calendar for two hours at most.\n"
PRINTER = "# Printers\n\nThe printer on the third floor wants a badge before it prints.\n"
PARKING = "# Parking\n\nCars stand behind the building, bicycles in front of it.\n"
BADGE = "# Badges\n\nA lost badge is blocked at the reception, and a new badge is printed there.\n"
PREFIX = '[embedder]\npassage_prefix = "passage: "\n'
QUESTION = "how do I print with my badge"


def passage(doc_id: str, heading: str, body: str) -> str:
    return chunk_id("documents", doc_id, heading, sha256_text(f"{heading}\n\n{body.strip()}"), 0)


def backups(time: str) -> str:
    """The first passage of the guide."""
    return GUIDE.format(time).strip()


IDS = {
    "backups of the first night": passage("guide.md", "Guide › Backups", backups("two")),
    "backups": passage("guide.md", "Guide › Backups", backups("three in the morning")),
    "passwords": passage("guide.md", "Guide › Passwords", PASSWORDS),
    "mail": passage("mail.md", "Mail", MAIL),
    "printer": passage("printer.md", "Printers", PRINTER),
    "badge": passage("badge.md", "Badges", BADGE),
    "parking": passage("parking.md", "Parking", PARKING),
    "rooms": passage("rooms.md", "Rooms", ROOMS),
    "rooms in the archive": passage("archive/rooms.md", "Rooms", ROOMS),
}
NAMES = {chunk: name for name, chunk in IDS.items()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, prefect_api: None) -> Path:
    """Four releases: the first, other documents, another model, another search."""
    root = tmp_path_factory.mktemp("difference")
    house = House(root)
    texts = {"mail": MAIL, "rooms": ROOMS, "printer": PRINTER, "parking": PARKING}
    for name, text in (texts | {"guide": GUIDE.format("two") + PASSWORDS}).items():
        house.put(f"{name}.md", text)
    house.nightly()
    house.put("guide.md", GUIDE.format("three in the morning") + PASSWORDS)
    house.put("badge.md", BADGE)
    (house.docs / "parking.md").unlink()
    (house.docs / "rooms.md").unlink()
    house.put("archive/rooms.md", ROOMS)
    house.nightly()
    house.configure(PREFIX)
    house.nightly(accept_upgrade=True)
    house.configure(f'{PREFIX}[index]\nlanguage = "German"\n')
    assert house.nightly()["release"] == 4
    return root


@pytest.fixture(scope="module")
def settings(root: Path) -> Settings:
    return load_settings(root / "almanac.toml")


def named(doc_id: str, title: str) -> dict[str, str]:
    return {"source": "documents", "doc_id": doc_id, "title": title}


def test_documents_and_passages(settings: Settings) -> None:
    found = difference(settings, 1, 2, None, 10, "hybrid")
    assert found["documents"] == {
        "added": [named("badge.md", "Badges")],
        "modified": [
            named("guide.md", "Guide")
            | {
                "chunks": {
                    "added": [
                        {
                            "chunk_id": IDS["backups"],
                            "heading": "Guide › Backups",
                            "text": f"Guide › Backups\n\n{backups('three in the morning')}",
                        }
                    ],
                    "removed": [
                        {
                            "chunk_id": IDS["backups of the first night"],
                            "heading": "Guide › Backups",
                            "text": f"Guide › Backups\n\n{backups('two')}",
                        }
                    ],
                    "unchanged": 1,
                }
            }
        ],
        "removed": [named("parking.md", "Parking")],
        "moved": [{"from": named("rooms.md", "Rooms"), "to": named("archive/rooms.md", "Rooms")}],
        "unchanged": 2,
    }
    assert found["chunks"] == {"added": 3, "removed": 3, "unchanged": 3}
    assert found["before"] == {
        "seq": 1,
        "as_of": "2026-03-01T02:00:00Z",
        "kind": "publish",
        "tier": "hot",
        "model": "english",
        "documents": 5,
        "rows": 6,
    }
    assert (found["after"]["seq"], found["after"]["as_of"]) == (2, "2026-03-02T02:00:00Z")
    assert (found["note"], found["question"]) == ("", None)


def test_what_came_and_went_is_what_the_two_indexes_do_not_share(settings: Settings) -> None:
    def names(seq: int) -> set[str]:
        index = open_lakehouse(settings.lakehouse).as_of(seq).index
        return {NAMES[hit.chunk_id] for hit in index.vector(np.ones(384, np.float32), 100)}

    assert names(1) - names(2) == {"backups of the first night", "parking", "rooms"}
    assert names(2) - names(1) == {"backups", "badge", "rooms in the archive"}
    assert names(1) & names(2) == {"passwords", "mail", "printer"}


def test_a_release_does_not_differ_from_itself(settings: Settings) -> None:
    found = difference(settings, None, 4, QUESTION, 3, "hybrid")
    lists = {key: found["documents"][key] for key in ("added", "modified", "removed", "moved")}
    assert lists == {"added": [], "modified": [], "removed": [], "moved": []}
    assert found["chunks"] == {"added": 0, "removed": 0, "unchanged": 6}
    assert [hit["code"] for hit in found["question"]["hits"]] == ["unchanged"] * 3


def test_another_chunker_and_another_model_are_said(settings: Settings) -> None:
    found = difference(settings, 2, 3, None, 10, "hybrid")
    assert found["note"].startswith(
        "Another model made the vectors, so scores of the two do not compare. "
        "Another chunker cut the documents (markdown-cdc-2/max=256/target=160/tok="
    )
    assert found["documents"]["unchanged"] == 5
    assert found["chunks"] == {"added": 6, "removed": 6, "unchanged": 0}


def test_a_modified_document_has_no_passages_where_the_chunkers_differ(settings: Settings) -> None:
    found = difference(settings, 1, 3, None, 10, "hybrid")
    assert found["documents"]["modified"] == [named("guide.md", "Guide") | {"chunks": None}]


Changes = list[tuple[str, int | None, int | None, str, list[str]]]
BADGE_NEW = ("badge", None, 2, "document_added", [])
PRINTER_SAME = ("printer", 1, 1, "unchanged", [])
REASONS: list[tuple[int, int, str, int, Mode, Changes]] = [
    (
        1,
        2,
        QUESTION,
        2,
        "vector",
        [PRINTER_SAME, BADGE_NEW, ("mail", 2, None, "pushed_out", ["badge"])],
    ),
    (
        1,
        2,
        QUESTION,
        3,
        "vector",
        [
            PRINTER_SAME,
            BADGE_NEW,
            ("mail", 2, 3, "moved_down_because", ["badge"]),
            ("passwords", 3, None, "pushed_out", ["badge"]),
        ],
    ),
    (
        2,
        1,
        QUESTION,
        3,
        "hybrid",
        [
            ("printer", 2, 1, "moved_up_because", ["badge"]),
            ("mail", 3, 2, "moved_up_because", ["badge"]),
            ("passwords", None, 3, "moved_up_because", ["badge"]),
            ("badge", 1, None, "document_removed", []),
        ],
    ),
    (
        1,
        2,
        "when does the backup start",
        1,
        "vector",
        [
            ("backups", None, 1, "passage_added", []),
            ("backups of the first night", 1, None, "passage_removed", []),
        ],
    ),
    (
        1,
        2,
        "a meeting room in the calendar",
        1,
        "text",
        [
            ("rooms in the archive", None, 1, "document_added", []),
            ("rooms", 1, None, "document_removed", []),
        ],
    ),
    (1, 2, "password", 3, "text", [("passwords", 1, 1, "statistics_changed", [])]),
    (1, 2, "password", 1, "vector", [("passwords", 1, 1, "unchanged", [])]),
    (2, 3, "mail settings", 1, "vector", [("mail", 1, 1, "model_changed", [])]),
    (2, 3, "mail settings", 1, "text", [("mail", 1, 1, "unchanged", [])]),
    (
        3,
        4,
        "password setting printing building",
        3,
        "text",
        [
            ("passwords", 1, 1, "unchanged", []),
            ("mail", 2, 2, "unchanged", []),
            ("printer", 3, None, "search_changed", []),
        ],
    ),
    (1, 2, "xylophone", 3, "text", []),
]


@pytest.mark.parametrize(("before", "after", "question", "k", "mode", "changes"), REASONS)
def test_why_hits_differ(
    settings: Settings,
    before: int,
    after: int,
    question: str,
    k: int,
    mode: Mode,
    changes: Changes,
) -> None:
    asked = difference(settings, before, after, question, k, mode)["question"]
    assert (asked["text"], asked["k"], asked["mode"]) == (question, k, mode)
    assert [
        (
            NAMES[hit["chunk_id"]],
            hit["before"] and hit["before"]["rank"],
            hit["after"] and hit["after"]["rank"],
            hit["code"],
            [NAMES[chunk] for chunk in hit["because"]],
        )
        for hit in asked["hits"]
    ] == changes


def sentences(result: dict[str, Any]) -> dict[str, str]:
    return {NAMES[hit["chunk_id"]]: hit["why"] for hit in result["question"]["hits"]}


def test_reasons_are_said_in_english(settings: Settings) -> None:
    assert sentences(difference(settings, 1, 2, QUESTION, 2, "vector")) == {
        "printer": "The passage, its rank and its score are as they were.",
        "badge": "The document badge.md is new.",
        "mail": "Still in the index, but new above it: badge.md (rank 2).",
    }
    assert sentences(difference(settings, 2, 3, "mail settings", 1, "vector")) == {
        "mail": "Other vectors: passage_prefix 'passage: ', before ''."
    }
    rooms = sentences(difference(settings, 1, 2, "meeting room in the calendar", 1, "text"))
    assert rooms == {
        "rooms in the archive": "The document archive/rooms.md came here from rooms.md.",
        "rooms": "The document rooms.md moved to archive/rooms.md.",
    }


def test_a_fused_score_is_explained_by_the_ranks_that_are_fused(settings: Settings) -> None:
    found = difference(settings, 1, 2, "the building", 3, "hybrid")
    (printer,) = (hit for hit in found["question"]["hits"] if hit["doc_id"] == "printer.md")
    assert (printer["before"], printer["after"]) == (
        {"rank": 2, "score": 1 / 62 + 1 / 63},
        {"rank": 2, "score": 1 / 61 + 1 / 63},
    )
    assert printer["code"] == "fused_ranks_changed"
    assert printer["why"] == (
        "Of what is fused it has rank 1 by vector and 3 by text; it was 2 by vector and 3 by text."
    )


def move(root: Path, target: Path, tier: str) -> Settings:
    """A copy of the lakehouse whose first release left LanceDB."""
    shutil.copytree(root, target)
    settings = load_settings(target / "almanac.toml")
    lake = open_lakehouse(settings.lakehouse)
    first = lake.releases("documents").as_of(1)
    cause = "older than the policy keeps"
    lake.placements.append([moved(lake, first, tier, run_id="test", cause=cause)])
    return settings


def test_a_cold_release_is_compared_but_not_asked(
    root: Path, settings: Settings, tmp_path: Path
) -> None:
    cold = move(root, tmp_path / "cold", "cold")
    found = difference(cold, 1, 2, QUESTION, 2, "hybrid")
    hot = difference(settings, 1, 2, QUESTION, 2, "hybrid")
    assert found["before"] == hot["before"] | {"tier": "cold"}
    for part in ("after", "documents", "chunks"):
        assert found[part] == hot[part]
    asked = found["question"]
    assert asked.keys() == {"text", "k", "mode", "error"}
    assert asked["error"].startswith("release 1 is cold: its index was dropped")
    assert "cannot be compared: release 1 is cold" in show(found)


def test_what_is_gone_or_unknown_is_refused(root: Path, tmp_path: Path) -> None:
    gone = move(root, tmp_path / "gone", "gone")
    with pytest.raises(ReleaseNotOpen, match="release 1 of 2026-03-01T02:00:00Z is gone"):
        difference(gone, 1, 2, None, 10, "hybrid")
    with pytest.raises(ReleaseNotFound, match="has no release 9"):
        difference(gone, 2, 9, None, 10, "hybrid")


def test_the_result_is_json(settings: Settings) -> None:
    found = difference(settings, 1, 2, QUESTION, 2, "vector")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_people_see(settings: Settings) -> None:
    shown = show(difference(settings, 1, 2, QUESTION, 2, "vector"))
    assert shown.splitlines()[:15] == [
        "Release 1 as of 2026-03-01T02:00:00Z: 5 documents, 6 passages, english",
        "Release 2 as of 2026-03-02T02:00:00Z: 5 documents, 6 passages, english",
        "",
        "  documents  1 added, 1 modified, 1 removed, 1 moved, 2 unchanged",
        "  passages   3 added, 3 removed, 3 unchanged",
        "",
        "  added     badge.md                     Badges",
        "  modified  guide.md                     Guide",
        "  removed   parking.md                   Parking",
        "  moved     rooms.md → archive/rooms.md  Rooms",
        "",
        "  -  guide.md  # Guide ## Backups The nightly backup starts at two and writes to the "
        "second disk.",
        "  +  guide.md  # Guide ## Backups The nightly backup starts at three in the morning and "
        "writes to the second disk.",
        "",
        "how do I print with my badge  (vector, 2 hits)",
    ]
    assert shown.splitlines()[-1].endswith(
        "Still in the index, but new above it: badge.md (rank 2)."
    )


def test_long_lists_are_cut(settings: Settings) -> None:
    found = difference(settings, 1, 1, None, 10, "vector")
    found["documents"]["added"] = [named(f"{n:02}\n.md", "T") for n in range(25)]
    lines = show(found).splitlines()
    assert lines[-2:] == ["  added  19·.md  T", "  and 5 more: --json"]
