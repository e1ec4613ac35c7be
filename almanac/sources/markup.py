"""HTML to Markdown: what a reader of the page sees. Runs in the parser process."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bs4 import BeautifulSoup, Comment, Tag
from markdownify import MarkdownConverter

from almanac.sources.decoding import clean, decode
from almanac.sources.parsed import Note, Parsed

_UNSEEN = "head, script, style, noscript, template, svg, iframe, object, [hidden]"
_UNSEEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_CHARSET_WITHIN = 1024  # bytes, by the HTML standard
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


def parse_html(data: bytes) -> Parsed:
    """A page as Markdown; `<title>` is the title, else the first heading of level one."""
    charset = _CHARSET.search(data[:_CHARSET_WITHIN])
    html, notes = decode(data, charset[1].decode("ascii") if charset else None)
    return markup_to_markdown(html, notes)


def markup_to_markdown(html: str, notes: tuple[Note, ...] = ()) -> Parsed:
    """A page, or a piece of one, as Markdown."""
    soup = BeautifulSoup(html, "lxml")
    title = soup.title or soup.h1
    named = title.get_text() if title else None
    return Parsed(_to_markdown(soup), named, notes=notes)


def _to_markdown(soup: BeautifulSoup) -> str:
    _drop([*soup.select(_UNSEEN), *soup.find_all(style=_UNSEEN_STYLE)])
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for image in soup.find_all("img"):
        if not image.get("src") or str(image["src"]).startswith("data:"):
            image.replace_with(str(image.get("alt") or ""))
    converter = MarkdownConverter(
        heading_style="ATX", bullets="-", escape_asterisks=False, escape_underscores=False
    )
    markdown, _ = clean(converter.convert_soup(soup))
    return _BLANK_LINES.sub("\n\n", markdown).strip("\n") + "\n"


def _drop(tags: Iterable[Tag]) -> None:
    for tag in tags:
        tag.extract()
