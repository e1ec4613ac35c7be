"""Notion's blocks and properties as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Block = Mapping[str, Any]
Children = Callable[[str], Sequence[Block] | None]  # None: gone, or not shared

_LOST = {
    "image": "pictures without a description",
    "video": "videos",
    "audio": "recordings",
    "unsupported": "blocks that the API does not give",
    "ai_block": "blocks that the API does not give",
    "meeting_notes": "blocks that the API does not give",
}
_NO_TEXT = frozenset({"breadcrumb", "table_of_contents", "template", "column", "column_list"})
_HEADINGS = {"heading_1": "#", "heading_2": "##", "heading_3": "###", "heading_4": "####"}
_PAGES = {"child_page": "title", "child_database": "title"}
_FILES = ("file", "pdf", "image", "video", "audio")
_LINKS = ("bookmark", "embed", "link_preview")
_DEEPEST = 20


class Writer:
    """Blocks of one page as Markdown; `lost` counts what has no text."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self.lost: Counter[str] = Counter()

    def blocks(self, blocks: Sequence[Block], depth: int = 0) -> str:
        """The blocks one after another; items of a list stand close together."""
        pieces: list[str] = []
        number, before = 0, ""
        for block in blocks:
            kind = str(block.get("type", "unsupported"))
            number = number + 1 if kind == "numbered_list_item" else 0
            text = self._block(block, kind, number, depth)
            if text:
                is_item = kind.endswith("_item") or kind == "to_do"
                close = is_item and before == kind
                pieces += [("\n" if close else "\n\n") if pieces else "", text]
                before = kind
        return "".join(pieces)

    def _block(self, block: Block, kind: str, number: int, depth: int) -> str:
        values = block.get(kind) or {}
        if kind == "table":
            return self._table(block, values)
        if kind == "synced_block":
            origin = (values.get("synced_from") or {}).get("block_id")
            return self._below(block, depth, origin)
        own = self._own(kind, values, number)
        below = "" if kind in _PAGES else self._below(block, depth)
        if kind in _NO_TEXT or not own:
            return below
        if not below:
            return own
        if kind.endswith("_item") or kind in ("to_do", "toggle"):
            return f"{own}\n{_indented(below)}"
        if kind in ("quote", "callout"):
            return f"{own}\n>\n{_quoted(below)}"
        return f"{own}\n\n{below}"

    def _own(self, kind: str, values: Mapping[str, Any], number: int) -> str:
        """What the block says itself, without what is below it."""
        text = rich_text(values.get("rich_text", ()))
        if kind in _HEADINGS:
            return f"{_HEADINGS[kind]} {_one_line(text)}" if text else ""
        if kind in _PAGES:
            return str(values.get(_PAGES[kind], ""))
        if kind == "code":
            plain = "".join(str(part.get("plain_text", "")) for part in values.get("rich_text", ()))
            fence = "````" if "```" in plain else "```"
            language = str(values.get("language", "")).replace("plain text", "").replace(" ", "-")
            return f"{fence}{language}\n{plain}\n{fence}" + _caption(values)
        if kind == "equation":
            return f"$$\n{values.get('expression', '')}\n$$"
        if kind == "divider":
            return "---"
        if kind in _FILES or kind in _LINKS:
            return self._file(kind, values)
        begin = {
            "bulleted_list_item": "- ",
            "numbered_list_item": f"{number}. ",
            "to_do": "- ☒ " if values.get("checked") else "- ☐ ",
            "toggle": "- ",
        }.get(kind)
        if begin:
            return begin + text.replace("\n", "\n  ")
        if kind in ("quote", "callout"):
            return _quoted(text) if text else ""
        if not text and kind not in _NO_TEXT and kind != "paragraph":
            self.lost[_LOST.get(kind, f"blocks ({kind})")] += 1
        return text

    def _file(self, kind: str, values: Mapping[str, Any]) -> str:
        caption = rich_text(values.get("caption", ()))
        if kind in _LINKS:
            url = str(values.get("url", ""))
            return f"{caption}: {url}" if caption else url
        if not caption and kind in _LOST:
            self.lost[_LOST[kind]] += 1
        name = str(values.get("name") or "")
        return f"[{caption or name}]" if caption or name else ""

    def _below(self, block: Block, depth: int, origin: str | None = None) -> str:
        if not origin and not block.get("has_children"):
            return ""
        if depth >= _DEEPEST:
            self.lost["blocks that are nested too deeply"] += 1
            return ""
        return self.blocks(self._given(origin or str(block["id"])), depth + 1)

    def _given(self, block_id: str) -> Sequence[Block]:
        """The blocks below one; such as a synced one of a page that is not shared are counted."""
        below = self._children(block_id)
        if below is None:
            self.lost[_LOST["unsupported"]] += 1
        return below or ()

    def _table(self, block: Block, values: Mapping[str, Any]) -> str:
        rows = [
            [_cell(cell) for cell in row.get("table_row", {}).get("cells", ())]
            for row in self._given(str(block["id"]))
        ]
        if not rows:
            return ""
        width = max(len(row) for row in rows)
        if not values.get("has_column_header"):
            rows.insert(0, [""] * width)
        lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
        return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def rich_text(parts: Iterable[Mapping[str, Any]]) -> str:
    """Text with its emphasis, code, formulas and links."""
    return "".join(_part(part) for part in parts)


def _part(part: Mapping[str, Any]) -> str:
    if part.get("type") == "equation":
        return f"${part.get('equation', {}).get('expression', '')}$"
    text = str(part.get("plain_text", ""))
    marks = part.get("annotations", {})
    inner = text.strip()
    if not inner:
        return text
    shown = inner
    if marks.get("code"):
        shown = f"`{shown}`"
    for name, mark in (("strikethrough", "~~"), ("italic", "*"), ("bold", "**")):
        if marks.get(name):
            shown = f"{mark}{shown}{mark}"
    if part.get("href") and part.get("type") == "text":
        shown = f"[{shown}]({part['href']})"
    return text.replace(inner, shown, 1)


def plain(parts: Iterable[Mapping[str, Any]]) -> str:
    """Text on one line without emphasis."""
    return _one_line("".join(str(part.get("plain_text", "")) for part in parts))


def title_of(page: Mapping[str, Any]) -> str:
    """The title of a page: its property of that type."""
    for value in page.get("properties", {}).values():
        if value.get("type") == "title":
            return plain(value.get("title", ()))
    return plain(page.get("title", ()))


def properties_of(page: Mapping[str, Any]) -> dict[str, str]:
    """What the columns of a database say of the page, but for its title; empty ones left out."""
    named = page.get("properties", {}).items()
    texts = {name: _value(value) for name, value in named if value.get("type") != "title"}
    return {name: text for name, text in sorted(texts.items()) if text}


def _value(value: Mapping[str, Any]) -> str:
    """A property as text."""
    kind = str(value.get("type", ""))
    found = value.get(kind)
    if kind in ("formula", "rollup") and isinstance(found, Mapping):
        return _value(found)
    if kind == "rich_text":
        return plain(found or ())
    if kind in ("created_time", "last_edited_time", "created_by", "last_edited_by", "button"):
        return ""
    return _plain_value(found)


def _plain_value(found: Any) -> str:
    if found is None or found == "":
        return ""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, list):
        return ", ".join(filter(None, (_value(v) if _typed(v) else _plain_value(v) for v in found)))
    if isinstance(found, Mapping):
        if "start" in found:
            return " to ".join(str(found[end]) for end in ("start", "end") if found.get(end))
        if "prefix" in found:
            return f"{found['prefix'] or ''}{'-' if found['prefix'] else ''}{found['number']}"
        return str(found.get("name") or found.get("plain_text") or "")
    return str(found)


def _typed(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("type") in value


def _cell(parts: Iterable[Mapping[str, Any]]) -> str:
    return _one_line(rich_text(parts)).replace("|", "\\|")


def _caption(values: Mapping[str, Any]) -> str:
    caption = rich_text(values.get("caption", ()))
    return f"\n\n{caption}" if caption else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.split("\n"))
