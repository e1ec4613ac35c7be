"""One walk over a site: by its sitemap, or from link to link."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from protego import Protego

from almanac.sources.formats import ending
from almanac.sources.listing import Walk, too_large
from almanac.sources.parsed import Note
from almanac.sources.website.page import Page
from almanac.sources.website.urls import Scope, is_trap, is_variant, may_be_page
from almanac.sources.website.visit import Visit, Visitor
from schemas.errors import SourceUnavailable

_FAILURES_IN_A_ROW = 10  # then the site is down, and asking on helps nobody
_MANY_TO_ONE = 5  # redirects to one page: a login page, rather than pages that were joined


@dataclass(slots=True)
class Found:
    """What a walk found. `unasked` may still be there; so may anything if not `is_complete`."""

    pages: dict[str, Page] = field(default_factory=dict)
    unasked: set[str] = field(default_factory=set)
    is_complete: bool = True


class Crawl:
    """A walk within the limits of the settings; what was found comes from `found`."""

    def __init__(
        self, scope: Scope, visitor: Visitor, robots: Protego, agent: str, walk: Walk
    ) -> None:
        self._scope = scope
        self._visitor = visitor
        self._robots = robots
        self._agent = agent
        self._walk = walk
        self._seen: set[str] = set()
        self._waiting: deque[tuple[str, int, str]] = deque()
        self._aliases: dict[str, list[str]] = {}
        self._variants: list[tuple[str, str, Page]] = []  # (its own address, id, page)
        self._failures = 0
        self._follows = False
        self.found = Found()

    def run(
        self,
        urls: Iterable[tuple[str, str]],
        depth: int | None,
        limit: int,
        queries: bool,
    ) -> Found:
        """Visit the addresses and, down to `depth` links below them, where they lead.

        Args:
            urls: addresses with the date that a sitemap gives, or "".
            depth: None follows no links.
            limit: pages at most; what is beyond is not known to be gone.
            queries: whether links with a query are followed.
        """
        self._follows = depth is not None
        for url, date in urls:
            self._offer(url, 0, date)
        while self._waiting:
            if len(self._seen) - len(self._waiting) >= limit:
                self._stop(limit)
                break
            url, level, date = self._waiting.popleft()
            links = self._visit(url, level, date)
            if depth is not None and level < depth:
                for link in links:
                    if "?" not in link or queries:
                        self._offer(link, level + 1)
        self._take_variants()
        self._count_aliases()
        return self.found

    def _offer(self, url: str, level: int, date: str = "") -> None:
        if url in self._seen or not self._scope.holds(url) or is_trap(url):
            return
        page_id = self._scope.id_of(url)
        if self._walk.selection.excludes(page_id):
            self._walk.skipped += 1
        elif not may_be_page(url):
            self._walk.skipped += 1
            self._walk.unread[ending(page_id)] += 1
        elif not self._robots.can_fetch(url, self._agent):
            self._walk.skipped += 1
            self.found.unasked.add(page_id)
        else:
            self._waiting.append((url, level, date))
        self._seen.add(url)

    def _visit(self, url: str, level: int, date: str) -> Sequence[str]:
        """The links of the page, which is remembered if it is one."""
        page_id = self._scope.id_of(url)
        visit = self._visitor.visit(url, page_id, date)
        self._failures = self._failures + 1 if visit.kind == "unknown" else 0
        if self._failures >= _FAILURES_IN_A_ROW:
            raise SourceUnavailable(
                f"{self._scope.root} gave no answer to {self._failures} pages one after another "
                f"({visit.reason}): nothing was changed; run again once it answers"
            )
        if visit.kind == "page" and visit.page:
            return self._take(page_id, visit.page, level, date)
        if visit.kind == "moved":
            self._aliases.setdefault(visit.target, []).append(page_id)
            self._offer(visit.target, level, date)
        elif visit.kind == "no_document":
            self._walk.skipped += 1
            self._walk.unread[ending(page_id)] += 1
        elif visit.kind == "too_large":
            self._walk.refuse(page_id, too_large(int(visit.reason), self._walk.settings.max_bytes))
        elif visit.kind == "unknown":
            return self._keep(page_id, visit)
        return ()

    def _take(self, page_id: str, page: Page, level: int, date: str) -> Sequence[str]:
        own = page.canonical
        if own and own != page.url and is_variant(own, page.url) and self._scope.holds(own):
            self._offer(own, level, date)
            if self._robots.can_fetch(own, self._agent):
                self._variants.append((own, page_id, page))
                return page.links
        if page.is_listed:
            self.found.pages.setdefault(page_id, page)
        else:
            self._walk.skipped += 1
        return page.links

    def _take_variants(self) -> None:
        """Pages whose own address leads back to them, or to nothing, stay under the one they have.

        A site may name an address with a slash at its end, and redirect it to the one without.
        """
        unknown = {rejection.doc_id for rejection in self._walk.rejections} | self.found.unasked
        for own, page_id, page in self._variants:
            own_id = self._scope.id_of(own)
            if own_id not in self.found.pages and own_id not in unknown and page.is_listed:
                self.found.pages.setdefault(page_id, page)

    def _keep(self, page_id: str, visit: Visit) -> Sequence[str]:
        reason = f"{visit.reason}; its last version stays"
        self._walk.refuse(page_id, Note("page_is_answered", reason))
        if visit.page is None and self._follows:  # nobody knows where it leads
            self.found.is_complete = False
        return visit.page.links if visit.page else ()

    def _stop(self, limit: int) -> None:
        self.found.is_complete = False
        reason = f"the walk ended after {limit:,} pages (page_limit); nothing counts as deleted"
        self._walk.remark(self._scope.id_of(self._scope.start), Note("site_is_whole", reason))

    def _count_aliases(self) -> None:
        """Pages that suddenly all lead to one other, such as a login page, are not gone.

        Its query may name the page that one came from: /login?next=/docs/a.
        """
        aliases: dict[str, list[str]] = {}
        for target, page_ids in sorted(self._aliases.items()):
            aliases.setdefault(target.partition("?")[0], []).extend(page_ids)
        for target, page_ids in aliases.items():
            if len(page_ids) < _MANY_TO_ONE:
                continue
            self.found.unasked.update(page_ids)
            for one in self._aliases:
                if one.startswith(f"{target}?"):
                    self.found.pages.pop(self._scope.id_of(one), None)
            reason = f"{len(page_ids):,} pages redirect to it; their last versions stay"
            self._walk.remark(self._scope.id_of(target), Note("page_is_itself", reason))


def drop_duplicates(found: Found, walk: Walk) -> None:
    """Of pages with the same bytes only the one with the shortest id stays.

    Where there are many of them, such as a notice of maintenance, the last versions stay.
    """
    groups: dict[str, list[str]] = {}
    for page_id in sorted(found.pages, key=lambda one: (len(one), one)):
        groups.setdefault(found.pages[page_id].digest, []).append(page_id)
    for page_ids in groups.values():
        many = len(page_ids) >= _MANY_TO_ONE
        dropped = page_ids if many else page_ids[1:]
        for page_id in dropped:
            del found.pages[page_id]
        walk.skipped += len(dropped)
        if many:
            found.unasked.update(page_ids)
            reason = f"{len(page_ids):,} pages have the same content; their last versions stay"
            walk.remark(page_ids[0], Note("page_is_itself", reason))
