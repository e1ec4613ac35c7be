"""HTML: what a reader of the page sees."""

from __future__ import annotations

import re

from almanac.sources.decoding import decode
from almanac.sources.markup import drop_self_links, markdown_of, soup_of
from almanac.sources.page import content_of
from almanac.sources.parsed import Options, Parsed, losses

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_CHARSET_WITHIN = 1024  # bytes, by the HTML standard
_EMBEDDED = "iframe, object, embed, video, audio, canvas"


def parse(data: bytes, options: Options) -> Parsed:
    """A page as Markdown; `<title>` is the title, else the first heading of level one.

    Of a whole page only its content is taken, without menus, banners and footers; `select` and
    `drop` of the options choose it instead.
    """
    head = data[:_CHARSET_WITHIN]
    charset = _CHARSET.search(head) or _XML_CHARSET.search(head)
    html, notes = decode(data, charset[1].decode("ascii") if charset else None)
    soup = soup_of(html)
    drop_self_links(soup)
    title = soup.title or soup.h1
    named = title.get_text() if title else None
    content = content_of(soup, options)
    embedded = sum(1 for tag in content.select(_EMBEDDED) if not tag.find_parent(["head"]))
    text, counts = markdown_of(content)
    return Parsed(text, named, notes=(*notes, *losses(counts | {"embedded objects": embedded})))
