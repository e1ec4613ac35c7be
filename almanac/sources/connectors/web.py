"""A web site: the pages of its sitemap, or those that links lead to.

Every night each page is asked for with what its last answer gave (ETag, Last-Modified), so that an
unchanged one costs one short request. Only the server's own word deletes a page: 404, 410, or a
page that says it is missing. So pages that were there before are asked for also where neither
sitemap nor links name them any more. What could not be asked keeps its last version.

Pages are kept in a folder of this machine. Their stamps are made of their content: where the folder
is lost, all pages are asked for again and none is read anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from protego import Protego
from pydantic import Field

from almanac.sources.address import is_web, redacted
from almanac.sources.base import ConnectorBase, Content, options_of
from almanac.sources.cache import cache_folder
from almanac.sources.listing import Walk, too_large
from almanac.sources.parsed import Note, Unreadable
from almanac.sources.web_client import Answer, Unanswered, WebClient
from almanac.sources.website.crawl import Crawl, Found
from almanac.sources.website.duplicates import drop_duplicates
from almanac.sources.website.page import PageStore, is_html, without_volatile
from almanac.sources.website.sitemap import sitemap_urls
from almanac.sources.website.urls import Scope, normal_url
from almanac.sources.website.visit import Visitor
from schemas.documents import Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.sections.base import Section
from schemas.settings import SourceSettings

_RESUMED_WITHIN = 2 * 3600.0  # seconds after which a walk that was cut short starts anew
_SITEMAP_BYTES = 60_000_000
_ROBOTS_BYTES = 500_000
_GONE = Note("page_is_there", "it went away after it was listed")


class WebOptions(Section):
    """The keys of a source of kind web."""

    discover: Literal["auto", "sitemap", "crawl"] = Field(
        default="auto", description="auto: by the sitemap where there is one, else by links."
    )
    sitemap: str | None = Field(
        default=None, description="Its address, where neither robots.txt nor /sitemap.xml is it."
    )
    depth: int = Field(default=8, ge=0, description="Links from the address to a page, at most.")
    page_limit: int = Field(default=10_000, gt=0)
    queries: bool = Field(default=False, description="Follow links with a query: calendars, lists.")
    per_second: float = Field(default=4.0, gt=0, description="Requests, at most.")
    user_agent: str = Field(default="almanac", description="As robots.txt names it.")
    trust_sitemap_dates: bool = Field(
        default=False, description="Do not ask for pages whose date in the sitemap is as before."
    )
    timeout_seconds: float = Field(default=30.0, gt=0)
    retry_seconds: float = Field(default=2.0, ge=0, description="Before the second try; doubled.")
    cache: str | None = Field(default=None, description="A folder for the copies of pages.")


class WebConnector(ConnectorBase):
    """The pages of one host below an address. Raises ConfigError where that is no web address."""

    Options = WebOptions
    stamps_are_content = True

    def __init__(self, settings: SourceSettings) -> None:
        if not is_web(settings.uri) or normal_url(settings.uri) is None:
            raise ConfigError('a source of kind "web" has an address that begins with https://')
        self._settings = settings
        self._options = options_of(WebOptions, settings)
        self._scope = Scope(settings.uri)
        self._store = PageStore(cache_folder("web", settings.uri, self._options.cache))

    def list(self) -> Listing:
        """Every page that is there, and what could not be asked for; by this machine's copies."""
        return self.list_from({})

    def list_from(self, known: Mapping[str, str | None]) -> Listing:
        """The same; with what else is known from the last night nothing is missed."""
        walk = Walk(self._settings)
        kept = dict(self._store.digests())
        before = {self._scope.id_of(url): digest for url, digest in kept.items()}
        self._known = {page_id: self._scope.addresses_of(page_id) for page_id in known}
        self._known |= {self._scope.id_of(url): (url,) for url in kept}
        with self._client() as client:
            robots = self._robots(client)
            self._keep_rate(client, robots)
            found = self._found(client, robots, walk)
            found.is_complete |= bool(known)
        if not found.pages and not walk.rejections:
            raise SourceUnavailable(
                f"{redacted(self._settings.uri)} leads to no page that can be read: check uri, "
                "sitemap and what robots.txt allows"
            )
        notices = frozenset(self._store.note("walk").get("notices", ()))
        sudden = drop_duplicates(found, walk, before, notices)
        for page_id, page in found.pages.items():
            walk.offer(SourceFile(page_id, 0, page.digest[:32], page.media_type))
        ended = {"ended": True, "by_sitemap": self._by_sitemap, "notices": sudden}
        self._store.set_note("walk", ended)
        if found.is_complete:
            self._store.keep_only(found.pages.keys() | found.unasked | _named(walk))
        return walk.listing(tuple(sorted(found.unasked)), found.is_complete)

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The bytes of each page, as they were listed where the copy is still there."""
        with self._client() as client:
            for file in files:
                yield self._content(client, file)

    def _content(self, client: WebClient, file: SourceFile) -> Content | Unreadable:
        page = self._store.page(file.path)
        url = page.url if page else self._scope.addresses_of(file.path)[0]
        data = self._store.body(file.path, page.digest) if page else None
        if data is None:
            answer = client.ask("GET", url, most=self._settings.max_bytes)
            if answer.status != 200:
                return Unreadable.because(_GONE)
            if answer.is_cut:
                return Unreadable.because(too_large(len(answer.data), self._settings.max_bytes))
            data = without_volatile(answer.data) if is_html(answer.media_type) else answer.data
        return Content(data, redacted(url), file.media_type)

    def _client(self) -> WebClient:
        given = self._options
        agent = {"User-Agent": f"{given.user_agent}/1"}
        return WebClient(
            given.per_second,
            given.timeout_seconds,
            3,
            given.retry_seconds,
            agent,
            home=self._settings.uri,
        )

    def _robots(self, client: WebClient) -> Protego:
        """The rules of the host; one that can't be asked for them must not be read."""
        answer = self._required(client, f"{self._scope.root}/robots.txt", _ROBOTS_BYTES)
        is_there = answer.status == 200 and not is_html(answer.media_type)
        return Protego.parse(answer.data.decode("utf-8", "replace") if is_there else "")

    def _keep_rate(self, client: WebClient, robots: Protego) -> None:
        delay = robots.crawl_delay(self._options.user_agent)
        if delay and 1 / delay < self._options.per_second:
            client.slow_down(1 / delay)

    def _found(self, client: WebClient, robots: Protego, walk: Walk) -> Found:
        sitemaps = self._sitemaps(client, robots)
        self._by_sitemap = bool(sitemaps)
        since = self._begin()
        trust = self._options.trust_sitemap_dates
        most = self._settings.max_bytes
        visitor = Visitor(client, self._store, self._scope, most, since, trust)
        visitor.learn_missing()
        crawl = Crawl(self._scope, visitor, robots, self._options.user_agent, walk, self._known)
        if sitemaps:
            urls = sorted(
                (url, date)
                for address, date in sitemap_urls(sitemaps, lambda url: self._sitemap(client, url))
                if (url := normal_url(address))
            )
            crawl.run(urls, None, self._options.page_limit, queries=True)
        else:
            start = [(self._scope.start, "")]
            depth, limit = self._options.depth, self._options.page_limit
            crawl.run(start, depth, limit, self._options.queries)
            if not crawl.found.pages and not crawl.found.is_complete:
                reason = walk.rejections[0].reason if walk.rejections else "no answer"
                raise SourceUnavailable(f"{redacted(self._settings.uri)} cannot be read: {reason}")
        crawl.ask_unseen()
        return crawl.judge()

    def _begin(self) -> float:
        """When the walk that was cut short began, if it is to be resumed; else 0."""
        before = self._store.note("walk")
        now = time.time()
        began = float(before.get("began", 0.0))
        if not before.get("ended", True) and now - began < _RESUMED_WITHIN:
            return began
        self._store.set_note("walk", before | {"ended": False, "began": now})
        return 0.0

    def _sitemaps(self, client: WebClient, robots: Protego) -> Sequence[str]:
        """The sitemaps to read; none for a crawl."""
        options = self._options
        if options.sitemap:
            return [options.sitemap]
        if options.discover == "crawl":
            return []
        named = [url for one in robots.sitemaps if (url := normal_url(one, self._scope.root))]
        here = sorted(url for url in named if self._scope.on_host(url))
        if here:
            return here
        usual = f"{self._scope.root}/sitemap.xml"
        answer = self._required(client, usual, _SITEMAP_BYTES)
        if answer.status == 200 and not is_html(answer.media_type):
            return [usual]
        if options.discover == "sitemap" or self._store.note("walk").get("by_sitemap"):
            raise SourceUnavailable(
                f"the sitemap {usual} is not there (HTTP {answer.status}): give its address as "
                'sitemap, or set discover = "crawl"'
            )
        return []

    def _sitemap(self, client: WebClient, url: str) -> Answer:
        if not self._scope.on_host(url):
            raise SourceUnavailable(f"the sitemap {redacted(url)} is on another host")
        answer = self._required(client, url, _SITEMAP_BYTES)
        if answer.status != 200 or answer.is_cut:
            raise SourceUnavailable(f"the sitemap {redacted(url)} gives HTTP {answer.status}")
        return answer

    def _required(self, client: WebClient, url: str, most: int) -> Answer:
        """What must be had for a complete listing; redirects on this host are followed."""
        try:
            for _ in range(5):
                answer = client.ask("GET", url, most=most)
                if answer.target is None or not self._scope.on_host(answer.target):
                    return answer
                url = answer.target
        except Unanswered as failure:
            raise SourceUnavailable(
                f"{redacted(url)} cannot be had ({failure.reason}): nothing was changed; run again "
                "once the site answers"
            ) from None
        return answer


def _named(walk: Walk) -> set[str]:
    return {rejection.doc_id for rejection in walk.rejections}
