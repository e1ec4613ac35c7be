"""Text that stands on most pages of a site: it is kept on one page and left out of the others.

What repeats is told by a few pages of each site, always the same ones: those whose paths have the
smallest hashes. So a change of one page changes nothing for the others, and an unchanged night
reads none of them. A site is a source, and each folder at its top that holds enough pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from almanac.sources.formats import format_of
from almanac.sources.parsed import Note, shown
from schemas.documents import Document, Rejection, SourceFile
from schemas.hashing import sha256_parts, sha256_text

_SAMPLE = 16  # pages of a site
_FEWEST_PAGES = 6
_FEWEST_WITH = 4
_SHARE = 0.6
_MOST_SITES = 20
_SHORTEST = 20  # characters of a paragraph
_FEWEST_WORDS = 3
_SHOWN = 3
_LINK_ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+\[[^\]]*\]\([^)]*\)\s*")
_HEADING = re.compile(r"#{1,6}\s")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_WORD = re.compile(r"\w+")
Texts = Callable[[Sequence[SourceFile]], Iterable[tuple[str, str]]]  # (path, text) of files


@dataclass(frozen=True, slots=True)
class Site:
    """What repeats on the pages below a folder ("" for all), and the page that keeps each."""

    folder: str
    keepers: Mapping[str, str] = field(default_factory=dict)  # path by block


@dataclass(frozen=True, slots=True)
class Repeated:
    """What repeats in one source, by site."""

    sites: tuple[Site, ...] = ()

    def of(self, path: str) -> frozenset[str]:
        """The blocks that are left out of the page at `path`."""
        return frozenset(
            block
            for site in self.sites
            if path.startswith(site.folder)
            for block, keeper in site.keepers.items()
            if keeper != path
        )

    def mark(self, path: str) -> str:
        """Eight digits over that; "" where nothing is left out."""
        blocks = sorted(self.of(path))
        return sha256_parts(*blocks)[:8] if blocks else ""

    def notes(self) -> Iterator[Rejection]:
        """What is recorded of each site."""
        for site in self.sites:
            if site.keepers:
                blocks = sorted(site.keepers, key=lambda block: (-len(block), block))
                first = ", ".join(shown(block) for block in blocks[:_SHOWN])
                more = f" and {len(blocks) - _SHOWN:,} more" if len(blocks) > _SHOWN else ""
                reason = f"on most pages, and kept on one of them alone: {first}{more}"
                note = Note("text_is_not_repeated", reason, str(len(blocks)))
                yield note.rejection(site_id(site.folder), "should")


def site_id(folder: str) -> str:
    """What a note about a site is filed under."""
    return folder.rstrip("/") or "(all pages)"


def is_page(file: SourceFile) -> bool:
    """Whether the file is a web page."""
    return format_of(file.path, file.media_type).parser == "html"


def sites_of(files: Iterable[SourceFile]) -> dict[str, list[SourceFile]]:
    """The pages to look at for each site, by its folder; none for sites of few pages."""
    pages = [file for file in files if is_page(file)]
    folders: dict[str, list[SourceFile]] = {"": pages}
    for page in pages:
        top, slash, _ = page.path.partition("/")
        if slash:
            folders.setdefault(f"{top}/", []).append(page)
    large = {name: found for name, found in folders.items() if len(found) >= _FEWEST_PAGES}
    chosen = sorted(large, key=lambda name: (-len(large[name]), name))[:_MOST_SITES]
    return {
        name: sorted(large[name], key=lambda page: sha256_text(page.path))[:_SAMPLE]
        for name in sorted(chosen)
    }


def find_repeated(samples: Mapping[str, Sequence[SourceFile]], texts: Texts) -> Repeated:
    """What repeats on the pages of each site.

    Args:
        samples: of `sites_of`.
        texts: reads pages; what can't be read is missing.
    """
    pages = {file.path: file for sample in samples.values() for file in sample}
    read = dict(texts([pages[path] for path in sorted(pages)]))
    blocks = {path: frozenset(_repeatable(text)) for path, text in read.items()}
    sites: list[Site] = []
    everywhere: frozenset[str] = frozenset()
    for folder, sample in samples.items():  # all pages first, whose keeper is the only one
        own = {file.path: blocks[file.path] - everywhere for file in sample if file.path in blocks}
        sites.append(Site(folder, _keepers(own)))
        everywhere |= sites[-1].keepers.keys() if not folder else frozenset()
    return Repeated(tuple(sites))


def _keepers(blocks: Mapping[str, frozenset[str]]) -> dict[str, str]:
    needed = max(_FEWEST_WITH, _SHARE * len(blocks))
    holders: dict[str, list[str]] = {}
    for path in sorted(blocks):
        for block in blocks[path]:
            holders.setdefault(block, []).append(path)
    return {block: paths[0] for block, paths in sorted(holders.items()) if len(paths) >= needed}


def without_repeated(document: Document, blocks: frozenset[str]) -> Document:
    """The document without these blocks; as it is where nothing else would be left."""
    if not blocks:
        return document
    kept = [piece for piece in _pieces(document.text) if _bare(piece) not in blocks]
    text = re.sub(r"\n{3,}", "\n\n", "".join(kept)).strip("\n") + "\n"
    return replace(document, text=text) if text.strip() else document


def _repeatable(text: str) -> Iterator[str]:
    """The pieces of a text that may be left out: paragraphs, tables, code, items that are links."""
    for piece in _pieces(text):
        bare = _bare(piece)
        long = len(bare) >= _SHORTEST and len(_WORD.findall(bare)) >= _FEWEST_WORDS
        if not _HEADING.match(bare) and (long or _LINK_ITEM.fullmatch(piece)):
            yield bare


def _pieces(text: str) -> Iterator[str]:
    """The whole text in pieces: blocks between blank lines, code whole, lists of links by item."""
    block: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        opened = _FENCE.match(line.lstrip())
        if opened and not fence:
            fence = opened[1]
        elif opened and fence and line.strip() == fence:
            fence = ""
        is_end = not fence and not line.strip()
        is_item = not fence and _LINK_ITEM.fullmatch(line) is not None
        if (is_end or is_item) and block:
            yield "".join(block)
            block = []
        if is_end or is_item:
            yield line
        else:
            block.append(line)
    if block:
        yield "".join(block)


def _bare(piece: str) -> str:
    return " ".join(piece.split())
