"""The command line as a user's shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, almanac, ask


def loaded_by(code: str, cwd: Path) -> set[str]:
    """The modules that are loaded after `code` ran in a fresh interpreter."""
    code += "\nimport sys; print(' '.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, text=True, capture_output=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.slow
def test_history_is_newest_first(lakehouse: Path) -> None:
    releases = ask(lakehouse, "history")["releases"]
    assert [(release["seq"], release["documents"]) for release in releases] == [(2, 2), (1, 1)]
    assert releases[0]["logical_time"] == "2026-03-02T23:59:59.999999Z"
    made_by = releases[0]["made_by"]
    assert made_by["libraries"]["lancedb"] == "0.40.0"
    assert set(made_by) == {"code", "libraries", "readers", "rules", "threads"}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["vector", "text", "hybrid"])
def test_a_search_answers_as_of_a_date(lakehouse: Path, mode: str) -> None:
    now = ask(lakehouse, "search", "mail settings", "--mode", mode, "-k", "1")
    assert (now["release"], now["hits"][0]["doc_id"], now["hits"][0]["rank"]) == (2, "mail.md", 1)
    assert set(now["hits"][0]) >= {"rank", "doc_id", "chunk_id", "score", "heading", "text"}
    then = ask(lakehouse, "search", "backup", "--mode", mode, "--as-of", "2026-03-01")
    assert (then["release"], [hit["doc_id"] for hit in then["hits"]]) == (1, ["backup.md"])


@pytest.mark.slow
def test_many_questions_are_answered_one_object_a_line(lakehouse: Path) -> None:
    questions = lakehouse / "questions.jsonl"
    questions.write_text('{"id": "a", "text": "mail"}\n\n{"id": 7, "text": "backup"}\n')
    done = almanac(
        "search",
        "--queries",
        str(questions),
        "--mode",
        "text",
        "--lakehouse",
        "lake",
        cwd=lakehouse,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    found = [(one["id"], one["release"], one["hits"][0]["doc_id"]) for one in answers]
    assert found == [("a", 2, "mail.md"), (7, 2, "backup.md")]


@pytest.mark.slow
def test_documents_of_a_date(lakehouse: Path) -> None:
    import hashlib

    found = ask(lakehouse, "documents", "--as-of", "2026-03-01")
    content = hashlib.sha256((lakehouse / "docs" / "backup.md").read_bytes()).hexdigest()
    size = (lakehouse / "docs" / "backup.md").stat().st_size
    assert found["release"] == 1
    assert found["documents"] == [
        {
            "doc_id": "backup.md",
            "source": "documents",
            "title": "Backups",
            "bytes": size,
            "content_hash": content,
            "chunks": 1,
        }
    ]


@pytest.mark.slow
def test_the_quarantine_says_what_and_why(lakehouse: Path) -> None:
    (row,) = ask(lakehouse, "quarantine", "list")["rows"]
    assert (row["doc_id"], row["severity"], row["status"]) == ("broken.pdf", "must", "open")
    assert row["reason"]
    assert row["at"] == "2026-03-01T23:59:59.999999Z"
    assert row["run"]


@pytest.mark.slow
def test_a_plan_counts_and_stores_nothing(lakehouse: Path) -> None:
    more = lakehouse / "docs" / "more.md"
    more.write_text("# More\n\nAnother page.\n")
    before = sorted((lakehouse / "lake").rglob("*"))
    plan = ask(lakehouse, "plan", "--source", str(lakehouse / "docs"))
    more.unlink()
    assert plan["documents"] == {
        "added": 1,
        "modified": 0,
        "deleted": 0,
        "unchanged": 2,
        "quarantined": 1,
    }
    assert plan["chunks"]["to_embed"] == 1
    assert sorted((lakehouse / "lake").rglob("*")) == before


@pytest.mark.slow
def test_people_get_sentences(lakehouse: Path) -> None:
    shown = {
        verb: almanac("--lakehouse", "lake", *verb.split(), cwd=lakehouse).stdout
        for verb in ("history", "documents", "quarantine list", "search mail --mode text")
    }
    assert shown["history"].splitlines()[0].startswith("release  as of")
    assert "Release 2 as of 2026-03-02" in shown["documents"]
    assert "broken.pdf" in shown["quarantine list"]
    assert "1. mail.md" in shown["search mail --mode text"]


@pytest.mark.slow
def test_a_date_before_the_first_release_is_one_line_and_exit_code_1(lakehouse: Path) -> None:
    done = almanac("--lakehouse", "lake", "documents", "--as-of", "2020-01-01", cwd=lakehouse)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "the first release of 'documents' is 1 of 2026-03-01" in done.stderr


@pytest.mark.slow
def test_what_nobody_foresaw_ends_in_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# A page\n")
    broken = (
        "from almanac.ingest import snapshot\n"
        "def recover(run): raise RuntimeError('nobody foresaw it')\n"
        "snapshot.recover = recover\n"
        "from almanac.cli.app import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken, "nightly", "--source", "docs", "--lakehouse", "lake"],
        cwd=tmp_path,
        env=os.environ | {"PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(ROOT)},
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (1, "")
    *_, last = (line for line in done.stderr.splitlines() if line.startswith("almanac: "))
    assert "the run failed, and the last published release keeps answering" in last


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search"], "give either a QUERY or --queries"),
        (["search", "x", "--mode", "magic"], "Invalid value for '--mode'"),
        (["history", "--config", "nowhere.toml"], r"nowhere.toml does not exist"),
        (["documents", "--as-of", "yesterday"], "neither a date"),
        (["nightly"], "no source is configured"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = almanac(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_release_the_next_step_is_named(tmp_path: Path) -> None:
    done = almanac("search", "x", cwd=tmp_path)
    assert done.returncode == 1
    assert "`almanac nightly` makes one" in done.stderr


def test_the_command_line_starts_light(tmp_path: Path) -> None:
    heavy = {"prefect", "torch", "lancedb", "deltalake", "great_expectations", "pandas", "duckdb"}
    assert not loaded_by("import almanac.cli.app", ROOT) & heavy


def test_verbs_that_read_start_no_prefect_and_no_model(tmp_path: Path) -> None:
    code = (
        "from click.testing import CliRunner\nfrom almanac.cli.app import main\n"
        f"CliRunner().invoke(main, ['history', '--lakehouse', {str(tmp_path)!r}])"
    )
    assert not loaded_by(code, ROOT) & {"prefect", "torch", "great_expectations"}
