"""Tables that are none: code with its line numbers, and the layout of old pages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

from almanac.sources.grids import own_rows

_BLOCKS = ["h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "pre", "blockquote", "hr", "form"]
_HEADINGS = _BLOCKS[:6]
_NUMBERS = re.compile(r"\s*\d+(?:\s+\d+)*\s*")
_CODE_CLASS = re.compile(r"\b(?:code|blob|hljs|highlight|rouge|line|lineno|linenos|gutter)", re.I)


def write_code_tables(soup: BeautifulSoup | Tag) -> None:
    """Make blocks of code of tables that hold code beside its line numbers."""
    for table in reversed(soup.find_all("table")):
        code = _code(table, own_rows(table))
        if code is not None:
            _replace_by_code(table, code)


def prepare_tables(soup: BeautifulSoup | Tag) -> dict[str, int]:
    """Make sections of layout tables, and lines of the blocks within cells.

    Returns what was lost, by what it is.
    """
    lost = 0
    for table in reversed(soup.find_all("table")):
        rows = own_rows(table)
        if _is_layout(table, rows):
            _unwrap(table)
        else:
            lost += _one_line_cells(table, rows)
    return {"blocks of code in one line of a table": lost}


def _code(table: Tag, rows: list[list[Tag]]) -> str | None:
    """The code in a table of line numbers and code; None where the table is another."""
    pairs = [row for row in rows if len(row) == 2]
    if not pairs or len(pairs) < len(rows) - 1:
        return None
    if not all(_are_numbers(row[0]) for row in pairs):
        return None
    looks_like_code = [bool(row[1].find(["pre", "code"])) for row in pairs]
    classes = " ".join(map(str, table.get_attribute_list("class") + _classes_of(rows)))
    if not (all(looks_like_code) or _CODE_CLASS.search(classes) or table.find_parent("pre")):
        return None
    for line_break in table.find_all("br"):
        line_break.replace_with("\n")
    lines = [row[1].get_text().strip("\n") for row in pairs]
    return "\n".join(lines)


def _are_numbers(cell: Tag) -> bool:
    text = cell.get_text(" ")
    if not text.strip():  # GitHub keeps the number in an attribute
        return cell.has_attr("data-line-number") or bool(
            _CODE_CLASS.search(" ".join(map(str, cell.get_attribute_list("class"))))
        )
    return _NUMBERS.fullmatch(text) is not None


def _classes_of(rows: list[list[Tag]]) -> list[str]:
    return [str(name) for cell in rows[0] for name in cell.get_attribute_list("class")]


def _replace_by_code(table: Tag, code: str) -> None:
    around = table.find_parent("pre")
    pre = BeautifulSoup("<pre><code></code></pre>", "lxml").pre
    assert pre is not None and pre.code is not None
    pre.code.string = code + "\n"
    if around is not None and around.code is not None and around.code.get("class"):
        pre.code["class"] = around.code.get_attribute_list("class")
    (around or table).replace_with(pre)


def _is_layout(table: Tag, rows: list[list[Tag]]) -> bool:
    """Whether the cells hold sections of a page rather than values."""
    if str(table.get("role") or "") in ("presentation", "none"):
        return True
    cells = [cell for row in rows for cell in row]
    own = [tag for tag in table.find_all(["thead", "caption"]) if tag.find_parent("table") is table]
    if not cells or own or any(cell.name == "th" for cell in cells):
        return False
    if any(cell.find(_HEADINGS) for cell in cells):
        return True
    # A single cell, or a single column of blocks, is a frame around text.
    return all(len(row) <= 1 for row in rows) and any(cell.find([*_BLOCKS, "p"]) for cell in cells)


def _unwrap(table: Tag) -> None:
    rows = own_rows(table)
    for cell in (cell for row in rows for cell in row):
        cell.name = "div"
        cell.attrs = {}
    for part in table.find_all(["tr", "tbody", "tfoot", "colgroup"]):
        if part.find_parent("table") is table:
            part.name = "div"
    table.name = "div"


def _one_line_cells(table: Tag, rows: Iterable[list[Tag]]) -> int:
    """Lists, paragraphs and line breaks within cells as one line; how many blocks of code were."""
    lost = 0
    for cell in (cell for row in rows for cell in row):
        for item in cell.find_all(["li", "p", "br", "dd"]):
            if item.name == "br":
                item.replace_with("; " if item.next_sibling and item.previous_sibling else " ")
            elif _follows(item):
                item.insert_before("; " if item.name != "p" else " ")
        for block in cell.find_all(["ul", "ol", "li", "dl", "dd", "dt", "p", "div", *_HEADINGS]):
            block.unwrap()
        for pre in cell.find_all("pre"):
            lost += "\n" in pre.get_text().strip()
            pre.name = "code"
            for inner in pre.find_all("code"):
                inner.unwrap()
    return lost


def _follows(item: Tag) -> bool:
    """Whether something stands before a block in its cell."""
    before = [*item.previous_siblings, *(item.parent.previous_siblings if item.parent else ())]
    in_list = item.parent is not None and item.parent.name in ("ul", "ol", "dl")
    near = before if in_list else [*item.previous_siblings]
    return any(one.get_text().strip() for one in near if isinstance(one, Tag | NavigableString))
