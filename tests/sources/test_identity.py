"""A parser's change reads again the files of its format, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almanac.ingest import source_reading
from almanac.ingest.ingest import ingest
from almanac.ingest.plan import plan
from almanac.ingest.report import unread_files
from almanac.ingest.run import begin_run
from almanac.sources import identity
from almanac.sources.formats import HTML, format_named
from almanac.sources.identity import accepted_fingerprints, format_fingerprint
from almanac.sources.reading import list_source
from schemas.settings import SourceSettings
from tests.releases.conftest import FIRST_NIGHT, House, ToyEncoder
from tests.sources.helpers import write

SOURCE = SourceSettings(uri="docs")


@pytest.mark.parametrize(
    ("change", "concerned"),
    [
        ({"html": {"select": ("main",)}}, {"html", "xhtml"}),
        ({"ocr": "eng"}, {"pdf"}),
        ({"columns": {"format": "html"}}, {"csv", "tsv", "jsonl", "json", "parquet"}),
        ({"include": ("*.md",), "exclude": ("drafts",)}, set()),
    ],
)
def test_a_setting_concerns_its_formats_alone(change: dict[str, Any], concerned: set[str]) -> None:
    other = SourceSettings(uri="docs", **change)
    names = [one.name for one in identity.FORMATS]
    differ = {
        name
        for name in names
        if format_fingerprint(SOURCE, format_named(name))
        != format_fingerprint(other, format_named(name))
    }
    assert differ == concerned


def test_a_raised_version_concerns_its_format_alone() -> None:
    raised = replace(HTML, version=HTML.version + 1)
    assert format_fingerprint(SOURCE, raised) != format_fingerprint(SOURCE, HTML)


def test_what_was_read_before_formats_had_fingerprints_holds_where_nothing_changed() -> None:
    for path, accepted in (("a.md", 2), ("a.mdx", 2), ("a.txt", 2), ("a.html", 1), ("a.rst", 1)):
        assert len(accepted_fingerprints(SOURCE, path)) == accepted


def read_again(house: House) -> list[str]:
    run = begin_run(house.settings, FIRST_NIGHT, "again")
    state = run.lake.documents.state(run.releases.last_snapshot())
    return sorted(known.path for known in ingest(run, state).read)


def test_the_next_night_reads_what_a_parser_concerns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    write(
        house.docs, {"a.md": "# A\n\nText.", "b.html": "<h1>B</h1><p>Text.", "c.rst": "C\n=\n\nx"}
    )
    house.night(1)
    assert read_again(house) == []
    house.configure(
        sources={"documents": SourceSettings(uri=str(house.docs), html={"drop": (".x",)})}
    )
    assert read_again(house) == ["b.html"]
    # As if the night had run before formats had fingerprints of their own.
    before = identity._fingerprint_before
    with monkeypatch.context() as patched:
        patched.setattr(
            source_reading, "accepted_fingerprints", lambda settings, *_: (before(settings),)
        )
        house.put("d", "New.")
        house.configure(sources={"documents": SourceSettings(uri=str(house.docs))})
        for name in ("a.md", "b.html", "c.rst"):
            (house.docs / name).touch()
        house.night(2)
    assert read_again(house) == ["b.html", "c.rst"]


def test_files_that_nobody_reads_are_counted_by_ending(tmp_path: Path) -> None:
    files = {"a.md": "A", "old/b.mpp": "x", "c.MPP": "x", "d.vsdx": "x", "README": "x"}
    write(tmp_path, {**files, "skipped/e.mpp": "x"})
    settings = SourceSettings(uri=str(tmp_path), exclude=("skipped",))
    listing = list_source(settings)
    assert listing.unread == {"": 1, "mpp": 2, "vsdx": 1}
    found = {"not_read": {"": 1, ".mpp": 2, ".vsdx": 1}}
    assert unread_files({"files": found}) == "2 .mpp, 1 without an ending, 1 .vsdx"
    assert unread_files({}) == ""


def test_a_plan_names_them(tmp_path: Path) -> None:
    house = House(tmp_path)
    write(house.docs, {"a.md": "# A\n\nText.", "b.mpp": "x"})
    run = begin_run(house.settings, FIRST_NIGHT, "plan")
    encoder = ToyEncoder()
    from almanac.ingest import plan as module

    models = module.Models(house.settings)
    models.__dict__ |= {"embedder": encoder.identity, "encoder": encoder, "tokens": encoder}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "Models", lambda settings: models)
        assert plan(run)["files"] == {"read": {".md": 1}, "not_read": {".mpp": 1}}
