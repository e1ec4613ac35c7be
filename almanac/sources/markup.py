"""HTML to Markdown, whoever wrote the HTML: a page, pandoc, a column of a table, a mail."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bs4 import BeautifulSoup, Comment, Tag
from markdownify import MarkdownConverter

from almanac.sources.decoding import clean
from almanac.sources.grids import markdown_table
from almanac.sources.parsed import Unreadable
from almanac.sources.tables import prepare_tables, write_code_tables

_UNSEEN = "head, script, style, noscript, template, svg, [hidden], .hidden, .visually-hidden"
_OBJECTS = "iframe, object, embed, video, audio, canvas"
_UNSEEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_LANGUAGE = re.compile(r"(?:language|lang|highlight-source|highlight|brush)[-:]\s*([\w+#.-]+)")
_LINE_NUMBERS = (
    "pre .linenos, pre .lineno, pre .linenumber, pre .line-number, pre .line-numbers-rows, "
    "pre .gutter, pre .hljs-ln-numbers, pre .ln"
)
_LINKS_TO_SELF = "a.headerlink, a.hash-link, a.anchor-link, a.header-anchor, a.anchor:empty"
_TICKED, _OPEN = "☒", "☐"
_DEEPEST = 1_000
_NBSP = "\u00a0"


def soup_of(html: str) -> BeautifulSoup:
    """The tree of a page or of a piece of one.

    Raises:
        Unreadable: it is nested more deeply than any page that people write.
    """
    soup = BeautifulSoup(html, "lxml")
    level, depth = list(soup.children), 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise Unreadable("file_is_parseable", "it is nested too deeply")
        level = [child for tag in level if isinstance(tag, Tag) for child in tag.children]
    return soup


def html_to_markdown(html: str) -> tuple[str, dict[str, int]]:
    """A piece of a page as Markdown, and what was lost."""
    return markdown_of(soup_of(html))


def markdown_of(soup: BeautifulSoup | Tag) -> tuple[str, dict[str, int]]:
    """A tree, which is changed, as Markdown; and how much of what was lost, by what it was.

    Tables keep their columns (cells that span are repeated), code its lines, forms their values.
    """
    _drop([*soup.select(_UNSEEN), *soup.find_all(style=_UNSEEN_STYLE), *soup.select(_OBJECTS)])
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    write_code_tables(soup)
    _drop(soup.select(_LINE_NUMBERS))
    drop_self_links(soup)
    _fill_forms(soup)
    _write_lines(soup)
    for image in soup.find_all("img"):
        if not image.get("src") or str(image["src"]).startswith("data:"):
            image.replace_with(str(image.get("alt") or ""))
    counts = prepare_tables(soup)
    markdown, _ = clean(_Converter().convert_soup(soup))
    return _BLANK_LINES.sub("\n\n", markdown).strip("\n") + "\n", counts


def drop_self_links(soup: BeautifulSoup | Tag) -> None:
    """The marks behind headings that link to themselves, such as ¶."""
    _drop(soup.select(_LINKS_TO_SELF))


def _drop(tags: Iterable[Tag]) -> None:
    for tag in tags:
        tag.extract()


def _fill_forms(soup: BeautifulSoup | Tag) -> None:
    """The values of a form as text: boxes, fields and the chosen options; buttons go."""
    for box in soup.select("input, select, textarea, button"):
        box.replace_with(_value(box))


def _value(box: Tag) -> str:
    if box.name == "select":
        options = box.find_all("option")
        chosen = [one for one in options if one.has_attr("selected")] or options[:1]
        return ", ".join(one.get_text(" ", strip=True) for one in chosen)
    if box.name == "textarea":
        return box.get_text()
    kind = str(box.get("type") or "text").lower()
    if box.name == "button" or kind in ("hidden", "submit", "button", "reset", "password", "image"):
        return ""
    if kind in ("checkbox", "radio"):
        mark = _TICKED if box.has_attr("checked") else _OPEN
        after = box.next_sibling
        return mark if isinstance(after, str) and after[:1].isspace() else f"{mark} "
    return str(box.get("value") or "")


def _write_lines(soup: BeautifulSoup | Tag) -> None:
    """Code whose lines are blocks of their own (`<pre><span class="line">`) keeps them."""
    for pre in soup.find_all("pre"):
        for line_break in pre.find_all("br"):
            line_break.replace_with("\n")
        blocks = pre.select("div, p, li, tr, .token-line, .code-line")
        for block in blocks:
            if not block.get_text().endswith("\n"):
                block.append("\n")


class _Converter(MarkdownConverter):
    """Markdownify with tables that keep their columns, and code that keeps its language."""

    def __init__(self) -> None:
        super().__init__(
            heading_style="ATX",
            bullets="-",
            escape_asterisks=False,
            escape_underscores=False,
            code_language_callback=_language,
        )
        self._cells: dict[int, str] = {}

    def convert_td(self, el: Tag, text: str, parent_tags: Any) -> str:
        self._cells[id(el)] = " ".join(text.split())
        return ""

    convert_th = convert_td

    def convert_tr(self, el: Tag, text: str, parent_tags: Any) -> str:
        return ""

    def convert_table(self, el: Tag, text: str, parent_tags: Any) -> str:
        caption = text.strip()  # cells and rows give none: what is left is the caption
        inner = bool({"td", "th"} & set(parent_tags))
        table = markdown_table(el, self._cells, inner)
        joint = ": " if inner else "\n\n"
        whole = joint.join(part for part in (caption, table) if part)
        return f" {whole} " if inner else f"\n\n{whole}\n\n"

    def convert_sup(self, el: Tag, text: str, parent_tags: Any) -> str:
        """A power or the mark of a note stays apart from what it follows: 10^2, not 102."""
        return f"^{text}" if text.strip() and "^" not in text else text

    def process_text(self, el: Any, parent_tags: Any = None) -> str:
        text: str = super().process_text(el, parent_tags=parent_tags)  # type: ignore[misc]
        return text if "pre" in (parent_tags or ()) else text.replace(_NBSP, " ")


def _language(pre: Tag) -> str:
    """The language that a highlighter named in the classes of the block or around it."""
    code = pre.find("code")
    for tag in (pre, code, pre.parent, pre.parent.parent if pre.parent else None):
        if not isinstance(tag, Tag):
            continue
        classes = [str(name) for name in tag.get_attribute_list("class") if name]
        found = _LANGUAGE.search(" ".join(classes))
        if found and found[1] not in ("default", "none", "text", "source"):
            return found[1]
    return _pandoc_language(pre)


def _pandoc_language(pre: Tag) -> str:
    classes = [str(name) for name in pre.get_attribute_list("class") if name]
    only = [name for name in classes if name not in ("sourceCode", "literal", "numberLines")]
    return only[0] if len(only) == 1 and re.fullmatch(r"[a-z][\w+#-]{0,20}", only[0]) else ""
