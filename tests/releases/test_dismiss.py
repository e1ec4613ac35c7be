"""Rows of quarantine that a person has looked at: by id, source or rule, recorded, kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from almanac.cli.app import main
from almanac.releases.dismiss import dismiss
from schemas.documents import Rejection
from schemas.errors import ConfigError
from tests.releases.conftest import House

AT = datetime(2026, 3, 3, 2, tzinfo=UTC)
ROWS = [
    ("docs", Rejection("a.md", "text_is_not_blank", "must", "it is blank")),
    ("docs", Rejection("a.md", "lines_are_short", "should", "a long line", "999")),
    ("docs", Rejection("b.md", "lines_are_short", "should", "a long line", "999")),
    ("wiki", Rejection("b.md", "lines_are_short", "should", "a long line", "999")),
]
NOBODY: frozenset[tuple[str, str]] = frozenset()


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.lake.quarantine.record(ROWS, NOBODY, "r1", AT)
    return made


def left(house: House) -> list[tuple[str, str, str]]:
    return [(row.source, row.doc_id, row.expectation) for row in house.lake.quarantine.rows()]


SOUGHT = [
    ({"ids": ("b.md",)}, [0, 1]),
    ({"source": "docs"}, [3]),
    ({"rule": "lines_are_short"}, [0]),
    ({"rule": "lines_are_short", "source": "docs"}, [0, 3]),
    ({"ids": ("a.md",), "rule": "lines_are_short"}, [0, 2, 3]),
]


@pytest.mark.parametrize(("chosen", "stay"), SOUGHT)
def test_rows_are_dismissed_by_what_names_them(house: House, chosen: dict, stay: list[int]) -> None:
    result = dismiss(house.settings, reason="seen", by="ann", **chosen)
    assert result["rows"] == len(ROWS) - len(stay)
    kept = [ROWS[at] for at in stay]
    assert left(house) == sorted((name, row.doc_id, row.expectation) for name, row in kept)


def test_a_row_is_named_by_its_own_id(house: House) -> None:
    (first, *_) = house.lake.quarantine.rows()
    dismiss(house.settings, ids=(first.id,), reason="seen", by="ann")
    assert len(left(house)) == 3


def test_who_said_so_and_why_is_kept_in_both_logs(house: House) -> None:
    result = dismiss(house.settings, ids=("a.md",), reason="a scan, on purpose", by="ann")
    kept = [row for row in house.lake.quarantine.rows(None) if row.status == "dismissed"]
    assert len(kept) == 2 and {row.doc_id for row in kept} == {"a.md"}
    assert all(dict(row.note) == {"by": "ann", "reason": "a scan, on purpose"} for row in kept)
    assert all(row.at > AT for row in kept)
    (run,) = house.lake.runs.rows()
    stored = json.loads(run["report"])
    assert (stored["purpose"], stored["note"], stored["rows"]) == (
        "dismissal",
        {"by": "ann", "reason": "a scan, on purpose"},
        result["rows"],
    )


def test_a_dismissed_row_comes_back_only_after_it_was_mended(house: House) -> None:
    dismiss(house.settings, ids=("a.md",), reason="seen", by="ann")
    log = house.lake.quarantine
    again = log.record(ROWS, NOBODY, "r2", AT)
    assert again[:2] == (0, 0) and len(again.standing) == 2
    worse = ("docs", Rejection("a.md", "text_is_decoded", "must", "no text"))
    assert log.record([*ROWS, worse], NOBODY, "r3", AT).opened == 1
    assert log.record([], NOBODY, "r4", AT).resolved == 5
    assert log.record(ROWS, NOBODY, "r5", AT).opened == 4


def test_an_earlier_date_still_has_the_row(house: House) -> None:
    dismiss(house.settings, source="docs", reason="seen", by="ann")
    assert len(house.lake.quarantine.rows("open", AT)) == 4


def test_a_dry_run_changes_nothing(house: House) -> None:
    assert dismiss(house.settings, source="docs", reason="seen", by="a", dry_run=True)["rows"] == 3
    assert len(left(house)) == 4
    assert house.lake.runs.rows() == []


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({}, "say which rows"),
        ({"ids": ("c.md",)}, "no open row with the id c.md stands in quarantine"),
        ({"source": "mail"}, "no open row of source mail"),
        ({"source": "wiki", "rule": "text_is_not_blank"}, "source wiki and rule text_is_not_blank"),
    ],
)
def test_what_names_no_row_is_refused(house: House, chosen: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dismiss(house.settings, reason="seen", by="ann", **chosen)
    with pytest.raises(ConfigError, match="say why"):
        dismiss(house.settings, source="docs", reason=" ", by="ann")


def test_the_verb_and_what_the_list_says(house: House) -> None:
    def almanac(*words: str) -> str:
        told = CliRunner().invoke(main, ["--lakehouse", house.settings.lakehouse, *words])
        assert told.exit_code == 0, told.output
        return told.output

    said = almanac("quarantine", "dismiss", "--rule", "lines_are_short", "--reason", "code",
                   "--actor", "ann", "--yes")  # fmt: skip
    assert said.startswith("Dismissed 3 rows of quarantine:")
    listed = almanac("quarantine", "list")
    assert "text_is_not_blank" in listed and "lines_are_short" not in listed
    assert "3 rows dismissed: `almanac quarantine list --all` has them." in listed
    every = almanac("quarantine", "list", "--all")
    assert every.count("(dismissed by ann: code)") == 3
    rows = json.loads(almanac("quarantine", "list", "--all", "--json"))["rows"]
    assert [row["status"] for row in rows].count("dismissed") == 3
