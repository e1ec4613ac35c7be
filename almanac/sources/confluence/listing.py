"""All pages of some spaces, by either API, with their versions, ancestors and restrictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from almanac.sources.confluence.rights import Readers, readers_of
from almanac.sources.service import Service
from schemas.errors import SourceUnavailable

_TYPES = ("page", "blogpost")
_RIGHTS = "restrictions.read.restrictions.user,restrictions.read.restrictions.group"
_PASSES = 4
_MOST_PAGES = 100_000  # of one list


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a page. `content_id` begins with att."""

    content_id: str
    name: str
    version: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One page or blog post that is published now."""

    content_id: str
    version: int
    parents: tuple[str, ...] = ()
    readers: Readers | None = None
    attachments: tuple[Attachment, ...] = field(default=())


class Listing1:
    """The first API: of a server or data centre."""

    def __init__(self, service: Service, spaces: tuple[str, ...], attachments: bool) -> None:
        self._service = service
        self._spaces = spaces
        self._expand = f"version,ancestors,{_RIGHTS}"
        self._expand += ",children.attachment.version" if attachments else ""

    def entries(self) -> dict[str, Entry]:
        """Every page with all that is known of it, by its id."""
        return {str(one["id"]): self._entry(one) for one in self._all(self._expand, 100)}

    def ids(self) -> dict[str, int]:
        """The version of every page, by its id: a quick look at the same list."""
        return {str(one["id"]): int(one["version"]["number"]) for one in self._all("version", 500)}

    def readers(self, content_id: str) -> Readers | None:
        """The restrictions of a page that is not in the list. Raises SourceUnavailable."""
        found = self._service.listed(f"/rest/api/content/{content_id}?expand={_RIGHTS}")
        return readers_of(found.get("restrictions", {}).get("read", {}))

    def _all(self, expand: str, limit: int) -> Iterator[Mapping[str, Any]]:
        for space in self._spaces:
            known = self._service.listed(f"/rest/api/space/{quote(space)}")
            if str(known.get("status", "")).lower() == "archived":
                continue
            for kind in _TYPES:
                asked = {"spaceKey": space, "type": kind, "status": "current", "limit": limit}
                query = urlencode(asked | {"expand": expand}, safe=",")
                for one in results(self._service, f"/rest/api/content?{query}"):
                    if one.get("status", "current") == "current":
                        yield one

    def _entry(self, one: Mapping[str, Any]) -> Entry:
        files = one.get("children", {}).get("attachment", {})
        return Entry(
            str(one["id"]),
            int(one["version"]["number"]),
            tuple(str(above["id"]) for above in one.get("ancestors", ())),
            readers_of(one.get("restrictions", {}).get("read", {})),
            tuple(_attachment(file) for file in rest(self._service, files)),
        )


class Listing2:
    """The second API, of the cloud, whose rights still come from the first."""

    def __init__(self, service: Service, spaces: tuple[str, ...], attachments: bool) -> None:
        self._service = service
        self._spaces = spaces
        self._attachments = attachments

    def entries(self) -> dict[str, Entry]:
        """Every page with all that is known of it, by its id."""
        found = {str(one["id"]): (kind, one) for kind, one in self._all()}
        parents = {
            content_id: str(one["parentId"])
            for content_id, (_, one) in found.items()
            if one.get("parentId") and one.get("parentType", "page") == "page"
        }
        readers = self._restricted()
        return {
            content_id: replace(
                self._entry(kind, one),
                parents=_chain(content_id, parents),
                readers=readers[content_id] if content_id in readers else self.readers(content_id),
            )
            for content_id, (kind, one) in found.items()
        }

    def ids(self) -> dict[str, int]:
        """The version of every page, by its id."""
        return {str(one["id"]): int(one["version"]["number"]) for _, one in self._all()}

    def readers(self, content_id: str) -> Readers | None:
        """The restrictions of one page. Raises SourceUnavailable."""
        expand = "expand=restrictions.user,restrictions.group"
        path = f"/rest/api/content/{content_id}/restriction/byOperation/read?{expand}"
        return readers_of(self._service.listed(path))

    def _all(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        keys = quote(",".join(self._spaces), safe=",")
        spaces = list(results(self._service, f"/api/v2/spaces?keys={keys}&limit=250"))
        if missing := set(self._spaces) - {space["key"] for space in spaces}:
            raise SourceUnavailable(
                f"the space {min(missing)} is not there, or the account may not see it: nothing "
                "was changed"
            )
        for space in spaces:
            if space.get("status") == "archived":
                continue
            for kind in _TYPES:
                path = f"/api/v2/spaces/{space['id']}/{kind}s?status=current&limit=250"
                for one in results(self._service, path):
                    if one.get("status", "current") == "current":
                        yield kind, one

    def _restricted(self) -> dict[str, Readers | None]:
        """The restrictions of all pages that the search knows: it may lag behind."""
        keys = ", ".join(f'"{space}"' for space in self._spaces)
        query = {"cql": f"space in ({keys}) and type in (page, blogpost)", "limit": 100}
        found = results(
            self._service,
            f"/rest/api/content/search?{urlencode(query | {'expand': _RIGHTS}, safe=',')}",
        )
        return {
            str(one["id"]): readers_of(one["restrictions"]["read"])
            for one in found
            if "read" in one.get("restrictions", {})
        }

    def _entry(self, kind: str, one: Mapping[str, Any]) -> Entry:
        files: Iterator[Mapping[str, Any]] = iter(())
        if self._attachments:
            path = f"/api/v2/{kind}s/{one['id']}/attachments?status=current&limit=250"
            files = results(self._service, path)
        made = tuple(_attachment(file) for file in files)
        return Entry(str(one["id"]), int(one["version"]["number"]), attachments=made)


def stable_entries(listing: Listing1 | Listing2) -> dict[str, Entry]:
    """The entries of a list that was the same right after it was taken.

    What is created, deleted or moved to another space meanwhile shifts the pages of a list, and
    one of them would be missed, which looks like a deletion.

    Raises:
        SourceUnavailable: it changed every time.
    """
    for _ in range(_PASSES):
        entries = listing.entries()
        if listing.ids().keys() == entries.keys():
            return entries
    raise SourceUnavailable(
        f"the list of pages changed during each of {_PASSES} passes: nothing was changed; run again"
    )


def results(service: Service, path: str) -> Iterator[Mapping[str, Any]]:
    """The results of a list, page after page. Raises SourceUnavailable where one is missing."""
    yield from rest(service, service.listed(path), path)


def rest(
    service: Service, page: Mapping[str, Any], path: str = "attachments"
) -> Iterator[Mapping[str, Any]]:
    """The results of a first page that is there, and of all that follow it."""
    if not page:
        return
    seen: set[str] = set()
    while True:
        if not isinstance(page.get("results"), list):
            raise service.unavailable(service.url(path), "the answer has no results")
        yield from page["results"]
        following = page.get("_links", {}).get("next")
        if not following:
            return
        if following in seen or len(seen) > _MOST_PAGES:
            raise service.unavailable(service.url(path), "its pages lead round in circles")
        seen.add(following)
        page = service.listed(following)


def _attachment(one: Mapping[str, Any]) -> Attachment:
    size = one.get("fileSize") or one.get("extensions", {}).get("fileSize") or 0
    number = str(one["id"]).removeprefix("att")
    return Attachment(f"att{number}", str(one["title"]), int(one["version"]["number"]), int(size))


def _chain(content_id: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    chain: list[str] = []
    while (above := parents.get(content_id)) and above not in chain:
        chain.append(above)
        content_id = above
    return tuple(reversed(chain))
