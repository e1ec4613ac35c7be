"""A release that is open for many: filtered, by who asks, with the places of what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from almanac.embedding import shared
from almanac.retrieval.access import Rights
from almanac.retrieval.filters import Filters, parse_fields
from almanac.retrieval.open_release import OpenRelease
from almanac.retrieval.reading import search
from schemas.documents import Access
from schemas.errors import ConfigError, ReleaseNotFound
from schemas.settings import IndexSettings
from tests.releases.conftest import House

AT = datetime(2026, 3, 1, tzinfo=UTC)
FRONT = "---\ntags: [travel, money]\ndate: 2026-02-0{day}\nteam: hr\n---\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("open"))
    for folder in ("hr", "it"):
        (house.docs / folder).mkdir()
    for name in ("hr/travel", "hr/pay", "it/printer", "it/badge", "parking"):
        house.put(name, f"All about {name}.", "The same words.", "The same words.")
    for day, name in enumerate(("hr/travel", "hr/pay"), 1):
        path = house.docs / f"{name}.md"
        path.write_text(FRONT.format(day=day) + path.read_text())
    house.night(1)
    access = {
        "hr/travel.md": ("group:hr", "user:bob"),
        "hr/pay.md": ("group:hr",),
        "it/printer.md": ("public",),
        "it/badge.md": (),
    }
    rows = {("documents", name): Access(some, "rule") for name, some in access.items()}
    house.lake.access.record(rows, AT)
    return house


@pytest.fixture
def opened(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRelease]:
    opened = OpenRelease.at(house.settings)
    monkeypatch.setitem(shared._open, opened.release.embedder, house.encoder)
    yield opened
    opened.close()


def names(opened: OpenRelease, **given: object) -> set[str]:
    filters = Filters(**given)  # type: ignore[arg-type]
    found = [
        {passage.doc_id for passage in opened.search("the same words", 50, mode, filters)}
        for mode in ("vector", "text", "hybrid")
    ]
    assert found[0] == found[1] == found[2]
    return found[0]


def test_passages_say_where_they_stand(house: House, opened: OpenRelease) -> None:
    assert opened.pinned
    opened.warm()
    passages = opened.search("the same words", 50, "hybrid")
    assert [one.rank for one in passages] == list(range(1, len(passages) + 1))
    view = house.lake.as_of()
    rows = {row["chunk_id"]: row for row in view.index.least_rows(99)}
    assert {one.chunk_id for one in passages} == set(rows)
    places = set()
    for one in passages:
        text = view.text(view.documents[(one.source, one.doc_id)])
        assert one.text.endswith(text[one.start : one.end])
        assert one.row_hash == rows[one.chunk_id]["row_hash"].hex()
        assert one.title == view.find(one.doc_id).title
        places.add((one.doc_id, one.start))
    assert len(places) == len(passages)


def test_documents_are_chosen(opened: OpenRelease) -> None:
    everything = {"hr/travel.md", "hr/pay.md", "it/printer.md", "it/badge.md", "parking.md"}
    assert names(opened) == everything
    assert names(opened, sources=("documents",)) == everything
    assert names(opened, sources=("other",)) == set()
    assert names(opened, paths=("hr/**",)) == {"hr/travel.md", "hr/pay.md"}
    assert names(opened, paths=("badge.*", "parking.md")) == {"it/badge.md", "parking.md"}
    assert names(opened, fields=(("tags", "travel"), ("team", "hr"))) == {
        "hr/travel.md",
        "hr/pay.md",
    }
    assert names(opened, fields=(("tags", "hr"),)) == set()
    assert names(opened, after=date(2026, 2, 2)) == {"hr/pay.md"}
    assert names(opened, before=date(2026, 2, 1), paths=("hr/*",)) == {"hr/travel.md"}
    with pytest.raises(ConfigError, match="'tags' is no condition on metadata: write NAME=VALUE"):
        parse_fields(("tags",))
    assert parse_fields(("a=b=c",)) == (("a", "b=c"),)


def test_the_command_filters_too(house: House) -> None:
    given = Filters(paths=("hr/**",))
    found = search(house.settings, "same words", 50, "text", None, given)
    assert {hit["doc_id"] for hit in found["hits"]} == {"hr/travel.md", "hr/pay.md"}


def test_only_what_one_may_see_now_is_found(house: House, opened: OpenRelease) -> None:
    def seen(*principals: str) -> set[str]:
        found = [
            {one.doc_id for one in opened.search("the same words", 50, mode, None, principals)}
            for mode in ("vector", "text", "hybrid")
        ]
        assert found[0] == found[1] == found[2]
        return found[0]

    assert seen() == {"it/printer.md"}
    assert seen("user:bob") == {"it/printer.md", "hr/travel.md"}
    assert seen("user:ann", "group:hr") == {"it/printer.md", "hr/travel.md", "hr/pay.md"}
    key = ("documents", "hr/travel.md")
    house.lake.access.record({key: Access(("group:hr",), "rule")}, AT)
    assert seen("user:bob") == {"it/printer.md"}
    house.lake.access.record({key: Access(("group:hr", "user:bob"), "rule")}, AT)
    assert seen("user:bob") == {"it/printer.md", "hr/travel.md"}


def test_a_hit_is_asked_for_once_more(
    house: House, opened: OpenRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = opened._searcher.reader.take
    read = []

    def revoked(*given: object) -> object:
        rows = taken(*given)  # type: ignore[arg-type]
        read.extend(row["doc_id"] for row in rows)
        house.lake.access.record({("documents", "it/printer.md"): Access((), "rule")}, AT)
        return rows

    monkeypatch.setattr(opened._searcher.reader, "take", revoked)
    found = opened.search("printer", 9, "text", None, [])
    monkeypatch.undo()
    house.lake.access.record({("documents", "it/printer.md"): Access(("public",), "rule")}, AT)
    assert (set(read), found) == ({"it/printer.md"}, [])


def test_rights_that_are_not_known_are_nobodys(house: House, tmp_path: Path) -> None:
    rights = Rights(house.lake, poll_seconds=60)
    assert not rights.permits(("documents", "parking.md"), ["public", "user:ann", "group:hr"])
    assert rights.permits(("documents", "it/printer.md"), [])
    generation = rights.generation()
    house.lake.access.record({("documents", "parking.md"): Access(("public",), "rule")}, AT)
    assert rights.generation() == generation  # within the time of one look
    assert Rights(house.lake).permits(("documents", "parking.md"), [])
    house.lake.access.record({("documents", "parking.md"): Access((), "rule")}, AT)


def test_many_ask_at_once_and_vectors_may_stay_on_the_disk(
    house: House, opened: OpenRelease
) -> None:
    house.configure(index=IndexSettings(exact_memory_mb=0))
    files = OpenRelease.at(house.settings, 1)
    house.configure(index=IndexSettings())
    assert not files.pinned
    questions = [f"words of number {at}" for at in range(32)]
    expected = [[p.chunk_id for p in files.search(one, 5, "hybrid")] for one in questions]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda one: opened.search(one, 5, "hybrid"), questions))
    assert [[p.chunk_id for p in some] for some in found] == expected
    with pytest.raises(ReleaseNotFound):
        OpenRelease.at(house.settings, 9)


def test_one_encoder_serves_all(house: House, opened: OpenRelease) -> None:
    other = OpenRelease.at(house.settings)
    assert other._searcher.encoder is opened._searcher.encoder is house.encoder


def test_the_head_moves_with_a_release(tmp_path: Path) -> None:
    house = House(tmp_path)
    releases = house.lake.releases("documents")
    before = releases.head()
    house.put("printer", "A printer.")
    house.night(1)
    first = releases.head()
    assert first != before
    import time

    time.sleep(0.1)  # past what a clock of a file system may not tell
    settled = releases.head()
    assert releases.head() == settled
    house.put("printer", "Another printer.")
    house.night(2)
    assert releases.head() != settled
