"""One walk over a site: by its sitemap, or from link to link."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from protego import Protego

from almanac.sources.address import redacted
from almanac.sources.formats import ending
from almanac.sources.listing import Walk, too_large
from almanac.sources.parsed import Note
from almanac.sources.website.page import Page
from almanac.sources.website.urls import Scope, is_trap, is_variant, may_be_page
from almanac.sources.website.visit import Visit, Visitor
from schemas.errors import SourceUnavailable

_FAILURES_IN_A_ROW = 10  # then the site is down, and asking on helps nobody
MANY_TO_ONE = 5  # redirects to one page: a login page, rather than pages that were joined
Known = Mapping[str, tuple[str, ...]]  # addresses at which a page may be, by its id


@dataclass(slots=True)
class Found:
    """What a walk found. `unasked` may still be there; so may anything if not `is_complete`."""

    pages: dict[str, Page] = field(default_factory=dict)
    unasked: set[str] = field(default_factory=set)
    is_complete: bool = True


class Crawl:
    """A walk within the limits of the settings, then what it did not meet of the pages before.

    known: the pages that were there the last time. `run`, `ask_unseen` and `judge` go in this
    order; what was found is in `found`.
    """

    def __init__(
        self, scope: Scope, visitor: Visitor, robots: Protego, agent: str, walk: Walk, known: Known
    ) -> None:
        self._scope = scope
        self._visitor = visitor
        self._robots = robots
        self._agent = agent
        self._walk = walk
        self._known = known
        self._seen: set[str] = set()
        self._refused: set[str] = set()
        self._visits: dict[str, Visit] = {}  # by address, without pages
        self._waiting: deque[tuple[str, int, str]] = deque()
        self._variants: list[tuple[str, str, Page]] = []  # (its own address, id, page)
        self._forbidden: list[str] = []
        self._failures = 0
        self._follows = False
        self.found = Found()

    def run(
        self,
        urls: Iterable[tuple[str, str]],
        depth: int | None,
        limit: int,
        queries: bool,
    ) -> None:
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
                return
            url, level, date = self._waiting.popleft()
            links = self._visit(url, level, date)
            if depth is not None and level < depth:
                for link in links:
                    if "?" not in link or queries:
                        self._offer(link, level + 1)

    def ask_unseen(self) -> None:
        """Ask for every known page that the walk did not meet, whatever its limits were.

        That nothing leads to a page does not say that it is gone. Its links are not followed.
        """
        for page_id, urls in sorted(self._known.items()):
            for url in urls:
                if not self._is_judged(page_id):
                    self._offer(url, 0)
                while self._waiting:
                    self._visit(*self._waiting.popleft())
                if (visit := self._visits.get(url)) and visit.kind != "gone":
                    break

    def judge(self) -> Found:
        """Pages that moved, or whose own address is another: which of them stay."""
        self._take_variants()
        self._keep_aliases()
        self._keep_moved()
        self._keep_said_missing()
        if self._forbidden:
            reason = (
                f"robots.txt forbids to ask now for {len(self._forbidden):,} pages that were read; "
                "their last versions stay. To delete them: exclude them"
            )
            self._walk.remark(min(self._forbidden), Note("page_may_be_asked", reason))
        return self.found

    def _is_judged(self, page_id: str) -> bool:
        return page_id in self.found.pages or page_id in self.found.unasked | self._refused

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
            if page_id in self._known:
                self._forbidden.append(page_id)
        else:
            self._waiting.append((url, level, date))
        self._seen.add(url)

    def _visit(self, url: str, level: int, date: str) -> Sequence[str]:
        """The links of the page, which is remembered if it is one."""
        page_id = self._scope.id_of(url)
        visit = self._visitor.visit(url, page_id, date)
        self._visits[url] = replace(visit, page=None)
        # A part behind a password, or on a new host, is no site that is down, if others are there.
        is_refusal = visit.is_answered and bool(self.found.pages or self._variants)
        is_failure = visit.kind == "unknown" and not is_refusal
        self._failures = self._failures + 1 if is_failure else 0
        if self._failures >= _FAILURES_IN_A_ROW:
            raise SourceUnavailable(
                f"{self._scope.root} gave no answer to {self._failures} pages one after another "
                f"({visit.reason}): nothing was changed; run again once it answers"
            )
        if visit.kind == "page" and visit.page:
            return self._take(page_id, visit.page, level, date)
        if visit.kind == "moved":
            self._offer(visit.target, level, date)
        elif visit.kind == "no_document":
            self._walk.skipped += 1
            self._walk.unread[ending(page_id)] += 1
            if page_id in self._known:
                self._refuse(page_id, f"it is {visit.reason or 'of no media type'} now")
        elif visit.kind == "too_large":
            self._refused.add(page_id)
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
        unknown = self._refused | self.found.unasked
        for own, page_id, page in self._variants:
            own_id = self._scope.id_of(own)
            if own_id not in self.found.pages and own_id not in unknown and page.is_listed:
                self.found.pages.setdefault(page_id, page)

    def _keep(self, page_id: str, visit: Visit) -> Sequence[str]:
        self._refuse(page_id, visit.reason)
        if visit.page is None and self._follows:  # nobody knows where it leads
            self.found.is_complete = False
        return visit.page.links if visit.page else ()

    def _refuse(self, page_id: str, reason: str) -> None:
        self._refused.add(page_id)
        note = Note("page_is_answered", f"{reason}; its last version stays")
        self._walk.refuse(page_id, note)

    def _stop(self, limit: int) -> None:
        self.found.is_complete = False
        self._seen -= {url for url, _, _ in self._waiting}
        self._waiting.clear()
        reason = f"the walk ended after {limit:,} pages (page_limit): there may be others"
        self._walk.remark(self._scope.id_of(self._scope.start), Note("site_is_whole", reason))

    def _keep_aliases(self) -> None:
        """Pages that suddenly all lead to one other, such as a login page, are not gone.

        Its query may name the page that one came from: /login?next=/docs/a.
        """
        aliases: dict[str, list[str]] = {}
        for url, visit in sorted(self._visits.items()):
            if visit.kind == "moved":
                page_ids = aliases.setdefault(visit.target.partition("?")[0], [])
                page_ids.append(self._scope.id_of(url))
        for target, page_ids in sorted(aliases.items()):
            if len(page_ids) < MANY_TO_ONE:
                continue
            self.found.unasked.update(page_ids)
            for visit in self._visits.values():
                if visit.target.startswith(f"{target}?"):
                    self.found.pages.pop(self._scope.id_of(visit.target), None)
            reason = f"{len(page_ids):,} pages redirect to it; their last versions stay"
            self._walk.remark(self._scope.id_of(target), Note("page_is_itself", reason))

    def _keep_moved(self) -> None:
        """A known page that redirects went only where it is now known to be, for good."""
        for url, visit in sorted(self._visits.items()):
            page_id = self._scope.id_of(url)
            known = page_id in self._known and not self._is_judged(page_id)
            if visit.kind == "moved" and known and (reason := self._why_not_moved(url)):
                self._refuse(page_id, reason)

    def _why_not_moved(self, url: str) -> str:
        """What speaks against a redirect's being a move; empty for nothing."""
        is_permanent, passed = True, set[str]()
        while (visit := self._visits.get(url)) and visit.kind == "moved":
            if url in passed:
                return "it redirects in a circle"
            passed.add(url)
            is_permanent &= visit.is_permanent
            url = visit.target
        if visit is None:
            return f"it redirects to {redacted(url)}, which is no page of this source"
        if visit.kind == "gone":
            return ""
        if visit.kind != "page":
            return f"it redirects to {redacted(url)}, which cannot be read"
        return "" if is_permanent else f"it redirects to {redacted(url)}, but not for good"

    def _keep_said_missing(self) -> None:
        """Where most pages suddenly say with status 200 that they are missing, the site is ill."""
        said = {
            page_id
            for url, visit in self._visits.items()
            if visit.kind == "gone" and not visit.is_permanent
            and (page_id := self._scope.id_of(url)) in self._known
        } - self.found.pages.keys()  # fmt: skip
        if len(said) < MANY_TO_ONE or 2 * len(said) < len(self._known):
            return
        self.found.unasked.update(said)
        reason = f"{len(said):,} pages say that they are missing, but not by HTTP 404; they stay"
        self._walk.remark(min(said), Note("page_is_itself", reason))
