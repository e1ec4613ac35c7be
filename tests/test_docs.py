"""The pages lead where they say, name every verb, and can all be found from README.md."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest

from almanac.cli.app import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
)
_CODE = re.compile(r"^```.*?^```", re.M | re.S)
_LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")


@cache
def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _CODE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> set[str]:
    """Where a page leads inside the repository."""
    found = {one or other for one, other in _LINK.findall(prose(page))}
    return {one for one in found if not one.startswith(("http:", "https:", "mailto:"))}


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", prose(page), re.M)
    plain = (re.sub(r"\[(.*?)\]\(.*?\)|`", r"\1", one) for one in heads)
    return {re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = set()
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = Path(os.path.normpath(page.parent / path)) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.add(link)
    assert lost == set()


def test_every_page_is_reached_from_the_readme() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        paths = (link.partition("#")[0] for link in links(page))
        ahead += [Path(os.path.normpath(page.parent / path)) for path in paths if path]
    docs = {page for page in PAGES if page.parent.name == "docs" or "docs" in page.parts}
    assert docs - reached == set()


@pytest.mark.parametrize("verb", sorted(main.commands))
def test_every_verb_stands_in_the_table_of_commands(verb: str) -> None:
    table = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| (`[^`]*`, )*`{verb}[ `]", table, re.M), verb
