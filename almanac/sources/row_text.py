"""The text column of a table: Markdown, plain text, or HTML, told by its look."""

from __future__ import annotations

import re
from dataclasses import dataclass

from almanac.sources import isolation
from almanac.sources.formats import HTML, PLAIN, ROW_MEDIA_TYPE
from almanac.sources.parsed import Note
from schemas.text import normalized

_TAGS = (
    "p|div|br|span|strong|em|b|i|u|a|ul|ol|li|h[1-6]|table|thead|tbody|tr|td|th|img|pre|code|section"
    "|article|blockquote|font|center|hr|dl|dt|dd|figure|style|script|html|body|head|sup|sub|iframe"
)
_TAG = re.compile(rf"<(/?)({_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_DOCUMENT = re.compile(r"\A\s*<(?:!doctype\s+html|html|body|head)\b", re.IGNORECASE)
_BLOCK = re.compile(
    r"</(?:p|div|ul|ol|li|h[1-6]|table|tr|td|blockquote|pre|section|article)>|<br", re.I
)
_MARKDOWN = re.compile(r"^(?:#{1,6} \S|```|~~~|[-*+] \S|\d+\. \S|\|.*\|\s*$|> )", re.MULTILINE)
_FENCED = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class TextColumn:
    """How the texts of a table are read: `format` as in the settings, seconds for each."""

    format: str = "auto"
    timeout: float = 60.0

    @property
    def media_type(self) -> str:
        """Of the documents that the rows become."""
        return PLAIN.media_type if self.format == "plain" else ROW_MEDIA_TYPE

    def read(self, text: str) -> tuple[str, tuple[Note, ...]]:
        """A cell's text as it is indexed. Raises Unreadable where the HTML is made to harm."""
        if self.format == "html" or (self.format == "auto" and looks_like_html(text)):
            parsed = isolation.parse_text(HTML.name, text.encode("utf-8"), self.timeout)
            return normalized(parsed.text), parsed.notes
        return normalized(text), ()


def looks_like_html(text: str) -> bool:
    """Whether a text is written in HTML, rather than Markdown that has some or speaks of it."""
    if "<" not in text:
        return False
    if _DOCUMENT.match(text):
        return True
    bare = _FENCED.sub("", text)
    tags = _TAG.findall(bare)
    opened = {name.lower() for closing, name in tags if not closing}
    closed = {name.lower() for closing, name in tags if closing}
    if not (opened & closed or ("br" in opened and len(tags) > 1)):
        return False
    if _TAG.match(bare.lstrip()):
        return True
    return bool(_BLOCK.search(bare)) and not _MARKDOWN.search(bare)
