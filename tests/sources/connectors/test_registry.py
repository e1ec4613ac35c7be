"""Kinds of sources: one of another package, a wrong one, and rights of a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from almanac.sources import registry
from almanac.sources.base import Content
from lakehouse.erasing import plan_documents
from lakehouse.erasure_rows import extent
from schemas.documents import Access, Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.sections.base import Section
from schemas.settings import SourceSettings
from tests.sources.connectors.nights import Nights


class WikiOptions(Section):
    pages: dict[str, str]
    breaks: bool = False


class WikiConnector:
    """What another package may bring: pages that stand in the settings."""

    Options = WikiOptions
    decisive = ()
    stamps_are_content = False
    batch = 2
    at_once = 2

    def __init__(self, settings: SourceSettings) -> None:
        self._options = WikiOptions.model_validate(settings.options)

    def list(self) -> Listing:
        if self._options.breaks:
            raise SourceUnavailable("page 2 of the listing cannot be had")
        access = Access(("group:wiki",), "connector")
        pages = sorted(self._options.pages.items())
        return Listing(tuple(SourceFile(i, 0, text, "text/html", access) for i, text in pages))

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content]:
        for file in files:
            text = self._options.pages[file.path]
            yield Content(f"<p>{text}</p>".encode(), f"wiki:{file.path}", title=f"Page {file.path}")


@pytest.fixture
def wiki(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with an entry point, as pip leaves it."""
    info = tmp_path / "site" / "wiki-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wiki\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[almanac.sources]\nwiki = {__name__}:WikiConnector\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    registry.connector_type.cache_clear()
    yield
    registry.connector_type.cache_clear()


def test_a_connector_of_another_package(tmp_path: Path, wiki: None) -> None:
    pages = {"a": "One.", "b": "Two.", "c": "Three."}
    nights = Nights(tmp_path / "lake", uri="https://wiki", kind="wiki", pages=pages)
    assert nights.read() == ["a", "b", "c"]
    assert nights.texts == {"a": "One.", "b": "Two.", "c": "Three."}
    stored = nights.stored["a"]
    assert (stored.title, stored.uri, stored.media_type) == ("Page a", "wiki:a", "text/html")
    assert set(nights.access.values()) == {("group:wiki",)}
    with pytest.raises(SourceUnavailable):
        nights.run(breaks=True)
    assert nights.read(pages=pages | {"b": "New."}, breaks=False) == ["b"]
    assert nights.texts["b"] == "New."
    nights.run(exclude=["c"])
    assert set(nights.stored) == {"a", "b", "c"}  # this connector offers no choice


def test_an_unknown_kind_and_an_unknown_key(tmp_path: Path, wiki: None) -> None:
    with pytest.raises(ConfigError, match=r'\[sources.kb\]: no kind .* "wikki": right are .*wiki'):
        Nights(tmp_path, uri="https://wiki", kind="wikki").run()
    with pytest.raises(ConfigError, match="pages: it is needed; its keys are breaks, pages"):
        Nights(tmp_path, uri="https://wiki", kind="wiki").run()
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        Nights(tmp_path, uri="https://wiki", tabel="x").run()


def test_rights_of_a_folder_and_of_a_table_in_it(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "hr" / "open").mkdir(parents=True)
    (docs / "hr" / "terms.md").write_text("Terms.\n")
    (docs / "hr" / "open" / "days.md").write_text("Days.\n")
    (docs / "hr" / ".acl.toml").write_text(
        'default = ["group:hr"]\npaths = {"open/**" = ["public"]}\n'
    )
    (docs / "top.md").write_text("Top.\n")
    table = "id,text,acl\n1,One.,user:ann\n2,Two.,\n"
    (docs / "items.csv").write_text(table)
    rules = {"sidecar": ".acl.toml", "default": ["group:staff"], "column": "acl"}
    nights = Nights(tmp_path / "lake", uri=str(docs), access=rules)
    nights.run()
    rights = {
        "hr/open/days.md": ("public",),
        "hr/terms.md": ("group:hr",),
        "items.csv#1": ("user:ann",),
        "items.csv#2": ("group:staff",),
        "top.md": ("group:staff",),
    }
    assert nights.access == rights
    before = nights.stored
    (docs / "items.csv").write_text(table.replace("ann", "bob"))
    (docs / "hr" / ".acl.toml").write_text("default = 7\n")
    found = nights.run()
    assert nights.stored == before
    assert nights.access == rights | {
        "hr/open/days.md": (),
        "hr/terms.md": (),
        "items.csv#1": ("user:bob",),
    }
    assert [r.doc_id for _, r in found.rejections if r.expectation == "access_is_readable"] == [
        "hr/.acl.toml"
    ]


def test_a_changed_sidecar_reaches_rows_that_are_not_read_again(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "items.csv").write_text("id,text,acl\n1,One.,user:ann\n2,Two.,\n")
    (docs / ".acl.toml").write_text('default = ["public"]\n')
    rules = {"sidecar": ".acl.toml", "column": "acl"}
    nights = Nights(tmp_path / "lake", uri=str(docs), access=rules)
    nights.run()
    assert nights.access == {"items.csv#1": ("user:ann",), "items.csv#2": ("public",)}
    (docs / ".acl.toml").write_text('default = ["group:hr"]\n')
    assert nights.read() == []
    assert nights.access == {"items.csv#1": ("user:ann",), "items.csv#2": ("group:hr",)}


def test_a_folder_without_rules_stores_nothing_of_rights(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("A.\n")
    nights = Nights(tmp_path / "lake", uri=str(tmp_path / "docs"))
    nights.run()
    assert nights.access == {}
    assert not (tmp_path / "lake" / "delta" / "access").exists()


def test_an_erasure_takes_the_rights_of_its_document_along(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a", "b"):
        (docs / f"{name}.md").write_text(f"# {name}\n\nThe page of {name} says something.\n")
    nights = Nights(tmp_path / "lake", uri=str(docs), access={"default": ["public"]})
    nights.run()
    keys = [("kb", "a.md")]
    plan = plan_documents(nights.lake, extent(nights.lake, keys), [], receipt="r", at="")
    assert plan.counts["access"] == 1
    assert [one.rows for one in plan.selections if one.table == "access"] == [(("kb", "a.md"),)]
