"""Text on most pages of a site: kept once, noted, and never a reason to read all pages again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from almanac.sources.repeated import find_repeated, sites_of
from schemas.documents import SourceFile
from tests.sources.connectors.nights import Nights

NOTICE = "Ask the help desk before you change anything of this."
OTHER = "The help desk has moved to the second floor of house B."


def _write(
    folder: Path, number: int, notice: str = NOTICE, own: str = "", menu: bool = True
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    own = own or f"This is what only page {number} says."
    links = "".join(f'<li><a href="p{n}.html">Page {n}</a></li>' for n in range(3 * menu))
    body = f"<h1>Page {number}</h1><p>{own}</p><h2>Remarks</h2><p>{notice}</p><ul>{links}</ul>"
    (folder / f"p{number}.html").write_text(f"<body>{body}</body>")


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    for number in range(8):
        _write(tmp_path / "docs", number)
    return Nights(tmp_path / "lake", uri=str(tmp_path / "docs"))


def _notes(found: Any) -> dict[str, str]:
    return {r.doc_id: r.reason for _, r in found.rejections if "repeated" in r.expectation}


def test_it_stays_on_one_page_and_is_noted(nights: Nights, tmp_path: Path) -> None:
    found = nights.run()
    assert nights.texts["p0.html"].count(NOTICE) == 1
    assert nights.texts["p5.html"] == ("# Page 5\n\nThis is what only page 5 says.\n\n## Remarks")
    assert sum(NOTICE in text for text in nights.texts.values()) == 1
    assert NOTICE in _notes(found)["(all pages)"]
    assert nights.read() == []  # and the note is no news
    _write(tmp_path / "docs", 5, own="Page 5 says something new.")
    assert nights.read() == ["p5.html"]
    _write(tmp_path / "docs", 5, notice="No notice at all on this page.")
    assert nights.read() == ["p5.html"]


def test_a_new_notice_everywhere_changes_no_text(nights: Nights, tmp_path: Path) -> None:
    nights.run()
    before = {name: one.document_hash for name, one in nights.stored.items()}
    for number in range(8):
        _write(tmp_path / "docs", number, notice=OTHER)
    nights.run()
    after = {name: one.document_hash for name, one in nights.stored.items()}
    assert {name for name in after if after[name] != before[name]} == {"p0.html"}


def test_what_repeats_no_longer_comes_back(nights: Nights, tmp_path: Path) -> None:
    nights.run()
    for number in range(5):
        _write(tmp_path / "docs", number, notice="No notice at all on this page.")
    assert nights.read() == [f"p{number}.html" for number in range(8)]
    assert NOTICE in nights.texts["p7.html"]


def test_it_can_be_kept(nights: Nights) -> None:
    nights.run()
    assert len(nights.read(html={"repeated": "keep"})) == 8
    assert all(NOTICE in text for text in nights.texts.values())
    assert len(nights.read(html={"repeated": "drop"})) == 8
    assert sum(NOTICE in text for text in nights.texts.values()) == 1


def test_a_folder_at_the_top_is_a_site_and_few_pages_are_none(tmp_path: Path) -> None:
    for number in range(8):
        _write(tmp_path / "docs" / "help", number)
        (tmp_path / "docs" / f"{number}.md").write_text(f"# {number}\n\n{NOTICE}\n")
    for number in range(20):
        _write(tmp_path / "docs" / f"other{number}", number, notice=f"{OTHER} {number}", menu=False)
    nights = Nights(tmp_path / "lake", uri=str(tmp_path / "docs"))
    found = nights.run()
    assert list(_notes(found)) == ["help"]
    assert sum(NOTICE in text for name, text in nights.texts.items() if "help/" in name) == 1
    assert all(NOTICE in text for name, text in nights.texts.items() if name.endswith(".md"))


def test_code_lists_and_headings() -> None:
    code = "```\npip install almanac\n\nalmanac nightly --source docs\n```"
    menu = "- [Home](/)\n- [Docs](/docs)"
    files = [SourceFile(f"p{number}.html", 0, None) for number in range(9)]
    texts = {
        file.path: f"## The heading of all pages\n\n{code}\n\n{menu}\n- [{file.path}](x)\n\n- Yes\n"
        for file in files
    }
    found = find_repeated(sites_of(files), lambda read: [(f.path, texts[f.path]) for f in read])
    assert sorted(found.of("p8.html")) == [
        "- [Docs](/docs)",
        "- [Home](/)",
        "``` pip install almanac almanac nightly --source docs ```",
    ]
