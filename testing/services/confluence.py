"""Confluence, as its REST APIs answer: v1 of a server, v2 of the cloud."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from testing.services.server import Reply

_USER_KEYS = {"v1": "username", "v2": "accountId"}


@dataclass
class WikiPage:
    """A page or a blog post; `readers` are names of users and groups with their prefix."""

    title: str
    storage: str
    space: str = "DOC"
    parent: str = ""
    version: int = 1
    status: str = "current"
    kind: str = "page"
    readers: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Confluence:
    """A wiki of some pages. Lists come in pages of `page_size`, whatever is asked for.

    refuse: how many requests get 429 first. on_list: called before each page of a list. media: the
    address of another host that holds the files, to which downloads lead, or links if `is_named`.
    """

    api: str
    pages: dict[str, WikiPage]
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    page_size: int = 2
    refuse: int = 0
    token: str = "secret"
    unsearchable: set[str] = field(default_factory=set)
    on_list: Callable[[str], None] = lambda path: None
    asked: list[str] = field(default_factory=list)
    media: str = ""
    is_named: bool = False
    address: str = ""

    @property
    def base(self) -> str:
        """The address of the wiki: the cloud's and this server's have a folder."""
        return f"{self.address}/wiki" if self.api == "v2" else f"{self.address}/confluence"

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:
        """The reply to one request."""
        self.asked.append(path)
        if self.refuse:
            self.refuse -= 1
            return 429, {"Retry-After": "0"}, {"message": "Rate limit exceeded"}
        if query["authorization"] != f"Bearer {self.token}":
            return 401, {}, {"message": "Unauthorized"}
        folder = "/wiki" if self.api == "v2" else "/confluence"
        return self._route(path.removeprefix(folder), query) or (404, {}, {"statusCode": 404})

    def _route(self, path: str, query: dict[str, str]) -> Reply | None:
        routes: list[tuple[str, Callable[..., Reply | None]]] = [
            (r"/rest/api/space/(\w+)", self._space),
            (r"/rest/api/content", self._content_list),
            (r"/rest/api/content/search", self._search),
            (r"/rest/api/content/(\w+)/restriction/byOperation/read", self._restriction),
            (r"/rest/api/content/(\w+)", self._content),
            (r"/rest/api/group/(?:member|(\w+)/member)", self._members),
            (r"/api/v2/spaces", self._spaces2),
            (r"/api/v2/spaces/(\w+)/(page|blogpost)s", self._list2),
            (r"/api/v2/(page|blogpost)s/(\w+)/attachments", self._attachments2),
            (r"/api/v2/(page|blogpost)s/(\w+)", self._page2),
            (r"/api/v2/attachments/(\w+)", self._attachment2),
            (r"/download/(\w+)/(.+)", self._download),
        ]
        for pattern, route in routes:
            if found := re.fullmatch(pattern, path):
                return route(query, *found.groups())
        return None

    def _paged(self, path: str, query: dict[str, str], found: list[Any], start: str) -> Reply:
        at = int(query.get(start, 0))
        part = found[at : at + self.page_size]
        links = {}
        if at + self.page_size < len(found):
            kept = {k: v for k, v in query.items() if k not in (start, "authorization")}
            words = "&".join(f"{k}={v}" for k, v in {**kept, start: at + self.page_size}.items())
            links = {"next": f"{path}?{words.replace(' ', '%20')}"}
        return 200, {}, {"results": part, "size": len(part), "_links": links}

    def _space(self, query: dict[str, str], key: str) -> Reply | None:
        known = any(page.space == key for page in self.pages.values())
        return (200, {}, {"key": key, "status": "CURRENT"}) if known else None

    def _content_list(self, query: dict[str, str]) -> Reply:
        self.on_list(f"space {query['spaceKey']}")
        chosen = [
            self._v1(i, page, query["expand"])
            for i, page in self.pages.items()
            if (page.space, page.kind) == (query["spaceKey"], query["type"])
            and page.status == query["status"]
        ]
        return self._paged("/rest/api/content", query, chosen, "start")

    def _v1(self, i: str, page: WikiPage, expand: str) -> dict[str, Any]:
        files = [self._file(i, name) for name in page.files if "attachment" in expand]
        return {
            "id": i,
            "type": page.kind,
            "status": page.status,
            "title": page.title,
            "version": {"number": page.version},
            "ancestors": [{"id": above} for above in self._above(page)],
            "restrictions": {"read": self._read(page)},
            "children": {"attachment": {"results": files, "_links": {}}},
            "body": {"storage": {"value": page.storage, "representation": "storage"}},
        }

    def _above(self, page: WikiPage) -> list[str]:
        chain: list[str] = []
        while page.parent in self.pages:
            chain.insert(0, page.parent)
            page = self.pages[page.parent]
        return chain

    def _read(self, page: WikiPage) -> dict[str, Any]:
        key = _USER_KEYS[self.api]
        users = [{key: name[5:]} for name in page.readers if name.startswith("user:")]
        groups = [{"name": name[6:]} for name in page.readers if name.startswith("group:")]
        named = {"user": {"results": users}, "group": {"results": groups}}
        return {"operation": "read", "restrictions": named}

    def _file(self, i: str, name: str) -> dict[str, Any]:
        at = list(self.pages[i].files).index(name)
        link = f"{self.media if self.is_named else ''}/download/{i}/{name}"
        return {
            "id": f"att{i}{at}",
            "title": name,
            "version": {"number": self.pages[i].version},
            "fileSize": len(self.pages[i].files[name]),
            "downloadLink": link,
            "_links": {"download": link},
        }

    def _search(self, query: dict[str, str]) -> Reply:
        found = [
            {"id": i, "restrictions": {"read": self._read(page)}}
            for i, page in self.pages.items()
            if page.status == "current" and i not in self.unsearchable
        ]
        return self._paged("/rest/api/content/search", query, found, "cursor")

    def _restriction(self, query: dict[str, str], i: str) -> Reply | None:
        return (200, {}, self._read(self.pages[i])) if i in self.pages else None

    def _content(self, query: dict[str, str], i: str) -> Reply | None:
        if i in self.pages:
            return 200, {}, self._v1(i, self.pages[i], query.get("expand", ""))
        return self._attachment2(query, i)

    def _members(self, query: dict[str, str], name: str | None) -> Reply | None:
        users = self.groups.get(name or query.get("name", ""))
        key = _USER_KEYS[self.api]
        return users and (200, {}, {"results": [{key: user} for user in users], "_links": {}})

    def _spaces2(self, query: dict[str, str]) -> Reply:
        keys = sorted({page.space for page in self.pages.values()} & set(query["keys"].split(",")))
        found = [{"id": f"s{key}", "key": key, "status": "current"} for key in keys]
        return 200, {}, {"results": found, "_links": {}}

    def _list2(self, query: dict[str, str], space: str, kind: str) -> Reply:
        path = f"/wiki/api/v2/spaces/{space}/{kind}s"
        self.on_list(f"space {space[1:]}")
        found = [
            self._v2(i, page)
            for i, page in self.pages.items()
            if (f"s{page.space}", page.kind) == (space, kind) and page.status == "current"
        ]
        return self._paged(path, query, found, "cursor")

    def _v2(self, i: str, page: WikiPage) -> dict[str, Any]:
        return {
            "id": i,
            "status": page.status,
            "title": page.title,
            "parentId": page.parent or None,
            "parentType": "page" if page.parent else None,
            "version": {"number": page.version},
            "body": {"storage": {"value": page.storage}},
        }

    def _page2(self, query: dict[str, str], kind: str, i: str) -> Reply | None:
        page = self.pages.get(i)
        return (200, {}, self._v2(i, page)) if page and page.kind == kind else None

    def _attachments2(self, query: dict[str, str], kind: str, i: str) -> Reply:
        found = [self._file(i, name) for name in self.pages[i].files]
        return self._paged(f"/wiki/api/v2/{kind}s/{i}/attachments", query, found, "cursor")

    def _attachment2(self, query: dict[str, str], i: str) -> Reply | None:
        for page_id, page in self.pages.items():
            for name in page.files:
                if self._file(page_id, name)["id"] == i:
                    return 200, {}, self._file(page_id, name)
        return None

    def _download(self, query: dict[str, str], i: str, name: str) -> Reply:
        if self.media:
            return 302, {"Location": f"{self.media}/download/{i}/{name}"}, {}
        return 200, {"Content-Type": "application/octet-stream"}, self.pages[i].files[name]
