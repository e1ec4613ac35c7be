"""Notion, as its REST API answers: search, databases, blocks, lists in pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from testing.services.server import Reply

EARLY = "2026-01-05T10:00:00.000Z"
Object = dict[str, Any]


def text(words: str, **marks: bool) -> Object:
    """One piece of rich text."""
    return {"type": "text", "plain_text": words, "annotations": marks, "href": None}


def block(kind: str, words: str = "", below: list[Object] | None = None, **more: Any) -> Object:
    """One block; `below` are its children."""
    values = {"rich_text": [text(words)] if words else [], **more}
    return {"type": kind, kind: values, "below": below or []}


@dataclass
class Notion:
    """A workspace. Lists come in pages of `page_size`; `hidden` pages are not in the search."""

    pages: dict[str, Object] = field(default_factory=dict)
    blocks: dict[str, list[Object]] = field(default_factory=dict)
    page_size: int = 2
    refuse: int = 0
    token: str = "secret"
    hidden: set[str] = field(default_factory=set)
    on_list: Callable[[str], None] = lambda path: None
    address: str = ""

    def page(
        self, page_id: str, title: str, blocks: list[Object], edited: str = EARLY, **more: Any
    ) -> None:
        """Add a page or replace it. `more`: properties, parent, archived, in_trash."""
        own = {"Name": {"type": "title", "title": [text(title)]}}
        self.pages[page_id] = {
            "object": "page",
            "id": page_id,
            "url": f"https://notion.example/{page_id}",
            "last_edited_time": edited,
            "parent": {"type": "workspace", "workspace": True},
            **more,
            "properties": own | more.get("properties", {}),
        }
        self._keep(page_id, blocks)

    def database(self, database_id: str, title: str, **more: Any) -> None:
        """Add a database; its rows are pages whose parent it is."""
        parent = {"type": "workspace", "workspace": True}
        made = {"object": "database", "id": database_id, "title": [text(title)], "parent": parent}
        self.pages[database_id] = made | more

    def _keep(self, parent_id: str, blocks: list[Object]) -> None:
        kept = []
        for at, one in enumerate(blocks):
            values = dict(one)
            below = values.pop("below", [])
            block_id = str(values.get("id", f"{parent_id}-{at}"))
            values |= {"id": block_id, "has_children": bool(below)}
            kept.append({**values, "parent": {"type": "page_id", "page_id": parent_id}})
            self._keep(block_id, below)
        self.blocks[parent_id] = kept

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:
        """The reply to one request."""
        if self.refuse:
            self.refuse -= 1
            return 429, {"Retry-After": "0"}, {"object": "error", "code": "rate_limited"}
        if query["authorization"] != f"Bearer {self.token}":
            return 401, {}, {"object": "error", "code": "unauthorized"}
        if path == "/v1/search":
            self.on_list(path)
            return self._paged([v for i, v in self.pages.items() if i not in self.hidden], body)
        if found := re.fullmatch(r"/v1/databases/([\w-]+)/query", path):
            self.on_list(path)
            rows = [v for v in self.pages.values() if v["parent"].get("database_id") == found[1]]
            return self._paged(rows, body)
        if found := re.fullmatch(r"/v1/blocks/([\w-]+)/children", path):
            known = self.blocks.get(found[1])
            return self._paged(known, query) if known is not None else self._missing()
        if (found := re.fullmatch(r"/v1/pages/([\w-]+)", path)) and found[1] in self.pages:
            return 200, {}, self.pages[found[1]]
        if found := re.fullmatch(r"/v1/blocks/([\w-]+)", path):
            for one in (one for blocks in self.blocks.values() for one in blocks):
                if one["id"] == found[1]:
                    return 200, {}, one
        return self._missing()

    def _missing(self) -> Reply:
        return 404, {}, {"object": "error", "code": "object_not_found"}

    def _paged(self, found: list[Object], given: Any) -> Reply:
        at = int((given or {}).get("start_cursor", 0))
        end = at + self.page_size
        more = end < len(found)
        page = {
            "results": found[at:end],
            "has_more": more,
            "next_cursor": str(end) if more else None,
        }
        return 200, {}, {"object": "list", **page}
