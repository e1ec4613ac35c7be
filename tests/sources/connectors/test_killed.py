"""Killed with SIGKILL in the middle and run again: the same rows, for each kind of source."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testing.services.confluence import Confluence, WikiPage
from testing.services.server import serving
from tests.sources.connectors.killed import killed_night
from tests.sources.connectors.nights import Nights
from tests.sources.connectors.site import local_site

TEXTS = {f"page{n}": f"# Page {n}\n\nThis is what page {n} says.\n" for n in range(6)}


@pytest.fixture
def git(tmp_path: Path) -> dict[str, Any]:
    place = tmp_path / "repository"
    place.mkdir()
    for name, text in TEXTS.items():
        (place / f"{name}.md").write_text(text)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *words], cwd=place, check=True)
    return {"uri": str(place), "kind": "git"}


@pytest.fixture
def sql(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "kb.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE pages (id text, text text)")
        database.executemany("INSERT INTO pages VALUES (?, ?)", TEXTS.items())
    return {"uri": f"sqlite:///{file}", "kind": "sql", "table": "pages"}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[dict[str, Any]]:
    with local_site() as site:
        site.page("/", "Start of the site", " ".join(TEXTS))
        for name, text in TEXTS.items():
            site.put(f"/{name}", body=text, media_type="text/markdown")
        cache = str(tmp_path / "cache")
        fast = {"per_second": 1000, "retry_seconds": 0.01}
        yield {"uri": f"{site.address}/", "kind": "web", "cache": cache, **fast}


@pytest.fixture
def confluence(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setenv("CONFLUENCE_TOKEN", "secret")
    pages = {
        str(n): WikiPage(name, f"<p>{text}</p>", readers=("user:ann",) if n else ())
        for n, (name, text) in enumerate(TEXTS.items())
    }
    with serving(wiki := Confluence("v1", pages)):
        yield {"uri": wiki.base, "kind": "confluence", "spaces": ["DOC"], "per_second": 1000}


def _rows(nights: Nights) -> tuple[Any, ...]:
    """What readers see, without the moment of the run."""
    stored = {
        doc_id: (one.document_hash, one.content_hash, one.title, one.uri)
        for doc_id, one in nights.stored.items()
    }
    files = {
        path: (file.stamp, file.rules, file.documents, file.rejected)
        for (_, path), file in nights.lake.files.known().items()
    }
    return stored, files, nights.access


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        ("sql", ("--after", "3")),
        ("git", ("--after", "3")),
        ("web", ("--after", "3")),
        ("confluence", ("--after", "3")),
        ("confluence", ("--stored",)),
    ],
)
def test_a_night_that_was_killed_and_run_again(
    tmp_path: Path, kind: str, moment: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    source = request.getfixturevalue(kind)
    killed_night(tmp_path / "killed", source, *moment)
    again = Nights(tmp_path / "killed", **source)
    again.run()
    whole = Nights(tmp_path / "whole", **source)
    whole.run()
    assert _rows(again) == _rows(whole)
    assert len(again.stored) >= len(TEXTS)
    assert again.read() == []
