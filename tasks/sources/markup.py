"""HTML to Markdown: what a reader of the page sees. Runs in the parser process."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bs4 import BeautifulSoup, Comment, Tag
from markdownify import MarkdownConverter

from tasks.sources.decoding import clean, decode
from tasks.sources.markdown import first_heading
from tasks.sources.parsed import Parsed

_UNSEEN = "head, script, style, noscript, template, svg, iframe, object, [hidden]"
_UNSEEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_CHARSET_WITHIN = 1024  # bytes, by the HTML standard
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


def parse_html(data: bytes) -> Parsed:
    """A page as Markdown; `<title>` is the title, else the first heading of level one."""
    charset = _CHARSET.search(data[:_CHARSET_WITHIN])
    html, notes = decode(data, charset[1].decode("ascii") if charset else None)
    soup = BeautifulSoup(html, "lxml")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    text = _to_markdown(soup)
    return Parsed(text, title or first_heading(text), notes=notes)


def html_to_markdown(html: str) -> str:
    """A piece of HTML as Markdown."""
    return _to_markdown(BeautifulSoup(html, "lxml"))


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
