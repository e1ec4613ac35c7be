"""Pages of Notion and rows of its databases that an integration was given.

The search lists pages, and may lag behind or miss some: every database is asked for its rows too,
and a list that is not the same twice is taken again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from almanac.sources.base import ConnectorBase, Content, options_of
from almanac.sources.listing import Walk, too_large
from almanac.sources.notion_blocks import Writer, properties_of, title_of
from almanac.sources.parsed import Note, Unreadable, losses
from almanac.sources.service import Service, token
from almanac.sources.web_client import Unanswered, WebClient
from schemas.documents import Listing, SourceFile
from schemas.errors import SourceUnavailable
from schemas.sections.base import Section
from schemas.settings import SourceSettings
from schemas.times import parse_when

_VERSION = "2022-06-28"
_WRITTEN = 1  # to be raised with every change of what a page becomes
_ROUNDED = timedelta(minutes=2)  # times are those of the minute: a later edit may have the same
_PASSES = 4
_MOST_PAGES = 10_000  # of one list
_GONE = Note("page_is_there", "it went away after it was listed, or is shared no longer")


class NotionOptions(Section):
    """The keys of a source of kind notion."""

    token_env: str = Field(default="NOTION_TOKEN", description="The variable with the token.")
    roots: tuple[str, ...] = Field(
        default=(), description="Ids of pages and databases: only what is below them."
    )
    per_second: float = Field(default=3.0, gt=0, description="Requests, at most: Notion's own.")
    timeout_seconds: float = Field(default=60.0, gt=0)
    retry_seconds: float = Field(default=2.0, ge=0, description="Before the second try; doubled.")


class NotionConnector(ConnectorBase):
    """What an integration may read. Raises ConfigError where its keys are wrong."""

    Options = NotionOptions
    batch = 8

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(NotionOptions, settings)
        self._token = token(self._options.token_env)

    def list(self) -> Listing:
        """Every page that is neither archived nor in the bin."""
        walk = Walk(self._settings)
        now = datetime.now(UTC)
        with self._client() as client:
            service = Service(self._settings.uri, client)
            pages = _stable_pages(service)
            if not pages:
                raise SourceUnavailable(
                    "the integration sees no page: share pages with it; nothing was changed"
                )
            inside = _Inside(service, pages, self._options.roots)
            for page_id, page in sorted(pages.items()):
                if page["object"] == "page" and inside.holds(page_id):
                    walk.offer(SourceFile(page_id, 0, _stamp(page, now), "text/markdown"))
        return walk.listing()

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The pages as Markdown: what the columns of their database say, then their blocks."""
        with self._client() as client:
            service = Service(self._settings.uri, client)
            for file in files:
                yield self._content(service, file)

    def _content(self, service: Service, file: SourceFile) -> Content | Unreadable:
        page = service.content(f"/v1/pages/{file.path}")
        if page is None or _is_away(page):
            return Unreadable.because(_GONE)
        blocks = _children(service, file.path)
        if blocks is None:
            return Unreadable.because(_GONE)
        writer = Writer(lambda block_id: _children(service, block_id))
        title, columns = title_of(page), properties_of(page)
        head = [f"# {title}"] if title else []
        said = "\n".join(f"- {name}: {value}" for name, value in columns.items())
        body = writer.blocks(blocks)
        text = "\n\n".join(filter(None, [*head, said, body])) if said or body else ""
        data = f"{text}\n".encode() if text else b""
        if len(data) > self._settings.max_bytes:
            return Unreadable.because(too_large(len(data), self._settings.max_bytes))
        return Content(data, str(page.get("url", "")), title=title, notes=losses(writer.lost))

    def _client(self) -> WebClient:
        given = self._options
        headers = {"Authorization": f"Bearer {self._token}", "Notion-Version": _VERSION}
        return WebClient(
            given.per_second,
            given.timeout_seconds,
            5,
            given.retry_seconds,
            headers,
            home=self._settings.uri,
        )


class _Inside:
    """Which pages stand below the chosen ones; pages may stand in a block of another."""

    def __init__(
        self, service: Service, pages: Mapping[str, Mapping[str, Any]], roots: Sequence[str]
    ) -> None:
        self._service = service
        self._parents = {page_id: page.get("parent", {}) for page_id, page in pages.items()}
        self._roots = {_plain_id(root) for root in roots}
        missing = self._roots - {_plain_id(page_id) for page_id in pages}
        if missing:
            raise SourceUnavailable(
                f"{min(missing)} (roots) is not there, or not shared with the integration: nothing "
                "was changed"
            )

    def holds(self, page_id: str) -> bool:
        """Whether the page is one of the chosen, or below one."""
        if not self._roots:
            return True
        seen: set[str] = set()
        while page_id and page_id not in seen:
            if _plain_id(page_id) in self._roots:
                return True
            seen.add(page_id)
            page_id = self._above(page_id)
        return False

    def _above(self, object_id: str) -> str:
        """The page, database or block that it stands in; "" at the top of what is shared."""
        parent = self._parents.get(object_id, {})
        kind = str(parent.get("type", ""))
        above = str(parent.get(kind, "")) if kind.endswith("_id") else ""
        if kind == "block_id" and above not in self._parents:
            self._parents[above] = self._service.listed(f"/v1/blocks/{above}").get("parent", {})
        return above


def _stable_pages(service: Service) -> dict[str, Mapping[str, Any]]:
    """All pages and databases, from a list that was the same twice. Raises SourceUnavailable."""
    before: dict[str, Mapping[str, Any]] = {}
    for attempt in range(_PASSES):
        pages = _all_pages(service)
        if attempt and pages.keys() == before.keys():
            return pages
        before = pages
    raise SourceUnavailable(
        f"the list of pages changed during each of {_PASSES} passes: nothing was changed; run again"
    )


def _all_pages(service: Service) -> dict[str, Mapping[str, Any]]:
    found = {str(one["id"]): one for one in _paged(service, "/v1/search", {})}
    databases = [one for one in found.values() if one["object"] == "database" and not _is_away(one)]
    for database in databases:
        rows = _paged(service, f"/v1/databases/{database['id']}/query", {})
        found |= {str(row["id"]): row for row in rows}
    return {page_id: page for page_id, page in found.items() if not _is_away(page)}


def _paged(service: Service, path: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All results of a list. Raises SourceUnavailable where it can't be had to its end."""

    def page(cursor: str) -> Mapping[str, Any]:
        more = {"start_cursor": cursor} if cursor else {}
        return service.listed(path, {**body, "page_size": 100, **more})

    return _to_the_end(service, path, page)


def _children(service: Service, block_id: str) -> list[Mapping[str, Any]] | None:
    """The blocks below one; None where it is gone or hidden. Raises OSError if that may pass."""
    path = f"/v1/blocks/{block_id}/children"
    first = service.content(f"{path}?page_size=100")
    if first is None:
        return None

    def page(cursor: str) -> Mapping[str, Any]:
        found = service.content(f"{path}?page_size=100&start_cursor={cursor}") if cursor else first
        if found is None:  # what came before would be taken for all of it
            raise Unanswered(service.url(path), "it went away while it was read")
        return found

    try:
        blocks = list(_to_the_end(service, path, page))
    except SourceUnavailable as error:
        raise Unanswered(service.url(path), str(error)) from None
    return [block for block in blocks if not _is_away(block)]


def _to_the_end(
    service: Service, path: str, get: Callable[[str], Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """The results of page after page. Raises SourceUnavailable where the list has no end."""
    cursor, seen = "", {""}
    while True:
        page = get(cursor)
        results, more = page.get("results"), page.get("has_more")
        cursor = str(page.get("next_cursor") or "")
        if not isinstance(results, list) or (more and (cursor in seen or len(seen) > _MOST_PAGES)):
            raise service.unavailable(service.url(path), "the list has no end")
        yield from results
        if not more:
            return
        seen.add(cursor)


def _stamp(page: Mapping[str, Any], now: datetime) -> str | None:
    """The time of the last edit; None while another edit might still have the same."""
    edited = str(page.get("last_edited_time", ""))
    if not edited or now - parse_when(edited) < _ROUNDED:
        return None
    return f"{_WRITTEN}-{edited}"


def _is_away(one: Mapping[str, Any]) -> bool:
    return bool(one.get("archived") or one.get("in_trash"))


def _plain_id(written: str) -> str:
    return written.replace("-", "").rpartition("/")[2][-32:].lower()
