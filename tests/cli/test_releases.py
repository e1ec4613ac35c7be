"""Proving, going back, mending, keeping and forgetting, as a user's shell sees it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import almanac, ask

pytestmark = pytest.mark.slow


@pytest.fixture
def mine(lakehouse: Path, tmp_path: Path) -> Path:
    """A copy of the two nights that a test may change."""
    shutil.copytree(lakehouse / "lake", tmp_path / "lake")
    return tmp_path


def test_verify_proves_every_release(lakehouse: Path) -> None:
    done = almanac("verify", "--all", "--lakehouse", "lake", cwd=lakehouse)
    assert done.returncode == 0 and "Proven: 2 releases" in done.stdout
    quick = ask(lakehouse, "verify", "--as-of", "1", "--quick")
    assert [(one["release"], one["tier"], one["ok"]) for one in quick["releases"]] == [
        (1, "hot", True)
    ]


def test_one_flipped_byte_is_exit_code_1_and_doctor_mends_it(mine: Path) -> None:
    file = max((mine / "lake" / "lance").rglob("data/*.lance"), key=lambda one: one.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    done = almanac("verify", "--lakehouse", "lake", cwd=mine)
    assert done.returncode == 1 and "damaged_file, mended by: almanac doctor --heal" in done.stdout
    assert almanac("doctor", "--lakehouse", "lake", cwd=mine).returncode == 1
    healed = ask(mine, "doctor", "--heal")
    assert (healed["ok"], healed["embedded"]) == (True, 0)
    assert ask(mine, "verify", "--all")["ok"]


def test_a_release_is_restored_by_date_or_number(mine: Path) -> None:
    seen = ask(mine, "restore", "--as-of", "2026-03-01", "--dry-run")
    assert (seen["of"], seen["against_now"]) == (1, {"come_back": 0, "go": 1, "differ": 0})
    done = almanac(
        "restore", "--as-of", "1", "--reason", "bad mail", "--yes", "--lakehouse", "lake", cwd=mine
    )
    assert "Published release 3, which answers as release 1 of 2026-03-01" in done.stdout
    assert ask(mine, "search", "mail", "--mode", "text")["hits"] == []
    again = almanac("restore", "--as-of", "3", "--lakehouse", "lake", cwd=mine)
    assert (again.returncode, again.stdout) == (
        0, "Nothing to do: release 3 is what answers now.\n"
    )  # fmt: off


def test_a_copy_is_a_lakehouse_of_its_own(mine: Path) -> None:
    shutil.rmtree(mine / "lake" / "lance")
    ask(mine, "restore", "--as-of", "2", "--mode", "copy", "--to", "copy", "--yes")
    copy = almanac(
        "search", "backup", "--mode", "vector", "--json", "--lakehouse", "copy", cwd=mine
    )
    assert json.loads(copy.stdout)["hits"][0]["doc_id"] == "backup.md"
    assert almanac("verify", "--lakehouse", "copy", cwd=mine).returncode == 0
    twice = almanac(
        "restore",
        "--as-of",
        "2",
        "--mode",
        "copy",
        "--to",
        "copy",
        "--yes",
        "--lakehouse",
        "lake",
        cwd=mine,
    )
    assert twice.returncode == 1 and "is not empty" in twice.stderr


def test_a_cold_release_names_the_command_that_opens_it(mine: Path) -> None:
    (mine / "almanac.toml").write_text(
        'lakehouse = "lake"\n[retention]\nkeep_last = 1\ndaily = 0\nweekly = 0\nmonthly = 0\n'
        "yearly = 0\ngrace_minutes = 0\n"
    )
    planned = ask(mine, "retention", "plan")
    assert [(row["release"], row["after"]) for row in planned["releases"]] == [
        (2, "hot"),
        (1, "cold"),
    ]
    applied = almanac("retention", "apply", "--yes", "--lakehouse", "lake", cwd=mine)
    assert "hot → cold" in applied.stdout
    cold = almanac("search", "backup", "--as-of", "1", "--lakehouse", "lake", cwd=mine)
    assert cold.returncode == 1
    assert "`almanac restore --as-of 1 --mode reopen`" in cold.stderr
    ask(mine, "restore", "--as-of", "1", "--mode", "reopen", "--yes")
    found = ask(mine, "search", "backup", "--as-of", "1", "--mode", "text")
    assert [hit["doc_id"] for hit in found["hits"]] == ["backup.md"]


def test_a_document_is_shown_as_of_a_date_and_what_changed_since(lakehouse: Path) -> None:
    shown = ask(lakehouse, "documents", "backup.md", "--as-of", "2026-03-01")
    assert shown["text"].startswith("# Backups") and len(shown["chunks"]) == 1
    changes = ask(lakehouse, "diff", "1", "2", "--query", "mail settings", "--mode", "text")
    assert [one["doc_id"] for one in changes["documents"]["added"]] == ["mail.md"]
    assert [hit["code"] for hit in changes["question"]["hits"]] == ["document_added"]
    missing = almanac("documents", "mail.md", "--as-of", "1", "--lakehouse", "lake", cwd=lakehouse)
    assert missing.returncode == 1 and "holds no document 'mail.md'" in missing.stderr


def test_the_quarantine_of_a_date(lakehouse: Path) -> None:
    rows = ask(lakehouse, "quarantine", "list", "--as-of", "2026-03-01")["rows"]
    assert [row["doc_id"] for row in rows] == ["broken.pdf"]


def test_an_erasure_gives_a_receipt(mine: Path) -> None:
    (mine / "almanac.toml").write_text('lakehouse = "lake"\n[sources.documents]\nuri = "docs"\n')
    receipt = ask(mine, "erase", "--doc", "mail.md", "--yes")
    assert receipt["releases"] == [2] and receipt["touched"]["document_changes"] == 1
    history = ask(mine, "history")["releases"]
    assert [receipt["receipt"] in one["mark"] for one in history] == [True, False]
    assert ask(mine, "verify", "--all")["ok"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["erase"], "give either --doc ID or --user ID"),
        (["verify", "--all", "--as-of", "1"], "give either --as-of or --all"),
        (["restore", "--as-of", "soon"], "nor the number of a release"),
        (["restore"], "--as-of"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = almanac(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr
