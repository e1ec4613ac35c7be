from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from almanac.sources.reading import list_source, read_file
from schemas.documents import SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.settings import SourceSettings
from tests.sources.helpers import broken, ingest, write


def paths(uri: Path, **settings: object) -> list[str]:
    return [file.path for file in list_source(SourceSettings(uri=str(uri), **settings)).files]


def test_paths_are_relative_sorted_and_of_the_included_endings(tmp_path: Path) -> None:
    write(tmp_path, {"b.md": "b", "a/z.txt": "z", "a/UPPER.MD": "u", "B.md": "B", "a.png": "p"})
    assert paths(tmp_path) == ["B.md", "a/UPPER.MD", "a/z.txt", "b.md"]
    assert list_source(SourceSettings(uri=str(tmp_path))).skipped == 1


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.md"], [], ["a.md", "docs/b.md", "docs/deep/c.md", "drafts/d.md"]),
        (["docs/*.md"], [], ["docs/b.md"]),
        (["docs/**"], [], ["docs/b.md", "docs/deep/c.md", "docs/note.txt"]),
        (["docs/"], [], ["docs/b.md", "docs/deep/c.md", "docs/note.txt"]),
        (["**/[bc].md"], [], ["docs/b.md", "docs/deep/c.md"]),
        (["**/[!bc].md"], [], ["a.md", "drafts/d.md"]),
        (["/?.MD"], [], ["a.md"]),
        (["*.md"], ["drafts", "docs/deep/"], ["a.md", "docs/b.md"]),
        (["*.md"], ["docs/**"], ["a.md", "drafts/d.md"]),
        ([], [], []),
    ],
)
def test_globs(tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    names = ["a.md", "docs/b.md", "docs/deep/c.md", "docs/note.txt", "drafts/d.md"]
    write(tmp_path, dict.fromkeys(names, "text"))
    assert paths(tmp_path, include=include, exclude=exclude) == expected


def test_a_malformed_glob_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[z-a\]"):
        paths(tmp_path, include=["[z-a].md"])


def test_an_excluded_folder_is_not_even_opened(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "a", ".git/b.md": "b"})
    (tmp_path / ".git" / "out").symlink_to("/")
    listing = list_source(SourceSettings(uri=str(tmp_path), exclude=(".git",)))
    assert [file.path for file in listing.files] == ["a.md"]
    assert (listing.rejections, listing.skipped) == ((), 1)


def test_the_stamp_follows_the_content_even_with_the_old_modification_time(tmp_path: Path) -> None:
    source = SourceSettings(uri=str(write(tmp_path, {"a.md": "one"})))
    before = list_source(source).files[0]
    assert list_source(source).files[0] == before
    (tmp_path / "a.md").write_text("two")
    found = (tmp_path / "a.md").stat()
    os.utime(tmp_path / "a.md", ns=(found.st_atime_ns, int(str(before.stamp).split("-")[1])))
    after = list_source(source).files[0]
    assert after.stamp != before.stamp
    assert str(after.stamp).split("-")[:2] == str(before.stamp).split("-")[:2]


def test_a_missing_folder_is_unavailable_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"gone.*check its address"):
        paths(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceUnavailable, match="neither a folder nor a file"):
        paths(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    assert paths(tmp_path / "empty") == []


def test_a_single_file_is_a_source_of_one_whatever_its_ending(tmp_path: Path) -> None:
    write(tmp_path, {"notes.rst": "Notes\n=====\n", "other.md": "x"})
    documents, rejections = ingest(tmp_path / "notes.rst")
    assert rejections == []
    assert list(documents) == ["notes.rst"]
    assert documents["notes.rst"].uri == str(tmp_path / "notes.rst")
    assert documents["notes.rst"].media_type == "text/x-rst"
    assert documents["notes.rst"].title == "Notes"


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "text"})
    documents, _ = ingest(f"file://{tmp_path}")
    assert documents["a.md"].uri == f"{tmp_path}/a.md"


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    write(tmp_path, {"big.md": "x" * 101, "fits.md": "x" * 100})
    documents, rejections = ingest(tmp_path, max_bytes=100)
    assert list(documents) == ["fits.md"]
    assert broken(rejections) == {("big.md", "file_is_not_too_large", "must")}
    assert rejections[0].reason == "101 bytes, over max_bytes = 100"


def test_a_file_that_grew_since_the_listing_is_refused(tmp_path: Path) -> None:
    source = SourceSettings(uri=str(write(tmp_path, {"a.md": "x"})), max_bytes=100)
    file = list_source(source).files[0]
    (tmp_path / "a.md").write_text("x" * 101)
    reading = read_file(source, file)
    assert reading.content_hash == ""
    assert broken(list(reading.rejections)) == {("a.md", "file_is_not_too_large", "must")}


def test_names_in_both_normal_forms_are_two_documents_and_bytes_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"caf\u00e9.md": "NFC", "cafe\u0301.md": "NFD"})
    (tmp_path / os.fsdecode(b"\xe9.md")).write_text("bytes")
    documents, rejections = ingest(tmp_path)
    assert {name: document.text for name, document in documents.items()} == {
        "caf\u00e9.md": "NFC",
        "cafe\u0301.md": "NFD",
    }
    assert broken(rejections) == {("\\xe9.md", "name_is_utf8", "must")}


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A source with links of every sort beside a folder that must not be read."""
    root = write(tmp_path / "root", {"docs/a.md": "inside"})
    write(tmp_path / "outside", {"secret.md": "SECRET"})
    for link, target in {
        "in.md": "docs/a.md",
        "twice.md": "in.md",
        "out.md": "../outside/secret.md",
        "absolute.md": str(tmp_path / "outside" / "secret.md"),
        "dangling.md": "gone.md",
        "loop.md": "loop.md",
        "folder.md": "docs",
        "self": ".",
        "up": "../outside",
        "docs/back": "..",
    }.items():
        (root / link).symlink_to(target)
    return root


def test_links_are_read_only_where_they_stay_inside(linked: Path) -> None:
    documents, rejections = ingest(linked)
    assert {name: document.text for name, document in documents.items()} == {
        "docs/a.md": "inside",
        "in.md": "inside",
        "twice.md": "inside",
    }
    assert broken(rejections) == {
        ("absolute.md", "link_stays_inside", "must"),
        ("dangling.md", "link_stays_inside", "must"),
        ("docs/back", "folder_is_not_a_link", "should"),
        ("folder.md", "folder_is_not_a_link", "must"),
        ("loop.md", "link_stays_inside", "must"),
        ("out.md", "link_stays_inside", "must"),
        ("self", "folder_is_not_a_link", "should"),
        ("up", "folder_is_not_a_link", "should"),
    }


def test_the_root_itself_may_be_a_link(linked: Path) -> None:
    (linked.parent / "current").symlink_to("root/docs")
    documents, _ = ingest(linked.parent / "current")
    assert {name: document.text for name, document in documents.items()} == {"a.md": "inside"}


def test_pipes_and_sockets_are_reported_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as bound:
        os.chdir(tmp_path)  # a socket's address is short
        try:
            bound.bind("socket.md")
        finally:
            os.chdir(here)
    _, rejections = ingest(tmp_path)
    assert broken(rejections) == {
        ("pipe.md", "file_is_regular", "must"),
        ("socket.md", "file_is_regular", "must"),
    }


@pytest.mark.parametrize("path", ["../outside/secret.md", "docs/../../outside/secret.md", "/x.md"])
def test_a_path_that_climbs_is_refused(linked: Path, path: str) -> None:
    reading = read_file(SourceSettings(uri=str(linked)), SourceFile(path, 1, None))
    assert broken(list(reading.rejections)) == {(path, "file_is_inside", "must")}


def test_a_swap_between_listing_and_reading_leads_nowhere(linked: Path) -> None:
    source = SourceSettings(uri=str(linked))
    files = {file.path: file for file in list_source(source).files}
    outside = linked.parent / "outside"

    (linked / "in.md").unlink()
    (linked / "in.md").symlink_to(outside / "secret.md")
    (outside / "a.md").write_text("SECRET")
    shutil.rmtree(linked / "docs")
    (linked / "docs").symlink_to(outside)
    (linked / "twice.md").unlink()
    os.mkfifo(linked / "twice.md")

    readings = {path: read_file(source, file) for path, file in files.items()}
    assert {path: reading.documents for path, reading in readings.items()} == {
        "docs/a.md": (),
        "in.md": (),
        "twice.md": (),
    }
    found = [r for reading in readings.values() for r in reading.rejections]
    assert broken(found) == {
        ("docs/a.md", "file_is_readable", "must"),
        ("in.md", "link_stays_inside", "must"),
        ("twice.md", "file_is_regular", "must"),
    }


def test_a_file_that_went_since_the_listing_is_a_rejection(tmp_path: Path) -> None:
    source = SourceSettings(uri=str(write(tmp_path, {"a.md": "x"})))
    file = list_source(source).files[0]
    (tmp_path / "a.md").unlink()
    reading = read_file(source, file)
    assert broken(list(reading.rejections)) == {("a.md", "file_is_readable", "must")}
    assert reading.content_hash == ""
